//! What comes out of the session: frames for the writer, and what there is to say of those that did not come. How much of the
//! stream is taken: what a recorder's queue has no room for is left to camcast's reel.

use super::Recorder;
use super::report;
use super::report::json::JsonEvent;
use super::session::Session;
use super::standin::StandIn;
use super::writer::ToWrite;
use crate::account::ledger::MissingReason;
use crate::app::quantity::{counted, show_bytes, show_duration};
use crate::receiver::{Event, Frame, PATHS, Run};
use crate::time::Time;

impl Recorder<'_> {
    /// Takes what has come out of the session.
    pub(super) fn drain(&mut self, now: Time) {
        loop {
            let room = self.room(now);
            let Some(session) = self.link.session_mut() else { return };
            session.allow(room, now);
            if room == Some(0) {
                return;
            }
            let Some(event) = session.poll_event() else {
                if session.is_over() {
                    self.link.end();
                }
                return self.tell_notices();
            };
            self.on_event(event, now);
        }
    }

    pub(super) fn on_event(&mut self, event: Event, now: Time) {
        match event {
            Event::Frame(frame) => self.on_frame(frame, now),
            // the recording ends with its last frame
            Event::Missing(_) | Event::Skipped(_) if self.rejoin.is_stopping() => {}
            Event::Missing(run) => self.missing(run, MissingReason::Network, now),
            // a viewer wishes it so; a recorder wanted it
            Event::Skipped(run) if !self.config.is_every() => self.writer.skipped(run.count),
            Event::Skipped(run) => self.missing(run, MissingReason::Unsent, now),
            // for viewers; it is not part of a recording
            Event::Slate(picture) if !self.config.is_every() && !self.rejoin.is_stopping() => {
                self.writer.show(picture.clone());
                self.camera.stand_in = Some(StandIn::new(picture, now));
            }
            Event::Slate(_) => {}
            Event::Over(path, over) => self.on_over(path, over, now),
        }
    }

    fn on_frame(&mut self, frame: Frame, now: Time) {
        if self.rejoin.is_stopping() {
            return self.recycle(frame.bytes);
        }
        let captured = frame.stamp.captured;
        let one_way = self.link.session().map(Session::one_way).unwrap_or_default();
        let (delay, line) = self.camera.on_frame(&frame, one_way);
        self.backlog.on_frame(delay + now.since(frame.arrived));
        if self.progress.is_beyond(&self.config.limit, captured, now) {
            self.recycle(frame.bytes);
            return self.stop(now);
        }
        let Frame { number, stamp, discontinuity, bytes, begun: arrived, .. } = frame;
        let was_repaired = frame.repaired > 0;
        match self.writer.write(ToWrite { number, stamp, discontinuity, was_repaired, bytes, arrived, line })
        {
            Ok(()) => self.progress.handed += 1,
            Err(frame) => {
                self.recycle(frame.bytes);
                // the writer says why it has ended before it does
                self.read_notes();
                if self.rejoin.is_stopping() {
                    return;
                }
                self.tell_not_written(1, now);
            }
        }
        if self.progress.is_enough(&self.config.limit) {
            self.stop(now);
        }
    }

    /// Gives a frame's buffer back.
    pub(super) fn recycle(&mut self, buffer: Vec<u8>) {
        if let Some(session) = self.link.session_mut() {
            session.recycle(buffer);
        }
    }
}

impl Recorder<'_> {
    /// Bytes of frames that may be taken out of the session. What a recorder's queue has no room for stays there, and once that is
    /// full in camcast's reel; a viewer's is dropped.
    fn room(&mut self, now: Time) -> Option<usize> {
        if !self.config.is_every() || self.rejoin.is_stopping() {
            return None;
        }
        let room = self.writer.room();
        if room > 0 {
            self.backlog.on_room();
        } else if self.backlog.on_full(now) {
            let waiting = show_bytes(self.config.buffer as u64);
            log::warn!(
                "the disk does not keep up: {waiting} wait for it (--buffer); what comes now waits in camcast, as long as its \
                 --reel lasts"
            );
        }
        Some(room)
    }

    /// Frames did not come: for this reason, or for the disk, if that has held us back.
    fn missing(&mut self, Run { first, count }: Run, why: MissingReason, now: Time) {
        if !self.backlog.is_late() {
            return self.writer.missing(first, count, why);
        }
        self.writer.missing(first, count, MissingReason::Disk);
        self.tell_not_written(count, now);
    }

    fn tell_not_written(&mut self, count: u32, now: Time) {
        if let Some(count) = self.backlog.on_not_written(count, now) {
            let frames = counted(count, "frame");
            log::warn!("{frames} not written: the disk has not kept up for seconds");
        }
    }
}

impl Recorder<'_> {
    /// camcast may be there, and its camera not.
    pub(super) fn check_camera(&mut self, now: Time) {
        let is_live = |session: &&Session| (0..PATHS).any(|path| session.is_live(path));
        let Some(session) = self.link.session().filter(is_live) else { return };
        if session.no_camera() {
            if self.camera.silence.is_none() {
                self.camera.on_silence(now);
                self.tell_silence();
            }
        } else if let Some(away) = self.camera.on_return(now) {
            log::info!("the camera is back after {}", show_duration(away));
            self.tell(&JsonEvent::CameraBack { away_ms: report::json::millis(away) });
        }
    }

    fn tell_silence(&mut self) {
        if self.progress.first.is_none() {
            self.progress.is_wait_told = true;
            log::warn!("no frames: the camera is away, camcast's log says why; waiting for the first one");
        } else {
            log::warn!("no frames: the camera is away");
        }
        self.tell(&JsonEvent::CameraSilent {});
    }

    /// Viewers see the picture that stands in for frames again and again, while it is true.
    pub(super) fn stand_in(&mut self, now: Time) {
        let Some(picture) = self.camera.stand_in.as_mut().and_then(|it| it.due(now)) else { return };
        if !self.rejoin.is_stopping() && self.link.session().is_some_and(Session::no_camera) {
            self.writer.show(picture);
        } else {
            self.camera.stand_in = None;
        }
    }
}
