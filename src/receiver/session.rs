//! One session: HELLO until the server answers, CONTINUE while it lives, END when we leave. Fragments go to the
//! [`Assembler`], and what it has ready comes out as events.

use super::assembler::{Assembler, Next, Patience};
use super::events::{Counters, Event, Over};
use super::greeting::{self, Greeting};
use super::reports::Reports;
use super::requests::Insertion;
use super::slate;
use super::timing::Timing;
use crate::jpeg::Size;
use crate::time::Time;
use crate::wire::client::{ClientEnd, Continue, Hello};
use crate::wire::data::{Data, SLATE};
use crate::wire::join::Accepted;
use crate::wire::server::{Beat, EndReason, FromServer, ServerEnd};
use crate::wire::{FrameNumber, ParseError, Token};
use std::collections::VecDeque;
use std::time::Duration;

/// The server is given up after this long without a datagram; it sends BEATs at least every half second.
pub const SILENCE: Duration = Duration::from_secs(3);

const END_TRIES: u32 = 3;
const END_WAIT: Duration = Duration::from_millis(100);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Greeting,
    Live,
    Leaving { next: Time, tries: u32 },
    Over,
}

/// One session with camcast.
pub struct Receiver {
    epoch: u16,
    token: Token,
    datagram: u16,
    state: State,
    greeting: Greeting,
    reports: Reports,
    assembler: Assembler,
    timing: Timing,
    patience: Patience,
    /// Bytes of frames that may still come out; none if they may without end.
    room: Option<usize>,
    /// When the server was last heard.
    heard: Time,
    /// Answers in a row that nobody listens there.
    refusals: u32,
    /// DATA that have come.
    arrived: u32,
    no_camera: bool,
    size: Option<Size>,
    slate: slate::Slate,
    events: VecDeque<Event>,
    counters: Counters,
}

impl Receiver {
    /// A session that was accepted at `now`.
    pub fn new(accepted: &Accepted, patience: Patience, now: Time) -> Self {
        Receiver {
            epoch: accepted.stream.epoch(),
            token: accepted.token,
            datagram: accepted.datagram,
            state: State::Greeting,
            greeting: Greeting::new(now),
            reports: Reports::new(now),
            assembler: Assembler::new(accepted.next, patience),
            timing: Timing::new(matches!(patience, Patience::Latency(_))),
            patience,
            room: None,
            heard: now,
            refusals: 0,
            arrived: 0,
            no_camera: false,
            size: accepted.size,
            slate: slate::Slate::default(),
            events: VecDeque::new(),
            counters: Counters::default(),
        }
    }

    /// The next frame that is wanted: what a rejoin asks for. Changes when events come out.
    pub fn next_frame(&self) -> FrameNumber {
        self.assembler.next_frame()
    }

    /// Smoothed round trip, if an echo has come.
    pub fn round_trip(&self) -> Option<Duration> {
        self.timing.round_trip()
    }

    /// Something has come from the server, and the session is neither left nor over.
    pub fn is_live(&self) -> bool {
        self.state == State::Live
    }

    /// The server says that its camera delivers nothing.
    pub fn no_camera(&self) -> bool {
        self.no_camera
    }

    /// The size in pixels of the newest frame that the server has; none while it has none. Told at once when it changes,
    /// which may be long before a frame of that size comes out here.
    pub fn size(&self) -> Option<Size> {
        self.size
    }

    /// Datagrams so far.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// From here on frames come out until they have these bytes; what is behind them stays, and is not said to be done with. Once
    /// a limit's worth of frames is here, what comes is as if it had not, so that the server stops and its reel keeps the rest.
    /// May give events.
    pub fn allow(&mut self, room: Option<usize>, now: Time) {
        let was_shut = std::mem::replace(&mut self.room, room) == Some(0);
        if was_shut && room != Some(0) && self.state != State::Over {
            self.collect(now);
        }
    }

    /// Nobody takes frames, and no more of them are kept here.
    fn is_full(&self) -> bool {
        self.room == Some(0) && self.assembler.is_full()
    }

    /// Takes a frame's buffer back, for the next one.
    pub fn recycle(&mut self, buffer: Vec<u8>) {
        self.assembler.recycle(buffer);
    }

