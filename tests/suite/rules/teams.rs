//! Members of teams, and the lists of these.

use convodb::commands::{SaveTeam, SaveView};
use convodb::{
    AssigneeId, Channel, ContactId, Context, ConversationId, ErrorKind, Execute, Filter,
    ImportLine, Inbound, PageRequest, Selection, Sort, Team, TeamId, UserId, ViewId,
};

use super::inbox::Inbox;
use crate::store::{Options, Place, Read, Store, test};

fn user(id: &str) -> UserId {
    UserId::new(id).unwrap()
}

fn billing() -> TeamId {
    TeamId::new("team_billing").unwrap()
}

fn users(ids: &[&str]) -> Vec<UserId> {
    ids.iter().map(|id| user(id)).collect()
}

fn save(store: &Store, members: &[&str]) -> Vec<UserId> {
    let saved = store.save_team_with_members(&billing(), "Billing", users(members));
    saved.unwrap().value.members
}

fn hello(store: &Store, to: Option<&str>) -> ConversationId {
    let number = store.count(&Filter::all()).unwrap();
    let contact = ContactId::new(&format!("con_{number}")).unwrap();
    let inbound = Inbound::text(contact, Channel::Whatsapp, "Hello");
    let id = store.receive(inbound).unwrap().value.conversation_id;
    if let Some(to) = to {
        store.assign(id, AssigneeId::new(to).unwrap()).unwrap();
    }
    id
}

/// The ids of a list, which its count, its cursors and its ranks agree with.
fn list(reads: &impl Read, filter: &Filter) -> Vec<ConversationId> {
    let page = reads.list(filter, PageRequest::default()).unwrap();
    let ids: Vec<_> = page.data.iter().map(|row| row.id).collect();
    assert_eq!(page.total, ids.len() as u64);
    assert_eq!(reads.count(filter).unwrap(), page.total);
    for (rank, id) in ids.iter().enumerate() {
        assert_eq!(reads.rank(*id, filter).unwrap(), Some(rank as u64));
        let around = reads.list(filter, PageRequest::around(*id, 1).unwrap());
        assert_eq!(around.unwrap().data[0].id, *id);
    }
    let mut by_cursor = Vec::new();
    let mut next = Some(PageRequest::number(1, 1).unwrap());
    while let Some(request) = next {
        let page = reads.list(filter, request).unwrap();
        by_cursor.extend(page.data.iter().map(|row| row.id));
        next = page
            .next
            .map(|cursor| PageRequest::after(cursor, 1).unwrap());
    }
    assert_eq!(by_cursor, ids);
    ids
}

/// Alice, Bob and Carol; the team of Alice and Bob; a conversation of each, of the team, and an unassigned one.
fn scene(store: &Store) -> [ConversationId; 5] {
    for id in ["usr_a", "usr_b", "usr_c"] {
        store.save_user(&user(id), "A user").unwrap();
    }
    assert_eq!(save(store, &["usr_b", "usr_a"]), users(&["usr_a", "usr_b"]));
    [
        Some("usr_a"),
        Some("usr_b"),
        Some("usr_c"),
        Some("team_billing"),
        None,
    ]
    .map(|to| hello(store, to))
}

#[test]
fn members_of_adds_what_each_member_has_at_the_time_of_the_call_and_nothing_else() {
    let inbox = Inbox::new();
    let store = &inbox.store;
    let [alices, bobs, carols, teams, nobodys] = scene(store);
    let of_members = Filter::open().members_of(billing());
    let sorted = |mut ids: Vec<_>| {
        ids.sort();
        ids
    };
    assert_eq!(sorted(list(store, &of_members)), [alices, bobs]);
    let with_team = of_members.clone().assigned_to(billing());
    assert_eq!(sorted(list(store, &with_team)), [alices, bobs, teams]);
    let with_others = of_members.clone().unassigned().assigned_to(user("usr_a"));
    assert_eq!(sorted(list(store, &with_others)), [alices, bobs, nobodys]);

    let snapshot = store.snapshot().unwrap();
    save(store, &["usr_c"]);
    assert_eq!(list(store, &of_members), [carols]);
    assert_eq!(sorted(list(&snapshot, &of_members)), [alices, bobs]);
    assert_eq!(snapshot.members_of(&billing()).unwrap().len(), 2);
    inbox.assert_sound();
}

