//! Scales: from the amax of a tensor to the number it is multiplied by.
//!
//! `code = satfinite(x * scale)`, `scale_inv = 1 / scale`, `x ~ code * scale_inv`.
//!
//! An amax is carried as the **bits** of `|x|` in a u32. Their order is the order
//! of the magnitudes, infinity above every number and NaN above infinity, so a
//! plain integer maximum (in a warp, by `atomicMax`, by an all-reduce over ranks)
//! never loses a NaN, which a float maximum does.
//!
//! # Numeric contract
//! With `M` the largest value of the format (448, 57344), all steps f32, nearest-even:
//!
//! ```text
//! a = max(amax, floor)                    floor of TinyAmax, else amax itself
//! s = (M * 2^-margin) / a                 the product is exact; one division
//! s = min(s, FLT_MAX)                     a < M / FLT_MAX would give infinity
//! s = bits(s) & 0xff80_0000               only with pow2: the power of two below
//! s = max(s, 2^-126)                      else 1 / s could be infinite
//! ```
//!
//! So a scale lies in [2^-126, FLT_MAX], and its reciprocal is positive and finite.
//! The sign bit of an amax is not looked at.
//!
//! | amax | policy | what happens |
//! |---|---|---|
//! | 0 | [`ZeroAmax`] | keep the scale (default), or 1 |
//! | infinite, NaN | [`NonFiniteAmax`] | keep (default), halve, or 1; never recorded |
//! | tiny | [`TinyAmax`] | clamp the scale to `FLT_MAX` (default), or floor the amax |
//!
//! Sources: the formula is Transformer Engine's (`recipe_common.cuh`,
//! `delayed_scaling.cu`); there an infinite amax stays in the window and freezes
//! the scale for its whole length (1024 steps by default), and a NaN is lost.

mod delayed;

pub use delayed::{AmaxChoice, Delayed, DelayedState};

use crate::{Error, Format, Result};

/// All bits of an f32 but its sign.
const MAGNITUDE: u32 = 0x7fff_ffff;

/// Bits of `|x|`: what an amax is made of. Their integer maximum is the amax.
#[inline]
pub const fn amax_bits(x: f32) -> u32 {
    x.to_bits() & MAGNITUDE
}

/// What an amax of zero does to a scale.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ZeroAmax {
    /// The scale stays (1 where there was none). A module that did not run says nothing.
    #[default]
    Keep,
    /// The scale becomes 1.
    One,
}

/// What an infinite or NaN amax does to a scale. It never enters a history.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NonFiniteAmax {
    /// The scale stays (1 where there was none).
    #[default]
    Keep,
    /// The scale is halved, at least 2^-126 (1 where there was none): the next values
    /// get more room.
    Backoff,
    /// The scale becomes 1, as in Transformer Engine's current scaling.
    One,
}

/// What an amax so small that the scale would overflow does.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum TinyAmax {
    /// The scale is the largest finite f32.
    #[default]
    Clamp,
    /// Every smaller amax counts as this one (torchao's 1e-12, DeepGEMM's 1e-4).
    Floor(f32),
}

/// How an amax becomes a scale.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Policy {
    /// Amax 0.
    pub zero: ZeroAmax,
    /// Amax infinite or NaN.
    pub non_finite: NonFiniteAmax,
    /// Amax tiny.
    pub tiny: TinyAmax,
    /// Binades of headroom: the amax lands on `MAX * 2^-margin`. -64 to 64.
    pub margin: i32,
    /// Round the scale down to a power of two.
    ///
    /// Scaling is then exact. Never for the second moment of an optimizer with
    /// nearest rounding: it freezes.
    pub pow2: bool,
}

impl Policy {
    /// # Errors
    /// [`Error::Parameter`] if the margin is outside -64..=64 or the floor is not
    /// a positive number.
    pub fn validate(&self) -> Result<()> {
        if !(-64..=64).contains(&self.margin) {
            return Err(Error::Parameter {
                what: "margin",
                got: self.margin.to_string(),
                allowed: "-64 to 64 are allowed",
            });
        }
        match self.tiny {
            TinyAmax::Floor(f) if !(f > 0.0 && f.is_finite()) => Err(Error::Parameter {
                what: "floor of a tiny amax",
                got: f.to_string(),
                allowed: "a positive finite number is allowed",
            }),
            _ => Ok(()),
        }
    }

    /// What an amax divides: `MAX * 2^-margin`, exact.
    pub(crate) fn max_margin(&self, format: Format) -> f32 {
        format.max_finite() * exp2(-self.margin)
    }

    /// The scale for a tensor whose amax has these bits; `before` is the scale in
    /// force so far (`None`, or outside [2^-126, FLT_MAX]: there is none, and both
    /// keeping and halving it give 1).
    ///
    /// # Rounding
    /// See the [module](self). The result lies in [2^-126, FLT_MAX].
    pub fn scale(&self, format: Format, amax: u32, before: Option<f32>) -> f32 {
        let before = before.filter(|s| is_scale(*s));
        let amax = f32::from_bits(amax & MAGNITUDE);
        if !amax.is_finite() {
            return match self.non_finite {
                NonFiniteAmax::Keep => before.unwrap_or(1.0),
                NonFiniteAmax::Backoff => before.map_or(1.0, |s| (s * 0.5).max(f32::MIN_POSITIVE)),
                NonFiniteAmax::One => 1.0,
            };
        }
        if amax == 0.0 {
            return match self.zero {
                ZeroAmax::Keep => before.unwrap_or(1.0),
                ZeroAmax::One => 1.0,
            };
        }
        let a = match self.tiny {
            TinyAmax::Clamp => amax,
            TinyAmax::Floor(f) => amax.max(f),
        };
        let s = (self.max_margin(format) / a).min(f32::MAX);
        let s = if self.pow2 { f32::from_bits(s.to_bits() & 0xff80_0000) } else { s };
        s.max(f32::MIN_POSITIVE)
    }
}

/// What a policy can give: finite, with a finite reciprocal.
fn is_scale(s: f32) -> bool {
    (f32::MIN_POSITIVE..=f32::MAX).contains(&s)
}

/// 2^e for -126 <= e <= 127.
const fn exp2(e: i32) -> f32 {
    f32::from_bits(((e + 127) as u32) << 23)
}
