//! `camrec --doctor HOST`: what a helper would ask for, with what is to be thought of it.

use super::config::{Config, Language, Target, Way, WhenFull};
use super::find;
use super::joining::{JoinError, Joined, Joining};
use super::rejoining::why;
use super::session::{RECEIVE_BUFFER, Session};
use crate::app::doctor::machine::Machine;
use crate::app::doctor::{Doctor, disk};
use crate::app::exit::{Exit, ExitError, usage};
use crate::doctor::board::Load;
use crate::doctor::trial::{Trial, Watch, loss};
use crate::doctor::{Finding, path};
use crate::mdns::finder::Camera;
use crate::receiver::{Counters, Event, Over};
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

/// Addresses of a host that are tried.
const ADDRESSES: usize = 8;

/// Nobody has a faster camera.
const MOST_FPS: f64 = 10_000.0;

/// A camera that is away is given so long to come back.
const LEAST: Duration = Duration::from_secs(3);

/// The server is given so long to hear that we leave.
const LEAVE: Duration = Duration::from_secs(1);

/// Looks at everything that a recording of this configuration needs, and says what it finds. Nothing is recorded.
///
/// # Errors
/// What was asked for cannot be looked at.
pub(super) fn run(config: Config, is_named: bool, masks: bool) -> Result<Exit, ExitError> {
    if matches!(config.language, Language::Plain(_)) {
        return Err(usage("--doctor and --plain: only a camcast can be looked at"));
    }
    if config.json {
        return Err(usage("--doctor and --json: what it says is for people"));
    }
    let mut doctor = Doctor::begin("camrec", masks);
    let machine = Machine::default();
    doctor.find_all(machine.findings());
    doctor.find_all(machine.memory(config.buffer as u64, "--buffer"));
    doctor.find_all(receive_buffer());
    let (config, is_known) = match is_named {
        true => (config, true),
        false => found(&mut doctor).map_or((config.clone(), false), |camera| (config.to(camera), true)),
    };
    let mut rate = None;
    for (way, word) in config.ways.iter().zip(["HOST", "HOST2"]).filter(|_| is_known) {
        doctor.hide(&way.host, word);
        if config.ways.len() > 1 {
            doctor.find(Finding::note("way", format!("to {way}:")));
        }
        rate = follow(&mut doctor, &config, way).or(rate);
    }
    if let Target::Folder(folder) = &config.target {
        // a folder as it is typed may be no more than a name
        let path = if folder.path == Path::new("") { Path::new(".") } else { &folder.path };
        let is_bounded = folder.keep != Keep::default() || folder.when_full == WhenFull::Rotate;
        let load = Load { rate, buffer: (config.buffer as u64, "--buffer"), is_bounded };
        doctor.find(disk(path, folder.must_exist, load));
    }
    Ok(doctor.end())
}

/// The only camera of the local network, where none was named.
fn found(doctor: &mut Doctor) -> Option<Camera> {
    let why = match find::search(false, None) {
        Err(error) => error.to_string(),
        Ok(cameras) => match cameras.as_slice() {
            [camera] => {
                doctor.find(Finding::ok("way", format!("a camera is announced at {}", camera.at)));
                return Some(camera.clone());
            }
            [] => find::nobody().to_string(),
            several => format!("cameras found: {}; name one (camrec --find lists them)", several.len()),
        },
    };
    doctor.find(Finding::fail("way", why));
    None
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
    let mut failures = Vec::new();
    for at in addresses.into_iter().take(ADDRESSES) {
        let begun = clock::now();
        match join(config, way, at) {
            Ok((joined, connected)) => {
                // which address is taken is the recorder's own matter
                doctor.find_all(failures.into_iter().map(|why: String| Finding::note("way", why)));
                let took = connected.since(begun);
                doctor.find(Finding::ok("way", format!("{at} answers after {} ms", took.as_millis())));
                return watch(doctor, joined, at);
            }
            Err(error) => failures.push(error.to_string()),
        }
    }
    doctor.find_all(failures.into_iter().map(|why| Finding::fail("way", why)));
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
    over: Option<Over>,
}

