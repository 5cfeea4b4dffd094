//! What commands ask of one state of a store, wherever it is.

use std::time::Duration;

use convodb::prelude::*;
use convodb::{
    Assignee, Contact, ContactId, Conversation, ConversationId, Filter, Import, Inbox, Message,
    Page, PageRequest, Snapshot, TeamId, UserId, View,
};

use crate::failure::Failure;
use crate::opening;
use crate::place::Place;

pub(crate) trait Reading {
    fn count(&self, filter: &Filter) -> Result<u64, Failure>;
    fn list(&self, filter: &Filter, page: PageRequest) -> Result<Page<Conversation>, Failure>;
    fn last_messages(&self, ids: &[ConversationId]) -> Result<Vec<Option<Message>>, Failure>;
    fn conversations_of(&self, contact: &ContactId) -> Result<Vec<Conversation>, Failure>;
    fn contact(&self, id: &ContactId) -> Result<Contact, Failure>;
    fn contacts(&self, after: Option<&ContactId>, limit: usize) -> Result<Vec<Contact>, Failure>;
    fn assignees(&self) -> Result<Vec<Assignee>, Failure>;
    fn members_of(&self, team: &TeamId) -> Result<Vec<UserId>, Failure>;
    fn inboxes(&self) -> Result<Vec<Inbox>, Failure>;
    fn views(&self) -> Result<Vec<View>, Failure>;

    /// The first of these conversations with their messages and notes: at least one, and as many as memory takes.
    fn histories(&self, ids: &[ConversationId]) -> Result<Vec<Import>, Failure>;
}

/// One state of an existing store.
pub(crate) fn at(place: Place<'_>, wait: Duration) -> Result<Box<dyn Reading>, Failure> {
    match place {
        Place::File(path) => Ok(Box::new(OfFile::new(opening::to_read(path, wait)?)?)),
        #[cfg(feature = "postgres")]
        Place::Postgres(database) => Ok(Box::new(database.to_read(wait)?.snapshot()?)),
    }
}

/// One state of a store in a file.
pub(crate) struct OfFile {
    pub(crate) snapshot: Snapshot,
    /// Closed behind its snapshot.
    _store: Store,
}

impl OfFile {
    pub(crate) fn new(store: Store) -> Result<Self, Failure> {
        Ok(Self {
            snapshot: store.snapshot()?,
            _store: store,
        })
    }
}

impl Reading for OfFile {
    fn count(&self, filter: &Filter) -> Result<u64, Failure> {
        Ok(self.snapshot.count(filter)?)
    }

    fn list(&self, filter: &Filter, page: PageRequest) -> Result<Page<Conversation>, Failure> {
        Ok(self.snapshot.list(filter, page)?)
    }

    fn last_messages(&self, ids: &[ConversationId]) -> Result<Vec<Option<Message>>, Failure> {
        Ok(self.snapshot.last_messages(ids)?)
    }

    fn conversations_of(&self, contact: &ContactId) -> Result<Vec<Conversation>, Failure> {
        Ok(self.snapshot.conversations_of(contact)?)
    }

    fn contact(&self, id: &ContactId) -> Result<Contact, Failure> {
        Ok(self.snapshot.contact(id)?)
    }

    fn contacts(&self, after: Option<&ContactId>, limit: usize) -> Result<Vec<Contact>, Failure> {
        Ok(self.snapshot.contacts(after, limit)?)
    }

    fn assignees(&self) -> Result<Vec<Assignee>, Failure> {
        Ok(self.snapshot.assignees()?)
    }

    fn members_of(&self, team: &TeamId) -> Result<Vec<UserId>, Failure> {
        Ok(self.snapshot.members_of(team)?)
    }

    fn inboxes(&self) -> Result<Vec<Inbox>, Failure> {
        Ok(self.snapshot.inboxes()?)
    }

    fn views(&self) -> Result<Vec<View>, Failure> {
        Ok(self.snapshot.views()?)
    }

    fn histories(&self, ids: &[ConversationId]) -> Result<Vec<Import>, Failure> {
        let mut histories = Vec::new();
        // One at a time, as a file is read without a round trip.
        for id in ids.iter().take(1) {
            let transcript = self.snapshot.transcript(*id)?;
            let notes = self.snapshot.notes(*id)?.collect::<Result<_, _>>()?;
            let history = Import::new(transcript.conversation, transcript.messages);
            histories.push(history.notes(notes));
        }
        Ok(histories)
    }
}
