//! Recorders that are away, or have said nothing for a while, or are being served what they have missed: for whom frames are kept.

use crate::sender::{ClientId, Hub, LeaveReason, Recorder};
use crate::spill::format::{MOST_WAITING, Waiting};
use crate::time::Time;
use crate::wire::{FrameNumber, StreamId, Token, data};
use std::net::IpAddr;
use std::time::Duration;

/// Who comes back wants no more than this beyond what he had acknowledged.
const UNACKNOWLEDGED: i32 = 512;

/// Somebody of whom nothing is known.
pub(super) const ANYBODY: u32 = 0;

/// Where somebody is that frames are kept for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Whereabouts {
    /// Here, and silent.
    Silent(ClientId),
    /// Nobody knows.
    Away,
    /// Served from the folder, by the reader of this number.
    Served(u32),
}

/// One of them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Absentee {
    pub(super) stream: StreamId,
    /// The next frame that he wants, as far as is known.
    pub(super) next: FrameNumber,
    since: Time,
    who: u32,
    was_served: bool,
    pub(super) whereabouts: Whereabouts,
    /// He is served, and says nothing: he may join again before that session is over.
    is_quiet: bool,
    /// Somebody has joined with this secret who is him, if he takes a frame.
    claim: Option<Token>,
}

/// A recorder that is here.
#[derive(Clone, Copy, Debug)]
struct Known {
    client: ClientId,
    who: IpAddr,
    through: FrameNumber,
    /// He has come again beside this session.
    is_replaced: bool,
}

/// All of them.
pub(super) struct Absentees {
    live: StreamId,
    all: Vec<Absentee>,
    /// By the clients' places.
    known: Vec<Option<Known>>,
    /// Who they are has changed since that was last written down.
    pub(super) has_changed: bool,
}

fn is_served(one: &Absentee) -> bool {
    matches!(one.whereabouts, Whereabouts::Served(_))
}

/// A number for those who are at this address.
pub(super) fn who_is(ip: IpAddr) -> u32 {
    data::check(ip.to_canonical().to_string().as_bytes())
}

impl Absentees {
    /// Nobody.
    pub(super) fn new(live: StreamId) -> Self {
        Absentees { live, all: Vec::with_capacity(MOST_WAITING), known: Vec::new(), has_changed: false }
    }

    /// Those too that were away when this program ended the last time.
    pub(super) fn restore(&mut self, waiting: &[Waiting], now: Time) {
        let restore = |waiting: &Waiting| Absentee {
            stream: waiting.stream,
            next: waiting.next,
            since: Time::from_nanos(
                now.as_nanos().saturating_sub(u64::try_from(waiting.away.as_nanos()).unwrap_or(u64::MAX)),
            ),
            who: waiting.who,
            was_served: waiting.was_served,
            whereabouts: Whereabouts::Away,
            is_quiet: false,
            claim: None,
        };
        let room = MOST_WAITING.saturating_sub(self.all.len());
        self.all.extend(waiting.iter().take(room).map(restore));
    }

    /// How many.
    pub(super) fn count(&self) -> usize {
        self.all.len()
    }

