//! Casts.

use half::{bf16, f16};
use proptest::prelude::*;
use quarter::gpu::{Device, WideType};
use quarter::quantize::{Cast, Granularity, Matrix, Quantizer, Rounding, Scale, Words};
use quarter::random::{Source, Stream};
use quarter::scaling::{Policy, TinyAmax};
use quarter::{Element, Format};

use crate::devices::devices;
use crate::values::{Draws, Kind, kinds, numbers};

/// A cast to be made on each device and by the reference.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// With the transposed copy.
    both: bool,
    wide: WideType,
    rows: usize,
    cols: usize,
    /// Elements of a row that are no part of the matrix.
    gap: usize,
    /// Where the matrix begins in its allocation.
    offset: usize,
    format: Format,
    granularity: Granularity,
    given: bool,
    policy: Policy,
    stochastic: Option<Words>,
    code_gap: usize,
    kind: Kind,
    seed: u64,
    schedule: u64,
}

fn formats() -> impl Strategy<Value = Format> {
    prop::sample::select(vec![Format::E4m3, Format::E5m2])
}

fn granularities() -> impl Strategy<Value = Granularity> {
    use Granularity::{Block1x128, Block128x128, Row, Tensor};
    prop::sample::select(vec![Tensor, Row, Block1x128, Block128x128])
}

fn policies() -> impl Strategy<Value = Policy> {
    let tiny = prop_oneof![Just(TinyAmax::Clamp), Just(TinyAmax::Floor(1e-4))];
    let margin = prop_oneof![8 => -2..3, 1 => -64..=64, 1 => Just(64)];
    (tiny, margin, any::<bool>()).prop_map(|(tiny, margin, pow2)| Policy {
        tiny,
        margin,
        pow2,
        ..Policy::default()
    })
}

fn words() -> impl Strategy<Value = Option<Words>> {
    let source = |(seed, tensor, step)| Source { seed, tensor, step };
    let sources = (any::<u64>(), any::<u32>(), any::<u32>()).prop_map(source);
    let first = prop_oneof![0..64u64, any::<u64>(), Just((1 << 52) - 40)];
    let stride = prop_oneof![0..4096u64, any::<u64>()];
    let shard =
        (sources.clone(), first, stride).prop_map(|(s, f, r)| Some(Words::of_shard(s, f, r)));
    prop_oneof![2 => Just(None), 1 => sources.prop_map(|s| Some(Words::of(s))), 1 => shard]
}

/// Rows and columns around the sizes at which something changes.
fn sides() -> impl Strategy<Value = (usize, usize)> {
    let cols = prop_oneof![
        3 => 0..300usize,
        2 => prop::sample::select(vec![127, 128, 129, 256, 384, 511, 512, 513, 640, 1024, 1100, 1500, 2050]),
        1 => (0..40usize).prop_map(|n| 16 * n),
    ];
    let rows = prop_oneof![0..10usize, prop::sample::select(vec![1, 127, 128, 129, 140])];
    // Longer than what a block holds in registers.
    let long = (1..3usize, prop_oneof![8180..8230usize, 16370..16900usize]);
    prop_oneof![20 => (rows, cols), 1 => long]
}

pub fn cases() -> impl Strategy<Value = Case> {
    let layout = (
        prop_oneof![Just(0), 0..20usize],
        prop_oneof![Just(0), 0..9usize],
        prop_oneof![Just(0), Just(16), Just(48)],
    );
    let wide = prop::sample::select(vec![WideType::F32, WideType::Bf16, WideType::F16]);
    let what = (any::<bool>(), wide);
    let how = (formats(), granularities(), any::<bool>(), policies(), words());
    let seeds = (kinds(), any::<u64>(), prop_oneof![Just(0), any::<u64>()]);
    (what, sides(), layout, how, seeds).prop_map(|(what, sides, layout, how, seeds)| {
        let ((both, wide), (rows, cols), (gap, offset, code_gap)) = (what, sides, layout);
        let (format, granularity, given, policy, stochastic) = how;
        let (kind, seed, schedule) = seeds;
        Case {
            both,
            wide,
            rows,
            cols,
            gap,
            offset,
            format,
            granularity,
            given,
            policy,
            stochastic,
            code_gap,
            kind,
            seed,
            schedule,
        }
    })
}

fn tame() -> Case {
    Case {
        both: false,
        wide: WideType::Bf16,
        rows: 1,
        cols: 1,
        gap: 0,
        offset: 0,
        format: Format::E4m3,
        granularity: Granularity::Tensor,
        given: false,
        policy: Policy::default(),
        stochastic: None,
        code_gap: 0,
        kind: Kind::Tame,
        seed: 1,
        schedule: 0,
    }
}

