//! Products against the contract, restated one element at a time.

mod common;

use common::{pool, same_bits};
use half::{bf16, f16};
use proptest::prelude::*;
use quarter::gemm::{self, Bias, Epilogue, Plan, Promotion, ScaleOrder};
use quarter::numerics::tensor_core::wgmma_k32;
use quarter::quantize::{Granularity, Matrix, MatrixMut, Quantizer};
use quarter::{E4m3, E5m2, Element, Error, Format, Fp8, Quantized};

const GRANULARITIES: [Granularity; 4] =
    [Granularity::Tensor, Granularity::Row, Granularity::Block1x128, Granularity::Block128x128];

/// The scale of element (r, k), read off the documented layout.
fn scale(q: &Quantized, r: usize, k: usize) -> f32 {
    let blocks = q.cols().div_ceil(128);
    q.scale_inv()[match q.granularity() {
        Granularity::Tensor => 0,
        Granularity::Row => r,
        Granularity::Block1x128 => r * blocks + k / 128,
        Granularity::Block128x128 => r / 128 * blocks + k / 128,
    }]
}

fn k32(a: &Quantized, m: usize, b: &Quantized, n: usize, k: usize, c: f32) -> f32 {
    fn codes<F: Fp8>(q: &Quantized, r: usize, k: usize) -> [F; 32] {
        core::array::from_fn(|i| {
            let inside = k + i < q.cols();
            F::from_bits(if inside { q.padded()[r * q.pitch() + k + i] } else { 0 })
        })
    }
    use Format::{E4m3 as P, E5m2 as R};
    match (a.format(), b.format()) {
        (P, P) => wgmma_k32(&codes::<E4m3>(a, m, k), &codes::<E4m3>(b, n, k), c),
        (P, R) => wgmma_k32(&codes::<E4m3>(a, m, k), &codes::<E5m2>(b, n, k), c),
        (R, P) => wgmma_k32(&codes::<E5m2>(a, m, k), &codes::<E4m3>(b, n, k), c),
        (R, R) => wgmma_k32(&codes::<E5m2>(a, m, k), &codes::<E5m2>(b, n, k), c),
    }
}

/// `y` of one element of D, before the epilogue.
fn naive(a: &Quantized, m: usize, b: &Quantized, n: usize, plan: &Plan) -> f32 {
    let blocked = [a, b]
        .iter()
        .any(|q| matches!(q.granularity(), Granularity::Block1x128 | Granularity::Block128x128));
    let interval = match plan.promotion {
        Promotion::Never => usize::MAX,
        Promotion::Every(n) => n,
    };
    let mut y = 0f32;
    let mut k0 = 0;
    while k0 < a.cols() {
        let end = a.cols().min(k0.saturating_add(interval));
        let mut p = 0f32;
        let mut k = k0;
        while k < end {
            p = k32(a, m, b, n, k, p);
            k += 32;
        }
        let (sa, sb) = (scale(a, m, k0), scale(b, n, k0));
        y = match (blocked, plan.scales) {
            (false, _) => y + p,
            (true, ScaleOrder::Sequential) => f32::mul_add(p * sa, sb, y),
            (true, ScaleOrder::Combined) => f32::mul_add(sa * sb, p, y),
        };
        k0 = end;
    }
    if blocked {
        return y;
    }
    let (sa, sb) = (scale(a, m, 0), scale(b, n, 0));
    match plan.scales {
        ScaleOrder::Sequential => y * sa * sb,
        ScaleOrder::Combined => y * (sa * sb),
    }
}

fn numbers() -> impl Strategy<Value = f32> {
    prop_oneof![
        30 => -4f32..4.0,
        6 => -1e-3f32..1e-3,
        2 => Just(0.0), 1 => Just(-0.0), 1 => Just(1e4),
    ]
}

#[derive(Clone, Debug)]
struct Case {
    a: Quantized,
    b: Quantized,
    plan: Plan,
    bias: Option<Vec<f32>>,
}

fn matrix(rows: usize, cols: usize) -> impl Strategy<Value = Quantized> {
    (
        prop::collection::vec(numbers(), rows * cols),
        any::<bool>(),
        prop::sample::select(GRANULARITIES.to_vec()),
        prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..3),
        0usize..2,
    )
        .prop_map(move |(x, e5m2, granularity, specials, extra)| {
            let format = if e5m2 { Format::E5m2 } else { Format::E4m3 };
            let pitch = Some(cols.next_multiple_of(16) + 16 * extra);
            let q = Quantizer { format, granularity, pitch, ..Quantizer::default() };
            let q = q.quantize(Matrix::new(&x, rows, cols).unwrap()).unwrap().data;
            if x.is_empty() || specials.is_empty() {
                return q;
            }
            // Any code at a few places: NaN, infinities, the largest, subnormals.
            let mut codes = q.to_unpadded();
            for (at, code) in specials {
                codes[at.index(x.len())] = code;
            }
            let scales = q.scale_inv().to_vec();
            Quantized::from_unpadded(format, (rows, cols), &codes, granularity, scales).unwrap()
        })
}

