//! LMDB by hand, to be read: eight index tables, one for each combination of filters, records
//! found by id, and a total for every combination of values.

mod load;

use std::fs;
use std::ops::Bound;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use convodb::{Channel, Status};
use heed::types::Bytes;
use heed::{CommitOrAbort, Env, EnvFlags, EnvOpenOptions, RoRange, RoTxn, WithTls};

use super::keys::{ID_LEN, Position, Record, message_key, parse_message};
use super::merge::{self, Stream};
use crate::data::{Dataset, Directory};
use crate::engine::{Answers, Command, Engine, Flood, Page, Rows, Thread};
use crate::plan::{Filter, LIMIT, Place, Plan, Target};

const MAP_BYTES: usize = 64 << 30;
const INDEXES: usize = 8;
const RECORDS: usize = 8;
const MESSAGES: usize = 9;
const TOTALS: usize = 10;
const TABLES: [&str; 11] = [
    "all",
    "channel",
    "status",
    "status+channel",
    "assignee",
    "assignee+channel",
    "assignee+status",
    "assignee+status+channel",
    "records",
    "messages",
    "totals",
];
type Database = heed::Database<'static, Bytes, Bytes>;
type Entries<'t> = RoRange<'t, Bytes, Bytes>;

struct Opened {
    env: Env,
    tables: [Database; 11],
}

/// What of a filter is fixed: the number of its index, and what keys there begin with.
struct Selection {
    index: usize,
    prefixes: Vec<Vec<u8>>,
    totals: Vec<[u8; 4]>,
}

const ANY: u8 = 0xFF;

fn prefix(assignee: Option<u16>, status: Option<Status>, channel: Option<Channel>) -> Vec<u8> {
    let mut prefix = Vec::with_capacity(4 + super::keys::POSITION_LEN);
    prefix.extend(assignee.map(u16::to_be_bytes).into_iter().flatten());
    prefix.extend(status.map(|status| status as u8));
    prefix.extend(channel.map(|channel| channel as u8));
    prefix
}

fn total_key(assignee: Option<u16>, status: Option<Status>, channel: Option<Channel>) -> [u8; 4] {
    let [a, b] = assignee.unwrap_or(u16::MAX).to_be_bytes();
    let status = status.map_or(ANY, |status| status as u8);
    [a, b, status, channel.map_or(ANY, |channel| channel as u8)]
}

const fn index(assignee: bool, status: bool, channel: bool) -> usize {
    (assignee as usize) << 2 | (status as usize) << 1 | channel as usize
}

impl Selection {
    fn new(filter: &Filter) -> Self {
        let assignees = match &filter.assignees[..] {
            [] => vec![None],
            some => some.iter().copied().map(Some).collect(),
        };
        let (status, channel) = (filter.status, filter.channel);
        let of = |assignee: &Option<u16>| *assignee;
        Self {
            index: index(
                !filter.assignees.is_empty(),
                status.is_some(),
                channel.is_some(),
            ),
            prefixes: assignees
                .iter()
                .map(|a| prefix(of(a), status, channel))
                .collect(),
            totals: assignees
                .iter()
                .map(|a| total_key(of(a), status, channel))
                .collect(),
        }
    }
}

/// The entries of a prefix; the iterator's own bound would cost a comparison a row.
struct Entry<'t> {
    entries: Entries<'t>,
    prefix: &'t [u8],
    head: Option<Position>,
}

impl<'t> Entry<'t> {
    fn new(entries: Entries<'t>, prefix: &'t [u8]) -> Result<Self> {
        let mut stream = Self {
            entries,
            prefix,
            head: None,
        };
        stream.advance()?;
        Ok(stream)
    }
}

impl Stream for Entry<'_> {
    fn head(&self) -> Option<Position> {
        self.head
    }

    fn advance(&mut self) -> Result<()> {
        let next = self.entries.next().transpose()?;
        self.head = next
            .filter(|(key, _)| key.starts_with(self.prefix))
            .and_then(|(key, _)| Position::parse(key));
        Ok(())
    }

    fn skip(&mut self, rows: u64) -> Result<()> {
        // What lies between two entries of a prefix has it too; behind its end there is none of
        // it any more.
        for _ in 1..rows {
            self.entries.next().transpose()?;
        }
        if rows > 0 { self.advance() } else { Ok(()) }
    }
}

pub(crate) struct Lmdb {
    path: PathBuf,
    directory: Directory,
    opened: Option<Opened>,
    shapes: Vec<Selection>,
    sidebar: Vec<Selection>,
}

impl Lmdb {
    pub(crate) fn new(directory: Directory, at: &Path) -> Self {
        Self {
            path: at.join("lmdb"),
            directory,
            opened: None,
            shapes: Vec::new(),
            sidebar: Vec::new(),
        }
    }

    fn opened(&self) -> Result<&Opened> {
        self.opened.as_ref().context("the environment is closed")
    }

