//! The file as a whole: opened or made, viewed, written, copied.

mod checkpoint;
mod commit;
mod health;
mod recovery;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use convodb_core::{CommitSeq, Error, ErrorKind, Result};

use checkpoint::{FIRST_DUE_BYTES, Stage};
pub(crate) use commit::{CommitError, Logged};
pub use health::Health;
pub(crate) use health::{Incident, Monitor};
pub use recovery::Recovered;
pub(crate) use recovery::recover;

use super::meta::Identity;
use super::{Head, Reader, Resident, kinds, meta, plan, scan, tables};
use crate::index::Levels;
use convodb_kv::{
    Access, Database, Durability, FileId, Memory, Place, Read as _, ReadTables, Records, Replaced,
    Setup, Wal, WalPosition,
};

/// Where the bytes lie.
#[derive(Clone)]
pub(crate) enum Location {
    File(Place),
    Memory(Memory),
}

impl Location {
    pub(crate) fn memory() -> Self {
        Self::Memory(Memory::default())
    }
}

/// How to open.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Opening {
    pub(crate) setup: Setup,
    pub(crate) create: bool,
    /// Whether a commit is durable when it returns.
    pub(crate) syncs: bool,
    /// A number of commands in the log that makes a checkpoint due.
    pub(crate) checkpoint_commands: u64,
    /// The age of the oldest of them that does so too.
    pub(crate) checkpoint_age: Duration,
    /// How many bytes of rows a load into a store without conversations sorts at a time.
    pub(crate) run_bytes: usize,
}

impl Default for Opening {
    fn default() -> Self {
        Self {
            setup: Setup {
                tables: tables::ALL,
                fold: plan::fold,
                cache_bytes: 256 << 20,
                read_only: false,
                lock_timeout: Duration::ZERO,
                expected: None,
                rewrites: false,
                file_id: [0; 16],
                access: None,
                wal_bytes: 16 << 20,
            },
            create: true,
            syncs: true,
            checkpoint_commands: u64::MAX,
            checkpoint_age: Duration::from_secs(20),
            run_bytes: 48 << 20,
        }
    }
}

impl Opening {
    /// How a copy of a database is made, for those who may open it.
    fn setup_like(&self, database: &Database) -> Result<Setup> {
        Ok(Setup {
            access: database.access()?,
            ..self.setup
        })
    }
}

/// An open file.
pub(crate) struct Engine {
    database: Arc<Database>,
    location: Arc<Location>,
    levels: Levels,
    /// None in memory.
    wal: Option<Wal>,
    opening: Opening,
    /// The bytes in the live tier that make a checkpoint due.
    due_bytes: usize,
    logged: Logged,
    stage: Stage,
    /// Redb was opened anew, and earlier views answer errors.
    is_restarted: bool,
    /// The outcome of the last commit is unknown: what it wrote is not read before the file is opened again.
    is_unknown: bool,
    /// The path may lead to a packed copy, which holds the same: nothing more is written here.
    may_be_replaced: bool,
    monitor: Monitor,
}

/// The file as one commit left it.
pub(crate) struct View {
    // Before the database, so that it is dropped before: a file that a packed copy has replaced
    // is open for as long as somebody reads it.
    pub(super) rows: ReadTables,
    database: Arc<Database>,
    pub(super) known: Resident,
    location: Arc<Location>,
    pub(super) levels: Levels,
}

impl View {
    pub(crate) fn reader(&self) -> Reader<'_, ReadTables> {
        Reader {
            rows: &self.rows,
            known: &self.known,
        }
    }

    /// Whether it answers nothing more that it has to read: a damaged page ended the handle of redb.
    pub(crate) fn is_ended(&self) -> bool {
        self.database.is_ended()
    }

    pub(crate) fn head(&self) -> Head {
        self.known.head
    }

    pub(crate) fn file_bytes(&self) -> Result<u64> {
        match &*self.location {
            Location::Memory(memory) => Ok(memory.len()),
            Location::File(place) => place.file_len(),
        }
    }

    /// The bytes of the file in front of the pages.
    pub(crate) fn reserved_bytes(&self) -> u64 {
        let file = self.database.file();
        file.map_or(0, |file| file.superblock().wal().end)
    }

    /// The rows of conversations, messages, notes, the index and the catalog. O(rows that are
    /// buffered).
    pub(crate) fn counts(&self) -> Result<[u64; 5]> {
        Ok([
            self.rows.len(tables::CONVERSATIONS)?,
            self.rows.len(tables::MESSAGES)?,
            self.rows.len(tables::NOTES)?,
            self.rows.len(tables::INDEX)?,
            self.rows.len(tables::CATALOG)?,
        ])
    }

    /// The bytes of keys and values, and all that the pages they lie in take up. O(pages)!
    pub(crate) fn sizes(&self) -> Result<[u64; 2]> {
        let mut sizes = [0; 2];
        for table in tables::ALL {
            let of_table = self.rows.size(*table)?;
            let added = sizes.iter_mut().zip(of_table);
            added.for_each(|(sum, bytes)| *sum += bytes);
        }
        Ok(sizes)
    }
}

