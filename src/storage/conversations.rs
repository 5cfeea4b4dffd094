//! Conversations: record, unique key of contact and inbox, and the index entries that follow.

use convodb_core::records::ConversationRecord;
use convodb_core::{ContactId, Conversation, ConversationId, Result};

use super::batch::{Batch, Sink};
use super::directory::Numbers;
use super::kinds::{CONVERSATIONS, THREADS, ThreadKey, decoded};
use super::{Directory, Reader, Totals, codec, index_entry, plan, tables};
use crate::index::Edits;
use convodb_kv::{Read, WriteTables};

/// A conversation as it is stored. Where its owner was removed, the assignee is the one that was
/// removed.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Stored {
    pub(super) conversation: Conversation,
    pub(super) numbers: Numbers,
}

impl Stored {
    /// As reads and commands see it: with the successor of a removed assignee.
    pub(super) fn shown(mut self, directory: &Directory) -> Result<Conversation> {
        directory.redirect(self.numbers.owner, &mut self.conversation)?;
        Ok(self.conversation)
    }
}

pub(super) fn decode(directory: &Directory, key: &[u8], bytes: &[u8]) -> Result<Stored> {
    let (id, record) = CONVERSATIONS.decode(key, bytes)?;
    let numbers = Numbers {
        inbox: record.inbox,
        owner: record.owner,
    };
    let assignee = directory.stored_assignee(numbers.owner)?;
    let inbox = directory.inboxes.named(numbers.inbox);
    let (channel, inbox_id) =
        inbox.ok_or_else(|| codec::damaged(tables::CONVERSATIONS, key, "has an unknown inbox"))?;
    let conversation = record
        .into_conversation(id, (channel, inbox_id.cloned()), assignee)
        .map_err(|error| codec::undecodable(tables::CONVERSATIONS, key, error))?;
    Ok(Stored {
        conversation,
        numbers,
    })
}

impl<R: Read> Reader<'_, R> {
    pub(super) fn stored(&self, id: ConversationId) -> Result<Option<Stored>> {
        let directory = &self.known.directory;
        CONVERSATIONS.get_as(self.rows, &id, |key, bytes| decode(directory, key, bytes))
    }
}

pub(super) fn greatest(rows: &impl Read) -> Result<Option<ConversationId>> {
    let last = CONVERSATIONS.range(rows, &())?.next_back().transpose()?;
    last.map(|(key, _)| CONVERSATIONS.parse(&key)).transpose()
}

/// The conversation of a contact in an inbox.
pub(super) fn find(rows: &impl Read, thread: &ThreadKey) -> Result<Option<ConversationId>> {
    THREADS.get(rows, thread)
}

/// The conversations of a contact, by the numbers of their inboxes.
pub(super) fn of_contact(rows: &impl Read, contact: &ContactId) -> Result<Vec<ConversationId>> {
    let threads = decoded(THREADS.range(rows, contact)?, |key, bytes| {
        THREADS.record(key, bytes)
    });
    threads.collect()
}

/// The key of a conversation's thread.
pub(super) fn thread_of(conversation: &Conversation, numbers: Numbers) -> ThreadKey {
    (conversation.contact_id.clone(), numbers.inbox)
}

/// Makes of what is stored what it has become, record and index entries alike.
pub(super) fn save(
    rows: &mut WriteTables<'_>,
    (index, totals): (&mut Edits, &mut Totals),
    before: Option<&(Conversation, Numbers)>,
    after: Option<&(Conversation, Numbers)>,
) -> Result<()> {
    let placed = |(known, numbers): &(Conversation, Numbers)| plan::placements(known, *numbers);
    let old = before.map(placed).unwrap_or_default();
    let new = after.map(placed).unwrap_or_default();
    let mut value = Vec::new();
    if let Some((known, numbers)) = after {
        save_record(rows, known, *numbers)?;
        value = index_entry::value(known, numbers.owner);
    }
    for (old, new) in old.into_iter().zip(new) {
        if let Some(place) = old
            && old != new
        {
            index.remove(rows, totals, &place)?;
        }
        if let Some(place) = new {
            if old == new {
                rows.put(plan::STREAMS.table, &place.0.key(&place.1), &value)?;
            } else {
                index.insert(rows, totals, &place, &value)?;
            }
        }
    }
    if let (Some((before, _)), None) = (before, after) {
        CONVERSATIONS.remove(rows, &before.id)?;
    }
    Ok(())
}

pub(super) fn save_record(
    rows: &mut impl Sink,
    known: &Conversation,
    numbers: Numbers,
) -> Result<()> {
    let record = ConversationRecord::new(known, numbers.inbox, numbers.owner);
    CONVERSATIONS.put(rows, &known.id, &record)
}

/// Gathers what follows from a conversation's record: its unique key and its index entries.
pub(super) fn stage_derived(
    batch: &mut Batch,
    conversation: &Conversation,
    numbers: Numbers,
) -> Result<()> {
    THREADS.put(batch, &thread_of(conversation, numbers), &conversation.id)?;
    let value = index_entry::value(conversation, numbers.owner);
    for (stream, position) in plan::placements(conversation, numbers)
        .into_iter()
        .flatten()
    {
        batch.put(plan::STREAMS.table, &stream.key(&position), |bytes| {
            bytes.extend_from_slice(&value);
            Ok(())
        })?;
    }
    Ok(())
}
