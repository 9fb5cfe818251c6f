//! The folder and its files. It is not trusted: no link is followed, what is read is checked, and nothing but our own names is touched.

use super::format::{
    self, HEAD_LEN, Head, LONGEST_LIST, RECORD_LEN, Record, Waiting, name_of, order_of, split_first,
};
use super::shelf::{Chunk, Shelf};
use crate::shown::shown;
use crate::sys::clock;
use crate::wire::{FrameNumber, StreamId};
use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg, OFlag, openat, renameat};
use nix::sys::stat::Mode;
use nix::sys::statvfs::fstatvfs;
use nix::unistd::{UnlinkatFlags, unlinkat};
use std::fmt;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

const LOCK: &str = "camcast-spill.lock";
const LIST: &str = "camcast-spill.waiting";
const LIST_NEW: &str = "camcast-spill.waiting.new";

/// Nobody else's business.
const FILES: Mode = Mode::S_IRUSR.union(Mode::S_IWUSR);

/// So much is read at once, if it is more than a frame.
const BATCH: usize = 1 << 20;

/// How much is free is asked again after so many bytes.
const LOOK: u64 = 8 << 20;

/// A wall clock that shows an earlier time, in seconds since 1970, was not set: it is that of 2026.
const SET: u64 = 1_767_225_600;

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

/// What is wrong with the folder.
#[derive(Debug)]
pub enum Error {
    /// Another camcast has it.
    Taken(PathBuf),
    /// Nothing more is free, but what is to stay so.
    Full(PathBuf),
    /// The system says so.
    System {
        /// What was to be done.
        doing: &'static str,
        /// With what.
        path: PathBuf,
        /// What it says.
        why: io::Error,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Taken(path) => {
                write!(f, "{}: another camcast uses it: give each a folder of its own", shown(path))
            }
            Error::Full(path) => {
                write!(f, "{}: the disk is full: delete something, or choose another", shown(path))
            }
            Error::System { doing, path, why } => {
                write!(f, "cannot {doing} {}: {why}", shown(path))?;
                match why.kind() {
                    ErrorKind::NotFound => f.write_str(": is the disk mounted?"),
                    ErrorKind::PermissionDenied => f.write_str(
                        ": change its owner or mode, or let the unit write there (ReadWritePaths=)",
                    ),
                    ErrorKind::ReadOnlyFilesystem => {
                        f.write_str(": mount it read-write, or let the unit write there (ReadWritePaths=)")
                    }
                    _ if why.raw_os_error() == Some(Errno::ELOOP as i32) => {
                        f.write_str(": a link is in the way: delete it")
                    }
                    _ => Ok(()),
                }
            }
        }
    }
}

impl std::error::Error for Error {}

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
    path: PathBuf,
    dir: File,
    /// None: its file system knows no locks.
    _lock: Option<Flock<File>>,
    limits: Limits,
    shelf: Shelf,
    changes: Vec<Change>,
    /// The chunk that is being written.
    open: Option<(u64, File)>,
    boot: u128,
    is_dirty: bool,
    has_list: bool,
    /// Bytes that were written since it was asked what is free.
    since_look: u64,
}

impl Folder {
    /// Opens the folder, or makes it, and looks at what is there. With it come those who wait; none if that cannot be read.
    ///
    /// # Errors
    /// [`Error`]
    pub fn make(path: &Path, limits: Limits) -> Result<(Self, Option<Vec<Waiting>>), Error> {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
        made.map_err(|why| Error::System { doing: "make", path: path.to_owned(), why })?;
        Folder::open(path, limits)
    }

    /// The same of a folder that is there: where a disk should be mounted, and is not, nothing is made.
    ///
    /// # Errors
    /// [`Error`]
    pub fn open(path: &Path, limits: Limits) -> Result<(Self, Option<Vec<Waiting>>), Error> {
        let system = |doing| move |why| Error::System { doing, path: path.to_owned(), why };
        let dir = OpenOptions::new().read(true).custom_flags(OFlag::O_DIRECTORY.bits()).open(path);
        let dir = dir.map_err(system("open"))?;
        let lock = lock(&dir, path)?;
        let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        let boot = u128::from_str_radix(&boot.trim().replace('-', ""), 16).unwrap_or(0);
        let mut folder = Folder {
            path: path.to_owned(),
            dir,
            _lock: lock,
            limits,
            shelf: Shelf::default(),
            changes: Vec::new(),
            open: None,
            boot,
            is_dirty: false,
            has_list: false,
            since_look: LOOK,
        };
        folder.scan().map_err(system("read"))?;
        let waiting = folder.read_list();
        Ok((folder, waiting))
    }

