//! The layer as a candle operation, with its backward pass.

use std::sync::OnceLock;

use candle_core::{
    CpuStorage, CustomOp2, CustomOp3, DType, Error, Layout, Result, Shape, Tensor,
    backend::BackendStorage, bail,
};
use half::bf16;
use quarter::gemm::{self, Bias, Epilogue, Plan};
use quarter::quantize::{Matrix, MatrixMut};
use quarter::{Element, Quantized};

use super::{Fp8Context, Role};

/// One call of a layer.
pub(super) struct Linear {
    context: Fp8Context,
    first: usize,
    /// x and w of the forward pass, transposed: what the backward pass multiplies by.
    saved: OnceLock<Saved>,
}

struct Saved {
    x_t: Quantized,
    w_t: Quantized,
}

impl Linear {
    pub(super) fn new(context: Fp8Context, first: usize) -> Self {
        Self { context, first, saved: OnceLock::new() }
    }

    fn forward(
        &self,
        (xs, xl): (&CpuStorage, &Layout),
        (ws, wl): (&CpuStorage, &Layout),
        bias: Option<Bias>,
    ) -> Result<(CpuStorage, Shape)> {
        let (out, inner) = wl.shape().dims2()?;
        let mut dims = xl.dims().to_vec();
        let Some(last) = dims.last_mut().filter(|last| **last == inner) else {
            bail!("x of shape {:?} times a weight of shape {:?}", xl.shape(), wl.shape());
        };
        *last = out;
        let tokens = tokens(xl.dims());

        let (w, w_t) = self.cast(Role::W, ws, wl, out, inner)?;
        let (x, x_t) = self.cast(Role::X, xs, xl, tokens, inner)?;
        let epilogue = Epilogue { bias, accumulate: false };
        let mut y = vec![bf16::ZERO; tokens * out];
        let y_out = MatrixMut::new(&mut y, tokens, out).map_err(Error::wrap)?;
        gemm::fprop(&x, &w, &Plan::for_k(inner), &epilogue, y_out).map_err(Error::wrap)?;
        // A second forward pass of the same call would see the same operands.
        let _ = self.saved.set(Saved { x_t, w_t });

        let y = match xs {
            CpuStorage::BF16(_) => CpuStorage::BF16(y),
            _ => CpuStorage::F32(widen(&y)),
        };
        Ok((y, Shape::from(dims)))
    }

    /// A tensor of the layer and its transpose as FP8.
    fn cast(
        &self,
        role: Role,
        storage: &CpuStorage,
        layout: &Layout,
        rows: usize,
        cols: usize,
    ) -> Result<(Quantized, Quantized)> {
        let Some((start, end)) = layout.contiguous_offsets() else {
            bail!("fp8 linear: {role:?} has to be contiguous");
        };
        let both = match storage {
            CpuStorage::F32(data) => self.quantize(role, &data[start..end], rows, cols),
            CpuStorage::BF16(data) => self.quantize(role, &data[start..end], rows, cols),
            other => bail!("fp8 linear: {role:?} is {:?}; F32 and BF16 are allowed", other.dtype()),
        };
        both.map_err(Error::wrap)
    }

    fn quantize<T: Element>(
        &self,
        role: Role,
        data: &[T],
        rows: usize,
        cols: usize,
    ) -> quarter::Result<(Quantized, Quantized)> {
        let both = self.context.quantize(self.first, role, Matrix::new(data, rows, cols)?)?;
        Ok((both.0.data, both.1.data))
    }

    /// The gradients of x and of w.
    fn backward(&self, x: &Tensor, w: &Tensor, dy: &Tensor) -> Result<(Tensor, Tensor)> {
        let Some(saved) = self.saved.get() else {
            bail!("fp8 linear: backward before forward");
        };
        let (out, inner) = w.dims2()?;
        let dy: Vec<bf16> = dy.to_dtype(DType::BF16)?.flatten_all()?.to_vec1()?;
        let tokens = tokens(x.dims());
        let (dx, dw) =
            self.products(saved, &dy, (tokens, out, inner), w.dtype()).map_err(Error::wrap)?;
        let dx = Tensor::from_vec(dx, x.shape(), x.device())?.to_dtype(x.dtype())?;
        Ok((dx, dw.into_tensor(w)?))
    }

