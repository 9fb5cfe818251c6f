//! What to ask of a camera, and what to make of its answer. No system calls here.

use std::fmt;
use std::path::Path;

use nix::errno::Errno;
use v4l::v4l_sys as sys;

use super::super::{Mode, OpenError, Rate};
use super::fourcc::FourCc;
use super::node::{CallError, Capabilities, Format, FormatName};
use super::sizes::{self, Pixels, Sizes};
use crate::jpeg::Size;
use crate::picture::RawFormat;

/// The name of v4l2loopback's driver.
const LOOPBACK: &str = "v4l2 loopback";

/// One pixel format and the sizes that it comes in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Offer {
    pub name: FormatName,
    pub sizes: Vec<Sizes>,
}

impl fmt::Display for Offer {
    /// `YUYV 640x480 320x240`; the first few sizes tell what the camera is.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 4;
        write!(f, "{}", self.name.fourcc)?;
        for sizes in self.sizes.iter().take(SHOWN) {
            write!(f, " {sizes}")?;
        }
        if self.sizes.len() > SHOWN { write!(f, " ...") } else { Ok(()) }
    }
}

/// What a node is, as far as it matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// It gives pictures.
    Camera,
    /// It will give pictures when a program writes into it: v4l2loopback with `exclusive_caps=1`.
    Waiting,
    /// It gives none, for this reason.
    Other(&'static str),
}

/// What a node with these capabilities is.
pub(super) fn kind(capabilities: &Capabilities) -> Kind {
    let has = |flag| capabilities.flags & flag != 0;
    if has(sys::V4L2_CAP_VIDEO_CAPTURE) && has(sys::V4L2_CAP_STREAMING) {
        Kind::Camera
    } else if has(sys::V4L2_CAP_VIDEO_CAPTURE) {
        Kind::Other("its driver cannot map buffers into memory")
    } else if capabilities.driver == LOOPBACK {
        Kind::Waiting
    } else if has(sys::V4L2_CAP_META_CAPTURE) {
        Kind::Other(
            "it is a camera's metadata node; the pictures come from its neighbour, camcast --list names it",
        )
    } else if has(sys::V4L2_CAP_VIDEO_CAPTURE_MPLANE) {
        Kind::Other("it is part of an image processor; use rpicam-vid --codec mjpeg -t 0 -o - | camcast -")
    } else {
        Kind::Other("it is another kind of video device; camcast --list names the cameras")
    }
}

/// v4l2loopback with `exclusive_caps=0` is a camera also while nobody writes into it: it agrees to everything, and then does
/// not start.
pub(super) fn is_without_writer(capabilities: &Capabilities, failed: CallError) -> bool {
    capabilities.driver == LOOPBACK && failed == CallError { call: "VIDIOC_STREAMON", errno: Errno::EIO }
}

/// Formats that a mode takes, the best first. NV12 and YU12 have less colour than YUYV, but need less of the USB bus.
pub(super) fn formats(mode: Mode) -> &'static [FourCc] {
    const ALL: [FourCc; 5] = [FourCc::MJPG, FourCc::JPEG, FourCc::YUYV, FourCc::NV12, FourCc::YU12];
    match mode {
        Mode::Auto => &ALL,
        Mode::Mjpeg => &ALL[..2],
        Mode::Yuyv => &ALL[2..],
    }
}

/// The mode's best format among those offered. A driver that offers nothing at all is asked for the best all the same.
pub(super) fn choose_format(mode: Mode, offers: &[Offer]) -> Option<FourCc> {
    let offered = |fourcc| offers.iter().any(|offer| offer.name.fourcc == fourcc);
    formats(mode).iter().copied().find(|fourcc| offers.is_empty() || offered(*fourcc))
}

/// The camera has none of the mode's formats.
pub(super) fn unfit(path: &Path, mode: Mode, offers: &[Offer]) -> OpenError {
    OpenError::NoMjpeg {
        path: path.into(),
        offers: offers.iter().map(Offer::to_string).collect(),
        mode,
        auto_helps: choose_format(Mode::Auto, offers).is_some(),
    }
}

