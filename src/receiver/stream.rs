//! One stream, by one path or by several. Each path has a [`Session`]; the fragments of all of them go to one [`Assembler`], which
//! knows what is missing of the whole, and what it has ready comes out as events.
//!
//! Each path is sent everything, so a fragment is lost only if it is lost on all of them. Who is to be asked for it, and how long
//! another path is waited for first, follows from how far each is behind the others: a fragment that another path brings sooner
//! than an answer could come is not asked for. A path that is silent is not waited for.

use super::assembler::{Assembler, Patience};
use super::events::{Counters, Event, Next, Over, Run};
use super::paths::{Lags, Presence};
use super::requests::Insertion;
use super::session::{Session, Standing};
use super::shares::{Share, Shares};
use super::timing::Timing;
use super::{PATHS, slate};
use crate::jpeg::Size;
use crate::time::Time;
use crate::wire::data::{Data, Header, SLATE};
use crate::wire::join::Accepted;
use crate::wire::server::{Beat, EndReason, FromServer, ServerEnd};
use crate::wire::{FrameNumber, ParseError, StreamId};
use std::collections::VecDeque;
use std::time::Duration;

/// A path that was last heard this long before another has nothing to say in what is asked for: it may be dead.
const STALE: Duration = Duration::from_millis(100);

/// From half of that on, others are asked beside it.
const DOUBTFUL: Duration = Duration::from_millis(50);

/// Paths whose answers take no longer than twice the quickest one's, and this, are all asked: what is missing was lost on each of
/// them, and so may a question be, or its answer.
const ASK_SLACK: Duration = Duration::from_millis(20);

/// A viewer says a request so often again where there are two paths: what is missing there is rare, and both may be bad.
const AGAIN_OF_TWO: u8 = 3;

/// Events: as many as a second of frames.
const LADEN: usize = 64;

/// camcast has said on one path that it stops: on the others that is waited for so long.
const STOPPING: Duration = Duration::from_millis(500);

/// One stream of camcast's.
pub struct Receiver {
    id: StreamId,
    patience: Patience,
    sessions: [Option<Session>; PATHS],
    /// Those of sessions that are over.
    round_trips: [Option<Duration>; PATHS],
    assembler: Assembler,
    /// How the paths stand to each other; none while there is but one.
    lags: Option<Lags>,
    /// If it is to be told.
    shares: Option<Shares>,
    /// Bytes of frames that may still come out; none if they may without end.
    room: Option<usize>,
    size: Option<Size>,
    slate: slate::Slate,
    /// camcast has said that it stops.
    is_stopping: bool,
    events: VecDeque<Event>,
    counters: Counters,
}

impl Receiver {
    /// A stream whose first session was accepted at `now`, on this path.
    pub fn new(path: usize, accepted: &Accepted, patience: Patience, now: Time) -> Self {
        let mut receiver = Receiver {
            id: accepted.stream,
            patience,
            sessions: [const { None }; PATHS],
            round_trips: [None; PATHS],
            assembler: Assembler::new(accepted.next, patience),
            lags: None,
            shares: None,
            room: None,
            size: accepted.size,
            slate: slate::Slate::default(),
            is_stopping: false,
            events: VecDeque::new(),
            counters: Counters::default(),
        };
        receiver.join(path, accepted, now);
        receiver
    }

    /// A session of the same stream was accepted at `now`, on a path that has none. With parity rows the first one takes a while.
    pub fn join(&mut self, path: usize, accepted: &Accepted, now: Time) {
        let Some(session @ None) = self.sessions.get_mut(path) else { return };
        *session = Some(Session::new(accepted, self.patience != Patience::Reel, now));
        self.assembler.join(path, accepted.next);
        if accepted.parity {
            self.assembler.take_rows();
        }
        self.regroup();
        if self.has_two() {
            self.keep_shares();
        }
        if let Some(shares) = &mut self.shares {
            shares.join(path, accepted.next);
        }
    }

    /// The paths are other ones: how they stand to each other is to be learned anew.
    fn regroup(&mut self) {
        let are_two = self.all().nth(1).is_some();
        self.lags = are_two.then(Lags::new);
        if !are_two {
            self.sessions
                .iter_mut()
                .flatten()
                .for_each(|session| session.timing.stand(Duration::ZERO, Duration::ZERO));
        }
    }

    /// What each path brings is to be told from now on: see [`share`](Self::share).
    pub fn keep_shares(&mut self) {
        if self.shares.is_some() {
            return;
        }
        let mut shares = Shares::new(self.patience == Patience::Reel);
        self.all().for_each(|(path, _)| shares.join(path, self.next_frame()));
        self.shares = Some(shares);
    }

    /// The stream.
    pub fn stream(&self) -> StreamId {
        self.id
    }

    /// The next frame that is wanted: what a rejoin asks for. Changes when events come out.
    pub fn next_frame(&self) -> FrameNumber {
        self.assembler.next_frame()
    }

    /// The quickest path's smoothed round trip, if an echo has come.
    pub fn round_trip(&self) -> Option<Duration> {
        self.quickest()?.timing.round_trip()
    }

    /// This path's, or what it was when its last session ended.
    pub fn round_trip_of(&self, path: usize) -> Option<Duration> {
        let of_session = self.session(path).and_then(|session| session.timing.round_trip());
        of_session.or_else(|| *self.round_trips.get(path)?)
    }

    /// What this path has brought since [`keep_shares`](Self::keep_shares), or since there are two, as far as that is settled.
    pub fn share(&self, path: usize) -> Share {
        self.shares.as_ref().map(|shares| shares.of(path)).unwrap_or_default()
    }

    /// Something has come from the server on this path, and its session is neither left nor over.
    pub fn is_live(&self, path: usize) -> bool {
        self.session(path).is_some_and(Session::is_live)
    }

    /// Each session is over.
    pub fn is_over(&self) -> bool {
        self.all().next().is_none()
    }

