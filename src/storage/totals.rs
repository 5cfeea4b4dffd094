//! The total of every stream, held in memory beside each view: a list reads none from the disk.
//!
//! The file's own totals are written with each commit and read when it is opened. They take 40
//! bytes a stream, 640 a user or team; a commit copies the blocks that it changes.

use std::ops::Bound;
use std::sync::Arc;

use convodb_core::{Channel, Error, InboxNumber, Result, Status};

use super::keys::{self, StreamKey, index_kind};
use super::tables;
use crate::index::{HEAD, Stream, Total};
use crate::kv::Read;

const STATES: usize = Status::ALL.len() * Channel::ALL.len();

/// The totals of what differs by status, channel and being unread alone.
type Family = [Total; 2 * STATES];

/// Five KiB a block: copying one costs a commit nothing beside its sync.
const FAMILIES_A_BLOCK: usize = 8;

/// A total whose row cannot be read; no stream is as high.
const UNREADABLE: Total = Total {
    rows: 0,
    height: u8::MAX,
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
            if let Some(stream) = known.filter(|stream| stream.bucket < Some(next_owner)) {
                totals.put(stream, Total::decode(&value).unwrap_or(UNREADABLE));
            }
        }
        Ok(totals)
    }

    /// An error where the file's total cannot be read.
    pub(super) fn get(&self, stream: &Stream) -> Result<Total> {
        let total = keys::parse_stream(stream).and_then(|stream| self.find(stream));
        match total {
            Some(UNREADABLE) => Err(Error::corrupted(format!(
                "the total of the stream {stream:?} is malformed"
            ))),
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

    pub(super) fn set(&mut self, stream: &Stream, total: Total) {
        if let Some(stream) = keys::parse_stream(stream) {
            self.put(stream, total);
        }
    }

    fn put(&mut self, stream: StreamKey, total: Total) {
        let (block, family, place) = place(stream);
        if self.0.len() <= block {
            self.0.resize_with(block + 1, Arc::default);
        }
        let block = self.0.get_mut(block).map(Arc::make_mut);
        let family = block.and_then(|block| block.get_mut(family));
        if let Some(slot) = family.and_then(|family| family.get_mut(place)) {
            *slot = total;
        }
    }
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
