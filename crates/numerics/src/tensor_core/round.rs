//! How bits that do not fit are dropped.

use super::arithmetic::Arithmetic;
use super::rules::{Overflow, Rounding, Subnormals};

/// `magnitude * 2^-places`, its sign known, rounded to an integer.
macro_rules! shift_right {
    ($(#[$doc:meta])* $visibility:vis $name:ident, $bits:ty) => {
        $(#[$doc])*
        $visibility fn $name(magnitude: $bits, places: u32, negative: bool, rounding: Rounding) -> $bits {
            if places == 0 {
                return magnitude;
            }
            let (kept, dropped) = (magnitude >> places, magnitude & ((1 << places) - 1));
            let half = 1 << (places - 1);
            let up = match rounding {
                Rounding::TowardZero => false,
                Rounding::Down => negative && dropped != 0,
                Rounding::NearestEven => dropped > half || dropped == half && kept & 1 == 1,
                Rounding::NearestAway => dropped >= half,
            };
            kept + <$bits>::from(up)
        }
    };
}

shift_right!(
    /// Of an addend. It has 24 bits at most: 63 places leave nothing of it, and less than half.
    pub(super) shift_right, u64
);
shift_right!(
    /// Of a sum. It has 120 bits at most, and 126 places do the same.
    shift_right_sum, u128
);

/// `magnitude * 2^grid` with a sign as the bits of a result.
pub(super) fn round(how: &Arithmetic, negative: bool, magnitude: u128, grid: i32) -> u32 {
    let (accumulator, rules) = (how.accumulator, &how.rules);
    let sign = accumulator.sign(negative);
    let zero = if rules.negative_zero { sign } else { 0 };
    if magnitude == 0 {
        return zero;
    }
    let (min, max) = (1 - accumulator.bias(), accumulator.bias());
    // Below the normals the grid stays where it is.
    let mut exponent = (grid + magnitude.ilog2() as i32).max(min);
    let shift = exponent - how.result_bits as i32 - grid;
    let mut significand = match u32::try_from(shift) {
        Ok(places) => shift_right_sum(magnitude, places.min(126), negative, how.result),
        Err(_) => magnitude << shift.unsigned_abs(),
    };
    if significand >> how.result_bits == 2 {
        significand >>= 1;
        exponent += 1;
    }
    let spare = accumulator.fraction_bits() - how.result_bits;
    if exponent > max {
        return sign
            | match rules.overflow {
                Overflow::Infinity => accumulator.infinity(),
                Overflow::Saturated => (accumulator.infinity() - 1) >> spare << spare,
            };
    }
    let normal = significand >> how.result_bits != 0;
    if significand == 0 || !normal && rules.results == Subnormals::Flushed {
        return zero;
    }
    let biased = if normal { (exponent + accumulator.bias()) as u32 } else { 0 };
    let fraction = significand as u32 & ((1 << how.result_bits) - 1);
    sign | biased << accumulator.fraction_bits() | fraction << spare
}