/// How often a closing looks whether the last reader is gone.
const POLL: Duration = Duration::from_micros(50);

/// More racing creators than that, one after another, are none.
const MAX_CREATIONS: usize = 16;

impl Engine {
    pub(crate) fn open(location: &Location, opening: &Opening, monitor: Monitor) -> Result<Self> {
        let (database, location) = match location {
            Location::Memory(memory) => {
                let new = memory.is_empty();
                let database = Database::open_memory(memory, &opening.setup)?;
                if new {
                    initialise(&database, opening.setup.file_id)?;
                }
                (database, location.clone())
            }
            Location::File(place) => {
                let database = open_file(place, opening)?;
                // What is packed, measured and opened again is this very file.
                let place = place.resolve()?;
                // Who gave the file its name may have been killed before the name was durable:
                // nothing is acknowledged in a file that a power cut could take away whole.
                if !opening.setup.read_only {
                    place.sync_directory()?;
                    place.remove_leftovers();
                }
                (database, Location::File(place))
            }
        };
        let mut engine = Self::of(database, location, opening, monitor)?;
        engine.open_wal()?;
        Ok(engine)
    }

    /// An engine that has no log yet.
    fn of(
        database: Database,
        location: Location,
        opening: &Opening,
        monitor: Monitor,
    ) -> Result<Self> {
        meta::check_format(&database)?;
        let database = Arc::new(database);
        let levels = Levels::new(meta::read_seed(&database.begin_read()?)?);
        Ok(Self {
            database,
            location: Arc::new(location),
            levels,
            wal: None,
            opening: *opening,
            due_bytes: FIRST_DUE_BYTES,
            logged: Logged::new(),
            stage: Stage::Idle,
            is_restarted: false,
            is_unknown: false,
            may_be_replaced: false,
            monitor,
        })
    }

    /// Opens the log and replays it.
    fn open_wal(&mut self) -> Result<()> {
        let Some(file) = self.database.file().cloned() else {
            return Ok(());
        };
        let checkpoint = stored_position(&self.database.begin_read()?)?;
        self.wal = Some(Wal::new(Arc::clone(&file), checkpoint));
        match file.superblock().clean_at {
            Some(commit) if commit == checkpoint.commit => Ok(()),
            Some(_) => Err(Error::corrupted(
                "the pages are of another commit; `convodb recover`, or `Options::recover`, opens the \
                 store as they are",
            )),
            None => {
                let records = Records::read(&file, checkpoint)?;
                records.check_complete()?;
                self.recover(&records)
            }
        }
    }

    /// The file as it is now. O(users and teams).
    pub(crate) fn view(&self) -> Result<View> {
        self.view_of(Resident::read(&self.database.begin_read()?)?)
    }

    /// The same commit, as redb shows it that was opened anew.
    pub(crate) fn refresh(&self, view: &View) -> Result<View> {
        self.view_of(view.known.clone())
    }

    /// The file as the commit that ended with this left it.
    fn view_of(&self, known: Resident) -> Result<View> {
        Ok(View {
            rows: self.database.begin_read()?,
            database: Arc::clone(&self.database),
            known,
            location: Arc::clone(&self.location),
            levels: self.levels,
        })
    }

    /// A packed copy of the file takes its place, while no checkpoint is under way. After an unknown outcome
    /// either file may have the path. What was viewed before stays readable.
    pub(crate) fn compact(&mut self, view: &View, opening: &Opening) -> Result<(), CommitError> {
        let (database, location) = match self.make_packed(view, opening) {
            Ok((Replaced::New(database), location)) => (database, location),
            Ok((Replaced::Unknown(error), _)) => {
                self.may_be_replaced = true;
                return Err(CommitError::Unknown(error));
            }
            Err(error) => return Err(CommitError::Refused(error)),
        };
        // The old file has no name any more. It closes with its last reader, cleanly or not.
        self.database = Arc::new(*database);
        self.location = Arc::new(location);
        self.logged = Logged::new();
        self.stage = Stage::Idle;
        self.open_wal().map_err(CommitError::Unknown)
    }

