//! The figure, as PNG and SVG: measured points on predicted lines.

use std::{error::Error, path::Path};

use plotters::coord::Shift;
use plotters::coord::combinators::{BindKeyPoints, LogCoord, WithKeyPoints};
use plotters::element::DashedPathElement;
use plotters::{prelude::*, style::register_font};

use super::{DEPTHS, Data, Every, Never, Promotion, Row};

const SIZE: (u32, u32) = (1600, 820);
const FONT: &str = "sans-serif";
const INK: RGBColor = RGBColor(38, 42, 51);
const FAINT: RGBColor = RGBColor(226, 229, 235);
/// Told apart in grey and by colour-blind readers.
const COLOURS: [(Promotion, RGBColor, &str); 2] = [
    (Never, RGBColor(213, 94, 0), "one chain over all of K"),
    (Every(128), RGBColor(0, 114, 178), "promoted to f32 every 128"),
];

type Points = Vec<(f64, f64)>;
type Drawn<DB> = Result<(), DrawingAreaErrorKind<<DB as DrawingBackend>::ErrorType>>;

/// Writes `error_vs_k.png` and `error_vs_k.svg`.
///
/// # Errors
/// A file that cannot be written.
pub fn draw(rows: &[Row], directory: &Path) -> Result<(), Box<dyn Error>> {
    // SVG leaves the font to the reader.
    register_font(FONT, FontStyle::Normal, epaint_default_fonts::UBUNTU_LIGHT)
        .map_err(|_| "the built-in font is damaged")?;
    let path = |name| directory.join(name);
    figure(BitMapBackend::new(&path("error_vs_k.png"), SIZE).into_drawing_area(), rows)
        .map_err(|e| e.to_string())?;
    figure(SVGBackend::new(&path("error_vs_k.svg"), SIZE).into_drawing_area(), rows)
        .map_err(|e| e.to_string())?;
    Ok(())
}

fn figure<DB: DrawingBackend>(root: DrawingArea<DB, Shift>, rows: &[Row]) -> Drawn<DB> {
    root.fill(&WHITE)?;
    let root = root.margin(20, 16, 20, 24);
    let (left, right) = root.split_horizontally((50).percent_width());
    panel(&left, "Zero mean: rms error / rms sum", rows, Data::ZeroMean)?;
    panel(&right, "One sign: mean loss / mean sum", rows, Data::OneSign)?;
    root.present()
}

fn panel<DB: DrawingBackend>(
    area: &DrawingArea<DB, Shift>,
    title: &str,
    rows: &[Row],
    data: Data,
) -> Drawn<DB> {
    let mut chart = chart(area, title)?;
    // Of a row, what the panel shows: measured, predicted, bound.
    let values = |row: &Row| match data {
        Data::ZeroMean => (row.measured.rms, row.predicted.rms, row.bound),
        _ => (row.measured.bias.abs(), row.predicted.bias.abs(), row.bound),
    };
    for (promotion, colour, label) in COLOURS {
        let series = |pick: fn((f64, f64, f64)) -> f64| -> Points {
            let of = rows.iter().filter(|r| r.data == data && r.predicted.promotion == promotion);
            of.map(|r| (r.k as f64, pick(values(r)))).collect()
        };
        let line = colour.stroke_width(3);
        chart
            .draw_series(LineSeries::new(series(|v| v.1), line))?
            .label(format!("{label}: predicted"))
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 30, y)], line));
        chart
            .draw_series(series(|v| v.0).into_iter().map(|p| Circle::new(p, 6, colour.filled())))?
            .label(format!("{label}: measured"))
            .legend(move |(x, y)| Circle::new((x + 15, y), 6, colour.filled()));
        // Relative to the sum of magnitudes: with one sign that is the sum.
        let thin = colour.stroke_width(2);
        let points = if data == Data::OneSign { series(|v| v.2) } else { vec![] };
        chart
            .draw_series([DashedPathElement::new(points, 6, 6, thin)])?
            .label(format!("{label}: bound (right)"))
            .legend(move |(x, y)| DashedPathElement::new([(x, y), (x + 30, y)], 6, 6, thin));
    }
    // One legend serves both panels.
    if data == Data::ZeroMean {
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::UpperLeft)
            .margin(14)
            .legend_area_size(42)
            .background_style(WHITE.mix(0.9))
            .border_style(FAINT)
            .label_font((FONT, 22).into_font().color(&INK))
            .draw()?;
    }
    Ok(())
}

type Logarithmic = Cartesian2d<WithKeyPoints<LogCoord<f64>>, LogCoord<f64>>;

/// Logarithmic axes with a title and quiet lines, the same for both panels.
fn chart<'a, DB: DrawingBackend>(
    area: &DrawingArea<DB, Shift>,
    title: &str,
) -> Result<ChartContext<'a, DB, Logarithmic>, DrawingAreaErrorKind<DB::ErrorType>> {
    let area = area.titled(title, (FONT, 30).into_font().color(&INK))?;
    let (first, last) = (DEPTHS[0] as f64, DEPTHS[DEPTHS.len() - 1] as f64);
    let x = (first / 1.15..last * 1.15).log_scale();
    let x = x.with_key_points(DEPTHS.map(|k| k as f64).to_vec());
    let mut chart = ChartBuilder::on(&area)
        .margin(14)
        .x_label_area_size(58)
        .y_label_area_size(74)
        .build_cartesian_2d(x, (5e-5..2.0).log_scale())?;
    chart
        .configure_mesh()
        .x_desc("K")
        .max_light_lines(0)
        .bold_line_style(FAINT)
        .axis_style(INK.mix(0.5))
        .label_style((FONT, 21).into_font().color(&INK))
        .axis_desc_style((FONT, 24).into_font().color(&INK))
        .x_label_formatter(&|x| format!("{x:.0}"))
        .y_label_formatter(&|y| format!("{y:.0e}"))
        .draw()?;
    Ok(chart)
}
