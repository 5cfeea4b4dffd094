//! Read counts in JSON, in imports and in the index, and lists of many that are unread.

use std::fs;
use std::path::Path;

use convodb::prelude::*;
use convodb::{Channel, Filter, FindingKind, Import, Inbound, Outbound, PageRequest, Revision};
use convodb_testkit::fixture::{clock, crowd, options};
use convodb_testkit::model::Model;
use convodb_testkit::tables::with_redb;
use redb::ReadableTable as _;
use serde_json::{Value, json};

use crate::rules::inbox::{Inbox, contact};

#[test]
fn the_json_has_counts_after_the_specified_fields_where_they_are_not_zero() {
    let inbox = Inbox::new();
    let id = inbox.conversation();
    let json = serde_json::to_string(&inbox.show(id)).unwrap();
    let then = r#""updated_at":"2026-04-16T09:00:00Z","unread_count":1,"inbound_count":1,"#;
    assert!(json.contains(then), "{json}");
    inbox.store.mark_read(id, 1).unwrap();
    let json = serde_json::to_string(&inbox.store.transcript(id).unwrap()).unwrap();
    let then = r#""updated_at":"2026-04-16T09:00:00Z","inbound_count":1,"#;
    assert!(json.contains(then), "{json}");
    inbox.hello("con_01HXYZ");
    inbox.store.resolve(id).unwrap();
    let listed = inbox.store.list(&Filter::all(), (1, 1)).unwrap();
    let json = serde_json::to_string(&listed.data[0]).unwrap();
    let end = r#","unread_count":1,"inbound_count":2,"revision":1}"#;
    assert!(json.ends_with(end), "{json}");

    let sent = Outbound::text(contact("con_2"), Channel::Whatsapp, "Hi");
    let sent = inbox.store.send(sent).unwrap().value;
    let json = serde_json::to_string(&inbox.show(sent.conversation_id)).unwrap();
    let then = r#""updated_at":"2026-04-16T09:00:00Z","last_message_at":"#;
    assert!(json.contains(then), "{json}");
}

#[test]
fn an_import_brings_its_counts_and_its_revision() {
    let inbox = Inbox::new();
    let id = inbox.conversation();
    inbox.store.reply(id, "Hi").unwrap();
    inbox.hello("con_01HXYZ");
    inbox.hello("con_01HXYZ");
    inbox.store.mark_read(id, 1).unwrap();
    inbox.store.resolve(id).unwrap();
    inbox.store.reply(id, "Hi again").unwrap();
    let written = serde_json::to_value(inbox.store.transcript(id).unwrap()).unwrap();
    assert_eq!(written["unread_count"], 2);

    let import = |edit: &dyn Fn(&mut Value)| {
        let mut document = written.clone();
        edit(&mut document);
        let import: Import = serde_json::from_value(document).unwrap();
        let other = Store::in_memory().unwrap();
        other.import(import).map(|outcome| (other, outcome.value))
    };
    let (other, imported) = import(&|_| {}).unwrap();
    assert_eq!((imported.inbound_count, imported.unread_count), (3, 2));
    assert_eq!(imported.revision, Revision::new(2));
    let again = serde_json::to_value(other.transcript(id).unwrap()).unwrap();
    assert_eq!(again, written);
    assert_eq!(other.count(&Filter::open().unread()).unwrap(), 1);
    assert!(other.verify().unwrap().is_clean());

    let without = |document: &mut Value| {
        let fields = document.as_object_mut().unwrap();
        for count in ["unread_count", "inbound_count", "revision"] {
            assert!(fields.remove(count).is_some(), "{count}");
        }
    };
    let (other, read) = import(&without).unwrap();
    assert_eq!((read.inbound_count, read.unread_count), (3, 0));
    assert_eq!(read.revision, Revision::ZERO);
    assert_eq!(other.count(&Filter::open().unread()).unwrap(), 0);

    for (field, value, reason) in [
        (
            "unread_count",
            4,
            "must not be above the number of inbound messages, 3",
        ),
        (
            "inbound_count",
            2,
            "must be the number of inbound messages, 3",
        ),
        (
            "inbound_count",
            4,
            "must be the number of inbound messages, 3",
        ),
        (
            "revision",
            1_u64 << 53,
            "must not be above 9007199254740991",
        ),
    ] {
        let refused = import(&|document| document[field] = json!(value));
        let error = refused.map(drop).unwrap_err();
        assert_eq!(error.field(), Some(field));
        assert_eq!(error.reason(), Some(reason));
    }
    let (_, latest) =
        import(&|document| document["revision"] = json!(9_007_199_254_740_991_u64)).unwrap();
    assert_eq!(latest.revision, Revision::new((1 << 53) - 1));
}

