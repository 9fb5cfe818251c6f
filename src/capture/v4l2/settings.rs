//! Controls as they were asked for: set when the camera is opened, and looked at again once it streams.
//!
//! Some cameras forget what was set when their stream starts. So after the first frame each control is read, and set once more if it
//! reads otherwise. Not everything that does has been forgotten: a camera rounds, changes by itself what is volatile, and an automatic
//! mode what it governs.

use std::sync::Arc;

use nix::errno::Errno;
use v4l::v4l_sys as sys;

use super::controls::{self, Control, Kind};
use super::node::{CallError, Node};

/// The most controls: vivid has some hundred.
const CONTROLS: usize = 256;

/// The most formats, and the most sizes of each, that are asked for: a driver's list should end by itself.
pub(super) const ENUMERATED: u32 = 64;

const NO_SUCH_CONTROL: &str = "the camera has no such control; camcast --list names them";

/// It answers for a control out of its own memory and does not ask the camera, but for those that the camera says change by
/// themselves (`UVC_CTRL_FLAG_AUTO_UPDATE` in the kernel's `uvc_ctrl.c`).
const ANSWERS_FROM_MEMORY: &str = "uvcvideo";

/// What people are to be told of an open camera.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// What does not hold, and what to do.
    Warning(String),
    /// What was put right.
    Info(String),
}

/// The controls that the node has, the highest id last.
pub(super) fn controls(node: &Node) -> Vec<Control> {
    let mut controls: Vec<Control> = Vec::new();
    let mut last = 0;
    while controls.len() < CONTROLS {
        match node.next_control(last) {
            // ids rise, or it would never end
            Ok(Some(control)) if control.id > last => {
                last = control.id;
                controls.push(control);
            }
            _ => break,
        }
    }
    controls.retain(|control| !control.is_disabled() && control.kind != controls::Kind::Class);
    controls
}

/// The items of a control's menu.
pub(super) fn menu(node: &Node, control: &Control) -> Vec<(i64, String)> {
    if !control.kind.has_menu() {
        return Vec::new();
    }
    let last = u32::try_from(control.most).unwrap_or(0).min(ENUMERATED - 1);
    let item = |index| Some((i64::from(index), node.menu_item(control, index).ok()??));
    (0..=last).filter_map(item).collect()
}

/// A camera's controls.
pub(super) trait Panel {
    /// All of them, as they are now: one may change another's range and state.
    fn controls(&self) -> Vec<Control>;
    fn menu(&self, control: &Control) -> Vec<(i64, String)>;
    fn get(&self, control: &Control) -> Result<i64, CallError>;
    /// What the driver made of the value.
    fn set(&self, control: &Control, value: i64) -> Result<i64, CallError>;
}

impl Panel for Node {
    fn controls(&self) -> Vec<Control> {
        controls(self)
    }

    fn menu(&self, control: &Control) -> Vec<(i64, String)> {
        menu(self, control)
    }

    fn get(&self, control: &Control) -> Result<i64, CallError> {
        self.get_control(control)
    }

    fn set(&self, control: &Control, value: i64) -> Result<i64, CallError> {
        self.set_control(control, value)
    }
}

/// A control that was set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Setting {
    /// As people know it, `--control brightness=77`.
    words: String,
    pub(super) id: u32,
    /// The value, as the driver took it.
    pub(super) value: i64,
    /// What it read before that, and when all were set.
    pub(super) before: Option<i64>,
    settled: Option<i64>,
}

