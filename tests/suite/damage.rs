//! Files whose rows were changed from outside: `verify` finds every one, and `repair` rebuilds what
//! follows from the records.
//!
//! The rows are changed with redb itself, so its own checksums hold.

mod redirects;

use std::path::Path;

use convodb::commands::{RecordWatermark, WatermarkOf};
use convodb::prelude::*;
use convodb::testing::reassign_now;
use convodb::{
    AssigneeId, Channel, ContactId, ConversationId, DeliveryStatus, ErrorKind, EventSeq, Filter,
    Finding, FindingKind, Inbound, MessageId, MessageRef, Options, PageRequest, ProviderId, Reply,
    Retention, Sort, TeamId, UserId, ViewId,
};
use convodb_testkit::tables::with_redb;
use redb::{ReadableDatabase as _, ReadableTable as _, TableDefinition};

type Bytes = &'static [u8];
type Rows = Vec<(Vec<u8>, Vec<u8>)>;

const TABLES: [&str; 6] = [
    "conversations",
    "messages",
    "notes",
    "index",
    "catalog",
    "events",
];
const PROVIDER_IDS: u8 = 5;
const CONSUMERS: u8 = 9;
/// The first byte of the catalog's meta, directory, redirects and views, without which a store does
/// not open.
const META: u8 = 1;
const DIRECTORY: u8 = 2;
const REDIRECTS: u8 = 10;
const VIEWS: u8 = 0x17;
const REMOVED_LISTS: u8 = 0x18;
/// The first byte of the index's lists of views.
const LISTS: u8 = 6;