/// Uncompressed, this is what every camera on USB 2 gives at 30 fps: 18 MB/s of some 40.
const RAW_SIZE: Pixels = (640, 480);

/// What to ask for: of the sizes offered the nearest to the one asked for, else the one the camera is set to if it has
/// it in this format.
///
/// Else the first one offered, and not the largest: drivers name their default first, and the largest may be ten times
/// the data. A size that was set for JPEG is no measure for what goes over the bus uncompressed.
pub(super) fn choose_size(fourcc: FourCc, wanted: Option<Size>, current: Format, offers: &[Offer]) -> Pixels {
    let offered =
        offers.iter().find(|offer| offer.name.fourcc == fourcc).map_or(&[][..], |offer| &offer.sizes);
    let now = (current.width, current.height);
    if let Some(size) = wanted {
        let size = (size.width.into(), size.height.into());
        return sizes::nearest(size, offered).unwrap_or(size);
    }
    let is_raw = fourcc.layout().is_some();
    if is_raw && current.fourcc.layout().is_none() {
        return sizes::nearest(RAW_SIZE, offered).unwrap_or(RAW_SIZE);
    }
    let keep =
        current.fourcc == fourcc || offered.is_empty() || offered.iter().any(|sizes| sizes.contains(now));
    match offered.first() {
        Some(_) if is_raw && !keep => sizes::nearest(now, offered).unwrap_or(now),
        Some(first) if !keep => first.largest(),
        _ => now,
    }
}

/// How the pictures of an uncompressed format lie in memory; `None` if the driver's answer makes no sense.
pub(super) fn raw_format(answer: Format) -> Option<RawFormat> {
    RawFormat::new(answer.fourcc.layout()?, agreed_size(answer)?, answer.stride, answer.is_full_range)
}

/// The size agreed on; `None` if it is none that a JPEG could have, in which case the frames themselves tell.
pub(super) fn agreed_size(answer: Format) -> Option<Size> {
    let (width, height) = (u16::try_from(answer.width).ok()?, u16::try_from(answer.height).ok()?);
    (width > 0 && height > 0).then_some(Size { width, height })
}

/// What to say if the camera gives another size than was asked for.
pub(super) fn size_note(wanted: Option<Size>, answer: Format) -> Option<String> {
    let wanted = wanted.filter(|wanted| {
        (u32::from(wanted.width), u32::from(wanted.height)) != (answer.width, answer.height)
    })?;
    Some(format!("asked for {wanted}, the camera gives {}x{}", answer.width, answer.height))
}

/// What to say if the camera says another rate than was asked for.
pub(super) fn rate_note(wanted: Option<Rate>, answer: Option<Rate>) -> Option<String> {
    let wanted = wanted?;
    match answer {
        None => Some(format!("asked for {wanted} fps, but this camera's rate cannot be set")),
        Some(answer) if close(wanted, answer) => None,
        Some(answer) => Some(format!("asked for {wanted} fps, the camera says {answer}")),
    }
}

/// Within one in a hundred: UVC counts in units of 100 ns, so that 30 fps comes back as 30.00003, and 29.97 is
/// 30 to most.
fn close(a: Rate, b: Rate) -> bool {
    (a.as_f64() / b.as_f64() - 1.0).abs() < 0.01
}

#[cfg(test)]
mod tests {
    use super::*;

    const YUYV: FourCc = FourCc::YUYV;
    const HD: Sizes = Sizes::One { width: 1920, height: 1080 };
    const VGA: Sizes = Sizes::One { width: 640, height: 480 };

    fn offer(fourcc: FourCc, sizes: Vec<Sizes>) -> Offer {
        Offer { name: FormatName { fourcc, description: "x".into() }, sizes }
    }

    fn format(fourcc: FourCc, width: u32, height: u32) -> Format {
        Format { fourcc, width, height, stride: 0, is_full_range: false }
    }

    fn offers(fourccs: &[&[u8; 4]]) -> Vec<Offer> {
        fourccs.iter().map(|fourcc| offer(FourCc(**fourcc), vec![])).collect()
    }

