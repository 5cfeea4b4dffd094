//! What is asked of one state of a store, wherever it is.

use convodb::prelude::*;
use convodb::{
    Assignee, Contact, ContactId, Conversation, ConversationId, Filter, Import, Inbox, Message,
    Page, PageRequest, Result, Snapshot, TeamId, UserId, View,
};

/// One state of a store.
#[expect(missing_docs, reason = "they are the queries of the same names")]
pub trait Reading {
    fn count(&self, filter: &Filter) -> Result<u64>;
    fn list(&self, filter: &Filter, page: PageRequest) -> Result<Page<Conversation>>;
    fn last_messages(&self, ids: &[ConversationId]) -> Result<Vec<Option<Message>>>;
    fn conversations_of(&self, contact: &ContactId) -> Result<Vec<Conversation>>;
    fn contact(&self, id: &ContactId) -> Result<Contact>;
    fn contacts(&self, after: Option<&ContactId>, limit: usize) -> Result<Vec<Contact>>;
    fn assignees(&self) -> Result<Vec<Assignee>>;
    fn members_of(&self, team: &TeamId) -> Result<Vec<UserId>>;
    fn inboxes(&self) -> Result<Vec<Inbox>>;
    fn views(&self) -> Result<Vec<View>>;

    /// The first of these conversations with their messages and notes: at least one, and as many as memory takes.
    fn histories(&self, ids: &[ConversationId]) -> Result<Vec<Import>>;
}

/// One state of a store in a file.
#[derive(Debug)]
pub struct OfFile {
    pub(crate) snapshot: Snapshot,
    /// Closed behind its snapshot.
    _store: Store,
}

impl OfFile {
    /// The store as it is now.
    ///
    /// # Errors
    ///
    /// As [`Store::snapshot`].
    pub fn new(store: &Store) -> Result<Self> {
        Ok(Self {
            snapshot: store.snapshot()?,
            _store: store.clone(),
        })
    }
}

impl Reading for OfFile {
    fn count(&self, filter: &Filter) -> Result<u64> {
        self.snapshot.count(filter)
    }

    fn list(&self, filter: &Filter, page: PageRequest) -> Result<Page<Conversation>> {
        self.snapshot.list(filter, page)
    }

    fn last_messages(&self, ids: &[ConversationId]) -> Result<Vec<Option<Message>>> {
        self.snapshot.last_messages(ids)
    }

    fn conversations_of(&self, contact: &ContactId) -> Result<Vec<Conversation>> {
        self.snapshot.conversations_of(contact)
    }

    fn contact(&self, id: &ContactId) -> Result<Contact> {
        self.snapshot.contact(id)
    }

    fn contacts(&self, after: Option<&ContactId>, limit: usize) -> Result<Vec<Contact>> {
        self.snapshot.contacts(after, limit)
    }

    fn assignees(&self) -> Result<Vec<Assignee>> {
        self.snapshot.assignees()
    }

    fn members_of(&self, team: &TeamId) -> Result<Vec<UserId>> {
        self.snapshot.members_of(team)
    }

    fn inboxes(&self) -> Result<Vec<Inbox>> {
        self.snapshot.inboxes()
    }

    fn views(&self) -> Result<Vec<View>> {
        self.snapshot.views()
    }

    fn histories(&self, ids: &[ConversationId]) -> Result<Vec<Import>> {
        let mut histories = Vec::new();
        // One at a time, as a file is read without a round trip.
        for id in ids.iter().take(1) {
            let transcript = self.snapshot.transcript(*id)?;
            let notes = self.snapshot.notes(*id)?.collect::<Result<_>>()?;
            let history = Import::new(transcript.conversation, transcript.messages);
            histories.push(history.notes(notes));
        }
        Ok(histories)
    }
}

#[cfg(feature = "postgres")]
pub use workspace::OfWorkspace;

#[cfg(feature = "postgres")]
mod workspace {
    use convodb_postgres::{PgRead as _, PgSnapshot, PgStore};
    use tokio::runtime::Handle;

    use super::*;

    /// One state of a workspace. It is read on a thread that is none of the runtime's.
    #[derive(Debug)]
    pub struct OfWorkspace {
        snapshot: PgSnapshot,
        runtime: Handle,
    }

    impl OfWorkspace {
        /// The workspace as it is now.
        ///
        /// # Errors
        ///
        /// As [`PgStore::snapshot`].
        pub fn new(store: &PgStore, runtime: Handle) -> Result<Self> {
            let snapshot = runtime.block_on(store.snapshot())?;
            Ok(Self { snapshot, runtime })
        }
    }

    impl Reading for OfWorkspace {
        fn count(&self, filter: &Filter) -> Result<u64> {
            self.runtime.block_on(self.snapshot.count(filter))
        }

        fn list(&self, filter: &Filter, page: PageRequest) -> Result<Page<Conversation>> {
            self.runtime.block_on(self.snapshot.list(filter, page))
        }

        fn last_messages(&self, ids: &[ConversationId]) -> Result<Vec<Option<Message>>> {
            self.runtime.block_on(self.snapshot.last_messages(ids))
        }

        fn conversations_of(&self, contact: &ContactId) -> Result<Vec<Conversation>> {
            self.runtime
                .block_on(self.snapshot.conversations_of(contact))
        }

        fn contact(&self, id: &ContactId) -> Result<Contact> {
            self.runtime.block_on(self.snapshot.contact(id))
        }

        fn contacts(&self, after: Option<&ContactId>, limit: usize) -> Result<Vec<Contact>> {
            self.runtime.block_on(self.snapshot.contacts(after, limit))
        }

        fn assignees(&self) -> Result<Vec<Assignee>> {
            self.runtime.block_on(self.snapshot.assignees())
        }

        fn members_of(&self, team: &TeamId) -> Result<Vec<UserId>> {
            self.runtime.block_on(self.snapshot.members_of(team))
        }

        fn inboxes(&self) -> Result<Vec<Inbox>> {
            self.runtime.block_on(self.snapshot.inboxes())
        }

        fn views(&self) -> Result<Vec<View>> {
            self.runtime.block_on(self.snapshot.views())
        }

        fn histories(&self, ids: &[ConversationId]) -> Result<Vec<Import>> {
            self.runtime.block_on(self.snapshot.histories(ids))
        }
    }
}
