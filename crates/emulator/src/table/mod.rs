//! The instructions that are known, each by its complete spelling.
//!
//! An unknown spelling is an error: nothing is silently ignored. `add.f32`, `sub.f32` and
//! `mul.f32` are missing on purpose: without `.rn` ptxas may contract them into an `fma`,
//! whose bits are others.

mod asynchronous;

use std::collections::HashMap;
use std::sync::OnceLock;

use crate::op::Op;

/// What the decoder needs to know of a spelling.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Form {
    pub(crate) op: Op,
    /// Operands, destinations first: `D = S S`. Each is one of
    ///
    /// | letter | operand |
    /// |---|---|
    /// | `w` `l` `h` | register of 32, 64, 16 bits; as a source also a constant |
    /// | `n` | register of 16 or 32 bits |
    /// | `u` | register of 32 or 64 bits |
    /// | `x` | register of 16, 32 or 64 bits |
    /// | `p` `P` | predicate; source that may be negated |
    /// | `w?` `p?` | destination with a second one, a predicate, behind a bar if wanted |
    /// | `i` | constant |
    /// | `_` | the sink: what is returned is not wanted |
    /// | `v2w` `v4h` | so many in braces |
    /// | `m` | address in brackets |
    /// | `t` | label |
    /// | `c2` | tensor map in brackets, with so many coordinates in braces |
    /// | `r64` | so many registers in braces, read and written |
    /// | `q` | predicate, or 0 or 1 |
    /// | `s` | 1 or -1 |
    pub(crate) signature: &'static str,
    /// Bytes of an element in memory.
    pub(crate) size: u8,
    /// Whether narrow elements are sign-extended.
    pub(crate) signed: bool,
    /// Which of a family: a [`Compare`] and a join, an [`Atomic`], a mode of shuffle.
    pub(crate) code: u8,
    /// All threads of a warp have to execute it together.
    pub(crate) aligned: bool,
}

/// Comparisons; those with a `u` at the end are also true for NaN.
pub(crate) const COMPARES: [&str; 20] = [
    "eq", "ne", "lt", "le", "gt", "ge", "equ", "neu", "ltu", "leu", "gtu", "geu", "num", "nan",
    "lo", "ls", "hi", "hs", "", "",
];

/// Read-modify-write operations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Atomic {
    Add,
    MinU,
    MaxU,
    MinS,
    MaxS,
    And,
    Or,
    Xor,
    Exch,
    Cas,
}

impl Atomic {
    pub(crate) const ALL: [Self; 10] = [
        Self::Add,
        Self::MinU,
        Self::MaxU,
        Self::MinS,
        Self::MaxS,
        Self::And,
        Self::Or,
        Self::Xor,
        Self::Exch,
        Self::Cas,
    ];
}

const PLAIN: Form =
    Form { op: Op::Nothing, signature: "", size: 0, signed: false, code: 0, aligned: false };

