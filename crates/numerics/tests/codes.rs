//! All 256 codes: values, classes, order, text, constants and arithmetic.

mod oracle;

use std::cmp::Ordering;
use std::num::FpCategory;

use half::{bf16, f16};
use oracle::{Definition, E4M3, E4M3_FNUZ, E5M2, E5M2_FNUZ, SCALE};
use proptest::prelude::*;
use quarter_numerics::{E4m3, E4m3Fnuz, E5m2, E5m2Fnuz, Float8, Format, Fp8};

fn codes<F: Float8>() -> impl Iterator<Item = F> {
    (0..=u8::MAX).map(F::from_bits)
}

/// The bits of a value that must be `want`, where every NaN is `nan`.
fn bits_or(want: f64, nan: u64, bits: impl Fn(f64) -> u64) -> u64 {
    if want.is_nan() { nan } else { bits(want) }
}

/// Everything the inherent API says about one code.
macro_rules! check_code {
    ($name:ident, $definition:expr, $code:expr) => {{
        let (format, code): (Definition, u8) = ($definition, $code);
        let x = $name::from_bits(code);
        let want = format.value(code);
        let magnitude = code & 0x7f;
        assert_eq!(x.to_bits(), code);

        // Widening is exact, and the three-way round trip is the identity.
        let f32_bits = bits_or(want, 0x7fff_ffff, |v| (v as f32).to_bits().into());
        assert_eq!(u64::from(x.to_f32().to_bits()), f32_bits, "{code:#04x}");
        let f64_bits = bits_or(want, 0x7fff_ffff_e000_0000, f64::to_bits);
        assert_eq!(x.to_f64().to_bits(), f64_bits, "{code:#04x}");
        let f16_bits = bits_or(want, 0x7fff, |v| f16::from_f64(v).to_bits().into());
        assert_eq!(u64::from(x.to_f16().to_bits()), f16_bits, "{code:#04x}");
        let bf16_bits = bits_or(want, 0x7fff, |v| bf16::from_f64(v).to_bits().into());
        assert_eq!(u64::from(x.to_bf16().to_bits()), bf16_bits, "{code:#04x}");
        assert_eq!(f32::from(x).to_bits(), x.to_f32().to_bits());
        assert_eq!(f64::from(x).to_bits(), x.to_f64().to_bits());
        assert_eq!(f16::from(x).to_bits(), x.to_f16().to_bits());
        assert_eq!(bf16::from(x).to_bits(), x.to_bf16().to_bits());
        for back in [
            $name::from_f32_nonsat(x.to_f32()),
            $name::from_f64_nonsat(x.to_f64()),
            $name::from_f16_nonsat(x.to_f16()),
            $name::from_bf16_nonsat(x.to_bf16()),
        ] {
            assert_eq!(back.to_bits(), if want.is_nan() { format.nan() } else { code });
        }
        let saturated = $name::from_f32(x.to_f32()).to_bits();
        match want.classify() {
            FpCategory::Nan => assert_eq!(saturated, format.nan()),
            FpCategory::Infinite => assert_eq!(saturated, format.max_code() | code & 0x80),
            _ => assert_eq!(saturated, code),
        }

        let smallest_normal = f64::powi(2.0, 1 - format.bias);
        let class = match want.classify() {
            FpCategory::Normal if want.abs() < smallest_normal => FpCategory::Subnormal,
            other => other,
        };
        assert_eq!(x.classify(), class, "{code:#04x}");
        assert_eq!(x.is_nan(), want.is_nan());
        assert_eq!(x.is_infinite(), want.is_infinite());
        assert_eq!(x.is_finite(), want.is_finite());
        assert_eq!(x.is_normal(), class == FpCategory::Normal);
        assert_eq!(x.is_sign_negative(), code & 0x80 != 0);
        assert_eq!(x.is_sign_positive(), code & 0x80 == 0);
        // The code of -0 is NaN in FNUZ: it has no sign to change, and neither has zero.
        let unsigned = format.fnuz && magnitude == 0;
        let signed = |sign| if unsigned { code } else { magnitude | sign };
        assert_eq!(x.abs().to_bits(), signed(0));
        assert_eq!((-x).to_bits(), signed(!code & 0x80));
        assert_eq!((-&x).to_bits(), signed(!code & 0x80));
        let signum = if want.is_nan() { code } else { $name::from_f64(want.signum()).to_bits() };
        assert_eq!(x.signum().to_bits(), signum);
        assert_eq!(x.copysign($name::NEG_ONE).to_bits(), signed(0x80));
        assert_eq!(x.copysign($name::from_bits(0x80)).to_bits(), signed(0x80));
        assert_eq!(x.copysign($name::ONE).to_bits(), signed(0));

        assert_eq!($name::from_le_bytes(x.to_le_bytes()).to_bits(), code);
        assert_eq!($name::from_be_bytes(x.to_be_bytes()).to_bits(), code);
        assert_eq!($name::from_ne_bytes(x.to_ne_bytes()).to_bits(), code);
        assert_eq!(x.to_le_bytes(), [code]);

        assert_eq!(x.to_string(), x.to_f32().to_string());
        assert_eq!(format!("{x:?} {x:8.2} {x:e}"), {
            let x = x.to_f32();
            format!("{x:?} {x:8.2} {x:e}")
        });
        assert_eq!(format!("{x:#04x} {x:08b} {x:o}"), format!("{code:#04x} {code:08b} {code:o}"));
        let read: $name = x.to_string().parse().unwrap();
        assert_eq!(read.to_bits(), if want.is_nan() { format.nan() } else { code });
    }};
}

