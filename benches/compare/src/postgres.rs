//! `--postgres`: convodb-postgres beside a schema that a good engineer makes by hand, on one server.

mod changes;
mod events;
mod floods;
pub mod hand;
mod ours;
mod reads;
mod report;
#[cfg(test)]
mod tests;

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use convodb_postgres::PgStore;
use convodb_testkit::postgres::{Server, is_installed};
use indicatif::ProgressBar;
use tokio::runtime::{Builder, Runtime};
use tokio_postgres::{Client, NoTls};

use crate::cases::READS;
use crate::data::Dataset;
use crate::engine::{Answers, Thread};
use crate::measure::{Budget, Figure, Record};
use crate::plan::{Plan, Shape, Target, resolved, shapes};
use changes::{Draws, Inbox, Ledger, What};
use events::Consumed;
use floods::{Contestant, HAND};
use ours::{CONFIGURATIONS, Configuration};

/// Of a server: everything is durable, and pages are in memory.
pub const SETTINGS: [&str; 6] = [
    "fsync=on",
    "synchronous_commit=on",
    "full_page_writes=on",
    "shared_buffers=2GB",
    "max_wal_size=8GB",
    "checkpoint_timeout=30min",
];

/// A server to measure on.
pub(crate) enum Host {
    Own(Server),
    /// Its URL, and whether the databases stay there.
    Given(String, bool),
}

impl Host {
    /// A server of its own that keeps what it promises, or the one of a URL.
    pub(crate) fn new(url: Option<&str>, keep: bool) -> Result<Self> {
        if let Some(url) = url {
            return Ok(Self::Given(url.to_owned(), keep));
        }
        ensure!(
            is_installed(),
            "no PostgreSQL server is installed: see --postgres-url"
        );
        Ok(Self::Own(Server::start_with(&SETTINGS)))
    }

    fn url(&self, database: &str) -> String {
        match self {
            Self::Own(server) => server.url(database),
            Self::Given(url, _) => match url.split_once("://") {
                None => format!("{url} dbname={database}"),
                Some((_, rest)) => {
                    let mark = if rest.contains('?') { '&' } else { '?' };
                    format!("{url}{mark}dbname={database}")
                }
            },
        }
    }

    fn first_url(&self) -> String {
        match self {
            Self::Own(server) => server.url("postgres"),
            Self::Given(url, _) => url.clone(),
        }
    }
}

/// How much is measured.
#[derive(Clone, Copy)]
struct Effort {
    reads: Budget,
    rounds: usize,
    /// Commands of a caller in a round, of one and of many.
    alone: usize,
    many: usize,
    /// How long a reader reads beside writers.
    turn: Duration,
}

impl Effort {
    const SMALL: u32 = 10_000;

    const fn of(size: u32) -> Self {
        match size {
            ..Self::SMALL => Self {
                reads: Budget {
                    time: Duration::from_millis(2),
                    turn: Duration::from_millis(1),
                    min_rounds: 2,
                    max_rounds: 2,
                },
                rounds: 2,
                alone: 4,
                many: 2,
                turn: Duration::from_millis(40),
            },
            _ => Self {
                reads: READS,
                rounds: 15,
                alone: 100,
                many: 20,
                turn: Duration::from_secs(4),
            },
        }
    }

    const fn commands(&self, callers: usize) -> usize {
        if callers == 1 { self.alone } else { self.many }
    }
}

/// A database with all conversations.
struct Base {
    name: &'static str,
    url: String,
    database: String,
    /// Of convodb's.
    store: Option<PgStore>,
    /// A connection of its owner.
    client: Client,
}

pub(crate) struct Bench<'a> {
    runtime: &'a Runtime,
    data: Dataset,
    plan: Plan,
    inbox: Inbox,
    /// Of each configuration, and the hand-made one last.
    bases: Vec<Base>,
    ledgers: Vec<Ledger>,
    draws: Draws,
    effort: Effort,
    records: Vec<Record>,
    consumed: Vec<Consumed>,
    notes: Vec<String>,
    bar: ProgressBar,
}

fn all_shapes() -> Vec<Shape> {
    let mut all = shapes();
    let name = "resolved";
    all.push(Shape {
        name,
        filter: resolved(),
    });
    all
}

async fn connect(url: &str) -> Result<Client> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

fn fold_all(runtime: &Runtime, bases: &[Base]) -> Result<()> {
    let stores = bases.iter().filter_map(|base| base.store.as_ref());
    stores
        .into_iter()
        .try_for_each(|store| runtime.block_on(ours::fold(store)))
}

const fn messages_of(thread: &Thread) -> usize {
    match thread {
        Thread::Plain(_, messages) => messages.len(),
        Thread::Convodb(transcript) => transcript.messages.len(),
    }
}

