//! `rand`.

use quarter_numerics::{E4m3, E4m3Fnuz, E5m2, E5m2Fnuz, E8m0};
use rand::distr::uniform::SampleUniform;
use rand::distr::{Distribution, Open01, OpenClosed01, StandardUniform, Uniform};
use rand::{Rng, SeedableRng};

/// A small generator with a seed (SplitMix64), since `rand` is built without any.
struct Seeded(u64);

impl rand::TryRng for Seeded {
    type Error = core::convert::Infallible;
    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        Ok((self.try_next_u64()? >> 32) as u32)
    }
    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        Ok(z ^ z >> 31)
    }
    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Self::Error> {
        bytes.chunks_mut(8).try_for_each(|chunk| {
            let word = self.try_next_u64()?.to_le_bytes();
            chunk.copy_from_slice(&word[..chunk.len()]);
            Ok(())
        })
    }
}

impl SeedableRng for Seeded {
    type Seed = [u8; 8];
    fn from_seed(seed: [u8; 8]) -> Self {
        Self(u64::from_le_bytes(seed))
    }
}

/// A generator that says one word for ever.
struct Constant(u64);

impl rand::TryRng for Constant {
    type Error = core::convert::Infallible;
    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        Ok((self.0 >> 32) as u32)
    }
    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        Ok(self.0)
    }
    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Self::Error> {
        bytes
            .chunks_mut(8)
            .for_each(|chunk| chunk.copy_from_slice(&self.0.to_le_bytes()[..chunk.len()]));
        Ok(())
    }
}

/// Draws, and how far a frequency may be from its probability: by Hoeffding's inequality farther
/// once in 10^9 for one value, and the seed is fixed.
const DRAWS: usize = 400_000;
const OFF: f64 = 0.0052;

fn frequencies<T>(code: impl Fn(&T) -> u8, mut draw: impl FnMut() -> T) -> [f64; 256] {
    let mut counts = [0u32; 256];
    (0..DRAWS).for_each(|_| counts[usize::from(code(&draw()))] += 1);
    counts.map(|count| f64::from(count) / DRAWS as f64)
}

/// The values from 0 to 1, in order, with their codes.
macro_rules! up_to_one {
    ($name:ident) => {{
        let all = (0..=127u8).map(|code| (code, $name::from_bits(code).to_f64()));
        all.filter(|(_, x)| *x <= 1.0).collect::<Vec<_>>()
    }};
}

macro_rules! check_draws {
    ($name:ident) => {{
        let mut rng = Seeded::seed_from_u64(7);
        let values = up_to_one!($name);
        let scale = values[0].1 > 0.0;
        // Each value has what lies between it and the next; what is below all goes to the first.
        let down = frequencies(|x: &$name| x.to_bits(), || StandardUniform.sample(&mut rng));
        let open = frequencies(|x: &$name| x.to_bits(), || Open01.sample(&mut rng));
        let up = frequencies(|x: &$name| x.to_bits(), || OpenClosed01.sample(&mut rng));
        let (mut sums, mut last) = ([0.0; 3], 0.0);
        let first = if scale { 0.0 } else { values[1].1 };
        for (i, &(code, value)) in values.iter().enumerate() {
            let next = values.get(i + 1).map_or(value, |(_, next)| *next);
            let code = usize::from(code);
            let down_wanted = if i == 0 && scale { next } else { next - value };
            assert!((down[code] - down_wanted).abs() < OFF, "{value}: {}", down[code]);
            let open_wanted = if code == 0 && !scale { 0.0 } else { down_wanted / (1.0 - first) };
            assert!((open[code] - open_wanted).abs() < OFF, "{value}: {}", open[code]);
            assert!((up[code] - (value - last)).abs() < OFF, "{value}: {}", up[code]);
            last = value;
            (0..3).zip([down, open, up]).for_each(|(sum, of)| sums[sum] += of[code]);
        }
        // Nothing else, and the closed ends alone: not even once.
        assert_eq!(sums.map(|sum| (sum * DRAWS as f64).round() as usize), [DRAWS; 3]);
        let one = usize::from($name::ONE.to_bits());
        assert_eq!((down[one], open[one]), (0.0, 0.0));
        if !scale {
            assert_eq!((open[0], up[0]), (0.0, 0.0));
        }
    }};
}

