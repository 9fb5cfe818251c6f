//! The page in a real browser: the picture moves, the plots move, and a camera that goes and comes is said.

use crate::support::browser::Browser;
use crate::support::http::address;
use crate::support::pictures::noise;
use crate::support::procs::{Camcast, camrec_into};
use crate::support::{left_out, pause};
use std::io::Write;

/// The mean colour of the picture on the screen, which differs from frame to frame.
const PICTURE: &str = "(() => { const it = document.getElementById('picture'); \
     return it.getContext('2d').getImageData(0, 0, it.width, it.height).data.reduce((a, b) => (a * 31 + b) >>> 0, 7) })()";

#[test]
fn the_picture_moves_and_what_is_beside_it_is_true() {
    let camcast = Camcast::start(&["pattern", "-r", "640x480", "-f", "10", "--http", "127.0.0.1:0"]);
    let at = address(&camcast);
    let Some(mut browser) = Browser::open(&format!("http://{at}/")) else {
        return left_out("no chromium here");
    };
    browser.appear(1280, 1000, false);
    browser.wait_for("!document.getElementById('picture').hidden");
    let size = "document.getElementById('picture').width + 'x' + document.getElementById('picture').height";
    assert_eq!(browser.value(size), "640x480");
    let first = browser.value(PICTURE);
    browser.wait_for(&format!("{PICTURE} != {first}"));
    // ten frames a second, nearly no delay, and plots of some seconds
    browser.wait_for("plots.fps.length > 4 && plots.delay.some((it) => it !== null)");
    browser.wait_for("plots.delay.at(-1) !== null");
    let fps: f64 = browser.value("Math.max(...plots.fps)").parse().unwrap();
    assert!(fps > 1.0 && fps < 30.0, "{fps}");
    // a recorder comes, and is in the list with its kind
    let folder = tempfile::tempdir().unwrap();
    let _camrec = camrec_into(folder.path(), camcast.address, &["--every"]);
    browser.wait_for("document.getElementById('list').innerText.includes('native, every')");
    assert_eq!(browser.value("document.getElementById('list').innerText.includes('http')"), "true");
    // nothing from elsewhere is loaded, and nothing was refused by the page's own policy
    let foreign = format!(
        "performance.getEntriesByType('resource').filter((it) => !it.name.startsWith('http://{at}/')).length"
    );
    assert_eq!(browser.value(&foreign), "0");
    for (name, width, height, is_dark) in [
        ("desktop-light", 1280, 1000, false),
        ("desktop-dark", 1280, 1000, true),
        ("phone-light", 390, 844, false),
        ("phone-dark", 390, 844, true),
    ] {
        browser.appear(width, height, is_dark);
        let wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth";
        assert_eq!(browser.value(wide), "0", "{name}: it has to be pushed sideways");
        if let Some(folder) = std::env::var_os("SCREENSHOTS") {
            let path = std::path::Path::new(&folder).join(format!("{name}.png.base64"));
            std::fs::write(path, browser.screenshot()).unwrap();
        }
    }
}

#[test]
fn a_camera_that_goes_is_said_with_its_reason_and_one_that_comes_back_is_shown() {
    let (camcast, mut stdin) = Camcast::piped(&["--http", "127.0.0.1:0"]);
    let at = address(&camcast);
    stdin.write_all(&noise(320, 240, 50, 1)).unwrap();
    let Some(mut browser) = Browser::open(&format!("http://{at}/")) else {
        return left_out("no chromium here");
    };
    let away = "document.getElementById('away')";
    browser
        .wait_for(&format!("!{away}.hidden && {away}.textContent == 'No signal: the camera sends nothing'"));
    browser.wait_for("!document.getElementById('picture').hidden");
    let slate = browser.value(PICTURE);
    stdin.write_all(&noise(320, 240, 50, 2)).unwrap();
    browser.wait_for(&format!("{away}.hidden && {PICTURE} != {slate}"));
}

/// Chromium shows a part in an `<img>` when the next one's head has come: at one frame a second that would be a second late, always.
#[test]
fn an_image_element_shows_the_newest_frame() {
    let camcast = Camcast::start(&["pattern", "-r", "320x240", "-f", "1", "--http", "127.0.0.1:0"]);
    let at = address(&camcast);
    let Some(mut browser) = Browser::open(&format!("http://{at}/healthz")) else {
        return left_out("no chromium here");
    };
    browser.value("document.body.innerHTML = '<img id=\"it\" src=\"stream\">'");
    browser.wait_for("document.getElementById('it').naturalWidth == 320");
    let is_newest = "(async () => { \
         const pixels = (source) => { const canvas = new OffscreenCanvas(320, 240), pen = canvas.getContext('2d'); \
           pen.drawImage(source, 0, 0); return pen.getImageData(0, 0, 320, 240).data.join(); }; \
         const newest = await createImageBitmap(await (await fetch('snapshot')).blob()); \
         return pixels(document.getElementById('it')) === pixels(newest) ? pixels(newest).length : 0; })()";
    // one that lags is the newest only for the moment in which a frame comes
    let samples: Vec<bool> = (0..20)
        .map(|_| {
            pause();
            browser.value(is_newest) != "0"
        })
        .collect();
    let newest = samples.iter().filter(|is_newest| **is_newest).count();
    assert!(newest > 10, "it is behind: {samples:?}");
}
