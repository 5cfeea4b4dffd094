//! The curves as an SVG picture.

use std::path::Path;

use plotters::prelude::*;

use super::measure::Curve;
use crate::failure::Failure;
use crate::texts::grouped;

const SIZE: (u32, u32) = (900, 540);
const COLORS: [RGBColor; 6] = [
    RGBColor(0xD1, 0x24, 0x2F),
    RGBColor(0x1F, 0x6F, 0xB4),
    RGBColor(0x2E, 0x8B, 0x57),
    RGBColor(0xB8, 0x86, 0x0B),
    RGBColor(0x8E, 0x44, 0xAD),
    RGBColor(0x0B, 0x8A, 0x8F),
];

pub(super) fn draw(path: &Path, title: &str, curves: &[Curve]) -> Result<(), Failure> {
    let mut picture = String::new();
    let drawn = draw_into(&mut picture, title, curves).map_err(|error| error.to_string());
    drawn
        .and_then(|()| std::fs::write(path, picture).map_err(|error| error.to_string()))
        .map_err(|reason| Failure::File {
            path: path.to_owned(),
            reason,
        })
}

fn draw_into(
    picture: &mut String,
    title: &str,
    curves: &[Curve],
) -> Result<(), Box<dyn std::error::Error>> {
    let points = || curves.iter().flat_map(|curve| &curve.points);
    let deepest = points().map(|point| point.page).max().unwrap_or(1) as f64;
    let slowest = points().map(|point| point.micros).fold(1.0, f64::max);
    let root = SVGBackend::with_string(picture, SIZE).into_drawing_area();
    root.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&root)
        .caption(title, ("sans-serif", 18))
        .margin(14)
        .x_label_area_size(46)
        .y_label_area_size(74)
        .build_cartesian_2d(
            (1.0..deepest.max(2.0) * 1.2).log_scale(),
            (1.0..slowest * 2.0).log_scale(),
        )?;
    chart
        .configure_mesh()
        .x_desc("page")
        .y_desc("microseconds")
        .x_label_formatter(&|page| grouped(page.round() as u64))
        .y_label_formatter(&|micros| grouped(micros.round() as u64))
        .light_line_style(WHITE)
        .draw()?;
    for (curve, color) in curves.iter().zip(COLORS) {
        let style = color.stroke_width(2);
        let points = curve
            .points
            .iter()
            .map(|point| (point.page as f64, point.micros));
        chart
            .draw_series(LineSeries::new(points, style))?
            .label(&curve.filter)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 22, y)], style));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .background_style(WHITE.mix(0.9))
        .border_style(BLACK.mix(0.3))
        .draw()?;
    root.present()?;
    Ok(())
}
