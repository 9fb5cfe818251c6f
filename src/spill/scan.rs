//! What an earlier start has left in the folder.

use super::format::{HEAD_LEN, Head, RECORD_LEN, Record, name_of, order_of};
use super::place::Place;
use super::shelf::Chunk;
use crate::sys::files;
use nix::errno::Errno;
use nix::fcntl::OFlag;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// A file of ours of which nothing is known, since the system does not let it be read.
#[derive(Debug)]
pub(super) struct Unread {
    pub(super) order: u64,
    pub(super) bytes: u64,
    pub(super) why: io::Error,
}

/// See there.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) chunks: Vec<Chunk>,
    pub(super) unread: Vec<Unread>,
    /// No file has a greater order.
    pub(super) last: u64,
}

/// Looks at each chunk. What has our name and is none, as a power cut leaves it, is deleted.
pub(super) fn scan(place: &Place) -> io::Result<Found> {
    let names = files::names_in(&place.dir)?;
    let mut orders: Vec<u64> = names.iter().filter_map(|name| order_of(name.to_str()?)).collect();
    orders.sort_unstable();
    let mut found = Found { last: orders.last().copied().unwrap_or(0), ..Found::default() };
    for order in orders {
        match look_at(place, order) {
            Ok(Some(chunk)) => found.chunks.push(chunk),
            Err(why) if is_systems(&why) => {
                let stat = files::stat_at(&place.dir, Path::new(&name_of(order)));
                let bytes = stat.map_or(0, |stat| stat.bytes);
                found.unread.push(Unread { order, bytes, why });
            }
            _ => drop(place.remove(&name_of(order))),
        }
    }
    for at in 0..found.chunks.len() {
        let following = found.chunks.get(at.saturating_add(1)).map(|chunk| (chunk.stream, chunk.first));
        let Some(chunk) = found.chunks.get_mut(at) else { break };
        match following {
            Some((stream, first)) if stream == chunk.stream && first.is_after(chunk.first) => {
                chunk.end = first;
            }
            _ => {
                match place.open_at(&name_of(chunk.order), OFlag::O_RDONLY) {
                    Ok(file) => walk(chunk, &file),
                    // its first frame has been seen
                    Err(_) => chunk.end = chunk.first.next(),
                }
            }
        }
    }
    Ok(found)
}

/// It says nothing of what is in the file: another time it may be read.
fn is_systems(why: &io::Error) -> bool {
    const NONE: [i32; 3] = [Errno::ELOOP as i32, Errno::ENOENT as i32, Errno::ENXIO as i32];
    why.raw_os_error().is_some_and(|errno| !NONE.contains(&errno))
}

/// A chunk's head and its first record; none if it is none.
fn look_at(place: &Place, order: u64) -> io::Result<Option<Chunk>> {
    let file = place.open_at(&name_of(order), OFlag::O_RDONLY)?;
    let mut bytes = [0; HEAD_LEN + RECORD_LEN];
    file.read_exact_at(&mut bytes, 0)?;
    let length = file.metadata()?.len();
    let head = Head::parse(&bytes).filter(|head| head.order == order);
    let first = bytes.get(HEAD_LEN..).and_then(Record::parse);
    let chunk = head.zip(first).map(|(Head { stream, boot, zero, .. }, Record { number, .. })| Chunk {
        order,
        stream,
        first: number,
        end: number,
        bytes: length,
        boot,
        zero,
    });
    Ok(chunk)
}

/// Where the last whole record ends, as far as records say themselves.
fn walk(chunk: &mut Chunk, file: &File) {
    let (mut offset, mut head) = (HEAD_LEN as u64, [0; RECORD_LEN]);
    while file.read_exact_at(&mut head, offset).is_ok() {
        let Some(record) = Record::parse(&head) else { break };
        let behind = offset.saturating_add(record.total());
        if behind > chunk.bytes || chunk.end.is_after(record.number) {
            break;
        }
        (offset, chunk.end) = (behind, record.number.next());
    }
}
