//! Commands: in a statement each, or in a transaction of six.

use anyhow::{Result, ensure};
use deadpool_postgres::Object;
use uuid::Uuid;

use crate::engine::{new_message_id, now_us};
use crate::postgres::changes::{Change, Verb};

/// How an append is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// One statement, in one round trip.
    Statement,
    /// `BEGIN`, `SELECT FOR UPDATE`, `INSERT`, `UPDATE`, `INSERT` and `COMMIT`, in six.
    Transaction,
}

const SENT: i16 = 0;
const STATUS: i16 = 1;

/// Direction and status as `Message` has them: outbound and sent.
const APPEND: &str = "WITH u AS (UPDATE conversation SET updated_at = greatest(updated_at, $3), status = 0 \
       WHERE id = $1 RETURNING id), \
     m AS (INSERT INTO message (id, conversation, direction, status, content, created_at) \
       SELECT $2, id, 1, 1, $4, $3 FROM u), \
     o AS (INSERT INTO outbox (at, conversation, message, kind) SELECT $3, id, $2, $5 FROM u) \
     SELECT count(*) FROM u";
const LOCK: &str = "SELECT status FROM conversation WHERE id = $1 FOR UPDATE";
const MESSAGE: &str = "INSERT INTO message (id, conversation, direction, status, content, created_at) \
     VALUES ($1, $2, 1, 1, $3, $4)";
const BUMP: &str =
    "UPDATE conversation SET updated_at = greatest(updated_at, $2), status = 0 WHERE id = $1";
const OUTBOX: &str = "INSERT INTO outbox (at, conversation, message, kind) VALUES ($1, $2, $3, $4)";
const SET_STATUS: &str = "WITH u AS (UPDATE conversation SET updated_at = greatest(updated_at, $3), status = $2 \
       WHERE id = $1 AND status <> $2 RETURNING id), \
     o AS (INSERT INTO outbox (at, conversation, kind) SELECT $3, id, $4 FROM u) \
     SELECT count(*) FROM u";

/// Runs a command, which is durable then. Returns the id of the message that it made.
pub(crate) async fn run(client: &Object, way: Way, change: &Change) -> Result<Option<u128>> {
    let (id, now) = (Uuid::from_u128(change.target.id), now_us());
    let Verb::Append(text) = &change.verb else {
        let status = i16::from(change.verb == Verb::Resolve);
        let set = client.prepare_cached(SET_STATUS).await?;
        let row = client
            .query_one(&set, &[&id, &status, &now, &STATUS])
            .await?;
        ensure!(row.get::<_, i64>(0) == 1, "the status did not change");
        return Ok(None);
    };
    let message = new_message_id(now);
    let key = Uuid::from_u128(message);
    match way {
        Way::Statement => {
            let append = client.prepare_cached(APPEND).await?;
            let row = client
                .query_one(&append, &[&id, &key, &now, text, &SENT])
                .await?;
            ensure!(row.get::<_, i64>(0) == 1, "no such conversation");
        }
        Way::Transaction => {
            client.batch_execute("BEGIN").await?;
            let lock = client.prepare_cached(LOCK).await?;
            client.query_one(&lock, &[&id]).await?;
            let insert = client.prepare_cached(MESSAGE).await?;
            client.execute(&insert, &[&key, &id, text, &now]).await?;
            let bump = client.prepare_cached(BUMP).await?;
            client.execute(&bump, &[&id, &now]).await?;
            let outbox = client.prepare_cached(OUTBOX).await?;
            client
                .execute(&outbox, &[&now, &id, &Some(key), &SENT])
                .await?;
            client.batch_execute("COMMIT").await?;
        }
    }
    Ok(Some(message))
}
