//! Events and histories, as a store reads them on its latest view and a snapshot on its own.

use convodb_core::{ConsumerPosition, ConversationId, Event, Result};

use super::Snapshot;
use crate::store::Store;

macro_rules! reads {
    ($type:ident) => {
        impl $type {
            /// At most `max` events behind the one of this number, in their order: what changed
            /// since. Behind 0, everything from the first one on. O(events read).
            ///
            /// A reader that remembers the number of the last event it dealt with misses none.
            /// [`Store::consumer`] remembers it in the store.
            ///
            /// # Errors
            ///
            /// [`EventsGap`](crate::ErrorKind::EventsGap) where events between were purged;
            /// [`Invalid`](crate::ErrorKind::Invalid) for an `after` that is the number of no
            /// event yet; and as every read.
            ///
            /// ```
            /// # use convodb::{Channel, ContactId, Inbound, Store};
            /// # let store = Store::in_memory()?;
            /// # let contact = ContactId::new("con_01HXYZ")?;
            /// let id = store.receive(Inbound::text(&contact, Channel::Webchat, "Hello"))?.value.conversation_id;
            /// store.resolve(id)?;
            /// let last = &store.events(2, 100)?[0];
            /// assert_eq!((last.sequence, last.kind.as_str()), (3, "conversation.resolved"));
            /// # Ok::<(), convodb::Error>(())
            /// ```
            pub fn events(&self, after: u64, max: usize) -> Result<Vec<Event>> {
                self.view()?.reader().events(after, max)
            }

            /// Who had a conversation and when, and when it was resolved and reopened, oldest
            /// first: kept for as long as the conversation is, whatever becomes of
            /// [`events`](Self::events). A takeover is in it once the conversation is filed so, which is
            /// [behind the removal](crate::Store::remove_assignee). O(events of the history).
            ///
            /// # Errors
            ///
            /// [`NotFound`](crate::ErrorKind::NotFound), and as every read.
            ///
            /// ```
            /// # use convodb::{Channel, ContactId, Inbound, Store};
            /// # let store = Store::in_memory()?;
            /// # let contact = ContactId::new("con_01HXYZ")?;
            /// let id = store.receive(Inbound::text(&contact, Channel::Webchat, "Hello"))?.value.conversation_id;
            /// store.resolve(id)?;
            /// let history = store.history(id)?;
            /// let types: Vec<_> = history.iter().map(|event| event.kind.as_str()).collect();
            /// assert_eq!(types, ["conversation.created", "conversation.resolved"]);
            /// # Ok::<(), convodb::Error>(())
            /// ```
            pub fn history(&self, id: ConversationId) -> Result<Vec<Event>> {
                self.view()?.reader().history(id)
            }

            /// Every consumer of events and how far it has come, by their names. O(consumers).
            ///
            /// # Errors
            ///
            /// As every read.
            ///
            /// ```
            /// # let store = convodb::Store::in_memory()?;
            /// store.consumer("webhooks")?;
            /// assert_eq!(store.consumers()?[0].position, 0);
            /// # Ok::<(), convodb::Error>(())
            /// ```
            pub fn consumers(&self) -> Result<Vec<ConsumerPosition>> {
                self.view()?.reader().consumers()
            }
        }
    };
}

reads!(Store);
reads!(Snapshot);
