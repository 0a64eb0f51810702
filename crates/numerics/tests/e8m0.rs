//! The scale format against powers of two compared one by one.

mod oracle;

use std::cmp::Ordering;
use std::num::FpCategory;

use half::{bf16, f16};
use oracle::Random;
use quarter_numerics::E8m0;
use quarter_numerics::E8m0Rounding::{self, Nearest, TowardZero, Up};

const ROUNDINGS: [E8m0Rounding; 3] = [TowardZero, Up, Nearest];

/// The saturated code and the plain one, found by counting: how many thresholds are passed.
fn expected(x: f64, rounding: E8m0Rounding) -> (u8, u8) {
    if x.is_nan() {
        return (255, 255);
    }
    let x = x.abs();
    let passed = |exponent: i32| {
        let power = 2f64.powi(exponent);
        // From the power below to this one.
        match rounding {
            TowardZero => x >= power,
            Up => x > power / 2.0,
            Nearest => x >= power * 0.75,
        }
    };
    let code = (-126..=128).filter(|&exponent| passed(exponent)).count() as u8;
    (code.min(254), code)
}

#[track_caller]
fn check(x: f64) {
    for rounding in ROUNDINGS {
        for x in [x, -x] {
            let got = (
                E8m0::from_f64(x, rounding).to_bits(),
                E8m0::from_f64_nonsat(x, rounding).to_bits(),
            );
            assert_eq!(got, expected(x, rounding), "{x:e} {rounding:?}");
            let narrow = x as f32;
            let got = (
                E8m0::from_f32(narrow, rounding).to_bits(),
                E8m0::from_f32_nonsat(narrow, rounding).to_bits(),
            );
            assert_eq!(got, expected(narrow.into(), rounding), "f32 {narrow:e} {rounding:?}");
        }
    }
}

#[test]
fn every_threshold() {
    // Beyond the range of f32 too.
    for exponent in (-160..=140).chain([-1022, -1021, 1022, 1023]) {
        for significand in [1.0, 1.5] {
            let x: f64 = 2f64.powi(exponent) * significand;
            // An ulp of f32 is 2^29 of f64.
            for ulps in [0, 1, 2, 3, 1 << 28, 1 << 29, 1 << 30, 3 << 29] {
                check(f64::from_bits(x.to_bits() + ulps));
                check(f64::from_bits(x.to_bits().saturating_sub(ulps)));
            }
        }
    }
    for x in [0.0, f64::from_bits(1), f64::MIN_POSITIVE, f64::MAX, f64::INFINITY, f64::NAN] {
        check(x);
    }
    for bits in [1, 0x0020_0000, 0x003f_ffff, 0x0040_0000, 0x0060_0000, 0x007f_ffff, 0x0080_0000] {
        check(f32::from_bits(bits).into());
    }
}

#[test]
fn every_half_and_random_bits() {
    for bits in 0..=u16::MAX {
        let (half, wide) = (f16::from_bits(bits), bf16::from_bits(bits));
        check(half.to_f64());
        check(wide.to_f64());
        for rounding in ROUNDINGS {
            let got = (E8m0::from_f16(half, rounding), E8m0::from_f16_nonsat(half, rounding));
            let want = expected(half.to_f64(), rounding);
            assert_eq!((got.0.to_bits(), got.1.to_bits()), want, "f16 {bits:#06x} {rounding:?}");
            let got = (E8m0::from_bf16(wide, rounding), E8m0::from_bf16_nonsat(wide, rounding));
            let want = expected(wide.to_f64(), rounding);
            assert_eq!((got.0.to_bits(), got.1.to_bits()), want, "bf16 {bits:#06x} {rounding:?}");
        }
    }
    let mut random = Random(11);
    for _ in 0..20_000 {
        let bits = random.next();
        check(f64::from_bits(bits));
        check(f32::from_bits(bits as u32).into());
        // Exponents of -143 to 146.
        let exponent = 880 + (bits >> 40) % 290;
        check(f64::from_bits(bits & 0x800f_ffff_ffff_ffff | exponent << 52));
    }
}

