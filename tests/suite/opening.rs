//! A path becomes a store once, belongs to one opener at a time, and anything else that lies there
//! is a typed error.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Barrier;
use std::thread;

use convodb::prelude::*;
use convodb::{
    Channel, CommitSeq, ErrorKind, Filter, Inbound, MessageId, Options, Result, Snapshot,
};
use tempfile::TempDir;

use convodb_testkit::apply::apply;
use convodb_testkit::child::{self, Child};
use convodb_testkit::compare;
use convodb_testkit::fixture::{clock, fill, options};
use convodb_testkit::model::Model;
use convodb_testkit::op::{Address, Body, CONTACTS, Op, contact};
use convodb_testkit::plan::Text;

fn directory() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("inbox.redb");
    (directory, path)
}

fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn kind<T>(opened: Result<T>) -> Result<(), ErrorKind> {
    opened.map(drop).map_err(|error| error.kind())
}

fn hello(store: &Store, number: u8) -> MessageId {
    let inbound = Inbound::text(contact(number), Channel::Whatsapp, "Hello");
    store.receive(inbound).unwrap().value.id
}

/// A closed store, and what it holds.
fn made(path: &Path) -> Model {
    let clock = clock();
    let store = options(&clock).open(path).unwrap();
    let mut model = fill(&store, &clock, 5, 120);
    for number in 0..200 {
        let from = Address {
            contact: number % CONTACTS,
            inbox: Channel::Whatsapp.into(),
        };
        let receive = Op::Receive {
            from,
            body: Body::Text(Text::Long),
            sent_at: None,
            provider_id: None,
            reopen: true,
            more: convodb_testkit::more::More::default(),
        };
        apply(&store, &mut model, &receive).unwrap();
    }
    // A packed file holds little of what was there before.
    store.compact().unwrap();
    store.close().unwrap();
    model
}

#[test]
fn a_missing_file_is_created_with_nothing_left_beside_it_and_opens_again() {
    let (directory, path) = directory();
    let store = Store::open(&path).unwrap();
    assert_eq!(names(directory.path()), ["inbox.redb"]);
    hello(&store, 1);
    store.close().unwrap();
    let store = Options::new().create(false).open(&path).unwrap();
    assert_eq!(store.count(&Filter::all()).unwrap(), 1);
    assert_eq!(names(directory.path()), ["inbox.redb"]);
}

#[test]
fn a_store_that_was_only_created_opens_again_empty() {
    let (_directory, path) = directory();
    drop(Store::open(&path).unwrap());
    let store = Options::new().create(false).open(&path).unwrap();
    assert_eq!(store.commit_seq().unwrap(), CommitSeq::ZERO);
    assert!(store.verify().unwrap().is_clean());
}

#[test]
fn without_creating_a_missing_file_is_not_found_and_stays_missing() {
    let (directory, path) = directory();
    let opened = Options::new().create(false).open(&path);
    assert_eq!(kind(opened), Err(ErrorKind::NotFound));
    assert!(names(directory.path()).is_empty());
}

#[test]
fn in_a_missing_directory_there_is_nothing_to_open_and_nothing_is_created() {
    let (directory, _) = directory();
    let path = directory.path().join("missing").join("inbox.redb");
    assert_eq!(kind(Store::open(&path)), Err(ErrorKind::NotFound));
    let opened = Options::new().create(false).open(&path);
    assert_eq!(kind(opened), Err(ErrorKind::NotFound));
    assert!(names(directory.path()).is_empty());
}

#[test]
fn a_path_that_is_a_directory_is_an_error_and_stays_a_directory() {
    let (directory, path) = directory();
    fs::create_dir(&path).unwrap();
    assert_eq!(kind(Store::open(&path)), Err(ErrorKind::Io));
    assert_eq!(names(directory.path()), ["inbox.redb"]);
    assert!(path.is_dir());
}

#[test]
fn a_second_opening_is_locked_until_the_first_is_closed() {
    let (_directory, path) = directory();
    let first = Store::open(&path).unwrap();
    let id = hello(&first, 1);
    assert_eq!(kind(Store::open(&path)), Err(ErrorKind::Locked));
    assert_ne!(hello(&first, 1), id, "the first is not disturbed");
    first.close().unwrap();
    hello(&Store::open(&path).unwrap(), 1);
}

#[test]
fn what_is_open_in_one_process_is_locked_in_another_until_that_one_dies() {
    const TEST: &str = "what_is_open_in_one_process_is_locked_in_another_until_that_one_dies";
    if let Some(path) = child::role() {
        let store = Store::open(path).unwrap();
        hello(&store, 1);
        child::say("open");
        child::wait_for_parent();
        return;
    }
    let (_directory, path) = directory();
    let role = path.to_str().unwrap();
    let mut holder = Child::start(module_path!(), TEST, role);
    assert_eq!(holder.hear().as_deref(), Some("open"));
    assert_eq!(kind(Store::open(&path)), Err(ErrorKind::Locked));
    holder.kill();
    let store = Options::new().create(false).open(&path).unwrap();
    assert_eq!(store.count(&Filter::all()).unwrap(), 1);
    assert!(store.verify().unwrap().is_clean());
}

