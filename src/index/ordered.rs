//! Streams in one table: each a key prefix, and its rows in the order of their positions.

use std::cmp::Reverse;
use std::fmt;
use std::ops::Bound;

pub use convodb_core::directory::placement::{POSITION_LEN, Position};
use convodb_core::{Error, Hex, Result};

use convodb_kv::{OverRows, Range, Read, Rows, Table, TierRows};

/// A row: its stream, and where it is in it.
pub type Place = (Stream, Position);

/// A position as numbers: merging and leaping compare hundreds of them, and mostly the first one decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Point(pub(super) u64, u64, u64);

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
    #[inline]
    fn from(position: &Position) -> Self {
        let (words, _) = position.as_chunks();
        let mut numbers = words.iter().map(|word| u64::from_be_bytes(*word));
        let mut next = || numbers.next().unwrap_or_default();
        Self(next(), next(), next())
    }
}

pub(super) const MAX_STREAM_LEN: usize = 10;
pub(super) const MAX_KEY_LEN: usize = MAX_STREAM_LEN + POSITION_LEN;

/// A stream: the prefix that its rows share. Unused bytes are zero, so the derived order is the
/// order of the prefixes of one length.
pub type Stream = Key<MAX_STREAM_LEN>;

impl Stream {
    /// A prefix of at most ten bytes.
    pub fn new(prefix: &[u8]) -> Self {
        debug_assert!(prefix.len() <= MAX_STREAM_LEN, "a stream's prefix is short");
        let mut stream = Self::default();
        stream.push(prefix);
        stream
    }

    /// The stream of a prefix that comes from the disk, if it can be one.
    pub fn parse(prefix: &[u8]) -> Option<Self> {
        (prefix.len() <= MAX_STREAM_LEN).then(|| Self::new(prefix))
    }

    /// Whether a key is that of a row of this stream.
    #[inline]
    fn holds(&self, key: &[u8]) -> bool {
        match (key.first_chunk(), self.len) {
            (Some(head), 1..=8) => {
                let [b0, b1, b2, b3, b4, b5, b6, b7, ..] = self.bytes;
                let prefix = [b0, b1, b2, b3, b4, b5, b6, b7];
                let differing = u64::from_be_bytes(*head) ^ u64::from_be_bytes(prefix);
                differing.leading_zeros() >= 8 * u32::from(self.len)
            }
            _ => key.starts_with(self),
        }
    }

    /// The key of a row.
    pub fn key(&self, position: &Position) -> Key<MAX_KEY_LEN> {
        let mut bytes = [0; MAX_KEY_LEN];
        append(&mut bytes, self, position);
        Key {
            bytes,
            len: self.len + const { POSITION_LEN as u16 },
        }
    }
}

/// Writes a stream's prefix and a position behind it, each of a constant length: a
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

/// A key of at most so many bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key<const MAX: usize> {
    pub(super) bytes: [u8; MAX],
    pub(super) len: u16,
}

impl<const MAX: usize> Default for Key<MAX> {
    fn default() -> Self {
        let bytes = [0; MAX];
        Self { bytes, len: 0 }
    }
}

impl<const MAX: usize> Key<MAX> {
    /// Appends a part that is short enough.
    #[inline]
    pub fn push(&mut self, part: &[u8]) {
        let tail = self.bytes.get_mut(usize::from(self.len)..);
        let slot = tail.and_then(|tail| tail.get_mut(..part.len()));
        debug_assert!(slot.is_some(), "a key is short enough");
        if let Some(slot) = slot {
            slot.copy_from_slice(part);
            self.len += part.len() as u16;
        }
    }

    /// The last key that begins so.
    pub fn last(mut self) -> Self {
        if let Some(rest) = self.bytes.get_mut(usize::from(self.len)..) {
            rest.fill(u8::MAX);
        }
        self.len = const { MAX as u16 };
        self
    }
}

impl<const MAX: usize> fmt::Debug for Key<MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Hex(self))
    }
}

