//! What programs and people are told while it goes, each second or half of one, and from where.

use super::Recorder;
use super::report::json::{JsonEvent, millis};
use super::report::paths::{self, PathFigures};
use super::report::status::Glance;
use super::session::Session;
use crate::time::Time;
use std::time::Duration;

/// A status event this often.
pub(super) const STATUS: Duration = Duration::from_secs(1);

impl Recorder<'_> {
    /// Tells programs, if any listen.
    pub(super) fn tell(&mut self, event: &JsonEvent<'_>) {
        if let Some(feed) = &mut self.feed {
            feed.say(event);
        }
    }

    pub(super) fn tell_not_sent(&mut self, now: Time) {
        let not_sent = self.link.session_mut().and_then(Session::take_not_sent);
        let line = not_sent
            .and_then(|(count, errno)| self.not_sent.happened(count, errno, "camcast's machine", now));
        line.iter().for_each(|line| log::warn!("{line}"));
    }

    pub(super) fn tell_strays(&mut self, now: Time) {
        let Some(strange) = self.link.session().map(Session::strange) else { return };
        self.strays.on_count(strange, now).for_each(|line| log::warn!("{line}"));
    }

    pub(super) fn tell_status(&mut self, now: Time) {
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
            paths: self.link.accounts(now).iter().map(PathFigures::from).collect(),
        });
    }

    /// The delay of the newest frame, unless that one is of long ago.
    fn current_delay(&self, now: Time) -> Option<Duration> {
        self.camera.delay.filter(|_| !self.camera.pace.is_overdue(now))
    }

    /// When a status event is due, if somebody wants them.
    pub(super) fn next_status(&self) -> Time {
        if self.feed.is_some() && self.rejoin.has_joined() { self.beat } else { Time::NEVER }
    }

    pub(super) fn show_status(&mut self, now: Time) {
        if now >= self.status.next_timeout() {
            let glance = self.glance(now);
            self.status.show(&glance, now);
        }
    }

    /// The service is ready once it has joined; and at once where it was asked to wait for that.
    pub(super) fn tell_service(&mut self, now: Time) {
        if self.rejoin.has_joined() || self.config.wait {
            self.service.set_ready();
        }
        if now >= self.service.next_timeout() {
            let words = self.glance(now).words();
            self.service.tell(|| (true, words), now);
        }
    }

    fn glance(&self, now: Time) -> Glance {
        let trouble = match (self.rejoin.lost_since(), self.camera.silence, self.progress.first) {
            (Some(_), ..) => Some("camcast is away"),
            (None, Some(_), _) => Some("the camera is away"),
            (None, None, None) => Some("no frame yet"),
            (None, None, Some(_)) => None,
        };
        Glance {
            counts: self.writer.counts(),
            fps: self.camera.pace.fps(now),
            delay: self.current_delay(now),
            elapsed: self.progress.first.map(|(_, came)| now.since(came)),
            trouble,
            ways: paths::glance(&self.link.accounts(now)),
        }
    }
}
