//! How a conversation is created, assigned, resolved and reopened; and its notes.

use std::sync::Barrier;
use std::thread;

use convodb::{
    AssigneeId, Channel, CommitSeq, ConversationId, Error, ErrorKind, Execute, Filter, Inbound,
    Outbound, PageRequest, Reply, Status, TeamId, UserId,
};

use super::inbox::{Inbox, assignee, contact, name};
use crate::store::{Read, test};

#[test]
fn the_first_message_from_a_contact_creates_the_conversation_in_the_same_commit() {
    let inbox = Inbox::new();
    let from = contact("con_01HXYZ");
    let first = inbox
        .store
        .receive(Inbound::text(&from, Channel::Whatsapp, "Hello"))
        .unwrap();
    assert!(
        first.effect.created
            && first.effect.changed
            && !first.effect.reopened
            && !first.is_duplicate
    );
    let one = CommitSeq::new(1);
    assert_eq!(first.commit, Some(one));
    assert_eq!(inbox.store.commit_seq().unwrap(), one);
    let found = inbox
        .store
        .find_conversation(&from, Channel::Whatsapp)
        .unwrap()
        .unwrap();
    assert_eq!(found.id, first.value.conversation_id);
    assert_eq!(found.contact_id, from);
    assert_eq!(found.channel, Channel::Whatsapp);
    assert_eq!(
        inbox.store.transcript(found.id).unwrap().messages,
        [first.value]
    );
}

#[test]
fn the_first_message_to_a_contact_creates_the_conversation_as_well() {
    for reopen in [true, false] {
        let inbox = Inbox::new();
        let to = contact("con_01HXYZ");
        let first = inbox
            .store
            .send(Outbound::text(&to, Channel::Messenger, "Hi").reopen(reopen))
            .unwrap();
        assert!(first.effect.created && !first.effect.reopened);
        assert_eq!(inbox.store.commit_seq().unwrap(), CommitSeq::new(1));
        let found = inbox
            .store
            .find_conversation(&to, Channel::Messenger)
            .unwrap()
            .unwrap();
        assert_eq!(found.id, first.value.conversation_id);
        // A broadcast asks for no work.
        let expected = if reopen {
            Status::Open
        } else {
            Status::Resolved
        };
        assert_eq!(found.status, expected);
    }
}

#[test]
fn every_further_message_either_way_joins_the_conversation() {
    let inbox = Inbox::new();
    let id = inbox.conversation();
    let who = contact("con_01HXYZ");
    inbox.later();
    let second = inbox
        .store
        .send(Outbound::text(&who, Channel::Whatsapp, "two"))
        .unwrap();
    inbox.later();
    let third = inbox.store.reply(id, "three").unwrap();
    inbox.later();
    let fourth = inbox
        .store
        .receive(Inbound::text(&who, Channel::Whatsapp, "four"))
        .unwrap();
    for message in [second, third, fourth] {
        assert_eq!(message.value.conversation_id, id);
        assert!(message.effect.changed && !message.effect.created);
    }
    assert_eq!(inbox.texts(id), ["Hello", "two", "three", "four"]);
    assert_eq!(inbox.store.count(&Filter::all()).unwrap(), 1);
}

#[test]
fn each_contact_has_a_conversation_of_its_own_on_each_channel() {
    let inbox = Inbox::new();
    // One's id begins with the other's.
    let contacts = [contact("con_1"), contact("con_12")];
    let mut ids = Vec::new();
    for who in &contacts {
        for channel in Channel::ALL {
            let message = inbox.store.receive(Inbound::text(who, channel, "Hello"));
            ids.push(message.unwrap().value.conversation_id);
        }
    }
    let mut distinct = ids.clone();
    distinct.sort_unstable();
    distinct.dedup();
    assert_eq!(distinct.len(), 8);
    let mut found = Vec::new();
    for who in &contacts {
        for channel in Channel::ALL {
            found.push(
                inbox
                    .store
                    .find_conversation(who, channel)
                    .unwrap()
                    .unwrap()
                    .id,
            );
        }
    }
    assert_eq!(found, ids);
    inbox.assert_sound();
}

