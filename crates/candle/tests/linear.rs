//! The FP8 layer against its products done by hand, with random upstream gradients.

use candle_core::{DType, Device, Module, Result, Tensor, Var};
use half::bf16;
use quarter::gemm::{self, Bias, Epilogue, Plan};
use quarter::quantize::{Granularity, Matrix, MatrixMut, Quantizer, Scale};
use quarter::scaling::{AmaxChoice, Policy};
use quarter::{Element, Format, Quantized};
use quarter_candle::{Fp8Config, Fp8Context, Fp8Linear, Role, Scaling};

const TOKENS: usize = 2 * 21;
const INNER: usize = 150;
const OUT: usize = 70;

/// Numbers in -1..1 that differ for each seed.
fn random(seed: u64, n: usize) -> Vec<f32> {
    let source = quarter::random::Source { seed, tensor: 0, step: 0 };
    (0..n as u64)
        .map(|i| source.words(quarter::random::Stream::Data, i)[0] as i32 as f32 / 2147483648.0)
        .collect()
}

fn bits(t: &Tensor) -> Vec<u32> {
    let wide: Vec<f32> = t.flatten_all().unwrap().to_dtype(DType::F32).unwrap().to_vec1().unwrap();
    wide.iter().map(|x| x.to_bits()).collect()
}

fn bf16s(x: &[f32]) -> Vec<bf16> {
    x.iter().map(|x| <bf16 as Element>::from_f32(*x)).collect()
}

fn wide(x: &[bf16]) -> Vec<u32> {
    x.iter().map(|x| x.to_f32().to_bits()).collect()
}

/// Scales as the layer should choose them: given per tensor, or from the tiles.
fn cast(
    x: &[bf16],
    (rows, cols): (usize, usize),
    format: Format,
    granularity: Granularity,
    scale: Option<f32>,
) -> (Quantized, Quantized) {
    let given = [scale.unwrap_or(1.0)];
    let scale =
        if scale.is_some() { Scale::Given(&given) } else { Scale::Current(Policy::default()) };
    let q = Quantizer { format, granularity, scale, ..Quantizer::default() };
    let both = q.quantize_both(Matrix::new(x, rows, cols).unwrap()).unwrap();
    (both.0.data, both.1.data)
}

struct Run {
    y: Vec<u32>,
    dx: Vec<u32>,
    dw: Vec<u32>,
    db: Vec<u32>,
}

/// One forward and backward pass, with `dy` as the gradient of y.
fn pass(layer: &Fp8Linear, w: &Var, b: &Var, x: &[f32], dy: &[f32]) -> Result<Run> {
    let cpu = &Device::Cpu;
    let x = Var::from_tensor(&Tensor::from_slice(x, (2, TOKENS / 2, INNER), cpu)?)?;
    let dy = Tensor::from_slice(dy, (2, TOKENS / 2, OUT), cpu)?;
    let y = layer.forward(&x)?;
    assert_eq!(y.dims(), [2, TOKENS / 2, OUT]);
    let gradients = (&y * &dy)?.sum_all()?.backward()?;
    assert_eq!(gradients.get(w).unwrap().dtype(), w.dtype());
    Ok(Run {
        y: bits(&y),
        dx: bits(gradients.get(&x).unwrap()),
        dw: bits(gradients.get(w).unwrap()),
        db: bits(gradients.get(b).unwrap()),
    })
}

