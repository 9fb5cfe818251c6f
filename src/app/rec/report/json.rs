//! What camrec tells programs: the events of `--json` and the sidecar beside each file. Field names are promises: the
//! tables of docs/json.md list them, and a field that is here stays.

use super::super::writer::Note;
use super::super::writer::folder::Deleted;
use super::paths::PathFigures;
use super::reason;
use crate::account::ledger::{Absence, Drops, Ledger, Range};
use crate::app::local_time;
use crate::shown::for_programs;
use crate::store::Whereabouts;
use crate::wire::{FrameNumber, StreamId};
use serde::Serialize;
use std::time::Duration;

/// The sidecars' version: another one has lost a field, or has one that means something else.
pub const VERSION: u32 = 1;

/// What has become of the frames of a file, or of a whole run.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[expect(missing_docs, reason = "the table in docs/json.md says what each is")]
pub struct Figures {
    pub frames: u64,
    pub bytes: u64,
    pub repaired: u64,
    pub skipped: u64,
    pub missing: u64,
    pub not_written: u64,
    pub missing_unnamed: u64,
    pub missing_ranges: Vec<MissingRange>,
    pub camera_drops: u64,
    pub camera_drops_unnamed: u64,
    pub camera_drop_ranges: Vec<DropRange>,
    pub camera_absences: u64,
    pub camera_away_ms: u64,
    pub camera_absences_unnamed: u64,
    pub camera_absence_ranges: Vec<AbsenceRange>,
}

/// Frames that are not in the recording.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the table in docs/json.md says what each is")]
pub struct MissingRange {
    pub first: u32,
    pub last: u32,
    pub count: u32,
    pub why: &'static str,
    pub from: Option<String>,
    pub to: Option<String>,
}

/// Frames that the camera or its driver dropped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the table in docs/json.md says what each is")]
pub struct DropRange {
    pub after: u32,
    pub count: u64,
    pub from: String,
    pub to: String,
}

/// The camera was away between two frames.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the table in docs/json.md says what each is")]
pub struct AbsenceRange {
    pub after: u32,
    pub before: u32,
    pub from: String,
    pub to: String,
    pub away_ms: u64,
}

/// The sidecar of a file.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[expect(missing_docs, reason = "the table in docs/json.md says what each is")]
pub struct Sidecar {
    pub version: u32,
    pub recorder: &'static str,
    pub file: String,
    pub stream: Option<String>,
    pub signed_by: Option<String>,
    pub width: u16,
    pub height: u16,
    pub start: String,
    pub end: String,
    pub first_frame: u32,
    pub last_frame: u32,
    pub file_bytes: u64,
    #[serde(flatten)]
    pub figures: Figures,
}

/// A line of `--json`.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the table in docs/json.md says what each is")]
pub enum JsonEvent<'a> {
    Joined {
        host: &'a str,
        stream: Option<String>,
        away_ms: Option<u64>,
    },
    Waiting {
        host: &'a str,
        why: String,
    },
    Lost {
        host: &'a str,
        why: String,
    },
    PathJoined {
        host: &'a str,
        away_ms: Option<u64>,
    },
    PathLost {
        host: &'a str,
        why: String,
    },
    PathFailed {
        host: &'a str,
        why: String,
    },
    SegmentBegun {
        path: String,
        start: String,
        frame: u32,
        width: u16,
        height: u16,
    },
    SegmentFinished {
        path: String,
        sidecar: Option<String>,
        #[serde(flatten)]
        contents: &'a Sidecar,
    },
    SegmentDeleted {
        path: String,
        bytes: u64,
        why: &'static str,
    },
    SegmentSuspect {
        path: String,
        why: String,
    },
    SegmentLost {
        path: String,
        why: &'static str,
        now: Option<String>,
        frames: u64,
    },
    CommandFailed {
        path: String,
        why: String,
    },
    RecordingWaits {
        why: String,
    },
    RecordingResumed {
        after_ms: u64,
    },
    Missing(MissingRange),
    CameraSilent {},
    CameraBack {
        away_ms: u64,
    },
    CameraAbsence(AbsenceRange),
    Status {
        frames: u64,
        fps: f64,
        bytes: u64,
        missing: u64,
        delay_ms: Option<u64>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        paths: Vec<PathFigures>,
    },
    Account {
        exit: u8,
        #[serde(flatten)]
        figures: Box<Figures>,
        restarts: u32,
        missing_outside_sidecars: u64,
        away_since: Option<String>,
        camera_away_since: Option<String>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        paths: Vec<PathFigures>,
    },
    ClockSet {
        by_ms: i64,
    },
    EventsLost {
        count: u64,
    },
    Error {
        exit: u8,
        message: String,
    },
}

/// An event with the time at which it happened.
#[derive(Serialize)]
struct Line<'a> {
    time: String,
    #[serde(flatten)]
    event: &'a JsonEvent<'a>,
}

