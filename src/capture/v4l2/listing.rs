//! A camera with all that it offers, as `--list` prints it.

use crate::shown::shown;
use std::fmt;
use std::path::{Path, PathBuf};

use super::controls::{Control, Line};
use super::node::FormatName;
use super::sizes::{Rates, Sizes};

/// A camera that answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The device node, `/dev/video0`.
    pub path: PathBuf,
    /// The link that stays the same when the node's number changes, if udev has made one: by the camera's own name if no other
    /// camera has it too, else by its port.
    pub link: Option<PathBuf>,
    /// The link by its name, if another camera has it too.
    pub shared: Option<Shared>,
    /// The camera's name.
    pub name: String,
    /// The kernel driver's name.
    pub driver: String,
}

/// A link that leads to either of two cameras, as udev happens to have seen them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shared {
    /// The link.
    pub link: PathBuf,
    /// The other camera's node.
    pub with: PathBuf,
    /// Their serial numbers are equal; otherwise they have none.
    pub has_serial: bool,
}

/// A camera with its formats and controls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    pub(super) camera: Found,
    pub(super) formats: Vec<FormatListing>,
    pub(super) controls: Vec<ControlListing>,
}

/// A pixel format with its sizes and their rates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FormatListing {
    pub name: FormatName,
    pub sizes: Vec<(Sizes, Vec<Rates>)>,
}

/// A control, its menu, and its value at present.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ControlListing {
    pub control: Control,
    pub menu: Vec<(i64, String)>,
    pub value: Option<i64>,
}

impl Listing {
    /// The camera's device.
    pub fn path(&self) -> &Path {
        &self.camera.path
    }

    /// Its formats, without the links that lead to it, whose names may have its serial number in them.
    #[must_use]
    pub fn formats_alone(self) -> Self {
        Listing { camera: Found { link: None, shared: None, ..self.camera }, controls: Vec::new(), ..self }
    }
}

impl fmt::Display for Listing {
    /// Several lines, the camera's first; what belongs to it is indented.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Found { path, link, shared, name, driver } = &self.camera;
        writeln!(f, "{} {} ({})", shown(path), shown(name), shown(driver))?;
        if let Some(link) = link {
            writeln!(f, "    always {}", shown(link))?;
        }
        if let Some(Shared { link, with, has_serial }) = shared {
            let equal = if *has_serial { "and serial number" } else { "and neither has a serial number" };
            let (link, with) = (shown(link), shown(with));
            writeln!(f, "    not always {link}: {with} has the same name {equal}")?;
        }
        self.formats.iter().try_for_each(|format| format.fmt(f))?;
        if !self.controls.is_empty() {
            writeln!(f, "    controls, for --control NAME=VALUE")?;
        }
        self.controls.iter().try_for_each(|ControlListing { control, menu, value }| {
            writeln!(f, "        {}", Line { control, menu, value: *value })
        })
    }
}

impl fmt::Display for FormatListing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let FormatName { fourcc, description } = &self.name;
        writeln!(f, "    {fourcc} ({description})")?;
        for (sizes, rates) in &self.sizes {
            let rates: Vec<String> = rates.iter().map(Rates::to_string).collect();
            match rates.is_empty() {
                true => writeln!(f, "        {sizes}")?,
                false => writeln!(f, "        {sizes} {} fps", rates.join(", "))?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::Rate;
    use super::super::controls::Kind;
    use super::super::fourcc::FourCc;
    use super::*;

    fn rate(text: &str) -> Rates {
        Rates::One(text.parse().unwrap())
    }

    fn format(fourcc: FourCc, description: &str, sizes: Vec<(Sizes, Vec<Rates>)>) -> FormatListing {
        FormatListing { name: FormatName { fourcc, description: description.into() }, sizes }
    }

    #[test]
    fn a_listing_reads_as_a_person_reads() {
        let camera = Found {
            path: "/dev/video0".into(),
            link: Some("/dev/v4l/by-id/usb-Rig-video-index0".into()),
            shared: None,
            name: "HD Webcam".into(),
            driver: "uvcvideo".into(),
        };
        let hd = Sizes::One { width: 1280, height: 720 };
        let any = Sizes::Range { width: 2..=1296, height: 1..=732, steps: (2, 1) };
        let (slow, fast): (Rate, Rate) = ("1".parse().unwrap(), "60".parse().unwrap());
        let formats = vec![
            format(FourCc::MJPG, "Motion-JPEG", vec![(hd.clone(), vec![rate("30"), rate("7.5")])]),
            format(FourCc::YUYV, "YUYV 4:2:2", vec![(any, vec![Rates::Range(slow, fast)]), (hd, vec![])]),
        ];
        let brightness = Control {
            id: 1,
            name: "Brightness".into(),
            kind: Kind::Integer,
            least: 0,
            most: 255,
            step: 1,
            default: 128,
            flags: 0,
        };
        let controls = vec![ControlListing { control: brightness, menu: vec![], value: Some(100) }];
        let listing = Listing { camera, formats, controls };
        let expected = "\
/dev/video0 HD Webcam (uvcvideo)
    always /dev/v4l/by-id/usb-Rig-video-index0
    MJPG (Motion-JPEG)
        1280x720 30, 7.5 fps
    YUYV (YUYV 4:2:2)
        2x1 to 1296x732 1 to 60 fps
        1280x720
    controls, for --control NAME=VALUE
        brightness (int): 0 to 255; default 128, now 100
";
        assert_eq!(listing.to_string(), expected);
        let shared = |has_serial| {
            let (link, with) = ("/dev/v4l/by-id/usb-Rig-video-index0".into(), "/dev/video2".into());
            let camera = Found {
                link: Some("/dev/v4l/by-path/usb-0:1:1.0-video-index0".into()),
                shared: Some(Shared { link, with, has_serial }),
                ..listing.camera.clone()
            };
            let twin = Listing { camera, formats: vec![], controls: vec![] }.to_string();
            twin.lines().skip(1).collect::<Vec<_>>().join("\n")
        };
        assert_eq!(
            shared(true),
            "    always /dev/v4l/by-path/usb-0:1:1.0-video-index0\n    not always /dev/v4l/by-id/usb-Rig-video-index0: \
             /dev/video2 has the same name and serial number"
        );
        assert!(shared(false).ends_with("/dev/video2 has the same name and neither has a serial number"));
        let bare = Listing { formats: vec![], controls: vec![], ..listing };
        assert_eq!(bare.to_string().lines().count(), 2);
    }
}
