//! The tables of docs/NETSIM.md: what the repair does, in figures that a change of the engine changes visibly.
//! `UPDATE_GOLDEN=1 cargo test --test netsim tables` writes them again; the diff is the review.

use crate::account::{Account, Report, percentile};
use crate::netem::{Bottleneck, GilbertElliott, Reorder, Spec};
use crate::scene::{Camera, Scene, Viewer};
use std::fmt::Write;
use std::time::Duration;

const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/NETSIM.md");
const HEAD: &str = "\
# What a bad network does

Simulated: the real sender and receiver, a bad network between them, one virtual clock (`tests/netsim`). A row is one
run with one seed, and comes out the same on every machine. `UPDATE_GOLDEN=1 cargo test --test netsim tables` writes
this page again.

Unless a row says otherwise: 20 s of 30 frames a second, 80 to 120 kB each (24 Mbit/s); the same path both ways, 20 ms
one way; a reel of 32 MiB, which is 10 s of it.

| column | |
|---|---|
| whole | frames that came out with every byte, in percent of those that the camera delivered |
| missing, skipped | frames that were given up; frames that the sender left out for a viewer's sake, and said so |
| open | frames of which nothing had been said when the run ended |
| p50, p99 | how much later a frame came out than on the same path without faults |
| again | datagrams sent again, in percent of those sent for the first time |
| twice | datagrams that came though they were there already, in percent of the same |
| rounds | how often the fragment was sent that was sent most often |
| back | what the receiver says, kbit/s |
";

/// Each part is simulated by a test of its own, so that they run side by side.
fn check(part: &str, text: &str) {
    let (begin, end) = (format!("\n<!-- {part} -->\n"), format!("<!-- end of {part} -->\n"));
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        return update(&begin, &end, text);
    }
    let golden = std::fs::read_to_string(FILE).unwrap_or_default();
    let found = golden.split_once(&begin).and_then(|(_, rest)| rest.split_once(&end));
    let found = found.map_or("", |(part, _)| part);
    for (line, (was, is)) in found.lines().zip(text.lines()).enumerate() {
        assert_eq!(was, is, "docs/NETSIM.md, {part}, line {}: UPDATE_GOLDEN=1 if this is better", line + 1);
    }
    assert_eq!(found, text, "docs/NETSIM.md, {part}: UPDATE_GOLDEN=1 if this is better");
}

/// The parts, in their order on the page.
const PARTS: [&str; 5] = ["loss", "rates", "trouble", "outages", "bottlenecks"];

/// Writes this part, and leaves the others as they are.
fn update(begin: &str, end: &str, text: &str) {
    static ONE_AT_A_TIME: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let old = std::fs::read_to_string(FILE).unwrap_or_default();
    let mut new = String::from(HEAD);
    for part in PARTS {
        let (from, to) = (format!("\n<!-- {part} -->\n"), format!("<!-- end of {part} -->\n"));
        let kept =
            old.split_once(&from).and_then(|(_, rest)| rest.split_once(&to)).map_or("", |(kept, _)| kept);
        let body = if from == begin && to == end { text } else { kept };
        let _ = write!(new, "{from}{body}{to}");
    }
    std::fs::write(FILE, new).unwrap();
}

fn scene(length: Duration) -> Scene {
    Scene { camera: Camera { fps: 30.0, mean: 100_000, spread: 0.2 }, ..Scene::new(1, length) }
}

/// Whole ms: finer differences are noise.
fn ms(time: Duration) -> String {
    format!("{:.0}", time.as_secs_f64() * 1e3)
}

/// The columns that all tables share.
fn columns(account: &Account, clean: &Account) -> String {
    let delays = account.delays(clean);
    format!(
        "{:.2} | {} | {} | {} | {} | {} | {:.1} | {:.1} | {} | {:.0}",
        account.whole_percent(),
        account.missing(),
        account.skipped(),
        account.open(),
        ms(percentile(&delays, 0.5)),
        ms(percentile(&delays, 0.99)),
        account.again_percent(),
        100.0 * account.duplicates as f64 / account.sent_first.max(1) as f64,
        account.sent_most,
        account.continue_bytes as f64 * 8.0 / 1e3 / 23.0, // with the second before and the two after
    )
}

