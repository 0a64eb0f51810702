//! Where every random word comes from: one table, one generator.
//!
//! Philox4x32-10 (Salmon et al., SC'11) is a keyed function of a counter, so a
//! word depends on what it is for and on nothing else: not on pitch, tile,
//! shard, thread or launch order.
//!
//! | word | content |
//! |---|---|
//! | key 0, 1 | seed, low and high half |
//! | counter 0 | group, low 32 bits |
//! | counter 1 | group, high 16 bits, in bits 0..16; [`Stream`] in bits 16..32 |
//! | counter 2 | tensor |
//! | counter 3 | step; 0 for `Weight` |
//!
//! | [`Stream`] | group | use of the 128 bits |
//! |---|---|---|
//! | `Weight` | index / 8 | u16 `index % 8`: stochastic bf16 rounding of a weight |
//! | `SecondMoment` | index / 8 | u16 `index % 8`: stochastic rounding of v |
//! | `FirstMoment` | index / 8 | u16 `index % 8`: stochastic rounding of m |
//! | `Cast` | index / 16 | u32 `index / 4 % 4` for four neighbours, as `cvt.rs` spends it |
//! | `Data` | draw / 4 | u32 `draw % 4`: the trainer's own draws (batches, initialisation) |
//!
//! # Words of weights
//! A weight is rounded again at every step, and independent words would add its
//! rounding errors up to a random walk. So a weight draws one word for the run, and
//! at each step `step * 40503` is added to it (mod 2^16; 40503 is 2^16 / 1.618...).
//! Each word alone is still uniform, so each rounding is unbiased; the words of one
//! weight are a Weyl sequence, spread evenly over any stretch of steps, so its
//! errors cancel: of `n` roundings with fraction `f`, `n f` go up within a few,
//! where independent words miss it by `sqrt(n f (1 - f))`. Moments forget their
//! errors by themselves and draw anew.
//!
//! `index` is the flat row-major index in the unsharded, unpadded tensor. u16
//! number j of a group is half `j % 2` (low half first) of 32-bit word `j / 2`.
//!
//! A group has 48 bits, so words repeat after 2^48 groups: 2^51 elements of a
//! moment or a weight, 2^52 of a cast, 2^50 draws.

/// What a random word is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u16)]
pub enum Stream {
    /// Stochastic rounding of weights to bf16.
    Weight = 0,
    /// Stochastic rounding of the second moment.
    SecondMoment = 1,
    /// Stochastic rounding of the first moment.
    FirstMoment = 2,
    /// Stochastic rounding of an FP8 cast.
    Cast = 3,
    /// Draws of the trainer: initialisation, order of the data.
    Data = 4,
}

/// A seed and the names under which words are drawn from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Source {
    /// The run's seed.
    pub seed: u64,
    /// Number of the tensor in the run.
    pub tensor: u32,
    /// Step of the run.
    pub step: u32,
}

impl Source {
    /// The 128 bits of one group, as four words. Bits of the group above the 48th
    /// are not looked at.
    #[inline(always)]
    pub fn words(&self, stream: Stream, group: u64) -> [u32; 4] {
        let (step, turn) = match stream {
            Stream::Weight => (0, turn(self.step)),
            _ => (self.step, 0),
        };
        let counter = [
            group as u32,
            (group >> 32) as u32 & 0xffff | (stream as u32) << 16,
            self.tensor,
            step,
        ];
        let words = philox4x32_10(counter, [self.seed as u32, (self.seed >> 32) as u32]);
        words.map(|w| add_to_halves(w, turn))
    }

    /// The 128 bits of one group, as eight half-words, low half first. As
    /// [`words`](Self::words), by `group % 2^48`.
    #[inline]
    pub fn halves(&self, stream: Stream, group: u64) -> [u16; 8] {
        let w = self.words(stream, group);
        core::array::from_fn(|j| (w[j / 2] >> (16 * (j % 2))) as u16)
    }
}

/// How far the words of weights are turned at a step.
const fn turn(step: u32) -> u16 {
    (step as u16).wrapping_mul(40503)
}

