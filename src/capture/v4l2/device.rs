//! A camera, from its path to its frames.

use std::os::fd::BorrowedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;

use super::super::{Description, Fault, Lease, OpenError, Rate};
use super::negotiate::{self, Kind, Offer};
use super::node::{Capabilities, Failed, Format, Node};
use super::ring::Ring;
use crate::jpeg::Size;
use crate::time::{Stamp, Time};

/// The most formats, and the most sizes of each, that are asked for: a driver's list should end by itself.
const ENUMERATED: u32 = 64;

/// A camera that streams MJPEG.
pub struct Camera {
    path: PathBuf,
    ring: Ring,
    description: Description,
}

impl Camera {
    /// Opens the camera at `path`, agrees on MJPEG in this size and at this rate or what comes near, and starts it.
    ///
    /// # Errors
    /// Any [`OpenError`] but those of files.
    pub fn open(path: &Path, size: Option<Size>, rate: Option<Rate>) -> Result<Self, OpenError> {
        let fail = |failed| OpenError::from_call(path, failed);
        let node = open_node(path)?;
        let capabilities = capabilities(&node, path)?;
        let format = agree_on_format(&node, path, size)?;
        let (agreed, rate_note) = agree_on_rate(&node, rate);
        let ring = Ring::start(node).map_err(|failed| {
            match negotiate::is_without_writer(&capabilities, failed) {
                true => OpenError::NoSignal { path: path.into() },
                false => fail(failed),
            }
        })?;
        let description = Description {
            name: capabilities.card,
            driver: capabilities.driver,
            path: path.display().to_string(),
            format: format.fourcc.to_string(),
            size: negotiate::agreed_size(format),
            rate: agreed,
            buffers: ring.len(),
            notes: negotiate::size_note(size, format).into_iter().chain(rate_note).collect(),
        };
        Ok(Camera { path: path.into(), ring, description })
    }

    /// The descriptor to poll for `POLLIN`.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.ring.fd()
    }

    /// The oldest frame that the driver has ready, stamped with the driver's time if that can be believed, else
    /// `now`.
    ///
    /// # Errors
    /// [`Fault::Gone`] after an unplug, else [`Fault::Broken`]; also if the buffer of an earlier frame could not be
    /// given back.
    pub fn grab(&mut self, now: Time) -> Result<Option<Lease<'_>>, Fault> {
        match self.ring.dequeue() {
            Ok(None) => Ok(None),
            Ok(Some(buffer)) => {
                let stamp = Stamp { captured: buffer.captured(now), sequence: buffer.sequence() };
                Ok(Some(Lease::of_buffer(buffer, stamp)))
            }
            Err(failed) => Err(Fault::from_call(&self.path, failed)),
        }
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
        Err(Failed { errno: Errno::ENOTTY | Errno::EINVAL, .. }) => {
            Err(not_a_camera("it is no video device; camcast --list names the cameras"))
        }
        Err(failed) => Err(OpenError::from_call(path, failed)),
    }
}

/// Sets JPEG, and the size asked for or one that the camera has.
fn agree_on_format(node: &Node, path: &Path, wish: Option<Size>) -> Result<Format, OpenError> {
    let fail = |failed| OpenError::from_call(path, failed);
    let offers = offers(node);
    let no_mjpeg =
        || OpenError::NoMjpeg { path: path.into(), offers: offers.iter().map(Offer::to_string).collect() };
    let fourcc = negotiate::choose_format(&offers).ok_or_else(no_mjpeg)?;
    let current = node.get_format().map_err(fail)?;
    let wanted = negotiate::choose_size(fourcc, wish, current, &offers);
    let answer = node.set_format(wanted).map_err(fail)?;
    // A driver may take the request and set another format: v4l2loopback gives what its writer writes.
    if answer.fourcc.is_jpeg() { Ok(answer) } else { Err(no_mjpeg()) }
}

/// Sets the rate asked for, and returns the one that holds, with a note if it is another. Never fatal: the
/// frames come at some rate, and the loop measures it.
fn agree_on_rate(node: &Node, wish: Option<Rate>) -> (Option<Rate>, Option<String>) {
    let result = match wish {
        Some(rate) => node.set_rate(rate),
        None => node.get_rate(),
    };
    let answer = result.unwrap_or_else(|failed| {
        log::debug!("{} failed: {}", failed.call, failed.errno.desc());
        None
    });
    (answer, negotiate::rate_note(wish, answer))
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
    use super::*;

    fn error(path: &str) -> OpenError {
        Camera::open(Path::new(path), None, None).err().unwrap()
    }

    #[test]
    fn what_is_no_camera_is_told() {
        assert!(matches!(error("/dev/no-such-camera"), OpenError::Missing { .. }));
        assert!(matches!(error("a\0b"), OpenError::Invalid { .. }));
        assert_eq!(
            error("/dev/null").to_string(),
            "/dev/null is no camera: it is no video device; camcast --list names the cameras"
        );
    }
}
