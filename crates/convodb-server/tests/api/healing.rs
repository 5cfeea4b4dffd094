//! A disk that fails, and is well again.

use std::process::Command;

use crate::server::{Home, KEY, Server, until};
use crate::workspace::is_file;

/// Notes of 60 KB until one is refused: how many were taken.
fn fill(server: &Server, notes: &str) -> usize {
    let body = format!(r#"{{"content":"{}"}}"#, "x".repeat(60_000));
    for taken in 0..2_000 {
        let answer = server.post(notes, &body);
        if answer.status != 201 {
            answer.refused(503, "unavailable", "");
            assert_eq!(answer.header("retry-after"), Some("1"));
            return taken;
        }
    }
    panic!("the limit of the file's size does not hold");
}

#[test]
fn a_store_that_could_not_be_written_goes_on_once_it_can_be() {
    if !is_file("it limits the size of the store's file") {
        return;
    }
    let home = Home::new();
    let args = ["--listen", "127.0.0.1:0", "--api-key", KEY];
    let server = home.command(&args);
    // No file may grow beyond this many KiB; without the trap the system would end the process.
    let mut limited = Command::new("bash");
    limited.args(["-c", "trap '' XFSZ; ulimit -S -f 32768; exec \"$0\" \"$@\""]);
    limited.arg(server.get_program()).args(server.get_args());
    let server = Server::start(limited);
    let id = server.conversation("con_1");
    let notes = format!("/v1/conversations/{id}/notes");
    let taken = fill(&server, &notes);
    server.await_log("the store failed");
    // While the store is being reopened, it is not read either.
    until(|| (server.get(&notes).status == 200).then_some(()));

    let pid = server.id().to_string();
    let raised = Command::new("prlimit")
        .args(["--pid", &pid, "--fsize=unlimited"])
        .status();
    assert!(raised.unwrap().success());
    let note = until(|| {
        let answer = server.post(&notes, r#"{"content":"Well again."}"#);
        (answer.status == 201).then_some(answer)
    });
    note.expect(201);
    until(|| (server.curl_as_it_is("/healthz", &[]).status == 200).then_some(()));
    // All that was taken, and perhaps the one whose outcome was unknown.
    let total = server.get(&notes).expect(200)["total"].as_u64().unwrap();
    let taken = taken as u64 + 1;
    assert!((taken..=taken + 1).contains(&total), "{total} of {taken}");
    server.stop();
}
