//! Paging while the list changes: page numbers, cursors and snapshots; and the position of a
//! conversation in a list.

use std::time::Duration;

use convodb::prelude::*;
use convodb::testing::{ManualClock, SeededIds};
use convodb::{
    AssigneeId, AttributeChanges, Channel, ContactId, Conversation, ConversationId, ErrorKind,
    Filter, Inbound, InboxId, Options, PageRequest, TeamId, UserId,
};

/// A store of this many open conversations, and their ids in the order of the list.
fn inbox(count: usize) -> (Store, ManualClock, Vec<ConversationId>) {
    let clock = ManualClock::at("2026-04-16T09:00:00Z".parse().unwrap());
    let store = Options::new()
        .clock(clock.clone())
        .ids(SeededIds::new(1))
        .open_in_memory()
        .unwrap();
    let mut ids = Vec::new();
    for n in 0..count {
        clock.advance(Duration::from_secs(1));
        let channel = Channel::ALL[n % 4];
        let hello = Inbound::text(contact(n), channel, "Hello");
        ids.push(store.receive(hello).unwrap().value.conversation_id);
    }
    ids.reverse();
    (store, clock, ids)
}

fn contact(n: usize) -> ContactId {
    ContactId::new(&format!("con_{n}")).unwrap()
}

fn ids(rows: &[Conversation]) -> Vec<ConversationId> {
    rows.iter().map(|row| row.id).collect()
}

fn page(number: u64, limit: u32) -> PageRequest {
    PageRequest::number(number, limit).unwrap()
}

#[test]
fn by_page_numbers_a_reader_misses_and_repeats_what_moves_by_a_cursor_or_a_snapshot_it_does_not() {
    let (store, clock, before) = inbox(60);
    let open = Filter::open();
    let snapshot = store.snapshot().unwrap();
    let first = store.list(&open, page(1, 20)).unwrap();
    assert_eq!(ids(&first.data), before[..20]);

    // Between the two pages, messages arrive in threads that stood on page 2 and 3.
    for n in [25, 26, 45] {
        clock.advance(Duration::from_secs(1));
        store.reply(before[n], "One moment.").unwrap();
    }

    // Page 2 repeats the last rows of page 1, and misses what moved up.
    let second = ids(&store.list(&open, page(2, 20)).unwrap().data);
    assert_eq!(second[..3], before[17..20]);
    assert!(!second.contains(&before[25]));

    // A cursor continues after the last row that was read: none is repeated, and none is missing but
    // those that are above it now.
    let cursor = first.next.unwrap();
    let mut rest = Vec::new();
    let mut next = Some(cursor);
    while let Some(cursor) = next {
        let some = store.list(&open, (cursor, 20)).unwrap();
        assert_eq!(some.total, 60);
        rest.extend(ids(&some.data));
        next = some.next;
    }
    let unmoved: Vec<_> = before[20..]
        .iter()
        .filter(|id| ![before[25], before[26], before[45]].contains(id))
        .copied()
        .collect();
    assert_eq!(rest, unmoved);

    // A snapshot pages through the list as it was: every row once.
    let mut frozen = Vec::new();
    for number in 1..=3 {
        frozen.extend(ids(&snapshot.list(&open, page(number, 20)).unwrap().data));
    }
    assert_eq!(frozen, before);
}

#[test]
fn the_rank_of_a_conversation_gives_its_page() {
    let (store, _, order) = inbox(300);
    for filter in [Filter::open(), Filter::all(), Filter::open().unassigned()] {
        for (n, id) in order.iter().enumerate() {
            assert_eq!(store.rank(*id, &filter).unwrap(), Some(n as u64));
        }
    }
    let rank = store.rank(order[123], &Filter::open()).unwrap().unwrap();
    let its_page = store
        .list(&Filter::open(), page(rank / 20 + 1, 20))
        .unwrap();
    assert_eq!(its_page.data[(rank % 20) as usize].id, order[123]);

    let webchat = Filter::open().channel(Channel::Webchat);
    let among: Vec<_> = order
        .iter()
        .filter(|id| store.conversation(**id).unwrap().channel == Channel::Webchat)
        .collect();
    assert_eq!(among.len(), 75);
    for (n, id) in among.into_iter().enumerate() {
        assert_eq!(store.rank(*id, &webchat).unwrap(), Some(n as u64));
    }
}

