//! What `ReceiveMessage`, `SendMessage` and `ReplyTo` share: a message that joins its conversation.

use chrono::TimeDelta;

use super::*;
use crate::message::{Address, Draft};

/// How long a pending message waits for an echo that names neither its id nor its reference.
const ECHO_WINDOW: TimeDelta = TimeDelta::minutes(5);

pub(super) fn reads<const INBOUND: bool>(draft: &Draft<Address, INBOUND>, keys: &mut Vec<Key>) {
    let (contact, channel) = &draft.address;
    let inbox = InboxNumber::from(*channel);
    keys.push(Key::Thread(inbox, contact.clone()));
    let ids = draft.foreign_ids().into_iter().flatten();
    keys.extend(ids.map(|id| Key::ProviderId(inbox, id)));
}

/// Appends to the conversation of a contact in an inbox. The first message creates it.
pub(super) fn to_contact<const INBOUND: bool>(
    draft: &Draft<Address, INBOUND>,
    state: &State,
    env: &mut Env<'_>,
) -> Result<Decision, Halt> {
    let (contact, channel) = &draft.address;
    let conversation = state.thread(InboxNumber::from(*channel), contact)?;
    append(draft, (contact, *channel), conversation, state, env)
}

/// Appends to a conversation, and reopens it. An id or a reference that is stored already is the same
/// message again.
pub(super) fn append<A, const INBOUND: bool>(
    draft: &Draft<A, INBOUND>,
    (contact, channel): (&ContactId, Channel),
    conversation: Option<&Conversation>,
    state: &State,
    env: &mut Env<'_>,
) -> Result<Decision, Halt> {
    let mut message = draft.message(env.now)?;
    let inbox = InboxNumber::from(channel);
    let mut waiting = Vec::new();
    for id in draft.foreign_ids()? {
        match state.provider_id(inbox, &id)? {
            Some(ProviderIdState::Message(of, known)) => {
                let is_here = conversation.is_some_and(|conversation| conversation.id == *of);
                let known = is_here
                    .then(|| state.require_message(*of, *known))
                    .transpose()?;
                if draft.is_echo
                    && id.is_reference()
                    && !known.is_some_and(|it| lacks(it, &message))
                {
                    // Another application has a reference of its own, which may be anyone's.
                    message.extras_mut().client_ref = None;
                    continue;
                }
                return match known.filter(|known| is_same(known, &message)) {
                    Some(known) => meet(known, message, waiting, draft.is_echo, state, env),
                    None => Err(Error::foreign_id_conflict(&id).into()),
                };
            }
            Some(ProviderIdState::Tombstone) => return Err(Error::gone(&id).into()),
            Some(ProviderIdState::Unmatched(fields)) => waiting.push((id, fields.fields())),
            None => {}
        }
    }
    if draft.is_echo {
        let pending = match conversation {
            Some(conversation) => same_pending(&message, conversation, state, env)?,
            None => None,
        };
        if let Some(known) = pending {
            return meet(known, message, waiting, true, state, env);
        }
        let author = &mut message.extras_mut().author;
        author.get_or_insert_with(Author::external);
    }
    check_author(&mut message, state, env)?;
    env.context.check(conversation)?;

    let reopens = draft.reopen && !message.is_system();
    let mut changes = Vec::with_capacity(3);
    message.conversation_id = match conversation {
        Some(conversation) => conversation.id,
        None => {
            let id = ConversationId::from_raw(env.ids.next(env.now));
            changes.push(ChangeKind::ConversationCreated {
                conversation: id,
                contact_id: contact.clone(),
                channel,
                created_at: message.created_at,
                status: if reopens {
                    Status::Open
                } else {
                    Status::Resolved
                },
            });
            id
        }
    };
    if INBOUND && !draft.reopen {
        message.extras_mut().is_silent = true;
    }
    let has_provider_time = draft.has_provider_time();
    (message.order_time, message.id) =
        place(&message, has_provider_time, conversation, state, env)?;
    // What is taken back before it comes never enters the log.
    let mut waiting: Vec<_> = waiting.into_iter().flat_map(|(_, fields)| fields).collect();
    let is_revocation = |field: &MessageField| matches!(field, MessageField::Revoked(_));
    let revoked = waiting.iter().position(is_revocation);
    if let Some(revoked) = revoked.map(|place| waiting.remove(place)) {
        message.set(revoked);
    }
    let waiting = update_message::effective(&message, waiting);
    let (of, id) = (message.conversation_id, message.id);
    changes.push(ChangeKind::MessageAppended(Box::new(message)));
    if reopens && conversation.is_some_and(|known| known.status == Status::Resolved) {
        let (conversation, set) = (of, vec![Field::Status(Status::Open)]);
        changes.push(ChangeKind::ConversationUpdated { conversation, set });
    }
    if !waiting.is_empty() {
        changes.push(ChangeKind::message_updated(of, id, waiting));
    }
    Ok(Decision::new(Subject::Message(of, id), changes))
}

