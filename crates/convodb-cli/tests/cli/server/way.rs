//! What the way to a server does: answers that are lost, other servers in its place, and lines that are too large.

use std::process::{Command, Output};

use super::{Desk, line, on_server};

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
