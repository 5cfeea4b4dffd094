//! The write-ahead log: what a crash left in it is recovered whole, or the opening says why not.

mod checkpoints;

use std::fs;
use std::path::Path;
use std::sync::Arc;

use convodb::prelude::*;
use convodb::{Channel, ConversationId, ErrorKind, Inbound, Options};
use tempfile::TempDir;

use convodb_testkit::compare;
use convodb_testkit::fixture::{WAL_BYTES, clock, crowd, fill, options};
use convodb_testkit::harness::disk::{Image, MemoryDisk};
use convodb_testkit::op::contact;

const STORE: &str = "/inbox.redb";

/// Where the log begins in the file.
const START: usize = 2 * 4096;
const HEADER_BYTES: usize = 32;

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
    // So that all of them are in the log.
    let options = options(&clock()).checkpoint_commands(u64::MAX);
    let store = options.disk(Arc::new(disk.clone())).open(STORE).unwrap();
    for number in 0..messages {
        receive(&store, number, "Hello").unwrap();
    }
    disk.image()
}

fn log(image: &Image) -> Vec<u8> {
    let file = image.read(Path::new(STORE)).unwrap();
    file[START..START + WAL_BYTES as usize].to_vec()
}

/// The same disk with another log in the file.
fn with_log(mut image: Image, log: &[u8]) -> Image {
    let file = image.names[Path::new(STORE)];
    let mut bytes = image.files[file].to_vec();
    bytes[START..START + log.len()].copy_from_slice(log);
    image.files[file] = Arc::new(bytes);
    image
}

/// Where the records begin in a log that has not gone around, and where the last one ends.
fn places(log: &[u8]) -> Vec<usize> {
    let mut places = vec![0];
    let mut at = 0;
    while log[at..at + 4] != [0; 4] {
        let payload = u32::from_le_bytes(log[at + 4..at + 8].try_into().unwrap());
        at += (HEADER_BYTES + payload as usize).next_multiple_of(32);
        places.push(at);
    }
    places
}

fn reopened(image: Image) -> convodb::Result<u64> {
    let disk = MemoryDisk::of(image);
    let store = open(&disk)?;
    let messages = store.stats()?.messages;
    assert!(store.verify()?.is_clean());
    store.close()?;
    assert_eq!(disk.image().names.len(), 1);
    assert_eq!(open(&disk)?.stats()?.messages, messages);
    Ok(messages)
}

fn refused(image: Image) -> ErrorKind {
    let disk = MemoryDisk::of(image.clone());
    let kind = open(&disk).unwrap_err().kind();
    assert_eq!(log(&disk.image()), log(&image), "what is refused stays");
    kind
}

#[test]
fn the_commits_that_a_crash_left_in_the_log_are_recovered() {
    let disk = MemoryDisk::default();
    let clock = clock();
    let store = options(&clock)
        .disk(Arc::new(disk.clone()))
        .open(STORE)
        .unwrap();
    let mut model = fill(&store, &clock, 5, 120);
    crowd(&store, &mut model, 20);
    let stats = store.stats().unwrap();
    assert!(stats.wal_commands > 0, "{stats:?}");
    assert!(stats.wal_bytes > 0 && stats.last_sync.is_some());

    let left = MemoryDisk::of(disk.image());
    let store = options(&clock).disk(Arc::new(left)).open(STORE).unwrap();
    compare::everything(&store, &model);
    compare::sound(&store, &model);
    assert_eq!(store.commit_seq().unwrap(), stats.commit_seq);
}

#[test]
fn a_log_of_many_records_is_recovered_whole() {
    const MESSAGES: u64 = 2_500;
    let disk = MemoryDisk::default();
    let store = options(&clock())
        .disk(Arc::new(disk.clone()))
        .wal_size(4 << 20)
        .checkpoint_commands(u64::MAX)
        .open(STORE)
        .unwrap();
    for number in 0..MESSAGES {
        receive(&store, (number % 7) as u8, "Hello").unwrap();
    }
    assert_eq!(store.stats().unwrap().wal_commands, MESSAGES);
    assert_eq!(reopened(disk.image()).unwrap(), MESSAGES);
}

