//! Names and passwords over HTTP: the programs that people have, a browser, and where the passwords may come from.

use super::http::pattern;
use crate::support::browser::Browser;
use crate::support::http::{Client, Response, address, digest};
use crate::support::left_out;
use crate::support::procs::{Camcast, Program, camcast, own_loopback};
use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::thread;
use tempfile::TempDir;

/// A folder with a file of this name, in which is one password.
fn passwords(name: &str) -> (TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(name);
    fs::write(&file, "anna:secret\n").unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    let file = file.to_str().unwrap().to_owned();
    (folder, file)
}

fn ask(at: SocketAddr, target: &str, authorization: &str) -> Response {
    let mut client = Client::connect(at);
    let who =
        if authorization.is_empty() { String::new() } else { format!("Authorization: {authorization}\r\n") };
    client.ask("GET", target, &format!("{who}Connection: close\r\n"));
    client.response(false)
}

/// The first challenge: that for Digest.
fn challenge(at: SocketAddr, authorization: &str) -> String {
    let refused = ask(at, "/state", authorization);
    assert_eq!(refused.status, 401);
    refused.field("www-authenticate").to_owned()
}

#[test]
fn a_hash_is_let_in_for_its_own_target_and_after_a_restart_with_a_new_nonce() {
    let (_folder, file) = passwords("passwords");
    let at = own_loopback();
    let args =
        ["pattern", "-r", "320x240", "-f", "30", "--password-file", &file, "--http", &format!("{at}:8080")];
    let first = Camcast::start(&args);
    let here = address(&first);
    let asked = challenge(here, "");
    assert!(!asked.contains("stale"), "{asked}");
    let answer = digest(&asked, "GET", "/state", "anna:secret");
    assert_eq!(ask(here, "/state", &answer).status, 200);
    assert_eq!(ask(here, "/snapshot", &answer).status, 401, "another target");
    drop(first);
    let second = Camcast::start(&args);
    assert_eq!(address(&second), here);
    let asked = challenge(here, &answer);
    assert!(asked.contains("stale=true"), "{asked}");
    assert_eq!(ask(here, "/state", &digest(&asked, "GET", "/state", "anna:secret")).status, 200);
    // four of one moment
    let mut client = Client::connect(here);
    let wrong = |number: u32| digest(&asked, "GET", "/state", &format!("anna:{number}"));
    let request =
        |number| format!("GET /state HTTP/1.1\r\nHost: a\r\nAuthorization: {}\r\n\r\n", wrong(number));
    client.say((0..5).map(request).collect::<String>().as_bytes());
    let statuses = [(); 4].map(|()| client.response(false).status);
    assert_eq!(statuses, [401; 4]);
    let paused = client.response(false);
    assert_eq!((paused.status, paused.field("retry-after")), (429, "1"));
    assert!(!paused.has("www-authenticate"));
}

