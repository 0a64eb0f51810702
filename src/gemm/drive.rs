//! The loops of a product: 32 columns at a time on the exact tensor core.

use core::ops::Range;

use quarter_numerics::tensor_core::{LANES, RowStep, STEP, StripStep, TensorCore};

use super::plan::{ScaleOrder, is_blocked};
use crate::quantize::MatrixMut;
use crate::{Element, Quantized};

/// Rows of D in one task: enough to reuse a decoded strip from the cache.
const TASK_ROWS: usize = 16;
/// Steps of a strip that stay in the first-level cache while rows pass over them.
const CACHED_STEPS: usize = 4;
/// Decoded bytes of B held at once, at most.
const STRIP_BYTES: usize = 16 << 20;

/// Computes D, handing each `y` to `store(n, y, old d)`.
///
/// Threads share out rows of D; no sum is ever split among them.
pub(super) fn run<T: Element>(
    a: &Quantized,
    b: &Quantized,
    chunk: usize,
    order: ScaleOrder,
    mut d: MatrixMut<T>,
    store: impl Fn(usize, f32, T) -> T + Sync,
) {
    if d.rows() == 0 || d.cols() == 0 {
        return;
    }
    let core = TensorCore::new(a.format, b.format);
    let steps = a.cols.div_ceil(STEP);
    let strips_at_once = (STRIP_BYTES / (steps.max(1) * size_of::<StripStep>())).max(1);
    let sum = Sum { core, a, b, order, chunk, blocked: is_blocked(a) || is_blocked(b) };
    // Making a step costs a decoding: buffers are copied from one.
    let (row_step, strip_step) = (core.row_step(), core.strip_step());
    for n0 in (0..b.rows).step_by(strips_at_once * LANES) {
        let n1 = b.rows.min(n0 + strips_at_once * LANES);
        let mut strips = vec![strip_step.clone(); (n1 - n0).div_ceil(LANES) * steps];
        for (strip, n) in strips.chunks_mut(steps.max(1)).zip((n0..n1).step_by(LANES)) {
            decode_strip(&core, b, n..n1.min(n + LANES), strip);
        }
        d.for_each_block(TASK_ROWS, |m0, rows| {
            let mut decoded = vec![row_step.clone(); rows.len() * steps];
            for (row, m) in decoded.chunks_mut(steps.max(1)).zip(m0..) {
                for (step, codes) in row.iter_mut().zip(a.row(m).chunks(STEP)) {
                    core.decode_row(codes, step);
                }
            }
            for (i, n) in (n0..n1).step_by(LANES).enumerate() {
                let strip = &strips[i * steps..][..steps];
                let mut y = [[0f32; LANES]; TASK_ROWS];
                sum.run(m0, n, &decoded, strip, &mut y[..rows.len()]);
                for (row, y) in rows.iter_mut().zip(&y) {
                    let end = n1.min(n + LANES);
                    for ((d, y), n) in row[n..end].iter_mut().zip(y).zip(n..) {
                        *d = store(n, *y, *d);
                    }
                }
            }
        });
    }
}

/// Rows `n` of B (at most 32), step by step.
fn decode_strip(core: &TensorCore, b: &Quantized, n: Range<usize>, strip: &mut [StripStep]) {
    let rows: Vec<&[u8]> = n.map(|n| b.row(n)).collect();
    for (i, step) in strip.iter_mut().enumerate() {
        let code = |n: usize, k: usize| rows.get(n).and_then(|row| row.get(i * STEP + k));
        core.decode_strip(|n, k| code(n, k).copied().unwrap_or(0), step);
    }
}

/// How partial sums and scales become `y`.
struct Sum<'a> {
    core: TensorCore,
    a: &'a Quantized,
    b: &'a Quantized,
    order: ScaleOrder,
    chunk: usize,
    blocked: bool,
}

impl Sum<'_> {
    /// `y` of the rows from `m` and the 32 columns from `n`, before the epilogue.
    /// `rows` holds the steps of one row after another. Columns past the end are worth
    /// nothing.
    fn run(
        &self,
        m: usize,
        n: usize,
        rows: &[RowStep],
        strip: &[StripStep],
        y: &mut [[f32; LANES]],
    ) {
        let steps = strip.len();
        let chunk_steps = self.chunk / STEP;
        for (i, strip) in strip.chunks(chunk_steps).enumerate() {
            let mut p = [[0f32; LANES]; TASK_ROWS];
            for (j, strip) in strip.chunks(CACHED_STEPS).enumerate() {
                let first = i * chunk_steps + j * CACHED_STEPS;
                for (row, p) in rows.chunks(steps).zip(&mut p) {
                    self.core.chain(&row[first..][..strip.len()], strip, p);
                }
            }
            let sb = self.of_columns(n, i * self.chunk);
            for (r, (p, y)) in p.iter().zip(y.iter_mut()).enumerate() {
                if self.blocked {
                    let sa = self.a.scale_inv_at(m + r, i * self.chunk);
                    self.add_scaled(p, sa, &sb, y);
                } else {
                    y.iter_mut().zip(p).for_each(|(y, p)| *y += p);
                }
            }
        }
        // Without a sum there is nothing to scale: 0 times an infinite product of scales
        // would be NaN.
        if !self.blocked && steps > 0 {
            let sb = self.of_columns(n, 0);
            for (r, y) in y.iter_mut().enumerate() {
                let sa = self.a.scale_inv_at(m + r, 0);
                for (y, sb) in y.iter_mut().zip(sb) {
                    *y = match self.order {
                        ScaleOrder::Sequential => *y * sa * sb,
                        ScaleOrder::Combined => *y * (sa * sb),
                    };
                }
            }
        }
    }

    fn add_scaled(&self, p: &[f32; LANES], sa: f32, sb: &[f32; LANES], y: &mut [f32; LANES]) {
        for ((y, p), sb) in y.iter_mut().zip(p).zip(sb) {
            *y = match self.order {
                ScaleOrder::Sequential => (p * sa).mul_add(*sb, *y),
                ScaleOrder::Combined => (sa * sb).mul_add(*p, *y),
            };
        }
    }

    /// The scales of 32 rows of B from `n`, at element `k`.
    fn of_columns(&self, n: usize, k: usize) -> [f32; LANES] {
        let last = self.b.rows - 1;
        core::array::from_fn(|j| self.b.scale_inv_at((n + j).min(last), k))
    }
}
