//! Whole conversations from elsewhere.

use super::{Handle, Outcome};
use crate::domain::{Conversation, Import};
use crate::error::Result;
use crate::store::Store;

commands! {
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
}

/// So many conversations of a bulk import are committed at a time, or as many as a part of the
/// store: a commit writes nearly every page of the threads, whose order is the contacts', so
/// batches of one size would make a load quadratic. Another command waits for a batch.
const IMPORTED_AT_ONCE: usize = 16 * 1024;
const PART_OF_THE_STORE: u64 = 16;

impl Store {
    /// Imports many conversations, as [`import`](Self::import) one, in key order and large
    /// transactions; answers how many there were. For all or none of them, use
    /// [`Transaction::import_all`](crate::Transaction::import_all).
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
