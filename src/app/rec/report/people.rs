//! What camrec tells people and programs: what the writer has said, how it goes, and the account at the end.

use super::super::config::Target;
use super::super::hooks::{FinishedFile, HookError, Hooks};
use super::super::writer::folder::{Deleted, Purge};
use super::super::writer::{Note, Segment};
use super::super::{Recorder, store_failure};
use super::account::Account;
use super::feed::Feed;
use super::json::{AbsenceRange, Figures, JsonEvent, MissingRange, millis};
use super::status::Glance;
use crate::app::exit::{Exit, ExitError};
use crate::app::quantity::show_bytes;
use crate::app::{local_time, logging, say_at_the_end};
use crate::record::retention::DeleteReason;
use crate::shown::{for_programs, shown};
use crate::store::{Error as StoreError, Whereabouts};
use crate::sys::clock;
use crate::time::Time;
use jiff::{SignedDuration, Timestamp};
use std::path::Path;
use std::time::Duration;

/// A status event this often.
pub(in crate::app::rec) const STATUS: Duration = Duration::from_secs(1);

/// Finished files that the account lists.
const LISTED_FILES: usize = 100;

impl Recorder<'_> {
    pub(in crate::app::rec) fn read_notes(&mut self) {
        while let Some(note) = self.writer.poll() {
            self.on_note(note);
        }
        while let Some(HookError { path, why }) = self.after.as_mut().and_then(Hooks::poll) {
            log::warn!("--on-segment for {}: {why}", shown(&path));
            self.tell(&JsonEvent::CommandFailed { path: for_programs(&path), why });
        }
    }

    fn on_note(&mut self, note: Note) {
        match note {
            Note::Spare(buffer) => self.recycle(buffer),
            Note::Begun { path, start, number, size } => {
                log::info!("writing {}", shown(&path));
                self.tell(&JsonEvent::SegmentBegun {
                    path: for_programs(&path),
                    start: local_time::rfc3339(start),
                    frame: number.0,
                    width: size.width,
                    height: size.height,
                });
            }
            Note::Finished(segment) => self.on_finished(*segment),
            Note::Missing(range) if self.feed.is_some() => {
                self.tell(&JsonEvent::Missing(MissingRange::from(&range)));
            }
            Note::Missing(_) => {}
            Note::Absent(absence) => self.tell(&JsonEvent::CameraAbsence(AbsenceRange::from(&absence))),
            Note::Resized { from, to } => {
                self.say_size(&format!("the picture is now {to} (was {from})"), ": a new file begins");
            }
            Note::Flips { from, to } => {
                let effect = ": they share a file until one of them lasts";
                self.say_size(&format!("the picture's size flips, {from} and {to}"), effect);
            }
            Note::NotJpeg(number) => {
                self.progress.handed = self.progress.handed.saturating_sub(1);
                log::warn!("frame {number} is no JPEG: it is not in the recording");
            }
            Note::Deleted(deleted) => self.on_deleted(&deleted),
            Note::Purged(purge) => self.on_purged(&purge),
            Note::KeepsFew(why) => {
                log::warn!("{why}");
            }
            Note::Waits { why, is_news } => {
                if is_news {
                    self.tell(&JsonEvent::RecordingWaits { why: why.clone() });
                }
                log::warn!("not recording: {why}: camrec goes on as soon as it can");
            }
            Note::Resumed { after } => {
                log::info!("recording again after {:.1} s", after.as_secs_f32());
                self.tell(&JsonEvent::RecordingResumed { after_ms: millis(after) });
            }
            Note::Suspect { path, why } => {
                log::warn!("{} may lack its last frames: {why}; a new file begins", shown(&path));
                self.tell(&JsonEvent::SegmentSuspect { path: for_programs(&path), why });
            }
            Note::Lost { path, to, frames } => self.on_lost(&path, &to, frames),
            Note::Limit { why } => {
                if let Some(count) = self.limits.happened(clock::now()) {
                    let times = if count > 1 { format!(" ({count} times)") } else { String::new() };
                    log::warn!("{why}; a new file begins{times}");
                }
            }
            Note::ClockSet(by) => self.on_clock_set(by),
            Note::Failed(StoreError::Closed) => {
                // a player was closed
                log::debug!("nobody reads standard output any more");
                self.was_closed = true;
                self.give_up_writing();
            }
            Note::Failed(error) => {
                self.failure = Some(store_failure(&error));
                self.give_up_writing();
            }
        }
    }

    /// On standard output nothing begins anew.
    fn say_size(&self, what: &str, effect: &str) {
        let effect = if matches!(self.config.target, Target::Folder(_)) { effect } else { "" };
        log::info!("{what}{effect}");
    }

    fn on_clock_set(&mut self, by: SignedDuration) {
        let whither = if by.is_negative() { "back" } else { "forward" };
        let seconds = by.abs().as_secs_f64();
        log::warn!(
            "this machine's clock was set {whither} by {seconds:.3} s: files from here on have the new time"
        );
        self.tell(&JsonEvent::ClockSet { by_ms: i64::try_from(by.as_millis()).unwrap_or(i64::MAX) });
    }

    fn on_lost(&mut self, path: &Path, to: &Whereabouts, frames: u64) {
        let (why, now) = match to {
            Whereabouts::There => return,
            Whereabouts::Deleted => ("deleted", None),
            Whereabouts::Moved(now) => ("moved", now.as_ref()),
            Whereabouts::Unmounted => ("unmounted", None),
        };
        let name = shown(path);
        match (to, now) {
            (Whereabouts::Deleted, _) => {
                log::warn!(
                    "{name} was deleted while it was written: {frames} frames are lost; a new file begins"
                );
            }
            (Whereabouts::Unmounted, _) => {
                log::warn!(
                    "the disk of {name} was unmounted while it was written: the file ends there, with {frames} frames"
                );
            }
            (_, Some(now)) => {
                let now = shown(now);
                log::warn!(
                    "{name} was moved to {now} while it was written: it ends there, with {frames} frames; a new file begins"
                );
            }
            (_, None) => {
                log::warn!(
                    "{name} was moved while it was written, nobody knows where to: it has {frames} frames; a new file begins"
                );
            }
        }
        let (path, now) = (for_programs(path), now.map(for_programs));
        self.tell(&JsonEvent::SegmentLost { path, why, now, frames });
    }

    fn on_deleted(&mut self, deleted: &Deleted) {
        let (Deleted { path, bytes, .. }, why) = (deleted, reason(deleted.reason));
        if !deleted.at_start {
            log::info!("deleted {}, {}: {why}", shown(path), show_bytes(*bytes));
        }
        self.tell(&JsonEvent::SegmentDeleted { path: for_programs(path), bytes: *bytes, why });
    }

    fn on_purged(&mut self, purge: &Purge) {
        let Purge { files, bytes, oldest, reasons } = purge;
        let recordings = if *files == 1 { "recording" } else { "recordings" };
        let oldest = local_time::date_of(Timestamp::from_second(*oldest).unwrap_or_default());
        let why: Vec<&str> = reasons.iter().map(|why| reason(*why)).collect();
        log::info!(
            "deleted {files} {recordings} of earlier runs, {}, the oldest of {oldest}: {}",
            show_bytes(*bytes),
            why.join(" and ")
        );
    }

    fn give_up_writing(&mut self) {
        self.stop(clock::now());
        self.writer.stop();
    }

    fn on_finished(&mut self, segment: Segment) {
        let Segment { summary, contents, sidecar } = segment;
        if let Some(Err(error)) = &sidecar {
            log::warn!("{error}: the recording is whole, but it has no sidecar");
        }
        let written = sidecar.and_then(Result::ok);
        if let (Some(contents), Some(path)) = (&contents, &summary.path) {
            let (path, sidecar) = (for_programs(path), written.as_ref().map(for_programs));
            self.tell(&JsonEvent::SegmentFinished { path, sidecar, contents });
        }
        if let (Some(after), Some(contents), Some(path)) = (&mut self.after, contents, summary.path.clone()) {
            let Figures { frames, missing, .. } = contents.figures;
            after.push(FinishedFile {
                name: self.config.target.name_of(&path).to_owned(),
                path,
                sidecar: written,
                start: contents.start,
                end: contents.end,
                frames,
                missing,
            });
        }
        self.closed.add(&summary);
        if self.files.len() < LISTED_FILES {
            self.files.push(summary);
        }
    }

    pub(in crate::app::rec) fn tell(&mut self, fact: &JsonEvent<'_>) {
        if let Some(feed) = &mut self.feed {
            feed.say(fact);
        }
    }

    pub(in crate::app::rec) fn tell_status(&mut self, now: Time) {
        if now < self.next_status() {
            return;
        }
        let counts = self.writer.counts();
        let fps = self.camera.pace.fps(now).unwrap_or(0.0);
        self.beat = now.after(STATUS);
        self.tell(&JsonEvent::Status {
            frames: counts.recorded,
            fps: (fps * 100.0).round() / 100.0,
            bytes: counts.bytes,
            missing: counts.missing,
            delay_ms: self.current_delay(now).map(millis),
        });
    }

    /// The delay of the newest frame, unless that one is of long ago.
    fn current_delay(&self, now: Time) -> Option<Duration> {
        self.camera.delay.filter(|_| !self.camera.pace.is_overdue(now))
    }

    /// When a status event is due, if somebody wants them.
    pub(in crate::app::rec) fn next_status(&self) -> Time {
        if self.feed.is_some() && self.rejoin.has_joined() { self.beat } else { Time::NEVER }
    }

    pub(in crate::app::rec) fn show_status(&mut self, now: Time) {
        if now < self.status.next_timeout() {
            return;
        }
        let trouble = match (self.rejoin.lost_since(), self.camera.silence, self.progress.first) {
            (Some(_), ..) => Some("camcast is away"),
            (None, Some(_), _) => Some("the camera is away"),
            (None, None, None) => Some("no frame yet"),
            (None, None, Some(_)) => None,
        };
        let glance = Glance {
            counts: self.writer.counts(),
            fps: self.camera.pace.fps(now),
            delay: self.current_delay(now),
            elapsed: self.progress.first.map(|(_, came)| now.since(came)),
            trouble,
        };
        self.status.show(&glance, now);
    }

    /// Closes the file and gives the account.
    pub(in crate::app::rec) fn close(mut self) -> Result<Exit, ExitError> {
        logging::hide();
        self.writer.stop();
        self.wait_for_writer();
        self.read_notes();
        self.wait_for_commands();
        let is_every = self.config.is_every();
        let (ledger, outside) = self.writer.account();
        // what a camera delivered while it could not be reached, nobody knows
        let is_away = self.rejoin.may_miss();
        let is_complete = !is_every || (ledger.counts().missing == 0 && !is_away);
        // whoever closes a player has seen enough
        let is_empty = ledger.counts().recorded == 0 && !self.was_closed;
        let exit = match &self.failure {
            Some(failure) => failure.exit,
            None if !is_complete => Exit::Incomplete,
            None if is_empty => Exit::NoFrames,
            None => Exit::Ok,
        };
        if exit == Exit::NoFrames {
            log::warn!("no frame came: nothing is recorded");
        }
        let away_since = self.rejoin.lost_since().map(local_time::at);
        let silence = self.camera.silence.filter(|_| away_since.is_none());
        let camera_away_since = silence.map(|silence| ledger.last().unwrap_or(local_time::at(silence.heard)));
        if self.rejoin.has_joined() {
            let account = Account {
                ledger: &ledger,
                files: &self.files,
                closed: self.closed,
                is_every,
                away_since,
                camera_away_since,
            };
            give(&account, &self.config.target, self.feed, exit, outside);
        }
        self.failure.map_or(Ok(exit), Err)
    }
}

fn reason(why: DeleteReason) -> &'static str {
    match why {
        DeleteReason::Age => "older than --keep-for",
        DeleteReason::Bytes => "more than --keep",
        DeleteReason::MinFree => "less free than --min-free",
        DeleteReason::Full => "the disk is full",
    }
}

/// The account, to people or to programs.
fn give(account: &Account<'_>, target: &Target, feed: &mut Option<Feed>, exit: Exit, outside: u64) {
    if let Some(feed) = feed {
        return feed.say(&JsonEvent::Account {
            exit: exit as u8,
            figures: Box::new(account.ledger.into()),
            restarts: account.ledger.counts().restarts,
            missing_outside_sidecars: outside,
            away_since: account.away_since.map(local_time::rfc3339),
            camera_away_since: account.camera_away_since.map(local_time::rfc3339),
        });
    }
    match target {
        Target::Folder(_) => say_at_the_end(&account.text()),
        Target::Pipe { .. } => account.text().lines().for_each(|line| log::info!("{line}")),
    }
}
