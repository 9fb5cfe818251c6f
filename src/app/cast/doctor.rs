//! `camcast --doctor [DEVICE]`: what a helper would ask for, with what is to be thought of it.

use super::config::{Config, HttpListen};
use super::listen;
use crate::app::doctor::machine::Machine;
use crate::app::doctor::{Doctor, disk, in_time};
use crate::app::exit::Exit;
use crate::capture::{CaptureError, Content, Description, OpenError, Rate, Source, SourceSpec, v4l2};
use crate::doctor::board::Load;
use crate::doctor::trial::{Trial, Watch};
use crate::doctor::{Finding, Verdict, path};
use crate::jpeg::{self, Checked, JpegError};
use crate::sys::connection::Listener;
use crate::sys::poll::{self, PollFlags};
use crate::sys::{clock, udp};
use crate::time::{Stamp, Time};
use crate::wire;
use nix::poll::PollFd;
use std::fs;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::path::Path;

/// Looks at everything that a stream of this configuration needs, and says what it finds. Nothing is streamed.
pub fn run(config: &Config, masks: bool) -> Exit {
    let mut doctor = Doctor::begin("camcast", masks);
    let machine = Machine::default();
    doctor.find_all(machine.findings());
    doctor.find_all(machine.memory(config.reel as u64, "--reel"));
    let ports = ports(config, &machine);
    let runs = ports.iter().any(|port| port.about == "port" && port.verdict == Verdict::Warn);
    let rate = source(&mut doctor, config, &machine, runs);
    doctor.find_all(ports);
    if let Some(spill) = &config.spill {
        // what is older than the reel goes there, and has to be there before it has left the reel
        let load = Load { rate, buffer: (config.reel as u64, "--reel"), is_bounded: true };
        doctor.find(disk(&spill.folder, false, load));
    }
    doctor.end()
}

/// Looks at the source, and returns the bytes a second that it was seen to give, if they are as they are sent. A camcast `runs`
/// already, maybe.
fn source(doctor: &mut Doctor, config: &Config, machine: &Machine, runs: bool) -> Option<f64> {
    let mut capture = config.capture.clone();
    let mut is_usb = false;
    if let SourceSpec::Device(device) = &mut capture.source {
        // a link's name may have the camera's serial number in it
        *device = fs::canonicalize(&*device).unwrap_or_else(|_| device.clone());
        doctor.find_all(machine.device(device));
        doctor.find_all(camera(device));
        let usb = v4l2::port(device);
        is_usb = usb.is_some();
        doctor.find_all(usb.map(|port| path::usb(port.speed, port.bus, port.others)));
    }
    let Some(opened) = in_time(move || Source::open(&capture)) else {
        doctor.find(
            Finding::fail("source", "it does not answer")
                .remedied_by("unplug it and plug it in again; dmesg tells more"),
        );
        return None;
    };
    let mut source = match opened {
        Ok(source) => source,
        Err(error) => {
            doctor.find(not_opened(error, config, runs));
            return None;
        }
    };
    doctor.find_all(agreed(source.describe()));
    let agreed = source.describe().rate.map(Rate::as_f64);
    let mut watched = Watched {
        check: if config.allow_truncated_frames { jpeg::check_header_only } else { jpeg::check },
        trial: Trial::default(),
        is_raw: false,
        last: None,
    };
    let begun = clock::now();
    let fault = watched.follow(&mut source, begun, agreed);
    let ended = match &fault {
        // what has an end is not silent after it
        Some(CaptureError::Ended { .. }) if watched.trial.frames > 0 => watched.trial.came().unwrap_or(begun),
        _ => clock::now(),
    };
    let watch = Watch { trial: &watched.trial, begun, ended, agreed };
    doctor.find(watch.of_source(is_usb));
    doctor.find_all(fault.map(|fault| match fault {
        CaptureError::Ended { .. } => Finding::note("frames", fault.to_string()),
        _ => Finding::fail("frames", fault.to_string()),
    }));
    watched.trial.rate().filter(|_| !watched.is_raw)
}

fn not_opened(mut error: OpenError, config: &Config, runs: bool) -> Finding {
    error.name_cameras();
    if !matches!(error, OpenError::Busy { .. }) {
        return Finding::fail("source", error.to_string());
    }
    let port = config.listen.first().map_or(wire::PORT, |listen| listen.address.port());
    let remedy = format!(
        "if it is this camera's own camcast: camrec --doctor localhost:{port} looks at its stream; or stop it meanwhile \
         (sudo systemctl stop camcast)"
    );
    match runs {
        true => Finding::warn("source", error.to_string(), remedy),
        false => Finding::fail("source", error.to_string()).remedied_by(remedy),
    }
}

