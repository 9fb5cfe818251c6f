//! Cameras that are announced on the local network (`camcast --announce`, or a service file of Avahi's): `camrec --find`, and what is
//! recorded where no HOST is named.

use super::config::{Config, Target};
use super::options::Options;
use crate::app::exit::{Exit, ExitError, usage};
use crate::app::quantity::{counted, host_of};
use crate::app::{say, say_to_programs};
use crate::mdns::finder::{Camera, Finder};
use crate::mdns::{GROUP_V4, GROUP_V6, LONGEST, PORT};
use crate::shown::{one_line, shown};
use crate::sys::interfaces::{self, Interface};
use crate::sys::poll::{self, PollFlags};
use crate::sys::udp::{Received, receive_from};
use crate::sys::{clock, multicast, random_u64};
use crate::time::Time;
use crate::wire;
use nix::poll::PollFd;
use serde::Serialize;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsFd;
use std::time::Duration;

/// It is asked at these times, in milliseconds: groups are not told again of what is lost, and Wi-Fi loses much ...
const ASKS: [u64; 4] = [0, 250, 750, 1500];

/// ... and answers are waited for until then.
const PATIENCE: Duration = Duration::from_millis(2500);

/// Sockets that ask: two for each network and family.
const SOCKETS: usize = 32;

/// Messages of each socket that are read a turn.
const MESSAGES_A_TURN: usize = 64;

/// What is to be done where none answers.
const REMEDIES: &str = "is it in the same network (no VPN, no guest Wi-Fi), do firewalls let mDNS through (UDP port 5353), and was it \
                        started with --announce? If it is elsewhere, type its address: camrec HOST[:PORT]";

/// `--find` is done alone.
///
/// # Errors
/// It was typed with what would be left undone.
pub(super) fn check(options: &Options) -> Result<(), ExitError> {
    match &options.host {
        Some(host) => Err(usage(format!("--find looks for all cameras: leave {host} out"))),
        None => Ok(()),
    }
}

/// `--find`.
///
/// # Errors
/// There is none, or no network.
pub(super) fn print(json: bool) -> Result<Exit, ExitError> {
    let cameras = search(false, None)?;
    if json {
        cameras.iter().for_each(|camera| say_to_programs(&line_of_json(camera)));
    } else if !cameras.is_empty() {
        say(&table(&cameras));
    }
    if cameras.is_empty() { Err(nobody()) } else { Ok(Exit::Ok) }
}

/// The only camera that there is, said in the log; with `--wait`, as soon as there is one.
///
/// # Errors
/// There is none, or there are several, which have been told of.
pub(super) fn the_only(config: &Config) -> Result<Camera, ExitError> {
    log::info!("no HOST was named: looking for a camera in the local network");
    loop {
        match search(config.wait, None)?.as_slice() {
            [] if config.wait => {}
            [] => return Err(nobody()),
            [camera] => {
                log::info!("found {} at {}", one_line(&camera.name), camera.at);
                return Ok(camera.clone());
            }
            several => return Err(which(several, config)),
        }
    }
}

/// Where the camera is now that has this name on the network. It was at `last`; where nobody says otherwise, it still is.
pub(super) fn again(instance: &str, last: SocketAddr) -> SocketAddr {
    // no network, or nothing to ask with: as if nobody had answered
    let all = search(false, Some(instance)).unwrap_or_default();
    match all.into_iter().find(|camera| camera.instance == instance) {
        Some(camera) if camera.at != last => {
            log::info!("found {} at {} now", one_line(&camera.name), camera.at);
            camera.at
        }
        _ => last,
    }
}

/// Which of several is meant, only the user knows. It may pass: one of them may be false, or away soon. Standard output may be a recording, or for programs.
fn which(several: &[Camera], config: &Config) -> ExitError {
    let of = counted(several.len() as u64, "camera");
    let example = several.first().map(|camera| host(camera.at)).unwrap_or_default();
    let name_one = format!("{of} found: name one, as in camrec {example}");
    if config.events().is_none() && matches!(config.target, Target::Folder(_)) {
        say(&table(several));
        return ExitError::new(Exit::Unreachable, name_one);
    }
    let all: Vec<String> = several.iter().map(in_words).collect();
    ExitError::new(Exit::Unreachable, format!("{name_one}; there are {}", all.join(", ")))
}

/// None was found.
pub(super) fn nobody() -> ExitError {
    ExitError::new(Exit::Unreachable, format!("no camera has answered: {REMEDIES}"))
}

