//! Which lists a conversation is in.

use convodb_core::Conversation;

use super::keys::{self, StreamKey};
use crate::index::{Position, Stream};

/// Where a conversation is: in each index partition once, by its sort key.
pub(super) type Placements = [Option<(Stream, Position)>; 4];

/// The partitions of a conversation: by status and inbox, by owner, and both again while it has
/// unread messages. A pure function of the record.
pub(super) fn placements(conversation: &Conversation, owner: u32) -> Placements {
    let sort_key = keys::position(conversation.updated_at, conversation.id);
    let (status, channel) = (conversation.status, conversation.channel);
    let by_status = StreamKey::by_state(status, channel);
    let by_owner = StreamKey::by_assignee(owner, status, channel);
    let if_unread = |key: StreamKey| (conversation.unread_count > 0).then(|| key.of_unread());
    [
        Some(by_status),
        Some(by_owner),
        if_unread(by_status),
        if_unread(by_owner),
    ]
    .map(|key| key.map(|key| (key.stream(), sort_key)))
}
