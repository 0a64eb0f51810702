//! The scale format E8M0.

use core::cmp::Ordering;
use core::num::FpCategory;

use half::{bf16, f16};

use crate::float8::code_methods;
use crate::widen::{CANONICAL_NAN, f32_bits_of_bf16, f32_bits_of_f16};

/// OCP E8M0: a power of two from 2^-127 to 2^127, or NaN. The scale of the MX formats.
///
/// The code is the exponent with bias 127; 0xFF is NaN. There is no sign, no zero, no infinity and
/// no fraction, so that every conversion to it names its rounding.
///
/// ```
/// use quarter_numerics::{E8m0, E8m0Rounding::{Nearest, TowardZero, Up}};
/// // A block whose amax is 300, to be cast to E4M3 of at most 448.
/// let scale = E8m0::from_f32(300.0 / 448.0, Up);
/// assert_eq!(scale.to_f32(), 1.0);
/// assert_eq!(scale.recip().to_f32(), 1.0);
/// assert_eq!(E8m0::from_f32(3.0, Nearest).to_f32(), 4.0);
/// assert_eq!(E8m0::from_f32(3.9, TowardZero).to_f32(), 2.0);
/// ```
#[derive(Clone, Copy)]
#[repr(transparent)]
pub struct E8m0(u8);

/// How a number between two powers of two becomes one of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum E8m0Rounding {
    /// The smaller: what CUDA calls `cudaRoundZero`.
    TowardZero,
    /// The larger: what CUDA calls `cudaRoundPosInf`. Scales that must not overflow are rounded so.
    Up,
    /// The nearer; 1.5 of a power, which is halfway, goes up.
    Nearest,
}

code_methods!(E8m0);

/// The numbers of the format.
impl E8m0 {
    /// Distance from 1 to the next larger value: 1.
    pub const EPSILON: Self = Self(127);
    /// Significant binary digits: the implicit one.
    pub const MANTISSA_DIGITS: u32 = 1;
    /// Largest n with 10^n in range.
    pub const MAX_10_EXP: i32 = 38;
    /// One more than the exponent of [`MAX`](Self::MAX).
    pub const MAX_EXP: i32 = 128;
    /// Smallest n with 10^n in range.
    pub const MIN_10_EXP: i32 = -38;
    /// One more than the exponent of [`MIN`](Self::MIN).
    pub const MIN_EXP: i32 = -126;
    /// Base of the representation.
    pub const RADIX: u32 = 2;
    /// 1.
    pub const ONE: Self = Self(127);
    /// The smallest value: 2^-127.
    pub const MIN: Self = Self(0);
    /// The largest value: 2^127.
    pub const MAX: Self = Self(254);
    /// The one NaN.
    pub const NAN: Self = Self(255);
}

/// Conversions and classes.
impl E8m0 {
    /// `2^exponent`; `None` outside -127 to 127.
    #[inline]
    #[must_use]
    pub const fn from_exponent(exponent: i32) -> Option<Self> {
        match exponent {
            -127..=127 => Some(Self((exponent + 127) as u8)),
            _ => None,
        }
    }

    /// The exponent; `None` for NaN.
    #[inline]
    #[must_use]
    pub const fn exponent(self) -> Option<i32> {
        match self.0 {
            255 => None,
            code => Some(code as i32 - 127),
        }
    }

    /// The magnitude of `x` as a power of two.
    ///
    /// # Rounding
    /// One, as `rounding` says. The sign is ignored, as CUDA and PyTorch do: a scale has none. What is
    /// below 2^-127, zero included, gives 2^-127 in every rounding; what would be above 2^127,
    /// infinities included, gives 2^127. NaN gives NaN.
    #[inline]
    #[must_use]
    pub const fn from_f32(x: f32, rounding: E8m0Rounding) -> Self {
        Self::from_f64(x as f64, rounding)
    }

    /// [`from_f32`](Self::from_f32), but what would be above 2^127 gives NaN.
    #[inline]
    #[must_use]
    pub const fn from_f32_nonsat(x: f32, rounding: E8m0Rounding) -> Self {
        Self::from_f64_nonsat(x as f64, rounding)
    }

    /// [`from_f32`](Self::from_f32) from f64: straight, so rounded once.
    #[inline]
    #[must_use]
    pub const fn from_f64(x: f64, rounding: E8m0Rounding) -> Self {
        match Self::from_f64_nonsat(x, rounding) {
            Self(255) if !x.is_nan() => Self::MAX,
            code => code,
        }
    }

