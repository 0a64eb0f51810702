//! Bounds in f64 that rounding cannot take below the truth.
//!
//! Powers of two, grids among them, are f64 numbers here, not exponents: comparing,
//! multiplying and subtracting them is exact or one rounding, and needs no branch.

use super::codes::power;
use crate::Element;

/// One operation to nearest is short of the truth by at most 2^-53 of it; multiplying by
/// this, itself rounded, makes up for it twice.
const UP: f64 = 1.0 + 2.0 * f64::EPSILON;

/// `a + b`, not below it. Both at least 0.
#[inline(always)]
pub(super) fn add(a: f64, b: f64) -> f64 {
    (a + b) * UP
}

/// `a * b`, not below it. Both at least 0 and far from the limits of f64; an infinite `a`
/// is one unless `b` is 0.
#[inline(always)]
pub(super) fn mul(a: f64, b: f64) -> f64 {
    if b == 0.0 { 0.0 } else { a * b * UP }
}

/// The larger; without NaN one instruction, which [`f64::max`] is not.
#[inline(always)]
pub(super) fn larger(a: f64, b: f64) -> f64 {
    if a > b { a } else { b }
}

/// The smaller, likewise.
#[inline(always)]
pub(super) fn smaller(a: f64, b: f64) -> f64 {
    if a < b { a } else { b }
}

/// The largest power of two that is at most x; 0 for 0. x is no subnormal.
#[inline(always)]
pub(super) fn power_below(x: f64) -> f64 {
    f64::from_bits(x.to_bits() & 0x7ff0_0000_0000_0000)
}

/// The most that cutting a multiple of `low` to a multiple of `grid` takes: less than
/// `grid`, hence a unit of `low` less.
#[inline(always)]
pub(super) fn cut(grid: f64, low: f64) -> f64 {
    larger(grid - low, 0.0) * UP
}

/// What is known of a number before it is computed: |x| <= `max`, and x is a multiple
/// of `low`, a power of two.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known {
    pub(super) max: f64,
    pub(super) low: f64,
}

impl Known {
    /// Zero is a multiple of everything.
    pub(super) const ZERO: Self = Self { max: 0.0, low: f64::INFINITY };

    #[inline(always)]
    pub(super) fn plus(self, other: Self) -> Self {
        Self { max: add(self.max, other.max), low: self.low.min(other.low) }
    }

    /// Times a scale, at least 0 and finite.
    pub(super) fn times(self, scale: f32) -> Self {
        if self.max == 0.0 || scale == 0.0 {
            return Self::ZERO;
        }
        let scale = f64::from(scale);
        let fraction = scale.to_bits() | 1 << 52;
        let low = power_below(scale) * power(fraction.trailing_zeros() as i32 - 52);
        Self { max: mul(self.max, scale), low: self.low * low }
    }

    /// Times a scale and rounded, of a number that is an f32: exact also where the scale
    /// is a power of two and no bit falls below the subnormals.
    pub(super) fn times_rounded(self, scale: f32) -> (Self, f64) {
        let product = self.times(scale);
        let exact = scale.to_bits() & 0x007f_ffff == 0 && product.low >= power(-149);
        let (rounded, error) = product.round::<f32>();
        if exact && error.is_finite() { (product, 0.0) } else { (rounded, error) }
    }

    /// After rounding to nearest in `T`, and the most that changes it: half a unit in
    /// the last place, 0 where every value it can have is a number of `T`, infinity
    /// where it can overflow.
    pub(super) fn round<T: Element>(self) -> (Self, f64) {
        if self.max == 0.0 {
            return (Self::ZERO, 0.0);
        }
        if self.max > f64::from(T::MAX_FINITE) {
            return (self, f64::INFINITY);
        }
        let last_place = power(1 - T::SIGNIFICAND_BITS as i32);
        let subnormal = power(T::MIN_EXPONENT) * last_place;
        let grid = (power_below(self.max) * last_place).max(subnormal);
        if self.low >= grid {
            return (self, 0.0);
        }
        let error = 0.5 * grid;
        (Self { max: add(self.max, error), low: self.low.max(subnormal) }, error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use half::f16;

    #[test]
    fn sums_and_products_are_never_below() {
        // 0.1 + 0.2 and 0.1 * 0.1 in f64 may be too small by half an ulp.
        assert!(add(0.1, 0.2) > 0.1 + 0.2 && add(1.0, 1e-30) > 1.0);
        assert!(mul(0.1, 0.1) > 0.1 * 0.1);
        assert_eq!((add(0.0, 0.0), mul(f64::INFINITY, 0.0)), (0.0, 0.0));
        assert_eq!((power_below(12.0), power_below(0.0)), (8.0, 0.0));
        assert_eq!((cut(8.0, 8.0), cut(8.0, f64::INFINITY)), (0.0, 0.0));
        assert!((7.0..7.0001).contains(&cut(8.0, 1.0)));
    }

    #[test]
    fn rounding_is_free_where_all_values_exist() {
        let known = |max, low: i32| Known { max, low: 2f64.powi(low) };
        // 11 bits of f16: 2047 is one, 2049 is none.
        assert_eq!(known(2047.0, 0).round::<f16>().1, 0.0);
        assert_eq!(known(2049.0, 0).round::<f16>().1, 1.0);
        assert_eq!(known(65505.0, 0).round::<f16>().1, f64::INFINITY);
        // Subnormals: multiples of 2^-24.
        assert_eq!(known(1e-6, -24).round::<f16>().1, 0.0);
        assert_eq!(known(1e-6, -25).round::<f16>().1, 2f64.powi(-25));
        assert_eq!(known(1e-60, -300).round::<f32>().1, 2f64.powi(-150));
        // A scale that is a power of two changes no f32 above the subnormals.
        let tiny = f32::MIN_POSITIVE;
        assert_eq!(known(2f64.powi(30), -23).times_rounded(tiny).1, 0.0);
        assert_eq!(known(1.0, -24).times_rounded(tiny).1, 2f64.powi(-150));
        assert_eq!(known(1.0, -20).times_rounded(1.5 * tiny).1, 0.0);
        assert_eq!(known(1.0, -23).times_rounded(1.5 * tiny).1, 2f64.powi(-150));
        // A power of two as a scale keeps the grid relative to the number.
        assert_eq!(known(3.0, 0).times(0.25).low, 0.25);
        assert_eq!(known(3.0, 0).times(0.75).low, 0.25);
        assert_eq!(known(3.0, 0).times(1.0).low, 1.0);
        assert_eq!(known(3.0, 0).times(f32::MIN_POSITIVE.next_up()).low, 2f64.powi(-149));
        assert_eq!(known(3.0, 0).times(f32::from_bits(1)).low, 2f64.powi(-149));
    }
}