#[test]
fn a_log_that_goes_around_many_times_loses_nothing() {
    let disk = MemoryDisk::default();
    let store = options(&clock())
        .disk(Arc::new(disk.clone()))
        .wal_size(64 << 10)
        .checkpoint_commands(u64::MAX)
        .open(STORE)
        .unwrap();
    let mut longest = 0;
    for number in 0..2_000_u64 {
        receive(
            &store,
            (number % 7) as u8,
            &"Hello ".repeat(1 + number as usize % 50),
        )
        .unwrap();
        if number % 50 == 0 {
            longest = longest.max(store.stats().unwrap().wal_bytes);
            assert_eq!(reopened(disk.image()).unwrap(), number + 1);
        }
    }
    assert!((16 << 10..64 << 10).contains(&longest), "{longest}");
    assert_eq!(reopened(disk.image()).unwrap(), 2_000);
}

#[test]
fn a_store_is_one_file_whenever_it_is_open_closed_or_dropped() {
    for closes in [true, false] {
        let directory = TempDir::new().unwrap();
        let path = directory.path().join("inbox.redb");
        let store = Store::open(&path).unwrap();
        let names = || fs::read_dir(directory.path()).unwrap().count();
        assert_eq!(names(), 1);
        receive(&store, 1, "Hello").unwrap();
        receive(&store, 2, "Hello").unwrap();
        assert_eq!(names(), 1);
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
fn a_copy_of_an_open_store_s_file_has_what_was_acknowledged() {
    let image = crashed(5);
    assert_eq!(reopened(image).unwrap(), 5);
}

#[test]
fn the_log_of_another_store_is_not_replayed() {
    let other = {
        let disk = MemoryDisk::default();
        let options = Options::new().wal_size(WAL_BYTES);
        let store = options.disk(Arc::new(disk.clone())).open(STORE).unwrap();
        for number in 0..4 {
            receive(&store, number, "Hello").unwrap();
        }
        disk.image()
    };
    let foreign = with_log(crashed(5), &log(&other));
    assert_eq!(reopened(foreign).unwrap(), 0);
}

#[test]
fn a_log_with_any_byte_damaged_is_refused_or_lacks_its_last_record_alone() {
    let messages = 4;
    let image = crashed(messages);
    let bytes = log(&image);
    let places = places(&bytes);
    assert_eq!(places.len(), usize::from(messages) + 1);
    let (last, end) = (
        places[usize::from(messages) - 1],
        places[usize::from(messages)],
    );
    let (mut torn, mut corrupted) = (0, 0);
    for at in 0..end {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1 << (at % 8);
        let disk = MemoryDisk::of(with_log(image.clone(), &damaged));
        match open(&disk).map(|store| store.stats().unwrap().messages) {
            Ok(held) if held == u64::from(messages) => {
                // What aligns the next record.
                let payload = places.iter().rev().find(|place| **place <= at).unwrap() + 4;
                let len = u32::from_le_bytes(bytes[payload..payload + 4].try_into().unwrap());
                let padding = payload - 4 + HEADER_BYTES + len as usize;
                assert!(at >= padding, "byte {at} is not needed, and not checked");
            }
            Ok(held) => {
                assert_eq!(held, u64::from(messages) - 1, "byte {at}");
                assert!(at >= last, "byte {at} of {last} is not in the last record");
                torn += 1;
            }
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Corrupted, "byte {at}: {error}");
                assert!(error.to_string().contains("commits"), "{error}");
                corrupted += 1;
            }
        }
    }
    assert!(torn > 0 && corrupted > 0);
}

#[test]
fn a_log_that_ends_anywhere_lacks_what_was_behind() {
    let image = crashed(4);
    let bytes = log(&image);
    let places = places(&bytes);
    for len in (0..*places.last().unwrap()).step_by(7) {
        let mut cut = bytes.clone();
        cut[len..].fill(0);
        let whole = places.iter().skip(1).filter(|at| **at <= len).count();
        let held = reopened(with_log(image.clone(), &cut)).unwrap();
        // What aligns the next record is zero as it is.
        assert!(
            (whole as u64..=whole as u64 + 1).contains(&held),
            "{held} at {len}"
        );
    }
}

