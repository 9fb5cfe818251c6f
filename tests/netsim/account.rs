//! What came of it: an account a receiver, and the figures that are read from it.

use crate::guest::CLOCK_AHEAD;
use crate::netem::Fates;
use crate::scene::{START, Scene};
use camcast::account::ledger::{FrameEntry, Ledger};
use camcast::clock::anchor::Anchor;
use camcast::receiver::shares::Share;
use camcast::receiver::{Frame, Over, PATHS};
use camcast::sender::{LeaveReason, Tally};
use camcast::time::{Stamp, Time};
use jiff::Timestamp;
use std::time::Duration;

/// What has become of a frame at a receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Delivered, in order, with its bytes right.
    Whole,
    /// Given up by name.
    Missing,
    /// Left out by the sender, and so reported.
    Skipped,
    /// Gone from the reel before the receiver came back.
    Gone,
}

/// A line of a receiver's account.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    pub number: u32,
    pub fate: Fate,
    /// When it was known, on the bench's clock.
    pub at: Time,
}

/// What one receiver got, and what that took.
#[derive(Clone, Debug, Default)]
pub struct Account {
    /// Frames in the order in which they came out, each exactly once.
    pub entries: Vec<Entry>,
    /// Of each whole frame: its number, its capture time on the camera's clock, its first fragment's arrival on the receiver's.
    pub times: Vec<(u32, Time, Time)>,
    /// What camrec would make of them. The wall clock is the camera's here.
    pub ledger: Ledger,
    /// When BEATs began to say that the camera is away, and when they ceased.
    pub silences: Vec<(Time, Option<Time>)>,
    /// Frames that were captured from the first one that came out on.
    pub awaited: u32,
    /// Datagrams of frames that were sent for the first time.
    pub sent_first: u64,
    /// Datagrams of frames that were sent before.
    pub sent_again: u64,
    /// How often the fragment that was sent most often was sent.
    pub sent_most: u32,
    /// Fragments that came though they were here already.
    pub duplicates: u64,
    /// Datagrams that the receiver did not understand: there are none.
    pub malformed: u64,
    pub continues: u64,
    /// Bytes of CONTINUEs.
    pub continue_bytes: u64,
    /// The most frames between the newest that was sent and the newest that has come out.
    pub most_in_flight: u32,
    /// Frames that came out though they had come out before a rejoin.
    pub repeats: u64,
    /// The ends of sessions, the last one included.
    pub overs: Vec<(Time, Over)>,
    /// The ends of sessions as the hub has them.
    pub left: Vec<(LeaveReason, Tally)>,
    /// What came by each of two paths, and what was lost there, as the receiver has it.
    pub shares: [Share; PATHS],
    pub down: Fates,
    /// On the board's own line, of all receivers.
    pub line: Fates,
    /// The two of them while the sender still learned what the path takes.
    pub early: (Fates, Fates),
    pub up: Fates,
}

/// The result of a run.
pub struct Report {
    /// Frames that the camera delivered: numbers 1 to this.
    pub frames: u32,
    pub accounts: Vec<Account>,
}

impl Account {
    /// Datagrams that full queues have dropped while the sender learned, and the share of those that came later, in percent.
    pub fn dropped(&self) -> (u64, f64) {
        let (down, line) = self.early;
        let later = self.down.overflow + self.line.overflow - down.overflow - line.overflow;
        let sent = self.line.sent - line.sent;
        (down.overflow + line.overflow, 100.0 * later as f64 / sent.max(1) as f64)
    }

    /// A frame came out.
    pub fn enter(&mut self, frame: &Frame) {
        let Frame { number, stamp, discontinuity, begun, .. } = *frame;
        self.times.push((number.0, stamp.captured, begun));
        let taken = Timestamp::from_nanosecond(stamp.captured.as_nanos().into()).unwrap();
        let Stamp { captured, sequence } = stamp;
        let arrival = FrameEntry { number, sequence, discontinuity, captured, taken };
        self.ledger.on_frame(&arrival, frame.bytes.len(), frame.repaired > 0);
    }

    /// What the receiver knows of the camera.
    pub fn note_camera(&mut self, is_away: bool, now: Time) {
        match self.silences.last_mut() {
            Some((_, until @ None)) if !is_away => *until = Some(now),
            None | Some((_, Some(_))) if is_away => self.silences.push((now, None)),
            _ => {}
        }
    }

    fn count(&self, fate: Fate) -> usize {
        self.entries.iter().filter(|entry| entry.fate == fate).count()
    }

