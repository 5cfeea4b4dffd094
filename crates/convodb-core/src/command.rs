//! What a command is, and how one is decided.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use ulid::Ulid;

use crate::outcome::BatchItem;
use crate::{
    Assignee, AssigneeId, ChangeKind, Contact, ContactId, Context, Conversation, ConversationId,
    Direction, Effect, EntityKind, Error, ErrorKind, EventSeq, Field, Hashes, IdempotencyRecord,
    Inbox, InboxId, InvalidInput, Key, Message, MessageId, Note, NoteId, Result, State, Team, View,
    ViewId, time,
};

/// What a caller asks a store to do: plain data. Sealed: the commands are those of this crate.
pub trait Command: sealed::Sealed + Serialize + Send + Sync + 'static {
    /// What it answers.
    type Output: Output;
    /// Its name in fingerprints and traces. Never changed once released.
    const NAME: &'static str;
    /// Whether it is about one conversation and so honours the preconditions of its context.
    const CONDITIONAL: bool = false;

    /// Entities that it reads, for a backend to load together. It asks for the others when it decides.
    #[doc(hidden)]
    fn reads(&self, _: &mut Vec<Key>) {}

    /// The changes that follow from the command and the state, or why there are none.
    ///
    /// It may run twice: it clones nothing large before its last `?`.
    #[doc(hidden)]
    fn decide(&self, state: &State, env: &mut Env<'_>) -> Result<Decision, Halt>;
}

pub(crate) mod sealed {
    /// Keeps traits from being implemented elsewhere.
    pub trait Sealed {}
}

/// Why there is no decision.
#[doc(hidden)]
#[derive(Debug)]
pub enum Halt {
    Missing(Vec<Key>),
    Rejected(Error),
}

impl Halt {
    pub(crate) fn missing(key: Key) -> Self {
        Self::Missing(vec![key])
    }
}

impl<E: Into<Error>> From<E> for Halt {
    fn from(rejection: E) -> Self {
        Self::Rejected(rejection.into())
    }
}

/// What a command is decided with beside the state.
#[doc(hidden)]
#[derive(Debug)]
pub struct Env<'a> {
    pub now: DateTime<Utc>,
    pub context: &'a Context,
    pub hashes: Hashes,
    pub ids: IdSequence,
    pub idempotency_ttl: Duration,
    /// The most views that there may be.
    pub max_views: u64,
}

/// The bits of an id that do not count for its order among the ids of one sequence.
const FREE_BITS: u32 = 48;

/// Ids in ascending order, the same again from a copy.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct IdSequence {
    random: u128,
    greatest: u128,
}

impl IdSequence {
    /// From one random number, above every id that was given out.
    pub const fn new(random: u128, greatest: u128) -> Self {
        Self { random, greatest }
    }

    pub const fn greatest(&self) -> u128 {
        self.greatest
    }

    /// An id above every one before it, in the part that [`arrival`](Self::arrival) gives too.
    pub(crate) fn next(&mut self, now: DateTime<Utc>) -> u128 {
        let random = self.random();
        let candidate = Ulid::from_parts(time::millis(now), random).0 >> FREE_BITS;
        let least = (self.greatest >> FREE_BITS) + 1;
        self.greatest = candidate.max(least) << FREE_BITS | random & ((1 << FREE_BITS) - 1);
        self.greatest
    }

    /// The number of an arrival, above every one before it: 80 bits, as an id has beside its time.
    pub(crate) fn arrival(&mut self, now: DateTime<Utc>) -> u128 {
        self.next(now) >> FREE_BITS
    }

    /// A random number.
    pub(crate) fn random(&mut self) -> u128 {
        let random = self.random;
        // A linear congruential generator: the bits are the caller's, one draw a command.
        const FACTOR: u128 = 0x2360_ED05_1FC6_5DA4_4385_DF64_9FCC_F645;
        const STEP: u128 = 0x5851_F42D_4C95_7F2D_1405_7B7E_F767_814F;
        self.random = random.wrapping_mul(FACTOR).wrapping_add(STEP);
        random
    }
}

/// What follows from a command.
#[doc(hidden)]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    pub subject: Subject,
    /// The changes, in their order. None: nothing changes.
    pub changes: Vec<ChangeKind>,
    /// What they amount to, or did the first time.
    pub effect: Effect,
    /// Whether the same had been done before.
    pub is_duplicate: bool,
    /// Whether nothing of what was written before may stay in the log.
    pub erases_log: bool,
}

