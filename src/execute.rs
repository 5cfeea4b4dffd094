//! The commands.
//!
//! Invariant: a method only names a command. What the command means is decided in `convodb-core`.

use std::time::Duration;

use convodb_core::commands::{
    Acknowledge, AddConsumer, AddNote, Assign, AssignAll, ConsumerStart, Delete, DeleteResolved,
    Edit, EraseContact, Fill, Identify, MarkRead, MarkReadUpTo, MarkUnread, MergeContacts,
    PurgeEvents, PurgeIdempotencyKeys, PurgeUnmatched, React, ReceiveMessage, RecordDelivery,
    RecordWatermark, RemoveAssignee, RemoveConsumer, RemoveNote, RemoveView, Reopen, ReplyTo,
    Resolve, ResolveAll, Retry, Revoke, SaveAssignee, SaveContact, SaveInbox, SaveTeam, SaveView,
    SendMessage, SetProviderId, UpdateConversation, UpdateMessage, WakeDue,
};
use convodb_core::{
    Assignee, AssigneeId, AttributeChanges, BatchItem, Channel, Command, ConsumerName, Contact,
    ContactChanges, ContactId, Context, Conversation, ConversationId, EventSeq, Filter, Import,
    Inbound, Inbox, InboxId, Message, MessageId, MessageRef, Note, NoteId, Outbound, Outcome,
    ProviderId, Receipt, Reply, Result, Retention, Selection, Sort, Team, TeamId, UserId, View,
    ViewId,
};

/// The number of events in a step of a purge.
const PURGED_AT_ONCE: u64 = 4 * 1024;

pub(crate) mod sealed {
    /// Keeps the trait from being implemented elsewhere.
    pub trait Sealed {}
}

/// The commands. On a [`Store`](crate::Store) each is a commit of its own, durable when it returns. On
/// a [`Transaction`](crate::Transaction) they commit together.
///
/// A command returns an [`Outcome`]: the value that it is about as it is now, its effect, and the
/// commit that holds it. A command that finds nothing to change succeeds, and its effect says so.
///
/// Commands carry the [`Context`] of the store or transaction: the actor, an idempotency key, and
/// preconditions. [`Store::with`](crate::Store::with) sets it. A command that would change a
/// conversation of which a precondition does not hold changes nothing and returns
/// [`PreconditionFailed`](crate::ErrorKind::PreconditionFailed).
///
/// The trait is sealed; [`prelude`](crate::prelude) imports it. The methods are names for the command
/// structs in [`commands`](crate::commands), which [`execute`](Self::execute) and
/// [`Store::submit`](crate::Store::submit) take.
///
/// # Errors
///
/// Every command can return:
///
/// - [`NotFound`](crate::ErrorKind::NotFound), if something that it names does not exist: a
///   conversation, a message, a user, a team or a consumer;
/// - [`Gone`](crate::ErrorKind::Gone) for the provider's id of a message that was deleted;
/// - [`InvalidInput`](crate::ErrorKind::InvalidInput) for a value out of bounds, whose field is in the
///   error, and for preconditions on a command that is not about one conversation;
/// - [`PreconditionFailed`](crate::ErrorKind::PreconditionFailed), if it is about one conversation;
/// - [`IdempotencyKeyReused`](crate::ErrorKind::IdempotencyKeyReused), if another command had the
///   idempotency key;
/// - [`CommitUnknown`](crate::ErrorKind::CommitUnknown), if the commit failed and may have happened;
/// - [`Aborted`](crate::ErrorKind::Aborted), if another command of the same commit group or
///   transaction failed in the storage: nothing was written;
/// - [`NeedsReopen`](crate::ErrorKind::NeedsReopen) and [`Closed`](crate::ErrorKind::Closed);
/// - [`ReentrantCommand`](crate::ErrorKind::ReentrantCommand), on a store within its own transaction;
/// - [`Io`](crate::ErrorKind::Io) and [`Corrupted`](crate::ErrorKind::Corrupted).
///
/// The methods list only the others, and what an invalid input can be that its type does not show.
///
/// # Complexity
///
/// A command about a conversation takes O(log conversations), and one about a message O(log messages
/// of the store). The methods state what differs.
pub trait Execute: sealed::Sealed {
    /// The context that the commands carry.
    fn context(&self) -> &Context;

    /// Runs a command in another context.
    ///
    /// ```
    /// # convodb::example!(store, id);
    /// let once = Context::new().idempotency_key("click-7");
    /// let resolve = Resolve { conversation: id };
    /// assert!(!store.execute_in(once.clone(), resolve.clone())?.is_duplicate);
    /// assert!(store.execute_in(once, resolve)?.is_duplicate);
    /// # Ok::<(), Error>(())
    /// ```
    fn execute_in<C: Command>(&self, context: Context, command: C) -> Result<Outcome<C::Output>>;

    /// Runs a command. The other methods are names for it.
    ///
    /// ```
    /// # convodb::example!(store, id, contact);
    /// let message = Inbound::text(&contact, Channel::Whatsapp, "Hello");
    /// assert!(store.execute(ReceiveMessage { message })?.effect.created);
    /// # Ok::<(), Error>(())
    /// ```
    fn execute<C: Command>(&self, command: C) -> Result<Outcome<C::Output>> {
        self.execute_in(self.context().clone(), command)
    }

