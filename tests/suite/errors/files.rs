//! The kinds that opening, copying and reopening files meet.

use std::fs;
use std::io;
use std::path::Path;

use convodb::prelude::*;
use convodb::{Details, EntityKind, Error, ErrorKind, Filter, Options};
use convodb_testkit::tables::with_redb;
use redb::TableDefinition;

use super::{failure, io_source};
use crate::rules::inbox::contact;

fn directory() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

/// Nothing but these is left in a directory.
#[track_caller]
fn assert_holds(directory: &Path, names: &[&str]) {
    let entries = fs::read_dir(directory).unwrap();
    let mut found: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    found.sort_unstable();
    assert_eq!(found, names);
}

#[test]
fn a_file_that_is_open_is_locked_until_it_is_closed() {
    let directory = directory();
    let path = directory.path().join("inbox.redb");
    let store = Store::open(&path).unwrap();
    let error = failure(Store::open(&path), ErrorKind::Locked);
    assert!(error.to_string().starts_with("the file is open"), "{error}");
    // By another name it is the same file.
    let link = directory.path().join("link.redb");
    fs::hard_link(&path, &link).unwrap();
    failure(Store::open(&link), ErrorKind::Locked);
    store.close().unwrap();
    let again = Store::open(&link).unwrap();
    failure(Store::open(&path), ErrorKind::Locked);
    drop(again);
    Store::open(&path).unwrap();
}

#[test]
fn a_file_or_directory_that_is_missing_is_not_found() {
    let directory = directory();
    let missing = directory.path().join("missing.redb");
    let nowhere = directory.path().join("nowhere").join("inbox.redb");
    let store = Store::in_memory().unwrap();
    for result in [
        Options::new().create(false).open(&missing).map(drop),
        Options::new().create(false).open(&nowhere).map(drop),
        Store::open(&nowhere).map(drop),
        store.backup(&nowhere),
    ] {
        let error = failure(result, ErrorKind::NotFound);
        assert_eq!(io_source(&error).kind(), io::ErrorKind::NotFound);
    }
    assert_holds(directory.path(), &[]);
}

#[test]
fn a_path_that_can_be_no_file_is_an_io_error_of_the_operating_system() {
    let directory = directory();
    let file = directory.path().join("file");
    fs::write(&file, "text").unwrap();
    let below_a_file = file.join("inbox.redb");
    let store = Store::in_memory().unwrap();
    for path in [
        directory.path(),
        &below_a_file,
        Path::new("/"),
        Path::new(""),
    ] {
        for result in [
            Store::open(path).map(drop),
            Options::new().create(false).open(path).map(drop),
            store.backup(path),
        ] {
            let Err(error) = result else {
                panic!("{} was taken", path.display());
            };
            let kinds = [ErrorKind::Io, ErrorKind::NotFound, ErrorKind::AlreadyExists];
            assert!(kinds.contains(&error.kind()), "{}: {error}", path.display());
            super::assert_readable(&error);
        }
    }
    let error = failure(Store::open(directory.path()), ErrorKind::Io);
    assert!(error.to_string().starts_with("the file cannot be opened: "));
    assert_eq!(io_source(&error).kind(), io::ErrorKind::IsADirectory);
    let error = failure(Store::open(&below_a_file), ErrorKind::Io);
    assert_eq!(io_source(&error).kind(), io::ErrorKind::NotADirectory);
    assert!(io_source(&error).raw_os_error().is_some());
    let error = failure(Store::open("/"), ErrorKind::Io);
    assert_eq!(io_source(&error).kind(), io::ErrorKind::IsADirectory);
    assert_holds(directory.path(), &["file"]);
}

#[test]
fn a_backup_never_replaces_a_file() {
    let directory = directory();
    let path = directory.path().join("copy.redb");
    fs::write(&path, "precious").unwrap();
    let error = failure(
        Store::in_memory().unwrap().backup(&path),
        ErrorKind::AlreadyExists,
    );
    assert_eq!(
        error.to_string(),
        format!("`{}` exists already", path.display())
    );
    let existing = Details::Existing {
        kind: EntityKind::File,
        id: path.display().to_string(),
    };
    assert_eq!(*error.details(), existing);
    assert_eq!(fs::read(&path).unwrap(), b"precious");
    assert_holds(directory.path(), &["copy.redb"]);
}

#[test]
fn a_file_of_another_kind_is_not_a_store_and_stays_as_it_is() {
    let directory = directory();
    let path = directory.path().join("notes.txt");
    for (content, text) in [
        (vec![], "the file is empty"),
        (b"buy milk".to_vec(), "the file is not a store"),
        (vec![0; 64 * 1024], "the file is not a store"),
        (
            b"SQLite format 3\0".repeat(1_000),
            "the file is not a store",
        ),
    ] {
        fs::write(&path, &content).unwrap();
        for create in [true, false] {
            let opened = Options::new().create(create).open(&path);
            let error = failure(opened, ErrorKind::NotADatabase);
            assert_eq!(error.to_string(), text);
        }
        assert!(fs::read(&path).unwrap() == content, "{text}");
    }
    assert_holds(directory.path(), &["notes.txt"]);
}

