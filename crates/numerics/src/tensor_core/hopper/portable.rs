//! Chains in f32 arithmetic, written for the vectoriser: 32 outputs side by side, no branch on
//! data, no shift by a variable amount (SSE2 has none).
//!
//! Each operation below is exact or cut on purpose:
//! - `2^ea * 2^eb` is the exponent sum of the specification; 0 stands for "no exponent".
//! - A product of values has at most 8 significant bits; scaled to units of `2^(emax - 13)` it
//!   is below `2^15`. Added to `2^16`, whose last place is `2^-7`, it keeps every bit if it is 1
//!   or more; if it is less it does not round up to 1, which takes a significand of 255, and 15
//!   times 15 is the largest. Clearing the 7 bits below the point cuts it.
//! - Sums of 32 such terms are integers below `2^24`.

use super::step::{LANES, RowStep, STEP, StripStep};

const ABOVE: f32 = 65536.0;
const SIGN: u32 = 1 << 31;

/// The float whose exponent field is `field`, 1 to 254.
#[inline(always)]
fn power(field: i32) -> f32 {
    f32::from_bits((field as u32) << 23)
}

/// One step on all lanes. The lanes with NaN or an infinity among their inputs come out as
/// garbage.
#[inline(always)]
pub(super) fn step(a: &RowStep, b: &StripStep, acc: &mut [f32; LANES]) {
    let (a_values, a_powers) = a.planes.split_at(STEP);
    let (b_values, b_powers) = b.planes.split_at(STEP);

    // The largest power among products and accumulator.
    let mut largest = [0f32; LANES];
    for (a, b) in a_powers.iter().zip(b_powers) {
        let a = f32::from_bits(*a);
        for (j, largest) in largest.iter_mut().enumerate() {
            let power = a * f32::from_bits(b[j]);
            *largest = if power > *largest { power } else { *largest };
        }
    }
    let mut scale = [0f32; LANES];
    let mut field = [0i32; LANES];
    for j in 0..LANES {
        // A subnormal has the exponent of the smallest normal. A zero gets it too, which is below
        // that of any product.
        let power_c = (acc[j].to_bits() & 0x7f80_0000).max(0x0080_0000);
        // Positive floats order as their bits do.
        field[j] = (largest[j].to_bits().max(power_c) >> 23) as i32;
        // 2^(13 - emax). Products know exponents from -28 to 30: far below emax nothing is left
        // of them, and an emax below theirs means that all are zero.
        scale[j] = power(267 - field[j].clamp(99, 190));
    }

    // Cut products, each with 2^16 of its own sign on top.
    let mut sum = [0f32; LANES];
    for (a, b) in a_values.iter().zip(b_values) {
        let a = f32::from_bits(*a);
        for j in 0..LANES {
            let product = a * f32::from_bits(b[j]) * scale[j];
            let above = f32::from_bits(product.to_bits() & SIGN | ABOVE.to_bits());
            sum[j] += f32::from_bits((product + above).to_bits() & !0x7f);
        }
    }

    for j in 0..LANES {
        let negative = (a.signs ^ b.signs[j]).count_ones() as i32;
        let products = sum[j] - ABOVE * (STEP as i32 - 2 * negative) as f32;

        // c * 2^(13 - emax) and total * 2^(emax - 13), in two factors where one is no normal.
        let up = 267 - field[j];
        let c = acc[j] * power(up.min(254)) * power(127 + up - up.min(254));
        let total = (products as i32).wrapping_add(c as i32);
        let down = field[j] - 13;
        let value = total as f32 * power(down.max(1)) * power(127 + down - down.max(1));
        // 13 fraction bits. Subnormals too: their last place is fixed.
        acc[j] = f32::from_bits(value.to_bits() & 0xffff_fc00);
    }
}
