//! One run: a line of the table with one seed.

use std::{collections::HashMap, time::Instant};

use anyhow::{Result, ensure};
use candle_core::{DType, Tensor, Var, backprop::GradStore};
use quarter::scaling::DelayedState;
use quarter_candle::{AdamW, Fp8Context, Role};
use sha2::{Digest, Sha256};

use super::{
    line::Line,
    log::{Bytes, CALM, Log, Spike},
    model::{Gpt, OUTLIER_LAYER, Shape},
    schedule::learning_rate,
    text::{Batch, Corpus, hex},
};

/// A run that has skipped this many steps in a row has diverged for good.
const HOPELESS: u32 = 20;
/// What an injected spike multiplies the gradient by.
const SPIKE: f64 = 100.0;
/// Windows of one validation product.
const VALIDATION_BATCH: usize = 16;

/// Model, optimizer and where they stand.
pub struct Run<'a> {
    line: Line,
    seed: u64,
    corpus: &'a Corpus,
    model: Gpt,
    fp8: Option<Fp8Context>,
    optimizer: AdamW,
    log: Log,
}

impl<'a> Run<'a> {
    /// A run before its first step.
    ///
    /// # Errors
    /// Only candle's.
    pub fn new(line: Line, seed: u64, corpus: &'a Corpus) -> Result<Self> {
        let (products, fp8) = line.products()?;
        let model = Gpt::new(line.shape, seed, line.dtype(), &products)?;
        let optimizer = AdamW::new(line.optimizer(seed), model.parameters().iter().cloned())?;
        Ok(Self { line, seed, corpus, model, fp8, optimizer, log: Log::default() })
    }

    /// Steps done, skipped ones included.
    pub fn step_count(&self) -> u32 {
        self.log.losses.len() as u32
    }

    /// Whether there is nothing left to do.
    pub fn is_finished(&self) -> bool {
        self.step_count() == self.line.steps || self.log.skipped_in_a_row >= HOPELESS
    }

    /// What is run.
    pub fn line(&self) -> &Line {
        &self.line
    }

    /// Sizes of the model.
    pub fn shape(&self) -> Shape {
        self.line.shape
    }

    /// What the run has seen.
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// Mutable access for the checkpoint.
    pub fn log_mut(&mut self) -> &mut Log {
        &mut self.log
    }

    /// One training step; returns its loss.
    ///
    /// # Errors
    /// Only candle's.
    pub fn step(&mut self) -> Result<f32> {
        let start = Instant::now();
        let step = self.step_count() + 1;
        self.grow_outlier(step)?;
        if self.line.spike == Some(step) {
            let before = self.probe()?;
            self.log.spike = Some(Spike { before, good: 0, recovered: None });
        }
        let (loss, gradients) = self.gradients(step)?;
        self.apply(&gradients, step)?;
        self.log.losses.push(loss);
        self.watch_spike()?;
        self.log.seconds += start.elapsed().as_secs_f64();
        Ok(loss)
    }

    /// Looks whether the loss is back where it was before the spike.
    fn watch_spike(&mut self) -> Result<()> {
        if let (Some(mut spike), Some(at)) = (self.log.spike, self.line.spike)
            && spike.recovered.is_none()
        {
            spike.good = if self.probe()? <= 1.01 * spike.before { spike.good + 1 } else { 0 };
            if spike.good == CALM {
                spike.recovered = Some(self.step_count() + 1 - at - CALM);
            }
            self.log.spike = Some(spike);
        }
        Ok(())
    }

    /// Loss and gradients of a step's batch.
    ///
    /// # Errors
    /// Only candle's.
    pub fn gradients(&self, step: u32) -> Result<(f32, GradStore)> {
        let shape = self.line.shape;
        let batch = self.corpus.batch(self.seed, step, shape.windows, shape.context);
        let loss = self.model.loss(&batch, self.line.outlier(step))?;
        let mut gradients = loss.backward()?;
        if self.line.outlier {
            self.freeze_outlier(&mut gradients)?;
        }
        Ok((loss.to_scalar()?, gradients))
    }