/// With each of the 2^24 words that differ once, the shares are the probabilities, exactly.
macro_rules! check_words {
    ($name:ident) => {
        let (mut down, mut up) = ([0u32; 256], [0u32; 256]);
        for word in 0..1 << 24 {
            let mut rng = Constant(word << 40);
            let (x, y): ($name, $name) =
                (StandardUniform.sample(&mut rng), OpenClosed01.sample(&mut rng));
            down[usize::from(x.to_bits())] += 1;
            up[usize::from(y.to_bits())] += 1;
        }
        for pair in up_to_one!($name).windows(2) {
            let [(below, low), (above, high)] = [pair[0], pair[1]];
            let words = (high - low) * f64::from(1 << 24);
            assert_eq!(f64::from(down[usize::from(below)]), words, "down to {low}");
            assert_eq!(f64::from(up[usize::from(above)]), words, "up to {high}");
        }
        // These are all the words, so that nothing else came out.
    };
}

/// The first and the last real of every range: there the sum may be rounded up to the end.
macro_rules! check_ends {
    ($name:ident) => {
        for (low, high) in (0..=255u8).flat_map(|a| (0..=255u8).map(move |b| (a, b))) {
            let (low, high) = ($name::from_bits(low), $name::from_bits(high));
            if let Some(range) = range(low, high, false) {
                let (first, last) =
                    (range.sample(&mut Constant(0)), range.sample(&mut Constant(u64::MAX)));
                assert!(
                    first == low && low <= last && last < high,
                    "{low} to {high}: {first}, {last}"
                );
            }
            if let Some(range) = range(low, high, true) {
                let (first, last) =
                    (range.sample(&mut Constant(0)), range.sample(&mut Constant(u64::MAX)));
                assert!((first, last) == (low, high), "{low} to {high}: {first}, {last}");
            }
        }
    };
}

fn range<T: SampleUniform + Copy>(low: T, high: T, inclusive: bool) -> Option<Uniform<T>> {
    if inclusive { Uniform::new_inclusive(low, high) } else { Uniform::new(low, high) }.ok()
}

macro_rules! check_ranges {
    ($name:ident) => {
        let mut rng = Seeded::seed_from_u64(8);
        for _ in 0..2_000 {
            let [low, high] = [rng.next_u32(), rng.next_u32()].map(|c| $name::from_bits(c as u8));
            for inclusive in [false, true] {
                let numbers = low.is_finite() && high.is_finite();
                let some = numbers && (low < high || inclusive && low == high);
                let range = range(low, high, inclusive);
                assert_eq!(range.is_some(), some, "{low} to {high}");
                let Some(range) = range else { continue };
                for _ in 0..50 {
                    let x = range.sample(&mut rng);
                    assert!(
                        low <= x && (x < high || inclusive && x == high),
                        "{x}: {low} to {high}"
                    );
                }
            }
        }
        // From one value to the next there is one, or two.
        let (one, two) = ($name::ONE, $name::from_bits($name::ONE.to_bits() + 1));
        let next = range(one, two, false).unwrap();
        assert!((0..1000).all(|_| next.sample(&mut rng) == one));
        let both = range(one, two, true).unwrap();
        let ups = (0..20_000).filter(|_| both.sample(&mut rng) == two).count();
        assert!((9_500..10_500).contains(&ups), "{ups}");
    };
}

/// Ranges of many binades: the share of what is below a value is its share of the range.
#[test]
fn ranges_are_uniform() {
    let mut rng = Seeded::seed_from_u64(9);
    let (low, high) = (E5m2::from_f32(-6.0), E5m2::from_f32(10.0));
    let range = Uniform::new(low, high).unwrap();
    let draws: Vec<f64> = (0..DRAWS).map(|_| range.sample(&mut rng).to_f64()).collect();
    for limit in [-5.0, -1.0, -0.25, 0.0, 0.5, 3.0, 8.0] {
        let share = draws.iter().filter(|&&x| x < limit).count() as f64 / DRAWS as f64;
        assert!((share - (limit + 6.0) / 16.0).abs() < OFF, "{limit}: {share}");
    }
}

each! {
    draws_have_their_probabilities: check_draws for E4m3 E5m2 E4m3Fnuz E5m2Fnuz E8m0;
    every_word_counts: check_words for E4m3 E5m2 E4m3Fnuz E5m2Fnuz;
    ends_of_all_ranges: check_ends for E4m3 E5m2 E4m3Fnuz E5m2Fnuz E8m0;
    ranges_are_kept: check_ranges for E4m3 E5m2 E4m3Fnuz E5m2Fnuz E8m0;
}
