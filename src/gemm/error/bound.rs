//! The bound, from a few numbers for each 32 of K of a row.

use core::ops::Range;

use quarter_numerics::tensor_core::STEP;

use super::codes::column_sizes;
use super::steps::{Products, Step, Steps};
use super::upward::{Known, add, cut, larger, mul, power_below, smaller};
use super::{check, for_each_row};
use crate::gemm::plan::is_blocked;
use crate::gemm::{Plan, ScaleOrder};
use crate::{Element, Quantized, Result};

/// The tensor core cuts to 13 bits below the largest exponent.
const GRID: f64 = 1.0 / 8192.0;
/// Columns of D at once.
const LANES: usize = 8;

/// A bound on the error of every output of a product.
#[derive(Clone, Debug, PartialEq)]
pub struct Bound {
    cols: usize,
    values: Vec<f64>,
    /// The sum of the sizes of all outputs.
    size: f64,
}

impl Bound {
    /// The bound of every output, row-major, in the units of D. Infinity where there is
    /// none: NaN or an infinity in its row of A or of B, or a possible overflow of f32
    /// or of the type of D.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// The bound of output (m, n), `None` if it does not exist.
    pub fn get(&self, m: usize, n: usize) -> Option<f64> {
        let row = self.values.get(m.checked_mul(self.cols)?..)?;
        row.get(..self.cols)?.get(n).copied()
    }

    /// The largest bound; 0 if there is no output.
    pub fn max(&self) -> f64 {
        self.values.iter().copied().fold(0.0, f64::max)
    }

    /// The mean bound divided by the mean of `sum |a * b|`, both over all outputs: the
    /// share of the size of a product that its error stays below. 0 where
    /// no output can have an error.
    ///
    /// The mean of the sizes is known without the product (`sum over k` of the product
    /// of two column sums), here to the accuracy of f64.
    pub fn relative(&self) -> f64 {
        let sum: f64 = self.values.iter().sum();
        if sum == 0.0 { 0.0 } else { sum / self.size }
    }
}

/// Bounds `|T(y) - sum of a * b|` for every output of `gemm(a, b, plan)` with an empty
/// epilogue, before it is computed. The derivation is [above](super).
///
/// # Errors
/// As [`gemm`](crate::gemm::gemm).
pub fn bound<T: Element>(a: &Quantized, b: &Quantized, plan: &Plan) -> Result<Bound> {
    let chunk = check(a, b, plan)?;
    let (of_a, of_b) = (Steps::<1>::new(a), Steps::<LANES>::new(b));
    let output = Output {
        a,
        b,
        order: plan.scales,
        steps: chunk / STEP,
        blocked: is_blocked(a) || is_blocked(b),
    };
    let mut values = vec![0.0; a.rows * b.rows];
    for_each_row(&mut values, b.rows, |m, row| {
        for (i, values) in row.chunks_mut(LANES).enumerate() {
            let n = i * LANES..i * LANES + values.len();
            values.copy_from_slice(&output.bounds::<T>(m, n.clone(), of_a.rows(m), of_b.rows(i)));
            for (value, n) in values.iter_mut().zip(n) {
                if !(of_a.is_finite(m) && of_b.is_finite(n)) {
                    *value = f64::INFINITY;
                }
            }
        }
    });
    let sizes = column_sizes(a).into_iter().zip(column_sizes(b));
    let size = sizes.map(|(a, b)| a * b).sum();
    Ok(Bound { cols: b.rows, values, size })
}

/// The steps from a chain to an output.
struct Output<'a> {
    a: &'a Quantized,
    b: &'a Quantized,
    order: ScaleOrder,
    /// Steps in one chain.
    steps: usize,
    blocked: bool,
}

impl Output<'_> {
    /// The bounds of columns `n` of row `m`.
    fn bounds<T: Element>(
        &self,
        m: usize,
        n: Range<usize>,
        of_a: &[Step<1>],
        of_b: &[Step<LANES>],
    ) -> Vec<f64> {
        let mut sums = vec![(Known::ZERO, 0.0); n.len()];
        let chains = of_a.chunks(self.steps).zip(of_b.chunks(self.steps));
        for (i, (a, b)) in chains.enumerate() {
            let chains = chain(a, b);
            for ((sum, n), (p, lost)) in sums.iter_mut().zip(n.clone()).zip(chains) {
                *sum = if self.blocked {
                    self.scaled((m, n, i * self.steps * STEP), (p, lost), *sum)
                } else {
                    // 0 + p is p, which is an f32.
                    let (y, rounding) =
                        if i == 0 { (p, 0.0) } else { sum.0.plus(p).round::<f32>() };
                    (y, add(sum.1, add(lost, rounding.min(p.max))))
                };
            }
        }
        let finish = |(sum, n): ((Known, f64), usize)| {
            let (y, error) = match self.blocked || of_a.is_empty() {
                true => sum,
                false => self.scaled((m, n, 0), sum, (Known::ZERO, 0.0)),
            };
            // y is an f32 already.
            let wide = T::SIGNIFICAND_BITS >= <f32 as Element>::SIGNIFICAND_BITS;
            add(error, if wide { 0.0 } else { y.round::<T>().1 })
        };
        sums.into_iter().zip(n).map(finish).collect()
    }

    /// `y + p * scales` as the order of the plan rounds it, and the error of that. With
    /// y = 0 it is the product alone.
    fn scaled(
        &self,
        (m, n, k): (usize, usize, usize),
        (p, lost): (Known, f64),
        (y, error): (Known, f64),
    ) -> (Known, f64) {
        let (sa, sb) = (self.a.scale_inv_at(m, k), self.b.scale_inv_at(n, k));
        // Exact: 48 bits.
        let scale = f64::from(sa) * f64::from(sb);
        let lost = mul(lost, scale);
        let (p, inner, last) = match self.order {
            ScaleOrder::Sequential => {
                let (p, rounding) = p.times_rounded(sa);
                (p, mul(rounding, f64::from(sb)), sb)
            }
            // 0 times an infinite product of scales would be NaN.
            ScaleOrder::Combined if (sa * sb).is_infinite() => return (y, f64::INFINITY),
            ScaleOrder::Combined => (p, mul(p.max, (f64::from(sa * sb) - scale).abs()), sa * sb),
        };
        let (y, rounding) = match y.max == 0.0 {
            true => p.times_rounded(last),
            false => y.plus(p.times(last)).round::<f32>(),
        };
        (y, add(add(error, lost), add(inner, rounding)))
    }
}

/// What is known of N accumulators after a chain, and the most each can have lost.
fn chain(a: &[Step<1>], b: &[Step<LANES>]) -> [(Known, f64); LANES] {
    let mut max = [0.0; LANES];
    let mut low = [f64::INFINITY; LANES];
    let mut lost = [0.0; LANES];
    for (a, b) in a.iter().zip(b) {
        // No branches: the compiler takes several columns at once.
        for i in 0..LANES {
            let p = Products::new(a, b, i);
            let top = larger(p.top, power_below(max[i]));
            let products = smaller(add(p.count * cut(GRID * top, p.low), 0.0), p.size);
            max[i] = add(max[i], p.size);
            low[i] = smaller(low[i], p.low);
            let sum = cut(GRID * larger(p.top, power_below(max[i])), low[i]);
            // With products of zero c stays as it is.
            let step = if p.count > 0.0 { add(products, sum) } else { 0.0 };
            lost[i] = add(lost[i], step);
        }
    }
    core::array::from_fn(|i| (Known { max: max[i], low: low[i] }, smaller(lost[i], max[i])))
}
