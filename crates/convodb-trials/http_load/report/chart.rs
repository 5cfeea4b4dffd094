//! Two panels with a row for each case: requests per second, and latencies from the median to the
//! 99th percentile; both axes logarithmic, as lists and durable messages are far apart.

use std::ops::Range;
use std::path::Path;

use anyhow::{Result, anyhow};
use compare::number;
use plotters::coord::Shift;
use plotters::coord::combinators::LogCoord;
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::{Figure, Load};
use crate::cases::Case;
use crate::servers::Name;

const WIDTH: u32 = 1_000;
const TITLE: u32 = 46;
const HEAD: u32 = 34;
const ROW: u32 = 44;
const FOOT: u32 = 50;
const NAMES: u32 = 110;
const TICKS: usize = 5;
const FONT: &str = "sans-serif";

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Rows<'a> = Vec<(Case, Vec<&'a Figure>)>;

const fn color(server: Name) -> RGBColor {
    match server {
        Name::Convodb => RGBColor(0xD1, 0x24, 0x2F),
        Name::Sqlite => RGBColor(0x1F, 0x6F, 0xB4),
        Name::Postgres => RGBColor(0x4D, 0x8B, 0x31),
    }
}

pub(crate) fn draw(path: &Path, load: &Load) -> Result<()> {
    let rows = load.cases();
    let height = TITLE + HEAD + ROW * rows.len() as u32 + FOOT;
    let root = SVGBackend::new(path, (WIDTH, height)).into_drawing_area();
    root.fill(&WHITE).map_err(failed)?;
    title(&root, load)?;
    let (_, panels) = root.split_vertically(TITLE);
    let (left, right) = panels.split_horizontally(NAMES + (WIDTH - NAMES) / 2);
    rates(&left, &rows)?;
    latencies(&right, &rows)?;
    root.present().map_err(failed)
}

fn failed<E: std::error::Error + Send + Sync>(error: DrawingAreaErrorKind<E>) -> anyhow::Error {
    anyhow!("the chart: {error}")
}

/// The title, with what the colors mean.
fn title(root: &Area<'_>, load: &Load) -> Result<()> {
    let size = number(f64::from(load.size));
    let text = format!("The API server's load, {size} conversations");
    root.draw(&Text::new(text, (16, 14), (FONT, 18)))
        .map_err(failed)?;
    for (place, name) in (0..).zip(load.servers()) {
        let x = WIDTH as i32 - 310 + place * 100;
        let sample = Rectangle::new([(x, 16), (x + 14, 30)], color(name).filled());
        root.draw(&sample).map_err(failed)?;
        root.draw(&Text::new(name.as_str(), (x + 20, 15), (FONT, 15)))
            .map_err(failed)?;
    }
    Ok(())
}

/// From below the least to so many times the most, so that labels have room.
fn bounds(values: impl Iterator<Item = f64> + Clone, room: f64) -> Range<f64> {
    let least = values.clone().fold(f64::MAX, f64::min);
    let most = values.fold(1.0, f64::max);
    (least / 2.0).min(most)..most * room
}

/// The position of a server's mark in a row. The first row is the topmost.
fn height(row: usize, rows: usize, server: Name) -> f64 {
    let within = match server {
        Name::Convodb => 0.78,
        Name::Sqlite => 0.5,
        Name::Postgres => 0.22,
    };
    (rows - 1 - row) as f64 + within
}

fn marks<'a>(rows: &'a Rows<'a>) -> impl Iterator<Item = (f64, &'a Figure)> + Clone {
    let count = rows.len();
    rows.iter()
        .enumerate()
        .flat_map(move |(row, (_, figures))| {
            let mark = move |figure: &&'a Figure| (height(row, count, figure.server), *figure);
            figures.iter().map(mark)
        })
}

type Panel<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<LogCoord<f64>, RangedCoordf64>>;

/// A panel without marks, with so much room for names before it.
fn panel<'a, 'b>(
    area: &'a Area<'b>,
    caption: &str,
    names: u32,
    bounds: Range<f64>,
    rows: usize,
) -> Result<Panel<'a, 'b>> {
    let mut chart = ChartBuilder::on(area)
        .caption(caption, (FONT, 15))
        .margin_left(10)
        .margin_right(16)
        .x_label_area_size(FOOT - 10)
        .y_label_area_size(names)
        .build_cartesian_2d(bounds.log_scale(), 0.0..rows as f64)
        .map_err(failed)?;
    chart
        .configure_mesh()
        .disable_y_mesh()
        .disable_y_axis()
        .light_line_style(WHITE)
        .x_labels(TICKS)
        .x_label_formatter(&short)
        .draw()
        .map_err(failed)?;
    Ok(chart)
}

fn rates(area: &Area<'_>, rows: &Rows<'_>) -> Result<()> {
    let bounds = bounds(marks(rows).map(|(_, figure)| figure.rate), 2.0);
    let start = bounds.start;
    let caption = "requests per second, logarithmic";
    let mut chart = panel(area, caption, NAMES - 10, bounds, rows.len())?;
    let bar = |(y, figure): (f64, &Figure)| {
        let corners = [(start, y - 0.12), (figure.rate, y + 0.12)];
        Rectangle::new(corners, color(figure.server).filled())
    };
    chart.draw_series(marks(rows).map(bar)).map_err(failed)?;
    let rate = |(y, figure): (f64, &Figure)| {
        let text = short(&figure.rate.round());
        EmptyElement::at((figure.rate, y)) + label(text, 12, HPos::Left)
    };
    chart.draw_series(marks(rows).map(rate)).map_err(failed)?;
    let names = (0..).zip(rows).map(|(row, (case, _))| {
        let y = (rows.len() - row) as f64 - 0.5;
        EmptyElement::at((start, y)) + label(case.name(), 14, HPos::Right)
    });
    chart.draw_series(names).map_err(failed)?;
    Ok(())
}

fn latencies(area: &Area<'_>, rows: &Rows<'_>) -> Result<()> {
    let both = marks(rows).flat_map(|(_, figure)| [figure.p50_us, figure.p99_us]);
    let caption = "microseconds, logarithmic: the median, and to the 99th percentile";
    let mut chart = panel(area, caption, 0, bounds(both, 10.0), rows.len())?;
    let line = |(y, figure): (f64, &Figure)| {
        let ends = [(figure.p50_us, y), (figure.p99_us, y)];
        PathElement::new(ends, color(figure.server).stroke_width(3))
    };
    chart.draw_series(marks(rows).map(line)).map_err(failed)?;
    let median = |(y, figure): (f64, &Figure)| {
        Circle::new((figure.p50_us, y), 5, color(figure.server).filled())
    };
    chart.draw_series(marks(rows).map(median)).map_err(failed)?;
    let times = |(y, figure): (f64, &Figure)| {
        let [p50, p99] = [figure.p50_us, figure.p99_us].map(|us| short(&us.round()));
        let text = format!("{p50} – {p99}");
        EmptyElement::at((figure.p99_us, y)) + label(text, 12, HPos::Left)
    };
    chart.draw_series(marks(rows).map(times)).map_err(failed)?;
    Ok(())
}

fn short(value: &f64) -> String {
    number(*value).trim_end_matches(".0").to_owned()
}

/// A text beside a place: to its right, or to its left.
fn label(text: String, size: u32, side: HPos) -> Text<'static, (i32, i32), String> {
    let apart = match side {
        HPos::Left => 6,
        _ => -6,
    };
    let style = TextStyle::from((FONT, size).into_font()).pos(Pos::new(side, VPos::Center));
    Text::new(text, (apart, 0), style)
}
