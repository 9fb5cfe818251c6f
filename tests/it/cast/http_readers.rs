//! The stream's bytes, read by the rules of the programs that people have, each as its source has it: when it shows a frame, and
//! whether that is the frame.

use crate::support::http::{Client, address};
use crate::support::pictures::noise;
use crate::support::procs::Camcast;
use std::fs;
use std::net::SocketAddr;

const PARTS: usize = 6;

/// camcast plays these pictures, some of which have a thumbnail. What is to be seen of them is `shown`.
struct Source {
    _folder: tempfile::TempDir,
    _camcast: Camcast,
    at: SocketAddr,
    shown: Vec<Vec<u8>>,
}

impl Source {
    fn new() -> Self {
        let shown: Vec<Vec<u8>> = (0..3).map(|number| noise(160, 120, 60, number)).collect();
        let folder = tempfile::tempdir().unwrap();
        for (number, jpeg) in shown.iter().enumerate() {
            let thumbnail = [b"Exif\0\0", &noise(16, 16, 50, 9)[..]].concat();
            let length = u16::try_from(thumbnail.len() + 2).unwrap().to_be_bytes();
            let with = [&jpeg[..2], &[0xff, 0xe1], &length, &thumbnail, &jpeg[2..]].concat();
            let bytes = if number == 0 { &with } else { jpeg };
            fs::write(folder.path().join(format!("{number}.jpg")), bytes).unwrap();
        }
        let source = folder.path().to_str().unwrap();
        let camcast = Camcast::start(&[source, "-f", "20", "--http", "127.0.0.1:0"]);
        let at = address(&camcast);
        Source { _folder: folder, _camcast: camcast, at, shown }
    }

    /// The value of Content-Type, and the stream's bytes up to the end of [`PARTS`] parts, whatever goes with the last of them.
    fn bytes(&self, target: &str, fields: &str, ahead: &[u8]) -> (String, Vec<u8>) {
        let mut client = Client::connect(self.at);
        client.ask("GET", target, fields);
        let kind = client.response(false).field("content-type").to_owned();
        let end = [b"\r\n--boundarydonotcross\r\n", ahead].concat();
        loop {
            let ends: Vec<usize> = positions(client.rest(), &end);
            if let Some(last) = ends.get(PARTS - 1) {
                return (kind, client.rest()[..last + end.len()].to_vec());
            }
            assert!(client.read_more(), "closed");
        }
    }

    #[track_caller]
    fn assert_shown(&self, frames: &[Vec<u8>], count: usize) {
        assert_eq!(frames.len(), count);
        for (number, frame) in frames.iter().enumerate() {
            assert!(self.shown.contains(frame), "frame {number}, {} bytes", frame.len());
        }
    }
}

fn positions(bytes: &[u8], of: &[u8]) -> Vec<usize> {
    bytes.windows(of.len()).enumerate().filter(|(_, window)| *window == of).map(|(at, _)| at).collect()
}

/// All behind the next `mark`.
fn behind<'a>(bytes: &'a [u8], mark: &[u8]) -> Option<&'a [u8]> {
    bytes.windows(mark.len()).position(|window| window == mark).map(|at| &bytes[at + mark.len()..])
}

fn length_in(head: &[u8]) -> Option<usize> {
    let head = std::str::from_utf8(head).unwrap().to_ascii_lowercase();
    let line = head.lines().find_map(|line| line.strip_prefix("content-length:").map(str::to_owned))?;
    line.trim().parse().ok()
}

/// go2rtc (pkg/mpjpeg): a line that begins with `--`, a head with Content-Length, that many bytes, and the line's end.
fn go2rtc(bytes: &[u8]) -> Vec<Vec<u8>> {
    let (mut rest, mut frames) = (bytes, Vec::new());
    while !rest.is_empty() {
        assert!(rest.starts_with(b"--"), "a part begins with its boundary");
        let after = behind(rest, b"\r\n").unwrap();
        let Some(body) = behind(after, b"\r\n\r\n") else { break };
        let length = length_in(&after[..after.len() - body.len()]).expect("multipart: no content length");
        frames.push(body[..length].to_vec());
        rest = body[length..].strip_prefix(b"\r\n").unwrap();
    }
    frames
}