#[test]
fn a_team_without_members_or_one_that_is_not_there_adds_nothing() {
    let inbox = Inbox::new();
    let store = &inbox.store;
    let [.., teams, nobodys] = scene(store);
    save(store, &[]);
    for team in [billing(), TeamId::new("team_unknown").unwrap()] {
        let filter = Filter::all().members_of(&team);
        assert_eq!(list(store, &filter), []);
        assert_eq!(
            list(
                store,
                &filter
                    .clone()
                    .contact("con_0".parse::<ContactId>().unwrap())
            ),
            []
        );
        assert_eq!(list(store, &filter.clone().waiting(true)), []);
        assert_eq!(list(store, &filter.unassigned()), [nobodys]);
    }
    assert_eq!(
        list(
            store,
            &Filter::all().members_of(billing()).assigned_to(billing())
        ),
        [teams]
    );
}

#[test]
fn members_of_goes_with_every_other_criterion_and_order() {
    let inbox = Inbox::new();
    let store = &inbox.store;
    let [alices, bobs, ..] = scene(store);
    store.resolve(bobs).unwrap();
    store.mark_read(alices, 1).unwrap();
    let all = Filter::all().members_of(billing());
    assert_eq!(
        list(store, &Filter::resolved().members_of(billing())),
        [bobs]
    );
    assert_eq!(list(store, &all.clone().unread()), [bobs]);
    assert_eq!(list(store, &all.clone().waiting(true)), [alices]);
    assert_eq!(list(store, &all.clone().channel(Channel::Webchat)), []);
    let contact = store.conversation(bobs).unwrap().contact_id;
    assert_eq!(list(store, &all.clone().contact(contact)), [bobs]);
    let mut latest = list(store, &all);
    latest.reverse();
    assert_eq!(list(store, &all.sort(Sort::EarliestActivity)), latest);
}

#[test]
fn a_removed_user_leaves_every_team_at_once() {
    let inbox = Inbox::by_hand();
    let store = &inbox.store;
    let [alices, bobs, carols, ..] = scene(store);
    let sales = TeamId::new("team_sales").unwrap();
    let of_sales = store.save_team_with_members(&sales, "Sales", users(&["usr_a"]));
    assert_eq!(of_sales.unwrap().value.members, users(&["usr_a"]));
    let commit = store.commit_seq().unwrap();
    let bob = AssigneeId::from(user("usr_b"));
    store
        .remove_assignee(&user("usr_a").into(), Some(&bob))
        .unwrap();
    assert_eq!(store.commit_seq().unwrap(), commit.next());
    assert_eq!(store.members_of(&billing()).unwrap(), users(&["usr_b"]));
    assert_eq!(store.members_of(&sales).unwrap(), []);
    // What she had is Bob's, wherever it is stored.
    let of_members = Filter::open().members_of(billing());
    let mut found = list(store, &of_members);
    found.sort();
    assert_eq!(found, [alices, bobs]);
    // The same id, once more in the directory, is no member.
    store.save_user(&user("usr_a"), "Another Alice").unwrap();
    assert_eq!(store.members_of(&billing()).unwrap(), users(&["usr_b"]));
    store
        .remove_assignee(&bob, Some(&user("usr_c").into()))
        .unwrap();
    assert_eq!(list(store, &of_members), []);
    save(store, &["usr_c"]);
    let mut found = list(store, &of_members);
    found.sort();
    assert_eq!(found, [alices, bobs, carols]);
    inbox.assert_sound();
}

#[test]
fn a_removed_team_leaves_no_members_behind() {
    let inbox = Inbox::new();
    let store = &inbox.store;
    scene(store);
    store.remove_assignee(&billing().into(), None).unwrap();
    let missing = store.members_of(&billing()).unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::NotFound);
    assert_eq!(missing.to_string(), "there is no team `team_billing`");
    assert_eq!(list(store, &Filter::all().members_of(billing())), []);
    store.save_team(&billing(), "Billing").unwrap();
    assert_eq!(store.team(&billing()).unwrap().members, []);
    inbox.assert_sound();
}

