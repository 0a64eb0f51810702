//! `quarter_numerics` against NVIDIA's own host code, bit for bit, NaN included.
//!
//! All f16 and bf16, and a stratified set of f32 and f64, each time. All 2^32 f32:
//! `cargo test --release -p quarter-oracle -- --ignored all_f32`.

/// Shown with its reason among the results.
#[cfg(not(cuda_headers))]
#[test]
#[ignore = "SKIPPED: QUARTER_CUDA_INCLUDE does not name the folder of cuda_fp8.h, so nothing is compared with it"]
fn nvidia_headers() {
    panic!("QUARTER_CUDA_INCLUDE was not set when this test was built");
}

#[cfg(cuda_headers)]
mod compared;
#[cfg(cuda_headers)]
mod inputs;
