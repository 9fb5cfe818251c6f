//! From a request to an answer.

use super::connection::{Connection, Fate, Session, Way};
use super::datagrams::Datagrams;
use super::group::Group;
use super::interleaved::Interleaved;
use super::player::Player;
use super::{Rtsp, VIEWERS};
use crate::admission::digest::{Asked, Dialect};
use crate::admission::door::Entry;
use crate::admission::places::Party;
use crate::app::cast::listen::{NO_ROOM, SPARE_OF_JOINS, is_unknown_family};
use crate::app::cast::outlet::Shared;
use crate::app::cast::report::canonical;
use crate::app::local_time;
use crate::jpeg::Size;
use crate::rtp::picture::{NotCarried, Picture};
use crate::rtsp::Status;
use crate::rtsp::answer::{Answer, PUBLIC};
use crate::rtsp::request::{Parsed, Request, parse};
use crate::rtsp::sdp;
use crate::rtsp::session::{Act, State, TIMEOUT, act};
use crate::rtsp::target::{Wish, base};
use crate::rtsp::transport::{self, Agreed, Ours, Transport};
use crate::sender::Tally;
use crate::shown::one_line;
use crate::sys::connection::Remote;
use crate::sys::descriptors::are_scarce;
use crate::sys::udp;
use crate::time::Time;
use std::net::{IpAddr, Ipv4Addr};

/// The longest name of a program that is remembered.
const AGENT: usize = 100;

/// Requests of one connection that are looked at in a turn.
const LOOKS_A_TURN: usize = 8;

/// What has become of the next bytes.
enum Next {
    /// They are done with; there may be more.
    On,
    /// They wait.
    Waits,
    /// The connection is to be closed.
    Ends(&'static str),
}

impl Rtsp {
    /// Answers what has come.
    pub(super) fn reply(&mut self, place: usize, shared: &mut Shared<'_>, now: Time) {
        for _ in 0..LOOKS_A_TURN {
            match self.reply_to_next(place, shared, now) {
                Next::On => {}
                Next::Waits => return,
                Next::Ends(why) => return self.close(place, why, shared, now),
            }
        }
        self.comes_again = true;
    }

    fn reply_to_next(&mut self, place: usize, shared: &mut Shared<'_>, now: Time) -> Next {
        let Some(connection) = self.connections.get_mut(place).and_then(Option::as_mut) else {
            return Next::Waits;
        };
        // what cannot be answered yet waits
        if self.stopping || connection.is_leaving() || connection.is_cut() || connection.incoming.is_empty() {
            return Next::Waits;
        }
        // without more bytes it is what it was
        if std::mem::replace(&mut connection.judged, connection.incoming.len()) == connection.incoming.len() {
            return Next::Waits;
        }
        let incoming = std::mem::take(&mut connection.incoming);
        let mut used = 0;
        let next = loop {
            let Some(connection) = self.connections.get_mut(place).and_then(Option::as_mut) else {
                return Next::Waits;
            };
            match parse(incoming.get(used..).unwrap_or_default()) {
                Parsed::Partial => break Next::Waits,
                Parsed::Nothing(length) => used += length,
                Parsed::Packet(channel, packet) => {
                    connection.hear(channel, packet);
                    used += packet.len() + 4;
                }
                Parsed::Refused(status, why, cseq) => {
                    self.end_session(place, why, shared, now);
                    return self.refuse_for_good(place, &refusal(Answer::new(status, cseq), why), now);
                }
                Parsed::Request(request, head) => {
                    let length = used.saturating_add(head).saturating_add(request.body);
                    if incoming.len() < length {
                        break Next::Waits;
                    }
                    connection.heard(now);
                    used = length;
                    break self.answer(place, &request, shared, now);
                }
            }
        };
        // what is more than that has not been looked at
        if let Some(connection) = self.connections.get_mut(place).and_then(Option::as_mut) {
            connection.incoming = incoming;
            if used > 0 {
                connection.incoming.drain(..used.min(connection.incoming.len()));
                connection.judged = 0;
            }
        }
        next
    }

    /// Nothing more is read there.
    fn refuse_for_good(&mut self, place: usize, text: &str, now: Time) -> Next {
        if let Some(connection) = self.connections.get_mut(place).and_then(Option::as_mut) {
            let _ = connection.say(text.as_bytes(), now);
            connection.leave(now);
        }
        Next::Waits
    }