    /// The server says that its camera delivers nothing: on each path, as the slower one says so later, and takes it back later.
    pub fn no_camera(&self) -> bool {
        let mut live = self.all().map(|(_, session)| session).filter(|session| session.is_live()).peekable();
        live.peek().is_some() && live.all(Session::no_camera)
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

    fn session(&self, path: usize) -> Option<&Session> {
        self.sessions.get(path)?.as_ref()
    }

    fn session_mut(&mut self, path: usize) -> Option<&mut Session> {
        self.sessions.get_mut(path)?.as_mut()
    }

    fn all(&self) -> impl Iterator<Item = (usize, &Session)> {
        self.sessions.iter().enumerate().filter_map(|(path, session)| Some((path, session.as_ref()?)))
    }

    fn has_two(&self) -> bool {
        self.lags.is_some()
    }

    /// The sessions that were heard of late, as far as others were.
    fn fresh(&self) -> impl Iterator<Item = (usize, &Session)> {
        let heard = self.last_heard();
        self.all().filter(move |(_, session)| heard.since(session.heard()) <= STALE)
    }

    fn last_heard(&self) -> Time {
        self.all().map(|(_, session)| session.heard()).max().unwrap_or_default()
    }

    /// The one whose answers come first.
    fn quickest(&self) -> Option<&Session> {
        let sessions = self.fresh().map(|(_, session)| session);
        sessions.min_by_key(|session| (!session.is_live(), session.timing.answer()))
    }

    /// Whether what is missing is asked for by this path.
    fn is_asked(&self, path: usize) -> bool {
        if !self.has_two() {
            return true;
        }
        let (Some(session), Some(quickest)) = (self.session(path), self.quickest()) else { return false };
        let most = quickest.timing.answer().saturating_mul(2).saturating_add(ASK_SLACK);
        session.timing.answer() <= most || self.last_heard().since(quickest.heard()) >= DOUBTFUL
    }

    /// How long what this path has not brought is left to another that may bring it sooner than an answer could.
    fn wait_for_others(&self, path: usize) -> Duration {
        let (Some(lags), Some(quickest)) = (&self.lags, self.quickest()) else { return Duration::ZERO };
        let answer = quickest.timing.answer();
        let others = self.fresh().filter(|(other, session)| *other != path && session.is_live());
        let waits = others.filter_map(|(other, _)| lags.worth(other, answer));
        waits.max().unwrap_or_default()
    }

    /// Tells the path how it stands among the others, if there are any.
    fn place(&mut self, path: usize) {
        let Some(lags) = &self.lags else { return };
        let (others, behind) = (self.wait_for_others(path), lags.behind(path));
        if let Some(session) = self.session_mut(path) {
            session.timing.stand(others, behind);
        }
    }

    /// What is known of the path that is asked first.
    fn timing(&self) -> Timing {
        self.quickest().map_or_else(|| Timing::new(false), |session| session.timing)
    }

    /// From here on frames come out until they have these bytes; what is behind them stays, and is not said to be done with. Once
    /// a limit's worth of frames is here, what comes is as if it had not, so that the server stops and its reel keeps the rest.
    /// May give events.
    pub fn allow(&mut self, room: Option<usize>, now: Time) {
        let was_shut = std::mem::replace(&mut self.room, room) == Some(0);
        if was_shut && room != Some(0) && !self.is_over() {
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

    /// A datagram from the server's address on this path.
    pub fn handle_datagram(&mut self, path: usize, datagram: &[u8], now: Time) {
        if self.session(path).is_none() {
            return;
        }
        let understood = FromServer::parse(datagram).and_then(|said| match said {
            FromServer::Data(data) => self.handle_data(path, &data, now),
            FromServer::Beat(beat) => self.handle_beat(path, &beat, now),
            FromServer::End(end) => self.handle_end(path, &end, now),
        });
        if understood.is_err() {
            self.counters.malformed = self.counters.malformed.saturating_add(1);
        }
        if self.has_two() {
            let heard = self.fresh().filter(|(_, session)| session.is_live());
            let heard = heard.fold(0, |bits, (path, _)| bits | Presence::bit(path));
            self.assembler.hear_by(heard);
        }
        self.collect(now);
    }

    fn handle_data(&mut self, path: usize, data: &Data<'_>, now: Time) -> Result<(), ParseError> {
        let Some(session) = self.sessions.get_mut(path).and_then(Option::as_mut) else { return Ok(()) };
        let proves = session.on_data(data, now)?;
        if data.header.flags & SLATE != 0 {
            if !proves {
                return Err(ParseError::Field("tag"));
            }
            // a recorder is never sent one
            let picture = self.slate.insert(data)?.filter(|_| self.patience != Patience::Reel);
            if let Some(picture) = picture {
                self.events.retain(|event| !matches!(event, Event::Slate(_)));
                self.events.push_back(Event::Slate(picture));
            }
            return Ok(());
        }
        let number = data.header.number;
        if self.is_full() && number.is_after(self.assembler.newest_heard()) {
            return Ok(());
        }
        self.place(path);
        let Some(session) = self.sessions.get_mut(path).and_then(Option::as_mut) else { return Ok(()) };
        let arrival = self.assembler.insert(data, proves, &mut session.timing, now)?;
        if arrival == Insertion::Doubtful {
            self.counters.doubtful = self.counters.doubtful.saturating_add(1);
            return Ok(());
        }
        if proves && arrival != Insertion::Again {
            session.on_heard(now);
        }
        let is_first = session.count_arrival(proves) && self.patience != Patience::Reel;
        session.see(number);
        if let Some(lags) = &mut self.lags {
            lags.on_data(path, number, now);
            if u32::from(data.header.index).saturating_add(1) == data.header.count() {
                session.see_end(number);
            }
        }
        if is_first {
            self.assembler.skip_before(path, number);
        }
        self.count(path, &data.header, arrival);
        Ok(())
    }

    fn count(&mut self, path: usize, header: &Header, arrival: Insertion) {
        if self.shares.is_some() {
            let is_asked = arrival != Insertion::Fresh && self.is_asked(path);
            self.shares.iter_mut().for_each(|shares| shares.on_data(path, header, arrival, is_asked));
        }
        let count = match arrival {
            Insertion::Fresh | Insertion::Crossed => &mut self.counters.fragments,
            Insertion::Repaired => &mut self.counters.repaired,
            Insertion::Again => &mut self.counters.duplicates,
            Insertion::Doubtful => &mut self.counters.doubtful,
        };
        *count = count.saturating_add(1);
    }

    fn handle_beat(&mut self, path: usize, beat: &Beat, now: Time) -> Result<(), ParseError> {
        let Some(session) = self.session_mut(path) else { return Ok(()) };
        session.check(beat.epoch, beat.token)?;
        session.on_beat(beat, now);
        self.size = beat.size;
        if !self.is_full() {
            self.place(path);
            self.hear_of(path, beat.newest, now)?;
            self.see_end(path, beat.newest);
            self.assembler.skip(path, beat.newest, beat.skipped);
            if let Some(shares) = &mut self.shares {
                shares.on_skipped(path, beat.newest, beat.skipped);
            }
        }
        self.forget();
        Ok(())
    }

    fn see_end(&mut self, path: usize, number: FrameNumber) {
        if let Some(session) = self.session_mut(path) {
            session.see_end(number);
        }
    }

    fn hear_of(&mut self, path: usize, newest: FrameNumber, now: Time) -> Result<(), ParseError> {
        let Some(session) = self.sessions.get_mut(path).and_then(Option::as_mut) else { return Ok(()) };
        self.assembler.hear_of(newest, &session.timing, now)?;
        session.see(newest);
        if let Some(shares) = &mut self.shares {
            shares.reach(path, newest);
        }
        Ok(())
    }

    /// What the server has no longer does not come; but it may be under way on a path that has not said so yet.
    fn forget(&mut self) {
        let mut oldest: Option<FrameNumber> = None;
        for (_, session) in self.fresh().filter(|(_, session)| session.is_live()) {
            let Some(its) = session.oldest() else { return };
            oldest = Some(oldest.map_or(its, |oldest| if oldest.is_after(its) { its } else { oldest }));
        }
        oldest.into_iter().for_each(|oldest| self.assembler.forget_before(oldest));
    }

    fn handle_end(&mut self, path: usize, end: &ServerEnd, now: Time) -> Result<(), ParseError> {
        let Some(session) = self.session(path) else { return Ok(()) };
        session.check(end.epoch, end.token)?;
        let is_left = session.is_leaving();
        self.hear_of(path, end.newest, now)?;
        self.is_stopping |= !is_left && end.reason == EndReason::Stopping;
        self.finish(path, if is_left { Over::Left } else { Over::Ended(end.reason) });
        Ok(())
    }

    /// The server's host answered on this path that nobody listens on its port.
    pub fn handle_refused(&mut self, path: usize, now: Time) {
        let over = match self.session_mut(path).and_then(|session| session.on_refused(now)) {
            // its own END was lost here
            Some(Over::PortClosed) if self.is_stopping => Over::Ended(EndReason::Stopping),
            Some(over) => over,
            None => return,
        };
        self.finish(path, over);
    }

    /// The padded HELLO is too large for the way out of this machine, which takes packets of `path_mtu` bytes, 0 if
    /// that is not known.
    pub fn handle_too_large(&mut self, path: usize, path_mtu: u16, now: Time) {
        if let Some(session) = self.session_mut(path) {
            session.on_too_large(path_mtu, now);
        }
    }

    /// Says END to the server on each path; [`Event::Over`] follows for each.
    pub fn leave(&mut self, now: Time) {
        self.sessions.iter_mut().flatten().for_each(|session| session.leave(now));
    }

    /// The stream will be left: what is whole comes out, and what has been missed for long before it is given up. May give events.
    pub fn settle(&mut self, now: Time) {
        self.assembler.settle(now);
        self.collect(now);
    }

    /// Another stream takes its place at once, without a word to the server; [`Event::Over`] follows for each path.
    pub fn replace(&mut self) {
        (0..PATHS).for_each(|path| self.finish(path, Over::Replaced));
    }

    /// A deadline of [`next_timeout`](Self::next_timeout) has come.
    pub fn handle_timeout(&mut self, now: Time) {
        for path in 0..PATHS {
            let Some(session) = self.session(path) else { continue };
            let over = if now >= self.stop_due(session) {
                Some(Over::Ended(EndReason::Stopping))
            } else {
                session.on_timeout(now)
            };
            over.into_iter().for_each(|over| self.finish(path, over));
        }
        if !self.is_over() {
            self.collect(now);
        }
    }

    /// When a session ends because another has heard that camcast stops.
    fn stop_due(&self, session: &Session) -> Time {
        let is_waiting = self.is_stopping && !session.is_leaving();
        if is_waiting { session.heard().after(STOPPING) } else { Time::NEVER }
    }

    /// When to call [`handle_timeout`](Self::handle_timeout) and then to drain. Changes with every input, and when drained.
    #[must_use]
    pub fn next_timeout(&self) -> Time {
        // frames that nobody takes are not given up either
        let frames = match self.room {
            Some(0) => self.assembler.quiet_due(),
            _ => self.assembler.next_timeout(),
        };
        let is_live = self.all().any(|(_, session)| session.is_live());
        let frames = if is_live { frames } else { Time::NEVER };
        self.all().fold(frames, |due, (path, session)| {
            due.min(session.next_timeout(&self.standing(path))).min(self.stop_due(session))
        })
    }

    fn standing(&self, path: usize) -> Standing {
        let (urgent, has_others) = (self.patience != Patience::Reel, self.has_two());
        Standing {
            through: self.assembler.next_frame().previous(),
            ask_due: if self.is_asked(path) { self.assembler.ask_due() } else { Time::NEVER },
            urgent,
            has_others,
            again: if urgent && has_others { AGAIN_OF_TWO } else { 1 },
        }
    }

    /// The next datagram for the server on this path, written into `room`, which has to hold the largest: see
    /// [`datagram_len`](Self::datagram_len). Changes with every input and with time; to be drained after each, for each path.
    #[must_use]
    pub fn poll_datagram<'a>(&mut self, path: usize, room: &'a mut [u8], now: Time) -> Option<&'a [u8]> {
        let standing = self.standing(path);
        let session = self.session(path)?;
        if session.is_live() && now >= session.report_due(&standing) && now >= standing.ask_due {
            self.ask(now);
        }
        self.session_mut(path)?.poll_datagram(&standing, room, now)
    }

    /// What is due to be asked for goes to each path that is asked.
    fn ask(&mut self, now: Time) {
        let asked = self.assembler.requests(&self.timing(), now);
        for path in 0..PATHS {
            let is_asked = self.is_asked(path);
            if let Some(session) = self.session_mut(path).filter(|session| is_asked && session.is_live()) {
                session.ask(&asked);
            }
        }
    }

    /// Bytes of the longest datagram that [`poll_datagram`](Self::poll_datagram) writes.
    pub fn datagram_len(&self) -> usize {
        self.all().map(|(_, session)| session.datagram_len()).max().unwrap_or(0)
    }

    /// The next thing that happened. Changes with every input; to be drained after each.
    #[must_use]
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Takes what is ready out of the assembler.
    fn collect(&mut self, now: Time) {
        if now >= self.assembler.quiet_due() {
            self.assembler.check_quiet(&self.timing(), now);
        }
        while self.room != Some(0) {
            let Some(next) = self.assembler.poll(now) else { break };
            if let (Next::Frame(frame), Some(room)) = (&next, &mut self.room) {
                *room = room.saturating_sub(frame.bytes.len());
            }
            // what is settled is not sent by another path, if that is told at once
            let has_lacked = self.has_two() || !matches!(&next, Next::Frame(frame) if frame.repaired == 0);
            self.sessions.iter_mut().flatten().for_each(|session| session.on_frame(has_lacked, now));
            let event = match next {
                Next::Frame(frame) => {
                    self.sessions.iter_mut().flatten().for_each(|session| session.timing.on_frame());
                    Event::Frame(frame)
                }
                Next::Missing(run) => Event::Missing(run),
                Next::Skipped(run) => Event::Skipped(run),
            };
            self.push(event);
        }
    }

    /// What follows on the latest event is one with it.
    fn push(&mut self, event: Event) {
        let follows = |before: &Run, run: &Run| before.first.plus(before.count) == run.first;
        match (self.events.back_mut(), &event) {
            (Some(Event::Missing(before)), Event::Missing(run))
            | (Some(Event::Skipped(before)), Event::Skipped(run))
                if follows(before, run) =>
            {
                before.count = before.count.saturating_add(run.count);
            }
            _ => self.events.push_back(event),
        }
    }

    /// So many events wait that they are better taken before more is handed in.
    pub fn is_laden(&self) -> bool {
        self.events.len() >= LADEN
    }

    /// The session on this path is over. The stream goes on while there is another.
    fn finish(&mut self, path: usize, over: Over) {
        let Some(session) = self.sessions.get_mut(path).and_then(Option::take) else { return };
        if let Some(shares) = &mut self.shares {
            shares.leave(path);
        }
        self.regroup();
        if let Some(last) = self.round_trips.get_mut(path) {
            *last = session.timing.round_trip().or(*last);
        }
        if self.is_over() {
            // This stream will not go on: what is whole comes out, the rest is named. After a silence it will, with the first
            // frame that is not whole.
            self.room = None;
            let is_end = matches!(over, Over::Ended(EndReason::Stopping) | Over::Replaced);
            self.collect(if is_end { Time::NEVER } else { session.heard() });
        }
        self.assembler.leave(path);
        self.forget();
        self.events.push_back(Event::Over(path, over));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fec::{Encoder, Shape};
    use crate::receiver::reports::{GAP, SAY_AGAIN};
    use crate::receiver::{Run, SILENCE};
    use crate::reel::Reel;
    use crate::time::Stamp;
    use crate::wire::client::FromClient;
    use crate::wire::data::{parity_rows, with_tag};
    use crate::wire::{Kind, Token};

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
        (Receiver::new(0, &accepted(), patience, NOW), reel)
    }

    fn accepted() -> Accepted {
        Accepted {
            token: TOKEN,
            stream: STREAM,
            next: FrameNumber(1),
            datagram: 1452,
            size: None,
            fps: None,
            span_ms: 0,
            clock: None,
            parity: false,
        }
    }

    fn feed(receiver: &mut Receiver, reel: &Reel, number: u32, fragments: std::ops::Range<u16>) {
        let frame = reel.frame(FrameNumber(number)).unwrap();
        frame
            .datagrams(fragments)
            .chunks(1452)
            .for_each(|datagram| receiver.handle_datagram(0, &tagged(datagram), NOW));
    }

    /// It has the tag of the session on the first path.
    fn tagged(datagram: &[u8]) -> Vec<u8> {
        tagged_for(0, datagram)
    }

    fn tagged_for(path: usize, datagram: &[u8]) -> Vec<u8> {
        with_tag(datagram, &Token(9 + path as u64).tag().to_bytes()).concat()
    }

    fn drain(receiver: &mut Receiver) -> Vec<String> {
        let text = |event| match event {
            Event::Frame(frame) => format!("frame {}", frame.number),
            Event::Slate(picture) => format!("slate of {} bytes", picture.bytes.len()),
            Event::Missing(Run { first, count: 1 }) | Event::Skipped(Run { first, count: 1 }) => {
                format!("missing {first}")
            }
            Event::Missing(Run { first, count }) | Event::Skipped(Run { first, count }) => {
                format!("missing {first} to {}", first.plus(count - 1))
            }
            Event::Over(_, over) => format!("{over:?}"),
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
        assert_eq!((receiver.session(0).unwrap().arrived(), receiver.next_frame()), (2, FrameNumber(2)));
    }

    /// What the CONTINUEs at `now` ask for: frame and first fragment.
    fn asked(receiver: &mut Receiver, now: Time) -> Vec<(u32, u16)> {
        let mut asked = Vec::new();
        let mut room = [0; 1452];
        while let Some(datagram) = receiver.poll_datagram(0, &mut room, now) {
            let Ok(FromClient::Continue(cont)) = FromClient::parse(datagram) else { panic!("no CONTINUE") };
            asked.extend(cont.missing.iter().map(|missing| (missing.number.0, missing.first)));
        }
        asked
    }

    #[test]
    fn a_viewer_says_each_request_twice_whatever_it_asks_for_between() {
        let latency = Duration::from_millis(120);
        let (mut receiver, reel) = bench_with(Patience::Latency(latency));
        receiver.session_mut(0).unwrap().timing.on_round_trip(Duration::from_millis(10));
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
    fn what_there_is_no_time_to_ask_for_again_is_said_four_times() {
        let (mut receiver, reel) = bench_with(Patience::Latency(Duration::from_millis(120)));
        let session = receiver.session_mut(0).unwrap();
        (0..50).for_each(|_| session.timing.on_round_trip(Duration::from_millis(100)));
        feed(&mut receiver, &reel, 1, 1..2);
        asked(&mut receiver, NOW);
        let ms = |ms| NOW.after(Duration::from_millis(ms));
        assert_eq!(asked(&mut receiver, ms(2)), [(1, 0)]);
        for at in [7, 12, 17] {
            assert_eq!(receiver.session(0).unwrap().again_due(), ms(at));
            assert_eq!(asked(&mut receiver, ms(at)), [(1, 0)]);
        }
        assert_eq!(receiver.session(0).unwrap().again_due(), Time::NEVER);
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
        receiver.handle_datagram(0, &end.to_bytes(), NOW);
        let rest = ["missing 2", "frame 3", "missing 4 to 5", "Ended(Stopping)"];
        assert_eq!(drain(&mut receiver), rest);
    }

    #[test]
    fn a_path_that_was_closed_for_a_moment_is_tried_in_full_again() {
        let (mut receiver, _) = bench();
        let mut room = [0; 1452];
        let mut lengths = |receiver: &mut Receiver, now: Time| {
            receiver.handle_timeout(now);
            let hellos = std::iter::from_fn(|| receiver.poll_datagram(0, &mut room, now).map(<[u8]>::to_vec));
            hellos.filter(|bytes| bytes[0] == Kind::Hello.byte()).map(|bytes| bytes.len()).collect::<Vec<_>>()
        };
        let mut sent = |receiver: &mut Receiver, ms: u64| {
            let now = NOW.after(Duration::from_millis(ms));
            let sent = lengths(receiver, now);
            // somebody is there
            if ms >= 600 {
                hear(receiver, 0, &beat(0, 1), now);
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
        receiver.handle_too_large(0, 1400, NOW);
        feed(&mut receiver, &reel, 1, 0..1);
        assert_eq!(receiver.session(0).unwrap().probe_due(), Time::NEVER);
    }

    #[test]
    fn what_has_come_before_is_no_sign_of_life() {
        let (mut receiver, reel) = bench();
        (1..=3).for_each(|number| feed(&mut receiver, &reel, number, 0..2));
        assert_eq!(drain(&mut receiver), ["frame 1", "frame 2", "frame 3"]);
        let at = |ms| NOW.after(Duration::from_millis(ms));
        // somebody says it all again, until long after the server has gone
        for ms in (100..3_000).step_by(100) {
            for number in 1..=3 {
                let datagrams = reel.frame(FrameNumber(number)).unwrap().datagrams(0..2);
                for datagram in datagrams.chunks(1452) {
                    receiver.handle_datagram(0, &tagged(datagram), at(ms));
                }
            }
            receiver.handle_timeout(at(ms));
            assert!(!receiver.is_over());
        }
        receiver.handle_timeout(NOW.after(SILENCE));
        assert_eq!(drain(&mut receiver), ["Silence"]);
        // what is sent again because it was asked for is one
        let (mut receiver, reel) = bench();
        feed(&mut receiver, &reel, 1, 0..1);
        feed(&mut receiver, &reel, 2, 0..2);
        let rest = reel.frame(FrameNumber(1)).unwrap().datagrams(1..2);
        receiver.handle_datagram(0, &tagged(rest), at(2_000));
        receiver.handle_timeout(NOW.after(SILENCE));
        assert!(!receiver.is_over());
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
        receiver.session_mut(0).unwrap().set_heard(later);
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
        receiver.handle_datagram(0, &beat.to_bytes(), NOW);
        assert_eq!(receiver.assembler.newest_heard(), kept);
        // and asks for all of it once there is room
        receiver.allow(Some(1 << 30), NOW);
        assert_eq!(drain(&mut receiver).len() as u32, kept.0);
        receiver.handle_datagram(0, &beat.to_bytes(), NOW);
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
        receiver.handle_datagram(0, &beat.to_bytes(), NOW);
        assert_eq!((receiver.size(), receiver.no_camera()), (size, true));
        (beat.size, beat.no_camera, beat.token) = (None, false, Token(8));
        receiver.handle_datagram(0, &beat.to_bytes(), NOW);
        assert_eq!((receiver.size(), receiver.no_camera()), (size, true), "it was another session's");
    }

    #[test]
    fn a_leap_of_the_servers_own_is_one_event() {
        let (mut receiver, reel) = bench();
        feed(&mut receiver, &reel, 1, 0..2);
        hear(&mut receiver, 0, &beat(60_000, 60_000), NOW);
        let but_the_newest = "missing 2 to 59999";
        assert_eq!(drain(&mut receiver), ["frame 1", but_the_newest]);
    }

    #[test]
    fn nobody_else_ends_the_session() {
        let (mut receiver, _) = bench();
        let reason = EndReason::Stopping;
        let end = ServerEnd { epoch: STREAM.epoch(), token: Token(8), reason, newest: FrameNumber(5) };
        receiver.handle_datagram(0, &end.to_bytes(), NOW);
        assert_eq!(drain(&mut receiver), [] as [&str; 0]);
        assert_eq!(receiver.counters().malformed, 1);
    }

    const MS: Duration = Duration::from_millis(1);

    /// The same stream by a second path, whose token is another; both have answered.
    fn bench_of_two(patience: Patience, round_trips: [u32; 2]) -> (Receiver, Reel) {
        let (mut receiver, reel) = bench_with(patience);
        receiver.join(1, &Accepted { token: Token(10), ..accepted() }, NOW);
        for (path, round_trip) in round_trips.into_iter().enumerate() {
            hear(&mut receiver, path, &beat(0, 1), NOW);
            let session = receiver.session_mut(path).unwrap();
            session.timing = Timing::new(patience != Patience::Reel);
            (0..50).for_each(|_| session.timing.on_round_trip(round_trip * MS));
        }
        (receiver, reel)
    }

    fn beat(newest: u32, oldest: u32) -> Beat {
        let [newest, oldest] = [newest, oldest].map(FrameNumber);
        let (epoch, token) = (STREAM.epoch(), TOKEN);
        Beat { epoch, token, newest, oldest, echo: 0, held_us: 0, skipped: 0, no_camera: false, size: None }
    }

    /// A BEAT of this path's session.
    fn hear(receiver: &mut Receiver, path: usize, beat: &Beat, now: Time) {
        let beat = Beat { token: Token(9 + path as u64), ..*beat };
        receiver.handle_datagram(path, &beat.to_bytes(), now);
    }

    fn feed_by(receiver: &mut Receiver, path: usize, reel: &Reel, number: u32, fragment: u16, now: Time) {
        let frame = reel.frame(FrameNumber(number)).unwrap();
        receiver.handle_datagram(path, &tagged_for(path, frame.datagrams(fragment..fragment + 1)), now);
    }

    /// What is asked for on each path.
    fn asked_by_each(receiver: &mut Receiver, now: Time) -> [Vec<(u32, u16)>; 2] {
        let mut asked = [Vec::new(), Vec::new()];
        for (path, asked) in asked.iter_mut().enumerate() {
            let mut room = [0; 1452];
            while let Some(datagram) = receiver.poll_datagram(path, &mut room, now) {
                if let Ok(FromClient::Continue(cont)) = FromClient::parse(datagram) {
                    assert_eq!(cont.token, Token(9 + path as u64));
                    asked.extend(cont.missing.iter().map(|missing| (missing.number.0, missing.first)));
                }
            }
        }
        asked
    }

    #[test]
    fn fragments_of_two_paths_are_one_frame_and_each_comes_out_once() {
        let (mut receiver, reel) = bench_of_two(Patience::Reel, [40, 40]);
        feed_by(&mut receiver, 0, &reel, 1, 0, NOW);
        feed_by(&mut receiver, 1, &reel, 1, 1, NOW);
        assert_eq!(drain(&mut receiver), ["frame 1"]);
        (0..2).for_each(|fragment| feed_by(&mut receiver, 1, &reel, 1, fragment, NOW));
        assert_eq!((drain(&mut receiver), receiver.counters().duplicates), (vec![], 2));
        // and the other's token is none on this path
        let before = receiver.counters().malformed;
        receiver.handle_datagram(0, &Beat { token: Token(10), ..beat(1, 1) }.to_bytes(), NOW);
        assert_eq!(receiver.counters().malformed, before + 1);
    }

    #[test]
    fn what_another_path_brings_sooner_is_not_asked_for_and_both_are_asked_for_the_rest() {
        let (mut receiver, reel) = bench_of_two(Patience::Reel, [40, 60]);
        // the second path is 10 ms behind
        for number in 1..=4 {
            let now = NOW.after(33 * MS * number);
            (0..2).for_each(|fragment| feed_by(&mut receiver, 0, &reel, number, fragment, now));
            (0..2)
                .for_each(|fragment| feed_by(&mut receiver, 1, &reel, number, fragment, now.after(10 * MS)));
        }
        drain(&mut receiver);
        let now = NOW.after(200 * MS);
        feed_by(&mut receiver, 0, &reel, 5, 1, now);
        asked_by_each(&mut receiver, now);
        assert_eq!(asked_by_each(&mut receiver, now.after(9 * MS)), [vec![], vec![]], "it may still come");
        let due = receiver.assembler.ask_due();
        assert!(due > now.after(10 * MS) && due < now.after(30 * MS), "{:?}", due.since(now));
        let both = vec![(5, 0)];
        assert_eq!(asked_by_each(&mut receiver, due), [both.clone(), both]);
    }

    #[test]
    fn a_path_whose_answers_come_much_later_is_asked_only_when_the_quicker_one_may_be_dead() {
        let (mut receiver, reel) = bench_of_two(Patience::Reel, [10, 300]);
        let now = NOW.after(100 * MS);
        feed_by(&mut receiver, 0, &reel, 1, 1, now);
        feed_by(&mut receiver, 1, &reel, 1, 1, now);
        asked_by_each(&mut receiver, now);
        let due = receiver.assembler.ask_due();
        assert_eq!(asked_by_each(&mut receiver, due), [vec![(1, 0)], vec![]]);
        // from here on it is silent
        let later = now.after(DOUBTFUL);
        feed_by(&mut receiver, 1, &reel, 2, 1, later);
        assert_eq!(asked_by_each(&mut receiver, later)[1], [(1, 0)], "it is asked for again in any case");
        let much_later = now.after(STALE + 100 * MS);
        feed_by(&mut receiver, 1, &reel, 3, 1, much_later);
        assert_eq!(receiver.round_trip(), receiver.round_trip_of(1));
    }

    #[test]
    fn a_path_that_is_lost_is_one_that_is_not_waited_for() {
        let (mut receiver, reel) = bench_of_two(Patience::Reel, [40, 40]);
        feed_by(&mut receiver, 0, &reel, 1, 0, NOW);
        let now = NOW.after(SILENCE);
        (0..2).for_each(|fragment| feed_by(&mut receiver, 1, &reel, 1, fragment, now));
        receiver.handle_timeout(now);
        assert_eq!(drain(&mut receiver), ["frame 1", "Silence"]);
        assert!(!receiver.is_live(0) && receiver.is_live(1) && !receiver.is_over());
        hear(&mut receiver, 1, &Beat { skipped: 0b1, ..beat(3, 1) }, now);
        (0..2).for_each(|fragment| feed_by(&mut receiver, 1, &reel, 3, fragment, now));
        assert_eq!(drain(&mut receiver), ["missing 2", "frame 3"], "what the other leaves out is left out");
    }

    #[test]
    fn what_is_left_out_does_not_wait_for_a_path_that_is_silent_or_has_not_answered() {
        let left_out = Beat { skipped: 0b1, ..beat(3, 1) };
        let frames = |receiver: &mut Receiver, reel: &Reel, now: Time| {
            (0..2).for_each(|fragment| feed_by(receiver, 0, reel, 1, fragment, now));
            (0..2).for_each(|fragment| feed_by(receiver, 0, reel, 3, fragment, now));
            hear(receiver, 0, &left_out, now);
        };
        let all = ["frame 1", "missing 2", "frame 3"];
        // while it is heard it may bring it
        let (mut receiver, reel) = bench_of_two(Patience::Reel, [40, 40]);
        frames(&mut receiver, &reel, NOW.after(STALE));
        assert_eq!(drain(&mut receiver), ["frame 1"]);
        hear(&mut receiver, 0, &left_out, NOW.after(STALE + MS));
        assert_eq!(drain(&mut receiver), all[1..], "now it is silent");
        let (mut receiver, reel) = bench();
        receiver.join(1, &Accepted { token: Token(10), ..accepted() }, NOW);
        frames(&mut receiver, &reel, NOW);
        assert_eq!(drain(&mut receiver), all, "it has not answered");
        // until it does
        let (mut receiver, reel) = bench();
        receiver.join(1, &Accepted { token: Token(10), ..accepted() }, NOW);
        hear(&mut receiver, 1, &beat(0, 1), NOW);
        frames(&mut receiver, &reel, NOW);
        assert_eq!(drain(&mut receiver), all[..1]);
    }

    #[test]
    fn a_path_whose_session_was_the_last_one_is_not_waited_for_by_the_next() {
        let (mut receiver, reel) = bench();
        feed(&mut receiver, &reel, 1, 0..1);
        receiver.handle_timeout(NOW.after(SILENCE));
        assert_eq!(drain(&mut receiver), ["Silence"]);
        let now = NOW.after(SILENCE + MS);
        receiver.join(1, &Accepted { token: Token(10), ..accepted() }, now);
        (1..=3).filter(|number| *number != 2).for_each(|number| {
            (0..2).for_each(|fragment| feed_by(&mut receiver, 1, &reel, number, fragment, now));
        });
        hear(&mut receiver, 1, &Beat { skipped: 0b1, ..beat(3, 1) }, now);
        assert_eq!(drain(&mut receiver), ["frame 1", "missing 2", "frame 3"]);
    }

    #[test]
    fn a_number_that_makes_no_sense_leaves_what_is_known_of_a_path_as_it_is() {
        let (mut receiver, reel) = bench_of_two(Patience::Reel, [40, 40]);
        let mut far = reel.frame(FrameNumber(1)).unwrap().datagrams(0..1).to_vec();
        far[4..8].copy_from_slice(&0x0100_0000_u32.to_be_bytes());
        receiver.handle_datagram(1, &tagged_for(1, &far), NOW);
        assert_eq!(receiver.counters().doubtful, 1);
        for number in 1..=4 {
            let now = NOW.after(33 * MS * number);
            feed_by(&mut receiver, 0, &reel, number, 0, now);
            feed_by(&mut receiver, 1, &reel, number, 0, now.after(10 * MS));
        }
        let behind = receiver.lags.unwrap().behind(1);
        assert!(behind >= 10 * MS, "{behind:?}");
    }

    #[test]
    fn a_frame_is_gone_when_no_path_can_bring_it_any_more() {
        let (mut receiver, reel) = bench_of_two(Patience::Reel, [40, 40]);
        (0..2).for_each(|fragment| feed_by(&mut receiver, 0, &reel, 2, fragment, NOW));
        hear(&mut receiver, 0, &beat(2, 2), NOW);
        assert_eq!(drain(&mut receiver), [] as [&str; 0], "it may be under way on the other");
        hear(&mut receiver, 1, &beat(2, 2), NOW);
        assert_eq!(drain(&mut receiver), ["missing 1", "frame 2"]);
    }

    #[test]
    fn a_frame_that_may_still_come_by_a_path_is_not_said_to_be_done_with_there() {
        let (mut receiver, reel) = bench_of_two(Patience::Reel, [40, 40]);
        let through = |receiver: &mut Receiver, now| {
            let mut room = [0; 1452];
            [0, 1].map(|path| {
                let said =
                    std::iter::from_fn(|| receiver.poll_datagram(path, &mut room, now).map(<[u8]>::to_vec));
                let said = said.filter_map(|bytes| match FromClient::parse(&bytes) {
                    Ok(FromClient::Continue(cont)) => Some(cont.through.0),
                    _ => None,
                });
                said.last()
            })
        };
        (0..2).for_each(|fragment| feed_by(&mut receiver, 0, &reel, 1, fragment, NOW));
        feed_by(&mut receiver, 1, &reel, 1, 0, NOW);
        assert_eq!(through(&mut receiver, NOW.after(GAP)), [Some(1), Some(0)]);
        feed_by(&mut receiver, 1, &reel, 1, 1, NOW.after(GAP));
        (0..2).for_each(|fragment| feed_by(&mut receiver, 0, &reel, 2, fragment, NOW.after(33 * MS)));
        assert_eq!(through(&mut receiver, NOW.after(34 * MS)), [Some(2); 2], "so that it is not sent");
        feed_by(&mut receiver, 1, &reel, 2, 0, NOW.after(60 * MS));
        hear(&mut receiver, 1, &beat(2, 1), NOW.after(120 * MS));
        assert_eq!(through(&mut receiver, NOW.after(121 * MS))[1], Some(2), "all of it was sent");
    }

    #[test]
    fn parity_rows_come_by_each_path_that_has_agreed_on_them() {
        let (mut receiver, _) = bench_with(Patience::Latency(Duration::from_millis(120)));
        let mut reel = Reel::new(1 << 20, 1452, STREAM);
        reel.push(&[7; 6_000], Size { width: 8, height: 8 }, Stamp::default(), 0).unwrap();
        let frame = reel.frame(FrameNumber(1)).unwrap();
        let (count, size) = (frame.fragments(), frame.fragment_len());
        let shape = Shape { count, rows: parity_rows(count.into(), size), size };
        let mut rows = Vec::new();
        let take = |row: &[u8]| rows.push([&frame.parity_header(rows.len() as u16)[..], row].concat());
        Encoder::new().unwrap().encode(shape, frame.pieces(), take).unwrap();
        receiver.join(1, &Accepted { token: Token(10), parity: true, ..accepted() }, NOW);
        for fragment in [0, 3] {
            feed_by(&mut receiver, 0, &reel, 1, fragment, NOW);
        }
        receiver.handle_datagram(0, &tagged(&rows[0]), NOW);
        assert_eq!(receiver.counters().malformed, 1, "not agreed on here");
        for row in [&rows[0], &rows[4], &rows[4]] {
            receiver.handle_datagram(1, &tagged_for(1, row), NOW);
        }
        assert_eq!(drain(&mut receiver), [] as [&str; 0]);
        // a path that has agreed makes up for what another lacks
        feed_by(&mut receiver, 0, &reel, 1, 4, NOW);
        assert_eq!(drain(&mut receiver), ["frame 1"]);
        assert_eq!((receiver.counters().repaired, receiver.counters().duplicates), (2, 1));
        let first = [0, 1].map(|path| receiver.share(path).first);
        assert_eq!(first, [3, 2]);
    }

    #[test]
    fn the_camera_is_away_when_each_path_says_so() {
        let (mut receiver, _) = bench_of_two(Patience::Reel, [40, 40]);
        let away = Beat { no_camera: true, ..beat(0, 1) };
        hear(&mut receiver, 0, &away, NOW);
        assert!(!receiver.no_camera());
        hear(&mut receiver, 1, &away, NOW);
        assert!(receiver.no_camera());
        hear(&mut receiver, 0, &beat(0, 1), NOW);
        assert!(!receiver.no_camera(), "the slower one says so later");
    }

    #[test]
    fn a_stop_that_one_path_hears_of_is_soon_one_on_the_other() {
        let (mut receiver, reel) = bench_of_two(Patience::Reel, [40, 40]);
        feed_by(&mut receiver, 1, &reel, 1, 0, NOW);
        let reason = EndReason::Stopping;
        let end = ServerEnd { epoch: STREAM.epoch(), token: TOKEN, reason, newest: FrameNumber(1) };
        receiver.handle_datagram(0, &end.to_bytes(), NOW);
        assert_eq!(drain(&mut receiver), ["Ended(Stopping)"]);
        feed_by(&mut receiver, 1, &reel, 1, 1, NOW.after(MS));
        assert_eq!(drain(&mut receiver), ["frame 1"], "what is under way comes");
        let due = receiver.stop_due(receiver.session(1).unwrap());
        assert_eq!(due, NOW.after(MS + STOPPING));
        receiver.handle_timeout(due);
        assert_eq!((drain(&mut receiver), receiver.is_over()), (vec!["Ended(Stopping)".to_owned()], true));
        assert!(receiver.round_trip_of(1).is_some(), "which the account tells");
    }

    #[test]
    fn a_port_that_is_closed_after_a_stop_was_closed_by_it() {
        let (mut receiver, _) = bench_of_two(Patience::Reel, [40, 40]);
        let reason = EndReason::Stopping;
        let end = ServerEnd { epoch: STREAM.epoch(), token: TOKEN, reason, newest: FrameNumber(0) };
        receiver.handle_datagram(0, &end.to_bytes(), NOW);
        (0..9).for_each(|_| receiver.handle_refused(1, NOW));
        assert!(!receiver.is_over(), "it was heard just now");
        (0..2).for_each(|_| receiver.handle_refused(1, NOW.after(Duration::from_secs(1))));
        assert_eq!(drain(&mut receiver), ["Ended(Stopping)", "Ended(Stopping)"]);
    }

    #[test]
    fn a_stream_that_another_replaces_ends_on_all_paths_at_once() {
        let (mut receiver, reel) = bench_of_two(Patience::Reel, [40, 40]);
        feed_by(&mut receiver, 0, &reel, 1, 0, NOW);
        (0..2).for_each(|fragment| feed_by(&mut receiver, 0, &reel, 2, fragment, NOW));
        receiver.replace();
        assert_eq!(drain(&mut receiver), ["Replaced", "missing 1", "frame 2", "Replaced"]);
    }
}
