//! Claims, deletion and erasure.

use std::sync::Barrier;
use std::thread;

use convodb::{
    Channel, ContactId, Conversation, ConversationId, ErrorKind, Execute, Filter, Import, Inbound,
    Message, MessageId, PageRequest, Receipt, Status,
};

use super::inbox::{Inbox, assignee, contact};
use crate::details::holder;
use crate::store::{Read, test};

#[test]
fn a_claim_assigns_an_unassigned_conversation() {
    let inbox = Inbox::new();
    let id = inbox.resolved();
    let alice = inbox.user("usr_alice", "Alice");
    let at = inbox.later();
    let claimed = inbox.store.claim(id, &alice).unwrap();
    assert!(
        claimed.effect.changed && claimed.effect.reopened,
        "as an assignment does"
    );
    assert_eq!(assignee(&claimed.value), Some(&alice));
    assert_eq!(claimed.value.status, Status::Open);
    assert_eq!(claimed.value.updated_at, at);
}

#[test]
fn a_lost_claim_is_a_failed_precondition_that_names_the_winner() {
    let inbox = Inbox::new();
    let id = inbox.conversation();
    let (alice, bob) = (
        inbox.user("usr_alice", "Alice"),
        inbox.user("usr_bob", "Bob"),
    );
    let won = inbox.store.claim(id, &alice).unwrap();
    inbox.later();
    let lost = inbox.store.claim(id, &bob).unwrap_err();
    assert_eq!(lost.kind(), ErrorKind::PreconditionFailed);
    assert_eq!(holder(&lost), Some(&alice));
    assert_eq!(inbox.show(id), won.value);
    assert_eq!(inbox.store.commit_seq().ok(), won.commit);
}

#[test]
fn a_claim_by_the_present_assignee_changes_nothing() {
    let inbox = Inbox::new();
    let id = inbox.conversation();
    let billing = inbox.team("team_billing", "Billing");
    let won = inbox.store.claim(id, &billing).unwrap();
    inbox.later();
    let again = inbox.store.claim(id, &billing).unwrap();
    assert!(!again.effect.changed);
    assert_eq!(again.value, won.value);
    assert_eq!(again.commit, won.commit);
}

#[test]
fn a_claim_by_the_assignee_of_a_resolved_conversation_fails_and_names_the_assignee() {
    let inbox = Inbox::new();
    let id = inbox.conversation();
    let alice = inbox.user("usr_alice", "Alice");
    inbox.store.claim(id, &alice).unwrap();
    let resolved = inbox.store.resolve(id).unwrap();
    // It would reopen the conversation, which is not unassigned.
    let lost = inbox.store.claim(id, &alice).unwrap_err();
    assert_eq!(holder(&lost), Some(&alice));
    assert_eq!(inbox.show(id), resolved.value);
    assert_eq!(inbox.store.commit_seq().ok(), resolved.commit);
}

#[test]
fn of_many_claims_at_once_one_succeeds_and_the_others_name_the_winner() {
    let inbox = Inbox::new();
    let id = inbox.conversation();
    let claimants: Vec<_> = (0..4)
        .map(|n| inbox.user(&format!("usr_{n}"), "Agent"))
        .collect();
    let start = Barrier::new(claimants.len());
    let results: Vec<_> = thread::scope(|scope| {
        let claims: Vec<_> = claimants
            .iter()
            .map(|who| {
                let (store, start) = (&inbox.store, &start);
                scope.spawn(move || {
                    start.wait();
                    store.claim(id, who)
                })
            })
            .collect();
        claims
            .into_iter()
            .map(|claim| claim.join().unwrap())
            .collect()
    });
    let winner = assignee(&inbox.show(id)).unwrap().clone();
    let mut won = Vec::new();
    for (who, result) in claimants.iter().zip(results) {
        match result {
            Ok(claimed) => {
                assert_eq!(assignee(&claimed.value), Some(who));
                won.push(who);
            }
            Err(error) => assert_eq!(holder(&error), Some(&winner)),
        }
    }
    assert_eq!(won, [&winner]);
}

/// A conversation with all that can belong to one: messages of each kind of id, notes, an
/// assignee.
fn furnished(inbox: &Inbox, who: &ContactId, channel: Channel, n: u64) -> ConversationId {
    let now = inbox.clock.get();
    let id = ConversationId::from_parts(now.timestamp_millis().unsigned_abs(), n.into());
    // Its id's millisecond is another than its own.
    let message = Message::new(
        MessageId::from_parts(1, 1),
        id,
        convodb::Direction::Inbound,
        "imported".into(),
        now,
    );
    let conversation = Conversation::new(id, who.clone(), channel, now);
    let import = Import::new(conversation, vec![message]);
    inbox.store.import(import).unwrap();
    inbox.store.reply(id, "Hi").unwrap();
    inbox.store.add_note(id, "Enterprise plan.").unwrap();
    let alice = inbox.user("usr_alice", "Alice");
    inbox.store.assign(id, &alice).unwrap();
    id
}

