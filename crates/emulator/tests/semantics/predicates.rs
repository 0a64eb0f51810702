//! Comparisons of every type, and what joins them.

use crate::one::{check, floats, pairs, words};

#[test]
fn comparisons_of_integers() {
    let p = pairs(&words());
    let h: Vec<_> = pairs(&words().iter().map(|w| w & 0xffff).collect::<Vec<_>>());
    type Compare = fn(i128, i128) -> bool;
    let all: [(&str, Compare); 6] = [
        ("eq", |a, b| a == b),
        ("ne", |a, b| a != b),
        ("lt", |a, b| a < b),
        ("le", |a, b| a <= b),
        ("gt", |a, b| a > b),
        ("ge", |a, b| a >= b),
    ];
    for (name, holds) in all {
        let bit = |yes: bool| u64::from(yes);
        check(&format!("setp.{name}.u32"), &p, |[a, b, _]| bit(holds(a.into(), b.into())));
        check(&format!("setp.{name}.s32"), &p, |[a, b, _]| {
            bit(holds((a as i32).into(), (b as i32).into()))
        });
        check(&format!("setp.{name}.u16"), &h, |[a, b, _]| bit(holds(a.into(), b.into())));
        check(&format!("setp.{name}.s16"), &h, |[a, b, _]| {
            bit(holds((a as i16).into(), (b as i16).into()))
        });
        let long: Vec<_> = p.iter().map(|[a, b, _]| [a << 32 | b, b << 32 | a, 0]).collect();
        check(&format!("setp.{name}.u64"), &long, |[a, b, _]| bit(holds(a.into(), b.into())));
        check(&format!("setp.{name}.s64"), &long, |[a, b, _]| {
            bit(holds((a as i64).into(), (b as i64).into()))
        });
    }
    for (name, holds) in [("lo", all[2].1), ("ls", all[3].1), ("hi", all[4].1), ("hs", all[5].1)] {
        check(&format!("setp.{name}.u32"), &p, |[a, b, _]| u64::from(holds(a.into(), b.into())));
    }
}

#[test]
fn comparisons_of_floats() {
    use std::cmp::Ordering::{Equal, Greater, Less};
    let p = pairs(&floats());
    let order = |a: u64, b: u64| f32::from_bits(a as u32).partial_cmp(&f32::from_bits(b as u32));
    for (name, when) in [
        ("eq", &[Equal][..]),
        ("ne", &[Less, Greater]),
        ("lt", &[Less]),
        ("le", &[Less, Equal]),
        ("gt", &[Greater]),
        ("ge", &[Greater, Equal]),
    ] {
        let holds = |a, b| order(a, b).map(|o| when.contains(&o));
        check(&format!("setp.{name}.f32"), &p, |[a, b, _]| u64::from(holds(a, b) == Some(true)));
        check(&format!("setp.{name}u.f32"), &p, |[a, b, _]| u64::from(holds(a, b) != Some(false)));
    }
    check("setp.num.f32", &p, |[a, b, _]| u64::from(order(a, b).is_some()));
    check("setp.nan.f32", &p, |[a, b, _]| u64::from(order(a, b).is_none()));
}
