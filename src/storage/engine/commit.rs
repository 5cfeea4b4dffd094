//! Commits: a record of the write-ahead log and rows in the memtable, or, where these would be too
//! large, a checkpoint of their own.

use std::mem;
use std::time::{Duration, Instant};

use convodb_core::{Error, ErrorKind, Result};

use super::checkpoint::Checkpoint;
use super::health::Incident;
use super::{Engine, Location, View, WriteTransaction};
use crate::kv::{self, Durability, Memtable, Records, Room, WalPosition};
use crate::storage::{Applied, Resident, UnitOfWork, kinds};

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
    behind: u64,
    since: Instant,
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

/// A checkpoint is due when the live tier takes as many bytes as are thought to change this share of the
/// pages that redb caches: it writes those beyond a half of them twice.
const DIRTY_SHARE: (usize, usize) = (7, 16);
pub(super) const FIRST_DUE_BYTES: usize = 16 << 20;
const LEAST_DUE_BYTES: usize = 4 << 20;
const MOST_DUE_BYTES: usize = 48 << 20;

/// A checkpoint is due when the log's records take this share of the ring.
const DUE_SHARE: u64 = 4;

/// Commands wait for a checkpoint when they have come this many times past the point at which the
/// next one is due.
const MOST_BEHIND: u64 = 3;

/// A checkpoint that had no room is tried again after this.
const STALL: Duration = Duration::from_secs(1);

/// The last checkpoint had no room.
#[derive(Debug)]
pub(super) struct Stalled {
    error: Error,
    at: Instant,
}

