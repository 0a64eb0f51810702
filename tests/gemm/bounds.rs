//! The error of every output against its bound, and that the bound says something.

use half::{bf16, f16};
use proptest::prelude::*;
use quarter::gemm::error::{Exact, bound};
use quarter::gemm::{self, Epilogue, Plan, Promotion, ScaleOrder};
use quarter::quantize::{Granularity, Matrix, MatrixMut};
use quarter::{E4m3, E5m2, Element, Format, Quantized};

use super::operands::{Draws, Kind, cases, codes};

fn product<T: Element>(a: &Quantized, b: &Quantized, plan: &Plan) -> Vec<T> {
    let mut d = vec![T::default(); a.rows() * b.rows()];
    let out = MatrixMut::new(&mut d, a.rows(), b.rows()).unwrap();
    gemm::gemm(a, b, plan, &Epilogue::default(), out).unwrap();
    d
}

/// Every output's error and bound. The exact sums are so in f64, to 2^-50 of their size.
fn errors<T: Element>(a: &Quantized, b: &Quantized, plan: &Plan) -> Vec<(f64, f64)> {
    let (exact, bound) = (Exact::new(a, b).unwrap(), bound::<T>(a, b, plan).unwrap());
    let one = |(i, d): (usize, T)| {
        let (sum, size) = exact.get(i / b.rows(), i % b.rows()).unwrap();
        let limit = bound.values()[i];
        assert_eq!(bound.get(i / b.rows(), i % b.rows()), Some(limit));
        let error = (f64::from(d.to_f32()) - sum).abs();
        assert!(
            error <= limit + size * 2f64.powi(-50) || limit == f64::INFINITY,
            "output {i}: {d:?} for {sum}, an error of {error} above {limit}"
        );
        (error, limit)
    };
    product::<T>(a, b, plan).into_iter().enumerate().map(one).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, ..ProptestConfig::default() })]
    #[test]
    fn no_error_is_above_its_bound((a, b, plan) in cases(), out in 0..3) {
        match out {
            0 => errors::<f32>(&a, &b, &plan),
            1 => errors::<bf16>(&a, &b, &plan),
            _ => errors::<f16>(&a, &b, &plan),
        };
    }
}

/// One row of these numbers, a scale each.
fn row(format: Format, x: &[f32], scale: f32) -> Quantized {
    let code = |&x: &f32| match format {
        Format::E4m3 => (E4m3::from_f32(x).to_bits(), E4m3::from_f32(x).to_f32()),
        Format::E5m2 => (E5m2::from_f32(x).to_bits(), E5m2::from_f32(x).to_f32()),
    };
    assert!(x.iter().all(|x| code(x).1 == *x), "not all are codes");
    let codes: Vec<u8> = x.iter().map(|x| code(x).0).collect();
    Quantized::from_unpadded(format, (1, x.len()), &codes, Granularity::Tensor, vec![scale])
        .unwrap()
}

/// The error and the bound of a product of two rows.
fn single(a: &Quantized, b: &Quantized, plan: &Plan) -> (f64, f64) {
    errors::<f32>(a, b, plan)[0]
}

const NEVER: Plan = Plan { promotion: Promotion::Never, scales: ScaleOrder::Sequential };

/// `got` within these parts of the bound: it is met, and next to nothing may be taken off it.
fn sharp((error, bound): (f64, f64), parts: f64) {
    assert!(error >= parts * bound && bound > 0.0, "{error} of {bound}");
}

#[test]
fn products_that_are_cut_come_close_to_the_bound() {
    // 1.875^2 is 225 of its units; 2^15 makes a grid of 256 of them.
    let mut x = [1.875f32; 32];
    let mut y = x;
    (x[0], y[0]) = (256.0, 128.0);
    let (a, b) = (row(Format::E4m3, &x, 1.0), row(Format::E4m3, &y, 1.0));
    let (error, bound) = single(&a, &b, &NEVER);
    assert_eq!(error, 31.0 * 225.0 / 64.0);
    sharp((error, bound), 0.8);
}

#[test]
fn an_accumulator_and_a_result_that_are_cut_meet_the_bound() {
    // 2^15 - 2 in c, which has all its bits, then 57344: a grid of 4, and 8 for the sum.
    let mut x = [0f32; 33];
    for (i, x) in x[..14].iter_mut().enumerate() {
        *x = 2f32.powi(i as i32 + 1);
    }
    x[32] = 57344.0;
    let (a, b) = (row(Format::E5m2, &x, 1.0), row(Format::E5m2, &[1.0; 33], 1.0));
    let (error, bound) = single(&a, &b, &NEVER);
    assert_eq!(error, 6.0);
    sharp((error, bound), 0.999);
}

/// A product of a subnormal is smaller than its exponent says: 2^-16 * 2^15 has exponent 1.
#[test]
fn an_accumulator_below_the_exponent_of_a_subnormal_meets_the_bound() {
    let (mut x, mut y) = ([0f32; 33], [1f32; 33]);
    for (i, x) in x[..14].iter_mut().enumerate() {
        *x = 2f32.powi(-1 - i as i32);
    }
    (x[32], y[32]) = (2f32.powi(-16), 2f32.powi(15));
    let (a, b) = (row(Format::E5m2, &x, 1.0), row(Format::E5m2, &y, 1.0));
    let (error, bound) = single(&a, &b, &NEVER);
    assert_eq!(error, 3.0 * 2f64.powi(-14));
    sharp((error, bound), 0.999);
}

