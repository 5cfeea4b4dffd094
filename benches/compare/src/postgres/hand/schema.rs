//! The tables, and how they are filled.

use std::fmt::Write as _;
use std::io::Cursor;
use std::pin::pin;

use anyhow::Result;
use futures_util::SinkExt as _;
use tokio_postgres::Client;
use uuid::Uuid;

use crate::data::Dataset;

const TABLES: &str = "
    CREATE TABLE conversation (
        id uuid NOT NULL,
        contact text NOT NULL,
        channel smallint NOT NULL,
        status smallint NOT NULL,
        -- 0 is no assignee.
        assignee smallint NOT NULL,
        created_at bigint NOT NULL,
        updated_at bigint NOT NULL
    );
    CREATE TABLE message (
        id uuid NOT NULL,
        conversation uuid NOT NULL,
        direction smallint NOT NULL,
        status smallint NOT NULL,
        content text NOT NULL,
        provider_id text,
        created_at bigint NOT NULL
    );
    CREATE TABLE outbox (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        at bigint NOT NULL,
        conversation uuid NOT NULL,
        -- Of a change of the status, none.
        message uuid,
        kind smallint NOT NULL
    );
    CREATE TABLE status_count (
        status smallint, channel smallint, shard smallint,
        n bigint NOT NULL,
        PRIMARY KEY (status, channel, shard)
    ) WITH (fillfactor = 10);
    CREATE TABLE assignee_count (
        assignee smallint, status smallint, channel smallint, shard smallint,
        n bigint NOT NULL,
        PRIMARY KEY (assignee, status, channel, shard)
    ) WITH (fillfactor = 50);";

const INDEXES: &str = "
    ALTER TABLE conversation ADD PRIMARY KEY (id);
    CREATE INDEX ON conversation (updated_at DESC, id DESC);
    CREATE INDEX ON conversation (status, updated_at DESC, id DESC);
    CREATE INDEX ON conversation (status, channel, updated_at DESC, id DESC);
    CREATE INDEX ON conversation (assignee, status, updated_at DESC, id DESC);
    CREATE INDEX ON conversation (assignee, status, channel, updated_at DESC, id DESC);
    ALTER TABLE message ADD PRIMARY KEY (id);
    CREATE INDEX ON message (conversation, created_at);
    CREATE UNIQUE INDEX ON message (provider_id) WHERE provider_id IS NOT NULL;";

const COUNTS: &str = "
    INSERT INTO status_count SELECT s, c, 0, 0 FROM generate_series(0, 1) s, generate_series(0, 3) c;
    INSERT INTO assignee_count SELECT a, s, c, 0, 0
        FROM generate_series(0, 210) a, generate_series(0, 1) s, generate_series(0, 3) c;
    UPDATE status_count t SET n = f.n FROM (
        SELECT status, channel, count(*) AS n FROM conversation GROUP BY 1, 2) f
        WHERE (t.status, t.channel) = (f.status, f.channel);
    UPDATE assignee_count t SET n = f.n FROM (
        SELECT assignee, status, channel, count(*) AS n FROM conversation GROUP BY 1, 2, 3) f
        WHERE (t.assignee, t.status, t.channel) = (f.assignee, f.status, f.channel);";

const TRIGGERS: &str = "
    CREATE TRIGGER moved AFTER UPDATE OF status, channel, assignee ON conversation FOR EACH ROW
        WHEN ((old.status, old.channel, old.assignee) IS DISTINCT FROM (new.status, new.channel, new.assignee))
        EXECUTE FUNCTION moved();
    CREATE TRIGGER added AFTER INSERT ON conversation FOR EACH ROW EXECUTE FUNCTION added();";