    fn answer(&mut self, place: usize, request: &Request<'_>, shared: &mut Shared<'_>, now: Time) -> Next {
        let Some(connection) = self.connections.get_mut(place).and_then(Option::as_mut) else {
            return Next::Waits;
        };
        if connection.agent.is_empty() {
            connection.agent = one_line(request.user_agent).to_string().chars().take(AGENT).collect();
        }
        let act = act(request, connection.name, connection.state());
        let answer = Answer::new(Status::Ok, Some(request.cseq));
        let who = (connection.remote, connection.party);
        let stranger = matches!(act, Act::Describe(_) | Act::Setup(_))
            .then(|| self.turn_away(request, who, shared, now))
            .flatten();
        let text = match act {
            _ if stranger.is_some() => stranger.unwrap_or_default(),
            Act::Options => answer.with("Public", PUBLIC).text(),
            Act::Nothing => self.with_session(place, answer).text(),
            Act::Describe(wish) => self.describe(place, request, wish, shared, now),
            Act::Setup(wish) => self.set_up(place, request, wish, shared, now),
            Act::Play => self.play(place, request, shared, now),
            Act::Pause => {
                if let Some(session) = self.session_mut(place) {
                    session.is_playing = false;
                }
                self.with_session(place, answer).text()
            }
            Act::Teardown => {
                self.end_session(place, "it left", shared, now);
                answer.text()
            }
            Act::Refuse(status, why) => refusal(Answer::new(status, Some(request.cseq)), why),
        };
        let Some(connection) = self.connections.get_mut(place).and_then(Option::as_mut) else {
            return Next::Waits;
        };
        match connection.say(text.as_bytes(), now) {
            Fate::Stays => Next::On,
            Fate::Ends(why) => Next::Ends(why),
        }
    }

    /// What one hears who does not know the password, if there is one. What needs a session has come past here when that was
    /// set up.
    fn turn_away(
        &mut self,
        request: &Request<'_>,
        (remote, party): (Remote, Party),
        shared: &mut Shared<'_>,
        now: Time,
    ) -> Option<String> {
        let door = shared.door.as_mut()?;
        let (method, target) = (request.method_text, request.target);
        let asked = Asked { method, target, dialect: Dialect::Rtsp, takes_basic: false };
        let entry = door.ask(request.authorization, &asked, party, now);
        let (status, why) = match entry {
            Entry::Open => return None,
            Entry::Paused(_) => (Status::TooManyRequests, "wrong too often: wait some seconds"),
            Entry::Wrong => (Status::Unauthorized, "wrong name or password"),
            Entry::Stale => (Status::Unauthorized, "the nonce is too old"),
            Entry::Unnamed => (Status::Unauthorized, "a name and a password are needed"),
        };
        let answer = Answer::new(status, Some(request.cseq));
        let challenges = door.challenges(entry, false, now);
        if entry == Entry::Wrong {
            shared.report.wrong_password(remote, now);
        }
        let answer =
            challenges.iter().fold(answer, |answer, challenge| answer.with("WWW-Authenticate", challenge));
        Some(refusal(answer, why))
    }

    fn session_mut(&mut self, place: usize) -> Option<&mut Session> {
        self.connections.get_mut(place)?.as_mut()?.session.as_mut()
    }

    fn with_session(&self, place: usize, answer: Answer) -> Answer {
        let connection = self.connections.get(place).and_then(Option::as_ref);
        match connection.filter(|connection| connection.state() != State::Init) {
            Some(connection) => answer.with("Session", connection.name),
            None => answer,
        }
    }

    fn describe(
        &self,
        place: usize,
        request: &Request<'_>,
        wish: Wish,
        shared: &mut Shared<'_>,
        now: Time,
    ) -> String {
        let refuse = |status, why: &str| refusal(Answer::new(status, Some(request.cseq)), why);
        let group = self.group.as_ref().map(|group| (group.address, group.ttl));
        if wish.is_multicast && group.is_none() {
            return refuse(Status::NotFound, "there is no multicast here: camcast --rtsp-multicast");
        }
        if let Some(why) = self.not_carried(place, request, shared, now) {
            return refuse(Status::UnsupportedMediaType, &why);
        }
        let connection = self.connections.get(place).and_then(Option::as_ref);
        let at = connection.and_then(|connection| connection.socket.local_address());
        let reel = &shared.stream.reel;
        let size = reel.newest().map(|frame| frame.size());
        let text = sdp::Stream {
            id: local_time::timestamp().as_second().unsigned_abs(),
            at: at.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |at| at.ip().to_canonical()),
            size: size.map(|size| (size.width, size.height)),
            is_beyond: size.is_some_and(Picture::is_beyond),
            fps: reel.fps(),
            // to a group nothing is sent again
            has_nack: wish.has_nack && !wish.is_multicast,
            group: group.filter(|_| wish.is_multicast),
        };
        let answer = Answer::new(Status::Ok, Some(request.cseq)).with("Content-Base", base(request.target));
        answer.with_body("application/sdp", &text.text())
    }

