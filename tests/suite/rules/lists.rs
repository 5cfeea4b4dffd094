//! Which conversations a list has, in which order, and its pages.

use convodb::{
    AssigneeId, Channel, Conversation, ConversationId, Cursor, ErrorKind, Execute, Filter, Import,
    Inbound, PageRequest, Status, StatusFilter, TeamId,
};

use super::inbox::{Inbox, assignee, contact};
use crate::store::{Read, Store, test};

fn ids(rows: &[Conversation]) -> Vec<ConversationId> {
    rows.iter().map(|row| row.id).collect()
}

/// The whole list, page by page.
fn everything(store: &Store, filter: &Filter) -> Vec<Conversation> {
    let mut rows = Vec::new();
    for page in 1.. {
        let page = store
            .list(filter, PageRequest::number(page, 7).unwrap())
            .unwrap();
        if page.data.is_empty() {
            assert_eq!(page.total, rows.len() as u64);
            break;
        }
        rows.extend(page.data);
    }
    rows
}

/// Conversations of every status, channel and assignee, in an order that is none of these.
fn mixed() -> (Inbox, Vec<AssigneeId>) {
    let inbox = Inbox::new();
    let assignees = vec![
        inbox.user("usr_alice", "Alice"),
        inbox.user("usr_bob", "Bob"),
        inbox.team("team_billing", "Billing"),
    ];
    for n in 0..96_usize {
        inbox.later();
        let who = contact(&format!("con_{n}"));
        let channel = Channel::ALL[n * 7 % 4];
        let hello = inbox.store.receive(Inbound::text(who, channel, "Hello"));
        let id = hello.unwrap().value.conversation_id;
        if let Some(to) = assignees.get(n * 5 % 11 % 4) {
            inbox.store.assign(id, to).unwrap();
        }
        if n % 3 == 0 {
            inbox.store.resolve(id).unwrap();
        }
    }
    (inbox, assignees)
}

#[test]
fn lists_are_ordered_by_latest_activity_and_then_id_descending() {
    let inbox = Inbox::new();
    // Ten of one time, then two that were active later, the first of them last.
    let made: Vec<_> = (0..12)
        .map(|n| inbox.hello(&format!("con_{n}")).conversation_id)
        .collect();
    inbox.later();
    inbox.store.add_note(made[7], "note").unwrap();
    inbox.later();
    inbox.store.add_note(made[3], "note").unwrap();
    let mut expected = vec![made[3], made[7]];
    let mut rest: Vec<_> = made
        .iter()
        .filter(|id| !expected.contains(id))
        .copied()
        .collect();
    rest.sort_unstable_by(|a, b| b.cmp(a));
    expected.extend(rest);
    let page = inbox.store.list(&Filter::open(), PageRequest::default());
    assert_eq!(ids(&page.unwrap().data), expected);
}

#[test]
fn open_is_the_default() {
    assert_eq!(Filter::default(), Filter::open());
    assert_eq!(StatusFilter::default(), StatusFilter::Open);
    let (inbox, _) = mixed();
    let rows = everything(&inbox.store, &Filter::default());
    assert!(!rows.is_empty());
    assert!(rows.iter().all(|row| row.status == Status::Open));
}

#[test]
fn filters_combine_status_with_channels_with_assignees() {
    let (inbox, known) = mixed();
    let all = everything(&inbox.store, &Filter::all());
    assert_eq!(all.len(), 96);
    let mut met = 0;
    for status in [
        StatusFilter::Open,
        StatusFilter::Resolved,
        StatusFilter::All,
    ] {
        for channels in 0_usize..16 {
            for assigned in 0_usize..16 {
                let mut filter = Filter::new(status);
                let chosen = |n: &usize| channels >> *n & 1 == 1;
                for n in (0..4).filter(chosen) {
                    filter = filter.channel(Channel::ALL[n]);
                }
                for (n, who) in known.iter().enumerate() {
                    if assigned >> n & 1 == 1 {
                        filter = filter.assigned_to(who);
                    }
                }
                if assigned >> 3 & 1 == 1 {
                    filter = filter.unassigned();
                }
                let expected: Vec<_> = all
                    .iter()
                    .filter(|row| {
                        let channel = Channel::ALL.iter().position(|one| *one == row.channel);
                        let who = match assignee(row) {
                            Some(id) => known.iter().position(|one| one == id).unwrap(),
                            None => 3,
                        };
                        (status == StatusFilter::All || status.as_str() == row.status.as_str())
                            && (channels == 0 || chosen(&channel.unwrap()))
                            && (assigned == 0 || assigned >> who & 1 == 1)
                    })
                    .cloned()
                    .collect();
                assert_eq!(everything(&inbox.store, &filter), expected, "{filter:?}");
                let total = inbox.store.count(&filter).unwrap();
                assert_eq!(total, expected.len() as u64, "{filter:?}");
                met += usize::from(!expected.is_empty());
            }
        }
    }
    assert!(met > 400, "most filters select something: {met}");
}

#[test]
fn an_id_that_the_directory_does_not_know_selects_nothing() {
    let (inbox, known) = mixed();
    let unknown = TeamId::new("team_none").unwrap();
    let none = Filter::all().assigned_to(&unknown);
    assert!(everything(&inbox.store, &none).is_empty());
    // It takes nothing from what others select, and adds nothing.
    for others in [
        Filter::all().unassigned(),
        Filter::all().assigned_to(&known[0]),
    ] {
        let expected = everything(&inbox.store, &others);
        assert!(!expected.is_empty());
        let with = others.assigned_to(&unknown);
        assert_eq!(everything(&inbox.store, &with), expected);
    }
}

