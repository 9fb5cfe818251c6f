//! What comes out of the session: frames for the writer, and what there is to say of those that did not come.

use super::Recorder;
use super::standin::StandIn;
use super::writer::ToWrite;
use crate::account::ledger::MissingReason;
use crate::receiver::{Event, Frame};
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
            let Some(event) = session.poll_event() else { return };
            match event {
                Event::Frame(frame) => self.on_frame(frame, now),
                // the recording ends with its last frame
                Event::Missing(_) | Event::Skipped(_) if self.rejoin.is_stopping() => {}
                Event::Missing(number) => self.missing(number, MissingReason::Network, now),
                // a viewer wishes it so; a recorder wanted it
                Event::Skipped(_) if !self.config.is_every() => self.writer.skipped(),
                Event::Skipped(number) => self.missing(number, MissingReason::Unsent, now),
                // for who looks on; it is no part of a recording
                Event::Slate(picture) if !self.config.is_every() && !self.rejoin.is_stopping() => {
                    self.writer.show(picture.clone());
                    self.camera.stand_in = Some(StandIn::new(picture, now));
                }
                Event::Slate(_) => {}
                Event::Over(over) => self.on_over(over, now),
            }
        }
    }

    fn on_frame(&mut self, frame: Frame, now: Time) {
        if self.rejoin.is_stopping() {
            return self.recycle(frame.bytes);
        }
        let captured = frame.stamp.captured;
        if let Some(session) = self.link.session() {
            let delay = self.camera.on_frame(&frame, session.one_way());
            self.backlog.on_frame(delay + now.since(frame.arrived));
        }
        if self.progress.is_beyond(&self.config.limit, captured, now) {
            self.recycle(frame.bytes);
            return self.stop(now);
        }
        let Frame { number, stamp, discontinuity, bytes, begun: arrived, .. } = frame;
        let was_repaired = frame.repaired > 0;
        match self.writer.write(ToWrite { number, stamp, discontinuity, was_repaired, bytes, arrived }) {
            Ok(()) => self.progress.handed += 1,
            Err(frame) => {
                self.recycle(frame.bytes);
                // the writer says why it has ended before it does
                self.read_notes();
                if self.rejoin.is_stopping() {
                    return;
                }
                self.tell_not_written(now);
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
