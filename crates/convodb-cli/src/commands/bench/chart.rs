//! The curves in braille characters of eight dots.

use clap::builder::styling::AnsiColor;

use super::measure::Curve;
use crate::output::Screen;
use crate::texts::grouped;

const COLORS: [AnsiColor; 6] = [
    AnsiColor::Red,
    AnsiColor::Blue,
    AnsiColor::Green,
    AnsiColor::Yellow,
    AnsiColor::Magenta,
    AnsiColor::Cyan,
];

const MAX_COLUMNS: usize = 72;
const ROWS: usize = 14;
/// The width of the labels left of the dots: microseconds and the axis.
const LABEL: usize = 10;

/// What each dot adds to the code of the empty character: left column, right column.
const DOTS: [[u32; 4]; 2] = [[0x01, 0x02, 0x04, 0x40], [0x08, 0x10, 0x20, 0x80]];
const EMPTY: u32 = 0x2800;

/// Characters of dots, each in the colour of the last curve through it.
struct Canvas {
    columns: usize,
    cells: Vec<(u32, usize)>,
}

impl Canvas {
    fn dot(&mut self, x: usize, y: usize, curve: usize) {
        let cell = self.cells.get_mut(y / 4 * self.columns + x / 2);
        let dot = DOTS.get(x % 2).and_then(|column| column.get(y % 4));
        if let (Some(cell), Some(dot)) = (cell, dot) {
            *cell = (cell.0 | dot, curve);
        }
    }

    fn line(&mut self, from: (f64, f64), to: (f64, f64), curve: usize) {
        let steps = (to.0 - from.0).abs().max((to.1 - from.1).abs()).max(1.0);
        for step in 0..=steps.ceil() as usize {
            let part = (step as f64 / steps).min(1.0);
            let x = from.0 + (to.0 - from.0) * part;
            let y = from.1 + (to.1 - from.1) * part;
            self.dot(x.round() as usize, y.round() as usize, curve);
        }
    }
}

/// Draws microseconds, in powers of ten, over the position of the page in its list.
pub(super) fn draw(screen: &Screen, curves: &[Curve]) -> String {
    let columns = usize::from(screen.width).saturating_sub(LABEL + 2);
    let columns = columns.clamp(16, MAX_COLUMNS);
    let mut canvas = Canvas {
        columns,
        cells: vec![(0, 0); columns * ROWS],
    };
    let (low, high) = bounds(curves);
    let (width, height) = ((columns * 2 - 1) as f64, (ROWS * 4 - 1) as f64);
    for (number, curve) in curves.iter().enumerate() {
        let last = curve.points.last().map_or(1, |point| point.page).max(2) - 1;
        let dots: Vec<_> = curve
            .points
            .iter()
            .map(|point| {
                let part = (point.micros.log10() - low) / (high - low);
                let x = (point.page - 1) as f64 / last as f64 * width;
                (x, (1.0 - part.clamp(0.0, 1.0)) * height)
            })
            .collect();
        for pair in dots.windows(2) {
            if let [from, to] = pair {
                canvas.line(*from, *to, number);
            }
        }
        if let [only] = dots.as_slice() {
            canvas.line(*only, *only, number);
        }
    }
    render(screen, &canvas, curves, (low, high))
}

/// Whole powers of ten around all times.
fn bounds(curves: &[Curve]) -> (f64, f64) {
    let times = || curves.iter().flat_map(|curve| &curve.points);
    let low = times().map(|point| point.micros).fold(f64::MAX, f64::min);
    let high = times().map(|point| point.micros).fold(1.0, f64::max);
    let low = low.clamp(1.0, high).log10().floor();
    (low, high.log10().ceil().max(low + 1.0))
}

fn render(screen: &Screen, canvas: &Canvas, curves: &[Curve], (low, high): (f64, f64)) -> String {
    let mut text = String::new();
    for (row, cells) in canvas.cells.chunks(canvas.columns).enumerate() {
        text += &format!("{:>LABEL$} │", label(row, low, high));
        for (dots, curve) in cells {
            match (dots, char::from_u32(EMPTY + dots), COLORS.get(*curve)) {
                (0, ..) | (_, None, _) => text.push(' '),
                (_, Some(dots), Some(color)) => text += &screen.coloured(*color, dots),
                (_, Some(dots), None) => text.push(dots),
            }
        }
        text.push('\n');
    }
    let pad = canvas.columns - 4;
    text += &format!("{:>LABEL$} └{}\n", "", "─".repeat(canvas.columns));
    text += &format!(
        "{:>LABEL$}  first{:>pad$}\n",
        "",
        "last page",
        pad = pad - 1
    );
    for (number, curve) in curves.iter().enumerate() {
        let color = COLORS.get(number).copied().unwrap_or(AnsiColor::White);
        let (least, most) = curve
            .points
            .iter()
            .fold((f64::MAX, 0.0_f64), |(least, most), point| {
                (least.min(point.micros), most.max(point.micros))
            });
        text += &format!(
            "{:>LABEL$}  {} {}: {least:.1} to {most:.1} µs\n",
            "",
            screen.coloured(color, "━━"),
            curve.filter
        );
    }
    text
}

/// The label of a row, if it is that of a power of ten.
fn label(row: usize, low: f64, high: f64) -> String {
    let row_of = |power: f64| (1.0 - (power - low) / (high - low)) * (ROWS - 1) as f64;
    let powers = (low as i32..=high as i32).map(f64::from);
    let here = powers
        .into_iter()
        .find(|power| row_of(*power).round() as usize == row);
    here.map(|power| format!("{} µs", grouped(10_f64.powf(power).round() as u64)))
        .unwrap_or_default()
}
