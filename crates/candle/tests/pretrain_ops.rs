//! The example's fused operations against candle's primitive ones, with gradients.

#[allow(dead_code)]
#[path = "../examples/pretrain/main.rs"]
mod pretrain;

use candle_core::{D, DType, Device, Result, Tensor, Var};
use pretrain::{
    attention::CausalAttention,
    line::Line,
    model::{Gpt, Products, Shape},
    ops::{CrossEntropy, RmsNorm, RoundBf16, SquaredRelu},
    text::Batch,
};
use quarter::random::{Source, Stream};
use quarter_candle::{Fp8Config, Fp8Context};

/// Values in -1..1.
fn random(tensor: u32, shape: &[usize]) -> Var {
    let source = Source { seed: 5, tensor, step: 0 };
    let count: usize = shape.iter().product();
    let words = (0..count.div_ceil(4)).flat_map(|g| source.words(Stream::Data, g as u64));
    let unit = |w: u32| (w >> 8) as f32 * (2.0 / (1 << 24) as f32) - 1.0;
    let values: Vec<f32> = words.take(count).map(unit).collect();
    Var::from_tensor(&Tensor::from_vec(values, shape, &Device::Cpu).unwrap()).unwrap()
}

fn floats(x: &Tensor) -> Vec<f32> {
    x.flatten_all().unwrap().to_vec1().unwrap()
}

fn assert_close(a: &Tensor, b: &Tensor, what: &str) {
    assert_eq!(a.shape(), b.shape(), "{what}");
    let (a, b) = (floats(a), floats(b));
    let largest = b.iter().fold(0.0_f32, |m, x| m.max(x.abs()));
    assert!(largest > 0.0, "{what} is all zero");
    for (i, (x, y)) in a.iter().zip(&b).enumerate() {
        assert!((x - y).abs() <= 2e-6 * largest, "{what}[{i}]: {x}, not {y}");
    }
}

/// Values and gradients of both forms agree, under a gradient that differs by element.
fn compare(
    inputs: &[&Var],
    fused: impl Fn() -> Result<Tensor>,
    primitive: impl Fn() -> Result<Tensor>,
) {
    let (a, b) = (fused().unwrap(), primitive().unwrap());
    assert_close(&a, &b, "result");
    let weights = random(99, a.dims());
    let backward = |x: &Tensor| (x * weights.as_tensor()).unwrap().sum_all().unwrap().backward();
    let (a, b) = (backward(&a).unwrap(), backward(&b).unwrap());
    for (i, input) in inputs.iter().enumerate() {
        let what = format!("gradient {i}");
        assert_close(a.get(input).unwrap(), b.get(input).unwrap(), &what);
    }
}

#[test]
fn rms_norm() {
    // 130 rows: two full parts of the weight's gradient and a rest.
    let (x, w) = (random(1, &[130, 24]), random(2, &[24]));
    compare(
        &[&x, &w],
        || x.apply_op2(&w, RmsNorm),
        || {
            let r = (x.sqr()?.mean_keepdim(D::Minus1)? + 1e-6)?.sqrt()?;
            x.broadcast_div(&r)?.broadcast_mul(&w)
        },
    );
}

#[test]
fn squared_relu() {
    let x = random(3, &[7, 33]);
    compare(&[&x], || x.apply_op1(SquaredRelu), || x.relu()?.sqr());
    let nan = Tensor::new(&[f32::NAN], &Device::Cpu).unwrap();
    assert!(floats(&nan.apply_op1(SquaredRelu).unwrap())[0].is_nan());
}

#[test]
fn attention() {
    let (windows, context, heads, size) = (3, 10, 2, 4);
    let width = heads * size;
    let qkv = random(4, &[windows * context, 3 * width]);
    let qkv = Var::from_tensor(&(qkv.as_tensor() * 3.0).unwrap()).unwrap();
    compare(
        &[&qkv],
        || qkv.apply_op1(CausalAttention { context, heads }),
        || {
            let x = qkv.reshape((windows, context, 3, heads, size))?.permute((2, 0, 3, 1, 4))?;
            let part = |i| x.get(i)?.contiguous()?.reshape((windows * heads, context, size));
            let (q, k, v) = (part(0)?, part(1)?, part(2)?);
            let scores = (q.matmul(&k.t()?)? / (size as f64).sqrt())?;
            let hidden = (0..context * context)
                .map(|i| if i % context > i / context { f32::NEG_INFINITY } else { 0.0 });
            let mask = Tensor::from_iter(hidden, &Device::Cpu)?.reshape((context, context))?;
            let p = scores.broadcast_add(&mask)?.exp()?;
            let p = p.broadcast_div(&p.sum_keepdim(D::Minus1)?)?;
            let y = p.matmul(&v)?.reshape((windows, heads, context, size))?;
            y.transpose(1, 2)?.contiguous()?.reshape((windows * context, width))
        },
    );
    let odd = random(5, &[context + 1, 3 * width]);
    assert!(odd.apply_op1(CausalAttention { context, heads }).is_err());
}

