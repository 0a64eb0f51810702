//! Generic arithmetic.
//!
//! Conversions round once, to nearest even, and do not saturate, as the operators. `FromPrimitive`
//! and `NumCast` give `None` where that would make NaN of a number; `AsPrimitive` gives the NaN.
//! E8M0 has no zero, no sign and no rounding of its own: its conversions are of powers of two, all
//! else is `None`, and it is no `Num`. `FloatCore` needs infinities, which E5M2 alone has.

use core::num::FpCategory;

use ::num_traits::{
    AsPrimitive, Bounded, FloatConst, FromBytes, FromPrimitive, Num, NumCast, One, ParseFloatError,
    Signed, ToBytes, ToPrimitive, Zero, float::FloatCore,
};
use half::{bf16, f16};

use super::{for_all, for_floats};
use crate::{E4m3, E4m3Fnuz, E5m2, E5m2Fnuz, E8m0};

macro_rules! shared {
    ($name:ident) => {
        impl Bounded for $name {
            fn min_value() -> Self {
                Self::MIN
            }
            fn max_value() -> Self {
                Self::MAX
            }
        }

        impl ToPrimitive for $name {
            fn to_i64(&self) -> Option<i64> {
                (*self).to_f64().to_i64()
            }
            fn to_u64(&self) -> Option<u64> {
                (*self).to_f64().to_u64()
            }
            fn to_i128(&self) -> Option<i128> {
                (*self).to_f64().to_i128()
            }
            fn to_u128(&self) -> Option<u128> {
                (*self).to_f64().to_u128()
            }
            fn to_f32(&self) -> Option<f32> {
                Some((*self).to_f32())
            }
            fn to_f64(&self) -> Option<f64> {
                Some((*self).to_f64())
            }
        }

        impl ToBytes for $name {
            type Bytes = [u8; 1];
            fn to_be_bytes(&self) -> [u8; 1] {
                [self.to_bits()]
            }
            fn to_le_bytes(&self) -> [u8; 1] {
                [self.to_bits()]
            }
        }

        impl FromBytes for $name {
            type Bytes = [u8; 1];
            fn from_be_bytes(bytes: &[u8; 1]) -> Self {
                Self::from_bits(bytes[0])
            }
            fn from_le_bytes(bytes: &[u8; 1]) -> Self {
                Self::from_bits(bytes[0])
            }
        }

        as_primitive!($name: to_f64 => i8 i16 i32 i64 i128 isize u8 u16 u32 u64 u128 usize f32 f64);

        impl AsPrimitive<$name> for $name {
            fn as_(self) -> $name {
                self
            }
        }

        impl AsPrimitive<bf16> for $name {
            fn as_(self) -> bf16 {
                self.to_bf16()
            }
        }
    };
}

/// As Rust's `as` from the f64 of the same value.
macro_rules! as_primitive {
    ($name:ident: $widen:ident => $($wide:ident)*) => {$(
        impl AsPrimitive<$wide> for $name {
            fn as_(self) -> $wide {
                self.$widen() as $wide
            }
        }
    )*};
}

/// Integers beyond 2^53 are rounded on the way to f64, but are out of range all the same.
macro_rules! from_primitive {
    ($name:ident <= $($wide:ident)*) => {$(
        impl AsPrimitive<$name> for $wide {
            fn as_(self) -> $name {
                $name::from_f64_nonsat(self as f64)
            }
        }
    )*};
}

