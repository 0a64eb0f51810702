//! NVIDIA's host conversions to and from FP8, called from Rust.
//!
//! They are those of `cuda_fp8.h`, compiled where the environment variable `QUARTER_CUDA_INCLUDE`
//! names the folder of that header when the crate is built. Elsewhere the functions are absent
//! and the crate is empty, so that the workspace builds without CUDA.
//!
//! [`quarter_numerics::policy::Cuda`] and [`CudaNosat`](quarter_numerics::policy::CudaNosat)
//! promise the same bits; the tests of this crate compare them.

#[cfg(cuda_headers)]
mod host;

#[cfg(cuda_headers)]
pub use host::{Saturation, Wide, narrow, version, widen};
