//! AdamW with f32 moments, for baselines: the same arithmetic in the same
//! order, but m' and v' are stored as they are.

use super::moments::{check_place, filled};
use super::state::State;
use super::tensors::same_length;
use super::work::Work;
use super::{Gradient, Options, Rounding, StepConstants, Telemetry, Weights};
use crate::random::Source;
use crate::{Error, Result};

/// Both moments of a tensor, or of a shard of it, in f32.
#[derive(Clone, Debug, PartialEq)]
pub struct FullMoments {
    first: u64,
    m: Vec<f32>,
    v: Vec<f32>,
}

impl FullMoments {
    /// Zero moments of a whole tensor of `len` elements.
    ///
    /// # Errors
    /// [`Error::Parameter`] if `len` is above 2^51, [`Error::Length`] if there is no memory for it.
    pub fn new(len: usize) -> Result<Self> {
        check_place(0, len)?;
        Ok(Self { first: 0, m: filled(0.0, len)?, v: filled(0.0, len)? })
    }

    /// Moments of the elements from index `first` of a tensor. A second moment
    /// of -0 becomes 0.
    ///
    /// # Errors
    /// [`Error::Length`] if `m` and `v` differ in length, [`Error::Parameter`]
    /// if `first` is not a multiple of 128, a moment is not finite, or a second
    /// moment is negative.
    pub fn from_parts(first: u64, m: Vec<f32>, mut v: Vec<f32>) -> Result<Self> {
        check_place(first, m.len())?;
        same_length("v", v.len(), m.len())?;
        if let Some(x) = m.iter().find(|x| !x.is_finite()) {
            let (what, got) = ("first moment", x.to_string());
            return Err(Error::Parameter { what, got, allowed: "it is finite" });
        }
        if let Some(x) = v.iter().find(|x| !(0.0..f32::INFINITY).contains(*x)) {
            let (what, got) = ("second moment", x.to_string());
            return Err(Error::Parameter { what, got, allowed: "it is finite and not negative" });
        }
        // Maxima are taken over bits, where -0 would win.
        v.iter_mut().for_each(|v| *v = v.abs());
        Ok(Self { first, m, v })
    }

    /// What a step on a device has made of moments; as it is.
    pub(crate) fn from_step(first: u64, m: Vec<f32>, v: Vec<f32>) -> Self {
        Self { first, m, v }
    }

    /// Finite moments, the second without a sign.
    pub(super) fn from_checked(first: u64, m: Vec<f32>, v: Vec<f32>) -> Self {
        Self { first, m, v }
    }

    /// Bytes: 8 a parameter.
    pub fn bytes(&self) -> usize {
        4 * (self.m.len() + self.v.len())
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        self.m.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.m.is_empty()
    }

    /// Index of the first element in the unsharded tensor.
    pub fn first(&self) -> u64 {
        self.first
    }

    /// The first moments.
    pub fn m(&self) -> &[f32] {
        &self.m
    }

    /// The second moments.
    pub fn v(&self) -> &[f32] {
        &self.v
    }
}

/// [`step`](super::step) with f32 moments: the same arithmetic, the same rule
/// for a block that is not finite, and the same random words for weights.
///
/// # Errors
/// [`Error::Length`] if a slice does not have the length of the moments.
/// Nothing is written then.
pub fn step_full(
    weights: Weights<'_>,
    gradient: Gradient<'_>,
    moments: &mut FullMoments,
    constants: &StepConstants,
    source: Source,
) -> Result<Telemetry> {
    weights.check(moments.len())?;
    gradient.check(moments.len())?;
    let first = moments.first;
    let state = State::Full { m: &mut moments.m, v: &mut moments.v };
    // No moment is rounded, so these are never looked at.
    let options = Options { first: Rounding::Nearest, second: Rounding::Nearest };
    Ok(Work { weights, gradient, state, first }.run(constants, &options, source))
}
