//! The error of a whole product: bounded before it is computed, predicted, measured.
//!
//! | what | needs | gives |
//! |---|---|---|
//! | [`bound`] | a, b, plan | for each output a number its error cannot exceed |
//! | [`predict`] | a, b, intervals | bias and rms to expect of each promotion interval |
//! | [`Exact`] | a, b, and a D of any origin | bias, rms, largest error / `sum |a * b|` |
//!
//! The error is `D - S`, with `S = sum over k of a * b` exact for the quantized operands
//! and their `scale_inv`: what the cast lost is no part of it. `sum |a * b|` is called the
//! size of an output.
//!
//! ```
//! use quarter::gemm::{self, Plan, Promotion, error};
//! use quarter::quantize::{Matrix, MatrixMut, Quantizer};
//!
//! // Positive numbers, the worst case of a tensor core that cuts toward zero.
//! let (m, k) = (16, 1024);
//! let x: Vec<f32> = (0..m * k).map(|i| (i * 7919 % 1009) as f32).collect();
//! let a = Quantizer::default().quantize(Matrix::new(&x, m, k)?)?.data;
//!
//! // Before the product: what it would lose, and a plan that loses less.
//! let intervals = [Promotion::Never, Promotion::Every(128)];
//! let expected = error::predict(&a, &a, &intervals)?;
//! assert!(expected[0].bias < -0.01 && expected[1].bias > -0.001);
//! let plan = Plan { promotion: intervals[1], ..Plan::for_k(k) };
//! let bound = error::bound::<f32>(&a, &a, &plan)?;
//!
//! // After it: what it has lost.
//! let mut d = vec![0f32; m * m];
//! gemm::fprop(&a, &a, &plan, &Default::default(), MatrixMut::new(&mut d, m, m)?)?;
//! let exact = error::Exact::new(&a, &a)?;
//! let measured = exact.compare(Matrix::new(&d, m, m)?)?;
//! assert!((measured.bias / expected[1].bias - 1.0).abs() < 0.1);
//! for (i, &d) in d.iter().enumerate() {
//!     let (sum, _size) = exact.get(i / m, i % m).unwrap();
//!     assert!((f64::from(d) - sum).abs() <= bound.values()[i]);
//! }
//! # Ok::<(), quarter::Error>(())
//! ```
//!
//! # The bound
//! Kept for each 32 of K of a row, in units of the codes: the 1-norm, 2-norm and largest
//! magnitude, the largest exponent, the largest power of two that divides all, and how
//! many are not zero. An output takes some thirty operations for each of its steps from
//! them, and never looks at a code. For one step, with `e` the exponents as the tensor
//! core has them:
//!
//! 1. `P = min(|a|_2 |b|_2, |a|_inf |b|_1, |a|_1 |b|_inf)` is at least the sum of |p|
//!    (Hölder). Every p is a multiple of `l = l_a l_b`, at most `n = min(n_a, n_b)` are not
//!    zero, and no exponent is above `E = e_a + e_b`.
//! 2. Cutting toward zero makes nothing larger, so `|c| <= C`, the sum of the P before,
//!    and the exponent of c is at most that of C. Nor does it spoil divisibility: c is a
//!    multiple of `L`, the least l before.
//! 3. A multiple of l cut to a multiple of `g` loses at most `g - l`, and nothing where l
//!    is a multiple of g: products of E4M3, with their 6 fraction bits, lose nothing until
//!    the accumulator is 2^8 above them. The products therefore lose at most
//!    `min(P, n (g - l))`, with F = 13 and `g = 2^(max(E, exponent of C) - 13)`.
//! 4. c, with 13 fraction bits of its own, is on the grid `h = 2^(emax - 13)` unless a
//!    product has the largest exponent, so it loses at most `2^(E - 13) - L`. The result, a
//!    multiple of h already, loses at most `2^(e - 13) - h` if its exponent e is above
//!    emax, else nothing. Together that is at most `2^(max(E, exponent of C + P) - 13) - L'`,
//!    with L' the lesser of L and l.
//! 5. A chain loses at most the sum over its steps, and never more than C: what is lost is
//!    magnitude that was there. A negative difference above counts as 0.
//!
//! The accumulator of FP8 products is never a subnormal f32: it is a multiple of 2^-32.
//!
//! What follows a chain is f32 to nearest: half a unit in the last place of the largest
//! possible value, 0 where all possible values are f32 numbers (a multiple of a large
//! enough power of two; a scale that is a power of two), infinity where it could overflow.
//! That goes for the sum of promoted chains, for both orders of the scales, for `fma`
//! with block scales, and for the last rounding, to the type of D. A bias and the
//! accumulation in D are not included.
//!
//! Every f64 operation is rounded so that the bound holds with its own rounding. It knows
//! magnitudes, not signs: for data of one sign it is within a small factor of the truth,
//! for data of mean zero as large, and the error is far smaller. Without promotion it
//! grows as K and from K = 10,000 on says little; that is true of every bound that knows
//! no signs.
//!
//! # The prediction
//! Elements are taken for independent draws, with the frequencies of the codes in their
//! matrix. Rows whose norms differ by more than a factor of 1.25 (more if there would be
//! over six groups) have frequencies of their own. The 127 x 127 pairs of magnitudes then give
//! the distribution of a product, and one chain is followed step by step:
//!
//! * The accumulator is normal, with mean and variance carried along (what was lost
//!   included: a sum 20 % too small loses less).
//! * The largest exponent of the 32 products and the sum of the products given it are
//!   exact expectations. With that of the accumulator it fixes the grid, and so the mean
//!   and variance of what the products lose.
//! * The result loses where its exponent is larger. The bits lost are evenly distributed
//!   over the multiples of the power of two that divides all products so far, which is
//!   drawn likewise. (What the accumulator loses where a product has the largest exponent
//!   is left out: one addend beside 32.)
//! * Means add. The variance of the error takes in that what is lost leans against the
//!   accumulator: its covariance with the accumulator is carried along.
//!
//! Chains are alike and independent. f32 promotion is taken for exact and each scale for one
//! rounding; both are 2^-24 beside 2^-13. What the model does not know: columns of K that
//! differ (outlier channels: a third of the rms), products so heavy-tailed that 32 of them
//! are far from normal (E5M2 over 10 decades: half of it), and signs that go together.

