//! What a webhook asks of a store.

use std::fmt;

use convodb_core::commands::{
    Edit, Fill, Identify, React, RecordDelivery, RecordWatermark, Revoke, SaveInbox, SetProviderId,
};
use convodb_core::{Inbound, Outbound};

use crate::frame::cut;

const MAX_KIND_BYTES: usize = 64;

/// One thing that a webhook asks of a store.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Item {
    /// The account that the items behind it are of has this inbox. Execute it only where the store does not
    /// have the inbox: a team may have renamed it.
    Inbox(SaveInbox),
    /// Identities are those of one contact, and its name. It comes before the message that says so. Contacts that
    /// turn out to be one are merged.
    Contact(Identify),
    /// A message from a contact.
    Receive(Inbound),
    /// A message to a contact that was sent already.
    Send(Outbound),
    /// A receipt.
    Deliver(RecordDelivery),
    /// Everything until a time, or until a message, was delivered or read.
    Watermark(RecordWatermark),
    /// A reaction, or that it was taken back.
    React(React),
    /// Another content of a message.
    Edit(Edit),
    /// A message is taken back.
    Revoke(Revoke),
    /// The medium of an old message, of which the payload has neither sender nor recipient.
    Fill(Fill),
    /// The provider's id of a message that was sent with a reference. The store refuses it where the
    /// reference is not its own, or where the message has the id already or another one.
    Identify(SetProviderId),
    /// What asks nothing of a store.
    Ignored(Ignored),
}

impl Item {
    pub(crate) fn ignored(kind: &str, reason: impl Into<String>) -> Self {
        let kind = match kind {
            "" => "unknown".to_owned(),
            kind => cut(kind, MAX_KIND_BYTES).replace(char::is_control, "_"),
        };
        let reason = reason.into();
        Self::Ignored(Ignored { kind, reason })
    }
}

/// What asks nothing of a store, and why: for a log.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ignored {
    /// What it is, in the provider's words where it has some.
    pub kind: String,
    /// Why it is ignored.
    pub reason: String,
}

impl fmt::Display for Ignored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind, self.reason)
    }
}
