//! The right to write, and what its holder needs.

use std::sync::{Mutex, MutexGuard};
use std::thread::{self, ThreadId};

use convodb_core::{Error, Result};

use super::current::Unavailable;
use super::group_commit::WriterLock;
use super::job::Job;
use super::lock;
use crate::storage::{Engine, Location};

/// What only the holder of the write lock uses.
pub(super) struct WriteState {
    pub(super) engine: Result<Engine, Unavailable>,
    /// Where to reopen.
    pub(super) location: Location,
    /// A commit of unknown outcome came before: nothing is written until `reopen`.
    pub(super) needs_reopen: bool,
    /// A sync may have failed: what is read may differ from what the disk holds.
    pub(super) needs_rewrite: bool,
}

impl WriteState {
    pub(super) fn engine(&mut self) -> Result<&mut Engine> {
        match &mut self.engine {
            Ok(_) if self.needs_reopen => Err(Unavailable::NeedsReopen.into()),
            Ok(engine) => Ok(engine),
            Err(unavailable) => Err((*unavailable).into()),
        }
    }

    /// Only `reopen` can find out what the file holds.
    pub(super) fn fail(&mut self) {
        self.needs_reopen = true;
        self.needs_rewrite = true;
    }
}

/// The write state, and the thread that uses it: a command of the store within its own transaction
/// would wait for itself, and is an error instead.
pub(super) struct WriteLock {
    state: Mutex<WriteState>,
    thread: Mutex<Option<ThreadId>>,
}

/// The write state, for the holder of the queue's lock.
pub(super) struct Writer<'a> {
    pub(super) state: MutexGuard<'a, WriteState>,
    thread: &'a Mutex<Option<ThreadId>>,
    // Last, so that the next holder finds the state unlocked. A leader's is its group's.
    _lock: Option<WriterLock<'a, Job, Error>>,
}

impl WriteLock {
    pub(super) fn new(engine: Engine) -> Self {
        Self {
            state: Mutex::new(WriteState {
                location: engine.location().clone(),
                engine: Ok(engine),
                needs_reopen: false,
                needs_rewrite: false,
            }),
            thread: Mutex::new(None),
        }
    }

    /// For the holder of the queue's lock.
    pub(super) fn enter<'a>(&'a self, lock_held: Option<WriterLock<'a, Job, Error>>) -> Writer<'a> {
        let state = lock(&self.state);
        *lock(&self.thread) = Some(thread::current().id());
        Writer {
            state,
            thread: &self.thread,
            _lock: lock_held,
        }
    }

    /// Whether this thread writes.
    pub(super) fn is_entered(&self) -> bool {
        *lock(&self.thread) == Some(thread::current().id())
    }
}

impl Drop for Writer<'_> {
    fn drop(&mut self) {
        *lock(self.thread) = None;
    }
}