fn table(name: &'static str) -> TableDefinition<'static, Bytes, Bytes> {
    TableDefinition::new(name)
}

/// A few conversations in both states, on two channels, with every kind of row there is.
fn fill(store: &Store) {
    let alice = UserId::new("usr_alice").unwrap();
    let billing = TeamId::new("team_billing").unwrap();
    store.save_user(&alice, "Alice").unwrap();
    store.save_team(&billing, "Billing").unwrap();
    let leaving = UserId::new("usr_leaving").unwrap();
    store.save_user(&leaving, "Leaving").unwrap();
    let leaving = AssigneeId::from(leaving);
    let channels = [
        Channel::Whatsapp,
        Channel::Webchat,
        Channel::Whatsapp,
        Channel::Messenger,
    ];
    for (n, channel) in channels.into_iter().enumerate() {
        let contact = ContactId::new(&format!("con_{n}")).unwrap();
        let hello = Inbound::text(&contact, channel, "Hello")
            .provider_id(format!("id-{n}"))
            .provider_alias(ProviderId::new(&format!("alias-{n}")).unwrap())
            .client_ref(format!("ref-{n}"));
        let id = store.receive(hello).unwrap().value.conversation_id;
        let reply = Reply::text("Hi").client_ref(format!("ref-{n}"));
        let reply = store.reply(id, reply).unwrap().value;
        store
            .record_watermark(RecordWatermark {
                of: WatermarkOf::UpTo(MessageRef::from(&reply)),
                status: DeliveryStatus::Read,
            })
            .unwrap();
        store.add_note(id, "Regular customer.").unwrap();
        match n {
            0 => store
                .assign(id, AssigneeId::from(&alice))
                .map(drop)
                .unwrap(),
            1 => store
                .assign(id, AssigneeId::from(&billing))
                .map(drop)
                .unwrap(),
            2 => store.resolve(id).map(drop).unwrap(),
            _ => store.assign(id, &leaving).map(drop).unwrap(),
        }
    }
    // A view that is built, and one that is in part.
    save_view(store, "view_1", Sort::Oldest);
    reassign_now(store, 100).unwrap();
    save_view(store, "view_2", Sort::Priority);
    reassign_now(store, 2).unwrap();
    // One is still stored under the removed assignee.
    store
        .remove_assignee(&leaving, Some(&alice.into()))
        .unwrap();
    let mut consumer = store.consumer("webhooks").unwrap();
    consumer.next(3).unwrap();
    consumer.acknowledge(EventSeq::new(3)).unwrap();
    // What is purged stays in the audit logs.
    store.purge_events(Retention::newest(0)).unwrap();
    // An imported message whose id carries another time has an entry of its own.
    let contact = ContactId::new("con_imported").unwrap();
    let id = ConversationId::from_parts(1, 1);
    let at = chrono::DateTime::from_timestamp_millis(1_700_000_000_000).unwrap();
    let conversation = convodb::Conversation::new(id, contact, Channel::Instagram, at);
    let message = convodb::Message::new(
        MessageId::from_parts(5, 5),
        id,
        convodb::Direction::Inbound,
        "from elsewhere".into(),
        at,
    );
    store
        .import(convodb::Import::new(conversation, vec![message]))
        .unwrap();
}

fn save_view(store: &Store, id: &str, sort: Sort) {
    let id = ViewId::new(id).unwrap();
    store.save_view(&id, "A view", Filter::all(), sort).unwrap();
}

fn rows(path: &Path, name: &'static str) -> Rows {
    let database = with_redb(path);
    let transaction = database.begin_read().unwrap();
    let rows = transaction.open_table(table(name)).unwrap();
    rows.iter()
        .unwrap()
        .map(|row| {
            let (key, value) = row.unwrap();
            (key.value().to_vec(), value.value().to_vec())
        })
        .collect()
}

fn write(path: &Path, name: &'static str, key: &[u8], value: Option<&[u8]>) {
    let database = with_redb(path);
    let transaction = database.begin_write().unwrap();
    {
        let mut rows = transaction.open_table(table(name)).unwrap();
        match value {
            Some(value) => drop(rows.insert(key, value).unwrap()),
            None => drop(rows.remove(key).unwrap()),
        }
    }
    transaction.commit().unwrap();
}

/// Opens a store that reassigns nothing by itself.
fn open(path: &Path) -> convodb::Result<Store> {
    let options = Options::new().create(false);
    options.reassign_by_hand().open(path)
}

/// A store on a file, and every row of it but those without which it does not open.
fn damaged_rows(path: &Path) -> Vec<(&'static str, Vec<u8>, Vec<u8>)> {
    let store = Options::new().reassign_by_hand().open(path).unwrap();
    fill(&store);
    assert!(store.verify().unwrap().is_clean());
    store.close().unwrap();
    let needed = |name: &str, key: &[u8]| {
        name == "catalog"
            && key
                .first()
                .is_some_and(|kind| [META, DIRECTORY, REDIRECTS, VIEWS].contains(kind))
    };
    let all: Vec<_> = TABLES
        .into_iter()
        .flat_map(|name| rows(path, name).into_iter().map(move |row| (name, row)))
        .filter(|(name, (key, _))| !needed(name, key))
        .map(|(name, (key, value))| (name, key, value))
        .collect();
    assert!(all.len() > 30, "{}", all.len());
    all
}

/// What `repair` can derive: indexes, totals, threads, and the ids and references of messages.
fn is_derived(name: &str, key: &[u8]) -> bool {
    let is_derived = |kind: &u8| [3, PROVIDER_IDS].contains(kind);
    name == "index" || name == "catalog" && key.first().is_some_and(is_derived)
}

#[test]
fn verify_names_every_row_that_was_removed_and_repair_brings_back_the_derived_ones() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("inbox.redb");
    let mut tried = 0;
    for (name, key, value) in damaged_rows(&path) {
        // A note that is missing leaves no trace, nor does a consumer. A conversation counts the messages
        // from the contact, and those to it have references, which lead to nothing then.
        let is_consumer = name == "catalog" && key.first() == Some(&CONSUMERS);
        if name == "notes" || is_consumer {
            continue;
        }
        write(&path, name, &key, None);
        let store = open(&path).unwrap();
        let report = store.verify().unwrap();
        assert!(!report.is_clean(), "{name} {key:02x?}");
        if is_derived(name, &key) {
            let named = report
                .findings
                .iter()
                .any(|finding| finding.table == name && finding.key == key);
            assert!(named, "{name} {key:02x?}: {:?}", report.findings);
            assert!(store.repair().unwrap().is_clean(), "{name} {key:02x?}");
            store.close().unwrap();
        } else {
            store.close().unwrap();
            write(&path, name, &key, Some(&value));
        }
        let store = open(&path).unwrap();
        assert!(store.verify().unwrap().is_clean(), "{name} {key:02x?}");
        tried += 1;
        drop(store);
    }
    println!("{tried} removed rows, all found");
}

