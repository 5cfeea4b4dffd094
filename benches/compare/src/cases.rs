//! The cases: what is timed, engine after engine, round by round.

use std::hint::black_box;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use indicatif::ProgressBar;

use crate::check;
use crate::data::Dataset;
use crate::engine::{Engine, Kind};
use crate::measure::{Budget, Figure, Record, Series, micros};
use crate::plan::{Place, Plan, Target, page_at};

pub(crate) type Engines = Vec<(Kind, Box<dyn Engine>)>;

/// The engines, what is asked of them and what was found.
pub(crate) struct Bench {
    pub(crate) data: Dataset,
    pub(crate) plan: Plan,
    pub(crate) engines: Engines,
    pub(crate) records: Vec<Record>,
    pub(crate) notes: Vec<String>,
    pub(crate) bar: ProgressBar,
}

pub(crate) const READS: Budget = Budget {
    time: Duration::from_millis(250),
    turn: Duration::from_millis(8),
    min_rounds: 5,
    max_rounds: 40,
};

const OPENINGS: usize = 9;

/// The depths at which pages are timed.
pub(crate) const DEPTHS: [&str; 4] = ["first", "half", "last", "cursor"];

/// Depths of the chart, as parts of the list.
const CHART_DEPTHS: [f64; 13] = [
    0.0, 0.00002, 0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.25, 0.5, 0.75, 0.99,
];
pub(crate) const CHART_SHAPE: &str = "resolved+channel";

/// Microseconds by page number.
pub(crate) struct Line {
    pub(crate) engine: &'static str,
    pub(crate) points: Vec<(u64, f64)>,
}

