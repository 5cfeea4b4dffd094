//! The cases that write: durable commands on one thread and on sixteen.

use std::time::Instant;

use anyhow::{Context as _, Result, ensure};

use crate::cases::Bench;
use crate::check::Aftermath;
use crate::commands::{Commands, Pick, Round, Verb};
use crate::engine::{Command, Engine, Flood, Kind};
use crate::measure::{Figure, Tail, Written, micros, process_written};
use crate::plan::Target;
use crate::report::markdown::number;

/// Of an engine: the means of its rounds, the latencies of its commands, and their sum.
struct Measured {
    means: Vec<f64>,
    latencies: Vec<f64>,
    wall_us: f64,
    /// Those that are not timed too.
    commands: usize,
    /// Bytes that the process wrote in the engine's turns.
    written: Option<u64>,
    /// What the engine had written before.
    before: Option<Written<u64>>,
}

impl Measured {
    fn new(engine: &dyn Engine) -> Self {
        Self {
            means: Vec::new(),
            latencies: Vec::new(),
            wall_us: 0.0,
            commands: 0,
            written: Some(0),
            before: engine.written(),
        }
    }

    /// Does something with the engine, and adds what the process writes meanwhile.
    fn count(&mut self, work: impl FnOnce(&mut Self) -> Result<()>) -> Result<()> {
        let before = process_written();
        work(self)?;
        let more = process_written().zip(before).map(|(now, then)| now - then);
        self.written = self.written.zip(more).map(|(sum, more)| sum + more);
        Ok(())
    }

    /// Waits, which counts as the commands' time.
    fn wait(&mut self, work: impl FnOnce() -> Result<()>) -> Result<()> {
        let started = Instant::now();
        work()?;
        self.wall_us += micros(started.elapsed());
        Ok(())
    }

    fn one_by_one(&mut self, engine: &mut dyn Engine, round: &Round) -> Result<()> {
        let Round { before, timed } = round;
        before.iter().try_for_each(|command| engine.run(command))?;
        let started = Instant::now();
        for command in timed {
            let begun = Instant::now();
            engine.run(command)?;
            self.latencies.push(micros(begun.elapsed()));
        }
        self.round(micros(started.elapsed()), timed.len());
        self.commands += before.len();
        Ok(())
    }

    fn flood(&mut self, engine: &mut dyn Engine, way: usize, flood: &[Vec<Command>]) -> Result<()> {
        let started = Instant::now();
        let Flood { latencies, .. } = engine.flood(way, flood)?;
        self.round(micros(started.elapsed()), latencies.len());
        self.latencies.extend(latencies.into_iter().map(micros));
        Ok(())
    }

    fn round(&mut self, wall_us: f64, commands: usize) {
        self.means.push(wall_us / commands as f64);
        self.wall_us += wall_us;
        self.commands += commands;
    }

    fn figure(mut self, engine: &dyn Engine) -> Result<Figure> {
        // Its own count, with what it writes in another's turn, or that of its turns.
        let written = match engine.written().zip(self.before) {
            Some((now, before)) => Some(now.since(before)),
            None => self.written.map(|all| Written { all, logged: None }),
        };
        let rounds = Figure::of(&mut self.means).context("no rounds")?;
        let each = Figure::of(&mut self.latencies).context("no commands")?;
        let tail = Tail::of(&self.latencies).context("no commands")?;
        Ok(Figure {
            mean: self.wall_us / self.latencies.len() as f64,
            p99: each.p99,
            p999: each.p999,
            tail: Some(Tail {
                written: written.map(|written| written.each(self.commands)),
                ..tail
            }),
            ..rounds
        })
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
        let (turns, each) = commands.turns(verb);
        let next = || -> Vec<_> { (0..each).map(|_| commands.round(verb, pick)).collect() };
        self.write_turns(&case, turns, next, |measured, _, engine, round| {
            measured.one_by_one(engine, round)
        })
    }

    /// Sixteen threads, in whichever way each engine does it best; which that was.
    fn write_many(&mut self, pick: Pick, commands: &mut Commands) -> Result<Vec<usize>> {
        let case = format!("append/16{}", pick.suffix());
        self.bar.set_message(case.clone());
        let ways = self.best_ways(&case, pick, commands)?;
        let (turns, each) = commands.flood_turns();
        let next = || -> Vec<_> { (0..each).map(|_| commands.flood(pick, 1)).collect() };
        self.write_turns(&case, turns, next, |measured, place, engine, flood| {
            let way = ways.get(place).context("no such engine")?;
            measured.flood(engine, *way, flood)
        })?;
        Ok(ways)
    }

    /// Engines take turns of some rounds each. A case begins and ends with a checkpoint, so that it
    /// has all the work of its own commands: that of the last is part of its time.
    fn write_turns<T>(
        &mut self,
        case: &str,
        count: usize,
        mut next: impl FnMut() -> Vec<T>,
        run: impl Fn(&mut Measured, usize, &mut dyn Engine, &T) -> Result<()>,
    ) -> Result<()> {
        let mut measured = Vec::new();
        for (_, engine) in &mut self.engines {
            engine.checkpoint()?;
            measured.push(Measured::new(engine.as_ref()));
        }
        for turn in 0..count {
            let rounds = next();
            for place in turns(self.engines.len(), turn) {
                let found = self.engines.get_mut(place).zip(measured.get_mut(place));
                let ((_, engine), measured) = found.context("no such engine")?;
                measured.count(|measured| {
                    for round in &rounds {
                        run(measured, place, engine.as_mut(), round)?;
                    }
                    measured.wait(|| engine.rest())
                })?;
            }
        }
        let mut figures = Vec::new();
        for ((kind, engine), mut measured) in self.engines.iter_mut().zip(measured) {
            measured.count(|measured| measured.wait(|| engine.checkpoint()))?;
            figures.push((*kind, measured.figure(engine.as_ref())?));
        }
        for (kind, figure) in figures {
            self.record(case, kind, "us", figure);
        }
        self.bar.inc(1);
        Ok(())
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
}

/// The places of a turn, another one first each time.
pub(crate) fn turns(count: usize, turn: usize) -> impl Iterator<Item = usize> {
    (0..count).map(move |place| (place + turn) % count)
}
