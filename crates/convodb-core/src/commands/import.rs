use std::collections::HashSet;

use crate::command::sealed::Sealed;
use crate::error::EntityKind;
use crate::{
    Assignee, ChangeKind, Command, Conversation, Decision, Direction, Env, Error, Halt, Import,
    InboxNumber, InvalidInput, Key, Message, ProviderIdState, Revision, State, Subject, time,
};

impl Sealed for Import {}

/// Stores a whole conversation from elsewhere with its history, ids and times.
impl Command for Import {
    type Output = Conversation;
    const NAME: &'static str = "import";

    fn reads(&self, keys: &mut Vec<Key>) {
        let conversation = &self.conversation;
        let inbox = InboxNumber::from(conversation.channel);
        keys.push(Key::Conversation(conversation.id));
        keys.push(Key::Thread(inbox, conversation.contact_id.clone()));
        keys.extend(conversation.assignee_id().cloned().map(Key::Assignee));
        let provider_ids = self
            .messages
            .iter()
            .filter_map(|message| message.provider_id.clone());
        keys.extend(provider_ids.map(|id| Key::ProviderId(inbox, id)));
    }

    fn decide(&self, state: &State, _: &mut Env<'_>) -> Result<Decision, Halt> {
        check_state(self, state)?;
        decide(self.clone(), state)
    }
}

/// The decision, of an import that is taken rather than copied.
///
/// # Errors
///
/// See [`Command::decide`].
#[doc(hidden)]
pub fn decide(import: Import, state: &State) -> Result<Decision, Halt> {
    check_state(&import, state)?;
    check(&import)?;
    let Import {
        mut conversation,
        mut messages,
        mut notes,
    } = import;
    let inbox = InboxNumber::from(conversation.channel);
    let from_contact = |message: &&Message| message.direction == Direction::Inbound;
    conversation.inbound_count = messages.iter().filter(from_contact).count() as u64;
    for message in &mut messages {
        let Some(id) = &message.provider_id else {
            continue;
        };
        // Receipts that came before their message become part of it.
        if let Some(ProviderIdState::Unmatched(unmatched)) = state.provider_id(inbox, id)? {
            for receipt in unmatched.deliveries.receipts() {
                message.record(&receipt);
            }
        }
    }
    messages.sort_by_key(Message::position);
    notes.sort_by_key(|note| note.id);

    let mut changes = Vec::with_capacity(2);
    if let Some(assignee) = &conversation.assigned_to
        && state.assignee(&assignee.id)?.is_none()
    {
        changes.push(ChangeKind::AssigneeSaved {
            assignee: assignee.id.clone(),
            name: assignee.name.to_string(),
        });
    }
    let subject = Subject::Conversation(conversation.id);
    changes.push(ChangeKind::ConversationImported(Box::new(Import {
        conversation,
        messages,
        notes,
    })));
    Ok(Decision::new(subject, changes))
}

/// What it must not meet in the store.
fn check_state(import: &Import, state: &State) -> Result<(), Halt> {
    let Conversation {
        id,
        contact_id,
        channel,
        ..
    } = &import.conversation;
    if state.conversation(*id)?.is_some() {
        return Err(conversation_exists(*id).into());
    }
    let inbox = InboxNumber::from(*channel);
    if let Some(existing) = state.thread(inbox, contact_id)? {
        return Err(thread_exists(&import.conversation, existing.id).into());
    }
    // Behind these: of a conversation that is there, every provider's id is taken too.
    for message in &import.messages {
        let Some(id) = &message.provider_id else {
            continue;
        };
        match state.provider_id(inbox, id)? {
            Some(ProviderIdState::Tombstone) => return Err(Error::gone(id).into()),
            Some(ProviderIdState::Message(_, existing)) => {
                return Err(provider_id_taken(message, *existing).into());
            }
            Some(ProviderIdState::Unmatched(_)) | None => {}
        }
    }
    Ok(())
}

