//! How long pages take, and how much memory.

use std::thread;
use std::time::{Duration, Instant};

use convodb::prelude::*;
use convodb::{Channel, Filter, PageRequest, Result};

/// A page each so often: far less than a store can give.
const PACE: Duration = Duration::from_millis(1);

/// What each page took.
#[derive(Clone, Debug, Default)]
pub(super) struct Latencies(Vec<Duration>);

/// Reads a page at each step of the pace, for so long.
pub(super) fn pace(store: &Store, time: Duration) -> Result<Latencies> {
    let filter = Filter::open().channel(Channel::Whatsapp);
    let begun = Instant::now();
    let mut taken = Vec::new();
    while begun.elapsed() < time {
        thread::sleep(PACE);
        let at = Instant::now();
        store.list(&filter, PageRequest::default())?;
        taken.push(at.elapsed());
    }
    taken.sort_unstable();
    Ok(Latencies(taken))
}

impl Latencies {
    /// What so many of a hundred pages took at most.
    fn percentile(&self, percent: usize) -> Duration {
        let Self(sorted) = self;
        let place = (sorted.len() * percent / 100).min(sorted.len().saturating_sub(1));
        sorted.get(place).copied().unwrap_or_default()
    }

    /// These beside those among writers.
    pub(super) fn beside(&self, among: &Self) -> String {
        let percentile = |percent| {
            let (quiet, among) = (self.percentile(percent), among.percentile(percent));
            let times = among.as_secs_f64() / quiet.as_secs_f64().max(1e-9);
            format!("p{percent} {times:.1} times ({among:.1?} from {quiet:.1?})")
        };
        format!(
            "a page among writers takes {}, {}",
            percentile(50),
            percentile(99)
        )
    }
}

/// The most memory that this process has had, if the system reports it.
pub(super) fn peak_memory_kib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse().ok()
}
