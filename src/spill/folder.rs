//! The folder and its files. It is not trusted: no link is followed, what is read is checked, and nothing but our own names is touched.

use super::error::{Error, is_full};
use super::format::{self, HEAD_LEN, Head, LONGEST_LIST, RECORD_LEN, Record, Waiting, name_of, split_first};
use super::place::{FILES, Place};
use super::scan::{Unread, scan};
use super::shelf::{Chunk, Shelf};
use crate::sys::mounts::unmounted_above;
use crate::sys::{boot, clock, files};
use crate::wire::{FrameNumber, StreamId};
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg, OFlag, renameat};
use std::fs::{DirBuilder, File};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt};
use std::path::Path;
use std::time::UNIX_EPOCH;

const LOCK: &str = "camcast-spill.lock";
const LIST: &str = "camcast-spill.waiting";
const LIST_NEW: &str = "camcast-spill.waiting.new";

/// So much is read at once, if it is more than a frame.
const BATCH: usize = 1 << 20;

/// How much is free is asked again after so many bytes.
const LOOK: u64 = 8 << 20;

/// Bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of all chunks.
    pub size: u64,
    /// Bytes of one of them, but for a frame that is longer.
    pub chunk: u64,
    /// Bytes that stay free on the file system.
    pub reserve: u64,
}

impl Limits {
    /// For a folder of `size` bytes.
    pub fn of(size: u64) -> Self {
        Limits { size, chunk: (size / 32).clamp(1 << 20, 64 << 20), reserve: 64 << 20 }
    }
}

/// What has become of the chunks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// There is one more.
    Begun(Chunk),
    /// This one ends here now.
    Grown {
        /// Which.
        order: u64,
        /// The frame behind its last.
        end: FrameNumber,
        /// Of its file.
        bytes: u64,
    },
    /// Nobody wants it any more.
    Gone(u64),
    /// It had to go for newer ones.
    PushedOut(u64),
    /// The disk has not confirmed what was written from this frame on: it counts as not written.
    Unsure(FrameNumber),
}

/// Where a reader is: it goes on from there.
#[derive(Clone, Copy, Debug)]
pub struct Spot {
    order: u64,
    offset: u64,
    next: FrameNumber,
}

/// The folder, held open.
#[derive(Debug)]
pub struct Folder {
    place: Place,
    /// None: its file system knows no locks.
    _lock: Option<Flock<File>>,
    limits: Limits,
    shelf: Shelf,
    changes: Vec<Change>,
    /// Beside it lies what could not be read when the folder was opened. It stays as long as somebody waits, and there is room.
    unread: Vec<Unread>,
    /// The greatest order that a file has had.
    last: u64,
    /// The chunk that is being written.
    open: Option<Open>,
    boot: u128,
    is_dirty: bool,
    has_list: bool,
    /// Bytes that were written since it was asked what is free.
    since_look: u64,
}

/// A chunk that is being written, and how far it is known to be on the disk.
#[derive(Debug)]
struct Open {
    order: u64,
    file: File,
    synced: (FrameNumber, u64),
}

impl Folder {
    /// Opens the folder, or makes it, and looks at what is there. With it come those who wait; none if that cannot be read.
    ///
    /// # Errors
    /// [`Error`]
    pub fn make(path: &Path, limits: Limits) -> Result<(Self, Option<Vec<Waiting>>), Error> {
        must_be_mounted(path)?;
        let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
        made.map_err(|why| Error::System { doing: "make", path: path.to_owned(), why })?;
        Folder::open_there(path, limits)
    }

    /// The same of a folder that is there: where a disk should be mounted, and is not, nothing is made.
    ///
    /// # Errors
    /// [`Error`]
    pub fn open(path: &Path, limits: Limits) -> Result<(Self, Option<Vec<Waiting>>), Error> {
        must_be_mounted(path)?;
        Folder::open_there(path, limits)
    }

    fn open_there(path: &Path, limits: Limits) -> Result<(Self, Option<Vec<Waiting>>), Error> {
        let system = |doing| move |why| Error::System { doing, path: path.to_owned(), why };
        let place = Place::open(path).map_err(system("open"))?;
        let lock = lock(&place.dir, path)?;
        let found = scan(&place).map_err(system("read"))?;
        let mut shelf = Shelf::default();
        found.chunks.into_iter().for_each(|chunk| shelf.push(chunk));
        let boot = u128::from_str_radix(&boot::id().replace('-', ""), 16).unwrap_or(0);
        let mut folder = Folder {
            place,
            _lock: lock,
            limits,
            shelf,
            changes: Vec::new(),
            unread: found.unread,
            last: found.last,
            open: None,
            boot,
            is_dirty: false,
            has_list: false,
            since_look: LOOK,
        };
        let waiting = folder.read_list();
        Ok((folder, waiting))
    }

