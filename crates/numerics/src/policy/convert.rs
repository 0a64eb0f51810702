//! The conversions of the FP8 formats under a policy, written once.

use half::{bf16, f16};

use super::Policy;
use super::rule::Rule;
use crate::widen::{f32_bits_of_bf16, f32_bits_of_f16};
use crate::{E4m3, E4m3Fnuz, E5m2, E5m2Fnuz};

/// The inherent conversions of a format under a policy.
macro_rules! policy_conversions {
    ($($name:ident)*) => {$(
        /// Conversions as another system makes them; see [`policy`](crate::policy).
        impl $name {
            /// From f32, as the system of `policy` does it.
            #[inline]
            #[must_use]
            pub const fn from_f32_as<P: Policy<Self>>(x: f32, policy: P) -> Self {
                let _ = policy;
                if x.is_nan() {
                    Self::from_bits(P::RULE.nan_code::<Self>(x.is_sign_negative()))
                } else if P::RULE.saturates {
                    Self::from_f32(x)
                } else {
                    Self::from_f32_nonsat(x)
                }
            }

            /// From f64, as the system of `policy` does it, which may round twice.
            #[inline]
            #[must_use]
            pub const fn from_f64_as<P: Policy<Self>>(x: f64, policy: P) -> Self {
                if x.is_nan() {
                    Self::from_bits(P::RULE.nan_code_f64::<Self>(x.to_bits()))
                } else if P::RULE.f64_goes_through_f32() {
                    Self::from_f32_as(x as f32, policy)
                } else if P::RULE.saturates {
                    Self::from_f64(x)
                } else {
                    Self::from_f64_nonsat(x)
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
                if self.is_nan() {
                    f32::from_bits(P::RULE.nan_f32::<Self>(self.to_bits()))
                } else {
                    self.to_f32()
                }
            }

            /// Exact widening to f64, with the NaN of the system of `policy`.
            #[inline]
            #[must_use]
            pub const fn to_f64_as<P: Policy<Self>>(self, policy: P) -> f64 {
                let _ = policy;
                if self.is_nan() {
                    f64::from_bits(Rule::nan_f64(P::RULE.nan_f32::<Self>(self.to_bits())))
                } else {
                    self.to_f64()
                }
            }

            /// Exact widening to binary16, with the NaN of the system of `policy`.
            #[inline]
            #[must_use]
            pub const fn to_f16_as<P: Policy<Self>>(self, policy: P) -> f16 {
                let _ = policy;
                if self.is_nan() {
                    f16::from_bits(P::RULE.nan_f16(P::RULE.nan_f32::<Self>(self.to_bits())))
                } else {
                    self.to_f16()
                }
            }

            /// Exact widening to bfloat16, with the NaN of the system of `policy`.
            #[inline]
            #[must_use]
            pub const fn to_bf16_as<P: Policy<Self>>(self, policy: P) -> bf16 {
                let _ = policy;
                if self.is_nan() {
                    bf16::from_bits(P::RULE.nan_bf16(P::RULE.nan_f32::<Self>(self.to_bits())))
                } else {
                    self.to_bf16()
                }
            }
        }
    )*};
}

policy_conversions!(E4m3 E5m2 E4m3Fnuz E5m2Fnuz);
