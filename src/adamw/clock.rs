//! Which step it is, and whether it happens.

use super::Hyper;
use super::hyper::require;
use super::norm::{Norm, check_limit};
use crate::Result;

/// Steps that happened, and the powers of the betas that correct their bias.
///
/// It advances once for each step that happens and not at all for a skipped
/// one: a skipped step then changes no bit, here as in the tensors. The fields
/// are what a checkpoint saves; [`validate`](Self::validate) what it restores.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Clock {
    /// Steps that happened, at most 2^32 - 1: random words number steps in 32 bits.
    pub t: u64,
    /// Product of `beta1` over those steps.
    pub beta1_pow: f64,
    /// Product of `beta2` over those steps.
    pub beta2_pow: f64,
}

/// The number of the last step.
const LAST: u64 = u32::MAX as u64;

impl Default for Clock {
    fn default() -> Self {
        Self::START
    }
}

impl Clock {
    /// Before the first step.
    pub const START: Self = Self { t: 0, beta1_pow: 1.0, beta2_pow: 1.0 };

    /// The clock with one step more: one f64 multiplication for each power.
    ///
    /// Where a step can still be refused, prepare it with this clock and
    /// store the clock last; see [`Step`].
    #[must_use]
    pub fn advanced(&self, hyper: &Hyper) -> Self {
        Self {
            t: self.t.saturating_add(1),
            beta1_pow: self.beta1_pow * hyper.beta1,
            beta2_pow: self.beta2_pow * hyper.beta2,
        }
    }

    /// Counts one step: [`advanced`](Self::advanced), in place.
    pub fn advance(&mut self, hyper: &Hyper) {
        *self = self.advanced(hyper);
    }

    /// Refuses a clock that no steps lead to: both powers are 1 before the
    /// first step and lie in `0 <= power < 1` after it, and steps have numbers
    /// of 32 bits.
    ///
    /// # Errors
    /// [`Error::Parameter`](crate::Error::Parameter) names `t`, or the first
    /// power that does not fit it.
    pub fn validate(&self) -> Result<()> {
        require("clock.t", self.t, self.t <= LAST, "it has at most 32 bits")?;
        let powers = [("clock.beta1_pow", self.beta1_pow), ("clock.beta2_pow", self.beta2_pow)];
        for (what, power) in powers {
            let (holds, allowed) = match self.t {
                0 => (power == 1.0, "it is 1 before the first step"),
                _ => ((0.0..1.0).contains(&power), "it lies in 0 <= power < 1 after a step"),
            };
            require(what, power, holds, allowed)?;
        }
        Ok(())
    }

    /// Refuses the clock of the last step too, which no step can follow.
    pub(crate) fn validate_next(&self) -> Result<()> {
        self.validate()?;
        require("clock.t", self.t, self.t < LAST, "the step after it has at most 32 bits")
    }
}

/// What becomes of a step, now that the norm of its gradients is known.
///
/// The clock of a step that happens comes with the decision, so that it
/// advances exactly then. Store it once nothing can refuse the step any more:
///
/// ```
/// use quarter::adamw::{Clock, Gradient, Hyper, Step, StepConstants, norm::Norm};
///
/// # let gradient = vec![1e-3_f32; 1000];
/// # let hyper = Hyper::default();
/// let mut clock = Clock::START;
/// let norm = Norm::of(&[Gradient::F32(&gradient)], 1.0);
/// match Step::decide(&clock, &hyper, norm, Some(1.0))? {
///     Step::Skip => {}
///     Step::Go { clock: next, clip } => {
///         let constants = StepConstants::new(&hyper, &next, 1.0, clip)?;
///         // `adamw::step` of every tensor, with these constants.
///         clock = next;
///     }
/// }
/// assert_eq!(clock.t, 1);
/// # Ok::<(), quarter::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[must_use]
pub enum Step {
    /// The norm is infinite or NaN: no weight, moment or clock changes.
    Skip,
    /// The step happens.
    Go {
        /// The clock that counts it.
        clock: Clock,
        /// Clip factor of the gradients, in `0 <= clip <= 1`.
        clip: f64,
    },
}

impl Step {
    /// Skips if the norm is not finite. `max_norm` is what
    /// [`Norm::clip_factor`] takes; without one, `clip` is 1.
    ///
    /// # Errors
    /// [`Error::Parameter`](crate::Error::Parameter) for hyperparameters or a
    /// `max_norm` out of range, a clock that [`Clock::validate`] refuses and
    /// one of 2^32 - 1 steps, whatever the norm.
    pub fn decide(clock: &Clock, hyper: &Hyper, norm: Norm, max_norm: Option<f64>) -> Result<Self> {
        hyper.validate()?;
        clock.validate_next()?;
        max_norm.map_or(Ok(()), |max_norm| check_limit("max_norm", max_norm))?;
        if !norm.is_finite() {
            return Ok(Self::Skip);
        }
        let clip = max_norm.map_or(Ok(1.0), |max_norm| norm.clip_factor(max_norm))?;
        Ok(Self::Go { clock: clock.advanced(hyper), clip })
    }
}
