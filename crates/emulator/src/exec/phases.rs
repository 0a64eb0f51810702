//! mbarriers, barriers of a cluster, and the fences behind which others see them.

use super::access::addresses;
use super::alu::{need_long, need_word, put_pred, put_word};
use super::collective::lanes;
use super::{Context, Flow, RANK_SHIFT, Trouble, trouble};
use crate::cluster::{Block, Cluster};
use crate::fault::FaultKind;
use crate::op::Op;
use crate::program::Inst;
use crate::warp::{Warp, Words};

pub(super) fn step(
    warp: &mut Warp,
    context: &mut Context,
    inst: &Inst,
    pc: u32,
    on: u32,
) -> Result<Flow, Trouble> {
    if on == 0 {
        return Ok(Flow::Next);
    }
    match inst.op {
        Op::FenceInit => {
            let Cluster { blocks, order, .. } = &mut *context.cluster;
            blocks[context.block].phases.fence(warp.agent, order);
        }
        Op::FenceAsync => {
            let Cluster { blocks, order, .. } = &mut *context.cluster;
            blocks[context.block].phases.fence(warp.agent, order);
            order.fence_async(warp.agent, on);
        }
        Op::Mapa => {
            for slot in [inst.a, inst.b] {
                need_word(warp, slot, on)?;
            }
            let [at, rank] = [inst.a, inst.b].map(|slot| warp.w[usize::from(slot)]);
            let blocks = context.cluster.blocks.len() as u32;
            let mut to = [0; 32];
            for lane in lanes(on) {
                if rank[lane] >= blocks {
                    let what = format!("block {} of a cluster of {blocks}", rank[lane]);
                    return Err(trouble(FaultKind::Operand(what), lane as u32));
                }
                to[lane] = (rank[lane] + 1) << RANK_SHIFT | at[lane] & ((1 << RANK_SHIFT) - 1);
            }
            put_word(warp, inst.d, on, &to);
        }
        Op::ClusterArrive | Op::ClusterArriveRelaxed => {
            let releases = inst.op == Op::ClusterArrive;
            let Cluster { blocks, meeting, order, .. } = &mut *context.cluster;
            let met = meeting
                .arrive(warp.agent, releases, order, &mut context.roused)
                .map_err(|kind| trouble(kind, 0))?;
            if met {
                blocks.iter_mut().for_each(|block| block.phases.publish());
            }
        }
        Op::ClusterWait => {
            let Cluster { meeting, order, .. } = &mut *context.cluster;
            let met = meeting.wait(warp.agent, order).map_err(|kind| trouble(kind, 0))?;
            return Ok(if met { Flow::Next } else { Flow::Event });
        }
        Op::PhaseTry | Op::PhaseTest => return wait(warp, context, inst, on),
        _ => change(warp, context, inst, pc, on)?,
    }
    Ok(Flow::Next)
}

/// What lanes do to mbarriers, one after another.
fn change(
    warp: &mut Warp,
    context: &mut Context,
    inst: &Inst,
    pc: u32,
    on: u32,
) -> Result<(), Trouble> {
    let to = addresses(warp, inst, on)?;
    let counted = match inst.op {
        Op::PhaseInval => false,
        Op::PhaseArrive => inst.count == 1,
        _ => true,
    };
    let mut counts = [1; 32];
    if counted {
        need_word(warp, inst.b, on)?;
        counts = warp.w[usize::from(inst.b)];
    }
    for lane in lanes(on) {
        let count = counts[lane];
        let mut one = || {
            let (block, address) = context.resolve(to[lane])?;
            let elsewhere = block != context.block;
            let Cluster { blocks, order, .. } = &mut *context.cluster;
            let Block { phases, shared, .. } = &mut blocks[block];
            let (arrivals, bytes) = match inst.op {
                Op::PhaseInit => {
                    shared.begin_barrier(address, &order.by(warp.agent, pc))?;
                    return phases.make(address, count, warp.agent, order);
                }
                Op::PhaseInval => {
                    shared.end_barrier(address);
                    return phases.remove(address);
                }
                Op::PhaseArrive => (count, 0),
                Op::PhaseArriveExpect => (1, count),
                _ => (0, count),
            };
            phases.arrive(
                address,
                (arrivals, i64::from(bytes)),
                (warp.agent, elsewhere),
                order,
                &mut context.roused,
            )
        };
        one().map_err(|kind| trouble(kind, lane as u32))?;
    }
    Ok(())
}

fn wait(warp: &mut Warp, context: &mut Context, inst: &Inst, on: u32) -> Result<Flow, Trouble> {
    let to = addresses(warp, inst, on)?;
    need_word(warp, inst.b, on)?;
    let parities: Words = warp.w[usize::from(inst.b)];
    let (mut left, mut done) = (on, 0);
    while left != 0 {
        let first = left.trailing_zeros() as usize;
        let same = lanes(left).filter(|&l| (to[l], parities[l]) == (to[first], parities[first]));
        let same = same.fold(0, |mask, lane| mask | 1u32 << lane);
        let Cluster { blocks, order, .. } = &mut *context.cluster;
        let phases = &mut blocks[context.block].phases;
        let complete = phases
            .wait(to[first], parities[first], (warp.agent, same), order)
            .map_err(|kind| trouble(kind, first as u32))?;
        if complete {
            done |= same;
        }
        left &= !same;
    }
    if done == 0 {
        context.pause = true;
        // The hardware may also give up: so does this now and then.
        let gives_up = match (&mut context.random, inst.op) {
            (_, Op::PhaseTest) => true,
            (Some(random), _) => random.below(8) == 0,
            (None, _) => false,
        };
        if !gives_up {
            for lane in lanes(on) {
                context.cluster.blocks[context.block].phases.await_phase(to[lane], warp.agent);
            }
            return Ok(Flow::Event);
        }
    }
    put_pred(warp, inst.d, on, done);
    Ok(Flow::Next)
}

/// A 64-bit operand that all lanes have to agree on.
pub(super) fn uniform_long(warp: &Warp, slot: u16, on: u32, what: &str) -> Result<u64, Trouble> {
    need_long(warp, slot, on)?;
    let values = &warp.l[usize::from(slot)];
    let first = values[on.trailing_zeros() as usize % 32];
    match lanes(on).find(|&lane| values[lane] != first) {
        None => Ok(first),
        Some(lane) => {
            let what = format!("lanes give {what} {first:#x} and {:#x}", values[lane]);
            Err(trouble(FaultKind::Operand(what), lane as u32))
        }
    }
}
