//! One conversation: its ids and times stay, and what does not fit is refused with nothing written.

use convodb::prelude::*;
use convodb::{
    Assignee, AssigneeId, Channel, Content, Conversation, ConversationId, DeliveryStatus, Details,
    Direction, EntityKind, Error, ErrorKind, Filter, Import, Inbound, Message, MessageId, Note,
    NoteId, PageRequest, Receipt, Status,
};

use crate::rules::inbox::{Inbox, contact, name, time};

/// A conversation and its contact, both named by a number.
pub(super) fn conversation(n: u64) -> Conversation {
    let id = ConversationId::from_parts(n, n.into());
    let who = contact(&format!("con_{n}"));
    Conversation::new(id, who, Channel::Messenger, time("2020-01-01T00:00:00Z"))
}

/// A message whose id agrees with its time.
pub(super) fn message(of: &Conversation, at: &str, n: u128) -> Message {
    let created_at = time(at);
    let millis = created_at.timestamp_millis().unsigned_abs();
    let id = MessageId::from_parts(millis, n);
    let text = Content::text(format!("message {n}"));
    Message::new(id, of.id, Direction::Inbound, text, created_at)
}

fn note(of: &Conversation, at: &str, n: u128) -> Note {
    Note::new(
        NoteId::from_parts(1, n),
        of.id,
        format!("note {n}"),
        time(at),
    )
}

/// The import is refused, and the store is as it was.
#[track_caller]
fn assert_refused(inbox: &Inbox, import: Import) -> Error {
    let held = || {
        let store = &inbox.store;
        let list = store.list(&Filter::all(), PageRequest::default()).unwrap();
        (store.commit_seq().unwrap(), store.stats().unwrap(), list)
    };
    let before = held();
    let error = inbox.store.import(import).unwrap_err();
    assert_eq!(held(), before);
    inbox.assert_sound();
    error
}

#[track_caller]
fn assert_invalid(import: Import, field: &str, reason: &str) {
    let inbox = Inbox::new();
    inbox.conversation();
    let error = assert_refused(&inbox, import);
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert_eq!((error.field(), error.reason()), (Some(field), Some(reason)));
}

#[test]
fn every_id_and_time_is_kept_and_nothing_is_reopened_or_bumped() {
    let inbox = Inbox::new();
    let mut conversation = conversation(1);
    conversation.status = Status::Resolved;
    // As others have it: older than its messages, and active after them.
    conversation.updated_at = time("2021-06-01T12:00:00.000001Z");
    let mut read = message(&conversation, "2020-06-01T12:00:00.5Z", 1);
    read.status = DeliveryStatus::Read;
    let messages = vec![read, message(&conversation, "2020-06-02T12:00:00Z", 2)];
    let notes = vec![note(&conversation, "2020-06-03T12:00:00Z", 1)];
    let import = Import::new(conversation.clone(), messages.clone()).notes(notes.clone());
    let imported = inbox.store.import(import).unwrap();
    assert!(imported.effect.created && imported.effect.changed && !imported.effect.reopened);
    conversation.inbound_count = 2;
    assert_eq!(imported.value, conversation);

    let thread = inbox.store.transcript(conversation.id).unwrap();
    assert_eq!(thread.conversation, conversation);
    assert_eq!(thread.messages, messages);
    let stored: Vec<_> = inbox.store.notes(conversation.id).unwrap().collect();
    let stored: Vec<_> = stored.into_iter().map(Result::unwrap).collect();
    assert_eq!(stored, notes);
    let found = inbox
        .store
        .find_conversation(&conversation.contact_id, Channel::Messenger);
    assert_eq!(found.unwrap(), Some(conversation));
    inbox.assert_sound();
}

