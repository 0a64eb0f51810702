//! Matrices with everything in them.

use proptest::prelude::*;
use quarter::Element;

/// What the numbers of a matrix are like.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// Within a few binades.
    Tame,
    /// From below the smallest code to above the largest.
    Spread,
    /// Any bits: infinities, NaN with payloads, subnormals.
    Anything,
    /// Mostly zeros.
    Sparse,
    /// Where codes change: ends of the formats, ties, halves of the smallest code, least NaN.
    Edges,
    /// Up to the largest f32.
    Huge,
    /// Below all that has a scale.
    Tiny,
    /// Of so few bits that powers of two scale them to codes, or 0 or far below.
    Exact,
    /// 1, and less.
    One,
    /// From 1 to 2, but for the one at this index, which the seed chooses among what is special.
    Special(usize),
    /// From 1 to 2, but for a NaN in front and one of fewer bits at this index.
    Nans(usize),
}

pub fn kinds() -> impl Strategy<Value = Kind> {
    prop::sample::select(vec![Kind::Tame, Kind::Spread, Kind::Anything, Kind::Sparse, Kind::Edges])
}

/// SplitMix64.
pub struct Draws(pub u64);

impl Draws {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }
}

/// Where a cast of scale 1 changes its mind, for E4M3 and E5M2: largest code and the tie above it,
/// smallest normal and smallest code, half of that; the same a little off.
const EDGES: [f32; 16] = [
    448.0,
    464.0,
    432.0,
    57344.0,
    61440.0,
    53248.0,
    1.0 / 64.0,
    1.0 / 512.0,
    1.0 / 1024.0,
    3.0 / 1024.0,
    1.0 / 16384.0,
    1.0 / 65536.0,
    1.0 / 131072.0,
    1.0,
    1.0625,
    1.125,
];

/// `n` numbers of a kind. `from_bits` makes one of the lowest bits, NaN included.
pub fn numbers<T: Element>(kind: Kind, n: usize, seed: u64, from_bits: fn(u32) -> T) -> Vec<T> {
    let mut draws = Draws(seed);
    // A matrix of one seed in three has something that is not finite, in few places.
    let rare = seed.is_multiple_of(3);
    let one = |draws: &mut Draws| {
        let z = draws.next();
        let unit = (z >> 40) as f32 / (1 << 23) as f32 - 1.0;
        let binades = |lowest: i32, highest: i32| {
            let e = lowest + (z & 0xffff) as i32 % (highest - lowest);
            T::from_f32(unit * 2f32.powi(e))
        };
        match kind {
            Kind::Tame if rare && z.is_multiple_of(997) => {
                from_bits(0x7fff_ff01 | z as u32 & 0x8000_8000)
            }
            Kind::Tame => binades(-3, 3),
            Kind::Spread => binades(-20, 15),
            Kind::Anything => from_bits(z as u32),
            Kind::Sparse if z.is_multiple_of(7) => binades(-12, 3),
            Kind::Tiny => T::from_f32(unit * f32::MIN_POSITIVE),
            Kind::Huge => T::from_f32(unit * f32::MAX),
            Kind::Special(_) | Kind::Nans(_) => T::from_f32(1.5 + 0.5 * unit),
            Kind::Exact => T::from_f32(match z % 8 {
                0 => 2f32.powi(-20),
                1 => 0.0,
                n => (0.5 + n as f32 / 4.0) * if z >> 8 & 1 == 0 { 1.0 } else { -1.0 },
            }),
            Kind::One => T::from_f32([1.0, -1.0, 0.5, -0.25][z as usize % 4]),
            Kind::Edges => match z >> 8 & 63 {
                0 => T::from_f32(f32::INFINITY),
                // The least NaN of each type has its last bits alone.
                1 if rare => from_bits(0x7f80_0001 | (z as u32 & 0x8000_8000)),
                2 if rare => from_bits(0x7f81_7c01),
                3 => from_bits(1),
                4 => T::from_f32(f32::MIN_POSITIVE),
                _ => {
                    let edge = EDGES[z as usize % EDGES.len()];
                    let near = f32::from_bits(edge.to_bits() + (z >> 20) as u32 % 3 - 1);
                    T::from_f32(if z >> 30 & 1 == 0 { near } else { -near })
                }
            },
            Kind::Sparse => T::from_f32(if z.is_multiple_of(2) { 0.0 } else { -0.0 }),
        }
    };
    let mut numbers: Vec<T> = (0..n).map(|_| one(&mut draws)).collect();
    if let Kind::Nans(index) = kind {
        numbers[0] = from_bits(0x7fff_7fff);
        numbers[index] = from_bits(0x7fc0_7fc0);
    }
    if let Kind::Special(index) = kind
        && let Some(number) = numbers.get_mut(index)
    {
        *number = match seed % 7 {
            0 => T::from_f32(f32::from_bits(0x7fc0_0000 | (seed as u32 & 0x003f_0000))),
            1 => [0x7c01, 0x7f81, 0x7f80_0001]
                .map(from_bits)
                .into_iter()
                .find(|x| x.to_f32().is_nan())
                .unwrap_or(T::from_f32(f32::NAN)),
            2 => T::from_f32(f32::NEG_INFINITY),
            3 => T::from_f32(50000.0),
            4 => T::from_f32(1.0 / (1 << 20) as f32),
            5 => T::from_f32(0.0),
            _ => T::from_f32(-0.0),
        };
    }
    numbers
}
