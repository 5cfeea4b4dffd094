//! Values of a caller's own, by their names.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, de};

use crate::InvalidInput;

const MAX_KEYS: usize = 32;
const MAX_KEY_BYTES: usize = 64;
const MAX_TEXT_BYTES: usize = 1_024;
const MAX_BYTES: usize = 8 * 1_024;
/// The name under which a message of an import has the id that it had elsewhere.
pub(crate) const IMPORT_ID: &str = "import_id";

/// Values of a caller's own, by their names, in the order of the names: at most 32, and 8 KiB
/// together. A name has 1 to 64 letters, digits, `_`, `.` or `-`.
///
/// ```
/// use convodb::{Metadata, MetadataValue};
///
/// let mut metadata = Metadata::new();
/// metadata.set("referral.ad", "spring");
/// assert_eq!(metadata.get("referral.ad"), Some(&MetadataValue::Text("spring".into())));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct Metadata(BTreeMap<String, MetadataValue>);

/// One value of a [`Metadata`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(untagged, expecting = "must be a text, a number or a boolean")]
pub enum MetadataValue {
    /// A text of at most 1,024 bytes.
    Text(String),
    /// A number.
    Number(serde_json::Number),
    /// A boolean.
    Boolean(bool),
}

impl From<&str> for MetadataValue {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for MetadataValue {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<u64> for MetadataValue {
    fn from(number: u64) -> Self {
        Self::Number(number.into())
    }
}

impl From<bool> for MetadataValue {
    fn from(boolean: bool) -> Self {
        Self::Boolean(boolean)
    }
}

impl Metadata {
    /// No values.
    pub const fn new() -> Self {
        Self(BTreeMap::new())
    }

    /// The value of a name.
    pub fn get(&self, name: &str) -> Option<&MetadataValue> {
        self.0.get(name)
    }

    /// Sets the value of a name. The command that carries it checks its bounds.
    pub fn set(&mut self, name: impl Into<String>, value: impl Into<MetadataValue>) {
        self.0.insert(name.into(), value.into());
    }

    /// Whether there is no value.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The values in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &MetadataValue)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// What takes every value away.
    pub(crate) fn cleared(&self) -> MetadataChanges {
        MetadataChanges(self.0.keys().map(|name| (name.clone(), None)).collect())
    }

    /// The same with these changes: `None` takes a value away.
    pub(crate) fn merged(&self, changes: &MetadataChanges) -> Self {
        let mut merged = self.clone();
        for (name, value) in &changes.0 {
            match value {
                Some(value) => merged.0.insert(name.clone(), value.clone()),
                None => merged.0.remove(name),
            };
        }
        merged
    }

    /// The same with the values of another, for the names that have none, as far as there is room.
    pub(crate) fn united(&self, other: &Self) -> Self {
        let mut united = self.clone();
        for (name, value) in &other.0 {
            if !united.0.contains_key(name) {
                united.0.insert(name.clone(), value.clone());
                if united.validate().is_err() {
                    united.0.remove(name);
                }
            }
        }
        united
    }

    pub(crate) fn validate(&self) -> Result<(), InvalidInput> {
        self.validate_beside(None)
    }

    /// The bounds of those of a message, beside the foreign id that an import keeps there.
    pub(crate) fn validate_of_message(&self) -> Result<(), InvalidInput> {
        self.validate_beside(Some(IMPORT_ID))
    }

    /// The bounds of all but this one.
    fn validate_beside(&self, own: Option<&str>) -> Result<(), InvalidInput> {
        let given = || self.0.iter().filter(|(name, _)| own != Some(name.as_str()));
        let count = given().count();
        let reason = format_args!("must have at most {MAX_KEYS} names, and has {count}");
        InvalidInput::unless(count <= MAX_KEYS, "metadata", reason)?;
        let mut bytes = 0;
        for (name, value) in given() {
            let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
            let is_name = (1..=MAX_KEY_BYTES).contains(&name.len()) && name.bytes().all(is_plain);
            let reason = "must have names of 1 to 64 letters, digits, `_`, `.` or `-`";
            InvalidInput::unless(is_name, "metadata", reason)?;
            let length = match value {
                MetadataValue::Text(text) => text.len(),
                MetadataValue::Number(number) => number.to_string().len(),
                MetadataValue::Boolean(_) => 1,
            };
            let is_short = length <= MAX_TEXT_BYTES;
            let reason = format_args!("must be at most {MAX_TEXT_BYTES} bytes, and has {length}");
            InvalidInput::unless(is_short, format!("metadata.{name}"), reason)?;
            bytes += name.len() + length;
        }
        let reason = format_args!("must be at most {MAX_BYTES} bytes together, and has {bytes}");
        InvalidInput::unless(bytes <= MAX_BYTES, "metadata", reason)
    }
}

/// New values for some names; `None` takes a value away.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct MetadataChanges(pub BTreeMap<String, Option<MetadataValue>>);

/// A name that is there twice is refused: one of its values would be lost.
impl<'de> Deserialize<'de> for MetadataChanges {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Changes;

        impl<'de> Visitor<'de> for Changes {
            type Value = MetadataChanges;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut changes = BTreeMap::new();
                while let Some((name, value)) = map.next_entry::<String, _>()? {
                    if changes.contains_key(&name) {
                        return Err(de::Error::custom(format_args!("duplicate field `{name}`")));
                    }
                    changes.insert(name, value);
                }
                Ok(MetadataChanges(changes))
            }
        }

        deserializer.deserialize_map(Changes)
    }
}

/// What sets these values.
impl From<&Metadata> for MetadataChanges {
    fn from(metadata: &Metadata) -> Self {
        let set = metadata.0.iter();
        Self(
            set.map(|(name, value)| (name.clone(), Some(value.clone())))
                .collect(),
        )
    }
}

/// A value of `null` sets nothing.
impl<'de> Deserialize<'de> for Metadata {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let changes = MetadataChanges::deserialize(deserializer)?;
        Ok(Self::new().merged(&changes))
    }
}
