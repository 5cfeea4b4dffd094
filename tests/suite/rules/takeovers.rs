//! R11: a takeover shows at once, however many conversations it is of, and each is filed so later.
//!
//! Nothing is filed here before the test says so.

use convodb::testing::refile;
use convodb::{
    Actor, AssigneeId, Channel, ContactId, Context, Conversation, ConversationId, ErrorKind, Event,
    EventKind, Filter, PageRequest, Takeover, Targets, UserId,
};

use super::inbox::{Inbox, assignee, name};

/// So many conversations of one, the oldest first.
fn conversations_of(inbox: &Inbox, who: &AssigneeId, count: usize) -> Vec<ConversationId> {
    let of = |number| {
        let id = inbox.hello(&format!("con_{who}_{number}")).conversation_id;
        inbox.later();
        inbox.store.assign(id, who).unwrap();
        id
    };
    (0..count).map(of).collect()
}

fn remove(inbox: &Inbox, who: &AssigneeId, by: &AssigneeId) -> u64 {
    let takeover = Takeover::By(by.clone());
    let removed = inbox.store.remove_assignee(who, &takeover).unwrap();
    assert!(removed.changed && !removed.reopened);
    removed.value
}

fn to_refile(inbox: &Inbox) -> u64 {
    inbox.store.stats().unwrap().to_refile
}

/// What every read says of a conversation, which must be one.
fn seen(inbox: &Inbox, id: ConversationId, filter: &Filter) -> Conversation {
    let store = &inbox.store;
    let shown = inbox.show(id);
    let found = store.find(&shown.contact_id, shown.channel).unwrap();
    assert_eq!(found.as_ref(), Some(&shown));
    let rank = store.rank(id, filter).unwrap().expect("it is selected");
    let page = store.list(filter, PageRequest::new(1, 100).unwrap());
    let page = page.unwrap();
    assert_eq!(page.data[usize::try_from(rank).unwrap()], shown);
    assert_eq!(page.total, store.count(filter).unwrap());
    assert_eq!(
        store.counts(std::slice::from_ref(filter)).unwrap(),
        [page.total]
    );
    let around = store.list_around(id, filter, 1).unwrap().unwrap();
    assert_eq!(around.data, std::slice::from_ref(&shown));
    shown
}

/// What is shown of all of them, and how many each filter selects: what filing must not change.
fn all_that_shows(inbox: &Inbox, filters: &[Filter]) -> (Vec<Conversation>, Vec<u64>) {
    let page = PageRequest::new(1, 100).unwrap();
    let rows = inbox.store.list(&Filter::all(), page).unwrap().data;
    for row in &rows {
        assert_eq!(inbox.show(row.id), *row);
    }
    (rows, inbox.store.counts(filters).unwrap())
}

/// The assignments and unassignments behind an event, as who has it now and who had it.
fn moves(events: &[Event]) -> Vec<(Option<&str>, Option<&str>)> {
    let told = events.iter().filter_map(|event| match &event.kind {
        EventKind::ConversationAssigned {
            assigned_to,
            previously_assigned_to: before,
        } => Some((Some(assigned_to), before.as_ref())),
        EventKind::ConversationUnassigned {
            previously_assigned_to: before,
        } => Some((None, Some(before))),
        _ => None,
    });
    told.map(|(now, before)| (now.map(AssigneeId::as_str), before.map(AssigneeId::as_str)))
        .collect()
}

#[test]
fn r11_a_takeover_shows_everywhere_before_any_conversation_is_filed_anew() {
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
    assert_eq!(to_refile(&inbox), 5);

    let of_bob = Filter::all().assigned_to(&bob);
    for (id, before) in hers.iter().zip(before) {
        let mut expected = before;
        expected.assigned_to = inbox.store.assignee(&bob).ok();
        expected.revision += 1;
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
        assert_eq!(refile(&inbox.store, 1).unwrap().len(), 1);
        assert_eq!(to_refile(&inbox), left);
        assert_eq!(all_that_shows(&inbox, &filters), showed);
        inbox.assert_sound();
    }
    let sequence = inbox.store.sequence().unwrap();
    assert!(refile(&inbox.store, 1).unwrap().is_empty());
    assert_eq!(inbox.store.sequence().unwrap(), sequence);
    assert_eq!(old.count(&of_alice).unwrap(), 5);
}

