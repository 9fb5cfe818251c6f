//! Who gets a place, and who has to leave one. What decides it is [`admission`](crate::admission)'s, as for all outlets.

use super::dialect::Dialect;
use super::hub::Hub;
use super::invitations::Invitation;
use super::native::Native;
use super::plain::Plain;
use super::session::Session;
use super::{ClientEvent, ClientId, ClientKind, LeaveReason, Output, Route, Tally};
use crate::admission::places::{Held, Party, Standing, who_goes};
use crate::reel::Reel;
use crate::reel::cursor::Cursor;
use crate::time::Time;
use crate::wire::client::Hello;
use crate::wire::data::{self, HEADER_LEN};
use crate::wire::join::{Accepted, Join, Policy, Refusal, RefusalCode, Reply};
use crate::wire::plain::MIN_PORT;
use crate::wire::server::{EndReason, ServerEnd};
use crate::wire::{Tag, Token};
use std::net::SocketAddr;
use std::time::Duration;

/// Where there is one.
#[derive(Clone, Copy, Debug)]
enum Room {
    Free(usize),
    /// This client has to leave it.
    Of(ClientId),
    /// It is free, and was kept for somebody else.
    Kept(usize, Party),
}

/// Somebody who wants a place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Comer {
    pub(super) party: Party,
    pub(super) is_recorder: bool,
    /// He had one, of this very stream.
    pub(super) is_back: bool,
}

impl Comer {
    fn plain(party: Party) -> Self {
        Comer { party, is_recorder: false, is_back: false }
    }
}

/// Whoever finds no place is told so, and if that is lost and he says HELLO again, told again; but not for ever.
const TELL_MOST: u8 = 3;

impl Hub {
    /// A native client asks to come in. `token` is fresh and random. The session begins with its HELLO.
    pub fn join_native(&mut self, join: Join, route: Route, token: Token, reel: &Reel, now: Time) -> Reply {
        let party = Party::of(route.remote.ip());
        let is_recorder = join.policy == Policy::Every;
        let is_back = is_recorder && join.resume.is_some_and(|(stream, _)| stream == self.stream);
        // who is refused has joined too
        let may = self.entrance.joins.may(party.site(), now);
        if let Err(refusal) = self.check_room(Comer { party, is_recorder, is_back }, now) {
            return Reply::Refused(refusal);
        }
        if !may {
            return Reply::Refused(too_often());
        }
        let (no_camera, _) = self.camera;
        let cursor = match join.resume {
            Some((stream, wanted)) if stream == self.stream => {
                Cursor::resume(join.policy, wanted, reel, no_camera, now)
            }
            _ => Cursor::begin(join.policy, reel, no_camera, now),
        };
        // recorders have time for the very fragments that they miss
        let has_parity = data::parity_rows(2, reel.datagram_len().saturating_sub(HEADER_LEN as u16)) > 0;
        let parity = join.parity && has_parity && join.policy == Policy::Newest;
        let invitation =
            Invitation { token, route, agent: join.agent, cursor, parity, since: now, is_back, told: 0 };
        self.entrance.invitations.enter(invitation);
        Reply::Ok(Accepted {
            token,
            stream: self.stream,
            next: cursor.number(),
            datagram: reel.datagram_len(),
            size: reel.newest().map(|frame| frame.size()),
            fps: reel.fps(),
            span_ms: u32::try_from(reel.span().as_millis()).unwrap_or(u32::MAX),
            parity,
            clock: None,
        })
    }

    /// A plain client asks to come in; its frames will go to `port` on its host.
    ///
    /// # Errors
    /// The [`Refusal`], in words for the client.
    pub fn join_plain(
        &mut self,
        port: u16,
        route: Route,
        reel: &Reel,
        now: Time,
    ) -> Result<ClientId, Refusal> {
        let party = Party::of(route.remote.ip());
        if !self.entrance.unanswered.would(party.site(), now) {
            let why = "too many joins of your address were not answered by continue; try again in a minute";
            return Err(Refusal { code: RefusalCode::Full, why: why.into() });
        }
        let remote = SocketAddr::new(route.remote.ip(), port);
        let remote = keep_scope(remote, route.remote);
        if is_ours(remote, route.local) {
            let why = format!("port {port} is camcast's own: name one of the client's");
            return Err(Refusal { code: RefusalCode::Protocol, why });
        }
        let twin = self.places.iter().flatten().find(|s| s.remote == remote && s.kind() == ClientKind::Plain);
        let twin = twin.map(|s| s.id);
        twin.into_iter().for_each(|id| self.dismiss(id, LeaveReason::Replaced, now));
        self.check_room(Comer::plain(party), now)?;
        let Some(place) = self.make_room(Comer::plain(party), now) else { return Err(self.full(now)) };
        let (no_camera, _) = self.camera;
        let plain = Plain::new(Cursor::begin(Policy::Newest, reel, no_camera, now));
        let client = self.settle(place, remote, None, Dialect::Plain(plain), now);
        self.entrance.unanswered.may(party.site(), now);
        let (kind, is_return) = (ClientKind::Plain, twin.is_some());
        self.outputs.push_back(Output::Open {
            client,
            local: route.local,
            remote,
            kind,
            tag: Tag::NONE,
            narrow: None,
        });
        self.outputs.push_back(Output::Event(ClientEvent::Joined { remote, kind, agent: None, is_return }));
        Ok(client)
    }

