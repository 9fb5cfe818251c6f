//! `camcast --doctor [DEVICE]`: what a helper would ask for, with what is to be thought of it.

use super::config::{Config, HttpListen};
use super::listen;
use crate::app::doctor::machine::Machine;
use crate::app::doctor::{Doctor, disk};
use crate::app::exit::Exit;
use crate::capture::{CaptureError, Content, Description, OpenError, Rate, Source, SourceSpec, v4l2};
use crate::doctor::board::Load;
use crate::doctor::trial::Trial;
use crate::doctor::{Finding, path};
use crate::jpeg;
use crate::shown::shown;
use crate::sys::connection::Listener;
use crate::sys::poll::{self, PollFlags};
use crate::sys::{clock, udp};
use crate::time::{Stamp, Time};
use nix::poll::PollFd;
use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

/// Looks at everything that a stream of this configuration needs, and says what it finds. Nothing is streamed.
pub fn run(config: &Config, masks: bool) -> Exit {
    let mut doctor = Doctor::begin("camcast", masks);
    let machine = Machine::default();
    doctor.find_all(machine.findings());
    doctor.find_all(machine.memory(config.reel as u64, "--reel"));
    let rate = source(&mut doctor, config);
    ports(&mut doctor, config, &machine);
    if let Some(spill) = &config.spill {
        // what is older than the reel goes there, and has to be there before it has left the reel
        let load = Load { rate, buffer: config.reel as u64, is_bounded: true };
        doctor.find(disk(&spill.folder, false, load));
    }
    doctor.end()
}

/// Looks at the source, and returns the bytes a second that it was seen to give, if they are as they are sent.
fn source(doctor: &mut Doctor, config: &Config) -> Option<f64> {
    let mut capture = config.capture.clone();
    if let SourceSpec::Device(device) = &mut capture.source {
        // a link's name may have the camera's serial number in it
        *device = fs::canonicalize(&*device).unwrap_or_else(|_| device.clone());
        doctor.find_all(device_findings(device));
    }
    let mut source = match Source::open(&capture) {
        Ok(source) => source,
        Err(error) => {
            let failed = Finding::fail("source", error.to_string());
            doctor.find(match error {
                OpenError::Busy { .. } => failed.remedied_by(
                    "if it is this camera's own camcast: camrec --doctor localhost looks at its stream; or stop it \
                     meanwhile (sudo systemctl stop camcast)",
                ),
                _ => failed,
            });
            return None;
        }
    };
    doctor.find_all(agreed(source.describe()));
    let fps = source.describe().rate.map(Rate::as_f64);
    let Watched { trial, is_raw, fault, .. } = watch(&mut source, fps);
    doctor.find(trial.finding("frames", fps));
    doctor.find_all(fault.map(|fault| Finding::fail("frames", fault)));
    trial.rate().filter(|_| !is_raw)
}

/// What is to be known of a camera before it is opened.
fn device_findings(node: &Path) -> Vec<Finding> {
    let listings = v4l2::listings();
    let cameras = listings.len();
    let own = listings.into_iter().find(|listing| listing.path() == node);
    let camera = match own {
        Some(listing) => Finding::note("camera", listing.without_links().to_string().trim_end()),
        None => {
            let what = match cameras {
                0 => "no camera answers on this machine".to_owned(),
                _ => format!("{} is not among the cameras that answer: {cameras}", shown(node)),
            };
            let remedy = "camcast --list shows those that answer; lsusb, what is plugged in";
            Finding::note("camera", what).remedied_by(remedy)
        }
    };
    let usb = v4l2::port(node).map(|port| path::usb(port.speed, port.bus, port.others));
    [Some(camera), usb].into_iter().flatten().collect()
}

fn agreed(description: &Description) -> Vec<Finding> {
    let all = [Finding::ok("source", description.to_string())];
    let notes = description.notes.iter().map(|note| Finding::note("source", note.as_str()));
    all.into_iter().chain(notes).collect()
}

