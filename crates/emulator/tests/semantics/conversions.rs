//! Conversions: all 16-bit inputs where that is all there is, else bounds and midpoints.

use half::{bf16, f16};
use quarter_numerics::{E4m3, E5m2};

use crate::one::{check, floats, pairs, singles, words};

fn all_halves() -> Vec<[u64; 3]> {
    (0..=0xffffu64).map(|h| [h, 0, 0]).collect()
}

/// f32 around everything that 16 bits and FP8 can tell apart: each bf16, and its neighbours.
fn around() -> Vec<u32> {
    (0..=0xffffu32)
        .flat_map(|h| [0u32, 1, 0x7fff, 0x8000, 0x8001, 0xf000, 0xffff].map(|low| h << 16 | low))
        .collect()
}

#[test]
fn widening_is_exact() {
    let all = all_halves();
    check("cvt.f32.f16", &all, |[h, ..]| {
        let x = f16::from_bits(h as u16);
        if x.is_nan() { 0x7fff_ffff } else { x.to_f32().to_bits().into() }
    });
    check("cvt.f32.bf16", &all, |[h, ..]| {
        let x = bf16::from_bits(h as u16);
        if x.is_nan() { 0x7fff_ffff } else { x.to_f32().to_bits().into() }
    });
    let pair = |h: u64, one: fn(u8) -> f32| {
        let half = |code: u8| {
            let x = one(code);
            if x.is_nan() { 0x7fff } else { f16::from_f32(x).to_bits() }
        };
        u64::from(half((h >> 8) as u8)) << 16 | u64::from(half(h as u8))
    };
    check("cvt.rn.f16x2.e4m3x2", &all, |[h, ..]| pair(h, |code| E4m3::from_bits(code).to_f32()));
    check("cvt.rn.f16x2.e5m2x2", &all, |[h, ..]| pair(h, |code| E5m2::from_bits(code).to_f32()));
}

#[test]
fn narrowing_rounds_once() {
    let all = singles(&around());
    check("cvt.rn.bf16.f32", &all, |[x, ..]| {
        let x = f32::from_bits(x as u32);
        if x.is_nan() { 0x7fff } else { bf16::from_f32(x).to_bits().into() }
    });
    check("cvt.rn.f16.f32", &all, |[x, ..]| {
        let x = f32::from_bits(x as u32);
        if x.is_nan() { 0x7fff } else { f16::from_f32(x).to_bits().into() }
    });
    let p = pairs(&floats());
    let f = |x: u64| f32::from_bits(x as u32);
    check("cvt.rn.bf16x2.f32", &p, |[a, b, _]| {
        let one =
            |x: u64| if f(x).is_nan() { 0x7fff } else { u64::from(bf16::from_f32(f(x)).to_bits()) };
        one(a) << 16 | one(b)
    });
    check("cvt.rn.f16x2.f32", &p, |[a, b, _]| {
        let one =
            |x: u64| if f(x).is_nan() { 0x7fff } else { u64::from(f16::from_f32(f(x)).to_bits()) };
        one(a) << 16 | one(b)
    });
}

/// The nearest code by trying all 256, ties to even: no arithmetic shared with the emulator.
fn nearest(x: f32, widen: fn(u8) -> f32) -> u64 {
    if x.is_nan() {
        return 0x7f;
    }
    let sign = u64::from(x.is_sign_negative()) << 7;
    let finite = |code: &u8| widen(*code).is_finite();
    let largest = (0..0x80u8).rfind(finite).unwrap();
    let magnitude = f64::from(x.abs()).min(f64::from(widen(largest)));
    let distance = |code: &u8| (f64::from(widen(*code)) - magnitude).abs();
    let best = (0..=largest)
        .min_by(|a, b| distance(a).total_cmp(&distance(b)).then((a & 1).cmp(&(b & 1))))
        .unwrap();
    u64::from(best) | sign
}