#[test]
fn a_conversation_that_the_filter_does_not_select_has_no_rank_and_one_that_is_not_there_is_not_found()
 {
    let (store, _, order) = inbox(8);
    let alice = UserId::new("usr_alice").unwrap();
    store.save_user(&alice, "Alice").unwrap();
    store.assign(order[0], AssigneeId::from(&alice)).unwrap();
    store.resolve(order[1]).unwrap();
    let hers = Filter::all().assigned_to(&alice);
    assert_eq!(store.rank(order[0], &hers).unwrap(), Some(0));
    assert_eq!(store.rank(order[2], &hers).unwrap(), None);
    assert_eq!(
        store.rank(order[0], &Filter::open().unassigned()).unwrap(),
        None
    );
    assert_eq!(store.rank(order[1], &Filter::open()).unwrap(), None);
    let around = PageRequest::around(order[1], 5).unwrap();
    let unselected = store.list(&Filter::open(), around).unwrap();
    assert_eq!((unselected.data.len(), unselected.total), (0, 7));
    assert_eq!((unselected.offset, unselected.number), (None, None));
    assert_eq!(unselected.next, None);
    let nowhere = ConversationId::from_parts(1, 1);
    let refused = store.rank(nowhere, &Filter::all()).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::NotFound);
    let around = PageRequest::around(nowhere, 5).unwrap();
    let refused = store.list(&Filter::all(), around).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::NotFound);
    assert_eq!(
        PageRequest::around(order[0], 0).unwrap_err().field(),
        "limit"
    );
}

#[test]
fn the_page_around_a_conversation_is_full_at_either_end_of_the_list() {
    let (store, _, order) = inbox(50);
    let open = Filter::open();
    for (n, id) in order.iter().enumerate() {
        for limit in [1, 2, 7, 49, 50, 51, 100] {
            let around = store
                .list(&open, PageRequest::around(*id, limit).unwrap())
                .unwrap();
            let shown = ids(&around.data);
            let offset = usize::try_from(around.offset.unwrap()).unwrap();
            assert_eq!(around.number, None);
            assert_eq!(around.total, 50);
            assert_eq!(shown.len(), (limit as usize).min(50));
            assert_eq!(shown, order[offset..offset + shown.len()]);
            assert!(shown.contains(id), "{n} within {limit}");
            assert_eq!(around.next.is_some(), offset + shown.len() < 50);
        }
    }
    let middle = store
        .list(&open, PageRequest::around(order[25], 5).unwrap())
        .unwrap();
    assert_eq!(middle.data[2].id, order[25]);
}

#[test]
fn a_list_of_more_partitions_than_it_merges_is_invalid_and_its_total_is_not() {
    let (store, _, order) = inbox(33 * 8);
    let mut wide = Filter::all();
    for (n, threads) in order.chunks(8).enumerate() {
        let user = UserId::new(&format!("usr_{n}")).unwrap();
        store.save_user(&user, "User").unwrap();
        for (n, id) in threads.iter().enumerate() {
            store.assign(*id, AssigneeId::from(&user)).unwrap();
            if n < 4 {
                store.resolve(*id).unwrap();
            }
        }
        wide = wide.assigned_to(user);
    }
    let refused = [
        store.list(&wide, PageRequest::default()).unwrap_err(),
        store.rank(order[0], &wide).unwrap_err(),
    ];
    for error in refused {
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert_eq!(
            error.to_string(),
            "assigned_to: must select at most 256 parts of the index with conversations, and selects 264"
        );
    }
    assert_eq!(store.count(&wide).unwrap(), 264);
    // Only what has conversations is merged.
    for id in &order[..8] {
        store.delete(*id).unwrap();
    }
    let page = store.list(&wide, page(3, 100)).unwrap();
    assert_eq!((page.data.len(), page.total), (56, 256));
}

#[test]
fn view_counts_are_of_one_commit_and_agree_with_the_lists() {
    let (store, _, order) = inbox(100);
    let alice = UserId::new("usr_alice").unwrap();
    let billing = TeamId::new("team_billing").unwrap();
    store.save_user(&alice, "Alice").unwrap();
    store.save_team(&billing, "Billing").unwrap();
    for (n, id) in order.iter().enumerate() {
        match n % 5 {
            0 => drop(store.assign(*id, AssigneeId::from(&alice)).unwrap()),
            1 => drop(store.assign(*id, AssigneeId::from(&billing)).unwrap()),
            2 => drop(store.resolve(*id).unwrap()),
            _ => {}
        }
    }
    let mut views = vec![
        Filter::open(),
        Filter::all(),
        Filter::resolved(),
        Filter::open().unassigned(),
        Filter::open().assigned_to(&alice),
        Filter::open().unassigned().assigned_to(&billing),
        Filter::open().assigned_to(UserId::new("usr_nobody").unwrap()),
    ];
    views.extend(Channel::ALL.map(|channel| Filter::open().channel(channel)));
    let counts = store.counts(&views).unwrap();
    for (filter, count) in views.iter().zip(&counts) {
        assert_eq!(store.list(filter, page(1, 1)).unwrap().total, *count);
        assert_eq!(store.count(filter).unwrap(), *count);
    }
    assert_eq!(counts[..7], [80, 100, 20, 40, 20, 60, 0]);
    assert_eq!(counts[7..].iter().sum::<u64>(), 80);
}

