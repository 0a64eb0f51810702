//! Integers, computed in 128 bits or bit by bit.

use crate::one::{check, check_with, pairs, singles, triples, words};

fn s(x: u64) -> i128 {
    i128::from(x as u32 as i32)
}

fn low(x: i128) -> u64 {
    x as u64 & 0xffff_ffff
}

/// Bit `i` of a word.
fn bit(x: u64, i: u32) -> u64 {
    if i < 32 { x >> i & 1 } else { 0 }
}

fn from_bits(bits: impl Fn(u32) -> u64) -> u64 {
    (0..32).map(|i| bits(i) << i).sum()
}

#[test]
fn arithmetic_of_words() {
    let p = pairs(&words());
    let u = |x: u64| i128::from(x);
    for sign in ["u32", "s32"] {
        check(&format!("add.{sign}"), &p, |[a, b, _]| low(u(a) + u(b)));
        check(&format!("sub.{sign}"), &p, |[a, b, _]| low(u(a) - u(b)));
        check(&format!("mul.lo.{sign}"), &p, |[a, b, _]| low(u(a) * u(b)));
    }
    check("mul.hi.u32", &p, |[a, b, _]| low((u(a) * u(b)) >> 32));
    check("mul.hi.s32", &p, |[a, b, _]| low((s(a) * s(b)) >> 32));
    check("mul.wide.u32", &p, |[a, b, _]| (u(a) * u(b)) as u64);
    check("mul.wide.s32", &p, |[a, b, _]| (s(a) * s(b)) as u64);
    check("min.u32", &p, |[a, b, _]| a.min(b));
    check("max.u32", &p, |[a, b, _]| a.max(b));
    check("min.s32", &p, |[a, b, _]| low(s(a).min(s(b))));
    check("max.s32", &p, |[a, b, _]| low(s(a).max(s(b))));
    check("div.u32", &p, |[a, b, _]| a.checked_div(b).unwrap_or(0xffff_ffff));
    check("rem.u32", &p, |[a, b, _]| if b == 0 { a } else { a % b });
    check("div.s32", &p, |[a, b, _]| if b == 0 { 0xffff_ffff } else { low(s(a) / s(b)) });
    check("rem.s32", &p, |[a, b, _]| if b == 0 { a } else { low(s(a) % s(b)) });
    let one = singles(&words());
    check("neg.s32", &one, |[a, ..]| low(-s(a)));
    check("abs.s32", &one, |[a, ..]| low(s(a).abs()));
    let t = triples(&words()[..14]);
    check("mad.lo.u32", &t, |[a, b, c]| low(u(a) * u(b) + u(c)));
    check("mad.hi.u32", &t, |[a, b, c]| low(((u(a) * u(b)) >> 32) + u(c)));
    check("mad.wide.u32", &t, |[a, b, c]| (u(a) * u(b) + u(c)) as u64);
    check("mad.wide.s32", &t, |[a, b, c]| (s(a) * s(b) + u(c)) as u64);
}

#[test]
fn bits_of_words() {
    let p = pairs(&words());
    check("and.b32", &p, |[a, b, _]| from_bits(|i| bit(a, i) * bit(b, i)));
    check("or.b32", &p, |[a, b, _]| from_bits(|i| bit(a, i).max(bit(b, i))));
    check("xor.b32", &p, |[a, b, _]| from_bits(|i| (bit(a, i) + bit(b, i)) % 2));
    check("shl.b32", &p, |[a, b, _]| if b > 31 { 0 } else { low(i128::from(a) << b) });
    check("shr.u32", &p, |[a, b, _]| if b > 31 { 0 } else { a >> b });
    check("shr.s32", &p, |[a, b, _]| low(s(a) >> b.min(100)));
    let one = singles(&words());
    check("not.b32", &one, |[a, ..]| from_bits(|i| 1 - bit(a, i)));
    check("popc.b32", &one, |[a, ..]| (0..32).map(|i| bit(a, i)).sum());
    check("clz.b32", &one, |[a, ..]| (0..32).rev().take_while(|i| bit(a, *i) == 0).count() as u64);
    check("brev.b32", &one, |[a, ..]| from_bits(|i| bit(a, 31 - i)));
}

#[test]
fn bits_of_three_words() {
    let t = triples(&words()[..20]);
    let joined = |a: u64, b: u64| u128::from(b << 32 | a);
    check("shf.l.wrap.b32", &t, |[a, b, c]| (joined(a, b) << (c % 32) >> 32) as u64 & 0xffff_ffff);
    check("shf.r.wrap.b32", &t, |[a, b, c]| (joined(a, b) >> (c % 32)) as u64 & 0xffff_ffff);
    check("shf.l.clamp.b32", &t, |[a, b, c]| {
        (joined(a, b) << c.min(32) >> 32) as u64 & 0xffff_ffff
    });
    check("shf.r.clamp.b32", &t, |[a, b, c]| (joined(a, b) >> c.min(32)) as u64 & 0xffff_ffff);
    // The ISA's own pseudo-code, bit by bit.
    check("bfe.u32", &t, |[a, start, len]| {
        let (start, len) = (start as u32 & 255, len as u32 & 255);
        from_bits(|i| if i < len { bit(a, start + i) } else { 0 })
    });
    check("bfe.s32", &t, |[a, start, len]| {
        let (start, len) = (start as u32 & 255, len as u32 & 255);
        let sign = if len == 0 { 0 } else { bit(a, (start + len - 1).min(31)) };
        from_bits(|i| if i < len && start + i <= 31 { bit(a, start + i) } else { sign })
    });
    check("prmt.b32", &t, |[a, b, c]| {
        let bytes = (b << 32 | a).to_le_bytes();
        let byte = |i: u32| {
            let selector = (c >> (4 * i)) as usize & 15;
            let byte = u64::from(bytes[selector % 8]);
            if selector < 8 {
                byte
            } else if byte > 127 {
                255
            } else {
                0
            }
        };
        (0..4).map(|i| byte(i) << (8 * i)).sum()
    });
    for table in [0x00u8, 0x01, 0x80, 0x96, 0xc0, 0xca, 0xe8, 0xf8, 0xfe, 0xff] {
        let at = |i: u64| u64::from(table >> i & 1);
        check_with("lop3.b32", &format!(", {table}"), &t, |[a, b, c]| {
            from_bits(|i| at(4 * bit(a, i) + 2 * bit(b, i) + bit(c, i)))
        });
    }
    for (start, len) in [(0, 0), (0, 32), (4, 8), (31, 1), (31, 5), (32, 4), (8, 40), (255, 255)] {
        let p = pairs(&words());
        check_with("bfi.b32", &format!(", {start}, {len}"), &p.clone(), |[a, b, _]| {
            from_bits(|i| if i >= start && i < start + len { bit(a, i - start) } else { bit(b, i) })
        });
    }
}

