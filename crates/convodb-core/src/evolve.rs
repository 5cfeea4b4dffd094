//! What each change does to the state. The same state and change always give the same result: replay
//! depends on it.

use crate::event::{self, NewEvent};
use crate::{
    Assignee, AssigneeId, Change, ChangeKind, Contact, ContactField, Conversation, ConversationId,
    Field, Halt, Inbox, Key, Message, MessageField, MessageId, ProviderId, ProviderIdState, State,
    Timeline, Unmatched,
};

/// Applies a change, and appends the events that follow from it and the state that it meets.
///
/// What a [wide](ChangeKind::is_wide) change does to entities that are not loaded is left to the
/// backend.
///
/// It fails with [`Halt::Missing`] where an entity of [`Change::keys`] was not loaded, or is not there.
/// The state may be half changed then, and must not be written.
pub fn evolve(state: &mut State, change: Change, events: &mut Vec<NewEvent>) -> Result<(), Halt> {
    event::project(state, &change, events)?;
    let at = change.at;
    match change.kind {
        ChangeKind::ConversationCreated {
            conversation,
            contact_id,
            channel,
            inbox_id,
            created_at,
            status,
        } => {
            let mut created = Conversation::new(conversation, contact_id, channel, created_at);
            created.inbox_id = inbox_id;
            created.status = status;
            created.timeline = Timeline::created(status, at);
            insert(state, created);
        }
        ChangeKind::ConversationUpdated { conversation, set }
        | ChangeKind::ConversationCompleted { conversation, set } => {
            for field in &set {
                if let Field::Contact(contact) = field {
                    let known = state.require_conversation(conversation)?.thread();
                    let thread = (known.0.clone(), contact.clone());
                    state.threads.put(known, None);
                    state.threads.put(thread, Some(conversation));
                }
                let assignee = match field.assignee() {
                    Some(id) => Some(state.require_assignee(&id)?.clone()),
                    None => None,
                };
                update(state, conversation, |known| known.set(field, assignee, at))?;
            }
        }
        ChangeKind::Reassigned {
            conversation,
            assignee,
            ..
        } => {
            // A successor may have been removed since: the last one of a conversation is there.
            let successor = match assignee {
                Some(id) => {
                    let known = state.assignee(&id)?.cloned();
                    Some(known.unwrap_or_else(|| Assignee::new(id, "")))
                }
                None => None,
            };
            update(state, conversation, |known| known.reassign(successor))?;
        }
        ChangeKind::ConversationDeleted { conversation } => {
            let thread = state.require_conversation(conversation)?.thread();
            state.threads.put(thread, None);
            state.conversations.put(conversation, None);
        }
        ChangeKind::ConversationImported(imported) => {
            let mut conversation = imported.conversation;
            if let Some(id) = conversation.assignee_id().cloned() {
                // The directory's name.
                conversation.assigned_to = Some(state.require_assignee(&id)?.clone());
            }
            if let Some(attributes) = &mut conversation.attributes
                && let Some(team) = &mut attributes.team
            {
                *team = state.require_assignee(&team.id)?.clone();
            }
            insert(state, conversation);
        }
        ChangeKind::MessageAppended(message) => {
            let of = message.conversation_id;
            update(state, of, |known| known.append(&message, at))?;
            put(state, message)?;
        }
        ChangeKind::MessageImported(message) => {
            let of = message.conversation_id;
            update(state, of, |known| known.append_history(&message))?;
            put(state, message)?;
        }
        ChangeKind::MessageUpdated {
            conversation,
            message,
            set,
        }
        | ChangeKind::MessageCompleted {
            conversation,
            message,
            set,
        } => {
            let key = (conversation, message);
            for field in set {
                match &field {
                    MessageField::ProviderId(id) | MessageField::Alias(id) => {
                        register(state, id.clone(), conversation, message)?;
                    }
                    MessageField::Original(original) => {
                        let at = original.version.at;
                        update(state, conversation, |known| known.began(at))?;
                        if let Some(reference) = state
                            .require_message(conversation, message)?
                            .reference_of(&original.extras)
                        {
                            register(state, reference, conversation, message)?;
                        }
                    }
                    _ => {}
                }
                let mut dropped = Vec::new();
                let set = |known: &mut Message| {
                    let before = known.extras.clone();
                    known.set(field);
                    dropped = known.lost_aliases(before.as_deref());
                };
                if !state.messages.update(&key, set) {
                    return Err(Halt::missing(Key::Message(conversation, message)));
                }
                for alias in dropped {
                    bury(state, alias, conversation)?;
                }
            }
        }
        ChangeKind::NoteAdded(note) => {
            let of = note.conversation_id;
            update(state, of, |known| known.active(at))?;
            let key = (of, note.created_at, note.id);
            state.notes.put(key, Some(*note));
        }
        ChangeKind::NoteImported(note) => {
            let key = (note.conversation_id, note.created_at, note.id);
            state.notes.put(key, Some(*note));
        }
        ChangeKind::NoteRemoved {
            conversation,
            created_at,
            note,
        } => state.notes.put((conversation, created_at, note), None),
        ChangeKind::FieldUnmatched {
            inbox,
            provider_id,
            field,
        } => {
            let mut unmatched = match state.provider_id(&inbox, &provider_id)? {
                Some(ProviderIdState::Unmatched(known)) => known.clone(),
                _ => Box::new(Unmatched::new(at)),
            };
            unmatched.keep(*field);
            let unmatched = Some(ProviderIdState::Unmatched(unmatched));
            state.provider_ids.put((inbox, provider_id), unmatched);
        }
        ChangeKind::AssigneeSaved {
            assignee,
            name,
            members,
        } => {
            let saved = Assignee::new(&assignee, &name);
            if let (AssigneeId::Team(team), Some(members)) = (&assignee, members) {
                state.members.put(team.clone(), Some(members));
            }
            state.assignees.put(assignee, Some(saved));
        }
        ChangeKind::InboxSaved {
            inbox,
            channel,
            name,
        } => {
            let saved = Inbox::new(&inbox, channel, name);
            state.inboxes.put(inbox, Some(saved));
        }
        ChangeKind::AssigneeRemoved { assignee, .. } => state.assignees.put(assignee, None),
        ChangeKind::KeyRecorded { key, record, .. } => state.idempotency.put(key, Some(record)),
        ChangeKind::ConsumerMoved { consumer, position } => {
            state.consumers.put(consumer, Some(position));
        }
        ChangeKind::ConsumerRemoved { consumer } => state.consumers.put(consumer, None),
        ChangeKind::ImportAdvanced { import, progress } => {
            state.imports.put(import, Some(progress));
        }
        ChangeKind::ContactUpdated { contact, set } => {
            let known = state.contact(&contact)?.cloned();
            let mut known = known.unwrap_or_else(|| Contact::new(contact.clone(), at));
            for field in set {
                if let ContactField::Identity(identity) = &field {
                    let of = Some(contact.clone());
                    state.identities.put(identity.clone(), of);
                }
                known.set(field);
            }
            state.contacts.put(contact, Some(known));
        }
        ChangeKind::ContactErased { contact } => {
            let identities = state
                .contact(&contact)?
                .map(|known| known.identities.clone());
            for identity in identities.into_iter().flatten() {
                state.identities.put(identity, None);
            }
            state.contacts.put(contact, None);
        }
        ChangeKind::ContactMerged { from, into } => {
            if let Some(known) = state.contact(&from)?.cloned() {
                for identity in known.identities.clone() {
                    state.identities.put(identity, Some(into.clone()));
                }
                let merged = |other: &mut Contact| other.absorb(known);
                if !state.contacts.update(&into, merged) {
                    return Err(Halt::missing(Key::Contact(into)));
                }
                state.contacts.put(from.clone(), None);
            }
            state.contact_aliases.put(from, Some(into));
        }
        ChangeKind::ConversationMerged { from, into } => {
            let known = state.require_conversation(from)?.clone();
            update(state, into, |other| other.absorb(&known))?;
            state.threads.put(known.thread(), None);
            state.conversations.put(from, None);
            state.conversation_aliases.put(from, Some(into));
        }
        ChangeKind::ViewSaved(view) => state.views.put(view.id.clone(), Some(*view)),
        ChangeKind::ViewRemoved { view } => state.views.put(view, None),
        ChangeKind::ViewBuilt { .. }
        | ChangeKind::ViewRowsRemoved { .. }
        | ChangeKind::UnmatchedPurged { .. }
        | ChangeKind::KeysPurged { .. }
        | ChangeKind::EventsPurged { .. }
        | ChangeKind::LinesImported { .. }
        | ChangeKind::ContactConflict { .. } => {}
    }
    Ok(())
}