const COLUMNS: &str =
    "whole % | missing | skipped | open | p50 ms | p99 ms | again % | twice % | rounds | back";

fn table(text: &mut String, first: &str, columns: &str) {
    let count = first.matches('|').count() + columns.matches('|').count() + 2;
    let _ = writeln!(text, "| {first} | {columns} |\n|{}", "---|".repeat(count));
}

type Kind = (&'static str, fn(&Spec) -> Viewer);
const KINDS: [Kind; 2] = [("every", Viewer::every), ("newest", Viewer::newest)];

#[test]
fn loss_and_delay() {
    let mut text = String::from("## Loss and delay\n");
    for (kind, viewer) in KINDS {
        let _ = writeln!(text, "\n### {kind}\n");
        table(&mut text, "one way ms | loss %", COLUMNS);
        for delay in [5, 20, 50] {
            let clean = scene(20 * SECOND).with(viewer(&Spec::clean(delay * MS))).run();
            for loss in [0, 1, 5, 10, 20] {
                let path = Spec { loss: f64::from(loss) / 100.0, ..Spec::clean(delay * MS) };
                let report = scene(20 * SECOND).with(viewer(&path)).run();
                let columns = columns(&report.accounts[0], &clean.accounts[0]);
                let _ = writeln!(text, "| {delay} | {loss} | {columns} |");
            }
        }
    }
    check("loss", &text);
}

/// Bytes of a frame that fills this number of bursts.
fn bytes_of(bursts: u32) -> usize {
    bursts as usize * 16 * 1424 - 700
}

/// Long enough for a dozen frames and for a few seconds; no longer, as a second of the largest is 200 MB.
fn rate_scene(fps: f64, bursts: u32, viewer: Viewer) -> Scene {
    let camera = Camera { fps, mean: bytes_of(bursts), spread: 0.0 };
    let is_large = fps * f64::from(bursts) > 1_000.0;
    let length = SECOND.mul_f64(if is_large { 1.0 } else { (12.0 / fps).max(3.0) });
    Scene { camera, reel: 256 << 20, ..Scene::new(1, length) }.with(viewer)
}

/// No camera delivers more than this to a network.
const GIGABIT: f64 = 1e9;

/// What one rate and size came to over all round trips: of each figure the worst.
#[derive(Default)]
struct Worst {
    lost: f64,
    unasked: [u64; 4],
    again: f64,
    age: Duration,
    late: Duration,
}

impl Worst {
    fn enter(&mut self, account: &Account, scene: &Scene, delay: Duration) {
        let age = account.ages(scene).last().copied().unwrap_or_default();
        let repaired = account.ledger.counts().repaired;
        let counts = [account.missing(), account.skipped(), account.open(), repaired as usize];
        self.lost = self.lost.max(100.0 - account.whole_percent());
        self.unasked.iter_mut().zip(counts).for_each(|(worst, count)| *worst = (*worst).max(count as u64));
        self.again = self.again.max(account.again_percent());
        self.age = self.age.max(age.saturating_sub(delay));
        self.late = self.late.max(account.late(scene).saturating_sub(delay));
    }
}

/// Every rate, every size, every distance: where nothing is lost all comes whole and at once, and nothing is repaired.
#[test]
fn rates() {
    let mut text = String::from("## Slow and fast cameras, small and large frames\n\n");
    text.push_str("Nothing is lost on these paths. Each row is the worst of round trips of 0, 20, 100 and 300 ms; a reel of ");
    text.push_str("256 MiB. *Age*: from capture to coming out, of the slowest frame, without the path's own delay. *Late*: how much ");
    text.push_str("later than it was the recording takes the last frame to have been captured, likewise. While camcast does not know the rate, ");
    text.push_str("its first frame may take longer than an interval: that is the one that a viewer skips.\n");
    for (kind, viewer) in KINDS {
        let _ = writeln!(text, "\n### {kind}\n");
        let columns = "whole % | missing | skipped | open | repaired | again % | age ms | late ms";
        table(&mut text, "frames a second | kB", columns);
        for fps in [1.0 / 60.0, 0.1, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 240.0] {
            for bursts in [1, 4, 40] {
                if fps * bytes_of(bursts) as f64 * 8.0 > GIGABIT {
                    continue;
                }
                let mut worst = Worst::default();
                for round_trip in [0, 20, 100, 300] {
                    let delay = round_trip * MS / 2;
                    let scene = rate_scene(fps, bursts, viewer(&Spec::clean(delay)));
                    worst.enter(&scene.run().accounts[0], &scene, delay);
                }
                let fps = if fps < 0.05 { "1/60".into() } else { format!("{fps}") };
                let Worst { lost, unasked, again, age, late } = worst;
                let [missing, skipped, open, repaired] = unasked;
                let (kb, whole) = (bytes_of(bursts) / 1000, 100.0 - lost);
                let (age, late) = (1e3 * age.as_secs_f64(), 1e3 * late.as_secs_f64());
                let row = format!(
                    "| {fps} | {kb} | {whole:.2} | {missing} | {skipped} | {open} | {repaired} | {again:.1} | {age:.0} | {late:.1} |"
                );
                // the second frame of all finds the first one under way, as no rate is known yet
                let is_clean = again == 0.0 && skipped <= 1 && missing + open + repaired == 0;
                assert!(is_clean || std::env::var_os("UPDATE_GOLDEN").is_some(), "{kind}: {row}");
                let _ = writeln!(text, "{row}");
            }
        }
    }
    check("rates", &text);
}

fn troubles() -> Vec<(&'static str, Spec, Spec)> {
    let clean = Spec::clean(20 * MS);
    let bursts = |loss, length| Spec {
        gilbert_elliott: Some(GilbertElliott::bursts(loss, length)),
        ..Spec::clean(20 * MS)
    };
    let reorder = Some(Reorder { probability: 0.005, extra: 3 * MS });
    let air = Spec { reorder, jitter: 4 * MS, ..clean.clone() };
    let both = |name, path: Spec| (name, path.clone(), path);
    vec![
        both("2 % in bursts of 10", bursts(0.02, 10.0)),
        both("2 % in bursts of 150: whole frames", bursts(0.02, 150.0)),
        both("5 % in bursts of 150", bursts(0.05, 150.0)),
        both("jitter 4 ms", Spec { jitter: 4 * MS, ..clean.clone() }),
        both("jitter 30 ms", Spec { jitter: 30 * MS, ..clean.clone() }),
        both("0.5 % reordered by 3 ms, jitter 4 ms", air.clone()),
        both(
            "5 % reordered by 15 ms",
            Spec { reorder: Some(Reorder { probability: 0.05, extra: 15 * MS }), ..clean.clone() },
        ),
        both("1 % duplicated", Spec { duplicate: 0.01, ..clean.clone() }),
        ("10 % lost, from camcast only", Spec { loss: 0.1, ..clean.clone() }, clean.clone()),
        ("10 % lost, to camcast only", clean.clone(), Spec { loss: 0.1, ..clean }),
        both(
            "5 % lost, 2 % in bursts of 50, reordered, jitter, duplicated",
            Spec { loss: 0.05, duplicate: 0.01, ..bursts(0.02, 50.0) }.with_air(&air),
        ),
    ]
}

impl Spec {
    fn with_air(self, air: &Spec) -> Spec {
        Spec { reorder: air.reorder, jitter: air.jitter, ..self }
    }
}

#[test]
fn other_troubles() {
    let mut text = String::from("## Other troubles\n");
    for (kind, viewer) in KINDS {
        let clean = scene(20 * SECOND).with(viewer(&Spec::clean(20 * MS))).run();
        let _ = writeln!(text, "\n### {kind}\n");
        table(&mut text, "path", COLUMNS);
        for (name, down, up) in troubles() {
            let report = scene(20 * SECOND).with(Viewer { up, ..viewer(&down) }).run();
            let _ = writeln!(text, "| {name} | {} |", columns(&report.accounts[0], &clean.accounts[0]));
        }
    }
    check("trouble", &text);
}

#[test]
fn outages() {
    let mut text =
        String::from("## Outages\n\nA recorder loses its path for a while; another one beside it does not. ");
    text.push_str("*Caught up*: how long after the outage frames came in time again.\n\n");
    table(
        &mut text,
        "outage s",
        "missing | open | not whole | joins | caught up s | again % | the other's p99 ms",
    );
    for lasts in [1, 2, 4, 10, 20] {
        let (from, lasts) = (5 * SECOND, lasts * SECOND);
        let mut path = Spec::clean(20 * MS);
        path.outages.push((from, from + lasts));
        let other = Viewer::every(&Spec::clean(20 * MS));
        let scene = scene(from + lasts + 15 * SECOND).with(Viewer::every(&path)).with(other);
        let report = scene.run();
        let account = &report.accounts[0];
        let caught_up = account.caught_up(&scene, from + lasts, 150 * MS);
        let caught_up = caught_up.map_or("never".into(), |wait| format!("{:.1}", wait.as_secs_f64()));
        let gaps = account.gaps().iter().map(|(first, last)| format!("{first}-{last} ")).collect::<String>();
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} | {caught_up} | {:.1} | {} |",
            lasts.as_secs(),
            account.missing() + account.skipped(),
            account.open(),
            if gaps.is_empty() { "none" } else { gaps.trim_end() },
            account.overs.len(),
            account.again_percent(),
            p99_age(&report, &scene, 1),
        );
    }
    check("outages", &text);
}

