//! An open video node: one method a system call, in plain values.
//!
//! Structures and request numbers are those of `linux/videodev2.h`; a method's name is its ioctl's. Here the bounds
//! hold that the compiler cannot see: a request number says how many bytes the kernel writes, and each method passes
//! the structure that belongs to its number.
#![allow(unsafe_code)]

use std::ffi::c_void;
use std::io;
use std::mem;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use v4l::v4l_sys as sys;
use v4l::v4l2::vidioc;

use super::super::Rate;
use super::controls::{Control, Kind};
use super::fourcc::FourCc;
use super::sizes::{Pixels, Rates, Sizes};

/// The only kind of stream used: single-planar capture.
pub(super) const CAPTURE: u32 = sys::v4l2_buf_type_V4L2_BUF_TYPE_VIDEO_CAPTURE;

/// A system call that failed, by the name under which its manual is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::capture) struct CallError {
    /// The call.
    pub call: &'static str,
    /// How it failed.
    pub errno: Errno,
}

/// What `VIDIOC_QUERYCAP` tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Capabilities {
    pub driver: String,
    pub card: String,
    /// `V4L2_CAP_*` of this very node.
    pub flags: u32,
}

/// One pixel format, from `VIDIOC_ENUM_FMT`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FormatName {
    pub fourcc: FourCc,
    pub description: String,
}

/// Pixel format and size, in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Format {
    pub fourcc: FourCc,
    pub width: u32,
    pub height: u32,
    /// Bytes from one row to the next; of uncompressed formats only. Some drivers leave it zero.
    pub stride: u32,
    /// Of uncompressed formats: black is 0 and white 255, not 16 and 235.
    pub is_full_range: bool,
}

/// An open video node, non-blocking and closed on exec.
pub(super) struct Node(v4l::Device);

