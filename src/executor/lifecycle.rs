//! Opening, reopening, compacting and closing: whatever replaces the engine.

use std::ops::Deref;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

#[cfg(feature = "testing")]
use convodb_core::ConversationId;
use convodb_core::{Command, Context, Error, ErrorKind, Result};

use super::current::{Current, Unavailable};
use super::flusher::FlushSignal;
use super::group_commit::{Failure, Queue};
use super::job::{Job, Pending};
use super::reassignment::Reassignment;
use super::write_lock::WriteLock;
use super::{Executor, Summary, lock, start_thread, trace};
use crate::options::Options;
use crate::storage::{Compacted, Engine, Location};

/// The executor with its threads. Dropping it closes the store.
pub(crate) struct Owner {
    executor: Arc<Executor>,
    flusher: Option<JoinHandle<()>>,
    /// The thread that leads the groups of submitted commands, from the first of them until the store
    /// ends.
    committer: Mutex<Option<JoinHandle<()>>>,
}

impl Owner {
    pub(crate) fn open(location: &Location, options: Options) -> Result<Self> {
        let _span = trace::span!(open);
        let engine = Engine::open(location, &options.opening())?;
        let executor = Arc::new(Executor {
            current: Current::new(engine.view()?, options.snapshot_ttl),
            queue: Queue::new(),
            write_lock: WriteLock::new(engine),
            counters: Mutex::default(),
            flush_signal: FlushSignal::default(),
            reassignment: Reassignment::default(),
            options,
        });
        let flusher = executor.options.flush_interval().map(|interval| {
            let own = Arc::clone(&executor);
            // The next command returns the error of a flush.
            let run = move || own.flush_signal.run(interval, || drop(own.flush()));
            start_thread("convodb-flush", run)
        });
        let flusher = flusher.transpose()?;
        executor.start_reassignment();
        Ok(Self {
            executor,
            flusher,
            committer: Mutex::default(),
        })
    }

    /// Queues a command without waiting for it.
    pub(crate) fn submit<C: Command>(&self, context: Context, command: C) -> Pending<C::Output> {
        let (job, answer) = Job::new(context, command);
        let done = Arc::clone(&answer);
        let started = self
            .check_reentrancy()
            .and_then(|()| self.start_committer());
        match started {
            Ok(()) => self
                .queue
                .submit_detached(job, move |group| done.complete(group)),
            Err(error) => done.complete(Err(Failure::Failed(error))),
        }
        Pending::new(answer, Arc::clone(&self.executor))
    }

    fn start_committer(&self) -> Result<()> {
        let mut committer = lock(&self.committer);
        if committer.is_none() {
            let own = Arc::clone(&self.executor);
            let run = move || {
                while catch_unwind(AssertUnwindSafe(|| own.lead_next())).unwrap_or(true) {
                    // A panic of the disk ended one group, whose members have the error.
                }
            };
            *committer = Some(start_thread("convodb-commit", run)?);
        }
        Ok(())
    }

    /// Waits until every submitted command has run, and ends the committer.
    fn end_committer(&self) {
        let Some(committer) = lock(&self.committer).take() else {
            return;
        };
        self.queue.end();
        if committer.thread().id() == thread::current().id() {
            // A waker dropped the last store: the thread cannot wait for itself.
            while self.queue.lead_granted(|group| self.lead(group)) {}
        } else {
            // It catches panics.
            let _ = committer.join();
        }
    }
}

impl Deref for Owner {
    type Target = Arc<Executor>;

    fn deref(&self) -> &Arc<Executor> {
        &self.executor
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        if self.is_writing() {
            // A waker dropped the last store under the write lock, where this thread cannot wait for
            // the others. The next opening recovers.
            self.current.withdraw(Unavailable::Closed);
            return;
        }
        self.end_committer();
        self.reassignment.end();
        self.flush_signal.end();
        if let Some(flusher) = self.flusher.take() {
            // A disk of a test can panic; the commits are in the journal.
            let _ = flusher.join();
        }
        // A snapshot that outlives the store must not keep the file open.
        self.current.withdraw(Unavailable::Closed);
        let mut writer = self.write_lock.enter(None);
        if thread::panicking() {
            // The next opening recovers.
            return;
        }
        if let Ok(mut engine) =
            std::mem::replace(&mut writer.state.engine, Err(Unavailable::Closed))
        {
            // Nothing is lost if it fails: the journal stays.
            let _ = engine.retire_journal();
        }
    }
}