#[test]
fn erasing_a_contact_leaves_nothing_of_it_in_the_log() {
    const SECRET: &str = "my card is 4111";
    let disk = MemoryDisk::default();
    let store = open(&disk).unwrap();
    let holds = |image: &Image| {
        let bytes = log(image);
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
fn a_backup_contains_what_is_in_the_log_and_goes_on_with_the_same_commits() {
    let disk = MemoryDisk::default();
    let store = open(&disk).unwrap();
    for number in 0..3 {
        receive(&store, number, "Hello").unwrap();
    }
    store.backup("/copy.redb").unwrap();
    assert_eq!(disk.image().names.len(), 2);
    let copy = options(&clock())
        .disk(Arc::new(disk.clone()))
        .open("/copy.redb")
        .unwrap();
    assert_eq!(copy.stats().unwrap().messages, 3);
    assert_eq!(copy.commit_seq().unwrap(), store.commit_seq().unwrap());
    receive(&copy, 4, "Hello").unwrap();
    let mut left = disk.image();
    let file = left.names.remove(Path::new("/copy.redb")).unwrap();
    left.names.insert(STORE.into(), file);
    assert_eq!(reopened(left).unwrap(), 4);
}

#[test]
fn compacting_and_repairing_lose_nothing_of_the_log() {
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
        assert_eq!(reopened(disk.image()).unwrap(), 3);
        receive(&store, 4, "Hello").unwrap();
        receive(&store, 5, "Hello").unwrap();
        assert_eq!(reopened(disk.image()).unwrap(), 5);
    }
}

#[test]
fn a_commit_that_the_log_cannot_hold_is_a_checkpoint() {
    let disk = MemoryDisk::default();
    let store = open(&disk).unwrap();
    receive(&store, 1, "Hello").unwrap();
    receive(&store, 2, "Hello").unwrap();
    assert!(store.stats().unwrap().wal_bytes > 0);
    store
        .transaction(|tx| {
            for _ in 0..40 {
                let text = "x".repeat(60_000);
                tx.receive(Inbound::text(contact(3), Channel::Whatsapp, text))?;
            }
            Ok::<_, convodb::Error>(())
        })
        .unwrap();
    assert_eq!(store.stats().unwrap().wal_bytes, 0);
    receive(&store, 4, "Hello").unwrap();
    assert_eq!(reopened(disk.image()).unwrap(), 43);
}

#[test]
fn the_log_does_not_grow_without_bound() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("inbox.redb");
    let store = Store::open(&path).unwrap();
    let mut longest = 0;
    for number in 0..1_300_u32 {
        receive(&store, (number % 7) as u8, &"long ".repeat(10_000)).unwrap();
        // They walk the pages of the file.
        if number % 20 == 0 {
            longest = longest.max(store.stats().unwrap().wal_bytes);
        }
    }
    assert!((3 << 20..16 << 20).contains(&longest), "{longest}");

    let store = options(&clock())
        .checkpoint_commands(50)
        .open(directory.path().join("other.redb"))
        .unwrap();
    for number in 0..1_300_u32 {
        receive(&store, (number % 7) as u8, "short").unwrap();
        if number % 20 == 0 {
            let commands = store.stats().unwrap().wal_commands;
            assert!(commands <= 300, "{commands}");
        }
    }
}

#[test]
fn a_store_that_was_closed_or_dropped_is_opened_without_its_log() {
    for closes in [true, false] {
        let disk = MemoryDisk::default();
        let store = open(&disk).unwrap();
        for number in 0..3 {
            receive(&store, number, "Hello").unwrap();
        }
        match closes {
            true => store.close().unwrap(),
            false => drop(store),
        }
        let image = disk.image();
        let damaged = vec![0xFF; log(&image).len()];
        assert_eq!(reopened(with_log(image, &damaged)).unwrap(), 3);
    }
}