    /// Why the newest frame cannot go to this program, if that is so; said in the log too.
    fn not_carried(
        &self,
        place: usize,
        request: &Request<'_>,
        shared: &mut Shared<'_>,
        now: Time,
    ) -> Option<String> {
        let frame = shared.stream.reel.newest()?;
        let (size, recodes) = (frame.size(), shared.stream.recodes());
        let why = match Picture::of(&frame) {
            _ if Picture::is_beyond(size) && !reads_size(request) => format!(
                "frames of {size} are larger than RTP has words for, and GStreamer alone reads them: {HTTP}"
            ),
            Err(why) if why.is_mended_by_recoding() && recodes => {
                format!(
                    "these frames cannot be written anew for RTP: {}; {HTTP}",
                    shared.stream.recoding_fails()?
                )
            }
            Err(why) => words(why, recodes),
            Ok(_) => return None,
        };
        let remote = self.connections.get(place)?.as_ref()?.remote;
        shared.stats.rejected += 1;
        shared.report.rejected(remote, &why, now);
        Some(why)
    }

    fn set_up(
        &mut self,
        place: usize,
        request: &Request<'_>,
        wish: Wish,
        shared: &mut Shared<'_>,
        now: Time,
    ) -> String {
        let refuse = |status, why: &str| refusal(Answer::new(status, Some(request.cseq)), why);
        if let Some(why) = self.not_carried(place, request, shared, now) {
            return refuse(Status::UnsupportedMediaType, &why);
        }
        let header = request.transport.unwrap_or("");
        let has_group = self.group.is_some() && wish.is_multicast;
        let Some(transport) = Transport::choose(header, has_group) else {
            let why = match (has_group, header.contains("multicast")) {
                (true, _) => "what has this name goes by multicast alone",
                (false, true) => {
                    "there is no multicast of that name here: camcast --rtsp-multicast, and /multicast"
                }
                (false, false) => "RTP/AVP by UDP to ports from 1024, and by TCP, are what there is here",
            };
            return refuse(Status::UnsupportedTransport, why);
        };
        self.end_session(place, "it set up another way", shared, now);
        // others would show what is beyond packets' words as nothing, or garbled
        let newest = shared.stream.reel.newest().filter(|_| reads_size(request));
        let told = newest.map(|frame| frame.size());
        let (way, ours) = match self.open_way(place, transport, told, shared, now) {
            Ok(opened) => opened,
            // sockets of its own it may not have, where they are handed over
            Err(error) if is_unknown_family(&error) => {
                return refuse(Status::UnsupportedTransport, "RTP/AVP by TCP is what there is here");
            }
            Err(error) => {
                // it may be for want of descriptors
                shared.stats.is_scarce = true;
                let why = format!("camcast cannot open a way: {error}");
                let remote = self.connections.get(place).and_then(Option::as_ref).map(|it| it.remote);
                remote.into_iter().for_each(|remote| shared.report.rejected(remote, &why, now));
                return refuse(Status::Unavailable, &why);
            }
        };
        let Some(connection) = self.connections.get_mut(place).and_then(Option::as_mut) else {
            return String::new();
        };
        connection.session =
            Some(Session { way, is_playing: false, since: None, before: Tally::default(), is_told: false });
        let session = format!("{};timeout={TIMEOUT}", connection.name);
        let answer = Answer::new(Status::Ok, Some(request.cseq));
        answer.with("Transport", Agreed(transport, ours)).with("Session", session).text()
    }

