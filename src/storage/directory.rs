//! Users and teams, held in memory beside each view: reading a page looks up no name on the disk.

use std::collections::BTreeMap;
use std::ops::Bound;

use super::keys::{self, catalog_kind};
use super::records::AssigneeV1;
use super::{codec, tables};
use crate::domain::{Assignee, AssigneeId};
use crate::error::{Error, Result};
use crate::kv::{Read, WriteTables};

/// The users and teams of one view. A conversation and its index rows name its assignee by a
/// *bucket*, a number that is never used twice, so a rename touches one row of the file.
#[derive(Clone, Debug, Default)]
pub(crate) struct Directory {
    by_id: BTreeMap<AssigneeId, u32>,
    // Its index is the bucket: a page looks one up a row.
    by_bucket: Vec<Option<Assignee>>,
}

impl Directory {
    /// O(users and teams).
    pub(super) fn read(rows: &impl Read, next_bucket: u32) -> Result<Self> {
        let mut directory = Self::default();
        let (from, to) = ([catalog_kind::DIRECTORY], [catalog_kind::DIRECTORY + 1]);
        let keys = (Bound::Included(&from[..]), Bound::Excluded(&to[..]));
        for row in rows.range(tables::CATALOG, keys)? {
            let (key, bytes) = row?;
            let record: AssigneeV1<'_> = codec::decode(&key, &bytes)?;
            let id = record.id(key.get(1..).unwrap_or_default())?;
            if !(keys::UNASSIGNED + 1..next_bucket).contains(&record.bucket) {
                return Err(Error::corrupted(format!("`{id}` has an impossible bucket")));
            }
            directory.insert(record.bucket, Assignee::new(id, record.name));
        }
        Ok(directory)
    }

    fn insert(&mut self, bucket: u32, assignee: Assignee) {
        self.by_id.insert(assignee.id.clone(), bucket);
        let index = bucket as usize;
        if self.by_bucket.len() <= index {
            self.by_bucket.resize(index + 1, None);
        }
        if let Some(slot) = self.by_bucket.get_mut(index) {
            *slot = Some(assignee);
        }
    }

    fn of_bucket(&self, bucket: u32) -> Option<&Assignee> {
        self.by_bucket.get(bucket as usize)?.as_ref()
    }

    /// Users first, then teams, each by their ids.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Assignee> {
        self.by_id
            .values()
            .filter_map(|bucket| self.of_bucket(*bucket))
    }

    pub(crate) fn get(&self, id: &AssigneeId) -> Option<&Assignee> {
        self.of_bucket(*self.by_id.get(id)?)
    }

    pub(super) fn bucket(&self, id: &AssigneeId) -> Option<u32> {
        self.by_id.get(id).copied()
    }

    /// The bucket of an assignee, or that of nobody.
    pub(super) fn bucket_of(&self, assignee: Option<&AssigneeId>) -> Result<u32> {
        match assignee {
            None => Ok(keys::UNASSIGNED),
            Some(id) => self
                .bucket(id)
                .ok_or_else(|| Error::corrupted(format!("`{id}` is not in the directory"))),
        }
    }

    /// Who a bucket stands for; nobody for that of nobody.
    pub(super) fn assignee(&self, bucket: u32) -> Result<Option<&Assignee>> {
        if bucket == keys::UNASSIGNED {
            return Ok(None);
        }
        match self.of_bucket(bucket) {
            Some(assignee) => Ok(Some(assignee)),
            None => Err(Error::corrupted(format!(
                "bucket {bucket} is not in the directory"
            ))),
        }
    }

    pub(super) fn put(
        &mut self,
        rows: &mut WriteTables<'_>,
        bucket: u32,
        assignee: Assignee,
    ) -> Result<()> {
        let key = keys::directory(&assignee.id);
        let record = AssigneeV1 {
            kind: AssigneeV1::code(assignee.id.kind()),
            bucket,
            name: &assignee.name,
        };
        rows.put(tables::CATALOG, &key, &codec::encode(&key, &record)?)?;
        self.insert(bucket, assignee);
        Ok(())
    }

    pub(super) fn remove(&mut self, rows: &mut WriteTables<'_>, id: &AssigneeId) -> Result<()> {
        rows.remove(tables::CATALOG, &keys::directory(id))?;
        if let Some(bucket) = self.by_id.remove(id)
            && let Some(slot) = self.by_bucket.get_mut(bucket as usize)
        {
            *slot = None;
        }
        Ok(())
    }
}
