//! Events of a database, also as they come.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use convodb_testkit::postgres::{Server, is_installed};
use serde_json::Value;

use super::Base;
use crate::{Desk, until, write};

#[test]
fn events_are_printed_behind_a_number() {
    let Some(base) = Base::new() else { return };
    let desk = Desk::with(1_200, "one.redb");
    std::fs::write(desk.path("one.ndjson"), desk.ok(&["export", "one.redb"])).unwrap();
    desk.ok(&["import", "one.ndjson", &base.url]);
    let all = desk.ok(&["events", &base.url, "--json"]);
    let numbers = all.lines().map(|line| {
        let event: Value = serde_json::from_str(line).unwrap();
        event["sequence"].as_u64().unwrap()
    });
    assert!(numbers.eq(1..=1_200));
    assert_eq!(
        desk.ok(&["events", &base.url, "--after", "1195"])
            .lines()
            .count(),
        5
    );
    let above = desk.failure(3, &["events", &base.url, "--after", "1201"]);
    assert!(
        above.contains("after: must not be above the newest event, 1200"),
        "{above}"
    );
}

#[test]
fn followed_events_come_as_they_happen_also_behind_a_restart_of_the_server() {
    if !is_installed() {
        return;
    }
    // With syncs: what was printed is there after a kill.
    let mut server = Server::start_with(&[]);
    let desk = Desk::new();
    let url = server.url("postgres");
    desk.ok(&["migrate", &url]);
    let store = |contact: &str| {
        let line = format!(
            r#"{{"message":{{"id":"1","contact_id":"{contact}","channel":"webchat","direction":"inbound","type":"text","content":"Hi","sent_at":1709193660}}}}"#
        );
        write(&desk.path("some.ndjson"), &[&line]);
        desk.ok(&["import", "--lines", "some.ndjson", &url]);
    };
    store("con_1");
    let mut follow = desk
        .command(&["events", &url, "--follow", "--json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut events = BufReader::new(follow.stdout.take().unwrap());
    let mut errors = BufReader::new(follow.stderr.take().unwrap());
    let mut next = 0;
    // Up to that of the contact.
    let mut await_event = |contact: &str| {
        let created = format!("\"{contact}\"");
        until("the event comes", || {
            let mut line = String::new();
            events.read_line(&mut line).unwrap();
            let event: Value = serde_json::from_str(&line).unwrap();
            next += 1;
            assert_eq!(event["sequence"], next);
            let id = event["conversation_id"].as_str().unwrap_or_default();
            !id.is_empty() && desk.ok(&["show", &url, id, "--json"]).contains(&created)
        });
    };
    await_event("con_1");
    store("con_2");
    await_event("con_2");
    server.kill();
    let mut waiting = String::new();
    errors.read_line(&mut waiting).unwrap();
    assert!(waiting.contains(": waiting: "), "{waiting}");
    server.launch(&[]);
    store("con_3");
    await_event("con_3");
    follow.kill().unwrap();
    follow.wait().unwrap();
}
