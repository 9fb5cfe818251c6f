//! What a client has shown of its path: that what is sent to it arrives, and whether that goes whole.

use super::View;
use crate::time::Time;
use std::time::Duration;

/// What a client has shown, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Proof {
    /// It knows the token. It gets the answer to its HELLO, and no more.
    Token,
    /// It has heard that answer. It gets video.
    Answer,
    /// It has acknowledged a frame.
    Frame,
}

/// What is said of a path is held against what arrives for so long, and longer if little is sent.
const DOUBT: Duration = Duration::from_secs(1);
const DOUBT_SENT: u64 = 16;
const DOUBT_MOST: Duration = Duration::from_secs(10);

/// Something on the way has said that datagrams are too large for it. Anybody can say so, but nobody can keep them from arriving.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Doubt(Option<(Time, View)>);

impl Doubt {
    /// It was said, when so much had been sent and had arrived.
    pub(super) fn on_too_large(&mut self, view: Option<View>, now: Time) {
        self.0.get_or_insert((now, view.unwrap_or_default()));
    }

    /// True once, if it is so: of what was sent since then too little has arrived.
    pub(super) fn take(&mut self, view: Option<View>, now: Time) -> bool {
        let Some((since, before)) = self.0.filter(|(since, _)| now >= since.after(DOUBT)) else {
            return false;
        };
        let view = view.unwrap_or_default();
        let sent = view.sent.saturating_sub(before.sent);
        let arrived = view.arrived.saturating_sub(before.arrived);
        if sent < DOUBT_SENT && now < since.after(DOUBT_MOST) {
            return false;
        }
        self.0 = None;
        // the last fragment of a frame is shorter, and may get through
        sent > 0 && arrived < sent.saturating_mul(3) / 4
    }
}
