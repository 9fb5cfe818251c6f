//! The cameras of this machine.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use super::device::{offers, open_node};
use super::negotiate::{Kind, Offer, kind};

/// Where udev keeps links that name a camera by its make and serial number, whatever number its node has.
const LINKS: &str = "/dev/v4l/by-id";

/// A camera that answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The device node, `/dev/video0`.
    pub path: PathBuf,
    /// The link that stays the same when the node's number changes, if udev has made one.
    pub link: Option<PathBuf>,
    /// The camera's name.
    pub name: String,
    /// The kernel driver's name.
    pub driver: String,
    /// The pixel formats, each with its sizes: `MJPG 1280x720 640x480`.
    pub formats: Vec<String>,
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.path.display(), self.name)
    }
}

/// The cameras that answer, in the order of their numbers. Each is opened for a moment, which wakes it if it slept;
/// those that may not be opened are left out.
pub fn cameras() -> Vec<Found> {
    let mut nodes: Vec<(u32, PathBuf)> = fs::read_dir("/dev")
        .into_iter()
        .flatten()
        .filter_map(|entry| numbered(&entry.ok()?.path()))
        .collect();
    nodes.sort();
    nodes.iter().filter_map(|(_, path)| look_at(path)).collect()
}

/// The number in `/dev/video7`.
fn numbered(path: &Path) -> Option<(u32, PathBuf)> {
    let number = path.file_name()?.to_str()?.strip_prefix("video")?.parse().ok()?;
    Some((number, path.into()))
}

fn look_at(path: &Path) -> Option<Found> {
    let node = open_node(path).ok()?;
    let capabilities = node.query_capabilities().ok()?;
    if kind(&capabilities) != Kind::Camera {
        return None;
    }
    Some(Found {
        path: path.into(),
        link: link_to(path),
        name: capabilities.card,
        driver: capabilities.driver,
        formats: offers(&node).iter().map(Offer::to_string).collect(),
    })
}

/// The link that names the camera at `path` whatever number its node has: `path` itself, if it is one.
pub fn stable_link(path: &Path) -> Option<PathBuf> {
    if path.starts_with("/dev/v4l") { Some(path.into()) } else { link_to(path) }
}

fn link_to(node: &Path) -> Option<PathBuf> {
    let links = fs::read_dir(LINKS).ok()?.filter_map(|entry| Some(entry.ok()?.path()));
    links.into_iter().find(|link| fs::canonicalize(link).is_ok_and(|target| target == node))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_numbered_video_nodes_count() {
        let node = |path: &str| numbered(Path::new(path)).map(|(number, _)| number);
        assert_eq!(node("/dev/video12"), Some(12));
        assert_eq!(node("/dev/video"), None);
        assert_eq!(node("/dev/video-codec"), None);
        assert_eq!(node("/dev/vga_arbiter"), None);
    }
}