    fn open_way(
        &mut self,
        place: usize,
        Transport { way, .. }: Transport,
        told: Option<Size>,
        shared: &Shared<'_>,
        now: Time,
    ) -> std::io::Result<(Way, Ours)> {
        let nobody = || std::io::Error::from(std::io::ErrorKind::NotConnected);
        if let (transport::Way::Multicast, Some(group)) = (way, &mut self.group) {
            group.open(shared.stream, told, (self.is_away, self.slate), now)?;
            return Ok((Way::Group, Ours::Multicast(group.address, group.ttl)));
        }
        let player = Player::new(shared.stream, told, (self.is_away, self.slate), now)?;
        let ssrc = player.ssrc();
        if let transport::Way::Interleaved { rtp, rtcp } = way {
            let interleaved = Interleaved::new((rtp, rtcp), self.packet);
            return Ok((Way::Interleaved(Box::new((interleaved, player))), Ours::Interleaved(ssrc)));
        }
        let transport::Way::Udp { rtp, rtcp } = way else { return Err(nobody()) };
        let connection = self.connections.get(place).and_then(Option::as_ref).ok_or_else(nobody)?;
        let local = connection.socket.local_address().ok_or_else(nobody)?.ip().to_canonical();
        let Remote::Address(remote) = connection.remote else { return Err(nobody()) };
        let pair = udp::pair(local, canonical(remote), (rtp, rtcp))?;
        if are_scarce(&pair.1, SPARE_OF_JOINS) {
            return Err(std::io::Error::other(NO_ROOM));
        }
        let port = |socket: &std::net::UdpSocket| socket.local_addr().map(|at| at.port());
        let ours = Ours::Udp(port(&pair.0)?, port(&pair.1)?, ssrc);
        let datagrams = Datagrams::new(pair, self.packet, self.dscp);
        Ok((Way::Datagrams(Box::new((datagrams, player))), ours))
    }

    fn play(&mut self, place: usize, request: &Request<'_>, shared: &mut Shared<'_>, now: Time) -> String {
        let Some(connection) = self.connections.get(place).and_then(Option::as_ref) else {
            return String::new();
        };
        let (party, state) = (connection.party, connection.state());
        // who listens to the group costs nothing
        let costs = |session: &Session| session.since.is_none() && !matches!(session.way, Way::Group);
        let costs = connection.session.as_ref().is_some_and(costs);
        if costs && !self.may_watch(party, shared, now) {
            let why = format!("{VIEWERS} have the stream by RTSP already");
            return refusal(Answer::new(Status::NotEnoughBandwidth, Some(request.cseq)), &why);
        }
        let is_away = self.is_away;
        if !self.is_group_playing() {
            self.group.iter_mut().for_each(|group| group.resume(shared.stream, is_away, now));
        }
        let group =
            self.group.as_ref().and_then(Group::player).map(|player| (player.sequence(), player.tally));
        let Some(connection) = self.connections.get_mut(place).and_then(Option::as_mut) else {
            return String::new();
        };
        let Connection { session: Some(session), remote, agent, name, .. } = connection else {
            return String::new();
        };
        if state != State::Playing {
            session.is_playing = true;
            if let Some(player) = session.way.player_mut() {
                player.resume(shared.stream, is_away, now);
            }
        }
        if session.since.is_none() {
            session.since = Some(now);
            session.before =
                group.filter(|_| session.way.player().is_none()).map_or(Tally::default(), |(_, tally)| tally);
            let by = session.way.seen();
            shared.stats.on_joined(by);
            session.is_told =
                shared.report.viewer_joined((*remote, party), (by, agent), shared.stats.clients, now);
        }
        let sequence =
            session.way.player().map(Player::sequence).or(group.map(|(sequence, _)| sequence)).unwrap_or(0);
        let info = format!("url={};seq={sequence}", base(request.target) + crate::rtsp::target::TRACK);
        let answer = Answer::new(Status::Ok, Some(request.cseq)).with("Session", *name);
        self.comes_again = true;
        answer.with("RTP-Info", info).text()
    }
}

impl Connection {
    /// A packet has come over the connection.
    fn hear(&mut self, channel: u8, packet: &[u8]) {
        let Some(Session { way: Way::Interleaved(both), .. }) = &mut self.session else { return };
        // nothing is lost on the way, so that nothing is sent again
        if channel == both.0.reports() {
            both.1.hear(packet, |_, _| false);
        }
    }
}

/// An answer that says why not.
pub(super) fn refusal(answer: Answer, why: &str) -> String {
    answer.with_body("text/plain", &format!("{why}\r\n"))
}

/// This program reads a size that stands in the description alone.
fn reads_size(request: &Request<'_>) -> bool {
    request.user_agent.contains("GStreamer")
}

/// What goes everywhere.
const HTTP: &str = "take them by HTTP (camcast --http)";

/// Why frames cannot go.
pub(super) fn words(why: NotCarried, recodes: bool) -> String {
    let helps = why.is_mended_by_recoding() && !recodes;
    let recode = if helps { ", or start it with --rtsp-recode" } else { "" };
    format!("these frames cannot go by RTP: {why}; {HTTP}{recode}")
}
