//! Commits: a record of the write-ahead log and rows in the memtable, or, where these would be too
//! large, a checkpoint of their own.

use std::mem;
use std::sync::Arc;
use std::time::{Duration, Instant};

use convodb_core::{Error, ErrorKind, Result};

use super::checkpoint::Stage;
use super::health::Incident;
use super::{Engine, Location, View};
use crate::storage::log_record::LogRecord;
use crate::storage::{Applied, Resident, UnitOfWork, kinds};
use convodb_kv::{Durability, Memtable, Records, Room, Wal, WalPosition, WriteTransaction};

/// The commits in the log that no checkpoint contains.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Logged {
    pub(crate) commands: u64,
    pub(crate) bytes: u64,
    /// When the log was last synced, and how long that took.
    pub(crate) synced: Option<(Instant, Duration)>,
    /// The longest time that a step of a checkpoint has held the write lock.
    pub(crate) longest_step: Duration,
    /// The number of commands for which no checkpoint has begun, and when the first of them came.
    pub(super) behind: u64,
    pub(super) since: Instant,
}

impl Logged {
    pub(super) fn new() -> Self {
        Self {
            commands: 0,
            bytes: 0,
            synced: None,
            longest_step: Duration::ZERO,
            behind: 0,
            since: Instant::now(),
        }
    }

    /// A checkpoint contains them all.
    fn clear(&mut self) {
        *self = Self {
            synced: self.synced,
            longest_step: self.longest_step,
            ..Self::new()
        };
    }
}

/// Why a commit did not return a view.
#[derive(Debug)]
pub(crate) enum CommitError {
    /// Nothing was written.
    Refused(Error),
    /// It may have happened, and nothing more is written before the file is opened again.
    Unknown(Error),
}

impl Engine {
    /// Waits for a write transaction of redb to end where nothing is buffered, else for a checkpoint
    /// that is far behind.
    pub(crate) fn begin_write(&mut self) -> Result<WriteTransaction> {
        self.restart_if_ended()?;
        self.end_checkpoint()?;
        match self.wal {
            Some(_) => self.database.begin_buffered(),
            None => self.database.begin_write(),
        }
    }

