//! What all tensors of a model share, step by step.

use super::hyper::require;
use super::norm::check_limit;
use super::{DecayRate, Hyper, Options};
use crate::{Error, Result};

/// Tensors with the same learning rate and weight decay: matrices that decay, gains that do not.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Group {
    /// Learning rate, which [`Settings::schedule`] multiplies.
    pub lr: f64,
    /// Decoupled weight decay.
    pub weight_decay: f64,
}

/// The optimizer of a model. Everything but `seed` may change from step to step.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Decay of the first moment.
    pub beta1: f64,
    /// Decay of the second moment.
    pub beta2: f64,
    /// Added to the root of the corrected second moment.
    pub eps: f64,
    /// The learning rate that weight decay is multiplied with.
    pub decay_rate: DecayRate,
    /// Groups of tensors, one at least.
    pub groups: Vec<Group>,
    /// What the learning rates are multiplied by in step `t`, counted from 1 and only where steps
    /// happen: entry `t - 1`, the last one from there on. Empty: 1.
    pub schedule: Vec<f64>,
    /// The gradients' norm is clipped to this.
    pub max_norm: Option<f64>,
    /// A tensor's learning rate is divided by what its update RMS is over this, if that is more
    /// than 1; see [`update_clip`](super::update_clip).
    pub update_limit: Option<f64>,
    /// 1 over the loss scale of the gradients.
    pub inverse_loss_scale: f64,
    /// How moments are rounded; `None` for [`Options::new`], which looks at `beta1`.
    pub options: Option<Options>,
    /// Of the random words, with a tensor's number and the step.
    pub seed: u64,
}

impl Default for Settings {
    /// [`Hyper::default`], one group, norms clipped to 1, no schedule, no update clipping, moments
    /// rounded as [`Options::new`] says.
    fn default() -> Self {
        let hyper = Hyper::default();
        Self {
            beta1: hyper.beta1,
            beta2: hyper.beta2,
            eps: hyper.eps,
            decay_rate: hyper.decay_rate,
            groups: vec![Group { lr: hyper.lr, weight_decay: hyper.weight_decay }],
            schedule: Vec::new(),
            max_norm: Some(1.0),
            update_limit: None,
            inverse_loss_scale: 1.0,
            options: None,
            seed: 0,
        }
    }
}

impl Settings {
    /// The hyperparameters of a group in step `t`; those of the first if there is none such.
    pub fn hyper(&self, group: usize, t: u64) -> Hyper {
        let of_none = Group { lr: 0.0, weight_decay: 0.0 };
        let Group { lr, weight_decay } =
            *self.groups.get(group).or(self.groups.first()).unwrap_or(&of_none);
        let last = self.schedule.len().saturating_sub(1);
        let entry = usize::try_from(t.saturating_sub(1)).map_or(last, |t| t.min(last));
        let factor = self.schedule.get(entry).copied().unwrap_or(1.0);
        let Self { beta1, beta2, eps, decay_rate, .. } = *self;
        Hyper { lr: lr * factor, beta1, beta2, eps, weight_decay, decay_rate }
    }

    /// How moments are rounded.
    pub fn rounding(&self) -> Options {
        self.options.unwrap_or_else(|| Options::new(&self.hyper(0, 1)))
    }

    /// Refuses what could make the constants of any step overflow or vanish: a device makes them by
    /// itself, where nobody can be told.
    ///
    /// # Errors
    /// [`Error::Parameter`] names the first that is out of range.
    pub fn validate(&self) -> Result<()> {
        let groups = self.groups.len();
        require("groups", groups, groups > 0, "there is one at least")?;
        for &factor in &self.schedule {
            let holds = factor.is_finite() && factor >= 0.0;
            require("schedule", factor, holds, "its entries are finite and not negative")?;
        }
        let largest = self.schedule.iter().copied().reduce(f64::max).unwrap_or(1.0);
        for (i, group) in self.groups.iter().enumerate() {
            Hyper { lr: group.lr, ..self.hyper(i, 1) }.validate()?;
            let lr = group.lr * largest;
            // bc1 is at least 1 - beta1, and the root of bc2 at most 1.
            let alpha = lr / (1.0 - self.beta1);
            let decay = 1.0 - lr * group.weight_decay;
            for (what, x) in [("lr / (1 - beta1)", alpha), ("1 - lr weight_decay", decay)] {
                require(what, x, (x as f32).is_finite(), "it is finite as an f32")?;
            }
        }
        // bc2 is smallest in the first step.
        let eps = self.eps * (1.0 - self.beta2).sqrt();
        let kept = self.eps == 0.0 || eps as f32 > 0.0;
        require("eps sqrt(1 - beta2)", eps, kept, "it is positive as an f32, or eps is 0")?;
        let squared = ((self.eps * self.eps) as f32).is_finite();
        require("eps eps", self.eps, squared, "it is finite as an f32")?;
        self.max_norm.map_or(Ok(()), |limit| check_limit("max_norm", limit))?;
        self.update_limit.map_or(Ok(()), |limit| check_limit("update_limit", limit))?;
        let scale = self.inverse_loss_scale;
        let holds = scale > 0.0 && scale as f32 > 0.0 && (scale as f32).is_finite();
        require("inverse_loss_scale", scale, holds, "it is positive and finite as an f32")
    }

    /// Refuses a group that there is not.
    pub(crate) fn check_group(&self, group: usize) -> Result<()> {
        if group < self.groups.len() {
            return Ok(());
        }
        let allowed = "it is below the number of groups";
        Err(Error::Parameter { what: "group", got: group.to_string(), allowed })
    }
}