impl<'a> JsonEvent<'a> {
    /// The event for what the writer says, if programs are told of it.
    pub(in crate::app::rec) fn of(note: &'a Note) -> Option<Self> {
        Some(match note {
            Note::Begun { path, start, number, size } => JsonEvent::SegmentBegun {
                path: for_programs(path),
                start: local_time::rfc3339(*start),
                frame: number.0,
                width: size.width,
                height: size.height,
            },
            Note::Finished(segment) => JsonEvent::SegmentFinished {
                path: for_programs(segment.summary.path.as_ref()?),
                sidecar: segment.sidecar.as_ref().and_then(|it| it.as_ref().ok()).map(for_programs),
                contents: segment.contents.as_ref()?,
            },
            Note::Missing(range) => JsonEvent::Missing(range.into()),
            Note::Absent(absence) => JsonEvent::CameraAbsence(absence.into()),
            Note::Deleted(Deleted { path, bytes, reason: why, .. }) => {
                JsonEvent::SegmentDeleted { path: for_programs(path), bytes: *bytes, why: reason(*why) }
            }
            Note::Waits { why, is_news: true } => JsonEvent::RecordingWaits { why: why.clone() },
            Note::Resumed { after } => JsonEvent::RecordingResumed { after_ms: millis(*after) },
            Note::Suspect { path, why } => {
                JsonEvent::SegmentSuspect { path: for_programs(path), why: why.clone() }
            }
            Note::Lost { path, to, frames } => {
                let (why, now) = match to {
                    Whereabouts::There => return None,
                    Whereabouts::Deleted => ("deleted", None),
                    Whereabouts::Moved(now) => ("moved", now.as_ref().map(for_programs)),
                    Whereabouts::Unmounted => ("unmounted", None),
                };
                JsonEvent::SegmentLost { path: for_programs(path), why, now, frames: *frames }
            }
            Note::ClockSet(by) => {
                JsonEvent::ClockSet { by_ms: i64::try_from(by.as_millis()).unwrap_or(i64::MAX) }
            }
            Note::Spare(_)
            | Note::Resized { .. }
            | Note::Flips { .. }
            | Note::Held(_)
            | Note::Untimed(_)
            | Note::NotJpeg(_)
            | Note::Purged(_)
            | Note::KeepsFew(_)
            | Note::Waits { is_news: false, .. }
            | Note::Limit { .. }
            | Note::Failed(_) => return None,
        })
    }

    /// The event as a line, with its newline.
    pub fn line(&self) -> String {
        let line = Line { time: local_time::rfc3339(local_time::timestamp()), event: self };
        let mut text = serde_json::to_string(&line).unwrap_or_default(); // it has no map whose keys are not text
        text.push('\n');
        text
    }
}

impl Sidecar {
    /// The sidecar's text.
    pub fn text(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        text
    }
}

impl From<&Ledger> for Figures {
    fn from(ledger: &Ledger) -> Self {
        let counts = ledger.counts();
        Figures {
            frames: counts.recorded,
            bytes: counts.bytes,
            repaired: counts.repaired,
            skipped: counts.skipped,
            missing: counts.missing,
            not_written: counts.not_written,
            missing_unnamed: counts.missing_unnamed,
            missing_ranges: ledger.missing().iter().map(MissingRange::from).collect(),
            camera_drops: counts.camera_drops,
            camera_drops_unnamed: counts.drops_unnamed,
            camera_drop_ranges: ledger.drops().iter().map(DropRange::from).collect(),
            camera_absences: counts.absences,
            camera_away_ms: millis(counts.away),
            camera_absences_unnamed: counts.absences_unnamed,
            camera_absence_ranges: ledger.absences().iter().map(AbsenceRange::from).collect(),
        }
    }
}

impl From<&Range> for MissingRange {
    fn from(range: &Range) -> Self {
        let (FrameNumber(first), FrameNumber(last)) = (range.first, range.last());
        let [from, to] = [range.from, range.to].map(|time| time.map(local_time::rfc3339));
        MissingRange { first, last, count: range.count, why: range.why.word(), from, to }
    }
}

impl From<&Drops> for DropRange {
    fn from(drops: &Drops) -> Self {
        let [from, to] = [drops.from, drops.to].map(local_time::rfc3339);
        DropRange { after: drops.after.0, count: drops.count, from, to }
    }
}

impl From<&Absence> for AbsenceRange {
    fn from(absence: &Absence) -> Self {
        let [FrameNumber(after), FrameNumber(before)] = [absence.after, absence.before];
        let [from, to] = [absence.from, absence.to].map(local_time::rfc3339);
        AbsenceRange { after, before, from, to, away_ms: millis(absence.lasted) }
    }
}

/// As events and sidecars have times that pass.
pub fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// A stream's identity as join lines have it.
pub fn stream_id(StreamId(id): StreamId) -> String {
    format!("{id:016x}")
}
