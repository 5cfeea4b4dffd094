//! The answers of the specification's examples, word for word, and their ids in full.
//!
//! The examples shorten the ids of conversations, messages and notes: these are completed to the 26
//! characters of a ULID with zeros, and an `O`, which a ULID cannot hold, is read as `0`.

/// *List conversations*.
pub const LIST_RESPONSE: &str = r#"{
  "data": [
    {
      "id": "conv_01HABC",
      "contact_id": "con_01HXYZ",
      "channel": "whatsapp",
      "status": "open",
      "assigned_to": {
        "type": "user",
        "id": "usr_01H111",
        "name": "Alice Support"
      },
      "messages": [],
      "created_at": "2026-04-15T08:30:00Z",
      "updated_at": "2026-04-16T09:12:00Z"
    }
  ],
  "total": 38,
  "page": 1
}"#;

/// *Get a conversation*.
pub const GET_RESPONSE: &str = r#"{
  "id": "conv_01HABC",
  "contact_id": "con_01HXYZ",
  "channel": "whatsapp",
  "status": "open",
  "assigned_to": null,
  "messages": [
    {
      "id": "msg_01HMNO",
      "conversation_id": "conv_01HABC",
      "direction": "inbound",
      "type": "text",
      "content": "Hello, I need help with my order.",
      "status": "delivered",
      "created_at": "2026-04-16T09:10:00Z"
    }
  ],
  "created_at": "2026-04-16T09:10:00Z",
  "updated_at": "2026-04-16T09:10:00Z"
}"#;

/// *Assign a conversation*.
pub const ASSIGN_RESPONSE: &str = r#"{
  "id": "conv_01HABC",
  "contact_id": "con_01HXYZ",
  "channel": "whatsapp",
  "status": "open",
  "assigned_to": {
    "type": "user",
    "id": "usr_01H111",
    "name": "Alice Support"
  },
  "messages": [],
  "created_at": "2026-04-16T09:10:00Z",
  "updated_at": "2026-04-16T10:00:00Z"
}"#;

/// *Resolve a conversation*.
pub const RESOLVE_RESPONSE: &str = r#"{
  "id": "conv_01HABC",
  "contact_id": "con_01HXYZ",
  "channel": "whatsapp",
  "status": "resolved",
  "assigned_to": null,
  "messages": [],
  "created_at": "2026-04-16T09:10:00Z",
  "updated_at": "2026-04-16T10:15:00Z"
}"#;

/// *Add an internal note*.
pub const NOTES_RESPONSE: &str = r#"{
  "id": "note_01HPQR",
  "conversation_id": "conv_01HABC",
  "content": "Customer is on the Enterprise plan. Check their Salesforce record before responding.",
  "created_at": "2026-04-16T10:20:00Z"
}"#;

const ULID_LEN: usize = 26;

/// An id of an example as it would be in full.
pub fn completed_id(shortened: &str) -> String {
    let (prefix, encoded) = shortened.split_once('_').unwrap();
    let encoded = encoded.replace('O', "0");
    format!("{prefix}_{encoded:0<ULID_LEN$}")
}

/// An example with its shortened ids completed.
pub fn completed(example: &str) -> String {
    let is_shortened = |text: &str| {
        let own = ["conv_", "msg_", "note_"];
        own.iter().any(|prefix| text.starts_with(prefix))
    };
    // No string of the examples holds a quotation mark, so every second part is one.
    let parts: Vec<_> = example
        .split('"')
        .enumerate()
        .map(|(n, part)| match n % 2 == 1 && is_shortened(part) {
            true => completed_id(part),
            false => part.to_owned(),
        })
        .collect();
    parts.join("\"")
}