impl<const MAX: usize> std::ops::Deref for Key<MAX> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        let len = usize::from(self.len);
        self.bytes.get(..len).unwrap_or(&self.bytes)
    }
}

/// The last key that a row of a prefix can have.
fn last_key(prefix: &Stream) -> Key<MAX_KEY_LEN> {
    let mut key = Key::default();
    key.push(prefix);
    key.last()
}

/// The stream of a row.
pub(super) fn stream_of(key: &[u8]) -> Result<Stream> {
    let stream = key.split_last_chunk::<POSITION_LEN>();
    let stream = stream.and_then(|(stream, _)| Stream::parse(stream));
    stream.ok_or_else(|| cut_short(key))
}

fn cut_short(key: &[u8]) -> Error {
    Error::corrupted(format!("a key of a stream is cut short: {}", Hex(key)))
}

#[inline]
pub fn position_of(key: &[u8]) -> Result<&Position> {
    key.last_chunk().ok_or_else(|| cut_short(key))
}

/// The streams of one table, whose totals and nodes of counts have prefixes of their own.
#[derive(Clone, Copy, Debug)]
pub struct Streams {
    pub table: Table,
    pub totals: u8,
    pub ranks: u8,
    pub union_totals: u8,
    pub union_ranks: u8,
    /// The union that a stream belongs to, and its class there. The union's prefix is the beginning of
    /// those of its streams, and no position is in two of them.
    pub union: fn(&Stream) -> Option<(Stream, usize)>,
}

impl Streams {
    /// The streams of a prefix that have rows. O(these streams).
    pub(super) fn members(self, rows: &impl Read, prefix: &Stream) -> Result<Vec<Stream>> {
        let last = last_key(prefix);
        let mut members = Vec::new();
        let mut behind = Key::default();
        behind.push(prefix);
        loop {
            let keys = (Bound::Excluded(&behind[..]), Bound::Included(&last[..]));
            let Some((key, _)) = rows.range_beneath(self.table, keys)?.next().transpose()? else {
                return Ok(members);
            };
            let member = stream_of(&key)?;
            behind = member.key(&[0xFF; POSITION_LEN]);
            members.push(member);
        }
    }

    /// The first row of a stream, or the first behind a position.
    pub fn first(
        self,
        rows: &impl Read,
        stream: &Stream,
        behind: Option<&Position>,
    ) -> Result<Option<Position>> {
        let from = behind.map_or(Bound::Unbounded, Bound::Excluded);
        let first = self.rows(rows, stream, from)?.next().transpose()?;
        first.map(|(key, _)| position_of(&key).copied()).transpose()
    }

    /// The rows of a stream from a position on.
    pub fn rows<'a, R: Read>(
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

    /// The engine's rows of a stream from a position up to another one.
    pub(super) fn beneath<'a>(
        self,
        rows: &'a impl Read,
        stream: &Stream,
        from: &Position,
        to: &Position,
    ) -> Result<Range<'a>> {
        let (from, to) = (stream.key(from), stream.key(to));
        let keys = (Bound::Included(&from[..]), Bound::Excluded(&to[..]));
        rows.range_beneath(self.table, keys)
    }

    /// What lies over the streams of a prefix, if anything does.
    pub(super) fn over<'a>(self, rows: &'a impl Read, prefix: &Stream) -> Option<OverRows<'a>> {
        let last = last_key(prefix);
        rows.over(
            self.table,
            (Bound::Included(&prefix[..]), Bound::Included(&last[..])),
        )
    }

    /// The places that rows over the engine's change, with how many rows each adds.
    pub fn each_added(self, over: OverRows<'_>) -> impl Iterator<Item = (Place, i8)> {
        let added = over.tiers().into_iter().flat_map(TierRows::each_added);
        let added = added.filter(|(_, added)| *added != 0);
        added.filter_map(|(key, added)| {
            let (stream, position) = key.split_last_chunk()?;
            Some(((Stream::parse(stream)?, *position), added))
        })
    }

    /// Merges streams into one list in the order of their positions. A stream is opened only once
    /// the list comes to where it can begin. O(streams * log streams) to begin, O(streams that the
    /// next row comes behind) a row.
    pub fn merge<'a, R: Read>(self, rows: &'a R, from: &'a [Start]) -> Merge<'a, R> {
        let head = |(index, start): (usize, &Start)| (Point::from(&start.least), index);
        let mut order: Vec<_> = from.iter().enumerate().map(head).collect();
        order.sort_unstable_by_key(|(place, _)| Reverse(*place));
        Merge {
            rows,
            table: self.table,
            from,
            opened: from.iter().map(|_| None).collect(),
            order,
            shown: false,
        }
    }
}

