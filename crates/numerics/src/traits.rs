//! Comparison, text and exact widening, the same for every type.

use core::cmp::Ordering;
use core::fmt::{
    Binary, Debug, Display, Formatter, LowerExp, LowerHex, Octal, Result, UpperExp, UpperHex,
};
use core::num::ParseFloatError;
use core::str::FromStr;

use half::{bf16, f16};

use crate::{E4m3, E4m3Fnuz, E5m2, E5m2Fnuz, E8m0};

macro_rules! forward_fmt {
    ($name:ident, $view:ident: $($trait:ident)*) => {$(
        impl $trait for $name {
            fn fmt(&self, f: &mut Formatter<'_>) -> Result {
                $trait::fmt(&self.$view(), f)
            }
        }
    )*};
}

macro_rules! forward_from {
    ($name:ident: $($wide:ident $method:ident)*) => {$(
        impl From<$name> for $wide {
            #[inline]
            fn from(x: $name) -> $wide {
                x.$method()
            }
        }
    )*};
}

macro_rules! traits {
    ($name:ident) => {
        /// IEEE: NaN differs from everything, -0, where there is one, equals 0.
        impl PartialEq for $name {
            #[inline]
            fn eq(&self, other: &Self) -> bool {
                self.to_f32() == other.to_f32()
            }
        }

        /// IEEE: NaN is unordered, -0, where there is one, equals 0.
        impl PartialOrd for $name {
            #[inline]
            fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
                self.to_f32().partial_cmp(&other.to_f32())
            }
        }

        forward_fmt!($name, to_f32: Debug Display LowerExp UpperExp);
        forward_fmt!($name, to_bits: Binary Octal LowerHex UpperHex);
        forward_from!($name: f32 to_f32 f64 to_f64 bf16 to_bf16);
    };
}

macro_rules! float_traits {
    ($name:ident) => {
        traits!($name);
        forward_from!($name: f16 to_f16);

        /// Parses as f64 does, then rounds to nearest even without saturation, so that
        /// `inf` stays infinite where the format has infinities. Text closer to a midpoint
        /// than f64 can tell is rounded as that midpoint.
        impl FromStr for $name {
            type Err = ParseFloatError;
            fn from_str(text: &str) -> core::result::Result<Self, ParseFloatError> {
                text.parse().map(Self::from_f64_nonsat)
            }
        }
    };
}

float_traits!(E4m3);
float_traits!(E5m2);
float_traits!(E4m3Fnuz);
float_traits!(E5m2Fnuz);
// Text has no rounding to name, so that there is no FromStr.
traits!(E8m0);