fn cases() -> impl Strategy<Value = Case> {
    let side = || prop::sample::select(vec![0usize, 1, 2, 15, 17, 31, 32, 33, 37, 65]);
    let depth = prop::sample::select(vec![0usize, 1, 5, 31, 32, 33, 127, 128, 129, 160, 257, 401]);
    (side(), side(), depth).prop_flat_map(|(m, n, k)| {
        (
            matrix(m, k),
            matrix(n, k),
            prop::sample::select(vec![32usize, 64, 96, 128, 256, 0]),
            any::<bool>(),
            prop::option::of(prop::collection::vec(-2f32..2.0, n)),
        )
            .prop_map(move |(a, b, every, combined, bias)| {
                let scales = if combined { ScaleOrder::Combined } else { ScaleOrder::Sequential };
                let promotion = if every == 0 { Promotion::Never } else { Promotion::Every(every) };
                Case { a, b, plan: Plan { promotion, scales }, bias }
            })
    })
}

fn product<T: Element>(case: &Case, old: &[T], accumulate: bool) -> Result<Vec<T>, Error> {
    let mut d = old.to_vec();
    let epilogue = Epilogue { bias: case.bias.as_deref().map(Bias::F32), accumulate };
    let out = MatrixMut::new(&mut d, case.a.rows(), case.b.rows()).unwrap();
    gemm::gemm(&case.a, &case.b, &case.plan, &epilogue, out).map(|()| d)
}

/// Whether the plan's interval and block scales go together, in other words than the crate's.
fn allowed(case: &Case) -> bool {
    let blocked = |q: &Quantized| q.granularity().tile().1 == 128;
    match case.plan.promotion {
        Promotion::Never => case.a.cols() <= 128 || !(blocked(&case.a) || blocked(&case.b)),
        Promotion::Every(n) => {
            [32, 64, 128].contains(&n) || !(blocked(&case.a) || blocked(&case.b))
        }
    }
}

fn check<T: Element>(case: &Case, accumulate: bool) {
    let (m, n) = (case.a.rows(), case.b.rows());
    let old: Vec<T> = (0..m * n).map(|i| T::from_f32(i as f32 * 0.37 - 9.0)).collect();
    let Ok(d) = product(case, &old, accumulate) else {
        assert!(!allowed(case), "refused: {:?}", case.plan);
        return;
    };
    assert!(allowed(case), "not refused: {:?}", case.plan);
    for i in 0..m * n {
        let mut y = naive(&case.a, i / n, &case.b, i % n, &case.plan);
        if let Some(bias) = &case.bias {
            y += bias[i % n];
        }
        // The narrower type by way of f64: exact, then rounded once.
        let mut want = round::<T>(f64::from(y));
        if accumulate {
            want = round::<T>(f64::from(want.to_f32()) + f64::from(old[i].to_f32()));
        }
        assert!(same_bits(d[i], want), "({}, {}): {:?}, not {want:?}", i / n, i % n, d[i]);
    }
}