/// What is left of checkpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tended {
    Done,
    /// One is under way, or waits for room.
    Waits,
    /// Commits that are not old enough for one.
    Logged,
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
        Ok(match &self.wal {
            Some(wal) => WriteTransaction {
                raw: self.database.begin_buffered()?,
                log_bytes: Some(wal.largest_payload()),
            },
            None => WriteTransaction {
                raw: self.database.begin_write()?,
                log_bytes: None,
            },
        })
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
            Err(CommitError::Unknown(error)) => self.fail(error),
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
                .commit(transaction.raw, Durability::Durable)
                .map_err(|error| match error.kind() {
                    ErrorKind::Aborted => CommitError::Refused(error),
                    _ => CommitError::Unknown(error),
                });
        };
        let position = wal.end_without_record();
        self.check_path().map_err(CommitError::Refused)?;
        self.await_checkpoint().map_err(CommitError::Refused)?;
        if let Some(stalled) = &self.stalled {
            return Err(CommitError::Refused(stalled.error.clone()));
        }
        if let Err(error) = self.commit_through(transaction.raw, rows, position) {
            return Err(self.resolve(position, error));
        }
        match &self.wal {
            Some(wal) if erases => wal.erase().map_err(CommitError::Unknown),
            _ => Ok(()),
        }
    }

    /// Finds out whether a commit of redb happened that returned an error.
    fn resolve(&mut self, position: WalPosition, error: Error) -> CommitError {
        if self.database.is_unsynced() || self.restart().is_err() {
            return CommitError::Unknown(error);
        }
        match self.stored_position() {
            Ok(Some(found)) if found != position => CommitError::Refused(error),
            _ => CommitError::Unknown(error),
        }
    }

    /// The position of the last checkpoint that the file contains.
    fn stored_position(&self) -> Result<Option<WalPosition>> {
        kinds::CHECKPOINT.get(&self.database.begin_read()?, &())
    }

    /// Opens redb anew, if an error has ended its handle.
    pub(crate) fn restart_if_ended(&mut self) -> Result<()> {
        if !self.database.is_ended() {
            return Ok(());
        }
        match self.finish_checkpoint() {
            Ok(()) => self.restart(),
            Err(error) => self.stall(error),
        }
    }

    /// Opens redb anew, while no checkpoint is under way. The next view is of the new one.
    fn restart(&mut self) -> Result<()> {
        let restarted = match self.database.is_unsynced() {
            true => Err(Error::new(ErrorKind::Io, "a sync of the file failed")),
            false => self.database.restart(),
        };
        if let Err(error) = restarted {
            self.fail(&error);
            return Err(error);
        }
        self.is_restarted = true;
        match self.unwritten {
            // The checkpoint that failed happened all the same.
            Some(position) if self.stored_position()? == Some(position) => {
                self.database.set_frozen_written();
                self.pass_checkpoint(position)
            }
            _ => Ok(()),
        }
    }

    /// Whether redb was opened anew since the last call: earlier views answer errors.
    pub(crate) fn take_restarted(&mut self) -> bool {
        mem::take(&mut self.is_restarted)
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
        transaction: kv::WriteTransaction,
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
        self.unwritten = None;
        if let Some(wal) = &mut self.wal {
            wal.reclaim(position);
        }
        Ok(())
    }

    /// How many times the bounds of a checkpoint the log and the memtable hold, without those of the
    /// checkpoint that is under way.
    fn is_behind(&self, times: u64) -> bool {
        let Some(wal) = &self.wal else {
            return false;
        };
        let [live, _] = self.database.buffered_bytes();
        live as u64 >= self.due_bytes as u64 * times
            || self.logged.behind >= self.opening.checkpoint_commands.saturating_mul(times)
            || wal.bytes() >= wal.capacity() / DUE_SHARE * times
    }

    /// Begins a checkpoint, if one is due and none is under way.
    fn start_checkpoint(&mut self) {
        let Logged { behind, since, .. } = self.logged;
        let is_old = behind > 0 && since.elapsed() >= self.opening.checkpoint_age;
        let is_due = match &self.stalled {
            Some(stalled) => stalled.at.elapsed() >= STALL,
            None => is_old || self.is_behind(1) || self.unwritten.is_some(),
        };
        if self.checkpoint.is_some() || !is_due || self.check_path().is_err() {
            return;
        }
        let began = Instant::now();
        // Where redb's handle has ended, the next command opens it anew.
        if self.begin_checkpoint().is_ok() {
            self.took_a_step(began);
        }
    }

    /// Freezes what is buffered and begins to write it. What an earlier checkpoint did not write is
    /// frozen still, and it alone.
    fn begin_checkpoint(&mut self) -> Result<()> {
        let Some(wal) = &self.wal else {
            return Ok(());
        };
        let frozen = self.database.freeze()?;
        let position = *self.unwritten.get_or_insert_with(|| {
            self.logged.behind = 0;
            wal.end()
        });
        self.checkpoint = Some(Checkpoint::start(&self.database, frozen, position));
        Ok(())
    }

    fn took_a_step(&mut self, began: Instant) {
        let longest = &mut self.logged.longest_step;
        *longest = began.elapsed().max(*longest);
    }

    /// Finishes a checkpoint that is done, and waits for one where the commands are far behind.
    fn end_checkpoint(&mut self) -> Result<()> {
        match &self.checkpoint {
            Some(checkpoint) if checkpoint.is_done() || self.is_behind(MOST_BEHIND) => {
                self.await_checkpoint()
            }
            _ => Ok(()),
        }
    }

    /// Finishes a checkpoint that is done, or begins one that is due.
    pub(crate) fn tend_checkpoint(&mut self) -> Result<Tended> {
        self.restart_if_ended()?;
        self.end_checkpoint()?;
        self.start_checkpoint();
        let is_logged = self.wal.as_ref().is_some_and(|wal| wal.bytes() > 0);
        Ok(if self.checkpoint.is_some() || self.stalled.is_some() {
            Tended::Waits
        } else if is_logged {
            Tended::Logged
        } else {
            Tended::Done
        })
    }

    /// Waits for the checkpoint that is under way, if one is. Where it failed for want of room, it is
    /// tried again later, and what it did not write is in the log.
    pub(crate) fn await_checkpoint(&mut self) -> Result<()> {
        match self.finish_checkpoint() {
            Ok(()) => self.restart_if_ended(),
            Err(error) => self.stall(error),
        }
    }

    /// Waits for the checkpoint that is under way, if one is, and takes note of its success.
    fn finish_checkpoint(&mut self) -> Result<()> {
        let Some(checkpoint) = self.checkpoint.take() else {
            return Ok(());
        };
        let began = checkpoint.is_done().then(Instant::now);
        let position = checkpoint.finish()?;
        let finished = self.pass_checkpoint(position);
        if let Some(began) = began {
            self.took_a_step(began);
        }
        finished
    }

    /// The pages contain everything before a position.
    fn pass_checkpoint(&mut self, position: WalPosition) -> Result<()> {
        self.stalled = None;
        self.unwritten = None;
        let [_, frozen] = self.database.buffered_bytes();
        self.adapt_due_bytes(frozen);
        if let Some(wal) = &mut self.wal {
            wal.reclaim(position);
            self.logged.commands = self.logged.behind;
            self.logged.bytes = wal.bytes();
        }
        self.database.forget_frozen()
    }

    /// Makes the next checkpoint change as many pages as redb has room for, by what the last one wrote.
    fn adapt_due_bytes(&mut self, frozen: usize) {
        let written = self.database.take_written_bytes();
        let (part, whole) = DIRTY_SHARE;
        // A few pages say nothing.
        if written > LEAST_DUE_BYTES {
            let wanted = frozen as u128 * (self.opening.setup.cache_bytes * part / whole) as u128;
            let wanted = usize::try_from(wanted / written as u128).unwrap_or(MOST_DUE_BYTES);
            self.due_bytes = wanted.clamp(LEAST_DUE_BYTES, MOST_DUE_BYTES);
        }
    }

    /// Takes note of a checkpoint that failed, unless it happened all the same.
    fn stall(&mut self, error: Error) -> Result<()> {
        self.restart()?;
        if self.unwritten.is_none() {
            // It happened all the same.
            return Ok(());
        }
        match error.kind() {
            // A read met a damaged page, which ended the handle of both.
            ErrorKind::NeedsReopen => Ok(()),
            ErrorKind::StorageFull => {
                let at = Instant::now();
                self.stalled = Some(Stalled { error, at });
                Ok(())
            }
            _ => {
                self.fail(&error);
                Err(error)
            }
        }
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
    fn fail(&self, error: &Error) {
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

    /// Makes a checkpoint of every commit, while nothing else writes. After an error the commits are
    /// in the log.
    pub(crate) fn checkpoint_all(&mut self) -> Result<()> {
        self.await_checkpoint()?;
        let is_left = |engine: &Self| engine.wal.as_ref().is_some_and(|wal| wal.bytes() > 0);
        // The first may write what an earlier one did not, and the second what came since.
        for _ in 0..2 {
            if !is_left(self) {
                return Ok(());
            }
            self.check_path()?;
            self.stalled = None;
            self.begin_checkpoint()?;
            self.await_checkpoint()?;
        }
        match &self.stalled {
            Some(stalled) => Err(stalled.error.clone()),
            None if is_left(self) => Err(Error::new(
                ErrorKind::Io,
                "a damaged page kept a checkpoint from its end",
            )),
            None => Ok(()),
        }
    }

    /// Checkpoints everything and marks the file as closed, so that the next opening reads no log.
    pub(crate) fn close_cleanly(&mut self) -> Result<()> {
        if self.monitor.check_write().is_err() {
            // The next opening recovers.
            self.await_checkpoint()?;
            return self.check_path();
        }
        self.checkpoint_all()?;
        self.check_path()?;
        match &self.wal {
            Some(wal) => wal.close(),
            None => Ok(()),
        }
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
        transaction: kv::WriteTransaction,
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