macro_rules! float {
    ($name:ident) => {
        impl Zero for $name {
            fn zero() -> Self {
                Self::ZERO
            }
            fn is_zero(&self) -> bool {
                *self == Self::ZERO
            }
        }

        impl One for $name {
            fn one() -> Self {
                Self::ONE
            }
        }

        impl Num for $name {
            type FromStrRadixErr = ParseFloatError;
            /// By way of f64; without saturation.
            fn from_str_radix(text: &str, radix: u32) -> Result<Self, ParseFloatError> {
                f64::from_str_radix(text, radix).map(Self::from_f64_nonsat)
            }
        }

        impl Signed for $name {
            fn abs(&self) -> Self {
                (*self).abs()
            }
            /// 0 where `other` is not less.
            fn abs_sub(&self, other: &Self) -> Self {
                if *self <= *other { Self::ZERO } else { *self - *other }
            }
            fn signum(&self) -> Self {
                (*self).signum()
            }
            fn is_positive(&self) -> bool {
                (*self).is_sign_positive() && !self.is_nan()
            }
            fn is_negative(&self) -> bool {
                (*self).is_sign_negative() && !self.is_nan()
            }
        }

        impl FromPrimitive for $name {
            fn from_i64(x: i64) -> Option<Self> {
                FromPrimitive::from_f64(x as f64)
            }
            fn from_u64(x: u64) -> Option<Self> {
                FromPrimitive::from_f64(x as f64)
            }
            fn from_i128(x: i128) -> Option<Self> {
                FromPrimitive::from_f64(x as f64)
            }
            fn from_u128(x: u128) -> Option<Self> {
                FromPrimitive::from_f64(x as f64)
            }
            fn from_f32(x: f32) -> Option<Self> {
                FromPrimitive::from_f64(x.into())
            }
            fn from_f64(x: f64) -> Option<Self> {
                let code = Self::from_f64_nonsat(x);
                (x.is_nan() || !code.is_nan()).then_some(code)
            }
        }

        impl NumCast for $name {
            fn from<T: ToPrimitive>(x: T) -> Option<Self> {
                FromPrimitive::from_f64(x.to_f64()?)
            }
        }

        impl AsPrimitive<f16> for $name {
            fn as_(self) -> f16 {
                self.to_f16()
            }
        }

        impl AsPrimitive<$name> for f16 {
            fn as_(self) -> $name {
                $name::from_f16_nonsat(self)
            }
        }

        impl AsPrimitive<$name> for bf16 {
            fn as_(self) -> $name {
                $name::from_bf16_nonsat(self)
            }
        }

        from_primitive!(
            $name <= i8 i16 i32 i64 i128 isize u8 u16 u32 u64 u128 usize f32 f64
        );

        float_const!(
            $name: E PI FRAC_1_PI FRAC_1_SQRT_2 FRAC_2_PI FRAC_2_SQRT_PI FRAC_PI_2 FRAC_PI_3
                FRAC_PI_4 FRAC_PI_6 FRAC_PI_8 LN_10 LN_2 LOG10_E LOG10_2 LOG2_E LOG2_10 SQRT_2
        );
    };
}

macro_rules! float_const {
    ($name:ident: $($constant:ident)*) => {
        impl FloatConst for $name {
            $(
                #[allow(non_snake_case, reason = "the trait names its functions so")]
                fn $constant() -> Self {
                    Self::$constant
                }
            )*
            #[allow(non_snake_case, reason = "the trait names its functions so")]
            fn TAU() -> Self {
                Self::from_f64(core::f64::consts::TAU)
            }
        }
    };
}

for_all!(shared);
for_floats!(float);

impl FromPrimitive for E8m0 {
    fn from_i64(x: i64) -> Option<Self> {
        u64::try_from(x).ok().and_then(FromPrimitive::from_u64)
    }
    fn from_u64(x: u64) -> Option<Self> {
        FromPrimitive::from_u128(x.into())
    }
    fn from_i128(x: i128) -> Option<Self> {
        u128::try_from(x).ok().and_then(FromPrimitive::from_u128)
    }
    fn from_u128(x: u128) -> Option<Self> {
        // f64 would make powers of two of numbers that are not.
        x.is_power_of_two().then(|| Self::from_exponent(x.ilog2() as i32))?
    }
    fn from_f32(x: f32) -> Option<Self> {
        Self::from_f64_exact(x.into())
    }
    fn from_f64(x: f64) -> Option<Self> {
        Self::from_f64_exact(x)
    }
}

impl NumCast for E8m0 {
    fn from<T: ToPrimitive>(x: T) -> Option<Self> {
        let wide = x.to_f64()?;
        match x.to_u128() {
            Some(integer) if integer as f64 == wide => FromPrimitive::from_u128(integer),
            _ => FromPrimitive::from_f64(wide),
        }
    }
}

impl FloatCore for E5m2 {
    fn infinity() -> Self {
        Self::INFINITY
    }
    fn neg_infinity() -> Self {
        Self::NEG_INFINITY
    }
    fn nan() -> Self {
        Self::NAN
    }
    fn neg_zero() -> Self {
        Self::NEG_ZERO
    }
    fn min_value() -> Self {
        Self::MIN
    }
    fn min_positive_value() -> Self {
        Self::MIN_POSITIVE
    }
    fn epsilon() -> Self {
        Self::EPSILON
    }
    fn max_value() -> Self {
        Self::MAX
    }
    fn classify(self) -> FpCategory {
        self.classify()
    }
    /// In f32, rounded to it once more.
    fn to_degrees(self) -> Self {
        Self::from_f32_nonsat(self.to_f32().to_degrees())
    }
    /// In f32, rounded to it once more.
    fn to_radians(self) -> Self {
        Self::from_f32_nonsat(self.to_f32().to_radians())
    }
    /// `sign * mantissa * 2^exponent`.
    fn integer_decode(self) -> (u64, i16, i8) {
        let (biased, fraction) = (self.to_bits() >> 2 & 0x1f, self.to_bits() & 3);
        let mantissa = if biased == 0 { fraction << 1 } else { fraction | 4 };
        let sign = if self.is_sign_negative() { -1 } else { 1 };
        (mantissa.into(), biased as i16 - 15 - 2, sign)
    }
}
