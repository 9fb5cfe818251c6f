//! When something is due for one client: a time for each kind of thing. What is slept for and what is done then are read from
//! one table, so they cannot differ.

use super::Wake;
use crate::time::Time;

#[derive(Clone, Copy, Debug)]
pub(super) struct Timers([Time; Wake::ALL.len()]);

impl Timers {
    /// None is set.
    pub(super) fn new() -> Self {
        Timers([Time::NEVER; Wake::ALL.len()])
    }

    pub(super) fn set(&mut self, what: Wake, at: Time) {
        if let Some(slot) = self.0.get_mut(what as usize) {
            *slot = at;
        }
    }

    /// Sets it, unless it is set to an earlier time.
    pub(super) fn set_earlier(&mut self, what: Wake, at: Time) {
        self.set(what, at.min(self.at(what)));
    }

    pub(super) fn stop(&mut self, what: Wake) {
        self.set(what, Time::NEVER);
    }

    pub(super) fn is_set(&self, what: Wake) -> bool {
        self.at(what) < Time::NEVER
    }

    /// It is due, and stays so until it is set or stopped.
    pub(super) fn is_expired(&self, what: Wake, now: Time) -> bool {
        self.is_set(what) && now >= self.at(what)
    }

    /// The earliest that is set.
    #[must_use]
    pub(super) fn next(&self) -> Option<(Time, Wake)> {
        let all = self.0.iter().copied().zip(Wake::ALL);
        all.min_by_key(|(at, _)| *at).filter(|(at, _)| *at < Time::NEVER)
    }

    fn at(&self, what: Wake) -> Time {
        self.0.get(what as usize).copied().unwrap_or(Time::NEVER)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_earliest_that_is_set_is_next() {
        let at = Time::from_millis;
        let mut timers = Timers::new();
        assert_eq!((timers.next(), timers.is_expired(Wake::Beat, at(9_999))), (None, false));
        timers.set(Wake::Silence, at(500));
        timers.set(Wake::Beat, at(300));
        timers.set_earlier(Wake::Beat, at(400));
        assert_eq!(timers.next(), Some((at(300), Wake::Beat)));
        assert_eq!(
            (timers.is_expired(Wake::Beat, at(299)), timers.is_expired(Wake::Beat, at(300))),
            (false, true)
        );
        timers.stop(Wake::Beat);
        assert_eq!(timers.next(), Some((at(500), Wake::Silence)));
        assert!(timers.is_set(Wake::Silence) && !timers.is_set(Wake::Beat));
    }

    #[test]
    fn each_has_a_place_of_its_own() {
        for (place, wake) in Wake::ALL.into_iter().enumerate() {
            assert_eq!(wake as usize, place);
        }
    }
}
