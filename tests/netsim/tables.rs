//! The tables of docs/NETSIM.md: what the repair does, in figures that a change of the engine changes visibly.
//! `UPDATE_GOLDEN=1 cargo test --test netsim tables` writes them again; the diff is the review.

use crate::account::{Account, Report, percentile};
use crate::netem::{Bottleneck, GilbertElliott, Reorder, Spec};
use crate::scene::{Camera, Scene, Viewer};
use camcast::receiver::shares::Share;
use std::fmt::Write;
use std::time::Duration;

const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/NETSIM.md");
const HEAD: &str = "\
# What a bad network does

Simulated: the real sender and receiver, a bad network between them, one virtual clock (`tests/netsim`). A row is one
run with one seed, and comes out the same on every machine. `UPDATE_GOLDEN=1 cargo test --test netsim tables` writes
this page anew.

Unless a row says otherwise: 20 s of 30 frames a second, 80 to 120 kB each (24 Mbit/s); the same path both ways, 20 ms
one way; a reel of 32 MiB, which is 10 s of it.

| column | |
|---|---|
| whole | frames that came out with every byte, in percent of those that the camera delivered |
| missing, skipped | frames that were given up; frames that the sender left out for a viewer's sake, and said so |
| open | frames of which nothing had been said when the run ended |
| p50, p99 | from capture to coming out, ms, without the path's own delay |
| again | datagrams sent again, and parity rows, in percent of those sent for the first time |
| twice | datagrams that came though they were there already, or their frame was whole, in percent of the same |
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
const PARTS: [&str; 7] = ["loss", "rates", "trouble", "outages", "bottlenecks", "bursts", "paths"];

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

/// The columns that all tables of paths begin with.
fn outcome(account: &Account, scene: &Scene, delay: Duration) -> String {
    let ages = account.ages(scene);
    let beyond = |share| ms(percentile(&ages, share).saturating_sub(delay));
    format!(
        "{:.2} | {} | {} | {} | {} | {} | {:.1}",
        account.whole_percent(),
        account.missing(),
        account.skipped(),
        account.open(),
        beyond(0.5),
        beyond(0.99),
        account.again_percent(),
    )
}

/// What the receiver says, in kbit/s: with the second before and the two after.
fn back(account: &Account) -> String {
    format!("{:.0}", account.continue_bytes as f64 * 8.0 / 1e3 / 23.0)
}

