//! Filters, pages and query strings.

use convodb_core::*;

use crate::given::{alice, bob, conversation, id};

#[test]
fn a_filter_selects_by_every_criterion() {
    let mut known = conversation(1);
    let selects = |filter: Filter, known: &Conversation| filter.selects(known);
    assert!(selects(Filter::open(), &known) && selects(Filter::all().unassigned(), &known));
    assert!(!selects(Filter::resolved(), &known) && !selects(Filter::open().unread(), &known));
    assert!(selects(Filter::open().channel(known.channel), &known));
    assert!(!selects(Filter::open().channel(Channel::Webchat), &known));
    known.assigned_to = Some(Assignee::new(alice(), "Alice"));
    known.unread_count = 1;
    assert!(selects(
        Filter::open().assigned_to(alice()).unread(),
        &known
    ));
    assert!(!selects(
        Filter::open().assigned_to(bob()).unassigned(),
        &known
    ));
}

#[test]
fn members_are_assignees_where_they_are_known_and_nobody_where_not() {
    let team = TeamId::new("team_billing").unwrap();
    let mut known = conversation(1);
    known.assigned_to = Some(Assignee::new(alice(), "Alice"));
    let of_team = Filter::open().members_of(&team);
    assert!(!of_team.selects(&known) && !of_team.selects(&conversation(1)));
    let alice = UserId::new("usr_alice").unwrap();
    let with_members = of_team.with_members(&[alice]).unwrap();
    assert!(with_members.selects(&known) && !with_members.selects(&conversation(1)));
    assert!(!of_team.with_members(&[]).unwrap().selects(&known));
    let united = of_team.clone().unassigned().with_members(&[]).unwrap();
    assert!(united.selects(&conversation(1)) && !united.selects(&known));
}

#[test]
fn the_members_and_the_assignees_of_a_filter_are_64_at_most() {
    let user = |number| UserId::new(&format!("usr_{number}")).unwrap();
    let team = TeamId::new("team_billing").unwrap();
    let members: Vec<_> = (0..64).map(user).collect();
    let filter = Filter::open().members_of(&team).assigned_to(user(0));
    assert_eq!(
        filter.with_members(&members).unwrap().assignees().count(),
        64
    );
    let error = filter
        .assigned_to(&team)
        .with_members(&members)
        .unwrap_err();
    assert_eq!(error.field(), "members_of");
    assert!(error.reason().ends_with("and are 65"), "{error}");
    let many = (0..65).fold(Filter::open().members_of(&team), |filter, number| {
        filter.assigned_to(user(number))
    });
    assert_eq!(many.with_members(&[]).unwrap_err().field(), "assigned_to");
}

#[test]
fn members_of_is_in_the_json_of_a_filter() {
    let filter = Filter::open().members_of(TeamId::new("team_billing").unwrap());
    let json = r#"{"status":"open","members_of":"team_billing"}"#;
    assert_eq!(serde_json::to_string(&filter).unwrap(), json);
    assert_eq!(serde_json::from_str::<Filter>(json).unwrap(), filter);
    assert_eq!(filter.members_team().unwrap().as_str(), "team_billing");
}

#[test]
fn a_request_is_within_its_bounds() {
    let error = PageRequest::number(0, 20).unwrap_err();
    assert_eq!(error.field(), "page");
    for limit in [0, 101] {
        assert_eq!(PageRequest::number(1, limit).unwrap_err().field(), "limit");
        assert_eq!(
            PageRequest::around(id(1), limit).unwrap_err().field(),
            "limit"
        );
    }
    assert_eq!(PageRequest::try_from((2, 7)), PageRequest::number(2, 7));
}

#[test]
fn a_page_is_read_from_its_json() {
    let row = conversation(1);
    let next = Some(Cursor::from(&row));
    let mut page = Page::new(vec![row], 7, next);
    page.number = Some(1);
    let text = serde_json::to_string(&page).unwrap();
    assert_eq!(serde_json::from_str::<Page<_>>(&text).unwrap(), page);
    assert!(text.contains(r#""total":7,"page":1,"next":"#), "{text}");
}

#[test]
fn what_is_printed_is_parsed_again() {
    let filters = [
        Filter::open(),
        Filter::all()
            .channel(Channel::Webchat)
            .channel(Channel::Whatsapp),
        Filter::resolved()
            .unassigned()
            .assigned_to(alice())
            .unread(),
        Filter::open().members_of(TeamId::new("team_billing").unwrap()),
    ];
    let pages = [
        PageRequest::default(),
        PageRequest::number(7, 100).unwrap(),
        PageRequest::after(Cursor::from(&conversation(1)), 5).unwrap(),
        PageRequest::around(id(1), 5).unwrap(),
    ];
    for filter in &filters {
        for page in &pages {
            let query = filter.to_query(page);
            let parsed = Filter::from_query(&query).unwrap();
            assert_eq!(parsed, (filter.clone(), *page), "{query}");
        }
    }
}

#[test]
fn nothing_is_silently_ignored() {
    for (query, field) in [
        ("state=open", "state"),
        ("status=open&status=open", "status"),
        ("channel=", "channel"),
        ("channel=sms", "channel"),
        ("assigned_to=usr_", "assigned_to"),
        ("members_of=usr_1", "members_of"),
        ("members_of=team_1,team_2", "members_of"),
        ("unread=false", "unread"),
        ("page=0", "page"),
        ("page=%2B1", "page"),
        ("limit=101", "limit"),
        ("cursor=x", "cursor"),
        ("around=x", "around"),
        ("page=1&around=x", "around"),
    ] {
        assert_eq!(
            Filter::from_query(query).unwrap_err().field(),
            field,
            "{query}"
        );
    }
}
