//! HTTP as browsers and programs ask for it: the stream, single frames, what there is to know, and what is refused.

use crate::support::film::ffprobe_count;
use crate::support::http::{Client, Response, address, get};
use crate::support::pictures::{decode, decoded_size, noise};
use crate::support::plain::PlainClient;
use crate::support::procs::Camcast;
use crate::support::{PATIENCE, deadline, is_over, pause};
use base64ct::{Base64, Encoding};
use nix::sys::signal::Signal;
use std::fs;
use std::io::Write;
use std::net::{Shutdown, SocketAddr};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// A folder with these pictures, in this order.
pub(super) fn folder(jpegs: &[Vec<u8>]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (number, jpeg) in jpegs.iter().enumerate() {
        fs::write(folder.path().join(format!("{number:04}.jpg")), jpeg).unwrap();
    }
    folder
}

pub(super) fn pictures(count: u64) -> Vec<Vec<u8>> {
    (0..count).map(|number| noise(160, 120, 50, number)).collect()
}

/// camcast that serves these pictures, at this many frames a second.
pub(super) fn serve(folder: &TempDir, fps: &str, args: &[&str]) -> (Camcast, SocketAddr) {
    let source = folder.path().to_str().unwrap();
    let camcast = Camcast::start(&[&[source, "-f", fps, "--http", "127.0.0.1:0"], args].concat());
    let at = address(&camcast);
    (camcast, at)
}

pub(super) fn pattern(args: &[&str]) -> (Camcast, SocketAddr) {
    let camcast =
        Camcast::start(&[&["pattern", "-r", "320x240", "-f", "30", "--http", "127.0.0.1:0"], args].concat());
    let at = address(&camcast);
    (camcast, at)
}

#[test]
fn a_stream_is_every_frame_in_order_but_those_that_it_says_were_skipped() {
    let jpegs = pictures(40);
    let folder = folder(&jpegs);
    let (camcast, at) = serve(&folder, "25", &["--once", "--wait-for-client"]);
    let mut viewer = Client::connect(at);
    viewer.begin("/stream", "");
    let mut parts: Vec<(f64, usize)> = Vec::new();
    while parts.last().is_none_or(|(_, number)| *number < 39) {
        let (time, picture) = viewer.part();
        let number = jpegs.iter().position(|jpeg| *jpeg == picture);
        parts.push((time, number.expect("a part that is no frame")));
    }
    assert!(parts.is_sorted_by(|a, b| a.0 < b.0 && a.1 < b.1), "{parts:?}");
    assert!(viewer.is_closed());
    let left = camcast.wait_line("left: 127.0.0.1:");
    let count = |what: &str| {
        let (before, _) = left.split_once(what)?;
        before.rsplit(' ').next()?.parse::<usize>().ok()
    };
    assert_eq!(count(" frames, "), Some(parts.len()), "{left}");
    // a machine that is busy may be late for some
    let skipped = count(" frames skipped").or_else(|| count(" frame skipped")).unwrap_or(0);
    assert_eq!(parts.len() + skipped, jpegs.len(), "{left}");
    camcast.program.wait_exit().expect(0);
}

#[test]
fn a_viewers_join_and_leave_are_logged_and_times_are_those_of_the_wall_clock() {
    let (camcast, at) = pattern(&[]);
    let mut viewer = Client::connect(at);
    viewer.begin("/?action=stream&1732612345678", "User-Agent: a test\r\n");
    let line = camcast.wait_line("joined: 127.0.0.1:");
    assert!(line.ends_with("(HTTP, a test); clients now: 1"), "{line}");
    let (time, _) = viewer.part();
    let now = jiff::Timestamp::now().as_microsecond() as f64 / 1e6;
    assert!((now - time).abs() < 60.0, "Unix time: {time}");
    viewer.stream.shutdown(Shutdown::Both).unwrap();
    let line = camcast.wait_line("left: 127.0.0.1:");
    assert!(line.contains("(HTTP): it closed the connection; ") && line.contains(" frame"), "{line}");
    camcast.program.stop(Signal::SIGTERM).expect(0);
}

