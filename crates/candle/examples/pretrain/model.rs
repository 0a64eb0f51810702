//! The byte-level GPT: pre-norm blocks of causal attention and a squared-ReLU
//! MLP, learned positions, a head of its own, no biases. The residual stream
//! is f32; the four linear layers of a block multiply in the recipe's precision.

use candle_core::{DType, Device, Module, Result, Tensor, Var};
use quarter::random::{Source, Stream};
use quarter_candle::{Fp8Context, Fp8Linear};

use super::{
    attention::CausalAttention,
    ops::{CrossEntropy, RmsNorm, RoundBf16, ScaleChannel, SquaredRelu},
    text::Batch,
};

/// Sizes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Shape {
    /// Width of the residual stream.
    pub width: usize,
    /// Blocks.
    pub layers: usize,
    /// Attention heads of a block.
    pub heads: usize,
    /// Tokens in a window.
    pub context: usize,
    /// Windows in a batch.
    pub windows: usize,
}

impl Default for Shape {
    fn default() -> Self {
        Self { width: 128, layers: 2, heads: 4, context: 64, windows: 16 }
    }
}

/// Bytes.
const VOCABULARY: usize = 256;

/// In what the linear layers multiply.
#[derive(Clone)]
pub enum Products {
    /// f32.
    F32,
    /// f32 on operands and results rounded to bf16.
    Bf16,
    /// FP8.
    Fp8(Fp8Context),
}

/// Channel 0 of the input of this layer is the one that an outlier run scales.
/// The layer's inputs fill several blocks of 128, so that block scaling differs.
pub const OUTLIER_LAYER: &str = "blocks.0.down";

/// A linear layer without bias, weight `[outputs, inputs]`.
enum Linear {
    F32(Var),
    Bf16(Var),
    Fp8(Fp8Linear),
}

impl Linear {
    fn new(products: &Products, weight: Var, name: &str) -> Result<Self> {
        Ok(match products {
            Products::F32 => Self::F32(weight),
            Products::Bf16 => Self::Bf16(weight),
            Products::Fp8(context) => {
                Self::Fp8(Fp8Linear::new(weight.as_tensor().clone(), None, context, name)?)
            }
        })
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        match self {
            Self::F32(w) => x.matmul(&wide(w)?.t()?),
            Self::Bf16(w) => x.apply_op1(RoundBf16)?.matmul(&wide(w)?.t()?)?.apply_op1(RoundBf16),
            Self::Fp8(layer) => layer.forward(x),
        }
    }
}

/// The weight in f32. Its gradient comes back in the weight's own type.
fn wide(weight: &Var) -> Result<Tensor> {
    weight.to_dtype(DType::F32)
}

struct Block {
    norm_attention: Var,
    qkv: Linear,
    projection: Linear,
    norm_mlp: Var,
    up: Linear,
    down: Linear,
}

/// The model.
pub struct Gpt {
    shape: Shape,
    embedding: Var,
    positions: Var,
    blocks: Vec<Block>,
    norm: Var,
    head: Linear,
    parameters: Vec<(String, Var)>,
}

/// Creates the weights, numbered in the order of their creation.
struct Init {
    seed: u64,
    dtype: DType,
    parameters: Vec<(String, Var)>,
}

impl Init {
    fn add(&mut self, name: String, values: Vec<f32>, shape: &[usize]) -> Result<Var> {
        let tensor = Tensor::from_vec(values, shape, &Device::Cpu)?.to_dtype(self.dtype)?;
        let var = Var::from_tensor(&tensor)?;
        self.parameters.push((name, var.clone()));
        Ok(var)
    }

    /// Uniform values with this standard deviation: exact arithmetic, the same everywhere.
    fn uniform(&mut self, name: String, shape: [usize; 2], deviation: f64) -> Result<Var> {
        let tensor = self.parameters.len() as u32;
        let source = Source { seed: self.seed, tensor, step: 0 };
        let bound = (3.0_f64.sqrt() * deviation) as f32;
        let count = shape[0] * shape[1];
        let words = (0..count.div_ceil(4)).flat_map(|g| source.words(Stream::Data, g as u64));
        let unit = |word: u32| (word >> 8) as f32 * (2.0 / (1 << 24) as f32) - 1.0;
        let values = words.take(count).map(|word| unit(word) * bound).collect();
        self.add(name, values, &shape)
    }

