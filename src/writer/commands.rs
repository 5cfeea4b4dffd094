//! The commands of a store, each a transaction of its own.

use std::fmt;

use convodb_core::{Context, Result};

use super::Transaction;
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
    fn run<T: Send + 'static>(
        &self,
        command: impl FnOnce(&mut Transaction<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.store.command(self.context.clone(), command)
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

    fn run<T: Send + 'static>(
        &self,
        command: impl FnOnce(&mut Transaction<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.command(Context::new(), command)
    }
}

/// Commands: a store and a handle give each to a group, on whichever of its threads. What lives only
/// as long as the caller is carried there as a value of its own; `as` says which, where its type
/// does not.
macro_rules! commands {
    ($(
        $(#[$doc:meta])*
        fn $name:ident($($argument:ident: $type:ty $(as $own:ident)?),*) -> $value:ty;
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
                    $($(let $argument = $crate::writer::carry::$own($argument);)?)*
                    $(let $argument = $crate::writer::carry::Carry::carry($argument);)*
                    self.run(move |transaction| transaction.$name($($argument.lend()),*))
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
                    $($(let $argument = $crate::writer::carry::$own($argument);)?)*
                    $(let $argument = $crate::writer::carry::Carry::carry($argument);)*
                    self.run(move |transaction| transaction.$name($($argument.lend()),*))
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
