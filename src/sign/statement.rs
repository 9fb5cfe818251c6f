//! What is said of a frame: text of one form and one length, so that there is one way to say it, and nothing in it looks like a marker.
//!
//! ```text
//! FF E9 01 5C  camcast\0  1 stream=00c0ffee00c0ffee frame=0000001234 captured=00000001234567890123 sequence=0000000042
//! APP9  length            wall=1795821207123456 before=(64 of hex) key=(48 of base64) signature=(88 of base64)
//! ```
//!
//! Signed, and hashed for the next frame's `before`, is all of it up to the key's end, ` picture=` and the hash of the frame without
//! the segment, in hex: BLAKE2b, which on boards without instructions for SHA-256 takes a quarter of the time of that.

use super::Hash;
use super::keys::{self, SIGNATURE_LEN};
use crate::key_text::{self, KEY_LEN, LETTERS};
use crate::time::{Stamp, Time};
use crate::wire::{FrameNumber, StreamId};
use arrayvec::ArrayString;
use base64ct::{Base64, Encoding};
use blake2::Blake2b512;
use sha2::{Digest, Sha256};
use std::fmt::{self, Write};
use std::ops::Range;

/// How the segment's payload begins: whose it is.
pub(super) const IDENTIFIER: &[u8] = b"camcast\0";

/// The segment's marker: APP9.
pub(super) const MARKER: u8 = 0xe9;

/// Bytes of the marker and the length.
const HEAD: usize = 4;

/// Where each field is in the payload.
const STREAM: Range<usize> = 17..33;
const FRAME: Range<usize> = 40..50;
const CAPTURED: Range<usize> = 60..80;
const SEQUENCE: Range<usize> = 90..100;
const WALL: Range<usize> = 106..122;
const BEFORE: Range<usize> = 130..194;
const KEY: Range<usize> = 199..247;
const SIGNATURE: Range<usize> = 258..346;

/// Bytes of the payload.
pub(super) const PAYLOAD_LEN: usize = SIGNATURE.end;

/// The segment's length, which counts itself.
const LENGTH: u16 = PAYLOAD_LEN as u16 + 2;

/// Bytes that a frame is longer by its statement.
pub const SEGMENT_LEN: usize = HEAD + PAYLOAD_LEN;

/// What is signed.
const SAID_LEN: usize = KEY.end + PICTURE.len() + 2 * PICTURE_LEN;
const PICTURE: &str = " picture=";

/// Bytes of a frame's own hash.
const PICTURE_LEN: usize = 64;

/// The greatest time of the wall clock that has room: in 2286.
const MOST_WALL: u64 = 9_999_999_999_999_999;

/// Which frame it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// The stream: a start of camcast.
    pub stream: StreamId,
    /// Its number there.
    pub number: FrameNumber,
    /// Its capture time on the camera's clock, and the driver's counter.
    pub stamp: Stamp,
    /// The same on the wall clock of camcast's machine, in microseconds since 1970; zero if that clock was not set.
    pub wall: u64,
}

/// What is said of a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Statement {
    pub(super) mark: Mark,
    /// The [link] of the frame before; zeros of the first.
    pub(super) before: Hash,
    /// Whose statement it is: a public key.
    pub(super) key: [u8; KEY_LEN],
    pub(super) signature: [u8; SIGNATURE_LEN],
}

/// All that is said before the signature.
pub(super) type Words = ArrayString<{ KEY.end }>;

/// The segment's payload.
type Payload = ArrayString<PAYLOAD_LEN>;

/// What is signed.
pub(super) type Said = ArrayString<SAID_LEN>;

