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

use background::{BATCH, Background, VIEWED};
use current::Current;
use group_commit::{Group, Queue};
use job::{Answer, Job};
use lifecycle::WriteState;

use crate::options::Options;
use crate::storage::{CommitError, Engine, Given, Logged, Monitor, UnitOfWork, View};

/// What all clones of a store share.
pub(crate) struct Executor {
    pub(crate) current: Current,
    pub(crate) queue: Queue<Job, Error>,
    write_state: Mutex<WriteState>,
    counters: Mutex<Counters>,
    background: Background,
    pub(crate) options: Options,
    pub(crate) monitor: Monitor,
    /// Whether commits go to a log, which is checkpointed.
    has_log: bool,
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
    pub(crate) logged: Option<Logged>,
}

/// A query does not meet more handles of redb that damaged pages have ended.
const MOST_RESTARTS: usize = 16;

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
            max_views: options.max_views,
            reassigned_at_once: if options.has_background { BATCH } else { 0 },
            viewed_at_once: if options.has_background { VIEWED } else { 0 },
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
        let mut failed = None;
        let written = self.write(&mut state, |unit, summary| {
            (summary.commands, summary.cost) = (1, 1);
            work(unit).map_err(|error| {
                failed = Some(error);
                Error::new(ErrorKind::Aborted, "the work failed")
            })
        });
        written.map_err(|error| failed.unwrap_or_else(|| self.aborted(error).into()))
    }

    /// Waits for the right to write. The state is locked by its holder alone.
    fn lock_writer(&self) -> Result<(Group<'_, Job, Error>, MutexGuard<'_, WriteState>)> {
        self.check_reentrancy()?;
        Ok((self.queue.lock_writer(), lock(&self.write_state)))
    }

    /// Runs the commands of a group, and commits them together. Where an error of the file ended redb's
    /// handle meanwhile, they run again on a new one.
    fn lead(self: &Arc<Self>, group: &mut Group<'_, Job, Error>) -> Result<()> {
        let mut jobs: Vec<Job> = Vec::new();
        let mut restarts = 0;
        loop {
            let led = self.write(&mut lock(&self.write_state), |mut unit, summary| {
                let mut next = 0;
                while next < jobs.len() || !unit.is_full() {
                    if next == jobs.len() {
                        match group.next_command() {
                            Some(job) => jobs.push(job),
                            None => break,
                        }
                    }
                    if let Some(job) = jobs.get(next) {
                        job(self, &mut unit)?;
                    }
                    next += 1;
                }
                (summary.commands, summary.cost) = (next as u64, next as u64);
                Ok(((), unit))
            });
            restarts += 1;
            match led {
                Err(error) if self.is_restartable(&error) && restarts < MOST_RESTARTS => {}
                led => return led,
            }
        }
    }

    /// Whether what returned this error can run again on another handle of redb.
    fn is_restartable(&self, error: &Error) -> bool {
        error.kind() == ErrorKind::NeedsReopen && self.monitor.check_write().is_ok()
    }

    /// The error of work that its caller has to run again, where another handle of redb is enough.
    pub(crate) fn aborted(&self, error: Error) -> Error {
        if !self.is_restartable(&error) {
            return error;
        }
        let message = "an error of the file came before in this transaction: it writes nothing";
        Error::new(ErrorKind::Aborted, message).with_source(error)
    }

    /// Commits a piece of work, or nothing if it fails or changes nothing.
    fn write<T>(
        self: &Arc<Self>,
        state: &mut WriteState,
        work: impl for<'t> FnOnce(UnitOfWork<'t>, &mut Summary) -> Result<(T, UnitOfWork<'t>)>,
    ) -> Result<T> {
        let engine = state.engine()?;
        self.current.end_expired(Instant::now());
        let raw = engine.begin_write();
        let view = self.republish(engine)?;
        let raw = raw?;
        let mut summary = Summary::default();
        let (value, unit) = work(engine.unit_of_work(&raw, &view), &mut summary)?;
        let Some(applied) = unit.finish()? else {
            // Nothing was written. If the abort fails, the next transaction reports it.
            let _ = raw.abort();
            return Ok(value);
        };
        let (commit, removed_consumer) = (applied.commit_seq(), applied.removed_consumer);
        let committed = {
            #[cfg(feature = "tracing")]
            let _span = tracing::debug_span!(target: "convodb", "commit").entered();
            let committed = engine.commit(raw, applied, summary.cost);
            #[cfg(feature = "tracing")]
            tracing::debug!(
                target: "convodb",
                commit = commit.get(),
                commands = summary.commands,
                failed = committed.is_err(),
                "committed"
            );
            committed
        };
        self.count(summary.commands, engine.logged());
        self.republish(engine)?;
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

    /// Returns the current snapshot, and takes it anew where redb was restarted.
    fn republish(&self, engine: &mut Engine) -> Result<Arc<View>> {
        let view = self.view()?;
        if !engine.take_restarted() {
            return Ok(view);
        }
        self.current.publish(engine.refresh(&view)?, false);
        self.current.revoke(&current::expired());
        self.view()
    }

    /// Runs a query on the current snapshot. A damaged page fails the queries that need it alone: redb's
    /// handle, which it ends, is opened anew, and the others run again.
    pub(crate) fn read<T>(&self, query: impl Fn(&View) -> Result<T>) -> Result<T> {
        for _ in 0..MOST_RESTARTS {
            let view = self.view()?;
            let answer = query(&view);
            let Err(error) = &answer else {
                return answer;
            };
            let is_of_handle = error.kind() == ErrorKind::NeedsReopen;
            let is_ended = is_of_handle || view.is_ended();
            // A closing that has the write lock waits until no query holds a view.
            drop(view);
            if is_ended && self.restart().is_err() || !is_of_handle {
                return answer;
            }
        }
        query(&*self.view()?)
    }

    /// Restarts redb, if a damaged page has ended its handle.
    fn restart(&self) -> Result<()> {
        let (_lock, mut state) = self.lock_writer()?;
        let Some(engine) = &mut state.engine else {
            return Ok(());
        };
        let restarted = engine.restart_if_ended();
        match self.republish(engine)?.is_ended() {
            true => restarted,
            // An error of its checkpoint is one of commands.
            false => Ok(()),
        }
    }

    /// Counts a commit; one without commands was made by the store itself.
    fn count(&self, commands: u64, logged: Logged) {
        let mut counters = lock(&self.counters);
        counters.groups += u64::from(commands > 0);
        counters.commands += commands;
        counters.largest_group = counters.largest_group.max(commands);
        counters.logged = Some(logged);
    }
}