/// A database of the same engine, with one row in a table of some types.
fn other_database<K: redb::Key + 'static, V: redb::Value + 'static>(
    path: &Path,
    name: &str,
    row: Option<(K::SelfType<'_>, V::SelfType<'_>)>,
) {
    let database = with_redb(path);
    let transaction = database.begin_write().unwrap();
    {
        let definition: TableDefinition<'_, K, V> = TableDefinition::new(name);
        let mut table = transaction.open_table(definition).unwrap();
        if let Some((key, value)) = row {
            table.insert(key, value).unwrap();
        }
    }
    transaction.commit().unwrap();
}

#[test]
fn another_database_of_the_same_engine_is_not_a_store() {
    let directory = directory();
    let path = |name: &str| directory.path().join(name);
    drop(redb::Database::create(path("plain")).unwrap());
    drop(with_redb(&path("empty")));
    other_database::<u64, u64>(&path("foreign"), "orders", Some((1, 2)));
    other_database::<u64, &str>(&path("typed"), "conversations", Some((1, "x")));
    other_database::<&[u8], &[u8]>(&path("bytes"), "catalog", None);
    for name in ["plain", "empty", "foreign", "typed", "bytes"] {
        let error = failure(Store::open(path(name)), ErrorKind::NotADatabase);
        assert!(error.to_string().starts_with("the file is "), "{error}");
    }
}

/// Writes a row behind the store's back.
fn overwrite(path: &Path, table: &str, key: &[u8], value: &[u8]) {
    let database = with_redb(path);
    let transaction = database.begin_write().unwrap();
    {
        let definition: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new(table);
        let mut table = transaction.open_table(definition).unwrap();
        table.insert(key, value).unwrap();
    }
    transaction.commit().unwrap();
}

#[test]
fn a_newer_format_is_unsupported_and_a_malformed_one_is_damage() {
    let directory = directory();
    let path = directory.path().join("inbox.redb");
    Store::open(&path).unwrap().close().unwrap();
    // The format's version lies bare, so that every version of the crate can read it.
    overwrite(&path, "catalog", b"\x01format", &7_u32.to_be_bytes());
    let error = failure(Store::open(&path), ErrorKind::UnsupportedVersion);
    assert_eq!(
        error.to_string(),
        "the file has format 7, and this version reads format 1"
    );
    overwrite(&path, "catalog", b"\x01format", b"one");
    let error = failure(Store::open(&path), ErrorKind::Corrupted);
    assert_eq!(error.to_string(), "the file's format version is malformed");
}

#[test]
fn a_damaged_record_is_named_by_its_table_and_key() {
    let directory = directory();
    let path = directory.path().join("inbox.redb");
    let store = Store::open(&path).unwrap();
    let hello = convodb::Inbound::text(contact("con_1"), convodb::Channel::Webchat, "Hello");
    let id = store.receive(hello).unwrap().value.conversation_id;
    store.close().unwrap();
    let text = id.to_string();
    let digits = text.strip_prefix("conv_").unwrap();
    let key = ulid_bytes(digits);
    overwrite(&path, "conversations", &key, b"\x01nonsense");
    let store = Store::open(&path).unwrap();
    let error = failure(store.transcript(id), ErrorKind::Corrupted);
    let text = error.to_string();
    assert!(text.contains("conversations"), "{text}");
    assert!(text.contains("cannot be decoded"), "{text}");
    let record = Details::Record {
        table: "conversations",
        key: key.into(),
    };
    assert_eq!(*error.details(), record);
}

/// The 16 bytes of a ULID, by which a conversation's record lies in the file.
fn ulid_bytes(digits: &str) -> [u8; 16] {
    const ALPHABET: &str = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    let number = digits.chars().fold(0_u128, |number, digit| {
        number << 5 | ALPHABET.find(digit).unwrap() as u128
    });
    number.to_be_bytes()
}

#[test]
fn a_store_whose_file_is_gone_when_it_is_reopened_reads_on_until_it_is_back() {
    let directory = directory();
    let (path, away) = (
        directory.path().join("inbox.redb"),
        directory.path().join("away"),
    );
    let store = Store::open(&path).unwrap();
    let hello = convodb::Inbound::text(contact("con_1"), convodb::Channel::Webchat, "Hello");
    let id = store.receive(hello).unwrap().value.conversation_id;
    let clone = store.clone();
    fs::rename(&path, &away).unwrap();
    let error = failure(store.reopen(), ErrorKind::PathChanged);
    assert_eq!(io_source(&error).kind(), io::ErrorKind::NotFound);
    assert_holds(directory.path(), &["away"]);

    assert_eq!(clone.transcript(id).unwrap().messages.len(), 1);
    assert_eq!(clone.count(&Filter::all()).unwrap(), 1);
    for result in [clone.add_note(id, "note").map(drop), clone.compact()] {
        failure(result, ErrorKind::PathChanged);
    }
    fs::rename(&away, &path).unwrap();
    clone.reopen().unwrap();
    let texts: Result<Vec<_>, Error> = store.messages(id, ..).unwrap().collect();
    assert_eq!(texts.unwrap().len(), 1, "every clone is healed");
    assert!(store.add_note(id, "note").unwrap().effect.changed);
}
