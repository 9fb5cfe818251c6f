//! One session, on one path: HELLO until the server answers, CONTINUE while it lives, END when we leave. What its datagrams bring
//! goes to the [`Receiver`](super::Receiver), which knows what is missing.

use super::SILENCE;
use super::assembler::Asked;
use super::events::Over;
use super::greeting::{self, Greeting};
use super::reports::Reports;
use super::timing::Timing;
use crate::time::Time;
use crate::wire::client::{ClientEnd, Continue, Hello};
use crate::wire::data::{Data, SLATE};
use crate::wire::join::Accepted;
use crate::wire::server::Beat;
use crate::wire::{FrameNumber, ParseError, Tag, Token};
use std::time::Duration;

/// A server that was heard of so lately is there.
const UNHEARD: Duration = Duration::from_secs(1);

const END_TRIES: u32 = 3;
const END_WAIT: Duration = Duration::from_millis(100);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Greeting,
    Live,
    Leaving { next: Time, tries: u32 },
}

/// What the session is to say of the stream.
#[derive(Clone, Copy, Debug)]
pub(super) struct Standing {
    /// This frame and all before it are done with.
    pub(super) through: FrameNumber,
    /// When something is to be asked for by this session.
    pub(super) ask_due: Time,
    /// There is no time for many rounds.
    pub(super) urgent: bool,
    /// Other sessions bring the same.
    pub(super) has_others: bool,
    /// How often a request is said again.
    pub(super) again: u8,
}

/// One session with camcast.
pub(super) struct Session {
    epoch: u16,
    token: Token,
    datagram: u16,
    /// The server has agreed to send parity rows.
    parity: bool,
    state: State,
    greeting: Greeting,
    reports: Reports,
    pub(super) timing: Timing,
    /// When the server was last heard.
    heard: Time,
    /// Answers in a row that nobody listens there.
    refusals: u32,
    /// DATA that have come.
    arrived: u32,
    /// Something of a frame has come, surely.
    has_frames: bool,
    /// The latest DATA that was proved, by its frame's number and its index.
    latest: (FrameNumber, u16),
    /// The newest frame that was heard of here, and the newest whose last fragment has come here.
    seen: FrameNumber,
    ended: FrameNumber,
    /// What the server's latest BEAT said: the oldest frame that it has, and that its camera delivers nothing.
    oldest: Option<FrameNumber>,
    no_camera: bool,
    /// What its next CONTINUE asks for.
    asks: Asked,
}

impl Session {
    /// A session that was accepted at `now`. An eager one rather asks twice than late.
    pub(super) fn new(accepted: &Accepted, is_eager: bool, now: Time) -> Self {
        Session {
            epoch: accepted.stream.epoch(),
            token: accepted.token,
            datagram: accepted.datagram,
            parity: accepted.parity,
            state: State::Greeting,
            greeting: Greeting::new(now),
            reports: Reports::new(now),
            timing: Timing::new(is_eager),
            heard: now,
            refusals: 0,
            arrived: 0,
            has_frames: false,
            latest: (accepted.next.previous(), u16::MAX),
            seen: accepted.next.previous(),
            ended: accepted.next.previous(),
            oldest: None,
            no_camera: false,
            asks: Asked::default(),
        }
    }

    /// Something has come from the server, and the session is not left.
    pub(super) fn is_live(&self) -> bool {
        self.state == State::Live
    }

    pub(super) fn is_leaving(&self) -> bool {
        matches!(self.state, State::Leaving { .. })
    }

    /// When the server was last heard.
    pub(super) fn heard(&self) -> Time {
        self.heard
    }

    #[cfg(test)]
    pub(super) fn arrived(&self) -> u32 {
        self.arrived
    }

    /// The oldest frame that the server has, once it has said so.
    pub(super) fn oldest(&self) -> Option<FrameNumber> {
        self.oldest
    }

    /// The server says that its camera delivers nothing.
    pub(super) fn no_camera(&self) -> bool {
        self.no_camera
    }

    /// A datagram of this epoch and token.
    ///
    /// # Errors
    /// [`ParseError::Field`]: it is another session's.
    pub(super) fn check(&self, epoch: u16, token: Token) -> Result<(), ParseError> {
        if (epoch, token) == (self.epoch, self.token) { Ok(()) } else { Err(ParseError::Field("token")) }
    }

