//! 524 real customer-care conversations, imported and compared with the documents that they came from.
//!
//! The data is not part of the crate: `CONVODB_DATA` names the directory that holds
//! `care-conversations.ndjson`, one conversation a line.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use chrono::{DateTime, Utc};
use convodb::prelude::*;
use convodb::{
    Channel, Conversation, ConversationId, Cursor, Filter, Import, Message, PageRequest, Receipt,
    StatusFilter,
};
use serde_json::Value;

use super::ordered::Ordered;
use crate::rules::inbox::time;

/// The documents as lines; nothing where there is no data to read.
fn lines() -> Option<Vec<String>> {
    let Some(directory) = std::env::var_os("CONVODB_DATA") else {
        println!("skipped: CONVODB_DATA does not name the directory of care-conversations.ndjson");
        return None;
    };
    let path = PathBuf::from(directory).join("care-conversations.ndjson");
    let text = std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    Some(text.lines().map(str::to_owned).collect())
}

fn imported(lines: &[String]) -> Store {
    let store = Store::in_memory().unwrap();
    let imports = lines
        .iter()
        .map(|line| serde_json::from_str::<Import>(line).unwrap());
    let imported = store.import_all(imports).unwrap();
    assert_eq!(imported.value, lines.len() as u64);
    assert!(store.verify().unwrap().is_clean());
    store
}

/// What a list sorts and filters by, as a document has it.
struct Row {
    id: String,
    status: String,
    channel: String,
    assignee: Option<String>,
    updated_at: DateTime<Utc>,
}

impl Row {
    fn of(line: &str) -> Self {
        let document: Value = serde_json::from_str(line).unwrap();
        let text = |field: &str| document[field].as_str().unwrap().to_owned();
        Self {
            id: text("id"),
            status: text("status"),
            channel: text("channel"),
            assignee: document["assigned_to"]["id"].as_str().map(str::to_owned),
            updated_at: time(&text("updated_at")),
        }
    }
}

/// In the order of lists.
fn rows(lines: &[String]) -> Vec<Row> {
    let mut rows: Vec<_> = lines.iter().map(|line| Row::of(line)).collect();
    rows.sort_by(|a, b| (b.updated_at, &b.id).cmp(&(a.updated_at, &a.id)));
    rows
}

fn ids(page: &[Conversation]) -> Vec<String> {
    page.iter().map(|row| row.id.to_string()).collect()
}

/// Every page of the filter, and the list behind every cursor, against the naive list.
fn assert_list(store: &Store, filter: &Filter, expected: &[&str], limit: u32) {
    let total = expected.len() as u64;
    assert_eq!(store.count(filter).unwrap(), total, "{filter:?}");
    let mut cursor: Option<Cursor> = None;
    let mut pages: Vec<_> = expected.chunks(limit as usize).collect();
    // The one past the end.
    pages.push(&[]);
    for (n, expected) in (1..).zip(&pages) {
        let request = PageRequest::number(n, limit).unwrap();
        let page = store.list(filter, request).unwrap();
        assert_eq!((page.total, page.number), (total, Some(n)), "{filter:?}");
        assert_eq!(ids(&page.data), *expected, "{filter:?}, page {n}");
        if let Some(cursor) = cursor {
            let behind = store.list(filter, (cursor, limit)).unwrap();
            assert_eq!(behind.total, total, "{filter:?}");
            assert_eq!(ids(&behind.data), *expected, "{filter:?}, cursor {n}");
            assert_eq!(behind.next, page.next, "{filter:?}, cursor {n}");
        }
        let is_last = n as usize >= pages.len() - 1;
        assert_eq!(page.next.is_none(), is_last, "{filter:?}, page {n}");
        cursor = page.next;
    }
}

/// The assignees of a filter: any, none, each alone, and sets of them.
fn choices_of_assignees(rows: &[Row]) -> Vec<(bool, Vec<&str>)> {
    let known: BTreeSet<_> = rows
        .iter()
        .filter_map(|row| row.assignee.as_deref())
        .collect();
    let known: Vec<_> = known.into_iter().collect();
    let mut choices = vec![
        (false, vec![]),
        (true, vec![]),
        (false, vec!["usr_nobody"]),
        (true, vec!["usr_nobody", known[0]]),
    ];
    choices.extend(known.iter().map(|id| (false, vec![*id])));
    choices.extend(known.chunks(5).map(|ids| (true, ids.to_vec())));
    choices.extend(known.chunks(64).map(|ids| (false, ids.to_vec())));
    choices
}

#[test]
fn real_conversations_are_listed_as_filtering_and_sorting_their_documents_lists_them() {
    let Some(lines) = lines() else { return };
    assert_eq!(lines.len(), 524);
    let store = imported(&lines);
    let rows = rows(&lines);
    let choices = choices_of_assignees(&rows);
    let mut selected = 0;
    for status in [
        StatusFilter::Open,
        StatusFilter::Resolved,
        StatusFilter::All,
    ] {
        for channels in 0_usize..16 {
            let chosen: Vec<_> = (0..4)
                .filter(|n| channels >> n & 1 == 1)
                .map(|n| Channel::ALL[n])
                .collect();
            for (unassigned, assignees) in &choices {
                let mut filter = Filter::new(status);
                for channel in &chosen {
                    filter = filter.channel(*channel);
                }
                for id in assignees {
                    let id: convodb::AssigneeId = id.parse().unwrap();
                    filter = filter.assigned_to(id);
                }
                if *unassigned {
                    filter = filter.unassigned();
                }
                let is_selected = |row: &&Row| {
                    let channel: Channel = row.channel.parse().unwrap();
                    let assignee = match row.assignee.as_deref() {
                        Some(id) => assignees.contains(&id),
                        None => *unassigned,
                    };
                    (status == StatusFilter::All || status.as_str() == row.status)
                        && (chosen.is_empty() || chosen.contains(&channel))
                        && (assignee || !unassigned && assignees.is_empty())
                };
                let expected: Vec<_> = rows
                    .iter()
                    .filter(is_selected)
                    .map(|row| row.id.as_str())
                    .collect();
                selected += expected.len();
                assert_list(&store, &filter, &expected, 100);
            }
        }
    }
    assert!(selected > 50_000, "the filters select much: {selected}");
    let everything: Vec<_> = rows.iter().map(|row| row.id.as_str()).collect();
    for limit in [1, 7, 20] {
        assert_list(&store, &Filter::all(), &everything, limit);
    }
}

