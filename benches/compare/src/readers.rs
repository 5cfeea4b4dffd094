//! A reader of a list's first page at a steady pace: alone, and while sixteen threads append.

use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Error, Result};

use crate::cases::Bench;
use crate::commands::{Commands, Pick};
use crate::engine::{Kind, Reader};
use crate::measure::{Figure, micros};

/// A page so often.
const PACE: Duration = Duration::from_millis(2);
const LIST: &str = "open";
/// Alone and beside writers in turn, so many times each.
const TURNS: usize = 3;
/// How long a turn is, and in an inbox that is small.
const TURN: Duration = Duration::from_secs(1);
const SMALL_TURN: Duration = Duration::from_millis(40);
const SMALL: u32 = 10_000;
/// Threads that write begin seldom: so many times as much as in a round.
const TIMES: usize = 8;

impl Bench {
    pub(crate) const READER_CASES: usize = 2;

    /// After what was written has been compared: engines do not write as much here as each other.
    pub(crate) fn readers(&mut self, ways: &[usize], commands: &mut Commands) -> Result<()> {
        let mut shapes = self.plan.shapes.iter();
        let shape = shapes.position(|shape| shape.name == LIST);
        let shape = shape.context("no such list")?;
        let turn = match self.data.size {
            ..SMALL => SMALL_TURN,
            _ => TURN,
        };
        self.bar.set_message("reader");
        let mut figures = Vec::new();
        for ((kind, engine), way) in self.engines.iter_mut().zip(ways) {
            let Some(mut reader) = engine.reader(shape)? else {
                continue;
            };
            let (mut alone, mut beside) = (Vec::new(), Vec::new());
            for _ in 0..TURNS {
                let idle = || {
                    thread::sleep(turn);
                    Ok(())
                };
                alone.extend(while_it(&mut reader, idle)?);
                let writing = || {
                    let started = Instant::now();
                    while started.elapsed() < turn {
                        engine.flood(*way, &commands.flood(Pick::Uniform, TIMES))?;
                    }
                    Ok(())
                };
                beside.extend(while_it(&mut reader, writing)?);
            }
            let alone = Figure::of(&mut alone).context("no pages")?;
            let beside = Figure::of(&mut beside).context("no pages")?;
            figures.push((*kind, alone, beside));
        }
        let each = |of: fn(&(Kind, Figure, Figure)) -> Figure| {
            let figures = figures.iter().map(move |one| (one.0, of(one)));
            figures.collect::<Vec<_>>()
        };
        let (alone, beside) = (each(|one| one.1), each(|one| one.2));
        for (case, figures) in [("reader/alone", alone), ("reader/16", beside)] {
            for (kind, figure) in figures {
                self.record(case, kind, "us", figure);
            }
            self.bar.inc(1);
        }
        Ok(())
    }
}

/// The latencies of a reader on a thread of its own while something else is done.
fn while_it(reader: &mut Reader, work: impl FnOnce() -> Result<()>) -> Result<Vec<f64>> {
    let done = AtomicBool::new(false);
    let (worked, pages) = thread::scope(|scope| {
        let reading = scope.spawn(|| paced(reader, &done));
        let worked = work();
        done.store(true, Ordering::Relaxed);
        (worked, reading.join())
    });
    worked?;
    pages.map_err(|_| Error::msg("a reader panicked"))?
}

/// A page at each tick. One that is late does not make the next ones hurry.
fn paced(reader: &mut Reader, done: &AtomicBool) -> Result<Vec<f64>> {
    let mut latencies = Vec::new();
    while !done.load(Ordering::Relaxed) {
        let begun = Instant::now();
        black_box(reader()?);
        let took = begun.elapsed();
        latencies.push(micros(took));
        thread::sleep(PACE.saturating_sub(took));
    }
    Ok(latencies)
}
