//! Attributes as metadata: flat, and within its bounds.

use serde_json::{Map, Value, json};

use super::report::Report;

const MAX_KEYS: usize = 32;
const MAX_KEY_BYTES: usize = 64;
const MAX_TEXT_BYTES: usize = 1_024;
const MAX_BYTES: usize = 8 * 1_024;

/// Metadata that grows, of a row that what does not fit is reported of.
pub(super) struct Metadata<'a> {
    fields: Map<String, Value>,
    bytes: usize,
    of: (&'static str, i64),
    report: &'a Report,
}

impl<'a> Metadata<'a> {
    pub(super) fn new(table: &'static str, id: i64, report: &'a Report) -> Self {
        Self {
            fields: Map::new(),
            bytes: 0,
            of: (table, id),
            report,
        }
    }

    /// Adds a value under a name. Objects become names with dots, and lists texts of JSON.
    pub(super) fn add(&mut self, name: &str, value: &Value) {
        let value = match value {
            Value::Null => return,
            Value::Object(fields) => {
                for (field, value) in fields {
                    self.add(&format!("{name}.{field}"), value);
                }
                return;
            }
            Value::String(text) if text.is_empty() => return,
            Value::Array(items) if items.is_empty() => return,
            Value::Array(items) => json!(Value::from(items.clone()).to_string()),
            value => value.clone(),
        };
        let is_part = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
        let key = name.replace(|c| !is_part(c), "_");
        let length = key.len() + value.as_str().map_or(8, str::len);
        let reason = match &value {
            _ if key.len() > MAX_KEY_BYTES => "its name has more than 64 characters",
            Value::String(text) if text.len() > MAX_TEXT_BYTES => "has more than 1,024 bytes",
            _ if self.fields.contains_key(&key) => "another attribute has its name",
            _ if self.fields.len() == MAX_KEYS => "is one of more than 32 attributes",
            _ if self.bytes + length > MAX_BYTES => "makes the attributes more than 8 KiB",
            _ => {
                self.bytes += length;
                self.fields.insert(key, value);
                return;
            }
        };
        let (table, id) = self.of;
        self.report.add(
            table,
            id,
            name,
            &format!("{reason}, and is left out: {value}"),
        );
    }

    pub(super) fn add_all(&mut self, prefix: &str, fields: &Map<String, Value>) {
        for (name, value) in fields {
            self.add(&format!("{prefix}{name}"), value);
        }
    }

    /// Puts it into the fields of a line, if there is any.
    pub(super) fn put_into(self, line: &mut Map<String, Value>) {
        if !self.fields.is_empty() {
            line.insert("metadata".to_owned(), self.fields.into());
        }
    }
}