#[test]
fn a_part_is_whole_with_its_boundary_and_the_next_head_goes_along_for_those_who_need_it() {
    let jpegs = pictures(1);
    let folder = folder(&jpegs);
    let chrome = "User-Agent: Mozilla/5.0 Chrome/130.0.0.0\r\nAccept: image/avif,image/webp,*/*\r\n";
    for (fields, target, ahead) in [
        ("", "/stream", ""),
        ("", "/stream?advance_headers=1", "Content-Type: image/jpeg\r\n\r\n"),
        (chrome, "/stream", "Content-Type: image/jpeg\r\n\r\n"),
    ] {
        // there is no other frame with which it might go
        let (_camcast, at) = serve(&folder, "25", &["--once", "--wait-for-client"]);
        let mut viewer = Client::connect(at);
        viewer.begin(target, fields);
        assert!(viewer.part().1 == jpegs[0]);
        while viewer.read_more() {}
        assert_eq!(viewer.rest(), ahead.as_bytes(), "{target} {fields}");
    }
}

#[test]
fn those_who_ask_for_fewer_frames_get_fewer() {
    let (_camcast, at) = pattern(&[]);
    let mut viewer = Client::connect(at);
    viewer.begin("/stream?fps=5", "");
    let times: Vec<f64> = (0..6).map(|_| viewer.part().0).collect();
    assert!((times[5] - times[0]) / 5.0 > 0.15, "{times:?}");
}

#[test]
fn a_snapshot_is_one_frame_with_its_length() {
    let jpegs = pictures(4);
    let folder = folder(&jpegs);
    let (camcast, at) = serve(&folder, "20", &[]);
    for target in ["/snapshot", "/snapshot.jpg?timestamp=17", "/?action=snapshot", "/snapshot?fresh=1"] {
        let shot = get(at, target);
        assert_eq!((shot.status, shot.field("content-type")), (200, "image/jpeg"), "{target}");
        assert!(jpegs.contains(&shot.body) && !shot.has("access-control-allow-origin"), "{target}");
        assert_eq!(shot.field("cache-control"), "no-store, no-cache, must-revalidate, max-age=0");
    }
    let mut client = Client::connect(at);
    client.ask("HEAD", "/snapshot", "");
    let head = client.response(true);
    assert!(head.field("content-length").parse::<usize>().unwrap() > 1000);
    // the same connection, and two requests at once
    let ask = "GET /snapshot HTTP/1.1\r\nHost: pi\r\n\r\n";
    client.say(format!("{ask}{ask}").as_bytes());
    for _ in 0..2 {
        let shot = client.response(false);
        assert!(jpegs.contains(&shot.body) && shot.field("connection") == "keep-alive");
    }
    client.say(b"GET /snapshot HTTP/1.0\r\n\r\n");
    assert_eq!(client.response(false).field("connection"), "close");
    assert!(client.is_closed());
    assert!(!camcast.program.log().contains("joined: "), "a snapshot is no client");
}

