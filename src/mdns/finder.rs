//! camrec's side: cameras out of answers, which come in any order, in several messages, or not at all.

use super::message::{Data, Message, NAME_MOST, Name, Record, Txt};
use super::write::Writer;
use super::{PORT, SERVICE, kind};
use std::net::{IpAddr, SocketAddr, SocketAddrV6};

/// Cameras that are kept: what else answers is left out.
pub const CAMERAS: usize = 64;

/// Hosts whose addresses are kept, and addresses of each.
const HOSTS: usize = 2 * CAMERAS;
const ADDRESSES: usize = 8;

/// Records of a message that are read.
const RECORDS: usize = 256;

/// Cameras that one question asks more about.
const ASKED_MORE: usize = 8;

/// Characters of a name, a size or a rate that are kept.
const TEXT: usize = 64;

/// A camera that has answered.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Camera {
    /// What it is called. As it came: not every terminal is to be shown it.
    pub name: String,
    /// What it is called on the network, where no other is called so, and is again when it comes back.
    pub instance: String,
    /// Where it is joined.
    pub at: SocketAddr,
    /// Its picture's size, as it says.
    pub size: Option<String>,
    /// Its frames a second, as it says.
    pub rate: Option<String>,
    /// Whether a key is needed; none: it does not say.
    pub is_sealed: Option<bool>,
}

/// What is known so far.
#[derive(Clone, Debug, Default)]
pub struct Finder {
    found: Vec<Found>,
    hosts: Vec<(Vec<u8>, Vec<IpAddr>)>,
}

#[derive(Clone, Debug)]
struct Found {
    label: Vec<u8>,
    /// Port and host.
    place: Option<(u16, Vec<u8>)>,
    words: Option<Words>,
    /// Who said so, by IPv4 if he did so by both.
    from: SocketAddr,
}

#[derive(Clone, Debug, Default)]
struct Words {
    name: Option<String>,
    size: Option<String>,
    rate: Option<String>,
    is_sealed: Option<bool>,
}

impl Finder {
    /// The bytes of the next question: for cameras, and for what is lacking of those that are known. `id`: what answers repeat, a
    /// random number; 0 of what is asked from port 5353, and answered to all.
    #[must_use]
    pub fn question(&self, id: u16) -> Vec<u8> {
        let mut writer = Writer::new(id, 0);
        writer.question(&SERVICE, kind::PTR, false);
        let lacks = |found: &&Found| found.place.is_none() || found.words.is_none();
        for found in self.found.iter().filter(lacks).take(ASKED_MORE) {
            let [one, two, three] = SERVICE;
            writer.question(&[&found.label, one, two, three], kind::ANY, false);
        }
        writer.finish()
    }

    /// A message has come, from somebody on a network of this machine's, to where was asked with this number. What is no answer to
    /// [`question`](Self::question) is left.
    pub fn handle(&mut self, bytes: &[u8], from: SocketAddr, id: u16) {
        let Some(message) = Message::read(bytes) else { return };
        // who answers does so from this port (RFC 6762, 6)
        if !message.is_response() || message.id() != id || from.port() != PORT {
            return;
        }
        for record in message.records().take(RECORDS).filter(|record| record.ttl > 0) {
            self.take(&record, from);
        }
    }

    fn take(&mut self, record: &Record<'_>, from: SocketAddr) {
        match record.data() {
            Data::Ptr(instance) if record.name.is(&SERVICE) => {
                self.found(instance, from);
            }
            Data::Srv { port, target } => {
                if let Some(found) = self.found(record.name, from) {
                    found.place = Some((port, flat(target)));
                }
            }
            Data::Txt(txt) => {
                if let Some(found) = self.found(record.name, from) {
                    found.words = Some(Words::read(txt));
                }
            }
            Data::A(address) => self.address(record.name, address.into()),
            Data::Aaaa(address) => self.address(record.name, address.into()),
            Data::Ptr(_) | Data::Other => {}
        }
    }

