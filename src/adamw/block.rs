//! One block of 128 elements: the contract of [the module](super) as code.
//!
//! Every loop runs over 128 lanes whatever the length of the block, so that
//! the compiler makes vectors of it. Lanes past the end hold zeros, which
//! change neither a maximum nor a count, and are not stored.

use super::code;
use super::state::State;
use super::tensors::{join, split};
use super::words::Words;
use super::{BLOCK, Gradient, Options, Rounding, SecondForm, StepConstants, Telemetry, Weights};
use crate::random::{Source, Stream};
use core::ops::Range;
use half::bf16;

/// 128 values.
pub(super) type Lanes = [f32; BLOCK];

const INFINITY_BITS: u32 = 0x7f80_0000;

/// Updates the block at `range` of the slices, whose first element has index
/// `first` in the unsharded tensor.
#[inline(always)]
pub(super) fn step(
    weights: &mut Weights<'_>,
    gradient: Gradient<'_>,
    state: &mut State<'_>,
    (range, first): (Range<usize>, u64),
    k: &StepConstants,
    options: &Options,
    source: Source,
) -> Telemetry {
    let g = load_gradient(gradient, range.clone(), k.gradient_scale);
    let (mut m, mut v) = state.load(range.clone());
    let r = advance(&mut m, &mut v, &g, k);
    let amax_m = max_bits(&m.map(f32::abs));
    let amax_v = max_bits(state.stored_second(&v, &r));
    if amax_m >= INFINITY_BITS || amax_v >= INFINITY_BITS {
        return Telemetry { non_finite: 1, ..Telemetry::default() };
    }
    let mut p = load_weights(weights, range.clone());
    descend(&mut p, &m, &r, k);
    let words = Words { source, first };
    store_weights(weights, range.clone(), &p, words);

    let elements = range.len() as u64;
    match state {
        State::Full { m: stored_m, v: stored_v } => {
            stored_m[range.clone()].copy_from_slice(&m[..range.len()]);
            stored_v[range.clone()].copy_from_slice(&v[..range.len()]);
            Telemetry { elements, ..Telemetry::default() }
        }
        State::Fp8 { form, m: codes_m, v: codes_v, m_scales, v_scales } => {
            let s_m = scale(f32::from_bits(amax_m));
            let s_v = scale(f32::from_bits(amax_v));
            let (q, flushed, over_m) = encode_first(&m, s_m, words.only_for(options.first));
            codes_m[range.clone()].copy_from_slice(&q[..range.len()]);
            let x = if *form == SecondForm::Sqrt { &r } else { &v };
            let (q, floored, over_v) = encode_second(x, s_v, *form, words.only_for(options.second));
            codes_v[range.clone()].copy_from_slice(&q[..range.len()]);
            m_scales[range.start / BLOCK] = s_m;
            v_scales[range.start / BLOCK] = s_v;
            let saturated = u64::from(over_m + over_v);
            let (floored, flushed) = (u64::from(floored), u64::from(flushed));
            Telemetry { elements, floored, flushed, saturated, non_finite: 0 }
        }
    }
}

/// `g = f32(grad) * gradient_scale`
#[inline(always)]
pub(super) fn load_gradient(gradient: Gradient<'_>, range: Range<usize>, scale: f32) -> Lanes {
    let mut g = match gradient {
        Gradient::F32(g) => padded(&g[range], 0.0),
        Gradient::Bf16(g) => widen(&padded(&g[range], bf16::ZERO)),
    };
    for g in &mut g {
        *g *= scale;
    }
    g
}

/// The moments with this step's gradient in them; returns the root of the second.
#[inline(always)]
pub(super) fn advance(m: &mut Lanes, v: &mut Lanes, g: &Lanes, k: &StepConstants) -> Lanes {
    let mut r = [0.0; BLOCK];
    for i in 0..BLOCK {
        m[i] = k.beta1.mul_add(m[i], k.one_minus_beta1 * g[i]);
        v[i] = k.beta2.mul_add(v[i], (k.one_minus_beta2 * g[i]) * g[i]);
        r[i] = v[i].sqrt();
    }
    r
}

