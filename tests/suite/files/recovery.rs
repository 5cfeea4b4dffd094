//! A store whose log is damaged: the operator's way on loses what it names, and nothing else.

use std::time::Duration;

use convodb::testing::ManualClock;
use convodb::{CommitSeq, Options};
use convodb_testkit::compare;
use convodb_testkit::fixture::{WAL_BYTES, fill};

use super::*;

const LOG: &str = "/unapplied.log";
const START: usize = 2 * 4096;
const HEADER_BYTES: usize = 32;

fn with(disk: &MemoryDisk) -> Options {
    let options = options(&clock()).checkpoint_commands(u64::MAX);
    options.disk(Arc::new(disk.clone()))
}

/// What a crash leaves after these commits, a minute apart, and the store's model after each.
fn crashed(commits: u8) -> Image {
    let disk = MemoryDisk::default();
    let time = clock();
    let options = options(&time).checkpoint_commands(u64::MAX);
    let store = options.disk(Arc::new(disk.clone())).open(STORE).unwrap();
    for number in 0..commits {
        receive(&store, number);
        time.advance(Duration::from_secs(60));
    }
    disk.image()
}

fn bytes_of<'i>(image: &'i Image, name: &str) -> &'i [u8] {
    &image.files[image.names[Path::new(name)]]
}

fn log(image: &Image) -> &[u8] {
    &bytes_of(image, STORE)[START..START + WAL_BYTES as usize]
}

/// Where the records of a log begin that has not gone around.
fn places(log: &[u8]) -> Vec<usize> {
    let (mut places, mut at) = (Vec::new(), 0);
    while log[at..at + 4] != [0; 4] {
        places.push(at);
        let payload = u32::from_le_bytes(log[at + 4..at + 8].try_into().unwrap());
        at += (HEADER_BYTES + payload as usize).next_multiple_of(32);
    }
    places
}

/// The same with a bit of the log flipped.
fn flipped(mut image: Image, at: usize) -> Image {
    let file = image.names[Path::new(STORE)];
    let mut bytes = image.files[file].to_vec();
    bytes[START + at] ^= 1 << (at % 8);
    image.files[file] = Arc::new(bytes);
    image
}

/// The store opens, goes on, and recovers after another crash.
fn check_goes_on(disk: &MemoryDisk, messages: u64) {
    let store = with(disk).open(STORE).unwrap();
    assert!(store.verify().unwrap().is_clean());
    assert_eq!(store.stats().unwrap().messages, messages);
    let next = store.commit_seq().unwrap().get();
    for number in 0..3 {
        receive(&store, number);
    }
    assert_eq!(store.commit_seq().unwrap().get(), next + 3);
    let store = with(&MemoryDisk::of(disk.image())).open(STORE).unwrap();
    assert_eq!(store.stats().unwrap().messages, messages + 3);
    assert!(store.verify().unwrap().is_clean());
}

#[test]
fn a_damaged_record_ends_what_is_restored_and_the_rest_of_the_log_is_saved() {
    const COMMITS: u8 = 8;
    let image = crashed(COMMITS);
    let places = places(log(&image));
    assert_eq!(places.len(), usize::from(COMMITS));
    // In the header, and in the payload.
    for offset in [0, 9, 40] {
        // Damage to the last record, and to what it says of those before, looks like a crash.
        for (number, place) in places.iter().take(places.len() - 2).enumerate() {
            let damaged = flipped(image.clone(), place + offset);
            let disk = MemoryDisk::of(damaged.clone());
            let error = with(&disk).open(STORE).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Corrupted);
            assert!(error.to_string().contains("convodb recover"), "{error}");

            let recovered = with(&disk).recover(STORE, LOG).unwrap().unwrap();
            let kept = number as u64;
            assert_eq!(recovered.commit, CommitSeq::new(kept));
            let lost = recovered.lost.unwrap();
            assert_eq!(lost.start().get(), kept + 1);
            // The last record says that the one before it is durable.
            assert_eq!(lost.end().get(), u64::from(COMMITS) - 1);
            if number > 0 {
                let minutes = i64::try_from(number).unwrap() - 1;
                let time = clock().get() + chrono::TimeDelta::minutes(minutes);
                assert_eq!(recovered.time, time);
            }

            let left = disk.image();
            let saved = bytes_of(&left, LOG);
            assert_eq!(saved.len() as u64, recovered.saved_bytes);
            let log = log(&damaged);
            // Once around, from the damage on.
            assert_eq!(saved[..log.len() - place], log[*place..]);
            check_goes_on(&disk, kept);
        }
    }
}

