//! Signed frames: a JPEG that is signed here, or says that it is signed.

use super::{Numbers, split};
use camcast::jpeg;
use camcast::reel::{Frame, Reel};
use camcast::rtp::train::{Marks, Train};
use camcast::sign::{Mark, PublicKey, SEGMENT_LEN, Seen, Signer, SigningKey, claimed, claimed_key, look};
use camcast::time::{Stamp, Time};
use camcast::wire::{FrameNumber, StreamId};
use std::cell::RefCell;

/// The longest frame that is looked at.
const MOST: usize = 32 << 10;

thread_local! {
    /// Made once: the camera's key.
    static SIGNER: RefCell<Signer> = RefCell::new(signer(7));
}

fn signer(seed: u8) -> Signer {
    Signer::new(SigningKey::new(&[seed; 32]))
}

fn mark(numbers: &mut Numbers) -> Mark {
    let stamp = Stamp { captured: Time::from_nanos(numbers.next()), sequence: numbers.next() as u32 };
    let wall = numbers.next() % 10_000_000_000_000_000;
    Mark { stream: StreamId(numbers.next()), number: FrameNumber(numbers.next() as u32), stamp, wall }
}

/// A frame as a camera may deliver it.
pub fn check(bytes: &[u8]) -> bool {
    SIGNER.with_borrow_mut(|signer| {
        let keys = [signer.public()];
        let mut numbers = Numbers::of(bytes);
        let is_signed = matches!(look(bytes, &keys), Seen::Proved(_));
        assert_eq!(claimed(bytes).map(|(_, key)| key), claimed(bytes).and_then(|_| claimed_key(bytes)));
        if is_signed {
            nothing_else_is(bytes, &keys, &mut numbers);
        }
        let Ok(whole) = jpeg::check(bytes) else { return is_signed };
        if whole.bytes.len() > MOST {
            return is_signed;
        }
        let mark = mark(&mut numbers);
        let [before, behind] = Signer::part(whole.bytes);
        let signed = signer.sign(&mark, [before, behind]);
        signer.laid(&signed);
        let frame = [before, signed.segment(), behind].concat();
        let Seen::Proved(proof) = look(&frame, &keys) else { panic!("it is not proved") };
        assert_eq!((proof.mark, proof.key), (mark, *keys[0].bytes()));
        let again = jpeg::check(&frame).unwrap();
        let facts = whole.facts.moved(before.len(), SEGMENT_LEN);
        assert_eq!((again.bytes, again.facts), (&frame[..], facts));
        nothing_else_is(&frame, &keys, &mut numbers);
        goes_by_rtp_alike(&whole, [before, signed.segment(), behind]);
        true
    })
}

/// With any of its bits flipped it is not proved.
fn nothing_else_is(frame: &[u8], keys: &[PublicKey], numbers: &mut Numbers) {
    let mut frame = frame.to_vec();
    for within in [frame.len(), (2 * SEGMENT_LEN).min(frame.len())] {
        let (at, bit) = (numbers.below(within), 1 << numbers.below(8));
        frame[at] ^= bit;
        assert!(matches!(look(&frame, keys), Seen::Flawed(..)), "byte {at}");
        frame[at] ^= bit;
    }
}

/// RTP has no headers of frames, and so none of this either.
fn goes_by_rtp_alike(whole: &jpeg::Checked<'_>, parts: [&[u8]; 3]) {
    let mut reel = Reel::new(64 << 10, 1452, StreamId(1));
    let stamp = Stamp { captured: Time::from_millis(40), sequence: 0 };
    let plain = reel.push(whole.bytes, whole.facts, stamp, 0).unwrap();
    let plain = packets(&reel.frame(plain).unwrap());
    let signed = reel.push_parts(parts, whole.facts.moved(parts[0].len(), parts[1].len()), stamp, 0).unwrap();
    assert_eq!(packets(&reel.frame(signed).unwrap()), plain);
}

fn packets(frame: &Frame<'_>) -> Vec<Vec<u8>> {
    let marks = Marks { first: 0xfffe, timestamp: 5, ssrc: 7 };
    let Ok(train) = Train::new(frame, 1452, marks) else { return Vec::new() };
    let packet = |index| {
        let body = frame.range(train.body(index)).flatten().copied();
        train.head(index, frame).into_iter().chain(body).collect()
    };
    (0..train.count()).map(packet).collect()
}

/// Frames of the camera, of another one, of nobody; and some that were tampered with.
pub fn seeds() -> Vec<(String, Vec<u8>)> {
    let plain = split::jpeg(400);
    let mark = |number: u32| {
        let stamp = Stamp { captured: Time::from_millis(40 * u64::from(number)), sequence: number };
        Mark { stream: StreamId(9), number: FrameNumber(number), stamp, wall: 1_795_821_207_123_456 }
    };
    let signed = |seed: u8, number: u32, jpeg: &[u8]| {
        let [before, behind] = Signer::part(jpeg);
        [before, signer(seed).sign(&mark(number), [before, behind]).segment(), behind].concat()
    };
    let (ours, other) = (signed(7, 1, &plain), signed(8, 1, &plain));
    let at = Signer::part(&plain)[0].len();
    let segment = &ours[at..at + SEGMENT_LEN];
    let seeds = [
        ("unsigned", plain.clone()),
        ("signed", ours.clone()),
        ("of-another", other.clone()),
        ("signed-again", signed(7, 2, &other)),
        ("without-app0", signed(7, 3, &[&plain[..2], &plain[at..]].concat())),
        ("bad-place", [&plain[..2], segment, &plain[2..]].concat()),
        ("bad-twice", [&ours[..at], segment, &ours[at..]].concat()),
        ("bad-frame", [&ours[..ours.len() - 40], &plain[plain.len() - 20..]].concat()),
        ("rtp", signed(7, 4, &super::rtp::sample())),
    ];
    seeds.map(|(name, bytes)| (name.to_owned(), bytes)).to_vec()
}
