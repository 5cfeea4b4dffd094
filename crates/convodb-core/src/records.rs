//! The parts of stored records that a type of the API is turned into by each of its variants: only
//! this crate's own code is held to know all of them.

use serde::{Deserialize, Serialize};

use crate::{AssigneeId, Content, EventKind};

/// What a message carries.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub enum ContentV1<'a> {
    Text(&'a str),
    Template {
        name: &'a str,
        #[serde(borrow)]
        params: Vec<&'a str>,
        text: Option<&'a str>,
    },
    Image(&'a str, Option<&'a str>),
    Document(&'a str, Option<&'a str>),
}

impl<'a> From<&'a Content> for ContentV1<'a> {
    #[inline]
    fn from(content: &'a Content) -> Self {
        match content {
            Content::Text { text } => Self::Text(text),
            Content::Template { name, params, text } => Self::Template {
                name,
                params: params.iter().map(String::as_str).collect(),
                text: text.as_deref(),
            },
            Content::Image { media_url, caption } => Self::Image(media_url, caption.as_deref()),
            Content::Document { media_url, caption } => {
                Self::Document(media_url, caption.as_deref())
            }
        }
    }
}

impl From<ContentV1<'_>> for Content {
    #[inline]
    fn from(content: ContentV1<'_>) -> Self {
        match content {
            ContentV1::Text(text) => Self::text(text),
            ContentV1::Template { name, params, text } => Self::Template {
                name: name.into(),
                params: params.into_iter().map(Into::into).collect(),
                text: text.map(Into::into),
            },
            ContentV1::Image(media_url, caption) => Self::Image {
                media_url: media_url.into(),
                caption: caption.map(Into::into),
            },
            ContentV1::Document(media_url, caption) => Self::Document {
                media_url: media_url.into(),
                caption: caption.map(Into::into),
            },
        }
    }
}

/// What an event tells.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub enum EventKindV1<'a> {
    /// The status, and who has it.
    ConversationCreated(u8, Option<&'a str>),
    /// Who has it now, and who had it.
    ConversationAssigned(&'a str, Option<&'a str>),
    /// Who had it.
    ConversationUnassigned(&'a str),
    ConversationResolved,
    ConversationReopened,
    ConversationDeleted,
    MessageReceived(u128),
    MessageSent(u128),
    MessageDelivered(u128),
    MessageRead(u128),
    MessageFailed(u128),
    NoteAdded(u128),
    /// Who has it now, who had it, and since when.
    ConversationTakenOver(&'a str, &'a str, i64),
    /// Who had it, and until when.
    ConversationLeft(&'a str, i64),
}

impl<'a> From<&'a EventKind> for EventKindV1<'a> {
    fn from(kind: &'a EventKind) -> Self {
        let text = |id: &'a Option<AssigneeId>| id.as_ref().map(AssigneeId::as_str);
        match kind {
            EventKind::ConversationCreated {
                status,
                assigned_to,
            } => Self::ConversationCreated(status.code(), text(assigned_to)),
            EventKind::ConversationAssigned {
                assigned_to,
                previously_assigned_to: before,
            } => Self::ConversationAssigned(assigned_to.as_str(), text(before)),
            EventKind::ConversationUnassigned {
                previously_assigned_to: before,
            } => Self::ConversationUnassigned(before.as_str()),
            EventKind::ConversationResolved => Self::ConversationResolved,
            EventKind::ConversationReopened => Self::ConversationReopened,
            EventKind::ConversationDeleted => Self::ConversationDeleted,
            EventKind::MessageReceived { message_id } => Self::MessageReceived(message_id.raw()),
            EventKind::MessageSent { message_id } => Self::MessageSent(message_id.raw()),
            EventKind::MessageDelivered { message_id } => Self::MessageDelivered(message_id.raw()),
            EventKind::MessageRead { message_id } => Self::MessageRead(message_id.raw()),
            EventKind::MessageFailed { message_id } => Self::MessageFailed(message_id.raw()),
            EventKind::NoteAdded { note_id } => Self::NoteAdded(note_id.raw()),
        }
    }
}
