//! Changes applied to the file: the only way in which it comes to hold something else.

mod imports;

use std::collections::BTreeSet;
use std::sync::Arc;

use convodb_core::{
    Assignee, Change, ConversationId, Error, Fact, Message, MessageId, Result, event, evolve,
};

pub(crate) use imports::Imports;

use super::batch::Batch;
use super::conversations::Filed;
use super::directory::Moved;
use super::journal::Payload;
use super::{
    Head, Reader, Resident, changes, commands, consumers, conversations, events, journal, messages,
    plan, provider_ids,
};
use crate::index::{Edits, Levels};
use crate::kv::{Memtable, WriteTables};

/// Commands of so many bytes are enough for one commit: more would only wait longer.
const FULL_BYTES: usize = 256 << 10;

/// A write transaction's tables, and what they stand for so far.
pub(crate) struct Writer<'t> {
    rows: WriteTables<'t>,
    known: Resident,
    levels: Levels,
    /// What became of the streams and is not written yet.
    index: Edits,
    /// Whether it is written once for all that is applied.
    gathers: bool,
    applied: bool,
    /// What the journal can hold of it; nothing where it holds none of it.
    told: Option<Payload>,
    erases: bool,
    full: bool,
    /// Moved buckets that may be empty by what is being applied.
    left: BTreeSet<u32>,
}

/// What a transaction came to.
#[derive(Debug)]
pub(crate) struct Applied {
    pub(super) known: Resident,
    pub(super) told: Option<Payload>,
    pub(super) erases: bool,
    /// The rows, unless they went through the engine.
    pub(super) rows: Option<Memtable>,
}

impl Applied {
    /// The number of the commit.
    pub(crate) fn sequence(&self) -> u64 {
        self.known.head.sequence
    }
}

impl<'t> Writer<'t> {
    pub(super) fn new(
        rows: WriteTables<'t>,
        known: Resident,
        levels: Levels,
        told: Option<Payload>,
    ) -> Self {
        Self {
            rows,
            known,
            levels,
            index: Edits::new(plan::STREAMS, levels),
            gathers: false,
            applied: false,
            told,
            erases: false,
            full: false,
            left: BTreeSet::new(),
        }
    }

    /// Whether what it holds is enough for one commit.
    pub(crate) fn is_full(&self) -> bool {
        let told = self.told.as_ref().map_or(0, Payload::len);
        self.full || told > FULL_BYTES
    }

    /// The counts above the rows are written once, by [`finish`](Self::finish): until then lists can be
    /// read from their first row or behind a cursor, with their totals, but neither by depth nor by
    /// rank. Of sixteen commands in a group most change the same few nodes.
    pub(crate) fn gather(&mut self) {
        self.gathers = true;
    }

    /// Nothing of what was told before may stay in the journal behind this commit.
    pub(crate) fn erase_journal(&mut self) -> Result<()> {
        self.told = None;
        self.erases = true;
        self.full = true;
        self.rows.write_through()
    }

    /// Reads what was there before and what was applied since.
    pub(crate) fn reader(&self) -> Reader<'_, WriteTables<'t>> {
        Reader::new(&self.rows, &self.known)
    }

    /// Where the file stands with what was applied so far.
    pub(crate) fn head(&mut self) -> &mut Head {
        &mut self.known.head
    }

    /// The commit that holds what was applied, or the latest one.
    pub(crate) fn sequence(&self) -> u64 {
        self.known.head.sequence + u64::from(self.applied)
    }

    /// Applies changes in their order. After an error some of them may be applied: the
    /// transaction must not commit.
    pub(crate) fn apply(&mut self, decided: &[Change]) -> Result<()> {
        if decided.is_empty() {
            return Ok(());
        }
        debug_assert!(decided.iter().all(changes::is_complete));
        self.applied = true;
        self.tell(|told| told.push(decided))?;
        let mut gathered: Option<Imports> = None;
        for group in decided.chunk_by(same_conversation) {
            if let [change] = group
                && matches!(change.fact, Fact::ConversationImported { .. })
            {
                let imports = match &mut gathered {
                    Some(begun) => begun,
                    none => none.insert(Imports::begin(&self.rows, &self.known)?),
                };
                imports.stage(&self.known, change)?;
                continue;
            }
            if let Some(imports) = gathered.take() {
                imports.write(&mut self.rows, &mut self.known.head, &mut self.index)?;
            }
            match group.first().and_then(|first| first.fact.conversation()) {
                Some(id) => self.apply_to_conversation(id, group)?,
                None => group.iter().try_for_each(|change| {
                    self.apply_to_directory(change)?;
                    self.apply_to_retries(change)?;
                    self.apply_to_consumers(&change.fact)
                })?,
            }
        }
        if let Some(imports) = gathered {
            imports.write(&mut self.rows, &mut self.known.head, &mut self.index)?;
        }
        if self.gathers {
            let totals = Arc::make_mut(&mut self.known.totals);
            self.index.tell(|stream, total| totals.set(stream, total));
        } else {
            self.settle()?;
        }
        self.forget_drained()
    }