#[test]
fn r11_who_takes_over_may_be_removed_in_turn() {
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
    assert_eq!(inbox.show(hers[0]).revision, 3);
    assert_eq!(inbox.show(his[0]).revision, 2);
    inbox.assert_sound();

    // One is filed in between; then nobody has them.
    assert_eq!(refile(&inbox.store, 1).unwrap().len(), 1);
    let unassigned = inbox.store.remove_assignee(&carol, &Takeover::Unassign);
    assert_eq!(unassigned.unwrap().value, 4);
    let of_nobody = Filter::all().unassigned();
    for id in hers.iter().chain(&his) {
        assert_eq!(assignee(&seen(&inbox, *id, &of_nobody)), None);
    }
    inbox.assert_sound();
    assert_eq!(refile(&inbox.store, 100).unwrap().len(), 4);
    inbox.assert_sound();
    let chain = [
        (Some("usr_a"), None),
        (Some("usr_b"), Some("usr_a")),
        (Some("usr_c"), Some("usr_b")),
        (None, Some("usr_c")),
    ];
    for id in &hers {
        let history = inbox.store.history(*id).unwrap();
        assert_eq!(moves(&history), chain);
        assert_eq!(inbox.show(*id).revision, 4);
    }
    assert_eq!(moves(&inbox.store.history(his[0]).unwrap()).len(), 3);
    assert_eq!(to_refile(&inbox), 0);
}

#[test]
fn r11_an_id_can_be_made_anew_while_its_old_conversations_are_still_filed_under_it() {
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

    // Who took them over is removed in favour of the new one: they come back.
    remove(&inbox, &bob, &alice);
    assert_eq!(inbox.store.counts(&filters).unwrap(), [3, 0]);
    for id in &old {
        assert_eq!(name(&seen(&inbox, *id, &of_alice)), Some("Another"));
        assert_eq!(inbox.show(*id).revision, 3);
    }
    inbox.assert_sound();
    assert_eq!(refile(&inbox.store, 100).unwrap().len(), 2);
    assert_eq!(inbox.store.counts(&filters).unwrap(), [3, 0]);
    let back = [
        (Some("usr_a"), None),
        (Some("usr_b"), Some("usr_a")),
        (Some("usr_a"), Some("usr_b")),
    ];
    assert_eq!(moves(&inbox.store.history(old[0]).unwrap()), back);
    inbox.assert_sound();
}

#[test]
fn r11_each_takeover_has_its_event_by_whom_and_since_when_when_the_conversation_is_filed() {
    let inbox = Inbox::by_hand();
    let (alice, bob) = (inbox.user("usr_a", "Alice"), inbox.user("usr_b", "Bob"));
    let hers = conversations_of(&inbox, &alice, 3);
    let begun = inbox.store.stats().unwrap().newest_event;
    let mut consumer = inbox.store.consumer("webhooks").unwrap();
    consumer.ack(begun).unwrap();
    let removed_at = inbox.later();
    let boss = Actor::new("usr_boss").unwrap();
    let by_boss = inbox.store.with(Context::new().actor(boss.clone()));
    let takeover = Takeover::By(bob.clone());
    by_boss.remove_assignee(&alice, &takeover).unwrap();
    assert_eq!(inbox.store.stats().unwrap().newest_event, begun);
    let filed_at = inbox.later();
    let first = refile(&inbox.store, 2).unwrap();

    let events = consumer.next(100).unwrap();
    let of: Vec<_> = events.iter().map(|event| event.conversation_id).collect();
    assert_eq!(of, first);
    for (event, number) in events.iter().zip(begun + 1..) {
        let mut expected = Event::new(
            number,
            filed_at,
            event.conversation_id,
            EventKind::ConversationAssigned {
                assigned_to: bob.clone(),
                previously_assigned_to: Some(alice.clone()),
            },
        );
        expected.actor = Some(boss.clone());
        expected.effective_at = Some(removed_at);
        assert_eq!(*event, expected);
        let history = inbox.store.history(event.conversation_id).unwrap();
        assert_eq!(history.last(), Some(event));
    }
    let json = serde_json::to_value(&events[0]).unwrap();
    assert_eq!(json["effective_at"], "2026-04-16T09:04:00Z");
    assert_eq!(json["created_at"], "2026-04-16T09:05:00Z");
    assert_eq!(json["actor"], "usr_boss");
    consumer.ack(begun + 2).unwrap();
    refile(&inbox.store, 2).unwrap();
    let last = consumer.next(100).unwrap();
    assert_eq!(last.len(), 1);
    assert!(hers.contains(&last[0].conversation_id));
    assert_eq!(last[0].sequence, begun + 3);
}

