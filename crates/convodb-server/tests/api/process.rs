//! The process: how it starts, what it says, how it ends.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::server::{Home, KEY, Server, text_from, until};
use crate::workspace::is_file;

/// Runs a command that does not serve: its exit code, and what it said on standard error.
fn refused(mut command: Command) -> (Option<i32>, String) {
    let output = command.output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "");
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code(), errors)
}

#[test]
fn without_a_key_it_does_not_start_and_with_one_of_the_environment_it_does() {
    let home = Home::new();
    let listen = ["--listen", "127.0.0.1:0"];
    let (code, errors) = refused(home.command(&listen));
    assert_eq!(code, Some(2));
    assert!(
        errors.contains("--api-key") && errors.contains("CONVODB_API_KEY"),
        "{errors}"
    );
    assert_eq!(errors.lines().count(), 1);
    assert!(!home.db().exists());

    let mut command = home.command(&listen);
    command.env("CONVODB_API_KEY", KEY);
    let server = Server::start(command);
    server.get("/v1/conversations").expect(200);
    server.stop();
}

#[test]
fn what_keeps_it_from_starting_is_one_line_on_standard_error() {
    let home = Home::new();
    let keyed = |arguments: &[&str]| {
        let mut all = vec!["--api-key", "a-secret-key"];
        all.extend(arguments);
        home.command(&all)
    };
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let (code, errors) = refused(keyed(&["--listen", &address]));
    assert_eq!((code, errors.lines().count()), (Some(1), 1), "{errors}");
    assert!(errors.contains(&address), "{errors}");
    let metrics = ["--listen", "127.0.0.1:0", "--metrics-listen", &address];
    let (code, errors) = refused(keyed(&metrics));
    assert_eq!((code, errors.lines().count()), (Some(1), 1), "{errors}");
    assert!(errors.contains(&address), "{errors}");
    assert!(!home.db().exists());

    let free = ["--listen", "127.0.0.1:0"];
    let webhook = ["--webhook", "http://127.0.0.1:1/"];
    let secret = [&free[..], &webhook, &["--webhook-secret", "a-secret-key"]].concat();
    let (code, errors) = refused(keyed(&secret));
    assert_eq!(code, Some(2));
    assert!(
        errors.contains("webhook secret") && !errors.contains("a-secret-key"),
        "{errors}"
    );

    let (code, errors) = refused(keyed(&[&free[..], &["--db", "pg://inbox"]].concat()));
    assert_eq!(code, Some(2));
    assert!(errors.contains("begin with `postgres://`"), "{errors}");
    if !is_file("it damages the store's file") {
        return;
    }
    let nowhere = home.dir().join("nowhere").join("a.convodb");
    let db = ["--db", nowhere.to_str().unwrap()];
    let (code, errors) = refused(keyed(&[&free[..], &db].concat()));
    assert_eq!((code, errors.lines().count()), (Some(1), 1), "{errors}");
    assert_eq!(errors.matches("No such file").count(), 1, "{errors}");
    std::fs::write(home.db(), "no store, but of some length: ".repeat(1_000)).unwrap();
    let (code, errors) = refused(keyed(&free));
    assert_eq!((code, errors.lines().count()), (Some(1), 1), "{errors}");
    assert!(errors.contains("inbox.redb"), "{errors}");
}

#[test]
fn a_signal_ends_a_start_that_waits_for_the_file() {
    if !is_file("a workspace is open to any number of servers") {
        return;
    }
    let home = Home::new();
    let _server = home.start();
    for signal in ["TERM", "INT"] {
        let address = {
            let free = TcpListener::bind("127.0.0.1:0").unwrap();
            free.local_addr().unwrap().to_string()
        };
        let address = ["--listen", &address, "--api-key", KEY];
        let mut second = home.command(&[&address[..], &["--lock-timeout", "600"]].concat());
        let second = second.stdout(Stdio::null()).stderr(Stdio::piped());
        let mut second = second.spawn().unwrap();
        // It listens before it waits, and takes signals between the two.
        until(|| TcpStream::connect(address[1]).ok());
        std::thread::sleep(Duration::from_millis(500));
        assert!(second.try_wait().unwrap().is_none());
        let killed = Command::new("kill")
            .args([&format!("-{signal}"), &second.id().to_string()])
            .status();
        assert!(killed.unwrap().success());
        let begun = Instant::now();
        assert_eq!(second.wait().unwrap().code(), Some(0));
        assert!(begun.elapsed() < Duration::from_secs(5));
    }
}

#[test]
fn a_hangup_without_keys_to_read_again_does_nothing() {
    let home = Home::new();
    let server = home.start();
    server.signal("HUP");
    std::thread::sleep(Duration::from_millis(100));
    server.get("/healthz").expect(200);
    server.stop();
}

