//! The E4M3 format.

use crate::convert::float8_conversions;
use crate::float8::{float8_math_constants, float8_methods};
use crate::{Format, Fp8};

/// OCP E4M3, the "FN" kind: sign, 4 exponent bits with bias 7, 3 fraction bits.
///
/// Finite values up to ±448, subnormals down to 2^-9. There is no infinity, and
/// one NaN a sign (0x7F, 0xFF). The type for weights and activations.
///
/// ```
/// use quarter_numerics::E4m3;
/// let x = E4m3::from_f32(0.3);
/// assert_eq!(x.to_bits(), 0x2a);
/// assert_eq!(x.to_f32(), 0.3125);
/// ```
#[derive(Clone, Copy, Default)]
#[repr(transparent)]
pub struct E4m3(u8);

/// The numbers of the format.
impl E4m3 {
    /// Decimal digits every value of which survives a round trip.
    pub const DIGITS: u32 = 0;
    /// Distance from 1 to the next larger value: 2^-3.
    pub const EPSILON: Self = Self(0x20);
    /// Significant binary digits, the implicit one included.
    pub const MANTISSA_DIGITS: u32 = 4;
    /// Largest finite value: 448.
    pub const MAX: Self = Self(0x7e);
    /// Largest n with 10^n in range.
    pub const MAX_10_EXP: i32 = 2;
    /// One more than the exponent of [`MAX`](Self::MAX).
    pub const MAX_EXP: i32 = 9;
    /// Smallest finite value: -448.
    pub const MIN: Self = Self(0xfe);
    /// Smallest n with 10^n normal.
    pub const MIN_10_EXP: i32 = -1;
    /// One more than the exponent of [`MIN_POSITIVE`](Self::MIN_POSITIVE).
    pub const MIN_EXP: i32 = -5;
    /// Smallest positive normal value: 2^-6.
    pub const MIN_POSITIVE: Self = Self(0x08);
    /// Smallest positive value: 2^-9.
    pub const MIN_POSITIVE_SUBNORMAL: Self = Self(0x01);
    /// Largest subnormal value: 7 · 2^-9.
    pub const MAX_SUBNORMAL: Self = Self(0x07);
    /// The NaN that conversions return. 0xFF is NaN as well.
    pub const NAN: Self = Self(0x7f);
    /// Base of the representation.
    pub const RADIX: u32 = 2;
    /// 0.
    pub const ZERO: Self = Self(0x00);
    /// -0.
    pub const NEG_ZERO: Self = Self(0x80);
    /// 1.
    pub const ONE: Self = Self(0x38);
    /// -1.
    pub const NEG_ONE: Self = Self(0xb8);
}

float8_math_constants!(E4m3);
float8_methods!(E4m3, Fn);
float8_conversions!(
    E4m3,
    nvidia: "cvt.rn.satfinite" "cvt.rs.satfinite",
    overflow: "NaN of the same sign",
    nan: "0x7f",
    signed_nan: "0x7F or 0xFF by its sign",
);

impl Fp8 for E4m3 {
    const FORMAT: Format = Format::E4m3;
}
