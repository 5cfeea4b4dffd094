//! Who gives a command, and what it answers.

use crate::Actor;

/// Who gives a command; it goes into the change that the command makes, and a note keeps it as its
/// author.
///
/// ```
/// # use convodb::{Actor, Channel, ContactId, Context, Inbound, Store};
/// # let store = Store::in_memory()?;
/// # let contact = ContactId::new("con_01HXYZ")?;
/// # let id = store.receive(Inbound::text(&contact, Channel::Webchat, "one"))?.value.conversation_id;
/// let alice = Context::new().actor(Actor::new("usr_01H111")?);
/// let note = store.with(alice).add_note(id, "Enterprise plan.")?.value;
/// assert_eq!(note.author, Some(Actor::new("usr_01H111")?));
/// # Ok::<(), convodb::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Context {
    #[doc(hidden)]
    pub actor: Option<Actor>,
    #[doc(hidden)]
    pub idempotency_key: Option<String>,
}

impl Context {
    /// A context that names nobody.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Who gives the commands.
    #[must_use]
    pub fn actor(mut self, actor: impl Into<Actor>) -> Self {
        self.actor = Some(actor.into());
        self
    }

    /// The caller's name for one command, 1 to 255 bytes: the same key with the same command again
    /// does nothing, and answers what it did, as a [`duplicate`](Outcome::duplicate), for
    /// a day (`Options::idempotency_age`). With another command it is a
    /// [`Conflict`](crate::ErrorKind::Conflict). A command that was refused leaves no key.
    ///
    /// Kept are ids and no content: the answer's `value` is what the command was about as it is
    /// now, and [`NotFound`](crate::ErrorKind::NotFound) where that was deleted. `import_all`,
    /// `purge_idempotency_keys` and `purge_events` take no key.
    ///
    /// ```
    /// # use convodb::{Channel, ContactId, Context, ErrorKind, Inbound, Store};
    /// # let store = Store::in_memory()?;
    /// # let contact = ContactId::new("con_01HXYZ")?;
    /// # let id = store.receive(Inbound::text(&contact, Channel::Webchat, "one"))?.value.conversation_id;
    /// let request = store.with(Context::new().idempotency_key("8e03978e"));
    /// let noted = request.add_note(id, "Enterprise plan.")?;
    /// let again = request.add_note(id, "Enterprise plan.")?;
    /// assert!(again.duplicate);
    /// assert_eq!(again.value, noted.value);
    ///
    /// let error = request.resolve(id).unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::Conflict);
    /// # Ok::<(), convodb::Error>(())
    /// ```
    #[must_use]
    pub fn idempotency_key(mut self, key: impl Into<String>) -> Self {
        self.idempotency_key = Some(key.into());
        self
    }
}

/// What a command answers: its value, and how it came about.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Outcome<T> {
    /// What the command is about, as it is now.
    pub value: T,
    /// Whether anything changed. A no-op tells itself from a change.
    pub changed: bool,
    /// Whether it created something: a conversation, a user or a team.
    pub created: bool,
    /// Whether it reopened a resolved conversation.
    pub reopened: bool,
    /// Whether the same had been done before, so that `value` is what was stored then.
    pub duplicate: bool,
    /// The commit that holds the change; for a no-op the latest one.
    pub sequence: u64,
}

impl<T> Outcome<T> {
    /// Of a command that changed nothing.
    #[doc(hidden)]
    #[must_use]
    pub const fn unchanged(value: T, sequence: u64) -> Self {
        Self {
            value,
            changed: false,
            created: false,
            reopened: false,
            duplicate: false,
            sequence,
        }
    }
}
