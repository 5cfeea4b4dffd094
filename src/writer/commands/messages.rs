//! Messages, their receipts and their providers' ids.

use convodb_core::{
    ConversationId, Inbound, Message, MessageRef, Outbound, Outcome, ProviderId, Receipt, Reply,
    Result,
};

use super::Handle;
use crate::store::Store;

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
    fn reply(id: ConversationId, reply: impl Into<Reply> as reply) -> Message;

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
    fn record_delivery(message: impl Into<MessageRef> as message, receipt: Receipt) -> Option<Message>;

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
    fn set_provider_id(message: impl Into<MessageRef> as message, id: &ProviderId) -> Message;
}