#[test]
fn long_words() {
    let longs: Vec<u64> = words()
        .iter()
        .flat_map(|w| {
            [u64::from(*w), u64::from(*w) << 32 | 0x8000_0001, (u64::from(*w) << 32).wrapping_neg()]
        })
        .collect();
    let p: Vec<[u64; 3]> = longs.iter().flat_map(|a| longs.iter().map(|b| [*a, *b, 3])).collect();
    for sign in ["u64", "s64"] {
        check(&format!("add.{sign}"), &p, |[a, b, _]| (u128::from(a) + u128::from(b)) as u64);
        check(&format!("sub.{sign}"), &p, |[a, b, _]| (i128::from(a) - i128::from(b)) as u64);
        check(&format!("mul.lo.{sign}"), &p, |[a, b, _]| (u128::from(a) * u128::from(b)) as u64);
        check(&format!("mad.lo.{sign}"), &p, |[a, b, c]| {
            (u128::from(a).wrapping_mul(u128::from(b)).wrapping_add(u128::from(c))) as u64
        });
    }
    check("mul.hi.u64", &p, |[a, b, _]| ((u128::from(a) * u128::from(b)) >> 64) as u64);
    check("min.u64", &p, |[a, b, _]| if a < b { a } else { b });
    check("max.u64", &p, |[a, b, _]| if a > b { a } else { b });
    check("min.s64", &p, |[a, b, _]| if (a as i64) < b as i64 { a } else { b });
    check("max.s64", &p, |[a, b, _]| if (a as i64) > b as i64 { a } else { b });
    check("div.u64", &p, |[a, b, _]| a.checked_div(b).unwrap_or(u64::MAX));
    check("rem.u64", &p, |[a, b, _]| a.checked_div(b).map_or(a, |q| a - q * b));
    check("and.b64", &p, |[a, b, _]| !(!a | !b));
    check("or.b64", &p, |[a, b, _]| !(!a & !b));
    check("xor.b64", &p, |[a, b, _]| (a | b) & !(a & b));
    let shifts: Vec<[u64; 3]> = longs.iter().flat_map(|a| (0..80).map(|b| [*a, b, 0])).collect();
    check("shl.b64", &shifts, |[a, b, _]| if b > 63 { 0 } else { (u128::from(a) << b) as u64 });
    check("shr.u64", &shifts, |[a, b, _]| (u128::from(a) >> b) as u64);
    check("shr.s64", &shifts, |[a, b, _]| (i128::from(a as i64) >> b) as u64);
    check("not.b64", &p, |[a, ..]| u64::MAX - a);
    check("neg.s64", &p, |[a, ..]| (!a).wrapping_add(1));
    check("popc.b64", &p, |[a, ..]| (0..64).map(|i| a >> i & 1).sum());
    check("clz.b64", &p, |[a, ..]| (0..64).rev().take_while(|i| a >> i & 1 == 0).count() as u64);
    check("brev.b64", &p, |[a, ..]| (0..64).map(|i| (a >> i & 1) << (63 - i)).sum());
}

#[test]
fn half_words() {
    let halves: Vec<u32> = words().iter().map(|w| w & 0xffff).collect();
    let p = pairs(&halves);
    for sign in ["u16", "s16"] {
        check(&format!("add.{sign}"), &p, |[a, b, _]| (a + b) % 65536);
        check(&format!("sub.{sign}"), &p, |[a, b, _]| (a + 65536 - b) % 65536);
        check(&format!("mul.lo.{sign}"), &p, |[a, b, _]| a * b % 65536);
    }
    check("mul.wide.u16", &p, |[a, b, _]| a * b);
    check("min.u16", &p, |[a, b, _]| a.min(b));
    check("max.u16", &p, |[a, b, _]| a.max(b));
    check("and.b16", &p, |[a, b, _]| a & b);
    check("or.b16", &p, |[a, b, _]| a | b);
    check("xor.b16", &p, |[a, b, _]| a ^ b);
    check("not.b16", &p, |[a, ..]| 65535 - a);
    check("shl.b16", &p, |[a, b, _]| if b > 15 { 0 } else { (a << b) % 65536 });
    check("shr.u16", &p, |[a, b, _]| if b > 15 { 0 } else { a >> b });
}
