//! R15 and R16: claims, deletion and erasure.

use std::sync::Barrier;
use std::thread;

use convodb::{
    Channel, ContactId, Conversation, ConversationId, ErrorKind, Filter, Import, Inbound, Message,
    MessageId, PageRequest, Receipt, Status,
};

use super::inbox::{Inbox, assignee, contact};

#[test]
fn r15_a_claim_assigns_a_conversation_that_nobody_has() {
    let inbox = Inbox::new();
    let id = inbox.resolved();
    let alice = inbox.user("usr_alice", "Alice");
    let at = inbox.later();
    let claimed = inbox.store.claim(id, &alice).unwrap();
    assert!(claimed.changed && claimed.reopened, "as an assignment does");
    assert_eq!(assignee(&claimed.value), Some(&alice));
    assert_eq!(claimed.value.status, Status::Open);
    assert_eq!(claimed.value.updated_at, at);
}

#[test]
fn r15_the_loser_of_a_claim_gets_a_conflict_that_names_the_winner() {
    let inbox = Inbox::new();
    let id = inbox.conversation();
    let (alice, bob) = (
        inbox.user("usr_alice", "Alice"),
        inbox.user("usr_bob", "Bob"),
    );
    let won = inbox.store.claim(id, &alice).unwrap();
    inbox.later();
    let lost = inbox.store.claim(id, &bob).unwrap_err();
    assert_eq!(lost.kind(), ErrorKind::Conflict);
    assert_eq!(lost.winner(), Some(&alice));
    assert_eq!(inbox.show(id), won.value);
    assert_eq!(inbox.store.sequence().unwrap(), won.sequence);
}

#[test]
fn r15_who_has_the_conversation_already_keeps_it() {
    let inbox = Inbox::new();
    let id = inbox.conversation();
    let billing = inbox.team("team_billing", "Billing");
    let won = inbox.store.claim(id, &billing).unwrap();
    inbox.later();
    let again = inbox.store.claim(id, &billing).unwrap();
    assert!(!again.changed);
    assert_eq!(again.value, won.value);
    assert_eq!(again.sequence, won.sequence);
}

#[test]
fn r15_of_many_claims_at_once_one_wins_and_all_others_learn_who() {
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
            Err(error) => assert_eq!(error.winner(), Some(&winner)),
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
fn r16_delete_removes_a_conversation_with_all_that_belongs_to_it() {
    let inbox = Inbox::new();
    let who = contact("con_01HXYZ");
    let id = furnished(&inbox, &who, Channel::Whatsapp, 1);
    let imported = MessageId::from_parts(1, 1);
    let deleted = inbox.store.delete(id).unwrap();
    assert!(deleted.changed && !deleted.created);

    let store = &inbox.store;
    for missing in [
        store.get(id).map(drop),
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
    assert_eq!(store.find(&who, Channel::Whatsapp).unwrap(), None);
    assert_eq!(store.last_messages(&[id]).unwrap(), [None]);
    let page = store.list(&Filter::all(), PageRequest::default()).unwrap();
    assert_eq!((page.data.len(), page.total), (0, 0));
    let stats = store.stats().unwrap();
    assert_eq!(
        (stats.conversations, stats.messages, stats.notes),
        (0, 0, 0)
    );
    assert_eq!(stats.users, 1, "the directory is nobody's conversation");
    inbox.assert_sound();
}

#[test]
fn r16_after_a_deletion_the_next_message_begins_another_conversation() {
    let inbox = Inbox::new();
    let who = contact("con_01HXYZ");
    let id = furnished(&inbox, &who, Channel::Whatsapp, 1);
    inbox.store.delete(id).unwrap();
    let hello = inbox
        .store
        .receive(Inbound::text(&who, Channel::Whatsapp, "Again"));
    let hello = hello.unwrap();
    assert!(hello.created);
    assert_ne!(hello.value.conversation_id, id);
    assert_eq!(inbox.texts(hello.value.conversation_id), ["Again"]);
    assert_eq!(assignee(&inbox.show(hello.value.conversation_id)), None);
}

#[test]
fn r16_delete_leaves_every_other_conversation_as_it_is() {
    let inbox = Inbox::new();
    let who = contact("con_1");
    let gone = furnished(&inbox, &who, Channel::Whatsapp, 2);
    let kept = [
        furnished(&inbox, &who, Channel::Webchat, 1),
        furnished(&inbox, &contact("con_12"), Channel::Whatsapp, 3),
    ];
    let threads = kept.map(|id| inbox.store.get(id).unwrap());
    inbox.store.delete(gone).unwrap();
    for (id, thread) in kept.into_iter().zip(threads) {
        assert_eq!(inbox.store.get(id).unwrap(), thread);
        assert_eq!(inbox.store.notes(id).unwrap().count(), 1);
    }
    assert_eq!(inbox.store.count(&Filter::all()).unwrap(), 2);
    inbox.assert_sound();
}

#[test]
fn r16_erase_contact_removes_all_conversations_of_the_contact_and_no_others() {
    let inbox = Inbox::new();
    let who = contact("con_1");
    for (n, channel) in Channel::ALL.into_iter().enumerate() {
        furnished(&inbox, &who, channel, n as u64);
    }
    let other = furnished(&inbox, &contact("con_12"), Channel::Whatsapp, 9);
    let thread = inbox.store.get(other).unwrap();
    let before = inbox.store.sequence().unwrap();
    let erased = inbox.store.erase_contact(&who).unwrap();
    assert!(erased.changed);
    assert_eq!(erased.value, 4);
    assert_eq!(erased.sequence, before + 1, "in one commit");
    for channel in Channel::ALL {
        assert_eq!(inbox.store.find(&who, channel).unwrap(), None);
    }
    assert_eq!(inbox.store.get(other).unwrap(), thread);
    let stats = inbox.store.stats().unwrap();
    assert_eq!(
        (stats.conversations, stats.messages, stats.notes),
        (1, 2, 1)
    );
    inbox.assert_sound();
}

#[test]
fn r16_erasing_a_contact_that_never_wrote_changes_nothing() {
    let inbox = Inbox::new();
    inbox.conversation();
    let before = inbox.store.sequence().unwrap();
    let erased = inbox.store.erase_contact(&contact("con_nobody")).unwrap();
    assert!(!erased.changed);
    assert_eq!((erased.value, erased.sequence), (0, before));
    assert_eq!(inbox.store.sequence().unwrap(), before);
}
