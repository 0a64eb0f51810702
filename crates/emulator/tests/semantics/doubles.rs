//! f64, and sums rounded towards zero: in integers, rounded once.

use crate::one::{check, floats, pairs, singles};

const NAN: u64 = 0x7ff8_0000_0000_0000;

/// Bits of a significand, its own last exponent, and of the encoding.
#[derive(Clone, Copy)]
struct Shape {
    precision: u32,
    lowest: i32,
    highest: u64,
}

const SINGLE: Shape = Shape { precision: 24, lowest: -149, highest: 0x7f80_0000 };
const DOUBLE: Shape = Shape { precision: 53, lowest: -1074, highest: 0x7ff0_0000_0000_0000 };

/// `significand 2^exponent` and, where `more` is set, something less than a unit more.
#[derive(Clone, Copy)]
struct Magnitude {
    significand: u128,
    exponent: i32,
    more: bool,
}

impl Shape {
    fn split(self, bits: u64) -> (bool, Magnitude) {
        let sign = if self.precision == 24 { bits >> 31 } else { bits >> 63 };
        let magnitude = if self.precision == 24 { bits & 0x7fff_ffff } else { bits << 1 >> 1 };
        let (exponent, rest) =
            (magnitude >> (self.precision - 1), magnitude & ((1 << (self.precision - 1)) - 1));
        let hidden = u64::from(exponent > 0) << (self.precision - 1);
        let exponent = self.lowest + exponent.max(1) as i32 - 1;
        let significand = u128::from(rest | hidden);
        (sign == 1, Magnitude { significand, exponent, more: false })
    }

    /// Nearest even, or cut.
    fn round(self, x: Magnitude, cut: bool) -> u64 {
        if x.significand == 0 {
            return 0;
        }
        let bits = 128 - x.significand.leading_zeros() as i32;
        let last = (x.exponent + bits - self.precision as i32).max(self.lowest);
        let drop = last - x.exponent;
        let (kept, half, rest) = match drop {
            ..=0 => (x.significand << -drop, false, x.more),
            1..128 => (
                x.significand >> drop,
                x.significand >> (drop - 1) & 1 == 1,
                x.more || x.significand & ((1 << (drop - 1)) - 1) != 0,
            ),
            _ => (0, false, true),
        };
        let up = !cut && half && (rest || kept & 1 == 1);
        let kept = kept as u64 + u64::from(up);
        // The hidden bit adds one to the exponent's field; so does a carry.
        let field = (last - self.lowest) as u64;
        let code = if kept >> (self.precision - 1) == 0 {
            kept
        } else {
            (field << (self.precision - 1)) + kept
        };
        match code < self.highest {
            true => code,
            false if cut => self.highest - 1,
            false => self.highest,
        }
    }

    fn sum(self, a: u64, b: u64, cut: bool) -> u64 {
        let ((sa, x), (sb, y)) = (self.split(a), self.split(b));
        // The larger first; the other in units 64 bits below.
        let swap = (y.exponent, y.significand) > (x.exponent, x.significand);
        let (sx, x, sy, y) = if swap { (sb, y, sa, x) } else { (sa, x, sb, y) };
        let wide = x.significand << 64;
        let away = x.exponent - y.exponent;
        let shifted = y.significand << 64;
        let (near, more) = match away {
            0..128 => (shifted >> away, shifted & ((1 << away) - 1) != 0),
            _ => (0, shifted != 0),
        };
        let exponent = x.exponent - 64;
        let (negative, total) = if sx == sy {
            (sx, Magnitude { significand: wide + near, exponent, more })
        } else if wide >= near + u128::from(more) {
            // Something less than a unit is left of the last one that is taken.
            let significand = wide - near - u128::from(more);
            (sx, Magnitude { significand, exponent, more })
        } else {
            (sy, Magnitude { significand: near - wide, exponent, more })
        };
        let zero = total.significand == 0 && !total.more;
        let negative = if zero { sa && sb } else { negative };
        self.signed(negative, self.round(total, cut))
    }

    fn signed(self, negative: bool, magnitude: u64) -> u64 {
        u64::from(negative) << if self.precision == 24 { 31 } else { 63 } | magnitude
    }

    fn product(self, a: u64, b: u64) -> u64 {
        let ((sa, x), (sb, y)) = (self.split(a), self.split(b));
        let significand = x.significand * y.significand;
        let product = Magnitude { significand, exponent: x.exponent + y.exponent, more: false };
        self.signed(sa != sb, self.round(product, false))
    }

