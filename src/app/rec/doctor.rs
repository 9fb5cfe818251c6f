//! `camrec --doctor HOST`: what a helper would ask for, with what is to be thought of it.

use super::config::{Config, Language, Target, Way, WhenFull};
use super::find;
use super::joining::{JoinError, Joined, Joining};
use super::session::{RECEIVE_BUFFER, Session};
use crate::app::doctor::machine::Machine;
use crate::app::doctor::{Doctor, disk};
use crate::app::exit::{Exit, ExitError, usage};
use crate::doctor::board::Load;
use crate::doctor::trial::{Trial, loss};
use crate::doctor::{Finding, path};
use crate::receiver::{Event, Over};
use crate::record::retention::Keep;
use crate::sys::names::Lookup;
use crate::sys::poll::{self, PollFlags};
use crate::sys::{clock, udp};
use crate::time::Time;
use crate::wire::FrameNumber;
use crate::wire::join::{Accepted, Policy};
use nix::poll::PollFd;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;
use std::time::Duration;

/// A resolver that has not answered by then does not.
const LOOKUP: Duration = Duration::from_secs(20);

/// A camera that is said to be away is waited for so long.
const LEAST: Duration = Duration::from_secs(3);

/// The server is given so long to hear that we leave.
const LEAVE: Duration = Duration::from_secs(1);

/// Looks at everything that a recording of this configuration needs, and says what it finds. Nothing is recorded.
///
/// # Errors
/// What was asked for cannot be looked at, or no camera was found where none was named.
pub(super) fn run(config: Config, is_named: bool, masks: bool) -> Result<Exit, ExitError> {
    if matches!(config.language, Language::Plain(_)) {
        return Err(usage("--doctor and --plain: only a camcast can be looked at"));
    }
    let mut doctor = Doctor::begin("camrec", masks);
    let machine = Machine::default();
    doctor.find_all(machine.findings());
    doctor.find_all(machine.memory(config.buffer as u64, "--buffer"));
    doctor.find_all(receive_buffer());
    let config = if is_named { config } else { find::the_only(&config).map(|at| config.at(at))? };
    let mut rate = None;
    for way in &config.ways {
        doctor.hide(&way.host, "HOST");
        rate = follow(&mut doctor, &config, way).or(rate);
    }
    if let Target::Folder(folder) = &config.target {
        // a folder as it is typed may be no more than a name
        let path = if folder.path == Path::new("") { Path::new(".") } else { &folder.path };
        let is_bounded = folder.keep != Keep::default() || folder.when_full == WhenFull::Rotate;
        let load = Load { rate, buffer: config.buffer as u64, is_bounded };
        doctor.find(disk(path, folder.must_exist, load));
    }
    Ok(doctor.end())
}

fn receive_buffer() -> Option<Finding> {
    let socket = udp::bound(SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), 0)).ok()?;
    Some(path::receive_buffer(udp::set_receive_buffer(&socket, RECEIVE_BUFFER), RECEIVE_BUFFER))
}

/// Follows a way to camcast, and returns the bytes a second that came by it.
fn follow(doctor: &mut Doctor, config: &Config, way: &Way) -> Option<f64> {
    let addresses = match look_up(way) {
        Ok(addresses) => addresses,
        Err(why) => {
            doctor.find(Finding::fail("name", why));
            return None;
        }
    };
    for at in addresses {
        let begun = clock::now();
        match join(config, way, at) {
            Ok((joined, connected)) => {
                let took = connected.since(begun);
                doctor.find(Finding::ok("way", format!("{at} answers after {} ms", took.as_millis())));
                return watch(doctor, joined);
            }
            Err(error) => doctor.find(Finding::fail("way", error.to_string())),
        }
    }
    None
}

fn look_up(way: &Way) -> Result<Vec<SocketAddr>, String> {
    let Way { host, port, .. } = way;
    let failed = |error: io::Error| {
        format!("{host}: {error}; is it spelled right, and is this machine in its network?")
    };
    let lookup = Lookup::start(host.clone(), *port).map_err(failed)?;
    let end = clock::now().after(LOOKUP);
    loop {
        let now = clock::now();
        match lookup.take() {
            Some(found) => return found.map_err(failed),
            None if now >= end => return Err(failed(io::ErrorKind::TimedOut.into())),
            None => rest(lookup.as_fd(), PollFlags::POLLIN, end, now).map_err(failed)?,
        };
    }
}

