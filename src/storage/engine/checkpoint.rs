//! Checkpoints: what the journal made durable is made so in the file, on a thread of its own, while
//! commands go on.

use std::fmt;
use std::thread::{self, JoinHandle};

use convodb_core::{Error, Result};

use crate::kv::{Database, Memtable, WriteTransaction};
use crate::storage::journal::Epoch;
use crate::storage::kinds;

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
    ///
    /// The engine's transaction begins here: whoever needs one from now on waits until this is done,
    /// and never this one for whoever waits for it.
    pub(super) fn start(database: &Database, frozen: Memtable, epoch: Epoch) -> Self {
        let begun = |thread, done| Self {
            frozen: frozen.clone(),
            thread,
            done,
        };
        let transaction = match database.begin_write() {
            Ok(transaction) => transaction,
            Err(error) => return begun(None, Err(error)),
        };
        let rows = frozen.clone();
        let thread = thread::Builder::new()
            .name("convodb-checkpoint".to_owned())
            .spawn(move || write(transaction, &rows, &epoch));
        match thread {
            Ok(thread) => begun(Some(thread), Ok(())),
            // There is no thread to be had.
            Err(_) => {
                let transaction = database.begin_write();
                begun(None, transaction.and_then(|it| write(it, &frozen, &epoch)))
            }
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

fn write(transaction: WriteTransaction, frozen: &Memtable, epoch: &Epoch) -> Result<()> {
    transaction.write_frozen(frozen, |rows| kinds::JOURNAL.put(rows, &(), epoch))
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
