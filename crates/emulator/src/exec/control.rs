//! Branches, ends and barriers.

use super::{Context, Flow, Trouble, trouble};
use crate::cluster::Cluster;
use crate::exec::alu;
use crate::fault::FaultKind;
use crate::op::Op;
use crate::program::Inst;
use crate::warp::Warp;

pub(super) fn step(
    warp: &mut Warp,
    context: &mut Context,
    inst: &Inst,
    on: u32,
    mask: u32,
) -> Result<Flow, Trouble> {
    match inst.op {
        Op::Bra => Ok(Flow::Branch(inst.imm as u32, on)),
        Op::Exit if on == 0 => Ok(Flow::Next),
        Op::Exit => Ok(Flow::Exit(on)),
        Op::Trap if on != 0 => Err(trouble(FaultKind::Trap, on.trailing_zeros())),
        Op::BarSync | Op::BarArrive => barrier(warp, context, inst, mask),
        // Fences order what is in order here; prefetches and sleeps change no value.
        _ => Ok(Flow::Next),
    }
}

/// A value that all lanes have to agree on.
pub(super) fn uniform(warp: &Warp, slot: u16, lanes: u32) -> Result<u32, Trouble> {
    alu::need_word(warp, slot, lanes)?;
    let values = &warp.w[usize::from(slot)];
    let first = values[lanes.trailing_zeros() as usize % 32];
    let odd = (0..32).find(|&i| lanes >> i & 1 == 1 && values[i as usize] != first);
    match odd {
        None => Ok(first),
        Some(lane) => {
            let other = values[lane as usize];
            let what = format!("lanes give {first} and {other}, where all have to give the same");
            Err(trouble(FaultKind::Operand(what), lane))
        }
    }
}

fn barrier(
    warp: &mut Warp,
    context: &mut Context,
    inst: &Inst,
    mask: u32,
) -> Result<Flow, Trouble> {
    let id = uniform(warp, inst.a, mask)?;
    let waits = inst.op == Op::BarSync;
    let need = match waits && inst.count == 0 {
        true => context.threads.next_multiple_of(32),
        false => uniform(warp, inst.b, mask)?,
    };
    let Cluster { blocks, order, .. } = &mut *context.cluster;
    let done = blocks[context.block]
        .named
        .arrive(id, need, warp.agent, waits, order)
        .map_err(|kind| trouble(kind, mask.trailing_zeros()))?;
    if let Some(woken) = done {
        context.woken.extend(woken);
    }
    Ok(if waits { Flow::Barrier } else { Flow::Next })
}
