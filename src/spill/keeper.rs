//! The thread beside the loop: it alone touches the folder, so that a disk that stands still holds up nothing but itself. Frames go to it in
//! buffers that come back.

use super::error::Error;
use super::folder::{Change, Folder, Limits, Spot};
use super::format::Waiting;
use super::shelf::Chunk;
use crate::sys::clock;
use crate::sys::worker::{Bell, Desk, Worker};
use crate::time::Time;
use crate::wire::{FrameNumber, StreamId};
use std::io;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

/// Orders that may wait.
pub const QUEUE: usize = 128;

/// What was written is on the disk after this.
const SYNC: Duration = Duration::from_secs(1);

/// A disk that does not work is tried again after this.
pub const AGAIN: Duration = Duration::from_secs(1);

/// Readers whose place is known.
const READERS: usize = 8;

/// What it is to do.
#[derive(Debug)]
pub enum Order {
    /// Write a record and its frame.
    Write {
        /// Of which stream.
        stream: StreamId,
        /// Which frame.
        number: FrameNumber,
        /// Both.
        bytes: Vec<u8>,
        /// Which attempt this is. When one frame could not be written none behind it is, until the next attempt begins with that
        /// one: frames lie there in order.
        attempt: u32,
    },
    /// Read some.
    Read {
        /// For whom: the answer says so too.
        reader: u32,
        /// Of which stream.
        stream: StreamId,
        /// From which frame on.
        next: FrameNumber,
        /// A buffer for them.
        bytes: Vec<u8>,
    },
    /// These wait, and nobody else.
    Waiting {
        /// They.
        waiting: Vec<Waiting>,
        /// The stream that goes on.
        live: StreamId,
        /// Those are among them who waited when the program began: it has heard of them. If not, nothing is deleted.
        is_all: bool,
    },
}

/// What an earlier start has left.
#[derive(Debug)]
pub struct Found {
    /// Frames.
    pub chunks: Vec<Chunk>,
    /// Those who wait for them; none if that cannot be read.
    pub waiting: Option<Vec<Waiting>>,
    /// What could not be read, if there is something: how many files, and why the first one could not.
    pub unread: Option<(usize, String)>,
    /// The boot of this machine.
    pub boot: u128,
}

/// What has come of it.
#[derive(Debug)]
pub enum News {
    /// The folder was opened for the first time, or could not be: it is tried again, and told when it is open.
    Opened(Result<Found, Error>),
    /// The buffer of a frame, which is written, or is not.
    Done {
        /// Which frame.
        number: FrameNumber,
        /// The buffer.
        bytes: Vec<u8>,
        /// It is.
        is_written: bool,
    },
    /// Records, or none.
    Read {
        /// For whom.
        reader: u32,
        /// They.
        bytes: Vec<u8>,
    },
    /// What has become of the chunks.
    Change(Change),
    /// The folder was gone, and is back, with these.
    Reopened(Vec<Chunk>),
    /// Nothing can be written any more, for this reason.
    Trouble(String),
    /// It works again.
    Well,
    /// Something of what is there cannot be read, for this reason.
    Unreadable(String),
}

struct Keeper {
    folder: Option<Folder>,
    /// It has been open.
    was_open: bool,
    path: PathBuf,
    limits: Limits,
    desk: Desk<News>,
    spots: Vec<(u32, Option<Spot>)>,
    is_in_trouble: bool,
    /// Which attempt to write this is, and which one has failed.
    attempt: u32,
    failed: Option<u32>,
    sync_at: Option<Time>,
}

/// Starts it. It opens the folder first, or makes it, which is told.
///
/// # Errors
/// The process has no thread left.
pub fn start(path: PathBuf, limits: Limits, bell: &Bell) -> io::Result<Worker<Order, News>> {
    Worker::start("spill", QUEUE, bell, move |orders, desk| {
        let spots = Vec::with_capacity(READERS);
        let (folder, was_open, is_in_trouble) = (None, false, false);
        let (attempt, failed, sync_at) = (0, None, None);
        let mut keeper =
            Keeper { folder, was_open, path, limits, desk, spots, is_in_trouble, attempt, failed, sync_at };
        if let Err(error) = keeper.there() {
            keeper.desk.tell(News::Opened(Err(error)));
        }
        keeper.run(&orders);
    })
}

