//! What the latest frames that came out were: a fragment that comes late is one of theirs, or somebody else's.

use crate::wire::FrameNumber;
use crate::wire::data::Header;

/// So many: two seconds at 30 a second.
const KNOWN: usize = 64;

/// The headers of frames that have come out, or were given up with a part of them here.
#[derive(Debug)]
pub(super) struct Done {
    headers: [Option<Header>; KNOWN],
}

impl Default for Done {
    fn default() -> Self {
        Done { headers: [None; KNOWN] }
    }
}

impl Done {
    /// This frame is done with.
    pub(super) fn note(&mut self, header: Header) {
        if let Some(place) = self.headers.get_mut(place(header.number)) {
            *place = Some(header);
        }
    }

    /// It is of one of them.
    pub(super) fn has(&self, header: &Header) -> bool {
        let known = self.headers.get(place(header.number)).and_then(Option::as_ref);
        known.is_some_and(|known| known.is_of(header))
    }
}

fn place(number: FrameNumber) -> usize {
    number.0 as usize % KNOWN
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::{Stamp, Time};

    #[test]
    fn it_knows_the_latest_frames_by_all_that_their_headers_say() {
        let stamp = Stamp { captured: Time::from_millis(7), sequence: 3 };
        let header = |number| Header {
            flags: 0,
            epoch: 1,
            number: FrameNumber(number),
            length: 9,
            index: 0,
            size: 300,
            stamp,
            check: 5,
        };
        let mut done = Done::default();
        (0..100).for_each(|number| done.note(header(number)));
        for number in 36..100 {
            assert!(done.has(&header(number)));
            assert!(!done.has(&Header { check: 6, ..header(number) }));
            assert!(!done.has(&Header { length: 10, ..header(number) }));
        }
        assert!(!done.has(&header(35)) && !done.has(&header(100)));
    }
}