impl Node {
    /// Opens `path`, which must not hold a NUL.
    pub(super) fn open(path: &Path) -> Result<Self, CallError> {
        let fail = |errno| CallError { call: "open", errno };
        let device = v4l::Device::with_path(path).map_err(|error| fail(errno(&error)))?;
        let node = Node(device);
        fcntl(&node, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC)).map_err(fail)?;
        Ok(node)
    }

    pub(super) fn query_capabilities(&self) -> Result<Capabilities, CallError> {
        let mut argument = zeroed::<sys::v4l2_capability>();
        // SAFETY: VIDIOC_QUERYCAP takes a v4l2_capability.
        unsafe { self.call("VIDIOC_QUERYCAP", vidioc::VIDIOC_QUERYCAP, &mut argument) }?;
        let whole = argument.capabilities & sys::V4L2_CAP_DEVICE_CAPS == 0;
        Ok(Capabilities {
            driver: text(&argument.driver),
            card: text(&argument.card),
            flags: if whole { argument.capabilities } else { argument.device_caps },
        })
    }

    /// The format of this number, or `None` behind the last.
    pub(super) fn enumerate_format(&self, index: u32) -> Result<Option<FormatName>, CallError> {
        let mut argument = sys::v4l2_fmtdesc { index, type_: CAPTURE, ..zeroed() };
        // SAFETY: VIDIOC_ENUM_FMT takes a v4l2_fmtdesc.
        let result = unsafe { self.call("VIDIOC_ENUM_FMT", vidioc::VIDIOC_ENUM_FMT, &mut argument) };
        let fourcc = FourCc::from_u32(argument.pixelformat);
        Ok(unless(result, Errno::EINVAL)?
            .map(|()| FormatName { fourcc, description: text(&argument.description) }))
    }

    /// The size of this number, or `None` behind the last.
    pub(super) fn enumerate_size(&self, fourcc: FourCc, index: u32) -> Result<Option<Sizes>, CallError> {
        let mut argument = sys::v4l2_frmsizeenum { index, pixel_format: fourcc.to_u32(), ..zeroed() };
        let request = vidioc::VIDIOC_ENUM_FRAMESIZES;
        // SAFETY: VIDIOC_ENUM_FRAMESIZES takes a v4l2_frmsizeenum.
        let result = unsafe { self.call("VIDIOC_ENUM_FRAMESIZES", request, &mut argument) };
        Ok(unless(result, Errno::EINVAL)?.map(|()| sizes(&argument)))
    }

    /// The frame rate, or the range of such, of this number, or `None` behind the last.
    pub(super) fn enumerate_rate(
        &self,
        fourcc: FourCc,
        (width, height): Pixels,
        index: u32,
    ) -> Result<Option<Rates>, CallError> {
        let pixel_format = fourcc.to_u32();
        let mut argument = sys::v4l2_frmivalenum { index, pixel_format, width, height, ..zeroed() };
        let request = vidioc::VIDIOC_ENUM_FRAMEINTERVALS;
        // SAFETY: VIDIOC_ENUM_FRAMEINTERVALS takes a v4l2_frmivalenum.
        let result = unsafe { self.call("VIDIOC_ENUM_FRAMEINTERVALS", request, &mut argument) };
        Ok(unless(result, Errno::EINVAL)?.and_then(|()| rates(&argument)))
    }

    /// The control with the next higher id, or `None` behind the last.
    pub(super) fn next_control(&self, after: u32) -> Result<Option<Control>, CallError> {
        let id = after | sys::V4L2_CTRL_FLAG_NEXT_CTRL;
        let mut argument = sys::v4l2_query_ext_ctrl { id, ..zeroed() };
        // SAFETY: VIDIOC_QUERY_EXT_CTRL takes a v4l2_query_ext_ctrl.
        let result =
            unsafe { self.call("VIDIOC_QUERY_EXT_CTRL", vidioc::VIDIOC_QUERY_EXT_CTRL, &mut argument) };
        Ok(unless(result, Errno::EINVAL)?.map(|()| control(&argument)))
    }

    /// The item of this number in a control's menu; `None` if it has none, as menus may have holes.
    pub(super) fn menu_item(&self, control: &Control, index: u32) -> Result<Option<String>, CallError> {
        let mut argument = sys::v4l2_querymenu { id: control.id, index, ..zeroed() };
        // SAFETY: VIDIOC_QUERYMENU takes a v4l2_querymenu.
        let result = unsafe { self.call("VIDIOC_QUERYMENU", vidioc::VIDIOC_QUERYMENU, &mut argument) };
        Ok(unless(result, Errno::EINVAL)?.map(|()| item(control.kind, &argument)))
    }

    /// A control's value at present.
    pub(super) fn get_control(&self, control: &Control) -> Result<i64, CallError> {
        if control.kind == Kind::Integer64 {
            return self.extended("VIDIOC_G_EXT_CTRLS", vidioc::VIDIOC_G_EXT_CTRLS, control.id, 0);
        }
        let mut argument = sys::v4l2_control { id: control.id, value: 0 };
        // SAFETY: VIDIOC_G_CTRL takes a v4l2_control.
        unsafe { self.call("VIDIOC_G_CTRL", vidioc::VIDIOC_G_CTRL, &mut argument) }?;
        // a bitmask has no sign: 0x80000000 is one that v4l2-ctl shows
        let bits = argument.value as u32;
        Ok(if control.kind == Kind::Bitmask { bits.into() } else { argument.value.into() })
    }

    /// Sets a control, and returns what the driver made of the value.
    pub(super) fn set_control(&self, control: &Control, value: i64) -> Result<i64, CallError> {
        if control.kind == Kind::Integer64 {
            return self.extended("VIDIOC_S_EXT_CTRLS", vidioc::VIDIOC_S_EXT_CTRLS, control.id, value);
        }
        // in 32 bits: the driver's own range, and a bitmask's bits
        let bits = (value & i64::from(u32::MAX)) as u32;
        let mut argument = sys::v4l2_control { id: control.id, value: bits as i32 };
        // SAFETY: VIDIOC_S_CTRL takes a v4l2_control.
        unsafe { self.call("VIDIOC_S_CTRL", vidioc::VIDIOC_S_CTRL, &mut argument) }?;
        Ok(if control.kind == Kind::Bitmask { value } else { argument.value.into() })
    }

    /// Reads or writes one 64-bit control.
    fn extended(
        &self,
        call: &'static str,
        request: vidioc::_IOC_TYPE,
        id: u32,
        value: i64,
    ) -> Result<i64, CallError> {
        let mut one = sys::v4l2_ext_control { id, ..zeroed() };
        one.__bindgen_anon_1.value64 = value;
        let mut argument = sys::v4l2_ext_controls { count: 1, controls: &raw mut one, ..zeroed() };
        // SAFETY: both requests take a v4l2_ext_controls, here of one control, which outlives the call. Its size of
        // zero says that it holds no pointer.
        unsafe { self.call(call, request, &mut argument) }?;
        // SAFETY: any bits are an i64.
        Ok(unsafe { one.__bindgen_anon_1.value64 })
    }

    pub(super) fn get_format(&self) -> Result<Format, CallError> {
        let mut argument = sys::v4l2_format { type_: CAPTURE, ..zeroed() };
        // SAFETY: VIDIOC_G_FMT takes a v4l2_format.
        unsafe { self.call("VIDIOC_G_FMT", vidioc::VIDIOC_G_FMT, &mut argument) }?;
        Ok(format(&argument))
    }

    /// Asks for a format and a size, and returns what the driver made of it, which may differ in everything.
    pub(super) fn set_format(&self, fourcc: FourCc, (width, height): Pixels) -> Result<Format, CallError> {
        let mut argument = sys::v4l2_format { type_: CAPTURE, ..zeroed() };
        argument.fmt.pix = sys::v4l2_pix_format { width, height, pixelformat: fourcc.to_u32(), ..zeroed() };
        // SAFETY: VIDIOC_S_FMT takes a v4l2_format.
        unsafe { self.call("VIDIOC_S_FMT", vidioc::VIDIOC_S_FMT, &mut argument) }?;
        Ok(format(&argument))
    }

    /// The frame rate set at present; `None` if the driver has none that it could tell.
    pub(super) fn get_rate(&self) -> Result<Option<Rate>, CallError> {
        let mut argument = sys::v4l2_streamparm { type_: CAPTURE, ..zeroed() };
        // SAFETY: VIDIOC_G_PARM takes a v4l2_streamparm.
        unsafe { self.call("VIDIOC_G_PARM", vidioc::VIDIOC_G_PARM, &mut argument) }?;
        Ok(rate(&argument))
    }

    /// Asks for `wanted` and returns what the driver made of it; `None` if its rate cannot be set.
    pub(super) fn set_rate(&self, wanted: Rate) -> Result<Option<Rate>, CallError> {
        let mut argument = sys::v4l2_streamparm { type_: CAPTURE, ..zeroed() };
        argument.parm.capture = sys::v4l2_captureparm {
            timeperframe: sys::v4l2_fract { numerator: wanted.seconds(), denominator: wanted.frames() },
            ..zeroed()
        };
        // SAFETY: VIDIOC_S_PARM takes a v4l2_streamparm.
        unsafe { self.call("VIDIOC_S_PARM", vidioc::VIDIOC_S_PARM, &mut argument) }?;
        Ok(rate(&argument))
    }

    /// # Safety
    /// `T` is the structure that belongs to `request`.
    pub(super) unsafe fn call<T>(
        &self,
        call: &'static str,
        request: vidioc::_IOC_TYPE,
        argument: &mut T,
    ) -> Result<(), CallError> {
        let fd = self.0.handle().fd();
        let pointer: *mut c_void = (&raw mut *argument).cast();
        loop {
            // SAFETY: the pointer is to a live, exclusive T, which is what `request` reads and writes.
            match unsafe { v4l::v4l2::ioctl(fd, request, pointer) }.map_err(|error| errno(&error)) {
                Err(Errno::EINTR) => {}
                result => return result.map_err(|errno| CallError { call, errno }),
            }
        }
    }
}

