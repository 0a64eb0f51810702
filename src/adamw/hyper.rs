//! Hyperparameters, and the constants of a step.

use super::Clock;
use crate::{Error, Result};

/// Which learning rate the decoupled weight decay follows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DecayRate {
    /// The rate after update clipping: a clipped step decays less too.
    #[default]
    Clipped,
    /// The rate as given.
    Plain,
}

/// Hyperparameters of AdamW. Any of them may change from step to step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hyper {
    /// Learning rate, finite and not negative.
    pub lr: f64,
    /// Decay of the first moment, `0 <= beta1 < 1`, as an f32 too.
    pub beta1: f64,
    /// Decay of the second moment, `0 <= beta2 < 1`, as an f32 too.
    pub beta2: f64,
    /// Added to the root of the corrected second moment: 0, or positive as an
    /// f32. With 0, an element that never saw a gradient becomes 0 / 0.
    pub eps: f64,
    /// Decoupled weight decay, finite and not negative.
    pub weight_decay: f64,
    /// The learning rate that weight decay is multiplied with.
    pub decay_rate: DecayRate,
}

impl Default for Hyper {
    /// `lr` 1e-3, betas 0.9 and 0.95, `eps` 1e-8, decay 0.1 at the clipped rate.
    fn default() -> Self {
        Self {
            lr: 1e-3,
            beta1: 0.9,
            beta2: 0.95,
            eps: 1e-8,
            weight_decay: 0.1,
            decay_rate: DecayRate::Clipped,
        }
    }
}

impl Hyper {
    /// Checks every field against its documented range.
    ///
    /// # Errors
    /// [`Error::Parameter`] names the first field that is out of range.
    pub fn validate(&self) -> Result<()> {
        for (what, beta) in [("beta1", self.beta1), ("beta2", self.beta2)] {
            let holds = (0.0..1.0).contains(&beta) && (beta as f32) < 1.0;
            require(what, beta, holds, "it lies in 0 <= beta < 1, as an f32 too")?;
        }
        for (what, x) in [("lr", self.lr), ("eps", self.eps), ("weight_decay", self.weight_decay)] {
            require(what, x, x.is_finite() && x >= 0.0, "it is finite and not negative")?;
        }
        let kept = self.eps == 0.0 || self.eps as f32 > 0.0;
        require("eps", self.eps, kept, "it is 0, or positive as an f32")
    }
}

/// What one step multiplies with: computed once in f64, each rounded once to
/// f32. The formulas are part of the contract in [the module](super).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepConstants {
    /// `f32(beta1)`
    pub beta1: f32,
    /// `f32(beta2)`
    pub beta2: f32,
    /// `f32(1 - beta1)`, the difference in f64
    pub one_minus_beta1: f32,
    /// `f32(1 - beta2)`, the difference in f64
    pub one_minus_beta2: f32,
    /// `f32(lr' sqrt(bc2) / bc1)`
    pub alpha: f32,
    /// `f32(eps sqrt(bc2))`
    pub eps: f32,
    /// `f32(1 - lr_w weight_decay)`
    pub decay: f32,
    /// Multiplies every gradient: `f32(clip factor / loss scale)`
    pub gradient_scale: f32,
    /// `f32(1 / bc2)`, for update clipping
    pub inv_bc2: f32,
    /// `max(f32(eps eps), 2^-126)`, for update clipping
    pub eps_squared: f32,
}

impl StepConstants {
    /// The constants of the step that `clock` already counts.
    ///
    /// `shrink` divides the learning rate, `lr' = lr / shrink`: 1, or what
    /// [`UpdateRms::shrink`](super::update_clip::UpdateRms::shrink) says of the
    /// tensor. `gradient_scale` is the clip factor over the loss scale.
    ///
    /// # Errors
    /// [`Error::Parameter`] for hyperparameters out of range, a clock that has
    /// not been advanced or that no steps lead to, a shrink below 1 or not
    /// finite, a negative gradient scale, constants that overflow f32, and an
    /// `eps` above 0 whose constant is 0.
    pub fn new(hyper: &Hyper, clock: &Clock, shrink: f64, gradient_scale: f64) -> Result<Self> {
        hyper.validate()?;
        clock.validate()?;
        let advanced = clock.t > 0;
        require("clock.t", clock.t, advanced, "the clock is advanced before the step's constants")?;
        let shrinks = shrink >= 1.0 && shrink.is_finite();
        require("shrink", shrink, shrinks, "it is finite and at least 1")?;
        require("gradient_scale", gradient_scale, gradient_scale >= 0.0, "it is not negative")?;
        let bc1 = 1.0 - clock.beta1_pow;
        let bc2 = 1.0 - clock.beta2_pow;
        let root = bc2.sqrt();
        let lr = hyper.lr / shrink;
        let decay_lr = match hyper.decay_rate {
            DecayRate::Clipped => lr,
            DecayRate::Plain => hyper.lr,
        };
        let narrow = |what, x: f64| {
            let narrowed = x as f32;
            require(what, x, narrowed.is_finite(), "it is finite as an f32")?;
            Ok(narrowed)
        };
        let eps = narrow("eps sqrt(bc2)", hyper.eps * root)?;
        let kept = hyper.eps == 0.0 || eps > 0.0;
        require("eps sqrt(bc2)", hyper.eps * root, kept, "it is positive as an f32, or eps is 0")?;
        Ok(Self {
            beta1: hyper.beta1 as f32,
            beta2: hyper.beta2 as f32,
            one_minus_beta1: (1.0 - hyper.beta1) as f32,
            one_minus_beta2: (1.0 - hyper.beta2) as f32,
            alpha: narrow("lr sqrt(bc2) / bc1", lr * root / bc1)?,
            eps,
            decay: narrow("1 - lr weight_decay", 1.0 - decay_lr * hyper.weight_decay)?,
            gradient_scale: narrow("gradient_scale", gradient_scale)?,
            inv_bc2: narrow("1 / bc2", 1.0 / bc2)?,
            eps_squared: narrow("eps eps", hyper.eps * hyper.eps)?.max(f32::MIN_POSITIVE),
        })
    }
}

pub(super) fn require(
    what: &'static str,
    got: impl core::fmt::Display,
    holds: bool,
    allowed: &'static str,
) -> Result<()> {
    if holds { Ok(()) } else { Err(Error::Parameter { what, got: got.to_string(), allowed }) }
}
