//! The kinds that commands and queries return.

use std::error::Error as StdError;

use convodb::prelude::*;
use convodb::{
    AssigneeId, Channel, ConversationId, Details, EntityKind, Error, ErrorKind, Filter, Inbound,
    InvalidInput, MessageId, PageRequest, Receipt, Revision, Snapshot, UserId,
};

use super::failure;
use crate::details::holder;
use crate::rules::inbox::{Inbox, contact};

#[test]
fn an_error_is_one_word_and_can_go_to_any_thread() {
    fn any_thread<T: Send + Sync + 'static>() {}
    any_thread::<Error>();
    any_thread::<InvalidInput>();
    assert_eq!(size_of::<Error>(), size_of::<usize>());
    assert_eq!(size_of::<Result<(), Error>>(), size_of::<usize>());
}

#[test]
fn an_invalid_input_becomes_an_error_with_its_field_and_reason() {
    fn parse() -> Result<UserId, Error> {
        Ok(UserId::new("alice")?)
    }
    let error = failure(parse(), ErrorKind::InvalidInput);
    assert_eq!(error.field(), Some("user_id"));
    assert_eq!(error.reason(), Some("must begin with `usr_`"));
    assert_eq!(error.to_string(), "user_id: must begin with `usr_`");
    assert!(error.source().is_none());
    let boxed: Box<dyn StdError + Send + Sync> = error.into();
    let back = boxed.downcast::<Error>().unwrap();
    assert_eq!(back.kind(), ErrorKind::InvalidInput);
    let debug = format!("{back:?}");
    assert!(
        debug.contains("Invalid") && debug.contains("must begin"),
        "{debug}"
    );
}

#[test]
fn what_is_missing_is_named() {
    let inbox = Inbox::new();
    let hello = inbox.hello("con_1");
    let store = &inbox.store;
    let nowhere = ConversationId::new("conv_01HABC00000000000000000000").unwrap();
    let text = "there is no conversation `conv_01HABC00000000000000000000`";
    let details = Details::Entity {
        kind: EntityKind::Conversation,
        id: nowhere.to_string(),
    };
    let who = inbox.user("usr_alice", "Alice");
    for missing in [
        store.transcript(nowhere).map(drop),
        store.conversation(nowhere).map(drop),
        store.messages(nowhere, ..).map(drop),
        store.notes(nowhere).map(drop),
        store.reply(nowhere, "Hi").map(drop),
        store.assign(nowhere, &who).map(drop),
        store.unassign(nowhere).map(drop),
        store.claim(nowhere, &who).map(drop),
        store.audit_log(nowhere).map(drop),
        store.rank(nowhere, &Filter::all()).map(drop),
        store.resolve(nowhere).map(drop),
        inbox.if_assignee(None).assign(nowhere, &who).map(drop),
        inbox.if_revision(Revision::ZERO).resolve(nowhere).map(drop),
        store.mark_read(nowhere, 0).map(drop),
        store.add_note(nowhere, "note").map(drop),
        store.delete(nowhere).map(drop),
        store.snapshot().unwrap().transcript(nowhere).map(drop),
    ] {
        let error = failure(missing, ErrorKind::NotFound);
        assert_eq!(error.to_string(), text);
        assert_eq!(*error.details(), details);
    }
    let message = MessageId::new("msg_01HMN000000000000000000000").unwrap();
    for conversation in [nowhere, hello.conversation_id] {
        let error = store.record_delivery((conversation, message), Receipt::read());
        assert_eq!(
            failure(error, ErrorKind::NotFound).to_string(),
            "there is no message `msg_01HMN000000000000000000000`"
        );
    }
    let unknown = AssigneeId::new("usr_nobody").unwrap();
    let error = failure(store.assignee(&unknown), ErrorKind::NotFound);
    assert_eq!(error.to_string(), "there is no user `usr_nobody`");
}

