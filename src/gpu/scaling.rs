//! Delayed scaling on a device.

use std::sync::Arc;

use super::launch::{enqueue, striding};
use super::wide::{bytes_of, floats};
use super::{Buffer, Device, Driver, Stream, check};
use crate::ffi::{self, QuarterScaling};
use crate::scaling::{
    AmaxChoice, Delayed, DelayedState, NonFiniteAmax, Policy, TinyAmax, ZeroAmax,
};
use crate::{Error, Result};

/// [`Delayed::update`] on a device, in addresses of the device: all tensors of a model in one
/// launch. The arrays are those of [`DelayedState`].
#[derive(Clone, Copy, Debug)]
pub struct UpdateScalesOn {
    /// Number of tensors.
    pub tensors: usize,
    /// Length of each history.
    pub window: usize,
    /// Which amax of the window counts.
    pub choice: AmaxChoice,
    /// How it becomes a scale.
    pub policy: Policy,
    /// u32 x tensors: what the casts have raised; zeroed.
    pub now: u64,
    /// u32 x tensors x window.
    pub history: u64,
    /// u32 x tensors, below the window.
    pub next: u64,
    /// f32 x tensors.
    pub scale: u64,
    /// f32 x tensors: `MAX * 2^-margin` of each tensor's format.
    pub max_margin: u64,
    /// u32, raised by the number of tensors whose amax was not finite; 0 if not wanted.
    pub non_finite: u64,
}

impl UpdateScalesOn {
    /// Checks everything, then enqueues one launch.
    ///
    /// # Errors
    /// As [`QuantizeOn::enqueue`](super::QuantizeOn::enqueue).
    ///
    /// # Safety
    /// As [`QuantizeOn::enqueue`](super::QuantizeOn::enqueue).
    pub unsafe fn enqueue(&self, driver: &dyn Driver, stream: Stream) -> Result<()> {
        self.policy.validate()?;
        let some = self.tensors > 0;
        for (what, address) in [
            ("amaxes", self.now),
            ("amax histories", self.history),
            ("history positions", self.next),
            ("scales", self.scale),
            ("max_margin", self.max_margin),
        ] {
            check::address(what, address, 4, some)?;
        }
        check::address("non_finite", self.non_finite, 4, false)?;
        if self.window == 0 || self.window > 1 << 20 {
            return Err(Error::Parameter {
                what: "amax window",
                got: self.window.to_string(),
                allowed: "1 to 1048576 is allowed",
            });
        }
        let tensors = match u32::try_from(self.tensors) {
            Ok(n) if n < 1 << 24 => n,
            _ => {
                return Err(Error::Parameter {
                    what: "number of tensors",
                    got: self.tensors.to_string(),
                    allowed: "fewer than 2^24 are allowed on a device",
                });
            }
        };
        if tensors == 0 {
            return Ok(());
        }
        let params = QuarterScaling {
            now: self.now,
            history: self.history,
            next: self.next,
            scale: self.scale,
            max_margin: self.max_margin,
            non_finite: self.non_finite,
            tensors,
            window: self.window as u32,
            most_recent: u32::from(self.choice == AmaxChoice::MostRecent),
            on_zero: match self.policy.zero {
                ZeroAmax::Keep => ffi::QUARTER_ZERO_KEEP,
                ZeroAmax::One => ffi::QUARTER_ZERO_ONE,
            },
            on_non_finite: match self.policy.non_finite {
                NonFiniteAmax::Keep => ffi::QUARTER_NON_FINITE_KEEP,
                NonFiniteAmax::Backoff => ffi::QUARTER_NON_FINITE_BACKOFF,
                NonFiniteAmax::One => ffi::QUARTER_NON_FINITE_ONE,
            },
            floor: match self.policy.tiny {
                TinyAmax::Clamp => 0.0,
                TinyAmax::Floor(floor) => floor,
            },
            pow2: u32::from(self.policy.pow2),
            reserved: 0,
        };
        let shape = striding(driver, tensors, 8);
        // SAFETY: as the caller promises.
        unsafe { enqueue(driver, stream, "scaling", "scaling", shape, &params) }
    }
}

