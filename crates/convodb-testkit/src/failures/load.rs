//! Writers on several stores, while something is done to what is beneath them.

use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use convodb_core::{ConversationId, ErrorKind};
use convodb_postgres::{PgOptions, PgStore, migrate};
use tokio::runtime::Runtime;

use super::check::check;
use super::history::{Answer, History};
use super::writer::{Manner, Writer, begin};
use crate::harness::report::{Breach, Report};
use crate::postgres::Server;

/// Runs what is async.
pub fn block_on<T>(work: impl Future<Output = T>) -> T {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    let new = || {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        builder.worker_threads(4).enable_all().build().unwrap()
    };
    RUNTIME.get_or_init(new).block_on(work)
}

/// What a harness is positive about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Control {
    None,
    /// What was acknowledged was not given.
    Hasty,
    /// What was given once is given twice.
    Twice,
    /// Commits do not compare versions.
    WithoutVersions,
}

/// Who writes.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    pub seed: u64,
    /// How long, beside what is done meanwhile.
    pub time: Duration,
    pub stores: usize,
    pub writers: u64,
    pub conversations: usize,
    pub control: Control,
}

impl Plan {
    pub const fn new(seed: u64, time: Duration) -> Self {
        Self {
            seed,
            time,
            stores: 3,
            writers: 12,
            conversations: 4,
            control: Control::None,
        }
    }

    pub const fn control(mut self, control: Control) -> Self {
        self.control = control;
        self
    }

    /// Options of a store of its writers.
    pub fn options(&self, url: &str, workspace: &str) -> PgOptions {
        let options = PgOptions::new(url)
            .unwrap()
            .workspace(workspace)
            .connections(4);
        match self.control {
            Control::WithoutVersions => options.without_versions(),
            _ => options,
        }
    }
}

/// A new database with the schema, on a server.
pub fn database(server: &Server) -> String {
    static MADE: AtomicU64 = AtomicU64::new(0);
    let name = format!("failures_{}", MADE.fetch_add(1, Ordering::Relaxed));
    server.psql("postgres", &format!("CREATE DATABASE {name}"));
    block_on(migrate(&PgOptions::new(&server.url(&name)).unwrap())).unwrap();
    name
}

/// What a harness looks for.
pub fn report() -> Report {
    Report::new(&[
        Breach::Lost,
        Breach::Torn,
        Breach::Wrong,
        Breach::Failed,
        Breach::Hung,
    ])
}

/// Writers to whom nothing happens. Counts the deadlocks of their database.
pub fn undisturbed(plan: Plan, server: &Server) -> Report {
    let mut report = report();
    let database = database(server);
    let url = server.url(&database);
    block_on(async {
        let options = (0..plan.stores)
            .map(|_| plan.options(&url, "main"))
            .collect();
        let load = Load::start(plan, options).await;
        tokio::time::sleep(plan.time).await;
        load.end(plan.options(&url, "main"), &mut report).await;
    });
    let sql = format!("SELECT deadlocks FROM pg_stat_database WHERE datname = '{database}'");
    report.tried("deadlocks", server.psql("postgres", &sql).parse().unwrap());
    report
}

/// Writers under way.
pub struct Load {
    pub ids: Arc<Vec<ConversationId>>,
    pub history: Arc<History>,
    is_over: Arc<AtomicBool>,
    tasks: Vec<tokio::task::JoinHandle<()>>,
}

impl Load {
    /// Stores what the writers share, and starts them on stores of these options.
    pub async fn start(plan: Plan, options: Vec<PgOptions>) -> Self {
        let mut stores = Vec::new();
        for options in options {
            stores.push(PgStore::open(options).await.unwrap());
        }
        let ids = Arc::new(begin(&stores[0], plan.conversations).await.unwrap());
        let (history, is_over) = (
            Arc::new(History::default()),
            Arc::new(AtomicBool::new(false)),
        );
        let mut tasks = Vec::new();
        for number in 0..plan.writers {
            let store = stores[number as usize % stores.len()].clone();
            let (ids, history, is_over) = (ids.clone(), history.clone(), is_over.clone());
            tasks.push(tokio::spawn(async move {
                let mut writer = Writer::new("w", number, store, &ids, plan.seed);
                writer.manner = match plan.control {
                    Control::Hasty => Manner::Hasty,
                    Control::Twice => Manner::Twice,
                    _ => Manner::Honest,
                };
                let record = |entry| history.put(entry);
                writer.run(u64::MAX, &is_over, &record).await;
            }));
        }
        Self {
            ids,
            history,
            is_over,
            tasks,
        }
    }

    /// Ends the writers, and holds the workspace against what they recorded.
    pub async fn end(self, options: PgOptions, report: &mut Report) {
        /// Longer than the deadline of a command.
        const MOST: Duration = Duration::from_secs(90);
        self.is_over.store(true, Ordering::SeqCst);
        let deadline = tokio::time::Instant::now() + MOST;
        for task in self.tasks {
            match tokio::time::timeout_at(deadline, task).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => report.found(Breach::Failed, || format!("a writer: {error}")),
                Err(_) => report.found(Breach::Hung, || "a writer has no answer".to_owned()),
            }
        }
        report.tried("acknowledged", self.history.acknowledged());
        report.tried("unknown", self.history.unknown());
        for entry in self.history.entries() {
            if let Answer::Refused(code) = &entry.answer
                && code != ErrorKind::PreconditionFailed.code()
            {
                report.found(Breach::Failed, || format!("refused: {entry:?}"));
            }
        }
        match PgStore::open(options).await {
            Ok(store) => {
                // Events that are settled have their numbers then.
                if let Err(error) = store.work_off().await {
                    report.found(Breach::Failed, || format!("the settler: {error}"));
                }
                check(&store, &self.ids, &self.history, report).await;
            }
            Err(error) => report.found(Breach::Unopened, || error.to_string()),
        }
    }
}