    /// [`from_f32_nonsat`](Self::from_f32_nonsat) from f64, rounded once.
    #[must_use]
    pub const fn from_f64_nonsat(x: f64, rounding: E8m0Rounding) -> Self {
        const FRACTION: u64 = (1 << 52) - 1;
        let fraction = x.to_bits() & FRACTION;
        let up = match rounding {
            E8m0Rounding::TowardZero => false,
            E8m0Rounding::Up => fraction != 0,
            E8m0Rounding::Nearest => fraction > FRACTION / 2,
        };
        // NaN and infinities have an exponent of 1024, zeros and subnormals one of -1023.
        let exponent = (x.to_bits() >> 52 & 0x7ff) as i32 - 1023 + up as i32;
        match exponent {
            ..=-127 => Self::MIN,
            -126..=127 => Self((exponent + 127) as u8),
            _ => Self::NAN,
        }
    }

    /// [`from_f32`](Self::from_f32) from binary16, which widens exactly.
    #[inline]
    #[must_use]
    pub const fn from_f16(x: f16, rounding: E8m0Rounding) -> Self {
        Self::from_f32(f32::from_bits(f32_bits_of_f16(x.to_bits())), rounding)
    }

    /// [`from_f32_nonsat`](Self::from_f32_nonsat) from binary16, all finite values of which are in
    /// range.
    #[inline]
    #[must_use]
    pub const fn from_f16_nonsat(x: f16, rounding: E8m0Rounding) -> Self {
        Self::from_f32_nonsat(f32::from_bits(f32_bits_of_f16(x.to_bits())), rounding)
    }

    /// [`from_f32`](Self::from_f32) from bfloat16, which widens exactly.
    #[inline]
    #[must_use]
    pub const fn from_bf16(x: bf16, rounding: E8m0Rounding) -> Self {
        Self::from_f32(f32::from_bits(f32_bits_of_bf16(x.to_bits())), rounding)
    }

    /// [`from_f32_nonsat`](Self::from_f32_nonsat) from bfloat16.
    #[inline]
    #[must_use]
    pub const fn from_bf16_nonsat(x: bf16, rounding: E8m0Rounding) -> Self {
        Self::from_f32_nonsat(f32::from_bits(f32_bits_of_bf16(x.to_bits())), rounding)
    }

    /// The power of two that `x` is. `None` if it is none, or out of range.
    #[inline]
    #[must_use]
    pub const fn from_f64_exact(x: f64) -> Option<Self> {
        let code = Self::from_f64(x, E8m0Rounding::TowardZero);
        if x.to_bits() == code.to_f64().to_bits() && !x.is_nan() { Some(code) } else { None }
    }

    /// Exact widening; 2^-127 is a subnormal. NaN gives `0x7FFF_FFFF`.
    #[inline]
    #[must_use]
    pub const fn to_f32(self) -> f32 {
        f32::from_bits(match self.0 {
            0 => 1 << 22,
            255 => CANONICAL_NAN,
            code => (code as u32) << 23,
        })
    }

    /// Exact widening; NaN as in [`to_f32`](Self::to_f32), padded with zeros.
    #[inline]
    #[must_use]
    pub const fn to_f64(self) -> f64 {
        f64::from_bits(match self.0 {
            255 => 0x7fff_ffff_e000_0000,
            code => (code as u64 + 1023 - 127) << 52,
        })
    }

    /// Exact widening; 2^-127 is a subnormal. NaN gives `0x7FFF`.
    #[inline]
    #[must_use]
    pub const fn to_bf16(self) -> bf16 {
        bf16::from_bits((self.to_f32().to_bits() >> 16) as u16)
    }

    /// Whether this is NaN.
    #[inline]
    #[must_use]
    pub const fn is_nan(self) -> bool {
        self.0 == 255
    }

    /// Whether this is not NaN.
    #[inline]
    #[must_use]
    pub const fn is_finite(self) -> bool {
        !self.is_nan()
    }

    /// The category of the value: normal, 2^-127 too, or NaN.
    #[inline]
    #[must_use]
    pub const fn classify(self) -> FpCategory {
        if self.is_nan() { FpCategory::Nan } else { FpCategory::Normal }
    }

    /// `1 / self`, exact for every value; NaN stays NaN.
    #[inline]
    #[must_use]
    pub const fn recip(self) -> Self {
        match self.0 {
            255 => self,
            code => Self(254 - code),
        }
    }

    /// The IEEE 754 total order, that of the codes: values, then NaN.
    #[inline]
    #[must_use]
    pub fn total_cmp(&self, other: &Self) -> Ordering {
        self.0.cmp(&other.0)
    }
}

/// 1: no scaling.
impl Default for E8m0 {
    #[inline]
    fn default() -> Self {
        Self::ONE
    }
}