/// Every end of a row and every place of a thread's elements, whatever is cast and how: a part of a
/// quad in each of four, rows with and without whole quads, longer than a block's registers; and one
/// number that is special among others that are not, in each place that a thread has for one.
pub fn ends_and_places() -> Vec<Case> {
    let case = tame();
    let mut cases = Vec::new();
    let ends = [0, 128, 256, 384, 512].map(|from| from + 1..from + 5);
    let ends = ends.into_iter().flatten().chain(124..128);
    for (cols, gap) in ends.flat_map(|cols| [(cols, 0), (cols, 4)]) {
        for (rows, offset) in [(1, 0), (3, 1), (17, 4), (131, 0)] {
            let seed = (cols + gap + rows) as u64;
            cases.push(Case { rows, cols, offset, gap, seed, ..case });
        }
    }
    let long = [8190, 8193, 8194, 8199, 8330, 8577, 8579, 8692, 16384, 16385, 16386, 16391];
    for cols in long.into_iter().chain([16522, 16771, 16884, 16885, 16900]) {
        cases.push(Case { rows: 2, cols, seed: cols as u64, ..case });
    }
    // More spans of a row than divide what a grid takes at once, and more than it takes.
    for (cols, row) in [(1540, 159), (2060, 159), (2060, 120), (2060, 90), (2060, 70), (2060, 68)] {
        for col in [0, 511, 512, 1030, cols - 1] {
            let kind = Kind::Special(row * cols + col);
            cases.push(Case { rows: 160, cols, kind, seed: 2, ..case });
        }
    }
    let kind = Kind::Special(38 * 4200 + 512);
    cases.push(Case { rows: 45, cols: 4200, kind, seed: 2, ..case });
    // The largest in what a block reads twice, and behind the end of a row; a NaN in such places.
    for col in [0, 384, 387, 511, 1023, 1535, 2047, 8192, 16383, 16384, 16899] {
        cases.push(Case { rows: 1, cols: 16900, kind: Kind::Special(col), seed: 3, ..case });
    }
    for col in [16771, 16775, 16779, 16783] {
        cases.push(Case { rows: 1, cols: 16884, kind: Kind::Special(col), seed: 3, ..case });
    }
    for (col, seed) in [0, 1, 384, 385].into_iter().flat_map(|col| [(col, 7), (col, 8)]) {
        cases.push(Case { rows: 1, cols: 16900, kind: Kind::Special(col), seed, ..case });
    }
    for (quad, left) in (0..4).flat_map(|quad| (0..5).map(move |left| (quad, left))) {
        let cols = 128 * quad + left;
        let kind = Kind::Special(cols);
        cases.push(Case { rows: 2, cols, gap: 5 - cols % 2, kind, seed: 3, ..case });
        cases.push(Case { rows: 2, cols, gap: 4, kind, seed: 3, ..case });
    }
    for pow2 in [false, true] {
        let policy = Policy { pow2, ..case.policy };
        cases.push(Case { rows: 5, cols: 300, policy, kind: Kind::Tiny, ..case });
    }
    // Scales below all that have an inverse, and of less than a floor.
    let policy = Policy { margin: 64, ..case.policy };
    cases.push(Case { rows: 5, cols: 300, policy, kind: Kind::Huge, ..case });
    let policy = Policy { tiny: TinyAmax::Floor(100.0), ..case.policy };
    cases.push(Case { rows: 5, cols: 300, policy, ..case });
    // Exactly what is clipped first.
    cases.push(Case { rows: 17, cols: 512, kind: Kind::One, ..case });
    for seed in 0..4 {
        cases.push(Case { rows: 16, cols: 512, kind: Kind::Exact, seed, ..case });
    }
    // Rows whose numbers are the bits of a NaN, around one of fewer bits.
    let last = Kind::Special(31759);
    cases.push(Case { rows: 31760, cols: 1, kind: last, ..case });
    // The lesser of two NaN of a thread, in the first and the last place of a batch.
    for row in (3..16).filter(|row| matches!(row % 4, 0 | 3)) {
        let kind = Kind::Nans(4 * row + row % 4);
        cases.push(Case { rows: 16, cols: 4, kind, ..case });
    }
    // A thread of a row has four columns in each 128; one of a tile has sixteen rows.
    let places = (0..4).flat_map(|quad| (0..4).map(move |i| (0, 128 * quad + i, 500)));
    let last = (0..4).flat_map(|quad| (0..4).map(move |i| (0, 128 * quad + i, 128 * quad + i + 1)));
    let tile = (1..16).flat_map(|row| (0..4).map(move |col| (row, col, 5)));
    for (row, col, cols) in places.chain(last).chain(tile) {
        // With quads that are one load, and one row on with some that are not.
        for (row, gap) in [(row, 0), (row + 1, 1 - cols % 2)] {
            for seed in 0..7 {
                let kind = Kind::Special(row * (cols + gap) + col);
                // Of the same remainder, with bits for the NaN.
                let seed = seed + 7 * (0x1_2345 * (row + col) as u64);
                cases.push(Case { rows: row + 1, cols, gap, kind, seed, ..case });
            }
        }
    }
    cases
}