#[test]
fn what_a_camera_leaves_out_is_put_in_and_what_confuses_is_cut_out() {
    let plain = noise(64, 48, 80, 1);
    let payload = [b"Exif\0\0", &noise(16, 12, 50, 2)[..]].concat();
    let length = u16::try_from(payload.len() + 2).unwrap().to_be_bytes();
    let exif = [&plain[..2], &[0xff, 0xe1], &length, &payload, &plain[2..]].concat();
    let source = folder(&[exif]);
    let (_camcast, at) = serve(&source, "20", &[]);
    assert!(get(at, "/snapshot").body == plain, "without the thumbnail it is the picture itself");
    let mut viewer = Client::connect(at);
    viewer.begin("/stream", "");
    assert!(viewer.part().1 == plain);
    for (name, tables) in [("exif-thumbnail.jpg", 0), ("no-tables.jpg", 420), ("avi1.jpg", 420)] {
        let jpeg = fs::read(format!("{}/tests/fixtures/jpeg/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap();
        let source = folder(std::slice::from_ref(&jpeg));
        let (_camcast, at) = serve(&source, "20", &[]);
        let shot = get(at, "/snapshot").body;
        assert!(decode(&shot).unwrap().pixels == decode(&jpeg).unwrap().pixels, "{name}");
        let starts = shot.windows(2).filter(|bytes| *bytes == [0xff, 0xd8]).count();
        assert_eq!(starts, 1, "{name}: Mainsail takes each for a frame");
        if tables > 0 {
            assert_eq!(shot.len(), jpeg.len() + tables, "{name}");
        }
    }
}

#[test]
fn what_there_is_to_know_is_said_as_programs_read_it() {
    let (camcast, at) = pattern(&[]);
    let mut viewer = Client::connect(at);
    viewer.begin("/stream", "");
    (0..5).for_each(|_| drop(viewer.part()));
    let plain = PlainClient::join(camcast.address);
    camcast.wait_line("clients now: 2");
    let state = get(at, "/state");
    assert_eq!(state.field("content-type"), "application/json");
    let state: tinyjson::JsonValue = state.text().parse().unwrap();
    let result = &state["result"];
    let number = |value: &tinyjson::JsonValue| *value.get::<f64>().unwrap();
    assert_eq!(state["ok"].get::<bool>(), Some(&true));
    assert_eq!(number(&result["source"]["resolution"]["width"]), 320.0);
    assert_eq!(result["source"]["online"].get::<bool>(), Some(&true));
    assert_eq!(number(&result["stream"]["clients"]), 1.0);
    assert_eq!(number(&result["camcast"]["clients"]), 2.0);
    let metrics = get(at, "/metrics");
    assert_eq!(metrics.field("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    let text = metrics.text();
    for line in [
        "camcast_clients{outlet=\"http\",kind=\"viewer\"} 1",
        "camcast_clients{outlet=\"udp\",kind=\"plain\"} 1",
        "camcast_clients{outlet=\"rtsp\",kind=\"tcp\"} 0",
        "camcast_camera_up 1",
    ] {
        assert!(text.lines().any(|said| said == line), "{line}: {text}");
    }
    let mut client = Client::connect(at);
    client.ask("GET", "/metrics", "Accept: application/openmetrics-text;version=1.0.0\r\n");
    let open = client.response(false);
    assert_eq!(open.field("content-type"), "application/openmetrics-text; version=1.0.0; charset=utf-8");
    assert!(open.text().ends_with("\n# EOF\n") && open.text().contains("# TYPE camcast_frames counter"));
    assert_eq!(
        (get(at, "/healthz").status, get(at, "/").field("content-type")),
        (200, "text/html; charset=utf-8")
    );
    drop(plain);
}

#[test]
fn prometheus_takes_the_metrics() {
    let Ok(mut promtool) = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
    else {
        crate::support::left_out("no promtool here (Debian's prometheus)");
        return;
    };
    let (_camcast, at) = pattern(&[]);
    let text = get(at, "/metrics").body;
    promtool.stdin.take().unwrap().write_all(&text).unwrap();
    let said = promtool.wait_with_output().unwrap();
    assert!(said.status.success() && said.stderr.is_empty(), "{}", String::from_utf8_lossy(&said.stderr));
}

#[test]
fn what_is_not_to_be_had_is_refused_in_words() {
    let (_camcast, at) =
        pattern(&["--allow-host", "cam.example", "--allow-origin", "https://mainsail.example"]);
    let refused = |target: &str| get(at, target).status;
    assert_eq!((refused("/nothing"), refused("/stream?fps=fast")), (404, 400));
    let said = |text: &str| -> Response {
        let mut client = Client::connect(at);
        client.say(text.as_bytes());
        client.response(false)
    };
    assert_eq!(said("POST /snapshot HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab").status, 405);
    assert_eq!(said("BREW / HTTP/1.1\r\nHost: a\r\n\r\n").status, 405);
    assert_eq!(said("\u{1}\r\n\r\n").status, 400);
    assert_eq!(said(&format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "x".repeat(9000))).status, 431);
    let smuggled = said(
        "GET /state HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET / HTTP/1.1\r\n\r\n",
    );
    assert_eq!((smuggled.status, smuggled.field("connection")), (501, "close"));
    // a page that has had its own name lead here
    let rebound = said("GET /state HTTP/1.1\r\nHost: evil.example:8080\r\n\r\n");
    assert!(rebound.status == 403 && rebound.text().contains("--allow-host"), "{}", rebound.text());
    assert_eq!(said("GET /state HTTP/1.1\r\nHost: cam.example\r\n\r\n").status, 200);
    // a page elsewhere may read only if it was allowed
    let from =
        |origin: &str| said(&format!("OPTIONS /stream HTTP/1.1\r\nHost: a\r\nOrigin: {origin}\r\n\r\n"));
    let allowed = from("https://mainsail.example");
    assert_eq!(
        (allowed.status, allowed.field("access-control-allow-origin")),
        (204, "https://mainsail.example")
    );
    assert!(!from("https://evil.example").has("access-control-allow-origin"));
}

#[test]
fn without_a_camera_there_is_a_reason_and_then_a_picture() {
    let (camcast, mut stdin) = Camcast::piped(&["--http", "127.0.0.1:0"]);
    let at = address(&camcast);
    let jpegs = [0, 1].map(|number| noise(320, 240, 50, number));
    stdin.write_all(&jpegs[0]).unwrap();
    let mut viewer = Client::connect(at);
    viewer.begin("/stream", "");
    assert!(viewer.part().1 == jpegs[0]);
    // then nothing comes: one who looks on sees why, again and again, and one who asks is told
    let slates = [viewer.part().1, viewer.part().1];
    assert_eq!(decoded_size(&slates[0]), (320, 240));
    assert!(slates[0] == slates[1], "it is drawn once");
    for target in ["/snapshot", "/healthz"] {
        let refused = get(at, target);
        assert_eq!(
            (refused.status, refused.text().as_str()),
            (503, "the camera sends nothing\n"),
            "{target}"
        );
    }
    stdin.write_all(&jpegs[1]).unwrap();
    while viewer.part().1 != jpegs[1] {}
    assert_eq!(get(at, "/healthz").status, 200);
}

#[test]
fn a_reader_that_has_stopped_disturbs_nobody() {
    let jpegs: Vec<Vec<u8>> = (0..4).map(|number| noise(1280, 720, 90, number)).collect();
    let folder = folder(&jpegs);
    let (camcast, at) = serve(&folder, "10", &["--reel", "16M"]);
    let mut stalled = Client::connect(at);
    stalled.begin("/stream", "");
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                let mut viewer = Client::connect(at);
                viewer.begin("/stream", "");
                (0..60).for_each(|_| assert!(jpegs.contains(&viewer.part().1)));
            });
        }
    });
    // its frame has left the reel half sent: it cannot have the rest, nor another frame behind that
    while stalled.read_more() {}
    let line = camcast.wait_line(&format!("left: {}", stalled.stream.local_addr().unwrap()));
    assert!(line.contains("it took longer for a frame than the reel keeps one"), "{line}");
}

