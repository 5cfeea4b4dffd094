//! redb alone, laid out as convodb's files are and with nothing else: no checksums, no rules. The
//! floor: two ordered lists of whole rows, by state and by assignee, with a total for each stream.

mod load;
mod write;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result};
use convodb::{Channel, Status};
use redb::{Database, Range, ReadOnlyTable, ReadableDatabase as _, TableDefinition};

use super::flood;
use super::keys::{ID_LEN, Position, Record, message_key, parse_message};
use super::merge::{self, Stream};
use write::commit;

use crate::data::{Dataset, Directory};
use crate::engine::{Answers, Command, Engine, Flood, Page, Row, Rows, Thread};
use crate::plan::{Filter, LIMIT, Place, Plan, Target};

type Definition = TableDefinition<'static, &'static [u8], &'static [u8]>;
type ReadTable = ReadOnlyTable<&'static [u8], &'static [u8]>;

const RECORDS: Definition = TableDefinition::new("records");
const MESSAGES: Definition = TableDefinition::new("messages");
const LISTS: Definition = TableDefinition::new("lists");

const BY_STATE: u8 = 1;
const BY_ASSIGNEE: u8 = 2;
const TOTALS: u8 = 0x10;
const CACHE_BYTES: usize = 256 << 20;
/// What the keys of a conversation begin with, in each of the two lists.
fn streams_of(assignee: u16, status: Status, channel: Channel) -> [Vec<u8>; 2] {
    let [a, b] = assignee.to_be_bytes();
    let (status, channel) = (status as u8, channel as u8);
    [
        vec![BY_STATE, status, channel],
        vec![BY_ASSIGNEE, a, b, status, channel],
    ]
}

fn total_key(stream: &[u8]) -> Vec<u8> {
    [&[TOTALS], stream].concat()
}

fn streams(filter: &Filter) -> Vec<Vec<u8>> {
    let mut streams = Vec::new();
    for status in filter.statuses() {
        for channel in filter.channels() {
            if filter.assignees.is_empty() {
                let [by_state, _] = streams_of(0, status, channel);
                streams.push(by_state);
            }
            for assignee in &filter.assignees {
                let [_, by_assignee] = streams_of(*assignee, status, channel);
                streams.push(by_assignee);
            }
        }
    }
    streams
}

struct RowStream {
    rows: Range<'static, &'static [u8], &'static [u8]>,
    head: Option<(Position, redb::AccessGuard<'static, &'static [u8]>)>,
}

impl RowStream {
    fn new(table: &ReadTable, stream: &[u8], behind: Option<Position>) -> Result<Self> {
        let mut start = stream.to_vec();
        match behind {
            None => {}
            // Nothing lies between a position and the one that is one byte longer.
            Some(mark) => start.extend(mark.bytes().into_iter().chain([0])),
        }
        let mut end = stream.to_vec();
        end.extend([0xFF; super::keys::POSITION_LEN + 1]);
        let rows = table.range(&start[..]..&end[..])?;
        let mut stream = Self { rows, head: None };
        stream.advance()?;
        Ok(stream)
    }
}

impl Stream for RowStream {
    fn head(&self) -> Option<Position> {
        self.head.as_ref().map(|(position, _)| *position)
    }

    fn advance(&mut self) -> Result<()> {
        let next = self.rows.next().transpose()?;
        self.head = next.and_then(|(key, value)| Some((Position::parse(key.value())?, value)));
        Ok(())
    }

    fn skip(&mut self, rows: u64) -> Result<()> {
        for _ in 1..rows {
            self.rows.next().transpose()?;
        }
        if rows > 0 { self.advance() } else { Ok(()) }
    }
}

/// One transaction with its open tables, as long as nothing is written.
struct View {
    lists: ReadTable,
    records: ReadTable,
    messages: ReadTable,
}

pub(crate) struct Redb {
    path: PathBuf,
    directory: Directory,
    database: Option<Database>,
    view: Option<Arc<View>>,
    shapes: Vec<Vec<Vec<u8>>>,
    sidebar: Vec<Vec<Vec<u8>>>,
}

impl Redb {
    pub(crate) fn new(directory: Directory, at: &Path) -> Self {
        Self {
            path: at.join("raw.redb"),
            directory,
            database: None,
            view: None,
            shapes: Vec::new(),
            sidebar: Vec::new(),
        }
    }

    fn database(&self) -> Result<&Database> {
        self.database.as_ref().context("the database is closed")
    }

