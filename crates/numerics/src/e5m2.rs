//! The E5M2 format.

use crate::convert::float8_conversions;
use crate::float8::{float8_math_constants, float8_methods};
use crate::{Format, Fp8};

/// OCP E5M2: sign, 5 exponent bits with bias 15, 2 fraction bits.
///
/// The upper byte of binary16: finite values up to ±57344, subnormals down to
/// 2^-16, infinities (0x7C, 0xFC) and three NaN a sign. The type for gradients.
///
/// ```
/// use quarter_numerics::E5m2;
/// let x = E5m2::from_f32(0.3);
/// assert_eq!(x.to_bits(), 0x35);
/// assert_eq!(x.to_f32(), 0.3125);
/// ```
#[derive(Clone, Copy, Default)]
#[repr(transparent)]
pub struct E5m2(u8);

/// The numbers of the format.
impl E5m2 {
    /// Decimal digits every value of which survives a round trip.
    pub const DIGITS: u32 = 0;
    /// Distance from 1 to the next larger value: 2^-2.
    pub const EPSILON: Self = Self(0x34);
    /// Positive infinity.
    pub const INFINITY: Self = Self(0x7c);
    /// Negative infinity.
    pub const NEG_INFINITY: Self = Self(0xfc);
    /// Significant binary digits, the implicit one included.
    pub const MANTISSA_DIGITS: u32 = 3;
    /// Largest finite value: 57344.
    pub const MAX: Self = Self(0x7b);
    /// Largest n with 10^n in range.
    pub const MAX_10_EXP: i32 = 4;
    /// One more than the exponent of [`MAX`](Self::MAX).
    pub const MAX_EXP: i32 = 16;
    /// Smallest finite value: -57344.
    pub const MIN: Self = Self(0xfb);
    /// Smallest n with 10^n normal.
    pub const MIN_10_EXP: i32 = -4;
    /// One more than the exponent of [`MIN_POSITIVE`](Self::MIN_POSITIVE).
    pub const MIN_EXP: i32 = -13;
    /// Smallest positive normal value: 2^-14.
    pub const MIN_POSITIVE: Self = Self(0x04);
    /// Smallest positive value: 2^-16.
    pub const MIN_POSITIVE_SUBNORMAL: Self = Self(0x01);
    /// Largest subnormal value: 3 · 2^-16.
    pub const MAX_SUBNORMAL: Self = Self(0x03);
    /// The NaN that conversions return. 0x7D, 0x7E and 0xFD to 0xFF are NaN as well.
    pub const NAN: Self = Self(0x7f);
    /// Base of the representation.
    pub const RADIX: u32 = 2;
    /// 0.
    pub const ZERO: Self = Self(0x00);
    /// -0.
    pub const NEG_ZERO: Self = Self(0x80);
    /// 1.
    pub const ONE: Self = Self(0x3c);
    /// -1.
    pub const NEG_ONE: Self = Self(0xbc);
}

float8_math_constants!(E5m2);
float8_methods!(E5m2, Ieee);
float8_conversions!(
    E5m2,
    nvidia: "cvt.rn.satfinite" "cvt.rs.satfinite",
    overflow: "an infinity of the same sign",
    nan: "0x7f",
    signed_nan: "0x7F or 0xFF by its sign",
);

impl Fp8 for E5m2 {
    const FORMAT: Format = Format::E5m2;
}
