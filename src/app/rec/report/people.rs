//! What people are told of what the writer says: a line of the log for each note.

use super::super::writer::Note;
use super::super::writer::folder::{Deleted, Purge};
use super::reason;
use crate::app::local_time;
use crate::app::quantity::{counted, show_bytes};
use crate::record::segment::Cut;
use crate::shown::shown;
use crate::store::{Error as StoreError, Whereabouts};
use jiff::{SignedDuration, Timestamp};
use log::Level;
use std::path::Path;

/// Why no file begins, for once.
fn held(why: Cut) -> String {
    let what = match why {
        Cut::Size => "the picture's size changes",
        Cut::Stream => "camcast begins anew",
        Cut::Clock => "the camera's clock jumps",
        Cut::First | Cut::Duration => "the camera's clock runs through files",
    };
    format!("{what} too often for a file each time: the recording goes on in the one that is open")
}

/// What a note's words depend on besides.
#[derive(Clone, Copy, Debug)]
pub(in crate::app::rec) struct Context {
    /// Files are recorded: on standard output no file begins.
    pub(in crate::app::rec) is_folder: bool,
    /// How often this happened since it was last said.
    pub(in crate::app::rec) times: u64,
}

/// The log's target for a note's line: a minute's lines are counted for each. Who filters by module has them all with this one.
pub(in crate::app::rec) fn target(note: &Note) -> &'static str {
    macro_rules! note {
        ($name:literal) => {
            concat!(module_path!(), "::", $name)
        };
    }
    match note {
        Note::Begun { .. } => note!("begun"),
        Note::Resized { .. } => note!("resized"),
        Note::Flips { .. } => note!("flips"),
        Note::Held(_) => note!("held"),
        Note::Untimed(_) => note!("untimed"),
        Note::NotJpeg(_) => note!("not_jpeg"),
        Note::Finished(_) => note!("finished"),
        Note::Deleted(_) => note!("deleted"),
        Note::Purged(_) => note!("purged"),
        Note::KeepsFew(_) => note!("keeps_few"),
        Note::Waits { .. } => note!("waits"),
        Note::Resumed { .. } => note!("resumed"),
        Note::Suspect { .. } => note!("suspect"),
        Note::Lost { .. } => note!("lost"),
        Note::Limit { .. } => note!("limit"),
        Note::ClockSet(_) => note!("clock_set"),
        Note::Failed(_) | Note::Spare(_) | Note::Missing(_) | Note::Absent(_) => module_path!(),
    }
}

/// The line for a note, if people are told of it.
pub(in crate::app::rec) fn line(note: &Note, context: Context) -> Option<(Level, String)> {
    let with_effect = |what: String, effect: &str| if context.is_folder { what + effect } else { what };
    Some(match note {
        Note::Begun { path, .. } => (Level::Info, format!("writing {}", shown(path))),
        Note::Resized { from, to } => {
            let what = format!("the picture is now {to} (was {from})");
            (Level::Info, with_effect(what, ": a new file begins"))
        }
        Note::Flips { from, to } => {
            let what = format!("the picture's size flips, {from} and {to}");
            (Level::Info, with_effect(what, ": they share a file until one of them lasts"))
        }
        Note::Held(why) => (Level::Warn, held(*why)),
        Note::Untimed(number) => (
            Level::Warn,
            format!(
                "frame {number} says that it was captured when it cannot have been: it has the time of its coming"
            ),
        ),
        Note::NotJpeg(number) => {
            (Level::Warn, format!("frame {number} is no JPEG: it is not in the recording"))
        }
        Note::Finished(segment) => (Level::Warn, no_sidecar(segment.sidecar.as_ref()?.as_ref().err()?)),
        Note::Deleted(deleted) if deleted.at_start => return None,
        Note::Deleted(Deleted { path, bytes, reason: why, .. }) => {
            (Level::Info, format!("deleted {}, {}: {}", shown(path), show_bytes(*bytes), reason(*why)))
        }
        Note::Purged(purge) => (Level::Info, purged(purge)),
        Note::KeepsFew(why) => (Level::Warn, why.clone()),
        Note::Waits { why, .. } => {
            (Level::Warn, format!("not recording: {why}: camrec goes on as soon as it can"))
        }
        Note::Resumed { after } => {
            (Level::Info, format!("recording again after {:.1} s", after.as_secs_f32()))
        }
        Note::Suspect { path, why } => {
            (Level::Warn, format!("{} may lack its last frames: {why}; a new file begins", shown(path)))
        }
        Note::Lost { path, to, frames } => (Level::Warn, lost(path, to, *frames)?),
        Note::Limit { why } => (Level::Warn, limit(why, context.times)),
        Note::ClockSet(by) => (Level::Warn, clock_set(*by)),
        // a player was closed
        Note::Failed(StoreError::Closed) => {
            (Level::Debug, "nobody reads standard output any more".to_owned())
        }
        // the exit says it
        Note::Failed(_) => return None,
        Note::Spare(_) | Note::Missing(_) | Note::Absent(_) => return None,
    })
}

