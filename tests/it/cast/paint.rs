//! When a frame is on the screen: in a real browser, on the page and in a bare `<img>`.
//!
//! The pictures have their own number in them, sixteen black or white squares in the upper left corner, which a script in the browser
//! reads off whatever is shown, each time that the screen is drawn.

use crate::support::browser::Browser;
use crate::support::http::{Client, address};
use crate::support::pictures::{Picture, decode};
use crate::support::procs::Camcast;
use crate::support::{PATIENCE, deadline, is_over, left, left_out, pause};
use camcast::jpeg::Size;
use camcast::picture::Pattern;
use std::collections::HashMap;
use std::io::Write;
use std::net::SocketAddr;
use std::process::ChildStdin;
use std::thread;
use std::time::Duration;
use tinyjson::JsonValue;
use turbojpeg::{Compressor, Image, PixelFormat};

/// A square's side, in pixels.
const SIDE: usize = 32;
/// As many squares as a number has bits.
const BITS: usize = 16;

/// Where a frame is shown.
#[derive(Clone, Copy)]
enum Place {
    /// camcast's own page.
    Page,
    /// An `<img>` that has this stream.
    Image(&'static str),
}

/// Draws pictures with numbers in them.
struct Painter {
    picture: Picture,
    compressor: Compressor,
}

impl Painter {
    /// On a frame of the test picture, so that they have a camera's size in bytes.
    fn new(width: u16, height: u16) -> Self {
        let mut pattern = Pattern::new(Size { width, height }, Pattern::QUALITY).unwrap();
        let picture = decode(pattern.draw(0, "").unwrap()).unwrap();
        let mut compressor = Compressor::new().unwrap();
        compressor.set_quality(Pattern::QUALITY.into()).unwrap();
        Painter { picture, compressor }
    }