/// Bytes as hexadecimal digits.
struct Hex<'a>(&'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// What is said of a frame before the signature.
pub(super) fn words(mark: &Mark, before: &Hash, key: &[u8; KEY_LEN]) -> Words {
    let Mark { stream: StreamId(stream), number, stamp, wall } = mark;
    let (captured, sequence) = (stamp.captured.as_nanos(), stamp.sequence);
    let letters = keys::letters(key);
    let letters = std::str::from_utf8(&letters).unwrap_or_default();
    let mut words = Words::new();
    // fits: each field has one width
    let _ = write!(
        words,
        "camcast\x001 stream={stream:016x} frame={:010} captured={captured:020} sequence={sequence:010} wall={:016} before={} \
         key={letters}",
        number.0,
        (*wall).min(MOST_WALL),
        Hex(before)
    );
    words
}

/// What is signed of it: `hash` is the [hash](picture) of the frame without its statement.
pub(super) fn said(words: &Words, hash: &[u8; PICTURE_LEN]) -> Said {
    let mut said = Said::new();
    // fits likewise
    let _ = write!(said, "{words}{PICTURE}{}", Hex(hash));
    said
}

/// The hash of a frame without its statement, which stands between these two parts of it.
pub(super) fn picture(parts: [&[u8]; 2]) -> [u8; PICTURE_LEN] {
    parts.into_iter().fold(Blake2b512::new(), |hash, part| hash.chain_update(part)).finalize().into()
}

/// What the next frame's `before` is.
pub(super) fn link(said: &Said) -> Hash {
    Sha256::digest(said.as_bytes()).into()
}

/// The words and their signature, as a segment.
pub(super) fn segment(words: &Words, signature: &[u8; SIGNATURE_LEN]) -> [u8; SEGMENT_LEN] {
    let payload = payload(words, signature);
    let mut segment = [0; SEGMENT_LEN];
    let (head, rest) = segment.split_at_mut(HEAD);
    let [high, low] = LENGTH.to_be_bytes();
    head.copy_from_slice(&[0xff, MARKER, high, low]);
    rest.iter_mut().zip(payload.bytes()).for_each(|(to, byte)| *to = byte);
    segment
}

fn payload(words: &Words, signature: &[u8; SIGNATURE_LEN]) -> Payload {
    let mut letters = [0; SIGNATURE.end - SIGNATURE.start];
    // fits likewise
    let letters = Base64::encode(signature, &mut letters).unwrap_or_default();
    let mut payload = Payload::new();
    let _ = write!(payload, "{words} signature={letters}");
    payload
}

impl Statement {
    /// Reads a segment's payload. `None`: it is not of the form, to the letter.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok().filter(|text| text.len() == PAYLOAD_LEN)?;
        let stream = StreamId(u64::from_str_radix(text.get(STREAM)?, 16).ok()?);
        let number = FrameNumber(text.get(FRAME)?.parse().ok()?);
        let captured = Time::from_nanos(text.get(CAPTURED)?.parse().ok()?);
        let stamp = Stamp { captured, sequence: text.get(SEQUENCE)?.parse().ok()? };
        let mark = Mark { stream, number, stamp, wall: text.get(WALL)?.parse().ok()? };
        let mut statement = Statement { mark, before: [0; 32], key: claimed_key(bytes)?, signature: [0; 64] };
        from_hex(text.get(BEFORE)?, &mut statement.before)?;
        Base64::decode(text.get(SIGNATURE)?, &mut statement.signature).ok()?;
        // numbers may be written in other ways, and what stands between the fields has not been looked at
        (*payload(&statement.words(), &statement.signature) == *text).then_some(statement)
    }

    pub(super) fn words(&self) -> Words {
        words(&self.mark, &self.before, &self.key)
    }
}

/// The key that a payload names; nothing else of it is looked at.
pub(super) fn claimed_key(payload: &[u8]) -> Option<[u8; KEY_LEN]> {
    let letters: &[u8; LETTERS] = payload.get(KEY)?.try_into().ok()?;
    key_text::of_letters(letters).map(|key| *key)
}

fn from_hex(digits: &str, to: &mut Hash) -> Option<()> {
    for (place, to) in to.iter_mut().enumerate() {
        let at = place.checked_mul(2)?;
        *to = u8::from_str_radix(digits.get(at..at.checked_add(2)?)?, 16).ok()?;
    }
    Some(())
}
