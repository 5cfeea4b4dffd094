//! The cases that write: durable commands on one thread and on sixteen.

use std::time::Instant;

use anyhow::{Context as _, Result, ensure};

use crate::cases::Bench;
use crate::check::Aftermath;
use crate::commands::{Commands, Pick, Round, Verb};
use crate::engine::Kind;
use crate::measure::{Figure, Tail, micros};
use crate::plan::Target;
use crate::report::markdown::number;

/// Of each engine: the means of its rounds, and the latencies of its commands.
struct Measured {
    means: Vec<Vec<f64>>,
    latencies: Vec<Vec<f64>>,
}

impl Measured {
    fn new(engines: usize) -> Self {
        Self {
            means: vec![Vec::new(); engines],
            latencies: vec![Vec::new(); engines],
        }
    }
}

impl Bench {
    /// How many cases `writes` has.
    pub(crate) const WRITE_CASES: usize = 2 * (Verb::ALL.len() + 1) + Self::READER_CASES;

    pub(crate) fn writes(&mut self) -> Result<()> {
        // Others may hold the files of those who write.
        self.engines.retain(|(kind, _)| kind.writes());
        let mut commands = Commands::new(&self.data);
        let before = self.records.len();
        let mut ways = Vec::new();
        // The recent ones first, as long as they are.
        for pick in [Pick::Recent, Pick::Uniform] {
            for verb in Verb::ALL {
                self.write_one(verb, pick, &mut commands)?;
            }
            ways = self.write_many(pick, &mut commands)?;
        }
        if let Some(records) = self.records.get_mut(before..) {
            records.sort_by(|a, b| a.case.cmp(&b.case));
        }
        self.check_written(&commands.touched())?;
        self.readers(&ways, &mut commands)
    }

    /// What the commands left behind is the same in every engine.
    fn check_written(&mut self, touched: &[Target]) -> Result<()> {
        self.bar.set_message("checking what was written");
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

    fn write_one(&mut self, verb: Verb, pick: Pick, commands: &mut Commands) -> Result<()> {
        let case = format!("{}/1{}", verb.name(), pick.suffix());
        self.bar.set_message(case.clone());
        let mut measured = Measured::new(self.engines.len());
        for round in 0..commands.rounds() {
            let Round { before, timed } = commands.round(verb, pick);
            for place in turns(self.engines.len(), round) {
                let Some((_, engine)) = self.engines.get_mut(place) else {
                    continue;
                };
                before.iter().try_for_each(|command| engine.run(command))?;
                let started = Instant::now();
                for command in &timed {
                    let begun = Instant::now();
                    engine.run(command)?;
                    measured.latencies[place].push(micros(begun.elapsed()));
                }
                engine.rest()?;
                measured.means[place].push(micros(started.elapsed()) / timed.len() as f64);
            }
        }
        self.record_writes(&case, measured)
    }

    /// Sixteen threads, in whichever way each engine does it best; which that was.
    fn write_many(&mut self, pick: Pick, commands: &mut Commands) -> Result<Vec<usize>> {
        let case = format!("append/16{}", pick.suffix());
        self.bar.set_message(case.clone());
        let ways = self.best_ways(&case, pick, commands)?;
        let mut measured = Measured::new(self.engines.len());
        for round in 0..commands.floods() {
            let commands = commands.flood(pick, 1);
            let sum: usize = commands.iter().map(Vec::len).sum();
            for place in turns(self.engines.len(), round) {
                let Some((_, engine)) = self.engines.get_mut(place) else {
                    continue;
                };
                let started = Instant::now();
                let flood = engine.flood(ways[place], &commands)?;
                engine.rest()?;
                measured.means[place].push(micros(started.elapsed()) / sum as f64);
                measured.latencies[place].extend(flood.latencies.into_iter().map(micros));
            }
        }
        self.record_writes(&case, measured)?;
        Ok(ways)
    }

    /// The fastest way of each engine.
    fn best_ways(&mut self, case: &str, pick: Pick, commands: &mut Commands) -> Result<Vec<usize>> {
        let tried = self.try_ways(pick, commands)?;
        let mut best = Vec::new();
        for ((kind, engine), tried) in self.engines.iter().zip(&tried) {
            let mut ways: Vec<_> = engine.ways().iter().zip(tried).enumerate().collect();
            ways.sort_by(|(_, (_, a)), (_, (_, b))| a.total_cmp(b));
            best.push(ways.first().map_or(0, |(way, _)| *way));
            let descriptions = ways
                .iter()
                .map(|(_, (name, each))| format!("{name} ({})", number(**each)));
            let descriptions = descriptions.collect::<Vec<_>>().join(", then ");
            self.notes.push(format!(
                "{case}: {} by the first of its ways, tried in microseconds a command: {descriptions}.",
                kind.name()
            ));
        }
        Ok(best)
    }

    /// Microseconds a command of each way of each engine. All engines run the same commands, the
    /// last way again where one has fewer.
    fn try_ways(&mut self, pick: Pick, commands: &mut Commands) -> Result<Vec<Vec<f64>>> {
        let most = self.engines.iter().map(|(_, engine)| engine.ways().len());
        let most = most.max().unwrap_or(0);
        let mut tried = vec![Vec::new(); self.engines.len()];
        for way in 0..most {
            let floods = (0..commands.trials()).map(|_| commands.flood(pick, 1));
            let floods: Vec<_> = floods.collect();
            for ((_, engine), tried) in self.engines.iter_mut().zip(&mut tried) {
                let way = way.min(engine.ways().len() - 1);
                // Of the fastest flood, as a checkpoint may fall in one.
                let mut least = f64::INFINITY;
                for flood in &floods {
                    let commands = flood.iter().map(Vec::len).sum::<usize>() as f64;
                    least = least.min(micros(engine.flood(way, flood)?.wall) / commands);
                    engine.rest()?;
                }
                tried.push(least);
            }
        }
        Ok(tried)
    }

    fn record_writes(&mut self, case: &str, measured: Measured) -> Result<()> {
        let kinds: Vec<Kind> = self.engines.iter().map(|(kind, _)| *kind).collect();
        let Measured { means, latencies } = measured;
        for ((kind, mut means), mut latencies) in kinds.into_iter().zip(means).zip(latencies) {
            let rounds = Figure::of(&mut means).context("no rounds")?;
            let each = Figure::of(&mut latencies).context("no commands")?;
            let figure = Figure {
                p99: each.p99,
                tail: Tail::of(&means, &latencies),
                ..rounds
            };
            self.record(case, kind, "us", figure);
        }
        self.bar.inc(1);
        Ok(())
    }
}

/// The places of a round, another one first each time.
fn turns(count: usize, round: usize) -> impl Iterator<Item = usize> {
    (0..count).map(move |place| (place + round) % count)
}
