//! The E5M2 FNUZ format.

use crate::convert::float8_conversions;
use crate::float8::{float8_math_constants, float8_methods};

/// E5M2 FNUZ: sign, 5 exponent bits with bias 16, 2 fraction bits.
///
/// Finite values up to ±57344, subnormals down to 2^-17. There is no infinity, no -0, and one NaN, in
/// the place of -0 (0x80). The FP8 of AMD's MI300, Graphcore and Qualcomm; no NVIDIA GPU reads it.
///
/// ```
/// use quarter_numerics::E5m2Fnuz;
/// assert_eq!(E5m2Fnuz::from_f32(0.3).to_f32(), 0.3125);
/// assert_eq!(E5m2Fnuz::from_f32(-0.0).to_bits(), 0);
/// assert_eq!(E5m2Fnuz::NAN.to_bits(), 0x80);
/// ```
#[derive(Clone, Copy, Default)]
#[repr(transparent)]
pub struct E5m2Fnuz(u8);

/// The numbers of the format.
impl E5m2Fnuz {
    /// Decimal digits every value of which survives a round trip.
    pub const DIGITS: u32 = 0;
    /// Distance from 1 to the next larger value: 2^-2.
    pub const EPSILON: Self = Self(0x38);
    /// Significant binary digits, the implicit one included.
    pub const MANTISSA_DIGITS: u32 = 3;
    /// Largest finite value: 57344.
    pub const MAX: Self = Self(0x7f);
    /// Largest n with 10^n in range.
    pub const MAX_10_EXP: i32 = 4;
    /// One more than the exponent of [`MAX`](Self::MAX).
    pub const MAX_EXP: i32 = 16;
    /// Smallest finite value: -57344.
    pub const MIN: Self = Self(0xff);
    /// Smallest n with 10^n normal.
    pub const MIN_10_EXP: i32 = -4;
    /// One more than the exponent of [`MIN_POSITIVE`](Self::MIN_POSITIVE).
    pub const MIN_EXP: i32 = -14;
    /// Smallest positive normal value: 2^-15.
    pub const MIN_POSITIVE: Self = Self(0x04);
    /// Smallest positive value: 2^-17.
    pub const MIN_POSITIVE_SUBNORMAL: Self = Self(0x01);
    /// Largest subnormal value: 3 · 2^-17.
    pub const MAX_SUBNORMAL: Self = Self(0x03);
    /// The one NaN.
    pub const NAN: Self = Self(0x80);
    /// Base of the representation.
    pub const RADIX: u32 = 2;
    /// 0.
    pub const ZERO: Self = Self(0x00);
    /// 1.
    pub const ONE: Self = Self(0x40);
    /// -1.
    pub const NEG_ONE: Self = Self(0xc0);
}

float8_math_constants!(E5m2Fnuz);
float8_methods!(E5m2Fnuz, Fnuz);
float8_conversions!(E5m2Fnuz, overflow: "NaN", nan: "0x80", signed_nan: "0x80");
