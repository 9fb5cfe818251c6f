//! Why a source could not be opened, and why it ended: each with its cause and its remedy, in one line.

use crate::shown::shown;
use std::fmt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;

use super::{Mode, v4l2};

/// The most formats named in a message: a camera has two or three, an image processor dozens.
const SHOWN: usize = 4;

/// Why a source could not be opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OpenError {
    /// There is no such device, file or folder.
    Missing {
        /// The path as given.
        path: PathBuf,
        /// The cameras that are there, each as its path and name.
        cameras: Vec<String>,
    },
    /// The camera that was opened before is away. There is another of the same name and serial number, at another port.
    Twin {
        /// The path as given.
        path: PathBuf,
        /// The other one's node.
        other: PathBuf,
        /// The other one's link, by its port.
        link: Option<PathBuf>,
    },
    /// The camera that was opened before is away, and another one has its number.
    Stranger {
        /// The path as given.
        path: PathBuf,
        /// The other one's link, by its port.
        link: Option<PathBuf>,
    },
    /// Another program is using the camera.
    Busy {
        /// The path as given.
        path: PathBuf,
    },
    /// The user may not open the camera. Just after a plug this passes: udev has not set the group yet.
    Forbidden {
        /// The path as given.
        path: PathBuf,
    },
    /// The service's sandbox keeps the device away.
    Sandboxed {
        /// The path as given.
        path: PathBuf,
    },
    /// What was opened gives no pictures.
    NotACamera {
        /// The path as given.
        path: PathBuf,
        /// What it is instead, and what to do.
        why: String,
    },
    /// A v4l2loopback device into which nobody writes yet.
    NoSignal {
        /// The path as given.
        path: PathBuf,
    },
    /// The camera has no MJPEG, or none of what else was asked for.
    NoMjpeg {
        /// The path as given.
        path: PathBuf,
        /// The formats that it has, with sizes.
        offers: Vec<String>,
        /// What was asked for.
        mode: Mode,
        /// It has a format that [`Mode::Auto`] takes.
        auto_helps: bool,
    },
    /// The USB bus has no room for the stream.
    UsbBandwidth {
        /// The path as given.
        path: PathBuf,
    },
    /// A file, folder or standard input cannot be read.
    Unreadable {
        /// The path as given.
        path: PathBuf,
        /// The system's reason.
        why: String,
    },
    /// There is no JPEG in it.
    NoFrames {
        /// The path as given.
        path: PathBuf,
    },
    /// What is asked cannot be had from this source.
    Invalid {
        /// What is wrong with it.
        what: String,
    },
    /// A system call failed in a way that has no meaning of its own here.
    System {
        /// The path as given.
        path: PathBuf,
        /// The call that failed.
        call: &'static str,
        /// How it failed.
        errno: Errno,
    },
}

impl OpenError {
    /// Whether the same attempt may succeed later without anybody changing the options: the camera is plugged in,
    /// its group is set, the other program ends, the writer starts.
    pub fn may_pass(&self) -> bool {
        matches!(
            self,
            OpenError::Missing { .. }
                | OpenError::Twin { .. }
                | OpenError::Stranger { .. }
                | OpenError::Busy { .. }
                | OpenError::Forbidden { .. }
                | OpenError::NoSignal { .. }
                | OpenError::UsbBandwidth { .. }
                | OpenError::System { .. }
        )
    }

    /// Nothing at `path`; the cameras that are there are not looked for.
    pub fn missing(path: &Path) -> Self {
        OpenError::Missing { path: path.into(), cameras: Vec::new() }
    }

    /// Looks for the cameras that are there, which opens each for a moment, if this is that no such thing is.
    pub fn name_cameras(&mut self) {
        if let OpenError::Missing { path, cameras } = self {
            // not itself, if it has come in between
            let others = v4l2::cameras().into_iter().filter(|camera| camera.path != *path);
            *cameras = others.map(|camera| camera.to_string()).collect();
        }
    }

