//! Messages and private notes.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use super::Chatwoot;
use super::metadata::Metadata;
use super::report::Report;
use super::rows::{Attachment, Message};
use super::threads::Threads;
use crate::failure::Failure;

const FILE_TYPES: &[&str] = &[
    "image",
    "audio",
    "video",
    "file",
    "location",
    "fallback",
    "share",
    "story_mention",
    "contact",
    "ig_reel",
    "ig_post",
    "ig_story",
    "embed",
];
const CONTENT_TYPES: &[&str] = &[
    "text",
    "input_text",
    "input_textarea",
    "input_email",
    "input_select",
    "cards",
    "form",
    "article",
    "incoming_email",
    "input_csat",
    "integrations",
    "sticker",
    "voice_call",
];
const MAX_ATTACHMENTS: usize = 30;
const MAX_ID_BYTES: usize = 512;
const MAX_RAW_BYTES: usize = 64 * 1_024;

pub(super) struct Messages<'a> {
    threads: &'a Threads,
    attachments: HashMap<i64, Vec<Attachment>>,
    media_url: Option<&'a str>,
}

impl<'a> Messages<'a> {
    pub(super) fn new(
        from: &'a Chatwoot,
        threads: &'a Threads,
        report: &Report,
    ) -> Result<Self, Failure> {
        let mut attachments: HashMap<i64, Vec<Attachment>> = HashMap::new();
        for row in from.read::<Attachment>("attachments", report)? {
            let row = row?;
            if let Some(message) = row.message_id {
                attachments.entry(message).or_default().push(row);
            }
        }
        Ok(Self {
            threads,
            attachments,
            media_url: from.media_url.as_deref(),
        })
    }

    /// The line of a message. Nothing where its conversation was left out.
    pub(super) fn line(&self, row: &Message, report: &Report) -> Option<Value> {
        let mut line = self.threads.of(row, report)?;
        if row.private == Some(true) {
            return Some(self.note(row, line, report));
        }
        let is_incoming = row.is_incoming();
        let direction = if is_incoming { "inbound" } else { "outbound" };
        line.insert("direction".to_owned(), json!(direction));
        line.insert("sent_at".to_owned(), json!(row.created_at));
        let mut attributes = row.content_attributes.clone();
        self.identify(row, &mut line, report);
        if row.is_deleted() {
            revoke(row, &mut line);
            return Some(json!({ "message": line }));
        }
        let mut metadata = Metadata::new("messages", row.id, report);
        if let Some(id) = taken_text(&mut attributes, "in_reply_to_external_id") {
            attributes.remove("in_reply_to");
            line.insert("reply_to".to_owned(), json!({ "provider_id": id }));
        } else if let Some(id) = attributes.remove("in_reply_to") {
            metadata.add("chatwoot.in_reply_to", &id);
        }
        if row.message_type.is(2, "activity") {
            let system = json!({ "kind": "chatwoot.activity" });
            line.extend(fields(json!({"type": "system", "system": system})));
            if let Some(content) = &row.content {
                line.insert("content".to_owned(), json!(content));
            }
        } else {
            let mut more = row.additional_attributes.clone();
            self.content(row, &mut line, &mut more, report);
            if !is_incoming {
                self.author(row, &mut line, &mut attributes, report);
            }
            metadata.add_all("", &more);
        }
        if !is_incoming {
            status(row, &mut line, &mut attributes, report);
        }
        keep(row, attributes, &mut line, report);
        metadata.put_into(&mut line);
        Some(json!({ "message": line }))
    }

    fn note(&self, row: &Message, mut line: Map<String, Value>, report: &Report) -> Value {
        let content = row.content.as_deref().unwrap_or_default();
        let files = self.attachments.get(&row.id).map_or(&[][..], Vec::as_slice);
        for file in files {
            report.add(
                "attachments",
                file.id,
                "message_id",
                "notes have no attachments",
            );
        }
        line.extend(fields(json!({
            "id": format!("chatwoot-{}", row.id), "content": content, "created_at": row.created_at,
        })));
        if let (Some("User"), Some(id)) = (row.sender_type.as_deref(), row.sender_id) {
            line.insert("author".to_owned(), json!(format!("usr_chatwoot_{id}")));
        }
        json!({ "note": line })
    }

    /// The provider's id, else Chatwoot's own.
    fn identify(&self, row: &Message, line: &mut Map<String, Value>, report: &Report) {
        let source = row.source_id.as_deref().filter(|id| !id.is_empty());
        let is_id = |id: &&str| id.len() <= MAX_ID_BYTES && !id.chars().any(char::is_control);
        if let Some(id) = source.filter(is_id) {
            line.insert("provider_id".to_owned(), json!(id));
            return;
        }
        if source.is_some() {
            let reason = "has more than 512 bytes or control characters, and is left out";
            report.add("messages", row.id, "source_id", reason);
        }
        line.insert("id".to_owned(), json!(format!("chatwoot-{}", row.id)));
    }