#[test]
fn a_store_that_another_server_has_is_refused() {
    if !is_file("any number of servers use one workspace") {
        return;
    }
    let home = Home::new();
    let _server = home.start();
    let second = home.command(&["--listen", "127.0.0.1:0", "--api-key", KEY]);
    let (code, errors) = refused(second);
    assert_eq!(code, Some(1));
    assert!(errors.contains("inbox.redb"), "{errors}");
}

#[test]
fn every_key_of_several_opens_and_none_of_them_is_logged() {
    let home = Home::new();
    let mut command = home.command(&[
        "--listen",
        "127.0.0.1:0",
        "--api-key",
        KEY,
        "--api-key",
        "the-other-key",
        "--webhook",
        "http://127.0.0.1:1/",
        "--webhook-secret",
        "the-secret",
    ]);
    command.env("RUST_LOG", "trace");
    let server = Server::start(command);
    for key in [KEY, "the-other-key", "no-key-at-all"] {
        let header = format!("Authorization: Bearer {key}");
        let answer = server.curl_as_it_is("/v1/conversations", &["--header", &header]);
        assert_eq!(
            answer.status,
            if key == "no-key-at-all" { 401 } else { 200 }
        );
    }
    // A mistake that happens.
    server
        .get(&format!("/v1/conversations?api_key={KEY}"))
        .refused(422, "validation_error", "api_key");
    server.conversation("con_1");
    let end = server.end("TERM");
    assert!(end.log.contains("/v1/conversations"), "{}", end.log);
    for secret in [KEY, "the-other-key", "no-key-at-all", "the-secret"] {
        assert!(
            !end.log.contains(secret),
            "{secret} is logged:\n{}",
            end.log
        );
    }
}

#[test]
fn standard_output_has_one_line_and_either_signal_ends_it_with_0() {
    for signal in ["TERM", "INT"] {
        let home = Home::new();
        let server = home.start();
        server.conversation("con_1");
        let end = server.end(signal);
        assert_eq!(end.status.code(), Some(0), "{}", end.log);
        assert_eq!(end.output, "");
        // It was closed: nothing is left to recover.
        assert!(!home.db().with_extension("redb-journal").exists());
    }
}

#[test]
fn what_was_answered_is_there_after_a_stop_and_after_a_kill() {
    let home = Home::new();
    let mut known = 0;
    for signal in ["TERM", "KILL", "KILL"] {
        let server = home.start();
        assert_eq!(server.get("/v1/conversations").expect(200)["total"], known);
        for number in 0..5 {
            server.conversation(&format!("con_{signal}_{known}_{number}"));
        }
        known += 5;
        server.end(signal);
    }
    assert_eq!(
        home.start().get("/v1/conversations").expect(200)["total"],
        known
    );
}

#[test]
fn a_request_under_way_is_answered_and_one_that_hangs_is_broken_off_within_five_seconds() {
    let home = Home::new();
    let server = home.start();
    let body = text_from("con_1", "Hello");
    let (begun, rest) = body.split_at(10);
    let connect = || {
        let mut client = TcpStream::connect(server.address()).unwrap();
        client
            .set_read_timeout(Some(Duration::from_secs(30)))
            .unwrap();
        let head = format!(
            "POST /v1/messages/receive HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {KEY}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\nExpect: 100-continue\r\n\r\n",
            body.len(),
        );
        client.write_all(head.as_bytes()).unwrap();
        // After `100 Continue` a handler waits for the body.
        let mut answer = [0; 25];
        client.read_exact(&mut answer).unwrap();
        assert!(answer.starts_with(b"HTTP/1.1 100 Continue"));
        client.write_all(begun.as_bytes()).unwrap();
        client
    };
    let mut finishes = connect();
    let _hangs = connect();
    let _says_nothing = TcpStream::connect(server.address()).unwrap();

    let client = std::thread::spawn({
        let rest = rest.to_owned();
        move || {
            std::thread::sleep(Duration::from_millis(300));
            finishes.write_all(rest.as_bytes()).unwrap();
            let mut answer = String::new();
            finishes.read_to_string(&mut answer).unwrap();
            answer
        }
    });
    let end = server.end("TERM");
    assert_eq!(end.status.code(), Some(0), "{}", end.log);
    assert!(end.took < Duration::from_secs(5), "{:?}", end.took);
    let answer = client.join().unwrap();
    assert!(answer.starts_with("HTTP/1.1 201 Created"), "{answer}");
    assert_eq!(
        home.start().get("/v1/conversations").expect(200)["total"],
        1
    );
}

#[test]
fn a_log_that_nobody_reads_holds_nothing_up() {
    let home = Home::new();
    let arguments = ["--listen", "127.0.0.1:0", "--api-key", KEY];
    let server = Server::start_unread(home.command(&arguments));
    // Far more than a pipe holds.
    assert_eq!(server.ask_often(3_000), 3_000);
    let end = server.end("TERM");
    assert_eq!(end.status.code(), Some(0));
    assert!(end.took < Duration::from_secs(5), "{:?}", end.took);
}
