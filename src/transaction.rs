//! Several commands that commit as one.

use std::cell::RefCell;
use std::fmt;
use std::iter::Fuse;
use std::rc::Rc;
use std::sync::Arc;

use convodb_core::{
    Command, CommitSeq, Context, Effect, Error, ErrorKind, Import, InvalidInput, Outcome, Result,
};

use crate::execute::{self, Execute};
use crate::executor::{self, Executor};
use crate::storage::UnitOfWork;

/// Several commands that commit as one, or not at all.
///
/// [`Store::transaction`](crate::Store::transaction) passes it to its closure. It has the commands of
/// [`Execute`] and the queries of [`Read`](crate::Read), which see its own writes, on one thread.
///
/// An error of the storage during a command aborts the transaction: every later call returns
/// [`Aborted`](crate::ErrorKind::Aborted), and so does the commit. A command that is rejected, for
/// example as not found, writes nothing and aborts nothing.
pub struct Transaction<'t> {
    /// None after a panic, and at the end. Those that `with` makes share it.
    unit: Rc<RefCell<Option<UnitOfWork<'t>>>>,
    executor: Arc<Executor>,
    context: Context,
}

impl<'t> Transaction<'t> {
    /// Runs a closure with a transaction over a unit of work, and returns the unit for the commit.
    pub(crate) fn run<T, E: From<Error>>(
        unit: UnitOfWork<'t>,
        executor: &Arc<Executor>,
        context: Context,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, E>,
    ) -> Result<(T, UnitOfWork<'t>), E> {
        let shared = Rc::new(RefCell::new(Some(unit)));
        let value = work(&Transaction {
            unit: Rc::clone(&shared),
            executor: Arc::clone(executor),
            context,
        })?;
        let unit = shared.take().ok_or_else(aborted)?;
        Ok((value, unit))
    }

    /// The same transaction; its commands carry this context.
    ///
    /// ```
    /// # convodb::example!(store, id, contact, alice, bob);
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
            unit: Rc::clone(&self.unit),
            executor: Arc::clone(&self.executor),
            context,
        }
    }

    /// Imports many conversations, each as [`import`](Execute::import) does, sorted: all of them
    /// commit with the transaction, or none. The value is their number.
    /// [`Store::import_all`](crate::Store::import_all) imports them in several commits, and gathers and
    /// writes rows in the same way.
    ///
    /// # Errors
    ///
    /// As [`Store::import_all`](crate::Store::import_all). Conversations before the one that is
    /// rejected may be written already, so an error aborts the transaction.
    pub fn import_all(&self, imports: impl IntoIterator<Item = Import>) -> Result<Outcome<u64>> {
        import_all(&self.context, imports, |imports, imported| {
            let given = self.executor.given(&self.context);
            self.unit(|unit| {
                let some = unit.whole(|unit| unit.import_some(&given, imported, imports))?;
                Ok((some, unit.commit_seq()))
            })
        })
    }

    /// Runs something on the unit of work.
    pub(crate) fn unit<T>(&self, run: impl FnOnce(&mut UnitOfWork<'t>) -> Result<T>) -> Result<T> {
        let borrowed = self.unit.try_borrow_mut();
        let mut slot = borrowed.map_err(|_| executor::reentrant())?;
        // A panic leaves none: it may be half changed, and the closure may catch it and go on.
        let mut unit = slot.take().ok_or_else(aborted)?;
        let value = run(&mut unit).or_else(|error| match error.kind() {
            ErrorKind::NeedsReopen => unit.whole(|_| Err(self.executor.aborted(error))),
            _ => Err(error),
        });
        *slot = Some(unit);
        value
    }
}

/// Imports conversations in steps. Each returns how many it took, and the commit that holds them.
pub(crate) fn import_all<I: Iterator<Item = Import>>(
    context: &Context,
    imports: impl IntoIterator<Item = Import, IntoIter = I>,
    mut step: impl FnMut(&mut Fuse<I>, u64) -> Result<(u64, CommitSeq)>,
) -> Result<Outcome<u64>> {
    // An idempotency key or a precondition is of one command.
    if !context.is_plain() {
        let reason = "must have no idempotency key and no preconditions";
        return Err(InvalidInput::new("context", reason).into());
    }
    let mut imports = imports.into_iter().fuse();
    let (mut imported, mut last) = (0, None);
    loop {
        let (some, commit) = step(&mut imports, imported)?;
        if some == 0 {
            let is_any = imported > 0;
            let effect = Effect::new(is_any, is_any, false);
            let commit = last.unwrap_or(commit);
            return Ok(Outcome::new(imported, effect, false, commit));
        }
        imported += some;
        last = Some(commit);
    }
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
        let given = self.executor.given(&context);
        self.unit(|unit| unit.execute(&given, &command))
    }
}

impl fmt::Debug for Transaction<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transaction")
            .field("context", &self.context)
            .finish_non_exhaustive()
    }
}
