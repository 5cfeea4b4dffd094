//! Commands that are given again, as they were, to another store: in one transaction, or in one commit
//! group.

use std::cell::RefCell;
use std::fmt::Debug;
use std::sync::mpsc;
use std::thread;

use convodb::commands::PurgeEvents;
use convodb::{
    ContactId, Context, Error, Execute as _, Identity, Outcome, Pending, Result, Retention, Store,
    Transaction,
};

use crate::backend::{Commands, Plain};

/// Gives commands to a store, each as a commit of its own, and records them.
pub struct Recorder<'a> {
    store: &'a Store,
    given: RefCell<Vec<Given>>,
}

/// A command that was given, with its answer.
pub struct Given {
    command: Box<dyn Again>,
    answer: String,
}

impl<'a> Recorder<'a> {
    pub fn new(store: &'a Store) -> Self {
        Self {
            store,
            given: RefCell::default(),
        }
    }

    pub fn into_given(self) -> Vec<Given> {
        self.given.into_inner()
    }
}

impl Commands for Recorder<'_> {
    fn execute<C: Plain>(&self, context: &Context, command: C) -> Result<Outcome<C::Output>> {
        let recorded = Box::new(Recorded {
            context: context.clone(),
            command: command.clone(),
        });
        let outcome = self.store.execute_in(context.clone(), command);
        self.given.borrow_mut().push(Given {
            command: recorded,
            answer: printed(&outcome),
        });
        outcome
    }

    fn purge_events(&self, context: &Context, retention: Retention) -> Result<Outcome<u64>> {
        let limit = u64::MAX;
        self.execute(context, PurgeEvents { retention, limit })
    }

    fn contact_of(&self, identity: &Identity) -> Result<ContactId> {
        self.store.contact_of(identity)
    }
}

/// All of an answer but the number of its commit.
fn printed<T: Debug>(outcome: &Result<Outcome<T>>) -> String {
    match outcome {
        Ok(outcome) => {
            let Outcome {
                value,
                effect,
                is_duplicate,
                ..
            } = outcome;
            format!("{value:?}, {effect:?}, duplicate: {is_duplicate}")
        }
        Err(error) => format!("{:?}, {:?}", error.kind(), error.details()),
    }
}

struct Recorded<C> {
    context: Context,
    command: C,
}

trait Again {
    fn name(&self) -> &'static str;
    fn within(&self, tx: &Transaction<'_>) -> String;
    fn submit(&self, store: &Store) -> Box<dyn FnOnce() -> String>;
}

impl<C: Plain> Again for Recorded<C> {
    fn name(&self) -> &'static str {
        C::NAME
    }

    fn within(&self, tx: &Transaction<'_>) -> String {
        printed(&tx.execute_in(self.context.clone(), self.command.clone()))
    }

    fn submit(&self, store: &Store) -> Box<dyn FnOnce() -> String> {
        let pending = store
            .with(self.context.clone())
            .submit(self.command.clone());
        Box::new(move || printed(&Pending::wait(pending)))
    }
}

/// Gives the commands to another store within one transaction.
///
/// # Panics
///
/// Where one answers otherwise than before.
pub fn in_one_transaction(store: &Store, given: &[Given]) -> Result<()> {
    store.transaction(|tx| {
        for one in given {
            let answer = one.command.within(tx);
            assert_eq!(
                answer,
                one.answer,
                "{} in a transaction",
                one.command.name()
            );
        }
        Ok(())
    })
}

/// Gives the commands to another store in one commit group, or in several if a command ends its group:
/// they are queued while another thread holds the write lock.
///
/// # Panics
///
/// Where one answers otherwise than before.
pub fn in_one_group(store: &Store, given: &[Given]) -> Result<()> {
    let (locked, is_locked) = mpsc::channel();
    let (release, is_released) = mpsc::channel::<()>();
    let pending: Vec<_> = thread::scope(|scope| {
        let holder = scope.spawn(move || {
            store.transaction(|_| {
                locked.send(()).expect("the other thread waits");
                // It ends by dropping its end too.
                let _ = is_released.recv();
                Ok::<_, Error>(())
            })
        });
        is_locked.recv().expect("the lock is taken");
        let pending = given.iter().map(|one| one.command.submit(store)).collect();
        drop(release);
        holder.join().expect("it holds the lock").map(|()| pending)
    })?;
    for (one, wait) in given.iter().zip(pending) {
        assert_eq!(wait(), one.answer, "{} in a group", one.command.name());
    }
    Ok(())
}