/// Spellings that have no family.
#[rustfmt::skip]
const SINGLE: &[(&str, Op, &str)] = &[
    ("mul.hi.u32", Op::MulHiU, "w=w w"), ("mul.hi.s32", Op::MulHiS, "w=w w"),
    ("mad.hi.u32", Op::MadHiU, "w=w w w"),
    ("min.u32", Op::MinU, "w=w w"), ("max.u32", Op::MaxU, "w=w w"),
    ("min.s32", Op::MinS, "w=w w"), ("max.s32", Op::MaxS, "w=w w"),
    ("div.u32", Op::DivU, "w=w w"), ("div.s32", Op::DivS, "w=w w"),
    ("rem.u32", Op::RemU, "w=w w"), ("rem.s32", Op::RemS, "w=w w"),
    ("and.b32", Op::AndW, "w=w w"), ("or.b32", Op::OrW, "w=w w"), ("xor.b32", Op::XorW, "w=w w"),
    ("not.b32", Op::NotW, "w=w"), ("neg.s32", Op::NegW, "w=w"), ("abs.s32", Op::AbsS, "w=w"),
    ("shl.b32", Op::ShlW, "w=w w"), ("shr.u32", Op::ShrU, "w=w w"), ("shr.b32", Op::ShrU, "w=w w"),
    ("shr.s32", Op::ShrS, "w=w w"),
    ("shf.l.wrap.b32", Op::ShfL, "w=w w w"), ("shf.r.wrap.b32", Op::ShfR, "w=w w w"),
    ("shf.l.clamp.b32", Op::ShfLClamp, "w=w w w"), ("shf.r.clamp.b32", Op::ShfRClamp, "w=w w w"),
    ("lop3.b32", Op::Lop3, "w=w w w i"), ("prmt.b32", Op::Prmt, "w=w w w"),
    ("bfe.u32", Op::BfeU, "w=w w w"), ("bfe.s32", Op::BfeS, "w=w w w"), ("bfi.b32", Op::Bfi, "w=w w w w"),
    ("clz.b32", Op::ClzW, "w=w"), ("popc.b32", Op::PopcW, "w=w"), ("brev.b32", Op::BrevW, "w=w"),
    ("clz.b64", Op::ClzL, "w=l"), ("popc.b64", Op::PopcL, "w=l"), ("brev.b64", Op::BrevL, "l=l"),

    ("min.u16", Op::MinHU, "h=h h"), ("max.u16", Op::MaxHU, "h=h h"),
    ("and.b16", Op::AndH, "h=h h"), ("or.b16", Op::OrH, "h=h h"), ("xor.b16", Op::XorH, "h=h h"),
    ("not.b16", Op::NotH, "h=h"), ("shl.b16", Op::ShlH, "h=h w"), ("shr.u16", Op::ShrHU, "h=h w"),
    ("shr.b16", Op::ShrHU, "h=h w"), ("mul.wide.u16", Op::MulWideHU, "w=h h"),

    ("mul.hi.u64", Op::MulHiUL, "l=l l"),
    ("mul.wide.u32", Op::MulWideU, "l=w w"), ("mul.wide.s32", Op::MulWideS, "l=w w"),
    ("mad.wide.u32", Op::MadWideU, "l=w w l"), ("mad.wide.s32", Op::MadWideS, "l=w w l"),
    ("min.u64", Op::MinUL, "l=l l"), ("max.u64", Op::MaxUL, "l=l l"),
    ("min.s64", Op::MinSL, "l=l l"), ("max.s64", Op::MaxSL, "l=l l"),
    ("div.u64", Op::DivUL, "l=l l"), ("rem.u64", Op::RemUL, "l=l l"),
    ("and.b64", Op::AndL, "l=l l"), ("or.b64", Op::OrL, "l=l l"), ("xor.b64", Op::XorL, "l=l l"),
    ("not.b64", Op::NotL, "l=l"), ("neg.s64", Op::NegL, "l=l"),
    ("shl.b64", Op::ShlL, "l=l w"), ("shr.u64", Op::ShrUL, "l=l w"), ("shr.b64", Op::ShrUL, "l=l w"),
    ("shr.s64", Op::ShrSL, "l=l w"),

    ("and.pred", Op::AndP, "p=P P"), ("or.pred", Op::OrP, "p=P P"), ("xor.pred", Op::XorP, "p=P P"),
    ("not.pred", Op::NotP, "p=P"), ("mov.pred", Op::MovP, "p=P"),

    ("add.rn.f32", Op::AddF, "w=w w"), ("add.rz.f32", Op::AddCutF, "w=w w"), ("sub.rn.f32", Op::SubF, "w=w w"), ("mul.rn.f32", Op::MulF, "w=w w"),
    ("fma.rn.f32", Op::FmaF, "w=w w w"), ("div.rn.f32", Op::DivF, "w=w w"),
    ("sqrt.rn.f32", Op::SqrtF, "w=w"), ("rcp.rn.f32", Op::RcpF, "w=w"),
    ("min.f32", Op::MinF, "w=w w"), ("max.f32", Op::MaxF, "w=w w"),
    ("min.NaN.f32", Op::MinNanF, "w=w w"), ("max.NaN.f32", Op::MaxNanF, "w=w w"),
    ("abs.f32", Op::AbsF, "w=w"), ("neg.f32", Op::NegF, "w=w"), ("copysign.f32", Op::CopysignF, "w=w w"),

    ("add.rn.f64", Op::AddD, "l=l l"), ("sub.rn.f64", Op::SubD, "l=l l"), ("mul.rn.f64", Op::MulD, "l=l l"),
    ("fma.rn.f64", Op::FmaD, "l=l l l"), ("div.rn.f64", Op::DivD, "l=l l"), ("sqrt.rn.f64", Op::SqrtD, "l=l"), ("rcp.rn.f64", Op::RcpD, "l=l"),
    ("min.f64", Op::MinD, "l=l l"), ("max.f64", Op::MaxD, "l=l l"),
    ("cvt.f64.f32", Op::FToD, "l=w"), ("cvt.rn.f32.f64", Op::DToF, "w=l"),
    ("cvt.rn.f64.u32", Op::UToD, "l=w"), ("cvt.rn.f64.u64", Op::ULToD, "l=l"),

    ("cvt.rn.satfinite.e4m3x2.f32", Op::PackE4m3, "h=w w"), ("cvt.rn.satfinite.e5m2x2.f32", Op::PackE5m2, "h=w w"),
    ("cvt.rn.satfinite.e4m3x2.f16x2", Op::PackE4m3H, "h=w"), ("cvt.rn.satfinite.e5m2x2.f16x2", Op::PackE5m2H, "h=w"),
    ("cvt.rn.f16x2.e4m3x2", Op::UnpackE4m3, "w=h"), ("cvt.rn.f16x2.e5m2x2", Op::UnpackE5m2, "w=h"),
    ("cvt.f32.f16", Op::HalfToF, "w=h"), ("cvt.f32.bf16", Op::BfloatToF, "w=h"),
    ("cvt.rn.f16.f32", Op::FToHalf, "h=w"), ("cvt.rn.bf16.f32", Op::FToBfloat, "h=w"),
    ("cvt.rn.f16x2.f32", Op::PackHalf, "w=w w"), ("cvt.rn.bf16x2.f32", Op::PackBfloat, "w=w w"),
    ("cvt.rn.f32.u32", Op::UToF, "w=w"), ("cvt.rn.f32.s32", Op::SToF, "w=w"), ("cvt.rn.f32.u64", Op::ULToF, "w=l"),
    ("cvt.rzi.u32.f32", Op::FToU, "w=w"), ("cvt.rzi.s32.f32", Op::FToS, "w=w"),
    ("cvt.rni.f32.f32", Op::RoundF, "w=w"), ("cvt.rmi.f32.f32", Op::FloorF, "w=w"),
    ("cvt.rpi.f32.f32", Op::CeilF, "w=w"), ("cvt.rzi.f32.f32", Op::TruncF, "w=w"),

    ("bra", Op::Bra, "=t"), ("bra.uni", Op::Bra, "=t"), ("ret", Op::Exit, "="), ("exit", Op::Exit, "="),
    ("trap", Op::Trap, "="), ("nanosleep.u32", Op::Nothing, "=w"), ("bar.warp.sync", Op::WarpBarrier, "=w"),
];

