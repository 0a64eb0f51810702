//! From statements to instructions: names become slots, spellings become work.

use std::collections::HashMap;

use crate::op::Op;
use crate::program::{ALWAYS, FLIP, Inst, Program, Reg, SINK, SPECIALS, Site};
use crate::table::{Form, table};
use crate::text::{
    Entry, Item, Location, Operand, Param, Scope, Statement, TextError, Variable, error,
};

/// Where shared memory begins: the first KiB of the window is the system's on sm_90.
pub(crate) const SHARED_BASE: u32 = 1024;

/// What a name stands for.
#[derive(Clone, Copy, Debug)]
enum Name {
    Register {
        bits: u32,
        slot: u16,
    },
    /// An address in shared memory.
    Shared(u32),
    /// The dynamic part of shared memory: its address is known at the end.
    Param(u32),
}

/// Names of one scope.
#[derive(Default)]
struct Names {
    names: HashMap<String, Name>,
    labels: HashMap<String, usize>,
}

/// A register file while it grows.
#[derive(Default)]
struct File {
    names: Vec<String>,
}

impl File {
    fn add(&mut self, name: &str, at: &Location) -> Result<u16, TextError> {
        let slot = self.names.len();
        self.names.push(name.into());
        match u16::try_from(slot) {
            Ok(slot) if slot < MOST => Ok(slot),
            _ => error(at, "more than 32512 registers"),
        }
    }
}

struct Decoder {
    scopes: Vec<Names>,
    words: File,
    longs: File,
    preds: File,
    /// Constants, with slots counted from 0 behind the registers.
    word_constants: Vec<u32>,
    long_constants: Vec<u64>,
    word_index: HashMap<u32, u16>,
    long_index: HashMap<u64, u16>,
    insts: Vec<Inst>,
    sites: Vec<Site>,
    lists: Vec<Reg>,
    /// Bytes of shared memory so far.
    shared: u32,
    /// Slots from here on are constants: known once all registers are.
    word_base: u16,
    long_base: u16,
}

/// Decodes one entry of a module.
pub(crate) fn decode(variables: &[Variable], entry: &Entry) -> Result<Program, TextError> {
    let mut decoder = Decoder {
        scopes: vec![Names::default()],
        words: File::default(),
        longs: File::default(),
        preds: File::default(),
        word_constants: Vec::new(),
        long_constants: Vec::new(),
        word_index: HashMap::new(),
        long_index: HashMap::new(),
        insts: Vec::new(),
        sites: Vec::new(),
        lists: Vec::new(),
        shared: 0,
        word_base: 0,
        long_base: 0,
    };
    decoder.entry(variables, entry)
}

fn statements(scope: &Scope) -> usize {
    scope
        .items
        .iter()
        .map(|item| match item {
            Item::Statement(_) => 1,
            Item::Scope(inner) => statements(inner),
            _ => 0,
        })
        .sum()
}

/// Static variables below a scope, in order.
fn count_registers(scope: &Scope, words: &mut usize, longs: &mut usize) {
    for item in &scope.items {
        match item {
            Item::Registers { bits, names, .. } => {
                let n: usize = names.iter().map(|(_, n)| n.unwrap_or(1) as usize).sum();
                match bits {
                    1 => {}
                    64 => *longs += n,
                    _ => *words += n,
                }
            }
            Item::Scope(inner) => count_registers(inner, words, longs),
            _ => {}
        }
    }
}

