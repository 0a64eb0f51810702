//! What the FP8 layers of a model share: scales, and counts.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use quarter::quantize::{Cast, CastStats, Granularity, Matrix, Quantizer, Scale};
use quarter::scaling::{AmaxChoice, Delayed, DelayedState, Policy};
use quarter::{Element, Format, Result};

/// How the scales of a layer's tensors are found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scaling {
    /// One scale a tensor, from the amaxes of earlier steps.
    Delayed {
        /// Steps in the history.
        window: usize,
        /// Which of them counts.
        choice: AmaxChoice,
    },
    /// One scale a tensor, from its own amax.
    Current,
    /// 1x128 for activations and gradients, 128x128 for weights.
    Block,
}

/// How a model's FP8 layers compute.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fp8Config {
    /// Where scales come from.
    pub scaling: Scaling,
    /// How an amax becomes a scale.
    pub policy: Policy,
    /// Format of activations and weights.
    pub forward: Format,
    /// Format of the gradients of outputs.
    pub backward: Format,
}

/// Delayed scaling over 16 steps, E4M3 forward, E5M2 backward.
impl Default for Fp8Config {
    fn default() -> Self {
        Self {
            scaling: Scaling::Delayed { window: 16, choice: AmaxChoice::Max },
            policy: Policy::default(),
            forward: Format::E4m3,
            backward: Format::E5m2,
        }
    }
}

/// Which tensor of a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// The input.
    X,
    /// The weight.
    W,
    /// The gradient of the output.
    Dy,
}

/// What the casts of one tensor have seen since the last [`Fp8Context::take_stats`].
#[derive(Clone, Debug, PartialEq)]
pub struct TensorStats {
    /// Name of the layer.
    pub layer: String,
    /// Which of its tensors.
    pub role: Role,
    /// Elements cast.
    pub elements: u64,
    /// The scale of the last cast; of its first tile, with block scaling.
    pub scale: f32,
    /// Amax before scaling, and counts.
    pub cast: CastStats,
}

/// State shared by the FP8 layers of one model. A clone is another handle.
#[derive(Clone, Debug)]
pub struct Fp8Context {
    config: Fp8Config,
    shared: Arc<Mutex<Shared>>,
}

#[derive(Debug)]
struct Shared {
    delayed: Delayed,
    stats: Vec<TensorStats>,
    recording: bool,
}

impl Fp8Context {
    /// # Errors
    /// The policy's or the window's error if it is out of range.
    pub fn new(config: Fp8Config) -> Result<Self> {
        let (window, choice) = match config.scaling {
            Scaling::Delayed { window, choice } => (window, choice),
            Scaling::Current | Scaling::Block => (1, AmaxChoice::Max),
        };
        let delayed = Delayed::new(Vec::new(), window, choice, config.policy)?;
        let shared = Shared { delayed, stats: Vec::new(), recording: true };
        Ok(Self { config, shared: Arc::new(Mutex::new(shared)) })
    }

    /// The configuration.
    pub fn config(&self) -> &Fp8Config {
        &self.config
    }

    /// Ends a step: delayed scales move by the amaxes seen since the last call.
    /// Returns how many tensors had a non-finite one.
    pub fn end_step(&self) -> usize {
        self.lock().delayed.update()
    }

    /// Forgets the amaxes of a step that is skipped.
    pub fn discard_step(&self) {
        self.lock().delayed.discard();
    }

    /// Whether casts leave their amax and counts here (the default). A validation
    /// pass turns it off, and so changes nothing.
    pub fn set_recording(&self, on: bool) {
        self.lock().recording = on;
    }

    /// What was cast since the last call, one entry a tensor.
    pub fn take_stats(&self) -> Vec<TensorStats> {
        let mut shared = self.lock();
        let taken = shared.stats.clone();
        for stats in &mut shared.stats {
            stats.elements = 0;
            stats.cast = CastStats::default();
        }
        taken
    }

    /// What a checkpoint has to hold besides the weights. Current and block scaling
    /// keep nothing that matters in it.
    pub fn state(&self) -> DelayedState {
        self.lock().delayed.state().clone()
    }

    /// Goes back to a saved state.
    ///
    /// # Errors
    /// If it is from another model; nothing is changed then.
    pub fn restore(&self, state: DelayedState) -> Result<()> {
        self.lock().delayed.restore(state)
    }

    /// Bytes of scales and histories.
    pub fn bytes(&self) -> usize {
        let shared = self.lock();
        let s = shared.delayed.state();
        4 * (s.now.len() + s.history.len() + s.next.len() + s.scale.len())
    }

    /// Adds the three tensors of a layer; returns the number of the first.
    pub(super) fn register(&self, layer: &str) -> usize {
        let mut shared = self.lock();
        for role in [Role::X, Role::W, Role::Dy] {
            let format = self.format(role);
            shared.delayed.push(format);
            shared.stats.push(TensorStats {
                layer: layer.into(),
                role,
                elements: 0,
                scale: 1.0,
                cast: CastStats::default(),
            });
        }
        shared.stats.len() - 3
    }

    /// Quantizes one tensor of a layer, and its transpose.
    pub(super) fn quantize<T: Element>(
        &self,
        first: usize,
        role: Role,
        src: Matrix<T>,
    ) -> Result<(Cast, Cast)> {
        let id = first + role as usize;
        let format = self.format(role);
        let granularity = match (self.config.scaling, role) {
            (Scaling::Block, Role::W) => Granularity::Block128x128,
            (Scaling::Block, _) => Granularity::Block1x128,
            _ => Granularity::Tensor,
        };
        let delayed = match self.config.scaling {
            Scaling::Delayed { .. } => self.lock().delayed.scale(id),
            _ => None,
        };
        // A tensor without a history yet is scaled by its own amax.
        let given = delayed.map(|s| [s]);
        let scale = match &given {
            Some(scales) => Scale::Given(scales),
            None => Scale::Current(self.config.policy),
        };
        let both =
            Quantizer { format, granularity, scale, ..Quantizer::default() }.quantize_both(src)?;
        let mut shared = self.lock();
        if shared.recording {
            shared.delayed.record(id, both.0.stats.amax);
            if let Some(stats) = shared.stats.get_mut(id) {
                stats.elements += (src.rows() * src.cols()) as u64;
                stats.scale = both.0.data.scale_inv().first().map_or(1.0, |s| 1.0 / s);
                stats.cast.merge(both.0.stats);
            }
        }
        Ok(both)
    }

    fn format(&self, role: Role) -> Format {
        match role {
            Role::X | Role::W => self.config.forward,
            Role::Dy => self.config.backward,
        }
    }

    /// A panic elsewhere cannot leave the state half written: take it as it is.
    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
