//! Conversations.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::codec::{CodecError, Derived};
use crate::{
    Assignee, ContactId, Conversation, ConversationId, Field, InboxNumber, Revision, Status, time,
};

/// A conversation without its id, which its key has. Its assignee is the owner of a number, so that
/// a removal does not rewrite conversations.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConversationRecord {
    pub inbox: InboxNumber,
    pub contact_id: ContactId,
    pub status: Status,
    /// The number of its assignee in the directory, or that of no assignee.
    pub owner: u32,
    #[serde(with = "time")]
    pub created_at: DateTime<Utc>,
    #[serde(with = "time")]
    pub updated_at: DateTime<Utc>,
    pub revision: Revision,
    pub inbound_count: u64,
    pub read_count: u64,
    /// The attributes that have no field here, where they have a value: another attribute changes no
    /// layout.
    pub more: Vec<Field>,
}

impl ConversationRecord {
    /// The record of a conversation whose assignee has this number in the directory.
    pub fn new(conversation: &Conversation, owner: u32) -> Self {
        Self {
            inbox: InboxNumber::from(conversation.channel),
            contact_id: conversation.contact_id.clone(),
            status: conversation.status,
            owner,
            created_at: conversation.created_at,
            updated_at: conversation.updated_at,
            revision: conversation.revision,
            inbound_count: conversation.inbound_count,
            read_count: conversation.read_count(),
            more: conversation.more(),
        }
    }

    /// The conversation of this record under a key, with its assignee as the directory has it.
    pub fn into_conversation(
        self,
        id: ConversationId,
        assigned_to: Option<Assignee>,
    ) -> Result<Conversation, CodecError> {
        let channel = self.inbox.channel();
        let channel = channel.ok_or_else(|| CodecError::malformed("the inbox has no channel"))?;
        let unread_count = self.inbound_count.checked_sub(self.read_count);
        let mut conversation = Conversation::new(id, self.contact_id, channel, self.created_at);
        conversation.status = self.status;
        conversation.assigned_to = assigned_to;
        conversation.updated_at = self.updated_at;
        conversation.revision = self.revision;
        conversation.inbound_count = self.inbound_count;
        conversation.unread_count = unread_count
            .ok_or_else(|| CodecError::malformed("more messages are read than there are"))?;
        match self.more.iter().all(|field| conversation.restore(field)) {
            true => Ok(conversation),
            false => Err(CodecError::malformed(
                "an attribute is stored where it does not belong",
            )),
        }
    }
}

impl Derived for ConversationRecord {}
