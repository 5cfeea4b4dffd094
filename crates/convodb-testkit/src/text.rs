//! Arbitrary text, read as everything that a user of a service gives: queries, ids, cursors, words
//! and documents. What is taken is printed as something that reads to the same; nothing panics.

use std::fmt::{Debug, Display};
use std::str::FromStr;

use convodb::{
    Actor, AssignRequest, Assignee, AssigneeId, Channel, ContactId, ConversationId, Cursor,
    DeliveryStatus, Direction, Import, ListQuery, Message, MessageId, Note, NoteId, NoteRequest,
    ProviderId, Status, StatusFilter, TeamId, UserId,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// So many kinds of text; the first byte tells which.
pub const KINDS: u8 = 16;

/// One text of each kind that is taken, and more where a kind reads several things.
pub const EXAMPLES: &[(u8, &str)] = &[
    (
        0,
        "status=all&channel=whatsapp,webchat&assigned_to=unassigned,usr_1,team_2&page=3&limit=7",
    ),
    (0, "channel=%77hatsapp&limit=100"),
    (0, "status=resolved&unread=true"),
    (1, "1776330600000001.conv_01HABC00000000000000000000"),
    (2, "conv_01HABC00000000000000000000"),
    (3, "msg_01HABC00000000000000000000"),
    (3, "note_01HABC00000000000000000000"),
    (4, "con_01HXYZ"),
    (5, "usr_01H111"),
    (5, "team_billing"),
    (6, "wamid.HBgL1"),
    (7, "instagram"),
    (7, "all"),
    (8, "\"delivered\""),
    (8, "\"inbound\""),
    (
        9,
        r#"{"id":"msg_01HABC00000000000000000000","conversation_id":"conv_01HABC00000000000000000000","direction":"outbound","type":"template","content":"Hi","status":"failed","created_at":"2026-04-16T09:10:00.25Z","template_name":"t","template_params":["a"],"provider_id":"p","failed_at":"2026-04-16T09:10:00Z","error":{"code":"1","message":"m"}}"#,
    ),
    (
        10,
        r#"{"id":"note_01HABC00000000000000000000","conversation_id":"conv_01HABC00000000000000000000","content":"n","created_at":"2026-04-16T11:10:00+02:00","author":"usr_1"}"#,
    ),
    (11, r#"{"type":"team","id":"team_2","name":"Billing"}"#),
    (12, r#"{"status":"open","page":2,"limit":"5"}"#),
    (12, r#"{"unread":true}"#),
    (
        13,
        r#"{"id":"conv_01HABC00000000000000000000","contact_id":"con_1","channel":"webchat","status":"open","assigned_to":null,"messages":[],"created_at":"2026-04-16T09:10:00Z","updated_at":"2026-04-16T09:10:00Z","unread_count":0}"#,
    ),
    (14, r#"{"user_id":"usr_1"}"#),
    (15, r#"{"content":"n"}"#),
];

/// Reads a text as one kind; whether it was taken.
pub fn check(data: &[u8]) -> bool {
    let Some((kind, text)) = data.split_first() else {
        return false;
    };
    let Ok(text) = std::str::from_utf8(text) else {
        return false;
    };
    match kind % KINDS {
        0 => query(text),
        1 => spelling::<Cursor>(text),
        2 => spelling::<ConversationId>(text),
        3 => spelling::<MessageId>(text) | spelling::<NoteId>(text),
        4 => spelling::<ContactId>(text),
        5 => spelling::<UserId>(text) | spelling::<TeamId>(text) | spelling::<AssigneeId>(text),
        6 => spelling::<Actor>(text) | spelling::<ProviderId>(text),
        7 => word::<Channel>(text) | word::<Status>(text) | word::<StatusFilter>(text),
        8 => document::<DeliveryStatus>(text) | document::<Direction>(text),
        9 => document::<Message>(text),
        10 => document::<Note>(text),
        11 => document::<Assignee>(text),
        12 => serde_json::from_str::<ListQuery>(text).is_ok_and(|read| query(&read.to_string())),
        13 => serde_json::from_str::<Import>(text).is_ok(),
        14 => serde_json::from_str::<AssignRequest>(text)
            .is_ok_and(|request| AssigneeId::try_from(request).is_ok()),
        _ => serde_json::from_str::<NoteRequest>(text).is_ok(),
    }
}

/// A query has many spellings; the printed one is one of them.
fn query(text: &str) -> bool {
    let Ok(read) = text.parse::<ListQuery>() else {
        return false;
    };
    let printed = read.to_string();
    let again: ListQuery = printed.parse().unwrap();
    assert_eq!(again, read, "{printed}");
    assert_eq!(again.to_string(), printed);
    true
}

/// A value has one spelling, in a document as well.
fn spelling<T>(text: &str) -> bool
where
    T: FromStr<Err: Debug> + Display + Debug + PartialEq + Serialize + DeserializeOwned,
{
    let Ok(value) = text.parse::<T>() else {
        return false;
    };
    assert_eq!(value.to_string(), text);
    let json = serde_json::to_string(&value).unwrap();
    assert_eq!(serde_json::from_str::<T>(&json).unwrap(), value);
    true
}

fn word<T: FromStr<Err: Debug> + Display + Debug + PartialEq>(text: &str) -> bool {
    let Ok(value) = text.parse::<T>() else {
        return false;
    };
    assert_eq!(value.to_string(), text);
    true
}

/// What a document says, is written as one that says the same.
fn document<T: Serialize + DeserializeOwned + Debug + PartialEq>(text: &str) -> bool {
    let Ok(value) = serde_json::from_str::<T>(text) else {
        return false;
    };
    let written = serde_json::to_string(&value).unwrap();
    assert_eq!(serde_json::from_str::<T>(&written).unwrap(), value);
    true
}