/// The weights after decay and update, from unquantised moments.
#[inline(always)]
pub(super) fn descend(p: &mut Lanes, m: &Lanes, r: &Lanes, k: &StepConstants) {
    for i in 0..BLOCK {
        let u = m[i] / (r[i] + k.eps);
        p[i] = (-k.alpha).mul_add(u, k.decay * p[i]);
    }
}

/// Integer maximum of the bits: for non-negative values their maximum, except
/// that a NaN wins, and so does a negative value, which only a damaged second
/// moment can have.
#[inline(always)]
pub(super) fn max_bits(x: &Lanes) -> u32 {
    x.iter().fold(0, |a, x| a.max(x.to_bits()))
}

/// The scale of a block with this finite maximum: never 0 and never subnormal,
/// so that its reciprocal is finite and normal.
#[inline(always)]
pub(super) fn scale(amax: f32) -> f32 {
    (amax / 448.0).max(f32::MIN_POSITIVE)
}

/// Codes of the first moment, to nearest without words; the count of nonzero
/// values with code 0; the count of values too large to round to 448.
#[inline(always)]
pub(super) fn encode_first(m: &Lanes, scale: f32, words: Option<Words>) -> ([u8; BLOCK], u32, u32) {
    let inverse = 1.0 / scale;
    let y = m.map(|m| m.abs() * inverse);
    let magnitude = match words {
        None => y.map(code::nearest),
        Some(words) => with_words(&y, &words.draw(Stream::FirstMoment), code::stochastic),
    };
    let mut codes = [0; BLOCK];
    let (mut flushed, mut over) = (0, 0);
    for i in 0..BLOCK {
        codes[i] = (magnitude[i] | m[i].to_bits() >> 24 & 0x80) as u8;
        flushed += u32::from(magnitude[i] == 0 && m[i] != 0.0);
        over += u32::from(y[i] >= 464.0);
    }
    (codes, flushed, over)
}

/// Codes of `x`, the second moment or its root, to nearest without words; the
/// count of those lifted from code 0 to code 1; the count of values too large
/// to round to 448.
#[inline(always)]
pub(super) fn encode_second(
    x: &Lanes,
    scale: f32,
    form: SecondForm,
    words: Option<Words>,
) -> ([u8; BLOCK], u32, u32) {
    let inverse = 1.0 / scale;
    let y = x.map(|x| x * inverse);
    let rounded = match words {
        None => y.map(code::nearest),
        Some(words) => {
            let words = words.draw(Stream::SecondMoment);
            match form {
                SecondForm::Linear => with_words(&y, &words, code::stochastic),
                SecondForm::Sqrt => with_words(&y, &words, code::stochastic_of_square),
            }
        }
    };
    let mut codes = [0; BLOCK];
    let (mut floored, mut over) = (0, 0);
    for i in 0..BLOCK {
        let lift = u32::from(rounded[i] == 0 && x[i] > 0.0);
        codes[i] = (rounded[i] + lift) as u8;
        floored += lift;
        over += u32::from(y[i] >= 464.0);
    }
    (codes, floored, over)
}

#[inline(always)]
pub(super) fn load_weights(weights: &Weights<'_>, range: Range<usize>) -> Lanes {
    match weights {
        Weights::F32(w) => padded(&w[range], 0.0),
        Weights::Master { master, .. } => padded(&master[range], 0.0),
        Weights::Bf16 { weights, .. } => widen(&padded(&weights[range], bf16::ZERO)),
        Weights::Split { weights, rest } => {
            let (weights, rest) =
                (padded(&weights[range.clone()], bf16::ZERO), padded(&rest[range], 0));
            core::array::from_fn(|i| join(weights[i], rest[i]))
        }
    }
}

