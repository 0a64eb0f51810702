//! In which order things happen that the hardware leaves open.

/// The order of blocks, warps, diverged lanes and atomics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Schedule {
    /// Blocks and warps one after another; of diverged lanes those behind go first.
    #[default]
    InOrder,
    /// Everything at random, by this seed: the same seed gives the same run.
    Random(u64),
}

/// When bulk copies and matrix products are done that a kernel has started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Completion {
    /// At once.
    #[default]
    Early,
    /// When nothing else can go on.
    Late,
    /// At any time, copies in parts and in any order, by the seed of [`Schedule::Random`]; without
    /// one as [`Late`](Self::Late).
    Random,
}

/// SplitMix64.
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    /// Below `n`, which is not 0.
    pub(crate) fn below(&mut self, n: usize) -> usize {
        ((u128::from(self.next()) * n as u128) >> 64) as usize
    }

    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            items.swap(i, self.below(i + 1));
        }
    }
}
