//! Every read, on one consistent view.

mod events;
mod history;

use std::fmt;
use std::sync::Arc;

use convodb_core::{
    Assignee, AssigneeId, Channel, ContactId, Conversation, ConversationId, Cursor, CursorPage,
    Filter, Message, MessageRange, Page, PageRequest, Result, Thread, Window,
};

pub use history::{Messages, Notes};

use crate::storage::View;
use crate::store::{Lease, Store};

/// The store as it was at one moment: every read, all on one view.
///
/// Taken by [`Store::snapshot`]. It is `Clone + Send + Sync`; clones are one hold on the view.
#[derive(Clone)]
pub struct Snapshot {
    lease: Arc<Lease>,
}

impl Snapshot {
    pub(crate) fn new(lease: Arc<Lease>) -> Self {
        Self { lease }
    }

    fn view(&self) -> Result<Arc<View>> {
        self.lease.view()
    }

    // As `Store::lease`, which can fail.
    #[expect(clippy::unnecessary_wraps, reason = "one list of reads serves both")]
    fn lease(&self) -> Result<Arc<Lease>> {
        Ok(Arc::clone(&self.lease))
    }
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshot").finish_non_exhaustive()
    }
}

/// The one list of reads: a store reads on its latest view, a snapshot on its own.
macro_rules! reads {
    ($type:ident) => {
        impl $type {
            /// A page of the conversations that a filter selects, latest activity first, with
            /// their exact number (R12, R13; *List conversations*).
            ///
            /// A page past the end is empty and has the true total. Any page costs nearly the same:
            /// O(streams of the filter * log rows + rows of the page).
            ///
            /// Each call shows the list as it is then: where conversations become active between
            /// two pages, the second repeats what moved down and misses what moved up. To read on
            /// without either, go on from [`next`](Page::next) with
            /// [`list_after`](Self::list_after), or page through one [`Snapshot`].
            ///
            /// # Errors
            ///
            /// [`Invalid`](crate::ErrorKind::Invalid) for a filter of more than 64 users and
            /// teams; where the store cannot be read,
            /// [`Closed`](crate::ErrorKind::Closed), [`NeedsReopen`](crate::ErrorKind::NeedsReopen),
            /// [`SnapshotExpired`](crate::ErrorKind::SnapshotExpired), [`Io`](crate::ErrorKind::Io)
            /// or [`Corrupted`](crate::ErrorKind::Corrupted), as every read.
            ///
            /// ```
            /// # use convodb::{Channel, ContactId, Filter, Inbound, PageRequest, Store};
            /// # let store = Store::in_memory()?;
            /// # let contact = ContactId::new("con_01HXYZ")?;
            /// # store.receive(Inbound::text(&contact, Channel::Whatsapp, "Hello"))?;
            /// let filter = Filter::open().channel(Channel::Whatsapp).unassigned();
            /// let page = store.list(&filter, PageRequest::new(1, 20)?)?;
            /// assert_eq!((page.data.len(), page.total, page.page), (1, 1, 1));
            /// # Ok::<(), convodb::Error>(())
            /// ```
            pub fn list(&self, filter: &Filter, request: PageRequest) -> Result<Page> {
                self.view()?.reader().list(filter, request)
            }

            /// The conversations behind a cursor, latest activity first, 1 to 100 of them. None
            /// that was not active in between is repeated or skipped. O(rows shown).
            ///
            /// # Errors
            ///
            /// As [`list`](Self::list), and [`Invalid`](crate::ErrorKind::Invalid) for the limit.
            ///
            /// ```
            /// # use convodb::{Channel, ContactId, Cursor, Filter, Inbound, PageRequest, Store};
            /// # let store = Store::in_memory()?;
            /// # for contact in ["con_1", "con_2", "con_3"] {
            /// #     store.receive(Inbound::text(&ContactId::new(contact)?, Channel::Webchat, "Hello"))?;
            /// # }
            /// let first = store.list(&Filter::open(), PageRequest::new(1, 2)?)?;
            /// let rest = store.list_after(&Filter::open(), &first.next.expect("more"), 2)?;
            /// assert_eq!((rest.data.len(), rest.total, rest.next), (1, 3, None));
            /// # Ok::<(), convodb::Error>(())
            /// ```
            pub fn list_after(
                &self,
                filter: &Filter,
                cursor: &Cursor,
                limit: u32,
            ) -> Result<CursorPage> {
                self.view()?.reader().list_after(filter, cursor, limit)
            }

            /// How many conversations a filter selects. O(streams of the filter), however many
            /// conversations there are.
            ///
            /// # Errors
            ///
            /// As [`list`](Self::list).
            ///
            /// ```
            /// # use convodb::{Filter, Store};
            /// # let store = Store::in_memory()?;
            /// assert_eq!(store.count(&Filter::open().unassigned())?, 0);
            /// # Ok::<(), convodb::Error>(())
            /// ```
            pub fn count(&self, filter: &Filter) -> Result<u64> {
                self.view()?.reader().count(filter)
            }

            /// How many conversations each of these filters selects, all on one view: the numbers of a
            /// whole sidebar. O(streams of the filters), without reading a row.
            ///
            /// # Errors
            ///
            /// As [`list`](Self::list).
            ///
            /// ```
            /// # use convodb::{Channel, Filter, Store};
            /// # let store = Store::in_memory()?;
            /// let sidebar = [Filter::open(), Filter::open().unassigned(), Filter::resolved()];
            /// assert_eq!(store.counts(&sidebar)?, [0, 0, 0]);
            /// # Ok::<(), convodb::Error>(())
            /// ```
            pub fn counts(&self, filters: &[Filter]) -> Result<Vec<u64>> {
                let view = self.view()?;
                let reader = view.reader();
                filters.iter().map(|filter| reader.count(filter)).collect()
            }

            /// How many rows of a list stand before a conversation: it is on page
            /// `rank / limit + 1`. Nothing where the filter does not select it.
            /// O(streams of the filter * log rows).
            ///
            /// # Errors
            ///
            /// [`NotFound`](crate::ErrorKind::NotFound), and as [`list`](Self::list).
            ///
            /// ```
            /// # use convodb::{Channel, ContactId, Filter, Inbound, Store};
            /// # let store = Store::in_memory()?;
            /// # let contact = ContactId::new("con_01HXYZ")?;
            /// # let hello = store.receive(Inbound::text(&contact, Channel::Webchat, "Hello"))?.value;
            /// assert_eq!(store.rank(hello.conversation_id, &Filter::open())?, Some(0));
            /// assert_eq!(store.rank(hello.conversation_id, &Filter::resolved())?, None);
            /// # Ok::<(), convodb::Error>(())
            /// ```
            pub fn rank(&self, id: ConversationId, filter: &Filter) -> Result<Option<u64>> {
                self.view()?.reader().rank(id, filter)
            }

            /// The part of a list around a conversation, 1 to 100 rows with its own in the middle
            /// where the list goes on at both ends: what an inbox shows that jumps to a thread.
            /// Nothing where the filter does not select it. O(streams * log rows + rows shown).
            ///
            /// # Errors
            ///
            /// [`NotFound`](crate::ErrorKind::NotFound), [`Invalid`](crate::ErrorKind::Invalid)
            /// for the limit, and as [`list`](Self::list).
            ///
            /// ```
            /// # use convodb::{Channel, ContactId, Filter, Inbound, Store};
            /// # let store = Store::in_memory()?;
            /// # let mut ids = Vec::new();
            /// # for contact in ["con_1", "con_2", "con_3", "con_4", "con_5"] {
            /// #     let contact = ContactId::new(contact)?;
            /// #     ids.push(store.receive(Inbound::text(&contact, Channel::Webchat, "Hello"))?.value.conversation_id);
            /// # }
            /// let around = store.list_around(ids[2], &Filter::open(), 3)?.expect("it is open");
            /// let shown: Vec<_> = around.data.iter().map(|row| row.id).collect();
            /// assert_eq!((shown, around.offset), (vec![ids[3], ids[2], ids[1]], 1));
            /// # Ok::<(), convodb::Error>(())
            /// ```
            pub fn list_around(
                &self,
                id: ConversationId,
                filter: &Filter,
                limit: u32,
            ) -> Result<Option<Window>> {
                self.view()?.reader().list_around(id, filter, limit)
            }

            /// A conversation with its whole history, oldest message first (*Get a
            /// conversation*). O(messages).
            ///
            /// # Errors
            ///
            /// [`NotFound`](crate::ErrorKind::NotFound), and as every read.
            ///
            /// ```
            /// # use convodb::{Channel, ContactId, Inbound, Store};
            /// # let store = Store::in_memory()?;
            /// # let contact = ContactId::new("con_01HXYZ")?;
            /// let hello = store.receive(Inbound::text(&contact, Channel::Webchat, "Hello"))?.value;
            /// assert_eq!(store.get(hello.conversation_id)?.messages, [hello]);
            /// # Ok::<(), convodb::Error>(())
            /// ```
            pub fn get(&self, id: ConversationId) -> Result<Thread> {
                self.view()?.reader().get(id)
            }

            /// A conversation without its history. O(1).
            ///
            /// # Errors
            ///
            /// [`NotFound`](crate::ErrorKind::NotFound), and as every read.
            ///
            /// ```
            /// # use convodb::{Channel, ContactId, Inbound, Status, Store};
            /// # let store = Store::in_memory()?;
            /// # let contact = ContactId::new("con_01HXYZ")?;
            /// let hello = store.receive(Inbound::text(&contact, Channel::Webchat, "Hello"))?.value;
            /// assert_eq!(store.conversation(hello.conversation_id)?.status, Status::Open);
            /// # Ok::<(), convodb::Error>(())
            /// ```
            pub fn conversation(&self, id: ConversationId) -> Result<Conversation> {
                self.view()?.reader().conversation(id)
            }

            /// The conversation of a contact on a channel, if there is one (R1). O(1).
            ///
            /// # Errors
            ///
            /// As every read.
            ///
            /// ```
            /// # use convodb::{Channel, ContactId, Store};
            /// # let store = Store::in_memory()?;
            /// let nobody = ContactId::new("con_01HXYZ")?;
            /// assert_eq!(store.find(&nobody, Channel::Instagram)?, None);
            /// # Ok::<(), convodb::Error>(())
            /// ```
            pub fn find(
                &self,
                contact: &ContactId,
                channel: Channel,
            ) -> Result<Option<Conversation>> {
                self.view()?.reader().find(contact, channel)
            }

            /// A part of a conversation's history, oldest message first, from either end.
            ///
            /// The iterator reads a bounded number at a time, all on one view: it is a hold on the
            /// view like a snapshot. An error ends it.
            ///
            /// # Errors
            ///
            /// [`NotFound`](crate::ErrorKind::NotFound), and as every read.
            ///
            /// ```
            /// # use convodb::{Channel, ContactId, Inbound, Store};
            /// # let store = Store::in_memory()?;
            /// # let contact = ContactId::new("con_01HXYZ")?;
            /// # let id = store.receive(Inbound::text(&contact, Channel::Webchat, "one"))?.value.conversation_id;
            /// # store.receive(Inbound::text(&contact, Channel::Webchat, "two"))?;
            /// let newest = store.messages(id, ..)?.next_back().expect("two")?;
            /// assert_eq!(newest.content.as_text(), Some("two"));
            /// # Ok::<(), convodb::Error>(())
            /// ```
            pub fn messages(
                &self,
                id: ConversationId,
                range: impl Into<MessageRange>,
            ) -> Result<Messages> {
                Messages::new(self.lease()?, id, range.into())
            }

            /// The newest message of each of these conversations, in their order: the previews of
            /// a page. Nothing for one that has none, or is not there. O(conversations asked for).
            ///
            /// # Errors
            ///
            /// As every read.
            ///
            /// ```
            /// # use convodb::{Channel, ContactId, Filter, Inbound, PageRequest, Store};
            /// # let store = Store::in_memory()?;
            /// # let contact = ContactId::new("con_01HXYZ")?;
            /// # let hello = store.receive(Inbound::text(&contact, Channel::Webchat, "Hello"))?.value;
            /// let page = store.list(&Filter::open(), PageRequest::default())?;
            /// let ids: Vec<_> = page.data.iter().map(|row| row.id).collect();
            /// assert_eq!(store.last_messages(&ids)?, [Some(hello)]);
            /// # Ok::<(), convodb::Error>(())
            /// ```
            pub fn last_messages(&self, ids: &[ConversationId]) -> Result<Vec<Option<Message>>> {
                self.view()?.reader().last_messages(ids)
            }

            /// The internal notes of a conversation, oldest first (R6). The iterator is one as
            /// that of [`messages`](Self::messages).
            ///
            /// # Errors
            ///
            /// [`NotFound`](crate::ErrorKind::NotFound), and as every read.
            ///
            /// ```
            /// # use convodb::{Channel, ContactId, Inbound, Store};
            /// # let store = Store::in_memory()?;
            /// # let contact = ContactId::new("con_01HXYZ")?;
            /// # let id = store.receive(Inbound::text(&contact, Channel::Webchat, "one"))?.value.conversation_id;
            /// let note = store.add_note(id, "Enterprise plan.")?.value;
            /// assert_eq!(store.notes(id)?.collect::<Result<Vec<_>, _>>()?, [note]);
            /// # Ok::<(), convodb::Error>(())
            /// ```
            pub fn notes(&self, id: ConversationId) -> Result<Notes> {
                Notes::new(self.lease()?, id)
            }

            /// A user or team of the directory, by its id (R11). O(1), without reading the file.
            ///
            /// # Errors
            ///
            /// [`NotFound`](crate::ErrorKind::NotFound), and as every read.
            ///
            /// ```
            /// # use convodb::{AssigneeId, Store, UserId};
            /// # let store = Store::in_memory()?;
            /// let alice = UserId::new("usr_01H111")?;
            /// store.put_user(&alice, "Alice Support")?;
            /// assert_eq!(&*store.assignee(&AssigneeId::from(alice))?.name, "Alice Support");
            /// # Ok::<(), convodb::Error>(())
            /// ```
            pub fn assignee(&self, id: &AssigneeId) -> Result<Assignee> {
                self.view()?.reader().assignee(id)
            }

            /// Every user and team: users first, each by their ids. O(users and teams), without
            /// reading the file.
            ///
            /// # Errors
            ///
            /// As every read.
            ///
            /// ```
            /// # let store = convodb::Store::in_memory()?;
            /// assert!(store.assignees()?.is_empty());
            /// # Ok::<(), convodb::Error>(())
            /// ```
            pub fn assignees(&self) -> Result<Vec<Assignee>> {
                Ok(self.view()?.reader().assignees())
            }
        }
    };
}

reads!(Store);
reads!(Snapshot);
