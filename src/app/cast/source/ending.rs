//! The source has ended: what was read before goes out, and is repaired, before the clients are told.

use crate::time::Time;
use std::time::Duration;

/// A client that gets no further for so long is not waited for.
const PATIENCE: Duration = Duration::from_secs(2);

/// Nobody is waited for longer than this.
const LONGEST: Duration = Duration::from_secs(30);

/// Waits for the clients to have it all.
#[derive(Clone, Copy, Debug)]
pub struct Ending {
    /// The fewest frames that were ever outstanding, and when they became so few.
    least: u64,
    since: Time,
    latest: Time,
}

impl Ending {
    /// The source has just ended; the clients together still wait for this many frames.
    pub fn new(outstanding: u64, now: Time) -> Self {
        Ending { least: outstanding, since: now, latest: now.after(LONGEST) }
    }

    /// Now it is this many. True: it is over.
    pub fn is_over(&mut self, outstanding: u64, now: Time) -> bool {
        if outstanding < self.least {
            (self.least, self.since) = (outstanding, now);
        }
        outstanding == 0 || now >= self.next_timeout()
    }

    /// When it is over at the latest, if nothing happens.
    pub fn next_timeout(&self) -> Time {
        self.since.after(PATIENCE).min(self.latest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Time = Time::from_millis(5000);

    fn after(millis: u64) -> Time {
        START.after(Duration::from_millis(millis))
    }

    #[test]
    fn clients_are_waited_for_while_they_get_on() {
        assert!(Ending::new(0, START).is_over(0, START));
        let mut ending = Ending::new(9, START);
        assert!(!ending.is_over(9, after(1900)));
        assert!(!ending.is_over(8, after(1950)));
        assert!(!ending.is_over(8, after(3900)), "one frame more was good for two seconds more");
        assert!(!ending.is_over(9, after(3901)), "a client that has just come does not count");
        assert!(ending.is_over(8, after(3950)));
        assert!(ending.is_over(0, after(1951)));
    }

    #[test]
    fn there_is_an_end_to_it() {
        let mut ending = Ending::new(1000, START);
        let over = (0..1000).find(|second| ending.is_over(1000 - second, after(second * 1000)));
        assert_eq!(over, Some(LONGEST.as_secs()));
    }
}
