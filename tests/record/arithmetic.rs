//! What the tensor core adds up, and how: FP8 operands that show it, and accumulators of any bits.
//!
//! Each tile is 64 rows of A times 8 of B, with 512 accumulators.

use std::sync::Arc;

use quarter::Format;
use quarter::gpu::Driver;
use quarter_numerics::tensor_core::{
    Accumulator, Arithmetic, Joins, Model, Nan, Overflow, Products, Rounding, Rules, Subnormals,
    Zeros, known,
};

use crate::answer::{Answer, Scope, mix};
use crate::products::{Chain, Layout, Tile, name};

const N: usize = 8;
/// Tiles of what the emulator is asked of a class.
const PART: u64 = 12;

/// What codes and accumulators are like.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Class {
    /// Any bits, NaN and infinities among them.
    Anything,
    /// Any finite code; accumulators about as large as the products.
    Finite,
    /// Within a few binades.
    Near,
    /// In each row of A one large code and 31 that are all but nothing; accumulators that may take
    /// the large product away.
    OneLarge,
    /// A has subnormals alone, and so have half of the columns.
    Subnormal,
    /// Few operands that are not zero, and those the smallest; accumulators down to subnormals. In
    /// half of the rows there is nothing but zeros.
    Tiny,
    /// Few codes that are not zero, of them many NaN and infinities.
    Special,
}

const CLASSES: [Class; 7] = [
    Class::Anything,
    Class::Finite,
    Class::Near,
    Class::OneLarge,
    Class::Subnormal,
    Class::Tiny,
    Class::Special,
];

struct Draws(u64);

impl Draws {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }
}

impl Class {
    /// A code at a row and K of A, or of B.
    fn code(self, format: Format, of_a: bool, (row, k): (usize, usize), z: u64) -> u8 {
        let any = z as u8;
        let sign = any & 0x80;
        let (one, largest, fraction, specials) = match format {
            Format::E4m3 => (0x38, 0x7e, 7, [0x7f, 0xff, 0x7e, 0x01]),
            Format::E5m2 => (0x3c, 0x7b, 3, [0x7c, 0xfc, 0x7f, 0x01]),
        };
        let finite = sign | (any & 0x7f).min(largest);
        let chance = |one_in: u64| (z >> 32).is_multiple_of(one_in);
        match self {
            Self::Anything => any,
            Self::Finite => finite,
            Self::Near => any & 0x8f ^ one,
            Self::OneLarge if !of_a => any & 0x87 ^ one,
            Self::OneLarge if k % 32 == row * 7 % 32 => any & 0x83 | largest & 0x7c,
            Self::OneLarge => sign | ((z >> 8) % 40) as u8,
            // Of one sign, their products together are more than each of them shows.
            Self::Subnormal if row % 4 == 0 => any & fraction | 2,
            Self::Subnormal if of_a || row % 2 == 0 => any & (0x80 | fraction),
            Self::Subnormal => finite,
            // All products are -0 in some places.
            Self::Tiny if of_a && row % 4 == 0 => 0x80,
            Self::Tiny if !of_a && row == 0 => any & fraction,
            Self::Tiny if of_a && row % 2 == 0 => sign,
            Self::Tiny if chance(8) => any & 0x83,
            Self::Tiny => sign,
            Self::Special if chance(24) => specials[(z >> 8) as usize % 4],
            Self::Special if chance(3) => sign | one,
            Self::Special => sign,
        }
    }

