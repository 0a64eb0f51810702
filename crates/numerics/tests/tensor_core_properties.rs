//! Laws of the tensor core that need no reference results, on the specification.
//!
//! Together they reject every near miss tried on them: another width, another rounding, two
//! steps of 16, an accumulator added late, flushed subnormals. Monotonicity is not among them,
//! since it does not hold.

use proptest::prelude::*;
use quarter_numerics::tensor_core::wgmma_k32;
use quarter_numerics::{E4m3, E5m2, Fp8};

/// Exponent and whether there is a value at all: as the tensor core sees an operand, found from
/// its value.
fn exponent(x: f64, smallest: i32) -> i32 {
    (((x.to_bits() >> 52 & 0x7ff) as i32) - 1023).max(smallest)
}

fn exponent_fp8<T: Fp8>(x: T) -> i32 {
    exponent(f64::from(x.to_f32()), 1 - T::BIAS)
}

fn typed<T: Fp8>(codes: [u8; 32]) -> [T; 32] {
    codes.map(T::from_bits)
}

/// A finite code from any byte.
fn finite<T: Fp8>(byte: u8) -> T {
    let x = T::from_bits(byte);
    if x.to_f32().is_finite() { x } else { T::from_bits(byte & 0x87) }
}

fn finites<T: Fp8>(bytes: [u8; 32]) -> [T; 32] {
    bytes.map(finite)
}

fn negated<T: Fp8>(x: T) -> T {
    T::from_bits(x.to_bits() ^ 0x80)
}

fn is_zero<T: Fp8>(x: T) -> bool {
    x.to_bits() & 0x7f == 0
}

/// f32 with an exponent drawn evenly from the whole range, subnormals and zeros included.
fn finite_f32() -> impl Strategy<Value = f32> {
    any::<u32>().prop_map(|bits| {
        let x = f32::from_bits(bits);
        if x.is_finite() { x } else { f32::from_bits(bits & 0xbfff_ffff) }
    })
}

/// f32 whose exponent is near those of products.
fn near_f32() -> impl Strategy<Value = f32> {
    (any::<u32>(), 85u32..165)
        .prop_map(|(bits, field)| f32::from_bits(bits & 0x807f_ffff | field << 23))
}

/// Bytes of many exponents, or of few.
fn bytes() -> impl Strategy<Value = [u8; 32]> {
    let any = any::<[u8; 32]>();
    prop_oneof![
        any,
        any.prop_map(|x| x.map(|x| x & 0x8f)),
        any.prop_map(|x| x.map(|x| x & 0x8f | 0x30)),
        any.prop_map(|x| x.map(|x| if x & 0x60 == 0 { x } else { 0 })),
    ]
}

/// A product and its opposite leave the accumulator, cut to the grid that the larger exponent of
/// the two sets.
fn width<A: Fp8, B: Fp8>(a: u8, b: u8, slots: (usize, usize), c: f32) {
    let (a, b) = (finite::<A>(a), finite::<B>(b));
    let (mut row, mut column) = ([A::default(); 32], [B::default(); 32]);
    (row[slots.0], column[slots.0]) = (a, b);
    (row[slots.1], column[slots.1]) = (negated(a), b);
    let mut emax = exponent(f64::from(c), -126);
    if !is_zero(a) && !is_zero(b) {
        let product = exponent_fp8(a) + exponent_fp8(b);
        emax = if c == 0.0 { product } else { emax.max(product) };
    }
    let unit = 2f64.powi(emax - 13);
    let expected = ((f64::from(c) / unit).trunc() * unit) as f32 + 0.0;
    assert_eq!(wgmma_k32(&row, &column, c).to_bits(), expected.to_bits(), "{a:?} {b:?} {c}");
}

fn permuted<A: Fp8, B: Fp8>(a: [u8; 32], b: [u8; 32], order: &[usize], c: f32) {
    let (a, b) = (finites::<A>(a), finites::<B>(b));
    let row: [A; 32] = std::array::from_fn(|k| a[order[k]]);
    let column: [B; 32] = std::array::from_fn(|k| b[order[k]]);
    assert_eq!(wgmma_k32(&row, &column, c).to_bits(), wgmma_k32(&a, &b, c).to_bits());
}

