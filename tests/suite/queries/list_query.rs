//! The parameters of *List conversations*, from a query string, from pairs, and by serde.

use convodb::{
    AssigneeId, Channel, Error, ErrorKind, Filter, ListQuery, PageRequest, StatusFilter, TeamId,
    UserId,
};
use proptest::prelude::*;

fn parse(query: &str) -> Result<ListQuery, Error> {
    query.parse()
}

/// The same parameters, each way in which they can come.
fn every_way(pairs: &[(&str, &str)]) -> Vec<Result<ListQuery, String>> {
    let mut query = form_urlencoded(pairs);
    let from_string = parse(&query).map_err(|error| error.to_string());
    // Empty parts and plain separators are a query string's own affair.
    query = format!("&{query}&&");
    let from_loose_string = parse(&query).map_err(|error| error.to_string());
    let from_pairs = ListQuery::from_pairs(pairs.iter().copied());
    let fields: Vec<_> = pairs
        .iter()
        .map(|(name, value)| {
            let (name, value) = (serde_json::json!(name), serde_json::json!(value));
            format!("{name}:{value}")
        })
        .collect();
    let map = format!("{{{}}}", fields.join(","));
    let from_map = serde_json::from_str::<ListQuery>(&map).map_err(|error| {
        // serde_json adds the place in the text.
        let text = error.to_string();
        text.split(" at line ")
            .next()
            .unwrap_or_default()
            .to_owned()
    });
    vec![
        from_string,
        from_loose_string,
        from_pairs.map_err(|error| error.to_string()),
        from_map,
    ]
}

/// All that is not plain is escaped, so that nothing but the values is tested.
fn form_urlencoded(pairs: &[(&str, &str)]) -> String {
    let escape = |text: &str| -> String {
        let escaped = text.bytes().map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        });
        escaped.collect()
    };
    let pairs: Vec<_> = pairs
        .iter()
        .map(|(name, value)| format!("{}={}", escape(name), escape(value)))
        .collect();
    pairs.join("&")
}

fn assert_means(pairs: &[(&str, &str)], filter: &Filter, page: PageRequest) {
    for parsed in every_way(pairs) {
        let parsed = parsed.unwrap();
        assert_eq!((&parsed.filter, parsed.page), (filter, page), "{pairs:?}");
    }
}

#[test]
fn nothing_given_is_the_first_20_open_conversations() {
    assert_means(&[], &Filter::open(), PageRequest::default());
    assert_eq!(parse("").unwrap(), ListQuery::default());
    assert_eq!(ListQuery::default().page, PageRequest::new(1, 20).unwrap());
}

#[test]
fn every_parameter_is_read() {
    let alice = UserId::new("usr_01H111").unwrap();
    let pairs = [
        ("limit", "50"),
        ("assigned_to", "usr_01H111"),
        ("status", "all"),
        ("page", "3"),
        ("channel", "webchat"),
    ];
    let filter = Filter::all().channel(Channel::Webchat).assigned_to(alice);
    assert_means(&pairs, &filter, PageRequest::new(3, 50).unwrap());
}

