//! The thread that makes other JPEGs of frames, one at a time. A frame takes it milliseconds, on a small board tens of them: in the
//! loop, the datagrams of recorders would wait for that.

use crate::http::route::Scale;
use crate::jpeg::Size;
use crate::picture::{self, Error, Recoder, Scaler};
use crate::reel::Frame;
use crate::sys::worker::{Bell, Running};
use crate::time::Time;
use crate::wire::FrameNumber;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

/// What is to be made of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// A smaller one.
    Shrink(Scale),
    /// The same with the standard Huffman tables.
    Recode,
}

/// A frame of which another is to be made, and what came of it. It goes to the thread and comes back, and its buffers with it.
pub struct Job {
    /// The frame's number in the stream.
    pub number: FrameNumber,
    /// When it was captured.
    pub captured: Time,
    /// What is to be made of it.
    pub task: Task,
    whole: Vec<u8>,
    /// The other JPEG.
    pub made: Vec<u8>,
    /// That one's size; or why there is none.
    pub outcome: Result<Size, Error>,
}

/// The thread, as the loop has it. When this is dropped the thread ends behind the frame in hand; nobody waits for it.
pub struct Maker {
    orders: SyncSender<Job>,
    done: Receiver<Job>,
    thread: Running,
    bell: Bell,
    /// The job, while the thread has none.
    job: Option<Job>,
}

impl Maker {
    /// Starts the thread.
    ///
    /// # Errors
    /// The process has no thread or no descriptor left.
    pub fn start() -> io::Result<Self> {
        let bell = Bell::new()?;
        // there is one job, so that neither is ever full
        let (orders, inbox) = sync_channel(1);
        let (outbox, done) = sync_channel(1);
        let ring = bell.clone();
        let thread = Running::start("maker", &bell, move || work(&inbox, &outbox, &ring))?;
        let job = Job {
            number: FrameNumber::default(),
            captured: Time::default(),
            task: Task::Recode,
            whole: Vec::new(),
            made: Vec::new(),
            outcome: Ok(Size { width: 0, height: 0 }),
        };
        Ok(Maker { orders, done, thread, bell, job: Some(job) })
    }

    /// The thread has nothing to do.
    pub fn is_idle(&self) -> bool {
        self.job.is_some()
    }

    /// The thread has ended, which it does not by itself.
    pub fn has_ended(&self) -> bool {
        self.thread.has_ended()
    }

    /// Gives it a frame, if it is idle.
    pub fn begin(&mut self, frame: &Frame<'_>, task: Task) {
        let Some(mut job) = self.job.take() else { return };
        (job.number, job.captured, job.task) = (frame.number(), frame.stamp().captured, task);
        job.whole.clear();
        frame.append_to(&mut job.whole);
        // of a thread that has ended the bell has rung
        let _ = self.orders.try_send(job);
    }

    /// What it has done, if it has. After the bell has rung.
    pub fn finish(&mut self) -> Option<&Job> {
        self.bell.clear();
        self.job = Some(self.done.try_recv().ok()?);
        self.job.as_ref()
    }
}

impl AsFd for Maker {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.bell.as_fd()
    }
}

fn work(inbox: &Receiver<Job>, outbox: &SyncSender<Job>, bell: &Bell) {
    let (mut scaler, mut recoder) = (None, None);
    for mut job in inbox {
        job.made.clear();
        let made = match job.task {
            Task::Shrink(scale) => shrink(&mut scaler, &job.whole, scale),
            Task::Recode => recode(&mut recoder, &job.whole),
        };
        job.outcome = made.map(|(jpeg, size)| {
            job.made.extend_from_slice(jpeg);
            size
        });
        if outbox.send(job).is_err() {
            return;
        }
        bell.ring();
    }
}

fn shrink<'s>(scaler: &'s mut Option<Scaler>, whole: &[u8], scale: Scale) -> Result<(&'s [u8], Size), Error> {
    let scaler = match scaler {
        Some(scaler) => scaler,
        none => none.insert(Scaler::new()?),
    };
    let scale = match scale {
        Scale::Half => picture::Scale::HALF,
        Scale::Quarter => picture::Scale::QUARTER,
        Scale::Eighth => picture::Scale::SMALLEST,
    };
    scaler.shrink(whole, scale)
}

fn recode<'r>(recoder: &'r mut Option<Recoder>, whole: &[u8]) -> Result<(&'r [u8], Size), Error> {
    let recoder = match recoder {
        Some(recoder) => recoder,
        none => none.insert(Recoder::new()?),
    };
    recoder.recode(whole)
}
