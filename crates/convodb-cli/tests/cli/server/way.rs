//! What the way to a server does: answers that are lost, other servers in its place, and lines that are too large.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Output};
use std::thread;

use serde_json::Value;

use super::{Desk, Served, line, message, on_server, text, write};

/// What becomes of the answer to the first POST.
#[derive(Clone, Copy)]
enum Lost {
    All,
    Half,
}

/// A proxy of a server that loses one answer. Returns its URL.
fn losing(served: &Served, lost: Lost) -> String {
    let server = served.address().to_owned();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        let mut left = 1;
        for mut client in listener.incoming().map_while(Result::ok) {
            let Some((head, body)) = request(&mut client) else {
                continue;
            };
            let mut forwarded = TcpStream::connect(&server).unwrap();
            let first = head.split_once("\r\n").unwrap();
            let head = format!("{}\r\nConnection: close\r\n{}", first.0, first.1);
            forwarded.write_all(head.as_bytes()).unwrap();
            forwarded.write_all(&body).unwrap();
            let mut answer = Vec::new();
            forwarded.read_to_end(&mut answer).unwrap();
            if head.starts_with("POST") && left > 0 {
                left -= 1;
                match lost {
                    Lost::All => answer.clear(),
                    Lost::Half => answer.truncate(answer.len() - 20),
                }
            }
            let _ = client.write_all(&answer);
        }
    });
    url
}

/// Reads a request: its head, without what is for a proxy, and its body.
fn request(client: &mut TcpStream) -> Option<(String, Vec<u8>)> {
    let mut read = BufReader::new(client.try_clone().unwrap());
    let (mut head, mut length, mut waits) = (String::new(), 0, false);
    loop {
        let mut line = String::new();
        if read.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let lower = line.to_lowercase();
        if let Some(value) = lower.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        match lower.starts_with("expect:") {
            true => waits = true,
            false => head.push_str(&line),
        }
        if line == "\r\n" {
            break;
        }
    }
    if waits {
        client.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").unwrap();
    }
    let mut body = vec![0; length];
    read.read_exact(&mut body).ok()?;
    Some((head, body))
}

/// A server that answers each request with these bytes, once it has its head. Returns its URL.
fn answering(answer: &str) -> String {
    let answer = answer.to_owned();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for mut client in listener.incoming().map_while(Result::ok) {
            let mut head = [0; 4096];
            let _ = client.read(&mut head);
            let _ = client.write_all(answer.as_bytes());
        }
    });
    url
}

/// A server that has no import yet, and refuses each with this answer, once it has its head. Returns its URL.
fn refusing(status: &'static str, body: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for mut client in listener.incoming().map_while(Result::ok) {
            let mut head = [0; 4096];
            let read = client.read(&mut head).unwrap_or(0);
            let (status, body) = match head[..read].starts_with(b"POST") {
                true => (status, body),
                false => (
                    "404 Not Found",
                    r#"{"error":{"code":"not_found","message":"there is none"}}"#,
                ),
            };
            let length = body.len();
            let answer = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\n\r\n{body}");
            let _ = client.write_all(answer.as_bytes());
        }
    });
    url
}

fn at(desk: &Desk, url: &str, arguments: &[&str]) -> Command {
    let mut command = desk.command(&["--server", url]);
    on_server(&mut command);
    command.args(arguments);
    command
}

fn run(desk: &Desk, url: &str, arguments: &[&str]) -> Output {
    at(desk, url, arguments).output().unwrap()
}

