//! The controls of a camera that streams, as they are asked for and set meanwhile.
//!
//! Each is a system call or some, which take microseconds, or seconds where a camera hangs (uvcvideo waits five for one transfer):
//! so all of this happens beside the loop, and ends early with a camera that does not answer.

use std::sync::Arc;
use std::time::Duration;

use nix::errno::Errno;
use v4l::v4l_sys as sys;

use super::controls::{Control, Kind};
use super::node::Node;
use super::settings::{self, Panel, Setting, Value};
use crate::sys::clock;

/// A camera that has taken this long for some of its controls is not asked for the others.
const PATIENCE: Duration = Duration::from_secs(4);

const TOO_SLOW: &str = "the camera takes too long to answer for its controls";

/// What is asked of a camera's controls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// All of them, as they are now.
    Look,
    /// These are to be set, in this order: a name, and a value as `--control` takes it; none is the default.
    Set(Vec<(String, Option<String>)>),
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All controls, as they are now.
    Seen(Vec<ControlState>),
    /// Each that was to be set.
    Set(Vec<Change>),
    /// The camera has no controls of some of these names; nothing was set.
    Unknown {
        /// Which.
        names: Vec<String>,
        /// Those that it has.
        known: Vec<String>,
    },
    /// The camera does not answer, for this reason.
    Silent(String),
}

/// A control, as it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ControlState {
    /// As people type it.
    pub name: String,
    /// As the driver writes it.
    pub title: String,
    /// `integer`, `boolean`, `menu`, `integer_menu`, `button`, `integer64` or `bitmask`.
    pub kind: &'static str,
    /// The least value, and of a menu the least number.
    pub minimum: i64,
    /// The greatest value; of a bitmask the bits that it has.
    pub maximum: i64,
    /// What neighbouring values differ by.
    pub step: u64,
    /// The value that it had at first.
    pub default: i64,
    /// `None` if it has none, or the camera did not tell.
    pub value: Option<i64>,
    /// The items of a menu, by their number.
    pub menu: Vec<(i64, String)>,
    /// Why it cannot be set, or read, at present.
    pub flags: Vec<&'static str>,
}

/// One that was to be set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// As people type it.
    pub name: String,
    /// The value that it had before, if that is known.
    pub before: Option<i64>,
    /// The value that it has now, if it has one; or why it was not set.
    pub result: Result<Option<i64>, String>,
    /// What to set after the camera was opened again.
    again: Option<(u32, String)>,
}

impl Change {
    /// Of no camera.
    #[cfg(test)]
    pub(crate) fn made_up(name: &str, before: Option<i64>, result: Result<Option<i64>, String>) -> Self {
        Change { name: name.into(), before, result, again: None }
    }

    /// Of a control that was set to a value that lasts: its id, its name, and the value, for the next opening.
    pub fn lasting(&self) -> Option<(u32, (String, String))> {
        self.again.clone().map(|(id, text)| (id, (self.name.clone(), text)))
    }
}

/// The controls of a camera that is open. They share its descriptor: to be dropped before the camera is reopened.
pub struct Controls(Arc<Node>);

impl Controls {
    pub(super) fn new(node: &Arc<Node>) -> Self {
        Controls(Arc::clone(node))
    }

    /// Does what is asked. Takes seconds where a camera hangs: not in the loop.
    pub fn follow(&self, order: &Order) -> Outcome {
        let until = clock::now().after(PATIENCE);
        let is_late = || clock::now() > until;
        match order {
            Order::Look => look(&*self.0, is_late).map_or_else(Outcome::Silent, Outcome::Seen),
            Order::Set(wanted) => set(&*self.0, wanted, is_late),
        }
    }

    /// Sets them once more. The ids of those that were set, and what was refused.
    pub fn set_anew(&self, wanted: &[(String, String)]) -> (Vec<u32>, Vec<String>) {
        let (set, refused) = settings::set(&*self.0, wanted, &[]);
        (set.into_iter().map(|setting| setting.id).collect(), refused)
    }
}

fn look(panel: &impl Panel, is_late: impl Fn() -> bool) -> Result<Vec<ControlState>, String> {
    let mut seen = Vec::new();
    for control in panel.controls().into_iter().filter(|control| control.kind != Kind::Other) {
        if is_late() {
            return Err(TOO_SLOW.into());
        }
        let value = match control.has_value().then(|| panel.get(&control)) {
            Some(Err(failed)) if is_silent(failed.errno) => {
                return Err(format!("the camera does not answer for its controls: {}", failed.errno.desc()));
            }
            value => value.and_then(Result::ok),
        };
        seen.push(ControlState::of(&control, panel.menu(&control), value));
    }
    Ok(seen)
}

/// The others would fail as well. Some cameras give EIO for one control, always, and are well otherwise.
fn is_silent(errno: Errno) -> bool {
    settings::is_of_the_camera(errno) && errno != Errno::EIO
}