impl AsFd for Node {
    fn as_fd(&self) -> BorrowedFd<'_> {
        // SAFETY: the descriptor is open as long as the device, which the borrow keeps.
        unsafe { BorrowedFd::borrow_raw(self.0.handle().fd()) }
    }
}

/// The error number in what the `v4l` crate returns.
pub(super) fn errno(error: &io::Error) -> Errno {
    Errno::from_raw(error.raw_os_error().unwrap_or_default())
}

/// `None` for the one error that is an answer.
pub(super) fn unless(result: Result<(), CallError>, answer: Errno) -> Result<Option<()>, CallError> {
    match result {
        Err(failed) if failed.errno == answer => Ok(None),
        other => other.map(Some),
    }
}

/// One of the kernel's structures, for which zeros are the documented "nothing asked".
pub(super) fn zeroed<T: Plain>() -> T {
    // SAFETY: Plain promises that zeros are a value of T.
    unsafe { mem::zeroed() }
}

/// # Safety
/// All bytes zero are a value of the type.
pub(super) unsafe trait Plain {}

macro_rules! plain {
    ($($name:ident)*) => {
        // SAFETY: C structures of integers and unions of such, with here and there a raw pointer, which may be null.
        $(unsafe impl Plain for sys::$name {})*
    };
}