/// The conversation is there.
#[doc(hidden)]
#[must_use]
pub fn conversation_exists(id: crate::ConversationId) -> Error {
    let text = format!("the conversation `{id}` exists already");
    Error::already_exists(EntityKind::Conversation, id, text)
}

/// The contact has a conversation in the inbox.
#[doc(hidden)]
#[must_use]
pub fn thread_exists(import: &Conversation, existing: crate::ConversationId) -> Error {
    let (contact, channel) = (&import.contact_id, import.channel);
    let text =
        format!("the contact `{contact}` has a conversation on `{channel}` already: `{existing}`");
    Error::already_exists(EntityKind::Conversation, existing, text)
}

/// The provider's id of a message is another message's.
#[doc(hidden)]
#[must_use]
pub fn provider_id_taken(message: &Message, existing: crate::MessageId) -> Error {
    let id = message.provider_id.as_ref().map_or("", |id| id.as_str());
    let text = format!("the provider's id `{id}` is that of the message `{existing}`");
    Error::already_exists(EntityKind::Message, existing, text)
}

/// Checks a whole conversation against itself.
fn check(import: &Import) -> Result<(), InvalidInput> {
    let Import {
        conversation,
        messages,
        notes,
    } = import;
    time::checked("created_at", conversation.created_at)?;
    time::checked("updated_at", conversation.updated_at)?;
    if conversation.updated_at < conversation.created_at {
        let reason = "must not lie before created_at";
        return Err(InvalidInput::new("updated_at", reason));
    }
    if let Some(assignee) = &conversation.assigned_to {
        Assignee::check_name(&assignee.name).map_err(|error| error.within("assigned_to"))?;
    }
    let mut ids = HashSet::with_capacity(messages.len());
    let mut provider_ids = HashSet::new();
    for (index, message) in messages.iter().enumerate() {
        let item = || format!("messages[{index}]");
        message.validate().map_err(|error| error.within(&item()))?;
        if message.conversation_id != conversation.id {
            return Err(foreign("conversation_id").within(&item()));
        }
        if !ids.insert(message.id) {
            return Err(repeated("id").within(&item()));
        }
        if let Some(id) = &message.provider_id
            && !provider_ids.insert(id)
        {
            return Err(repeated("provider_id").within(&item()));
        }
    }
    let mut ids = HashSet::with_capacity(notes.len());
    for (index, note) in notes.iter().enumerate() {
        let item = || format!("notes[{index}]");
        note.validate().map_err(|error| error.within(&item()))?;
        if note.conversation_id != conversation.id {
            return Err(foreign("conversation_id").within(&item()));
        }
        if !ids.insert(note.id) {
            return Err(repeated("id").within(&item()));
        }
    }
    let from_contact = |message: &&Message| message.direction == Direction::Inbound;
    let inbound = messages.iter().filter(from_contact).count() as u64;
    if conversation.inbound_count != 0 && conversation.inbound_count != inbound {
        let reason = format!("must be the number of inbound messages, {inbound}");
        return Err(InvalidInput::new("inbound_count", reason));
    }
    if conversation.unread_count > inbound {
        let reason = format!("must not be above the number of inbound messages, {inbound}");
        return Err(InvalidInput::new("unread_count", reason));
    }
    if conversation.revision > MAX_REVISION {
        let reason = format!("must not be above {MAX_REVISION}");
        return Err(InvalidInput::new("revision", reason));
    }
    Ok(())
}

/// The greatest number that every reader of JSON takes as it is: room for as many changes again.
const MAX_REVISION: Revision = Revision::new((1 << 53) - 1);

fn foreign(field: &'static str) -> InvalidInput {
    InvalidInput::new(field, "must be the conversation's own id")
}

fn repeated(field: &'static str) -> InvalidInput {
    InvalidInput::new(field, "is twice in the conversation")
}