    /// The type, and what it has.
    fn content(
        &self,
        row: &Message,
        line: &mut Map<String, Value>,
        more: &mut Map<String, Value>,
        report: &Report,
    ) {
        if let Some(code) = &row.content_type
            && code.of(CONTENT_TYPES).is_none()
        {
            let reason = format!("{code:?} is not known: the message is a text");
            report.add("messages", row.id, "content_type", &reason);
        }
        let content = row.content.as_deref().unwrap_or_default();
        let files = self.attachments.get(&row.id).map_or(&[][..], Vec::as_slice);
        let Some((first, others)) = files.split_first() else {
            match template(more) {
                Some((name, params)) => {
                    line.extend(fields(json!({
                        "type": "template", "template_name": name, "template_params": params,
                    })));
                    if !content.is_empty() {
                        line.insert("content".to_owned(), json!(content));
                    }
                }
                None => line.extend(fields(json!({"type": "text", "content": content}))),
            }
            return;
        };
        let kind = kind_of(first);
        match kind {
            "location" => {
                let location = json!({
                    "latitude": first.coordinates_lat.unwrap_or(0.0),
                    "longitude": first.coordinates_long.unwrap_or(0.0),
                    "name": first.fallback_title, "url": first.external_url,
                });
                line.extend(fields(json!({"type": "location", "location": location})));
            }
            "contacts" => {
                let cards: Vec<_> = files
                    .iter()
                    .filter(|file| kind_of(file) == "contacts")
                    .map(card)
                    .collect();
                line.extend(fields(json!({"type": "contacts", "contacts": cards})));
            }
            kind => {
                line.insert("type".to_owned(), json!(kind));
                let is_medium = |file: &&Attachment| {
                    let fits = !matches!(kind_of(file), "location" | "contacts");
                    if !fits {
                        report.add(
                            "attachments",
                            file.id,
                            "file_type",
                            "does not go with media",
                        );
                    }
                    fits
                };
                let media = files.iter().filter(is_medium);
                let media: Vec<_> = media.map(|file| self.medium(file, report)).collect();
                if media.len() > MAX_ATTACHMENTS {
                    let reason = "are more than 30: the others are left out";
                    report.add("messages", row.id, "attachments", reason);
                }
                let media: Vec<_> = media.into_iter().take(MAX_ATTACHMENTS).collect();
                line.insert("attachments".to_owned(), json!(media));
                if !content.is_empty() {
                    line.insert("caption".to_owned(), json!(content));
                }
                return;
            }
        }
        for file in others
            .iter()
            .filter(|file| kind_of(file) != kind || kind == "location")
        {
            report.add(
                "attachments",
                file.id,
                "file_type",
                "does not go with the first one",
            );
        }
        if !content.is_empty() {
            line.insert("content".to_owned(), json!(content));
        }
    }

    fn medium(&self, file: &Attachment, report: &Report) -> Value {
        let mut medium = fields(json!({ "kind": kind_of(file) }));
        let stored = file.key.as_ref().zip(self.media_url);
        let stored = stored.map(|(key, base)| format!("{}/{key}", base.trim_end_matches('/')));
        match (
            file.external_url
                .clone()
                .filter(|url| !url.is_empty())
                .or(stored),
            &file.key,
        ) {
            (Some(url), _) => medium.insert("url".to_owned(), json!(url)),
            (None, Some(key)) => medium.insert("media_id".to_owned(), json!(key)),
            (None, None) => {
                report.add(
                    "attachments",
                    file.id,
                    "external_url",
                    "there is no address of the file",
                );
                let id = format!("chatwoot-attachment-{}", file.id);
                medium.insert("media_id".to_owned(), json!(id))
            }
        };
        let subtype = file.file_type.as_ref().and_then(|code| code.of(FILE_TYPES));
        let subtype = subtype.filter(|_| kind_of(file) == "link");
        for (name, value) in [
            ("mime_type", json!(file.content_type)),
            ("file_name", json!(file.filename)),
            ("size", json!(file.byte_size)),
            ("subtype", json!(subtype)),
            ("title", json!(file.fallback_title)),
        ] {
            if !value.is_null() {
                medium.insert(name.to_owned(), value);
            }
        }
        medium.into()
    }

