//! Differentiable operations that candle has no fused form of.
//!
//! Each is one pass over memory with its backward pass. Sums over rows run in
//! a fixed order, whatever the number of threads.

use candle_core::{CpuStorage, CustomOp1, CustomOp2, Layout, Result, Shape, Storage, Tensor};
use half::bf16;
use rayon::prelude::*;

/// Elements per task of an element-wise pass.
const CHUNK: usize = 1 << 14;
/// Rows per partial sum of the norm's weight gradient.
const ROWS: usize = 64;

/// The contiguous f32 values behind a custom operation's argument.
pub fn values<'a>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [f32]> {
    match layout.contiguous_offsets() {
        Some((start, end)) => Ok(&storage.as_slice::<f32>()?[start..end]),
        None => candle_core::bail!("the argument is not contiguous"),
    }
}

/// Lends a tensor's f32 values in row-major order.
pub fn read<T>(x: &Tensor, f: impl FnOnce(&[f32]) -> Result<T>) -> Result<T> {
    let x = x.contiguous()?;
    let (storage, layout) = x.storage_and_layout();
    match &*storage {
        Storage::Cpu(storage) => f(values(storage, layout)?),
        _ => candle_core::bail!("the tensor is not on the CPU"),
    }
}

/// Lends the values of two tensors.
pub fn read2<T>(x: &Tensor, y: &Tensor, f: impl FnOnce(&[f32], &[f32]) -> Result<T>) -> Result<T> {
    read(x, |x| read(y, |y| f(x, y)))
}

/// `out[i] = f(x[i])`.
fn map(x: &[f32], f: impl Fn(f32) -> f32 + Sync) -> Vec<f32> {
    let mut out = vec![0.0; x.len()];
    out.par_chunks_mut(CHUNK).zip(x.par_chunks(CHUNK)).for_each(|(out, x)| {
        out.iter_mut().zip(x).for_each(|(out, &x)| *out = f(x));
    });
    out
}

/// Rounds values, and their gradients on the way back, to bf16 (nearest, ties to even).
pub struct RoundBf16;

fn round(x: f32) -> f32 {
    bf16::from_f32(x).to_f32()
}

impl CustomOp1 for RoundBf16 {
    fn name(&self) -> &'static str {
        "round-bf16"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        Ok((CpuStorage::F32(map(values(storage, layout)?, round)), layout.shape().clone()))
    }

    fn bwd(&self, _: &Tensor, _: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        let out = read(grad, |grad| Ok(map(grad, round)))?;
        Tensor::from_vec(out, grad.shape(), grad.device()).map(Some)
    }
}

/// `max(x, 0)` squared.
pub struct SquaredRelu;

impl CustomOp1 for SquaredRelu {
    fn name(&self) -> &'static str {
        "squared-relu"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        // A NaN passes: `f32::max` would turn it into 0.
        let f = |x: f32| if x < 0.0 { 0.0 } else { x * x };
        Ok((CpuStorage::F32(map(values(storage, layout)?, f)), layout.shape().clone()))
    }

    fn bwd(&self, x: &Tensor, _: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        let out = read2(x, grad, |x, grad| {
            let mut out = vec![0.0; x.len()];
            let chunks = x.par_chunks(CHUNK).zip(grad.par_chunks(CHUNK));
            out.par_chunks_mut(CHUNK).zip(chunks).for_each(|(out, (x, grad))| {
                for ((out, &x), &grad) in out.iter_mut().zip(x).zip(grad) {
                    *out = if x < 0.0 { 0.0 } else { 2.0 * x * grad };
                }
            });
            Ok(out)
        })?;
        Tensor::from_vec(out, x.shape(), x.device()).map(Some)
    }
}

/// Multiplies channel 0 of `[n, d]`.
pub struct ScaleChannel(pub f32);

impl ScaleChannel {
    fn apply(&self, x: &[f32], d: usize) -> Vec<f32> {
        let mut out = x.to_vec();
        out.iter_mut().step_by(d).for_each(|x| *x *= self.0);
        out
    }
}

impl CustomOp1 for ScaleChannel {
    fn name(&self) -> &'static str {
        "scale-channel"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (_, d) = layout.shape().dims2()?;
        let out = self.apply(values(storage, layout)?, d);
        Ok((CpuStorage::F32(out), layout.shape().clone()))
    }

    fn bwd(&self, x: &Tensor, _: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        let (_, d) = x.dims2()?;
        let out = read(grad, |grad| Ok(self.apply(grad, d)))?;
        Tensor::from_vec(out, x.shape(), x.device()).map(Some)
    }
}

/// Root-mean-square norm of rows `[n, d]` with a weight `[d]`.
pub struct RmsNorm;