    /// DATA has come. True: it has the session's tag, so that its header is the server's. That is a sign of life if it is behind all that
    /// has come here, or brings something: what has come before anybody who has recorded it can say again.
    ///
    /// # Errors
    /// [`ParseError::Field`]: it is another stream's or session's, or a parity row that was not agreed on.
    pub(super) fn on_data(&mut self, data: &Data<'_>, now: Time) -> Result<bool, ParseError> {
        let header = &data.header;
        if header.epoch != self.epoch {
            return Err(ParseError::Field("epoch"));
        }
        if header.is_parity() && !self.parity {
            return Err(ParseError::Field("flags"));
        }
        if data.tag == Tag::NONE {
            return Ok(false);
        }
        if data.tag != self.token.tag() {
            return Err(ParseError::Field("tag"));
        }
        let (number, index) = self.latest;
        let is_later = header.number.is_after(number) || (header.number == number && header.index > index);
        // slates are numbered by themselves, and BEATs come beside them
        if is_later && header.flags & SLATE == 0 {
            self.latest = (header.number, header.index);
            self.on_heard(now);
        }
        Ok(true)
    }

    /// It is a fragment of a frame. True: the session's first that is proved.
    pub(super) fn count_arrival(&mut self, is_proved: bool) -> bool {
        self.arrived = self.arrived.wrapping_add(1);
        is_proved && !std::mem::replace(&mut self.has_frames, true)
    }

    /// Something of this frame was sent here.
    pub(super) fn see(&mut self, number: FrameNumber) {
        if number.is_after(self.seen) {
            self.seen = number;
        }
    }

    /// The last fragment of this frame has come here.
    pub(super) fn see_end(&mut self, number: FrameNumber) {
        if number.is_after(self.ended) {
            self.ended = number;
        }
    }

    /// What is done with, as it is said here. If another path has brought the newest frame, the rest of it may still come by this one:
    /// a server that hears that nothing more is awaited takes it for lost.
    fn through(&self, standing: &Standing) -> FrameNumber {
        let is_begun = standing.has_others && standing.through == self.seen && self.ended != self.seen;
        if is_begun { self.seen.previous() } else { standing.through }
    }

    /// A BEAT of this session has come.
    pub(super) fn on_beat(&mut self, beat: &Beat, now: Time) {
        self.on_heard(now);
        let waited = micros(now).wrapping_sub(beat.echo).saturating_sub(beat.held_us);
        let sample = Duration::from_micros(u64::from(waited));
        if sample < SILENCE {
            self.timing.on_round_trip(sample);
        }
        self.no_camera = beat.no_camera;
        self.oldest = Some(beat.oldest);
        self.on_news();
    }

    /// There is something to report.
    pub(super) fn on_news(&mut self) {
        self.reports.on_news();
    }

    /// A frame is whole, or given up.
    pub(super) fn on_frame(&mut self, has_lacked: bool, now: Time) {
        self.reports.on_frame(has_lacked, now);
    }

    /// It is there.
    pub(super) fn on_heard(&mut self, now: Time) {
        self.heard = now;
        self.refusals = 0;
        if self.state == State::Greeting {
            self.state = State::Live;
            self.reports.on_news();
            self.greeting.on_answer(now);
        }
    }

    /// The server's host answered that nobody listens on its port. The session's end, if it is: anybody can say so, and nobody
    /// can keep the server from being heard.
    pub(super) fn on_refused(&mut self, now: Time) -> Option<Over> {
        self.refusals = self.refusals.saturating_add(1);
        if now < self.heard.after(UNHEARD) {
            return None;
        }
        // one may answer a datagram of long ago
        let over = if self.is_leaving() { Over::Left } else { Over::PortClosed };
        (self.refusals >= 2).then_some(over)
    }

    pub(super) fn on_too_large(&mut self, path_mtu: u16, now: Time) {
        self.greeting.on_too_large(path_mtu, now);
    }

    /// Says END to the server.
    pub(super) fn leave(&mut self, now: Time) {
        if !self.is_leaving() {
            self.state = State::Leaving { next: now, tries: 0 };
        }
    }

    /// A deadline may have come. The session's end, if that is it.
    pub(super) fn on_timeout(&self, now: Time) -> Option<Over> {
        match self.state {
            State::Greeting if self.greeting.is_hopeless(now) => Some(Over::NoAnswer),
            State::Live if now >= self.heard.after(SILENCE) => Some(Over::Silence),
            State::Leaving { next, tries } if tries >= END_TRIES && now >= next => Some(Over::Left),
            _ => None,
        }
    }