    /// What a failed call on the device at `path` means.
    pub(super) fn from_call(path: &Path, failed: v4l2::CallError) -> Self {
        let path = path.to_path_buf();
        match failed.errno {
            Errno::ENOENT | Errno::ENODEV | Errno::ENXIO => OpenError::missing(&path),
            Errno::EBUSY => OpenError::Busy { path },
            Errno::EACCES => OpenError::Forbidden { path },
            Errno::EPERM => OpenError::Sandboxed { path },
            Errno::ENOSPC => OpenError::UsbBandwidth { path },
            errno => OpenError::System { path, call: failed.call, errno },
        }
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OpenError::Missing { path, cameras } => missing(f, path, cameras),
            OpenError::Twin { path, other, link } => twin(f, path, other, link.as_ref().unwrap_or(other)),
            OpenError::Stranger { path, link } => {
                write!(
                    f,
                    "{} is another camera now: plug in again the one that was there, or end camcast and start it with this \
                     one: camcast {}",
                    shown(path),
                    shown(link.as_ref().unwrap_or(path))
                )
            }
            OpenError::Busy { path } => {
                let path = shown(&path);
                write!(f, "{path} is used by another program; to see by which: fuser -v {path}")
            }
            OpenError::Forbidden { path } => write!(
                f,
                "no permission to open {}: join its group with: sudo usermod -aG video $USER, then log in again",
                shown(&path)
            ),
            OpenError::Sandboxed { path } => write!(
                f,
                "the service's sandbox keeps {} away: its unit needs DeviceAllow=char-video4linux rw and \
                 After=modprobe@videodev.service",
                shown(&path)
            ),
            OpenError::NotACamera { path, why } => write!(f, "{} is not a camera: {why}", shown(&path)),
            OpenError::NoSignal { path } => {
                write!(
                    f,
                    "{} has no pictures to give yet: start the program that writes into it",
                    shown(&path)
                )
            }
            OpenError::NoMjpeg { path, offers, mode, auto_helps } => {
                no_mjpeg(f, path, offers, *mode)?;
                no_mjpeg_remedy(f, path, *auto_helps)
            }
            OpenError::UsbBandwidth { path } => write!(
                f,
                "{}: too little USB bandwidth is left (not disk space): ask for less, as with -r 640x480 -f 15, or \
                 plug the camera into another USB controller",
                shown(&path)
            ),
            OpenError::Unreadable { path, why } => write!(f, "cannot read {}: {why}", shown(&path)),
            OpenError::NoFrames { path } => {
                write!(f, "no JPEG in {}: give a .jpg or .mjpeg file, or a folder of them", shown(&path))
            }
            OpenError::Invalid { what } => f.write_str(what),
            OpenError::System { path, call, errno } => {
                write!(f, "{call} failed on {}: {}; dmesg may say more", shown(&path), errno.desc())
            }
        }
    }
}

fn twin(f: &mut fmt::Formatter<'_>, path: &Path, other: &Path, link: &Path) -> fmt::Result {
    let (path, other, link) = (shown(&path), shown(&other), shown(&link));
    write!(
        f,
        "{path} is away, and {other}, which has the same name and serial number, is at another port: plug the \
         camera into its own port again, or end camcast and start it with the other one: camcast {link}"
    )
}

fn missing(f: &mut fmt::Formatter<'_>, path: &Path, cameras: &[String]) -> fmt::Result {
    let what = if path.starts_with("/dev") { "device" } else { "file or folder" };
    write!(f, "no such {what}: {} (", shown(&path))?;
    if cameras.is_empty() {
        write!(f, "no camera is connected; ")?;
    } else {
        write!(f, "cameras here: {}; ", cameras.join(", "))?;
    }
    write!(f, "the built-in test picture needs none: camcast pattern)")
}

fn no_mjpeg(f: &mut fmt::Formatter<'_>, path: &Path, offers: &[String], mode: Mode) -> fmt::Result {
    let lacks = match mode {
        Mode::Mjpeg => "no MJPEG",
        Mode::Yuyv => "no YUYV, NV12 or YU12",
        Mode::Auto => "neither MJPEG nor YUYV, NV12 or YU12",
    };
    write!(f, "{} has {lacks}, it has ", shown(&path))?;
    let shown = offers.get(..SHOWN).unwrap_or(offers);
    match offers.len() - shown.len() {
        _ if offers.is_empty() => write!(f, "no format at all"),
        0 => write!(f, "{}", shown.join(", ")),
        more => write!(f, "{} and {more} more", shown.join(", ")),
    }
}

fn no_mjpeg_remedy(f: &mut fmt::Formatter<'_>, path: &Path, auto_helps: bool) -> fmt::Result {
    if auto_helps {
        return write!(f, ": take what it has with -m auto");
    }
    let path = shown(&path);
    write!(f, ": use another camera, or convert: ffmpeg -f v4l2 -i {path} -q:v 5 -f mjpeg - | camcast -")
}

impl std::error::Error for OpenError {}

