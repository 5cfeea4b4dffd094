//! Opening, reopening, compacting and closing: whatever replaces the engine.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use convodb_core::{Command, Context, Error, ErrorKind, Result};

use super::background::Background;
use super::current::{Current, expired, needs_reopen};
use super::group_commit::{Failure, Queue};
use super::job::{Answer, Pending};
use super::{Executor, lock, start_thread};
use crate::options::Options;
use crate::storage::{CommitError, Engine, FileId, Health, Incident, Location, Monitor, View};

/// What only the holder of the queue's lock uses.
pub(super) struct WriteState {
    /// None while it is closed.
    pub(super) engine: Option<Engine>,
    /// Where to reopen, and which file.
    location: Location,
    file_id: Option<FileId>,
    monitor: Monitor,
}

impl WriteState {
    /// Returns the engine, if it can be written.
    pub(super) fn engine(&mut self) -> Result<&mut Engine> {
        self.monitor.check_write()?;
        self.engine.as_mut().ok_or_else(Error::closed)
    }
}

/// The executor with its threads. Dropping it closes the store.
pub(crate) struct Owner {
    pub(crate) executor: Arc<Executor>,
    /// The thread that leads the groups of submitted commands, from the first of them on.
    committer: Mutex<Option<JoinHandle<()>>>,
}

impl Owner {
    pub(crate) fn open(location: &Location, options: Options) -> Result<Self> {
        #[cfg(feature = "tracing")]
        let _span = tracing::debug_span!(target: "convodb", "open").entered();
        let monitor = Monitor::new(options.opening.setup.read_only);
        let engine = Engine::open(location, &options.opening(), monitor.clone())?;
        let executor = Arc::new(Executor {
            current: Current::new(engine.view()?, options.snapshot_ttl),
            queue: Queue::new(),
            write_state: Mutex::new(WriteState {
                location: engine.location().clone(),
                file_id: None,
                engine: Some(engine),
                monitor: monitor.clone(),
            }),
            has_log: matches!(location, Location::File(_)) && !options.opening.setup.read_only,
            monitor,
            counters: Mutex::default(),
            background: Background::default(),
            options,
        });
        executor.work_behind()?;
        Ok(Self {
            executor,
            committer: Mutex::default(),
        })
    }

    /// Queues a command without waiting for it.
    pub(crate) fn submit<C: Command>(&self, context: Context, command: C) -> Pending<C::Output> {
        let executor = Arc::clone(&self.executor);
        let (answer, job) = Answer::of(context, command);
        let done = Arc::clone(&answer);
        let started = executor.check_reentrancy();
        match started.and_then(|()| self.start_committer()) {
            Ok(()) => {
                let done = move |group| done.complete(group);
                executor.queue.submit_detached(job, done);
            }
            Err(error) => done.complete(Err(Failure::Failed(error))),
        }
        Pending { answer, executor }
    }

    fn start_committer(&self) -> Result<()> {
        let mut committer = lock(&self.committer);
        if committer.is_none() {
            let own = Arc::clone(&self.executor);
            let run = move || {
                let lead_next = || own.queue.lead_next(|group| own.lead(group));
                while catch_unwind(AssertUnwindSafe(lead_next)).unwrap_or(true) {
                    // A panic of the disk ended one group, whose members have the error.
                }
            };
            *committer = Some(start_thread("convodb-commit", run)?);
        }
        Ok(())
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        let executor = Arc::clone(&self.executor);
        let committer = lock(&self.committer).take();
        if executor.queue.is_held_here() {
            // A waker dropped the last store under the write lock, where this thread cannot wait for
            // the others. If no thread can be started, the next opening recovers.
            let _ = start_thread("convodb-close", move || end(&executor, committer));
        } else {
            end(&executor, committer);
        }
    }
}

/// Waits until every submitted command has run, ends the threads, and closes the file.
fn end(executor: &Arc<Executor>, committer: Option<JoinHandle<()>>) {
    executor.queue.end();
    match committer {
        // A waker dropped the last store: the thread cannot wait for itself.
        Some(committer) if committer.thread().id() == thread::current().id() => {
            while executor.queue.lead_next(|group| executor.lead(group)) {}
        }
        // It catches panics, as does the other one.
        Some(committer) => drop(committer.join()),
        None => {}
    }
    if let Some(thread) = executor.background.end() {
        let _ = thread.join();
    }
    // A snapshot that outlives the store must not keep the file open.
    executor.current.withdraw(Error::closed());
    let mut state = lock(&executor.write_state);
    if let Some(mut engine) = state.engine.take()
        && !thread::panicking()
    {
        // Nothing is lost if it fails: the next opening recovers.
        let _ = engine.close_cleanly();
    }
    state.monitor.report(Incident::Closed);
}

