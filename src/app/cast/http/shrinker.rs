//! The thread that makes frames smaller, one at a time. A frame takes it milliseconds, on a small board tens of them: in the loop,
//! the datagrams of recorders would wait for that.

use crate::http::route::Scale;
use crate::jpeg::Size;
use crate::picture::{self, Error, Scaler};
use crate::reel::Frame;
use crate::sys::worker::{Bell, Running};
use crate::time::Time;
use crate::wire::FrameNumber;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

/// A frame that is to be made smaller, and what came of it. It goes to the thread and comes back, and its buffers with it.
pub(super) struct Job {
    /// The frame's number in the stream.
    pub(super) number: FrameNumber,
    /// When it was captured.
    pub(super) captured: Time,
    /// How much smaller it is to be.
    pub(super) scale: Scale,
    whole: Vec<u8>,
    /// The smaller JPEG.
    pub(super) small: Vec<u8>,
    /// That one's size; or why there is none.
    pub(super) outcome: Result<Size, Error>,
}

/// The thread, as the loop has it. When this is dropped the thread ends behind the frame in hand; nobody waits for it.
pub(super) struct Shrinker {
    orders: SyncSender<Job>,
    done: Receiver<Job>,
    thread: Running,
    bell: Bell,
    /// The job, while the thread has none.
    job: Option<Job>,
}

impl Shrinker {
    /// Starts the thread.
    ///
    /// # Errors
    /// The process has no thread or no descriptor left.
    pub(super) fn start() -> io::Result<Self> {
        let bell = Bell::new()?;
        // there is one job, so that neither is ever full
        let (orders, inbox) = sync_channel(1);
        let (outbox, done) = sync_channel(1);
        let ring = bell.clone();
        let thread = Running::start("shrinker", &bell, move || work(&inbox, &outbox, &ring))?;
        let job = Job {
            number: FrameNumber::default(),
            captured: Time::default(),
            scale: Scale::Half,
            whole: Vec::new(),
            small: Vec::new(),
            outcome: Ok(Size { width: 0, height: 0 }),
        };
        Ok(Shrinker { orders, done, thread, bell, job: Some(job) })
    }

    /// The thread has nothing to do.
    pub(super) fn is_idle(&self) -> bool {
        self.job.is_some()
    }

    /// The thread has ended, which it does not by itself.
    pub(super) fn has_ended(&self) -> bool {
        self.thread.has_ended()
    }

    /// Gives it a frame, if it is idle.
    pub(super) fn begin(&mut self, frame: &Frame<'_>, scale: Scale) {
        let Some(mut job) = self.job.take() else { return };
        (job.number, job.captured, job.scale) = (frame.number(), frame.stamp().captured, scale);
        job.whole.clear();
        frame.append_to(&mut job.whole);
        // of a thread that has ended the bell has rung
        let _ = self.orders.try_send(job);
    }

    /// What it has done, if it has. After the bell has rung.
    pub(super) fn finish(&mut self) -> Option<&Job> {
        self.bell.clear();
        self.job = Some(self.done.try_recv().ok()?);
        self.job.as_ref()
    }
}

impl AsFd for Shrinker {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.bell.as_fd()
    }
}

fn work(inbox: &Receiver<Job>, outbox: &SyncSender<Job>, bell: &Bell) {
    let mut scaler = None;
    for mut job in inbox {
        job.small.clear();
        job.outcome = shrink(&mut scaler, &job.whole, job.scale, &mut job.small);
        if outbox.send(job).is_err() {
            return;
        }
        bell.ring();
    }
}

fn shrink(
    scaler: &mut Option<Scaler>,
    whole: &[u8],
    scale: Scale,
    small: &mut Vec<u8>,
) -> Result<Size, Error> {
    let scaler = match scaler {
        Some(scaler) => scaler,
        none => none.insert(Scaler::new()?),
    };
    let scale = match scale {
        Scale::Half => picture::Scale::HALF,
        Scale::Quarter => picture::Scale::QUARTER,
        Scale::Eighth => picture::Scale::SMALLEST,
    };
    let (jpeg, size) = scaler.shrink(whole, scale)?;
    small.extend_from_slice(jpeg);
    Ok(size)
}