    /// What could not be read when it was opened, if there is something: how many files, and why the first one could not.
    pub fn unread(&self) -> Option<(usize, &io::Error)> {
        self.unread.first().map(|first| (self.unread.len(), &first.why))
    }

    /// What is in it.
    pub fn shelf(&self) -> &Shelf {
        &self.shelf
    }

    /// The boot of this machine.
    pub fn boot(&self) -> u128 {
        self.boot
    }

    /// What has become of the chunks since this was asked last.
    pub fn take_change(&mut self) -> Option<Change> {
        (!self.changes.is_empty()).then(|| self.changes.remove(0))
    }

    /// Its path still leads to it.
    pub fn is_there(&self) -> bool {
        self.place.is_there()
    }

    /// Writes a record and its frame, which is behind those before it in its stream. The oldest chunks may have to go.
    ///
    /// # Errors
    /// [`Error`]: nothing of it is there.
    pub fn append(&mut self, stream: StreamId, number: FrameNumber, bytes: &[u8]) -> Result<(), Error> {
        let length = bytes.len() as u64;
        let fits = self.shelf.iter().next_back().is_some_and(|last| {
            let is_open = self.open.as_ref().is_some_and(|open| open.order == last.order);
            let is_next = last.stream == stream && !last.end.is_after(number);
            is_open && is_next && last.bytes.saturating_add(length) <= self.limits.chunk
        });
        if !fits {
            self.finish()?;
        }
        self.make_room(length.saturating_add(HEAD_LEN as u64))?;
        if self.open.is_none() {
            self.begin(stream, number)?;
        }
        loop {
            match self.write(number, bytes) {
                Err(why) if is_full(&why) => {
                    self.push_out()?.then_some(()).ok_or_else(|| self.full())?;
                }
                Err(why) => return Err(self.error("write to", why)),
                Ok(()) => return Ok(()),
            }
        }
    }

    fn write(&mut self, number: FrameNumber, bytes: &[u8]) -> io::Result<()> {
        let (Some(Open { order, file, .. }), Some(last)) = (&self.open, self.shelf.iter().next_back()) else {
            return Err(ErrorKind::NotFound.into());
        };
        if let Err(why) = file.write_all_at(bytes, last.bytes) {
            // what there is of it is overwritten, or found to be none
            let _ = file.set_len(last.bytes);
            return Err(why);
        }
        let (order, end, bytes) = (*order, number.next(), last.bytes.saturating_add(bytes.len() as u64));
        self.since_look = self.since_look.saturating_add(bytes.saturating_sub(last.bytes));
        self.shelf.set_end(order, end, bytes);
        self.changes.push(Change::Grown { order, end, bytes });
        self.is_dirty = true;
        Ok(())
    }

    fn begin(&mut self, stream: StreamId, first: FrameNumber) -> Result<(), Error> {
        let order = self.last.saturating_add(1);
        let head = Head { order, stream, boot: self.boot, zero: zero() };
        let name = name_of(order);
        let new = OFlag::O_RDWR | OFlag::O_CREAT | OFlag::O_EXCL;
        let file = self.place.open_at(&name, new).map_err(|why| self.error("make a file in", why))?;
        // another one's file may be in the way: the next one is not
        self.last = order;
        if let Err(why) = file.write_all_at(&head.to_bytes(), 0).and_then(|()| self.place.dir.sync_all()) {
            let _ = self.place.remove(&name);
            return Err(self.error("make a file in", why));
        }
        let Head { stream, boot, zero, .. } = head;
        let chunk = Chunk { order, stream, first, end: first, bytes: HEAD_LEN as u64, boot, zero };
        self.shelf.push(chunk);
        self.changes.push(Change::Begun(chunk));
        self.open = Some(Open { order, file, synced: (first, chunk.bytes) });
        Ok(())
    }

    /// The chunk that is being written gets no more.
    fn finish(&mut self) -> Result<(), Error> {
        let synced = self.sync();
        self.open = None;
        synced
    }