fn by_hand(
    config: &Fp8Config,
    scales: [Option<f32>; 3],
    x: &[f32],
    w: &[f32],
    b: &[f32],
    dy: &[f32],
) -> Run {
    let (gx, gw) = match config.scaling {
        Scaling::Block => (Granularity::Block1x128, Granularity::Block128x128),
        _ => (Granularity::Tensor, Granularity::Tensor),
    };
    let (xq, xt) = cast(&bf16s(x), (TOKENS, INNER), config.forward, gx, scales[0]);
    let (wq, wt) = cast(&bf16s(w), (OUT, INNER), config.forward, gw, scales[1]);
    let (dq, dt) = cast(&bf16s(dy), (TOKENS, OUT), config.backward, gx, scales[2]);
    let product = |a: &Quantized, b: &Quantized, bias| {
        let mut d = vec![bf16::ZERO; a.rows() * b.rows()];
        let out = MatrixMut::new(&mut d, a.rows(), b.rows()).unwrap();
        let epilogue = Epilogue { bias, accumulate: false };
        gemm::gemm(a, b, &Plan::for_k(a.cols()), &epilogue, out).unwrap();
        wide(&d)
    };
    Run {
        y: product(&xq, &wq, Some(Bias::F32(b))),
        dx: product(&dq, &wt, None),
        dw: product(&dt, &xt, None),
        db: (0..OUT)
            .map(|o| (0..TOKENS).fold(0f32, |s, t| s + dy[t * OUT + o]).to_bits())
            .collect(),
    }
}

/// Random numbers that are bf16 already, as a trainer's activations are.
fn rounded(seed: u64, n: usize, scale: f32) -> Vec<f32> {
    random(seed, n).iter().map(|x| <bf16 as Element>::from_f32(x * scale).to_f32()).collect()
}

#[test]
fn forward_and_backward_are_the_specified_products() {
    let cpu = &Device::Cpu;
    for scaling in
        [Scaling::Current, Scaling::Block, Scaling::Delayed { window: 2, choice: AmaxChoice::Max }]
    {
        for backward in [Format::E4m3, Format::E5m2] {
            let config = Fp8Config { scaling, backward, ..Fp8Config::default() };
            let fp8 = Fp8Context::new(config).unwrap();
            let (w, b) = (rounded(1, OUT * INNER, 1.0), random(2, OUT));
            let wv =
                Tensor::from_slice(&w, (OUT, INNER), cpu).unwrap().to_dtype(DType::BF16).unwrap();
            let (wv, bv) = (Var::from_tensor(&wv).unwrap(), Var::from_slice(&b, OUT, cpu).unwrap());
            let layer =
                Fp8Linear::new(wv.as_tensor().clone(), Some(bv.as_tensor().clone()), &fp8, "l")
                    .unwrap();
            let mut scales = [None; 3];
            let mut largest = vec![];
            // Delayed scales come from the data of the steps before.
            for step in 0..3 {
                let x = rounded(10 + step, TOKENS * INNER, (step + 1) as f32);
                let dy = rounded(20 + step, TOKENS * OUT, 1e-3);
                let got = pass(&layer, &wv, &bv, &x, &dy).unwrap();
                let want = by_hand(&config, scales, &x, &w, &b, &dy);
                assert_eq!(got.y, want.y, "y, {scaling:?}, step {step}");
                assert_eq!(got.dx, want.dx, "dx, {scaling:?}, step {step}");
                assert_eq!(got.dw, want.dw, "dw, {scaling:?}, step {step}");
                assert_eq!(got.db, want.db, "db, {scaling:?}, step {step}");
                assert_eq!(fp8.end_step(), 0);
                if let Scaling::Delayed { .. } = scaling {
                    let amax = |v: &[f32]| v.iter().fold(0f32, |a, x| a.max(x.abs()));
                    // x grows and w stays: their newest amax is the largest in the window. The
                    // window of two holds the last gradients.
                    largest.push(amax(&dy));
                    let dy = largest.iter().rev().take(2).fold(0f32, |a, x| a.max(*x));
                    let e = config.backward.max_finite();
                    scales = [448.0 / amax(&x), 448.0 / amax(&w), e / dy].map(Some);
                    assert_eq!(
                        fp8.state().scale.iter().map(|s| Some(*s)).collect::<Vec<_>>(),
                        scales
                    );
                }
            }
        }
    }
}

