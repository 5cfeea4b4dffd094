//! Import and export.

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use convodb::prelude::*;
use convodb::{
    AssigneeId, Channel, ContactId, Context, Filter, Inbound, Outbound, PageRequest, Receipt,
    UserId,
};
use serde_json::{Value, json};

use super::{Desk, line, text, write};
use convodb_testkit::fixture;

/// Creates a store by random commands.
pub(super) fn fill(desk: &Desk, name: &str, seed: u64) {
    let clock = fixture::clock();
    let options = fixture::options(&clock);
    let store = options.open(desk.path(name)).unwrap();
    fixture::fill(&store, &clock, seed, 200);
    store.close().unwrap();
}

pub(super) fn run_with_input(
    desk: &Desk,
    arguments: &[&str],
    input: &[u8],
) -> std::process::Output {
    let mut command = desk.command(arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut process = command.stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = process.stdin.take().unwrap();
    // A rejected input is not read to its end.
    let _ = stdin.write_all(input);
    drop(stdin);
    process.wait_with_output().unwrap()
}

/// All that the API returns of two stores is equal. Returns the number of conversations.
fn assert_equal(one: &Store, other: &Store) -> usize {
    let assignees = one.assignees().unwrap();
    assert_eq!(assignees, other.assignees().unwrap());
    for assignee in assignees {
        if let AssigneeId::Team(team) = assignee.id {
            assert_eq!(one.team(&team).unwrap(), other.team(&team).unwrap());
        }
    }
    let mut conversations = 0;
    for page in 1.. {
        let request = (page, PageRequest::MAX_LIMIT);
        let rows = one.list(&Filter::all(), request).unwrap();
        assert_eq!(rows, other.list(&Filter::all(), request).unwrap());
        for row in &rows.data {
            let transcript = |store: &Store| store.transcript(row.id).unwrap();
            assert_eq!(transcript(one), transcript(other));
            let notes = |store: &Store| store.notes(row.id).unwrap().collect::<Result<Vec<_>, _>>();
            assert_eq!(notes(one).unwrap(), notes(other).unwrap());
            conversations += 1;
        }
        if rows.next.is_none() {
            break;
        }
    }
    conversations
}

#[test]
fn the_import_of_an_export_is_an_equal_store_and_exports_the_same_bytes() {
    let mut conversations = 0;
    for seed in 21..=24 {
        let desk = Desk::new();
        fill(&desk, "one.redb", seed);
        let exported = desk.ok(&["export", "one.redb"]);
        let imported = run_with_input(&desk, &["import", "-", "other.redb"], exported.as_bytes());
        assert!(imported.status.success(), "{}", text(&imported.stderr));
        assert_eq!(desk.ok(&["export", "other.redb"]), exported);
        let (one, other) = (desk.open("one.redb"), desk.open("other.redb"));
        conversations += assert_equal(&one, &other);
        assert!(other.verify().unwrap().is_clean());
    }
    assert!(conversations > 10, "{conversations}");
}

#[test]
fn an_export_has_the_members_of_teams_behind_their_users() {
    let desk = Desk::new();
    let lines = concat!(
        r#"{"user":{"id":"usr_1","name":"Alice"}}"#,
        "\n",
        r#"{"user":{"id":"usr_2","name":"Bob"}}"#,
        "\n",
        r#"{"team":{"id":"a_team","name":"Empty"}}"#,
        "\n",
        r#"{"team":{"id":"team_1","name":"Billing","members":["usr_1","usr_2"]}}"#,
        "\n",
    );
    for flags in [&[][..], &["--lines", "--atomic"]] {
        let name = format!("{}.redb", flags.len());
        let arguments = [&["import"], flags, &["-", &name]].concat();
        let imported = run_with_input(&desk, &arguments, lines.as_bytes());
        assert!(imported.status.success(), "{}", text(&imported.stderr));
        assert_eq!(desk.ok(&["export", &name]), lines);
    }
    let imported = run_with_input(&desk, &["import", "-", "0.redb"], lines.as_bytes());
    assert!(imported.status.success(), "{}", text(&imported.stderr));
}

#[test]
fn a_team_is_imported_behind_its_members_or_not_at_all() {
    let desk = Desk::new();
    let early = concat!(
        r#"{"team":{"id":"team_1","name":"Billing","members":["usr_1"]}}"#,
        "\n",
        r#"{"user":{"id":"usr_1","name":"Alice"}}"#,
        "\n",
    );
    let refused = run_with_input(&desk, &["import", "-", "one.redb"], early.as_bytes());
    assert!(!refused.status.success());
    let reason = text(&refused.stderr);
    assert!(
        reason.contains("input:1: ") && reason.contains("members[0]: must be"),
        "{reason}"
    );
    assert!(!desk.path("one.redb").exists());
    let by_line = ["import", "--lines", "-", "two.redb"];
    let imported = run_with_input(&desk, &by_line, early.as_bytes());
    assert!(
        text(&imported.stderr).contains("members[0]"),
        "{}",
        text(&imported.stderr)
    );
    let store = desk.open("two.redb");
    assert_eq!(store.assignees().unwrap().len(), 1);
}

#[test]
fn messages_of_one_second_keep_their_order_in_an_export_and_its_import() {
    let desk = Desk::new();
    let store = desk.open("one.redb");
    let bold = ContactId::new("con_bold").unwrap();
    let second = "2026-04-16T09:00:00Z".parse().unwrap();
    let expected: Vec<_> = (0..9).map(|number| number.to_string()).collect();
    for text in &expected {
        let message = Inbound::text(&bold, Channel::Whatsapp, text);
        store.receive(message.provider_time(second)).unwrap();
    }
    store.close().unwrap();
    let exported = desk.ok(&["export", "one.redb"]);
    let imported = run_with_input(&desk, &["import", "-", "other.redb"], exported.as_bytes());
    assert!(imported.status.success(), "{}", text(&imported.stderr));
    let other = desk.open("other.redb");
    let found = other.find_conversation(&bold, Channel::Whatsapp).unwrap();
    let messages = other.transcript(found.unwrap().id).unwrap().messages;
    let texts = messages.iter().map(|message| message.content.as_text());
    assert_eq!(texts.collect::<Option<Vec<_>>>().unwrap(), expected);
    other.close().unwrap();
    assert_eq!(desk.ok(&["export", "other.redb"]), exported);
}

#[test]
fn half_a_surrogate_pair_is_imported_as_a_replacement_character() {
    let desk = Desk::new();
    let lines = [
        r#"{"user":{"id":"usr_1","name":"Ada \ud83d"}}"#,
        r#"{"id":"conv_01HABC00000000000000000000","contact_id":"con_1","channel":"webchat","status":"open","assigned_to":null,"messages":[{"id":"msg_01HABC00000000000000000000","conversation_id":"conv_01HABC00000000000000000000","direction":"inbound","type":"text","content":"cut \ud83d and \ud83d\ude00","status":"delivered","created_at":"2026-04-16T09:10:00Z"}],"created_at":"2026-04-16T09:10:00Z","updated_at":"2026-04-16T09:10:00Z"}"#,
    ];
    let imported = run_with_input(
        &desk,
        &["import", "-", "one.redb"],
        lines.join("\n").as_bytes(),
    );
    assert!(imported.status.success(), "{}", text(&imported.stderr));
    let exported = desk.ok(&["export", "one.redb"]);
    assert!(exported.contains("Ada \u{fffd}"), "{exported}");
    assert!(
        exported.contains("cut \u{fffd} and \u{1f600}"),
        "{exported}"
    );
}

#[test]
fn an_export_has_receipts_failures_provider_ids_counts_and_authors_of_notes() {
    let desk = Desk::new();
    let store = desk.open("one.redb");
    let at = "2026-04-16T09:00:00Z".parse().unwrap();
    let bold = ContactId::new("con_bold").unwrap();
    let hello = Inbound::text(&bold, Channel::Whatsapp, "Hello \"you\"\n\u{1F600}");
    let id = store
        .receive(hello.provider_id("wamid.1").provider_time(at))
        .unwrap()
        .value
        .conversation_id;
    let hi = Outbound::text(&bold, Channel::Whatsapp, "Hi");
    let hi = store.send(hi.provider_id("wamid.2")).unwrap().value;
    let failed = Receipt::failed("131026", "undeliverable").at(at);
    store.record_delivery(&hi, failed).unwrap();
    let alice = UserId::new("usr_alice").unwrap();
    store.save_user(&alice, "Alice").unwrap();
    store
        .save_user(&UserId::new("usr_idle").unwrap(), "Idle")
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
    let document = &lines[2];
    assert_eq!(lines.len(), 3);
    assert_eq!(document["unread_count"], 1);
    assert_eq!(document["inbound_count"], 1);
    assert_eq!(document["revision"], 1);
    assert_eq!(document["messages"][0]["provider_id"], "wamid.1");
    let failure = json!({"code": "131026", "message": "undeliverable"});
    assert_eq!(document["messages"][1]["error"], failure);
    assert_eq!(document["messages"][1]["failed_at"], "2026-04-16T09:00:00Z");
    assert_eq!(document["notes"][0]["author"], "usr_alice");

    fs::write(desk.path("one.ndjson"), &exported).unwrap();
    desk.ok(&["import", "one.ndjson", "other.redb"]);
    let (one, other) = (desk.open("one.redb"), desk.open("other.redb"));
    assert_eq!(assert_equal(&one, &other), 1);
    let again = Inbound::text(&bold, Channel::Whatsapp, "Hello").provider_id("wamid.1");
    assert!(other.receive(again).unwrap().is_duplicate);
}

#[test]
fn an_import_prints_what_it_stored() {
    let desk = Desk::with(50, "one.redb");
    fs::write(desk.path("one.ndjson"), desk.ok(&["export", "one.redb"])).unwrap();
    let printed = desk.json(&["import", "one.ndjson", "other.redb"]);
    let stats = desk.json(&["stats", "other.redb"]);
    for what in ["conversations", "messages", "notes", "users", "teams"] {
        assert_eq!(printed[what], stats[what], "{what}");
    }
    assert_eq!(printed["conversations"], 50);
}

#[test]
fn an_import_counts_the_users_and_teams_that_come_with_conversations() {
    let desk = Desk::with(50, "one.redb");
    let exported = desk.ok(&["export", "one.redb"]);
    let conversations: Vec<_> = exported
        .lines()
        .filter(|line| line.contains("contact_id"))
        .collect();
    write(&desk.path("one.ndjson"), &conversations);
    let printed = desk.json(&["import", "one.ndjson", "other.redb"]);
    let stats = desk.json(&["stats", "other.redb"]);
    assert_ne!(printed["users"], 0);
    for what in ["users", "teams"] {
        assert_eq!(printed[what], stats[what], "{what}");
    }
}

#[test]
fn a_line_of_the_directory_adds_or_renames_at_any_position() {
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
fn an_import_counts_contacts_and_inboxes_and_so_does_stats() {
    let desk = Desk::new();
    let contact = r#"{"contact":{"id":"con_1","created_at":"2023-11-02T09:00:00Z"}}"#;
    let inbox = r#"{"inbox":{"id":"inb_1","channel":"webchat","name":"Site"}}"#;
    write(&desk.path("some.ndjson"), &[contact, inbox, inbox]);
    let imported = desk.json(&["import", "some.ndjson", "one.redb"]);
    let stats = desk.json(&["stats", "one.redb"]);
    for counts in [imported, stats] {
        assert_eq!(
            (&counts["contacts"], &counts["inboxes"]),
            (&json!(1), &json!(1))
        );
    }
    let printed = desk.ok(&["import", "some.ndjson", "two.redb"]);
    assert!(
        printed.contains("0 notes, 1 contact, 1 inbox, 0 users"),
        "{printed}"
    );
}

#[test]
fn a_rejected_line_is_named_and_nothing_is_stored() {
    let desk = Desk::with(3, "one.redb");
    let exported = desk.ok(&["export", "one.redb"]);
    let good: Vec<_> = exported.lines().collect();
    let last = good[good.len() - 1];
    let edited = |edit: &dyn Fn(&mut Value)| {
        let mut document: Value = serde_json::from_str(last).unwrap();
        edit(&mut document);
        document.to_string()
    };
    for (bad, reason) in [
        ("{\"id\":1}".to_owned(), "invalid type"),
        (
            "nonsense".to_owned(),
            "the line is not a JSON object: expected",
        ),
        ("[1]".to_owned(), "the line is not a JSON object"),
        (
            r#"{"message":{}}"#.to_owned(),
            "a line of a `message` needs `--lines`",
        ),
        (last.to_owned(), "exists already"),
        (
            edited(&|document| document["unread_count"] = json!(1_000)),
            "unread_count: must not be above",
        ),
        (
            edited(&|document| document["messages"][0]["content"] = json!("x".repeat(65_537))),
            "messages[0].content: must be at most",
        ),
        (
            r#"{"user":{"id":"usr_1","name":" "}}"#.to_owned(),
            "name: must have a visible character",
        ),
        (
            r#"{"user":{"id":"billing","name":"A"}}"#.to_owned(),
            "must begin with `usr_`",
        ),
    ] {
        // Of two lines with the same conversation the second is rejected.
        let before = if bad == last {
            good.len()
        } else {
            good.len() - 1
        };
        let lines = [&good[..before], &["", &bad]].concat();
        write(&desk.path("bad.ndjson"), &lines);
        let message = desk.failure(3, &["import", "bad.ndjson", "new.redb"]);
        let prefix = format!("convodb: bad.ndjson:{}: ", before + 2);
        assert!(message.starts_with(&prefix), "{message}");
        assert!(message.contains(reason), "{message}");
        assert!(message.ends_with("; nothing of it was stored"), "{message}");
        assert_eq!(desk.names(), ["bad.ndjson", "one.redb"], "{message}");
    }
    // An existing store does not change.
    let fresh = desk.ok(&["generate", "--size", "2", "--seed", "5", "two.redb"]);
    assert!(fresh.starts_with("generated 2 conversations"), "{fresh}");
    let mixed = desk.ok(&["export", "two.redb"]) + good[good.len() - 1];
    let output = run_with_input(&desk, &["import", "-", "one.redb"], mixed.as_bytes());
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
    // Another seed adds conversations; the same one is rejected.
    desk.ok(&["generate", "--size", "40", "--seed", "2", "one.redb"]);
    assert_eq!(desk.json(&["stats", "one.redb"])["conversations"], 80);
    let again = desk.failure(3, &["generate", "--size", "40", "one.redb"]);
    assert!(again.starts_with("convodb: one.redb: "), "{again}");
    assert_eq!(desk.json(&["stats", "one.redb"])["conversations"], 80);
    desk.ok(&["verify", "one.redb"]);
}

#[test]
fn real_conversations_are_imported_and_exported_unchanged() {
    let Some(directory) = std::env::var_os("CONVODB_DATA") else {
        println!("skipped: CONVODB_DATA is not the directory of care-conversations.ndjson");
        return;
    };
    let file = PathBuf::from(directory).join("care-conversations.ndjson");
    let desk = Desk::new();
    let mut import: Command = desk.command(&["import", "--json"]);
    let output = import.arg(file).arg("one.redb").output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    let printed: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(printed["conversations"], 524);
    let exported = desk.ok(&["export", "one.redb"]);
    run_with_input(&desk, &["import", "-", "two.redb"], exported.as_bytes());
    assert_eq!(desk.ok(&["export", "two.redb"]), exported);
    let (one, two) = (desk.open("one.redb"), desk.open("two.redb"));
    assert_eq!(assert_equal(&one, &two), 524);
}

#[test]
fn the_export_of_a_contact_has_all_of_it_and_of_no_other() {
    let desk = Desk::new();
    let store = Store::open(desk.path("one.redb")).unwrap();
    let [ada, bob] = ["con_ada", "con_bob"].map(|id| ContactId::new(id).unwrap());
    let who = convodb::Who::with_identities(&ada, ["+491"]);
    store
        .receive(Inbound::text(who, Channel::Whatsapp, "Hello"))
        .unwrap();
    store
        .receive(Inbound::text(&ada, Channel::Webchat, "Hi"))
        .unwrap();
    store
        .receive(Inbound::text(&bob, Channel::Webchat, "Hi"))
        .unwrap();
    store.close().unwrap();
    let lines = desk.ok(&["export", "one.redb", "--contact", "con_ada"]);
    let lines: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines[0]["contact"]["identities"][0]["value"], "+491");
    let contacts: Vec<_> = lines[1..].iter().map(|line| &line["contact_id"]).collect();
    assert_eq!(contacts, [&json!("con_ada"), &json!("con_ada")]);
    let unknown = desk
        .command(&["export", "one.redb", "--contact", "con_eve"])
        .output();
    assert!(!unknown.unwrap().status.success());
}
