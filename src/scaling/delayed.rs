//! Delayed scaling: the scale of this step comes from the amaxes of earlier ones.

use super::{MAGNITUDE, Policy, is_scale};
use crate::{Error, Format, Result};

/// Which amax of the window sets the scale.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AmaxChoice {
    /// The largest in the window.
    #[default]
    Max,
    /// The newest.
    MostRecent,
}

/// Delayed scaling for all FP8 tensors of a model.
///
/// In a step each cast uses [`scale`](Self::scale) and [`record`](Self::record)s the
/// amax it saw; at the end of the step, after the last use of a scale,
/// [`update`](Self::update) moves all scales at once. Across ranks, take the
/// element-wise u32 maximum of [`amaxes_mut`](Self::amaxes_mut) before it: all
/// amaxes of the model lie there side by side, so one all-reduce serves them.
///
/// # Contract of `update`
/// For each tensor, with `now` the amax gathered since the last update, its sign bit
/// cleared:
/// ```text
/// now infinite or NaN:  nothing is recorded; Policy::non_finite moves the scale
/// now == 0:             nothing is recorded; Policy::zero moves the scale
/// else:                 the oldest entry of the window gives way to now;
///                       scale = Policy::scale(max or newest of the window)
/// now = 0
/// ```
/// So one bad step never freezes a scale, and a module that did not run keeps its
/// history.
///
/// ```
/// use quarter::{Format, scaling::{AmaxChoice, Delayed, Policy, amax_bits}};
///
/// let mut scaling = Delayed::new(vec![Format::E4m3], 16, AmaxChoice::Max, Policy::default())?;
/// scaling.record(0, amax_bits(-3.5));
/// scaling.record(0, amax_bits(1.0));
/// scaling.update();
/// assert_eq!(scaling.scale(0), Some(448.0 / 3.5));
/// # Ok::<(), quarter::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Delayed {
    policy: Policy,
    choice: AmaxChoice,
    formats: Vec<Format>,
    window: usize,
    state: DelayedState,
}

/// What a checkpoint of [`Delayed`] holds. `n` tensors, window `w`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DelayedState {
    /// Amax bits gathered since the last update, `[n]`.
    pub now: Vec<u32>,
    /// Amax bits of earlier updates, `[n][w]`, a ring for each tensor.
    pub history: Vec<u32>,
    /// Where in its ring the next entry of each tensor goes, `[n]`, below `w`.
    pub next: Vec<u32>,
    /// Scales, `[n]`, in [2^-126, FLT_MAX]; 0 where none has been set yet.
    pub scale: Vec<f32>,
}

impl Delayed {
    /// `formats[i]` is the format of tensor `i`; `window` is the length of each
    /// history.
    ///
    /// # Errors
    /// [`Error::Parameter`] if the window or the policy is out of range.
    pub fn new(
        formats: Vec<Format>,
        window: usize,
        choice: AmaxChoice,
        policy: Policy,
    ) -> Result<Self> {
        policy.validate()?;
        if window == 0 || window > 1 << 20 {
            return Err(Error::Parameter {
                what: "amax window",
                got: window.to_string(),
                allowed: "1 to 1048576 is allowed",
            });
        }
        let n = formats.len();
        let state = DelayedState {
            now: vec![0; n],
            history: vec![0; n * window],
            next: vec![0; n],
            scale: vec![0.0; n],
        };
        Ok(Self { policy, choice, formats, window, state })
    }

    /// Adds a tensor; its number is returned.
    pub fn push(&mut self, format: Format) -> usize {
        self.formats.push(format);
        self.state.now.push(0);
        self.state.history.extend(std::iter::repeat_n(0, self.window));
        self.state.next.push(0);
        self.state.scale.push(0.0);
        self.formats.len() - 1
    }

    /// Number of tensors.
    pub fn len(&self) -> usize {
        self.formats.len()
    }

    /// Whether there is no tensor.
    pub fn is_empty(&self) -> bool {
        self.formats.is_empty()
    }

    /// The policy.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Length of each history.
    pub fn window(&self) -> usize {
        self.window
    }

    /// Which amax of the window sets the scale.
    pub fn choice(&self) -> AmaxChoice {
        self.choice
    }

    /// The format of a tensor; `None` if there is no such tensor.
    pub fn format(&self, tensor: usize) -> Option<Format> {
        self.formats.get(tensor).copied()
    }