#[test]
fn every_code() {
    for code in 0..=255 {
        let x = E8m0::from_bits(code);
        assert_eq!(x.to_bits(), code);
        assert_eq!((x.is_nan(), x.is_finite()), (code == 255, code != 255));
        let class = if code == 255 { FpCategory::Nan } else { FpCategory::Normal };
        assert_eq!(x.classify(), class);
        assert_eq!((x.to_le_bytes(), E8m0::from_be_bytes([code]).to_bits()), ([code], code));
        assert_eq!(format!("{x:#04x} {x:08b} {x:o}"), format!("{code:#04x} {code:08b} {code:o}"));
        if code == 255 {
            assert_eq!(x.to_f32().to_bits(), 0x7fff_ffff);
            assert_eq!(x.to_f64().to_bits(), 0x7fff_ffff_e000_0000);
            assert_eq!(x.to_bf16().to_bits(), 0x7fff);
            assert_eq!((x.exponent(), x.recip().to_bits()), (None, 255));
            continue;
        }
        let exponent = i32::from(code) - 127;
        let value = 2f64.powi(exponent);
        assert_eq!(
            (x.to_f64(), f64::from(x.to_f32()), x.to_bf16().to_f64()),
            (value, value, value)
        );
        assert_eq!((f64::from(x), f32::from(x), bf16::from(x)), (value, value as f32, x.to_bf16()));
        assert_eq!(x.exponent(), Some(exponent));
        assert_eq!(E8m0::from_exponent(exponent).unwrap().to_bits(), code);
        assert_eq!(x.recip().to_f64(), 1.0 / value);
        assert_eq!(E8m0::from_f64_exact(value).unwrap().to_bits(), code);
        assert!(E8m0::from_f64_exact(value.next_up()).is_none());
        assert!(E8m0::from_f64_exact(-value).is_none());
        assert_eq!(format!("{x} {x:?} {x:e}"), {
            let x = value as f32;
            format!("{x} {x:?} {x:e}")
        });
        for rounding in ROUNDINGS {
            assert_eq!(E8m0::from_f32(x.to_f32(), rounding).to_bits(), code);
            assert_eq!(E8m0::from_f64_nonsat(value, rounding).to_bits(), code);
        }
    }
    assert_eq!((E8m0::from_exponent(-128), E8m0::from_exponent(128)), (None, None));
    for no in [0.0, -0.0, f64::NAN, f64::INFINITY, 2f64.powi(128), 2f64.powi(-128), 3.0] {
        assert!(E8m0::from_f64_exact(no).is_none(), "{no}");
    }
}

#[test]
fn order_and_constants() {
    for (a, b) in (0..=255).flat_map(|a| (0..=255).map(move |b| (a, b))) {
        let (x, y) = (E8m0::from_bits(a), E8m0::from_bits(b));
        assert_eq!(x.partial_cmp(&y), x.to_f32().partial_cmp(&y.to_f32()));
        assert_eq!(x == y, x.to_f32() == y.to_f32());
        assert_eq!(x.total_cmp(&y), a.cmp(&b));
        let (least, most) = if b == 255 || a < b { (a, b) } else { (b, a) };
        let most = if most == 255 || a == 255 { least } else { most };
        assert_eq!((x.min(y).to_bits(), x.max(y).to_bits()), (least, most));
    }
    assert_eq!((E8m0::ONE.to_f32(), E8m0::default().to_f32()), (1.0, 1.0));
    assert_eq!((E8m0::MIN.to_f64(), E8m0::MAX.to_f64()), (2f64.powi(-127), 2f64.powi(127)));
    assert_eq!(E8m0::ONE.clamp(E8m0::MIN, E8m0::MAX), E8m0::ONE);
    assert_eq!((E8m0::EPSILON.to_f32(), E8m0::RADIX, E8m0::MANTISSA_DIGITS), (1.0, 2, 1));
    // One more than the exponents, as for f32; and the powers of ten in range.
    let ends = (E8m0::MIN.exponent(), E8m0::MAX.exponent());
    assert_eq!(ends, (Some(E8m0::MIN_EXP - 1), Some(E8m0::MAX_EXP - 1)));
    assert_eq!(E8m0::MAX_10_EXP, E8m0::MAX.to_f64().log10().floor() as i32);
    assert_eq!(E8m0::MIN_10_EXP, E8m0::MIN.to_f64().log10().ceil() as i32);
    assert_eq!(E8m0::NAN.total_cmp(&E8m0::MAX), Ordering::Greater);
    const SCALE: E8m0 = E8m0::from_f32(0.3, Up);
    assert_eq!(SCALE.to_f32(), 0.5);
}
