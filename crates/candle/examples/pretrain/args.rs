//! The command line.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};

/// Trains a small byte-level GPT on real text in several precisions and
/// compares what they cost and what they lose.
#[derive(Clone, Debug, Parser)]
#[command(name = "pretrain", version, args_override_self = true)]
pub struct Args {
    /// Recipes to train.
    #[arg(long, value_enum, value_delimiter = ',', default_value = "fp32,bf16,fp8,fp8-naive")]
    pub recipes: Vec<Recipe>,
    /// Seeds per recipe: 1, 2, ... N. All recipes share initialisation and data of a seed.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    pub seeds: u64,
    /// Optimizer steps per run.
    #[arg(long, default_value_t = 300, value_parser = clap::value_parser!(u32).range(1..))]
    pub steps: u32,
    /// Files to train on, joined in this order, instead of the built-in text.
    #[arg(long, num_args = 1.., value_name = "PATH")]
    pub text: Vec<PathBuf>,
    /// Where report, plots and checkpoints go.
    #[arg(long, default_value = "out", value_name = "DIR")]
    pub out: PathBuf,
    /// Go on from the checkpoints in DIR; finished runs are not repeated.
    #[arg(long)]
    pub resume: bool,
    /// Multiply the clipped gradient by 100 at this step, with update clipping on and off.
    #[arg(long, value_name = "STEP")]
    pub spike: Option<u32>,
    /// Let one activation channel grow and compare what each FP8 scaling makes of it.
    #[arg(long)]
    pub outlier: bool,
    /// How recipe bf16 rounds its weights.
    #[arg(long, value_enum, default_value_t = Rounding::Stochastic)]
    pub bf16_rounding: Rounding,
    /// Scaling of the FP8 linear layers.
    #[arg(long, value_enum, default_value_t = Scaling::Delayed)]
    pub scaling: Scaling,
    /// How recipe fp8 stores the second moment.
    #[arg(long, value_enum, default_value_t = SecondMoment::Sqrt)]
    pub v: SecondMoment,
    /// Switch update clipping off.
    #[arg(long)]
    pub no_update_clip: bool,
    /// Peak learning rate.
    #[arg(long, default_value_t = 2e-3)]
    pub lr: f64,
    /// Steps between checkpoints.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    pub checkpoint_every: u32,
    /// Steps between the validation points of the plot.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    pub validate_every: u32,
    /// Runs at a time; 0 is one more than there are cores.
    #[arg(long, default_value_t = 0)]
    pub jobs: usize,
    /// Draw no progress bar.
    #[arg(long)]
    pub quiet: bool,
}

impl Args {
    /// Runs at a time, at least one.
    pub fn jobs(&self) -> usize {
        match self.jobs {
            // A run waits for its pool of threads now and then; one more fills the gaps.
            0 => std::thread::available_parallelism().map_or(1, usize::from) + 1,
            jobs => jobs,
        }
    }
}

/// What is stored in how many bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, ValueEnum)]
pub enum Recipe {
    /// 16 bytes a parameter: weights, gradients and moments in f32.
    Fp32,
    /// 12: weights and gradients in bf16, moments in f32.
    Bf16,
    /// 6.06: weights and gradients in bf16, moments in FP8 by block; FP8 linear layers.
    Fp8,
    /// The same six bytes taken literally: moments per tensor, everything to nearest.
    Fp8Naive,
}

impl Recipe {
    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Fp32 => "fp32",
            Self::Bf16 => "bf16",
            Self::Fp8 => "fp8",
            Self::Fp8Naive => "fp8-naive",
        }
    }

    /// Whether its linear layers multiply in FP8.
    pub fn fp8_layers(self) -> bool {
        matches!(self, Self::Fp8 | Self::Fp8Naive)
    }
}

/// Rounding of bf16 weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Rounding {
    /// Up or down by chance, right on average.
    Stochastic,
    /// To the nearest value, ties to even.
    Nearest,
}

/// Where the scale of an FP8 operand comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Scaling {
    /// The largest amax of the last steps.
    Delayed,
    /// The tensor's own amax.
    Current,
    /// The amax of each 1x128 or 128x128 block.
    Block,
}

impl Scaling {
    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Delayed => "delayed",
            Self::Current => "current",
            Self::Block => "block",
        }
    }
}

/// What is stored of the second moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SecondMoment {
    /// Its square root.
    Sqrt,
    /// Itself.
    Linear,
}
