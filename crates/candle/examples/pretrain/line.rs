//! One line of the table: everything that decides the bits of a run but its seed.

use candle_core::{DType, Result};
use quarter::adamw::{Hyper, Rounding, SecondForm};
use quarter_candle::{AdamWConfig, Fp8Config, Fp8Context, MomentStorage};

use super::{
    args::{self, Args, Recipe, Scaling, SecondMoment},
    model::{Products, Shape},
};

/// Doublings of the outlier channel in a whole run.
const DOUBLINGS: u32 = 20;

/// A row of the table. Its debug form is part of a checkpoint's fingerprint.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// Unique; the recipe's name unless an experiment needs more.
    pub label: String,
    /// What is stored in how many bytes.
    pub recipe: Recipe,
    /// Scaling of FP8 layers.
    pub scaling: Scaling,
    /// Storage of the second moment.
    pub v: SecondMoment,
    /// Rounding of bf16 weights, where the recipe leaves a choice.
    pub rounding: args::Rounding,
    /// Whether learning rates shrink under gradients that outgrow v.
    pub update_clip: bool,
    /// Step at which the gradient is a hundred times too large.
    pub spike: Option<u32>,
    /// Whether a channel grows.
    pub outlier: bool,
    /// Steps of the run.
    pub steps: u32,
    /// Peak learning rate.
    pub lr: f64,
    /// Sizes of the model.
    pub shape: Shape,
}

impl Line {
    /// The lines that the arguments ask for.
    pub fn all(args: &Args) -> Vec<Self> {
        let mut lines = Vec::new();
        for &recipe in &args.recipes {
            let line = Self {
                label: recipe.name().into(),
                recipe,
                scaling: args.scaling,
                v: args.v,
                rounding: args.bf16_rounding,
                update_clip: !args.no_update_clip,
                spike: args.spike,
                outlier: args.outlier,
                steps: args.steps,
                lr: args.lr,
                shape: Shape::default(),
            };
            if args.outlier && recipe.fp8_layers() {
                for scaling in [Scaling::Delayed, Scaling::Current, Scaling::Block] {
                    let label = format!("{}, {}", line.label, scaling.name());
                    lines.push(Self { label, scaling, ..line.clone() });
                }
            } else if args.spike.is_some() && recipe != Recipe::Fp8Naive {
                for (update_clip, name) in [(true, "clip"), (false, "no clip")] {
                    let label = format!("{}, {name}", line.label);
                    lines.push(Self { label, update_clip, ..line.clone() });
                }
            } else {
                lines.push(line);
            }
        }
        lines
    }

    /// Type of weights and gradients.
    pub fn dtype(&self) -> DType {
        match self.recipe {
            Recipe::Fp32 => DType::F32,
            _ => DType::BF16,
        }
    }

    /// How linear layers multiply; FP8 ones share the context returned.
    ///
    /// # Errors
    /// None with the configurations made here.
    pub fn products(&self) -> Result<(Products, Option<Fp8Context>)> {
        let scaling = match self.scaling {
            Scaling::Delayed => Fp8Config::default().scaling,
            Scaling::Current => quarter_candle::Scaling::Current,
            Scaling::Block => quarter_candle::Scaling::Block,
        };
        match self.recipe {
            Recipe::Fp32 => Ok((Products::F32, None)),
            Recipe::Bf16 => Ok((Products::Bf16, None)),
            Recipe::Fp8 | Recipe::Fp8Naive => {
                let context = Fp8Context::new(Fp8Config { scaling, ..Fp8Config::default() });
                let context = context.map_err(candle_core::Error::wrap)?;
                Ok((Products::Fp8(context.clone()), Some(context)))
            }
        }
    }

    /// The optimizer's configuration.
    pub fn optimizer(&self, seed: u64) -> AdamWConfig {
        let moments = match (self.recipe, self.v) {
            (Recipe::Fp32 | Recipe::Bf16, _) => MomentStorage::Full,
            (Recipe::Fp8, SecondMoment::Sqrt) => MomentStorage::Fp8(SecondForm::Sqrt),
            (Recipe::Fp8, SecondMoment::Linear) => MomentStorage::Fp8(SecondForm::Linear),
            (Recipe::Fp8Naive, _) => MomentStorage::Literal,
        };
        let rounding = match (self.recipe, self.rounding) {
            (Recipe::Bf16, args::Rounding::Nearest) => Rounding::Nearest,
            _ => Rounding::Stochastic,
        };
        AdamWConfig {
            hyper: Hyper { lr: self.lr, ..Hyper::default() },
            moments,
            rounding,
            max_norm: Some(1.0),
            update_clip: self.update_clip.then_some(1.0),
            seed,
        }
    }

    /// What the outlier channel is multiplied by at a step: a power of two.
    pub fn outlier(&self, step: u32) -> f32 {
        if !self.outlier {
            return 1.0;
        }
        let doublings = u64::from(DOUBLINGS) * u64::from(step) / u64::from(self.steps);
        (1_u64 << doublings) as f32
    }
}
