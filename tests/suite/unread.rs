//! Unread messages: counts, read marks, and the lists of unread conversations.

use chrono::TimeDelta;
use convodb::{
    AssigneeId, Channel, Conversation, ConversationId, Cursor, ErrorKind, Execute, Filter, Inbound,
    Outbound, PageRequest, Receipt, Reply, Status, StatusFilter,
};

use crate::rules::inbox::{Inbox, assignee, contact};

use crate::store::{Read, Store, test};

/// The inbound count and the unread count.
fn counts(inbox: &Inbox, id: ConversationId) -> (u64, u64) {
    let shown = inbox.show(id);
    (shown.inbound_count, shown.unread_count)
}

#[test]
fn what_a_contact_sends_is_unread_until_it_is_marked() {
    let inbox = Inbox::new();
    let id = inbox.conversation();
    assert_eq!(counts(&inbox, id), (1, 1));
    inbox.hello("con_01HXYZ");
    assert_eq!(counts(&inbox, id), (2, 2));
    let marked = inbox.store.mark_read(id, 2).unwrap();
    assert!(marked.effect.changed && !marked.effect.reopened && !marked.effect.created);
    assert_eq!(marked.value, inbox.show(id));
    assert_eq!(counts(&inbox, id), (2, 0));
    inbox.hello("con_01HXYZ");
    assert_eq!(counts(&inbox, id), (3, 1));
    inbox.assert_sound();
}

#[test]
fn nothing_but_a_new_message_of_the_contact_counts() {
    let inbox = Inbox::new();
    let store = &inbox.store;
    let who = contact("con_1");
    let sent = store.send(Outbound::text(&who, Channel::Whatsapp, "Hi"));
    let sent = sent.unwrap().value;
    let id = sent.conversation_id;
    store.record_delivery(&sent, Receipt::read()).unwrap();
    store.reply(id, Reply::text("Are you there?")).unwrap();
    store.add_note(id, "No answer so far.").unwrap();
    store.resolve(id).unwrap();
    assert_eq!(counts(&inbox, id), (0, 0));

    let hello = || Inbound::text(&who, Channel::Whatsapp, "Hello").provider_id("wamid.1");
    assert!(store.receive(hello()).unwrap().effect.reopened);
    assert_eq!(counts(&inbox, id), (1, 1));
    let again = store.receive(hello()).unwrap();
    assert!(again.is_duplicate);
    store
        .record_delivery(&again.value, Receipt::read())
        .unwrap();
    assert_eq!(counts(&inbox, id), (1, 1), "a webhook that came twice");
    store.mark_read(id, 1).unwrap();
    store.receive(hello()).unwrap();
    assert_eq!(counts(&inbox, id), (1, 0), "or after it was read");
}

#[test]
fn messages_that_came_after_the_conversation_was_shown_stay_unread() {
    let inbox = Inbox::new();
    let id = inbox.conversation();
    inbox.later();
    let shown = inbox.show(id);
    // It was written before what was shown, and arrives only now.
    let late = Inbound::text(contact("con_01HXYZ"), Channel::Whatsapp, "Late");
    let late = late.provider_time(shown.created_at - TimeDelta::hours(1));
    inbox.store.receive(late).unwrap();
    assert_eq!(inbox.texts(id), ["Late", "Hello"]);
    let marked = inbox.store.mark_read(id, shown.inbound_count);
    assert_eq!(marked.unwrap().value.unread_count, 1);
    assert_eq!(counts(&inbox, id), (2, 1));
}

#[test]
fn a_mark_never_goes_back_and_the_same_again_changes_nothing() {
    let inbox = Inbox::new();
    let id = inbox.conversation();
    for _ in 0..4 {
        inbox.hello("con_01HXYZ");
    }
    inbox.store.mark_read(id, 3).unwrap();
    let before = (inbox.show(id), inbox.store.commit_seq().unwrap());
    assert_eq!(before.0.unread_count, 2);
    for read_count in [3, 2, 0] {
        let outcome = inbox.store.mark_read(id, read_count).unwrap();
        assert!(!outcome.effect.changed, "{read_count}");
        assert_eq!((outcome.value, outcome.commit.unwrap()), before);
    }
    assert_eq!((inbox.show(id), inbox.store.commit_seq().unwrap()), before);
}

