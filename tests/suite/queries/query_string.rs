//! The parameters of *List conversations*, from a query string and from pairs.

use convodb::{
    AssigneeId, Channel, ConversationId, Cursor, Error, ErrorKind, Filter, InvalidInput,
    PageRequest, StatusFilter, TeamId, UserId,
};
use proptest::prelude::*;

const CONVERSATION: &str = "conv_01HABC00000000000000000000";
const CURSOR: &str = "1776330600000001.conv_01HABC00000000000000000000";

type Query = (Filter, PageRequest);

/// The same parameters, each way in which they can be given.
fn every_way(pairs: &[(&str, &str)]) -> Vec<Result<Query, InvalidInput>> {
    let query = form_urlencoded(pairs);
    vec![
        Filter::from_query(&query),
        // A query string may have empty parts.
        Filter::from_query(&format!("&{query}&&")),
        Filter::from_query_pairs(pairs.iter().copied()),
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
        assert_eq!(parsed.unwrap(), (filter.clone(), page), "{pairs:?}");
    }
}

#[test]
fn nothing_given_is_the_first_20_open_conversations() {
    assert_means(&[], &Filter::open(), PageRequest::default());
    let first = PageRequest::number(1, 20).unwrap();
    assert_eq!(Filter::from_query("").unwrap(), (Filter::open(), first));
    let printed = Filter::default().to_query(&PageRequest::default());
    assert_eq!(printed, "status=open&page=1&limit=20");
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
    assert_means(&pairs, &filter, PageRequest::number(3, 50).unwrap());
}

#[test]
fn unread_takes_true_alone() {
    let filter = Filter::open().unread();
    assert_means(&[("unread", "true")], &filter, PageRequest::default());
    let printed = filter.to_query(&PageRequest::default());
    assert_eq!(printed, "status=open&unread=true&page=1&limit=20");
}

#[test]
fn a_status_has_three_names() {
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
fn channels_and_assignees_are_sets_separated_by_commas() {
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
        let request = PageRequest::number(page.parse().unwrap(), limit.parse().unwrap());
        let pairs = [("page", page), ("limit", limit)];
        assert_means(&pairs, &Filter::open(), request.unwrap());
    }
}

#[test]
fn a_page_may_continue_from_a_cursor_or_be_around_a_conversation() {
    let id = ConversationId::new(CONVERSATION).unwrap();
    let cursor: Cursor = CURSOR.parse().unwrap();
    for limit in [1, 20, 100] {
        let (of_cursor, of_id, of_limit) = (cursor.to_string(), id.to_string(), limit.to_string());
        let after = PageRequest::after(cursor, limit).unwrap();
        let pairs = [("cursor", &*of_cursor), ("limit", &*of_limit)];
        assert_means(&pairs, &Filter::open(), after);
        let around = PageRequest::around(id, limit).unwrap();
        let pairs = [("limit", &*of_limit), ("around", &*of_id)];
        assert_means(&pairs, &Filter::open(), around);
    }
    let twenty = PageRequest::around(id, 20).unwrap();
    assert_means(&[("around", CONVERSATION)], &Filter::open(), twenty);
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
    (
        &[("cursor", "x")],
        "cursor",
        "must be a cursor as a list gave it",
    ),
    (
        &[("page", "1"), ("around", CONVERSATION)],
        "around",
        "must not be given beside another page",
    ),
    (
        &[("cursor", CURSOR), ("page", "1")],
        "cursor",
        "must not be given beside another page",
    ),
    (
        &[("cursor", CURSOR), ("around", CONVERSATION)],
        "cursor",
        "must not be given beside another page",
    ),
    (&[("cursor", "")], "cursor", "must not be empty"),
    (&[("around", "")], "around", "must not be empty"),
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
fn an_unknown_repeated_empty_or_invalid_parameter_is_refused_by_its_name() {
    let assert_refused = |pairs: &[(&str, &str)], field: &str, reason: &str| {
        for refused in every_way(pairs) {
            let error = refused.unwrap_err();
            assert_eq!(
                (error.field(), error.reason()),
                (field, reason),
                "{pairs:?}"
            );
            assert_eq!(error.to_string(), format!("{field}: {reason}"));
            assert_eq!(Error::from(error).kind(), ErrorKind::InvalidInput);
        }
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
            assert_eq!(refused.unwrap_err().field(), "assigned_to");
        }
        for refused in every_way(&[("around", malformed)]) {
            assert_eq!(refused.unwrap_err().field(), "around");
        }
    }
    let too_many: Vec<_> = (0..65).map(|n| format!("team_{n}")).collect();
    let (most, over) = (too_many[..64].join(","), too_many.join(","));
    for accepted in every_way(&[("assigned_to", &most)]) {
        assert_eq!(accepted.unwrap().0.assignees().count(), 64);
    }
    for refused in every_way(&[("assigned_to", &over)]) {
        let reason = "assigned_to: must be at most 64 users and teams, and are 65";
        assert_eq!(refused.unwrap_err().to_string(), reason);
    }
}