    fn ones(&mut self, name: String, length: usize) -> Result<Var> {
        self.add(name, vec![1.0; length], &[length])
    }
}

impl Gpt {
    /// A new model. The weights depend on the seed alone; in bf16 they are the
    /// nearest to those in f32.
    ///
    /// # Errors
    /// Only candle's.
    pub fn new(shape: Shape, seed: u64, dtype: DType, products: &Products) -> Result<Self> {
        let mut init = Init { seed, dtype, parameters: Vec::new() };
        let width = shape.width;
        let embedding = init.uniform("embedding".into(), [VOCABULARY, width], 0.1)?;
        let positions = init.uniform("positions".into(), [shape.context, width], 0.1)?;
        let inner = 1.0 / (width as f64).sqrt();
        // Two additions to the residual stream a block.
        let outer = inner / (2.0 * shape.layers as f64).sqrt();
        let mut blocks = Vec::new();
        for i in 0..shape.layers {
            let linear = |init: &mut Init, name: &str, shape, deviation| {
                let name = format!("blocks.{i}.{name}");
                let weight = init.uniform(name.clone(), shape, deviation)?;
                Linear::new(products, weight, &name)
            };
            blocks.push(Block {
                norm_attention: init.ones(format!("blocks.{i}.norm_attention"), width)?,
                qkv: linear(&mut init, "qkv", [3 * width, width], inner)?,
                projection: linear(&mut init, "projection", [width, width], outer)?,
                norm_mlp: init.ones(format!("blocks.{i}.norm_mlp"), width)?,
                up: linear(&mut init, "up", [4 * width, width], inner)?,
                down: linear(&mut init, "down", [width, 4 * width], outer / 2.0)?,
            });
        }
        let norm = init.ones("norm".into(), width)?;
        let head = Linear::F32(init.uniform("head".into(), [VOCABULARY, width], 0.02)?);
        Ok(Self { shape, embedding, positions, blocks, norm, head, parameters: init.parameters })
    }

    /// All weights with their names, in the order of their numbers.
    pub fn parameters(&self) -> &[(String, Var)] {
        &self.parameters
    }

    /// Mean cross-entropy in nats of a batch, as a differentiable scalar. The
    /// outlier channel is multiplied by `outlier`, which is 1 in ordinary runs.
    ///
    /// # Errors
    /// Only candle's.
    pub fn loss(&self, batch: &Batch, outlier: f32) -> Result<Tensor> {
        self.logits(&batch.inputs, outlier)?.apply_op1(CrossEntropy(batch.targets.clone()))
    }

    /// Logits `[tokens, 256]` of whole windows.
    fn logits(&self, tokens: &[u32], outlier: f32) -> Result<Tensor> {
        let Shape { width, heads, context, .. } = self.shape;
        let windows = tokens.len() / context;
        let ids = Tensor::from_slice(tokens, tokens.len(), &Device::Cpu)?;
        let x = wide(&self.embedding)?.index_select(&ids, 0)?;
        let x = x.reshape((windows, context, width))?.broadcast_add(&wide(&self.positions)?)?;
        let mut x = x.reshape((windows * context, width))?;
        for (i, block) in self.blocks.iter().enumerate() {
            let h = norm(&x, &block.norm_attention)?;
            let h = block.qkv.forward(&h)?.apply_op1(CausalAttention { context, heads })?;
            x = (x + block.projection.forward(&h)?)?;
            let h = norm(&x, &block.norm_mlp)?;
            let mut h = block.up.forward(&h)?.apply_op1(SquaredRelu)?;
            if i == 0 && outlier != 1.0 {
                h = h.apply_op1(ScaleChannel(outlier))?;
            }
            x = (x + block.down.forward(&h)?)?;
        }
        self.head.forward(&norm(&x, &self.norm)?)
    }
}

fn norm(x: &Tensor, weight: &Var) -> Result<Tensor> {
    x.apply_op2(&wide(weight)?, RmsNorm)
}