impl Executor {
    /// Makes every commit durable.
    pub(crate) fn flush(&self) -> Result<()> {
        let mut writer = self.lock_writer();
        let state = &mut *writer.state;
        let engine = state.engine()?;
        let flushed = engine.flush();
        lock(&self.counters).journaled = Some(engine.journaled());
        if let Err(error) = flushed {
            state.fail();
            let commit = self.current.latest()?.head().commit_seq;
            return Err(Error::commit_unknown(commit, error));
        }
        Ok(())
    }

    /// Replaces the file by a packed copy.
    pub(crate) fn compact(self: &Arc<Self>) -> Result<()> {
        let _span = trace::span!(compact);
        self.check_reentrancy()?;
        let mut writer = self.lock_writer();
        let state = &mut *writer.state;
        let view = self.view()?;
        let engine = state.engine()?;
        if let Compacted::Unknown(error) = engine.compact(&view, &self.options.opening())? {
            // Reads continue in the old file, which holds the same.
            state.fail();
            return Err(error);
        }
        let location = engine.location().clone();
        let packed = engine.view();
        state.location = location;
        match packed {
            Ok(view) => {
                // In this order: a lease that is taken in between is on the old file, which stays
                // open for it, and does not end at once.
                self.current.revoke(Unavailable::Expired);
                self.current.publish(view, false);
                Ok(())
            }
            Err(error) => {
                state.needs_reopen = true;
                Err(error)
            }
        }
    }

    /// Closes the file and opens it again.
    pub(crate) fn reopen(self: &Arc<Self>) -> Result<()> {
        let _span = trace::span!(reopen);
        self.check_reentrancy()?;
        let mut writer = self.lock_writer();
        let state = &mut *writer.state;
        if let Err(Unavailable::Closed) = state.engine {
            return Err(Error::closed());
        }
        self.current.withdraw(Unavailable::NeedsReopen);
        let old = std::mem::replace(&mut state.engine, Err(Unavailable::NeedsReopen));
        // The reason to reopen can keep the file from closing cleanly.
        let closed = old.map_or(Ok(()), Engine::close);
        state.needs_rewrite |= closed.is_err_and(|error| error.kind() == ErrorKind::Io);
        if state.needs_rewrite {
            state.location.rewrite()?;
        }
        // Opening may recover, and so write and sync.
        state.needs_rewrite = true;
        let mut opening = self.options.opening();
        opening.create = false;
        let engine = Engine::open(&state.location, &opening)?;
        let view = engine.view()?;
        state.engine = Ok(engine);
        state.needs_reopen = false;
        state.needs_rewrite = false;
        self.current.publish(view, true);
        self.restart_reassignment();
        Ok(())
    }

    /// Closes the file.
    pub(crate) fn close(&self) -> Result<()> {
        self.check_reentrancy()?;
        let mut writer = self.lock_writer();
        let state = &mut *writer.state;
        self.current.withdraw(Unavailable::Closed);
        match std::mem::replace(&mut state.engine, Err(Unavailable::Closed)) {
            Ok(engine) => engine.close(),
            Err(Unavailable::Closed) => Err(Error::closed()),
            Err(_) => Ok(()),
        }
    }

    /// Rebuilds the indexes from the records.
    pub(crate) fn rebuild(self: &Arc<Self>) -> Result<()> {
        self.write_alone(|mut unit, view| {
            unit.rebuild(view)?;
            Ok::<_, Error>(((), Summary::of_transaction(), unit))
        })?;
        self.restart_reassignment();
        Ok(())
    }
}

#[cfg(feature = "testing")]
impl Executor {
    /// Waits for a checkpoint that is running.
    pub(crate) fn await_checkpoint(&self) -> Result<()> {
        self.check_reentrancy()?;
        let mut writer = self.lock_writer();
        let state = &mut *writer.state;
        let engine = state.engine()?;
        let ended = engine.await_checkpoint();
        lock(&self.counters).journaled = Some(engine.journaled());
        if ended.is_err() {
            state.fail();
        }
        ended
    }

    /// Reassigns a batch of conversations.
    pub(crate) fn reassign_now(self: &Arc<Self>, limit: usize) -> Result<Vec<ConversationId>> {
        self.check_reentrancy()?;
        self.reassign_some(limit)
    }
}
