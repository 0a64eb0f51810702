//! FP8 training kernels and their bit-exact CPU reference.

mod error;
pub mod random;

pub use error::{Error, Result};
pub use quarter_numerics::{self as numerics, E4m3, E5m2, Format, Fp8, slice::Wide};