/// Firefox (nsMultiMixedConv): a part is over when its boundary and CRLF have come; anything but CRLF or `--` behind a
/// boundary is corrupted content.
fn firefox(bytes: &[u8], boundary: &str) -> Vec<Vec<u8>> {
    let mark = format!("\r\n--{boundary}");
    let mut rest = bytes.strip_prefix(format!("--{boundary}\r\n").as_bytes()).unwrap();
    let mut frames = Vec::new();
    while let Some(next) = behind(rest, mark.as_bytes()) {
        let part = &rest[..rest.len() - next.len() - mark.len()];
        frames.push(behind(part, b"\r\n\r\n").unwrap().to_vec());
        rest = next.strip_prefix(b"\r\n").expect("corrupted content");
    }
    frames
}

/// Chromium's `<img>` (multipart_image_resource_parser): as Firefox, but a part is shown when the next one's head is whole; one
/// that is empty ends the stream.
fn chromium(bytes: &[u8], boundary: &str) -> Vec<Vec<u8>> {
    let mut frames = firefox(bytes, boundary);
    assert!(frames.iter().all(|frame| !frame.is_empty()), "an empty part kills the stream");
    let last = positions(bytes, format!("--{boundary}\r\n").as_bytes()).pop().unwrap();
    if behind(&bytes[last..], b"\r\n\r\n").is_none() {
        frames.pop();
    }
    frames
}

/// Mainsail (mjpegstreamer.worker.ts): a frame begins at each FF D8, and is as long as the head before it says; it is shown when
/// one byte more has come.
fn mainsail(bytes: &[u8]) -> Vec<Vec<u8>> {
    let (mut frames, mut head_from) = (Vec::new(), 0);
    for start in positions(bytes, &[0xff, 0xd8]) {
        let head = String::from_utf8_lossy(&bytes[head_from..start]).into_owned();
        let length = length_in(head.as_bytes()).expect("a RangeError: no length before an SOI");
        assert!(bytes.len() > start + length, "one byte behind the frame");
        frames.push(bytes[start..start + length].to_vec());
        head_from = start + length;
    }
    frames
}

/// Fluidd (mjpegStream.ts): the boundary is all behind `boundary=`, unquoted; a frame lies between a blank line and the next one.
fn fluidd(bytes: &[u8], kind: &str) -> Vec<Vec<u8>> {
    let boundary = kind.split("boundary=").nth(1).unwrap();
    assert!(!boundary.contains(['"', ';', ' ']), "{boundary}");
    firefox(bytes, boundary)
}

/// Home Assistant's picture of a stream (mjpeg/camera.py): from the first FF D8 to the first FF D9.
fn home_assistant(bytes: &[u8]) -> Vec<u8> {
    let (start, end) = (positions(bytes, &[0xff, 0xd8])[0], positions(bytes, &[0xff, 0xd9])[0]);
    bytes[start..end + 2].to_vec()
}

#[test]
fn each_program_shows_each_frame_and_no_other() {
    let source = Source::new();
    let (kind, bytes) = source.bytes("/stream", "", b"");
    source.assert_shown(&go2rtc(&bytes), PARTS);
    source.assert_shown(&firefox(&bytes, "boundarydonotcross"), PARTS);
    source.assert_shown(&mainsail(&bytes), PARTS);
    source.assert_shown(&fluidd(&bytes, &kind), PARTS);
    source.assert_shown(&[home_assistant(&bytes)], 1);
    source.assert_shown(&chromium(&bytes, "boundarydonotcross"), PARTS - 1);
}

#[test]
fn an_image_element_of_chromium_is_not_a_frame_late() {
    let source = Source::new();
    let fields = "User-Agent: Mozilla/5.0 (X11) Chrome/130.0.0.0 Safari/537.36\r\nAccept: image/avif,image/webp,*/*;q=0.8\r\n";
    let (_, bytes) = source.bytes("/stream?1732612345678", fields, b"Content-Type: image/jpeg\r\n\r\n");
    source.assert_shown(&chromium(&bytes, "boundarydonotcross"), PARTS);
}
