//! Commands of many callers of one process at once, each durable before the caller's next.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use convodb_postgres::PgStore;
use deadpool_postgres::Pool;

use super::changes::{Change, What};
use super::hand::schema::set_shards;
use super::hand::{self, writes::Way};
use super::{Bench, ours};
use crate::measure::{Figure, Tail, micros};
use crate::writes::turns;

/// What runs commands.
#[derive(Clone)]
pub(crate) enum Writer {
    Ours(PgStore),
    Hand(Pool, Way),
}

impl Writer {
    async fn run(&self, change: &Change) -> Result<Option<u128>> {
        match self {
            Self::Ours(store) => ours::run(store, change).await,
            Self::Hand(pool, way) => hand::writes::run(&pool.get().await?, *way, change).await,
        }
    }
}

/// A way to write, and where.
#[derive(Clone, Copy)]
pub(crate) struct Contestant {
    pub(crate) name: &'static str,
    /// Its database, among those of the bench.
    pub(crate) base: usize,
    /// Its conversations, among the classes of its database.
    class: usize,
    way: Option<Way>,
    shards: u32,
}

pub(crate) const HAND: &str = "hand";
pub(crate) const SIX: &str = "hand_six";
pub(crate) const SHARDS: &str = "hand_shards";

/// As many counters share what one would count.
const COUNTER_SHARDS: u32 = 16;

/// As many connections are enough for a server of few cores.
const FEW: usize = 16;

/// A command that was run.
pub(crate) struct Ran {
    pub(crate) change: Change,
    took: Duration,
    pub(crate) message: Option<u128>,
}

/// Runs the commands of each caller, until it is stopped.
pub(crate) async fn flood(
    writer: &Writer,
    commands: Vec<Vec<Change>>,
    stop: &Arc<AtomicBool>,
) -> Result<(Duration, Vec<Vec<Ran>>)> {
    let started = Instant::now();
    let call = |own: Vec<Change>| {
        let (writer, stop) = (writer.clone(), Arc::clone(stop));
        tokio::spawn(async move {
            let mut done = Vec::with_capacity(own.len());
            for change in own {
                if stop.load(Ordering::Relaxed) {
                    break;
                }
                let begun = Instant::now();
                let message = writer.run(&change).await?;
                done.push(Ran {
                    change,
                    took: begun.elapsed(),
                    message,
                });
            }
            anyhow::Ok(done)
        })
    };
    let calls: Vec<_> = commands.into_iter().map(call).collect();
    let mut all = Vec::with_capacity(calls.len());
    for call in calls {
        all.push(call.await??);
    }
    Ok((started.elapsed(), all))
}

