//! What the clones of a store share, and the right to write it.

use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};
use std::time::Instant;

use convodb_core::{Error, ErrorKind, Result};

use super::Options;
use super::commit::{self, Group, Queue};
use super::flusher::{Bell, Flusher};
use super::meter::Meter;
use super::refiler::Refiler;
use super::trace;
use super::view::{Ended, Published};
use crate::storage::{CommitError, Engine, Location, View};
use crate::writer::{Job, Transaction};

/// What closes when the last clone is dropped.
pub(super) struct Owner {
    pub(super) shared: Arc<Shared>,
    pub(super) flusher: Option<Flusher>,
}

pub(super) struct Shared {
    pub(super) published: Published,
    pub(super) queue: Queue<Job, Error>,
    pub(super) writing: Mutex<Writing>,
    pub(super) meter: Meter,
    /// Whose turn it is to write, so that a command from within one's own transaction is an error
    /// instead of a wait for ever.
    pub(super) writer: Mutex<Option<ThreadId>>,
    /// Where commits are not durable at once.
    pub(super) bell: Option<Bell>,
    pub(super) refiler: Refiler,
    pub(super) options: Options,
}

pub(super) struct Writing {
    pub(super) engine: Result<Engine, Ended>,
    /// Where to open again.
    pub(super) location: Location,
    /// Set by a commit of unknown outcome: nothing more is written before `reopen`.
    pub(super) failed: bool,
    /// Set where a sync may have failed: what is read may not be what the disk holds.
    pub(super) unsynced: bool,
}

impl Writing {
    pub(super) fn engine(&mut self) -> Result<&mut Engine> {
        match &mut self.engine {
            Ok(_) if self.failed => Err(Ended::Reopening.into()),
            Ok(engine) => Ok(engine),
            Err(ended) => Err((*ended).into()),
        }
    }

    /// What the file holds is for `reopen` to find out.
    pub(super) fn fail(&mut self) {
        self.failed = true;
        self.unsynced = true;
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What the locks guard is whole at every moment at which a caller's code can panic.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The right to write, until it is dropped.
pub(super) struct Turn<'a> {
    writer: Writer<'a>,
    // Behind the other, so that whoever is next finds nobody writing.
    _turn: commit::Turn<'a, Job, Error>,
}

/// Who writes.
pub(super) struct Writer<'a> {
    writing: MutexGuard<'a, Writing>,
    writer: &'a Mutex<Option<ThreadId>>,
}

impl Deref for Writer<'_> {
    type Target = Writing;

    fn deref(&self) -> &Writing {
        &self.writing
    }
}

impl DerefMut for Writer<'_> {
    fn deref_mut(&mut self) -> &mut Writing {
        &mut self.writing
    }
}

impl<'a> Deref for Turn<'a> {
    type Target = Writer<'a>;

    fn deref(&self) -> &Writer<'a> {
        &self.writer
    }
}

impl DerefMut for Turn<'_> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.writer
    }
}

impl Drop for Writer<'_> {
    fn drop(&mut self) {
        *lock(self.writer) = None;
    }
}

/// What a commit is about.
#[derive(Clone, Copy, Debug)]
pub(super) struct Load {
    commands: u64,
    refiled: u64,
}

impl Load {
    pub(super) fn of_commands(commands: u64) -> Self {
        Self {
            commands,
            refiled: 0,
        }
    }

    /// Of conversations that were filed anew, which is nobody's command.
    pub(super) fn of_refiled(conversations: usize) -> Self {
        Self {
            commands: 0,
            refiled: conversations as u64,
        }
    }

    /// How many commands' worth it is for the next checkpoint. Takeovers follow one another without a
    /// pause and change more rows than most commands, so one comes sooner.
    fn weight(self) -> u64 {
        const REFILED: u64 = 4;
        self.commands + self.refiled * REFILED
    }
}

