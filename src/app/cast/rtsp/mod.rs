//! The RTSP outlet: frames as RTP packets (RFC 2435), for the programs that know cameras by it.
//!
//! Lives here: connections, their sessions, and how packets leave. May not live here: what requests (`rtsp`) and packets (`rtp`)
//! look like.
//!
//! | module | what |
//! |---|---|
//! | [`connection`] | one connection, its session, what is on its way |
//! | [`player`] | a track, and where it is in the stream |
//! | [`datagrams`] | its packets by UDP |
//! | [`interleaved`] | its packets over the connection |
//! | [`group`] | one track for all who listen (multicast) |
//! | `replies` | from a request to an answer |

pub mod connection;
pub mod datagrams;
pub mod group;
pub mod interleaved;
pub mod player;
mod replies;

use super::config::{Config, MAX_RTSP};
use super::listen::{self, ACCEPTS_A_TURN, Listening, Whom};
use super::news::{Demand, News};
use super::outlet::{Budget, Outlet, Shared};
use super::poll_set::{PollSet, Ready, Seat};
use super::scarce::Crowded;
use super::seen::{Client, Look, Way as SeenWay};
use super::stream::Stream;
use crate::admission::places::{Held, Party, who_goes};
use crate::app::exit::ExitError;
use crate::rtsp::session::Name;
use crate::sys::connection::{Connection as Socket, Listener, Remote};
use crate::sys::random_u64;
use crate::time::Time;
use crate::wire::FrameNumber;
use arrayvec::ArrayVec;
use connection::{Connection, Fate, Session, Way};
use group::Group;
use std::os::fd::AsFd;
use std::time::Duration;

/// The most who have the stream at once.
const VIEWERS: usize = 32;

/// The most connections: those of viewers, and of who only asks.
const PLACES: usize = VIEWERS + 16;

/// What it polls at the most: connections, two sockets of each viewer by UDP, and the group's.
pub const POLLS_MOST: usize = MAX_RTSP + PLACES + 2 * PLACES + 1;

/// Who has seen something of the stream waits so long for more of it, while all that comes cannot go.
const ODD: Duration = Duration::from_secs(5);

/// Why one goes whose place another gets.
const NEEDED: &str = "its place was needed: it took nothing, or its address had more than half of them";

/// Why viewers go when camcast does.
const STOPPING: &str = "camcast is stopping";

/// Kinds of [seats](Seat).
const LISTENER: u8 = 0;
const CONNECTION: u8 = 1;
const REPORTS: u8 = 2;
const PACKETS: u8 = 3;
const GROUP: u8 = 4;

/// The outlet.
pub struct Rtsp {
    listening: Listening,
    /// Bytes of a packet at the most.
    packet: u16,
    dscp: Option<u8>,
    connections: Vec<Option<Connection>>,
    group: Option<Group>,
    /// Of the next connection.
    generation: u32,
    /// Whose turn it is to be first.
    first: usize,
    /// What is shown in place of frames.
    slate: Option<FrameNumber>,
    is_away: bool,
    stopping: bool,
    look: Look,
    /// The next turn comes at once: somebody has begun to watch, or has all, of which this turn's demand did not know; or more is
    /// asked for than is answered in one.
    comes_again: bool,
}

impl Rtsp {
    /// Opens the addresses.
    ///
    /// # Errors
    /// One line and its exit code.
    pub fn open(config: &Config, handed: Vec<Listener>) -> Result<Self, ExitError> {
        let whom = Whom::of(config.passwords.as_ref());
        let open = |at: &std::net::SocketAddr| listen::open("--rtsp", "RTSP", *at, whom);
        Ok(Rtsp {
            listening: Listening::new(
                handed.into_iter().map(Ok).chain(config.rtsp.iter().map(open)).collect::<Result<_, _>>()?,
            ),
            packet: config.datagram,
            dscp: config.dscp,
            connections: (0..PLACES).map(|_| None).collect(),
            group: config.rtsp_multicast.map(|to| Group::new(to, config.datagram, config.dscp)),
            generation: 0,
            first: 0,
            slate: None,
            is_away: false,
            stopping: false,
            look: Look::default(),
            comes_again: false,
        })
    }