fn no_sidecar(error: &StoreError) -> String {
    format!("{error}: the recording is whole, but it has no sidecar")
}

fn limit(why: &str, times: u64) -> String {
    let times = if times > 1 { format!(" ({times} times)") } else { String::new() };
    format!("{why}; a new file begins{times}")
}

fn clock_set(by: SignedDuration) -> String {
    let direction = if by.is_negative() { "back" } else { "forward" };
    let seconds = by.abs().as_secs_f64();
    format!(
        "this machine's clock was set {direction} by {seconds:.3} s: files from here on have the new time"
    )
}

fn lost(path: &Path, to: &Whereabouts, frames: u64) -> Option<String> {
    let name = shown(path);
    Some(match to {
        Whereabouts::There => return None,
        Whereabouts::Deleted => {
            format!("{name} was deleted while it was written: {frames} frames are lost; a new file begins")
        }
        Whereabouts::Unmounted => format!(
            "the disk of {name} was unmounted while it was written: the file ends there, with {frames} frames"
        ),
        Whereabouts::Moved(Some(now)) => format!(
            "{name} was moved to {} while it was written: it ends there, with {frames} frames; a new file begins",
            shown(now)
        ),
        Whereabouts::Moved(None) => format!(
            "{name} was moved while it was written, nobody knows where to: it has {frames} frames; a new file begins"
        ),
    })
}

fn purged(Purge { files, bytes, oldest, reasons }: &Purge) -> String {
    let recordings = counted(*files, "recording");
    let oldest = local_time::date_of(Timestamp::from_second(*oldest).unwrap_or_default());
    let why: Vec<&str> = reasons.iter().map(|why| reason(*why)).collect();
    format!(
        "deleted {recordings} of earlier runs, {}, the oldest of {oldest}: {}",
        show_bytes(*bytes),
        why.join(" and ")
    )
}

#[cfg(test)]
mod tests {
    use super::super::json::JsonEvent;
    use super::*;
    use crate::record::retention::DeleteReason;
    use crate::wire::FrameNumber;
    use std::path::PathBuf;
    use std::time::Duration;

    /// A note's line, and the JSON of its event without the time.
    fn both(note: &Note, times: u64) -> (String, String) {
        let words = line(note, Context { is_folder: true, times });
        let event = JsonEvent::of(note).map(|event| serde_json::to_string(&event).unwrap());
        let words = words.map(|(level, text)| format!("{level} {text}"));
        (words.unwrap_or_default(), event.unwrap_or_default())
    }

    fn lost_to(to: Whereabouts) -> Note {
        Note::Lost { path: "a.mkv".into(), to, frames: 7 }
    }

