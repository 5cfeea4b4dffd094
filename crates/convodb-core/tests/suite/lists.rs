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
