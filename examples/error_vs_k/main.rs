//! The error of a product against K, with and without promotion: bounded and predicted
//! before it is computed, then measured.
//!
//! `cargo run --release --example error_vs_k -- --out DIR` prints a table and writes it as
//! `error_vs_k.tsv`, with the figure as `error_vs_k.png` and `.svg`.
//!
//! 4096 sums (64 rows by 64) of E4M3 by E4M3, each row scaled by its amax, of three
//! kinds of data: normal, magnitudes of normal, and rectified normal times normal with mean
//! 0.5. Draws are the same in every run.

mod plot;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use quarter::gemm::error::{Exact, Measured, Prediction, bound, predict};
use quarter::gemm::{self, Epilogue, Plan, Promotion};
use quarter::quantize::{Granularity, Matrix, MatrixMut, Quantizer};
use quarter::random::{Source, Stream};
use quarter::{Quantized, Result};

use Promotion::{Every, Never};

const SIDE: usize = 64;
const DEPTHS: [usize; 8] = [128, 256, 512, 1024, 2048, 4096, 8192, 16384];
/// All intervals are tried at this K.
const SWEEP: usize = 4096;

/// What the numbers are like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Data {
    ZeroMean,
    OneSign,
    Relu,
}

impl Data {
    const ALL: [Self; 3] = [Self::ZeroMean, Self::OneSign, Self::Relu];

    fn name(self) -> &'static str {
        match self {
            Self::ZeroMean => "zero mean",
            Self::OneSign => "one sign",
            Self::Relu => "relu x mean 0.5",
        }
    }

    fn operands(self, k: usize) -> Result<(Quantized, Quantized)> {
        let each = |tensor, f: fn(f32) -> f32| {
            let x: Vec<f32> = normals(SIDE * k, tensor).into_iter().map(f).collect();
            let q = Quantizer { granularity: Granularity::Row, ..Quantizer::default() };
            Ok(q.quantize(Matrix::new(&x, SIDE, k)?)?.data)
        };
        Ok(match self {
            Self::ZeroMean => (each(1, |x| x)?, each(2, |x| x)?),
            Self::OneSign => (each(1, f32::abs)?, each(2, f32::abs)?),
            Self::Relu => (each(1, |x| x.max(0.0))?, each(2, |x| x + 0.5)?),
        })
    }
}

/// So many numbers of a normal distribution (Box-Muller).
fn normals(n: usize, tensor: u32) -> Vec<f32> {
    let source = Source { seed: 0, tensor, step: 0 };
    let pair = |a: u32, b: u32| {
        let uniform = |w: u32| (f64::from(w) + 0.5) / 2f64.powi(32);
        let (r, turn) = ((-2.0 * uniform(a).ln()).sqrt(), std::f64::consts::TAU * uniform(b));
        [(r * turn.cos()) as f32, (r * turn.sin()) as f32]
    };
    let group = |g| {
        let w = source.words(Stream::Data, g);
        [pair(w[0], w[1]), pair(w[2], w[3])].concat()
    };
    (0..n.div_ceil(4) as u64).flat_map(group).take(n).collect()
}

/// One product.
struct Row {
    data: Data,
    k: usize,
    measured: Measured,
    predicted: Prediction,
    /// The mean bound, relative to the size of the products.
    bound: f64,
}

impl Row {
    fn interval(&self) -> String {
        match self.predicted.promotion {
            Never => "never".into(),
            Every(n) => n.to_string(),
        }
    }
}

fn rows(data: Data, k: usize) -> Result<Vec<Row>> {
    let (a, b) = data.operands(k)?;
    let mut promotions = vec![Never, Every(128)];
    if k == SWEEP {
        promotions.extend([32, 64, 256, 512, 1024].map(Every));
    }
    let predictions = predict(&a, &b, &promotions)?;
    let exact = Exact::new(&a, &b)?;
    let row = |predicted: Prediction| {
        let plan = Plan { promotion: predicted.promotion, ..Plan::for_k(k) };
        let bound = bound::<f32>(&a, &b, &plan)?;
        let mut d = vec![0f32; SIDE * SIDE];
        gemm::fprop(&a, &b, &plan, &Epilogue::default(), MatrixMut::new(&mut d, SIDE, SIDE)?)?;
        let measured = exact.compare(Matrix::new(&d, SIDE, SIDE)?)?;
        Ok(Row { data, k, measured, predicted, bound: bound.relative() })
    };
    predictions.into_iter().map(row).collect()
}

/// The table, its columns parted by tabs.
fn table(rows: &[Row]) -> String {
    let mut text =
        String::from("data\tK\tpromotion\tbias\tpredicted\trms\tpredicted\tworst\tbound\n");
    for row in rows {
        let (m, p) = (&row.measured, &row.predicted);
        // Nothing fails that is written to a String.
        let _ = writeln!(
            text,
            "{}\t{}\t{}\t{:.2e}\t{:.2e}\t{:.2e}\t{:.2e}\t{:.2e}\t{:.2e}",
            row.data.name(),
            row.k,
            row.interval(),
            m.bias,
            p.bias,
            m.rms,
            p.rms,
            m.worst,
            row.bound,
        );
    }
    text
}

const LEGEND: &str = "\
# cargo run --release --example error_vs_k -- --out DIR
# 4096 sums of E4M3 x E4M3, a scale for each row from its amax; see examples/error_vs_k
# bias: mean error / mean |sum|; rms: rms error / rms sum
# worst: largest |error| / sum |a * b|; bound: mean bound / mean sum |a * b|, before the product
";

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut out = PathBuf::from("out");
    let mut arguments = std::env::args_os().skip(1);
    while let Some(argument) = arguments.next() {
        match (argument.to_str(), arguments.next()) {
            (Some("--out"), Some(directory)) => out = directory.into(),
            _ => return Err("usage: error_vs_k [--out DIR]".into()),
        }
    }
    let mut all = vec![];
    for data in Data::ALL {
        for k in DEPTHS {
            all.extend(rows(data, k)?);
        }
    }
    let text = table(&all);
    print(&text);
    write(&out, &text, &all)?;
    println!("\nwritten to {}", out.display());
    Ok(())
}

/// The table with aligned columns.
fn print(table: &str) {
    for line in table.lines() {
        let cells = line.split('\t').enumerate();
        let padded: Vec<String> = cells
            .map(|(i, cell)| if i == 0 { format!("{cell:16}") } else { format!("{cell:>11}") })
            .collect();
        println!("{}", padded.concat());
    }
}

fn write(out: &Path, table: &str, rows: &[Row]) -> Result<(), Box<dyn std::error::Error>> {
    std::fs::create_dir_all(out)?;
    std::fs::write(out.join("error_vs_k.tsv"), format!("{LEGEND}{table}"))?;
    plot::draw(rows, out)
}
