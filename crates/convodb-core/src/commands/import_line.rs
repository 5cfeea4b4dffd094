//! Lines of an import, each for itself. What they bring is of the past: it is no activity and no news.

use std::borrow::Cow;

use super::append::{Again, is_same, last_of_second};
use super::record_watermark::advanced;
use super::*;
use crate::command::Output;
use crate::conversation::History;
use crate::message::Address;
use crate::metadata::MetadataChanges;
use crate::{Contact, ContactChanges, ContactField};

impl Command for ImportLine {
    type Output = Option<ConversationId>;
    const NAME: &'static str = "import_line";

    fn reads(&self, keys: &mut Vec<Key>) {
        match self {
            Self::Assignee(saved) => saved.reads(keys),
            Self::Team(saved) => saved.reads(keys),
            Self::Inbox(saved) => saved.reads(keys),
            Self::View(saved) => saved.reads(keys),
            Self::Conversation(line) => line.import.reads(keys),
            Self::Contact(contact) => {
                keys.push(Key::Contact(contact.id.clone()));
                keys.extend(contact.identities.iter().cloned().map(Key::Identity));
            }
            Self::Message(line) => {
                let inbox = &line.to.inbox;
                keys.extend(inbox.id().cloned().map(Key::Inbox));
                who::reads(&line.to.who, inbox, keys);
                let ids = line.message.foreign_ids();
                keys.extend(ids.map(|id| Key::ProviderId(inbox.clone(), id)));
            }
            Self::Note(line) => {
                keys.extend(line.to.inbox.id().cloned().map(Key::Inbox));
                who::reads(&line.to.who, &line.to.inbox, keys);
            }
        }
    }

    fn decide(&self, state: &State, env: &mut Env<'_>) -> Result<Decision, Halt> {
        match self {
            Self::Assignee(saved) => saved.decide(state, env),
            Self::Team(saved) => saved.decide(state, env),
            Self::Inbox(saved) => saved.decide(state, env),
            Self::View(saved) => saved.decide(state, env),
            Self::Contact(line) => contact(line, state, env),
            Self::Conversation(line) => conversation(line, state, env),
            Self::Message(line) => message(line, state, env),
            Self::Note(line) => note(line, state, env),
        }
    }
}

/// The conversation of a line, if it has one.
impl Output for Option<ConversationId> {
    fn read(_: &State, subject: &Subject) -> Result<Self, Halt> {
        Ok(match subject {
            Subject::Conversation(of) | Subject::Message(of, _) | Subject::Note(of, ..) => {
                Some(*of)
            }
            _ => None,
        })
    }
}

/// The same as part of an import, of which one event at the end of the commit says all.
fn completed(decision: &mut Decision) {
    let kinds = std::mem::take(&mut decision.changes).into_iter();
    let completed = |kind| match kind {
        ChangeKind::ConversationUpdated { conversation, set } => {
            ChangeKind::ConversationCompleted { conversation, set }
        }
        ChangeKind::MessageUpdated {
            conversation,
            message,
            set,
        } => ChangeKind::MessageCompleted {
            conversation,
            message,
            set,
        },
        kind => kind,
    };
    decision.changes = kinds.map(completed).collect();
}

/// Adds a contact that is not there. One that is there gets only what it does not have.
fn contact(line: &Contact, state: &State, env: &Env<'_>) -> Result<Decision, Halt> {
    let id = state.contact_meant(&line.id)?.clone();
    let known = state.contact(&id)?;
    let mut taken = Vec::new();
    let mut set = Vec::new();
    if known.is_none() {
        let at = time::checked("created_at", line.created_at)?.min(env.now);
        set.push(ContactField::CreatedAt(at));
    }
    let new = Contact::new(id.clone(), env.now);
    let before = known.unwrap_or(&new);
    let mut changes = ContactChanges::default();
    if before.name.is_none() && line.name.is_some() {
        changes.name = Some(line.name.clone());
    }
    line.metadata.validate()?;
    let merged = before.metadata.united(&line.metadata);
    if merged != before.metadata {
        changes.metadata = Some(Some(MetadataChanges::from(&merged)));
    }
    set.extend(changes.fields(before)?);
    let mut unknown = Vec::new();
    for identity in &line.identities {
        match state.identity(identity)? {
            Some(owner) if *owner == id => {}
            Some(owner) => taken.push((identity, owner)),
            None => unknown.push(identity.clone()),
        }
    }
    if let Some((identity, owner)) = taken.into_iter().next() {
        let contacts = vec![id, owner.clone()];
        return Err(Error::identity_taken(identity, owner, contacts).into());
    }
    let has_room = who::add(&mut set, before.identities.len(), &unknown);
    let reason = format_args!("must be at most {} of one contact", Contact::MAX_IDENTITIES);
    InvalidInput::unless(has_room, "identities", reason)?;
    let created = known.is_none();
    let changes = who::updated(&id, set);
    Ok(Decision::new(Subject::Contact(id), changes).created(created))
}

