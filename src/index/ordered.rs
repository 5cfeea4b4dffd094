//! Streams in one table: each a key prefix, its rows in the order of their positions, and the
//! number of them kept beside.

use std::cmp::Reverse;
use std::collections::binary_heap::PeekMut;
use std::collections::{BTreeMap, BinaryHeap};
use std::fmt;
use std::ops::Bound;

use crate::error::{Error, Hex, Result};
use crate::kv::{KeyRange, Range, Read, Slice, Table, WriteTables};

/// The length of a position.
pub(crate) const POSITION_LEN: usize = 24;

/// Where a row stands in its stream; ascending.
pub(crate) type Position = [u8; POSITION_LEN];

const MAX_STREAM_LEN: usize = 7;
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

fn position_of(key: &[u8]) -> Result<&Position> {
    key.last_chunk()
        .ok_or_else(|| Error::corrupted(format!("a key of a stream is cut short: {}", Hex(key))))
}

/// The streams of one table, whose totals lie under a prefix of their own.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Streams {
    pub(crate) table: Table,
    pub(crate) totals: u8,
}

/// What the totals of a transaction gathered: one write a stream, however many rows moved.
pub(crate) type TotalDeltas = BTreeMap<Stream, i64>;

impl Streams {
    pub(crate) fn total_key(self, stream: &Stream) -> Vec<u8> {
        let mut key = vec![self.totals];
        key.extend_from_slice(stream.prefix());
        key
    }

    /// The number of rows of a stream. O(1): one read.
    pub(crate) fn total(self, rows: &impl Read, stream: &Stream) -> Result<u64> {
        match rows.get(self.table, &self.total_key(stream))? {
            Some(value) => parse_total(&value),
            None => Ok(0),
        }
    }

    /// The number of rows of each of these streams. Where their totals lie together, as those of
    /// a list by state or of one assignee do, one scan reads them. O(streams).
    pub(crate) fn totals(self, rows: &impl Read, streams: &[Stream]) -> Result<Vec<u64>> {
        // A scan of eight neighbours costs what two reads do.
        const WORTH_A_SCAN: usize = 3;
        let mut totals = Vec::with_capacity(streams.len());
        let groups = streams.chunk_by(|a, b| family(a) == family(b));
        for group in groups {
            match group {
                [first, .., last] if group.len() >= WORTH_A_SCAN => {
                    let (from, to) = (self.total_key(first), self.total_key(last));
                    let mut found =
                        rows.range(self.table, (Bound::Included(&from), Bound::Included(&to)))?;
                    let mut next = found.next().transpose()?;
                    for stream in group {
                        let key = self.total_key(stream);
                        while let Some((known, _)) = &next
                            && known[..] < key[..]
                        {
                            next = found.next().transpose()?;
                        }
                        totals.push(match &next {
                            Some((known, value)) if known[..] == key[..] => parse_total(value)?,
                            _ => 0,
                        });
                    }
                }
                _ => {
                    for stream in group {
                        totals.push(self.total(rows, stream)?);
                    }
                }
            }
        }
        Ok(totals)
    }

    /// Adds a row that is not there yet.
    pub(crate) fn insert(
        self,
        rows: &mut WriteTables<'_>,
        deltas: &mut TotalDeltas,
        stream: Stream,
        position: &Position,
        value: &[u8],
    ) -> Result<()> {
        rows.put(self.table, &stream.key(position), value)?;
        *deltas.entry(stream).or_default() += 1;
        Ok(())
    }

    /// Takes a row out that is there.
    pub(crate) fn remove(
        self,
        rows: &mut WriteTables<'_>,
        deltas: &mut TotalDeltas,
        stream: Stream,
        position: &Position,
    ) -> Result<()> {
        let key = stream.key(position);
        if !rows.remove(self.table, &key)? {
            return Err(Error::corrupted(format!("a row is missing: {}", Hex(&key))));
        }
        *deltas.entry(stream).or_default() -= 1;
        Ok(())
    }

    /// Writes the gathered totals; that of an emptied stream goes.
    pub(crate) fn settle(self, rows: &mut WriteTables<'_>, deltas: TotalDeltas) -> Result<()> {
        for (stream, delta) in deltas {
            if delta == 0 {
                continue;
            }
            let total = self
                .total(rows, &stream)?
                .checked_add_signed(delta)
                .ok_or_else(|| {
                    Error::corrupted(format!("the total of the stream {stream:?} is too small"))
                })?;
            let key = self.total_key(&stream);
            if total == 0 {
                rows.remove(self.table, &key)?;
            } else {
                rows.put(self.table, &key, &total.to_be_bytes())?;
            }
        }
        Ok(())
    }

    /// The rows of a stream after a position, or all.
    fn rows<'a, R: Read>(
        self,
        rows: &'a R,
        stream: &Stream,
        after: Option<&Position>,
    ) -> Result<Range<'a>> {
        let from = stream.key(after.unwrap_or(&[0; POSITION_LEN]));
        let to = stream.key(&[0xFF; POSITION_LEN]);
        let start = match after {
            Some(_) => Bound::Excluded(&from[..]),
            None => Bound::Included(&from[..]),
        };
        let keys: KeyRange<'_> = (start, Bound::Included(&to[..]));
        rows.range(self.table, keys)
    }

    /// Merges streams into one list in the order of their positions, from after one on, or all.
    /// O(streams) to begin, O(log streams) a row.
    pub(crate) fn merge<'a, R: Read>(
        self,
        rows: &'a R,
        streams: &[Stream],
        after: Option<&Position>,
    ) -> Result<Merge<'a>> {
        if let [stream] = streams {
            return Ok(Merge::One(self.rows(rows, stream, after)?));
        }
        Merge::many(streams.iter().map(|stream| self.rows(rows, stream, after)))
    }
}

/// What comes before a stream's status and channel: streams that differ only in these are
/// neighbours.
fn family(stream: &Stream) -> &[u8] {
    let prefix = stream.prefix();
    prefix
        .get(..prefix.len().saturating_sub(2))
        .unwrap_or(prefix)
}

pub(crate) fn parse_total(value: &[u8]) -> Result<u64> {
    value
        .try_into()
        .map(u64::from_be_bytes)
        .map_err(|_| Error::corrupted("a stream's total is malformed"))
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
