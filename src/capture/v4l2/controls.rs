//! A camera's controls: their names as people type them, what they take, and what is wrong with a value. No system calls
//! here.

use std::fmt;

use nix::errno::Errno;
use v4l::v4l_sys as sys;

/// What sort of value a control has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Integer,
    Boolean,
    Menu,
    IntegerMenu,
    /// It does something when it is set, to whatever value.
    Button,
    Integer64,
    Bitmask,
    /// The heading of those that follow.
    Class,
    /// Text, arrays and structures, which camcast does not set.
    Other,
}

impl Kind {
    /// The kind by the kernel's number for it.
    pub(super) fn of(number: u32) -> Self {
        match number {
            sys::v4l2_ctrl_type_V4L2_CTRL_TYPE_INTEGER => Kind::Integer,
            sys::v4l2_ctrl_type_V4L2_CTRL_TYPE_BOOLEAN => Kind::Boolean,
            sys::v4l2_ctrl_type_V4L2_CTRL_TYPE_MENU => Kind::Menu,
            sys::v4l2_ctrl_type_V4L2_CTRL_TYPE_INTEGER_MENU => Kind::IntegerMenu,
            sys::v4l2_ctrl_type_V4L2_CTRL_TYPE_BUTTON => Kind::Button,
            sys::v4l2_ctrl_type_V4L2_CTRL_TYPE_INTEGER64 => Kind::Integer64,
            sys::v4l2_ctrl_type_V4L2_CTRL_TYPE_BITMASK => Kind::Bitmask,
            sys::v4l2_ctrl_type_V4L2_CTRL_TYPE_CTRL_CLASS => Kind::Class,
            _ => Kind::Other,
        }
    }

    pub(super) fn has_menu(self) -> bool {
        matches!(self, Kind::Menu | Kind::IntegerMenu)
    }

    /// In full, as programs are told.
    pub(super) fn name(self) -> &'static str {
        match self {
            Kind::Integer => "integer",
            Kind::Boolean => "boolean",
            Kind::Menu => "menu",
            Kind::IntegerMenu => "integer_menu",
            Kind::Button => "button",
            Kind::Integer64 => "integer64",
            Kind::Bitmask => "bitmask",
            Kind::Class | Kind::Other => "other",
        }
    }

    /// In a word, as `v4l2-ctl` has it.
    fn word(self) -> &'static str {
        match self {
            Kind::Integer => "int",
            Kind::Boolean => "bool",
            Kind::Menu => "menu",
            Kind::IntegerMenu => "intmenu",
            Kind::Button => "button",
            Kind::Integer64 => "int64",
            Kind::Bitmask => "bitmask",
            Kind::Class | Kind::Other => "other",
        }
    }
}

/// A control, as the driver describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Control {
    pub id: u32,
    /// As the driver writes it: `Exposure Time, Absolute`.
    pub name: String,
    pub kind: Kind,
    pub least: i64,
    pub most: i64,
    pub step: u64,
    pub default: i64,
    /// `V4L2_CTRL_FLAG_*`.
    pub flags: u32,
}

impl Control {
    pub(super) fn has(&self, flag: u32) -> bool {
        self.flags & flag != 0
    }

    pub(super) fn is_disabled(&self) -> bool {
        self.has(sys::V4L2_CTRL_FLAG_DISABLED)
    }

    /// Whether it has a value that can be asked for.
    pub(super) fn has_value(&self) -> bool {
        !matches!(self.kind, Kind::Button | Kind::Class | Kind::Other)
            && !self.has(sys::V4L2_CTRL_FLAG_WRITE_ONLY)
    }

    /// Whether people mean it by this name.
    pub(super) fn is_called(&self, name: &str) -> bool {
        is_same(&self.name, name)
    }

    /// Its name as people type it.
    pub(super) fn typed_name(&self) -> String {
        typed_name(&self.name)
    }
}

/// A name as people type it, and as `v4l2-ctl` writes it: lower case, all that is no letter or digit one underscore.
pub(super) fn typed_name(name: &str) -> String {
    let words = name.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_ascii_lowercase).collect::<Vec<_>>().join("_")
}