/// What tells random words apart in each of a thread's places.
pub fn words_and_places() -> Vec<Case> {
    let case = tame();
    let mut cases = Vec::new();
    // Codes that a word of 0 leaves as they are, in the first and the last place of a batch.
    let exact = Case { rows: 16, cols: 512, kind: Kind::Exact, ..case };
    cases.extend(zero_words().map(|seed| Case { seed, ..exact }));
    // Words of every half, whether lines begin with a group or inside its last word.
    for (first, seed) in [0, 3].into_iter().flat_map(|first| [(first, 1), (first, 2)]) {
        let source = Source { seed, tensor: 1, step: 2 };
        let stochastic = Some(Words::of_shard(source, first, 768));
        cases.push(Case { rows: 128, cols: 768, stochastic, seed, ..case });
    }
    cases
}

/// Seeds whose words of 16 rows of 512 elements are 0 in the first, or in the last, of a thread's
/// places, whether it has quads of a row or batches of four rows of a tile.
fn zero_words() -> impl Iterator<Item = u64> {
    let word = |seed, row: u64, col: u64| {
        let index = 512 * row + col;
        let group = Source { seed, tensor: 1, step: 2 }.words(Stream::Cast, index / 16);
        group[(index / 4 % 4) as usize]
    };
    let quads = |from: u64| (0..32).map(move |quad| from + 4 * quad);
    (0..4).flat_map(move |batch| {
        let (top, bottom) = (4 * batch, 4 * batch + 3);
        let first = move |seed: &u64| quads(0).any(|col| word(*seed, top, col) & 0xffff == 0);
        let last = move |seed: &u64| quads(384).any(|col| word(*seed, bottom, col) >> 16 == 0);
        (0..).filter(first).take(4).chain((0..).filter(last).take(4))
    })
}

/// A policy that scales 1 to the least that counts as saturated.
fn at_limit(format: Format, stochastic: bool) -> Policy {
    let limit = match (format, stochastic) {
        (Format::E4m3, false) => 464f32,
        (Format::E4m3, true) => 448.0,
        (Format::E5m2, false) => 61440.0,
        (Format::E5m2, true) => 57344.0,
    };
    let limit = limit.next_up();
    let near = (2.0 * format.max_finite() / limit).to_bits();
    let policy = |floor| Policy {
        tiny: TinyAmax::Floor(f32::from_bits(floor)),
        margin: -1,
        pow2: false,
        ..Policy::default()
    };
    let scale = |policy: &Policy| policy.scale(format, 1f32.to_bits(), None);
    (near - 8..near + 8).map(policy).find(|policy| scale(policy) == limit).unwrap()
}

impl Case {
    /// The same with scales of another kind, with or without the transposed copy.
    pub fn scaled(self, granularity: Granularity, given: bool, both: bool) -> Self {
        Self { granularity, given, both, ..self }
    }

    /// The same with other types, rounded as told.
    pub fn of(self, wide: WideType, format: Format, stochastic: bool) -> Self {
        let words =
            self.stochastic.unwrap_or(Words::of(Source { seed: self.seed, tensor: 1, step: 2 }));
        Self { wide, format, stochastic: stochastic.then_some(words), ..self }
    }

    #[allow(dead_code, reason = "for tests/mutants")]
    pub fn elements(&self) -> usize {
        self.rows * self.cols
    }
}

