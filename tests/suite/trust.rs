//! One file that can be trusted: damaged pages, paths that lead elsewhere, and stores that only read.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use convodb::prelude::*;
use convodb::testing::{Disk as _, SeededIds};
use convodb::{Channel, ConversationId, ErrorKind, Filter, Health, Inbound, Options};
use tempfile::TempDir;

use convodb_testkit::fixture::{WAL_BYTES, clock, options};
use convodb_testkit::harness::disk::{Call, Fate, Gate, Image, MemoryDisk};
use convodb_testkit::op::contact;

const STORE: &str = "/inbox.redb";
/// Where the first page is: behind the superblock, the log and two checksum blocks.
const PAGES: usize = 2 * 4096 + WAL_BYTES as usize + 2 * 4096;

fn receive(store: &Store, number: u8, text: &str) -> convodb::Result<ConversationId> {
    let inbound = Inbound::text(contact(number), Channel::Whatsapp, text);
    store
        .receive(inbound)
        .map(|received| received.value.conversation_id)
}

fn on(disk: &MemoryDisk) -> Options {
    options(&clock()).disk(Arc::new(disk.clone()))
}

/// A closed store with long transcripts.
fn filled() -> (Image, Vec<ConversationId>) {
    let disk = MemoryDisk::default();
    let store = on(&disk).open(STORE).unwrap();
    let mut ids = Vec::new();
    for number in 0..40 {
        for _ in 0..6 {
            ids.push(receive(&store, number, &"It has not come yet. ".repeat(20)).unwrap());
        }
    }
    ids.dedup();
    store.compact().unwrap();
    store.close().unwrap();
    (disk.image(), ids)
}

fn with_flipped(image: &Image, at: usize) -> Image {
    let mut image = image.clone();
    let file = image.names[Path::new(STORE)];
    let mut bytes = image.files[file].to_vec();
    bytes[at] ^= 0x10;
    image.files[file] = Arc::new(bytes);
    image
}

fn transcripts(store: &Store, ids: &[ConversationId]) -> BTreeMap<ConversationId, bool> {
    let mut read = BTreeMap::new();
    for id in ids {
        let is_whole = match store.transcript(*id) {
            Ok(transcript) => {
                assert_eq!(transcript.messages.len(), 6);
                true
            }
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Corrupted, "{error}");
                false
            }
        };
        read.insert(*id, is_whole);
    }
    read
}

#[test]
fn a_damaged_page_fails_the_reads_that_need_it_and_no_others() {
    let (image, ids) = filled();
    let len = image.read(Path::new(STORE)).unwrap().len();
    let (mut met, mut refused) = (0, 0);
    for page in (PAGES / 4096..len / 4096).step_by(3) {
        let disk = MemoryDisk::of(with_flipped(&image, page * 4096 + 1_000));
        let store = match on(&disk).open(STORE) {
            Ok(store) => store,
            Err(error) => {
                println!("{page}: {error}");
                assert_eq!(error.kind(), ErrorKind::Corrupted, "{error}");
                refused += 1;
                continue;
            }
        };
        let first = transcripts(&store, &ids);
        let lost = first.values().filter(|is_whole| !**is_whole).count();
        met += usize::from(lost > 0 && lost < ids.len());
        for _ in 0..3 {
            assert_eq!(transcripts(&store, &ids), first, "page {page}");
        }
        assert!(matches!(store.health(), Health::Healthy), "page {page}");
        // A command that needs the page fails with the same error, and others commit.
        let mut committed = 0;
        for number in 0..40 {
            match receive(&store, number, "Hello?") {
                Ok(_) => committed += 1,
                Err(error) => {
                    let kind = error.kind();
                    let of_damage = [ErrorKind::Corrupted, ErrorKind::NeedsReopen];
                    assert!(of_damage.contains(&kind), "page {page}: {error}");
                }
            }
        }
        if lost > 0 && lost < ids.len() / 2 && matches!(store.health(), Health::Healthy) {
            assert!(committed > 0, "page {page}: {lost} of {} lost", ids.len());
        }
    }
    assert!(met > 5, "{met} pages of transcripts, {refused} refused");
}

