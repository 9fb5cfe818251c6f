//! A join that has failed: whether it is tried again, when, and what people are told meanwhile.

use super::report::json::JsonEvent;
use super::{Phase, Recorder};
use crate::app::exit::{Exit, ExitError};
use crate::time::Time;
use std::time::Duration;

/// Between two attempts to join again: from this, doubling ...
pub(super) const BACKOFF_FIRST: Duration = Duration::from_millis(200);
/// ... to this.
const BACKOFF_LAST: Duration = Duration::from_secs(2);

/// What is waited for is said again if it is another after so long.
const WAITING_APART: Duration = Duration::from_secs(60);

impl Recorder<'_> {
    /// The first join has to succeed, unless it is to be waited for; from then on attempts go on for ever.
    pub(super) fn retry_or(&mut self, failure: ExitError, now: Time) -> Result<(), ExitError> {
        if self.has_joined {
            log::debug!("{failure}");
        } else if self.config.wait && matches!(failure.exit, Exit::Unreachable | Exit::Refused) {
            self.say_waiting(failure, now);
        } else {
            return Err(failure);
        }
        // the name may have another address by now
        self.addresses.clear();
        self.wait_and_retry(now);
        Ok(())
    }

    /// At once, and again after a while if the reason is another.
    fn say_waiting(&mut self, failure: ExitError, now: Time) {
        let is_known =
            |(said, before): &(Time, ExitError)| *before == failure || now < said.after(WAITING_APART);
        if self.waits.as_ref().is_some_and(is_known) {
            log::debug!("{failure}");
            return;
        }
        log::info!("waiting for camcast: {failure}");
        self.tell(&JsonEvent::Waiting { host: &self.config.host.clone(), why: failure.to_string() });
        self.waits = Some((now, failure));
    }

    pub(super) fn wait_and_retry(&mut self, now: Time) {
        self.phase = Phase::Waiting { until: now.after(self.backoff) };
        self.backoff = (self.backoff * 2).min(BACKOFF_LAST);
    }

    /// Whoever is told to stop before camcast was there has waited in vain.
    pub(super) fn stop_waiting(&mut self) {
        if !self.has_joined && self.failure.is_none() {
            self.failure = self.waits.take().map(|(_, why)| why);
        }
    }
}