/// One rounding to nearest-even: of the neighbours of a first guess the nearest, the
/// even one of two. (`half` 2.7.1 drops the low 32 bits of an f64 before it rounds.)
fn round<T: Element>(x: f64) -> T {
    fn nearest(x: f64, guess: u16, value: impl Fn(u16) -> f64) -> u16 {
        let magnitude = guess & 0x7fff;
        [magnitude.saturating_sub(1), magnitude, magnitude + 1]
            .into_iter()
            .min_by(|a, b| {
                let far = |m: u16| (value(m) - x.abs()).abs();
                far(*a).total_cmp(&far(*b)).then((a & 1).cmp(&(b & 1)))
            })
            .map_or(guess, |m| m | guess & 0x8000)
    }
    let narrow: Box<dyn std::any::Any> = match std::any::type_name::<T>() {
        "f32" => Box::new(x as f32),
        _ if !x.is_finite() => return T::from_f32(x as f32),
        name if name.ends_with("bf16") => {
            let value = |m: u16| {
                f64::from(f32::from_bits(u32::from(m.min(0x7f7f)) << 16))
                    + if m > 0x7f7f { 2f64.powi(120) } else { 0.0 }
            };
            Box::new(bf16::from_bits(nearest(x, bf16::from_f64(x).to_bits(), value)))
        }
        _ => {
            let value =
                |m: u16| if m > 0x7bff { 65536.0 } else { f64::from(f16::from_bits(m).to_f32()) };
            Box::new(f16::from_bits(nearest(x, f16::from_f64(x).to_bits(), value)))
        }
    };
    *narrow.downcast().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]
    #[test]
    fn products_follow_the_contract(case in cases(), accumulate in any::<bool>(), out in 0..3) {
        match out {
            0 => check::<f32>(&case, accumulate),
            1 => check::<bf16>(&case, accumulate),
            _ => check::<f16>(&case, accumulate),
        }
    }

    /// Rows of D do not change with the rows beside them, the threads, or the pitch of D.
    #[test]
    fn bits_do_not_depend_on_company(case in cases(), threads in 1usize..5) {
        prop_assume!(allowed(&case) && case.a.rows() > 0 && case.b.rows() > 0);
        let (m, n) = (case.a.rows(), case.b.rows());
        let all = pool(threads, || product(&case, &vec![0f32; m * n], false)).unwrap();
        let wide = n + 3;
        let mut d = vec![7f32; m * wide];
        let out = MatrixMut::with_pitch(&mut d, m, n, wide).unwrap();
        let epilogue = Epilogue { bias: case.bias.as_deref().map(Bias::F32), accumulate: false };
        gemm::gemm(&case.a, &case.b, &case.plan, &epilogue, out).unwrap();
        for r in 0..m {
            for c in 0..n {
                prop_assert!(same_bits(d[r * wide + c], all[r * n + c]));
            }
            prop_assert!(d[r * wide + n..][..3].iter().all(|&x| x == 7.0));
        }
        // The last row alone; tiles of 128 rows share scales, so only where rows have their own.
        if matches!(case.a.granularity(), Granularity::Tensor) {
            let codes = case.a.to_unpadded()[(m - 1) * case.a.cols()..].to_vec();
            let alone = Quantized::from_unpadded(
                case.a.format(), (1, case.a.cols()), &codes, Granularity::Tensor,
                case.a.scale_inv().to_vec(),
            ).unwrap();
            let one = product(&Case { a: alone, ..case.clone() }, &vec![0f32; n], false).unwrap();
            for c in 0..n {
                prop_assert!(same_bits(one[c], all[(m - 1) * n + c]));
            }
        }
    }

    #[test]
    fn fp8_output_is_the_f32_product_cast(case in cases(), scale in 0.01f32..100.0, e5m2 in any::<bool>()) {
        prop_assume!(allowed(&case));
        let (m, n) = (case.a.rows(), case.b.rows());
        let format = if e5m2 { Format::E5m2 } else { Format::E4m3 };
        let bias = case.bias.as_deref().map(Bias::F32);
        let cast = gemm::to_fp8(&case.a, &case.b, &case.plan, bias, format, scale).unwrap();
        let y = product(&case, &vec![0f32; m * n], false).unwrap();
        let code = |y: f32| match format {
            Format::E4m3 => E4m3::from_f32(y * scale).to_bits(),
            Format::E5m2 => E5m2::from_f32(y * scale).to_bits(),
        };
        prop_assert_eq!(cast.data.to_unpadded(), y.iter().map(|y| code(*y)).collect::<Vec<_>>());
        prop_assert_eq!(cast.data.scale_inv(), &[1.0 / scale][..]);
        prop_assert_eq!(cast.stats.amax, y.iter().map(|y| y.abs().to_bits()).max().unwrap_or(0));
    }
}