#[test]
fn a_snapshot_beside_a_damaged_page_ends_or_reads_on() {
    let (image, ids) = filled();
    let len = image.read(Path::new(STORE)).unwrap().len();
    let mut ended = 0;
    for page in (PAGES / 4096..len / 4096).step_by(7) {
        let disk = MemoryDisk::of(with_flipped(&image, page * 4096 + 1_000));
        let Ok(store) = on(&disk).open(STORE) else {
            continue;
        };
        let snapshot = store.snapshot().unwrap();
        transcripts(&store, &ids);
        match snapshot.transcript(ids[0]) {
            Ok(transcript) => assert_eq!(transcript.messages.len(), 6),
            Err(error) if error.kind() == ErrorKind::SnapshotExpired => ended += 1,
            Err(error) => assert_eq!(error.kind(), ErrorKind::Corrupted, "{error}"),
        }
        if let Ok(snapshot) = store.snapshot() {
            transcripts(&store, &ids);
            assert_ne!(
                snapshot
                    .transcript(ids[0])
                    .map(drop)
                    .map_err(|error| error.kind()),
                Err(ErrorKind::NeedsReopen)
            );
        }
    }
    assert!(ended > 0);
}

/// A store in a directory, with some messages.
fn store_in(directory: &Path, name: &str, messages: u8) -> Store {
    let options = options(&clock()).wal_size(WAL_BYTES);
    let store = options.open(directory.join(name)).unwrap();
    for number in 0..messages {
        receive(&store, number, "Hello").unwrap();
    }
    store
}

fn messages(path: &Path) -> u64 {
    let store = Options::new().create(false).open(path).unwrap();
    assert!(store.verify().unwrap().is_clean());
    store.stats().unwrap().messages
}

#[test]
fn a_store_whose_path_leads_to_another_file_says_so_and_leaves_that_alone() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("inbox.redb");
    store_in(directory.path(), "other.redb", 1).close().unwrap();
    let store = store_in(directory.path(), "inbox.redb", 30);
    store.await_checkpoint().unwrap();
    // As restoring a backup does.
    fs::rename(directory.path().join("other.redb"), &path).unwrap();
    let restored = fs::read(&path).unwrap();
    let mut acknowledged = 0;
    let error = loop {
        match receive(&store, acknowledged % 7, "Hello") {
            Ok(_) => acknowledged += 1,
            Err(error) => break error,
        }
        assert!(acknowledged < 100, "a checkpoint comes before");
    };
    assert_eq!(error.kind(), ErrorKind::PathChanged, "{error}");
    assert!(error.to_string().contains("inbox.redb"), "{error}");
    assert_eq!(
        receive(&store, 1, "Hello").unwrap_err().kind(),
        ErrorKind::PathChanged
    );
    assert!(matches!(store.health(), Health::ReadOnly(_)));
    assert_eq!(store.count(&Filter::all()).unwrap(), 30, "reading goes on");
    assert_eq!(store.compact().unwrap_err().kind(), ErrorKind::PathChanged);
    assert_eq!(store.reopen().unwrap_err().kind(), ErrorKind::PathChanged);
    assert_eq!(store.close().unwrap_err().kind(), ErrorKind::PathChanged);
    assert_eq!(fs::read(&path).unwrap(), restored);
    assert_eq!(messages(&path), 1);
}

#[test]
fn a_store_that_was_moved_finds_out_when_it_is_compacted_or_closed() {
    for compacts in [true, false] {
        let directory = TempDir::new().unwrap();
        let (path, away) = (
            directory.path().join("inbox.redb"),
            directory.path().join("away.redb"),
        );
        let store = store_in(directory.path(), "inbox.redb", 3);
        fs::rename(&path, &away).unwrap();
        let error = match compacts {
            true => store.compact().unwrap_err(),
            false => store.clone().close().unwrap_err(),
        };
        assert_eq!(error.kind(), ErrorKind::PathChanged, "{error}");
        drop(store);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
        assert_eq!(messages(&away), 3);
    }
}

#[test]
fn closing_a_store_that_was_moved_leaves_the_one_that_took_its_path() {
    let directory = TempDir::new().unwrap();
    let aside = directory.path().join("aside");
    fs::create_dir(&aside).unwrap();
    let first = store_in(directory.path(), "inbox.redb", 40);
    fs::rename(
        directory.path().join("inbox.redb"),
        aside.join("inbox.redb"),
    )
    .unwrap();
    let second = store_in(directory.path(), "inbox.redb", 30);
    assert_eq!(first.close().unwrap_err().kind(), ErrorKind::PathChanged);
    // As a killed process leaves it.
    let left = directory.path().join("left.redb");
    fs::copy(directory.path().join("inbox.redb"), &left).unwrap();
    drop(second);
    assert_eq!(messages(&left), 30);
    assert_eq!(messages(&aside.join("inbox.redb")), 40);
}