#[test]
fn a_lost_claim_names_the_assignee() {
    let inbox = Inbox::new();
    let id = inbox.conversation();
    let (alice, bob) = (
        inbox.user("usr_alice", "Alice"),
        inbox.user("usr_bob", "Bob"),
    );
    inbox.store.claim(id, &alice).unwrap();
    let error = failure(inbox.store.claim(id, &bob), ErrorKind::PreconditionFailed);
    assert_eq!(holder(&error), Some(&alice));
    assert_eq!(
        error.to_string(),
        format!("the conversation `{id}` is assigned to `usr_alice`")
    );
}

/// Calls of every kind, each with its result.
fn every_call(store: &Store, id: ConversationId) -> Vec<(&'static str, Result<(), Error>)> {
    let who = contact("con_1");
    let alice = UserId::new("usr_alice").unwrap();
    let hello = || Inbound::text(&who, Channel::Whatsapp, "Hello");
    let mut calls = vec![
        ("receive", store.receive(hello()).map(drop)),
        ("reply", store.reply(id, "Hi").map(drop)),
        ("resolve", store.resolve(id).map(drop)),
        ("add_note", store.add_note(id, "note").map(drop)),
        ("save_user", store.save_user(&alice, "Alice").map(drop)),
        ("erase_contact", store.erase_contact(&who).map(drop)),
        ("import_all", store.import_all([]).map(drop)),
        ("transaction", store.transaction(|_| Ok(()))),
        ("repair", store.repair().map(drop)),
        ("compact", store.compact()),
        ("reopen", store.reopen()),
    ];
    calls.extend(every_read(store, id));
    calls
}

fn every_read(store: &Store, id: ConversationId) -> Vec<(&'static str, Result<(), Error>)> {
    vec![
        (
            "list",
            store.list(&Filter::all(), PageRequest::default()).map(drop),
        ),
        ("count", store.count(&Filter::all()).map(drop)),
        ("transcript", store.transcript(id).map(drop)),
        ("conversation", store.conversation(id).map(drop)),
        (
            "find_conversation",
            store
                .find_conversation(&contact("con_1"), Channel::Whatsapp)
                .map(drop),
        ),
        ("messages", store.messages(id, ..).map(drop)),
        ("last_messages", store.last_messages(&[id]).map(drop)),
        ("notes", store.notes(id).map(drop)),
        ("assignees", store.assignees().map(drop)),
        ("snapshot", store.snapshot().map(drop)),
        ("commit_seq", store.commit_seq().map(drop)),
        ("stats", store.stats().map(drop)),
        ("verify", store.verify().map(drop)),
    ]
}

#[test]
fn after_close_every_clone_snapshot_and_iterator_answers_closed() {
    let inbox = Inbox::new();
    let id = inbox.conversation();
    let clone = inbox.store.clone();
    let snapshot = clone.snapshot().unwrap();
    let (mut messages, mut notes) = (clone.messages(id, ..).unwrap(), clone.notes(id).unwrap());
    inbox.store.close().unwrap();

    let text = "the store is closed";
    for (call, result) in every_call(&clone, id) {
        let error = failure(result, ErrorKind::Closed);
        assert_eq!(error.to_string(), text, "{call}");
    }
    failure(snapshot.transcript(id), ErrorKind::Closed);
    failure(snapshot.count(&Filter::all()), ErrorKind::Closed);
    failure(messages.next().unwrap(), ErrorKind::Closed);
    assert!(messages.next().is_none(), "after an error it stays ended");
    assert!(messages.next_back().is_none());
    failure(notes.next().unwrap(), ErrorKind::Closed);
    assert!(notes.next().is_none());
    failure(clone.close(), ErrorKind::Closed);
}

