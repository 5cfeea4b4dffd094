//! Values of texts, names, and JSON objects.

use std::fmt::{self, Display};
use std::str::FromStr;

use serde::de::{self, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserializer, Serialize, Serializer, forward_to_deserialize_any};

use crate::{AssigneeId, Channel, EntityKind, InvalidInput, Status, StatusFilter};

/// The number of decimal digits alone: `str::parse` would also take a plus sign.
pub(crate) fn digits<T: FromStr>(text: &str) -> Option<T> {
    let are_digits = text.bytes().all(|byte| byte.is_ascii_digit());
    are_digits.then(|| text.parse().ok()).flatten()
}

/// Prints types by their `as_str`, and parses those of which all values have a name.
macro_rules! named {
    ($($type:ty $(: $field:literal, $names:literal)?;)*) => {$(
        impl Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
        $(impl FromStr for $type {
            type Err = InvalidInput;

            fn from_str(text: &str) -> Result<Self, InvalidInput> {
                let mut all = Self::ALL.into_iter();
                all.find(|known| known.as_str() == text)
                    .ok_or_else(|| InvalidInput::new($field, concat!("must be ", $names)))
            }
        })?
    )*};
}

named! {
    AssigneeId;
    EntityKind;
    Channel: "channel", "`whatsapp`, `instagram`, `messenger` or `webchat`";
    Status: "status", "`open` or `resolved`";
    StatusFilter: "status", "`open`, `resolved` or `all`";
}

/// Parses a text that serde reads, without a copy of it.
pub(crate) fn parse<'de, D, T, E>(
    deserializer: D,
    parse: impl FnOnce(&str) -> Result<T, E>,
) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    E: Display,
{
    deserializer.deserialize_str(TextVisitor(parse))
}

struct TextVisitor<F>(F);

impl<T, E: Display, F: FnOnce(&str) -> Result<T, E>> Visitor<'_> for TextVisitor<F> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_str<R: de::Error>(self, text: &str) -> Result<T, R> {
        (self.0)(text).map_err(R::custom)
    }
}

/// Deserializes from an object alone: serde's derived code would also take the fields from an array.
pub(crate) struct Object<D>(pub(crate) D);

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Object<D> {
    type Error = D::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_map(visitor)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        unit unit_struct newtype_struct seq tuple tuple_struct map struct enum identifier
        ignored_any
    }
}

/// Writes an object, field by field.
pub(crate) struct ObjectWriter<S: Serializer>(S::SerializeMap);

impl<S: Serializer> ObjectWriter<S> {
    pub(crate) fn new(serializer: S) -> Result<Self, S::Error> {
        serializer.serialize_map(None).map(Self)
    }

    pub(crate) fn put(&mut self, name: &str, value: impl Serialize) -> Result<(), S::Error> {
        self.0.serialize_entry(name, &value)
    }

    /// Leaves the field out where it has no value.
    pub(crate) fn put_some(
        &mut self,
        name: &str,
        value: Option<impl Serialize>,
    ) -> Result<(), S::Error> {
        value.map_or(Ok(()), |value| self.put(name, value))
    }

    pub(crate) fn end(self) -> Result<S::Ok, S::Error> {
        self.0.end()
    }
}
