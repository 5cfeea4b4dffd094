//! One command on many conversations: an answer for each, in one transaction.

use convodb::{
    AssigneeId, Channel, Context, ConversationId, ErrorKind, Filter, Inbound, PageRequest, Status,
    Store, Targets, TeamId,
};

use convodb_testkit::fixture::{clock, options};
use convodb_testkit::op::contact;

const ABSENT: ConversationId = ConversationId::from_parts(1, 1);

/// A store with so many open conversations, of which the last is the first of a list.
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
    store.put_team(&billing, "Billing").unwrap();
    AssigneeId::from(billing)
}

#[test]
fn each_is_answered_for_itself_and_all_are_one_commit() {
    let (store, ids) = store(4);
    let billing = billing(&store);
    store.assign(ids[1], &billing).unwrap();
    store.resolve(ids[2]).unwrap();
    let before = store.sequence().unwrap();
    let targets = Targets::ids([ids[2], ABSENT, ids[1], ids[0]]).unwrap();
    let assigned = store.assign_all(&targets, &billing).unwrap();
    assert!(assigned.changed && assigned.reopened);
    assert_eq!(store.sequence().unwrap(), before + 1);
    let told: Vec<_> = assigned
        .value
        .into_iter()
        .map(|(id, each)| {
            (
                id,
                each.map(|each| (each.changed, each.reopened))
                    .map_err(|e| e.kind()),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            (ids[2], Ok((true, true))),
            (ABSENT, Err(ErrorKind::NotFound)),
            (ids[1], Ok((false, false))),
            (ids[0], Ok((true, false))),
        ]
    );
    let filter = Filter::open().assigned_to(TeamId::new("team_billing").unwrap());
    assert_eq!(store.count(&filter).unwrap(), 3);
    let again = store.assign_all(&targets, &billing).unwrap();
    assert!(!again.changed);
    assert_eq!(store.sequence().unwrap(), before + 1);
    assert!(store.verify().unwrap().is_clean());
}

#[test]
fn the_first_of_a_list_are_those_of_its_first_pages() {
    let (store, ids) = store(250);
    let targets = Targets::first(&Filter::open(), 230).unwrap();
    let resolved = store.resolve_all(&targets).unwrap().value;
    let told: Vec<_> = resolved.iter().map(|(id, _)| *id).collect();
    let expected: Vec<_> = ids.iter().rev().take(230).copied().collect();
    assert_eq!(told, expected);
    assert!(resolved.iter().all(|(_, each)| {
        let each = each.as_ref().unwrap();
        each.changed && each.value.status == Status::Resolved
    }));
    assert_eq!(store.count(&Filter::open()).unwrap(), 20);
    let rest = store.resolve_all(&targets).unwrap().value;
    assert_eq!(rest.len(), 20);
    let nobody = store.resolve_all(&targets).unwrap();
    assert!(nobody.value.is_empty() && !nobody.changed);
    let page = store
        .list(&Filter::resolved(), PageRequest::default())
        .unwrap();
    assert_eq!(page.total, 250);
}

#[test]
fn an_unknown_assignee_refuses_all() {
    let (store, ids) = store(1);
    let nobody = AssigneeId::from(TeamId::new("team_nobody").unwrap());
    let error = store.assign_all(&Targets::ids(ids).unwrap(), &nobody);
    assert_eq!(error.unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn targets_are_bounded_and_name_each_once() {
    let many = (0..1_001).map(|number| ConversationId::from_parts(number, 1));
    assert_eq!(Targets::ids(many.clone()).unwrap_err().field(), "ids");
    assert!(Targets::ids(many.take(1_000)).is_ok());
    assert_eq!(Targets::ids([ABSENT, ABSENT]).unwrap_err().field(), "ids");
    for limit in [0, 1_001] {
        let error = Targets::first(&Filter::open(), limit).unwrap_err();
        assert_eq!(error.field(), "limit");
    }
}

#[test]
fn each_names_the_commit_of_all_where_a_key_is_all_that_it_holds() {
    let (store, ids) = store(2);
    let targets = Targets::ids(ids).unwrap();
    store.resolve_all(&targets).unwrap();
    let request = store.with(Context::new().idempotency_key("k"));
    let again = request.resolve_all(&targets).unwrap();
    assert_eq!((again.changed, again.sequence), (false, 4));
    for (_, each) in again.value {
        assert_eq!(each.unwrap().sequence, 4);
    }
}

#[test]
fn a_key_answers_what_was_done_to_each() {
    let (store, ids) = store(3);
    store.resolve(ids[1]).unwrap();
    let request = store.with(Context::new().idempotency_key("k"));
    let targets = Targets::ids([ABSENT, ids[0], ids[1]]).unwrap();
    let flags = |outcome: convodb::Outcome<convodb::Each>| {
        let each = outcome.value.into_iter();
        each.map(|(id, each)| {
            (
                id,
                each.map(|each| each.changed).map_err(|error| error.kind()),
            )
        })
        .collect::<Vec<_>>()
    };
    let first = flags(request.resolve_all(&targets).unwrap());
    let before = store.sequence().unwrap();
    let again = request.resolve_all(&targets).unwrap();
    assert!(again.duplicate);
    assert_eq!(flags(again), first);
    assert_eq!(store.sequence().unwrap(), before);
    let latest = Targets::first(&Filter::open(), 1).unwrap();
    let error = request.resolve_all(&latest).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
}
