//! What lies in the folder of `camcast --spill`: a chunk of frames, or the list of those who wait. Its checks would keep nearly all that is made up
//! out, so they are made right first.

use camcast::jpeg::Size;
use camcast::spill::format::{
    HEAD_LEN, Head, LONGEST_LIST, MOST_WAITING, RECORD_LEN, Record, Waiting, list, name_of, order_of,
    parse_list, split_first,
};
use camcast::time::{Stamp, Time};
use camcast::wire::data::{DISCONTINUITY, check as crc};
use camcast::wire::{FrameNumber, MAX_FRAME, StreamId};
use std::time::Duration;

/// A chunk, a list, or a name.
pub fn check(bytes: &[u8]) -> bool {
    check_name(bytes);
    // as it is, and as one who knows the checks would have it
    let as_it_is = check_chunk(bytes) | check_list(bytes);
    let chunk = check_chunk(&healed_chunk(bytes));
    let list = check_list(&healed_list(bytes));
    as_it_is | chunk | list
}

fn check_name(bytes: &[u8]) {
    let name = String::from_utf8_lossy(bytes);
    if let Some(order) = order_of(&name) {
        assert_eq!(name_of(order), name);
        assert!(!name.contains('/'));
    }
}

fn check_chunk(bytes: &[u8]) -> bool {
    if let Some(head) = Head::parse(bytes) {
        assert_eq!(Head::parse(&head.to_bytes()), Some(head));
    }
    let (mut rest, mut found) = (bytes.get(HEAD_LEN..).unwrap_or_default(), false);
    while let Some((record, frame, behind)) = split_first(rest) {
        assert_eq!(Record::parse(&record.to_bytes()), Some(record));
        assert!((1..=MAX_FRAME).contains(&record.length) && record.flags & !DISCONTINUITY == 0);
        assert_eq!((frame.len() as u32, crc(frame)), (record.length, record.check));
        assert_eq!(rest.len() - behind.len(), record.total() as usize, "it comes to an end");
        (rest, found) = (behind, true);
    }
    found
}

fn check_list(bytes: &[u8]) -> bool {
    let Some(waiting) = parse_list(bytes) else { return false };
    assert!(waiting.len() <= MOST_WAITING);
    let text = list(&waiting);
    assert!(text.len() <= LONGEST_LIST);
    assert_eq!(parse_list(text.as_bytes()), Some(waiting.clone()));
    !waiting.is_empty()
}

fn heal(bytes: &mut [u8]) {
    if let Some((covered, last)) = bytes.split_last_chunk_mut::<4>() {
        *last = crc(covered).to_be_bytes();
    }
}

fn healed_chunk(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes.get_mut(..HEAD_LEN).into_iter().for_each(heal);
    let mut rest = bytes.get_mut(HEAD_LEN..).unwrap_or_default();
    while let Some((head, behind)) = rest.split_at_mut_checked(RECORD_LEN) {
        let length = u32::from_be_bytes(head[28..32].try_into().unwrap()) as usize;
        let Some((frame, next)) = behind.split_at_mut_checked(length) else {
            heal(head);
            break;
        };
        head[32..36].copy_from_slice(&crc(frame).to_be_bytes());
        heal(head);
        rest = next;
    }
    bytes
}

fn healed_list(bytes: &[u8]) -> Vec<u8> {
    let text = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    let end = text.iter().rposition(|byte| *byte == b'\n').map_or(text.len(), |at| at + 1);
    let mut healed = text[..end].to_vec();
    let check = crc(&healed);
    healed.extend_from_slice(format!("{check:08x}\n").as_bytes());
    healed
}

/// Chunks and lists as camcast writes them, and torn.
pub fn seeds() -> Vec<(String, Vec<u8>)> {
    let head = Head { order: 3, stream: StreamId(0x00c0_ffee), boot: 7, zero: 1_795_000_000_000_000_000 };
    let record = |number: u32, length: usize| {
        let frame: Vec<u8> = (0..length).map(|at| at as u8 ^ number as u8).collect();
        let record = Record {
            number: FrameNumber(number),
            stamp: Stamp { captured: Time::from_millis(u64::from(number) * 33), sequence: number },
            flags: u8::from(number == 9) * DISCONTINUITY,
            size: Size { width: 64, height: 48 },
            length: length as u32,
            check: crc(&frame),
        };
        [record.to_bytes().to_vec(), frame].concat()
    };
    let chunk = [head.to_bytes().to_vec(), record(7, 40), record(8, 3), record(9, 100)].concat();
    let waiting = |who, was_served| Waiting {
        stream: StreamId(0x00c0_ffee),
        next: FrameNumber(8),
        away: Duration::from_secs(77),
        who,
        was_served,
    };
    let lists = [vec![], vec![waiting(1, false)], vec![waiting(2, true), waiting(3, false)]];
    let mut seeds = vec![
        ("chunk".to_owned(), chunk.clone()),
        ("torn".to_owned(), chunk[..chunk.len() - 30].to_vec()),
        ("one-frame".to_owned(), [head.to_bytes().to_vec(), record(1, 1)].concat()),
        ("empty".to_owned(), head.to_bytes().to_vec()),
    ];
    let lists = lists.iter().enumerate().map(|(at, of)| (format!("list-{at}"), list(of).into_bytes()));
    seeds.extend(lists);
    seeds
}
