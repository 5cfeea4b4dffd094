//! Saved views: counted lists of any filter, in their own order.

use std::cmp::Ordering;

use convodb::{
    AttributeChanges, Channel, Conversation, Cursor, Details, ErrorKind, Execute, Filter, Inbound,
    InboxId, Outbound, PageRequest, Priority, Sort, TagFilter, Tags, TeamId, UserId, View, ViewId,
};

use super::inbox::{Inbox, contact};
use crate::store::{Options, Place, Read, SLOWER, Store, Transaction, reassign_now, test};

fn view(text: &str) -> ViewId {
    ViewId::new(text).unwrap()
}

fn tags(list: &[&str]) -> Tags {
    list.iter().copied().collect()
}

fn changes(json: &str) -> AttributeChanges {
    serde_json::from_str(json).unwrap()
}

/// What the order of a view comes to, by what people see of a conversation.
fn compare(sort: Sort, a: &Conversation, b: &Conversation) -> Ordering {
    let last = |a: Option<_>, b: Option<_>| a.is_none().cmp(&b.is_none()).then(a.cmp(&b));
    let priority = |of: &Conversation| of.attributes.as_ref().and_then(|it| it.priority);
    let by_key = match sort {
        Sort::LatestActivity => b.updated_at.cmp(&a.updated_at),
        Sort::EarliestActivity => a.updated_at.cmp(&b.updated_at),
        Sort::LongestWaiting => last(a.timeline.waiting_since, b.timeline.waiting_since),
        Sort::Newest => b.created_at.cmp(&a.created_at),
        Sort::Oldest => a.created_at.cmp(&b.created_at),
        Sort::DueSoonest => last(a.snoozed_until(), b.snoozed_until()),
        Sort::Priority => {
            let urgent_first = priority(b).cmp(&priority(a));
            urgent_first.then(b.updated_at.cmp(&a.updated_at))
        }
        other => panic!("{other} is new"),
    };
    let descends = matches!(sort, Sort::LatestActivity | Sort::Newest | Sort::Priority);
    by_key.then(if descends {
        b.id.cmp(&a.id)
    } else {
        a.id.cmp(&b.id)
    })
}

/// The rows of a list, by its pages and by its cursors.
fn rows(store: &impl Read, filter: &Filter) -> Vec<Conversation> {
    let mut by_page = Vec::new();
    let mut by_cursor = Vec::new();
    for number in 1.. {
        let page = store.list(filter, (number, 3)).unwrap();
        assert_eq!(page.total, store.count(filter).unwrap());
        if page.data.is_empty() {
            break;
        }
        by_page.extend(page.data);
    }
    let mut page = store.list(filter, (1, 3)).unwrap();
    loop {
        by_cursor.append(&mut page.data);
        match page.next {
            Some(next) => page = store.list(filter, (next, 3)).unwrap(),
            None => break,
        }
    }
    assert_eq!(by_page, by_cursor, "{filter:?}");
    assert_eq!(by_page.len() as u64, store.count(filter).unwrap());
    for (place, row) in by_page.iter().enumerate() {
        assert_eq!(store.rank(row.id, filter).unwrap(), Some(place as u64));
        let around = store.list(filter, PageRequest::around(row.id, 3).unwrap());
        assert!(around.unwrap().data.contains(row));
    }
    by_page
}

/// Each list, beside all conversations filtered and sorted by hand.
fn check(store: &impl Read, filters: &[(Filter, Filter, Sort)]) {
    let all = rows(store, &Filter::all());
    let all: Vec<_> = all
        .iter()
        .map(|row| store.conversation(row.id).unwrap())
        .collect();
    for (list, filter, sort) in filters {
        let mut expected: Vec<_> = all.iter().filter(|row| filter.selects(row)).collect();
        expected.sort_by(|a, b| compare(*sort, a, b));
        let expected: Vec<_> = expected
            .into_iter()
            .map(|row| row.clone().into_listed())
            .collect();
        assert_eq!(rows(store, list), expected, "{list:?}");
    }
}