impl Decoder {
    fn entry(&mut self, variables: &[Variable], entry: &Entry) -> Result<Program, TextError> {
        for file in [&mut self.words, &mut self.longs, &mut self.preds] {
            file.add("always", &entry.at)?;
            file.add("_", &entry.at)?;
        }
        let (mut words, mut longs) = (2, 2);
        count_registers(&entry.body, &mut words, &mut longs);
        for (base, n) in [(&mut self.word_base, words), (&mut self.long_base, longs)] {
            match u16::try_from(n) {
                Ok(n) if n < MOST => *base = n,
                _ => return error(&entry.at, "more than 32512 registers"),
            }
        }
        let mut param_bytes = 0u32;
        for Param { name, align, bytes } in &entry.params {
            param_bytes = param_bytes.next_multiple_of(*align);
            self.declare(name, Name::Param(param_bytes), &entry.at)?;
            param_bytes += bytes;
        }
        let (fixed, dynamic): (Vec<_>, Vec<_>) = variables.iter().partition(|v| v.bytes.is_some());
        for variable in fixed {
            self.variable(variable)?;
        }
        // The dynamic part lies behind all static variables, also of inner scopes.
        self.static_of(&entry.body)?;
        let mut dynamic_shared = None;
        let end = self.shared;
        for variable in &dynamic {
            let start = end.next_multiple_of(variable.align.max(1));
            dynamic_shared = Some(dynamic_shared.map_or(start, |d: u32| d.max(start)));
        }
        for variable in dynamic {
            let start = dynamic_shared.unwrap_or(end);
            self.declare(&variable.name, Name::Shared(SHARED_BASE + start), &variable.at)?;
        }
        self.shared = variables_end(variables);
        self.scope(&entry.body, true)?;
        self.insts.push(Inst::new(Op::Exit));
        self.sites.push(Site { at: entry.at.clone(), opcode: "the end of the entry".into() });

        let specials = self.word_base as usize + self.word_constants.len();
        let Some(specials) = u16::try_from(specials).ok().filter(|s| *s < MOST) else {
            return error(&entry.at, "more than 32512 registers and constants");
        };
        self.resolve_specials(specials);
        Ok(Program {
            name: entry.name.clone(),
            insts: std::mem::take(&mut self.insts),
            sites: std::mem::take(&mut self.sites),
            lists: std::mem::take(&mut self.lists),
            word_names: std::mem::take(&mut self.words.names),
            long_names: std::mem::take(&mut self.longs.names),
            pred_names: std::mem::take(&mut self.preds.names),
            words: std::mem::take(&mut self.word_constants),
            longs: std::mem::take(&mut self.long_constants),
            specials,
            param_bytes,
            static_shared: end,
            dynamic_shared,
            required_threads: entry.required_threads,
            max_threads: entry.max_threads,
        })
    }

    /// Special registers were noted from the top of the slots down; now their place is known.
    fn resolve_specials(&mut self, base: u16) {
        let fix = |slot: &mut u16| {
            if *slot >= SPECIAL {
                *slot = base + (*slot - SPECIAL);
            }
        };
        for inst in &mut self.insts {
            // No other slot is so high, not even a negated predicate.
            for slot in [&mut inst.a, &mut inst.b, &mut inst.c, &mut inst.f] {
                fix(slot);
            }
        }
        for reg in &mut self.lists {
            fix(&mut reg.slot);
        }
    }

    fn declare(&mut self, name: &str, what: Name, at: &Location) -> Result<(), TextError> {
        let Some(scope) = self.scopes.last_mut() else { return Ok(()) };
        match scope.names.insert(name.into(), what) {
            None => Ok(()),
            Some(_) => error(at, format!("{name} is declared twice")),
        }
    }

    fn variable(&mut self, variable: &Variable) -> Result<(), TextError> {
        let start = self.shared.next_multiple_of(variable.align.max(1));
        let end = variable.bytes.and_then(|bytes| start.checked_add(bytes));
        let Some(end) = end.filter(|end| *end <= 1 << 20) else {
            return error(&variable.at, "shared memory of more than 1 MiB");
        };
        self.shared = end;
        self.declare(&variable.name, Name::Shared(SHARED_BASE + start), &variable.at)
    }