impl Executor {
    /// Makes every commit durable.
    pub(crate) fn flush(&self) -> Result<()> {
        let (_lock, mut state) = self.lock_writer()?;
        let engine = state.engine()?;
        let commit = self.view()?.head().commit_seq;
        let flushed = engine.flush();
        lock(&self.counters).logged = Some(engine.logged());
        flushed.map_err(|error| Error::commit_unknown(commit, error))
    }

    /// Waits for a checkpoint that is running, or for one of every commit.
    #[cfg(feature = "testing")]
    pub(crate) fn await_checkpoint(&self, of_all: bool) -> Result<()> {
        let (_lock, mut state) = self.lock_writer()?;
        let engine = state.engine()?;
        let ended = match of_all {
            true => engine.checkpoint_all(),
            false => engine.await_checkpoint(),
        };
        lock(&self.counters).logged = Some(engine.logged());
        ended
    }

    /// Replaces the file by a packed copy.
    pub(crate) fn compact(&self) -> Result<()> {
        #[cfg(feature = "tracing")]
        let _span = tracing::debug_span!(target: "convodb", "compact").entered();
        let (_lock, mut state) = self.lock_writer()?;
        let engine = state.engine()?;
        let awaited = engine.await_checkpoint();
        let view = self.republish(engine)?;
        awaited?;
        match engine.compact(&view, &self.options.opening()) {
            Ok(()) => {}
            Err(CommitError::Refused(error)) => return Err(error),
            Err(CommitError::Unknown(error)) => {
                // Reads continue in the old file, which holds the same.
                state.monitor.report(Incident::WriteFailed(error.clone()));
                return Err(error);
            }
        }
        let packed = engine.view();
        state.location = engine.location().clone();
        let packed = packed.inspect_err(|error| {
            state.monitor.report(Incident::WriteFailed(error.clone()));
        })?;
        // In this order: a lease that is taken in between is on the old file, which stays open for
        // it, and does not end at once.
        self.current.revoke(&expired());
        self.current.publish(packed, false);
        Ok(())
    }

    /// Closes the file and opens it again.
    pub(crate) fn reopen(self: &Arc<Self>) -> Result<()> {
        #[cfg(feature = "tracing")]
        let _span = tracing::debug_span!(target: "convodb", "reopen").entered();
        let (_lock, mut state) = self.lock_writer()?;
        if let Health::Closed = state.monitor.health() {
            return Err(Error::closed());
        }
        // Another file than the store's own is never opened in its place.
        if let Some(engine) = &state.engine {
            engine.check_path()?;
        }
        self.current.withdraw(needs_reopen());
        let reopened = self.open_again(&mut state);
        let (engine, view) = reopened.inspect_err(|error| {
            state.monitor.report(Incident::ReopenFailed(error.clone()));
            if let Err(offline) = state.monitor.check_write() {
                self.current.withdraw(offline);
            }
        })?;
        state.engine = Some(engine);
        state.monitor.report(Incident::Reopened);
        self.current.publish(view, false);
        self.background.restart();
        let _ = self.work_behind();
        Ok(())
    }

    fn open_again(&self, state: &mut WriteState) -> Result<(Engine, View)> {
        let mut has_failed = state.monitor.has_failed();
        if let Some(old) = state.engine.take() {
            state.file_id = old.file_id();
            // The reason to reopen can keep the file from closing cleanly.
            let closed = old.close();
            has_failed |= closed.is_err_and(|error| error.kind() == ErrorKind::Io);
        }
        let mut opening = self.options.opening();
        opening.create = false;
        opening.setup.expected = state.file_id;
        // A sync may have failed: what is read may differ from what the disk holds.
        opening.setup.rewrites = has_failed && !opening.setup.read_only;
        let engine = Engine::open(&state.location, &opening, state.monitor.clone())?;
        let view = engine.view()?;
        Ok((engine, view))
    }

    /// Closes the file.
    pub(crate) fn close(&self) -> Result<()> {
        let (_lock, mut state) = self.lock_writer()?;
        if let Health::Closed = state.monitor.health() {
            return Err(Error::closed());
        }
        self.current.withdraw(Error::closed());
        let closed = state.engine.take().map_or(Ok(()), Engine::close);
        state.monitor.report(Incident::Closed);
        closed
    }

    /// Rebuilds the indexes from the records.
    pub(crate) fn rebuild(self: &Arc<Self>) -> Result<()> {
        self.write_alone(|mut unit| {
            unit.rebuild(&*self.view()?, self.options.clock.now())?;
            Ok::<_, Error>(((), unit))
        })?;
        self.background.restart();
        let _ = self.work_behind();
        Ok(())
    }
}