    /// Stores a message from a contact.
    ///
    /// The first one on a channel [creates](crate::docs::rules#one-conversation) the conversation,
    /// one to a resolved conversation [reopens](crate::docs::rules#reopening) it. Its time, and so
    /// its [order](crate::docs::rules#message-order), is the provider's, if that is given and past.
    ///
    /// With a [provider's id](crate::docs::rules#provider-ids), a webhook can be retried: the
    /// stored message is returned with [`is_duplicate`](Outcome::is_duplicate).
    ///
    /// # Errors
    ///
    /// [`ProviderIdConflict`](crate::ErrorKind::ProviderIdConflict) if a message of another contact, or
    /// one in the other direction, has the provider's id.
    ///
    /// ```
    /// # convodb::example!(store, id, contact);
    /// let first = store.receive(Inbound::text(&contact, Channel::Whatsapp, "Hello"))?;
    /// assert!(first.effect.created);
    /// let second = store.receive(Inbound::text(&contact, Channel::Whatsapp, "Anybody?"))?;
    /// assert_eq!(second.value.conversation_id, first.value.conversation_id);
    /// # Ok::<(), Error>(())
    /// ```
    fn receive(&self, message: impl Into<Inbound>) -> Result<Outcome<Message>> {
        let message = message.into();
        self.execute(ReceiveMessage { message })
    }

    /// Stores a message to a contact. The conversation is created, reopened and ordered as by
    /// [`receive`](Self::receive); [`Outbound::reopen`] can leave a resolved conversation resolved.
    ///
    /// ```
    /// # convodb::example!(store, id, contact);
    /// let sent = store.send(Outbound::text(&contact, Channel::Whatsapp, "Hi"))?.value;
    /// assert_eq!(sent.status, DeliveryStatus::Sent);
    /// # Ok::<(), Error>(())
    /// ```
    fn send(&self, message: impl Into<Outbound>) -> Result<Outcome<Message>> {
        let message = message.into();
        self.execute(SendMessage { message })
    }

