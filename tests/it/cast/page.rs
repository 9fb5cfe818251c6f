//! The page in a real browser: the picture moves, the plots move, and a camera that goes and comes is said.

use crate::support::browser::Browser;
use crate::support::front::Front;
use crate::support::http::address;
use crate::support::pictures::noise;
use crate::support::procs::{Camcast, camrec_into};
use crate::support::{left_out, pause};
use nix::sys::signal::Signal;
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
    look_at(&mut browser, "page");
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

/// The screens on which a page has to look well.
const SCREENS: [(&str, u32, u32, bool); 4] = [
    ("desktop-light", 1280, 1400, false),
    ("desktop-dark", 1280, 1400, true),
    ("phone-light", 390, 1900, false),
    ("phone-dark", 390, 1900, true),
];

/// Nothing has to be pushed sideways; and a picture for people, if they want one.
fn look_at(browser: &mut Browser, what: &str) {
    for (name, width, height, is_dark) in SCREENS {
        browser.appear(width, height, is_dark);
        let wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth";
        assert_eq!(browser.value(wide), "0", "{name}: it has to be pushed sideways");
        if let Some(folder) = std::env::var_os("SCREENSHOTS") {
            let path = std::path::Path::new(&folder).join(format!("{what}-{name}.png.base64"));
            std::fs::write(path, browser.screenshot()).unwrap();
        }
    }
}

/// A field of the page by its label, or its aria-label.
fn field(label: &str, kind: &str) -> String {
    format!(
        "[...document.querySelectorAll('#knobs {kind}')].find((it) => \
         [...(it.labels || [])].some((label) => label.textContent == '{label}') || it.ariaLabel == '{label}')"
    )
}

