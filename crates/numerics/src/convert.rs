//! The conversions of every format, written once.

/// The inherent conversions of a format, and what their documentation says of it:
/// `nvidia` names its nearest and its stochastic instruction, where there are any,
/// `overflow` what is beyond its range.
macro_rules! float8_conversions {
    (
        $name:ident,
        $(nvidia: $nearest:literal $stochastic:literal,)?
        overflow: $overflow:literal,
        nan: $nan:literal,
        signed_nan: $signed_nan:literal $(,)?
    ) => {
        /// Conversions.
        impl $name {
            #[doc = concat!(
                "Rounds to nearest even and saturates" $(, ": the bits of PTX `", $nearest, "`")?, "."
            )]
            ///
            /// # Rounding
            /// One rounding, ties to the even code, subnormals kept. What would
            /// round beyond [`MAX`](Self::MAX), infinities included, gives ±`MAX`.
            ///
            #[doc = concat!("NaN of either sign gives ", $nan, ", from every source type.")]
            $(
                #[doc = concat!(
                    "That is what NVIDIA's host code returns for f32, f16 and bf16; for f64 it keeps\n",
                    "the sign. Which NaN `", $nearest, "` itself returns is not documented and has\n",
                    "not been observed on a GPU for this crate."
                )]
            )?
            ///
            #[doc = concat!(
                "```\nuse quarter_numerics::", stringify!($name), ";\n",
                "const HALF: ", stringify!($name), " = ", stringify!($name), "::from_f32(0.5);\n",
                "assert_eq!(HALF.to_f32(), 0.5);\n",
                "assert_eq!(", stringify!($name), "::from_f32(1e9), ", stringify!($name), "::MAX);\n",
                "assert_eq!(", stringify!($name), "::from_f32(-f32::NAN).to_bits(), ", $nan, ");\n```"
            )]
            #[inline]
            #[must_use]
            pub const fn from_f32(x: f32) -> Self {
                Self($crate::round::nearest_f32::<Self>(x))
            }

            /// Rounds to nearest even without saturation, as OCP defines it.
            ///
            /// # Rounding
            /// As [`from_f32`](Self::from_f32), but infinities and what rounds out of
            #[doc = concat!("range give ", $overflow, ". NaN gives ", $nan, ".")]
            #[inline]
            #[must_use]
            pub const fn from_f32_nonsat(x: f32) -> Self {
                Self($crate::round::nearest_f32_plain::<Self>(x))
            }

            /// [`from_f32`](Self::from_f32) from f64: straight, so rounded once.
            ///
            /// Going through f32 rounds twice and misses the nearest value next to
            /// a midpoint.
            #[inline]
            #[must_use]
            pub const fn from_f64(x: f64) -> Self {
                Self($crate::round::nearest_f64::<Self>(x))
            }

            /// [`from_f32_nonsat`](Self::from_f32_nonsat) from f64, rounded once.
            #[inline]
            #[must_use]
            pub const fn from_f64_nonsat(x: f64) -> Self {
                Self($crate::round::nearest_f64_plain::<Self>(x))
            }

            /// [`from_f32`](Self::from_f32) from binary16, which widens exactly.
            #[inline]
            #[must_use]
            pub const fn from_f16(x: ::half::f16) -> Self {
                Self::from_f32(f32::from_bits($crate::widen::f32_bits_of_f16(x.to_bits())))
            }

            /// [`from_f32_nonsat`](Self::from_f32_nonsat) from binary16.
            #[inline]
            #[must_use]
            pub const fn from_f16_nonsat(x: ::half::f16) -> Self {
                Self::from_f32_nonsat(f32::from_bits($crate::widen::f32_bits_of_f16(x.to_bits())))
            }

            /// [`from_f32`](Self::from_f32) from bfloat16, which widens exactly.
            #[inline]
            #[must_use]
            pub const fn from_bf16(x: ::half::bf16) -> Self {
                Self::from_f32(f32::from_bits($crate::widen::f32_bits_of_bf16(x.to_bits())))
            }

            /// [`from_f32_nonsat`](Self::from_f32_nonsat) from bfloat16.
            #[inline]
            #[must_use]
            pub const fn from_bf16_nonsat(x: ::half::bf16) -> Self {
                Self::from_f32_nonsat(f32::from_bits($crate::widen::f32_bits_of_bf16(x.to_bits())))
            }

            #[doc = concat!(
                "Rounds up or down at random"
                $(, ": one element of Blackwell's `", $stochastic, "`")?, "."
            )]
            ///
            /// # Rounding
            /// Let `lo <= |x| < hi` be neighbouring magnitudes and
            /// `delta = (|x| - lo) / (hi - lo)`. The result is `hi` where
            /// `floor(delta * 2^16) + bits >= 2^16`, else `lo`, with the sign of x.
            /// Over uniform `bits` the result is x on average, less at most 2^-16 of
            /// a step. Representable values never move. `|x| >= MAX` gives ±`MAX`
            #[doc = concat!("whatever the bits; NaN gives ", $signed_nan, ".")]
            ///
            /// The recipe is that of other implementations checked on Blackwell; this
            /// crate has not seen it on a GPU itself.
            ///
            #[doc = concat!(
                "```\nuse quarter_numerics::", stringify!($name), ";\n",
                "// 1.03125 lies a quarter or an eighth of a step above 1.\n",
                "let up = (0..=u16::MAX)\n",
                "    .filter(|&bits| ", stringify!($name), "::from_f32_stochastic(1.03125, bits).to_f32() > 1.0)\n",
                "    .count() as f32;\n",
                "assert_eq!(up / 65536.0, 0.03125 / ", stringify!($name), "::EPSILON.to_f32());\n```"
            )]
            #[inline]
            #[must_use]
            pub const fn from_f32_stochastic(x: f32, bits: u16) -> Self {
                Self($crate::round::stochastic_f32::<Self>(x, bits))
            }

            /// Four stochastic roundings that share one 32-bit word, as `cvt.rs` does them.
            ///
            /// In memory order, the lowest byte first: element 0 uses `rbits[15:0]`,
            /// element 1 those 16 bits reversed, element 2 `rbits[31:16]`, element 3
            /// those reversed. (PTX names its sources `{a, b, e, f}` from the highest
            /// byte down: `f` is element 0, `e` 1, `b` 2, `a` 3.)
            #[inline]
            #[must_use]
            pub const fn from_f32x4_stochastic(x: [f32; 4], rbits: u32) -> [Self; 4] {
                let words = $crate::round::words_x4(rbits);
                [
                    Self::from_f32_stochastic(x[0], words[0]),
                    Self::from_f32_stochastic(x[1], words[1]),
                    Self::from_f32_stochastic(x[2], words[2]),
                    Self::from_f32_stochastic(x[3], words[3]),
                ]
            }

            /// Exact widening. Every NaN becomes `0x7FFF_FFFF`, NVIDIA's NaN.
            #[inline]
            #[must_use]
            pub const fn to_f32(self) -> f32 {
                f32::from_bits($crate::widen::f32_bits::<Self>(self.0))
            }

            /// Exact widening; NaN as in [`to_f32`](Self::to_f32), padded with zeros.
            #[inline]
            #[must_use]
            pub const fn to_f64(self) -> f64 {
                f64::from_bits($crate::widen::f64_bits::<Self>(self.0))
            }

            /// Exact widening. Every NaN becomes `0x7FFF`.
            #[inline]
            #[must_use]
            pub const fn to_f16(self) -> ::half::f16 {
                ::half::f16::from_bits($crate::widen::f16_bits::<Self>(self.0))
            }

            /// Exact widening. Every NaN becomes `0x7FFF`.
            #[inline]
            #[must_use]
            pub const fn to_bf16(self) -> ::half::bf16 {
                ::half::bf16::from_bits($crate::widen::bf16_bits::<Self>(self.0))
            }
        }
    };
}

pub(crate) use float8_conversions;
