//! A device that is none: it fills buffers as a driver does, lies and fails when it is told to, and notices what a driver would not.

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::collections::{BTreeMap, VecDeque};
use std::ffi::c_void;
use std::ptr::{self, NonNull};
use std::sync::{Arc, Mutex, MutexGuard};

use nix::errno::Errno;

use super::super::buffers::{Driver, Filled, Span};
use super::super::node::CallError;
use super::sys;
use crate::time::Time;

/// Bytes of a buffer.
pub(super) const LENGTH: u32 = 64;

/// The device.
pub(super) struct Fake(Mutex<State>);

/// What the device has, and was told.
#[derive(Default)]
pub(super) struct State {
    /// How many buffers it has to give, whatever was asked for.
    pub grants: u32,
    /// Where each buffer is that is mapped.
    pub mapped: BTreeMap<u32, Memory>,
    /// Buffers that it may write to, oldest first.
    pub queued: VecDeque<u32>,
    /// Buffers that it has written to, oldest first.
    pub filled: VecDeque<Filled>,
    /// Whether it streams.
    pub is_on: bool,
    /// Buffers that it has made.
    pub made: u32,
    /// Calls so far.
    pub calls: usize,
    /// The call that fails, counted from zero.
    pub fails: Option<usize>,
    sequence: u32,
}

/// Memory of a buffer.
pub(super) struct Memory(NonNull<u8>);

// SAFETY: it is allocated memory, which belongs to no thread.
unsafe impl Send for Memory {}

impl Fake {
    /// A device with so many buffers to give.
    pub(super) fn new(grants: u32) -> Arc<Fake> {
        Arc::new(Fake(Mutex::new(State { grants, ..State::default() })))
    }

    /// What it has.
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// Writes `value` over the whole of the buffer that was queued first, and says that `bytes_used` of it count.
    pub(super) fn fill(&self, value: u8, bytes_used: u32) -> bool {
        let mut state = self.state();
        let Some(index) = state.queued.pop_front() else { return false };
        // SAFETY: the memory was allocated with this length, and is mapped; that nobody reads it now is what is tested.
        unsafe { ptr::write_bytes(state.mapped[&index].0.as_ptr(), value, LENGTH as usize) };
        state.sequence += 1;
        let (flags, captured) = (sys::V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC, Time::from_millis(1));
        let sequence = state.sequence;
        state.filled.push_back(Filled { index, bytes_used, flags, captured, sequence });
        true
    }

    fn call(&self, call: &'static str) -> Result<MutexGuard<'_, State>, CallError> {
        let mut state = self.state();
        let fails = state.fails == Some(state.calls);
        state.calls += 1;
        if fails { Err(CallError { call, errno: Errno::ENODEV }) } else { Ok(state) }
    }
}

fn layout() -> Layout {
    Layout::from_size_align(LENGTH as usize, 16).unwrap()
}

// SAFETY: memory is allocated by `map` and freed by `unmap`, and written to by `fill` alone, between `queue` and `dequeue`.
unsafe impl Driver for Fake {
    fn request(&self, count: u32) -> Result<u32, CallError> {
        let mut state = self.call("VIDIOC_REQBUFS")?;
        assert!(state.mapped.is_empty(), "buffers are freed that are mapped");
        state.made = count.min(state.grants);
        Ok(state.made)
    }

    fn span(&self, index: u32) -> Result<Span, CallError> {
        let state = self.call("VIDIOC_QUERYBUF")?;
        assert!(index < state.made);
        Ok(Span { offset: index * LENGTH, length: LENGTH })
    }

    fn map(&self, span: Span) -> Result<(NonNull<c_void>, usize), CallError> {
        let mut state = self.call("mmap")?;
        // SAFETY: the layout has a size.
        let memory = NonNull::new(unsafe { alloc_zeroed(layout()) }).unwrap();
        let before = state.mapped.insert(span.offset / LENGTH, Memory(memory));
        assert!(before.is_none(), "a buffer is mapped twice");
        Ok((memory.cast(), LENGTH as usize))
    }

    /// # Safety
    /// As [`Driver`] says.
    unsafe fn unmap(&self, start: NonNull<c_void>, length: usize) -> Result<(), CallError> {
        assert_eq!(length, LENGTH as usize);
        let index =
            self.state().mapped.iter().find(|(_, memory)| memory.0.cast() == start).map(|(&index, _)| index);
        let memory = self.state().mapped.remove(&index.expect("what is unmapped was mapped")).unwrap();
        // SAFETY: `map` has allocated it so, and it is not in the list any more.
        unsafe { dealloc(memory.0.as_ptr(), layout()) };
        self.call("munmap").map(drop)
    }

    /// # Safety
    /// As [`Driver`] says.
    unsafe fn queue(&self, index: u32) -> Result<(), CallError> {
        let mut state = self.call("VIDIOC_QBUF")?;
        let has_it = state.queued.contains(&index) || state.filled.iter().any(|filled| filled.index == index);
        assert!(!has_it, "the driver has buffer {index}, and gets it again");
        assert!(state.mapped.contains_key(&index));
        state.queued.push_back(index);
        Ok(())
    }

    fn dequeue(&self) -> Result<Option<Filled>, CallError> {
        Ok(self.call("VIDIOC_DQBUF")?.filled.pop_front())
    }

    fn stream_on(&self) -> Result<(), CallError> {
        self.call("VIDIOC_STREAMON")?.is_on = true;
        Ok(())
    }

    fn stream_off(&self) -> Result<(), CallError> {
        let mut state = self.call("VIDIOC_STREAMOFF")?;
        state.is_on = false;
        state.queued.clear();
        state.filled.clear();
        Ok(())
    }
}