impl Keeper {
    fn run(mut self, orders: &Receiver<Order>) {
        loop {
            let order = match self.sync_at {
                None if !self.was_open => orders.recv_timeout(AGAIN),
                None => orders.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some(at) => orders.recv_timeout(at.since(clock::now())),
            };
            match order {
                Ok(order) => self.obey(order),
                Err(RecvTimeoutError::Timeout) if !self.was_open => {
                    // why it cannot be opened has been told
                    let _ = self.there();
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return self.sync(),
            }
            if self.sync_at.is_some_and(|at| clock::now() >= at) {
                self.sync();
            }
        }
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::Write { stream, number, bytes, attempt } => {
                let is_written = self.write(stream, number, &bytes, attempt);
                self.desk.tell(News::Done { number, bytes, is_written });
            }
            Order::Read { reader, stream, next, mut bytes } => {
                bytes.clear();
                let mut spot = self.spots.iter().find(|(of, _)| *of == reader).and_then(|(_, spot)| *spot);
                let read = self.there().and_then(|folder| folder.read(stream, next, &mut bytes, &mut spot));
                self.tell_changes(&read);
                if let Err(error) = read {
                    self.desk.tell(News::Unreadable(error.to_string()));
                }
                self.spots.retain(|(of, _)| *of != reader);
                if self.spots.len() >= READERS {
                    self.spots.remove(0);
                }
                self.spots.push((reader, spot));
                self.desk.tell(News::Read { reader, bytes });
            }
            Order::Waiting { waiting, live, is_all } => {
                if is_all {
                    // what is wrong is told
                    let _ = self.with_folder(|folder| folder.set_waiting(&waiting, live));
                }
                // the next outage says its own
                self.is_in_trouble &= !waiting.is_empty();
            }
        }
    }

    fn write(&mut self, stream: StreamId, number: FrameNumber, bytes: &[u8], attempt: u32) -> bool {
        if self.failed == Some(attempt) {
            return false;
        }
        self.attempt = attempt;
        let written = self.with_folder(|folder| folder.append(stream, number, bytes));
        if written.is_err() {
            self.failed = Some(attempt);
        } else {
            if std::mem::take(&mut self.is_in_trouble) {
                self.desk.tell(News::Well);
            }
            self.failed = None;
            self.sync_at = self.sync_at.or_else(|| Some(clock::now().after(SYNC)));
        }
        written.is_ok()
    }

    fn sync(&mut self) {
        self.sync_at = None;
        let is_dirty = self.folder.as_ref().is_some_and(Folder::is_dirty);
        if is_dirty && self.with_folder(Folder::sync).is_err() {
            self.failed = Some(self.attempt);
        }
    }

    /// Writes to the folder, which may have to be opened again, and tells what came of it: first the trouble, which is why frames are lost
    /// then.
    fn with_folder<T>(&mut self, act: impl FnOnce(&mut Folder) -> Result<T, Error>) -> Result<T, Error> {
        let done = self.there().and_then(act);
        if let Err(error) = &done {
            if !std::mem::replace(&mut self.is_in_trouble, true) {
                self.desk.tell(News::Trouble(error.to_string()));
            }
        }
        self.tell_changes(&done);
        done
    }

    /// Tells what has become of the chunks.
    fn tell_changes<T>(&mut self, done: &Result<T, Error>) {
        while let Some(change) = self.folder.as_mut().and_then(Folder::take_change) {
            self.desk.tell(News::Change(change));
        }
        if done.is_err() && self.folder.as_ref().is_some_and(|folder| !folder.is_there()) {
            // its lock goes with it, and nothing in it is to be had
            self.folder = None;
            self.desk.tell(News::Reopened(Vec::new()));
        }
    }

    fn there(&mut self) -> Result<&mut Folder, Error> {
        if self.folder.is_none() {
            let open = if self.was_open { Folder::open } else { Folder::make };
            let (folder, waiting) = open(&self.path, self.limits)?;
            self.spots.clear();
            let chunks = folder.shelf().iter().copied().collect();
            self.desk.tell(match std::mem::replace(&mut self.was_open, true) {
                true => News::Reopened(chunks),
                false => {
                    self.is_in_trouble = false;
                    let unread = folder.unread().map(|(count, why)| (count, why.to_string()));
                    News::Opened(Ok(Found { chunks, waiting, unread, boot: folder.boot() }))
                }
            });
            self.folder = Some(folder);
        }
        self.folder.as_mut().ok_or_else(|| Error::Full(self.path.clone()))
    }
}
