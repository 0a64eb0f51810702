//! E4M3 codes of magnitudes, without a branch, for loops the compiler turns
//! into vectors. The same bits as [`crate::E4m3`]; the tests compare them.
//!
//! A magnitude `y` in the binade of `2^e` (`e >= -6`; everything below `2^-6`
//! counts into that binade) is seen as `f = y 2^(3-e)`, `0 <= f < 16`: the
//! neighbouring codes are the integers around `f`, and the code itself is
//! `8 (e + 6) + integer`, carries into the next binade included.

/// Largest finite code, 448.
const MAX: u32 = 0x7e;

/// Exact value of a code.
#[inline(always)]
pub(super) fn decode(code: u8) -> f32 {
    let magnitude = u32::from(code & 0x7f);
    let normal = (magnitude << 20) + (120 << 23);
    let subnormal = (magnitude as i32 as f32 * 0.001_953_125).to_bits();
    let bits = if magnitude < 8 { subnormal } else { normal };
    let bits = if magnitude == 0x7f { 0x7fc0_0000 } else { bits };
    f32::from_bits(bits | u32::from(code & 0x80) << 24)
}

/// `8 (e + 6)` and `f` of a finite magnitude.
#[inline(always)]
fn in_units(y: f32) -> (u32, f32) {
    let exponent = (y.to_bits() >> 23).max(121);
    // 2^(3-e): a power of two, so the product is exact.
    let f = y * f32::from_bits((257 - exponent) << 23);
    ((exponent - 121) * 8, f)
}

/// `floor(f 2^16)` of a finite magnitude, from its bits.
#[inline(always)]
fn fixed16(y: f32) -> u32 {
    let bits = y.to_bits();
    let significand = bits & 0x7f_ffff | 0x80_0000;
    let below = 121_u32.saturating_sub(bits >> 23);
    // Beyond 27 nothing is left, and subnormals of f32 are beyond.
    significand >> (4 + below.min(27))
}

/// Nearest-even, saturating.
#[inline(always)]
pub(super) fn nearest(y: f32) -> u32 {
    let (base, f) = in_units(y);
    // 2^23 has no fraction bits: the addition rounds f to an integer.
    let k = (f + 8_388_608.0).to_bits() & 0xff;
    (base + k).min(MAX)
}

/// Stochastic, saturating: up if the first 16 bits below the last kept one,
/// taken as an integer, carry when `word` is added.
#[inline(always)]
pub(super) fn stochastic(y: f32, word: u16) -> u32 {
    let (base, _) = in_units(y);
    let k = (fixed16(y) + u32::from(word)) >> 16;
    (base + k).min(MAX)
}

/// Stochastic with an expectation that is right for `y * y`, saturating.
///
/// With `lo <= y < hi` neighbours: up if `(word + 1) w <= y*y - lo*lo`, where
/// `w = (hi*hi - lo*lo) 2^-16`, so of all 65,536 words `floor((y*y - lo*lo)/w)`
/// go up. In units of the last place this is `(word + 1)(2k + 1) <= 2^16 (f*f - k*k)`.
/// Only `f*f` rounds, and never below `k*k`, which has 8 bits and is
/// representable: the difference is not negative. It is exact, because both
/// terms are multiples of the last place of `f*f`. The left side has at most
/// 16 + 5 bits.
#[inline(always)]
pub(super) fn stochastic_of_square(y: f32, word: u16) -> u32 {
    let (base, f) = in_units(y);
    let k = fixed16(y) >> 16;
    let lo = k as i32 as f32;
    let gap = f * f - lo * lo;
    let threshold = (i32::from(word) + 1) as f32 * (2.0 * lo + 1.0);
    let up = u32::from(threshold <= 65_536.0 * gap);
    (base + k + up).min(MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::E4m3;

    /// Midpoints, codes and their neighbours, and a walk over all binades.
    fn magnitudes() -> Vec<f32> {
        let mut y = vec![0.0, f32::MIN_POSITIVE, 1e-45, 1e-30, 463.999, 464.0, 465.0, 1e30];
        for code in 0..=MAX as u8 {
            let lo = decode(code);
            let middle = (lo + decode((code + 1).min(MAX as u8))) / 2.0;
            for x in [lo, middle] {
                let near = (x.to_bits().saturating_sub(3))..(x.to_bits() + 4);
                y.extend(near.map(f32::from_bits));
            }
        }
        y.extend((0..137_u32 << 23).step_by(1_234_567).map(f32::from_bits));
        y
    }

    #[test]
    fn decoding_is_that_of_the_format() {
        for code in 0..=255 {
            let (ours, theirs) = (decode(code), E4m3::from_bits(code).to_f32());
            assert!(ours.to_bits() == theirs.to_bits() || ours.is_nan() && theirs.is_nan());
        }
    }

    #[test]
    fn rounding_is_that_of_the_format() {
        for y in magnitudes() {
            assert_eq!(nearest(y), u32::from(E4m3::from_f32(y).to_bits()), "{y:e}");
            for word in [0, 1, 0x7fff, 0x8000, 0xfffe, 0xffff, 0x1234] {
                let expected = E4m3::from_f32_stochastic(y, word).to_bits();
                assert_eq!(stochastic(y, word), u32::from(expected), "{y:e} {word:#x}");
            }
        }
    }

    #[test]
    fn every_word_counts_once_towards_the_square() {
        // At 2^-10 the share is exactly a quarter.
        let values = [
            3e-30,
            0.000_976_562_5,
            1.7e-3,
            1.953_125e-3,
            2.5e-3,
            0.0117,
            0.015_62,
            0.015_63,
            0.3,
            1.0,
            1.06,
            14.999,
            15.5,
            300.0,
            447.99,
        ];
        for y in values {
            let f = |code| f64::from(decode(code as u8));
            let lo = (0..=MAX).rev().find(|&c| f(c) <= f64::from(y)).unwrap();
            let (lo2, hi2) = (f(lo) * f(lo), f(lo + 1) * f(lo + 1));
            let codes = (0..=u16::MAX).map(|word| stochastic_of_square(y, word));
            let ups = codes.map(|code| i64::from(code) - i64::from(lo)).inspect(|up| {
                assert!((0..=1).contains(up), "{y:e} leaves its neighbours");
            });
            let share = (f64::from(y * y) - lo2) / (hi2 - lo2);
            assert_eq!(ups.sum::<i64>(), (share * 65_536.0).floor() as i64, "{y:e}");
        }
    }

    #[test]
    fn the_ends_stay_for_every_word() {
        for word in 0..=u16::MAX {
            for code in 0..=MAX {
                assert_eq!(stochastic_of_square(decode(code as u8), word), code);
                assert_eq!(stochastic(decode(code as u8), word), code);
            }
            assert_eq!(stochastic_of_square(448.000_1, word), MAX);
        }
    }
}
