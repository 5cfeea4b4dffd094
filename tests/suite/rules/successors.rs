//! A removed assignee's conversations show the successor at once, and are stored under it later.
//!
//! Here the tests alone reassign conversations.

use convodb::{
    Actor, AssigneeId, Channel, ConsumerName, ConsumerStart, ContactId, Context, Conversation,
    ConversationId, ErrorKind, Event, EventKind, EventSeq, Execute, Filter, PageRequest, Revision,
    Selection, UserId,
};

use super::inbox::{Inbox, assignee, name};
use crate::details::{holder, revision};
use crate::store::{Read, reassign_now, test};

/// This many conversations of an assignee, the oldest first.
fn conversations_of(inbox: &Inbox, who: &AssigneeId, count: usize) -> Vec<ConversationId> {
    let of = |number| {
        let id = inbox.hello(&format!("con_{who}_{number}")).conversation_id;
        inbox.later();
        inbox.store.assign(id, who).unwrap();
        id
    };
    (0..count).map(of).collect()
}

fn remove(inbox: &Inbox, who: &AssigneeId, successor: &AssigneeId) -> u64 {
    let removed = inbox.store.remove_assignee(who, Some(successor)).unwrap();
    assert!(removed.effect.changed && !removed.effect.reopened);
    removed.value
}

fn to_reassign(inbox: &Inbox) -> u64 {
    inbox.store.stats().unwrap().to_reassign
}

/// The conversation as every query shows it. All must agree.
fn seen(inbox: &Inbox, id: ConversationId, filter: &Filter) -> Conversation {
    let store = &inbox.store;
    let shown = inbox.show(id);
    let found = store
        .find_conversation(&shown.contact_id, shown.channel)
        .unwrap();
    assert_eq!(found.as_ref(), Some(&shown));
    let rank = store.rank(id, filter).unwrap().expect("it is selected");
    let page = store.list(filter, PageRequest::number(1, 100).unwrap());
    let page = page.unwrap();
    let listed = shown.clone().into_listed();
    assert_eq!(page.data[usize::try_from(rank).unwrap()], listed);
    assert_eq!(page.total, store.count(filter).unwrap());
    assert_eq!(
        store.counts(std::slice::from_ref(filter)).unwrap(),
        [page.total]
    );
    let around = store
        .list(filter, PageRequest::around(id, 1).unwrap())
        .unwrap();
    assert_eq!(around.data, [listed]);
    shown
}

/// All conversations as they show, and how many each filter selects. Reassigning must not change it.
fn all_that_shows(inbox: &Inbox, filters: &[Filter]) -> (Vec<Conversation>, Vec<u64>) {
    let page = PageRequest::number(1, 100).unwrap();
    let rows = inbox.store.list(&Filter::all(), page).unwrap().data;
    for row in &rows {
        assert_eq!(inbox.show(row.id).into_listed(), *row);
    }
    (rows, inbox.store.counts(filters).unwrap())
}

/// The assignee after and before each assignment and unassignment.
fn moves(events: &[Event]) -> Vec<(Option<&str>, Option<&str>)> {
    let found = events.iter().filter_map(|event| match &event.kind {
        EventKind::ConversationAssigned {
            assigned_to,
            previously_assigned_to: before,
        } => Some((Some(assigned_to), before.as_ref())),
        EventKind::ConversationUnassigned {
            previously_assigned_to: before,
        } => Some((None, Some(before))),
        _ => None,
    });
    found
        .map(|(now, before)| (now.map(AssigneeId::as_str), before.map(AssigneeId::as_str)))
        .collect()
}