    fn products(
        &self,
        saved: &Saved,
        dy: &[bf16],
        (tokens, out, inner): (usize, usize, usize),
        weight: DType,
    ) -> quarter::Result<(Vec<bf16>, WeightGradient)> {
        let (dy, dy_t) = self.quantize(Role::Dy, dy, tokens, out)?;
        let none = Epilogue::default();
        let mut dx = vec![bf16::ZERO; tokens * inner];
        gemm::dgrad(
            &dy,
            &saved.w_t,
            &Plan::for_k(out),
            &none,
            MatrixMut::new(&mut dx, tokens, inner)?,
        )?;
        let plan = Plan::for_k(tokens);
        let dw = if weight == DType::BF16 {
            let mut dw = vec![bf16::ZERO; out * inner];
            gemm::wgrad(&dy_t, &saved.x_t, &plan, &none, MatrixMut::new(&mut dw, out, inner)?)?;
            WeightGradient::Bf16(dw)
        } else {
            let mut dw = vec![0f32; out * inner];
            gemm::wgrad(&dy_t, &saved.x_t, &plan, &none, MatrixMut::new(&mut dw, out, inner)?)?;
            WeightGradient::F32(dw)
        };
        Ok((dx, dw))
    }
}

/// Rows of a tensor whose last dimension are the columns.
fn tokens(dims: &[usize]) -> usize {
    dims.iter().rev().skip(1).product()
}

enum WeightGradient {
    F32(Vec<f32>),
    Bf16(Vec<bf16>),
}

impl WeightGradient {
    fn into_tensor(self, w: &Tensor) -> Result<Tensor> {
        match self {
            Self::F32(dw) => Tensor::from_vec(dw, w.shape(), w.device()),
            Self::Bf16(dw) => Tensor::from_vec(dw, w.shape(), w.device()),
        }
    }
}

fn widen(x: &[bf16]) -> Vec<f32> {
    x.iter().map(|x| x.to_f32()).collect()
}

impl CustomOp2 for Linear {
    fn name(&self) -> &'static str {
        "fp8-linear"
    }

    fn cpu_fwd(
        &self,
        xs: &CpuStorage,
        xl: &Layout,
        ws: &CpuStorage,
        wl: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        self.forward((xs, xl), (ws, wl), None)
    }

    fn bwd(
        &self,
        x: &Tensor,
        w: &Tensor,
        _y: &Tensor,
        dy: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let (dx, dw) = self.backward(x, w, dy)?;
        Ok((Some(dx), Some(dw)))
    }
}

impl CustomOp3 for Linear {
    fn name(&self) -> &'static str {
        "fp8-linear-bias"
    }

    fn cpu_fwd(
        &self,
        xs: &CpuStorage,
        xl: &Layout,
        ws: &CpuStorage,
        wl: &Layout,
        bs: &CpuStorage,
        bl: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let Some((start, end)) = bl.contiguous_offsets() else {
            bail!("fp8 linear: the bias has to be contiguous");
        };
        let bias = match bs {
            CpuStorage::F32(b) => Bias::F32(&b[start..end]),
            CpuStorage::BF16(b) => Bias::Bf16(&b[start..end]),
            other => bail!("fp8 linear: the bias is {:?}; F32 and BF16 are allowed", other.dtype()),
        };
        self.forward((xs, xl), (ws, wl), Some(bias))
    }

    fn bwd(
        &self,
        x: &Tensor,
        w: &Tensor,
        bias: &Tensor,
        _y: &Tensor,
        dy: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let (dx, dw) = self.backward(x, w, dy)?;
        // Summed in f32 from the unquantized gradient, as trainers do.
        let db = dy.to_dtype(DType::F32)?.reshape(((), bias.elem_count()))?.sum(0)?;
        Ok((Some(dx), Some(dw), Some(db.to_dtype(bias.dtype())?)))
    }
}
