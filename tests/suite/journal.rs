//! The journal beside the file: what is in it alone is applied at the next opening, whole, or the
//! opening says why not; and it is gone once nothing is.

mod checkpoints;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use convodb::prelude::*;
use convodb::{Channel, ConversationId, Durability, ErrorKind, Inbound, Options};
use tempfile::TempDir;

use convodb_testkit::compare;
use convodb_testkit::fixture::{clock, crowd, fill, options};
use convodb_testkit::harness::disk::{Image, MemoryDisk};
use convodb_testkit::op::contact;

const STORE: &str = "/inbox.redb";
const JOURNAL: &str = "/inbox.redb-journal";

fn open(disk: &MemoryDisk) -> convodb::Result<Store> {
    options(&clock()).disk(Arc::new(disk.clone())).open(STORE)
}

fn receive(store: &Store, number: u8, text: &str) -> convodb::Result<ConversationId> {
    let inbound = Inbound::text(contact(number), Channel::Whatsapp, text);
    store
        .receive(inbound)
        .map(|received| received.value.conversation_id)
}

/// A disk as a crash of the process leaves it, after these messages, each a commit of its own.
fn crashed(messages: u8) -> Image {
    let disk = MemoryDisk::default();
    let store = open(&disk).unwrap();
    for number in 0..messages {
        receive(&store, number, "Hello").unwrap();
    }
    disk.image()
}

fn journal(image: &Image) -> Vec<u8> {
    image.read(Path::new(JOURNAL)).unwrap().to_vec()
}

/// The same disk with another journal on it, or none.
fn with_journal(mut image: Image, bytes: Option<Vec<u8>>) -> Image {
    let file = image.names.remove(Path::new(JOURNAL));
    if let Some(bytes) = bytes {
        let file = file.unwrap_or(image.files.len());
        image
            .files
            .resize(image.files.len().max(file + 1), Arc::default());
        image.files[file] = Arc::new(bytes);
        image.names.insert(PathBuf::from(JOURNAL), file);
    }
    image
}

fn reopened(image: Image) -> convodb::Result<u64> {
    let disk = MemoryDisk::of(image);
    let store = open(&disk)?;
    let messages = store.stats()?.messages;
    assert!(store.verify()?.is_clean());
    store.close()?;
    assert_eq!(disk.image().names.len(), 1, "a clean close leaves one file");
    assert_eq!(open(&disk)?.stats()?.messages, messages);
    Ok(messages)
}

fn refused(image: Image) -> ErrorKind {
    let disk = MemoryDisk::of(image.clone());
    let kind = open(&disk).unwrap_err().kind();
    assert_eq!(
        disk.image().read(Path::new(JOURNAL)),
        image.read(Path::new(JOURNAL)),
        "what is refused stays"
    );
    kind
}

#[test]
fn what_a_crash_left_in_the_journal_is_recovered_by_the_next_opening() {
    let disk = MemoryDisk::default();
    let clock = clock();
    let store = options(&clock)
        .disk(Arc::new(disk.clone()))
        .open(STORE)
        .unwrap();
    let mut model = fill(&store, &clock, 5, 120);
    crowd(&store, &mut model, 20);
    let stats = store.stats().unwrap();
    assert!(stats.journal_commands > 0, "{stats:?}");
    assert!(stats.journal_bytes > 0 && stats.last_sync.is_some());

    let left = MemoryDisk::of(disk.image());
    let store = options(&clock)
        .disk(Arc::new(left.clone()))
        .open(STORE)
        .unwrap();
    compare::everything(&store, &model);
    compare::sound(&store, &model);
    assert_eq!(store.commit_seq().unwrap(), stats.commit_seq);
    assert_eq!(left.image().names.len(), 1, "all of it is in the file");
}

#[test]
fn a_journal_of_more_records_than_are_applied_at_once_is_applied_whole() {
    const MESSAGES: u64 = 2_500;
    let disk = MemoryDisk::default();
    let store = options(&clock())
        .disk(Arc::new(disk.clone()))
        .checkpoint_commands(u64::MAX)
        .open(STORE)
        .unwrap();
    for number in 0..MESSAGES {
        receive(&store, (number % 7) as u8, "Hello").unwrap();
    }
    // The first began the journal.
    assert_eq!(store.stats().unwrap().journal_commands, MESSAGES - 1);
    assert_eq!(reopened(disk.image()).unwrap(), MESSAGES);
}

#[test]
fn a_store_that_is_closed_or_dropped_leaves_one_file() {
    for closes in [true, false] {
        let directory = TempDir::new().unwrap();
        let path = directory.path().join("inbox.redb");
        let store = Store::open(&path).unwrap();
        let names = || fs::read_dir(directory.path()).unwrap().count();
        assert_eq!(names(), 1, "there is no journal before the first command");
        receive(&store, 1, "Hello").unwrap();
        receive(&store, 2, "Hello").unwrap();
        assert_eq!(names(), 2);
        let snapshot = store.snapshot().unwrap();
        if closes {
            store.close().unwrap();
        } else {
            drop(store);
        }
        assert_eq!(names(), 1);
        drop(snapshot);
        assert_eq!(Store::open(&path).unwrap().stats().unwrap().messages, 2);
    }
}

