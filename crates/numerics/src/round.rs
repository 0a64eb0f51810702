//! The roundings to FP8. One branch-free body each; scalars and slices share it.

use crate::widen::{f32_bits, f64_bits, first_special, signed};
use crate::{Float8, Specials};

/// The NaN that conversions return, without a sign but that of FNUZ.
const fn nan<F: Float8>() -> u8 {
    match F::SPECIALS {
        Specials::Ieee | Specials::Fn => 0x7f,
        Specials::Fnuz => 0x80,
    }
}

/// Nearest-even rounding from one IEEE type, in its saturating and its plain form.
///
/// The body clamps to the largest finite value first, so nothing after it can
/// overflow. Normal results are rounded by an integer addition below the kept
/// bits, where a carry moves to the exponent by itself. Subnormal results are
/// rounded by the FPU: adding 2^fraction subnormal steps leaves one step as the
/// last place of the sum. Both are computed and one is selected.
macro_rules! nearest {
    ($saturating:ident, $plain:ident, $float:ty, $bits:ty, $fraction:literal, $bias:literal, $widen:ident) => {
        /// Nearest even; infinities and overflow to the largest finite value, NaN to [`nan`].
        #[inline(always)]
        pub(crate) const fn $saturating<F: Float8>(x: $float) -> u8 {
            const INFINITY: $bits = <$float>::INFINITY.to_bits();
            let max = const { $widen::<F>((first_special::<F>() - 1) as u8) };
            let shift = const { $fraction - F::FRACTION_BITS };
            let rebias = const { (($bias - F::BIAS) as $bits) << $fraction };
            let min_normal = const { (($bias - F::BIAS + 1) as $bits) << $fraction };
            let steps = const {
                // The float whose last place is the subnormal step 2^(1 - bias - fraction).
                let exponent = $bias + 1 - F::BIAS - F::FRACTION_BITS as i32 + $fraction;
                (exponent as $bits) << $fraction
            };

            let bits = x.to_bits();
            let abs = bits & (<$bits>::MAX >> 1);
            let clamped = if abs < max { abs } else { max };
            let subnormal = (<$float>::from_bits(clamped) + <$float>::from_bits(steps)).to_bits();
            let subnormal = subnormal.wrapping_sub(steps);
            let half = (1 << (shift - 1)) - 1 + ((clamped >> shift) & 1);
            let normal = clamped.wrapping_add(half).wrapping_sub(rebias) >> shift;

            let magnitude = if clamped < min_normal { subnormal } else { normal } as u8;
            let sign = (bits >> (<$bits>::BITS - 8)) as u8 & 0x80;
            if abs > INFINITY { nan::<F>() } else { signed::<F>(magnitude, sign) }
        }

        /// Nearest even; infinities and overflow to infinity, or to NaN where there is none, signed.
        #[inline(always)]
        pub(crate) const fn $plain<F: Float8>(x: $float) -> u8 {
            let bits = x.to_bits();
            let abs = bits & (<$bits>::MAX >> 1);
            let sign = (bits >> (<$bits>::BITS - 8)) as u8 & 0x80;
            let overflow = abs >= const { overflow_bits!($bits, $fraction, $widen, F) };
            if overflow && abs <= <$float>::INFINITY.to_bits() {
                // 0x80 in FNUZ, with either sign.
                first_special::<F>() as u8 | sign
            } else {
                $saturating::<F>(x)
            }
        }
    };
}

/// Bits of the smallest magnitude that nearest-even rounding takes out of range.
///
/// Halfway to the code that would follow the largest. The tie goes to the even
/// code: down in E4M3 (464 is 448), up in the others (61440 overflows).
macro_rules! overflow_bits {
    ($bits:ty, $fraction:literal, $widen:ident, $format:ident) => {{
        let max_code = (first_special::<$format>() - 1) as u8;
        let half_step = 1 << ($fraction - $format::FRACTION_BITS - 1);
        $widen::<$format>(max_code) + half_step + (1 - (max_code & 1)) as $bits
    }};
}

nearest!(nearest_f32, nearest_f32_plain, f32, u32, 23, 127, f32_bits);
nearest!(nearest_f64, nearest_f64_plain, f64, u64, 52, 1023, f64_bits);

/// Bits of the smallest f32 magnitude that overflows without saturation.
#[inline(always)]
pub(crate) const fn overflow_f32_bits<F: Float8>() -> u32 {
    overflow_bits!(u32, 23, f32_bits, F)
}

/// Rounds away from zero when floor(delta * 2^16) + word >= 2^16, where delta
/// is the distance to the lower code as a fraction of the step. Saturates; NaN
/// keeps its sign where it has one.
#[inline(always)]
pub(crate) const fn stochastic_f32<F: Float8>(x: f32, word: u16) -> u8 {
    let max = const { f32_bits::<F>((first_special::<F>() - 1) as u8) };
    let shift = const { 23 - F::FRACTION_BITS };
    let rebias = const { ((127 - F::BIAS) as u32) << 23 };
    let min_normal = const { ((127 - F::BIAS + 1) as u32) << 23 };
    // A significand of biased exponent e counts 2^-16 subnormal steps once shifted by floor - e.
    let floor = const { (127 + 23 + 1 - F::BIAS - F::FRACTION_BITS as i32 - 16) as u32 };

    let bits = x.to_bits();
    let abs = bits & 0x7fff_ffff;
    // The largest value has delta 0, so no word moves it.
    let clamped = if abs < max { abs } else { max };
    let word = word as u32;
    // The word's highest bit lies just below the kept bits; what lies below its lowest cannot carry.
    let normal = clamped.wrapping_add(word << (shift - 16)).wrapping_sub(rebias) >> shift;
    let significand = clamped & 0x007f_ffff | 0x0080_0000;
    // Wraps for large exponents, where `normal` is selected; f32 subnormals vanish.
    let drop = floor.wrapping_sub(clamped >> 23);
    let drop = if drop < 31 { drop } else { 31 };
    let subnormal = ((significand >> drop) + word) >> 16;

    let magnitude = if clamped < min_normal { subnormal } else { normal } as u8;
    let sign = (bits >> 24) as u8 & 0x80;
    if abs <= 0x7f80_0000 { signed::<F>(magnitude, sign) } else { nan::<F>() | sign }
}

/// The four 16-bit words that `cvt.rs` makes of one 32-bit word, in memory order.
///
/// Elements 0 and 2 use the halves, elements 1 and 3 the same halves with their
/// bits reversed.
#[inline(always)]
pub(crate) const fn words_x4(rbits: u32) -> [u16; 4] {
    let low = rbits as u16;
    let high = (rbits >> 16) as u16;
    [low, low.reverse_bits(), high, high.reverse_bits()]
}
