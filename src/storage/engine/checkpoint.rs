//! Checkpoints: the rows of the commits in the log are written to redb's pages, on a thread of their
//! own, while commands go on.

use std::mem;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use convodb_core::{Error, ErrorKind, Result};

use super::commit::Logged;
use super::{Engine, stored_position};
use crate::storage::kinds;
use convodb_kv::{Database, Frozen, Holds, WalPosition, WriteTransaction};

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

/// A checkpoint that is under way is looked at after this, and one that had no room tried again.
const SOON: Duration = Duration::from_secs(1);

/// What the checkpoint is at.
pub(super) enum Stage {
    Idle,
    Running(Checkpoint),
    /// What is frozen, up to this position, is not known to be written.
    Failed {
        position: WalPosition,
        /// There was no room then.
        full: Option<(Error, Instant)>,
    },
}

impl Stage {
    /// Why and when the last one had no room.
    pub(super) fn full(&self) -> Option<&(Error, Instant)> {
        match self {
            Self::Failed { full, .. } => full.as_ref(),
            Self::Idle | Self::Running(_) => None,
        }
    }
}

/// A checkpoint that is under way. Dropped, it is waited for.
pub(super) struct Checkpoint {
    position: WalPosition,
    /// Nothing where it was done at once, or was waited for.
    thread: Option<JoinHandle<Result<()>>>,
    done: Result<()>,
}

impl Checkpoint {
    /// Begins to write frozen rows, and the position behind their commits, where recovery will begin.
    ///
    /// The transaction of redb begins here: who needs one from now on waits until this one is done,
    /// and this one waits for nothing.
    fn start(database: &Database, frozen: Frozen, position: WalPosition) -> Self {
        let begun = |thread, done| Self {
            position,
            thread,
            done,
        };
        let transaction = match database.begin_write() {
            Ok(transaction) => transaction,
            Err(error) => return begun(None, Err(error)),
        };
        let (taken, paced) = (frozen.clone(), database.pace());
        let thread = thread::Builder::new()
            .name("convodb-checkpoint".to_owned())
            .spawn(move || {
                let written = write(transaction, taken, &position);
                drop(paced);
                written
            });
        match thread {
            Ok(thread) => begun(Some(thread), Ok(())),
            // There is no thread to be had.
            Err(_) => {
                let transaction = database.begin_write();
                begun(
                    None,
                    transaction.and_then(|it| write(it, frozen, &position)),
                )
            }
        }
    }

