//! The commands of a store, each a transaction of its own.

use std::fmt;
use std::time::Duration;

use super::bulk::Each;
use super::{Context, Outcome, Transaction};
use crate::domain::{
    Assignee, AssigneeId, ConsumerName, ContactId, Conversation, ConversationId, Import, Inbound,
    Message, MessageRef, Note, Outbound, ProviderId, Receipt, Reply, Takeover, TeamId, UserId,
};
use crate::error::Result;
use crate::query::Targets;
use crate::store::Store;

/// A store with a [`Context`]: the same commands, given by somebody.
///
/// Made by [`Store::with`].
#[derive(Clone)]
pub struct Handle<'a> {
    store: &'a Store,
    context: Context,
}

impl Handle<'_> {
    fn run<T>(&self, command: impl FnOnce(&mut Transaction<'_>) -> Result<T>) -> Result<T> {
        self.store.transaction(|transaction| {
            transaction.set_context(self.context.clone());
            command(transaction)
        })
    }
}

impl fmt::Debug for Handle<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle")
            .field("context", &self.context)
            .finish_non_exhaustive()
    }
}

impl Store {
    /// The same commands, given in a context.
    ///
    /// ```
    /// # use convodb::{Channel, ContactId, Context, Inbound, Store, UserId};
    /// # let store = Store::in_memory()?;
    /// # let contact = ContactId::new("con_01HXYZ")?;
    /// # let id = store.receive(Inbound::text(&contact, Channel::Webchat, "one"))?.value.conversation_id;
    /// let alice = UserId::new("usr_01H111")?;
    /// store.with(Context::new().actor(alice)).resolve(id)?;
    /// # Ok::<(), convodb::Error>(())
    /// ```
    #[must_use]
    pub fn with(&self, context: Context) -> Handle<'_> {
        Handle {
            store: self,
            context,
        }
    }

    fn run<T>(&self, command: impl FnOnce(&mut Transaction<'_>) -> Result<T>) -> Result<T> {
        self.transaction(command)
    }
}

