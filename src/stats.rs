//! Counts and sizes of a store.

use std::time::Duration;

use chrono::{DateTime, Utc};
use convodb_core::{AssigneeKind, CommitSeq, EventSeq, Result, ViewId, ViewProgress};

use crate::executor::Counters;
use crate::storage::View;

/// Counts and sizes of a store. [`Store::stats`](crate::Store::stats) returns it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Conversations.
    pub conversations: u64,
    /// Messages of all conversations.
    pub messages: u64,
    /// Notes of all conversations.
    pub notes: u64,
    /// Rows of the index: two for each conversation, totals and count nodes.
    pub index_rows: u64,
    /// Rows of the catalog: unique keys, the directory, times of messages, counters.
    pub catalog_rows: u64,
    /// Events that are kept.
    pub events: u64,
    /// The number of the newest event; zero before the first.
    pub newest_event: EventSeq,
    /// Messages that have not come and for which receipts wait.
    pub unmatched: u64,
    /// Records of idempotency keys.
    pub idempotency_keys: u64,
    /// Conversations of [removed](crate::Execute::remove_assignee) users and teams that are left.
    pub to_reassign: u64,
    /// Conversations whose latest activity lies in the future: a clock was wrong.
    /// [`repair`](crate::Store::repair) clamps all times in the future.
    pub times_in_the_future: u64,
    /// Users in the directory.
    pub users: u64,
    /// Teams in the directory.
    pub teams: u64,
    /// Inboxes that were saved.
    pub inboxes: u64,
    /// What each saved view has and costs, in the order of the ids.
    pub views: Vec<ViewStats>,
    /// The number of commits that changed the store.
    pub commit_seq: CommitSeq,
    /// The time of the last of them, by the store's clock; 1970 before the first.
    pub last_commit_at: DateTime<Utc>,
    /// The size of the file, in bytes.
    pub file_bytes: u64,
    /// The bytes of all keys and values.
    pub stored_bytes: u64,
    /// The free bytes of the file at the last checkpoint. Later commits reuse them, and
    /// [`compact`](crate::Store::compact) returns them to the file system.
    pub free_bytes: u64,
    /// The bytes of the write-ahead log that no checkpoint contained at the last commit.
    pub wal_bytes: u64,
    /// The commands in them. A reassigned conversation counts as four.
    pub wal_commands: u64,
    /// Commit groups since the store was opened.
    pub groups: u64,
    /// The commands of these groups.
    pub grouped_commands: u64,
    /// The number of commands of the largest group.
    pub largest_group: u64,
    /// How long ago the write-ahead log was last synced, if it was synced since the store was opened.
    pub last_sync: Option<Duration>,
    /// How long that sync took.
    pub last_sync_took: Option<Duration>,
    /// The longest time for which a step of a checkpoint has held the write lock since the store was
    /// opened. Waiting for a checkpoint that commands have outrun is not a step.
    pub longest_checkpoint_step: Duration,
    /// Leases: snapshots and iterators that are held.
    pub snapshots: usize,
    /// How long the oldest of them has been held.
    pub oldest_snapshot: Option<Duration>,
}

/// What a store holds and does, as far as that costs little to read. [`Store::activity`](crate::Store::activity)
/// returns it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Activity {
    /// See [`Stats::conversations`].
    pub conversations: u64,
    /// See [`Stats::messages`].
    pub messages: u64,
    /// See [`Stats::unmatched`].
    pub unmatched: u64,
    /// See [`Stats::to_reassign`].
    pub to_reassign: u64,
    /// See [`Stats::commit_seq`].
    pub commit_seq: CommitSeq,
    /// See [`Stats::file_bytes`].
    pub file_bytes: u64,
    /// See [`Stats::wal_bytes`].
    pub wal_bytes: u64,
    /// See [`Stats::wal_commands`].
    pub wal_commands: u64,
    /// See [`Stats::groups`].
    pub groups: u64,
    /// See [`Stats::grouped_commands`].
    pub grouped_commands: u64,
    /// See [`Stats::last_sync_took`].
    pub last_sync_took: Option<Duration>,
    /// See [`Stats::snapshots`].
    pub snapshots: usize,
}

