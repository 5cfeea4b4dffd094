//! Streams in one table: each a key prefix, its rows in the order of their positions, and the
//! number of them kept beside.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::fmt;
use std::ops::Bound;

use super::counted::Total;
use crate::error::{Error, Hex, Result};
use crate::kv::{Range, Read, Slice, Table};

/// The length of a position.
pub(crate) const POSITION_LEN: usize = 24;

/// Where a row stands in its stream; ascending.
pub(crate) type Position = [u8; POSITION_LEN];

pub(super) const MAX_STREAM_LEN: usize = 7;
const MAX_KEY_LEN: usize = MAX_STREAM_LEN + POSITION_LEN;

/// The prefix that the rows of a stream share.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Stream {
    // Unused bytes are zero, so the derived order is the order of the prefixes of one length.
    bytes: [u8; MAX_STREAM_LEN],
    len: u8,
}

impl Stream {
    /// A prefix of at most seven bytes; what is longer would be cut, and none is.
    pub(crate) fn new(prefix: &[u8]) -> Self {
        debug_assert!(prefix.len() <= MAX_STREAM_LEN, "a stream's prefix is short");
        let mut bytes = [0; MAX_STREAM_LEN];
        for (byte, source) in bytes.iter_mut().zip(prefix) {
            *byte = *source;
        }
        let len = prefix.len().min(MAX_STREAM_LEN);
        Self {
            bytes,
            len: u8::try_from(len).unwrap_or_default(),
        }
    }

    pub(crate) fn prefix(&self) -> &[u8] {
        self.bytes
            .get(..usize::from(self.len))
            .unwrap_or(&self.bytes)
    }

    /// The key of a row.
    pub(crate) fn key(&self, position: &Position) -> RowKey {
        let mut key = RowKey {
            bytes: [0; MAX_KEY_LEN],
            len: self.len,
        };
        let parts = self.prefix().iter().chain(position);
        for (byte, source) in key.bytes.iter_mut().zip(parts) {
            *byte = *source;
        }
        key.len += const { POSITION_LEN as u8 };
        key
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Hex(self.prefix()))
    }
}

/// The key of a row: its stream and its position.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RowKey {
    bytes: [u8; MAX_KEY_LEN],
    len: u8,
}

impl std::ops::Deref for RowKey {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.bytes
            .get(..usize::from(self.len))
            .unwrap_or(&self.bytes)
    }
}

pub(crate) fn position_of(key: &[u8]) -> Result<&Position> {
    key.last_chunk()
        .ok_or_else(|| Error::corrupted(format!("a key of a stream is cut short: {}", Hex(key))))
}

/// The streams of one table, whose totals and nodes of counts lie under prefixes of their own.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Streams {
    pub(crate) table: Table,
    pub(crate) totals: u8,
    pub(crate) ranks: u8,
}

impl Streams {
    pub(crate) fn total_key(self, stream: &Stream) -> Vec<u8> {
        let mut key = vec![self.totals];
        key.extend_from_slice(stream.prefix());
        key
    }

    /// What is known of a whole stream. O(1): one read.
    pub(crate) fn total(self, rows: &impl Read, stream: &Stream) -> Result<Total> {
        match rows.get(self.table, &self.total_key(stream))? {
            Some(value) => Total::decode(&value),
            None => Ok(Total::default()),
        }
    }

    /// The rows of a stream from a position on.
    pub(crate) fn rows<'a, R: Read>(
        self,
        rows: &'a R,
        stream: &Stream,
        from: Bound<&Position>,
    ) -> Result<Range<'a>> {
        let from = from.map(|position| stream.key(position));
        let first = stream.key(&[0; POSITION_LEN]);
        let last = stream.key(&[0xFF; POSITION_LEN]);
        let start = match &from {
            Bound::Unbounded => Bound::Included(&first[..]),
            bound => bound.as_ref().map(|key| &key[..]),
        };
        rows.range(self.table, (start, Bound::Included(&last[..])))
    }

    /// Merges streams, each from a position on, into one list in the order of their positions.
    /// O(streams) to begin, O(log streams) a row.
    pub(crate) fn merge<'a, R: Read>(
        self,
        rows: &'a R,
        from: &[(Stream, Bound<Position>)],
    ) -> Result<Merge<'a>> {
        let open =
            |(stream, from): &(Stream, Bound<Position>)| self.rows(rows, stream, from.as_ref());
        match from {
            [only] => open(only).map(Merge::One),
            _ => Merge::many(from.iter().map(open)),
        }
    }
}

/// The row of a stream that is next, and the rows behind it.
pub(crate) struct Head<'a> {
    row: Option<Row<'a>>,
    rest: Range<'a>,
}

/// A row's key and value where they lie.
pub(crate) type Row<'a> = (Slice<'a>, Slice<'a>);

/// Rows of one or many streams in the order of their positions, read one by one.
#[expect(
    clippy::large_enum_variant,
    reason = "there is one a page, on the stack; a box would cost the commonest page an allocation"
)]
pub(crate) enum Merge<'a> {
    /// One stream is a list already.
    One(Range<'a>),
    /// The heap holds whose row is next; the rows lie beside it, as moving them would cost more
    /// than comparing does.
    Many {
        heads: Vec<Head<'a>>,
        heap: BinaryHeap<Reverse<(Position, usize)>>,
    },
}

impl<'a> Merge<'a> {
    fn many(streams: impl ExactSizeIterator<Item = Result<Range<'a>>>) -> Result<Self> {
        let mut heads = Vec::with_capacity(streams.len());
        let mut heap = BinaryHeap::with_capacity(streams.len());
        for rest in streams {
            let mut rest = rest?;
            if let Some(row) = rest.next().transpose()? {
                heap.push(Reverse((*position_of(&row.0)?, heads.len())));
                let row = Some(row);
                heads.push(Head { row, rest });
            }
        }
        Ok(Self::Many { heads, heap })
    }

    /// The next row; the one behind it in its stream takes its place.
    fn advance(
        heads: &mut [Head<'a>],
        heap: &mut BinaryHeap<Reverse<(Position, usize)>>,
    ) -> Result<Option<Row<'a>>> {
        let Some(mut top) = heap.peek_mut() else {
            return Ok(None);
        };
        let Reverse((position, index)) = &mut *top;
        let Some(head) = heads.get_mut(*index) else {
            return Ok(None);
        };
        let behind = head.rest.next().transpose()?;
        let next = match &behind {
            Some((key, _)) => Some(*position_of(key)?),
            None => None,
        };
        let row = std::mem::replace(&mut head.row, behind);
        match next {
            Some(next) => *position = next,
            None => drop(PeekMut::pop(top)),
        }
        Ok(row)
    }
}

impl<'a> Iterator for Merge<'a> {
    type Item = Result<Row<'a>>;

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::One(rows) => rows.next(),
            Self::Many { heads, heap } => {
                let row = Self::advance(heads, heap).transpose();
                if matches!(row, Some(Err(_))) {
                    // A list that went on after an error would lack rows without saying so.
                    heap.clear();
                }
                row
            }
        }
    }
}
