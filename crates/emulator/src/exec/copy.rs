//! Bulk copies: what is asked for, and the wait for it.

use super::alu::{need_long, need_word, put_long};
use super::collective::lanes;
use super::{Context, Flow, PARAM_WINDOW, RANK_SHIFT, Trouble, trouble};
use crate::cluster::Cluster;
use crate::copies::{Direction, Request};
use crate::fault::FaultKind;
use crate::op::Op;
use crate::program::{Address, Inst};
use crate::tensor_map::TensorMap;
use crate::warp::Warp;

pub(super) fn step(
    warp: &mut Warp,
    context: &mut Context,
    inst: &Inst,
    pc: u32,
    on: u32,
) -> Result<Flow, Trouble> {
    match inst.op {
        Op::CvtaParam => {
            need_long(warp, inst.a, on)?;
            let to = warp.l[usize::from(inst.a)].map(|at| at | PARAM_WINDOW);
            put_long(warp, inst.d, on, &to);
        }
        Op::PrefetchMap => {
            need_long(warp, inst.a, on)?;
            for lane in lanes(on) {
                let at = warp.l[usize::from(inst.a)][lane].wrapping_add_signed(inst.imm);
                map(context, at).map_err(|kind| trouble(kind, lane as u32))?;
            }
        }
        Op::CopyCommit => {
            lanes(on).for_each(|lane| context.cluster.copies.commit(warp.agent, lane as u8));
        }
        Op::CopyWait => {
            let but = usize::try_from(inst.imm).unwrap_or(0);
            let Cluster { copies, order, .. } = &mut *context.cluster;
            let mut wait = |lane| copies.wait((warp.agent, lane as u8), but, order);
            // Each lane that is done hears of it, whatever the others wait for.
            let waiting = lanes(on).filter(|lane| !wait(*lane)).count();
            return Ok(if waiting == 0 { Flow::Next } else { Flow::Event });
        }
        _ => {
            for lane in lanes(on) {
                start(warp, context, inst, pc, lane)?;
            }
            context.pause |= on != 0;
        }
    }
    Ok(Flow::Next)
}

fn start(
    warp: &mut Warp,
    context: &mut Context,
    inst: &Inst,
    pc: u32,
    lane: usize,
) -> Result<(), Trouble> {
    let operands = &context.program.copies[inst.list as usize];
    let bit = 1 << lane;
    let fault = |kind| trouble(kind, lane as u32);
    let address = |of: Address| -> Result<u64, Trouble> {
        let slot = usize::from(of.slot);
        let base = match of.long {
            true => {
                need_long(warp, of.slot, bit)?;
                warp.l[slot][lane]
            }
            false => {
                need_word(warp, of.slot, bit)?;
                warp.w[slot][lane].into()
            }
        };
        Ok(base.wrapping_add_signed(of.offset))
    };
    let map = map(context, address(operands.map)?).map_err(fault)?;
    if map.rank != operands.coordinates.len() {
        let (rank, n) = (map.rank, operands.coordinates.len());
        let what = format!("it has {rank} dimensions, and {n} coordinates are given");
        return Err(fault(FaultKind::TensorMap(what)));
    }
    let mut at = [0; 3];
    for (at, slot) in at.iter_mut().zip(&operands.coordinates) {
        need_word(warp, *slot, bit)?;
        *at = warp.w[usize::from(*slot)][lane] as i32;
    }
    let Some(shared) = operands.shared else { return Ok(()) };
    let (block, shared) = context.resolve(address(shared)?).map_err(fault)?;
    let mut blocks = vec![block];
    if let Some(mask) = operands.mask {
        need_word(warp, mask, bit)?;
        let mask = warp.w[usize::from(mask)][lane] & 0xffff;
        let all = context.cluster.blocks.len();
        if mask == 0 || mask >> all != 0 {
            let what = format!("multicast to blocks {mask:#b} of a cluster of {all}");
            return Err(fault(FaultKind::Operand(what)));
        }
        blocks = (0..all).filter(|block| mask >> block & 1 == 1).collect();
    }
    let direction = match operands.barrier {
        Some(barrier) => {
            let barrier = address(barrier)? & ((1 << RANK_SHIFT) - 1);
            let Cluster { blocks: all, order, .. } = &mut *context.cluster;
            for block in &blocks {
                let known = all[*block].phases.check(barrier, warp.agent, order);
                known.map_err(fault)?;
            }
            Direction::Load { barrier }
        }
        None if inst.op == Op::CopyReduce => Direction::Add,
        None => Direction::Store,
    };
    let (site, lane) = (pc, lane as u8);
    let request = Request { direction, map, at, shared, blocks, site, warp: warp.agent, lane };
    let Cluster { blocks, order, copies, .. } = &mut *context.cluster;
    copies.start(request, blocks, order).map_err(fault)
}

/// The tensor map at a generic address: in the parameters, or in global memory.
fn map(context: &mut Context, address: u64) -> Result<TensorMap, FaultKind> {
    if !address.is_multiple_of(64) {
        let bytes = 64;
        return Err(FaultKind::Misaligned { space: "tensor map", address, bytes });
    }
    let mut bytes = [0; TensorMap::BYTES];
    match address.checked_sub(PARAM_WINDOW).filter(|at| *at < 1 << 32) {
        Some(at) => {
            let found = context.params.get(at as usize..).and_then(|p| p.get(..bytes.len()));
            let Some(found) = found else {
                let near = format!("the entry has {} bytes of parameters", context.params.len());
                let bytes = TensorMap::BYTES as u32;
                return Err(FaultKind::OutOfBounds { space: "param", address: at, bytes, near });
            };
            bytes.copy_from_slice(found);
        }
        None => context.global.fetch(address, &mut bytes, true)?,
    }
    match TensorMap::decode(&bytes) {
        Some(map) => Ok(map),
        None => Err(FaultKind::TensorMap(format!("none is at {address:#x}"))),
    }
}