mod bound;
mod codes;
mod groups;
mod measure;
mod normal;
mod population;
mod predict;
mod steps;
mod upward;
mod walk;

pub use bound::{Bound, bound};
pub use measure::{Exact, Measured};
pub use predict::{Prediction, predict};

use super::Plan;
use crate::quantize::check_extent;
use crate::{Quantized, Result};

/// As a product checks it; returns the elements of K in one chain.
fn check(a: &Quantized, b: &Quantized, plan: &Plan) -> Result<usize> {
    let chunk = super::check(["a", "b", "d"], a, b, plan, &Default::default(), (a.rows, b.rows))?;
    check_extent("d", a.rows, b.rows).map(|()| chunk)
}

/// As [`check`], without a plan.
fn check_shapes(a: &Quantized, b: &Quantized) -> Result<()> {
    check(a, b, &Plan { promotion: super::Promotion::Every(32), ..Plan::for_k(0) }).map(|_| ())
}

/// Calls `work(m, row)` for every row, on as many threads as there are.
fn for_each_row<T: Send>(values: &mut [T], cols: usize, work: impl Fn(usize, &mut [T]) + Sync) {
    let one = |(m, row): (usize, &mut [T])| work(m, row);
    #[cfg(feature = "rayon")]
    {
        use rayon::prelude::*;
        values.par_chunks_mut(cols.max(1)).enumerate().for_each(one);
    }
    #[cfg(not(feature = "rayon"))]
    values.chunks_mut(cols.max(1)).enumerate().for_each(one);
}
