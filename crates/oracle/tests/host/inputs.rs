//! Which f32 and f64 are compared each time.

use quarter_numerics::{E4m3, E5m2, Float8};

/// SplitMix64.
pub struct Random(pub u64);

impl Random {
    pub fn word(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

/// Magnitudes where a cast may change its code: all codes, and the midpoints between neighbours,
/// of which the last lies between the largest finite number and what would follow it.
fn edges<F: Float8>() -> Vec<f64> {
    let finite = |code| F::from_bits(code).is_finite();
    let mut values: Vec<f64> =
        (0..0x80).filter(|&c| finite(c)).map(|c| f64::from(F::from_bits(c).to_f32())).collect();
    let [.., before, last] = values[..] else { unreachable!("formats have more codes") };
    values.push(last + (last - before));
    let midpoints: Vec<f64> = values.windows(2).map(|pair| (pair[0] + pair[1]) / 2.0).collect();
    values.extend(midpoints);
    values
}

/// The edges of both formats.
fn all_edges() -> Vec<f64> {
    [edges::<E4m3>(), edges::<E5m2>()].concat()
}

/// Fractions of `bits` bits at which something may happen: runs of ones from either end, single
/// ones, and all within 2 of them.
fn fractions(bits: u32) -> Vec<u64> {
    let mask = (1u64 << bits) - 1;
    let mut all = Vec::new();
    for k in 0..=bits {
        for run in [1 << k, (1 << k) - 1, mask ^ ((1 << k) - 1)] {
            all.extend((-2i64..=2).map(|d| run.wrapping_add_signed(d) & mask));
        }
    }
    all.sort_unstable();
    all.dedup();
    all
}

/// Every exponent with every fraction of [`fractions`], in both signs.
fn strata(exponent_bits: u32, fraction_bits: u32, into: &mut Vec<u64>) {
    let fractions = fractions(fraction_bits);
    for top in 0..1u64 << (exponent_bits + 1) {
        into.extend(fractions.iter().map(|fraction| top << fraction_bits | fraction));
    }
}

/// Bits of f32: strata, 1024 on either side of each edge, and random ones, a half of them of the
/// exponents of the formats and a little around them.
pub fn f32_bits() -> Vec<u64> {
    let mut all = Vec::new();
    strata(8, 23, &mut all);
    for edge in all_edges() {
        let bits = u64::from((edge as f32).to_bits());
        for near in bits.saturating_sub(1024)..=bits + 1024 {
            all.extend([near, near | 1 << 31]);
        }
    }
    let mut random = Random(1);
    for _ in 0..1 << 21 {
        let word = random.word();
        let exponent = 127 - 20 + (word >> 32) % 40;
        all.push(word & 0xffff_ffff);
        all.push(random.word() & 0x807f_ffff | exponent << 23);
    }
    all
}

/// The same of f64, where most of the bits are below what f32 sees.
pub fn f64_bits() -> Vec<u64> {
    let mut all = Vec::new();
    strata(11, 52, &mut all);
    for edge in all_edges() {
        let bits = edge.to_bits();
        for near in bits.saturating_sub(64)..=bits + 64 {
            all.extend([near, near | 1 << 63]);
        }
        // Neighbours that round to the edge as f32.
        for k in 0..30 {
            all.extend([bits.wrapping_add(1 << k), bits.wrapping_sub(1 << k)]);
        }
    }
    let mut random = Random(2);
    for _ in 0..1 << 19 {
        let word = random.word();
        let exponent = 1023 - 20 + (word >> 32) % 40;
        all.push(word);
        all.push(random.word() & 0x800f_ffff_ffff_ffff | exponent << 52);
    }
    all
}
