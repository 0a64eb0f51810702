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
    let mut words = [[0; GROUPS]; 4];
    for lane in 0..GROUPS {
        let group = source.words(stream, group + lane as u64);
        for (words, word) in words.iter_mut().zip(group) {
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
