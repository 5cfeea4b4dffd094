//! The file as a whole: opened or made, viewed, written, copied.

mod checkpoint;
mod commit;

use std::sync::Arc;
use std::time::Duration;

use convodb_core::{EntityKind, Error, ErrorKind, Result};

use checkpoint::Checkpoint;
use commit::recover;
pub(crate) use commit::{CHECKPOINT_COMMANDS, CommitError, Journaled};

use super::journal::{self, Journal, Lineage, Payload};
use super::meta::Identity;
use super::{Head, Reader, Resident, UnitOfWork, kinds, meta, scan, tables};
use crate::index::Levels;
use crate::kv::{
    self, Database, Durability, Memory, Place, Published, Read as _, ReadTables, Replaced, Setup,
};

/// Where the bytes lie.
#[derive(Clone, Debug)]
pub(crate) enum Location {
    File(Place),
    Memory(Memory),
}

impl Location {
    pub(crate) fn memory() -> Self {
        Self::Memory(Memory::default())
    }

    /// Makes durable what can be read, whatever became of earlier syncs, of a file that nobody has
    /// open. O(file)!
    pub(crate) fn rewrite(&self) -> Result<()> {
        match self {
            Self::File(place) => place.rewrite(),
            Self::Memory(_) => Ok(()),
        }
    }
}

/// How to open.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Opening {
    pub(crate) cache_bytes: usize,
    pub(crate) check_up_to_bytes: u64,
    pub(crate) create: bool,
    /// Random bytes, for a file that is made and for the lineage of a journal.
    pub(crate) seed: [u8; 16],
    pub(crate) journaling: Journaling,
    /// After how many commands in the journal a checkpoint begins.
    pub(crate) checkpoint_commands: u64,
}

/// What of a commit is durable when it returns, and by what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Journaling {
    /// All of it, by the file itself.
    Off,
    /// All of it, by the journal.
    Synced,
    /// What the last [`Engine::flush`] found.
    Unsynced,
}

impl Opening {
    fn setup(&self) -> Setup {
        Setup {
            tables: tables::ALL,
            cache_bytes: self.cache_bytes,
            check_up_to_bytes: self.check_up_to_bytes,
        }
    }
}

/// An open file, and its journal.
#[derive(Debug)]
pub(crate) struct Engine {
    database: Arc<Database>,
    location: Arc<Location>,
    levels: Levels,
    journaling: Journaling,
    checkpoint_commands: u64,
    lineage: Lineage,
    /// Made by the first commit that needs it.
    journal: Option<Journal>,
    journaled: Journaled,
    /// The one that is under way.
    checkpoint: Option<Checkpoint>,
    /// A commit or a checkpoint failed: what the file and the journal hold is for the next opening to
    /// find out.
    broken: bool,
}

/// The file as one commit left it.
#[derive(Debug)]
pub(crate) struct View {
    // Before the database, so that it is dropped before: a file that a packed copy has replaced
    // is open for as long as somebody reads it.
    pub(super) rows: ReadTables,
    _database: Arc<Database>,
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

    pub(crate) fn head(&self) -> Head {
        self.known.head
    }

    pub(crate) fn file_bytes(&self) -> Result<u64> {
        match &*self.location {
            Location::Memory(memory) => Ok(memory.len()),
            Location::File(place) => place.file_len(),
        }
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
            let size = self.rows.size(*table)?;
            let [stored, used] = &mut sizes;
            *stored += size.stored_bytes;
            *used += size.used_bytes;
        }
        Ok(sizes)
    }
}

/// A write transaction that has not begun to change anything.
pub(crate) struct WriteTransaction {
    raw: kv::WriteTransaction,
    journaled: bool,
}

impl WriteTransaction {
    /// Its tables, on what the last commit left.
    pub(crate) fn writer(&self, view: &View) -> UnitOfWork<'_> {
        let log = self.journaled.then(Payload::new);
        UnitOfWork::new(self.raw.tables(), view.known.clone(), view.levels, log)
    }

    pub(crate) fn abort(self) -> Result<()> {
        self.raw.abort()
    }
}

/// What became of a packed copy.
pub(crate) enum Compacted {
    Done,
    /// Whether the file that is open still has its name, or its journal, is not known: what would be
    /// written to it could be lost. The file has to be opened again, whichever it is.
    Unknown(Error),
}

/// How often a closing looks whether the last reader is gone.
const POLL: Duration = Duration::from_micros(50);

/// More racing creators than that, one after another, are none.
const MAX_CREATIONS: usize = 16;

impl Engine {
    pub(crate) fn open(location: &Location, opening: &Opening) -> Result<Self> {
        let (database, location) = match location {
            Location::Memory(memory) => {
                let new = memory.is_empty();
                let database = Database::open_memory(memory, &opening.setup())?;
                if new {
                    initialise(&database, opening.seed)?;
                }
                (database, location.clone())
            }
            Location::File(place) => {
                let database = open_file(place, opening)?;
                // What is packed, measured and opened again is this very file.
                let place = place.resolve()?;
                // Who gave the file its name may have been killed before the name was durable:
                // nothing is acknowledged in a file that a power cut could take away whole.
                place.sync_directory()?;
                (database, Location::File(place))
            }
        };
        meta::check_format(&database)?;
        let database = Arc::new(database);
        let levels = Levels::new(meta::read_seed(&database.begin_read()?)?);
        let journaling = match &location {
            Location::Memory(_) => Journaling::Off,
            Location::File(place) => {
                recover(&database, place, levels)?;
                opening.journaling
            }
        };
        Ok(Self {
            database,
            location: Arc::new(location),
            levels,
            journaling,
            checkpoint_commands: opening.checkpoint_commands,
            lineage: opening.seed,
            journal: None,
            journaled: Journaled::new(),
            checkpoint: None,
            broken: false,
        })
    }

