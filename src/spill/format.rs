//! What lies in the folder: chunks of frames, and the list of those who wait for them. What is read may be anybody's work: nothing in
//! it is believed without its check, and no length beyond what a frame may have.
//!
//! ```text
//! chunk    | head (64) | record (48) JPEG | record (48) JPEG | ...
//!
//! head     | magic (16) | order (8) | stream (8) | boot (16) | zero (8) | 0 (4) | check (4) |
//! record   | magic (4) | number (4) | captured (8) | sequence (4) | flags (1) | 0 (3) | width (2) | height (2) | length (4) | check of
//!          |  the JPEG (4) | 0 (8) | check (4) |
//! ```
//! Numbers are big-endian, and checks are CRC-32: that of head and record over what is before it.

use crate::jpeg::Size;
use crate::time::{Stamp, Time};
use crate::wire::data::{DISCONTINUITY, check};
use crate::wire::{FrameNumber, MAX_FRAME, StreamId};
use std::fmt::Write;
use std::time::Duration;

/// Bytes before a chunk's first record.
pub const HEAD_LEN: usize = 64;

/// Bytes before each frame's own.
pub const RECORD_LEN: usize = 48;

/// Recorders that wait, at the most.
pub const MOST_WAITING: usize = 16;

/// The longest list of them that is read, in bytes.
pub const LONGEST_LIST: usize = 4096;

const CHUNK: &[u8; 16] = b"camcast spill 1\n";
const RECORD: [u8; 4] = *b"FRM1";
const LIST: &str = "camcast waiting 1";

const NAME_BEGINS: &str = "camcast-spill-";
const NAME_ENDS: &str = ".frames";

/// What a chunk says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Which comes after which, whatever the streams.
    pub order: u64,
    /// Whose frames these are.
    pub stream: StreamId,
    /// The machine's boot: frames of another one are of another clock.
    pub boot: u128,
    /// The wall clock's nanoseconds since 1970 at the monotonic clock's zero; 0 if it was not set.
    pub zero: i64,
}

impl Head {
    /// As it lies in the file.
    pub fn to_bytes(&self) -> [u8; HEAD_LEN] {
        let mut bytes = [0; HEAD_LEN];
        put(&mut bytes, 0, CHUNK);
        put(&mut bytes, 16, &self.order.to_be_bytes());
        put(&mut bytes, 24, &self.stream.0.to_be_bytes());
        put(&mut bytes, 32, &self.boot.to_be_bytes());
        put(&mut bytes, 48, &self.zero.to_be_bytes());
        seal(&mut bytes);
        bytes
    }

    /// Reads it, unless it is none.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let bytes = whole(bytes.get(..HEAD_LEN)?).filter(|bytes| bytes.starts_with(CHUNK))?;
        Some(Head {
            order: u64::from_be_bytes(take(bytes, 16)?),
            stream: StreamId(u64::from_be_bytes(take(bytes, 24)?)),
            boot: u128::from_be_bytes(take(bytes, 32)?),
            zero: i64::from_be_bytes(take(bytes, 48)?),
        })
    }
}

/// What stands before a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    /// The frame's number in its stream.
    pub number: FrameNumber,
    /// Its capture time and the driver's counter.
    pub stamp: Stamp,
    /// [`DISCONTINUITY`], or nothing.
    pub flags: u8,
    /// Its size in pixels.
    pub size: Size,
    /// Its length in bytes, 1 to [`MAX_FRAME`].
    pub length: u32,
    /// The CRC-32 of it.
    pub check: u32,
}

impl Record {
    /// As it lies in the file.
    pub fn to_bytes(&self) -> [u8; RECORD_LEN] {
        let mut bytes = [0; RECORD_LEN];
        put(&mut bytes, 0, &RECORD);
        put(&mut bytes, 4, &self.number.0.to_be_bytes());
        put(&mut bytes, 8, &self.stamp.captured.as_nanos().to_be_bytes());
        put(&mut bytes, 16, &self.stamp.sequence.to_be_bytes());
        put(&mut bytes, 20, &[self.flags]);
        put(&mut bytes, 24, &self.size.width.to_be_bytes());
        put(&mut bytes, 26, &self.size.height.to_be_bytes());
        put(&mut bytes, 28, &self.length.to_be_bytes());
        put(&mut bytes, 32, &self.check.to_be_bytes());
        seal(&mut bytes);
        bytes
    }

