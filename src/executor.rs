//! The way of a command into a commit, and of a commit to the readers.
//!
//! Invariant: one thread writes at a time, and the current snapshot changes only after its commit.

mod background;
mod current;
pub(crate) mod group_commit;
mod job;
mod lifecycle;
mod notifier;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use convodb_core::{Command, Context, Error, ErrorKind, Outcome, Result};

pub(crate) use current::Lease;
pub use job::Pending;
pub(crate) use lifecycle::Owner;

use background::{BATCH, Background};
use current::Current;
use group_commit::{Group, Queue};
use job::{Answer, Job};
use lifecycle::WriteState;

use crate::options::Options;
use crate::storage::{CommitError, Given, Journaled, UnitOfWork, View};

/// What all clones of a store share.
pub(crate) struct Executor {
    pub(crate) current: Current,
    pub(crate) queue: Queue<Job, Error>,
    write_state: Mutex<WriteState>,
    counters: Mutex<Counters>,
    background: Background,
    pub(crate) options: Options,
}

/// Since the store was opened.
#[derive(Clone, Copy, Default)]
pub(crate) struct Counters {
    /// Commits with commands.
    pub(crate) groups: u64,
    /// The commands of these commits.
    pub(crate) commands: u64,
    /// The number of commands of the largest group.
    pub(crate) largest_group: u64,
    pub(crate) journaled: Option<Journaled>,
}

/// What a commit consists of.
#[derive(Clone, Copy, Default)]
struct Summary {
    commands: u64,
    /// In commands, for the next checkpoint.
    cost: u64,
}

/// A command of a store within its own transaction.
pub(crate) fn reentrant() -> Error {
    Error::new(
        ErrorKind::ReentrantCommand,
        "a command of the store within its own transaction: give it to the transaction",
    )
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // The values are consistent wherever a caller's code can panic.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn start_thread(name: &str, run: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>> {
    let thread = thread::Builder::new().name(name.to_owned()).spawn(run);
    thread.map_err(|error| {
        Error::new(ErrorKind::Io, format!("no thread can be started: {error}")).with_source(error)
    })
}

impl Executor {
    /// A thread that waits for others within its own transaction would wait for itself.
    fn check_reentrancy(&self) -> Result<()> {
        match self.queue.is_reentrant_here() {
            true => Err(reentrant()),
            false => Ok(()),
        }
    }

    /// The current snapshot, for one call.
    pub(crate) fn view(&self) -> Result<Arc<View>> {
        self.current.latest()
    }

    pub(crate) fn counters(&self) -> Counters {
        *lock(&self.counters)
    }

    /// What a command is decided with.
    pub(crate) fn given<'a>(&self, context: &'a Context) -> Given<'a> {
        let options = &self.options;
        Given {
            now: options.clock.now(),
            random: options.ids.random(),
            context,
            idempotency_ttl: options.idempotency_ttl,
            reassigned_at_once: if options.reassigns { BATCH } else { 0 },
        }
    }

    /// Runs a command in one commit with those of other threads.
    pub(crate) fn execute<C: Command>(
        self: &Arc<Self>,
        context: Context,
        command: C,
    ) -> Result<Outcome<C::Output>> {
        self.check_reentrancy()?;
        let (answer, job) = Answer::of(context, command);
        let done = self.queue.submit(job, |group| self.lead(group));
        answer.take(done)
    }

    /// Runs a piece of work alone with the right to write, and commits it as one command.
    pub(crate) fn write_alone<T, E: From<Error>>(
        self: &Arc<Self>,
        work: impl for<'t> FnOnce(UnitOfWork<'t>) -> Result<(T, UnitOfWork<'t>), E>,
    ) -> Result<T, E> {
        let (_lock, mut state) = self.lock_writer()?;
        self.write(&mut state, |unit, summary| {
            (summary.commands, summary.cost) = (1, 1);
            work(unit)
        })
    }

    /// Waits for the right to write. The state is locked by its holder alone.
    fn lock_writer(&self) -> Result<(Group<'_, Job, Error>, MutexGuard<'_, WriteState>)> {
        self.check_reentrancy()?;
        Ok((self.queue.lock_writer(), lock(&self.write_state)))
    }

    /// Runs the commands of a group, and commits them together.
    fn lead(self: &Arc<Self>, group: &mut Group<'_, Job, Error>) -> Result<()> {
        self.write(&mut lock(&self.write_state), |mut unit, summary| {
            while !unit.is_full()
                && let Some(job) = group.next_command()
            {
                summary.commands += 1;
                job(self, &mut unit)?;
            }
            summary.cost = summary.commands;
            Ok(((), unit))
        })
    }

    /// Commits a piece of work, or nothing if it fails or changes nothing.
    fn write<T, E: From<Error>>(
        self: &Arc<Self>,
        state: &mut WriteState,
        work: impl for<'t> FnOnce(UnitOfWork<'t>, &mut Summary) -> Result<(T, UnitOfWork<'t>), E>,
    ) -> Result<T, E> {
        let engine = state.engine()?;
        let view = self.view()?;
        self.current.end_expired(Instant::now());
        let raw = match engine.begin_write() {
            Ok(raw) => raw,
            Err(error) => {
                // A checkpoint may have failed.
                state.needs_rewrite |= error.kind() == ErrorKind::Io;
                return Err(error.into());
            }
        };
        let mut summary = Summary::default();
        let (value, unit) = work(raw.writer(&view), &mut summary)?;
        let Some(applied) = unit.finish()? else {
            // Nothing was written. If the abort fails, the next transaction reports it.
            let _ = raw.abort();
            return Ok(value);
        };
        let (commit, removed_consumer) = (applied.commit_seq(), applied.removed_consumer);
        let committed = {
            #[cfg(feature = "tracing")]
            let _span = tracing::debug_span!(target: "convodb", "commit").entered();
            engine.commit(raw, applied, summary.cost)
        };
        self.count(summary.commands, engine.journaled());
        let view = committed.map_err(|error| match error {
            CommitError::Refused(error) => error,
            // The current snapshot stays: reads continue.
            CommitError::Unknown(error) => Error::commit_unknown(commit, error),
        })?;
        self.current.publish(view, removed_consumer);
        // If its thread cannot be started, the next commit tries again.
        let _ = self.work_behind();
        Ok(value)
    }

    /// Counts a commit; one without commands was made by the store itself.
    fn count(&self, commands: u64, journaled: Journaled) {
        let mut counters = lock(&self.counters);
        counters.groups += u64::from(commands > 0);
        counters.commands += commands;
        counters.largest_group = counters.largest_group.max(commands);
        counters.journaled = Some(journaled);
    }
}
