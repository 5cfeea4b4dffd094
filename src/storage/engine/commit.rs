//! Commits, by the journal or by the file itself, and what the next opening makes of a journal.

use std::time::{Duration, Instant};

use super::{Engine, Journaling, Location, View, WriteTransaction};
use crate::error::{Error, ErrorKind, Result};
use crate::index::Levels;
use crate::kv::{Database, Durability, Place};
use crate::storage::journal::{self, Epoch, Journal};
use crate::storage::{Applied, Resident, Writer, meta};

/// What the journal holds since the file was made durable.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Journaled {
    pub(crate) commands: u64,
    pub(crate) bytes: u64,
    since: Instant,
    /// When the journal was last synced, and how long that took.
    pub(crate) synced: Option<(Instant, Duration)>,
}

impl Journaled {
    pub(super) fn new() -> Self {
        Self {
            commands: 0,
            bytes: 0,
            since: Instant::now(),
            synced: None,
        }
    }

    fn sync(&mut self, journal: &mut Journal) -> Result<()> {
        let began = Instant::now();
        let synced = journal.sync();
        self.synced = Some((Instant::now(), began.elapsed()));
        synced
    }
}

/// What the journal holds at the most before the file itself is made durable. What is written of
/// it then grows slower than the number of commands, where they are about the same conversations;
/// but nobody else writes meanwhile, and opening after a crash applies it again.
pub(crate) const CHECKPOINT_COMMANDS: u64 = 1_000;
const CHECKPOINT_BYTES: u64 = 4 << 20;
const CHECKPOINT_AGE: Duration = Duration::from_secs(60);

/// Why a commit did not return a view.
#[derive(Debug)]
pub(crate) enum CommitError {
    /// Nothing was written.
    Refused(Error),
    /// It may have happened, and nothing more is written before the file is opened again.
    Unknown(Error),
}

/// So many records of a journal are applied in one transaction: what they touch lies in memory.
const REPLAYED_AT_ONCE: usize = 1_000;

impl Engine {
    /// Commits what so many commands came to: by a record of the journal, or, where that has become
    /// long or cannot hold it, by making the file itself durable.
    pub(crate) fn commit(
        &mut self,
        transaction: WriteTransaction,
        applied: Applied,
        commands: u64,
    ) -> Result<View, CommitError> {
        let Applied {
            known,
            mut told,
            erases,
        } = applied;
        let payload = match &mut told {
            Some(told) if self.has_room(told.len()) => Some(told.finish(&known.head)),
            _ => None,
        };
        let sequence = known.head.sequence;
        let committed = match (&mut self.journal, payload) {
            (Some(journal), Some(payload)) => {
                journal
                    .reserve(payload.len())
                    .map_err(CommitError::Refused)?;
                journal
                    .append(sequence, payload)
                    .and_then(|()| match self.journaling {
                        Journaling::Synced => {
                            let journaled = &mut self.journaled;
                            self.aside
                                .commit(transaction.raw, || journaled.sync(journal))
                        }
                        Journaling::Unsynced | Journaling::Off => {
                            transaction.raw.commit(Durability::Later)
                        }
                    })
                    .map(|()| {
                        self.journaled.commands += commands;
                        self.journaled.bytes = journal.len();
                    })
                    .map_err(CommitError::Unknown)
            }
            _ => self.checkpoint(transaction, sequence, erases),
        };
        let viewed = committed.and_then(|()| self.view_of(known).map_err(CommitError::Unknown));
        self.broken |= matches!(viewed, Err(CommitError::Unknown(_)));
        viewed
    }

    /// Whether the journal takes a record of this length, without growing long or old.
    fn has_room(&self, payload: usize) -> bool {
        let Some(journal) = &self.journal else {
            return false;
        };
        self.journaled.commands < self.checkpoint_commands
            && journal.len() + payload as u64 <= CHECKPOINT_BYTES
            && self.journaled.since.elapsed() < CHECKPOINT_AGE
    }

