//! The output of the tool: lists, conversations, counts, events, times, help.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use convodb::Filter;
use convodb::prelude::*;
use serde_json::Value;

use super::Desk;

#[test]
fn a_list_is_that_of_the_api_with_its_filters() {
    let desk = Desk::with(120, "one.redb");
    let asked: [(&[&str], &str); 7] = [
        (&[], "status=open"),
        (&["--status", "all", "--limit", "7"], "status=all&limit=7"),
        (
            &["--status", "resolved", "--page", "3"],
            "status=resolved&page=3",
        ),
        (
            &[
                "--channel",
                "whatsapp,webchat",
                "--assigned-to",
                "unassigned,usr_01,team_02",
            ],
            "channel=whatsapp,webchat&assigned_to=unassigned,usr_01,team_02",
        ),
        (&["--members-of", "team_02"], "members_of=team_02"),
        (&["--unread"], "unread=true"),
        (&["--page", "99"], "page=99"),
    ];
    let printed: Vec<_> = asked
        .iter()
        .map(|(flags, _)| desk.json(&[&["list", "one.redb"], *flags].concat()))
        .collect();
    let store = desk.open("one.redb");
    for ((_, query), printed) in asked.iter().zip(printed) {
        let (filter, request) = Filter::from_query(query).unwrap();
        let page = store.list(&filter, request).unwrap();
        assert_eq!(printed, serde_json::to_value(&page).unwrap(), "{query}");
    }
    assert!(store.count(&Filter::open().unread()).unwrap() > 0);
}

#[test]
fn a_list_continues_after_its_cursor() {
    let desk = Desk::with(30, "one.redb");
    let list = |flags: &[&str]| {
        let start: [&str; 6] = ["list", "one.redb", "--status", "all", "--limit", "10"];
        desk.json(&[&start, flags].concat())
    };
    let (first, second) = (list(&[]), list(&["--page", "2"]));
    let after = list(&["--after", first["next"].as_str().unwrap()]);
    assert_eq!(after["data"], second["data"]);
}

#[test]
fn tables_have_no_colours_in_a_pipe() {
    let desk = Desk::with(30, "one.redb");
    let listed = desk.ok(&["list", "one.redb", "--status", "all", "--limit", "5"]);
    assert!(listed.contains("last message"), "{listed}");
    assert!(listed.contains("page 1: 5 of 30 conversations; more with --page 2"));
    let json = desk.json(&["list", "one.redb", "--status", "all", "--limit", "5"]);
    for row in json["data"].as_array().unwrap() {
        assert!(listed.contains(row["id"].as_str().unwrap()), "{listed}");
    }
    for shown in [listed, desk.ok(&["stats", "one.redb"])] {
        assert!(!shown.contains('\u{1b}'), "{shown}");
    }
}

#[test]
fn show_prints_the_line_of_export_for_either_order_of_the_arguments() {
    let desk = Desk::with(300, "one.redb");
    let exported = desk.ok(&["export", "one.redb"]);
    let line = exported
        .lines()
        .find(|line| line.contains("\"notes\""))
        .unwrap();
    let document: Value = serde_json::from_str(line).unwrap();
    let id = document["id"].as_str().unwrap();
    assert_eq!(
        desk.ok(&["show", "one.redb", id, "--json"]).trim_end(),
        line
    );
    assert_eq!(
        desk.ok(&["show", id, "one.redb", "--json"]).trim_end(),
        line
    );
    let printed = desk.ok(&["show", "one.redb", id]);
    let note = document["notes"][0]["content"].as_str().unwrap();
    assert!(
        printed.contains("Internal notes") && printed.contains(note),
        "{printed}"
    );

    let missing = "conv_01HABC00000000000000000000";
    let message = desk.failure(3, &["show", "one.redb", missing]);
    assert!(message.contains(missing), "{message}");
    let message = desk.failure(2, &["show", "one.redb", "con_1"]);
    assert!(
        message.contains("ID con_1: must begin with `conv_`"),
        "{message}"
    );
}

#[test]
fn stats_count_what_is_stored() {
    let desk = Desk::with(60, "one.redb");
    let stats = desk.json(&["stats", "one.redb"]);
    assert_eq!(stats["conversations"], 60);
    assert_eq!(stats["newest_event"], 60);
    let views = stats["statuses"].as_array().unwrap();
    let total: u64 = views
        .iter()
        .map(|view| view["total"].as_u64().unwrap())
        .sum();
    assert_eq!(total, 60);
}

#[test]
fn events_begin_after_a_number() {
    let desk = Desk::with(20, "one.redb");
    let printed = desk.ok(&["events", "one.redb", "--after", "17", "--json"]);
    let sequences: Vec<_> = printed
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["sequence"].clone())
        .collect();
    assert_eq!(sequences, [18, 19, 20]);
    let printed = desk.ok(&["events", "one.redb"]);
    assert_eq!(printed.lines().count(), 20);
    assert!(printed.contains("conversation.created"), "{printed}");
    let message = desk.failure(3, &["events", "one.redb", "--after", "21"]);
    assert!(message.contains("after"), "{message}");
}

