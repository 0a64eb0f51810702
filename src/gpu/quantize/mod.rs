//! Casts on a device.

mod raw;
mod safe;

pub(super) use raw::tiles;
pub use raw::{CastStatsOn, QuantizeOn, ScaleOn, TransposedOn};
