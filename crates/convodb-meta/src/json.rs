//! JSON that is read field by field, as far as it is what it should be.
//!
//! Invariant: a value of another type is no value. It does not affect the fields beside it.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use convodb_core::time;
use serde_json::Number;
use serde_json::value::RawValue;

/// 2000-01-01: a command refuses what was sent before.
const FIRST_MICROS: i64 = 946_684_800_000_000;

/// An object, whose fields are not parsed yet.
pub(crate) struct Object<'a> {
    pub(crate) raw: &'a RawValue,
    fields: BTreeMap<String, &'a RawValue>,
}

impl<'a> Object<'a> {
    pub(crate) fn of(raw: &'a RawValue) -> Option<Self> {
        let fields = serde_json::from_str(raw.get()).ok()?;
        Some(Self { raw, fields })
    }

    /// A field that is not null.
    pub(crate) fn get(&self, name: &str) -> Option<&'a RawValue> {
        let value = self.fields.get(name).copied();
        value.filter(|value| value.get() != "null")
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    pub(crate) fn fields(&self) -> impl Iterator<Item = (&str, &'a RawValue)> {
        self.fields
            .iter()
            .map(|(name, value)| (name.as_str(), *value))
    }

    pub(crate) fn object(&self, name: &str) -> Option<Self> {
        self.get(name).and_then(Self::of)
    }

    /// The items of an array.
    pub(crate) fn list(&self, name: &str) -> Vec<&'a RawValue> {
        let list = self.get(name).map(|list| serde_json::from_str(list.get()));
        list.and_then(Result::ok).unwrap_or_default()
    }

    /// The items of an array that are objects.
    pub(crate) fn objects(&self, name: &str) -> Vec<Self> {
        self.list(name).into_iter().filter_map(Self::of).collect()
    }

    /// A text, or a number as it was written.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        self.get(name).and_then(text)
    }

    /// The same, of which something is given.
    pub(crate) fn id(&self, name: &str) -> Option<String> {
        self.text(name).filter(|text| !text.is_empty())
    }

    pub(crate) fn number(&self, name: &str) -> Option<f64> {
        self.text(name)?.parse().ok()
    }

    pub(crate) fn is_true(&self, name: &str) -> bool {
        self.get(name).is_some_and(|value| value.get() == "true")
    }

    /// The time of a number or of digits: seconds below 10^11, milliseconds below 10^14, else
    /// microseconds. One that a command would refuse is none.
    pub(crate) fn time(&self, name: &str) -> Option<DateTime<Utc>> {
        let number: i64 = self.text(name)?.parse().ok()?;
        let unit = if number < 100_000_000_000 {
            1_000_000
        } else if number < 100_000_000_000_000 {
            1_000
        } else {
            1
        };
        let micros = number.checked_mul(unit)?;
        time::from_micros(micros).filter(|_| micros >= FIRST_MICROS)
    }
}

pub(crate) fn text(raw: &RawValue) -> Option<String> {
    serde_json::from_str(raw.get()).ok().or_else(|| {
        let number: Number = serde_json::from_str(raw.get()).ok()?;
        Some(number.to_string())
    })
}

/// How deep arrays and objects are within each other.
pub(crate) fn depth(json: &str) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    let (mut is_text, mut is_escaped) = (false, false);
    for byte in json.bytes() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = is_text,
            b'"' => is_text = !is_text,
            b'[' | b'{' if !is_text => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' if !is_text => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_of_another_type_is_none() -> Result<(), serde_json::Error> {
        let json =
            r#"{"n": null, "list": {}, "text": 5, "number": "x", "true": 1, "id": "", "o": []}"#;
        let raw: &RawValue = serde_json::from_str(json)?;
        let object = Object::of(raw);
        let object = object.as_ref();
        assert!(object.is_some_and(|it| !it.has("n") && it.list("list").is_empty()));
        assert_eq!(object.and_then(|it| it.text("text")).as_deref(), Some("5"));
        assert!(object.is_some_and(|it| it.number("number").is_none() && !it.is_true("true")));
        assert!(object.is_some_and(|it| it.id("id").is_none() && it.object("o").is_none()));
        Ok(())
    }

    #[test]
    fn a_time_is_taken_in_each_unit_and_a_bad_one_is_none() -> Result<(), serde_json::Error> {
        for (time, micros) in [
            (r#""1795936020""#, Some(1_795_936_020_000_000)),
            ("1795936020123", Some(1_795_936_020_123_000)),
            ("1795936020123456", Some(1_795_936_020_123_456)),
            ("0", None),
            ("-1", None),
            (r#""soon""#, None),
            ("1e9", None),
            ("9223372036854775807", None),
            ("null", None),
        ] {
            let json = format!(r#"{{"at": {time}}}"#);
            let raw: &RawValue = serde_json::from_str(&json)?;
            let read = Object::of(raw).and_then(|object| object.time("at"));
            assert_eq!(read.map(|at| at.timestamp_micros()), micros, "{time}");
        }
        Ok(())
    }

    #[test]
    fn brackets_within_a_text_are_not_counted() {
        assert_eq!(depth(r#"{"a": ["[[[", "\"[["]}"#), 2);
        assert_eq!(depth(&"[".repeat(500)), 500);
        assert_eq!(depth("1"), 0);
    }
}