#[test]
fn fp8_pairs_are_nearest_with_the_first_source_on_top() {
    // Bounds of all codes and their midpoints are bf16 with few bits: one in nine of `around`.
    let some: Vec<u32> = around().into_iter().step_by(9).chain(floats()).chain(words()).collect();
    let rows: Vec<[u64; 3]> = some
        .iter()
        .zip(some.iter().rev())
        .map(|(a, b)| [u64::from(*a), u64::from(*b), 0])
        .collect();
    for (name, widen) in [
        ("e4m3", (|code| E4m3::from_bits(code).to_f32()) as fn(u8) -> f32),
        ("e5m2", |code| E5m2::from_bits(code).to_f32()),
    ] {
        check(&format!("cvt.rn.satfinite.{name}x2.f32"), &rows, |[a, b, _]| {
            nearest(f32::from_bits(a as u32), widen) << 8 | nearest(f32::from_bits(b as u32), widen)
        });
        let halves: Vec<[u64; 3]> =
            (0..=0xffffu64).map(|h| [h << 16 | (h ^ 0x5a5a), 0, 0]).collect();
        check(&format!("cvt.rn.satfinite.{name}x2.f16x2"), &halves, |[h, ..]| {
            let one = |h: u64| nearest(f16::from_bits(h as u16).to_f32(), widen);
            one(h >> 16) << 8 | one(h)
        });
    }
}

#[test]
fn integers_and_floats() {
    let w = singles(&words());
    check("cvt.rn.f32.u32", &w, |[a, ..]| (a as f64 as f32).to_bits().into());
    check("cvt.rn.f32.s32", &w, |[a, ..]| (f64::from(a as u32 as i32) as f32).to_bits().into());
    let long: Vec<[u64; 3]> = words()
        .iter()
        .flat_map(|a| [[u64::from(*a) << 32 | 0x8000_0080, 0, 0], [u64::from(*a), 0, 0]])
        .collect();
    check("cvt.rn.f32.u64", &long, |[a, ..]| {
        // Nearest even by hand.
        let bits = 64 - a.leading_zeros();
        if bits <= 24 {
            return (a as f64 as f32).to_bits().into();
        }
        let drop = bits - 24;
        let (kept, rest, half) = (a >> drop, a & ((1 << drop) - 1), 1u64 << (drop - 1));
        let up = rest > half || rest == half && kept & 1 == 1;
        ((kept + u64::from(up)) as f32 * (drop as f32).exp2()).to_bits().into()
    });
    let f = singles(&floats());
    let value = |a: u64| f64::from(f32::from_bits(a as u32));
    check("cvt.rzi.u32.f32", &f, |[a, ..]| {
        if value(a).is_nan() { 0 } else { value(a).trunc().clamp(0.0, 4294967295.0) as u64 }
    });
    check("cvt.rzi.s32.f32", &f, |[a, ..]| match value(a) {
        x if x.is_nan() => 0,
        x => u64::from(x.trunc().clamp(-2147483648.0, 2147483647.0) as i64 as u32),
    });
    for (opcode, round) in [
        ("cvt.rni.f32.f32", f64::round_ties_even as fn(f64) -> f64),
        ("cvt.rmi.f32.f32", f64::floor),
        ("cvt.rpi.f32.f32", f64::ceil),
        ("cvt.rzi.f32.f32", f64::trunc),
    ] {
        check(opcode, &f, |[a, ..]| match round(value(a)) {
            x if x.is_nan() => 0x7fff_ffff,
            x => (x as f32).to_bits().into(),
        });
    }
}

#[test]
fn widths() {
    let w = singles(&words());
    let h = all_halves();
    check("cvt.u64.u32", &w, |[a, ..]| a);
    check("cvt.s64.s32", &w, |[a, ..]| i64::from(a as u32 as i32) as u64);
    check("cvt.u32.u16", &h, |[a, ..]| a);
    check("cvt.s32.s16", &h, |[a, ..]| u64::from(i32::from(a as u16 as i16) as u32));
    check("cvt.u32.u8", &h, |[a, ..]| a % 256);
    check("cvt.s32.s8", &h, |[a, ..]| u64::from(i32::from(a as u8 as i8) as u32));
    check("cvt.u16.u32", &w, |[a, ..]| a % 65536);
    check("cvt.u64.u16", &h, |[a, ..]| a);
    let long: Vec<[u64; 3]> =
        words().iter().map(|a| [u64::from(*a) << 32 | u64::from(!a), 0, 0]).collect();
    check("cvt.u32.u64", &long, |[a, ..]| a % (1 << 32));
    check("cvt.u16.u64", &long, |[a, ..]| a % 65536);
}
