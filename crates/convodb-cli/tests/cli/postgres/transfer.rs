//! Exports and imports from the one kind of store into the other.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::PathBuf;
use std::process::Stdio;

use serde_json::{Value, json};

use super::Base;
use crate::Desk;
#[cfg(unix)]
use crate::terminal::shown;
use crate::transfer::{fill, run_with_input};
use crate::{text, write};

/// From a file into a workspace, and back into a file: nothing is lost, and every export has the same bytes.
fn assert_transfers(desk: &Desk, url: &str, exported: &str, workspace: &str) {
    fs::write(desk.path("out.ndjson"), exported).unwrap();
    let whole = [url, "--workspace", workspace];
    desk.ok(&[&["import", "out.ndjson"], &whole[..]].concat());
    let of_workspace = desk.ok(&[&["export"], &whole[..]].concat());
    assert!(
        of_workspace == exported,
        "the export of the workspace differs"
    );
    desk.ok(&[&["verify"], &whole[..]].concat());

    let by_line = format!("{workspace}_by_line");
    let lines = [url, "--workspace", &by_line];
    desk.ok(&[&["import", "--lines", "out.ndjson"], &lines[..]].concat());
    let of_lines = desk.ok(&[&["export"], &lines[..]].concat());
    assert!(of_lines == exported, "the export of imported lines differs");
    desk.ok(&[&["verify"], &lines[..]].concat());

    let back = format!("{workspace}.redb");
    let imported = run_with_input(desk, &["import", "-", &back], of_workspace.as_bytes());
    assert!(imported.status.success(), "{}", text(&imported.stderr));
    assert!(desk.ok(&["export", &back]) == exported, "the file differs");
    desk.ok(&["verify", &back]);
}

#[test]
fn what_random_commands_made_goes_through_a_database_unchanged() {
    let Some(base) = Base::new() else { return };
    for seed in 21..=24 {
        let desk = Desk::new();
        fill(&desk, "one.redb", seed);
        let exported = desk.ok(&["export", "one.redb"]);
        assert_transfers(&desk, &base.url, &exported, &format!("random_{seed}"));
    }
}

#[test]
fn generated_conversations_go_through_a_database_unchanged() {
    let Some(base) = Base::new() else { return };
    let desk = Desk::with(1_000, "one.redb");
    assert_transfers(
        &desk,
        &base.url,
        &desk.ok(&["export", "one.redb"]),
        "generated",
    );
}

#[test]
fn a_directory_with_views_contacts_and_inboxes_goes_through_a_database_unchanged() {
    let Some(base) = Base::new() else { return };
    let desk = Desk::new();
    write(
        &desk.path("some.ndjson"),
        &[
            r#"{"user":{"id":"usr_1","name":"Alice"}}"#,
            r#"{"user":{"id":"usr_2","name":"Bob"}}"#,
            r#"{"team":{"id":"team_1","name":"Billing","members":["usr_1","usr_2"]}}"#,
            r#"{"inbox":{"id":"inb_1","channel":"webchat","name":"Site"}}"#,
            r#"{"view":{"id":"view_vip","name":"VIP","filter":{"status":"open","tag":{"any":["vip"]}},"sort":"waiting_since"}}"#,
            r#"{"contact":{"id":"con_1","name":"Ada","identities":[{"channel":"webchat","value":"ada"}],"metadata":{"plan":"pro"},"created_at":"2023-11-02T09:00:00Z"}}"#,
            r#"{"conversation":{"contact_id":"con_1","inbox_id":"inb_1","channel":"webchat","status":"open","tags":["vip"],"unread":1}}"#,
            r#"{"message":{"id":"1","contact_id":"con_1","inbox_id":"inb_1","direction":"inbound","type":"text","content":"Hi","sent_at":1709193660}}"#,
            r#"{"message":{"id":"2","contact_id":"con_1","inbox_id":"inb_1","direction":"outbound","type":"text","content":"Hello","reply_to":{"provider_id":"none"},"author":{"type":"user","id":"usr_1"},"status":"read","sent_at":1709193661}}"#,
            r#"{"note":{"id":"3","contact_id":"con_1","inbox_id":"inb_1","content":"Nice.","author":"usr_1","created_at":1709193662}}"#,
        ],
    );
    desk.ok(&["import", "--lines", "some.ndjson", "one.redb"]);
    let exported = desk.ok(&["export", "one.redb"]);
    assert_transfers(&desk, &base.url, &exported, "directory");
    // One that begins in the database.
    desk.ok(&["import", "--lines", "some.ndjson", &base.url]);
    let of_database = desk.ok(&["export", &base.url]);
    assert_eq!(of_database.lines().count(), exported.lines().count());
    assert_transfers(&desk, &base.url, &of_database, "from_database");
    // All that is kept of one contact.
    let of_contact = desk.ok(&["export", &base.url, "--contact", "con_1"]);
    let last_two: Vec<_> = of_database.lines().skip(5).collect();
    assert_eq!(of_contact.lines().collect::<Vec<_>>(), last_two);
    let views = &desk.json(&["stats", &base.url])["views"];
    assert_eq!(
        views,
        &json!([{"id": "view_vip", "rows": 1, "building": null}])
    );
}

