//! Every path against the specification, on random operands of every awkward kind.

use quarter_numerics::tensor_core::{LANES, Path, STEP, TensorCore, wgmma_chain};
use quarter_numerics::{E4m3, E5m2, Format, Fp8};

/// xorshift64*, so that a failure names its seed.
struct Random(u64);

impl Random {
    fn word(&mut self) -> u32 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32) as u32
    }

    fn below(&mut self, n: u32) -> u32 {
        self.word() % n
    }
}

/// How the codes of one chain are drawn.
#[derive(Clone, Copy, Debug)]
enum Codes {
    /// All bytes, NaN and infinities with them.
    Bits,
    /// All finite ones.
    Finite,
    /// Zeros and subnormals.
    Tiny,
    /// Three in four are zeros of either sign.
    Sparse,
    /// The two ends of the range.
    Ends,
    /// One exponent, so that sums cancel or carry.
    Level,
    /// Finite but for one code in 500.
    RareSpecial,
    Zero,
}

impl Codes {
    const ALL: [Self; 8] = [
        Self::Bits,
        Self::Finite,
        Self::Tiny,
        Self::Sparse,
        Self::Ends,
        Self::Level,
        Self::RareSpecial,
        Self::Zero,
    ];

    fn draw(self, format: Format, random: &mut Random) -> u8 {
        let byte = random.word() as u8;
        let (fraction, special) = match format {
            Format::E4m3 => (0x07, 0x7f),
            Format::E5m2 => (0x03, 0x7c),
        };
        let code = match self {
            Self::Bits => return byte,
            Self::RareSpecial if random.below(500) == 0 => return byte | 0x7c,
            Self::Finite | Self::RareSpecial => byte,
            Self::Tiny => byte & (0x80 | fraction),
            Self::Sparse if random.below(4) != 0 => byte & 0x80,
            Self::Sparse => byte,
            Self::Ends if random.below(2) == 0 => byte & 0x87,
            Self::Ends => byte | 0x70,
            Self::Level => byte & (0x80 | fraction) | 0x38,
            Self::Zero => byte & 0x80,
        };
        if code & 0x7f >= special { code & 0x80 | (special - 1) } else { code }
    }
}

fn accumulator(random: &mut Random) -> f32 {
    let word = random.word();
    f32::from_bits(match random.below(8) {
        0 => 0,
        1 => word,
        // Subnormal and just above; near the largest; near the products.
        2 => word & 0x80ff_ffff,
        3 => word & 0x8000_ffff,
        4 => word | 0x7f00_0000,
        5 => [0x7f80_0000, 0xff80_0000, 0x7fc0_0000, 0xff80_0001][random.below(4) as usize],
        _ => word & 0x807f_ffff | (90 + random.below(70)) << 23,
    })
}

/// One chain of `steps` on 32 columns with every path against the specification.
fn check<A: Fp8, B: Fp8>(random: &mut Random, steps: usize) {
    let seed = random.0;
    let kinds = [(); 2].map(|()| Codes::ALL[random.below(8) as usize]);
    let k = steps * STEP - random.below(STEP as u32) as usize;
    let a: Vec<u8> = (0..k).map(|_| kinds[0].draw(A::FORMAT, random)).collect();
    let b: Vec<Vec<u8>> =
        (0..LANES).map(|_| (0..k).map(|_| kinds[1].draw(B::FORMAT, random)).collect()).collect();
    let c: [f32; LANES] = std::array::from_fn(|_| accumulator(random));

    let typed_a: Vec<A> = a.iter().map(|&code| A::from_bits(code)).collect();
    let expected: [u32; LANES] = std::array::from_fn(|n| {
        let typed_b: Vec<B> = b[n].iter().map(|&code| B::from_bits(code)).collect();
        wgmma_chain(&typed_a, &typed_b, c[n]).to_bits()
    });

    for path in Path::ALL {
        let Some(core) = TensorCore::with_path(A::FORMAT, B::FORMAT, path) else {
            continue;
        };
        let (mut rows, mut strips) = (Vec::new(), Vec::new());
        for (step, codes) in a.chunks(STEP).enumerate() {
            let mut row = core.row_step();
            core.decode_row(codes, &mut row);
            rows.push(row);
            let mut strip = core.strip_step();
            core.decode_strip(|n, j| *b[n].get(step * STEP + j).unwrap_or(&0), &mut strip);
            strips.push(strip);
        }
        let mut acc = c;
        core.chain(&rows, &strips, &mut acc);
        let got = acc.map(f32::to_bits);
        let formats = (A::FORMAT, B::FORMAT);
        assert_eq!(got, expected, "{path:?} {formats:?} {kinds:?} k = {k} seed {seed:#x}");
    }
}