#[test]
fn messages_are_sorted_by_time_and_then_by_the_order_of_the_list_and_notes_by_time_and_id() {
    let inbox = Inbox::new();
    let conversation = conversation(1);
    let (early, late) = ("2020-06-01T12:00:00.25Z", "2020-06-01T12:00:00.75Z");
    let given = [(late, 1), (early, 9), (late, 0), (early, 2), (early, 10)];
    let messages: Vec<_> = given
        .iter()
        .map(|(at, n)| message(&conversation, at, *n))
        .collect();
    let notes: Vec<_> = given
        .iter()
        .map(|(at, n)| note(&conversation, at, *n))
        .collect();
    let import = Import::new(conversation.clone(), messages).notes(notes);
    inbox.store.import(import).unwrap();
    assert_eq!(
        inbox.texts(conversation.id),
        [
            "message 9",
            "message 2",
            "message 10",
            "message 1",
            "message 0"
        ]
    );
    let notes = inbox.store.notes(conversation.id).unwrap();
    let notes: Vec<_> = notes.map(|note| note.unwrap().content).collect();
    assert_eq!(notes, ["note 2", "note 9", "note 10", "note 0", "note 1"]);
}

#[test]
fn a_users_or_teams_name_joins_the_directory_and_one_that_is_there_stays() {
    let inbox = Inbox::new();
    let assigned = |n, id: &str, name: &str| {
        let mut conversation = conversation(n);
        let id = AssigneeId::new(id).unwrap();
        conversation.assigned_to = Some(Assignee::new(id, name));
        let import = Import::new(conversation, vec![]);
        inbox.store.import(import).unwrap().value
    };
    assert_eq!(name(&assigned(1, "usr_alice", "Alice")), Some("Alice"));
    assert_eq!(name(&assigned(2, "usr_alice", "Malice")), Some("Alice"));
    assert_eq!(name(&assigned(3, "billing", "Billing")), Some("Billing"));
    inbox.team("billing", "Accounts");
    assert_eq!(name(&assigned(4, "billing", "Billing")), Some("Accounts"));
    let stats = inbox.store.stats().unwrap();
    assert_eq!((stats.users, stats.teams, stats.conversations), (1, 1, 4));
    for (who, total) in [("usr_alice", 2), ("billing", 2)] {
        let filter = Filter::all().assigned_to(AssigneeId::new(who).unwrap());
        assert_eq!(inbox.store.count(&filter).unwrap(), total);
    }
    inbox.assert_sound();
}

#[test]
fn an_id_that_is_there_twice_is_refused_also_where_the_times_differ() {
    let conversation = conversation(1);
    let one = message(&conversation, "2020-06-01T12:00:00Z", 1);
    let other = message(&conversation, "2020-06-01T12:00:00Z", 2);
    let mut elsewhen = one.clone();
    elsewhen.created_at = time("2020-06-02T12:00:00Z");
    let stands_twice = "is twice in the conversation";
    for again in [one.clone(), elsewhen] {
        let messages = vec![one.clone(), other.clone(), again];
        let import = Import::new(conversation.clone(), messages);
        assert_invalid(import, "messages[2].id", stands_twice);
    }
    let one = note(&conversation, "2020-06-01T12:00:00Z", 1);
    let mut elsewhen = one.clone();
    elsewhen.created_at = time("2020-06-02T12:00:00Z");
    for again in [one.clone(), elsewhen] {
        let import = Import::new(conversation.clone(), vec![]);
        let import = import.notes(vec![one.clone(), again]);
        assert_invalid(import, "notes[1].id", stands_twice);
    }
}

#[test]
fn a_message_or_note_of_another_conversation_is_refused() {
    let (one, other) = (conversation(1), conversation(2));
    let at = "2020-06-01T12:00:00Z";
    let own = "must be the conversation's own id";
    let messages = vec![message(&one, at, 1), message(&other, at, 2)];
    let import = Import::new(one.clone(), messages);
    assert_invalid(import, "messages[1].conversation_id", own);
    let import = Import::new(one, vec![]).notes(vec![note(&other, at, 1)]);
    assert_invalid(import, "notes[0].conversation_id", own);
}

