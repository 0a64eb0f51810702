//! AdamW on a device.

mod arrays;
mod lists;
mod raw;
mod safe;
mod tensor;

pub(crate) use lists::workspace_bytes;
pub use raw::{AdamwControl, AdamwOn};
pub use tensor::{AdamwTensorOn, GradientOn, MomentsOn, WeightsOn};