#[test]
fn a_team_that_is_renamed_keeps_its_members() {
    let inbox = Inbox::new();
    let store = &inbox.store;
    scene(store);
    store.save_team(&billing(), "Invoices").unwrap();
    let team = store.team(&billing()).unwrap();
    assert_eq!(
        (&*team.name, team.members),
        ("Invoices", users(&["usr_a", "usr_b"]))
    );
    let commit = store.commit_seq().unwrap();
    let again = store.execute(SaveTeam {
        team: billing(),
        name: "Invoices".to_owned(),
        members: Some(users(&["usr_b", "usr_a", "usr_b"])),
    });
    assert!(!again.unwrap().effect.changed);
    assert_eq!(store.commit_seq().unwrap(), commit);
}

#[test]
fn a_member_must_be_a_user_of_the_directory() {
    let inbox = Inbox::new();
    let store = &inbox.store;
    scene(store);
    let saved = store.save_team_with_members(&billing(), "B", users(&["usr_a", "usr_x"]));
    let error = saved.unwrap_err();
    assert_eq!(
        (error.kind(), error.field()),
        (ErrorKind::InvalidInput, Some("members[1]"))
    );
    assert_eq!(&*store.team(&billing()).unwrap().name, "Billing");
    // Within one transaction a user who is saved, or removed, before.
    let refused = store.transaction(|tx| {
        tx.remove_assignee(&user("usr_a").into(), None)?;
        assert_eq!(tx.members_of(&billing())?, users(&["usr_b"]));
        tx.save_team_with_members(&billing(), "Billing", users(&["usr_a"]))
    });
    assert_eq!(refused.unwrap_err().field(), Some("members[0]"));
    assert_eq!(store.members_of(&billing()).unwrap().len(), 2);
    let saved = store.transaction(|tx| {
        tx.save_user(&user("usr_x"), "Xenia")?;
        tx.save_team_with_members(&billing(), "Billing", users(&["usr_x"]))
    });
    assert_eq!(saved.unwrap().value.members, users(&["usr_x"]));
}

#[test]
fn a_team_has_64_members_at_most_and_so_has_a_list() {
    let inbox = Inbox::new();
    let store = &inbox.store;
    let many: Vec<_> = (0..65)
        .map(|number| user(&format!("usr_{number:02}")))
        .collect();
    for id in &many {
        store.save_user(id, "A user").unwrap();
    }
    let saved = store.save_team_with_members(&billing(), "Billing", many.clone());
    assert_eq!(saved.unwrap_err().field(), Some("members"));
    let most = many[..Team::MAX_MEMBERS].to_vec();
    store
        .save_team_with_members(&billing(), "Billing", most)
        .unwrap();
    let id = hello(store, Some("usr_63"));
    let filter = Filter::open().members_of(billing());
    assert_eq!(list(store, &filter), [id]);
    // One of them is named twice, and one more is too many.
    assert_eq!(
        list(store, &filter.clone().assigned_to(&many[0]).unassigned()),
        [id]
    );
    let filter = filter.assigned_to(&many[64]);
    let page = PageRequest::default();
    for error in [
        store.count(&filter).unwrap_err(),
        store.list(&filter, page).unwrap_err(),
        store.rank(id, &filter).unwrap_err(),
        store.count(&filter.clone().waiting(true)).unwrap_err(),
        store
            .resolve_all(&Selection::first(&filter, 7).unwrap())
            .unwrap_err(),
    ] {
        assert_eq!(
            (error.kind(), error.field()),
            (ErrorKind::InvalidInput, Some("members_of"))
        );
    }
}

