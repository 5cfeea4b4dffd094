//! Typed ids. The store's own ids are ULIDs behind a prefix; the others are texts within bounds.

mod own;
mod text;

pub use own::{ConversationId, MessageId, NoteId, OwnId, OwnIdKind};
pub use text::{Actor, ConsumerName, ContactId, ProviderId, TeamId, TextId, TextIdKind, UserId};
