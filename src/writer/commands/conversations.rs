//! What is done to conversations, one or many.

use convodb_core::{
    AssigneeId, ContactId, Conversation, ConversationId, Note, Outcome, Result, Targets,
};

use super::super::bulk::Each;
use super::Handle;
use crate::store::Store;

commands! {
    /// Assigns a conversation to a user or a team, and reopens it (R4; *Assign a conversation*).
    /// The assignee that an open conversation has already changes nothing.
    ///
    /// # Errors
    ///
    /// [`NotFound`](crate::ErrorKind::NotFound) for the conversation, and for an assignee that the
    /// directory does not know (R11).
    ///
    /// ```
    /// # use convodb::{AssigneeId, Channel, ContactId, Inbound, Store, UserId};
    /// # let store = Store::in_memory()?;
    /// # let contact = ContactId::new("con_01HXYZ")?;
    /// # let id = store.receive(Inbound::text(&contact, Channel::Webchat, "one"))?.value.conversation_id;
    /// let alice = UserId::new("usr_01H111")?;
    /// store.put_user(&alice, "Alice Support")?;
    /// let assigned = store.assign(id, &AssigneeId::from(alice))?.value;
    /// assert_eq!(&*assigned.assigned_to.expect("Alice").name, "Alice Support");
    /// # Ok::<(), convodb::Error>(())
    /// ```
    fn assign(id: ConversationId, assignee: &AssigneeId) -> Conversation;

    /// Leaves a conversation to nobody. It does not reopen it (R4).
    ///
    /// # Errors
    ///
    /// [`NotFound`](crate::ErrorKind::NotFound).
    ///
    /// ```
    /// # use convodb::{Channel, ContactId, Inbound, Store};
    /// # let store = Store::in_memory()?;
    /// # let contact = ContactId::new("con_01HXYZ")?;
    /// # let id = store.receive(Inbound::text(&contact, Channel::Webchat, "one"))?.value.conversation_id;
    /// assert!(!store.unassign(id)?.changed);
    /// # Ok::<(), convodb::Error>(())
    /// ```
    fn unassign(id: ConversationId) -> Conversation;

    /// Assigns a conversation that nobody has, as [`assign`](Self::assign) does. Of two who claim
    /// it at once one gets it, and the other learns who (R15). Who has it already keeps it.
    ///
    /// # Errors
    ///
    /// [`Conflict`](crate::ErrorKind::Conflict), with the [`winner`](crate::Error::winner); and as
    /// [`assign`](Self::assign).
    ///
    /// ```
    /// # use convodb::{AssigneeId, Channel, ContactId, Inbound, Store, UserId};
    /// # let store = Store::in_memory()?;
    /// # let contact = ContactId::new("con_01HXYZ")?;
    /// # let id = store.receive(Inbound::text(&contact, Channel::Webchat, "one"))?.value.conversation_id;
    /// # let (alice, bob) = (UserId::new("usr_alice")?, UserId::new("usr_bob")?);
    /// # store.put_user(&alice, "Alice")?;
    /// # store.put_user(&bob, "Bob")?;
    /// # let (alice, bob) = (AssigneeId::from(alice), AssigneeId::from(bob));
    /// store.claim(id, &alice)?;
    /// let lost = store.claim(id, &bob).unwrap_err();
    /// assert_eq!(lost.winner(), Some(&alice));
    /// # Ok::<(), convodb::Error>(())
    /// ```
    fn claim(id: ConversationId, assignee: &AssigneeId) -> Conversation;

    /// Marks a conversation as resolved; it keeps its assignee (R3; *Resolve a conversation*).
    /// Resolving a resolved one changes nothing.
    ///
    /// # Errors
    ///
    /// [`NotFound`](crate::ErrorKind::NotFound).
    ///
    /// ```
    /// # use convodb::{Channel, ContactId, Inbound, Status, Store};
    /// # let store = Store::in_memory()?;
    /// # let contact = ContactId::new("con_01HXYZ")?;
    /// # let id = store.receive(Inbound::text(&contact, Channel::Webchat, "one"))?.value.conversation_id;
    /// assert_eq!(store.resolve(id)?.value.status, Status::Resolved);
    /// # Ok::<(), convodb::Error>(())
    /// ```
    fn resolve(id: ConversationId) -> Conversation;

    /// Adds an internal note (R6; *Add an internal note*). It is activity, never a message, and
    /// does not reopen. The context's actor is its author.
    ///
    /// # Errors
    ///
    /// [`NotFound`](crate::ErrorKind::NotFound); [`Invalid`](crate::ErrorKind::Invalid) for
    /// `content`.
    ///
    /// ```
    /// # use convodb::{Channel, ContactId, Inbound, Store};
    /// # let store = Store::in_memory()?;
    /// # let contact = ContactId::new("con_01HXYZ")?;
    /// # let id = store.receive(Inbound::text(&contact, Channel::Webchat, "one"))?.value.conversation_id;
    /// let note = store.add_note(id, "Customer is on the Enterprise plan.")?.value;
    /// assert_eq!(note.conversation_id, id);
    /// # Ok::<(), convodb::Error>(())
    /// ```
    fn add_note(id: ConversationId, content: impl AsRef<str> as text) -> Note;

    /// Removes a conversation with all that belongs to it (R16). O(messages and notes).
    ///
    /// Its bytes stay in free pages of the file until they are written over, or until
    /// [`compact`](Self::compact).
    ///
    /// # Errors
    ///
    /// [`NotFound`](crate::ErrorKind::NotFound).
    ///
    /// ```
    /// # use convodb::{Channel, ContactId, ErrorKind, Inbound, Store};
    /// # let store = Store::in_memory()?;
    /// # let contact = ContactId::new("con_01HXYZ")?;
    /// # let id = store.receive(Inbound::text(&contact, Channel::Webchat, "one"))?.value.conversation_id;
    /// store.delete(id)?;
    /// assert_eq!(store.get(id).unwrap_err().kind(), ErrorKind::NotFound);
    /// # Ok::<(), convodb::Error>(())
    /// ```
    fn delete(id: ConversationId) -> ();

    /// Removes every conversation of a contact, as [`delete`](Self::delete) does (R16), and
    /// answers how many there were: none is no error.
    ///
    /// # Errors
    ///
    /// None of its own.
    ///
    /// ```
    /// # use convodb::{Channel, ContactId, Inbound, Store};
    /// # let store = Store::in_memory()?;
    /// let contact = ContactId::new("con_01HXYZ")?;
    /// store.receive(Inbound::text(&contact, Channel::Webchat, "Hello"))?;
    /// store.receive(Inbound::text(&contact, Channel::Whatsapp, "Hello"))?;
    /// assert_eq!(store.erase_contact(&contact)?.value, 2);
    /// # Ok::<(), convodb::Error>(())
    /// ```
    fn erase_contact(contact: &ContactId) -> u64;

    /// Assigns many conversations, in one transaction: each as [`assign`](Self::assign) does. The
    /// answers are in the order of the ids, or of the list; a conversation that is not there is
    /// [`NotFound`](crate::ErrorKind::NotFound) in its place, and disturbs no other.
    ///
    /// # Errors
    ///
    /// [`NotFound`](crate::ErrorKind::NotFound) for the assignee.
    ///
    /// ```
    /// # use convodb::{AssigneeId, Channel, ContactId, Filter, Inbound, Store, Targets, TeamId};
    /// # let store = Store::in_memory()?;
    /// # for contact in ["con_1", "con_2"] {
    /// #     store.receive(Inbound::text(ContactId::new(contact)?, Channel::Webchat, "one"))?;
    /// # }
    /// let billing = TeamId::new("team_billing")?;
    /// store.put_team(&billing, "Billing")?;
    /// let waiting = Targets::first(&Filter::open().unassigned(), 100)?;
    /// let assigned = store.assign_all(&waiting, &AssigneeId::from(&billing))?.value;
    /// assert_eq!(assigned.len(), 2);
    /// for (id, one) in assigned {
    ///     assert_eq!(one?.value.id, id);
    /// }
    /// # Ok::<(), convodb::Error>(())
    /// ```
    fn assign_all(targets: &Targets, assignee: &AssigneeId) -> Each;

    /// Resolves many conversations, in one transaction: each as [`resolve`](Self::resolve) does,
    /// answered as by [`assign_all`](Self::assign_all).
    ///
    /// # Errors
    ///
    /// None of its own.
    ///
    /// ```
    /// # use convodb::{Channel, ContactId, Inbound, Store, Targets};
    /// # let store = Store::in_memory()?;
    /// # let contact = ContactId::new("con_01HXYZ")?;
    /// # let id = store.receive(Inbound::text(&contact, Channel::Webchat, "one"))?.value.conversation_id;
    /// let targets = Targets::ids([id])?;
    /// assert!(store.resolve_all(&targets)?.changed);
    /// assert!(!store.resolve_all(&targets)?.changed);
    /// # Ok::<(), convodb::Error>(())
    /// ```
    fn resolve_all(targets: &Targets) -> Each;
}