fn set(panel: &impl Panel, wanted: &[(String, Option<String>)], is_late: impl Fn() -> bool) -> Outcome {
    let all = panel.controls();
    let is_known = |name: &str| all.iter().any(|control| control.is_called(name));
    let unknown = wanted.iter().map(|(name, _)| name).filter(|name| !is_known(name));
    let names: Vec<String> = unknown.cloned().collect();
    if !names.is_empty() {
        return Outcome::Unknown { names, known: all.iter().map(Control::typed_name).collect() };
    }
    let mut gave_up = None;
    let set = wanted.iter().map(|(name, text)| {
        let skipped = gave_up.clone().or_else(|| is_late().then(|| TOO_SLOW.to_owned()));
        let value = text.as_deref().map_or(Value::Default, Value::Text);
        let result = match skipped {
            Some(why) => Err(format!("not tried: {why}")),
            None => settings::set_one(panel, name, value).map_err(|refusal| {
                let is_silent = refusal.errno.is_some_and(is_silent);
                gave_up = is_silent.then(|| "the camera did not answer for the one before".to_owned());
                refusal.why
            }),
        };
        changed(panel, name, result)
    });
    Outcome::Set(set.collect())
}

/// What has become of a control, by what the camera says now: it may have rounded.
fn changed(panel: &impl Panel, name: &str, result: Result<Setting, String>) -> Change {
    let all = panel.controls();
    let name = name.to_owned();
    match (result, all.iter().find(|control| control.is_called(&name))) {
        (Ok(setting), Some(control)) => {
            let now = control.has_value().then(|| settings::read(panel, control).unwrap_or(setting.value));
            let again = (control.kind != Kind::Button).then(|| (setting.id, setting.value.to_string()));
            Change { name: control.typed_name(), before: setting.before, result: Ok(now), again }
        }
        (Ok(setting), None) => {
            Change { name, before: setting.before, result: Ok(Some(setting.value)), again: None }
        }
        (Err(why), _) => Change { name, before: None, result: Err(why), again: None },
    }
}

