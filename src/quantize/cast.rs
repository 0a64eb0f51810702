//! The casts of one run of neighbours.

use quarter_numerics::slice::{self, CastStats};

use super::Rounding;
use crate::random::{Source, Stream};
use crate::{Element, Fp8};

/// Where a run of elements lies in the source: element `i` has the flat index
/// `first + i * stride`.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub(super) first: u64,
    pub(super) stride: u64,
}

/// Casts `src * scale` into `dst`, which is as long.
pub(super) fn run<F: Fp8, T: Element>(
    src: &[T],
    scale: f32,
    rounding: Rounding,
    place: Place,
    dst: &mut [u8],
) -> CastStats {
    let dst = slice::from_bytes_mut::<F>(dst);
    match rounding {
        // Lengths agree by construction, here and below.
        Rounding::Nearest => slice::cast_scaled(src, scale, dst).unwrap_or_default(),
        Rounding::Stochastic(source) if place.stride == 1 => {
            stochastic(src, scale, source, place.first, dst)
        }
        Rounding::Stochastic(source) => {
            let mut stats = CastStats::default();
            for (i, (x, code)) in src.chunks(1).zip(dst.chunks_mut(1)).enumerate() {
                let index = place.first + i as u64 * place.stride;
                stats.merge(stochastic(x, scale, source, index, code));
            }
            stats
        }
    }
}

/// Neighbours from index `first` on. Four share a word; zeros stand for those
/// before the first, and count for nothing.
fn stochastic<F: Fp8, T: Element>(
    src: &[T],
    scale: f32,
    source: Source,
    first: u64,
    dst: &mut [F],
) -> CastStats {
    let lead = (first % 4) as usize;
    let mut padded = vec![T::default(); lead];
    padded.extend_from_slice(src);
    let mut codes = vec![F::ZERO; padded.len()];
    let (mut group, mut words) = (u64::MAX, [0; 4]);
    let word = |quad: usize| {
        let quad = first / 4 + quad as u64;
        if group != quad / 4 {
            group = quad / 4;
            words = source.words(Stream::Cast, group);
        }
        words[(quad % 4) as usize]
    };
    let stats = slice::cast_stochastic_with(&padded, scale, word, &mut codes).unwrap_or_default();
    dst.copy_from_slice(&codes[lead..]);
    stats
}
