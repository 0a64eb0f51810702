//! Causal self-attention as one differentiable operation.
//!
//! `[batch * context, 3 * width]` (queries, keys, values side by side) to
//! `[batch * context, width]`. One sequence is one task, and a task's sums run
//! in a fixed order: the bits do not depend on the number of threads. The
//! backward pass computes the probabilities anew instead of keeping them.

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor};
use rayon::prelude::*;

use super::ops::{read2, values};

/// Shape of the attention.
#[derive(Clone, Copy, Debug)]
pub struct CausalAttention {
    /// Tokens in a sequence.
    pub context: usize,
    /// Heads, side by side in the width.
    pub heads: usize,
}

impl CausalAttention {
    fn width(&self, layout: &Layout) -> Result<usize> {
        let (rows, columns) = layout.shape().dims2()?;
        if rows % self.context != 0 || columns % (3 * self.heads) != 0 {
            candle_core::bail!("attention of {self:?} over {rows} x {columns}");
        }
        Ok(columns / 3)
    }
}

/// One head of one sequence: queries, keys, values as `[context, head]`, and
/// keys and values transposed, so that every inner loop is contiguous.
struct Head {
    q: Vec<f32>,
    k: Vec<f32>,
    kt: Vec<f32>,
    v: Vec<f32>,
    vt: Vec<f32>,
    context: usize,
    size: usize,
    scale: f32,
}

impl Head {
    fn new(qkv: &[f32], head: usize, width: usize, op: &CausalAttention) -> Self {
        let (context, size) = (op.context, width / op.heads);
        let part = |part: usize| {
            let at = part * width + head * size;
            let mut x = vec![0.0; context * size];
            for (x, row) in x.chunks_exact_mut(size).zip(qkv.chunks_exact(3 * width)) {
                x.copy_from_slice(&row[at..at + size]);
            }
            x
        };
        let transposed = |x: &[f32]| {
            let mut t = vec![0.0; context * size];
            for (i, row) in x.chunks_exact(size).enumerate() {
                row.iter().zip(t[i..].iter_mut().step_by(context)).for_each(|(x, t)| *t = *x);
            }
            t
        };
        let (q, k, v) = (part(0), part(1), part(2));
        let (kt, vt) = (transposed(&k), transposed(&v));
        Self { q, k, kt, v, vt, context, size, scale: 1.0 / (size as f32).sqrt() }
    }

    /// The attention of token `i` to tokens `0..=i`.
    fn probabilities(&self, i: usize, p: &mut [f32]) {
        self.dot_all(&self.q[i * self.size..], &self.kt, p);
        let max = p.iter().fold(f32::NEG_INFINITY, |m, &x| m.max(x));
        let mut sum = 0.0;
        for x in p.iter_mut() {
            *x = ((*x - max) * self.scale).exp();
            sum += *x;
        }
        let inverse = 1.0 / sum;
        p.iter_mut().for_each(|x| *x *= inverse);
    }

    /// `out[j] = dot(x, column j)` of a transposed matrix.
    fn dot_all(&self, x: &[f32], transposed: &[f32], out: &mut [f32]) {
        out.fill(0.0);
        for (&x, row) in x[..self.size].iter().zip(transposed.chunks_exact(self.context)) {
            add_scaled(out, x, row);
        }
    }
}

/// `out += x * row`.
#[inline]
fn add_scaled(out: &mut [f32], x: f32, row: &[f32]) {
    out.iter_mut().zip(row).for_each(|(out, &r)| *out += x * r);
}

impl CustomOp1 for CausalAttention {
    fn name(&self) -> &'static str {
        "causal-attention"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let width = self.width(layout)?;
        let qkv = values(storage, layout)?;
        let mut out = vec![0.0; qkv.len() / 3];
        let size = width / self.heads;
        let sequences = qkv.par_chunks_exact(self.context * 3 * width);
        out.par_chunks_exact_mut(self.context * width).zip(sequences).for_each(|(out, qkv)| {
            let mut p = vec![0.0; self.context];
            for h in 0..self.heads {
                let head = Head::new(qkv, h, width, self);
                for (i, row) in out.chunks_exact_mut(width).enumerate() {
                    let (p, row) = (&mut p[..=i], &mut row[h * size..(h + 1) * size]);
                    head.probabilities(i, p);
                    for (&p, v) in p.iter().zip(head.v.chunks_exact(size)) {
                        add_scaled(row, p, v);
                    }
                }
            }
        });
        let rows = layout.dims()[0];
        Ok((CpuStorage::F32(out), (rows, width).into()))
    }

    fn bwd(&self, qkv: &Tensor, _: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        let width = self.width(qkv.layout())?;
        let out = read2(qkv, grad, |qkv, grad| {
            let mut out = vec![0.0; qkv.len()];
            out.par_chunks_exact_mut(self.context * 3 * width)
                .zip(qkv.par_chunks_exact(self.context * 3 * width))
                .zip(grad.par_chunks_exact(self.context * width))
                .for_each(|((out, qkv), grad)| {
                    for h in 0..self.heads {
                        self.backward(h, width, qkv, grad, out);
                    }
                });
            Ok(out)
        })?;
        Tensor::from_vec(out, qkv.shape(), qkv.device()).map(Some)
    }
}

impl CausalAttention {
    /// One head of one sequence: the gradient of queries, keys and values.
    fn backward(&self, h: usize, width: usize, qkv: &[f32], grad: &[f32], out: &mut [f32]) {
        let head = Head::new(qkv, h, width, self);
        let size = head.size;
        let n = self.context * size;
        let (mut dq, mut dk, mut dv) = (vec![0.0; n], vec![0.0; n], vec![0.0; n]);
        let (mut p, mut dp) = (vec![0.0; self.context], vec![0.0; self.context]);
        for (i, grad) in grad.chunks_exact(width).enumerate() {
            let (p, dp) = (&mut p[..=i], &mut dp[..=i]);
            let grad = &grad[h * size..(h + 1) * size];
            let q = &head.q[i * size..(i + 1) * size];
            let dq = &mut dq[i * size..(i + 1) * size];
            head.probabilities(i, p);
            head.dot_all(grad, &head.vt, dp);
            let mean: f32 = p.iter().zip(&*dp).map(|(p, dp)| p * dp).sum();
            for (j, (&p, &dp)) in p.iter().zip(&*dp).enumerate() {
                let ds = p * (dp - mean) * head.scale;
                let j = j * size..(j + 1) * size;
                add_scaled(dq, ds, &head.k[j.clone()]);
                add_scaled(&mut dk[j.clone()], ds, q);
                add_scaled(&mut dv[j], p, grad);
            }
        }
        for (part, d) in [dq, dk, dv].iter().enumerate() {
            let at = part * width + h * size;
            for (row, d) in out.chunks_exact_mut(3 * width).zip(d.chunks_exact(size)) {
                row[at..at + size].copy_from_slice(d);
            }
        }
    }
}
