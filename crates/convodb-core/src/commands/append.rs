//! What `ReceiveMessage`, `SendMessage` and `ReplyTo` share: a message that joins its conversation.

use chrono::TimeDelta;

use super::record_watermark::advanced;
use super::*;
use crate::change::Original;
use crate::message::{Address, Draft};

/// How long a pending message waits for an echo that names neither its id nor its reference.
const ECHO_WINDOW: TimeDelta = TimeDelta::minutes(5);

pub(super) fn reads<const INBOUND: bool>(draft: &Draft<Address, INBOUND>, keys: &mut Vec<Key>) {
    let address = &draft.address;
    if let InboxRef::Inbox(id) = &address.inbox {
        keys.push(Key::Inbox(id.clone()));
    }
    who::reads(&address.who, &address.inbox, keys);
    let inbox = &address.inbox;
    let ids = draft.foreign_ids().into_iter().flatten();
    keys.extend(ids.map(|id| Key::ProviderId(inbox.clone(), id)));
}

/// Appends to the conversation of a contact in an inbox. The first message creates it.
pub(super) fn to_contact<const INBOUND: bool>(
    draft: &Draft<Address, INBOUND>,
    state: &State,
    env: &mut Env<'_>,
) -> Result<Decision, Halt> {
    let channel = draft.address.check(state)?;
    let (meant, conversation) = who::thread(&draft.address, channel, state, env)?;
    let of = Of {
        identity: meant.identity,
        changes: meant.changes,
        ..Of::contact(&meant.contact, &draft.address.inbox, channel)
    };
    append(draft, of, conversation, state, env)
}

/// Whom a message is from or to, and what the store gets to know of it by the message.
pub(super) struct Of<'a> {
    pub(super) contact: &'a ContactId,
    pub(super) inbox: &'a InboxRef,
    pub(super) channel: Channel,
    /// The identity that it came from or goes to.
    pub(super) identity: Option<String>,
    pub(super) changes: Vec<ChangeKind>,
}

impl<'a> Of<'a> {
    /// Of a contact of which nothing becomes known.
    pub(super) const fn contact(
        contact: &'a ContactId,
        inbox: &'a InboxRef,
        channel: Channel,
    ) -> Self {
        Self {
            contact,
            inbox,
            channel,
            identity: None,
            changes: Vec::new(),
        }
    }
}

