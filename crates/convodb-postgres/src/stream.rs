//! The numbers of streams and of sort keys, as columns hold them.

use convodb_core::directory::placement::{Partition, Position, code};

/// Every conversation once, by its latest activity: its counts say which slices are divided further.
pub(crate) const ALL: i64 = -1;

const INBOX_BITS: u32 = 27;
const STANDING_BITS: u32 = 2;

/// The stream of a partition. The owner is above the state, and the inbox is below.
pub(crate) fn of_partition(partition: Partition) -> i64 {
    let owner = partition.bucket.map_or(0, |bucket| i64::from(bucket) + 1);
    let standing = i64::from(code(partition.standing));
    let inbox = i64::from(partition.inbox.get());
    let state = standing << INBOX_BITS | inbox;
    (owner << 1 | i64::from(partition.unread)) << (STANDING_BITS + INBOX_BITS) | state
}

/// The stream of a view's list.
pub(crate) fn of_list(list: u32) -> i64 {
    -2 - i64::from(list)
}

/// The number of the list that a stream is, if it is one.
pub(crate) fn list_of(stream: i64) -> Option<u32> {
    u32::try_from(-2 - stream).ok()
}

/// The stream whose counts say how a stream's slices are divided.
pub(crate) const fn family(stream: i64) -> i64 {
    if stream < ALL { stream } else { ALL }
}

/// The sort key of a place, in the order of signed numbers.
pub(crate) fn key(place: &Position) -> i64 {
    let [a, b, c, d, e, f, g, h, ..] = *place;
    key_of(u64::from_be_bytes([a, b, c, d, e, f, g, h]))
}

/// A sort key, in the order of signed numbers.
pub(crate) const fn key_of(key: u64) -> i64 {
    (key ^ 1 << 63).cast_signed()
}

/// What the stream of the unread ones has more than that of all.
pub(crate) const UNREAD: i64 = 1 << (STANDING_BITS + INBOX_BITS);
