//! Frames signed and looked at.

use super::statement::PAYLOAD_LEN;
use super::*;
use crate::jpeg::{self, Size, sample};
use crate::time::{Stamp, Time};
use crate::wire::{FrameNumber, StreamId};
use proptest::prelude::*;

const SIZE: Size = Size { width: 64, height: 48 };

pub(super) fn key(seed: u8) -> SigningKey {
    SigningKey::new(&[seed; 32])
}

pub(super) fn mark(number: u32) -> Mark {
    let captured = Time::from_millis(10_000 + 33 * u64::from(number));
    let stamp = Stamp { captured, sequence: number + 5 };
    let wall = 1_795_821_207_123_456 + 33_000 * u64::from(number);
    Mark { stream: StreamId(0x00c0_ffee_00c0_ffee), number: FrameNumber(number), stamp, wall }
}

/// The frame as it goes out.
pub(super) fn signed(signer: &mut Signer, mark: &Mark, jpeg: &[u8]) -> Vec<u8> {
    let [before, behind] = Signer::part(jpeg);
    let signed = signer.sign(mark, [before, behind]);
    signer.laid(&signed);
    [before, signed.segment(), behind].concat()
}

fn proof(seen: Seen) -> Proof {
    let Seen::Proved(proof) = seen else { panic!("{seen:?}") };
    proof
}

#[test]
fn a_signed_frame_is_a_jpeg_that_proves_itself() {
    let jpeg = sample::jpeg(SIZE, b"entropy");
    let mut signer = Signer::new(key(1));
    let keys = [key(2).public(), key(1).public()];
    let mut link = [0; 32];
    for number in 1..4 {
        let frame = signed(&mut signer, &mark(number), &jpeg);
        assert_eq!(frame.len(), jpeg.len() + SEGMENT_LEN);
        assert_eq!(
            jpeg::check(&frame).map(|checked| (checked.bytes, checked.size())),
            Ok((&frame[..], SIZE))
        );
        let seen = proof(look(&frame, &keys));
        assert_eq!((seen.mark, seen.key, seen.before), (mark(number), *keys[1].bytes(), link));
        assert_eq!(claimed(&frame), Some((mark(number), *keys[1].bytes())));
        link = seen.link;
        // the camera's own bytes are all there
        let at = Signer::part(&jpeg)[0].len();
        assert_eq!([&frame[..at], &frame[at + SEGMENT_LEN..]].concat(), jpeg);
    }
    assert_eq!(look(&jpeg, &keys), Seen::Flawed(Flaw::Unsigned, None));
}

#[test]
fn it_stands_behind_app0_and_looks_like_no_marker() {
    let app0 = (0xe0, b"JFIF\0\x01\x02\0\0\x01\0\x01\0\0".to_vec());
    let sof = (0xc0, sample::frame_header(SIZE));
    let exif = (0xe1, b"Exif\0\0".to_vec());
    for (segments, place) in
        [(vec![app0.clone(), sof.clone()], 20), (vec![exif, app0, sof.clone()], 2), (vec![sof], 2)]
    {
        let jpeg = sample::with_segments(&segments, b"e");
        let frame = signed(&mut Signer::new(key(1)), &mark(1), &jpeg);
        assert_eq!(frame[place..place + 4], [0xff, 0xe9, 0x01, 0x5c]);
        assert_eq!(frame[place + 4..][..8], *b"camcast\0");
        assert!(frame[place + 4..][8..PAYLOAD_LEN].iter().all(|byte| (b' '..=b'z').contains(byte)));
        proof(look(&frame, &[key(1).public()]));
    }
}

#[test]
fn a_frame_that_was_signed_before_is_signed_again() {
    let keys = [key(1), key(2)].map(|key| key.public());
    for jpeg in [sample::jpeg(SIZE, b"e"), sample::with_segments(&[(0xc0, sample::frame_header(SIZE))], b"e")]
    {
        let once = signed(&mut Signer::new(key(1)), &mark(7), &jpeg);
        let twice = signed(&mut Signer::new(key(2)), &mark(1), &once);
        assert_eq!(proof(look(&twice, &keys)).key, *keys[1].bytes());
        assert_eq!(look(&twice, &keys[..1]), Seen::Flawed(Flaw::Stranger(*keys[1].bytes()), None));
    }
}

