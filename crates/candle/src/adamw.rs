//! [`quarter::adamw`] for candle variables.

mod variable;

use std::collections::{HashMap, HashSet};

use candle_core::{DType, Device, Error, Result, Tensor, Var, backprop::GradStore, bail};
use quarter::{
    adamw::{
        Clock, FullMoments, Hyper, Moments, Rounding, SecondForm, Step, StepConstants, Telemetry,
        literal::LiteralMoments, norm::Norm, update_clip::UpdateRms,
    },
    random::Source,
};

use variable::{Parameter, State, borrow, sum_of_squares};

/// In what the moments are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MomentStorage {
    /// f32: 8 bytes a parameter.
    Full,
    /// E4M3 with a scale for each 128 elements: 2.0625 bytes a parameter.
    Fp8(SecondForm),
    /// E4M3 with a scale for each tensor, everything rounded to nearest and
    /// without update clipping. For comparison only: see [`quarter::adamw::literal`].
    Literal,
}

/// What stays the same for a run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamWConfig {
    /// Rates; `lr` is given anew for each step, and weight decay applies to
    /// variables of two or more dimensions.
    pub hyper: Hyper,
    /// Storage of the moments.
    pub moments: MomentStorage,
    /// Rounding of bf16 weights. f32 weights are not rounded.
    pub rounding: Rounding,
    /// Largest norm of the gradient of all variables together, positive.
    pub max_norm: Option<f64>,
    /// `d` of [`quarter::adamw::update_clip`], positive.
    pub update_clip: Option<f64>,
    /// Seed of stochastic rounding.
    pub seed: u64,
}

/// FP8 moments, weights rounded stochastically, both clips at 1.
impl Default for AdamWConfig {
    fn default() -> Self {
        Self {
            hyper: Hyper::default(),
            moments: MomentStorage::Fp8(SecondForm::default()),
            rounding: Rounding::Stochastic,
            max_norm: Some(1.0),
            update_clip: Some(1.0),
            seed: 0,
        }
    }
}

/// What a step did.
#[derive(Clone, Copy, Debug, PartialEq)]
#[must_use]
pub struct StepReport {
    /// Norm of the gradient before clipping.
    pub norm: f64,
    /// False if the norm was not finite: no bit of any state has changed then.
    pub applied: bool,
    /// Largest divisor that update clipping put under a learning rate, at least 1.
    pub shrink: f64,
    /// Counts over all variables.
    pub telemetry: Telemetry,
}

/// AdamW over candle variables in f32 or bf16 on the CPU.
///
/// Variable number `i`, in the order given, draws its random words as tensor `i`.
/// A gradient has the type of its variable.
///
/// ```
/// use candle_core::{DType, Device, Var};
/// use quarter_candle::{AdamW, AdamWConfig};
///
/// let w = Var::zeros((4, 128), DType::BF16, &Device::Cpu)?;
/// let mut adamw = AdamW::new(AdamWConfig::default(), [("w".into(), w.clone())])?;
/// let gradients = w.to_dtype(DType::F32)?.affine(1.0, -1.0)?.sqr()?.sum_all()?.backward()?;
/// assert!(adamw.step(&gradients, 1e-3, 1.0)?.applied);
/// assert_eq!(adamw.moment_bytes() + adamw.scale_bytes(), 2 * 512 + 8 * 4);
/// # Ok::<(), candle_core::Error>(())
/// ```
pub struct AdamW {
    config: AdamWConfig,
    clock: Clock,
    parameters: Vec<Parameter>,
}

