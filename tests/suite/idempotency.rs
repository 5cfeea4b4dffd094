//! Commands with idempotency keys: a request that is sent twice is done once.

use std::time::Duration;

use chrono::{DateTime, Utc};
use convodb::testing::ManualClock;
use convodb::{
    AssigneeId, Channel, Content, Context, Conversation, ConversationId, Direction, Effect,
    ErrorKind, Execute, Filter, Import, Inbound, Message, MessageId, Outbound, ProviderId, Receipt,
    Reply, Result, Retention, Selection, TeamId, UserId,
};

use convodb_testkit::fixture::clock;
use convodb_testkit::op::contact;

use crate::store::{Options, Place, Read, Store, options, test};

fn store() -> (Store, ManualClock) {
    let clock = clock();
    (options(&clock).open_in_memory().unwrap(), clock)
}

fn hello() -> Inbound {
    Inbound::text(contact(1), Channel::Whatsapp, "Hello")
}

fn key(text: &str) -> Context {
    Context::new().idempotency_key(text)
}

/// The id of a conversation.
fn conversation(store: &Store) -> ConversationId {
    store.receive(hello()).unwrap().value.conversation_id
}

#[test]
fn the_same_command_again_is_done_once_and_answers_the_same() {
    let (store, clock) = store();
    let id = conversation(&store);
    let alice = UserId::new("usr_alice").unwrap();
    let assignee = AssigneeId::from(&alice);
    macro_rules! twice {
        ($key:literal, $name:ident($($argument:expr),*)) => {
            let request = store.with(key($key));
            let first = request.$name($($argument),*).unwrap();
            assert!(first.effect.changed && !first.is_duplicate, $key);
            let before = store.stats().unwrap();
            clock.advance(Duration::from_secs(1));
            let again = request.$name($($argument),*).unwrap();
            assert!(again.is_duplicate, $key);
            assert_eq!(again.value, first.value, $key);
            assert_eq!(again.effect, first.effect, $key);
            assert_eq!(store.stats().unwrap(), before, $key);
        };
    }
    twice!("user", save_user(&alice, "Alice"));
    twice!("team", save_team(&TeamId::new("team_a").unwrap(), "A"));
    twice!("receive", receive(hello()));
    twice!("reply", reply(id, "Hi"));
    twice!("assign", assign(id, &assignee));
    twice!("resolve", resolve(id));
    twice!(
        "send",
        send(Outbound::text(contact(1), Channel::Whatsapp, "One more"))
    );
    twice!("unassign", unassign(id));
    twice!("claim", claim(id, &assignee));
    twice!("note", add_note(id, "Regular customer."));
    let sent = store.reply(id, "Hi").unwrap().value;
    twice!("delivery", record_delivery(&sent, Receipt::read()));
    let provider_id = ProviderId::new("wamid.1").unwrap();
    twice!("id", set_provider_id(&sent, &provider_id));
    let unmatched = (Channel::Whatsapp, ProviderId::new("wamid.9").unwrap());
    twice!(
        "unmatched",
        record_delivery(unmatched.clone(), Receipt::read())
    );
    twice!("remove", remove_assignee(&assignee, None));
    twice!("delete", delete(id));
    conversation(&store);
    twice!("erase", erase_contact(&contact(1)));
    assert!(store.verify().unwrap().is_clean());
}

#[test]
fn a_key_of_another_command_is_reused() {
    let (store, _) = store();
    let id = conversation(&store);
    let request = store.with(key("k"));
    request.reply(id, "Hi").unwrap();
    let refused = [
        request.reply(id, "Hello").map(drop),
        request.resolve(id).map(drop),
        request.receive(hello()).map(drop),
    ];
    for refused in refused {
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::IdempotencyKeyReused);
    }
    assert_eq!(store.stats().unwrap().messages, 2);
}

