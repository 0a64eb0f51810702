//! The methods every format has, written once.
//!
//! The formats differ in their numbers only; those are literals in `e4m3.rs` and its
//! siblings, from which [`float8_methods`] takes everything else.

/// What every type of this crate has, the scale type too: its bits, and the choice between values.
macro_rules! code_methods {
    ($name:ident) => {
        impl $name {
            /// The value with these bits.
            #[inline]
            #[must_use]
            pub const fn from_bits(bits: u8) -> Self {
                Self(bits)
            }

            /// The bits of this value.
            #[inline]
            #[must_use]
            pub const fn to_bits(self) -> u8 {
                self.0
            }

            /// The bits as a byte array in little-endian order.
            #[inline]
            #[must_use]
            pub const fn to_le_bytes(self) -> [u8; 1] {
                [self.0]
            }

            /// The bits as a byte array in big-endian order.
            #[inline]
            #[must_use]
            pub const fn to_be_bytes(self) -> [u8; 1] {
                [self.0]
            }

            /// The bits as a byte array in the machine's order.
            #[inline]
            #[must_use]
            pub const fn to_ne_bytes(self) -> [u8; 1] {
                [self.0]
            }

            /// The value with these bytes in little-endian order.
            #[inline]
            #[must_use]
            pub const fn from_le_bytes(bytes: [u8; 1]) -> Self {
                Self(bytes[0])
            }

            /// The value with these bytes in big-endian order.
            #[inline]
            #[must_use]
            pub const fn from_be_bytes(bytes: [u8; 1]) -> Self {
                Self(bytes[0])
            }

            /// The value with these bytes in the machine's order.
            #[inline]
            #[must_use]
            pub const fn from_ne_bytes(bytes: [u8; 1]) -> Self {
                Self(bytes[0])
            }

            /// The larger of two values; of a NaN and a number, the number.
            #[inline]
            #[must_use]
            pub fn max(self, other: Self) -> Self {
                if self.is_nan() || other > self { other } else { self }
            }

            /// The smaller of two values; of a NaN and a number, the number.
            #[inline]
            #[must_use]
            pub fn min(self, other: Self) -> Self {
                if self.is_nan() || other < self { other } else { self }
            }

            /// Restricts the value to `min..=max`; a NaN stays NaN.
            ///
            /// Unlike `f32::clamp` it does not panic: a bound that is NaN does not bind, and
            /// `max` wins over a larger `min`.
            #[inline]
            #[must_use]
            pub fn clamp(self, min: Self, max: Self) -> Self {
                let raised = if self < min { min } else { self };
                if raised > max { max } else { raised }
            }
        }
    };
}

