//! One command on many conversations: an item for each, in one commit.

use convodb::prelude::*;
use convodb::{
    AssigneeId, BatchItem, Channel, CommitSeq, Context, ConversationId, Details, EntityKind,
    ErrorKind, Filter, Inbound, PageRequest, Selection, Status, TeamId,
};

use convodb_testkit::fixture::{clock, options};
use convodb_testkit::op::contact;

const ABSENT: ConversationId = ConversationId::from_parts(1, 1);

/// A store with this many open conversations. The last one is the first of a list.
fn store(count: u8) -> (Store, Vec<ConversationId>) {
    let clock = clock();
    let store = options(&clock).open_in_memory().unwrap();
    let ids = (0..count).map(|number| {
        clock.advance(std::time::Duration::from_secs(1));
        let hello = Inbound::text(contact(number), Channel::Whatsapp, "Hello");
        store.receive(hello).unwrap().value.conversation_id
    });
    let ids = ids.collect();
    (store, ids)
}

fn billing(store: &Store) -> AssigneeId {
    let billing = TeamId::new("team_billing").unwrap();
    store.save_team(&billing, "Billing").unwrap();
    AssigneeId::from(billing)
}

/// Whether a conversation changed and was reopened, or why not.
type Done = Result<(bool, bool), ErrorKind>;

/// What each item of a bulk command did.
fn effects(items: &[BatchItem]) -> Vec<(ConversationId, Done)> {
    let items = items.iter().map(|item| {
        let effect = (item.effect.changed, item.effect.reopened);
        let result = item.result.as_ref();
        (
            item.id,
            result.map(|_| effect).map_err(|error| error.kind()),
        )
    });
    items.collect()
}

#[test]
fn each_conversation_has_its_item_and_all_are_one_commit() {
    let (store, ids) = store(4);
    let billing = billing(&store);
    store.assign(ids[1], &billing).unwrap();
    store.resolve(ids[2]).unwrap();
    let before = store.commit_seq().unwrap();
    let selection = Selection::ids([ids[2], ABSENT, ids[1], ids[0]]).unwrap();
    let assigned = store.assign_all(&selection, &billing).unwrap();
    assert!(assigned.effect.changed && assigned.effect.reopened);
    assert_eq!(store.commit_seq().unwrap(), before.next());
    for item in &assigned.value {
        match &item.result {
            Ok(known) => assert_eq!(known.assignee_id(), Some(&billing)),
            Err(error) => {
                let missing = Details::Entity {
                    kind: EntityKind::Conversation,
                    id: ABSENT.to_string(),
                };
                assert_eq!(*error.details(), missing);
            }
        }
    }
    assert_eq!(
        effects(&assigned.value),
        [
            (ids[2], Ok((true, true))),
            (ABSENT, Err(ErrorKind::NotFound)),
            (ids[1], Ok((false, false))),
            (ids[0], Ok((true, false))),
        ]
    );
    let filter = Filter::open().assigned_to(TeamId::new("team_billing").unwrap());
    assert_eq!(store.count(&filter).unwrap(), 3);
    let again = store.assign_all(&selection, &billing).unwrap();
    assert!(!again.effect.changed);
    assert_eq!(store.commit_seq().unwrap(), before.next());
    assert!(store.verify().unwrap().is_clean());
}

#[test]
fn the_first_of_a_list_are_those_of_its_first_pages() {
    let (store, ids) = store(250);
    let selection = Selection::first(&Filter::open(), 230).unwrap();
    let resolved = store.resolve_all(&selection).unwrap().value;
    let found: Vec<_> = resolved.iter().map(|item| item.id).collect();
    let expected: Vec<_> = ids.iter().rev().take(230).copied().collect();
    assert_eq!(found, expected);
    assert!(resolved.iter().all(|item| {
        let known = item.result.as_ref().unwrap();
        item.effect.changed && known.id == item.id && known.status == Status::Resolved
    }));
    assert_eq!(store.count(&Filter::open()).unwrap(), 20);
    let rest = store.resolve_all(&selection).unwrap().value;
    assert_eq!(rest.len(), 20);
    let none = store.resolve_all(&selection).unwrap();
    assert!(none.value.is_empty() && !none.effect.changed);
    let page = store
        .list(&Filter::resolved(), PageRequest::default())
        .unwrap();
    assert_eq!(page.total, 250);
}

#[test]
fn an_unknown_assignee_refuses_all() {
    let (store, ids) = store(1);
    let unknown = AssigneeId::from(TeamId::new("team_nobody").unwrap());
    let error = store.assign_all(&Selection::ids(ids).unwrap(), &unknown);
    assert_eq!(error.unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn a_selection_is_bounded_and_has_each_id_once() {
    let many = (0..1_001).map(|number| ConversationId::from_parts(number, 1));
    assert_eq!(Selection::ids(many.clone()).unwrap_err().field(), "ids");
    assert!(Selection::ids(many.take(1_000)).is_ok());
    assert_eq!(Selection::ids([ABSENT, ABSENT]).unwrap_err().field(), "ids");
    for limit in [0, 1_001] {
        let error = Selection::first(&Filter::open(), limit).unwrap_err();
        assert_eq!(error.field(), "limit");
    }
}

#[test]
fn an_outcome_names_the_commit_that_holds_its_key_alone() {
    let (store, ids) = store(2);
    let selection = Selection::ids(ids).unwrap();
    store.resolve_all(&selection).unwrap();
    let request = store.with(Context::new().idempotency_key("k"));
    let again = request.resolve_all(&selection).unwrap();
    assert_eq!(again.commit, Some(CommitSeq::new(4)));
    assert!(!again.effect.changed && !again.is_duplicate);
    assert!(again.value.iter().all(|item| !item.effect.changed));
}

#[test]
fn a_duplicate_has_the_effects_of_the_first_command() {
    let (store, ids) = store(3);
    store.resolve(ids[1]).unwrap();
    let request = store.with(Context::new().idempotency_key("k"));
    let selection = Selection::ids([ABSENT, ids[0], ids[1]]).unwrap();
    let first = effects(&request.resolve_all(&selection).unwrap().value);
    let before = store.commit_seq().unwrap();
    let again = request.resolve_all(&selection).unwrap();
    assert!(again.is_duplicate);
    assert_eq!(effects(&again.value), first);
    assert_eq!(store.commit_seq().unwrap(), before);
    let latest = Selection::first(&Filter::open(), 1).unwrap();
    let error = request.resolve_all(&latest).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::IdempotencyKeyReused);
}
