//! The tables and the index beneath a store, as tests drive them.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::{Bound, Deref};
use std::path::Path;
use std::sync::Arc;

use convodb::Result;
use convodb::internals::index::{
    self, Among, Builder, CLASSES, Counter, Edits, Levels, OWN, Position, Stream, Streams, Total,
    Totals,
};
use convodb::internals::kv::{
    self, Database, Durability, Frozen, KeyRange, Memory, Over, OverRows, Range, Read, ReadTables,
    Setup, Slice, Table, WriteTables,
};
use convodb::testing::SystemDisk;

const TABLES: &[Table] = &[table(0), table(1)];
/// They share the first table with other rows.
const STREAMS: Streams = Streams {
    table: table(0),
    totals: 0x10,
    ranks: 0x11,
    union_totals: 0x12,
    union_ranks: 0x13,
    union: |stream| match **stream {
        [_, union, number] => Some((Stream::new(&[1, union]), usize::from(number) % CLASSES)),
        _ => None,
    },
};
const LEVELS: Levels = Levels::new(*b"a seed for tests");

const fn table(index: usize) -> Table {
    let name = if index == 0 { "first" } else { "second" };
    Table { index, name }
}

/// The streams of a union: each class has two.
pub const STREAMS_OF_A_UNION: u8 = 2 * CLASSES as u8;

fn stream(number: u8) -> Stream {
    let (union, number) = (number / STREAMS_OF_A_UNION, number % STREAMS_OF_A_UNION);
    Stream::new(&[1, union, number])
}

/// The class of a stream in its union.
pub fn class(number: u8) -> u8 {
    number % CLASSES as u8
}

/// The level to which a position rises in a stream, and in a union.
pub fn levels(position: &Position) -> [u8; 2] {
    [LEVELS.of::<OWN>(position), LEVELS.of::<CLASSES>(position)]
}

/// The rows of totals and counts above streams and their unions, computed from their rows alone. A
/// position is in one stream of a union.
pub fn counts(rows: &BTreeMap<u8, BTreeSet<Position>>) -> Result<BTreeMap<Vec<u8>, Vec<u8>>> {
    let mut counts = BTreeMap::new();
    let mut of_unions: BTreeMap<u8, BTreeMap<Position, usize>> = BTreeMap::new();
    for (number, positions) in rows {
        let counter = Counter::<OWN>::new(STREAMS, stream(*number));
        let of_stream = positions.iter().map(|position| (position, 0));
        add_counts(counter, of_stream, &mut counts)?;
        let union = of_unions.entry(number / STREAMS_OF_A_UNION).or_default();
        let class = usize::from(class(*number));
        union.extend(positions.iter().map(|position| (*position, class)));
    }
    for (union, rows) in of_unions {
        let counter = Counter::<CLASSES>::new(STREAMS, Stream::new(&[1, union]));
        let of_union = rows.iter().map(|(position, class)| (position, *class));
        add_counts(counter, of_union, &mut counts)?;
    }
    Ok(counts)
}

fn add_counts<'p, const C: usize>(
    counter: Counter<C>,
    rows: impl Iterator<Item = (&'p Position, usize)>,
    counts: &mut BTreeMap<Vec<u8>, Vec<u8>>,
) -> Result<()> {
    let mut builder = Builder::<C, _>::new(LEVELS, |level, first: &Position, entries| {
        let key = counter.node_key(level, first);
        counts.insert(key.to_vec(), index::encode_node(&entries));
        Ok(())
    });
    for (position, class) in rows {
        builder.row(position, class)?;
    }
    let (all, first) = builder.finish()?;
    if all.rows() > 0 {
        let first = (C == OWN).then_some(&first);
        counts.insert(counter.total_key(), all.encode(first));
    }
    Ok(())
}

/// The tables of a store file, or of a new one, for redb alone.
pub fn with_redb(path: &Path) -> redb::Database {
    let pages = kv::pages_on(&SystemDisk, path, 0).unwrap();
    let database = redb::Database::builder().create_with_backend(pages);
    database.unwrap()
}

/// A key and a value.
pub type Row = (Vec<u8>, Vec<u8>);

fn to_row<B: Deref<Target = [u8]>>((key, value): (B, B)) -> Row {
    (key.to_vec(), value.to_vec())
}

/// The totals of streams as they are in memory beside a view.
#[derive(Clone, Default)]
struct Known(BTreeMap<Stream, Total>);

impl Totals for Known {
    fn total_mut(&mut self, stream: &Stream) -> Result<&mut Total> {
        Ok(self.0.entry(*stream).or_default())
    }
}