/// Opens as soon as the file is not open elsewhere.
fn open_in_turn(path: &Path) -> Store {
    loop {
        match Store::open(path) {
            Ok(store) => return store,
            Err(error) => assert_eq!(error.kind(), ErrorKind::Locked, "{error}"),
        }
        thread::yield_now();
    }
}

fn check_all_came_to_one_store(directory: &Path, path: &Path, openers: u64) {
    assert_eq!(names(directory), ["inbox.redb"]);
    let store = Options::new().create(false).open(path).unwrap();
    assert_eq!(store.stats().unwrap().messages, openers);
    assert!(store.verify().unwrap().is_clean());
}

#[test]
fn threads_that_race_to_create_a_store_end_with_one() {
    const THREADS: u8 = 6;
    let (directory, path) = directory();
    let barrier = Barrier::new(THREADS.into());
    thread::scope(|scope| {
        for number in 0..THREADS {
            let (barrier, path) = (&barrier, &path);
            scope.spawn(move || {
                barrier.wait();
                let store = open_in_turn(path);
                hello(&store, number);
                store.close().unwrap();
            });
        }
    });
    check_all_came_to_one_store(directory.path(), &path, THREADS.into());
}

#[test]
fn processes_that_race_to_create_a_store_end_with_one() {
    const TEST: &str = "processes_that_race_to_create_a_store_end_with_one";
    if let Some(path) = child::role() {
        child::say("ready");
        child::wait_for_parent();
        let store = open_in_turn(Path::new(&path));
        let id = hello(&store, 1);
        store.close().unwrap();
        child::say(&id.to_string());
        return;
    }
    for _round in 0..3 {
        let (directory, path) = directory();
        let role = path.to_str().unwrap();
        let mut racers: Vec<_> = (0..4)
            .map(|_| Child::start(module_path!(), TEST, role))
            .collect();
        for racer in &mut racers {
            assert_eq!(racer.hear().as_deref(), Some("ready"));
        }
        racers.iter_mut().for_each(Child::tell);
        let acknowledged: Vec<MessageId> = racers
            .iter_mut()
            .map(|racer| racer.hear().unwrap().parse().unwrap())
            .collect();
        racers.iter_mut().for_each(Child::end);
        check_all_came_to_one_store(directory.path(), &path, 4);
        let store = Store::open(&path).unwrap();
        let row = store
            .find_conversation(&contact(1), Channel::Whatsapp)
            .unwrap()
            .unwrap();
        let stored = store.transcript(row.id).unwrap().messages;
        for id in acknowledged {
            assert!(stored.iter().any(|message| message.id == id), "{id}");
        }
    }
}

/// Opens, and finds the file as it was.
fn check_refused(path: &Path, expected: &[ErrorKind]) {
    let before = fs::read(path).unwrap();
    let found = kind(Store::open(path)).expect_err("it is no store");
    assert!(expected.contains(&found), "{found:?}, not {expected:?}");
    assert_eq!(fs::read(path).unwrap(), before, "nothing is written to it");
}

#[test]
fn a_file_of_another_kind_is_not_a_store_and_stays_as_it_is() {
    let (directory, path) = directory();
    let mut sqlite = b"SQLite format 3\0".to_vec();
    sqlite.resize(8_192, 0);
    let png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
    let text = "Dear diary, ".repeat(1_000).into_bytes();
    for bytes in [vec![], vec![0], vec![0; 4_096], png, text, sqlite] {
        fs::write(&path, bytes).unwrap();
        check_refused(&path, &[ErrorKind::NotADatabase]);
        assert_eq!(names(directory.path()), ["inbox.redb"]);
    }
}

#[test]
fn a_database_of_the_same_engine_is_not_a_store_and_keeps_what_it_holds() {
    const TABLE: redb::TableDefinition<'_, &str, u64> = redb::TableDefinition::new("catalog");
    let (_directory, path) = directory();
    let foreign = redb::Database::create(&path).unwrap();
    drop(foreign);
    let opened = kind(Store::open(&path));
    assert_eq!(opened, Err(ErrorKind::NotADatabase), "an empty one");

    let foreign = redb::Database::open(&path).unwrap();
    let write = foreign.begin_write().unwrap();
    write.open_table(TABLE).unwrap().insert("jam", 3).unwrap();
    write.commit().unwrap();
    drop(foreign);
    let opened = kind(Store::open(&path));
    assert_eq!(opened, Err(ErrorKind::NotADatabase), "one of other tables");

    use redb::ReadableDatabase as _;
    let foreign = redb::Database::open(&path).unwrap();
    let read = foreign.begin_read().unwrap();
    let jam = read.open_table(TABLE).unwrap().get("jam").unwrap().unwrap();
    assert_eq!(jam.value(), 3);
}

#[test]
fn a_truncated_store_is_an_error_or_misses_nothing() {
    let (_directory, path) = directory();
    let model = made(&path);
    let whole = fs::read(&path).unwrap();
    let len = whole.len();
    let lengths = [
        1,
        9,
        64,
        100,
        320,
        4_096,
        len / 3,
        len / 2,
        len - 4_096,
        len - 1,
    ];
    for len in lengths {
        check_damaged(&path, &whole[..len], &model, &format!("cut to {len}"));
    }
}

