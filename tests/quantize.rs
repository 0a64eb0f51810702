//! Casts of matrices against plain loops, for every granularity, shape and value.

use half::{bf16, f16};
use proptest::prelude::*;
use quarter::quantize::{Cast, Granularity, Matrix, Quantized, Quantizer, Rounding, Scale};
use quarter::random::{Source, Stream};
use quarter::scaling::{NonFiniteAmax, Policy};
use quarter::{E4m3, E5m2, Element, Error, Format};

const GRANULARITIES: [Granularity; 4] =
    [Granularity::Tensor, Granularity::Row, Granularity::Block1x128, Granularity::Block128x128];

fn code(format: Format, y: f32) -> u8 {
    match format {
        Format::E4m3 => E4m3::from_f32(y).to_bits(),
        Format::E5m2 => E5m2::from_f32(y).to_bits(),
    }
}

fn stochastic(format: Format, y: f32, word: u16) -> u8 {
    // A product that is NaN is positive on the GPU.
    let y = if y.is_nan() { f32::NAN.abs() } else { y };
    match format {
        Format::E4m3 => E4m3::from_f32_stochastic(y, word).to_bits(),
        Format::E5m2 => E5m2::from_f32_stochastic(y, word).to_bits(),
    }
}

/// The 16 bits of an element, by the table of `quarter::random` and the recipe of `cvt.rs`.
fn word(source: Source, index: usize) -> u16 {
    let word = source.words(Stream::Cast, index as u64 / 16)[index / 4 % 4];
    match index % 4 {
        0 => word as u16,
        1 => (word as u16).reverse_bits(),
        2 => (word >> 16) as u16,
        _ => ((word >> 16) as u16).reverse_bits(),
    }
}

/// Row and column of the tile of an element, spelled out.
fn tile(granularity: Granularity, r: usize, c: usize) -> (usize, usize) {
    match granularity {
        Granularity::Tensor => (0, 0),
        Granularity::Row => (r, 0),
        Granularity::Block1x128 => (r, c / 128),
        Granularity::Block128x128 => (r / 128, c / 128),
    }
}

struct Expected {
    codes: Vec<u8>,
    scale_inv: Vec<u32>,
    amax: u32,
    saturated: u64,
    flushed: u64,
    non_finite: u64,
}

/// What a cast has to give, element by element. `transposed` asks for the cast of
/// the transpose, whose random words are still those of the source.
fn naive<T: Element>(
    x: &[T],
    (rows, cols): (usize, usize),
    q: &Quantizer,
    transposed: bool,
) -> Expected {
    let at = |r: usize, c: usize| if transposed { c * rows + r } else { r * cols + c };
    let mut tiles = std::collections::BTreeMap::new();
    let (grid_rows, grid_cols) = q.granularity.grid(rows, cols);
    for gr in 0..grid_rows {
        for gc in 0..grid_cols {
            tiles.insert((gr, gc), 0u32);
        }
    }
    for r in 0..rows {
        for c in 0..cols {
            let amax = tiles.get_mut(&tile(q.granularity, r, c)).unwrap();
            *amax = (*amax).max(x[at(r, c)].to_f32().abs().to_bits());
        }
    }
    let scales: Vec<f32> = match q.scale {
        Scale::Given(s) => s.to_vec(),
        Scale::Current(policy) => {
            tiles.values().map(|a| policy.scale(q.format, *a, None)).collect()
        }
    };
    let keys: Vec<_> = tiles.keys().copied().collect();
    let limit = match q.format {
        Format::E4m3 => 464.0,
        Format::E5m2 => f32::from_bits(61440f32.to_bits() - 1),
    };
    let mut e = Expected {
        codes: vec![],
        scale_inv: scales.iter().map(|s| (1.0 / s).to_bits()).collect(),
        amax: 0,
        saturated: 0,
        flushed: 0,
        non_finite: 0,
    };
    for r in 0..rows {
        for c in 0..cols {
            let v = x[at(r, c)].to_f32();
            let i = keys.iter().position(|k| *k == tile(q.granularity, r, c)).unwrap();
            let y = v * scales[i];
            let (code, limit) = match q.rounding {
                Rounding::Nearest => (code(q.format, y), limit),
                Rounding::Stochastic(s) => {
                    (stochastic(q.format, y, word(s, at(r, c))), q.format.max_finite())
                }
            };
            e.codes.push(code);
            e.amax = e.amax.max(v.abs().to_bits());
            e.non_finite += u64::from(!v.is_finite());
            e.saturated += u64::from(v.is_finite() && y.abs() > limit);
            e.flushed += u64::from(v.is_finite() && v != 0.0 && code & 0x7f == 0);
        }
    }
    e
}