    /// Each of them.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Absentee> {
        self.all.iter()
    }

    /// For the list on the disk.
    pub(super) fn waiting(&self, now: Time) -> Vec<Waiting> {
        let list = self.all.iter().map(|one| Waiting {
            stream: one.stream,
            next: one.next,
            away: now.since(one.since),
            who: one.who,
            was_served: one.was_served,
        });
        list.collect()
    }

    /// Looks who is here: a recorder that has said nothing for so long is away, unless he says something. When that is to be looked
    /// at the next time, at the latest.
    pub(super) fn watch(&mut self, hub: &Hub, patience: Duration, now: Time) -> Time {
        let mut due = Time::NEVER;
        for recorder in hub.recorders() {
            let Recorder { client, through, heard, remote } = recorder;
            let silent_at = heard.after(patience);
            if silent_at > now {
                due = due.min(silent_at);
            }
            if self.known.len() <= client.place() {
                self.known.resize(client.place() + 1, None);
            }
            let known = self.known[client.place()];
            if known.is_none_or(|known| known.client != client) {
                self.settle_claim(hub, client);
            }
            let is_replaced = known.is_some_and(|known| known.client == client && known.is_replaced);
            let who = remote.ip();
            self.known[client.place()] = Some(Known { client, who, through, is_replaced });
            let at = self.all.iter().position(|one| one.whereabouts == Whereabouts::Silent(client));
            match at {
                Some(at) if now < silent_at => self.remove(at),
                Some(at) => self.all[at].next = through.next(),
                None if !is_replaced && now >= silent_at => {
                    self.enter(Whereabouts::Silent(client), (self.live, through.next()), who_is(who), heard);
                }
                None => {}
            }
        }
        due
    }

    /// The new session of one who has come back.
    fn settle_claim(&mut self, hub: &Hub, client: ClientId) {
        let is_his = |one: &Absentee| one.claim.and_then(|token| hub.client_of(token)) == Some(client);
        if let Some(at) = self.all.iter().position(is_his) {
            self.replace(at);
            self.remove(at);
        }
    }

    /// He is here in another session: his old one, if there is one, says no more of him.
    fn replace(&mut self, at: usize) {
        if let Whereabouts::Silent(old) = self.all[at].whereabouts {
            let mut known = self.known.iter_mut().flatten();
            known.find(|known| known.client == old).into_iter().for_each(|known| known.is_replaced = true);
        }
    }

    /// A client of the stream as it comes has left. True: he is away from now on.
    pub(super) fn on_left(&mut self, client: ClientId, reason: LeaveReason, now: Time) -> bool {
        let known = self.known.get_mut(client.place());
        let known = known.and_then(|known| known.take_if(|known| known.client == client));
        let at = self.all.iter().position(|one| one.whereabouts == Whereabouts::Silent(client));
        let is_torn_away =
            matches!(reason, LeaveReason::Silence | LeaveReason::PortClosed | LeaveReason::MadeRoom);
        match (at, reason) {
            (Some(at), LeaveReason::End) => {
                self.remove(at);
                false
            }
            (Some(at), _) => {
                self.all[at].whereabouts = Whereabouts::Away;
                is_torn_away
            }
            (None, _) => {
                let Some(known) = known.filter(|known| is_torn_away && !known.is_replaced) else {
                    return false;
                };
                let place = (self.live, known.through.next());
                self.enter(Whereabouts::Away, place, who_is(known.who), now);
                true
            }
        }
    }

    fn enter(&mut self, whereabouts: Whereabouts, place: (StreamId, FrameNumber), who: u32, since: Time) {
        if self.all.len() >= MOST_WAITING {
            self.all.remove(0);
        }
        let (stream, next) = place;
        let (was_served, is_quiet, claim) = (false, false, None);
        self.all.push(Absentee { stream, next, since, who, was_served, whereabouts, is_quiet, claim });
        self.has_changed = true;
    }

    fn remove(&mut self, at: usize) {
        self.all.remove(at);
        self.has_changed = true;
    }

    /// Which of them it is that comes from there and wants this frame next.
    fn find(&self, (stream, next): (StreamId, FrameNumber), who: u32) -> Option<usize> {
        let fits = |one: &Absentee| {
            let beyond = next.since(one.next);
            let is_near = beyond <= UNACKNOWLEDGED || one.was_served;
            let is_free = !is_served(one) || one.is_quiet;
            // of whom nothing could be read may be anybody
            let is_him = one.stream == stream && (one.who == who || one.who == ANYBODY);
            is_free && is_him && beyond >= 0 && is_near
        };
        let found = self.all.iter().enumerate().filter(|(_, one)| fits(one));
        found.min_by_key(|(_, one)| (is_served(one), next.since(one.next))).map(|(at, _)| at)
    }

    /// Somebody of them knows that stream.
    pub(super) fn has_stream(&self, stream: StreamId) -> bool {
        self.all.iter().any(|one| one.stream == stream)
    }

    /// One who may be one of them has joined the stream as it comes.
    pub(super) fn claim(&mut self, wanted: (StreamId, FrameNumber), who: u32, token: Token) {
        if let Some(at) = self.find(wanted, who) {
            self.all[at].claim = Some(token);
        }
    }

    /// One who may be one of them is served from the folder. True: he was none of them.
    pub(super) fn serve(
        &mut self,
        wanted: (StreamId, FrameNumber),
        who: u32,
        reader: u32,
        now: Time,
    ) -> bool {
        let whereabouts = Whereabouts::Served(reader);
        self.has_changed = true;
        match self.find(wanted, who) {
            Some(at) => {
                self.replace(at);
                let one = &mut self.all[at];
                (one.whereabouts, one.was_served, one.is_quiet) = (whereabouts, true, false);
                false
            }
            None => {
                self.enter(whereabouts, wanted, who, now);
                true
            }
        }
    }

    /// The session of one who is silent is served from the folder from now on.
    pub(super) fn serve_silent(&mut self, client: ClientId, reader: u32) {
        if let Some(one) = self.all.iter_mut().find(|one| one.whereabouts == Whereabouts::Silent(client)) {
            (one.whereabouts, one.was_served) = (Whereabouts::Served(reader), true);
            self.has_changed = true;
        }
    }

    /// He who is served is here, so far.
    pub(super) fn go_on(&mut self, reader: u32, place: (StreamId, FrameNumber)) {
        if let Some(one) = self.served_by(reader) {
            (one.stream, one.next) = place;
        }
    }

    /// He who is served says something, or says nothing.
    pub(super) fn set_quiet(&mut self, reader: u32, is_quiet: bool) {
        self.served_by(reader).into_iter().for_each(|one| one.is_quiet = is_quiet);
    }

    /// He is served no more: he has what he missed, or has left for good.
    pub(super) fn settle(&mut self, reader: u32) {
        if let Some(at) = self.all.iter().position(|one| one.whereabouts == Whereabouts::Served(reader)) {
            self.remove(at);
        }
    }

    /// He is served no more, and is away again. False: there is no such one.
    pub(super) fn lose(&mut self, reader: u32, now: Time) -> bool {
        let Some(one) = self.served_by(reader) else { return false };
        (one.whereabouts, one.since) = (Whereabouts::Away, now);
        self.has_changed = true;
        true
    }

    fn served_by(&mut self, reader: u32) -> Option<&mut Absentee> {
        self.all.iter_mut().find(|one| one.whereabouts == Whereabouts::Served(reader))
    }

    /// Who has been away for so long does not come back. How many have been forgotten.
    pub(super) fn expire(&mut self, longest: Duration, now: Time) -> usize {
        let before = self.all.len();
        self.all.retain(|one| is_served(one) || now < one.since.after(longest));
        let gone = before - self.all.len();
        self.has_changed |= gone > 0;
        gone
    }

    /// When [`expire`](Self::expire) has something to do.
    pub(super) fn next_expiry(&self, longest: Duration) -> Time {
        let all = self.all.iter().filter(|one| !is_served(one));
        all.map(|one| one.since.after(longest)).min().unwrap_or(Time::NEVER)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    const LIVE: StreamId = StreamId(9);
    const NOW: Time = Time::from_millis(100_000_000);

    fn at(number: u32) -> (StreamId, FrameNumber) {
        (LIVE, FrameNumber(number))
    }

    fn who(last: u8) -> u32 {
        who_is(IpAddr::V4(Ipv4Addr::new(192, 0, 2, last)))
    }

    fn away(next: u32, last: u8, was_served: bool) -> Waiting {
        let away = Duration::from_secs(10);
        Waiting { stream: LIVE, next: FrameNumber(next), away, who: who(last), was_served }
    }

    fn restored(waiting: &[Waiting]) -> Absentees {
        let mut absentees = Absentees::new(LIVE);
        absentees.restore(waiting, NOW);
        absentees
    }

    #[test]
    fn who_comes_back_is_known_by_where_he_is_and_what_he_wants() {
        let waiting = [away(100, 1, false), away(900, 1, false), away(50, 2, true)];
        let absentees = restored(&waiting);
        let find = |number, last| absentees.find(at(number), who(last));
        assert_eq!([find(100, 1), find(612, 1), find(900, 1)], [Some(0), Some(0), Some(1)]);
        assert_eq!([find(613, 1), find(99, 1), find(900, 3)], [None; 3], "too far, behind, elsewhere");
        let anybody = restored(&[Waiting { who: ANYBODY, ..away(1, 1, true) }]);
        assert_eq!(anybody.find(at(5_000), who(3)), Some(0));
        assert_eq!(find(50_000, 2), Some(2), "he was being served, and may be anywhere behind");
        assert_eq!(absentees.find((StreamId(1), FrameNumber(100)), who(1)), None);
        assert_eq!(absentees.waiting(NOW), waiting, "as it is written down");
        assert_eq!(absentees.waiting(NOW.after(Duration::from_secs(5)))[0].away, Duration::from_secs(15));
    }

    #[test]
    fn who_is_served_is_nobody_elses_and_is_away_again_if_he_is_lost() {
        let mut absentees = restored(&[away(100, 1, false)]);
        assert!(!absentees.serve(at(101), who(1), 7, NOW));
        assert!(absentees.has_changed);
        assert!(absentees.serve(at(101), who(1), 8, NOW), "another one who wants the same");
        absentees.go_on(7, at(2_000));
        absentees.lose(7, NOW);
        assert_eq!(absentees.find(at(5_000), who(1)), Some(0));
        absentees.settle(8);
        absentees.settle(8);
        assert_eq!((absentees.count(), absentees.waiting(NOW)[0].next), (1, FrameNumber(2_000)));
    }

    #[test]
    fn who_joins_again_before_his_session_is_over_is_one_and_the_same() {
        let mut absentees = restored(&[away(100, 1, false), away(150, 1, false)]);
        absentees.serve(at(100), who(1), 7, NOW);
        absentees.go_on(7, at(140));
        assert_eq!(absentees.find(at(145), who(1)), None, "he is here, and this is somebody else");
        absentees.set_quiet(7, true);
        assert_eq!(absentees.find(at(155), who(1)), Some(1), "who is away is believed first");
        assert!(!absentees.serve(at(145), who(1), 8, NOW), "but this is him");
        // his old session ends, whichever way
        assert!(!absentees.lose(7, NOW));
        absentees.settle(7);
        assert_eq!(absentees.all[0].whereabouts, Whereabouts::Served(8));
        assert_eq!((absentees.count(), absentees.find(at(145), who(1))), (2, None));
    }

    #[test]
    fn who_does_not_come_back_is_forgotten_unless_he_is_being_served() {
        let mut absentees = restored(&[away(100, 1, false), away(100, 2, false)]);
        absentees.serve(at(100), who(2), 7, NOW);
        let longest = Duration::from_secs(60);
        assert_eq!(absentees.next_expiry(longest), NOW.after(Duration::from_secs(50)));
        assert_eq!(absentees.expire(longest, NOW.after(Duration::from_secs(49))), 0);
        assert_eq!(absentees.expire(longest, NOW.after(Duration::from_secs(50))), 1);
        assert_eq!(absentees.iter().next().unwrap().whereabouts, Whereabouts::Served(7));
    }

    #[test]
    fn the_list_is_bounded() {
        let mut absentees = restored(&[away(1, 1, false); 99]);
        assert_eq!(absentees.count(), MOST_WAITING);
        assert!(absentees.serve(at(7_000), who(2), 7, NOW));
        assert_eq!(absentees.count(), MOST_WAITING);
        assert!(absentees.has_stream(LIVE) && !absentees.has_stream(StreamId(1)));
    }
}