#[test]
fn real_conversations_go_through_a_database_unchanged() {
    let Some(directory) = std::env::var_os("CONVODB_DATA") else {
        println!("skipped: CONVODB_DATA is not the directory of care-conversations.ndjson");
        return;
    };
    let Some(base) = Base::new() else { return };
    let file = PathBuf::from(directory).join("care-conversations.ndjson");
    let file = file.to_str().unwrap();
    let desk = Desk::new();
    desk.ok(&["import", file, "one.redb"]);
    let exported = desk.ok(&["export", "one.redb"]);
    assert_transfers(&desk, &base.url, &exported, "real");
    let imported = desk.json(&["import", file, &base.url]);
    assert_eq!(imported["conversations"], 524);
    assert_eq!(imported, desk.json(&["import", file, "two.redb"]));
    assert!(
        desk.ok(&["export", &base.url]) == exported,
        "the exports differ"
    );
}

#[test]
fn every_query_answers_as_that_of_a_file() {
    let Some(base) = Base::new() else { return };
    let desk = Desk::with(120, "one.redb");
    let exported = desk.ok(&["export", "one.redb"]);
    fs::write(desk.path("one.ndjson"), &exported).unwrap();
    desk.ok(&["import", "one.ndjson", &base.url]);
    let same = |arguments: &dyn Fn(&str) -> Vec<String>| {
        let [file, database] = ["one.redb", &base.url].map(|db| {
            let arguments = arguments(db);
            let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
            desk.ok(&arguments)
        });
        assert_eq!(file, database);
    };
    let of = |words: &'static str| {
        move |db: &str| {
            let words = words.split(' ').map(|word| word.replace("DB", db));
            words.collect()
        }
    };
    same(&of("list DB --status all --limit 100 --json"));
    same(&of("list DB --channel whatsapp --unread"));
    same(&of("list DB --assigned-to unassigned --page 2 --limit 3"));
    let first = desk.json(&["list", "one.redb", "--status", "all"]);
    let id = first["data"][0]["id"].as_str().unwrap().to_owned();
    same(&|db| ["show", db, &id].map(str::to_owned).to_vec());
    same(&|db| ["show", &id, db, "--json"].map(str::to_owned).to_vec());
    let next = first["next"].as_str().unwrap().to_owned();
    same(&|db| {
        let arguments = ["list", db, "--status", "all", "--after", &next, "--json"];
        arguments.map(str::to_owned).to_vec()
    });

    let [file, database] = ["one.redb", &base.url].map(|db| desk.json(&["stats", db]));
    for (name, value) in database.as_object().unwrap() {
        match name.as_str() {
            "unfolded" | "commits" => {}
            name => assert_eq!(value, &file[name], "{name}"),
        }
    }
    assert!(desk.ok(&["stats", &base.url]).contains("not yet in counts"));
    let verified = desk.json(&["verify", &base.url]);
    assert_eq!(
        (&verified["clean"], &verified["events"]),
        (&json!(true), &json!(120))
    );
    base.psql("UPDATE convodb.conversation SET is_unread = NOT is_unread");
    let output = desk.command(&["verify", &base.url]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stdout).contains("finding"));
    desk.ok(&["repair", &base.url]);
    assert!(desk.ok(&["verify", &base.url]).contains("clean"));
}

#[test]
fn an_import_into_a_database_is_whole_or_nothing_and_names_the_line() {
    let Some(base) = Base::new() else { return };
    let desk = Desk::with(600, "one.redb");
    let exported = desk.ok(&["export", "one.redb"]);
    let lines: Vec<_> = exported.lines().collect();
    let edited = lines[400].replace("\"direction\":\"inbound\"", "\"direction\":\"sideways\"");
    let twice = [&lines[..500], &[lines[450]]].concat();
    let bad = [&lines[..400], &[edited.as_str()]].concat();
    for (lines, at) in [(twice, 501), (bad, 401)] {
        write(&desk.path("some.ndjson"), &lines);
        let message = desk.failure(3, &["import", "some.ndjson", &base.url]);
        assert!(
            message.starts_with(&format!("convodb: some.ndjson:{at}: ")),
            "{message}"
        );
        assert!(message.ends_with("; nothing of it was stored"), "{message}");
        assert_eq!(desk.ok(&["export", &base.url]), "");
    }
    fs::write(desk.path("one.ndjson"), &exported).unwrap();
    let printed = desk.ok(&["import", "one.ndjson", &base.url]);
    assert!(
        printed.starts_with("imported 600 conversations, "),
        "{printed}"
    );
    assert!(
        desk.ok(&["export", &base.url]) == exported,
        "the exports differ"
    );
}

