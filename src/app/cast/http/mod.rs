//! The HTTP outlet: the stream and single frames for browsers and the programs that people have, and what there is to know of
//! the program.
//!
//! Lives here: connections, and which answer a request gets. May not live here: what requests and parts look like (`http`).
//!
//! | module | what |
//! |---|---|
//! | [`connection`] | one connection: what it is about, and what is on its way |
//! | [`viewer`] | one who has the stream |
//! | [`part`] | a picture on its way |
//! | `listening` | where connections come |
//! | [`scaled`] | frames at a half, a quarter and an eighth |
//! | `replies` | from a request to an answer |
//! | `controls` | `/controls` |
//! | [`state`] | `/state` |
//! | [`metrics`] | `/metrics` |

pub mod connection;
mod controls;
mod listening;
pub mod metrics;
pub mod part;
mod replies;
pub mod scaled;
pub mod state;
#[cfg(test)]
mod tests;
pub mod viewer;

use super::config::{Config, MAX_HTTP};
use super::listen::{ACCEPTS_A_TURN, Listening, Whom};
use super::news::{Demand, News};
use super::outlet::{Budget, Outlet, Shared};
use super::poll_set::{PollSet, Ready, Seat};
use super::scarce::Crowded;
use super::seen::{Look, Way};
use super::stream::Stream;
use crate::admission::places::{Held, Party, who_goes};
use crate::app::exit::ExitError;
use crate::sys::connection::{Connection as Socket, Listener, Remote, are_writable};
use crate::time::Time;
use crate::wire::FrameNumber;
use arrayvec::ArrayVec;
use connection::{Connection, Doing, Fate, STOPPING};
use controls::Desk;
use part::Pictures;
use scaled::{Scaled, Wishes};
use std::os::fd::AsFd;
use viewer::{Dates, Turn};

/// The most who have the stream at once.
const VIEWERS: usize = 64;

/// The most connections: those of viewers, and of who only asks.
const PLACES: usize = VIEWERS + 32;

/// Answers to one connection a turn.
const ANSWERS_A_TURN: usize = 4;

/// What it polls at the most.
pub const POLLS_MOST: usize = MAX_HTTP + PLACES + 1;

/// Why one goes whose place another gets.
const NEEDED: &str = "its place was needed: it took nothing, or its address had more than half of them";

/// Kinds of [seats](Seat).
const LISTENER: u8 = 0;
const CONNECTION: u8 = 1;
const SHRINKER: u8 = 2;

/// The outlet.
pub struct Http {
    listening: Listening,
    controls: Desk,
    scaled: Scaled,
    connections: Vec<Option<Connection>>,
    /// Of the next connection.
    generation: u32,
    /// Whose turn it is to be first.
    first: usize,
    dates: Dates,
    /// What is shown in place of frames.
    slate: Option<FrameNumber>,
    is_away: bool,
    stopping: bool,
    look: Look,
    /// The next turn comes at once: somebody has begun to watch or to wait, or has all, of which this turn's demand did not know; or
    /// more is asked for than is answered in one.
    comes_again: bool,
}