/// Watches the stream for a few seconds, and leaves.
fn watch(doctor: &mut Doctor, joined: Joined, at: SocketAddr) -> Option<f64> {
    let Joined::Native { accepted, .. } = &joined else { return None };
    // what it has been of late; it may be anything that the server says
    let agreed = accepted.fps.map(f64::from).filter(|fps| *fps > 0.0 && *fps < MOST_FPS);
    doctor.find(Finding::ok("stream", in_words(accepted, agreed)));
    let begun = clock::now();
    let mut session = match Session::begin(0, joined, Policy::Every, FrameNumber(1), begun) {
        Ok(session) => session,
        Err(error) => {
            doctor.find(Finding::fail("stream", format!("no socket for it: {error}")));
            return None;
        }
    };
    let mut watched = Watched::default();
    let polled = watched.follow(&mut session, |trial, session| match session.no_camera() {
        // nothing is waited for that is known not to come
        true => begun.after(LEAST),
        false => trial.end(begun, agreed),
    });
    let ended = clock::now();
    let seen = Seen {
        is_live: session.is_live(0),
        has_no_camera: session.no_camera(),
        round_trip: session.round_trip(0),
        counters: session.counters(),
    };
    session.leave(ended);
    let heard_by = clock::now().after(LEAVE);
    if let Err(error) = polled.and_then(|()| Watched::default().follow(&mut session, |_, _| heard_by)) {
        doctor.find(Finding::fail("stream", format!("poll: {error}")));
    }
    let watch = Watch { trial: &watched.trial, begun, ended, agreed };
    doctor.find(frames(&watch, watched.over, &seen, at));
    doctor.find_all(loss(seen.counters.fragments, seen.counters.repaired, watched.trial.missing));
    doctor.find_all(seen.round_trip.map(|time| {
        Finding::ok("way", format!("datagrams take {:.1} ms there and back", time.as_secs_f64() * 1e3))
    }));
    watched.trial.rate()
}

/// How a session was before it was left.
struct Seen {
    is_live: bool,
    has_no_camera: bool,
    round_trip: Option<Duration>,
    counters: Counters,
}

fn frames(watch: &Watch<'_>, over: Option<Over>, seen: &Seen, at: SocketAddr) -> Finding {
    let port = at.port();
    match over {
        // refused by a firewall, or lost in one
        None | Some(Over::PortClosed | Over::NoAnswer) if !seen.is_live => {
            Finding::fail("frames", "camcast took the join, but no datagram comes back")
                .remedied_by(format!("open UDP port {port} in the firewalls between here and there"))
        }
        Some(over) => Finding::fail("frames", format!("the session is over: {}", why(over))),
        None if seen.has_no_camera => {
            Finding::fail("frames", "camcast is there, but its camera gives nothing")
                .remedied_by("camcast --doctor on its machine; and what its log says")
        }
        None => watch.of_stream(),
    }
}

fn in_words(accepted: &Accepted, fps: Option<f64>) -> String {
    let size = accepted.size.map(|size| size.to_string());
    let fps = fps.map(|fps| format!("{fps:.2} fps"));
    let reel = Some(format!("{:.1} s of it can still be asked for", f64::from(accepted.span_ms) / 1e3));
    [size, fps, reel].into_iter().flatten().collect::<Vec<_>>().join(", ")
}

impl Watched {
    /// Until then, as it is by what has come, or until the session is over.
    fn follow(&mut self, session: &mut Session, until: impl Fn(&Trial, &Session) -> Time) -> io::Result<()> {
        loop {
            let now = clock::now();
            session.handle_timeout(now);
            while let Some(event) = session.poll_event() {
                self.take(session, event);
            }
            let end = until(&self.trial, session);
            let Some(fd) = session.fd(0).filter(|_| now < end && !session.is_over()) else { return Ok(()) };
            if rest(fd, PollFlags::POLLIN, end.min(session.next_timeout()), now)? {
                session.handle_readable(0, clock::now());
            }
        }
    }

    fn take(&mut self, session: &mut Session, event: Event) {
        match event {
            Event::Frame(frame) => {
                self.trial.add(frame.bytes.len(), frame.stamp.captured, frame.arrived);
                session.recycle(frame.bytes);
            }
            Event::Missing(run) => self.trial.missing += u64::from(run.count),
            Event::Skipped(_) | Event::Slate(_) => {}
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