/// What a few seconds have shown.
#[derive(Default)]
struct Watched {
    trial: Trial,
    is_raw: bool,
    last: Option<u32>,
    /// What has ended it.
    fault: Option<String>,
}

fn watch(source: &mut Source, fps: Option<f64>) -> Watched {
    let mut watched = Watched::default();
    let begun = clock::now();
    loop {
        let now = clock::now();
        let end = watched.trial.end(begun, fps);
        if now >= end {
            return watched;
        }
        let fault = match watched.grab(source, now) {
            Ok(true) => continue,
            Ok(false) => rest(source, end, now).err().map(|error| format!("poll: {error}")),
            Err(fault) => Some(fault.to_string()),
        };
        if fault.is_some() {
            return Watched { fault, ..watched };
        }
    }
}

impl Watched {
    /// Takes a frame, if there is one.
    fn grab(&mut self, source: &mut Source, now: Time) -> Result<bool, CaptureError> {
        let frame = source.grab(now)?;
        frame.iter().for_each(|frame| self.take(frame, frame.content, frame.stamp));
        Ok(frame.is_some())
    }

    fn take(&mut self, bytes: &[u8], content: Content, stamp: Stamp) {
        let left_out = self.last.map_or(0, |last| stamp.sequence.wrapping_sub(last).saturating_sub(1));
        // a driver may number as it likes: what goes back leaves nothing out
        self.trial.missing += if left_out < 1000 { u64::from(left_out) } else { 0 };
        self.last = Some(stamp.sequence);
        self.is_raw = matches!(content, Content::Raw(_));
        match content {
            Content::Jpeg if jpeg::check(bytes).is_err() => self.trial.damaged += 1,
            Content::Damaged(_) | Content::TooLong(_) => self.trial.damaged += 1,
            Content::Jpeg | Content::Raw(_) => self.trial.add(bytes.len(), stamp.captured),
        }
    }
}

fn rest(source: &Source, end: Time, now: Time) -> io::Result<()> {
    let until = source.due().map_or(end, |due| due.min(end));
    let fd = source.fd();
    let mut fds: Vec<PollFd<'_>> = fd.into_iter().map(|fd| PollFd::new(fd, PollFlags::POLLIN)).collect();
    poll::wait(&mut fds, until, now)
}

/// Whether what is to be listened on can be.
fn ports(doctor: &mut Doctor, config: &Config, machine: &Machine) {
    let listen = config.listen.iter().map(|listen| ("--listen", listen.address, true));
    let http = config.http.iter().filter_map(|at| match at {
        HttpListen::Address(at) => Some(("--http", *at, false)),
        HttpListen::File(..) => None,
    });
    let rtsp = config.rtsp.iter().map(|at| ("--rtsp", *at, false));
    for (option, at, with_udp) in listen.chain(http).chain(rtsp) {
        doctor.find(port(option, at, with_udp));
        doctor.find_all(machine.firewall(at.port()));
    }
}

fn port(option: &str, at: SocketAddr, with_udp: bool) -> Finding {
    let bound = match bind(at, with_udp) {
        Err(error) if at.ip().is_unspecified() && listen::is_unknown_family(&error) => {
            bind(SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), at.port()), with_udp)
        }
        other => other,
    };
    let protocols = if with_udp { "TCP and UDP" } else { "TCP" };
    let Err(error) = bound else {
        return Finding::ok("port", format!("{at} is free, {protocols} ({option})"));
    };
    let why = listen::failure(option, at, &error).to_string();
    match error.kind() {
        // a camcast that runs already is the likeliest
        io::ErrorKind::AddrInUse => {
            Finding::warn("port", why, "if it is this camera's own camcast, all is well")
        }
        _ => Finding::fail("port", why),
    }
}

fn bind(at: SocketAddr, with_udp: bool) -> io::Result<()> {
    let _tcp = Listener::tcp(at)?;
    if with_udp {
        udp::bound(at)?;
    }
    Ok(())
}