#[test]
fn whatever_breaks_a_bound_is_refused_by_its_place() {
    let at = "2020-06-01T12:00:00Z";
    fn long() -> String {
        "x".repeat(65_537)
    }

    let blank = "must have a visible character";
    let too_long = "must be at most 65536 bytes, and has 65537";
    let years = "must lie between the years 1970 and 9999";
    let with = |change: &dyn Fn(&mut Import)| {
        let conversation = conversation(1);
        let messages = vec![message(&conversation, at, 1), message(&conversation, at, 2)];
        let notes = vec![note(&conversation, at, 1)];
        let mut import = Import::new(conversation, messages).notes(notes);
        change(&mut import);
        import
    };
    type Change = dyn Fn(&mut Import);
    let changes: [(&Change, &str, &str); 11] = [
        (
            &|import| import.messages[1].content = long().into(),
            "messages[1].content",
            too_long,
        ),
        (
            &|import| import.messages[0].content = Content::image("x"),
            "messages[0].media_url",
            "must begin with `https://` or `http://`",
        ),
        (
            &|import| import.messages[1].created_at = time("1969-12-31T23:59:59Z"),
            "messages[1].created_at",
            years,
        ),
        (
            &|import| {
                import.messages[1].deliveries.read_at = Some(time("+10000-01-01T00:00:00Z"));
            },
            "messages[1].read_at",
            years,
        ),
        (
            &|import| import.notes[0].content = long(),
            "notes[0].content",
            too_long,
        ),
        (
            &|import| import.notes[0].created_at = time("1969-12-31T23:59:59Z"),
            "notes[0].created_at",
            years,
        ),
        (
            &|import| import.conversation.created_at = time("1969-12-31T23:59:59Z"),
            "created_at",
            years,
        ),
        (
            &|import| import.conversation.updated_at = time("+10000-01-01T00:00:00Z"),
            "updated_at",
            years,
        ),
        (
            &|import| import.conversation.updated_at = time("2019-12-31T23:59:59.999999Z"),
            "updated_at",
            "must not lie before created_at",
        ),
        (
            &|import| {
                let id = AssigneeId::new("usr_new").unwrap();
                import.conversation.assigned_to = Some(Assignee::new(id, ""));
            },
            "assigned_to.name",
            blank,
        ),
        (
            &|import| {
                let id = AssigneeId::new("usr_new").unwrap();
                import.conversation.assigned_to = Some(Assignee::new(id, "New"));
                import.messages[0].content = long().into();
            },
            "messages[0].content",
            too_long,
        ),
    ];
    for (change, field, reason) in changes {
        assert_invalid(with(change), field, reason);
    }
    assert!(Inbox::new().store.import(with(&|_| ())).is_ok());
}

#[test]
fn a_conversation_that_exists_or_whose_contact_has_one_is_rejected() {
    let inbox = Inbox::new();
    let id = inbox.conversation();
    let hello = inbox.show(id);
    let existing = Details::Existing {
        kind: EntityKind::Conversation,
        id: id.to_string(),
    };
    let newcomer = || {
        let id = AssigneeId::new("usr_new").unwrap();
        Some(Assignee::new(id, "New"))
    };
    // The same id, of another contact.
    let mut same_id = conversation(1);
    same_id.id = id;
    same_id.assigned_to = newcomer();
    let at = "2020-06-01T12:00:00Z";
    let messages = vec![message(&same_id, at, 1)];
    let error = assert_refused(&inbox, Import::new(same_id, messages));
    assert_eq!(error.kind(), ErrorKind::AlreadyExists);
    assert_eq!(*error.details(), existing);
    assert_eq!(
        error.to_string(),
        format!("the conversation `{id}` exists already")
    );
    // The same contact and channel, under another id.
    let mut same_thread = conversation(1);
    same_thread.contact_id = hello.contact_id.clone();
    same_thread.channel = hello.channel;
    same_thread.assigned_to = newcomer();
    let error = assert_refused(&inbox, Import::new(same_thread.clone(), vec![]));
    assert_eq!(error.kind(), ErrorKind::AlreadyExists);
    assert_eq!(*error.details(), existing);
    assert_eq!(
        error.to_string(),
        format!("the contact `con_01HXYZ` has a conversation in `whatsapp` already: `{id}`")
    );
    // The same contact on another channel is another conversation.
    same_thread.channel = Channel::Instagram;
    assert!(inbox.store.import(Import::new(same_thread, vec![])).is_ok());
}