#[test]
fn a_filter_takes_64_users_and_teams_with_or_without_unassigned_and_no_more() {
    let inbox = Inbox::new();
    let mut filter = Filter::all();
    for n in 0..64 {
        let who = match n % 2 {
            0 => inbox.user(&format!("usr_{n}"), "User"),
            _ => inbox.team(&format!("team_{n}"), "Team"),
        };
        let id = inbox.hello(&format!("con_{n}")).conversation_id;
        inbox.store.assign(id, &who).unwrap();
        filter = filter.assigned_to(who);
    }
    inbox.hello("con_unassigned");
    assert_eq!(filter.assignees().count(), Filter::MAX_ASSIGNEES);
    assert_eq!(everything(&inbox.store, &filter).len(), 64);
    let with_nobody = filter.clone().unassigned();
    assert_eq!(everything(&inbox.store, &with_nobody).len(), 65);

    let over = filter.assigned_to(TeamId::new("team_65").unwrap());
    let row = everything(&inbox.store, &Filter::all()).remove(0);
    let cursor = Cursor::from(&row);
    for refused in [
        inbox.store.list(&over, PageRequest::default()).map(drop),
        inbox.store.list(&over, (cursor, 20)).map(drop),
        inbox.store.count(&over).map(drop),
    ] {
        let refused = refused.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::InvalidInput);
        assert_eq!(refused.field(), Some("assigned_to"));
        assert_eq!(
            refused.reason(),
            Some("must be at most 64 users and teams, and are 65")
        );
    }
}

#[test]
fn pages_cut_the_list_without_a_gap_or_an_overlap() {
    let (inbox, _) = mixed();
    let filter = Filter::all();
    let whole = inbox
        .store
        .list(&filter, PageRequest::number(1, 100).unwrap());
    let whole = whole.unwrap();
    assert_eq!((whole.data.len(), whole.total), (96, 96));
    assert_eq!((whole.number, whole.offset), (Some(1), Some(0)));
    assert_eq!(whole.next, None);
    for limit in [1, 2, 31, 32, 95, 96] {
        let mut rows = Vec::new();
        for page in 1..=96_u64.div_ceil(u64::from(limit)) {
            let request = PageRequest::number(page, limit).unwrap();
            let got = inbox.store.list(&filter, request).unwrap();
            assert_eq!((got.total, got.number), (96, Some(page)));
            assert_eq!(got.offset, Some(rows.len() as u64));
            assert!(got.data.len() <= limit as usize);
            rows.extend(got.data);
            assert_eq!(got.next.is_some(), rows.len() < 96);
        }
        assert_eq!(rows, whole.data, "limit {limit}");
    }
}

#[test]
fn page_starts_at_1_and_the_limit_is_1_to_100_and_20_by_default() {
    let default = PageRequest::default();
    assert_eq!(default, PageRequest::number(1, 20).unwrap());
    assert_eq!(default.limit(), 20);
    assert_eq!(PageRequest::MAX_LIMIT, 100);
    assert!(PageRequest::number(1, 1).is_ok());
    assert!(PageRequest::number(u64::MAX, 100).is_ok());
    for (page, limit, field, reason) in [
        (0, 20, "page", "must be at least 1"),
        (1, 0, "limit", "must be between 1 and 100"),
        (1, 101, "limit", "must be between 1 and 100"),
        (1, u32::MAX, "limit", "must be between 1 and 100"),
    ] {
        let refused = PageRequest::number(page, limit).unwrap_err();
        assert_eq!((refused.field(), refused.reason()), (field, reason));
        let listed = Store::in_memory()
            .unwrap()
            .list(&Filter::all(), (page, limit));
        let error = listed.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert_eq!(error.field(), Some(field));
    }
}

#[test]
fn a_page_past_the_end_is_empty_and_carries_the_true_total() {
    let (inbox, _) = mixed();
    for (page, limit) in [(2, 96), (6, 20), (1_000, 20), (u64::MAX, 100)] {
        let request = PageRequest::number(page, limit).unwrap();
        let past = inbox.store.list(&Filter::all(), request).unwrap();
        assert_eq!((past.data.len(), past.total), (0, 96));
        assert_eq!(past.number, Some(page));
        assert_eq!(past.next, None);
    }
    let empty = Inbox::new();
    let first = empty.store.list(&Filter::all(), PageRequest::default());
    let first = first.unwrap();
    assert_eq!((first.data.len(), first.total), (0, 0));
    assert_eq!(first.number, Some(1));
}

#[test]
fn list_rows_carry_no_messages_and_are_the_conversations() {
    let (inbox, _) = mixed();
    for row in everything(&inbox.store, &Filter::all()) {
        assert_eq!(row, inbox.show(row.id).into_listed());
        assert!(!inbox.store.transcript(row.id).unwrap().messages.is_empty());
        assert_eq!(
            serde_json::to_value(&row).unwrap()["messages"],
            serde_json::json!([])
        );
    }
}

#[test]
fn an_imported_conversation_stands_where_its_activity_puts_it() {
    let (inbox, _) = mixed();
    let all = everything(&inbox.store, &Filter::all());
    let id = ConversationId::from_parts(1, 1);
    let (below, above) = (&all[50], &all[49]);
    let mut old = Conversation::new(id, contact("con_old"), Channel::Webchat, below.created_at);
    old.updated_at = below.updated_at + (above.updated_at - below.updated_at) / 2;
    inbox.store.import(Import::new(old, vec![])).unwrap();
    assert_eq!(everything(&inbox.store, &Filter::all())[50].id, id);
}