#[test]
fn a_socket_file_serves_as_an_address_does() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("http");
    let at = path.to_str().unwrap();
    for _ in 0..2 {
        let camcast = Camcast::start(&["pattern", "-r", "160x120", "--http", at]);
        camcast.wait_line(&format!("listening on {at} (HTTP)"));
        let mut client = Client::over(UnixStream::connect(&path).unwrap());
        // a web server in front of us may call us what it likes
        client.say(b"GET /snapshot HTTP/1.1\r\nHost: cam.example\r\n\r\n");
        assert_eq!(decoded_size(&client.response(false).body), (160, 120));
        // killed: what it leaves behind is in nobody's way
        camcast.program.stop(Signal::SIGKILL);
    }
    let camcast = Camcast::start(&["pattern", "--http", at]);
    camcast.program.stop(Signal::SIGTERM).expect(0);
    assert!(!path.exists());
}

#[test]
fn ffmpeg_reads_the_stream() {
    let (_camcast, at) = pattern(&[]);
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out.mkv");
    let url = format!("http://{at}/stream");
    let copied = Command::new("ffmpeg")
        .args(["-v", "error", "-f", "mpjpeg", "-i", &url, "-frames:v", "30", "-c", "copy"])
        .arg(&out)
        .output()
        .unwrap();
    assert!(
        copied.status.success() && copied.stderr.is_empty(),
        "{}",
        String::from_utf8_lossy(&copied.stderr)
    );
    assert_eq!(ffprobe_count(&out), 30);
}

#[test]
fn requests_behind_one_another_are_answered_in_order() {
    let (_camcast, at) = pattern(&[]);
    let mut client = Client::connect(at);
    let ask = |target: &str| format!("GET {target} HTTP/1.1\r\nHost: pi\r\n\r\n");
    client.say(["/healthz", "/nothing", "/state"].map(ask).concat().repeat(100).as_bytes());
    for _ in 0..100 {
        let statuses = [(); 3].map(|()| client.response(false).status);
        assert_eq!(statuses, [200, 404, 200]);
    }
}

#[test]
fn a_viewer_has_the_last_frame_before_the_end() {
    let jpegs = pictures(12);
    let source = folder(&jpegs);
    let (camcast, at) = serve(&source, "40", &["--once", "--wait-for-client"]);
    let mut viewer = Client::connect(at);
    viewer.begin("/stream", "");
    while viewer.part().1 != jpegs[11] {}
    assert!(viewer.is_closed());
    camcast.program.wait_exit().expect(0);
}

