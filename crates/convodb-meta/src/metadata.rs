//! What surrounds a message and has no field of its own, as metadata.

use convodb_core::MetadataValue;
use serde_json::Number;
use serde_json::value::RawValue;

use crate::frame::cut;
use crate::json::{Object, text};

const MAX_NAME_BYTES: usize = 64;
const MAX_TEXT_BYTES: usize = 1_024;
/// Of the 32 that a message may have: the connector's own users may add some.
const MAX_VALUES: usize = 24;
/// Of the 8 KiB that a message may have in JSON, where a character may take six bytes.
const MAX_BYTES: usize = 6 * 1_024;
const MAX_DEPTH: usize = 3;

/// Values by their names, within the bounds of a message's metadata. One that does not fit is left out.
#[derive(Default)]
pub(crate) struct Values {
    values: Vec<(String, MetadataValue)>,
    bytes: usize,
}

impl Values {
    pub(crate) fn put(&mut self, name: &str, value: MetadataValue) {
        let bytes = match &value {
            MetadataValue::Text(text) => serde_json::to_string(text).map_or(0, |json| json.len()),
            MetadataValue::Number(number) => number.to_string().len(),
            MetadataValue::Boolean(_) => 5,
        };
        let bytes = self.bytes + name.len() + bytes + 4;
        let is_known = self.values.iter().any(|(known, _)| known == name);
        let is_name = (1..=MAX_NAME_BYTES).contains(&name.len());
        if is_name && !is_known && bytes <= MAX_BYTES && self.values.len() < MAX_VALUES {
            self.bytes = bytes;
            self.values.push((name.to_owned(), value));
        }
    }

    /// A text, cut where it is too long. The beginning of an address leads nowhere.
    pub(crate) fn put_text(&mut self, name: &str, text: Option<String>) {
        let Some(text) = text.filter(|text| !text.is_empty()) else {
            return;
        };
        let is_address = text.starts_with("https://") || text.starts_with("http://");
        if text.len() <= MAX_TEXT_BYTES {
            self.put(name, MetadataValue::Text(text));
        } else if !is_address {
            let text = format!("{}…", cut(&text, MAX_TEXT_BYTES - "…".len()));
            self.put(name, MetadataValue::Text(text));
        }
    }

    /// The fields of an object, by the object's name and theirs.
    pub(crate) fn put_object(&mut self, name: &str, object: &Object<'_>) {
        self.put_fields(name, object, MAX_DEPTH);
    }

    fn put_fields(&mut self, prefix: &str, object: &Object<'_>, depth: usize) {
        for (field, value) in object.fields() {
            let is_kept = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
            let name = format!("{prefix}.{}", field.replace(|c| !is_kept(c), "_"));
            match Object::of(value) {
                Some(object) if depth > 1 => self.put_fields(&name, &object, depth - 1),
                Some(_) => {}
                None => self.put_value(&name, value),
            }
        }
    }

    fn put_value(&mut self, name: &str, value: &RawValue) {
        match serde_json::from_str::<Number>(value.get()) {
            Ok(number) => self.put(name, MetadataValue::Number(number)),
            Err(_) => match value.get() {
                "true" => self.put(name, true.into()),
                "false" => self.put(name, false.into()),
                _ => self.put_text(name, text(value)),
            },
        }
    }

    pub(crate) fn take(self) -> Vec<(String, MetadataValue)> {
        self.values
    }
}
