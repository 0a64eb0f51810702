//! Loss curves as PNG and SVG.
//!
//! Left the losses: training thin and smoothed, validation bold with dots.
//! Right, if fp32 was run, the validation loss of the others relative to it.

use std::{ops::Range, path::Path};

use anyhow::{Result, anyhow};
use plotters::{coord::Shift, prelude::*, style::register_font};

use super::report::Row;

const SIZE: (u32, u32) = (1600, 800);
const FONT: &str = "sans-serif";
const INK: RGBColor = RGBColor(38, 42, 51);
const FAINT: RGBColor = RGBColor(226, 229, 235);
/// Told apart in grey and by colour-blind readers.
const COLOURS: [RGBColor; 8] = [
    RGBColor(38, 42, 51),
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(170, 51, 119),
    RGBColor(0, 158, 115),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
    RGBColor(120, 120, 120),
];
/// Steps over which training loss is averaged for drawing.
const SMOOTH: usize = 20;

type Points = Vec<(f64, f64)>;

/// What is drawn of a row.
struct Curves {
    label: String,
    colour: RGBColor,
    training: Points,
    validation: Points,
}

/// Writes `loss.png` and `loss.svg`.
///
/// # Errors
/// A file that cannot be written.
pub fn draw(rows: &[Row], directory: &Path) -> Result<()> {
    // A font as bytes: nothing of the system's is needed. SVG leaves it to the reader.
    register_font(FONT, FontStyle::Normal, epaint_default_fonts::UBUNTU_LIGHT)
        .map_err(|_| anyhow!("the built-in font is damaged"))?;
    std::fs::create_dir_all(directory)?;
    let curves: Vec<Curves> = rows.iter().zip(COLOURS.iter().cycle()).map(curves).collect();
    let (png, svg) = (directory.join("loss.png"), directory.join("loss.svg"));
    let all = |error: String| anyhow!("drawing: {error}");
    figure(BitMapBackend::new(&png, SIZE).into_drawing_area(), &curves).map_err(all)?;
    figure(SVGBackend::new(&svg, SIZE).into_drawing_area(), &curves).map_err(all)
}

fn curves((row, &colour): (&Row, &RGBColor)) -> Curves {
    let mean = |series: Vec<Points>| -> Points {
        let longest = series.iter().map(Vec::len).max().unwrap_or(0);
        let at = |i: usize| {
            let points: Points = series.iter().filter_map(|s| s.get(i)).copied().collect();
            let sum: f64 = points.iter().map(|p| p.1).sum();
            (points[0].0, sum / points.len() as f64)
        };
        (0..longest).map(at).filter(|p| p.1.is_finite()).collect()
    };
    let training = row.outcomes.iter().map(|o| smooth(&o.log.losses)).collect();
    let validation = row.outcomes.iter().map(|o| {
        o.log.validation.iter().map(|&(step, y)| (f64::from(step), f64::from(y))).collect()
    });
    Curves {
        label: row.line.label.clone(),
        colour,
        training: mean(training),
        validation: mean(validation.collect()),
    }
}

/// Trailing means.
fn smooth(losses: &[f32]) -> Points {
    let mean = |end: usize| {
        let part = &losses[end.saturating_sub(SMOOTH)..end];
        part.iter().map(|&x| f64::from(x)).sum::<f64>() / part.len() as f64
    };
    (1..=losses.len()).map(|end| (end as f64, mean(end))).collect()
}

fn figure<DB: DrawingBackend>(
    root: DrawingArea<DB, Shift>,
    curves: &[Curves],
) -> Result<(), String> {
    let text = |error: DrawingAreaErrorKind<DB::ErrorType>| error.to_string();
    root.fill(&WHITE).map_err(text)?;
    let root = root.margin(24, 18, 24, 30);
    let baseline = curves.iter().find(|c| c.label == "fp32" && curves.len() > 1);
    match baseline {
        Some(baseline) => {
            let (left, right) = root.split_horizontally((58).percent_width());
            losses(&left, curves).map_err(text)?;
            differences(&right, curves, baseline).map_err(text)?;
        }
        None => losses(&root, curves).map_err(text)?,
    }
    root.present().map_err(text)
}