#[test]
fn every_code() {
    for code in 0..=u8::MAX {
        check_code!(E4m3, E4M3, code);
        check_code!(E5m2, E5M2, code);
        check_code!(E4m3Fnuz, E4M3_FNUZ, code);
        check_code!(E5m2Fnuz, E5M2_FNUZ, code);
    }
}

/// A few rows of the OCP tables, so that the oracle itself stands on something.
#[test]
fn values_from_the_standard() {
    let e4m3 = [(0x7e, 448.0), (0x08, 0.015625), (0x07, 0.013671875), (0x01, 0.001953125)];
    for (code, value) in e4m3.into_iter().chain([(0xc0, -2.0), (0x39, 1.125)]) {
        assert_eq!((E4M3.value(code), E4m3::from_bits(code).to_f64()), (value, value));
    }
    let e5m2 = [(0x7b, 57344.0), (0x04, 6.103515625e-5), (0x03, 4.57763671875e-5)];
    for (code, value) in e5m2.into_iter().chain([(0x01, 1.52587890625e-5), (0xc0, -2.0)]) {
        assert_eq!((E5M2.value(code), E5m2::from_bits(code).to_f64()), (value, value));
    }
    assert_eq!(E5M2.value(0xfc), f64::NEG_INFINITY);
    // From the table of the FNUZ proposal.
    let e4m3 = [(0x7f, 240.0), (0x08, 0.0078125), (0x07, 0.0068359375), (0x01, 0.0009765625)];
    for (code, value) in e4m3.into_iter().chain([(0xc8, -2.0), (0x41, 1.125)]) {
        assert_eq!((E4M3_FNUZ.value(code), E4m3Fnuz::from_bits(code).to_f64()), (value, value));
    }
    let e5m2 = [(0x7f, 57344.0), (0x04, 3.0517578125e-5), (0x03, 2.288818359375e-5)];
    for (code, value) in e5m2.into_iter().chain([(0x01, 7.62939453125e-6), (0xc4, -2.0)]) {
        assert_eq!((E5M2_FNUZ.value(code), E5m2Fnuz::from_bits(code).to_f64()), (value, value));
    }
    assert!(E4M3_FNUZ.value(0x80).is_nan() && E5M2_FNUZ.value(0x80).is_nan());
    assert!(E4M3.value(0xff).is_nan() && E5M2.value(0x7d).is_nan());
}