impl Bench<'_> {
    /// Those that a kind of commands has.
    pub(crate) fn contestants(&self, what: What) -> Vec<Contestant> {
        let ours = self.bases.iter().enumerate().filter_map(|(base, it)| {
            it.store.as_ref().map(|_| Contestant {
                name: it.name,
                base,
                class: 0,
                way: None,
                shards: 1,
            })
        });
        let base = self.bases.len() - 1;
        let hand = |name, class, way, shards| Contestant {
            name,
            base,
            class,
            way: Some(way),
            shards,
        };
        let plain = hand(HAND, 0, Way::Statement, 1);
        let other = match what {
            What::Appends => hand(SIX, 1, Way::Transaction, 1),
            What::Statuses => hand(SHARDS, 1, Way::Statement, COUNTER_SHARDS),
        };
        ours.chain([plain, other]).collect()
    }

    pub(crate) fn writer(&self, who: &Contestant, connections: usize) -> Result<Writer> {
        let base = self.bases.get(who.base).context("no such database")?;
        match who.way {
            None => Ok(Writer::Ours(base.store.clone().context("no store")?)),
            Some(way) => Ok(Writer::Hand(hand::pool(&base.url, connections)?, way)),
        }
    }

    pub(crate) fn draw(
        &mut self,
        who: &Contestant,
        what: What,
        counts: (usize, usize),
    ) -> Result<Vec<Vec<Change>>> {
        let ledger = self.ledgers.get(who.base).context("no such database")?;
        let of = (what, who.class);
        Ok(self.draws.draw(&self.inbox, ledger, of, counts))
    }

    pub(crate) fn note(&mut self, who: &Contestant, ran: &[Vec<Ran>]) -> Result<()> {
        let ledger = self.ledgers.get_mut(who.base).context("no such database")?;
        ran.iter()
            .flatten()
            .for_each(|ran| ledger.note(&ran.change));
        Ok(())
    }

    /// A flood of fresh commands. The number of counters is set before, which is not timed.
    fn round(
        &mut self,
        who: &Contestant,
        writer: &Writer,
        what: What,
        counts: (usize, usize),
    ) -> Result<(Duration, Vec<Duration>)> {
        let commands = self.draw(who, what, counts)?;
        if who.way.is_some() && what == What::Statuses {
            self.runtime
                .block_on(set_shards(self.owner(who)?, who.shards))?;
        }
        let stop = Arc::default();
        let (wall, ran) = self.runtime.block_on(flood(writer, commands, &stop))?;
        self.note(who, &ran)?;
        let took = ran.iter().flatten().map(|ran| ran.took);
        Ok((wall, took.collect()))
    }

    /// The writer of a contestant with as many connections as are best for it.
    fn best_writer(
        &mut self,
        case: &str,
        who: &Contestant,
        what: What,
        counts: (usize, usize),
    ) -> Result<Writer> {
        let (callers, _) = counts;
        if who.way.is_none() {
            let writer = self.writer(who, callers)?;
            self.round(who, &writer, what, counts)?;
            return Ok(writer);
        }
        let mut sizes = vec![callers, FEW.min(callers)];
        sizes.dedup();
        let mut best: Option<(Duration, Writer, usize)> = None;
        for connections in sizes {
            let writer = self.writer(who, connections)?;
            // The first round connects and prepares.
            self.round(who, &writer, what, counts)?;
            let (wall, _) = self.round(who, &writer, what, counts)?;
            if best.as_ref().is_none_or(|(least, ..)| wall < *least) {
                best = Some((wall, writer, connections));
            }
        }
        let (_, writer, connections) = best.context("no connections")?;
        if callers > FEW {
            let note = format!("{case}: {} with {connections} connections.", who.name);
            self.notes.push(note);
        }
        Ok(writer)
    }

    /// Contestants take turns, round by round, another one first each time.
    pub(crate) fn write_case(&mut self, case: &str, what: What, callers: usize) -> Result<()> {
        self.bar.set_message(case.to_owned());
        self.checkpoint()?;
        let counts = (callers, self.effort.commands(callers));
        let contestants = self.contestants(what);
        let mut writers = Vec::new();
        for who in &contestants {
            writers.push(self.best_writer(case, who, what, counts)?);
        }
        let mut rounds = vec![(Vec::new(), Vec::new()); contestants.len()];
        for round in 0..self.effort.rounds {
            for place in turns(contestants.len(), round) {
                let found = contestants.get(place).zip(writers.get(place));
                let (who, writer) = found.context("no such contestant")?;
                let (wall, took) = self.round(who, writer, what, counts)?;
                let (walls, latencies) = rounds.get_mut(place).context("no such contestant")?;
                walls.push(micros(wall) / took.len().max(1) as f64);
                latencies.extend(took.into_iter().map(micros));
            }
        }
        for (who, (mut walls, mut latencies)) in contestants.iter().zip(rounds) {
            let single = Figure::of(&mut latencies).context("no commands")?;
            let figure = Figure {
                p99: single.p99,
                p999: single.p999,
                tail: Tail::of(&latencies),
                ..Figure::of(&mut walls).context("no rounds")?
            };
            self.record(case, who.name, "us", figure);
        }
        self.check_written(&contestants)?;
        self.bar.inc(1);
        Ok(())
    }
}