    fn is_done(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Waits for its end.
    fn finish(mut self) -> Result<()> {
        self.wait();
        mem::replace(&mut self.done, Ok(()))
    }

    fn wait(&mut self) {
        if let Some(thread) = self.thread.take() {
            // It panics only where the engine does, as it may on a damaged page.
            let ended = |_| Err(Error::corrupted("the engine panicked in a checkpoint"));
            self.done = thread.join().unwrap_or_else(ended);
        }
    }
}

fn write(transaction: WriteTransaction, frozen: Frozen, position: &WalPosition) -> Result<()> {
    transaction.write_frozen(frozen, |rows| kinds::CHECKPOINT.put(rows, &(), position))
}

impl Drop for Checkpoint {
    fn drop(&mut self) {
        self.wait();
    }
}

impl Engine {
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
    pub(super) fn start_checkpoint(&mut self) {
        let Logged { behind, since, .. } = self.logged;
        let is_due = match &self.stage {
            Stage::Idle => {
                let is_old = behind > 0 && since.elapsed() >= self.opening.checkpoint_age;
                is_old || self.is_behind(1)
            }
            Stage::Running(_) => false,
            Stage::Failed { full, .. } => full.as_ref().is_none_or(|(_, at)| at.elapsed() >= SOON),
        };
        if !is_due || self.check_path().is_err() {
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
        let position = match &self.stage {
            Stage::Failed { position, .. } => *position,
            Stage::Idle | Stage::Running(_) => {
                self.logged.behind = 0;
                wal.end()
            }
        };
        self.stage = Stage::Running(Checkpoint::start(&self.database, frozen, position));
        Ok(())
    }

    fn took_a_step(&mut self, began: Instant) {
        let longest = &mut self.logged.longest_step;
        *longest = began.elapsed().max(*longest);
    }

    /// Finishes a checkpoint that is done, and waits for one where the commands are far behind.
    pub(super) fn end_checkpoint(&mut self) -> Result<()> {
        match &self.stage {
            Stage::Running(checkpoint) if checkpoint.is_done() || self.is_behind(MOST_BEHIND) => {
                self.await_checkpoint()
            }
            _ => Ok(()),
        }
    }

    /// Finishes a checkpoint that is done, or begins one that is due. Returns when to look again, if
    /// anything is left.
    pub(crate) fn tend_checkpoint(&mut self) -> Result<Option<Duration>> {
        self.restart_if_ended()?;
        self.end_checkpoint()?;
        self.start_checkpoint();
        let is_logged = self.wal.as_ref().is_some_and(|wal| wal.bytes() > 0);
        Ok(match self.stage {
            Stage::Idle => is_logged.then_some(self.opening.checkpoint_age),
            _ => Some(SOON),
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
        let stage = mem::replace(&mut self.stage, Stage::Idle);
        let Stage::Running(checkpoint) = stage else {
            self.stage = stage;
            return Ok(());
        };
        let began = checkpoint.is_done().then(Instant::now);
        if began.is_none() {
            self.database.stop_pacing();
        }
        let position = checkpoint.position;
        checkpoint.finish().inspect_err(|_| {
            let full = None;
            self.stage = Stage::Failed { position, full };
        })?;
        let finished = self.pass_checkpoint(position);
        if let Some(began) = began {
            self.took_a_step(began);
        }
        finished
    }

    /// The pages contain everything before a position.
    fn pass_checkpoint(&mut self, position: WalPosition) -> Result<()> {
        self.stage = Stage::Idle;
        self.adapt_due_bytes();
        if let Some(wal) = &mut self.wal {
            wal.reclaim(position);
            self.logged.commands = self.logged.behind;
            self.logged.bytes = wal.bytes();
        }
        self.database.forget_frozen()
    }

    /// Makes the next checkpoint change as many pages as redb has room for, by what the last one wrote.
    fn adapt_due_bytes(&mut self) {
        let [_, frozen] = self.database.buffered_bytes();
        let written = self.database.take_written_bytes();
        let (part, whole) = DIRTY_SHARE;
        // A few pages say nothing.
        if written > LEAST_DUE_BYTES {
            let share = self.opening.setup.cache_bytes * part / whole;
            let wanted = frozen as u128 * share as u128 / written as u128;
            let wanted = usize::try_from(wanted).unwrap_or(MOST_DUE_BYTES);
            self.due_bytes = wanted.clamp(LEAST_DUE_BYTES, MOST_DUE_BYTES);
        }
    }

    /// Takes note of a checkpoint that failed, unless it happened all the same.
    fn stall(&mut self, error: Error) -> Result<()> {
        self.restart()?;
        match (&mut self.stage, error.kind()) {
            // Or a read met a damaged page, which ended the handle of both.
            (Stage::Idle | Stage::Running(_), _) | (_, ErrorKind::NeedsReopen) => Ok(()),
            (Stage::Failed { full, .. }, ErrorKind::StorageFull) => {
                *full = Some((error, Instant::now()));
                Ok(())
            }
            _ => {
                self.fail(&error);
                Err(error)
            }
        }
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
    pub(super) fn restart(&mut self) -> Result<()> {
        self.restart_after(None).map(drop)
    }

    /// The same after a commit of redb that returned an error, with the position that it was to leave.
    /// Whether it happened.
    pub(super) fn restart_after(&mut self, committing: Option<WalPosition>) -> Result<bool> {
        let mut found = None;
        let failed = match self.stage {
            Stage::Failed { position, .. } => Some(position),
            Stage::Idle | Stage::Running(_) => None,
        };
        let restarted = match self.database.is_unsynced() {
            true => Err(Error::new(ErrorKind::Io, "a sync of the file failed")),
            false => self.database.restart(|rows| {
                found = Some(stored_position(rows)?);
                Ok(if found == committing {
                    Holds::Everything
                } else if found == failed {
                    // The checkpoint that failed happened all the same.
                    Holds::Frozen
                } else {
                    Holds::Nothing
                })
            }),
        };
        if let Err(error) = restarted {
            self.fail(&error);
            return Err(error);
        }
        self.is_restarted = true;
        if let Some(position) = failed
            && found == failed
        {
            self.pass_checkpoint(position)?;
        }
        Ok(committing.is_some() && found == committing)
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
            self.begin_checkpoint()?;
            self.await_checkpoint()?;
        }
        match self.stage.full() {
            Some((error, _)) => Err(error.clone()),
            None if is_left(self) => {
                let message = "a damaged page kept a checkpoint from its end";
                Err(Error::new(ErrorKind::Io, message))
            }
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
}