fn insert(state: &mut State, conversation: Conversation) {
    state
        .threads
        .put(conversation.thread(), Some(conversation.id));
    state.conversations.put(conversation.id, Some(conversation));
}

fn update(
    state: &mut State,
    id: ConversationId,
    change: impl FnOnce(&mut Conversation),
) -> Result<(), Halt> {
    match state.conversations.update(&id, change) {
        true => Ok(()),
        false => Err(Halt::missing(Key::Conversation(id))),
    }
}

/// Stores a message, under each of its ids.
fn put(state: &mut State, message: Box<Message>) -> Result<(), Halt> {
    let key = (message.conversation_id, message.id);
    for id in message.foreign_ids() {
        register(state, id, key.0, key.1)?;
    }
    state.messages.put(key, Some(*message));
    Ok(())
}

/// Leaves a tombstone of an id that a message has no longer: another message cannot have it.
fn bury(state: &mut State, alias: ProviderId, of: ConversationId) -> Result<(), Halt> {
    let inbox = state.require_conversation(of)?.inbox();
    let gone = Some(ProviderIdState::Tombstone);
    state.provider_ids.put((inbox, alias), gone);
    Ok(())
}

/// Files a message under its provider's id.
fn register(
    state: &mut State,
    provider_id: ProviderId,
    of: ConversationId,
    message: MessageId,
) -> Result<(), Halt> {
    let inbox = state.require_conversation(of)?.inbox();
    let own = ProviderIdState::Message(of, message);
    state.provider_ids.put((inbox, provider_id), Some(own));
    Ok(())
}