    fn open_with(&mut self, flags: EnvFlags) -> Result<()> {
        fs::create_dir_all(&self.path)?;
        #[expect(
            unsafe_code,
            reason = "a file mapped into memory must not be changed by others, nor opened twice \
                      in a process: it lies in a directory of our own and is closed before it is \
                      opened again; without syncs it is only filled, and synced at the end"
        )]
        let env = unsafe {
            EnvOpenOptions::new()
                .map_size(MAP_BYTES)
                .max_dbs(TABLES.len() as u32)
                .flags(flags)
                .open(&self.path)?
        };
        let transaction = env.write_txn()?;
        let tables = env
            .create_databases_and_commit(transaction, |open, transaction| {
                let mut tables = Vec::with_capacity(TABLES.len());
                for name in TABLES {
                    tables.push(open.create_database::<Bytes, Bytes>(transaction, Some(name))?);
                }
                let tables: [_; 11] = tables
                    .try_into()
                    .map_err(|_| heed::Error::Mdb(heed::MdbError::DbsFull))?;
                Ok::<_, heed::Error>(CommitOrAbort::<_, ()>::Commit(tables))
            })?
            .unwrap_commit();
        self.opened = Some(Opened { env, tables });
        Ok(())
    }

    fn total(&self, opened: &Opened, txn: &RoTxn<'_, WithTls>, of: &Selection) -> Result<u64> {
        let mut sum = 0;
        for key in &of.totals {
            if let Some(bytes) = opened.tables[TOTALS].get(txn, key)? {
                sum += u64::from_le_bytes(bytes.try_into()?);
            }
        }
        Ok(sum)
    }
}

impl Answers for Lmdb {
    fn page(&mut self, shape: usize, place: &Place) -> Result<Page> {
        let opened = self.opened()?;
        let selection = self.shapes.get(shape).context("not prepared")?;
        let txn = opened.env.read_txn()?;
        let total = self.total(opened, &txn, selection)?;
        let (behind, skip) = match place {
            Place::Page(page) => (None, (page - 1) * u64::from(LIMIT)),
            Place::Behind(mark) => (Some(Position::new(mark.updated_us, mark.id)), 0),
        };
        let mut rows = Vec::with_capacity(LIMIT as usize);
        let mut take = |stream: &Entry<'_>| {
            let id = stream.head().context("no row")?.id();
            let record = opened.tables[RECORDS].get(&txn, &id.to_be_bytes())?;
            let record = Record::parse(record.context("an entry without a record")?)?;
            rows.push(record.row(id, &self.directory));
            Ok(())
        };
        let index = opened.tables[selection.index];
        let mut streams = Vec::with_capacity(selection.prefixes.len());
        for prefix in &selection.prefixes {
            let mut start = prefix.clone();
            start.extend(behind.iter().flat_map(|mark| mark.bytes()));
            let bound = match behind {
                // LMDB knows no empty key.
                None if start.is_empty() => Bound::Unbounded,
                None => Bound::Included(&start[..]),
                Some(_) => Bound::Excluded(&start[..]),
            };
            let entries = index.range(&txn, &(bound, Bound::Unbounded))?;
            streams.push(Entry::new(entries, prefix)?);
        }
        merge::page(&mut streams, skip, LIMIT as usize, &mut take)?;
        let rows = Rows::Plain(rows);
        Ok(Page { rows, total })
    }

    fn counts(&mut self) -> Result<Vec<u64>> {
        let opened = self.opened()?;
        let txn = opened.env.read_txn()?;
        let counts = self.sidebar.iter().map(|of| self.total(opened, &txn, of));
        counts.collect()
    }

    fn thread(&mut self, of: &Target) -> Result<Thread> {
        let opened = self.opened()?;
        let txn = opened.env.read_txn()?;
        let record = opened.tables[RECORDS].get(&txn, &of.id.to_be_bytes())?;
        let record = Record::parse(record.context("no such conversation")?)?;
        let (first, last) = (message_key(of.id, 0), message_key(of.id, u128::MAX));
        let range = (Bound::Included(&first[..]), Bound::Included(&last[..]));
        let messages = opened.tables[MESSAGES].range(&txn, &range)?;
        let messages = messages.map(|entry| {
            let (key, bytes) = entry?;
            parse_message(&key[ID_LEN..], bytes)
        });
        let messages = messages.collect::<Result<_>>()?;
        Ok(Thread::Plain(record.row(of.id, &self.directory), messages))
    }
}

impl Engine for Lmdb {
    fn load(&mut self, data: &Dataset, loaded: &dyn Fn(u64)) -> Result<()> {
        self.open_with(EnvFlags::NO_SYNC)?;
        load::load(self.opened()?, data, loaded)
    }

    fn open(&mut self) -> Result<()> {
        self.open_with(EnvFlags::empty())
    }

    fn close(&mut self) -> Result<()> {
        if let Some(opened) = self.opened.take() {
            opened.env.prepare_for_closing().wait();
        }
        Ok(())
    }

    fn bytes(&self) -> Result<u64> {
        Ok(fs::metadata(self.path.join("data.mdb"))?.len())
    }

    fn prepare(&mut self, plan: &Plan) -> Result<()> {
        self.shapes = plan
            .shapes
            .iter()
            .map(|s| Selection::new(&s.filter))
            .collect();
        self.sidebar = plan.sidebar.iter().map(Selection::new).collect();
        Ok(())
    }

    fn run(&mut self, _: &Command) -> Result<()> {
        bail!("LMDB is here to be read")
    }

    fn ways(&self) -> &'static [&'static str] {
        &[]
    }

    fn flood(&mut self, _: usize, _: &[Vec<Command>]) -> Result<Flood> {
        bail!("LMDB is here to be read")
    }
}