#[test]
fn nothing_is_changed_before_the_log_is_saved() {
    let damaged = flipped(crashed(6), 40);
    // The file for it exists.
    let mut image = damaged.clone();
    image.names.insert(LOG.into(), image.files.len());
    image.files.push(Arc::new(b"mine".to_vec()));
    let disk = MemoryDisk::of(image.clone());
    let error = with(&disk).recover(STORE, LOG).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyExists);
    assert_eq!(disk.image(), image);

    // Whatever call the process ends at, or that fails, the log is in one file or the other.
    let (log, disk) = (log(&damaged).to_vec(), MemoryDisk::of(damaged.clone()));
    let images = Arc::new(Mutex::new(Vec::new()));
    let (own, kept) = (disk.clone(), Arc::clone(&images));
    let gate = Before(move |_| kept.lock().unwrap().push(own.image()));
    disk.set_gate(Some(Arc::new(gate)));
    with(&disk).recover(STORE, LOG).unwrap().unwrap();
    disk.set_gate(None);
    let mut saved_first = 0;
    for image in std::mem::take(&mut *images.lock().unwrap()) {
        let is_saved = image.names.contains_key(Path::new(LOG)) && bytes_of(&image, LOG) == log;
        let is_unchanged = bytes_of(&image, STORE) == bytes_of(&damaged, STORE);
        assert!(is_saved || is_unchanged);
        saved_first += usize::from(is_saved && is_unchanged);
        // From there it is recovered again.
        let disk = MemoryDisk::of(image);
        let opened = with(&disk).open(STORE);
        if opened.is_err() {
            drop(opened);
            let again = with(&disk).recover(STORE, "/again.log").unwrap().unwrap();
            assert_eq!(again.commit, CommitSeq::ZERO);
        } else {
            drop(opened);
        }
        check_goes_on(&disk, 0);
    }
    assert!(saved_first > 0);
}

#[test]
fn a_store_of_which_nothing_is_lost_stays_as_it_is() {
    let crashed = crashed(5);
    let places = places(log(&crashed));
    let torn = flipped(crashed.clone(), places[4] + 40);
    let closed = {
        let disk = MemoryDisk::of(crashed.clone());
        with(&disk).open(STORE).unwrap().close().unwrap();
        disk.image()
    };
    for image in [crashed, torn, closed] {
        let disk = MemoryDisk::of(image.clone());
        assert_eq!(with(&disk).recover(STORE, LOG).unwrap(), None);
        assert_eq!(disk.image(), image);
    }
}

#[test]
fn a_log_that_has_gone_around_is_recovered_up_to_its_damage() {
    let disk = MemoryDisk::default();
    let time: ManualClock = clock();
    let options = || {
        options(&time)
            .disk(Arc::new(disk.clone()))
            .wal_size(64 << 10)
    };
    let store = options().open(STORE).unwrap();
    let mut model = fill(&store, &time, 5, 400);
    store.close().unwrap();
    let store = options().checkpoint_commands(u64::MAX).open(STORE).unwrap();
    let before = store.commit_seq().unwrap();
    let empty = disk.image();
    for number in 0..4 {
        receive(&store, number);
    }
    // The first of the four.
    let (was, is) = (bytes_of(&empty, STORE).to_vec(), disk.image());
    let ring = START..START + (64 << 10);
    let at = ring
        .clone()
        .find(|at| was[*at] != bytes_of(&is, STORE)[*at])
        .unwrap();
    let disk = MemoryDisk::of(flipped(is, at - START));
    let options = || {
        let options = convodb_testkit::fixture::options(&time);
        options.disk(Arc::new(disk.clone()))
    };
    assert_eq!(
        options().open(STORE).unwrap_err().kind(),
        ErrorKind::Corrupted
    );
    let recovered = options().recover(STORE, LOG).unwrap().unwrap();
    assert_eq!(recovered.commit, before);
    model.sequence = recovered.lost.unwrap().end().get();
    assert_eq!(bytes_of(&disk.image(), LOG).len(), 64 << 10);
    let store = options().open(STORE).unwrap();
    compare::everything(&store, &model);
    compare::sound(&store, &model);
}

#[test]
fn a_store_that_is_open_is_not_recovered() {
    let disk = MemoryDisk::default();
    let store = with(&disk).open(STORE).unwrap();
    let error = with(&disk).recover(STORE, LOG).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Locked);
    store.close().unwrap();
    let error = with(&disk).recover("/missing", LOG).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert_eq!(disk.image().names.len(), 1);
}

#[test]
fn no_commit_gets_the_number_of_a_lost_one() {
    let image = crashed(8);
    let disk = MemoryDisk::of(flipped(image.clone(), places(log(&image))[2] + 40));
    let recovered = with(&disk).recover(STORE, LOG).unwrap().unwrap();
    assert_eq!(recovered.commit, CommitSeq::new(2));
    let last = *recovered.lost.unwrap().end();
    assert_eq!(last, CommitSeq::new(7));
    let store = with(&disk).open(STORE).unwrap();
    assert_eq!(store.commit_seq().unwrap(), last);
    receive(&store, 1);
    assert_eq!(store.commit_seq().unwrap(), last.next());
}

#[test]
fn where_both_superblocks_are_damaged_the_error_says_that_a_backup_is_needed() {
    let mut image = crashed(3);
    let file = image.names[Path::new(STORE)];
    let mut bytes = image.files[file].to_vec();
    bytes[40] ^= 1;
    bytes[4096 + 40] ^= 1;
    image.files[file] = Arc::new(bytes);
    let disk = MemoryDisk::of(image.clone());
    let opened = with(&disk).open(STORE).map(drop);
    let recovered = with(&disk).recover(STORE, LOG).map(drop);
    for refused in [opened, recovered] {
        let error = refused.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupted);
        assert!(error.to_string().contains("restore a backup"), "{error}");
    }
    assert_eq!(disk.image(), image);
}
