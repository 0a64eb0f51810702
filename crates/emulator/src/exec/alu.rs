//! Arithmetic, comparisons, conversions and moves, 32 lanes at a time.

use super::{Trouble, trouble};
use crate::double::{self, d};
use crate::fault::FaultKind;
use crate::float::{self, bits, f};
use crate::integer as int;
use crate::op::Op;
use crate::program::{FLIP, Inst, SINK};
use crate::warp::{Longs, Warp, Words};

/// A register file.
#[derive(Clone, Copy)]
pub(super) enum File {
    Word,
    Long,
    Pred,
}

/// A read before a write. The slot is named by who has the program.
#[cold]
#[inline(never)]
pub(super) fn undefined_slot(file: File, slot: u16, lanes: u32) -> Trouble {
    let file = match file {
        File::Word => 'w',
        File::Long => 'l',
        File::Pred => 'p',
    };
    let register = format!("{file} {slot}");
    trouble(FaultKind::UndefinedRegister { register, lanes }, lanes.trailing_zeros())
}

#[inline(always)]
pub(super) fn need_word(warp: &Warp, slot: u16, on: u32) -> Result<(), Trouble> {
    match on & !warp.dw[usize::from(slot)] {
        0 => Ok(()),
        missing => Err(undefined_slot(File::Word, slot, missing)),
    }
}

#[inline(always)]
pub(super) fn need_long(warp: &Warp, slot: u16, on: u32) -> Result<(), Trouble> {
    match on & !warp.dl[usize::from(slot)] {
        0 => Ok(()),
        missing => Err(undefined_slot(File::Long, slot, missing)),
    }
}

#[inline(always)]
pub(super) fn need_pred(warp: &Warp, slot: u16, on: u32) -> Result<(), Trouble> {
    match on & !warp.dp[usize::from(slot & !FLIP)] {
        0 => Ok(()),
        missing => Err(undefined_slot(File::Pred, slot & !FLIP, missing)),
    }
}

/// A predicate's lanes, negated where the operand says so.
#[inline(always)]
pub(super) fn pred(warp: &Warp, slot: u16) -> u32 {
    let value = warp.p[usize::from(slot & !FLIP)];
    if slot & FLIP != 0 { !value } else { value }
}

#[inline(always)]
pub(super) fn put_word(warp: &mut Warp, slot: u16, on: u32, values: &Words) {
    let to = &mut warp.w[usize::from(slot)];
    if on == u32::MAX {
        *to = *values;
    } else {
        for lane in 0..32 {
            let keep = (on >> lane & 1).wrapping_sub(1);
            to[lane] = to[lane] & keep | values[lane] & !keep;
        }
    }
    warp.dw[usize::from(slot)] |= on;
    warp.epochs[usize::from(slot)] = warp.epoch;
}

#[inline(always)]
pub(super) fn put_long(warp: &mut Warp, slot: u16, on: u32, values: &Longs) {
    let to = &mut warp.l[usize::from(slot)];
    if on == u32::MAX {
        *to = *values;
    } else {
        for lane in 0..32 {
            let keep = u64::from(on >> lane & 1).wrapping_sub(1);
            to[lane] = to[lane] & keep | values[lane] & !keep;
        }
    }
    warp.dl[usize::from(slot)] |= on;
}

#[inline(always)]
pub(super) fn put_pred(warp: &mut Warp, slot: u16, on: u32, value: u32) {
    if slot == SINK {
        return;
    }
    let to = &mut warp.p[usize::from(slot)];
    *to = *to & !on | value & on;
    warp.dp[usize::from(slot)] |= on;
}

/// Bits of the lanes for which a condition holds.
#[inline(always)]
fn lanes_where(condition: impl Fn(usize) -> bool) -> u32 {
    let mut mask = 0;
    for lane in 0..32 {
        mask |= u32::from(condition(lane)) << lane;
    }
    mask
}