#[test]
fn no_journal_is_made_where_commits_are_direct() {
    let disk = MemoryDisk::default();
    let direct = |disk: &MemoryDisk| {
        let options = options(&clock()).disk(Arc::new(disk.clone()));
        options.durability(Durability::Direct).open(STORE).unwrap()
    };
    let store = direct(&disk);
    receive(&store, 1, "Hello").unwrap();
    assert_eq!(disk.image().names.len(), 1);
    assert_eq!(reopened(disk.image()).unwrap(), 1);

    // One that a crash left is applied all the same.
    let left = MemoryDisk::of(crashed(5));
    assert_eq!(direct(&left).stats().unwrap().messages, 5);
}

#[test]
fn a_journal_that_is_missing_or_of_another_store_or_newer_is_refused() {
    let image = crashed(5);
    assert_eq!(reopened(image.clone()).unwrap(), 5);
    assert_eq!(
        refused(with_journal(image.clone(), None)),
        ErrorKind::WrongJournal
    );

    let other = {
        let disk = MemoryDisk::default();
        let store = Options::new()
            .disk(Arc::new(disk.clone()))
            .open(STORE)
            .unwrap();
        for number in 0..4 {
            receive(&store, number, "Hello").unwrap();
        }
        disk.image()
    };
    let foreign = with_journal(image.clone(), Some(journal(&other)));
    assert_eq!(refused(foreign), ErrorKind::WrongJournal);

    let mut newer = journal(&image);
    newer[16] = 2;
    let newer = with_journal(image.clone(), Some(newer));
    assert_eq!(refused(newer), ErrorKind::UnsupportedVersion);
}

#[test]
fn a_journal_of_another_store_beside_a_closed_one_is_refused_unless_it_holds_nothing() {
    let left = crashed(5);
    let closed = {
        let disk = MemoryDisk::default();
        let store = Options::new()
            .disk(Arc::new(disk.clone()))
            .open(STORE)
            .unwrap();
        receive(&store, 1, "Hello").unwrap();
        store.close().unwrap();
        disk.image()
    };
    let beside = with_journal(closed.clone(), Some(journal(&left)));
    assert_eq!(refused(beside), ErrorKind::WrongJournal);
    let text = with_journal(closed.clone(), Some(vec![b'x'; 5_000]));
    assert_eq!(refused(text), ErrorKind::WrongJournal);

    // Left by a crash while it was made: with its header, or without.
    let mut empty = journal(&left);
    empty[4096..].fill(0);
    assert_eq!(
        reopened(with_journal(closed.clone(), Some(empty.clone()))).unwrap(),
        1
    );
    empty.fill(0);
    assert_eq!(
        reopened(with_journal(closed.clone(), Some(empty))).unwrap(),
        1
    );
    assert_eq!(reopened(with_journal(closed, Some(Vec::new()))).unwrap(), 1);
}

/// The records of a journal, by where they begin.
fn places(bytes: &[u8]) -> Vec<usize> {
    let mark = &bytes[4096..4100];
    (4096..bytes.len())
        .filter(|at| bytes[*at..].starts_with(mark))
        .collect()
}

#[test]
fn a_journal_with_any_byte_damaged_is_refused_or_lacks_its_last_record_alone() {
    let messages = 4;
    let image = crashed(messages);
    let bytes = journal(&image);
    let places = places(&bytes);
    // The first commit is durable in the file: it says which journal counts.
    assert_eq!(places.len(), usize::from(messages) - 1);
    let last = *places.last().unwrap();
    let end = bytes.iter().rposition(|byte| *byte != 0).unwrap() + 1;
    let (mut torn, mut corrupted) = (0, 0);
    for at in (0..40).chain(4096..end) {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1 << (at % 8);
        let disk = MemoryDisk::of(with_journal(image.clone(), Some(damaged)));
        match open(&disk).map(|store| store.stats().unwrap().messages) {
            Ok(held) if held == u64::from(messages) => {
                panic!("byte {at} is not needed, and not checked");
            }
            Ok(held) => {
                assert_eq!(held, u64::from(messages) - 1, "byte {at}");
                assert!(at >= last, "byte {at} of {last} is not in the last record");
                torn += 1;
            }
            Err(error) => {
                let kind = error.kind();
                let expected = match at {
                    16..20 => matches!(kind, ErrorKind::UnsupportedVersion | ErrorKind::Corrupted),
                    _ => kind == ErrorKind::Corrupted,
                };
                assert!(expected, "byte {at}: {error}");
                corrupted += 1;
            }
        }
    }
    assert!(torn > 0 && corrupted > 0);
}