/// Asks on all networks, and waits for answers, of the one alone that is `wanted` by its instance if one is; or, if it `may_wait`, for
/// a network.
///
/// # Errors
/// There is no network to ask in.
pub(super) fn search(may_wait: bool, wanted: Option<&str>) -> Result<Vec<Camera>, ExitError> {
    let failure = |error| ExitError::system("which networks there are", &error);
    let all = interfaces::all().map_err(failure)?;
    let id = random_u64().map_err(|error| ExitError::system("random numbers", &error))? as u16;
    let mut search = Search { finder: Finder::default(), askers: askers(&all, id.max(1)) };
    if search.askers.is_empty() && may_wait {
        let now = clock::now();
        poll::wait(&mut [], now.after(PATIENCE), now).map_err(failure)?;
        return Ok(Vec::new());
    }
    if search.askers.is_empty() {
        let why = "this machine is in no network that can be asked";
        return Err(ExitError::new(
            Exit::Unreachable,
            format!("no camera can be looked for: {why}; type its address: camrec HOST[:PORT]"),
        ));
    }
    let begin = clock::now();
    let mut asks = ASKS.into_iter().map(|ms| begin.after(Duration::from_millis(ms))).peekable();
    let end = begin.after(PATIENCE);
    loop {
        let now = clock::now();
        let is_found = |name: &str| search.finder.cameras().iter().any(|camera| camera.instance == name);
        if now >= end || wanted.is_some_and(is_found) {
            return Ok(search.finder.cameras());
        }
        if asks.next_if(|at| now >= *at).is_some() {
            search.ask();
        }
        let until = asks.peek().copied().unwrap_or(Time::NEVER).min(end);
        search.hear(until, now).map_err(|error| ExitError::system("poll", &error))?;
    }
}

struct Search<'a> {
    finder: Finder,
    askers: Vec<Asker<'a>>,
}

struct Asker<'a> {
    socket: UdpSocket,
    group: SocketAddr,
    interface: &'a Interface,
    id: u16,
}

/// What each network is asked by: from a port of its own, which one answer comes back to; and from port 5353, beside other programs,
/// where answers come that are for all. Firewalls let the one through, or the other. Where none can be opened, others may.
fn askers(all: &[Interface], id: u16) -> Vec<Asker<'_>> {
    let shared = all.iter().filter(|interface| interface.is_shared);
    let by = |interface| [GROUP_V4.into(), GROUP_V6.into()].map(|ip| (interface, SocketAddr::new(ip, PORT)));
    let open = |(interface, group)| {
        let through = multicast::through(interface, group);
        let both = through.map(|through| {
            [(multicast::asker(interface, group), id), (multicast::member(interface, group), 0)]
                .map(|(socket, id)| Asker::new(socket, through, interface, id))
        });
        both.into_iter().flatten().flatten()
    };
    shared.flat_map(by).flat_map(open).take(SOCKETS).collect()
}

impl<'a> Asker<'a> {
    fn new(
        socket: io::Result<UdpSocket>,
        group: SocketAddr,
        interface: &'a Interface,
        id: u16,
    ) -> Option<Self> {
        socket
            .inspect_err(|error| log::debug!("cannot ask on {}: {error}", shown(&interface.name)))
            .map(|socket| Asker { socket, group, interface, id })
            .ok()
    }
}

impl Search<'_> {
    fn ask(&self) {
        for Asker { socket, group, interface, id } in &self.askers {
            if let Err(error) = socket.send_to(&self.finder.question(*id), *group) {
                log::debug!("cannot ask on {}: {error}", shown(&interface.name));
            }
        }
    }

    fn hear(&mut self, until: Time, now: Time) -> io::Result<()> {
        let fds = self.askers.iter().map(|asker| PollFd::new(asker.socket.as_fd(), PollFlags::POLLIN));
        let mut fds: Vec<PollFd<'_>> = fds.collect();
        poll::wait(&mut fds, until, now)?;
        let mut bytes = [0; LONGEST];
        for (asker, _) in self.askers.iter().zip(&fds).filter(|(_, fd)| poll::is_readable(fd)) {
            for _ in 0..MESSAGES_A_TURN {
                match receive_from(&asker.socket, &mut bytes) {
                    Received::Some((len, from)) if asker.interface.is_neighbour(from.ip()) => {
                        self.finder.handle(&bytes[..len.min(LONGEST)], from, asker.id);
                    }
                    Received::Some(_) | Received::Refused => {}
                    Received::Nothing | Received::Error(_) => break,
                }
            }
        }
        Ok(())
    }
}

