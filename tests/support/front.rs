//! A server in front of camcast that has a camera's controls of its own, and hands everything else through: pages can be tried with
//! controls where there is no camera. What `/controls` says is as camcast says it, which the jobs in the virtual machine check.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use tinyjson::JsonValue;

/// What it does.
#[derive(Default)]
pub struct Manners {
    pub brightness: i64,
    pub is_automatic: bool,
    pub is_flipped: bool,
    /// Bodies of requests that set something.
    pub posts: Vec<String>,
    /// `/controls` is refused with this.
    pub refuses: Option<&'static str>,
    /// Nothing of a stream is handed on, and no connection is closed for it.
    pub is_mute: bool,
    /// Streams that were asked for.
    pub streams: usize,
}

pub struct Front {
    pub at: SocketAddr,
    manners: Arc<Mutex<Manners>>,
}

impl Front {
    pub fn of(camcast: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let manners = Manners { brightness: 100, is_automatic: true, ..Manners::default() };
        let front = Front { at: listener.local_addr().unwrap(), manners: Arc::new(manners.into()) };
        let manners = Arc::clone(&front.manners);
        thread::spawn(move || {
            for browser in listener.incoming().map_while(Result::ok) {
                let manners = Arc::clone(&manners);
                // a browser that goes away in the middle is no trouble of ours
                thread::spawn(move || serve(browser, camcast, &manners));
            }
        });
        front
    }

    pub fn manners(&self) -> MutexGuard<'_, Manners> {
        self.manners.lock().unwrap()
    }
}

fn serve(mut browser: TcpStream, camcast: SocketAddr, manners: &Mutex<Manners>) -> Option<()> {
    let (head, body) = request(&mut browser)?;
    let target = head.split(' ').nth(1)?.to_owned();
    if target == "/controls" {
        let (status, kind, text) = manners.lock().unwrap().controls(&head, body);
        let length = text.len();
        let head = format!(
            "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
        );
        return browser.write_all((head + &text).as_bytes()).ok();
    }
    let is_stream = target == "/stream";
    manners.lock().unwrap().streams += usize::from(is_stream);
    let mut server = TcpStream::connect(camcast).ok()?;
    let ask = format!("GET {target} HTTP/1.1\r\nHost: {camcast}\r\nConnection: close\r\n\r\n");
    server.write_all(ask.as_bytes()).ok()?;
    let mut bytes = [0; 65_536];
    loop {
        let count = server.read(&mut bytes).ok().filter(|count| *count > 0)?;
        if !(is_stream && manners.lock().unwrap().is_mute) {
            browser.write_all(&bytes[..count]).ok()?;
        }
    }
}

/// The head, and the body.
fn request(browser: &mut TcpStream) -> Option<(String, String)> {
    let (mut bytes, mut more) = (Vec::new(), [0; 4096]);
    loop {
        if let Some(end) = bytes.windows(4).position(|end| end == b"\r\n\r\n") {
            let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
            let length = head.lines().find_map(|line| {
                line.to_ascii_lowercase().strip_prefix("content-length:")?.trim().parse().ok()
            });
            let body = &bytes[end + 4..];
            if body.len() >= length.unwrap_or(0) {
                return Some((head, String::from_utf8(body.to_vec()).unwrap()));
            }
        }
        let count = browser.read(&mut more).ok().filter(|count| *count > 0)?;
        bytes.extend_from_slice(&more[..count]);
    }
}

impl Manners {
    fn controls(&mut self, head: &str, body: String) -> (&'static str, &'static str, String) {
        if let Some(status) = self.refuses {
            return (status, "text/plain; charset=utf-8", "it is refused\n".into());
        }
        if head.starts_with("GET ") {
            return ("200 OK", "application/json", self.all());
        }
        assert!(head.to_ascii_lowercase().contains("content-type: application/json"), "{head}");
        let wanted: JsonValue = body.parse().unwrap();
        self.posts.push(body);
        let told: Vec<String> = wanted
            .get::<HashMap<String, JsonValue>>()
            .unwrap()
            .iter()
            .map(|(name, value)| self.set(name, value))
            .collect();
        let status =
            if told.iter().any(|it| it.contains("error")) { "422 Unprocessable Content" } else { "200 OK" };
        (status, "application/json", format!("{{\"controls\":[{}]}}", told.join(",")))
    }

    fn set(&mut self, name: &str, value: &JsonValue) -> String {
        let number = value.get::<f64>().copied();
        match (name, number) {
            ("brightness", None) => self.brightness = 100,
            // it takes even numbers
            ("brightness", Some(value)) if (0.0..=255.0).contains(&value) => {
                self.brightness = value as i64 / 2 * 2;
            }
            ("auto_exposure", number) => self.is_automatic = number != Some(1.0),
            ("horizontal_flip", _) => self.is_flipped = value.get() == Some(&true),
            ("press", _) => {}
            _ => return format!(r#"{{"name":"{name}","error":"it takes 0 to 255"}}"#),
        }
        format!(r#"{{"name":"{name}","value":0}}"#)
    }

    fn all(&self) -> String {
        let Manners { brightness, is_automatic, is_flipped, .. } = self;
        let (exposure, mode) = if *is_automatic { (r#""inactive""#, 3) } else { ("", 1) };
        let flipped = i64::from(*is_flipped);
        [
            r#"{"controls":["#,
            &format!(r#"{{"name":"brightness","title":"Brightness","type":"integer","minimum":0,"maximum":255,"step":1,"default":100,"value":{brightness},"flags":[]}},"#),
            &format!(r#"{{"name":"auto_exposure","title":"Auto Exposure","type":"menu","minimum":0,"maximum":3,"step":1,"default":3,"value":{mode},"menu":[{{"value":1,"name":"Manual Mode"}},{{"value":3,"name":"Aperture Priority Mode"}}],"flags":[]}},"#),
            &format!(r#"{{"name":"exposure_time_absolute","title":"Exposure Time, Absolute","type":"integer","minimum":3,"maximum":2047,"step":1,"default":250,"value":250,"flags":[{exposure}]}},"#),
            &format!(r#"{{"name":"horizontal_flip","title":"Horizontal Flip","type":"boolean","minimum":0,"maximum":1,"step":1,"default":0,"value":{flipped},"flags":[]}},"#),
            r#"{"name":"press","title":"<img src=x> \"Press\" & hold","type":"button","minimum":0,"maximum":0,"step":0,"default":0,"value":null,"flags":["write-only"]},"#,
            r#"{"name":"bits","title":"Bits","type":"bitmask","minimum":0,"maximum":2147483651,"step":0,"default":0,"value":3,"flags":[]},"#,
            r#"{"name":"pixel_rate","title":"Pixel Rate of a camera whose driver gives its controls very long names","type":"integer64","minimum":0,"maximum":9223372036854775807,"step":1,"default":0,"value":450000000,"flags":["read-only"]}]}"#,
        ]
        .concat()
    }
}
