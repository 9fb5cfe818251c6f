//! RTCP: what receivers say of a track, and what is sent again for it.

use super::Numbers;
use super::rtp::{reel_with, sample};
use camcast::rtp::rtcp::{Heard, heard};
use camcast::rtp::track::Track;
use camcast::time::Time;

/// The track that corpora speak of.
const SSRC: u32 = 0x0a0b_0c0d;

/// A datagram.
pub fn check(bytes: &[u8]) -> bool {
    let said = |bytes, ssrc| -> Vec<String> { heard(bytes, ssrc).map(|it| format!("{it:?}")).collect() };
    let all = said(bytes, SSRC);
    // a packet has eight bytes at least
    assert!(all.len() <= bytes.len() / 8);
    let mut numbers = Numbers::of(bytes);
    for _ in 0..3 {
        let cut = said(&bytes[..numbers.below(bytes.len()) / 4 * 4], SSRC);
        assert!(all.starts_with(&cut), "{cut:?} of {all:?}");
    }
    let other = numbers.next() as u32;
    if !bytes.windows(4).any(|four| four == other.to_be_bytes()) {
        assert!(heard(bytes, other).all(|it| it == Heard::Bye), "{:?} of {other}", said(bytes, other));
    }
    repairs(bytes);
    !all.is_empty()
}

/// What is asked for again is a packet of that number; no datagram is answered by more than a burst, and the next one by less.
fn repairs(bytes: &[u8]) {
    let reel = reel_with(&sample());
    let frame = reel.newest().unwrap();
    let mut track = Track::new((0xfffe_0000_0000 | u64::from(SSRC), 0));
    // in the smallest packets that there are, so that there are many
    (0..4).for_each(|ms| {
        track.begin(&frame, Time::from_millis(ms), 0).unwrap();
    });
    let mut granted = 0;
    for _ in 0..3 {
        for it in heard(bytes, SSRC) {
            let Heard::Lacks(lacks) = it else { continue };
            assert!(lacks.sequences().count() <= bytes.len() / 4 * 17);
            for sequence in lacks.sequences() {
                let Some((train, index)) = track.repair(sequence) else { continue };
                assert!(index < train.count());
                assert_eq!((train.sequence(index), train.number), (sequence, frame.number()));
                granted += 1;
            }
        }
    }
    assert!(granted <= 256, "{granted} packets for nothing that was sent");
}
