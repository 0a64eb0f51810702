//! Operands: names and numbers become slots.

use super::{Decoder, Name, SPECIAL};
use crate::op::Op;
use crate::program::{Address, FLIP, Inst, Reg, SINK, SPECIALS};
use crate::text::{Location, Operand, Statement, TextError, error};

impl Decoder {
    pub(super) fn operands(
        &mut self,
        inst: &mut Inst,
        signature: &'static str,
        s: &Statement,
    ) -> Result<(), TextError> {
        let (to, from) = signature.split_once('=').unwrap_or(("", signature));
        let mut given = s.operands.iter();
        let wrong = || {
            error(
                &s.at,
                format!(
                    "{} takes the operands {signature}, here are {}",
                    s.opcode,
                    s.operands.len()
                ),
            )
        };
        for letter in to.split_whitespace() {
            let Some(operand) = given.next() else { return wrong() };
            self.destination(inst, letter, operand, &s.at)?;
        }
        let mut sources = 0;
        for letter in from.split_whitespace() {
            let operand = match given.next() {
                Some(operand) => operand,
                // The thread count of a barrier.
                None if letter.ends_with('?') => {
                    inst.count = 0;
                    continue;
                }
                None => return wrong(),
            };
            if letter.ends_with('?') {
                inst.count = 1;
            }
            let slot = self.source(inst, letter.trim_end_matches('?'), operand, &s.at)?;
            if let Some(slot) = slot {
                match sources {
                    0 => inst.a = slot,
                    1 => inst.b = slot,
                    2 => inst.c = slot,
                    _ => inst.f = slot,
                }
                sources += 1;
            }
        }
        if given.next().is_some() {
            return wrong();
        }
        Ok(())
    }

    fn destination(
        &mut self,
        inst: &mut Inst,
        letter: &str,
        operand: &Operand,
        at: &Location,
    ) -> Result<(), TextError> {
        let (first, second) = match (letter.ends_with('?'), operand) {
            (true, Operand::Pair(first, second)) => (&**first, Some(&**second)),
            _ => (operand, None),
        };
        inst.e = match second {
            Some(Operand::Name(name)) => self.predicate(name, at)?,
            Some(Operand::Sink) | None => SINK,
            Some(_) => return error(at, "the second destination is a predicate"),
        };
        match letter.trim_end_matches('?') {
            "_" => match first {
                Operand::Sink => inst.d = SINK,
                _ => return error(at, "what it returns is not kept here; `_` is allowed"),
            },
            "p" => {
                inst.d = match first {
                    Operand::Name(name) => self.predicate(name, at)?,
                    Operand::Sink => SINK,
                    _ => return error(at, "the destination is a predicate"),
                }
            }
            vector if vector.starts_with('v') || inst.op.loads() => {
                self.list(inst, vector, first, true, at)?
            }
            letter => inst.d = self.register(letter, first, at)?.slot,
        }
        Ok(())
    }

    /// Registers in braces, or one without.
    fn list(
        &mut self,
        inst: &mut Inst,
        letters: &str,
        operand: &Operand,
        to: bool,
        at: &Location,
    ) -> Result<(), TextError> {
        let (n, letter) = match letters.strip_prefix('v') {
            Some(rest) => rest.split_at(1),
            None => ("1", letters),
        };
        let one = [operand.clone()];
        let elements: &[Operand] = match operand {
            Operand::Vector(elements) => elements,
            _ if n == "1" => &one,
            _ => return error(at, format!("{n} registers in braces are needed")),
        };
        if elements.len().to_string() != n {
            return error(at, format!("{} registers in braces, {n} are needed", elements.len()));
        }
        inst.list = self.lists.len() as u32;
        inst.count = elements.len() as u8;
        for element in elements {
            let reg = match (to, element) {
                (true, _) | (false, Operand::Name(_)) if !matches!(element, Operand::Name(n) if SPECIALS.contains(&n.as_str())) => {
                    self.register(letter, element, at)?
                }
                (_, element) => {
                    let long = letter == "l";
                    let letter = if long { "l" } else { "w" };
                    let slot = self.value(letter, element, at)?;
                    Reg { slot, long, bits: if long { 64 } else { 32 } }
                }
            };
            self.lists.push(reg);
        }
        Ok(())
    }

