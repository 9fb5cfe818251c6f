//! USB cameras as the kernel's sysfs tells of them: which make, at which port, under which number. Nothing is opened.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::sys::stat::makedev;

/// Where the system keeps what is read here.
#[derive(Clone, Debug)]
pub(super) struct Roots {
    pub dev: PathBuf,
    pub sys: PathBuf,
}

impl Default for Roots {
    fn default() -> Self {
        Roots { dev: "/dev".into(), sys: "/sys".into() }
    }
}

/// A node of a USB camera that is there now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct UsbCamera {
    /// The device node, `/dev/video0`.
    pub node: PathBuf,
    /// The device's place on its bus: `/sys/devices/.../usb1/1-1.2`. Another device at the same port has the same.
    pub port: PathBuf,
    pub make: Make,
}

/// What a camera says of itself. Cameras of one model that have no serial number, or have all the same, are equal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Make {
    vendor: String,
    product: String,
    manufacturer: String,
    name: String,
    pub serial: String,
    /// Which of the device's functions, `1.0`: a camera for depth has two.
    interface: String,
    /// Which of the function's nodes: pictures, metadata.
    index: String,
}

impl Make {
    /// Whether udev gives both the same link in `/dev/v4l/by-id`.
    pub(super) fn shares_link(&self, other: &Make) -> bool {
        self.link_key() == other.link_key()
    }

    /// udev takes a device's own words, and its numbers only where it has none; never the function.
    fn link_key(&self) -> [&str; 4] {
        let or = |word, number| if str::is_empty(word) { number } else { word };
        [or(&self.manufacturer, &self.vendor), or(&self.name, &self.product), &self.serial, &self.index]
    }
}

/// The USB cameras' nodes that are there, metadata nodes included. Empty where sysfs is not to be seen.
pub(super) fn usb_cameras(roots: &Roots) -> Vec<UsbCamera> {
    let entries = fs::read_dir(roots.sys.join("class/video4linux")).into_iter().flatten();
    entries.filter_map(|entry| usb_camera(roots, &entry.ok()?.path())).collect()
}

fn usb_camera(roots: &Roots, entry: &Path) -> Option<UsbCamera> {
    let node = roots.dev.join(entry.file_name()?);
    // a container may have the node of another number under this name
    if fs::metadata(&node).ok()?.rdev() != device_number(&attribute(entry, "dev"))? {
        return None;
    }
    let place = fs::canonicalize(entry).ok()?;
    let mut folders = place.ancestors().zip(place.ancestors().skip(1));
    let (function, port) = folders.find(|(_, device)| device.join("idVendor").exists())?;
    let make = Make {
        vendor: attribute(port, "idVendor"),
        product: attribute(port, "idProduct"),
        manufacturer: attribute(port, "manufacturer"),
        name: attribute(port, "product"),
        serial: attribute(port, "serial"),
        interface: function.file_name().and_then(OsStr::to_str)?.rsplit(':').next()?.to_owned(),
        index: attribute(entry, "index"),
    };
    Some(UsbCamera { node, port: port.into(), make })
}

/// A USB port that a camera is at.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Port {
    /// Mbit a second.
    pub speed: f64,
    /// The number of its bus.
    pub bus: u32,
    /// Other cameras at the same bus.
    pub others: usize,
}

/// Where the camera of this node is plugged in, if it is one of USB.
pub fn port(node: &Path) -> Option<Port> {
    port_in(&Roots::default(), node)
}

fn port_in(roots: &Roots, node: &Path) -> Option<Port> {
    let node = fs::canonicalize(node).ok()?;
    let cameras = usb_cameras(roots);
    let own = cameras.iter().find(|camera| camera.node == node)?;
    let bus = attribute(&own.port, "busnum");
    // a camera has several nodes: pictures and what is told about them
    let mut others: Vec<&Path> = cameras
        .iter()
        .filter(|other| other.port != own.port && attribute(&other.port, "busnum") == bus)
        .map(|other| other.port.as_path())
        .collect();
    others.sort_unstable();
    others.dedup();
    let speed = attribute(&own.port, "speed").parse().ok()?;
    Some(Port { speed, bus: bus.parse().ok()?, others: others.len() })
}