/// A comparison of two columns by its code.
#[inline(always)]
fn compared<T: Copy + Ord>(a: &[T; 32], b: &[T; 32], code: u8) -> u32 {
    match code {
        0 => lanes_where(|i| a[i] == b[i]),
        1 => lanes_where(|i| a[i] != b[i]),
        2 => lanes_where(|i| a[i] < b[i]),
        3 => lanes_where(|i| a[i] <= b[i]),
        4 => lanes_where(|i| a[i] > b[i]),
        _ => lanes_where(|i| a[i] >= b[i]),
    }
}

#[inline(always)]
fn compared_floats(a: &Words, b: &Words, code: u8) -> u32 {
    match code {
        0 => lanes_where(|i| float::compare(f(a[i]), f(b[i]), 0)),
        1 => lanes_where(|i| float::compare(f(a[i]), f(b[i]), 1)),
        2 => lanes_where(|i| float::compare(f(a[i]), f(b[i]), 2)),
        3 => lanes_where(|i| float::compare(f(a[i]), f(b[i]), 3)),
        4 => lanes_where(|i| float::compare(f(a[i]), f(b[i]), 4)),
        5 => lanes_where(|i| float::compare(f(a[i]), f(b[i]), 5)),
        code => lanes_where(|i| float::compare(f(a[i]), f(b[i]), code)),
    }
}

fn signed(a: &Words) -> [i32; 32] {
    a.map(|x| x as i32)
}

/// Sets the destinations of a comparison, joined with a predicate where it says so.
#[inline(always)]
fn set(warp: &mut Warp, inst: &Inst, on: u32, result: u32) -> Result<bool, Trouble> {
    let (mut yes, mut no) = (result, !result);
    let join = inst.code >> 5;
    if join != 0 {
        need_pred(warp, inst.c, on)?;
        let with = pred(warp, inst.c);
        let joined = |x: u32| match join {
            1 => x & with,
            2 => x | with,
            _ => x ^ with,
        };
        (yes, no) = (joined(yes), joined(no));
    }
    put_pred(warp, inst.d, on, yes);
    put_pred(warp, inst.e, on, no);
    Ok(true)
}

macro_rules! lanes_of {
    ($out:ty, $zero:expr, |$lane:ident| $value:expr) => {{
        let mut out: [$out; 32] = [$zero; 32];
        for $lane in 0..32 {
            out[$lane] = $value;
        }
        out
    }};
}

