//! Recordings of tensor cores: operands, and what an implementation made of them.
//!
//! [`Recording::parse`] reads a file, [`replay`] computes it anew on a [`Backend`] and compares
//! every bit. `cargo run --release --example replay -- PATH...` does both for whole folders.
//!
//! # Layout
//! To record your own, write one of these, with [`Recording::to_bytes`] or without. All integers are little-endian; every file starts with
//! a header of 32 bytes; its length is 32 and the records, exactly.
//!
//! Formats: 0 E4M3, 1 E5M2, 2 f16, 3 bf16, 4 tf32. An element is a u8, a u16, or for tf32 a u32.
//! Accumulators: 0 f32, 1 f16; c and d are u32, an f16 in the low half.
//!
//! **`W8GV`**, dot products as chains of Hopper's `wgmma`:
//!
//! | offset | type | |
//! |---|---|---|
//! | 0 | `[u8; 4]` | `W8GV` |
//! | 4 | u16 | version, 1 |
//! | 6, 7 | u8, u8 | formats of a and b |
//! | 8 | u8 | accumulator |
//! | 9 | u8 | steps S, instructions in a chain |
//! | 10 | u16 | k of a step: 32, 16 or 8 by the size of an element |
//! | 12 | u32 | records |
//! | 16 | u32 | bytes of a record |
//! | 20 | u64 | seed, not read |
//! | 28 | 4 bytes | not read |
//!
//! A record: `u8 class, u8 flags, u16 0, a[S * k], b[S * k], u32 c, u32 d[S]`. `d[s]` is the result
//! of step `s` and the accumulator of the next. Class and flags are the recorder's own.
//!
//! **`W8HW`**, single dot products of any GPU:
//!
//! | offset | type | |
//! |---|---|---|
//! | 0 | `[u8; 4]` | `W8HW` |
//! | 4 | u16 | version, 1 |
//! | 6, 7 | u8, u8 | formats of a and b |
//! | 8 | u8 | accumulator |
//! | 9 | u8 | path: see below |
//! | 10 | u16 | K |
//! | 12 | u32 | records |
//! | 16 | u32 | bytes of a record |
//! | 20 | 12 bytes | not read |
//!
//! A record: `a[K], b[K], u32 c, u32 d`. Paths: 1 FP8 `wgmma` of Hopper; 2 FP8 `mma.sync` of Ada; 3
//! FP8 `mma.sync` where it is emulated, Hopper and Blackwell; 4 `mma.sync` or `wmma` of f16, bf16
//! and tf32, of which the GPU must be known beside the file; 5 `tcgen05.mma` of Blackwell, unscaled; 6
//! FP8 `mma.sync` of Blackwell for workstations.
//!
//! **`W8GM`**, a product on Hopper's FP8 `wgmma` with an f32 accumulator:
//!
//! | offset | type | |
//! |---|---|---|
//! | 0 | `[u8; 4]` | `W8GM` |
//! | 4 | u16 | version, 1 |
//! | 6, 7 | u8, u8 | formats of a and b |
//! | 8, 12, 16 | u32 | M, N, K |
//! | 20 | u32 | promotion interval P: a multiple of 32 |
//! | 24 | u64 | seed, not read |
//!
//! Then `A u8[M][K]`, `B u8[N][K]`, `u32 chain[M][N]`, one chain over K from +0, and `u32
//! promoted[M][N]`, a chain from +0 every P of K, the results added to +0 in order, in f32. A record
//! is an output with both its values.

mod parse;
mod replay;
mod write;

use std::error::Error;
use std::fmt;

use crate::tensor_core::known::{self, Instruction, Known};
use crate::tensor_core::{Accumulator, Gpu, Operand};

pub use replay::{Backend, BackendError, Dot, FastPath, Mismatch, Outcome, Reference, replay};

/// A file, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recording {
    /// Formats of A and B.
    pub operands: (Operand, Operand),
    /// Format of c and d.
    pub accumulator: Accumulator,
    /// What was recorded on.
    pub path: Path,
    /// What was recorded.
    pub contents: Contents,
}

/// What the header says of the instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Path {
    /// `wgmma` of Hopper: W8GV, W8GM, and path 1 of W8HW.
    Wgmma,
    /// Path 2: FP8 `mma.sync` of Ada.
    AdaFp8,
    /// Path 3: FP8 `mma.sync` of Hopper or Blackwell.
    EmulatedFp8,
    /// Path 4: `mma.sync` of 16-bit operands and tf32 on some GPU.
    Wide,
    /// Path 5: `tcgen05.mma` of Blackwell.
    Tcgen05,
    /// Path 6: FP8 `mma.sync` of Blackwell for workstations.
    RtxFp8,
}

/// The data of a recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Contents {
    /// Dot products: W8GV and W8HW.
    Dots {
        /// Elements of a step.
        k: usize,
        /// The records.
        records: Vec<Record>,
    },
    /// A product: W8GM.
    Product(Product),
}

/// A dot product in one or more steps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The recorder's own; 0 in W8HW.
    pub class: u8,
    /// The recorder's own; 0 in W8HW.
    pub flags: u8,
    /// Codes of all steps.
    pub a: Vec<u32>,
    /// Codes of all steps.
    pub b: Vec<u32>,
    /// The accumulator before the first step.
    pub c: u32,
    /// The result of each step.
    pub d: Vec<u32>,
}

