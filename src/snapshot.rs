//! The store as it was at one moment.

use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::executor::Lease;

/// The store as it was at one moment: every query of [`Read`](crate::Read), all on one commit.
///
/// [`Store::snapshot`](crate::Store::snapshot) takes it. It is `Clone + Send + Sync`; clones share one
/// lease. A snapshot keeps the pages of the file that it sees from being reused, some 20 to 40 KB for
/// each command that follows it, so drop it when it is not needed.
///
/// It ends with [`SnapshotExpired`](crate::ErrorKind::SnapshotExpired) at its
/// [time to live](crate::Options::snapshot_ttl), and when the store is reopened or compacted.
#[derive(Clone)]
pub struct Snapshot {
    pub(crate) lease: Arc<Lease>,
    pub(crate) taken_at: DateTime<Utc>,
}

impl Snapshot {
    /// When it was taken, by the store's clock.
    #[must_use]
    pub fn taken_at(&self) -> DateTime<Utc> {
        self.taken_at
    }
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshot")
            .field("taken_at", &self.taken_at)
            .finish_non_exhaustive()
    }
}
