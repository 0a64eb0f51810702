//! f32: rounded once from an exact or an f64 value, and the matrix of special values.

use crate::one::{check, floats, pairs, singles, triples};

const NAN: u64 = 0x7fff_ffff;

fn f(bits: u64) -> f32 {
    f32::from_bits(bits as u32)
}

/// A value that f64 has exactly or nearly enough, rounded to f32.
fn rounded(x: f64) -> u64 {
    if x.is_nan() { NAN } else { (x as f32).to_bits().into() }
}

#[test]
fn sums_products_quotients_and_roots() {
    let p = pairs(&floats());
    // Products of f32 are exact in f64; sums, quotients and roots rounded to 53 bits round to 24 as
    // if at once, since 53 >= 2 * 24 + 2.
    check("add.rn.f32", &p, |[a, b, _]| rounded(f64::from(f(a)) + f64::from(f(b))));
    check("sub.rn.f32", &p, |[a, b, _]| rounded(f64::from(f(a)) - f64::from(f(b))));
    check("mul.rn.f32", &p, |[a, b, _]| rounded(f64::from(f(a)) * f64::from(f(b))));
    check("div.rn.f32", &p, |[a, b, _]| {
        let quotient = f64::from(f(a)) / f64::from(f(b));
        // Results that are subnormal in f32 are rounded twice above; those few go by f32 itself.
        if quotient.abs() < f64::from(f32::MIN_POSITIVE) {
            (f(a) / f(b)).to_bits().into()
        } else {
            rounded(quotient)
        }
    });
    let one = singles(&floats());
    check("sqrt.rn.f32", &one, |[a, ..]| rounded(f64::from(f(a)).sqrt()));
    check("rcp.rn.f32", &one, |[a, ..]| {
        let quotient = 1.0 / f64::from(f(a));
        if quotient.abs() < f64::from(f32::MIN_POSITIVE) {
            (1.0 / f(a)).to_bits().into()
        } else {
            rounded(quotient)
        }
    });
}

#[test]
fn fused_products() {
    let few: Vec<u32> =
        floats().into_iter().step_by(3).chain([0x3f80_0001, 0xbf80_0002, 0x3380_0000]).collect();
    check("fma.rn.f32", &triples(&few), |[a, b, c]| {
        let r = f(a).mul_add(f(b), f(c));
        if r.is_nan() { NAN } else { r.to_bits().into() }
    });
    // The product 1 + 2^-22 + 2^-46 loses its tail if rounded first.
    let row = [[0x3f80_0001u64, 0x3f80_0001, 0xbf80_0002]];
    check("fma.rn.f32", &row, |_| f32::from_bits(0x2880_0000).to_bits().into());
}

#[test]
fn extremes_signs_and_kinds() {
    let p = pairs(&floats());
    let nan = |x: u64| f(x).is_nan();
    // By the order of all bits, -0 below +0.
    let key = |x: u64| {
        let x = x as u32 as i32;
        i64::from(if x < 0 { x ^ 0x7fff_ffff } else { x })
    };
    let choose = |a: u64, b: u64, larger: bool| if (key(a) > key(b)) == larger { a } else { b };
    for (name, larger) in [("min", false), ("max", true)] {
        check(&format!("{name}.f32"), &p, |[a, b, _]| match (nan(a), nan(b)) {
            (true, true) => NAN,
            (true, _) => b,
            (_, true) => a,
            _ if a == b => a,
            _ => choose(a, b, larger),
        });
        check(&format!("{name}.NaN.f32"), &p, |[a, b, _]| match nan(a) || nan(b) {
            true => NAN,
            _ if a == b => a,
            _ => choose(a, b, larger),
        });
    }
    check("copysign.f32", &p, |[a, b, _]| (a >> 31 << 31) | (b & 0x7fff_ffff));
    let one = singles(&floats());
    check("abs.f32", &one, |[a, ..]| if nan(a) { NAN } else { a & 0x7fff_ffff });
    check("neg.f32", &one, |[a, ..]| if nan(a) { NAN } else { a ^ 0x8000_0000 });
    for (kind, is) in [
        ("finite", f32::is_finite as fn(f32) -> bool),
        ("infinite", f32::is_infinite),
        ("number", |x| !x.is_nan()),
        ("notanumber", f32::is_nan),
        ("normal", f32::is_normal),
        ("subnormal", f32::is_subnormal),
    ] {
        check(&format!("testp.{kind}.f32"), &one, |[a, ..]| is(f(a)).into());
    }
}
