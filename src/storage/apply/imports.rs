//! Imported conversations, gathered and then written together: a B-tree likes many rows at a time,
//! in the order of their keys.
//!
//! Invariant: nothing of the file, and nothing that is known of it, tells of what is gathered
//! before it is written. Dropped, it has never been.

use std::panic::resume_unwind;
use std::sync::Arc;
use std::thread;

use convodb_core::{Change, Fact, Result, event};

use super::{Edits, Writer};
use crate::kv::WriteTables;
use crate::storage::batch::Batch;
use crate::storage::conversations::IndexRows;
use crate::storage::journal::Payload;
use crate::storage::provider_ids::WaitingFor;
use crate::storage::{
    Head, Resident, changes, conversations, events, messages, provider_ids, tables,
};

/// What is less is written sooner than a thread is there.
const WORTH_A_THREAD: usize = 1 << 20;

/// What imports consist of, until it is written.
pub(crate) struct Imports {
    rows: Batch,
    index: IndexRows,
    /// The file's, but for the events that the imports tell.
    head: Head,
    /// The receipts that are no longer parked then, where any are.
    waiting_for: Option<WaitingFor>,
    /// What the journal can hold of it.
    told: Option<Payload>,
}

impl Imports {
    pub(super) fn begin(rows: &WriteTables<'_>, known: &Resident) -> Result<Self> {
        Ok(Self {
            rows: Batch::default(),
            index: IndexRows::default(),
            head: known.head,
            waiting_for: WaitingFor::any(rows)?,
            told: None,
        })
    }

    /// How many bytes it takes.
    pub(crate) fn bytes(&self) -> usize {
        self.rows.bytes() + self.index.bytes()
    }

    /// Gathers the rows of an imported conversation. Whether the change imports one.
    pub(super) fn stage(&mut self, known: &Resident, change: &Change) -> Result<bool> {
        let Fact::ConversationImported {
            conversation,
            messages,
            notes,
        } = &change.fact
        else {
            return Ok(false);
        };
        let Self { rows, index, .. } = self;
        let (hashes, channel) = (known.hashes, conversation.channel);
        conversations::stage(rows, index, &known.directory, conversation)?;
        for message in messages {
            messages::stage(rows, message)?;
            provider_ids::stage(rows, hashes, channel, message)?;
        }
        if let Some(waiting_for) = &mut self.waiting_for {
            waiting_for.arrived(hashes, channel, messages);
        }
        for note in notes {
            messages::stage_note(rows, note)?;
        }
        if let Some(kind) = event::told_by(&change.fact, None, None) {
            events::append(rows, &mut self.head, change, conversation.id, kind)?;
        }
        Ok(true)
    }

    pub(super) fn write(
        mut self,
        rows: &mut WriteTables<'_>,
        head: &mut Head,
        index: &mut Edits,
    ) -> Result<()> {
        head.newest_event = self.head.newest_event;
        if let Some(waiting_for) = self.waiting_for {
            waiting_for.remove(rows)?;
        }
        self.rows.write(rows)?;
        self.index.write(rows, index)
    }
}

impl Writer<'_> {
    /// Begins to gather imports. Nothing but users and teams may be applied before they are written.
    pub(crate) fn begin_imports(&self) -> Result<Imports> {
        let mut imports = Imports::begin(&self.rows, &self.known)?;
        imports.told = self.told.is_some().then(Payload::new);
        Ok(imports)
    }

    /// Takes in a change that imports a conversation.
    pub(crate) fn gather_import(&self, imports: &mut Imports, change: &Change) -> Result<()> {
        debug_assert!(changes::is_complete(change));
        if let Some(told) = &mut imports.told
            && !told.push(std::slice::from_ref(change))?
        {
            imports.told = None;
        }
        let staged = imports.stage(&self.known, change)?;
        debug_assert!(staged, "a change that imports nothing");
        Ok(())
    }

    /// Writes what was gathered. After an error some of it may be written: the transaction must not
    /// commit.
    pub(crate) fn write_gathered(&mut self, imports: Imports) -> Result<()> {
        self.applied = true;
        self.tell(|told| match &imports.told {
            Some(more) => Ok(told.append(more)),
            None => Ok(false),
        })?;
        if imports.bytes() < WORTH_A_THREAD {
            imports.write(&mut self.rows, &mut self.known.head, &mut self.index)?;
            return self.settle();
        }
        self.known.head.newest_event = imports.head.newest_event;
        let mut part = self.rows.part(tables::INDEX)?;
        let written = self.write_beside(imports, &mut part);
        self.rows.rejoin(part);
        written
    }

    /// Writes the records, and beside it the index, which takes about as long.
    fn write_beside(&mut self, imports: Imports, part: &mut WriteTables<'_>) -> Result<()> {
        let Imports {
            rows: mut records,
            index: mut entries,
            waiting_for,
            ..
        } = imports;
        let mut index = self.take_edits();
        let totals = Arc::make_mut(&mut self.known.totals);
        let rows = &mut self.rows;
        thread::scope(|scope| {
            let lists = scope.spawn(|| {
                entries.write(part, &mut index)?;
                index.settle(part, |stream, total| totals.set(stream, total))
            });
            let recorded = match waiting_for {
                Some(waiting_for) => waiting_for.remove(rows),
                None => Ok(()),
            }
            .and_then(|()| records.write(rows));
            let listed = lists.join().unwrap_or_else(|cause| resume_unwind(cause));
            recorded.and(listed)
        })
    }
}
