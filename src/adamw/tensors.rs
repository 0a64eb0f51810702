//! Weights and gradients as the step borrows them.

use crate::{Error, Result};
use half::bf16;

/// How the step rounds what it stores. [`quantize::Rounding`](crate::quantize::Rounding)
/// carries the source of its words; the step has one of its own for all three streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Rounding {
    /// To nearest, ties to even.
    Nearest,
    /// Stochastically, with the word the table in [`crate::random`] names.
    Stochastic,
}

/// The weights of one tensor, or of one shard of it, contiguous and row-major.
#[derive(Debug)]
pub enum Weights<'a> {
    /// f32 weights.
    F32(&'a mut [f32]),
    /// bf16 weights. Rounded to nearest, updates below half a unit in the last
    /// place are lost; stochastic rounding keeps them on average.
    Bf16 {
        /// The weights.
        weights: &'a mut [bf16],
        /// How they are stored.
        rounding: Rounding,
    },
    /// f32 weights in two parts, of 4 bytes together: bf16 for compute, to nearest with ties away
    /// from zero, and the signed rest in units of 2^-16 of its last place. Both together are the
    /// f32 exactly: its bits are `(weights << 16) + rest`. [`split`] and [`join`] go between them.
    Split {
        /// The upper part, which compute reads.
        weights: &'a mut [bf16],
        /// The rest.
        rest: &'a mut [i16],
    },
    /// An f32 master and its bf16 copy, rounded to nearest. Only the master is
    /// read.
    Master {
        /// The weights that are updated.
        master: &'a mut [f32],
        /// Their copy for compute.
        weights: &'a mut [bf16],
    },
}

impl Weights<'_> {
    /// Number of weights.
    pub fn len(&self) -> usize {
        match self {
            Self::F32(w) => w.len(),
            Self::Bf16 { weights, .. } | Self::Split { weights, .. } => weights.len(),
            Self::Master { master, .. } => master.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The same, borrowed for a while.
    pub fn reborrow(&mut self) -> Weights<'_> {
        match self {
            Self::F32(w) => Weights::F32(w),
            Self::Bf16 { weights, rounding } => Weights::Bf16 { weights, rounding: *rounding },
            Self::Split { weights, rest } => Weights::Split { weights, rest },
            Self::Master { master, weights } => Weights::Master { master, weights },
        }
    }

    pub(super) fn check(&self, len: usize) -> Result<()> {
        same_length("weights", self.len(), len)?;
        match self {
            Self::Master { weights, .. } => same_length("bf16 copy", weights.len(), len),
            Self::Split { rest, .. } => same_length("rest of the weights", rest.len(), len),
            _ => Ok(()),
        }
    }

    pub(super) fn split_at(self, at: usize) -> (Self, Self) {
        match self {
            Self::F32(w) => {
                let (a, b) = w.split_at_mut(at);
                (Self::F32(a), Self::F32(b))
            }
            Self::Bf16 { weights, rounding } => {
                let (a, b) = weights.split_at_mut(at);
                (Self::Bf16 { weights: a, rounding }, Self::Bf16 { weights: b, rounding })
            }
            Self::Split { weights, rest } => {
                let (a, b) = weights.split_at_mut(at);
                let (c, d) = rest.split_at_mut(at);
                (Self::Split { weights: a, rest: c }, Self::Split { weights: b, rest: d })
            }
            Self::Master { master, weights } => {
                let (a, b) = master.split_at_mut(at);
                let (c, d) = weights.split_at_mut(at);
                (Self::Master { master: a, weights: c }, Self::Master { master: b, weights: d })
            }
        }
    }
}

/// The parts of an f32 weight, as [`Weights::Split`] stores them. A NaN becomes a quiet one.
///
/// ```
/// use quarter::adamw::{join, split};
/// for w in [0.1_f32, -3.0e-39, 1.00390625, f32::MAX, f32::INFINITY] {
///     let (weight, rest) = split(w);
///     assert_eq!(join(weight, rest), w);
/// }
/// ```
#[inline(always)]
pub fn split(weight: f32) -> (bf16, i16) {
    let bits = weight.to_bits();
    let rest = if weight.is_nan() { 0 } else { bits as i16 };
    let quiet = u32::from(weight.is_nan()) << 22;
    // A rest below zero counts from the next one up.
    let upper = (bits | quiet).wrapping_sub(rest as i32 as u32) >> 16;
    (bf16::from_bits(upper as u16), rest)
}

/// The f32 weight of two parts.
#[inline(always)]
pub fn join(weight: bf16, rest: i16) -> f32 {
    f32::from_bits((u32::from(weight.to_bits()) << 16).wrapping_add(rest as i32 as u32))
}

/// The gradient of one tensor, or of one shard of it, laid out as the weights.
#[derive(Clone, Copy, Debug)]
pub enum Gradient<'a> {
    /// f32.
    F32(&'a [f32]),
    /// bf16, widened exactly.
    Bf16(&'a [bf16]),
}

impl Gradient<'_> {
    /// Number of elements.
    pub fn len(&self) -> usize {
        match self {
            Self::F32(g) => g.len(),
            Self::Bf16(g) => g.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn check(&self, len: usize) -> Result<()> {
        same_length("gradient", self.len(), len)
    }

    pub(super) fn split_at(self, at: usize) -> (Self, Self) {
        match self {
            Self::F32(g) => {
                let (a, b) = g.split_at(at);
                (Self::F32(a), Self::F32(b))
            }
            Self::Bf16(g) => {
                let (a, b) = g.split_at(at);
                (Self::Bf16(a), Self::Bf16(b))
            }
        }
    }
}

pub(super) fn same_length(what: &'static str, got: usize, expected: usize) -> Result<()> {
    if got == expected {
        return Ok(());
    }
    Err(Error::Length { what, got, allowed: format!("the moments have {expected}") })
}