    /// What it is called.
    pub fn path(&self) -> &Path {
        &self.path
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
        match (fs::metadata(&self.path), self.dir.metadata()) {
            (Ok(there), Ok(ours)) => {
                (there.dev(), there.ino()) == (ours.dev(), ours.ino()) && ours.nlink() > 0
            }
            _ => false,
        }
    }

    /// Writes a record and its frame, which is behind those before it in its stream. The oldest chunks may have to go.
    ///
    /// # Errors
    /// [`Error`]: nothing of it is there.
    pub fn append(&mut self, stream: StreamId, number: FrameNumber, bytes: &[u8]) -> Result<(), Error> {
        let length = bytes.len() as u64;
        let fits = self.shelf.iter().next_back().is_some_and(|last| {
            let is_open = self.open.as_ref().is_some_and(|(order, _)| *order == last.order);
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
                    self.push_out().then_some(()).ok_or(Error::Full(self.path.clone()))?;
                }
                Err(why) => return Err(self.error("write to", why)),
                Ok(()) => return Ok(()),
            }
        }
    }

    fn write(&mut self, number: FrameNumber, bytes: &[u8]) -> io::Result<()> {
        let (Some((order, file)), Some(last)) = (&self.open, self.shelf.iter().next_back()) else {
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
        let order = self.shelf.iter().next_back().map_or(1, |last| last.order.saturating_add(1));
        let head = Head { order, stream, boot: self.boot, zero: zero() };
        let name = name_of(order);
        let make = || {
            let file = self.open_at(&name, OFlag::O_RDWR | OFlag::O_CREAT | OFlag::O_EXCL)?;
            file.write_all_at(&head.to_bytes(), 0)?;
            self.dir.sync_all()?;
            Ok(file)
        };
        let file = make().map_err(|why| {
            let _ = self.remove(&name);
            self.error("make a file in", why)
        })?;
        let Head { stream, boot, zero, .. } = head;
        let chunk = Chunk { order, stream, first, end: first, bytes: HEAD_LEN as u64, boot, zero };
        self.shelf.push(chunk);
        self.changes.push(Change::Begun(chunk));
        self.open = Some((order, file));
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
    /// [`Error`]
    pub fn sync(&mut self) -> Result<(), Error> {
        if let Some((_, file)) = self.open.as_ref().filter(|_| self.is_dirty) {
            file.sync_data().map_err(|why| self.error("write to", why))?;
        }
        self.is_dirty = false;
        Ok(())
    }

    /// Something was written that may not be on the disk.
    pub fn is_dirty(&self) -> bool {
        self.is_dirty
    }

    fn make_room(&mut self, length: u64) -> Result<(), Error> {
        while self.shelf.bytes().saturating_add(length) > self.limits.size {
            if !self.push_out() && !self.push_out_open() {
                return Err(Error::Full(self.path.clone()));
            }
        }
        if self.open.is_some() && self.since_look < LOOK {
            return Ok(());
        }
        self.since_look = 0;
        loop {
            let free = self.free().map_err(|errno| self.error("look at", errno.into()))?;
            if free >= self.limits.reserve.saturating_add(length) {
                return Ok(());
            }
            if !self.push_out() {
                self.since_look = LOOK;
                return Err(Error::Full(self.path.clone()));
            }
        }
    }

    #[allow(clippy::useless_conversion, reason = "on some machines these are of 32 bits")]
    fn free(&self) -> nix::Result<u64> {
        let stat = fstatvfs(&self.dir)?;
        Ok(u64::from(stat.blocks_available()).saturating_mul(u64::from(stat.fragment_size())))
    }

    /// The oldest chunk goes, if it is not the one that is being written.
    fn push_out(&mut self) -> bool {
        let open = self.open.as_ref().map(|(order, _)| *order);
        let Some(oldest) = self.shelf.oldest().map(|chunk| chunk.order).filter(|order| Some(*order) != open)
        else {
            return false;
        };
        self.delete(oldest);
        self.changes.push(Change::PushedOut(oldest));
        true
    }

    fn push_out_open(&mut self) -> bool {
        self.open.take().is_some() && self.push_out()
    }

    /// Off the shelf in any case: what cannot be deleted is found by the next start.
    fn delete(&mut self, order: u64) {
        let _ = self.remove(&name_of(order));
        self.shelf.remove(order);
    }

    /// Appends records of that stream, from that frame on, to `into`; none if there are none. `spot` as the last call left it.
    ///
    /// # Errors
    /// [`Error`]
    pub fn read(
        &mut self,
        stream: StreamId,
        next: FrameNumber,
        into: &mut Vec<u8>,
        spot: &mut Option<Spot>,
    ) -> Result<(), Error> {
        while let Some((chunk, next)) = self.shelf.find(stream, next) {
            let chunk = *chunk;
            let read = self.read_chunk(&chunk, next, into, spot);
            if into.is_empty() {
                // it does not hold what was thought
                let end = if chunk.first.is_after(next) { chunk.first } else { next };
                self.shelf.set_end(chunk.order, end, chunk.bytes);
                self.changes.push(Change::Grown { order: chunk.order, end, bytes: chunk.bytes });
                *spot = None;
                if let Err(why) = read {
                    return Err(self.error("read from", why));
                }
                continue;
            }
            break;
        }
        Ok(())
    }

    fn read_chunk(
        &self,
        chunk: &Chunk,
        next: FrameNumber,
        into: &mut Vec<u8>,
        spot: &mut Option<Spot>,
    ) -> io::Result<()> {
        let file = self.open_at(&name_of(chunk.order), OFlag::O_RDONLY)?;
        let known = spot.filter(|spot| spot.order == chunk.order && !spot.next.is_after(next));
        let mut offset = known.map_or(HEAD_LEN as u64, |spot| spot.offset);
        let mut head = [0; RECORD_LEN];
        while into.len() < BATCH && offset.saturating_add(RECORD_LEN as u64) <= chunk.bytes {
            file.read_exact_at(&mut head, offset)?;
            let Some(record) = Record::parse(&head) else { break };
            let behind = offset.saturating_add(record.total());
            if behind > chunk.bytes {
                break;
            }
            if !next.is_after(record.number) {
                let at = into.len();
                into.resize(at.saturating_add(record.total() as usize), 0);
                let room = into.get_mut(at..).unwrap_or_default();
                let is_whole = file.read_exact_at(room, offset).is_ok() && split_first(room).is_some();
                if !is_whole {
                    into.truncate(at);
                    break;
                }
            }
            offset = behind;
            *spot = Some(Spot { order: chunk.order, offset, next: record.number.next() });
        }
        Ok(())
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
        let open = self.open.as_ref().map(|(order, _)| *order);
        while let Some(order) = self.shelf.oldest().map(|chunk| chunk.order) {
            if order >= from || Some(order) == open {
                break;
            }
            self.delete(order);
            self.changes.push(Change::Gone(order));
        }
        let written = if waiting.is_empty() { self.remove_list() } else { self.write_list(waiting) };
        written.map_err(|why| self.error("write to", why))
    }

    fn write_list(&mut self, waiting: &[Waiting]) -> io::Result<()> {
        let _ = self.remove(LIST_NEW);
        let mut file = self.open_at(LIST_NEW, OFlag::O_RDWR | OFlag::O_CREAT | OFlag::O_EXCL)?;
        file.write_all(format::list(waiting).as_bytes())?;
        file.sync_data()?;
        renameat(&self.dir, LIST_NEW, &self.dir, LIST)?;
        self.has_list = true;
        self.dir.sync_all()
    }

    fn remove_list(&mut self) -> io::Result<()> {
        if !std::mem::take(&mut self.has_list) {
            return Ok(());
        }
        match self.remove(LIST) {
            Err(Errno::ENOENT) | Ok(()) => self.dir.sync_all(),
            Err(errno) => Err(errno.into()),
        }
    }

    fn read_list(&mut self) -> Option<Vec<Waiting>> {
        let mut text = Vec::new();
        let file = self.open_at(LIST, OFlag::O_RDONLY).ok()?;
        self.has_list = true;
        file.take(LONGEST_LIST as u64).read_to_end(&mut text).ok()?;
        format::parse_list(&text)
    }

    /// What was left by an earlier start.
    fn scan(&mut self) -> io::Result<()> {
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let mut dir = Dir::openat(&self.dir, ".", flags, Mode::empty())?;
        let names = dir.iter().map(|entry| Ok(entry?.file_name().to_str().ok().and_then(order_of)));
        let mut orders: Vec<u64> =
            names.filter_map(|name: nix::Result<_>| name.transpose()).collect::<Result<_, _>>()?;
        orders.sort_unstable();
        let mut found: Vec<Chunk> = Vec::new();
        for order in orders {
            match self.look_at(order) {
                Some(chunk) => found.push(chunk),
                // the power went when it was made
                None => drop(self.remove(&name_of(order))),
            }
        }
        for at in 0..found.len() {
            let following = found.get(at.saturating_add(1)).map(|chunk| (chunk.stream, chunk.first));
            let Some(chunk) = found.get_mut(at) else { break };
            match following {
                Some((stream, first)) if stream == chunk.stream && first.is_after(chunk.first) => {
                    chunk.end = first;
                }
                _ => {
                    if let Ok(file) = self.open_at(&name_of(chunk.order), OFlag::O_RDONLY) {
                        walk(chunk, &file);
                    }
                }
            }
            self.shelf.push(*chunk);
        }
        Ok(())
    }

    /// A chunk's head and its first record.
    fn look_at(&self, order: u64) -> Option<Chunk> {
        let file = self.open_at(&name_of(order), OFlag::O_RDONLY).ok()?;
        let mut bytes = [0; HEAD_LEN + RECORD_LEN];
        file.read_exact_at(&mut bytes, 0).ok()?;
        let head = Head::parse(&bytes).filter(|head| head.order == order)?;
        let first = Record::parse(bytes.get(HEAD_LEN..)?)?.number;
        let Head { stream, boot, zero, .. } = head;
        let bytes = file.metadata().ok()?.len();
        Some(Chunk { order, stream, first, end: first, bytes, boot, zero })
    }

    /// A regular file of the folder itself: a pipe in its place keeps nobody waiting.
    fn open_at(&self, name: &str, flags: OFlag) -> io::Result<File> {
        let flags = flags | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
        let file = File::from(openat(&self.dir, name, flags, FILES)?);
        if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::other("it is no regular file")) }
    }

    fn remove(&self, name: &str) -> nix::Result<()> {
        unlinkat(&self.dir, name, UnlinkatFlags::NoRemoveDir)
    }

    fn error(&self, doing: &'static str, why: io::Error) -> Error {
        if is_full(&why) {
            Error::Full(self.path.clone())
        } else {
            Error::System { doing, path: self.path.clone(), why }
        }
    }
}

