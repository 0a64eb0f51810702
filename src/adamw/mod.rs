//! AdamW at six bytes a parameter: bf16 weights, one byte for each moment.
//!
//! This is the numeric contract of the step, for the CPU here and for the
//! device kernel that follows it. [`step`] obeys it bit for bit, whatever the
//! shard, the thread count and the vector length of the machine. The payload
//! and sign of a NaN are the one thing it leaves open.
//!
//! # Arithmetic
//! f32, round to nearest even, subnormals kept. `fma(a, b, c)` rounds once and
//! stands exactly where it is written; nothing else is contracted. Step
//! constants are computed in f64 and rounded once ([`StepConstants`]):
//!
//! ```text
//! bc1 = 1 - beta1^t            bc2 = 1 - beta2^t        products kept in the Clock
//! lr' = lr / shrink            shrink = max(1, RMS / d) with update clipping, else 1
//! lr_w = lr', or lr            Hyper::decay_rate
//! alpha = f32(lr' sqrt(bc2) / bc1)      eps' = f32(eps sqrt(bc2))
//! decay = f32(1 - lr_w weight_decay)    one_minus_beta = f32(1 - beta)
//! ```
//!
//! # Blocks
//! 128 elements of the flat row-major index of each unsharded tensor; the last
//! may be short. A shard starts at a multiple of 128. A block has one f32 scale
//! for each moment.
//!
//! # Each element
//! ```text
//! g  = f32(gradient) * gradient_scale
//! m  = dec(qm) * s_m
//! v  = r * r with r = dec(qv) * s_v     Sqrt     |  v = dec(qv) * s_v     Linear
//! m' = fma(beta1, m, one_minus_beta1 * g)
//! v' = fma(beta2, v, (one_minus_beta2 * g) * g)
//! r' = sqrt(v')
//! u  = m' / (r' + eps')                 from unquantised m' and v'
//! p' = fma(-alpha, u, decay * p)
//! ```
//!
//! # Each block
//! ```text
//! a_m = max |m'|      a_v = max r' (Sqrt) or v' (Linear)      a NaN wins
//! ```
//! If `a_m` or `a_v` is not finite, the block keeps every bit of its weights,
//! codes and scales, and is counted. Otherwise, for each moment,
//! ```text
//! s = max(a / 448, 2^-126)     inv = 1 / s     y = x * inv
//! ```
//!
//! # Stores
//! | value | rounding |
//! |---|---|
//! | m' | E4M3, nearest-even saturating; stochastic by option and by default above `beta1` = 0.9 |
//! | v', Linear | E4M3, stochastic; nearest by option |
//! | r', Sqrt | E4M3, stochastic, unbiased in v; nearest by option |
//! | p' to bf16, stochastic | `(bits + R) & 0xffff0000`; finite stays finite (at most 0x7f7f), infinities and NaN truncate, a NaN quiet |
//! | p' in two parts | exact: bf16 to nearest with ties away from zero, and the rest in an i16; a NaN quiet |
//! | p' to bf16, nearest | to nearest even, overflow to infinity, a NaN quiet |
//!
//! - Stochastic E4M3 is [`E4m3::from_f32_stochastic`](crate::E4m3::from_f32_stochastic).
//! - Unbiased in v: with neighbouring codes `lo <= y < hi`, up if
//!   `(R + 1) w <= y*y - lo*lo`, `w = (hi*hi - lo*lo) 2^-16`; 448 stays. `y*y`
//!   rounds once, everything else is exact. Of all 65,536 words
//!   `floor((y*y - lo*lo) / w)` go up. Rounding `r` itself without bias would
//!   inflate v by 2 to 6 %.
//! - The floor: a second moment that is positive and would get code 0 gets code
//!   1, in every form and rounding. Without it v vanishes beside a large
//!   neighbour and the next update is `m' / eps'`.
//! - `R` is the u16 of the element in stream `Weight`, `FirstMoment` or
//!   `SecondMoment` of [`crate::random`]; those of a weight are spread evenly over
//!   the steps, so that its rounding errors cancel.
//!
//! The scale is never a power of two on purpose. A continuous scale moves a
//! little every step, which lets a decaying second moment leak through
//! nearest rounding; **a power-of-two scale with nearest rounding freezes it**.
//!
//! # Around the step
//! [`norm`] makes the gradient norm and the clip factor, [`update_clip`] the
//! `shrink` of a tensor. [`Step::decide`] says whether the step happens: a
//! skipped one (the norm is not finite) changes no bit of weights, moments and
//! [`Clock`].
//!
//! [`Optimizer`] does all of it for the tensors of a model, and
//! [`AdamwOn`](crate::gpu::AdamwOn) the same on a device, in `ptx/adamw.ptx` and `ptx/norm.ptx`.
//!
//! ```
//! use quarter::adamw::{self, Clock, Gradient, Hyper, Moments, Options, Rounding, StepConstants, Weights};
//! use quarter::random::Source;
//!
//! let mut weights = vec![half::bf16::from_f32(0.5); 1000];
//! let gradient = vec![1e-3_f32; 1000];
//! let mut moments = Moments::new(Default::default(), 1000)?;
//! let hyper = Hyper::default();
//! let mut clock = Clock::START;
//! clock.advance(&hyper);
//! let constants = StepConstants::new(&hyper, &clock, 1.0, 1.0)?;
//! let telemetry = adamw::step(
//!     Weights::Bf16 { weights: &mut weights, rounding: Rounding::Stochastic },
//!     Gradient::F32(&gradient),
//!     &mut moments,
//!     &constants,
//!     &Options::new(&hyper),
//!     Source { seed: 1, tensor: 0, step: 1 },
//! )?;
//! assert_eq!(telemetry.elements, 1000);
//! assert_eq!(moments.bytes(), 2000 + 8 * 8);
//! # Ok::<(), quarter::Error>(())
//! ```