/// As it is typed for camrec.
fn host(at: SocketAddr) -> String {
    match at {
        SocketAddr::V4(at) if at.port() == wire::PORT => at.ip().to_string(),
        _ => at.to_string(),
    }
}

fn in_words(camera: &Camera) -> String {
    format!("{} ({})", one_line(&camera.name), host(camera.at))
}

/// A line for each, under one of headings.
fn table(cameras: &[Camera]) -> String {
    let unknown = || "?".to_owned();
    let row = |camera: &Camera| {
        let key = camera.is_sealed.map_or("?", yes_or_no);
        let [size, rate] = [&camera.size, &camera.rate].map(|it| it.clone().unwrap_or_else(unknown));
        [camera.name.clone(), camera.at.to_string(), size, rate, key.to_owned()]
            .map(|cell| one_line(cell).to_string())
    };
    let heading = ["NAME", "ADDRESS", "SIZE", "RATE", "KEY"].map(str::to_owned);
    let rows: Vec<[String; 5]> = [heading].into_iter().chain(cameras.iter().map(row)).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths = [0, 1, 2, 3, 4].map(width);
    let line = |row: &[String; 5]| {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn yes_or_no(is: bool) -> &'static str {
    if is { "yes" } else { "no" }
}

/// What programs are told of one.
#[derive(Serialize)]
struct Line<'a> {
    name: &'a str,
    host: String,
    port: u16,
    size: Option<&'a str>,
    rate: Option<f64>,
    key: Option<bool>,
}

fn line_of_json(camera: &Camera) -> String {
    let rate = camera.rate.as_ref().and_then(|rate| rate.parse().ok()).filter(|rate: &f64| rate.is_finite());
    let line = Line {
        name: &camera.name,
        host: host_of(camera.at),
        port: camera.at.port(),
        size: camera.size.as_deref(),
        rate,
        key: camera.is_sealed,
    };
    serde_json::to_string(&line).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::quantity::parse_host;

    fn camera(name: &str, at: &str) -> Camera {
        let size = Some("1280x720".to_owned());
        Camera {
            name: name.into(),
            instance: String::new(),
            at: at.parse().unwrap(),
            size,
            rate: Some("30".into()),
            is_sealed: Some(true),
        }
    }

    #[test]
    fn the_table_is_one_line_a_camera_whatever_they_are_called() {
        let mut odd = camera("front\x1b]0;x\x07\nNAME", "[fe80::1%2]:7000");
        (odd.size, odd.rate, odd.is_sealed) = (None, Some("\u{202e}".into()), None);
        let text = table(&[camera("Küche", "192.168.1.5:9999"), odd]);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 3);
        let columns = |line: &str| {
            line.split("  ")
                .map(str::trim)
                .filter(|cell| !cell.is_empty())
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        assert_eq!(columns(lines[0]), ["NAME", "ADDRESS", "SIZE", "RATE", "KEY"]);
        assert_eq!(columns(lines[1]), ["Küche", "192.168.1.5:9999", "1280x720", "30", "yes"]);
        assert_eq!(
            columns(lines[2]),
            ["front\\u{1b}]0;x\\u{7}\\nNAME", "[fe80::1%2]:7000", "?", "\\u{202e}", "?"]
        );
    }

    #[test]
    fn programs_are_told_each_on_a_line() {
        let line = line_of_json(&camera("Tür \"1\"\n", "192.168.1.5:9999"));
        assert_eq!(
            line,
            r#"{"name":"Tür \"1\"\n","host":"192.168.1.5","port":9999,"size":"1280x720","rate":30.0,"key":true}"#
        );
        let mut odd = camera("x", "[fe80::1%2]:1");
        (odd.rate, odd.is_sealed) = (Some("inf".into()), None);
        assert!(
            line_of_json(&odd)
                .contains(r#""host":"fe80::1%2","port":1,"size":"1280x720","rate":null,"key":null"#)
        );
    }

    #[test]
    fn what_is_said_to_be_typed_can_be() {
        for (at, typed) in [
            ("10.0.0.1:9999", "10.0.0.1"),
            ("10.0.0.1:7", "10.0.0.1:7"),
            ("[fe80::1%2]:9999", "[fe80::1%2]:9999"),
        ] {
            let at: SocketAddr = at.parse().unwrap();
            assert_eq!(host(at), typed);
            assert_eq!(parse_host(&host(at)).unwrap().1, at.port());
        }
    }
}
