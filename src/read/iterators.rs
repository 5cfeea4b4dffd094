//! Iterators over messages and notes.
//!
//! On a store or a snapshot they read a bounded batch at a time under a lease. On a transaction they
//! hold all rows, as no read can outlive it.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use convodb_core::{ConversationId, Error, Message, MessageRange, Note, Result};

use crate::executor::Lease;
use crate::storage::End;

const BATCH: usize = 64;

/// The messages of a part of a conversation, oldest first, from either end.
///
/// [`Read::messages`](crate::Read::messages) returns it. After an error it has no further items.
pub struct Messages {
    conversation: ConversationId,
    /// What is not read yet, and the lease to read it under.
    unread: Option<(Arc<Lease>, MessageRange)>,
    /// Read from the front and not returned yet.
    front: VecDeque<Message>,
    /// Read from the back and not returned yet, newest first.
    back: VecDeque<Message>,
}

impl Messages {
    /// Of what is held, and what is still to be read under a lease.
    pub(super) fn new(
        conversation: ConversationId,
        held: Vec<Message>,
        unread: Option<(Arc<Lease>, MessageRange)>,
    ) -> Self {
        Self {
            conversation,
            unread,
            front: held.into(),
            back: VecDeque::new(),
        }
    }

    /// Reads a batch from one end. Fewer messages than asked for are the last ones.
    fn read(&mut self, from: End) -> Result<()> {
        let Some((lease, range)) = self.unread.take() else {
            return Ok(());
        };
        let view = lease.view()?;
        let reader = view.reader();
        let batch = reader.messages(self.conversation, &range, from, BATCH)?;
        if let Some(last) = batch.last()
            && batch.len() == BATCH
        {
            let rest = match from {
                End::Oldest => range.after(last),
                End::Newest => range.before(last),
            };
            self.unread = Some((lease, rest));
        }
        match from {
            End::Oldest => self.front = batch.into(),
            End::Newest => self.back = batch.into(),
        }
        Ok(())
    }

    fn fail(&mut self, error: Error) -> Option<Result<Message>> {
        self.unread = None;
        self.front.clear();
        self.back.clear();
        Some(Err(error))
    }
}

impl Iterator for Messages {
    type Item = Result<Message>;

    fn next(&mut self) -> Option<Result<Message>> {
        if self.front.is_empty()
            && let Err(error) = self.read(End::Oldest)
        {
            return self.fail(error);
        }
        // When all is read, the front continues with what was read from the back.
        let next = self.front.pop_front().or_else(|| self.back.pop_back());
        next.map(Ok)
    }
}

impl DoubleEndedIterator for Messages {
    fn next_back(&mut self) -> Option<Result<Message>> {
        if self.back.is_empty()
            && let Err(error) = self.read(End::Newest)
        {
            return self.fail(error);
        }
        let next = self.back.pop_front().or_else(|| self.front.pop_back());
        next.map(Ok)
    }
}

impl fmt::Debug for Messages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Messages")
            .field("conversation", &self.conversation)
            .finish_non_exhaustive()
    }
}

/// The internal notes of a conversation, oldest first.
///
/// [`Read::notes`](crate::Read::notes) returns it. After an error it has no further items.
pub struct Notes {
    conversation: ConversationId,
    /// Notes after the last one are to be read under this lease.
    unread: Option<Arc<Lease>>,
    read: VecDeque<Note>,
    last: Option<Note>,
}

impl Notes {
    /// Of what is held, and what is still to be read under a lease.
    pub(super) fn new(
        conversation: ConversationId,
        held: Vec<Note>,
        unread: Option<Arc<Lease>>,
    ) -> Self {
        Self {
            conversation,
            unread,
            read: held.into(),
            last: None,
        }
    }

    fn read(&mut self) -> Result<()> {
        let Some(lease) = self.unread.take() else {
            return Ok(());
        };
        let view = lease.view()?;
        let reader = view.reader();
        let batch = reader.notes(self.conversation, self.last.as_ref(), BATCH)?;
        if batch.len() == BATCH {
            self.unread = Some(lease);
        }
        self.last = batch.last().cloned();
        self.read = batch.into();
        Ok(())
    }
}

impl Iterator for Notes {
    type Item = Result<Note>;

    fn next(&mut self) -> Option<Result<Note>> {
        if self.read.is_empty()
            && let Err(error) = self.read()
        {
            return Some(Err(error));
        }
        self.read.pop_front().map(Ok)
    }
}

impl fmt::Debug for Notes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Notes")
            .field("conversation", &self.conversation)
            .finish_non_exhaustive()
    }
}