    /// Who wrote a message to the contact.
    fn author(
        &self,
        row: &Message,
        line: &mut Map<String, Value>,
        attributes: &mut Map<String, Value>,
        report: &Report,
    ) {
        let author = match (row.sender_type.as_deref(), row.sender_id) {
            (Some("User"), Some(id)) => match self.threads.user(id) {
                Some(_) => json!({"type": "user", "id": format!("usr_chatwoot_{id}")}),
                None => {
                    let reason = format!("there is no user {id}: the author is external");
                    report.add("messages", row.id, "sender_id", &reason);
                    json!({"type": "external", "id": format!("usr_chatwoot_{id}")})
                }
            },
            (Some(kind), id) => {
                let id = id.map_or(String::new(), |id| format!("_{id}"));
                json!({"type": "bot", "id": format!("{kind}{id}")})
            }
            (None, _) if row.message_type.is(3, "template") => {
                json!({"type": "bot", "name": "Chatwoot"})
            }
            (None, _) if attributes.contains_key("automation_rule_id") => {
                json!({"type": "bot", "name": "automation"})
            }
            (None, _) => json!({"type": "external"}),
        };
        line.insert("author".to_owned(), author);
    }
}

/// What a message was before it was deleted, Chatwoot does not keep.
fn revoke(row: &Message, line: &mut Map<String, Value>) {
    let at = row.updated_at.unwrap_or(row.created_at);
    let by = if row.is_incoming() {
        "contact"
    } else {
        "external"
    };
    line.extend(fields(json!({
        "type": "text", "content": "", "revoked_at": at, "revoked_by": {"type": by},
    })));
}

fn status(
    row: &Message,
    line: &mut Map<String, Value>,
    attributes: &mut Map<String, Value>,
    report: &Report,
) {
    let Some(code) = &row.status else {
        return;
    };
    let Some(status) = code.of(&["sent", "delivered", "read", "failed"]) else {
        report.add(
            "messages",
            row.id,
            "status",
            &format!("{code:?} is not known"),
        );
        return;
    };
    line.insert("status".to_owned(), json!(status));
    if let Some(error) = taken_text(attributes, "external_error") {
        line.insert("error".to_owned(), json!({"code": "", "message": error}));
    }
}

/// Keeps what is left of a message's attributes as its raw JSON.
fn keep(
    row: &Message,
    mut attributes: Map<String, Value>,
    line: &mut Map<String, Value>,
    report: &Report,
) {
    attributes.retain(|_, value| !value.is_null() && *value != json!(false));
    if let Some(code) = row
        .content_type
        .as_ref()
        .and_then(|code| code.of(CONTENT_TYPES))
        && code != "text"
    {
        attributes.insert("content_type".to_owned(), json!(code));
    }
    if attributes.is_empty() {
        return;
    }
    let raw = Value::from(attributes);
    if raw.to_string().len() > MAX_RAW_BYTES {
        let reason = "have more than 64 KiB, and are left out";
        report.add("messages", row.id, "content_attributes", reason);
        return;
    }
    line.insert("raw".to_owned(), raw);
}

/// The name and the parameters of a template that WhatsApp has.
fn template(more: &mut Map<String, Value>) -> Option<(String, Vec<String>)> {
    let params = more.get("template_params")?;
    let name = params.get("name")?.as_str()?.to_owned();
    let processed = params.get("processed_params");
    let body = processed.and_then(|it| it.get("body")).or(processed);
    let values = body.and_then(Value::as_object);
    let text = |value: &Value| {
        value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned)
    };
    let values = values.map(|values| values.values().map(text).collect());
    more.remove("template_params");
    Some((name, values.unwrap_or_default()))
}

/// What an attachment is.
fn kind_of(file: &Attachment) -> &'static str {
    let name = file
        .file_type
        .as_ref()
        .map_or(Some("image"), |code| code.of(FILE_TYPES));
    match name {
        Some("image") => "image",
        Some("audio") => "audio",
        Some("video") => "video",
        Some("location") => "location",
        Some("contact") => "contacts",
        Some("file") | None => "document",
        Some(_) => "link",
    }
}

fn card(file: &Attachment) -> Value {
    let text = |name: &str| file.meta.get(name).and_then(Value::as_str);
    let names = [text("firstName"), text("lastName")];
    let name = names.into_iter().flatten().collect::<Vec<_>>().join(" ");
    let number = file.fallback_title.as_deref().unwrap_or_default();
    let name = if name.is_empty() { number } else { &name };
    let mut card = fields(json!({ "name": name }));
    if !number.is_empty() {
        card.insert("phones".to_owned(), json!([{ "number": number }]));
    }
    card.into()
}

fn fields(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(mut fields) => {
            fields.retain(|_, value| !value.is_null());
            fields
        }
        _ => Map::new(),
    }
}

fn taken_text(attributes: &mut Map<String, Value>, name: &str) -> Option<String> {
    match attributes.remove(name) {
        Some(Value::String(text)) if !text.is_empty() => Some(text),
        Some(Value::Number(number)) => Some(number.to_string()),
        _ => None,
    }
}