/// The three roles on random operands: their shapes, and that they are the same product.
#[test]
fn roles_are_the_transposed_products() {
    let (tokens, inner, out) = (19, 45, 33);
    let mut state = 1u64;
    let mut random = |n: usize| -> Vec<f32> {
        (0..n)
            .map(|_| {
                state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0
            })
            .collect()
    };
    let (x, w, dy) = (random(tokens * inner), random(out * inner), random(tokens * out));
    let quantize = |v: &[f32], rows, cols, format| {
        let q = Quantizer { format, ..Quantizer::default() };
        let both = q.quantize_both(Matrix::new(v, rows, cols).unwrap()).unwrap();
        (both.0.data, both.1.data)
    };
    let (xq, xt) = quantize(&x, tokens, inner, Format::E4m3);
    let (wq, wt) = quantize(&w, out, inner, Format::E4m3);
    let (dq, dt) = quantize(&dy, tokens, out, Format::E5m2);
    let (xv, wv, dv): (Vec<f32>, Vec<f32>, Vec<f32>) =
        (xq.dequantize(), wq.dequantize(), dq.dequantize());
    let none = Epilogue::default();
    let mut y = vec![0f32; tokens * out];
    let mut dx = vec![0f32; tokens * inner];
    let mut dw = vec![0f32; out * inner];
    let view = |d, rows, cols| MatrixMut::new(d, rows, cols).unwrap();
    gemm::fprop(&xq, &wq, &Plan::for_k(inner), &none, view(&mut y, tokens, out)).unwrap();
    gemm::dgrad(&dq, &wt, &Plan::for_k(out), &none, view(&mut dx, tokens, inner)).unwrap();
    gemm::wgrad(&dt, &xt, &Plan::for_k(tokens), &none, view(&mut dw, out, inner)).unwrap();
    // Against f64 sums of the dequantized operands: at most 33 addends of a step are cut at
    // 2^-13 of the largest, the f32 steps are far below that.
    let near = |got: f32, terms: &[f64]| {
        let (sum, size): (f64, f64) = (terms.iter().sum(), terms.iter().map(|t| t.abs()).sum());
        assert!((f64::from(got) - sum).abs() <= size * 34.0 / 8192.0, "{got} {sum} {size}");
    };
    let dot =
        |n: usize, f: &dyn Fn(usize) -> f32| (0..n).map(|i| f64::from(f(i))).collect::<Vec<_>>();
    for t in 0..tokens {
        for o in 0..out {
            near(y[t * out + o], &dot(inner, &|i| xv[t * inner + i] * wv[o * inner + i]));
        }
        for i in 0..inner {
            near(dx[t * inner + i], &dot(out, &|o| dv[t * out + o] * wv[o * inner + i]));
        }
    }
    for o in 0..out {
        for i in 0..inner {
            near(dw[o * inner + i], &dot(tokens, &|t| dv[t * out + o] * xv[t * inner + i]));
        }
    }
}

/// More columns than decoded strips are held at once, and a task's worth of rows.
#[test]
fn large_products_take_several_passes() {
    let (m, n, k) = (17, 2100, 2048);
    let x: Vec<f32> = (0..m * k).map(|i| ((i * 7919) % 1009) as f32 / 504.0 - 1.0).collect();
    let w: Vec<f32> = (0..n * k).map(|i| ((i * 104729) % 2003) as f32 / 1001.0 - 1.0).collect();
    let q = Quantizer::default();
    let a = q.quantize(Matrix::new(&x, m, k).unwrap()).unwrap().data;
    let b = q.quantize(Matrix::new(&w, n, k).unwrap()).unwrap().data;
    let plan = Plan::for_k(k);
    let mut d = vec![0f32; m * n];
    gemm::gemm(&a, &b, &plan, &Epilogue::default(), MatrixMut::new(&mut d, m, n).unwrap()).unwrap();
    for i in (0..m * n).step_by(97) {
        assert!(same_bits(d[i], naive(&a, i / n, &b, i % n, &plan)), "({}, {})", i / n, i % n);
    }
}

#[test]
fn wrong_calls_leave_d_alone() {
    let q = |rows: usize, cols: usize| {
        let x = vec![1f32; rows * cols];
        Quantizer::default().quantize(Matrix::new(&x, rows, cols).unwrap()).unwrap().data
    };
    let mut d = vec![5f32; 6];
    let none = Epilogue::default();
    let plan = Plan::for_k(8);
    let e = gemm::fprop(&q(2, 8), &q(3, 9), &plan, &none, MatrixMut::new(&mut d, 2, 3).unwrap());
    assert_eq!(e.unwrap_err().to_string(), "w is 3 x 9; its columns have to be the 8 of x (K)");
    let e = gemm::dgrad(&q(2, 8), &q(3, 8), &plan, &none, MatrixMut::new(&mut d, 3, 2).unwrap());
    assert_eq!(e.unwrap_err().to_string(), "dx is 3 x 2; 2 x 3 is needed");
    let bias = Epilogue { bias: Some(Bias::Bf16(&[bf16::ONE; 2])), accumulate: false };
    let e = gemm::wgrad(&q(2, 8), &q(3, 8), &plan, &bias, MatrixMut::new(&mut d, 2, 3).unwrap());
    assert_eq!(
        e.unwrap_err().to_string(),
        "bias has 2 elements; 3 are needed, one for each column of dw"
    );
    for n in [0, 16, 33] {
        let plan = Plan { promotion: Promotion::Every(n), ..plan };
        let out = MatrixMut::new(&mut d, 2, 3).unwrap();
        let e = gemm::gemm(&q(2, 8), &q(3, 8), &plan, &none, out).unwrap_err();
        assert!(matches!(e, Error::Parameter { what: "promotion interval", .. }));
    }
    assert!(gemm::to_fp8(&q(2, 8), &q(3, 8), &plan, None, Format::E4m3, f32::NAN).is_err());
    assert_eq!(d, [5.0; 6]);
}
