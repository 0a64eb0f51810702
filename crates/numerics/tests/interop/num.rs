//! `num-traits`.

use half::{bf16, f16};
use num_traits::float::FloatCore;
use num_traits::{
    AsPrimitive, Bounded, FloatConst, FromBytes, FromPrimitive, Num, NumCast, One, Signed, ToBytes,
    ToPrimitive, Zero,
};
use proptest::prelude::*;
use quarter_numerics::{E4m3, E4m3Fnuz, E5m2, E5m2Fnuz, E8m0};

macro_rules! check_shared {
    ($name:ident) => {
        for code in 0..=255 {
            let x = $name::from_bits(code);
            let wide = x.to_f64();
            assert_eq!(ToPrimitive::to_f64(&x).unwrap().to_bits(), wide.to_bits());
            assert_eq!(ToPrimitive::to_f32(&x).unwrap().to_bits(), x.to_f32().to_bits());
            assert_eq!(ToPrimitive::to_i64(&x), wide.to_i64());
            assert_eq!(ToPrimitive::to_u8(&x), wide.to_u8());
            assert_eq!(ToPrimitive::to_u64(&x), wide.to_u64());
            assert_eq!(ToPrimitive::to_u128(&x), wide.to_u128());
            assert_eq!(ToPrimitive::to_i128(&x), wide.to_i128());
            assert_eq!(
                (AsPrimitive::<i32>::as_(x), AsPrimitive::<u8>::as_(x)),
                (wide as i32, wide as u8)
            );
            assert_eq!(AsPrimitive::<f32>::as_(x).is_nan(), x.is_nan());
            assert_eq!(AsPrimitive::<bf16>::as_(x).to_bits(), x.to_bf16().to_bits());
            assert_eq!(AsPrimitive::<$name>::as_(x).to_bits(), code);
            let back: Option<$name> = NumCast::from(x);
            if x.is_nan() {
                assert!(back.is_none_or(|x| x.is_nan()));
            } else {
                assert_eq!(back.unwrap().to_bits(), code);
                let back = <$name as FromPrimitive>::from_f32(x.to_f32()).unwrap();
                assert_eq!(back.to_bits(), code);
            }
            assert_eq!(ToBytes::to_le_bytes(&x), [code]);
            assert_eq!(ToBytes::to_be_bytes(&x), [code]);
            assert_eq!(<$name as FromBytes>::from_le_bytes(&[code]).to_bits(), code);
            assert_eq!(<$name as FromBytes>::from_be_bytes(&[code]).to_bits(), code);
        }
        assert_eq!(<$name as Bounded>::max_value().to_bits(), $name::MAX.to_bits());
        assert_eq!(<$name as Bounded>::min_value().to_bits(), $name::MIN.to_bits());
        assert_eq!(<$name as FromPrimitive>::from_u64(16).unwrap().to_f32(), 16.0);
        assert_eq!(<$name as FromPrimitive>::from_i128(2).unwrap().to_f32(), 2.0);
    };
}

macro_rules! check_float {
    ($name:ident) => {
        assert!(<$name as Zero>::zero().is_zero() && !$name::ONE.is_zero());
        assert!((-$name::ZERO).is_zero());
        assert_eq!(<$name as One>::one().to_f32(), 1.0);
        assert_eq!(<$name as Num>::from_str_radix("1010", 2).unwrap().to_f32(), 10.0);
        assert!(<$name as Num>::from_str_radix("2", 2).is_err());
        let (one, two) = ($name::ONE, $name::from_f32(2.0));
        assert_eq!(Signed::abs(&-two).to_f32(), 2.0);
        assert_eq!(Signed::abs_sub(&two, &one).to_f32(), 1.0);
        assert_eq!(Signed::abs_sub(&one, &two).to_bits(), 0);
        assert_eq!(Signed::signum(&-two).to_f32(), -1.0);
        assert!(Signed::is_positive(&two) && Signed::is_negative(&-two));
        assert!(!Signed::is_negative(&$name::NAN) && !Signed::is_positive(&$name::NAN));
        // No NaN of a number, no number of what is out of range without an infinity.
        let far = <$name as FromPrimitive>::from_u64(1 << 40);
        assert_eq!(far.is_some(), <$name as quarter_numerics::Float8>::HAS_INFINITY);
        assert_eq!(<$name as FromPrimitive>::from_i64(i64::MIN).is_some(), far.is_some());
        assert!(<$name as FromPrimitive>::from_f64(f64::NAN).unwrap().is_nan());
        let beyond: $name = 1e9f32.as_();
        assert_eq!(beyond.to_bits(), $name::from_f32_nonsat(1e9).to_bits());
        let (narrow, third): ($name, $name) = (f16::from_f32(0.3).as_(), bf16::from_f32(0.3).as_());
        assert_eq!((narrow.to_f32(), third.to_f32()), (0.3125, 0.3125));
        assert_eq!(AsPrimitive::<f16>::as_($name::MAX).to_bits(), $name::MAX.to_f16().to_bits());
        // Rounded once: a hair above the middle between 2 and the next value.
        let middle = 2.0 + $name::EPSILON.to_f64();
        let near = <$name as FromPrimitive>::from_f64(middle.next_up()).unwrap();
        assert!(near > two);
        assert_eq!(<$name as FloatConst>::PI().to_bits(), $name::PI.to_bits());
        assert_eq!(<$name as FloatConst>::LOG2_10().to_bits(), $name::LOG2_10.to_bits());
        assert_eq!(<$name as FloatConst>::TAU().to_bits(), $name::from_f32(6.283_185_5).to_bits());
    };
}

