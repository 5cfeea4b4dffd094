//! Samples and what is said of them.

use std::time::{Duration, Instant};

use anyhow::Result;

/// Of all calls of a case by one engine. Of commands that write, the median and the least are of
/// rounds, the mean is all their time by their number, and the rest is of single commands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Figure {
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) mean: f64,
    pub(crate) p99: f64,
    pub(crate) p999: f64,
    /// Of commands that write.
    pub(crate) tail: Option<Tail>,
}

/// Of single commands, where the median is of rounds of them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tail {
    pub(crate) p50: f64,
    /// The mean of the slowest hundredth.
    pub(crate) slowest: f64,
    /// The longest stall.
    pub(crate) max: f64,
    /// Bytes, by the number of commands.
    pub(crate) written: Option<Written<f64>>,
}

/// What was given to the file system to be written, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Written<T> {
    pub(crate) all: T,
    /// Of it the records of the log, where that is known.
    pub(crate) logged: Option<T>,
}

impl Written<u64> {
    pub(crate) fn since(self, before: Self) -> Self {
        Self {
            all: self.all - before.all,
            logged: self.logged.zip(before.logged).map(|(now, then)| now - then),
        }
    }

    pub(crate) fn each(self, commands: usize) -> Written<f64> {
        let each = |bytes: u64| bytes as f64 / commands as f64;
        Written {
            all: each(self.all),
            logged: self.logged.map(each),
        }
    }
}

impl Tail {
    /// From sorted latencies.
    pub(crate) fn of(latencies: &[f64]) -> Option<Self> {
        let slowest = latencies.get(latencies.len() - latencies.len().div_ceil(100)..)?;
        Some(Self {
            p50: quantile(latencies, 0.5)?,
            slowest: mean(slowest)?,
            max: quantile(latencies, 1.0)?,
            written: None,
        })
    }
}

fn quantile(sorted: &[f64], part: f64) -> Option<f64> {
    let place = (sorted.len() as f64 * part) as usize;
    sorted.get(place.min(sorted.len().checked_sub(1)?)).copied()
}

fn mean(samples: &[f64]) -> Option<f64> {
    (!samples.is_empty()).then(|| samples.iter().sum::<f64>() / samples.len() as f64)
}

impl Figure {
    /// What can be measured only once.
    pub(crate) const fn single(value: f64) -> Self {
        Self {
            median: value,
            min: value,
            mean: value,
            p99: value,
            p999: value,
            tail: None,
        }
    }

    /// Sorts the samples.
    pub(crate) fn of(samples: &mut [f64]) -> Option<Self> {
        samples.sort_unstable_by(f64::total_cmp);
        Some(Self {
            median: quantile(samples, 0.5)?,
            min: quantile(samples, 0.0)?,
            mean: mean(samples)?,
            p99: quantile(samples, 0.99)?,
            p999: quantile(samples, 0.999)?,
            tail: None,
        })
    }
}

pub(crate) struct Record {
    pub(crate) case: String,
    pub(crate) engine: &'static str,
    pub(crate) size: u32,
    pub(crate) unit: &'static str,
    pub(crate) figure: Figure,
}

/// The bytes of all calls of this process that write, whatever the kernel makes of them; nothing where
/// the system does not count them.
pub(crate) fn process_written() -> Option<u64> {
    let counts = std::fs::read_to_string("/proc/self/io").ok()?;
    let mut lines = counts.lines();
    lines
        .find_map(|line| line.strip_prefix("wchar: "))?
        .parse()
        .ok()
}

pub(crate) fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

/// How long a case may take.
#[derive(Clone, Copy)]
pub(crate) struct Budget {
    /// Of each engine, in all rounds.
    pub(crate) time: Duration,
    /// An engine's turn in a round.
    pub(crate) turn: Duration,
    pub(crate) min_rounds: usize,
    pub(crate) max_rounds: usize,
}

const TRIALS: usize = 9;

/// One engine's samples of one case.
pub(crate) struct Series {
    pub(crate) samples: Vec<f64>,
    calls: usize,
    spent: Duration,
    next: usize,
}

impl Series {
    /// Tries the call, which warms what it needs, and finds how many make a turn.
    pub(crate) fn begin(
        budget: &Budget,
        variants: usize,
        mut call: impl FnMut(usize) -> Result<()>,
    ) -> Result<Self> {
        let started = Instant::now();
        for variant in 0..variants {
            call(variant)?;
        }
        // Warm by now; the least of some calls, as one of them may have been interrupted.
        let (mut each, again) = (Duration::MAX, Instant::now());
        for _ in 0..TRIALS {
            let begun = Instant::now();
            call(0)?;
            each = each.min(begun.elapsed());
            if again.elapsed() > budget.turn {
                break;
            }
        }
        let each = each.max(Duration::from_nanos(100));
        let calls = (budget.turn.as_secs_f64() / each.as_secs_f64()) as usize;
        let warm_up = started + budget.turn;
        while Instant::now() < warm_up {
            call(0)?;
        }
        Ok(Self {
            samples: Vec::new(),
            calls: calls.max(1),
            spent: Duration::ZERO,
            next: 0,
        })
    }

    pub(crate) fn is_done(&self, budget: &Budget, rounds: usize) -> bool {
        rounds >= budget.max_rounds || rounds >= budget.min_rounds && self.spent >= budget.time
    }

    pub(crate) fn turn(
        &mut self,
        variants: usize,
        mut call: impl FnMut(usize) -> Result<()>,
    ) -> Result<()> {
        let begun = Instant::now();
        if self.calls > 1 {
            // Other engines have had the processor's caches since.
            call(self.next % variants.max(1))?;
        }
        for _ in 0..self.calls {
            self.next += 1;
            let started = Instant::now();
            call(self.next % variants.max(1))?;
            self.samples.push(micros(started.elapsed()));
        }
        self.spent += begun.elapsed();
        Ok(())
    }
}
