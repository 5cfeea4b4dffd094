//! Counts and sizes of a store.

use std::time::Duration;

use chrono::DateTime;
use convodb_core::{AssigneeKind, Result};

use super::meter::Reading;
use crate::storage::View;

/// Counts and sizes of a store, as [`Store::stats`](crate::Store::stats) gives them.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Conversations.
    pub conversations: u64,
    /// Messages of all conversations.
    pub messages: u64,
    /// Notes of all conversations.
    pub notes: u64,
    /// Rows of the index: two a conversation, totals and nodes of counts.
    pub index_rows: u64,
    /// Rows of what is small: threads, the directory, times of messages, the file's head.
    pub catalog_rows: u64,
    /// Events that are kept.
    pub events: u64,
    /// The number of the latest event; 0 before the first.
    pub newest_event: u64,
    /// Messages that receipts wait for (R10).
    pub parked: u64,
    /// Conversations of users and teams that were [removed](crate::Store::remove_assignee) which are
    /// still to be filed as those of who took them over.
    pub to_refile: u64,
    /// Users in the directory.
    pub users: u64,
    /// Teams in the directory.
    pub teams: u64,
    /// Commits so far that changed something.
    pub sequence: u64,
    /// The size of the file, in bytes.
    pub file_bytes: u64,
    /// The bytes of all keys and values.
    pub stored_bytes: u64,
    /// The bytes of the file that held nothing when it was made durable last: later commits fill
    /// them, and [`compact`](crate::Store::compact) gives them back.
    pub free_bytes: u64,
    /// The bytes in the journal that the file did not durably hold when a command looked last: the
    /// first one behind a checkpoint takes note of it.
    pub journal_bytes: u64,
    /// The commands that they stand for; a conversation that was filed anew after a takeover counts as
    /// four.
    pub journal_commands: u64,
    /// Commits since the store was opened, each of the commands of one group.
    pub groups: u64,
    /// The commands of these groups.
    pub grouped_commands: u64,
    /// The number of commands of the largest group.
    pub largest_group: u64,
    /// How long ago the journal was last synced, if it was since the store was opened.
    pub last_sync: Option<Duration>,
    /// How long that took.
    pub last_sync_took: Option<Duration>,
    /// Snapshots and iterators that are held.
    pub snapshots: usize,
    /// How long the oldest of them has been held.
    pub oldest_snapshot: Option<Duration>,
}

impl Stats {
    pub(super) fn read(
        view: &View,
        (snapshots, oldest_snapshot): (usize, Option<Duration>),
        reading: &Reading,
    ) -> Result<Self> {
        let [conversations, messages, notes, index_rows, catalog_rows] = view.counts()?;
        let [stored_bytes, used_bytes] = view.sizes()?;
        let (parked, _) = view.reader().count_parked(DateTime::UNIX_EPOCH)?;
        let file_bytes = view.file_bytes()?;
        let of_kind = |kind| {
            let assignees = view.reader().assignees();
            assignees.iter().filter(|one| one.id.kind() == kind).count() as u64
        };
        let synced = reading.journaled.and_then(|journaled| journaled.synced);
        Ok(Self {
            conversations,
            messages,
            notes,
            index_rows,
            catalog_rows,
            events: view.head().events(),
            newest_event: view.head().newest_event,
            parked,
            to_refile: view.reader().count_misfiled()?,
            users: of_kind(AssigneeKind::User),
            teams: of_kind(AssigneeKind::Team),
            sequence: view.head().sequence,
            file_bytes,
            stored_bytes,
            free_bytes: file_bytes.saturating_sub(used_bytes),
            journal_bytes: reading.journaled.map_or(0, |journaled| journaled.bytes),
            journal_commands: reading.journaled.map_or(0, |journaled| journaled.commands),
            groups: reading.groups,
            grouped_commands: reading.commands,
            largest_group: reading.largest,
            last_sync: synced.map(|(at, _)| at.elapsed()),
            last_sync_took: synced.map(|(_, took)| took),
            snapshots,
            oldest_snapshot,
        })
    }
}