/// Whether two names are of one control, as the driver or as people write them.
pub fn is_same(name: &str, other: &str) -> bool {
    typed_name(name) == typed_name(other)
}

/// A menu's items, by number; there may be holes.
pub(super) type Menu = [(i64, String)];

/// The value that `text` means for this control.
///
/// # Errors
/// The sentence's rest that says what the control takes, or why it takes nothing.
pub(super) fn value(control: &Control, menu: &Menu, text: &str) -> Result<i64, String> {
    if control.has(sys::V4L2_CTRL_FLAG_READ_ONLY) || matches!(control.kind, Kind::Class | Kind::Other) {
        return Err("it cannot be set by camcast".into());
    }
    let is_in_range = |value: &i64| (control.least..=control.most).contains(value);
    let value = match control.kind {
        Kind::Button => Some(1),
        Kind::Boolean => word(text).or_else(|| number(text)).filter(|value| matches!(value, 0 | 1)),
        Kind::Menu | Kind::IntegerMenu => choice(control.kind, menu, text),
        // a bitmask's most is the set of bits that it has
        Kind::Bitmask => number(text).filter(|value| *value >= 0 && value & !bits(control.most) == 0),
        _ => number(text).filter(is_in_range),
    };
    value.ok_or_else(|| format!("it takes {}", Takes { control, menu }))
}

/// The value that it had at first.
///
/// # Errors
/// Why it has none that could be set.
pub(super) fn default(control: &Control) -> Result<i64, String> {
    if control.has(sys::V4L2_CTRL_FLAG_READ_ONLY) || matches!(control.kind, Kind::Class | Kind::Other) {
        return Err("it cannot be set by camcast".into());
    }
    if control.kind == Kind::Button {
        return Err("a button has no value to go back to; any other value presses it".into());
    }
    Ok(if control.kind == Kind::Bitmask { bits(control.default) } else { control.default })
}

fn word(text: &str) -> Option<i64> {
    match text.to_ascii_lowercase().as_str() {
        "on" | "true" | "yes" => Some(1),
        "off" | "false" | "no" => Some(0),
        _ => None,
    }
}

/// Why the driver did not take a value that is in the control's range.
pub(super) fn refusal(control: &Control, errno: Errno) -> String {
    let why = match errno {
        _ if control.has(sys::V4L2_CTRL_FLAG_INACTIVE) => {
            return "the camera refuses: another control, such as an automatic mode, governs it; set that one before".into();
        }
        Errno::EBUSY => "it is in use by another program or cannot change while the camera streams",
        errno => errno.desc(),
    };
    format!("the camera refuses: {why}")
}

/// Decimal, or hexadecimal behind `0x`.
fn number(text: &str) -> Option<i64> {
    match text.strip_prefix("0x") {
        Some(digits) => i64::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

/// An item by its number, or by its name as it is or as names are typed. An integer menu's names are numbers: there a number
/// is its place, as for `v4l2-ctl`.
fn choice(kind: Kind, menu: &Menu, text: &str) -> Option<i64> {
    let by_number = number(text).filter(|number| menu.iter().any(|(index, _)| index == number));
    let is_named = |name: &str| name == text || (kind == Kind::Menu && typed_name(name) == typed_name(text));
    by_number.or_else(|| menu.iter().find(|(_, name)| is_named(name)).map(|(index, _)| *index))
}

/// 32 bits, whatever the sign that they came with.
fn bits(value: i64) -> i64 {
    value & i64::from(u32::MAX)
}

/// What a control takes, in words: `0 to 255`, `0 or 1 (off or on)`, `0 Disabled, 1 50 Hz, 2 60 Hz`.
pub(super) struct Takes<'a> {
    pub control: &'a Control,
    pub menu: &'a Menu,
}

impl fmt::Display for Takes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Control { kind, least, most, step, .. } = self.control;
        match kind {
            Kind::Button => f.write_str("any value"),
            Kind::Boolean => f.write_str("off or on"),
            Kind::Bitmask => write!(f, "bits of {:#x}", bits(*most)),
            Kind::Menu | Kind::IntegerMenu => {
                for (at, (index, name)) in self.menu.iter().enumerate() {
                    let comma = if at > 0 { ", " } else { "" };
                    write!(f, "{comma}{index} {name}")?;
                }
                if self.menu.is_empty() { f.write_str("nothing") } else { Ok(()) }
            }
            Kind::Class | Kind::Other => f.write_str("nothing"),
            Kind::Integer | Kind::Integer64 => {
                write!(f, "{least} to {most}")?;
                if *step > 1 { write!(f, " in steps of {step}") } else { Ok(()) }
            }
        }
    }
}

