//! Checkpoints: the rows of the commits in the log are written to redb's pages, on a thread of their
//! own, while commands go on.

use std::thread::{self, JoinHandle};

use convodb_core::{Error, Result};

use crate::kv::{Database, Frozen, WalPosition, WriteTransaction};
use crate::storage::kinds;

/// A checkpoint that is under way. Dropped, it is waited for.
pub(super) struct Checkpoint {
    position: WalPosition,
    /// Nothing where it was done at once, or was waited for.
    thread: Option<JoinHandle<Result<()>>>,
    done: Result<()>,
}

impl Checkpoint {
    /// Begins to write frozen rows, and the position behind their commits, where recovery will begin.
    ///
    /// The transaction of redb begins here: who needs one from now on waits until this one is done,
    /// and this one waits for nothing.
    pub(super) fn start(database: &Database, frozen: Frozen, position: WalPosition) -> Self {
        let begun = |thread, done| Self {
            position,
            thread,
            done,
        };
        let transaction = match database.begin_write() {
            Ok(transaction) => transaction,
            Err(error) => return begun(None, Err(error)),
        };
        let (taken, paced) = (frozen.clone(), database.pace());
        let thread = thread::Builder::new()
            .name("convodb-checkpoint".to_owned())
            .spawn(move || {
                let written = write(transaction, taken, &position);
                drop(paced);
                written
            });
        match thread {
            Ok(thread) => begun(Some(thread), Ok(())),
            // There is no thread to be had.
            Err(_) => {
                let transaction = database.begin_write();
                begun(
                    None,
                    transaction.and_then(|it| write(it, frozen, &position)),
                )
            }
        }
    }

    pub(super) fn is_done(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Waits for its end, and returns the position behind the commits that it contains.
    pub(super) fn finish(mut self) -> Result<WalPosition> {
        self.wait();
        std::mem::replace(&mut self.done, Ok(())).map(|()| self.position)
    }

    fn wait(&mut self) {
        if let Some(thread) = self.thread.take() {
            // It panics only where the engine does, as it may on a damaged page.
            let ended = |_| Err(Error::corrupted("the engine panicked in a checkpoint"));
            self.done = thread.join().unwrap_or_else(ended);
        }
    }
}

fn write(transaction: WriteTransaction, frozen: Frozen, position: &WalPosition) -> Result<()> {
    transaction.write_frozen(frozen, |rows| kinds::CHECKPOINT.put(rows, &(), position))
}

impl Drop for Checkpoint {
    fn drop(&mut self) {
        self.wait();
    }
}
