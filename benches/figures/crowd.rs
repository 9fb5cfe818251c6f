//! Native clients, as many as wanted, in one process and one loop: camrec's own sessions, without what it does with frames.

use crate::gauge::{Busy, Gauge, Used};
use crate::roles::{Heard, Task};
use camcast::app::rec::config::Language;
use camcast::app::rec::joining::{Joined, Joining};
use camcast::app::rec::session::Session;
use camcast::receiver::{Event, Frame};
use camcast::sys::clock;
use camcast::sys::poll::{self, PollFlags};
use camcast::time::Time;
use camcast::wire::FrameNumber;
use camcast::wire::join::Policy;
use nix::poll::PollFd;
use std::net::SocketAddr;
use std::time::Duration;

/// For all to have the frames that are measured.
const PATIENCE: Duration = Duration::from_secs(5);

/// What is measured, as it comes in.
struct Record {
    task: Task,
    gauge: Gauge,
    /// Frames that the first client has had.
    had: u32,
    ours: Gauge,
    /// The number of the frame after which it begins, and what the sender and we had used up then.
    begin: Option<(FrameNumber, [Used; 2])>,
    end: Option<(FrameNumber, [Used; 2])>,
    until: Time,
    /// A session is over before its time.
    is_broken: bool,
    heard: Heard,
}

/// Joins with so many, and measures.
pub(crate) fn watch(server: SocketAddr, task: Task) -> Heard {
    let mut sessions: Vec<Session> = (0..task.clients).map(|_| join(server)).collect();
    eprintln!("all have joined");
    let (gauge, ours) = (Gauge::new(task.sender), Gauge::new(std::process::id() as i32));
    let busy = Busy::new(task.sender);
    let (until, heard) = (Time::NEVER, Heard::default());
    let mut record =
        Record { task, gauge, ours, had: 0, begin: None, end: None, until, is_broken: false, heard };
    record.heard.delays_us.reserve(task.clients * task.frames as usize);
    while !record.is_over(clock::now()) {
        turn(&mut sessions, &mut record);
    }
    record.heard.busy = busy.share();
    for session in &mut sessions {
        session.leave(clock::now());
    }
    record.tell()
}

fn join(server: SocketAddr) -> Session {
    let (policy, now) = (Policy::Every, clock::now());
    let mut joining =
        Joining::begin(Language::Native(policy), None, None, server, None, now).expect("camcast is there");
    loop {
        let (fd, flags) = joining.fd();
        let mut fds = [PollFd::new(fd, flags)];
        poll::wait(&mut fds, joining.next_timeout(), clock::now()).unwrap();
        let is_ready = fds[0].revents().is_some_and(|revents| !revents.is_empty());
        let joined: Option<Joined> = joining.advance(is_ready, clock::now()).expect("camcast lets it in");
        if let Some(joined) = joined {
            let mut session = Session::begin(0, joined, policy, FrameNumber(1), clock::now()).unwrap();
            // HELLO goes at once, however many join after this one
            session.handle_timeout(clock::now());
            return session;
        }
    }
}

fn turn(sessions: &mut [Session], record: &mut Record) {
    let next = sessions.iter().map(Session::next_timeout).min().unwrap_or(Time::NEVER);
    let sockets = sessions.iter().map(|session| session.fd(0).expect("no session is over"));
    let mut fds: Vec<PollFd<'_>> = sockets.map(|fd| PollFd::new(fd, PollFlags::POLLIN)).collect();
    poll::wait(&mut fds, next.min(record.until), clock::now()).unwrap();
    let ready: Vec<bool> = fds.iter().map(poll::is_readable).collect();
    for (place, (session, is_ready)) in sessions.iter_mut().zip(ready).enumerate() {
        let now = clock::now();
        if is_ready {
            session.handle_readable(0, now);
        }
        if is_ready || now >= session.next_timeout() {
            session.handle_timeout(now);
        }
        while let Some(event) = session.poll_event() {
            match event {
                Event::Frame(frame) => {
                    record.handle_frame(&frame, place);
                    session.recycle(frame.bytes);
                }
                Event::Over(_, over) => {
                    eprintln!("client {place} of {}: {over:?}", record.task.clients);
                    record.is_broken = true;
                }
                Event::Missing(_) | Event::Skipped(_) | Event::Slate(_) => {}
            }
        }
    }
}

impl Record {
    fn handle_frame(&mut self, frame: &Frame, place: usize) {
        if place == 0 {
            self.had += 1;
            if self.had == self.task.warm {
                self.begin = Some((frame.number, [self.gauge.read(), self.ours.read()]));
            } else if self.had == self.task.warm + self.task.frames {
                self.end = Some((frame.number, [self.gauge.read(), self.ours.read()]));
                self.until = frame.arrived.after(PATIENCE);
            }
        }
        // those behind the first client are not told of the last frames before they have come
        let Some((first, _)) = self.begin else { return };
        let (since, frames) = (frame.number.since(first), i64::from(self.task.frames));
        if (1..=frames).contains(&i64::from(since)) {
            self.heard.delays_us.push(frame.arrived.since(frame.stamp.captured).as_micros() as u32);
            self.heard.repaired += u64::from(frame.repaired);
        }
    }

    fn is_over(&self, now: Time) -> bool {
        self.is_broken
            || self.end.is_some() && (self.heard.delays_us.len() >= self.wanted() || now >= self.until)
    }

    fn wanted(&self) -> usize {
        self.task.clients * self.task.frames as usize
    }

    fn tell(mut self) -> Heard {
        self.heard.lost = self.wanted().saturating_sub(self.heard.delays_us.len()) as u64;
        if let Some(((from, before), (to, after))) = self.begin.zip(self.end) {
            let [used, ours] = [0, 1].map(|whose| after[whose] - before[whose]);
            self.heard.receiver_ns = ours.cpu.as_nanos() as u64;
            (self.heard.cpu_ns, self.heard.sleeps) = (used.cpu.as_nanos() as u64, used.sleeps);
            self.heard.frames = to.since(from).unsigned_abs();
        }
        self.heard
    }
}
