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

/// A position as numbers: merging and leaping compare hundreds of them, and mostly the first tells.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Point(pub(super) u64, u64, u64);

impl Point {
    /// Before every row.
    pub(super) const START: Self = Self(0, 0, 0);
    /// Behind every row.
    pub(super) const END: Self = Self(u64::MAX, u64::MAX, u64::MAX);

    pub(super) fn position(self) -> Position {
        let mut position = [0; POSITION_LEN];
        let (words, _) = position.as_chunks_mut();
        for (word, number) in words.iter_mut().zip([self.0, self.1, self.2]) {
            *word = number.to_be_bytes();
        }
        position
    }
}

impl From<&Position> for Point {
    fn from(position: &Position) -> Self {
        let (words, _) = position.as_chunks();
        let mut numbers = words.iter().map(|word| u64::from_be_bytes(*word));
        let mut next = || numbers.next().unwrap_or_default();
        Self(next(), next(), next())
    }
}

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

    /// The stream of a prefix that comes from the disk, if it can be one.
    pub(crate) fn parse(prefix: &[u8]) -> Option<Self> {
        (prefix.len() <= MAX_STREAM_LEN).then(|| Self::new(prefix))
    }

    pub(crate) fn prefix(&self) -> &[u8] {
        self.bytes
            .get(..usize::from(self.len))
            .unwrap_or(&self.bytes)
    }

    /// The key of a row.
    pub(crate) fn key(&self, position: &Position) -> RowKey {
        let mut bytes = [0; MAX_KEY_LEN];
        append(&mut bytes, self, position);
        RowKey {
            bytes,
            len: self.len + const { POSITION_LEN as u8 },
        }
    }
}

/// Writes a stream's prefix and a position behind it, each of a length that the compiler knows: a
/// page makes dozens of keys.
pub(super) fn append(bytes: &mut [u8], stream: &Stream, position: &Position) {
    if let Some(prefix) = bytes.first_chunk_mut() {
        *prefix = stream.bytes;
    }
    let tail = bytes.get_mut(usize::from(stream.len)..);
    if let Some(tail) = tail.and_then(<[u8]>::first_chunk_mut) {
        *tail = *position;
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

    /// Merges streams into one list in the order of their positions. A stream is opened only once
    /// the list comes to where it can begin. O(streams) to begin, O(log streams) a row.
    pub(crate) fn merge<'a, R: Read>(self, rows: &'a R, from: &[Start]) -> Result<Merge<'a, R>> {
        let merged = match from {
            [only] => Merged::One {
                rest: self.rows(rows, &only.stream, only.from.as_ref())?,
                row: None,
            },
            _ => Merged::many(from),
        };
        Ok(Merge {
            rows,
            streams: self,
            merged,
        })
    }
}

/// Where a stream begins in a merge.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Start {
    pub(crate) stream: Stream,
    pub(crate) from: Bound<Position>,
    /// No row from there on stands before this.
    pub(crate) least: Position,
}

/// A row's key and value where they lie.
pub(crate) type Row<'a> = (Slice<'a>, Slice<'a>);

/// Rows of one or many streams in the order of their positions, read one by one.
pub(crate) struct Merge<'a, R> {
    rows: &'a R,
    streams: Streams,
    merged: Merged<'a>,
}

#[expect(
    clippy::large_enum_variant,
    reason = "there is one a page, on the stack; a box would cost the commonest page an allocation"
)]
enum Merged<'a> {
    /// One stream is a list already.
    One {
        rest: Range<'a>,
        row: Option<Row<'a>>,
    },
    /// The heap holds whose row is next, or can be; the rows lie beside it, as moving them would
    /// cost more than comparing does.
    Many {
        heads: Vec<Head<'a>>,
        heap: BinaryHeap<Reverse<(Point, usize)>>,
        /// Whether the row of the first of the heap was shown, and the one behind it is wanted.
        shown: bool,
    },
}

impl Merged<'_> {
    fn many(from: &[Start]) -> Self {
        let head = |start: &Start| Head {
            start: *start,
            row: None,
            rest: None,
        };
        let place = |(index, start): (usize, &Start)| Reverse((Point::from(&start.least), index));
        Self::Many {
            heads: from.iter().map(head).collect(),
            heap: from.iter().enumerate().map(place).collect(),
            shown: false,
        }
    }
}

/// A stream's next row and the rows behind it; neither before the stream is opened.
struct Head<'a> {
    start: Start,
    row: Option<Row<'a>>,
    rest: Option<Range<'a>>,
}

impl<'a> Head<'a> {
    /// Goes on to the next row, and tells where it stands.
    fn advance<R: Read>(&mut self, rows: &'a R, streams: Streams) -> Result<Option<Point>> {
        let rest = match &mut self.rest {
            Some(rest) => rest,
            // Opening costs as much as reading ten rows.
            closed => {
                let Start { stream, from, .. } = &self.start;
                closed.insert(streams.rows(rows, stream, from.as_ref())?)
            }
        };
        self.row = rest.next().transpose()?;
        match &self.row {
            Some((key, _)) => Ok(Some(Point::from(position_of(key)?))),
            None => Ok(None),
        }
    }
}

impl<'a, R: Read> Merge<'a, R> {
    /// The next row, where it lies, as moving a row costs as much as reading it. After an error
    /// there is none: a list that went on would lack rows without saying so.
    pub(crate) fn next(&mut self) -> Result<Option<&Row<'a>>> {
        let (rows, streams) = (self.rows, self.streams);
        match &mut self.merged {
            Merged::One { rest, row } => {
                *row = rest.next().transpose()?;
                Ok(row.as_ref())
            }
            Merged::Many { heads, heap, shown } => {
                match find_next(rows, streams, heads, heap, shown) {
                    Ok(found) => Ok(found
                        .and_then(|index| heads.get(index))
                        .and_then(|head| head.row.as_ref())),
                    Err(error) => {
                        heap.clear();
                        Err(error)
                    }
                }
            }
        }
    }
}

/// Which head's row is next.
fn find_next<'a, R: Read>(
    rows: &'a R,
    streams: Streams,
    heads: &mut [Head<'a>],
    heap: &mut BinaryHeap<Reverse<(Point, usize)>>,
    shown: &mut bool,
) -> Result<Option<usize>> {
    while let Some(mut top) = heap.peek_mut() {
        let Reverse((_, index)) = *top;
        let Some(head) = heads.get_mut(index) else {
            break;
        };
        if head.row.is_some() && !*shown {
            *shown = true;
            return Ok(Some(index));
        }
        *shown = false;
        match head.advance(rows, streams)? {
            Some(next) => *top = Reverse((next, index)),
            None => drop(PeekMut::pop(top)),
        }
    }
    Ok(None)
}
