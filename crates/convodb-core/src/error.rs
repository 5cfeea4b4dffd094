//! The one error of every call: one word large, with its kind and what it is about as data.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

use crate::{
    AssigneeId, AssigneeKind, CommitSeq, ContactId, Conversation, ConversationId, EventSeq,
    Identity, InvalidInput, MessageId, Precondition, ProviderId, Revision, Status, ViewId,
    ViewProgress,
};

/// The result of every call that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, for programs to decide on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// An input breaks a rule: [`Details::Field`]. Nothing was written.
    InvalidInput,
    /// The file, conversation, message, user, team or consumer is not there: [`Details::Entity`].
    NotFound,
    /// What should be created exists, or an id belongs to something else: [`Details::Existing`].
    /// Nothing was written.
    AlreadyExists,
    /// The provider's id belongs to a message of another contact, or one that went the other way.
    /// Nothing was written, and the error has nothing of that message.
    ProviderIdConflict,
    /// The sender's own reference belongs to a message of another contact. Nothing was written, and
    /// the error has nothing of that message.
    ClientRefConflict,
    /// The list of a view is being built: [`Details::Progress`]. The same can succeed later.
    Building,
    /// A list has this order, or selects this, only as a saved view: [`Details::Field`].
    ViewRequired,
    /// An identity belongs to another contact: [`Details::Contacts`] has both. Nothing was written.
    IdentityTaken,
    /// The message was taken back: [`Details::Entity`]. Nothing was written.
    Revoked,
    /// The message did not fail, so that it is not tried again: [`Details::Entity`].
    NotFailed,
    /// A precondition of the [`Context`](crate::Context) does not hold, or a
    /// claim was lost: [`Details::Precondition`], if the conversation exists. Nothing was written.
    PreconditionFailed,
    /// The idempotency key was given with another command before. Nothing was written.
    IdempotencyKeyReused,
    /// The message was deleted, and is not stored again: [`Details::Entity`].
    Gone,
    /// A command was given to the store from within one of its own transactions, where it would
    /// wait for itself: give it to the transaction.
    ReentrantCommand,
    /// The file is open elsewhere, in this process or another: [`Details::Process`], where the system
    /// has it.
    Locked,
    /// The store was closed.
    Closed,
    /// An I/O error came before: commands go on after `Store::reopen`.
    NeedsReopen,
    /// The snapshot ended, by `reopen`, by `compact` or by its time to live: take another one.
    SnapshotExpired,
    /// Events were purged before they were read: [`Details::OldestEvent`].
    EventsPurged,
    /// A storage error or a panic came before in the same transaction or commit group: it wrote
    /// nothing.
    Aborted,
    /// The commit failed, and may have happened all the same: [`Details::Commit`]. After
    /// `Store::reopen` it happened if the store's commit number has reached it.
    CommitUnknown,
    /// The file is not a store of convodb.
    NotADatabase,
    /// The file has a format that this version cannot read.
    UnsupportedVersion,
    /// The file is damaged: [`Details::Record`] or [`Details::Page`] where one record or page is.
    Corrupted,
    /// The path of the store leads to another file, or to none. The store writes nothing more.
    PathChanged,
    /// The disk is full. Nothing was written; the same can succeed once there is room.
    StorageFull,
    /// The store was opened for reading alone.
    ReadOnly,
    /// Other commands changed what a transaction rests on: nothing of it was written, and the same can succeed
    /// when it is run again.
    Conflict,
    /// The backend does not have it: see the message. Nothing was written.
    Unsupported,
    /// The database server cannot be reached, or did not answer in time. Nothing was written.
    Unavailable,
    /// The database server refuses the user, or the role lacks a privilege. Nothing was written.
    NotPermitted,
    /// The operating system refused or failed: see [`source`](std::error::Error::source).
    Io,
}

