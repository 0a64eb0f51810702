//! The conversions of E8M0 under a policy. The systems agree on little here.

use half::{bf16, f16};

use super::Policy;
use super::rule::{Rule, System};
use crate::widen::{f32_bits_of_bf16, f32_bits_of_f16};
use crate::{E8m0, E8m0Rounding};

/// What `cuda_fp8.h` does, whose classes round up.
const fn cuda(rule: Rule, x: f64) -> E8m0 {
    if rule.saturates {
        E8m0::from_f64(x, E8m0Rounding::Up)
    } else {
        E8m0::from_f64_nonsat(x, E8m0Rounding::Up)
    }
}

/// What PyTorch and `ml_dtypes` do with f32, in which the least code is a subnormal.
///
/// There nearest is not nearest: all that exceeds 2^-127 becomes 2^-126.
const fn nearest(x: f32) -> E8m0 {
    if x.is_subnormal() {
        E8m0::from_f32(x, E8m0Rounding::Up)
    } else {
        E8m0::from_f32_nonsat(x, E8m0Rounding::Nearest)
    }
}

/// Conversions as another system makes them; see [`policy`](crate::policy).
impl E8m0 {
    /// From f32, as the system of `policy` does it.
    #[inline]
    #[must_use]
    pub const fn from_f32_as<P: Policy<Self>>(x: f32, policy: P) -> Self {
        let _ = policy;
        match P::RULE.system {
            System::Cuda => cuda(P::RULE, x as f64),
            System::PyTorch => nearest(x),
            System::MlDtypes if x.is_sign_negative() || x == 0.0 => Self::NAN,
            System::MlDtypes => nearest(x),
        }
    }

    /// From f64, as the system of `policy` does it, which may round twice.
    #[inline]
    #[must_use]
    pub const fn from_f64_as<P: Policy<Self>>(x: f64, policy: P) -> Self {
        match P::RULE.system {
            System::Cuda => cuda(P::RULE, x),
            System::PyTorch | System::MlDtypes => Self::from_f32_as(x as f32, policy),
        }
    }

    /// From binary16, as the system of `policy` does it.
    #[inline]
    #[must_use]
    pub const fn from_f16_as<P: Policy<Self>>(x: f16, policy: P) -> Self {
        Self::from_f32_as(f32::from_bits(f32_bits_of_f16(x.to_bits())), policy)
    }

    /// From bfloat16, as the system of `policy` does it.
    #[inline]
    #[must_use]
    pub const fn from_bf16_as<P: Policy<Self>>(x: bf16, policy: P) -> Self {
        Self::from_f32_as(f32::from_bits(f32_bits_of_bf16(x.to_bits())), policy)
    }

    /// Exact widening to f32, with the NaN of the system of `policy`.
    #[inline]
    #[must_use]
    pub const fn to_f32_as<P: Policy<Self>>(self, policy: P) -> f32 {
        let _ = policy;
        if self.is_nan() { f32::from_bits(P::RULE.e8m0_nan_f32()) } else { self.to_f32() }
    }

    /// Exact widening to f64, with the NaN of the system of `policy`.
    #[inline]
    #[must_use]
    pub const fn to_f64_as<P: Policy<Self>>(self, policy: P) -> f64 {
        let _ = policy;
        if self.is_nan() {
            f64::from_bits(Rule::nan_f64(P::RULE.e8m0_nan_f32()))
        } else {
            self.to_f64()
        }
    }

    /// To binary16, as the system of `policy` does it: to nearest even, beyond its range
    /// to 0 or infinity.
    #[inline]
    #[must_use]
    pub const fn to_f16_as<P: Policy<Self>>(self, policy: P) -> f16 {
        let _ = policy;
        if self.is_nan() {
            f16::from_bits(P::RULE.nan_f16(P::RULE.e8m0_nan_f32()))
        } else {
            f16::from_f32_const(self.to_f32())
        }
    }

    /// Exact widening to bfloat16, with the NaN of the system of `policy`.
    #[inline]
    #[must_use]
    pub const fn to_bf16_as<P: Policy<Self>>(self, policy: P) -> bf16 {
        let _ = policy;
        if self.is_nan() {
            bf16::from_bits(P::RULE.nan_bf16(P::RULE.e8m0_nan_f32()))
        } else {
            self.to_bf16()
        }
    }
}
