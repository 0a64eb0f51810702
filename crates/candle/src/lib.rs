//! FP8 training for candle: linear layers on quarter's exact tensor core.

mod adamw;
mod linear;

pub use adamw::{AdamW, AdamWConfig, MomentStorage, StepReport};
pub use linear::{Fp8Config, Fp8Context, Fp8Linear, Role, Scaling, TensorStats};

/// The code in the README, run as tests.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
pub struct Readme;
