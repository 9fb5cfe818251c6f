//! The smallest outlet, and the pattern for others: each connection to a TCP port is told the number of each newest frame, a
//! line each. A reader that falls behind skips frames; one that takes nothing for longer than its buffer lasts is closed.

use super::news::{Demand, News};
use super::outlet::{Budget, Outlet, Shared};
use super::poll_set::{PollSet, Ready, Seat};
use super::stream::Stream;
use crate::sys::tcp::{self, Accepted, Outgoing, Progress};
use crate::time::Time;
use crate::wire::FrameNumber;
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsFd;

const LISTENER: u8 = 0;
const READER: u8 = 1;

pub struct Example {
    pub listener: TcpListener,
    pub reader: Option<(TcpStream, Outgoing)>,
    pub next: FrameNumber,
}

impl Outlet for Example {
    fn register<'p>(&'p self, set: &mut PollSet<'p>, _: Time) {
        set.readable(Seat::only(LISTENER), self.listener.as_fd());
        if let Some((stream, outgoing)) = &self.reader {
            set.both(Seat::only(READER), stream.as_fd(), outgoing.wants_write());
        }
    }

    fn next_timeout(&self, _: Time) -> Time {
        Time::NEVER
    }

    fn handle(&mut self, seat: Seat, _: Ready, _: &mut Shared<'_>, _: Time) {
        if let (LISTENER, Ok(Accepted::Connection(stream, _))) = (seat.kind, tcp::accept(&self.listener)) {
            self.reader = Some((stream, Outgoing::new(64)));
        }
    }

    fn handle_timeout(&mut self, _: &mut Shared<'_>, _: Time) {}

    fn handle_news(&mut self, news: News, _: &mut Shared<'_>, _: Time) {
        self.reader.take_if(|_| news == News::Stop);
    }

    fn send(&mut self, shared: &mut Shared<'_>, budget: &mut Budget, _: Time) {
        let Some((stream, outgoing)) = &mut self.reader else { return };
        let newest = shared.stream.reel.newest().map(|frame| frame.number());
        if let Some(newest) = newest.filter(|newest| !self.next.is_after(*newest) && !budget.is_spent()) {
            budget.spend();
            let has_room = outgoing.push(format!("{newest}\n").as_bytes());
            let is_open = has_room && outgoing.flush(stream) != Progress::Closed;
            self.next = newest.next();
            self.reader.take_if(|_| !is_open);
        }
    }

    fn demand(&self, _: &Stream) -> Demand {
        Demand { clients: usize::from(self.reader.is_some()), ..Demand::default() }
    }
}

mod tests {
    use super::*;
    use crate::app::cast::config::Config;
    use crate::app::cast::options::Options;
    use crate::app::cast::outlets::AnyOutlet;
    use crate::app::cast::{Flow, Server};
    use std::io::{BufRead, BufReader};

    #[test]
    fn an_outlet_is_its_own_files_and_a_line() {
        let options = Options {
            source: Some("pattern".into()),
            listen: vec!["127.0.0.1:0".into()],
            resolution: Some("160x120".into()),
            ..Options::default()
        };
        let mut server =
            Server::new(&Config::try_from(options).unwrap(), crate::app::cast::handed::Handed::default())
                .unwrap();
        let listener = tcp::listener(([127, 0, 0, 1], 0).into()).unwrap();
        let reader = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        reader.set_nonblocking(true).unwrap();
        let example = Example { listener, reader: None, next: FrameNumber(0) };
        server.outlets.push(AnyOutlet::Example(example));
        let mut lines = BufReader::new(reader);
        let mut heard = String::new();
        while heard.lines().count() < 3 {
            assert_eq!(server.turn().unwrap(), Flow::On);
            let _ = lines.read_line(&mut heard);
        }
        let numbers: Vec<u32> = heard.lines().map(|line| line.parse().unwrap()).collect();
        assert!(numbers.is_sorted_by(|a, b| a < b), "{numbers:?}");
        assert_eq!(server.demand().clients, 1);
        server.stop(crate::sys::clock::now());
        assert_eq!(server.demand(), Demand::default());
    }
}
