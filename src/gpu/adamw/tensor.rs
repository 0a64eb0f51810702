//! A tensor as its addresses, and which kernel it is for.

use crate::adamw::{Rounding, SecondForm};
use crate::ffi::{self, QuarterAdamwTensor};
use crate::{Error, Result};

/// Where the weights of a tensor lie: [`Weights`](crate::adamw::Weights) on a device. Any address
/// that an element may have; quads aligned to four elements are one load each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WeightsOn {
    /// f32.
    F32(u64),
    /// bf16.
    Bf16 {
        /// The weights.
        weights: u64,
        /// How they are stored.
        rounding: Rounding,
    },
    /// bf16 and an i16 rest.
    Split {
        /// The upper part.
        weights: u64,
        /// The rest.
        rest: u64,
    },
    /// f32 and a bf16 copy.
    Master {
        /// The weights that are updated.
        master: u64,
        /// Their copy.
        weights: u64,
    },
}

/// Where a gradient lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GradientOn {
    /// f32.
    F32(u64),
    /// bf16.
    Bf16(u64),
}

/// Where moments lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MomentsOn {
    /// FP8: [`Moments`](crate::adamw::Moments).
    Fp8 {
        /// What a code of v stands for.
        form: SecondForm,
        /// E4M3 codes, one a parameter.
        m: u64,
        /// The same of v.
        v: u64,
        /// f32, one a block.
        m_scales: u64,
        /// The same of v.
        v_scales: u64,
    },
    /// f32: [`FullMoments`](crate::adamw::FullMoments).
    Full {
        /// One a parameter.
        m: u64,
        /// The same.
        v: u64,
    },
}

/// A tensor of the optimizer, or a shard of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AdamwTensorOn {
    /// Its weights.
    pub weights: WeightsOn,
    /// Its gradient.
    pub gradient: GradientOn,
    /// Its moments.
    pub moments: MomentsOn,
    /// Elements that lie here.
    pub len: u64,
    /// Index of the first of them in the unsharded tensor, a multiple of 128.
    pub first: u64,
    /// Elements of the unsharded tensor.
    pub whole_len: u64,
    /// Entry of [`Settings::groups`](crate::adamw::Settings::groups).
    pub group: usize,
    /// Its number in the run, for the random words.
    pub tensor: u32,
}

/// What the entry of a tensor is called after, and its rounding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Kind {
    pub(super) weights: &'static str,
    pub(super) gradient: &'static str,
    pub(super) moments: &'static str,
    pub(super) stochastic: bool,
}

/// Elements of a tensor: three levels above a warp add up its runs of partials.
const LIMIT: u64 = 1 << 37;

impl AdamwTensorOn {
    pub(super) fn kind(&self) -> Kind {
        let (weights, rounding) = match self.weights {
            WeightsOn::F32(_) => ("f32", Rounding::Nearest),
            WeightsOn::Bf16 { rounding, .. } => ("bf16", rounding),
            WeightsOn::Split { .. } => ("split", Rounding::Nearest),
            WeightsOn::Master { .. } => ("master", Rounding::Nearest),
        };
        let gradient = match self.gradient {
            GradientOn::F32(_) => "f32",
            GradientOn::Bf16(_) => "bf16",
        };
        let moments = match self.moments {
            MomentsOn::Full { .. } => "full",
            MomentsOn::Fp8 { form: SecondForm::Sqrt, .. } => "sqrt",
            MomentsOn::Fp8 { form: SecondForm::Linear, .. } => "linear",
        };
        Kind { weights, gradient, moments, stochastic: rounding == Rounding::Stochastic }
    }

    /// Everything checked but overlaps; entry of the table but for its partials.
    pub(super) fn entry(&self) -> Result<QuarterAdamwTensor> {
        let refuse =
            |what, got: u64, allowed| Err(Error::Parameter { what, got: got.to_string(), allowed });
        let block = u64::from(ffi::QUARTER_BLOCK);
        if !self.first.is_multiple_of(block) {
            return refuse("first", self.first, "it is a multiple of 128");
        }
        if self.whole_len > LIMIT {
            return refuse(
                "whole_len",
                self.whole_len,
                "at most 2^37 elements are allowed on a device",
            );
        }
        let end = self.first.checked_add(self.len).filter(|end| *end <= self.whole_len);
        let Some(end) = end else {
            return refuse("len", self.len, "the shard ends with the tensor or before it");
        };
        if end < self.whole_len && !end.is_multiple_of(block) {
            return refuse(
                "len",
                self.len,
                "a shard ends at a multiple of 128, or with the tensor",
            );
        }
        self.check_arrays()?;
        let (weights, other) = match self.weights {
            WeightsOn::F32(weights) | WeightsOn::Bf16 { weights, .. } => (weights, 0),
            WeightsOn::Split { weights, rest } => (weights, rest),
            WeightsOn::Master { master, weights } => (master, weights),
        };
        let (GradientOn::F32(gradient) | GradientOn::Bf16(gradient)) = self.gradient;
        let (m, v, m_scales, v_scales) = match self.moments {
            MomentsOn::Full { m, v } => (m, v, 0, 0),
            MomentsOn::Fp8 { m, v, m_scales, v_scales, .. } => (m, v, m_scales, v_scales),
        };
        Ok(QuarterAdamwTensor {
            weights,
            other,
            gradient,
            m,
            v,
            m_scales,
            v_scales,
            len: self.len,
            words: self.first / 8,
            partials: 0,
            whole_partials: 0,
            whole_len: self.whole_len,
            tensor: self.tensor,
            group: self.group as u32,
        })
    }
}