impl Env<'_> {
    /// Sets attributes of a conversation; nothing where none is given.
    pub(crate) fn update(&self, known: &Conversation, set: Vec<Field>) -> Result<Decision, Halt> {
        if !set.is_empty() {
            self.context.check(Some(known))?;
        }
        Ok(Decision::update(known.id, set))
    }
}

impl Decision {
    pub(crate) fn new(subject: Subject, changes: impl IntoIterator<Item = ChangeKind>) -> Self {
        let changes = Vec::from_iter(changes);
        Self {
            effect: Effect::of(&changes),
            subject,
            changes,
            is_duplicate: false,
            erases_log: false,
        }
    }

    /// Attributes of one conversation; nothing where none is set.
    pub fn update(conversation: ConversationId, set: Vec<Field>) -> Self {
        let changed = !set.is_empty();
        let change = changed.then_some(ChangeKind::ConversationUpdated { conversation, set });
        Self::new(Subject::Conversation(conversation), change)
    }

    /// Something was done already.
    pub(crate) fn duplicate(subject: Subject, effect: Effect) -> Self {
        Self {
            effect,
            is_duplicate: true,
            ..Self::new(subject, None)
        }
    }

    /// The same, which created something or not.
    pub(crate) fn created(mut self, created: bool) -> Self {
        self.effect.created = created;
        self
    }
}

/// What a command was about, as ids: enough to answer it again. It holds no content, so that what is
/// erased is gone.
#[doc(hidden)]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Subject {
    Nothing,
    Count(u64),
    Position(EventSeq),
    Conversation(ConversationId),
    Message(ConversationId, MessageId),
    Note(
        ConversationId,
        #[serde(with = "time")] DateTime<Utc>,
        NoteId,
    ),
    Assignee(AssigneeId),
    /// The conversations of a bulk command, with what it did to each; nothing to one that is not
    /// there.
    Each(Vec<(ConversationId, Option<Effect>)>),
    Inbox(InboxId),
    Contact(ContactId),
    View(ViewId),
}

/// What a command answers, read from the state after its changes.
pub trait Output: Sized + Send + 'static {
    /// The value of a subject.
    #[doc(hidden)]
    fn read(state: &State, subject: &Subject) -> Result<Self, Halt>;
}

fn another(subject: &Subject) -> Halt {
    Error::corrupted(format!("an answer is about something else: {subject:?}")).into()
}

impl Output for () {
    fn read(_: &State, _: &Subject) -> Result<Self, Halt> {
        Ok(())
    }
}

/// What is read from the one kind of subject that it may be about.
macro_rules! outputs {
    ($($output:ty: $subject:pat => $read:expr;)*) => {$(
        impl Output for $output {
            fn read(state: &State, subject: &Subject) -> Result<Self, Halt> {
                match subject {
                    $subject => ($read)(state),
                    other => Err(another(other)),
                }
            }
        }
    )*};
}

outputs! {
    u64: Subject::Count(count) => |_| Ok(*count);
    EventSeq: Subject::Position(position) => |_| Ok(*position);
    Conversation: Subject::Conversation(id) => |state: &State| {
        state.require_conversation(*id).cloned().map(Conversation::shown)
    };
    Message: Subject::Message(of, id) => |state: &State| {
        let message = state.require_message(*of, *id)?;
        // What the contact sent is not delivered to it, and needs no conversation.
        match message.direction {
            Direction::Inbound => Ok(message.clone()),
            Direction::Outbound => {
                let mut message = message.clone();
                message.follow(state.require_conversation(*of)?);
                Ok(message)
            }
        }
    };
    Assignee: Subject::Assignee(id) => |state: &State| state.require_assignee(id).cloned();
    Team: Subject::Assignee(AssigneeId::Team(id)) => |state: &State| {
        let known = state.require_assignee(&id.into())?;
        Ok(Team::new(id, &known.name, state.members_of(id)?))
    };
    Inbox: Subject::Inbox(id) => |state: &State| match state.inbox(id)? {
        Some(inbox) => Ok(inbox.clone()),
        None => Err(Error::not_found(EntityKind::Inbox, id).into()),
    };
    View: Subject::View(id) => |state: &State| state.require_view(id).cloned();
    Contact: Subject::Contact(id) => |state: &State| state.require_contact(id).cloned();
}

