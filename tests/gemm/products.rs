//! Products of every shape, format, scale and plan against the contract.

use half::{bf16, f16};
use proptest::prelude::*;
use quarter::gemm::{self, Bias, Epilogue, Plan, Promotion, ScaleOrder};
use quarter::quantize::{CastStats, Granularity, Matrix, MatrixMut, Quantizer};
use quarter::{E4m3, E5m2, Element, Error, Format, Quantized};

use super::common::{pool, same_bits};
use super::contract::{naive, round};

const GRANULARITIES: [Granularity; 4] =
    [Granularity::Tensor, Granularity::Row, Granularity::Block1x128, Granularity::Block128x128];

fn numbers() -> impl Strategy<Value = f32> {
    prop_oneof![
        30 => -4f32..4.0,
        6 => -1e-3f32..1e-3,
        2 => Just(0.0), 1 => Just(-0.0), 1 => Just(1e4),
    ]
}

/// What the numbers of an operand are like.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Plain,
    /// Here and there 1e6, which costs its tile the rest.
    Outliers,
    /// Each block of 128 columns one number.
    Constant,
    /// Here and there a block of infinities or NaN before the cast.
    NonFinite,
}

impl Kind {
    fn apply(self, x: &mut [f32], cols: usize) {
        for (i, x) in x.iter_mut().enumerate() {
            let (block, odd) = (i % cols / 128 + i / cols, i * 7919 % 211 == 0);
            *x = match self {
                Self::Outliers if odd => 1e6,
                Self::Constant => [0.3, -1.7, 0.0, 2.0][block % 4],
                Self::NonFinite if block % 5 == 1 => f32::INFINITY,
                Self::NonFinite if block % 5 == 3 && odd => f32::NAN,
                _ => *x,
            };
        }
    }
}

/// A bias in either type.
#[derive(Clone, Debug)]
enum Biases {
    F32(Vec<f32>),
    Bf16(Vec<bf16>),
}

impl Biases {
    fn view(&self) -> Bias<'_> {
        match self {
            Self::F32(b) => Bias::F32(b),
            Self::Bf16(b) => Bias::Bf16(b),
        }
    }

    fn at(&self, n: usize) -> f32 {
        match self {
            Self::F32(b) => b[n],
            Self::Bf16(b) => f32::from_bits(u32::from(b[n].to_bits()) << 16),
        }
    }
}

#[derive(Clone, Debug)]
struct Case {
    a: Quantized,
    b: Quantized,
    plan: Plan,
    bias: Option<Biases>,
}

fn matrix(rows: usize, cols: usize) -> impl Strategy<Value = Quantized> {
    (
        prop::collection::vec(numbers(), rows * cols),
        any::<bool>(),
        prop::sample::select(GRANULARITIES.to_vec()),
        prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..3),
        0usize..2,
        prop_oneof![
            4 => Just(Kind::Plain), 1 => Just(Kind::Outliers),
            1 => Just(Kind::Constant), 1 => Just(Kind::NonFinite),
        ],
    )
        .prop_map(move |(mut x, e5m2, granularity, specials, extra, kind)| {
            kind.apply(&mut x, cols);
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
    (side(), side(), depth).prop_flat_map(of_shape)
}

/// More than one row of tiles of 128 x 128.
fn large_cases() -> impl Strategy<Value = Case> {
    let side = || prop::sample::select(vec![129usize, 160, 257]);
    (side(), side(), prop::sample::select(vec![33usize, 129, 260])).prop_flat_map(of_shape)
}

fn of_shape((m, n, k): (usize, usize, usize)) -> impl Strategy<Value = Case> {
    {
        (
            matrix(m, k),
            matrix(n, k),
            prop::sample::select(vec![32usize, 64, 96, 128, 256, 0]),
            any::<bool>(),
            prop::option::of((prop::collection::vec(-2f32..2.0, n), any::<bool>())),
        )
            .prop_map(move |(a, b, every, combined, bias)| {
                let scales = if combined { ScaleOrder::Combined } else { ScaleOrder::Sequential };
                let promotion = if every == 0 { Promotion::Never } else { Promotion::Every(every) };
                let bias = bias.map(|(b, narrow)| match narrow {
                    true => Biases::Bf16(b.into_iter().map(bf16::from_f32).collect()),
                    false => Biases::F32(b),
                });
                Case { a, b, plan: Plan { promotion, scales }, bias }
            })
    }
}

fn product<T: Element>(case: &Case, old: &[T], accumulate: bool) -> Result<Vec<T>, Error> {
    let mut d = old.to_vec();
    let epilogue = Epilogue { bias: case.bias.as_ref().map(Biases::view), accumulate };
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

/// Every `stride`-th element.
fn check<T: Element>(case: &Case, accumulate: bool, stride: usize) {
    let (m, n) = (case.a.rows(), case.b.rows());
    let old: Vec<T> = (0..m * n).map(|i| T::from_f32(i as f32 * 0.37 - 9.0)).collect();
    let Ok(d) = product(case, &old, accumulate) else {
        assert!(!allowed(case), "refused: {:?}", case.plan);
        return;
    };
    assert!(allowed(case), "not refused: {:?}", case.plan);
    for i in (0..m * n).step_by(stride) {
        let mut y = naive(&case.a, i / n, &case.b, i % n, &case.plan);
        if let Some(bias) = &case.bias {
            y += bias.at(i % n);
        }
        // The narrower type by way of f64: exact, then rounded once.
        let mut want = round::<T>(f64::from(y));
        if accumulate {
            want = round::<T>(f64::from(want.to_f32()) + f64::from(old[i].to_f32()));
        }
        assert!(same_bits(d[i], want), "({}, {}): {:?}, not {want:?}", i / n, i % n, d[i]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]
    #[test]
    fn products_follow_the_contract(case in cases(), accumulate in any::<bool>(), out in 0..3) {
        match out {
            0 => check::<f32>(&case, accumulate, 1),
            1 => check::<bf16>(&case, accumulate, 1),
            _ => check::<f16>(&case, accumulate, 1),
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
        let epilogue = Epilogue { bias: case.bias.as_ref().map(Biases::view), accumulate: false };
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
        let bias = case.bias.as_ref().map(Biases::view);
        let cast = gemm::to_fp8(&case.a, &case.b, &case.plan, bias, format, scale).unwrap();
        let y = product(&case, &vec![0f32; m * n], false).unwrap();
        let mut codes = vec![];
        let mut stats = CastStats::default();
        for y in y {
            let z = y * scale;
            let (code, limit) = match format {
                Format::E4m3 => (E4m3::from_f32(z).to_bits(), 464.0),
                Format::E5m2 => (E5m2::from_f32(z).to_bits(), 61440f32.next_down()),
            };
            codes.push(code);
            stats.amax = stats.amax.max(y.abs().to_bits());
            stats.saturated += u64::from(y.is_finite() && z.abs() > limit);
            stats.flushed += u64::from(y != 0.0 && code & 0x7f == 0);
            stats.non_finite += u64::from(!y.is_finite());
        }
        prop_assert_eq!(cast.data.to_unpadded(), codes);
        prop_assert_eq!(cast.data.scale_inv(), &[1.0 / scale][..]);
        prop_assert_eq!(cast.stats, stats);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]
    /// Rows and columns beyond the first tile take the scales of theirs.
    #[test]
    fn large_sides_find_their_scales(case in large_cases(), accumulate in any::<bool>()) {
        check::<f32>(&case, accumulate, 61);
    }
}
