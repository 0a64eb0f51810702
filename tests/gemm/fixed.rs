//! Products by hand: the three roles, the limits, and calls that are refused.

use half::{bf16, f16};
use quarter::gemm::{self, Bias, Epilogue, Plan, Promotion, ScaleOrder};
use quarter::quantize::{Granularity, Matrix, MatrixMut, Quantizer};
use quarter::{Element, Error, Format, Quantized};

use super::common::same_bits;
use super::contract::naive;

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

/// More columns than decoded strips are held at once: bias and scales of later passes are
/// those of their own columns.
#[test]
fn large_products_take_several_passes() {
    let (m, n, k) = (17, 2100, 2048);
    let x: Vec<f32> = (0..m * k).map(|i| ((i * 7919) % 1009) as f32 / 504.0 - 1.0).collect();
    // Falling from row to row, so that no two have the same scale.
    let w: Vec<f32> = (0..n * k)
        .map(|i| (((i * 104729) % 2003) as f32 - 1001.0) / (1001 + i / k) as f32)
        .collect();
    let bias: Vec<f32> = (0..n).map(|i| i as f32 * 0.25).collect();
    for (of_a, of_b, bias) in [
        (Granularity::Tensor, Granularity::Row, None),
        (Granularity::Block1x128, Granularity::Block128x128, Some(&bias)),
    ] {
        let q = |granularity| Quantizer { granularity, ..Quantizer::default() };
        let a = q(of_a).quantize(Matrix::new(&x, m, k).unwrap()).unwrap().data;
        let b = q(of_b).quantize(Matrix::new(&w, n, k).unwrap()).unwrap().data;
        let plan = Plan::for_k(k);
        let mut d = vec![0f32; m * n];
        let epilogue = Epilogue { bias: bias.map(|b| Bias::F32(b)), accumulate: false };
        gemm::gemm(&a, &b, &plan, &epilogue, MatrixMut::new(&mut d, m, n).unwrap()).unwrap();
        for i in (0..m * n).step_by(97) {
            let mut want = naive(&a, i / n, &b, i % n, &plan);
            if let Some(bias) = bias {
                want += bias[i % n];
            }
            assert!(same_bits(d[i], want), "({}, {})", i / n, i % n);
        }
    }
}

#[test]
fn the_default_plan_promotes_beyond_128() {
    for k in [0, 1, 127, 128] {
        assert_eq!(Plan::for_k(k).promotion, Promotion::Never);
    }
    for k in [129, 256, 100_000] {
        assert_eq!(Plan::for_k(k).promotion, Promotion::Every(128));
    }
    assert_eq!(Plan::for_k(500).scales, ScaleOrder::Sequential);
}

/// One by one; D holds `old` before.
fn single<T: Element>(code: u8, old: T, accumulate: bool) -> T {
    let operand = |code| {
        Quantized::from_unpadded(Format::E4m3, (1, 1), &[code], Granularity::Tensor, vec![1.0])
            .unwrap()
    };
    let mut d = [old];
    let epilogue = Epilogue { bias: None, accumulate };
    let out = MatrixMut::new(&mut d, 1, 1).unwrap();
    gemm::gemm(&operand(code), &operand(0x38), &Plan::for_k(1), &epilogue, out).unwrap();
    d[0]
}

#[test]
fn nan_has_the_bits_of_the_gpu() {
    for accumulate in [false, true] {
        for code in [0x7f, 0xff] {
            assert_eq!(single(code, 1f32, accumulate).to_bits(), 0x7fff_ffff);
            assert_eq!(single(code, bf16::ONE, accumulate).to_bits(), 0x7fff);
            assert_eq!(single(code, f16::ONE, accumulate).to_bits(), 0x7fff);
        }
    }
    // A NaN that D held before is written back as the same.
    assert_eq!(single(0x38, f32::from_bits(0xffc0_0001), true).to_bits(), 0x7fff_ffff);
    assert_eq!(single(0x38, bf16::from_bits(0xffc1), true).to_bits(), 0x7fff);
    assert_eq!(single(0x38, f16::from_bits(0xfe01), true).to_bits(), 0x7fff);
}

/// Zero even where the product of the scales is infinite, and with the bias on top.
#[test]
fn nothing_summed_is_zero() {
    let empty = |granularity, scales| {
        Quantized::from_unpadded(Format::E4m3, (1, 0), &[], granularity, scales).unwrap()
    };
    for granularity in [Granularity::Tensor, Granularity::Row] {
        let a = empty(granularity, vec![1e30]);
        for scales in [ScaleOrder::Combined, ScaleOrder::Sequential] {
            let plan = Plan { scales, ..Plan::for_k(0) };
            for (bias, want) in [(None, 0f32), (Some(Bias::F32(&[2.5])), 2.5)] {
                let mut d = [7f32];
                let epilogue = Epilogue { bias, accumulate: false };
                let out = MatrixMut::new(&mut d, 1, 1).unwrap();
                gemm::gemm(&a, &a, &plan, &epilogue, out).unwrap();
                assert_eq!(d[0].to_bits(), want.to_bits());
            }
        }
    }
}

/// A single row can have any pitch, and an empty product no matter how wide costs nothing.
#[test]
fn extreme_layouts() {
    let one =
        Quantized::from_unpadded(Format::E4m3, (1, 1), &[0x38], Granularity::Tensor, vec![1.0])
            .unwrap();
    let mut d = [0f32];
    let out = MatrixMut::with_pitch(&mut d, 1, 1, 1 << 60).unwrap();
    gemm::gemm(&one, &one, &Plan::for_k(1), &Epilogue::default(), out).unwrap();
    assert_eq!(d, [1.0]);
    let wide = |rows| {
        Quantized::from_unpadded(Format::E4m3, (rows, 0), &[], Granularity::Tensor, vec![1.0])
            .unwrap()
    };
    let (none, many) = (wide(0), wide(1 << 50));
    let mut d: [f32; 0] = [];
    let out = MatrixMut::new(&mut d, 0, 1 << 50).unwrap();
    gemm::gemm(&none, &many, &Plan::for_k(0), &Epilogue::default(), out).unwrap();
    // M x N beyond memory, and K that does not fit: told before anything is allocated.
    for (a, b) in [(&many, &many), (&many, &one)] {
        let e = gemm::to_fp8(a, b, &Plan::for_k(0), None, Format::E4m3, 1.0).unwrap_err();
        assert!(matches!(e, Error::Shape { .. }));
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
