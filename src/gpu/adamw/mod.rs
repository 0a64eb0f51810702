//! AdamW on a device.

mod lists;
mod raw;
mod safe;
mod tensor;

pub use raw::{AdamwControl, AdamwOn};
pub use tensor::{AdamwTensorOn, GradientOn, MomentsOn, WeightsOn};
