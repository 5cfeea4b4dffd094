//! Arbitrary text, read as everything that a user of a service gives: queries, ids, cursors, words
//! and documents. What is accepted is printed as text that reads to the same value; nothing panics.

use std::fmt::{Debug, Display};
use std::str::FromStr;

use convodb::{
    Actor, Assignee, AssigneeId, Channel, ContactId, Conversation, ConversationId, Cursor,
    DeliveryStatus, Direction, Event, Filter, Import, Inbound, Message, MessageId, Note, NoteId,
    Outbound, Page, ProviderId, Status, StatusFilter, TeamId, Transcript, UserId,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// How many kinds of text there are; the first byte chooses one.
pub const KINDS: u8 = 16;

/// A text of each kind that is accepted, and more where a kind reads several types.
pub const EXAMPLES: &[(u8, &str)] = &[
    (
        0,
        "status=all&channel=whatsapp,webchat&assigned_to=unassigned,usr_1,team_2&page=3&limit=7",
    ),
    (0, "channel=%77hatsapp&limit=100"),
    (0, "status=resolved&unread=true"),
    (
        0,
        "cursor=1776330600000001.conv_01HABC00000000000000000000&limit=2",
    ),
    (0, "around=conv_01HABC00000000000000000000"),
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
    (
        12,
        r#"{"sequence":7,"type":"conversation.assigned","created_at":"2026-04-16T09:10:00Z","conversation_id":"conv_01HABC00000000000000000000","assigned_to":{"type":"user","id":"usr_1"},"previously_assigned_to":null,"actor":"usr_1"}"#,
    ),
    (
        13,
        r#"{"id":"conv_01HABC00000000000000000000","contact_id":"con_1","channel":"webchat","status":"open","assigned_to":null,"messages":[],"created_at":"2026-04-16T09:10:00Z","updated_at":"2026-04-16T09:10:00Z","unread_count":0}"#,
    ),
    (
        13,
        r#"{"id":"conv_01HABC00000000000000000000","contact_id":"con_1","channel":"webchat","status":"open","assigned_to":null,"messages":[],"created_at":"2026-04-16T09:10:00Z","updated_at":"2026-04-16T09:10:00Z","inbound_count":2,"revision":3,"notes":[]}"#,
    ),
    (
        14,
        r#"{"contact_id":"con_1","channel":"webchat","type":"text","content":"Hi","provider_id":"p","sent_at":"2026-04-16T09:10:00Z"}"#,
    ),
    (
        14,
        r#"{"contact_id":"con_1","channel":"webchat","type":"template","template_name":"t","template_params":[],"reopen":false}"#,
    ),
    (
        15,
        r#"{"data":[],"total":7,"page":3,"next":"1776330600000001.conv_01HABC00000000000000000000"}"#,
    ),
];

/// Reads a text as one kind; whether it was accepted.
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
        12 => document::<Event>(text),
        13 => {
            document::<Import>(text) | document::<Transcript>(text) | document::<Conversation>(text)
        }
        14 => document::<Inbound>(text) | document::<Outbound>(text),
        _ => document::<Page<Conversation>>(text),
    }
}

/// A query has many spellings; the printed one is one of them.
fn query(text: &str) -> bool {
    let Ok((filter, page)) = Filter::from_query(text) else {
        return false;
    };
    let printed = filter.to_query(&page);
    let again = Filter::from_query(&printed).unwrap();
    assert_eq!(again, (filter, page), "{printed}");
    assert_eq!(again.0.to_query(&again.1), printed);
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

/// A document is written as one that reads to the same value.
fn document<T: Serialize + DeserializeOwned + Debug + PartialEq>(text: &str) -> bool {
    let Ok(value) = serde_json::from_str::<T>(text) else {
        return false;
    };
    let written = serde_json::to_string(&value).unwrap();
    assert_eq!(serde_json::from_str::<T>(&written).unwrap(), value);
    true
}
