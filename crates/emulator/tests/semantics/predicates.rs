//! Comparisons of every type, and what joins them.

use quarter_emulator::{Grid, Machine, Module, Options};

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

/// What compilers write: constants for predicates, parameters by their address, and generic
/// addresses of global memory.
#[test]
fn compiled_texts() {
    let text = ".version 8.0\n.target sm_90a\n.address_size 64\n\
        .visible .entry some(.param .align 8 .b8 some_param_0[16]) {\n\
        .reg .b64 %rd<4>;\n.reg .b32 %r<4>;\n.reg .pred %p<3>;\n\
        mov.b64 %rd1, some_param_0;\nadd.s64 %rd1, %rd1, 8;\n\
        ld.param.u64 %rd2, [%rd1+-8];\nld.param.v2.u32 {%r0, %r1}, [%rd1];\n\
        mov.pred %p2, 0;\nxor.pred %p1, %p2, -1;\n\
        @%p1 ld.u32 %r2, [%rd2+4];\n@%p2 mov.u32 %r2, 0;\n\
        add.s32 %r2, %r2, %r0;\nadd.s32 %r2, %r2, %r1;\nst.u32 [%rd2], %r2;\nret;\n}\n";
    let module = Module::parse(text).unwrap();
    let mut machine = Machine::new(Options::default());
    let data = machine.allocate(8).unwrap();
    machine.write(data, &[0, 0, 0, 0, 5, 0, 0, 0]).unwrap();
    let params: Vec<u8> =
        data.to_le_bytes().into_iter().chain([30, 0, 0, 0, 200, 0, 0, 0]).collect();
    let grid = Grid { grid: [1, 1, 1], block: [1, 1, 1], shared_bytes: 0 };
    machine.launch(&module, "some", &grid, &params).unwrap();
    let mut sum = [0; 4];
    machine.read(data, &mut sum).unwrap();
    assert_eq!(u32::from_le_bytes(sum), 235);

    // Behind the parameters, by the address of one.
    let text = text.replace("[%rd1+-8]", "[%rd1+8]");
    let fault = machine.launch(&Module::parse(&text).unwrap(), "some", &grid, &params);
    let fault = fault.unwrap_err().to_string();
    assert!(fault.contains("the entry has 16 bytes of parameters"), "{fault}");
}
