//! Opening and closing a camera beside the loop: a driver may take seconds for either, and clients must not notice.

use crate::app::exit::Failure;
use crate::capture::{OpenError, Source, SourceSpec, Wish, v4l2};
use std::io::{Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

enum Job {
    Open,
    Close(Box<Source>),
}

/// What came of an opening.
pub type Opened = Result<Source, OpenError>;

/// A thread that opens and closes the camera, one after the other. It ends with the program: a driver that hangs in the
/// kernel cannot be waited for.
pub struct Opener {
    jobs: Sender<Job>,
    results: Receiver<Opened>,
    pipe: UnixStream,
}

impl Opener {
    /// Starts the thread.
    ///
    /// # Errors
    /// The process has no thread or no descriptor left.
    pub fn start(wish: &Wish) -> Result<Self, Failure> {
        let fail = |error| Failure::system("the thread that opens the camera", &error);
        let (pipe, bell) = UnixStream::pair().map_err(fail)?;
        pipe.set_nonblocking(true).map_err(fail)?;
        let (jobs, todo) = channel();
        let (done, results) = channel();
        let mut worker = Worker { wish: wish.clone(), link: None, was_missing: false };
        let work = move || worker.work(&todo, &done, bell);
        thread::Builder::new().name("opener".into()).spawn(work).map_err(fail)?;
        Ok(Opener { jobs, results, pipe })
    }

    /// Opens the camera, after what was asked before. [`take`](Self::take) has the result when the descriptor can be read.
    pub fn open(&self) {
        // the thread lives as long as we do
        let _ = self.jobs.send(Job::Open);
    }

    /// Closes what was opened.
    pub fn close(&self, source: Source) {
        let _ = self.jobs.send(Job::Close(Box::new(source)));
    }

    /// The result of an opening, if there is one.
    pub fn take(&mut self) -> Option<Opened> {
        let mut bells = [0; 16];
        let _ = self.pipe.read(&mut bells);
        self.results.try_recv().ok()
    }
}

impl AsFd for Opener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.pipe.as_fd()
    }
}

struct Worker {
    wish: Wish,
    /// The link that names this very camera, whatever number its node has.
    link: Option<PathBuf>,
    was_missing: bool,
}

impl Worker {
    fn work(&mut self, todo: &Receiver<Job>, done: &Sender<Opened>, mut bell: UnixStream) {
        while let Ok(job) = todo.recv() {
            match job {
                Job::Close(source) => drop(source),
                Job::Open => {
                    let opened = self.open();
                    if done.send(opened).is_err() || bell.write_all(&[0]).is_err() {
                        return;
                    }
                }
            }
        }
    }

    fn open(&mut self) -> Opened {
        let mut wish = self.wish.clone();
        // the camera of before, if it has come back under another number
        if let Some(link) = self.link.as_ref().filter(|link| link.exists()) {
            wish.source = SourceSpec::Device(link.clone());
        }
        let mut opened = Source::open(&wish);
        match &mut opened {
            Ok(_) => {
                if let SourceSpec::Device(path) = &wish.source {
                    self.link = v4l2::stable_link(path);
                }
            }
            // looking for others opens each of them: once
            Err(error @ OpenError::Missing { .. }) if !self.was_missing => error.name_cameras(),
            Err(_) => {}
        }
        self.was_missing = matches!(opened, Err(OpenError::Missing { .. }));
        opened
    }
}
