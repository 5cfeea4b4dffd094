use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::record_watermark::advanced;
use super::*;

/// Stores a whole conversation from elsewhere with its history, ids and times.
impl Command for Import {
    type Output = Conversation;
    const NAME: &'static str = "import";

    fn reads(&self, keys: &mut Vec<Key>) {
        let (inbox, contact) = self.conversation.thread();
        keys.push(Key::Conversation(self.conversation.id));
        keys.extend(inbox.id().cloned().map(Key::Inbox));
        keys.push(Key::Thread(inbox.clone(), contact.clone()));
        keys.push(Key::Contact(contact));
        keys.extend(self.conversation.assignees().map(Key::Assignee));
        let ids = self.messages.iter().flat_map(Message::foreign_ids);
        keys.extend(ids.map(|id| Key::ProviderId(inbox.clone(), id)));
    }

    fn decide(&self, state: &State, _: &mut Env<'_>) -> Result<Decision, Halt> {
        check_state(self, state)?;
        decide(self.clone(), state)
    }
}

/// The decision, of an import that is taken rather than copied.
#[doc(hidden)]
pub fn decide(mut import: Import, state: &State) -> Result<Decision, Halt> {
    check_state(&import, state)?;
    check(&import)?;
    let inbox = import.conversation.inbox();
    import.conversation.inbound_count = inbound_count(&import.messages);
    for message in &mut import.messages {
        let content = std::mem::replace(&mut message.content, Content::text(""));
        message.content = content.accepted(Origin::Fact)?;
        // What came before its message becomes part of it.
        for id in message.foreign_ids().collect::<Vec<_>>() {
            if let Some(ProviderIdState::Unmatched(known)) = state.provider_id(&inbox, &id)? {
                let waited = known.fields();
                for field in advanced(None, message, &waited) {
                    import.conversation.put(&field, None);
                }
                for field in waited {
                    let field = message.fitted(field);
                    field.into_iter().for_each(|field| message.set(field));
                }
            }
        }
    }
    arrange(&mut import.messages);
    import.notes.sort_by_key(|note| note.id);

    let mut changes = Vec::with_capacity(2);
    if let Some(id) = inbox.id()
        && state.inbox(id)?.is_none()
    {
        changes.push(ChangeKind::InboxSaved {
            inbox: id.clone(),
            channel: import.conversation.channel,
            name: id.to_string(),
        });
    }
    let known = &import.conversation;
    let team = known.attributes().team.as_ref();
    let mut saved = None;
    for assignee in known.assigned_to.iter().chain(team) {
        if saved != Some(&assignee.id) && state.assignee(&assignee.id)?.is_none() {
            saved = Some(&assignee.id);
            changes.push(ChangeKind::AssigneeSaved {
                assignee: assignee.id.clone(),
                name: assignee.name.to_string(),
                members: None,
            });
        }
    }
    let subject = Subject::Conversation(import.conversation.id);
    changes.push(ChangeKind::ConversationImported(Box::new(import)));
    Ok(Decision::new(subject, changes))
}

/// Gives messages their places, by their times and, within a second that has no fraction or at equal
/// times, in the order of the list. A store lists messages so, and so what it exported keeps its order.
fn arrange(messages: &mut [Message]) {
    if messages.is_sorted_by(|one, next| one.created_at < next.created_at) {
        return messages
            .iter_mut()
            .for_each(|message| message.order_time = message.created_at);
    }
    let mut latest = BTreeMap::<DateTime<Utc>, MessageId>::new();
    let mut of_time = HashMap::<DateTime<Utc>, (DateTime<Utc>, MessageId)>::new();
    for message in &mut *messages {
        message.order_time = message.created_at;
        // One before it may have been put behind the end of their time.
        let within = latest.range(time::within(message.created_at)).next_back();
        let same = of_time.get(&message.created_at).copied();
        if let Some((time, id)) = same.max(within.map(|(time, id)| (*time, *id))) {
            message.order_time = time;
            if id >= message.id {
                message.order_time = time::next(time);
            }
        }
        of_time.insert(message.created_at, message.position());
        let latest = latest.entry(message.order_time).or_insert(message.id);
        *latest = message.id.max(*latest);
    }
    messages.sort_by_key(Message::position);
}

