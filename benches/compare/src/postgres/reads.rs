//! Pages, totals and histories: alone, and while sixteen callers append.

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use super::changes::What;
use super::floods::{HAND, flood};
use super::hand::{self, Hand};
use super::ours::Ours;
use super::{Bench, fold_all};
use crate::cases::{DEPTHS, time};
use crate::check;
use crate::engine::Answers;
use crate::measure::{Figure, micros};
use crate::plan::{Place, Target};

pub(crate) const OFFSET: &str = "hand_offset";

/// Those depths at which `OFFSET` and a deferred join differ.
const DEEP: [&str; 3] = ["half", "last", "spread"];

/// The lists and depths that are read while others write.
const BESIDE: [(&str, &str); 3] = [
    ("first", "open"),
    ("half", "open"),
    ("half", "resolved+channel"),
];
const WRITERS: usize = 16;
const PACE: Duration = Duration::from_millis(2);
/// More commands than one of these callers runs in a turn.
const MOST: usize = 20_000;

impl Bench<'_> {
    fn ours(&self) -> Result<Ours<'_>> {
        let base = self.bases.first().context("no database")?;
        let store = base.store.clone().context("no store")?;
        Ours::new(self.runtime, store, &self.data, &self.plan)
    }

    pub(super) fn hand(&self, is_offset: bool) -> Result<Hand<'_>> {
        let base = self.bases.last().context("no database")?;
        let pool = hand::pool(&base.url, 2)?;
        let names = self.data.directory.clone();
        Ok(Hand::new(self.runtime, pool, names, &self.plan, is_offset))
    }

    /// Everything that will be timed against the generator.
    pub(crate) fn check(&self) -> Result<()> {
        let (mut ours, mut hand) = (self.ours()?, self.hand(false)?);
        let (data, plan) = (&self.data, &self.plan);
        let name = self.bases.first().context("no database")?.name;
        check::pages(name, &mut ours, data, plan, |_| true)?;
        check::rest(name, &mut ours, data, plan)?;
        check::pages(HAND, &mut hand, data, plan, |_| true)?;
        check::rest(HAND, &mut hand, data, plan)?;
        let is_deep = |depth: &str| DEEP.contains(&depth);
        check::pages(OFFSET, &mut self.hand(true)?, data, plan, is_deep)
    }

    pub(crate) fn reads(&mut self) -> Result<()> {
        let mut found = Vec::new();
        {
            let (mut ours, mut hand, mut offset) =
                (self.ours()?, self.hand(false)?, self.hand(true)?);
            let first = self.bases.first().context("no database")?.name;
            let names = [first, HAND, OFFSET];
            let mut engines: [&mut dyn Answers; 3] = [&mut ours, &mut hand, &mut offset];
            let mut timed = |case: &str,
                             count: usize,
                             variants: usize,
                             call: &dyn Fn(&mut dyn Answers, usize) -> Result<()>|
             -> Result<()> {
                self.bar.set_message(case.to_owned());
                let engines = engines.iter_mut().take(count).enumerate();
                let figures = time(&self.effort.reads, engines, variants, |engine, variant| {
                    call(&mut **engine, variant)
                })?;
                for (place, figure) in figures {
                    let name = names.get(place).context("no such engine")?;
                    found.push((case.to_owned(), *name, figure));
                }
                self.bar.inc(1);
                Ok(())
            };
            for depth in DEPTHS {
                for probe in self.plan.probes.iter().filter(|it| it.depth == depth) {
                    let shape = self.plan.shapes.get(probe.shape);
                    let shape = shape.context("no such shape")?.name;
                    if probe.places.is_empty() {
                        continue;
                    }
                    let count = if DEEP.contains(&depth) { 3 } else { 2 };
                    let case = format!("{depth}/{shape}");
                    timed(&case, count, probe.places.len(), &|engine, variant| {
                        let place = probe.places.get(variant).context("no such place")?;
                        black_box(engine.page(probe.shape, place)?);
                        Ok(())
                    })?;
                }
            }
            timed("counts/sidebar", 2, 1, &|engine, _| {
                black_box(engine.counts()?);
                Ok(())
            })?;
            let [ten, _] = &self.plan.threads;
            let id = |number: &u32| Target::new(self.data.conversation(*number).id);
            let targets: Vec<_> = ten.iter().map(id).collect();
            timed("get/10", 2, targets.len(), &|engine, variant| {
                let target = targets.get(variant).context("no such conversation")?;
                black_box(engine.thread(target)?);
                Ok(())
            })?;
        }
        for (case, name, figure) in found {
            self.record(&case, name, "us", figure);
        }
        Ok(())
    }

    /// A reader at a steady pace, while sixteen callers append: each contestant by itself.
    pub(crate) fn reads_beside(&mut self) -> Result<()> {
        let mut contestants = self.contestants(What::Appends);
        let first = self.bases.first().context("no database")?.name;
        contestants.retain(|who| [first, HAND].contains(&who.name));
        for (depth, shape) in BESIDE {
            let case = format!("beside/{depth}/{shape}");
            self.bar.set_message(case.clone());
            let of = |it: &&crate::plan::Probe| {
                let found = self.plan.shapes.get(it.shape);
                it.depth == depth && found.is_some_and(|found| found.name == shape)
            };
            let probe = self.plan.probes.iter().find(of).context("no such probe")?;
            let (shape, place) = (probe.shape, probe.places.first().copied());
            let place = place.context("no such place")?;
            for who in &contestants {
                let (rate, mut samples) = self.read_beside(who, shape, &place)?;
                let figure = Figure::of(&mut samples).context("no pages")?;
                self.record(&case, who.name, "us", figure);
                self.notes.push(format!(
                    "{case}: {rate:.0} appends a second beside the reader of {}.",
                    who.name
                ));
            }
            self.bar.inc(1);
        }
        fold_all(self.runtime, &self.bases)
    }

    fn read_beside(
        &mut self,
        who: &super::floods::Contestant,
        shape: usize,
        place: &Place,
    ) -> Result<(f64, Vec<f64>)> {
        let commands = self.draw(who, What::Appends, (WRITERS, MOST))?;
        let writer = self.writer(who, WRITERS)?;
        let (ours, hand) = (self.ours()?, self.hand(false)?);
        let is_hand = who.name == HAND;
        let turn = self.effort.turn;
        let (samples, flooded) = self.runtime.block_on(async {
            let stop = Arc::new(AtomicBool::new(false));
            let reading = async {
                let (begun, mut samples) = (Instant::now(), Vec::new());
                while begun.elapsed() < turn {
                    let asked = Instant::now();
                    match is_hand {
                        true => black_box(hand.read_page(shape, place).await?),
                        false => black_box(ours.read_page(shape, place).await?),
                    };
                    samples.push(micros(asked.elapsed()));
                    tokio::time::sleep(PACE).await;
                }
                stop.store(true, Ordering::Relaxed);
                anyhow::Ok(samples)
            };
            let (samples, flooded) =
                futures_util::future::join(reading, flood(&writer, commands, &stop)).await;
            anyhow::Ok((samples?, flooded?))
        })?;
        let (wall, ran) = flooded;
        self.note(who, &ran)?;
        let count = ran.iter().map(Vec::len).sum::<usize>();
        Ok((count as f64 / wall.as_secs_f64(), samples))
    }
}
