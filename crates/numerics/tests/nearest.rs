//! Nearest-even conversions against the exact oracle.

mod oracle;

use half::{bf16, f16};
use oracle::{Definition, Random, decode, decode_f32, decode_f64};
use proptest::prelude::*;
use quarter_numerics::{E4m3, E4m3Fnuz, E5m2, E5m2Fnuz};

/// The conversions under test: the code with saturation and the one without.
trait Cast {
    fn f32(x: f32) -> (u8, u8);
    fn f64(x: f64) -> (u8, u8);
    fn f16(x: f16) -> (u8, u8);
    fn bf16(x: bf16) -> (u8, u8);
}

macro_rules! cast {
    ($($name:ident)*) => {$(
        impl Cast for $name {
            fn f32(x: f32) -> (u8, u8) {
                ($name::from_f32(x).to_bits(), $name::from_f32_nonsat(x).to_bits())
            }
            fn f64(x: f64) -> (u8, u8) {
                ($name::from_f64(x).to_bits(), $name::from_f64_nonsat(x).to_bits())
            }
            fn f16(x: f16) -> (u8, u8) {
                ($name::from_f16(x).to_bits(), $name::from_f16_nonsat(x).to_bits())
            }
            fn bf16(x: bf16) -> (u8, u8) {
                ($name::from_bf16(x).to_bits(), $name::from_bf16_nonsat(x).to_bits())
            }
        }
    )*};
}

cast!(E4m3 E5m2 E4m3Fnuz E5m2Fnuz);

#[track_caller]
fn check_f32<F: Cast>(format: Definition, x: f32) {
    let (got, want) = (F::f32(x), format.round(decode_f32(x)));
    assert_eq!(got, want, "{x:e} ({:#010x}) in {format:?}", x.to_bits());
}

#[track_caller]
fn check_f64<F: Cast>(format: Definition, x: f64) {
    let (got, want) = (F::f64(x), format.round(decode_f64(x)));
    assert_eq!(got, want, "{x:e} ({:#018x}) in {format:?}", x.to_bits());
}

fn all_f16_and_bf16<F: Cast>(format: Definition) {
    for bits in 0..=u16::MAX {
        let want = format.round(decode(bits.into(), 5, 10));
        assert_eq!(F::f16(f16::from_bits(bits)), want, "f16 {bits:#06x}");
        let want = format.round(decode(bits.into(), 8, 7));
        assert_eq!(F::bf16(bf16::from_bits(bits)), want, "bf16 {bits:#06x}");
    }
}

/// Codes, midpoints, thresholds and the ends of f32, each with its neighbours.
fn f32_boundaries<F: Cast>(format: Definition) {
    let codes = (0..=format.max_code()).map(|c| format.magnitude(c) as f64 / oracle::SCALE);
    let ends =
        [240.0, 248.0, 256.0, 464.0, 448.0, 480.0, 61440.0, 57344.0, 65536.0, 3e38].into_iter();
    for center in codes.chain(format.midpoints()).chain(ends) {
        let bits = (center as f32).to_bits();
        for near in bits.saturating_sub(3)..=bits + 3 {
            check_f32::<F>(format, f32::from_bits(near));
            check_f32::<F>(format, f32::from_bits(near | 1 << 31));
        }
    }
    let specials = [0, 1, 0x007f_ffff, 0x0080_0000, 0x7f7f_ffff, 0x7f80_0000, 0x7f80_0001];
    for bits in specials.into_iter().chain([0x7fc0_0000, 0x7fff_ffff]) {
        check_f32::<F>(format, f32::from_bits(bits));
        check_f32::<F>(format, f32::from_bits(bits | 1 << 31));
    }
}

/// Twelve million bit patterns of any kind, and as many with exponents about the format's.
fn f32_random<F: Cast>(format: Definition) {
    let mut random = Random(1);
    for _ in 0..12_000_000 {
        let bits = random.next();
        check_f32::<F>(format, f32::from_bits(bits as u32));
        // 2^-20 to 2^17 in magnitude.
        let exponent = 107 + (bits >> 56) as u32 % 38;
        let bits = (bits >> 16) as u32 & 0x807f_ffff | exponent << 23;
        check_f32::<F>(format, f32::from_bits(bits));
    }
}

/// Every upper half of an f32, with the lower halves that decide ties.
fn f32_high_halves<F: Cast>(format: Definition) {
    for high in 0..=u16::MAX {
        for low in [0, 1, 0x7fff, 0x8000, 0x8001, 0xffff] {
            check_f32::<F>(format, f32::from_bits(u32::from(high) << 16 | low));
        }
    }
}