impl Bench<'_> {
    fn record(&mut self, case: &str, engine: &'static str, unit: &'static str, figure: Figure) {
        self.records.push(Record {
            case: case.to_owned(),
            engine,
            size: self.data.size,
            unit,
            figure,
        });
    }

    fn owner(&self, who: &Contestant) -> Result<&Client> {
        Ok(&self.bases.get(who.base).context("no such database")?.client)
    }

    fn checkpoint(&self) -> Result<()> {
        let client = &self.bases.last().context("no database")?.client;
        Ok(self.runtime.block_on(client.batch_execute("CHECKPOINT"))?)
    }

    /// Makes and fills a database.
    fn load(&mut self, host: &Host, configuration: Option<Configuration>) -> Result<()> {
        let name = configuration.map_or(HAND, |configuration| configuration.name);
        let database = format!("compare_{name}_{}", std::process::id());
        self.bar.set_message(format!("loading {name}"));
        self.bar.set_length(self.data.size.into());
        self.bar.set_position(0);
        let url = host.url(&database);
        let bar = self.bar.clone();
        let loaded = move |more| bar.inc(more);
        let (client, store, seconds, bytes) = self.runtime.block_on(async {
            let first = connect(&host.first_url()).await?;
            let create = format!("CREATE DATABASE {database}");
            first.batch_execute(&create).await?;
            let client = connect(&url).await?;
            let started = Instant::now();
            let store = match configuration {
                Some(one) => Some(ours::load(&url, one, &self.data, &loaded).await?),
                None => {
                    hand::schema::load(&client, &self.data, &loaded).await?;
                    None
                }
            };
            let seconds = started.elapsed().as_secs_f64();
            client.batch_execute("VACUUM ANALYZE").await?;
            let size = "SELECT pg_database_size(current_database())";
            let bytes: i64 = client.query_one(size, &[]).await?.get(0);
            anyhow::Ok((client, store, seconds, bytes))
        })?;
        let rate = f64::from(self.data.size) / seconds;
        self.record("load", name, "conversations/s", Figure::single(rate));
        self.record("file", name, "bytes", Figure::single(bytes as f64));
        self.bases.push(Base {
            name,
            url,
            database,
            store,
            client,
        });
        self.ledgers.push(Ledger::default());
        Ok(())
    }

    /// The totals of each database, and the histories of some conversations, after commands.
    fn check_written(&self, contestants: &[Contestant]) -> Result<()> {
        for who in contestants {
            let ledger = self.ledgers.get(who.base).context("no such database")?;
            let base = self.bases.get(who.base).context("no such database")?;
            let expected = ledger.totals(&self.inbox, &self.plan.sidebar);
            let mut reader: Box<dyn Answers + '_> = match &base.store {
                Some(store) => Box::new(ours::Ours::new(
                    self.runtime,
                    store.clone(),
                    &self.data,
                    &self.plan,
                )?),
                None => Box::new(self.hand(false)?),
            };
            let counts = reader.counts()?;
            ensure!(
                counts == expected,
                "{}: the sidebar differs after commands: {counts:?} and not {expected:?}",
                who.name
            );
            for (number, appended) in ledger.some_appended(SOME) {
                let conversation = self.data.conversation(number);
                let thread = reader.thread(&Target::new(conversation.id))?;
                let (count, expected) = (
                    messages_of(&thread),
                    conversation.messages as usize + appended,
                );
                ensure!(
                    count == expected,
                    "{}: conversation {number} has {count} messages and not {expected}",
                    who.name
                );
            }
        }
        Ok(())
    }

    fn run(&mut self, host: &Host) -> Result<()> {
        for configuration in CONFIGURATIONS {
            self.load(host, Some(configuration))?;
        }
        self.load(host, None)?;
        self.checkpoint()?;
        self.bar.reset();
        self.bar.set_length(self.plan.shapes.len() as u64 * 4 + 11);
        self.bar.set_message("checking");
        self.check()?;
        self.reads()?;
        self.reads_beside()?;
        for callers in [1, 16, 64] {
            let case = format!("append/{callers}");
            self.write_case(&case, What::Appends, callers)?;
        }
        self.events()?;
        for callers in [16, 64] {
            let case = format!("status/{callers}");
            self.write_case(&case, What::Statuses, callers)?;
        }
        Ok(())
    }

    /// Removes the databases of a server that stays.
    fn remove(&mut self, host: &Host) -> Result<()> {
        let bases = std::mem::take(&mut self.bases);
        if !matches!(host, Host::Given(_, false)) {
            return Ok(());
        }
        self.runtime.block_on(async {
            let first = connect(&host.first_url()).await?;
            for base in bases {
                drop(base.client);
                if let Some(store) = base.store {
                    store.close();
                }
                let sql = format!("DROP DATABASE {} WITH (FORCE)", base.database);
                first.batch_execute(&sql).await?;
            }
            Ok(())
        })
    }
}

/// How many processes wanted the processors in the last minute, where the system says it.
fn load_average() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().unwrap_or_default().to_owned()
}

/// Conversations whose messages are counted after commands.
const SOME: usize = 40;

/// Measures on a server; returns the records and the table.
pub(crate) fn run(host: &Host, data: Dataset, bar: ProgressBar) -> Result<(Vec<Record>, String)> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    bar.set_message("planning");
    let mut bench = Bench {
        runtime: &runtime,
        plan: Plan::of(&data, all_shapes())?,
        inbox: Inbox::new(&data),
        bases: Vec::new(),
        ledgers: Vec::new(),
        draws: Draws::new(),
        effort: Effort::of(data.size),
        records: Vec::new(),
        consumed: Vec::new(),
        notes: Vec::new(),
        bar,
        data,
    };
    let before = load_average();
    let ran = bench.run(host);
    bench.notes.push(format!(
        "The load average was {before} when it began and {} when it ended.",
        load_average()
    ));
    bench.bar.finish_and_clear();
    let removed = bench.remove(host);
    ran?;
    removed?;
    let table = report::table(&bench);
    Ok((bench.records, table))
}
