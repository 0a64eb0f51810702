//! A linear layer whose three products are FP8.

mod context;
mod op;

pub use context::{Fp8Config, Fp8Context, Role, Scaling, TensorStats};

use candle_core::{Module, Result, Tensor};

/// `y = x * w^T + bias`, with fprop, dgrad and wgrad on the FP8 tensor core.
///
/// # Shapes
/// weight `[out, in]`, bias `[out]`, x `[..., in]`, y `[..., out]`. The weight is
/// bf16 or f32, x f32 or bf16.
///
/// # Rounding
/// x and the weight are cast to [`Fp8Config::forward`], the gradient of y to
/// [`Fp8Config::backward`] after it is rounded to bf16, all to nearest. y and the
/// gradient of x are rounded to bf16 and stored in the type of x; the gradient of
/// the weight is rounded to the type of the weight. Products follow
/// [`quarter::gemm`] with [`Plan::for_k`](quarter::gemm::Plan::for_k).
///
/// The casts of the forward pass serve the backward pass, transposed.
///
/// ```
/// use candle_core::{Device, Module, Tensor, Var};
/// use quarter_candle::{Fp8Config, Fp8Context, Fp8Linear};
///
/// let fp8 = Fp8Context::new(Fp8Config::default())?;
/// let w = Var::randn(0f32, 0.02, (64, 128), &Device::Cpu)?;
/// let layer = Fp8Linear::new(w.as_tensor().clone(), None, &fp8, "proj")?;
/// let x = Tensor::randn(0f32, 1., (32, 128), &Device::Cpu)?;
/// let gradients = layer.forward(&x)?.sqr()?.mean_all()?.backward()?;
/// assert_eq!(gradients.get(&w).unwrap().dims(), [64, 128]);
/// fp8.end_step();
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Fp8Linear {
    weight: Tensor,
    bias: Option<Tensor>,
    context: Fp8Context,
    first: usize,
}

impl Fp8Linear {
    /// `name` appears in the [`TensorStats`]. Layers of one context have to be made
    /// in the same order in each run for its state to be restored.
    ///
    /// # Errors
    /// If the weight has not two dimensions or the bias does not fit.
    pub fn new(
        weight: Tensor,
        bias: Option<Tensor>,
        context: &Fp8Context,
        name: &str,
    ) -> Result<Self> {
        let (out, _) = weight.dims2()?;
        if let Some(bias) = &bias
            && bias.dims() != [out]
        {
            candle_core::bail!("bias of shape {:?}; [{out}] is needed", bias.shape());
        }
        let first = context.register(name);
        Ok(Self { weight, bias, context: context.clone(), first })
    }

    /// The weight, `[out, in]`.
    pub fn weight(&self) -> &Tensor {
        &self.weight
    }
}

impl Module for Fp8Linear {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let op = op::Linear::new(self.context.clone(), self.first);
        let x = x.contiguous()?;
        let w = self.weight.contiguous()?;
        match &self.bias {
            Some(bias) => x.apply_op3(&w, &bias.contiguous()?, op),
            None => x.apply_op2(&w, op),
        }
    }
}
