//! What a kernel did wrong, and where.

use std::fmt;

use crate::text::Location;

/// A launch that was stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What happened.
    pub kind: FaultKind,
    /// The instruction, in the template.
    pub at: Location,
    /// Its spelling.
    pub instruction: String,
    /// The block.
    pub block: [u32; 3],
    /// Thread of the block, in x, y, z, first of those concerned.
    pub thread: [u32; 3],
}

/// Who touches memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Agent {
    /// A warp, counted through the blocks of the cluster.
    Warp(u32),
    /// What a warp has started: a bulk copy, a matrix product.
    Asynchronous,
}

impl fmt::Display for Agent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Warp(warp) => write!(f, "warp {warp}"),
            Self::Asynchronous => f.write_str("what was started"),
        }
    }
}

/// Kinds of faults.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FaultKind {
    /// A register is read that some lane has not written.
    UndefinedRegister {
        /// Its name.
        register: String,
        /// Lanes for which it is undefined.
        lanes: u32,
    },
    /// An address outside of every allocation of its space.
    OutOfBounds {
        /// `global`, `shared` or `param`.
        space: &'static str,
        /// The address.
        address: u64,
        /// Bytes accessed.
        bytes: u32,
        /// What is near it.
        near: String,
    },
    /// An address that is no multiple of the access's size.
    Misaligned {
        /// `global`, `shared` or `param`.
        space: &'static str,
        /// The address.
        address: u64,
        /// Bytes accessed.
        bytes: u32,
    },
    /// Memory is read that nobody has written.
    Uninitialised {
        /// `global` or `shared`.
        space: &'static str,
        /// The address.
        address: u64,
    },
    /// Two agents touch a byte of shared memory, one of them writes, and nothing orders them.
    Race {
        /// The byte's address.
        address: u64,
        /// The other one's instruction.
        other: Box<Location>,
        /// The other one.
        agent: Agent,
    },
    /// An asynchronous operation accesses a byte of shared memory that a thread has written, and no
    /// `fence.proxy.async` stands between.
    Proxy {
        /// The byte's address.
        address: u64,
        /// The thread's instruction.
        other: Box<Location>,
    },
    /// Registers of a `wgmma` are used in a way that its rules leave undefined.
    Matrix(String),
    /// A tensor map, or what is asked of it.
    TensorMap(String),
    /// An asynchronous operation that nobody has waited for when its block ends.
    InFlight(String),
    /// Lanes that an instruction needs take another way or have exited.
    MissingLanes {
        /// Lanes that are needed and not there.
        lanes: u32,
    },
    /// A barrier is used in a way that contradicts itself.
    Barrier(String),
    /// Nothing can go on.
    Deadlock(String),
    /// `trap`.
    Trap,
    /// More instructions than the machine's limit.
    Endless,
    /// An instruction that contradicts its own operands.
    Operand(String),
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UndefinedRegister { register, lanes } => {
                write!(f, "{register} is read before it is written, in lanes {lanes:#010x}")
            }
            Self::OutOfBounds { space, address, bytes, near } => {
                write!(f, "{bytes} bytes at {space} address {address:#x} are out of bounds; {near}")
            }
            Self::Misaligned { space, address, bytes } => {
                write!(f, "{space} address {address:#x} is no multiple of {bytes} bytes")
            }
            Self::Uninitialised { space, address } => {
                write!(f, "the byte at {space} address {address:#x} is read before it is written")
            }
            Self::Race { address, other, agent } => {
                write!(
                    f,
                    "a race for the byte at shared address {address:#x} with {agent} at {other}"
                )
            }
            Self::Proxy { address, other } => {
                write!(
                    f,
                    "the byte at shared address {address:#x} was written at {other}, and no \
                     fence.proxy.async stands between"
                )
            }
            Self::Matrix(what) => write!(f, "wgmma: {what}"),
            Self::TensorMap(what) => write!(f, "tensor map: {what}"),
            Self::InFlight(what) => write!(f, "in flight at the end: {what}"),
            Self::MissingLanes { lanes } => {
                write!(f, "lanes {lanes:#010x} take another way or have exited, and are needed")
            }
            Self::Barrier(what) => write!(f, "barrier: {what}"),
            Self::Deadlock(what) => write!(f, "deadlock: {what}"),
            Self::Trap => f.write_str("trap"),
            Self::Endless => f.write_str("more instructions than the limit"),
            Self::Operand(what) => f.write_str(what),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ([bx, by, bz], [x, y, z]) = (self.block, self.thread);
        write!(
            f,
            "{}: {}: {} (block {bx},{by},{bz}, thread {x},{y},{z})",
            self.at, self.instruction, self.kind
        )
    }
}

impl std::error::Error for Fault {}