/// Adds a conversation that is not there, with all that comes with it. One that is there gets only what it does
/// not have.
fn conversation(
    line: &ImportConversation,
    state: &State,
    env: &mut Env<'_>,
) -> Result<Decision, Halt> {
    let given = &line.import.conversation;
    let has_id = given.id.raw() != 0;
    let (inbox, contact) = given.thread();
    let mut import = line.import.clone();
    let conversation = &mut import.conversation;
    if !line.is_whole() {
        let (meant, known) = state.thread_of(&inbox, &contact)?;
        let same = match has_id {
            true => state.conversation(given.id)?.map(|it| it.id),
            false => known.map(|it| it.id),
        };
        if let Some(known) = known
            && same == Some(known.id)
        {
            return complement(known, given, state);
        }
        conversation.contact_id.clone_from(meant);
    }
    if !has_id {
        conversation.id = ConversationId::from_raw(env.ids.next(env.now));
    }
    if !line.is_whole() {
        if line.is_undated {
            (conversation.created_at, conversation.updated_at) = (env.now, env.now);
        }
        time::clamp(conversation.times(), env.now);
        conversation.history = Some(History {
            unread_to_come: line.unread,
            is_undated: line.is_undated,
            is_over: false,
        });
        // A snooze that was due before it came wakes nothing.
        conversation.end_snooze(env.now);
    }
    super::import::decide(import, state).map(|decision| decision.created(true))
}

/// Adds what a conversation lacks: its state is its own.
fn complement(known: &Conversation, given: &Conversation, state: &State) -> Result<Decision, Halt> {
    let mut set = Vec::new();
    if let Some(attributes) = given.attributes.as_deref() {
        attributes.validate()?;
        if let (Some(team), None) = (&attributes.team, &known.attributes().team)
            && let AssigneeId::Team(id) = &team.id
        {
            let is_known = state.assignee(&team.id)?.is_some();
            let reason = format_args!("`{id}` is not in the directory");
            InvalidInput::unless(is_known, "team.id", reason)?;
            set.push(Field::Team(Some(id.clone())));
        }
        let own = known.attributes.as_deref().cloned().unwrap_or_default();
        if own.priority.is_none() && attributes.priority.is_some() {
            set.push(Field::Priority(attributes.priority));
        }
        let mut tags = own.tags.clone();
        attributes.tags.iter().for_each(|tag| tags.insert(tag));
        let mut metadata = attributes.metadata.clone();
        for (name, value) in own.metadata.iter() {
            metadata.set(name, value.clone());
        }
        let merged = Attributes {
            tags,
            metadata,
            ..own.clone()
        };
        merged.validate()?;
        if merged.tags != own.tags {
            set.push(Field::Tags(merged.tags));
        }
        if merged.metadata != own.metadata {
            set.push(Field::Metadata(MetadataChanges::from(&merged.metadata)));
        }
    }
    for (until, known, field) in [
        (
            given.delivered_until,
            known.delivered_until,
            Field::DeliveredUntil as fn(_) -> _,
        ),
        (given.read_until, known.read_until, Field::ReadUntil),
    ] {
        let later = until.filter(|until| known.is_none_or(|known| known < *until));
        set.extend(later.map(field));
    }
    let mut decision = Decision::update(known.id, set);
    completed(&mut decision);
    Ok(decision)
}