#[test]
fn an_export_is_one_state_while_others_write() {
    let Some(base) = Base::new() else { return };
    // More than the buffers of a pipe hold.
    let desk = Desk::with(2_000, "one.redb");
    let exported = desk.ok(&["export", "one.redb"]);
    fs::write(desk.path("one.ndjson"), &exported).unwrap();
    desk.ok(&["import", "one.ndjson", &base.url]);
    desk.ok(&["generate", "--size", "50", "--seed", "2", "two.redb"]);
    fs::write(desk.path("two.ndjson"), desk.ok(&["export", "two.redb"])).unwrap();

    let mut export = desk.command(&["export", &base.url]);
    let mut export = export.stdout(Stdio::piped()).spawn().unwrap();
    let mut output = BufReader::new(export.stdout.take().unwrap());
    let mut read = String::new();
    output.read_line(&mut read).unwrap();
    desk.ok(&["import", "two.ndjson", &base.url]);
    output.read_to_string(&mut read).unwrap();
    assert!(export.wait().unwrap().success());
    assert!(read == exported, "the export has what came later");
    let stats = desk.json(&["stats", &base.url]);
    assert_eq!(stats["conversations"], 2_050);
}

#[cfg(unix)]
#[test]
fn bars_are_drawn_on_a_terminal_for_a_database_too() {
    let Some(base) = Base::new() else { return };
    let desk = Desk::with(2_000, "one.redb");
    fs::write(desk.path("one.ndjson"), desk.ok(&["export", "one.redb"])).unwrap();
    let lines = [
        "import",
        "--lines",
        "one.ndjson",
        &base.url,
        "--workspace",
        "by_line",
    ];
    for (arguments, answer) in [
        (&["import", "one.ndjson", &base.url][..], "imported 2,000"),
        (&lines, "2,024 created"),
    ] {
        let printed = shown(&desk, arguments);
        let (bar, answer) = printed.split_once(answer).unwrap();
        assert!(bar.contains("importing") && bar.contains('█'), "{printed}");
        assert!(!answer.contains("importing"), "{printed}");
    }
    // The lines go elsewhere.
    let export = format!(
        "{} export '{}' > two.ndjson",
        env!("CARGO_BIN_EXE_convodb"),
        base.url
    );
    let printed = crate::terminal::shown_of("sh", &desk, &["-c", &export]);
    assert!(
        printed.contains("exporting") && printed.contains('█'),
        "{printed}"
    );
    let [one, two] = ["one.ndjson", "two.ndjson"].map(|name| fs::read(desk.path(name)).unwrap());
    assert!(one == two, "the exports differ");
}

#[test]
fn migrate_makes_the_schema_once_and_prints_the_rights_of_roles() {
    let Some(base) = Base::empty() else { return };
    let desk = Desk::new();
    assert_eq!(
        desk.json(&["migrate", &base.url])["steps"].as_u64(),
        Some(1)
    );
    assert_eq!(
        desk.ok(&["migrate", &base.url]),
        "the schema is up to date\n"
    );
    let roles = [
        format!("{}_app", base.name),
        format!("{}_reader", base.name),
    ];
    let arguments = [
        "migrate", &base.url, "--app", &roles[0], "--reader", &roles[1],
    ];
    let sql = desk.ok(&arguments);
    assert!(
        sql.starts_with("-- the schema is up to date\nGRANT USAGE"),
        "{sql}"
    );
    base.psql(&format!(
        "CREATE ROLE {} LOGIN; CREATE ROLE {} LOGIN",
        roles[0], roles[1]
    ));
    base.psql(&sql);
    let [app, reader] = roles
        .each_ref()
        .map(|role| base.server.url_as(role, &base.name));

    write(
        &desk.path("some.ndjson"),
        &[r#"{"user":{"id":"usr_1","name":"Alice"}}"#],
    );
    let refused = desk.failure(3, &["import", "some.ndjson", &reader]);
    assert!(
        refused.contains("--reader ROLE` prints the rights"),
        "{refused}"
    );
    desk.ok(&["import", "some.ndjson", &app]);
    let refused = desk.failure(3, &["import", "some.ndjson", &reader]);
    assert!(refused.contains("prints the rights"), "{refused}");
    for command in ["export", "list", "stats", "verify", "events"] {
        desk.ok(&[command, &reader]);
    }
    let documents: Vec<Value> = desk
        .ok(&["export", &reader])
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(
        documents,
        [json!({"user": {"id": "usr_1", "name": "Alice"}})]
    );
}
