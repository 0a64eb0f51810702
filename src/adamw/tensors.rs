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
            Self::Bf16 { weights, .. } => weights.len(),
            Self::Master { master, .. } => master.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn check(&self, len: usize) -> Result<()> {
        same_length("weights", self.len(), len)?;
        match self {
            Self::Master { weights, .. } => same_length("bf16 copy", weights.len(), len),
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
            Self::Master { master, weights } => {
                let (a, b) = master.split_at_mut(at);
                let (c, d) = weights.split_at_mut(at);
                (Self::Master { master: a, weights: c }, Self::Master { master: b, weights: d })
            }
        }
    }
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
