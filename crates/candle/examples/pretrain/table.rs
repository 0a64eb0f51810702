//! The table at the end, as plain text.

use super::{
    log::Casts,
    report::{self, Outcome, Row},
};

/// Parameters of the model whose memory is foreseen.
const LARGE: f64 = 10e9;

/// All rows, with a heading.
pub fn render(rows: &[Row]) -> String {
    let spike = rows.iter().any(|row| row.line.spike.is_some());
    let outlier = rows.iter().any(|row| row.line.outlier);
    let mut heading = vec![
        "recipe",
        "val loss",
        "weights",
        "grads",
        "moments",
        "scales",
        "B/param",
        "10 B params",
        "tokens/s",
        "saturated",
        "flushed",
    ];
    if spike {
        heading.push("recovered after");
    }
    if outlier {
        heading.extend(["outlier input saturated", "outlier input flushed"]);
    }
    let mut lines = vec![heading.into_iter().map(String::from).collect::<Vec<_>>()];
    for row in rows {
        let Some(first) = row.outcomes.first() else { continue };
        let mut cells = cells(row, first);
        if spike {
            cells.push(recovery(row, first));
        }
        if outlier {
            let casts = row.casts(|log| log.outlier);
            cells.extend([share(casts.saturated, casts), share(casts.flushed, casts)]);
        }
        lines.push(cells);
    }
    let mut out = align(&lines);
    for (label, difference) in report::differences(rows) {
        let report::Difference { mean, error } = difference;
        out += &format!("{label} - fp32, paired by seed: {mean:+.3} % ± {error:.3} %\n");
    }
    out
}

fn cells(row: &Row, first: &Outcome) -> Vec<String> {
    let per_parameter = |bytes: u64| format!("{:.3}", bytes as f64 / first.parameters as f64);
    let loss = match row.diverged() {
        0 => format!("{:.4}", row.val_loss()),
        n if row.val_loss().is_nan() => format!("diverged ({n} of {})", row.outcomes.len()),
        n => format!("{:.4}, diverged ({n} of {})", row.val_loss(), row.outcomes.len()),
    };
    let casts = row.casts(|log| log.casts);
    let speed = row.outcomes.iter().map(|o| o.tokens_per_second(&row.line.shape)).sum::<f64>()
        / row.outcomes.len() as f64;
    let bytes = first.bytes;
    vec![
        row.line.label.clone(),
        loss,
        per_parameter(bytes.weights),
        per_parameter(bytes.gradients),
        per_parameter(bytes.moments),
        per_parameter(bytes.scales),
        format!("{:.3}", first.bytes_per_param()),
        format!("{:.1} GB", first.bytes_per_param() * LARGE / 1e9),
        format!("{speed:.0}"),
        share(casts.saturated, casts),
        share(casts.flushed, casts),
    ]
}

/// A count with its share of the casts.
fn share(count: u64, casts: Casts) -> String {
    if casts.elements == 0 {
        return "-".into();
    }
    let percent = 100.0 * count as f64 / casts.elements as f64;
    format!("{count} ({percent:.3} %)")
}

fn recovery(row: &Row, first: &Outcome) -> String {
    match (row.line.spike, first.recovery()) {
        (Some(_), Some(steps)) => format!("{steps} steps"),
        (Some(_), None) => "not in this run".into(),
        (None, _) => "-".into(),
    }
}

/// Columns of equal width, numbers to the right, a rule below the heading.
fn align(lines: &[Vec<String>]) -> String {
    let columns = lines.iter().map(Vec::len).max().unwrap_or(0);
    let width = |c: usize| {
        lines.iter().filter_map(|line| line.get(c)).map(|x| x.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut out = String::new();
    for (i, line) in lines.iter().enumerate() {
        for (c, cell) in line.iter().enumerate() {
            let pad = " ".repeat(widths[c] - cell.chars().count());
            out += &if c == 0 { format!("{cell}{pad}") } else { format!("  {pad}{cell}") };
        }
        out.push('\n');
        if i == 0 {
            let total = widths.iter().sum::<usize>() + 2 * columns.saturating_sub(1);
            out += &"-".repeat(total);
            out.push('\n');
        }
    }
    out
}