    fn accept(&mut self, place: usize, shared: &mut Shared<'_>, now: Time) {
        for _ in 0..ACCEPTS_A_TURN {
            let Some((socket, remote)) = self.listening.accept(place, shared, now) else { return };
            self.take(socket, remote, shared, now);
        }
    }

    fn take(&mut self, socket: Socket, remote: Remote, shared: &mut Shared<'_>, now: Time) {
        let Ok(name) = random_u64() else { return };
        let generation = self.generation.wrapping_add(1);
        let mut connection = Connection::new(socket, remote, (generation, Name(name)), now);
        let who = (connection.party, remote);
        let Some(socket) = self.admit(connection.socket, who, shared, now) else { return };
        connection.socket = socket;
        let Some(place) = self.make_place(connection.party, shared, now) else {
            shared.stats.rejected += 1;
            return shared.report.rejected(remote, "all places are taken", now);
        };
        self.generation = generation;
        self.connections[place] = Some(connection);
    }

    /// A place for one more, which somebody else may have to leave.
    fn make_place(&mut self, newcomer: Party, shared: &mut Shared<'_>, now: Time) -> Option<usize> {
        self.connections.iter().position(Option::is_none).or_else(|| {
            let place = who_goes(&self.held(|_| true, now), newcomer)?;
            self.close(place, NEEDED, shared, now);
            Some(place)
        })
    }

    /// Whether one more may have the stream; somebody else may have to leave it.
    fn may_watch(&mut self, newcomer: Party, shared: &mut Shared<'_>, now: Time) -> bool {
        let has_it = |connection: &Connection| is_viewer(connection.session.as_ref());
        let held = self.held(has_it, now);
        if held.len() < VIEWERS {
            return true;
        }
        let going = who_goes(&held, newcomer);
        going.into_iter().for_each(|place| self.close(place, NEEDED, shared, now));
        going.is_some()
    }

    fn held(&self, is: impl Fn(&Connection) -> bool, now: Time) -> ArrayVec<(usize, Held), PLACES> {
        let each = self.connections.iter().enumerate();
        let each = each.filter_map(|(place, it)| it.as_ref().map(|it| (place, it)));
        each.filter(|(_, it)| is(it)).map(|(place, it)| (place, it.held(now))).collect()
    }

    fn close(&mut self, place: usize, why: &str, shared: &mut Shared<'_>, now: Time) {
        self.end_session(place, why, shared, now);
        if let Some(connection) = self.connections.get_mut(place) {
            *connection = None;
        }
    }

    /// Ends a connection's session, if it has one.
    fn end_session(&mut self, place: usize, why: &str, shared: &mut Shared<'_>, now: Time) {
        let Some(connection) = self.connections.get_mut(place).and_then(Option::as_mut) else { return };
        let remote = connection.remote;
        let Some(session) = connection.session.take() else { return };
        if let Some(since) = session.since {
            let tally = session.tally(self.group.as_ref().and_then(Group::player));
            shared.stats.on_left(session.way.seen(), remote, Some(since), &tally);
            if session.is_told {
                let stay = now.since(since);
                shared.report.viewer_left(
                    (remote, session.way.seen()),
                    why,
                    &tally,
                    stay,
                    shared.stats.clients,
                );
            }
        }
        if !self.sessions().any(|session| matches!(session.way, Way::Group)) {
            self.group.iter_mut().for_each(|group| group.close(now));
        }
        self.comes_again = true;
    }

    fn sessions(&self) -> impl Iterator<Item = &Session> {
        self.connections.iter().flatten().filter_map(|connection| connection.session.as_ref())
    }

    /// Whose sessions are played.
    fn playing(&self) -> impl Iterator<Item = &Session> {
        self.sessions().filter(|session| session.is_playing)
    }

    fn is_group_playing(&self) -> bool {
        self.playing().any(|session| matches!(session.way, Way::Group))
    }

    /// Viewers who do not have the last frame yet, if it is the last.
    fn outstanding(&self, stream: &Stream) -> u64 {
        if !stream.source.is_over() {
            return 0;
        }
        let group = self.group.as_ref().and_then(Group::player);
        let players = self.playing().filter_map(|session| session.way.player().or(group));
        let is_recoding = stream.is_recoding();
        players.filter(|player| is_recoding || player.is_behind(stream)).count() as u64
    }

