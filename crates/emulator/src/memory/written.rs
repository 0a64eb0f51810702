//! Which bytes have been written.

/// One bit a byte.
#[derive(Clone, Debug, Default)]
pub(crate) struct Written(Vec<u64>);

impl Written {
    pub(crate) fn none(bytes: usize) -> Self {
        Self(vec![0; bytes.div_ceil(64)])
    }

    /// Bits of an access of at most 16 bytes that does not cross a multiple of 64.
    #[inline(always)]
    fn mask(at: usize, bytes: usize) -> u64 {
        ((1 << bytes) - 1) << (at % 64)
    }

    /// Marks an aligned access of at most 16 bytes, inside.
    #[inline(always)]
    pub(crate) fn mark(&mut self, at: usize, bytes: usize) {
        if let Some(word) = self.0.get_mut(at / 64) {
            *word |= Self::mask(at, bytes);
        }
    }

    /// Marks any range inside.
    pub(crate) fn mark_range(&mut self, at: usize, bytes: usize) {
        let end = at + bytes;
        let mut at = at;
        while at < end {
            if at.is_multiple_of(64) && end - at >= 64 {
                self.0[at / 64] = u64::MAX;
                at += 64;
            } else {
                self.mark(at, 1);
                at += 1;
            }
        }
    }

    /// Whether an aligned access of at most 16 bytes has been written, all of it.
    #[inline(always)]
    pub(crate) fn has(&self, at: usize, bytes: usize) -> bool {
        let mask = Self::mask(at, bytes);
        self.0.get(at / 64).is_some_and(|word| word & mask == mask)
    }

    /// The first byte of a range that has not been written.
    pub(crate) fn first_missing(&self, at: usize, bytes: usize) -> Option<usize> {
        (at..at + bytes).find(|&i| !self.has(i, 1))
    }
}