    /// An accumulator's bits, of f32 or in the lower half of f16.
    fn accumulator(self, half: bool, z: u64) -> u32 {
        let any = z as u32;
        let (sign, zero) = if half { (any & 0x8000, 10) } else { (any & 0x8000_0000, 23) };
        // Exponents between these, in f32 and in f16.
        let (wide, narrow) = match self {
            Self::Anything => return if half { any & 0xffff } else { any },
            Self::Finite => (80..170, 0..31),
            Self::Near => (110..140, 5..26),
            Self::OneLarge => (110..150, 12..31),
            Self::Subnormal | Self::Tiny if (z >> 48).is_multiple_of(4) => return sign,
            Self::Subnormal => (88..118, 0..4),
            Self::Tiny => (0..60, 0..3),
            Self::Special if z >> 60 == 0 => return if half { 0x7c00 } else { 0x7f80_0000 },
            Self::Special if z >> 60 == 1 => return if half { 0xfe01 } else { 0xffc0_0001 },
            Self::Special => (0..255, 0..31),
        };
        let exponents = if half { narrow } else { wide };
        let exponent = exponents.start + (z >> 33) as u32 % exponents.len() as u32;
        // Among others what has no lower bits, or no upper ones.
        let lower = if half { 3 } else { 0x3ff };
        let rest = [u32::MAX, u32::MAX, u32::MAX, 0x007f_fc00, lower, 0][(z >> 40) as usize % 6];
        sign | exponent << zero | any & rest & ((1 << zero) - 1)
    }
}

pub fn ask(driver: &Arc<dyn Driver>, scope: Scope) -> quarter::Result<Vec<Answer>> {
    let mut answers = Vec::new();
    let both = [Format::E4m3, Format::E5m2];
    for formats in both.into_iter().flat_map(|a| both.map(|b| (a, b))) {
        for half in [false, true] {
            of_pair(driver, scope, formats, half, &mut answers)?;
        }
    }
    Ok(answers)
}

fn of_pair(
    driver: &Arc<dyn Driver>,
    scope: Scope,
    formats: (Format, Format),
    half: bool,
    answers: &mut Vec<Answer>,
) -> quarter::Result<()> {
    let to = if half { "f16" } else { "f32" };
    let pair = format!("{to} {} {}", name(formats.0), name(formats.1));
    let one = step(formats, half);
    let long = Chain { steps: 16, image: 16 * one.image, ..one };
    let (one_text, long_text) = (one.text(), long.text());
    for class in CLASSES {
        // A GPU is asked more, under keys of their own.
        let parts = if scope == Scope::All { 8 } else { 1 };
        for part in 0..parts {
            let blocks = if part == 0 { PART } else { 256 };
            let tiles = (0..blocks).map(|i| tile(&one, class, 1000 * part + i)).collect::<Vec<_>>();
            let values = one.run(driver, one_text, &tiles)?;
            answers.push(Answer::new(format!("{pair} {class:?} part {part}"), values));
        }
        let tiles = (0..3).map(|i| tile(&long, class, 77 + i)).collect::<Vec<_>>();
        let values = long.run(driver, long_text, &tiles)?;
        answers.push(Answer::new(format!("{pair} {class:?} 16 steps"), values));
    }
    sweep(driver, scope, (&pair, &one), answers)?;
    for (what, accumulate, negative) in [
        ("without accumulators", false, [false; 2]),
        ("-A", true, [true, false]),
        ("-B", true, [false, true]),
        ("-A -B", true, [true; 2]),
    ] {
        let other = Chain { accumulate, negative, ..one };
        let text = other.text();
        for class in [Class::Anything, Class::Near, Class::Special] {
            let tiles = (0..4).map(|i| tile(&other, class, 500 + i)).collect::<Vec<_>>();
            let values = other.run(driver, text, &tiles)?;
            answers.push(Answer::new(format!("{pair} {what} {class:?}"), values));
        }
    }
    Ok(())
}

/// One step.
fn step(formats: (Format, Format), half: bool) -> Chain {
    Chain {
        formats,
        n: N,
        steps: 1,
        half,
        fragments: false,
        accumulate: true,
        negative: [false; 2],
        image: 32 * (64 + N),
    }
}