fn fuzz<A: Fp8, B: Fp8>(seed: u64) {
    let mut random = Random(seed);
    for _ in 0..9_000 {
        check::<A, B>(&mut random, 1);
    }
    for _ in 0..300 {
        let steps = 1 + random.below(20) as usize;
        check::<A, B>(&mut random, steps);
    }
}

#[test]
fn e4m3_e4m3_paths_agree() {
    fuzz::<E4m3, E4m3>(0x9e37_79b9_7f4a_7c15);
}

#[test]
fn e4m3_e5m2_paths_agree() {
    fuzz::<E4m3, E5m2>(0xd1b5_4a32_d192_ed03);
}

#[test]
fn e5m2_e4m3_paths_agree() {
    fuzz::<E5m2, E4m3>(0xaef1_7502_108e_f2d9);
}

#[test]
fn e5m2_e5m2_paths_agree() {
    fuzz::<E5m2, E5m2>(0x94d0_49bb_1331_11eb);
}

fn bits(acc: [f32; LANES]) -> [u32; LANES] {
    acc.map(f32::to_bits)
}

fn every_core(a: Format, b: Format) -> impl Iterator<Item = TensorCore> {
    Path::ALL.into_iter().filter_map(move |path| TensorCore::with_path(a, b, path))
}

#[test]
fn best_path_is_available() {
    assert!(Path::Portable.is_available());
    assert!(Path::best().is_available());
    assert_eq!(TensorCore::new(Format::E4m3, Format::E4m3).path(), Path::best());
    let last = Path::ALL.into_iter().rfind(|path| path.is_available());
    assert_eq!(last, Some(Path::best()));
}

/// Every code of B in some column, against a row of ones: decoding, sign and NaN of each.
#[test]
fn every_code_of_both_sides() {
    fn check<A: Fp8, B: Fp8>(one_a: u8, one_b: u8) {
        for core in every_core(A::FORMAT, B::FORMAT) {
            let (mut row, mut strip) = (core.row_step(), core.strip_step());
            for first in (0..=255u8).step_by(LANES) {
                core.decode_row(&[0, one_a], &mut row);
                core.decode_strip(|n, k| if k == 1 { first + n as u8 } else { 0 }, &mut strip);
                let mut acc = [0.0; LANES];
                core.chain(&[row.clone()], &[strip.clone()], &mut acc);
                for (code, d) in (first..=255).zip(acc) {
                    let b = B::from_bits(code);
                    let d_b: f32 = wgmma_chain(&[A::from_bits(one_a)], &[b], 0.0);
                    assert_eq!(d.to_bits(), d_b.to_bits(), "{:?} b {code:#x}", core.path());
                    assert!(d == b.to_f32() || d.is_nan() && b.to_f32().is_nan(), "{b:?}");
                }
            }
            core.decode_strip(|_, k| if k == 1 { one_b } else { 0 }, &mut strip);
            for code in 0..=255 {
                core.decode_row(&[0, code], &mut row);
                let mut acc = [0.0; LANES];
                core.chain(&[row.clone()], &[strip.clone()], &mut acc);
                let a = A::from_bits(code).to_f32();
                for d in acc {
                    assert!(d == a || d.is_nan() && a.is_nan(), "{:?} a {code:#x}", core.path());
                }
            }
        }
    }
    check::<E4m3, E4m3>(0x38, 0x38);
    check::<E4m3, E5m2>(0x38, 0x3c);
    check::<E5m2, E4m3>(0x3c, 0x38);
    check::<E5m2, E5m2>(0x3c, 0x3c);
}