/// A device's attribute, or nothing where it has none.
fn attribute(folder: &Path, name: &str) -> String {
    let bytes = fs::read(folder.join(name)).unwrap_or_default();
    String::from_utf8_lossy(&bytes).trim().to_owned()
}

/// The number in `81:0`.
fn device_number(text: &str) -> Option<u64> {
    let (major, minor) = text.split_once(':')?;
    Some(makedev(major.parse().ok()?, minor.parse().ok()?))
}

/// A folder that looks like `/dev` and `/sys` with USB cameras in it.
#[cfg(test)]
pub(super) mod fake {
    use super::*;
    use std::os::unix::fs::symlink;

    pub(in super::super) struct Tree {
        folder: tempfile::TempDir,
        pub(in super::super) roots: Roots,
    }

    impl Tree {
        pub(in super::super) fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            // as the kernel's paths, it must not lead through links
            let top = fs::canonicalize(folder.path()).unwrap();
            let roots = Roots { dev: top.join("dev"), sys: top.join("sys") };
            for known in ["dev/v4l/by-id", "dev/v4l/by-path", "sys/class/video4linux"] {
                fs::create_dir_all(top.join(known)).unwrap();
            }
            Tree { folder, roots }
        }

        pub(in super::super) fn node(&self, number: u32) -> PathBuf {
            self.roots.dev.join(format!("video{number}"))
        }

        pub(in super::super) fn by_id(&self, model: &str, serial: &str) -> PathBuf {
            let serial = if serial.is_empty() { String::new() } else { format!("_{serial}") };
            self.roots.dev.join(format!("v4l/by-id/usb-Maker_{model}{serial}-video-index0"))
        }

        pub(in super::super) fn by_path(&self, port: &str) -> PathBuf {
            self.roots.dev.join(format!("v4l/by-path/pci-0-usb-0:{port}:1.0-video-index0"))
        }

        fn device(&self, port: &str) -> PathBuf {
            self.roots.sys.join(format!("devices/pci0/usb1/1-{port}"))
        }

        /// A camera comes under this number: the kernel's part of it.
        pub(in super::super) fn appear(&self, number: u32, model: &str, serial: &str, port: &str) {
            let device = self.device(port);
            let entry = device.join(format!("1-{port}:1.0/video4linux/video{number}"));
            fs::create_dir_all(&entry).unwrap();
            // what a file that is no device has for its number
            fs::write(entry.join("dev"), "0:0\n").unwrap();
            fs::write(entry.join("index"), "0\n").unwrap();
            let attributes =
                [("idVendor", "046d"), ("idProduct", model), ("manufacturer", "Maker"), ("product", model)];
            let attributes = attributes.into_iter().chain([("speed", "480"), ("busnum", "1")]);
            for (name, value) in attributes {
                fs::write(device.join(name), format!("{value}\n")).unwrap();
            }
            if !serial.is_empty() {
                fs::write(device.join("serial"), format!("{serial}\n")).unwrap();
            }
            symlink(entry, self.roots.sys.join(format!("class/video4linux/video{number}"))).unwrap();
            fs::write(self.node(number), "").unwrap();
        }

        /// The same, and udev's links; of cameras that share one the latest has it.
        pub(in super::super) fn plug(&self, number: u32, model: &str, serial: &str, port: &str) {
            self.appear(number, model, serial, port);
            let by_id = self.by_id(model, serial);
            let _ = fs::remove_file(&by_id);
            symlink(format!("../../video{number}"), by_id).unwrap();
            symlink(format!("../../video{number}"), self.by_path(port)).unwrap();
        }