/// Sets the controls in the order given, and says what was refused. Never fatal.
///
/// `changed` came later, one by one, in an order that need not do: what an automatic mode governs at first is tried once more
/// when all others are set, and what it governs then is its own business.
pub(super) fn set(
    panel: &impl Panel,
    wanted: &[(String, String)],
    changed: &[(String, String)],
) -> (Vec<Setting>, Vec<String>) {
    let (mut settings, mut refused) = (Vec::<Setting>::new(), Vec::new());
    let mut push = |setting: Setting| {
        // only the last word on a control counts
        settings.retain(|earlier| earlier.id != setting.id);
        settings.push(setting);
    };
    for (name, text) in wanted {
        let words = format!("--control {name}={text}");
        match set_one(panel, name, Value::Text(text)) {
            Ok(setting) => push(Setting { words, ..setting }),
            Err(refusal) => refused.push(format!("{words}: {}", refusal.why)),
        }
    }
    let words = |name: &str, text: &str| format!("{name}={text} (set by HTTP)");
    let mut set_changed = |name: &String, text: &String| {
        let set = set_one(panel, name, Value::Text(text));
        set.map(|setting| push(Setting { words: words(name, text), ..setting }))
    };
    let late: Vec<_> = changed.iter().filter(|(name, text)| set_changed(name, text).is_err()).collect();
    for (name, text) in late {
        match set_changed(name, text) {
            Err(refusal) if !refusal.is_governed => {
                refused.push(format!("{}: {}", words(name, text), refusal.why));
            }
            _ => {}
        }
    }
    let all = if settings.is_empty() { Vec::new() } else { panel.controls() };
    for setting in &mut settings {
        setting.settled = all.iter().find(|control| control.id == setting.id).and_then(|it| read(panel, it));
    }
    (settings, refused)
}

/// What a control is to be set to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Value<'a> {
    Text(&'a str),
    Default,
}

/// Why a control was not set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub why: String,
    /// Another control governs it.
    pub is_governed: bool,
    /// What the driver said.
    pub errno: Option<Errno>,
}

impl From<String> for Refusal {
    fn from(why: String) -> Self {
        Refusal { why, is_governed: false, errno: None }
    }
}

/// Sets one control; the words of the setting are left to the caller.
pub(super) fn set_one(panel: &impl Panel, name: &str, value: Value<'_>) -> Result<Setting, Refusal> {
    let all = panel.controls();
    let control = all.iter().find(|control| control.is_called(name));
    let control = control.ok_or_else(|| NO_SUCH_CONTROL.to_owned())?;
    let value = match value {
        Value::Text(text) => controls::value(control, &panel.menu(control), text)?,
        Value::Default => controls::default(control)?,
    };
    let before = read(panel, control);
    let value = panel.set(control, value).map_err(|failed| Refusal {
        why: controls::refusal(control, failed.errno),
        is_governed: control.has(sys::V4L2_CTRL_FLAG_INACTIVE),
        errno: Some(failed.errno),
    })?;
    Ok(Setting { words: String::new(), id: control.id, value, before, settled: None })
}

pub(super) fn read(panel: &impl Panel, control: &Control) -> Option<i64> {
    if control.has_value() { panel.get(control).ok() } else { None }
}

/// The controls of a camera that streams, to be looked at once more. It shares the camera's descriptor: to be dropped before the
/// camera is reopened.
pub struct Recheck {
    node: Arc<Node>,
    driver: String,
    settings: Vec<Setting>,
}

impl Recheck {
    pub(super) fn new(node: &Arc<Node>, driver: &str, settings: Vec<Setting>) -> Option<Self> {
        (!settings.is_empty()).then(|| Recheck { node: Arc::clone(node), driver: driver.into(), settings })
    }

    /// Sets once more what the camera has forgotten. Some system calls for each control, which may take seconds where a camera
    /// hangs: not in the loop.
    ///
    /// But for those of these ids, which have been set to something else since.
    pub fn run(mut self, changed: &[u32]) -> Vec<Note> {
        self.settings.retain(|setting| !changed.contains(&setting.id));
        recheck(&*self.node, self.driver != ANSWERS_FROM_MEMORY, &self.settings)
    }
}

/// `is_truth`: what is read is the camera's own answer.
fn recheck(panel: &impl Panel, is_truth: bool, settings: &[Setting]) -> Vec<Note> {
    let (mut cured, mut lost) = (Vec::new(), Vec::new());
    for setting in settings {
        match recheck_one(panel, is_truth, setting) {
            Ok(Verdict::Kept) => {}
            Ok(Verdict::Cured) => cured.push(setting.words.clone()),
            Ok(Verdict::Lost(now)) => lost.push(format!("{} (it has {now})", setting.words)),
            // a dead camera is no worse for its controls, and each call may take seconds
            Err(failed) if is_of_the_camera(failed.errno) => break,
            Err(failed) => log::debug!("{} for {}: {}", failed.call, setting.words, failed.errno.desc()),
        }
    }
    let cured = (!cured.is_empty()).then(|| {
        Note::Info(format!(
            "the camera forgot when its stream started, and has been told again: {}",
            cured.join(", ")
        ))
    });
    let lost = (!lost.is_empty()).then(|| {
        let lost = lost.join(", ");
        Note::Warning(format!(
            "the camera does not keep what it was told before and while it streams: {lost}; try another value, or leave the \
             option away"
        ))
    });
    cured.into_iter().chain(lost).collect()
}