#[test]
fn cross_entropy() {
    let (rows, classes) = (9, 13);
    let logits = random(6, &[rows, classes]);
    let targets: Vec<u32> = (0..rows as u32).map(|i| i * 5 % classes as u32).collect();
    compare(
        &[&logits],
        || logits.apply_op1(CrossEntropy(targets.clone())),
        || {
            let log_sum = logits.exp()?.sum(D::Minus1)?.log()?;
            let targets = Tensor::new(&targets[..], &Device::Cpu)?.unsqueeze(1)?;
            (log_sum - logits.gather(&targets, 1)?.squeeze(1)?)?.mean_all()
        },
    );
    assert!(logits.apply_op1(CrossEntropy(vec![0; rows - 1])).is_err());
}

#[test]
fn round_bf16() {
    let x = random(7, &[5, 40]);
    let round = |x: &Tensor| x.to_dtype(DType::BF16)?.to_dtype(DType::F32);
    compare(&[&x], || x.apply_op1(RoundBf16), || round(&x));
}

/// A model in which some weight has no part, or gets no gradient, would still train.
#[test]
fn every_weight_has_a_gradient() {
    let shape = Shape { width: 32, layers: 2, heads: 2, context: 8, windows: 2 };
    let fp8 = Products::Fp8(Fp8Context::new(Fp8Config::default()).unwrap());
    for (products, dtype) in
        [(Products::F32, DType::F32), (Products::Bf16, DType::BF16), (fp8, DType::BF16)]
    {
        let model = Gpt::new(shape, 1, dtype, &products).unwrap();
        let inputs: Vec<u32> = (0..16).map(|i| i * 37 % 256).collect();
        let targets = inputs.iter().map(|x| (x * 3 + 1) % 256).collect();
        let batch = Batch { inputs, targets };
        let gradients = model.loss(&batch, 1.0).unwrap().backward().unwrap();
        assert_eq!(model.parameters().len(), 4 + 6 * 2);
        for (name, var) in model.parameters() {
            let gradient = gradients.get(var).unwrap();
            assert_eq!((gradient.dtype(), gradient.shape()), (dtype, var.shape()), "{name}");
            let gradient = floats(&gradient.to_dtype(DType::F32).unwrap());
            assert!(gradient.iter().any(|&g| g != 0.0), "{name}");
            assert!(gradient.iter().all(|g| g.is_finite()), "{name}");
        }
    }
}

/// The loss falls along the gradient as fast as the gradient says.
#[test]
fn the_gradient_is_the_slope_of_the_loss() {
    let shape = Shape { width: 32, layers: 2, heads: 2, context: 8, windows: 2 };
    let model = Gpt::new(shape, 1, DType::F32, &Products::F32).unwrap();
    let inputs: Vec<u32> = (0..16).map(|i| i * 37 % 256).collect();
    let targets = inputs.iter().map(|x| (x * 3 + 1) % 256).collect();
    let batch = Batch { inputs, targets };
    let loss = || f64::from(model.loss(&batch, 1.0).unwrap().to_scalar::<f32>().unwrap());
    let gradients = model.loss(&batch, 1.0).unwrap().backward().unwrap();
    for (name, var) in model.parameters() {
        let gradient = gradients.get(var).unwrap();
        let square: f64 = floats(gradient).iter().map(|&g| f64::from(g).powi(2)).sum();
        let start = var.as_tensor().copy().unwrap();
        // A step that moves the loss by about 0.02.
        let length = 0.01 / square;
        let at = |t: f64| {
            var.set(&(&start + (gradient * t).unwrap()).unwrap()).unwrap();
            loss()
        };
        let slope = (at(length) - at(-length)) / (2.0 * length);
        var.set(&start).unwrap();
        assert!((slope / square - 1.0).abs() < 0.03, "{name}: {slope}, not {square}");
    }
}

#[test]
fn recipes_start_from_the_same_weights() {
    let lines = Line::all(&clap::Parser::parse_from(["pretrain"]));
    assert_eq!(lines.len(), 4);
    let models = lines.iter().map(|line| {
        let (products, _) = line.products().unwrap();
        Gpt::new(line.shape, 7, line.dtype(), &products).unwrap()
    });
    let models: Vec<Gpt> = models.collect();
    for model in &models[1..] {
        for ((name, first), (_, var)) in models[0].parameters().iter().zip(model.parameters()) {
            let rounded = first.to_dtype(DType::BF16).unwrap().to_dtype(DType::F32).unwrap();
            assert_eq!(floats(&rounded), floats(&var.to_dtype(DType::F32).unwrap()), "{name}");
        }
    }
    let other = Gpt::new(lines[0].shape, 8, DType::F32, &Products::F32).unwrap();
    let weights = |model: &Gpt| floats(&model.parameters()[0].1);
    assert_ne!(weights(&models[0]), weights(&other));
}