fn p99_age(report: &Report, scene: &Scene, of: usize) -> String {
    ms(percentile(&report.accounts[of].ages(scene), 0.99))
}

#[test]
fn bottlenecks() {
    let mut text = String::from("## Bottlenecks\n\nA queue of 64 KiB that drops what does not fit. ");
    text.push_str("*Age*: from capture to coming out. *Interval*: between frames that came out. ");
    text.push_str("After the last capture there are 12 s for what is still under way.\n\n");
    let columns = "whole % | missing | skipped | open | dropped by the queue | again % | age p50 ms | p99 ms | interval p50 ms | p99 ms";
    table(&mut text, "video | line Mbit/s | kind", columns);
    for (mean, mbits) in [(250_000, 100), (250_000, 80), (100_000, 24), (100_000, 12), (100_000, 4)] {
        for (kind, viewer) in KINDS {
            let bottleneck = Some(Bottleneck { rate_bps: mbits * 1_000_000, queue_bytes: 64 * 1024 });
            let up = Spec::clean(20 * MS);
            let viewer = Viewer { down: Spec { bottleneck, ..up.clone() }, ..viewer(&up) };
            let camera = Camera { fps: 30.0, mean, spread: 0.2 };
            let scene = Scene { camera, settle: 12 * SECOND, ..scene(20 * SECOND) }.with(viewer);
            let account = scene.run().accounts.remove(0);
            let (ages, intervals) = (account.ages(&scene), account.intervals());
            let _ = writeln!(
                text,
                "| {} Mbit/s | {mbits} | {kind} | {:.2} | {} | {} | {} | {} | {:.1} | {} | {} | {} | {} |",
                mean * 8 * 30 / 1_000_000,
                account.whole_percent(),
                account.missing(),
                account.skipped(),
                account.open(),
                account.down.overflow,
                account.again_percent(),
                ms(percentile(&ages, 0.5)),
                ms(percentile(&ages, 0.99)),
                ms(percentile(&intervals, 0.5)),
                ms(percentile(&intervals, 0.99)),
            );
        }
    }
    check("bottlenecks", &text);
}
