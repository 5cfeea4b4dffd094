//! What is in a file stays readable, and a layout that changes gets a new format.
//!
//! `fixtures` has a small file of each format, with its content as JSON. Files of every format are opened
//! and read; and a file that is made anew has the same rows as that of its format, so that a layout that
//! changed under an old number is found.
//!
//! Before the first release the file of format 1 may be replaced: `UPDATE_FIXTURE=1`.

use std::fs;
use std::path::{Path, PathBuf};

use chrono::{DateTime, TimeDelta, Utc};
use convodb::prelude::*;
use convodb::testing::{ManualClock, SeededIds};
use convodb::{
    Actor, Assignee, AssigneeId, Channel, Check, ContactId, Content, Context, Conversation,
    ConversationId, Direction, EventSeq, Filter, Import, Inbound, Message, MessageId, Note, NoteId,
    Options, Outbound, Page, Receipt, Reply, Retention, TeamId, UserId,
};
use redb::{ReadableDatabase as _, ReadableTable as _, TableDefinition, TableHandle as _};
use serde_json::{Value, json};

type Bytes = &'static [u8];
/// Table, key, value.
type Row = (String, Vec<u8>, Vec<u8>);

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures")
}

fn start() -> DateTime<Utc> {
    "2026-04-16T09:10:00Z".parse().unwrap()
}

/// A new store, closed. Every byte of it follows from this code.
fn make(path: &Path) {
    let clock = ManualClock::at(start());
    let store = Options::new()
        .clock(clock.clone())
        .ids(SeededIds::new(2))
        .open(path)
        .unwrap();
    let alice = put_directory(&store);
    converse(&store, &clock, &alice);
    import(&store, &alice);
    let mut consumer = store.consumer("webhooks").unwrap();
    consumer.next(3).unwrap();
    consumer.acknowledge(EventSeq::new(3)).unwrap();
    drop(consumer);
    let purged = store.purge_events(Retention::newest(40)).unwrap();
    assert_eq!(purged.value, 3, "what was acknowledged");
    // A packed file is a small one.
    store.compact().unwrap();
    store.close().unwrap();
}

/// A user who was renamed, a team, and a gap where a user was.
fn put_directory(store: &Store) -> UserId {
    let alice = UserId::new("usr_alice").unwrap();
    let gone = UserId::new("usr_gone").unwrap();
    store.save_user(&gone, "Gone").unwrap();
    store.save_user(&alice, "Alice").unwrap();
    store.save_user(&alice, "Alice Support").unwrap();
    let billing = TeamId::new("team_billing").unwrap();
    store.save_team(&billing, "Billing").unwrap();
    store.remove_assignee(&gone.into(), None).unwrap();
    alice
}

/// Every type of message with every receipt, every channel, both statuses, every assignee.
fn converse(store: &Store, clock: &ManualClock, alice: &UserId) {
    let contents = [
        Content::text("Hello ✓"),
        Content::template("welcome", ["Ada", ""]).caption("Welcome, Ada"),
        Content::image("https://example.com/1.jpg"),
        Content::document("https://example.com/1.pdf").caption("Invoice"),
    ];
    let receipts = [
        Receipt::sent(),
        Receipt::failed("131026", "undeliverable"),
        Receipt::delivered(),
        Receipt::read(),
    ];
    for (number, channel) in Channel::ALL.into_iter().enumerate() {
        let contact = ContactId::new(&format!("con_{number}")).unwrap();
        let hello = Inbound::text(&contact, channel, "Where is my order?");
        let id = store.receive(hello).unwrap().value.conversation_id;
        clock.advance(std::time::Duration::from_micros(1_000_001));
        let answer = Outbound::new(&contact, channel, contents[number].clone());
        let answer = store.send(answer).unwrap().value;
        let receipt = receipts[number].clone().at(clock.get());
        store.record_delivery(&answer, receipt).unwrap();
        store.reply(id, Reply::text("Anything else?")).unwrap();
        store.add_note(id, "A regular customer.").unwrap();
        let context = Context::new().actor(Actor::new("usr_alice").unwrap());
        store.with(context).add_note(id, "Called back.").unwrap();
        let inbound = store.conversation(id).unwrap().inbound_count;
        if number > 1 {
            store.mark_read(id, inbound).unwrap();
        }
        match number {
            0 => drop(store.assign(id, alice).unwrap()),
            1 => {
                let billing = AssigneeId::new("team_billing").unwrap();
                store.assign(id, &billing).unwrap();
                store.resolve(id).unwrap();
            }
            2 => drop(store.resolve(id).unwrap()),
            _ => {}
        }
    }
}

/// Enough conversations of one stream that there are counts above its rows, and a message
/// whose id has another time than its own.
fn import(store: &Store, alice: &UserId) {
    let imports = (0..24).map(|number: u16| {
        let id = ConversationId::from_parts(1_500_000_000_000, number.into());
        let contact = ContactId::new(&format!("con_imported_{number}")).unwrap();
        let at = start() - TimeDelta::seconds(number.into());
        let mut conversation = Conversation::new(id, contact, Channel::Whatsapp, at);
        let mut messages = Vec::new();
        let mut notes = Vec::new();
        if number == 7 {
            conversation.assigned_to = Some(Assignee::new(alice.clone(), "any"));
            let message = MessageId::from_parts(5, 5);
            let text = Content::text("From elsewhere");
            messages.push(Message::new(message, id, Direction::Inbound, text, at));
            let note = NoteId::from_parts(6, 6);
            notes.push(Note::new(note, id, "Imported.", at));
        }
        Import::new(conversation, messages).notes(notes)
    });
    store.import_all(imports.collect::<Vec<_>>()).unwrap();
}

