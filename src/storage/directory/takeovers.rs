//! Takeovers that are not filed yet: the buckets of those who were removed, and whose they are now.
//!
//! Invariant: a moved bucket is known exactly while conversations are filed in it, or another that
//! is known moved into it. None is ever filed in it anew, so it empties and is forgotten.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use chrono::{DateTime, Utc};
use convodb_core::{Actor, AssigneeId, Error, Result, Succession};

use super::{Directory, Slot};
use crate::kv::{Read, WriteTables};
use crate::storage::keys::{self, catalog_kind};
use crate::storage::records::{AssigneeV1, MovedV1};
use crate::storage::{codec, tables};

/// What became of a bucket.
#[derive(Clone, Debug)]
pub(in crate::storage) struct Moved {
    /// Who was removed.
    pub(in crate::storage) assignee: AssigneeId,
    /// Whose bucket took over; it may have moved itself since.
    pub(in crate::storage) to: u32,
    pub(in crate::storage) at: DateTime<Utc>,
    pub(in crate::storage) actor: Option<Actor>,
}

/// Where the takeovers of a bucket end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Heir {
    /// One that has not moved; none where they lead in a circle or to nobody known.
    pub(super) bucket: Option<u32>,
    /// How many they are.
    pub(super) hops: u64,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Takeovers {
    moved: BTreeMap<u32, Moved>,
    /// The moved buckets of each heir, ascending.
    inherited: BTreeMap<u32, Vec<u32>>,
}

impl Takeovers {
    /// O(takeovers).
    pub(super) fn read(rows: &impl Read, next_bucket: u32) -> Result<Self> {
        let mut takeovers = Self::default();
        let (from, to) = ([catalog_kind::MOVED], [catalog_kind::MOVED + 1]);
        let keys = (Bound::Included(&from[..]), Bound::Excluded(&to[..]));
        for row in rows.range(tables::CATALOG, keys)? {
            let (key, bytes) = row?;
            let bucket = keys::parse_moved(&key)?;
            if !(keys::UNASSIGNED + 1..next_bucket).contains(&bucket) {
                return Err(Error::corrupted(format!("bucket {bucket} is impossible")));
            }
            let record: MovedV1<'_> = codec::decode(&key, &bytes)?;
            let moved = Moved {
                assignee: record.id()?,
                to: record.to,
                at: record.at()?,
                actor: record.actor()?,
            };
            takeovers.moved.insert(bucket, moved);
        }
        Ok(takeovers)
    }

    /// Who was removed and left this bucket.
    pub(super) fn removed(&self, bucket: u32) -> Option<&AssigneeId> {
        self.moved.get(&bucket).map(|moved| &moved.assignee)
    }
}

impl Directory {
    /// Whether conversations are filed in buckets that have moved.
    pub(in crate::storage) fn has_moved(&self) -> bool {
        !self.takeovers.moved.is_empty()
    }

    /// The buckets that have moved, ascending.
    pub(in crate::storage) fn moved(&self) -> impl Iterator<Item = u32> {
        self.takeovers.moved.keys().copied()
    }

    pub(in crate::storage) fn is_moved(&self, bucket: u32) -> bool {
        self.takeovers.moved.contains_key(&bucket)
    }

    /// The moved buckets whose conversations are those of this one.
    pub(in crate::storage) fn inherited(&self, bucket: u32) -> &[u32] {
        self.takeovers
            .inherited
            .get(&bucket)
            .map_or(&[], Vec::as_slice)
    }

    /// Whether the takeovers of a moved bucket end with somebody, or with nobody.
    pub(in crate::storage) fn has_heir(&self, bucket: u32) -> bool {
        matches!(self.slot(bucket), Slot::Moved(heir) if heir.bucket.is_some())
    }

    /// Whether another bucket moved into this one.
    pub(in crate::storage) fn is_entered(&self, bucket: u32) -> bool {
        self.takeovers
            .moved
            .values()
            .any(|moved| moved.to == bucket)
    }

