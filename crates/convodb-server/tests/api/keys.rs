//! Named keys with scopes, of a file.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::server::{Answer, Home, JSON, KEY, Server, text_from, until};
use crate::sessions::{CSRF, SESSION};

/// The line that `hash-key` prints for a key.
fn hashed(key: &str) -> String {
    let mut child = hash_key(&[])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    writeln!(input, "{key}").unwrap();
    drop(input);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}

fn hash_key(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_api-server"));
    command.arg("hash-key").args(arguments);
    command
}

pub(crate) fn entry(name: &str, key: &str, more: &str) -> String {
    format!("[[keys]]\nname = \"{name}\"\n{}{more}\n\n", hashed(key))
}

/// Replaces the file as an operator should: by a rename.
fn write(path: &Path, entries: &[String]) {
    let new = path.with_extension("new");
    std::fs::write(&new, entries.concat()).unwrap();
    std::fs::rename(new, path).unwrap();
}

/// A server with a file of keys, without a key of the command line.
pub(crate) fn start(home: &Home, entries: &[String]) -> Server {
    let path = home.dir().join("keys.toml");
    write(&path, entries);
    let arguments = ["--listen", "127.0.0.1:0", "--keys", path.to_str().unwrap()];
    Server::start(home.command(&arguments))
}

pub(crate) fn by(server: &Server, key: &str, path: &str, more: &[&str]) -> Answer {
    let header = format!("Authorization: Bearer {key}");
    let mut all = vec!["--header", &header];
    all.extend(more);
    server.curl_as_it_is(path, &all)
}

const LIST: &str = "/v1/conversations";
const RECEIVE: &str = "/v1/messages/receive";

fn receive(server: &Server, key: &str, more: &[&str]) -> Answer {
    let body = text_from("con_1", "Hello");
    let mut all = vec!["--header", JSON, "--data", &body];
    all.extend(more);
    by(server, key, RECEIVE, &all)
}

#[test]
fn a_key_may_do_what_its_scopes_say() {
    let home = Home::new();
    let server = start(
        &home,
        &[
            entry("reader", "r", "scopes = [\"read\"]"),
            entry(
                "writer",
                "w",
                "scopes = [\"write\"]\nacts_for_others = true",
            ),
            entry(
                "other",
                "o",
                "scopes = [\"admin\", \"webhooks\", \"metrics\"]",
            ),
        ],
    );
    by(&server, "r", LIST, &[]).expect(200);
    by(&server, "r", "/v1/events", &[]).expect(200);
    receive(&server, "r", &[]).refused(403, "forbidden", "`write`");
    receive(&server, "w", &[]).expect(201);
    by(&server, "w", LIST, &[]).refused(403, "forbidden", "`read`");
    by(&server, "w", "/v1/events/stream", &[]).refused(403, "forbidden", "`read`");
    by(&server, "o", LIST, &[]).refused(403, "forbidden", "`read`");
    receive(&server, "o", &[]).refused(403, "forbidden", "`write`");
    by(&server, KEY, LIST, &[]).refused(401, "unauthorized", "key");
    // What every key may ask.
    let session = by(&server, "o", SESSION, &[]).expect(200);
    assert_eq!(session["key"], "other");
    assert_eq!(
        session["scopes"].to_string(),
        r#"["admin","webhooks","metrics"]"#
    );
    server.curl_as_it_is("/healthz", &[]).expect(200);
}

#[test]
fn each_operation_needs_the_scope_that_its_description_has() {
    const SCOPES: [&str; 5] = ["read", "write", "admin", "webhooks", "metrics"];
    let home = Home::new();
    let entries = SCOPES.map(|scope| {
        let scopes = format!("scopes = [\"{scope}\"]\nacts_for_others = true");
        entry(scope, scope, &scopes)
    });
    let server = start(&home, &entries);
    let document = server.curl_as_it_is("/v1/openapi.json", &[]).expect(200);
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let security = operation["security"][0]["key"].as_array();
            let needed = security.and_then(|scopes| scopes.first());
            for scope in SCOPES {
                let is_enough = needed.is_none_or(|needed| needed == scope);
                // A stream has no end, and a backup is no text.
                let is_other = ["/v1/events/stream", "/v1/admin/backup"].contains(&path.as_str());
                if is_enough && is_other {
                    continue;
                }
                let answer = by(&server, scope, path, &["--request", &method.to_uppercase()]);
                let names_scope = needed.is_some_and(|it| {
                    let scope = format!("`{}`", it.as_str().unwrap());
                    answer.body.contains(&scope)
                });
                let is_refused = answer.status == 403 && names_scope;
                assert_eq!(
                    is_refused, !is_enough,
                    "{method} {path} {scope}: {}",
                    answer.body
                );
            }
        }
    }
    server.stop();
}