    /// Adds up the static variables of inner scopes, as `scope` will meet them.
    fn static_of(&mut self, scope: &Scope) -> Result<(), TextError> {
        for item in &scope.items {
            match item {
                Item::Shared(variable) => {
                    let Some(bytes) = variable.bytes else {
                        return error(
                            &variable.at,
                            "dynamic shared memory is declared outside of entries",
                        );
                    };
                    let start = self.shared.next_multiple_of(variable.align.max(1));
                    self.shared = start.saturating_add(bytes);
                }
                Item::Scope(inner) => self.static_of(inner)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn scope(&mut self, scope: &Scope, outermost: bool) -> Result<(), TextError> {
        if !outermost {
            self.scopes.push(Names::default());
        }
        // Labels are seen before they are reached.
        let mut pc = self.insts.len();
        let mut labels = HashMap::new();
        for item in &scope.items {
            match item {
                Item::Statement(_) => pc += 1,
                Item::Scope(inner) => pc += statements(inner),
                Item::Label(name, at) if labels.insert(name.clone(), pc).is_some() => {
                    return error(at, format!("label {name} is declared twice"));
                }
                _ => {}
            }
        }
        if let Some(names) = self.scopes.last_mut() {
            names.labels = labels;
        }
        for item in &scope.items {
            match item {
                Item::Registers { bits, names, at } => self.registers(*bits, names, at)?,
                Item::Shared(variable) => self.variable(variable)?,
                Item::Label(..) => {}
                Item::Statement(statement) => self.statement(statement)?,
                Item::Scope(inner) => self.scope(inner, false)?,
            }
        }
        if !outermost {
            self.scopes.pop();
        }
        Ok(())
    }

    fn registers(
        &mut self,
        bits: u32,
        names: &[(String, Option<u32>)],
        at: &Location,
    ) -> Result<(), TextError> {
        for (name, count) in names {
            let numbered: Vec<String> = match count {
                None => vec![name.clone()],
                Some(n) => (0..*n).map(|i| format!("{name}{i}")).collect(),
            };
            for name in numbered {
                if SPECIALS.iter().any(|s| s.split('.').next() == Some(&*name)) {
                    return error(at, format!("{name} would hide the special register"));
                }
                let file = match bits {
                    1 => &mut self.preds,
                    64 => &mut self.longs,
                    _ => &mut self.words,
                };
                let slot = file.add(&name, at)?;
                self.declare(&name, Name::Register { bits, slot }, at)?;
            }
        }
        Ok(())
    }

    fn find(&self, name: &str) -> Option<Name> {
        self.scopes.iter().rev().find_map(|scope| scope.names.get(name).copied())
    }

    fn word_constant(&mut self, value: u32) -> u16 {
        let next = self.word_base + self.word_constants.len() as u16;
        let constants = &mut self.word_constants;
        *self.word_index.entry(value).or_insert_with(|| {
            constants.push(value);
            next
        })
    }

    fn long_constant(&mut self, value: u64) -> u16 {
        let next = self.long_base + self.long_constants.len() as u16;
        let constants = &mut self.long_constants;
        *self.long_index.entry(value).or_insert_with(|| {
            constants.push(value);
            next
        })
    }

    fn statement(&mut self, s: &Statement) -> Result<(), TextError> {
        // How nvcc negates: exclusive or with all ones.
        if let ("xor.pred", [to, Operand::Name(from), Operand::Int(-1)]) =
            (s.opcode.as_str(), &s.operands[..])
        {
            let operands = vec![to.clone(), Operand::Name(from.clone())];
            let negation = Statement { opcode: "not.pred".into(), operands, ..s.clone() };
            return self.statement(&negation);
        }
        if let ("mov.pred", [to, Operand::Int(value)]) = (s.opcode.as_str(), &s.operands[..]) {
            // A constant, which no file of predicates holds: whether it is another one than 0.
            let operands = vec![to.clone(), Operand::Int(*value), Operand::Int(0)];
            return self.statement(&Statement {
                opcode: "setp.ne.s32".into(),
                operands,
                ..s.clone()
            });
        }
        let Some(&form) = table().get(&s.opcode) else {
            return error(&s.at, unknown(&s.opcode));
        };
        let form = vector_move(form, s);
        let mut inst = Inst {
            size: form.size,
            signed: form.signed,
            code: form.code,
            aligned: form.aligned,
            ..Inst::new(form.op)
        };
        if let Some((name, negated)) = &s.guard {
            inst.guard = self.predicate(name, &s.at)? | if *negated { FLIP } else { 0 };
        }
        self.operands(&mut inst, form.signature, s)?;
        self.insts.push(inst);
        self.sites.push(Site { at: s.at.clone(), opcode: s.opcode.clone() });
        Ok(())
    }

    fn operands(
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
        let Operand::Memory { base, offset, coordinates } = operand else {
            return error(at, "an address in brackets is needed here");
        };
        if !coordinates.is_empty() {
            return error(at, "coordinates are not taken here");
        }
        let Ok(offset) = i64::try_from(*offset) else {
            return error(at, "the offset does not fit");
        };
        inst.imm = offset;
        let param = inst.op == Op::LdParam;
        let shared =
            matches!(inst.op, Op::LdShared | Op::StShared | Op::AtomShared | Op::RedShared);
        match base.as_deref() {
            None => {
                inst.wide = false;
                Ok(self.word_constant(0))
            }
            Some(name) => match self.find(name) {
                Some(Name::Register { bits: 32, slot }) if !param => {
                    inst.wide = false;
                    match inst.op {
                        Op::LdGlobal
                        | Op::StGlobal
                        | Op::AtomGlobal
                        | Op::RedGlobal
                        | Op::Prefetch => {
                            error(at, format!("{name} has 32 bits; a global address has 64"))
                        }
                        _ => Ok(slot),
                    }
                }
                Some(Name::Register { bits: 64, slot }) => {
                    inst.wide = true;
                    Ok(slot)
                }
                Some(Name::Param(start)) if param => {
                    inst.imm += i64::from(start);
                    Ok(self.word_constant(0))
                }
                Some(Name::Shared(address)) if shared => {
                    inst.imm += i64::from(address);
                    Ok(self.word_constant(0))
                }
                Some(_) => error(at, format!("{name} is no address in this space")),
                None => error(at, format!("{name} is not declared")),
            },
        }
    }

    fn predicate(&self, name: &str, at: &Location) -> Result<u16, TextError> {
        match self.find(name) {
            Some(Name::Register { bits: 1, slot }) => Ok(slot),
            Some(_) => error(at, format!("{name} is no predicate")),
            None => error(at, format!("{name} is not declared")),
        }
    }

    /// A register that is written, or read as it is.
    fn register(&self, letter: &str, operand: &Operand, at: &Location) -> Result<Reg, TextError> {
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
    fn value(&mut self, letter: &str, operand: &Operand, at: &Location) -> Result<u16, TextError> {
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

/// Bytes of a module's own static variables.
fn variables_end(variables: &[Variable]) -> u32 {
    variables
        .iter()
        .filter_map(|v| Some((v.align, v.bytes?)))
        .fold(0, |end: u32, (align, bytes)| {
            end.next_multiple_of(align.max(1)).saturating_add(bytes)
        })
}

/// `mov` with braces packs or unpacks.
fn vector_move(form: Form, s: &Statement) -> Form {
    let braces = |i: usize| match s.operands.get(i) {
        Some(Operand::Vector(v)) => v.len(),
        _ => 0,
    };
    let (op, signature) = match (form.op, braces(0), braces(1)) {
        (Op::MovW, 0, 2) => (Op::PackW, "w=v2h"),
        (Op::MovW, 2, 0) => (Op::UnpackW, "v2h=w"),
        (Op::MovL, 0, 2) => (Op::PackL, "l=v2w"),
        (Op::MovL, 2, 0) => (Op::UnpackL, "v2w=l"),
        (Op::MovL, 0, 4) => (Op::PackLH, "l=v4h"),
        (Op::MovL, 4, 0) => (Op::UnpackLH, "v4h=l"),
        _ => return form,
    };
    Form { op, signature, ..form }
}

/// What to say of a spelling that is not in the table.
fn unknown(opcode: &str) -> String {
    let contracted = ["add", "sub", "mul"].iter().any(|op| opcode == format!("{op}.f32"));
    if contracted {
        let (op, _) = opcode.split_at(3);
        return format!(
            "{opcode} may be contracted into an fma by ptxas; {op}.rn.f32 has defined bits"
        );
    }
    // The known spelling that shares the most with it.
    let shared =
        |known: &str| known.bytes().zip(opcode.bytes()).take_while(|(a, b)| a == b).count();
    let nearest = table().keys().max_by_key(|k| (shared(k), std::cmp::Reverse((*k).clone())));
    let nearest = nearest.map_or("", String::as_str);
    format!("the instruction {opcode} is not known; the nearest that is: {nearest}")
}

/// Slots from here on are special registers, until their place is known.
const SPECIAL: u16 = 0xff00;
/// Slots of a file end here, so that no negated predicate reaches `SPECIAL`.
const MOST: u16 = 0x7f00;

impl Inst {
    pub(crate) fn new(op: Op) -> Self {
        Self {
            op,
            guard: ALWAYS,
            d: SINK,
            e: SINK,
            a: 0,
            b: 0,
            c: 0,
            f: 0,
            imm: 0,
            list: 0,
            count: 0,
            size: 0,
            signed: false,
            code: 0,
            aligned: false,
            wide: false,
        }
    }
}

impl Op {
    /// Whether its destination is a list.
    pub(crate) fn loads(self) -> bool {
        matches!(self, Self::LdParam | Self::LdGlobal | Self::LdShared)
    }

    /// Whether its value operand is a list.
    pub(crate) fn stores(self) -> bool {
        matches!(self, Self::StGlobal | Self::StShared)
    }
}
