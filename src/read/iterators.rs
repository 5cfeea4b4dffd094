//! Iterators over messages and notes.
//!
//! On a store or a snapshot they read a bounded batch at a time under a lease. On a transaction they
//! hold all rows, as no read can outlive it.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use convodb_core::{ConversationId, Message, MessageRange, Note, Result};

use crate::executor::Lease;
use crate::storage::End;

const BATCH: usize = 64;

/// The messages of a part of a conversation, oldest first, from either end.
///
/// [`Read::messages`](crate::Read::messages) returns it. After an error it has no further items.
pub struct Messages {
    pub(super) conversation: ConversationId,
    /// What is not read yet, and the lease to read it under.
    pub(super) unread: Option<(Arc<Lease>, MessageRange)>,
    /// Read from the front and not returned yet.
    pub(super) front: VecDeque<Message>,
    /// Read from the back and not returned yet, newest first.
    pub(super) back: VecDeque<Message>,
}

impl Messages {
    /// The next message from one end, if need be of another batch.
    fn take(&mut self, end: End) -> Option<Result<Message>> {
        let (near, far) = match end {
            End::Oldest => (&mut self.front, &mut self.back),
            End::Newest => (&mut self.back, &mut self.front),
        };
        if near.is_empty()
            && let Some((lease, range)) = self.unread.take()
        {
            let read = lease.read(|view| {
                let reader = view.reader();
                reader.messages(self.conversation, &range, end, BATCH)
            });
            match read {
                Ok(batch) => {
                    let rest = |last| match end {
                        End::Oldest => range.after(last),
                        End::Newest => range.before(last),
                    };
                    // Fewer messages than asked for are the last ones.
                    let last = batch.last().filter(|_| batch.len() == BATCH);
                    self.unread = last.map(|last| (lease, rest(last)));
                    *near = batch.into();
                }
                Err(error) => {
                    far.clear();
                    return Some(Err(error));
                }
            }
        }
        // When all is read, one end continues with what was read from the other.
        near.pop_front().or_else(|| far.pop_back()).map(Ok)
    }
}

impl Iterator for Messages {
    type Item = Result<Message>;

    fn next(&mut self) -> Option<Result<Message>> {
        self.take(End::Oldest)
    }
}

impl DoubleEndedIterator for Messages {
    fn next_back(&mut self) -> Option<Result<Message>> {
        self.take(End::Newest)
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
    pub(super) conversation: ConversationId,
    /// What is not read yet: the notes after this one, under this lease.
    pub(super) unread: Option<(Arc<Lease>, Option<Note>)>,
    /// Read and not returned yet.
    pub(super) held: VecDeque<Note>,
}

impl Iterator for Notes {
    type Item = Result<Note>;

    fn next(&mut self) -> Option<Result<Note>> {
        if self.held.is_empty()
            && let Some((lease, after)) = self.unread.take()
        {
            let read = lease.read(|view| {
                let reader = view.reader();
                reader.notes(self.conversation, after.as_ref(), BATCH)
            });
            match read {
                Ok(batch) => {
                    let last = batch.last().filter(|_| batch.len() == BATCH);
                    self.unread = last.map(|last| (lease, Some(last.clone())));
                    self.held = batch.into();
                }
                Err(error) => return Some(Err(error)),
            }
        }
        self.held.pop_front().map(Ok)
    }
}

impl fmt::Debug for Notes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Notes")
            .field("conversation", &self.conversation)
            .finish_non_exhaustive()
    }
}
