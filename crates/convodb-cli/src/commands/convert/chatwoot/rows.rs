//! The rows of the tables, as PostgreSQL's `row_to_json` writes them. Columns that are not used are not
//! named here, and every version of the schema has those that are, or lacks what they are about.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;

use chrono::{DateTime, NaiveDateTime, SecondsFormat, Utc};
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

use super::unreadable;
use crate::failure::Failure;

pub(super) trait Row: DeserializeOwned {}

impl<T: DeserializeOwned> Row for T {}

/// A user or a team.
#[derive(Deserialize)]
pub(super) struct Named {
    pub(super) id: i64,
    name: Option<String>,
    email: Option<String>,
}

impl Named {
    /// A name that is seen.
    pub(super) fn shown(&self) -> String {
        let names = [&self.name, &self.email];
        let seen = names
            .into_iter()
            .flatten()
            .find(|name| !name.trim().is_empty());
        seen.cloned()
            .unwrap_or_else(|| format!("Chatwoot {}", self.id))
    }
}

#[derive(Deserialize)]
pub(super) struct Inbox {
    pub(super) id: i64,
    pub(super) name: Option<String>,
    pub(super) channel_type: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Contact {
    pub(super) id: i64,
    pub(super) name: Option<String>,
    pub(super) email: Option<String>,
    pub(super) phone_number: Option<String>,
    pub(super) identifier: Option<String>,
    #[serde(default, deserialize_with = "object")]
    pub(super) custom_attributes: Map<String, Value>,
    #[serde(default, deserialize_with = "object")]
    pub(super) additional_attributes: Map<String, Value>,
    pub(super) created_at: Option<Time>,
}

#[derive(Deserialize)]
pub(super) struct ContactInbox {
    pub(super) contact_id: Option<i64>,
    pub(super) inbox_id: Option<i64>,
    pub(super) source_id: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Conversation {
    pub(super) id: i64,
    pub(super) display_id: Option<i64>,
    pub(super) contact_id: Option<i64>,
    pub(super) inbox_id: i64,
    pub(super) status: Option<Code>,
    pub(super) priority: Option<Code>,
    pub(super) assignee_id: Option<i64>,
    pub(super) team_id: Option<i64>,
    pub(super) cached_label_list: Option<String>,
    #[serde(default, deserialize_with = "object")]
    pub(super) custom_attributes: Map<String, Value>,
    #[serde(default, deserialize_with = "object")]
    pub(super) additional_attributes: Map<String, Value>,
    pub(super) created_at: Time,
    pub(super) last_activity_at: Option<Time>,
    pub(super) snoozed_until: Option<Time>,
    pub(super) agent_last_seen_at: Option<Time>,
    pub(super) contact_last_seen_at: Option<Time>,
}

#[derive(Deserialize)]
pub(super) struct Message {
    pub(super) id: i64,
    pub(super) conversation_id: i64,
    pub(super) content: Option<String>,
    pub(super) message_type: Code,
    pub(super) content_type: Option<Code>,
    pub(super) private: Option<bool>,
    pub(super) status: Option<Code>,
    pub(super) source_id: Option<String>,
    #[serde(default, deserialize_with = "object")]
    pub(super) content_attributes: Map<String, Value>,
    #[serde(default, deserialize_with = "object")]
    pub(super) additional_attributes: Map<String, Value>,
    pub(super) sender_type: Option<String>,
    pub(super) sender_id: Option<i64>,
    pub(super) created_at: Time,
    pub(super) updated_at: Option<Time>,
}

impl Message {
    pub(super) fn is_incoming(&self) -> bool {
        self.message_type.is(0, "incoming")
    }

    pub(super) fn is_deleted(&self) -> bool {
        self.content_attributes.get("deleted") == Some(&Value::Bool(true))
    }
}

#[derive(Deserialize)]
pub(super) struct Attachment {
    pub(super) id: i64,
    pub(super) message_id: Option<i64>,
    pub(super) file_type: Option<Code>,
    pub(super) external_url: Option<String>,
    pub(super) fallback_title: Option<String>,
    pub(super) coordinates_lat: Option<f64>,
    pub(super) coordinates_long: Option<f64>,
    #[serde(default, deserialize_with = "object")]
    pub(super) meta: Map<String, Value>,
    // Of the stored file.
    pub(super) key: Option<String>,
    pub(super) filename: Option<String>,
    pub(super) content_type: Option<String>,
    pub(super) byte_size: Option<u64>,
}

/// A value of an enumeration: the number that the database has, or the name that the API prints.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Code {
    Number(i64),
    Name(String),
}

impl Code {
    pub(super) fn is(&self, number: i64, name: &str) -> bool {
        match self {
            Self::Number(own) => *own == number,
            Self::Name(own) => own == name,
        }
    }

    /// The name, of names that are numbered in their order.
    pub(super) fn of(&self, names: &'static [&'static str]) -> Option<&'static str> {
        let mut numbered = (0..).zip(names);
        numbered
            .find(|(number, name)| self.is(*number, name))
            .map(|(_, name)| *name)
    }
}

/// A time of a column without a time zone, which is one of UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Time(pub(super) DateTime<Utc>);

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(time) = self;
        serializer.serialize_str(&time.to_rfc3339_opts(SecondsFormat::AutoSi, true))
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Form {
            Seconds(i64),
            Text(String),
        }

        let time = match Form::deserialize(deserializer)? {
            Form::Seconds(seconds) => DateTime::from_timestamp(seconds, 0),
            Form::Text(text) => {
                let text = text.replacen(' ', "T", 1);
                let zoned = DateTime::parse_from_rfc3339(&text).map(|time| time.to_utc());
                let plain = || NaiveDateTime::parse_from_str(&text, "%Y-%m-%dT%H:%M:%S%.f");
                zoned
                    .ok()
                    .or_else(|| plain().ok().map(|time| time.and_utc()))
            }
        };
        time.map(Self).ok_or_else(|| D::Error::custom("is no time"))
    }
}

/// An object, or nothing; some columns hold it as a text of JSON.
fn object<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Map<String, Value>, D::Error> {
    let value = Value::deserialize(deserializer)?;
    let value = match value {
        Value::String(text) => serde_json::from_str(&text).unwrap_or(Value::String(text)),
        value => value,
    };
    Ok(match value {
        Value::Object(map) => map,
        Value::Null => Map::new(),
        other => Map::from_iter([("value".to_owned(), other)]),
    })
}

/// The rows of a file. A line that is none is reported by its number.
pub(super) fn rows<R: Row>(
    file: File,
    path: PathBuf,
    bad: impl Fn(i64, &serde_json::Error),
) -> impl Iterator<Item = Result<R, Failure>> {
    let mut input = BufReader::new(file);
    let (mut line, mut bytes) = (0, Vec::new());
    std::iter::from_fn(move || {
        loop {
            bytes.clear();
            line += 1;
            match input.read_until(b'\n', &mut bytes) {
                Err(error) => return Some(Err(unreadable(&path, &error.to_string()))),
                Ok(0) => return None,
                Ok(_) if bytes.trim_ascii().is_empty() => {}
                Ok(_) => match serde_json::from_slice(&convodb::repair_surrogates(&bytes)) {
                    Ok(row) => return Some(Ok(row)),
                    Err(error) => bad(line, &error),
                },
            }
        }
    })
}