    fn quotient(self, a: u64, b: u64) -> u64 {
        let ((sa, x), (sb, y)) = (self.split(a), self.split(b));
        // A divisor has at most 53 bits, so that a quotient has 74 at least.
        let up = x.significand.leading_zeros().min(127) as i32; // 128 for zero
        let wide = x.significand << up;
        let quotient = Magnitude {
            significand: wide / y.significand,
            exponent: x.exponent - y.exponent - up,
            more: !wide.is_multiple_of(y.significand),
        };
        self.signed(sa != sb, self.round(quotient, false))
    }

    fn root(self, a: u64) -> u64 {
        let (_, x) = self.split(a);
        let mut up = x.significand.leading_zeros() as i32 - 2;
        up -= (x.exponent - up) & 1;
        let wide = x.significand << up;
        let root = wide.isqrt();
        let exponent = (x.exponent - up) / 2;
        let root = Magnitude { significand: root, exponent, more: root * root != wide };
        self.round(root, false)
    }

    fn kind(self, bits: u64) -> std::cmp::Ordering {
        let magnitude = if self.precision == 24 { bits & 0x7fff_ffff } else { bits << 1 >> 1 };
        magnitude.cmp(&self.highest)
    }
}

/// Doubles where something happens: the singles' own, more bits, other ends.
fn doubles() -> Vec<u64> {
    let mut all: Vec<u64> = [
        0,
        1,
        2,
        0x000f_ffff_ffff_ffff,
        0x0010_0000_0000_0000,
        0x3690_0000_0000_0000,
        0x3ca0_0000_0000_0000,
        0x3fdf_ffff_ffff_ffff,
        0x3fe0_0000_0000_0001,
        0x3ff0_0000_0000_0000,
        0x3ff0_0000_0000_0001,
        0x3ff0_0000_1000_0000,
        0x3ff0_0000_3000_0000,
        0x3fb9_9999_9999_999a,
        0x400a_bcde_f012_3456,
        0x4340_0000_0000_0001,
        0x47ef_ffff_efff_ffff,
        0x47ef_ffff_f000_0000,
        0x7fef_ffff_ffff_ffff,
        0x7ff0_0000_0000_0000,
        0x7ff0_0000_0000_0001,
        0x7ff8_0000_0000_0000,
    ]
    .to_vec();
    let negative: Vec<u64> = all.iter().map(|x| x | 1 << 63).collect();
    all.extend(negative);
    all
}

fn all_pairs(values: &[u64]) -> Vec<[u64; 3]> {
    values.iter().flat_map(|a| values.iter().map(move |b| [*a, *b, 0])).collect()
}

/// What an operation of two gives where one is a NaN, infinite, or a zero that divides.
fn special(a: u64, b: u64, f: fn(f64, f64) -> f64) -> Option<u64> {
    use std::cmp::Ordering::Less;
    let plain = DOUBLE.kind(a) == Less && DOUBLE.kind(b) == Less;
    let zero = |x: u64| x << 1 == 0;
    if plain && !(zero(b) && f(1.0, 2.0) == 0.5) {
        return None;
    }
    let r = f(f64::from_bits(a), f64::from_bits(b));
    Some(if r.is_nan() { NAN } else { r.to_bits() })
}

#[test]
fn sums_products_quotients_and_roots_of_doubles() {
    let p = all_pairs(&doubles());
    check("add.rn.f64", &p, |[a, b, _]| {
        special(a, b, |a, b| a + b).unwrap_or_else(|| DOUBLE.sum(a, b, false))
    });
    check("sub.rn.f64", &p, |[a, b, _]| {
        special(a, b, |a, b| a - b).unwrap_or_else(|| DOUBLE.sum(a, b ^ 1 << 63, false))
    });
    check("mul.rn.f64", &p, |[a, b, _]| {
        special(a, b, |a, b| a * b).unwrap_or_else(|| DOUBLE.product(a, b))
    });
    check("div.rn.f64", &p, |[a, b, _]| {
        special(a, b, |a, b| a / b).unwrap_or_else(|| DOUBLE.quotient(a, b))
    });
    let one: Vec<[u64; 3]> = doubles().iter().map(|a| [*a, 0, 0]).collect();
    let one_f64 = 0x3ff0_0000_0000_0000;
    check("rcp.rn.f64", &one, |[a, ..]| {
        special(one_f64, a, |a, b| a / b).unwrap_or_else(|| DOUBLE.quotient(one_f64, a))
    });
    check("sqrt.rn.f64", &one, |[a, ..]| {
        let x = f64::from_bits(a);
        match x {
            _ if x.is_nan() || x < 0.0 => NAN,
            _ if x == 0.0 || x.is_infinite() => a,
            _ => DOUBLE.root(a),
        }
    });
}