#[test]
fn programs_that_people_have_are_let_in() {
    let (folder, file) = passwords("passwords");
    let (_camcast, at) = pattern(&["--password-file", &file]);
    let (url, named) = (format!("http://{at}"), format!("http://anna:secret@{at}"));
    let out = folder.path().join("out.mkv");
    let python = format!(
        "import requests\nfrom requests.auth import HTTPDigestAuth\nsession = requests.Session()\n\
         session.auth = HTTPDigestAuth('anna', 'secret')\n\
         for _ in range(3): session.get('{url}/state?a=b').raise_for_status()"
    );
    let (state, snapshot, stream) =
        (format!("{url}/state?a=b"), format!("{url}/?action=snapshot"), format!("{named}/stream"));
    let out = out.to_str().unwrap();
    let curl = ["curl", "--silent", "--fail", "--output", "/dev/null", "--user", "anna:secret"];
    let programs = [
        [&curl[..], &["--digest", &state, &snapshot]].concat(),
        [&curl[..], &["--anyauth", &state]].concat(),
        [&curl[..], &["--basic", &state]].concat(),
        vec![
            "wget",
            "--quiet",
            "--user",
            "anna",
            "--password",
            "secret",
            "--output-document",
            "/dev/null",
            &snapshot,
        ],
        vec!["ffmpeg", "-v", "error", "-f", "mpjpeg", "-i", &stream, "-frames:v", "5", "-c", "copy", out],
        vec!["python3", "-c", &python],
    ];
    for program in programs {
        let is_there = match program[0] {
            "python3" => Command::new("python3").args(["-c", "import requests"]).output(),
            name => Command::new(name).arg("-version").output(),
        };
        let has_requests = is_there.as_ref().is_ok_and(|it| program[0] != "python3" || it.status.success());
        if !has_requests {
            left_out(&format!("no {} here", program[0]));
            continue;
        }
        let output = Command::new(program[0]).args(&program[1..]).output().unwrap();
        assert!(output.status.success(), "{program:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

/// What comes to it, it hands on, and keeps what was asked.
fn listener(camcast: SocketAddr) -> (SocketAddr, Arc<Mutex<String>>) {
    let (listener, heard) = (TcpListener::bind("127.0.0.1:0").unwrap(), Arc::<Mutex<String>>::default());
    let (at, kept) = (listener.local_addr().unwrap(), Arc::clone(&heard));
    thread::spawn(move || {
        for browser in listener.incoming().map_while(Result::ok) {
            let Ok(server) = TcpStream::connect(camcast) else { continue };
            let (mut back, mut to) = (server.try_clone().unwrap(), browser.try_clone().unwrap());
            thread::spawn(move || {
                let _ = std::io::copy(&mut back, &mut to);
                let _ = to.shutdown(Shutdown::Both);
            });
            let heard = Arc::clone(&heard);
            thread::spawn(move || hand_on(browser, server, &heard));
        }
    });
    (at, kept)
}

fn hand_on(mut browser: TcpStream, mut server: TcpStream, heard: &Mutex<String>) {
    let mut bytes = [0; 65_536];
    while let Some(count) = browser.read(&mut bytes).ok().filter(|count| *count > 0) {
        heard.lock().unwrap().push_str(&String::from_utf8_lossy(&bytes[..count]));
        if server.write_all(&bytes[..count]).is_err() {
            break;
        }
    }
    let _ = server.shutdown(Shutdown::Both);
}

#[test]
fn the_page_works_with_digest() {
    let (_folder, file) = passwords("passwords");
    let at = format!("{}:8080", own_loopback());
    let args = ["pattern", "-r", "320x240", "-f", "30", "--password-file", &file, "--http", &at];
    let first = Camcast::start(&args);
    let (front, heard) = listener(address(&first));
    let Some(mut browser) = Browser::open("about:blank") else {
        return left_out("no chromium here");
    };
    // a person would type them into the browser's window
    browser.ask("Page.navigate", &format!(r#"{{"url":"http://anna:secret@{front}/healthz"}}"#));
    browser.wait_for("document.body.innerText.startsWith('ok')");
    browser.ask("Page.navigate", &format!(r#"{{"url":"http://{front}/"}}"#));
    browser.wait_for(&format!(
        "location.href == 'http://{front}/' && !document.getElementById('picture').hidden"
    ));
    // the stream goes on, and so does what is asked beside it
    browser.wait_for("plots.fps.length > 3 && plots.delay.some((it) => it !== null)");
    let set = "fetch('controls', { method: 'POST', body: '{}', headers: { 'Content-Type': 'application/json' } }) \
         .then((it) => it.status)";
    assert_eq!(browser.value(set), "404", "the pattern has none, but it is asked for them");
    // another start knows no nonce of the first one's: the browser goes on without asking anybody
    drop(first);
    let second = Camcast::start(&args);
    address(&second);
    assert_eq!(browser.value("fetch('state').then((it) => it.status)"), "200");
    let heard = heard.lock().unwrap();
    assert!(heard.contains("POST /controls") && heard.contains("GET /stream"), "{heard}");
    assert!(heard.contains("Authorization: Digest username=\"anna\"") && !heard.contains("Basic"), "{heard}");
}

/// camcast as a service of systemd's, which hands over what is in this folder.
fn service(folder: &TempDir, args: &[&str]) -> Program {
    let args =
        [&["pattern", "-r", "320x240", "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0"], args].concat();
    Program::start("camcast", camcast(&args).env("CREDENTIALS_DIRECTORY", folder.path()))
}

#[test]
fn a_credential_is_the_password_file_if_none_is_named() {
    let (folder, _) = passwords("camcast.password");
    let server = Camcast::from(service(&folder, &[]));
    server.wait_line("names and passwords are those of the credential camcast.password");
    let at = address(&server);
    let asked = challenge(at, "");
    assert_eq!(ask(at, "/state", &digest(&asked, "GET", "/state", "anna:secret")).status, 200);

    let (_other, file) = passwords("passwords");
    fs::write(&file, "bert:other\n").unwrap();
    let server = Camcast::from(service(&folder, &["--password-file", &file]));
    let at = address(&server);
    let asked = challenge(at, "");
    assert_eq!(ask(at, "/state", &digest(&asked, "GET", "/state", "bert:other")).status, 200);
    assert!(!server.program.log().contains("credential"));

    // other credentials are none of ours; one that is broken is no leave to serve everybody
    let (others, _) = passwords("camcast.else");
    let server = Camcast::from(service(&others, &[]));
    assert_eq!(ask(address(&server), "/state", "").status, 200);
    fs::write(others.path().join("camcast.password"), "anna\n").unwrap();
    let ended = service(&others, &[]).wait_exit().expect(2);
    assert!(ended.log.contains("camcast.password: line 1: write it as NAME:PASSWORD"), "{}", ended.log);
}
