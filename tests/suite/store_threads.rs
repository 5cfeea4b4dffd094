//! An import beside another command, a store that is dropped behind submitted ones, and the time to
//! live of snapshots.

use std::thread;
use std::time::Duration;

use convodb::commands::SaveAssignee;
use convodb::prelude::*;
use convodb::{
    Channel, ContactId, Conversation, ConversationId, ErrorKind, Filter, Import, Options, UserId,
};

/// A commit of `import_all` has at least this many conversations.
const AT_LEAST: u64 = 16 * 1024;

fn import(number: u64) -> Import {
    let id = ConversationId::from_parts(1_776_000_000_000, u128::from(number));
    let contact = ContactId::new(&format!("con_{number}")).unwrap();
    let at = chrono::DateTime::default();
    Import::new(Conversation::new(id, contact, Channel::Webchat, at), vec![])
}

fn alice() -> SaveAssignee {
    SaveAssignee {
        assignee: UserId::new("usr_1").unwrap().into(),
        name: "Alice".to_owned(),
    }
}

#[test]
fn a_command_that_waits_during_an_import_runs_before_the_next_commit_of_it() {
    let store = Store::in_memory().unwrap();
    let before = AT_LEAST + 200;
    store.import_all((0..before).map(import)).unwrap();

    // Without a waiting command, a commit would take as many as are there already.
    let asks = before + AT_LEAST + 100;
    let all = before + AT_LEAST + 150;
    let mut asked = None;
    let mut seen = Vec::new();
    let imports = (before..all).map(|number| {
        if number == asks {
            // On a thread of its own, as this one writes. The command waits when `submit` returns.
            let other = store.clone();
            asked = thread::spawn(move || other.submit(alice())).join().ok();
        }
        if number >= asks {
            seen.push(store.commit_seq().unwrap().get());
        }
        import(number)
    });
    store.import_all(imports).unwrap();
    let saved = asked.unwrap().wait().unwrap();
    assert!(saved.effect.created);
    assert_eq!(saved.commit.unwrap().get(), 3);

    // The one at hand still belongs to the commit that ended early. Then come its own and the other's.
    let mut expected = vec![1];
    expected.resize((all - asks) as usize, 3);
    assert_eq!(seen, expected);
}

#[test]
fn submitted_commands_run_although_their_outcomes_and_the_store_are_dropped() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("inbox.redb");
    let store = Store::open(&path).unwrap();
    for number in 0..500 {
        drop(store.submit(import(number)));
    }
    drop(store);
    let store = Store::open(&path).unwrap();
    assert_eq!(store.count(&Filter::all()).unwrap(), 500);
}

#[test]
fn an_old_snapshot_expires_and_a_younger_one_stays() {
    const TTL: Duration = Duration::from_millis(1_500);
    let store = Options::new().snapshot_ttl(TTL).open_in_memory().unwrap();
    let old = store.snapshot().unwrap();
    thread::sleep(TTL);
    let young = store.snapshot().unwrap();
    store.import(import(1)).unwrap();

    let error = old.count(&Filter::all()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::SnapshotExpired);
    assert_eq!(young.count(&Filter::all()).unwrap(), 0);
    assert_eq!(store.stats().unwrap().snapshots, 1);
    let error = old.clone().commit_seq().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::SnapshotExpired, "it stays ended");
}

#[test]
fn a_closed_snapshot_stays_closed_after_its_time_to_live() {
    const TTL: Duration = Duration::from_millis(200);
    let store = Options::new().snapshot_ttl(TTL).open_in_memory().unwrap();
    let snapshot = store.snapshot().unwrap();
    store.close().unwrap();
    thread::sleep(TTL);
    let error = snapshot.count(&Filter::all()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Closed);
}
