//! Operands of bulk copies and of matrix products.

use quarter_numerics::Format;

use super::Decoder;
use super::operands::Space;
use crate::op::Op;
use crate::program::{Choice, CopyOperands, FLIP, Inst, MatrixA, ProductOperands};
use crate::text::{Operand, Statement, TextError, error};

impl Decoder {
    /// By the letters of a signature: `m` is in shared memory, of a load the second one its
    /// mbarrier.
    pub(super) fn copy(
        &mut self,
        inst: &mut Inst,
        signature: &str,
        s: &Statement,
    ) -> Result<(), TextError> {
        let letters: Vec<&str> = signature.trim_start_matches('=').split(' ').collect();
        if letters.len() != s.operands.len() {
            let n = s.operands.len();
            return error(&s.at, format!("{} takes {signature}, here are {n}", s.opcode));
        }
        let (mut map, mut coordinates) = (None, Vec::new());
        let (mut shared, mut barrier, mut mask) = (None, None, None);
        for (letter, operand) in letters.into_iter().zip(&s.operands) {
            match letter {
                "m" => {
                    let (address, rest) = self.address(Space::Shared, operand, &s.at)?;
                    if !rest.is_empty() {
                        return error(&s.at, "coordinates are not taken here");
                    }
                    *(if shared.is_none() { &mut shared } else { &mut barrier }) = Some(address);
                }
                "h" => mask = Some(self.value("h", operand, &s.at)?),
                // Cache hints change no value.
                "l" => drop(self.value("l", operand, &s.at)?),
                _ => {
                    let (address, at) = self.address(Space::Global, operand, &s.at)?;
                    if at.len() != usize::from(inst.code) {
                        let (n, need) = (at.len(), inst.code);
                        return error(&s.at, format!("{n} coordinates, {need} are needed"));
                    }
                    map = Some(address);
                    for at in at {
                        coordinates.push(self.value("w", at, &s.at)?);
                    }
                }
            }
        }
        let Some(map) = map else { return error(&s.at, "a tensor map is needed") };
        inst.list = self.copies.len() as u32;
        self.copies.push(CopyOperands { map, coordinates, shared, barrier, mask });
        Ok(())
    }

    /// `{accumulators}, A, B, accumulate, 1, 1`.
    pub(super) fn product(&mut self, inst: &mut Inst, s: &Statement) -> Result<(), TextError> {
        let [d, a, b, accumulate, scale_a, scale_b] = &s.operands[..] else {
            let n = s.operands.len();
            return error(&s.at, format!("{} takes 6 operands, here are {n}", s.opcode));
        };
        let (n, half) = (8 * usize::from(inst.size), inst.code & 4 != 0);
        let registers = |operand: &Operand, count: usize| -> Result<Vec<u16>, TextError> {
            let Operand::Vector(elements) = operand else {
                return error(&s.at, format!("{count} registers in braces are needed"));
            };
            if elements.len() != count {
                let n = elements.len();
                return error(&s.at, format!("{n} registers in braces, {count} are needed"));
            }
            elements.iter().map(|e| Ok(self.register("w", e, &s.at)?.slot)).collect()
        };
        let accumulators = registers(d, if half { n / 4 } else { n / 2 })?;
        let a = match a {
            Operand::Vector(_) => {
                let slots = registers(a, 4)?;
                MatrixA::Registers([slots[0], slots[1], slots[2], slots[3]])
            }
            _ => MatrixA::Shared(self.value("l", a, &s.at)?),
        };
        let b = self.value("l", b, &s.at)?;
        let accumulate = match accumulate {
            Operand::Int(value @ (0 | 1)) => Choice::Constant(*value == 1),
            Operand::Name(name) => Choice::Predicate(self.predicate(name, &s.at)?),
            Operand::Not(name) => Choice::Predicate(self.predicate(name, &s.at)? | FLIP),
            _ => return error(&s.at, "scale-d is a predicate, or 0 or 1"),
        };
        let negative = |scale: &Operand| match scale {
            Operand::Int(1) => Ok(false),
            Operand::Int(-1) => Ok(true),
            _ => error(&s.at, "scales of A and B are 1 or -1"),
        };
        let negative = [negative(scale_a)?, negative(scale_b)?];
        let format = |bit: u8| if inst.code & bit == 0 { Format::E4m3 } else { Format::E5m2 };
        let formats = [format(1), format(2)];
        debug_assert_eq!(inst.op, Op::Product);
        inst.list = self.products.len() as u32;
        self.products.push(ProductOperands {
            accumulators,
            a,
            b,
            accumulate,
            negative,
            n,
            formats,
            half,
        });
        Ok(())
    }
}