/// Changes the index of a closed store, and returns the key that was changed.
fn spoil_index(
    path: &Path,
    spoil: impl FnOnce(&mut redb::Table<'_, &[u8], &[u8]>) -> Vec<u8>,
) -> Vec<u8> {
    const INDEX: redb::TableDefinition<'_, &[u8], &[u8]> = redb::TableDefinition::new("index");
    let database = with_redb(path);
    let transaction = database.begin_write().unwrap();
    let key = spoil(&mut transaction.open_table(INDEX).unwrap());
    transaction.commit().unwrap();
    key
}

fn unread_in(path: &Path) -> Store {
    let store = Store::open(path).unwrap();
    let ids = ["con_1", "con_2", "con_3"].map(|who| {
        let hello = Inbound::text(contact(who), Channel::Whatsapp, "Hello");
        store.receive(hello).unwrap().value.conversation_id
    });
    store.mark_read(ids[2], 1).unwrap();
    assert!(store.verify().unwrap().is_clean());
    store
}

#[test]
fn verify_finds_an_unread_row_that_is_missing_and_one_too_many_and_repair_corrects_them() {
    let directory = tempfile::tempdir().unwrap();
    let made = directory.path().join("made.redb");
    unread_in(&made).close().unwrap();
    for kind in [4_u8, 5] {
        let path = directory.path().join(format!("{kind}.redb"));
        fs::copy(&made, &path).unwrap();
        let removed = spoil_index(&path, |index| {
            let rows = index.extract_from_if(&[kind][..].., |_, _| true);
            let (key, _) = rows.unwrap().next().unwrap().unwrap();
            key.value().to_vec()
        });
        assert_eq!(removed[0], kind);
        let store = Store::open(&path).unwrap();
        let findings = store.verify().unwrap().findings;
        let missing = |of: &convodb::Finding| of.kind == FindingKind::Missing && of.key == removed;
        assert!(findings.iter().any(missing), "{findings:?}");
        assert!(store.repair().unwrap().is_clean());
        assert_eq!(store.count(&Filter::all().unread()).unwrap(), 2);
        store.close().unwrap();

        // The one that is read, put among the unread ones.
        let added = spoil_index(&path, |index| {
            let (of_all, next): (&[u8], &[u8]) = (&[kind - 3], &[kind - 2]);
            let rows = index.range(of_all..next).unwrap();
            let all: Vec<_> = rows.map(|row| row.unwrap().0.value().to_vec()).collect();
            let unread = |key: &Vec<u8>| [&[kind], &key[1..]].concat();
            let all: Vec<_> = all.iter().map(unread).collect();
            let is_missing = |key: &&Vec<u8>| index.get(&key[..]).unwrap().is_none();
            let key = all.iter().find(is_missing).unwrap().clone();
            index.insert(&key[..], &[0_u8][..]).unwrap();
            key
        });
        let store = Store::open(&path).unwrap();
        let findings = store.verify().unwrap().findings;
        let extra = |of: &convodb::Finding| of.kind == FindingKind::Unexpected && of.key == added;
        assert!(findings.iter().any(extra), "{findings:?}");
        assert!(store.repair().unwrap().is_clean());
    }
}

#[test]
fn a_deep_page_of_many_that_are_unread_is_exact() {
    let time = clock();
    let store = options(&time).open_in_memory().unwrap();
    let mut model = Model::new(&time);
    crowd(&store, &mut model, 2_000);
    let mut expected = Vec::new();
    for number in 1..=20 {
        let page = store.list(&Filter::all(), (number, 100)).unwrap();
        expected.extend(page.data.into_iter().filter(|row| row.unread_count > 0));
    }
    assert_eq!(expected.len(), 667, "one of three");
    let filter = Filter::all().unread();
    for number in [1, 2, 31, 66, 67] {
        let page = store
            .list(&filter, PageRequest::number(number, 10).unwrap())
            .unwrap();
        assert_eq!(page.total, 667);
        let skipped = expected.iter().skip((number as usize - 1) * 10);
        assert!(page.data.iter().eq(skipped.take(10)), "page {number}");
    }
}
