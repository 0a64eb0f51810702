//! A [`Recording`] computed anew.

use std::error::Error;
use std::fmt;

use super::{Contents, Product, Recording};
use crate::tensor_core::known::{Instruction, Known};
use crate::tensor_core::{Accumulator, Gpu, LANES, Operand, RowStep, STEP, StripStep, TensorCore};
use crate::{Format, tensor_core};

/// One dot product to compute: `c + sum of a[k] * b[k]`, as codes.
#[derive(Clone, Copy, Debug)]
pub struct Dot<'a> {
    /// Elements of A.
    pub a: &'a [u32],
    /// Elements of B, as many.
    pub b: &'a [u32],
    /// The accumulator.
    pub c: u32,
}

/// Something that computes dot products: a model, an emulator, a GPU.
pub trait Backend {
    /// A name for reports.
    fn name(&self) -> &str;

    /// The results of all `dots`, in order. Each is a chain of the instruction over its elements, a
    /// short last one filled with `+0`.
    ///
    /// # Errors
    /// If the backend has not got this arithmetic.
    fn dots(&self, known: &Known, dots: &[Dot]) -> Result<Vec<u32>, BackendError>;

    /// A whole product: one chain over K for each output, and the sums of chains of
    /// [`Product::promotion`]. Made of [`dots`](Self::dots), unless a backend has more than those.
    ///
    /// # Errors
    /// As [`dots`](Self::dots).
    fn product(&self, known: &Known, product: &Product) -> Result<[Vec<u32>; 2], BackendError> {
        let Product { m, n, k, promotion, .. } = *product;
        let interval = |start: usize, end: usize| -> Vec<Dot> {
            let outputs = (0..m * n).map(|i| (i / n * k, i % n * k));
            let dot = |(a, b)| Dot {
                a: &product.a[a..][start..end],
                b: &product.b[b..][start..end],
                c: 0,
            };
            outputs.map(dot).collect()
        };
        let chain = self.dots(known, &interval(0, k))?;
        let mut promoted = vec![0f32; m * n];
        for start in (0..k).step_by(promotion) {
            let part = self.dots(known, &interval(start, k.min(start + promotion)))?;
            promoted.iter_mut().zip(part).for_each(|(sum, part)| *sum += f32::from_bits(part));
        }
        let nan = Accumulator::F32.canonical_nan();
        let bits = |sum: &f32| if sum.is_nan() { nan } else { sum.to_bits() };
        Ok([chain, promoted.iter().map(bits).collect()])
    }
}

/// Why a backend computes nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BackendError {
    /// It has not got the arithmetic.
    Unsupported {
        /// The backend's name.
        backend: String,
        /// The arithmetic.
        known: Known,
    },
    /// It broke off.
    Failed {
        /// The backend's name.
        backend: String,
        /// What happened.
        reason: String,
    },
}

impl fmt::Display for BackendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unsupported { backend, known } => write!(f, "backend {backend} has no {known}"),
            Self::Failed { backend, reason } => write!(f, "backend {backend}: {reason}"),
        }
    }
}

impl Error for BackendError {}

/// The executable specification, [`Model::dot`](tensor_core::Model::dot): every arithmetic.
#[derive(Clone, Copy, Debug, Default)]
pub struct Reference;

impl Backend for Reference {
    fn name(&self) -> &str {
        "reference"
    }

    fn dots(&self, known: &Known, dots: &[Dot]) -> Result<Vec<u32>, BackendError> {
        let model = known.model();
        Ok(dots.iter().map(|dot| model.dot(dot.a, dot.b, dot.c)).collect())
    }
}

/// [`TensorCore`], 32 outputs side by side: FP8 `wgmma` with an f32 accumulator.
#[derive(Clone, Copy, Debug, Default)]
pub struct FastPath {
    /// The path to take; the fastest of this machine if `None`.
    pub path: Option<tensor_core::Path>,
}

impl Backend for FastPath {
    fn name(&self) -> &str {
        "fast"
    }

