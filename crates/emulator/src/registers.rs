//! Registers of a block, which `setmaxnreg` moves between its warps.

use crate::fault::FaultKind;
use crate::program::Program;

/// Registers of a processor.
const ALL: u32 = 1 << 16;

/// How many registers each warp's threads have, and how many nobody has.
#[derive(Debug)]
pub(crate) struct Registers {
    each: Vec<u32>,
    /// Registers a lane, over all warps.
    free: u32,
}

impl Registers {
    /// As a launch shares them out: all, in eights, unless the text says fewer.
    pub(crate) fn of(program: &Program, warps: usize) -> Self {
        let equal = ALL / 32 / warps.max(1) as u32 / 8 * 8;
        let each = program.max_registers.unwrap_or(u32::MAX).min(equal).min(255);
        Self { each: vec![each; warps], free: 0 }
    }

    /// Whether the warp has so many now; if not they are not free yet.
    pub(crate) fn set(&mut self, warp: usize, to: u32, more: bool) -> Result<bool, FaultKind> {
        let refuse = |what: String| Err(FaultKind::Operand(what));
        if !(24..=256).contains(&to) || !to.is_multiple_of(8) {
            return refuse(format!("{to} registers; multiples of 8 from 24 to 256 are allowed"));
        }
        let now = self.each[warp];
        match more {
            true if now > to => refuse(format!("more registers, {to}, where the warp has {now}")),
            false if now < to => refuse(format!("fewer registers, {to}, where the warp has {now}")),
            true if to - now > self.free => Ok(false),
            _ => {
                self.free = self.free + now - to;
                self.each[warp] = to;
                Ok(true)
            }
        }
    }
}
