//! What a scaled cast reports about its data.

const INFINITY: u32 = f32::INFINITY.to_bits();

/// The largest magnitude and the damage of a scaled cast.
///
/// An element is in at most one of the three counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CastStats {
    /// Bits of the largest `|x|` before scaling, as f32, compared as integers: a
    /// NaN wins over everything. 0 where there is no data.
    pub amax: u32,
    /// Finite elements that were clipped: `x * scale` lies where the cast without
    /// saturation overflows (stochastic: beyond `MAX`).
    pub saturated: u64,
    /// Finite elements other than 0 whose code is ±0.
    pub flushed: u64,
    /// Infinite or NaN elements, and those that a scale of infinity or NaN made NaN.
    pub non_finite: u64,
}

impl CastStats {
    /// Adds the statistics of another part of the same data, in any order.
    ///
    /// The counts stop at `u64::MAX`.
    pub fn merge(&mut self, other: Self) {
        self.amax = self.amax.max(other.amax);
        self.saturated = self.saturated.saturating_add(other.saturated);
        self.flushed = self.flushed.saturating_add(other.flushed);
        self.non_finite = self.non_finite.saturating_add(other.non_finite);
    }
}

/// [`CastStats`] as the loops keep it: in lanes of the width of the data.
#[derive(Clone, Copy, Default)]
pub(super) struct Counters {
    amax: u32,
    saturated: u32,
    flushed: u32,
    non_finite: u32,
}

impl Counters {
    /// Counts one element: `x` before and `y` after scaling, `limit` the bits of the
    /// smallest magnitude that is clipped, `code` the result.
    #[inline(always)]
    pub(super) fn count(&mut self, x: f32, y: f32, limit: u32, code: u8) {
        let x = x.to_bits() & 0x7fff_ffff;
        let y = y.to_bits() & 0x7fff_ffff;
        let finite = (x < INFINITY) & (y <= INFINITY);
        self.amax = self.amax.max(x);
        self.saturated += u32::from(finite & (y >= limit));
        self.flushed += u32::from(finite & (x != 0) & (code & 0x7f == 0));
        self.non_finite += u32::from(!finite);
    }
}

impl From<Counters> for CastStats {
    fn from(counters: Counters) -> Self {
        Self {
            amax: counters.amax,
            saturated: counters.saturated.into(),
            flushed: counters.flushed.into(),
            non_finite: counters.non_finite.into(),
        }
    }
}
