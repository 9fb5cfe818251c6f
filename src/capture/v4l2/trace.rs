//! Which camera is the one that was opened before: numbers change, and the links of `/dev/v4l/by-id` are shared by cameras of one
//! name with one serial number, or none. The port tells those apart.
//!
//! | typed | while camcast runs, that is |
//! |---|---|
//! | `/dev/video2` | the camera that had the number at the first opening, under whatever number, at whatever port; or whichever is plugged into its port in its stead and has the number |
//! | a link in `/dev/v4l/by-id` | the same; never one of another name |
//! | any other link | whatever it leads to |
//!
//! While there is a twin, a camera of the same name and serial number, only the port counts. Where the kernel's sysfs is not to
//! be seen, and of cameras that are not on USB, what was typed is opened.

use std::fs;
use std::path::{Path, PathBuf};

use super::super::OpenError;
use super::list;
use super::usb::{Make, Roots, UsbCamera, usb_cameras};
use crate::shown::shown;

/// The trace of one camera through its absences.
#[derive(Debug)]
pub struct Trace {
    typed: PathBuf,
    roots: Roots,
    /// What was opened last, if it is a USB camera.
    had: Option<Had>,
    is_shared_told: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Had {
    make: Make,
    port: PathBuf,
    /// Others of its make were there as well when it was opened, or when it was lost.
    has_twin: bool,
}

/// Where the camera is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Finding<'a> {
    /// This is it.
    Here(&'a UsbCamera),
    /// What was typed is to be opened, whatever that gives.
    AsTyped,
    /// It is away; this is its twin.
    Twin(&'a UsbCamera),
    /// It is away; another camera has its number.
    Stranger,
}

impl Trace {
    /// Nothing has been opened yet. `typed`: the node or link that the camera was named by.
    pub fn new(typed: &Path) -> Self {
        Trace::within(typed, Roots::default())
    }

    fn within(typed: &Path, roots: Roots) -> Self {
        Trace { typed: typed.into(), roots, had: None, is_shared_told: false }
    }

    /// What to open to have the camera of before.
    ///
    /// # Errors
    /// It is not there, and what is there in its stead is another: [`OpenError::Twin`], [`OpenError::Stranger`].
    pub fn find(&self) -> Result<PathBuf, OpenError> {
        let Some(had) = &self.had else { return Ok(self.typed.clone()) };
        let cameras = usb_cameras(&self.roots);
        match self.place(had, &cameras) {
            Finding::Here(camera) => Ok(camera.node.clone()),
            Finding::AsTyped => Ok(self.typed.clone()),
            Finding::Twin(other) => Err(OpenError::Twin {
                path: self.typed.clone(),
                other: other.node.clone(),
                link: list::by_path(&self.roots, &other.node),
            }),
            Finding::Stranger => Err(OpenError::Stranger {
                path: self.typed.clone(),
                link: list::by_path(&self.roots, &self.typed),
            }),
        }
    }

    fn place<'a>(&self, had: &Had, cameras: &'a [UsbCamera]) -> Finding<'a> {
        let mut same = cameras.iter().filter(|camera| camera.make == had.make);
        let at_port = same.clone().find(|camera| camera.port == had.port);
        match (at_port, same.next(), same.next()) {
            (Some(camera), ..) => Finding::Here(camera),
            (None, Some(only), None) if !had.has_twin => Finding::Here(only),
            (None, Some(twin), _) => Finding::Twin(twin),
            (None, None, _) => self.without_its_make(had, cameras),
        }
    }

    /// No camera of its make is there.
    fn without_its_make<'a>(&self, had: &Had, cameras: &[UsbCamera]) -> Finding<'a> {
        let is_number = self.typed.parent() == Some(&self.roots.dev);
        let at_number = cameras.iter().find(|camera| camera.node == self.typed);
        let is_replaced = at_number.is_some_and(|camera| camera.port == had.port);
        if is_number && !is_replaced && self.typed.exists() { Finding::Stranger } else { Finding::AsTyped }
    }

