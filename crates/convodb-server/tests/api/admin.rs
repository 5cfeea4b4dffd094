//! Requests about the store as a whole, while it is served.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use convodb::prelude::*;
use convodb::{Channel, ContactId, Conversation, ConversationId, Import, Inbound};
use serde_json::{Value, json};

use crate::keys;
use crate::server::{Answer, CURL, Home, KEY, PATIENCE, Server, text_from, until};
use crate::workspace::is_postgres;

const ROUTES: [(&str, &str); 8] = [
    ("GET", "backup"),
    ("GET", "export"),
    ("GET", "stats"),
    ("POST", "verify"),
    ("POST", "compact"),
    ("POST", "purge"),
    ("GET", "import"),
    ("POST", "import"),
];

const LINES: &str = "Content-Type: application/x-ndjson";

fn lines(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn post(server: &Server, path: &str) -> Answer {
    server.curl(path, &["--request", "POST"])
}

fn post_lines(server: &Server, path: &str, body: &str) -> Answer {
    server.curl(path, &["--header", LINES, "--data-binary", body])
}

/// Stores so many conversations of one message.
fn fill(home: &Home, conversations: u128) {
    let at = "2026-03-01T10:00:00Z".parse().unwrap();
    let imports = (0..conversations).map(|number| {
        let id = ConversationId::from_parts(1, number);
        let contact = ContactId::new(&format!("con_{number}")).unwrap();
        let known = Conversation::new(id, contact, Channel::Whatsapp, at);
        Import::new(known, Vec::new())
    });
    match is_postgres() {
        true => home.execute(imports),
        false => {
            let store = Store::open(home.db()).unwrap();
            store.import_all(imports).unwrap();
            store.close().unwrap();
        }
    }
}

/// Downloads to a file with curl. Whether curl was content.
fn download(server: &Server, path: &str, to: &std::path::Path) -> bool {
    let mut curl = Command::new("curl");
    let header = format!("Authorization: Bearer {KEY}");
    curl.args(["--silent", "--fail", "--noproxy", "*", "--header", &header]);
    curl.arg("--output").arg(to);
    curl.arg(format!("{}{path}", server.url));
    curl.status().unwrap().success()
}

#[test]
fn a_backup_is_taken_while_commands_go_on_and_holds_one_state() {
    let home = Home::new();
    if is_postgres() {
        let answer = home.start().get("/v1/admin/backup");
        answer.refused(501, "unsupported", "pg_dump");
        return answer.refused(501, "unsupported", "/v1/admin/export");
    }
    fill(&home, 500);
    let server = home.start();
    let copy = home.dir().join("copy.redb");
    thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for number in 0..40 {
                server.conversation(&format!("con_new_{number}"));
            }
        });
        assert!(download(&server, "/v1/admin/backup", &copy));
        writer.join().unwrap();
    });
    let copy = Store::open(&copy).unwrap();
    assert!(copy.verify().unwrap().is_clean());
    let count = copy.stats().unwrap().conversations;
    assert!((500..=540).contains(&count), "{count}");
    // It is a store like any other.
    let contact = ContactId::new("con_1").unwrap();
    let hello = Inbound::text(contact, Channel::Webchat, "Hello");
    copy.receive(hello).unwrap();
}

#[test]
fn a_cut_backup_is_no_whole_answer() {
    if is_postgres() {
        return;
    }
    let home = Home::new();
    // The log alone is longer than what a connection holds.
    fill(&home, 100);
    let server = home.start();
    // A client that reads no more than the head, until the server has ended.
    let mut client = TcpStream::connect(server.address()).unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    let head =
        format!("GET /v1/admin/backup HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}\r\n\r\n");
    client.write_all(head.as_bytes()).unwrap();
    let mut answer = vec![0; 1024];
    let read = client.read(&mut answer).unwrap();
    let text = String::from_utf8_lossy(&answer[..read]).to_lowercase();
    assert!(text.starts_with("http/1.1 200"), "{text}");
    assert!(text.contains("transfer-encoding: chunked"), "{text}");
    // One at a time, and others are served.
    server
        .get("/v1/admin/backup")
        .refused(409, "already_running", "a backup");
    server.conversation("con_x");
    drop(server);
    let mut rest = Vec::new();
    let _ = client.read_to_end(&mut rest);
    assert!(!rest.ends_with(b"\r\n0\r\n\r\n"), "it looks whole");
}