/// A scale of earlier steps is too large for a sudden outlier: it saturates and is counted;
/// the step after has room.
#[test]
fn counts_tell_what_delayed_scaling_does_to_a_spike() {
    let cpu = &Device::Cpu;
    let config = Fp8Config {
        scaling: Scaling::Delayed { window: 4, choice: AmaxChoice::Max },
        ..Fp8Config::default()
    };
    let fp8 = Fp8Context::new(config).unwrap();
    let w = Tensor::from_vec(random(1, OUT * INNER), (OUT, INNER), cpu).unwrap();
    let layer = Fp8Linear::new(w, None, &fp8, "up").unwrap();
    let mut saturated = vec![];
    for step in 0..3 {
        let mut x = random(2, TOKENS * INNER);
        if step > 0 {
            x[7] = 100.0;
        }
        layer.forward(&Tensor::from_vec(x, (TOKENS, INNER), cpu).unwrap()).unwrap();
        fp8.end_step();
        let stats = fp8.take_stats();
        assert_eq!((stats[0].layer.as_str(), stats[0].role), ("up", Role::X));
        assert_eq!(stats[0].elements, (TOKENS * INNER) as u64);
        assert_eq!(stats[2].elements, 0, "no backward pass");
        saturated.push(stats[0].cast.saturated);
    }
    assert_eq!(saturated, [0, 1, 0]);
}

/// Validation between two steps, and a step that is thrown away, change no later bit.
#[test]
fn validation_and_skipped_steps_leave_no_trace() {
    let cpu = &Device::Cpu;
    let run = |detour: bool| {
        let fp8 = Fp8Context::new(Fp8Config::default()).unwrap();
        let w = Tensor::from_vec(random(1, OUT * INNER), (OUT, INNER), cpu).unwrap();
        let layer = Fp8Linear::new(w, None, &fp8, "l").unwrap();
        let forward = |seed, scale: f32| {
            let x = random(seed, TOKENS * INNER).iter().map(|x| x * scale).collect();
            bits(&layer.forward(&Tensor::from_vec(x, (TOKENS, INNER), cpu).unwrap()).unwrap())
        };
        forward(5, 1.0);
        fp8.end_step();
        if detour {
            fp8.set_recording(false);
            forward(6, 1e3);
            fp8.set_recording(true);
            forward(7, f32::INFINITY);
            fp8.discard_step();
        }
        fp8.end_step();
        (forward(8, 1.0), fp8.state())
    };
    assert_eq!(run(true), run(false));
}

#[test]
fn wrong_shapes_and_types_are_errors() {
    let cpu = &Device::Cpu;
    let fp8 = Fp8Context::new(Fp8Config::default()).unwrap();
    let w = Tensor::zeros((4, 8), DType::F32, cpu).unwrap();
    assert!(Fp8Linear::new(w.flatten_all().unwrap(), None, &fp8, "l").is_err());
    let bias = Tensor::zeros(5, DType::F32, cpu).unwrap();
    assert!(Fp8Linear::new(w.clone(), Some(bias), &fp8, "l").is_err());
    let layer = Fp8Linear::new(w, None, &fp8, "l").unwrap();
    assert!(layer.forward(&Tensor::zeros((2, 7), DType::F32, cpu).unwrap()).is_err());
    assert!(layer.forward(&Tensor::zeros((2, 8), DType::F64, cpu).unwrap()).is_err());
    let empty = layer.forward(&Tensor::zeros((0, 8), DType::F32, cpu).unwrap()).unwrap();
    assert_eq!(empty.dims(), [0, 4]);
    // No inputs at all: every output is an empty sum.
    let none =
        Fp8Linear::new(Tensor::zeros((4, 0), DType::F32, cpu).unwrap(), None, &fp8, "l").unwrap();
    let y = none.forward(&Tensor::zeros((3, 0), DType::F32, cpu).unwrap()).unwrap();
    assert_eq!(y.to_vec2::<f32>().unwrap(), [[0.0; 4]; 3]);
    let window = Scaling::Delayed { window: 0, choice: AmaxChoice::Max };
    assert!(Fp8Context::new(Fp8Config { scaling: window, ..Fp8Config::default() }).is_err());
}