    fn source(
        &mut self,
        inst: &mut Inst,
        letter: &str,
        operand: &Operand,
        at: &Location,
    ) -> Result<Option<u16>, TextError> {
        match letter {
            "p" | "P" => match operand {
                Operand::Name(name) => Ok(Some(self.predicate(name, at)?)),
                Operand::Not(name) if letter == "P" => Ok(Some(self.predicate(name, at)? | FLIP)),
                _ => error(at, "a predicate is needed here"),
            },
            "i" => match operand {
                Operand::Int(value) => {
                    inst.imm = *value as i64;
                    Ok(None)
                }
                _ => error(at, "a constant is needed here"),
            },
            "t" => match operand {
                Operand::Name(name) => {
                    let label = self.scopes.iter().rev().find_map(|s| s.labels.get(name));
                    let Some(label) = label else {
                        return error(at, format!("there is no label {name} in scope"));
                    };
                    inst.imm = *label as i64;
                    Ok(None)
                }
                _ => error(at, "a label is needed here"),
            },
            "m" => self.memory(inst, operand, at).map(Some),
            list if list.starts_with('v') || matches!(list, "x" | "u") => {
                self.list(inst, list, operand, false, at)?;
                Ok(None)
            }
            // Stored values are lists, so that all widths go one way.
            "w" | "l" if inst.op.stores() => {
                self.list(inst, letter, operand, false, at)?;
                Ok(None)
            }
            letter => self.value(letter, operand, at).map(Some),
        }
    }

    /// The slot of an address's register; its constant part goes into the instruction.
    fn memory(
        &mut self,
        inst: &mut Inst,
        operand: &Operand,
        at: &Location,
    ) -> Result<u16, TextError> {
        let (address, coordinates) = self.address(inst.op.space(), operand, at)?;
        if !coordinates.is_empty() {
            return error(at, "coordinates are not taken here");
        }
        inst.imm = address.offset;
        inst.wide = address.long;
        Ok(address.slot)
    }

