//! Over PostgreSQL. Tables, indexes, counters and statements of lists are those that `benches/compare` makes by hand;
//! [`load`] adds what receiving needs.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result};
use compare::data::{Assignee, Dataset, Directory, Message};
use compare::engine::{Row, new_message_id, now_us};
use compare::plan::Filter;
use compare::postgres::hand::pages::{COLUMNS, Pages};
use compare::postgres::hand::{self, schema};
use convodb::{AssigneeKind, Channel, Status};
use deadpool_postgres::Pool;
use tokio_postgres::types::ToSql;
use tokio_postgres::{NoTls, Row as PgRow};
use uuid::Uuid;

use crate::hand::{Counts, List, Numbers, Receive, Received, Serving, Store, Times, thread};

/// As many as ask at once in the largest case: PostgreSQL commits what they have together.
const CONNECTIONS: usize = 64;
/// Each connection counts in one of so many rows of a counter, so that few wait for each other.
const SHARDS: u32 = 16;

const SCHEMA: &str = "
    ALTER TABLE conversation
        ADD unread bigint NOT NULL DEFAULT 0, ADD inbound bigint NOT NULL DEFAULT 0,
        ADD revision bigint NOT NULL DEFAULT 0, ADD waiting_since bigint,
        ADD last_inbound_at bigint, ADD last_message_at bigint, ADD opened_at bigint;
    UPDATE conversation c SET inbound = m.n FROM
        (SELECT conversation, count(*) AS n FROM message WHERE direction = 0 GROUP BY 1) m
        WHERE m.conversation = c.id;
    CREATE UNIQUE INDEX ON conversation (contact, channel);
    CREATE TABLE assignee (number smallint PRIMARY KEY, kind text NOT NULL, id text NOT NULL, name text NOT NULL);";

/// Fills a database.
pub(crate) async fn load(url: &str, data: &Dataset, loaded: &dyn Fn(u64)) -> Result<()> {
    let (mut client, connection) = tokio_postgres::connect(url, NoTls).await?;
    let connection = tokio::spawn(connection);
    schema::load(&client, data, loaded).await?;
    schema::set_shards(&client, SHARDS).await?;
    client.batch_execute(SCHEMA).await?;
    let transaction = client.transaction().await?;
    for (number, one) in data.directory.iter() {
        let number = number.cast_signed();
        let kind = match one.kind {
            AssigneeKind::User => "user",
            AssigneeKind::Team => "team",
        };
        let params: [&(dyn ToSql + Sync); 4] = [&number, &kind, &&*one.id, &&*one.name];
        let insert = "INSERT INTO assignee VALUES ($1, $2, $3, $4)";
        transaction.execute(insert, &params).await?;
    }
    transaction.commit().await?;
    // Every table is packed, as the further columns make its rows longer.
    client.batch_execute("VACUUM FULL ANALYZE").await?;
    client.batch_execute("CHECKPOINT").await?;
    drop(client);
    Ok(connection.await??)
}

/// Serves the lists, the conversations and the receiving of the API over PostgreSQL.
#[derive(clap::Args, Debug)]
pub(crate) struct Serve {
    /// The URL of a database, filled by a run.
    #[arg(long)]
    db: String,
    #[command(flatten)]
    serving: Serving,
}

impl Serve {
    pub(crate) fn run(self) -> Result<()> {
        let db = self.db;
        self.serving.serve(async move { Postgres::open(&db).await })
    }
}

/// What a statement is made of, its parameters aside.
type Shape = (Option<Status>, Option<Channel>, usize, u32);

#[derive(Clone)]
struct Postgres {
    pool: Pool,
    directory: Directory,
    numbers: Numbers,
    pages: Arc<Mutex<HashMap<Shape, Arc<Pages>>>>,
}

const COUNTS: &str = "unread, inbound, revision, waiting_since";

/// A conversation and its messages in one state: each message comes with its conversation.
const THREAD: &str = "SELECT c.id, c.contact, c.channel, c.status, c.assignee, c.created_at, c.updated_at,
        c.unread, c.inbound, c.revision, c.waiting_since, c.last_inbound_at, c.last_message_at, c.opened_at,
        m.id, m.direction, m.status, m.content, m.created_at
    FROM conversation c LEFT JOIN message m ON m.conversation = c.id
    WHERE c.id = $1 ORDER BY m.created_at, m.id";

/// A message is activity when it comes; its own time may make its conversation older.
const RECEIVE: &str = "WITH c AS (
        INSERT INTO conversation AS c (id, contact, channel, status, assignee, created_at, updated_at,
            unread, inbound, waiting_since, last_inbound_at, last_message_at, opened_at)
        VALUES ($1, $2, $3, 0, 0, $4, $5, 1, 1, $4, $4, $4, $5)
        ON CONFLICT (contact, channel) DO UPDATE SET
            updated_at = greatest(c.updated_at, $5), status = 0, created_at = least(c.created_at, $4),
            unread = c.unread + 1, inbound = c.inbound + 1,
            revision = c.revision + (c.status <> 0)::int,
            waiting_since = coalesce(c.waiting_since, $4),
            last_inbound_at = greatest(c.last_inbound_at, $4),
            last_message_at = greatest(c.last_message_at, $4),
            opened_at = CASE c.status WHEN 0 THEN c.opened_at ELSE $5 END
        RETURNING c.id),
    m AS (INSERT INTO message (id, conversation, direction, status, content, created_at)
        SELECT $6, id, $7, $8, $9, $4 FROM c)
    SELECT id FROM c";

