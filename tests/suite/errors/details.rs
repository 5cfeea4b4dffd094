//! The details of each kind of error.

use std::io;
use std::sync::Arc;

use convodb::prelude::*;
use convodb::{
    AssigneeId, Channel, CommitSeq, ConsumerName, Conversation, ConversationId, Details,
    EntityKind, Error, ErrorKind, EventSeq, Import, Inbound, MessageId, Options, Outbound,
    PageRequest, Precondition, ProviderId, Receipt, Retention, Revision, Status,
};

use super::failure;
use crate::rules::inbox::{Inbox, contact};
use convodb_testkit::harness::disk::{Call, Fate, Gate, MemoryDisk};

fn entity(kind: EntityKind, id: impl ToString) -> Details {
    let id = id.to_string();
    Details::Entity { kind, id }
}

fn existing(kind: EntityKind, id: impl ToString) -> Details {
    let id = id.to_string();
    Details::Existing { kind, id }
}

#[test]
fn invalid_input_has_the_field_and_the_reason() {
    let inbox = Inbox::new();
    let id = inbox.conversation();
    let error = failure(inbox.store.add_note(id, " "), ErrorKind::InvalidInput);
    let reason = "must have a visible character";
    let details = Details::Field {
        name: "content".into(),
        reason: reason.into(),
    };
    assert_eq!(*error.details(), details);
    assert_eq!(
        (error.field(), error.reason()),
        (Some("content"), Some(reason))
    );
    let page = PageRequest::number(0, 20).unwrap_err();
    let details = Details::Field {
        name: "page".into(),
        reason: "must be at least 1".into(),
    };
    assert_eq!(*Error::from(page).details(), details);
}

#[test]
fn what_is_not_found_has_its_kind_and_id() {
    let inbox = Inbox::new();
    let (store, hello) = (&inbox.store, inbox.hello("con_1"));
    let nowhere = ConversationId::from_parts(1, 1);
    let message = MessageId::from_parts(1, 1);
    let [user, team] = ["usr_nobody", "team_none"].map(|id| AssigneeId::new(id).unwrap());
    let provider_id = ProviderId::new("wamid.none").unwrap();
    let of = (Channel::Whatsapp, &provider_id);
    let consumer = ConsumerName::new("missing").unwrap();
    for (missing, details) in [
        (
            store.resolve(nowhere).map(drop),
            entity(EntityKind::Conversation, nowhere),
        ),
        (
            store.message((hello.conversation_id, message)).map(drop),
            entity(EntityKind::Message, message),
        ),
        (
            store.assignee(&user).map(drop),
            entity(EntityKind::User, &user),
        ),
        (
            store.assign(hello.conversation_id, &team).map(drop),
            entity(EntityKind::Team, &team),
        ),
        (
            store.message(of).map(drop),
            entity(EntityKind::ProviderId, &provider_id),
        ),
        (
            store.acknowledge(&consumer, EventSeq::ZERO).map(drop),
            entity(EntityKind::Consumer, &consumer),
        ),
    ] {
        let error = failure(missing, ErrorKind::NotFound);
        assert_eq!(*error.details(), details);
        let Details::Entity { kind, id } = details else {
            panic!("{details:?}");
        };
        assert_eq!(error.to_string(), format!("there is no {kind} `{id}`"));
        assert!(error.is_unchanged() && !error.is_retryable());
    }
}

#[test]
fn a_note_that_was_deleted_since_is_named_by_its_id() {
    let inbox = Inbox::new();
    let id = inbox.conversation();
    let context = convodb::Context::new().idempotency_key("k");
    let request = inbox.store.with(context);
    let note = request.add_note(id, "A note.").unwrap().value;
    inbox.store.delete(id).unwrap();
    let error = failure(request.add_note(id, "A note."), ErrorKind::NotFound);
    assert_eq!(*error.details(), entity(EntityKind::Note, note.id));
}