/// Accumulators alone: every sign, exponent and upper bits beside products of zeros of A.
fn sweep(
    driver: &Arc<dyn Driver>,
    scope: Scope,
    (pair, one): (&str, &Chain),
    answers: &mut Vec<Answer>,
) -> quarter::Result<()> {
    let lower: &[u32] = match (one.half, scope) {
        (true, _) => &[0],
        (false, Scope::Sample) => &[0x83ff],
        (false, Scope::All) => &[0x83ff, 0, 1, 0x3ff, 0x400, 0x7ff, 0x8000, 0xffff],
    };
    let text = one.text();
    for lower in lower {
        let blocks = (1 << 16) / 512;
        let tiles = (0..blocks).map(|block| alone(one, *lower, block)).collect::<Vec<_>>();
        let values = one.run(driver, text, &tiles)?;
        answers.push(Answer::new(format!("{pair} nothing added to {lower:#06x}"), values));
    }
    Ok(())
}

/// Products of zeros of A, and the accumulators that are the block's among all upper bits.
fn alone(chain: &Chain, lower: u32, block: u32) -> Tile {
    let mut tile = tile(chain, Class::Finite, block.into());
    tile.image[..2048].iter_mut().for_each(|code| *code &= 0x80);
    let first = |i: usize| block * tile.c.len() as u32 + i as u32;
    tile.c = (0..tile.c.len())
        .map(|i| match chain.half {
            true => 2 * first(i) + ((2 * first(i) + 1) << 16),
            false => first(i) << 16 | lower,
        })
        .collect();
    tile
}

fn tile(chain: &Chain, class: Class, seed: u64) -> Tile {
    let mut draws = Draws(seed << 32);
    let k = 32 * chain.steps;
    let of = |rows| Layout { span: 16, rows, apart: false, leading: 0 };
    let (of_a, of_b) = (of(64), of(N));
    let mut image = vec![0; chain.image];
    for k in 0..k {
        for row in 0..64 {
            let z = draws.next();
            image[of_a.place(row, k)] = class.code(chain.formats.0, true, (row, k), z);
        }
        for row in 0..N {
            let z = draws.next();
            image[2048 * chain.steps + of_b.place(row, k)] =
                class.code(chain.formats.1, false, (row, k), z);
        }
    }
    let mut word = || {
        let mut one = || class.accumulator(chain.half, draws.next());
        if chain.half { one() | one() << 16 } else { one() }
    };
    let c = (0..128 * chain.registers()).map(|_| word()).collect();
    let descriptors =
        (0..chain.steps).map(|s| [of_a.descriptor(0, s), of_b.descriptor(2048 * chain.steps, s)]);
    Tile { descriptors: descriptors.collect(), image, c, fragments: Vec::new() }
}

/// Arithmetics that are not the one believed in, with what makes them other.
fn others(believed: Arithmetic) -> Vec<(&'static str, Arithmetic)> {
    let is = believed;
    let rules = |rules: Rules| Arithmetic { rules, ..is };
    let r = is.rules;
    vec![
        ("F 12", Arithmetic { fraction_bits: 12, ..is }),
        ("F 14", Arithmetic { fraction_bits: 14, ..is }),
        ("two groups", Arithmetic { group: 16, run: 16, ..is }),
        ("c last", Arithmetic { c: Joins::Last, ..is }),
        ("c added", Arithmetic { c: Joins::Added, ..is }),
        ("aligned down", Arithmetic { alignment: Rounding::Down, ..is }),
        ("aligned to nearest", Arithmetic { alignment: Rounding::NearestEven, ..is }),
        ("a floor", Arithmetic { floor: Some(-8), ..is }),
        ("a bit less", Arithmetic { result_bits: is.result_bits - 1, ..is }),
        ("result down", Arithmetic { result: Rounding::Down, ..is }),
        ("result away", Arithmetic { result: Rounding::NearestAway, ..is }),
        ("operands normalised", rules(Rules { operands: Subnormals::Normalised, ..r })),
        ("operands flushed", rules(Rules { operands: Subnormals::Flushed, ..r })),
        ("c normalised", rules(Rules { c: Subnormals::Normalised, ..r })),
        ("c flushed", rules(Rules { c: Subnormals::Flushed, ..r })),
        ("results flushed", rules(Rules { results: Subnormals::Flushed, ..r })),
        ("products normalised", rules(Rules { products: Products::Normalised, ..r })),
        ("zeros as subnormals", rules(Rules { zeros: Zeros::AsSubnormal, ..r })),
        ("zeros with partners", rules(Rules { zeros: Zeros::Partner, ..r })),
        ("c of more bits", rules(Rules { c_extra_bits: 1, ..r })),
        ("saturated", rules(Rules { overflow: Overflow::Saturated, ..r })),
        ("negative zero", rules(Rules { negative_zero: true, ..r })),
        ("quiet NaN", rules(Rules { nan: Nan::Quiet, ..r })),
        ("NaN of c", rules(Rules { nan: Nan::OfC, ..r })),
        ("infinity times zero", rules(Rules { infinity_times_zero_is_nan: false, ..r })),
        ("opposite infinities", rules(Rules { opposite_infinities_are_nan: false, ..r })),
    ]
}

