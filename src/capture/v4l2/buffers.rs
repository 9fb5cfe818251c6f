//! What a ring of buffers asks of a driver, and how a video node does it.
#![allow(unsafe_code)]

use std::ffi::c_void;
use std::os::fd::{AsFd, AsRawFd};
use std::ptr::{self, NonNull};

use nix::errno::Errno;
use v4l::v4l_sys as sys;
use v4l::v4l2::vidioc;

use super::node::{CAPTURE, CallError, Node, errno, unless, zeroed};
use crate::time::Time;

const MMAP: u32 = sys::v4l2_memory_V4L2_MEMORY_MMAP;

/// A buffer that the driver has filled, as it tells: nothing in it is checked yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Filled {
    pub index: u32,
    pub bytes_used: u32,
    /// `V4L2_BUF_FLAG_*`.
    pub flags: u32,
    pub captured: Time,
    pub sequence: u32,
}

/// Where in the node's file a buffer is mapped, and its length in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub offset: u32,
    pub length: u32,
}

/// Who fills buffers: a [`Node`], or in tests a device that is none.
///
/// # Safety
/// What [`map`](Driver::map) returns can be read for so many bytes until [`unmap`](Driver::unmap), and is written to
/// only between [`queue`](Driver::queue) and the [`dequeue`](Driver::dequeue) that returns that buffer.
pub(super) unsafe trait Driver: Send + Sync {
    /// Asks for `count` buffers (zero frees them) and returns how many there are now.
    fn request(&self, count: u32) -> Result<u32, CallError>;

    /// Where buffer `index` lies.
    fn span(&self, index: u32) -> Result<Span, CallError>;

    /// Where the buffer is in memory from now on, read-only, and its length in bytes.
    fn map(&self, span: Span) -> Result<(NonNull<c_void>, usize), CallError>;

    /// # Safety
    /// `start` and `length` came from [`map`](Driver::map), once, and nobody holds a reference into them.
    unsafe fn unmap(&self, start: NonNull<c_void>, length: usize) -> Result<(), CallError>;

    /// Gives buffer `index` to the driver, which writes into it from now on.
    ///
    /// # Safety
    /// Nobody holds a reference into the buffer's mapping until the driver has given it back by
    /// [`dequeue`](Driver::dequeue).
    unsafe fn queue(&self, index: u32) -> Result<(), CallError>;

    /// Takes the oldest buffer that the driver has filled; `None` if there is none yet.
    fn dequeue(&self) -> Result<Option<Filled>, CallError>;

    /// Starts the stream.
    fn stream_on(&self) -> Result<(), CallError>;

    /// Stops the stream and takes all buffers back from the driver.
    fn stream_off(&self) -> Result<(), CallError>;
}

// SAFETY: the kernel keeps a buffer's pages while they are mapped, and fills those alone that it was given.
unsafe impl Driver for Node {
    fn request(&self, count: u32) -> Result<u32, CallError> {
        let mut argument = sys::v4l2_requestbuffers { count, type_: CAPTURE, memory: MMAP, ..zeroed() };
        // SAFETY: VIDIOC_REQBUFS takes a v4l2_requestbuffers.
        unsafe { self.call("VIDIOC_REQBUFS", vidioc::VIDIOC_REQBUFS, &mut argument) }?;
        Ok(argument.count)
    }

    fn span(&self, index: u32) -> Result<Span, CallError> {
        let mut argument = buffer(index);
        // SAFETY: VIDIOC_QUERYBUF takes a v4l2_buffer.
        unsafe { self.call("VIDIOC_QUERYBUF", vidioc::VIDIOC_QUERYBUF, &mut argument) }?;
        // SAFETY: with V4L2_MEMORY_MMAP the union holds an offset; any bits are one.
        let offset = unsafe { argument.m.offset };
        Ok(Span { offset, length: argument.length })
    }

    fn map(&self, span: Span) -> Result<(NonNull<c_void>, usize), CallError> {
        let fail = |errno| CallError { call: "mmap", errno };
        let length = usize::try_from(span.length).map_err(|_| fail(Errno::ENOMEM))?;
        #[allow(clippy::unnecessary_fallible_conversions, reason = "off_t has 32 bits on 32-bit boards")]
        let offset = libc::off_t::try_from(span.offset).map_err(|_| fail(Errno::EOVERFLOW))?;
        let fd = self.as_fd().as_raw_fd();
        // SAFETY: a new mapping at an address of the kernel's choice, of a length and offset that the driver gave.
        let start = unsafe {
            v4l::v4l2::mmap(ptr::null_mut(), length, libc::PROT_READ, libc::MAP_SHARED, fd, offset)
        }
        .map_err(|error| fail(errno(&error)))?;
        let start = NonNull::new(start).ok_or(fail(Errno::ENOMEM))?;
        Ok((start, length))
    }

