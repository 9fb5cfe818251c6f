//! What goes by one track: which picture is next, and how far the one that is on its way has come.

use crate::app::cast::stream::Stream;
use crate::app::local_time;
use crate::jpeg::Size;
use crate::reel::Frame;
use crate::reel::cursor::Cursor;
use crate::rtp::picture::{NotCarried, Picture};
use crate::rtp::rtcp::{self, Heard, Lacks, Said};
use crate::rtp::track::Track;
use crate::rtp::train::{Head, Train};
use crate::sender::{Tally, View};
use crate::sys::random_u64;
use crate::time::Time;
use crate::wire::FrameNumber;
use crate::wire::join::Policy;
use arrayvec::ArrayVec;
use std::ops::Range;
use std::time::Duration;

/// A picture that stands in for frames is sent again after this long.
const AGAIN: Duration = Duration::from_secs(1);

/// How often a report goes out (RFC 3550, 6.2).
const REPORT: Duration = Duration::from_secs(5);

/// What we are called in reports.
const NAME: &str = "camcast";

/// Packets that go with one call.
pub const BURST: u32 = 16;

/// The heads of a burst.
pub type Heads = ArrayVec<Head, { BURST as usize }>;

/// A track, and where it is in the stream.
#[derive(Debug)]
pub struct Player {
    track: Track,
    cursor: Cursor,
    /// What is on its way.
    flight: Option<Flight>,
    /// The picture that stands in for frames, and when it is sent next.
    slate: Option<(FrameNumber, Time)>,
    /// The frames' size when it was set up, which its receiver has been told beside the packets.
    told: Option<Size>,
    /// The newest time that packets have had: their times do not go back.
    at: Time,
    /// When a report is due.
    report: Time,
    /// Why the latest frames were left out, and since when they are.
    pub not_carried: Option<(NotCarried, Time)>,
    /// What has gone.
    pub tally: Tally,
}

/// A picture on its way.
#[derive(Clone, Copy, Debug)]
pub struct Flight {
    /// Its packets.
    pub train: Train,
    is_slate: bool,
    /// Those before it have gone.
    pub next: u32,
}

impl Flight {
    /// The picture, unless it has left the reel.
    pub fn frame<'s>(&self, stream: &'s Stream) -> Option<Frame<'s>> {
        let number = self.train.number;
        if self.is_slate { stream.slates.frame(number) } else { stream.for_rtp().frame(number) }
    }

    /// The next packets, at most so many.
    pub fn burst(&self, most: u32) -> Range<u32> {
        let end = self.next.saturating_add(most.min(BURST)).min(self.train.count());
        self.next..end
    }
}

impl Player {
    /// One that begins with the newest frame. `told`: the size that it knows from the description.
    ///
    /// # Errors
    /// The system has no random numbers.
    pub fn new(
        stream: &Stream,
        told: Option<Size>,
        (is_away, slate): (bool, Option<FrameNumber>),
        now: Time,
    ) -> std::io::Result<Self> {
        Ok(Player {
            track: Track::new((random_u64()?, random_u64()?)),
            cursor: Cursor::begin(Policy::Newest, stream.for_rtp(), is_away, now),
            flight: None,
            slate: slate.map(|number| (number, now)),
            told,
            at: Time::default(),
            report: now,
            not_carried: None,
            tally: Tally::default(),
        })
    }

    /// Goes on with the newest frame, after a pause.
    pub fn resume(&mut self, stream: &Stream, is_away: bool, now: Time) {
        self.cursor = Cursor::begin(Policy::Newest, stream.for_rtp(), is_away, now);
        (self.flight, self.report) = (None, now);
    }

    /// The packets' source.
    pub fn ssrc(&self) -> u32 {
        self.track.ssrc()
    }

    /// The next packet's number.
    pub fn sequence(&self) -> u16 {
        self.flight.map_or(self.track.next(), |flight| flight.train.sequence(flight.next))
    }

    /// This picture stands in for frames, or none does.
    pub fn set_slate(&mut self, slate: Option<FrameNumber>, now: Time) {
        self.slate = slate.map(|number| (number, now));
    }

    /// When the picture is due that stands in for frames.
    pub fn next_slate(&self) -> Time {
        self.slate.map_or(Time::NEVER, |(_, at)| at)
    }

    /// When a report is due.
    pub fn next_report(&self) -> Time {
        self.report
    }

    /// It does not have the newest frame yet.
    pub fn is_behind(&self, stream: &Stream) -> bool {
        self.flight.is_some() || self.cursor.peek(stream.for_rtp()).is_some()
    }