/// A product with and without promotion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Product {
    /// Rows of A.
    pub m: usize,
    /// Rows of B.
    pub n: usize,
    /// Elements of a row.
    pub k: usize,
    /// Elements between two additions to the f32 sum.
    pub promotion: usize,
    /// Codes, `[m][k]`.
    pub a: Vec<u32>,
    /// Codes, `[n][k]`.
    pub b: Vec<u32>,
    /// One chain for each output, `[m][n]`.
    pub chain: Vec<u32>,
    /// Chains of `promotion` elements, summed in f32, `[m][n]`.
    pub promoted: Vec<u32>,
}

impl Recording {
    /// Reads a file.
    ///
    /// # Errors
    /// If it is none of the three layouts, or is shorter or longer than its header says.
    pub fn parse(bytes: &[u8]) -> Result<Self, RecordingError> {
        parse::recording(bytes)
    }

    /// The bytes of a file, to be written: W8GM for a product, W8GV for dot products on
    /// [`Path::Wgmma`], else W8HW, which has neither class nor flags.
    ///
    /// # Errors
    /// If it could not be read again: lengths that differ among records or from the other fields,
    /// numbers too large for their fields, operands and paths that the layouts do not have.
    pub fn to_bytes(&self) -> Result<Vec<u8>, RecordingError> {
        let bytes = write::bytes(self)?;
        parse::recording(&bytes)?;
        Ok(bytes)
    }

    /// How many records there are; of a product, outputs.
    #[must_use]
    pub fn len(&self) -> usize {
        match &self.contents {
            Contents::Dots { records, .. } => records.len(),
            Contents::Product(product) => product.chain.len(),
        }
    }

    /// Whether there are no records.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The arithmetic that the file should have, `gpu` being where it was recorded; it is looked at
    /// where the header does not tell.
    ///
    /// # Errors
    /// If `gpu` is needed, or has no such instruction.
    pub fn known(&self, gpu: Option<Gpu>) -> Result<Known, NoArithmetic> {
        let (gpu, instruction) = match self.path {
            Path::Wgmma => (Some(Gpu::Hopper), Instruction::Wgmma),
            Path::AdaFp8 => (Some(Gpu::Ada), Instruction::MmaSync),
            Path::EmulatedFp8 => {
                let emulating = gpu.filter(|gpu| *gpu == Gpu::Blackwell);
                (emulating.or(Some(Gpu::Hopper)), Instruction::MmaSync)
            }
            Path::Wide => (gpu, Instruction::MmaSync),
            Path::Tcgen05 => (Some(Gpu::Blackwell), Instruction::Tcgen05),
            Path::RtxFp8 => (Some(Gpu::BlackwellRtx), Instruction::MmaSync),
        };
        let missing = NoArithmetic {
            gpu,
            instruction,
            operands: self.operands,
            accumulator: self.accumulator,
        };
        let gpu = gpu.ok_or(missing)?;
        known::find(gpu, instruction, self.operands, self.accumulator).ok_or(missing)
    }

    /// Every known arithmetic that has these operands and this accumulator.
    pub fn candidates(&self) -> impl Iterator<Item = Known> {
        let (operands, accumulator) = (self.operands, self.accumulator);
        known::all().filter(move |known| {
            let of = &known.arithmetic;
            (of.a, of.b) == operands && of.accumulator == accumulator
        })
    }
}

/// A file that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RecordingError {
    /// Shorter than a header, or it begins with no known magic.
    Unknown,
    /// A field of the header has a value that is not allowed.
    Header {
        /// The field.
        what: &'static str,
        /// Its value.
        got: u64,
        /// What is allowed.
        allowed: &'static str,
    },
    /// The file's length is not what the header says.
    Length {
        /// By the header.
        expected: u128,
        /// The file's.
        got: usize,
    },
}

impl fmt::Display for RecordingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => f.write_str("no header of W8GV, W8GM or W8HW"),
            Self::Header { what, got, allowed } => write!(f, "{what} is {got}; {allowed}"),
            Self::Length { expected, got } if (*got as u128) < *expected => {
                write!(f, "truncated: {got} of {expected} bytes")
            }
            Self::Length { expected, got } => write!(f, "{got} bytes; its header says {expected}"),
        }
    }
}

impl Error for RecordingError {}

/// No arithmetic is known for a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoArithmetic {
    gpu: Option<Gpu>,
    instruction: Instruction,
    operands: (Operand, Operand),
    accumulator: Accumulator,
}

impl NoArithmetic {
    /// Whether it would be known if the GPU were.
    #[must_use]
    pub const fn needs_gpu(&self) -> bool {
        self.gpu.is_none()
    }
}

impl fmt::Display for NoArithmetic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { gpu, instruction, operands: (a, b), accumulator } = self;
        match gpu {
            None => write!(f, "{instruction} {a} {b} {accumulator} differs among GPUs; name one"),
            Some(gpu) => write!(f, "{gpu} has no known {instruction} {a} {b} {accumulator}"),
        }
    }
}

impl Error for NoArithmetic {}
