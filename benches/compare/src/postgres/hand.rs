//! What a good engineer makes of it by hand: tables, indexes, counters by triggers and an outbox.

pub mod pages;
pub mod schema;
pub(crate) mod writes;

use anyhow::{Context as _, Result};
use convodb::{Channel, DeliveryStatus, Direction, Status};
use deadpool_postgres::{Hook, HookError, Manager, Pool};
use tokio::runtime::Runtime;
use tokio_postgres::{NoTls, Row as PgRow};
use uuid::Uuid;

use crate::data::{Directory, Message};
use crate::engine::{Answers, Page, Row, Rows, Thread};
use crate::plan::{Filter, LIMIT, Place, Plan, Target};
use pages::{Pages, counters};

/// Plans hold for every page of a statement, and are not made anew for each.
const SETTINGS: &str = "SET plan_cache_mode = force_generic_plan; SET jit = off";

/// So many connections.
pub fn pool(url: &str, connections: usize) -> Result<Pool> {
    let manager = Manager::new(url.parse()?, NoTls);
    let set = Hook::async_fn(|client, _| {
        Box::pin(async move {
            let set = client.batch_execute(SETTINGS).await;
            set.map_err(HookError::Backend)
        })
    });
    let pool = Pool::builder(manager)
        .max_size(connections)
        .post_create(set);
    Ok(pool.build()?)
}

/// A conversation, whose columns begin behind so many others.
pub fn conversation(directory: &Directory, row: &PgRow, at: usize) -> Result<Row> {
    let place = |nth: usize| usize::try_from(row.get::<_, i16>(at + nth));
    Ok(Row {
        id: row.get::<_, Uuid>(at).as_u128(),
        contact: row.get::<_, &str>(at + 1).into(),
        channel: *Channel::ALL.get(place(2)?).context("channel")?,
        status: *Status::ALL.get(place(3)?).context("status")?,
        assignee: directory.get(u16::try_from(place(4)?)?).cloned(),
        created_us: row.get(at + 5),
        updated_us: row.get(at + 6),
    })
}

/// A message, whose columns begin behind so many others.
pub fn message(row: &PgRow, at: usize) -> Message {
    Message {
        id: row.get::<_, Uuid>(at).as_u128(),
        direction: match row.get::<_, i16>(at + 1) {
            0 => Direction::Inbound,
            _ => Direction::Outbound,
        },
        status: match row.get::<_, i16>(at + 2) {
            3 => DeliveryStatus::Delivered,
            _ => DeliveryStatus::Sent,
        },
        content: row.get::<_, &str>(at + 3).into(),
        created_us: row.get(at + 4),
    }
}

/// A reader of it.
pub(crate) struct Hand<'a> {
    runtime: &'a Runtime,
    pool: Pool,
    directory: Directory,
    pages: Vec<Pages>,
    sidebar: Vec<Filter>,
    counters: String,
    /// Whether deep pages read what they skip.
    is_offset: bool,
}

const CONVERSATION: &str = "SELECT id, contact, channel, status, assignee, created_at, updated_at \
     FROM conversation WHERE id = $1";
const MESSAGES: &str = "SELECT id, direction, status, content, created_at FROM message \
     WHERE conversation = $1 ORDER BY created_at";

impl<'a> Hand<'a> {
    pub(crate) fn new(
        runtime: &'a Runtime,
        pool: Pool,
        directory: Directory,
        plan: &Plan,
        is_offset: bool,
    ) -> Self {
        Self {
            runtime,
            pool,
            directory,
            pages: plan
                .shapes
                .iter()
                .map(|shape| Pages::of(&shape.filter))
                .collect(),
            sidebar: plan.sidebar.clone(),
            counters: counters(&plan.sidebar),
            is_offset,
        }
    }

    pub(crate) async fn read_page(&self, shape: usize, place: &Place) -> Result<Page> {
        let pages = self.pages.get(shape).context("not prepared")?;
        let client = self.pool.get().await?;
        let rows = match place {
            Place::Page(1) => {
                let first = client.prepare_cached(&pages.first).await?;
                client.query(&first, &[]).await?
            }
            Place::Page(page) => {
                let sql = match self.is_offset {
                    true => &pages.offset,
                    false => &pages.joined,
                };
                let deep = client.prepare_cached(sql).await?;
                let skip = i64::try_from((page - 1) * u64::from(LIMIT))?;
                client.query(&deep, &[&skip]).await?
            }
            Place::Behind(mark) => {
                let behind = client.prepare_cached(&pages.behind).await?;
                let id = Uuid::from_u128(mark.id);
                client.query(&behind, &[&mark.updated_us, &id]).await?
            }
        };
        let total: i64 = rows.first().context("no total")?.get(0);
        let is_row = |row: &&PgRow| row.get::<_, Option<Uuid>>(1).is_some();
        let shown = rows.iter().filter(is_row);
        let shown = shown.map(|row| conversation(&self.directory, row, 1));
        Ok(Page {
            rows: Rows::Plain(shown.collect::<Result<_>>()?),
            total: total.unsigned_abs(),
        })
    }

    async fn read_counts(&self) -> Result<Vec<u64>> {
        let client = self.pool.get().await?;
        let counters = client.prepare_cached(&self.counters).await?;
        let rows = client.query(&counters, &[]).await?;
        let mut totals = vec![0; self.sidebar.len()];
        for row in &rows {
            let [assignee, status, channel]: [i16; 3] = [row.get(0), row.get(1), row.get(2)];
            let count = row.get::<_, i64>(3).unsigned_abs();
            for (filter, total) in self.sidebar.iter().zip(&mut totals) {
                let is_owner = match u16::try_from(assignee) {
                    Ok(number) => filter.assignees.contains(&number),
                    Err(_) => filter.assignees.is_empty(),
                };
                let is_status = filter.status.is_none_or(|one| one as i16 == status);
                let is_channel = filter.channel.is_none_or(|one| one as i16 == channel);
                if is_owner && is_status && is_channel {
                    *total += count;
                }
            }
        }
        Ok(totals)
    }

    async fn read_thread(&self, of: &Target) -> Result<Thread> {
        let client = self.pool.get().await?;
        let one = client.prepare_cached(CONVERSATION).await?;
        let all = client.prepare_cached(MESSAGES).await?;
        let id = Uuid::from_u128(of.id);
        // Both are sent at once.
        let params: [&(dyn tokio_postgres::types::ToSql + Sync); 1] = [&id];
        let both = futures_util::future::try_join(
            client.query_one(&one, &params),
            client.query(&all, &params),
        );
        let (one, all) = both.await?;
        Ok(Thread::Plain(
            conversation(&self.directory, &one, 0)?,
            all.iter().map(|row| message(row, 0)).collect(),
        ))
    }
}

impl Answers for Hand<'_> {
    fn page(&mut self, shape: usize, place: &Place) -> Result<Page> {
        self.runtime.block_on(self.read_page(shape, place))
    }

    fn counts(&mut self) -> Result<Vec<u64>> {
        self.runtime.block_on(self.read_counts())
    }

    fn thread(&mut self, of: &Target) -> Result<Thread> {
        self.runtime.block_on(self.read_thread(of))
    }
}
