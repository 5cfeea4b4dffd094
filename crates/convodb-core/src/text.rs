//! Values of texts, names, and JSON objects.

use std::borrow::Cow;
use std::fmt::{self, Display};
use std::ops::RangeInclusive;
use std::str::FromStr;

use serde::de::{self, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer, forward_to_deserialize_any};
use unicase::UniCase;

use crate::{AssigneeId, Channel, EntityKind, InvalidInput, Priority, Status, StatusFilter};

/// The characters that show nothing beside white space and control characters: format characters and
/// those that Unicode has shown as nothing by default.
#[doc(hidden)]
pub const UNSEEN: [RangeInclusive<char>; 25] = [
    '\u{AD}'..='\u{AD}',
    '\u{34F}'..='\u{34F}',
    '\u{600}'..='\u{605}',
    '\u{61C}'..='\u{61C}',
    '\u{6DD}'..='\u{6DD}',
    '\u{70F}'..='\u{70F}',
    '\u{890}'..='\u{891}',
    '\u{8E2}'..='\u{8E2}',
    '\u{115F}'..='\u{1160}',
    '\u{17B4}'..='\u{17B5}',
    '\u{180B}'..='\u{180F}',
    '\u{200B}'..='\u{200F}',
    '\u{202A}'..='\u{202E}',
    '\u{2060}'..='\u{206F}',
    '\u{3164}'..='\u{3164}',
    '\u{FE00}'..='\u{FE0F}',
    '\u{FEFF}'..='\u{FEFF}',
    '\u{FFA0}'..='\u{FFA0}',
    '\u{FFF0}'..='\u{FFFB}',
    '\u{110BD}'..='\u{110BD}',
    '\u{110CD}'..='\u{110CD}',
    '\u{13430}'..='\u{1343F}',
    '\u{1BCA0}'..='\u{1BCA3}',
    '\u{1D173}'..='\u{1D17A}',
    '\u{E0000}'..='\u{E0FFF}',
];

/// Whether a text shows nothing.
pub(crate) fn is_blank(text: &str) -> bool {
    let is_unseen = |c: char| {
        c.is_whitespace() || c.is_control() || UNSEEN.iter().any(|range| range.contains(&c))
    };
    text.chars().all(is_unseen)
}

/// What texts are compared by without case: Unicode's full case folding, of no language.
#[doc(hidden)]
pub fn folded(text: &str) -> String {
    UniCase::new(text).to_folded_case()
}

/// As much of a folded name is in an index.
const INDEXED_NAME_BYTES: usize = 128;

/// A name as indexes have it: folded, and its beginning where it is long.
#[doc(hidden)]
pub fn indexed_name(name: &str) -> String {
    let mut key = folded(name);
    let mut end = key.len().min(INDEXED_NAME_BYTES);
    while !key.is_char_boundary(end) {
        end -= 1;
    }
    key.truncate(end);
    key
}

/// Replaces halves of surrogate pairs in JSON by U+FFFD, so that it can be parsed: escapes such as
/// `\ud83d` without their other half, and halves that were encoded as if they were characters.
/// Programs that cut a text between two UTF-16 units write such JSON. O(bytes); without such a half
/// nothing is copied.
///
/// ```
/// use convodb::repair_surrogates;
///
/// let json = repair_surrogates(br#"["cut here \ud83d", "\ud83d\ude00"]"#);
/// assert_eq!(&*json, br#"["cut here \ufffd", "\ud83d\ude00"]"#);
/// ```
pub fn repair_surrogates(json: &[u8]) -> Cow<'_, [u8]> {
    let mut repaired = Vec::new();
    let mut copied = 0;
    let mut at = 0;
    while let Some(rest) = json.get(at..).filter(|rest| !rest.is_empty()) {
        let (length, replacement): (usize, Option<&[u8]>) = match rest {
            [b'\\', b'u', ..] => match (unit(rest), rest.get(6..).and_then(unit)) {
                (Some(0xD800..=0xDBFF), Some(0xDC00..=0xDFFF)) => (12, None),
                (Some(0xD800..=0xDFFF), _) => (6, Some(b"\\ufffd")),
                _ => (2, None),
            },
            [b'\\', _, ..] => (2, None),
            [0xED, 0xA0..=0xBF, 0x80..=0xBF, ..] => (3, Some("\u{FFFD}".as_bytes())),
            _ => (1, None),
        };
        if let Some(replacement) = replacement {
            repaired.extend_from_slice(json.get(copied..at).unwrap_or_default());
            repaired.extend_from_slice(replacement);
            copied = at + length;
        }
        at += length;
    }
    if copied == 0 {
        return Cow::Borrowed(json);
    }
    repaired.extend_from_slice(json.get(copied..).unwrap_or_default());
    Cow::Owned(repaired)
}

/// The UTF-16 unit of an escape `\uXXXX` at the beginning.
fn unit(json: &[u8]) -> Option<u16> {
    let digits = json.strip_prefix(b"\\u")?.first_chunk::<4>()?;
    let digits = digits.map(|digit| char::from(digit).to_digit(16));
    digits
        .into_iter()
        .try_fold(0, |unit, digit| Some(unit << 4 | digit? as u16))
}

/// The bytes of base64 with its padding, if it is that.
pub(crate) fn from_base64(text: &str) -> Option<Vec<u8>> {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digits = text.trim_end_matches('=').bytes();
    let mut bytes = Vec::with_capacity(text.len());
    let (mut bits, mut count) = (0_u32, 0);
    for digit in digits {
        let value = ALPHABET.iter().position(|known| *known == digit)?;
        bits = bits << 6 | u32::try_from(value).ok()?;
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
        }
    }
    text.len().is_multiple_of(4).then_some(bytes)
}

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
    Priority: "priority", "`low`, `medium`, `high` or `urgent`";
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

/// A value that is there, if only as `null`.
pub(crate) fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
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

/// Serializes types as their derived code does, and deserializes them from an object alone. Their
/// `remote` attribute keeps the derived code from being the trait's.
macro_rules! objects {
    ($($type:ident)*) => {$(
        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                Self::serialize(self, serializer)
            }
        }

        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Self::deserialize($crate::text::Object(deserializer))
            }
        }
    )*};
}
pub(crate) use objects;

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