/// A product whose significand is below 2 may be the accumulator as well.
fn moved<A: Fp8, B: Fp8>(a: [u8; 32], b: [u8; 32], slot: usize) {
    let (mut a, mut b) = (finites::<A>(a), finites::<B>(b));
    // A normal times a power of two is aligned as the equal f32 is.
    b[slot] = B::from_bits(b[slot].to_bits() & !((1 << B::FRACTION_BITS) - 1));
    if (a[slot].to_bits() & 0x7f) >> A::FRACTION_BITS == 0 {
        a[slot] = A::from_bits(1 << A::FRACTION_BITS);
    }
    if is_zero(b[slot]) {
        b[slot] = B::from_bits(1 << B::FRACTION_BITS);
    }
    let as_product = wgmma_k32(&a, &b, 0.0);
    let c = a[slot].to_f32() * b[slot].to_f32();
    a[slot] = A::default();
    assert_eq!(wgmma_k32(&a, &b, c).to_bits(), as_product.to_bits(), "slot {slot}");
}

/// Addends without a sign: the result is never above the exact sum, and not far below.
fn one_sided<A: Fp8, B: Fp8>(a: [u8; 32], b: [u8; 32], c: f32) {
    let a = finites::<A>(a.map(|a| a & 0x7f));
    let b = finites::<B>(b.map(|b| b & 0x7f));
    let c = c.abs();
    // In units of 2^-70, which divide every number below: sums and bounds are exact.
    let fixed = |x: f64| (x * 2f64.powi(70)) as i128;
    let mut exact = fixed(f64::from(c));
    let mut emax = exponent(f64::from(c), -126);
    for (a, b) in a.iter().zip(&b) {
        exact += fixed(f64::from(a.to_f32()) * f64::from(b.to_f32()));
        if !is_zero(*a) && !is_zero(*b) {
            emax = emax.max(exponent_fp8(*a) + exponent_fp8(*b));
        }
    }
    let d = f64::from(wgmma_k32(&a, &b, c));
    let lost = exact - fixed(d);
    let last_place = fixed(2f64.powi(exponent(d, -126) - 13));
    assert!(lost >= 0, "above the exact sum by {} of its last place", -lost / last_place);
    assert!(lost < 33 * fixed(2f64.powi(emax - 13)) + last_place);
}

fn low_bits<A: Fp8, B: Fp8>(a: [u8; 32], b: [u8; 32], c: f32) {
    let d = wgmma_k32(&finites::<A>(a), &finites::<B>(b), c);
    assert_eq!(d.to_bits() & 0x3ff, 0, "{d:e}");
    let d = wgmma_k32(&typed::<A>(a), &typed::<B>(b), c);
    assert!(d.to_bits() == 0x7fff_ffff || d.to_bits() & 0x3ff == 0);
    // No sum is -0.
    assert_ne!(d.to_bits(), 0x8000_0000);
}

/// Without products the accumulator is cut to 13 bits, subnormal or not.
fn kept<A: Fp8, B: Fp8>(signs: [u8; 32], c: f32) {
    let d = wgmma_k32(&typed::<A>(signs.map(|s| s & 0x80)), &[B::default(); 32], c);
    let cut = c.to_bits() & 0xffff_fc00;
    assert_eq!(d.to_bits(), if cut << 1 == 0 { 0 } else { cut }, "{c:e}");
}

/// What a zero is multiplied with does not matter, as long as it is finite.
fn zero_partner<A: Fp8, B: Fp8>(a: [u8; 32], b: [u8; 32], zeros: u32, c: f32) {
    let (mut a, mut b) = (finites::<A>(a), finites::<B>(b));
    for k in (0..32).filter(|k| zeros >> k & 1 != 0) {
        if k % 2 == 0 {
            a[k] = A::from_bits(a[k].to_bits() & 0x80);
        } else {
            b[k] = B::from_bits(b[k].to_bits() & 0x80);
        }
    }
    let with = wgmma_k32(&a, &b, c);
    for k in 0..32 {
        if is_zero(a[k]) || is_zero(b[k]) {
            (a[k], b[k]) = (A::default(), B::default());
        }
    }
    assert_eq!(with.to_bits(), wgmma_k32(&a, &b, c).to_bits(), "{c:e}");
}