fn filters() -> Vec<(Filter, Sort)> {
    let vip = TagFilter {
        any: tags(&["VIP", "gold"]),
        none: tags(&["spam"]),
        ..TagFilter::default()
    };
    let both = TagFilter {
        all: tags(&["vip", "gold"]),
        ..TagFilter::default()
    };
    let team = TeamId::new("team_a").unwrap();
    vec![
        (Filter::open().waiting(true), Sort::LongestWaiting),
        (
            Filter::open().waiting(false).unassigned(),
            Sort::LatestActivity,
        ),
        (Filter::all().tags(vip), Sort::EarliestActivity),
        (Filter::all().tags(both), Sort::Newest),
        (
            Filter::open()
                .priority(Priority::Urgent)
                .priority(Priority::Low),
            Sort::Priority,
        ),
        (Filter::all(), Sort::Priority),
        (Filter::open().snoozed(true), Sort::DueSoonest),
        (Filter::all(), Sort::DueSoonest),
        (Filter::all(), Sort::LongestWaiting),
        (Filter::all().team(&team), Sort::Oldest),
        (Filter::all().read(), Sort::Newest),
        (
            Filter::open().unread().channel(Channel::Whatsapp),
            Sort::Oldest,
        ),
        (
            Filter::all()
                .assigned_to(UserId::new("usr_1").unwrap())
                .unassigned(),
            Sort::Oldest,
        ),
        (Filter::resolved(), Sort::EarliestActivity),
    ]
}

