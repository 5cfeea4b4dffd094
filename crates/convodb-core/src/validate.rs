//! The bounds of texts, each in one place.

use crate::InvalidInput;

pub(crate) const MAX_TEXT_BYTES: usize = 64 * 1024;
const MAX_NAME_BYTES: usize = 256;
const MAX_URL_BYTES: usize = 2_048;
pub(crate) const MAX_ID_BYTES: usize = 128;
pub(crate) const MAX_PROVIDER_ID_BYTES: usize = 512;
const MAX_TEMPLATE_PARAMS: usize = 256;

type Checked = Result<(), InvalidInput>;

fn at_most(field: &'static str, value: impl AsRef<[u8]>, max_bytes: usize) -> Checked {
    let len = value.as_ref().len();
    if len > max_bytes {
        return Err(InvalidInput::new(
            field,
            format!("must be at most {max_bytes} bytes, and has {len}"),
        ));
    }
    Ok(())
}

fn not_blank(field: &'static str, value: &str) -> Checked {
    if value.trim().is_empty() {
        return Err(InvalidInput::new(
            field,
            "must not be empty or only white space",
        ));
    }
    Ok(())
}

/// A text that people read: not blank, at most 64 KiB.
pub(crate) fn text(field: &'static str, value: &str) -> Checked {
    not_blank(field, value)?;
    at_most(field, value, MAX_TEXT_BYTES)
}

/// A name: not blank, at most 256 bytes.
pub(crate) fn name(field: &'static str, value: &str) -> Checked {
    not_blank(field, value)?;
    at_most(field, value, MAX_NAME_BYTES)
}

/// A provider's text about a failure: may be empty, as theirs are.
pub(crate) fn failure(field: &'static str, value: &str) -> Checked {
    at_most(field, value, MAX_URL_BYTES)
}

/// The parameters of a template: each may be empty, all together a text's size.
pub(crate) fn template_params(field: &'static str, params: &[String]) -> Checked {
    if params.len() > MAX_TEMPLATE_PARAMS {
        return Err(InvalidInput::new(
            field,
            format!(
                "must be at most {MAX_TEMPLATE_PARAMS}, and are {}",
                params.len()
            ),
        ));
    }
    let bytes: usize = params.iter().map(String::len).sum();
    if bytes > MAX_TEXT_BYTES {
        return Err(InvalidInput::new(
            field,
            format!("must be at most {MAX_TEXT_BYTES} bytes together, and have {bytes}"),
        ));
    }
    Ok(())
}

/// A public address of a medium: `http` or `https`, at most 2,048 bytes.
pub(crate) fn url(field: &'static str, value: &str) -> Checked {
    at_most(field, value, MAX_URL_BYTES)?;
    let rest = value
        .strip_prefix("https://")
        .or_else(|| value.strip_prefix("http://"))
        .ok_or_else(|| InvalidInput::new(field, "must begin with `https://` or `http://`"))?;
    if rest.is_empty() || value.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(InvalidInput::new(
            field,
            "must name a host and hold no white space",
        ));
    }
    Ok(())
}

/// An id that a caller made: visible ASCII, and something after its prefix.
pub(crate) fn foreign_id(field: &'static str, value: &[u8], prefix: &str) -> Checked {
    at_most(field, value, MAX_ID_BYTES)?;
    let Some(rest) = value.strip_prefix(prefix.as_bytes()) else {
        return Err(InvalidInput::new(
            field,
            format!("must begin with `{prefix}`"),
        ));
    };
    if rest.is_empty() {
        return Err(InvalidInput::new(field, "must not be empty"));
    }
    if !is_visible(value) {
        return Err(InvalidInput::new(
            field,
            "must be visible ASCII without spaces",
        ));
    }
    Ok(())
}

/// Whether all bytes are visible ASCII, eight at a time: each row of a page passes here.
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
pub(crate) fn assignee_id(field: &'static str, value: &str, prefix: &str) -> Checked {
    foreign_id(field, value.as_bytes(), prefix)?;
    if value.contains(',') {
        return Err(InvalidInput::new(field, "must hold no comma"));
    }
    Ok(())
}

pub(crate) fn provider_id(field: &'static str, value: &str) -> Checked {
    if value.is_empty() {
        return Err(InvalidInput::new(field, "must not be empty"));
    }
    at_most(field, value, MAX_PROVIDER_ID_BYTES)
}