#[test]
fn promotion_and_scales_meet_the_bound() {
    // Exact chains; in f32 the sum of the two loses the second.
    let mut x = [0f32; 64];
    (x[0], x[32]) = (57344.0, 1.0);
    let a = row(Format::E5m2, &x, 1.0);
    let every = Plan { promotion: Promotion::Every(32), ..NEVER };
    let (error, bound) = single(&a, &a, &every);
    assert_eq!(error, 1.0);
    sharp((error, bound), 0.999);
    // One product and two scales, whose roundings are half an ulp at most.
    for scales in [ScaleOrder::Sequential, ScaleOrder::Combined] {
        let worst = (0..200)
            .map(|i| {
                let (sa, sb) = (1.0 + i as f32 * 0.00491, 1.9 - i as f32 * 0.00377);
                let (a, b) = (row(Format::E4m3, &[1.125], sa), row(Format::E4m3, &[1.0], sb));
                let (error, bound) = single(&a, &b, &Plan { scales, ..NEVER });
                error / bound
            })
            .fold(0.0, f64::max);
        assert!(worst > 0.6, "{scales:?}: {worst}");
    }
}

/// Products whose sums have few bits lose nothing, and the bound knows it; beyond 2^14 ones
/// there is nothing but loss.
#[test]
fn ones_are_exact_up_to_the_horizon() {
    for (k, lost) in [(32, 0.0), (8192, 0.0), (16352, 0.0), (16416, 32.0), (32768, 16384.0)] {
        let a = row(Format::E4m3, &vec![1.0; k], 0.5);
        let (error, bound) = single(&a, &a, &NEVER);
        assert_eq!(error, lost / 4.0, "{k}");
        assert!(bound <= 1.1 * error, "{k}: {bound}");
        assert_eq!(single(&a, &a, &Plan::for_k(k)), (0.0, 0.0));
    }
}

/// Positive numbers, E4M3, the default plan: where the error is near its worst.
#[test]
fn positive_numbers_are_within_fifteen_of_the_bound() {
    let mut draws = Draws(5);
    for k in [128, 512, 4096] {
        let mut positive = || {
            let codes = codes::<E4m3>(Kind::Positive, 32 * k, &mut draws);
            Quantized::from_unpadded(Format::E4m3, (32, k), &codes, Granularity::Tensor, vec![0.01])
                .unwrap()
        };
        let (a, b) = (positive(), positive());
        for plan in [Plan::for_k(k), NEVER] {
            let all = errors::<f32>(&a, &b, &plan);
            let ratio =
                all.iter().map(|(_, b)| b).sum::<f64>() / all.iter().map(|(e, _)| e).sum::<f64>();
            println!("{k} {plan:?}: the bound is {ratio} times the error");
            assert!(ratio < 15.0, "{k} {plan:?}: {ratio}");
        }
    }
}

#[test]
fn there_is_no_bound_where_there_is_no_number() {
    let ones = row(Format::E5m2, &[1.0; 4], 1.0);
    let bound_of =
        |a: &Quantized, scales| bound::<f32>(a, &ones, &Plan { scales, ..NEVER }).unwrap();
    for code in [0x7c, 0x7d, 0xff] {
        let codes = [[0x3c; 4], [0x3c, code, 0, 0]].concat();
        let a =
            Quantized::from_unpadded(Format::E5m2, (2, 4), &codes, Granularity::Tensor, vec![1.0]);
        let bound = bound_of(&a.unwrap(), ScaleOrder::Sequential);
        assert_eq!(bound.values(), [0.0, f64::INFINITY]);
        assert_eq!((bound.max(), bound.relative()), (f64::INFINITY, f64::INFINITY));
    }
    // 4e38 is no f32, and 8e4 no f16.
    let large = row(Format::E5m2, &[1.0; 4], 1e38);
    assert_eq!(bound_of(&large, ScaleOrder::Combined).max(), f64::INFINITY);
    let a = row(Format::E5m2, &[1.0; 4], 2e4);
    assert_eq!(bound::<f16>(&a, &ones, &NEVER).unwrap().max(), f64::INFINITY);
    assert!(bound::<bf16>(&a, &ones, &NEVER).unwrap().max() > 0.0);
    // Nothing summed is +0, and there may be no output at all.
    let none = row(Format::E4m3, &[], 1.0);
    assert_eq!(bound::<f32>(&none, &none, &NEVER).unwrap().values(), [0.0]);
    assert_eq!(bound::<f32>(&none, &none, &NEVER).unwrap().get(0, 1), None);
    assert!(bound::<f32>(&none, &ones, &NEVER).is_err());
    assert!(Exact::new(&none, &ones).is_err());
    let exact = Exact::new(&ones, &ones).unwrap();
    assert_eq!((exact.get(0, 0), exact.get(1, 0)), (Some((4.0, 4.0)), None));
    assert!(exact.compare(Matrix::new(&[4f32; 2], 2, 1).unwrap()).is_err());
}