    #[test]
    fn each_note_is_told_to_people_and_programs() {
        let path = || PathBuf::from("a.mkv");
        let deleted = |at_start| {
            let reason = DeleteReason::Age;
            Note::Deleted(Deleted { path: path(), bytes: 2_000_000, ended: 0, reason, at_start })
        };
        let event =
            r#"{"event":"segment-deleted","path":"a.mkv","bytes":2000000,"why":"older than --keep-for"}"#;
        let words = format!("INFO deleted a.mkv, {}: older than --keep-for", show_bytes(2_000_000));
        assert_eq!(both(&deleted(false), 1), (words, event.into()));
        assert_eq!(both(&deleted(true), 1), (String::new(), event.into()), "together, at the end");
        let table = [
            (Note::NotJpeg(FrameNumber(9)), "WARN frame 9 is no JPEG: it is not in the recording", ""),
            (
                Note::Waits { why: "no room".into(), is_news: true },
                "WARN not recording: no room: camrec goes on as soon as it can",
                r#"{"event":"recording-waits","why":"no room"}"#,
            ),
            (
                Note::Waits { why: "no room".into(), is_news: false },
                "WARN not recording: no room: camrec goes on as soon as it can",
                "",
            ),
            (
                Note::Resumed { after: Duration::from_millis(1_500) },
                "INFO recording again after 1.5 s",
                r#"{"event":"recording-resumed","after_ms":1500}"#,
            ),
            (
                Note::Suspect { path: path(), why: "EIO".into() },
                "WARN a.mkv may lack its last frames: EIO; a new file begins",
                r#"{"event":"segment-suspect","path":"a.mkv","why":"EIO"}"#,
            ),
            (
                Note::ClockSet(SignedDuration::from_millis(-2_500)),
                "WARN this machine's clock was set back by 2.500 s: files from here on have the new time",
                r#"{"event":"clock-set","by_ms":-2500}"#,
            ),
            (Note::Failed(StoreError::Closed), "DEBUG nobody reads standard output any more", ""),
            (Note::Spare(Vec::new()), "", ""),
        ];
        for (note, words, event) in table {
            assert_eq!(both(&note, 1), (words.to_owned(), event.to_owned()), "{note:?}");
        }
    }

    #[test]
    fn where_a_file_went_is_told_as_far_as_it_is_known() {
        let event = |why: &str, now: &str| {
            format!(r#"{{"event":"segment-lost","path":"a.mkv","why":"{why}","now":{now},"frames":7}}"#)
        };
        let table = [
            (Whereabouts::Deleted, "a.mkv was deleted while", event("deleted", "null")),
            (Whereabouts::Unmounted, "the disk of a.mkv was unmounted while", event("unmounted", "null")),
            (Whereabouts::Moved(Some("b".into())), "a.mkv was moved to b while", event("moved", "\"b\"")),
            (Whereabouts::Moved(None), "a.mkv was moved while", event("moved", "null")),
        ];
        for (to, words, event) in table {
            let (said, told) = both(&lost_to(to), 1);
            assert!(said.starts_with(&format!("WARN {words}")) && said.contains("7 frames"), "{said}");
            assert_eq!(told, event);
        }
        assert_eq!(both(&lost_to(Whereabouts::There), 1), Default::default());
    }

    #[test]
    fn a_limit_says_how_often_and_standard_output_has_no_files() {
        let limit = Note::Limit { why: "2 GiB".into() };
        assert_eq!(both(&limit, 1).0, "WARN 2 GiB; a new file begins");
        assert_eq!(both(&limit, 3).0, "WARN 2 GiB; a new file begins (3 times)");
        let [from, to] = [(640, 480), (320, 240)].map(|(width, height)| crate::jpeg::Size { width, height });
        let resized = Note::Resized { from, to };
        let words = |is_folder| line(&resized, Context { is_folder, times: 1 }).unwrap().1;
        assert!(words(true).ends_with(": a new file begins"), "{}", words(true));
        assert_eq!(words(false), format!("the picture is now {to} (was {from})"));
    }
}
