//! Packets as a receiver takes them apart (RFC 2435, appendix B), and what it says back.

use super::picture::{NotCarried, Picture};
use super::track::Track;
use super::train::Train;
use super::{pace, rtcp};
use crate::jpeg::{self, Size, sample};
use crate::picture::{Encoder, Rgb, Sampling};
use crate::reel::Reel;
use crate::time::{Stamp, Time};
use crate::wire::StreamId;
use proptest::prelude::*;
use std::time::Duration;

const SIZE: Size = Size { width: 64, height: 48 };
const PACKET: u16 = 1452;

/// What libjpeg-turbo makes of noise, so that it has many packets.
fn picture(sampling: Sampling, size: Size, quality: u8) -> Vec<u8> {
    let length = usize::from(size.width) * usize::from(size.height) * 3;
    let mut state = 1_u32;
    let noise = std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    });
    let pixels: Vec<u8> = noise.take(length).collect();
    Encoder::new(sampling, size).unwrap().encode(Rgb { pixels: &pixels, size }, quality).unwrap().to_vec()
}

fn reel_with(jpeg: &[u8]) -> Reel {
    let mut reel = Reel::new(8 << 20, PACKET, StreamId(1));
    let stamp = Stamp { captured: Time::from_millis(40), sequence: 0 };
    reel.push(jpeg, jpeg::header(jpeg).unwrap(), stamp, 0).unwrap();
    reel
}

/// Each packet's bytes.
fn packets(train: &Train, reel: &Reel) -> Vec<Vec<u8>> {
    let frame = reel.frame(train.number).unwrap();
    let body = |index| frame.range(train.body(index)).flatten().copied().collect::<Vec<u8>>();
    let whole = |index| [train.head(index, &frame).to_vec(), body(index)].concat();
    (0..train.count()).map(whole).collect()
}

/// Puts the entropy-coded data together by the offsets that packets say; with it comes the first packet's table data.
fn received(packets: &[Vec<u8>], has_restarts: bool) -> (Vec<u8>, Vec<u8>) {
    let (mut data, mut tables) = (Vec::new(), Vec::new());
    for packet in packets {
        let offset = u32::from_be_bytes([0, packet[13], packet[14], packet[15]]) as usize;
        assert_eq!(offset, data.len());
        let mut at = if has_restarts { 24 } else { 20 };
        if offset == 0 {
            let length = usize::from(u16::from_be_bytes([packet[at + 2], packet[at + 3]]));
            tables = packet[at + 4..at + 4 + length].to_vec();
            at += 4 + length;
        }
        data.extend(&packet[at..]);
    }
    (data, tables)
}

#[test]
fn a_receiver_gets_back_what_the_frame_has_between_its_header_and_its_end() {
    for (sampling, kind) in [(Sampling::Half, 0), (Sampling::Quarter, 1)] {
        let jpeg = picture(sampling, Size { width: 320, height: 200 }, 90);
        let reel = reel_with(&jpeg);
        let frame = reel.newest().unwrap();
        let mut track = Track::new((0xffff_0000_0007, 5));
        let train = track.begin(&frame, frame.stamp().captured, PACKET).unwrap();
        let packets = packets(&train, &reel);
        assert!(packets.len() > 20, "{}", packets.len());
        for (index, packet) in packets.iter().enumerate() {
            let is_last = index + 1 == packets.len();
            assert_eq!(packet.len() as u32, train.length(index as u32));
            assert_eq!(packet.len() == usize::from(PACKET), !is_last || packet.len() == 1452);
            assert_eq!(packet[..2], [0x80, if is_last { 0x9a } else { 0x1a }]);
            let sequence = u16::from_be_bytes([packet[2], packet[3]]);
            assert_eq!(sequence, 0xffff_u16.wrapping_add(index as u16), "numbers go round");
            // 40 ms are 3600 ticks
            assert_eq!(packet[4..12], [0, 0, 0x0e, 0x15, 0, 0, 0, 7]);
            assert_eq!(packet[16..20], [kind, 255, 40, 25]);
            assert_eq!(train.find(sequence), Some(index as u32));
        }
        let (data, tables) = received(&packets, false);
        let facts = jpeg::header(&jpeg).unwrap();
        assert_eq!(data, jpeg[facts.scan..jpeg.len() - 2]);
        let [luminance, chrominance] = [0, 1].map(|number| facts.quantisation[number].unwrap().at as usize);
        assert_eq!(tables, [&jpeg[luminance..][..64], &jpeg[chrominance..][..64]].concat());
    }
}

/// A JPEG of these segments, and whether it can go.
fn judged(segments: &[(u8, Vec<u8>)]) -> Result<Picture, NotCarried> {
    let jpeg = sample::with_segments(segments, &[7; 3000]);
    Picture::of(&reel_with(&jpeg).newest().unwrap())
}

fn table(number: u8, value: u8) -> (u8, Vec<u8>) {
    let wide = usize::from(number >> 4) + 1;
    (0xdb, [vec![number], vec![value; 64 * wide]].concat())
}

