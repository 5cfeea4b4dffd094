//! The bounds of texts, each in one place.

use serde::Serialize;
use ulid::Ulid;

use crate::{InvalidInput, text};

const MAX_TEXT_BYTES: usize = 64 * 1024;
const MAX_NAME_BYTES: usize = 256;
const MAX_URL_BYTES: usize = 2_048;
const MAX_ID_BYTES: usize = 128;
/// A provider has ids of 135 bytes for users who hide their number.
const MAX_CONTACT_ID_BYTES: usize = 256;
const MAX_IDENTITY_BYTES: usize = 256;
const MAX_PROVIDER_ID_BYTES: usize = 512;
const MAX_TEMPLATE_PARAMS: usize = 256;

type Checked = Result<(), InvalidInput>;
type Text<'v> = Result<&'v str, InvalidInput>;

fn at_most(field: &'static str, len: usize, max_bytes: usize) -> Checked {
    let reason = format_args!("must be at most {max_bytes} bytes, and has {len}");
    InvalidInput::unless(len <= max_bytes, field, reason)
}

fn not_blank(field: &'static str, value: &str, max_bytes: usize) -> Checked {
    let reason = "must have a visible character";
    InvalidInput::unless(!text::is_blank(value), field, reason)?;
    at_most(field, value.len(), max_bytes)
}

/// A text that people read. What came is stored, blank or not; what is yet to be said is not.
pub(crate) fn text(field: &'static str, value: &str, of: Origin) -> Checked {
    match of {
        Origin::Fact => at_most(field, value.len(), MAX_TEXT_BYTES),
        Origin::Intent => not_blank(field, value, MAX_TEXT_BYTES),
    }
}

/// Whether a content happened, or is asked for. A fact is never refused for what it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    Fact,
    Intent,
}

pub(crate) fn name(field: &'static str, value: &str) -> Checked {
    not_blank(field, value, MAX_NAME_BYTES)
}

/// A provider's text about a failure: may be empty, as theirs are.
pub(crate) fn failure(field: &'static str, value: &str) -> Checked {
    at_most(field, value.len(), MAX_URL_BYTES)
}

/// The parameters of a template: each may be empty, all together a text's size.
pub(crate) fn template_params(field: &'static str, params: &[String]) -> Checked {
    let count = params.len();
    let reason = format_args!("must be at most {MAX_TEMPLATE_PARAMS}, and are {count}");
    InvalidInput::unless(count <= MAX_TEMPLATE_PARAMS, field, reason)?;
    let bytes: usize = params.iter().map(String::len).sum();
    let reason = format_args!("must be at most {MAX_TEXT_BYTES} bytes together, and have {bytes}");
    InvalidInput::unless(bytes <= MAX_TEXT_BYTES, field, reason)
}

/// A text that may be missing.
pub(crate) fn optional(field: &'static str, value: Option<&str>, max_bytes: usize) -> Checked {
    value.map_or(Ok(()), |value| at_most(field, value.len(), max_bytes))
}

/// The size of a value in JSON.
pub(crate) fn json_size(field: &'static str, value: &impl Serialize, max_bytes: usize) -> Checked {
    let json = serde_json::to_vec(value)
        .map_err(|error| InvalidInput::new(field, format!("has no JSON: {error}")))?;
    at_most(field, json.len(), max_bytes)
}

/// A public address of a medium. One that came is stored with what no address has in
/// percent-encoding.
pub(crate) fn url(field: &'static str, value: &str, max_bytes: usize, of: Origin) -> Checked {
    at_most(field, value.len(), max_bytes)?;
    let mut schemes = ["https://", "http://"].into_iter();
    let rest = schemes.find_map(|scheme| value.strip_prefix(scheme));
    let reason = "must begin with `https://` or `http://`";
    InvalidInput::unless(rest.is_some(), field, reason)?;
    let is_spaced = value.chars().any(|c| c.is_whitespace() || c.is_control());
    let names_host =
        rest.is_some_and(|rest| !rest.is_empty()) && (!is_spaced || of == Origin::Fact);
    let reason = "must name a host and hold no white space";
    InvalidInput::unless(names_host, field, reason)
}

/// An id of the store: its prefix and a ULID. An id has one spelling.
pub(crate) fn ulid(field: &'static str, value: &str, prefix: &str) -> Result<u128, InvalidInput> {
    let Some(encoded) = value.strip_prefix(prefix) else {
        return Err(InvalidInput::new(
            field,
            format!("must begin with `{prefix}`"),
        ));
    };
    // ulid drops the bits of a first character above 7, and accepts lower case.
    let is_strict = encoded.len() == ulid::ULID_LEN
        && encoded.starts_with(|first: char| first <= '7')
        && !encoded.contains(|c: char| c.is_ascii_lowercase());
    let ulid = Ulid::from_string(encoded).ok().filter(|_| is_strict);
    ulid.map(|ulid| ulid.0).ok_or_else(|| {
        let reason = format!("must be `{prefix}` and the 26 upper-case characters of a ULID");
        InvalidInput::new(field, reason)
    })
}