/// What has become of a setting.
enum Verdict {
    /// It holds, or nobody can tell.
    Kept,
    /// It did not, and does now.
    Cured,
    /// It does not; this holds.
    Lost(i64),
}

fn recheck_one(panel: &impl Panel, is_truth: bool, setting: &Setting) -> Result<Verdict, CallError> {
    let all = panel.controls();
    let Some(control) = all.iter().find(|control| control.id == setting.id && can_be_judged(control)) else {
        return Ok(Verdict::Kept);
    };
    let had_kept = setting.is_met(control, panel.get(control)?);
    if had_kept && is_truth {
        return Ok(Verdict::Kept);
    }
    panel.set(control, setting.value)?;
    let now = panel.get(control)?;
    Ok(match setting.is_met(control, now) {
        true if had_kept => Verdict::Kept,
        true => Verdict::Cured,
        false => Verdict::Lost(now),
    })
}

/// Whether another value than the one that was set means something.
fn can_be_judged(control: &Control) -> bool {
    const BY_RIGHT: u32 = sys::V4L2_CTRL_FLAG_VOLATILE
        | sys::V4L2_CTRL_FLAG_INACTIVE
        | sys::V4L2_CTRL_FLAG_GRABBED
        | sys::V4L2_CTRL_FLAG_READ_ONLY
        | sys::V4L2_CTRL_FLAG_EXECUTE_ON_WRITE;
    control.has_value() && !control.has(BY_RIGHT)
}

/// The camera or its bus is in trouble, not this one control.
pub(super) fn is_of_the_camera(errno: Errno) -> bool {
    use Errno::{EIO, ENODEV, ENXIO, EPROTO, ESHUTDOWN, ETIMEDOUT};
    matches!(errno, EIO | ENODEV | ENXIO | EPROTO | ESHUTDOWN | ETIMEDOUT)
}

impl Setting {
    /// Whether a camera that reads `now` has kept it: as it was set, or as the camera itself had rounded it.
    fn is_met(&self, control: &Control, now: i64) -> bool {
        let has_moved = self.before != self.settled;
        let is_rounded = || self.settled == Some(now) && (has_moved || self.is_near(control, now));
        now == self.value || is_rounded()
    }