    /// Optimizer and scales; neither moves if a gradient is not finite.
    ///
    /// # Errors
    /// Only candle's.
    pub fn apply(&mut self, gradients: &GradStore, step: u32) -> Result<()> {
        let lr = learning_rate(self.line.lr, step, self.line.steps);
        let boost = if self.line.spike == Some(step) { SPIKE } else { 1.0 };
        let report = self.optimizer.step(gradients, lr, boost)?;
        if report.applied {
            self.log.skipped_in_a_row = 0;
        } else {
            self.log.skipped += 1;
            self.log.skipped_in_a_row += 1;
        }
        if let Some(fp8) = &self.fp8 {
            if report.applied {
                fp8.end_step();
            } else {
                fp8.discard_step();
            }
            for stats in fp8.take_stats() {
                self.log.casts.add(stats.elements, &stats.cast);
                if stats.layer == OUTLIER_LAYER && stats.role == Role::X {
                    self.log.outlier.add(stats.elements, &stats.cast);
                }
            }
        }
        let sizes = self.model.parameters().iter().filter_map(|(_, var)| gradients.get(var));
        self.log.gradient_bytes = sizes.map(buffer_bytes).sum();
        Ok(())
    }

    /// Puts a value into the gradient of the last weight, for tests.
    ///
    /// # Errors
    /// Only candle's.
    pub fn spoil(&self, gradients: &mut GradStore, value: f32) -> Result<()> {
        if let Some((_, var)) = self.model.parameters().last() {
            let mut values = vec![0.0; var.elem_count()];
            values.push(value);
            let spoiled = Tensor::new(&values[1..], var.device())?.reshape(var.shape())?;
            gradients.insert(var, spoiled.to_dtype(var.dtype())?);
        }
        Ok(())
    }

    /// Mean validation loss in nats a byte; changes nothing.
    ///
    /// # Errors
    /// Only candle's.
    pub fn validate(&self) -> Result<f32> {
        self.loss_of(&self.corpus.validation(self.line.shape.context))
    }

    /// The loss on the first windows of the validation set.
    fn probe(&self) -> Result<f32> {
        let Batch { mut inputs, mut targets } = self.corpus.validation(self.line.shape.context);
        let size = VALIDATION_BATCH * self.line.shape.context;
        inputs.truncate(size);
        targets.truncate(size);
        self.loss_of(&Batch { inputs, targets })
    }

    fn loss_of(&self, all: &Batch) -> Result<f32> {
        if let Some(fp8) = &self.fp8 {
            fp8.set_recording(false);
        }
        let size = VALIDATION_BATCH * self.line.shape.context;
        let outlier = self.line.outlier(self.step_count());
        let mut sum = 0.0;
        for (inputs, targets) in all.inputs.chunks(size).zip(all.targets.chunks(size)) {
            let batch = Batch { inputs: inputs.to_vec(), targets: targets.to_vec() };
            let loss = self.model.loss(&batch, outlier)?.to_scalar::<f32>()?;
            sum += f64::from(loss) * inputs.len() as f64;
        }
        if let Some(fp8) = &self.fp8 {
            fp8.set_recording(true);
        }
        Ok((sum / all.inputs.len() as f64) as f32)
    }

    /// Validates and notes the result.
    ///
    /// # Errors
    /// Only candle's.
    pub fn note_validation(&mut self) -> Result<f32> {
        let loss = self.validate()?;
        self.log.validation.push((self.step_count(), loss));
        Ok(loss)
    }

    /// Bytes of what exists now.
    pub fn bytes(&self) -> Bytes {
        let weights = self.model.parameters().iter().map(|(_, var)| buffer_bytes(var)).sum();
        let layers = self.fp8.as_ref().map_or(0, Fp8Context::bytes);
        Bytes {
            weights,
            gradients: self.log.gradient_bytes,
            moments: self.optimizer.moment_bytes() as u64,
            scales: (self.optimizer.scale_bytes() + layers) as u64,
        }
    }

    /// Number of weights.
    pub fn parameter_count(&self) -> u64 {
        self.model.parameters().iter().map(|(_, var)| var.elem_count() as u64).sum()
    }

    /// SHA-256 of the bits of all weights, as little-endian f32.
    ///
    /// # Errors
    /// Only candle's.
    pub fn weights_hash(&self) -> Result<String> {
        let mut hash = Sha256::new();
        for (_, var) in self.model.parameters() {
            for x in var.to_dtype(DType::F32)?.flatten_all()?.to_vec1::<f32>()? {
                hash.update(x.to_bits().to_le_bytes());
            }
        }
        Ok(hex(&hash.finalize()))
    }

