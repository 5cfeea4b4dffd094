//! The commands of a store, each a transaction of its own.

use std::fmt;

use super::{Context, Outcome, Transaction};
use crate::error::Result;
use crate::store::Store;

/// A store with a [`Context`]: the same commands, given by somebody.
///
/// Made by [`Store::with`].
#[derive(Clone)]
pub struct Handle<'a> {
    store: &'a Store,
    context: Context,
}

impl Handle<'_> {
    fn run<T>(&self, command: impl FnOnce(&mut Transaction<'_>) -> Result<T>) -> Result<T> {
        self.store.transaction(|transaction| {
            transaction.set_context(self.context.clone());
            command(transaction)
        })
    }
}

impl fmt::Debug for Handle<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle")
            .field("context", &self.context)
            .finish_non_exhaustive()
    }
}

impl Store {
    /// The same commands, given in a context.
    ///
    /// ```
    /// # use convodb::{Channel, ContactId, Context, Inbound, Store, UserId};
    /// # let store = Store::in_memory()?;
    /// # let contact = ContactId::new("con_01HXYZ")?;
    /// # let id = store.receive(Inbound::text(&contact, Channel::Webchat, "one"))?.value.conversation_id;
    /// let alice = UserId::new("usr_01H111")?;
    /// store.with(Context::new().actor(alice)).resolve(id)?;
    /// # Ok::<(), convodb::Error>(())
    /// ```
    #[must_use]
    pub fn with(&self, context: Context) -> Handle<'_> {
        Handle {
            store: self,
            context,
        }
    }

    fn run<T>(&self, command: impl FnOnce(&mut Transaction<'_>) -> Result<T>) -> Result<T> {
        self.transaction(command)
    }
}

/// Commands: a store and a handle give each to a transaction of one command.
macro_rules! commands {
    ($(
        $(#[$doc:meta])*
        fn $name:ident($($argument:ident: $type:ty),*) -> $value:ty;
    )*) => {
        impl Store {
            $(
                $(#[$doc])*
                ///
                /// Besides, as every command: [`OutcomeUnknown`](crate::ErrorKind::OutcomeUnknown),
                /// [`NeedsReopen`](crate::ErrorKind::NeedsReopen),
                /// [`Closed`](crate::ErrorKind::Closed),
                /// [`InTransaction`](crate::ErrorKind::InTransaction),
                /// [`Io`](crate::ErrorKind::Io), [`Corrupted`](crate::ErrorKind::Corrupted).
                pub fn $name(&self, $($argument: $type),*) -> Result<Outcome<$value>> {
                    self.run(|transaction| transaction.$name($($argument),*))
                }
            )*
        }

        impl Handle<'_> {
            $(
                #[doc = concat!("As [`Store::", stringify!($name), "`], in this context.")]
                ///
                /// # Errors
                ///
                /// The same.
                pub fn $name(&self, $($argument: $type),*) -> Result<Outcome<$value>> {
                    self.run(|transaction| transaction.$name($($argument),*))
                }
            )*
        }
    };
}

// Behind the macro: the one list of commands, by what they are about.
mod consumers;
mod conversations;
mod directory;
mod guarded;
mod import;
mod messages;
mod retries;