    fn dots(&self, known: &Known, dots: &[Dot]) -> Result<Vec<u32>, BackendError> {
        let unsupported =
            || BackendError::Unsupported { backend: self.name().into(), known: *known };
        let format = |operand| match operand {
            Operand::E4m3 => Some(Format::E4m3),
            Operand::E5m2 => Some(Format::E5m2),
            _ => None,
        };
        let (a, b) = format(known.arithmetic.a)
            .zip(format(known.arithmetic.b))
            .filter(|_| known.gpu == Gpu::Hopper && known.instruction == Instruction::Wgmma)
            .filter(|_| known.arithmetic.accumulator == Accumulator::F32)
            .ok_or_else(unsupported)?;
        let path = self.path.unwrap_or_else(tensor_core::Path::best);
        let core = TensorCore::with_path(a, b, path).ok_or_else(unsupported)?;
        // Each dot product in a lane of its own, with its row through all lanes.
        let mut results = Vec::with_capacity(dots.len());
        for batch in dots.chunks(LANES) {
            let steps = batch.iter().map(|dot| dot.b.len().div_ceil(STEP)).max().unwrap_or(0);
            let strips: Vec<StripStep> = (0..steps).map(|s| strip(&core, batch, s)).collect();
            for (lane, dot) in batch.iter().enumerate() {
                let rows: Vec<RowStep> = dot.a.chunks(STEP).map(|a| row(&core, a)).collect();
                let mut acc = [0.0; LANES];
                acc[lane] = f32::from_bits(dot.c);
                core.chain(&rows, &strips, &mut acc);
                results.push(acc[lane].to_bits());
            }
        }
        Ok(results)
    }
}

fn row(core: &TensorCore, codes: &[u32]) -> RowStep {
    let mut bytes = [0; STEP];
    bytes.iter_mut().zip(codes).for_each(|(byte, &code)| *byte = code as u8);
    let mut step = core.row_step();
    core.decode_row(&bytes, &mut step);
    step
}

fn strip(core: &TensorCore, batch: &[Dot], s: usize) -> StripStep {
    let code = |n: usize, k: usize| batch.get(n).and_then(|dot| dot.b.get(s * STEP + k));
    let mut step = core.strip_step();
    core.decode_strip(|n, k| code(n, k).map_or(0, |&code| code as u8), &mut step);
    step
}

/// How a replay went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Records compared.
    pub records: usize,
    /// The first difference of each record that has one, in order.
    pub mismatches: Vec<Mismatch>,
}

/// A result that is not the recorded one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// Which record, from 0; of a product, which output, `m * N + n`.
    pub record: usize,
    /// Which step, from 0; of a product, 0 for the chain and 1 for the promoted sum.
    pub step: usize,
    /// What was recorded.
    pub recorded: u32,
    /// What was computed.
    pub computed: u32,
}

/// Computes every record with `known` on `backend` and compares the bits. In a chain the computed
/// result, not the recorded one, is the next accumulator.
///
/// # Errors
/// If the backend has not got the arithmetic.
pub fn replay(
    recording: &Recording,
    known: &Known,
    backend: &dyn Backend,
) -> Result<Outcome, BackendError> {
    let records = recording.len();
    let mut mismatches = match &recording.contents {
        Contents::Dots { k, records } => {
            let steps = records.first().map_or(0, |record| record.d.len());
            let mut c: Vec<u32> = records.iter().map(|record| record.c).collect();
            let mut mismatches = Vec::new();
            for step in 0..steps {
                let (start, end) = (step * k, (step + 1) * k);
                let dots = records.iter().zip(&c);
                let dots = dots.map(|(r, &c)| Dot { a: &r.a[start..end], b: &r.b[start..end], c });
                let dots: Vec<Dot> = dots.collect();
                c = backend.dots(known, &dots)?;
                compare(step, records.iter().map(|record| record.d[step]), &c, &mut mismatches);
            }
            mismatches
        }
        Contents::Product(product) => replay_product(product, known, backend)?,
    };
    mismatches.sort_by_key(|mismatch| (mismatch.record, mismatch.step));
    mismatches.dedup_by_key(|mismatch| mismatch.record);
    Ok(Outcome { records, mismatches })
}

fn replay_product(
    product: &Product,
    known: &Known,
    backend: &dyn Backend,
) -> Result<Vec<Mismatch>, BackendError> {
    let [chain, promoted] = backend.product(known, product)?;
    let mut mismatches = Vec::new();
    compare(0, product.chain.iter().copied(), &chain, &mut mismatches);
    compare(1, product.promoted.iter().copied(), &promoted, &mut mismatches);
    Ok(mismatches)
}

fn compare(
    step: usize,
    recorded: impl Iterator<Item = u32>,
    computed: &[u32],
    mismatches: &mut Vec<Mismatch>,
) {
    let pairs = recorded.zip(computed).enumerate();
    mismatches.extend(
        pairs
            .filter(|(_, (recorded, computed))| recorded != *computed)
            .map(|(record, (recorded, &computed))| Mismatch { record, step, recorded, computed }),
    );
}