/// Spellings whose elements have a size.
#[rustfmt::skip]
const SIZED: &[(&str, Op, &str, u8, bool)] = &[
    ("cvt.u32.u16", Op::Extend, "w=n", 2, false), ("cvt.u32.u8", Op::Extend, "w=n", 1, false),
    ("cvt.s32.s16", Op::ExtendS, "w=n", 2, true), ("cvt.s32.s8", Op::ExtendS, "w=n", 1, true),
    ("cvt.u16.u8", Op::Extend, "h=n", 1, false),
    ("cvt.u16.u32", Op::Narrow, "n=w", 2, false), ("cvt.u8.u32", Op::Narrow, "n=w", 1, false),
    ("cvt.u8.u16", Op::Narrow, "n=n", 1, false),
    ("cvt.u64.u32", Op::ExtendL, "l=w", 4, false), ("cvt.u64.u16", Op::ExtendL, "l=n", 2, false),
    ("cvt.u64.u8", Op::ExtendL, "l=n", 1, false), ("cvt.s64.s32", Op::ExtendSL, "l=w", 4, true),
    ("cvt.u32.u64", Op::NarrowL, "w=l", 4, false), ("cvt.s32.s64", Op::NarrowL, "w=l", 4, false),
    ("cvt.u16.u64", Op::NarrowL, "n=l", 2, false),
];

