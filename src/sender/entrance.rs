//! What is known of those who come: who has joined and not said HELLO, whose place is kept, who comes too often.

use super::invitations::Invitations;
use crate::admission::kept::Kept;
use crate::admission::rates::Rates;
use std::time::Duration;

/// In this time the joins that prove nothing leak away: of [`JOINS`](super::hub::JOINS) four a second.
const JOINS_LEAK: Duration = Duration::from_secs(16);

/// Plain joins of one address that are not answered, which cost a frame each: as many at once as there are places, and no less than
/// this; and then one each four seconds.
const UNANSWERED: (u32, Duration) = (8, Duration::from_secs(4));

pub(super) struct Entrance {
    pub(super) invitations: Invitations,
    /// Places of recorders that were torn away.
    pub(super) kept: Kept,
    pub(super) joins: Rates,
    pub(super) unanswered: Rates,
}

impl Entrance {
    pub(super) fn new(places: u16, joins: u16) -> Self {
        let (least, every) = UNANSWERED;
        let rates = |(at_once, every)| Rates::new(at_once, every);
        Entrance {
            invitations: Invitations::new(),
            kept: Kept::default(),
            joins: rates((joins.into(), JOINS_LEAK.checked_div(joins.into()).unwrap_or(JOINS_LEAK))),
            unanswered: rates((least.max(places.into()), every)),
        }
    }
}
