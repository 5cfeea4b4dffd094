use std::collections::HashSet;

use crate::{
    Assignee, ChangeKind, Command, Conversation, ConversationId, Decision, Direction, EntityKind,
    Env, Error, Halt, Import, InboxNumber, InvalidInput, Key, Message, MessageId, ProviderIdState,
    Revision, State, Subject, time,
};

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
    conversation.inbound_count = inbound_count(&messages);
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

    let mut saved = None;
    if let Some(assignee) = &conversation.assigned_to
        && state.assignee(&assignee.id)?.is_none()
    {
        saved = Some(ChangeKind::AssigneeSaved {
            assignee: assignee.id.clone(),
            name: assignee.name.to_string(),
        });
    }
    let subject = Subject::Conversation(conversation.id);
    let import = Import::new(conversation, messages).notes(notes);
    let imported = ChangeKind::ConversationImported(Box::new(import));
    Ok(Decision::new(subject, saved.into_iter().chain([imported])))
}

/// What it must not meet in the store.
fn check_state(import: &Import, state: &State) -> Result<(), Halt> {
    let conversation = &import.conversation;
    if state.conversation(conversation.id)?.is_some() {
        return Err(conversation_exists(conversation.id).into());
    }
    let inbox = InboxNumber::from(conversation.channel);
    if let Some(existing) = state.thread(inbox, &conversation.contact_id)? {
        return Err(thread_exists(conversation, existing.id).into());
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

#[doc(hidden)]
pub fn conversation_exists(id: ConversationId) -> Error {
    let text = format!("the conversation `{id}` exists already");
    Error::already_exists(EntityKind::Conversation, id, text)
}

#[doc(hidden)]
pub fn thread_exists(import: &Conversation, existing: ConversationId) -> Error {
    let (contact, channel) = (&import.contact_id, import.channel);
    let text =
        format!("the contact `{contact}` has a conversation on `{channel}` already: `{existing}`");
    Error::already_exists(EntityKind::Conversation, existing, text)
}

#[doc(hidden)]
pub fn provider_id_taken(message: &Message, existing: MessageId) -> Error {
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
    let is_ordered = conversation.updated_at >= conversation.created_at;
    InvalidInput::unless(is_ordered, "updated_at", "must not lie before created_at")?;
    if let Some(assignee) = &conversation.assigned_to {
        Assignee::check_name(&assignee.name).map_err(|error| error.within("assigned_to"))?;
    }
    let belongs = |of: ConversationId| {
        let reason = "must be the conversation's own id";
        InvalidInput::unless(of == conversation.id, "conversation_id", reason)
    };
    let is_new = |field: &'static str, is_new: bool| {
        InvalidInput::unless(is_new, field, "is twice in the conversation")
    };
    let mut ids = HashSet::with_capacity(messages.len());
    let mut provider_ids = HashSet::new();
    for (index, message) in messages.iter().enumerate() {
        let mut check = || {
            message.validate()?;
            belongs(message.conversation_id)?;
            is_new("id", ids.insert(message.id))?;
            let provider_id = message.provider_id.as_ref();
            is_new(
                "provider_id",
                provider_id.is_none_or(|id| provider_ids.insert(id)),
            )
        };
        check().map_err(|error| error.within(&format!("messages[{index}]")))?;
    }
    let mut ids = HashSet::with_capacity(notes.len());
    for (index, note) in notes.iter().enumerate() {
        let mut check = || {
            note.validate()?;
            belongs(note.conversation_id)?;
            is_new("id", ids.insert(note.id))
        };
        check().map_err(|error| error.within(&format!("notes[{index}]")))?;
    }
    let inbound = inbound_count(messages);
    let count = conversation.inbound_count;
    let reason = format_args!("must be the number of inbound messages, {inbound}");
    InvalidInput::unless(count == 0 || count == inbound, "inbound_count", reason)?;
    let reason = format_args!("must not be above the number of inbound messages, {inbound}");
    InvalidInput::unless(conversation.unread_count <= inbound, "unread_count", reason)?;
    let reason = format_args!("must not be above {MAX_REVISION}");
    InvalidInput::unless(conversation.revision <= MAX_REVISION, "revision", reason)
}

fn inbound_count(messages: &[Message]) -> u64 {
    let mut inbound = 0;
    for message in messages {
        inbound += u64::from(message.direction == Direction::Inbound);
    }
    inbound
}

/// The greatest number that every reader of JSON takes as it is: room for as many changes again.
const MAX_REVISION: Revision = Revision::new((1 << 53) - 1);
