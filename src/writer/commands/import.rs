//! Whole conversations from elsewhere.

use convodb_core::{Conversation, Import, Outcome, Result};

use super::Handle;
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

/// So many conversations are committed at a time at the least, and as many as the store has at the
/// most: a commit writes nearly every page of the threads, whose order is the contacts', so that
/// batches of one size would make a load quadratic.
const AT_LEAST: u64 = 16 * 1024;

impl Store {
    /// Imports many conversations, as [`import`](Self::import) one, in key order and large
    /// transactions; answers how many there were. For all or none of them, use
    /// [`Transaction::import_all`](crate::Transaction::import_all).
    ///
    /// A transaction takes 16,384 conversations or as many as the store has, whichever are more,
    /// but no more than come to 96 MiB of rows, and what is gathered until then takes about
    /// three times that beside the [cache](crate::Options::cache_size). It ends sooner, with 16,384 at the
    /// least, where another command waits: that waits until what was gathered by then is written
    /// and durable, and goes before the next transaction. The larger the transactions, the less
    /// often the same pages are written; so a load is fastest where nobody else writes.
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
            let at_most = known.max(AT_LEAST);
            let some = self.transaction(|transaction| {
                let mut taken = 0;
                let mut batch = std::iter::from_fn(|| {
                    let others_wait = || taken >= AT_LEAST && self.is_waited_for();
                    if taken == at_most || others_wait() {
                        return None;
                    }
                    taken += 1;
                    imports.next()
                });
                transaction.import_some(imported, &mut batch)
            })?;
            if some == 0 {
                return Ok(imported);
            }
            imported += some;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::thread::{self, JoinHandle};

    use super::*;
    use convodb_core::{AssigneeId, Channel, ContactId, ConversationId, UserId};

    fn import(number: u64) -> Result<Import> {
        let id = ConversationId::from_parts(1_776_000_000_000, u128::from(number));
        let contact = ContactId::new(&format!("con_{number}"))?;
        let at = chrono::DateTime::default();
        let conversation = Conversation::new(id, contact, Channel::Webchat, at);
        Ok(Import::new(conversation, vec![]))
    }

    #[test]
    fn who_waits_while_many_are_imported_goes_before_the_next_of_them() -> Result<()> {
        let store = Store::in_memory()?;
        let before = AT_LEAST + 200;
        store.import_all((0..before).map_while(|number| import(number).ok()))?;

        // Without anybody who waits, as many as are there already would be taken at a time.
        let asks = before + AT_LEAST + 100;
        let all = before + AT_LEAST + 150;
        let alice = UserId::new("usr_1")?;
        let mut asking: Option<JoinHandle<Result<()>>> = None;
        let mut seen = Vec::new();
        store.import_all((before..all).map_while(|number| {
            if number == asks {
                let (other, alice) = (store.clone(), alice.clone());
                asking = Some(thread::spawn(move || {
                    other.put_user(&alice, "Alice").map(drop)
                }));
                while !store.is_waited_for() {
                    thread::yield_now();
                }
            }
            if number >= asks {
                seen.extend(store.sequence());
            }
            import(number).ok()
        }))?;
        let answered = asking.map(|asking| asking.join().map_err(|_| ()));
        assert!(matches!(answered, Some(Ok(Ok(())))), "{answered:?}");
        assert!(store.assignee(&AssigneeId::from(alice)).is_ok());

        // The one at hand still belongs to the commit that was cut short; then come its own and the
        // other's.
        let mut expected = vec![2; 1];
        expected.resize((all - asks) as usize, 4);
        assert_eq!(seen, expected);
        Ok(())
    }
}