/// Reads [`COUNTS`] from their first column.
fn counts(row: &PgRow, first: usize) -> Counts {
    Counts {
        unread: row.get(first),
        inbound: row.get(first + 1),
        revision: row.get(first + 2),
        waiting_since: row.get(first + 3),
    }
}

impl Postgres {
    async fn open(url: &str) -> Result<Self> {
        let pool = hand::pool(url, CONNECTIONS)?;
        let client = pool.get().await?;
        let all = "SELECT kind, id, name FROM assignee ORDER BY number";
        let all = client.query(all, &[]).await?;
        let assignee = |row: &PgRow| Assignee {
            kind: match row.get(0) {
                "team" => AssigneeKind::Team,
                _ => AssigneeKind::User,
            },
            id: row.get::<_, &str>(1).into(),
            name: row.get::<_, &str>(2).into(),
        };
        let directory: Directory = all.iter().map(assignee).collect();
        let numbers = directory
            .iter()
            .map(|(number, one)| (one.id.clone(), number));
        let numbers = Arc::new(numbers.collect());
        drop(client);
        Ok(Self {
            pool,
            directory,
            numbers,
            pages: Arc::default(),
        })
    }

    /// The statements of a filter, whose parameters are its assignees.
    fn pages(&self, filter: &Filter, limit: u32) -> Arc<Pages> {
        let shape = (filter.status, filter.channel, filter.assignees.len(), limit);
        let mut known = self.pages.lock().unwrap_or_else(PoisonError::into_inner);
        let new = || {
            let columns = format!("{COLUMNS}, {COUNTS}");
            Pages::showing(&columns, limit, filter, |place, _| format!("${place}")).into()
        };
        Arc::clone(known.entry(shape).or_insert_with(new))
    }

    async fn page(&self, filter: &Filter, list: &List) -> Result<(Vec<(Row, Counts)>, u64)> {
        let pages = self.pages(filter, list.limit);
        let assignees = filter.assignees.iter().map(|number| number.cast_signed());
        let assignees: Vec<i16> = assignees.collect();
        let skip = i64::try_from(list.skip()).unwrap_or(i64::MAX);
        let mut params: Vec<&(dyn ToSql + Sync)> = Vec::new();
        let sql = match skip {
            0 => &pages.first,
            _ => {
                params.push(&skip);
                &pages.joined
            }
        };
        params.extend(assignees.iter().map(|number| number as &(dyn ToSql + Sync)));
        let client = self.pool.get().await?;
        let page = client.prepare_cached(sql).await?;
        let rows = client.query(&page, &params).await?;
        let total: i64 = rows.first().context("no total")?.get(0);
        // Of a page without rows there is the total alone.
        let shown = rows
            .iter()
            .filter(|row| row.get::<_, Option<Uuid>>(1).is_some());
        let shown =
            shown.map(|row| Ok((hand::conversation(&self.directory, row, 1)?, counts(row, 8))));
        Ok((shown.collect::<Result<_>>()?, total.unsigned_abs()))
    }
}

impl Store for Postgres {
    async fn list(&self, list: List) -> Result<Vec<u8>> {
        let (rows, total) = match list.filter(&self.numbers) {
            Some(filter) => self.page(&filter, &list).await?,
            None => (Vec::new(), 0),
        };
        list.answer(&rows, total)
    }

    async fn get(&self, id: u128) -> Result<Option<Vec<u8>>> {
        let client = self.pool.get().await?;
        let all = client.prepare_cached(THREAD).await?;
        let rows = client.query(&all, &[&Uuid::from_u128(id)]).await?;
        let Some(first) = rows.first() else {
            return Ok(None);
        };
        let times = Times {
            last_inbound_at: first.get(11),
            last_message_at: first.get(12),
            opened_at: first.get(13),
        };
        let messages = rows
            .iter()
            .filter(|row| row.get::<_, Option<Uuid>>(14).is_some());
        let messages: Vec<Message> = messages.map(|row| hand::message(row, 14)).collect();
        let conversation = hand::conversation(&self.directory, first, 0)?;
        thread(&conversation, counts(first, 7), times, &messages).map(Some)
    }

    async fn receive(&self, receive: Receive) -> Result<Received> {
        let now = now_us();
        let message = receive.message(now);
        let client = self.pool.get().await?;
        let sql = client.prepare_cached(RECEIVE).await?;
        let [conversation, id] = [new_message_id(now), message.id].map(Uuid::from_u128);
        let channel = receive.channel as i16;
        let (direction, status) = (message.direction as i16, message.status as i16);
        let params: [&(dyn ToSql + Sync); 9] = [
            &conversation,
            &receive.contact.as_str(),
            &channel,
            &message.created_us,
            &now,
            &id,
            &direction,
            &status,
            &&*message.content,
        ];
        let row = client.query_one(&sql, &params).await?;
        Ok(Received {
            conversation: row.get::<_, Uuid>(0).as_u128(),
            message,
        })
    }
}
