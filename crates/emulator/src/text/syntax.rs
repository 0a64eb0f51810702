//! What the parser gives to the decoder.

use super::Location;

/// A module: variables that every entry sees, and entries.
#[derive(Debug, Default)]
pub(crate) struct Syntax {
    pub(crate) variables: Vec<Variable>,
    pub(crate) entries: Vec<Entry>,
}

/// A variable in shared memory.
#[derive(Clone, Debug)]
pub(crate) struct Variable {
    pub(crate) name: String,
    pub(crate) align: u32,
    /// `None`: `name[]`, the dynamic part.
    pub(crate) bytes: Option<u32>,
    pub(crate) at: Location,
}

/// A parameter of an entry.
#[derive(Clone, Debug)]
pub(crate) struct Param {
    pub(crate) name: String,
    pub(crate) align: u32,
    pub(crate) bytes: u32,
}

#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) params: Vec<Param>,
    /// `.reqntid`, or `.maxntid` as the limit.
    pub(crate) required_threads: Option<[u32; 3]>,
    pub(crate) max_threads: Option<u32>,
    pub(crate) max_registers: Option<u32>,
    /// `.reqnctapercluster`.
    pub(crate) cluster: Option<[u32; 3]>,
    pub(crate) body: Scope,
    pub(crate) at: Location,
}

/// `{ ... }`: names in it are its own.
#[derive(Debug, Default)]
pub(crate) struct Scope {
    pub(crate) items: Vec<Item>,
}

#[derive(Debug)]
pub(crate) enum Item {
    /// `.reg .TYPE names;` with the width in bits, 1 for predicates.
    Registers {
        bits: u32,
        names: Vec<(String, Option<u32>)>,
        at: Location,
    },
    Shared(Variable),
    Label(String, Location),
    Statement(Statement),
    Scope(Scope),
}

#[derive(Clone, Debug)]
pub(crate) struct Statement {
    /// `@p` or `@!p`.
    pub(crate) guard: Option<(String, bool)>,
    /// The complete spelling.
    pub(crate) opcode: String,
    pub(crate) operands: Vec<Operand>,
    pub(crate) at: Location,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Operand {
    /// A register, a variable, a parameter or a label.
    Name(String),
    /// `!p`.
    Not(String),
    /// `p|q`.
    Pair(Box<Operand>, Box<Operand>),
    /// `_`.
    Sink,
    Int(i128),
    F32(u32),
    F64(u64),
    /// `name + 16`.
    Offset(String, i128),
    /// `{a, b}`.
    Vector(Vec<Operand>),
    /// `[base + offset]`, `[base, {x, y}]`.
    Memory {
        base: Option<String>,
        offset: i128,
        coordinates: Vec<Operand>,
    },
}
