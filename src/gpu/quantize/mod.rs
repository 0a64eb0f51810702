//! Casts on a device.

mod raw;
mod safe;

pub use raw::{CastStatsOn, QuantizeOn, ScaleOn, TransposedOn};