/// The whole table.
pub(crate) fn table() -> &'static HashMap<String, Form> {
    static TABLE: OnceLock<HashMap<String, Form>> = OnceLock::new();
    TABLE.get_or_init(build)
}

/// All spellings, in order: what a text may hold.
pub fn spellings() -> Vec<&'static str> {
    let mut all: Vec<_> = table().keys().map(String::as_str).collect();
    all.sort_unstable();
    all
}

/// The operands of a spelling, as `Form::signature` has them.
pub fn signature(spelling: &str) -> Option<&'static str> {
    table().get(spelling).map(|form| form.signature)
}

fn build() -> HashMap<String, Form> {
    let mut table = HashMap::new();
    let mut put = |spelling: String, form: Form| {
        table.insert(spelling, form);
    };
    for &(spelling, op, signature) in SINGLE {
        put(spelling.into(), Form { op, signature, ..PLAIN });
    }
    for &(spelling, op, signature, size, signed) in SIZED {
        put(spelling.into(), Form { op, signature, size, signed, ..PLAIN });
    }
    same_for_signs(&mut put);
    moves(&mut put);
    comparisons(&mut put);
    loads_and_stores(&mut put);
    atomics(&mut put);
    warp(&mut put);
    barriers_and_fences(&mut put);
    asynchronous::all(&mut put);
    table
}

/// What has the same bits for `.u` and `.s`.
fn same_for_signs(put: &mut impl FnMut(String, Form)) {
    for sign in ["u", "s"] {
        for (name, w, h, l, operands) in [
            ("add", Op::AddW, Op::AddH, Op::AddL, 2),
            ("sub", Op::SubW, Op::SubH, Op::SubL, 2),
            ("mul.lo", Op::MulLoW, Op::MulLoH, Op::MulLoL, 2),
        ] {
            debug_assert_eq!(operands, 2);
            put(format!("{name}.{sign}32"), Form { op: w, signature: "w=w w", ..PLAIN });
            put(format!("{name}.{sign}16"), Form { op: h, signature: "h=h h", ..PLAIN });
            put(format!("{name}.{sign}64"), Form { op: l, signature: "l=l l", ..PLAIN });
        }
        put(format!("mad.lo.{sign}32"), Form { op: Op::MadLoW, signature: "w=w w w", ..PLAIN });
        put(format!("mad.lo.{sign}64"), Form { op: Op::MadLoL, signature: "l=l l l", ..PLAIN });
    }
}

fn moves(put: &mut impl FnMut(String, Form)) {
    for kind in ["b32", "u32", "s32", "f32"] {
        put(format!("mov.{kind}"), Form { op: Op::MovW, signature: "w=w", ..PLAIN });
        put(format!("selp.{kind}"), Form { op: Op::SelW, signature: "w=w w p", ..PLAIN });
    }
    for kind in ["b64", "u64", "s64", "f64"] {
        put(format!("mov.{kind}"), Form { op: Op::MovL, signature: "l=l", ..PLAIN });
        put(format!("selp.{kind}"), Form { op: Op::SelL, signature: "l=l l p", ..PLAIN });
    }
    for kind in ["b16", "u16", "s16"] {
        put(format!("mov.{kind}"), Form { op: Op::MovH, signature: "h=h", ..PLAIN });
        put(format!("selp.{kind}"), Form { op: Op::SelH, signature: "h=h h p", ..PLAIN });
    }
    for to in ["global", "shared"] {
        put(format!("cvta.to.{to}.u64"), Form { op: Op::MovL, signature: "l=l", ..PLAIN });
    }
    for (i, kind) in ["finite", "infinite", "number", "notanumber", "normal", "subnormal"]
        .into_iter()
        .enumerate()
    {
        let form = Form { op: Op::TestF, signature: "p=w", code: i as u8, ..PLAIN };
        put(format!("testp.{kind}.f32"), form);
    }
}