impl ErrorKind {
    /// The code of the error in JSON: of the API, and of the lines of an import.
    pub const fn code(self) -> &'static str {
        match self {
            Self::InvalidInput => "validation_error",
            Self::NotFound => "not_found",
            Self::AlreadyExists => "already_exists",
            Self::ProviderIdConflict => "provider_id_conflict",
            Self::Building => "view_building",
            Self::ViewRequired => "view_required",
            Self::IdentityTaken => "identity_taken",
            Self::ClientRefConflict => "client_ref_conflict",
            Self::Revoked => "revoked",
            Self::NotFailed => "not_failed",
            Self::PreconditionFailed => "precondition_failed",
            Self::IdempotencyKeyReused => "idempotency_key_reused",
            Self::Gone => "erased",
            Self::EventsPurged => "events_purged",
            Self::Aborted => "aborted",
            Self::ReentrantCommand
            | Self::NotADatabase
            | Self::UnsupportedVersion
            | Self::Corrupted => "internal_error",
            _ => "unavailable",
        }
    }
}

/// What an error is about, as data.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub enum Details {
    /// Nothing more than its kind.
    #[default]
    None,
    /// An invalid field.
    Field {
        /// The field.
        name: Cow<'static, str>,
        /// What it must be and is not.
        reason: Cow<'static, str>,
    },
    /// Something that is not there, or no longer.
    Entity {
        /// What it is.
        kind: EntityKind,
        /// Its id.
        id: String,
    },
    /// A precondition that does not hold, and what holds instead.
    Precondition {
        /// The conversation.
        conversation: ConversationId,
        /// The precondition.
        expected: Precondition,
        /// The conversation's revision.
        revision: Revision,
        /// Its status.
        status: Status,
        /// Its assignee.
        assignee: Option<AssigneeId>,
    },
    /// Something that exists already.
    Existing {
        /// What it is.
        kind: EntityKind,
        /// Its id.
        id: String,
    },
    /// How far a view has been built.
    Progress(ViewProgress),
    /// Contacts, each once.
    Contacts(Vec<ContactId>),
    /// The number of a commit.
    Commit(CommitSeq),
    /// The oldest event that is kept; the number of the next one where none is.
    OldestEvent(EventSeq),
    /// The number of a process.
    Process(u32),
    /// A damaged page.
    Page {
        /// Its table, where it is known.
        table: Option<&'static str>,
        /// A key that is on it, or near; empty where it is not known.
        key: Box<[u8]>,
    },
    /// A damaged record.
    Record {
        /// Its table.
        table: &'static str,
        /// Its key.
        key: Box<[u8]>,
    },
}

/// What things in errors are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EntityKind {
    /// A conversation.
    Conversation,
    /// A message.
    Message,
    /// A note.
    Note,
    /// A user.
    User,
    /// A team.
    Team,
    /// A contact.
    Contact,
    /// An inbox.
    Inbox,
    /// A saved view.
    View,
    /// A provider's id of a message.
    ProviderId,
    /// A consumer of events.
    Consumer,
    /// A file.
    File,
}

impl EntityKind {
    /// Its name in messages and JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Conversation => "conversation",
            Self::Message => "message",
            Self::Note => "note",
            Self::User => "user",
            Self::Team => "team",
            Self::Contact => "contact",
            Self::Inbox => "inbox",
            Self::View => "view",
            Self::ProviderId => "provider_id",
            Self::Consumer => "consumer",
            Self::File => "file",
        }
    }
}

/// The error of every call. Its [`kind`](Error::kind) is for programs, its
/// [`details`](Error::details) are what it is about, its `Display` is for people, and its
/// [`source`](std::error::Error::source) is the cause beneath.
///
/// ```
/// use convodb::{Details, ErrorKind, PageRequest};
///
/// let error = convodb::Error::from(PageRequest::number(1, 101).unwrap_err());
/// assert_eq!(error.kind(), ErrorKind::InvalidInput);
/// assert!(matches!(error.details(), Details::Field { name, .. } if name == "limit"));
/// assert_eq!(error.to_string(), "limit: must be between 1 and 100");
/// ```
#[derive(Clone)]
pub struct Error(Box<Repr>);