/// Why a source ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CaptureError {
    /// The camera was unplugged.
    Gone {
        /// The path as given.
        path: PathBuf,
    },
    /// The camera's driver failed.
    Broken {
        /// The path as given.
        path: PathBuf,
        /// The call that failed.
        call: &'static str,
        /// How it failed.
        errno: Errno,
    },
    /// The source reports an error to whoever polls it, but none to whoever reads.
    Erring {
        /// The path as given.
        path: PathBuf,
    },
    /// Standard input, or a file that is played once, came to its end.
    Ended {
        /// The path as given, or the name.
        path: PathBuf,
        /// What it gave: frames, and what should have been some; the last one not, if that was cut off.
        frames: u64,
        /// Bytes of another one that it did not finish.
        half: usize,
    },
    /// A file, a folder or standard input can no longer be read.
    Unreadable {
        /// The path as given.
        path: PathBuf,
        /// The system's reason.
        why: String,
    },
    /// Megabytes, and not a single JPEG yet.
    NotMjpeg {
        /// The path as given.
        path: PathBuf,
    },
    /// The test picture cannot be drawn.
    Undrawable {
        /// The encoder's reason.
        why: String,
    },
}

impl CaptureError {
    /// What a failed call on the running camera at `path` means.
    pub(super) fn from_call(path: &Path, failed: v4l2::CallError) -> Self {
        let path = path.to_path_buf();
        match failed.errno {
            Errno::ENODEV | Errno::ENXIO => CaptureError::Gone { path },
            errno => CaptureError::Broken { path, call: failed.call, errno },
        }
    }
}

impl fmt::Display for CaptureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CaptureError::Gone { path } => write!(f, "{} was unplugged: plug it in again", shown(&path)),
            CaptureError::Broken { path, call, errno } => write!(
                f,
                "the driver of {} failed ({call}: {}): the camera must be reopened; dmesg may say more",
                shown(&path),
                errno.desc()
            ),
            CaptureError::Erring { path } => write!(
                f,
                "the driver of {} reports an error and gives no frame: the camera must be reopened; dmesg may say more",
                shown(&path)
            ),
            CaptureError::Ended { path, frames, half } => ended(f, path, *frames, *half),
            CaptureError::Unreadable { path, why } => write!(f, "cannot read {}: {why}", shown(&path)),
            CaptureError::NotMjpeg { path } => write!(
                f,
                "no JPEG in the first 16 MiB of {}: write MJPEG, as with rpicam-vid --codec mjpeg",
                shown(&path)
            ),
            CaptureError::Undrawable { why } => {
                write!(f, "the test picture cannot be drawn: {why}; try another size")
            }
        }
    }
}

fn ended(f: &mut fmt::Formatter<'_>, path: &Path, frames: u64, half: usize) -> fmt::Result {
    let path = shown(&path);
    match (frames, half) {
        (0, 0) => write!(f, "{path} ended before its first frame")?,
        (0, half) => write!(f, "{path} ended within its first frame, of which {half} bytes came")?,
        (1, _) => write!(f, "{path} ended after 1 frame")?,
        (frames, _) => write!(f, "{path} ended after {frames} frames")?,
    }
    if frames > 0 && half > 0 {
        write!(f, " and {half} bytes of another")?;
    }
    if frames == 0 {
        write!(f, ": the program that writes into it has failed; run it by itself to see why")?;
    }
    Ok(())
}