fn fold(rows: &mut WriteTables<'_>, over: Over<'_>) -> Result<()> {
    let over = over.range(STREAMS.table, (Bound::Unbounded, Bound::Unbounded));
    over.map_or(Ok(()), |over| Edits::new(STREAMS, LEVELS).fold(rows, over))
}

/// A database in memory with two tables.
pub struct Tables {
    database: Arc<Database>,
    known: RefCell<Known>,
    frozen: Option<Frozen>,
}

impl Tables {
    pub fn new() -> Result<Self> {
        let setup = Setup {
            expected: None,
            rewrites: false,
            read_only: false,
            tables: TABLES,
            fold,
            cache_bytes: 1 << 20,
            lock_timeout: std::time::Duration::ZERO,
            access: None,
            file_id: *b"a file of a test",
            wal_bytes: 0,
        };
        let database = Database::open_memory(&Memory::default(), &setup)?;
        let transaction = database.begin_write()?;
        transaction.tables().create_all()?;
        database.commit(transaction, Durability::Durable)?;
        Ok(Self {
            database: Arc::new(database),
            known: RefCell::default(),
            frozen: None,
        })
    }

    /// Runs a job in a transaction, which commits where the job says so. Whether it was buffered to
    /// its end.
    pub fn write(&self, job: impl FnOnce(&mut Transaction<'_>) -> Result<bool>) -> Result<bool> {
        let transaction = self.database.begin_buffered()?;
        let (commits, known, memtable) = {
            let mut tables = Transaction {
                rows: transaction.tables(),
                edits: Edits::new(STREAMS, LEVELS),
                known: self.known.borrow().clone(),
            };
            let commits = job(&mut tables)?;
            tables.edits.settle(&mut tables.rows)?;
            (commits, tables.known, tables.rows.into_memtable())
        };
        if commits {
            self.known.replace(known);
        }
        let is_buffered = memtable.is_some();
        match memtable {
            _ if !commits => transaction.abort()?,
            Some(memtable) => self.database.commit_buffered(memtable)?,
            None => self.database.commit(transaction, Durability::Durable)?,
        }
        Ok(is_buffered)
    }

    /// Freezes what is buffered.
    pub fn freeze(&mut self) -> Result<()> {
        self.frozen = Some(self.database.freeze()?);
        Ok(())
    }

    /// Gives the engine what is frozen.
    pub fn write_frozen(&mut self) -> Result<()> {
        if let Some(frozen) = self.frozen.take() {
            let transaction = self.database.begin_write()?;
            transaction.write_frozen(frozen, |_| Ok(()))?;
            self.database.forget_frozen()?;
        }
        Ok(())
    }

    /// How much memory the live and the frozen tier take, about.
    pub fn buffered_bytes(&self) -> [usize; 2] {
        self.database.buffered_bytes()
    }

    pub fn view(&self) -> Result<View> {
        let known = self.known.borrow().clone();
        Ok(View(self.database.begin_read()?, known))
    }
}

/// The tables as a commit left them.
pub struct View(ReadTables, Known);

impl View {
    pub fn rows(&self) -> Rows<'_> {
        Rows(&self.0, &self.1)
    }

    /// The rows of totals and counts above all streams, which count the engine's rows.
    pub fn counts(&self) -> Result<BTreeMap<Vec<u8>, Vec<u8>>> {
        let first = [STREAMS.totals];
        let keys = (Bound::Included(&first[..]), Bound::Unbounded);
        let rows = self.0.range(STREAMS.table, keys)?;
        rows.map(|row| row.map(to_row)).collect()
    }
}

/// A write transaction.
pub struct Transaction<'t> {
    rows: WriteTables<'t>,
    edits: Edits,
    known: Known,
}

impl Transaction<'_> {
    pub fn rows(&self) -> Rows<'_> {
        Rows(&self.rows, &self.known)
    }

    pub fn put(&mut self, of: usize, key: &[u8], value: &[u8]) -> Result<()> {
        self.rows.put(table(of), key, value)
    }

    pub fn put_sorted(&mut self, of: usize, rows: &[Row]) -> Result<()> {
        let rows = rows.iter().map(|(key, value)| (&key[..], &value[..]));
        self.rows.put_sorted(table(of), rows)
    }

    pub fn remove(&mut self, of: usize, key: &[u8]) -> Result<bool> {
        self.rows.remove(table(of), key)
    }

    pub fn retain(
        &mut self,
        of: usize,
        keys: KeyRange<'_>,
        keep: impl Fn(&[u8]) -> bool,
    ) -> Result<()> {
        let keep = |_: &[u8], value: &[u8]| Ok(keep(value));
        self.rows.retain(table(of), keys, keep)
    }

    pub fn write_through(&mut self) -> Result<()> {
        self.rows.write_through()
    }

    /// Adds a row that is not there yet to a stream.
    pub fn insert(&mut self, number: u8, position: &Position) -> Result<()> {
        let place = (stream(number), *position);
        self.edits
            .insert(&mut self.rows, &mut self.known, &place, b"row")
    }

    /// Takes a row out of a stream that is there.
    pub fn take(&mut self, number: u8, position: &Position) -> Result<()> {
        let place = (stream(number), *position);
        self.edits.remove(&mut self.rows, &mut self.known, &place)
    }

    /// Adds many rows to a stream, in the order of their positions.
    pub fn insert_many(&mut self, number: u8, positions: &[Position]) -> Result<()> {
        let stream = stream(number);
        let keys: Vec<_> = positions.iter().map(|it| stream.key(it)).collect();
        let new = keys.iter().map(|key| (&key[..], &b"row"[..]));
        self.edits
            .insert_many(&mut self.rows, &mut self.known, &stream, new)
    }
}