        /// The camera of this number goes; its link leads to `heir` afterwards, if there is one.
        pub(in super::super) fn unplug(&self, number: u32, port: &str, heir: Option<u32>) {
            let node = self.node(number);
            for folder in ["v4l/by-id", "v4l/by-path"] {
                for link in fs::read_dir(self.roots.dev.join(folder)).unwrap() {
                    let link = link.unwrap().path();
                    if fs::canonicalize(&link).is_ok_and(|target| target == node) {
                        fs::remove_file(&link).unwrap();
                        if let (Some(heir), "v4l/by-id") = (heir, folder) {
                            symlink(format!("../../video{heir}"), &link).unwrap();
                        }
                    }
                }
            }
            fs::remove_file(self.roots.sys.join(format!("class/video4linux/video{number}"))).unwrap();
            fs::remove_dir_all(self.device(port)).unwrap();
            fs::remove_file(node).unwrap();
        }

        pub(in super::super) fn path(&self) -> &Path {
            self.folder.path()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::fake::Tree;
    use super::*;

    #[test]
    fn a_camera_is_read_with_its_port_and_make() {
        let tree = Tree::new();
        tree.plug(2, "C270", "", "1.2");
        let cameras = usb_cameras(&tree.roots);
        let [UsbCamera { node, port, make }] = &cameras[..] else { panic!("{cameras:?}") };
        assert_eq!(*node, tree.node(2));
        assert!(port.ends_with("sys/devices/pci0/usb1/1-1.2"), "{port:?}");
        assert_eq!((make.name.as_str(), make.serial.as_str(), make.interface.as_str()), ("C270", "", "1.0"));
    }

    #[test]
    fn a_port_knows_its_bus_and_who_else_is_there() {
        let tree = Tree::new();
        let port = |number| port_in(&tree.roots, &tree.node(number));
        assert_eq!(port(2), None);
        tree.plug(2, "C270", "", "1.2");
        assert_eq!(port(2), Some(Port { speed: 480.0, bus: 1, others: 0 }));
        tree.plug(4, "C920", "", "1.3");
        tree.appear(5, "C920", "", "1.3");
        assert_eq!(port(2).map(|port| port.others), Some(1), "its second node is no second camera");
        fs::write(tree.roots.sys.join("devices/pci0/usb1/1-1.3/busnum"), "2\n").unwrap();
        assert_eq!(port(2).map(|port| port.others), Some(0));
        assert_eq!(port(4).map(|port| port.bus), Some(2));
    }

    #[test]
    fn links_are_shared_by_equal_names_and_serial_numbers() {
        let tree = Tree::new();
        tree.plug(0, "C270", "1", "1");
        tree.plug(1, "C270", "1", "2");
        tree.plug(2, "C270", "2", "3");
        tree.plug(3, "C920", "1", "4");
        let mut makes = usb_cameras(&tree.roots);
        makes.sort_by(|a, b| a.node.cmp(&b.node));
        let shares: Vec<bool> = makes.iter().map(|other| makes[0].make.shares_link(&other.make)).collect();
        assert_eq!(shares, [true, true, false, false]);
        // two functions of one device have one link between them, and are not the same camera
        let depth = Make { interface: "1.2".into(), ..makes[0].make.clone() };
        assert!(depth.shares_link(&makes[0].make) && depth != makes[0].make);
    }

    #[test]
    fn what_is_no_usb_camera_is_left_out() {
        let tree = Tree::new();
        let virtual_node = tree.roots.sys.join("class/video4linux/video9");
        fs::create_dir_all(&virtual_node).unwrap();
        fs::write(virtual_node.join("dev"), "0:0").unwrap();
        fs::write(tree.node(9), "").unwrap();
        assert_eq!(usb_cameras(&tree.roots), []);
        // a node that is another device than sysfs says, or none at all
        tree.plug(2, "C270", "", "1.2");
        fs::write(tree.roots.sys.join("class/video4linux/video2/dev"), "81:2").unwrap();
        assert_eq!(usb_cameras(&tree.roots), []);
        fs::write(tree.roots.sys.join("class/video4linux/video2/dev"), "nonsense").unwrap();
        assert_eq!(usb_cameras(&tree.roots), []);
        let nowhere = Roots { dev: tree.path().join("dev"), sys: tree.path().join("no/such") };
        assert_eq!(usb_cameras(&nowhere), []);
    }
}
