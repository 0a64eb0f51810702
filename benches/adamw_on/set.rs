//! The tensors of a benchmark, and the parts of a step.

use std::fmt;
use std::sync::Arc;

use quarter::adamw::{Rounding, SecondForm, Settings};
use quarter::gpu::{
    AdamwOn, AdamwTensorOn, Buffer, Driver, GradientOn, MomentsOn, Stream, WeightsOn,
};

/// What is stored of a parameter.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// bf16 weights and gradients, FP8 moments.
    Fp8,
    /// The same with v stored linearly.
    Linear,
    /// With an i16 rest beside the weights.
    Split,
    /// bf16 weights, f32 moments.
    Full,
}

impl Kind {
    pub const ALL: [Self; 4] = [Self::Fp8, Self::Linear, Self::Split, Self::Full];

    /// Bytes that a step moves of each parameter.
    pub fn step_bytes(self) -> usize {
        match self {
            Self::Fp8 | Self::Linear => 10,
            Self::Split => 14,
            Self::Full => 22,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Fp8 => "bf16, FP8 moments,",
            Self::Linear => "bf16, FP8 moments, v linear,",
            Self::Split => "bf16 + i16, FP8 moments,",
            Self::Full => "bf16, f32 moments,",
        })
    }
}

/// A part of a step, or all of it.
#[derive(Clone, Copy)]
pub enum Part {
    Norm,
    Decision,
    Updates,
    Weights,
    All,
}

impl Part {
    pub const ALL: [Self; 5] =
        [Self::Norm, Self::Decision, Self::Updates, Self::Weights, Self::All];

    /// Bytes of each parameter: at least one, where there are none to speak of.
    pub fn bytes(self, kind: Kind) -> usize {
        let second = if kind == Kind::Full { 4 } else { 1 };
        match self {
            Self::Norm => 2,
            Self::Decision => 1,
            Self::Updates => 2 + second,
            Self::Weights => kind.step_bytes(),
            Self::All => 2 + kind.step_bytes(),
        }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Norm => "norm",
            Self::Decision => "decision",
            Self::Updates => "updates",
            Self::Weights => "weights",
            Self::All => "norm to weights",
        })
    }
}

/// All tensors and their optimizer.
pub struct Set {
    on: AdamwOn,
    _buffers: Vec<Buffer>,
}

impl Set {
    /// Random weights and gradients in the memory of `driver`, launched by `launcher`.
    pub fn new(
        driver: &Arc<dyn Driver>,
        launcher: &Arc<dyn Driver>,
        kind: Kind,
        tensors: &[usize],
    ) -> quarter::Result<Self> {
        let mut buffers = Vec::new();
        let mut keep = |buffer: Buffer| {
            let address = buffer.address();
            buffers.push(buffer);
            address
        };
        let mut on = Vec::new();
        for (i, n) in tensors.iter().copied().enumerate() {
            let normal = |scale, salt| Buffer::from_bytes(driver, &normal(n, scale, salt));
            let weights = keep(normal(0.02, 2 * i)?);
            let gradient = keep(normal(1e-3, 2 * i + 1)?);
            let moment = if kind == Kind::Full { 4 } else { 1 };
            let m = keep(Buffer::zeroed(driver, moment * n)?);
            let v = keep(Buffer::zeroed(driver, moment * n)?);
            let smallest = f32::MIN_POSITIVE.to_le_bytes().repeat(n.div_ceil(128));
            let m_scales = keep(Buffer::from_bytes(driver, &smallest)?);
            let v_scales = keep(Buffer::from_bytes(driver, &smallest)?);
            let form = match kind {
                Kind::Linear => SecondForm::Linear,
                _ => SecondForm::Sqrt,
            };
            on.push(AdamwTensorOn {
                weights: match kind {
                    Kind::Split => {
                        WeightsOn::Split { weights, rest: keep(Buffer::zeroed(driver, 2 * n)?) }
                    }
                    _ => WeightsOn::Bf16 { weights, rounding: Rounding::Stochastic },
                },
                gradient: GradientOn::Bf16(gradient),
                moments: match kind {
                    Kind::Full => MomentsOn::Full { m, v },
                    _ => MomentsOn::Fp8 { form, m, v, m_scales, v_scales },
                },
                len: n as u64,
                first: 0,
                whole_len: n as u64,
                group: 0,
                tensor: i as u32,
            });
        }
        let on = AdamwOn::new(launcher, &on, Settings::default())?;
        // Moments as they are while training, and a clock that has begun.
        // SAFETY: the buffers have the lengths of their tensors, and live as long.
        (0..3).try_for_each(|_| unsafe { on.enqueue(Stream::default()) })?;
        launcher.synchronize(Stream::default())?;
        Ok(Self { on, _buffers: buffers })
    }

    pub fn enqueue(&self, stream: Stream, part: Part) -> quarter::Result<()> {
        // SAFETY: the buffers have the lengths of their tensors, and live as long.
        unsafe {
            match part {
                Part::Norm => self.on.enqueue_norm_partials(stream),
                Part::Decision => self.on.enqueue_decision(stream),
                Part::Updates => self.on.enqueue_update_partials(stream),
                Part::Weights => self.on.enqueue_weights(stream),
                Part::All => self.on.enqueue(stream),
            }
        }
    }
}

/// bf16 normal numbers, drawn once and repeated: the hardware does not see the period.
fn normal(n: usize, scale: f32, salt: usize) -> Vec<u8> {
    const PERIOD: usize = 1 << 20;
    let mut state = salt as u64;
    let numbers = (0..PERIOD.min(n)).map(|_| {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (state ^ state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        let z = z ^ z >> 31;
        let unit = |bits: u64| (bits as f32 + 0.5) / (1u64 << 32) as f32;
        let (radius, angle) = (unit(z >> 32), unit(z & 0xffff_ffff));
        (-2.0 * radius.ln()).sqrt() * (std::f32::consts::TAU * angle).cos() * scale
    });
    let bytes: Vec<u8> = numbers.flat_map(|x| half::bf16::from_f32(x).to_le_bytes()).collect();
    bytes.iter().copied().cycle().take(2 * n).collect()
}
