//! FP8 formats and tensor cores, exact to the last bit.
//!
//! * [`E4m3`] and [`E5m2`]: the formats of NVIDIA's tensor cores, with the API of `half::f16`.
//! * [`E4m3Fnuz`] and [`E5m2Fnuz`]: the formats of AMD's MI300, with the same.
//! * [`E8m0`]: a power of two, the scale of the MX formats; its rounding is always named.
//! * [`policy`]: casts as CUDA, PyTorch and `ml_dtypes` make them, bit by bit.
//! * [`mod@slice`]: casts of slices, with scale, amax and counts in the same pass.
//! * [`tensor_core`]: what an instruction of Hopper and other GPUs computes, why, and how far off.
//! * `recording`: outputs of GPUs in files, computed anew. Needs `std`.
//!
//! ```
//! use quarter_numerics::{E4m3, E5m2};
//!
//! // Nearest even; saturating, as the GPU casts, or as OCP has it without.
//! assert_eq!(E4m3::from_f32(0.3).to_f32(), 0.3125);
//! assert_eq!(E4m3::from_f32(1000.0), E4m3::MAX);
//! assert!(E4m3::from_f32_nonsat(1000.0).is_nan());
//! assert_eq!(E5m2::from_f32_nonsat(1e6), E5m2::INFINITY);
//! // Stochastic, from explicit random bits.
//! assert_eq!(E5m2::from_f32_stochastic(1.125, 0x7fff).to_f32(), 1.0);
//! assert_eq!(E5m2::from_f32_stochastic(1.125, 0x8000).to_f32(), 1.25);
//! ```
//!
//! # Roundings
//!
//! Each conversion rounds once, also from f64. Names say how:
//!
//! | | out of range | NaN |
//! |---|---|---|
//! | `from_f32`, `_f64`, `_f16`, `_bf16` | ±`MAX`, infinities too | 0x7F |
//! | `from_…_nonsat`, operators, `FromStr` | E5M2 infinity, others NaN, signed | 0x7F |
//! | `from_f32_stochastic`, `…x4_…` | ±`MAX`, infinities too | 0x7F or 0xFF by sign |
//!
//! The FNUZ formats have one NaN, 0x80, and no -0: what would be is 0.
//!
//! Stochastic rounding is from f32 alone, as in `cvt.rs`: an f64 would round twice.
//!
//! # Features
//!
//! `std` (default) adds the run-time choice of AVX-512 and AVX2 code, explanations and recordings:
//! the bits are the same without it, and the crate is `no_std`.
//!
//! Off by default, and on all types: `serde` (the code as a u8), `bytemuck` (`Pod`), `num-traits`
//! (conversions round once and do not saturate; E8M0 takes powers of two alone; `FloatCore` for
//! E5M2, the one with infinities) and `rand` (uniform reals, rounded so that no value leaves its
//! range).
#![cfg_attr(not(feature = "std"), no_std)]

mod convert;
mod e4m3;
mod e4m3fnuz;
mod e5m2;
mod e5m2fnuz;
mod e8m0;
mod float8;
mod format;
mod interop;
mod ops;
pub mod policy;
#[cfg(feature = "std")]
pub mod recording;
mod round;
pub mod slice;
pub mod tensor_core;
mod traits;
mod widen;

pub use e4m3::E4m3;
pub use e4m3fnuz::E4m3Fnuz;
pub use e5m2::E5m2;
pub use e5m2fnuz::E5m2Fnuz;
pub use e8m0::{E8m0, E8m0Rounding};
pub use format::{Float8, Format, Fp8, Specials};
/// The 16-bit types of the conversions, from the crate `half`.
pub use half::{bf16, f16};