    fn places(&self) -> std::ops::Range<usize> {
        0..self.connections.len()
    }

    /// Does with one connection what `act` says, and closes it if that is to be.
    fn with(
        &mut self,
        place: usize,
        shared: &mut Shared<'_>,
        now: Time,
        act: impl FnOnce(&mut Connection, &mut Shared<'_>) -> Fate,
    ) {
        let Some(connection) = self.connections.get_mut(place).and_then(Option::as_mut) else { return };
        if let Fate::Ends(why) = act(connection, shared) {
            self.close(place, why, shared, now);
        }
    }

    /// A stream of which nothing can go this way is said to be one, rather than shown as nothing.
    fn end_if_not_carried(&mut self, place: usize, shared: &mut Shared<'_>, now: Time) {
        let session = self.connections[place].as_ref().and_then(Connection::playing);
        let group = self.group.as_ref().and_then(Group::player);
        let player = session.and_then(|session| session.way.player().or(group));
        let Some(player) = player else { return };
        // now and then a frame is odd
        let is_over = |since: Time| player.tally.frames == 0 || now >= since.after(ODD);
        let words = match player.not_carried.filter(|(_, since)| is_over(*since)) {
            Some((why, _)) => Some(replies::words(why, shared.stream.recodes())),
            None if player.tally.frames == 0 => shared.stream.recoding_fails().map(str::to_owned),
            None => None,
        };
        words.into_iter().for_each(|why| self.close(place, &why, shared, now));
    }

    fn renew_seen(&self, shared: &mut Shared<'_>) {
        let group = self.group.as_ref().and_then(Group::player);
        let clients = self.connections.iter().flatten().filter_map(|connection| {
            let session = connection.session.as_ref()?;
            Some(Client {
                remote: connection.remote,
                way: session.way.seen(),
                since: session.since?,
                tally: session.tally(group),
            })
        });
        shared.stats.seen.renew(|way| matches!(way, SeenWay::Rtsp(_)), clients);
    }
}

/// It has, or has had, the stream, as one of its own.
fn is_viewer(session: Option<&Session>) -> bool {
    session.is_some_and(|session| session.since.is_some() && !matches!(session.way, Way::Group))
}

impl Crowded for Rtsp {
    fn let_go(
        &mut self,
        who: impl FnOnce(&[(usize, Held)]) -> Option<usize>,
        shared: &mut Shared<'_>,
        now: Time,
    ) -> bool {
        let going = who(&self.held(|_| true, now));
        going.into_iter().for_each(|place| self.close(place, NEEDED, shared, now));
        going.is_some()
    }
}

impl Outlet for Rtsp {
    fn register<'p>(&'p self, set: &mut PollSet<'p>, now: Time) {
        if !self.stopping {
            self.listening.register(set, LISTENER, now);
        }
        for (place, connection) in (0..).zip(&self.connections) {
            let Some(connection) = connection else { continue };
            let seat = |kind| Seat { kind, place, generation: connection.generation };
            match (connection.wants_read(), connection.wants_write()) {
                (true, write) => set.both(seat(CONNECTION), connection.socket.as_fd(), write),
                (false, true) => set.writable(seat(CONNECTION), connection.socket.as_fd()),
                (false, false) => set.breaking(seat(CONNECTION), connection.socket.as_fd()),
            }
            if let Some(Session { way: Way::Datagrams(both), .. }) = &connection.session {
                set.readable(seat(REPORTS), both.0.rtcp.as_fd());
                if both.0.is_blocked {
                    set.writable(seat(PACKETS), both.0.rtp.as_fd());
                }
            }
        }
        let group = self.group.as_ref().and_then(Group::playing);
        if let Some((datagrams, _)) = group.filter(|(datagrams, _)| datagrams.is_blocked) {
            set.writable(Seat::only(GROUP), datagrams.rtp.as_fd());
        }
    }