    /// A HELLO with the token of somebody who has joined makes a session, or he is told that there is no place any more. False: there
    /// is no such one.
    pub(super) fn adopt(
        &mut self,
        hello: &Hello,
        datagram: &[u8],
        from: SocketAddr,
        reel: &Reel,
        now: Time,
    ) -> bool {
        if hello.epoch != self.stream.epoch() || from.port() < MIN_PORT {
            return false;
        }
        // video goes to the address that has joined, or to none
        let Some(invitation) = self.entrance.invitations.find(hello.token, from) else { return false };
        let (route, is_back) = (invitation.route, invitation.is_back);
        let is_recorder = invitation.cursor.policy() == Policy::Every;
        if is_ours(from, route.local) {
            return false;
        }
        let twin = self.places.iter().flatten().find(|s| s.remote == from).map(|s| s.id);
        twin.into_iter().for_each(|old| self.dismiss(old, LeaveReason::Replaced, now));
        let comer = Comer { party: Party::of(from.ip()), is_recorder, is_back };
        let Some(place) = self.make_room(comer, now) else {
            self.send_away(hello.token, from, now);
            return true;
        };
        let Some(invitation) = self.entrance.invitations.take(hello.token, from) else { return false };
        let Invitation { token, agent, cursor, parity, .. } = invitation;
        let dialect = Dialect::Native(Box::new(Native::new(token, cursor, parity, now)));
        let id = self.settle(place, from, Some(hello), dialect, now);
        let (kind, local, is_return) = (ClientKind::Native(cursor.policy()), route.local, twin.is_some());
        let narrow = hello.narrow.then_some(hello.path_mtu);
        let tag = token.tag();
        self.outputs.push_back(Output::Open { client: id, local, remote: from, kind, tag, narrow });
        self.outputs.push_back(Output::Event(ClientEvent::Joined { remote: from, kind, agent, is_return }));
        self.hear(id, datagram, reel, now)
    }

    /// Tells one who has joined that others have come before his HELLO.
    fn send_away(&mut self, token: Token, from: SocketAddr, now: Time) {
        let epoch = self.stream.epoch();
        let Some(invitation) = self.entrance.invitations.find(token, from) else { return };
        if invitation.told >= TELL_MOST {
            return;
        }
        invitation.told = invitation.told.saturating_add(1);
        let newest = invitation.cursor.number().previous();
        let end = ServerEnd { epoch, token, reason: EndReason::MadeRoom, newest };
        let bytes = end.to_bytes().iter().copied().collect();
        self.outputs.push_back(Output::Answer { local: invitation.route.local, remote: from, bytes });
        if invitation.told == 1 {
            let event = never_began(invitation, from, LeaveReason::NoPlace, now);
            self.outputs.push_back(Output::Event(event));
        }
    }

    /// Those who have joined and have not said HELLO for too long are forgotten.
    pub(super) fn expire_invitations(&mut self, now: Time) {
        while let Some(invitation) = self.entrance.invitations.take_expired(now) {
            if invitation.told == 0 {
                let event = never_began(&invitation, invitation.route.remote, LeaveReason::NoHello, now);
                self.outputs.push_back(Output::Event(event));
            }
        }
    }

    /// Who has proved that what is sent arrives may join again as often as he likes.
    pub(super) fn on_proof(&mut self, client: ClientId, now: Time) {
        let Some(session) = self.session(client) else { return };
        if session.has_proved || !session.dialect.is_proven() {
            return;
        }
        session.has_proved = true;
        let (site, kind) = (session.party().site(), session.kind());
        match kind {
            ClientKind::Plain => self.entrance.unanswered.give_back(site, now),
            ClientKind::Native(_) => self.entrance.joins.give_back(site, now),
        }
    }

    fn check_room(&mut self, comer: Comer, now: Time) -> Result<(), Refusal> {
        if self.stopping {
            return Err(Refusal { code: RefusalCode::Stopping, why: "camcast is stopping".into() });
        }
        self.find_room(comer, now).map(drop).ok_or_else(|| self.full(now))
    }

    fn full(&mut self, now: Time) -> Refusal {
        let kept = match self.entrance.kept.held(now).count() {
            0 => String::new(),
            count => format!(", {count} of them kept for recorders that were cut off"),
        };
        let why =
            format!("all {} places are taken{kept}; camcast --max-clients gives more", self.limits.clients);
        Refusal { code: RefusalCode::Full, why }
    }