#[test]
fn scales_take_powers_of_two_alone() {
    for no in [0u64, 3, 5, (1 << 60) + 1] {
        assert!(E8m0::from_u64(no).is_none(), "{no}");
    }
    assert_eq!(E8m0::from_u128(1 << 127).unwrap().to_bits(), 254);
    assert!(E8m0::from_i64(-2).is_none() && <E8m0 as FromPrimitive>::from_f64(0.3).is_none());
    assert!(<E8m0 as NumCast>::from(f64::NAN).is_none());
    assert!(<E8m0 as NumCast>::from((1u64 << 60) + 1).is_none());
    assert!(<E8m0 as NumCast>::from(2.5).is_none());
    assert_eq!(<E8m0 as NumCast>::from(1u64 << 60).unwrap().exponent(), Some(60));
    let half: E8m0 = NumCast::from(0.5f32).unwrap();
    assert_eq!(half.to_f32(), 0.5);
}

#[test]
fn e5m2_is_a_float_core() {
    fn largest<F: FloatCore>(values: &[F]) -> F {
        values.iter().fold(F::neg_infinity(), |a, &b| a.max(b))
    }
    let values = [1.0, 40960.0, -3.0].map(E5m2::from_f32);
    assert_eq!(largest(&values).to_f32(), 40960.0);
    for code in 0..=255 {
        let x = E5m2::from_bits(code);
        if FloatCore::is_finite(x) {
            let (mantissa, exponent, sign) = FloatCore::integer_decode(x);
            let value = sign as f64 * mantissa as f64 * 2f64.powi(exponent.into());
            assert_eq!(value, x.to_f64(), "{code:#x}");
        }
        assert_eq!(FloatCore::classify(x), x.classify());
    }
    assert_eq!(FloatCore::floor(E5m2::from_f32(2.5)).to_f32(), 2.0);
    assert_eq!(FloatCore::to_radians(E5m2::from_f32(192.0)).to_f32(), 3.5);
    assert_eq!(FloatCore::to_degrees(E5m2::ONE).to_f32(), 56.0);
    assert_eq!(<E5m2 as FloatCore>::neg_zero().to_bits(), 0x80);
    let limits = (<E5m2 as FloatCore>::max_value(), <E5m2 as FloatCore>::min_value());
    assert_eq!((limits.0.to_f32(), limits.1.to_f32()), (57344.0, -57344.0));
    assert!(<E5m2 as FloatCore>::nan().is_nan() && <E5m2 as FloatCore>::infinity().is_infinite());
    assert_eq!(<E5m2 as FloatCore>::epsilon().to_f32(), 0.25);
    assert_eq!(<E5m2 as FloatCore>::min_positive_value().to_f32(), 2f32.powi(-14));
}

each! {
    conversions_of_every_code: check_shared for E4m3 E5m2 E4m3Fnuz E5m2Fnuz E8m0;
    arithmetic_of_floats: check_float for E4m3 E5m2 E4m3Fnuz E5m2Fnuz;
}

proptest! {
    #[test]
    fn conversions_round_once(x in any::<f64>(), y in -500.0f64..500.0) {
        for x in [x, y] {
            let (code, plain) = (<E4m3 as FromPrimitive>::from_f64(x), E4m3::from_f64_nonsat(x));
            match code {
                Some(code) => prop_assert_eq!(code.to_bits(), plain.to_bits()),
                None => prop_assert!(plain.is_nan() && !x.is_nan()),
            }
        }
    }

    #[test]
    fn integers(x in any::<i128>(), small in -70_000i64..70_000) {
        let wide: E5m2 = x.as_();
        prop_assert_eq!(wide.to_bits(), E5m2::from_f64_nonsat(x as f64).to_bits());
        let narrow: E5m2 = small.as_();
        prop_assert_eq!(narrow.to_bits(), E5m2::from_f64_nonsat(small as f64).to_bits());
    }
}