/// The rows of a view, or of a transaction.
pub struct Rows<'a>(&'a dyn Read, &'a Known);

impl Read for Rows<'_> {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Slice<'_>>> {
        self.0.get(table, key)
    }

    fn range(&self, table: Table, keys: KeyRange<'_>) -> Result<Range<'_>> {
        self.0.range(table, keys)
    }

    fn len(&self, table: Table) -> Result<u64> {
        self.0.len(table)
    }

    fn range_beneath(&self, table: Table, keys: KeyRange<'_>) -> Result<Range<'_>> {
        self.0.range_beneath(table, keys)
    }

    fn over(&self, table: Table, keys: KeyRange<'_>) -> Option<OverRows<'_>> {
        self.0.over(table, keys)
    }
}

impl Rows<'_> {
    pub fn value(&self, of: usize, key: &[u8]) -> Result<Option<Vec<u8>>> {
        Ok(self.get(table(of), key)?.map(|value| value.to_vec()))
    }

    pub fn count(&self, of: usize) -> Result<u64> {
        self.len(table(of))
    }

    /// One row for each turn, from the front or from the back, read where it lies and handed on.
    pub fn turns(
        &self,
        of: usize,
        keys: KeyRange<'_>,
        turns: impl IntoIterator<Item = bool>,
    ) -> Result<Vec<[Option<Row>; 2]>> {
        let mut looked_at = kv::Rows::from(self.range(table(of), keys)?);
        let mut handed_on = self.range(table(of), keys)?;
        let mut turn = |from_front| {
            let (row, same) = match from_front {
                true => (looked_at.advance()?, handed_on.next()),
                false => (looked_at.advance_back()?, handed_on.next_back()),
            };
            Ok([row.map(to_row), same.transpose()?.map(to_row)])
        };
        turns.into_iter().map(&mut turn).collect()
    }

    /// The rows of streams in the order of their positions, behind so many of them.
    pub fn select(&self, numbers: &[u8], skip: u64, limit: usize) -> Result<Vec<Position>> {
        let totals = self.totals(numbers);
        let (from, skip) = index::select(self, STREAMS, self.among(numbers, &totals), skip)?;
        let mut merged = STREAMS.merge(self, &from);
        let skip = skip as usize;
        let mut rows = Vec::new();
        while rows.len() < skip + limit
            && let Some((key, _)) = merged.next()?
        {
            rows.push(*index::position_of(key)?);
        }
        Ok(rows.into_iter().skip(skip).collect())
    }

    /// How many rows of streams lie before a position.
    pub fn rank(&self, numbers: &[u8], position: &Position) -> Result<u64> {
        let totals = self.totals(numbers);
        index::rank(self, STREAMS, self.among(numbers, &totals), position)
    }

    /// Of the streams that have rows.
    fn totals(&self, numbers: &[u8]) -> Vec<(Stream, Total)> {
        let known = numbers.iter().map(|number| stream(*number));
        let known =
            known.map(|stream| (stream, self.1.0.get(&stream).copied().unwrap_or_default()));
        known.filter(|(_, total)| total.rows > 0).collect()
    }

    /// Counted by their unions, if they are all of their classes.
    fn among<'t>(&self, numbers: &[u8], streams: &'t [(Stream, Total)]) -> Among<'t> {
        let all = numbers.iter().map(|number| stream(*number));
        let all: BTreeSet<_> = all.collect();
        let unions: BTreeSet<_> = all.iter().map(STREAMS.union).collect();
        let mut known = self.1.0.keys();
        Among {
            streams,
            has_whole_classes: known
                .all(|known| all.contains(known) || !unions.contains(&(STREAMS.union)(known))),
        }
    }
}