/// No step at all touches nothing, not even what a step would cut or make canonical.
#[test]
fn empty_chain_keeps_the_accumulator() {
    let start: [f32; LANES] = std::array::from_fn(|n| match n {
        0 => f32::from_bits(0xffc1_2345),
        1 => -0.0,
        2 => f32::NEG_INFINITY,
        _ => 1.0 + f32::EPSILON * n as f32,
    });
    for core in every_core(Format::E4m3, Format::E5m2) {
        let mut acc = start;
        core.chain(&[], &[core.strip_step()], &mut acc);
        core.chain(&[core.row_step()], &[], &mut acc);
        assert_eq!(bits(acc), bits(start), "{:?}", core.path());
    }
}

/// The longer operand's rest is left alone.
#[test]
fn chain_stops_at_the_shorter() {
    for core in every_core(Format::E4m3, Format::E4m3) {
        let (mut row, mut strip) = (core.row_step(), core.strip_step());
        core.decode_row(&[0x38; STEP], &mut row);
        core.decode_strip(|_, _| 0x38, &mut strip);
        let mut acc = [0.0; LANES];
        core.chain(&[row.clone(), row.clone()], std::slice::from_ref(&strip), &mut acc);
        core.chain(&[row.clone()], &[strip.clone(), strip], &mut acc);
        assert_eq!(acc, [64.0; LANES], "{:?}", core.path());
    }
}

/// A buffer keeps nothing of what it held: no special flags, no code past a short end.
#[test]
fn buffers_are_used_again() {
    for core in every_core(Format::E5m2, Format::E5m2) {
        let (mut row, mut strip) = (core.row_step(), core.strip_step());
        core.decode_row(&[0xff; STEP], &mut row);
        core.decode_strip(|_, _| 0xfe, &mut strip);
        core.decode_row(&[0x3c; 3], &mut row);
        core.decode_strip(|_, _| 0xbc, &mut strip);
        let mut acc = [0.0; LANES];
        core.chain(&[row.clone()], &[strip.clone()], &mut acc);
        assert_eq!(acc, [-3.0; LANES], "{:?}", core.path());
        // Again by the specification: one infinite accumulator sends its lane there.
        acc[5] = f32::INFINITY;
        core.chain(&[row], &[strip], &mut acc);
        assert_eq!((acc[4], acc[5]), (-6.0, f32::INFINITY), "{:?}", core.path());
    }
}

/// More than 32 codes: those past the step are not read.
#[test]
fn long_rows_are_cut() {
    for core in every_core(Format::E4m3, Format::E4m3) {
        let (mut row, mut strip) = (core.row_step(), core.strip_step());
        core.decode_row(&[0x38; STEP + 1], &mut row);
        core.decode_strip(|_, _| 0x38, &mut strip);
        let mut acc = [0.0; LANES];
        core.chain(&[row], &[strip], &mut acc);
        assert_eq!(acc, [32.0; LANES], "{:?}", core.path());
    }
}

/// Steps decoded by another core, of other formats or for another path, keep their meaning.
#[test]
fn foreign_steps_keep_their_formats() {
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    let a: [u8; STEP] = std::array::from_fn(|_| Codes::Finite.draw(Format::E5m2, &mut random));
    let b: [[u8; STEP]; LANES] =
        [(); LANES].map(|()| [(); STEP].map(|()| Codes::Finite.draw(Format::E4m3, &mut random)));
    let expected =
        b.map(|b| wgmma_chain(&a.map(E5m2::from_bits), &b.map(E4m3::from_bits), 0.75).to_bits());
    for rows in every_core(Format::E5m2, Format::E4m3) {
        for strips in every_core(Format::E5m2, Format::E4m3) {
            let (mut row, mut strip) = (rows.row_step(), strips.strip_step());
            rows.decode_row(&a, &mut row);
            strips.decode_strip(|n, k| b[n][k], &mut strip);
            let same = every_core(Format::E5m2, Format::E4m3);
            for core in same.chain(every_core(Format::E5m2, Format::E5m2)) {
                let mut acc = [0.75; LANES];
                core.chain(&[row.clone()], &[strip.clone()], &mut acc);
                assert_eq!(bits(acc), expected, "{core:?} {rows:?} {strips:?}");
            }
        }
    }
}
