//! A file of an older format is upgraded when it is opened, or stays as it is.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use convodb_core::{
    Change, Channel, ContactId, ConversationId, ErrorKind, Fact, Filter, Note, NoteId, Result, time,
};

use super::sample::{self, MEMOS, older, place, setup};
use crate::kv::{Database, Disk, DiskFile, Metadata, Place, Read as _, SystemDisk};
use crate::storage::scan::Scan;
use crate::storage::{CommitError, Engine, Journaling, Location, Opening, tables, verify};

type Checked = std::result::Result<(), Box<dyn std::error::Error>>;
type Rows = Vec<(Vec<u8>, Vec<u8>)>;

const NOTES: [&str; 3] = ["Enterprise plan.", "Called back.", "Refunded."];

fn open(path: &Path, disk: Arc<dyn Disk>) -> Result<Engine> {
    let opening = Opening {
        cache_bytes: 1 << 20,
        check_up_to_bytes: u64::MAX,
        create: true,
        seed: [1; 16],
        journaling: Journaling::Off,
        checkpoint_commands: 0,
    };
    let location = Location::File(Place::new(disk, path.to_owned()));
    Engine::open(&location, &opening)
}

/// A file of the current format, closed, whose notes name no author.
fn made(path: &Path) -> Result<()> {
    let at = time::from_micros(1).unwrap_or_default();
    let mut decided = Vec::new();
    for (number, note) in (0..).zip(NOTES) {
        let conversation = ConversationId::from_parts(1, number);
        let created = Fact::ConversationCreated {
            conversation,
            contact_id: ContactId::new(&format!("con_{number}"))?,
            channel: Channel::Webchat,
            created_at: at,
        };
        let note = Note::new(NoteId::from_parts(1, number), conversation, note, at);
        decided.extend([created, Fact::NoteAdded { note }].map(|fact| Change {
            at,
            actor: None,
            fact,
        }));
    }
    let mut engine = open(path, Arc::new(SystemDisk))?;
    let transaction = engine.begin_write()?;
    let mut writer = transaction.writer(&engine.view()?);
    writer.apply(&decided)?;
    if let Some(applied) = writer.finish()? {
        let committed = engine.commit(transaction, applied, 1);
        committed.map_err(|(CommitError::Refused(error) | CommitError::Unknown(error))| error)?;
    }
    engine.close()
}

fn rows(place: &Place) -> Result<Vec<Rows>> {
    let database = Database::open(place, &setup(tables::ALL))?;
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
    let database = Database::open(&place(path), &setup(&[]))?;
    super::version(&database.begin_read_of(&[super::BARE])?)
}

#[test]
fn a_file_of_an_older_format_becomes_one_of_the_current_when_it_is_opened() -> Checked {
    let directory = tempfile::tempdir()?;
    let current = directory.path().join("current.redb");
    made(&current)?;
    let path = directory.path().join("older.redb");
    older(&current, &path, false)?;
    assert_eq!(format_of(&path)?, 0);

    let engine = open(&path, Arc::new(SystemDisk))?;
    let view = engine.view()?;
    assert!(verify(&view)?.is_clean());
    assert_eq!(view.reader().count(&Filter::open())?, 3);
    let open_elsewhere = open(&path, Arc::new(SystemDisk)).map_err(|error| error.kind());
    assert_eq!(open_elsewhere.err(), Some(ErrorKind::Locked));
    drop(view);
    engine.close()?;

    assert_eq!(format_of(&path)?, super::VERSION);
    assert_eq!(rows(&place(&path))?, rows(&place(&current))?);
    Ok(())
}

#[test]
fn an_older_file_that_cannot_be_upgraded_is_an_error_and_stays_as_it_was() -> Checked {
    let directory = tempfile::tempdir()?;
    let current = directory.path().join("current.redb");
    made(&current)?;
    let path = directory.path().join("older.redb");
    older(&current, &path, true)?;
    let opened = open(&path, Arc::new(SystemDisk)).map_err(|error| error.kind());
    assert_eq!(opened.err(), Some(ErrorKind::Corrupted));
    assert_eq!(format_of(&path)?, 0);
    let database = Database::open(&place(&path), &setup(sample::FORMAT.tables))?;
    let rows = database.begin_read()?;
    assert_eq!(rows.len(MEMOS)?, 3);
    Ok(())
}

/// The operating system's disk, whose n-th call by a name fails.
#[derive(Debug)]
struct FailsOnce {
    calls: AtomicUsize,
    at: usize,
}

impl FailsOnce {
    fn system(&self) -> io::Result<&SystemDisk> {
        if self.calls.fetch_add(1, Ordering::SeqCst) == self.at {
            return Err(io::Error::other("this call fails"));
        }
        Ok(&SystemDisk)
    }
}

impl Disk for FailsOnce {
    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        self.system()?.open(path)
    }

    fn create_new(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        self.system()?.create_new(path)
    }

    fn metadata(&self, path: &Path) -> io::Result<Metadata> {
        self.system()?.metadata(path)
    }

    fn canonicalize(&self, path: &Path) -> io::Result<PathBuf> {
        self.system()?.canonicalize(path)
    }

    fn hard_link(&self, original: &Path, link: &Path) -> io::Result<()> {
        self.system()?.hard_link(original, link)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.system()?.rename(from, to)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.system()?.remove_file(path)
    }

    fn sync_directory(&self, path: &Path) -> io::Result<()> {
        self.system()?.sync_directory(path)
    }
}

#[test]
fn an_upgrade_that_fails_at_any_call_leaves_a_file_that_opens_and_is_whole() -> Checked {
    let directory = tempfile::tempdir()?;
    let current = directory.path().join("current.redb");
    made(&current)?;
    let expected = rows(&place(&current))?;
    let mut failed = 0;
    for at in 0.. {
        let path = directory.path().join(format!("older-{at}.redb"));
        older(&current, &path, false)?;
        let disk = Arc::new(FailsOnce {
            calls: AtomicUsize::new(0),
            at,
        });
        match open(&path, disk.clone()) {
            Ok(engine) => engine.close()?,
            Err(_) => failed += 1,
        }
        open(&path, Arc::new(SystemDisk))?.close()?;
        assert_eq!(rows(&place(&path))?, expected, "call {at}");
        if disk.calls.load(Ordering::SeqCst) <= at {
            break;
        }
    }
    assert!(failed > 5, "{failed} calls failed the opening");
    Ok(())
}

#[test]
fn every_older_format_leads_to_the_next_and_the_last_to_the_current() {
    let versions: Vec<u32> = super::OLDER.iter().map(|older| older.version).collect();
    let expected: Vec<u32> = (0..super::VERSION).collect();
    assert_eq!(versions, expected);
    assert_eq!(super::tables_of(super::VERSION), tables::ALL);
}