#[test]
fn a_successor_shows_everywhere_before_any_conversation_is_reassigned() {
    let inbox = Inbox::by_hand();
    let (alice, bob) = (inbox.user("usr_a", "Alice"), inbox.team("bob", "Bob"));
    let hers = conversations_of(&inbox, &alice, 5);
    let his = conversations_of(&inbox, &bob, 2);
    inbox.store.resolve(hers[0]).unwrap();
    inbox.store.mark_read(hers[1], 1).unwrap();
    let before: Vec<_> = hers.iter().map(|id| inbox.show(*id)).collect();
    let old = inbox.store.snapshot().unwrap();
    inbox.later();
    assert_eq!(remove(&inbox, &alice, &bob), 5);
    assert_eq!(to_reassign(&inbox), 5);

    let of_bob = Filter::all().assigned_to(&bob);
    for (id, before) in hers.iter().zip(before) {
        let mut expected = before;
        expected.assigned_to = inbox.store.assignee(&bob).ok();
        expected.revision = expected.revision.next();
        assert_eq!(seen(&inbox, *id, &of_bob), expected);
        seen(&inbox, *id, &Filter::all());
        assert_eq!(assignee(&old.conversation(*id).unwrap()), Some(&alice));
    }
    let of_alice = Filter::all().assigned_to(&alice);
    let filters = [
        of_bob.clone(),
        Filter::open().assigned_to(&bob),
        Filter::resolved().assigned_to(&bob),
        of_bob.clone().unread(),
        of_bob.clone().channel(Channel::Whatsapp),
        of_bob.clone().unassigned(),
        of_alice.clone(),
        of_alice.clone().assigned_to(&bob),
    ];
    let counts = [7, 6, 1, 6, 7, 7, 0, 7];
    let showed = all_that_shows(&inbox, &filters);
    assert_eq!(showed.1, counts);
    let unread = inbox.store.list(&filters[3], PageRequest::default());
    assert!(unread.unwrap().data.iter().all(|row| row.id != hers[1]));
    let unknown = inbox.store.assignee(&alice).unwrap_err();
    assert_eq!(unknown.kind(), ErrorKind::NotFound);
    let refused = inbox.store.assign(his[0], &alice).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::NotFound);
    inbox.assert_sound();

    // Step by step, the same shows.
    for left in (0..5).rev() {
        assert_eq!(reassign_now(&inbox.store, 1).unwrap().len(), 1);
        assert_eq!(to_reassign(&inbox), left);
        assert_eq!(all_that_shows(&inbox, &filters), showed);
        inbox.assert_sound();
    }
    let commit = inbox.store.commit_seq().unwrap();
    assert!(reassign_now(&inbox.store, 1).unwrap().is_empty());
    assert_eq!(inbox.store.commit_seq().unwrap(), commit);
    assert_eq!(old.count(&of_alice).unwrap(), 5);
}

#[test]
fn a_successor_may_be_removed_in_turn() {
    let inbox = Inbox::by_hand();
    let [alice, bob, carol] =
        ["usr_a", "usr_b", "usr_c"].map(|id| inbox.user(id, &format!("name of {id}")));
    let hers = conversations_of(&inbox, &alice, 3);
    let his = conversations_of(&inbox, &bob, 1);
    assert_eq!(remove(&inbox, &alice, &bob), 3);
    assert_eq!(remove(&inbox, &bob, &carol), 4);
    inbox.user("usr_c", "Carol");
    let of_carol = Filter::all().assigned_to(&carol);
    for id in hers.iter().chain(&his) {
        assert_eq!(name(&seen(&inbox, *id, &of_carol)), Some("Carol"));
    }
    assert_eq!(inbox.show(hers[0]).revision, Revision::new(3));
    assert_eq!(inbox.show(his[0]).revision, Revision::new(2));
    inbox.assert_sound();

    // One is reassigned in between; then all are unassigned.
    assert_eq!(reassign_now(&inbox.store, 1).unwrap().len(), 1);
    let unassigned = inbox.store.remove_assignee(&carol, None);
    assert_eq!(unassigned.unwrap().value, 4);
    let unassigned = Filter::all().unassigned();
    for id in hers.iter().chain(&his) {
        assert_eq!(assignee(&seen(&inbox, *id, &unassigned)), None);
    }
    inbox.assert_sound();
    assert_eq!(reassign_now(&inbox.store, 100).unwrap().len(), 4);
    inbox.assert_sound();
    let chain = [
        (Some("usr_a"), None),
        (Some("usr_b"), Some("usr_a")),
        (Some("usr_c"), Some("usr_b")),
        (None, Some("usr_c")),
    ];
    for id in &hers {
        let log = inbox.store.audit_log(*id).unwrap();
        assert_eq!(moves(&log), chain);
        assert_eq!(inbox.show(*id).revision, Revision::new(4));
    }
    assert_eq!(moves(&inbox.store.audit_log(his[0]).unwrap()).len(), 3);
    assert_eq!(to_reassign(&inbox), 0);
}