/// Comparison of all 65,536 pairs, and that f32 agrees.
macro_rules! check_order {
    ($name:ident) => {
        for (a, b) in codes::<$name>().flat_map(|a| codes::<$name>().map(move |b| (a, b))) {
            let (x, y) = (a.to_f32(), b.to_f32());
            assert_eq!((a == b, a != b), (x == y, x != y));
            assert_eq!((a < b, a <= b, a > b, a >= b), (x < y, x <= y, x > y, x >= y));
            assert_eq!(a.partial_cmp(&b), x.partial_cmp(&y));
            // The order of sign and magnitude, read off the bits.
            let key = |c: $name| match c.to_bits() {
                0x80 if c.is_nan() => i32::MIN,
                bits @ 0x80.. => -1 - i32::from(bits & 0x7f),
                bits => i32::from(bits),
            };
            assert_eq!(a.total_cmp(&b), key(a).cmp(&key(b)));
            let (least, most) = (a.min(b), a.max(b));
            if a.is_nan() || b.is_nan() {
                let number = if a.is_nan() { b } else { a };
                assert_eq!((least.to_bits(), most.to_bits()), (number.to_bits(), number.to_bits()));
            } else {
                assert!(least <= most && (least == a || least == b) && (most == a || most == b));
                assert!(a.clamp(least, most) == a && b.clamp(least, most) == b);
                assert!($name::MIN.clamp(least, most) <= most);
                assert!($name::ONE.clamp(least, most) == $name::ONE.max(least).min(most));
            }
        }
    };
}

#[test]
fn order_of_all_pairs() {
    check_order!(E4m3);
    check_order!(E5m2);
    check_order!(E4m3Fnuz);
    check_order!(E5m2Fnuz);
    assert_eq!(E4m3::ZERO, E4m3::NEG_ZERO);
    assert_eq!(E4m3::ZERO.total_cmp(&E4m3::NEG_ZERO), Ordering::Greater);
    assert!(E4m3::NAN.clamp(E4m3::ZERO, E4m3::ONE).is_nan());
    assert_eq!(E4m3::MAX.clamp(E4m3::NAN, E4m3::NAN), E4m3::MAX);
    assert_eq!(E4m3::ZERO.clamp(E4m3::ONE, E4m3::NEG_ONE), E4m3::NEG_ONE);
}