    /// The file as it is now. O(users and teams).
    pub(crate) fn view(&self) -> Result<View> {
        self.view_of(Resident::read(&self.database.begin_read()?)?)
    }

    /// The file as the commit that ended with this left it.
    fn view_of(&self, known: Resident) -> Result<View> {
        Ok(View {
            rows: self.database.begin_read()?,
            _database: Arc::clone(&self.database),
            known,
            location: Arc::clone(&self.location),
            levels: self.levels,
        })
    }

    /// A packed copy of the file takes its place. What was viewed before stays readable, and can be
    /// written only if the answer is that the copy is in place.
    pub(crate) fn compact(&mut self, view: &View, opening: &Opening) -> Result<Compacted> {
        // The copy has none.
        if let Err(error) = self.retire_journal() {
            return Ok(Compacted::Unknown(error));
        }
        let fill = |database: &Database| copy(view, database);
        let (database, location) = match rewrite(&self.location, &opening.setup(), fill)? {
            Rewritten::Done(database, location) => (database, location),
            Rewritten::Unknown(error) => return Ok(Compacted::Unknown(error)),
        };
        // The old file has no name any more. It closes when nobody reads it any longer, and
        // whether it does so cleanly is nobody's concern.
        self.database = Arc::new(database);
        self.location = Arc::new(location);
        Ok(Compacted::Done)
    }

    pub(crate) fn location(&self) -> &Location {
        &self.location
    }

    /// Waits for the reads that are under way; none is longer than a call.
    pub(crate) fn close(mut self) -> Result<()> {
        let retired = self.retire_journal();
        let mut shared = self.database;
        loop {
            match Arc::try_unwrap(shared) {
                Ok(database) => return retired.and(database.close()),
                Err(still_read) => shared = still_read,
            }
            std::thread::sleep(POLL);
        }
    }
}

fn open_file(place: &Place, opening: &Opening) -> Result<Database> {
    let setup = opening.setup();
    for _ in 0..MAX_CREATIONS {
        match Database::open(place, &setup) {
            Err(error) if error.kind() == ErrorKind::NotFound && opening.create => {
                // Whoever published first, the file that is there now is opened.
                Database::create(place, &setup, |database| initialise(database, opening.seed))?;
            }
            opened => return opened,
        }
    }
    Err(Error::new(
        ErrorKind::Io,
        "the file vanishes as often as it is created",
    ))
}

/// What became of a new file that was to take the place of one that is open.
enum Rewritten {
    Done(Database, Location),
    /// The old file may have its name still, or not.
    Unknown(Error),
}

/// A new file in the place of one that is open: after a crash it is the old or the new one.
fn rewrite(
    location: &Location,
    setup: &Setup,
    fill: impl FnOnce(&Database) -> Result<()>,
) -> Result<Rewritten> {
    Ok(match location {
        Location::File(place) => match Database::replace(place, setup, fill)? {
            Replaced::New(database) => Rewritten::Done(database, location.clone()),
            Replaced::Unknown(error) => Rewritten::Unknown(error),
        },
        Location::Memory(_) => {
            let memory = Memory::default();
            let mut database = Database::open_memory(&memory, setup)?;
            fill(&database)?;
            database.pack()?;
            Rewritten::Done(database, Location::Memory(memory))
        }
    })
}

fn initialise(database: &Database, seed: [u8; 16]) -> Result<()> {
    let transaction = database.begin_write()?;
    {
        let mut rows = transaction.tables();
        rows.create_all()?;
        meta::write_format(&mut rows)?;
        kinds::IDENTITY.put(&mut rows, &(), &Identity(seed))?;
        Head::new().write(&mut rows)?;
    }
    database.commit(transaction, Durability::Durable)
}

/// A consistent copy of a view in a new file, whole or not there at all.
pub(crate) fn backup(view: &View, place: &Place, opening: &Opening) -> Result<()> {
    if journal::lies_beside(place)? {
        let path = place.path().display();
        let message = format!("beside `{path}` lies a journal");
        return Err(Error::already_exists(EntityKind::File, path, message));
    }
    match Database::create(place, &opening.setup(), |database| copy(view, database))? {
        Published::New => Ok(()),
        Published::Exists => {
            let path = place.path().display();
            let message = format!("`{path}` exists already");
            Err(Error::already_exists(EntityKind::File, path, message))
        }
    }
}

/// Every row of a view, in key order, in one transaction.
fn copy(view: &View, database: &Database) -> Result<()> {
    let transaction = database.begin_write()?;
    {
        let mut rows = transaction.tables();
        rows.create_all()?;
        for table in tables::ALL {
            scan::copy(&view.rows, *table, &mut rows)?;
        }
        // What is in the journal is in the copy.
        kinds::JOURNAL.remove(&mut rows, &())?;
    }
    database.commit(transaction, Durability::Durable)
}
