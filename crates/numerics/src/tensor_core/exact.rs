//! Sums without rounding.

use super::number::{Number, power};

/// A fixed-point number wide enough for every sum of products of tensor core operands: multiples
/// of 2^-320 below 2^319.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ExactSum {
    /// Two's complement, the lowest limb first.
    limbs: [u64; LIMBS],
}

const LIMBS: usize = 10;
/// The exponent of the unit: below the square of the smallest TF32, 2^-272.
const UNIT: i32 = -320;

impl ExactSum {
    /// Zero.
    pub const ZERO: Self = Self { limbs: [0; LIMBS] };

    /// Adds a number. Products of operands have exponents of -272 to 256, so that 2^60 fit.
    pub(super) fn add(&mut self, x: Number) {
        let place = (x.exponent - x.fraction_bits as i32 - UNIT) as usize;
        let (limb, shift) = (place / 64, place % 64);
        let wide = u128::from(x.significand) << shift;
        let mut addend = [0; LIMBS];
        for (limb, part) in addend.iter_mut().skip(limb).zip([wide as u64, (wide >> 64) as u64]) {
            *limb = part;
        }
        let addend = Self { limbs: addend };
        *self = self.plus(if x.negative { addend.negated() } else { addend });
    }

    fn plus(self, other: Self) -> Self {
        let mut carry = false;
        let mut limbs = [0; LIMBS];
        for ((sum, a), b) in limbs.iter_mut().zip(self.limbs).zip(other.limbs) {
            let (partial, first) = a.overflowing_add(b);
            let (total, second) = partial.overflowing_add(carry.into());
            (*sum, carry) = (total, first || second);
        }
        Self { limbs }
    }

    pub(super) fn negated(self) -> Self {
        let mut one = Self::ZERO;
        one.limbs[0] = 1;
        Self { limbs: self.limbs.map(|limb| !limb) }.plus(one)
    }

    /// Whether the sum is below zero.
    #[must_use]
    pub const fn is_negative(&self) -> bool {
        self.limbs[LIMBS - 1] >> 63 != 0
    }

    /// Whether the sum is zero.
    #[must_use]
    pub fn is_zero(&self) -> bool {
        *self == Self::ZERO
    }

    /// The nearest f64, ties to even.
    #[must_use]
    pub fn to_f64(&self) -> f64 {
        let magnitude = if self.is_negative() { self.negated() } else { *self };
        let Some(top) = magnitude.limbs.iter().rposition(|&limb| limb != 0) else { return 0.0 };
        // The upper 64 significant bits, what is below them kept as the lowest.
        let shift = magnitude.limbs[top].leading_zeros();
        let below = if top > 0 { magnitude.limbs[top - 1] } else { 0 };
        let wide = (u128::from(magnitude.limbs[top]) << 64 | u128::from(below)) << shift;
        let rest =
            wide as u64 != 0 || magnitude.limbs.iter().rev().skip(LIMBS - top + 1).any(|&l| l != 0);
        let bits = (wide >> 64) as u64 | u64::from(rest);
        // To nearest; the power is exact, and no sum is a subnormal f64.
        let exponent = 64 * top as i32 - shift as i32 + UNIT;
        let value = bits as f64 * power(exponent);
        if self.is_negative() { -value } else { value }
    }
}
