//! `bench`: how long a page takes, of every shape of filter at every depth, on one's own file.

mod chart;
mod measure;
mod shapes;
mod svg;

use std::path::PathBuf;

use clap::Args;
use comfy_table::Cell;
use serde::Serialize;

use super::Tool;
use crate::failure::Failure;
use crate::output::{Screen, right};
use crate::progress;
use crate::words::{counted, grouped};
use measure::{Case, Curve, DEPTHS, Prober};
use shapes::Shape;

/// Time pages of every shape of filter at every depth
///
/// A shape is a status, any channel or the busiest, and anybody's, nobody's, the
/// busiest user's, the busiest team's or all three of these, read or unread. Times
/// are medians of repeated calls, with the total that each page carries, on this
/// machine as it is: nothing is written.
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Bench {
    /// The store
    #[arg(value_name = "DB")]
    pub(crate) db: PathBuf,

    /// Draw the chart into this file too
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,

    /// How many conversations a page has, 1 to 100
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
        let store = tool.opening.existing(&self.db)?;
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
        tool.output.answer(&report, |screen| told(screen, &report))
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

fn told(screen: &Screen, report: &Report) -> String {
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
        "{}\nmicroseconds, the median of repeated calls\n\n{}\n\n{}",
        screen.bold(report.title()),
        table.trim_fmt(),
        chart::draw(screen, &report.curves),
    )
}

/// To three or four digits.
fn micros(micros: f64) -> String {
    match micros {
        ..100.0 => format!("{micros:.1}"),
        _ => grouped(micros.round() as u64),
    }
}
