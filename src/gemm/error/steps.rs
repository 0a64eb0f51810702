//! What the bound knows of an operand: a few numbers for each 32 of K of a row.

use quarter_numerics::tensor_core::STEP;

use super::codes::{self, Code};
use super::upward::{self, smaller};
use crate::Quantized;

/// 32 elements of each of N rows, in units of the codes. Rows past the end are zero.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step<const N: usize> {
    /// Sum of |x|, exact.
    pub(super) l1: [f64; N],
    /// Root of the sum of squares, rounded upward.
    pub(super) l2: [f64; N],
    /// Largest |x|.
    pub(super) amax: [f64; N],
    /// 2 to the largest exponent, 0 if all are zero.
    pub(super) top: [f64; N],
    /// The largest power of two that divides all, infinity if all are zero.
    pub(super) low: [f64; N],
    /// Elements other than zero.
    pub(super) count: [f64; N],
}

impl<const N: usize> Step<N> {
    const ZERO: Self = Self {
        l1: [0.0; N],
        l2: [0.0; N],
        amax: [0.0; N],
        top: [0.0; N],
        low: [f64::INFINITY; N],
        count: [0.0; N],
    };

    fn set(&mut self, i: usize, codes: impl Iterator<Item = Code>) {
        for code in codes {
            if let Code::Finite(number) = code {
                let x = number.value().abs();
                self.l1[i] += x;
                self.l2[i] = upward::add(self.l2[i], x * x);
                self.amax[i] = self.amax[i].max(x);
                self.top[i] = self.top[i].max(number.top());
                self.low[i] = self.low[i].min(number.divisor());
                self.count[i] += 1.0;
            }
        }
        self.l2[i] = self.l2[i].sqrt().next_up();
    }
}

/// The steps of all rows, N rows side by side.
pub(super) struct Steps<const N: usize> {
    per_row: usize,
    steps: Vec<Step<N>>,
    finite: Vec<bool>,
}

impl<const N: usize> Steps<N> {
    pub(super) fn new(x: &Quantized) -> Self {
        let table = codes::table(x.format);
        let per_row = x.cols.div_ceil(STEP);
        let mut steps = vec![Step::ZERO; x.rows.div_ceil(N) * per_row];
        let mut finite = vec![true; x.rows];
        for (r, finite) in finite.iter_mut().enumerate() {
            let steps = &mut steps[r / N * per_row..][..per_row];
            for (step, codes) in steps.iter_mut().zip(x.row(r).chunks(STEP)) {
                let codes = codes.iter().map(|&code| table[usize::from(code)]);
                *finite &= !codes.clone().any(|code| matches!(code, Code::NonFinite));
                step.set(r % N, codes);
            }
        }
        Self { per_row, steps, finite }
    }

    /// The steps of rows `i * N..`.
    pub(super) fn rows(&self, i: usize) -> &[Step<N>] {
        &self.steps[i * self.per_row..][..self.per_row]
    }

    /// Whether row `r` has neither NaN nor an infinity.
    pub(super) fn is_finite(&self, r: usize) -> bool {
        self.finite[r]
    }
}

/// What is known of the products of 32 elements of A and 32 of B.
#[derive(Clone, Copy, Debug)]
pub(super) struct Products {
    /// Not below the sum of |a * b|; 0 only if all are zero.
    pub(super) size: f64,
    /// 2 to an exponent not below the largest; 0 if all are zero.
    pub(super) top: f64,
    /// All are multiples of it.
    pub(super) low: f64,
    /// At most so many are not zero.
    pub(super) count: f64,
}

impl Products {
    /// Of a row of A and of row `i` of B.
    #[inline(always)]
    pub(super) fn new<const N: usize>(a: &Step<1>, b: &Step<N>, i: usize) -> Self {
        // Hölder with (2, 2), (inf, 1) and (1, inf); the latter two are exact in f64.
        let size = upward::add(a.l2[0] * b.l2[i], 0.0);
        Self {
            size: smaller(size, smaller(a.amax[0] * b.l1[i], a.l1[0] * b.amax[i])),
            top: a.top[0] * b.top[i],
            low: a.low[0] * b.low[i],
            count: smaller(a.count[0], b.count[i]),
        }
    }
}
