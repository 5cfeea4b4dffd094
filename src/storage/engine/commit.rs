//! Commits, by the journal or by the file itself, and what the next opening makes of a journal.

use std::sync::Arc;
use std::time::{Duration, Instant};

use convodb_core::{Error, ErrorKind, Result};

use super::checkpoint::Checkpoint;
use super::{Engine, Journaling, Location, View, WriteTransaction};
use crate::index::Levels;
use crate::kv::{Database, Durability, Memtable, Place, WriteTables};
use crate::storage::journal::{self, Epoch, Journal};
use crate::storage::{Applied, Resident, UnitOfWork, kinds};

/// What is in the journal alone.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Journaled {
    pub(crate) commands: u64,
    pub(crate) bytes: u64,
    /// When the journal was last synced, and how long that took.
    pub(crate) synced: Option<(Instant, Duration)>,
    /// How many commands no checkpoint has begun to make durable, and when the first of them was.
    behind: u64,
    since: Instant,
}

impl Journaled {
    pub(super) fn new() -> Self {
        Self {
            commands: 0,
            bytes: 0,
            synced: None,
            behind: 0,
            since: Instant::now(),
        }
    }

    fn sync(&mut self, journal: &mut Journal) -> Result<()> {
        let began = Instant::now();
        let synced = journal.sync();
        self.synced = Some((Instant::now(), began.elapsed()));
        synced
    }

    /// The file holds it all.
    fn clear(&mut self) {
        *self = Self {
            synced: self.synced,
            ..Self::new()
        };
    }
}

/// What the journal holds before the file itself is made durable. The engine then takes many commands
/// at once, in the order of its keys; but until then they lie in memory, some 4 KB each, and an
/// opening after a crash applies them again.
pub(crate) const CHECKPOINT_COMMANDS: u64 = 2_000;
const CHECKPOINT_BYTES: u64 = 4 << 20;

/// What buffers more counts for as many commands; most put half of it, counting what is put over again.
const BYTES_A_COMMAND: u64 = 16 << 10;
const CHECKPOINT_AGE: Duration = Duration::from_secs(60);

/// While a checkpoint is under way commands go on, up to so many times what makes another one due.
const MOST_BEHIND: u64 = 3;

/// Why a commit did not return a view.
#[derive(Debug)]
pub(crate) enum CommitError {
    /// Nothing was written.
    Refused(Error),
    /// It may have happened, and nothing more is written before the file is opened again.
    Unknown(Error),
}

impl Engine {
    /// Waits for another write transaction of the engine to end where nothing is buffered, else for a
    /// checkpoint that is far behind.
    pub(crate) fn begin_write(&mut self) -> Result<WriteTransaction> {
        self.end_checkpoint()?;
        let journaled = self.journaling != Journaling::Off;
        Ok(WriteTransaction {
            raw: if journaled {
                self.database.begin_buffered()?
            } else {
                self.database.begin_write()?
            },
            journaled,
        })
    }

    /// Commits what so many commands came to: by a record of the journal, or, where that cannot hold
    /// it, by making the file itself durable.
    pub(crate) fn commit(
        &mut self,
        transaction: WriteTransaction,
        applied: Applied,
        commands: u64,
    ) -> Result<View, CommitError> {
        let Applied {
            known,
            mut log,
            erases,
            rows,
            ..
        } = applied;
        let payload = log.as_mut().map(|log| log.finish(&known.head));
        let sequence = known.head.commit_seq.get();
        let committed = match (self.journal.take(), payload, rows) {
            (Some(mut journal), Some(payload), Some(rows)) => {
                // It has done nothing in the engine.
                drop(transaction);
                let written = self.write_journal(&mut journal, (sequence, payload), rows, commands);
                self.journal = Some(journal);
                written
            }
            (journal, _, rows) => {
                self.journal = journal;
                self.write_through(transaction, rows, sequence, erases)
            }
        };
        let viewed = committed.and_then(|()| self.view_of(known).map_err(CommitError::Unknown));
        self.broken |= matches!(viewed, Err(CommitError::Unknown(_)));
        if viewed.is_ok() {
            self.start_checkpoint();
        }
        viewed
    }

    fn write_journal(
        &mut self,
        journal: &mut Journal,
        (sequence, payload): (u64, &[u8]),
        rows: Memtable,
        commands: u64,
    ) -> Result<(), CommitError> {
        if let Err(error) = journal.reserve(payload.len()) {
            // A sync that failed may have been that of earlier records.
            self.broken |= !journal.is_synced();
            return Err(CommitError::Refused(error));
        }
        let journaled = &mut self.journaled;
        let before = journal.len();
        journal
            .append(sequence, payload)
            .and_then(|()| match self.journaling {
                Journaling::Synced => journaled.sync(journal),
                Journaling::Unsynced | Journaling::Off => Ok(()),
            })
            .and_then(|()| self.database.commit_buffered(rows))
            .map_err(CommitError::Unknown)?;
        if journaled.behind == 0 {
            journaled.since = Instant::now();
        }
        journaled.commands += commands;
        journaled.behind += commands;
        journaled.bytes += journal.len() - before;
        Ok(())
    }