#[test]
fn rows_of_a_view_that_was_lost_are_named_and_taken_away() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("inbox.redb");
    let store = Options::new().reassign_by_hand().open(&path).unwrap();
    fill(&store);
    while store.stats().unwrap().to_reassign > 0 {
        reassign_now(&store, 100).unwrap();
    }
    // The rows of its list are yet to go.
    store.remove_view(&ViewId::new("view_1").unwrap()).unwrap();
    assert!(store.verify().unwrap().is_clean());
    store.close().unwrap();
    let is_of_view = |key: &[u8]| [VIEWS, REMOVED_LISTS].contains(key.first().unwrap_or(&0));
    let records = rows(&path, "catalog");
    let records: Vec<_> = records.iter().filter(|row| is_of_view(&row.0)).collect();
    assert_eq!(records.len(), 2);
    for (key, _) in records {
        let copy = directory.path().join("copy.redb");
        std::fs::copy(&path, &copy).unwrap();
        write(&copy, "catalog", key, None);
        let store = open(&copy).unwrap();
        let report = store.verify().unwrap();
        let is_row = |finding: &&Finding| finding.key.first() == Some(&LISTS);
        let named = report.findings.iter().filter(is_row).count();
        assert!(named > 0, "{key:02x?}: {:?}", report.findings);
        assert!(store.repair().unwrap().is_clean());
        // The other one is whole.
        for view in store.views().unwrap() {
            let total = store.count(&Filter::view(&view.id)).unwrap();
            assert_eq!(total, store.count(&Filter::all()).unwrap());
        }
        assert!(store.verify().unwrap().is_clean());
        store.close().unwrap();
    }
}

/// Behind a record's format and checksum, a message begins with its direction.
fn is_inbound(value: &[u8]) -> bool {
    value[5] == 0
}

#[test]
fn verify_names_a_team_with_a_member_who_is_not_there_and_repair_takes_it_out() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("inbox.redb");
    let store = Store::open(&path).unwrap();
    let billing = TeamId::new("team_billing").unwrap();
    let [alice, bob] = ["usr_alice", "usr_bob"].map(|id| UserId::new(id).unwrap());
    store.save_user(&alice, "Alice").unwrap();
    store.save_user(&bob, "Bob").unwrap();
    let members = [bob.clone(), alice.clone()];
    store
        .save_team_with_members(&billing, "Billing", members)
        .unwrap();
    store.close().unwrap();
    let key = |id: &str| [&[DIRECTORY], id.as_bytes()].concat();
    write(&path, "catalog", &key("usr_alice"), None);
    let store = open(&path).unwrap();
    let report = store.verify().unwrap();
    let [finding] = &report.findings[..] else {
        panic!("{:?}", report.findings);
    };
    assert_eq!(finding.kind, FindingKind::Different);
    assert_eq!(finding.key, key("team_billing"));
    assert!(store.repair().unwrap().is_clean());
    assert_eq!(store.members_of(&billing).unwrap(), [bob]);
    store.close().unwrap();
    assert!(open(&path).unwrap().verify().unwrap().is_clean());
}

#[test]
fn verify_recounts_the_messages_from_a_contact_and_repair_keeps_to_the_count() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("inbox.redb");
    for (name, key, value) in damaged_rows(&path) {
        if name != "messages" || !is_inbound(&value) {
            continue;
        }
        let store = open(&path).unwrap();
        let number = u128::from_be_bytes(key[..16].try_into().unwrap());
        let id = ConversationId::from_parts((number >> 80) as u64, number & ((1 << 80) - 1));
        store.mark_read(id, 1).unwrap();
        store.close().unwrap();
        write(&path, name, &key, None);

        let store = open(&path).unwrap();
        let report = store.verify().unwrap();
        let is_recount = |finding: &Finding| {
            finding.table == "conversations"
                && finding.key == key[..16]
                && finding.kind == FindingKind::Different
        };
        assert!(
            report.findings.iter().any(is_recount),
            "{:?}",
            report.findings
        );
        assert!(
            store
                .repair()
                .unwrap()
                .findings
                .iter()
                .all(|finding| !is_recount(finding))
        );
        let repaired = store.conversation(id).unwrap();
        assert_eq!((repaired.inbound_count, repaired.unread_count), (0, 0));
        store.close().unwrap();
        write(&path, name, &key, Some(&value));
        let store = open(&path).unwrap();
        store.repair().unwrap();
        assert!(store.verify().unwrap().is_clean());
        assert_eq!(store.conversation(id).unwrap().unread_count, 1);
    }
}

/// A value that cannot be what it was: of another version, or another number.
fn altered(value: &[u8]) -> Vec<u8> {
    let (first, rest) = value.split_first().unwrap_or((&0, &[]));
    [&[first ^ 0x40], rest].concat()
}