/// Scales a little on both sides of what fits, and now and then far from it.
fn scales(case: &Case) -> Vec<f32> {
    let mut draws = Draws(case.seed ^ 1);
    let n = case.granularity.scales(case.rows, case.cols);
    let one = |z: u64| match z % 16 {
        0 => f32::MAX,
        1 => f32::MIN_POSITIVE,
        _ if case.kind == Kind::Exact => 2f32.powi((z >> 8) as i32 % 4),
        // Edges stay edges, and 1 becomes one: around the first that is clipped, and the largest.
        _ if case.kind == Kind::Edges => match z >> 8 & 7 {
            0 | 1 => f32::from_bits(0x43e8_0000 + (z >> 16) as u32 % 3),
            2 => f32::from_bits(0x4770_0000 - 1 + (z >> 16) as u32 % 3),
            3 => f32::from_bits(0x43e0_0000 + (z >> 16) as u32 % 2),
            _ => 1.0,
        },
        _ => (1.0 + (z >> 40) as f32 / (1 << 24) as f32) * 2f32.powi((z >> 8) as i32 % 12 - 4),
    };
    (0..n).map(|_| one(draws.next())).collect()
}

fn same(what: &str, got: &Cast, expected: &Cast) {
    let first = (0..).zip(got.data.padded()).zip(expected.data.padded()).find(|((_, a), b)| a != b);
    assert_eq!(first, None, "{what}: ((byte, got), expected)");
    let bits = |cast: &Cast| cast.data.scale_inv().iter().map(|s| s.to_bits()).collect::<Vec<_>>();
    assert_eq!(bits(got), bits(expected), "{what}: scale_inv");
    assert_eq!(got.stats, expected.stats, "{what}: statistics");
    assert!(got == expected, "{what}: layout");
}

fn check_type<T: Element>(case: &Case, devices: fn(u64) -> Vec<Device>, from_bits: fn(u32) -> T) {
    let pitch = case.cols + case.gap;
    let data = numbers(case.kind, case.offset + case.rows * pitch, case.seed, from_bits);
    let src = Matrix::with_pitch(&data[case.offset..], case.rows, case.cols, pitch).unwrap();
    let scales = scales(case);
    let policy = match case.kind {
        Kind::One => at_limit(case.format, case.stochastic.is_some()),
        Kind::Exact => Policy { pow2: true, ..case.policy },
        _ => case.policy,
    };
    let quantizer = Quantizer {
        format: case.format,
        granularity: case.granularity,
        scale: if case.given { Scale::Given(&scales) } else { Scale::Current(policy) },
        rounding: case.stochastic.map_or(Rounding::Nearest, Rounding::Stochastic),
        pitch: Some(case.cols.next_multiple_of(16) + case.code_gap),
    };
    for device in devices(case.schedule) {
        check_on(&device, &quantizer, src, case.both);
    }
}

fn check_on<T: Element>(device: &Device, quantizer: &Quantizer, src: Matrix<T>, both: bool) {
    if !both {
        let expected = quantizer.quantize(src).unwrap();
        same("cast", &quantizer.quantize_on(device, src).unwrap(), &expected);
        return;
    }
    match (quantizer.quantize_both_on(device, src), quantizer.quantize_both(src)) {
        (Ok(got), Ok(expected)) => {
            same("cast", &got.0, &expected.0);
            same("transpose", &got.1, &expected.1);
        }
        (got, expected) => assert_eq!(got, expected),
    }
}

pub fn check(case: &Case) {
    check_on_all(case, devices);
}

pub fn check_on_all(case: &Case, devices: fn(u64) -> Vec<Device>) {
    match case.wide {
        WideType::F32 => check_type(case, devices, f32::from_bits),
        WideType::Bf16 => check_type(case, devices, |bits| bf16::from_bits(bits as u16)),
        WideType::F16 => check_type(case, devices, |bits| f16::from_bits(bits as u16)),
    }
}

#[test]
fn ends_and_places_have_the_bits_of_the_reference() {
    use Granularity::{Block1x128, Block128x128, Row, Tensor};
    let granularities = [Tensor, Row, Block1x128, Block128x128];
    let wides = [WideType::F32, WideType::Bf16, WideType::F16];
    let mut draws = Draws(1);
    let words = words_and_places();
    let cases = ends_and_places().into_iter().map(|case| (case, false));
    for (case, stochastic) in cases.chain(words.into_iter().map(|case| (case, true))) {
        for granularity in granularities {
            for both in [false, true] {
                let z = draws.next() as usize;
                let format = [Format::E4m3, Format::E5m2][z / 8 % 2];
                let case = case.scaled(granularity, z.is_multiple_of(4), both);
                let stochastic = stochastic || (z / 64).is_multiple_of(2);
                check(&case.of(wides[z / 16 % 3], format, stochastic));
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn casts_have_the_bits_of_the_reference(case in cases()) {
        check(&case);
    }
}