#[test]
fn r11_a_command_on_what_is_not_filed_yet_meets_who_took_it_over_and_files_it() {
    let inbox = Inbox::by_hand();
    let store = &inbox.store;
    let (alice, bob) = (inbox.user("usr_a", "Alice"), inbox.user("usr_b", "Bob"));
    let hers = conversations_of(&inbox, &alice, 9);
    remove(&inbox, &alice, &bob);
    let begun = store.stats().unwrap().newest_event;

    // What changes nothing files nothing.
    assert!(!store.assign(hers[0], &bob).unwrap().changed);
    assert_eq!(to_refile(&inbox), 9);
    let message = store.get(hers[1]).unwrap().messages[0].clone();
    assert!(store.resolve(hers[0]).unwrap().changed);
    store
        .record_delivery(&message, convodb::Receipt::read())
        .unwrap();
    assert!(store.mark_read(hers[2], 1).unwrap().changed);
    store.add_note(hers[3], "A note.").unwrap();
    inbox.hello(&format!("con_{alice}_4"));
    assert_eq!(store.unassign(hers[5]).unwrap().value.revision, 3);
    store.delete(hers[6]).unwrap();
    let erased = ContactId::new(&format!("con_{alice}_7")).unwrap();
    assert_eq!(store.erase_contact(&erased).unwrap().value, 1);
    assert_eq!(to_refile(&inbox), 1);
    inbox.assert_sound();
    let told = store.events(begun, 100).unwrap();
    let takeover = (Some("usr_b"), Some("usr_a"));
    for (number, id) in hers[..8].iter().enumerate() {
        let of_it: Vec<_> = told
            .iter()
            .filter(|event| event.conversation_id == *id)
            .cloned()
            .collect();
        assert_eq!(moves(&of_it[..1]), [takeover], "first, of {number}");
    }
    let types = |id| {
        let of_it = told.iter().filter(|event| event.conversation_id == id);
        of_it.map(|event| event.kind.as_str()).collect::<Vec<_>>()
    };
    let (assigned, deleted) = ("conversation.assigned", "conversation.deleted");
    assert_eq!(types(hers[0]), [assigned, "conversation.resolved"]);
    assert_eq!(types(hers[2]), [assigned], "reading tells no event");
    assert_eq!(types(hers[6]), [assigned, deleted]);

    // The step finds the last one alone.
    assert_eq!(refile(store, 100).unwrap(), [hers[8]]);
    assert_eq!(to_refile(&inbox), 0);
    assert_eq!(
        store.count(&Filter::all().assigned_to(&bob)).unwrap(),
        6,
        "two are gone, and one is nobody's"
    );
    inbox.assert_sound();
}

#[test]
fn r11_guarded_commands_act_on_the_takeover_at_once() {
    let inbox = Inbox::by_hand();
    let store = &inbox.store;
    let (alice, bob) = (inbox.user("usr_a", "Alice"), inbox.user("usr_b", "Bob"));
    let hers = conversations_of(&inbox, &alice, 4);
    let seen_before = inbox.show(hers[0]).revision;
    remove(&inbox, &alice, &bob);

    let stale = store.resolve_if(hers[0], seen_before).unwrap_err();
    assert_eq!(stale.revision(), Some(seen_before + 1));
    let stale = store.reply_if(hers[0], seen_before, "Hello").unwrap_err();
    assert_eq!(stale.revision(), Some(seen_before + 1));
    let present = inbox.show(hers[0]).revision;
    assert_eq!(
        store.resolve_if(hers[0], present).unwrap().value.revision,
        present + 1
    );
    // Of one that is filed in between the revision is the same.
    let present = inbox.show(hers[3]).revision;
    refile(store, 100).unwrap();
    assert!(store.resolve_if(hers[3], present).unwrap().changed);

    let carol = inbox.user("usr_c", "Carol");
    remove(&inbox, &bob, &carol);
    let dave = inbox.user("usr_d", "Dave");
    let taken = store.claim(hers[1], &dave).unwrap_err();
    assert_eq!(taken.winner(), Some(&carol));
    let taken = store.assign_if(hers[1], &dave, Some(&bob)).unwrap_err();
    assert_eq!(taken.winner(), Some(&carol));
    let moved = store.assign_if(hers[1], &dave, Some(&carol)).unwrap();
    assert_eq!(assignee(&moved.value), Some(&dave));
    store.remove_assignee(&carol, &Takeover::Unassign).unwrap();
    let claimed = store.claim(hers[2], &dave).unwrap();
    assert_eq!(assignee(&claimed.value), Some(&dave));
    inbox.assert_sound();
}