#[test]
fn a_first_message_that_is_refused_or_taken_back_leaves_no_conversation() {
    let inbox = Inbox::new();
    let from = contact("con_01HXYZ");
    let blank = Outbound::text(&from, Channel::Whatsapp, " ");
    assert!(inbox.store.send(blank).is_err());
    let long = Inbound::text(&from, Channel::Whatsapp, "x".repeat(65_537));
    assert!(inbox.store.receive(long).is_err());
    let taken_back: Result<(), Error> = inbox.store.transaction(|tx| {
        tx.receive(Inbound::text(&from, Channel::Whatsapp, "Hello"))?;
        assert!(tx.find_conversation(&from, Channel::Whatsapp)?.is_some());
        let nowhere = ConversationId::from_parts(1, 1);
        tx.add_note(nowhere, "there is no such conversation")
            .map(drop)
    });
    assert_eq!(taken_back.unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(
        inbox
            .store
            .find_conversation(&from, Channel::Whatsapp)
            .unwrap(),
        None
    );
    assert_eq!(inbox.store.stats().unwrap().messages, 0);
    assert_eq!(inbox.store.commit_seq().unwrap(), CommitSeq::ZERO);
}

#[test]
fn threads_that_all_write_first_make_one_conversation() {
    let inbox = Inbox::new();
    let start = Barrier::new(4);
    thread::scope(|scope| {
        for n in 0..4 {
            let (store, start) = (inbox.store.clone(), &start);
            scope.spawn(move || {
                start.wait();
                let text = format!("message {n}");
                store
                    .receive(Inbound::text(contact("con_1"), Channel::Webchat, text))
                    .unwrap();
            });
        }
    });
    let stats = inbox.store.stats().unwrap();
    assert_eq!((stats.conversations, stats.messages), (1, 4));
}

#[test]
fn a_new_conversation_is_open_and_a_status_is_open_or_resolved() {
    let inbox = Inbox::new();
    let id = inbox.conversation();
    assert_eq!(inbox.show(id).status, Status::Open);
    assert_eq!(
        Status::ALL.map(Status::as_str),
        ["open", "resolved"],
        "there is no third"
    );
    for other in ["", "closed", "all", "Open", "snoozed"] {
        assert!(other.parse::<Status>().is_err(), "{other}");
    }
}

#[test]
fn resolving_keeps_the_assignee() {
    let inbox = Inbox::new();
    let id = inbox.conversation();
    for who in [
        inbox.user("usr_alice", "Alice"),
        inbox.team("team_billing", "Billing"),
    ] {
        inbox.store.assign(id, &who).unwrap();
        let at = inbox.later();
        let resolved = inbox.store.resolve(id).unwrap();
        assert!(resolved.effect.changed && !resolved.effect.reopened);
        assert_eq!(resolved.value.status, Status::Resolved);
        assert_eq!(assignee(&resolved.value), Some(&who));
        assert_eq!(resolved.value.updated_at, at);
        let filter = Filter::resolved().assigned_to(&who);
        assert_eq!(inbox.store.count(&filter).unwrap(), 1);
    }
}

#[test]
fn resolving_a_resolved_conversation_succeeds_and_changes_nothing() {
    let inbox = Inbox::new();
    let id = inbox.resolved();
    let (before, commit) = (inbox.show(id), inbox.store.commit_seq().unwrap());
    inbox.later();
    let again = inbox.store.resolve(id).unwrap();
    assert!(!again.effect.changed && !again.effect.reopened);
    assert_eq!(again.commit, Some(commit));
    assert_eq!(again.value, before);
    assert_eq!(inbox.show(id), before);
    assert_eq!(inbox.store.commit_seq().unwrap(), commit);
}

#[test]
fn the_assignee_is_none_or_one_user_or_one_team() {
    let inbox = Inbox::new();
    let id = inbox.conversation();
    let alice = inbox.user("usr_alice", "Alice");
    let billing = inbox.team("team_billing", "Billing");
    assert_eq!(assignee(&inbox.show(id)), None);
    for who in [&alice, &billing, &alice] {
        let assigned = inbox.store.assign(id, who).unwrap();
        assert!(assigned.effect.changed && !assigned.effect.reopened);
        assert_eq!(assignee(&inbox.show(id)), Some(who), "it took the place");
        let theirs = Filter::open().assigned_to(who);
        assert_eq!(inbox.store.count(&theirs).unwrap(), 1);
    }
    assert!(inbox.store.unassign(id).unwrap().effect.changed);
    assert_eq!(assignee(&inbox.show(id)), None);
    inbox.assert_sound();
}

#[test]
fn assigning_reopens_a_resolved_conversation() {
    let inbox = Inbox::new();
    let id = inbox.resolved();
    let alice = inbox.user("usr_alice", "Alice");
    let at = inbox.later();
    let assigned = inbox.store.assign(id, &alice).unwrap();
    assert!(assigned.effect.changed && assigned.effect.reopened);
    assert_eq!(assigned.value.status, Status::Open);
    assert_eq!(name(&assigned.value), Some("Alice"));
    assert_eq!(assigned.value.updated_at, at);
}

#[test]
fn assigning_the_assignee_of_a_resolved_conversation_reopens_it() {
    let inbox = Inbox::new();
    let id = inbox.conversation();
    let alice = inbox.user("usr_alice", "Alice");
    inbox.store.assign(id, &alice).unwrap();
    inbox.store.resolve(id).unwrap();
    let at = inbox.later();
    let again = inbox.store.assign(id, &alice).unwrap();
    assert!(again.effect.changed && again.effect.reopened);
    assert_eq!(again.value.status, Status::Open);
    assert_eq!(again.value.updated_at, at);
}

#[test]
fn assigning_the_assignee_that_an_open_conversation_has_changes_nothing() {
    let inbox = Inbox::new();
    let id = inbox.conversation();
    let alice = inbox.user("usr_alice", "Alice");
    let assigned = inbox.store.assign(id, &alice).unwrap();
    inbox.later();
    let again = inbox.store.assign(id, &alice).unwrap();
    assert!(!again.effect.changed && !again.effect.reopened);
    assert_eq!(again.value, assigned.value);
    assert_eq!(again.commit, assigned.commit);
    assert_eq!(inbox.store.commit_seq().ok(), assigned.commit);
}

#[test]
fn unassigning_does_not_reopen_and_unassigning_nobody_changes_nothing() {
    let inbox = Inbox::new();
    let id = inbox.conversation();
    let alice = inbox.user("usr_alice", "Alice");
    inbox.store.assign(id, &alice).unwrap();
    inbox.store.resolve(id).unwrap();
    let at = inbox.later();
    let unassigned = inbox.store.unassign(id).unwrap();
    assert!(unassigned.effect.changed && !unassigned.effect.reopened);
    assert_eq!(unassigned.value.status, Status::Resolved);
    assert_eq!(assignee(&unassigned.value), None);
    assert_eq!(unassigned.value.updated_at, at);
    inbox.later();
    let again = inbox.store.unassign(id).unwrap();
    assert!(!again.effect.changed);
    assert_eq!(again.value, unassigned.value);
    assert_eq!(inbox.store.commit_seq().ok(), unassigned.commit);
}

#[test]
fn no_id_names_both_a_user_and_a_team() {
    for text in [
        "usr_alice",
        "usr_01H111",
        "team_billing",
        "billing",
        "USR_A",
    ] {
        let (user, team) = (UserId::new(text), TeamId::new(text));
        assert_ne!(user.is_ok(), team.is_ok(), "{text}");
        assert_eq!(AssigneeId::new(text).unwrap().as_str(), text);
    }
}

#[test]
fn a_message_either_way_reopens_a_resolved_conversation() {
    let inbox = Inbox::new();
    let id = inbox.resolved();
    let who = contact("con_01HXYZ");
    let at = inbox.later();
    let inbound = Inbound::text(&who, Channel::Whatsapp, "One more thing");
    assert!(inbox.store.receive(inbound).unwrap().effect.reopened);
    assert_eq!(inbox.show(id).status, Status::Open);
    assert_eq!(inbox.show(id).updated_at, at);

    inbox.store.resolve(id).unwrap();
    let outbound = Outbound::text(&who, Channel::Whatsapp, "One more thing");
    assert!(inbox.store.send(outbound).unwrap().effect.reopened);
    assert_eq!(inbox.show(id).status, Status::Open);

    inbox.store.resolve(id).unwrap();
    assert!(
        inbox
            .store
            .reply(id, "And another")
            .unwrap()
            .effect
            .reopened
    );
    assert_eq!(inbox.show(id).status, Status::Open);
    assert!(
        !inbox
            .store
            .reply(id, "And another")
            .unwrap()
            .effect
            .reopened
    );
}

#[test]
fn an_outbound_message_marked_so_does_not_reopen_but_is_stored_and_is_activity() {
    let inbox = Inbox::new();
    let id = inbox.resolved();
    let who = contact("con_01HXYZ");
    let mut texts = inbox.texts(id);
    for broadcast in [
        Reply::text("Spring sale").reopen(false),
        Outbound::text(&who, Channel::Whatsapp, "Spring sale")
            .reopen(false)
            .into(),
    ] {
        let at = inbox.later();
        let sent = inbox.store.reply(id, broadcast).unwrap();
        assert!(sent.effect.changed && !sent.effect.reopened);
        texts.push("Spring sale".to_owned());
        assert_eq!(inbox.texts(id), texts);
        assert_eq!(inbox.show(id).status, Status::Resolved);
        assert_eq!(inbox.show(id).updated_at, at);
    }
    let sent = Outbound::text(&who, Channel::Whatsapp, "Spring sale").reopen(false);
    assert!(!inbox.store.send(sent).unwrap().effect.reopened);
    assert_eq!(inbox.show(id).status, Status::Resolved);
    inbox.assert_sound();
}

#[test]
fn a_note_is_never_among_the_messages() {
    let inbox = Inbox::new();
    let hello = inbox.hello("con_01HXYZ");
    let id = hello.conversation_id;
    inbox.later();
    let note = inbox.store.add_note(id, "Enterprise plan.").unwrap();
    assert!(note.effect.changed && !note.effect.created && !note.effect.reopened);
    let transcript = inbox.store.transcript(id).unwrap();
    assert_eq!(transcript.messages, std::slice::from_ref(&hello));
    assert!(!serde_json::to_string(&transcript).unwrap().contains("plan"));
    let messages: Vec<_> = inbox.store.messages(id, ..).unwrap().collect();
    assert_eq!(messages.len(), 1);
    let last = inbox.store.last_messages(&[id]).unwrap();
    assert_eq!(last, [Some(hello)]);
    let notes: Vec<_> = inbox.store.notes(id).unwrap().map(Result::unwrap).collect();
    assert_eq!(notes, [note.value]);
    let stats = inbox.store.stats().unwrap();
    assert_eq!((stats.messages, stats.notes), (1, 1));
}

#[test]
fn a_note_never_reopens_and_counts_as_activity() {
    let inbox = Inbox::new();
    let id = inbox.resolved();
    let other = inbox.hello("con_other").conversation_id;
    let at = inbox.later();
    let note = inbox.store.add_note(id, "Enterprise plan.").unwrap();
    assert_eq!(note.value.created_at, at);
    let shown = inbox.show(id);
    assert_eq!((shown.status, shown.updated_at), (Status::Resolved, at));
    let page = inbox.store.list(&Filter::all(), PageRequest::default());
    let order: Vec<_> = page.unwrap().data.iter().map(|row| row.id).collect();
    assert_eq!(order, [id, other], "the note moved it to the top");
}

#[test]
fn notes_stand_in_the_order_in_which_they_were_added() {
    let inbox = Inbox::new();
    let id = inbox.conversation();
    // More than a batch of the iterator, and many of them of one time.
    let mut added = Vec::new();
    for n in 0..150 {
        if n % 10 == 0 {
            inbox.later();
        }
        added.push(inbox.store.add_note(id, format!("note {n}")).unwrap().value);
    }
    let notes: Vec<_> = inbox.store.notes(id).unwrap().map(Result::unwrap).collect();
    assert_eq!(notes, added);
}
