//! `--announce`: camcast is found on the local network without its address being typed. It answers questions for cameras by mDNS,
//! beside whatever else on this machine does (Avahi, systemd-resolved), and says so unasked when it comes, changes and goes.
//!
//! It is no way out for frames, but has an outlet's verbs. Nothing that goes wrong here stops the stream.

use super::config::Config;
use super::news::{Demand, News};
use super::outlet::{Budget, Outlet, Shared};
use super::poll_set::{PollSet, Ready, Seat};
use super::stream::Stream;
use crate::app::throttle::Throttle;
use crate::jpeg::Size;
use crate::mdns::message::Message;
use crate::mdns::responder::{self, Asker, Facts, Heard, Identity, Responder, SPREAD};
use crate::mdns::{GROUP_V4, GROUP_V6, LONGEST, PORT};
use crate::shown::one_line;
use crate::sys::interfaces::{self, Interface};
use crate::sys::udp::{Received, receive_from};
use crate::sys::{multicast, random_u64};
use crate::time::Time;
use nix::errno::Errno;
use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::os::fd::AsFd;
use std::time::Duration;

/// The most networks that it is announced on, each by IPv4 and IPv6.
const LINKS: usize = 16;

/// What it polls at the most.
pub const POLLS_MOST: usize = LINKS;

/// Networks come and go: this often is looked which there are.
const LOOK: Duration = Duration::from_secs(10);

/// Messages that are read of each network a turn.
const MESSAGES_A_TURN: usize = 8;

/// The outlet.
pub struct Announce {
    name: String,
    is_sealed: bool,
    /// Where clients join.
    joins: Vec<SocketAddr>,
    identity: Identity,
    links: Vec<Link>,
    look_at: Time,
    /// What has been said last of where it is announced.
    said: String,
    twins: Throttle,
    size: Option<Size>,
}

/// A network, by one family of addresses.
struct Link {
    interface: Interface,
    group: SocketAddr,
    socket: UdpSocket,
    responder: Responder,
    /// Where clients that are on it join.
    port: u16,
    addresses: Vec<IpAddr>,
}

impl Announce {
    /// `joins`: where clients can join. Which networks there are is looked at in the first turn.
    pub fn new(name: &str, config: &Config, joins: impl Iterator<Item = SocketAddr>) -> Self {
        let joins: Vec<SocketAddr> = joins.collect();
        let number = number(&interfaces::all().unwrap_or_default(), &joins);
        Announce {
            name: name.to_owned(),
            is_sealed: config.key.is_some(),
            joins,
            identity: Identity::new(name, number),
            links: Vec::new(),
            look_at: Time::default(),
            said: String::new(),
            twins: Throttle::default(),
            size: None,
        }
    }

    /// Which networks there are now.
    fn look(&mut self, now: Time) {
        self.look_at = now.after(LOOK);
        let interfaces = match interfaces::all() {
            Ok(interfaces) => interfaces,
            Err(error) => {
                return self.say(format!("--announce: which networks there are is not known: {error}"));
            }
        };
        let mut before = std::mem::take(&mut self.links);
        let mut trouble = None;
        for interface in interfaces.into_iter().filter(|interface| interface.is_shared) {
            let Some((port, addresses)) = place(&self.joins, &interface) else { continue };
            for group in [SocketAddr::from((GROUP_V4, PORT)), SocketAddr::from((GROUP_V6, PORT))] {
                let Some(group) = multicast::through(&interface, group) else { continue };
                let is_it = |link: &Link| link.interface == interface && link.group == group;
                if let Some(at) = before.iter().position(is_it) {
                    self.links.push(before.swap_remove(at));
                } else if self.links.len() < LINKS {
                    match multicast::member(&interface, group) {
                        Ok(socket) => {
                            let (interface, addresses) = (interface.clone(), addresses.clone());
                            let mut responder = Responder::default();
                            responder.announce(now);
                            self.links.push(Link { interface, group, socket, responder, port, addresses });
                        }
                        Err(error) => trouble = Some(failure(&interface.name, &error)),
                    }
                }
            }
        }
        self.tell(trouble);
    }

    /// Says where it is announced, if that has changed.
    fn tell(&mut self, trouble: Option<String>) {
        let mut names: Vec<&str> = self.links.iter().map(|link| link.interface.name.as_str()).collect();
        names.dedup();
        let said = match (trouble, names.is_empty()) {
            (Some(trouble), _) => trouble,
            (None, true) => {
                "not announced: there is no network that clients could join from; as soon as there is one, it is".to_owned()
            }
            (None, false) => {
                format!("announced as {} (mDNS, {})", one_line(self.identity.instance()), names.join(", "))
            }
        };
        self.say(said);
    }

    fn say(&mut self, line: String) {
        if self.said != line {
            log::info!("{line}");
            self.said = line;
        }
    }