/// What it must not meet in the store.
fn check_state(import: &Import, state: &State) -> Result<(), Halt> {
    let conversation = &import.conversation;
    if state.conversation(conversation.id)?.is_some() {
        return Err(conversation_exists(conversation.id).into());
    }
    let contact = state.contact_meant(&conversation.contact_id)?;
    let reason = format_args!("was merged into `{contact}`");
    let is_there = *contact == conversation.contact_id;
    InvalidInput::unless(is_there, "contact_id", reason)?;
    let inbox = conversation.inbox();
    if let Some(known) = inbox.id().map(|id| state.inbox(id)).transpose()?.flatten() {
        let is_same = known.channel == conversation.channel;
        let reason = format_args!("must be that of the inbox, `{}`", known.channel);
        InvalidInput::unless(is_same, "channel", reason)?;
    }
    if let Some(existing) = state.thread(&inbox, &conversation.contact_id)? {
        return Err(thread_exists(conversation, existing.id).into());
    }
    // Behind these: of a conversation that is there, every provider's id is taken too.
    for message in &import.messages {
        for id in message.foreign_ids() {
            match state.provider_id(&inbox, &id)? {
                Some(ProviderIdState::Tombstone) => return Err(Error::gone(&id).into()),
                Some(ProviderIdState::Message(..)) => {
                    return Err(Error::foreign_id_conflict(&id).into());
                }
                Some(ProviderIdState::Unmatched(_)) | None => {}
            }
        }
    }
    Ok(())
}

fn conversation_exists(id: ConversationId) -> Error {
    let text = format!("the conversation `{id}` exists already");
    Error::already_exists(EntityKind::Conversation, id, text)
}

fn thread_exists(import: &Conversation, existing: ConversationId) -> Error {
    let (contact, inbox) = (&import.contact_id, import.inbox());
    let text =
        format!("the contact `{contact}` has a conversation in `{inbox}` already: `{existing}`");
    Error::already_exists(EntityKind::Conversation, existing, text)
}

/// Checks a whole conversation against itself.
fn check(import: &Import) -> Result<(), InvalidInput> {
    let (conversation, messages) = (&import.conversation, &import.messages);
    time::checked("created_at", conversation.created_at)?;
    time::checked("updated_at", conversation.updated_at)?;
    let is_ordered = conversation.updated_at >= conversation.created_at;
    InvalidInput::unless(is_ordered, "updated_at", "must not lie before created_at")?;
    if let Some(assignee) = &conversation.assigned_to {
        validate::name("name", &assignee.name).map_err(|error| error.within("assigned_to"))?;
    }
    conversation.attributes().validate()?;
    let is_open = conversation.status == Status::Open;
    let is_snoozed = conversation.snoozed_until().is_some();
    let reason = "is allowed only if the conversation is open";
    InvalidInput::unless(is_open || !is_snoozed, "snoozed_until", reason)?;
    let waits = conversation.timeline.waiting_since.is_some();
    InvalidInput::unless(is_open || !waits, "waiting_since", reason)?;
    if let Some(identity) = &conversation.identity {
        validate::identity("identity", identity)?;
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
    each("messages", messages, |message| {
        message.validate()?;
        belongs(message.conversation_id)?;
        is_new("id", ids.insert(message.id))?;
        let own: BTreeSet<_> = message.foreign_ids().collect();
        own.into_iter().try_for_each(|id| {
            let field = if id.is_reference() {
                "client_ref"
            } else {
                "provider_id"
            };
            is_new(field, provider_ids.insert(id))
        })
    })?;
    let mut ids = HashSet::with_capacity(import.notes.len());
    each("notes", &import.notes, |note| {
        note.validate()?;
        belongs(note.conversation_id)?;
        is_new("id", ids.insert(note.id))
    })?;
    let inbound = inbound_count(messages);
    let count = conversation.inbound_count;
    let reason = format_args!("must be the number of inbound messages, {inbound}");
    InvalidInput::unless(count == 0 || count == inbound, "inbound_count", reason)?;
    let reason = format_args!("must not be above the number of inbound messages, {inbound}");
    InvalidInput::unless(conversation.unread_count <= inbound, "unread_count", reason)?;
    let reason = format_args!("must not be above {MAX_REVISION}");
    InvalidInput::unless(conversation.revision <= MAX_REVISION, "revision", reason)
}

/// Checks each item of a list. An error names the item.
fn each<'a, T>(
    list: &str,
    items: &'a [T],
    mut check: impl FnMut(&'a T) -> Result<(), InvalidInput>,
) -> Result<(), InvalidInput> {
    items.iter().enumerate().try_for_each(|(index, item)| {
        check(item).map_err(|error| error.within(&format!("{list}[{index}]")))
    })
}

fn inbound_count(messages: &[Message]) -> u64 {
    messages.iter().filter(|it| it.is_from_contact()).count() as u64
}

/// The greatest number that every reader of JSON takes as it is: room for as many changes again.
const MAX_REVISION: Revision = Revision::new((1 << 53) - 1);
