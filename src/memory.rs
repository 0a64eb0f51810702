//! The bytes that training takes, before any is allocated.
//!
//! For the parameters of a model and a [`Recipe`]: weights, gradients, optimizer states and their
//! scales, delayed scaling, and what else the caller knows of, each to the byte.
//!
//! ```
//! use quarter::memory::{Plan, Recipe};
//!
//! let ten_billion = [10_000_000_000];
//! let gigabytes = |recipe| -> quarter::Result<f64> {
//!     Ok(Plan::new(&recipe, &ten_billion)?.without_scales() as f64 / 1e9)
//! };
//! assert_eq!(gigabytes(Recipe::FULL)?, 160.0);
//! assert_eq!(gigabytes(Recipe::BF16)?, 120.0);
//! assert_eq!(gigabytes(Recipe::FP8)?, 60.0);
//! // A scale for each 128 elements of both moments.
//! assert_eq!(Plan::new(&Recipe::FP8, &ten_billion)?.total(), 60_625_000_000);
//! # Ok::<(), quarter::Error>(())
//! ```

use std::fmt;

use crate::adamw::{BLOCK, Settings};
use crate::gpu::adamw_workspace_bytes;
use crate::{Error, Result};

/// How weights are stored; see [`adamw::Weights`](crate::adamw::Weights).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Weights {
    /// f32.
    F32,
    /// bf16.
    Bf16,
    /// bf16 and an i16 rest.
    Split,
    /// f32 and a bf16 copy.
    Master,
}

/// How gradients are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Gradients {
    /// f32.
    F32,
    /// bf16.
    Bf16,
}

/// How both moments are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Moments {
    /// f32.
    F32,
    /// A byte each, and an f32 scale for each block of 128 elements of a tensor.
    Fp8,
}

/// What is stored of each parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Recipe {
    /// Weights.
    pub weights: Weights,
    /// Gradients.
    pub gradients: Gradients,
    /// Moments.
    pub moments: Moments,
}

impl Recipe {
    /// Everything in f32: 16 bytes a parameter.
    pub const FULL: Self =
        Self { weights: Weights::F32, gradients: Gradients::F32, moments: Moments::F32 };
    /// bf16 weights and gradients, f32 moments: 12.
    pub const BF16: Self =
        Self { weights: Weights::Bf16, gradients: Gradients::Bf16, moments: Moments::F32 };
    /// bf16 weights and gradients, FP8 moments: 6, and 1 / 16 for scales.
    pub const FP8: Self =
        Self { weights: Weights::Bf16, gradients: Gradients::Bf16, moments: Moments::Fp8 };
    /// The same with exact f32 weights in two parts: 8.
    pub const FP8_SPLIT: Self = Self { weights: Weights::Split, ..Self::FP8 };
    /// The same with an f32 master: 10.
    pub const FP8_MASTER: Self = Self { weights: Weights::Master, ..Self::FP8 };

    /// Bytes of a parameter: weights, gradient, moments.
    fn bytes(&self) -> [u64; 3] {
        let weights = match self.weights {
            Weights::F32 | Weights::Split => 4,
            Weights::Bf16 => 2,
            Weights::Master => 6,
        };
        let gradients = match self.gradients {
            Gradients::F32 => 4,
            Gradients::Bf16 => 2,
        };
        let moments = match self.moments {
            Moments::F32 => 8,
            Moments::Fp8 => 2,
        };
        [weights, gradients, moments]
    }
}

/// The bytes of a model's training.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Parameters.
    pub parameters: u64,
    /// Weights, with copies and rests.
    pub weights: u64,
    /// Gradients.
    pub gradients: u64,
    /// Both moments.
    pub moments: u64,
    /// Scales of the moments' blocks.
    pub moment_scales: u64,
    /// [Delayed](crate::scaling::Delayed) scaling on a device: scales, amaxes and histories.
    pub delayed: u64,
    /// Tables and sums of [`AdamwOn`](crate::gpu::AdamwOn), and what else is known of.
    pub workspace: u64,
}