fn comparisons(put: &mut impl FnMut(String, Form)) {
    for (code, compare) in COMPARES.into_iter().enumerate() {
        let ordered = code < 6;
        let float = code < 14;
        let unsigned = (14..18).contains(&code);
        for (kind, op, signature, joined) in [
            ("u32", Op::SetU, "p?=w w", "p?=w w P"),
            ("b32", Op::SetU, "p?=w w", "p?=w w P"),
            ("s32", Op::SetS, "p?=w w", "p?=w w P"),
            ("f32", Op::SetF, "p?=w w", "p?=w w P"),
            ("f64", Op::SetD, "p?=l l", "p?=l l P"),
            ("u64", Op::SetUL, "p?=l l", "p?=l l P"),
            ("b64", Op::SetUL, "p?=l l", "p?=l l P"),
            ("s64", Op::SetSL, "p?=l l", "p?=l l P"),
            ("u16", Op::SetUH, "p?=h h", "p?=h h P"),
            ("b16", Op::SetUH, "p?=h h", "p?=h h P"),
            ("s16", Op::SetSH, "p?=h h", "p?=h h P"),
        ] {
            let allowed = match &kind[..1] {
                "f" => float,
                "b" => code < 2,
                "u" => ordered || unsigned,
                _ => ordered,
            };
            if !allowed {
                continue;
            }
            // lo, ls, hi, hs are lt, le, gt, ge of unsigned numbers.
            let code = if unsigned { code as u8 - 14 + 2 } else { code as u8 };
            put(format!("setp.{compare}.{kind}"), Form { op, signature, code, ..PLAIN });
            for (join, bits) in [("and", 1), ("or", 2), ("xor", 3)] {
                let form = Form { op, signature: joined, code: code | bits << 5, ..PLAIN };
                put(format!("setp.{compare}.{join}.{kind}"), form);
            }
        }
    }
}

/// Bytes, sign and register of an element type.
const TYPES: [(&str, u8, bool, &str); 14] = [
    ("b8", 1, false, "x"),
    ("u8", 1, false, "x"),
    ("s8", 1, true, "x"),
    ("b16", 2, false, "x"),
    ("u16", 2, false, "x"),
    ("s16", 2, true, "x"),
    ("b32", 4, false, "u"),
    ("u32", 4, false, "u"),
    ("s32", 4, true, "u"),
    ("f32", 4, false, "w"),
    ("b64", 8, false, "l"),
    ("u64", 8, false, "l"),
    ("s64", 8, true, "l"),
    ("f64", 8, false, "l"),
];

/// Signatures of loads and stores of 1, 2 and 4 elements in each register.
fn vector_signature(store: bool, count: u8, register: &str) -> &'static str {
    match (store, count, register) {
        (false, 1, "x") => "x=m",
        (false, 1, "w") => "w=m",
        (false, 1, "u") => "u=m",
        (false, 1, _) => "l=m",
        (false, 2, "x") => "v2x=m",
        (false, 2, "w") => "v2w=m",
        (false, 2, "u") => "v2u=m",
        (false, 2, _) => "v2l=m",
        (false, _, "x") => "v4x=m",
        (false, _, "u") => "v4u=m",
        (false, ..) => "v4w=m",
        (true, 1, "x") => "=m x",
        (true, 1, "w") => "=m w",
        (true, 1, "u") => "=m u",
        (true, 1, _) => "=m l",
        (true, 2, "x") => "=m v2x",
        (true, 2, "w") => "=m v2w",
        (true, 2, "u") => "=m v2u",
        (true, 2, _) => "=m v2l",
        (true, _, "x") => "=m v4x",
        (true, _, "u") => "=m v4u",
        (true, ..) => "=m v4w",
    }
}

