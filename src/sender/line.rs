//! What all clients share: the board's own line, and the system call that fills it.
//!
//! A frame is there for all clients at the same time, and their bursts together are one burst for whatever queue they share.
//! Where a path holds whole frames nothing is to be done. Clients that have lost by larger bursts take turns: together they
//! are sent at once what one of them would be, and together the pace of all of them. Who is sent little at once does not wait for
//! those that are sent much: its own pace is its share, and its bursts hardly make theirs larger.

use crate::time::Time;
use std::time::Duration;

/// Who is sent this part at once of what another one is does not wait for it.
const LITTLE: f64 = 0.25;

/// What would have gone in this time may go at once when the loop was held up.
const CREDIT: Duration = Duration::from_micros(500);

/// One that takes turns.
#[derive(Clone, Copy, Debug)]
pub(super) struct Turn {
    /// Bytes.
    pub(super) at_once: f64,
    pub(super) ahead: Duration,
}

#[derive(Debug)]
pub(super) struct Line {
    /// Datagrams that one system call takes.
    pub(super) call: u16,
    /// Clients that take turns.
    sharers: u32,
    /// The most that one of them may be ahead of its pace: so may all, or those with small bursts would come last.
    ahead: Duration,
    /// The most bytes that one of them is sent at once.
    at_once: f64,
    /// When all of what has been sent to them will have gone at their pace.
    full: Time,
}

impl Line {
    pub(super) fn new(call: u16) -> Self {
        Line { call, sharers: 0, ahead: Duration::ZERO, at_once: 0.0, full: Time::default() }
    }

    /// These clients take turns, each of which is sent so much at once, and may be so far ahead of its pace.
    pub(super) fn share_among(&mut self, sharers: impl Iterator<Item = Turn>) {
        (self.sharers, self.ahead, self.at_once) = (0, Duration::ZERO, 0.0);
        for Turn { at_once, ahead } in sharers {
            self.sharers = self.sharers.saturating_add(1);
            self.ahead = self.ahead.max(ahead);
            self.at_once = self.at_once.max(at_once);
        }
    }

    /// When one of them may send something, of so many bytes at once.
    pub(super) fn ready(&self, at_once: f64) -> Time {
        if self.sharers <= 1 || at_once <= self.at_once * LITTLE {
            return Time::default();
        }
        self.full.before(self.ahead.div_f64(self.sharers.into()))
    }

    /// One of them has sent what takes this long at its pace.
    pub(super) fn on_sent(&mut self, takes: Duration, now: Time) {
        if self.sharers <= 1 {
            return;
        }
        let takes = takes.div_f64(self.sharers.into());
        // who was woken late is not much slower for it
        self.full = self.full.max(now.before(CREDIT)).after(takes);
    }

    /// So many times the pace of one of them is sent to all that take turns.
    pub(super) fn sharers(&self) -> u32 {
        self.sharers.max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);
    const NOW: Time = Time::from_millis(1_000);
    const MUCH: f64 = 64_000.0;

    fn share(line: &mut Line, ahead: &[Duration]) {
        line.share_among(ahead.iter().map(|ahead| Turn { at_once: MUCH, ahead: *ahead }));
    }

    #[test]
    fn one_client_is_in_nobodys_way() {
        let mut line = Line::new(45);
        share(&mut line, &[MS]);
        line.on_sent(100 * MS, NOW);
        assert_eq!(line.ready(MUCH), Time::default());
    }

    #[test]
    fn four_take_turns_at_the_pace_of_four() {
        let mut line = Line::new(45);
        share(&mut line, &[Duration::ZERO; 4]);
        line.on_sent(4 * MS, NOW.after(10 * MS));
        let next = line.ready(MUCH);
        assert!(next <= NOW.after(11 * MS) && next > NOW.after(10 * MS), "{next}");
        line.on_sent(4 * MS, next);
        assert_eq!(line.ready(MUCH), next.after(MS));
        share(&mut line, &[2 * MS, Duration::ZERO, MS, MS]);
        assert_eq!(line.ready(MUCH), next.after(MS / 2), "a bucket that holds two milliseconds' worth");
        assert_eq!(line.ready(MUCH / 2.0), next.after(MS / 2));
        assert_eq!(line.ready(MUCH / 4.0), Time::default(), "its own pace is its share");
    }
}