    pub fn whole(&self) -> usize {
        self.count(Fate::Whole)
    }

    /// Frames that were given up or had gone.
    pub fn missing(&self) -> usize {
        self.count(Fate::Missing) + self.count(Fate::Gone)
    }

    pub fn skipped(&self) -> usize {
        self.count(Fate::Skipped)
    }

    /// Whether each frame to the last one came out in some way, and none of them twice.
    pub fn is_complete(&self) -> bool {
        self.entries.len() == self.awaited as usize && self.repeats == 0
    }

    /// Frames of which nothing had been said when the run ended.
    pub fn open(&self) -> usize {
        (self.awaited as usize).saturating_sub(self.entries.len())
    }

    /// Frames whole, in percent of those that were captured.
    pub fn whole_percent(&self) -> f64 {
        100.0 * self.whole() as f64 / f64::from(self.awaited.max(1))
    }

    /// Datagrams sent again, in percent of those sent for the first time.
    pub fn again_percent(&self) -> f64 {
        100.0 * self.sent_again as f64 / self.sent_first.max(1) as f64
    }

    /// The ranges of frames that are not whole: first and last.
    pub fn gaps(&self) -> Vec<(u32, u32)> {
        let mut gaps: Vec<(u32, u32)> = Vec::new();
        for entry in self.entries.iter().filter(|entry| entry.fate != Fate::Whole) {
            match gaps.last_mut() {
                Some(last) if last.1 + 1 == entry.number => last.1 = entry.number,
                _ => gaps.push((entry.number, entry.number)),
            }
        }
        gaps
    }

    /// How much later each frame came out than it did in the run without faults, sorted.
    pub fn delays(&self, clean: &Account) -> Vec<Duration> {
        let mut delays: Vec<Duration> = self.whole_at().map(|(n, at)| at.since(clean.time_of(n))).collect();
        delays.sort();
        delays
    }

    /// Time from capture to coming out, sorted.
    pub fn ages(&self, scene: &Scene) -> Vec<Duration> {
        let mut ages: Vec<Duration> = self.whole_at().map(|(n, at)| at.since(scene.captured(n))).collect();
        ages.sort();
        ages
    }

    /// How much later than it was the last frame is taken to have been captured, by what the frames have told.
    pub fn late(&self, scene: &Scene) -> Duration {
        let mut anchor = Anchor::default();
        let late = self.times.iter().map(|&(number, captured, begun)| {
            let local = anchor.observe(captured, begun).line.local(captured);
            local.before(CLOCK_AHEAD).since(scene.captured(number))
        });
        late.last().unwrap_or_default()
    }

    /// The whole frames and when they came out.
    pub fn whole_at(&self) -> impl Iterator<Item = (u32, Time)> + '_ {
        let whole = self.entries.iter().filter(|entry| entry.fate == Fate::Whole);
        whole.map(|entry| (entry.number, entry.at))
    }

    /// Time between two frames that came out, sorted.
    pub fn intervals(&self) -> Vec<Duration> {
        let times: Vec<Time> = self.whole_at().map(|(_, at)| at).collect();
        let mut intervals: Vec<Duration> = times.windows(2).map(|pair| pair[1].since(pair[0])).collect();
        intervals.sort();
        intervals
    }

    fn time_of(&self, number: u32) -> Time {
        let first = self.entries.first().map_or(0, |entry| entry.number);
        let entry = number.checked_sub(first).and_then(|at| self.entries.get(at as usize));
        entry.map_or(Time::NEVER, |entry| entry.at)
    }

    /// How long after `since` the receiver came to be less than `lag` behind the camera for good.
    pub fn caught_up(&self, scene: &Scene, since: Duration, lag: Duration) -> Option<Duration> {
        let since = START.after(since);
        let is_late = |&(n, at): &(u32, Time)| at.since(scene.captured(n)) >= lag;
        let late: Vec<Time> = self.whole_at().filter(is_late).map(|(_, at)| at).collect();
        let last = self.entries.last()?;
        let is_over = late.last().is_none_or(|at| *at < last.at);
        is_over.then(|| late.last().map_or(Duration::ZERO, |at| at.since(since)))
    }
}

/// The value below which this share of the sorted ones lies.
pub fn percentile(sorted: &[Duration], share: f64) -> Duration {
    let at = (sorted.len() as f64 * share) as usize;
    sorted.get(at.min(sorted.len().saturating_sub(1))).copied().unwrap_or_default()
}