const EPSILON: f32 = 1e-6;

fn inverse_rms(row: &[f32]) -> f32 {
    let square: f32 = row.iter().map(|x| x * x).sum();
    1.0 / (square / row.len() as f32 + EPSILON).sqrt()
}

impl CustomOp2 for RmsNorm {
    fn name(&self) -> &'static str {
        "rms-norm"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        weight: &CpuStorage,
        weight_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (x, weight) = (values(x, x_layout)?, values(weight, weight_layout)?);
        let d = weight.len();
        let mut out = vec![0.0; x.len()];
        out.par_chunks_mut(ROWS * d).zip(x.par_chunks(ROWS * d)).for_each(|(out, x)| {
            for (out, x) in out.chunks_exact_mut(d).zip(x.chunks_exact(d)) {
                let r = inverse_rms(x);
                out.iter_mut().zip(x).zip(weight).for_each(|((out, x), w)| *out = x * r * w);
            }
        });
        Ok((CpuStorage::F32(out), x_layout.shape().clone()))
    }

    fn bwd(
        &self,
        x: &Tensor,
        weight: &Tensor,
        _: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let (shape, device) = (x.shape(), x.device());
        let w: Vec<f32> = weight.to_vec1()?;
        let (dx, dw) = read2(x, grad, |x, grad| Ok(Self::backward(x, &w, grad)))?;
        let dw = Tensor::from_vec(dw, w.len(), device)?;
        Ok((Some(Tensor::from_vec(dx, shape, device)?), Some(dw)))
    }
}

impl RmsNorm {
    /// Gradients of `x` and of the weight.
    fn backward(x: &[f32], w: &[f32], grad: &[f32]) -> (Vec<f32>, Vec<f32>) {
        let d = w.len();
        let mut dx = vec![0.0; x.len()];
        let partial: Vec<Vec<f32>> = dx
            .par_chunks_mut(ROWS * d)
            .zip(x.par_chunks(ROWS * d).zip(grad.par_chunks(ROWS * d)))
            .map(|(dx, (x, grad))| {
                let mut dw = vec![0.0; d];
                let rows = x.chunks_exact(d).zip(grad.chunks_exact(d));
                for (dx, (x, grad)) in dx.chunks_exact_mut(d).zip(rows) {
                    let r = inverse_rms(x);
                    let dot: f32 = (0..d).map(|i| grad[i] * w[i] * x[i]).sum();
                    let along = dot * r * r * r / d as f32;
                    for i in 0..d {
                        dx[i] = grad[i] * w[i] * r - x[i] * along;
                        dw[i] += grad[i] * x[i] * r;
                    }
                }
                dw
            })
            .collect();
        let mut dw = vec![0.0; d];
        for partial in partial {
            dw.iter_mut().zip(partial).for_each(|(sum, x)| *sum += x);
        }
        (dx, dw)
    }
}

/// Mean cross-entropy in nats of logits `[n, classes]` against one class a row.
pub struct CrossEntropy(pub Vec<u32>);

impl CrossEntropy {
    /// The largest logit and the logarithm of the sum of exponentials above it.
    fn log_sum(row: &[f32]) -> (f32, f32) {
        let max = row.iter().fold(f32::NEG_INFINITY, |m, &x| m.max(x));
        (max, row.iter().map(|x| (x - max).exp()).sum::<f32>().ln())
    }
}

impl CustomOp1 for CrossEntropy {
    fn name(&self) -> &'static str {
        "cross-entropy"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (rows, classes) = layout.shape().dims2()?;
        if rows != self.0.len() {
            candle_core::bail!("{rows} rows of logits for {} targets", self.0.len());
        }
        let losses: Vec<f64> = values(storage, layout)?
            .par_chunks_exact(classes)
            .zip(&self.0)
            .map(|(row, &target)| {
                let (max, log) = Self::log_sum(row);
                f64::from(max + log - row[target as usize])
            })
            .collect();
        let mean = losses.iter().sum::<f64>() / rows as f64;
        Ok((CpuStorage::F32(vec![mean as f32]), ().into()))
    }

    fn bwd(&self, logits: &Tensor, _: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        let (rows, classes) = logits.dims2()?;
        let scale = grad.to_scalar::<f32>()? / rows as f32;
        let mut out: Vec<f32> = logits.flatten_all()?.to_vec1()?;
        out.par_chunks_exact_mut(classes).zip(&self.0).for_each(|(row, &target)| {
            let (max, log) = Self::log_sum(row);
            row.iter_mut().for_each(|x| *x = (*x - max - log).exp() * scale);
            row[target as usize] -= scale;
        });
        Tensor::from_vec(out, logits.shape(), logits.device()).map(Some)
    }
}
