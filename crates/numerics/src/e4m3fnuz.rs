//! The E4M3 FNUZ format.

use crate::convert::float8_conversions;
use crate::float8::{float8_math_constants, float8_methods};

/// E4M3 FNUZ: sign, 4 exponent bits with bias 8, 3 fraction bits.
///
/// Finite values up to ±240, subnormals down to 2^-10. There is no infinity, no -0, and one NaN, in
/// the place of -0 (0x80). The FP8 of AMD's MI300, Graphcore and Qualcomm; no NVIDIA GPU reads it.
///
/// ```
/// use quarter_numerics::E4m3Fnuz;
/// assert_eq!(E4m3Fnuz::from_f32(0.3).to_f32(), 0.3125);
/// assert_eq!(E4m3Fnuz::from_f32(-0.0).to_bits(), 0);
/// assert_eq!(E4m3Fnuz::NAN.to_bits(), 0x80);
/// ```
#[derive(Clone, Copy, Default)]
#[repr(transparent)]
pub struct E4m3Fnuz(u8);

/// The numbers of the format.
impl E4m3Fnuz {
    /// Decimal digits every value of which survives a round trip.
    pub const DIGITS: u32 = 0;
    /// Distance from 1 to the next larger value: 2^-3.
    pub const EPSILON: Self = Self(0x28);
    /// Significant binary digits, the implicit one included.
    pub const MANTISSA_DIGITS: u32 = 4;
    /// Largest finite value: 240.
    pub const MAX: Self = Self(0x7f);
    /// Largest n with 10^n in range.
    pub const MAX_10_EXP: i32 = 2;
    /// One more than the exponent of [`MAX`](Self::MAX).
    pub const MAX_EXP: i32 = 8;
    /// Smallest finite value: -240.
    pub const MIN: Self = Self(0xff);
    /// Smallest n with 10^n normal.
    pub const MIN_10_EXP: i32 = -2;
    /// One more than the exponent of [`MIN_POSITIVE`](Self::MIN_POSITIVE).
    pub const MIN_EXP: i32 = -6;
    /// Smallest positive normal value: 2^-7.
    pub const MIN_POSITIVE: Self = Self(0x08);
    /// Smallest positive value: 2^-10.
    pub const MIN_POSITIVE_SUBNORMAL: Self = Self(0x01);
    /// Largest subnormal value: 7 · 2^-10.
    pub const MAX_SUBNORMAL: Self = Self(0x07);
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

float8_math_constants!(E4m3Fnuz);
float8_methods!(E4m3Fnuz, Fnuz);
float8_conversions!(E4m3Fnuz, overflow: "NaN", nan: "0x80", signed_nan: "0x80");
