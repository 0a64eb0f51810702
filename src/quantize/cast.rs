//! The casts of one run of neighbours.

use quarter_numerics::slice::{self, CastStats};

use super::Rounding;
use crate::random::{Source, Stream};
use crate::{E4m3, E5m2, Element, Format, Fp8};

/// How the neighbours of one run are rounded.
#[derive(Clone, Copy)]
pub(super) enum Draw {
    Nearest,
    /// With the words from this index on.
    Stochastic(Source, u64),
}

impl Rounding {
    /// For the run from element (r, c) of a matrix of so many columns.
    pub(super) fn at(&self, r: usize, c: usize, cols: usize) -> Draw {
        match self {
            Self::Nearest => Draw::Nearest,
            Self::Stochastic(words) => Draw::Stochastic(words.source, words.index(r, c, cols)),
        }
    }
}

/// A cast of neighbours with one scale.
#[derive(Clone, Copy)]
pub(super) struct Run {
    pub(super) format: Format,
    pub(super) scale: f32,
    pub(super) rounding: Draw,
}

impl Run {
    /// Casts `src * scale` into `dst`, which is as long.
    pub(super) fn cast<T: Element>(self, src: &[T], dst: &mut [u8]) -> CastStats {
        match self.format {
            Format::E4m3 => self.cast_to::<E4m3, T>(src, slice::from_bytes_mut(dst)),
            Format::E5m2 => self.cast_to::<E5m2, T>(src, slice::from_bytes_mut(dst)),
        }
    }

    fn cast_to<F: Fp8, T: Element>(self, src: &[T], dst: &mut [F]) -> CastStats {
        match self.rounding {
            // Lengths agree by construction, here and below.
            Draw::Nearest => slice::cast_scaled(src, self.scale, dst).unwrap_or_default(),
            Draw::Stochastic(source, first) => stochastic(src, self.scale, source, first, dst),
        }
    }
}

/// Neighbours from index `first` on. Four share a word.
fn stochastic<F: Fp8, T: Element>(
    src: &[T],
    scale: f32,
    source: Source,
    first: u64,
    dst: &mut [F],
) -> CastStats {
    let (mut group, mut words) = (u64::MAX, [0; 4]);
    let mut word = |quad: u64| {
        if group != quad / 4 {
            group = quad / 4;
            words = source.words(Stream::Cast, group);
        }
        words[(quad % 4) as usize]
    };
    // A first quad that begins before the run: zeros stand for what is not in it, and
    // count for nothing.
    let lead = (first % 4) as usize;
    let short = if lead == 0 { 0 } else { src.len().min(4 - lead) };
    let ((head, rest), (head_codes, rest_codes)) = (src.split_at(short), dst.split_at_mut(short));
    let (mut quad, mut codes) = ([T::default(); 4], [F::ZERO; 4]);
    quad[lead..][..short].copy_from_slice(head);
    let mut stats = CastStats::default();
    if short > 0 {
        let first_word = [word(first / 4)];
        stats = slice::cast_stochastic(&quad, scale, &first_word, &mut codes).unwrap_or_default();
        head_codes.copy_from_slice(&codes[lead..][..short]);
    }
    let next = first.div_ceil(4);
    let rest = slice::cast_stochastic_with(rest, scale, |i| word(next + i as u64), rest_codes);
    stats.merge(rest.unwrap_or_default());
    stats
}