impl Http {
    /// Opens the addresses and the socket files.
    ///
    /// # Errors
    /// One line and its exit code.
    pub fn open(config: &Config, handed: Vec<Listener>) -> Result<Self, ExitError> {
        let whom = Whom::of(config.passwords.as_ref());
        let own = config.http.iter().map(|at| listening::open(at, whom));
        Ok(Http {
            listening: Listening::new(handed.into_iter().map(Ok).chain(own).collect::<Result<_, _>>()?),
            controls: Desk::new(config),
            scaled: Scaled::default(),
            connections: (0..PLACES).map(|_| None).collect(),
            generation: 0,
            first: 0,
            dates: Dates::default(),
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
        let mut connection = Connection::new(socket, remote, self.generation.wrapping_add(1), now);
        let who = (connection.party, remote);
        let Some(socket) = self.admit(connection.socket, who, shared, now) else { return };
        connection.socket = socket;
        let Some(place) = self.make_place(connection.party, shared, now) else {
            shared.stats.rejected += 1;
            return shared.report.rejected(remote, "all places are taken", now);
        };
        self.generation = connection.generation;
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
        let held = self.held(|doing| matches!(doing, Doing::Watching(_)), now);
        if held.len() < VIEWERS {
            return true;
        }
        let going = who_goes(&held, newcomer);
        going.into_iter().for_each(|place| self.close(place, NEEDED, shared, now));
        going.is_some()
    }

    fn held(&self, is: impl Fn(&Doing) -> bool, now: Time) -> ArrayVec<(usize, Held), PLACES> {
        let each = self.connections.iter().enumerate();
        let each = each.filter_map(|(place, it)| it.as_ref().map(|it| (place, it)));
        each.filter(|(_, it)| is(&it.doing)).map(|(place, it)| (place, it.held(now))).collect()
    }

    /// Does with one connection what `act` says, and closes it if that is to be.
    fn with(
        &mut self,
        place: usize,
        shared: &mut Shared<'_>,
        now: Time,
        act: impl FnOnce(&mut Connection, Pictures<'_>) -> Fate,
    ) {
        let Some(connection) = self.connections.get_mut(place).and_then(Option::as_mut) else { return };
        let pictures = Pictures { stream: shared.stream, scaled: &self.scaled };
        if let Fate::Ends(why) = act(connection, pictures) {
            self.close(place, why, shared, now);
        }
    }

    fn close(&mut self, place: usize, why: &str, shared: &mut Shared<'_>, now: Time) {
        let Some(connection) = self.connections.get_mut(place).and_then(Option::take) else { return };
        if let Doing::Watching(viewer) = &connection.doing {
            shared.stats.on_left(Way::Http, connection.remote, Some(viewer.since), &viewer.tally);
            if viewer.is_told {
                let stay = now.since(viewer.since);
                shared.report.viewer_left(
                    (connection.remote, Way::Http),
                    why,
                    &viewer.tally,
                    stay,
                    shared.stats.clients,
                );
            }
        }
    }

    /// Has frames made smaller for those who would take them now.
    fn order_small(&mut self, shared: &mut Shared<'_>, now: Time) {
        let mut wishes = Wishes::default();
        let each = self.connections.iter().flatten().filter_map(Connection::wish);
        each.for_each(|(scale, number)| wishes.add(scale, number));
        self.scaled.order(&wishes, shared, now);
    }

    fn viewers(&self) -> usize {
        let doing = self.connections.iter().flatten().map(|connection| &connection.doing);
        doing.filter(|doing| matches!(doing, Doing::Watching(_))).count()
    }

    /// Viewers who do not have the last frame yet, if it is the last.
    fn outstanding(&self, stream: &Stream) -> u64 {
        if !stream.source.is_over() {
            return 0;
        }
        let doing = self.connections.iter().flatten().map(|connection| &connection.doing);
        doing.filter(|doing| matches!(doing, Doing::Watching(viewer) if viewer.is_behind(stream))).count()
            as u64
    }

    /// A frame has come, which many may get: whether their connections take one is asked in one call.
    fn ask_for_room(&mut self, now: Time) {
        let watching = self.connections.iter().flatten().filter(|connection| is_open(connection));
        let room = are_writable(watching.map(|connection| &connection.socket));
        let watching = self.connections.iter_mut().flatten().filter(|connection| is_open(connection));
        for (connection, room) in watching.zip(room) {
            if let Doing::Watching(viewer) = &mut connection.doing {
                viewer.room = Some((now, room));
            }
        }
    }

    fn places(&self) -> std::ops::Range<usize> {
        0..self.connections.len()
    }
}

/// It has the stream, and its connection has taken all by now.
fn is_open(connection: &Connection) -> bool {
    matches!(connection.doing, Doing::Watching(_)) && !connection.wants_write()
}

impl Crowded for Http {
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

impl Outlet for Http {
    fn register<'p>(&'p self, set: &mut PollSet<'p>, now: Time) {
        if !self.stopping {
            self.listening.register(set, LISTENER, now);
        }
        for (place, connection) in (0..).zip(&self.connections) {
            let Some(connection) = connection else { continue };
            let seat = Seat { kind: CONNECTION, place, generation: connection.generation };
            match (connection.wants_read(), connection.wants_write()) {
                (true, write) => set.both(seat, connection.socket.as_fd(), write),
                (false, true) => set.writable(seat, connection.socket.as_fd()),
                (false, false) => set.breaking(seat, connection.socket.as_fd()),
            }
        }
        self.scaled.register(set, Seat::only(SHRINKER));
    }

    fn next_timeout(&self, now: Time) -> Time {
        if self.comes_again {
            return now;
        }
        let each = self.connections.iter().flatten().map(|connection| match &connection.doing {
            Doing::Watching(viewer) if !connection.wants_write() => {
                connection.until().min(viewer.next_timeout())
            }
            _ => connection.until(),
        });
        let accept = self.listening.next_timeout(now);
        let others = accept.min(self.controls.next_timeout()).min(self.scaled.next_timeout());
        each.min().unwrap_or(Time::NEVER).min(others)
    }

    fn handle(&mut self, seat: Seat, ready: Ready, shared: &mut Shared<'_>, now: Time) {
        let place = usize::from(seat.place);
        if seat.kind == LISTENER {
            return self.accept(place, shared, now);
        }
        if seat.kind == SHRINKER {
            return self.scaled.handle_done(shared, now);
        }
        let is_same = self.connections.get(place).and_then(Option::as_ref);
        if is_same.is_none_or(|connection| connection.generation != seat.generation) {
            return;
        }
        self.with(place, shared, now, |connection, _| {
            if ready.writable {
                connection.handle_writable(now);
            }
            // one that has said all it has is not read, but can break
            if ready.readable || ready.failing { connection.handle_readable(now) } else { Fate::Stays }
        });
        self.reply(place, shared, now);
    }

    fn handle_timeout(&mut self, shared: &mut Shared<'_>, now: Time) {
        self.comes_again = false;
        self.controls.handle_timeout(now);
        self.scaled.handle_timeout(now);
        if self.look.is_due(now) {
            let clients =
                self.connections.iter().flatten().filter_map(|connection| match &connection.doing {
                    Doing::Watching(viewer) => Some(viewer.seen(connection.remote)),
                    _ => None,
                });
            shared.stats.seen.renew(|way| way == Way::Http, clients);
        }
        for place in self.places() {
            let Some(connection) = self.connections[place].as_mut().filter(|it| now >= it.until()) else {
                continue;
            };
            match &connection.doing {
                Doing::Waiting(_) => self.refuse_picture(place, shared, now),
                Doing::Watching(_) if self.stopping => self.close(place, STOPPING, shared, now),
                Doing::Steering(_) => self.give_up_controls(place, now),
                Doing::Watching(_) => self.close(place, "it took nothing for 30 s", shared, now),
                _ => self.close(place, "it said nothing", shared, now),
            }
        }
    }

    fn handle_news(&mut self, news: News, shared: &mut Shared<'_>, now: Time) {
        match news {
            News::Frame => self.ask_for_room(now),
            News::Camera { away } => self.is_away = away,
            News::Slate(slate) => {
                self.slate = slate.map(|slate| slate.number);
                for connection in self.connections.iter_mut().flatten() {
                    if let Doing::Watching(viewer) = &mut connection.doing {
                        viewer.set_slate(self.slate, now);
                    }
                }
            }
            News::Controls => self.handle_controls(shared, now),
            News::Scarce => {
                // another outlet may have let one go
                if shared.stats.is_scarce && self.let_one_go(None, shared, now) {
                    shared.stats.is_scarce = false;
                }
            }
            News::Stop => {
                self.stopping = true;
                self.controls.say();
                for place in self.places() {
                    self.refuse_picture(place, shared, now);
                    self.give_up_controls(place, now);
                    self.with(place, shared, now, |connection, _| connection.stop(now));
                }
            }
        }
    }

    fn send(&mut self, shared: &mut Shared<'_>, budget: &mut Budget, now: Time) {
        let outstanding = self.outstanding(shared.stream);
        let (places, first, mut dates) = (self.connections.len(), self.first, self.dates);
        for place in (first..places).chain(0..first) {
            if budget.is_spent() {
                // the others come first in the next turn
                self.first = place;
                break;
            }
            for answers in 1.. {
                self.show(place, shared, now);
                self.with(place, shared, now, |connection, pictures| {
                    connection.send(&mut Turn { pictures, budget, dates: &mut dates, now })
                });
                // what was asked behind it
                self.reply(place, shared, now);
                let connection = self.connections[place].as_ref();
                if budget.is_spent() || !connection.is_some_and(Connection::has_more) {
                    break;
                }
                if answers == ANSWERS_A_TURN {
                    self.comes_again = true;
                    break;
                }
            }
        }
        self.dates = dates;
        self.order_small(shared, now);
        // this turn's demand did not know it: it may be over now
        self.comes_again |= self.outstanding(shared.stream) < outstanding;
    }

    fn demand(&self, stream: &Stream) -> Demand {
        let viewers = self.viewers();
        let others = self.connections.iter().flatten();
        // in the end everybody is waited for
        let counts = |doing: &Doing| match doing {
            Doing::Watching(_) => false,
            Doing::Waiting(_) => true,
            _ => self.stopping,
        };
        let others = others.filter(|connection| counts(&connection.doing)).count();
        Demand {
            clients: viewers + others,
            has_viewers: viewers > 0,
            outstanding: self.outstanding(stream),
            ..Demand::default()
        }
    }
}
