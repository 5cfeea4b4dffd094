//! A consumer that polls for events while sixteen callers append: what it gets, and what it does not.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use convodb_postgres::{EventKind, EventSeq, PgRead as _, PgStore};
use deadpool_postgres::Pool;
use uuid::Uuid;

use super::Bench;
use super::changes::What;
use super::floods::{Contestant, Ran, Writer, flood};
use crate::check::plain_id;

const CALLERS: usize = 16;
/// Events that are read at once.
const AT_ONCE: usize = 1_000;
/// So long behind the last commit nothing more comes.
const LAST: Duration = Duration::from_millis(500);
const PAUSE: Duration = Duration::from_millis(1);

/// What a consumer got of one contestant.
pub(crate) struct Consumed {
    pub(crate) name: &'static str,
    pub(crate) appends: usize,
    pub(crate) seen: usize,
    /// Events of commands that were done, which never came.
    pub(crate) lost: usize,
    /// Numbers that it did not see between those that it saw.
    pub(crate) gaps: i64,
    /// Events that came before another one of the same caller, whose command was done before.
    pub(crate) disordered: usize,
}

/// The events behind a number: theirs, and the message of each.
async fn poll(writer: &Writer, after: i64) -> Result<Vec<(i64, Option<u128>)>> {
    match writer {
        Writer::Ours(store) => poll_ours(store, after).await,
        Writer::Hand(pool, _) => poll_hand(pool, after).await,
    }
}

async fn poll_ours(store: &PgStore, after: i64) -> Result<Vec<(i64, Option<u128>)>> {
    let events = store
        .events(EventSeq::new(after.unsigned_abs()), AT_ONCE)
        .await?;
    let seen = events.into_iter().map(|event| {
        let message = match event.kind {
            EventKind::MessageSent { message_id } => Some(plain_id(&message_id.to_string())?),
            _ => None,
        };
        Ok((i64::try_from(event.seq.get())?, message))
    });
    seen.collect()
}

async fn poll_hand(pool: &Pool, after: i64) -> Result<Vec<(i64, Option<u128>)>> {
    let client = pool.get().await?;
    let sql = "SELECT id, message FROM outbox WHERE id > $1 ORDER BY id LIMIT $2";
    let poll = client.prepare_cached(sql).await?;
    let rows = client.query(&poll, &[&after, &(AT_ONCE as i64)]).await?;
    let message = |id: Uuid| id.as_u128();
    let seen = rows
        .iter()
        .map(|row| (row.get(0), row.get::<_, Option<Uuid>>(1).map(message)));
    Ok(seen.collect())
}

/// Polls until it is stopped and nothing more comes.
async fn consume(
    writer: Writer,
    mut after: i64,
    stop: Arc<AtomicBool>,
) -> Result<Vec<(i64, Option<u128>)>> {
    let mut seen = Vec::new();
    let mut latest = Instant::now();
    while !stop.load(Ordering::Relaxed) || latest.elapsed() < LAST {
        let some = poll(&writer, after).await?;
        match some.last() {
            Some((last, _)) => (after, latest) = (*last, Instant::now()),
            None => tokio::time::sleep(PAUSE).await,
        }
        seen.extend(some);
    }
    Ok(seen)
}

/// The number of the newest event.
async fn newest(writer: &Writer) -> Result<i64> {
    match writer {
        Writer::Ours(store) => Ok(i64::try_from(store.stats().await?.newest_event.get())?),
        Writer::Hand(pool, _) => {
            let sql = "SELECT coalesce(max(id), 0) FROM outbox";
            Ok(pool.get().await?.query_one(sql, &[]).await?.get(0))
        }
    }
}

fn judge(
    name: &'static str,
    before: i64,
    seen: &[(i64, Option<u128>)],
    ran: &[Vec<Ran>],
) -> Consumed {
    let numbers = std::iter::once(&before).chain(seen.iter().map(|(number, _)| number));
    let gaps = numbers
        .clone()
        .zip(numbers.skip(1))
        .map(|(one, next)| next - one - 1);
    let places: HashMap<u128, usize> = seen
        .iter()
        .enumerate()
        .filter_map(|(place, (_, message))| message.map(|id| (id, place)))
        .collect();
    let (mut lost, mut disordered) = (0, 0);
    for own in ran {
        let mut latest = None;
        for place in own
            .iter()
            .filter_map(|ran| ran.message)
            .map(|id| places.get(&id))
        {
            match place {
                None => lost += 1,
                Some(place) if latest > Some(*place) => disordered += 1,
                Some(place) => latest = Some(*place),
            }
        }
    }
    Consumed {
        name,
        appends: ran.iter().map(Vec::len).sum(),
        seen: seen.len(),
        lost,
        gaps: gaps.sum(),
        disordered,
    }
}

impl Bench<'_> {
    pub(crate) fn events(&mut self) -> Result<()> {
        self.bar.set_message("events");
        for who in self.contestants(What::Appends) {
            let consumed = self.consume(&who)?;
            self.consumed.push(consumed);
        }
        self.bar.inc(1);
        Ok(())
    }

    fn consume(&mut self, who: &Contestant) -> Result<Consumed> {
        let each = self.effort.rounds * self.effort.commands(CALLERS);
        let commands = self.draw(who, What::Appends, (CALLERS, each))?;
        let writer = self.writer(who, CALLERS + 1)?;
        let (before, seen, ran) = self.runtime.block_on(async {
            let before = newest(&writer).await?;
            let stop = Arc::new(AtomicBool::new(false));
            let consumer = tokio::spawn(consume(writer.clone(), before, Arc::clone(&stop)));
            let flooded = flood(&writer, commands, &Arc::default()).await;
            stop.store(true, Ordering::Relaxed);
            let seen = consumer.await.context("the consumer ended")??;
            anyhow::Ok((before, seen, flooded?.1))
        })?;
        self.note(who, &ran)?;
        Ok(judge(who.name, before, &seen, &ran))
    }
}