    /// An address in brackets, with the coordinates that follow it.
    pub(super) fn address<'o>(
        &mut self,
        space: Space,
        operand: &'o Operand,
        at: &Location,
    ) -> Result<(Address, &'o [Operand]), TextError> {
        let Operand::Memory { base, offset, coordinates } = operand else {
            return error(at, "an address in brackets is needed here");
        };
        let Ok(mut offset) = i64::try_from(*offset) else {
            return error(at, "the offset does not fit");
        };
        let mut long = false;
        let slot = match base.as_deref() {
            None => self.word_constant(0),
            Some(name) => match self.find(name) {
                Some(Name::Register { bits: 32, .. }) if space == Space::Global => {
                    return error(at, format!("{name} has 32 bits; a global address has 64"));
                }
                Some(Name::Register { bits: 32, slot }) if space != Space::Param => slot,
                Some(Name::Register { bits: 64, slot }) => {
                    long = true;
                    slot
                }
                Some(Name::Param(start)) if space == Space::Param => {
                    offset += i64::from(start);
                    self.word_constant(0)
                }
                Some(Name::Shared(address)) if space == Space::Shared => {
                    offset += i64::from(address);
                    self.word_constant(0)
                }
                Some(_) => return error(at, format!("{name} is no address in this space")),
                None => return error(at, format!("{name} is not declared")),
            },
        };
        Ok((Address { slot, long, offset }, coordinates))
    }

    pub(super) fn predicate(&self, name: &str, at: &Location) -> Result<u16, TextError> {
        match self.find(name) {
            Some(Name::Register { bits: 1, slot }) => Ok(slot),
            Some(_) => error(at, format!("{name} is no predicate")),
            None => error(at, format!("{name} is not declared")),
        }
    }

    /// A register that is written, or read as it is.
    pub(super) fn register(
        &self,
        letter: &str,
        operand: &Operand,
        at: &Location,
    ) -> Result<Reg, TextError> {
        let name = match operand {
            Operand::Sink => {
                let long = letter == "l";
                return Ok(Reg { slot: SINK, long, bits: if long { 64 } else { 32 } });
            }
            Operand::Name(name) => name,
            _ => return error(at, "a register is needed here"),
        };
        let Some(Name::Register { bits, slot }) = self.find(name) else {
            return error(at, format!("{name} is no declared register"));
        };
        let fits = match letter {
            "w" => bits == 32,
            "l" => bits == 64,
            "h" => bits == 16,
            "n" => bits == 16 || bits == 32,
            "u" => bits == 32 || bits == 64,
            _ => bits != 1,
        };
        match fits {
            true => Ok(Reg { slot, long: bits == 64, bits: bits as u8 }),
            false => error(at, format!("{name} has {bits} bits, which does not fit here")),
        }
    }

    /// A register, a constant, an address or a special register.
    pub(super) fn value(
        &mut self,
        letter: &str,
        operand: &Operand,
        at: &Location,
    ) -> Result<u16, TextError> {
        let long = letter == "l";
        let constant = |value: i128| {
            let (low, high) = match letter {
                "l" => (i64::MIN as i128, u64::MAX as i128),
                "h" => (i16::MIN as i128, u16::MAX as i128),
                _ => (i32::MIN as i128, u32::MAX as i128),
            };
            (low..=high).contains(&value).then_some(value as u64)
        };
        let value = match operand {
            Operand::Int(value) => *value,
            Operand::F32(bits) if letter == "w" => i128::from(*bits),
            Operand::F64(bits) if long => i128::from(*bits),
            Operand::Name(name) => {
                if let Some(i) = SPECIALS.iter().position(|s| s == name) {
                    return match letter {
                        "w" => Ok(SPECIAL + i as u16),
                        _ => error(at, format!("{name} has 32 bits")),
                    };
                }
                match self.find(name) {
                    Some(Name::Shared(address)) if letter == "w" || long => i128::from(address),
                    Some(Name::Param(start)) if long => i128::from(start),
                    Some(Name::Register { .. }) => {
                        return Ok(self.register(letter, operand, at)?.slot);
                    }
                    Some(_) => return error(at, format!("{name} cannot be a value here")),
                    None => return error(at, format!("{name} is not declared")),
                }
            }
            Operand::Offset(name, offset) => match self.find(name) {
                Some(Name::Shared(address)) if letter == "w" || long => {
                    i128::from(address) + offset
                }
                _ => return error(at, format!("{name} is no address")),
            },
            _ => return error(at, "a register or a constant is needed here"),
        };
        let Some(value) = constant(value) else {
            return error(at, format!("{value} does not fit here"));
        };
        Ok(match letter {
            "l" => self.long_constant(value),
            "h" => self.word_constant(value as u16 as u32),
            _ => self.word_constant(value as u32),
        })
    }
}

/// Where an address points.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Space {
    Param,
    Shared,
    /// Global memory, and generic addresses.
    Global,
}

impl Op {
    /// The space of its address.
    fn space(self) -> Space {
        match self {
            Self::LdParam => Space::Param,
            Self::LdGlobal
            | Self::StGlobal
            | Self::AtomGlobal
            | Self::RedGlobal
            | Self::Prefetch
            | Self::PrefetchMap => Space::Global,
            _ => Space::Shared,
        }
    }

    /// Whether its destination is a list.
    fn loads(self) -> bool {
        matches!(
            self,
            Self::LdParam | Self::LdGlobal | Self::LdShared | Self::LdCluster | Self::LdMatrix
        )
    }

    /// Whether its value operand is a list.
    fn stores(self) -> bool {
        matches!(self, Self::StGlobal | Self::StShared | Self::StCluster)
    }
}
