//! Every index entry, total and thread recomputed from the records, and compared.
//!
//! Invariant: memory is bounded, however large the file, but for the tags in use: each side is read in
//! its own order, and looked up in the other.

mod catalog;
mod events;
mod histories;
mod index;
mod rebuild;

use std::fmt;
use std::ops::ControlFlow;

use chrono::{DateTime, Utc};
use convodb_core::directory::Stored;
use convodb_core::{Details, Error, ErrorKind, EventSeq, Hex, Result, time};

use super::conversations;
use super::scan::Scan;
use super::tags::TagEdits;
use super::{View, index_entry, kinds, messages, plan, tables};
use convodb_kv::{Read as _, Table};

/// What is wrong with a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FindingKind {
    /// The row should be there, and is not.
    Missing,
    /// The row is there, and should not be.
    Unexpected,
    /// The row says something else than the records.
    Different,
    /// The row cannot be read.
    Unreadable,
    /// The row is not where its key says, so looking it up may not find it.
    Misplaced,
}

/// A difference between the records and what was derived from them, or a record that cannot be
/// read.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// The table.
    pub table: &'static str,
    /// The key, as [`format`](crate::docs::format) describes it. Empty if the table as a whole has
    /// fewer rows than it counts, or more.
    pub key: Vec<u8>,
    /// What is wrong.
    pub kind: FindingKind,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.kind {
            FindingKind::Missing => "missing",
            FindingKind::Unexpected => "unexpected",
            FindingKind::Different => "different from the records",
            FindingKind::Unreadable => "unreadable",
            FindingKind::Misplaced => "not where it belongs",
        };
        write!(f, "{} {}: {what}", self.table, Hex(&self.key))
    }
}

/// What [`Store::verify`](crate::Store::verify) read and found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct VerifyReport {
    /// The conversations that were read.
    pub conversations: u64,
    /// The messages that were read.
    pub messages: u64,
    /// The notes that were read.
    pub notes: u64,
    /// The index rows that were read, totals aside.
    pub index_rows: u64,
    /// The events that were read, those in the histories of conversations aside.
    pub events: u64,
    /// The conversations, messages and notes with a time after the store's clock. They are no
    /// findings; [`repair`](crate::Store::repair) clamps them.
    pub times_in_the_future: u64,
    /// Every difference, in the order in which it was met.
    pub findings: Vec<Finding>,
}

impl VerifyReport {
    /// Whether nothing was found.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.findings.is_empty()
    }
}

/// How many rows are read between two calls of the caller.
const ROWS_A_STEP: u64 = 4_096;

/// O(rows). Gives the caller the number of rows that were read, and of all, and ends where it breaks.
pub(crate) fn verify(
    view: &View,
    shown: DateTime<Utc>,
    progress: &mut dyn FnMut(u64, u64) -> ControlFlow<()>,
) -> Result<VerifyReport> {
    let mut all = 0;
    for table in tables::ALL {
        all += view.rows.len(*table)?;
    }
    let mut verifier = Verifier {
        view,
        now: view.head().clock(shown),
        report: VerifyReport::default(),
        progress,
        done: 0,
        all,
    };
    let tags = verifier.check_conversations()?;
    verifier.check_index()?;
    verifier.check_catalog(&tags)?;
    verifier.check_messages()?;
    verifier.check_events()?;
    Ok(verifier.report)
}

