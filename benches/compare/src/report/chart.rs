//! Latency over depth: one line an engine, both axes logarithmic.

use std::path::Path;

use anyhow::{Result, anyhow};
use plotters::prelude::*;

use super::markdown::number;
use crate::cases::{CHART_SHAPE, Line};

const SIZE: (u32, u32) = (900, 540);
const COLORS: [RGBColor; 6] = [
    RGBColor(0xD1, 0x24, 0x2F),
    RGBColor(0x1F, 0x6F, 0xB4),
    RGBColor(0x6B, 0xA9, 0xD8),
    RGBColor(0x0B, 0x3C, 0x66),
    RGBColor(0x2E, 0x8B, 0x57),
    RGBColor(0xB8, 0x86, 0x0B),
];

pub(crate) fn draw(path: &Path, size: u32, lines: &[Line]) -> Result<()> {
    let points = || lines.iter().flat_map(|line| &line.points);
    let deepest = points().map(|(page, _)| *page).max().unwrap_or(1) as f64;
    let slowest = points().map(|(_, us)| *us).fold(1.0, f64::max);
    let root = SVGBackend::new(path, SIZE).into_drawing_area();
    let failed = |error: DrawingAreaErrorKind<_>| anyhow!("the chart: {error}");
    root.fill(&WHITE).map_err(failed)?;
    let title = format!(
        "A page of 20 of {CHART_SHAPE} with its total, {} conversations",
        number(f64::from(size))
    );
    let mut chart = ChartBuilder::on(&root)
        .caption(title, ("sans-serif", 18))
        .margin(14)
        .x_label_area_size(46)
        .y_label_area_size(74)
        .build_cartesian_2d(
            (1.0..deepest * 1.2).log_scale(),
            (1.0..slowest * 2.0).log_scale(),
        )
        .map_err(failed)?;
    chart
        .configure_mesh()
        .x_desc("page")
        .y_desc("microseconds")
        .x_label_formatter(&|page| number(page.round()).trim_end_matches(".0").to_owned())
        .y_label_formatter(&|us| number(*us).trim_end_matches(".0").to_owned())
        .light_line_style(WHITE)
        .draw()
        .map_err(failed)?;
    for (line, color) in lines.iter().zip(COLORS) {
        let style = color.stroke_width(if line.engine == "convodb" { 4 } else { 2 });
        let points = line.points.iter().map(|(page, us)| (*page as f64, *us));
        chart
            .draw_series(LineSeries::new(points, style))
            .map_err(failed)?
            .label(line.engine)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 22, y)], style));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .background_style(WHITE.mix(0.9))
        .border_style(BLACK.mix(0.3))
        .draw()
        .map_err(failed)?;
    root.present().map_err(failed)
}
