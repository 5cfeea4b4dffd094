//! A thread beside the one that commits, which gives the engine its rows while that one waits for the
//! journal's sync.

use std::fmt;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, JoinHandle};

use crate::error::{Error, Result};
use crate::kv::{Durability, WriteTransaction};

/// The thread, once there was a commit. Idle, it costs nothing; dropped, it ends.
#[derive(Default)]
pub(super) struct Aside(Option<Worker>);

struct Worker {
    /// Taken to end the thread.
    handed: Option<Sender<WriteTransaction>>,
    committed: Receiver<Result<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Aside {
    /// Commits, to be durable later, while `meanwhile` runs. Both have ended when it returns; an
    /// error leaves open whether the commit happened.
    ///
    /// It is the commit that goes to the other thread: it is the shorter of the two, so that nobody
    /// waits until either thread wakes.
    pub(super) fn commit(
        &mut self,
        transaction: WriteTransaction,
        meanwhile: impl FnOnce() -> Result<()>,
    ) -> Result<()> {
        if self.0.is_none() {
            self.0 = Worker::start();
        }
        let Some(worker) = &self.0 else {
            // There is no thread to be had.
            return meanwhile().and_then(|()| transaction.commit(Durability::Later));
        };
        worker.hand(transaction)?;
        let waited = meanwhile();
        waited.and(worker.committed.recv().unwrap_or_else(|_| Err(ended())))
    }
}

impl Worker {
    fn start() -> Option<Self> {
        let (handed, taken) = mpsc::channel::<WriteTransaction>();
        let (tell, committed) = mpsc::channel();
        let run = move || {
            for transaction in taken {
                if tell.send(transaction.commit(Durability::Later)).is_err() {
                    return;
                }
            }
        };
        let thread = thread::Builder::new()
            .name("convodb-commit".to_owned())
            .spawn(run)
            .ok()?;
        Some(Self {
            handed: Some(handed),
            committed,
            thread: Some(thread),
        })
    }

    fn hand(&self, transaction: WriteTransaction) -> Result<()> {
        let handed = self.handed.as_ref();
        match handed.map(|thread| thread.send(transaction).is_ok()) {
            Some(true) => Ok(()),
            Some(false) | None => Err(ended()),
        }
    }
}

/// The thread ends on its own only where the engine panics, as it may on a damaged page.
fn ended() -> Error {
    Error::corrupted("the engine panicked in a commit")
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.handed = None;
        if let Some(thread) = self.thread.take() {
            // Where it panicked, its last commit failed and said so.
            let _ = thread.join();
        }
    }
}

impl fmt::Debug for Aside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Aside").finish_non_exhaustive()
    }
}