/// The inherent methods and the [`Float8`](crate::Float8) implementation of a format.
macro_rules! float8_methods {
    ($name:ident, $specials:ident) => {
        $crate::float8::code_methods!($name);

        impl $name {
            /// Whether this is a NaN.
            #[inline]
            #[must_use]
            pub const fn is_nan(self) -> bool {
                matches!(self.classify(), ::core::num::FpCategory::Nan)
            }

            /// Whether this is an infinity. E5M2 alone has any; elsewhere it is always false.
            #[inline]
            #[must_use]
            pub const fn is_infinite(self) -> bool {
                matches!(self.classify(), ::core::num::FpCategory::Infinite)
            }

            /// Whether this is neither infinite nor NaN.
            #[inline]
            #[must_use]
            pub const fn is_finite(self) -> bool {
                ((self.0 & 0x7f) as u32) < $crate::widen::first_special::<Self>()
                    && !$crate::widen::is_fnuz_nan::<Self>(self.0)
            }

            /// Whether this is neither zero, subnormal, infinite nor NaN.
            #[inline]
            #[must_use]
            pub const fn is_normal(self) -> bool {
                matches!(self.classify(), ::core::num::FpCategory::Normal)
            }

            /// The category of the value.
            #[inline]
            #[must_use]
            pub const fn classify(self) -> ::core::num::FpCategory {
                let magnitude = self.0 & 0x7f;
                if !self.is_finite() {
                    if <Self as $crate::Float8>::HAS_INFINITY && magnitude == 0x7c {
                        ::core::num::FpCategory::Infinite
                    } else {
                        ::core::num::FpCategory::Nan
                    }
                } else if magnitude == 0 {
                    ::core::num::FpCategory::Zero
                } else if magnitude < Self::MIN_POSITIVE.0 {
                    ::core::num::FpCategory::Subnormal
                } else {
                    ::core::num::FpCategory::Normal
                }
            }

            /// Whether the sign bit is clear, that of zeros and NaN included.
            #[inline]
            #[must_use]
            pub const fn is_sign_positive(self) -> bool {
                self.0 & 0x80 == 0
            }

            /// Whether the sign bit is set, that of zeros and NaN included.
            #[inline]
            #[must_use]
            pub const fn is_sign_negative(self) -> bool {
                self.0 & 0x80 != 0
            }

            /// 1 or -1 by the sign bit, that of zeros included; a NaN is returned as it is.
            #[inline]
            #[must_use]
            pub const fn signum(self) -> Self {
                if self.is_nan() { self } else { Self::ONE.copysign(self) }
            }

            /// The magnitude of `self` with the sign of `sign`. A FNUZ zero or NaN stays as it is.
            #[inline]
            #[must_use]
            pub const fn copysign(self, sign: Self) -> Self {
                if $crate::widen::is_fnuz_nan::<Self>(self.0) {
                    self
                } else {
                    Self($crate::widen::signed::<Self>(self.0 & 0x7f, sign.0 & 0x80))
                }
            }

            /// The magnitude: the sign bit cleared, but for a FNUZ NaN.
            #[inline]
            #[must_use]
            pub const fn abs(self) -> Self {
                if $crate::widen::is_fnuz_nan::<Self>(self.0) { self } else { Self(self.0 & 0x7f) }
            }

            /// The IEEE 754 total order: -NaN (that of FNUZ), numbers with -0 below +0, NaN.
            #[inline]
            #[must_use]
            pub fn total_cmp(&self, other: &Self) -> ::core::cmp::Ordering {
                // Flipping a negative's magnitude makes the order that of signed integers.
                let key = |bits: u8| i16::from((bits as i8) ^ (((bits as i8) >> 7) & 0x7f));
                let key = |x: &Self| {
                    if $crate::widen::is_fnuz_nan::<Self>(x.0) { i16::MIN } else { key(x.0) }
                };
                key(self).cmp(&key(other))
            }
        }

        impl $crate::Float8 for $name {
            const SPECIALS: $crate::Specials = $crate::Specials::$specials;
            const FRACTION_BITS: u32 = Self::MANTISSA_DIGITS - 1;
            const BIAS: i32 = 2 - Self::MIN_EXP;
            const ZERO: Self = Self::ZERO;
            const ONE: Self = Self::ONE;
            const MAX: Self = Self::MAX;
            const MIN: Self = Self::MIN;
            const MIN_POSITIVE: Self = Self::MIN_POSITIVE;
            const MIN_POSITIVE_SUBNORMAL: Self = Self::MIN_POSITIVE_SUBNORMAL;
            const NAN: Self = Self::NAN;

            #[inline(always)]
            fn from_bits(bits: u8) -> Self {
                Self::from_bits(bits)
            }
            #[inline(always)]
            fn to_bits(self) -> u8 {
                self.to_bits()
            }
            #[inline]
            fn to_f32(self) -> f32 {
                self.to_f32()
            }
            #[inline]
            fn from_f32(x: f32) -> Self {
                Self::from_f32(x)
            }
            #[inline]
            fn from_f32_nonsat(x: f32) -> Self {
                Self::from_f32_nonsat(x)
            }
            #[inline]
            fn from_f32_stochastic(x: f32, bits: u16) -> Self {
                Self::from_f32_stochastic(x, bits)
            }
            #[inline]
            fn from_f32x4_stochastic(x: [f32; 4], rbits: u32) -> [Self; 4] {
                Self::from_f32x4_stochastic(x, rbits)
            }
            #[inline]
            fn is_nan(self) -> bool {
                self.is_nan()
            }
            #[inline]
            fn is_finite(self) -> bool {
                self.is_finite()
            }
        }
    };
}

/// The mathematical constants of `core::f64::consts`, each rounded once.
macro_rules! float8_math_constants {
    ($name:ident: $($constant:ident $text:literal),* $(,)?) => {
        /// Mathematical constants, to nearest.
        impl $name {
            $(
                #[doc = concat!($text, ".")]
                pub const $constant: Self = Self::from_f64(core::f64::consts::$constant);
            )*
        }
    };
    ($name:ident) => {
        float8_math_constants! {
            $name:
            E "Euler's number",
            PI "π",
            FRAC_1_PI "1/π",
            FRAC_1_SQRT_2 "1/√2",
            FRAC_2_PI "2/π",
            FRAC_2_SQRT_PI "2/√π",
            FRAC_PI_2 "π/2",
            FRAC_PI_3 "π/3",
            FRAC_PI_4 "π/4",
            FRAC_PI_6 "π/6",
            FRAC_PI_8 "π/8",
            LN_10 "ln 10",
            LN_2 "ln 2",
            LOG10_E "log₁₀ e",
            LOG10_2 "log₁₀ 2",
            LOG2_E "log₂ e",
            LOG2_10 "log₂ 10",
            SQRT_2 "√2",
        }
    };
}

pub(crate) use {code_methods, float8_math_constants, float8_methods};
