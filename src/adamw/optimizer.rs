//! All tensors of a model: norm, clipping, clock and step in one call.

use super::hyper::require;
use super::norm::Norm;
use super::update_clip::{self, MomentsRef, UpdateRms};
use super::{
    BLOCK, Clock, DecayRate, FullMoments, Gradient, Moments, Settings, Step, StepConstants,
    Telemetry, Weights, step, step_full,
};
use crate::random::Source;
use crate::{Error, Result};

/// The moments of a tensor.
#[derive(Clone, Debug, PartialEq)]
pub enum StoredMoments {
    /// FP8 moments.
    Fp8(Moments),
    /// f32 moments.
    Full(FullMoments),
}

impl StoredMoments {
    /// Number of elements.
    pub fn len(&self) -> usize {
        match self {
            Self::Fp8(moments) => moments.len(),
            Self::Full(moments) => moments.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Index of the first element in the unsharded tensor.
    pub fn first(&self) -> u64 {
        match self {
            Self::Fp8(moments) => moments.first(),
            Self::Full(moments) => moments.first(),
        }
    }
}

impl From<Moments> for StoredMoments {
    fn from(moments: Moments) -> Self {
        Self::Fp8(moments)
    }
}

impl From<FullMoments> for StoredMoments {
    fn from(moments: FullMoments) -> Self {
        Self::Full(moments)
    }
}

/// A tensor as the optimizer knows it.
#[derive(Clone, Debug, PartialEq)]
pub struct Member {
    /// Its moments.
    pub state: StoredMoments,
    /// Entry of [`Settings::groups`].
    pub group: usize,
    /// Its number in the run, for the random words: another one for each tensor.
    pub tensor: u32,
}

/// What a step of all tensors was.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// Norm of the gradients over the loss scale.
    pub norm: f64,
    /// The factor that the gradients were clipped by; `None` if the norm is not finite and nothing
    /// has changed.
    pub clip: Option<f64>,
    /// Counts of each tensor.
    pub telemetry: Vec<Telemetry>,
}

/// AdamW of a model whose tensors lie in this process's memory, each whole. The random words'
/// step is [`Clock::t`].
///
/// ```
/// use half::bf16;
/// use quarter::adamw::{Gradient, Member, Moments, Optimizer, Rounding, Settings, Weights};
///
/// let state = Moments::new(Default::default(), 1000)?.into();
/// let mut optimizer = Optimizer::new(Settings::default())?;
/// optimizer.add(Member { state, group: 0, tensor: 0 })?;
/// let (mut weights, gradient) = (vec![bf16::ONE; 1000], vec![bf16::from_f32(1e-3); 1000]);
/// let rounding = Rounding::Stochastic;
/// let weights = Weights::Bf16 { weights: &mut weights, rounding };
/// let outcome = optimizer.step(&mut [(weights, Gradient::Bf16(&gradient))])?;
/// assert!(outcome.clip.is_some());
/// assert_eq!(outcome.telemetry[0].elements, 1000);
/// # Ok::<(), quarter::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Optimizer {
    settings: Settings,
    pub(crate) clock: Clock,
    pub(crate) members: Vec<Member>,
}

impl Optimizer {
    /// Without tensors so far, before the first step.
    ///
    /// # Errors
    /// As [`Settings::validate`].
    pub fn new(settings: Settings) -> Result<Self> {
        settings.validate()?;
        Ok(Self { settings, clock: Clock::START, members: Vec::new() })
    }

    /// Adds a tensor, and tells its place among those of [`step`](Self::step).
    ///
    /// # Errors
    /// [`Error::Parameter`] for a group that there is not, and for a shard: its norm is a part of a
    /// norm. [`crate::gpu::AdamwOn`] has the parts of a sharded step.
    pub fn add(&mut self, member: Member) -> Result<usize> {
        self.settings.check_group(member.group)?;
        let first = member.state.first();
        require("first", first, first == 0, "tensors are whole here")?;
        self.members.push(member);
        Ok(self.members.len() - 1)
    }

    /// How it steps.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Changes how it steps.
    ///
    /// # Errors
    /// As [`Settings::validate`]; [`Error::Parameter`] if a tensor's group is none any more.
    /// Nothing has changed then.
    pub fn set(&mut self, settings: Settings) -> Result<()> {
        settings.validate()?;
        self.members.iter().try_for_each(|member| settings.check_group(member.group))?;
        self.settings = settings;
        Ok(())
    }