/// Adds to both halves of a word, without a carry between them.
#[inline(always)]
const fn add_to_halves(word: u32, turn: u16) -> u32 {
    let low = (word as u16).wrapping_add(turn);
    let high = ((word >> 16) as u16).wrapping_add(turn);
    (high as u32) << 16 | low as u32
}

/// Philox4x32 with ten rounds.
#[inline(always)]
pub const fn philox4x32_10(counter: [u32; 4], key: [u32; 2]) -> [u32; 4] {
    let [mut c0, mut c1, mut c2, mut c3] = counter;
    let [mut k0, mut k1] = key;
    let mut round = 0;
    while round < 10 {
        let p0 = 0xd251_1f53_u64 * c0 as u64;
        let p1 = 0xcd9e_8d57_u64 * c2 as u64;
        (c0, c1, c2, c3) =
            ((p1 >> 32) as u32 ^ c1 ^ k0, p1 as u32, (p0 >> 32) as u32 ^ c3 ^ k1, p0 as u32);
        k0 = k0.wrapping_add(0x9e37_79b9);
        k1 = k1.wrapping_add(0xbb67_ae85);
        round += 1;
    }
    [c0, c1, c2, c3]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Known answers of the Random123 distribution.
    #[test]
    fn philox_known_answers() {
        assert_eq!(
            philox4x32_10([0; 4], [0; 2]),
            [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]
        );
        assert_eq!(
            philox4x32_10([u32::MAX; 4], [u32::MAX; 2]),
            [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]
        );
        assert_eq!(
            philox4x32_10(
                [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344],
                [0xa409_3822, 0x299f_31d0]
            ),
            [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1]
        );
    }

    #[test]
    fn the_words_follow_the_table() {
        let s = Source { seed: 0x0123_4567_89ab_cdef, tensor: 7, step: 11 };
        let group = 0x0000_9abc_1234_5678;
        let w = s.words(Stream::Cast, group);
        assert_eq!(w, philox4x32_10([0x1234_5678, 0x0003_9abc, 7, 11], [0x89ab_cdef, 0x0123_4567]));
        // A weight: no step in the counter, the step's turn in each half.
        let u = philox4x32_10([0x1234_5678, 0x0000_9abc, 7, 0], [0x89ab_cdef, 0x0123_4567]);
        let turned = s.halves(Stream::Weight, group);
        assert_eq!(turned[0], (u[0] as u16).wrapping_add((11 * 40503_u32) as u16));
        assert_eq!(turned[5], ((u[2] >> 16) as u16).wrapping_add((11 * 40503_u32) as u16));
        let h = s.halves(Stream::Cast, group);
        assert_eq!((h[0], h[1]), (w[0] as u16, (w[0] >> 16) as u16));
        assert_eq!((h[6], h[7]), (w[3] as u16, (w[3] >> 16) as u16));
        assert_eq!(s.words(Stream::Cast, group | 0xffff << 48), w);
    }

    /// Words of one weight over the steps: even over every stretch, where those of a moment
    /// are as uneven as chance.
    #[test]
    fn a_weights_words_are_spread_evenly_over_the_steps() {
        let worst = |stream, fraction: f64| {
            let limit = (fraction * 65536.0) as u16;
            let mut worst = 0f64;
            for group in 0..50 {
                let mut up = [0u32; 8];
                for step in 1..=1000 {
                    let words = Source { seed: 5, tensor: 1, step }.halves(stream, group);
                    for (up, word) in up.iter_mut().zip(words) {
                        *up += u32::from(word < limit);
                        let expected = f64::from(step) * f64::from(limit) / 65536.0;
                        worst = worst.max((f64::from(*up) - expected).abs());
                    }
                }
            }
            worst
        };
        for fraction in [0.5, 0.382, 0.1, 0.01] {
            let worst = worst(Stream::Weight, fraction);
            assert!(worst < 6.0, "{fraction}: {worst}");
        }
        assert!(worst(Stream::SecondMoment, 0.382) > 30.0);
    }
}
