//! What the FP8 formats share.

use core::fmt::{Debug, Display};

mod sealed {
    pub trait Sealed {}
    impl Sealed for crate::E4m3 {}
    impl Sealed for crate::E5m2 {}
    impl Sealed for crate::E4m3Fnuz {}
    impl Sealed for crate::E5m2Fnuz {}
}

/// The FP8 formats of the Hopper tensor core, as a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// OCP E4M3 (the "FN" kind: no infinity, one NaN a sign).
    E4m3,
    /// OCP E5M2 (IEEE-like: infinities and NaN).
    E5m2,
}

impl Format {
    /// The largest finite value: 448 for E4M3, 57344 for E5M2.
    ///
    /// ```
    /// use quarter_numerics::Format;
    /// assert_eq!(Format::E4m3.max_finite(), 448.0);
    /// assert_eq!(Format::E5m2.max_finite(), 57344.0);
    /// ```
    #[inline]
    #[must_use]
    pub const fn max_finite(self) -> f32 {
        match self {
            Self::E4m3 => crate::E4m3::MAX.to_f32(),
            Self::E5m2 => crate::E5m2::MAX.to_f32(),
        }
    }

    /// The name as PTX and safetensors spell it in capitals: `E4M3` or `E5M2`.
    #[inline]
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::E4m3 => "E4M3",
            Self::E5m2 => "E5M2",
        }
    }
}

impl Display for Format {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.pad(self.name())
    }
}

/// Which codes are no numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Specials {
    /// The largest exponent holds infinities and NaN, as in IEEE 754: E5M2.
    Ieee,
    /// All ones are NaN, of either sign; there is no infinity: E4M3.
    Fn,
    /// The code of -0 is the one NaN; there is no infinity and no -0: the FNUZ formats.
    Fnuz,
}

/// An FP8 format of the Hopper tensor core as a type. Sealed: [`crate::E4m3`] and [`crate::E5m2`].
pub trait Fp8: Float8 {
    /// The format as a value.
    const FORMAT: Format;
}

/// An 8-bit float as a type. Sealed: [`crate::E4m3`], [`crate::E5m2`], [`crate::E4m3Fnuz`] and
/// [`crate::E5m2Fnuz`].
///
/// For code generic over the format. The inherent methods of the types do
/// the same and are `const fn`.
pub trait Float8:
    Copy + Default + Debug + Display + PartialEq + PartialOrd + Send + Sync + sealed::Sealed + 'static
{
    /// Which codes are no numbers.
    const SPECIALS: Specials;
    /// Stored fraction bits: 3 or 2.
    const FRACTION_BITS: u32;
    /// Exponent bias: 7 or 15, in FNUZ 8 or 16.
    const BIAS: i32;
    /// Whether the format encodes infinities: E5M2 alone does.
    const HAS_INFINITY: bool = matches!(Self::SPECIALS, Specials::Ieee);
    /// Positive zero.
    const ZERO: Self;
    /// One.
    const ONE: Self;
    /// Largest finite value: 448 or 57344; 240 in E4M3 FNUZ.
    const MAX: Self;
    /// Smallest finite value: -[`MAX`](Self::MAX).
    const MIN: Self;
    /// Smallest positive normal value: 2^-6 or 2^-14, in FNUZ 2^-7 or 2^-15.
    const MIN_POSITIVE: Self;
    /// Smallest positive value: 2^-9 or 2^-16, in FNUZ 2^-10 or 2^-17.
    const MIN_POSITIVE_SUBNORMAL: Self;
    /// The NaN that conversions return: code 0x7F, in FNUZ 0x80.
    const NAN: Self;

    /// The value with these bits.
    fn from_bits(bits: u8) -> Self;
    /// The bits of this value.
    fn to_bits(self) -> u8;
    /// Exact widening; every NaN becomes `0x7FFF_FFFF`.
    fn to_f32(self) -> f32;
    /// Nearest even, saturating; see [`crate::E4m3::from_f32`].
    fn from_f32(x: f32) -> Self;
    /// Nearest even, not saturating; see [`crate::E4m3::from_f32_nonsat`].
    fn from_f32_nonsat(x: f32) -> Self;
    /// Stochastic rounding with a 16-bit word; see [`crate::E4m3::from_f32_stochastic`].
    fn from_f32_stochastic(x: f32, bits: u16) -> Self;
    /// Four stochastic roundings with one word; see [`crate::E4m3::from_f32x4_stochastic`].
    fn from_f32x4_stochastic(x: [f32; 4], rbits: u32) -> [Self; 4];
    /// Whether this is a NaN.
    fn is_nan(self) -> bool;
    /// Whether this is neither infinite nor NaN.
    fn is_finite(self) -> bool;
}