#[test]
fn a_command_of_the_store_within_its_own_transaction_is_rejected_and_aborts_nothing() {
    let inbox = Inbox::new();
    let id = inbox.conversation();
    let store = &inbox.store;
    let text = "a command of the store within its own transaction: give it to the transaction";
    store
        .transaction(|tx| {
            tx.add_note(id, "before")?;
            let reads = every_read(store, id).len();
            let calls = every_call(store, id);
            let (commands, reads) = calls.split_at(calls.len() - reads);
            for (call, result) in commands {
                let error = result.as_ref().expect_err(call);
                assert_eq!(error.kind(), ErrorKind::ReentrantCommand, "{call}");
                assert_eq!(error.to_string(), text, "{call}");
            }
            // A query of the store reads the commit before the transaction.
            for (call, result) in reads {
                assert!(result.is_ok(), "{call}");
            }
            assert_eq!(store.notes(id)?.count(), 0);
            failure(store.clone().close(), ErrorKind::ReentrantCommand);
            tx.add_note(id, "after").map(drop)
        })
        .unwrap();
    assert_eq!(store.notes(id).unwrap().count(), 2);
    assert!(store.resolve(id).unwrap().effect.changed);
    inbox.assert_sound();
}

#[test]
fn a_transaction_of_one_store_takes_commands_of_another() {
    let (one, other) = (Inbox::new(), Inbox::new());
    let id = other.conversation();
    one.store
        .transaction(|_| other.store.resolve(id).map(drop))
        .unwrap();
    assert_eq!(other.show(id).status, convodb::Status::Resolved);
}

#[test]
fn the_error_of_a_transactions_closure_comes_back_as_it_is() {
    #[derive(Debug, PartialEq)]
    enum Own {
        Mine(u8),
        Stores(ErrorKind),
    }
    impl From<Error> for Own {
        fn from(error: Error) -> Self {
            Self::Stores(error.kind())
        }
    }
    let inbox = Inbox::new();
    let id = inbox.conversation();
    let own = inbox.store.transaction(|tx| {
        tx.add_note(id, "note")?;
        Err::<(), _>(Own::Mine(7))
    });
    assert_eq!(own, Err(Own::Mine(7)));
    let stores = inbox.store.transaction(|tx| {
        tx.add_note(id, "")?;
        Ok::<(), Own>(())
    });
    assert_eq!(stores, Err(Own::Stores(ErrorKind::InvalidInput)));
    assert_eq!(inbox.store.notes(id).unwrap().count(), 0);
}

/// A snapshot that was read, and iterators that have not begun.
fn held(inbox: &Inbox, id: ConversationId) -> (Snapshot, convodb::Messages, convodb::Notes) {
    let snapshot = inbox.store.snapshot().unwrap();
    assert!(snapshot.transcript(id).is_ok());
    (
        snapshot,
        inbox.store.messages(id, ..).unwrap(),
        inbox.store.notes(id).unwrap(),
    )
}

#[test]
fn reopening_and_compacting_end_the_snapshots_and_iterators_that_were_taken_before() {
    let inbox = Inbox::new();
    let id = inbox.conversation();
    let ending: [&dyn Fn() -> Result<(), Error>; 2] =
        [&|| inbox.store.reopen(), &|| inbox.store.compact()];
    for end in ending {
        let (snapshot, mut messages, mut notes) = held(&inbox, id);
        let clone = snapshot.clone();
        end().unwrap();
        for snapshot in [snapshot, clone] {
            let error = failure(snapshot.transcript(id), ErrorKind::SnapshotExpired);
            assert_eq!(error.to_string(), "the snapshot has ended: take another");
            failure(snapshot.messages(id, ..), ErrorKind::SnapshotExpired);
        }
        failure(messages.next_back().unwrap(), ErrorKind::SnapshotExpired);
        assert!(messages.next_back().is_none() && messages.next().is_none());
        failure(notes.next().unwrap(), ErrorKind::SnapshotExpired);
        assert!(notes.next().is_none());
        // New ones can be read.
        let (_, messages, _) = held(&inbox, id);
        assert_eq!(messages.count(), 1);
    }
}
