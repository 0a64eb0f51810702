//! The gradient norm: the same bits for any sharding and thread count.
//!
//! Every block of 128 gives one f32 partial. Lane `l` of 32 chains
//! `acc = fma(g, g, acc)` from 0 over elements `4l..4l+4` in order; the lanes
//! then add pairwise at distances 16, 8, 4, 2, 1. Missing elements are 0.
//! Partials are gathered by block index, never summed by whoever made them, and
//! combined in f64 by [`tree`]; the tensors are then combined in order by the
//! same tree.

use super::hyper::require;
use super::work::{join, multiversion};
use super::{BLOCK, Gradient, block};
use crate::{Error, Result};

/// The norm of all gradients.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Norm(f64);

impl Norm {
    /// Combines the sums of squares of all tensors, in their order.
    pub fn combine(sums: &[f64]) -> Self {
        Self(tree(sums.to_vec()).sqrt())
    }

    /// The norm of whole gradients multiplied with `scale`, in one call.
    ///
    /// ```
    /// use quarter::adamw::{Gradient, norm::Norm};
    /// let norm = Norm::of(&[Gradient::F32(&[3.0]), Gradient::F32(&[0.0, 4.0])], 1.0);
    /// assert_eq!(norm.get(), 5.0);
    /// ```
    pub fn of(gradients: &[Gradient<'_>], scale: f32) -> Self {
        let sums = gradients.iter().map(|&gradient| {
            let mut out = vec![0.0; gradient.len().div_ceil(BLOCK)];
            run(gradient, 0, scale, &mut out);
            sum(&out)
        });
        Self::combine(&sums.collect::<Vec<_>>())
    }

    /// The norm.
    pub fn get(self) -> f64 {
        self.0
    }

    /// False if any gradient is infinite or NaN, or a sum of squares of a block
    /// overflows f32: the step is to be skipped.
    pub fn is_finite(self) -> bool {
        self.0.is_finite()
    }

    /// `min(1, max_norm / (norm + 1e-6))`, in f64. An infinite `max_norm` clips
    /// nothing.
    ///
    /// # Errors
    /// [`Error::Parameter`] unless `max_norm` is positive, and for a norm that
    /// is not finite, which no factor mends.
    pub fn clip_factor(self, max_norm: f64) -> Result<f64> {
        check_limit("max_norm", max_norm)?;
        require("norm", self.0, self.is_finite(), "it is finite, or the step is skipped")?;
        Ok((max_norm / (self.0 + 1e-6)).min(1.0))
    }
}

/// The limit of a clip: neither 0 nor negative, which would stop or turn
/// around the descent, nor NaN, which would not clip.
pub(super) fn check_limit(what: &'static str, limit: f64) -> Result<()> {
    require(what, limit, limit > 0.0, "it is positive")
}

/// One partial a block of `f32(gradient) * scale`, where `scale` is 1 over the
/// loss scale. The gradient starts at a multiple of 128 of its tensor.
///
/// # Errors
/// [`Error::Length`] unless `out` has one element a block.
pub fn partials(gradient: Gradient<'_>, scale: f32, out: &mut [f32]) -> Result<()> {
    one_a_block(gradient.len(), out.len())?;
    run(gradient, 0, scale, out);
    Ok(())
}

/// Combines the partials of a whole tensor, in the order of its blocks.
pub fn sum(partials: &[f32]) -> f64 {
    tree(partials.iter().map(|&x| f64::from(x)).collect())
}

/// Balanced pairwise sum: neighbours `2i` and `2i + 1` are added level by
/// level, an odd last one passes through. 0 for no elements.
pub fn tree(mut x: Vec<f64>) -> f64 {
    let mut len = x.len();
    while len > 1 {
        for i in 0..len / 2 {
            x[i] = x[2 * i] + x[2 * i + 1];
        }
        if len % 2 == 1 {
            x[len / 2] = x[len - 1];
        }
        len = len.div_ceil(2);
    }
    x.first().copied().unwrap_or(0.0)
}

/// Blocks one thread takes at a time.
const GRAIN: usize = 512;

fn run(gradient: Gradient<'_>, first: usize, scale: f32, out: &mut [f32]) {
    if out.len() <= GRAIN {
        return piece(gradient, first, scale, out);
    }
    let half = out.len() / 2;
    let (a, b) = out.split_at_mut(half);
    join(|| run(gradient, first, scale, a), || run(gradient, first + half, scale, b));
}

multiversion! {
    fn piece(gradient: Gradient<'_>, first: usize, scale: f32, out: &mut [f32]) -> () = piece_body
}

#[inline(always)]
fn piece_body(gradient: Gradient<'_>, first: usize, scale: f32, out: &mut [f32]) {
    for (b, out) in out.iter_mut().enumerate() {
        let start = (first + b) * BLOCK;
        let g = block::load_gradient(gradient, start..gradient.len().min(start + BLOCK), scale);
        *out = block_sum(|acc, i| g[i].mul_add(g[i], acc));
    }
}

/// The tree of one block: `accumulate(acc, i)` adds element `i` to its lane.
#[inline(always)]
pub(super) fn block_sum(accumulate: impl Fn(f32, usize) -> f32) -> f32 {
    let mut lanes = [0.0; 32];
    for j in 0..4 {
        for (l, lane) in lanes.iter_mut().enumerate() {
            *lane = accumulate(*lane, 4 * l + j);
        }
    }
    for distance in [16, 8, 4, 2, 1] {
        for l in 0..distance {
            lanes[l] += lanes[l + distance];
        }
    }
    lanes[0]
}

pub(super) fn one_a_block(len: usize, got: usize) -> Result<()> {
    let blocks = len.div_ceil(BLOCK);
    if got == blocks {
        return Ok(());
    }
    let allowed = format!("{len} elements have {blocks} blocks of 128, one partial each");
    Err(Error::Length { what: "partials", got, allowed })
}