#[test]
fn with_a_password_file_nothing_is_served_without_the_password() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("passwords");
    fs::write(&file, "anna:secret\nbert:other\n").unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    let origin = "https://mainsail.example";
    let (camcast, at) = pattern(&["--password-file", file.to_str().unwrap(), "--allow-origin", origin]);
    camcast.wait_line("chmod 600 it");
    let fields = |credentials: &str| match credentials {
        "" => String::new(),
        pair => format!("Authorization: Basic {}\r\n", Base64::encode_string(pair.as_bytes())),
    };
    let ask = |target: &str, credentials: &str| {
        let mut client = Client::connect(at);
        client.ask("GET", target, &format!("{}Connection: close\r\n", fields(credentials)));
        client.response(false)
    };
    for target in ["/", "/snapshot", "/state", "/metrics", "/healthz", "/controls", "/nothing"] {
        let refused = ask(target, "");
        assert_eq!(refused.status, 401, "{target}");
        let asked: Vec<&str> =
            refused.fields.iter().filter(|it| it.0 == "www-authenticate").map(|it| it.1.as_str()).collect();
        assert!(asked[0].starts_with("Digest realm=\"camcast\", nonce=\""), "{asked:?}");
        assert_eq!(asked[1..], ["Basic realm=\"camcast\", charset=\"UTF-8\""]);
    }
    assert_eq!((ask("/state", "anna:secret").status, ask("/nothing", "bert:other").status), (200, 404));
    // a browser asks without it whether its page may ask with it
    let mut browser = Client::connect(at);
    browser.ask(
        "OPTIONS",
        "/state",
        &format!("Origin: {origin}\r\nAccess-Control-Request-Headers: authorization\r\n"),
    );
    let allowed = browser.response(false);
    assert_eq!((allowed.status, allowed.field("access-control-allow-credentials")), (204, "true"));
    assert_eq!(allowed.field("access-control-allow-headers"), "Content-Type, Authorization");
    // who guesses has to wait, with the right one too; and then is let in. All of it is said at once, and judged in one moment
    let mut client = Client::connect(at);
    let asked = ["anna:1", "anna:2", "anna:3", "anna:4", "anna:secret"]
        .map(|it| format!("GET /state HTTP/1.1\r\nHost: a\r\n{}\r\n", fields(it)));
    client.say(asked.concat().as_bytes());
    let statuses = [(); 5].map(|()| client.response(false).status);
    assert_eq!(statuses, [401, 401, 401, 401, 429]);
    assert_eq!(ask("/state", "bert:other").status, 200, "nobody else has to");
    camcast.wait_line("1 request with a wrong password, the latest from 127.0.0.1:");
    let until = deadline(PATIENCE);
    while ask("/state", "anna:secret").status == 429 {
        assert!(!is_over(until));
        pause();
    }
    assert_eq!(ask("/state", "anna:secret").status, 200);
    let log = camcast.program.log();
    assert!(!log.contains("secret"), "{log}");
}

#[test]
fn a_stream_that_is_asked_for_behind_another_request_begins_at_once() {
    let jpegs = pictures(3);
    let source = folder(&jpegs);
    let (_camcast, at) = serve(&source, "40", &["--once", "--wait-for-client"]);
    let mut viewer = Client::connect(at);
    let ask = |target: &str| format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n");
    viewer.say(["/healthz", "/stream"].map(ask).concat().as_bytes());
    assert_eq!((viewer.response(false).status, viewer.response(false).status), (200, 200));
    while !viewer.rest().windows(jpegs[2].len()).any(|bytes| bytes == jpegs[2]) {
        assert!(viewer.read_more());
    }
}

/// A reader slower than the stream skips frames, for as long as it likes.
#[test]
fn a_reader_that_is_slower_than_the_stream_is_kept() {
    let jpegs: Vec<Vec<u8>> = (0..4).map(|number| noise(640, 480, 90, number)).collect();
    let source = folder(&jpegs);
    let (camcast, at) = serve(&source, "30", &[]);
    let mut viewer = Client::connect(at);
    viewer.begin("/stream", "");
    let until = deadline(Duration::from_secs(33));
    while !is_over(until) {
        assert!(jpegs.contains(&viewer.part().1));
        std::thread::park_timeout(Duration::from_millis(200));
    }
    assert!(!camcast.program.log().contains("left: "), "{}", camcast.program.log());
}

/// The JSON that sets something, and what a browser says beside it.
fn post(at: SocketAddr, body: &str, fields: &str) -> Response {
    let mut client = Client::connect(at);
    let length = body.len();
    client.ask("POST", "/controls", &format!("{fields}Content-Length: {length}\r\nConnection: close\r\n"));
    client.say(body.as_bytes());
    client.response(false)
}