    /// # Safety
    /// As [`Driver`] says.
    unsafe fn unmap(&self, start: NonNull<c_void>, length: usize) -> Result<(), CallError> {
        // SAFETY: it is a mapping of ours, into which the caller has no reference.
        let result = unsafe { v4l::v4l2::munmap(start.as_ptr(), length) };
        result.map_err(|error| CallError { call: "munmap", errno: errno(&error) })
    }

    /// # Safety
    /// As [`Driver`] says.
    unsafe fn queue(&self, index: u32) -> Result<(), CallError> {
        let mut argument = buffer(index);
        // SAFETY: VIDIOC_QBUF takes a v4l2_buffer; the caller sees to the memory that it names.
        unsafe { self.call("VIDIOC_QBUF", vidioc::VIDIOC_QBUF, &mut argument) }
    }

    fn dequeue(&self) -> Result<Option<Filled>, CallError> {
        let mut argument = buffer(0);
        // SAFETY: VIDIOC_DQBUF takes a v4l2_buffer.
        let result = unsafe { self.call("VIDIOC_DQBUF", vidioc::VIDIOC_DQBUF, &mut argument) };
        Ok(unless(result, Errno::EAGAIN)?.map(|()| filled(&argument)))
    }

    fn stream_on(&self) -> Result<(), CallError> {
        let mut kind = CAPTURE;
        // SAFETY: VIDIOC_STREAMON takes an int, which has the size of the constant's type.
        unsafe { self.call("VIDIOC_STREAMON", vidioc::VIDIOC_STREAMON, &mut kind) }
    }

    fn stream_off(&self) -> Result<(), CallError> {
        let mut kind = CAPTURE;
        // SAFETY: VIDIOC_STREAMOFF takes an int, which has the size of the constant's type.
        unsafe { self.call("VIDIOC_STREAMOFF", vidioc::VIDIOC_STREAMOFF, &mut kind) }
    }
}

fn buffer(index: u32) -> sys::v4l2_buffer {
    sys::v4l2_buffer { index, type_: CAPTURE, memory: MMAP, ..zeroed() }
}

fn filled(buffer: &sys::v4l2_buffer) -> Filled {
    let seconds = u64::try_from(buffer.timestamp.tv_sec).unwrap_or_default();
    let micros = u64::try_from(buffer.timestamp.tv_usec).unwrap_or_default();
    let nanos = seconds.saturating_mul(1_000_000_000).saturating_add(micros.saturating_mul(1000));
    Filled {
        index: buffer.index,
        bytes_used: buffer.bytesused,
        flags: buffer.flags,
        captured: Time::from_nanos(nanos),
        sequence: buffer.sequence,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_is_as_long_as_the_kernel_knows_it() {
        // with 32 bits the seconds in it have 32 or 64, and the kernel takes both: the call's number says which
        let known: &[usize] = if cfg!(target_pointer_width = "64") { &[88] } else { &[68, 80] };
        let length = size_of::<sys::v4l2_buffer>();
        assert!(known.contains(&length), "{length} bytes");
        for call in [vidioc::VIDIOC_QUERYBUF, vidioc::VIDIOC_QBUF, vidioc::VIDIOC_DQBUF] {
            assert_eq!((call >> 16) as usize & 0x3fff, length);
        }
    }

    #[test]
    fn odd_times_become_instants() {
        let mut raw = buffer(3);
        for (seconds, micros, nanos) in [
            (2, 500, 2_000_500_000),
            (-1, -1, 0),
            (libc::time_t::MAX, 0, (libc::time_t::MAX as u64).saturating_mul(1_000_000_000)),
        ] {
            (raw.timestamp.tv_sec, raw.timestamp.tv_usec) = (seconds, micros);
            assert_eq!(filled(&raw).captured, Time::from_nanos(nanos), "{seconds} s, {micros} us");
        }
    }
}