    /// The camera of this name, if it is the name of one.
    fn found(&mut self, instance: Name<'_>, from: SocketAddr) -> Option<&mut Found> {
        let label = instance.before(&SERVICE)?;
        let at = self.found.iter().position(|found| found.label.eq_ignore_ascii_case(label));
        let at = at.unwrap_or(self.found.len());
        if at == CAMERAS {
            return None;
        }
        if at == self.found.len() {
            self.found.push(Found { label: label.to_vec(), place: None, words: None, from });
        }
        let found = self.found.get_mut(at)?;
        if found.from.is_ipv6() && from.is_ipv4() {
            found.from = from;
        }
        Some(found)
    }

    fn address(&mut self, host: Name<'_>, address: IpAddr) {
        let host = flat(host);
        let at = self.hosts.iter().position(|(name, _)| *name == host).unwrap_or(self.hosts.len());
        if at == HOSTS || address.is_unspecified() || address.is_multicast() {
            return;
        }
        if at == self.hosts.len() {
            self.hosts.push((host, Vec::new()));
        }
        let known = &mut self.hosts[at].1;
        if known.len() < ADDRESSES && !known.contains(&address) {
            known.push(address);
        }
    }

    /// Something is lacking of one that is known: it may be asked for.
    pub fn is_partial(&self) -> bool {
        self.found.iter().any(|found| found.place.is_none())
    }

    /// Those of which it is known where they are, sorted by name; each place once.
    pub fn cameras(&self) -> Vec<Camera> {
        let mut cameras: Vec<Camera> = self.found.iter().filter_map(|found| self.camera(found)).collect();
        // what says more of the same place comes first
        cameras.sort_by_key(|camera| (camera.at, camera.size.is_none(), camera.name.clone()));
        cameras.dedup_by_key(|camera| camera.at);
        cameras.sort();
        cameras
    }

    fn camera(&self, found: &Found) -> Option<Camera> {
        let (port, host) = found.place.as_ref().filter(|(port, _)| *port != 0)?;
        let known = self.hosts.iter().find(|(name, _)| name == host);
        let mut at = reach(known.map_or(&[], |(_, addresses)| addresses), found.from);
        at.set_port(*port);
        let words = found.words.clone().unwrap_or_default();
        let instance = text(&found.label);
        let name = words.name.unwrap_or_else(|| instance.clone());
        Some(Camera { name, instance, at, size: words.size, rate: words.rate, is_sealed: words.is_sealed })
    }
}

/// Of a host's addresses the one that its answer has come from; else the first of IPv4; else the first. If none is known, whoever
/// has answered is it.
fn reach(addresses: &[IpAddr], from: SocketAddr) -> SocketAddr {
    let is_source = |address: &&IpAddr| **address == from.ip();
    let best = addresses.iter().find(is_source).or_else(|| addresses.iter().find(|ip| ip.is_ipv4()));
    match (best.or(addresses.first()), from) {
        // an address of one link means nothing without it, which is the answer's
        (Some(IpAddr::V6(ip)), SocketAddr::V6(from)) if ip.is_unicast_link_local() => {
            SocketAddrV6::new(*ip, 0, 0, from.scope_id()).into()
        }
        (Some(IpAddr::V6(ip)), _) if ip.is_unicast_link_local() => from,
        (Some(ip), _) => (*ip, 0).into(),
        (None, from) => from,
    }
}

impl Words {
    fn read(txt: Txt<'_>) -> Self {
        let value = |key| txt.value(key).map(text).filter(|text| !text.is_empty());
        let is_sealed = value("key").and_then(|key| match key.as_str() {
            "yes" => Some(true),
            "no" => Some(false),
            _ => None,
        });
        Words { name: value("name"), size: value("size"), rate: value("rate"), is_sealed }
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).chars().take(TEXT).collect()
}

/// A name as bytes that can be compared.
fn flat(name: Name<'_>) -> Vec<u8> {
    let mut flat = Vec::with_capacity(NAME_MOST);
    for label in name.labels() {
        flat.push(label.len() as u8);
        flat.extend(label.to_ascii_lowercase());
    }
    flat
}
