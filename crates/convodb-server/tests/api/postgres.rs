//! PostgreSQL: how a server starts on it, what it says where it cannot, and what becomes of it when the database
//! goes away. Each test has a database server of its own, whatever `CONVODB_TEST_DB` says.

use std::process::Command;
use std::time::{Duration, Instant};

use convodb_testkit::postgres::{self, is_installed};
use serde_json::json;

use crate::server::{Home, KEY, Server, text_from, until};
use crate::workspace::Workspace;

/// Of no role that can log in without it.
const PASSWORD: &str = "hunter2";

fn on(url: &str) -> Home {
    Home::on(Workspace {
        url: url.to_owned(),
        name: "main".to_owned(),
    })
}

/// How a server ends that does not start: its exit code and its one line, which has no password.
#[track_caller]
fn refused(url: &str, more: &[&str]) -> (Option<i32>, String) {
    let free = ["--listen", "127.0.0.1:0", "--api-key", KEY];
    let mut command = on(url).command(&[&free[..], more].concat());
    command.env("RUST_LOG", "trace");
    let began = Instant::now();
    let output = command.output().unwrap();
    assert!(
        began.elapsed() < Duration::from_secs(20),
        "{:?}",
        began.elapsed()
    );
    assert_eq!(String::from_utf8_lossy(&output.stdout), "");
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!errors.contains(PASSWORD), "{errors}");
    let last = errors.lines().last().unwrap_or_default().to_owned();
    assert!(last.starts_with("api-server: "), "{errors}");
    (output.status.code(), last)
}

#[test]
fn an_invalid_url_is_a_usage_error() {
    for url in [
        format!("postgres://inbox:{PASSWORD}@localhost:port/support"),
        format!("postgres://inbox:{PASSWORD}@"),
        format!("host=localhost user=inbox password=a {PASSWORD}=1"),
        format!("host=localhost user=inbox password='{PASSWORD}"),
        format!("user=inbox password={PASSWORD}"),
    ] {
        let (code, error) = refused(&url, &[]);
        assert_eq!(code, Some(2), "{error}");
        assert!(error.contains("--db") && error.contains("url"), "{error}");
    }
    // They belong to PostgreSQL.
    let home = Home::new();
    if !crate::workspace::is_postgres() {
        for more in [&["--workspace", "main"][..], &["--migrate"]] {
            let mut command = home.command(&["--api-key", KEY]);
            let output = command.args(more).output().unwrap();
            assert_eq!(output.status.code(), Some(2));
            assert!(String::from_utf8_lossy(&output.stderr).contains(more[0]));
        }
    }
}

#[test]
fn what_keeps_it_from_opening_a_workspace_is_named() {
    if !is_installed() {
        return;
    }
    let server = postgres::Server::start();
    let dir = tempfile::TempDir::new().unwrap();
    let stranger = format!(
        "host={} user=inbox password={PASSWORD} dbname=postgres",
        dir.path().display()
    );
    let (code, error) = refused(&stranger, &[]);
    assert_eq!(code, Some(1));
    assert!(
        error.contains("PostgreSQL") && error.contains("No such file"),
        "{error}"
    );

    let (code, error) = refused(&server.url("nothing"), &[]);
    assert_eq!(code, Some(1));
    assert!(error.contains("no such database"), "{error}");

    // Without the schema it says how to make one, and makes none.
    server.psql("postgres", "CREATE DATABASE support");
    let support = server.url("support");
    let (code, error) = refused(&support, &[]);
    assert_eq!(code, Some(1));
    assert!(
        error.contains("--migrate") && error.contains("schema"),
        "{error}"
    );
    let schemas = "SELECT count(*) FROM pg_namespace WHERE nspname = 'convodb'";
    assert_eq!(server.psql("support", schemas), "0");
    on(&support).start_with(&["--migrate"]).stop();
    on(&support).start_with(&["--migrate"]).stop();
    on(&support).start().stop();

    let hba = server.dir().join("data/pg_hba.conf");
    let trust = std::fs::read_to_string(&hba).unwrap();
    let asks = format!("local all guarded scram-sha-256\n{trust}");
    std::fs::write(&hba, asks).unwrap();
    server.psql("postgres", "CREATE ROLE stranger LOGIN");
    server.psql(
        "postgres",
        &format!("CREATE ROLE guarded LOGIN SUPERUSER PASSWORD '{PASSWORD}'"),
    );
    server.psql("postgres", "SELECT pg_reload_conf()");
    let (code, error) = refused(&server.url_as("stranger", "support"), &[]);
    assert_eq!(code, Some(1));
    assert!(error.contains("permission denied"), "{error}");
    let guarded = server.url_as("guarded", "support");
    let wrong = until(|| {
        let (code, error) = refused(&format!("{guarded} password=wrong"), &[]);
        assert_eq!(code, Some(1));
        error
            .contains("password authentication failed")
            .then_some(error)
    });
    assert!(
        wrong.contains("guarded") && !wrong.contains("wrong"),
        "{wrong}"
    );
    let (code, error) = refused(&guarded, &[]);
    assert_eq!(code, Some(1));
    assert!(error.contains("password"), "{error}");

    // The right one is not logged, wherever it is.
    for (url, environment) in [
        (format!("{guarded} password={PASSWORD}"), "wrong"),
        (guarded, PASSWORD),
    ] {
        let home = on(&url);
        let mut command = home.command(&["--listen", "127.0.0.1:0", "--api-key", KEY]);
        command
            .env("RUST_LOG", "trace")
            .env("PGPASSWORD", environment);
        let api = Server::start(command);
        api.conversation("con_1");
        let end = api.end("TERM");
        assert!(
            end.status.success() && !end.log.contains(PASSWORD),
            "{}",
            end.log
        );
    }

    server.psql(
        "support",
        "ALTER DATABASE support SET default_transaction_read_only = on",
    );
    let (code, error) = refused(&support, &[]);
    assert_eq!(code, Some(1));
    assert!(error.contains("standby"), "{error}");
    let (code, error) = refused(&support, &["--migrate"]);
    assert_eq!(code, Some(1));
    assert!(error.contains("standby"), "{error}");
}