    /// Nothing is on its way, and there is a picture that would be.
    pub fn is_about_to_begin(&self, stream: &Stream, now: Time) -> bool {
        self.flight.is_none() && (now >= self.next_slate() || self.is_behind(stream))
    }

    /// What is on its way; if nothing is, the next picture in packets of so many bytes, if there is one.
    pub fn flight(&mut self, stream: &Stream, size: u16, now: Time) -> Option<Flight> {
        while self.flight.is_none() {
            let (number, is_slate) = self.next(stream, now)?;
            let frame = if is_slate { stream.slates.frame(number) } else { stream.for_rtp().frame(number) }?;
            self.at = self.at.max(if is_slate { now } else { frame.stamp().captured });
            let is_untold = Picture::is_beyond(frame.size()) && self.told != Some(frame.size());
            let train = match is_untold {
                true => Err(NotCarried::Beyond(frame.size())),
                false => self.track.begin(&frame, self.at, size),
            };
            match train {
                Ok(train) => {
                    self.not_carried = None;
                    if is_slate {
                        // it comes again anyway, and its number could be a frame's
                        self.track.forget_newest();
                    }
                    self.flight = Some(Flight { train, is_slate, next: 0 });
                }
                Err(why) => {
                    let since = self.not_carried.map_or(now, |(_, since)| since);
                    self.not_carried = Some((why, since));
                    self.tally.skipped += u64::from(!is_slate);
                }
            }
        }
        self.flight
    }

    fn next(&mut self, stream: &Stream, now: Time) -> Option<(FrameNumber, bool)> {
        if let Some((number, _)) = self.slate.filter(|(_, at)| now >= *at) {
            self.slate = Some((number, now.after(AGAIN)));
            return Some((number, true));
        }
        let (number, skipped) = self.cursor.take(stream.for_rtp())?;
        self.tally.skipped += u64::from(skipped);
        Some((number, false))
    }

    /// So many packets of what is on its way are on it, or lost.
    pub fn on_sent(&mut self, packets: Range<u32>, stream: &Stream) {
        let Some(flight) = &mut self.flight else { return };
        let bytes: u32 = packets.clone().map(|index| flight.train.length(index)).sum();
        let count = packets.len() as u32;
        self.track.on_sent(count, bytes.saturating_sub(count * crate::rtp::train::RTP as u32));
        self.tally.datagrams += u64::from(count);
        flight.next = packets.end;
        if packets.end < flight.train.count() {
            return;
        }
        if !flight.is_slate {
            self.tally.frames += 1;
            let frame = stream.for_rtp().frame(flight.train.number);
            self.tally.bytes += frame.map_or(0, |frame| u64::from(frame.length()));
        }
        self.flight = None;
    }

    /// The rest of what is on its way has left the reel.
    pub fn give_up(&mut self) {
        self.tally.skipped += u64::from(self.flight.take().is_some());
    }

    /// A report, if one is due.
    pub fn report(&mut self, now: Time) -> Option<Said> {
        if now < self.report {
            return None;
        }
        self.report = now.after(REPORT);
        let (wall, timestamp) = self.times(now);
        Some(rtcp::report(self.track.ssrc(), wall, timestamp, self.track.counts(), NAME))
    }

    /// The last report.
    pub fn bye(&self, now: Time) -> Said {
        let (wall, timestamp) = self.times(now);
        rtcp::bye(self.track.ssrc(), wall, timestamp, self.track.counts(), NAME)
    }

    fn times(&self, now: Time) -> (Duration, u32) {
        let wall = local_time::at(now).as_duration().unsigned_abs();
        (wall, self.track.timestamp(now))
    }

    /// The receiver has said this. What it lacks is handed to `repair`, a packet each, which says whether it has gone.
    pub fn hear(&mut self, datagram: &[u8], mut repair: impl FnMut(Train, u32) -> bool) {
        for heard in rtcp::heard(datagram, self.track.ssrc()) {
            match heard {
                Heard::Report { lost, .. } => {
                    let sent = u64::from(self.track.counts().0);
                    let arrived = sent.saturating_sub(u64::try_from(lost).unwrap_or(0));
                    self.tally.view = Some(View { sent, arrived, rtt_us: 0 });
                }
                Heard::Lacks(lacks) => repair_all(&mut self.track, &mut self.tally, lacks, &mut repair),
                Heard::Bye => {}
            }
        }
    }
}

fn repair_all(
    track: &mut Track,
    tally: &mut Tally,
    lacks: Lacks<'_>,
    repair: &mut impl FnMut(Train, u32) -> bool,
) {
    for sequence in lacks.sequences() {
        let Some((train, index)) = track.repair(sequence) else { continue };
        if repair(train, index) {
            tally.repairs += 1;
            tally.datagrams += 1;
        }
    }
}
