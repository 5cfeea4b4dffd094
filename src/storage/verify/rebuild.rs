//! What can be derived from the records, derived anew.

use std::ops::Bound;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use convodb_core::directory::Stored;
use convodb_core::{Conversation, ConversationId, InboxNumber, Result, time};

use super::unless_corrupted;
use crate::storage::batch::Batch;
use crate::storage::scan::Scan;
use crate::storage::tags::TagEdits;
use crate::storage::{
    UnitOfWork, View, contacts, conversations, directory, kinds, messages, provider_ids, tables,
};

/// The inbox of the conversation of a message or note, if that is there; nothing where it cannot be
/// read.
pub(super) type Home = Option<Option<InboxNumber>>;

/// The conversations of a walk through histories, each looked up once.
pub(super) struct Homes<'a> {
    view: &'a View,
    last: Option<(ConversationId, Home)>,
}

impl<'a> Homes<'a> {
    pub(super) fn new(view: &'a View) -> Self {
        Self { view, last: None }
    }

    pub(super) fn of(&mut self, id: ConversationId) -> Result<Home> {
        if let Some((last, home)) = self.last
            && last == id
        {
            return Ok(home);
        }
        let stored = unless_corrupted(self.view.reader().stored(id))?;
        let home = stored.map(|stored| stored.map(|stored| stored.numbers.inbox));
        self.last = Some((id, home));
        Ok(home)
    }
}

/// Counts the messages from the contact anew; whether there are not as many as its record says.
fn recount(view: &View, conversation: &mut Conversation) -> Result<bool> {
    let counted = messages::count_inbound(&view.rows, conversation.id);
    // If one of them cannot be read, the record may be right.
    let inbound = unless_corrupted(counted)?.unwrap_or(conversation.inbound_count);
    let differs = inbound != conversation.inbound_count;
    let read_count = conversation.read_count().min(inbound);
    conversation.inbound_count = inbound;
    conversation.unread_count = inbound - read_count;
    Ok(differs)
}

/// The rows of so many records are rebuilt at a time.
const REBUILT_AT_ONCE: usize = 16_384;

impl UnitOfWork<'_> {
    /// Throws every index entry, total, thread and message's provider's id away, and derives them
    /// anew from the records that can be read; so is each count of inbound messages. Times in the
    /// future become the present time. O(everything).
    pub(crate) fn rebuild(&mut self, view: &View, shown: DateTime<Utc>) -> Result<()> {
        let now = self.read_clock(shown);
        self.begin_anew()?;
        self.settle()?;
        self.applied = true;
        // No change says it.
        self.write_through()?;
        self.known.totals = Arc::default();
        self.drained = self.known.directory.redirected().collect();
        let (rows, index) = (&mut self.rows, &mut self.index);
        let totals = Arc::make_mut(&mut self.known.totals);
        rows.remove_range(tables::INDEX, (Bound::Unbounded, Bound::Unbounded))?;
        directory::change(&mut self.known.directory, rows, |directory| {
            directory.repair_members()?;
            directory.views.rebuilt();
            Ok(())
        })?;
        let directory = &self.known.directory;
        kinds::THREADS.remove_range(rows, &())?;
        kinds::DUE.remove_range(rows, &())?;
        kinds::TAGS.remove_range(rows, &())?;
        let mut tags = TagEdits::default();
        let mut batch = Batch::default();
        for (nth, row) in Scan::new(&view.rows, tables::CONVERSATIONS)?.enumerate() {
            let (key, bytes) = row?;
            // Nothing can be derived from a damaged record. `verify` still reports it.
            let decoded = conversations::decode(&view.known.directory, &key, &bytes);
            if let Some(mut stored) = unless_corrupted(decoded)? {
                let Stored {
                    conversation,
                    numbers,
                } = &mut stored;
                if recount(view, conversation)? | time::clamp(conversation.times(), now) {
                    conversations::save_record(&mut batch, conversation, *numbers)?;
                }
                conversations::stage_derived(&mut batch, directory, conversation, *numbers)?;
                tags.add(conversation);
            }
            if nth % REBUILT_AT_ONCE == REBUILT_AT_ONCE - 1 {
                batch.write(rows, index, totals)?;
            }
        }
        batch.write(rows, index, totals)?;
        tags.write(rows)?;
        contacts::rebuild(rows, view)?;
        provider_ids::remove_stored(rows)?;
        let mut homes = Homes::new(view);
        // Messages of the future keep their order, a microsecond apart.
        let mut clamped = (None, now);
        for (nth, row) in Scan::new(&view.rows, tables::MESSAGES)?.enumerate() {
            let (key, bytes) = row?;
            if let Some(mut message) = unless_corrupted(messages::decode(&key, &bytes))? {
                if let Some(Some(inbox)) = homes.of(message.conversation_id)? {
                    let hashes = view.known.hashes;
                    provider_ids::save_message(&mut batch, hashes, inbox, &message)?;
                }
                let is_ahead = message.order_time > now;
                if time::clamp(message.times(), now) {
                    if is_ahead {
                        let (of, at) = (Some(message.conversation_id), clamped.1);
                        let next = at + TimeDelta::microseconds(1);
                        clamped = (of, if of == clamped.0 { next } else { now });
                        message.order_time = clamped.1;
                        let newest = &mut self.known.head.newest_time;
                        *newest = clamped.1.max(*newest);
                    }
                    rows.remove(tables::MESSAGES, &key)?;
                    let dated = (message.conversation_id, message.id);
                    kinds::MESSAGE_TIMES.remove(rows, &dated)?;
                    messages::save(&mut batch, &message)?;
                }
            }
            if nth % REBUILT_AT_ONCE == REBUILT_AT_ONCE - 1 {
                batch.write(rows, index, totals)?;
            }
        }
        for row in Scan::new(&view.rows, tables::NOTES)? {
            let (key, bytes) = row?;
            if let Some(mut note) = unless_corrupted(messages::decode_note(&key, &bytes))?
                && time::clamp([&mut note.created_at], now)
            {
                rows.remove(tables::NOTES, &key)?;
                messages::save_note(&mut batch, &note)?;
            }
        }
        batch.write(rows, index, totals)?;
        self.settle()?;
        self.forget_drained()
    }
}