#[test]
fn servers_share_a_workspace_and_see_what_the_others_write() {
    if !is_installed() {
        return;
    }
    let server = postgres::Server::start();
    let home = on(&server.url("postgres"));
    let servers = [home.start_with(&["--migrate"]), home.start(), home.start()];
    let [first, second, third] = &servers;
    first
        .put("/v1/users/usr_1", r#"{"name":"Alice"}"#)
        .expect(201);
    // What one has answered is there for the others at once, names of the directory too.
    let id = second.conversation("con_1");
    let assigned = third.post(
        &format!("/v1/conversations/{id}/assign"),
        r#"{"user_id":"usr_1"}"#,
    );
    assert_eq!(assigned.expect(200)["assigned_to"]["name"], "Alice");
    first
        .put("/v1/users/usr_1", r#"{"name":"Alice Support"}"#)
        .expect(200);
    for server in &servers {
        let list = server.get("/v1/conversations").expect(200);
        assert_eq!(list["data"][0]["assigned_to"]["name"], "Alice Support");
    }
    // Of several that claim a conversation, one succeeds.
    let id = first.conversation("con_2");
    let users = ["usr_1", "usr_2", "usr_3"];
    for user in &users[1..] {
        first
            .put(&format!("/v1/users/{user}"), r#"{"name":"Bob"}"#)
            .expect(201);
    }
    let path = format!("/v1/conversations/{id}/claim");
    let answers = std::thread::scope(|scope| {
        let claims = [0, 1, 2].map(|number| {
            let (server, body) = (&servers[number], json!({"user_id": users[number]}));
            let path = &path;
            scope.spawn(move || server.post(path, &body.to_string()).status)
        });
        claims.map(|claim| claim.join().unwrap())
    });
    let mut answers = answers.to_vec();
    answers.sort_unstable();
    assert_eq!(answers, [200, 412, 412]);
    // Events have one order.
    let events = servers
        .each_ref()
        .map(|server| server.get("/v1/events").body);
    assert!(events.iter().all(|body| *body == events[0]));
    // Another workspace of the database is another store.
    let other = Home::on(Workspace {
        url: server.url("postgres"),
        name: "other".to_owned(),
    });
    let other = other.start();
    assert_eq!(other.get("/v1/conversations").expect(200)["total"], 0);
}

#[test]
fn a_database_that_goes_away_is_503_and_the_server_goes_on_when_it_is_back() {
    if !is_installed() {
        return;
    }
    let mut database = postgres::Server::start_with(&[]);
    let home = on(&database.url("postgres"));
    let api = home.start_with(&[
        "--migrate",
        "--request-timeout",
        "6",
        "--meta-app-secret",
        "s",
    ]);
    api.conversation("con_1");
    database.kill();
    let keyed = [
        "--header",
        "Idempotency-Key: k",
        "--header",
        crate::server::JSON,
    ];
    let body = text_from("con_2", "Hello");
    let receive = || {
        api.curl(
            "/v1/messages/receive",
            &[&keyed[..], &["--data", &body]].concat(),
        )
    };
    for answer in [
        receive(),
        api.get("/v1/conversations"),
        api.curl_as_it_is("/healthz", &[]),
    ] {
        answer.refused(503, "unavailable", "");
        assert_eq!(answer.header("retry-after"), Some("1"));
        assert!(!answer.body.contains("PostgreSQL"), "{answer:?}");
    }
    api.curl_as_it_is("/healthz", &[])
        .refused(503, "unavailable", "cannot be used: the database ");
    let hook = r#"{"object":"whatsapp_business_account","entry":[]}"#;
    let signature = Command::new("sh")
        .args(["-c", "printf %s \"$0\" | openssl dgst -sha256 -hmac s | sed 's/.*= /X-Hub-Signature-256: sha256=/'", hook])
        .output();
    let signature = String::from_utf8(signature.unwrap().stdout).unwrap();
    let empty = api.curl_as_it_is(
        "/webhooks/meta",
        &["--header", signature.trim(), "--data", hook],
    );
    empty.expect(200);
    api.await_log("the store failed");

    database.launch(&[]);
    let received = until(|| {
        let answer = receive();
        (answer.status != 503).then_some(answer)
    });
    // It may have been taken when the database came back, before its client asked again.
    assert!(matches!(received.status, 200 | 201), "{received:?}");
    assert_eq!(receive().expect(200)["content"], "Hello");
    assert_eq!(api.get("/v1/conversations").expect(200)["total"], 2);
    until(|| (api.curl_as_it_is("/healthz", &[]).status == 200).then_some(()));

    // A role that may no longer write is refused, and nothing is written.
    database.psql("postgres", "CREATE ROLE reader LOGIN");
    database.psql("postgres", "GRANT USAGE ON SCHEMA convodb TO reader");
    database.psql(
        "postgres",
        "GRANT SELECT ON ALL TABLES IN SCHEMA convodb TO reader",
    );
    let reader = on(&database.url_as("reader", "postgres")).start();
    assert_eq!(reader.get("/v1/conversations").expect(200)["total"], 2);
    let answer = reader.post("/v1/messages/receive", &text_from("con_3", "Hello"));
    answer.refused(503, "unavailable", "nothing was written");
    assert_eq!(reader.get("/v1/conversations").expect(200)["total"], 2);
}