    /// It has been opened at this path. What there is to say: that its link leads to others too; once.
    pub fn handle_opened(&mut self, path: &Path) -> Option<String> {
        self.had = None;
        if self.is_as_typed() {
            return None;
        }
        let cameras = usb_cameras(&self.roots);
        let node = fs::canonicalize(path).ok()?;
        let own = cameras.iter().find(|camera| camera.node == node)?;
        self.had = Some(Had { has_twin: has_twin(own, &cameras), ..Had::of(own) });
        let is_by_id = self.typed.starts_with(self.roots.dev.join(list::BY_ID));
        let other = cameras.iter().find(|other| *other != own && other.make.shares_link(&own.make))?;
        (is_by_id && !std::mem::replace(&mut self.is_shared_told, true)).then(|| self.shared(own, other))
    }

    /// It is about to be closed: whoever is there now is not it, wherever it comes back.
    pub fn handle_closing(&mut self) {
        if let Some(had) = &mut self.had {
            let mut others = usb_cameras(&self.roots).into_iter().filter(|camera| camera.make == had.make);
            had.has_twin |= others.any(|camera| camera.port != had.port);
        }
    }

    /// Links other than those by name and serial number are taken at their word.
    fn is_as_typed(&self) -> bool {
        let is_by_id = self.typed.starts_with(self.roots.dev.join(list::BY_ID));
        !is_by_id && fs::symlink_metadata(&self.typed).is_ok_and(|it| it.is_symlink())
    }

    fn shared(&self, own: &UsbCamera, other: &UsbCamera) -> String {
        let (typed, node) = (shown(&self.typed), shown(&own.node));
        let remedy = match list::by_path(&self.roots, &own.node) {
            Some(link) => format!("to have this one each time: camcast {}", shown(&link)),
            None => "name it by a link of your own, made by a udev rule".into(),
        };
        format!(
            "{typed} also leads to another camera, {}: both have the same name and serial number; this is {node}; {remedy}",
            shown(&other.node)
        )
    }
}

impl Had {
    fn of(camera: &UsbCamera) -> Self {
        Had { make: camera.make.clone(), port: camera.port.clone(), has_twin: false }
    }
}

fn has_twin(own: &UsbCamera, cameras: &[UsbCamera]) -> bool {
    cameras.iter().any(|other| other.make == own.make && other.port != own.port)
}

#[cfg(test)]
mod tests {
    use super::super::usb::fake::Tree;
    use super::*;

    const C270: &str = "C270";

    /// A camera named so, opened for the first time.
    fn opened(tree: &Tree, typed: &Path) -> Trace {
        let mut trace = Trace::within(typed, tree.roots.clone());
        let path = trace.find().unwrap();
        assert_eq!(path, typed, "the first opening is of what was typed");
        trace.handle_opened(&path);
        trace
    }

    /// It is lost: what is closed, is so after the camera is gone.
    fn lose(tree: &Tree, trace: &mut Trace, number: u32, port: &str, heir: Option<u32>) {
        tree.unplug(number, port, heir);
        trace.handle_closing();
    }

    fn is_twin(tree: &Tree, trace: &Trace, number: u32) -> bool {
        matches!(trace.find(), Err(OpenError::Twin { other, .. }) if other == tree.node(number))
    }

    #[test]
    fn a_twin_is_not_taken_for_it_whatever_was_typed() {
        for typed in ["number", "by-id"] {
            let tree = Tree::new();
            tree.plug(0, C270, "", "1");
            tree.plug(2, C270, "", "2");
            let typed = if typed == "number" { tree.node(2) } else { tree.by_id(C270, "") };
            let mut trace = opened(&tree, &typed);
            lose(&tree, &mut trace, 2, "2", Some(0));
            assert!(is_twin(&tree, &trace, 0), "{typed:?}: {:?}", trace.find());
            // back at its port, under whatever number
            tree.plug(4, C270, "", "2");
            assert_eq!(trace.find(), Ok(tree.node(4)));
        }
    }