#[test]
fn a_mark_beyond_what_has_come_is_refused_by_its_name() {
    let inbox = Inbox::new();
    let id = inbox.conversation();
    for read_count in [2, u64::MAX] {
        let error = inbox.store.mark_read(id, read_count).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert_eq!(error.field(), Some("read_count"));
        let reason = "must not be above the number of inbound messages, 1";
        assert_eq!(error.reason(), Some(reason));
    }
    assert_eq!(counts(&inbox, id), (1, 1));
    let nowhere = ConversationId::from_parts(7, 7);
    let error = inbox.store.mark_read(nowhere, 0).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

#[test]
fn reading_is_no_activity_and_changes_nothing_else() {
    let inbox = Inbox::new();
    let id = inbox.resolved();
    let before = inbox.show(id);
    inbox.later();
    inbox.store.mark_read(id, 1).unwrap();
    let mut expected = before.clone();
    expected.unread_count = 0;
    assert_eq!(inbox.show(id), expected);
    assert_eq!(expected.status, Status::Resolved);
    let messages = inbox.store.transcript(id).unwrap().messages;
    assert_eq!(messages[0].deliveries.read_at, None, "no receipt either");
}

/// Conversations of every status, channel and assignee, read and unread.
fn mixed() -> (Inbox, Vec<AssigneeId>) {
    let inbox = Inbox::new();
    let known = vec![
        inbox.user("usr_alice", "Alice"),
        inbox.user("usr_bob", "Bob"),
        inbox.team("team_billing", "Billing"),
    ];
    for n in 0..90_usize {
        inbox.later();
        let hello = Inbound::text(contact(&format!("con_{n}")), Channel::ALL[n % 4], "Hello");
        let id = inbox.store.receive(hello).unwrap().value.conversation_id;
        if let Some(to) = known.get(n * 5 % 11 % 4) {
            inbox.store.assign(id, to).unwrap();
        }
        if n % 3 == 0 {
            inbox.store.resolve(id).unwrap();
        }
        if n % 7 < 4 {
            inbox.store.mark_read(id, 1).unwrap();
        }
    }
    (inbox, known)
}

fn all_rows(store: &Store, filter: &Filter, limit: u32) -> Vec<Conversation> {
    let mut rows = Vec::new();
    for number in 1.. {
        let request = PageRequest::number(number, limit).unwrap();
        let page = store.list(filter, request).unwrap();
        if page.data.is_empty() {
            assert_eq!(page.total, rows.len() as u64);
            return rows;
        }
        rows.extend(page.data);
    }
    unreachable!("a list has an end");
}

fn only_unread(mut rows: Vec<Conversation>) -> Vec<Conversation> {
    rows.retain(|row| row.unread_count > 0);
    rows
}

/// Filters of every kind, without the unread ones.
fn filters(known: &[AssigneeId]) -> Vec<Filter> {
    let statuses = [
        StatusFilter::Open,
        StatusFilter::Resolved,
        StatusFilter::All,
    ];
    let of_status = |status| {
        let any = Filter::new(status);
        let channels = any
            .clone()
            .channel(Channel::Whatsapp)
            .channel(Channel::Webchat);
        [
            any.clone(),
            any.clone().unassigned(),
            any.clone().assigned_to(&known[0]),
            channels.clone(),
            channels
                .assigned_to(&known[1])
                .assigned_to(&known[2])
                .unassigned(),
        ]
    };
    statuses.into_iter().flat_map(of_status).collect()
}

#[test]
fn a_list_of_what_is_unread_is_the_list_without_what_is_read() {
    let (inbox, known) = mixed();
    let store = &inbox.store;
    let mut met = 0;
    for filter in filters(&known) {
        let all = all_rows(store, &filter, 7);
        let expected = only_unread(all.clone());
        assert!(expected.len() < all.len(), "{filter:?} has something read");
        let unread = filter.clone().unread();
        assert_eq!(all_rows(store, &unread, 7), expected, "{unread:?}");
        assert_eq!(store.count(&unread).unwrap(), expected.len() as u64);
        assert_eq!(store.count(&filter).unwrap(), all.len() as u64);
        met += expected.len();
        for row in &all {
            let rank = expected.iter().position(|one| one.id == row.id);
            let rank = rank.map(|rank| rank as u64);
            assert_eq!(store.rank(row.id, &unread).unwrap(), rank);
            let around = PageRequest::around(row.id, 3).unwrap();
            let around = store.list(&unread, around).unwrap();
            assert_eq!(around.offset.is_some(), rank.is_some());
            assert_eq!(
                around.data.iter().any(|one| one.id == row.id),
                rank.is_some()
            );
            assert_eq!(around.total, expected.len() as u64);
            // A cursor is a place for any filter: also behind a row that is read.
            let cursor = Cursor::from(row);
            let behind = store.list(&unread, (cursor, 100)).unwrap().data;
            let place = (row.updated_at, row.id);
            let after = expected
                .iter()
                .filter(|one| (one.updated_at, one.id) < place);
            assert!(behind.iter().eq(after), "behind {cursor}");
        }
    }
    assert!(met > 90, "every filter has something unread: {met}");
    inbox.assert_sound();
}

#[test]
fn what_is_unread_moves_with_its_conversation_and_goes_with_it() {
    let inbox = Inbox::new();
    let store = &inbox.store;
    let (alice, bob) = (inbox.user("usr_alice", "A"), inbox.user("usr_bob", "B"));
    let id = inbox.conversation();
    let unread_of = |who: &AssigneeId| {
        let filter = Filter::all().assigned_to(who).unread();
        store.count(&filter).unwrap()
    };
    let in_status =
        || [Filter::open(), Filter::resolved()].map(|of| store.count(&of.unread()).unwrap());
    assert_eq!(in_status(), [1, 0]);
    store.assign(id, &alice).unwrap();
    assert_eq!((unread_of(&alice), unread_of(&bob)), (1, 0));
    store.resolve(id).unwrap();
    assert_eq!(in_status(), [0, 1]);
    store.remove_assignee(&alice, Some(&bob)).unwrap();
    assert_eq!(unread_of(&bob), 1);
    assert_eq!(assignee(&inbox.show(id)), Some(&bob));
    inbox.hello("con_01HXYZ");
    assert_eq!(in_status(), [1, 0]);
    inbox.assert_sound();
    store.delete(id).unwrap();
    assert_eq!((in_status(), unread_of(&bob)), ([0, 0], 0));
    inbox.assert_sound();
}

#[test]
fn a_snapshot_counts_what_was_unread_when_it_was_taken() {
    let inbox = Inbox::new();
    let id = inbox.conversation();
    let snapshot = inbox.store.snapshot().unwrap();
    inbox.store.mark_read(id, 1).unwrap();
    let sidebar = [Filter::open(), Filter::open().unread()];
    assert_eq!(snapshot.counts(&sidebar).unwrap(), [1, 1]);
    assert_eq!(
        snapshot.transcript(id).unwrap().conversation.unread_count,
        1
    );
    assert_eq!(inbox.store.counts(&sidebar).unwrap(), [1, 0]);
}