    #[test]
    fn auto_takes_mjpeg_and_else_the_best_that_can_be_compressed() {
        let auto = |fourccs: &[&[u8; 4]]| choose_format(Mode::Auto, &offers(fourccs));
        assert_eq!(auto(&[b"YUYV", b"JPEG", b"MJPG"]), Some(FourCc::MJPG));
        assert_eq!(auto(&[b"YUYV", b"JPEG"]), Some(FourCc::JPEG));
        assert_eq!(auto(&[b"YU12", b"NV12", b"GREY", b"YUYV"]), Some(FourCc::YUYV));
        assert_eq!(auto(&[b"YU12", b"NV12"]), Some(FourCc::NV12));
        assert_eq!(auto(&[b"H264", b"YU12"]), Some(FourCc::YU12));
        assert_eq!(auto(&[b"GREY", b"H264"]), None);
        assert_eq!(auto(&[]), Some(FourCc::MJPG));
    }

    #[test]
    fn a_mode_takes_its_own_formats_only() {
        let both = offers(&[b"MJPG", b"NV12"]);
        assert_eq!(choose_format(Mode::Mjpeg, &both), Some(FourCc::MJPG));
        assert_eq!(choose_format(Mode::Yuyv, &both), Some(FourCc::NV12));
        assert_eq!(choose_format(Mode::Mjpeg, &offers(&[b"YUYV"])), None);
        assert_eq!(choose_format(Mode::Yuyv, &offers(&[b"MJPG"])), None);
        assert_eq!(choose_format(Mode::Yuyv, &[]), Some(FourCc::YUYV));
    }

    #[test]
    fn the_nearest_to_the_size_asked_for_wins() {
        let wanted = Some(Size { width: 800, height: 600 });
        let choose = |sizes| {
            choose_size(FourCc::MJPG, wanted, format(FourCc::MJPG, 1920, 1080), &[offer(FourCc::MJPG, sizes)])
        };
        assert_eq!(choose(vec![HD, VGA]), (640, 480));
        assert_eq!(choose(vec![HD]), (1920, 1080));
        assert_eq!(choose(vec![]), (800, 600));
    }

    #[test]
    fn without_a_wish_the_cameras_own_size_stays_if_it_can() {
        let offers = [offer(YUYV, vec![VGA]), offer(FourCc::MJPG, vec![HD, VGA])];
        let choose = |current, offers: &[Offer]| choose_size(FourCc::MJPG, None, current, offers);
        assert_eq!(choose(format(FourCc::MJPG, 320, 240), &offers), (320, 240));
        assert_eq!(choose(format(YUYV, 640, 480), &offers), (640, 480));
        assert_eq!(choose(format(YUYV, 320, 240), &offers), (1920, 1080));
        assert_eq!(choose(format(YUYV, 320, 240), &[]), (320, 240));
        let range = Sizes::Range { width: 16..=4096, height: 16..=2160, steps: (2, 2) };
        assert_eq!(choose(format(YUYV, 320, 240), &[offer(FourCc::MJPG, vec![range])]), (320, 240));
    }

    #[test]
    fn without_a_wish_uncompressed_pictures_are_of_a_size_that_the_bus_carries() {
        let offers = [offer(YUYV, vec![HD, VGA])];
        let choose = |current| choose_size(YUYV, None, current, &offers);
        assert_eq!(choose(format(FourCc::MJPG, 1920, 1080)), (640, 480));
        assert_eq!(choose(format(YUYV, 1920, 1080)), (1920, 1080));
        assert_eq!(choose(format(FourCc::NV12, 320, 240)), (640, 480));
        assert_eq!(choose_size(YUYV, None, format(FourCc::MJPG, 1920, 1080), &[]), (640, 480));
    }

