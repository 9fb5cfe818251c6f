//! A camera, from its path to its frames.

use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nix::errno::Errno;

use super::super::{CaptureConfig, CaptureError, Content, Description, Lease, OpenError, Rate};
use super::buffers::Driver;
use super::changes::Controls;
use super::negotiate::{self, Kind, Offer};
use super::node::{CallError, Capabilities, Format, Node};
use super::ring::Ring;
use super::settings::{self, ENUMERATED, Recheck};
use crate::picture::RawFormat;
use crate::shown::shown;
use crate::time::{Stamp, Time};

/// A camera that streams.
pub struct Camera {
    path: PathBuf,
    node: Arc<Node>,
    ring: Ring,
    /// How its pictures lie in memory, if they are not JPEGs.
    raw: Option<RawFormat>,
    description: Description,
    /// Controls that were set, until they have been looked at again.
    recheck: Option<Recheck>,
    has_given: bool,
}

impl Camera {
    /// Opens the camera at `path`, agrees on a format, a size and a rate as wished or what comes near, sets the controls,
    /// and starts it.
    ///
    /// # Errors
    /// Any [`OpenError`] but those of files.
    pub fn open(path: &Path, config: &CaptureConfig) -> Result<Self, OpenError> {
        let fail = |failed| OpenError::from_call(path, failed);
        let node = open_node(path)?;
        let capabilities = capabilities(&node, path)?;
        let (format, raw) = agree_on_format(&node, path, config)?;
        let (agreed, rate_note) = agree_on_rate(&node, config.rate);
        let (set, refused) = settings::set(&node, &config.controls, &config.changed_controls);
        let node = Arc::new(node);
        let recheck = Recheck::new(&node, &capabilities.driver, set);
        let ring = Ring::start(Arc::clone(&node) as Arc<dyn Driver>).map_err(|failed| {
            match negotiate::is_without_writer(&capabilities, failed) {
                true => OpenError::NoSignal { path: path.into() },
                false => fail(failed),
            }
        })?;
        let notes = negotiate::size_note(config.size, format).into_iter().chain(rate_note).chain(refused);
        let description = Description {
            name: capabilities.card,
            driver: capabilities.driver,
            path: shown(&path).to_string(),
            format: format.fourcc.to_string(),
            size: negotiate::agreed_size(format),
            rate: agreed,
            buffers: ring.len(),
            notes: notes.collect(),
        };
        Ok(Camera { path: path.into(), node, ring, raw, description, recheck, has_given: false })
    }

    /// The descriptor to poll for `POLLIN`.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.node.as_fd()
    }

    /// The oldest frame that the driver has ready, stamped with the driver's time if that can be believed, else
    /// `now`.
    ///
    /// # Errors
    /// [`CaptureError::Gone`] after an unplug, else [`CaptureError::Broken`]; also if the buffer of an earlier frame could not be
    /// given back.
    pub fn grab(&mut self, now: Time) -> Result<Option<Lease<'_>>, CaptureError> {
        match self.ring.dequeue() {
            Ok(None) => Ok(None),
            Ok(Some(buffer)) => {
                self.has_given = true;
                let stamp = Stamp { captured: buffer.captured(now), sequence: buffer.sequence() };
                let content = self.raw.map_or(Content::Jpeg, Content::Raw);
                Ok(Some(Lease::of_buffer(buffer, stamp, content)))
            }
            Err(failed) => Err(CaptureError::from_call(&self.path, failed)),
        }
    }

    /// Gives the driver all filled buffers back but the newest, which the next [`grab`](Self::grab) returns. How many
    /// were given back.
    ///
    /// # Errors
    /// As [`grab`](Self::grab).
    pub fn drop_older(&mut self) -> Result<u32, CaptureError> {
        self.ring.drop_older().map_err(|failed| CaptureError::from_call(&self.path, failed))
    }

    /// Once, after the first frame, if controls were set: they are to be looked at again.
    pub fn take_recheck(&mut self) -> Option<Recheck> {
        if self.has_given { self.recheck.take() } else { None }
    }

    /// Its controls. They share the camera's descriptor.
    pub fn controls(&self) -> Controls {
        Controls::new(&self.node)
    }

    /// What the driver agreed to.
    pub fn describe(&self) -> &Description {
        &self.description
    }
}

