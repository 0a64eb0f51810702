//! Stochastic rounding with every random word.

mod oracle;

use oracle::{Definition, Random, Value, decode_f32};
use proptest::prelude::*;
use quarter_numerics::{E4m3, E4m3Fnuz, E5m2, E5m2Fnuz, Float8};

/// The lower neighbour of |x| and floor(delta * 2^16), in exact integers.
///
/// In units of 2^-80, which cut x only below every threshold there is.
fn split(format: Definition, x: f32) -> (u8, u32) {
    let Value::Finite { significand, exponent, .. } = decode_f32(x) else {
        panic!("finite inputs only");
    };
    if f64::from(x).abs() >= format.value(format.max_code()) {
        return (format.max_code(), 0);
    }
    let shift = exponent + 80;
    let exact = if shift >= 0 {
        u128::from(significand) << shift
    } else {
        u128::from(significand).checked_shr(-shift as u32).unwrap_or(0)
    };
    let fine = |code: u8| u128::from(format.magnitude(code)) << (80 + oracle::UNIT);
    let lo = (0..format.first_special).rev().find(|&c| fine(c) <= exact).unwrap();
    // Nothing is above the largest: it returned above.
    let step = fine(lo + 1) - fine(lo);
    (lo, ((exact - fine(lo)) * 65536 / step) as u32)
}

/// All 65,536 words: `floor(delta * 2^16)` of them go up, and just the highest ones.
#[track_caller]
fn check<F: Float8>(format: Definition, x: f32) {
    let (lo, ups) = split(format, x);
    for word in 0..=u16::MAX {
        let up = u32::from(word) + ups >= 65536;
        let want = format.signed(lo + u8::from(up), x.is_sign_negative());
        let got = F::from_f32_stochastic(x, word).to_bits();
        assert_eq!(got, want, "{x:e} with {word:#06x}: {ups} words go up");
    }
}

fn every_word<F: Float8>(format: Definition) {
    let mut inputs = vec![0.0, f32::from_bits(1), f32::MIN_POSITIVE, 1e-30];
    // Codes and midpoints, of which the subnormals and the largest are a part.
    for code in 0..=format.max_code() {
        inputs.push(format.value(code) as f32);
    }
    inputs.extend(format.midpoints().map(|x| x as f32).step_by(5));
    // Just off the codes, where the probability is the smallest and the largest.
    for code in [0, 1, 2, 3, 4, 7, 8, 9, 0x38, format.max_code()] {
        let bits = (format.value(code) as f32).to_bits();
        for off in [1, 15, 16, 17, 31, 32, 33] {
            inputs.extend([bits + off, bits.saturating_sub(off)].map(f32::from_bits));
        }
    }
    // Around one word's worth of the smallest step, and every binade with any fraction.
    let word = format.magnitude(1) as f32 / oracle::SCALE as f32 / 65536.0;
    inputs.extend([0.5, 0.999, 1.0, 1.001, 1.5, 2.0, 3.7].map(|x| x * word));
    let mut random = Random(3);
    for exponent in 85..=143 {
        let fraction = random.next() as u32 & 0x007f_ffff;
        inputs.push(f32::from_bits(exponent << 23 | fraction));
    }
    inputs.extend([
        239.9,
        240.1,
        255.9,
        447.9,
        448.1,
        464.0,
        1e9,
        57343.9,
        57344.1,
        61440.0,
        f32::MAX,
    ]);
    for x in inputs {
        check::<F>(format, x);
        if x.to_bits() % 4 == 0 {
            check::<F>(format, -x);
        }
    }
}

fn specials<F: Float8>(format: Definition) {
    let max = format.max_code();
    for word in 0..=u16::MAX {
        let code = |bits: u32| F::from_f32_stochastic(f32::from_bits(bits), word).to_bits();
        assert_eq!(code(0x7f80_0000), max);
        assert_eq!(code(0xff80_0000), max | 0x80);
        assert_eq!(code(0x7f80_0001), format.nan());
        assert_eq!(code(0x7fff_ffff), format.nan());
        assert_eq!(code(0xffc0_0000), format.nan() | 0x80);
    }
}

/// Which 16 bits of the word each element sees, in which order.
fn word_spending<F: Float8>(_: Definition) {
    let mut random = Random(4);
    let x = [1.01, -0.3, 1.7e-3, 300.7];
    for _ in 0..100_000 {
        let rbits = random.next() as u32;
        let got = F::from_f32x4_stochastic(x, rbits).map(F::to_bits);
        let mut words = [0u16; 4];
        for i in 0..16 {
            words[0] |= ((rbits >> i & 1) as u16) << i;
            words[1] |= ((rbits >> i & 1) as u16) << (15 - i);
            words[2] |= ((rbits >> (16 + i) & 1) as u16) << i;
            words[3] |= ((rbits >> (16 + i) & 1) as u16) << (15 - i);
        }
        for i in 0..4 {
            assert_eq!(got[i], F::from_f32_stochastic(x[i], words[i]).to_bits(), "element {i}");
        }
    }
}

for_all_formats! {
    all_words => every_word;
    all_words_of_specials => specials;
    four_at_once => word_spending;
}

#[test]
fn one_word_in_memory_order() {
    // Halfway, so an element goes up where its word's highest bit is set.
    let codes = |rbits| E5m2::from_f32x4_stochastic([1.125; 4], rbits).map(|c| c.to_f32());
    assert_eq!(codes(0x0000_8000), [1.25, 1.0, 1.0, 1.0]);
    assert_eq!(codes(0x0000_0001), [1.0, 1.25, 1.0, 1.0]);
    assert_eq!(codes(0x8000_0000), [1.0, 1.0, 1.25, 1.0]);
    assert_eq!(codes(0x0001_0000), [1.0, 1.0, 1.0, 1.25]);
}

proptest! {
    #[test]
    fn any_value_any_word(bits in any::<u32>(), word in any::<u16>()) {
        let x = f32::from_bits(bits);
        prop_assume!(x.is_finite());
        for (format, got) in [
            (oracle::E4M3, E4m3::from_f32_stochastic(x, word).to_bits()),
            (oracle::E5M2, E5m2::from_f32_stochastic(x, word).to_bits()),
            (oracle::E4M3_FNUZ, E4m3Fnuz::from_f32_stochastic(x, word).to_bits()),
            (oracle::E5M2_FNUZ, E5m2Fnuz::from_f32_stochastic(x, word).to_bits()),
        ] {
            let (lo, ups) = split(format, x);
            let magnitude = lo + u8::from(u32::from(word) + ups >= 65536);
            prop_assert_eq!(got, format.signed(magnitude, x.is_sign_negative()));
        }
    }
}
