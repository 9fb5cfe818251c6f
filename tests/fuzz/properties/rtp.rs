//! RTP: a JPEG in packets, and what is there for other programs.

use super::Numbers;
use camcast::jpeg::{self, Checked};
use camcast::reel::Reel;
use camcast::rtp::picture::Picture;
use camcast::rtp::train::{HEAD, Marks, Train};
use camcast::time::{Stamp, Time};
use camcast::wire::StreamId;

/// Bytes of a packet, as camcast sends them by default.
const PACKET: u16 = 1452;

const MARKS: Marks = Marks { first: 0xfffe, timestamp: 5, ssrc: 7 };

/// A reel with this frame alone; it has to be a JPEG.
pub fn reel_with(jpeg: &[u8]) -> Reel {
    let mut reel = Reel::new(64 << 10, PACKET, StreamId(1));
    let stamp = Stamp { captured: Time::from_millis(40), sequence: 0 };
    let Checked { bytes, facts } = jpeg::check(jpeg).unwrap();
    reel.push(bytes, facts, stamp, 0).unwrap();
    reel
}

/// A JPEG that RTP takes.
pub fn sample() -> Vec<u8> {
    let tables = [0, 1].map(|number| [&[0xff, 0xdb, 0, 67, number][..], &[number + 1; 64]].concat()).concat();
    let frame = [0xff, 0xc0, 0, 17, 8, 0, 48, 0, 64, 3, 1, 0x21, 0, 2, 0x11, 1, 3, 0x11, 1];
    let scan = [0xff, 0xda, 0, 12, 3, 1, 0, 2, 0x11, 3, 0x11, 0, 63, 0];
    [&[0xff, 0xd8][..], &tables, &frame, &scan, &[7; 4000], &[0xff, 0xd9]].concat()
}

/// A frame as a camera may deliver it.
pub fn check(bytes: &[u8]) -> bool {
    let Ok(whole) = jpeg::check(bytes) else { return false };
    if whole.bytes.len() > 48 << 10 {
        return false;
    }
    let reel = reel_with(bytes);
    let frame = reel.newest().unwrap();
    let for_others: Vec<u8> = frame.pieces_for_others().flatten().copied().collect();
    assert_eq!(for_others.len(), frame.length_for_others() as usize, "what HTTP says of its length");
    match Picture::of(&frame) {
        Err(why) => {
            assert!(!why.to_string().contains(char::is_control));
            false
        }
        Ok(_) => {
            let any = Numbers::of(bytes).below(9000) as u16;
            [PACKET, 0, u16::MAX, any].into_iter().for_each(|size| check_train(&whole, &reel, size));
            true
        }
    }
}

fn check_train(whole: &Checked<'_>, reel: &Reel, size: u16) {
    let frame = reel.newest().unwrap();
    let train = Train::new(&frame, size, MARKS).unwrap();
    let (facts, count) = (&whole.facts, train.count());
    let (mut scan, mut tables): (Vec<u8>, Vec<u8>) = (Vec::new(), Vec::new());
    for index in 0..count {
        let (head, body) = (train.head(index, &frame), train.body(index));
        let body: Vec<u8> = frame.range(body).flatten().copied().collect();
        assert!(head.len() <= HEAD);
        let packet = [&head[..], &body].concat();
        assert_eq!(packet.len(), train.length(index) as usize);
        let is_last = index + 1 == count;
        assert!(
            packet.len() == usize::from(train.size()) || is_last && packet.len() < usize::from(train.size())
        );
        let (offset, rest) = check_head(&packet, is_last, train.sequence(index));
        assert_eq!((train.find(train.sequence(index)), offset as usize), (Some(index), scan.len()));
        // RFC 2435, 3.1.7 and 3.1.8
        let rest = if packet[16] >= 64 { &rest[4..] } else { rest };
        let length = if index == 0 { 4 + usize::from(u16::from_be_bytes([rest[2], rest[3]])) } else { 0 };
        tables.extend(&rest[..length]);
        scan.extend(&rest[length..]);
    }
    assert_eq!(train.find(MARKS.first.wrapping_add(count as u16)), None);
    let end = whole.bytes.len() - 2;
    assert_eq!(scan, whole.bytes[facts.scan..end]);
    let named =
        [facts.component[0], facts.component[1]].map(|it| facts.quantisation[usize::from(it.table)].unwrap());
    let values = named.map(|table| &whole.bytes[table.at as usize..][..table.length() as usize]).concat();
    let precision = u8::from(named[0].is_wide) | u8::from(named[1].is_wide) << 1;
    assert_eq!((&tables[..2], &tables[4..]), (&[0, precision][..], &values[..]));
}

/// RFC 3550, 5.1 and RFC 2435, 3.1: the fragment's offset, and what follows both headers.
fn check_head(packet: &[u8], is_last: bool, sequence: u16) -> (u32, &[u8]) {
    let (head, rest) = packet.split_at(20);
    let [s1, s0] = sequence.to_be_bytes();
    assert_eq!(head[..12], [0x80, if is_last { 0x9a } else { 0x1a }, s1, s0, 0, 0, 0, 5, 0, 0, 0, 7]);
    assert!(head[12] == 0 && head[16] & !64 < 2 && head[17] == 255);
    (u32::from_be_bytes([0, head[13], head[14], head[15]]), rest)
}
