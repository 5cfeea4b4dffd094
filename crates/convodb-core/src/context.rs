//! The context of commands: actor, idempotency key, preconditions.

use serde::{Deserialize, Serialize};

use crate::{
    Actor, AssigneeId, Conversation, Error, ErrorKind, IdempotencyKey, InvalidInput, Result,
    Revision, Status,
};

/// The actor, the idempotency key and the preconditions of commands.
///
/// The actor goes into the change that the command makes; a note keeps it as its author.
///
/// ```
/// # convodb::example!(store, id);
/// let alice = Context::new().actor(Actor::new("usr_01H111")?);
/// let note = store.with(alice).add_note(id, "Enterprise plan.")?.value;
/// assert_eq!(note.author, Some(Actor::new("usr_01H111")?));
/// # Ok::<(), convodb::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
#[must_use]
pub struct Context {
    pub(crate) actor: Option<Actor>,
    idempotency_key: Option<String>,
    preconditions: Vec<Precondition>,
}

/// What must hold of a conversation for a command to change something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Precondition {
    /// The conversation is at this revision.
    Revision(Revision),
    /// This is its assignee; `None`: it is unassigned.
    Assignee(Option<AssigneeId>),
    /// This is its status.
    Status(Status),
}

impl Precondition {
    fn holds(&self, conversation: &Conversation) -> bool {
        match self {
            Self::Revision(revision) => conversation.revision == *revision,
            Self::Assignee(assignee) => conversation.assignee_id() == assignee.as_ref(),
            Self::Status(status) => conversation.status == *status,
        }
    }
}

impl Context {
    /// A context without an actor, a key or preconditions.
    pub fn new() -> Self {
        Self::default()
    }

    /// The actor of the commands.
    pub fn actor(mut self, actor: impl Into<Actor>) -> Self {
        self.actor = Some(actor.into());
        self
    }

    /// The caller's name for one command, 1 to 255 bytes. The same key with the same command again
    /// changes nothing and answers what the command did, as a
    /// [duplicate](crate::Outcome::is_duplicate), for a day unless the store's options say
    /// otherwise. With another command, or by another version of this crate, it is
    /// [`IdempotencyKeyReused`](crate::ErrorKind::IdempotencyKeyReused). A rejected command leaves
    /// no key.
    ///
    /// The store keeps ids and no content: the answer's `value` is what the command was about as it
    /// is now, and [`NotFound`](crate::ErrorKind::NotFound) where that was deleted.
    ///
    /// ```
    /// # convodb::example!(store, id, contact);
    /// let request = store.with(Context::new().idempotency_key("8e03978e"));
    /// let noted = request.add_note(id, "Enterprise plan.")?;
    /// let again = request.add_note(id, "Enterprise plan.")?;
    /// assert!(again.is_duplicate);
    /// assert_eq!(again.value, noted.value);
    ///
    /// let error = request.resolve(id).unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::IdempotencyKeyReused);
    /// # Ok::<(), convodb::Error>(())
    /// ```
    pub fn idempotency_key(mut self, key: impl Into<String>) -> Self {
        self.idempotency_key = Some(key.into());
        self
    }

    /// A command that would change a conversation fails with
    /// [`PreconditionFailed`](crate::ErrorKind::PreconditionFailed) unless the conversation is at
    /// this revision: its status and assignee are those that were seen.
    ///
    /// A command that would change nothing succeeds whatever its preconditions.
    ///
    /// ```
    /// # convodb::example!(store, id, contact);
    /// let seen = store.conversation(id)?;
    /// store.resolve(id)?;
    /// store.receive(Inbound::text(&contact, Channel::Webchat, "It broke again."))?;
    /// // A message reopened the conversation: there is something to look at.
    /// let as_seen = store.with(Context::new().if_revision(seen.revision));
    /// let error = as_seen.resolve(id).unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::PreconditionFailed);
    /// # Ok::<(), convodb::Error>(())
    /// ```
    pub fn if_revision(self, revision: Revision) -> Self {
        self.precondition(Precondition::Revision(revision))
    }

    /// The same, unless this is the assignee of the conversation; `None`: it is unassigned.
    ///
    /// ```
    /// # convodb::example!(store, id, contact, alice, bob);
    /// store.assign(id, &alice)?;
    /// let unassigned = store.with(Context::new().if_assignee(None));
    /// assert!(unassigned.assign(id, &bob).is_err());
    /// store.with(Context::new().if_assignee(Some(alice.into()))).assign(id, &bob)?;
    /// # Ok::<(), convodb::Error>(())
    /// ```
    pub fn if_assignee(self, assignee: Option<AssigneeId>) -> Self {
        self.precondition(Precondition::Assignee(assignee))
    }

    /// The same, unless the conversation has this status.
    pub fn if_status(self, status: Status) -> Self {
        self.precondition(Precondition::Status(status))
    }

    /// Adds a precondition.
    pub fn precondition(mut self, precondition: Precondition) -> Self {
        self.preconditions.push(precondition);
        self
    }

    /// The actor, for the backends.
    #[doc(hidden)]
    pub const fn actor_ref(&self) -> Option<&Actor> {
        self.actor.as_ref()
    }

    /// Whether it has neither an idempotency key nor preconditions: several commands can carry it.
    #[doc(hidden)]
    pub const fn is_plain(&self) -> bool {
        self.idempotency_key.is_none() && self.preconditions.is_empty()
    }

    /// The same without its idempotency key, for a command of several that it is the key of.
    #[doc(hidden)]
    pub fn unkeyed(&self) -> Self {
        Self {
            idempotency_key: None,
            ..self.clone()
        }
    }

    #[doc(hidden)]
    pub const fn has_key(&self) -> bool {
        self.idempotency_key.is_some()
    }

    /// The idempotency key, checked.
    pub(crate) fn checked_key(&self) -> Result<Option<IdempotencyKey>, InvalidInput> {
        let key = self.idempotency_key.as_deref();
        key.map(IdempotencyKey::new).transpose()
    }

    /// Whether a command may change something, on the conversation as it is.
    pub(crate) fn check(&self, conversation: Option<&Conversation>) -> Result<()> {
        let Some(conversation) = conversation else {
            let reason = "the conversation does not exist yet: no precondition holds of it";
            return match self.has_preconditions() {
                true => Err(Error::new(ErrorKind::PreconditionFailed, reason)),
                false => Ok(()),
            };
        };
        let mut preconditions = self.preconditions.iter();
        match preconditions.find(|expected| !expected.holds(conversation)) {
            None => Ok(()),
            Some(expected) => Err(Error::precondition_failed(expected, conversation)),
        }
    }

    #[doc(hidden)]
    pub const fn has_preconditions(&self) -> bool {
        !self.preconditions.is_empty()
    }
}