/// Messages without an id, which a second request would store again.
fn unnamed(desk: &Desk, contact: &str) {
    let lines: Vec<_> = (0..10)
        .map(|_| message("x", contact).replace(r#""id":"x","#, ""))
        .collect();
    let lines: Vec<_> = lines.iter().map(String::as_str).collect();
    write(&desk.path("some.ndjson"), &lines);
}

#[test]
fn a_lost_answer_stores_nothing_twice() {
    let desk = Desk::new();
    let served = Served::start(&desk, &["--db", "one.redb"]);
    let mut messages = 0;
    for lost in [Lost::All, Lost::Half] {
        for (number, arguments) in [
            &["import", "--lines", "some.ndjson"][..],
            &["import", "--lines", "--again", "some.ndjson"],
            &["import", "--lines", "--atomic", "--again", "some.ndjson"],
            &["import", "--lines", "-"],
        ]
        .into_iter()
        .enumerate()
        {
            unnamed(&desk, &format!("con_{}_{number}", lost as u8));
            let url = losing(&served, lost);
            let mut command = at(&desk, &url, &[arguments, &["--json"]].concat());
            command.stdin(fs::File::open(desk.path("some.ndjson")).unwrap());
            let output = command.output().unwrap();
            assert_eq!(text(&output.stderr), "", "{arguments:?}");
            assert!(output.status.success(), "{arguments:?}");
            let done: Value = serde_json::from_slice(&output.stdout).unwrap();
            assert_eq!(done["lost"], 10, "{done}");
            assert_eq!(done["line"], 10, "{done}");
            messages += 10;
            let stored = &served.json(&desk, &["stats"])["messages"];
            assert_eq!(*stored, messages, "{arguments:?}");
        }
    }
}

#[test]
fn a_run_of_its_own_begins_with_the_first_line() {
    let desk = Desk::new();
    let served = Served::start(&desk, &["--db", "one.redb"]);
    unnamed(&desk, "con_1");
    for messages in [10, 20] {
        let arguments = ["import", "--lines", "--again", "some.ndjson"];
        assert_eq!(served.json(&desk, &arguments)["created"], 10);
        assert_eq!(served.json(&desk, &["stats"])["messages"], messages);
    }
}

#[test]
fn a_lost_answer_hides_no_rejected_lines() {
    let desk = Desk::new();
    let served = Served::start(&desk, &["--db", "one.redb"]);
    write(
        &desk.path("some.ndjson"),
        &[
            r#"{"user":{"id":"usr_a","name":"A"}}"#,
            r#"{"bad":1}"#,
            r#"{"user":{"id":"usr_b"}}"#,
        ],
    );
    let url = losing(&served, Lost::All);
    let output = run(&desk, &url, &["import", "--lines", "some.ndjson"]);
    assert_eq!(output.status.code(), Some(1));
    let printed = text(&output.stdout);
    assert!(printed.contains("2 failed"), "{printed}");
    assert!(
        printed.contains("the answers to 3 lines were lost"),
        "{printed}"
    );
}

#[test]
fn a_lost_answer_to_all_or_nothing_is_asked_for_again() {
    let desk = Desk::with(5, "one.redb");
    let exported = desk.ok(&["export", "one.redb"]);
    fs::write(desk.path("all.ndjson"), &exported).unwrap();
    let served = Served::start(&desk, &["--db", "two.redb"]);
    let url = losing(&served, Lost::All);
    let output = run(&desk, &url, &["import", "all.ndjson", "--json"]);
    assert_eq!(text(&output.stderr), "");
    let imported: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(imported["conversations"], 5);
    assert_eq!(served.ok(&desk, &["export"]), exported);
}

#[test]
fn large_lines_are_sent_alone_and_blank_ones_not_at_all() {
    let desk = Desk::new();
    let served = Served::start(&desk, &["--db", "one.redb"]);
    let user = |id: usize, size: usize| {
        let name = "x".repeat(size);
        format!(r#"{{"user":{{"id":"usr_{id}","name":"{name}"}}}}"#)
    };
    // Each of the two fits into a request, and both do not.
    let lines = [
        user(1, 900_000),
        user(2, 66_500_000),
        "\n".repeat(70 << 20),
        r#"{"user":{"id":"usr_3"}}"#.to_owned(),
        user(4, 67_108_864),
        user(5, 1),
    ];
    fs::write(desk.path("some.ndjson"), lines.join("\n")).unwrap();
    let output = run(&desk, &served.url, &["import", "--lines", "some.ndjson"]);
    let rejected = text(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{rejected}");
    let number = (70 << 20) + 4;
    for begin in [
        "some.ndjson:1: ",
        "some.ndjson:2: ",
        &format!("some.ndjson:{number}: "),
    ] {
        assert!(
            rejected.lines().any(|line| line.starts_with(begin)),
            "{rejected}"
        );
    }
    let last = rejected.lines().last().unwrap();
    let expected = format!(
        "line {} has {} bytes, and a request to a server at most 67108864",
        number + 1,
        lines[4].len()
    );
    assert!(last.contains(&expected), "{last}");

    // All or nothing.
    fs::write(desk.path("one.ndjson"), &lines[4]).unwrap();
    for arguments in [
        &["import", "one.ndjson"][..],
        &["import", "--lines", "--atomic", "one.ndjson"],
    ] {
        let message = served.failure(&desk, 2, arguments);
        assert!(message.contains("64 MiB"), "{message}");
    }
}

#[test]
fn an_answer_before_the_end_of_the_body_is_read() {
    let desk = Desk::new();
    // More than the buffers of a connection have.
    fs::write(desk.path("some.ndjson"), "x".repeat(30 << 20)).unwrap();
    let body = r#"{"error":{"code":"too_large","message":"too much for this proxy"}}"#;
    let url = refusing("413 Payload Too Large", body);
    let message = line(3, run(&desk, &url, &["import", "--lines", "some.ndjson"]));
    assert_eq!(message, format!("convodb: {url}: too much for this proxy"));
}

#[test]
fn an_import_without_an_answer_is_not_said_to_have_failed() {
    let desk = Desk::new();
    write(
        &desk.path("some.ndjson"),
        &[r#"{"user":{"id":"usr_1","name":"A"}}"#],
    );
    let url = refusing("504 Gateway Timeout", "<html>");
    for arguments in [
        &["import", "some.ndjson"][..],
        &["import", "--lines", "some.ndjson"],
    ] {
        let message = line(3, run(&desk, &url, arguments));
        let end = "; it is unknown whether lines 1 to 1 were stored";
        assert!(message.ends_with(end), "{message}");
        assert!(!message.contains("nothing"), "{message}");
    }
}

#[test]
fn a_url_that_is_not_that_of_a_server_is_refused() {
    let desk = Desk::new();
    for bad in [
        "http://127.0.0.1:99999",
        "http://127.0.0.1:0",
        "http://127.0.0.1:",
        "http://x#f",
        "http://x/#f",
        "http://x?",
        "http://:8080",
        "http://[::1",
        "http://[x]:8080",
        "http://a,b",
        "http://a%20b",
    ] {
        let message = line(2, run(&desk, bad, &["stats"]));
        assert!(
            message.starts_with("convodb: --server: must "),
            "{bad}: {message}"
        );
    }
    let message = line(3, run(&desk, "http://[::1]:1/", &["stats"]));
    assert!(message.contains("cannot be reached"), "{message}");
}

#[test]
fn a_key_that_no_header_can_have_is_refused_and_not_printed() {
    let desk = Desk::new();
    for key in ["secret\n", "secret-ä"] {
        let mut command = at(&desk, "http://127.0.0.1:1", &["stats"]);
        let message = line(2, command.env("CONVODB_API_KEY", key).output().unwrap());
        assert!(
            message.starts_with("convodb: CONVODB_API_KEY: "),
            "{message}"
        );
        assert!(message.contains("header"), "{message}");
        assert!(!message.contains("secret"), "{message}");
    }
}

#[test]
fn another_answer_is_no_backup_and_no_export() {
    let desk = Desk::new();
    let page = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 5\r\n\r\n<htm>";
    let url = answering(page);
    for command in [
        &["backup", "copy.redb"][..],
        &["backup", "-"],
        &["export"],
        &["verify"],
    ] {
        let message = line(3, run(&desk, &url, command));
        assert!(message.contains("`text/html`"), "{command:?}: {message}");
    }
    let octets = "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\n";
    let url = answering(&format!("{octets}Content-Length: 5\r\n\r\n<htm>"));
    let url_of_none = answering(&format!("{octets}Content-Length: 0\r\n\r\n"));
    for url in [url, url_of_none] {
        for file in ["copy.redb", "-"] {
            let message = line(3, run(&desk, &url, &["backup", file]));
            assert!(message.contains("is no store"), "{message}");
        }
    }
    // The end of the connection is that of the answer, or not.
    let url = answering(&format!("{octets}\r\nconvodb file\r\n\x1a\n"));
    let message = line(3, run(&desk, &url, &["backup", "copy.redb"]));
    assert!(message.contains("may be cut"), "{message}");
    let lines = "HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\n\r\n{}\n";
    let message = line(3, run(&desk, &answering(lines), &["export"]));
    assert!(message.contains("may be cut"), "{message}");
    assert!(desk.names().is_empty());
}