#[test]
fn a_name_without_a_value_is_refused_and_escapes_are_undone_once() {
    let field = |query| Filter::from_query(query).unwrap_err().field().to_owned();
    assert_eq!(field("page"), "page");
    assert_eq!(field("status=op+en"), "status");
    let (escaped, _) = Filter::from_query("%73tatus=%61ll").unwrap();
    assert_eq!(escaped, Filter::all());
    assert_eq!(field("status=%2561ll"), "status", "escaped twice");
    assert_eq!(field("assigned_to=team_%FF"), "assigned_to", "no UTF-8");
    assert_eq!(field("?status=all"), "?status");
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

fn any_page() -> impl Strategy<Value = PageRequest> {
    let id = (0_u64..1 << 48, any::<u128>());
    let id = id.prop_map(|(millis, random)| ConversationId::from_parts(millis, random));
    let micros = 0_i64..=253_402_300_799_999_999;
    let cursor = (micros, id.clone()).prop_map(|(micros, id)| format!("{micros}.{id}"));
    let cursor = cursor.prop_map(|text| text.parse::<Cursor>().unwrap());
    prop_oneof![
        (1_u64.., 1_u32..=100).prop_map(|(page, limit)| PageRequest::number(page, limit)),
        (cursor, 1_u32..=100).prop_map(|(cursor, limit)| PageRequest::after(cursor, limit)),
        (id, 1_u32..=100).prop_map(|(id, limit)| PageRequest::around(id, limit)),
    ]
    .prop_map(Result::unwrap)
}

fn any_query() -> impl Strategy<Value = Query> {
    let status = prop::sample::select(vec![
        StatusFilter::Open,
        StatusFilter::Resolved,
        StatusFilter::All,
    ]);
    let channels = prop::sample::subsequence(Channel::ALL.to_vec(), 0..=4);
    let assignees = prop::collection::btree_set(any_assignee(), 0..=64);
    let (unassigned, unread) = (any::<bool>(), any::<bool>());
    (status, channels, unassigned, assignees, unread, any_page()).prop_map(
        |(status, channels, unassigned, assignees, unread, page)| {
            let mut filter = Filter::new(status);
            for channel in channels {
                filter = filter.channel(channel);
            }
            for assignee in assignees {
                filter = filter.assigned_to(assignee);
            }
            if unassigned {
                filter = filter.unassigned();
            }
            if unread {
                filter = filter.unread();
            }
            (filter, page)
        },
    )
}

proptest! {
    #[test]
    fn what_is_printed_is_parsed_to_the_same((filter, page) in any_query()) {
        let printed = filter.to_query(&page);
        let parsed = Filter::from_query(&printed).unwrap();
        prop_assert_eq!(parsed, (filter, page), "{}", &printed);
        // It has nothing that a URL would have to escape again.
        prop_assert!(printed.bytes().all(|byte| byte.is_ascii_graphic()));
        prop_assert!(!printed.contains(['#', '?', '"', '<', '>']));
    }
}