/// What can be read; nothing where a record is damaged, which is reported once, by the check of the row.
/// A damaged page is an error.
pub(super) fn unless_corrupted<T>(read: Result<T>) -> Result<Option<T>> {
    match read {
        Ok(value) => Ok(Some(value)),
        Err(error)
            if error.kind() == ErrorKind::Corrupted
                && !matches!(error.details(), Details::Page { .. }) =>
        {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// A walk through all tables.
struct Verifier<'a> {
    view: &'a View,
    now: DateTime<Utc>,
    report: VerifyReport,
    progress: &'a mut dyn FnMut(u64, u64) -> ControlFlow<()>,
    /// The rows that were read.
    done: u64,
    all: u64,
}

impl Verifier<'_> {
    fn advance(&mut self) -> Result<()> {
        self.done += 1;
        if self.done.is_multiple_of(ROWS_A_STEP)
            && (self.progress)(self.done.min(self.all), self.all).is_break()
        {
            return Err(Error::new(
                ErrorKind::Aborted,
                "the verification was stopped",
            ));
        }
        Ok(())
    }

    fn count_ahead<'t>(&mut self, times: impl IntoIterator<Item = &'t mut DateTime<Utc>>) {
        self.report.times_in_the_future += u64::from(time::clamp(times, self.now));
    }

    fn found(&mut self, table: Table, key: &[u8], kind: FindingKind) {
        self.report.findings.push(Finding {
            table: table.name,
            key: key.to_vec(),
            kind,
        });
    }

    /// Visits each row of a table; what is wrong with its place is a finding.
    fn each(
        &mut self,
        table: Table,
        mut visit: impl FnMut(&mut Self, &[u8], &[u8]) -> Result<()>,
    ) -> Result<()> {
        let view = self.view;
        let mut scan = Scan::new(&view.rows, table)?;
        loop {
            let (row, flaw) = scan.step()?;
            if let Some(kind) = flaw {
                self.found(table, row.as_ref().map_or(&[], |(key, _)| key), kind);
            }
            let Some((key, bytes)) = row else {
                return Ok(());
            };
            visit(self, &key, &bytes)?;
            self.advance()?;
        }
    }

    /// Looks up a row that was met in its table: a damaged page above it can lead elsewhere.
    fn look_up(&mut self, table: Table, key: &[u8]) -> Result<()> {
        if self.view.rows.get(table, key)?.is_none() {
            self.found(table, key, FindingKind::Misplaced);
        }
        Ok(())
    }

    /// A row that cannot be read is a finding; a file that cannot is an error.
    fn readable<T>(&mut self, table: Table, key: &[u8], read: Result<T>) -> Result<Option<T>> {
        let read = unless_corrupted(read)?;
        if read.is_none() {
            self.found(table, key, FindingKind::Unreadable);
        }
        Ok(read)
    }

    /// A row that must be there, with this value.
    fn expect(&mut self, table: Table, key: &[u8], value: &[u8]) -> Result<()> {
        match self.view.rows.get(table, key)? {
            None => self.found(table, key, FindingKind::Missing),
            Some(found) if found[..] != *value => self.found(table, key, FindingKind::Different),
            Some(_) => {}
        }
        Ok(())
    }

    /// Each record: that it can be read, and that what follows from it is there. Returns how many have each
    /// tag.
    fn check_conversations(&mut self) -> Result<TagEdits> {
        let mut tags = TagEdits::default();
        self.each(tables::CONVERSATIONS, |verifier, key, bytes| {
            verifier.report.conversations += 1;
            let decoded = conversations::decode(&verifier.view.known.directory, key, bytes);
            if let Some(mut stored) = verifier.readable(tables::CONVERSATIONS, key, decoded)? {
                tags.add(&stored.conversation);
                verifier.check_derived(key, &stored)?;
                verifier.count_ahead(stored.conversation.times());
            }
            Ok(())
        })?;
        for tag in tags.keys() {
            if !kinds::TAGS.contains(&self.view.rows, tag)? {
                self.found(tables::CATALOG, &kinds::TAGS.key(tag), FindingKind::Missing);
            }
        }
        Ok(tags)
    }

    fn check_derived(&mut self, key: &[u8], stored: &Stored) -> Result<()> {
        let rows = &self.view.rows;
        let Stored {
            conversation,
            numbers,
        } = stored;
        let value = index_entry::value(conversation, *numbers);
        for (stream, position) in plan::placements(conversation, *numbers)
            .into_iter()
            .flatten()
        {
            self.expect(tables::INDEX, &stream.key(&position), &value)?;
        }
        let directory = &self.view.known.directory;
        for (stream, position) in plan::in_views(directory, conversation, *numbers) {
            let value = index_entry::in_view(conversation, *numbers, &value);
            self.expect(tables::INDEX, &stream.key(&position), &value)?;
        }
        let inbound = unless_corrupted(messages::count_inbound(rows, conversation.id))?;
        if inbound.is_some_and(|inbound| inbound != conversation.inbound_count) {
            self.found(tables::CONVERSATIONS, key, FindingKind::Different);
        }
        if !events::audit_log_begins(self.view, conversation.id)? {
            let key = kinds::AUDIT_LOGS.key(&(conversation.id, EventSeq::ZERO));
            self.found(tables::EVENTS, &key, FindingKind::Missing);
        }
        if let Some(due) = conversations::due_of(conversation)
            && unless_corrupted(kinds::DUE.contains(rows, &due))? == Some(false)
        {
            self.found(tables::CATALOG, &kinds::DUE.key(&due), FindingKind::Missing);
        }
        let thread = conversations::thread_of(conversation, *numbers);
        let key = kinds::THREADS.key(&thread);
        // One that cannot be read is reported once, by the catalog's own check.
        match unless_corrupted(conversations::find(rows, &thread))? {
            Some(None) => self.found(tables::CATALOG, &key, FindingKind::Missing),
            Some(Some(id)) if id != conversation.id => {
                self.found(tables::CATALOG, &key, FindingKind::Different);
            }
            _ => {}
        }
        Ok(())
    }
}