/// The three causes of NaN give one NaN; infinities alone keep their sign.
fn specials<A: Fp8, B: Fp8>(a: [u8; 32], b: [u8; 32], slot: usize, bits: u32) {
    const NAN: u32 = 0x7fff_ffff;
    let (row, column) = (finites::<A>(a), finites::<B>(b));
    let finite = f32::from_bits(bits & 0xbfff_ffff);
    let with = |a: u8, b: u8, c: f32| {
        let (mut row, mut column) = (row, column);
        (row[slot], column[slot]) = (A::from_bits(a), B::from_bits(b));
        wgmma_k32(&row, &column, c).to_bits()
    };
    // 0x7f and 0xff are NaN in both formats.
    for nan in [0x7f, 0xff] {
        assert_eq!(with(nan, b[slot], finite), NAN);
        assert_eq!(with(a[slot], nan, finite), NAN);
    }
    assert_eq!(with(0, 0, f32::from_bits(bits | 0x7f80_0001)), NAN);
    let (plus, minus) = (f32::INFINITY, f32::NEG_INFINITY);
    assert_eq!(with(0, 0, plus), plus.to_bits());
    assert_eq!(with(0, 0, minus), minus.to_bits());
    // 0x7c is infinity in E5M2 and 384 in E4M3, 1 the smallest subnormal.
    if A::FORMAT == E5m2::FORMAT {
        assert_eq!(with(0x7c, 0x80, finite), NAN);
        assert_eq!(with(0x7c, 0x81, finite), minus.to_bits());
        assert_eq!(with(0xfc, 0x81, minus), NAN);
        assert_eq!(with(0xfc, 0x81, plus), plus.to_bits());
    }
    if B::FORMAT == E5m2::FORMAT {
        assert_eq!(with(0x80, 0x7c, finite), NAN);
        assert_eq!(with(0x81, 0x7c, finite), minus.to_bits());
    }
}

fn mirrored<A: Fp8, B: Fp8>(a: [u8; 32], b: [u8; 32], c: f32) {
    let (a, b) = (finites::<A>(a), finites::<B>(b));
    let d = wgmma_k32(&a, &b, c);
    let mirrored = wgmma_k32(&a.map(negated), &b, -c);
    assert_eq!(mirrored.to_bits(), if d == 0.0 { 0 } else { (-d).to_bits() });
}

/// Calls a check for the four pairs of formats.
macro_rules! pairs {
    ($check:ident($($argument:expr),*)) => {
        $check::<E4m3, E4m3>($($argument),*);
        $check::<E4m3, E5m2>($($argument),*);
        $check::<E5m2, E4m3>($($argument),*);
        $check::<E5m2, E5m2>($($argument),*);
    };
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 5000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn width_is_13(a: u8, b: u8, i in 0usize..32, j in 1usize..32, c in prop_oneof![finite_f32(), near_f32()]) {
        pairs!(width(a, b, (i, (i + j) % 32), c));
    }

    #[test]
    fn order_of_k_is_irrelevant(
        a in bytes(),
        b in bytes(),
        order in Just((0..32).collect::<Vec<usize>>()).prop_shuffle(),
        c in near_f32(),
    ) {
        pairs!(permuted(a, b, &order, c));
    }

    #[test]
    fn accumulator_is_one_more_addend(a in bytes(), b in bytes(), slot in 0usize..32) {
        pairs!(moved(a, b, slot));
    }

    #[test]
    fn loss_is_one_sided(a in bytes(), b in bytes(), c in near_f32()) {
        pairs!(one_sided(a, b, c));
    }

    #[test]
    fn low_ten_bits_are_zero(a: [u8; 32], b: [u8; 32], c in prop_oneof![finite_f32(), near_f32()]) {
        pairs!(low_bits(a, b, c));
    }

    #[test]
    fn accumulator_alone_is_cut(signs: [u8; 32], c in finite_f32(), fraction in 0u32..1 << 23) {
        pairs!(kept(signs, c));
        pairs!(kept(signs, f32::from_bits(c.to_bits() & 0x8000_0000 | fraction)));
    }

    #[test]
    fn partner_of_zero_is_irrelevant(
        a in bytes(),
        b in bytes(),
        zeros in prop_oneof![Just(u32::MAX), any::<u32>()],
        c in prop_oneof![finite_f32(), (0u32..1 << 27).prop_map(f32::from_bits)],
    ) {
        pairs!(zero_partner(a, b, zeros, c));
    }

    #[test]
    fn nan_is_canonical(a: [u8; 32], b: [u8; 32], slot in 0usize..32, bits: u32) {
        pairs!(specials(a, b, slot, bits));
    }

    #[test]
    fn sign_is_symmetric(a in bytes(), b in bytes(), c in near_f32()) {
        pairs!(mirrored(a, b, c));
    }
}