/// Midpoints off by less than half an ulp of f32: those fall onto the midpoint on the way.
fn f64_double_rounding_traps<F: Cast>(format: Definition) {
    let mut traps = 0;
    for midpoint in format.midpoints() {
        for ulps in [1, 2, 3, 1 << 20, 1 << 27, (1 << 28) - 1, 1 << 28, 1 << 29] {
            for bits in [midpoint.to_bits() - ulps, midpoint.to_bits(), midpoint.to_bits() + ulps] {
                let x = f64::from_bits(bits);
                check_f64::<F>(format, x);
                check_f64::<F>(format, -x);
                traps += usize::from(F::f32(x as f32) != F::f64(x));
            }
        }
    }
    // The traps are real: rounding twice misses at about half of the near misses.
    assert!(traps > 300, "{traps}");
}

fn f64_specials_and_random<F: Cast>(format: Definition) {
    let ends = [0.0, f64::from_bits(1), f64::MIN_POSITIVE, f64::MAX, f64::INFINITY, f64::NAN];
    for x in ends.into_iter().chain([f32::MAX.into(), f32::MIN_POSITIVE.into(), 1e-300]) {
        check_f64::<F>(format, x);
        check_f64::<F>(format, -x);
    }
    let mut random = Random(2);
    for _ in 0..2_000_000 {
        let bits = random.next();
        check_f64::<F>(format, f64::from_bits(bits));
        let exponent = 1003 + random.next() % 38;
        check_f64::<F>(format, f64::from_bits(bits & 0x800f_ffff_ffff_ffff | exponent << 52));
    }
}

for_all_formats! {
    exhaustive_halves => all_f16_and_bf16;
    boundaries => f32_boundaries;
    high_halves => f32_high_halves;
    random_bits => f32_random;
    double_rounding => f64_double_rounding_traps;
    f64_bits => f64_specials_and_random;
}

#[test]
fn named_values() {
    // The value on which casts through f32 fail: 432 less an ulp of f64.
    let below = f64::from_bits(0x407a_ffff_ffff_fffd);
    assert_eq!(below, 432.0 - 3.0 * f64::powi(2.0, -44));
    assert_eq!(E4m3::from_f64(below).to_f32(), 416.0);
    assert_eq!(E4m3::from_f32(below as f32).to_f32(), 448.0);
    assert_eq!(E4m3::from_f32_nonsat(464.0), E4m3::MAX);
    assert_eq!(E4m3::from_f32_nonsat(-464.00003).to_bits(), 0xff);
    assert_eq!(E4m3::from_f32(f32::NEG_INFINITY), E4m3::MIN);
    assert_eq!(E5m2::from_f32_nonsat(61439.996), E5m2::MAX);
    assert_eq!(E5m2::from_f32_nonsat(-61440.0), E5m2::NEG_INFINITY);
    assert_eq!(E5m2::from_f32(f32::INFINITY), E5m2::MAX);
    assert_eq!(E4m3Fnuz::from_f32_nonsat(247.99998), E4m3Fnuz::MAX);
    assert!(
        E4m3Fnuz::from_f32_nonsat(-248.0).is_nan() && E5m2Fnuz::from_f32_nonsat(61440.0).is_nan()
    );
    assert_eq!(E4m3Fnuz::from_f32(-1e-9).to_bits(), 0);
    assert_eq!(E5m2Fnuz::from_f32(f32::NEG_INFINITY).to_f32(), -57344.0);
    for nan in [f64::NAN, -f64::NAN, f64::from_bits(0xfff0_0000_0000_0001)] {
        assert_eq!((E4m3::from_f64(nan).to_bits(), E5m2::from_f64(nan).to_bits()), (0x7f, 0x7f));
    }
}

#[test]
fn conversions_are_const() {
    const CODES: [u8; 4] = [
        E4m3::from_f32(-0.3).to_bits(),
        E5m2::from_f64_nonsat(1e9).to_bits(),
        E4m3::from_f16(f16::ONE).to_bits(),
        E5m2::from_f32_stochastic(1.125, 0x8000).to_bits(),
    ];
    assert_eq!(CODES, [0xaa, 0x7c, 0x38, 0x3d]);
    const WIDE: f32 = E4m3::MAX.to_f32();
    assert_eq!(WIDE, 448.0);
}

proptest! {
    #[test]
    fn f32_any(x in any::<u32>().prop_map(f32::from_bits)) {
        check_f32::<E4m3>(oracle::E4M3, x);
        check_f32::<E5m2>(oracle::E5M2, x);
        check_f32::<E4m3Fnuz>(oracle::E4M3_FNUZ, x);
        check_f32::<E5m2Fnuz>(oracle::E5M2_FNUZ, x);
    }

    #[test]
    fn rounding_is_monotone(a in any::<f32>(), b in any::<f32>()) {
        let (a, b) = (a.min(b), a.max(b));
        prop_assert!(E4m3::from_f32(a) <= E4m3::from_f32(b));
        prop_assert!(E5m2::from_f32_nonsat(a) <= E5m2::from_f32_nonsat(b));
        prop_assert!(E4m3Fnuz::from_f32(a) <= E4m3Fnuz::from_f32(b));
        prop_assert!(E5m2Fnuz::from_f32(a) <= E5m2Fnuz::from_f32(b));
    }
}
