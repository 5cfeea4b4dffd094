//! What one store holds, carried to another as JSON.

use convodb::{Error, ErrorKind, Filter, Import, PageRequest, Store};
use serde_json::json;

use crate::rules::inbox::Inbox;
use convodb_testkit::fixture;

/// Every conversation as the JSON of its import, latest activity first.
fn documents(store: &Store) -> Vec<String> {
    let mut documents = Vec::new();
    for page in 1.. {
        let request = PageRequest::new(page, 100).unwrap();
        let rows = store.list(&Filter::all(), request).unwrap().data;
        if rows.is_empty() {
            break;
        }
        for row in rows {
            let thread = store.get(row.id).unwrap();
            let notes = store.notes(row.id).unwrap().collect::<Result<_, _>>();
            let import = Import::new(thread.conversation, thread.messages).notes(notes.unwrap());
            documents.push(serde_json::to_string(&import).unwrap());
        }
    }
    documents
}

#[test]
fn a_conversation_is_the_same_in_every_field_after_it_was_carried_to_another_store() {
    let mut carried = 0;
    for seed in 1..=8 {
        let clock = fixture::clock();
        let store = fixture::options(&clock).open_in_memory().unwrap();
        fixture::fill(&store, &clock, seed, 200);
        let written = documents(&store);
        let elsewhere = Store::in_memory().unwrap();
        for document in &written {
            elsewhere
                .import(serde_json::from_str(document).unwrap())
                .unwrap();
        }
        assert_eq!(documents(&elsewhere), written);
        for document in &written {
            let id = serde_json::from_str::<Import>(document)
                .unwrap()
                .conversation
                .id;
            assert_eq!(elsewhere.get(id).unwrap(), store.get(id).unwrap());
        }
        assert!(elsewhere.verify().unwrap().is_clean());
        carried += written.len();
    }
    assert!(carried > 20, "{carried}");
}

#[test]
fn what_the_specification_lacks_stands_behind_its_fields_and_only_where_it_has_a_value() {
    let inbox = Inbox::new();
    let id = inbox.conversation();
    let document = &documents(&inbox.store)[0];
    let end = r#""updated_at":"2026-04-16T09:00:00Z","unread_count":1}"#;
    assert!(document.ends_with(end), "{document}");

    inbox.store.resolve(id).unwrap();
    let note = inbox.store.add_note(id, "Enterprise plan.").unwrap().value;
    inbox.store.mark_read(id, 1).unwrap();
    let document = &documents(&inbox.store)[0];
    let note = serde_json::to_string(&note).unwrap();
    let end = format!(r#","revision":1,"notes":[{note}]}}"#);
    assert!(document.ends_with(&end), "{document}");
}

#[test]
fn a_revision_that_no_store_comes_to_is_refused() {
    let inbox = Inbox::new();
    inbox.conversation();
    let document = &documents(&inbox.store)[0];
    let import = |revision: u64| -> Result<u64, Error> {
        let mut document: serde_json::Value = serde_json::from_str(document).unwrap();
        document["revision"] = json!(revision);
        let import = serde_json::from_value(document).unwrap();
        Ok(Store::in_memory()?.import(import)?.value.revision)
    };
    let most = (1 << 53) - 1;
    assert_eq!(import(most).unwrap(), most);
    for revision in [most + 1, u64::MAX] {
        let error = import(revision).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert_eq!(error.field(), Some("revision"));
    }
}