fn check(cast: &Cast, e: &Expected, (rows, cols): (usize, usize)) {
    let q = &cast.data;
    assert_eq!((q.rows(), q.cols()), (rows, cols));
    assert_eq!(q.to_unpadded(), e.codes);
    assert_eq!(q.scale_inv().iter().map(|s| s.to_bits()).collect::<Vec<_>>(), e.scale_inv);
    assert_eq!(q.padded().len(), rows * q.pitch());
    for row in q.padded().chunks(q.pitch().max(1)) {
        assert!(row[cols..].iter().all(|&b| b == 0), "padding is zero");
    }
    let s = cast.stats;
    assert_eq!(
        (s.amax, s.saturated, s.flushed, s.non_finite),
        (e.amax, e.saturated, e.flushed, e.non_finite)
    );
}

fn both<T: Element>(x: &[T], shape: (usize, usize), q: &Quantizer) {
    let (rows, cols) = shape;
    let src = Matrix::new(x, rows, cols).unwrap();
    let expected = naive(x, shape, q, false);
    check(&q.quantize(src).unwrap(), &expected, shape);
    if matches!(q.scale, Scale::Current(_)) || q.granularity.is_symmetric() {
        let (cast, transposed) = q.quantize_both(src).unwrap();
        check(&cast, &expected, shape);
        if q.granularity.is_symmetric() {
            // The codes of the transpose are those of the matrix: scales travel with their tiles.
            let t = transposed.data.to_unpadded();
            for r in 0..rows {
                for c in 0..cols {
                    assert_eq!(t[c * rows + r], expected.codes[r * cols + c]);
                }
            }
            let wide: Vec<f32> = cast.data.dequantize();
            let back: Vec<f32> = transposed.data.dequantize();
            for r in 0..rows {
                for c in 0..cols {
                    assert_eq!(back[c * rows + r].to_bits(), wide[r * cols + c].to_bits());
                }
            }
        } else {
            check(&transposed, &naive(x, (cols, rows), q, true), (cols, rows));
        }
    }
}

fn numbers() -> impl Strategy<Value = f32> {
    prop_oneof![
        8 => -4f32..4.0,
        3 => any::<u32>().prop_map(f32::from_bits),
        1 => Just(0.0), 1 => Just(-0.0),
        1 => Just(1e6),
        1 => Just(f32::INFINITY), 1 => Just(f32::NEG_INFINITY), 1 => Just(f32::NAN),
    ]
}

fn shapes() -> impl Strategy<Value = (usize, usize)> {
    let side = prop::sample::select(vec![0usize, 1, 2, 7, 15, 16, 17, 31, 127, 128, 129, 131, 257]);
    (side.clone(), side).prop_filter("small", |(r, c)| r * c <= 20_000)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]
    #[test]
    fn casts_equal_plain_loops(
        (shape, values) in shapes().prop_flat_map(|s| {
            (Just(s), prop::collection::vec(numbers(), s.0 * s.1))
        }),
        granularity in prop::sample::select(GRANULARITIES.to_vec()),
        e5m2 in any::<bool>(),
        pow2 in any::<bool>(),
        one in any::<bool>(),
        given in prop::option::of(prop::sample::select(vec![1.0f32, 0.01, 3e4, 1.7e-38, 3e38])),
        random in prop::option::of((any::<u64>(), any::<u32>(), any::<u32>())),
        wide in 0..3,
    ) {
        let scales = vec![given.unwrap_or(1.0); granularity.scales(shape.0, shape.1)];
        let non_finite = if one { NonFiniteAmax::One } else { NonFiniteAmax::Keep };
        let q = Quantizer {
            format: if e5m2 { Format::E5m2 } else { Format::E4m3 },
            granularity,
            scale: match given {
                Some(_) => Scale::Given(&scales),
                None => Scale::Current(Policy { pow2, non_finite, ..Policy::default() }),
            },
            rounding: match random {
                Some((seed, tensor, step)) => Rounding::Stochastic(Source { seed, tensor, step }),
                None => Rounding::Nearest,
            },
            pitch: None,
        };
        match wide {
            0 => both(&values, shape, &q),
            1 => both(&values.iter().map(|x| bf16::from_f32(*x)).collect::<Vec<_>>(), shape, &q),
            _ => both(&values.iter().map(|x| f16::from_f32(*x)).collect::<Vec<_>>(), shape, &q),
        }
    }

    /// The pitch of the source and of the codes changes nothing but the padding.
    #[test]
    fn pitch_does_not_matter(
        values in prop::collection::vec(numbers(), 40 * 50),
        (rows, cols) in (1usize..30, 1usize..40),
        extra in 0usize..4,
        seed in any::<u64>(),
    ) {
        let dense: Vec<f32> = values.chunks(50).take(rows).flat_map(|r| &r[..cols]).copied().collect();
        let rounding = Rounding::Stochastic(Source { seed, tensor: 1, step: 2 });
        let q = Quantizer { rounding, granularity: Granularity::Row, ..Quantizer::default() };
        let a = q.quantize(Matrix::new(&dense, rows, cols).unwrap()).unwrap();
        let pitch = Some(cols.next_multiple_of(16) + 16 * extra);
        let b = Quantizer { pitch, ..q }
            .quantize(Matrix::with_pitch(&values, rows, cols, 50).unwrap())
            .unwrap();
        prop_assert_eq!(b.data.pitch(), pitch.unwrap());
        prop_assert_eq!(a.data.to_unpadded(), b.data.to_unpadded());
        prop_assert_eq!(a.data.scale_inv(), b.data.scale_inv());
        prop_assert_eq!(a.stats, b.stats);
        // A checkpoint has no padding and comes back with the default pitch.
        let back = Quantized::from_unpadded(
            Format::E4m3, (rows, cols), &b.data.to_unpadded(), Granularity::Row,
            b.data.scale_inv().to_vec(),
        ).unwrap();
        prop_assert_eq!(back, a.data);
    }
}

