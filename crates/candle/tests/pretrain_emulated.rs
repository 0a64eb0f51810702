//! A small pretraining whose optimizer runs as PTX: after a thousand steps on real text the weights
//! are those of the CPU's, bit for bit.

use candle_core::{DType, Device, Tensor, Var};
use half::bf16;
use quarter::adamw::{
    Clock, Gradient, Group, Member, Moments, Optimizer, Rounding, SecondForm, Settings, Weights,
};
use quarter::gpu::emulate::{Options, Schedule};
use quarter::random::{Source, Stream};
use sha2::{Digest, Sha256};

const TEXT: &str = include_str!("../../../README.md");
const STEPS: u32 = 1000;
const CONTEXT: usize = 4;
const BATCH: usize = 16;
const WIDTH: usize = 64;
/// Bytes of ASCII: others count as 0.
const SYMBOLS: usize = 128;
const SHAPES: [&[usize]; 5] =
    [&[SYMBOLS, 16], &[CONTEXT * 16, WIDTH], &[WIDTH], &[WIDTH, SYMBOLS], &[SYMBOLS]];

fn draw(seed: u64, index: u64) -> u32 {
    Source { seed, tensor: 9, step: 0 }.words(Stream::Data, index)[0]
}

/// Predicts a character from the four before it.
struct Model {
    vars: Vec<Var>,
}

impl Model {
    fn new() -> Self {
        let var = |(i, shape): (usize, &&[usize])| {
            let n: usize = shape.iter().product();
            let uniform = |j: usize| f64::from(draw(i as u64, j as u64)) / 2f64.powi(31) - 1.0;
            let values: Vec<f32> = (0..n).map(|j| (0.15 * uniform(j)) as f32).collect();
            let x = Tensor::from_slice(&values, *shape, &Device::Cpu).unwrap();
            Var::from_tensor(&x.to_dtype(DType::BF16).unwrap()).unwrap()
        };
        Self { vars: SHAPES.iter().enumerate().map(var).collect() }
    }

    /// The loss of a batch, and its gradients in bf16.
    fn backward(&self, step: u32) -> (f32, Vec<Vec<bf16>>) {
        let text: Vec<u32> = TEXT.bytes().map(|b| u32::from(b) % SYMBOLS as u32).collect();
        let at = |b: usize| {
            let word = draw(77, u64::from(step) * BATCH as u64 + b as u64) as usize;
            word % (text.len() - CONTEXT - 1)
        };
        let inputs: Vec<u32> =
            (0..BATCH).flat_map(|b| text[at(b)..at(b) + CONTEXT].to_vec()).collect();
        let targets: Vec<u32> = (0..BATCH).map(|b| text[at(b) + CONTEXT]).collect();
        let inputs = Tensor::new(inputs, &Device::Cpu).unwrap();
        let targets = Tensor::from_vec(targets, (BATCH, 1), &Device::Cpu).unwrap();
        let loss = (|| -> candle_core::Result<Tensor> {
            let full = |i: usize| self.vars[i].to_dtype(DType::F32);
            let x = full(0)?.index_select(&inputs, 0)?.reshape((BATCH, CONTEXT * 16))?;
            let h = x.matmul(&full(1)?)?.broadcast_add(&full(2)?)?.tanh()?;
            let logits = h.matmul(&full(3)?)?.broadcast_add(&full(4)?)?;
            let picked = logits.gather(&targets, 1)?.squeeze(1)?;
            (logits.log_sum_exp(1)? - picked)?.mean_all()
        })()
        .unwrap();
        let grads = loss.backward().unwrap();
        let of = |var: &Var| {
            let g = grads.get(var).unwrap().flatten_all().unwrap();
            g.to_dtype(DType::BF16).unwrap().to_vec1::<bf16>().unwrap()
        };
        (loss.to_scalar().unwrap(), self.vars.iter().map(of).collect())
    }

    fn weights(&self) -> Vec<Vec<bf16>> {
        self.vars.iter().map(|v| v.flatten_all().unwrap().to_vec1().unwrap()).collect()
    }

    fn set(&self, weights: &[Vec<bf16>]) {
        for (var, weights) in self.vars.iter().zip(weights) {
            let x = Tensor::from_slice(weights, var.shape(), &Device::Cpu).unwrap();
            var.set(&x).unwrap();
        }
    }
}

/// SHA-256 of all weights.
fn hash(weights: &[Vec<bf16>]) -> Vec<u8> {
    let bytes: Vec<u8> = weights.iter().flatten().flat_map(|w| w.to_le_bytes()).collect();
    Sha256::digest(&bytes).to_vec()
}

/// Trains; the hash of the weights every hundred steps, the first and the last loss, the clock.
fn train(device: &quarter::gpu::Device) -> (Vec<Vec<u8>>, [f32; 2], Clock) {
    let model = Model::new();
    let settings = Settings {
        groups: vec![Group { lr: 3e-3, weight_decay: 0.1 }, Group { lr: 3e-3, weight_decay: 0.0 }],
        schedule: (0..STEPS).map(|t| (f64::from(t + 1) / 50.0).min(1.0)).collect(),
        update_limit: Some(1.0),
        seed: 5,
        ..Settings::default()
    };
    let mut optimizer = Optimizer::new(settings).unwrap();
    for (i, shape) in SHAPES.iter().enumerate() {
        let state = Moments::new(SecondForm::Sqrt, shape.iter().product()).unwrap().into();
        let group = usize::from(shape.len() == 1);
        optimizer.add(Member { state, group, tensor: i as u32 }).unwrap();
    }
    let mut weights = model.weights();
    let (mut hashes, mut losses) = (Vec::new(), Vec::new());
    for step in 0..STEPS {
        let (loss, gradients) = model.backward(step);
        losses.push(loss);
        let mut views: Vec<_> = weights
            .iter_mut()
            .zip(&gradients)
            .map(|(weights, g)| {
                let rounding = Rounding::Stochastic;
                (Weights::Bf16 { weights, rounding }, Gradient::Bf16(g))
            })
            .collect();
        assert!(optimizer.step_on(device, &mut views).unwrap().clip.is_some());
        model.set(&weights);
        if (step + 1).is_multiple_of(100) {
            hashes.push(hash(&weights));
        }
    }
    let mean = |losses: &[f32]| losses.iter().sum::<f32>() / losses.len() as f32;
    let ends = [mean(&losses[..50]), mean(&losses[losses.len() - 50..])];
    (hashes, ends, optimizer.clock())
}

#[test]
fn a_thousand_steps_in_the_emulator_are_those_of_the_cpu() {
    let expected = train(&quarter::gpu::Device::reference());
    let schedule = Schedule::Random(3);
    let emulator = quarter::gpu::Device::emulator(Options { schedule, ..Options::default() });
    let got = train(&emulator);
    assert_eq!(got.0, expected.0);
    assert_eq!((got.1, got.2), (expected.1, expected.2));
    let [first, last] = expected.1;
    assert!(last < 0.75 * first, "nothing was learnt: {first} to {last}");
}
