//! Waiting for a file that is open elsewhere, and who has it.

use std::thread;
use std::time::{Duration, Instant};

use convodb::Details;
use convodb_testkit::child::{self, Child};

use super::*;

/// What an error of a file that is locked names as its holder.
fn holder(opened: convodb::Result<Store>) -> u32 {
    let error = opened.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Locked);
    assert!(error.is_retryable() && error.is_unchanged());
    let Details::Process(process) = *error.details() else {
        panic!("{:?}", error.details());
    };
    match process == std::process::id() {
        true => assert!(error.to_string().contains("in this process"), "{error}"),
        false => assert!(error.to_string().contains(&process.to_string()), "{error}"),
    }
    process
}

#[test]
fn an_opening_waits_for_the_file_until_its_timeout_has_passed() {
    const SHORT: Duration = Duration::from_millis(60);
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("inbox.redb");
    let store = Store::open(&path).unwrap();
    for read_only in [false, true] {
        let waits = || Store::options().read_only(read_only);
        let begun = Instant::now();
        let error = waits().open(&path).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Locked);
        let error = waits().lock_timeout(SHORT).open(&path).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Locked);
        assert!(begun.elapsed() >= SHORT);
    }
    store.close().unwrap();
    for timeout in [Duration::from_secs(600), Duration::MAX] {
        let held = Store::open(&path).unwrap();
        let opened = thread::scope(|scope| {
            let opens = || Store::options().lock_timeout(timeout).open(&path);
            let waits = scope.spawn(opens);
            held.close().unwrap();
            waits.join().unwrap()
        });
        receive(&opened.unwrap(), 1);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn the_error_of_a_locked_file_names_the_process_that_has_it() {
    const TEST: &str = "the_error_of_a_locked_file_names_the_process_that_has_it";
    if let Some(role) = child::role() {
        let (how, path) = role.split_once(' ').unwrap();
        let options = Store::options().read_only(how == "reads");
        let _store = options.open(path).unwrap();
        child::say(&std::process::id().to_string());
        child::wait_for_parent();
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("inbox.redb");
    let store = Store::open(&path).unwrap();
    assert_eq!(holder(Store::open(&path)), std::process::id());
    store.close().unwrap();
    for how in ["writes", "reads"] {
        let role = format!("{how} {}", path.display());
        let mut other = Child::start(module_path!(), TEST, &role);
        let process: u32 = other.hear().unwrap().parse().unwrap();
        assert_eq!(holder(Store::open(&path)), process);
        let program = std::fs::read_to_string(format!("/proc/{process}/comm")).unwrap();
        let message = Store::open(&path).unwrap_err().to_string();
        let named = format!("in process {process} ({})", program.trim());
        assert!(message.ends_with(&named), "{message}");
        let reads = Store::options().read_only(true).open(&path);
        match how {
            "writes" => assert_eq!(holder(reads), process),
            _ => drop(reads.unwrap()),
        }
        other.kill();
    }
    receive(&Store::open(&path).unwrap(), 1);
}