#[test]
fn a_key_of_a_no_op_is_kept_and_that_of_a_rejected_command_is_not() {
    let (store, _) = store();
    let id = conversation(&store);
    let unassign = store.with(key("no-op"));
    assert!(!unassign.unassign(id).unwrap().effect.changed);
    let alice = UserId::new("usr_alice").unwrap();
    let assign = store.with(key("refused"));
    let unknown = assign.assign(id, AssigneeId::from(&alice)).unwrap_err();
    assert_eq!(unknown.kind(), ErrorKind::NotFound);
    store.save_user(&alice, "Alice").unwrap();
    assert!(
        assign
            .assign(id, AssigneeId::from(&alice))
            .unwrap()
            .effect
            .changed
    );
    let again = unassign.unassign(id).unwrap();
    assert!(again.is_duplicate && !again.effect.changed);
    assert_eq!(store.count(&Filter::open().unassigned()).unwrap(), 0);
}

#[test]
fn keys_expire_after_a_day_or_when_they_are_purged() {
    let (store, clock) = store();
    let id = conversation(&store);
    let messages = || store.stats().unwrap().messages;
    store.with(key("k")).reply(id, "Hi").unwrap();
    clock.advance(Duration::from_secs(24 * 60 * 60));
    assert!(store.with(key("k")).reply(id, "Hi").unwrap().is_duplicate);
    clock.advance(Duration::from_micros(1));
    assert!(!store.with(key("k")).reply(id, "Hi").unwrap().is_duplicate);
    assert_eq!(messages(), 3);

    clock.advance(Duration::from_secs(60));
    let minute = Duration::from_secs(60);
    assert_eq!(store.purge_idempotency_keys(minute).unwrap().value, 0);
    clock.advance(Duration::from_secs(1));
    let purged = store.purge_idempotency_keys(minute).unwrap();
    assert_eq!((purged.value, purged.effect.changed), (1, true));
    assert!(!store.with(key("k")).reply(id, "Hi").unwrap().is_duplicate);
    assert!(store.verify().unwrap().is_clean());
}

#[test]
fn expired_keys_are_purged_with_new_ones() {
    let clock = clock();
    let ttl = Duration::from_secs(10);
    let options: Options = options(&clock).idempotency_ttl(ttl);
    let store = options.open_in_memory().unwrap();
    let id = conversation(&store);
    for number in 0..100 {
        store
            .with(key(&number.to_string()))
            .add_note(id, "n")
            .unwrap();
        clock.advance(Duration::from_secs(1));
    }
    let kept = store.purge_idempotency_keys(Duration::ZERO).unwrap().value;
    assert_eq!(kept, 11);
}

#[test]
fn a_key_is_1_to_255_bytes_of_any_text() {
    let (store, _) = store();
    let id = conversation(&store);
    for bad in [String::new(), "k".repeat(256)] {
        let error = store.with(key(&bad)).reply(id, "Hi").unwrap_err();
        assert_eq!(
            (error.kind(), error.field()),
            (ErrorKind::InvalidInput, Some("idempotency_key"))
        );
    }
    for good in ["k".to_owned(), " \n".to_owned(), "ü".repeat(127)] {
        assert!(
            store
                .with(key(&good))
                .reply(id, "Hi")
                .unwrap()
                .effect
                .changed
        );
    }
}

#[test]
fn within_a_transaction_a_key_belongs_to_one_command_and_is_rolled_back_with_it() {
    let (store, _) = store();
    let id = conversation(&store);
    let rolled_back = store.transaction(|tx| {
        let keyed = tx.with(key("k"));
        keyed.reply(id, "Hi")?;
        let error = keyed.resolve(id).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::IdempotencyKeyReused);
        assert!(keyed.reply(id, "Hi")?.is_duplicate);
        Err::<(), _>(error)
    });
    assert!(rolled_back.is_err());
    assert!(!store.with(key("k")).reply(id, "Hi").unwrap().is_duplicate);
    assert_eq!(store.stats().unwrap().messages, 2);
}