/// A message of the past takes its place in the thread of its contact, if it is not there.
fn message(line: &ImportMessage, state: &State, env: &mut Env<'_>) -> Result<Decision, Halt> {
    let mut message = line.checked(env.now)?;
    let inbox = &line.to.inbox;
    let mut home = home(&line.to, state, env)?;
    let thread = home.thread;
    if let Some(thread) = thread {
        message.conversation_id = thread.id;
    }
    if let Some(identity) = home.identity.take() {
        message.extras_mut().identity = Some(identity);
    }
    let has_own_id = message.id.raw() != 0;
    if let (Some(thread), true) = (thread, has_own_id)
        && let Some(known) = state.message(thread.id, message.id)?
    {
        return again(message, known, Vec::new(), inbox, state, env);
    }
    let mut waiting = Vec::new();
    for id in message.foreign_ids().collect::<Vec<_>>() {
        match state.provider_id(inbox, &id)? {
            Some(ProviderIdState::Message(of, known)) => {
                let is_here = thread.is_some_and(|thread| thread.id == *of);
                let known = is_here
                    .then(|| state.require_message(*of, *known))
                    .transpose()?;
                return match known {
                    Some(known) if is_same(known, &message) || id.imported_in().is_some() => {
                        again(message, known, waiting, inbox, state, env)
                    }
                    _ => Err(Error::foreign_id_conflict(&id).into()),
                };
            }
            Some(ProviderIdState::Tombstone) => return Err(Error::gone(&id).into()),
            Some(ProviderIdState::Unmatched(fields)) => waiting.push((id, fields.fields())),
            None => {}
        }
    }
    if let Some(author) = message.extras.as_ref().and_then(|it| it.author.as_ref()) {
        react::check_author(state, author, "author")?;
    }
    let (mut order_time, latest) = last_of_second(message.created_at, true, thread, state)?;

    let mut changes = std::mem::take(&mut home.changes);
    if thread.is_none() {
        let at = message.created_at;
        let (of, created) = create(&home, inbox, at, env);
        message.conversation_id = of;
        changes.extend(created);
    }
    let number = number(&message, inbox, env);
    let id = |time| match has_own_id {
        true => message.id,
        false => MessageId::from_parts(time::millis(time), number),
    };
    if latest.is_some_and(|latest| latest >= id(order_time)) {
        order_time = time::next(order_time);
    }
    (message.id, message.order_time) = (id(order_time), order_time);
    let waiting: Vec<_> = waiting.into_iter().flat_map(|(_, fields)| fields).collect();
    let set: Vec<_> = advanced(thread, &message, &waiting).collect();
    for field in waiting {
        if let Some(field) = message.fitted(field) {
            message.set(field);
        }
    }
    let (of, id) = (message.conversation_id, message.id);
    if !set.is_empty() {
        let conversation = of;
        changes.push(ChangeKind::ConversationCompleted { conversation, set });
    }
    changes.push(ChangeKind::MessageImported(Box::new(message)));
    Ok(Decision::new(Subject::Message(of, id), changes).created(true))
}

/// Where a line belongs.
struct Home<'a> {
    channel: Channel,
    contact: Cow<'a, ContactId>,
    thread: Option<&'a Conversation>,
    identity: Option<String>,
    /// What the store gets to know of the contact.
    changes: Vec<ChangeKind>,
}

fn home<'a>(to: &'a Address, state: &'a State, env: &Env<'_>) -> Result<Home<'a>, Halt> {
    if let Some(id) = to.inbox.id() {
        let known = state.inbox(id)?.is_some();
        let reason = format_args!("`{id}` is no inbox");
        InvalidInput::unless(known, "inbox_id", reason)?;
    }
    let channel = to.check(state)?;
    let (meant, thread) = who::thread(to, channel, state, env)?;
    Ok(Home {
        channel,
        thread,
        contact: meant.contact,
        identity: meant.identity,
        changes: meant.changes,
    })
}

/// A conversation that has nothing but what lines bring.
fn create(
    home: &Home<'_>,
    inbox: &InboxRef,
    created_at: DateTime<Utc>,
    env: &mut Env<'_>,
) -> (ConversationId, [ChangeKind; 2]) {
    let conversation = ConversationId::from_raw(env.ids.next(env.now));
    let created = ChangeKind::ConversationCreated {
        conversation,
        contact_id: home.contact.clone().into_owned(),
        channel: home.channel,
        inbox_id: inbox.id().cloned(),
        created_at,
        status: Status::Resolved,
    };
    let set = vec![Field::History(History::default())];
    let history = ChangeKind::ConversationCompleted { conversation, set };
    (conversation, [created, history])
}