#[test]
fn an_id_can_be_added_again_while_its_old_conversations_are_still_stored_under_it() {
    let inbox = Inbox::by_hand();
    let (alice, bob) = (inbox.user("usr_a", "Alice"), inbox.user("usr_b", "Bob"));
    let old = conversations_of(&inbox, &alice, 2);
    remove(&inbox, &alice, &bob);
    assert_eq!(inbox.user("usr_a", "Another"), alice);
    let new = inbox.hello("con_new").conversation_id;
    inbox.store.assign(new, &alice).unwrap();
    let (of_alice, of_bob) = (
        Filter::all().assigned_to(&alice),
        Filter::all().assigned_to(&bob),
    );
    let filters = [of_alice.clone(), of_bob];
    assert_eq!(inbox.store.counts(&filters).unwrap(), [1, 2]);
    assert_eq!(name(&seen(&inbox, new, &of_alice)), Some("Another"));

    // The successor is removed in favour of the new assignee: they come back.
    remove(&inbox, &bob, &alice);
    assert_eq!(inbox.store.counts(&filters).unwrap(), [3, 0]);
    for id in &old {
        assert_eq!(name(&seen(&inbox, *id, &of_alice)), Some("Another"));
        assert_eq!(inbox.show(*id).revision, Revision::new(3));
    }
    inbox.assert_sound();
    assert_eq!(reassign_now(&inbox.store, 100).unwrap().len(), 2);
    assert_eq!(inbox.store.counts(&filters).unwrap(), [3, 0]);
    let back = [
        (Some("usr_a"), None),
        (Some("usr_b"), Some("usr_a")),
        (Some("usr_a"), Some("usr_b")),
    ];
    assert_eq!(moves(&inbox.store.audit_log(old[0]).unwrap()), back);
    inbox.assert_sound();
}

#[test]
fn each_reassignment_has_an_event_with_the_actor_and_the_time_of_the_removal() {
    let inbox = Inbox::by_hand();
    let (alice, bob) = (inbox.user("usr_a", "Alice"), inbox.user("usr_b", "Bob"));
    let hers = conversations_of(&inbox, &alice, 3);
    let begun = inbox.store.stats().unwrap().newest_event;
    let after = |count| EventSeq::new(begun.get() + count);
    let webhooks = ConsumerName::new("webhooks").unwrap();
    let added = inbox.store.add_consumer(&webhooks, ConsumerStart::Newest);
    assert_eq!(added.unwrap().value, begun);
    let removed_at = inbox.later();
    let boss = Actor::new("usr_boss").unwrap();
    let by_boss = inbox.store.with(Context::new().actor(boss.clone()));
    by_boss.remove_assignee(&alice, Some(&bob)).unwrap();
    assert_eq!(inbox.store.stats().unwrap().newest_event, begun);
    let reassigned_at = inbox.later();
    let first = reassign_now(&inbox.store, 2).unwrap();

    let events = inbox.store.events(begun, 100).unwrap();
    let of: Vec<_> = events
        .iter()
        .map(|event| event.subject.conversation_id().unwrap())
        .collect();
    assert_eq!(of, first);
    for (event, number) in events.iter().zip(1..) {
        let mut expected = Event::new(
            after(number),
            reassigned_at,
            event.subject.conversation_id().unwrap(),
            EventKind::ConversationAssigned {
                assigned_to: bob.clone(),
                previously_assigned_to: Some(alice.clone()),
            },
        );
        expected.actor = Some(boss.clone());
        expected.effective_at = Some(removed_at);
        assert_eq!(*event, expected);
        let log = inbox
            .store
            .audit_log(event.subject.conversation_id().unwrap())
            .unwrap();
        assert_eq!(log.last(), Some(event));
    }
    let json = serde_json::to_value(&events[0]).unwrap();
    assert_eq!(json["effective_at"], "2026-04-16T09:04:00Z");
    assert_eq!(json["created_at"], "2026-04-16T09:05:00Z");
    assert_eq!(json["actor"], "usr_boss");
    inbox.store.acknowledge(&webhooks, after(2)).unwrap();
    reassign_now(&inbox.store, 2).unwrap();
    let last = inbox.store.events(after(2), 100).unwrap();
    assert_eq!(last.len(), 1);
    assert!(hers.contains(&last[0].subject.conversation_id().unwrap()));
    assert_eq!(last[0].seq, after(3));
}

