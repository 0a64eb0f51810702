//! The random words of one block: 16 Philox counters side by side, so that the
//! compiler makes vectors of them. The words are those of
//! [`Source::halves`]; the test compares them.

use super::{BLOCK, Rounding};
use crate::random::{Source, Stream};

/// Groups of eight words in a block.
const GROUPS: usize = BLOCK / 8;

/// Where a block draws its words.
#[derive(Clone, Copy)]
pub(super) struct Words {
    pub(super) source: Source,
    /// Index of the block's first element, a multiple of 128.
    pub(super) first: u64,
}

impl Words {
    /// Words for a rounding that needs them.
    #[inline(always)]
    pub(super) fn only_for(self, rounding: Rounding) -> Option<Self> {
        (rounding == Rounding::Stochastic).then_some(self)
    }

    /// One u16 for each element. A method and no closure: a closure would not
    /// be compiled for the vectors of its caller.
    #[inline(always)]
    pub(super) fn draw(self, stream: Stream) -> [u16; BLOCK] {
        draw(self.source, stream, self.first / 8)
    }
}

#[inline(always)]
fn draw(source: Source, stream: Stream, group: u64) -> [u16; BLOCK] {
    let second = (group >> 32) as u32 & 0xffff | (stream as u32) << 16;
    let (k0, k1) = (source.seed as u32, (source.seed >> 32) as u32);
    let mut words = [[0; GROUPS]; 4];
    for lane in 0..GROUPS {
        // The first group is a multiple of 16: only the lowest word counts up.
        let mut c = [group as u32 + lane as u32, second, source.tensor, source.step];
        for round in 0..10_u32 {
            let p0 = 0xd251_1f53_u64 * u64::from(c[0]);
            let p1 = 0xcd9e_8d57_u64 * u64::from(c[2]);
            let k0 = k0.wrapping_add(0x9e37_79b9_u32.wrapping_mul(round));
            let k1 = k1.wrapping_add(0xbb67_ae85_u32.wrapping_mul(round));
            c = [
                (p1 >> 32) as u32 ^ c[1] ^ k0,
                p1 as u32,
                (p0 >> 32) as u32 ^ c[3] ^ k1,
                p0 as u32,
            ];
        }
        for (words, word) in words.iter_mut().zip(c) {
            words[lane] = word;
        }
    }
    let mut halves = [0; BLOCK];
    for lane in 0..GROUPS {
        for word in 0..4 {
            halves[8 * lane + 2 * word] = words[word][lane] as u16;
            halves[8 * lane + 2 * word + 1] = (words[word][lane] >> 16) as u16;
        }
    }
    halves
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_are_those_of_the_table() {
        let source = Source { seed: 0xfedc_ba98_7654_3210, tensor: 0xffff_fff0, step: 77 };
        for first in [0, 128, 0xffff_ff80, 0x7_ffff_ff80, 0x8_0000_0000, (1 << 51) - 128] {
            for stream in [Stream::Weight, Stream::FirstMoment, Stream::SecondMoment] {
                let words = Words { source, first }.draw(stream);
                for (group, eight) in words.chunks(8).enumerate() {
                    assert_eq!(eight, source.halves(stream, first / 8 + group as u64));
                }
            }
        }
    }
}
