//! `bench`: measures the time of pages, of every kind of filter at every depth, on a given file.

mod chart;
mod measure;
mod shapes;
mod svg;

use std::path::PathBuf;

use clap::Args;
use comfy_table::Cell;
use convodb::prelude::*;
use serde::Serialize;

use super::{Tool, given};
use crate::failure::Failure;
use crate::opening;
use crate::output::{Screen, right};
use crate::place::Location;
use crate::progress;
use crate::texts::{counted, grouped};
use measure::{Case, Curve, DEPTHS, Prober};
use shapes::Shape;

/// What there is in place of it for a database.
const INSTEAD: &str = "it measures the engine that the file has";

/// Measure the time of pages of every kind of filter at every depth
///
/// A filter has a status; all channels or the one with the most conversations; all
/// assignees, none, the user with the most, the team with the most, or these three
/// together (`agent`); and all conversations or only the unread. Times are medians
/// of repeated calls, each with the total. Nothing is written.
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Bench {
    /// The store
    #[arg(value_name = "DB")]
    pub(crate) db: Option<Location>,

    /// Also draw the chart into this file
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,

    /// The number of conversations on a page, 1 to 100
    #[arg(long, value_name = "N", default_value_t = 20,
          value_parser = clap::value_parser!(u32).range(1..=100))]
    limit: u32,
}

#[derive(Serialize)]
struct Report {
    conversations: u64,
    limit: u32,
    cases: Vec<Case>,
    curves: Vec<Curve>,
}

impl Bench {
    pub(crate) fn run(self, tool: &mut Tool) -> Result<(), Failure> {
        let store = opening::to_write(given(self.db.as_ref())?.file("bench", INSTEAD)?, tool.wait)?;
        let snapshot = store.snapshot()?;
        let shapes = shapes::every(&snapshot)?;
        let drawn: Vec<&Shape> = shapes.iter().filter(|shape| shape.drawn).collect();
        let steps = shapes.len() + drawn.len();
        let bar = progress::counted("measuring", steps as u64);
        let prober = Prober::new(&snapshot, self.limit);
        let mut cases = Vec::new();
        for shape in &shapes {
            cases.push(prober.case(shape)?);
            bar.inc(1);
        }
        let mut curves = Vec::new();
        for shape in drawn {
            curves.push(prober.curve(shape)?);
            bar.inc(1);
        }
        bar.finish_and_clear();
        let report = Report {
            conversations: snapshot.count(&convodb::Filter::all())?,
            limit: self.limit,
            cases,
            curves,
        };
        if let Some(path) = &self.svg {
            svg::draw(path, &report.title(), &report.curves)?;
        }
        tool.output.print(&report, |screen| text(screen, &report))
    }
}

impl Report {
    fn title(&self) -> String {
        format!(
            "A page of {} with its total, {}",
            self.limit,
            counted(self.conversations, "conversation")
        )
    }
}

fn text(screen: &Screen, report: &Report) -> String {
    let header = ["filter", "total"].into_iter().chain(DEPTHS);
    let mut table = screen.table(header);
    for case in &report.cases {
        let mut row = vec![Cell::new(&case.filter), right(grouped(case.total))];
        let times = [
            Some(case.first),
            case.quarter,
            case.half,
            case.three_quarters,
            case.last,
            case.cursor,
        ];
        row.extend(times.map(|time| right(time.map(micros).unwrap_or_default())));
        table.add_row(row);
    }
    format!(
        "{}\nmicroseconds, medians of repeated calls\n\n{}\n\n{}",
        screen.bold(report.title()),
        table.trim_fmt(),
        chart::draw(screen, &report.curves),
    )
}

/// A time, to three or four digits.
fn micros(micros: f64) -> String {
    match micros {
        ..100.0 => format!("{micros:.1}"),
        _ => grouped(micros.round() as u64),
    }
}