    /// Reads it, unless it is none.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let bytes = whole(bytes.get(..RECORD_LEN)?).filter(|bytes| bytes.starts_with(&RECORD))?;
        let record = Record {
            number: FrameNumber(u32::from_be_bytes(take(bytes, 4)?)),
            stamp: Stamp {
                captured: Time::from_nanos(u64::from_be_bytes(take(bytes, 8)?)),
                sequence: u32::from_be_bytes(take(bytes, 16)?),
            },
            flags: *bytes.get(20)?,
            size: Size {
                width: u16::from_be_bytes(take(bytes, 24)?),
                height: u16::from_be_bytes(take(bytes, 26)?),
            },
            length: u32::from_be_bytes(take(bytes, 28)?),
            check: u32::from_be_bytes(take(bytes, 32)?),
        };
        let is_frame = (1..=MAX_FRAME).contains(&record.length) && record.flags & !DISCONTINUITY == 0;
        (is_frame && record.size.width > 0 && record.size.height > 0).then_some(record)
    }

    /// Bytes of it and of its frame.
    pub fn total(&self) -> u64 {
        (RECORD_LEN as u64).saturating_add(self.length.into())
    }
}

/// The first record and its frame, if they are whole, and what is behind them.
pub fn split_first(bytes: &[u8]) -> Option<(Record, &[u8], &[u8])> {
    split_checked(bytes).filter(|(record, frame, _)| check(frame) == record.check)
}

/// The same of what has been checked before.
pub fn split_checked(bytes: &[u8]) -> Option<(Record, &[u8], &[u8])> {
    let record = Record::parse(bytes)?;
    let (frame, rest) = bytes.get(RECORD_LEN..)?.split_at_checked(record.length as usize)?;
    Some((record, frame, rest))
}

/// A chunk's name.
pub fn name_of(order: u64) -> String {
    format!("{NAME_BEGINS}{order:016x}{NAME_ENDS}")
}

/// Which chunk has that name; none: it is another's file.
pub fn order_of(name: &str) -> Option<u64> {
    let digits = name.strip_prefix(NAME_BEGINS)?.strip_suffix(NAME_ENDS)?;
    let order = u64::from_str_radix(digits, 16).ok()?;
    (name_of(order) == name).then_some(order)
}

/// Somebody who is away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// The stream that he knows.
    pub stream: StreamId,
    /// The next frame of it that he wants, as far as is known.
    pub next: FrameNumber,
    /// For how long he has been away, in whole seconds.
    pub away: Duration,
    /// A number that tells where he is from others.
    pub who: u32,
    /// He was being served: he may be further.
    pub was_served: bool,
}

/// The list of those who are away, as it lies in the folder.
pub fn list(waiting: &[Waiting]) -> String {
    let mut text = format!("{LIST}\n");
    for Waiting { stream, next, away, who, was_served } in waiting.iter().take(MOST_WAITING) {
        let (away, served) = (away.as_secs(), u8::from(*was_served));
        // a String takes all
        let _ = writeln!(text, "{:016x} {next} {away} {who:08x} {served}", stream.0);
    }
    let check = check(text.as_bytes());
    let _ = writeln!(text, "{check:08x}");
    text
}

/// Reads it, unless it is none.
pub fn parse_list(bytes: &[u8]) -> Option<Vec<Waiting>> {
    let text = std::str::from_utf8(bytes.get(..bytes.len().min(LONGEST_LIST))?).ok()?;
    let (before, last) = text.strip_suffix('\n')?.rsplit_once('\n')?;
    let said = u32::from_str_radix(last, 16).ok().filter(|_| last.len() == 8)?;
    let covered = text.get(..before.len().checked_add(1)?)?;
    if check(covered.as_bytes()) != said {
        return None;
    }
    let mut lines = before.lines();
    if lines.next() != Some(LIST) {
        return None;
    }
    lines.take(MOST_WAITING).map(parse_line).collect()
}