fn frame(code: u8, components: &[(u8, u8)]) -> (u8, Vec<u8>) {
    let mut payload = vec![8, 0, 48, 0, 64, components.len() as u8];
    for (id, (sampling, table)) in (1..).zip(components) {
        payload.extend([id, *sampling, *table]);
    }
    (code, payload)
}

#[test]
fn what_a_receiver_could_not_rebuild_is_refused_with_its_reason() {
    let usual = [(0x21, 0), (0x11, 1), (0x11, 1)];
    let with = |code, components: &[(u8, u8)]| {
        judged(&[table(0, 1), table(1, 2), frame(code, components)]).map(|_| ())
    };
    assert_eq!(with(0xc0, &usual), Ok(()));
    assert_eq!(with(0xc2, &usual), Err(NotCarried::Coding(0xc2)));
    assert_eq!(with(0xc0, &usual[..1]), Err(NotCarried::Components(1)));
    let ffmpegs = [(0x22, 0), (0x12, 1), (0x12, 1)];
    assert_eq!(with(0xc0, &ffmpegs), Err(NotCarried::Sampling([(2, 2), (1, 2), (1, 2)])));
    assert!(matches!(with(0xc0, &[(0x11, 0), (0x11, 1), (0x11, 1)]), Err(NotCarried::Sampling(_))));
    assert_eq!(with(0xc0, &[(0x21, 0), (0x11, 1), (0x11, 2)]), Err(NotCarried::Quantisation));
    assert_eq!(
        judged(&[table(0x10, 1), table(1, 2), frame(0xc0, &usual)]).map(|_| ()),
        Err(NotCarried::Wide)
    );
    let huffman = (0xc4, [vec![0x00, 1], vec![0; 15], vec![3]].concat());
    let own = judged(&[table(0, 1), table(1, 2), huffman, frame(0xc0, &usual)]);
    assert_eq!(own, Err(NotCarried::Huffman));
    assert_eq!(own.unwrap_err().to_string(), "they have Huffman tables of their own");
    let standard = (0xc4, jpeg::huffman::STANDARD_TABLES[4..].to_vec());
    assert!(judged(&[table(0, 1), table(1, 2), standard, frame(0xc0, &usual)]).is_ok());
}

#[test]
fn one_table_for_all_goes_twice_and_of_three_those_that_are_named_go() {
    let tables = |segments: &[(u8, Vec<u8>)]| {
        let jpeg = sample::with_segments(segments, &[7; 3000]);
        let reel = reel_with(&jpeg);
        let mut track = Track::new((0, 0));
        let train = track.begin(&reel.newest().unwrap(), Time::default(), PACKET).unwrap();
        let packets = packets(&train, &reel);
        let (data, tables) = received(&packets, packets[0][16] >= 64);
        assert_eq!(data, [7; 3000]);
        (tables, packets[0][16..24].to_vec())
    };
    let (one, _) = tables(&[table(0, 9), frame(0xc0, &[(0x21, 0), (0x11, 0), (0x11, 0)])]);
    assert_eq!(one, [9; 128]);
    // as a C920: red has a table of its own number, and the same values
    let three = [table(0, 1), table(1, 2), table(2, 2), frame(0xc0, &[(0x22, 0), (0x11, 1), (0x11, 2)])];
    assert_eq!(tables(&three).0, [[1; 64], [2; 64]].concat());
    // with restart markers: each packet names their interval
    let often =
        [table(0, 1), table(1, 2), (0xdd, vec![0, 40]), frame(0xc0, &[(0x21, 0), (0x11, 1), (0x11, 1)])];
    let (two, head) = tables(&often);
    assert_eq!((two.len(), head), (128, vec![64, 255, 8, 6, 0, 40, 0xff, 0xff]));
}

#[test]
fn sides_beyond_2040_pixels_are_told_beside_the_packets() {
    for (width, height, beyond) in [(2040, 2040, false), (2048, 8, true), (8, 2041, true), (1, 1, false)] {
        assert_eq!(Picture::is_beyond(Size { width, height }), beyond, "{width}x{height}");
    }
}

#[test]
fn what_is_asked_for_again_is_the_same_packet_and_not_without_end() {
    let jpeg = picture(Sampling::Half, SIZE, 90);
    let reel = reel_with(&jpeg);
    let frame = reel.newest().unwrap();
    let mut track = Track::new((0xfff0_0000_0001, 0));
    let trains: Vec<Train> =
        (0..300).map(|ms| track.begin(&frame, Time::from_millis(ms), PACKET).unwrap()).collect();
    let last = trains[299];
    let (train, index) = track.repair(last.first.wrapping_add(1)).unwrap();
    assert_eq!(packets(&train, &reel)[index as usize], packets(&last, &reel)[1]);
    assert_eq!(track.repair(track.next()), None, "it has not been sent yet");
    assert_eq!(track.repair(trains[0].first), None, "it is too long ago");
    let granted = std::iter::repeat_with(|| track.repair(last.first)).take_while(Option::is_some).count();
    assert_eq!(granted, 254, "those that were not there have cost something too");
    track.on_sent(8, 8000);
    let granted = std::iter::repeat_with(|| track.repair(last.first)).take_while(Option::is_some).count();
    assert_eq!((granted, track.counts()), (2, (8, 8000)), "one for four that are sent");
}

