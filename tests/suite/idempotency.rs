//! Commands with idempotency keys: a request that is sent twice is done once.

use std::time::Duration;

use convodb::testing::ManualClock;
use convodb::{
    AssigneeId, Channel, Context, ConversationId, ErrorKind, Filter, Inbound, Options, Outbound,
    ProviderId, Receipt, Store, Takeover, TeamId, UserId,
};

use convodb_testkit::fixture::{clock, options};
use convodb_testkit::op::contact;

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
            assert!(first.changed && !first.duplicate, $key);
            let stands = store.stats().unwrap();
            clock.advance(Duration::from_secs(1));
            let again = request.$name($($argument),*).unwrap();
            assert!(again.duplicate, $key);
            assert_eq!(again.value, first.value, $key);
            assert_eq!(
                (again.changed, again.created, again.reopened),
                (first.changed, first.created, first.reopened),
                $key
            );
            assert_eq!(store.stats().unwrap(), stands, $key);
        };
    }
    twice!("user", put_user(&alice, "Alice"));
    twice!("team", put_team(&TeamId::new("team_a").unwrap(), "A"));
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
    let parked = (Channel::Whatsapp, ProviderId::new("wamid.9").unwrap());
    twice!("parked", record_delivery(parked.clone(), Receipt::read()));
    twice!("remove", remove_assignee(&assignee, &Takeover::Unassign));
    twice!("delete", delete(id));
    conversation(&store);
    twice!("erase", erase_contact(&contact(1)));
    assert!(store.verify().unwrap().is_clean());
}

#[test]
fn a_key_of_another_command_is_a_conflict() {
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
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::Conflict);
    }
    assert_eq!(store.stats().unwrap().messages, 2);
}

#[test]
fn a_no_op_is_kept_and_a_refusal_is_not() {
    let (store, _) = store();
    let id = conversation(&store);
    let unassign = store.with(key("no-op"));
    assert!(!unassign.unassign(id).unwrap().changed);
    let alice = UserId::new("usr_alice").unwrap();
    let assign = store.with(key("refused"));
    let unknown = assign.assign(id, &AssigneeId::from(&alice)).unwrap_err();
    assert_eq!(unknown.kind(), ErrorKind::NotFound);
    store.put_user(&alice, "Alice").unwrap();
    assert!(
        assign
            .assign(id, &AssigneeId::from(&alice))
            .unwrap()
            .changed
    );
    let again = unassign.unassign(id).unwrap();
    assert!(again.duplicate && !again.changed);
    assert_eq!(store.count(&Filter::open().unassigned()).unwrap(), 0);
}

#[test]
fn keys_are_forgotten_after_a_day_or_when_told_to() {
    let (store, clock) = store();
    let id = conversation(&store);
    let messages = || store.stats().unwrap().messages;
    store.with(key("k")).reply(id, "Hi").unwrap();
    clock.advance(Duration::from_secs(24 * 60 * 60));
    assert!(store.with(key("k")).reply(id, "Hi").unwrap().duplicate);
    clock.advance(Duration::from_micros(1));
    assert!(!store.with(key("k")).reply(id, "Hi").unwrap().duplicate);
    assert_eq!(messages(), 3);

    clock.advance(Duration::from_secs(60));
    let minute = Duration::from_secs(60);
    assert_eq!(store.purge_idempotency_keys(minute).unwrap().value, 0);
    clock.advance(Duration::from_secs(1));
    let purged = store.purge_idempotency_keys(minute).unwrap();
    assert_eq!((purged.value, purged.changed), (1, true));
    assert!(!store.with(key("k")).reply(id, "Hi").unwrap().duplicate);
    assert!(store.verify().unwrap().is_clean());
}

#[test]
fn old_keys_go_by_themselves() {
    let clock = clock();
    let age = Duration::from_secs(10);
    let options: Options = options(&clock).idempotency_age(age);
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
            (ErrorKind::Invalid, Some("idempotency_key"))
        );
    }
    for good in ["k".to_owned(), " \n".to_owned(), "ü".repeat(127)] {
        assert!(store.with(key(&good)).reply(id, "Hi").unwrap().changed);
    }
}

#[test]
fn within_a_transaction_a_key_is_one_commands_and_goes_with_it() {
    let (store, _) = store();
    let id = conversation(&store);
    let rolled_back = store.transaction(|tx| {
        tx.set_context(key("k"));
        tx.reply(id, "Hi")?;
        let error = tx.resolve(id).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict);
        assert!(tx.reply(id, "Hi")?.duplicate);
        Err::<(), _>(error)
    });
    assert!(rolled_back.is_err());
    assert!(!store.with(key("k")).reply(id, "Hi").unwrap().duplicate);
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