/// Where a stream begins in a merge.
#[derive(Clone, Copy, Debug)]
pub struct Start {
    pub stream: Stream,
    pub from: Bound<Position>,
    /// No row from there on is before this.
    pub least: Position,
}

/// Rows of one or many streams in the order of their positions, read one by one.
pub struct Merge<'a, R> {
    rows: &'a R,
    table: Table,
    from: &'a [Start],
    /// The rows of each stream, once it is opened.
    opened: Vec<Option<Rows<'a>>>,
    /// The position of the next row of each stream, or a lower bound of it, the least last: most rows
    /// come from few of the streams, so the next one of a stream goes back behind few of the others. A
    /// heap takes 100 instructions a row more.
    order: Vec<(Point, usize)>,
    /// Whether the row of the last of these was shown, and the one behind it is wanted.
    shown: bool,
}

impl<'a, R: Read> Merge<'a, R> {
    /// The next row, its key and its value, where they lie. After an error there is none: a list
    /// that went on would lack rows without saying so.
    pub fn next(&mut self) -> Result<Option<(&[u8], &[u8])>> {
        let found = self.find_next().inspect_err(|_| self.order.clear())?;
        let opened = found.and_then(|index| self.opened.get(index)?.as_ref());
        Ok(opened.and_then(Rows::row))
    }

    /// Which stream's row is next.
    #[inline]
    fn find_next(&mut self) -> Result<Option<usize>> {
        while let Some((_, index)) = self.order.last().copied() {
            let (Some(start), Some(slot)) = (self.from.get(index), self.opened.get_mut(index))
            else {
                break;
            };
            let rows = match slot {
                Some(_) if !self.shown => {
                    self.shown = true;
                    return Ok(Some(index));
                }
                Some(rows) => rows,
                // Opening costs as much as reading eight rows.
                None => slot.insert(open(self.rows, self.table, start)?),
            };
            self.shown = false;
            match rows.advance()? {
                Some((key, _)) if start.stream.holds(key) => {
                    let next = Point::from(position_of(key)?);
                    self.put_back(next, index);
                }
                _ => drop(self.order.pop()),
            }
        }
        Ok(None)
    }

    /// The stream that comes last in the order goes on to its next row, behind those that come
    /// before that.
    #[inline]
    fn put_back(&mut self, next: Point, index: usize) {
        let Some((last, others)) = self.order.split_last_mut() else {
            return;
        };
        *last = (next, index);
        let behind = others.iter().rposition(|(place, _)| *place > next);
        let place = behind.map_or(0, |behind| behind + 1);
        if place < others.len()
            && let Some(passed) = self.order.get_mut(place..)
        {
            passed.rotate_right(1);
        }
    }
}

fn open<'a, R: Read>(rows: &'a R, table: Table, start: &Start) -> Result<Rows<'a>> {
    let from = start
        .from
        .as_ref()
        .map(|position| start.stream.key(position));
    let from = from.as_ref().map(|key| &key[..]);
    // The engine compares every row with the end of a range. Comparing the prefix is quicker.
    rows.range(table, (from, Bound::Unbounded)).map(Rows::from)
}