/// The one list of commands: a store and a handle give each to a transaction of one command.
macro_rules! commands {
    ($(
        $(#[$doc:meta])*
        fn $name:ident($($argument:ident: $type:ty),*) -> $value:ty;
    )*) => {
        impl Store {
            $(
                $(#[$doc])*
                ///
                /// Besides, as every command: [`OutcomeUnknown`](crate::ErrorKind::OutcomeUnknown),
                /// [`NeedsReopen`](crate::ErrorKind::NeedsReopen),
                /// [`Closed`](crate::ErrorKind::Closed),
                /// [`InTransaction`](crate::ErrorKind::InTransaction),
                /// [`Io`](crate::ErrorKind::Io), [`Corrupted`](crate::ErrorKind::Corrupted).
                pub fn $name(&self, $($argument: $type),*) -> Result<Outcome<$value>> {
                    self.run(|transaction| transaction.$name($($argument),*))
                }
            )*
        }

        impl Handle<'_> {
            $(
                #[doc = concat!("As [`Store::", stringify!($name), "`], in this context.")]
                ///
                /// # Errors
                ///
                /// The same.
                pub fn $name(&self, $($argument: $type),*) -> Result<Outcome<$value>> {
                    self.run(|transaction| transaction.$name($($argument),*))
                }
            )*
        }
    };
}

// Behind the macro, whose commands it adds to.
mod guarded;

commands! {
    /// Stores a message from a contact. The first one on a channel creates the conversation (R1);
    /// one to a resolved conversation reopens it (R5).
    ///
    /// Its time is the provider's where it is given, but never one that has not come yet; a late
    /// message takes its place in the history (R7).
    ///
    /// With a [`provider_id`](Inbound::provider_id), the same message again, from a webhook that
    /// is retried, changes nothing and answers the one that is stored, as a
    /// [`duplicate`](Outcome::duplicate) (R10).
    ///
    /// # Errors
    ///
    /// [`Erased`](crate::ErrorKind::Erased) for the provider's id of a message that was deleted;
    /// [`Invalid`](crate::ErrorKind::Invalid) for `content`, `template_name`, `template_params`,
    /// `media_url`, `caption`, `provider_id` and `sent_at` (R14).
    ///
    /// ```
    /// # use convodb::{Channel, ContactId, Inbound, Store};
    /// # let store = Store::in_memory()?;
    /// let contact = ContactId::new("con_01HXYZ")?;
    /// let first = store.receive(Inbound::text(&contact, Channel::Whatsapp, "Hello"))?;
    /// assert!(first.created);
    /// let second = store.receive(Inbound::text(&contact, Channel::Whatsapp, "Anybody?"))?;
    /// assert_eq!(second.value.conversation_id, first.value.conversation_id);
    /// # Ok::<(), convodb::Error>(())
    /// ```
    fn receive(inbound: Inbound) -> Message;

    /// Stores a message to a contact, as [`receive`](Self::receive) one from a contact. It reopens
    /// a resolved conversation unless it says otherwise (R5).
    ///
    /// # Errors
    ///
    /// As [`receive`](Self::receive).
    ///
    /// ```
    /// # use convodb::{Channel, ContactId, DeliveryStatus, Outbound, Store};
    /// # let store = Store::in_memory()?;
    /// let contact = ContactId::new("con_01HXYZ")?;
    /// let sent = store.send(Outbound::text(&contact, Channel::Whatsapp, "Hi"))?.value;
    /// assert_eq!(sent.status, DeliveryStatus::Sent);
    /// # Ok::<(), convodb::Error>(())
    /// ```
    fn send(outbound: Outbound) -> Message;

    /// Stores a message to the contact of a conversation.
    ///
    /// # Errors
    ///
    /// [`NotFound`](crate::ErrorKind::NotFound), and as [`receive`](Self::receive); an
    /// [`Outbound`] to another contact or channel is [`Invalid`](crate::ErrorKind::Invalid).
    ///
    /// ```
    /// # use convodb::{Channel, ContactId, Inbound, Reply, Store};
    /// # let store = Store::in_memory()?;
    /// # let contact = ContactId::new("con_01HXYZ")?;
    /// # let id = store.receive(Inbound::text(&contact, Channel::Webchat, "one"))?.value.conversation_id;
    /// store.resolve(id)?;
    /// assert!(store.reply(id, "One more thing.")?.reopened);
    /// # Ok::<(), convodb::Error>(())
    /// ```
    fn reply(id: ConversationId, reply: impl Into<Reply>) -> Message;

    /// Merges a delivery receipt into a message: receipts may come late, twice and in any order
    /// (R9). It is no activity, and never reopens (R8). One for a provider's id that no message
    /// has yet is kept, and answers nothing; it is merged into the message once that comes (R10).
    ///
    /// # Errors
    ///
    /// [`NotFound`](crate::ErrorKind::NotFound); [`Erased`](crate::ErrorKind::Erased) for the
    /// provider's id of a message that was deleted; [`Invalid`](crate::ErrorKind::Invalid) for `at`
    /// and for a failure's `error.code` and `error.message`.
    ///
    /// ```
    /// # use convodb::{Channel, ContactId, DeliveryStatus, Outbound, ProviderId, Receipt, Store};
    /// # let store = Store::in_memory()?;
    /// # let contact = ContactId::new("con_01HXYZ")?;
    /// # let sent = store.send(Outbound::text(&contact, Channel::Whatsapp, "Hi"))?.value;
    /// store.record_delivery(&sent, Receipt::read())?;
    /// let late = store.record_delivery(&sent, Receipt::delivered())?;
    /// assert_eq!(late.value.map(|message| message.status), Some(DeliveryStatus::Read));
    ///
    /// // A webhook may overtake the message that it is about.
    /// let of = (Channel::Whatsapp, ProviderId::new("wamid.1")?);
    /// assert_eq!(store.record_delivery(of, Receipt::delivered())?.value, None);
    /// let hello = Outbound::text(&contact, Channel::Whatsapp, "Hello").provider_id("wamid.1");
    /// assert_eq!(store.send(hello)?.value.status, DeliveryStatus::Delivered);
    /// # Ok::<(), convodb::Error>(())
    /// ```
    fn record_delivery(message: impl Into<MessageRef>, receipt: Receipt) -> Option<Message>;

    /// Gives a stored message its provider's own id, for providers that answer after sending
    /// (R10). Receipts that came for the id before are merged into the message. The id that the
    /// message has already changes nothing.
    ///
    /// # Errors
    ///
    /// [`NotFound`](crate::ErrorKind::NotFound); [`Conflict`](crate::ErrorKind::Conflict) if the
    /// id is another message's on the channel, or the message has another;
    /// [`Erased`](crate::ErrorKind::Erased) if it was that of a message that was deleted.
    ///
    /// ```
    /// # use convodb::{Channel, ContactId, ErrorKind, Outbound, ProviderId, Store};
    /// # let store = Store::in_memory()?;
    /// # let contact = ContactId::new("con_01HXYZ")?;
    /// let sent = store.send(Outbound::text(&contact, Channel::Whatsapp, "Hi"))?.value;
    /// let id = ProviderId::new("wamid.1")?;
    /// assert_eq!(store.set_provider_id(&sent, &id)?.value.provider_id, Some(id.clone()));
    ///
    /// let other = store.send(Outbound::text(&contact, Channel::Whatsapp, "Hello?"))?.value;
    /// let error = store.set_provider_id(&other, &id).unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::Conflict);
    /// # Ok::<(), convodb::Error>(())
    /// ```
    fn set_provider_id(message: impl Into<MessageRef>, id: &ProviderId) -> Message;

    /// Gives up the receipts that have waited so long for their messages (R10); answers for how
    /// many messages. O(those that wait).
    ///
    /// # Errors
    ///
    /// None of its own.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use convodb::{Channel, ProviderId, Receipt, Store};
    /// # let store = Store::in_memory()?;
    /// let of = (Channel::Whatsapp, ProviderId::new("wamid.lost")?);
    /// store.record_delivery(of, Receipt::delivered())?;
    /// assert_eq!(store.stats()?.parked, 1);
    /// let week = Duration::from_secs(7 * 24 * 60 * 60);
    /// assert_eq!(store.purge_parked(week)?.value, 0);
    /// # Ok::<(), convodb::Error>(())
    /// ```
    fn purge_parked(older_than: Duration) -> u64;

    /// Forgets the commands with idempotency keys that were done so long ago; answers how many.
    /// Those that are older than [their age](crate::Options::idempotency_age) go by themselves,
    /// two with each new one. O(those forgotten).
    ///
    /// # Errors
    ///
    /// None of its own.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # let store = convodb::Store::in_memory()?;
    /// let hour = Duration::from_secs(60 * 60);
    /// assert_eq!(store.purge_idempotency_keys(hour)?.value, 0);
    /// # Ok::<(), convodb::Error>(())
    /// ```
    fn purge_idempotency_keys(older_than: Duration) -> u64;

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
    fn add_note(id: ConversationId, content: impl AsRef<str>) -> Note;

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

    /// Puts a user into the directory, or gives one that is there another name, which shows at
    /// once in every conversation (R11).
    ///
    /// # Errors
    ///
    /// [`Invalid`](crate::ErrorKind::Invalid) for `name`.
    ///
    /// ```
    /// # use convodb::{Store, UserId};
    /// # let store = Store::in_memory()?;
    /// let alice = UserId::new("usr_01H111")?;
    /// assert!(store.put_user(&alice, "Alice")?.created);
    /// assert!(store.put_user(&alice, "Alice Support")?.changed);
    /// assert!(!store.put_user(&alice, "Alice Support")?.changed);
    /// # Ok::<(), convodb::Error>(())
    /// ```
    fn put_user(id: &UserId, name: &str) -> Assignee;

    /// Puts a team into the directory, as [`put_user`](Self::put_user) a user.
    ///
    /// # Errors
    ///
    /// [`Invalid`](crate::ErrorKind::Invalid) for `name`.
    ///
    /// ```
    /// # use convodb::{Store, TeamId};
    /// # let store = Store::in_memory()?;
    /// store.put_team(&TeamId::new("team_billing")?, "Billing")?;
    /// # Ok::<(), convodb::Error>(())
    /// ```
    fn put_team(id: &TeamId, name: &str) -> Assignee;

    /// Takes a user or team out of the directory. Its conversations are taken over by another or
    /// become unassigned; that reopens none and is no activity (R11). Answers how many there were.
    /// O(conversations of the one removed).
    ///
    /// # Errors
    ///
    /// [`NotFound`](crate::ErrorKind::NotFound) for either of the two;
    /// [`Invalid`](crate::ErrorKind::Invalid) for a takeover by the one removed.
    ///
    /// ```
    /// # use convodb::{AssigneeId, Store, Takeover, TeamId, UserId};
    /// # let store = Store::in_memory()?;
    /// # let (alice, billing) = (UserId::new("usr_alice")?, TeamId::new("team_billing")?);
    /// # store.put_user(&alice, "Alice")?;
    /// # store.put_team(&billing, "Billing")?;
    /// let (alice, billing) = (AssigneeId::from(alice), AssigneeId::from(billing));
    /// store.remove_assignee(&alice, &Takeover::By(billing))?;
    /// # Ok::<(), convodb::Error>(())
    /// ```
    fn remove_assignee(id: &AssigneeId, takeover: &Takeover) -> u64;

    /// Stores a whole conversation with its history; every id and time stays, nothing is reopened
    /// or bumped. A user or team that it names joins the directory if it is not there; a name that
    /// is there stays. Its messages are sorted by R7. O(messages and notes).
    ///
    /// # Errors
    ///
    /// [`Conflict`](crate::ErrorKind::Conflict) where the conversation exists, or one of its
    /// contact and channel, or another message has a provider's id of one of its;
    /// [`Erased`](crate::ErrorKind::Erased) for a provider's id of a message that was deleted;
    /// [`Invalid`](crate::ErrorKind::Invalid) for what breaks R14, an id that
    /// stands twice, and a message or note of another conversation.
    ///
    /// ```
    /// # use convodb::{Channel, ContactId, Conversation, ConversationId, Import, Store};
    /// # let store = Store::in_memory()?;
    /// # let created_at = chrono::DateTime::from_timestamp_millis(1_776_000_000_000).unwrap();
    /// let contact = ContactId::new("con_01HXYZ")?;
    /// let id = ConversationId::new("conv_01HABC00000000000000000000")?;
    /// let conversation = Conversation::new(id, contact, Channel::Messenger, created_at);
    /// let imported = store.import(Import::new(conversation, vec![]))?.value;
    /// assert_eq!((imported.id, imported.updated_at), (id, created_at));
    /// # Ok::<(), convodb::Error>(())
    /// ```
    fn import(import: Import) -> Conversation;

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

    /// Makes a durable consumer of events, which begins with the oldest event that is left; one of
    /// that name stays as it is. Answers its position. [`Store::consumer`] does so too, and gives
    /// the [`Consumer`](crate::Consumer) to read with. O(1).
    ///
    /// # Errors
    ///
    /// None of its own.
    ///
    /// ```
    /// # use convodb::{ConsumerName, Store};
    /// # let store = Store::in_memory()?;
    /// assert!(store.add_consumer(&ConsumerName::new("webhooks")?)?.created);
    /// # Ok::<(), convodb::Error>(())
    /// ```
    fn add_consumer(name: &ConsumerName) -> u64;

    /// Notes durably that a consumer is done with all events up to this one. An acknowledgement
    /// never moves it back: one of an earlier event changes nothing. Answers its position. In a
    /// [`transaction`](Store::transaction) it commits with what the events led to, all or nothing.
    /// O(1).
    ///
    /// # Errors
    ///
    /// [`NotFound`](crate::ErrorKind::NotFound); [`Invalid`](crate::ErrorKind::Invalid) for a
    /// `sequence` that no event has yet.
    ///
    /// ```
    /// # use convodb::{ConsumerName, Store, ContactId, Channel, Inbound};
    /// # let store = Store::in_memory()?;
    /// # let contact = ContactId::new("con_01HXYZ")?;
    /// # store.receive(Inbound::text(&contact, Channel::Webchat, "one"))?;
    /// let name = ConsumerName::new("webhooks")?;
    /// store.add_consumer(&name)?;
    /// assert_eq!(store.ack_events(&name, 2)?.value, 2);
    /// assert!(!store.ack_events(&name, 1)?.changed);
    /// # Ok::<(), convodb::Error>(())
    /// ```
    fn ack_events(consumer: &ConsumerName, sequence: u64) -> u64;

    /// Removes a consumer: it keeps no event from being purged any longer. O(1).
    ///
    /// # Errors
    ///
    /// [`NotFound`](crate::ErrorKind::NotFound).
    ///
    /// ```
    /// # use convodb::{ConsumerName, Store};
    /// # let store = Store::in_memory()?;
    /// let name = ConsumerName::new("webhooks")?;
    /// store.add_consumer(&name)?;
    /// store.remove_consumer(&name)?;
    /// assert!(store.consumers()?.is_empty());
    /// # Ok::<(), convodb::Error>(())
    /// ```
    fn remove_consumer(name: &ConsumerName) -> ();
}

/// So many conversations of a bulk import are committed at a time, or as many as a part of the
/// store: a commit writes nearly every page of the threads, whose order is the contacts', so
/// batches of one size would make a load quadratic. Another command waits for a batch.
const IMPORTED_AT_ONCE: usize = 16 * 1024;
const PART_OF_THE_STORE: u64 = 16;

impl Store {
    /// Imports many conversations, as [`import`](Self::import) one, in key order and large
    /// transactions; answers how many there were. For all or none of them, use
    /// [`Transaction::import_all`].
    ///
    /// # Errors
    ///
    /// As [`import`](Self::import), for the first conversation that is refused; the field of an
    /// invalid one begins with its place, `import[7]`, from 0. Transactions that were committed
    /// before it stay.
    ///
    /// ```
    /// # use convodb::{Channel, ContactId, Conversation, ConversationId, Import, Store};
    /// # let store = Store::in_memory()?;
    /// # let created_at = chrono::DateTime::from_timestamp_millis(1_776_000_000_000).unwrap();
    /// let imports = (0..1_000).map(|n| {
    ///     let contact = ContactId::new(&format!("con_{n}")).expect("a valid id");
    ///     let id = ConversationId::from_parts(1_776_000_000_000, n);
    ///     Import::new(Conversation::new(id, contact, Channel::Webchat, created_at), vec![])
    /// });
    /// assert_eq!(store.import_all(imports)?, 1_000);
    /// # Ok::<(), convodb::Error>(())
    /// ```
    pub fn import_all(&self, imports: impl IntoIterator<Item = Import>) -> Result<u64> {
        let mut imports = imports.into_iter().fuse();
        let mut imported = 0;
        loop {
            let [known, ..] = self.view()?.counts()?;
            let part = usize::try_from(known / PART_OF_THE_STORE).unwrap_or(usize::MAX);
            let at_once = part.max(IMPORTED_AT_ONCE);
            let some = self.transaction(|transaction| {
                transaction.import_from(imported, imports.by_ref().take(at_once))
            })?;
            if some.value == 0 {
                return Ok(imported);
            }
            imported += some.value;
        }
    }
}