#[test]
fn a_command_on_a_conversation_that_waits_sees_the_successor_and_reassigns_it() {
    let inbox = Inbox::by_hand();
    let store = &inbox.store;
    let (alice, bob) = (inbox.user("usr_a", "Alice"), inbox.user("usr_b", "Bob"));
    let hers = conversations_of(&inbox, &alice, 9);
    remove(&inbox, &alice, &bob);
    let begun = store.stats().unwrap().newest_event;

    // A command that changes nothing reassigns nothing.
    assert!(!store.assign(hers[0], &bob).unwrap().effect.changed);
    assert_eq!(to_reassign(&inbox), 9);
    let message = store.transcript(hers[1]).unwrap().messages[0].clone();
    assert!(store.resolve(hers[0]).unwrap().effect.changed);
    store
        .record_delivery(&message, convodb::Receipt::read())
        .unwrap();
    assert!(store.mark_read(hers[2], 1).unwrap().effect.changed);
    store.add_note(hers[3], "A note.").unwrap();
    inbox.hello(&format!("con_{alice}_4"));
    let unassigned = store.unassign(hers[5]).unwrap().value;
    assert_eq!(unassigned.revision, Revision::new(3));
    store.delete(hers[6]).unwrap();
    let erased = ContactId::new(&format!("con_{alice}_7")).unwrap();
    assert_eq!(store.erase_contact(&erased).unwrap().value, 1);
    assert_eq!(to_reassign(&inbox), 1);
    inbox.assert_sound();
    let later = store.events(begun, 100).unwrap();
    let reassigned = (Some("usr_b"), Some("usr_a"));
    for (number, id) in hers[..8].iter().enumerate() {
        let of_it: Vec<_> = later
            .iter()
            .filter(|event| event.subject == (*id).into())
            .cloned()
            .collect();
        assert_eq!(moves(&of_it[..1]), [reassigned], "first, of {number}");
    }
    let types = |id: ConversationId| {
        let of_it = later.iter().filter(|event| event.subject == id.into());
        of_it.map(|event| event.kind.as_str()).collect::<Vec<_>>()
    };
    let (assigned, deleted) = ("conversation.assigned", "conversation.deleted");
    assert_eq!(types(hers[0]), [assigned, "conversation.resolved"]);
    assert_eq!(types(hers[2]), [assigned, "conversation.read"]);
    assert_eq!(types(hers[6]), [assigned, deleted]);

    // The step finds the last one alone.
    assert_eq!(reassign_now(store, 100).unwrap(), [hers[8]]);
    assert_eq!(to_reassign(&inbox), 0);
    assert_eq!(
        store.count(&Filter::all().assigned_to(&bob)).unwrap(),
        6,
        "two are deleted, and one is unassigned"
    );
    inbox.assert_sound();
}

