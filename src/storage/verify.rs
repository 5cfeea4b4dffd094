//! Every index entry, total and thread recomputed from the records, and compared.
//!
//! Invariant: memory is bounded, however large the file: each side is read in its own order, and
//! looked up in the other.

mod catalog;
mod events;
mod histories;
mod rebuild;

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::Bound;

use convodb_core::{ConversationId, ErrorKind, EventSeq, Hex, Result};

use super::conversations::Stored;
use super::keys::{self, index_kind};
use super::placements::placements;
use super::scan::{Row, Scan, Step};
use super::{View, conversations, index_entry, messages, plan, tables};
use crate::index::{
    Builder, HEAD, POSITION_LEN, Position, Stream, Total, node_key, parse_node_key, position_of,
};
use crate::kv::{Read, ReadTables, Table};

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
    /// Every difference, in the order in which it was met.
    pub findings: Vec<Finding>,
}

impl VerifyReport {
    /// Whether nothing was found.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.findings.is_empty()
    }

    fn found(&mut self, table: Table, key: &[u8], kind: FindingKind) {
        self.findings.push(Finding {
            table: table.name,
            key: key.to_vec(),
            kind,
        });
    }

    /// The next row of a table; what is wrong with its place is a finding.
    fn next<'a>(&mut self, scan: &mut Scan<'a>) -> Result<Option<Row<'a>>> {
        match scan.step()? {
            Step::Row(row) => return Ok(Some(row)),
            Step::Misplaced(row) => {
                self.found(scan.table, &row.0, FindingKind::Misplaced);
                return Ok(Some(row));
            }
            Step::End(Ordering::Equal) => {}
            Step::End(Ordering::Less) => self.found(scan.table, &[], FindingKind::Missing),
            Step::End(Ordering::Greater) => self.found(scan.table, &[], FindingKind::Unexpected),
        }
        Ok(None)
    }

    /// Looks up a row that was met in its table: a damaged page above it can lead elsewhere.
    fn look_up(&mut self, rows: &ReadTables, table: Table, key: &[u8]) -> Result<()> {
        if rows.get(table, key)?.is_none() {
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
    fn expect(&mut self, rows: &ReadTables, table: Table, key: &[u8], value: &[u8]) -> Result<()> {
        match rows.get(table, key)? {
            None => self.found(table, key, FindingKind::Missing),
            Some(found) if found[..] != *value => self.found(table, key, FindingKind::Different),
            Some(_) => {}
        }
        Ok(())
    }

    /// A row that can be read, and of which this holds.
    fn check(
        &mut self,
        table: Table,
        key: &[u8],
        (holds, otherwise): (Result<bool>, FindingKind),
    ) -> Result<()> {
        if let Some(false) = self.readable(table, key, holds)? {
            self.found(table, key, otherwise);
        }
        Ok(())
    }
}

/// What can be read; nothing where it is damaged, which is reported once, by the check of the row.
fn unless_corrupted<T>(read: Result<T>) -> Result<Option<T>> {
    match read {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == ErrorKind::Corrupted => Ok(None),
        Err(error) => Err(error),
    }
}

/// O(rows).
pub(crate) fn verify(view: &View) -> Result<VerifyReport> {
    let mut report = VerifyReport::default();
    check_conversations(view, &mut report)?;
    check_index(view, &mut report)?;
    catalog::check(view, &mut report)?;
    histories::check(view, &mut report)?;
    events::check(view, &mut report)?;
    Ok(report)
}

/// Each record: that it can be read, and that what follows from it is there.
fn check_conversations(view: &View, report: &mut VerifyReport) -> Result<()> {
    let rows = view.rows();
    let mut scan = Scan::new(rows, tables::CONVERSATIONS)?;
    while let Some((key, bytes)) = report.next(&mut scan)? {
        report.conversations += 1;
        let decoded = conversations::decode(view.directory(), &key, &bytes);
        let Some(Stored {
            conversation,
            owner,
        }) = report.readable(tables::CONVERSATIONS, &key, decoded)?
        else {
            continue;
        };
        let entry = index_entry::payload(&conversation, owner);
        for (stream, position) in placements(&conversation, owner).into_iter().flatten() {
            let key = stream.key(&position);
            let expected = index_entry::seal(&key, &entry);
            report.expect(rows, tables::INDEX, &key, &expected)?;
        }
        let inbound = unless_corrupted(messages::count_inbound(rows, conversation.id))?;
        if inbound.is_some_and(|inbound| inbound != conversation.inbound_count) {
            report.found(tables::CONVERSATIONS, &key, FindingKind::Different);
        }
        if !events::audit_log_begins(view, conversation.id) {
            let key = keys::audit_log(conversation.id, EventSeq::ZERO);
            report.found(tables::EVENTS, &key, FindingKind::Missing);
        }
        let key = keys::thread(conversation.channel.into(), &conversation.contact_id);
        match rows.get(tables::CATALOG, &key)? {
            None => report.found(tables::CATALOG, &key, FindingKind::Missing),
            Some(found) => {
                let thread = conversations::decode_thread(&key, &found);
                // One that cannot be read is reported once, by the catalog's own check.
                if thread.is_ok_and(|id| id != conversation.id) {
                    report.found(tables::CATALOG, &key, FindingKind::Different);
                }
            }
        }
    }
    Ok(())
}

/// Each index row: that its conversation belongs there. Each total and node of counts: that it is
/// what the rows of its stream give.
fn check_index(view: &View, report: &mut VerifyReport) -> Result<()> {
    let rows = view.rows();
    let mut streams: BTreeMap<Stream, Total> = BTreeMap::new();
    let mut current: Option<Stream> = None;
    let mut scan = Scan::new(rows, tables::INDEX)?;
    while let Some((key, _)) = report.next(&mut scan)? {
        if key.first() >= Some(&index_kind::TOTALS) {
            check_counter(view, report, &streams, &key)?;
            continue;
        }
        report.index_rows += 1;
        let Some(place) = report.readable(tables::INDEX, &key, keys::parse_index(&key))? else {
            continue;
        };
        if !belongs_here(view, &key, place.id)? {
            report.found(tables::INDEX, &key, FindingKind::Unexpected);
        }
        let (prefix, _) = key.split_at(key.len().saturating_sub(POSITION_LEN));
        let stream = Stream::new(prefix);
        if current != Some(stream) {
            current = Some(stream);
            streams.insert(stream, check_nodes(view, report, &stream)?);
        }
    }
    for (stream, total) in &streams {
        let key = plan::STREAMS.total_key(stream);
        report.expect(rows, tables::INDEX, &key, &total.encode())?;
    }
    Ok(())
}

/// Whether a conversation belongs at this key of the index, by its record.
fn belongs_here(view: &View, key: &[u8], id: ConversationId) -> Result<bool> {
    let record_key = keys::conversation(id);
    let Some(bytes) = view.rows().get(tables::CONVERSATIONS, &record_key)? else {
        return Ok(false);
    };
    let decoded = conversations::decode(view.directory(), &record_key, &bytes);
    Ok(decoded.is_ok_and(|stored| {
        placements(&stored.conversation, stored.owner)
            .into_iter()
            .flatten()
            .any(|(stream, position)| stream.key(&position)[..] == *key)
    }))
}

/// Counts a stream anew and compares the nodes. Returns what its total should be.
fn check_nodes(view: &View, report: &mut VerifyReport, stream: &Stream) -> Result<Total> {
    let rows = view.rows();
    let compare = |level, first: &Position, node: Vec<u8>| {
        let key = node_key(index_kind::RANKS, level, stream, first);
        report.expect(rows, tables::INDEX, &key, &node)
    };
    let mut builder = Builder::new(view.levels(), compare);
    for row in plan::STREAMS.rows(rows, stream, Bound::Unbounded)? {
        builder.row(position_of(&row?.0)?)?;
    }
    builder.finish()
}

/// A total or node that is there, behind all rows: that its stream gives one of that name.
fn check_counter(
    view: &View,
    report: &mut VerifyReport,
    streams: &BTreeMap<Stream, Total>,
    key: &[u8],
) -> Result<()> {
    let expected = match key.split_first() {
        Some((&index_kind::TOTALS, stream)) => {
            Stream::parse(stream).is_some_and(|stream| streams.contains_key(&stream))
        }
        Some((&index_kind::RANKS, _)) => match parse_node_key(key) {
            Some((level, stream, first)) => {
                let height = streams.get(&stream).map_or(0, |total| total.height);
                let row = stream.key(&first);
                let begins = first == HEAD
                    || view.levels().of(&first) > level
                        && view.rows().get(tables::INDEX, &row)?.is_some();
                (1..=height).contains(&level) && begins
            }
            None => false,
        },
        _ => false,
    };
    if !expected {
        report.found(tables::INDEX, key, FindingKind::Unexpected);
    }
    Ok(())
}
