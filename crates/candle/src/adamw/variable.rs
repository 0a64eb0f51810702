//! One variable's share of a step: its moments, and candle's way to its slices.

use std::{ops::Range, sync::Mutex};

use candle_core::{
    CpuStorage, Error, InplaceOp2, Layout, Result, Storage, Tensor, Var, backprop::GradStore, bail,
};
use quarter::{
    adamw::{
        self, BLOCK, FullMoments, Gradient, Hyper, Moments, Options, StepConstants, Telemetry,
        Weights,
        literal::{self, LiteralMoments},
        norm,
        update_clip::{self, MomentsRef, UpdateRms},
    },
    random::Source,
};

use super::AdamWConfig;

pub(super) enum State {
    Full(FullMoments),
    Fp8(Moments),
    Literal(LiteralMoments),
}

pub(super) struct Parameter {
    pub(super) name: String,
    pub(super) var: Var,
    pub(super) hyper: Hyper,
    pub(super) state: State,
}

impl State {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Full(x) => x.len(),
            Self::Fp8(x) => x.len(),
            Self::Literal(x) => x.m().0.len(),
        }
    }

    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Full(x) => x.bytes(),
            Self::Fp8(x) => x.bytes(),
            Self::Literal(x) => x.bytes(),
        }
    }

    pub(super) fn scale_bytes(&self) -> usize {
        match self {
            Self::Full(_) => 0,
            Self::Fp8(x) => size_of_val(x.m().1) + size_of_val(x.v().1),
            Self::Literal(x) => size_of_val(&x.m().1) + size_of_val(&x.v().1),
        }
    }
}

impl Parameter {
    pub(super) fn gradient(&self, gradients: &GradStore) -> Result<Tensor> {
        let Some(gradient) = gradients.get(&self.var) else {
            bail!("{} has no gradient", self.name)
        };
        if gradient.dtype() != self.var.dtype() || gradient.shape() != self.var.shape() {
            bail!("{} is {:?}; its gradient is {gradient:?}", self.name, self.var)
        }
        // The step cannot read a gradient from the memory it writes.
        if storage(gradient) == storage(&self.var) {
            return gradient.copy()?.contiguous();
        }
        gradient.contiguous()
    }

    pub(super) fn shrink(
        &self,
        gradient: &Tensor,
        constants: &StepConstants,
        d: f64,
    ) -> Result<f64> {
        let moments: MomentsRef<'_> = match &self.state {
            State::Full(x) => x.into(),
            State::Fp8(x) => x.into(),
            State::Literal(_) => return Ok(1.0),
        };
        borrow(gradient, |gradient| {
            let mut partials = vec![0.0; gradient.len().div_ceil(BLOCK)];
            update_clip::partials(gradient, moments, constants, &mut partials)
                .map_err(Error::wrap)?;
            UpdateRms::combine(&partials, gradient.len() as u64).shrink(d).map_err(Error::wrap)
        })
    }

    pub(super) fn step(
        &mut self,
        gradient: &Tensor,
        constants: &StepConstants,
        config: &AdamWConfig,
        source: Source,
    ) -> Result<Telemetry> {
        let telemetry = Telemetry::default();
        let update =
            Update { constants, config, source, state: Mutex::new((&mut self.state, telemetry)) };
        self.var.inplace_op2(gradient, &update)?;
        let (_, telemetry) =
            update.state.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner());
        Ok(telemetry)
    }
}

/// Where a tensor keeps its values, to compare and nothing else.
fn storage(tensor: &Tensor) -> *const Storage {
    let (storage, _) = tensor.storage_and_layout();
    &raw const *storage
}

pub(super) fn sum_of_squares(gradient: Gradient<'_>) -> Result<f64> {
    let mut partials = vec![0.0; gradient.len().div_ceil(BLOCK)];
    norm::partials(gradient, 1.0, &mut partials).map_err(Error::wrap)?;
    Ok(norm::sum(&partials))
}

/// Lends a contiguous gradient to `f`.
pub(super) fn borrow<T>(gradient: &Tensor, f: impl FnOnce(Gradient<'_>) -> Result<T>) -> Result<T> {
    let (storage, layout) = gradient.storage_and_layout();
    match &*storage {
        Storage::Cpu(storage) => f(as_gradient(storage, layout)?),
        _ => bail!("the gradient is not on the CPU"),
    }
}

fn as_gradient<'a>(storage: &'a CpuStorage, layout: &Layout) -> Result<Gradient<'a>> {
    let range = contiguous(layout)?;
    match storage {
        CpuStorage::F32(x) => Ok(Gradient::F32(&x[range])),
        CpuStorage::BF16(x) => Ok(Gradient::Bf16(&x[range])),
        _ => bail!("the gradient is not f32 or bf16"),
    }
}

fn contiguous(layout: &Layout) -> Result<Range<usize>> {
    match layout.contiguous_offsets() {
        Some((start, end)) => Ok(start..end),
        None => bail!("a variable or gradient is not contiguous"),
    }
}

/// The step of one variable as candle's way to a mutable slice. The lock is
/// never contended: candle only lends the operation by shared reference.
struct Update<'a> {
    constants: &'a StepConstants,
    config: &'a AdamWConfig,
    source: Source,
    state: Mutex<(&'a mut State, Telemetry)>,
}

impl InplaceOp2 for Update<'_> {
    fn name(&self) -> &'static str {
        "adamw"
    }

    fn cpu_fwd(
        &self,
        weights: &mut CpuStorage,
        layout: &Layout,
        gradient: &CpuStorage,
        gradient_layout: &Layout,
    ) -> Result<()> {
        let gradient = as_gradient(gradient, gradient_layout)?;
        let range = contiguous(layout)?;
        let weights = match weights {
            CpuStorage::F32(w) => Weights::F32(&mut w[range]),
            CpuStorage::BF16(w) => {
                Weights::Bf16 { weights: &mut w[range], rounding: self.config.rounding }
            }
            _ => bail!("the variable is not f32 or bf16"),
        };
        let mut guard = self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let (state, telemetry) = &mut *guard;
        *telemetry = match state {
            State::Full(moments) => {
                adamw::step_full(weights, gradient, moments, self.constants, self.source)
            }
            State::Fp8(moments) => {
                let options = Options::new(&self.config.hyper);
                adamw::step(weights, gradient, moments, self.constants, &options, self.source)
            }
            State::Literal(moments) => {
                let Weights::Bf16 { weights, .. } = weights else {
                    bail!("literal moments need bf16 weights")
                };
                literal::step(weights, gradient, moments, self.constants)
            }
        }
        .map_err(Error::wrap)?;
        Ok(())
    }
}
