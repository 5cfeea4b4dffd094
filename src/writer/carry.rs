//! What a command is given, made into what another thread can be given.

use std::borrow::Borrow;
use std::time::Duration;

use convodb_core::{ConversationId, Import, Inbound, MessageRef, Outbound, Receipt, Reply};

/// An argument of a command, which lives as long as the caller pleases.
pub(super) trait Carry {
    /// The same, which lives as long as the command; its `lend` gives the argument back.
    type Carried: Send + 'static;

    fn carry(self) -> Self::Carried;
}

pub(super) struct ByValue<T>(T);

impl<T> ByValue<T> {
    pub(super) fn lend(self) -> T {
        self.0
    }
}

pub(super) struct ByReference<T: ToOwned + ?Sized>(T::Owned);

impl<T: ToOwned + ?Sized> ByReference<T> {
    pub(super) fn lend(&self) -> &T {
        self.0.borrow()
    }
}

pub(super) struct ByOption<T>(Option<T>);

impl<T> ByOption<T> {
    pub(super) fn lend(&self) -> Option<&T> {
        self.0.as_ref()
    }
}

macro_rules! by_value {
    ($($type:ty),*) => {
        $(impl Carry for $type {
            type Carried = ByValue<Self>;

            fn carry(self) -> ByValue<Self> {
                ByValue(self)
            }
        })*
    };
}

by_value!(
    ConversationId,
    Duration,
    Import,
    Inbound,
    MessageRef,
    Outbound,
    Receipt,
    Reply,
    String,
    u64
);

impl<T: ToOwned<Owned: Send> + ?Sized + 'static> Carry for &T {
    type Carried = ByReference<T>;

    fn carry(self) -> ByReference<T> {
        ByReference(self.to_owned())
    }
}

impl<T: Clone + Send + 'static> Carry for Option<&T> {
    type Carried = ByOption<T>;

    fn carry(self) -> ByOption<T> {
        ByOption(self.cloned())
    }
}

pub(super) fn reply(reply: impl Into<Reply>) -> Reply {
    reply.into()
}

pub(super) fn message(message: impl Into<MessageRef>) -> MessageRef {
    message.into()
}

pub(super) fn text(text: impl AsRef<str>) -> String {
    text.as_ref().to_owned()
}
