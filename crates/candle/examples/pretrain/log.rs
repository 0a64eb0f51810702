//! What a run has seen and what it holds, as numbers.

use quarter::numerics::slice::CastStats;

/// Steps in a row with at most 1.01 times the old loss that end a spike.
pub const CALM: u32 = 10;

/// What a run has seen so far.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Log {
    /// Training loss of each step.
    pub losses: Vec<f32>,
    /// Validation loss after some steps.
    pub validation: Vec<(u32, f32)>,
    /// Steps skipped for a gradient that was not finite.
    pub skipped: u32,
    /// Skipped without one applied between.
    pub skipped_in_a_row: u32,
    /// Seconds in steps.
    pub seconds: f64,
    /// Bytes of the last step's gradients.
    pub gradient_bytes: u64,
    /// Casts of the FP8 layers.
    pub casts: Casts,
    /// Of those, casts of the outlier layer's input.
    pub outlier: Casts,
    /// What a spike did.
    pub spike: Option<Spike>,
}

/// A spike and how the loss on one fixed batch came back.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spike {
    /// The loss just before it.
    pub before: f32,
    /// Steps in a row that ended at or below 1.01 times that.
    pub good: u32,
    /// Steps from the spike to the first of [`CALM`] such steps in a row.
    pub recovered: Option<u32>,
}

/// Counts of casts to FP8.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Casts {
    /// Elements.
    pub elements: u64,
    /// Clipped to the largest value.
    pub saturated: u64,
    /// Nonzero but stored as zero.
    pub flushed: u64,
}

impl Casts {
    /// Counts another cast.
    pub fn add(&mut self, elements: u64, stats: &CastStats) {
        self.elements += elements;
        self.saturated += stats.saturated;
        self.flushed += stats.flushed;
    }
}

/// Bytes by what they hold, counted from buffers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Bytes {
    /// Weights.
    pub weights: u64,
    /// Gradients.
    pub gradients: u64,
    /// Codes or values of both moments.
    pub moments: u64,
    /// Scales of moments, scales and histories of FP8 layers.
    pub scales: u64,
}

impl Bytes {
    /// All of them.
    pub fn total(&self) -> u64 {
        self.weights + self.gradients + self.moments + self.scales
    }
}