fn loads_and_stores(put: &mut impl FnMut(String, Form)) {
    // Generic addresses are taken for those of global memory; others are out of bounds there.
    const LOADS: [(&str, Op); 15] = [
        ("ld", Op::LdGlobal),
        ("ld.param", Op::LdParam),
        ("ld.shared", Op::LdShared),
        ("ld.shared::cta", Op::LdShared),
        ("ld.volatile.shared", Op::LdShared),
        ("ld.global", Op::LdGlobal),
        ("ld.volatile.global", Op::LdGlobal),
        ("ld.relaxed.gpu.global", Op::LdGlobal),
        ("ld.acquire.gpu.global", Op::LdGlobal),
        ("ld.global.L1::no_allocate", Op::LdGlobal),
        ("ld.global.cs", Op::LdGlobal),
        ("ld.global.nc", Op::LdGlobal),
        ("ld.global.nc.L1::no_allocate", Op::LdGlobal),
        ("ld.global.nc.L1::no_allocate.L2::128B", Op::LdGlobal),
        ("ld.global.nc.L1::no_allocate.L2::256B", Op::LdGlobal),
    ];
    const STORES: [(&str, Op); 10] = [
        ("st", Op::StGlobal),
        ("st.shared", Op::StShared),
        ("st.shared::cta", Op::StShared),
        ("st.volatile.shared", Op::StShared),
        ("st.global", Op::StGlobal),
        ("st.volatile.global", Op::StGlobal),
        ("st.relaxed.gpu.global", Op::StGlobal),
        ("st.release.gpu.global", Op::StGlobal),
        ("st.global.cs", Op::StGlobal),
        ("st.global.L1::no_allocate", Op::StGlobal),
    ];
    for (store, list) in [(false, &LOADS[..]), (true, &STORES[..])] {
        for (prefix, op) in list {
            for (count, vector) in [(1, ""), (2, ".v2"), (4, ".v4")] {
                for (kind, size, signed, register) in TYPES {
                    if size * count > 16 {
                        continue;
                    }
                    let signature = vector_signature(store, count, register);
                    let form = Form { op: *op, signature, size, signed, ..PLAIN };
                    put(format!("{prefix}{vector}.{kind}"), form);
                }
            }
        }
    }
    put("prefetch.global.L2".into(), Form { op: Op::Prefetch, signature: "=m", ..PLAIN });
}