    /// When there is something to say, or to give up.
    pub(super) fn next_timeout(&self, standing: &Standing) -> Time {
        match self.state {
            State::Greeting => self.greeting.next_timeout(),
            State::Live => {
                let talk = self.report_due(standing).min(self.reports.again_due());
                talk.min(self.greeting.next_timeout()).min(self.heard.after(SILENCE))
            }
            State::Leaving { next, .. } => next,
        }
    }

    /// When the next CONTINUE is due.
    pub(super) fn report_due(&self, standing: &Standing) -> Time {
        let ask_due = if self.asks.list.is_empty() { standing.ask_due } else { Time::default() };
        self.reports.due(ask_due)
    }

    /// What the next CONTINUE is to ask for besides, as far as there is room.
    pub(super) fn ask(&mut self, asked: &Asked) {
        let room = self.asks.list.remaining_capacity();
        self.asks.list.extend(asked.list.iter().take(room).copied());
        self.asks.last_until = self.asks.last_until.max(asked.last_until);
    }

    /// The next datagram for the server, written into `room`.
    pub(super) fn poll_datagram<'a>(
        &mut self,
        standing: &Standing,
        room: &'a mut [u8],
        now: Time,
    ) -> Option<&'a [u8]> {
        match self.state {
            State::Greeting => self.greeting.poll(now).map(|due| self.hello(due, now).emit(room)),
            State::Live if now >= self.report_due(standing) => Some(self.report(standing, room, now)),
            State::Live => match self.greeting.poll(now) {
                Some(due) => Some(self.hello(due, now).emit(room)),
                None => self.reports.poll_again(now).map(|bytes| copy_into(room, &bytes)),
            },
            State::Leaving { next, tries } if now >= next && tries < END_TRIES => {
                self.state = State::Leaving { next: now.after(END_WAIT), tries: tries.saturating_add(1) };
                Some(copy_into(room, &ClientEnd { epoch: self.epoch, token: self.token }.to_bytes()))
            }
            State::Leaving { .. } => None,
        }
    }

    /// Bytes of the longest datagram that it says.
    pub(super) fn datagram_len(&self) -> usize {
        usize::from(self.datagram).max(crate::wire::client::MAX_CONTINUE_LEN)
    }

    #[cfg(test)]
    pub(super) fn probe_due(&self) -> Time {
        self.greeting.probe_due()
    }

    #[cfg(test)]
    pub(super) fn again_due(&self) -> Time {
        self.reports.again_due()
    }

    #[cfg(test)]
    pub(super) fn set_heard(&mut self, heard: Time) {
        self.heard = heard;
    }

    fn hello(&self, due: greeting::Due, now: Time) -> Hello {
        let greeting::Due { narrow, path_mtu } = due;
        Hello { epoch: self.epoch, token: self.token, stamp: micros(now), path_mtu, narrow }
    }

    /// Says CONTINUE, with what is to be asked for.
    fn report<'a>(&mut self, standing: &Standing, room: &'a mut [u8], now: Time) -> &'a [u8] {
        self.reports.on_said(now);
        let Asked { list: missing, last_until } = std::mem::take(&mut self.asks);
        let (through, round_trip) = (self.through(standing), self.timing.round_trip());
        let report = Continue {
            epoch: self.epoch,
            token: self.token,
            stamp: micros(now),
            through,
            seen: self.seen,
            rtt_us: round_trip.map_or(0, |rtt| u32::try_from(rtt.as_micros()).unwrap_or(u32::MAX)),
            arrived: self.arrived,
            urgent: standing.urgent,
            missing,
        };
        let bytes = report.to_bytes();
        let sent = copy_into(room, &bytes);
        if !report.missing.is_empty() {
            self.reports.say_again(bytes, standing.again, last_until, now);
        }
        sent
    }
}

/// The clock of stamps: microseconds, wrapping every 71 minutes.
fn micros(now: Time) -> u32 {
    (now.as_nanos() / 1000 % (1 << 32)) as u32
}

fn copy_into<'a>(room: &'a mut [u8], bytes: &[u8]) -> &'a [u8] {
    match room.get_mut(..bytes.len()) {
        Some(to) => {
            to.copy_from_slice(bytes);
            to
        }
        None => &[],
    }
}