    /// Stores a message to the contact of a conversation, and reopens the conversation unless
    /// [`Reply::reopen`] says otherwise. An [`Outbound`] to another contact or channel is
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput).
    ///
    /// ```
    /// # convodb::example!(store, id);
    /// store.resolve(id)?;
    /// assert!(store.reply(id, "One more thing.")?.effect.reopened);
    /// # Ok::<(), Error>(())
    /// ```
    fn reply(&self, id: ConversationId, reply: impl Into<Reply>) -> Result<Outcome<Message>> {
        self.execute(ReplyTo {
            conversation: id,
            reply: reply.into(),
        })
    }

    /// Merges a delivery receipt into a message.
    ///
    /// Receipts may come late, twice and in [any order](crate::docs::rules#delivery-status). For a
    /// provider's id that no message has yet, the value is `None`: the receipt waits for it.
    ///
    /// ```
    /// # convodb::example!(store, id, contact);
    /// # let sent = store.send(Outbound::text(&contact, Channel::Whatsapp, "Hi"))?.value;
    /// store.record_delivery(&sent, Receipt::read())?;
    /// let late = store.record_delivery(&sent, Receipt::delivered())?;
    /// assert_eq!(late.value.map(|message| message.status), Some(DeliveryStatus::Read));
    /// # Ok::<(), Error>(())
    /// ```
    fn record_delivery(
        &self,
        message: impl Into<MessageRef>,
        receipt: Receipt,
    ) -> Result<Outcome<Option<Message>>> {
        let message = message.into();
        self.execute(RecordDelivery { message, receipt })
    }

    /// Gives a stored message its provider's id, for providers that assign it after sending.
    ///
    /// Receipts that [wait](crate::docs::rules#provider-ids) for the id are merged into it. The id
    /// that the message has already changes nothing.
    ///
    /// # Errors
    ///
    /// [`ProviderIdConflict`](crate::ErrorKind::ProviderIdConflict) if another message on the channel
    /// has the id; [`AlreadyExists`](crate::ErrorKind::AlreadyExists) if the message has another id.
    ///
    /// ```
    /// # convodb::example!(store, id, contact);
    /// let sent = store.send(Outbound::text(&contact, Channel::Whatsapp, "Hi"))?.value;
    /// let id = ProviderId::new("wamid.1")?;
    /// assert_eq!(store.set_provider_id(&sent, &id)?.value.provider_id, Some(id.clone()));
    /// # Ok::<(), Error>(())
    /// ```
    fn set_provider_id(
        &self,
        message: impl Into<MessageRef>,
        id: &ProviderId,
    ) -> Result<Outcome<Message>> {
        self.execute(SetProviderId {
            message: message.into(),
            provider_id: id.clone(),
        })
    }

    /// Sets all reactions of one reactor to a message. See [Reactions](crate::docs::rules#reactions).
    /// The value is `None` for a message that has not come: the reaction waits for it.
    ///
    /// ```
    /// # convodb::example!(store, id, contact);
    /// # use convodb::commands::React;
    /// # let sent = store.send(Outbound::text(&contact, Channel::Whatsapp, "Hi"))?.value;
    /// let message = store.react(React::new(&sent, "❤"))?.value.expect("it is there");
    /// assert_eq!(message.extras.expect("a reaction").reactions[0].emoji, ["❤"]);
    /// # Ok::<(), Error>(())
    /// ```
    fn react(&self, reaction: React) -> Result<Outcome<Option<Message>>> {
        self.execute(reaction)
    }

    /// Replaces the content of a message, and keeps the former one. See
    /// [Edits](crate::docs::rules#edits). For a message that has not come, the edit is stored as that
    /// message if the contact is named. Otherwise it waits for the message, and the value is `None`.
    ///
    /// # Errors
    ///
    /// [`Revoked`](crate::ErrorKind::Revoked) if it was taken back.
    ///
    /// ```
    /// # convodb::example!(store, id);
    /// # use convodb::commands::Edit;
    /// let sent = store.reply(id, "Tommorow")?.value;
    /// let edited = store.edit(Edit::new(&sent, "Tomorrow"))?.value.expect("it is there");
    /// assert_eq!(edited.content.as_text(), Some("Tomorrow"));
    /// assert_eq!(edited.extras.expect("a version").versions.len(), 1);
    /// # Ok::<(), Error>(())
    /// ```
    fn edit(&self, edit: Edit) -> Result<Outcome<Option<Message>>> {
        self.execute(edit)
    }

    /// Gives a message the content that was yet to come: one that is a placeholder or unsupported. Any
    /// other stays as it is. The value is `None` for a message that has not come: the content waits for it.
    ///
    /// ```
    /// # convodb::example!(store, id);
    /// # use convodb::commands::Fill;
    /// let sent = store.reply(id, "Hello")?.value;
    /// let content = convodb::Content::text("Bye");
    /// let kept = store.fill(Fill { message: (&sent).into(), content })?.value.expect("it is there");
    /// assert_eq!(kept.content.as_text(), Some("Hello"));
    /// # Ok::<(), Error>(())
    /// ```
    fn fill(&self, fill: Fill) -> Result<Outcome<Option<Message>>> {
        self.execute(fill)
    }

    /// Takes a message back: its content is erased, from the log too. See
    /// [Revocation](crate::docs::rules#revocation). The value is `None` for a message that has not
    /// come: it will be stored without its content.
    ///
    /// ```
    /// # convodb::example!(store, id);
    /// # use convodb::commands::Revoke;
    /// let sent = store.reply(id, "To the wrong one")?.value;
    /// let revoked = store.revoke(Revoke::new(&sent))?.value.expect("it is there");
    /// assert_eq!(revoked.content.as_text(), Some(""));
    /// assert!(revoked.is_revoked());
    /// # Ok::<(), Error>(())
    /// ```
    fn revoke(&self, revocation: Revoke) -> Result<Outcome<Option<Message>>> {
        self.execute(revocation)
    }

    /// Marks a failed message as being tried again: it is pending, and gets another id of the
    /// provider's. See [Sending](crate::docs::rules#sending).
    ///
    /// # Errors
    ///
    /// [`NotFailed`](crate::ErrorKind::NotFailed) if it has not failed and is not pending.
    ///
    /// ```
    /// # convodb::example!(store, id);
    /// let sent = store.reply(id, "Hello?")?.value;
    /// store.record_delivery(&sent, Receipt::failed("131026", "undeliverable"))?;
    /// assert_eq!(store.retry(&sent)?.value.status, DeliveryStatus::Pending);
    /// # Ok::<(), Error>(())
    /// ```
    fn retry(&self, message: impl Into<MessageRef>) -> Result<Outcome<Message>> {
        let message = message.into();
        self.execute(Retry { message })
    }

    /// Adds what became known of a message: an address or a transcript of an attachment, or the
    /// caller's own values. Not activity.
    ///
    /// ```
    /// # convodb::example!(store, id);
    /// # use convodb::commands::UpdateMessage;
    /// let sent = store.reply(id, "Hello")?.value;
    /// let mut update = UpdateMessage::new(&sent);
    /// update.metadata.0.insert("campaign".into(), Some("spring".into()));
    /// let extras = store.update_message(update)?.value.extras.expect("metadata");
    /// assert_eq!(extras.metadata.get("campaign"), Some(&"spring".into()));
    /// # Ok::<(), Error>(())
    /// ```
    fn update_message(&self, update: UpdateMessage) -> Result<Outcome<Message>> {
        self.execute(update)
    }

    /// Records that all messages to a contact until a time were delivered or read, those too that are
    /// stored later. The value is `None` where there is no conversation.
    ///
    /// ```
    /// # convodb::example!(store, id);
    /// # use convodb::commands::{RecordWatermark, WatermarkOf};
    /// let sent = store.reply(id, "Hello")?.value;
    /// let of = WatermarkOf::UpTo((&sent).into());
    /// store.record_watermark(RecordWatermark { of, status: DeliveryStatus::Read })?;
    /// assert_eq!(store.message(&sent)?.status, DeliveryStatus::Read);
    /// # Ok::<(), Error>(())
    /// ```
    fn record_watermark(
        &self,
        watermark: RecordWatermark,
    ) -> Result<Outcome<Option<Conversation>>> {
        self.execute(watermark)
    }

    /// Removes an internal note, from the log too.
    ///
    /// ```
    /// # convodb::example!(store, id);
    /// let note = store.add_note(id, "For the wrong one")?.value;
    /// store.remove_note(id, note.id)?;
    /// assert_eq!(store.notes(id)?.count(), 0);
    /// # Ok::<(), Error>(())
    /// ```
    fn remove_note(&self, id: ConversationId, note: NoteId) -> Result<Outcome<()>> {
        self.execute(RemoveNote {
            conversation: id,
            note,
        })
    }

    /// Assigns a conversation to a user or a team of the [directory](crate::docs::rules#directory), and
    /// reopens it if it is resolved. See [Assignment](crate::docs::rules#assignment).
    ///
    /// ```
    /// # convodb::example!(store, id, contact, alice);
    /// let assigned = store.assign(id, &alice)?.value;
    /// assert_eq!(&*assigned.assigned_to.expect("Alice").name, "Alice");
    /// # Ok::<(), Error>(())
    /// ```
    fn assign(
        &self,
        id: ConversationId,
        to: impl Into<AssigneeId>,
    ) -> Result<Outcome<Conversation>> {
        self.execute(Assign {
            conversation: id,
            assignee: Some(to.into()),
        })
    }

    /// Makes a conversation unassigned. It does not reopen it.
    ///
    /// ```
    /// # convodb::example!(store, id);
    /// assert!(!store.unassign(id)?.effect.changed);
    /// # Ok::<(), Error>(())
    /// ```
    fn unassign(&self, id: ConversationId) -> Result<Outcome<Conversation>> {
        self.execute(Assign {
            conversation: id,
            assignee: None,
        })
    }

    /// Assigns a conversation as [`assign`](Self::assign) does, if it is unassigned.
    ///
    /// Of two [claims](crate::docs::rules#claims-and-preconditions) at the same time one succeeds.
    /// The other's error has the winner in [`Details::Precondition`](crate::Details::Precondition).
    ///
    /// ```
    /// # convodb::example!(store, id, contact, alice, bob);
    /// store.claim(id, &alice)?;
    /// let lost = store.claim(id, &bob).unwrap_err();
    /// assert!(matches!(lost.details(), Details::Precondition { assignee: Some(_), .. }));
    /// # Ok::<(), Error>(())
    /// ```
    fn claim(
        &self,
        id: ConversationId,
        to: impl Into<AssigneeId>,
    ) -> Result<Outcome<Conversation>> {
        let context = self.context().clone().if_assignee(None);
        let assign = Assign {
            conversation: id,
            assignee: Some(to.into()),
        };
        self.execute_in(context, assign)
    }

    /// [Resolves](crate::docs::rules#resolving) a conversation, which keeps its assignee.
    ///
    /// ```
    /// # convodb::example!(store, id);
    /// assert_eq!(store.resolve(id)?.value.status, Status::Resolved);
    /// # Ok::<(), Error>(())
    /// ```
    fn resolve(&self, id: ConversationId) -> Result<Outcome<Conversation>> {
        self.execute(Resolve { conversation: id })
    }

    /// Reopens a resolved conversation. It stays assigned. One that is open stays as it is.
    ///
    /// ```
    /// # convodb::example!(store, id);
    /// # use convodb::Status;
    /// store.resolve(id)?;
    /// let reopened = store.reopen_conversation(id)?;
    /// assert!(reopened.effect.reopened);
    /// assert_eq!(reopened.value.status, Status::Open);
    /// # Ok::<(), Error>(())
    /// ```
    fn reopen_conversation(&self, id: ConversationId) -> Result<Outcome<Conversation>> {
        self.execute(Reopen { conversation: id })
    }

    /// Marks the first `read_count` messages from the contact, in order of arrival, as read.
    ///
    /// Pass the [`inbound_count`](Conversation::inbound_count) of the conversation that was shown:
    /// messages that came since stay [unread](crate::docs::rules#unread-messages). A mark never
    /// goes back. More messages than came are [`InvalidInput`](crate::ErrorKind::InvalidInput).
    ///
    /// ```
    /// # convodb::example!(store, id, contact);
    /// let shown = store.conversation(id)?;
    /// store.receive(Inbound::text(&contact, Channel::Webchat, "two"))?;
    /// let marked = store.mark_read(id, shown.inbound_count)?.value;
    /// assert_eq!(marked.unread_count, 1);
    /// # Ok::<(), Error>(())
    /// ```
    fn mark_read(&self, id: ConversationId, read_count: u64) -> Result<Outcome<Conversation>> {
        self.execute(MarkRead {
            conversation: id,
            read_count,
        })
    }

    /// Marks a message from the contact, and those that arrived before it, as read; without one, all.
    /// A mark never goes back. O(messages).
    ///
    /// # Errors
    ///
    /// [`NotFound`](crate::ErrorKind::NotFound) for a message of another conversation.
    ///
    /// ```
    /// # convodb::example!(store, id);
    /// assert_eq!(store.mark_read_up_to(id, None)?.value.unread_count, 0);
    /// # Ok::<(), Error>(())
    /// ```
    fn mark_read_up_to(
        &self,
        id: ConversationId,
        up_to: Option<MessageId>,
    ) -> Result<Outcome<Conversation>> {
        self.execute(MarkReadUpTo {
            conversation: id,
            up_to,
        })
    }

    /// Marks a message from the contact, and those that arrived after it, as unread; without one, the
    /// last. It is no activity. O(messages).
    ///
    /// # Errors
    ///
    /// [`NotFound`](crate::ErrorKind::NotFound) for a message of another conversation,
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) for one that never counts as unread.
    ///
    /// ```
    /// # convodb::example!(store, id);
    /// store.mark_read_up_to(id, None)?;
    /// assert_eq!(store.mark_unread(id, None)?.value.unread_count, 1);
    /// # Ok::<(), Error>(())
    /// ```
    fn mark_unread(
        &self,
        id: ConversationId,
        from: Option<MessageId>,
    ) -> Result<Outcome<Conversation>> {
        self.execute(MarkUnread {
            conversation: id,
            from,
        })
    }

    /// Sets attributes of a conversation: its priority, its tags, the caller's own values. See
    /// [Attributes](crate::docs::rules#attributes). Each that becomes another one raises the revision.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if what results is out of bounds.
    ///
    /// ```
    /// # convodb::example!(store, id);
    /// # use convodb::{AttributeChanges, Priority, TagChanges};
    /// let mut changes = AttributeChanges::default();
    /// changes.priority = Some(Some(Priority::High));
    /// changes.tags = Some(Some(TagChanges::All(["refund"].into_iter().collect())));
    /// let updated = store.update_conversation(id, changes)?.value;
    /// let attributes = updated.attributes.expect("it has some");
    /// assert_eq!(attributes.priority, Some(Priority::High));
    /// assert!(attributes.tags.contains("Refund"));
    /// # Ok::<(), Error>(())
    /// ```
    fn update_conversation(
        &self,
        id: ConversationId,
        changes: AttributeChanges,
    ) -> Result<Outcome<Conversation>> {
        self.execute(UpdateConversation {
            conversation: id,
            changes,
        })
    }

    /// Adds an [internal note](crate::docs::rules#notes), which is never among the messages. The
    /// context's actor is its author.
    ///
    /// ```
    /// # convodb::example!(store, id);
    /// let note = store.add_note(id, "Customer is on the Enterprise plan.")?.value;
    /// assert_eq!(note.conversation_id, id);
    /// # Ok::<(), Error>(())
    /// ```
    fn add_note(&self, id: ConversationId, content: impl Into<String>) -> Result<Outcome<Note>> {
        self.execute(AddNote {
            conversation: id,
            content: content.into(),
        })
    }

    /// [Deletes](crate::docs::rules#deletion) a conversation with its messages, notes and audit
    /// log, in O(messages and notes). Its bytes stay in free pages of the file until they are
    /// overwritten, or until [`Store::compact`](crate::Store::compact).
    ///
    /// ```
    /// # convodb::example!(store, id);
    /// store.delete(id)?;
    /// assert_eq!(store.conversation(id).unwrap_err().kind(), ErrorKind::NotFound);
    /// # Ok::<(), Error>(())
    /// ```
    fn delete(&self, id: ConversationId) -> Result<Outcome<()>> {
        self.execute(Delete { conversation: id })
    }

    /// Gives a [contact](crate::docs::rules#contacts) a name and values of the caller's own. What is left
    /// out stays. One without a record gets one.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) for a blank name, or one of more than 256 bytes, and
    /// for metadata out of bounds.
    ///
    /// ```
    /// # convodb::example!(store, id, contact);
    /// let saved = store.save_contact(&contact, ContactChanges::name("Ada"))?;
    /// assert!(saved.effect.created);
    /// assert!(!store.save_contact(&contact, ContactChanges::name("Ada"))?.effect.changed);
    /// # Ok::<(), Error>(())
    /// ```
    fn save_contact(
        &self,
        contact: &ContactId,
        changes: ContactChanges,
    ) -> Result<Outcome<Contact>> {
        let contact = contact.clone();
        self.execute(SaveContact { contact, changes })
    }

    /// Links identities on a channel to one contact: after a change of number, from an address book, or from
    /// a form. It is the contact that is given, or that of the first identity which is known, or a new one.
    ///
    /// # Errors
    ///
    /// [`IdentityTaken`](crate::ErrorKind::IdentityTaken) if one of them belongs to another contact, unless
    /// the contacts are to be [merged](Identify::merge); [`InvalidInput`](crate::ErrorKind::InvalidInput) for
    /// identities out of bounds.
    ///
    /// ```
    /// # convodb::example!(store);
    /// let first = store.identify(Identify::new(Who::identities(["+491701234567"]), Channel::Whatsapp))?;
    /// let both = Who::identities(["+491701234567", "+491709876543"]);
    /// let moved = store.identify(Identify::new(both, Channel::Whatsapp))?;
    /// assert_eq!((moved.value.id, moved.value.identities.len()), (first.value.id, 2));
    /// # Ok::<(), Error>(())
    /// ```
    fn identify(&self, identify: Identify) -> Result<Outcome<Contact>> {
        self.execute(identify)
    }

    /// Merges a contact into another one, which gets all of its identities. In each inbox where both have a
    /// conversation, the messages and notes of the one take their places among those of the other. The old
    /// ids keep working; they lead to the survivors. It cannot be undone. See
    /// [Merging](crate::docs::rules#merging).
    ///
    /// It takes O(messages of the conversations that are merged).
    ///
    /// ```
    /// # convodb::example!(store, id, contact);
    /// let visitor = ContactId::new("con_visitor")?;
    /// let hello = store.receive(Inbound::text(&visitor, Channel::Webchat, "It is me"))?.value;
    /// store.merge_contacts(&visitor, &contact)?;
    /// assert_eq!(store.conversation(hello.conversation_id)?.id, id);
    /// assert_eq!(store.transcript(id)?.messages.len(), 2);
    /// # Ok::<(), Error>(())
    /// ```
    fn merge_contacts(&self, from: &ContactId, into: &ContactId) -> Result<Outcome<Contact>> {
        let (from, into) = (from.clone(), into.clone());
        self.execute(MergeContacts { from, into })
    }

    /// Deletes every conversation of a contact as [`delete`](Self::delete) does, with its record and its
    /// identities, and erases them from the write-ahead log by a checkpoint. Its events lose its id. The
    /// value is the number of conversations, which may be zero.
    ///
    /// ```
    /// # convodb::example!(store, id, contact);
    /// store.receive(Inbound::text(&contact, Channel::Whatsapp, "Hello"))?;
    /// assert_eq!(store.erase_contact(&contact)?.value, 2);
    /// # Ok::<(), Error>(())
    /// ```
    fn erase_contact(&self, contact: &ContactId) -> Result<Outcome<u64>> {
        let contact = contact.clone();
        self.execute(EraseContact { contact })
    }

    /// Assigns many conversations in one commit, each as [`assign`](Self::assign) does.
    ///
    /// The value has an item for each conversation, in the order of the ids or of the list. In the
    /// item of a missing one is [`NotFound`](crate::ErrorKind::NotFound).
    ///
    /// ```
    /// # convodb::example!(store, id, contact, alice);
    /// let unassigned = Selection::first(&Filter::open().unassigned(), 100)?;
    /// for item in store.assign_all(&unassigned, &alice)?.value {
    ///     assert_eq!(item.result?.id, item.id);
    /// }
    /// # Ok::<(), Error>(())
    /// ```
    fn assign_all(
        &self,
        selection: &Selection,
        to: impl Into<AssigneeId>,
    ) -> Result<Outcome<Vec<BatchItem>>> {
        self.execute(AssignAll {
            selection: selection.clone(),
            assignee: to.into(),
        })
    }

    /// Resolves many conversations in one commit, each as [`resolve`](Self::resolve) does, with items
    /// like those of [`assign_all`](Self::assign_all).
    ///
    /// ```
    /// # convodb::example!(store, id);
    /// let selection = Selection::ids([id])?;
    /// assert!(store.resolve_all(&selection)?.effect.changed);
    /// assert!(!store.resolve_all(&selection)?.effect.changed);
    /// # Ok::<(), Error>(())
    /// ```
    fn resolve_all(&self, selection: &Selection) -> Result<Outcome<Vec<BatchItem>>> {
        let selection = selection.clone();
        self.execute(ResolveAll { selection })
    }

    /// Adds a user to the [directory](crate::docs::rules#directory), or renames it, in O(users and
    /// teams). The name shows at once in every conversation.
    ///
    /// ```
    /// # convodb::example!(store, id, contact, alice);
    /// assert!(store.save_user(&alice, "Alice Support")?.effect.changed);
    /// assert!(!store.save_user(&alice, "Alice Support")?.effect.changed);
    /// # Ok::<(), Error>(())
    /// ```
    fn save_user(&self, id: &UserId, name: &str) -> Result<Outcome<Assignee>> {
        let (assignee, name) = (id.into(), name.to_owned());
        self.execute(SaveAssignee { assignee, name })
    }

    /// Adds a team to the directory, or renames it, as [`save_user`](Self::save_user) a user. Its members
    /// stay as they are.
    fn save_team(&self, id: &TeamId, name: &str) -> Result<Outcome<Assignee>> {
        let (assignee, name) = (id.into(), name.to_owned());
        self.execute(SaveAssignee { assignee, name })
    }

    /// Does as [`save_team`](Self::save_team), and makes these users the team's members: users of the
    /// directory, at most 64. A user who is removed leaves every team.
    ///
    /// # Errors
    ///
    /// A member that is no user of the directory, by its place (`members[0]`).
    ///
    /// ```
    /// # convodb::example!(store, id, contact, alice);
    /// let billing = TeamId::new("team_billing")?;
    /// let saved = store.save_team_with_members(&billing, "Billing", [alice.clone()])?;
    /// assert_eq!(saved.value.members, [alice]);
    /// let error = store.save_team_with_members(&billing, "Billing", [UserId::new("usr_zed")?]);
    /// assert_eq!(error.unwrap_err().field(), Some("members[0]"));
    /// # Ok::<(), Error>(())
    /// ```
    fn save_team_with_members(
        &self,
        id: &TeamId,
        name: &str,
        members: impl IntoIterator<Item = UserId>,
    ) -> Result<Outcome<Team>> {
        self.execute(SaveTeam {
            team: id.clone(),
            name: name.to_owned(),
            members: Some(members.into_iter().collect()),
        })
    }

    /// Saves a [view](crate::docs::rules#views), or changes it: a filter and an order that the store keeps a
    /// counted list for. With another filter or order the list is built anew, in the background where the
    /// store has more than a few hundred conversations. Until then a list of it is refused with
    /// [`Building`](crate::ErrorKind::Building). O(1), and O(conversations) in the background.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) for a name that is blank or too long, a filter that
    /// contradicts itself or is by a contact or a view, and one view too many: at most
    /// [`max_views`](crate::Options::max_views) are kept.
    ///
    /// ```
    /// # convodb::example!(store, id);
    /// let view = ViewId::new("view_waiting")?;
    /// let waiting = Filter::open().unassigned().waiting(true);
    /// store.save_view(&view, "Waiting", waiting, Sort::LongestWaiting)?;
    /// let page = store.list(&Filter::view(&view), (1, 20))?;
    /// assert_eq!((page.total, page.data[0].id), (1, id));
    /// # Ok::<(), Error>(())
    /// ```
    fn save_view(
        &self,
        id: &ViewId,
        name: &str,
        filter: Filter,
        sort: Sort,
    ) -> Result<Outcome<View>> {
        let (view, name) = (id.clone(), name.to_owned());
        self.execute(SaveView {
            view,
            name,
            filter,
            sort,
        })
    }

    /// Removes a [view](crate::docs::rules#views). Its list is removed in the background.
    ///
    /// # Errors
    ///
    /// [`NotFound`](crate::ErrorKind::NotFound) if it is not there.
    fn remove_view(&self, id: &ViewId) -> Result<Outcome<()>> {
        self.execute(RemoveView { view: id.clone() })
    }

    /// Adds an [inbox](crate::docs::rules#inboxes) of a channel, or renames it. An inbox keeps its channel:
    /// another one is an invalid `channel`.
    ///
    /// ```
    /// # convodb::example!(store, id, contact);
    /// let sales = InboxId::new("inb_sales")?;
    /// store.save_inbox(&sales, Channel::Whatsapp, "Sales")?;
    /// let message = store.receive(Inbound::text(&contact, &sales, "A quote, please"))?.value;
    /// assert_ne!(message.conversation_id, id);
    /// assert_eq!(store.count(&Filter::all().inbox(&sales))?, 1);
    /// # Ok::<(), Error>(())
    /// ```
    fn save_inbox(&self, id: &InboxId, channel: Channel, name: &str) -> Result<Outcome<Inbox>> {
        let (inbox, name) = (id.clone(), name.to_owned());
        self.execute(SaveInbox {
            inbox,
            channel,
            name,
        })
    }

    /// Ends the [snoozes](crate::docs::rules#snoozing) whose time has come, at most a thousand, the earliest
    /// first. The value is how many: if it is a thousand, more may be due. Call it each second. O(these).
    ///
    /// ```
    /// # convodb::example!(store);
    /// assert_eq!(store.wake_due()?.value, 0);
    /// # Ok::<(), Error>(())
    /// ```
    fn wake_due(&self) -> Result<Outcome<u64>> {
        self.execute(WakeDue)
    }

    /// Removes a user or a team from the [directory](crate::docs::rules#directory). Its successor
    /// takes its conversations, or they become unassigned. The value is their number.
    ///
    /// Every query and command sees the successor from then on, with the revision one higher. That
    /// reopens nothing and is not activity. A user or team that is added under the same id later has
    /// none of these conversations.
    ///
    /// It takes O(users and teams): the store writes the conversations under the successor in the
    /// background, in bounded batches between other commands, and continues after a crash. Each has
    /// its [event](crate::docs::events) then. [`Stats::to_reassign`](crate::Stats::to_reassign)
    /// counts those that are left.
    ///
    /// ```
    /// # convodb::example!(store, id, contact, alice, bob);
    /// store.assign(id, &alice)?;
    /// assert_eq!(store.remove_assignee(&alice.into(), Some(&bob.clone().into()))?.value, 1);
    /// assert_eq!(store.count(&Filter::open().assigned_to(bob))?, 1);
    /// # Ok::<(), Error>(())
    /// ```
    fn remove_assignee(
        &self,
        id: &AssigneeId,
        successor: Option<&AssigneeId>,
    ) -> Result<Outcome<u64>> {
        self.execute(RemoveAssignee {
            assignee: id.clone(),
            successor: successor.cloned(),
        })
    }

    /// Stores a whole conversation, with messages, notes, ids and times, in O(messages and notes).
    ///
    /// It reopens nothing. A user or team that it names joins the directory, unless it is there; then
    /// the directory's name stays. The messages are [sorted](crate::docs::rules#message-order).
    /// [`Store::import_all`](crate::Store::import_all) is for many conversations.
    ///
    /// # Errors
    ///
    /// [`AlreadyExists`](crate::ErrorKind::AlreadyExists) if the conversation exists, or another one
    /// of its contact and channel;
    /// [`ProviderIdConflict`](crate::ErrorKind::ProviderIdConflict) if another message on the channel
    /// has the provider's id of one of its messages; [`InvalidInput`](crate::ErrorKind::InvalidInput) for an id that occurs twice, and a message or
    /// note of another conversation.
    ///
    /// ```
    /// # convodb::example!(store, id, contact);
    /// # let created_at = chrono::DateTime::from_timestamp_millis(1_776_000_000_000).unwrap();
    /// let id = ConversationId::new("conv_01HABC00000000000000000000")?;
    /// let conversation = Conversation::new(id, contact, Channel::Messenger, created_at);
    /// let imported = store.import(Import::new(conversation, vec![]))?.value;
    /// assert_eq!((imported.id, imported.updated_at), (id, created_at));
    /// # Ok::<(), Error>(())
    /// ```
    fn import(&self, import: Import) -> Result<Outcome<Conversation>> {
        self.execute(import)
    }

    /// Adds a durable consumer of events. The value is its position; one of the same name stays at
    /// its own. [`Store::consumer`](crate::Store::consumer) adds one and returns the
    /// [`Consumer`](crate::Consumer) to read with. A start beyond the newest event is
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput).
    ///
    /// ```
    /// # convodb::example!(store);
    /// let name = ConsumerName::new("webhooks")?;
    /// assert!(store.add_consumer(&name, ConsumerStart::Oldest)?.effect.created);
    /// # Ok::<(), Error>(())
    /// ```
    fn add_consumer(&self, name: &ConsumerName, start: ConsumerStart) -> Result<Outcome<EventSeq>> {
        let name = name.clone();
        self.execute(AddConsumer { name, start })
    }

    /// Acknowledges all events up to this one for a consumer. The value is its position.
    ///
    /// A position never goes back: an earlier event changes nothing. One beyond the newest event is
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput), and for
    /// [`Consumer::acknowledge`](crate::Consumer::acknowledge) one that it has not returned. In a
    /// [transaction](crate::Store::transaction) it commits with the other commands.
    ///
    /// ```
    /// # convodb::example!(store);
    /// let name = ConsumerName::new("webhooks")?;
    /// store.add_consumer(&name, ConsumerStart::Oldest)?;
    /// let second = EventSeq::new(2);
    /// assert_eq!(store.acknowledge(&name, second)?.value, second);
    /// # Ok::<(), Error>(())
    /// ```
    fn acknowledge(&self, consumer: &ConsumerName, up_to: EventSeq) -> Result<Outcome<EventSeq>> {
        let consumer = consumer.clone();
        self.execute(Acknowledge { consumer, up_to })
    }

    /// Removes a consumer: it no longer keeps events from being purged. A thread or task that waits
    /// with a [`Consumer`](crate::Consumer) of this name is woken with
    /// [`NotFound`](crate::ErrorKind::NotFound).
    ///
    /// ```
    /// # convodb::example!(store);
    /// let webhooks = store.consumer("webhooks")?;
    /// store.remove_consumer(webhooks.name())?;
    /// assert!(store.consumers()?.is_empty());
    /// # Ok::<(), Error>(())
    /// ```
    fn remove_consumer(&self, name: &ConsumerName) -> Result<Outcome<()>> {
        let name = name.clone();
        self.execute(RemoveConsumer { name })
    }

    /// Purges the events that a retention does not keep, except those that a consumer has not
    /// acknowledged. The value is their number. Audit logs stay.
    ///
    /// On a store it purges in bounded steps, so that other commands run in between, unless its context
    /// has an idempotency key. Steps that were committed before an error stay.
    ///
    /// ```
    /// # convodb::example!(store);
    /// const WEEK: Duration = Duration::from_secs(7 * 24 * 3_600);
    /// store.purge_events(Retention::younger_than(WEEK))?;
    /// # Ok::<(), Error>(())
    /// ```
    fn purge_events(&self, retention: Retention) -> Result<Outcome<u64>> {
        // A key names one command.
        let limit = match self.context().is_plain() {
            true => PURGED_AT_ONCE,
            false => u64::MAX,
        };
        let mut purged = 0;
        loop {
            let mut step = self.execute(PurgeEvents { retention, limit })?;
            purged += step.value;
            if step.value < limit || step.is_duplicate {
                step.value = purged;
                step.effect.changed = purged > 0;
                return Ok(step);
            }
        }
    }

    /// Purges what has [waited](crate::docs::rules#provider-ids) this long for its message, and the oldest of
    /// what waits for more messages than are to be kept. The value is the number of the messages. O(these).
    ///
    /// ```
    /// # convodb::example!(store);
    /// let month = Duration::from_secs(30 * 24 * 3_600);
    /// assert_eq!(store.purge_unmatched(month, 100_000)?.value, 0);
    /// # Ok::<(), Error>(())
    /// ```
    fn purge_unmatched(&self, older_than: Duration, most: u64) -> Result<Outcome<u64>> {
        self.execute(PurgeUnmatched { older_than, most })
    }

    /// Deletes resolved conversations without activity for this long, at most `limit`, the oldest first, each
    /// as [`delete`](Self::delete) does. The value is their number: unless it is zero, more may be as old.
    ///
    /// It is one commit. It ends before the limit with the conversation that makes their messages
    /// [`AT_ONCE`](DeleteResolved::AT_ONCE). One conversation is deleted as a whole, however many messages it
    /// has. O(these messages).
    ///
    /// ```
    /// # convodb::example!(store, id);
    /// store.resolve(id)?;
    /// assert_eq!(store.delete_resolved(Duration::from_secs(3_600), 100)?.value, 0);
    /// # Ok::<(), Error>(())
    /// ```
    fn delete_resolved(&self, older_than: Duration, limit: u32) -> Result<Outcome<u64>> {
        self.execute(DeleteResolved { older_than, limit })
    }

    /// Purges the records of idempotency keys of this age. The value is their number. A new record
    /// purges two that are beyond [their time to live](crate::Options::idempotency_ttl) anyway.
    ///
    /// ```
    /// # convodb::example!(store);
    /// let hour = Duration::from_secs(60 * 60);
    /// assert_eq!(store.purge_idempotency_keys(hour)?.value, 0);
    /// # Ok::<(), Error>(())
    /// ```
    fn purge_idempotency_keys(&self, older_than: Duration) -> Result<Outcome<u64>> {
        self.execute(PurgeIdempotencyKeys { older_than })
    }
}