impl ControlState {
    fn of(control: &Control, menu: Vec<(i64, String)>, value: Option<i64>) -> Self {
        let states = [
            (sys::V4L2_CTRL_FLAG_READ_ONLY, "read-only"),
            (sys::V4L2_CTRL_FLAG_WRITE_ONLY, "write-only"),
            (sys::V4L2_CTRL_FLAG_INACTIVE, "inactive"),
            (sys::V4L2_CTRL_FLAG_GRABBED, "in-use"),
            (sys::V4L2_CTRL_FLAG_VOLATILE, "volatile"),
        ];
        // a bitmask has no sign
        let bits =
            |value: i64| if control.kind == Kind::Bitmask { value & i64::from(u32::MAX) } else { value };
        ControlState {
            name: control.typed_name(),
            title: control.name.clone(),
            kind: control.kind.name(),
            minimum: control.least,
            maximum: bits(control.most),
            step: control.step,
            default: bits(control.default),
            value,
            menu,
            flags: states.iter().filter(|(flag, _)| control.has(*flag)).map(|(_, word)| *word).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::node::CallError;
    use super::*;
    use std::cell::{Cell, RefCell};

    /// A camera with a number, a menu, a switch and a button.
    struct Fake {
        values: RefCell<[i64; 4]>,
        fails: Cell<Option<(u32, Errno)>>,
        asked: Cell<u32>,
        flags: Cell<u32>,
    }

    const ALL: [(&str, Kind, i64); 4] = [
        ("Brightness", Kind::Integer, 100),
        ("Auto Exposure", Kind::Menu, 3),
        ("Focus, Automatic", Kind::Boolean, 1),
        ("Press", Kind::Button, 0),
    ];

    fn at(control: &Control) -> usize {
        usize::try_from(control.id).unwrap()
    }

    impl Fake {
        fn new() -> Self {
            let (values, fails) = ([50, 3, 1, 0].into(), Cell::new(None));
            Fake { values, fails, asked: Cell::new(0), flags: Cell::new(0) }
        }

        fn call(&self, control: &Control) -> Result<(), CallError> {
            self.asked.set(self.asked.get() + 1);
            match self.fails.get() {
                Some((id, errno)) if id == control.id => Err(CallError { call: "VIDIOC_S_CTRL", errno }),
                _ => Ok(()),
            }
        }
    }

    impl Panel for Fake {
        fn controls(&self) -> Vec<Control> {
            let control = |(id, (name, kind, most)): (u32, (&str, Kind, i64))| {
                let (name, flags) = (name.into(), self.flags.get());
                Control { id, name, kind, least: 0, most, step: 1, default: most / 2, flags }
            };
            (0..).zip(ALL).map(control).collect()
        }

        fn menu(&self, control: &Control) -> Vec<(i64, String)> {
            match control.kind {
                Kind::Menu => vec![(1, "Manual Mode".into()), (3, "Aperture Priority Mode".into())],
                _ => Vec::new(),
            }
        }

        fn get(&self, control: &Control) -> Result<i64, CallError> {
            self.call(control)?;
            Ok(self.values.borrow()[at(control)])
        }

        fn set(&self, control: &Control, value: i64) -> Result<i64, CallError> {
            self.call(control)?;
            // it takes tens
            let taken = if control.kind == Kind::Integer { value / 10 * 10 } else { value };
            self.values.borrow_mut()[at(control)] = taken;
            Ok(value)
        }
    }

    fn wanted(all: &[(&str, Option<&str>)]) -> Vec<(String, Option<String>)> {
        all.iter().map(|(name, text)| ((*name).to_owned(), text.map(str::to_owned))).collect()
    }

    fn set_all(camera: &Fake, all: &[(&str, Option<&str>)]) -> Vec<Change> {
        match set(camera, &wanted(all), || false) {
            Outcome::Set(changes) => changes,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn each_control_is_seen_as_it_is() {
        let camera = Fake::new();
        camera.flags.set(sys::V4L2_CTRL_FLAG_INACTIVE | sys::V4L2_CTRL_FLAG_VOLATILE);
        let seen = look(&camera, || false).unwrap();
        let names: Vec<&str> = seen.iter().map(|control| control.name.as_str()).collect();
        assert_eq!(names, ["brightness", "auto_exposure", "focus_automatic", "press"]);
        let kinds: Vec<&str> = seen.iter().map(|control| control.kind).collect();
        assert_eq!(kinds, ["integer", "menu", "boolean", "button"]);
        assert_eq!(seen[0].title, "Brightness");
        assert_eq!((seen[0].value, seen[0].default, seen[0].maximum), (Some(50), 50, 100));
        assert_eq!(seen[0].flags, ["inactive", "volatile"]);
        assert_eq!(seen[1].menu.len(), 2);
        assert_eq!(seen[3].value, None, "a button has none");
    }

    #[test]
    fn one_that_fails_is_passed_over_and_a_camera_that_does_is_asked_no_more() {
        let camera = Fake::new();
        camera.fails.set(Some((0, Errno::EIO)));
        let seen = look(&camera, || false).unwrap();
        assert_eq!((seen[0].value, seen[1].value), (None, Some(3)));
        camera.fails.set(Some((0, Errno::ETIMEDOUT)));
        camera.asked.set(0);
        assert!(look(&camera, || false).unwrap_err().contains("does not answer"));
        assert_eq!(camera.asked.get(), 1);
        let changes = set_all(&camera, &[("brightness", Some("1")), ("auto_exposure", Some("1"))]);
        assert!(changes[0].result.as_ref().unwrap_err().contains("the camera refuses"), "{changes:?}");
        assert!(changes[1].result.as_ref().unwrap_err().starts_with("not tried: "), "{changes:?}");
        camera.fails.set(None);
        assert!(look(&camera, || true).is_err(), "it takes too long");
        assert_eq!(camera.values.borrow()[1], 3);
    }

    #[test]
    fn what_is_set_is_told_as_the_camera_took_it() {
        let camera = Fake::new();
        let changes = set_all(
            &camera,
            &[
                ("Brightness", Some("77")),
                ("auto_exposure", Some("manual mode")),
                ("focus_automatic", Some("off")),
                ("press", Some("on")),
            ],
        );
        let told: Vec<_> =
            changes.iter().map(|it| (it.name.as_str(), it.before, it.result.clone())).collect();
        assert_eq!(
            told,
            [
                ("brightness", Some(50), Ok(Some(70))),
                ("auto_exposure", Some(3), Ok(Some(1))),
                ("focus_automatic", Some(1), Ok(Some(0))),
                ("press", None, Ok(None)),
            ]
        );
        // what was asked for is asked for again; a button is not pressed again
        let lasting: Vec<_> = changes.iter().filter_map(Change::lasting).collect();
        let again = [("brightness", "77"), ("auto_exposure", "1"), ("focus_automatic", "0")];
        let again = (0..).zip(again).map(|(id, (name, text))| (id, (name.to_owned(), text.to_owned())));
        assert_eq!(lasting, again.collect::<Vec<_>>());
    }

    #[test]
    fn a_default_is_what_the_driver_calls_so() {
        let camera = Fake::new();
        let changes = set_all(&camera, &[("brightness", Some("90")), ("brightness", None), ("press", None)]);
        assert_eq!(changes[1].result, Ok(Some(50)));
        assert!(changes[2].result.as_ref().unwrap_err().contains("a button"));
    }

    #[test]
    fn what_is_refused_is_told_and_the_others_are_set() {
        let camera = Fake::new();
        let changes = set_all(&camera, &[("brightness", Some("101")), ("focus_automatic", Some("off"))]);
        assert_eq!(changes[0].result, Err("it takes 0 to 100".into()));
        assert_eq!(changes[0].lasting(), None);
        assert_eq!(*camera.values.borrow(), [50, 3, 0, 0]);
    }

    #[test]
    fn nothing_is_set_where_a_name_is_unknown() {
        let camera = Fake::new();
        let outcome = set(&camera, &wanted(&[("brightness", Some("1")), ("zoom", Some("1"))]), || false);
        let known = ["brightness", "auto_exposure", "focus_automatic", "press"].map(str::to_owned).to_vec();
        assert_eq!(outcome, Outcome::Unknown { names: vec!["zoom".into()], known });
        assert_eq!(camera.values.borrow()[0], 50);
    }
}
