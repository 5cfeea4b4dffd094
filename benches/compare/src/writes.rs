//! The cases that write: durable commands on one thread and on sixteen.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use crate::cases::Bench;
use crate::check::Aftermath;
use crate::commands::Commands;
use crate::engine::Kind;
use crate::measure::{Figure, micros};

impl Bench {
    /// How many cases `writes` has.
    pub(crate) const WRITE_CASES: usize = 4;

    pub(crate) fn writes(&mut self) -> Result<()> {
        // Others may hold the files of those who write.
        self.engines.retain(|(kind, _)| kind.writes());
        let mut commands = Commands::new(&self.data);
        for case in ["append/1", "assign/1", "resolve/1"] {
            self.write_one(case, &mut commands)?;
        }
        self.write_many(&mut commands)?;
        self.bar.set_message("checking what was written");
        let touched = commands.touched();
        let mut first: Option<(Kind, Aftermath)> = None;
        for (kind, engine) in &mut self.engines {
            let after = Aftermath::of(engine.as_mut(), touched)?;
            match &first {
                None => first = Some((*kind, after)),
                Some((other, before)) => ensure!(
                    *before == after,
                    "{} and {} differ after the same commands",
                    other.name(),
                    kind.name()
                ),
            }
        }
        Ok(())
    }

    fn write_one(&mut self, case: &str, commands: &mut Commands) -> Result<()> {
        self.bar.set_message(case.to_owned());
        let mut means = vec![Vec::new(); self.engines.len()];
        let mut latencies = vec![Vec::new(); self.engines.len()];
        for round in 0..commands.rounds() {
            let commands = commands.next(case);
            for place in turns(self.engines.len(), round) {
                let Some((_, engine)) = self.engines.get_mut(place) else {
                    continue;
                };
                let started = Instant::now();
                for command in &commands {
                    let begun = Instant::now();
                    engine.run(command)?;
                    latencies[place].push(micros(begun.elapsed()));
                }
                means[place].push(micros(started.elapsed()) / commands.len() as f64);
            }
        }
        self.record_writes(case, means, latencies)
    }

    /// Sixteen threads, in whichever way each engine does it best.
    fn write_many(&mut self, commands: &mut Commands) -> Result<()> {
        let case = "append/16";
        self.bar.set_message(case);
        let count = self.engines.len();
        let most = self
            .engines
            .iter()
            .map(|(_, engine)| engine.ways().len())
            .max();
        // Which way is best is measured first, on commands that all engines run as often.
        let mut tried = vec![Vec::new(); count];
        for way in 0..most.unwrap_or(0) {
            let commands: Vec<_> = (0..commands.trials()).map(|_| commands.flood()).collect();
            for ((_, engine), tried) in self.engines.iter_mut().zip(&mut tried) {
                let mut wall = Duration::ZERO;
                for commands in &commands {
                    wall += engine
                        .flood(way.min(engine.ways().len() - 1), commands)?
                        .wall;
                }
                tried.push(wall);
            }
        }
        let best: Vec<usize> = self
            .engines
            .iter()
            .zip(&tried)
            .map(|((_, engine), tried)| {
                let ways = tried.iter().take(engine.ways().len()).enumerate();
                ways.min_by_key(|(_, wall)| **wall)
                    .map_or(0, |(way, _)| way)
            })
            .collect();
        let mut means = vec![Vec::new(); count];
        let mut latencies = vec![Vec::new(); count];
        for round in 0..commands.rounds() {
            let commands = commands.flood();
            let sum: usize = commands.iter().map(Vec::len).sum();
            for place in turns(count, round) {
                let Some((_, engine)) = self.engines.get_mut(place) else {
                    continue;
                };
                let flood = engine.flood(best[place], &commands)?;
                means[place].push(micros(flood.wall) / sum as f64);
                latencies[place].extend(flood.latencies.into_iter().map(micros));
            }
        }
        for ((kind, engine), way) in self.engines.iter().zip(&best) {
            let way = engine.ways().get(*way).copied().unwrap_or_default();
            self.notes
                .push(format!("{case}: {} by {way}.", kind.name()));
        }
        self.record_writes(case, means, latencies)
    }

    fn record_writes(
        &mut self,
        case: &str,
        means: Vec<Vec<f64>>,
        latencies: Vec<Vec<f64>>,
    ) -> Result<()> {
        let kinds: Vec<Kind> = self.engines.iter().map(|(kind, _)| *kind).collect();
        for ((kind, mut means), mut latencies) in kinds.into_iter().zip(means).zip(latencies) {
            let rounds = Figure::of(&mut means).context("no rounds")?;
            let each = Figure::of(&mut latencies).context("no commands")?;
            let figure = Figure {
                p99: each.p99,
                ..rounds
            };
            self.record(case, kind, "us", figure);
        }
        self.bar.inc(1);
        Ok(())
    }
}

/// The places of a round, whoever comes first being another each time.
fn turns(count: usize, round: usize) -> impl Iterator<Item = usize> {
    (0..count).map(move |place| (place + round) % count)
}