#[inline(always)]
fn store_weights(weights: &mut Weights<'_>, range: Range<usize>, p: &Lanes, words: Words) {
    let n = range.len();
    match weights {
        Weights::F32(w) => w[range].copy_from_slice(&p[..n]),
        Weights::Master { master, weights } => {
            master[range.clone()].copy_from_slice(&p[..n]);
            weights[range].copy_from_slice(&p.map(bf16_nearest)[..n]);
        }
        Weights::Split { weights, rest } => {
            let parts = p.map(split);
            weights[range.clone()].copy_from_slice(&parts.map(|(weight, _)| weight)[..n]);
            rest[range].copy_from_slice(&parts.map(|(_, rest)| rest)[..n]);
        }
        Weights::Bf16 { weights, rounding: Rounding::Nearest } => {
            weights[range].copy_from_slice(&p.map(bf16_nearest)[..n]);
        }
        Weights::Bf16 { weights, rounding: Rounding::Stochastic } => {
            let rounded = with_words(p, &words.draw(Stream::Weight), bf16_stochastic);
            weights[range].copy_from_slice(&rounded[..n]);
        }
    }
}

/// Nearest-even; a NaN stays one, quiet.
#[inline(always)]
pub(super) fn bf16_nearest(x: f32) -> bf16 {
    let bits = x.to_bits();
    let rounded = bits.wrapping_add(0x7fff + (bits >> 16 & 1));
    let kept = if x.is_nan() { bits | 0x40_0000 } else { rounded };
    bf16::from_bits((kept >> 16) as u16)
}

/// `word` is added below the kept bits and carries. A finite value stays
/// finite; infinities and NaN stay what they are, a NaN quiet.
#[inline(always)]
fn bf16_stochastic(x: f32, word: u16) -> bf16 {
    let bits = x.to_bits();
    let sign = bits & 0x8000_0000;
    let magnitude = bits & 0x7fff_ffff;
    let finite = (magnitude + u32::from(word)).min(INFINITY_BITS - 1);
    let special = if x.is_nan() { magnitude | 0x40_0000 } else { magnitude };
    let kept = if magnitude < INFINITY_BITS { finite } else { special };
    bf16::from_bits(((sign | kept) >> 16) as u16)
}

/// Each value with its word.
#[inline(always)]
fn with_words<T: Copy + Default>(
    x: &Lanes,
    words: &[u16; BLOCK],
    round: impl Fn(f32, u16) -> T,
) -> [T; BLOCK] {
    let mut rounded = [T::default(); BLOCK];
    for i in 0..BLOCK {
        rounded[i] = round(x[i], words[i]);
    }
    rounded
}

#[inline(always)]
fn widen(x: &[bf16; BLOCK]) -> Lanes {
    x.map(|x| f32::from_bits(u32::from(x.to_bits()) << 16))
}

#[inline(always)]
pub(super) fn padded<T: Copy>(x: &[T], zero: T) -> [T; BLOCK] {
    let mut lanes = [zero; BLOCK];
    lanes[..x.len()].copy_from_slice(x);
    lanes
}

#[cfg(test)]
mod tests {
    use super::*;

    /// No step reaches these counts: its scales come from the maxima.
    #[test]
    fn a_scale_too_small_is_counted() {
        let mut x = [0.0; BLOCK];
        for i in 0..BLOCK {
            x[i] = [463.9, 464.0, 448.0, 1e30][i % 4];
        }
        let words = Words { source: Source { seed: 1, tensor: 2, step: 3 }, first: 0 };
        for words in [None, Some(words)] {
            let negative = x.map(|x: f32| -x);
            assert_eq!(encode_first(&negative, 1.0, words), ([0xfe; BLOCK], 0, 64));
            assert_eq!(encode_first(&x.map(|x| x / 2.0), 1.0, words).2, 32);
            for form in [SecondForm::Sqrt, SecondForm::Linear] {
                assert_eq!(encode_second(&x, 1.0, form, words), ([0x7e; BLOCK], 0, 64));
                assert_eq!(encode_second(&x, 2.0, form, words).2, 32);
            }
        }
    }
}