    /// A datagram from the server's address.
    pub fn handle_datagram(&mut self, datagram: &[u8], now: Time) {
        if self.state == State::Over {
            return;
        }
        let understood = FromServer::parse(datagram).and_then(|said| match said {
            FromServer::Data(data) => self.handle_data(&data, now),
            FromServer::Beat(beat) => self.handle_beat(&beat, now),
            FromServer::End(end) => self.handle_end(&end, now),
        });
        if understood.is_err() {
            self.counters.malformed = self.counters.malformed.saturating_add(1);
        }
        self.collect(now);
    }

    fn handle_data(&mut self, data: &Data<'_>, now: Time) -> Result<(), ParseError> {
        if data.header.epoch != self.epoch {
            return Err(ParseError::Field("epoch"));
        }
        self.on_heard(now);
        if data.header.flags & SLATE != 0 {
            if let Some(picture) = self.slate.insert(data)? {
                self.events.push_back(Event::Slate(picture));
            }
            return Ok(());
        }
        let is_first = self.arrived == 0 && matches!(self.patience, Patience::Latency(_));
        self.arrived = self.arrived.wrapping_add(1);
        if self.is_full() && data.header.number.is_after(self.assembler.newest_heard()) {
            return Ok(());
        }
        let arrival = self.assembler.insert(data, &mut self.timing, now)?;
        if is_first {
            self.assembler.skip_before(data.header.number);
        }
        let count = match arrival {
            Insertion::Fresh => &mut self.counters.fragments,
            Insertion::Repaired => &mut self.counters.repaired,
            Insertion::Again => &mut self.counters.duplicates,
        };
        *count = count.saturating_add(1);
        Ok(())
    }

    fn handle_beat(&mut self, beat: &Beat, now: Time) -> Result<(), ParseError> {
        self.check_session(beat.epoch, beat.token)?;
        self.on_heard(now);
        let waited = micros(now).wrapping_sub(beat.echo).saturating_sub(beat.held_us);
        let sample = Duration::from_micros(u64::from(waited));
        if sample < SILENCE {
            self.timing.on_round_trip(sample);
        }
        self.no_camera = beat.no_camera;
        self.size = beat.size;
        if !self.is_full() {
            self.assembler.hear_of(beat.newest, &self.timing, now)?;
            self.assembler.skip(beat.newest, beat.skipped);
        }
        self.assembler.forget_before(beat.oldest);
        self.reports.on_news();
        Ok(())
    }

    fn handle_end(&mut self, end: &ServerEnd, now: Time) -> Result<(), ParseError> {
        self.check_session(end.epoch, end.token)?;
        self.assembler.hear_of(end.newest, &self.timing, now)?;
        let over =
            if matches!(self.state, State::Leaving { .. }) { Over::Left } else { Over::Ended(end.reason) };
        self.finish(over);
        Ok(())
    }

    fn check_session(&self, epoch: u16, token: Token) -> Result<(), ParseError> {
        if (epoch, token) == (self.epoch, self.token) { Ok(()) } else { Err(ParseError::Field("token")) }
    }

    fn on_heard(&mut self, now: Time) {
        self.heard = now;
        self.refusals = 0;
        if self.state == State::Greeting {
            self.state = State::Live;
            self.reports.on_news();
            self.greeting.on_answer(now);
        }
    }

    /// The server's host answered that nobody listens on its port.
    pub fn handle_refused(&mut self) {
        self.refusals = self.refusals.saturating_add(1);
        // one may answer a datagram of long ago
        if self.refusals >= 2 && self.state != State::Over {
            let over =
                if matches!(self.state, State::Leaving { .. }) { Over::Left } else { Over::PortClosed };
            self.finish(over);
        }
    }

    /// The padded HELLO is too large for the way out of this machine, which takes packets of `path_mtu` bytes, 0 if
    /// that is not known.
    pub fn handle_too_large(&mut self, path_mtu: u16, now: Time) {
        self.greeting.on_too_large(path_mtu, now);
    }

    /// Says END to the server; [`Event::Over`] follows.
    pub fn leave(&mut self, now: Time) {
        match self.state {
            State::Greeting | State::Live => self.state = State::Leaving { next: now, tries: 0 },
            State::Leaving { .. } | State::Over => {}
        }
    }