    /// A place for one more. Who records and comes back has the one that he had.
    fn find_room(&mut self, comer: Comer, now: Time) -> Option<Room> {
        let Comer { party, is_recorder, is_back } = comer;
        let kept: Vec<Held> = self.entrance.kept.held(now).collect();
        let has_kept = is_recorder && kept.iter().any(|held| held.party == party);
        let free = self.places.iter().position(Option::is_none);
        let count = self.places.iter().filter(|place| place.is_none()).count();
        if let Some(place) = free.filter(|_| has_kept || count > kept.len()) {
            return Some(Room::Free(place));
        }
        let own = self.places.iter().flatten().filter(|s| is_recorder && s.party() == party);
        let torn = own.filter(|s| s.is_torn_away(is_back, now)).min_by_key(|s| s.heard);
        if let Some(old) = torn {
            return Some(Room::Of(old.id));
        }
        let here = self.places.iter().flatten().map(|session| session.held(now));
        let held: Vec<(usize, Held)> = here.chain(kept).enumerate().collect();
        let going = who_leaves(&held, party, now)?;
        if let Some(session) = self.places.iter().flatten().nth(going) {
            return Some(Room::Of(session.id));
        }
        let (_, kept) = held.get(going)?;
        free.map(|place| Room::Kept(place, kept.party))
    }

    /// The place for one more is free after this, if there is one.
    pub(super) fn make_room(&mut self, comer: Comer, now: Time) -> Option<usize> {
        let place = match self.find_room(comer, now)? {
            Room::Free(place) => place,
            Room::Of(id) => {
                self.dismiss(id, LeaveReason::MadeRoom, now);
                id.place()
            }
            Room::Kept(place, party) => {
                self.entrance.kept.take(party, now);
                place
            }
        };
        if comer.is_recorder {
            self.entrance.kept.take(comer.party, now);
        }
        Some(place)
    }

    /// Has a session begin in a place that is free.
    fn settle(
        &mut self,
        place: usize,
        remote: SocketAddr,
        hello: Option<&Hello>,
        dialect: Dialect,
        now: Time,
    ) -> ClientId {
        self.generation = self.generation.wrapping_add(1);
        let id = ClientId { place: place as u16, generation: self.generation };
        let mut session = Session::new(id, remote, dialect, now);
        hello.into_iter().for_each(|hello| session.on_adopted(hello));
        if let Some(free) = self.places.get_mut(place) {
            *free = Some(session);
        }
        id
    }
}

/// He who joins and takes nothing is refused for a while.
pub(super) fn too_often() -> Refusal {
    let why = "your address has joined too often without taking a frame; try again in a few seconds";
    Refusal { code: RefusalCode::Full, why: why.into() }
}

/// The end of one that had no session.
fn never_began(invitation: &Invitation, remote: SocketAddr, reason: LeaveReason, now: Time) -> ClientEvent {
    let kind = ClientKind::Native(invitation.cursor.policy());
    ClientEvent::Left { remote, kind, reason, tally: Tally::default(), stay: now.since(invitation.since) }
}

/// Who has had so long to answer is not about to.
const GRACE: Duration = Duration::from_secs(1);

/// As the shares have it. But who has proved nothing though he had time to goes before one who is served, and for anybody who has not
/// such a one himself, whatever the shares are: the one who has had longest to do it.
fn who_leaves(held: &[(usize, Held)], newcomer: Party, now: Time) -> Option<usize> {
    let fair = who_goes(held, newcomer);
    let of = |place: &usize| held.iter().find(|(other, _)| other == place).map(|(_, held)| held.standing);
    let mute = || held.iter().filter(|(_, held)| held.standing == Standing::Idle);
    let longest =
        mute().filter(|(_, held)| now >= held.since.after(GRACE)).min_by_key(|(_, held)| held.since);
    let longest = longest.map(|(place, _)| *place);
    match fair.as_ref().and_then(of) {
        Some(Standing::Busy) => longest.or(fair),
        Some(_) => fair,
        None if mute().any(|(_, held)| held.party == newcomer) => None,
        None => longest,
    }
}

/// What is sent there comes to the port that we know as `local`.
fn is_ours(to: SocketAddr, local: SocketAddr) -> bool {
    let (ip, local_ip) = (to.ip().to_canonical(), local.ip().to_canonical());
    to.port() == local.port() && (ip == local_ip || ip.is_loopback())
}

/// A link-local address is nothing without its interface.
fn keep_scope(to: SocketAddr, from: SocketAddr) -> SocketAddr {
    match (to, from) {
        (SocketAddr::V6(mut to), SocketAddr::V6(from)) => {
            to.set_scope_id(from.scope_id());
            SocketAddr::V6(to)
        }
        _ => to,
    }
}