#[test]
fn the_place_of_a_backup_whose_client_has_gone_is_free() {
    if is_postgres() {
        return;
    }
    let home = Home::new();
    // The log alone is longer than what a connection holds.
    fill(&home, 100);
    let server = home.start();
    let mut client = TcpStream::connect(server.address()).unwrap();
    let head =
        format!("GET /v1/admin/backup HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}\r\n\r\n");
    client.write_all(head.as_bytes()).unwrap();
    client.read_exact(&mut [0; 12]).unwrap();
    drop(client);
    let copy = home.dir().join("copy.redb");
    until(|| download(&server, "/v1/admin/backup", &copy).then_some(()));
    assert_eq!(
        Store::open(&copy).unwrap().stats().unwrap().conversations,
        100
    );
    // The disk has not failed.
    server.get("/healthz").expect(200);
    assert!(!server.log().contains("reopened"), "{}", server.log());
}

#[test]
fn long_answers_take_no_place_of_other_connections() {
    let home = Home::new();
    fill(&home, if is_postgres() { 500 } else { 10_000 });
    let server = home.start_with(&["--connections", "1", "--request-timeout", "1"]);
    let mut client = TcpStream::connect(server.address()).unwrap();
    let head =
        format!("GET /v1/admin/export HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}\r\n\r\n");
    client.write_all(head.as_bytes()).unwrap();
    client.read_exact(&mut [0; 12]).unwrap();
    // Beyond the time limit of requests.
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_millis(1_500) {
        server.get("/v1/conversations?limit=1").expect(200);
    }
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut rest = Vec::new();
    let mut buffer = vec![0; 1 << 16];
    while !rest.ends_with(b"\r\n0\r\n\r\n") {
        let read = client.read(&mut buffer).unwrap();
        assert!(read > 0, "the export was cut");
        rest.extend_from_slice(&buffer[..read]);
    }
}

