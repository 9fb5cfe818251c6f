//! What camrec tells programs, as another's JSON parser reads it.

use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use tinyjson::JsonValue;

/// An object.
#[derive(Clone, Debug)]
pub struct Object {
    fields: BTreeMap<String, JsonValue>,
}

impl Object {
    #[track_caller]
    pub fn parse(text: &str) -> Self {
        let value: JsonValue = text.parse().unwrap_or_else(|why| panic!("{why}: {text:?}"));
        Object::of(&value)
    }

    #[track_caller]
    fn of(value: &JsonValue) -> Self {
        let JsonValue::Object(fields) = value else { panic!("no object: {value:?}") };
        Object { fields: fields.clone().into_iter().collect() }
    }

    pub fn names(&self) -> BTreeSet<&str> {
        self.fields.keys().map(String::as_str).collect()
    }

    #[track_caller]
    fn field(&self, name: &str) -> &JsonValue {
        self.fields.get(name).unwrap_or_else(|| panic!("no {name:?} in {self:?}"))
    }

    #[track_caller]
    pub fn number(&self, name: &str) -> u64 {
        let number = *self.field(name).get::<f64>().unwrap_or_else(|| panic!("{name}: {self:?}"));
        assert!(number >= 0.0 && number.fract() == 0.0, "{name}: {number}");
        number as u64
    }

    #[track_caller]
    pub fn text(&self, name: &str) -> &str {
        self.field(name).get::<String>().unwrap_or_else(|| panic!("{name}: {self:?}"))
    }

    #[track_caller]
    pub fn flag(&self, name: &str) -> bool {
        *self.field(name).get::<bool>().unwrap_or_else(|| panic!("{name}: {self:?}"))
    }

    #[track_caller]
    pub fn is_null(&self, name: &str) -> bool {
        self.field(name).is_null()
    }

    /// A time as RFC 3339 has it, with an offset and microseconds.
    #[track_caller]
    pub fn time(&self, name: &str) -> Timestamp {
        let text = self.text(name);
        let shape: String = text.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
        assert_eq!(shape.replace('-', "+"), "0000+00+00T00:00:00.000000+00:00", "{text}");
        text.parse().unwrap()
    }

    #[track_caller]
    pub fn list(&self, name: &str) -> Vec<Object> {
        let list = self.field(name).get::<Vec<JsonValue>>().unwrap_or_else(|| panic!("{name}: {self:?}"));
        list.iter().map(Object::of).collect()
    }
}

/// The events of `--json`. Each line is one, and nothing else is there.
#[track_caller]
pub fn events(text: &str) -> Vec<Object> {
    assert!(text.is_empty() || text.ends_with('\n'), "{text:?}");
    text.lines().map(Object::parse).collect()
}

/// The sidecars of a folder, in the order of their files' first frames.
#[track_caller]
pub fn sidecars(folder: &Path) -> Vec<(PathBuf, Object)> {
    let read = |path: PathBuf| {
        let object = Object::parse(&fs::read_to_string(&path).unwrap());
        (path, object)
    };
    let mut sidecars: Vec<_> = super::film::sidecars(folder).into_iter().map(read).collect();
    sidecars.sort_by_key(|(_, sidecar)| sidecar.time("start"));
    sidecars
}

/// The numbers that a list of missing ranges names.
#[track_caller]
pub fn missing(of: &Object) -> Vec<u64> {
    let ranges = of.list("missing_ranges");
    let numbers = |range: &Object| {
        let (first, last) = (range.number("first"), range.number("last"));
        assert_eq!(range.number("count"), last - first + 1, "{range:?}");
        first..=last
    };
    let numbers: Vec<u64> = ranges.iter().flat_map(numbers).collect();
    assert_eq!(numbers.len() as u64, of.number("missing") - of.number("missing_unnamed"), "{of:?}");
    numbers
}