    #[test]
    fn both_away_and_back_under_each_others_numbers() {
        let tree = Tree::new();
        tree.plug(0, C270, "200901010001", "1");
        tree.plug(2, C270, "200901010001", "2");
        let mut trace = opened(&tree, &tree.node(2));
        lose(&tree, &mut trace, 2, "2", Some(0));
        tree.unplug(0, "1", None);
        assert_eq!(trace.find(), Ok(tree.node(2)), "which is not there");
        tree.plug(2, C270, "200901010001", "1");
        assert!(is_twin(&tree, &trace, 2));
        tree.plug(0, C270, "200901010001", "2");
        assert_eq!(trace.find(), Ok(tree.node(0)));
    }

    #[test]
    fn alone_it_is_followed_to_another_port() {
        for typed in ["number", "by-id"] {
            let tree = Tree::new();
            tree.plug(0, C270, "A", "1");
            let typed = if typed == "number" { tree.node(0) } else { tree.by_id(C270, "A") };
            let mut trace = opened(&tree, &typed);
            lose(&tree, &mut trace, 0, "1", None);
            assert_eq!(trace.find(), Ok(typed), "which is not there");
            tree.plug(1, C270, "A", "4.1");
            assert_eq!(trace.find(), Ok(tree.node(1)));
        }
    }

    #[test]
    fn a_twin_that_came_while_it_streamed_is_none_of_its_new_ports() {
        let tree = Tree::new();
        tree.plug(0, C270, "A", "1");
        let mut trace = opened(&tree, &tree.node(0));
        tree.plug(1, C270, "A", "2");
        lose(&tree, &mut trace, 0, "1", Some(1));
        assert!(is_twin(&tree, &trace, 1));
        // the twin goes as well, and one of the two comes at a third port: nobody can tell which
        tree.unplug(1, "2", None);
        tree.plug(0, C270, "A", "3");
        assert!(is_twin(&tree, &trace, 0));
        // with its own port it is sure again, and free of the twin once that is away
        tree.plug(2, C270, "A", "1");
        assert_eq!(trace.find(), Ok(tree.node(2)));
        tree.unplug(0, "3", None);
        trace.handle_opened(&tree.node(2));
        lose(&tree, &mut trace, 2, "1", None);
        tree.plug(0, C270, "A", "3");
        assert_eq!(trace.find(), Ok(tree.node(0)));
    }

    #[test]
    fn of_two_at_strange_ports_neither_is_taken() {
        let tree = Tree::new();
        tree.plug(0, C270, "A", "1");
        let mut trace = opened(&tree, &tree.node(0));
        lose(&tree, &mut trace, 0, "1", None);
        tree.plug(0, C270, "A", "2");
        tree.plug(1, C270, "A", "3");
        assert!(matches!(trace.find(), Err(OpenError::Twin { .. })));
    }

    #[test]
    fn started_while_only_the_twin_is_there() {
        let tree = Tree::new();
        tree.plug(0, C270, "A", "1");
        // by the link nobody can know that the other was meant; from then on it is this one
        let mut trace = opened(&tree, &tree.by_id(C270, "A"));
        tree.plug(1, C270, "A", "2");
        assert_eq!(trace.find(), Ok(tree.node(0)));
        lose(&tree, &mut trace, 0, "1", Some(1));
        assert!(is_twin(&tree, &trace, 1));
        // by the number and by the port the other is waited for
        for typed in [tree.node(5), tree.by_path("5")] {
            assert_eq!(Trace::within(&typed, tree.roots.clone()).find(), Ok(typed));
        }
    }