    /// A deadline of [`next_timeout`](Self::next_timeout) has come.
    pub fn handle_timeout(&mut self, now: Time) {
        match self.state {
            State::Greeting if self.greeting.is_hopeless(now) => self.finish(Over::NoAnswer),
            State::Live if now >= self.heard.after(SILENCE) => self.finish(Over::Silence),
            State::Leaving { next, tries } if tries >= END_TRIES && now >= next => self.finish(Over::Left),
            _ => self.collect(now),
        }
    }

    /// When to call [`handle_timeout`](Self::handle_timeout) and then to drain. Changes with every input, and when drained.
    #[must_use]
    pub fn next_timeout(&self) -> Time {
        match self.state {
            State::Greeting => self.greeting.next_timeout(),
            State::Live => {
                let talk = self.report_due().min(self.reports.again_due()).min(self.greeting.next_timeout());
                // frames that nobody takes are not given up either
                let frames = match self.room {
                    Some(0) => self.assembler.quiet_due(),
                    _ => self.assembler.next_timeout(),
                };
                talk.min(frames).min(self.heard.after(SILENCE))
            }
            State::Leaving { next, .. } => next,
            State::Over => Time::NEVER,
        }
    }

    fn report_due(&self) -> Time {
        self.reports.due(self.assembler.ask_due())
    }

