//! Bias and rms of the error, from how often each code occurs.

use quarter_numerics::tensor_core::STEP;

use super::check;
use super::groups::{Group, groups};
use super::normal;
use super::population::Population;
use super::walk::{State, Walk};
use crate::gemm::{Plan, Promotion, ScaleOrder};
use crate::{Quantized, Result};

/// The expected error of a product.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Prediction {
    /// The interval it is for.
    pub promotion: Promotion,
    /// Mean of the signed error, divided by the mean of |exact sum|: as
    /// [`Measured::bias`](super::Measured::bias).
    pub bias: f64,
    /// Root mean square of the error, divided by that of the exact sum: as
    /// [`Measured::rms`](super::Measured::rms).
    pub rms: f64,
}

/// Predicts the error of `gemm(a, b)` for each promotion interval, without the product.
/// The model is [above](super). NaN if there are NaN or infinities in a or b.
///
/// Takes a look at every code, and for each pair of groups of rows under 0.1 ms for each 32
/// of K in the longest chain.
///
/// # Errors
/// As [`gemm`](crate::gemm::gemm), for each interval.
pub fn predict(a: &Quantized, b: &Quantized, promotions: &[Promotion]) -> Result<Vec<Prediction>> {
    let plan = |promotion| Plan { promotion, scales: ScaleOrder::Sequential };
    let chunks: Vec<usize> =
        promotions.iter().map(|&p| check(a, b, &plan(p))).collect::<Result<_>>()?;
    let mut totals = vec![Total::default(); promotions.len()];
    // Without elements the result is 0 and exact.
    if a.rows > 0 && b.rows > 0 && a.cols > 0 {
        match (groups(a), groups(b)) {
            (Some(of_a), Some(of_b)) => {
                for (x, y) in of_a.iter().flat_map(|x| of_b.iter().map(move |y| (x, y))) {
                    pair(x, y, a.cols, &chunks, &mut totals);
                }
            }
            _ => totals.fill(Total::NAN),
        }
    }
    let scales = scale_roundings(a) + scale_roundings(b);
    let ratio = |a: f64, b: f64| if a == 0.0 { 0.0 } else { a / b };
    let prediction = |(&promotion, t): (&Promotion, &Total)| Prediction {
        promotion,
        bias: ratio(t.error, t.magnitude),
        rms: ratio((t.error_square + scales * t.square).sqrt(), t.square.sqrt()),
    };
    Ok(promotions.iter().zip(&totals).map(prediction).collect())
}

/// Sums over outputs.
#[derive(Clone, Copy, Debug, Default)]
struct Total {
    error: f64,
    error_square: f64,
    /// Of the exact sum.
    magnitude: f64,
    square: f64,
}

impl Total {
    const NAN: Self =
        Self { error: f64::NAN, error_square: f64::NAN, magnitude: f64::NAN, square: f64::NAN };
}

/// Adds the outputs of a group of rows of A with one of B, for each chain length.
fn pair(x: &Group, y: &Group, k: usize, chunks: &[usize], totals: &mut [Total]) {
    let population = Population::new(&x.magnitudes, &y.magnitudes);
    let walk = Walk::new(&population);
    let longest = chunks.iter().map(|&chunk| chunk.min(k) / STEP).max().unwrap_or(0);
    let mut states = vec![State::default()];
    for _ in 0..longest {
        states.push(walk.step(states[states.len() - 1], STEP));
    }
    let (mean, variance) = population.moments();
    let sum = Sum { mean: mean * k as f64, variance: variance * k as f64 };
    let (first, second) =
        (x.rows * y.rows * x.scale * y.scale, x.rows * y.rows * x.scale2 * y.scale2);
    for (&chunk, total) in chunks.iter().zip(totals) {
        let full = states[chunk.min(k) / STEP];
        let times = (k / chunk) as f64;
        // What does not fill a chain, and in it what does not fill a step.
        let mut last = states[k % chunk / STEP];
        if !k.is_multiple_of(STEP) {
            last = walk.step(last, k % STEP);
        }
        let error = times * full.error + last.error;
        let variance = times * full.error_variance + last.error_variance;
        total.error += first * error;
        total.error_square += second * (variance.max(0.0) + error * error);
        total.magnitude += first * sum.mean_magnitude();
        total.square += second * sum.square();
    }
}

/// Mean square of the relative error of multiplying by the scales of an operand: one
/// rounding to 24 bits, nothing if all are powers of two.
fn scale_roundings(x: &Quantized) -> f64 {
    let exact = x.scale_inv.iter().all(|s| s.to_bits() & 0x007f_ffff == 0);
    // ulp^2 / 12 at 2^e, over x^2 with log-uniform x: 3 / (8 ln 2) of that at 2^e.
    if exact { 0.0 } else { 2f64.powi(-46) / 12.0 * 3.0 / (8.0 * core::f64::consts::LN_2) }
}

/// The exact sum, normally distributed.
struct Sum {
    mean: f64,
    variance: f64,
}

impl Sum {
    fn square(&self) -> f64 {
        self.mean * self.mean + self.variance
    }

    fn mean_magnitude(&self) -> f64 {
        let sd = self.variance.sqrt();
        if sd == 0.0 {
            return self.mean.abs();
        }
        let z = self.mean / sd;
        2.0 * sd * normal::density(z) + self.mean * (2.0 * normal::below(z) - 1.0)
    }
}