/// A server with two keys that read and write: `m` of a machine, and `i` of an inbox, which acts for others.
fn machine_and_inbox(home: &Home) -> Server {
    let scopes = "scopes = [\"read\", \"write\"]";
    let machine = entry("machine", "m", scopes);
    let inbox = entry("inbox", "i", &format!("{scopes}\nacts_for_others = true"));
    start(home, &[machine, inbox])
}

#[test]
fn only_a_key_that_may_acts_for_others() {
    let home = Home::new();
    let server = machine_and_inbox(&home);
    let put = [
        "--request",
        "PUT",
        "--header",
        JSON,
        "--data",
        r#"{"name": "Alice"}"#,
    ];
    by(&server, "m", "/v1/users/usr_alice", &put).expect(201);
    let alice = ["--header", "X-Convodb-Actor: usr_alice"];
    receive(&server, "m", &alice).refused(403, "forbidden", "X-Convodb-Actor");
    receive(&server, "m", &[]).expect(201);
    receive(&server, "i", &alice).expect(201);
    let sign_in = ["--header", JSON, "--data", r#"{"actor": "usr_alice"}"#];
    by(&server, "m", SESSION, &sign_in).refused(403, "forbidden", "actor");
    assert_eq!(by(&server, "i", SESSION, &sign_in).status, 204);
    assert_eq!(
        by(&server, "m", SESSION, &["--request", "POST"]).status,
        204
    );
}

#[test]
fn a_user_who_writes_is_one_whom_the_key_or_the_session_may_act_as() {
    let home = Home::new();
    let server = machine_and_inbox(&home);
    for user in ["alice", "bob"] {
        let put = ["--request", "PUT", "--json", r#"{"name": "A user"}"#];
        by(&server, "m", &format!("/v1/users/usr_{user}"), &put).expect(201);
    }
    let provided = r#"{"contact_id":"con_1","channel":"webchat","type":"text","content":"Hello","provider_id":"p1"}"#;
    by(&server, "m", RECEIVE, &["--json", provided]).expect(201);
    let send = r#"{"contact_id":"con_1","channel":"webchat","type":"text","content":"Hi","author":{"type":"user","id":"usr_bob"}}"#;
    let react = r#"{"channel":"webchat","provider_id":"p1","by":{"type":"user","id":"usr_bob"},"emoji":"x"}"#;
    let revoke = r#"{"channel":"webchat","provider_id":"p1","by":{"type":"user","id":"usr_bob"}}"#;
    let written = [
        ("/v1/messages/send", send, "author"),
        ("/v1/messages/react", react, "by"),
        ("/v1/messages/revoke", revoke, "by"),
    ];
    let sign_in = ["--json", r#"{"actor": "usr_alice"}"#];
    let session = by(&server, "i", SESSION, &sign_in);
    let cookie = session.header("set-cookie").unwrap();
    let cookie = format!("Cookie: {}", cookie.split(';').next().unwrap());
    let as_alice = ["--header", &cookie, "--header", CSRF];
    for (path, body, field) in written {
        by(&server, "m", path, &["--json", body]).refused(403, "forbidden", field);
        let body = ["--json", body];
        let answer = server.curl_as_it_is(path, &[&as_alice[..], &body].concat());
        answer.refused(403, "forbidden", field);
    }
    let own = send.replace("usr_bob", "usr_alice");
    let own = [&as_alice[..], &["--json", &own]].concat();
    server.curl_as_it_is("/v1/messages/send", &own).expect(201);
    let lines = [
        "--header",
        "Content-Type: application/x-ndjson",
        "--data",
        "",
    ];
    let import = "/v1/messages/import";
    by(&server, "m", import, &lines).refused(403, "forbidden", "act for others");
    let answer = server.curl_as_it_is(import, &[&as_alice[..], &lines].concat());
    answer.refused(403, "forbidden", "one user");
    assert_eq!(by(&server, "i", import, &lines).status, 200);
    for (path, body, _) in written {
        let status = by(&server, "i", path, &["--json", body]).status;
        assert!(status < 300, "{path}: {status}");
    }
}

#[test]
fn keys_are_rotated_without_a_restart_and_a_removed_one_ends_its_sessions() {
    let home = Home::new();
    let scopes = "scopes = [\"read\", \"write\"]";
    let (old, new) = (entry("old", "o", scopes), entry("new", "n", scopes));
    let server = start(&home, std::slice::from_ref(&old));
    let path = home.dir().join("keys.toml");
    let status = |key: &str| by(&server, key, LIST, &[]).status;
    assert_eq!((status("o"), status("n")), (200, 401));
    let session = by(&server, "o", SESSION, &["--request", "POST"]);
    let cookie = session.header("set-cookie").unwrap().split(';').next();
    let cookie = format!("Cookie: {}", cookie.unwrap());
    let by_cookie = || server.curl_as_it_is(LIST, &["--header", &cookie]).status;
    assert_eq!(by_cookie(), 200);

    write(&path, &[old.clone(), new.clone()]);
    server.signal("HUP");
    until(|| (status("n") == 200).then_some(()));
    assert_eq!((status("o"), by_cookie()), (200, 200));

    // Nothing of a file that cannot be used counts.
    for unusable in ["", "[[keys]]", "no TOML"] {
        write(&path, &[unusable.to_owned()]);
        let before = server.log().matches("stay valid").count();
        until(|| (server.log().matches("stay valid").count() > before).then_some(()));
    }
    assert_eq!((status("o"), status("n")), (200, 200));

    // Without a signal too.
    write(&path, std::slice::from_ref(&new));
    until(|| (status("o") == 401).then_some(()));
    assert_eq!((status("n"), by_cookie()), (200, 401));
    let end = ["--header", &cookie, "--header", CSRF, "--request", "DELETE"];
    server
        .curl_as_it_is(SESSION, &end)
        .refused(401, "unauthorized", "key");

    // A session does not come back with its key.
    write(&path, &[old, new]);
    server.signal("HUP");
    until(|| (status("o") == 200).then_some(()));
    assert_eq!(by_cookie(), 401);
    server.stop();
}

#[test]
fn a_key_has_the_limit_of_the_file_or_of_the_option() {
    let home = Home::new();
    let path = home.dir().join("keys.toml");
    let scopes = "scopes = [\"read\"]";
    let limited = format!("{scopes}\nrate_limit = 2");
    write(&path, &[entry("a", "a", scopes), entry("b", "b", &limited)]);
    let keys = path.to_str().unwrap();
    let server = home.start_with(&["--keys", keys, "--rate-limit", "3"]);
    for (key, limit) in [("a", 3), ("b", 2), (KEY, 3)] {
        for _ in 0..limit {
            by(&server, key, LIST, &[]).expect(200);
        }
        by(&server, key, LIST, &[]).refused(429, "rate_limited", "key");
    }
}

#[test]
fn a_file_that_cannot_be_used_keeps_the_server_from_starting() {
    let home = Home::new();
    let path = home.dir().join("keys.toml");
    let keys = path.to_str().unwrap().to_owned();
    let arguments = [
        "--listen",
        "127.0.0.1:0",
        "--keys",
        &keys,
        "--webhook",
        "http://127.0.0.1:1/",
    ];
    let refused = || {
        let mut command = home.command(&arguments);
        let output = command.args(["--webhook-secret", "s"]).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        let errors = String::from_utf8(output.stderr).unwrap();
        let last = errors.lines().last().unwrap().to_owned();
        assert!(last.contains("keys.toml"), "{errors}");
        last
    };
    refused();
    for (entry, reason) in [
        (entry("a", "a", "scopes = []"), "no scope"),
        (entry("a", "a", "scopes = [\"everything\"]"), "everything"),
        (entry("a", "s", "scopes = [\"read\"]"), "secret"),
    ] {
        write(&path, &[entry]);
        let error = refused();
        assert!(error.contains(reason), "{error}");
    }
    assert!(!home.db().exists());
}

#[test]
fn a_new_key_is_printed_with_its_digest() {
    let output = hash_key(&["--new"]).output().unwrap();
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    let (first, digest) = text.split_once('\n').unwrap();
    let key = first.strip_prefix("key    = \"convodb_").unwrap();
    let key = key.strip_suffix('"').unwrap();
    assert_eq!(key.len(), 64);
    assert_eq!(digest, hashed(&format!("convodb_{key}")));
    // FIPS 180-2, of `abc`.
    assert_eq!(
        hashed("abc"),
        "sha256 = \"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\"\n"
    );
}

#[test]
fn a_request_keeps_its_id_or_has_a_new_one() {
    let home = Home::new();
    let server = home.start();
    let given = server.curl(LIST, &["--header", "X-Request-Id: of-the-client"]);
    assert_eq!(given.header("x-request-id"), Some("of-the-client"));
    let new = server.get(LIST).header("x-request-id").unwrap().to_owned();
    assert_eq!(new.len(), 36);
    assert_ne!(server.get(LIST).header("x-request-id"), Some(&*new));
}