    /// The scale of a tensor; `None` until an update has set one (the first step
    /// has to use current scaling, or a scale of the caller's).
    pub fn scale(&self, tensor: usize) -> Option<f32> {
        self.state.scale.get(tensor).copied().filter(|&s| s != 0.0)
    }

    /// Takes note of an amax (bits of `|x|`; a sign bit is dropped). Returns whether
    /// there is such a tensor; if not, nothing happens.
    pub fn record(&mut self, tensor: usize, amax: u32) -> bool {
        let now = self.state.now.get_mut(tensor);
        now.map(|now| *now = (*now).max(amax & MAGNITUDE)).is_some()
    }

    /// The amaxes gathered since the last update, one u32 a tensor.
    pub fn amaxes(&self) -> &[u32] {
        &self.state.now
    }

    /// The same, to be replaced by their maximum over all ranks.
    pub fn amaxes_mut(&mut self) -> &mut [u32] {
        &mut self.state.now
    }

    /// Moves all scales; returns how many tensors had a non-finite amax.
    pub fn update(&mut self) -> usize {
        let mut non_finite = 0;
        for i in 0..self.formats.len() {
            let now = std::mem::take(&mut self.state.now[i]) & MAGNITUDE;
            let before = self.scale(i);
            let finite = f32::from_bits(now).is_finite();
            let amax = if !finite || now == 0 {
                non_finite += usize::from(!finite);
                // A tensor without a scale waits for its first good amax.
                if before.is_none() {
                    continue;
                }
                now
            } else {
                let ring = &mut self.state.history[i * self.window..][..self.window];
                let next = &mut self.state.next[i];
                ring[*next as usize] = now;
                *next = (*next + 1) % self.window as u32;
                match self.choice {
                    AmaxChoice::Max => ring.iter().copied().max().unwrap_or(now),
                    AmaxChoice::MostRecent => now,
                }
            };
            self.state.scale[i] = self.policy.scale(self.formats[i], amax, before);
        }
        non_finite
    }

    /// Drops the amaxes gathered since the last update: a step that is skipped
    /// leaves no trace.
    pub fn discard(&mut self) {
        self.state.now.fill(0);
    }

    /// What a checkpoint has to hold.
    pub fn state(&self) -> &DelayedState {
        &self.state
    }

    /// Goes back to a state saved from an equally shaped object.
    ///
    /// # Errors
    /// [`Error::Length`] if an array does not fit, [`Error::Parameter`] for a scale
    /// outside its range, an amax with a sign, an infinite or NaN amax in a history, or
    /// a position past the window. Nothing is changed then.
    pub fn restore(&mut self, state: DelayedState) -> Result<()> {
        let n = self.formats.len();
        for (what, got, need) in [
            ("saved amaxes", state.now.len(), n),
            ("saved histories", state.history.len(), n * self.window),
            ("saved history positions", state.next.len(), n),
            ("saved scales", state.scale.len(), n),
        ] {
            if got != need {
                return Err(Error::Length { what, got, allowed: format!("{need} are needed") });
            }
        }
        if let Some(s) = state.scale.iter().find(|s| s.to_bits() != 0 && !is_scale(**s)) {
            return Err(Error::Parameter {
                what: "saved scale",
                got: s.to_string(),
                allowed: "2^-126 to the largest f32, and +0 for none, are allowed",
            });
        }
        if let Some(&a) = state.now.iter().chain(&state.history).find(|&&a| a > MAGNITUDE) {
            return Err(Error::Parameter {
                what: "saved amax",
                got: format!("{a:#010x}"),
                allowed: "the bits of a magnitude, without a sign, are allowed",
            });
        }
        if let Some(&a) = state.history.iter().find(|&&a| !f32::from_bits(a).is_finite()) {
            return Err(Error::Parameter {
                what: "saved amax",
                got: f32::from_bits(a).to_string(),
                allowed: "a history holds finite amaxes only",
            });
        }
        if let Some(&next) = state.next.iter().find(|&&p| p as usize >= self.window) {
            return Err(Error::Parameter {
                what: "saved history position",
                got: next.to_string(),
                allowed: "positions below the window are allowed",
            });
        }
        self.state = state;
        Ok(())
    }
}
