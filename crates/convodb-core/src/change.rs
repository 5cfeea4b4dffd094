//! Changes: what a decided command does to the store, complete and replayable.
//!
//! Nothing else alters a store. A change carries its time, its ids and its actor: the same changes
//! give the same state wherever they are applied, without a clock or the caller's input.
//!
//! The enums are append-only: a variant that was released is never edited or moved.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::message::{Content, Delivery, DeliveryStatus, Extras, Reaction, Revocation, Version};
use crate::metadata::MetadataChanges;
use crate::records::as_json;
use crate::{
    Actor, AssigneeId, Channel, ConsumerName, ContactField, ContactId, ConversationId, EventSeq,
    Field, IdempotencyKey, IdempotencyRecord, Import, ImportName, ImportProgress, InboxId,
    InboxRef, Key, Message, MessageId, Note, NoteId, ProviderId, Status, UserId, View, ViewId,
    time,
};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// When it was decided, by the store's clock.
    #[serde(with = "time")]
    pub at: DateTime<Utc>,
    pub actor: Option<Actor>,
    pub kind: ChangeKind,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ChangeKind {
    /// The first message of a contact in an inbox created a conversation.
    ConversationCreated {
        conversation: ConversationId,
        contact_id: ContactId,
        channel: Channel,
        inbox_id: Option<InboxId>,
        #[serde(with = "time")]
        created_at: DateTime<Utc>,
        status: Status,
    },
    /// Attributes of a conversation got new values, in this order.
    ConversationUpdated {
        conversation: ConversationId,
        set: Vec<Field>,
    },
    ConversationDeleted {
        conversation: ConversationId,
    },
    ConversationImported(Box<Import>),
    MessageAppended(Box<Message>),
    /// Attributes of a message got new values, in this order.
    MessageUpdated {
        conversation: ConversationId,
        message: MessageId,
        set: Vec<MessageField>,
    },
    NoteAdded(Box<Note>),
    NoteRemoved {
        conversation: ConversationId,
        #[serde(with = "time")]
        created_at: DateTime<Utc>,
        note: NoteId,
    },
    /// What changes a message came before it.
    FieldUnmatched {
        inbox: InboxRef,
        provider_id: ProviderId,
        field: Box<MessageField>,
    },
    /// Receipts whose messages never came were dropped.
    UnmatchedPurged {
        #[serde(with = "time")]
        before: DateTime<Utc>,
    },
    /// A user or team joined the directory or got another name, or a team other members.
    AssigneeSaved {
        assignee: AssigneeId,
        name: String,
        /// The members of a team, by their ids. Without them, they stay as they are.
        members: Option<Vec<UserId>>,
    },
    AssigneeRemoved {
        assignee: AssigneeId,
        /// The assignee that gets its conversations. Without one, they become unassigned.
        successor: Option<AssigneeId>,
    },
    /// A conversation of a removed user or team is stored under the successor. Not activity.
    Reassigned {
        conversation: ConversationId,
        assignee: Option<AssigneeId>,
        /// When the predecessor was removed.
        #[serde(with = "time")]
        since: DateTime<Utc>,
    },
    /// A command with an idempotency key was done.
    KeyRecorded {
        key: IdempotencyKey,
        record: IdempotencyRecord,
        /// Some keys that are older than this expire on this occasion.
        #[serde(with = "time")]
        forget_before: DateTime<Utc>,
    },
    KeysPurged {
        #[serde(with = "time")]
        before: DateTime<Utc>,
    },
    /// A consumer of events joined or acknowledged events.
    ConsumerMoved {
        consumer: ConsumerName,
        /// The last event that it acknowledged.
        position: EventSeq,
    },
    ConsumerRemoved {
        consumer: ConsumerName,
    },
    EventsPurged {
        before: EventSeq,
    },
    /// An inbox is new or got another name.
    InboxSaved {
        inbox: InboxId,
        channel: Channel,
        name: String,
    },
    /// A line of an import brought a message: no activity, and without an event of its own.
    MessageImported(Box<Message>),
    /// It brought a note, likewise.
    NoteImported(Box<Note>),
    /// It brought more of a message, likewise.
    MessageCompleted {
        conversation: ConversationId,
        message: MessageId,
        set: Vec<MessageField>,
    },
    /// It brought more of a conversation, likewise.
    ConversationCompleted {
        conversation: ConversationId,
        set: Vec<Field>,
    },
    /// Lines of an import brought messages, in this commit.
    LinesImported {
        conversation: ConversationId,
        messages: u64,
    },
    /// A named import came this far.
    ImportAdvanced {
        import: ImportName,
        progress: ImportProgress,
    },
    /// Attributes of a contact got new values, in this order. The first ones make its record.
    ContactUpdated {
        contact: ContactId,
        set: Vec<ContactField>,
    },
    /// A message of a contact came with an identity of another one.
    ContactConflict {
        contact: ContactId,
        with: ContactId,
    },
    /// The record of a contact, its identities and its name in events are gone.
    ContactErased {
        contact: ContactId,
    },
    /// What a contact has is another one's, which its id means from now on.
    ContactMerged {
        from: ContactId,
        into: ContactId,
    },
    /// The messages and notes of a conversation are another one's, which its id means from now on.
    ConversationMerged {
        from: ConversationId,
        into: ConversationId,
    },
    /// A view is new, or got another name, filter or order.
    ViewSaved(#[serde(with = "as_json")] Box<View>),
    ViewRemoved {
        view: ViewId,
    },
    /// The list of a view got the conversations up to this one; without one, all.
    ViewBuilt {
        view: ViewId,
        through: Option<ConversationId>,
        /// How many that were, of the view or not.
        read: u32,
    },
    /// Of a list that no view has any longer, by its number, so many rows went.
    ViewRowsRemoved {
        list: u32,
        rows: u32,
    },
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum MessageField {
    /// A receipt that brought something new.
    Delivery(Delivery),
    ProviderId(ProviderId),
    /// Another id of the provider's.
    Alias(ProviderId),
    Reaction(#[serde(with = "as_json")] Reaction),
    /// Another content, in place of the present one if it is later.
    Edit(#[serde(with = "as_json")] Version),
    /// The message comes whose edit came before it.
    Original(#[serde(with = "as_json")] Box<Original>),
    Revoked(#[serde(with = "as_json")] Revocation),
    /// The content that was yet to come.
    Filled(
        #[serde(with = "as_json")] Content,
        #[serde(with = "as_json")] Box<Extras>,
    ),
    /// The same content with more known of it.
    Content(#[serde(with = "as_json")] Content),
    Metadata(#[serde(with = "as_json")] MetadataChanges),
    /// It is tried again, and will get another id of the provider's.
    Retried,
    /// Its contact got or read it and all before it. It changes the conversation, when the message comes.
    UpTo(DeliveryStatus),
}

/// What a message brings whose edit came before it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Original {
    /// Its content, and its time.
    pub version: Version,
    /// The time by which it takes its place.
    #[serde(with = "time")]
    pub order_time: DateTime<Utc>,
    pub extras: Extras,
}

impl MessageField {
    /// Whether it can be set of a message that was taken back.
    pub(crate) const fn is_of_revoked(&self) -> bool {
        matches!(
            self,
            Self::Delivery(_)
                | Self::UpTo(_)
                | Self::ProviderId(_)
                | Self::Alias(_)
                | Self::Original(_)
        )
    }
}

impl Change {
    /// The conversations that it is about.
    pub fn conversations(&self) -> impl Iterator<Item = ConversationId> {
        let other = match &self.kind {
            ChangeKind::ConversationMerged { into, .. } => Some(*into),
            _ => None,
        };
        self.conversation().into_iter().chain(other)
    }

    /// The conversation that its events are about.
    pub fn conversation(&self) -> Option<ConversationId> {
        match &self.kind {
            ChangeKind::ConversationCreated { conversation, .. }
            | ChangeKind::ConversationUpdated { conversation, .. }
            | ChangeKind::ConversationCompleted { conversation, .. }
            | ChangeKind::MessageCompleted { conversation, .. }
            | ChangeKind::ConversationDeleted { conversation }
            | ChangeKind::MessageUpdated { conversation, .. }
            | ChangeKind::NoteRemoved { conversation, .. }
            | ChangeKind::LinesImported { conversation, .. }
            | ChangeKind::Reassigned { conversation, .. } => Some(*conversation),
            ChangeKind::ConversationImported(imported) => Some(imported.conversation.id),
            ChangeKind::MessageAppended(message) | ChangeKind::MessageImported(message) => {
                Some(message.conversation_id)
            }
            ChangeKind::NoteAdded(note) | ChangeKind::NoteImported(note) => {
                Some(note.conversation_id)
            }
            ChangeKind::ConversationMerged { from, .. } => Some(*from),
            _ => None,
        }
    }

    /// The entities that applying it reads or writes, for replay, where no decision loaded them.
    pub fn keys(&self, keys: &mut Vec<Key>) {
        keys.extend(self.conversations().map(Key::Conversation));
        match &self.kind {
            ChangeKind::ConversationUpdated { set, .. }
            | ChangeKind::ConversationCompleted { set, .. } => {
                keys.extend(set.iter().filter_map(Field::assignee).map(Key::Assignee));
            }
            ChangeKind::MessageUpdated {
                conversation,
                message,
                ..
            }
            | ChangeKind::MessageCompleted {
                conversation,
                message,
                ..
            } => keys.push(Key::Message(*conversation, *message)),
            ChangeKind::FieldUnmatched {
                inbox, provider_id, ..
            } => keys.push(Key::ProviderId(inbox.clone(), provider_id.clone())),
            ChangeKind::NoteRemoved {
                conversation,
                created_at,
                note,
            } => keys.push(Key::Note(*conversation, *created_at, *note)),
            ChangeKind::AssigneeSaved { assignee, .. }
            | ChangeKind::AssigneeRemoved { assignee, .. }
            | ChangeKind::Reassigned {
                assignee: Some(assignee),
                ..
            } => keys.push(Key::Assignee(assignee.clone())),
            ChangeKind::ConversationImported(imported) => {
                keys.extend(imported.conversation.assignees().map(Key::Assignee));
            }
            ChangeKind::ContactUpdated { contact, .. } | ChangeKind::ContactErased { contact } => {
                keys.push(Key::Contact(contact.clone()));
            }
            ChangeKind::ViewRemoved { view } | ChangeKind::ViewBuilt { view, .. } => {
                keys.push(Key::View(view.clone()));
            }
            ChangeKind::ContactMerged { from, into } => {
                keys.extend([from, into].map(|id| Key::Contact(id.clone())));
            }
            _ => {}
        }
    }
}

impl ChangeKind {
    pub(crate) const fn message_updated(
        conversation: ConversationId,
        message: MessageId,
        set: Vec<MessageField>,
    ) -> Self {
        Self::MessageUpdated {
            conversation,
            message,
            set,
        }
    }

    /// Whether it reaches entities that are not loaded: a backend writes what came before it, then
    /// it, and loads anew.
    pub const fn is_wide(&self) -> bool {
        matches!(
            self,
            Self::ConversationDeleted { .. }
                | Self::ConversationImported(_)
                | Self::UnmatchedPurged { .. }
                | Self::AssigneeSaved { .. }
                | Self::AssigneeRemoved { .. }
                | Self::KeysPurged { .. }
                | Self::EventsPurged { .. }
                | Self::ContactErased { .. }
                | Self::ContactMerged { .. }
                | Self::ConversationMerged { .. }
                | Self::ViewSaved(_)
                | Self::ViewRemoved { .. }
                | Self::ViewBuilt { .. }
                | Self::ViewRowsRemoved { .. }
        )
    }
}