#[test]
fn deep_pages_of_any_filter_are_the_sorted_lists_own() {
    let (store, clock, mut order) = inbox(1_200);
    let inboxes = ["inb_a", "inb_b", "inb_c"].map(|id| InboxId::new(id).unwrap());
    for (inbox, channel) in inboxes.iter().zip(Channel::ALL.iter().cycle().step_by(2)) {
        store.save_inbox(inbox, *channel, "An inbox").unwrap();
    }
    for n in 0..600 {
        clock.advance(Duration::from_millis(500));
        let hello = Inbound::text(contact(n), &inboxes[n % 3], "Hello");
        order.push(store.receive(hello).unwrap().value.conversation_id);
    }
    let users: Vec<UserId> = (0..5)
        .map(|n| UserId::new(&format!("usr_{n}")).unwrap())
        .collect();
    for user in &users {
        store.save_user(user, user.as_str()).unwrap();
    }
    let mut snoozed = AttributeChanges::default();
    snoozed.snoozed_until = Some(Some("2030-01-01T00:00:00Z".parse().unwrap()));
    // One transaction, so that index entries are added and removed before their counts are written.
    store
        .transaction(|tx| {
            for (n, id) in order.iter().enumerate() {
                if n % 3 == 0 {
                    clock.advance(Duration::from_micros((n % 2) as u64));
                    tx.assign(*id, AssigneeId::from(&users[n % 5]))?;
                }
                if n % 7 == 0 {
                    tx.resolve(*id)?;
                } else if n % 11 == 0 {
                    // It stays where it is in the order.
                    tx.update_conversation(*id, snoozed.clone())?;
                }
            }
            Ok::<_, convodb::Error>(())
        })
        .unwrap();
    let mut all: Vec<Conversation> = order
        .iter()
        .map(|id| store.conversation(*id).unwrap())
        .collect();
    all.sort_by_key(|row| std::cmp::Reverse((row.updated_at, row.id)));
    let mut filters = vec![
        Filter::open(),
        Filter::all(),
        Filter::resolved().channel(Channel::Messenger),
        Filter::open().unassigned(),
    ];
    filters.push(
        users
            .iter()
            .fold(Filter::all().unassigned(), Filter::assigned_to),
    );
    filters.push(Filter::open().assigned_to(&users[2]).assigned_to(&users[4]));
    let [a, b, _] = &inboxes;
    filters.extend([
        Filter::open().snoozed(false),
        Filter::all().snoozed(true),
        Filter::open()
            .channel(Channel::Whatsapp)
            .channel(Channel::Webchat),
        Filter::all().channel(Channel::Whatsapp).unread(),
        Filter::all().inbox(a).inbox(b).inbox(Channel::Messenger),
        Filter::all().inbox(a).assigned_to(&users[0]).unassigned(),
    ]);
    for filter in filters {
        let selected = all.iter().filter(|row| filter.selects(row));
        let expected: Vec<_> = selected.map(|row| row.id).collect();
        assert!(expected.len() > 20, "{filter:?}");
        for (rank, id) in expected.iter().enumerate().step_by(7) {
            assert_eq!(store.rank(*id, &filter).unwrap(), Some(rank as u64));
        }
        for limit in [1, 20, 100] {
            for number in (1..=expected.len() / limit + 1).step_by(1 + expected.len() / 300) {
                let found = store
                    .list(&filter, page(number as u64, limit as u32))
                    .unwrap();
                let from = ((number - 1) * limit).min(expected.len());
                let to = (from + limit).min(expected.len());
                assert_eq!(ids(&found.data), expected[from..to]);
                assert_eq!(found.total, expected.len() as u64);
            }
        }
    }
    assert!(store.verify().unwrap().is_clean());
}
