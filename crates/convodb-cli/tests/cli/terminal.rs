//! On a terminal: progress bars and colours.

use std::io::Read as _;

use pty_process::Size;
use pty_process::blocking::{Command, open};

use super::Desk;

/// The output of a command on a terminal of 80 columns.
pub(super) fn shown(desk: &Desk, arguments: &[&str]) -> String {
    shown_of(env!("CARGO_BIN_EXE_convodb"), desk, arguments)
}

pub(super) fn shown_of(program: &str, desk: &Desk, arguments: &[&str]) -> String {
    let (mut terminal, side) = open().unwrap();
    terminal.resize(Size::new(24, 80)).unwrap();
    let mut process = Command::new(program)
        .args(arguments)
        .current_dir(desk.path("."))
        .env("TERM", "xterm-256color")
        .env_remove("NO_COLOR")
        .spawn(side)
        .unwrap();
    let mut bytes = Vec::new();
    let mut some = [0; 4096];
    // At the end some systems return an error.
    while let Ok(read @ 1..) = terminal.read(&mut some) {
        bytes.extend_from_slice(&some[..read]);
    }
    assert!(process.wait().unwrap().success());
    String::from_utf8_lossy(&bytes).into_owned()
}

#[test]
fn a_bar_is_drawn_on_a_terminal_and_removed_at_the_end() {
    let desk = Desk::with(2_000, "one.redb");
    std::fs::write(desk.path("one.ndjson"), desk.ok(&["export", "one.redb"])).unwrap();
    let import = shown(&desk, &["import", "one.ndjson", "two.redb"]);
    let (bar, answer) = import.split_once("imported 2,000").unwrap();
    assert!(bar.contains("importing") && bar.contains('█'), "{import}");
    assert!(bar.contains("\u{1b}["), "{import}");
    assert!(!answer.contains("importing"), "{import}");
    let generated = shown(&desk, &["generate", "--size", "2000", "three.redb"]);
    assert!(generated.contains("generating"), "{generated}");
}

#[test]
fn a_table_is_coloured_and_fits_the_terminal() {
    let desk = Desk::with(30, "one.redb");
    let list = shown(&desk, &["list", "one.redb", "--status", "all"]);
    assert!(list.contains("\u{1b}[1m"), "{list}");
    let rule = list.lines().find(|line| line.contains('─')).unwrap();
    assert!(rule.chars().filter(|c| *c == '─').count() <= 80, "{rule}");
}