plain! {
    v4l2_buffer v4l2_capability v4l2_captureparm v4l2_ext_control v4l2_ext_controls v4l2_fmtdesc v4l2_format
    v4l2_frmivalenum v4l2_frmsizeenum v4l2_pix_format v4l2_query_ext_ctrl v4l2_querymenu v4l2_requestbuffers
    v4l2_streamparm
}

fn format(format: &sys::v4l2_format) -> Format {
    // SAFETY: for a capture stream the union holds a v4l2_pix_format, of integers only.
    let pix = unsafe { format.fmt.pix };
    // V4L2_MAP_QUANTIZATION_DEFAULT in linux/videodev2.h
    let is_full_range = match pix.quantization {
        sys::v4l2_quantization_V4L2_QUANTIZATION_FULL_RANGE => true,
        sys::v4l2_quantization_V4L2_QUANTIZATION_DEFAULT => {
            pix.colorspace == sys::v4l2_colorspace_V4L2_COLORSPACE_JPEG
        }
        _ => false,
    };
    let (width, height, stride) = (pix.width, pix.height, pix.bytesperline);
    Format { fourcc: FourCc::from_u32(pix.pixelformat), width, height, stride, is_full_range }
}

fn rate(parameters: &sys::v4l2_streamparm) -> Option<Rate> {
    // SAFETY: for a capture stream the union holds a v4l2_captureparm, of integers only.
    let capture = unsafe { parameters.parm.capture };
    let interval = capture.timeperframe;
    let told = capture.capability & sys::V4L2_CAP_TIMEPERFRAME != 0;
    if told { Rate::new(interval.denominator, interval.numerator) } else { None }
}

fn sizes(size: &sys::v4l2_frmsizeenum) -> Sizes {
    if size.type_ == sys::v4l2_frmsizetypes_V4L2_FRMSIZE_TYPE_DISCRETE {
        // SAFETY: the type says which of the two, both of integers only.
        let discrete = unsafe { size.__bindgen_anon_1.discrete };
        return Sizes::One { width: discrete.width, height: discrete.height };
    }
    // SAFETY: as above.
    let range = unsafe { size.__bindgen_anon_1.stepwise };
    Sizes::Range {
        width: range.min_width..=range.max_width,
        height: range.min_height..=range.max_height,
        steps: (range.step_width, range.step_height),
    }
}