    fn next_timeout(&self, now: Time) -> Time {
        if self.comes_again {
            return now;
        }
        let each = self.connections.iter().flatten().map(Connection::next_timeout);
        let accept = self.listening.next_timeout(now);
        let group = self.group.as_ref().and_then(Group::playing).filter(|_| self.is_group_playing());
        let group = group.map_or(Time::NEVER, |(datagrams, player)| datagrams.next_timeout(player));
        each.min().unwrap_or(Time::NEVER).min(accept).min(group)
    }

    fn handle(&mut self, seat: Seat, ready: Ready, shared: &mut Shared<'_>, now: Time) {
        let place = usize::from(seat.place);
        match seat.kind {
            LISTENER => return self.accept(place, shared, now),
            GROUP => return self.group.iter_mut().for_each(Group::handle_writable),
            _ => {}
        }
        let Some(connection) = self.connections.get_mut(place).and_then(Option::as_mut) else { return };
        if connection.generation != seat.generation {
            return;
        }
        if let (REPORTS | PACKETS, Some(Session { way: Way::Datagrams(both), .. })) =
            (seat.kind, &mut connection.session)
        {
            let (datagrams, player) = &mut **both;
            datagrams.is_blocked &= seat.kind != PACKETS;
            if seat.kind == REPORTS && datagrams.hear(player, shared, now) {
                connection.heard(now);
            }
            return;
        }
        self.with(place, shared, now, |connection, _| {
            if ready.writable {
                connection.handle_writable();
            }
            if ready.readable || ready.failing { connection.handle_readable(now) } else { Fate::Stays }
        });
        self.reply(place, shared, now);
    }

    fn handle_timeout(&mut self, shared: &mut Shared<'_>, now: Time) {
        self.comes_again = false;
        if self.look.is_due(now) {
            self.renew_seen(shared);
        }
        for place in self.places() {
            let until = self.connections[place].as_ref().map(Connection::until);
            if let Some((_, why)) = until.filter(|(until, _)| now >= *until) {
                self.close(place, why, shared, now);
            }
        }
    }

    fn handle_news(&mut self, news: News, shared: &mut Shared<'_>, now: Time) {
        match news {
            News::Frame | News::Controls => {}
            News::Camera { away } => self.is_away = away,
            News::Slate(slate) => {
                self.slate = slate.map(|slate| slate.number);
                let sessions = self.connections.iter_mut().flatten().filter_map(|it| it.session.as_mut());
                let players = sessions.filter_map(|session| session.way.player_mut());
                players.for_each(|player| player.set_slate(self.slate, now));
                self.group.iter_mut().for_each(|group| group.set_slate(self.slate, now));
            }
            News::Scarce => {
                // another outlet may have let one go
                if shared.stats.is_scarce && self.let_one_go(None, shared, now) {
                    shared.stats.is_scarce = false;
                }
            }
            News::Stop => {
                self.stopping = true;
                for place in self.places() {
                    self.connections[place].iter_mut().for_each(|connection| connection.bye(now));
                    self.close(place, STOPPING, shared, now);
                }
            }
        }
    }

    fn send(&mut self, shared: &mut Shared<'_>, budget: &mut Budget, now: Time) {
        let outstanding = self.outstanding(shared.stream);
        // the last place is the group's
        let (places, first) = (self.connections.len() + 1, self.first);
        for place in (first..places).chain(0..first) {
            if budget.is_spent() {
                // the others come first in the next turn
                self.first = place;
                break;
            }
            if place == self.connections.len() && self.is_group_playing() {
                self.group.iter_mut().for_each(|group| group.send(shared, budget, now));
            }
            if self.connections.get(place).is_none_or(Option::is_none) {
                continue;
            }
            self.with(place, shared, now, |connection, shared| connection.send(shared, budget, now));
            self.end_if_not_carried(place, shared, now);
            // what was asked while a packet was halfway out
            self.reply(place, shared, now);
        }
        // this turn's demand did not know it: it may be over now
        self.comes_again |= self.outstanding(shared.stream) < outstanding;
    }

    fn demand(&self, stream: &Stream) -> Demand {
        let clients = self.playing().count();
        let outstanding = self.outstanding(stream);
        Demand { clients, has_viewers: clients > 0, needs_standard: clients > 0, outstanding }
    }
}
