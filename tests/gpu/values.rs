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
}

pub fn kinds() -> impl Strategy<Value = Kind> {
    prop::sample::select(vec![Kind::Tame, Kind::Spread, Kind::Anything, Kind::Sparse])
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
            Kind::Sparse => T::from_f32(if z.is_multiple_of(2) { 0.0 } else { -0.0 }),
        }
    };
    (0..n).map(|_| one(&mut draws)).collect()
}