    /// What is said of the camera, as it is now.
    fn words(&self, stream: &Stream) -> Vec<String> {
        let mut words = vec![format!("name={}", self.name)];
        words.extend(stream.reel.newest().map(|frame| format!("size={}", frame.size())));
        let rate = stream.reel.fps().map(|fps| format!("{fps:.1}"));
        words.extend(rate.map(|fps| format!("rate={}", fps.trim_end_matches(".0"))));
        words.push(format!("key={}", if self.is_sealed { "yes" } else { "no" }));
        words
    }

    /// A message, if there is one. False: there is none.
    fn hear(&mut self, place: usize, bytes: &mut [u8], shared: &Shared<'_>, now: Time) -> bool {
        let Some(link) = self.links.get_mut(place) else { return false };
        let (len, from) = match receive_from(&link.socket, bytes) {
            Received::Some(received) => received,
            Received::Nothing | Received::Error(_) => return false,
            Received::Refused => return true,
        };
        let is_asked = link.interface.is_neighbour(from.ip()) && shared.rules.allow.has(from.ip());
        let Some(message) = bytes.get(..len).and_then(Message::read).filter(|_| is_asked) else {
            return true;
        };
        let asker = if from.port() == PORT { Asker::Member } else { Asker::OneShot };
        let jitter = SPREAD.mul_f64((random_u64().unwrap_or(0) % 1000) as f64 / 1000.0);
        match link.responder.handle(message, asker, (&self.identity, link.port), jitter, now) {
            Heard::Nothing => {}
            Heard::Reply(reply) => {
                let words = self.words(shared.stream);
                let link = &self.links[place];
                let answer = responder::to_one(&reply, &self.identity, link.facts(&words));
                // whoever has asked may ask again
                let _ = link.socket.send_to(&answer, from);
            }
            // on another network of this machine's, by another port, it is this one
            Heard::Twin if self.is_own(from.ip()) => {}
            Heard::Twin => self.on_twin(from, now),
        }
        true
    }

    fn is_own(&self, ip: IpAddr) -> bool {
        self.links.iter().any(|link| link.interface.addresses.iter().any(|(own, _)| *own == ip))
    }

    /// Another one has the same name, for something else: this one takes another number, once a minute.
    fn on_twin(&mut self, from: SocketAddr, now: Time) {
        if self.twins.happened(now).is_none() {
            return;
        }
        self.identity = Identity::new(&self.name, random_u64().unwrap_or(0) as u32);
        let name = one_line(self.identity.instance());
        log::warn!("{from} is announced by the same name; this camera is now {name}");
        self.links.iter_mut().for_each(|link| link.responder.announce(now));
    }

    /// What is due is said to all.
    fn say_due(&mut self, stream: &Stream, now: Time) {
        for place in 0..self.links.len() {
            let Some(wanted) = self.links[place].responder.take(now) else { continue };
            let words = self.words(stream);
            let link = &self.links[place];
            link.say(&responder::to_all(wanted, &self.identity, link.facts(&words)));
        }
    }
}

impl Link {
    fn facts<'a>(&'a self, words: &'a [String]) -> Facts<'a> {
        Facts { words, port: self.port, addresses: &self.addresses }
    }

    /// To all. That it may not arrive is in the nature of it.
    fn say(&self, bytes: &[u8]) {
        let _ = self.socket.send_to(bytes, self.group);
    }
}

impl Outlet for Announce {
    fn register<'p>(&'p self, set: &mut PollSet<'p>, _: Time) {
        for (place, link) in (0..).zip(&self.links) {
            set.readable(Seat { kind: 0, place, generation: 0 }, link.socket.as_fd());
        }
    }

    fn next_timeout(&self, _: Time) -> Time {
        let links = self.links.iter().map(|link| link.responder.next_timeout());
        links.min().unwrap_or(Time::NEVER).min(self.look_at)
    }

    fn handle(&mut self, seat: Seat, _: Ready, shared: &mut Shared<'_>, now: Time) {
        let mut bytes = [0; LONGEST];
        for _ in 0..MESSAGES_A_TURN {
            if !self.hear(usize::from(seat.place), &mut bytes, shared, now) {
                return;
            }
        }
    }

    fn handle_timeout(&mut self, shared: &mut Shared<'_>, now: Time) {
        if now >= self.look_at {
            self.look(now);
        }
        self.say_due(shared.stream, now);
    }

    fn handle_news(&mut self, news: News, shared: &mut Shared<'_>, now: Time) {
        match news {
            News::Frame => {
                let size = shared.stream.reel.newest().map(|frame| frame.size());
                if size.is_some() && std::mem::replace(&mut self.size, size) != size {
                    self.links.iter_mut().for_each(|link| link.responder.announce(now));
                }
            }
            News::Stop => {
                let words = self.words(shared.stream);
                for link in self.links.drain(..) {
                    link.say(&responder::goodbye(&self.identity, link.facts(&words)));
                }
                self.look_at = Time::NEVER;
            }
            News::Camera { .. } | News::Slate(_) | News::Scarce | News::Controls => {}
        }
    }

    fn send(&mut self, _: &mut Shared<'_>, _: &mut Budget, _: Time) {}

    fn demand(&self, _: &Stream) -> Demand {
        Demand::default()
    }
}