#[test]
fn a_store_with_a_flipped_byte_is_an_error_or_misses_nothing() {
    let (_directory, path) = directory();
    let model = made(&path);
    let whole = fs::read(&path).unwrap();
    // What comes before the pages, where a byte means most, and the rest where something is written.
    let head = (0..20_480).filter(|at| whole[*at] != 0).step_by(11);
    let written: Vec<_> = (20_480..whole.len()).filter(|at| whole[*at] != 0).collect();
    let rest = written.iter().copied().step_by(written.len() / 40);
    for (number, place) in head.chain(rest).enumerate() {
        let mut damaged = whole.clone();
        damaged[place] ^= if number.is_multiple_of(2) { 0xff } else { 0x01 };
        check_damaged(&path, &damaged, &model, &format!("flipped at {place}"));
    }
}

/// Damage is a typed error of the opening or of `verify`, or has hit nothing that was held.
fn check_damaged(path: &Path, bytes: &[u8], model: &Model, what: &str) {
    fs::write(path, bytes).unwrap();
    let opened = options(&model.clock).create(false).open(path);
    let verified = opened.and_then(|store| store.verify().map(|report| (store, report)));
    match verified {
        Ok((store, report)) => {
            assert!(report.is_clean(), "{what}");
            compare::everything(&store, model);
            compare::sound(&store, model);
        }
        Err(error) => {
            let expected = [
                ErrorKind::Corrupted,
                ErrorKind::NotADatabase,
                ErrorKind::UnsupportedVersion,
            ];
            assert!(expected.contains(&error.kind()), "{what}: {error:?}");
        }
    }
}

/// All that can be asked of a store that has ended.
fn check_closed(store: &Store, snapshot: &Snapshot) {
    let closed = Err(ErrorKind::Closed);
    assert_eq!(kind(store.count(&Filter::all())), closed);
    assert_eq!(kind(store.snapshot()), closed);
    assert_eq!(kind(store.commit_seq()), closed);
    assert_eq!(kind(store.verify()), closed);
    assert_eq!(kind(store.stats()), closed);
    assert_eq!(kind(store.compact()), closed);
    assert_eq!(kind(store.reopen()), closed);
    assert_eq!(kind(store.erase_contact(&contact(1))), closed);
    assert_eq!(kind(store.clone().close()), closed);
    assert_eq!(kind(snapshot.count(&Filter::all())), closed);
}

#[test]
fn closing_ends_every_clone_snapshot_and_iterator_and_frees_the_file() {
    let (_directory, path) = directory();
    let store = Store::open(&path).unwrap();
    hello(&store, 1);
    let id = store
        .find_conversation(&contact(1), Channel::Whatsapp)
        .unwrap()
        .unwrap()
        .id;
    store.add_note(id, "Enterprise plan.").unwrap();
    let (clone, snapshot) = (store.clone(), store.snapshot().unwrap());
    let (mut messages, mut notes) = (store.messages(id, ..).unwrap(), store.notes(id).unwrap());
    store.close().unwrap();

    check_closed(&clone, &snapshot);
    let message = messages.next().map(|next| next.unwrap_err().kind());
    assert_eq!(message, Some(ErrorKind::Closed));
    assert!(messages.next().is_none(), "an iterator stays ended");
    assert!(messages.next_back().is_none(), "from both ends");
    let note = notes.next().map(|next| next.unwrap_err().kind());
    assert_eq!(note, Some(ErrorKind::Closed));
    assert!(notes.next().is_none(), "an iterator stays ended");

    let again = Store::open(&path).unwrap();
    assert_eq!(again.transcript(id).unwrap().messages.len(), 1);
    check_closed(&clone, &snapshot);
}

#[test]
fn dropping_a_clone_closes_nothing_and_dropping_the_last_frees_the_file() {
    let (_directory, path) = directory();
    let store = Store::open(&path).unwrap();
    let clone = store.clone();
    drop(store);
    hello(&clone, 1);
    assert_eq!(kind(Store::open(&path)), Err(ErrorKind::Locked));
    let snapshot = clone.snapshot().unwrap();
    let other_snapshot = snapshot.clone();
    drop(clone);

    let again = Store::open(&path).unwrap();
    assert_eq!(again.count(&Filter::all()).unwrap(), 1);
    for ended in [snapshot, other_snapshot] {
        assert_eq!(kind(ended.count(&Filter::all())), Err(ErrorKind::Closed));
    }
}

#[test]
fn stores_in_memory_are_apart_from_each_other_and_gone_when_dropped() {
    let (one, other) = (Store::in_memory().unwrap(), Store::in_memory().unwrap());
    hello(&one, 1);
    assert_eq!(other.count(&Filter::all()).unwrap(), 0);
    let snapshot = one.snapshot().unwrap();
    drop(one);
    assert_eq!(kind(snapshot.count(&Filter::all())), Err(ErrorKind::Closed));
}