    /// Makes the file itself durable; no record of the journal so far counts then.
    fn checkpoint(
        &mut self,
        transaction: WriteTransaction,
        sequence: u64,
        erases: bool,
    ) -> Result<(), CommitError> {
        let Some(place) = self.journal_place() else {
            return transaction
                .raw
                .commit(Durability::Durable)
                .map_err(|error| match error.kind() {
                    ErrorKind::TransactionPoisoned => CommitError::Refused(error),
                    _ => CommitError::Unknown(error),
                });
        };
        let mut fresh = None;
        let epoch = match &self.journal {
            Some(journal) => journal.next_epoch(sequence),
            None => {
                let epoch = self.first_epoch(sequence).map_err(CommitError::Refused)?;
                let made = Journal::create(&place, epoch).map_err(CommitError::Refused)?;
                fresh = Some(made);
                epoch
            }
        };
        let committed = {
            let mut rows = transaction.raw.tables();
            meta::write_epoch(&mut rows, &epoch)
        }
        .and_then(|()| transaction.raw.commit(Durability::QuicklyRepaired));
        committed.map_err(CommitError::Unknown)?;
        self.journaled = Journaled {
            synced: self.journaled.synced,
            ..Journaled::new()
        };
        self.journal = fresh.or_else(|| self.journal.take());
        if let Some(journal) = &mut self.journal {
            journal.begin(epoch);
            if erases {
                journal.erase().map_err(CommitError::Unknown)?;
            }
        }
        Ok(())
    }

    /// Where the journal is, if there is to be one.
    fn journal_place(&self) -> Option<Place> {
        match &*self.location {
            Location::File(place) if self.journaling != Journaling::Off => Some(place.clone()),
            _ => None,
        }
    }

    /// The first epoch of a journal that is made. A lineage goes on where it has been used before.
    fn first_epoch(&self, since: u64) -> Result<Epoch> {
        let known = meta::read_epoch(&self.database.begin_read()?)?;
        let generation = match known {
            Some(known) if known.lineage == self.lineage => known.generation + 1,
            _ => 1,
        };
        Ok(Epoch {
            lineage: self.lineage,
            generation,
            since,
            open: true,
        })
    }

    /// Makes durable what was committed. An error leaves open whether it is.
    pub(crate) fn flush(&mut self) -> Result<()> {
        let Some(journal) = &mut self.journal else {
            return Ok(());
        };
        if journal.is_synced() {
            return Ok(());
        }
        let synced = self.journaled.sync(journal);
        self.broken |= synced.is_err();
        synced
    }

    /// What the journal holds.
    pub(crate) fn journaled(&self) -> Journaled {
        self.journaled
    }

    /// Makes the file durable and takes the journal away, if there is one: all is in one file then.
    /// After an error the next opening finds out.
    pub(crate) fn retire_journal(&mut self) -> Result<()> {
        if self.broken {
            return Ok(());
        }
        let Some(journal) = self.journal.take() else {
            return Ok(());
        };
        let retired =
            close_epoch(&self.database, journal.next_epoch(0)).and_then(|()| journal.remove());
        self.broken |= retired.is_err();
        self.journaled = Journaled::new();
        retired
    }
}

/// Applies what is in the journal alone, makes the file durable, and takes the journal away.
pub(super) fn recover(database: &Database, place: &Place, levels: Levels) -> Result<()> {
    let epoch = meta::read_epoch(&database.begin_read()?)?;
    if let Some(epoch) = epoch.filter(|epoch| epoch.open) {
        let records = journal::read(place, &epoch)?;
        let known = Resident::read(&database.begin_read()?)?;
        let done = known.head.sequence;
        let mut missing = records.iter().skip_while(|(sequence, _)| *sequence <= done);
        let mut known = Some(known);
        while let Some(known_before) = known.take() {
            let mut some = missing.by_ref().take(REPLAYED_AT_ONCE).peekable();
            if some.peek().is_none() {
                break;
            }
            let transaction = database.begin_write()?;
            let writer = Writer::new(transaction.tables(), known_before, levels, None);
            known = Some(writer.replay(some)?);
            transaction.commit(Durability::Later)?;
        }
        let next = Epoch {
            generation: epoch.generation + 1,
            ..epoch
        };
        close_epoch(database, next)?;
    }
    journal::clear(place, epoch.as_ref())
}

/// The file says durably that no journal counts.
fn close_epoch(database: &Database, epoch: Epoch) -> Result<()> {
    let transaction = database.begin_write()?;
    {
        let mut rows = transaction.tables();
        let epoch = Epoch {
            open: false,
            ..epoch
        };
        meta::write_epoch(&mut rows, &epoch)?;
    }
    transaction.commit(Durability::QuicklyRepaired)
}