/// Joins there. Says when the connection stood, too.
fn join(config: &Config, way: &Way, at: SocketAddr) -> Result<(Joined, Time), JoinError> {
    let native = Language::Native(Policy::Every);
    let mut connected = None;
    let mut joining = Joining::begin(native, config.key.clone(), way.from, at, None, clock::now())?;
    loop {
        let now = clock::now();
        let (fd, flags) = joining.fd();
        let end = joining.next_timeout();
        let is_ready = rest(fd, flags, end, now).map_err(|error| JoinError::Unreachable(at, error))?;
        let now = clock::now();
        if is_ready {
            connected.get_or_insert(now);
        }
        if let Some(joined) = joining.advance(is_ready, now)? {
            return Ok((joined, connected.unwrap_or(now)));
        }
    }
}

/// What came by a session.
#[derive(Default)]
struct Watched {
    trial: Trial,
    /// There is no camera, and a picture says so.
    has_slate: bool,
    over: Option<Over>,
}

/// Watches the stream for a few seconds, and leaves.
fn watch(doctor: &mut Doctor, joined: Joined) -> Option<f64> {
    let Joined::Native { accepted, .. } = &joined else { return None };
    let agreed = accepted.fps.map(f64::from).filter(|fps| *fps > 0.0);
    doctor.find(Finding::ok("stream", in_words(accepted)));
    let begun = Session::begin(0, joined, Policy::Every, FrameNumber(1), clock::now());
    let mut session = match begun {
        Ok(session) => session,
        Err(error) => {
            doctor.find(Finding::fail("stream", format!("no socket for it: {error}")));
            return None;
        }
    };
    let mut watched = Watched::default();
    let begun = clock::now();
    let result = watched.follow(&mut session, |so_far| match so_far.has_slate {
        true => begun.after(LEAST),
        false => so_far.trial.end(begun, agreed),
    });
    let round_trip = session.round_trip(0);
    let counters = session.counters();
    session.leave(clock::now());
    let heard_by = clock::now().after(LEAVE);
    let missing = watched.trial.missing;
    if let Err(error) = result.and_then(|()| Watched::default().follow(&mut session, |_| heard_by)) {
        doctor.find(Finding::fail("stream", format!("poll: {error}")));
    }
    match (watched.over, watched.has_slate && watched.trial.frames == 0) {
        (Some(over), _) => doctor.find(Finding::fail("frames", format!("the session ended: {over:?}"))),
        (None, true) => doctor.find(
            Finding::fail("frames", "camcast is there, but has no camera")
                .remedied_by("camcast --doctor on its machine"),
        ),
        (None, false) => doctor.find(watched.trial.finding("frames", agreed)),
    }
    doctor.find(loss(counters.fragments, counters.repaired, missing));
    doctor.find_all(round_trip.map(|time| {
        Finding::ok("way", format!("datagrams take {:.1} ms there and back", time.as_secs_f64() * 1e3))
    }));
    watched.trial.rate()
}

fn in_words(accepted: &Accepted) -> String {
    let size = accepted.size.map(|size| size.to_string());
    let fps = accepted.fps.map(|fps| format!("{fps:.2} fps"));
    let reel = Some(format!("{:.1} s of it can still be asked for", f64::from(accepted.span_ms) / 1e3));
    [size, fps, reel].into_iter().flatten().collect::<Vec<_>>().join(", ")
}

impl Watched {
    /// Until then, as it is by what has come, or until the session is over.
    fn follow(&mut self, session: &mut Session, until: impl Fn(&Self) -> Time) -> io::Result<()> {
        loop {
            let now = clock::now();
            session.handle_timeout(now);
            while let Some(event) = session.poll_event() {
                self.take(session, event);
            }
            let end = until(self);
            let Some(fd) = session.fd(0).filter(|_| now < end && !session.is_over()) else { return Ok(()) };
            if rest(fd, PollFlags::POLLIN, end.min(session.next_timeout()), now)? {
                session.handle_readable(0, clock::now());
            }
        }
    }

    fn take(&mut self, session: &mut Session, event: Event) {
        match event {
            Event::Frame(frame) => {
                self.trial.add(frame.bytes.len(), frame.stamp.captured);
                session.recycle(frame.bytes);
            }
            Event::Missing(run) => self.trial.missing += u64::from(run.count),
            Event::Skipped(_) => {}
            Event::Slate(_) => self.has_slate = true,
            Event::Over(_, over) => self.over = Some(over),
        }
    }
}

/// Until the descriptor is ready, which is said, or until then.
fn rest(fd: BorrowedFd<'_>, flags: PollFlags, until: Time, now: Time) -> io::Result<bool> {
    let mut fds = [PollFd::new(fd, flags)];
    poll::wait(&mut fds, until, now)?;
    Ok(poll::is_readable(&fds[0]) || poll::is_writable(&fds[0]))
}
