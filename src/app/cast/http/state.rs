//! `/state`: what ustreamer tells programs, under the same names, and more beside it under ours.

use crate::app::cast::outlet::Shared;
use crate::app::cast::report::name_of;
use crate::app::cast::seen;
use crate::app::cast::stats;
use crate::app::local_time;
use crate::sender::{Tally, View};
use crate::supervisor::Signal;
use crate::time::Time;
use serde::Serialize;

#[derive(Serialize)]
struct State {
    ok: bool,
    result: Result,
}

#[derive(Serialize)]
struct Result {
    instance_id: &'static str,
    encoder: Encoder,
    source: Source,
    stream: Stream,
    camcast: Camcast,
}

#[derive(Serialize)]
struct Encoder {
    #[serde(rename = "type")]
    kind: &'static str,
    quality: u32,
}

#[derive(Serialize)]
struct Source {
    resolution: Resolution,
    online: bool,
    desired_fps: u32,
    captured_fps: u32,
}

#[derive(Serialize)]
struct Resolution {
    width: u16,
    height: u16,
}

#[derive(Serialize)]
struct Stream {
    queued_fps: u32,
    clients: usize,
    clients_stat: Empty,
}

#[derive(Serialize)]
struct Empty {}

#[derive(Serialize)]
struct Camcast {
    version: &'static str,
    fps: Option<f32>,
    bytes_per_second: Option<f32>,
    no_signal: Option<String>,
    frames: u64,
    dropped: u64,
    reel_bytes: usize,
    clients: usize,
    http_viewers: usize,
    joined: u64,
    left: u64,
    rejected: u64,
    datagrams_not_sent: u64,
    sent_frames: u64,
    sent_bytes: u64,
    repairs: u64,
    unix_ms: i64,
    spill: Option<Spill>,
    client_list: Vec<Client>,
}

/// What is kept on a disk for recorders that are away.
#[derive(Serialize)]
struct Spill {
    ok: bool,
    away: usize,
    served: usize,
    bytes: u64,
    limit_bytes: u64,
    lost_frames: u64,
}

impl Spill {
    fn of(spill: stats::Spill) -> Self {
        let stats::Spill { away, served, bytes, limit, lost, is_well } = spill;
        Spill { ok: is_well, away, served, bytes, limit_bytes: limit, lost_frames: lost }
    }
}

/// One who gets the stream.
#[derive(Serialize)]
struct Client {
    address: String,
    kind: String,
    seconds: f32,
    frames: u64,
    bytes: u64,
    skipped: u64,
    repairs: u64,
    lost_percent: Option<f32>,
    round_trip_ms: Option<f32>,
}

impl Client {
    fn of(seen: &seen::Client, now: Time) -> Self {
        let Tally { frames, bytes, skipped, repairs, view, .. } = seen.tally;
        let lost = |view: View| {
            let lost = view.sent.saturating_sub(view.arrived);
            (view.sent > 0).then(|| 100.0 * lost as f32 / view.sent as f32)
        };
        Client {
            address: name_of(seen.remote),
            kind: seen.way.to_string().to_lowercase(),
            seconds: now.since(seen.since).as_secs_f32(),
            frames,
            bytes,
            skipped,
            repairs,
            lost_percent: view.and_then(lost),
            round_trip_ms: view.filter(|view| view.rtt_us > 0).map(|view| view.rtt_us as f32 / 1000.0),
        }
    }
}

/// The text, of which `viewers` have the stream by HTTP.
pub(super) fn text(shared: &Shared<'_>, viewers: usize, now: Time) -> String {
    let sent = shared.stats.sent();
    let (reel, stats) = (&shared.stream.reel, &*shared.stats);
    let no_signal = match shared.stream.source.signal() {
        Signal::Present => None,
        Signal::Lost { cause, .. } => Some(cause.to_string()),
    };
    let fps = reel.fps().map_or(0, |fps| fps.round() as u32);
    let size = reel.newest().map(|frame| frame.size());
    let state = State {
        ok: true,
        result: Result {
            instance_id: "",
            // nothing is encoded: frames are the camera's
            encoder: Encoder { kind: "NOOP", quality: 0 },
            source: Source {
                resolution: Resolution {
                    width: size.map_or(0, |size| size.width),
                    height: size.map_or(0, |size| size.height),
                },
                online: no_signal.is_none() && size.is_some(),
                desired_fps: fps,
                captured_fps: fps,
            },
            stream: Stream { queued_fps: fps, clients: viewers, clients_stat: Empty {} },
            camcast: Camcast {
                version: env!("CARGO_PKG_VERSION"),
                fps: reel.fps(),
                bytes_per_second: reel.byte_rate(),
                no_signal,
                frames: stats.frames,
                dropped: stats.dropped.total(),
                reel_bytes: reel.capacity(),
                clients: stats.clients,
                http_viewers: viewers,
                joined: stats.joined,
                left: stats.left,
                rejected: stats.rejected,
                datagrams_not_sent: stats.not_sent,
                sent_frames: sent.frames,
                sent_bytes: sent.bytes,
                repairs: sent.repairs,
                unix_ms: local_time::timestamp().as_millisecond(),
                spill: stats.spill.map(Spill::of),
                client_list: stats.seen.clients().iter().map(|client| Client::of(client, now)).collect(),
            },
        },
    };
    serde_json::to_string(&state).unwrap_or_default()
}