#[test]
fn it_counts_only_where_it_was_put() {
    let jpeg = sample::jpeg(SIZE, b"e");
    let frame = signed(&mut Signer::new(key(1)), &mark(1), &jpeg);
    let at = Signer::part(&jpeg)[0].len();
    let segment = &frame[at..at + SEGMENT_LEN];
    let moved = [&jpeg[..2], segment, &jpeg[2..]].concat();
    assert!(matches!(look(&moved, &[key(1).public()]), Seen::Flawed(Flaw::Broken, Some(_))));
    let late = [&jpeg[..jpeg.len() - 2], segment, &jpeg[jpeg.len() - 2..]].concat();
    assert_eq!(look(&late, &[key(1).public()]), Seen::Flawed(Flaw::Unsigned, None));
}

#[test]
fn standard_tables_that_were_put_in_are_forgiven_in_a_snapshot_alone() {
    let jpeg = sample::jpeg(SIZE, b"entropy");
    let frame = signed(&mut Signer::new(key(1)), &mark(1), &jpeg);
    let keys = [key(1).public()];
    let snapshot = jpeg::huffman::with_tables(&frame).unwrap().concat();
    assert!(matches!(look(&snapshot, &keys), Seen::Flawed(Flaw::Broken, Some(_))));
    assert_eq!(proof(look_at_snapshot(&snapshot, &keys)).mark, mark(1));
    assert_eq!(proof(look_at_snapshot(&frame, &keys)).mark, mark(1));
    for at in 0..snapshot.len() {
        let mut flipped = snapshot.clone();
        flipped[at] ^= 1;
        assert!(matches!(look_at_snapshot(&flipped, &keys), Seen::Flawed(..)), "byte {at}");
    }
}

#[test]
fn each_flipped_bit_shows() {
    let jpeg = sample::jpeg(SIZE, b"entropy-coded");
    let frame = signed(&mut Signer::new(key(1)), &mark(1), &jpeg);
    for at in 0..frame.len() {
        for bit in 0..8 {
            let mut flipped = frame.clone();
            flipped[at] ^= 1 << bit;
            assert!(matches!(look(&flipped, &[key(1).public()]), Seen::Flawed(..)), "bit {bit} of byte {at}");
        }
    }
}

#[test]
fn numbers_have_their_widths() {
    let stamp = Stamp { captured: Time::NEVER, sequence: u32::MAX };
    let most = Mark {
        stream: StreamId(u64::MAX),
        number: FrameNumber(u32::MAX),
        stamp,
        wall: 9_999_999_999_999_999,
    };
    let least = Mark { stream: StreamId(0), number: FrameNumber(0), stamp: Stamp::default(), wall: 0 };
    for mark in [most, least] {
        let frame = signed(&mut Signer::new(key(1)), &mark, &sample::jpeg(SIZE, b"e"));
        assert_eq!(proof(look(&frame, &[key(1).public()])).mark, mark);
    }
}

#[test]
fn nobody_sees_the_key() {
    assert_eq!(format!("{:?}", key(1)), "SigningKey(..)");
    let text = key(1).to_text();
    assert_eq!(SigningKey::parse(&text).unwrap().public(), key(1).public());
    let public = key(1).public().to_string();
    assert_eq!(PublicKey::parse(&public), Ok(key(1).public()));
    assert!(PublicKey::is_meant(&public) && keys::is_private(&text) && !PublicKey::is_meant(&text));
}

proptest! {
    #[test]
    fn whatever_the_frame_it_is_signed_and_what_changes_it_shows(
        parts in sample::parts(), number: u32, pick: prop::sample::Index, bit in 0..8,
    ) {
        let jpeg = sample::from_parts(&parts);
        let mark = Mark { number: FrameNumber(number), ..mark(1) };
        let mut frame = signed(&mut Signer::new(key(1)), &mark, &jpeg);
        prop_assert_eq!(proof(look(&frame, &[key(1).public()])).mark, mark);
        prop_assert_eq!(jpeg::check(&frame).unwrap().bytes, &frame[..]);
        let at = Signer::part(&jpeg)[0].len();
        let facts = jpeg::header(&jpeg).unwrap().moved(at, SEGMENT_LEN);
        prop_assert_eq!(jpeg::header(&frame).unwrap(), facts);
        let at = pick.index(frame.len());
        frame[at] ^= 1_u8 << bit;
        prop_assert!(matches!(look(&frame, &[key(1).public()]), Seen::Flawed(..)));
    }
}
