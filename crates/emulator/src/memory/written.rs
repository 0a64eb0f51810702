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

    /// The words of a range, each with the bits of it that are in the range.
    fn words(at: usize, bytes: usize) -> impl Iterator<Item = (usize, u64)> {
        let end = at + bytes;
        (at / 64..end.div_ceil(64)).map(move |word| {
            let first = at.saturating_sub(64 * word).min(64);
            let last = (end - 64 * word).min(64);
            (word, u64::MAX >> (64 - last + first) << first)
        })
    }

    /// Marks any range inside.
    pub(crate) fn mark_range(&mut self, at: usize, bytes: usize) {
        if bytes > 0 {
            Self::words(at, bytes).for_each(|(word, bits)| self.0[word] |= bits);
        }
    }

    /// Whether all of a range inside has been written.
    pub(crate) fn has_range(&self, at: usize, bytes: usize) -> bool {
        bytes == 0 || Self::words(at, bytes).all(|(word, bits)| self.0[word] & bits == bits)
    }

    /// Whether an aligned access of at most 16 bytes has been written, all of it.
    #[inline(always)]
    pub(crate) fn has(&self, at: usize, bytes: usize) -> bool {
        let mask = Self::mask(at, bytes);
        self.0.get(at / 64).is_some_and(|word| word & mask == mask)
    }

    /// The first byte of a range that has not been written.
    pub(crate) fn first_missing(&self, at: usize, bytes: usize) -> Option<usize> {
        match self.has_range(at, bytes) {
            true => None,
            false => (at..at + bytes).find(|&i| !self.has(i, 1)),
        }
    }
}