#[test]
fn the_unread_ones_are_asked_for_by_a_truth_value() {
    let filter = Filter::open().unread();
    assert_means(&[("unread", "true")], &filter, PageRequest::default());
    let read: ListQuery = serde_json::from_str(r#"{"unread": true}"#).unwrap();
    assert_eq!(read.filter, filter);
    assert_eq!(read.to_string(), "status=open&unread=true&page=1&limit=20");
}

#[test]
fn a_status_is_one_of_three_words() {
    for (word, status) in [
        ("open", StatusFilter::Open),
        ("resolved", StatusFilter::Resolved),
        ("all", StatusFilter::All),
    ] {
        let filter = Filter::new(status);
        assert_means(&[("status", word)], &filter, PageRequest::default());
        assert_eq!(status.to_string(), word);
    }
}

#[test]
fn channels_and_assignees_are_sets_apart_by_commas() {
    for (words, channels) in [
        ("whatsapp", &Channel::ALL[..1]),
        ("messenger,instagram", &Channel::ALL[1..3]),
        ("whatsapp,whatsapp", &Channel::ALL[..1]),
        ("webchat,messenger,instagram,whatsapp", &Channel::ALL[..]),
    ] {
        let filter = channels
            .iter()
            .fold(Filter::open(), |filter, channel| filter.channel(*channel));
        assert_means(&[("channel", words)], &filter, PageRequest::default());
    }
    let alice = UserId::new("usr_alice").unwrap();
    let billing = TeamId::new("team_billing").unwrap();
    for (words, filter) in [
        ("unassigned", Filter::open().unassigned()),
        ("usr_alice", Filter::open().assigned_to(&alice)),
        (
            "team_billing,unassigned,usr_alice,team_billing",
            Filter::open()
                .assigned_to(&alice)
                .assigned_to(&billing)
                .unassigned(),
        ),
    ] {
        assert_means(&[("assigned_to", words)], &filter, PageRequest::default());
    }
}

#[test]
fn pages_and_limits_are_read_up_to_their_bounds() {
    for (page, limit) in [("1", "1"), ("007", "100"), ("18446744073709551615", "100")] {
        let request = PageRequest::new(page.parse().unwrap(), limit.parse().unwrap());
        let pairs = [("page", page), ("limit", limit)];
        assert_means(&pairs, &Filter::open(), request.unwrap());
    }
}

#[test]
fn by_serde_a_number_may_be_a_number_or_a_string() {
    let expected = parse("page=2&limit=50").unwrap();
    for map in [
        r#"{"page": 2, "limit": 50}"#,
        r#"{"page": "2", "limit": 50}"#,
        r#"{"page": 2, "limit": "50"}"#,
    ] {
        let read: ListQuery = serde_json::from_str(map).unwrap();
        assert_eq!(read, expected, "{map}");
        let value: serde_json::Value = serde_json::from_str(map).unwrap();
        let read: ListQuery = serde_json::from_value(value).unwrap();
        assert_eq!(read, expected, "{map}");
    }
}

/// Parameters that are refused, with the field and the reason.
type Refused = (
    &'static [(&'static str, &'static str)],
    &'static str,
    &'static str,
);

const REFUSED: &[Refused] = &[
    (
        &[("colour", "red")],
        "colour",
        "is no parameter of this list",
    ),
    (
        &[("Status", "open")],
        "Status",
        "is no parameter of this list",
    ),
    (
        &[("status ", "open")],
        "status ",
        "is no parameter of this list",
    ),
    (&[("cursor", "x")], "cursor", "is no parameter of this list"),
    (&[("", "open")], "", "is no parameter of this list"),
    (
        &[("status", "open"), ("status", "open")],
        "status",
        "must be given once",
    ),
    (
        &[("page", "1"), ("limit", "5"), ("page", "2")],
        "page",
        "must be given once",
    ),
    (
        &[("channel", "whatsapp"), ("channel", "webchat")],
        "channel",
        "must be given once",
    ),
    (&[("status", "")], "status", "must not be empty"),
    (&[("channel", "")], "channel", "must not be empty"),
    (&[("assigned_to", "")], "assigned_to", "must not be empty"),
    (&[("page", "")], "page", "must not be empty"),
    (&[("limit", "")], "limit", "must not be empty"),
    (
        &[("status", "closed")],
        "status",
        "must be `open`, `resolved` or `all`",
    ),
    (
        &[("status", "OPEN")],
        "status",
        "must be `open`, `resolved` or `all`",
    ),
    (
        &[("status", "open,resolved")],
        "status",
        "must be `open`, `resolved` or `all`",
    ),
    (
        &[("channel", "email")],
        "channel",
        "must be `whatsapp`, `instagram`, `messenger` or `webchat`",
    ),
    (
        &[("channel", "whatsapp,")],
        "channel",
        "must be `whatsapp`, `instagram`, `messenger` or `webchat`",
    ),
    (
        &[("channel", "whatsapp, webchat")],
        "channel",
        "must be `whatsapp`, `instagram`, `messenger` or `webchat`",
    ),
    (&[("unread", "false")], "unread", "must be `true`"),
    (&[("unread", "1")], "unread", "must be `true`"),
    (&[("unread", "")], "unread", "must not be empty"),
    (&[("page", "0")], "page", "must be at least 1"),
    (&[("limit", "0")], "limit", "must be between 1 and 100"),
    (&[("limit", "101")], "limit", "must be between 1 and 100"),
    (
        &[("limit", "4294967295")],
        "limit",
        "must be between 1 and 100",
    ),
];

const NO_NUMBERS: [&str; 9] = [
    "-1",
    "+1",
    "1.5",
    "1e2",
    " 1",
    "0x10",
    "one",
    "18446744073709551616",
    "٣",
];

#[test]
fn whatever_is_no_parameter_given_twice_empty_or_out_of_bounds_is_refused_by_its_name() {
    let assert_refused = |pairs: &[(&str, &str)], field: &str, reason: &str| {
        for refused in every_way(pairs) {
            assert_eq!(
                refused.unwrap_err(),
                format!("{field}: {reason}"),
                "{pairs:?}"
            );
        }
        let error = ListQuery::from_pairs(pairs.iter().copied()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert_eq!((error.field(), error.reason()), (Some(field), Some(reason)));
    };
    for (pairs, field, reason) in REFUSED {
        assert_refused(pairs, field, reason);
    }
    for number in NO_NUMBERS {
        for name in ["page", "limit"] {
            let reason = "must be a whole number within its bounds";
            assert_refused(&[(name, number)], name, reason);
        }
    }
}

#[test]
fn malformed_ids_are_refused_as_assigned_to() {
    let long = "x".repeat(129);
    for malformed in [
        "none",
        "any",
        "usr_",
        "usr_a b",
        "täam",
        "a,,b",
        ",a",
        "a,",
        "unassigned,",
        &long,
    ] {
        for refused in every_way(&[("assigned_to", malformed)]) {
            let refused = refused.unwrap_err();
            assert!(refused.starts_with("assigned_to: "), "{refused}");
        }
    }
    let too_many: Vec<_> = (0..65).map(|n| format!("team_{n}")).collect();
    let (most, over) = (too_many[..64].join(","), too_many.join(","));
    for accepted in every_way(&[("assigned_to", &most)]) {
        assert_eq!(accepted.unwrap().filter.assignees().count(), 64);
    }
    for refused in every_way(&[("assigned_to", &over)]) {
        let reason = "assigned_to: must be at most 64 users and teams, and are 65";
        assert_eq!(refused.unwrap_err(), reason);
    }
}

#[test]
fn a_name_without_a_value_is_refused_and_escapes_are_undone_once() {
    assert_eq!(parse("page").unwrap_err().field(), Some("page"));
    let spaced = parse("status=op+en").unwrap_err();
    assert_eq!(spaced.field(), Some("status"));
    let escaped = parse("%73tatus=%61ll").unwrap();
    assert_eq!(escaped.filter, Filter::all());
    let twice = parse("status=%2561ll").unwrap_err();
    assert_eq!(twice.field(), Some("status"));
    let no_utf8 = parse("assigned_to=team_%FF").unwrap_err();
    assert_eq!(no_utf8.field(), Some("assigned_to"));
    assert_eq!(parse("?status=all").unwrap_err().field(), Some("?status"));
}

#[test]
fn by_serde_a_value_of_another_type_is_refused_by_its_name() {
    for (map, name) in [
        (r#"{"limit": -1}"#, "limit"),
        (r#"{"limit": 0}"#, "limit"),
        (r#"{"limit": 18446744073709551615}"#, "limit"),
        (r#"{"limit": 1.5}"#, "limit"),
        (r#"{"limit": 1e300}"#, "limit"),
        (r#"{"page": null}"#, "page"),
        (r#"{"page": true}"#, "page"),
        (r#"{"unread": false}"#, "unread"),
        (r#"{"unread": 1}"#, "unread"),
        (r#"{"channel": ["whatsapp"]}"#, "channel"),
        (r#"{"assigned_to": {"id": "usr_1"}}"#, "assigned_to"),
        (r#"{"status": 7}"#, "status"),
    ] {
        let error = serde_json::from_str::<ListQuery>(map).unwrap_err();
        assert!(
            error.to_string().starts_with(&format!("{name}: ")),
            "{map}: {error}"
        );
    }
    for no_map in ["[]", "null", "\"status=open\"", "7"] {
        assert!(serde_json::from_str::<ListQuery>(no_map).is_err());
    }
}

/// Ids that are strange but valid: any visible ASCII but the comma.
fn any_assignee() -> impl Strategy<Value = AssigneeId> {
    let strange = prop::sample::select(vec!["%", "&", "=", "+", "%2C", "#", "?", ";", "%25", "\""]);
    prop_oneof![
        "[!-+\\--~]{1,124}".prop_map(|id| UserId::new(&format!("usr_{id}")).unwrap().into()),
        "[!-+\\--~]{1,128}".prop_filter_map("reserved", |id| Some(TeamId::new(&id).ok()?.into())),
        strange.prop_map(|id| TeamId::new(id).unwrap().into()),
    ]
}

fn any_query() -> impl Strategy<Value = ListQuery> {
    let status = prop::sample::select(vec![
        StatusFilter::Open,
        StatusFilter::Resolved,
        StatusFilter::All,
    ]);
    let channels = prop::sample::subsequence(Channel::ALL.to_vec(), 0..=4);
    let assignees = prop::collection::btree_set(any_assignee(), 0..=64);
    let page = (1_u64.., 1_u32..=100);
    let (unassigned, unread) = (any::<bool>(), any::<bool>());
    (status, channels, unassigned, assignees, unread, page).prop_map(
        |(status, channels, unassigned, assignees, unread, (page, limit))| {
            let mut query = ListQuery::default();
            query.filter = Filter::new(status);
            for channel in channels {
                query.filter = query.filter.channel(channel);
            }
            for assignee in assignees {
                query.filter = query.filter.assigned_to(assignee);
            }
            if unassigned {
                query.filter = query.filter.unassigned();
            }
            if unread {
                query.filter = query.filter.unread();
            }
            query.page = PageRequest::new(page, limit).unwrap();
            query
        },
    )
}

proptest! {
    #[test]
    fn what_is_printed_is_parsed_to_the_same(query in any_query()) {
        let printed = query.to_string();
        prop_assert_eq!(printed.parse::<ListQuery>().unwrap(), query.clone(), "{}", &printed);
        // It holds nothing that a URL would have to escape again.
        prop_assert!(printed.bytes().all(|byte| byte.is_ascii_graphic()));
        prop_assert!(!printed.contains(['#', '?', '"', '<', '>']));
    }
}