#[test]
fn bulk_commands_reach_what_the_members_have() {
    let inbox = Inbox::new();
    let store = &inbox.store;
    let [alices, bobs, carols, ..] = scene(store);
    let selection = Selection::first(&Filter::open().members_of(billing()), 10).unwrap();
    let carol = AssigneeId::from(user("usr_c"));
    let moved = store.assign_all(&selection, &carol).unwrap();
    assert_eq!(moved.value.len(), 2);
    let mut found = list(store, &Filter::open().assigned_to(&carol));
    found.sort();
    assert_eq!(found, [alices, bobs, carols]);
}

#[test]
fn a_saved_view_has_no_members_of() {
    let inbox = Inbox::new();
    let saved = inbox.store.execute(SaveView {
        view: ViewId::new("view_1").unwrap(),
        name: "A view".to_owned(),
        filter: Filter::open().members_of(billing()),
        sort: Sort::LatestActivity,
    });
    assert_eq!(saved.unwrap_err().field(), Some("filter.members_of"));
}

#[test]
fn the_same_key_answers_the_same_and_another_list_of_members_is_another_command() {
    let inbox = Inbox::new();
    scene(&inbox.store);
    let store = inbox.store.with(Context::new().idempotency_key("a key"));
    let first = store
        .save_team_with_members(&billing(), "B", users(&["usr_c"]))
        .unwrap();
    let again = store
        .save_team_with_members(&billing(), "B", users(&["usr_c"]))
        .unwrap();
    assert!(!first.is_duplicate && again.is_duplicate);
    assert_eq!(again.value.members, users(&["usr_c"]));
    let other = store.save_team_with_members(&billing(), "B", users(&["usr_a"]));
    assert_eq!(other.unwrap_err().kind(), ErrorKind::IdempotencyKeyReused);
}

#[test]
fn a_line_of_an_import_has_members_of_users_before_it() {
    let inbox = Inbox::new();
    let store = &inbox.store;
    let line = |json: &str| store.execute(ImportLine::parse(json.as_bytes()).unwrap());
    let team = r#"{"team":{"id":"team_billing","name":"Billing","members":["usr_a"]}}"#;
    assert_eq!(line(team).unwrap_err().field(), Some("members[0]"));
    line(r#"{"user":{"id":"usr_a","name":"Alice"}}"#).unwrap();
    line(team).unwrap();
    assert_eq!(store.members_of(&billing()).unwrap(), users(&["usr_a"]));
    line(r#"{"team":{"id":"team_billing","name":"Invoices"}}"#).unwrap();
    assert_eq!(store.members_of(&billing()).unwrap(), users(&["usr_a"]));
    let error = ImportLine::parse(br#"{"user":{"id":"usr_a","name":"A","members":[]}}"#);
    assert_eq!(error.unwrap_err().field(), "members");
    let error = ImportLine::parse(br#"{"team":{"id":"t","name":"A","members":["usr_a","b"]}}"#);
    assert_eq!(error.unwrap_err().field(), "members[1]");
}

#[test]
fn members_outlive_a_restart_and_a_repair() {
    let place = Place::new();
    let store = place.open(Options::new());
    let [_, bobs, carols, ..] = scene(&store);
    store.remove_assignee(&user("usr_a").into(), None).unwrap();
    let sales = TeamId::new("team_sales").unwrap();
    store
        .save_team_with_members(&sales, "Sales", users(&["usr_c", "usr_b"]))
        .unwrap();
    store.save_team(&sales, "Sales and more").unwrap();
    let check = |store: &Store| {
        assert_eq!(store.members_of(&billing()).unwrap(), users(&["usr_b"]));
        assert_eq!(
            store.team(&sales).unwrap().members,
            users(&["usr_b", "usr_c"])
        );
        assert_eq!(&*store.team(&sales).unwrap().name, "Sales and more");
        assert_eq!(list(store, &Filter::open().members_of(billing())), [bobs]);
        let mut found = list(store, &Filter::open().members_of(&sales));
        found.sort();
        assert_eq!(found, [bobs, carols]);
        assert!(store.verify().unwrap().is_clean());
    };
    check(&store);
    assert!(store.repair().unwrap().is_clean());
    check(&store);
    store.close().unwrap();
    check(&place.open(Options::new()));
}