/// A note of the past joins the notes of the conversation, if it is not there.
fn note(line: &ImportNote, state: &State, env: &mut Env<'_>) -> Result<Decision, Halt> {
    let at = time::checked("created_at", line.created_at)?.min(env.now);
    let mut home = home(&line.to, state, env)?;
    validate::optional("id", line.id.as_deref(), 512)?;
    let of = home.thread.map(|thread| thread.id);
    let number = |hash| NoteId::from_parts(time::millis(at), hash);
    let id = match &line.id {
        Some(id) => NoteId::new(id).unwrap_or_else(|_| {
            let hash = env.hashes.of_import(id);
            number(u128::from_be_bytes(hash))
        }),
        None => number(env.ids.random()),
    };
    let mut note = Note::new(id, ConversationId::from_raw(0), &*line.content, at);
    note.author.clone_from(&line.author);
    note.validate()?;
    let mut changes = std::mem::take(&mut home.changes);
    match of {
        Some(of) => {
            if state.note(of, at, id)?.is_some() {
                return Ok(Decision::duplicate(
                    Subject::Note(of, at, id),
                    Effect::default(),
                ));
            }
            note.conversation_id = of;
        }
        None => {
            let (of, created) = create(&home, &line.to.inbox, at, env);
            note.conversation_id = of;
            changes.extend(created);
        }
    }
    let subject = Subject::Note(note.conversation_id, at, id);
    changes.push(ChangeKind::NoteImported(Box::new(note)));
    Ok(Decision::new(subject, changes).created(true))
}

/// What a message has beside its time in its id: of one with a provider's id always the same. It is in
/// no range of the times of arrivals, so that it counts as one that came before those of the store.
fn number(message: &Message, inbox: &InboxRef, env: &mut Env<'_>) -> u128 {
    const BEFORE_ALL: u128 = 1 << 79;
    let bits = match &message.provider_id {
        Some(id) => u128::from_be_bytes(env.hashes.of_message(inbox, id)),
        None => env.ids.random(),
    };
    BEFORE_ALL | bits >> 49
}

/// A message that is there, with what the line knows more of it.
fn again(
    message: Message,
    known: &Message,
    waiting: Vec<(ProviderId, Vec<MessageField>)>,
    inbox: &InboxRef,
    state: &State,
    env: &Env<'_>,
) -> Result<Decision, Halt> {
    if !is_same(known, &message) {
        let reason = "is that of a message that went the other way";
        return Err(InvalidInput::new("id", reason).into());
    }
    let mut receipts: Vec<_> = message.deliveries.receipts().collect();
    let is_reported = receipts.iter().any(|it| it.status == message.status);
    if message.status > known.status && !is_reported {
        receipts.push(Delivery {
            status: message.status,
            at: message.created_at,
            failure: None,
            played: false,
        });
    }
    let again = Again {
        message,
        is_echo: false,
        has_provider_time: true,
        waiting,
        receipts: receipts.into_iter().map(MessageField::Delivery).collect(),
    };
    let mut decision = again.meet(known, inbox, state, env)?;
    completed(&mut decision);
    Ok(decision)
}

/// Gives the idempotency key of its context to an import: the key with another import is refused.
#[doc(hidden)]
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NameImport {
    pub import: ImportName,
}

impl Command for NameImport {
    type Output = ();
    const NAME: &'static str = "name_import";

    fn decide(&self, _: &State, _: &mut Env<'_>) -> Result<Decision, Halt> {
        Ok(Decision::new(Subject::Nothing, None))
    }
}

/// Says at the end of a commit how many messages lines brought to each conversation, and how far their
/// import came.
#[doc(hidden)]
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RecordLines {
    pub messages: Vec<(ConversationId, u64)>,
    /// The name of the import, with how far it had come before and has come now.
    pub advanced: Option<(ImportName, ImportProgress, ImportProgress)>,
}

impl Command for RecordLines {
    type Output = u64;
    const NAME: &'static str = "record_lines";

    fn decide(&self, state: &State, _: &mut Env<'_>) -> Result<Decision, Halt> {
        let messages = self.messages.iter().filter(|(_, messages)| *messages > 0);
        let mut changes: Vec<_> = messages
            .map(|(conversation, messages)| ChangeKind::LinesImported {
                conversation: *conversation,
                messages: *messages,
            })
            .collect();
        if let Some((import, before, progress)) = &self.advanced {
            if state.import(import)?.unwrap_or_default() != *before {
                let message = format!("the import `{import}` goes on elsewhere");
                return Err(Error::new(ErrorKind::Aborted, message).into());
            }
            if before != progress {
                changes.push(ChangeKind::ImportAdvanced {
                    import: import.clone(),
                    progress: *progress,
                });
            }
        }
        Ok(Decision::new(Subject::Count(changes.len() as u64), changes))
    }
}