    /// Brings what was written to the disk.
    ///
    /// # Errors
    /// [`Error`]: what was written since the last time is not there. The system has let go of it, so a second try would say nothing.
    pub fn sync(&mut self) -> Result<(), Error> {
        let is_dirty = std::mem::take(&mut self.is_dirty);
        let Some(open) = self.open.as_mut().filter(|_| is_dirty) else { return Ok(()) };
        let (doing, synced) = match self.place.is_there() {
            true => ("write to", open.file.sync_data()),
            false => ("find", Err(Errno::ENOENT.into())),
        };
        match synced {
            Ok(()) => {
                let written = self.shelf.iter().next_back().map(|last| (last.end, last.bytes));
                open.synced = written.unwrap_or(open.synced);
                Ok(())
            }
            Err(why) => {
                let Open { order, synced: (end, bytes), .. } = *open;
                let _ = open.file.set_len(bytes);
                self.open = None;
                self.shelf.set_end(order, end, bytes);
                self.changes.extend([Change::Grown { order, end, bytes }, Change::Unsure(end)]);
                Err(self.error(doing, why))
            }
        }
    }

    /// Something was written that may not be on the disk.
    pub fn is_dirty(&self) -> bool {
        self.is_dirty
    }

    fn bytes(&self) -> u64 {
        self.unread.iter().map(|unread| unread.bytes).fold(self.shelf.bytes(), u64::saturating_add)
    }

    fn make_room(&mut self, length: u64) -> Result<(), Error> {
        while self.bytes().saturating_add(length) > self.limits.size {
            if !self.push_out()? && !self.push_out_open()? {
                return Err(self.full());
            }
        }
        if self.open.is_some() && self.since_look < LOOK {
            return Ok(());
        }
        self.since_look = 0;
        loop {
            let free =
                files::room(&self.place.dir).map_err(|errno| self.error("look at", errno.into()))?.free;
            if free >= self.limits.reserve.saturating_add(length) {
                return Ok(());
            }
            if !self.push_out()? {
                self.since_look = LOOK;
                return Err(self.full());
            }
        }
    }

    /// The oldest chunk goes, if it is not the one that is being written.
    fn push_out(&mut self) -> Result<bool, Error> {
        let open = self.open.as_ref().map(|open| open.order);
        let oldest = self.shelf.oldest().map(|chunk| chunk.order);
        if let Some(unread) =
            self.unread.first().filter(|unread| oldest.is_none_or(|oldest| unread.order < oldest))
        {
            self.remove(unread.order)?;
            self.unread.remove(0);
            return Ok(true);
        }
        let Some(oldest) = oldest.filter(|order| Some(*order) != open) else { return Ok(false) };
        self.remove(oldest)?;
        self.shelf.remove(oldest);
        self.changes.push(Change::PushedOut(oldest));
        Ok(true)
    }

    fn push_out_open(&mut self) -> Result<bool, Error> {
        Ok(self.open.take().is_some() && self.push_out()?)
    }

    /// Deletes a chunk's file. It stays on the shelf if that does not work.
    fn remove(&self, order: u64) -> Result<(), Error> {
        self.place.remove(&name_of(order)).map_err(|why| self.error("delete a file in", why))
    }

    /// Appends records of that stream, from that frame on, to `into`; none if there are none. `spot` as the last call left it.
    ///
    /// # Errors
    /// [`Error`]: something of what was there cannot be read, and is off the shelf. `into` has what can be; if it has nothing, there may be
    /// more for who asks again.
    pub fn read(
        &mut self,
        stream: StreamId,
        next: FrameNumber,
        into: &mut Vec<u8>,
        spot: &mut Option<Spot>,
    ) -> Result<(), Error> {
        while let Some((chunk, next)) = self.shelf.find(stream, next) {
            let chunk = *chunk;
            let read = self.read_chunk(&chunk, next, into, spot).map_err(|why| self.error("read from", why));
            if !into.is_empty() || read.as_ref().is_err_and(Error::is_passing) {
                return read;
            }
            // it does not hold what was thought
            self.shelf.set_end(chunk.order, next, chunk.bytes);
            self.changes.push(Change::Grown { order: chunk.order, end: next, bytes: chunk.bytes });
            *spot = None;
            read?;
        }
        Ok(())
    }

    /// A frame that is damaged costs no more than itself.
    fn read_chunk(
        &self,
        chunk: &Chunk,
        next: FrameNumber,
        into: &mut Vec<u8>,
        spot: &mut Option<Spot>,
    ) -> io::Result<()> {
        let file = self.place.open_at(&name_of(chunk.order), OFlag::O_RDONLY)?;
        let known = spot.filter(|spot| spot.order == chunk.order && !spot.next.is_after(next));
        let mut offset = known.map_or(HEAD_LEN as u64, |spot| spot.offset);
        let (mut head, mut read) = ([0; RECORD_LEN], Ok(()));
        while into.len() < BATCH && offset.saturating_add(RECORD_LEN as u64) <= chunk.bytes {
            if let Err(why) = file.read_exact_at(&mut head, offset) {
                return read.and(Err(why));
            }
            let Some(record) = Record::parse(&head) else { break };
            let behind = offset.saturating_add(record.total());
            if behind > chunk.bytes {
                break;
            }
            if !next.is_after(record.number) {
                let at = into.len();
                into.resize(at.saturating_add(record.total() as usize), 0);
                let room = into.get_mut(at..).unwrap_or_default();
                let whole = file.read_exact_at(room, offset).and_then(|()| match split_first(room) {
                    Some(_) => Ok(()),
                    None => Err(ErrorKind::InvalidData.into()),
                });
                if let Err(why) = whole {
                    into.truncate(at);
                    read = read.and(Err(why));
                }
            }
            offset = behind;
            *spot = Some(Spot { order: chunk.order, offset, next: record.number.next() });
        }
        read
    }