#[test]
fn two_conversations_may_have_a_message_of_the_same_id() {
    let inbox = Inbox::new();
    let (one, other) = (conversation(1), conversation(2));
    let at = "2020-06-01T12:00:00Z";
    for conversation in [&one, &other] {
        let messages = vec![message(conversation, at, 1)];
        let import = Import::new(conversation.clone(), messages);
        inbox.store.import(import).unwrap();
    }
    let id = message(&one, at, 1).id;
    let read = inbox.store.record_delivery((one.id, id), Receipt::read());
    assert_eq!(read.unwrap().value.unwrap().status, DeliveryStatus::Read);
    let untouched = inbox.store.transcript(other.id).unwrap().messages;
    assert_eq!(untouched, [message(&other, at, 1)]);
}

#[test]
fn a_message_whose_ids_millisecond_is_not_its_times_is_found_by_its_id() {
    let inbox = Inbox::new();
    let conversation = conversation(1);
    let at = "2020-06-01T12:00:00.000999Z";
    let mut messages: Vec<_> = (0..5).map(|n| message(&conversation, at, n)).collect();
    let millis = messages[0].id.timestamp_ms();
    // Before it, behind it, just beside it, and what no time can reach.
    messages[1].id = MessageId::from_parts(1, 1);
    messages[2].id = MessageId::from_parts(millis + 86_400_000, 1);
    messages[3].id = MessageId::from_parts(millis + 1, 1);
    messages[4].id = MessageId::from_parts((1 << 48) - 1, u128::MAX);
    let ids: Vec<_> = messages.iter().map(|message| message.id).collect();
    let import = Import::new(conversation.clone(), messages);
    inbox.store.import(import).unwrap();
    for id in &ids {
        // Twice: it is found again after it was written again.
        for receipt in [Receipt::delivered(), Receipt::read()] {
            let recorded = inbox.store.record_delivery((conversation.id, *id), receipt);
            let recorded = recorded.unwrap();
            assert!(recorded.effect.changed);
            assert_eq!(recorded.value.unwrap().id, *id);
        }
    }
    let stored = inbox.store.transcript(conversation.id).unwrap().messages;
    assert_eq!(stored.len(), 5);
    assert!(stored.iter().all(|one| one.status == DeliveryStatus::Read));
    inbox.assert_sound();
}

#[test]
fn an_imported_conversation_goes_on_as_any_other() {
    let inbox = Inbox::new();
    let mut conversation = conversation(1);
    conversation.status = Status::Resolved;
    // Active after the store's own clock: the next activity has the present time.
    conversation.updated_at = time("2030-01-01T00:00:00Z");
    inbox
        .store
        .import(Import::new(conversation.clone(), vec![]))
        .unwrap();
    let inbound = Inbound::text(&conversation.contact_id, Channel::Messenger, "Hello");
    let hello = inbox.store.receive(inbound).unwrap();
    assert!(hello.effect.reopened && !hello.effect.created);
    assert_eq!(hello.value.conversation_id, conversation.id);
    assert_eq!(hello.value.created_at, inbox.clock.get());
    let shown = inbox.show(conversation.id);
    assert_eq!(shown.status, Status::Open);
    assert_eq!(shown.updated_at, inbox.clock.get());
    assert_eq!(shown.created_at, conversation.created_at);
    inbox.assert_sound();
}