fn losses<DB: DrawingBackend>(
    area: &DrawingArea<DB, Shift>,
    curves: &[Curves],
) -> Result<(), DrawingAreaErrorKind<DB::ErrorType>> {
    let validation = curves.iter().flat_map(|c| &c.validation).map(|p| p.1);
    let training = curves.iter().flat_map(|c| &c.training).map(|p| p.1);
    let low = validation.chain(training).fold(f64::INFINITY, f64::min);
    let low = if low.is_finite() { (low * 10.0).floor() / 10.0 - 0.1 } else { 0.0 };
    // The first steps, from 5.5 down, say little about precision.
    let range = low..low + 2.0;
    let mut chart = chart(area, "Loss, nats a byte", steps(curves), range.clone())?;
    for curve in curves {
        let thin = curve.colour.mix(0.45).stroke_width(1);
        chart.draw_series(LineSeries::new(inside(&curve.training, &range), thin))?;
    }
    for curve in curves {
        let bold = curve.colour.stroke_width(3);
        let line = LineSeries::new(inside(&curve.validation, &range), bold).point_size(4);
        let last = curve.validation.last().map_or("diverged".into(), |p| format!("{:.3}", p.1));
        chart
            .draw_series(line)?
            .label(format!("{}   {last}", curve.label))
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 26, y)], bold));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperRight)
        .margin(16)
        .legend_area_size(36)
        .background_style(WHITE.mix(0.9))
        .border_style(FAINT)
        .label_font((FONT, 24).into_font().color(&INK))
        .draw()?;
    Ok(())
}

fn differences<DB: DrawingBackend>(
    area: &DrawingArea<DB, Shift>,
    curves: &[Curves],
    baseline: &Curves,
) -> Result<(), DrawingAreaErrorKind<DB::ErrorType>> {
    let relative = |curve: &Curves| -> Points {
        let pairs = curve.validation.iter().zip(&baseline.validation);
        pairs.map(|(a, b)| (a.0, 100.0 * (a.1 / b.1 - 1.0))).collect()
    };
    let series: Vec<(&Curves, Points)> = curves.iter().map(|c| (c, relative(c))).collect();
    let all = series.iter().flat_map(|(_, points)| points).map(|p| p.1);
    let (low, high) = all.fold((-0.5_f64, 0.5_f64), |(low, high), y| (low.min(y), high.max(y)));
    // A recipe that fails leaves the picture: a few tenths of a per cent have to be seen.
    let (low, high) = (low.max(-2.0), high.min(4.0));
    let margin = 0.06 * (high - low);
    let range = low - margin..high + margin;
    let title = "Validation loss relative to fp32, %";
    let mut chart = chart(area, title, steps(curves), range.clone())?;
    for (curve, points) in series {
        let bold = curve.colour.stroke_width(3);
        chart.draw_series(LineSeries::new(inside(&points, &range), bold).point_size(4))?;
    }
    Ok(())
}

type Chart<'a, DB> = ChartContext<
    'a,
    DB,
    Cartesian2d<plotters::coord::types::RangedCoordf64, plotters::coord::types::RangedCoordf64>,
>;

/// Axes with a title on the left and quiet lines.
fn chart<'a, DB: DrawingBackend>(
    area: &DrawingArea<DB, Shift>,
    title: &str,
    x: Range<f64>,
    y: Range<f64>,
) -> Result<Chart<'a, DB>, DrawingAreaErrorKind<DB::ErrorType>> {
    let area = area.titled(title, (FONT, 30).into_font().color(&INK))?;
    let mut chart = ChartBuilder::on(&area)
        .margin(14)
        .x_label_area_size(58)
        .y_label_area_size(66)
        .build_cartesian_2d(x, y)?;
    chart
        .configure_mesh()
        .x_desc("step")
        .x_labels(8)
        .y_labels(9)
        .max_light_lines(0)
        .bold_line_style(FAINT)
        .axis_style(INK.mix(0.5))
        .label_style((FONT, 21).into_font().color(&INK))
        .axis_desc_style((FONT, 24).into_font().color(&INK))
        .x_label_formatter(&|x| format!("{x:.0}"))
        .y_label_formatter(&|y| format!("{y:.1}"))
        .draw()?;
    Ok(chart)
}

fn steps(curves: &[Curves]) -> Range<f64> {
    let last = curves.iter().filter_map(|c| c.training.last()).map(|p| p.0);
    0.0..last.fold(1.0, f64::max)
}

/// plotters draws over the border; what lies outside is left out.
fn inside<'a>(points: &'a Points, range: &Range<f64>) -> impl Iterator<Item = (f64, f64)> + 'a {
    let range = range.clone();
    points.iter().copied().filter(move |p| range.contains(&p.1))
}