    /// Where it is.
    pub fn clock(&self) -> Clock {
        self.clock
    }

    /// Goes on from a saved clock.
    ///
    /// # Errors
    /// As [`Clock::validate`].
    pub fn set_clock(&mut self, clock: Clock) -> Result<()> {
        clock.validate()?;
        self.clock = clock;
        Ok(())
    }

    /// The tensors.
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// The tensors, to save and load their moments.
    pub fn into_members(self) -> Vec<Member> {
        self.members
    }

    /// One step of all tensors, in the order in which they were added.
    ///
    /// # Errors
    /// [`Error::Length`] for slices that do not fit the moments, [`Error::Parameter`] after 2^32 - 1
    /// steps. Nothing has changed then.
    pub fn step(&mut self, tensors: &mut [(Weights<'_>, Gradient<'_>)]) -> Result<Outcome> {
        self.check(tensors)?;
        let settings = &self.settings;
        let gradients: Vec<Gradient> = tensors.iter().map(|(_, gradient)| *gradient).collect();
        let norm = Norm::of(&gradients, settings.inverse_loss_scale as f32);
        let betas = settings.hyper(0, 1);
        let mut telemetry = vec![Telemetry::default(); self.members.len()];
        let (clock, clip) = match Step::decide(&self.clock, &betas, norm, settings.max_norm)? {
            Step::Skip => return Ok(Outcome { norm: norm.get(), clip: None, telemetry }),
            Step::Go { clock, clip } => (clock, clip),
        };
        let constants = self.members.iter().zip(&gradients);
        let constants: Vec<StepConstants> = constants
            .map(|(member, gradient)| constants_of(settings, &clock, member, *gradient, clip))
            .collect::<Result<_>>()?;
        let options = settings.rounding();
        let each = self.members.iter_mut().zip(tensors).zip(&constants).zip(&mut telemetry);
        for (((member, (weights, gradient)), constants), telemetry) in each {
            let source =
                Source { seed: settings.seed, tensor: member.tensor, step: clock.t as u32 };
            let weights = weights.reborrow();
            *telemetry = match &mut member.state {
                StoredMoments::Fp8(moments) => {
                    step(weights, *gradient, moments, constants, &options, source)?
                }
                StoredMoments::Full(moments) => {
                    step_full(weights, *gradient, moments, constants, source)?
                }
            };
        }
        self.clock = clock;
        Ok(Outcome { norm: norm.get(), clip: Some(clip), telemetry })
    }

    /// Slices that fit.
    pub(crate) fn check(&self, tensors: &[(Weights<'_>, Gradient<'_>)]) -> Result<()> {
        let (got, members) = (tensors.len(), self.members.len());
        if got != members {
            let allowed = format!("the optimizer has {members}");
            return Err(Error::Length { what: "tensors", got, allowed });
        }
        self.members.iter().zip(tensors).try_for_each(|(member, (weights, gradient))| {
            weights.check(member.state.len())?;
            gradient.check(member.state.len())
        })
    }
}

/// The constants of a tensor, its rate divided by what update clipping says.
fn constants_of(
    settings: &Settings,
    clock: &Clock,
    member: &Member,
    gradient: Gradient,
    clip: f64,
) -> Result<StepConstants> {
    let hyper = settings.hyper(member.group, clock.t);
    let scale = clip * settings.inverse_loss_scale;
    let constants = StepConstants::new(&hyper, clock, 1.0, scale)?;
    let Some(limit) = settings.update_limit else {
        return Ok(constants);
    };
    let moments = match &member.state {
        StoredMoments::Fp8(moments) => MomentsRef::Fp8(moments),
        StoredMoments::Full(moments) => MomentsRef::Full(moments),
    };
    let mut partials = vec![0.0; gradient.len().div_ceil(BLOCK)];
    update_clip::partials(gradient, moments, &constants, &mut partials)?;
    let rms = UpdateRms::combine(&partials, gradient.len() as u64);
    let shrink = rms.shrink(limit).unwrap_or(f64::INFINITY);
    if shrink.is_finite() {
        return StepConstants::new(&hyper, clock, shrink, scale);
    }
    // Damaged moments, or a tiny limit: the weights keep still, at a rate of 0.
    let decay = match hyper.decay_rate {
        DecayRate::Clipped => 1.0,
        DecayRate::Plain => constants.decay,
    };
    Ok(StepConstants { alpha: 0.0, decay, ..constants })
}
