//! What the lanes of a warp do together.

use super::alu::{need_pred, need_word, pred, put_pred, put_word};
use super::{Flow, Trouble, trouble};
use crate::fault::FaultKind;
use crate::op::Op;
use crate::program::Inst;
use crate::table::Atomic;
use crate::warp::Warp;

/// The lanes named by a mask operand, if all of them are here.
fn members(warp: &Warp, slot: u16, on: u32, mask: u32) -> Result<Result<u32, Flow>, Trouble> {
    need_word(warp, slot, on)?;
    let values = &warp.w[usize::from(slot)];
    let members = values[on.trailing_zeros() as usize % 32];
    for lane in lanes(on) {
        if values[lane] != members || members >> lane & 1 == 0 {
            let what = format!(
                "member mask {:#010x}: all lanes have to give the same one, with themselves in it",
                values[lane]
            );
            return Err(trouble(FaultKind::Operand(what), lane as u32));
        }
    }
    let missing = members & !on;
    if missing & (mask | warp.exited | !warp.lanes) != 0 {
        let kind = FaultKind::MissingLanes { lanes: missing };
        return Err(trouble(kind, missing.trailing_zeros()));
    }
    Ok(if missing != 0 { Err(Flow::Converge(missing)) } else { Ok(members) })
}

/// Lanes of a mask, from the lowest.
pub(super) fn lanes(mask: u32) -> impl Iterator<Item = usize> {
    (0..32).filter(move |lane| mask >> lane & 1 == 1)
}

pub(super) fn step(warp: &mut Warp, inst: &Inst, on: u32, mask: u32) -> Result<Flow, Trouble> {
    if on == 0 {
        return Ok(Flow::Next);
    }
    let slot = match inst.op {
        Op::Shfl => inst.f,
        Op::Elect | Op::WarpBarrier => inst.a,
        _ => inst.b,
    };
    let members = match members(warp, slot, on, mask)? {
        Ok(members) => members,
        Err(flow) => return Ok(flow),
    };
    match inst.op {
        Op::Shfl => shuffle(warp, inst, on)?,
        Op::VoteAll | Op::VoteAny | Op::VoteUni | Op::Ballot => {
            need_pred(warp, inst.a, on)?;
            let votes = pred(warp, inst.a) & members;
            let all = |yes: bool| if yes { u32::MAX } else { 0 };
            match inst.op {
                Op::Ballot => put_word(warp, inst.d, on, &[votes; 32]),
                Op::VoteAll => put_pred(warp, inst.d, on, all(votes == members)),
                Op::VoteAny => put_pred(warp, inst.d, on, all(votes != 0)),
                _ => put_pred(warp, inst.d, on, all(votes == members || votes == 0)),
            }
        }
        Op::Redux => {
            need_word(warp, inst.a, on)?;
            let values = warp.w[usize::from(inst.a)];
            let first = values[members.trailing_zeros() as usize % 32];
            let rest = members & (members - 1);
            let kind = Atomic::ALL[usize::from(inst.code)];
            let total = lanes(rest).fold(first, |total, lane| combine(kind, total, values[lane]));
            put_word(warp, inst.d, on, &[total; 32]);
        }
        Op::MatchAny => {
            need_word(warp, inst.a, on)?;
            let values = warp.w[usize::from(inst.a)];
            let mut equal = [0; 32];
            for lane in lanes(members) {
                let same = lanes(members).filter(|&other| values[other] == values[lane]);
                equal[lane] = same.fold(0, |mask, other| mask | 1 << other);
            }
            put_word(warp, inst.d, on, &equal);
        }
        Op::Elect => {
            let leader = members.trailing_zeros();
            put_word(warp, inst.d, on, &[leader; 32]);
            put_pred(warp, inst.e, on, 1 << leader);
        }
        _ => {}
    }
    Ok(Flow::Next)
}

/// One step of a reduction of 32 bits.
fn combine(kind: Atomic, a: u32, b: u32) -> u32 {
    match kind {
        Atomic::Add => a.wrapping_add(b),
        Atomic::MinU => a.min(b),
        Atomic::MaxU => a.max(b),
        Atomic::MinS => (a as i32).min(b as i32) as u32,
        Atomic::MaxS => (a as i32).max(b as i32) as u32,
        Atomic::And => a & b,
        Atomic::Or => a | b,
        _ => a ^ b,
    }
}

fn shuffle(warp: &mut Warp, inst: &Inst, on: u32) -> Result<(), Trouble> {
    for slot in [inst.a, inst.b, inst.c] {
        need_word(warp, slot, on)?;
    }
    let [source, by, clamp] = [inst.a, inst.b, inst.c].map(|s| warp.w[usize::from(s)]);
    let (mut values, mut inside) = ([0; 32], 0);
    for lane in lanes(on) {
        let (at, by, clamp) = (lane as u32, by[lane] & 31, clamp[lane]);
        let segment = clamp >> 8 & 31;
        let last = at & segment | clamp & 31 & !segment;
        let (from, valid) = match inst.code {
            0 => {
                let from = at & segment | by & !segment & 31;
                (from, from <= last)
            }
            1 => (at ^ by, at ^ by <= last),
            // Up: the bound is the segment's first lane.
            2 => (at.wrapping_sub(by), at as i32 - by as i32 >= last as i32),
            _ => (at + by, at + by <= last),
        };
        let from = if valid { from } else { at };
        if on >> from & 1 == 0 {
            let what = format!("lane {at} reads from lane {from}, which takes no part");
            return Err(trouble(FaultKind::Operand(what), at));
        }
        values[lane] = source[from as usize];
        inside |= u32::from(valid) << lane;
    }
    put_word(warp, inst.d, on, &values);
    put_pred(warp, inst.e, on, inside);
    Ok(())
}
