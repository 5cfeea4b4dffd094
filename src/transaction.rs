//! Several commands that commit as one.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::rc::Rc;
use std::sync::Arc;

use convodb_core::{
    Command, CommitSeq, Context, Effect, Error, ErrorKind, Import, InvalidInput, Outcome, Result,
};

use crate::execute::{self, Execute};
use crate::executor::{self, Executor, Summary};
use crate::storage::{UnitOfWork, View};

/// Several commands that commit as one, or not at all.
///
/// [`Store::transaction`](crate::Store::transaction) passes it to its closure. It has the commands of
/// [`Execute`] and the queries of [`Read`](crate::Read), which see its own writes. It is neither
/// `Send` nor `Sync`.
///
/// An error of the storage during a command aborts the transaction: every later call returns
/// [`Aborted`](crate::ErrorKind::Aborted), and so does the commit. A command that is rejected, for
/// example as not found, writes nothing and aborts nothing.
pub struct Transaction<'t> {
    shared: Rc<Shared<'t>>,
    context: Context,
}

/// What a transaction and those made by `with` share.
struct Shared<'t> {
    /// None after a panic, and at the end.
    unit: RefCell<Option<UnitOfWork<'t>>>,
    removes_consumer: Cell<bool>,
    executor: Arc<Executor>,
    /// The commit before it.
    base: CommitSeq,
}

impl<'t> Transaction<'t> {
    /// Runs a closure with a transaction over a unit of work, and returns the unit for the commit.
    pub(crate) fn run<T, E: From<Error>>(
        unit: UnitOfWork<'t>,
        view: &View,
        executor: &Arc<Executor>,
        context: Context,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, E>,
    ) -> Result<(T, Summary, UnitOfWork<'t>), E> {
        let shared = Rc::new(Shared {
            unit: RefCell::new(Some(unit)),
            removes_consumer: Cell::new(false),
            executor: Arc::clone(executor),
            base: view.head().commit_seq,
        });
        let value = work(&Transaction {
            shared: Rc::clone(&shared),
            context,
        })?;
        let summary = Summary {
            removes_consumer: shared.removes_consumer.get(),
            ..Summary::of_transaction()
        };
        let unit = shared.unit.take().ok_or_else(aborted)?;
        Ok((value, summary, unit))
    }

    /// The same transaction; its commands carry this context.
    ///
    /// ```
    /// # use convodb::testing::example::*;
    /// # let (store, _, id) = inbox()?;
    /// # let (alice, bob) = (UserId::new("usr_alice")?, UserId::new("usr_bob")?);
    /// store.transaction(|tx| {
    ///     tx.with(Context::new().actor(alice)).add_note(id, "I called back.")?;
    ///     tx.with(Context::new().actor(bob)).resolve(id)?;
    ///     Ok::<_, Error>(())
    /// })?;
    /// # Ok::<(), Error>(())
    /// ```
    #[must_use]
    pub fn with(&self, context: Context) -> Self {
        Self {
            shared: Rc::clone(&self.shared),
            context,
        }
    }

    /// Imports many conversations, each as [`import`](Execute::import) does, sorted: all of them commit
    /// with the transaction, or none. The value is their number.
    ///
    /// [`Store::import_all`](crate::Store::import_all) imports them in several commits. Here too at most
    /// 96 MiB of rows are gathered and written at a time.
    ///
    /// # Errors
    ///
    /// As [`Store::import_all`](crate::Store::import_all). Conversations before the one that is
    /// rejected may be written already, so an error aborts the transaction.
    pub fn import_all(&self, imports: impl IntoIterator<Item = Import>) -> Result<Outcome<u64>> {
        check_plain(&self.context)?;
        let mut imports = imports.into_iter().fuse();
        let mut imported = 0;
        loop {
            let given = self.shared.executor.given(&self.context);
            let some = self
                .unit(|unit| unit.whole(|unit| unit.import_some(&given, imported, &mut imports)))?;
            if some == 0 {
                break;
            }
            imported += some;
        }
        let commit = match imported {
            0 => self.base(),
            _ => self.base().next(),
        };
        Ok(self::imported(imported, commit))
    }

    /// The commit before the transaction.
    pub(crate) fn base(&self) -> CommitSeq {
        self.shared.base
    }

    /// Runs something on the unit of work.
    pub(crate) fn unit<T>(&self, run: impl FnOnce(&mut UnitOfWork<'t>) -> Result<T>) -> Result<T> {
        let borrowed = self.shared.unit.try_borrow_mut();
        let mut slot = borrowed.map_err(|_| executor::reentrant())?;
        let unit = slot.as_mut().ok_or_else(aborted)?;
        match catch_unwind(AssertUnwindSafe(|| run(unit))) {
            Ok(value) => value,
            Err(panic) => {
                // It may be half changed. The closure may catch the panic and go on.
                *slot = None;
                resume_unwind(panic)
            }
        }
    }
}

/// An idempotency key or a precondition is of one command.
pub(crate) fn check_plain(context: &Context) -> Result<()> {
    if context.is_plain() {
        return Ok(());
    }
    let reason = "must have no idempotency key and no preconditions";
    Err(InvalidInput::new("context", reason).into())
}

/// The outcome of an import of this many conversations.
pub(crate) fn imported(count: u64, commit: CommitSeq) -> Outcome<u64> {
    let effect = Effect::new(count > 0, count > 0, false);
    Outcome::new(count, effect, false, commit)
}

fn aborted() -> Error {
    Error::new(
        ErrorKind::Aborted,
        "a command panicked before in this transaction: it writes nothing",
    )
}

impl execute::sealed::Sealed for Transaction<'_> {}

impl Execute for Transaction<'_> {
    fn context(&self) -> &Context {
        &self.context
    }

    fn execute_in<C: Command>(&self, context: Context, command: C) -> Result<Outcome<C::Output>> {
        let given = self.shared.executor.given(&context);
        let outcome = self.unit(|unit| unit.execute(&given, &command))?;
        if executor::removes_consumer::<C>() {
            self.shared.removes_consumer.set(true);
        }
        Ok(outcome)
    }
}

impl fmt::Debug for Transaction<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transaction")
            .field("base", &self.shared.base)
            .field("context", &self.context)
            .finish_non_exhaustive()
    }
}
