//! Conversations: record, unique key of contact and inbox, and the index entries that follow.

use convodb_core::records::ConversationRecord;
use convodb_core::{Conversation, ConversationId, Result};

use super::batch::{Batch, Sink};
use super::kinds::{CONVERSATIONS, THREADS, ThreadKey};
use super::{Directory, Reader, Totals, codec, index_entry, plan, tables};
use crate::index::Edits;
use convodb_kv::{Read, WriteTables};

/// A conversation as it is stored. Where its owner was removed, the assignee is the one that was
/// removed.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Stored {
    pub(super) conversation: Conversation,
    pub(super) owner: u32,
}

impl Stored {
    /// As reads and commands see it: with the successor of a removed assignee.
    pub(super) fn shown(mut self, directory: &Directory) -> Result<Conversation> {
        directory.redirect(self.owner, &mut self.conversation)?;
        Ok(self.conversation)
    }
}

pub(super) fn decode(directory: &Directory, key: &[u8], bytes: &[u8]) -> Result<Stored> {
    let (id, record) = CONVERSATIONS.decode(key, bytes)?;
    let owner = record.owner;
    let assignee = directory.stored_assignee(owner)?;
    let conversation = record
        .into_conversation(id, assignee)
        .map_err(|error| codec::undecodable(tables::CONVERSATIONS, key, error))?;
    Ok(Stored {
        conversation,
        owner,
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

/// The key of a conversation's thread.
pub(super) fn thread_of(conversation: &Conversation) -> ThreadKey {
    (conversation.channel.into(), conversation.contact_id.clone())
}

/// Makes of what is stored what it has become, record and index entries alike.
pub(super) fn save(
    rows: &mut WriteTables<'_>,
    (index, totals): (&mut Edits, &mut Totals),
    before: Option<&(Conversation, u32)>,
    after: Option<&(Conversation, u32)>,
) -> Result<()> {
    let placed = |(known, owner): &(Conversation, u32)| plan::placements(known, *owner);
    let old = before.map(placed).unwrap_or_default();
    let new = after.map(placed).unwrap_or_default();
    let mut value = Vec::new();
    if let Some((known, owner)) = after {
        save_record(rows, known, *owner)?;
        value = index_entry::value(known, *owner);
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

pub(super) fn save_record(rows: &mut impl Sink, known: &Conversation, owner: u32) -> Result<()> {
    let record = ConversationRecord::new(known, owner);
    CONVERSATIONS.put(rows, &known.id, &record)
}

/// Gathers what follows from a conversation's record: its unique key and its index entries.
pub(super) fn stage_derived(
    batch: &mut Batch,
    conversation: &Conversation,
    owner: u32,
) -> Result<()> {
    THREADS.put(batch, &thread_of(conversation), &conversation.id)?;
    let value = index_entry::value(conversation, owner);
    for (stream, position) in plan::placements(conversation, owner).into_iter().flatten() {
        batch.put(plan::STREAMS.table, &stream.key(&position), |bytes| {
            bytes.extend_from_slice(&value);
            Ok(())
        })?;
    }
    Ok(())
}