    /// A unit of work on the tables of a transaction, as the last commit left them.
    pub(crate) fn unit_of_work<'t>(
        &self,
        transaction: &'t WriteTransaction,
        view: &View,
    ) -> UnitOfWork<'t> {
        let log = self.wal.as_ref().map(Wal::largest_payload);
        let log = log.map(LogRecord::new);
        let mut unit = UnitOfWork::new(transaction.tables(), view.known.clone(), self.levels, log);
        unit.runs = Some((Arc::clone(&self.location), self.opening.run_bytes));
        unit
    }

    /// Commits what so many commands came to.
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
        if let Some(wal) = &self.wal {
            wal.mark_open().map_err(|error| self.refused(error))?;
        }
        let payload = log.as_mut().map(|log| log.finish(&known.head));
        let committed = match (&mut self.wal, payload, rows) {
            (Some(wal), Some(payload), Some(rows)) if wal.room(payload.len()) == Room::Now => {
                // It has done nothing in redb.
                drop(transaction);
                self.write_log(payload, rows, commands)
            }
            (_, _, rows) => self.write_through(transaction, rows, erases),
        };
        let viewed = committed.and_then(|()| self.view_of(known).map_err(CommitError::Unknown));
        match &viewed {
            Ok(_) => self.start_checkpoint(),
            Err(CommitError::Unknown(error)) => {
                self.is_unknown = true;
                self.fail(error);
            }
            Err(CommitError::Refused(_)) => {}
        }
        viewed
    }

    fn write_log(
        &mut self,
        payload: &[u8],
        rows: Memtable,
        commands: u64,
    ) -> Result<(), CommitError> {
        let Some(wal) = &mut self.wal else {
            return Ok(());
        };
        if let Err(error) = wal.prepare(payload.len()) {
            return Err(self.refused(error));
        }
        let began = Instant::now();
        wal.append(payload, self.opening.syncs)
            .and_then(|()| self.database.commit_buffered(rows))
            .map_err(CommitError::Unknown)?;
        let logged = &mut self.logged;
        if self.opening.syncs {
            logged.synced = Some((Instant::now(), began.elapsed()));
        }
        if logged.behind == 0 {
            logged.since = began;
        }
        logged.commands += commands;
        logged.behind += commands;
        logged.bytes = wal.bytes();
        Ok(())
    }

    /// Commits by a transaction of redb, which is a checkpoint too.
    fn write_through(
        &mut self,
        transaction: WriteTransaction,
        rows: Option<Memtable>,
        erases: bool,
    ) -> Result<(), CommitError> {
        let Some(wal) = &mut self.wal else {
            return self
                .database
                .commit(transaction, Durability::Durable)
                .map_err(|error| match error.kind() {
                    ErrorKind::Aborted => CommitError::Refused(error),
                    _ => CommitError::Unknown(error),
                });
        };
        let position = wal.end_without_record();
        self.check_path().map_err(CommitError::Refused)?;
        self.await_checkpoint().map_err(CommitError::Refused)?;
        if let Some((error, _)) = self.stage.full() {
            return Err(CommitError::Refused(error.clone()));
        }
        if let Err(error) = self.commit_through(transaction, rows, position) {
            return Err(self.resolve(position, error));
        }
        match &self.wal {
            Some(wal) if erases => wal.erase().map_err(CommitError::Unknown),
            _ => Ok(()),
        }
    }

    /// Finds out whether a commit of redb happened that returned an error.
    fn resolve(&mut self, position: WalPosition, error: Error) -> CommitError {
        match self.restart_after(Some(position)) {
            Ok(false) => CommitError::Refused(error),
            _ => CommitError::Unknown(error),
        }
    }

    /// Whether redb was opened anew since the last call, so that the last view has to be taken again: earlier
    /// ones answer errors.
    pub(crate) fn take_restarted(&mut self) -> bool {
        !self.is_unknown && mem::take(&mut self.is_restarted)
    }

    /// An error, from here on, where the path leads to another file than the open one.
    pub(crate) fn check_path(&self) -> Result<()> {
        let (Location::File(place), Some(file)) = (&*self.location, self.database.file()) else {
            return Ok(());
        };
        if self.may_be_replaced {
            return Ok(());
        }
        place.check_leads_to(file).inspect_err(|error| {
            if error.kind() == ErrorKind::PathChanged {
                self.monitor.report(Incident::PathChanged(error.clone()));
            }
        })
    }

    /// Writes what is buffered, and some more rows, by a transaction of redb.
    pub(super) fn commit_through(
        &mut self,
        transaction: WriteTransaction,
        rows: Option<Memtable>,
        position: WalPosition,
    ) -> Result<()> {
        {
            let mut rows = transaction.resume(rows);
            rows.write_through()?;
            kinds::CHECKPOINT.put(&mut rows, &(), &position)?;
        }
        self.database
            .commit(transaction, Durability::QuicklyRepaired)?;
        self.logged.clear();
        self.stage = Stage::Idle;
        if let Some(wal) = &mut self.wal {
            wal.reclaim(position);
        }
        Ok(())
    }

    /// Nothing of the commit is written. A sync that failed may have been that of earlier records, or of
    /// pages.
    fn refused(&self, error: Error) -> CommitError {
        if self.database.is_unsynced() {
            self.fail(&error);
        }
        CommitError::Refused(error)
    }

    /// Only the next opening can find out what the file holds.
    pub(super) fn fail(&self, error: &Error) {
        self.monitor.report(Incident::WriteFailed(error.clone()));
    }

    /// Makes every commit durable. An error leaves open whether it is.
    pub(crate) fn flush(&mut self) -> Result<()> {
        let Some(wal) = self.wal.as_mut().filter(|wal| !wal.is_durable()) else {
            return Ok(());
        };
        let began = Instant::now();
        let synced = wal.sync();
        self.logged.synced = Some((Instant::now(), began.elapsed()));
        if let Err(error) = &synced {
            self.fail(error);
        }
        synced
    }

    pub(crate) fn logged(&self) -> Logged {
        self.logged
    }

    /// Replays the records of the log into the memtable. A checkpoint begins behind them, as beside one a
    /// third as many are replayed in a second; it begins before where they take much memory.
    pub(super) fn recover(&mut self, records: &Records) -> Result<()> {
        let mut known = Resident::read(&self.database.begin_read()?)?;
        let mut records = records.iter().peekable();
        while records.peek().is_some() {
            let [live, _] = self.database.buffered_bytes();
            if live > self.opening.setup.cache_bytes / 2 {
                self.end_checkpoint()?;
                self.start_checkpoint();
            }
            let transaction = self.database.begin_buffered()?;
            let unit = UnitOfWork::new(transaction.tables(), known, self.levels, None);
            let replayed = unit.replay(&mut records)?;
            known = replayed.known;
            self.commit_replayed(transaction, replayed.rows, replayed.end)?;
        }
        self.start_checkpoint();
        Ok(())
    }

    fn commit_replayed(
        &mut self,
        transaction: WriteTransaction,
        rows: Option<Memtable>,
        end: WalPosition,
    ) -> Result<()> {
        let Some(wal) = &mut self.wal else {
            return Ok(());
        };
        let commits = end.commit - wal.end().commit;
        wal.advance(end);
        if let Some(rows) = rows {
            drop(transaction);
            self.database.commit_buffered(rows)?;
            self.logged.commands += commits;
            self.logged.behind += commits;
            self.logged.bytes = wal.bytes();
            return Ok(());
        }
        self.commit_through(transaction, None, end)
    }
}
