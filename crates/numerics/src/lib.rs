//! FP8 formats and the Hopper FP8 tensor core, exact to the last bit.
//!
//! * [`E4m3`] and [`E5m2`]: the two formats, with the API of `half::f16`.
//! * [`mod@slice`]: casts of slices, with scale, amax and counts in the same pass.
//! * [`tensor_core`]: what one `wgmma` instruction computes.
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
//! | `from_…_nonsat`, operators, `FromStr` | E4M3 NaN, E5M2 infinity, signed | 0x7F |
//! | `from_f32_stochastic`, `…x4_…` | ±`MAX`, infinities too | 0x7F or 0xFF by sign |
//!
//! Stochastic rounding is from f32 alone, as in `cvt.rs`: an f64 would round twice.
//!
//! # Features
//!
//! `std` (default) adds the run-time choice of AVX-512 and AVX2 code, nothing
//! else: the bits are the same without it, and the crate is `no_std`.
#![cfg_attr(not(feature = "std"), no_std)]

mod convert;
mod e4m3;
mod e5m2;
mod float8;
mod format;
mod ops;
#[cfg(feature = "std")]
pub mod recording;
mod round;
pub mod slice;
pub mod tensor_core;
mod traits;
mod widen;

pub use e4m3::E4m3;
pub use e5m2::E5m2;
pub use format::{Format, Fp8};
/// The 16-bit types of the conversions, from the crate `half`.
pub use half::{bf16, f16};
