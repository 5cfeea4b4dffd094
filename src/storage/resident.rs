//! The state that a snapshot caches in memory beside its tables.

use std::sync::Arc;

use convodb_core::{Hashes, Result};

use super::idempotency::Dated;
use super::{Directory, Head, Totals, meta};
use crate::kv::Read;

/// Clones share everything until one of them changes it.
#[derive(Clone, Debug)]
pub(crate) struct Resident {
    pub(super) directory: Arc<Directory>,
    pub(super) totals: Arc<Totals>,
    pub(super) head: Head,
    pub(super) hashes: Hashes,
    /// The last command whose key was forgotten, since the file was opened.
    pub(super) forgotten: Option<Dated>,
}

impl Resident {
    /// O(users and teams).
    pub(super) fn read(rows: &impl Read) -> Result<Self> {
        let head = Head::read(rows)?;
        Ok(Self {
            directory: Arc::new(Directory::read(rows, head.next_owner)?),
            totals: Arc::new(Totals::read(rows, head.next_owner)?),
            head,
            hashes: Hashes::new(meta::read_seed(rows)?),
            forgotten: None,
        })
    }
}