#[test]
fn preconditions_see_the_successor_at_once() {
    let inbox = Inbox::by_hand();
    let store = &inbox.store;
    let (alice, bob) = (inbox.user("usr_a", "Alice"), inbox.user("usr_b", "Bob"));
    let hers = conversations_of(&inbox, &alice, 4);
    let seen_before = inbox.show(hers[0]).revision;
    remove(&inbox, &alice, &bob);

    let as_seen = inbox.if_revision(seen_before);
    let stale = as_seen.resolve(hers[0]).unwrap_err();
    assert_eq!(revision(&stale), seen_before.next());
    let stale = as_seen.reply(hers[0], "Hello").unwrap_err();
    assert_eq!(revision(&stale), seen_before.next());
    let present = inbox.show(hers[0]).revision;
    let resolved = inbox.if_revision(present).resolve(hers[0]).unwrap();
    assert_eq!(resolved.value.revision, present.next());
    // A conversation that is reassigned in between has the same revision.
    let as_seen = inbox.if_revision(inbox.show(hers[3]).revision);
    reassign_now(store, 100).unwrap();
    assert!(as_seen.resolve(hers[3]).unwrap().effect.changed);

    let carol = inbox.user("usr_c", "Carol");
    remove(&inbox, &bob, &carol);
    let dave = inbox.user("usr_d", "Dave");
    let taken = store.claim(hers[1], &dave).unwrap_err();
    assert_eq!(holder(&taken), Some(&carol));
    let taken = inbox
        .if_assignee(Some(&bob))
        .assign(hers[1], &dave)
        .unwrap_err();
    assert_eq!(holder(&taken), Some(&carol));
    let moved = inbox
        .if_assignee(Some(&carol))
        .assign(hers[1], &dave)
        .unwrap();
    assert_eq!(assignee(&moved.value), Some(&dave));
    store.remove_assignee(&carol, None).unwrap();
    let claimed = store.claim(hers[2], &dave).unwrap();
    assert_eq!(assignee(&claimed.value), Some(&dave));
    inbox.assert_sound();
}

#[test]
fn a_transaction_that_assigns_and_removes_sees_both() {
    let inbox = Inbox::by_hand();
    let store = &inbox.store;
    let [alice, bob, carol] = ["usr_a", "usr_b", "usr_c"].map(|id| inbox.user(id, id));
    let ids: Vec<_> = (0..3)
        .map(|number| inbox.hello(&format!("con_{number}")).conversation_id)
        .collect();
    let of_carol = Filter::all().assigned_to(&carol);
    store
        .transaction(|tx| {
            tx.assign_all(&Selection::ids(ids.clone())?, &alice)?;
            assert_eq!(tx.remove_assignee(&alice, Some(&bob))?.value, 3);
            tx.save_user(&UserId::new("usr_a")?, "Again")?;
            tx.assign(ids[0], &alice)?;
            assert_eq!(tx.remove_assignee(&bob, Some(&carol))?.value, 2);
            assert_eq!(tx.count(&of_carol)?, 2);
            assert_eq!(assignee(&tx.conversation(ids[0])?), Some(&alice));
            Ok::<_, convodb::Error>(())
        })
        .unwrap();
    assert_eq!(store.count(&of_carol).unwrap(), 2);
    assert_eq!(to_reassign(&inbox), 2);
    inbox.assert_sound();

    // A transaction that is rolled back leaves all as it was.
    let kept = all_that_shows(&inbox, std::slice::from_ref(&of_carol));
    let rolled_back = store.transaction(|tx| {
        tx.remove_assignee(&carol, None)?;
        tx.resolve(ids[1])?;
        assert_eq!(tx.count(&of_carol)?, 0);
        Err::<(), _>(tx.resolve(ConversationId::from_parts(1, 1)).unwrap_err())
    });
    assert_eq!(rolled_back.unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(all_that_shows(&inbox, &[of_carol]), kept);
    assert_eq!(to_reassign(&inbox), 2);
    inbox.assert_sound();
}

#[test]
fn a_filter_of_64_assignees_counts_what_each_got_as_a_successor() {
    let inbox = Inbox::by_hand();
    let mut filter = Filter::all();
    // Each of 64 is the successor of a successor.
    for number in 0..Filter::MAX_ASSIGNEES {
        let [first, second, last] =
            ["1", "2", "3"].map(|part| inbox.user(&format!("usr_{number}_{part}"), "Name"));
        conversations_of(&inbox, &first, 1);
        conversations_of(&inbox, &second, 1);
        remove(&inbox, &first, &second);
        assert_eq!(remove(&inbox, &second, &last), 2);
        filter = filter.assigned_to(&last);
    }
    let whole = inbox
        .store
        .list(&filter, PageRequest::number(2, 100).unwrap());
    let whole = whole.unwrap();
    assert_eq!((whole.total, whole.data.len()), (128, 28));
    let all = inbox
        .store
        .list(&Filter::all(), PageRequest::number(2, 100).unwrap());
    assert_eq!(all.unwrap().data, whole.data);
    let last = &whole.data[27];
    assert_eq!(inbox.store.rank(last.id, &filter).unwrap(), Some(127));
    inbox.assert_sound();
}