    /// So near that it was rounded if it has not moved: it had been set to the same before.
    fn is_near(&self, control: &Control, now: i64) -> bool {
        let range = control.most.abs_diff(control.least);
        let is_number = matches!(control.kind, Kind::Integer | Kind::Integer64);
        is_number && now.abs_diff(self.value) <= control.step.max(range / 20)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::{Cell, RefCell};

    /// A camera with two controls, and with habits.
    #[derive(Default)]
    struct Fake {
        values: RefCell<[i64; 2]>,
        flags: Cell<u32>,
        kind: Cell<Option<Kind>>,
        /// Multiples of this are what it takes; zero: all.
        coarse: i64,
        takes_nothing: Cell<bool>,
        /// What it says is what it was last told, as uvcvideo's.
        remembered: Option<RefCell<[i64; 2]>>,
        fails: Cell<Option<Errno>>,
        /// The second control can be set while the first is 1.
        governs: bool,
        gets: Cell<u32>,
        /// Control and value.
        sets: RefCell<Vec<(u32, i64)>>,
    }

    const BRIGHTNESS: u32 = 1;
    const CONTRAST: u32 = 2;
    const DEFAULT: i64 = 128;

    fn at(control: &Control) -> usize {
        usize::try_from(control.id - 1).unwrap()
    }

    impl Panel for Fake {
        fn controls(&self) -> Vec<Control> {
            let control = |id, name: &str| Control {
                id,
                name: name.into(),
                kind: self.kind.get().unwrap_or(Kind::Integer),
                least: 0,
                most: 255,
                step: 1,
                default: DEFAULT,
                flags: if self.is_governed(id) { sys::V4L2_CTRL_FLAG_INACTIVE } else { self.flags.get() },
            };
            vec![control(BRIGHTNESS, "Brightness"), control(CONTRAST, "Contrast")]
        }

        fn menu(&self, _: &Control) -> Vec<(i64, String)> {
            Vec::new()
        }

        fn get(&self, control: &Control) -> Result<i64, CallError> {
            self.gets.set(self.gets.get() + 1);
            if let Some(errno) = self.fails.get() {
                return Err(CallError { call: "VIDIOC_G_CTRL", errno });
            }
            Ok(self.remembered.as_ref().unwrap_or(&self.values).borrow()[at(control)])
        }

        fn set(&self, control: &Control, value: i64) -> Result<i64, CallError> {
            if self.is_governed(control.id) {
                return Err(CallError { call: "VIDIOC_S_CTRL", errno: Errno::EACCES });
            }
            self.sets.borrow_mut().push((control.id, value));
            if !self.takes_nothing.get() {
                self.values.borrow_mut()[at(control)] = value - value % self.coarse.max(1);
            }
            if let Some(remembered) = &self.remembered {
                remembered.borrow_mut()[at(control)] = value;
            }
            Ok(value)
        }
    }

    impl Fake {
        fn new() -> Self {
            Fake { values: [DEFAULT; 2].into(), ..Fake::default() }
        }

        fn is_governed(&self, id: u32) -> bool {
            self.governs && id == CONTRAST && self.values.borrow()[0] != 1
        }

        /// Sets both, and starts the stream.
        fn open(&self) -> Vec<Setting> {
            let wanted = [("brightness", "77"), ("contrast", "200")];
            let (settings, refused) = set(self, &wanted.map(|(name, text)| (name.into(), text.into())), &[]);
            assert_eq!((settings.len(), refused), (2, vec![]));
            self.sets.borrow_mut().clear();
            settings
        }

        fn forget(&self) {
            *self.values.borrow_mut() = [DEFAULT; 2];
        }

        fn sets(&self) -> Vec<(u32, i64)> {
            self.sets.take()
        }
    }

    #[test]
    fn what_was_kept_is_left_alone() {
        let camera = Fake::new();
        let settings = camera.open();
        assert_eq!(recheck(&camera, true, &settings), []);
        assert_eq!(camera.sets(), []);
    }

    #[test]
    fn what_was_forgotten_is_set_once_more_in_the_order_typed() {
        let camera = Fake::new();
        let settings = camera.open();
        camera.forget();
        let notes = recheck(&camera, true, &settings);
        let told = "the camera forgot when its stream started, and has been told again: --control brightness=77, \
                    --control contrast=200";
        assert_eq!(notes, [Note::Info(told.into())]);
        assert_eq!(camera.sets(), [(BRIGHTNESS, 77), (CONTRAST, 200)]);
        assert_eq!(*camera.values.borrow(), [77, 200]);
    }

    #[test]
    fn what_it_forgets_for_good_is_one_warning() {
        let camera = Fake::new();
        let settings = camera.open();
        camera.forget();
        camera.takes_nothing.set(true);
        let notes = recheck(&camera, true, &settings);
        let [Note::Warning(text)] = &notes[..] else { panic!("{notes:?}") };
        assert!(
            text.contains("--control brightness=77 (it has 128), --control contrast=200 (it has 128)"),
            "{text}"
        );
        assert_eq!(camera.sets().len(), 2, "each once");
    }

    #[test]
    fn what_it_never_took_is_the_same_warning() {
        let camera = Fake::new();
        camera.takes_nothing.set(true);
        let settings = camera.open();
        assert!(matches!(&recheck(&camera, true, &settings)[..], [Note::Warning(_)]));
    }

    #[test]
    fn a_camera_that_takes_values_only_while_it_streams_gets_them() {
        let camera = Fake::new();
        camera.takes_nothing.set(true);
        let settings = camera.open();
        camera.takes_nothing.set(false);
        assert!(matches!(&recheck(&camera, true, &settings)[..], [Note::Info(_)]));
        assert_eq!(*camera.values.borrow(), [77, 200]);
    }

    #[test]
    fn rounding_is_no_forgetting_at_the_second_opening_either() {
        let camera = Fake { coarse: 10, ..Fake::new() };
        for _ in 0..2 {
            let settings = camera.open();
            assert_eq!(settings[0].settled, Some(70));
            assert_eq!(recheck(&camera, true, &settings), []);
            assert_eq!(camera.sets(), []);
        }
        // forgotten all the same, it is told again and rounds again
        let settings = camera.open();
        camera.forget();
        assert!(matches!(&recheck(&camera, true, &settings)[..], [Note::Info(_)]));
    }

    #[test]
    fn a_driver_that_answers_from_memory_is_told_again_without_a_word() {
        let remembered = Some([DEFAULT; 2].into());
        let camera = Fake { remembered, ..Fake::new() };
        let settings = camera.open();
        camera.forget();
        assert_eq!(recheck(&camera, false, &settings), []);
        assert_eq!(*camera.values.borrow(), [77, 200]);
    }

    #[test]
    fn what_may_read_otherwise_is_not_judged() {
        let flags = [
            sys::V4L2_CTRL_FLAG_WRITE_ONLY,
            sys::V4L2_CTRL_FLAG_VOLATILE,
            sys::V4L2_CTRL_FLAG_INACTIVE,
            sys::V4L2_CTRL_FLAG_GRABBED,
            sys::V4L2_CTRL_FLAG_READ_ONLY,
            sys::V4L2_CTRL_FLAG_EXECUTE_ON_WRITE,
        ];
        for flag in flags {
            let camera = Fake::new();
            let settings = camera.open();
            camera.forget();
            camera.flags.set(flag);
            assert_eq!(recheck(&camera, false, &settings), [], "{flag:#x}");
            assert_eq!(camera.sets(), [], "{flag:#x}");
        }
    }

    #[test]
    fn a_button_is_pressed_once() {
        let camera = Fake::new();
        camera.kind.set(Some(Kind::Button));
        let settings = camera.open();
        assert_eq!(recheck(&camera, false, &settings), []);
        assert_eq!(camera.sets(), []);
    }

    #[test]
    fn what_came_later_is_set_in_whatever_order_it_came() {
        let pair = |name: &str, text: &str| (name.to_owned(), text.to_owned());
        let changed = [pair("contrast", "7"), pair("brightness", "1")];
        // contrast is governed until brightness is 1
        let camera = Fake { governs: true, ..Fake::new() };
        let (settings, refused) = set(&camera, &[pair("brightness", "5")], &changed);
        assert_eq!((&*camera.values.borrow(), refused), (&[1, 7], vec![]));
        assert_eq!(settings[0].words, "brightness=1 (set by HTTP)");
        // and stays so: that was left to the camera
        let camera = Fake { governs: true, ..Fake::new() };
        let (settings, refused) = set(&camera, &[], &changed[..1]);
        assert_eq!((settings, refused), (vec![], vec![]));
        // what is refused for another reason is said, once
        let (_, refused) = set(&camera, &[], &[pair("brightness", "999")]);
        assert_eq!(refused, ["brightness=999 (set by HTTP): it takes 0 to 255"]);
    }

    #[test]
    fn only_the_last_word_on_a_control_counts() {
        let camera = Fake::new();
        let wanted = [("brightness", "1"), ("contrast", "2"), ("Brightness", "3")];
        let (settings, _) = set(&camera, &wanted.map(|(name, text)| (name.into(), text.into())), &[]);
        let values: Vec<_> = settings.iter().map(|setting| (setting.id, setting.value)).collect();
        assert_eq!(values, [(CONTRAST, 2), (BRIGHTNESS, 3)]);
    }

    #[test]
    fn a_camera_that_fails_is_left_alone_and_one_control_that_does_is_passed_over() {
        for (errno, asked) in [(Errno::ENODEV, 1), (Errno::ETIMEDOUT, 1), (Errno::EACCES, 2)] {
            let camera = Fake::new();
            let settings = camera.open();
            camera.fails.set(Some(errno));
            camera.gets.set(0);
            assert_eq!(recheck(&camera, true, &settings), [], "{errno}");
            assert_eq!((camera.gets.get(), camera.sets()), (asked, vec![]), "{errno}");
        }
    }

    #[test]
    fn what_is_refused_is_said_and_not_looked_at_again() {
        let camera = Fake::new();
        let wanted = [("brightness".into(), "999".into()), ("hue".into(), "1".into())];
        let (settings, refused) = set(&camera, &wanted, &[]);
        assert_eq!(settings, []);
        assert_eq!(
            refused,
            [
                "--control brightness=999: it takes 0 to 255",
                "--control hue=1: the camera has no such control; camcast --list names them"
            ]
        );
    }
}