fn atomics(put: &mut impl FnMut(String, Form)) {
    const KINDS: [(&str, Atomic, u8); 19] = [
        ("add.u32", Atomic::Add, 4),
        ("add.s32", Atomic::Add, 4),
        ("add.u64", Atomic::Add, 8),
        ("min.u32", Atomic::MinU, 4),
        ("max.u32", Atomic::MaxU, 4),
        ("min.s32", Atomic::MinS, 4),
        ("max.s32", Atomic::MaxS, 4),
        ("min.u64", Atomic::MinU, 8),
        ("max.u64", Atomic::MaxU, 8),
        ("and.b32", Atomic::And, 4),
        ("or.b32", Atomic::Or, 4),
        ("xor.b32", Atomic::Xor, 4),
        ("and.b64", Atomic::And, 8),
        ("or.b64", Atomic::Or, 8),
        ("xor.b64", Atomic::Xor, 8),
        ("exch.b32", Atomic::Exch, 4),
        ("exch.b64", Atomic::Exch, 8),
        ("cas.b32", Atomic::Cas, 4),
        ("cas.b64", Atomic::Cas, 8),
    ];
    for (space, atom, red) in
        [("global", Op::AtomGlobal, Op::RedGlobal), ("shared", Op::AtomShared, Op::RedShared)]
    {
        // Order and scope change no value here: the emulator is sequentially consistent.
        for order in ["", ".relaxed", ".acquire", ".release", ".acq_rel"] {
            for scope in ["", ".cta", ".gpu", ".sys"] {
                for (kind, atomic, size) in KINDS {
                    if scope.is_empty() != order.is_empty() {
                        continue;
                    }
                    let long = size == 8;
                    let code = atomic as u8;
                    let form = Form { size, code, ..PLAIN };
                    let signature = match (atomic, long) {
                        (Atomic::Cas, false) => "w=m w w",
                        (Atomic::Cas, true) => "l=m l l",
                        (_, false) => "w=m w",
                        (_, true) => "l=m l",
                    };
                    let spelled = format!("atom{order}{scope}.{space}.{kind}");
                    put(spelled, Form { op: atom, signature, ..form });
                    let no_red = matches!(atomic, Atomic::Exch | Atomic::Cas);
                    if !no_red && !matches!(order, ".acquire" | ".acq_rel") {
                        let signature = if long { "=m l" } else { "=m w" };
                        let spelled = format!("red{order}{scope}.{space}.{kind}");
                        put(spelled, Form { op: red, signature, ..form });
                    }
                }
            }
        }
    }
}

fn warp(put: &mut impl FnMut(String, Form)) {
    for (code, mode) in ["idx", "bfly", "up", "down"].into_iter().enumerate() {
        let form = Form { op: Op::Shfl, signature: "w?=w w w w", code: code as u8, ..PLAIN };
        put(format!("shfl.sync.{mode}.b32"), form);
    }
    for (spelling, op, signature) in [
        ("vote.sync.all.pred", Op::VoteAll, "p=P w"),
        ("vote.sync.any.pred", Op::VoteAny, "p=P w"),
        ("vote.sync.uni.pred", Op::VoteUni, "p=P w"),
        ("vote.sync.ballot.b32", Op::Ballot, "w=P w"),
        ("match.any.sync.b32", Op::MatchAny, "w=w w"),
        ("elect.sync", Op::Elect, "w?=w"),
    ] {
        put(spelling.into(), Form { op, signature, ..PLAIN });
    }
    for (kind, atomic) in [
        ("add.u32", Atomic::Add),
        ("add.s32", Atomic::Add),
        ("min.u32", Atomic::MinU),
        ("max.u32", Atomic::MaxU),
        ("min.s32", Atomic::MinS),
        ("max.s32", Atomic::MaxS),
        ("and.b32", Atomic::And),
        ("or.b32", Atomic::Or),
        ("xor.b32", Atomic::Xor),
    ] {
        let form = Form { op: Op::Redux, signature: "w=w w", code: atomic as u8, ..PLAIN };
        put(format!("redux.sync.{kind}"), form);
    }
}

fn barriers_and_fences(put: &mut impl FnMut(String, Form)) {
    for name in ["bar", "barrier", "bar.cta", "barrier.cta"] {
        // `bar` is aligned by itself, `barrier` if it says so.
        let aligned = if name.starts_with("barrier") { ".aligned" } else { "" };
        let form = Form { op: Op::BarSync, signature: "=w w?", aligned: true, ..PLAIN };
        put(format!("{name}.sync{aligned}"), form);
        let form = Form { op: Op::BarArrive, signature: "=w w", aligned: true, ..PLAIN };
        put(format!("{name}.arrive{aligned}"), form);
    }
    for fence in ["membar.cta", "membar.gl", "membar.sys"] {
        put(fence.into(), Form { op: Op::Fence, signature: "=", ..PLAIN });
    }
    for order in ["acq_rel", "sc"] {
        for scope in ["cta", "cluster", "gpu", "sys"] {
            let form = Form { op: Op::Fence, signature: "=", ..PLAIN };
            put(format!("fence.{order}.{scope}"), form);
        }
    }
}
