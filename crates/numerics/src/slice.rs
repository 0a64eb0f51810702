//! Casts of whole slices, with scale, amax and counts in the same pass.
//!
//! Every function has the bits of its scalar counterpart. The loop bodies are
//! branch-free scalar code that the compiler vectorises; with the feature `std`
//! they are compiled for AVX-512, AVX2 and the baseline, and the best one the
//! processor has runs.
//!
//! ```
//! use quarter_numerics::{E4m3, slice};
//!
//! let x = [0.5f32, -3.0, 1000.0, 1e-9];
//! let mut codes = [E4m3::ZERO; 4];
//! let stats = slice::cast_scaled(&x, 2.0, &mut codes)?;
//! assert_eq!(codes.map(E4m3::to_f32), [1.0, -6.0, 448.0, 0.0]);
//! assert_eq!(f32::from_bits(stats.amax), 1000.0);
//! assert_eq!((stats.saturated, stats.flushed, stats.non_finite), (1, 1, 0));
//! # Ok::<(), slice::LengthMismatch>(())
//! ```

mod bytes;
mod dispatch;
mod stats;
mod stochastic;
mod wide;

use core::error::Error;
use core::fmt;

use crate::{Float8, round, widen as exact};
use dispatch::multiversion;
use stats::Counters;

pub use bytes::{as_bytes, as_bytes_mut, from_bytes, from_bytes_mut};
pub use stats::CastStats;
pub use stochastic::{cast_stochastic, cast_stochastic_with};
pub use wide::Wide;

/// Two slices whose lengths do not fit together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LengthMismatch {
    /// What the slice holds: `"destination"` or `"random words"`.
    pub what: &'static str,
    /// The length it must have; for random words, at least.
    pub expected: usize,
    /// The length it has.
    pub found: usize,
}

impl fmt::Display for LengthMismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, expected, found } = self;
        write!(f, "{what} of length {found}, but the source asks for {expected}")
    }
}

impl Error for LengthMismatch {}

fn same_length<S, D>(src: &[S], dst: &[D]) -> Result<(), LengthMismatch> {
    let (expected, found) = (src.len(), dst.len());
    if expected == found {
        Ok(())
    } else {
        Err(LengthMismatch { what: "destination", expected, found })
    }
}

/// Casts f32, f16 or bf16 to FP8: nearest even, saturating, NaN to 0x7F (FNUZ: 0x80).
///
/// The bits of [`E4m3::from_f32`](crate::E4m3::from_f32) and its siblings.
///
/// # Errors
/// If the lengths differ; then nothing is written.
pub fn cast<T: Wide, F: Float8>(src: &[T], dst: &mut [F]) -> Result<(), LengthMismatch> {
    same_length(src, dst)?;
    cast_body(src, dst);
    Ok(())
}

multiversion! {
    fn cast_body<T: Wide, F: Float8>(src: &[T], dst: &mut [F]) {
        for (&x, code) in src.iter().zip(dst) {
            *code = F::from_bits(round::nearest_f32::<F>(x.to_f32()));
        }
    }
}

/// Multiplies by `scale`, casts to FP8 and gathers [`CastStats`], in one pass.
///
/// # Rounding
/// Two roundings, in this order: `y = x * scale` in f32 to nearest even (f16 and
/// bf16 widen exactly first), then the saturating cast of `y`. A kernel that
/// multiplies in f32 and uses `cvt.rn.satfinite` has the same bits. `scale` is
/// the multiplier of the data, for amax scaling about `MAX / amax`.
///
/// # Errors
/// If the lengths differ; then nothing is written.
pub fn cast_scaled<T: Wide, F: Float8>(
    src: &[T],
    scale: f32,
    dst: &mut [F],
) -> Result<CastStats, LengthMismatch> {
    same_length(src, dst)?;
    let mut stats = CastStats::default();
    for (src, dst) in src.chunks(BLOCK).zip(dst.chunks_mut(BLOCK)) {
        stats.merge(cast_scaled_body(src, scale, dst).into());
    }
    Ok(stats)
}

/// Elements a loop body sees at once: its u32 counters cannot overflow.
const BLOCK: usize = 1 << 20;

multiversion! {
    fn cast_scaled_body<T: Wide, F: Float8>(src: &[T], scale: f32, dst: &mut [F]) -> Counters {
        let limit = round::overflow_f32_bits::<F>();
        let mut counters = Counters::default();
        for (&x, code) in src.iter().zip(dst) {
            let x = x.to_f32();
            let y = x * scale;
            let bits = round::nearest_f32::<F>(y);
            counters.count(x, y, limit, bits);
            *code = F::from_bits(bits);
        }
        counters
    }
}

/// Widens FP8 to f32, f16 or bf16, exactly; NaN becomes the type's `0x7FFF…`.
///
/// # Errors
/// If the lengths differ; then nothing is written.
pub fn widen<F: Float8, T: Wide>(src: &[F], dst: &mut [T]) -> Result<(), LengthMismatch> {
    same_length(src, dst)?;
    widen_body(src, dst);
    Ok(())
}

multiversion! {
    fn widen_body<F: Float8, T: Wide>(src: &[F], dst: &mut [T]) {
        for (&code, x) in src.iter().zip(dst) {
            *x = T::from_fp8(code);
        }
    }
}

/// Widens FP8 to f32 and multiplies by `scale`, rounding the product to nearest even.
///
/// `scale` is the multiplier of the codes: the inverse of the one that
/// [`cast_scaled`] took. A NaN product is `0x7FFF_FFFF`.
///
/// # Errors
/// If the lengths differ; then nothing is written.
pub fn widen_scaled<F: Float8>(
    src: &[F],
    scale: f32,
    dst: &mut [f32],
) -> Result<(), LengthMismatch> {
    same_length(src, dst)?;
    widen_scaled_body(src, scale, dst);
    Ok(())
}

multiversion! {
    fn widen_scaled_body<F: Float8>(src: &[F], scale: f32, dst: &mut [f32]) {
        for (&code, x) in src.iter().zip(dst) {
            let product = f32::from_bits(exact::f32_bits::<F>(code.to_bits())) * scale;
            // Processors disagree on the NaN of a product; this is NVIDIA's.
            *x = if product.is_nan() { f32::from_bits(exact::CANONICAL_NAN) } else { product };
        }
    }
}

/// The largest magnitude, as f32 bits: the maximum of `|x|` bits as integers.
///
/// That is the order of the magnitudes, with infinity above every number and NaN
/// above infinity: a NaN always wins. 0 for an empty slice.
///
/// ```
/// use quarter_numerics::slice::amax;
/// assert_eq!(f32::from_bits(amax(&[1.0f32, -2.5])), 2.5);
/// assert!(f32::from_bits(amax(&[f32::INFINITY, f32::NAN])).is_nan());
/// ```
#[must_use]
pub fn amax<T: Wide>(src: &[T]) -> u32 {
    amax_body(src)
}

multiversion! {
    fn amax_body<T: Wide>(src: &[T]) -> u32 {
        let mut largest = 0;
        for &x in src {
            largest = largest.max(x.to_f32().to_bits() & 0x7fff_ffff);
        }
        largest
    }
}