#[test]
fn what_was_deleted_meanwhile_is_not_found() {
    let (store, _) = store();
    let id = conversation(&store);
    let request = store.with(key("k"));
    request.reply(id, "Hi").unwrap();
    store.delete(id).unwrap();
    assert_eq!(
        request.reply(id, "Hi").unwrap_err().kind(),
        ErrorKind::NotFound
    );
}

#[test]
fn a_key_holds_after_the_store_is_opened_again() {
    let place = Place::new();
    let clock = clock();
    let open = || place.open(options(&clock));
    let store = open();
    let id = conversation(&store);
    let alice = UserId::new("usr_alice").unwrap();
    store.save_user(&alice, "Alice").unwrap();
    let commands = |store: &Store| -> Result<Vec<(bool, Effect)>> {
        let of = |name: &str| store.with(key(name));
        let (contact, unassigned) = (contact(1), Filter::open().unassigned());
        let image = Content::image("https://example.com/1.jpg").caption("One");
        let image = Outbound::new(&contact, Channel::Whatsapp, image).reopen(false);
        let selection = Selection::first(&unassigned, 10)?;
        let at = clock_time(&clock);
        let hello = Inbound::text(&contact, Channel::Whatsapp, "Hello").provider_time(at);
        let retention = Retention::younger_than(Duration::from_secs(60 * 60));
        macro_rules! shown {
            ($($outcome:expr),*) => {
                vec![$({ let outcome = $outcome?; (outcome.is_duplicate, outcome.effect) }),*]
            };
        }
        Ok(shown!(
            of("receive").receive(hello),
            of("send").send(image),
            of("reply").reply(id, Reply::text("Hi").provider_id("wamid.1")),
            of("note").add_note(id, "Regular customer."),
            of("read").mark_read(id, 1),
            of("all").assign_all(&selection, &alice),
            of("resolve").resolve(id),
            of("purge").purge_events(retention),
            of("import").import(imported(at))
        ))
    };
    let first = commands(&store).unwrap();
    assert!(first.iter().all(|(is_duplicate, _)| !is_duplicate));
    let before = (store.commit_seq().unwrap(), store.stats().unwrap().messages);
    store.close().unwrap();

    // What is compared is the command itself, and not what its hash in one process would be.
    let store = open();
    let again = commands(&store).unwrap();
    for ((_, expected), (is_duplicate, effect)) in first.iter().zip(&again) {
        assert!(is_duplicate);
        assert_eq!(effect, expected);
    }
    assert_eq!(
        (store.commit_seq().unwrap(), store.stats().unwrap().messages),
        before
    );

    // Another command, and the same one with another argument.
    for other in [
        store.with(key("resolve")).unassign(id).map(drop),
        store
            .with(key("note"))
            .add_note(id, "New customer.")
            .map(drop),
        store.with(key("read")).mark_read(id, 0).map(drop),
    ] {
        let error = other.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::IdempotencyKeyReused);
        assert!(error.is_unchanged());
    }
    assert!(store.verify().unwrap().is_clean());
}

fn clock_time(clock: &ManualClock) -> DateTime<Utc> {
    clock.get() - chrono::TimeDelta::seconds(5)
}

/// An imported conversation of one message.
fn imported(at: DateTime<Utc>) -> Import {
    let id = ConversationId::from_parts(1, 1);
    let text = Content::text("From elsewhere");
    let message = Message::new(
        MessageId::from_parts(1, 2),
        id,
        Direction::Inbound,
        text,
        at,
    );
    let conversation = Conversation::new(id, contact(9), Channel::Webchat, at);
    Import::new(conversation, vec![message])
}

#[test]
fn the_actor_and_the_preconditions_are_not_part_of_the_command() {
    let (store, _) = store();
    let id = conversation(&store);
    let alice = UserId::new("usr_alice").unwrap();
    store.save_user(&alice, "Alice").unwrap();
    let claim = store.with(key("k").actor(&alice));
    assert!(claim.claim(id, &alice).unwrap().effect.changed);
    let other = store.with(key("k").if_assignee(None));
    assert!(other.assign(id, &alice).unwrap().is_duplicate);
}