    fn make_packed(&self, view: &View, opening: &Opening) -> Result<(Replaced, Location)> {
        self.check_path()?;
        let fill = |database: &Database| copy(view, database);
        let setup = opening.setup_like(&self.database)?;
        let Location::File(place) = &*self.location else {
            let memory = Memory::default();
            let mut database = Database::open_memory(&memory, &setup)?;
            fill(&database)?;
            database.pack()?;
            let database = Replaced::New(Box::new(database));
            return Ok((database, Location::Memory(memory)));
        };
        let replaced = self.database.replace(place, &setup, fill)?;
        Ok((replaced, Location::File(place.clone())))
    }

    /// The id of the file, unless the path may lead to a packed copy.
    pub(crate) fn file_id(&self) -> Option<FileId> {
        let file = self.database.file().filter(|_| !self.may_be_replaced);
        file.map(|file| file.superblock().id)
    }

    pub(crate) fn location(&self) -> &Location {
        &self.location
    }

    /// Waits for the reads that are under way; none is longer than a call.
    pub(crate) fn close(mut self) -> Result<()> {
        let closed = self.close_cleanly();
        let mut shared = self.database;
        loop {
            match Arc::try_unwrap(shared) {
                Ok(database) => return closed.and(database.close()),
                Err(still_read) => shared = still_read,
            }
            std::thread::sleep(POLL);
        }
    }
}

fn open_file(place: &Place, opening: &Opening) -> Result<Database> {
    let setup = &opening.setup;
    let creates = opening.create && !setup.read_only;
    for _ in 0..MAX_CREATIONS {
        match Database::open(place, setup) {
            Err(error) if error.kind() == ErrorKind::NotFound && creates => {
                let fill = |database: &Database| initialise(database, setup.file_id);
                match Database::create(place, setup, fill) {
                    // Another may have published first: the file that is there now is opened.
                    Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
                    _ => {}
                }
            }
            opened => return opened,
        }
    }
    Err(Error::new(
        ErrorKind::Io,
        "the file vanishes as often as it is created",
    ))
}

/// The position of the last checkpoint that the file contains: recovery begins there.
fn stored_position(rows: &impl convodb_kv::Read) -> Result<WalPosition> {
    let checkpoint = kinds::CHECKPOINT.get(rows, &())?;
    checkpoint.ok_or_else(|| Error::corrupted("there is no checkpoint"))
}

/// Makes the tables of a new file, and returns the number of its last commit.
fn initialise(database: &Database, seed: [u8; 16]) -> Result<u64> {
    let transaction = database.begin_write()?;
    {
        let mut rows = transaction.tables();
        rows.create_all()?;
        meta::write_format(&mut rows)?;
        kinds::IDENTITY.put(&mut rows, &(), &Identity(seed))?;
        kinds::CHECKPOINT.put(&mut rows, &(), &WalPosition::default())?;
        Head::new().write(&mut rows)?;
    }
    database.commit(transaction, Durability::Durable)?;
    Ok(0)
}

/// A consistent copy of a view in a new file, whole or not there at all.
pub(crate) fn backup(view: &View, place: &Place, opening: &Opening) -> Result<()> {
    let setup = opening.setup_like(&view.database)?;
    Database::create(place, &setup, |database| copy(view, database))
}

/// The bytes of such a copy, which is made beside the file of the view, or beside this path of one in
/// memory. Returns the number of its last commit.
pub(crate) fn stream(
    view: &View,
    beside: Place,
    opening: &Opening,
    out: &mut dyn io::Write,
) -> Result<CommitSeq> {
    let mut setup = opening.setup_like(&view.database)?;
    let place = match &*view.location {
        Location::File(place) => place,
        Location::Memory(_) => {
            setup.access = Some(Access::PRIVATE);
            &beside
        }
    };
    Database::stream(place, &setup, |database| copy(view, database), out)?;
    Ok(view.known.head.commit_seq)
}

/// Every row of a view, in key order, in one transaction. Returns the number of the view's commit.
fn copy(view: &View, database: &Database) -> Result<u64> {
    let transaction = database.begin_write()?;
    {
        let mut rows = transaction.tables();
        rows.create_all()?;
        for table in tables::ALL {
            scan::copy(&view.rows, *table, &mut rows)?;
        }
        rows.fold(&view.rows)?;
        let position = WalPosition {
            commit: view.known.head.commit_seq.get(),
            ..WalPosition::default()
        };
        kinds::CHECKPOINT.put(&mut rows, &(), &position)?;
    }
    database.commit(transaction, Durability::Durable)?;
    Ok(view.known.head.commit_seq.get())
}