impl AdamW {
    /// Zero moments for these variables, whose names are those of the checkpoint.
    ///
    /// # Errors
    /// Hyperparameters or a clip out of range; a variable that is not f32 or bf16,
    /// or with literal moments not bf16, that is not on the CPU or not contiguous;
    /// a variable or a name given twice.
    pub fn new(
        config: AdamWConfig,
        variables: impl IntoIterator<Item = (String, Var)>,
    ) -> Result<Self> {
        config.hyper.validate().map_err(Error::wrap)?;
        // The clips of no gradient at all refuse the limits that a step would.
        let (norm, rms) = (Norm::combine(&[]), UpdateRms::combine(&[], 0));
        config.max_norm.map(|max| norm.clip_factor(max)).transpose().map_err(Error::wrap)?;
        config.update_clip.map(|d| rms.shrink(d)).transpose().map_err(Error::wrap)?;
        let (mut names, mut ids) = (HashSet::new(), HashSet::new());
        let parameters = variables.into_iter().map(|(name, var)| {
            if !names.insert(name.clone()) || !ids.insert(var.id()) {
                bail!("{name} is a name or a variable that was given before")
            }
            if !var.device().is_cpu() || !var.is_contiguous() {
                bail!("{name} is not contiguous on the CPU")
            }
            let literal = config.moments == MomentStorage::Literal;
            match var.dtype() {
                DType::BF16 => {}
                DType::F32 if !literal => {}
                other => bail!(
                    "{name} is {other:?}; bf16 is allowed{}",
                    if literal { "" } else { ", and f32" }
                ),
            }
            let weight_decay = if var.dims().len() < 2 { 0.0 } else { config.hyper.weight_decay };
            let hyper = Hyper { weight_decay, ..config.hyper };
            let len = var.elem_count();
            let state = match config.moments {
                MomentStorage::Full => State::Full(FullMoments::new(len).map_err(Error::wrap)?),
                MomentStorage::Fp8(form) => {
                    State::Fp8(Moments::new(form, len).map_err(Error::wrap)?)
                }
                MomentStorage::Literal => {
                    State::Literal(LiteralMoments::new(len).map_err(Error::wrap)?)
                }
            };
            Ok(Parameter { name, var, hyper, state })
        });
        Ok(Self { config, clock: Clock::START, parameters: parameters.collect::<Result<_>>()? })
    }

    /// One step with learning rate `lr`. The gradient is clipped to the largest
    /// norm and then multiplied with `boost`, which is 1 except in experiments.
    ///
    /// # Errors
    /// A variable without a gradient, or with one of another type or shape; a
    /// rate or boost that is out of range or overflows f32 for any variable; an
    /// update RMS that is not finite; a step whose number has more than 32 bits.
    /// No bit of clock, moments or variables is changed then.
    pub fn step(&mut self, gradients: &GradStore, lr: f64, boost: f64) -> Result<StepReport> {
        let gradients =
            self.parameters.iter().map(|p| p.gradient(gradients)).collect::<Result<Vec<_>>>()?;
        let sums =
            gradients.iter().map(|g| borrow(g, sum_of_squares)).collect::<Result<Vec<_>>>()?;
        let norm = Norm::combine(&sums);
        let mut report = StepReport {
            norm: norm.get(),
            applied: false,
            shrink: 1.0,
            telemetry: Telemetry::default(),
        };
        let step = Step::decide(&self.clock, &self.config.hyper, norm, self.config.max_norm);
        let Step::Go { clock, clip } = step.map_err(Error::wrap)? else {
            return Ok(report);
        };
        let number = step_number(clock.t)?;
        // Whatever can be refused is refused here, before the first write.
        let prepared = self.parameters.iter().zip(&gradients).map(|(parameter, gradient)| {
            let hyper = Hyper { lr, ..parameter.hyper };
            let constants = |shrink| {
                StepConstants::new(&hyper, &clock, shrink, boost * clip).map_err(Error::wrap)
            };
            let unshrunk = constants(1.0)?;
            let Some(d) = self.config.update_clip else {
                return Ok((1.0, unshrunk));
            };
            let shrink = parameter.shrink(gradient, &unshrunk, d)?;
            Ok((shrink, constants(shrink)?))
        });
        let prepared = prepared.collect::<Result<Vec<_>>>()?;

        self.clock = clock;
        report.applied = true;
        let steps = self.parameters.iter_mut().zip(&gradients).zip(prepared);
        for (tensor, ((parameter, gradient), (shrink, constants))) in steps.enumerate() {
            let source = Source { seed: self.config.seed, tensor: tensor as u32, step: number };
            report.shrink = report.shrink.max(shrink);
            report.telemetry += parameter.step(gradient, &constants, &self.config, source)?;
        }
        Ok(report)
    }

    /// Steps that happened, and the powers of the betas.
    pub fn clock(&self) -> Clock {
        self.clock
    }

    /// Bytes of moments, without their scales.
    pub fn moment_bytes(&self) -> usize {
        self.parameters.iter().map(|p| p.state.bytes() - p.state.scale_bytes()).sum()
    }

    /// Bytes of the moments' scales.
    pub fn scale_bytes(&self) -> usize {
        self.parameters.iter().map(|p| p.state.scale_bytes()).sum()
    }