/// The text of a message's time: all times of the data are whole seconds in UTC, so the order of texts is
/// theirs. Within a second the order is that of the document.
fn second(message: &Ordered) -> String {
    message.field("created_at").text().to_owned()
}

#[test]
fn real_conversations_read_as_their_documents_with_the_messages_in_order() {
    let Some(lines) = lines() else { return };
    let store = imported(&lines);
    let mut unordered = 0;
    for line in &lines {
        let mut expected: Ordered = serde_json::from_str(line).unwrap();
        let messages = expected.field_mut("messages").list_mut();
        // In eight of them ids are not in the order of the thread, within a second.
        let place = |it: &Ordered| (second(it), it.field("id").text().to_owned());
        unordered += usize::from(!messages.is_sorted_by_key(place));
        messages.sort_by_key(second);
        for message in messages {
            let Ordered::Map(fields) = message else {
                panic!("a message is an object");
            };
            let last: Vec<_> = fields
                .iter()
                .rev()
                .map(|(name, _)| &**name)
                .take(2)
                .collect();
            assert_eq!(last, ["provider_id", "created_at"]);
        }
        let id: ConversationId = expected.field("id").text().parse().unwrap();
        // The document has no counts, which follow its fields.
        let inbound = expected.field("messages").list().iter();
        let inbound = inbound.filter(|message| message.field("direction").text() == "inbound");
        let inbound = inbound.count() as u64;
        if inbound > 0 {
            expected.push("inbound_count", Ordered::Number(inbound));
        }
        let transcript = serde_json::to_string(&store.transcript(id).unwrap()).unwrap();
        let transcript: Ordered = serde_json::from_str(&transcript).unwrap();
        assert_eq!(transcript, expected);
        // A row of a list is the same without its messages.
        let mut row = expected;
        row.field_mut("messages").list_mut().clear();
        let found = serde_json::to_string(&store.conversation(id).unwrap()).unwrap();
        assert_eq!(serde_json::from_str::<Ordered>(&found).unwrap(), row);
    }
    assert_eq!(unordered, 8);
}

#[test]
fn real_message_ids_are_unique_within_a_conversation_only_and_all_are_found() {
    let Some(lines) = lines() else { return };
    let store = imported(&lines);
    let mut places: BTreeMap<_, Vec<ConversationId>> = BTreeMap::new();
    for line in &lines {
        let import: Import = serde_json::from_str(line).unwrap();
        for message in import.messages {
            assert!(message.provider_id.is_some());
            let of = places.entry(message.id).or_default();
            of.push(message.conversation_id);
        }
    }
    let shared: Vec<_> = places.iter().filter(|(_, of)| of.len() > 1).collect();
    assert_eq!(shared.len(), 3);
    for (id, of) in shared {
        assert_eq!(of.len(), 2);
        assert_ne!(of[0], of[1]);
        let at = time("2026-04-16T09:00:00Z");
        let read = Receipt::read().at(at);
        let recorded = store.record_delivery((of[0], *id), read).unwrap().value;
        let message_in = |conversation: ConversationId| -> Message {
            let mut messages = store.transcript(conversation).unwrap().messages;
            messages.retain(|message| message.id == *id);
            assert_eq!(messages.len(), 1);
            messages.remove(0)
        };
        assert_eq!(Some(message_in(of[0])), recorded);
        assert_eq!(message_in(of[0]).deliveries.read_at, Some(at));
        assert_eq!(message_in(of[1]).deliveries.read_at, None);
    }
    for (id, of) in &places {
        for conversation in of {
            let again = store.record_delivery((*conversation, *id), Receipt::delivered());
            assert_eq!(again.unwrap().value.unwrap().id, *id);
        }
    }
    assert!(store.verify().unwrap().is_clean());
}

#[test]
fn real_conversations_survive_a_file_a_backup_and_a_compaction() {
    let Some(lines) = lines() else { return };
    let memory = imported(&lines);
    let directory = tempfile::tempdir().unwrap();
    let (path, copy) = (directory.path().join("care"), directory.path().join("copy"));
    let store = Store::open(&path).unwrap();
    let imports = lines
        .iter()
        .map(|line| serde_json::from_str::<Import>(line).unwrap());
    store.import_all(imports).unwrap();
    store.backup(&copy).unwrap();
    store.compact().unwrap();
    let whole = |store: &Store| -> Vec<String> {
        let rows = rows(&lines);
        let transcripts = rows.iter().map(|row| {
            let transcript = store.transcript(row.id.parse().unwrap()).unwrap();
            serde_json::to_string(&transcript).unwrap()
        });
        transcripts.collect()
    };
    let expected = whole(&memory);
    assert_eq!(whole(&store), expected);
    store.close().unwrap();
    for path in [path, copy] {
        let store = Store::open(path).unwrap();
        assert_eq!(whole(&store), expected);
        assert!(store.verify().unwrap().is_clean());
    }
}
