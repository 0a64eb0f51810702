//! The fast path: FP8 `wgmma` with an f32 accumulator, 32 outputs side by side.

mod chain;
mod path;
mod portable;
mod step;
#[cfg(target_arch = "x86_64")]
mod x86;

pub use chain::TensorCore;
pub use path::Path;
pub use step::{LANES, RowStep, STEP, StripStep};
