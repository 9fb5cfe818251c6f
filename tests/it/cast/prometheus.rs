//! A real Prometheus server collects the metrics, in both of the formats that it may ask for.

use crate::support::http::{Client, address, get};
use crate::support::left_out;
use crate::support::procs::{Camcast, Program};
use crate::support::{PATIENCE, deadline, is_over, pause};
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use tempfile::TempDir;
use tinyjson::JsonValue;

/// Kinds of answers that were seen.
type Kinds = Arc<Mutex<Vec<String>>>;

/// Stands in front of camcast, and notes the Content-Type of each answer. With `accept` it asks for that instead of what Prometheus
/// prefers.
fn between(camcast: SocketAddr, accept: Option<&'static str>) -> (SocketAddr, Kinds) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (at, kinds) = (listener.local_addr().unwrap(), Kinds::default());
    let seen = Arc::clone(&kinds);
    thread::spawn(move || {
        for prometheus in listener.incoming().map_while(Result::ok) {
            // it may be over while a collection is under way
            let _ = hand_on(prometheus, camcast, accept, &seen);
        }
    });
    (at, kinds)
}

/// One collection.
fn hand_on(
    mut prometheus: TcpStream,
    camcast: SocketAddr,
    accept: Option<&str>,
    seen: &Mutex<Vec<String>>,
) -> Option<()> {
    let (mut head, mut byte) = (String::new(), [0]);
    while !head.ends_with("\r\n\r\n") {
        prometheus.read_exact(&mut byte).ok()?;
        head.push(byte[0].into());
    }
    let asked = head.lines().find_map(|line| line.strip_prefix("Accept: ")).unwrap().to_owned();
    let mut client = Client::connect(camcast);
    client.ask("GET", "/metrics", &format!("Accept: {}\r\n", accept.unwrap_or(&asked)));
    let answer = client.response(false);
    let kind = answer.field("content-type");
    seen.lock().unwrap().push(kind.to_owned());
    let length = answer.body.len();
    write!(prometheus, "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n").ok()?;
    write!(prometheus, "Connection: close\r\n\r\n").ok()?;
    prometheus.write_all(&answer.body).ok()
}

/// A Prometheus of its own, which looks at these targets twice a second.
struct Prometheus {
    at: SocketAddr,
    _program: Program,
    _home: TempDir,
}

impl Prometheus {
    fn start(targets: &[(&str, SocketAddr)]) -> Self {
        let home = tempfile::tempdir().unwrap();
        let config = home.path().join("prometheus.yml");
        let jobs: String = targets
            .iter()
            .map(|(name, at)| {
                format!("  - job_name: {name}\n    static_configs:\n      - targets: ['{at}']\n")
            })
            .collect();
        let text =
            format!("global:\n  scrape_interval: 500ms\n  scrape_timeout: 500ms\nscrape_configs:\n{jobs}");
        fs::write(&config, text).unwrap();
        let mut command = Command::new("prometheus");
        command
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", home.path().join("data").display()))
            .arg("--web.listen-address=127.0.0.1:0");
        let program = Program::start("prometheus", &mut command);
        let said = "msg=\"Listening on\" address=";
        let line = program.wait_line(said);
        let at = line.split_once(said).unwrap().1.parse().unwrap();
        program.wait_line("Server is ready to receive web requests");
        Prometheus { at, _program: program, _home: home }
    }

    /// The values of a query, one for each job.
    fn values(&self, query: &str) -> Vec<f64> {
        let query: String = query.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let answer = get(self.at, &format!("/api/v1/query?query={query}"));
        assert_eq!(answer.status, 200, "{}", answer.text());
        let answer: JsonValue = answer.text().parse().unwrap();
        let result = answer["data"]["result"].get::<Vec<JsonValue>>().unwrap();
        result.iter().map(|it| it["value"][1].get::<String>().unwrap().parse().unwrap()).collect()
    }

    /// Waits until the query has a value for each of the two jobs.
    #[track_caller]
    fn wait_for(&self, query: &str) {
        let until = deadline(PATIENCE);
        while self.values(query).len() < 2 {
            assert!(!is_over(until), "not within {PATIENCE:?}: {query}: {:?}", self.values("{job=~\".+\"}"));
            pause();
        }
    }
}

#[test]
fn a_server_collects_them_in_both_formats() {
    if Command::new("prometheus")
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_err()
    {
        return left_out("no prometheus here");
    }
    let camcast = Camcast::start(&["pattern", "-r", "320x240", "-f", "20", "--http", "127.0.0.1:0"]);
    let at = address(&camcast);
    let (open, open_kinds) = between(at, None);
    let (plain, plain_kinds) = between(at, Some("text/plain;version=0.0.4;q=0.3"));
    let prometheus = Prometheus::start(&[("open", open), ("plain", plain)]);
    prometheus.wait_for("up == 1");
    // both formats come to the same series; those that count grow
    prometheus.wait_for("camcast_frames_total > 10");
    prometheus.wait_for("rate(camcast_frames_total[10s]) > 0");
    prometheus.wait_for("camcast_camera_up == 1");
    prometheus.wait_for("camcast_clients{outlet=\"http\"} == 0");
    let mut viewer = Client::connect(at);
    viewer.begin("/stream", "");
    viewer.part();
    prometheus.wait_for("camcast_clients{outlet=\"http\"} == 1");
    prometheus.wait_for("camcast_sent_frames_total > 0");
    // all of them: what /metrics has is what it keeps, but for its own
    let ours = get(at, "/metrics").text().lines().filter(|line| line.starts_with("camcast_")).count();
    prometheus.wait_for(&format!("count by (job) ({{__name__=~\"camcast_.*\"}}) == {ours}"));
    // and their types are known as such; OpenMetrics names a counter without its ending
    for (name, kind) in
        [("camcast_clients", "gauge"), ("camcast_frames", "counter"), ("camcast_frames_total", "counter")]
    {
        let known = get(prometheus.at, &format!("/api/v1/metadata?metric={name}")).text();
        assert!(known.contains(&format!("\"{name}\":[{{\"type\":\"{kind}\"")), "{known}");
    }
    let kinds = |of: &Kinds| of.lock().unwrap().first().cloned().unwrap();
    assert_eq!(kinds(&open_kinds), "application/openmetrics-text; version=1.0.0; charset=utf-8");
    assert_eq!(kinds(&plain_kinds), "text/plain; version=0.0.4; charset=utf-8");
}
