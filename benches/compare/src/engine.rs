//! What every engine can be asked, and what it answers: in its own types, so that none pays for
//! another's; only the checks bring the answers into one form.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use anyhow::Result;
use clap::ValueEnum;
use convodb::{Channel, Status};

use crate::data::{Assignee, Conversation, Dataset, Directory, Message, Rng, ulid};
use crate::engines;
use crate::measure::Written;
use crate::plan::{Place, Plan, Target};
use crate::views::Viewer;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Kind {
    Convodb,
    Sqlite,
    #[value(name = "sqlite_lean")]
    SqliteLean,
    #[value(name = "sqlite_expert")]
    SqliteExpert,
    Lmdb,
    Redb,
}

impl Kind {
    pub(crate) const ALL: [Self; 6] = [
        Self::Convodb,
        Self::Sqlite,
        Self::SqliteLean,
        Self::SqliteExpert,
        Self::Lmdb,
        Self::Redb,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Convodb => "convodb",
            Self::Sqlite => "sqlite",
            Self::SqliteLean => "sqlite_lean",
            Self::SqliteExpert => "sqlite_expert",
            Self::Lmdb => "lmdb",
            Self::Redb => "redb",
        }
    }

    /// An expert's detours are another way to read the file of `sqlite`.
    pub(crate) const fn has_file(self) -> bool {
        !matches!(self, Self::SqliteExpert)
    }

    pub(crate) const fn writes(self) -> bool {
        !matches!(self, Self::SqliteExpert | Self::Lmdb)
    }

    /// Whether a case of a list's page is this engine's.
    pub(crate) fn pages(self, depth: &str) -> bool {
        self != Self::SqliteExpert || matches!(depth, "half" | "last" | "spread")
    }

    /// What answers the cases of views; nothing where the engine has no such list, or is no better at it
    /// than another one.
    pub(crate) fn viewer(self, directory: &Path) -> Option<Box<dyn Viewer>> {
        let is_expert = match self {
            Self::Convodb => return Some(Box::new(engines::ConvodbViews::new(directory))),
            Self::Sqlite => false,
            Self::SqliteExpert => true,
            Self::SqliteLean | Self::Lmdb | Self::Redb => return None,
        };
        Some(Box::new(engines::SqliteViews::new(directory, is_expert)))
    }

    /// Makes the engine's file in the directory, packed and closed.
    pub fn make_file(self, data: &Dataset, directory: &Path, loaded: &dyn Fn(u64)) -> Result<()> {
        let mut engine = self.engine(data, directory);
        engine.load(data, loaded)?;
        engine.compact()?;
        engine.close()
    }

    pub(crate) fn engine(self, data: &Dataset, directory: &Path) -> Box<dyn Engine> {
        let names = data.directory.clone();
        match self {
            Self::Convodb => Box::new(engines::Convodb::new(names, directory)),
            Self::Sqlite => Box::new(engines::Sqlite::best(names, directory)),
            Self::SqliteLean => Box::new(engines::Sqlite::lean(names, directory)),
            Self::SqliteExpert => Box::new(engines::Expert::new(names, directory)),
            Self::Lmdb => Box::new(engines::Lmdb::new(names, directory)),
            Self::Redb => Box::new(engines::Redb::new(names, directory)),
        }
    }
}

/// A row of a list, as engines without types of their own give it.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    pub id: u128,
    pub contact: Box<str>,
    pub channel: Channel,
    pub status: Status,
    pub assignee: Option<Assignee>,
    pub created_us: i64,
    pub updated_us: i64,
}

impl Row {
    pub(crate) fn of(conversation: &Conversation, directory: &Directory) -> Self {
        Self {
            id: conversation.id,
            contact: conversation.contact().into(),
            channel: conversation.channel,
            status: conversation.status,
            assignee: directory.get(conversation.assignee).cloned(),
            created_us: conversation.created_us,
            updated_us: conversation.updated_us,
        }
    }
}

pub(crate) enum Rows {
    Plain(Vec<Row>),
    Convodb(Vec<convodb::Conversation>),
}

pub(crate) struct Page {
    pub(crate) rows: Rows,
    pub(crate) total: u64,
}

/// A conversation with its messages, oldest first.
pub(crate) enum Thread {
    Plain(Row, Vec<Message>),
    Convodb(Box<convodb::Transcript>),
}

#[derive(Clone)]
pub(crate) enum Command {
    /// An outbound message of today; it reopens.
    Append {
        to: Target,
        text: String,
    },
    /// It reopens too.
    Assign {
        to: Target,
        assignee: u16,
    },
    Resolve {
        to: Target,
    },
}

impl Command {
    pub(crate) const fn target(&self) -> Target {
        match self {
            Self::Append { to, .. } | Self::Assign { to, .. } | Self::Resolve { to } => *to,
        }
    }
}

/// Asks for a list's first page, on any thread.
pub(crate) type Reader = Box<dyn FnMut() -> Result<Page> + Send>;

/// Commands by many threads at once.
pub(crate) struct Flood {
    pub(crate) wall: Duration,
    pub(crate) latencies: Vec<Duration>,
}

/// What reads ask.
pub(crate) trait Answers {
    fn page(&mut self, shape: usize, place: &Place) -> Result<Page>;

    /// The totals of the sidebar.
    fn counts(&mut self) -> Result<Vec<u64>>;

    fn thread(&mut self, of: &Target) -> Result<Thread>;
}

pub(crate) trait Engine: Answers {
    /// Makes the file, as fast as the engine can. Everything is on the disk when it returns.
    fn load(&mut self, data: &Dataset, loaded: &dyn Fn(u64)) -> Result<()>;

    /// Gives unused space of the file back, where the engine has a way to.
    fn compact(&mut self) -> Result<()> {
        Ok(())
    }

    fn open(&mut self) -> Result<()>;

    fn close(&mut self) -> Result<()>;

    /// Of all files together.
    fn bytes(&self) -> Result<u64>;

    /// Takes the questions, once it is open, and prepares what can be prepared.
    fn prepare(&mut self, plan: &Plan) -> Result<()>;

    /// One command, durable when it returns.
    fn run(&mut self, command: &Command) -> Result<()>;

    /// How commands of many threads can be run.
    fn ways(&self) -> &'static [&'static str];

    /// Runs the commands of each thread, in that way, each durable before the thread's next.
    fn flood(&mut self, way: usize, commands: &[Vec<Command>]) -> Result<Flood>;

    /// Waits until what its commands left under way is done, so that it is not in another's turn.
    fn rest(&mut self) -> Result<()> {
        Ok(())
    }

    /// Makes a checkpoint of everything, where the engine has one.
    fn checkpoint(&mut self) -> Result<()> {
        Ok(())
    }

    /// What the engine has given to the file system since it was made, where it can be counted.
    fn written(&self) -> Option<Written<u64>> {
        None
    }

    /// A reader of a list that does not need the engine: nothing where none is measured.
    fn reader(&self, _shape: usize) -> Result<Option<Reader>> {
        Ok(None)
    }

    /// What should stand beside the figures.
    fn notes(&self) -> Vec<String> {
        Vec::new()
    }
}

pub fn now_us() -> i64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    now.map_or(0, |now| now.as_micros() as i64)
}

/// An id of this moment, for the engines that make none themselves.
pub fn new_message_id(now_us: i64) -> u128 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let mut rng = Rng::new(
        NEXT.fetch_add(1, Ordering::Relaxed)
            .wrapping_mul(0xD134_2543_DE82_EF95),
    );
    ulid(now_us, &mut rng)
}