    /// Everything that decides the bits of this run.
    pub fn fingerprint(&self) -> String {
        format!("{:?} seed {} text {}", self.line, self.seed, self.corpus.hash())
    }

    /// Weights, moments, clock and scaling histories, by name.
    ///
    /// # Errors
    /// Only candle's.
    pub fn state(&self) -> Result<Vec<(String, Tensor)>> {
        let weights = self.model.parameters().iter();
        let mut state: Vec<_> = weights.map(|(n, v)| (n.clone(), v.as_tensor().clone())).collect();
        state.extend(self.optimizer.state()?);
        if let Some(fp8) = &self.fp8 {
            let DelayedState { now, history, next, scale } = fp8.state();
            for (name, x) in [("now", now), ("history", history), ("next", next)] {
                state.push((format!("fp8.{name}"), tensor(x)?));
            }
            state.push(("fp8.scale".into(), tensor(scale)?));
        }
        Ok(state)
    }

    /// Goes back to what [`state`](Self::state) returned. The log is the checkpoint's business.
    ///
    /// # Errors
    /// A tensor that is missing or does not fit; the run is of no use then.
    pub fn restore(&mut self, state: &HashMap<String, Tensor>) -> Result<()> {
        let get = |name: &str| {
            state.get(name).ok_or_else(|| anyhow::anyhow!("the checkpoint has no {name}"))
        };
        for (name, var) in self.model.parameters() {
            let saved = get(name)?;
            ensure!(saved.dtype() == var.dtype(), "{name} is {:?}", saved.dtype());
            var.set(saved)?;
        }
        self.optimizer.restore(state)?;
        if let Some(fp8) = &self.fp8 {
            fp8.restore(DelayedState {
                now: get("fp8.now")?.to_vec1()?,
                history: get("fp8.history")?.to_vec1()?,
                next: get("fp8.next")?.to_vec1()?,
                scale: get("fp8.scale")?.to_vec1()?,
            })?;
        }
        Ok(())
    }

    fn outlier_weight(&self) -> Option<&Var> {
        let mut parameters = self.model.parameters().iter();
        parameters.find(|(name, _)| name == OUTLIER_LAYER).map(|(_, var)| var)
    }

    /// When the channel doubles its weights are halved, exactly: what the model
    /// computes stays the same, and only the casts have a harder time.
    fn grow_outlier(&self, step: u32) -> Result<()> {
        let ratio = self.line.outlier(step - 1) / self.line.outlier(step);
        match self.outlier_weight() {
            Some(var) if ratio != 1.0 => Ok(var.set(&scale_column(var, ratio)?)?),
            _ => Ok(()),
        }
    }

    /// The channel's weights do not learn: a step of the usual size would be too
    /// long for an input this large, in any precision.
    fn freeze_outlier(&self, gradients: &mut GradStore) -> Result<()> {
        if let Some(var) = self.outlier_weight()
            && let Some(gradient) = gradients.remove(var)
        {
            gradients.insert(var, scale_column(&gradient, 0.0)?);
        }
        Ok(())
    }
}

fn tensor<T: candle_core::WithDType>(x: Vec<T>) -> Result<Tensor> {
    let n = x.len();
    Ok(Tensor::from_vec(x, n, &candle_core::Device::Cpu)?)
}

fn buffer_bytes(x: &Tensor) -> u64 {
    (x.elem_count() * x.dtype().size_in_bytes()) as u64
}

/// `[out, in]` with column 0 multiplied. Zero makes zeros of anything.
fn scale_column(x: &Tensor, factor: f32) -> Result<Tensor> {
    let (_, columns) = x.dims2()?;
    let mut values = x.to_dtype(DType::F32)?.flatten_all()?.to_vec1::<f32>()?;
    let column = values.iter_mut().step_by(columns);
    column.for_each(|x| *x = if factor == 0.0 { 0.0 } else { *x * factor });
    Ok(Tensor::from_vec(values, x.shape(), x.device())?.to_dtype(x.dtype())?)
}