/// An id that a caller made: visible ASCII, and something after its prefix.
pub(crate) fn foreign_id<'v>(field: &'static str, value: &'v str, prefix: &str) -> Text<'v> {
    foreign_bytes(field, value.as_bytes(), prefix, MAX_ID_BYTES).map(|()| value)
}

pub(crate) fn contact_id<'v>(field: &'static str, value: &'v str, prefix: &str) -> Text<'v> {
    contact_bytes(field, value.as_bytes(), prefix).map(|()| value)
}

#[inline]
pub(crate) fn contact_bytes(field: &'static str, value: &[u8], prefix: &str) -> Checked {
    foreign_bytes(field, value, prefix, MAX_CONTACT_ID_BYTES)
}

#[inline]
fn foreign_bytes(field: &'static str, value: &[u8], prefix: &str, max_bytes: usize) -> Checked {
    let rest = value.strip_prefix(prefix.as_bytes());
    // Each row of a page passes here.
    if value.len() <= max_bytes && rest.is_some_and(|rest| !rest.is_empty()) && is_visible(value) {
        return Ok(());
    }
    at_most(field, value.len(), max_bytes)?;
    let reason = match rest {
        None => format!("must begin with `{prefix}`"),
        Some([]) => "must not be empty".to_owned(),
        Some(_) => "must be visible ASCII without spaces".to_owned(),
    };
    Err(InvalidInput::new(field, reason))
}

/// Whether all bytes are visible ASCII, eight at a time.
fn is_visible(bytes: &[u8]) -> bool {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    let (words, _) = bytes.as_chunks();
    // The last eight bytes overlap the ones before.
    let Some(last) = bytes.last_chunk() else {
        return bytes.iter().all(u8::is_ascii_graphic);
    };
    let outside = words.iter().chain([last]).fold(0, |outside, word| {
        let word = u64::from_ne_bytes(*word);
        // What is 0x7F or more reaches the highest bit with one more, what is 0x21 or more with
        // 0x5F more. A carry comes only from a byte that is outside itself.
        outside | word | word.wrapping_add(ONES) | !word.wrapping_add(0x5F * ONES)
    });
    outside & (0x80 * ONES) == 0
}

/// Filters separate the ids of users and teams by commas, so an id has no comma.
pub(crate) fn assignee_id<'v>(field: &'static str, value: &'v str, prefix: &str) -> Text<'v> {
    foreign_id(field, value, prefix)?;
    InvalidInput::unless(!value.contains(','), field, "must hold no comma").map(|()| value)
}

pub(crate) fn team_id<'v>(field: &'static str, value: &'v str, prefix: &str) -> Text<'v> {
    assignee_id(field, value, prefix)?;
    let is_reserved = matches!(value, "unassigned" | "none" | "any");
    let reason = format_args!("`{value}` names no team: it is a user's id or a reserved word");
    let names_team = !is_reserved && !value.starts_with("usr_");
    InvalidInput::unless(names_team, field, reason).map(|()| value)
}

pub(crate) fn provider_id<'v>(field: &'static str, value: &'v str, _: &str) -> Text<'v> {
    InvalidInput::unless(!value.is_empty(), field, "must not be empty")?;
    let is_plain = !value.chars().any(char::is_control);
    InvalidInput::unless(is_plain, field, "must hold no control character")?;
    at_most(field, value.len(), MAX_PROVIDER_ID_BYTES).map(|()| value)
}

/// The beginning of a name or of an identity.
pub(crate) fn prefix(field: &'static str, value: &str) -> Checked {
    at_most(field, value.len(), MAX_IDENTITY_BYTES)
}

/// What a provider calls a contact.
pub(crate) fn identity<'v>(field: &'static str, value: &'v str) -> Text<'v> {
    InvalidInput::unless(!value.is_empty(), field, "must not be empty")?;
    let is_plain = !value.chars().any(char::is_control);
    InvalidInput::unless(is_plain, field, "must hold no control character")?;
    at_most(field, value.len(), MAX_IDENTITY_BYTES).map(|()| value)
}

pub(crate) fn idempotency_key<'v>(field: &'static str, value: &'v str, _: &str) -> Text<'v> {
    let is_within = (1..=255).contains(&value.len());
    InvalidInput::unless(is_within, field, "must have 1 to 255 bytes").map(|()| value)
}
