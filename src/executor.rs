//! The way of a command into a commit, and of a commit to the readers.
//!
//! Invariant: one thread writes at a time, and the current snapshot changes only after its commit.

mod current;
mod flusher;
pub(crate) mod group_commit;
mod job;
mod lifecycle;
mod notifier;
mod reassignment;
mod trace;
mod write_lock;

use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use convodb_core::commands::RemoveConsumer;
use convodb_core::{
    Command, CommitSeq, ConsumerName, Context, Error, ErrorKind, EventSeq, Outcome, Result,
};

pub(crate) use current::Lease;
pub use job::Pending;
pub(crate) use lifecycle::Owner;

use current::Current;
use flusher::FlushSignal;
use group_commit::{Group, Queue};
use job::Job;
use notifier::Registration;
use reassignment::{BATCH, Reassignment};
use write_lock::{WriteLock, WriteState, Writer};

use crate::options::Options;
use crate::storage::{CommitError, Given, Journaled, UnitOfWork, View};

/// What all clones of a store share.
pub(crate) struct Executor {
    pub(crate) current: Current,
    queue: Queue<Job, Error>,
    write_lock: WriteLock,
    counters: Mutex<Counters>,
    flush_signal: FlushSignal,
    reassignment: Reassignment,
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
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Summary {
    pub(crate) commands: u64,
    pub(crate) reassigned: u64,
    pub(crate) removes_consumer: bool,
}

impl Summary {
    /// Of one transaction.
    pub(crate) fn of_transaction() -> Self {
        Self {
            commands: 1,
            ..Self::default()
        }
    }

    /// Of conversations that the store itself reassigned.
    fn of_reassigned(conversations: usize) -> Self {
        Self {
            reassigned: conversations as u64,
            ..Self::default()
        }
    }

    /// Its cost, in commands, for the next checkpoint. Batches of reassignments follow one another
    /// without a pause and change more rows than most commands.
    fn cost(self) -> u64 {
        const REASSIGNED: u64 = 4;
        self.commands + self.reassigned * REASSIGNED
    }
}

/// Whether a command can end the wait of a consumer.
pub(crate) fn removes_consumer<C: Command>() -> bool {
    C::NAME == RemoveConsumer::NAME
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
    /// Whether this thread runs a transaction or leads a group.
    pub(crate) fn is_writing(&self) -> bool {
        self.write_lock.is_entered()
    }

    /// A thread that waits for others within its own transaction would wait for itself.
    pub(crate) fn check_reentrancy(&self) -> Result<()> {
        match self.is_writing() {
            true => Err(reentrant()),
            false => Ok(()),
        }
    }

    /// Whether another thread waits to write.
    pub(crate) fn is_contended(&self) -> bool {
        self.queue.is_contended()
    }

    /// The current snapshot, for one call.
    pub(crate) fn view(&self) -> Result<Arc<View>> {
        self.current.latest()
    }

    pub(crate) fn counters(&self) -> Counters {
        *lock(&self.counters)
    }

    /// Blocks until there are events after this one, at most this long. With a consumer, it must be
    /// there.
    pub(crate) fn wait_for_events(
        &self,
        after: EventSeq,
        consumer: Option<&ConsumerName>,
        timeout: Duration,
    ) -> Result<bool> {
        self.check_reentrancy()?;
        let deadline = Instant::now().checked_add(timeout);
        let current = &self.current;
        current
            .notifier
            .wait(deadline, || current.has_events(after, consumer))
    }

    /// The same as a future, without a limit. It does not keep the store open.
    pub(crate) fn events_changed(
        self: &Arc<Self>,
        after: EventSeq,
        consumer: Option<ConsumerName>,
    ) -> impl Future<Output = Result<()>> + Send + use<> {
        let own = Arc::clone(self);
        let mut registration = Registration::new(&self.current.notifier);
        poll_fn(move |context| {
            let check = || own.current.has_events(after, consumer.as_ref());
            registration.poll(context.waker(), check)
        })
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
        let (job, answer) = Job::new(context, command);
        let done = self.queue.submit(job, |group| self.lead(group));
        answer.take(done)
    }

    /// Runs a piece of work alone with the right to write, and commits it. Returns its value, and the
    /// number of the commit if it changed anything.
    pub(crate) fn write_alone<T, E: From<Error>>(
        self: &Arc<Self>,
        work: impl for<'t> FnOnce(UnitOfWork<'t>, &View) -> Result<(T, Summary, UnitOfWork<'t>), E>,
    ) -> Result<(T, Option<CommitSeq>), E> {
        self.check_reentrancy()?;
        let mut writer = self.lock_writer();
        let view = self.view()?;
        self.write(&mut writer.state, |unit| work(unit, &view))
    }

    fn lock_writer(&self) -> Writer<'_> {
        let lock = self.queue.lock_writer();
        self.write_lock.enter(Some(lock))
    }

    /// Runs the commands of a group, and commits them together.
    fn lead(self: &Arc<Self>, group: &mut Group<'_, Job, Error>) -> Result<()> {
        let mut writer = self.write_lock.enter(None);
        let led = self.write(&mut writer.state, |mut unit| {
            let mut summary = Summary::default();
            while !unit.is_full()
                && let Some(job) = group.next_command()
            {
                summary.commands += 1;
                summary.removes_consumer |= job.removes_consumer;
                job.run(self, &mut unit)?;
            }
            Ok(((), summary, unit))
        });
        led.map(drop)
    }

    /// For the committer: leads the next group of submitted commands. Returns whether it did.
    fn lead_next(self: &Arc<Self>) -> bool {
        self.queue.lead_next(|group| self.lead(group))
    }

    /// Commits a piece of work, or nothing if it fails or changes nothing.
    fn write<T, E: From<Error>>(
        self: &Arc<Self>,
        state: &mut WriteState,
        work: impl for<'t> FnOnce(UnitOfWork<'t>) -> Result<(T, Summary, UnitOfWork<'t>), E>,
    ) -> Result<(T, Option<CommitSeq>), E> {
        let engine = state.engine()?;
        let view = self.current.latest()?;
        self.current.end_expired(Instant::now());
        let raw = match engine.begin_write() {
            Ok(raw) => raw,
            Err(error) => {
                // A checkpoint may have failed.
                if engine.is_broken() {
                    state.fail();
                }
                state.needs_rewrite |= error.kind() == ErrorKind::Io;
                return Err(error.into());
            }
        };
        let (value, summary, unit) = work(raw.writer(&view))?;
        let Some(applied) = unit.finish()? else {
            // Nothing was written. If the abort fails, the next transaction reports it.
            let _ = raw.abort();
            return Ok((value, None));
        };
        let commit = applied.commit_seq();
        let committed = {
            let _span = trace::span!(commit);
            engine.commit(raw, applied, summary.cost())
        };
        self.count(summary.commands, engine.journaled());
        match committed {
            Ok(view) => {
                self.publish(view, summary.removes_consumer);
                Ok((value, Some(commit)))
            }
            Err(CommitError::Refused(error)) => {
                if engine.is_broken() {
                    state.fail();
                }
                Err(error.into())
            }
            Err(CommitError::Unknown(error)) => {
                // The current snapshot stays: reads continue.
                state.fail();
                Err(Error::commit_unknown(commit, error).into())
            }
        }
    }

    /// Makes the snapshot of a commit the current one.
    fn publish(self: &Arc<Self>, view: View, removed_consumer: bool) {
        self.current.publish(view, removed_consumer);
        if self.options.flush_interval().is_some() {
            self.flush_signal.committed();
        }
        self.start_reassignment();
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
