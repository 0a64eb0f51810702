//! A decoded entry: instructions whose operands are slots of register files.

use quarter_numerics::Format;

use crate::op::Op;
use crate::text::Location;

/// A slot of the predicate file whose value is to be negated.
pub(crate) const FLIP: u16 = 0x8000;
/// Predicate that is always true: the guard of what has none.
pub(crate) const ALWAYS: u16 = 0;
/// What a sink writes to, in each file.
pub(crate) const SINK: u16 = 1;

/// A register of a memory access: its slot, and which file that is in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reg {
    pub(crate) slot: u16,
    pub(crate) long: bool,
    /// Bits of the register.
    pub(crate) bits: u8,
}

/// One instruction. Every source is a slot: constants and special registers have theirs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Inst {
    pub(crate) op: Op,
    pub(crate) guard: u16,
    /// Destinations.
    pub(crate) d: u16,
    pub(crate) e: u16,
    /// Sources.
    pub(crate) a: u16,
    pub(crate) b: u16,
    pub(crate) c: u16,
    pub(crate) f: u16,
    /// Offset of an address, a constant, or a target.
    pub(crate) imm: i64,
    /// Registers of a memory access: first and number in `Program::lists`.
    pub(crate) list: u32,
    pub(crate) count: u8,
    pub(crate) size: u8,
    pub(crate) signed: bool,
    pub(crate) code: u8,
    pub(crate) aligned: bool,
    /// Whether the address is in the file of 64 bits.
    pub(crate) wide: bool,
}

/// An address: a register, and what is added to it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Address {
    pub(crate) slot: u16,
    /// Whether the register is in the file of 64 bits.
    pub(crate) long: bool,
    pub(crate) offset: i64,
}

/// Operands of a bulk copy of a tensor's box.
#[derive(Clone, Debug)]
pub(crate) struct CopyOperands {
    pub(crate) map: Address,
    pub(crate) coordinates: Vec<u16>,
    /// In shared memory; a prefetch has none.
    pub(crate) shared: Option<Address>,
    /// The mbarrier of a load.
    pub(crate) barrier: Option<Address>,
    /// The blocks of a multicast.
    pub(crate) mask: Option<u16>,
}

/// What takes a predicate, or 0 or 1.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Choice {
    Constant(bool),
    Predicate(u16),
}

/// Where A of a `wgmma` is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum MatrixA {
    /// Slot of the descriptor.
    Shared(u16),
    Registers([u16; 4]),
}

/// Operands of a `wgmma`.
#[derive(Clone, Debug)]
pub(crate) struct ProductOperands {
    pub(crate) accumulators: Vec<u16>,
    pub(crate) a: MatrixA,
    pub(crate) b: u16,
    pub(crate) accumulate: Choice,
    /// Whether A and B are negated.
    pub(crate) negative: [bool; 2],
    /// Columns of B.
    pub(crate) n: usize,
    pub(crate) formats: [Format; 2],
    /// Accumulators are f16, two in a register.
    pub(crate) half: bool,
}

/// Where an instruction stands, and how it is spelled.
#[derive(Clone, Debug)]
pub(crate) struct Site {
    pub(crate) at: Location,
    pub(crate) opcode: String,
}

/// Special registers, in the order of their slots behind the constants.
pub(crate) const SPECIALS: [&str; 25] = [
    "%tid.x",
    "%tid.y",
    "%tid.z",
    "%ntid.x",
    "%ntid.y",
    "%ntid.z",
    "%ctaid.x",
    "%ctaid.y",
    "%ctaid.z",
    "%nctaid.x",
    "%nctaid.y",
    "%nctaid.z",
    "%laneid",
    "%warpid",
    "%lanemask_eq",
    "%lanemask_lt",
    "%lanemask_le",
    "%lanemask_gt",
    "%lanemask_ge",
    "%cluster_ctarank",
    "%cluster_nctarank",
    "%cluster_ctaid.x",
    "%cluster_nctaid.x",
    "%clusterid.x",
    "%nclusterid.x",
];

/// An entry, ready to run.
#[derive(Debug)]
pub(crate) struct Program {
    pub(crate) name: String,
    pub(crate) insts: Vec<Inst>,
    pub(crate) sites: Vec<Site>,
    pub(crate) lists: Vec<Reg>,
    pub(crate) copies: Vec<CopyOperands>,
    pub(crate) products: Vec<ProductOperands>,
    /// Names of the registers of each file, for messages.
    pub(crate) word_names: Vec<String>,
    pub(crate) long_names: Vec<String>,
    pub(crate) pred_names: Vec<String>,
    /// Constants behind the registers: first slot, values.
    pub(crate) words: Vec<u32>,
    pub(crate) longs: Vec<u64>,
    /// First slot of the special registers.
    pub(crate) specials: u16,
    pub(crate) param_bytes: u32,
    /// Bytes of shared memory that the text itself declares.
    pub(crate) static_shared: u32,
    /// Where the dynamic part begins; `None` if there is none.
    pub(crate) dynamic_shared: Option<u32>,
    pub(crate) required_threads: Option<[u32; 3]>,
    pub(crate) max_threads: Option<u32>,
    /// Registers that a thread may have, where the text says so.
    pub(crate) max_registers: Option<u32>,
    /// Blocks of a cluster in x, y, z.
    pub(crate) cluster: [u32; 3],
}
