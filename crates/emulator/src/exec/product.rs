//! `wgmma`, and the registers of a warpgroup.

use super::alu::{need_pred, need_word, pred};
use super::phases::uniform_long;
use super::{Context, Flow, Trouble, trouble};
use crate::cluster::Cluster;
use crate::fault::FaultKind;
use crate::op::Op;
use crate::products::Call;
use crate::program::{Choice, Inst, MatrixA};
use crate::warp::Warp;

pub(super) fn step(
    warp: &mut Warp,
    context: &mut Context,
    inst: &Inst,
    pc: u32,
    on: u32,
) -> Result<Flow, Trouble> {
    let program = context.program;
    let fault = |kind| trouble(kind, on.trailing_zeros() % 32);
    let Cluster { blocks, order, products, registers, .. } = &mut *context.cluster;
    match inst.op {
        Op::ProductFence => warp.epoch += 1,
        Op::ProductCommit => products.commit(warp),
        Op::ProductWait => {
            let but = usize::try_from(inst.imm).unwrap_or(0);
            let done = products.wait(but, warp, program, order).map_err(fault)?;
            return Ok(if done { Flow::Next } else { Flow::Event });
        }
        Op::SetRegisters => {
            let more = program.sites[pc as usize].opcode.starts_with("setmaxnreg.inc");
            let to = u32::try_from(inst.imm).unwrap_or(0);
            let pool = &mut registers[context.block];
            let done = pool.set(usize::from(warp.index), to, more).map_err(fault)?;
            if !done {
                return Ok(Flow::Event);
            }
            let first = warp.agent - warp.index;
            context.roused.extend(first..first + context.threads.div_ceil(32) as u16);
        }
        _ => {
            let operands = &program.products[inst.list as usize];
            let a = match operands.a {
                MatrixA::Shared(slot) => Some(uniform_long(warp, slot, on, "descriptors")?),
                MatrixA::Registers(slots) => {
                    for slot in slots {
                        need_word(warp, slot, on)?;
                    }
                    None
                }
            };
            let b = uniform_long(warp, operands.b, on, "descriptors")?;
            let accumulate = match operands.accumulate {
                Choice::Constant(value) => value,
                Choice::Predicate(slot) => {
                    need_pred(warp, slot, on)?;
                    let lanes = pred(warp, slot) & on;
                    if lanes != 0 && lanes != on {
                        let what = "lanes give scale-d both ways".to_string();
                        return Err(fault(FaultKind::Operand(what)));
                    }
                    lanes != 0
                }
            };
            let call = Call { site: pc, operands: inst.list as usize, a, b, accumulate };
            products.issue(call, warp, program, blocks, order).map_err(fault)?;
            context.pause = true;
        }
    }
    Ok(Flow::Next)
}
