//! convodb-postgres, through its public API.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use convodb::{AssigneeId, Filter, PageRequest};
use convodb_postgres::commands::{Reopen, ReplyTo, Resolve, SaveAssignee};
use convodb_postgres::{Numbering, PgOptions, PgRead as _, PgStore, migrate, testing};
use tokio::runtime::Runtime;

use super::changes::{Change, Verb};
use crate::check::plain_id;
use crate::data::Dataset;
use crate::engine::{Answers, Page, Rows, Thread};
use crate::engines::convodb::{assignees, filter, import};
use crate::plan::{LIMIT, Place, Plan, Target};

/// A way to set convodb up. The first one has the cases that read, and each those that write.
#[derive(Clone, Copy)]
pub(crate) struct Configuration {
    pub(crate) name: &'static str,
    pub(crate) numbering: Numbering,
}

pub(crate) const CONFIGURATIONS: [Configuration; 2] = [
    Configuration {
        name: "convodb",
        numbering: Numbering::Head,
    },
    Configuration {
        name: "convodb_settled",
        numbering: Numbering::Settled,
    },
];

/// Makes the schema and fills the workspace. The counts are folded then.
pub(crate) async fn load(
    url: &str,
    configuration: Configuration,
    data: &Dataset,
    loaded: &(dyn Fn(u64) + Sync),
) -> Result<PgStore> {
    let options = PgOptions::new(url)?;
    migrate(&options).await?;
    let store = PgStore::open(options).await?;
    let mut invalid = None;
    let imports = data.conversations().map_while(|plain| {
        loaded(1);
        import(data, &plain)
            .map_err(|error| invalid = Some(error))
            .ok()
    });
    store.import_all(imports).await?;
    if let Some(error) = invalid {
        return Err(error.into());
    }
    // In a small inbox some have no conversation and were not imported.
    for (id, (_, one)) in assignees(&data.directory).iter().zip(data.directory.iter()) {
        if store.assignee(id).await.is_err() {
            let save = SaveAssignee {
                assignee: AssigneeId::clone(id),
                name: one.name.to_string(),
            };
            store.execute(save).await?;
        }
    }
    store.set_numbering(configuration.numbering).await?;
    fold(&store).await?;
    Ok(store)
}

/// Folds until nothing is left. The store's own work may be at it, and then one of the two gives way.
pub(crate) async fn fold(store: &PgStore) -> Result<()> {
    let mut last = Ok(());
    for _ in 0..MOST_FOLDS {
        if store.stats().await?.unfolded == 0 {
            return Ok(());
        }
        last = testing::settle_now(store).await;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    last?;
    bail!("additions to the lists are left")
}

/// More folds than any backlog takes.
const MOST_FOLDS: usize = 100;

/// Runs a command, which is durable then. Returns the id of the message that it made.
pub(crate) async fn run(store: &PgStore, change: &Change) -> Result<Option<u128>> {
    let conversation = change.target.typed;
    match &change.verb {
        Verb::Append(text) => {
            let reply = ReplyTo {
                conversation,
                reply: text.as_str().into(),
            };
            let sent = store.execute(reply).await?.value;
            return Ok(Some(plain_id(&sent.id.to_string())?));
        }
        Verb::Resolve => store.execute(Resolve { conversation }).await?,
        Verb::Reopen => store.execute(Reopen { conversation }).await?,
    };
    Ok(None)
}

/// A reader of it.
pub(crate) struct Ours<'a> {
    runtime: &'a Runtime,
    store: PgStore,
    shapes: Vec<Filter>,
    sidebar: Vec<Filter>,
}

impl<'a> Ours<'a> {
    pub(crate) fn new(
        runtime: &'a Runtime,
        store: PgStore,
        data: &Dataset,
        plan: &Plan,
    ) -> Result<Self> {
        let all = assignees(&data.directory);
        let shapes = plan.shapes.iter().map(|shape| filter(&shape.filter, &all));
        Ok(Self {
            runtime,
            store,
            shapes: shapes.collect::<Result<_>>()?,
            sidebar: plan
                .sidebar
                .iter()
                .map(|one| filter(one, &all))
                .collect::<Result<_>>()?,
        })
    }

    pub(crate) async fn read_page(&self, shape: usize, place: &Place) -> Result<Page> {
        let filter = self.shapes.get(shape).context("not prepared")?;
        let request = match place {
            Place::Page(page) => PageRequest::number(*page, LIMIT)?,
            Place::Behind(mark) => PageRequest::after(mark.cursor, LIMIT)?,
        };
        let page = self.store.list(filter, request).await?;
        Ok(Page {
            rows: Rows::Convodb(page.data),
            total: page.total,
        })
    }
}

impl Answers for Ours<'_> {
    fn page(&mut self, shape: usize, place: &Place) -> Result<Page> {
        self.runtime.block_on(self.read_page(shape, place))
    }

    fn counts(&mut self) -> Result<Vec<u64>> {
        Ok(self.runtime.block_on(self.store.counts(&self.sidebar))?)
    }

    fn thread(&mut self, of: &Target) -> Result<Thread> {
        let transcript = self.runtime.block_on(self.store.transcript(of.typed))?;
        Ok(Thread::Convodb(Box::new(transcript)))
    }
}
