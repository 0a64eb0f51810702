//! Arithmetic: computed in f32, rounded to nearest even without saturation.
//!
//! The second rounding is innocuous. f32 has 24 significant bits, more than the
//! 2p + 2 (10 for E4M3, 8 for E5M2) that make a rounding to 24 bits followed by
//! one to p equal to a single one for +, -, * and /; products and remainders of
//! FP8 numbers are exact in f32, and so is every sum that lands on the subnormal
//! grid. A test compares all pairs of codes with exact rational results.

use core::iter::{Product, Sum};
use core::ops::{
    Add, AddAssign, Div, DivAssign, Mul, MulAssign, Neg, Rem, RemAssign, Sub, SubAssign,
};

use crate::{E4m3, E4m3Fnuz, E5m2, E5m2Fnuz};

/// One operator with its three forms by reference and its assigning forms.
macro_rules! operator {
    ($name:ident: $($trait:ident $method:ident, $assign:ident $assign_method:ident;)*) => {$(
        impl $trait for $name {
            type Output = Self;
            /// Rounded to nearest even; overflow is not saturated.
            #[inline]
            fn $method(self, rhs: Self) -> Self {
                Self::from_f32_nonsat($trait::$method(self.to_f32(), rhs.to_f32()))
            }
        }
        impl $trait<&Self> for $name {
            type Output = Self;
            #[inline]
            fn $method(self, rhs: &Self) -> Self {
                $trait::$method(self, *rhs)
            }
        }
        impl $trait for &$name {
            type Output = $name;
            #[inline]
            fn $method(self, rhs: Self) -> $name {
                $trait::$method(*self, *rhs)
            }
        }
        impl $trait<$name> for &$name {
            type Output = $name;
            #[inline]
            fn $method(self, rhs: $name) -> $name {
                $trait::$method(*self, rhs)
            }
        }
        impl $assign for $name {
            #[inline]
            fn $assign_method(&mut self, rhs: Self) {
                *self = $trait::$method(*self, rhs);
            }
        }
        impl $assign<&Self> for $name {
            #[inline]
            fn $assign_method(&mut self, rhs: &Self) {
                *self = $trait::$method(*self, *rhs);
            }
        }
    )*};
}

macro_rules! arithmetic {
    ($name:ident) => {
        operator! {
            $name:
            Add add, AddAssign add_assign;
            Sub sub, SubAssign sub_assign;
            Mul mul, MulAssign mul_assign;
            Div div, DivAssign div_assign;
            Rem rem, RemAssign rem_assign;
        }

        impl Neg for $name {
            type Output = Self;
            /// Flips the sign bit, that of NaN included; a FNUZ zero or NaN stays as it is.
            #[inline]
            fn neg(self) -> Self {
                let (magnitude, sign) = (self.to_bits() & 0x7f, self.to_bits() & 0x80);
                if crate::widen::is_fnuz_nan::<Self>(self.to_bits()) {
                    self
                } else {
                    Self::from_bits(crate::widen::signed::<Self>(magnitude, sign ^ 0x80))
                }
            }
        }
        impl Neg for &$name {
            type Output = $name;
            #[inline]
            fn neg(self) -> $name {
                -*self
            }
        }

        impl Sum for $name {
            /// Sums in f32 in the order of the iterator, then rounds once, without saturation.
            fn sum<I: Iterator<Item = Self>>(values: I) -> Self {
                Self::from_f32_nonsat(values.map(Self::to_f32).sum())
            }
        }
        impl<'a> Sum<&'a Self> for $name {
            fn sum<I: Iterator<Item = &'a Self>>(values: I) -> Self {
                values.copied().sum()
            }
        }
        impl Product for $name {
            /// Multiplies in f32 in the order of the iterator, then rounds once, without
            /// saturation.
            fn product<I: Iterator<Item = Self>>(values: I) -> Self {
                Self::from_f32_nonsat(values.map(Self::to_f32).product())
            }
        }
        impl<'a> Product<&'a Self> for $name {
            fn product<I: Iterator<Item = &'a Self>>(values: I) -> Self {
                values.copied().product()
            }
        }
    };
}

arithmetic!(E4m3);
arithmetic!(E5m2);
arithmetic!(E4m3Fnuz);
arithmetic!(E5m2Fnuz);