/// A control with its value at present, as `--list` has it.
pub(super) struct Line<'a> {
    pub control: &'a Control,
    pub menu: &'a Menu,
    /// `None` if it has none, or the driver did not tell.
    pub value: Option<i64>,
}

impl fmt::Display for Line<'_> {
    /// `brightness (int): 0 to 255; default 128, now 100`, and at the end why it cannot be set at present.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Line { control, menu, .. } = *self;
        let shown = |value: i64| match control.kind {
            Kind::Boolean => if value == 0 { "off" } else { "on" }.to_owned(),
            Kind::Bitmask => format!("{:#x}", bits(value)),
            _ => value.to_string(),
        };
        write!(f, "{} ({})", control.typed_name(), control.kind.word())?;
        if control.kind != Kind::Other {
            write!(f, ": {}", Takes { control, menu })?;
        }
        if control.has_value() {
            write!(f, "; default {}", shown(control.default))?;
        }
        if let Some(value) = self.value {
            write!(f, ", now {}", shown(value))?;
        }
        let states = [
            (sys::V4L2_CTRL_FLAG_READ_ONLY, "read only"),
            (sys::V4L2_CTRL_FLAG_INACTIVE, "another control governs it"),
            (sys::V4L2_CTRL_FLAG_GRABBED, "in use"),
        ];
        let states: Vec<&str> =
            states.iter().filter(|(flag, _)| control.has(*flag)).map(|(_, word)| *word).collect();
        if states.is_empty() { Ok(()) } else { write!(f, " ({})", states.join(", ")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn control(name: &str, kind: Kind, least: i64, most: i64) -> Control {
        Control { id: 1, name: name.into(), kind, least, most, step: 1, default: least, flags: 0 }
    }

    fn menu(items: &[(i64, &str)]) -> Vec<(i64, String)> {
        items.iter().map(|(index, name)| (*index, (*name).to_owned())).collect()
    }

    #[test]
    fn names_are_typed_as_v4l2_ctl_writes_them() {
        assert_eq!(typed_name("Exposure Time, Absolute"), "exposure_time_absolute");
        assert_eq!(typed_name("White Balance, Automatic"), "white_balance_automatic");
        assert_eq!(typed_name("  LED1 Mode (x) "), "led1_mode_x");
        assert_eq!(typed_name("brightness"), "brightness");
        assert_eq!(typed_name("---"), "");
    }

    #[test]
    fn integers_keep_to_their_range() {
        let brightness = control("Brightness", Kind::Integer, -64, 64);
        let set = |text| value(&brightness, &[], text);
        assert_eq!(["0", "-64", "64", "0x10"].map(|text| set(text).unwrap()), [0, -64, 64, 16]);
        for text in ["65", "-65", "", "bright", "1.5", "99999999999999999999"] {
            assert_eq!(set(text).unwrap_err(), "it takes -64 to 64", "{text}");
        }
        let stepped = Control { step: 8, ..brightness };
        assert_eq!(value(&stepped, &[], "x").unwrap_err(), "it takes -64 to 64 in steps of 8");
        let wide = control("Wide", Kind::Integer64, 0, i64::MAX);
        assert_eq!(value(&wide, &[], "8000000000"), Ok(8_000_000_000));
    }

    #[test]
    fn booleans_are_numbers_or_words() {
        let switch = control("Auto", Kind::Boolean, 0, 1);
        let set = |text| value(&switch, &[], text);
        assert_eq!(["on", "1", "ON", "true"].map(set), [Ok(1), Ok(1), Ok(1), Ok(1)]);
        assert_eq!(["off", "0"].map(set), [Ok(0), Ok(0)]);
        assert_eq!(set("2").unwrap_err(), "it takes off or on");
    }

    #[test]
    fn menus_are_set_by_number_or_by_name() {
        let exposure = control("Auto Exposure", Kind::Menu, 0, 3);
        let items = menu(&[(1, "Manual Mode"), (3, "Aperture Priority Mode")]);
        let set = |text| value(&exposure, &items, text);
        assert_eq!(["1", "Manual Mode", "manual_mode", "manual mode"].map(set), [Ok(1), Ok(1), Ok(1), Ok(1)]);
        assert_eq!(set("aperture_priority_mode"), Ok(3));
        // a hole in the menu
        assert_eq!(set("2").unwrap_err(), "it takes 1 Manual Mode, 3 Aperture Priority Mode");
        let rates = control("Link Frequency", Kind::IntegerMenu, 0, 1);
        let items = menu(&[(0, "450000000"), (1, "225000000")]);
        assert_eq!(value(&rates, &items, "1"), Ok(1));
        assert_eq!(value(&rates, &items, "450000000"), Ok(0));
        assert!(value(&rates, &items, "2").is_err());
        assert_eq!(value(&exposure, &[], "1").unwrap_err(), "it takes nothing");
    }

    #[test]
    fn bits_buttons_and_what_cannot_be_set() {
        let mask = control("Mask", Kind::Bitmask, 0, i64::from(i32::MIN) | 3);
        assert_eq!(value(&mask, &[], "0x80000001"), Ok(0x8000_0001));
        assert_eq!(value(&mask, &[], "4").unwrap_err(), "it takes bits of 0x80000003");
        assert_eq!(value(&control("Go", Kind::Button, 0, 0), &[], ""), Ok(1));
        let fixed =
            Control { flags: sys::V4L2_CTRL_FLAG_READ_ONLY, ..control("Pixel Rate", Kind::Integer, 0, 9) };
        assert_eq!(value(&fixed, &[], "1").unwrap_err(), "it cannot be set by camcast");
        assert!(value(&control("Text", Kind::Other, 0, 9), &[], "1").is_err());
    }

    #[test]
    fn a_refusal_says_why() {
        let exposure = control("Exposure", Kind::Integer, 0, 9);
        assert_eq!(refusal(&exposure, Errno::EIO), "the camera refuses: I/O error");
        let governed = Control { flags: sys::V4L2_CTRL_FLAG_INACTIVE, ..exposure };
        assert!(refusal(&governed, Errno::EIO).contains("automatic mode"));
    }

    #[test]
    fn a_line_tells_all_of_a_control() {
        let line = |control: &Control, menu: &Menu, value| Line { control, menu, value }.to_string();
        let brightness = control("Brightness", Kind::Integer, 0, 255);
        assert_eq!(line(&brightness, &[], Some(7)), "brightness (int): 0 to 255; default 0, now 7");
        let hue =
            Control { step: 2, flags: sys::V4L2_CTRL_FLAG_INACTIVE, ..control("Hue", Kind::Integer, 0, 8) };
        assert_eq!(
            line(&hue, &[], None),
            "hue (int): 0 to 8 in steps of 2; default 0 (another control governs it)"
        );
        let auto = control("Gain, Automatic", Kind::Boolean, 0, 1);
        assert_eq!(line(&auto, &[], Some(1)), "gain_automatic (bool): off or on; default off, now on");
        let frequency = control("Power Line Frequency", Kind::Menu, 0, 2);
        assert_eq!(
            line(&frequency, &menu(&[(0, "Disabled"), (1, "50 Hz")]), Some(1)),
            "power_line_frequency (menu): 0 Disabled, 1 50 Hz; default 0, now 1"
        );
        assert_eq!(line(&control("Go", Kind::Button, 0, 0), &[], None), "go (button): any value");
        assert_eq!(line(&control("Name", Kind::Other, 0, 0), &[], None), "name (other)");
    }
}