/// The functions of the triggers, for so many shards. Each connection has one of them, and rows are locked in
/// the same order by all, so that no two wait for each other.
fn functions(shards: u32) -> String {
    let count = |by: &str, of: &str| {
        format!(
            "UPDATE status_count SET n = n {by} WHERE status = {of}.status AND channel = {of}.channel AND shard = s;"
        )
    };
    let owned = |by: &str, of: &str| {
        format!(
            "UPDATE assignee_count SET n = n {by} WHERE assignee = {of}.assignee AND status = {of}.status \
             AND channel = {of}.channel AND shard = s;"
        )
    };
    let [less, more] = [count("- 1", "old"), count("+ 1", "new")];
    let [less_owned, more_owned] = [owned("- 1", "old"), owned("+ 1", "new")];
    format!(
        "CREATE OR REPLACE FUNCTION moved() RETURNS trigger LANGUAGE plpgsql AS $$
         DECLARE s smallint := pg_backend_pid() % {shards};
         BEGIN
             IF (old.status, old.channel) < (new.status, new.channel) THEN {less} {more}
             ELSIF (old.status, old.channel) > (new.status, new.channel) THEN {more} {less} END IF;
             IF (old.assignee, old.status, old.channel) < (new.assignee, new.status, new.channel)
                 THEN {less_owned} {more_owned} ELSE {more_owned} {less_owned} END IF;
             RETURN NULL;
         END $$;
         CREATE OR REPLACE FUNCTION added() RETURNS trigger LANGUAGE plpgsql AS $$
         DECLARE s smallint := pg_backend_pid() % {shards};
         BEGIN {more} {more_owned} RETURN NULL; END $$;"
    )
}

/// Lets the triggers count in so many shards from now on.
pub async fn set_shards(client: &Client, shards: u32) -> Result<()> {
    let rows = format!(
        "INSERT INTO status_count SELECT status, channel, g, 0 FROM status_count, generate_series(1, {shards} - 1) g
             WHERE shard = 0 ON CONFLICT DO NOTHING;
         INSERT INTO assignee_count SELECT assignee, status, channel, g, 0
             FROM assignee_count, generate_series(1, {shards} - 1) g WHERE shard = 0 ON CONFLICT DO NOTHING;"
    );
    client.batch_execute(&rows).await?;
    Ok(client.batch_execute(&functions(shards)).await?)
}

/// Rows of `COPY` until they are sent.
const SENT_AT_ONCE: usize = 1 << 18;

async fn copy(client: &Client, sql: &str, rows: impl Iterator<Item = String>) -> Result<()> {
    let mut sink = pin!(client.copy_in::<_, Cursor<Vec<u8>>>(sql).await?);
    let mut text = String::new();
    for row in rows {
        text.push_str(&row);
        if text.len() > SENT_AT_ONCE {
            let bytes = std::mem::take(&mut text).into_bytes();
            sink.send(Cursor::new(bytes)).await?;
        }
    }
    sink.send(Cursor::new(text.into_bytes())).await?;
    sink.close().await?;
    Ok(())
}

/// Makes and fills the tables, indexes and counters last.
pub async fn load(client: &Client, data: &Dataset, loaded: &dyn Fn(u64)) -> Result<()> {
    client.batch_execute(TABLES).await?;
    let rows = data.conversations().map(|one| {
        loaded(1);
        format!(
            "{}\t{}\t{}\t{}\t{}\t{}\t{}\n",
            Uuid::from_u128(one.id),
            one.contact(),
            one.channel as u8,
            one.status as u8,
            one.assignee,
            one.created_us,
            one.updated_us
        )
    });
    copy(client, "COPY conversation FROM STDIN", rows).await?;
    let rows = data.conversations().map(|one| {
        let mut rows = String::new();
        for message in data.messages(&one) {
            let _ = writeln!(
                rows,
                "{}\t{}\t{}\t{}\t{}\t\\N\t{}",
                Uuid::from_u128(message.id),
                Uuid::from_u128(one.id),
                message.direction as u8,
                message.status as u8,
                message.content,
                message.created_us
            );
        }
        rows
    });
    copy(client, "COPY message FROM STDIN", rows).await?;
    client.batch_execute(INDEXES).await?;
    client.batch_execute(COUNTS).await?;
    set_shards(client, 1).await?;
    Ok(client.batch_execute(TRIGGERS).await?)
}