    #[test]
    fn a_port_typed_is_a_port_whoever_is_there() {
        let tree = Tree::new();
        tree.plug(0, C270, "A", "1");
        tree.plug(1, C270, "A", "2");
        let mut trace = opened(&tree, &tree.by_path("2"));
        lose(&tree, &mut trace, 1, "2", Some(0));
        assert_eq!(trace.find(), Ok(tree.by_path("2")), "which is not there");
        tree.plug(1, "C920", "B", "2");
        assert_eq!(trace.find(), Ok(tree.by_path("2")));
        // a link of one's own is one's own business
        let own = tree.roots.dev.join("door");
        std::os::unix::fs::symlink("video0", &own).unwrap();
        let mut trace = opened(&tree, &own);
        lose(&tree, &mut trace, 0, "1", None);
        assert_eq!(trace.find(), Ok(own));
    }

    #[test]
    fn another_camera_that_gets_its_number_is_not_it() {
        let tree = Tree::new();
        tree.plug(0, C270, "A", "1");
        let mut trace = opened(&tree, &tree.node(0));
        lose(&tree, &mut trace, 0, "1", None);
        tree.plug(0, "C920", "B", "2");
        let stranger = OpenError::Stranger { path: tree.node(0), link: Some(tree.by_path("2")) };
        assert_eq!(trace.find(), Err(stranger));
        tree.plug(1, C270, "A", "1");
        assert_eq!(trace.find(), Ok(tree.node(1)));
    }

    #[test]
    fn another_camera_in_its_port_and_under_its_number_is_its_successor() {
        let tree = Tree::new();
        tree.plug(0, C270, "A", "1");
        let mut by_number = opened(&tree, &tree.node(0));
        let mut by_id = opened(&tree, &tree.by_id(C270, "A"));
        tree.unplug(0, "1", None);
        by_number.handle_closing();
        by_id.handle_closing();
        tree.plug(0, "C920", "B", "1");
        assert_eq!(by_number.find(), Ok(tree.node(0)));
        assert_eq!(by_id.find(), Ok(tree.by_id(C270, "A")), "which is not there");
    }

    #[test]
    fn without_udev_the_port_is_known_all_the_same() {
        let tree = Tree::new();
        tree.appear(0, C270, "", "1");
        tree.appear(2, C270, "", "2");
        let mut trace = opened(&tree, &tree.node(2));
        lose(&tree, &mut trace, 2, "2", None);
        assert!(matches!(trace.find(), Err(OpenError::Twin { link: None, .. })));
        tree.appear(1, C270, "", "2");
        assert_eq!(trace.find(), Ok(tree.node(1)));
    }

    #[test]
    fn without_sysfs_it_is_what_was_typed() {
        let tree = Tree::new();
        tree.plug(0, C270, "A", "1");
        let nothing = Roots { sys: tree.path().join("no/such"), ..tree.roots.clone() };
        let mut trace = Trace::within(&tree.node(0), nothing);
        assert_eq!(trace.handle_opened(&tree.node(0)), None);
        trace.handle_closing();
        assert_eq!(trace.find(), Ok(tree.node(0)));
    }

    #[test]
    fn a_link_that_leads_to_two_cameras_is_said_once_with_the_remedy() {
        let tree = Tree::new();
        tree.plug(2, C270, "A", "2");
        tree.plug(0, C270, "A", "1");
        let (link, port) = (tree.by_id(C270, "A"), tree.by_path("1"));
        let mut trace = Trace::within(&link, tree.roots.clone());
        assert_eq!(
            trace.handle_opened(&link).unwrap(),
            format!(
                "{} also leads to another camera, {}: both have the same name and serial number; this is {}; to have \
                 this one each time: camcast {}",
                link.display(),
                tree.node(2).display(),
                tree.node(0).display(),
                port.display()
            )
        );
        assert_eq!(trace.handle_opened(&link), None);
        // a number and a port are no promise that is broken
        for typed in [tree.node(0), port] {
            assert_eq!(Trace::within(&typed, tree.roots.clone()).handle_opened(&typed), None);
        }
    }
}
