//! A file of an older format is upgraded when it is opened, or stays as it is.

use std::path::{Path, PathBuf};

use super::sample::{self, MEMOS, MemoV0};
use crate::error::{Error, ErrorKind, Result};
use crate::kv::{Database, Read as _, Setup, Table, WriteTables};
use crate::storage::scan::{self, Scan};
use crate::storage::{codec, tables};
use crate::{Channel, ContactId, Filter, Inbound, Options, Store};

type Checked = std::result::Result<(), Box<dyn std::error::Error>>;
type Rows = Vec<(Vec<u8>, Vec<u8>)>;

const NOTES: [&str; 3] = ["Enterprise plan.", "Called back.", "Refunded."];

fn setup(tables: &'static [Table]) -> Setup {
    Setup {
        tables,
        cache_bytes: 1 << 20,
        check_up_to_bytes: u64::MAX,
    }
}

/// A store of the current format, closed, whose notes name no author.
fn made(path: &Path) -> Result<()> {
    let store = Store::open(path)?;
    for (number, note) in NOTES.into_iter().enumerate() {
        let contact = ContactId::new(&format!("con_{number}"))?;
        let hello = store.receive(Inbound::text(&contact, Channel::Webchat, "Hello"))?;
        store.add_note(hello.value.conversation_id, note)?;
    }
    store.close()
}

/// The same content in a file of the older format; a memo can be spoilt on the way.
fn older(current: &Path, path: PathBuf, spoilt: bool) -> Result<PathBuf> {
    let database = Database::open(current, &setup(tables::ALL))?;
    let rows = database.begin_read()?;
    let fill = |new: &Database| {
        let transaction = new.begin_write()?;
        {
            let mut to = transaction.tables();
            to.create_all()?;
            for table in sample::FORMAT.tables {
                if *table != MEMOS {
                    scan::copy(&rows, *table, &mut to)?;
                }
            }
            write_memos(&rows, &mut to, spoilt)?;
            super::write_version(&mut to, 0)?;
        }
        transaction.commit()
    };
    Database::create(&path, &setup(sample::FORMAT.tables), fill)?;
    Ok(path)
}

fn write_memos(from: &crate::kv::ReadTables, to: &mut WriteTables<'_>, spoilt: bool) -> Result<()> {
    for (row, content) in Scan::new(from, tables::NOTES)?.zip(NOTES) {
        let (key, _) = row?;
        let mut memo = codec::encode(&key, &MemoV0 { content })?;
        if spoilt && let Some(last) = memo.last_mut() {
            *last ^= 1;
        }
        to.put(MEMOS, &key, &memo)?;
    }
    Ok(())
}

fn rows(path: &Path) -> Result<Vec<Rows>> {
    let database = Database::open(path, &setup(tables::ALL))?;
    let tables = database.begin_read()?;
    tables::ALL
        .iter()
        .map(|table| {
            Scan::new(&tables, *table)?
                .map(|row| row.map(|(key, value)| (key.to_vec(), value.to_vec())))
                .collect()
        })
        .collect()
}

fn format_of(path: &Path) -> Result<u32> {
    let database = Database::open(path, &setup(&[]))?;
    super::version(&database.begin_read_of(&[super::BARE])?)
}

#[test]
fn a_file_of_an_older_format_becomes_one_of_the_current_when_it_is_opened() -> Checked {
    let directory = tempfile::tempdir()?;
    let current = directory.path().join("current.redb");
    made(&current)?;
    let path = older(&current, directory.path().join("older.redb"), false)?;
    assert_eq!(format_of(&path)?, 0);

    let store = Options::new().create(false).open(&path)?;
    assert!(store.verify()?.is_clean());
    assert_eq!(store.count(&Filter::open())?, 3);
    let open_elsewhere = Store::open(&path).map_err(|error| error.kind());
    assert_eq!(open_elsewhere.err(), Some(ErrorKind::Locked));
    store.close()?;

    assert_eq!(format_of(&path)?, super::VERSION);
    assert_eq!(rows(&path)?, rows(&current)?);
    let names = std::fs::read_dir(directory.path())?.count();
    assert_eq!(names, 2, "nothing is left beside the files");
    Ok(())
}

#[test]
fn an_older_file_that_cannot_be_upgraded_is_an_error_and_stays_as_it_was() -> Checked {
    let directory = tempfile::tempdir()?;
    let current = directory.path().join("current.redb");
    made(&current)?;
    let path = older(&current, directory.path().join("older.redb"), true)?;
    let opened = Store::open(&path).map_err(|error: Error| error.kind());
    assert_eq!(opened.err(), Some(ErrorKind::Corrupted));
    assert_eq!(format_of(&path)?, 0);
    let database = Database::open(&path, &setup(sample::FORMAT.tables))?;
    let rows = database.begin_read()?;
    assert_eq!(rows.len(MEMOS)?, 3);
    Ok(())
}

#[test]
fn every_older_format_leads_to_the_next_and_the_last_to_the_current() {
    let versions: Vec<u32> = super::OLDER.iter().map(|older| older.version).collect();
    let expected: Vec<u32> = (0..super::VERSION).collect();
    assert_eq!(versions, expected);
    assert_eq!(super::tables_of(super::VERSION), tables::ALL);
}