/// Appends to a conversation, and reopens it. An id or a reference that is stored already is the same
/// message again.
pub(super) fn append<A, const INBOUND: bool>(
    draft: &Draft<A, INBOUND>,
    of: Of<'_>,
    conversation: Option<&Conversation>,
    state: &State,
    env: &mut Env<'_>,
) -> Result<Decision, Halt> {
    let mut message = draft.message(env.now)?;
    if of.identity.is_some() {
        message.extras_mut().identity = of.identity;
    }
    let inbox = of.inbox;
    let mut waiting = Vec::new();
    for id in draft.foreign_ids()? {
        match state.provider_id(inbox, &id)? {
            Some(ProviderIdState::Message(home, known)) => {
                let is_here = conversation.is_some_and(|conversation| conversation.id == *home);
                let known = is_here
                    .then(|| state.require_message(*home, *known))
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
                    Some(known) => {
                        let again = Again {
                            message,
                            is_echo: draft.is_echo,
                            has_provider_time: draft.has_provider_time(),
                            waiting,
                            receipts: Vec::new(),
                        };
                        again.meet(known, inbox, state, env)
                    }
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
            let again = Again {
                message,
                is_echo: true,
                has_provider_time: draft.has_provider_time(),
                waiting,
                receipts: Vec::new(),
            };
            return again.meet(known, inbox, state, env);
        }
        let author = &mut message.extras_mut().author;
        author.get_or_insert_with(Author::external);
    }
    check_author(&mut message, state, env)?;
    env.context.check(conversation)?;

    let reopens = draft.reopen && !message.is_system();
    let wakes = message.is_from_contact();
    let mut changes = of.changes;
    changes.reserve(3);
    message.conversation_id = match conversation {
        Some(conversation) => conversation.id,
        None => {
            let id = ConversationId::from_raw(env.ids.next(env.now));
            changes.push(ChangeKind::ConversationCreated {
                conversation: id,
                contact_id: of.contact.clone(),
                channel: of.channel,
                inbox_id: inbox.id().cloned(),
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
    if !draft.reopen {
        message.extras_mut().is_silent = true;
    }
    let has_provider_time = draft.has_provider_time();
    (message.order_time, message.id) =
        place(&message, has_provider_time, conversation, state, env)?;
    let mut waiting: Vec<_> = waiting.into_iter().flat_map(|(_, fields)| fields).collect();
    if waiting
        .iter()
        .any(|field| matches!(field, MessageField::Revoked(_)))
    {
        // What is taken back before it comes never enters the log, unless it is kept.
        for field in waiting.extract_if(.., |field| !field.is_of_revoked()) {
            if let Some(field) = message.fitted(field) {
                message.set(field);
            }
        }
    }
    let advanced: Vec<_> = advanced(conversation, &message, &waiting).collect();
    let waiting = update_message::effective(&message, waiting);
    let (of, id) = (message.conversation_id, message.id);
    changes.push(ChangeKind::MessageAppended(Box::new(message)));
    let was_resolved = conversation.is_some_and(|known| known.status == Status::Resolved);
    let reopened = (reopens && was_resolved).then_some(Field::Status(Status::Open));
    let is_snoozed = conversation.is_some_and(|known| known.snoozed_until().is_some());
    let woken = (is_snoozed && wakes).then_some(Field::Woken(WakeReason::Inbound));
    let set: Vec<_> = reopened.into_iter().chain(woken).chain(advanced).collect();
    if !set.is_empty() {
        let conversation = of;
        changes.push(ChangeKind::ConversationUpdated { conversation, set });
    }
    if !waiting.is_empty() {
        changes.push(ChangeKind::message_updated(of, id, waiting));
    }
    Ok(Decision::new(Subject::Message(of, id), changes))
}

/// Whether a message of this id is the one that is stored. What fills a message need not know which
/// way that went.
pub(super) fn is_same(known: &Message, again: &Message) -> bool {
    let fills = known.awaits_content() && !again.awaits_content();
    known.direction == again.direction || fills
}

/// Whether the message of a reference can be the one of an echo: it has no other id of the provider's.
fn lacks(known: &Message, echo: &Message) -> bool {
    known.provider_id.is_none() || echo.provider_id.is_none()
}

/// A message that is stored already comes again.
pub(super) struct Again {
    pub(super) message: Message,
    pub(super) is_echo: bool,
    pub(super) has_provider_time: bool,
    /// What waits for it, by the provider's id.
    pub(super) waiting: Vec<(ProviderId, Vec<MessageField>)>,
    /// What it says of its delivery.
    pub(super) receipts: Vec<MessageField>,
}

impl Again {
    /// With what was not known of it, or with nothing new. What came before the provider's id was known
    /// is applied with that id.
    pub(super) fn meet(
        mut self,
        known: &Message,
        inbox: &InboxRef,
        state: &State,
        env: &Env<'_>,
    ) -> Result<Decision, Halt> {
        let mut set = Vec::new();
        if known.provider_id.is_none()
            && let Some(id) = &self.message.provider_id
            && !known.foreign_ids().any(|known| known == *id)
        {
            set.push(MessageField::ProviderId(id.clone()));
            let own = self.waiting.iter_mut().filter(|(of, _)| of == id);
            set.extend(own.flat_map(|(_, fields)| fields.drain(..)));
        }
        if self.is_echo && known.status == DeliveryStatus::Pending {
            set.push(MessageField::Delivery(Delivery {
                status: DeliveryStatus::Sent,
                at: self.message.created_at,
                failure: None,
                played: false,
            }));
        }
        set.append(&mut self.receipts);
        let awaits_original =
            |message: &Message| message.extras.as_ref().is_some_and(|it| it.awaits_original);
        let again = &self.message;
        let is_original =
            awaits_original(known) && !awaits_original(again) && known.direction == again.direction;
        if is_original {
            self.replace_edit(known, inbox, state, &mut set)?;
        } else if known.awaits_content() && !again.awaits_content() {
            let extras = self.message.extras.take().unwrap_or_default();
            set.push(MessageField::Filled(self.message.content, extras));
        }
        let decision = update_message::decide(state, env, known, set)?;
        if decision.changes.is_empty() {
            return Ok(Decision::duplicate(decision.subject, Effect::default()));
        }
        Ok(decision)
    }

    /// Takes the place of the message itself, with its ids, where its edit came before it. What was taken
    /// back meanwhile never enters the log.
    fn replace_edit(
        &mut self,
        known: &Message,
        inbox: &InboxRef,
        state: &State,
        set: &mut Vec<MessageField>,
    ) -> Result<(), Halt> {
        if let Some(id) = &self.message.provider_id
            && let Some(former) = known.provider_id.clone().filter(|known| known != id)
        {
            // The edit named it by an alias.
            set.extend([
                MessageField::ProviderId(id.clone()),
                MessageField::Alias(former),
            ]);
        }
        for id in self.message.foreign_ids() {
            if known.foreign_ids().any(|known| known == id) {
                continue;
            }
            match state.provider_id(inbox, &id)? {
                Some(ProviderIdState::Message(..)) => {
                    return Err(Error::foreign_id_conflict(&id).into());
                }
                Some(ProviderIdState::Tombstone) => return Err(Error::gone(&id).into()),
                Some(ProviderIdState::Unmatched(fields)) => set.extend(fields.fields()),
                None => {}
            }
            if !id.is_reference() && self.message.provider_id.as_ref() != Some(&id) {
                set.push(MessageField::Alias(id));
            }
        }
        let again = &mut self.message;
        let conversation = state.require_conversation(known.conversation_id)?;
        let created_at = again.created_at;
        let place = last_of_second(
            created_at,
            self.has_provider_time,
            Some(conversation),
            state,
        )?;
        let order_time = match place {
            (_, Some(latest)) if latest == known.id => known.order_time,
            (order_time, Some(latest)) if latest > known.id => time::next(order_time),
            (order_time, _) => order_time,
        };
        let mut content = std::mem::replace(&mut again.content, Content::text(""));
        let mut extras = *again.extras.take().unwrap_or_default();
        if matches!(known.content, Content::Revoked(_)) {
            content = Content::Revoked(content.message_type());
            extras = Extras {
                client_ref: extras.client_ref,
                ..Extras::default()
            };
        }
        set.push(MessageField::Original(Box::new(Original {
            version: Version::new(content, created_at),
            order_time,
            extras,
        })));
        Ok(())
    }
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
    let (mut order_time, latest) =
        last_of_second(message.created_at, has_provider_time, conversation, state)?;
    let arrival = env.ids.arrival(env.now);
    let id = |order_time| MessageId::from_parts(time::millis(order_time), arrival);
    if latest.is_some_and(|latest| latest >= id(order_time)) {
        // An import brought it, or the clock was set back since.
        order_time = time::next(order_time);
    }
    Ok((order_time, id(order_time)))
}

/// The time of the last message in the second of a provider's time, and its id; else the time itself.
pub(super) fn last_of_second(
    created_at: DateTime<Utc>,
    has_provider_time: bool,
    conversation: Option<&Conversation>,
    state: &State,
) -> Result<(DateTime<Utc>, Option<MessageId>), Halt> {
    if let (Some(conversation), true) = (conversation, has_provider_time) {
        let query = Query::LatestMessage(conversation.id, time::within(created_at));
        if let Answer::Message(Some((time, id))) = state.answer(&query)? {
            return Ok((*time, Some(*id)));
        }
    }
    Ok((created_at, None))
}