impl Activity {
    pub(crate) fn read(view: &View, snapshots: usize, counters: &Counters) -> Result<Self> {
        let [conversations, messages, ..] = view.counts()?;
        let logged = counters.logged;
        let synced = logged.and_then(|logged| logged.synced);
        Ok(Self {
            conversations,
            messages,
            unmatched: view.reader().count_unmatched()?,
            to_reassign: view.reader().count_redirected()?,
            commit_seq: view.head().commit_seq,
            file_bytes: view.file_bytes()?,
            wal_bytes: logged.map_or(0, |logged| logged.bytes),
            wal_commands: logged.map_or(0, |logged| logged.commands),
            groups: counters.groups,
            grouped_commands: counters.commands,
            last_sync_took: synced.map(|(_, took)| took),
            snapshots,
        })
    }
}

/// What a [saved view](crate::docs::rules#views) has and costs.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ViewStats {
    /// The view.
    pub id: ViewId,
    /// How many conversations are in its list, as far as that has been built.
    pub rows: u64,
    /// The bytes of their keys and values.
    pub bytes: u64,
    /// How far it has been built, until it is complete.
    pub building: Option<ViewProgress>,
    /// How many conversations were written into it, moved in it or taken out by commands since the store
    /// was opened: divided by [`Stats::grouped_commands`], what it costs a command.
    pub writes: u64,
}

impl ViewStats {
    fn read(view: &View) -> Result<Vec<Self>> {
        let reader = view.reader();
        let sizes = reader.sizes_of_views()?.into_iter();
        let stats = sizes.map(|(saved, rows, bytes, progress)| Self {
            id: saved.view.id.clone(),
            rows,
            bytes,
            building: progress,
            writes: saved.writes(),
        });
        Ok(stats.collect())
    }
}

impl Stats {
    pub(crate) fn read(
        view: &View,
        now: DateTime<Utc>,
        (snapshots, oldest_snapshot): (usize, Option<Duration>),
        counters: &Counters,
    ) -> Result<Self> {
        let activity = Activity::read(view, snapshots, counters)?;
        let [_, _, notes, index_rows, catalog_rows] = view.counts()?;
        let [stored_bytes, used_bytes] = view.sizes()?;
        let file_bytes = activity.file_bytes;
        let assignees = view.reader().assignees();
        let of_kind = |kind| assignees.iter().filter(|one| one.id.kind() == kind).count() as u64;
        let synced = counters.logged.and_then(|logged| logged.synced);
        Ok(Self {
            conversations: activity.conversations,
            messages: activity.messages,
            notes,
            index_rows,
            catalog_rows,
            events: view.head().events(),
            newest_event: view.head().newest_event,
            unmatched: activity.unmatched,
            idempotency_keys: view.reader().count_keys()?,
            to_reassign: activity.to_reassign,
            times_in_the_future: view.reader().count_after(view.head().clock(now))?,
            users: of_kind(AssigneeKind::User),
            teams: of_kind(AssigneeKind::Team),
            inboxes: view.reader().inboxes().len() as u64,
            views: ViewStats::read(view)?,
            commit_seq: activity.commit_seq,
            last_commit_at: view.head().newest_time,
            file_bytes,
            stored_bytes,
            free_bytes: file_bytes.saturating_sub(view.reserved_bytes() + used_bytes),
            wal_bytes: activity.wal_bytes,
            wal_commands: activity.wal_commands,
            groups: activity.groups,
            grouped_commands: activity.grouped_commands,
            largest_group: counters.largest_group,
            last_sync: synced.map(|(at, _)| at.elapsed()),
            last_sync_took: activity.last_sync_took,
            longest_checkpoint_step: counters
                .logged
                .map_or(Duration::ZERO, |logged| logged.longest_step),
            snapshots,
            oldest_snapshot,
        })
    }
}
