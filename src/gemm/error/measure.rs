//! The exact product, and how far another is from it.

use super::codes::{self, Code, UNIT};
use super::{check_shapes, for_each_row};
use crate::gemm::plan::is_blocked;
use crate::quantize::Matrix;
use crate::{Element, Error, Quantized, Result};

/// The exact sum of every output, and its size.
///
/// Codes are integers of 32 bits times 2^-16, so the sum over a block of scales is an
/// exact integer. The scales, and where they change along K the sum over their blocks,
/// are applied in f64: a relative error below 2^-50 of the size, which f32 is 2^26 times
/// away from. It takes several times as long as the product.
#[derive(Clone, Debug, PartialEq)]
pub struct Exact {
    rows: usize,
    cols: usize,
    /// Sum and size of each output.
    outputs: Vec<(f64, f64)>,
}

/// How far a product is from the exact one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Measured {
    /// Outputs that took part: those without NaN or an infinity in their operands.
    pub outputs: usize,
    /// Mean of the signed error, divided by the mean of |exact sum|.
    pub bias: f64,
    /// Root mean square of the error, divided by that of the exact sum.
    pub rms: f64,
    /// The largest |error| / `sum |a * b|`; outputs of zeros alone count as 0.
    pub worst: f64,
}

impl Exact {
    /// The exact product of a `[M, K]` and the transpose of b `[N, K]`.
    ///
    /// # Errors
    /// [`Error::Shape`] if the columns differ, or M x N is too large as in
    /// [`Matrix::new`].
    pub fn new(a: &Quantized, b: &Quantized) -> Result<Self> {
        check_shapes(a, b)?;
        let (of_a, of_b) = (Units::new(a), Units::new(b));
        // Scales are constant along so much of K.
        let block = if is_blocked(a) || is_blocked(b) { 128 } else { a.cols.max(1) };
        let mut outputs = vec![(0.0, 0.0); a.rows * b.rows];
        for_each_row(&mut outputs, b.rows, |m, row| {
            for (n, output) in row.iter_mut().enumerate() {
                let (Some(of_a), Some(of_b)) = (of_a.row(m), of_b.row(n)) else {
                    *output = (f64::NAN, f64::NAN);
                    continue;
                };
                for (i, (x, y)) in of_a.chunks(block).zip(of_b.chunks(block)).enumerate() {
                    let scale = |q: &Quantized, r| f64::from(q.scale_inv_at(r, i * block));
                    let (sum, size) = dot(x, y);
                    output.0 += sum * scale(a, m) * scale(b, n);
                    output.1 += size * scale(a, m) * scale(b, n);
                }
            }
        });
        Ok(Self { rows: a.rows, cols: b.rows, outputs })
    }

    /// The exact sum of output (m, n) and its size `sum |a * b|`; `None` if there is no
    /// such output, NaN if its row of A or of B has NaN or an infinity.
    pub fn get(&self, m: usize, n: usize) -> Option<(f64, f64)> {
        let row = self.outputs.get(m.checked_mul(self.cols)?..)?;
        row.get(..self.cols)?.get(n).copied()
    }

    /// How far D is from the exact product, wherever it was computed.
    ///
    /// A largest error relative to the exact sum is not among the results: where sums
    /// cancel to zero it says nothing.
    ///
    /// # Errors
    /// [`Error::Shape`] if D has another shape.
    pub fn compare<T: Element>(&self, d: Matrix<T>) -> Result<Measured> {
        if (d.rows(), d.cols()) != (self.rows, self.cols) {
            return Err(Error::Shape {
                what: "d",
                rows: d.rows(),
                cols: d.cols(),
                allowed: format!("{} x {} is needed", self.rows, self.cols),
            });
        }
        let (mut error, mut sum, mut worst, mut outputs) =
            (Moments::default(), Moments::default(), 0f64, 0);
        for (m, exact) in self.outputs.chunks(self.cols.max(1)).enumerate() {
            for (d, &(s, size)) in d.row(m).iter().zip(exact).filter(|(_, e)| e.0.is_finite()) {
                let e = f64::from(d.to_f32()) - s;
                outputs += 1;
                error.add(e, e);
                sum.add(s.abs(), s);
                if size > 0.0 {
                    worst = worst.max(e.abs() / size);
                }
            }
        }
        let ratio = |a: f64, b: f64| if a == 0.0 { 0.0 } else { a / b };
        Ok(Measured {
            outputs,
            bias: ratio(error.first, sum.first),
            rms: ratio(error.second.sqrt(), sum.second.sqrt()),
            worst,
        })
    }
}

#[derive(Default)]
struct Moments {
    first: f64,
    second: f64,
}

impl Moments {
    fn add(&mut self, first: f64, x: f64) {
        self.first += first;
        self.second += x * x;
    }
}

/// The elements of a matrix in units of 2^-16.
struct Units {
    cols: usize,
    units: Vec<i64>,
    finite: Vec<bool>,
}

impl Units {
    fn new(x: &Quantized) -> Self {
        let table = codes::table(x.format);
        let (mut units, mut finite) = (Vec::with_capacity(x.rows * x.cols), vec![true; x.rows]);
        for (r, finite) in finite.iter_mut().enumerate() {
            units.extend(x.row(r).iter().map(|&code| match table[usize::from(code)] {
                Code::Zero => 0,
                Code::Finite(number) => number.units,
                Code::NonFinite => {
                    *finite = false;
                    0
                }
            }));
        }
        Self { cols: x.cols, units, finite }
    }

    /// `None` for a row with NaN or an infinity.
    fn row(&self, r: usize) -> Option<&[i64]> {
        self.finite[r].then(|| &self.units[r * self.cols..][..self.cols])
    }
}

/// The sum of products and of their magnitudes, exact but for the last step to f64.
fn dot(a: &[i64], b: &[i64]) -> (f64, f64) {
    let (mut sum, mut size) = (0i128, 0i128);
    for (&a, &b) in a.iter().zip(b) {
        let p = i128::from(a) * i128::from(b);
        sum += p;
        size += p.abs();
    }
    (sum as f64 * UNIT * UNIT, size as f64 * UNIT * UNIT)
}
