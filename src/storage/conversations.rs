//! Conversations: record, unique key of contact and inbox, and the index entries that follow.

use std::ops::Bound;

use chrono::{DateTime, Utc};
use convodb_core::directory::views::Views;
use convodb_core::directory::{Stored, Undecodable};
use convodb_core::records::{ConversationRecord, Numbers};
use convodb_core::{ContactId, Conversation, ConversationId, Result};

use super::batch::{Batch, Sink};
use super::kinds::{CONVERSATION_ALIASES, CONVERSATIONS, DUE, THREADS, ThreadKey, decoded};
use super::tags::TagEdits;
use super::{Directory, Reader, Totals, codec, index_entry, plan, tables};
use crate::index::{Edits, Place};
use convodb_kv::{Read, WriteTables};

pub(super) fn decode(directory: &Directory, key: &[u8], bytes: &[u8]) -> Result<Stored> {
    let (id, record) = CONVERSATIONS.decode(key, bytes)?;
    let table = tables::CONVERSATIONS;
    directory.decode(id, record).map_err(|error| match error {
        Undecodable::Owner(error) => error,
        Undecodable::Inbox => codec::damaged(table, key, "has an unknown inbox"),
        Undecodable::Record(error) => codec::undecodable(table, key, error),
    })
}

impl<R: Read> Reader<'_, R> {
    pub(super) fn stored(&self, id: ConversationId) -> Result<Option<Stored>> {
        let directory = &self.known.directory;
        CONVERSATIONS.get_as(self.rows, &id, |key, bytes| decode(directory, key, bytes))
    }
}

/// The greatest id that is that of a conversation, or means one.
pub(super) fn greatest(rows: &impl Read) -> Result<Option<ConversationId>> {
    let last = CONVERSATIONS.range(rows, &())?.next_back().transpose()?;
    let last = last.map(|(key, _)| CONVERSATIONS.parse(&key)).transpose()?;
    let alias = CONVERSATION_ALIASES
        .range(rows, &())?
        .next_back()
        .transpose()?;
    let alias = alias.map(|(key, _)| CONVERSATION_ALIASES.parse(&key));
    Ok(last.max(alias.transpose()?))
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
    (index, totals, tags): (&mut Edits, &mut Totals, &mut TagEdits),
    views: &Views,
    before: Option<&(Conversation, Numbers)>,
    after: Option<&(Conversation, Numbers)>,
) -> Result<()> {
    let placed = |(known, numbers): &(Conversation, Numbers)| plan::placements(known, *numbers);
    let old = before.map(placed).unwrap_or_default();
    let new = after.map(placed).unwrap_or_default();
    let mut value = Vec::new();
    if let Some((known, numbers)) = after {
        save_record(rows, known, *numbers)?;
        value = index_entry::value(known, *numbers);
    }
    for (old, new) in old.into_iter().zip(new) {
        move_entry(rows, index, totals, (old, new), &value)?;
    }
    let mut in_view = None;
    for view in views.iter() {
        let placed = |(known, _): &(Conversation, Numbers)| view.place(known).map(plan::in_list);
        let (old, new) = (before.and_then(placed), after.and_then(placed));
        if old.is_none() && new.is_none() {
            continue;
        }
        let header = || after.map(|(known, numbers)| index_entry::in_view(known, *numbers, &value));
        let value = in_view.get_or_insert_with(|| header().unwrap_or_default());
        view.count_write();
        move_entry(rows, index, totals, (old, new), value)?;
    }
    if let (Some((before, _)), None) = (before, after) {
        CONVERSATIONS.remove(rows, &before.id)?;
    }
    before.into_iter().for_each(|(known, _)| tags.remove(known));
    after.into_iter().for_each(|(known, _)| tags.add(known));
    let due =
        |stored: Option<&(Conversation, Numbers)>| stored.and_then(|(known, _)| due_of(known));
    let (old, new) = (due(before), due(after));
    if old != new {
        old.map_or(Ok(()), |key| DUE.remove(rows, &key))?;
        new.map_or(Ok(()), |key| DUE.put_key(rows, &key))?;
    }
    Ok(())
}

/// Puts the entry of a conversation where it is now in a list, in place of where it was.
fn move_entry(
    rows: &mut WriteTables<'_>,
    index: &mut Edits,
    totals: &mut Totals,
    (old, new): (Option<Place>, Option<Place>),
    value: &[u8],
) -> Result<()> {
    if let Some(place) = old
        && old != new
    {
        index.remove(rows, totals, &place)?;
    }
    match new {
        Some(place) if old == new => rows.put(plan::STREAMS.table, &place.0.key(&place.1), value),
        Some(place) => index.insert(rows, totals, &place, value),
        None => Ok(()),
    }
}

/// The ids of the conversations after one, or from the first on. O(limit).
pub(super) fn ids_after(
    rows: &impl Read,
    after: Option<ConversationId>,
    limit: usize,
) -> Result<Vec<ConversationId>> {
    let first = after.map(|id| CONVERSATIONS.key(&id));
    let first = first
        .as_ref()
        .map_or(Bound::Unbounded, |key| Bound::Excluded(&key[..]));
    let ids = rows.range(tables::CONVERSATIONS, (first, Bound::Unbounded))?;
    ids.take(limit)
        .map(|row| CONVERSATIONS.parse(&row?.0))
        .collect()
}

/// When the snooze of a conversation ends, as a key.
pub(super) fn due_of(conversation: &Conversation) -> Option<(DateTime<Utc>, ConversationId)> {
    conversation
        .snoozed_until()
        .map(|until| (until, conversation.id))
}

/// The conversations whose snooze ends by a time, the earliest first.
pub(super) fn due(rows: &impl Read, now: DateTime<Utc>, limit: u32) -> Result<Vec<ConversationId>> {
    let due = DUE.range(rows, &())?.map(|row| DUE.parse(&row?.0));
    let is_due = |row: &Result<_>| !matches!(row, Ok((until, _)) if *until > now);
    let ids = due.take_while(is_due).take(limit as usize);
    ids.map(|row| Ok(row?.1)).collect()
}

pub(super) fn save_record(
    rows: &mut impl Sink,
    known: &Conversation,
    numbers: Numbers,
) -> Result<()> {
    let record = ConversationRecord::new(known, numbers);
    CONVERSATIONS.put(rows, &known.id, &record)
}

/// Gathers what follows from a conversation's record: its unique key and its index entries.
pub(super) fn stage_derived(
    batch: &mut Batch,
    directory: &Directory,
    conversation: &Conversation,
    numbers: Numbers,
) -> Result<()> {
    THREADS.put(batch, &thread_of(conversation, numbers), &conversation.id)?;
    due_of(conversation).map_or(Ok(()), |key| DUE.put_key(batch, &key))?;
    let value = index_entry::value(conversation, numbers);
    for (stream, position) in plan::placements(conversation, numbers)
        .into_iter()
        .flatten()
    {
        batch.put(plan::STREAMS.table, &stream.key(&position), |bytes| {
            bytes.extend_from_slice(&value);
            Ok(())
        })?;
    }
    for (stream, position) in plan::in_views(directory, conversation, numbers) {
        batch.put(plan::STREAMS.table, &stream.key(&position), |bytes| {
            bytes.extend_from_slice(&index_entry::in_view(conversation, numbers, &value));
            Ok(())
        })?;
    }
    Ok(())
}
