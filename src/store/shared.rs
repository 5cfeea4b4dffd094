//! What the clones of a store share, and the right to write it.

use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};

use super::Options;
use super::commit::{self, Queue};
use super::flusher::Flusher;
use super::meter::Meter;
use super::view::{Ended, Published};
use crate::error::{Error, Result};
use crate::storage::{Engine, Location};
use crate::writer::Job;

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

    /// Makes durable what was committed.
    pub(super) fn flush(&self) -> Result<()> {
        let mut turn = self.turn();
        let engine = turn.engine()?;
        let flushed = engine.flush();
        self.meter.journaled(engine.journaled());
        if let Err(error) = flushed {
            turn.failed = true;
            turn.unsynced = true;
            let sequence = self.published.latest()?.head().sequence;
            return Err(Error::outcome_unknown(sequence, error));
        }
        Ok(())
    }
}

impl Deref for Owner {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.shared
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        // It is the only other one that writes.
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