#[test]
fn a_store_that_comes_back_to_its_path_can_be_reopened() {
    let directory = TempDir::new().unwrap();
    let (path, away) = (
        directory.path().join("inbox.redb"),
        directory.path().join("away.redb"),
    );
    let store = store_in(directory.path(), "inbox.redb", 3);
    fs::rename(&path, &away).unwrap();
    assert_eq!(store.compact().unwrap_err().kind(), ErrorKind::PathChanged);
    fs::rename(&away, &path).unwrap();
    store.reopen().unwrap();
    receive(&store, 1, "Hello").unwrap();
    store.close().unwrap();
    assert_eq!(messages(&path), 4);
}

/// A disk that opens no file.
struct OpensNothing;

impl Gate for OpensNothing {
    fn before(&self, call: Call) -> Fate {
        match call {
            Call::Open => Fate::Refused(io::ErrorKind::Other),
            _ => Fate::Done,
        }
    }
}

#[test]
fn a_store_that_could_not_be_reopened_opens_no_other_file_at_its_path() {
    let [path, other, away] = [STORE, "/other.redb", "/away.redb"].map(Path::new);
    let disk = MemoryDisk::default();
    let store = on(&disk).ids(SeededIds::new(12)).open(other).unwrap();
    receive(&store, 1, "Hello").unwrap();
    store.close().unwrap();
    let store = on(&disk).open(path).unwrap();
    for number in 0..3 {
        receive(&store, number, "Hello").unwrap();
    }
    disk.set_gate(Some(Arc::new(OpensNothing)));
    assert_eq!(store.reopen().unwrap_err().kind(), ErrorKind::Io);
    assert!(matches!(store.health(), Health::Offline(_)));
    disk.set_gate(None);
    disk.rename(path, away).unwrap();
    disk.rename(other, path).unwrap();
    let image = disk.image();
    let error = store.reopen().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PathChanged, "{error}");
    assert_eq!(disk.image(), image, "nothing is written to the other file");
    disk.rename(path, other).unwrap();
    disk.rename(away, path).unwrap();
    store.reopen().unwrap();
    assert_eq!(store.count(&Filter::all()).unwrap(), 3);
    receive(&store, 4, "Hello").unwrap();
    store.compact().unwrap();
    store.reopen().unwrap();
}

#[test]
fn stores_that_only_read_share_a_file_and_change_nothing_of_it() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("left.redb");
    {
        let store = store_in(directory.path(), "inbox.redb", 30);
        // As a killed process leaves it: with commits in the log.
        fs::copy(directory.path().join("inbox.redb"), &path).unwrap();
        drop(store);
    }
    let before = fs::read(&path).unwrap();
    let mut permissions = fs::metadata(&path).unwrap().permissions();
    permissions.set_readonly(true);
    fs::set_permissions(&path, permissions).unwrap();
    let read_only = || options(&clock()).read_only(true).open(&path);
    let stores = [read_only().unwrap(), read_only().unwrap()];
    for store in &stores {
        assert_eq!(store.stats().unwrap().messages, 30);
        assert!(store.verify().unwrap().is_clean());
        let id = store.list(&Filter::all(), (1, 20)).unwrap().data[0].id;
        assert!(!store.transcript(id).unwrap().messages.is_empty());
        let refused = [
            receive(store, 1, "Hello").map(drop),
            store.compact(),
            store.repair().map(drop),
        ];
        for refused in refused {
            assert_eq!(refused.unwrap_err().kind(), ErrorKind::ReadOnly);
        }
        store.backup(directory.path().join("copy.redb")).unwrap();
        fs::remove_file(directory.path().join("copy.redb")).unwrap();
    }
    let written = options(&clock()).open(&path).map(drop).unwrap_err();
    assert!(
        [ErrorKind::Locked, ErrorKind::Io].contains(&written.kind()),
        "{written}"
    );
    let [first, second] = stores;
    first.close().unwrap();
    second.reopen().unwrap();
    assert_eq!(second.stats().unwrap().messages, 30);
    drop(second);
    assert_eq!(fs::read(&path).unwrap(), before);
    let missing = options(&clock())
        .read_only(true)
        .open(directory.path().join("none"));
    assert_eq!(missing.map(drop).unwrap_err().kind(), ErrorKind::NotFound);
    assert!(!directory.path().join("none").exists());
}

#[test]
fn a_store_that_writes_shares_its_file_with_none() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("inbox.redb");
    let store = store_in(directory.path(), "inbox.redb", 3);
    let read_only = || options(&clock()).read_only(true).open(&path);
    assert_eq!(read_only().map(drop).unwrap_err().kind(), ErrorKind::Locked);
    store.close().unwrap();
    let reading = read_only().unwrap();
    let writing = options(&clock()).open(&path).map(drop);
    assert_eq!(writing.unwrap_err().kind(), ErrorKind::Locked);
    drop(reading);
    options(&clock()).open(&path).unwrap();
}
