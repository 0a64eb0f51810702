//! Update clipping in the form of StableAdamW: a learning rate for each tensor
//! that shrinks when its gradients outgrow the second moment.
//!
//! Phase one writes nothing: with v' of the step to come, from the quantised
//! state, each element gives
//! ```text
//! term = (g * g) / max(v' * inv_bc2, eps2)      inv_bc2 = f32(1 / bc2)
//!                                               eps2 = max(f32(eps eps), 2^-126)
//! ```
//! A block's lanes add their four terms in order from 0; everything above that
//! is the tree of [`norm`](super::norm). `RMS = sqrt(sum / n)` over the whole
//! tensor, and the step then uses `lr' = lr / max(1, RMS / d)`.
//!
//! It bounds the effect of a sudden large gradient. It does not replace the
//! floor: v' contains this step's gradient, so the ratio stays below
//! `1 / (1 - beta2)` even where the old v was lost.

use super::block::Lanes;
use super::hyper::require;
use super::norm::{block_sum, check_limit, one_a_block, sum};
use super::state::decode;
use super::work::{join, multiversion};
use super::{BLOCK, FullMoments, Gradient, Moments, SecondForm, StepConstants, block};
use crate::Result;
use core::ops::Range;

/// Root mean square of the updates of a tensor, with `beta1` = 0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct UpdateRms(f64);

impl UpdateRms {
    /// Combines the partials of a whole tensor, in the order of its blocks.
    /// `len` is its number of elements; 0 for an empty one.
    pub fn combine(partials: &[f32], len: u64) -> Self {
        if len == 0 {
            return Self(0.0);
        }
        Self((sum(partials) / len as f64).sqrt())
    }

    /// The root mean square.
    pub fn get(self) -> f64 {
        self.0
    }

    /// What to divide the learning rate by: `max(1, RMS / d)`. An infinite `d`
    /// never shrinks it, and a tiny one shrinks it to 0 where the quotient is
    /// infinite.
    ///
    /// # Errors
    /// [`Error::Parameter`](crate::Error::Parameter) unless `d` is positive,
    /// and for an RMS that is not finite: the square of a gradient overflows
    /// f32, so the norm of the same gradients would have skipped the step.
    pub fn shrink(self, d: f64) -> Result<f64> {
        check_limit("d", d)?;
        require("update RMS", self.0, self.0.is_finite(), "it is finite")?;
        Ok((self.0 / d).max(1.0))
    }
}

/// The moments that phase one reads.
#[derive(Clone, Copy, Debug)]
pub enum MomentsRef<'a> {
    /// FP8 moments.
    Fp8(&'a Moments),
    /// f32 moments.
    Full(&'a FullMoments),
}

impl<'a> From<&'a Moments> for MomentsRef<'a> {
    fn from(moments: &'a Moments) -> Self {
        Self::Fp8(moments)
    }
}

impl<'a> From<&'a FullMoments> for MomentsRef<'a> {
    fn from(moments: &'a FullMoments) -> Self {
        Self::Full(moments)
    }
}

impl MomentsRef<'_> {
    fn len(&self) -> usize {
        match self {
            Self::Fp8(moments) => moments.len(),
            Self::Full(moments) => moments.len(),
        }
    }

    #[inline(always)]
    fn second(&self, range: Range<usize>) -> Lanes {
        match self {
            Self::Full(moments) => block::padded(&moments.v()[range], 0.0),
            Self::Fp8(moments) => {
                let (codes, scales) = moments.v();
                let x = decode(&codes[range.clone()], scales[range.start / BLOCK]);
                match moments.form() {
                    SecondForm::Linear => x,
                    SecondForm::Sqrt => x.map(|r| r * r),
                }
            }
        }
    }
}

/// One partial a block of the tensor or shard. `constants` are those of the
/// step to come; its learning rate plays no part.
///
/// # Errors
/// [`Error::Length`](crate::Error::Length) unless the gradient has the length
/// of the moments and `out` one element a block.
pub fn partials<'a>(
    gradient: Gradient<'_>,
    moments: impl Into<MomentsRef<'a>>,
    constants: &StepConstants,
    out: &mut [f32],
) -> Result<()> {
    let moments = moments.into();
    gradient.check(moments.len())?;
    one_a_block(gradient.len(), out.len())?;
    run(gradient, moments, constants, 0, out);
    Ok(())
}

/// Blocks one thread takes at a time.
const GRAIN: usize = 512;

fn run(g: Gradient<'_>, moments: MomentsRef<'_>, k: &StepConstants, first: usize, out: &mut [f32]) {
    if out.len() <= GRAIN {
        return piece(g, moments, k, first, out);
    }
    let half = out.len() / 2;
    let (a, b) = out.split_at_mut(half);
    join(|| run(g, moments, k, first, a), || run(g, moments, k, first + half, b));
}

multiversion! {
    fn piece(
        gradient: Gradient<'_>, moments: MomentsRef<'_>, k: &StepConstants, first: usize,
        out: &mut [f32],
    ) -> () = piece_body
}

#[inline(always)]
fn piece_body(
    gradient: Gradient<'_>,
    moments: MomentsRef<'_>,
    k: &StepConstants,
    first: usize,
    out: &mut [f32],
) {
    for (b, out) in out.iter_mut().enumerate() {
        let start = (first + b) * BLOCK;
        let range = start..gradient.len().min(start + BLOCK);
        let g = block::load_gradient(gradient, range.clone(), k.gradient_scale);
        let v = moments.second(range);
        let mut terms = [0.0; BLOCK];
        for i in 0..BLOCK {
            let v = k.beta2.mul_add(v[i], (k.one_minus_beta2 * g[i]) * g[i]);
            terms[i] = (g[i] * g[i]) / (v * k.inv_bc2).max(k.eps_squared);
        }
        *out = block_sum(|acc, i| acc + terms[i]);
    }
}