/// `None` for intervals that are none.
fn rates(interval: &sys::v4l2_frmivalenum) -> Option<Rates> {
    let inverse = |interval: sys::v4l2_fract| Rate::new(interval.denominator, interval.numerator);
    if interval.type_ == sys::v4l2_frmivaltypes_V4L2_FRMIVAL_TYPE_DISCRETE {
        // SAFETY: the type says which of the two, both of integers only.
        return inverse(unsafe { interval.__bindgen_anon_1.discrete }).map(Rates::One);
    }
    // SAFETY: as above.
    let range = unsafe { interval.__bindgen_anon_1.stepwise };
    Some(Rates::Range(inverse(range.max)?, inverse(range.min)?))
}

fn control(query: &sys::v4l2_query_ext_ctrl) -> Control {
    let name = query.name.map(|byte| byte.to_ne_bytes()[0]);
    // arrays and structures have no value that is a number
    let is_compound = query.nr_of_dims > 0 || query.flags & sys::V4L2_CTRL_FLAG_HAS_PAYLOAD != 0;
    Control {
        id: query.id,
        name: text(&name),
        kind: if is_compound { Kind::Other } else { Kind::of(query.type_) },
        least: query.minimum,
        most: query.maximum,
        step: query.step,
        default: query.default_value,
        flags: query.flags,
    }
}

fn item(kind: Kind, menu: &sys::v4l2_querymenu) -> String {
    // copied out of a packed structure
    let item = menu.__bindgen_anon_1;
    match kind {
        // SAFETY: an integer menu's item is a number; any bits are one.
        Kind::IntegerMenu => unsafe { item.value }.to_string(),
        // SAFETY: any bits are bytes.
        _ => text(unsafe { &item.name }),
    }
}

/// The text in a fixed field: up to its NUL, cut characters replaced, and nothing in it that could break a log line.
fn text(field: &[u8]) -> String {
    let end = field.iter().position(|byte| *byte == 0).unwrap_or(field.len());
    let text = String::from_utf8_lossy(field.get(..end).unwrap_or_default());
    text.trim().replace(|c: char| c.is_control(), "?")
}

#[cfg(test)]
mod tests {
    use super::super::controls;
    use super::super::negotiate::{self, Offer};
    use super::*;
    use crate::jpeg::Size;
    use proptest::prelude::*;

    #[test]
    fn names_cut_by_the_driver_do_no_harm() {
        assert_eq!(text(b"HD Webcam\0\0rest"), "HD Webcam");
        assert_eq!(text("Kamera fü".as_bytes().split_last().unwrap().1), "Kamera f\u{fffd}");
        assert_eq!(text(b"a\nb\x1b[2J"), "a?b?[2J");
        assert_eq!(text(b""), "");
    }

    #[test]
    fn a_rate_is_the_inverse_of_the_interval_if_there_is_one() {
        let mut raw = sys::v4l2_streamparm { type_: CAPTURE, ..zeroed() };
        assert_eq!(rate(&raw), None);
        raw.parm.capture = sys::v4l2_captureparm {
            capability: sys::V4L2_CAP_TIMEPERFRAME,
            timeperframe: sys::v4l2_fract { numerator: 1, denominator: 30 },
            ..zeroed()
        };
        assert_eq!(rate(&raw), Some(Rate::DEFAULT));
        raw.parm.capture = sys::v4l2_captureparm { capability: sys::V4L2_CAP_TIMEPERFRAME, ..zeroed() };
        assert_eq!(rate(&raw), None);
    }

    #[test]
    fn what_is_no_video_node_fails_plainly() {
        let missing = Node::open(Path::new("/dev/no-such-camera")).map(|_| ());
        assert_eq!(missing, Err(CallError { call: "open", errno: Errno::ENOENT }));
        let null = Node::open(Path::new("/dev/null")).unwrap();
        let failed = CallError { call: "VIDIOC_QUERYCAP", errno: Errno::ENOTTY };
        assert_eq!(null.query_capabilities(), Err(failed));
        let flags = FdFlag::from_bits_retain(fcntl(&null, FcntlArg::F_GETFD).unwrap());
        assert!(flags.contains(FdFlag::FD_CLOEXEC));
    }

