//! What fails says why in one line, and what to do; and never has a password.

use std::fs;
use std::process::Output;

use convodb_testkit::postgres::{Server, is_installed};

use super::Base;
use crate::{Desk, line, text, write};

const SECRET: &str = "pa55-w0rd";

/// Every command that takes a database.
fn every(url: &str) -> [Vec<&str>; 9] {
    [
        vec!["export", url],
        vec!["list", url],
        vec!["show", url, "conv_01HABC00000000000000000000"],
        vec!["stats", url],
        vec!["verify", url],
        vec!["repair", url],
        vec!["events", url],
        vec!["import", "some.ndjson", url],
        vec!["import", "--lines", "some.ndjson", url],
    ]
}

fn with_input() -> Desk {
    let desk = Desk::new();
    let user = r#"{"user":{"id":"usr_1","name":"Alice"}}"#;
    write(&desk.path("some.ndjson"), &[user]);
    desk
}

/// The line of a failure, which has no password.
#[track_caller]
fn failure(desk: &Desk, code: i32, arguments: &[&str]) -> String {
    let message = desk.failure(code, arguments);
    assert!(!message.contains(SECRET), "{message}");
    message
}

#[track_caller]
fn assert_has(message: &str, parts: &[&str]) {
    for part in parts {
        assert!(message.contains(part), "{message}: it has no {part}");
    }
}

#[test]
fn a_url_that_is_none_is_a_usage_error_and_a_password_is_not_shown() {
    let desk = with_input();
    for (url, reason) in [
        (format!("postgres://inbox:{SECRET}@/db"), "must name a host"),
        (
            format!("postgres://inbox:{SECRET}@db:port/db"),
            "invalid value for option",
        ),
        (
            format!("postgres://inbox:x@{SECRET}@db/db"),
            "must write an `@` of the password as `%40`",
        ),
        (
            format!("Postgres://inbox:{SECRET}@db/db"),
            "must be `postgres://user@host/database`",
        ),
        (format!("dbname=db password={SECRET}"), "must name a host"),
        (format!("host=db pasword={SECRET}"), "unknown option"),
    ] {
        for arguments in every(&url) {
            let message = failure(&desk, 2, &arguments);
            assert!(message.starts_with("convodb: DB: must"), "{message}");
            assert_has(&message, &[reason]);
        }
    }
    let url = format!("postgres://inbox:{SECRET}@db/support");
    let words = format!("password={SECRET}");
    // Arguments that are refused are quoted.
    for arguments in [
        vec!["export", "one.redb", &url],
        vec!["list", &url, "--page", "1", &url],
        vec!["list", "host=db", &words],
        vec!["--wait", &url, "list", "one.redb"],
        vec![url.as_str()],
        vec!["show", &url, &url],
        vec!["import", &url, "one.redb"],
        vec![
            "import",
            "--lines",
            "some.ndjson",
            "one.redb",
            "--errors",
            &url,
        ],
        vec!["backup", "one.redb", &url],
        vec!["migrate", &url, "--app", "one"],
        vec!["list", &url, "--limit", "0"],
    ] {
        let output = desk.command(&arguments).output().unwrap();
        assert!(!output.status.success());
        let printed = text(&output.stderr) + &text(&output.stdout);
        assert!(
            !printed.contains(SECRET) && !printed.is_empty(),
            "{arguments:?}: {printed}"
        );
    }
}

#[test]
fn commands_on_files_refuse_a_url_and_say_what_to_do_instead() {
    let desk = Desk::new();
    let url = format!("postgres://inbox:{SECRET}@db/support");
    for (arguments, instead) in [
        (vec!["compact", &url], "autovacuum"),
        (vec!["backup", &url, "copy"], "pg_dump"),
        (vec!["recover", &url, "--save", "log"], "recovers by itself"),
        (
            vec!["generate", "--size", "2", &url],
            "import --lines - URL",
        ),
        (vec!["bench", &url], "the engine that the file has"),
        (vec!["demo", "--db", &url], "the engine that the file has"),
    ] {
        let message = failure(&desk, 2, &arguments);
        let begin = format!("convodb: {} works on a file alone: ", arguments[0]);
        assert!(message.starts_with(&begin), "{message}");
        assert_has(&message, &[instead]);
    }
    let message = desk.failure(2, &["list", "one.redb", "--workspace", "acme"]);
    assert!(
        message.starts_with("convodb: --workspace: a file is one store"),
        "{message}"
    );
    let message = desk.failure(2, &["migrate", "one.redb"]);
    assert_has(&message, &["URL: must be `postgres://"]);
    assert!(desk.names().is_empty());
}

#[test]
fn a_server_that_cannot_be_reached_is_reported() {
    let desk = with_input();
    // No server listens at the first port, and in no such directory.
    let urls = [
        format!("postgres://inbox:{SECRET}@127.0.0.1:1/support"),
        format!("host=/nowhere user=inbox password={SECRET} dbname=support"),
    ];
    for url in &urls {
        for arguments in every(url).into_iter().chain([vec!["migrate", url]]) {
            let message = failure(&desk, 3, &arguments);
            assert!(message.starts_with("convodb: host="), "{message}");
            assert_has(&message, &["dbname=support", "check that the server runs"]);
        }
    }
}