/// The definitions that `core` documents for the constants of f32, searched over all codes.
macro_rules! check_constants {
    ($name:ident, $format:expr) => {{
        let format: Definition = $format;
        let finite = || codes::<$name>().filter(|x| x.is_finite()).map($name::to_f64);
        let largest = finite().fold(0.0, f64::max);
        let positive = || finite().filter(|&x| x > 0.0);
        let smallest = positive().fold(f64::MAX, f64::min);
        let normal = f64::powi(2.0, 1 - format.bias);
        let digits = format.fraction_bits + 1;
        assert_eq!($name::MAX.to_f64(), largest);
        assert_eq!($name::MIN.to_f64(), -largest);
        assert_eq!($name::MIN_POSITIVE.to_f64(), normal);
        assert_eq!($name::MIN_POSITIVE_SUBNORMAL.to_f64(), smallest);
        let below = positive().filter(|&x| x < normal).fold(0.0, f64::max);
        assert_eq!($name::MAX_SUBNORMAL.to_f64(), below);
        let next = positive().filter(|&x| x > 1.0).fold(f64::MAX, f64::min);
        assert_eq!($name::EPSILON.to_f64(), next - 1.0);
        assert_eq!($name::RADIX, 2);
        assert_eq!($name::MANTISSA_DIGITS, digits);
        assert_eq!($name::DIGITS, (f64::from(digits - 1) * 2f64.log10()).floor() as u32);
        assert_eq!($name::MAX_EXP, largest.log2().floor() as i32 + 1);
        assert_eq!($name::MIN_EXP, normal.log2() as i32 + 1);
        assert_eq!($name::MAX_10_EXP, largest.log10().floor() as i32);
        assert_eq!($name::MIN_10_EXP, normal.log10().ceil() as i32);
        assert!($name::NAN.is_nan());
        assert_eq!($name::ZERO.to_bits(), 0);
        assert_eq!(($name::ONE.to_f64(), $name::NEG_ONE.to_f64()), (1.0, -1.0));
        assert_eq!($name::default().to_bits(), 0);

        assert_eq!($name::NAN.to_bits(), format.nan());
        assert_eq!(<$name as Float8>::FRACTION_BITS, format.fraction_bits);
        assert_eq!(<$name as Float8>::BIAS, format.bias);
        assert_eq!(<$name as Float8>::HAS_INFINITY, format.infinity.is_some());
        assert_eq!(<$name as Float8>::MAX.to_bits(), format.max_code());

        // Mathematical constants: no finite value lies nearer.
        use core::f64::consts as c;
        for (x, exact) in [
            ($name::E, c::E),
            ($name::PI, c::PI),
            ($name::FRAC_1_PI, c::FRAC_1_PI),
            ($name::FRAC_1_SQRT_2, c::FRAC_1_SQRT_2),
            ($name::FRAC_2_PI, c::FRAC_2_PI),
            ($name::FRAC_2_SQRT_PI, c::FRAC_2_SQRT_PI),
            ($name::FRAC_PI_2, c::FRAC_PI_2),
            ($name::FRAC_PI_3, c::FRAC_PI_3),
            ($name::FRAC_PI_4, c::FRAC_PI_4),
            ($name::FRAC_PI_6, c::FRAC_PI_6),
            ($name::FRAC_PI_8, c::FRAC_PI_8),
            ($name::LN_10, c::LN_10),
            ($name::LN_2, c::LN_2),
            ($name::LOG10_E, c::LOG10_E),
            ($name::LOG10_2, c::LOG10_2),
            ($name::LOG2_E, c::LOG2_E),
            ($name::LOG2_10, c::LOG2_10),
            ($name::SQRT_2, c::SQRT_2),
        ] {
            let error = (x.to_f64() - exact).abs();
            assert!(finite().all(|y| (y - exact).abs() >= error), "{x} for {exact}");
        }
    }};
}

#[test]
fn constants() {
    check_constants!(E4m3, E4M3);
    check_constants!(E5m2, E5M2);
    check_constants!(E4m3Fnuz, E4M3_FNUZ);
    check_constants!(E5m2Fnuz, E5M2_FNUZ);
    assert_eq!((E4m3::NEG_ZERO.to_bits(), E5m2::NEG_ZERO.to_bits()), (0x80, 0x80));
    assert_eq!(<E4m3 as Fp8>::FORMAT.max_finite(), E4m3::MAX.to_f32());
    assert_eq!(<E5m2 as Fp8>::FORMAT.max_finite(), E5m2::MAX.to_f32());
    assert_eq!(E5m2::INFINITY.to_f32(), f32::INFINITY);
    assert_eq!(E5m2::NEG_INFINITY.to_f32(), f32::NEG_INFINITY);
    assert_eq!((Format::E4m3.to_string(), Format::E5m2.name()), ("E4M3".into(), "E5M2"));
}