    #[test]
    fn an_uncompressed_answer_has_to_make_sense() {
        let answer = |stride| Format { stride, ..format(YUYV, 640, 480) };
        assert_eq!(raw_format(answer(1344)).map(|raw| raw.bytes()), Some(479 * 1344 + 1280));
        assert_eq!(raw_format(answer(0)), raw_format(answer(1280)));
        assert_eq!(raw_format(answer(640)), None);
        assert_eq!(raw_format(format(FourCc::MJPG, 640, 480)), None);
        assert_eq!(raw_format(format(YUYV, 0, 480)), None);
    }

    #[test]
    fn what_the_driver_changed_is_said() {
        let wanted = Some(Size { width: 1920, height: 1080 });
        let answer = format(FourCc::MJPG, 1280, 720);
        assert_eq!(size_note(wanted, answer).unwrap(), "asked for 1920x1080, the camera gives 1280x720");
        assert_eq!(size_note(None, answer), None);
        assert_eq!(size_note(agreed_size(answer), answer), None);
    }

    #[test]
    fn rates_are_compared_as_people_do() {
        let rate = |frames, seconds| Rate::new(frames, seconds);
        assert_eq!(rate_note(rate(30, 1), rate(15, 1)).unwrap(), "asked for 30 fps, the camera says 15");
        assert_eq!(rate_note(rate(30, 1), rate(10_000_000, 333_333)), None);
        assert_eq!(rate_note(rate(30, 1), rate(30000, 1001)), None);
        assert_eq!(
            rate_note(rate(5, 1), None).unwrap(),
            "asked for 5 fps, but this camera's rate cannot be set"
        );
        assert_eq!(rate_note(None, rate(15, 1)), None);
    }

    #[test]
    fn odd_sizes_are_no_size() {
        assert_eq!(agreed_size(format(FourCc::MJPG, 0, 480)), None);
        assert_eq!(agreed_size(format(FourCc::MJPG, 65_536, 480)), None);
    }

    #[test]
    fn other_nodes_are_told_apart() {
        let kind =
            |driver: &str, flags| kind(&Capabilities { driver: driver.into(), card: "x".into(), flags });
        let why = |flags| match kind("x", flags) {
            Kind::Other(why) => why,
            other => panic!("{other:?}"),
        };
        assert_eq!(kind("x", sys::V4L2_CAP_VIDEO_CAPTURE | sys::V4L2_CAP_STREAMING), Kind::Camera);
        assert_eq!(
            kind("v4l2 loopback", sys::V4L2_CAP_VIDEO_OUTPUT | sys::V4L2_CAP_STREAMING),
            Kind::Waiting
        );
        assert!(why(sys::V4L2_CAP_VIDEO_CAPTURE).contains("map buffers"));
        assert!(why(sys::V4L2_CAP_META_CAPTURE).contains("metadata"));
        assert!(why(sys::V4L2_CAP_VIDEO_CAPTURE_MPLANE).contains("rpicam-vid"));
        assert!(why(sys::V4L2_CAP_VIDEO_OUTPUT).contains("--list"));
    }

    #[test]
    fn a_loopback_that_does_not_start_waits_for_its_writer() {
        let node = |driver: &str| Capabilities { driver: driver.into(), card: "x".into(), flags: 0 };
        let failed = |errno| CallError { call: "VIDIOC_STREAMON", errno };
        assert!(is_without_writer(&node(LOOPBACK), failed(Errno::EIO)));
        assert!(!is_without_writer(&node(LOOPBACK), failed(Errno::EBUSY)));
        assert!(!is_without_writer(&node("uvcvideo"), failed(Errno::EIO)));
    }

    #[test]
    fn offers_are_short() {
        let text = offer(YUYV, vec![HD, VGA]).to_string();
        assert_eq!(text, "YUYV 1920x1080 640x480");
        assert_eq!(offer(YUYV, vec![VGA; 9]).to_string(), "YUYV 640x480 640x480 640x480 640x480 ...");
        assert_eq!(FourCc(*b"Y16 ").to_string(), "Y16");
        assert_eq!(FourCc(*b"Y16\xa0").to_string(), "Y16-BE");
        assert_eq!(FourCc(*b"\n\0\xffx").to_string(), "\\n\\x00\\xffx");
    }
}
