//! `stmatrix` and `ldmatrix`: 8 x 8 matrices of half-words between registers and shared memory.

use super::access::{addresses, count_shared, registers};
use super::alu::{need_word, put_word};
use super::{Context, Trouble, trouble};
use crate::op::Op;
use crate::program::Inst;
use crate::warp::Warp;

/// Lane `l` has two neighbouring elements, 2 (l % 4) and the next, of row l / 4 of each matrix;
/// transposed, of column l / 4. Lane 8 i + r names the address of row r of matrix i.
pub(super) fn step(
    warp: &mut Warp,
    context: &mut Context,
    inst: &Inst,
    pc: u32,
    on: u32,
) -> Result<(), Trouble> {
    let to = addresses(warp, inst, on)?;
    let regs = registers(context, inst);
    let transposed = inst.code == 1;
    let (mut phases, mut used) = ([0; 32], 0);
    for (i, reg) in regs.iter().enumerate() {
        let mut words = [0u32; 32];
        if inst.op == Op::StMatrix {
            need_word(warp, reg.slot, on)?;
            words = warp.w[usize::from(reg.slot)];
        }
        for row in 0..8 {
            let lane = 8 * i + row;
            phases[lane] = to[lane];
            used |= 1 << lane;
            // Which half of which lane's register is element `column` of the row.
            let place = |column: usize| match transposed {
                false => (4 * row + column / 2, 16 * (column % 2)),
                true => (4 * column + row / 2, 16 * (row % 2)),
            };
            let (shared, order) = context.shared();
            let fault = |kind| trouble(kind, lane as u32);
            if inst.op == Op::StMatrix {
                order.writes(warp.agent, on);
                let value = (0..8).fold(0u128, |value, column| {
                    let (from, shift) = place(column);
                    value | u128::from(words[from] >> shift & 0xffff) << (16 * column)
                });
                let by = order.by(warp.agent, pc);
                shared.store(to[lane], 16, value, &by).map_err(fault)?;
            } else {
                let by = order.by(warp.agent, pc);
                let value = shared.load(to[lane], 16, &by).map_err(fault)?;
                for column in 0..8 {
                    let (into, shift) = place(column);
                    words[into] |= ((value >> (16 * column)) as u32 & 0xffff) << shift;
                }
            }
        }
        if inst.op == Op::LdMatrix {
            put_word(warp, reg.slot, on, &words);
        }
    }
    count_shared(context, &phases, used, 16);
    Ok(())
}
