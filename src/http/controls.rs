//! What a camera's controls are to be set to: `{"brightness": 100, "auto_exposure": "Manual Mode", "gain": null}`.
//!
//! The values become text, as `--control` takes it, and null the default; the order stays. Nothing nested is read, so nothing can
//! be nested too deep; how much can be asked is bounded by the longest body that is taken.

use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use std::fmt;

/// The most that one request sets.
pub const MOST: usize = 64;

/// A control's name, and what it is to be; none is its default.
pub type Wanted = Vec<(String, Option<String>)>;

/// Reads a request's body.
///
/// # Errors
/// What is wrong with it, in words.
pub fn parse(body: &[u8]) -> Result<Wanted, String> {
    const EXAMPLE: &str = r#"write an object such as {"brightness": 100}"#;
    match serde_json::from_slice::<Settings>(body) {
        Ok(Settings(wanted)) if wanted.is_empty() => Err(format!("nothing is to be set: {EXAMPLE}")),
        Ok(Settings(wanted)) => Ok(wanted),
        Err(error) => Err(format!("the body cannot be read: {error}; {EXAMPLE}")),
    }
}

/// Whether a body is said to be JSON. A form of a web page elsewhere can say so only if the browser has asked us before.
pub fn is_json(content_type: Option<&str>) -> bool {
    let kind = content_type.unwrap_or("").split(';').next().unwrap_or("").trim();
    kind.eq_ignore_ascii_case("application/json")
}

struct Settings(Wanted);

impl<'de> Deserialize<'de> for Settings {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_map(Object).map(Settings)
    }
}

struct Object;

impl<'de> Visitor<'de> for Object {
    type Value = Wanted;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of names and values")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Wanted, A::Error> {
        let mut wanted = Vec::new();
        while let Some((name, Value(value))) = map.next_entry::<String, Value>()? {
            if wanted.len() == MOST {
                return Err(A::Error::custom(format_args!("more than {MOST} controls at once")));
            }
            wanted.push((name, value));
        }
        Ok(wanted)
    }
}

struct Value(Option<String>);

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Scalar).map(Value)
    }
}

struct Scalar;

impl Visitor<'_> for Scalar {
    type Value = Option<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a whole number, true, false, text, or null for the default")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
        Ok(Some(if value { "on" } else { "off" }.to_owned()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Self::Value, E> {
        Ok(Some(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Self::Value, E> {
        Ok(Some(value.to_string()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Self::Value, E> {
        Ok(Some(value.trim().to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::request::MAX_BODY;
    use proptest::prelude::*;

    fn wanted(body: &str) -> Vec<(String, Option<String>)> {
        parse(body.as_bytes()).unwrap()
    }

    #[test]
    fn values_become_what_control_takes_in_their_order() {
        let body =
            r#" {"b": 100, "auto_exposure": "Manual Mode", "c": true, "b": -5, "d": null, "e": false} "#;
        let expected = [
            ("b", Some("100")),
            ("auto_exposure", Some("Manual Mode")),
            ("c", Some("on")),
            ("b", Some("-5")),
            ("d", None),
            ("e", Some("off")),
        ];
        assert_eq!(wanted(body), expected.map(|(name, value)| (name.into(), value.map(str::to_owned))));
    }

    #[test]
    fn what_cannot_be_meant_is_said() {
        for (body, why) in [
            ("", "EOF"),
            ("{}", "nothing is to be set"),
            ("[]", "an object of names and values"),
            (r#""hue""#, "an object of names and values"),
            (r#"{"hue": 1.5}"#, "a whole number"),
            (r#"{"hue": [1]}"#, "a whole number"),
            (r#"{"hue": {"a": 1}}"#, "a whole number"),
            (r#"{"hue": 1} more"#, "trailing"),
            (r#"{"hue": 1"#, "EOF"),
            ("{\"hue\": \"\u{1}\"}", "control character"),
        ] {
            let said = parse(body.as_bytes()).unwrap_err();
            assert!(said.contains(why) && said.contains(r#"{"brightness": 100}"#), "{body}: {said}");
        }
        assert!(parse(b"{\"\xff\": 1}").is_err());
        let many: Vec<String> = (0..65).map(|number| format!(r#""a{number}":1"#)).collect();
        assert!(parse(format!("{{{}}}", many.join(",")).as_bytes()).unwrap_err().contains("64"));
    }

    #[test]
    fn what_is_nested_deep_is_not_even_entered() {
        for open in ["[", "{\"a\":"] {
            let deep = format!("{{\"a\":{}", open.repeat(MAX_BODY));
            assert!(parse(deep.as_bytes()).unwrap_err().contains("a whole number"));
        }
    }

    #[test]
    fn only_json_is_json() {
        for kind in ["application/json", "Application/JSON; charset=utf-8", " application/json "] {
            assert!(is_json(Some(kind)), "{kind}");
        }
        for kind in [
            None,
            Some(""),
            Some("text/plain"),
            Some("application/x-www-form-urlencoded"),
            Some("application/jsonp"),
        ] {
            assert!(!is_json(kind), "{kind:?}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_do_harm(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let _ = parse(&bytes);
        }
    }
}