#[test]
fn a_database_without_the_schema_or_with_an_older_one_is_reported() {
    let Some(base) = Base::empty() else { return };
    let desk = with_input();
    for arguments in every(&base.url) {
        let message = failure(&desk, 3, &arguments);
        assert_has(
            &message,
            &["the schema is missing", "`convodb migrate URL`"],
        );
    }
    desk.ok(&["migrate", &base.url]);
    // Reading makes no workspace.
    for arguments in every(&base.url).into_iter().take(7) {
        let message = failure(&desk, 3, &arguments);
        assert_has(
            &message,
            &[
                "has no workspace `main`",
                "--workspace",
                "`import` creates it",
            ],
        );
    }
    assert_eq!(base.psql("SELECT count(*) FROM convodb.workspace"), "0");
    base.psql("UPDATE convodb.schema_version SET version = 0");
    for arguments in every(&base.url) {
        let message = failure(&desk, 3, &arguments);
        assert_has(
            &message,
            &["the schema has version 0", "`convodb migrate URL`"],
        );
    }
    base.psql("UPDATE convodb.schema_version SET version = 1000");
    let message = failure(&desk, 3, &["migrate", &base.url]);
    assert_has(
        &message,
        &["the schema has version 1000", "use a later one"],
    );
    let missing = base.server.url("none");
    let message = failure(&desk, 3, &["list", &missing]);
    assert_has(&message, &["there is no such database", "createdb"]);
}

#[test]
fn a_role_without_rights_and_a_server_that_only_reads_are_reported() {
    let Some(base) = Base::new() else { return };
    let desk = with_input();
    desk.ok(&["import", "some.ndjson", &base.url]);
    let role = format!("{}_none", base.name);
    base.psql(&format!("CREATE ROLE {role} LOGIN"));
    let url = base.server.url_as(&role, &base.name);
    for arguments in every(&url).into_iter().chain([vec!["migrate", &url]]) {
        let message = failure(&desk, 3, &arguments);
        assert_has(
            &message,
            &["permission denied", "--reader ROLE` prints the rights"],
        );
    }
    // As a standby does, it reads and does not write.
    let database = &base.name;
    base.psql(&format!(
        "ALTER DATABASE {database} SET default_transaction_read_only = on"
    ));
    for arguments in every(&base.url) {
        if arguments.contains(&"import") || arguments.contains(&"repair") {
            let message = failure(&desk, 3, &arguments);
            assert_has(&message, &["standby", "give the URL of the primary"]);
        } else if !arguments.contains(&"show") {
            desk.ok(&arguments);
        }
    }
}

#[test]
fn a_wrong_password_is_reported_and_a_right_one_is_taken_from_the_environment() {
    if !is_installed() {
        return;
    }
    let rules = std::env::temp_dir().join(format!("convodb-rules-{}", std::process::id()));
    fs::write(
        &rules,
        "local all convodb trust\nlocal all all scram-sha-256\n",
    )
    .unwrap();
    let server = Server::start_with(&[&format!("hba_file={}", rules.display()), "fsync=off"]);
    let desk = with_input();
    let url = server.url("postgres");
    desk.ok(&["migrate", &url]);
    desk.ok(&["import", "some.ndjson", &url]);
    let grants = desk.ok(&[
        "migrate",
        &url,
        "--app",
        "inbox",
        "--reader",
        "inbox_reader",
    ]);
    let roles = format!("CREATE ROLE inbox LOGIN PASSWORD '{SECRET}'; CREATE ROLE inbox_reader");
    server.psql("postgres", &roles);
    server.psql("postgres", &grants);

    let plain = server.url_as("inbox", "postgres");
    let advice = "check the user and the password, which PGPASSWORD may have";
    for (password, reason) in [
        ("", "password"),
        ("password=wr0ng-0ne", "refuses the user or the password"),
    ] {
        let message = desk.failure(3, &["list", &format!("{plain} {password}")]);
        assert_has(&message, &[reason, "PGPASSWORD"]);
        assert!(!message.contains("wr0ng"), "{message}");
    }
    let message = desk.failure(3, &["list", &format!("{plain} password=wr0ng-0ne")]);
    assert_has(&message, &[advice]);
    desk.ok(&["list", &format!("{plain} password={SECRET}")]);
    let list = |url: &str| -> Output {
        let mut command = desk.command(&["list", url]);
        command.env("PGPASSWORD", SECRET).output().unwrap()
    };
    assert!(list(&plain).status.success());
    // That of the URL comes first.
    let message = line(3, list(&format!("{plain} password=wr0ng-0ne")));
    assert!(!message.contains(SECRET), "{message}");
    fs::remove_file(&rules).unwrap();
}