/// Where the last whole record ends, as far as records say themselves.
fn walk(chunk: &mut Chunk, file: &File) {
    let (length, mut offset, mut head) = (chunk.bytes, HEAD_LEN as u64, [0; RECORD_LEN]);
    while file.read_exact_at(&mut head, offset).is_ok() {
        let Some(record) = Record::parse(&head) else { break };
        let behind = offset.saturating_add(record.total());
        if behind > length || chunk.end.is_after(record.number) {
            break;
        }
        (offset, chunk.end) = (behind, record.number.next());
    }
    chunk.bytes = offset;
}

fn lock(dir: &File, path: &Path) -> Result<Option<Flock<File>>, Error> {
    let system = |why: io::Error| Error::System { doing: "lock", path: path.to_owned(), why };
    let flags = OFlag::O_RDWR | OFlag::O_CREAT | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK;
    let file = File::from(openat(dir, LOCK, flags, FILES).map_err(|errno| system(errno.into()))?);
    match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
        Ok(lock) => Ok(Some(lock)),
        Err((_, Errno::EWOULDBLOCK)) => Err(Error::Taken(path.to_owned())),
        Err((_, Errno::ENOLCK | Errno::EOPNOTSUPP | Errno::ENOSYS)) => Ok(None),
        Err((_, errno)) => Err(system(errno.into())),
    }
}

fn is_full(why: &io::Error) -> bool {
    matches!(why.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded)
}

/// The wall's nanoseconds since 1970 at the monotonic clock's zero; 0 while the wall clock is not set.
pub fn zero() -> i64 {
    let wall = clock::wall().duration_since(UNIX_EPOCH).unwrap_or_default();
    let ours = i128::from(clock::now().as_nanos());
    let zero = i128::try_from(wall.as_nanos()).unwrap_or(0).saturating_sub(ours);
    if wall.as_secs() < SET { 0 } else { i64::try_from(zero).unwrap_or(0) }
}
