//! The cameras of this machine, and what each offers.

use crate::shown::shown;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use super::device::{offers, open_node};
use super::fourcc::FourCc;
use super::listing::{ControlListing, FormatListing, Found, Listing, Shared};
use super::negotiate::{Kind, Offer, kind};
use super::node::Node;
use super::settings::{ENUMERATED, controls, menu};
use super::sizes::{Rates, Sizes};
use super::usb::{Roots, usb_cameras};

/// Where udev keeps links that name a camera by its make and serial number, whatever number its node has.
pub(super) const BY_ID: &str = "v4l/by-id";

/// And those that name the port into which it is plugged.
const BY_PATH: &str = "v4l/by-path";

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
    let Links { link, shared } = links(&Roots::default(), path);
    let (name, driver) = (capabilities.card, capabilities.driver);
    Some((node, Found { path: path.into(), link, shared, name, driver }))
}

/// A camera's links: one that lasts, and one that does not though it looks so.
#[derive(Debug, PartialEq, Eq)]
struct Links {
    link: Option<PathBuf>,
    shared: Option<Shared>,
}

fn links(roots: &Roots, node: &Path) -> Links {
    let shared = shared(roots, node);
    let by_id = if shared.is_none() { link_to(roots, BY_ID, node) } else { None };
    Links { link: by_id.or_else(|| by_path(roots, node)), shared }
}

/// udev makes one link of two that are equal: it leads to this camera, or to the other.
fn shared(roots: &Roots, node: &Path) -> Option<Shared> {
    let cameras = usb_cameras(roots);
    let own = cameras.iter().find(|camera| camera.node == node)?;
    let mut others = cameras.iter().filter(|other| *other != own && other.make.shares_link(&own.make));
    let with = others.next()?;
    let mut all = [own, with].into_iter().chain(others);
    let link = all.find_map(|camera| link_to(roots, BY_ID, &camera.node))?;
    Some(Shared { link, with: with.node.clone(), has_serial: !own.make.serial.is_empty() })
}

/// The link that names the port of the camera at `node`, if udev has made one.
pub(super) fn by_path(roots: &Roots, node: &Path) -> Option<PathBuf> {
    link_to(roots, BY_PATH, node)
}

/// Of several the first by name: newer versions of udev make two links for a port.
fn link_to(roots: &Roots, folder: &str, node: &Path) -> Option<PathBuf> {
    let links = fs::read_dir(roots.dev.join(folder)).ok()?.filter_map(|entry| Some(entry.ok()?.path()));
    links.filter(|link| fs::canonicalize(link).is_ok_and(|target| target == node)).min()
}

#[cfg(test)]
mod tests {
    use super::super::usb::fake::Tree;
    use super::*;

    #[test]
    fn a_link_lasts_unless_two_cameras_have_it() {
        let tree = Tree::new();
        let links = |number| links(&tree.roots, &tree.node(number));
        tree.plug(0, "C270", "A", "1");
        let by_id = tree.by_id("C270", "A");
        assert_eq!(links(0), Links { link: Some(by_id.clone()), shared: None });
        tree.plug(2, "C270", "A", "2");
        tree.plug(4, "C920", "A", "3");
        for (number, other, port) in [(0, 2, "1"), (2, 0, "2")] {
            let shared = Shared { link: by_id.clone(), with: tree.node(other), has_serial: true };
            assert_eq!(links(number), Links { link: Some(tree.by_path(port)), shared: Some(shared) });
        }
        assert_eq!(links(4), Links { link: Some(tree.by_id("C920", "A")), shared: None });
        tree.unplug(2, "2", Some(0));
        assert_eq!(links(0), Links { link: Some(by_id), shared: None });
    }

    #[test]
    fn without_udev_there_are_no_links() {
        let tree = Tree::new();
        tree.appear(0, "C270", "", "1");
        tree.appear(1, "C270", "", "2");
        assert_eq!(links(&tree.roots, &tree.node(0)), Links { link: None, shared: None });
    }

    #[test]
    fn only_numbered_video_nodes_count() {
        let node = |path: &str| numbered(Path::new(path)).map(|(number, _)| number);
        assert_eq!(node("/dev/video12"), Some(12));
        assert_eq!(node("/dev/video"), None);
        assert_eq!(node("/dev/video-codec"), None);
        assert_eq!(node("/dev/vga_arbiter"), None);
    }
}