/// Where clients that are on this network join: the port, and this machine's addresses there.
fn place(joins: &[SocketAddr], interface: &Interface) -> Option<(u16, Vec<IpAddr>)> {
    let own = || interface.addresses.iter().map(|(ip, _)| *ip);
    let at = |join: &SocketAddr| -> Vec<IpAddr> {
        match join.ip().to_canonical() {
            IpAddr::V4(ip) if ip.is_unspecified() => own().filter(IpAddr::is_ipv4).collect(),
            // IPv4 too
            ip if ip.is_unspecified() => own().collect(),
            ip => own().filter(|own| *own == ip).collect(),
        }
    };
    let port = joins.iter().find(|join| !at(join).is_empty())?.port();
    let mut addresses: Vec<IpAddr> = joins.iter().filter(|join| join.port() == port).flat_map(at).collect();
    addresses.sort();
    addresses.dedup();
    Some((port, addresses))
}

/// A number that is this camcast's alone on its networks, and the same after it was started again: of its machine's first link-layer
/// address, which its neighbours know anyhow, and of where it listens. Machines that share a card's image differ by that. FNV-1a.
fn number(interfaces: &[Interface], joins: &[SocketAddr]) -> u32 {
    let Some(hardware) = interfaces.iter().find_map(|interface| interface.hardware) else {
        return random_u64().unwrap_or(0) as u32;
    };
    let joins = joins.iter().map(SocketAddr::to_string).collect::<String>();
    let bytes = hardware.into_iter().chain(joins.into_bytes());
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    (hash ^ hash >> 32) as u32
}

/// Why it is not announced there, and what is to be done about it.
fn failure(interface: &str, error: &io::Error) -> String {
    let begin = format!("cannot announce on {}", one_line(interface));
    match error.raw_os_error().map(Errno::from_raw) {
        Some(Errno::EADDRINUSE) => format!(
            "{begin}: a program has mDNS's UDP port 5353 for itself: ss -ulpn sport = :5353 shows which; the stream goes on"
        ),
        _ => format!("{begin}: {error}; the stream goes on"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interface(index: u32, hardware: Option<[u8; 6]>, addresses: &[&str]) -> Interface {
        let addresses = addresses.iter().map(|ip| (ip.parse().unwrap(), 24)).collect();
        Interface { index, name: format!("eth{index}"), hardware, is_shared: true, addresses }
    }

    fn joins(text: &[&str]) -> Vec<SocketAddr> {
        text.iter().map(|at| at.parse().unwrap()).collect()
    }

    #[test]
    fn it_is_announced_where_it_listens() {
        let both = interface(2, None, &["192.168.1.5", "fe80::5"]);
        let of = |at: &[&str]| {
            place(&joins(at), &both)
                .map(|(port, ips)| (port, ips.iter().map(ToString::to_string).collect::<Vec<_>>()))
        };
        let v4 = || vec!["192.168.1.5".to_owned()];
        assert_eq!(of(&["[::]:9999"]), Some((9999, [v4(), vec!["fe80::5".into()]].concat())));
        assert_eq!(of(&["0.0.0.0:7"]), Some((7, v4())));
        assert_eq!(of(&["127.0.0.1:1", "192.168.1.5:2"]), Some((2, v4())));
        assert_eq!(of(&["[::ffff:192.168.1.5]:3"]), Some((3, v4())));
        assert_eq!(of(&["127.0.0.1:1", "10.0.0.1:2"]), None, "nobody there could join");
        assert_eq!(place(&joins(&["[::]:9999"]), &interface(3, None, &[])), None);
    }

    #[test]
    fn its_number_is_its_own_and_stays() {
        let machine = |last| [interface(1, None, &[]), interface(2, Some([2, 0, 0, 0, 0, last]), &[])];
        let (one, other) = (joins(&["[::]:9999"]), joins(&["[::]:9998"]));
        assert_eq!(number(&machine(1), &one), number(&machine(1), &one));
        assert_ne!(number(&machine(1), &one), number(&machine(2), &one));
        assert_ne!(number(&machine(1), &one), number(&machine(1), &other));
    }

    #[test]
    fn what_is_in_the_way_is_said_with_its_remedy() {
        let used = failure("eth0", &Errno::EADDRINUSE.into());
        assert!(used.contains("eth0") && used.contains("ss -ulpn") && used.contains("the stream goes on"));
        assert!(failure("eth0", &Errno::EPERM.into()).contains("the stream goes on"));
    }
}