/// `a op b` for finite operands by exact integers; f64 decides what is not a number.
fn arithmetic(format: Definition, op: char, a: u8, b: u8) -> u8 {
    let (x, y) = (format.value(a), format.value(b));
    let float = match op {
        '+' => x + y,
        '-' => x - y,
        '*' => x * y,
        '/' => x / y,
        _ => x % y,
    };
    if float.is_nan() {
        return format.nan();
    }
    let negative = float.is_sign_negative();
    if float.is_infinite() {
        return format.signed(format.special(), negative);
    }
    if !x.is_finite() || !y.is_finite() {
        // Infinity divides to zero and leaves the dividend as the remainder: both exact.
        return format.round(oracle::decode_f64(float)).1;
    }
    // Sums below 2^53 are exact in f64. The others are integers in units of 2^-18.
    let (m, n) = (u128::from(format.magnitude(a)), u128::from(format.magnitude(b)));
    let nearest = |numerator: u128, denominator: u128| {
        format.cast(negative, |units| numerator.cmp(&(u128::from(units) * denominator))).1
    };
    match op {
        '*' => nearest(m * n, 1 << 18),
        '/' => nearest(m << 18, n),
        '%' => nearest(m % n, 1),
        _ => nearest((float.abs() * SCALE) as u128, 1),
    }
}

macro_rules! check_arithmetic {
    ($name:ident, $format:expr) => {
        for (a, b) in codes::<$name>().flat_map(|a| codes::<$name>().map(move |b| (a, b))) {
            let want = |op| arithmetic($format, op, a.to_bits(), b.to_bits());
            for (op, got) in [
                ('+', [a + b, &a + &b, a + &b, &a + b]),
                ('-', [a - b, &a - &b, a - &b, &a - b]),
                ('*', [a * b, &a * &b, a * &b, &a * b]),
                ('/', [a / b, &a / &b, a / &b, &a / b]),
                ('%', [a % b, &a % &b, a % &b, &a % b]),
            ] {
                let want = want(op);
                assert_eq!(got.map($name::to_bits), [want; 4], "{a} {op} {b}");
            }
            let mut c = a;
            c += b;
            assert_eq!(c.to_bits(), (a + b).to_bits());
            c = a;
            c /= &b;
            assert_eq!(c.to_bits(), (a / b).to_bits());
        }
    };
}

#[test]
fn arithmetic_rounds_once() {
    check_arithmetic!(E4m3, E4M3);
    check_arithmetic!(E5m2, E5M2);
    check_arithmetic!(E4m3Fnuz, E4M3_FNUZ);
    check_arithmetic!(E5m2Fnuz, E5M2_FNUZ);
}

#[test]
fn sums_round_at_the_end() {
    // 16 + 1 is a tie that goes back to 16: summing in E4M3 would stay there.
    let values = [E4m3::from_f32(16.0), E4m3::ONE, E4m3::ONE, E4m3::ONE];
    assert_eq!(values.iter().sum::<E4m3>().to_f32(), 20.0);
    assert_eq!(values.into_iter().sum::<E4m3>().to_f32(), 20.0);
    assert_eq!([E5m2::MAX; 2].iter().sum::<E5m2>(), E5m2::INFINITY);
    let factors = [E4m3::MAX, E4m3::MAX, E4m3::from_f32(1.0 / 256.0)];
    assert_eq!(factors.iter().product::<E4m3>().to_bits(), 0x7f);
    let factors = [E4m3::from_f32(24.0), E4m3::from_f32(30.0), E4m3::from_f32(0.5)];
    assert_eq!(factors.into_iter().product::<E4m3>().to_f32(), 352.0);
}

#[test]
fn text() {
    assert_eq!("inf".parse(), Ok(E5m2::INFINITY));
    assert!("-inf".parse::<E4m3>().unwrap().is_nan());
    assert!("NaN".parse::<E5m2>().unwrap().is_nan());
    assert_eq!("0.3".parse(), Ok(E4m3::from_bits(0x2a)));
    assert!("one".parse::<E4m3>().is_err());
    // A hair below the midpoint 432, on which f32 lands.
    assert_eq!("431.9999999".parse::<E4m3>().unwrap().to_f32(), 416.0);
}

proptest! {
    #[test]
    fn widening_then_narrowing_is_the_identity(bits in any::<u8>()) {
        let x = E4m3::from_bits(bits);
        prop_assume!(!x.is_nan());
        prop_assert_eq!(E4m3::from_f64(f64::from(x.to_f16().to_f32())).to_bits(), bits);
    }
}