#[test]
fn fused_products_of_doubles_round_once() {
    // 1 + 2^-51 + 2^-104 loses its tail if rounded first; the tail alone is left here.
    let (near, minus) = (0x3ff0_0000_0000_0001, 0xbff0_0000_0000_0002u64);
    let rows = [[near, near, minus], [near, 0x4000_0000_0000_0000, 0]];
    check("fma.rn.f64", &rows, |[_, _, c]| {
        if c == minus { 0x3970_0000_0000_0000 } else { 0x4000_0000_0000_0001 }
    });
}

#[test]
fn extremes_and_comparisons_of_doubles() {
    let p = all_pairs(&doubles());
    let nan = |x: u64| f64::from_bits(x).is_nan();
    let key = |x: u64| {
        let x = x as i64;
        if x < 0 { x ^ i64::MAX } else { x }
    };
    for (name, larger) in [("min.f64", false), ("max.f64", true)] {
        check(name, &p, |[a, b, _]| match (nan(a), nan(b)) {
            (true, true) => NAN,
            (true, _) => b,
            (_, true) => a,
            _ if (key(a) > key(b)) == larger => a,
            _ => b,
        });
    }
    // Without signs of zeros.
    let place = |x: u64| if x << 1 == 0 { 0 } else { key(x) };
    for (name, holds, unordered) in [
        ("eq", (|a, b| a == b) as fn(i64, i64) -> bool, false),
        ("ne", |a, b| a != b, false),
        ("lt", |a, b| a < b, false),
        ("le", |a, b| a <= b, false),
        ("gt", |a, b| a > b, false),
        ("ge", |a, b| a >= b, false),
        ("equ", |a, b| a == b, true),
        ("neu", |a, b| a != b, true),
        ("ltu", |a, b| a < b, true),
        ("leu", |a, b| a <= b, true),
        ("gtu", |a, b| a > b, true),
        ("geu", |a, b| a >= b, true),
        ("num", |_, _| true, false),
        ("nan", |_, _| false, true),
    ] {
        check(&format!("setp.{name}.f64"), &p, |[a, b, _]| {
            u64::from(if nan(a) || nan(b) { unordered } else { holds(place(a), place(b)) })
        });
    }
}

#[test]
fn conversions_of_doubles() {
    check("cvt.f64.f32", &singles(&floats()), |[a, ..]| {
        let (sign, magnitude) = (a >> 31, a & 0x7fff_ffff);
        let (_, x) = SINGLE.split(a);
        match magnitude {
            0x7f80_0001.. => NAN,
            0x7f80_0000 => DOUBLE.signed(sign == 1, DOUBLE.highest),
            _ => DOUBLE.signed(sign == 1, DOUBLE.round(x, false)),
        }
    });
    let one: Vec<[u64; 3]> = doubles().iter().map(|a| [*a, 0, 0]).collect();
    check("cvt.rn.f32.f64", &one, |[a, ..]| {
        let (negative, x) = DOUBLE.split(a);
        match DOUBLE.kind(a) {
            std::cmp::Ordering::Greater => 0x7fff_ffff,
            std::cmp::Ordering::Equal => SINGLE.signed(negative, SINGLE.highest),
            std::cmp::Ordering::Less => SINGLE.signed(negative, SINGLE.round(x, false)),
        }
    });
    let whole = |significand: u64| {
        let x = Magnitude { significand: significand.into(), exponent: 0, more: false };
        DOUBLE.round(x, false)
    };
    let near =
        [0, 1, (1 << 53) + 1, (1 << 53) + 3, u64::MAX, u64::MAX - 1024, 0x8000_0000_0000_0401];
    let rows: Vec<[u64; 3]> = near.iter().map(|a| [*a, 0, 0]).collect();
    check("cvt.rn.f64.u64", &rows, |[a, ..]| whole(a));
    check("cvt.rn.f64.u32", &singles(&crate::one::words()), |[a, ..]| whole(a & 0xffff_ffff));
}

#[test]
fn sums_towards_zero() {
    let mut values = floats();
    values.extend([0x4b00_0000, 0x4b7f_ffff, 0x40ff_ffff, 0x4180_0000, 0xc0ff_ffff, 0x3586_37bd]);
    check("add.rz.f32", &pairs(&values), |[a, b, _]| {
        let plain = |x: u64| SINGLE.kind(x) == std::cmp::Ordering::Less;
        if plain(a) && plain(b) {
            return SINGLE.sum(a, b, true);
        }
        let sum = f32::from_bits(a as u32) + f32::from_bits(b as u32);
        u64::from(if sum.is_nan() { 0x7fff_ffff } else { sum.to_bits() })
    });
}