impl Shared {
    /// Whoever has the turn writes.
    pub(super) fn writer(&self) -> Writer<'_> {
        let writing = lock(&self.writing);
        *lock(&self.writer) = Some(thread::current().id());
        Writer {
            writing,
            writer: &self.writer,
        }
    }

    pub(super) fn turn(&self) -> Turn<'_> {
        let turn = self.queue.turn();
        Turn {
            writer: self.writer(),
            _turn: turn,
        }
    }

    /// Runs the commands of a group, and commits them as one.
    pub(super) fn lead(self: &Arc<Self>, group: &mut Group<'_, Job, Error>) -> Result<()> {
        let mut writer = self.writer();
        self.write(&mut writer, |transaction| {
            transaction.gather();
            let mut commands = 0;
            while !transaction.is_full()
                && let Some(job) = group.next_command()
            {
                commands += 1;
                job.run(transaction)?;
            }
            Ok(((), Load::of_commands(commands)))
        })
    }

    /// Commits what a piece of work does; nothing where it fails or changes nothing.
    pub(super) fn write<T, E: From<Error>>(
        self: &Arc<Self>,
        writing: &mut Writing,
        work: impl FnOnce(&mut Transaction<'_>) -> Result<(T, Load), E>,
    ) -> Result<T, E> {
        let engine = writing.engine()?;
        let view = self.published.latest()?;
        self.published.end_old(Instant::now());
        let raw = match engine.begin_write() {
            Ok(raw) => raw,
            Err(error) => {
                // What the engine wrote before may be what failed.
                if engine.is_broken() {
                    writing.fail();
                }
                writing.unsynced |= error.kind() == ErrorKind::Io;
                return Err(error.into());
            }
        };
        let options = &self.options;
        let mut transaction = Transaction::new(
            raw.writer(&view),
            &*options.clock,
            &*options.ids,
            options.idempotency_age,
            options.refiled_at_once(),
        );
        let (value, load) = work(&mut transaction)?;
        let Some(applied) = transaction.finish()? else {
            // Nothing was written; an error of giving that up is the next transaction's to meet.
            let _ = raw.abort();
            return Ok(value);
        };
        let sequence = applied.sequence();
        let committed = {
            let _span = trace::span!(commit);
            engine.commit(raw, applied, load.weight())
        };
        self.meter.group(load.commands, engine.journaled());
        match committed {
            Ok(view) => {
                self.publish(view);
                Ok(value)
            }
            Err(CommitError::Refused(error)) => {
                if engine.is_broken() {
                    writing.fail();
                }
                Err(error.into())
            }
            Err(CommitError::Unknown(error)) => {
                // The view stays as it was: reading goes on.
                writing.fail();
                Err(Error::outcome_unknown(sequence, error).into())
            }
        }
    }

    /// Shows what a commit left.
    fn publish(self: &Arc<Self>, view: View) {
        self.published.publish(view);
        if let Some(bell) = &self.bell {
            bell.ring();
        }
        self.start_refiling();
    }

    /// Makes durable what was committed.
    pub(super) fn flush(&self) -> Result<()> {
        let mut turn = self.turn();
        let engine = turn.engine()?;
        let flushed = engine.flush();
        self.meter.journaled(engine.journaled());
        if let Err(error) = flushed {
            turn.fail();
            let sequence = self.published.latest()?.head().sequence;
            return Err(Error::outcome_unknown(sequence, error));
        }
        Ok(())
    }
}

impl Deref for Owner {
    type Target = Arc<Shared>;

    fn deref(&self) -> &Arc<Shared> {
        &self.shared
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        // They are the only others that write.
        self.refiler.end();
        self.flusher = None;
        // A snapshot that outlives the store must not keep the file open.
        self.published.end(Ended::Closed);
        let mut writing = lock(&self.shared.writing);
        if thread::panicking() {
            // The next opening does it.
            return;
        }
        if let Ok(mut engine) = std::mem::replace(&mut writing.engine, Err(Ended::Closed)) {
            // Nothing is lost where it fails: the journal stays.
            let _ = engine.retire_journal();
        }
    }
}