#[test]
fn a_journal_that_is_cut_anywhere_is_refused_or_lacks_what_was_cut() {
    let image = crashed(4);
    let bytes = journal(&image);
    let places = places(&bytes);
    for len in (0..bytes.len().min(6_000)).step_by(7) {
        let cut = with_journal(image.clone(), Some(bytes[..len].to_vec()));
        let whole = places.iter().skip(1).filter(|at| **at <= len).count();
        match open(&MemoryDisk::of(cut)) {
            Ok(store) => {
                let held = store.stats().unwrap().messages;
                assert!(held > whole as u64 && held <= 4, "{held} at {len}");
            }
            Err(error) => {
                assert!(len < 40, "{error} at {len}");
                assert_eq!(error.kind(), ErrorKind::Corrupted);
            }
        }
    }
}

#[test]
fn erasing_a_contact_leaves_nothing_of_it_in_the_journal() {
    const SECRET: &str = "my card is 4111";
    let disk = MemoryDisk::default();
    let store = open(&disk).unwrap();
    let holds = |image: &Image| {
        let bytes = journal(image);
        bytes
            .windows(SECRET.len())
            .any(|at| at == SECRET.as_bytes())
    };
    receive(&store, 2, "Hello").unwrap();
    receive(&store, 1, SECRET).unwrap();
    assert!(holds(&disk.image()));
    store.erase_contact(&contact(1)).unwrap();
    assert!(!holds(&disk.image()));
    receive(&store, 2, "Still there?").unwrap();
    assert_eq!(reopened(disk.image()).unwrap(), 2);
}

#[test]
fn a_backup_has_no_journal_and_takes_no_name_beside_one() {
    let disk = MemoryDisk::default();
    let store = open(&disk).unwrap();
    for number in 0..3 {
        receive(&store, number, "Hello").unwrap();
    }
    store.backup("/copy.redb").unwrap();
    assert_eq!(disk.image().names.len(), 3);
    let copy = options(&clock())
        .disk(Arc::new(disk.clone()))
        .open("/copy.redb")
        .unwrap();
    assert_eq!(copy.stats().unwrap().messages, 3);
    copy.close().unwrap();

    let mut image = disk.image();
    let file = image.names[Path::new(JOURNAL)];
    image
        .names
        .insert(PathBuf::from("/other.redb-journal"), file);
    let store = open(&MemoryDisk::of(image)).unwrap();
    let taken = store.backup("/other.redb").unwrap_err();
    assert_eq!(taken.kind(), ErrorKind::AlreadyExists);
}

#[test]
fn compacting_and_repairing_leave_nothing_in_the_journal_alone() {
    for compacts in [true, false] {
        let disk = MemoryDisk::default();
        let store = open(&disk).unwrap();
        for number in 0..3 {
            receive(&store, number, "Hello").unwrap();
        }
        if compacts {
            store.compact().unwrap();
        } else {
            assert!(store.repair().unwrap().is_clean());
        }
        receive(&store, 4, "Hello").unwrap();
        receive(&store, 5, "Hello").unwrap();
        assert_eq!(reopened(disk.image()).unwrap(), 5);
    }
}

#[test]
fn what_the_journal_cannot_hold_is_committed_to_the_file() {
    let disk = MemoryDisk::default();
    let store = open(&disk).unwrap();
    receive(&store, 1, "Hello").unwrap();
    receive(&store, 2, "Hello").unwrap();
    assert!(store.stats().unwrap().journal_bytes > 0);
    store
        .transaction(|tx| {
            for _ in 0..40 {
                let text = "x".repeat(60_000);
                tx.receive(Inbound::text(contact(3), Channel::Whatsapp, text))?;
            }
            Ok::<_, convodb::Error>(())
        })
        .unwrap();
    assert_eq!(store.stats().unwrap().journal_bytes, 0);
    receive(&store, 4, "Hello").unwrap();
    assert_eq!(reopened(disk.image()).unwrap(), 43);
}

#[test]
fn the_journal_does_not_grow_without_bound() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("inbox.redb");
    let store = Store::open(&path).unwrap();
    let mut longest = 0;
    for number in 0..1_300_u32 {
        receive(&store, (number % 7) as u8, &"long ".repeat(10_000)).unwrap();
        // They walk the pages of the file.
        if number % 20 == 0 {
            longest = longest.max(store.stats().unwrap().journal_bytes);
        }
    }
    // A checkpoint is due at 4 MiB, and waited for at 12; meanwhile the one before may be under way.
    let journal = fs::metadata(path.with_extension("redb-journal")).unwrap();
    assert!((4 << 20..26 << 20).contains(&longest), "{longest}");
    assert!(journal.len() <= 33 << 20, "{}", journal.len());

    let store = options(&clock())
        .checkpoint_commands(50)
        .open(directory.path().join("other.redb"))
        .unwrap();
    for number in 0..1_300_u32 {
        receive(&store, (number % 7) as u8, "short").unwrap();
        if number % 20 == 0 {
            let commands = store.stats().unwrap().journal_commands;
            assert!(commands <= 300, "{commands}");
        }
    }
}
