//! JSON that is kept as it came.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::value::RawValue;

use crate::InvalidInput;

/// Any JSON value, kept as it was written: its numbers, the order of its fields, its white space, but
/// for line breaks, which become spaces.
///
/// ```
/// use convodb::Json;
///
/// let json = Json::new("raw", r#"{"b": 1.50, "a": null}"#)?;
/// assert_eq!(json.as_str(), r#"{"b": 1.50, "a": null}"#);
/// assert!(Json::new("raw", "{").is_err());
/// # Ok::<(), convodb::InvalidInput>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Json(Box<str>);

impl Json {
    /// Checks that a text is JSON and takes it.
    ///
    /// # Errors
    ///
    /// A text that is no JSON, with the name of this field.
    pub fn new(field: &'static str, text: &str) -> Result<Self, InvalidInput> {
        serde_json::from_str::<&RawValue>(text)
            .map(|value| Self::of(value.get()))
            .map_err(|error| InvalidInput::new(field, format!("is no JSON: {error}")))
    }

    /// On one line: a line break in JSON is white space, as one in a text is escaped.
    fn of(json: &str) -> Self {
        Self(json.replace(['\n', '\r'], " ").into())
    }

    /// The text.
    pub const fn as_str(&self) -> &str {
        &self.0
    }
}

/// The value in JSON, a text in records.
impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if !serializer.is_human_readable() {
            return self.0.serialize(serializer);
        }
        let value = serde_json::from_str::<&RawValue>(&self.0);
        value
            .map_err(serde::ser::Error::custom)?
            .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if !deserializer.is_human_readable() {
            let text = String::deserialize(deserializer)?;
            return Self::new("raw", &text).map_err(de::Error::custom);
        }
        let value = Box::<RawValue>::deserialize(deserializer)?;
        Ok(Self::of(value.get()))
    }
}