/// Some commands, from a seed.
fn act(inbox: &Inbox, step: u64) {
    let store = &inbox.store;
    let mut random = step.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let mut below = |n: u64| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random % n
    };
    let who = contact(&format!("con_{}", below(9)));
    let channel = Channel::ALL[below(2) as usize];
    if below(3) > 0 {
        inbox
            .clock
            .advance(std::time::Duration::from_secs(below(3) * 60));
    }
    let Some(known) = store.find_conversation(&who, channel).unwrap() else {
        store
            .receive(Inbound::text(&who, channel, "Hello"))
            .unwrap();
        return;
    };
    let id = known.id;
    match below(13) {
        0..=1 => drop(
            store
                .receive(Inbound::text(&who, channel, "Hello?"))
                .unwrap(),
        ),
        2 => drop(store.send(Outbound::text(&who, channel, "Yes?")).unwrap()),
        3 => drop(store.resolve(id).unwrap()),
        4 => drop(store.reopen_conversation(id).unwrap()),
        5 => drop(store.mark_read(id, known.inbound_count).unwrap()),
        6 if below(4) == 0 => drop(store.delete(id).unwrap()),
        7 => {
            let users = [None, Some("usr_1"), Some("usr_2")];
            match users[below(3) as usize] {
                None => drop(store.unassign(id).unwrap()),
                Some(user) => drop(store.assign(id, UserId::new(user).unwrap()).unwrap()),
            }
        }
        8 => {
            let of = [
                "[]",
                r#"["vip"]"#,
                r#"["Gold", "VIP"]"#,
                r#"["gold", "Spam"]"#,
            ];
            let json = format!(r#"{{"tags": {}}}"#, of[below(4) as usize]);
            drop(store.update_conversation(id, changes(&json)).unwrap());
        }
        9 => {
            let of = [
                "null",
                r#""low""#,
                r#""medium""#,
                r#""high""#,
                r#""urgent""#,
            ];
            let json = format!(r#"{{"priority": {}}}"#, of[below(5) as usize]);
            drop(store.update_conversation(id, changes(&json)).unwrap());
        }
        10 if known.status == convodb::Status::Open => {
            let until =
                inbox.clock.get() + chrono::TimeDelta::seconds(1 + below(200).cast_signed());
            let json = format!(r#"{{"snoozed_until": "{}"}}"#, until.format("%FT%TZ"));
            drop(store.update_conversation(id, changes(&json)).unwrap());
        }
        11 => {
            let of = ["null", r#""team_a""#, r#""team_b""#];
            let json = format!(r#"{{"team_id": {}}}"#, of[below(3) as usize]);
            drop(store.update_conversation(id, changes(&json)).unwrap());
        }
        _ => drop(store.wake_due().unwrap()),
    }
}

fn with_people() -> Inbox {
    let inbox = Inbox::new();
    for user in ["usr_1", "usr_2"] {
        inbox
            .store
            .save_user(&UserId::new(user).unwrap(), user)
            .unwrap();
    }
    for team in ["team_a", "team_b"] {
        inbox
            .store
            .save_team(&TeamId::new(team).unwrap(), team)
            .unwrap();
    }
    inbox
}

#[test]
fn every_view_is_what_its_filter_selects_in_its_order_after_every_command() {
    let inbox = with_people();
    let store = &inbox.store;
    let mut lists = Vec::new();
    for (nth, (filter, sort)) in filters().into_iter().enumerate() {
        let id = view(&format!("view_{nth}"));
        if nth % 2 == 0 {
            store.save_view(&id, "early", filter.clone(), sort).unwrap();
        }
        lists.push((Filter::view(&id), filter, sort));
    }
    for step in 1..=400 {
        act(&inbox, step);
        if step == 200 {
            for (nth, (filter, sort)) in filters().into_iter().enumerate() {
                let id = view(&format!("view_{nth}"));
                store.save_view(&id, "late", filter, sort).unwrap();
            }
        }
        let known = lists.iter().enumerate();
        let known = known.filter(|(nth, _)| step >= 200 || nth % 2 == 0);
        let known: Vec<_> = known.map(|(_, list)| list.clone()).collect();
        if step % (8 * u64::from(SLOWER)) == 0 || step > 395 {
            check(store, &known);
        }
    }
    // The same without views, as far as lists have the order.
    let ad_hoc: Vec<_> = filters()
        .into_iter()
        .map(|(filter, sort)| {
            let sort = if sort == Sort::EarliestActivity {
                sort
            } else {
                Sort::LatestActivity
            };
            (filter.clone().sort(sort), filter, sort)
        })
        .collect();
    check(store, &ad_hoc);
    // Removed users and teams hand over what their views have.
    let (one, two) = (UserId::new("usr_1").unwrap(), UserId::new("usr_2").unwrap());
    store
        .remove_assignee(&two.into(), Some(&(&one).into()))
        .unwrap();
    check(store, &lists);
    let (a, b) = (
        TeamId::new("team_a").unwrap(),
        TeamId::new("team_b").unwrap(),
    );
    store.remove_assignee(&b.into(), Some(&a.into())).unwrap();
    check(store, &lists);
    store.remove_assignee(&one.into(), None).unwrap();
    check(store, &lists);
    assert!(store.verify().unwrap().is_clean());
    store.repair().unwrap();
    check(store, &lists);
}

fn waiting() -> Filter {
    Filter::open().waiting(true)
}

/// One that builds views only when a test asks for it.
fn by_hand(conversations: usize) -> Inbox {
    let inbox = Inbox::by_hand();
    for number in 0..conversations {
        inbox.hello(&format!("con_{number}"));
        inbox.later();
    }
    inbox
}

fn built(store: &Store, id: &ViewId) -> Option<(u64, u64)> {
    let building = store.view(id).unwrap().building;
    building.map(|progress| (progress.done, progress.of))
}

#[test]
fn a_view_is_built_in_steps_while_commands_go_on() {
    let inbox = by_hand(20);
    let store = &inbox.store;
    let id = view("view_waiting");
    let list = Filter::view(&id);
    let saved = store
        .save_view(&id, "Waiting", waiting(), Sort::LongestWaiting)
        .unwrap();
    assert!(saved.effect.created);
    assert_eq!(saved.value.building.unwrap().of, 20);
    for error in [
        store.list(&list, (1, 20)).unwrap_err(),
        store.count(&list).unwrap_err(),
        store
            .rank(inbox.hello("con_3").conversation_id, &list)
            .unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::Building);
        assert!(error.is_retryable());
        assert!(matches!(error.details(), Details::Progress(it) if (it.done, it.of) == (0, 20)));
    }
    let known = store.conversations_of(&contact("con_1")).unwrap();
    for step in 1..=5 {
        reassign_now(store, 5).unwrap();
        if step < 5 {
            assert_eq!(built(store, &id), Some((5 * step, 20)));
        }
        // Conversations before and behind the place that it has come to.
        let answer = Outbound::text(
            contact(&format!("con_{}", 4 * step)),
            Channel::Whatsapp,
            "Yes",
        );
        store.send(answer).unwrap();
        assert!(store.verify().unwrap().is_clean());
    }
    assert_eq!(built(store, &id), None);
    check(store, &[(list.clone(), waiting(), Sort::LongestWaiting)]);
    assert_eq!(store.count(&list).unwrap(), 16);
    // Another name is no other list.
    store
        .save_view(&id, "Unanswered", waiting(), Sort::LongestWaiting)
        .unwrap();
    assert_eq!(
        (built(store, &id), &*store.view(&id).unwrap().name),
        (None, "Unanswered")
    );
    store.resolve(known[0].id).unwrap();
    assert_eq!(store.count(&list).unwrap(), 15);
}

#[test]
fn a_view_of_another_filter_or_order_is_another_list_and_the_old_one_goes() {
    let inbox = by_hand(12);
    let store = &inbox.store;
    let id = view("view_any");
    for (filter, sort, found) in [
        (Filter::open(), Sort::Oldest, 12),
        (Filter::open(), Sort::Newest, 12),
        (Filter::resolved(), Sort::Newest, 0),
    ] {
        store.save_view(&id, "Any", filter.clone(), sort).unwrap();
        while built(store, &id).is_some() {
            reassign_now(store, 4).unwrap();
        }
        check(store, &[(Filter::view(&id), filter, sort)]);
        assert_eq!(store.count(&Filter::view(&id)).unwrap(), found);
    }
    store
        .save_view(&id, "Any", Filter::open(), Sort::Oldest)
        .unwrap();
    reassign_now(store, 5).unwrap();
    store.remove_view(&id).unwrap();
    assert_eq!(
        store.count(&Filter::view(&id)).unwrap_err().kind(),
        ErrorKind::NotFound
    );
    assert_eq!(
        store.remove_view(&id).unwrap_err().kind(),
        ErrorKind::NotFound
    );
    assert!(store.verify().unwrap().is_clean());
    for _ in 0..4 {
        reassign_now(store, 4).unwrap();
    }
    assert!(store.verify().unwrap().is_clean());
}

#[test]
fn views_are_there_after_a_restart_and_go_on_being_built() {
    let place = Place::new();
    let open = || place.open(Options::new().reassign_by_hand());
    let (whole, part) = (view("view_whole"), view("view_part"));
    let store = open();
    for number in 0..30 {
        let hello = Inbound::text(contact(&format!("con_{number}")), Channel::Webchat, "Hello");
        store.receive(hello).unwrap();
    }
    store
        .save_view(&whole, "Whole", waiting(), Sort::Oldest)
        .unwrap();
    while built(&store, &whole).is_some() {
        reassign_now(&store, 10).unwrap();
    }
    store
        .save_view(&part, "Part", Filter::all(), Sort::Priority)
        .unwrap();
    reassign_now(&store, 10).unwrap();
    store.close().unwrap();
    let store = open();
    assert_eq!(
        (built(&store, &whole), built(&store, &part)),
        (None, Some((10, 30)))
    );
    check(&store, &[(Filter::view(&whole), waiting(), Sort::Oldest)]);
    store.close().unwrap();
    // With a background it is complete by itself.
    let store = place.open(Options::new());
    store
        .receive(Inbound::text(contact("con_new"), Channel::Webchat, "Hello"))
        .unwrap();
    while built(&store, &part).is_some() {
        std::thread::yield_now();
    }
    check(
        &store,
        &[
            (Filter::view(&whole), waiting(), Sort::Oldest),
            (Filter::view(&part), Filter::all(), Sort::Priority),
        ],
    );
    assert!(store.verify().unwrap().is_clean());
}

#[test]
fn what_a_view_cannot_be_is_refused_before_anything_is_written() {
    let inbox = Inbox::new();
    let store = &inbox.store;
    let id = view("view_odd");
    let tag = |any: &[&str], all: &[&str], none: &[&str]| TagFilter {
        any: tags(any),
        all: tags(all),
        none: tags(none),
    };
    let commits = store.commit_seq().unwrap();
    for (filter, field) in [
        (Filter::resolved().snoozed(true), "filter.snoozed"),
        (Filter::resolved().waiting(true), "filter.waiting"),
        (
            Filter::all().tags(tag(&[], &["vip"], &["VIP"])),
            "filter.tag.all",
        ),
        (
            Filter::all().tags(tag(&["a", "b"], &[], &["B", "A"])),
            "filter.tag.any",
        ),
        (
            Filter::all().tags(tag(&[&"x".repeat(65)], &[], &[])),
            "filter.tag.any",
        ),
        (
            Filter::all()
                .channel(Channel::Webchat)
                .inbox(Channel::Whatsapp),
            "filter.inbox",
        ),
        // It could come to be of another channel, and an export could not be imported.
        (
            Filter::all()
                .channel(Channel::Webchat)
                .inbox(InboxId::new("inb_later").unwrap()),
            "filter.inbox",
        ),
        (Filter::all().contact(contact("con_1")), "filter.contact_id"),
        (Filter::view(view("view_other")), "filter.view"),
        (Filter::all().sort(Sort::EarliestActivity), "filter.sort"),
        (Filter::all().scan(), "filter.scan"),
    ] {
        let error = store
            .save_view(&id, "Odd", filter, Sort::Oldest)
            .unwrap_err();
        assert_eq!(error.field(), Some(field), "{error}");
    }
    let error = store
        .save_view(&id, " ", Filter::all(), Sort::Oldest)
        .unwrap_err();
    assert_eq!(error.field(), Some("name"));
    assert_eq!(store.commit_seq().unwrap(), commits);
    // Both of these select something.
    let possible = tag(&["a", "b"], &[], &["b"]);
    store
        .save_view(&id, "Odd", Filter::all().tags(possible), Sort::Oldest)
        .unwrap();
}

#[test]
fn there_are_as_many_views_as_the_options_say() {
    let store = Options::new().max_views(2).open_in_memory().unwrap();
    let save = |id: &str| store.save_view(&view(id), "A view", Filter::open(), Sort::Oldest);
    save("view_1").unwrap();
    save("view_2").unwrap();
    assert_eq!(save("view_3").unwrap_err().field(), Some("view_id"));
    // One that is there is changed all the same.
    save("view_2").unwrap();
    store.remove_view(&view("view_1")).unwrap();
    save("view_3").unwrap();
}

#[test]
fn a_list_without_a_view_has_its_own_orders_and_cursors_alone() {
    let inbox = Inbox::new();
    let store = &inbox.store;
    for number in 0..5 {
        inbox.hello(&format!("con_{number}"));
        inbox.later();
    }
    let error = store
        .list(&Filter::open().sort(Sort::Priority), (1, 20))
        .unwrap_err();
    assert_eq!(
        (error.kind(), error.field()),
        (ErrorKind::ViewRequired, Some("sort"))
    );
    let oldest = Filter::open().sort(Sort::EarliestActivity);
    check(
        store,
        &[(oldest.clone(), Filter::open(), Sort::EarliestActivity)],
    );
    let first = store.list(&Filter::open(), (1, 2)).unwrap();
    let error = store.list(&oldest, (first.next.unwrap(), 2)).unwrap_err();
    assert_eq!(error.field(), Some("cursor"));
    assert!(error.to_string().contains("`updated_at`"), "{error}");
    let id = view("view_waiting");
    store
        .save_view(&id, "Waiting", waiting(), Sort::LongestWaiting)
        .unwrap();
    let list = Filter::view(&id);
    let error = store.list(&list, (first.next.unwrap(), 2)).unwrap_err();
    assert_eq!(error.field(), Some("cursor"));
    let page = store.list(&list, (1, 2)).unwrap();
    let next = page.next.unwrap();
    let again: Cursor = next.to_string().parse().unwrap();
    assert_eq!(again, next);
    assert_eq!(store.list(&list, (again, 9)).unwrap().data.len(), 3);
    for filter in [list.clone().unread(), list.clone().sort(Sort::Oldest)] {
        assert_eq!(
            store.list(&filter, (1, 2)).unwrap_err().field(),
            Some("view")
        );
    }
}

#[test]
fn a_view_in_json_and_in_a_query_string_names_what_was_given() {
    let json = r#"{"id":"view_vip","name":"VIP","filter":{"status":"open","channel":["whatsapp"],"inbox":["whatsapp","inb_sales"],"assigned_to":["unassigned","usr_1","team_a"],"team":["team_b"],"tag":{"any":["Gold","vip"],"none":["spam"]},"priority":["high","urgent"],"unread":true,"snoozed":false,"waiting":true},"sort":"waiting_since"}"#;
    let known: View = serde_json::from_str(json).unwrap();
    assert_eq!(
        serde_json::to_value(&known).unwrap(),
        serde_json::from_str::<serde_json::Value>(json).unwrap()
    );
    for (field, json) in [
        ("colour", r#"{"colour": "red"}"#),
        ("tag", r#"{"tag": {"some": []}}"#),
        ("sort", r#"{"priority": ["top"]}"#),
    ] {
        assert!(serde_json::from_str::<Filter>(json).is_err(), "{field}");
    }
    let (filter, _) = Filter::from_query("view=view_vip&page=2").unwrap();
    assert_eq!(filter, Filter::view(view("view_vip")));
    for (query, field) in [
        ("view=view_vip&status=open", "status"),
        ("view=vip", "view"),
        ("sort=name", "sort"),
        ("scan=false", "scan"),
        ("waiting=maybe", "waiting"),
        ("status=resolved&waiting=true", "waiting"),
        ("team=usr_1", "team"),
        ("priority=top", "priority"),
        ("tag=%20", "tag"),
    ] {
        assert_eq!(
            Filter::from_query(query).unwrap_err().field(),
            field,
            "{query}"
        );
    }
    let query = "status=all&team=team_a&tag=gold%2Cvip&priority=low%2Curgent&waiting=false&sort=updated_at&scan=true&page=1&limit=20";
    let (filter, page) = Filter::from_query(query).unwrap();
    assert_eq!(filter.to_query(&page), query);
}

#[test]
fn a_view_is_read_within_its_transaction() {
    let inbox = Inbox::new();
    let store = &inbox.store;
    let id = view("view_waiting");
    store
        .transaction(|transaction| {
            inbox_hello(transaction, "con_1");
            transaction.save_view(&id, "Waiting", waiting(), Sort::LongestWaiting)?;
            inbox_hello(transaction, "con_2");
            assert_eq!(transaction.count(&Filter::view(&id))?, 2);
            check(
                transaction,
                &[(Filter::view(&id), waiting(), Sort::LongestWaiting)],
            );
            Ok::<_, convodb::Error>(())
        })
        .unwrap();
    check(
        store,
        &[(Filter::view(&id), waiting(), Sort::LongestWaiting)],
    );
    assert!(store.verify().unwrap().is_clean());
}

fn inbox_hello(store: &impl Execute, from: &str) {
    let hello = Inbound::text(contact(from), Channel::Whatsapp, "Hello");
    store.receive(hello).unwrap();
}
#[test]
fn what_is_refused_of_a_list_is_refused_of_its_count() {
    let inbox = Inbox::new();
    let never = || Filter::resolved().snoozed(true);
    let error = inbox.store.count(&never()).unwrap_err();
    assert_eq!(error.field(), Some("snoozed"));
    let error = inbox.store.count(&never().priority(Priority::Low));
    assert_eq!(error.unwrap_err().field(), Some("snoozed"));
    let sorted = Filter::all().sort(Sort::LongestWaiting);
    for filter in [sorted.clone(), sorted.priority(Priority::Low)] {
        let counted = inbox.store.count(&filter).unwrap_err();
        let listed = inbox.store.list(&filter, (1, 20)).unwrap_err();
        assert_eq!(counted.kind(), ErrorKind::ViewRequired);
        assert_eq!(
            (listed.kind(), listed.field()),
            (counted.kind(), counted.field())
        );
    }
}

/// Of how many conversations a view is said to be built.
fn built_of(view: &View) -> u64 {
    view.building.expect("it is being built").of
}

#[test]
fn a_command_counts_all_conversations_of_its_transaction_how_far_a_view_is_built() {
    let inbox = Inbox::by_hand();
    let store = &inbox.store;
    inbox.hello("con_1");
    let id = view("view_all");
    let save = |tx: &Transaction<'_>| tx.save_view(&id, "All", Filter::all(), Sort::Newest);
    let hello = |from| Inbound::text(contact(from), Channel::Whatsapp, "Hello");
    let saved = store.transaction(|tx| {
        let first = save(tx)?.value;
        tx.receive(hello("con_2"))?;
        // Nothing changes, and it was loaded before.
        Ok::<_, convodb::Error>([first, save(tx)?.value, tx.view(&id)?])
    });
    assert_eq!(saved.unwrap().each_ref().map(built_of), [1, 2, 2]);
    let error = store.list(&Filter::view(&id), (1, 20)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Building);
    assert!(matches!(error.details(), Details::Progress(progress) if progress.of == 2));
}

#[test]
fn a_cursor_of_any_key_is_a_place_in_a_list_of_its_order() {
    let inbox = Inbox::new();
    let store = &inbox.store;
    for from in ["con_1", "con_2", "con_3"] {
        inbox.hello(from);
    }
    let id = view("view_all");
    for sort in Sort::ALL {
        store.save_view(&id, "All", Filter::all(), sort).unwrap();
        let list = match sort.needs_view() {
            true => vec![Filter::view(&id)],
            false => vec![Filter::view(&id), Filter::all().sort(sort)],
        };
        for filter in list {
            let all = store.list(&filter, (1, 20)).unwrap().data;
            let of = |key: u64, raw: u128| {
                let id = convodb::ConversationId::from_raw(raw);
                let text = match sort {
                    Sort::LatestActivity => {
                        format!("{}.{id}", key.min(i64::MAX as u64 / 1_000_000))
                    }
                    sort => format!("{sort}.{key}.{id}"),
                };
                text.parse::<Cursor>().unwrap()
            };
            let descends = sort == Sort::LatestActivity;
            let (first, last) = if descends {
                (u64::MAX, 0)
            } else {
                (0, u64::MAX)
            };
            // Those without what the order is by have the last key, each with its id.
            let rest = store.list(&filter, (of(last, u128::MAX), 20)).unwrap();
            assert_eq!(rest.data, [], "{filter:?} behind the last");
            for raw in [0, 1, u128::MAX] {
                if !descends {
                    let rest = store.list(&filter, (of(first, raw), 20)).unwrap().data;
                    assert_eq!(rest, all, "{filter:?} behind {first}");
                }
            }
        }
    }
}

#[test]
fn a_view_by_a_successor_has_what_is_yet_to_be_reassigned_to_it() {
    let inbox = Inbox::by_hand();
    let store = &inbox.store;
    let (one, two) = (UserId::new("usr_1").unwrap(), UserId::new("usr_2").unwrap());
    for user in [&one, &two] {
        store.save_user(user, user.as_str()).unwrap();
    }
    let ids: Vec<_> = ["con_1", "con_2", "con_3", "con_4"]
        .map(|from| inbox.hello(from).conversation_id)
        .into();
    for id in &ids {
        store.assign(*id, &two).unwrap();
    }
    let id = view("view_one");
    let filter = Filter::all().assigned_to(&one);
    store
        .save_view(&id, "One", filter.clone(), Sort::LongestWaiting)
        .unwrap();
    store
        .remove_assignee(&two.into(), Some(&one.into()))
        .unwrap();
    // It builds the list, and leaves the conversations as they are stored.
    store.repair().unwrap();
    assert_eq!(store.stats().unwrap().to_reassign, 4);
    let lists = [(Filter::view(&id), filter, Sort::LongestWaiting)];
    check(store, &lists);
    inbox.later();
    store.reply(ids[0], "Hello").unwrap();
    check(store, &lists);
    store.unassign(ids[1]).unwrap();
    check(store, &lists);
    store.delete(ids[2]).unwrap();
    check(store, &lists);
    assert!(store.verify().unwrap().is_clean());
    reassign_now(store, 100).unwrap();
    check(store, &lists);
    assert!(store.verify().unwrap().is_clean());
}

#[test]
fn a_repeated_bulk_command_is_answered_by_its_key_though_its_view_was_removed() {
    let inbox = Inbox::new();
    let store = &inbox.store;
    let known = inbox.conversation();
    let id = view("view_all");
    store
        .save_view(&id, "All", Filter::all(), Sort::Newest)
        .unwrap();
    let selection = convodb::Selection::first(&Filter::view(&id), 10).unwrap();
    let once = store.with(convodb::Context::new().idempotency_key("once"));
    assert!(once.resolve_all(&selection).unwrap().effect.changed);
    store.remove_view(&id).unwrap();
    let again = once.resolve_all(&selection).unwrap();
    assert!(again.is_duplicate);
    assert_eq!(again.value[0].id, known);
}
