//! The total of every stream, held in memory beside each view: a list reads none from the disk.
//!
//! The file's own totals are those of its rows; what is buffered over these is added when they are
//! read. They take 40 bytes a stream, 960 a user or team for each four inboxes of its own; a commit
//! copies the blocks that it changes.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use convodb_core::directory::Directory;
use convodb_core::directory::inboxes::Inboxes;
use convodb_core::directory::placement::{self, Partition};
use convodb_core::{Channel, Error, Result, Standing};

use super::keys::{self, StreamKey, index_kind};
use super::plan::STREAMS;
use super::tables;
use crate::index::Totals as _;
use crate::index::{self, HEAD, Stream, Total};
use convodb_kv::Read;

/// So many inboxes share a block: as many as are there from the first.
const INBOXES: usize = Channel::ALL.len();

const STATES: usize = Standing::ALL.len() * INBOXES;

/// The totals of what differs by standing, inbox and being unread alone.
type Family = [Total; 2 * STATES];

/// Less than eight KiB a block: copying one costs a commit nothing beside its sync.
const FAMILIES_A_BLOCK: usize = 8;

/// A total whose row cannot be read; no stream has as many rows.
const UNREADABLE: Total = Total {
    rows: u64::MAX,
    height: 0,
    first: HEAD,
};

/// The totals of some inboxes, where they have any.
type Blocks = Vec<Option<Arc<[Family; FAMILIES_A_BLOCK]>>>;

/// The totals of one snapshot. Clones share what neither changes.
#[derive(Clone, Debug, Default)]
pub(super) struct Totals {
    partitions: Vec<Arc<Blocks>>,
    /// Of the lists of saved views.
    lists: Arc<BTreeMap<u32, Total>>,
}

impl Totals {
    /// Of owners with lesser numbers, and of the inboxes and views that are known. O(streams).
    pub(super) fn read(rows: &impl Read, next_owner: u32, directory: &Directory) -> Result<Self> {
        let mut totals = Self::default();
        let first = [index_kind::TOTALS];
        let last = [index_kind::TOTALS + 1];
        let keys = (Bound::Included(&first[..]), Bound::Excluded(&last[..]));
        for row in rows.range(tables::INDEX, keys)? {
            let (key, value) = row?;
            // What belongs to no stream of the file is for `verify` to tell of.
            let known = keys::parse_stream(key.get(1..).unwrap_or_default());
            let known = known.filter(|stream| match stream {
                StreamKey::Partition(of) => {
                    of.bucket < Some(next_owner) && directory.inboxes.named(of.inbox).is_some()
                }
                StreamKey::List(list) => directory.views.has_list(*list),
            });
            if let Some(slot) = known.and_then(|stream| totals.slot(stream)) {
                *slot = Total::decode(&value).unwrap_or(UNREADABLE);
            }
        }
        totals.add_over(rows)?;
        Ok(totals)
    }

    /// Adds what lies over the file's rows. O(these rows).
    fn add_over(&mut self, rows: &impl Read) -> Result<()> {
        let mut changed: BTreeMap<Stream, i64> = BTreeMap::new();
        let over = rows.over(tables::INDEX, (Bound::Unbounded, Bound::Unbounded));
        for ((stream, _), added) in over.into_iter().flat_map(|over| STREAMS.each_added(over)) {
            *changed.entry(stream).or_default() += i64::from(added);
        }
        for (stream, added) in changed {
            let first = STREAMS.first(rows, &stream, None)?;
            if let Ok(total) = self.total_mut(&stream) {
                total.rows = total.rows.saturating_add_signed(added);
                total.first = first.unwrap_or_default();
            }
        }
        Ok(())
    }

    /// An error where the file's total cannot be read.
    pub(super) fn get(&self, stream: &Stream) -> Result<Total> {
        let total = keys::parse_stream(stream).and_then(|stream| self.find(stream));
        match total {
            Some(UNREADABLE) => Err(unreadable(stream)),
            known => Ok(known.unwrap_or_default()),
        }
    }

    /// How many conversations a bucket has.
    pub(super) fn of_bucket(&self, bucket: u32, inboxes: &Inboxes) -> Result<u64> {
        let mut streams = Partition::of_bucket(bucket, inboxes);
        streams.try_fold(0, |rows, stream| {
            Ok(rows + self.get(&keys::partition_stream(stream))?.rows)
        })
    }

    fn find(&self, stream: StreamKey) -> Option<Total> {
        let [group, block, family, place] = match stream {
            StreamKey::Partition(of) => place(of),
            StreamKey::List(list) => return self.lists.get(&list).copied(),
        };
        let block = self.partitions.get(group)?.get(block)?.as_ref()?;
        block.get(family)?.get(place).copied()
    }

    fn slot(&mut self, stream: StreamKey) -> Option<&mut Total> {
        let [group, block, family, place] = match stream {
            StreamKey::Partition(of) => place(of),
            StreamKey::List(list) => {
                return Some(Arc::make_mut(&mut self.lists).entry(list).or_default());
            }
        };
        if self.partitions.len() <= group {
            self.partitions.resize_with(group + 1, Arc::default);
        }
        let blocks = self.partitions.get_mut(group).map(Arc::make_mut)?;
        if blocks.len() <= block {
            blocks.resize(block + 1, None);
        }
        let block = blocks.get_mut(block)?.get_or_insert_default();
        Arc::make_mut(block).get_mut(family)?.get_mut(place)
    }
}

impl index::Totals for Totals {
    fn total_mut(&mut self, stream: &Stream) -> Result<&mut Total> {
        let slot = keys::parse_stream(stream).and_then(|known| self.slot(known));
        let slot = slot.filter(|total| **total != UNREADABLE);
        slot.ok_or_else(|| unreadable(stream))
    }
}

fn unreadable(stream: &Stream) -> Error {
    Error::corrupted(format!("the total of the stream {stream:?} is malformed"))
}

/// Where a stream's total is: in which group of inboxes, in which block of that, in which of its
/// families, and in which place there. The family of all conversations comes before those of the
/// buckets.
fn place(stream: Partition) -> [usize; 4] {
    let family = stream.bucket.map_or(0, |bucket| bucket as usize + 1);
    let inbox = match stream.inbox.saved() {
        None => stream.inbox.channel() as usize,
        Some(others) => INBOXES + others,
    };
    let state = usize::from(placement::code(stream.standing)) * INBOXES + inbox % INBOXES;
    [
        inbox / INBOXES,
        family / FAMILIES_A_BLOCK,
        family % FAMILIES_A_BLOCK,
        usize::from(stream.unread) * STATES + state,
    ]
}
