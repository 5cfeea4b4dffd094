//! The time of pages: the median of repeated calls.

use std::hint::black_box;
use std::time::{Duration, Instant};

use convodb::prelude::*;
use convodb::{Filter, PageRequest, Snapshot};
use serde::Serialize;

use super::shapes::Shape;
use crate::failure::Failure;

pub(super) const DEPTHS: [&str; 6] = ["first", "25 %", "50 %", "75 %", "last", "cursor"];

/// How long a call is repeated, and how often at least and at most.
const TIME: Duration = Duration::from_millis(8);
const LEAST: usize = 5;
const MOST: usize = 201;
/// The most pages of a curve.
const POINTS: u64 = 24;

/// Times in microseconds; `None` if the list has no such page.
#[derive(Serialize)]
pub(super) struct Case {
    pub(super) filter: String,
    pub(super) total: u64,
    pub(super) first: f64,
    pub(super) quarter: Option<f64>,
    pub(super) half: Option<f64>,
    pub(super) three_quarters: Option<f64>,
    pub(super) last: Option<f64>,
    /// The middle page, by the cursor of the page before it.
    pub(super) cursor: Option<f64>,
}

/// The time by position.
#[derive(Serialize)]
pub(super) struct Curve {
    pub(super) filter: String,
    pub(super) points: Vec<Point>,
}

#[derive(Clone, Copy, Serialize)]
pub(super) struct Point {
    pub(super) page: u64,
    pub(super) micros: f64,
}

pub(super) struct Prober<'a> {
    snapshot: &'a Snapshot,
    limit: u32,
}

impl<'a> Prober<'a> {
    pub(super) fn new(snapshot: &'a Snapshot, limit: u32) -> Self {
        Self { snapshot, limit }
    }

    pub(super) fn case(&self, shape: &Shape) -> Result<Case, Failure> {
        let total = self.snapshot.count(&shape.filter)?;
        let pages = self.pages(total);
        let deep = |part: f64| match pages {
            1 => Ok(None),
            pages => self.page(&shape.filter, page_at(part, pages)).map(Some),
        };
        Ok(Case {
            filter: shape.name.clone(),
            total,
            first: self.page(&shape.filter, 1)?,
            quarter: deep(0.25)?,
            half: deep(0.5)?,
            three_quarters: deep(0.75)?,
            last: deep(1.0)?,
            cursor: self.cursor(&shape.filter, pages)?,
        })
    }

    pub(super) fn curve(&self, shape: &Shape) -> Result<Curve, Failure> {
        let pages = self.pages(self.snapshot.count(&shape.filter)?);
        let last = POINTS.min(pages) - 1;
        let numbers = (0..=last).map(|nth| page_at(nth as f64 / last.max(1) as f64, pages));
        let points = numbers.map(|page| {
            let micros = self.page(&shape.filter, page)?;
            Ok(Point { page, micros })
        });
        Ok(Curve {
            filter: shape.name.clone(),
            points: points.collect::<Result<_, Failure>>()?,
        })
    }

    fn pages(&self, total: u64) -> u64 {
        total.div_ceil(self.limit.into()).max(1)
    }

    fn page(&self, filter: &Filter, page: u64) -> Result<f64, Failure> {
        let request = PageRequest::number(page, self.limit)?;
        median(|| {
            black_box(self.snapshot.list(filter, request)?);
            Ok(())
        })
    }

    fn cursor(&self, filter: &Filter, pages: u64) -> Result<Option<f64>, Failure> {
        let before = PageRequest::number((page_at(0.5, pages) - 1).max(1), self.limit)?;
        let Some(next) = self.snapshot.list(filter, before)?.next else {
            return Ok(None);
        };
        median(|| {
            black_box(self.snapshot.list(filter, (next, self.limit))?);
            Ok(())
        })
        .map(Some)
    }
}

/// The page at a fraction of the way from the first to the last.
fn page_at(part: f64, pages: u64) -> u64 {
    1 + (part * (pages - 1) as f64).round() as u64
}

fn median(call: impl Fn() -> Result<(), Failure>) -> Result<f64, Failure> {
    // The first call warms the caches.
    call()?;
    let begun = Instant::now();
    let mut times = Vec::with_capacity(MOST);
    while times.len() < LEAST || times.len() < MOST && begun.elapsed() < TIME {
        let start = Instant::now();
        call()?;
        times.push(start.elapsed());
    }
    times.sort_unstable();
    let middle = times.get(times.len() / 2).copied().unwrap_or_default();
    // Nanoseconds are enough.
    Ok(middle.as_nanos() as f64 / 1e3)
}