/// Whether a message of this id is the one that is stored. What fills a message need not know which
/// way that went.
fn is_same(known: &Message, again: &Message) -> bool {
    let fills = known.awaits_content() && !again.awaits_content();
    known.direction == again.direction || fills
}

/// Whether the message of a reference can be the one of an echo: it has no other id of the provider's.
fn lacks(known: &Message, echo: &Message) -> bool {
    known.provider_id.is_none() || echo.provider_id.is_none()
}

/// A message that is stored already comes again: with what was not known of it, or with nothing new.
/// What came before the provider's id was known is applied with that id.
fn meet(
    known: &Message,
    mut again: Message,
    waiting: Vec<(ProviderId, Vec<MessageField>)>,
    is_echo: bool,
    state: &State,
    env: &Env<'_>,
) -> Result<Decision, Halt> {
    let mut set = Vec::new();
    if known.provider_id.is_none()
        && let Some(id) = &again.provider_id
        && !known.foreign_ids().any(|known| known == *id)
    {
        set.push(MessageField::ProviderId(id.clone()));
        let own = waiting.into_iter().filter(|(of, _)| of == id);
        set.extend(own.flat_map(|(_, fields)| fields));
    }
    if is_echo && known.status == DeliveryStatus::Pending {
        set.push(MessageField::Delivery(Delivery {
            status: DeliveryStatus::Sent,
            at: again.created_at,
            failure: None,
            played: false,
        }));
    }
    let awaits_original = known.extras.as_ref().is_some_and(|it| it.awaits_original);
    let is_edit = again.extras.as_ref().is_some_and(|it| it.awaits_original);
    if awaits_original && !is_edit {
        let original = Version::new(again.content, again.created_at);
        let extras = again.extras.take().unwrap_or_default();
        set.push(MessageField::Original(original, *extras));
    } else if known.awaits_content()
        && !again.awaits_content()
        && known.is_system() == again.is_system()
    {
        let extras = again.extras.take().unwrap_or_default();
        set.push(MessageField::Filled(again.content, *extras));
    }
    let decision = update_message::decide(state, env, known, set)?;
    if decision.changes.is_empty() {
        return Ok(Decision::duplicate(decision.subject, Effect::default()));
    }
    Ok(decision)
}

/// The oldest pending message that an echo is likely to be of.
fn same_pending<'a>(
    echo: &Message,
    conversation: &Conversation,
    state: &'a State,
    env: &Env<'_>,
) -> Result<Option<&'a Message>, Halt> {
    let query = Query::Pending(conversation.id, env.now - ECHO_WINDOW);
    let Answer::Messages(pending) = state.answer(&query)? else {
        return Ok(None);
    };
    let what = |message: &Message| {
        let content = &message.content;
        let text = content.words().map(str::to_owned);
        (content.message_type(), text, content.attachments().len())
    };
    let same = pending.iter().find(|known| what(known) == what(echo));
    // It is changed, so that it has to be loaded.
    same.map(|known| state.require_message(known.conversation_id, known.id))
        .transpose()
}

/// The author of an outbound message: the one that is given, else the user that acts.
fn check_author(message: &mut Message, state: &State, env: &Env<'_>) -> Result<(), Halt> {
    if let Some(author) = message.extras.as_ref().and_then(|it| it.author.as_ref()) {
        return react::check_author(state, author, "author");
    }
    let actor = env.context.actor.as_ref();
    if message.direction == Direction::Outbound
        && let Some(user) = actor.and_then(|actor| UserId::new(actor.as_str()).ok())
        && state.assignee(&AssigneeId::User(user.clone()))?.is_some()
    {
        message.extras_mut().author = Some(Author::user(&user));
    }
    Ok(())
}

/// Where a message stands in its conversation, and its id, which carries the millisecond of that
/// place and is above those of the messages that arrived before it.
///
/// A provider's time in whole seconds means somewhere within that second: the message takes its place
/// behind those of the same second.
fn place(
    message: &Message,
    has_provider_time: bool,
    conversation: Option<&Conversation>,
    state: &State,
    env: &mut Env<'_>,
) -> Result<(DateTime<Utc>, MessageId), Halt> {
    let mut order_time = message.created_at;
    let mut latest = None;
    if let (Some(conversation), true) = (conversation, has_provider_time) {
        let query = Query::LatestMessage(conversation.id, time::within(order_time));
        if let Answer::Message(Some((time, id))) = state.answer(&query)? {
            order_time = *time;
            latest = Some(*id);
        }
    }
    let arrival = env.ids.arrival(env.now);
    let id = |order_time| MessageId::from_parts(time::millis(order_time), arrival);
    if latest.is_some_and(|latest| latest >= id(order_time)) {
        // An import brought it, or the clock was set back since.
        order_time = time::next(order_time);
    }
    Ok((order_time, id(order_time)))
}