    /// Clock and moments for a checkpoint; the variables are not among them.
    ///
    /// `clock.t` is i64, `clock.powers` two f64; moments of variable `x` are
    /// `x.m` and `x.v`, f32 or E4M3 codes as u8, with `x.m_scales` and `x.v_scales`.
    ///
    /// # Errors
    /// Only candle's.
    pub fn state(&self) -> Result<Vec<(String, Tensor)>> {
        let device = &Device::Cpu;
        let powers = [self.clock.beta1_pow, self.clock.beta2_pow];
        let mut out = vec![
            ("clock.t".to_string(), Tensor::new(&[self.clock.t as i64], device)?),
            ("clock.powers".to_string(), Tensor::new(&powers, device)?),
        ];
        for Parameter { name, state, .. } in &self.parameters {
            let mut codes = |moment: &str, codes: &[u8], scales: &[f32]| -> Result<()> {
                out.push((format!("{name}.{moment}"), Tensor::new(codes, device)?));
                out.push((format!("{name}.{moment}_scales"), Tensor::new(scales, device)?));
                Ok(())
            };
            match state {
                State::Full(x) => {
                    out.push((format!("{name}.m"), Tensor::new(x.m(), device)?));
                    out.push((format!("{name}.v"), Tensor::new(x.v(), device)?));
                }
                State::Fp8(x) => {
                    codes("m", x.m().0, x.m().1)?;
                    codes("v", x.v().0, x.v().1)?;
                }
                State::Literal(x) => {
                    codes("m", x.m().0, &[x.m().1])?;
                    codes("v", x.v().0, &[x.v().1])?;
                }
            }
        }
        Ok(out)
    }

    /// Goes back to what [`state`](Self::state) returned.
    ///
    /// # Errors
    /// A tensor that is missing or does not fit, a clock that no steps lead to;
    /// nothing is changed then.
    pub fn restore(&mut self, saved: &HashMap<String, Tensor>) -> Result<()> {
        let get = |name: &str| match saved.get(name) {
            Some(tensor) => Ok(tensor),
            None => bail!("the checkpoint has no {name}"),
        };
        let (t, powers) =
            (get("clock.t")?.to_vec1::<i64>()?, get("clock.powers")?.to_vec1::<f64>()?);
        let (&[t], &[beta1_pow, beta2_pow]) = (&t[..], &powers[..]) else {
            bail!(
                "the clock of the checkpoint has {} and {} numbers; 1 and 2 are needed",
                t.len(),
                powers.len()
            )
        };
        let Ok(t) = u64::try_from(t) else { bail!("clock.t is {t}; it is not negative") };
        let clock = Clock { t: step_number(t)?.into(), beta1_pow, beta2_pow };
        clock.validate().map_err(Error::wrap)?;
        let states = self.parameters.iter().map(|Parameter { name, state, .. }| {
            let full = |part: &str| get(&format!("{name}.{part}"))?.to_vec1::<f32>();
            let codes = |part: &str| get(&format!("{name}.{part}"))?.to_vec1::<u8>();
            let restored = match state {
                State::Full(x) => {
                    FullMoments::from_parts(x.first(), full("m")?, full("v")?).map(State::Full)
                }
                State::Fp8(x) => {
                    let (m, v) =
                        ((codes("m")?, full("m_scales")?), (codes("v")?, full("v_scales")?));
                    Moments::from_parts(x.form(), x.first(), m, v).map(State::Fp8)
                }
                State::Literal(_) => {
                    let scale = |part: &str| get(&format!("{name}.{part}"))?.get(0)?.to_scalar();
                    let (m, v) =
                        ((codes("m")?, scale("m_scales")?), (codes("v")?, scale("v_scales")?));
                    LiteralMoments::from_parts(m, v).map(State::Literal)
                }
            };
            let restored = restored.map_err(Error::wrap)?;
            if restored.len() != state.len() {
                bail!("{name} has {} moments; the checkpoint has {}", state.len(), restored.len());
            }
            Ok(restored)
        });
        let states = states.collect::<Result<Vec<_>>>()?;
        self.clock = clock;
        self.parameters.iter_mut().zip(states).for_each(|(p, state)| p.state = state);
        Ok(())
    }
}

/// The number under which a step draws its random words.
fn step_number(t: u64) -> Result<u32> {
    match u32::try_from(t) {
        Ok(number) => Ok(number),
        Err(_) => bail!("clock.t is {t}; it has at most 32 bits"),
    }
}
