//! Users and teams, held in memory beside each view: reading a page looks up no name on the disk.

mod takeovers;

use std::collections::BTreeMap;
use std::ops::Bound;

use convodb_core::{Assignee, AssigneeId, Error, Result};

use super::keys::{self, catalog_kind};
use super::records::AssigneeV1;
use super::{codec, tables};
use crate::kv::{Read, WriteTables};
pub(super) use takeovers::Moved;
use takeovers::{Heir, Takeovers};

/// The users and teams of one view. A conversation and its index rows name its assignee by a
/// *bucket*, a number that is never used twice, so a rename touches one row of the file.
///
/// One who is removed leaves a *moved* bucket behind, for as long as conversations are filed in it:
/// they are its heir's, whom each lookup finds without following the takeovers in between.
#[derive(Clone, Debug, Default)]
pub(crate) struct Directory {
    by_id: BTreeMap<AssigneeId, u32>,
    // Its index is the bucket: a page looks one up a row.
    by_bucket: Vec<Slot>,
    takeovers: Takeovers,
}

/// What a bucket stands for.
#[derive(Clone, Debug, Default)]
enum Slot {
    #[default]
    Nothing,
    Present(Assignee),
    Moved(Heir),
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
        directory.takeovers = Takeovers::read(rows, next_bucket)?;
        directory.find_heirs();
        Ok(directory)
    }

    fn insert(&mut self, bucket: u32, assignee: Assignee) {
        self.by_id.insert(assignee.id.clone(), bucket);
        self.set(bucket, Slot::Present(assignee));
    }

    fn set(&mut self, bucket: u32, slot: Slot) {
        let index = bucket as usize;
        if self.by_bucket.len() <= index {
            self.by_bucket.resize(index + 1, Slot::Nothing);
        }
        if let Some(known) = self.by_bucket.get_mut(index) {
            *known = slot;
        }
    }

    fn slot(&self, bucket: u32) -> &Slot {
        self.by_bucket
            .get(bucket as usize)
            .unwrap_or(&Slot::Nothing)
    }

    fn of_bucket(&self, bucket: u32) -> Option<&Assignee> {
        match self.slot(bucket) {
            Slot::Present(assignee) => Some(assignee),
            Slot::Nothing | Slot::Moved(_) => None,
        }
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

    /// Whose the conversations of a bucket are, and how often they were taken over since they were
    /// filed in it. O(1).
    pub(super) fn owner(&self, bucket: u32) -> Result<(Option<&Assignee>, u64)> {
        let (heir, hops) = match self.slot(bucket) {
            Slot::Present(assignee) => return Ok((Some(assignee), 0)),
            Slot::Moved(heir) => (heir.bucket, heir.hops),
            Slot::Nothing => (Some(bucket), 0),
        };
        match heir {
            Some(keys::UNASSIGNED) => Ok((None, hops)),
            Some(heir) => match self.of_bucket(heir) {
                Some(assignee) => Ok((Some(assignee), hops)),
                None => Err(unknown(heir)),
            },
            None => Err(Error::corrupted(format!(
                "the takeover of bucket {bucket} leads to nobody"
            ))),
        }
    }

    /// Whom a bucket was made for, in the directory or removed; nobody for that of nobody.
    pub(super) fn namesake(&self, bucket: u32) -> Result<Option<&AssigneeId>> {
        if bucket == keys::UNASSIGNED {
            return Ok(None);
        }
        let present = self.of_bucket(bucket).map(|assignee| &assignee.id);
        let known = present.or_else(|| self.takeovers.removed(bucket));
        known.map(Some).ok_or_else(|| unknown(bucket))
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
}

fn unknown(bucket: u32) -> Error {
    Error::corrupted(format!("bucket {bucket} is not in the directory"))
}