fn columns(account: &Account, scene: &Scene, delay: Duration) -> String {
    format!(
        "{} | {:.1} | {} | {}",
        outcome(account, scene, delay),
        100.0 * account.duplicates as f64 / account.sent_first.max(1) as f64,
        account.sent_most,
        back(account),
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
            for loss in [0, 1, 5, 10, 20] {
                let path = Spec { loss: f64::from(loss) / 100.0, ..Spec::clean(delay * MS) };
                let scene = scene(20 * SECOND).with(viewer(&path));
                let columns = columns(&scene.run().accounts[0], &scene, delay * MS);
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
    text.push_str("its first frame may take longer than an interval: that is one that a viewer skips; others are those that come while its ");
    text.push_str("answer to the first BEAT is under way, in a session that begins when the camera does.\n");
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
                let fps_number = fps;
                let fps = if fps < 0.05 { "1/60".into() } else { format!("{fps}") };
                let Worst { lost, unasked, again, age, late } = worst;
                let [missing, skipped, open, repaired] = unasked;
                let (kb, whole) = (bytes_of(bursts) / 1000, 100.0 - lost);
                let (age, late) = (1e3 * age.as_secs_f64(), 1e3 * late.as_secs_f64());
                let row = format!(
                    "| {fps} | {kb} | {whole:.2} | {missing} | {skipped} | {open} | {repaired} | {again:.1} | {age:.0} | {late:.1} |"
                );
                // the second frame of all finds the first one under way, as no rate is known yet; and what comes while the
                // client has not answered the first BEAT is not sent to a viewer
                let most = 1.max((fps_number * 0.05) as u64);
                let is_clean = again == 0.0 && skipped <= most && missing + open + repaired == 0;
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
        let _ = writeln!(text, "\n### {kind}\n");
        table(&mut text, "path", COLUMNS);
        for (name, down, up) in troubles() {
            let scene = scene(20 * SECOND).with(Viewer { up, ..viewer(&down) });
            let columns = columns(&scene.run().accounts[0], &scene, 20 * MS);
            let _ = writeln!(text, "| {name} | {columns} |");
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

/// 30 frames a second of what takes this part of a line.
fn video_of(mbits: u64, part: f64) -> usize {
    (mbits as f64 * part * 1e6 / 8.0 / 30.0) as usize
}

struct Line {
    name: &'static str,
    mbits: u64,
    service: Duration,
    viewers: usize,
}

/// How much goes at once: a frame, where the path holds it, and less where it does not.
#[test]
fn bursts() {
    let mut text = String::from("## Queues, and what is sent to them at once\n\n");
    text.push_str("What is sent takes two thirds of the line, but at most 800 kB a frame. 5 ms one way, 36 s; 8 s for sixteen. *Dropped early*: ");
    text.push_str("datagrams that the queue dropped in the first two seconds; *dropped* later: in percent of those sent. *Age*: from ");
    text.push_str(
        "capture to coming out, without the path's own delay, of the first viewer or recorder.\n\n",
    );
    let columns = "whole % | dropped early | dropped % | again % | age p50 ms | p99 ms";
    table(&mut text, "line | kB a frame | queue kB | kind", columns);
    let line = |name, mbits, service, viewers| Line { name, mbits, service, viewers };
    let lines = [
        line("50 Mbit/s", 50, Duration::ZERO, 1),
        line("100 Mbit/s", 100, Duration::ZERO, 1),
        line("1000 Mbit/s", 1000, Duration::ZERO, 1),
        line("60 Mbit/s, served each 4 ms", 60, 4 * MS, 1),
        line("60 Mbit/s, served each 12 ms", 60, 12 * MS, 1),
        line("100 Mbit/s, for four", 100, Duration::ZERO, 4),
        line("1000 Mbit/s, for sixteen", 1000, Duration::ZERO, 16),
    ];
    for Line { name, mbits, service, viewers } in lines {
        for queue in [16, 64, 256, 1024] {
            // a queue that does not hold what is served at once makes another line
            let served = service.as_secs_f64() * mbits as f64 * 1e6 / 8.0 / 1024.0;
            if (queue as f64) < 2.0 * served || queue < 4 * viewers {
                continue;
            }
            for (kind, viewer) in KINDS {
                let mean = (video_of(mbits, 2.0 / 3.0) / viewers).min(800_000);
                let bottleneck = Some(Bottleneck { rate_bps: mbits * 1_000_000, queue_bytes: queue * 1024 });
                let camera = Camera { fps: 30.0, mean, spread: 0.2 };
                let line = Spec { bottleneck, service, ..Spec::default() };
                let viewers = vec![viewer(&Spec::clean(5 * MS)); viewers];
                // a second of many is long to simulate
                let length = if viewers.len() > 4 { 8 * SECOND } else { 36 * SECOND };
                let scene = Scene { camera, line, viewers, reel: 256 << 20, ..Scene::new(1, length) };
                let account = scene.run().accounts.remove(0);
                let (early, later) = account.dropped();
                let ages = account.ages(&scene);
                let _ = writeln!(
                    text,
                    "| {name} | {} | {queue} | {kind} | {:.2} | {early} | {later:.2} | {:.1} | {} | {} |",
                    mean / 1000,
                    account.whole_percent(),
                    account.again_percent(),
                    ms(percentile(&ages, 0.5).saturating_sub(5 * MS)),
                    ms(percentile(&ages, 0.99).saturating_sub(5 * MS)),
                );
            }
        }
    }
    check("bursts", &text);
}

/// Two paths, and what is done to them.
fn pairs() -> Vec<(&'static str, Spec, Spec)> {
    let lossy = |delay: u32, loss: f64| Spec { loss, ..Spec::clean(delay * MS) };
    let out = |delay: u32| Spec { outages: vec![(5 * SECOND, 15 * SECOND)], ..Spec::clean(delay * MS) };
    let narrow = Spec {
        bottleneck: Some(Bottleneck { rate_bps: 12_000_000, queue_bytes: 64 * 1024 }),
        ..Spec::clean(20 * MS)
    };
    let jitter = Spec { jitter: 30 * MS, loss: 0.05, ..Spec::clean(20 * MS) };
    vec![
        ("20 ms; 20 ms", lossy(20, 0.0), lossy(20, 0.0)),
        ("20 ms, 5 %; the same", lossy(20, 0.05), lossy(20, 0.05)),
        ("50 ms, 10 %; the same", lossy(50, 0.1), lossy(50, 0.1)),
        ("50 ms, 20 %; the same", lossy(50, 0.2), lossy(50, 0.2)),
        ("20 ms, 5 %, jitter 30 ms; the same", jitter.clone(), jitter),
        ("5 ms; 50 ms", lossy(5, 0.0), lossy(50, 0.0)),
        ("5 ms, 5 %; 50 ms, 5 %", lossy(5, 0.05), lossy(50, 0.05)),
        ("5 ms, 20 %; 50 ms", lossy(5, 0.2), lossy(50, 0.0)),
        ("5 ms, 5 %; 300 ms, 5 %", lossy(5, 0.05), lossy(300, 0.05)),
        ("20 ms, 20 %; 30 ms", lossy(20, 0.2), lossy(30, 0.0)),
        ("20 ms, out for 10 s; 20 ms", out(20), lossy(20, 0.0)),
        ("20 ms, out for 10 s; 20 ms, 5 %", out(20), lossy(20, 0.05)),
        ("5 ms, out for 10 s; 50 ms, 5 %", out(5), lossy(50, 0.05)),
        ("20 ms, out for 10 s; 20 ms, 12 Mbit/s", out(20), narrow.clone()),
        ("20 ms; 20 ms, 12 Mbit/s", lossy(20, 0.0), narrow.clone()),
        ("20 ms, 5 %; 20 ms, 12 Mbit/s", lossy(20, 0.05), narrow),
    ]
}

#[test]
fn paths() {
    let mut text = String::from(
        "## Two paths\n\nEach is sent everything (`camrec --also`). *p50*, *p99*: without the shorter path's delay. ",
    );
    text.push_str("*First by*, *lost on*: what camrec says of each path. The outage is from 5 to 15 s.\n");
    for (kind, viewer) in KINDS {
        let _ = writeln!(text, "\n### {kind}\n");
        let columns =
            "whole % | missing | skipped | open | p50 ms | p99 ms | again % | back | first by % | lost on %";
        table(&mut text, "one way, lost; the same of the other path", columns);
        for (name, one, other) in pairs() {
            let both = |one: &Spec, other: &Spec| {
                Viewer { up: Spec { bottleneck: None, ..one.clone() }, ..viewer(one) }.also(other)
            };
            let scene = scene(20 * SECOND).with(both(&one, &other));
            let account = &scene.run().accounts[0];
            let all: u64 = account.shares.iter().map(|share| share.first).sum();
            let each = |figure: &dyn Fn(&Share) -> f64| {
                account
                    .shares
                    .iter()
                    .map(|share| format!("{:.1}", figure(share)))
                    .collect::<Vec<_>>()
                    .join(" / ")
            };
            let _ = writeln!(
                text,
                "| {name} | {} | {} | {} | {} |",
                outcome(account, &scene, one.delay.min(other.delay)),
                back(account),
                each(&|share| 100.0 * share.first as f64 / all as f64),
                each(&|share| share.lost_percent().unwrap_or(0.0)),
            );
        }
    }
    check("paths", &text);
}