    /// The takeovers of what is filed in a bucket, in the order in which they happened.
    pub(in crate::storage) fn successions(&self, mut bucket: u32) -> Result<Vec<Succession>> {
        // In a circle there would be no end.
        let (_, hops) = self.owner(bucket)?;
        let mut successions = Vec::with_capacity(usize::try_from(hops).unwrap_or_default());
        while let Some(moved) = self.takeovers.moved.get(&bucket) {
            successions.push(Succession {
                assignee: self.namesake(moved.to)?.cloned(),
                since: moved.at,
                actor: moved.actor.clone(),
            });
            bucket = moved.to;
        }
        Ok(successions)
    }

    /// Takes a user or team out of the directory; what is filed in its bucket is another's.
    pub(in crate::storage) fn remove(
        &mut self,
        rows: &mut WriteTables<'_>,
        bucket: u32,
        moved: Moved,
    ) -> Result<()> {
        rows.remove(tables::CATALOG, &keys::directory(&moved.assignee))?;
        self.by_id.remove(&moved.assignee);
        let key = keys::moved(bucket);
        let record = MovedV1 {
            kind: AssigneeV1::code(moved.assignee.kind()),
            id: moved.assignee.as_str(),
            to: moved.to,
            at_us: moved.at.timestamp_micros(),
            actor: moved.actor.as_ref().map(Actor::as_str),
        };
        rows.put(tables::CATALOG, &key, &codec::encode(&key, &record)?)?;
        self.takeovers.moved.insert(bucket, moved);
        self.set(bucket, Slot::Nothing);
        self.find_heirs();
        Ok(())
    }

    /// Forgets those of these buckets that have moved and in which nothing is filed any longer,
    /// and then those that only they had moved into.
    pub(in crate::storage) fn forget_empty(
        &mut self,
        rows: &mut WriteTables<'_>,
        mut among: BTreeSet<u32>,
        is_empty: impl Fn(u32) -> Result<bool>,
    ) -> Result<()> {
        while let Some(bucket) = among.pop_first() {
            let Some(to) = self.takeovers.moved.get(&bucket).map(|moved| moved.to) else {
                continue;
            };
            if is_empty(bucket)? && !self.is_entered(bucket) {
                rows.remove(tables::CATALOG, &keys::moved(bucket))?;
                self.takeovers.moved.remove(&bucket);
                if !matches!(self.slot(bucket), Slot::Present(_)) {
                    self.set(bucket, Slot::Nothing);
                }
                self.find_heirs();
                among.insert(to);
            }
        }
        Ok(())
    }

    /// Follows every takeover to its end, so that no lookup has to. O(takeovers).
    pub(super) fn find_heirs(&mut self) {
        let moved = &self.takeovers.moved;
        let mut heirs: BTreeMap<u32, Heir> = BTreeMap::new();
        for first in moved.keys() {
            let (mut path, mut bucket) = (BTreeSet::new(), *first);
            let mut way = Vec::new();
            let mut heir = loop {
                if let Some(known) = heirs.get(&bucket) {
                    break *known;
                }
                let Some(next) = moved.get(&bucket) else {
                    let ends = bucket == keys::UNASSIGNED || self.of_bucket(bucket).is_some();
                    break Heir {
                        bucket: ends.then_some(bucket),
                        hops: 0,
                    };
                };
                if !path.insert(bucket) {
                    break Heir {
                        bucket: None,
                        hops: 0,
                    };
                }
                way.push(bucket);
                bucket = next.to;
            };
            for bucket in way.into_iter().rev() {
                heir.hops += 1;
                heirs.insert(bucket, heir);
            }
        }
        self.takeovers.inherited.clear();
        for (bucket, heir) in heirs {
            if let Some(heir) = heir.bucket {
                let inherited = self.takeovers.inherited.entry(heir).or_default();
                inherited.push(bucket);
            }
            // One that is in the directory too is a damaged file's, and `verify` tells of it.
            if !matches!(self.slot(bucket), Slot::Present(_)) {
                self.set(bucket, Slot::Moved(heir));
            }
        }
    }
}
