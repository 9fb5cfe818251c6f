//! Connections that have not said yet what they want: few, and not for long.

use crate::admission::places::{Held, Party, Standing, who_goes};
use crate::sender::Route;
use crate::sender::greeting::{Greeting, GreetingError, Request};
use crate::sys::tcp::{self, Heard};
use crate::time::Time;
use arrayvec::ArrayVec;
use std::net::{SocketAddr, TcpStream};

/// Pending joins; with one more [somebody](who_goes) has to go.
pub const PLACES: usize = 32;

/// The waiting connections.
pub struct Pending {
    places: Box<[Option<PendingJoin>; PLACES]>,
    /// How many there have been.
    generation: u32,
}

/// A connection.
pub struct PendingJoin {
    /// The connection.
    pub stream: TcpStream,
    /// Its two ends.
    pub route: Route,
    generation: u32,
    since: Time,
    greeting: Greeting,
}

/// A connection that has said what it wants, or never will.
pub type Verdict = (PendingJoin, Result<Request, GreetingError>);

impl Default for Pending {
    fn default() -> Self {
        Pending { places: Box::new([const { None }; PLACES]), generation: 0 }
    }
}

impl PendingJoin {
    /// A fresh connection.
    pub fn new(stream: TcpStream, route: Route, now: Time) -> Self {
        PendingJoin { stream, route, generation: 0, since: now, greeting: Greeting::new(now) }
    }

    /// What it has said by now, if that is all: most have when they are taken, and need not wait.
    pub fn hear(&mut self, now: Time) -> Option<Result<Request, GreetingError>> {
        let mut bytes = [0; 512];
        let verdict = match tcp::read(&self.stream, &mut bytes) {
            Heard::Nothing => Ok(None),
            Heard::Bytes(count) => self.greeting.handle_bytes(&bytes[..count], now),
            Heard::Closed | Heard::Broken => self.greeting.handle_eof().map(Some),
        };
        verdict.transpose()
    }
}

impl Pending {
    /// One that has not said all yet. Returns the one that had to make room.
    pub fn enter(&mut self, mut join: PendingJoin) -> Option<PendingJoin> {
        self.generation = self.generation.wrapping_add(1);
        join.generation = self.generation;
        let is_full = self.places.iter().all(Option::is_some);
        let displaced = if is_full { self.make_room(join.route.remote) } else { None };
        match self.places.iter_mut().find(|place| place.is_none()) {
            Some(place) => *place = Some(join),
            None => return Some(join),
        }
        displaced
    }

    /// Nobody waits.
    pub fn is_empty(&self) -> bool {
        self.places.iter().all(Option::is_none)
    }

    /// Somebody comes from there, and one of those who wait has to go, if there is one.
    pub fn make_room(&mut self, newcomer: SocketAddr) -> Option<PendingJoin> {
        let held = |join: &PendingJoin| Held {
            party: Party::of(join.route.remote.ip()),
            standing: Standing::Idle,
            since: join.since,
        };
        let places = self.places.iter().enumerate();
        let held: ArrayVec<_, PLACES> =
            places.filter_map(|(place, join)| Some((place, held(join.as_ref()?)))).collect();
        self.places[who_goes(&held, Party::of(newcomer.ip()))?].take()
    }

    /// The connections to poll, each with its place and its generation there.
    pub fn streams(&self) -> impl Iterator<Item = (usize, u32, &TcpStream)> {
        let places = self.places.iter().enumerate();
        places.filter_map(|(place, join)| join.as_ref().map(|join| (place, join.generation, &join.stream)))
    }

    /// The connection of this place and generation can be read, if it is still there.
    pub fn handle_readable(&mut self, place: usize, generation: u32, now: Time) -> Option<Verdict> {
        let join = self.places.get_mut(place)?.as_mut().filter(|join| join.generation == generation)?;
        let verdict = join.hear(now)?;
        Some((self.places.get_mut(place)?.take()?, verdict))
    }

    /// Deadlines have come. To be called until there is no verdict.
    pub fn handle_timeout(&mut self, now: Time) -> Option<Verdict> {
        self.places.iter_mut().find_map(|place| {
            let verdict = place.as_ref()?.greeting.handle_timeout(now).transpose()?;
            Some((place.take()?, verdict))
        })
    }

    /// The earliest deadline.
    pub fn next_timeout(&self) -> Time {
        let deadlines = self.places.iter().flatten().map(|join| join.greeting.next_timeout());
        deadlines.min().unwrap_or(Time::NEVER)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::tcp::Accepted;
    use std::io::Write;
    use std::net::TcpListener;
    use std::time::Duration;

    const NOW: Time = Time::from_millis(1000);

    /// A connection, and the client's end of it.
    fn connect(listener: &TcpListener) -> (TcpStream, Route, TcpStream) {
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let Ok(Accepted::Connection(stream, remote)) = tcp::accept(listener) else { panic!("nobody") };
        let local = stream.local_addr().unwrap();
        (stream, Route { remote, local }, client)
    }

    #[test]
    fn an_answer_for_one_that_has_left_is_not_the_next_ones() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut pending = Pending::default();
        let (stream, route, mut first) = connect(&listener);
        assert!(pending.enter(PendingJoin::new(stream, route, NOW)).is_none());
        let (place, generation, _) = pending.streams().next().unwrap();
        first.write_all(b"5005\n").unwrap();
        let verdict = loop {
            if let Some(verdict) = pending.handle_readable(place, generation, NOW) {
                break verdict;
            }
        };
        assert_eq!(verdict.1.unwrap(), Request::Plain(5005));
        let (stream, route, mut second) = connect(&listener);
        assert!(pending.enter(PendingJoin::new(stream, route, NOW)).is_none());
        second.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
        assert!(pending.handle_readable(place, generation, NOW).is_none(), "the first one's");
        let (again, fresh, _) = pending.streams().next().unwrap();
        assert!(again == place && fresh != generation);
    }

    #[test]
    fn who_has_said_all_need_not_wait() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (stream, route, mut client) = connect(&listener);
        let mut join = PendingJoin::new(stream, route, NOW);
        assert!(join.hear(NOW).is_none(), "nothing yet");
        client.write_all(b"CAMCAST/1 join").unwrap();
        client.write_all(b" policy=every\n").unwrap();
        let request = loop {
            if let Some(request) = join.hear(NOW) {
                break request.unwrap();
            }
        };
        assert!(matches!(request, Request::Native(_)), "{request:?}");
    }

    #[test]
    fn the_oldest_makes_room() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut pending = Pending::default();
        let mut clients = Vec::new();
        for n in 0..PLACES as u64 {
            let (stream, route, client) = connect(&listener);
            clients.push(client);
            assert!(
                pending.enter(PendingJoin::new(stream, route, NOW.after(Duration::from_millis(n)))).is_none()
            );
        }
        for client in clients.iter().take(5) {
            let (stream, route, _) = connect(&listener);
            let evicted =
                pending.enter(PendingJoin::new(stream, route, NOW.after(Duration::from_secs(1)))).unwrap();
            assert_eq!(evicted.route.remote, client.local_addr().unwrap());
        }
    }
}
