//! Operands of every kind, code by code.

use proptest::prelude::*;
use quarter::gemm::{Plan, Promotion, ScaleOrder};
use quarter::quantize::Granularity;
use quarter::{E4m3, E5m2, Format, Fp8, Quantized};

/// What the codes of an operand are like.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// About normal, of either sign or of one.
    Normal,
    Positive,
    /// Any finite code.
    Any,
    /// Small integers: products on a common grid.
    Integers,
    /// Nine of ten are zero.
    Sparse,
    /// Subnormals, here and there the largest number.
    Tiny,
    /// x, -x, x, -x: with an operand of pairs the sum is 0.
    Alternating,
    Pairs,
    /// Powers of two over the whole range.
    Powers,
}

const KINDS: [Kind; 9] = {
    use Kind::*;
    [Normal, Positive, Any, Integers, Sparse, Tiny, Alternating, Pairs, Powers]
};

/// What the scales are like.
#[derive(Clone, Copy, Debug)]
enum Scales {
    One,
    Power,
    Any,
    /// The whole range of f32: overflow and subnormals.
    Extreme,
}

/// A small generator: bits matter here, not their quality.
pub struct Draws(pub u64);

impl Draws {
    fn next(&mut self) -> u32 {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 33) as u32
    }

    fn below(&mut self, n: u32) -> u32 {
        ((u64::from(self.next()) * u64::from(n)) >> 31) as u32
    }

    /// Sum of four, near enough to normal.
    fn normal(&mut self) -> f32 {
        (0..4).map(|_| self.next() as f32 / (1u64 << 30) as f32 - 1.0).sum()
    }
}

/// So many codes of a kind.
pub fn codes<F: Fp8>(kind: Kind, n: usize, draws: &mut Draws) -> Vec<u8> {
    let normals = F::MIN_POSITIVE.to_bits();
    let mut codes: Vec<u8> = (0..n)
        .map(|_| {
            let x = draws.normal();
            match kind {
                Kind::Positive => F::from_f32(x.abs() * 100.0).to_bits(),
                Kind::Any => {
                    (draws.below(u32::from(F::MAX.to_bits()) + 1) | draws.below(2) << 7) as u8
                }
                Kind::Integers => F::from_f32((x * 2.0).round()).to_bits(),
                Kind::Sparse if draws.below(10) > 0 => 0,
                Kind::Tiny if draws.below(50) == 0 => F::MAX.to_bits(),
                Kind::Tiny => (draws.below(u32::from(normals) + 2) | draws.below(2) << 7) as u8,
                Kind::Powers => {
                    let exponents = u32::from(F::MAX.to_bits() >> F::FRACTION_BITS);
                    (draws.below(exponents + 1) << F::FRACTION_BITS | draws.below(2) << 7) as u8
                }
                _ => F::from_f32(x * 100.0).to_bits(),
            }
        })
        .collect();
    for pair in codes.chunks_exact_mut(2) {
        match kind {
            Kind::Alternating => pair[1] = pair[0] ^ 0x80,
            Kind::Pairs => pair[1] = pair[0],
            _ => {}
        }
    }
    codes
}

fn operand(rows: usize, cols: usize) -> impl Strategy<Value = Quantized> {
    use Granularity::{Block1x128, Block128x128, Row, Tensor};
    (
        prop::sample::select(KINDS.to_vec()),
        any::<bool>(),
        prop::sample::select(vec![Tensor, Row, Block1x128, Block128x128]),
        prop::sample::select(vec![Scales::One, Scales::Power, Scales::Any, Scales::Extreme]),
        any::<u64>(),
    )
        .prop_map(move |(kind, e5m2, granularity, scales, seed)| {
            let mut draws = Draws(seed);
            let (format, codes) = match e5m2 {
                false => (Format::E4m3, codes::<E4m3>(kind, rows * cols, &mut draws)),
                true => (Format::E5m2, codes::<E5m2>(kind, rows * cols, &mut draws)),
            };
            let scale = |draws: &mut Draws| match scales {
                Scales::One => 1.0,
                Scales::Power => 2f32.powi(draws.below(40) as i32 - 20),
                Scales::Any => 0.001 + draws.next() as f32 / (1u64 << 33) as f32,
                Scales::Extreme => f32::from_bits(1 + draws.below(f32::MAX.to_bits())),
            };
            let scales = (0..granularity.scales(rows, cols)).map(|_| scale(&mut draws)).collect();
            Quantized::from_unpadded(format, (rows, cols), &codes, granularity, scales).unwrap()
        })
}

/// A product whose plan fits its scales.
pub fn cases() -> impl Strategy<Value = (Quantized, Quantized, Plan)> {
    let side = || prop::sample::select(vec![1usize, 3, 8, 9, 17]);
    let depth = prop::sample::select(vec![1usize, 31, 32, 33, 64, 128, 130, 256, 512, 1500]);
    (side(), side(), depth).prop_flat_map(|(m, n, k)| {
        let every = prop::sample::select(vec![32usize, 64, 128, 256, 0]);
        (operand(m, k), operand(n, k), every, any::<bool>()).prop_map(|(a, b, every, combined)| {
            let blocked = [&a, &b].iter().any(|q| q.granularity().tile().1 == 128);
            let promotion = match every {
                0 | 256 if blocked => Promotion::Every(128),
                0 => Promotion::Never,
                every => Promotion::Every(every),
            };
            let scales = if combined { ScaleOrder::Combined } else { ScaleOrder::Sequential };
            (a, b, Plan { promotion, scales })
        })
    })
}