    /// Adds changes to what the journal is told, while it can hold them. What is more is written
    /// through the engine.
    fn tell(&mut self, changes: impl FnOnce(&mut Payload) -> Result<bool>) -> Result<()> {
        if let Some(told) = &mut self.told
            && !changes(told)?
        {
            self.told = None;
            self.full = true;
            self.rows.write_through()?;
        }
        Ok(())
    }

    fn apply_to_conversation(&mut self, id: ConversationId, group: &[Change]) -> Result<()> {
        let before = conversations::read(&self.rows, &self.known.directory, id)?;
        if let Some(Filed { bucket, .. }) = before
            && self.known.directory.is_moved(bucket)
        {
            check_takeover(id, group)?;
            self.left.insert(bucket);
        }
        let mut after = before.as_ref().map(|before| before.state.clone());
        let hashes = self.known.hashes;
        for change in group {
            let mut told = event::told_by(&change.fact, after.as_ref(), None);
            after = evolve::conversation(after, change);
            match &change.fact {
                Fact::MessageAppended { message } => {
                    messages::put(&mut self.rows, message)?;
                    let channel = after.as_ref().ok_or_else(|| homeless(id))?.channel;
                    provider_ids::put(&mut self.rows, hashes, channel, message)?;
                }
                Fact::ProviderIdSet {
                    message, channel, ..
                } => {
                    let message = evolve::message(self.known_message(id, *message)?, change);
                    messages::put(&mut self.rows, &message)?;
                    provider_ids::put(&mut self.rows, hashes, *channel, &message)?;
                }
                Fact::NoteAdded { note } => {
                    let mut batch = Batch::default();
                    messages::stage_note(&mut batch, note)?;
                    batch.write(&mut self.rows)?;
                }
                Fact::DeliveryRecorded { message, .. } => {
                    let known = self.known_message(id, *message)?;
                    told = event::told_by(&change.fact, after.as_ref(), Some(&known));
                    messages::put(&mut self.rows, &evolve::message(known, change))?;
                }
                Fact::ConversationDeleted { .. } => {
                    let before = before.as_ref().ok_or_else(|| homeless(id))?;
                    let channel = before.state.channel;
                    for provider_id in messages::provider_ids(&self.rows, id)? {
                        provider_ids::erase(&mut self.rows, hashes, channel, &provider_id)?;
                    }
                    messages::remove_all(&mut self.rows, id)?;
                    events::remove_history(&mut self.rows, id)?;
                }
                _ => {}
            }
            if let Some(kind) = told {
                events::append(&mut self.rows, &mut self.known.head, change, id, kind)?;
            }
        }
        conversations::replace(
            &mut self.rows,
            &mut self.index,
            &self.known.directory,
            before.as_ref(),
            after.as_ref(),
        )
    }

    fn known_message(&self, conversation: ConversationId, id: MessageId) -> Result<Message> {
        messages::find(&self.rows, conversation, id)?
            .ok_or_else(|| Error::corrupted(format!("the message {id} of a change is missing")))
    }

    fn apply_to_retries(&mut self, change: &Change) -> Result<()> {
        match &change.fact {
            Fact::ReceiptParked {
                channel,
                provider_id,
                ..
            } => {
                let of = (*channel, provider_id);
                provider_ids::park(&mut self.rows, self.known.hashes, of, change)
            }
            Fact::ParkedPurged { before } => provider_ids::purge_parked(&mut self.rows, *before),
            Fact::CommandDone {
                key,
                done,
                forget_before,
            } => {
                let forgetting = (&mut self.known.forgotten, *forget_before);
                commands::put(&mut self.rows, self.known.hashes, key, done, forgetting)
            }
            Fact::KeysPurged { before } => {
                commands::forget_all(&mut self.rows, &mut self.known.forgotten, *before)
            }
            _ => Ok(()),
        }
    }

    fn apply_to_consumers(&mut self, fact: &Fact) -> Result<()> {
        match fact {
            Fact::ConsumerMoved { consumer, position } => {
                consumers::put(&mut self.rows, consumer, *position)
            }
            Fact::ConsumerRemoved { consumer } => consumers::remove(&mut self.rows, consumer),
            Fact::EventsPurged { before } => {
                events::purge(&mut self.rows, &mut self.known.head, *before)
            }
            _ => Ok(()),
        }
    }