    /// The next datagram for the server, written into `room`, which has to hold the largest: see
    /// [`datagram_len`](Self::datagram_len). Changes with every input and with time; to be drained after each.
    #[must_use]
    pub fn poll_datagram<'a>(&mut self, room: &'a mut [u8], now: Time) -> Option<&'a [u8]> {
        match self.state {
            State::Greeting => self.greeting.poll(now).map(|due| self.hello(due, now).emit(room)),
            State::Live if now >= self.report_due() => Some(self.report(room, now)),
            State::Live => match self.greeting.poll(now) {
                Some(due) => Some(self.hello(due, now).emit(room)),
                None => self.reports.poll_again(now).map(|bytes| copy_into(room, &bytes)),
            },
            State::Leaving { next, tries } if now >= next && tries < END_TRIES => {
                self.state = State::Leaving { next: now.after(END_WAIT), tries: tries.saturating_add(1) };
                Some(copy_into(room, &ClientEnd { epoch: self.epoch, token: self.token }.to_bytes()))
            }
            State::Leaving { .. } | State::Over => None,
        }
    }

    /// Bytes of the longest datagram that [`poll_datagram`](Self::poll_datagram) writes.
    pub fn datagram_len(&self) -> usize {
        usize::from(self.datagram).max(crate::wire::client::MAX_CONTINUE_LEN)
    }

    fn hello(&self, due: greeting::Due, now: Time) -> Hello {
        let greeting::Due { narrow, path_mtu } = due;
        Hello { epoch: self.epoch, token: self.token, stamp: micros(now), path_mtu, narrow }
    }

    /// Says CONTINUE, with what is to be asked for.
    fn report<'a>(&mut self, room: &'a mut [u8], now: Time) -> &'a [u8] {
        self.reports.on_said(now);
        let urgent = matches!(self.patience, Patience::Latency(_));
        let report = Continue {
            epoch: self.epoch,
            token: self.token,
            stamp: micros(now),
            through: self.assembler.next_frame().previous(),
            seen: self.assembler.newest_heard(),
            rtt_us: self.round_trip().map_or(0, |rtt| u32::try_from(rtt.as_micros()).unwrap_or(u32::MAX)),
            arrived: self.arrived,
            urgent,
            missing: self.assembler.requests(&self.timing, now),
        };
        let bytes = report.to_bytes();
        let sent = copy_into(room, &bytes);
        if urgent && !report.missing.is_empty() {
            self.reports.say_again(bytes, now);
        }
        sent
    }

    /// The next thing that happened. Changes with every input; to be drained after each.
    #[must_use]
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Takes what is ready out of the assembler.
    fn collect(&mut self, now: Time) {
        self.assembler.check_quiet(&self.timing, now);
        while self.room != Some(0) {
            let Some(next) = self.assembler.poll(now) else { break };
            if let (Next::Frame(frame), Some(room)) = (&next, &mut self.room) {
                *room = room.saturating_sub(frame.bytes.len());
            }
            self.reports.on_news();
            let event = match next {
                Next::Frame(frame) => {
                    self.timing.on_frame();
                    Event::Frame(frame)
                }
                Next::Missing(number) => Event::Missing(number),
                Next::Skipped(number) => Event::Skipped(number),
            };
            self.events.push_back(event);
        }
    }

    fn finish(&mut self, over: Over) {
        // This stream will not go on: what is whole comes out, the rest is named. After a silence it will, with the first
        // frame that is not whole.
        self.room = None;
        let is_end = matches!(over, Over::Ended(EndReason::Stopping) | Over::PortClosed);
        self.collect(if is_end { Time::NEVER } else { self.heard });
        self.state = State::Over;
        self.events.push_back(Event::Over(over));
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::receiver::reports::{GAP, SAY_AGAIN};
    use crate::reel::Reel;
    use crate::time::Stamp;
    use crate::wire::client::FromClient;
    use crate::wire::{Kind, StreamId};

    const STREAM: StreamId = StreamId(5);
    const TOKEN: Token = Token(9);
    const NOW: Time = Time::from_millis(1_000);

    /// A receiver of a stream whose reel holds six frames of two fragments each.
    fn bench() -> (Receiver, Reel) {
        bench_with(Patience::Reel)
    }

    fn bench_with(patience: Patience) -> (Receiver, Reel) {
        let mut reel = Reel::new(1 << 20, 1452, STREAM);
        for sequence in 1..=6 {
            let stamp = Stamp { captured: Time::from_millis(u64::from(sequence)), sequence };
            reel.push(&[7; 2_000], Size { width: 8, height: 8 }, stamp, 0).unwrap();
        }
        let next = FrameNumber(1);
        let accepted = Accepted {
            token: TOKEN,
            stream: STREAM,
            next,
            datagram: 1452,
            size: None,
            fps: None,
            span_ms: 0,
        };
        (Receiver::new(&accepted, patience, NOW), reel)
    }

    fn feed(receiver: &mut Receiver, reel: &Reel, number: u32, fragments: std::ops::Range<u16>) {
        let frame = reel.frame(FrameNumber(number)).unwrap();
        frame.datagrams(fragments).chunks(1452).for_each(|datagram| receiver.handle_datagram(datagram, NOW));
    }

    fn drain(receiver: &mut Receiver) -> Vec<String> {
        let text = |event| match event {
            Event::Frame(frame) => format!("frame {}", frame.number),
            Event::Slate(picture) => format!("slate of {} bytes", picture.bytes.len()),
            Event::Missing(number) | Event::Skipped(number) => format!("missing {number}"),
            Event::Over(over) => format!("{over:?}"),
        };
        std::iter::from_fn(|| receiver.poll_event()).map(text).collect()
    }

    #[test]
    fn a_slate_is_seen_once_and_stays_out_of_the_stream() {
        let (mut receiver, reel) = bench_with(Patience::Latency(Duration::from_millis(120)));
        let mut slates = Reel::new(1 << 18, 1452, STREAM);
        let size = Size { width: 64, height: 48 };
        slates.push(&[5; 4000], size, Stamp::default(), SLATE).unwrap();
        feed(&mut receiver, &slates, 1, 0..2);
        feed(&mut receiver, &reel, 1, 0..2);
        feed(&mut receiver, &slates, 1, 2..3);
        feed(&mut receiver, &slates, 1, 0..3);
        assert_eq!(drain(&mut receiver), ["frame 1", "slate of 4000 bytes"]);
        assert_eq!((receiver.arrived, receiver.next_frame()), (2, FrameNumber(2)));
    }

    /// What the CONTINUEs at `now` ask for: frame and first fragment.
    fn asked(receiver: &mut Receiver, now: Time) -> Vec<(u32, u16)> {
        let mut asked = Vec::new();
        let mut room = [0; 1452];
        while let Some(datagram) = receiver.poll_datagram(&mut room, now) {
            let Ok(FromClient::Continue(cont)) = FromClient::parse(datagram) else { panic!("no CONTINUE") };
            asked.extend(cont.missing.iter().map(|missing| (missing.number.0, missing.first)));
        }
        asked
    }

    #[test]
    fn a_viewer_says_each_request_twice_whatever_it_asks_for_between() {
        let latency = Duration::from_millis(120);
        let (mut receiver, reel) = bench_with(Patience::Latency(latency));
        feed(&mut receiver, &reel, 1, 1..2);
        asked(&mut receiver, NOW);
        let first = NOW.after(Duration::from_millis(2));
        assert_eq!(asked(&mut receiver, first), [(1, 0)]);
        feed(&mut receiver, &reel, 2, 1..2); // at NOW, and so it is due by now
        let second = first.after(GAP);
        assert_eq!(asked(&mut receiver, second), [(2, 0)]);
        assert_eq!(receiver.next_timeout(), first.after(SAY_AGAIN));
        assert_eq!(asked(&mut receiver, first.after(SAY_AGAIN)), [(1, 0)]);
        assert_eq!(asked(&mut receiver, second.after(SAY_AGAIN)), [(2, 0)]);
    }

    #[test]
    fn the_end_of_a_stream_leaves_no_frame_unaccounted_for() {
        let (mut receiver, reel) = bench();
        feed(&mut receiver, &reel, 1, 0..2);
        feed(&mut receiver, &reel, 2, 0..1);
        feed(&mut receiver, &reel, 3, 0..2);
        assert_eq!(drain(&mut receiver), ["frame 1"]);
        let reason = EndReason::Stopping;
        let end = ServerEnd { epoch: STREAM.epoch(), token: TOKEN, reason, newest: FrameNumber(5) };
        receiver.handle_datagram(&end.to_bytes(), NOW);
        let rest = ["missing 2", "frame 3", "missing 4", "missing 5", "Ended(Stopping)"];
        assert_eq!(drain(&mut receiver), rest);
    }

    #[test]
    fn a_path_that_was_closed_for_a_moment_is_tried_in_full_again() {
        let (mut receiver, reel) = bench();
        let mut room = [0; 1452];
        let mut lengths = |receiver: &mut Receiver, now: Time| {
            receiver.handle_timeout(now);
            let hellos = std::iter::from_fn(|| receiver.poll_datagram(&mut room, now).map(<[u8]>::to_vec));
            hellos.filter(|bytes| bytes[0] == Kind::Hello.byte()).map(|bytes| bytes.len()).collect::<Vec<_>>()
        };
        let mut sent = |receiver: &mut Receiver, ms: u64| {
            let now = NOW.after(Duration::from_millis(ms));
            let sent = lengths(receiver, now);
            // somebody is there
            if ms >= 600 {
                let frame = reel.frame(FrameNumber(1)).unwrap();
                receiver.handle_datagram(&frame.datagrams(0..1)[..1452], now);
            }
            sent
        };
        for (ms, lens) in [(0, vec![1452]), (200, vec![1452]), (400, vec![1452]), (600, vec![20])] {
            assert_eq!(sent(&mut receiver, ms), lens, "{ms}");
        }
        let probes = (1..=120).filter(|tick| !sent(&mut receiver, 600 + tick * 100).is_empty());
        assert_eq!(probes.collect::<Vec<_>>(), [10, 30, 90]);
        // but what the system refuses to send is not tried again
        let (mut receiver, reel) = bench();
        receiver.handle_too_large(1400, NOW);
        feed(&mut receiver, &reel, 1, 0..1);
        assert_eq!(receiver.greeting.probe_due(), Time::NEVER);
    }

    #[test]
    fn a_silence_leaves_the_stream_to_be_gone_on_with() {
        let (mut receiver, reel) = bench();
        feed(&mut receiver, &reel, 1, 0..1);
        feed(&mut receiver, &reel, 2, 0..2);
        receiver.handle_timeout(NOW.after(SILENCE));
        assert_eq!(receiver.next_frame(), FrameNumber(1));
        assert_eq!(drain(&mut receiver), ["Silence"]);
    }

    #[test]
    fn what_nobody_takes_is_not_said_to_be_done_with() {
        let (mut receiver, reel) = bench();
        receiver.allow(Some(3_000), NOW);
        (1..=4).for_each(|number| feed(&mut receiver, &reel, number, 0..2));
        assert_eq!(
            drain(&mut receiver),
            ["frame 1", "frame 2"],
            "the second one does not fit, but begins within"
        );
        assert_eq!(receiver.next_frame(), FrameNumber(3));
        let later = NOW.after(Duration::from_secs(600));
        receiver.heard = later;
        receiver.handle_timeout(later);
        asked(&mut receiver, later);
        assert!(receiver.next_timeout() > later, "nothing is given up");
        receiver.allow(Some(1), later);
        assert_eq!(drain(&mut receiver), ["frame 3"]);
        receiver.allow(Some(0), later);
        receiver.handle_timeout(later.after(SILENCE));
        assert_eq!(
            drain(&mut receiver),
            ["frame 4", "Silence"],
            "what is whole is not lost with the session"
        );
        assert_eq!(receiver.next_frame(), FrameNumber(5));
    }

    #[test]
    fn a_receiver_that_is_full_hears_of_nothing_more() {
        let mut reel = Reel::new(1 << 22, 1452, STREAM);
        for sequence in 1..=300 {
            let stamp = Stamp { captured: Time::from_millis(u64::from(sequence)), sequence };
            reel.push(&[7; 2_000], Size { width: 8, height: 8 }, stamp, 0).unwrap();
        }
        let (mut receiver, _) = bench();
        receiver.allow(Some(0), NOW);
        (1..=300).for_each(|number| feed(&mut receiver, &reel, number, 0..2));
        assert_eq!(drain(&mut receiver), [] as [&str; 0]);
        let kept = receiver.assembler.newest_heard();
        assert!(kept.0 < 256 && receiver.next_frame() == FrameNumber(1), "{kept}");
        let number = FrameNumber(300);
        let (newest, oldest) = (number, FrameNumber(1));
        let (epoch, token) = (STREAM.epoch(), TOKEN);
        let beat = Beat {
            epoch,
            token,
            newest,
            oldest,
            echo: 0,
            held_us: 0,
            skipped: 0,
            no_camera: false,
            size: None,
        };
        receiver.handle_datagram(&beat.to_bytes(), NOW);
        assert_eq!(receiver.assembler.newest_heard(), kept);
        // and asks for all of it once there is room
        receiver.allow(Some(1 << 30), NOW);
        assert_eq!(drain(&mut receiver).len() as u32, kept.0);
        receiver.handle_datagram(&beat.to_bytes(), NOW);
        assert_eq!(receiver.assembler.newest_heard(), number);
        let first = asked(&mut receiver, NOW.after(Duration::from_secs(1))).first().copied();
        assert_eq!(first, Some((kept.0 + 1, 0)));
    }

    #[test]
    fn the_newest_frames_size_is_known_before_it_comes() {
        let (mut receiver, _) = bench();
        assert_eq!(receiver.size(), None);
        let number = FrameNumber(1);
        let size = Some(Size { width: 640, height: 480 });
        let mut beat = Beat {
            epoch: STREAM.epoch(),
            token: TOKEN,
            newest: number,
            oldest: number,
            echo: 0,
            held_us: 0,
            skipped: 0,
            no_camera: true,
            size,
        };
        receiver.handle_datagram(&beat.to_bytes(), NOW);
        assert_eq!((receiver.size(), receiver.no_camera()), (size, true));
        (beat.size, beat.no_camera, beat.token) = (None, false, Token(8));
        receiver.handle_datagram(&beat.to_bytes(), NOW);
        assert_eq!((receiver.size(), receiver.no_camera()), (size, true), "it was another session's");
    }

    #[test]
    fn nobody_else_ends_the_session() {
        let (mut receiver, _) = bench();
        let reason = EndReason::Stopping;
        let end = ServerEnd { epoch: STREAM.epoch(), token: Token(8), reason, newest: FrameNumber(5) };
        receiver.handle_datagram(&end.to_bytes(), NOW);
        assert_eq!(drain(&mut receiver), [] as [&str; 0]);
        assert_eq!(receiver.counters().malformed, 1);
    }
}