/// [`Delayed`] that lives on a device: what a trainer holds.
///
/// In a step each cast takes [`scale`](Self::scale) as [`ScaleOn::Given`](super::ScaleOn::Given)
/// and [`amax`](Self::amax) as its statistics; [`enqueue`](Self::enqueue) moves all scales after
/// it. Across ranks, reduce [`amaxes`](Self::amaxes) by their u32 maximum before that.
pub struct DelayedOn {
    driver: Arc<dyn Driver>,
    tensors: usize,
    window: usize,
    choice: AmaxChoice,
    policy: Policy,
    now: Buffer,
    history: Buffer,
    next: Buffer,
    scale: Buffer,
    max_margin: Buffer,
    non_finite: Buffer,
}

impl DelayedOn {
    /// A copy of the host's.
    ///
    /// # Errors
    /// [`Error::Device`].
    pub fn new(driver: &Arc<dyn Driver>, from: &Delayed) -> Result<Self> {
        let state = from.state();
        let max_margin: Vec<f32> = (0..from.len())
            .filter_map(|i| from.format(i))
            .map(|format| from.policy().max_margin(format))
            .collect();
        Ok(Self {
            driver: Arc::clone(driver),
            tensors: from.len(),
            window: from.window(),
            choice: from.choice(),
            policy: *from.policy(),
            now: Buffer::from_bytes(driver, words_to_bytes(&state.now))?,
            history: Buffer::from_bytes(driver, words_to_bytes(&state.history))?,
            next: Buffer::from_bytes(driver, words_to_bytes(&state.next))?,
            scale: Buffer::from_bytes(driver, bytes_of(&state.scale))?,
            max_margin: Buffer::from_bytes(driver, bytes_of(&max_margin))?,
            non_finite: Buffer::zeroed(driver, 4)?,
        })
    }

    /// Where the scale of a tensor lies, 0 until an update has set one; `None` if there is no
    /// such tensor.
    pub fn scale(&self, tensor: usize) -> Option<u64> {
        (tensor < self.tensors).then(|| self.scale.address() + 4 * tensor as u64)
    }

    /// Where the casts of a tensor raise its amax; `None` if there is no such tensor.
    pub fn amax(&self, tensor: usize) -> Option<u64> {
        (tensor < self.tensors).then(|| self.now.address() + 4 * tensor as u64)
    }

    /// Where all amaxes lie side by side, one u32 a tensor.
    pub fn amaxes(&self) -> u64 {
        self.now.address()
    }

    /// Enqueues the update of all scales: one launch.
    ///
    /// # Errors
    /// [`Error::Device`].
    pub fn enqueue(&self, stream: Stream) -> Result<()> {
        let update = UpdateScalesOn {
            tensors: self.tensors,
            window: self.window,
            choice: self.choice,
            policy: self.policy,
            now: self.now.address(),
            history: self.history.address(),
            next: self.next.address(),
            scale: self.scale.address(),
            max_margin: self.max_margin.address(),
            non_finite: self.non_finite.address(),
        };
        // SAFETY: the buffers are this object's, as large as it says.
        unsafe { update.enqueue(&*self.driver, stream) }
    }

    /// What a checkpoint has to hold, after what is on the default stream, and how many
    /// non-finite amaxes the updates have seen so far. Waits.
    ///
    /// # Errors
    /// [`Error::Device`].
    pub fn state(&self) -> Result<(DelayedState, u32)> {
        // SAFETY: all were written when they were made.
        let read = |buffer: &Buffer| unsafe { buffer.to_bytes() };
        let state = DelayedState {
            now: words(&read(&self.now)?),
            history: words(&read(&self.history)?),
            next: words(&read(&self.next)?),
            scale: floats(&read(&self.scale)?),
        };
        Ok((state, words(&read(&self.non_finite)?).first().copied().unwrap_or(0)))
    }
}

impl Delayed {
    /// [`update`](Self::update) on a device, with the same bits. Copies to and from it, and waits;
    /// [`DelayedOn`] does neither.
    ///
    /// # Errors
    /// [`Error::Device`]; nothing has changed then.
    pub fn update_on(&mut self, device: &Device) -> Result<usize> {
        let Some(driver) = device.driver() else {
            return Ok(self.update());
        };
        let on = DelayedOn::new(driver, self)?;
        on.enqueue(Stream::default())?;
        driver.synchronize(Stream::default())?;
        let (state, non_finite) = on.state()?;
        self.restore(state)?;
        Ok(non_finite as usize)
    }
}

fn words(bytes: &[u8]) -> Vec<u32> {
    bytes.chunks_exact(4).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect()
}

fn words_to_bytes(words: &[u32]) -> &[u8] {
    // SAFETY: u32 has no padding.
    unsafe { std::slice::from_raw_parts(words.as_ptr().cast(), size_of_val(words)) }
}
