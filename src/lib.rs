//! FP8 training, fast on Hopper and exactly understood everywhere.
//!
//! Each kernel exists here as a readable CPU reference, and its result is
//! specified to the last bit. The device kernels that follow are tested against
//! it, and so can yours be.
//!
//! | file | what | for |
//! |---|---|---|
//! | [`numerics`] | [`E4m3`], [`E5m2`], the Hopper tensor core | formats and arithmetic, `no_std`, a crate of its own |
//! | [`quantize`] | codes, scales and layout as one value | casts, with amax and counts in the same pass |
//! | [`scaling`] | amax to scale: delayed, current, block | named policies for 0, infinity, NaN, tiny |
//! | [`gemm`] | fprop, dgrad, wgrad | products under an explicit plan of accumulation |
//! | [`gemm::error`] | its error: bounded, predicted, measured | which promotion interval, before it is run |
//! | [`adamw`] | AdamW at 6 bytes a parameter | norm, clipping, FP8 moments, stochastic bf16 weights, checkpoints |
//! | [`gpu`] | the kernels, on Hopper or in an emulator | the same calls on a device, and its own addresses and streams |
//! | [`memory`] | bytes before they are allocated | what a recipe takes of a model |
//! | [`random`] | Philox4x32-10 | one table of every random word |
//!
//! # The contract in short
//! f32 arithmetic is IEEE, to nearest-even, with subnormals, and contracted only where
//! `fma` is written. Each module states its own part in full.
//!
//! | step | roundings, in order |
//! |---|---|
//! | [quantize] | `x * scale` in f32; nearest-even saturating, or 16 random bits as in `cvt.rs`; `1 / scale` |
//! | [scaling] | `(MAX * 2^-margin) / amax` in f32, kept within 2^-126 and FLT_MAX |
//! | [tensor core](numerics::tensor_core) | 32 products and c cut to 13 fraction bits below the largest exponent, exact sum, cut to 13 bits |
//! | [gemm] | intervals of K added in f32; scales; bias; type of D; accumulation in that type |
//! | [adamw] | moments and weight with three fma, one root, one division; stores as its table says |
//!
//! Results do not depend on threads, tiles, pitches, shards, or the instruction set.
//!
//! # From tensor to step
//! ```
//! use quarter::adamw::{self, Clock, Gradient, Hyper, Moments, Options, StepConstants, Weights};
//! use quarter::gemm::{self, Epilogue, Plan};
//! use quarter::quantize::{Matrix, MatrixMut, Quantizer};
//! use quarter::{Format, random::Source};
//! use half::bf16;
//!
//! // A linear layer with 8 tokens, 48 inputs, 32 outputs, and some gradient of its output.
//! let x: Vec<f32> = (0..8 * 48).map(|i| (i as f32).sin()).collect();
//! let mut w: Vec<bf16> = (0..32 * 48).map(|i| bf16::from_f32((i as f32).cos() * 0.1)).collect();
//! let dy: Vec<f32> = (0..8 * 32).map(|i| (i as f32 * 0.7).sin() * 1e-3).collect();
//!
//! // Casts: E4M3 forward, E5M2 for gradients, each with its transpose.
//! let q = Quantizer::default();
//! let (xq, xt) = q.quantize_both(Matrix::new(&x, 8, 48)?)?;
//! let (wq, _) = q.quantize_both(Matrix::new(&w, 32, 48)?)?;
//! let (_, dyt) = Quantizer { format: Format::E5m2, ..q }.quantize_both(Matrix::new(&dy, 8, 32)?)?;
//!
//! // Products: the output, and the gradient of the weight.
//! let (mut y, mut dw) = (vec![bf16::ZERO; 8 * 32], vec![bf16::ZERO; 32 * 48]);
//! let none = Epilogue::default();
//! gemm::fprop(&xq.data, &wq.data, &Plan::for_k(48), &none, MatrixMut::new(&mut y, 8, 32)?)?;
//! gemm::wgrad(&dyt.data, &xt.data, &Plan::for_k(8), &none, MatrixMut::new(&mut dw, 32, 48)?)?;
//!
//! // The step: 2 bytes of weight, 2 of gradient, 2.06 of state.
//! let hyper = Hyper::default();
//! let mut clock = Clock::START;
//! let mut moments = Moments::new(Default::default(), w.len())?;
//! clock.advance(&hyper);
//! adamw::step(
//!     Weights::Bf16 { weights: &mut w, rounding: adamw::Rounding::Stochastic },
//!     Gradient::Bf16(&dw),
//!     &mut moments,
//!     &StepConstants::new(&hyper, &clock, 1.0, 1.0)?,
//!     &Options::new(&hyper),
//!     Source { seed: 0, tensor: 0, step: 1 },
//! )?;
//! # Ok::<(), quarter::Error>(())
//! ```

pub mod adamw;
#[cfg(feature = "bench")]
pub mod bench;
mod element;
mod error;
#[allow(dead_code, reason = "some constants are the kernels' own")]
mod ffi;
pub mod gemm;
pub mod gpu;
pub mod memory;
pub mod quantize;
pub mod random;
pub mod scaling;

pub use element::Element;
pub use error::{Error, Result};
pub use quantize::Quantized;
pub use quarter_numerics::{self as numerics, E4m3, E5m2, Format, Fp8, slice::Wide};