    /// A structure of these bytes.
    fn of_bytes<T: Plain>(bytes: &[u8]) -> T {
        let mut value = zeroed::<T>();
        let count = bytes.len().min(mem::size_of::<T>());
        // SAFETY: within both, and any bits are a value of a structure of integers, unions of such, and raw pointers.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), (&raw mut value).cast(), count) };
        value
    }

    /// Words that drivers get wrong.
    fn answer() -> impl Strategy<Value = Vec<u8>> {
        let word = prop_oneof![
            4 => any::<u32>(),
            4 => 0..9_u32,
            2 => prop::sample::select(vec![u32::MAX, i32::MAX as u32, 1 << 31, 640, 480, 65_535, 65_536]),
            1 => prop::sample::select(vec![*b"MJPG", *b"YUYV", *b"NV12", *b"YU12"]).prop_map(u32::from_le_bytes),
        ];
        prop::collection::vec(word, 60)
            .prop_map(|words| words.into_iter().flat_map(u32::to_le_bytes).collect())
    }

    fn is_line(text: &str) -> bool {
        !text.contains(char::is_control)
    }

    proptest! {
        /// Whatever a driver answers is made something of, and none of it breaks a line.
        #[test]
        fn whatever_a_driver_answers_is_understood_or_not(
            answers in prop::collection::vec(answer(), 3), typed in prop_oneof!["[a-z0-9x-]{0,5}", any::<i64>().prop_map(|it| it.to_string())],
            wanted: Option<(u16, u16)>,
        ) {
            let answer = &answers[0];
            let format = format(&of_bytes(answer));
            let offered: Vec<Sizes> = answers.iter().map(|answer| sizes(&of_bytes(answer))).collect();
            let wanted = wanted.map(|(width, height)| Size { width, height });
            for sizes in &offered {
                let (size, largest) = (sizes.nearest((format.width, format.height)), sizes.largest());
                prop_assert!(sizes.contains(size) && sizes.contains(largest), "{sizes:?} {size:?}");
                prop_assert!(is_line(&sizes.to_string()));
            }
            let name = FormatName { fourcc: format.fourcc, description: text(answer) };
            prop_assert!(is_line(&name.description) && is_line(&name.fourcc.to_string()));
            let offers = [Offer { name, sizes: offered }];
            let _ = negotiate::choose_size(format.fourcc, wanted, format, &offers);
            prop_assert!(is_line(&offers[0].to_string()));
            if let Some(raw) = negotiate::raw_format(format) {
                prop_assert!(raw.bytes() > 0 && Some(raw.size()) == negotiate::agreed_size(format));
            }
            let _ = negotiate::size_note(wanted, format);
            if let Some(rate) = rate(&of_bytes(answer)) {
                prop_assert!(rate.as_f64() > 0.0 && rate.at(u64::MAX) >= rate.at(1));
                let _ = negotiate::rate_note(Some(Rate::DEFAULT), Some(rate));
            }
            if let Some(rates) = rates(&of_bytes(answer)) {
                prop_assert!(is_line(&rates.to_string()));
            }
            let control = control(&of_bytes(answer));
            let menu = vec![(0, item(control.kind, &of_bytes(&answers[1]))), (i64::MIN, item(Kind::Menu, &of_bytes(&answers[2])))];
            let line = controls::Line { control: &control, menu: &menu, value: Some(i64::MIN) };
            prop_assert!(is_line(&line.to_string()), "{line}");
            match controls::value(&control, &menu, &typed) {
                Ok(value) if matches!(control.kind, Kind::Integer | Kind::Integer64) => {
                    prop_assert!((control.least..=control.most).contains(&value));
                }
                Ok(_) => {}
                Err(why) => prop_assert!(is_line(&why)),
            }
            let _ = controls::default(&control);
        }
    }
}