#[test]
fn verify_names_every_row_that_was_altered() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("inbox.redb");
    for (name, key, value) in damaged_rows(&path) {
        write(&path, name, &key, Some(&altered(&value)));
        let store = open(&path).unwrap();
        let report = store.verify().unwrap();
        let finding = report
            .findings
            .iter()
            .find(|finding| finding.table == name && finding.key == key)
            .unwrap_or_else(|| panic!("{name} {key:02x?}: {:?}", report.findings));
        assert_ne!(finding.kind, FindingKind::Missing);
        assert!(finding.to_string().starts_with(name));
        store.close().unwrap();
        write(&path, name, &key, Some(&value));
    }
}

#[test]
fn verify_names_rows_that_should_not_be_there() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("inbox.redb");
    let all = damaged_rows(&path);
    for (name, key, value) in &all {
        let mut other = key.clone();
        *other.last_mut().unwrap() ^= 1;
        // A further conversation may be one, and a note or a consumer leaves no other trace.
        let is_consumer = *name == "catalog" && key.first() == Some(&CONSUMERS);
        let is_possible = is_consumer || ["conversations", "notes"].contains(name);
        if is_possible || all.iter().any(|row| row.1 == other) {
            continue;
        }
        write(&path, name, &other, Some(value));
        let store = open(&path).unwrap();
        let report = store.verify().unwrap();
        // One message too many shows in its conversation's counts, or in its provider's id.
        let is_named = |finding: &Finding| finding.key == other || *name == "messages";
        let named = report.findings.iter().any(is_named);
        assert!(named, "{name} {other:02x?}: {:?}", report.findings);
        store.close().unwrap();
        write(&path, name, &other, None);
    }
}

#[test]
fn verify_names_counters_of_no_stream() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("inbox.redb");
    let counters = |row: &&(&str, Vec<u8>, Vec<u8>)| row.0 == "index" && row.1[0] >= 0x10;
    let all = damaged_rows(&path);
    let (name, key, value) = all.iter().find(counters).unwrap();
    // Longer than any stream, and none at all.
    let long = [&key[..], &[7; 40]].concat();
    let names = [long, key[..1].to_vec(), [0x11, 1].to_vec(), vec![0x12]];
    for other in names.into_iter().chain([[0x13, 1].to_vec(), vec![0x14]]) {
        write(&path, name, &other, Some(value));
        let store = open(&path).unwrap();
        let report = store.verify().unwrap();
        let named = report.findings.iter().any(|finding| finding.key == other);
        assert!(named, "{other:02x?}: {:?}", report.findings);
        assert!(store.repair().unwrap().is_clean(), "{other:02x?}");
        store.close().unwrap();
    }
}

#[test]
fn a_damaged_record_is_an_error_and_never_a_wrong_answer() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("inbox.redb");
    let all = damaged_rows(&path);
    let first = |name: &str| {
        let (_, key, value) = all.iter().find(|row| row.0 == name).unwrap();
        (key.clone(), value.clone(), altered(value))
    };
    let (key, value, damaged) = first("index");
    write(&path, "index", &key, Some(&damaged));
    let store = open(&path).unwrap();
    let error = store
        .list(&Filter::all(), PageRequest::default())
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupted);
    store.close().unwrap();
    write(&path, "index", &key, Some(&value));

    let (key, _, damaged) = first("messages");
    write(&path, "messages", &key, Some(&damaged));
    let store = open(&path).unwrap();
    let page = store.list(&Filter::all(), PageRequest::default()).unwrap();
    let failed = page
        .data
        .iter()
        .filter(|row| store.transcript(row.id).is_err())
        .count();
    assert_eq!(failed, 1);
}

#[test]
fn a_store_without_its_head_or_of_another_format_does_not_open() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("inbox.redb");
    Store::open(&path).unwrap().close().unwrap();
    for (name, value, kind) in [
        (
            &b"\x01format"[..],
            Some(&[0, 0, 0, 99][..]),
            ErrorKind::UnsupportedVersion,
        ),
        (&b"\x01format"[..], Some(&[1][..]), ErrorKind::Corrupted),
        (&b"\x01format"[..], None, ErrorKind::NotADatabase),
        (&b"\x01head"[..], None, ErrorKind::Corrupted),
        (&b"\x01identity"[..], Some(&[1][..]), ErrorKind::Corrupted),
    ] {
        let before = rows(&path, "catalog");
        let (_, good) = before.iter().find(|row| row.0 == name).unwrap();
        write(&path, "catalog", name, value);
        assert_eq!(open(&path).unwrap_err().kind(), kind, "{name:02x?}");
        write(&path, "catalog", name, Some(good));
    }
    assert!(open(&path).is_ok());
}