/// Everything that a store has.
fn content(store: &Store) -> Value {
    let pages = (1..).map(|page| store.list(&Filter::all(), (page, 20)).unwrap());
    let pages: Vec<Page<Conversation>> = pages.take_while(|page| !page.data.is_empty()).collect();
    let conversations = pages.iter().flat_map(|page| &page.data).map(|row| {
        let notes: Vec<Note> = store.notes(row.id).unwrap().map(Result::unwrap).collect();
        let transcript = store.transcript(row.id).unwrap();
        assert_eq!(transcript.conversation, *row);
        let log = store.audit_log(row.id).unwrap();
        json!({ "transcript": transcript, "notes": notes, "audit_log": log })
    });
    json!({
        "commit_seq": store.commit_seq().unwrap(),
        "assignees": store.assignees().unwrap(),
        "total": pages[0].total,
        "open": store.count(&Filter::open()).unwrap(),
        "unassigned": store.count(&Filter::all().unassigned()).unwrap(),
        "unread": store.count(&Filter::all().unread()).unwrap(),
        "events": store.events(EventSeq::new(3), usize::MAX).unwrap(),
        "consumers": store.consumers().unwrap(),
        "conversations": conversations.collect::<Vec<_>>(),
    })
}

fn rows(path: &Path) -> Vec<Row> {
    let database = redb::Database::open(path).unwrap();
    let transaction = database.begin_read().unwrap();
    let mut names: Vec<String> = transaction
        .list_tables()
        .unwrap()
        .map(|table| table.name().to_owned())
        .collect();
    names.sort();
    names
        .iter()
        .flat_map(|name| {
            let definition: TableDefinition<'_, Bytes, Bytes> = TableDefinition::new(name);
            let table = transaction.open_table(definition).unwrap();
            let rows = table.iter().unwrap().map(|row| {
                let (key, value) = row.unwrap();
                (name.clone(), key.value().to_vec(), value.value().to_vec())
            });
            rows.collect::<Vec<_>>()
        })
        .collect()
}

/// The format of a file.
fn format_of(rows: &[Row]) -> u32 {
    let row = rows
        .iter()
        .find(|(table, key, _)| table == "catalog" && key == b"\x01format");
    u32::from_be_bytes(row.unwrap().2.as_slice().try_into().unwrap())
}

fn fixture(format: u32, ending: &str) -> PathBuf {
    fixtures().join(format!("format-{format}.{ending}"))
}

#[test]
fn a_file_of_every_format_opens_and_holds_what_it_held() {
    let directory = tempfile::tempdir().unwrap();
    let mut opened = 0;
    for entry in fs::read_dir(fixtures()).unwrap() {
        let kept = entry.unwrap().path();
        if kept.extension().is_none_or(|ending| ending != "redb") {
            continue;
        }
        let path = directory.path().join(kept.file_name().unwrap());
        fs::copy(&kept, &path).unwrap();
        let options = Options::new().check(Check::Always).create(false);
        let store = options.open(&path).unwrap();
        assert!(store.verify().unwrap().is_clean(), "{kept:?}");
        let expected = fs::read(kept.with_extension("json")).unwrap();
        let expected: Value = serde_json::from_slice(&expected).unwrap();
        assert_eq!(content(&store), expected, "{kept:?}");
        // It can be written to: an index, a conversation, the directory.
        let alice = AssigneeId::new("usr_alice").unwrap();
        let contact = ContactId::new("con_imported_9").unwrap();
        let again = Inbound::text(&contact, Channel::Whatsapp, "Again");
        let id = store.receive(again).unwrap().value.conversation_id;
        store.assign(id, &alice).unwrap();
        assert!(store.verify().unwrap().is_clean(), "{kept:?}");
        opened += 1;
    }
    assert!(opened > 0, "there is a file of the current format at least");
}

#[test]
fn a_layout_that_changes_has_a_new_format() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("new.redb");
    make(&path);
    let new = rows(&path);
    let format = format_of(&new);
    let update = std::env::var_os("UPDATE_FIXTURE").is_some();
    let kept = fixture(format, "redb");
    if !kept.exists() || update {
        keep(&path, format);
    }
    let copy = directory.path().join("kept.redb");
    fs::copy(kept, &copy).unwrap();
    let old = rows(&copy);
    for (old, new) in old.iter().zip(&new) {
        assert_eq!(old, new, "the layout changed: give it a new format");
    }
    assert_eq!(old.len(), new.len(), "rows of the file");
}

#[test]
fn the_kept_file_has_every_kind_of_row() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("new.redb");
    make(&path);
    let rows = rows(&path);
    let has = |table: &str, kind: u8| {
        let mut all = rows.iter().filter(|row| row.0 == table);
        all.any(|(_, key, _)| key[0] == kind)
    };
    for kind in [0x01, 0x02, 0x04, 0x05, 0x10, 0x11] {
        assert!(has("index", kind), "{kind:02x} of the index");
    }
    for kind in [1, 2, 3, 4, 9] {
        assert!(has("catalog", kind), "{kind:02x} of the catalog");
    }
    for kind in 1..=2 {
        assert!(has("events", kind), "{kind:02x} of the events");
    }
    for table in ["conversations", "messages", "notes"] {
        assert!(rows.iter().any(|row| row.0 == table), "{table}");
    }
}

/// Writes the fixture of a format.
fn keep(path: &Path, format: u32) {
    let store = Store::open(path).unwrap();
    let content = serde_json::to_vec_pretty(&content(&store)).unwrap();
    store.close().unwrap();
    fs::create_dir_all(fixtures()).unwrap();
    fs::copy(path, fixture(format, "redb")).unwrap();
    fs::write(fixture(format, "json"), content).unwrap();
}
