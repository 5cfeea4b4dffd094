//! The tables that a store, a snapshot and a transaction read.

use std::sync::Arc;

use convodb_core::{CommitSeq, Result};

use crate::executor::Lease;
use crate::kv::{self, ReadTables, WriteTables};
use crate::snapshot::Snapshot;
use crate::storage::Reader;
use crate::store::Store;
use crate::transaction::Transaction;

/// What every query is written on. It is private, which seals [`Read`](crate::Read).
pub(crate) trait Source {
    type Tables: kv::Read;

    /// Runs a query on one commit, or on that and the writes of a transaction.
    fn query<T>(&self, query: impl FnOnce(&Reader<'_, Self::Tables>) -> Result<T>) -> Result<T>;

    /// A lease for a query that goes on after the call. A transaction has none.
    fn lease(&self) -> Result<Option<Arc<Lease>>>;

    /// The commit that it reads.
    fn commit(&self) -> Result<CommitSeq>;
}

impl Source for Store {
    type Tables = ReadTables;

    fn query<T>(&self, query: impl FnOnce(&Reader<'_, ReadTables>) -> Result<T>) -> Result<T> {
        query(&self.executor().view()?.reader())
    }

    fn lease(&self) -> Result<Option<Arc<Lease>>> {
        self.executor().current.lease().map(Some)
    }

    fn commit(&self) -> Result<CommitSeq> {
        Ok(self.executor().view()?.head().commit_seq)
    }
}

impl Source for Snapshot {
    type Tables = ReadTables;

    fn query<T>(&self, query: impl FnOnce(&Reader<'_, ReadTables>) -> Result<T>) -> Result<T> {
        query(&self.view()?.reader())
    }

    fn lease(&self) -> Result<Option<Arc<Lease>>> {
        Ok(Some(Arc::clone(Self::lease(self))))
    }

    fn commit(&self) -> Result<CommitSeq> {
        Ok(self.view()?.head().commit_seq)
    }
}

impl<'t> Source for Transaction<'t> {
    type Tables = WriteTables<'t>;

    fn query<T>(&self, query: impl FnOnce(&Reader<'_, WriteTables<'t>>) -> Result<T>) -> Result<T> {
        self.unit(|unit| unit.read(query))
    }

    fn lease(&self) -> Result<Option<Arc<Lease>>> {
        Ok(None)
    }

    fn commit(&self) -> Result<CommitSeq> {
        Ok(self.base())
    }
}