#[test]
fn an_export_is_imported_into_another_store_line_by_line_and_goes_on_by_its_name() {
    let home = Home::new();
    let server = home.start();
    server.put("/v1/users/usr_1", r#"{"name":"Alice"}"#);
    server.put("/v1/teams/team_1", r#"{"name":"Care","members":["usr_1"]}"#);
    server.put(
        "/v1/inboxes/inb_1",
        r#"{"channel":"whatsapp","name":"Sales"}"#,
    );
    let id = server.conversation("con_1");
    server.conversation("con_2");
    let note = r#"{"content":"VIP"}"#;
    server
        .post(&format!("/v1/conversations/{id}/notes"), note)
        .expect(201);
    let exported = server.get("/v1/admin/export");
    assert_eq!(
        exported.header("content-type"),
        Some("application/x-ndjson")
    );
    let all = lines(&exported.body);
    assert_eq!(all[0], json!({"user": {"id": "usr_1", "name": "Alice"}}));
    assert_eq!(all[1]["team"]["members"], json!(["usr_1"]));
    assert_eq!(all.len(), 5, "{all:?}");

    // Parts of it.
    let part = |query: &str| lines(&server.get(&format!("/v1/admin/export?{query}")).body);
    assert_eq!(part("directory=true"), all[..2]);
    let one = part(&format!("conversation_id={id}"));
    assert_eq!(one[0]["notes"][0]["content"], "VIP");
    assert_eq!(part("contact_id=con_1")[0]["contact"]["id"], "con_1");
    let other = "conv_01HABC00000000000000000000";
    server
        .get(&format!("/v1/admin/export?conversation_id={other}"))
        .refused(404, "not_found", other);
    server
        .get("/v1/admin/export?contact_id=con_1&directory=true")
        .refused(422, "validation_error", "contact_id");

    let target = Home::new();
    let target = target.start();
    let import = |from: u64, body: &str| {
        let path = format!("/v1/admin/import?name=all&first_line={from}");
        let answer = post_lines(&target, &path, body);
        assert_eq!(answer.status, 200, "{answer:?}");
        lines(&answer.body)
    };
    target
        .get("/v1/admin/import?name=all")
        .refused(404, "not_found", "all");
    let mut pieces = exported.body.split_inclusive('\n');
    let first: String = pieces.by_ref().take(3).collect();
    let rest: String = pieces.collect::<String>() + "{\"message\":{}}\n";
    let answers = import(1, &first);
    assert_eq!(answers.len(), 3);
    assert_eq!(answers[2], json!({"line": 3, "result": "created"}));
    let answers = import(4, &rest);
    let bad = answers.last().unwrap();
    assert_eq!((&bad["line"], &bad["result"]), (&json!(6), &json!("error")));
    assert_eq!(bad["error"]["code"], "validation_error");
    // The same once more goes on behind the last line.
    assert!(import(1, &(first + &rest)).is_empty());
    let progress = target.get("/v1/admin/import?name=all").expect(200);
    assert_eq!(progress, json!({"line": 6, "failed": 1}));
    assert_eq!(target.get("/v1/admin/export").body, exported.body);

    let atomic = post_lines(
        &target,
        "/v1/admin/import?atomic=true",
        "{\"user\":{\"id\":\"usr_2\",\"name\":\"Bob\"}}\n{\"message\":{}}\n",
    );
    let answers = lines(&atomic.body);
    assert_eq!(answers[0]["error"]["code"], "aborted");
    assert_eq!(answers[1]["error"]["code"], "validation_error");
    target
        .curl("/v1/admin/import", &["--data-binary", "x"])
        .refused(415, "unsupported_media_type", "x-ndjson");
}

#[test]
fn statistics_are_those_of_the_store() {
    let home = Home::new();
    let server = home.start();
    server.conversation("con_1");
    server.put("/v1/users/usr_1", r#"{"name":"Alice"}"#);
    let stats = server.get("/v1/admin/stats").expect(200);
    for (name, count) in [
        ("conversations", 1),
        ("messages", 1),
        ("users", 1),
        ("events", 2),
        ("newest_event", 2),
    ] {
        assert_eq!(stats[name], count, "{name}");
    }
    assert_eq!(stats["statuses"][0]["status"], "open");
    assert_eq!(stats["statuses"][0]["whatsapp"], 1);
    assert_eq!(stats.get("unfolded").is_some(), is_postgres());
    assert_eq!(stats.get("file_bytes").is_some(), !is_postgres());
    // Every field is described.
    let described = server.get("/v1/openapi.json").expect(200);
    let properties = &described["components"]["schemas"]["Statistics"]["properties"];
    for name in stats.as_object().unwrap().keys() {
        assert!(properties[name].is_object(), "{name}");
    }
}

#[test]
fn a_verification_reports_its_progress_and_then_what_it_found() {
    let home = Home::new();
    fill(&home, if is_postgres() { 500 } else { 5_000 });
    let server = home.start();
    let answer = post(&server, "/v1/admin/verify");
    assert_eq!(answer.header("content-type"), Some("application/x-ndjson"));
    let mut all = lines(&answer.body);
    let report = all.pop().unwrap();
    assert_eq!(report["report"]["clean"], true, "{report}");
    assert_eq!(report["report"]["findings"], json!([]));
    assert!(!all.is_empty(), "no progress");
    for line in all {
        let (done, of) = (&line["progress"]["done"], &line["progress"]["of"]);
        assert!(
            done.as_u64() <= of.as_u64() && of.as_u64() > Some(0),
            "{line}"
        );
    }
}

#[test]
fn one_verification_runs_at_a_time_and_ends_with_its_client() {
    let home = Home::new();
    fill(&home, if is_postgres() { 500 } else { 10_000 });
    let server = home.start();
    let mut curl = Command::new("curl");
    let header = format!("Authorization: Bearer {KEY}");
    curl.args(CURL)
        .args(["--no-buffer", "--request", "POST", "--header", &header]);
    curl.arg(format!("{}/v1/admin/verify", server.url));
    let mut others = Vec::new();
    for _ in 0..6 {
        others.push(thread::scope(|_| {
            let mut again = Command::new("curl");
            again
                .args(CURL)
                .args(["--request", "POST", "--header", &header]);
            again.arg(format!("{}/v1/admin/verify", server.url));
            again.stdout(Stdio::piped()).spawn().unwrap()
        }));
    }
    let statuses: Vec<_> = others
        .into_iter()
        .map(|other| {
            let output = other.wait_with_output().unwrap();
            Answer::parse(&String::from_utf8(output.stdout).unwrap())
        })
        .collect();
    assert!(statuses.iter().any(|answer| answer.status == 200));
    for answer in statuses.iter().filter(|answer| answer.status != 200) {
        answer.refused(409, "already_running", "a verification");
    }
    let mut left = curl.stdout(Stdio::null()).spawn().unwrap();
    thread::sleep(Duration::from_millis(50));
    left.kill().unwrap();
    left.wait().unwrap();
    until(|| (post(&server, "/v1/admin/verify").status == 200).then_some(()));
}

#[test]
fn the_file_is_compacted_while_it_is_served() {
    let home = Home::new();
    if is_postgres() {
        let answer = post(&home.start(), "/v1/admin/compact");
        return answer.refused(501, "unsupported", "autovacuum");
    }
    fill(&home, 2_000);
    let server = home.start();
    for number in 0..2_000 {
        if number % 50 == 0 {
            server.delete(&format!(
                "/v1/conversations/{}",
                ConversationId::from_parts(1, number)
            ));
        }
    }
    let compacted = post(&server, "/v1/admin/compact").expect(200);
    assert!(compacted["bytes"].as_u64() <= compacted["bytes_before"].as_u64());
    assert_eq!(
        server.get("/v1/conversations").expect(200)["total"],
        2_000 - 40
    );
    server.conversation("con_x");
}

#[test]
fn what_is_old_is_purged_and_counted() {
    let home = Home::new();
    let server = home.start();
    for contact in ["con_1", "con_2"] {
        server.conversation(contact);
    }
    let body = text_from("con_3", "Hello");
    let keyed = [
        "--header",
        "Idempotency-Key: k",
        "--header",
        crate::server::JSON,
        "--data-binary",
        &body,
    ];
    server.curl("/v1/messages/receive", &keyed).expect(201);
    let receipt = r#"{"channel":"whatsapp","provider_id":"later","status":"read"}"#;
    server.post("/v1/messages/status", receipt).expect(202);
    let purge = |body: &str| server.post("/v1/admin/purge", body);
    let purged = purge(r#"{"events":{"keep_newest":1}}"#).expect(200);
    assert_eq!(purged, json!({"events": 5}));
    let purged = purge(
        r#"{"events":{"older_than_days":1},"idempotency_keys":{"older_than_days":1},"unmatched":{"older_than_days":1}}"#,
    );
    let none = json!({"events": 0, "idempotency_keys": 0, "unmatched": 0});
    assert_eq!(purged.expect(200), none);
    let purged = purge(r#"{"unmatched":{"older_than_days":30,"keep_newest":0}}"#);
    assert_eq!(purged.expect(200), json!({"unmatched": 1}));
    // A number is whole however it is written.
    purge(r#"{"events":{"keep_newest":3.0}}"#).expect(200);
    for first_line in ["0", "9007199254740993"] {
        let path = format!("/v1/admin/import?first_line={first_line}");
        let lines = [
            "--header",
            "Content-Type: application/x-ndjson",
            "--data",
            "",
        ];
        server
            .curl(&path, &lines)
            .refused(422, "validation_error", "first_line");
    }
    for (body, field) in [
        ("{}", "events"),
        (r#"{"events":{}}"#, "events"),
        (
            r#"{"events":{"keep_newest":9007199254740993}}"#,
            "events.keep_newest",
        ),
        (
            r#"{"events":{"older_than_days":4294967296}}"#,
            "events.older_than_days",
        ),
        (r#"{"events":{"keep_newest":0.5}}"#, "events.keep_newest"),
        (
            r#"{"events":{"keep_newest":1,"older_than_days":1}}"#,
            "events",
        ),
        (r#"{"unmatched":{}}"#, "unmatched"),
        (
            r#"{"idempotency_keys":{"older_than_days":-1}}"#,
            "older_than_days",
        ),
        (r#"{"messages":{"older_than_days":1}}"#, "messages"),
    ] {
        purge(body).refused(422, "validation_error", field);
    }
}

#[test]
fn what_a_command_takes_is_refused_where_it_would_be_ignored() {
    let home = Home::new();
    let server = home.start();
    for path in ["verify", "compact", "purge", "import"] {
        let path = format!("/v1/admin/{path}");
        for (header, field) in [
            ("Idempotency-Key: one", "Idempotency-Key"),
            ("If-Match: \"3\"", "If-Match"),
            ("X-Convodb-Actor: usr_nobody", "X-Convodb-Actor"),
        ] {
            let post = ["--request", "POST", "--header", header];
            server
                .curl(&path, &post)
                .refused(422, "validation_error", field);
        }
    }
}

#[test]
fn a_body_that_does_not_go_on_is_given_up() {
    let home = Home::new();
    let server = home.start_with(&["--request-timeout", "1"]);
    for path in ["/v1/admin/purge", "/v1/admin/import"] {
        let mut client = TcpStream::connect(server.address()).unwrap();
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}\r\nContent-Type: application/{}\r\nContent-Length: 1000\r\n\r\n{{",
            if path.ends_with("import") {
                "x-ndjson"
            } else {
                "json"
            }
        );
        client.write_all(head.as_bytes()).unwrap();
        let mut answer = [0; 12];
        client.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"HTTP/1.1 408");
    }
}

#[test]
fn an_upload_that_is_slow_holds_back_no_other_import() {
    let home = Home::new();
    let server = home.start();
    let mut slow = TcpStream::connect(server.address()).unwrap();
    let head = format!(
        "POST /v1/admin/import HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}\r\n{LINES}\r\n\
         Content-Length: 2\r\nExpect: 100-continue\r\n\r\n"
    );
    slow.write_all(head.as_bytes()).unwrap();
    // The server asks for the body: it has begun to read it.
    let mut answer = [0; 12];
    slow.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 100");
    let post = ["--header", LINES, "--data-binary", "x"];
    assert_eq!(server.curl("/v1/admin/import", &post).status, 200);
    slow.write_all(b"x\n").unwrap();
    let mut answer = [0; 25];
    slow.read_exact(&mut answer).unwrap();
    assert!(
        answer.ends_with(b"HTTP/1.1 200"),
        "{}",
        answer.escape_ascii()
    );
}

#[test]
fn an_import_has_no_more_lines_than_are_answered_from_memory() {
    let home = Home::new();
    let server = home.start();
    let blank = "\n".repeat(200_000);
    let body = home.dir().join("lines");
    let data = format!("@{}", body.display());
    for (lines, status) in [(100_000, 200), (100_001, 422)] {
        fs::write(&body, "x\n".repeat(lines) + &blank).unwrap();
        for path in ["/v1/messages/import", "/v1/admin/import"] {
            let post = ["--header", LINES, "--data-binary", &data];
            let answer = server.curl(path, &post);
            assert_eq!(answer.status, status, "{path}");
        }
    }
}

#[test]
fn each_request_needs_a_key_and_takes_no_other_parameters() {
    let home = Home::new();
    let server = home.start();
    for (method, path) in ROUTES {
        let path = format!("/v1/admin/{path}");
        let ask = ["--request", method];
        let answer = server.curl_as_it_is(&path, &ask);
        assert_eq!(answer.status, 401, "{method} {path}");
        let answer = server.curl(&path, &["--request", "PATCH"]);
        assert_eq!(answer.status, 405, "{method} {path}");
    }
    for path in ["backup", "export", "stats"] {
        server
            .get(&format!("/v1/admin/{path}?x=1"))
            .refused(422, "validation_error", "x");
    }
    server
        .get("/v1/admin/nothing")
        .refused(404, "not_found", "nothing at this path");
}

#[test]
fn a_start_waits_for_the_file_and_then_names_the_process_that_has_it() {
    if is_postgres() {
        return;
    }
    let home = Home::new();
    let store = Store::open(home.db()).unwrap();
    let mut start = home.command(&[
        "--listen",
        "127.0.0.1:0",
        "--api-key",
        KEY,
        "--lock-timeout",
        "0.3",
    ]);
    let begun = Instant::now();
    let output = start.output().unwrap();
    assert!(begun.elapsed() >= Duration::from_millis(300));
    assert_eq!(output.status.code(), Some(1));
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(message.contains("the file is open elsewhere"), "{message}");
    if cfg!(target_os = "linux") {
        let program = fs::read_to_string("/proc/self/comm").unwrap();
        let holder = format!("in process {} ({})", std::process::id(), program.trim());
        assert!(message.contains(&holder), "{message}");
    }
    // One that is closed in time.
    let closing = thread::spawn(move || {
        thread::sleep(Duration::from_millis(500));
        store.close().unwrap();
    });
    home.start().get("/healthz").expect(200);
    closing.join().unwrap();
}

#[test]
fn each_request_needs_the_scope_admin() {
    let home = Home::new();
    let server = keys::start(
        &home,
        &[
            keys::entry("reader", "k-read", r#"scopes = ["read", "write"]"#),
            keys::entry("ops", "k-ops", r#"scopes = ["admin"]"#),
        ],
    );
    let ask = |key, method, path: &str| keys::by(&server, key, path, &["--request", method]);
    for (method, path) in ROUTES {
        let path = format!("/v1/admin/{path}");
        ask("k-read", method, &path).refused(403, "forbidden", "`admin`");
        // A copy of a file is no text.
        if !path.ends_with("backup") {
            let answer = ask("k-ops", method, &path);
            let is_import = (method, &*path) == ("POST", "/v1/admin/import");
            assert_eq!(answer.status == 403, is_import, "{answer:?}");
        }
    }
    ask("k-ops", "GET", "/v1/conversations").refused(403, "forbidden", "`read`");
    // What is imported names its authors.
    ask("k-ops", "POST", "/v1/admin/import").refused(403, "forbidden", "may not act for others");
}

#[test]
fn a_backup_that_stands_still_does_not_keep_the_server_from_ending() {
    if is_postgres() {
        return;
    }
    let home = Home::new();
    let server = home.start();
    let mut client = TcpStream::connect(server.address()).unwrap();
    let head =
        format!("GET /v1/admin/backup HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}\r\n\r\n");
    client.write_all(head.as_bytes()).unwrap();
    client.read_exact(&mut [0; 12]).unwrap();
    let end = server.end("TERM");
    assert!(end.status.success(), "{}", end.log);
    assert!(end.took < Duration::from_secs(5), "{:?}", end.took);
}