#[derive(Clone)]
struct Repr {
    kind: ErrorKind,
    message: Cow<'static, str>,
    details: Details,
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

/// Bytes as people read them.
#[doc(hidden)]
#[derive(Debug)]
pub struct Hex<'a>(pub &'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl Error {
    /// What went wrong.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// What it is about, as data.
    pub fn details(&self) -> &Details {
        &self.0.details
    }

    /// The field of an invalid input.
    pub fn field(&self) -> Option<&str> {
        match &self.0.details {
            Details::Field { name, .. } => Some(name),
            _ => None,
        }
    }

    /// What the field of an invalid input must be and is not.
    pub fn reason(&self) -> Option<&str> {
        match &self.0.details {
            Details::Field { reason, .. } => Some(reason),
            _ => None,
        }
    }

    /// Whether the same call may succeed unchanged: another holds the file, a snapshot ended, or
    /// a view is being built.
    pub fn is_retryable(&self) -> bool {
        use ErrorKind::{Aborted, Building, Locked, SnapshotExpired};
        matches!(self.0.kind, Locked | SnapshotExpired | Aborted | Building)
    }

    /// Whether it is certain that the call wrote nothing.
    pub fn is_unchanged(&self) -> bool {
        use ErrorKind::{CommitUnknown, Corrupted, Io};
        !matches!(self.0.kind, CommitUnknown | Io | Corrupted)
    }
}

/// What backends and commands make errors with.
#[doc(hidden)]
impl Error {
    pub fn new(kind: ErrorKind, message: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Repr {
            kind,
            message: message.into(),
            details: Details::None,
            source: None,
        }))
    }

    pub fn corrupted(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::Corrupted, message)
    }

    pub fn closed() -> Self {
        Self::new(ErrorKind::Closed, "the store is closed")
    }

    pub fn with_source(mut self, source: impl StdError + Send + Sync + 'static) -> Self {
        self.0.source = Some(Arc::new(source));
        self
    }

    pub fn with_details(mut self, details: Details) -> Self {
        self.0.details = details;
        self
    }

    /// Whether this commit happened is unknown.
    pub fn commit_unknown(commit: CommitSeq, source: Self) -> Self {
        let message = format!("commit {commit} failed, and may have happened all the same");
        Self::new(ErrorKind::CommitUnknown, message)
            .with_source(source)
            .with_details(Details::Commit(commit))
    }

    /// The list of a view is being built.
    pub fn building(id: &ViewId, progress: ViewProgress) -> Self {
        let ViewProgress { done, of } = progress;
        let message =
            format!("the view `{id}` is being built: {done} of {of} conversations so far");
        Self::new(ErrorKind::Building, message).with_details(Details::Progress(progress))
    }

    /// Events before this one were asked for, and are gone.
    pub fn events_purged(oldest: EventSeq) -> Self {
        let message = format!("the events before {oldest} were purged");
        Self::new(ErrorKind::EventsPurged, message).with_details(Details::OldestEvent(oldest))
    }

    /// The same error; the field of an invalid input is named within an item of a list.
    pub fn within(self, item: &str) -> Self {
        match self.0.details {
            Details::Field { name, reason } => {
                InvalidInput::new(format!("{item}.{name}"), reason).into()
            }
            _ => self,
        }
    }

    pub fn not_found(kind: EntityKind, id: impl fmt::Display) -> Self {
        let id = id.to_string();
        Self::new(ErrorKind::NotFound, format!("there is no {kind} `{id}`"))
            .with_details(Details::Entity { kind, id })
    }

    pub fn assignee_not_found(id: &AssigneeId) -> Self {
        match id.kind() {
            AssigneeKind::User => Self::not_found(EntityKind::User, id),
            AssigneeKind::Team => Self::not_found(EntityKind::Team, id),
        }
    }

    pub fn gone(id: &ProviderId) -> Self {
        let (kind, id) = (EntityKind::ProviderId, id.to_string());
        let message = format!("the message with the provider's id `{id}` was deleted");
        Self::new(ErrorKind::Gone, message).with_details(Details::Entity { kind, id })
    }

    pub fn provider_id_conflict(id: &ProviderId) -> Self {
        let (kind, id) = (EntityKind::ProviderId, id.to_string());
        let message = format!("the provider's id `{id}` is that of another message");
        Self::new(ErrorKind::ProviderIdConflict, message)
            .with_details(Details::Existing { kind, id })
    }

    /// An id of the provider's or a reference of the sender's is that of another message.
    pub fn foreign_id_conflict(id: &ProviderId) -> Self {
        match id.is_reference() {
            true => Self::client_ref_conflict(id.shown()),
            false => Self::provider_id_conflict(id),
        }
    }

    pub fn client_ref_conflict(reference: &str) -> Self {
        let message = format!("the reference `{reference}` is that of another message");
        Self::new(ErrorKind::ClientRefConflict, message)
    }

    /// An identity belongs to a contact, and others of the same input to another one.
    pub(crate) fn identity_taken(
        identity: &Identity,
        owner: &ContactId,
        contacts: Vec<ContactId>,
    ) -> Self {
        let message = format!("`{}` belongs to `{owner}`", identity.value());
        Self::new(ErrorKind::IdentityTaken, message).with_details(Details::Contacts(contacts))
    }

    pub fn revoked(id: MessageId) -> Self {
        let (kind, id) = (EntityKind::Message, id.to_string());
        let message = format!("the message `{id}` was taken back");
        Self::new(ErrorKind::Revoked, message).with_details(Details::Entity { kind, id })
    }

    pub fn not_failed(id: MessageId) -> Self {
        let (kind, id) = (EntityKind::Message, id.to_string());
        let message = format!("the message `{id}` did not fail");
        Self::new(ErrorKind::NotFailed, message).with_details(Details::Entity { kind, id })
    }

    pub fn already_exists(
        kind: EntityKind,
        id: impl fmt::Display,
        message: impl Into<Cow<'static, str>>,
    ) -> Self {
        let id = id.to_string();
        Self::new(ErrorKind::AlreadyExists, message).with_details(Details::Existing { kind, id })
    }

    pub(crate) fn precondition_failed(expected: &Precondition, known: &Conversation) -> Self {
        let id = known.id;
        let message = match expected {
            Precondition::Revision(_) => {
                let revision = known.revision;
                format!("the conversation `{id}` has changed: its revision is {revision}")
            }
            Precondition::Assignee(_) => match known.assignee_id() {
                Some(assignee) => format!("the conversation `{id}` is assigned to `{assignee}`"),
                None => format!("the conversation `{id}` is unassigned"),
            },
            Precondition::Status(_) => format!("the conversation `{id}` is {}", known.status),
        };
        Self::new(ErrorKind::PreconditionFailed, message).with_details(Details::Precondition {
            conversation: id,
            expected: expected.clone(),
            revision: known.revision,
            status: known.status,
            assignee: known.assignee_id().cloned(),
        })
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Error");
        debug
            .field("kind", &self.0.kind)
            .field("message", &self.0.message);
        if let Some(source) = &self.0.source {
            debug.field("source", source);
        }
        debug.finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}

/// For conversions that cannot fail, such as that of a page request into itself.
impl From<std::convert::Infallible> for Error {
    fn from(never: std::convert::Infallible) -> Self {
        match never {}
    }
}

impl From<InvalidInput> for Error {
    fn from(invalid: InvalidInput) -> Self {
        let error = Self::new(ErrorKind::InvalidInput, invalid.to_string());
        error.with_details(Details::Field {
            name: invalid.field,
            reason: invalid.reason,
        })
    }
}