const JSON: &str = "Content-Type: application/json\r\n";
const BRIGHTNESS: &str = r#"{"brightness": 1}"#;

/// A camcast whose camera is not there.
fn without_camera(args: &[&str]) -> (Camcast, SocketAddr) {
    let camcast = Camcast::start(&[&["/dev/no-such-camera", "--http", "127.0.0.1:0"], args].concat());
    let at = address(&camcast);
    // until it has looked, it does not say why there is none
    camcast.wait_line("waiting for the camera");
    (camcast, at)
}

#[test]
fn controls_that_are_not_there_have_their_reason() {
    let (_camcast, at) = pattern(&[]);
    for refused in [get(at, "/controls"), post(at, BRIGHTNESS, JSON)] {
        assert_eq!((refused.status, refused.text().contains("only a camera has controls")), (404, true));
    }
    let (_camcast, at) = without_camera(&[]);
    for refused in [get(at, "/controls"), post(at, BRIGHTNESS, JSON)] {
        assert_eq!((refused.status, refused.text().contains("--allow-control")), (403, true));
    }
}

#[test]
fn controls_are_for_those_who_may() {
    let (_camcast, at) = without_camera(&[
        "--allow-control",
        "--allow-origin",
        "https://mainsail.example",
        "--allow-origin",
        "*",
    ]);
    for away in [get(at, "/controls"), post(at, BRIGHTNESS, JSON)] {
        let expected = "the camera's controls cannot be reached: no camera is connected\n";
        assert_eq!((away.status, away.text().as_str()), (503, expected));
    }
    for (body, fields, status) in [
        (BRIGHTNESS, "", 415),
        (BRIGHTNESS, "Content-Type: text/plain\r\n", 415),
        ("brightness=1", "Content-Type: application/x-www-form-urlencoded\r\n", 415),
        ("", JSON, 400),
        ("{}", JSON, 400),
        ("brightness=1", JSON, 400),
        (r#"{"brightness": {"deep": 1}}"#, JSON, 400),
    ] {
        assert_eq!(post(at, body, fields).status, status, "{body} {fields}");
    }
    // a page elsewhere, whatever may be read from elsewhere; one that is allowed by its name gets as far as anybody
    for origin in ["http://evil.example", "null", "http://127.0.0.1:1"] {
        let refused = post(at, BRIGHTNESS, &format!("{JSON}Origin: {origin}\r\n"));
        assert_eq!(refused.status, 403, "{origin}");
        let has_remedy = refused.text().contains(&format!("--allow-origin {origin}"));
        assert_eq!(has_remedy, origin != "null", "{}", refused.text());
        let mut client = Client::connect(at);
        client.ask("GET", "/controls", &format!("Origin: {origin}\r\n"));
        assert_eq!(client.response(false).status, 403, "{origin}");
    }
    // the host that is typed here
    for origin in ["http://127.0.0.1", "https://mainsail.example"] {
        assert_eq!(post(at, BRIGHTNESS, &format!("{JSON}Origin: {origin}\r\n")).status, 503, "{origin}");
    }
    let mut client = Client::connect(at);
    client.ask(
        "OPTIONS",
        "/controls",
        "Origin: https://mainsail.example\r\nAccess-Control-Request-Method: POST\r\n",
    );
    let asked = client.response(true);
    assert_eq!(asked.field("access-control-allow-headers"), "Content-Type");
    assert!(asked.field("access-control-allow-methods").contains("POST"));
    // HEAD is GET without its body
    let mut client = Client::connect(at);
    client.ask("HEAD", "/controls", "");
    assert_eq!(client.response(true).status, 503);
    assert_eq!(get(at, "/healthz").status, 503);
}

#[test]
fn controls_are_for_those_who_may_behind_a_web_server_too() {
    // a web server in front of us may pass on a name that a stranger has given us
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("http");
    let camcast =
        Camcast::start(&["/dev/no-such-camera", "--http", path.to_str().unwrap(), "--allow-control"]);
    camcast.wait_line("(HTTP)");
    for (host, status) in [("evil.example", 403), ("localhost", 503)] {
        let mut client = Client::over(UnixStream::connect(&path).unwrap());
        client.say(
            format!("GET /controls HTTP/1.1\r\nHost: {host}\r\nOrigin: http://{host}\r\n\r\n").as_bytes(),
        );
        assert_eq!(client.response(false).status, status, "{host}");
    }
}