#[test]
fn what_exists_already_has_its_kind_and_id_and_what_conflicts_the_given_one() {
    let inbox = Inbox::new();
    let store = &inbox.store;
    let hello = Inbound::text(contact("con_1"), Channel::Whatsapp, "Hello");
    let first = store.receive(hello.provider_id("wamid.1")).unwrap().value;
    let second = inbox.hello("con_1");
    let [one, two] = ["wamid.1", "wamid.2"].map(|id| ProviderId::new(id).unwrap());
    let import = |id, from| {
        let new = Conversation::new(id, contact(from), Channel::Whatsapp, first.created_at);
        Import::new(new, Vec::new())
    };
    let (id, other) = (first.conversation_id, ConversationId::from_parts(1, 1));
    let mut taken = import(other, "con_2");
    let mut message = first.clone();
    (message.id, message.conversation_id) = (MessageId::from_parts(1, 1), other);
    taken.messages = vec![message];
    for (refused, details) in [
        (
            store.import(import(id, "con_2")).map(drop),
            existing(EntityKind::Conversation, id),
        ),
        (
            store.import(import(other, "con_1")).map(drop),
            existing(EntityKind::Conversation, id),
        ),
        (
            store.set_provider_id(&first, &two).map(drop),
            existing(EntityKind::ProviderId, &one),
        ),
    ] {
        let error = failure(refused, ErrorKind::AlreadyExists);
        assert_eq!(*error.details(), details, "{error}");
        assert!(error.is_unchanged() && !error.is_retryable());
    }
    let from = |from| Inbound::text(contact(from), Channel::Whatsapp, "Hi").provider_id("wamid.1");
    let reply = convodb::Reply::text("Hi").provider_id("wamid.1");
    for refused in [
        store.import(taken.clone()).map(drop),
        store.import_all([taken]).map(drop),
        store.set_provider_id(&second, &one).map(drop),
        store.receive(from("con_2")).map(drop),
        store.reply(id, reply).map(drop),
    ] {
        let error = failure(refused, ErrorKind::ProviderIdConflict);
        // The id that was given, and nothing of the message that has it.
        assert_eq!(*error.details(), existing(EntityKind::ProviderId, &one));
        let shown = format!("{error:?} {error}");
        for secret in [first.id.to_string(), id.to_string(), "Hello".to_owned()] {
            assert!(!shown.contains(&secret), "{shown}");
        }
        assert!(error.is_unchanged() && !error.is_retryable());
    }
}

#[test]
fn a_failed_precondition_has_the_conversation_as_it_is() {
    let inbox = Inbox::new();
    let id = inbox.conversation();
    let alice = inbox.user("usr_alice", "Alice");
    inbox.store.assign(id, &alice).unwrap();
    let lost = inbox.if_revision(Revision::ZERO).resolve(id);
    let error = failure(lost, ErrorKind::PreconditionFailed);
    let details = Details::Precondition {
        conversation: id,
        expected: Precondition::Revision(Revision::ZERO),
        revision: Revision::new(1),
        status: Status::Open,
        assignee: Some(alice),
    };
    assert_eq!(*error.details(), details);
    assert!(error.is_unchanged() && !error.is_retryable());
}

#[test]
fn what_is_gone_has_the_providers_id() {
    let inbox = Inbox::new();
    let store = &inbox.store;
    let id = ProviderId::new("wamid.1").unwrap();
    let sent = Outbound::text(contact("con_1"), Channel::Whatsapp, "Hi").provider_id("wamid.1");
    let first = store.send(sent.clone()).unwrap().value;
    store.delete(first.conversation_id).unwrap();
    let of = (Channel::Whatsapp, &id);
    for gone in [
        store.send(sent).map(drop),
        store.message(of).map(drop),
        store.record_delivery(of, Receipt::read()).map(drop),
    ] {
        let error = failure(gone, ErrorKind::Gone);
        assert_eq!(*error.details(), entity(EntityKind::ProviderId, &id));
    }
}

#[test]
fn purged_events_have_the_oldest_one_that_is_left() {
    let inbox = Inbox::new();
    inbox.hello("con_1");
    inbox.hello("con_1");
    let store = &inbox.store;
    store.purge_events(Retention::newest(1)).unwrap();
    let error = failure(store.events(EventSeq::ZERO, 9), ErrorKind::EventsPurged);
    assert_eq!(*error.details(), Details::OldestEvent(EventSeq::new(3)));
    assert_eq!(error.to_string(), "the events before 3 were purged");
}

