//! FP8 training kernels and their bit-exact CPU reference.

mod element;
mod error;
pub mod gemm;
pub mod quantize;
pub mod random;
pub mod scaling;

pub use element::Element;
pub use error::{Error, Result};
pub use quantize::Quantized;
pub use quarter_numerics::{self as numerics, E4m3, E5m2, Format, Fp8, slice::Wide};
