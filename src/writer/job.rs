//! A command on its way to the thread that runs it, and its answer on the way back.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use convodb_core::{Context, Error, ErrorKind, Result};

use super::Transaction;

/// A command that any thread can run.
pub(crate) struct Job {
    context: Context,
    run: Box<Run>,
}

type Run = dyn FnOnce(&mut Transaction<'_>) -> Result<()> + Send;

/// What came of a command: its answer, or its panic.
type Slot<T> = Arc<Mutex<Option<thread::Result<Result<T>>>>>;

/// Where the answer of a [`Job`] will be.
pub(crate) struct Answer<T>(Slot<T>);

impl Job {
    pub(crate) fn new<T: Send + 'static>(
        context: Context,
        command: impl FnOnce(&mut Transaction<'_>) -> Result<T> + Send + 'static,
    ) -> (Self, Answer<T>) {
        let slot = Slot::default();
        let own = Arc::clone(&slot);
        let run = move |transaction: &mut Transaction<'_>| {
            // What it leaves half done, nobody commits.
            let ran = catch_unwind(AssertUnwindSafe(|| transaction.run_whole(command)));
            let health = match &ran {
                Ok(_) => transaction.check_health(),
                Err(_) => Err(poisoned()),
            };
            *own.lock().unwrap_or_else(PoisonError::into_inner) = Some(ran);
            health
        };
        let job = Self {
            context,
            run: Box::new(run),
        };
        (job, Answer(slot))
    }

    /// Runs it, as one of several. An error is that of all: the transaction cannot commit.
    pub(crate) fn run(self, transaction: &mut Transaction<'_>) -> Result<()> {
        transaction.set_context(self.context);
        (self.run)(transaction)
    }
}

impl fmt::Debug for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Job").finish_non_exhaustive()
    }
}

impl<T> Answer<T> {
    /// The answer, once its group has ended so. A command that panicked does so here.
    pub(crate) fn take(self, group: Result<()>) -> Result<T> {
        let own = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        match (group, own) {
            (_, Some(Err(panic))) => resume_unwind(panic),
            (Ok(()), Some(Ok(answer))) => answer,
            // What the group failed of.
            (Err(group), Some(Ok(Err(own)))) if group.kind() == ErrorKind::TransactionPoisoned => {
                Err(own)
            }
            (Err(group), _) => Err(group),
            (Ok(()), None) => Err(poisoned()),
        }
    }
}

/// Another command of the group panicked.
pub(crate) fn poisoned() -> Error {
    Error::new(
        ErrorKind::TransactionPoisoned,
        "another command of the same group panicked: nothing was written",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Store;
    use convodb_core::{Channel, ContactId, Filter, Inbound};

    #[test]
    fn a_command_that_fails_when_it_has_written_leaves_nothing() -> Result<()> {
        let store = Store::in_memory()?;
        let contact = ContactId::new("con_1")?;
        let failed = store.command(Context::new(), move |transaction| {
            transaction.receive(Inbound::text(contact, Channel::Webchat, "Hello"))?;
            Err::<(), _>(Error::corrupted("what it should answer cannot be read"))
        });
        let kind = failed.err().map(|error| error.kind());
        assert_eq!(kind, Some(ErrorKind::Corrupted));
        assert_eq!(store.count(&Filter::all())?, 0);
        Ok(())
    }
}