mod block;
#[cfg(feature = "safetensors")]
pub mod checkpoint;
mod clock;
mod code;
mod full;
mod hyper;
pub mod literal;
mod moments;
pub mod norm;
mod optimizer;
mod settings;
mod state;
mod telemetry;
mod tensors;
pub mod update_clip;
mod words;
mod work;

pub use clock::{Clock, Step};
pub use full::{FullMoments, step_full};
pub use hyper::{DecayRate, Hyper, StepConstants};
pub use moments::{Moments, SecondForm};
pub use optimizer::{Member, Optimizer, Outcome, StoredMoments};
pub use settings::{Group, Settings};
pub use telemetry::Telemetry;
pub use tensors::{Gradient, Rounding, Weights, join, split};

use crate::Result;
use crate::random::Source;

/// Elements that share a scale.
pub const BLOCK: usize = 128;

/// How the moments are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Rounding of the first moment.
    pub first: Rounding,
    /// Rounding of the second moment. To nearest, it tracks a falling variance
    /// late; see [the module](self) for what it must not be combined with.
    pub second: Rounding,
}

impl Options {
    /// The defaults: v stochastic; m nearest up to `beta1` = 0.9 (its bias is
    /// 1 % there), stochastic above.
    pub fn new(hyper: &Hyper) -> Self {
        let first = if hyper.beta1 <= 0.9 { Rounding::Nearest } else { Rounding::Stochastic };
        Self { first, second: Rounding::Stochastic }
    }
}

/// One AdamW step of one tensor, or of one shard of it, with FP8 moments.
///
/// All three slices have the same length and start at [`Moments::first`] of the
/// unsharded tensor. `source` names the tensor and the step for the random
/// words: use each pair once. The arithmetic is that of [the module](self).
///
/// # Errors
/// [`Error::Length`](crate::Error::Length) if a slice does not have the length
/// of the moments. Nothing is written then.
pub fn step(
    weights: Weights<'_>,
    gradient: Gradient<'_>,
    moments: &mut Moments,
    constants: &StepConstants,
    options: &Options,
    source: Source,
) -> Result<Telemetry> {
    weights.check(moments.len())?;
    gradient.check(moments.len())?;
    let first = moments.first();
    let state = moments.state();
    Ok(work::Work { weights, gradient, state, first }.run(constants, options, source))
}