/// An outlier of 1e6 costs its own tile its resolution, and no other.
#[test]
fn an_outlier_stays_in_its_block() {
    let mut x = vec![1f32; 4 * 256];
    x[300] = 1e6;
    let flushed = |granularity| {
        let q = Quantizer { granularity, ..Quantizer::default() };
        q.quantize(Matrix::new(&x, 4, 256).unwrap()).unwrap().stats.flushed
    };
    assert_eq!(flushed(Granularity::Tensor), 1023);
    assert_eq!(flushed(Granularity::Row), 255);
    assert_eq!(flushed(Granularity::Block1x128), 127);
    assert_eq!(flushed(Granularity::Block128x128), 4 * 128 - 1);
}

#[test]
fn wrong_calls_say_what_is_allowed() {
    let x = [1f32; 12];
    let m = Matrix::new(&x, 3, 4).unwrap();
    let q = Quantizer::default();
    assert_eq!(
        Matrix::new(&x, 3, 5).unwrap_err().to_string(),
        "matrix has 12 elements; 3 x 5 elements are needed"
    );
    assert!(matches!(Matrix::with_pitch(&x, 3, 4, 3), Err(Error::Shape { .. })));
    assert!(matches!(Matrix::with_pitch(&x, 4, 4, 4), Err(Error::Length { .. })));
    assert!(matches!(Matrix::new(&x, usize::MAX, 2), Err(Error::Length { .. })));
    let with = |scale: Scale, granularity| {
        Quantizer { scale, granularity, ..Quantizer::default() }.quantize(m).unwrap_err()
    };
    assert_eq!(
        with(Scale::Given(&[1.0]), Granularity::Row).to_string(),
        "scales has 1 elements; 3 are needed for Row"
    );
    for bad in [0.0, -1.0, f32::NAN, f32::INFINITY, f32::from_bits(1)] {
        assert!(matches!(
            with(Scale::Given(&[bad]), Granularity::Tensor),
            Error::Parameter { what: "scale", .. }
        ));
    }
    for pitch in [Some(0), Some(3), Some(8), Some(17)] {
        assert!(matches!(Quantizer { pitch, ..q }.quantize(m), Err(Error::Shape { .. })));
    }
    let given = Quantizer { scale: Scale::Given(&[1.0; 3]), granularity: Granularity::Row, ..q };
    assert!(given.quantize(m).is_ok());
    assert!(matches!(given.quantize_both(m), Err(Error::Parameter { .. })));
    let row = Quantizer { granularity: Granularity::Row, ..q }.quantize(m).unwrap().data;
    assert!(matches!(row.transpose(), Err(Error::Shape { .. })));
    let unpadded = |n: usize, s: Vec<f32>| {
        Quantized::from_unpadded(Format::E5m2, (3, 4), &vec![0; n], Granularity::Tensor, s)
    };
    assert!(matches!(unpadded(11, vec![1.0]), Err(Error::Length { .. })));
    assert!(matches!(unpadded(12, vec![]), Err(Error::Length { .. })));
    assert!(matches!(unpadded(12, vec![f32::NAN]), Err(Error::Parameter { .. })));
    assert!(unpadded(12, vec![1.0]).is_ok());
}
