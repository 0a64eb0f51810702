//! Casts against plain loops.

use half::{bf16, f16};
use proptest::prelude::*;
use quarter::quantize::{Cast, Granularity, Matrix, Quantized, Quantizer, Rounding, Scale, Words};
use quarter::random::{Source, Stream};
use quarter::scaling::{NonFiniteAmax, Policy};
use quarter::{E4m3, E5m2, Element, Format};

pub const GRANULARITIES: [Granularity; 4] =
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

pub struct Expected {
    codes: Vec<u8>,
    scale_inv: Vec<u32>,
    amax: u32,
    saturated: u64,
    flushed: u64,
    non_finite: u64,
}

/// What a cast has to give, element by element. `transposed` asks for the cast of
/// the transpose, whose random words are still those of the source.
pub fn naive<T: Element>(
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
                    (stochastic(q.format, y, word(s.source, at(r, c))), q.format.max_finite())
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

impl Expected {
    /// The same cast of the transpose: tile (i, j) of it is tile (j, i).
    fn transposed(&self, (rows, cols): (usize, usize), granularity: Granularity) -> Self {
        let (grid_rows, grid_cols) = granularity.grid(rows, cols);
        let mut t = Self { codes: vec![], scale_inv: vec![], ..*self };
        for c in 0..cols {
            t.codes.extend((0..rows).map(|r| self.codes[r * cols + c]));
        }
        for j in 0..grid_cols {
            t.scale_inv.extend((0..grid_rows).map(|i| self.scale_inv[i * grid_cols + j]));
        }
        t
    }
}

/// Rounded once by `half`, with the GPU's NaN.
fn narrow(x: f32) -> (u32, u16, u16) {
    match x.is_nan() {
        true => (0x7fff_ffff, 0x7fff, 0x7fff),
        false => (x.to_bits(), bf16::from_f32(x).to_bits(), f16::from_f32(x).to_bits()),
    }
}

/// Back to wide numbers, element by element.
fn check_dequantize(q: &Quantized) {
    let (f, b, h) = (q.dequantize::<f32>(), q.dequantize::<bf16>(), q.dequantize::<f16>());
    assert_eq!((f.len(), b.len(), h.len()), (q.rows() * q.cols(), f.len(), f.len()));
    let grid_cols = q.granularity().grid(q.rows(), q.cols()).1;
    for (i, code) in q.to_unpadded().into_iter().enumerate() {
        let (r, c) = tile(q.granularity(), i / q.cols(), i % q.cols());
        let value = match q.format() {
            Format::E4m3 => E4m3::from_bits(code).to_f32(),
            Format::E5m2 => E5m2::from_bits(code).to_f32(),
        };
        let want = narrow(value * q.scale_inv()[r * grid_cols + c]);
        assert_eq!((f[i].to_bits(), b[i].to_bits(), h[i].to_bits()), want, "element {i}");
    }
}

pub fn check(cast: &Cast, e: &Expected, (rows, cols): (usize, usize)) {
    let q = &cast.data;
    check_dequantize(q);
    assert_eq!((q.rows(), q.cols()), (rows, cols));
    assert_eq!(q.to_unpadded(), e.codes);
    assert_eq!(q.scale_inv().iter().map(|s| s.to_bits()).collect::<Vec<_>>(), e.scale_inv);
    assert_eq!(q.pitch(), cols.div_ceil(16) * 16);
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

pub fn both<T: Element>(x: &[T], shape: (usize, usize), q: &Quantizer) {
    let (rows, cols) = shape;
    let src = Matrix::new(x, rows, cols).unwrap();
    let expected = naive(x, shape, q, false);
    check(&q.quantize(src).unwrap(), &expected, shape);
    if matches!(q.scale, Scale::Current(_)) || q.granularity.is_symmetric() {
        let (cast, transposed) = q.quantize_both(src).unwrap();
        check(&cast, &expected, shape);
        if q.granularity.is_symmetric() {
            // The codes of the transpose are those of the matrix: scales travel with their tiles.
            check(&transposed, &expected.transposed(shape, q.granularity), (cols, rows));
        } else {
            check(&transposed, &naive(x, (cols, rows), q, true), (cols, rows));
        }
    }
}

pub fn numbers() -> impl Strategy<Value = f32> {
    prop_oneof![
        12 => -4f32..4.0, 3 => -1e-3f32..1e-3, 1 => Just(0.0), 1 => Just(-0.0), 1 => Just(1e6),
    ]
}

/// With infinities and NaN.
fn specials() -> impl Strategy<Value = f32> {
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
            let n = s.0 * s.1;
            // Most cases without infinities and NaN, or every amax would be one.
            let values = prop_oneof![
                3 => prop::collection::vec(numbers(), n).boxed(),
                1 => prop::collection::vec(specials(), n).boxed(),
            ];
            (Just(s), values)
        }),
        granularity in prop::sample::select(GRANULARITIES.to_vec()),
        e5m2 in any::<bool>(),
        pow2 in any::<bool>(),
        one in any::<bool>(),
        given in prop::option::of(prop::sample::select(vec![1.0f32, 0.01, 3e4, 1.7e-38, 3e38])),
        random in prop::option::of((any::<u64>(), any::<u32>(), any::<u32>())),
        wide in 0..3,
    ) {
        // Each tile has its own.
        let scales: Vec<f32> = (0..granularity.scales(shape.0, shape.1))
            .map(|i| given.unwrap_or(1.0) / (1.0 + i as f32 / 64.0))
            .collect();
        let non_finite = if one { NonFiniteAmax::One } else { NonFiniteAmax::Keep };
        let q = Quantizer {
            format: if e5m2 { Format::E5m2 } else { Format::E4m3 },
            granularity,
            scale: match given {
                Some(_) => Scale::Given(&scales),
                None => Scale::Current(Policy { pow2, non_finite, ..Policy::default() }),
            },
            rounding: match random {
                Some((seed, tensor, step)) => Rounding::Stochastic(Source { seed, tensor, step }.into()),
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
        values in prop::collection::vec(specials(), 40 * 50),
        (rows, cols) in (1usize..30, 1usize..40),
        extra in 0usize..4,
        seed in any::<u64>(),
    ) {
        let dense: Vec<f32> = values.chunks(50).take(rows).flat_map(|r| &r[..cols]).copied().collect();
        let rounding = Rounding::Stochastic(Words::of(Source { seed, tensor: 1, step: 2 }));
        let q = Quantizer { rounding, granularity: Granularity::Row, ..Quantizer::default() };
        let a = q.quantize(Matrix::new(&dense, rows, cols).unwrap()).unwrap();
        let pitch = cols.next_multiple_of(16) + 16 * extra;
        let b = Quantizer { pitch: Some(pitch), ..q }
            .quantize(Matrix::with_pitch(&values, rows, cols, 50).unwrap())
            .unwrap();
        prop_assert_eq!(b.data.pitch(), pitch);
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

/// 257 x 130 has a grid of 3 x 2 that its transpose must turn.
#[test]
fn scales_turn_with_their_tiles() {
    let x: Vec<f32> = (0..257 * 130).map(|i| ((i * 7919) % 1009) as f32 / 100.0 - 5.0).collect();
    let scales = [0.5, 1.5, 2.5, 3.5, 4.5, 5.5];
    for scale in [Scale::Given(&scales), Scale::Current(Policy::default())] {
        let granularity = Granularity::Block128x128;
        both(&x, (257, 130), &Quantizer { granularity, scale, ..Quantizer::default() });
    }
}
