//! Conversations copied from one store to another as JSON.

use convodb::prelude::*;
use convodb::{
    Assignee, AssigneeId, Error, ErrorKind, Filter, Import, ImportLine, ImportOptions, LineResult,
    PageRequest, Revision, Transcript,
};
use serde_json::json;

use crate::rules::inbox::Inbox;
use convodb_testkit::{compare, fixture};

/// Every conversation as the JSON of its import, latest activity first.
fn documents(store: &Store) -> Vec<String> {
    let mut documents = Vec::new();
    for page in 1.. {
        let request = PageRequest::number(page, 100).unwrap();
        let rows = store.list(&Filter::all(), request).unwrap().data;
        if rows.is_empty() {
            break;
        }
        for row in rows {
            let transcript = store.transcript(row.id).unwrap();
            let notes = store.notes(row.id).unwrap().collect::<Result<_, _>>();
            let import = Import::new(transcript.conversation, transcript.messages);
            let import = import.notes(notes.unwrap());
            documents.push(serde_json::to_string(&import).unwrap());
        }
    }
    documents
}

/// The same without the numbers of former contents, which an export does not have.
fn without_versions(documents: Vec<String>) -> Vec<String> {
    let without = |document: String| {
        let mut parts = document.split(",\"versions\":");
        let first = parts.next().unwrap_or_default().to_owned();
        let digits = |part: &str| {
            part.trim_start_matches(|c: char| c.is_ascii_digit())
                .to_owned()
        };
        first + &parts.map(digits).collect::<String>()
    };
    documents.into_iter().map(without).collect()
}

/// An empty store with the users, teams, inboxes and contacts of another, as an export begins with them.
fn with_directory_of(store: &Store) -> Store {
    let elsewhere = Store::in_memory().unwrap();
    for Assignee { id, name, .. } in store.assignees().unwrap() {
        let saved = match id {
            AssigneeId::User(id) => elsewhere.save_user(&id, &name),
            AssigneeId::Team(id) => elsewhere.save_team(&id, &name),
        };
        saved.unwrap();
    }
    for inbox in store.inboxes().unwrap() {
        let saved = elsewhere.save_inbox(&inbox.id, inbox.channel, &inbox.name);
        saved.unwrap();
    }
    for contact in store.contacts(None, 1_000).unwrap() {
        elsewhere
            .execute(ImportLine::Contact(Box::new(contact)))
            .unwrap();
    }
    assert_eq!(
        elsewhere.contacts(None, 1_000).unwrap(),
        store.contacts(None, 1_000).unwrap()
    );
    elsewhere
}

#[test]
fn a_conversation_is_the_same_in_every_field_in_another_store() {
    let mut carried = 0;
    for seed in 1..=8 {
        let clock = fixture::clock();
        let store = fixture::options(&clock).open_in_memory().unwrap();
        fixture::fill(&store, &clock, seed, 200);
        let written = documents(&store);
        let [elsewhere, by_lines] = [(); 2].map(|()| with_directory_of(&store));
        for document in &written {
            elsewhere
                .import(serde_json::from_str(document).unwrap())
                .unwrap();
        }
        let lines = written
            .iter()
            .map(|line| ImportLine::parse(line.as_bytes()));
        for answer in by_lines.import_lines((1..).zip(lines), &ImportOptions::new()) {
            assert!(matches!(answer.unwrap().result, Ok(LineResult::Created)));
        }
        assert_eq!(documents(&by_lines), documents(&elsewhere));
        assert!(by_lines.verify().unwrap().is_clean());
        let got = without_versions(documents(&elsewhere));
        assert_eq!(got, without_versions(written.clone()));
        for document in &written {
            let id = serde_json::from_str::<Import>(document)
                .unwrap()
                .conversation
                .id;
            let [got, expected] = [&elsewhere, &store].map(|store| store.transcript(id).unwrap());
            assert_eq!(got.conversation, expected.conversation);
            let messages = |transcript: Transcript| {
                let messages = transcript.messages.into_iter();
                messages.map(compare::as_exported).collect::<Vec<_>>()
            };
            assert_eq!(messages(got), messages(expected));
        }
        assert!(elsewhere.verify().unwrap().is_clean());
        carried += written.len();
    }
    assert!(carried > 20, "{carried}");
}

#[test]
fn what_the_specification_lacks_follows_its_fields_where_it_has_a_value() {
    let inbox = Inbox::new();
    let id = inbox.conversation();
    let document = &documents(&inbox.store)[0];
    let end = concat!(
        r#""updated_at":"2026-04-16T09:00:00Z","unread_count":1,"inbound_count":1,"#,
        r#""last_inbound_at":"2026-04-16T09:00:00Z","last_message_at":"2026-04-16T09:00:00Z","#,
        r#""waiting_since":"2026-04-16T09:00:00Z","opened_at":"2026-04-16T09:00:00Z"}"#,
    );
    assert!(document.ends_with(end), "{document}");

    inbox.store.resolve(id).unwrap();
    let note = inbox.store.add_note(id, "Enterprise plan.").unwrap().value;
    inbox.store.mark_read(id, 1).unwrap();
    let document = &documents(&inbox.store)[0];
    let note = serde_json::to_string(&note).unwrap();
    let end = format!(r#","resolved_at":"2026-04-16T09:00:00Z","notes":[{note}]}}"#);
    assert!(document.ends_with(&end), "{document}");
    assert!(
        document.contains(r#","inbound_count":1,"revision":1,"#),
        "{document}"
    );
}

#[test]
fn a_revision_beyond_the_bound_is_refused() {
    let inbox = Inbox::new();
    inbox.conversation();
    let document = &documents(&inbox.store)[0];
    let import = |revision: u64| -> Result<Revision, Error> {
        let mut document: serde_json::Value = serde_json::from_str(document).unwrap();
        document["revision"] = json!(revision);
        let import = serde_json::from_value(document).unwrap();
        Ok(Store::in_memory()?.import(import)?.value.revision)
    };
    let most = (1 << 53) - 1;
    assert_eq!(import(most).unwrap(), Revision::new(most));
    for revision in [most + 1, u64::MAX] {
        let error = import(revision).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert_eq!(error.field(), Some("revision"));
    }
}