#[test]
fn followed_events_include_those_of_another_process_which_can_open_the_file() {
    let desk = Desk::with(3, "one.redb");
    let mut follow = desk
        .command(&["events", "one.redb", "--after", "2", "--follow", "--json"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let (sender, lines) = channel();
    let stdout = BufReader::new(follow.stdout.take().unwrap());
    thread::spawn(move || {
        for line in stdout.lines().map_while(Result::ok) {
            let event: Value = serde_json::from_str(&line).unwrap();
            if sender.send(event["sequence"].as_u64().unwrap()).is_err() {
                return;
            }
        }
    });
    let next = || lines.recv_timeout(Duration::from_secs(60)).unwrap();
    assert_eq!(next(), 3);
    for seed in ["2", "3"] {
        let generate = ["generate", "--size", "2", "--seed", seed, "one.redb"];
        // It waits while the command that follows reads.
        desk.ok(&generate);
        let first = if seed == "2" { 4 } else { 6 };
        assert_eq!([next(), next()], [first, first + 1]);
    }
    follow.kill().unwrap();
    follow.wait().unwrap();
}

#[test]
fn a_bench_measures_each_filter_at_each_depth_and_draws_the_times() {
    let desk = Desk::with(100, "one.redb");
    let report = desk.json(&["bench", "one.redb", "--limit", "5"]);
    let cases = report["cases"].as_array().unwrap();
    let named = |name: &str| cases.iter().find(|case| case["filter"] == name).unwrap();
    assert_eq!(named("all")["total"], 100);
    for depth in [
        "first",
        "quarter",
        "half",
        "three_quarters",
        "last",
        "cursor",
    ] {
        assert!(named("all")[depth].as_f64().unwrap() > 0.0, "{depth}");
    }
    named("resolved whatsapp");
    named("open agent");
    let printed = desk.ok(&["bench", "one.redb", "--svg", "chart.svg"]);
    assert!(
        printed
            .chars()
            .any(|c| ('\u{2801}'..='\u{28ff}').contains(&c))
    );
    assert!(printed.contains("━━ all: "), "{printed}");
    let svg = std::fs::read_to_string(desk.path("chart.svg")).unwrap();
    assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"));
    assert!(svg.contains("microseconds"));
}

#[test]
fn a_bench_of_an_empty_store_succeeds() {
    let desk = Desk::new();
    drop(desk.open("one.redb"));
    desk.ok(&["bench", "one.redb", "--svg", "chart.svg"]);
}

#[test]
fn help_lists_the_exit_codes_and_every_shell_has_its_completions() {
    let desk = Desk::new();
    for flag in ["-h", "--help"] {
        let help = desk.ok(&[flag]);
        assert!(help.contains("Exit codes:"), "{help}");
        for code in ["  0 ", "  1 ", "  2 ", "  3 ", "  130 "] {
            assert!(help.contains(code), "{code}");
        }
    }
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = desk.ok(&["completions", shell]);
        assert!(script.contains("convodb") && script.contains("completions"));
    }
}

/// A conversation for each text, with a message and a note of it.
fn with_texts(desk: &Desk, texts: &[String]) {
    let store = desk.open("one.redb");
    for (number, text) in texts.iter().enumerate() {
        let contact = convodb::ContactId::new(&format!("con_{number}")).unwrap();
        let hello = convodb::Inbound::text(contact, convodb::Channel::Webchat, text.as_str());
        let hello = store.receive(hello).unwrap().value;
        store
            .add_note(hello.conversation_id, text.as_str())
            .unwrap();
    }
    store.close().unwrap();
}

#[test]
fn texts_of_any_content_fit_their_tables() {
    const LONG: usize = (64 << 10) - 1;
    let repeated = |part: &str| part.repeat(LONG / part.len());
    let texts = [
        repeated("x"),
        repeated("word "),
        repeated("漢"),
        format!("e{}", repeated("\u{301}")),
        format!("{}end", " ".repeat(LONG - 3)),
        repeated("\n\u{1b}[31m"),
        "\u{202e}backwards\u{2066} a\tb  c".to_owned(),
    ];
    let desk = Desk::new();
    with_texts(&desk, &texts);
    let list = desk.ok(&["list", "one.redb"]);
    // One line each, a header, a rule, and a summary: no more than fits is printed.
    assert_eq!(list.trim_end().lines().count(), texts.len() + 4, "{list}");
    assert!(list.len() < 8_000, "{} bytes", list.len());
    let text = "backwards  a b c";
    assert!(list.contains(text), "{list}");
    for (number, sent) in texts.iter().enumerate() {
        let store = desk.open("one.redb");
        let contact = convodb::ContactId::new(&format!("con_{number}")).unwrap();
        let channel = convodb::Channel::Webchat;
        let found = store.find_conversation(&contact, channel).unwrap().unwrap();
        store.close().unwrap();
        let shown = desk.ok(&["show", "one.redb", &found.id.to_string()]);
        let is_control = |c: char| c.is_control() && c != '\n';
        assert!(!shown.contains(is_control), "{number}");
        let widest = shown.lines().map(|line| line.chars().count()).max();
        // Combining marks take no room.
        assert!(
            widest.unwrap() <= 160 || sent.contains('\u{301}'),
            "{number}"
        );
        let visible = |of: &str| {
            of.chars()
                .filter(|c| matches!(c, 'x' | '漢' | '\u{301}'))
                .count()
        };
        // As the message and as the note.
        assert_eq!(visible(&shown), 2 * visible(sent), "{number}");
    }
}
