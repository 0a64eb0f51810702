//! What a step counts on its way.

use core::ops::{Add, AddAssign};

/// Counts of a step. They add up over shards, tensors and steps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct Telemetry {
    /// Elements that were updated.
    pub elements: u64,
    /// Positive second moments lifted from code 0 to code 1.
    pub floored: u64,
    /// Nonzero first moments stored as 0.
    pub flushed: u64,
    /// Moments at or above 464 scales, which rounding alone does not bring to
    /// 448. The scale comes from the block's maximum, so anything but 0 is a
    /// defect, of this step or of the device kernel held against it.
    pub saturated: u64,
    /// Blocks left as they were because a moment was not finite.
    pub non_finite: u64,
}

impl Add for Telemetry {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            elements: self.elements + other.elements,
            floored: self.floored + other.floored,
            flushed: self.flushed + other.flushed,
            saturated: self.saturated + other.saturated,
            non_finite: self.non_finite + other.non_finite,
        }
    }
}

impl AddAssign for Telemetry {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl core::iter::Sum for Telemetry {
    fn sum<I: Iterator<Item = Self>>(counts: I) -> Self {
        counts.fold(Self::default(), Self::add)
    }
}