    fn apply_to_directory(&mut self, change: &Change) -> Result<()> {
        let directory = Arc::make_mut(&mut self.known.directory);
        match &change.fact {
            Fact::AssigneePut { assignee, name } => {
                let bucket = match directory.bucket(assignee) {
                    Some(bucket) => bucket,
                    None => {
                        let bucket = self.known.head.next_bucket;
                        self.known.head.next_bucket = bucket
                            .checked_add(1)
                            .ok_or_else(|| Error::corrupted("the file has no bucket left"))?;
                        bucket
                    }
                };
                directory.put(&mut self.rows, bucket, Assignee::new(assignee, name))
            }
            Fact::AssigneeRemoved {
                assignee,
                successor,
            } => {
                let bucket = directory.bucket_of(Some(assignee))?;
                let moved = Moved {
                    assignee: assignee.clone(),
                    to: directory.bucket_of(successor.as_ref())?,
                    at: change.at,
                    actor: change.actor.clone(),
                };
                self.left.insert(bucket);
                directory.remove(&mut self.rows, bucket, moved)
            }
            _ => Ok(()),
        }
    }

    /// The tables, for what is rebuilt from the records alone.
    pub(super) fn begin_rebuild(&mut self) -> Result<(&mut WriteTables<'t>, &mut Edits)> {
        self.applied = true;
        // No change says it.
        self.told = None;
        self.rows.write_through()?;
        self.known.totals = Arc::default();
        self.left = self.known.directory.moved().collect();
        Ok((&mut self.rows, &mut self.index))
    }

    /// Writes what became of the streams, each total in memory too.
    pub(super) fn settle(&mut self) -> Result<()> {
        let index = self.take_edits();
        let totals = Arc::make_mut(&mut self.known.totals);
        index.settle(&mut self.rows, |stream, total| totals.set(stream, total))
    }

    fn take_edits(&mut self) -> Edits {
        let fresh = Edits::new(plan::STREAMS, self.levels);
        std::mem::replace(&mut self.index, fresh)
    }

    /// Forgets the moved buckets that are empty by what was applied.
    pub(super) fn forget_drained(&mut self) -> Result<()> {
        if self.left.is_empty() {
            return Ok(());
        }
        let left = std::mem::take(&mut self.left);
        let directory = Arc::make_mut(&mut self.known.directory);
        let is_empty = |bucket| Ok(self.known.totals.of_bucket(bucket)? == 0);
        directory.forget_empty(&mut self.rows, left, is_empty)
    }

    /// Writes where the file stands now, for the commit. Nothing if nothing was applied.
    pub(crate) fn finish(mut self) -> Result<Option<Applied>> {
        if !self.applied {
            return Ok(None);
        }
        self.settle()?;
        self.known.head.sequence += 1;
        self.known.head.write(&mut self.rows)?;
        Ok(Some(Applied {
            known: self.known,
            told: self.told,
            erases: self.erases,
            rows: self.rows.into_memtable(),
        }))
    }

    /// Applies the records of a journal, and writes where the file stands then.
    pub(super) fn replay<'r>(
        mut self,
        records: impl Iterator<Item = (u64, &'r [u8])>,
    ) -> Result<Option<Memtable>> {
        self.gather();
        for (sequence, payload) in records {
            let (newest_time, newest_id) = journal::replay(payload, |changes| self.apply(changes))?;
            self.known.head = Head {
                sequence,
                newest_time,
                newest_id,
                ..self.known.head
            };
        }
        self.settle()?;
        self.known.head.write(&mut self.rows)?;
        Ok(self.rows.into_memtable())
    }
}

impl std::fmt::Debug for Writer<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writer")
            .field("head", &self.known.head)
            .finish_non_exhaustive()
    }
}

/// What is filed with one who was removed is filed anew by whatever changes it.
fn check_takeover(id: ConversationId, group: &[Change]) -> Result<()> {
    match group.first().map(|first| &first.fact) {
        Some(Fact::TakenOver { .. }) => Ok(()),
        _ => Err(Error::corrupted(format!(
            "a change of the conversation {id} passes over a takeover"
        ))),
    }
}

fn homeless(id: ConversationId) -> Error {
    Error::corrupted(format!("the conversation {id} of a message is missing"))
}

fn same_conversation(a: &Change, b: &Change) -> bool {
    a.fact.conversation() == b.fact.conversation()
}
