//! From statements to instructions: names become slots, spellings become work.

mod asynchronous;
mod operands;

use std::collections::HashMap;

use crate::op::Op;
use crate::program::{
    ALWAYS, CopyOperands, FLIP, Inst, ProductOperands, Program, Reg, SINK, SPECIALS, Site,
};
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
    copies: Vec<CopyOperands>,
    products: Vec<ProductOperands>,
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
        copies: Vec::new(),
        products: Vec::new(),
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
            copies: std::mem::take(&mut self.copies),
            products: std::mem::take(&mut self.products),
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
            max_registers: entry.max_registers,
            cluster: entry.cluster.unwrap_or([1; 3]),
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
        for copy in &mut self.copies {
            copy.coordinates.iter_mut().chain(&mut copy.mask).for_each(fix);
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
        match form.op {
            Op::CopyLoad | Op::CopyStore | Op::CopyReduce | Op::CopyPrefetch => {
                self.copy(&mut inst, form.signature, s)?;
            }
            Op::Product => self.product(&mut inst, s)?,
            _ => self.operands(&mut inst, form.signature, s)?,
        }
        self.insts.push(inst);
        self.sites.push(Site { at: s.at.clone(), opcode: s.opcode.clone() });
        Ok(())
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