#[test]
fn the_cameras_controls_can_be_moved_and_say_what_is_refused() {
    let camcast = Camcast::start(&["pattern", "-r", "640x480", "-f", "5", "--http", "127.0.0.1:0"]);
    let front = Front::of(address(&camcast));
    let Some(mut browser) = Browser::open(&format!("http://{}/", front.at)) else {
        return left_out("no chromium here");
    };
    browser.appear(1280, 1400, false);
    browser.wait_for(
        "!document.getElementById('controls').hidden && document.querySelectorAll('.knob').length == 7",
    );
    browser.wait_for("!document.getElementById('picture').hidden");
    let (slider, number) = (field("Brightness", "[type=range]"), field("Brightness", "[type=number]"));
    let exposure = field("Exposure Time, Absolute", "[type=range]");
    assert_eq!(
        browser.value(&format!("{slider}.value + {number}.value + {exposure}.disabled")),
        "100100true"
    );
    // what a driver says is text
    assert_eq!(browser.value("document.querySelectorAll('#knobs img').length"), "0");
    // everything has a name for those who do not see it
    let nameless = "[...document.querySelectorAll('#knobs :is(input, select, button)')].filter((it) => \
         !it.ariaLabel && !it.textContent && ![...it.labels].some((label) => label.textContent)).length";
    assert_eq!(browser.value(nameless), "0");
    look_at(&mut browser, "controls");

    // a slider that is dragged, and one that is moved by keys
    browser.value(&format!("[120, 130, 200].forEach((to) => {{ {slider}.value = to; {slider}.dispatchEvent(new Event('input')) }})"));
    browser.wait_for(&format!("{number}.value == '200' && wanted.size == 0 && !isSetting"));
    assert_eq!(front.manners().brightness, 200);
    browser.value(&format!("{slider}.focus()"));
    for event in ["rawKeyDown", "keyUp"] {
        let key = r#""key":"ArrowRight","code":"ArrowRight","windowsVirtualKeyCode":39"#;
        browser.ask("Input.dispatchKeyEvent", &format!(r#"{{"type":"{event}",{key}}}"#));
    }
    // 201 was asked for, and the camera takes even numbers: the slider shows what it has
    browser.wait_for(&format!("{slider}.value == '200' && wanted.size == 0 && !isSetting"));
    assert!(front.manners().posts.last().unwrap().contains("201"), "{:?}", front.manners().posts);

    // what governs another is set, and the other can be moved then
    let menu = field("Auto Exposure", "select");
    browser.value(&format!("{menu}.value = 1, {menu}.dispatchEvent(new Event('change'))"));
    browser.wait_for(&format!("!{exposure}.disabled"));

    // a value that is refused, with its reason; then the field shows what holds
    browser.value(&format!(
        "{number}.value = 999, ['input', 'change'].forEach((it) => {number}.dispatchEvent(new Event(it)))"
    ));
    let why = format!("{number}.closest('.knob').querySelector('.why')");
    browser.wait_for(&format!("{why}.textContent == 'it takes 0 to 255' && {number}.value == '200'"));
    look_at(&mut browser, "refused");

    let back = field("Reset Brightness to its default", "button");
    browser.value(&format!("{back}.click()"));
    browser.wait_for(&format!("{slider}.value == '100' && {back}.disabled && {why}.textContent == ''"));
    assert_eq!(front.manners().posts.last().unwrap(), r#"{"brightness":null}"#);
    browser.value(&format!("{}.click()", field("Horizontal Flip", "input")));
    browser.value(
        "[...document.querySelectorAll('#knobs button')].find((it) => it.textContent == 'Do it').click()",
    );
    browser.wait_for("wanted.size == 0 && !isSetting");
    assert!(front.manners().is_flipped);
    assert!(front.manners().posts.concat().contains(r#""press":true"#), "{:?}", front.manners().posts);

    // another has moved it
    front.manners().brightness = 42;
    browser.wait_for(&format!("{slider}.value == '42' && {number}.value == '42'"));

    // who may not see them sees nothing of them; a camera that does not answer is said
    front.manners().refuses = Some("503 Service Unavailable");
    browser.wait_for("document.getElementById('controls-why').textContent == 'it is refused'");
    front.manners().refuses = Some("403 Forbidden");
    browser.wait_for("document.getElementById('controls').hidden");
}

#[test]
fn a_page_of_a_camcast_without_controls_shows_none() {
    let camcast = Camcast::start(&["pattern", "-r", "320x240", "--http", "127.0.0.1:0"]);
    let Some(mut browser) = Browser::open(&format!("http://{}/", address(&camcast))) else {
        return left_out("no chromium here");
    };
    browser.wait_for("!document.getElementById('picture').hidden");
    browser.wait_for("performance.getEntriesByType('resource').some((it) => it.name.endsWith('/controls'))");
    assert_eq!(browser.value("document.getElementById('controls').hidden"), "true");
}

/// A camcast, what stands in front of it, and a browser that has come through that.
fn behind_front() -> Option<(Camcast, Front, Browser)> {
    let camcast = Camcast::start(&["pattern", "-r", "320x240", "-f", "10", "--http", "127.0.0.1:0"]);
    let front = Front::of(address(&camcast));
    let browser = Browser::open(&format!("http://{}/", front.at))?;
    Some((camcast, front, browser))
}

/// A machine without power closes no connection; nor does one that is stopped.
#[test]
fn a_server_that_is_silent_is_said_and_found_again() {
    let Some((camcast, front, mut browser)) = behind_front() else { return left_out("no chromium here") };
    let away = "document.getElementById('away')";
    let moves = |browser: &mut Browser| {
        browser.wait_for(&format!("{away}.hidden"));
        let first = browser.value(PICTURE);
        browser.wait_for(&format!("{PICTURE} != {first}"));
    };
    browser.wait_for("!document.getElementById('picture').hidden");
    camcast.program.signal(Signal::SIGSTOP);
    browser.wait_for(&format!("!{away}.hidden && {away}.textContent.startsWith('No signal: ')"));
    browser.wait_for("stream === null || performance.now() - stream.at < 4000");
    camcast.program.signal(Signal::SIGCONT);
    moves(&mut browser);
    // it answers again, but the old stream is dead: as after a restart of which nobody has told
    let streams = front.manners().streams;
    front.manners().is_mute = true;
    browser.wait_for(&format!("!{away}.hidden && {away}.textContent.includes('the connection is dead')"));
    front.manners().is_mute = false;
    moves(&mut browser);
    assert!(front.manners().streams > streams);
}

#[test]
fn a_frame_that_cannot_be_shown_costs_no_connection_and_an_error_leaves_none_behind() {
    let Some((_camcast, front, mut browser)) = behind_front() else { return left_out("no chromium here") };
    let away = "document.getElementById('away')";
    browser.wait_for("!document.getElementById('picture').hidden");
    browser.value(
        "window.real = createImageBitmap, window.createImageBitmap = () => Promise.reject(new Error('odd'))",
    );
    browser.wait_for(&format!("!{away}.hidden && {away}.textContent.endsWith('odd')"));
    let before = browser.value("plots.fps.length");
    browser.wait_for(&format!("plots.fps.length > {before} + 1 && {away}.textContent.endsWith('odd')"));
    assert_eq!(front.manners().streams, 1);
    // an error of another kind ends the stream: the old one is let go, and there is a new one
    browser.value("window.createImageBitmap = window.real, window.save = context.drawImage, context.drawImage = () => { throw new Error('worse') }");
    browser.wait_for(&format!("{away}.textContent == 'worse'"));
    while front.manners().streams < 4 {
        pause();
    }
    browser.value("delete context.drawImage");
    browser.wait_for(&format!("{away}.hidden"));
    let viewers = "fetch('state').then((it) => it.json()).then((it) => it.result.stream.clients == 1)";
    browser.wait_for(&format!("(async () => await {viewers})()"));
}

/// The picture of the page in README.md, made anew: `cargo test --release --test it the_readmes_picture -- --ignored`.
#[test]
#[ignore = "it writes docs/page.jpg"]
fn the_readmes_picture() {
    let camcast = Camcast::start(&["pattern", "-r", "1280x720", "-f", "30", "--http", "127.0.0.1:0"]);
    let at = address(&camcast);
    let Some(mut browser) = Browser::open(&format!("http://{at}/")) else {
        return left_out("no chromium here");
    };
    browser.appear(960, 920, false);
    let folder = tempfile::tempdir().unwrap();
    let _camrec = camrec_into(folder.path(), camcast.address, &["--every"]);
    browser.wait_for("plots.fps.length > 25");
    let taken = browser.ask("Page.captureScreenshot", r#"{"format":"jpeg","quality":80}"#);
    let text = folder.path().join("base64");
    std::fs::write(&text, taken["data"].get::<String>().unwrap()).unwrap();
    let decoded = std::process::Command::new("base64").arg("-d").arg(text).output().unwrap().stdout;
    std::fs::write(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/page.jpg"), decoded).unwrap();
}
