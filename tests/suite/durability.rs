//! What a command acknowledged is there: after a store was dropped without being closed, and after
//! its process was killed.

use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::thread;

use convodb::prelude::*;
use convodb::{Channel, CommitSeq, Error, Filter, Inbound, MessageId, Options, PageRequest};

use convodb_testkit::child::{self, Child};
use convodb_testkit::compare;
use convodb_testkit::fixture::{clock, fill, options};
use convodb_testkit::op::contact;

#[test]
fn a_store_that_is_dropped_and_not_closed_keeps_all_that_it_acknowledged() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(FILE);
    for seed in 0..3 {
        let path = path.with_extension(seed.to_string());
        let clock = clock();
        let store = options(&clock).open(&path).unwrap();
        let model = fill(&store, &clock, seed, 60);
        drop(store);
        let store = options(&clock).create(false).open(&path).unwrap();
        compare::everything(&store, &model);
        compare::sound(&store, &model);
    }
}

/// The two channels that each transaction of a child writes to.
const PAIR: [Channel; 2] = [Channel::Whatsapp, Channel::Webchat];

/// Receives a message on each of the two channels, both or none.
fn receive_pair(store: &Store, number: u8) -> [MessageId; 2] {
    let receive = |tx: &convodb::Transaction<'_>, channel| {
        let inbound = Inbound::text(contact(number % 6), channel, number.to_string());
        tx.receive(inbound).map(|outcome| outcome.value.id)
    };
    let [first, second] = PAIR;
    store
        .transaction(|tx| Ok::<_, Error>([receive(tx, first)?, receive(tx, second)?]))
        .unwrap()
}

/// The child's part: more than the parent waits for, and not without an end.
fn receive_until_killed(path: &str, compacts: bool) {
    let store = Store::open(path).unwrap();
    for round in 0..1_000_u16 {
        let [first, second] = receive_pair(&store, (round % 251) as u8);
        child::say(&format!("{first} {second}"));
        if compacts && round % 3 == 2 {
            store.compact().unwrap();
        }
    }
    child::wait_for_parent();
}

/// Each acknowledged message is there, and no transaction is there by half.
fn check_kept(store: &Store, acknowledged: &[[MessageId; 2]]) {
    assert!(store.verify().unwrap().is_clean());
    let stored = PAIR.map(|channel| {
        let ids = store
            .list(&Filter::all().channel(channel), PageRequest::default())
            .unwrap()
            .data
            .into_iter()
            .map(|row| row.id);
        let messages: Vec<MessageId> = ids
            .flat_map(|id| store.transcript(id).unwrap().messages)
            .map(|message| message.id)
            .collect();
        messages
    });
    assert_eq!(stored[0].len(), stored[1].len(), "half a transaction");
    for pair in acknowledged {
        for (id, stored) in pair.iter().zip(&stored) {
            assert!(stored.contains(id), "{id} was acknowledged and is lost");
        }
    }
    assert!(store.commit_seq().unwrap().get() >= acknowledged.len() as u64);
}

fn names(directory: &Path) -> Vec<OsString> {
    let entries = fs::read_dir(directory).unwrap();
    entries.map(|entry| entry.unwrap().file_name()).collect()
}

/// When to kill a child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Moment {
    AtOnce,
    /// While there is a packed copy that is not finished yet.
    Compacting,
}

impl Moment {
    fn wait(self, directory: &Path, known: &[OsString]) {
        let begun = || {
            let new = |name: &OsString| name != FILE && !known.contains(name);
            names(directory).iter().any(new)
        };
        // Bounded, as a child that has ended begins nothing any more.
        for _look in 0..1_000_000 {
            if self == Self::AtOnce || begun() {
                return;
            }
            thread::yield_now();
        }
    }
}

const FILE: &str = "inbox.redb";

/// Kills a child three times on one file, after it acknowledged more and more.
fn check_survives_kills(test: &str, moment: Moment) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(FILE);
    let mut acknowledged = Vec::new();
    for heard in [1, 20, 60] {
        // What an earlier child left half made may be there.
        let known = names(directory.path());
        let mut child = Child::start(module_path!(), test, path.to_str().unwrap());
        let before = acknowledged.len();
        loop {
            if acknowledged.len() == before + heard {
                moment.wait(directory.path(), &known);
                child.kill();
            }
            // What it said before it was killed is still to be heard.
            let Some(line) = child.hear() else { break };
            let (first, second) = line.split_once(' ').unwrap();
            acknowledged.push([first.parse().unwrap(), second.parse().unwrap()]);
        }
        assert!(acknowledged.len() >= before + heard, "the child gave up");
        let store = Options::new().create(false).open(&path).unwrap();
        check_kept(&store, &acknowledged);
    }
}

#[test]
fn a_killed_process_loses_nothing_that_it_acknowledged() {
    const TEST: &str = "a_killed_process_loses_nothing_that_it_acknowledged";
    if let Some(path) = child::role() {
        receive_until_killed(&path, false);
        return;
    }
    check_survives_kills(TEST, Moment::AtOnce);
}

#[test]
fn a_process_that_is_killed_while_it_compacts_loses_nothing_either() {
    const TEST: &str = "a_process_that_is_killed_while_it_compacts_loses_nothing_either";
    if let Some(path) = child::role() {
        receive_until_killed(&path, true);
        return;
    }
    check_survives_kills(TEST, Moment::Compacting);
}

#[test]
fn a_process_that_is_killed_within_a_transaction_leaves_nothing_of_it() {
    const TEST: &str = "a_process_that_is_killed_within_a_transaction_leaves_nothing_of_it";
    if let Some(path) = child::role() {
        let store = Store::open(path).unwrap();
        let [first, second] = receive_pair(&store, 1);
        let _: Result<(), Error> = store.transaction(|tx| {
            for number in 0..50 {
                tx.receive(Inbound::text(contact(number), PAIR[0], "lost"))?;
            }
            child::say(&format!("{first} {second}"));
            child::wait_for_parent();
            Ok(())
        });
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(FILE);
    let mut child = Child::start(module_path!(), TEST, path.to_str().unwrap());
    let line = child.hear().unwrap();
    child.kill();
    let (first, second) = line.split_once(' ').unwrap();
    let store = Options::new().create(false).open(&path).unwrap();
    check_kept(&store, &[[first.parse().unwrap(), second.parse().unwrap()]]);
    assert_eq!(store.stats().unwrap().messages, 2);
    assert_eq!(store.commit_seq().unwrap(), CommitSeq::new(1));
}