/// Executes the instruction if it is one of these; tells whether it was.
#[inline(always)]
pub(super) fn step(warp: &mut Warp, inst: &Inst, on: u32) -> Result<bool, Trouble> {
    /// Words to a word.
    macro_rules! w1 {
        (|$a:ident| $value:expr) => {{
            need_word(warp, inst.a, on)?;
            let xs = &warp.w[usize::from(inst.a)];
            let out = lanes_of!(u32, 0, |i| {
                let $a = xs[i];
                $value
            });
            put_word(warp, inst.d, on, &out);
        }};
    }
    macro_rules! w2 {
        (|$a:ident, $b:ident| $value:expr) => {{
            need_word(warp, inst.a, on)?;
            need_word(warp, inst.b, on)?;
            let (xs, ys) = (&warp.w[usize::from(inst.a)], &warp.w[usize::from(inst.b)]);
            let out = lanes_of!(u32, 0, |i| {
                let ($a, $b) = (xs[i], ys[i]);
                $value
            });
            put_word(warp, inst.d, on, &out);
        }};
    }
    macro_rules! w3 {
        (|$a:ident, $b:ident, $c:ident| $value:expr) => {{
            need_word(warp, inst.a, on)?;
            need_word(warp, inst.b, on)?;
            need_word(warp, inst.c, on)?;
            let (xs, ys) = (&warp.w[usize::from(inst.a)], &warp.w[usize::from(inst.b)]);
            let zs = &warp.w[usize::from(inst.c)];
            let out = lanes_of!(u32, 0, |i| {
                let ($a, $b, $c) = (xs[i], ys[i], zs[i]);
                $value
            });
            put_word(warp, inst.d, on, &out);
        }};
    }
    /// Half-words: as words, with 16 bits kept.
    macro_rules! h2 {
        (|$a:ident, $b:ident| $value:expr) => {
            w2!(|$a, $b| ($value) & 0xffff)
        };
    }
    macro_rules! l1 {
        (|$a:ident| $value:expr) => {{
            need_long(warp, inst.a, on)?;
            let xs = &warp.l[usize::from(inst.a)];
            let out = lanes_of!(u64, 0, |i| {
                let $a = xs[i];
                $value
            });
            put_long(warp, inst.d, on, &out);
        }};
    }
    macro_rules! l2 {
        (|$a:ident, $b:ident| $value:expr) => {{
            need_long(warp, inst.a, on)?;
            need_long(warp, inst.b, on)?;
            let (xs, ys) = (&warp.l[usize::from(inst.a)], &warp.l[usize::from(inst.b)]);
            let out = lanes_of!(u64, 0, |i| {
                let ($a, $b) = (xs[i], ys[i]);
                $value
            });
            put_long(warp, inst.d, on, &out);
        }};
    }
    /// A long one and a word.
    macro_rules! lw {
        (|$a:ident, $b:ident| $value:expr) => {{
            need_long(warp, inst.a, on)?;
            need_word(warp, inst.b, on)?;
            let (xs, ys) = (&warp.l[usize::from(inst.a)], &warp.w[usize::from(inst.b)]);
            let out = lanes_of!(u64, 0, |i| {
                let ($a, $b) = (xs[i], ys[i]);
                $value
            });
            put_long(warp, inst.d, on, &out);
        }};
    }
    /// Words to a long one.
    macro_rules! wl1 {
        (|$a:ident| $value:expr) => {{
            need_word(warp, inst.a, on)?;
            let xs = &warp.w[usize::from(inst.a)];
            let out = lanes_of!(u64, 0, |i| {
                let $a = xs[i];
                $value
            });
            put_long(warp, inst.d, on, &out);
        }};
    }
    macro_rules! wl2 {
        (|$a:ident, $b:ident| $value:expr) => {{
            need_word(warp, inst.a, on)?;
            need_word(warp, inst.b, on)?;
            let (xs, ys) = (&warp.w[usize::from(inst.a)], &warp.w[usize::from(inst.b)]);
            let out = lanes_of!(u64, 0, |i| {
                let ($a, $b) = (xs[i], ys[i]);
                $value
            });
            put_long(warp, inst.d, on, &out);
        }};
    }
    macro_rules! wwl {
        (|$a:ident, $b:ident, $c:ident| $value:expr) => {{
            need_word(warp, inst.a, on)?;
            need_word(warp, inst.b, on)?;
            need_long(warp, inst.c, on)?;
            let (xs, ys) = (&warp.w[usize::from(inst.a)], &warp.w[usize::from(inst.b)]);
            let zs = &warp.l[usize::from(inst.c)];
            let out = lanes_of!(u64, 0, |i| {
                let ($a, $b, $c) = (xs[i], ys[i], zs[i]);
                $value
            });
            put_long(warp, inst.d, on, &out);
        }};
    }
    /// A long one to a word.
    macro_rules! lw1 {
        (|$a:ident| $value:expr) => {{
            need_long(warp, inst.a, on)?;
            let xs = &warp.l[usize::from(inst.a)];
            let out = lanes_of!(u32, 0, |i| {
                let $a = xs[i];
                $value
            });
            put_word(warp, inst.d, on, &out);
        }};
    }
    macro_rules! p2 {
        (|$a:ident, $b:ident| $value:expr) => {{
            need_pred(warp, inst.a, on)?;
            need_pred(warp, inst.b, on)?;
            let ($a, $b) = (pred(warp, inst.a), pred(warp, inst.b));
            put_pred(warp, inst.d, on, $value);
        }};
    }
    let wide = |a: u32| a as i32 as i64;
    match inst.op {
        Op::AddW => w2!(|a, b| a.wrapping_add(b)),
        Op::SubW => w2!(|a, b| a.wrapping_sub(b)),
        Op::MulLoW => w2!(|a, b| a.wrapping_mul(b)),
        Op::MulHiU => w2!(|a, b| ((u64::from(a) * u64::from(b)) >> 32) as u32),
        Op::MulHiS => w2!(|a, b| ((wide(a) * wide(b)) >> 32) as u32),
        Op::MadLoW => w3!(|a, b, c| a.wrapping_mul(b).wrapping_add(c)),
        Op::MadHiU => w3!(|a, b, c| (((u64::from(a) * u64::from(b)) >> 32) as u32).wrapping_add(c)),
        Op::MinU => w2!(|a, b| a.min(b)),
        Op::MaxU => w2!(|a, b| a.max(b)),
        Op::MinS => w2!(|a, b| (a as i32).min(b as i32) as u32),
        Op::MaxS => w2!(|a, b| (a as i32).max(b as i32) as u32),
        Op::DivU => w2!(|a, b| int::div(a, b)),
        Op::DivS => w2!(|a, b| int::div_signed(a, b)),
        Op::RemU => w2!(|a, b| int::rem(a, b)),
        Op::RemS => w2!(|a, b| int::rem_signed(a, b)),
        Op::AndW | Op::AndH => w2!(|a, b| a & b),
        Op::OrW | Op::OrH => w2!(|a, b| a | b),
        Op::XorW | Op::XorH => w2!(|a, b| a ^ b),
        Op::NotW => w1!(|a| !a),
        Op::NegW => w1!(|a| a.wrapping_neg()),
        Op::AbsS => w1!(|a| (a as i32).wrapping_abs() as u32),
        Op::ShlW => w2!(|a, b| int::shl(a, b)),
        Op::ShrU => w2!(|a, b| int::shr(a, b)),
        Op::ShrS => w2!(|a, b| int::shr_signed(a, b)),
        Op::ShfL => w3!(|a, b, c| int::shf_left(a, b, c)),
        Op::ShfR => w3!(|a, b, c| int::shf_right(a, b, c)),
        Op::ShfLClamp => w3!(|a, b, c| int::shf_left_clamp(a, b, c)),
        Op::ShfRClamp => w3!(|a, b, c| int::shf_right_clamp(a, b, c)),
        Op::Lop3 => {
            let table = inst.imm as u8;
            w3!(|a, b, c| int::lop3(a, b, c, table));
        }
        Op::Prmt => w3!(|a, b, c| int::prmt(a, b, c)),
        Op::BfeU => w3!(|a, b, c| int::bfe(a, b, c)),
        Op::BfeS => w3!(|a, b, c| int::bfe_signed(a, b, c)),
        Op::Bfi => {
            need_word(warp, inst.f, on)?;
            let lengths = warp.w[usize::from(inst.f)];
            let mut i = 0;
            w3!(|a, b, c| {
                i += 1;
                int::bfi(a, b, c, lengths[i - 1])
            });
        }
        Op::ClzW => w1!(|a| a.leading_zeros()),
        Op::PopcW => w1!(|a| a.count_ones()),
        Op::BrevW => w1!(|a| a.reverse_bits()),
        Op::SelW | Op::SelH => {
            need_pred(warp, inst.c, on)?;
            let choice = pred(warp, inst.c);
            need_word(warp, inst.a, on & choice)?;
            need_word(warp, inst.b, on & !choice)?;
            let (xs, ys) = (&warp.w[usize::from(inst.a)], &warp.w[usize::from(inst.b)]);
            let out = lanes_of!(u32, 0, |i| {
                let first = (choice >> i & 1).wrapping_neg();
                xs[i] & first | ys[i] & !first
            });
            // Both are read, so both have to be there.
            need_word(warp, inst.a, on)?;
            need_word(warp, inst.b, on)?;
            put_word(warp, inst.d, on, &out);
        }
        Op::MovW | Op::MovH => w1!(|a| a),
        Op::AddH => h2!(|a, b| a.wrapping_add(b)),
        Op::SubH => h2!(|a, b| a.wrapping_sub(b)),
        Op::MulLoH => h2!(|a, b| a.wrapping_mul(b)),
        Op::MinHU => h2!(|a, b| a.min(b)),
        Op::MaxHU => h2!(|a, b| a.max(b)),
        Op::NotH => w1!(|a| !a & 0xffff),
        Op::ShlH => h2!(|a, b| int::shl(a, b)),
        Op::ShrHU => h2!(|a, b| int::shr(a, b)),
        Op::MulWideHU => w2!(|a, b| a.wrapping_mul(b)),

        Op::AddL => l2!(|a, b| a.wrapping_add(b)),
        Op::SubL => l2!(|a, b| a.wrapping_sub(b)),
        Op::MulLoL => l2!(|a, b| a.wrapping_mul(b)),
        Op::MulHiUL => l2!(|a, b| ((u128::from(a) * u128::from(b)) >> 64) as u64),
        Op::MulWideU => wl2!(|a, b| u64::from(a) * u64::from(b)),
        Op::MulWideS => wl2!(|a, b| (wide(a) * wide(b)) as u64),
        Op::MadLoL => {
            need_long(warp, inst.c, on)?;
            let addends = warp.l[usize::from(inst.c)];
            let mut i = 0;
            l2!(|a, b| {
                i += 1;
                a.wrapping_mul(b).wrapping_add(addends[i - 1])
            });
        }
        Op::MadWideU => wwl!(|a, b, c| (u64::from(a) * u64::from(b)).wrapping_add(c)),
        Op::MadWideS => wwl!(|a, b, c| ((wide(a) * wide(b)) as u64).wrapping_add(c)),
        Op::MinUL => l2!(|a, b| a.min(b)),
        Op::MaxUL => l2!(|a, b| a.max(b)),
        Op::MinSL => l2!(|a, b| (a as i64).min(b as i64) as u64),
        Op::MaxSL => l2!(|a, b| (a as i64).max(b as i64) as u64),
        Op::DivUL => l2!(|a, b| a.checked_div(b).unwrap_or(u64::MAX)),
        Op::RemUL => l2!(|a, b| a.checked_rem(b).unwrap_or(a)),
        Op::AndL => l2!(|a, b| a & b),
        Op::OrL => l2!(|a, b| a | b),
        Op::XorL => l2!(|a, b| a ^ b),
        Op::NotL => l1!(|a| !a),
        Op::NegL => l1!(|a| a.wrapping_neg()),
        Op::ShlL => lw!(|a, b| int::shl_long(a, b)),
        Op::ShrUL => lw!(|a, b| int::shr_long(a, b)),
        Op::ShrSL => lw!(|a, b| int::shr_signed_long(a, b)),
        Op::ClzL => lw1!(|a| a.leading_zeros()),
        Op::PopcL => lw1!(|a| a.count_ones()),
        Op::BrevL => l1!(|a| a.reverse_bits()),
        Op::SelL => {
            need_pred(warp, inst.c, on)?;
            let choice = pred(warp, inst.c);
            let mut i = 0;
            l2!(|a, b| {
                i += 1;
                if choice >> (i - 1) & 1 == 1 { a } else { b }
            });
        }
        Op::MovL => l1!(|a| a),

        Op::SetU | Op::SetUH => {
            need_word(warp, inst.a, on)?;
            need_word(warp, inst.b, on)?;
            let (a, b) = (&warp.w[usize::from(inst.a)], &warp.w[usize::from(inst.b)]);
            let result = compared(a, b, inst.code & 31);
            return set(warp, inst, on, result);
        }
        Op::SetS | Op::SetSH => {
            need_word(warp, inst.a, on)?;
            need_word(warp, inst.b, on)?;
            let (a, b) = (&warp.w[usize::from(inst.a)], &warp.w[usize::from(inst.b)]);
            let result = match inst.op {
                Op::SetS => compared(&signed(a), &signed(b), inst.code & 31),
                _ => compared(&a.map(|x| x as i16), &b.map(|x| x as i16), inst.code & 31),
            };
            return set(warp, inst, on, result);
        }
        Op::SetF => {
            need_word(warp, inst.a, on)?;
            need_word(warp, inst.b, on)?;
            let (a, b) = (&warp.w[usize::from(inst.a)], &warp.w[usize::from(inst.b)]);
            let result = compared_floats(a, b, inst.code & 31);
            return set(warp, inst, on, result);
        }
        Op::SetD => {
            need_long(warp, inst.a, on)?;
            need_long(warp, inst.b, on)?;
            let (a, b) = (&warp.l[usize::from(inst.a)], &warp.l[usize::from(inst.b)]);
            let result = lanes_where(|i| float::compare(d(a[i]), d(b[i]), inst.code & 31));
            return set(warp, inst, on, result);
        }
        Op::SetUL | Op::SetSL => {
            need_long(warp, inst.a, on)?;
            need_long(warp, inst.b, on)?;
            let (a, b) = (&warp.l[usize::from(inst.a)], &warp.l[usize::from(inst.b)]);
            let result = match inst.op {
                Op::SetUL => compared(a, b, inst.code & 31),
                _ => compared(&a.map(|x| x as i64), &b.map(|x| x as i64), inst.code & 31),
            };
            return set(warp, inst, on, result);
        }
        Op::AndP => p2!(|a, b| a & b),
        Op::OrP => p2!(|a, b| a | b),
        Op::XorP => p2!(|a, b| a ^ b),
        Op::NotP | Op::MovP => {
            need_pred(warp, inst.a, on)?;
            let a = pred(warp, inst.a);
            put_pred(warp, inst.d, on, if inst.op == Op::NotP { !a } else { a });
        }

        Op::AddF => w2!(|a, b| bits(f(a) + f(b))),
        Op::AddCutF => w2!(|a, b| float::add_cut(a, b)),
        Op::SubF => w2!(|a, b| bits(f(a) - f(b))),
        Op::MulF => w2!(|a, b| bits(f(a) * f(b))),
        Op::FmaF => w3!(|a, b, c| bits(f(a).mul_add(f(b), f(c)))),
        Op::MinF => w2!(|a, b| float::min(a, b)),
        Op::MaxF => w2!(|a, b| float::max(a, b)),
        Op::MinNanF => w2!(|a, b| float::min_nan(a, b)),
        Op::MaxNanF => w2!(|a, b| float::max_nan(a, b)),
        Op::AbsF => w1!(|a| bits(f(a & 0x7fff_ffff))),
        Op::NegF => w1!(|a| bits(f(a ^ 0x8000_0000))),
        Op::CopysignF => w2!(|a, b| b & 0x7fff_ffff | a & 0x8000_0000),
        Op::DivF => w2!(|a, b| bits(f(a) / f(b))),
        Op::SqrtF => w1!(|a| bits(f(a).sqrt())),
        Op::RcpF => w1!(|a| bits(1.0 / f(a))),
        Op::TestF => {
            need_word(warp, inst.a, on)?;
            let values = &warp.w[usize::from(inst.a)];
            let result = lanes_where(|i| float::test(values[i], inst.code));
            put_pred(warp, inst.d, on, result);
        }

        Op::AddD => l2!(|a, b| double::bits(d(a) + d(b))),
        Op::SubD => l2!(|a, b| double::bits(d(a) - d(b))),
        Op::MulD => l2!(|a, b| double::bits(d(a) * d(b))),
        Op::DivD => l2!(|a, b| double::bits(d(a) / d(b))),
        Op::SqrtD => l1!(|a| double::bits(d(a).sqrt())),
        Op::RcpD => l1!(|a| double::bits(1.0 / d(a))),
        Op::MinD => l2!(|a, b| double::min(a, b)),
        Op::MaxD => l2!(|a, b| double::max(a, b)),
        Op::FmaD => {
            need_long(warp, inst.c, on)?;
            let addends = warp.l[usize::from(inst.c)];
            let mut i = 0;
            l2!(|a, b| {
                i += 1;
                double::bits(d(a).mul_add(d(b), d(addends[i - 1])))
            });
        }
        Op::FToD => wl1!(|a| double::bits(f64::from(f(a)))),
        Op::DToF => lw1!(|a| bits(d(a) as f32)),
        Op::UToD => wl1!(|a| f64::from(a).to_bits()),
        Op::ULToD => l1!(|a| (a as f64).to_bits()),

        Op::PackE4m3 => w2!(|a, b| float::pack_e4m3(a, b)),
        Op::PackE5m2 => w2!(|a, b| float::pack_e5m2(a, b)),
        Op::PackE4m3H => {
            w1!(|a| float::pack_e4m3(float::from_half(a >> 16), float::from_half(a & 0xffff)))
        }
        Op::PackE5m2H => {
            w1!(|a| float::pack_e5m2(float::from_half(a >> 16), float::from_half(a & 0xffff)))
        }
        Op::UnpackE4m3 => w1!(|a| float::unpack_e4m3(a)),
        Op::UnpackE5m2 => w1!(|a| float::unpack_e5m2(a)),
        Op::HalfToF => w1!(|a| float::from_half(a)),
        Op::BfloatToF => w1!(|a| float::from_bfloat(a)),
        Op::FToHalf => w1!(|a| float::to_half(a)),
        Op::FToBfloat => w1!(|a| float::to_bfloat(a)),
        Op::PackHalf => w2!(|a, b| float::to_half(a) << 16 | float::to_half(b)),
        Op::PackBfloat => w2!(|a, b| float::to_bfloat(a) << 16 | float::to_bfloat(b)),
        Op::UToF => w1!(|a| (a as f32).to_bits()),
        Op::SToF => w1!(|a| (a as i32 as f32).to_bits()),
        Op::ULToF => lw1!(|a| (a as f32).to_bits()),
        Op::FToU => w1!(|a| float::to_unsigned(a)),
        Op::FToS => w1!(|a| float::to_signed(a)),
        Op::RoundF => w1!(|a| bits(f(a).round_ties_even())),
        Op::FloorF => w1!(|a| bits(f(a).floor())),
        Op::CeilF => w1!(|a| bits(f(a).ceil())),
        Op::TruncF => w1!(|a| bits(f(a).trunc())),
        Op::Extend | Op::Narrow => {
            let keep = u32::MAX >> (32 - 8 * u32::from(inst.size));
            w1!(|a| a & keep);
        }
        Op::ExtendS => {
            let drop = 32 - 8 * u32::from(inst.size);
            w1!(|a| ((a << drop) as i32 >> drop) as u32);
        }
        Op::ExtendL => {
            let keep = u32::MAX >> (32 - 8 * u32::from(inst.size));
            wl1!(|a| u64::from(a & keep));
        }
        Op::ExtendSL => wl1!(|a| wide(a) as u64),
        Op::NarrowL => {
            let keep = u32::MAX >> (32 - 8 * u32::from(inst.size));
            lw1!(|a| a as u32 & keep);
        }
        _ => return Ok(false),
    }
    Ok(true)
}