impl Plan {
    /// For tensors of so many elements.
    ///
    /// # Errors
    /// [`Error::Parameter`] if a sum exceeds 2^64 - 1.
    pub fn new(recipe: &Recipe, tensors: &[u64]) -> Result<Self> {
        let sum = |each: &dyn Fn(u64) -> u64| {
            let sum: u128 = tensors.iter().map(|n| u128::from(each(*n))).sum();
            fits(sum)
        };
        let parameters = sum(&|n| n)?;
        let blocks = sum(&|n| n.div_ceil(BLOCK as u64))?;
        let of = |count: u64, bytes: u64| fits(u128::from(count) * u128::from(bytes));
        let [weights, gradients, moments] = recipe.bytes();
        let plan = Self {
            parameters,
            weights: of(parameters, weights)?,
            gradients: of(parameters, gradients)?,
            moments: of(parameters, moments)?,
            moment_scales: match recipe.moments {
                Moments::F32 => 0,
                Moments::Fp8 => of(blocks, 8)?,
            },
            ..Self::default()
        };
        plan.checked()
    }

    /// With delayed scaling of so many tensors, each with a history of `window` amaxes: what
    /// [`DelayedOn`](crate::gpu::DelayedOn) allocates. That is a
    /// [`DelayedState`](crate::scaling::DelayedState), what each format's largest number becomes
    /// with a margin, and a count of amaxes that are not finite.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn with_delayed(self, tensors: u64, window: u64) -> Result<Self> {
        // An amax, a scale, a position and a largest number of 4 bytes, and the history.
        let each = 4 * (4 + u128::from(window));
        // The product may exceed even 2^128: what it saturates at is refused as well.
        let delayed = u128::from(tensors).saturating_mul(each).saturating_add(4);
        Self { delayed: fits(delayed)?, ..self }.checked()
    }

    /// With the tables and sums of an optimizer on a device, for the same tensors, none sharded:
    /// [`AdamwOn::workspace_bytes`](crate::gpu::AdamwOn::workspace_bytes) before there is one.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn with_optimizer(self, tensors: &[u64], settings: &Settings) -> Result<Self> {
        let workspace = adamw_workspace_bytes(tensors, settings) + u128::from(self.workspace);
        Self { workspace: fits(workspace)?, ..self }.checked()
    }

    /// With so many bytes of workspace more.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn with_workspace(self, workspace: u64) -> Result<Self> {
        let workspace = fits(u128::from(self.workspace) + u128::from(workspace))?;
        Self { workspace, ..self }.checked()
    }

    fn lines(&self) -> [(&'static str, u64); 6] {
        [
            ("weights", self.weights),
            ("gradients", self.gradients),
            ("moments", self.moments),
            ("scales of moments", self.moment_scales),
            ("delayed scaling", self.delayed),
            ("workspace", self.workspace),
        ]
    }

    fn checked(self) -> Result<Self> {
        fits(self.lines().iter().map(|(_, bytes)| u128::from(*bytes)).sum())?;
        Ok(self)
    }

    /// All bytes.
    pub fn total(&self) -> u64 {
        // No overflow: `checked` has added the same, but for fields that the caller has set.
        self.lines().iter().fold(0, |sum, (_, bytes)| sum.saturating_add(*bytes))
    }

    /// Weights, gradients and moments alone.
    pub fn without_scales(&self) -> u64 {
        self.weights.saturating_add(self.gradients).saturating_add(self.moments)
    }
}

/// A line each, in bytes, and bytes a parameter.
impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = |what: &str, bytes: u64| {
            let each = bytes as f64 / self.parameters.max(1) as f64;
            writeln!(f, "{what:<18}{bytes:>21}{each:>10.4}")
        };
        for (what, bytes) in self.lines().into_iter().filter(|(_, bytes)| *bytes > 0) {
            line(what, bytes)?;
        }
        line("all", self.total())
    }
}

fn fits(bytes: u128) -> Result<u64> {
    u64::try_from(bytes).map_err(|_| Error::Parameter {
        what: "bytes",
        got: bytes.to_string(),
        allowed: "below 2^64 are allowed",
    })
}