    /// Makes the file itself durable; no record of the journal so far counts then.
    fn write_through(
        &mut self,
        transaction: WriteTransaction,
        rows: Option<Memtable>,
        sequence: u64,
        erases: bool,
    ) -> Result<(), CommitError> {
        let Some(place) = self.journal_place() else {
            return self
                .database
                .commit(transaction.raw, Durability::Durable)
                .map_err(|error| match error.kind() {
                    ErrorKind::Aborted => CommitError::Refused(error),
                    _ => CommitError::Unknown(error),
                });
        };
        if let Some(checkpoint) = self.checkpoint.take() {
            // What it gives to the file is in this transaction too.
            checkpoint.finish().map_err(|error| self.fail(error))?;
        }
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
        let written = {
            let mut rows = transaction.raw.resume(rows);
            rows.write_through()
                .and_then(|()| kinds::JOURNAL.put(&mut rows, &(), &epoch))
        };
        written.map_err(|error| self.fail(error))?;
        self.database
            .commit(transaction.raw, Durability::QuicklyRepaired)
            .map_err(CommitError::Unknown)?;
        self.journaled.clear();
        self.journal = fresh.or_else(|| self.journal.take());
        if let Some(journal) = &mut self.journal {
            journal.begin(epoch);
            if erases {
                journal.erase().map_err(CommitError::Unknown)?;
            }
        }
        Ok(())
    }

    /// How many commands what is buffered since the last freeze counts for.
    fn buffered_commands(&self) -> u64 {
        self.database.buffered_bytes() as u64 / BYTES_A_COMMAND
    }

    /// Begins a checkpoint, if one is due and none is under way.
    fn start_checkpoint(&mut self) {
        let buffered = self.buffered_commands();
        let Some(journal) = &mut self.journal else {
            return;
        };
        let Journaled { behind, since, .. } = self.journaled;
        let is_due = behind.max(buffered) >= self.checkpoint_commands
            || journal.len() >= CHECKPOINT_BYTES
            || behind > 0 && since.elapsed() >= CHECKPOINT_AGE;
        if self.checkpoint.is_some() || !is_due {
            return;
        }
        let Ok(frozen) = self.database.freeze() else {
            return;
        };
        let epoch = journal.next_epoch(journal.written());
        journal.rotate(epoch);
        self.journaled.behind = 0;
        self.checkpoint = Some(Checkpoint::start(&self.database, frozen, epoch));
    }

    /// Takes note of a checkpoint that is done, and waits for one that is far behind.
    fn end_checkpoint(&mut self) -> Result<()> {
        let is_far_behind = || {
            let most = self.checkpoint_commands.saturating_mul(MOST_BEHIND);
            let bytes = self.journal.as_ref().map_or(0, Journal::len);
            self.journaled.behind.max(self.buffered_commands()) >= most
                || bytes >= CHECKPOINT_BYTES * MOST_BEHIND
        };
        match &self.checkpoint {
            Some(checkpoint) if checkpoint.is_done() || is_far_behind() => self.await_checkpoint(),
            _ => Ok(()),
        }
    }

    /// Waits for the checkpoint that is under way, if one is. An error is the file's: nothing more is
    /// written before it is opened again.
    pub(crate) fn await_checkpoint(&mut self) -> Result<()> {
        let Some(checkpoint) = self.checkpoint.take() else {
            return Ok(());
        };
        let ended = checkpoint
            .finish()
            .and_then(|frozen| self.database.forget_frozen(&frozen));
        match &ended {
            Ok(()) => {
                self.journaled.commands = self.journaled.behind;
                self.journaled.bytes = self.journal.as_ref().map_or(0, Journal::len);
            }
            Err(_) => self.broken = true,
        }
        ended
    }

    fn fail(&mut self, error: Error) -> CommitError {
        self.broken = true;
        CommitError::Refused(error)
    }

    /// Whether what the file and the journal hold is for the next opening to find out.
    pub(crate) fn is_broken(&self) -> bool {
        self.broken
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
        let known = kinds::JOURNAL.get(&self.database.begin_read()?, &())?;
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
        let checkpointed = self.await_checkpoint();
        if self.broken {
            return checkpointed;
        }
        let Some(journal) = self.journal.take() else {
            return Ok(());
        };
        let epoch = closed(journal.next_epoch(0));
        let retired = self
            .give_all(|rows| kinds::JOURNAL.put(rows, &(), &epoch))
            .and_then(|()| journal.remove());
        self.broken |= retired.is_err();
        self.journaled = Journaled::new();
        retired
    }

    /// Gives the file all that is buffered, and some more, while nobody writes.
    fn give_all(&self, more: impl FnOnce(&mut WriteTables<'_>) -> Result<()>) -> Result<()> {
        let frozen = self.database.freeze()?;
        self.database.begin_write()?.write_frozen(&frozen, more)?;
        self.database.forget_frozen(&frozen)
    }
}

/// Applies what is in the journal alone, makes the file durable, and takes the journal away.
pub(super) fn recover(database: &Arc<Database>, place: &Place, levels: Levels) -> Result<()> {
    let epoch = kinds::JOURNAL.get(&database.begin_read()?, &())?;
    if let Some(epoch) = epoch.filter(|epoch| epoch.open) {
        let records = journal::read(place, &epoch)?;
        let known = Resident::read(&database.begin_read()?)?;
        let done = known.head.commit_seq.get();
        let missing = records.iter().skip_while(|(sequence, _)| *sequence <= done);
        let transaction = database.begin_buffered()?;
        let writer = UnitOfWork::new(transaction.tables(), known, levels, None);
        let applied = writer.replay(missing)?;
        {
            let mut rows = transaction.resume(applied);
            rows.write_through()?;
            let next = Epoch {
                generation: epoch.generation + 2,
                ..epoch
            };
            kinds::JOURNAL.put(&mut rows, &(), &closed(next))?;
        }
        database.commit(transaction, Durability::QuicklyRepaired)?;
    }
    journal::clear(place, epoch.as_ref())
}

/// What says that no journal counts.
fn closed(epoch: Epoch) -> Epoch {
    Epoch {
        open: false,
        ..epoch
    }
}
