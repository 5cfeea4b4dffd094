//! The rows of a file, as `src/docs/format.md` lists them.

use std::path::Path;

use chrono::{DateTime, TimeDelta, Utc};
use convodb::prelude::*;
use convodb::testing::{ManualClock, SeededIds};
use convodb::{
    Actor, Assignee, AssigneeId, Channel, ContactId, Content, Context, Conversation,
    ConversationId, Direction, EventSeq, Import, Inbound, Message, MessageId, Note, NoteId,
    Options, Outbound, Receipt, Reply, Retention, TeamId, UserId,
};
use convodb_testkit::tables::with_redb;
use redb::{ReadableDatabase as _, ReadableTable as _, TableDefinition, TableHandle as _};

type Bytes = &'static [u8];
/// Table, key, value.
type Row = (String, Vec<u8>, Vec<u8>);

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

fn rows(path: &Path) -> Vec<Row> {
    let database = with_redb(path);
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

#[test]
fn the_same_commands_write_the_same_rows() {
    let directory = tempfile::tempdir().unwrap();
    let [one, other] = ["one.redb", "other.redb"].map(|name| {
        let path = directory.path().join(name);
        make(&path);
        rows(&path)
    });
    assert!(one.len() > 100, "{} rows", one.len());
    for (one, other) in one.iter().zip(&other) {
        assert_eq!(one, other);
    }
    assert_eq!(one.len(), other.len());
}

#[test]
fn a_file_has_every_kind_of_row() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("new.redb");
    make(&path);
    let rows = rows(&path);
    let has = |table: &str, kind: u8| {
        let mut all = rows.iter().filter(|row| row.0 == table);
        all.any(|(_, key, _)| key[0] == kind)
    };
    for kind in [0x01, 0x02, 0x04, 0x05, 0x10, 0x11, 0x12, 0x13] {
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
