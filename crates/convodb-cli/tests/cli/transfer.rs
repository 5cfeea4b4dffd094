//! Import and export.

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use convodb::{
    Channel, ContactId, Context, Filter, Inbound, Outbound, PageRequest, Receipt, Store, UserId,
};
use serde_json::{Value, json};

use super::{Desk, line, text, write};
use convodb_testkit::fixture;

/// A store whose conversations went through so many random commands.
fn lived(desk: &Desk, name: &str, seed: u64) {
    let clock = fixture::clock();
    let options = fixture::options(&clock);
    let store = options.open(desk.path(name)).unwrap();
    fixture::fill(&store, &clock, seed, 200);
    store.close().unwrap();
}

fn fed(desk: &Desk, arguments: &[&str], input: &[u8]) -> std::process::Output {
    let mut command = desk.command(arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut process = command.stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = process.stdin.take().unwrap();
    // What is refused early is not read to its end.
    let _ = stdin.write_all(input);
    drop(stdin);
    process.wait_with_output().unwrap()
}

/// All that the API shows of two stores is the same.
fn assert_equal(one: &Store, other: &Store) -> usize {
    assert_eq!(one.assignees().unwrap(), other.assignees().unwrap());
    let mut threads = 0;
    for page in 1.. {
        let request = PageRequest::new(page, 100).unwrap();
        let rows = one.list(&Filter::all(), request).unwrap();
        assert_eq!(rows, other.list(&Filter::all(), request).unwrap());
        for row in &rows.data {
            assert_eq!(one.get(row.id).unwrap(), other.get(row.id).unwrap());
            let notes = |store: &Store| store.notes(row.id).unwrap().collect::<Result<Vec<_>, _>>();
            assert_eq!(notes(one).unwrap(), notes(other).unwrap());
            threads += 1;
        }
        if rows.next.is_none() {
            break;
        }
    }
    threads
}

#[test]
fn the_import_of_an_export_is_an_equal_store_and_exports_the_same_bytes() {
    let mut threads = 0;
    for seed in 21..=24 {
        let desk = Desk::new();
        lived(&desk, "one.redb", seed);
        let exported = desk.ok(&["export", "one.redb"]);
        let imported = fed(&desk, &["import", "-", "other.redb"], exported.as_bytes());
        assert!(imported.status.success(), "{}", text(&imported.stderr));
        assert_eq!(desk.ok(&["export", "other.redb"]), exported);
        let (one, other) = (desk.open("one.redb"), desk.open("other.redb"));
        threads += assert_equal(&one, &other);
        assert!(other.verify().unwrap().is_clean());
    }
    assert!(threads > 10, "{threads}");
}

#[test]
fn receipts_failures_provider_ids_unread_counts_and_notes_authors_come_along() {
    let desk = Desk::new();
    let store = desk.open("one.redb");
    let at = "2026-04-16T09:00:00Z".parse().unwrap();
    let bold = ContactId::new("con_bold").unwrap();
    let hello = Inbound::text(&bold, Channel::Whatsapp, "Hello \"you\"\n\u{1F600}");
    let id = store
        .receive(hello.provider_id("wamid.1").sent_at(at))
        .unwrap()
        .value
        .conversation_id;
    let hi = Outbound::text(&bold, Channel::Whatsapp, "Hi");
    let hi = store.send(hi.provider_id("wamid.2")).unwrap().value;
    let failed = Receipt::failed("131026", "undeliverable").at(at);
    store.record_delivery(&hi, failed).unwrap();
    let alice = UserId::new("usr_alice").unwrap();
    store.put_user(&alice, "Alice").unwrap();
    store
        .put_user(&UserId::new("usr_idle").unwrap(), "Idle")
        .unwrap();
    let by_alice = store.with(Context::new().actor(&alice));
    by_alice.add_note(id, "Enterprise plan.").unwrap();
    store.resolve(id).unwrap();
    store.close().unwrap();

    let exported = desk.ok(&["export", "one.redb"]);
    let lines: Vec<Value> = exported
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(
        lines[0],
        json!({"user": {"id": "usr_alice", "name": "Alice"}})
    );
    assert_eq!(
        lines[1],
        json!({"user": {"id": "usr_idle", "name": "Idle"}})
    );
    let thread = &lines[2];
    assert_eq!(lines.len(), 3);
    assert_eq!(thread["unread_count"], 1);
    assert_eq!(thread["revision"], 1);
    assert_eq!(thread["messages"][0]["provider_id"], "wamid.1");
    let failure = json!({"code": "131026", "message": "undeliverable"});
    assert_eq!(thread["messages"][1]["error"], failure);
    assert_eq!(thread["messages"][1]["failed_at"], "2026-04-16T09:00:00Z");
    assert_eq!(thread["notes"][0]["author"], "usr_alice");

    fs::write(desk.path("one.ndjson"), &exported).unwrap();
    desk.ok(&["import", "one.ndjson", "other.redb"]);
    let (one, other) = (desk.open("one.redb"), desk.open("other.redb"));
    assert_eq!(assert_equal(&one, &other), 1);
    let again = Inbound::text(&bold, Channel::Whatsapp, "Hello").provider_id("wamid.1");
    assert!(other.receive(again).unwrap().duplicate);
}

#[test]
fn an_import_tells_what_came_in() {
    let desk = Desk::with(50, "one.redb");
    fs::write(desk.path("one.ndjson"), desk.ok(&["export", "one.redb"])).unwrap();
    let told = desk.json(&["import", "one.ndjson", "other.redb"]);
    let stats = desk.json(&["stats", "other.redb"]);
    for what in ["conversations", "messages", "notes", "users", "teams"] {
        assert_eq!(told[what], stats[what], "{what}");
    }
    assert_eq!(told["conversations"], 50);
}

#[test]
fn a_line_of_the_directory_puts_and_renames_wherever_it_stands() {
    let desk = Desk::new();
    write(
        &desk.path("directory.ndjson"),
        &[
            r#"{"user":{"id":"usr_1","name":"Alice"}}"#,
            "",
            r#" { "team" : {"id":"billing","name":"Billing"}}"#,
            r#"{"user":{"id":"usr_1","name":"Alice Support"}}"#,
        ],
    );
    desk.ok(&["import", "directory.ndjson", "one.redb"]);
    let exported = desk.ok(&["export", "one.redb"]);
    let expected = "{\"user\":{\"id\":\"usr_1\",\"name\":\"Alice Support\"}}\n\
                    {\"team\":{\"id\":\"billing\",\"name\":\"Billing\"}}\n";
    assert_eq!(exported, expected);
}

#[test]
fn a_line_that_is_refused_is_named_and_leaves_nothing_behind() {
    let desk = Desk::with(3, "one.redb");
    let exported = desk.ok(&["export", "one.redb"]);
    let good: Vec<_> = exported.lines().collect();
    let thread = good[good.len() - 1];
    let spoilt = |edit: &dyn Fn(&mut Value)| {
        let mut document: Value = serde_json::from_str(thread).unwrap();
        edit(&mut document);
        document.to_string()
    };
    for (bad, reason) in [
        ("{\"id\":1}".to_owned(), "invalid type"),
        ("nonsense".to_owned(), "expected"),
        (thread.to_owned(), "exists already"),
        (
            spoilt(&|thread| thread["unread_count"] = json!(1_000)),
            "unread_count: must not be above",
        ),
        (
            spoilt(&|thread| thread["messages"][0]["content"] = json!(" ")),
            "messages[0].content: must not be empty",
        ),
        (
            r#"{"user":{"id":"usr_1","name":" "}}"#.to_owned(),
            "name: must not be empty",
        ),
        (
            r#"{"user":{"id":"billing","name":"A"}}"#.to_owned(),
            "must begin with `usr_`",
        ),
    ] {
        // Of two that are the same conversation the second is refused.
        let before = if bad == thread {
            good.len()
        } else {
            good.len() - 1
        };
        let lines = [&good[..before], &["", &bad]].concat();
        write(&desk.path("bad.ndjson"), &lines);
        let said = desk.refused(3, &["import", "bad.ndjson", "new.redb"]);
        let place = format!("convodb: bad.ndjson:{}: ", before + 2);
        assert!(said.starts_with(&place), "{said}");
        assert!(said.contains(reason), "{said}");
        assert!(said.ends_with("; nothing of it was stored"), "{said}");
        assert_eq!(desk.names(), ["bad.ndjson", "one.redb"], "{said}");
    }
    // One that is there stays as it was.
    let fresh = desk.ok(&["generate", "--size", "2", "--seed", "5", "two.redb"]);
    assert!(fresh.starts_with("generated 2 conversations"), "{fresh}");
    let mixed = desk.ok(&["export", "two.redb"]) + good[good.len() - 1];
    let output = fed(&desk, &["import", "-", "one.redb"], mixed.as_bytes());
    assert!(line(3, output).contains("standard input:"));
    assert_eq!(desk.ok(&["export", "one.redb"]), exported);
}

#[test]
fn generated_conversations_follow_from_the_seed() {
    let desk = Desk::with(40, "one.redb");
    desk.ok(&["generate", "--size", "40", "two.redb"]);
    desk.ok(&["generate", "--size", "40", "--seed", "2", "three.redb"]);
    let one = desk.ok(&["export", "one.redb"]);
    assert_eq!(desk.ok(&["export", "two.redb"]), one);
    assert_ne!(desk.ok(&["export", "three.redb"]), one);
    // Another seed adds, the same one cannot.
    desk.ok(&["generate", "--size", "40", "--seed", "2", "one.redb"]);
    assert_eq!(desk.json(&["stats", "one.redb"])["conversations"], 80);
    let again = desk.refused(3, &["generate", "--size", "40", "one.redb"]);
    assert!(again.starts_with("convodb: one.redb: "), "{again}");
    assert_eq!(desk.json(&["stats", "one.redb"])["conversations"], 80);
    desk.ok(&["verify", "one.redb"]);
}

#[test]
fn real_conversations_come_and_go_unchanged() {
    let Some(directory) = std::env::var_os("CONVODB_DATA") else {
        println!("skipped: CONVODB_DATA does not name the directory of care-conversations.ndjson");
        return;
    };
    let file = PathBuf::from(directory).join("care-conversations.ndjson");
    let desk = Desk::new();
    let mut import: Command = desk.command(&["import", "--json"]);
    let output = import.arg(file).arg("one.redb").output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(told["conversations"], 524);
    let exported = desk.ok(&["export", "one.redb"]);
    fed(&desk, &["import", "-", "two.redb"], exported.as_bytes());
    assert_eq!(desk.ok(&["export", "two.redb"]), exported);
    let (one, two) = (desk.open("one.redb"), desk.open("two.redb"));
    assert_eq!(assert_equal(&one, &two), 524);
}
