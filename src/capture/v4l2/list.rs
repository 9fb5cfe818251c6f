//! The cameras of this machine, and what each offers.

use crate::shown::shown;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use super::device::{ENUMERATED, controls, menu, offers, open_node};
use super::listing::{ControlListing, FormatListing, Listing};
use super::negotiate::{FourCc, Kind, Offer, kind};
use super::node::Node;
use super::sizes::{Rates, Sizes};

/// Where udev keeps links that name a camera by its make and serial number, whatever number its node has.
const BY_ID: &str = "/dev/v4l/by-id";

/// And those that name the port into which it is plugged.
const BY_PATH: &str = "/dev/v4l/by-path";

/// A camera that answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The device node, `/dev/video0`.
    pub path: PathBuf,
    /// The link that stays the same when the node's number changes, if udev has made one: by the camera's own name, else by
    /// its port.
    pub link: Option<PathBuf>,
    /// The camera's name.
    pub name: String,
    /// The kernel driver's name.
    pub driver: String,
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", shown(&self.path), shown(&self.name))
    }
}

/// The cameras that answer, in the order of their numbers. Each is opened for a moment, which wakes it if it slept;
/// those that may not be opened are left out.
pub fn cameras() -> Vec<Found> {
    found().map(|(_, camera)| camera).collect()
}

/// The same cameras with all that they offer.
pub fn listings() -> Vec<Listing> {
    let listing = |(node, camera): (Node, Found)| {
        let formats = offers(&node).into_iter().map(|offer| format_listing(&node, offer)).collect();
        let controls = controls(&node).into_iter().map(|control| {
            let value = control.has_value().then(|| node.get_control(&control).ok()).flatten();
            ControlListing { menu: menu(&node, &control), value, control }
        });
        Listing { camera, formats, controls: controls.collect() }
    };
    found().map(listing).collect()
}

fn format_listing(node: &Node, offer: Offer) -> FormatListing {
    let fourcc = offer.name.fourcc;
    let sizes = offer.sizes.into_iter().map(|sizes| {
        let rates = rates(node, fourcc, &sizes);
        (sizes, rates)
    });
    FormatListing { sizes: sizes.collect(), name: offer.name }
}

/// Of a range of sizes those of its largest.
fn rates(node: &Node, fourcc: FourCc, sizes: &Sizes) -> Vec<Rates> {
    let size = sizes.largest();
    let mut rates: Vec<Rates> = Vec::new();
    for index in 0..ENUMERATED {
        let Ok(Some(rate)) = node.enumerate_rate(fourcc, size, index) else { break };
        // a range is the only one; some drivers repeat it for ever
        let is_last = matches!(rate, Rates::Range(..));
        rates.push(rate);
        if is_last {
            break;
        }
    }
    rates
}

fn found() -> impl Iterator<Item = (Node, Found)> {
    let mut nodes: Vec<(u32, PathBuf)> = fs::read_dir("/dev")
        .into_iter()
        .flatten()
        .filter_map(|entry| numbered(&entry.ok()?.path()))
        .collect();
    nodes.sort();
    nodes.into_iter().filter_map(|(_, path)| look_at(&path))
}

/// The number in `/dev/video7`.
fn numbered(path: &Path) -> Option<(u32, PathBuf)> {
    let number = path.file_name()?.to_str()?.strip_prefix("video")?.parse().ok()?;
    Some((number, path.into()))
}

fn look_at(path: &Path) -> Option<(Node, Found)> {
    let node = open_node(path).ok()?;
    let capabilities = node.query_capabilities().ok()?;
    if kind(&capabilities) != Kind::Camera {
        return None;
    }
    let link = link_to(path, BY_ID).or_else(|| link_to(path, BY_PATH));
    let (name, driver) = (capabilities.card, capabilities.driver);
    Some((node, Found { path: path.into(), link, name, driver }))
}

/// The link that names the camera at `path` whatever number its node has: `path` itself, if it is one.
pub fn stable_link(path: &Path) -> Option<PathBuf> {
    if path.starts_with("/dev/v4l") { Some(path.into()) } else { link_to(path, BY_ID) }
}

fn link_to(node: &Path, folder: &str) -> Option<PathBuf> {
    let mut links = fs::read_dir(folder).ok()?.filter_map(|entry| Some(entry.ok()?.path()));
    links.find(|link| fs::canonicalize(link).is_ok_and(|target| target == node))
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
