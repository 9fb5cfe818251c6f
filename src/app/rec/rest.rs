//! A recorder is in no hurry: it need not wake for each burst of a frame. Network cards call it interrupt coalescing.
//!
//! The socket's buffer takes what comes meanwhile, and the kernel notes when: nothing is measured later than it came.

use crate::time::Time;
use std::time::Duration;

/// The longest rest: most of a frame at 30 a second, and little beside the second that a power cut may cost.
const MOST: Duration = Duration::from_millis(25);

/// The buffer has to hold what comes meanwhile, if it suddenly comes this fast: octets a second.
const FAST: u32 = 100_000_000 / 8;

/// When the socket is looked at again.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rest {
    most: Duration,
    room: usize,
    until: Option<Time>,
}

impl Rest {
    /// For a receive buffer of so many octets, not counting the kernel's overhead.
    pub(super) fn new(room: usize) -> Self {
        let most = Duration::from_secs(room as u64) / FAST;
        Rest { most: most.min(MOST), room, until: None }
    }

    /// For who wants each datagram at once.
    pub(super) fn never() -> Self {
        Rest { most: Duration::ZERO, room: 0, until: None }
    }

    /// So many octets were there, and nothing else is to be done at present.
    pub(super) fn begin(&mut self, octets: usize, now: Time) {
        // more comes from a sender that makes up for lost time
        let is_quiet = octets > 0 && octets < self.room / 2;
        self.until = (is_quiet && !self.most.is_zero()).then(|| now.after(self.most));
    }

    /// It is over.
    pub(super) fn end(&mut self) {
        self.until = None;
    }

    /// Until when it lasts.
    pub(super) fn until(&self) -> Option<Time> {
        self.until
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Time = Time::from_millis(1000);

    fn rest(buffer: usize, octets: usize) -> Option<Duration> {
        let mut rest = Rest::new(buffer);
        rest.begin(octets, NOW);
        rest.until().map(|until| until.since(NOW))
    }

    #[test]
    fn as_long_as_the_buffer_lasts() {
        assert_eq!(rest(4 << 20, 24_000), Some(MOST));
        // what Debian grants a program that is not root
        assert_eq!(rest(212_992, 24_000).unwrap().as_millis(), 17);
        assert_eq!(rest(0, 1), None);
    }

    #[test]
    fn not_when_much_or_nothing_comes() {
        assert_eq!(rest(4 << 20, 0), None);
        assert_eq!(rest(4 << 20, 2 << 20), None);
        let mut rest = Rest::never();
        rest.begin(1000, NOW);
        assert_eq!(rest.until(), None);
    }

    #[test]
    fn it_ends() {
        let mut rest = Rest::new(4 << 20);
        rest.begin(1000, NOW);
        rest.end();
        assert_eq!(rest.until(), None);
    }
}
