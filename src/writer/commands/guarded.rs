//! Commands that say what their giver saw, and so win or lose a race knowingly.

use convodb_core::{AssigneeId, Conversation, ConversationId, Message, Outcome, Reply, Result};

use super::Handle;
use crate::store::Store;

commands! {
    /// Assigns a conversation as [`assign`](Self::assign) does, but only from who is expected to
    /// have it, or from nobody. Of two who take it from the same one, the first gets it, and the
    /// other learns who has it now (R15). The one that it should go to may have it already.
    ///
    /// # Errors
    ///
    /// [`Conflict`](crate::ErrorKind::Conflict), with the [`winner`](crate::Error::winner), or with
    /// none where nobody has the conversation; and as [`assign`](Self::assign).
    ///
    /// ```
    /// # use convodb::{AssigneeId, Channel, ContactId, Inbound, Store, UserId};
    /// # let store = Store::in_memory()?;
    /// # let contact = ContactId::new("con_01HXYZ")?;
    /// # let id = store.receive(Inbound::text(&contact, Channel::Webchat, "one"))?.value.conversation_id;
    /// # let [alice, bob, carol] = ["usr_alice", "usr_bob", "usr_carol"].map(|id| {
    /// #     let id = UserId::new(id).expect("a user's id");
    /// #     store.put_user(&id, "Somebody").expect("a user");
    /// #     AssigneeId::from(id)
    /// # });
    /// store.assign(id, &alice)?;
    /// // Bob takes over from Alice while Carol does.
    /// store.assign_if(id, &bob, Some(&alice))?;
    /// let lost = store.assign_if(id, &carol, Some(&alice)).unwrap_err();
    /// assert_eq!(lost.winner(), Some(&bob));
    /// # Ok::<(), convodb::Error>(())
    /// ```
    fn assign_if(
        id: ConversationId,
        assignee: &AssigneeId,
        expected: Option<&AssigneeId>
    ) -> Conversation;

    /// Resolves a conversation as [`resolve`](Self::resolve) does, if its
    /// [`revision`](Conversation::revision) is the one that was seen: nobody has resolved, reopened
    /// or assigned it since. A message that reopens nothing, a note, a receipt and reading are no
    /// such change.
    ///
    /// # Errors
    ///
    /// [`Conflict`](crate::ErrorKind::Conflict), with the present
    /// [`revision`](crate::Error::revision); and as [`resolve`](Self::resolve).
    ///
    /// ```
    /// # use convodb::{Channel, ContactId, Inbound, Store};
    /// # let store = Store::in_memory()?;
    /// # let contact = ContactId::new("con_01HXYZ")?;
    /// # let id = store.receive(Inbound::text(&contact, Channel::Webchat, "one"))?.value.conversation_id;
    /// let seen = store.conversation(id)?;
    /// store.resolve(id)?;
    /// store.receive(Inbound::text(&contact, Channel::Webchat, "It broke again."))?;
    /// // It was reopened meanwhile, so there is something to look at.
    /// let error = store.resolve_if(id, seen.revision).unwrap_err();
    /// let present = store.conversation(id)?.revision;
    /// assert_eq!(error.revision(), Some(present));
    /// assert!(store.resolve_if(id, present)?.changed);
    /// # Ok::<(), convodb::Error>(())
    /// ```
    fn resolve_if(id: ConversationId, revision: u64) -> Conversation;

    /// Stores a message to the contact of a conversation as [`reply`](Self::reply) does, if its
    /// [`revision`](Conversation::revision) is the one that was seen, as for
    /// [`resolve_if`](Self::resolve_if). A message that is stored already under its provider's id is
    /// answered whatever the revision (R10).
    ///
    /// # Errors
    ///
    /// [`Conflict`](crate::ErrorKind::Conflict), with the present
    /// [`revision`](crate::Error::revision); and as [`reply`](Self::reply).
    ///
    /// ```
    /// # use convodb::{AssigneeId, Channel, ContactId, Inbound, Store, UserId};
    /// # let store = Store::in_memory()?;
    /// # let contact = ContactId::new("con_01HXYZ")?;
    /// # let id = store.receive(Inbound::text(&contact, Channel::Webchat, "one"))?.value.conversation_id;
    /// # let alice = UserId::new("usr_alice")?;
    /// # store.put_user(&alice, "Alice")?;
    /// let seen = store.conversation(id)?.revision;
    /// store.claim(id, &AssigneeId::from(alice))?;
    /// // Alice has it now: no second answer.
    /// assert!(store.reply_if(id, seen, "How can I help?").is_err());
    /// assert!(store.reply_if(id, seen + 1, "How can I help?").is_ok());
    /// # Ok::<(), convodb::Error>(())
    /// ```
    fn reply_if(id: ConversationId, revision: u64, reply: impl Into<Reply> as reply) -> Message;

    /// Marks so many of the contact's messages, in the order in which they arrived, as read: `seen`
    /// is the [`inbound_count`](Conversation::inbound_count) of the conversation that was looked at,
    /// so that what came since stays unread. A mark never goes back. It is no activity, changes no
    /// revision, and tells the contact nothing.
    ///
    /// # Errors
    ///
    /// [`NotFound`](crate::ErrorKind::NotFound); [`Invalid`](crate::ErrorKind::Invalid) for `seen`
    /// above what has come.
    ///
    /// ```
    /// # use convodb::{Channel, ContactId, Filter, Inbound, Store};
    /// # let store = Store::in_memory()?;
    /// # let contact = ContactId::new("con_01HXYZ")?;
    /// # let id = store.receive(Inbound::text(&contact, Channel::Webchat, "one"))?.value.conversation_id;
    /// let looked_at = store.get(id)?.conversation;
    /// store.receive(Inbound::text(&contact, Channel::Webchat, "two"))?;
    /// let marked = store.mark_read(id, looked_at.inbound_count)?.value;
    /// assert_eq!(marked.unread_count, 1);
    /// assert_eq!(store.count(&Filter::open().unread())?, 1);
    ///
    /// store.mark_read(id, marked.inbound_count)?;
    /// assert_eq!(store.count(&Filter::open().unread())?, 0);
    /// # Ok::<(), convodb::Error>(())
    /// ```
    fn mark_read(id: ConversationId, seen: u64) -> Conversation;
}