    /// These wait, and nobody else; what none of them wants goes. `live` is the stream that goes on.
    ///
    /// # Errors
    /// [`Error`]
    pub fn set_waiting(&mut self, waiting: &[Waiting], live: StreamId) -> Result<(), Error> {
        if waiting.is_empty() {
            self.open = None;
            self.is_dirty = false;
        }
        let from = self.shelf.wanted_from(waiting, live);
        let open = self.open.as_ref().map(|open| open.order);
        while let Some(order) = self.shelf.oldest().map(|chunk| chunk.order) {
            if order >= from || Some(order) == open {
                break;
            }
            self.remove(order)?;
            self.shelf.remove(order);
            self.changes.push(Change::Gone(order));
        }
        while let Some(unread) = self.unread.first().filter(|_| waiting.is_empty()) {
            self.remove(unread.order)?;
            self.unread.remove(0);
        }
        let written = if waiting.is_empty() { self.remove_list() } else { self.write_list(waiting) };
        written.map_err(|why| self.error("write to", why))
    }

    fn write_list(&mut self, waiting: &[Waiting]) -> io::Result<()> {
        let _ = self.place.remove(LIST_NEW);
        let mut file = self.place.open_at(LIST_NEW, OFlag::O_RDWR | OFlag::O_CREAT | OFlag::O_EXCL)?;
        file.write_all(format::list(waiting).as_bytes())?;
        file.sync_data()?;
        renameat(&self.place.dir, LIST_NEW, &self.place.dir, LIST)?;
        self.has_list = true;
        self.place.dir.sync_all()
    }

    fn remove_list(&mut self) -> io::Result<()> {
        if self.has_list {
            self.place.remove(LIST)?;
            self.has_list = false;
            self.place.dir.sync_all()?;
        }
        Ok(())
    }

    fn read_list(&mut self) -> Option<Vec<Waiting>> {
        let mut text = Vec::new();
        let file = self.place.open_at(LIST, OFlag::O_RDONLY).ok()?;
        self.has_list = true;
        file.take(LONGEST_LIST as u64).read_to_end(&mut text).ok()?;
        format::parse_list(&text)
    }

    fn full(&self) -> Error {
        Error::Full(self.place.path.clone())
    }

    fn error(&self, doing: &'static str, why: io::Error) -> Error {
        Error::of(doing, &self.place.path, why)
    }
}

fn must_be_mounted(path: &Path) -> Result<(), Error> {
    let point = unmounted_above(path);
    point.map_or(Ok(()), |point| Err(Error::NotMounted { path: path.to_owned(), point }))
}

fn lock(dir: &File, path: &Path) -> Result<Option<Flock<File>>, Error> {
    let system = |why: io::Error| Error::System { doing: "lock", path: path.to_owned(), why };
    let flags = OFlag::O_RDWR | OFlag::O_CREAT | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK;
    let file = File::from(files::open_at(dir, LOCK, flags, FILES).map_err(|errno| system(errno.into()))?);
    match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
        Ok(lock) => Ok(Some(lock)),
        Err((_, Errno::EWOULDBLOCK)) => Err(Error::Taken(path.to_owned())),
        Err((_, Errno::ENOLCK | Errno::EOPNOTSUPP | Errno::ENOSYS)) => Ok(None),
        Err((_, errno)) => Err(system(errno.into())),
    }
}

/// The wall's nanoseconds since 1970 at the monotonic clock's zero; 0 while the wall clock is not set.
pub fn zero() -> i64 {
    let wall = clock::wall().duration_since(UNIX_EPOCH).unwrap_or_default();
    let ours = i128::from(clock::now().as_nanos());
    let zero = i128::try_from(wall.as_nanos()).unwrap_or(0).saturating_sub(ours);
    if wall < clock::SET { 0 } else { i64::try_from(zero).unwrap_or(0) }
}
