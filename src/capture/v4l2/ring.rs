//! The driver's buffers, mapped into our memory: taken from it one by one, and given back.
#![allow(unsafe_code)]

use std::cell::Cell;
use std::ffi::c_void;
use std::ptr::NonNull;
use std::slice;
use std::sync::Arc;
use std::time::Duration;

use nix::errno::Errno;
use v4l::v4l_sys as sys;

use super::buffers::{Driver, Filled, Span};
use super::node::CallError;
use crate::time::Time;

/// How many buffers are asked for: at 30 fps the loop may be late by some 150 ms before a frame is dropped.
const WANTED: u32 = 6;

/// With fewer the driver would have none to fill while we hold one.
const FEWEST: usize = 2;

/// A driver's time further than this from ours is on another clock or nonsense (raspberrypi/linux #1984).
const BELIEVABLE: Duration = Duration::from_secs(10);

/// A stream in progress. Dropping it stops the camera and frees the buffers.
pub(super) struct Ring {
    driver: Arc<dyn Driver>,
    buffers: Vec<Mapping>,
    /// Taken from the driver and not handed out yet.
    newest: Option<Filled>,
    /// Why a buffer could not be given back: found when a [`Buffer`] is dropped, told by the next call.
    failed: Cell<Option<CallError>>,
}

impl Ring {
    /// Maps what buffers the driver grants, gives it all of them and starts the stream.
    ///
    /// # Errors
    /// `EBUSY` is another program's stream, `ENOSPC` at `VIDIOC_STREAMON` the USB bus's lack of bandwidth.
    pub(super) fn start(driver: Arc<dyn Driver>) -> Result<Self, CallError> {
        // Made first, so that its drop undoes what was done when a later step fails.
        let mut ring = Ring { driver, buffers: Vec::new(), newest: None, failed: Cell::new(None) };
        let count = ring.driver.request(WANTED)?;
        for index in 0..count {
            let place = ring.driver.span(index)?;
            ring.buffers.push(Mapping::new(&ring.driver, place)?);
        }
        if ring.buffers.len() < FEWEST {
            return Err(CallError { call: "VIDIOC_REQBUFS", errno: Errno::ENOMEM });
        }
        for index in 0..count {
            // SAFETY: the stream is being made, nothing has been lent.
            unsafe { ring.driver.queue(index) }?;
        }
        ring.driver.stream_on()?;
        Ok(ring)
    }

    /// How many buffers there are.
    pub(super) fn len(&self) -> usize {
        self.buffers.len()
    }

    /// The oldest buffer that is filled, on loan; `None` if there is none yet. Exclusive, so that one is lent
    /// at a time.
    pub(super) fn dequeue(&mut self) -> Result<Option<Buffer<'_>>, CallError> {
        if let Some(failed) = self.failed.take() {
            return Err(failed);
        }
        let taken = match self.newest.take() {
            Some(filled) => Some(filled),
            None => self.driver.dequeue()?,
        };
        let Some(filled) = taken else { return Ok(None) };
        match usize::try_from(filled.index).ok().and_then(|index| self.buffers.get(index)) {
            Some(mapping) => Ok(Some(Buffer { ring: self, mapping, filled })),
            None => Err(CallError { call: "VIDIOC_DQBUF", errno: Errno::ERANGE }),
        }
    }

    /// Gives all filled buffers back but the newest, which [`dequeue`](Self::dequeue) returns next; how many.
    pub(super) fn drop_older(&mut self) -> Result<u32, CallError> {
        let mut dropped = 0;
        // a driver that fills as fast as this gives back does not hold us
        for _ in 0..self.buffers.len() {
            let Some(filled) = self.driver.dequeue()? else { break };
            if let Some(older) = self.newest.replace(filled) {
                // SAFETY: it was taken from the driver and never lent.
                unsafe { self.driver.queue(older.index) }?;
                dropped += 1;
            }
        }
        Ok(dropped)
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        report(self.driver.stream_off());
        self.buffers.clear();
        report(self.driver.request(0).map(|_| ()));
    }
}

/// Every step fails with `ENODEV` after an unplug, and closing the node frees all: nothing to do but to mention it.
fn report(result: Result<(), CallError>) {
    if let Err(failed) = result {
        log::debug!("while the camera is closed: {} failed: {}", failed.call, failed.errno.desc());
    }
}

/// A filled buffer on loan from the driver, which gets it back on drop.
pub struct Buffer<'a> {
    ring: &'a Ring,
    mapping: &'a Mapping,
    filled: Filled,
}

impl Buffer<'_> {
    /// What the driver has written: never more than the buffer holds, whatever it says.
    pub fn bytes(&self) -> &[u8] {
        let used = usize::try_from(self.filled.bytes_used).unwrap_or(usize::MAX);
        // SAFETY: the driver has given this buffer back, and gets it again when `self`, which the slice
        // borrows, is gone.
        let whole = unsafe { self.mapping.bytes() };
        whole.get(..used).unwrap_or(whole)
    }

    /// Whether the driver flags it as damaged, or has written nothing.
    pub fn flawed(&self) -> bool {
        self.filled.bytes_used == 0 || self.filled.flags & sys::V4L2_BUF_FLAG_ERROR != 0
    }

    /// The driver's count of frames.
    pub fn sequence(&self) -> u32 {
        self.filled.sequence
    }

    /// When it was captured, as far as the driver can be believed; else `now`.
    pub fn captured(&self, now: Time) -> Time {
        believable(self.filled.flags, self.filled.captured, now)
    }
}

impl Drop for Buffer<'_> {
    fn drop(&mut self) {
        // SAFETY: the only references into the mapping came from `bytes`, and borrowed `self`.
        if let Err(failed) = unsafe { self.ring.driver.queue(self.filled.index) } {
            self.ring.failed.set(Some(failed));
        }
    }
}

/// The driver's time if it is on the monotonic clock and near `now`, to either side: vivid stamps up to 178 ms ahead.
fn believable(flags: u32, driver: Time, now: Time) -> Time {
    let monotonic = flags & sys::V4L2_BUF_FLAG_TIMESTAMP_MASK == sys::V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC;
    let distance = now.since(driver).max(driver.since(now));
    if monotonic && distance <= BELIEVABLE { driver } else { now }
}

/// One buffer's pages, read-only.
struct Mapping {
    driver: Arc<dyn Driver>,
    start: NonNull<c_void>,
    length: usize,
}

// SAFETY: a mapping belongs to the process, not to a thread, and `Mapping` has no state but where it lies; it is read
// through `&self` and unmapped by whoever drops it.
unsafe impl Send for Mapping {}

impl Mapping {
    fn new(driver: &Arc<dyn Driver>, span: Span) -> Result<Self, CallError> {
        let (start, length) = driver.map(span)?;
        Ok(Mapping { driver: Arc::clone(driver), start, length })
    }

    /// # Safety
    /// While the slice lives, the driver does not have the buffer.
    unsafe fn bytes(&self) -> &[u8] {
        // SAFETY: the pages are mapped readable for `length` bytes as long as `self` lives; the caller sees to
        // it that nobody writes.
        unsafe { slice::from_raw_parts(self.start.as_ptr().cast(), self.length) }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: it is our own mapping, and no slice of it can outlive `self`.
        report(unsafe { self.driver.unmap(self.start, self.length) });
    }
}

#[cfg(test)]
mod fake;
#[cfg(test)]
mod tests;