/// What a command may be about that has come, and nothing yet.
impl<T: Output + Entity> Output for Option<T> {
    fn read(state: &State, subject: &Subject) -> Result<Self, Halt> {
        match subject {
            Subject::Nothing => Ok(None),
            subject => T::read(state, subject).map(Some),
        }
    }
}

/// What a command may be about.
#[doc(hidden)]
pub trait Entity: sealed::Sealed {}

impl sealed::Sealed for Message {}
impl sealed::Sealed for Conversation {}
impl Entity for Message {}
impl Entity for Conversation {}

impl Output for Note {
    fn read(state: &State, subject: &Subject) -> Result<Self, Halt> {
        let Subject::Note(of, at, id) = subject else {
            return Err(another(subject));
        };
        match state.notes.get(&(*of, *at, *id)) {
            Some(Some(note)) => Ok(note.clone()),
            // Where its conversation was merged, the other one has it.
            Some(None) => match state.conversation(*of)? {
                Some(other) if other.id != *of => {
                    Self::read(state, &Subject::Note(other.id, *at, *id))
                }
                _ => Err(Error::not_found(EntityKind::Note, id).into()),
            },
            None => Err(Halt::missing(Key::Note(*of, *at, *id))),
        }
    }
}

impl Output for Vec<BatchItem> {
    fn read(state: &State, subject: &Subject) -> Result<Self, Halt> {
        let Subject::Each(each) = subject else {
            return Err(another(subject));
        };
        require_conversations(state, each.iter().map(|(id, _)| *id))?;
        let item = |(id, effect): &(ConversationId, Option<Effect>)| {
            let (id, known) = (*id, state.conversation(*id)?);
            let known = known.filter(|_| effect.is_some()).cloned();
            let known = known.map(Conversation::shown);
            Ok(BatchItem {
                id,
                effect: effect.filter(|_| known.is_some()).unwrap_or_default(),
                result: known.ok_or_else(|| Error::not_found(EntityKind::Conversation, id)),
            })
        };
        each.iter().map(item).collect()
    }
}

/// Asks for all that is missing at once.
pub(crate) fn require_conversations(
    state: &State,
    ids: impl Iterator<Item = ConversationId>,
) -> Result<(), Halt> {
    let missing: Vec<_> = ids
        .filter(|id| !state.conversations.contains(id))
        .map(Key::Conversation)
        .collect();
    match missing.is_empty() {
        true => Ok(()),
        false => Err(Halt::Missing(missing)),
    }
}

/// Decides a command, unless the context's idempotency key says that it was done.
#[doc(hidden)]
pub fn decide<C: Command>(command: &C, state: &State, env: &mut Env<'_>) -> Result<Decision, Halt> {
    let is_honoured = C::CONDITIONAL || !env.context.has_preconditions();
    let reason = "belong to a command about one conversation";
    InvalidInput::unless(is_honoured, "preconditions", reason)?;
    let Some(key) = env.context.checked_key()? else {
        return command.decide(state, env);
    };
    let fingerprint = env.hashes.fingerprint(C::NAME, command)?;
    let forget_before = time::before(env.now, env.idempotency_ttl);
    let known = state.idempotency(&key)?;
    if let Some(record) = known.filter(|record| record.at >= forget_before) {
        if record.fingerprint != fingerprint {
            let message = "the idempotency key was given with another command before";
            return Err(Error::new(ErrorKind::IdempotencyKeyReused, message).into());
        }
        return Ok(Decision::duplicate(record.subject.clone(), record.effect));
    }
    let mut decision = command.decide(state, env)?;
    let record = IdempotencyRecord {
        at: env.now,
        fingerprint,
        subject: decision.subject.clone(),
        effect: decision.effect,
    };
    decision.changes.push(ChangeKind::KeyRecorded {
        key,
        record,
        forget_before,
    });
    Ok(decision)
}

/// The keys that a command certainly reads in a context.
#[doc(hidden)]
pub fn reads<C: Command>(command: &C, context: &Context) -> Result<Vec<Key>> {
    let mut keys = Vec::with_capacity(4);
    keys.extend(context.checked_key()?.map(Key::Idempotency));
    command.reads(&mut keys);
    Ok(keys)
}