#[test]
fn reports_are_those_of_the_rfc() {
    let said = rtcp::bye(0x0102_0304, Duration::new(1, 500_000_000), 7, (8, 9), "camcast");
    #[rustfmt::skip]
    let expected = [
        0x80, 200, 0, 6, 1, 2, 3, 4, 0x83, 0xaa, 0x7e, 0x81, 0x80, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 8, 0, 0, 0, 9,
        0x81, 202, 0, 4, 1, 2, 3, 4, 1, 7, b'c', b'a', b'm', b'c', b'a', b's', b't', 0, 0, 0,
        0x81, 203, 0, 1, 1, 2, 3, 4,
    ];
    assert_eq!(said.as_slice(), expected);
    for length in 0..40 {
        let name = "n".repeat(length);
        assert_eq!(rtcp::report(1, Duration::ZERO, 0, (0, 0), &name).len() % 4, 0, "{length}");
    }
}

#[test]
fn what_receivers_say_is_understood_and_junk_is_nothing() {
    let block = |ssrc: u8| {
        [vec![0, 0, 0, ssrc, 64, 0xff, 0xff, 0xfe], vec![0; 4], vec![0, 0, 1, 0], vec![0; 8]].concat()
    };
    let report = [vec![0x82, 201, 0, 13, 9, 9, 9, 9], block(1), block(2)].concat();
    let nack = vec![0x81, 205, 0, 4, 9, 9, 9, 9, 0, 0, 0, 2, 0xff, 0xff, 0x80, 0x01, 0, 9, 0, 0];
    let bye = vec![0x81, 203, 0, 1, 9, 9, 9, 9];
    let all = [report, nack.clone(), bye].concat();
    let heard: Vec<rtcp::Heard<'_>> = rtcp::heard(&all, 2).collect();
    let [first, rtcp::Heard::Lacks(lacks), rtcp::Heard::Bye] = heard[..] else { panic!("{heard:?}") };
    assert_eq!(first, rtcp::Heard::Report { fraction: 64, lost: -2, jitter: 256 });
    assert_eq!(lacks.sequences().collect::<Vec<u16>>(), [0xffff, 0, 15, 9]);
    assert_eq!(rtcp::heard(&nack, 3).count(), 0, "of another track");
    for junk in [&b""[..], &[0x80, 0], &[0x80; 12], &[0xff; 200], &[0x81, 205, 0, 1, 0, 0, 0, 0]] {
        assert_eq!(rtcp::heard(junk, 2).count(), 0);
    }
}

proptest! {
    #[test]
    fn any_datagram_is_heard_to_its_end(bytes in proptest::collection::vec(any::<u8>(), 0..600), ssrc: u32) {
        for heard in rtcp::heard(&bytes, ssrc) {
            if let rtcp::Heard::Lacks(lacks) = heard {
                prop_assert!(lacks.sequences().count() <= 17 * 150);
            }
        }
    }

    #[test]
    fn any_frame_in_packets_of_any_size_is_whole(
        entropy in proptest::collection::vec(0..0xff_u8, 1..9000),
        size in 0..9000_u16,
        interval in 0..3_u16,
    ) {
        let restart = (0xdd, interval.to_be_bytes().to_vec());
        let header = frame(0xc0, &[(0x21, 0), (0x11, 1), (0x11, 1)]);
        let jpeg = sample::with_segments(&[table(0, 1), table(1, 2), restart, header], &entropy);
        let reel = reel_with(&jpeg);
        let mut track = Track::new((1, 1));
        let train = track.begin(&reel.newest().unwrap(), Time::default(), size).unwrap();
        let packets = packets(&train, &reel);
        prop_assert_eq!(received(&packets, interval > 0).0, entropy);
        let full = usize::from(train.size());
        prop_assert!(packets.iter().rev().skip(1).all(|packet| packet.len() == full));
        prop_assert!(packets.iter().all(|packet| packet.len() <= full));
    }
}

#[test]
fn a_frame_leaves_in_a_fifth_of_its_interval_and_a_small_stream_at_a_hundred_megabits() {
    let took = |stream: Option<f32>| {
        let (mut pace, mut now) = (pace::Pace::default(), Time::from_millis(1000));
        let began = now;
        for _ in 0..50 {
            now = now.max(pace.ready());
            pace.on_sent(20_000, stream, now);
        }
        pace.ready().since(began).as_secs_f32()
    };
    // a megabyte, of 30 a second; of one
    assert!((took(Some(30e6)) - 1.0 / 150.0).abs() < 0.002, "{}", took(Some(30e6)));
    assert!((took(Some(1e6)) - 0.08).abs() < 0.01 && (took(None) - 0.08).abs() < 0.01);
}