    fn view(&mut self) -> Result<Arc<View>> {
        if let Some(view) = &self.view {
            return Ok(Arc::clone(view));
        }
        let transaction = self.database()?.begin_read()?;
        let view = Arc::new(View {
            lists: transaction.open_table(LISTS)?,
            records: transaction.open_table(RECORDS)?,
            messages: transaction.open_table(MESSAGES)?,
        });
        self.view = Some(Arc::clone(&view));
        Ok(view)
    }
}

/// Opens a file that is laid out by anybody, and recovers it where a crash left it open.
fn recovered(path: &Path) -> Result<Database> {
    let mut builder = Database::builder();
    Ok(builder.set_cache_size(CACHE_BYTES).open(path)?)
}

fn total(lists: &ReadTable, streams: &[Vec<u8>]) -> Result<u64> {
    let mut sum = 0;
    for stream in streams {
        if let Some(total) = lists.get(&total_key(stream)[..])? {
            sum += u64::from_le_bytes(total.value().try_into()?);
        }
    }
    Ok(sum)
}

impl Answers for Redb {
    fn page(&mut self, shape: usize, place: &Place) -> Result<Page> {
        let view = self.view()?;
        let prefixes = self.shapes.get(shape).context("not prepared")?;
        let total = total(&view.lists, prefixes)?;
        let (behind, skip) = match place {
            Place::Page(page) => (None, (page - 1) * u64::from(LIMIT)),
            Place::Behind(mark) => (Some(Position::new(mark.updated_us, mark.id)), 0),
        };
        let streams = prefixes
            .iter()
            .map(|p| RowStream::new(&view.lists, p, behind));
        let mut streams = streams.collect::<Result<Vec<_>>>()?;
        let mut rows: Vec<Row> = Vec::with_capacity(LIMIT as usize);
        merge::page(&mut streams, skip, LIMIT as usize, |stream| {
            let (position, row) = stream.head.as_ref().context("no row")?;
            rows.push(Record::parse(row.value())?.row(position.id(), &self.directory));
            Ok(())
        })?;
        let rows = Rows::Plain(rows);
        Ok(Page { rows, total })
    }

    fn counts(&mut self) -> Result<Vec<u64>> {
        let view = self.view()?;
        self.sidebar
            .iter()
            .map(|streams| total(&view.lists, streams))
            .collect()
    }

    fn thread(&mut self, of: &Target) -> Result<Thread> {
        let view = self.view()?;
        let record = view.records.get(&of.id.to_be_bytes()[..])?;
        let record = record.context("no such conversation")?;
        let row = Record::parse(record.value())?.row(of.id, &self.directory);
        let (first, last) = (message_key(of.id, 0), message_key(of.id, u128::MAX));
        let messages = view.messages.range(&first[..]..=&last[..])?;
        let messages = messages.map(|entry| {
            let (key, bytes) = entry?;
            parse_message(&key.value()[ID_LEN..], bytes.value())
        });
        Ok(Thread::Plain(row, messages.collect::<Result<_>>()?))
    }
}

impl Engine for Redb {
    fn load(&mut self, data: &Dataset, loaded: &dyn Fn(u64)) -> Result<()> {
        let mut builder = Database::builder();
        let database = builder.set_cache_size(CACHE_BYTES).create(&self.path)?;
        load::load(&database, data, loaded)?;
        self.database = Some(database);
        Ok(())
    }

    fn compact(&mut self) -> Result<()> {
        self.view = None;
        self.database.as_mut().context("closed")?.compact()?;
        Ok(())
    }

    fn open(&mut self) -> Result<()> {
        self.database = Some(recovered(&self.path)?);
        Ok(())
    }

    fn close(&mut self) -> Result<()> {
        self.view = None;
        self.database = None;
        Ok(())
    }

    fn bytes(&self) -> Result<u64> {
        Ok(fs::metadata(&self.path)?.len())
    }

    fn prepare(&mut self, plan: &Plan) -> Result<()> {
        self.shapes = plan.shapes.iter().map(|s| streams(&s.filter)).collect();
        self.sidebar = plan.sidebar.iter().map(streams).collect();
        Ok(())
    }

    fn run(&mut self, command: &Command) -> Result<()> {
        self.view = None;
        commit(self.database()?, std::slice::from_ref(command))
    }

    fn ways(&self) -> &'static [&'static str] {
        &["plain commits", "groups made by hand"]
    }

    fn flood(&mut self, way: usize, commands: &[Vec<Command>]) -> Result<Flood> {
        self.view = None;
        let database = self.database()?;
        if way == 0 {
            let states = vec![(); commands.len()];
            return flood::alone(commands, states, |(), command| {
                commit(database, std::slice::from_ref(command))
            });
        }
        flood::grouped(commands, |group| commit(database, group))
    }
}
