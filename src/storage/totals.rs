//! The total of every stream, held in memory beside each view: a list reads none from the disk.
//!
//! The file's own totals are those of its rows; what is buffered over these is added when they are
//! read. They take 40 bytes a stream, 640 a user or team; a commit copies the blocks that it changes.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use convodb_core::{Channel, Error, InboxNumber, Result, Status};

use super::keys::{self, StreamKey, index_kind};
use super::plan::STREAMS;
use super::tables;
use crate::index::Totals as _;
use crate::index::{self, HEAD, Stream, Total};
use convodb_kv::Read;

const STATES: usize = Status::ALL.len() * Channel::ALL.len();

/// The totals of what differs by status, channel and being unread alone.
type Family = [Total; 2 * STATES];

/// Five KiB a block: copying one costs a commit nothing beside its sync.
const FAMILIES_A_BLOCK: usize = 8;

/// A total whose row cannot be read; no stream has as many rows.
const UNREADABLE: Total = Total {
    rows: u64::MAX,
    height: 0,
    first: HEAD,
};

/// The totals of one view. Clones share what neither changes.
#[derive(Clone, Debug, Default)]
pub(super) struct Totals(Vec<Arc<[Family; FAMILIES_A_BLOCK]>>);

impl Totals {
    /// O(users and teams).
    pub(super) fn read(rows: &impl Read, next_owner: u32) -> Result<Self> {
        let mut totals = Self::default();
        let first = [index_kind::TOTALS];
        let last = [index_kind::TOTALS + 1];
        let keys = (Bound::Included(&first[..]), Bound::Excluded(&last[..]));
        for row in rows.range(tables::INDEX, keys)? {
            let (key, value) = row?;
            // What belongs to no stream of the file is for `verify` to tell of.
            let known = keys::parse_stream(key.get(1..).unwrap_or_default());
            let known = known.filter(|stream| stream.bucket < Some(next_owner));
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
    pub(super) fn of_bucket(&self, bucket: u32) -> Result<u64> {
        let mut streams = StreamKey::of_bucket(bucket);
        streams.try_fold(
            0,
            |rows, stream| Ok(rows + self.get(&stream.stream())?.rows),
        )
    }

    fn find(&self, stream: StreamKey) -> Option<Total> {
        let (block, family, place) = place(stream);
        self.0.get(block)?.get(family)?.get(place).copied()
    }

    fn slot(&mut self, stream: StreamKey) -> Option<&mut Total> {
        let (block, family, place) = place(stream);
        if self.0.len() <= block {
            self.0.resize_with(block + 1, Arc::default);
        }
        let block = self.0.get_mut(block).map(Arc::make_mut)?;
        block.get_mut(family)?.get_mut(place)
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

/// Where a stream's total is: in which block, in which of its families, and in which place there.
/// The family of all conversations comes before those of the buckets.
fn place(stream: StreamKey) -> (usize, usize, usize) {
    let family = stream.bucket.map_or(0, |bucket| bucket as usize + 1);
    let (status, inbox) = (stream.status, InboxNumber::from(stream.channel));
    let state = usize::from(keys::status_code(status)) * Channel::ALL.len() + inbox.get() as usize;
    (
        family / FAMILIES_A_BLOCK,
        family % FAMILIES_A_BLOCK,
        usize::from(stream.unread) * STATES + state,
    )
}
