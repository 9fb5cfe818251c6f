//! `/metrics`: the program's counters for Prometheus, in its text format 0.0.4 or as OpenMetrics 1.0.
//!
//! Both are a line a value; what differs is that OpenMetrics names a counter's family without `_total`, and ends with `# EOF`.
//! Prometheus 3 takes neither with another Content-Type than its own.

use crate::app::cast::outlet::Shared;
use crate::app::cast::seen::Way;
use crate::app::cast::stats::{Spill, Turns};
use crate::supervisor::Signal;
use std::fmt::Write;

/// The Content-Type of the text format.
pub(super) const PLAIN: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The Content-Type of OpenMetrics.
pub(super) const OPEN: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What is written by now.
struct Page {
    text: String,
    is_open: bool,
}

impl Page {
    /// Says what a family of counters is. Their names end in `_total`.
    fn counters(&mut self, name: &str, help: &str) {
        let name = if self.is_open { name.trim_end_matches("_total") } else { name };
        self.family(name, "counter", help);
    }

    fn counter(&mut self, name: &str, help: &str, value: u64) {
        self.counters(name, help);
        self.value(name, "", value as f64);
    }

    fn gauge(&mut self, name: &str, help: &str, value: f64) {
        self.family(name, "gauge", help);
        self.value(name, "", value);
    }

    fn family(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.text, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn value(&mut self, name: &str, labels: &str, value: f64) {
        let _ = writeln!(self.text, "{name}{labels} {value}");
    }
}

/// A label's value as it stands between quotation marks.
fn escaped(text: &str) -> String {
    text.replace('\\', r"\\").replace('"', r#"\""#).replace('\n', r"\n")
}

/// The text.
pub(super) fn text(shared: &Shared<'_>, is_open: bool) -> String {
    let (reel, stats) = (&shared.stream.reel, &*shared.stats);
    let mut page = Page { text: String::new(), is_open };
    page.family("camcast_build_info", "gauge", "The program's version.");
    page.value("camcast_build_info", concat!("{version=\"", env!("CARGO_PKG_VERSION"), "\"}"), 1.0);
    let is_up = shared.stream.source.signal() == Signal::Present;
    page.gauge("camcast_camera_up", "Whether the camera delivers.", f64::from(u8::from(is_up)));
    page.counter(
        "camcast_frames_total",
        "Frames that the camera has delivered, and that were kept.",
        stats.frames,
    );
    page.counters("camcast_frames_dropped_total", "Frames that were not kept, by reason.");
    for (count, why) in stats.dropped.by_reason() {
        page.value("camcast_frames_dropped_total", &format!("{{reason=\"{}\"}}", escaped(why)), count as f64);
    }
    page.gauge("camcast_frames_per_second", "The camera's rate.", reel.fps().unwrap_or(0.0).into());
    page.gauge("camcast_bytes_per_second", "Bytes of frames.", reel.byte_rate().unwrap_or(0.0).into());
    page.gauge("camcast_reel_bytes", "Memory for the newest frames.", reel.capacity() as f64);
    let kept = reel.next_number().since(reel.oldest_number());
    page.gauge("camcast_reel_frames", "Frames that are kept.", kept.max(0).into());
    page.family("camcast_clients", "gauge", "Who gets the stream, by the way that it goes.");
    for (way, count) in Way::ALL.into_iter().zip(stats.by_way) {
        let (outlet, kind) = way.labels();
        page.value("camcast_clients", &format!("{{outlet=\"{outlet}\",kind=\"{kind}\"}}"), count as f64);
    }
    let sent = stats.sent();
    page.counter("camcast_sent_frames_total", "Whole frames that have gone to clients.", sent.frames);
    page.counter("camcast_sent_bytes_total", "Bytes of frames that have gone to clients.", sent.bytes);
    page.counter("camcast_sent_datagrams_total", "Datagrams, those sent again included.", sent.datagrams);
    page.counter("camcast_repairs_total", "Fragments of frames sent again.", sent.repairs);
    page.counter("camcast_skipped_frames_total", "Frames that a client did not get.", sent.skipped);
    page.counters(
        "camcast_http_shrunk_frames_total",
        "Frames made smaller for those who ask for that, once for all of a scale.",
    );
    for (scale, count) in stats.shrunk.by_scale() {
        let labels = format!("{{scale=\"{}\"}}", scale.divisor());
        page.value("camcast_http_shrunk_frames_total", &labels, count as f64);
    }
    page.counter(
        "camcast_http_not_shrunk_frames_total",
        "Frames that could not be made smaller.",
        stats.shrunk.failed,
    );
    page.counter("camcast_joins_total", "Clients that have joined.", stats.joined);
    page.counter("camcast_leaves_total", "Clients that have left.", stats.left);
    page.counter("camcast_rejections_total", "Connections that were not let in.", stats.rejected);
    page.counter(
        "camcast_datagrams_not_sent_total",
        "Datagrams that the system did not send.",
        stats.not_sent,
    );
    page.counter("camcast_datagrams_strange_total", "Datagrams of nobody who had joined.", stats.strays);
    stats.spill.iter().for_each(|spill| spilled(&mut page, spill));
    loop_time(&mut page, &stats.turns);
    if is_open {
        page.text.push_str("# EOF\n");
    }
    page.text
}

fn spilled(page: &mut Page, spill: &Spill) {
    let Spill { away, served, bytes, limit, lost, is_well } = *spill;
    page.gauge(
        "camcast_spill_up",
        "Whether the disk of --spill does what it is to do.",
        f64::from(u8::from(is_well)),
    );
    page.family(
        "camcast_spill_recorders",
        "gauge",
        "Recorders that miss frames, or are getting what they missed.",
    );
    for (state, count) in [("away", away), ("served", served)] {
        page.value("camcast_spill_recorders", &format!("{{state=\"{state}\"}}"), count as f64);
    }
    page.gauge("camcast_spill_bytes", "Bytes on the disk that are kept for them.", bytes as f64);
    page.gauge("camcast_spill_limit_bytes", "Bytes that may be (--spill-size).", limit as f64);
    page.counter("camcast_spill_lost_frames_total", "Frames that the disk did not take in time.", lost);
}

fn loop_time(page: &mut Page, turns: &Turns) {
    let Turns { count, busy, longest, .. } = *turns;
    page.counter("camcast_loop_turns_total", "Turns of the loop.", count);
    page.counters("camcast_loop_busy_seconds_total", "Time in which the loop was not asleep.");
    page.value("camcast_loop_busy_seconds_total", "", busy.as_secs_f64());
    page.gauge(
        "camcast_loop_longest_turn_seconds",
        "The longest turn since the start.",
        longest.as_secs_f64(),
    );
}
