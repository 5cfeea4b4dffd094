//! Checkpoints: what the journal made durable is made so in the file, on a thread of its own, while
//! commands go on.

use std::fmt;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use crate::error::{Error, Result};
use crate::kv::{Database, Memtable};
use crate::storage::journal::Epoch;
use crate::storage::meta;

/// A checkpoint that is under way. Dropped, it is waited for.
pub(super) struct Checkpoint {
    frozen: Memtable,
    /// Nothing where it was done at once, or was waited for.
    thread: Option<JoinHandle<Result<()>>>,
    done: Result<()>,
}

impl Checkpoint {
    /// Begins to give the file what was frozen, and to say in it that the journal counts from this
    /// epoch on.
    pub(super) fn start(database: &Arc<Database>, frozen: Memtable, epoch: Epoch) -> Self {
        let run = {
            let (database, frozen) = (Arc::clone(database), frozen.clone());
            move || write(&database, &frozen, &epoch)
        };
        let thread = thread::Builder::new()
            .name("convodb-checkpoint".to_owned())
            .spawn(run);
        match thread {
            Ok(thread) => Self {
                frozen,
                thread: Some(thread),
                done: Ok(()),
            },
            // There is no thread to be had.
            Err(_) => Self {
                done: write(database, &frozen, &epoch),
                frozen,
                thread: None,
            },
        }
    }

    pub(super) fn is_done(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Waits for its end, and answers what is in the file then.
    pub(super) fn finish(mut self) -> Result<Memtable> {
        self.wait();
        std::mem::replace(&mut self.done, Ok(()))?;
        Ok(std::mem::take(&mut self.frozen))
    }

    fn wait(&mut self) {
        if let Some(thread) = self.thread.take() {
            // It panics only where the engine does, as it may on a damaged page.
            let ended = |_| Err(Error::corrupted("the engine panicked in a checkpoint"));
            self.done = thread.join().unwrap_or_else(ended);
        }
    }
}

fn write(database: &Database, frozen: &Memtable, epoch: &Epoch) -> Result<()> {
    database.write_frozen(frozen, |rows| meta::write_epoch(rows, epoch))
}

impl Drop for Checkpoint {
    fn drop(&mut self) {
        self.wait();
    }
}

impl fmt::Debug for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Checkpoint").finish_non_exhaustive()
    }
}