#[test]
fn r11_a_transaction_that_assigns_and_removes_sees_both() {
    let inbox = Inbox::by_hand();
    let store = &inbox.store;
    let [alice, bob, carol] = ["usr_a", "usr_b", "usr_c"].map(|id| inbox.user(id, id));
    let ids: Vec<_> = (0..3)
        .map(|number| inbox.hello(&format!("con_{number}")).conversation_id)
        .collect();
    let of_carol = Filter::all().assigned_to(&carol);
    store
        .transaction(|tx| {
            tx.assign_all(&Targets::ids(ids.clone())?, &alice)?;
            assert_eq!(
                tx.remove_assignee(&alice, &Takeover::By(bob.clone()))?
                    .value,
                3
            );
            tx.put_user(&UserId::new("usr_a")?, "Again")?;
            tx.assign(ids[0], &alice)?;
            assert_eq!(
                tx.remove_assignee(&bob, &Takeover::By(carol.clone()))?
                    .value,
                2
            );
            assert_eq!(tx.count(&of_carol)?, 2);
            assert_eq!(assignee(&tx.conversation(ids[0])?), Some(&alice));
            Ok::<_, convodb::Error>(())
        })
        .unwrap();
    assert_eq!(store.count(&of_carol).unwrap(), 2);
    assert_eq!(to_refile(&inbox), 2);
    inbox.assert_sound();

    // One that is given up leaves all as it was.
    let kept = all_that_shows(&inbox, std::slice::from_ref(&of_carol));
    let given_up = store.transaction(|tx| {
        tx.remove_assignee(&carol, &Takeover::Unassign)?;
        tx.resolve(ids[1])?;
        assert_eq!(tx.count(&of_carol)?, 0);
        Err::<(), _>(tx.resolve(ConversationId::from_parts(1, 1)).unwrap_err())
    });
    assert_eq!(given_up.unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(all_that_shows(&inbox, &[of_carol]), kept);
    assert_eq!(to_refile(&inbox), 2);
    inbox.assert_sound();
}

#[test]
fn r11_a_filter_of_all_assignees_it_takes_counts_what_each_took_over() {
    let inbox = Inbox::by_hand();
    let mut filter = Filter::all();
    // Each of 64 has taken over from two others, one behind the other.
    for number in 0..Filter::MAX_ASSIGNEES {
        let [first, second, heir] =
            ["1", "2", "3"].map(|part| inbox.user(&format!("usr_{number}_{part}"), "Name"));
        conversations_of(&inbox, &first, 1);
        conversations_of(&inbox, &second, 1);
        remove(&inbox, &first, &second);
        assert_eq!(remove(&inbox, &second, &heir), 2);
        filter = filter.assigned_to(&heir);
    }
    let whole = inbox.store.list(&filter, PageRequest::new(2, 100).unwrap());
    let whole = whole.unwrap();
    assert_eq!((whole.total, whole.data.len()), (128, 28));
    let all = inbox
        .store
        .list(&Filter::all(), PageRequest::new(2, 100).unwrap());
    assert_eq!(all.unwrap().data, whole.data);
    let last = &whole.data[27];
    assert_eq!(inbox.store.rank(last.id, &filter).unwrap(), Some(127));
    inbox.assert_sound();
}
