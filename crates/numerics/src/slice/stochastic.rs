//! Stochastic rounding of slices.

use super::dispatch::multiversion;
use super::stats::{CastStats, Counters};
use super::{LengthMismatch, Wide, same_length};
use crate::{Float8, round, widen as exact};

/// Quads of elements between two draws: the words wait on the stack.
const QUADS: usize = 128;

/// Multiplies by `scale` and rounds stochastically, four elements a random word.
///
/// # Rounding
/// `y = x * scale` in f32 to nearest even, then
/// [`from_f32x4_stochastic`](crate::E4m3::from_f32x4_stochastic) of elements
/// `4 i .. 4 i + 4` with `words[i]`; a last group of fewer than four uses the first
/// elements' share of its word. A NaN product is positive, as on the GPU.
/// `saturated` counts what lies beyond `MAX`, `flushed` what these words sent to 0.
///
/// # Errors
/// If the slices differ in length or there are fewer than `src.len().div_ceil(4)`
/// words; then nothing is written. Further words are not used.
///
/// ```
/// use quarter_numerics::{E5m2, slice};
/// let mut codes = [E5m2::ZERO; 3];
/// slice::cast_stochastic(&[1.125f32; 3], 1.0, &[0x0001_8000], &mut codes)?;
/// assert_eq!(codes.map(E5m2::to_f32), [1.25, 1.0, 1.0]);
/// # Ok::<(), slice::LengthMismatch>(())
/// ```
pub fn cast_stochastic<T: Wide, F: Float8>(
    src: &[T],
    scale: f32,
    words: &[u32],
    dst: &mut [F],
) -> Result<CastStats, LengthMismatch> {
    same_length(src, dst)?;
    let expected = src.len().div_ceil(4);
    if words.len() < expected {
        return Err(LengthMismatch { what: "random words", expected, found: words.len() });
    }
    let mut stats = CastStats::default();
    let quads = words.chunks(QUADS);
    for ((src, dst), words) in src.chunks(4 * QUADS).zip(dst.chunks_mut(4 * QUADS)).zip(quads) {
        stats.merge(block(src, scale, words, dst).into());
    }
    Ok(stats)
}

/// [`cast_stochastic`] with the words from a function of the group's index.
///
/// `word(i)` is called once for each group `4 i .. 4 i + 4` that exists, in order.
///
/// # Errors
/// If the lengths differ; then nothing is written.
pub fn cast_stochastic_with<T: Wide, F: Float8>(
    src: &[T],
    scale: f32,
    mut word: impl FnMut(usize) -> u32,
    dst: &mut [F],
) -> Result<CastStats, LengthMismatch> {
    same_length(src, dst)?;
    let mut stats = CastStats::default();
    let mut words = [0; QUADS];
    let blocks = src.chunks(4 * QUADS).zip(dst.chunks_mut(4 * QUADS));
    for (index, (src, dst)) in blocks.enumerate() {
        let quads = src.len().div_ceil(4);
        for (i, slot) in words.iter_mut().take(quads).enumerate() {
            *slot = word(index * QUADS + i);
        }
        stats.merge(block(src, scale, &words, dst).into());
    }
    Ok(stats)
}

multiversion! {
    fn block<T: Wide, F: Float8>(src: &[T], scale: f32, words: &[u32], dst: &mut [F]) -> Counters {
        // Spread first: the main loop then has one word an element and no groups.
        let mut spread = [0; 4 * QUADS];
        for (quad, &word) in spread.chunks_exact_mut(4).zip(words) {
            quad.copy_from_slice(&round::words_x4(word));
        }
        let limit = exact::f32_bits::<F>(F::MAX.to_bits()) + 1;
        let mut counters = Counters::default();
        for ((&x, code), &word) in src.iter().zip(dst).zip(&spread) {
            let x = x.to_f32();
            let y = x * scale;
            // Processors disagree on the sign of a NaN product; on NVIDIA's it is positive.
            let y = if y.is_nan() { f32::from_bits(exact::CANONICAL_NAN) } else { y };
            let bits = round::stochastic_f32::<F>(y, word);
            counters.count(x, y, limit, bits);
            *code = F::from_bits(bits);
        }
        counters
    }
}
