//! What the way to a server does: answers that are lost, other servers in its place, and lines that are too large.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::process::{Command, Output};
use std::thread;

use super::{Desk, line, on_server};

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

fn at(desk: &Desk, url: &str, arguments: &[&str]) -> Command {
    let mut command = desk.command(&["--server", url]);
    on_server(&mut command);
    command.args(arguments);
    command
}

fn run(desk: &Desk, url: &str, arguments: &[&str]) -> Output {
    at(desk, url, arguments).output().unwrap()
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