/// What a camera offers.
fn camera(node: &Path) -> Option<Finding> {
    let listings = in_time(v4l2::listings)?;
    let own = listings.into_iter().find(|listing| listing.path() == node)?;
    Some(Finding::note("camera", own.formats_alone().to_string().trim_end()))
}

fn agreed(description: &Description) -> Vec<Finding> {
    let all = [Finding::ok("source", description.to_string())];
    let notes = description.notes.iter().map(|note| Finding::note("source", note.as_str()));
    all.into_iter().chain(notes).collect()
}

/// What a few seconds have shown.
struct Watched {
    check: fn(&[u8]) -> Result<Checked<'_>, JpegError>,
    trial: Trial,
    is_raw: bool,
    last: Option<u32>,
}

impl Watched {
    /// Watches it. What has ended it, if something has?
    fn follow(&mut self, source: &mut Source, begun: Time, agreed: Option<f64>) -> Option<CaptureError> {
        loop {
            let now = clock::now();
            let end = self.trial.end(begun, agreed);
            if now >= end {
                return None;
            }
            match self.grab(source, now) {
                Ok(true) => {}
                Ok(false) if rest(source, end, now).is_ok() => {}
                Ok(false) => return Some(source.erring()),
                Err(fault) => return Some(fault),
            }
        }
    }

    /// Takes a frame, if there is one.
    fn grab(&mut self, source: &mut Source, now: Time) -> Result<bool, CaptureError> {
        let frame = source.grab(now)?;
        frame.iter().for_each(|frame| self.take(frame, frame.content, frame.stamp, now));
        Ok(frame.is_some())
    }

    fn take(&mut self, bytes: &[u8], content: Content, stamp: Stamp, now: Time) {
        let left_out = self.last.map_or(0, |last| stamp.sequence.wrapping_sub(last).saturating_sub(1));
        // a driver may number as it likes: what goes back leaves nothing out
        self.trial.missing += if left_out < 1000 { u64::from(left_out) } else { 0 };
        self.last = Some(stamp.sequence);
        self.is_raw = matches!(content, Content::Raw(_));
        match content {
            Content::Jpeg if (self.check)(bytes).is_err() => self.trial.damaged += 1,
            Content::Damaged(_) | Content::TooLong(_) => self.trial.damaged += 1,
            Content::Jpeg | Content::Raw(_) => self.trial.add(bytes.len(), stamp.captured, now),
        }
    }
}

fn rest(source: &Source, end: Time, now: Time) -> io::Result<()> {
    let until = source.due().map_or(end, |due| due.min(end));
    let fd = source.fd();
    let mut fds: Vec<PollFd<'_>> = fd.into_iter().map(|fd| PollFd::new(fd, PollFlags::POLLIN)).collect();
    poll::wait(&mut fds, until, now)
}

/// Whether what is to be listened on can be, all of it at once.
fn ports(config: &Config, machine: &Machine) -> Vec<Finding> {
    let listen = config.listen.iter().map(|listen| ("--listen", listen.address, true));
    let http = config.http.iter().filter_map(|at| match at {
        HttpListen::Address(at) => Some(("--http", *at, false)),
        HttpListen::File(..) => None,
    });
    let rtsp = config.rtsp.iter().map(|at| ("--rtsp", *at, false));
    let (mut held, mut all) = (Vec::new(), Vec::new());
    for (option, at, with_udp) in listen.chain(http).chain(rtsp) {
        let (found, sockets) = port(option, at, with_udp);
        held.extend(sockets);
        all.push(found);
        all.extend(machine.firewall(at.port()).filter(|_| !at.ip().is_loopback()));
    }
    all
}

/// What is held while others are tried.
type Held = (Listener, Option<UdpSocket>);

fn port(option: &str, at: SocketAddr, with_udp: bool) -> (Finding, Option<Held>) {
    let (at, bound) = listen::or_ipv4(at, |at| bind(at, with_udp));
    let protocols = if with_udp { "TCP and UDP" } else { "TCP" };
    let error = match bound {
        Ok(held) => {
            return (Finding::ok("port", format!("{at} is free, {protocols} ({option})")), Some(held));
        }
        Err(error) => error,
    };
    let why = listen::failure(option, at, &error).to_string();
    let found = match error.kind() {
        // a camcast that runs already is the likeliest
        io::ErrorKind::AddrInUse => {
            Finding::warn("port", why, "if it is this camera's own camcast, all is well")
        }
        _ => Finding::fail("port", why),
    };
    (found, None)
}

fn bind(at: SocketAddr, with_udp: bool) -> io::Result<Held> {
    let tcp = Listener::tcp(at)?;
    Ok((tcp, if with_udp { Some(udp::bound(at)?) } else { None }))
}