    fn paint(&mut self, number: u16) -> Vec<u8> {
        let Picture { width, height, pixels } = &mut self.picture;
        for bit in 0..BITS {
            let value = if number >> bit & 1 == 1 { 255 } else { 0 };
            for y in 0..SIDE {
                pixels[(y * *width + bit * SIDE) * 3..][..SIDE * 3].fill(value);
            }
        }
        let (width, height) = (*width, *height);
        let image = Image { pixels: &pixels[..], width, pitch: width * 3, height, format: PixelFormat::RGB };
        self.compressor.compress_to_vec(image).unwrap()
    }
}

/// Opens the place, and has each number that is seen there noted in `seen`, with the time in milliseconds since 1970.
fn watch(at: SocketAddr, place: Place) -> Option<Browser> {
    let url = match place {
        Place::Page => format!("http://{at}/"),
        Place::Image(_) => format!("http://{at}/healthz"),
    };
    let mut browser = Browser::open(&url)?;
    if let Place::Image(stream) = place {
        browser.value(&format!("document.body.innerHTML = '<img id=\"picture\" src=\"{stream}\">'"));
    }
    let row = BITS * SIDE;
    browser.value(&format!(
        "(() => {{ window.seen = []; \
           const pen = new OffscreenCanvas({BITS}, 1).getContext('2d', {{ willReadFrequently: true }}); \
           const look = () => {{ \
             requestAnimationFrame(look); \
             const it = document.getElementById('picture'); \
             if (it.hidden || (it.naturalWidth ?? it.width) < {row}) return; \
             pen.drawImage(it, 0, 0, {row}, {SIDE}, 0, 0, {BITS}, 1); \
             const {{ data }} = pen.getImageData(0, 0, {BITS}, 1); \
             let number = 0; \
             for (let bit = 0; bit < {BITS}; bit++) number += (data[4 * bit] > 127) << bit; \
             if (seen.at(-1)?.[0] !== number) seen.push([number, performance.timeOrigin + performance.now()]); \
           }}; \
           look(); }})()"
    ));
    Some(browser)
}

/// The next frame is captured when the one before it has been seen.
#[track_caller]
fn each_is_seen_before_the_next_is_captured(place: Place) {
    let (camcast, mut stdin) = Camcast::piped(&["--http", "127.0.0.1:0"]);
    let mut painter = Painter::new(640, 360);
    stdin.write_all(&painter.paint(1)).unwrap();
    camcast.wait_line("gives frames");
    let Some(mut browser) = watch(address(&camcast), place) else { return left_out("no chromium here") };
    let until = deadline(PATIENCE);
    let mut soon = 0;
    for number in 2.. {
        let lines = camcast.program.lines();
        stdin.write_all(&painter.paint(number)).unwrap();
        let is_seen = format!("seen.some((it) => it[0] == {number})");
        // after some seconds of silence camcast sends pictures of its own, which push this one out: on a machine that has no time for
        // a browser, that is before the browser has drawn it
        let pushed_out =
            || camcast.program.log().lines().skip(lines).any(|line| line.contains("no frame from the "));
        while browser.value(&is_seen) != "true" && !pushed_out() {
            assert!(
                !is_over(until),
                "{soon} frames were seen before something else came, and {number} was not"
            );
            pause();
        }
        soon += u32::from(!pushed_out());
        if soon == 5 {
            return;
        }
        assert!(!is_over(until), "{soon} frames were seen before something else came");
    }
}

#[test]
fn an_image_element_shows_a_frame_before_the_next_is_captured() {
    each_is_seen_before_the_next_is_captured(Place::Image("stream"));
}

#[test]
fn the_page_shows_a_frame_before_the_next_is_captured() {
    each_is_seen_before_the_next_is_captured(Place::Page);
}

/// Writes frames at this rate until there are none.
fn feed(mut stdin: ChildStdin, frames: &[Vec<u8>], fps: u32) {
    let mut due = deadline(Duration::ZERO);
    for frame in frames {
        stdin.write_all(frame).unwrap();
        due = due.after(Duration::from_secs(1) / fps);
        while !is_over(due) {
            thread::park_timeout(left(due));
        }
    }
}

/// Milliseconds from a frame's capture, as the stream has it, until it is seen, sorted.
fn delays(place: Place, fps: u32, count: u16) -> Option<Vec<f64>> {
    let mut painter = Painter::new(1280, 720);
    let frames: Vec<Vec<u8>> = (1..=count).map(|number| painter.paint(number)).collect();
    let (camcast, mut stdin) = Camcast::piped(&["--http", "127.0.0.1:0"]);
    stdin.write_all(&painter.paint(0)).unwrap();
    camcast.wait_line("gives frames");
    let at = address(&camcast);
    let mut browser = watch(at, place)?;
    browser.wait_for("seen.length > 0");
    let mut client = Client::connect(at);
    client.begin("/stream", "");
    let captured = thread::scope(|scope| {
        scope.spawn(|| feed(stdin, &frames, fps));
        let mut captured = HashMap::new();
        while captured.len() < frames.len() {
            let (time, picture) = client.part();
            if let Some(number) = frames.iter().position(|frame| *frame == picture) {
                captured.insert(number + 1, time * 1e3);
            }
        }
        captured
    });
    browser.wait_for(&format!("seen.some((it) => it[0] == {count})"));
    let seen: JsonValue = browser.value("JSON.stringify(seen)").parse().unwrap();
    let pair = |it: &JsonValue| Some((*it[0].get::<f64>()? as usize, *it[1].get::<f64>()?));
    let seen = seen.get::<Vec<JsonValue>>().unwrap().iter().filter_map(pair);
    let mut delays: Vec<f64> =
        seen.filter_map(|(number, time)| Some(time - captured.get(&number)?)).collect();
    delays.sort_by(f64::total_cmp);
    Some(delays)
}

/// Figures: `SECONDS=20 cargo test --release --test it from_capture_to_paint -- --ignored --nocapture`
#[test]
#[ignore = "it measures, and asserts nothing about time"]
fn from_capture_to_paint() {
    let seconds: u32 = std::env::var("SECONDS").map_or(20, |text| text.parse().unwrap());
    for fps in [30, 1] {
        for (name, place) in [
            ("the page", Place::Page),
            ("<img>", Place::Image("stream")),
            ("<img>, nothing in advance", Place::Image("stream?advance_headers=0")),
        ] {
            let count = u16::try_from(seconds * fps).unwrap();
            let Some(delays) = delays(place, fps, count) else { return left_out("no chromium here") };
            let at = |share: f64| delays[((delays.len() - 1) as f64 * share).round() as usize];
            println!(
                "{name}, {fps} fps: {} of {count} frames seen; from capture to paint p50 {:.1} ms, p99 {:.1} ms, at most {:.1} ms",
                delays.len(),
                at(0.5),
                at(0.99),
                at(1.0),
            );
        }
    }
}