#[test]
fn delete_removes_a_conversation_with_all_that_belongs_to_it() {
    let inbox = Inbox::new();
    let who = contact("con_01HXYZ");
    let id = furnished(&inbox, &who, Channel::Whatsapp, 1);
    let imported = MessageId::from_parts(1, 1);
    let deleted = inbox.store.delete(id).unwrap();
    assert!(deleted.effect.changed && !deleted.effect.created);

    let store = &inbox.store;
    for missing in [
        store.transcript(id).map(drop),
        store.messages(id, ..).map(drop),
        store.notes(id).map(drop),
        store
            .record_delivery((id, imported), Receipt::read())
            .map(drop),
        store.reply(id, "Hi").map(drop),
        store.resolve(id).map(drop),
        store.delete(id).map(drop),
    ] {
        assert_eq!(missing.unwrap_err().kind(), ErrorKind::NotFound);
    }
    assert_eq!(
        store.find_conversation(&who, Channel::Whatsapp).unwrap(),
        None
    );
    assert_eq!(store.last_messages(&[id]).unwrap(), [None]);
    let page = store.list(&Filter::all(), PageRequest::default()).unwrap();
    assert_eq!((page.data.len(), page.total), (0, 0));
    let stats = store.stats().unwrap();
    assert_eq!(
        (stats.conversations, stats.messages, stats.notes),
        (0, 0, 0)
    );
    assert_eq!(stats.users, 1, "the directory stays");
    inbox.assert_sound();
}

#[test]
fn after_a_deletion_the_next_message_begins_another_conversation() {
    let inbox = Inbox::new();
    let who = contact("con_01HXYZ");
    let id = furnished(&inbox, &who, Channel::Whatsapp, 1);
    inbox.store.delete(id).unwrap();
    let hello = inbox
        .store
        .receive(Inbound::text(&who, Channel::Whatsapp, "Again"));
    let hello = hello.unwrap();
    assert!(hello.effect.created);
    assert_ne!(hello.value.conversation_id, id);
    assert_eq!(inbox.texts(hello.value.conversation_id), ["Again"]);
    assert_eq!(assignee(&inbox.show(hello.value.conversation_id)), None);
}

#[test]
fn delete_leaves_every_other_conversation_as_it_is() {
    let inbox = Inbox::new();
    let who = contact("con_1");
    let gone = furnished(&inbox, &who, Channel::Whatsapp, 2);
    let kept = [
        furnished(&inbox, &who, Channel::Webchat, 1),
        furnished(&inbox, &contact("con_12"), Channel::Whatsapp, 3),
    ];
    let transcripts = kept.map(|id| inbox.store.transcript(id).unwrap());
    inbox.store.delete(gone).unwrap();
    for (id, transcript) in kept.into_iter().zip(transcripts) {
        assert_eq!(inbox.store.transcript(id).unwrap(), transcript);
        assert_eq!(inbox.store.notes(id).unwrap().count(), 1);
    }
    assert_eq!(inbox.store.count(&Filter::all()).unwrap(), 2);
    inbox.assert_sound();
}

#[test]
fn erase_contact_removes_all_conversations_of_the_contact_and_no_others() {
    let inbox = Inbox::new();
    let who = contact("con_1");
    for (n, channel) in Channel::ALL.into_iter().enumerate() {
        furnished(&inbox, &who, channel, n as u64);
    }
    let other = furnished(&inbox, &contact("con_12"), Channel::Whatsapp, 9);
    let transcript = inbox.store.transcript(other).unwrap();
    let before = inbox.store.commit_seq().unwrap();
    let erased = inbox.store.erase_contact(&who).unwrap();
    assert!(erased.effect.changed);
    assert_eq!(erased.value, 4);
    assert_eq!(erased.commit, Some(before.next()), "in one commit");
    for channel in Channel::ALL {
        assert_eq!(inbox.store.find_conversation(&who, channel).unwrap(), None);
    }
    assert_eq!(inbox.store.transcript(other).unwrap(), transcript);
    let stats = inbox.store.stats().unwrap();
    assert_eq!(
        (stats.conversations, stats.messages, stats.notes),
        (1, 2, 1)
    );
    inbox.assert_sound();
}

#[test]
fn erasing_a_contact_that_never_wrote_changes_nothing() {
    let inbox = Inbox::new();
    inbox.conversation();
    let before = inbox.store.commit_seq().unwrap();
    let erased = inbox.store.erase_contact(&contact("con_nobody")).unwrap();
    assert!(!erased.effect.changed);
    assert_eq!((erased.value, erased.commit), (0, Some(before)));
    assert_eq!(inbox.store.commit_seq().unwrap(), before);
}