/// Opens a node, and keeps paths away from the `v4l` crate on which it would panic.
pub(super) fn open_node(path: &Path) -> Result<Node, OpenError> {
    if path.as_os_str().as_bytes().contains(&0) {
        return Err(OpenError::Invalid { what: "the camera's path holds a NUL".into() });
    }
    Node::open(path).map_err(|failed| OpenError::from_call(path, failed))
}

/// What the node is, if it is a camera.
fn capabilities(node: &Node, path: &Path) -> Result<Capabilities, OpenError> {
    let not_a_camera = |why: &str| OpenError::NotACamera { path: path.into(), why: why.into() };
    match node.query_capabilities() {
        Ok(capabilities) => match negotiate::kind(&capabilities) {
            Kind::Camera => Ok(capabilities),
            Kind::Waiting => Err(OpenError::NoSignal { path: path.into() }),
            Kind::Other(why) => Err(not_a_camera(why)),
        },
        Err(CallError { errno: Errno::ENOTTY | Errno::EINVAL, .. }) => {
            Err(not_a_camera("it is not a video device; camcast --list names the cameras"))
        }
        Err(failed) => Err(OpenError::from_call(path, failed)),
    }
}

/// Sets the best format of the mode, and the size nearest to the one asked for or one that the camera has.
fn agree_on_format(
    node: &Node,
    path: &Path,
    config: &CaptureConfig,
) -> Result<(Format, Option<RawFormat>), OpenError> {
    let fail = |failed| OpenError::from_call(path, failed);
    let offers = offers(node);
    let unfit = || negotiate::unfit(path, config.mode, &offers);
    let fourcc = negotiate::choose_format(config.mode, &offers).ok_or_else(unfit)?;
    let current = node.get_format().map_err(fail)?;
    let size = negotiate::choose_size(fourcc, config.size, current, &offers);
    let answer = node.set_format(fourcc, size).map_err(fail)?;
    // A driver may take the request and set another format: v4l2loopback gives what its writer writes.
    if !negotiate::formats(config.mode).contains(&answer.fourcc) {
        return Err(unfit());
    }
    let raw = negotiate::raw_format(answer);
    if answer.fourcc.layout().is_some() && raw.is_none() {
        let Format { width, height, stride, .. } = answer;
        let what = format!(
            "{}: the driver's answer of {width}x{height} pixels in rows of {stride} bytes makes no sense: ask for another \
             size, as with -r 640x480",
            shown(&path)
        );
        return Err(OpenError::Invalid { what });
    }
    Ok((answer, raw))
}

/// Sets the rate asked for, and returns the one that holds, with a note if it is another. Never fatal: the
/// frames come at some rate, and the loop measures it.
fn agree_on_rate(node: &Node, wanted: Option<Rate>) -> (Option<Rate>, Option<String>) {
    let result = match wanted {
        Some(rate) => node.set_rate(rate),
        None => node.get_rate(),
    };
    let answer = result.unwrap_or_else(|failed| {
        log::debug!("{} failed: {}", failed.call, failed.errno.desc());
        None
    });
    (answer, negotiate::rate_note(wanted, answer))
}

/// The formats that the node has. A driver that cannot tell has none here, and is not refused for it.
pub(super) fn offers(node: &Node) -> Vec<Offer> {
    let names = (0..ENUMERATED).map_while(|index| node.enumerate_format(index).ok().flatten());
    names
        .map(|name| {
            let sizes =
                (0..ENUMERATED).map_while(|index| node.enumerate_size(name.fourcc, index).ok().flatten());
            Offer { sizes: sizes.collect(), name }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::super::SourceSpec;
    use super::*;

    fn error(path: &str) -> OpenError {
        let config = CaptureConfig::of(SourceSpec::Device(path.into()), |_| {});
        Camera::open(Path::new(path), &config).err().unwrap()
    }

    #[test]
    fn what_is_no_camera_is_told() {
        assert!(matches!(error("/dev/no-such-camera"), OpenError::Missing { .. }));
        assert!(matches!(error("a\0b"), OpenError::Invalid { .. }));
        assert_eq!(
            error("/dev/null").to_string(),
            "/dev/null is not a camera: it is not a video device; camcast --list names the cameras"
        );
    }
}