#[test]
fn kinds_without_details_have_none() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("inbox.redb");
    let store = Store::open(&path).unwrap();
    let keyed = store.with(convodb::Context::new().idempotency_key("k"));
    keyed
        .save_user(&convodb::UserId::new("usr_a").unwrap(), "A")
        .unwrap();
    let other = keyed.save_user(&convodb::UserId::new("usr_b").unwrap(), "B");
    let snapshot = store.snapshot().unwrap();
    store.reopen().unwrap();
    let within = store.transaction(|_| store.flush());
    let clone = store.clone();
    let locked = failure(Store::open(&path), ErrorKind::Locked);
    store.close().unwrap();
    let expired = failure(snapshot.commit_seq(), ErrorKind::SnapshotExpired);
    for error in [
        failure(other, ErrorKind::IdempotencyKeyReused),
        failure(within, ErrorKind::ReentrantCommand),
        failure(clone.commit_seq(), ErrorKind::Closed),
        expired,
        locked.clone(),
    ] {
        let names_holder = cfg!(target_os = "linux") && error.kind() == ErrorKind::Locked;
        let expected = match names_holder {
            true => Details::Process(std::process::id()),
            false => Details::None,
        };
        assert_eq!(*error.details(), expected, "{error}");
        assert!(error.is_unchanged());
        let retryable = [ErrorKind::Locked, ErrorKind::SnapshotExpired];
        assert_eq!(error.is_retryable(), retryable.contains(&error.kind()));
    }
}

/// A disk whose syncs fail, and do nothing or what they should.
struct Failing(fn(io::ErrorKind) -> Fate);

impl Gate for Failing {
    fn before(&self, call: Call) -> Fate {
        match call {
            Call::Sync => (self.0)(io::ErrorKind::Other),
            _ => Fate::Done,
        }
    }
}

#[test]
fn an_unknown_commit_has_its_number_and_leads_to_the_operating_systems_error() {
    for fate in [Fate::Refused as fn(_) -> _, Fate::Half] {
        let disk = MemoryDisk::default();
        let options = Options::new().disk(Arc::new(disk.clone()));
        let store = options.open("/inbox.redb").unwrap();
        let hello = || Inbound::text(contact("con_1"), Channel::Whatsapp, "Hello");
        let first = store.receive(hello()).unwrap();
        assert_eq!(first.commit, Some(CommitSeq::new(1)));
        disk.set_gate(Some(Arc::new(Failing(fate))));
        let error = store.receive(hello()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::CommitUnknown);
        super::assert_readable(&error);
        let next = CommitSeq::new(2);
        assert_eq!(*error.details(), Details::Commit(next));
        assert_eq!(super::io_source(&error).kind(), io::ErrorKind::Other);
        assert!(!error.is_unchanged() && !error.is_retryable());
        let after = failure(store.receive(hello()), ErrorKind::NeedsReopen);
        assert_eq!(*after.details(), Details::None);

        disk.set_gate(None);
        store.reopen().unwrap();
        let commit = store.commit_seq().unwrap();
        let messages = store.stats().unwrap().messages;
        assert_eq!(
            messages,
            commit.get(),
            "it happened if the number was reached"
        );
        assert!(store.verify().unwrap().is_clean());
    }
}

#[test]
fn the_kinds_of_entities_have_names() {
    for (kind, name) in [
        (EntityKind::Conversation, "conversation"),
        (EntityKind::Message, "message"),
        (EntityKind::Note, "note"),
        (EntityKind::User, "user"),
        (EntityKind::Team, "team"),
        (EntityKind::Contact, "contact"),
        (EntityKind::ProviderId, "provider_id"),
        (EntityKind::Consumer, "consumer"),
        (EntityKind::File, "file"),
    ] {
        assert_eq!((kind.as_str(), kind.to_string()), (name, name.to_owned()));
    }
}
