//! Counts and sizes.

use convodb::prelude::*;
use convodb::{
    Channel, CommitSeq, ContactFilter, EventSeq, Filter, PageRequest, Result, StatusFilter,
    ViewProgress, ViewStats,
};
use serde::{Deserialize, Serialize};

use crate::{OfFile, Reading};

/// Counts and sizes of a store. Its JSON is what `convodb stats --json` prints.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the names say it")]
pub struct Statistics {
    pub conversations: u64,
    pub messages: u64,
    pub notes: u64,
    /// Those that have a record.
    pub contacts: u64,
    pub users: u64,
    pub teams: u64,
    pub inboxes: u64,
    pub events: u64,
    pub newest_event: EventSeq,
    pub unmatched: u64,
    pub idempotency_keys: u64,
    pub to_reassign: u64,
    pub times_in_the_future: u64,
    pub commits: CommitSeq,
    #[serde(flatten)]
    pub kept: Kept,
    pub statuses: Vec<OfStatus>,
    pub views: Vec<OfView>,
}

/// What the one or the other kind of store keeps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
#[expect(clippy::exhaustive_enums, reason = "there are two kinds of store")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Kept {
    File {
        index_rows: u64,
        catalog_rows: u64,
        file_bytes: u64,
        stored_bytes: u64,
        free_bytes: u64,
    },
    Postgres {
        /// Additions to the lists that are not folded into their counts.
        unfolded: u64,
    },
}

/// The rows and the cost of a saved view.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the names say it")]
pub struct OfView {
    pub id: String,
    pub rows: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// What a command writes for a conversation that is in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes_per_row: Option<u64>,
    pub building: Option<ViewProgress>,
}

/// The numbers of conversations of a status.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the names say it")]
pub struct OfStatus {
    pub status: String,
    pub total: u64,
    pub unassigned: u64,
    pub unread: u64,
    pub whatsapp: u64,
    pub instagram: u64,
    pub messenger: u64,
    pub webchat: u64,
}

impl OfStatus {
    fn read(store: &dyn Reading, status: StatusFilter) -> Result<Self> {
        let count = |narrow: &dyn Fn(Filter) -> Filter| store.count(&narrow(Filter::new(status)));
        let on = |channel| count(&|filter| filter.channel(channel));
        Ok(Self {
            status: status.as_str().to_owned(),
            total: count(&|filter| filter)?,
            unassigned: count(&Filter::unassigned)?,
            unread: count(&Filter::unread)?,
            whatsapp: on(Channel::Whatsapp)?,
            instagram: on(Channel::Instagram)?,
            messenger: on(Channel::Messenger)?,
            webchat: on(Channel::Webchat)?,
        })
    }
}

fn statuses(store: &dyn Reading) -> Result<Vec<OfStatus>> {
    let statuses = [StatusFilter::Open, StatusFilter::Resolved];
    let statuses = statuses.map(|status| OfStatus::read(store, status));
    statuses.into_iter().collect()
}

impl Statistics {
    /// Those of a file.
    ///
    /// # Errors
    ///
    /// As [`Store::stats`].
    pub fn of_file(store: &Store) -> Result<Self> {
        // Before the snapshot, which `stats` would count.
        let stats = store.stats()?;
        let store = OfFile::new(store)?;
        let first = PageRequest::number(1, 1)?;
        let contacts = store.snapshot.list_contacts(&ContactFilter::All, first)?;
        let view = |view: &ViewStats| OfView {
            id: view.id.to_string(),
            rows: view.rows,
            bytes: Some(view.bytes),
            bytes_per_row: Some(view.bytes.checked_div(view.rows).unwrap_or_default()),
            building: view.building,
        };
        Ok(Self {
            conversations: stats.conversations,
            messages: stats.messages,
            notes: stats.notes,
            contacts: contacts.total,
            users: stats.users,
            teams: stats.teams,
            inboxes: stats.inboxes,
            events: stats.events,
            newest_event: stats.newest_event,
            unmatched: stats.unmatched,
            idempotency_keys: stats.idempotency_keys,
            to_reassign: stats.to_reassign,
            times_in_the_future: stats.times_in_the_future,
            commits: stats.commit_seq,
            kept: Kept::File {
                index_rows: stats.index_rows,
                catalog_rows: stats.catalog_rows,
                file_bytes: stats.file_bytes,
                stored_bytes: stats.stored_bytes,
                free_bytes: stats.free_bytes,
            },
            statuses: statuses(&store)?,
            views: stats.views.iter().map(view).collect(),
        })
    }

    /// Those of a workspace, on a thread that is none of the runtime's.
    ///
    /// # Errors
    ///
    /// As [`PgStore::stats`](convodb_postgres::PgStore::stats).
    #[cfg(feature = "postgres")]
    pub fn of_workspace(
        store: &convodb_postgres::PgStore,
        runtime: tokio::runtime::Handle,
    ) -> Result<Self> {
        let stats = runtime.block_on(store.stats())?;
        let store = crate::OfWorkspace::new(store, runtime)?;
        let mut views = Vec::new();
        for view in store.views()? {
            views.push(OfView {
                rows: match view.building {
                    // A list that is being built cannot be counted yet.
                    Some(progress) => progress.done,
                    None => store.count(&Filter::view(&view.id))?,
                },
                id: view.id.to_string(),
                bytes: None,
                bytes_per_row: None,
                building: view.building,
            });
        }
        Ok(Self {
            conversations: stats.conversations,
            messages: stats.messages,
            notes: stats.notes,
            contacts: stats.contacts,
            users: stats.users,
            teams: stats.teams,
            inboxes: stats.inboxes,
            events: stats.events,
            newest_event: stats.newest_event,
            unmatched: stats.unmatched,
            idempotency_keys: stats.idempotency_keys,
            to_reassign: stats.to_reassign,
            times_in_the_future: stats.times_in_the_future,
            commits: stats.commit_seq,
            kept: Kept::Postgres {
                unfolded: stats.unfolded,
            },
            statuses: statuses(&store)?,
            views,
        })
    }
}