fn parse_line(line: &str) -> Option<Waiting> {
    let mut words = line.split(' ');
    let waiting = Waiting {
        stream: StreamId(u64::from_str_radix(words.next()?, 16).ok()?),
        next: FrameNumber(words.next()?.parse().ok()?),
        away: Duration::from_secs(words.next()?.parse().ok()?),
        who: u32::from_str_radix(words.next()?, 16).ok()?,
        was_served: words.next()? == "1",
    };
    words.next().is_none().then_some(waiting)
}

fn put(bytes: &mut [u8], at: usize, what: &[u8]) {
    bytes.iter_mut().skip(at).zip(what).for_each(|(to, from)| *to = *from);
}

fn take<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}

/// The check goes into the last four bytes.
fn seal(bytes: &mut [u8]) {
    if let Some((covered, last)) = bytes.split_last_chunk_mut::<4>() {
        *last = check(covered).to_be_bytes();
    }
}

fn whole(bytes: &[u8]) -> Option<&[u8]> {
    let (covered, last) = bytes.split_last_chunk::<4>()?;
    (check(covered) == u32::from_be_bytes(*last)).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_are_ours_or_nobodys() {
        assert_eq!(order_of(&name_of(0x1f)), Some(0x1f));
        for other in ["camcast-spill-1f.frames", "camcast-spill-00000000000000+f.frames", "x", "..", ""] {
            assert_eq!(order_of(other), None, "{other}");
        }
        let upper = name_of(0xabc)
            .to_uppercase()
            .replace("CAMCAST-SPILL-", NAME_BEGINS)
            .replace(".FRAMES", NAME_ENDS);
        assert_eq!(order_of(&upper), None);
    }

    #[test]
    fn a_list_that_was_cut_or_changed_is_none() {
        let one = Waiting {
            stream: StreamId(7),
            next: FrameNumber(9),
            away: Duration::from_secs(60),
            who: 1,
            was_served: true,
        };
        let text = list(&[one, Waiting { was_served: false, ..one }]);
        assert_eq!(parse_list(text.as_bytes()).unwrap()[0], one);
        for end in 0..text.len() {
            assert_eq!(parse_list(&text.as_bytes()[..end]), None, "{end}");
        }
        assert_eq!(parse_list(text.replace(" 9 ", " 8 ").as_bytes()), None);
        assert_eq!(parse_list(list(&[]).as_bytes()), Some(Vec::new()));
        assert_eq!(parse_list(list(&vec![one; 99]).as_bytes()).unwrap().len(), MOST_WAITING);
    }

    proptest! {
        #[test]
        fn heads_round_trip(order: u64, stream: u64, boot: u128, zero: i64) {
            let head = Head { order, stream: StreamId(stream), boot, zero };
            prop_assert_eq!(Head::parse(&head.to_bytes()), Some(head));
        }

        #[test]
        fn records_round_trip_and_a_changed_bit_is_found(
            number: u32, captured: u64, sequence: u32, new: bool, width in 1_u16.., height in 1_u16..,
            frame in prop::collection::vec(any::<u8>(), 1..300), bit in 0_usize..2000,
        ) {
            let record = Record {
                number: FrameNumber(number),
                stamp: Stamp { captured: Time::from_nanos(captured), sequence },
                flags: u8::from(new) * DISCONTINUITY,
                size: Size { width, height },
                length: frame.len() as u32,
                check: check(&frame),
            };
            let mut bytes = [&record.to_bytes()[..], &frame].concat();
            prop_assert_eq!(split_first(&bytes), Some((record, &frame[..], &[][..])));
            let at = bit % (bytes.len() * 8);
            bytes[at / 8] ^= 1 << (at % 8);
            prop_assert_eq!(split_first(&bytes), None);
        }

        #[test]
        fn anything_is_read_without_a_panic(bytes: Vec<u8>) {
            let _ = (Head::parse(&bytes), split_first(&bytes), parse_list(&bytes));
        }
    }
}
