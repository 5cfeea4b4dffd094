//! What was found, for machines, for readers and for the eye.

pub(crate) mod chart;
pub(crate) mod json;
pub(crate) mod markdown;

use anyhow::{Context as _, Result};

use crate::cases::Case;
use crate::drive::Round;
use crate::servers::Name;

/// All that a run found.
#[derive(Debug)]
pub(crate) struct Load {
    pub(crate) size: u32,
    pub(crate) seconds: f64,
    pub(crate) processors: usize,
    pub(crate) figures: Vec<Figure>,
}

/// Of one case and one server.
#[derive(Clone, Debug)]
pub(crate) struct Figure {
    pub(crate) case: Case,
    pub(crate) server: Name,
    pub(crate) requests: usize,
    /// Requests per second: the median of the rounds.
    pub(crate) rate: f64,
    pub(crate) p50_us: f64,
    pub(crate) p99_us: f64,
}

impl Figure {
    pub(crate) fn of(case: Case, server: Name, rounds: Vec<Round>) -> Result<Self> {
        let mut rates: Vec<f64> = rounds.iter().map(|round| round.rate).collect();
        rates.sort_unstable_by(f64::total_cmp);
        let latencies = rounds.into_iter().flat_map(|round| round.latencies);
        let mut latencies: Vec<u64> = latencies.collect();
        latencies.sort_unstable();
        let micros = |nanos: u64| nanos as f64 / 1_000.0;
        Ok(Self {
            case,
            server,
            requests: latencies.len(),
            rate: at(&rates, 50).context("no rounds")?,
            p50_us: at(&latencies, 50).map(micros).context("no requests")?,
            p99_us: at(&latencies, 99).map(micros).context("no requests")?,
        })
    }
}

/// What so many in a hundred are below, of ascending values.
fn at<T: Copy>(sorted: &[T], percent: usize) -> Option<T> {
    sorted.get(sorted.len() * percent / 100).copied()
}

impl Load {
    /// Those that were measured.
    fn servers(&self) -> impl Iterator<Item = Name> {
        let is_measured = |name: &Name| self.figures.iter().any(|figure| figure.server == *name);
        Name::ALL.into_iter().filter(is_measured)
    }

    /// Each case with the figures of all servers, in their order.
    fn cases(&self) -> Vec<(Case, Vec<&Figure>)> {
        let mut cases: Vec<(Case, Vec<&Figure>)> = Vec::new();
        for figure in &self.figures {
            match cases.iter_mut().find(|(case, _)| *case == figure.case) {
                Some((_, figures)) => figures.push(figure),
                None => cases.push((figure.case, vec![figure])),
            }
        }
        cases
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cases::Work;

    #[test]
    fn a_figure_is_the_median_rate_of_the_rounds_and_the_percentiles_of_all_requests() -> Result<()>
    {
        let case = Case {
            work: Work::Get,
            connections: 1,
        };
        let round = |rate, from: u64| Round {
            rate,
            latencies: (from..from + 50_000).rev().collect(),
        };
        let rounds = vec![round(30.0, 50_000), round(10.0, 0), round(20.0, 100_000)];
        let figure = Figure::of(case, Name::Convodb, rounds)?;
        assert_eq!(figure.requests, 150_000);
        assert_eq!(
            (figure.rate, figure.p50_us, figure.p99_us),
            (20.0, 75.0, 148.5)
        );
        assert!(Figure::of(case, Name::Convodb, Vec::new()).is_err());
        Ok(())
    }
}