impl std::error::Error for CaptureError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn from_errno(errno: Errno) -> OpenError {
        OpenError::from_call(Path::new("/dev/video0"), v4l2::CallError { call: "VIDIOC_STREAMON", errno })
    }

    #[test]
    fn errno_becomes_meaning() {
        let path = PathBuf::from("/dev/video0");
        assert_eq!(from_errno(Errno::EBUSY), OpenError::Busy { path: path.clone() });
        assert_eq!(from_errno(Errno::EACCES), OpenError::Forbidden { path: path.clone() });
        assert_eq!(from_errno(Errno::EPERM), OpenError::Sandboxed { path: path.clone() });
        assert_eq!(from_errno(Errno::ENOSPC), OpenError::UsbBandwidth { path: path.clone() });
        assert!(matches!(from_errno(Errno::ENODEV), OpenError::Missing { .. }));
        let (call, errno) = ("VIDIOC_STREAMON", Errno::EPROTO);
        assert_eq!(from_errno(errno), OpenError::System { path: path.clone(), call, errno });
        let gone = v4l2::CallError { call, errno: Errno::ENODEV };
        assert_eq!(CaptureError::from_call(&path, gone), CaptureError::Gone { path });
    }

    #[test]
    fn texts_name_cause_and_remedy() {
        let path = PathBuf::from("/dev/video0");
        let cameras = vec!["/dev/video2 HD Webcam".to_owned()];
        assert_eq!(
            OpenError::Missing { path: path.clone(), cameras }.to_string(),
            "no such device: /dev/video0 (cameras here: /dev/video2 HD Webcam; the built-in test picture needs none: \
             camcast pattern)"
        );
        assert_eq!(
            OpenError::Missing { path: "x.mjpeg".into(), cameras: vec![] }.to_string(),
            "no such file or folder: x.mjpeg (no camera is connected; the built-in test picture needs none: camcast \
             pattern)"
        );
        assert!(from_errno(Errno::EBUSY).to_string().contains("fuser -v /dev/video0"));
        assert!(from_errno(Errno::EACCES).to_string().contains("sudo usermod -aG video $USER"));
        assert!(from_errno(Errno::EPERM).to_string().contains("DeviceAllow=char-video4linux"));
        assert!(from_errno(Errno::ENOSPC).to_string().contains("USB bandwidth"));
        let offers = vec!["YUYV 640x480".to_owned()];
        assert_eq!(
            OpenError::NoMjpeg { path: path.clone(), offers, mode: Mode::Mjpeg, auto_helps: true }
                .to_string(),
            "/dev/video0 has no MJPEG, it has YUYV 640x480: take what it has with -m auto"
        );
        let offers = vec!["H264 640x480".to_owned()];
        assert_eq!(
            OpenError::NoMjpeg { path, offers, mode: Mode::Auto, auto_helps: false }.to_string(),
            "/dev/video0 has neither MJPEG nor YUYV, NV12 or YU12, it has H264 640x480: use another camera, or \
             convert: ffmpeg -f v4l2 -i /dev/video0 -q:v 5 -f mjpeg - | camcast -"
        );
    }

    #[test]
    fn another_camera_is_named_with_its_link() {
        let link = Some(PathBuf::from("/dev/v4l/by-path/usb-0:2"));
        let twin =
            OpenError::Twin { path: "/dev/video2".into(), other: "/dev/video0".into(), link: link.clone() };
        assert_eq!(
            twin.to_string(),
            "/dev/video2 is away, and /dev/video0, which has the same name and serial number, is at another port: plug \
             the camera into its own port again, or end camcast and start it with the other one: camcast \
             /dev/v4l/by-path/usb-0:2"
        );
        assert_eq!(
            OpenError::Stranger { path: "/dev/video2".into(), link }.to_string(),
            "/dev/video2 is another camera now: plug in again the one that was there, or end camcast and start it with \
             this one: camcast /dev/v4l/by-path/usb-0:2"
        );
        assert!(twin.may_pass());
    }

    fn ended(frames: u64, half: usize) -> CaptureError {
        CaptureError::Ended { path: "standard input".into(), frames, half }
    }

    #[test]
    fn an_end_says_what_came_before_it() {
        assert_eq!(ended(120, 0).to_string(), "standard input ended after 120 frames");
        assert_eq!(ended(1, 0).to_string(), "standard input ended after 1 frame");
        assert_eq!(ended(1, 77).to_string(), "standard input ended after 1 frame and 77 bytes of another");
        let remedy = ": the program that writes into it has failed; run it by itself to see why";
        assert_eq!(ended(0, 0).to_string(), format!("standard input ended before its first frame{remedy}"));
        assert_eq!(
            ended(0, 77).to_string(),
            format!("standard input ended within its first frame, of which 77 bytes came{remedy}")
        );
    }

    #[test]
    fn a_long_list_of_formats_is_cut() {
        let text = |count| {
            let offers = vec!["MJPG".into(); count];
            OpenError::NoMjpeg { path: "x".into(), offers, mode: Mode::Yuyv, auto_helps: true }.to_string()
        };
        let start = "x has no YUYV, NV12 or YU12, it has";
        assert_eq!(text(0), format!("{start} no format at all: take what it has with -m auto"));
        assert!(text(4).starts_with(&format!("{start} MJPG, MJPG, MJPG, MJPG: take")));
        assert!(text(40).starts_with(&format!("{start} MJPG, MJPG, MJPG, MJPG and 36 more: take")));
    }

    #[test]
    fn texts_are_one_line() {
        let texts = [
            from_errno(Errno::EPROTO).to_string(),
            OpenError::NoFrames { path: "x".into() }.to_string(),
            OpenError::NoSignal { path: "x".into() }.to_string(),
            OpenError::Twin { path: "x".into(), other: "y".into(), link: None }.to_string(),
            OpenError::Stranger { path: "x".into(), link: None }.to_string(),
            from_errno(Errno::EPERM).to_string(),
            from_errno(Errno::ENOSPC).to_string(),
            CaptureError::Gone { path: "x".into() }.to_string(),
            CaptureError::Broken { path: "x".into(), call: "VIDIOC_DQBUF", errno: Errno::EIO }.to_string(),
            CaptureError::Erring { path: "x".into() }.to_string(),
            ended(120, 0).to_string(),
            CaptureError::NotMjpeg { path: "x".into() }.to_string(),
        ];
        for text in texts {
            assert!(!text.contains('\n') && !text.contains("  "), "{text}");
        }
    }
}