/// Accumulators of a tile of one step, with rows of A and of B.
fn dots(chain: &Chain, tile: &Tile) -> Vec<([u8; 32], [u8; 32], u32)> {
    let of = |rows| Layout { span: 16, rows, apart: false, leading: 0 };
    let row = |begin: usize, layout: Layout, row: usize| {
        std::array::from_fn(|k| tile.image[begin + layout.place(row, k)])
    };
    let words = tile.c.iter().enumerate();
    let numbers = words.flat_map(|(i, word)| match chain.half {
        true => vec![(2 * i, word & 0xffff), (2 * i + 1, word >> 16)],
        false => vec![(i, *word)],
    });
    // Any pairs do: each row meets each column somewhere.
    let dot = |(i, c)| (row(0, of(64), i % 64), row(2048, of(N), i / 64 % N), c);
    numbers.map(dot).collect()
}

/// Whether another arithmetic is another one only in name with these operands.
fn is_inherent(formats: (Format, Format), half: bool, name: &str) -> bool {
    use Format::{E4m3, E5m2};
    match name {
        // Products of FP8 are far below the last bits of the largest f32.
        "saturated" => !half,
        "infinity times zero" | "opposite infinities" => formats == (E4m3, E4m3),
        // Exponents below all that a number of f16 has.
        "zeros with partners" => half,
        // The last bits of a result are cut as high, or c has none below the least product.
        "c normalised" => !half || formats != (E5m2, E5m2),
        _ => false,
    }
}

#[test]
fn any_other_arithmetic_has_other_answers() {
    let both = [Format::E4m3, Format::E5m2];
    for formats in both.into_iter().flat_map(|a| both.map(|b| (a, b))) {
        for half in [false, true] {
            let chain = step(formats, half);
            let accumulator = if half { Accumulator::F16 } else { Accumulator::F32 };
            let believed = known::wgmma_fp8(formats.0, formats.1, accumulator);
            let is = Model::new(believed).unwrap();
            let asked = CLASSES
                .into_iter()
                .flat_map(|class| (0..PART).map(move |i| tile(&chain, class, i)));
            // Every eighth block: all exponents.
            let all = asked.chain((0..16).map(|block| alone(&chain, 0x83ff, 8 * block)));
            let dots: Vec<_> = all
                .flat_map(|tile| dots(&chain, &tile))
                .map(|(a, b, c)| (a, b, c, is.dot(&a, &b, c)))
                .collect();
            for (name, other) in others(believed) {
                let other = Model::new(other).unwrap();
                let same = dots.iter().all(|(a, b, c, d)| other.dot(a, b, *c) == *d);
                assert_eq!(same, is_inherent(formats, half, name), "{formats:?} {half} {name}");
            }
        }
    }
}
