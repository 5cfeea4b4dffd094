//! The directory and every conversation, as lines that an import reads.

use std::fmt;
use std::io::{self, Write};

use convodb::{
    AssigneeId, Contact, ContactId, ConversationId, Error, Filter, Inbox, PageRequest, UserId, View,
};
use serde::Serialize;

use crate::Reading;

/// How many contacts are read at a time.
const AT_ONCE: usize = 1000;

/// What is exported.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Part {
    /// All users and teams, inboxes, views, contacts and conversations.
    All,
    /// The users and teams.
    Directory,
    /// A contact and its conversations.
    Contact(ContactId),
    /// A conversation.
    Conversation(ConversationId),
}

/// Why an export ended before its end.
#[derive(Debug)]
#[expect(clippy::exhaustive_enums, reason = "there is nothing else to fail")]
pub enum Stopped {
    /// The store cannot be read.
    Store(Error),
    /// The lines cannot be written.
    Output(io::Error),
}

impl From<Error> for Stopped {
    fn from(error: Error) -> Self {
        Self::Store(error)
    }
}

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Store(error) => error.fmt(f),
            Self::Output(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Stopped {}

/// A contact, `{"contact":{"id":..}}`.
#[derive(Serialize)]
struct ContactLine {
    contact: Contact,
}

/// A user or a team, `{"user":{"id":..,"name":..}}`. Users come before teams, as their members.
#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum DirectoryLine<'a> {
    User(Named<'a>),
    Team(Named<'a>),
}

#[derive(Serialize)]
struct InboxLine {
    inbox: Inbox,
}

#[derive(Serialize)]
struct ViewLine {
    view: View,
}

#[derive(Serialize)]
struct Named<'a> {
    id: &'a str,
    name: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    members: Vec<UserId>,
}

/// Writes a part of a store as lines of JSON. Two exports of one state are equal byte for byte. Behind each
/// conversation it calls `counted`.
///
/// # Errors
///
/// The store or the output has failed. What was written before is whole, but for its last line.
pub fn export(
    store: &dyn Reading,
    part: &Part,
    out: &mut dyn Write,
    counted: &mut dyn FnMut(),
) -> Result<(), Stopped> {
    let mut lines = Lines {
        store,
        out,
        counted,
    };
    match part {
        Part::All => lines.all()?,
        Part::Directory => lines.directory()?,
        Part::Contact(id) => {
            let contact = store.contact(id)?;
            lines.line(&ContactLine { contact })?;
            let rows = store.conversations_of(id)?;
            lines.conversations(rows.iter().map(|row| row.id))?;
        }
        Part::Conversation(id) => lines.conversations([*id])?,
    }
    out.flush().map_err(Stopped::Output)
}

struct Lines<'a> {
    store: &'a dyn Reading,
    out: &'a mut dyn Write,
    counted: &'a mut dyn FnMut(),
}

impl Lines<'_> {
    fn line(&mut self, value: &impl Serialize) -> Result<(), Stopped> {
        serde_json::to_writer(&mut *self.out, value)
            .map_err(io::Error::from)
            .and_then(|()| self.out.write_all(b"\n"))
            .map_err(Stopped::Output)
    }

    fn all(&mut self) -> Result<(), Stopped> {
        self.directory()?;
        for inbox in self.store.inboxes()? {
            self.line(&InboxLine { inbox })?;
        }
        for mut view in self.store.views()? {
            // Another store builds its own list.
            view.building = None;
            self.line(&ViewLine { view })?;
        }
        let mut contacts = self.store.contacts(None, AT_ONCE)?;
        while let Some(last) = contacts.last().map(|contact| contact.id.clone()) {
            for contact in contacts {
                self.line(&ContactLine { contact })?;
            }
            contacts = self.store.contacts(Some(&last), AT_ONCE)?;
        }
        let mut page = PageRequest::number(1, PageRequest::MAX_LIMIT).map_err(Error::from)?;
        loop {
            let found = self.store.list(&Filter::all(), page)?;
            self.conversations(found.data.iter().map(|row| row.id))?;
            let Some(cursor) = found.next else {
                return Ok(());
            };
            page = PageRequest::after(cursor, PageRequest::MAX_LIMIT).map_err(Error::from)?;
        }
    }

    fn directory(&mut self) -> Result<(), Stopped> {
        for assignee in self.store.assignees()? {
            let members = match &assignee.id {
                AssigneeId::User(_) => Vec::new(),
                AssigneeId::Team(team) => self.store.members_of(team)?,
            };
            let named = Named {
                id: assignee.id.as_str(),
                name: &assignee.name,
                members,
            };
            self.line(&match &assignee.id {
                AssigneeId::User(_) => DirectoryLine::User(named),
                AssigneeId::Team(_) => DirectoryLine::Team(named),
            })?;
        }
        Ok(())
    }

    /// Conversations with their messages and notes.
    fn conversations(
        &mut self,
        ids: impl IntoIterator<Item = ConversationId>,
    ) -> Result<(), Stopped> {
        let ids: Vec<_> = ids.into_iter().collect();
        let mut left = ids.as_slice();
        while !left.is_empty() {
            let histories = self.store.histories(left)?;
            left = left.get(histories.len().max(1)..).unwrap_or_default();
            for history in histories {
                self.line(&history)?;
                (self.counted)();
            }
        }
        Ok(())
    }
}
