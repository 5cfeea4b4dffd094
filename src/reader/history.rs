//! Messages and notes, read a bounded number at a time under a revocable lease.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use convodb_core::{ConversationId, Error, Message, MessageRange, Note, Result};

use crate::storage::End;
use crate::store::Lease;

const BATCH: usize = 64;

/// The messages of a part of a history, oldest first, from either end.
///
/// Made by [`Store::messages`](crate::Store::messages). After an error it stays ended.
pub struct Messages {
    lease: Arc<Lease>,
    conversation: ConversationId,
    /// What is not read yet.
    unread: Option<MessageRange>,
    /// Read from the front and not handed out yet.
    front: VecDeque<Message>,
    /// Read from the back and not handed out yet, the newest first.
    back: VecDeque<Message>,
}

impl Messages {
    pub(crate) fn new(
        lease: Arc<Lease>,
        conversation: ConversationId,
        range: MessageRange,
    ) -> Result<Self> {
        lease.view()?.reader().state(conversation)?;
        Ok(Self {
            lease,
            conversation,
            unread: Some(range),
            front: VecDeque::new(),
            back: VecDeque::new(),
        })
    }

    /// Reads on from one end. Nothing is left when fewer came than were asked for.
    fn read(&mut self, from: End) -> Result<()> {
        let Some(range) = self.unread.take() else {
            return Ok(());
        };
        let view = self.lease.view()?;
        let batch = view
            .reader()
            .messages(self.conversation, &range, from, BATCH)?;
        if let Some(last) = batch.last()
            && batch.len() == BATCH
        {
            self.unread = Some(match from {
                End::Oldest => range.after(last),
                End::Newest => range.before(last),
            });
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
        // Where nothing is unread, the front goes on with what was read from the back.
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
/// Made by [`Store::notes`](crate::Store::notes). After an error it stays ended.
pub struct Notes {
    lease: Arc<Lease>,
    conversation: ConversationId,
    read: VecDeque<Note>,
    last: Option<Note>,
    ended: bool,
}

impl Notes {
    pub(crate) fn new(lease: Arc<Lease>, conversation: ConversationId) -> Result<Self> {
        lease.view()?.reader().state(conversation)?;
        Ok(Self {
            lease,
            conversation,
            read: VecDeque::new(),
            last: None,
            ended: false,
        })
    }

    fn read(&mut self) -> Result<()> {
        let view = self.lease.view()?;
        let batch = view
            .reader()
            .notes(self.conversation, self.last.as_ref(), BATCH)?;
        self.ended = batch.len() < BATCH;
        self.last = batch.last().cloned();
        self.read = batch.into();
        Ok(())
    }
}

impl Iterator for Notes {
    type Item = Result<Note>;

    fn next(&mut self) -> Option<Result<Note>> {
        if self.read.is_empty()
            && !self.ended
            && let Err(error) = self.read()
        {
            self.ended = true;
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