/// Times a call of each engine, which take turns, as `variants` of it do.
pub(crate) fn time<'a, K: Copy + Ord, E: ?Sized + 'a>(
    budget: &Budget,
    engines: impl Iterator<Item = (K, &'a mut E)>,
    variants: usize,
    call: impl Fn(&mut E, usize) -> Result<()>,
) -> Result<Vec<(K, Figure)>> {
    let mut series = Vec::new();
    for (kind, engine) in engines {
        let first = Series::begin(budget, variants, |variant| call(engine, variant))?;
        series.push((kind, engine, first));
    }
    for round in 0.. {
        let mut waiting = series.len();
        for (_, engine, series) in &mut series {
            if series.is_done(budget, round) {
                waiting -= 1;
                continue;
            }
            series.turn(variants, |variant| call(engine, variant))?;
        }
        if waiting == 0 {
            break;
        }
        // Another one comes first each time.
        series.rotate_left(1);
    }
    series.sort_by_key(|(kind, ..)| *kind);
    let figures = series.into_iter().map(|(kind, _, mut series)| {
        let figure = Figure::of(&mut series.samples).context("no samples")?;
        Ok((kind, figure))
    });
    figures.collect()
}

impl Bench {
    pub(crate) fn record(&mut self, case: &str, kind: Kind, unit: &'static str, figure: Figure) {
        self.records.push(Record {
            case: case.to_owned(),
            engine: kind.name(),
            size: self.data.size,
            unit,
            figure,
        });
    }

    /// Those that have figures, in their order.
    pub(crate) fn engines_measured(&self) -> Vec<Kind> {
        let has = |kind: &Kind| {
            self.records
                .iter()
                .any(|record| record.engine == kind.name())
        };
        Kind::ALL.into_iter().filter(has).collect()
    }

    pub(crate) fn check(&mut self) -> Result<()> {
        for (kind, engine) in &mut self.engines {
            self.bar.set_message(format!("checking {}", kind.name()));
            engine.prepare(&self.plan)?;
            check::reads(*kind, engine.as_mut(), &self.data, &self.plan)?;
            self.bar.inc(1);
        }
        Ok(())
    }

    /// Times a call of each engine that has the case; `variants` of it take turns.
    fn time(
        &mut self,
        case: &str,
        variants: usize,
        has: impl Fn(Kind) -> bool,
        call: impl Fn(&mut dyn Engine, usize) -> Result<()>,
    ) -> Result<()> {
        self.bar.set_message(case.to_owned());
        let engines = self.engines.iter_mut().filter(|(kind, _)| has(*kind));
        let engines = engines.map(|(kind, engine)| (*kind, engine.as_mut()));
        let call = |engine: &mut (dyn Engine + 'static), variant| call(engine, variant);
        let figures = time(&READS, engines, variants, call)?;
        self.timed(case, figures);
        Ok(())
    }

    pub(crate) fn timed(&mut self, case: &str, figures: Vec<(Kind, Figure)>) {
        for (kind, figure) in figures {
            self.record(case, kind, "us", figure);
        }
        self.bar.inc(1);
    }

    /// How many cases `reads` has.
    pub(crate) fn read_cases(&self) -> usize {
        self.plan.shapes.len() * DEPTHS.len() + 3
    }

    pub(crate) fn reads(&mut self) -> Result<()> {
        let mut probes = std::mem::take(&mut self.plan.probes);
        probes.sort_by_key(|probe| DEPTHS.iter().position(|depth| *depth == probe.depth));
        for probe in probes.iter().filter(|probe| DEPTHS.contains(&probe.depth)) {
            let shape = self.plan.shapes.get(probe.shape).context("no such shape")?;
            let case = format!("{}/{}", probe.depth, shape.name);
            if probe.places.is_empty() {
                // A cursor stands behind a row, and a very small inbox may have none.
                self.notes.push(format!("{case}: there is no row."));
                continue;
            }
            let has = |kind: Kind| kind.pages(probe.depth);
            self.time(&case, probe.places.len(), has, |engine, variant| {
                let place = probe.places.get(variant).context("no such place")?;
                black_box(engine.page(probe.shape, place)?);
                Ok(())
            })?;
        }
        self.plan.probes = probes;
        self.time("counts/sidebar", 1, Kind::has_file, |engine, _| {
            black_box(engine.counts()?);
            Ok(())
        })?;
        for (case, numbers) in ["get/10", "get/500"]
            .into_iter()
            .zip(self.plan.threads.clone())
        {
            let id = |number: &u32| Target::new(self.data.conversation(*number).id);
            let targets: Vec<_> = numbers.iter().map(id).collect();
            self.time(case, targets.len(), Kind::has_file, |engine, variant| {
                let target = targets.get(variant).context("no such conversation")?;
                black_box(engine.thread(target)?);
                Ok(())
            })?;
        }
        for (_, engine) in &self.engines {
            self.notes.extend(engine.notes());
        }
        Ok(())
    }

    /// One list at many depths.
    pub(crate) fn lines(&mut self) -> Result<Vec<Line>> {
        let name = |shape: &crate::plan::Shape| shape.name == CHART_SHAPE;
        let shape = self
            .plan
            .shapes
            .iter()
            .position(name)
            .context("no such shape")?;
        let total = self
            .plan
            .totals
            .get(shape)
            .copied()
            .context("no such total")?;
        let mut pages: Vec<u64> = CHART_DEPTHS
            .iter()
            .map(|part| page_at(*part, total))
            .collect();
        pages.dedup();
        let mut lines: Vec<Line> = Vec::new();
        let before = self.records.len();
        for page in pages {
            self.time(
                &format!("page {page}"),
                1,
                |_| true,
                |engine, _| {
                    black_box(engine.page(shape, &Place::Page(page))?);
                    Ok(())
                },
            )?;
            for record in self.records.drain(before..) {
                let point = (page, record.figure.median);
                match lines.iter_mut().find(|line| line.engine == record.engine) {
                    Some(line) => line.points.push(point),
                    None => lines.push(Line {
                        engine: record.engine,
                        points: vec![point],
                    }),
                }
            }
        }
        Ok(lines)
    }

    /// Opening, alone and until the first totals are answered. The engines are closed before and
    /// after.
    pub(crate) fn openings(&mut self) -> Result<()> {
        self.bar.set_message("open");
        let mut samples = vec![(Vec::new(), Vec::new()); self.engines.len()];
        for _ in 0..OPENINGS {
            for ((kind, engine), (opened, answered)) in self.engines.iter_mut().zip(&mut samples) {
                if !kind.has_file() {
                    continue;
                }
                engine.prepare(&self.plan)?;
                let started = Instant::now();
                engine.open()?;
                opened.push(micros(started.elapsed()));
                black_box(engine.counts()?);
                answered.push(micros(started.elapsed()));
                engine.close()?;
            }
        }
        let kinds: Vec<Kind> = self.engines.iter().map(|(kind, _)| *kind).collect();
        for (kind, (mut opened, mut answered)) in kinds.into_iter().zip(samples) {
            for (case, samples) in [("open", &mut opened), ("open/totals", &mut answered)] {
                if let Some(figure) = Figure::of(samples) {
                    self.record(case, kind, "us", figure);
                }
            }
        }
        self.bar.inc(1);
        Ok(())
    }
}
