//! The arithmetics of known GPUs, and what each rests on.
//!
//! | instruction | GPU | operands | group | F | f32 result | f16 result | rests on |
//! |---|---|---|---|---|---|---|---|
//! | `wgmma` | Hopper | FP8 | 32 | 13 | cut to 13 bits | nearest even | f32: recordings with c = 0 of one format, else models; f16: models |
//! | `wgmma` | Hopper | f16, bf16; tf32 | 16; 8 | 25 | cut | nearest even | models |
//! | `mma.sync` | Hopper, Blackwell | FP8, emulated | 16 of `k % 4 < 2`, then 16 of the others, c added in IEEE | 25 | cut | nearest even | recordings, but Hopper's with f32; mixed pairs: the machine code alone |
//! | `mma.sync` | Hopper, Blackwell | f16, bf16; tf32 | 16; 8 | 25 | cut | nearest even | recordings, tf32 of K = 4 |
//! | `mma.sync` | Ada | FP8 | 16, 16 | 13 | cut to 13 bits | nearest even | recordings |
//! | `mma.sync` | Ada | f16, bf16; tf32 | 8; 4 | 24 | cut | nearest even | recordings of one group |
//! | `mma.sync` | Ampere | f16, bf16; tf32 | 8; 4 | 24 | cut | nearest even | a model |
//! | `mma.sync` | Turing | f16 | 8 | 24 | cut | nearest even | a model |
//! | `mma.sync` | Volta | f16 | 4 | 23 | cut | nearest even | a model |
//! | `mma.sync` | Blackwell of sm_120 | FP8; f16, bf16; tf32 | 32; 16; 8 | 25 | cut | nearest even | a model |
//! | `tcgen05.mma` | Blackwell | FP8, unscaled; f16, bf16; tf32 | 32; 16; 8 | 25 | cut | nearest even | a model |
//!
//! Recordings are those of Khattak and Mikaitis, 5,000 random rows a kind, without special values.
//! Models are mmasim 2.1.1, theirs, and mmaemu; a single one is mmasim's. Settled by no recording:
//! the floor of the exponents with 16-bit operands and tf32 (-108 - F with f32, 4 - F with f16
//! results), special values, and the sign of an f16 result that is negative and rounds to zero
//! (`+0`, as Ada's is said to be).
//!
//! ```
//! use quarter_numerics::tensor_core::{Accumulator, Gpu, Instruction, Model, Operand, known};
//!
//! // The same codes in two instructions of one GPU.
//! let fp8 = (Operand::E4m3, Operand::E4m3);
//! let [wgmma, mma] = [Instruction::Wgmma, Instruction::MmaSync]
//!     .map(|instruction| known::find(Gpu::Hopper, instruction, fp8, Accumulator::F32).unwrap());
//! // 257 and 1/32 + 1/64, of which wgmma keeps 13 bits below 256.
//! let (a, b) = ([0x78u8, 0x38, 0x10, 0x08], [0x38u8; 4]);
//! assert_eq!(f32::from_bits(wgmma.model().dot(&a, &b, 0)), 257.03125);
//! assert_eq!(f32::from_bits(mma.model().dot(&a, &b, 0)), 257.046875);
//! ```

use core::fmt;

use super::arithmetic::{Arithmetic, Joins};
use super::rules::{Rounding, Rules, Subnormals};
use super::{Accumulator, Gpu, Model, Operand};
use crate::Format;

/// A family of instructions with one arithmetic for each kind of operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Instruction {
    /// `wgmma.mma_async`, Hopper.
    Wgmma,
    /// `mma.sync`, and `wmma` with it.
    MmaSync,
    /// `tcgen05.mma`, Blackwell.
    Tcgen05,
}

impl Instruction {
    /// Every family.
    pub const ALL: [Self; 3] = [Self::Wgmma, Self::MmaSync, Self::Tcgen05];

    /// The name in PTX.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Wgmma => "wgmma",
            Self::MmaSync => "mma.sync",
            Self::Tcgen05 => "tcgen05.mma",
        }
    }
}

impl fmt::Display for Instruction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// What an arithmetic rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Evidence {
    /// Agrees with outputs of such a GPU.
    Recorded,
    /// Agrees with several other models in all that was tried; no recording exists.
    Modelled,
    /// Stated by one source.
    Claimed,
}

/// The arithmetic of an instruction on a GPU.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Known {
    /// The GPU.
    pub gpu: Gpu,
    /// The instruction.
    pub instruction: Instruction,
    /// What it rests on.
    pub evidence: Evidence,
    /// What it computes.
    pub arithmetic: Arithmetic,
}

impl Known {
    /// The arithmetic, to be evaluated.
    #[must_use]
    pub const fn model(&self) -> Model {
        Model::unchecked(self.arithmetic)
    }
}

impl fmt::Display for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Arithmetic { a, b, accumulator, .. } = self.arithmetic;
        write!(f, "{} {} {a} {b} {accumulator}", self.gpu, self.instruction)
    }
}

/// The arithmetic of an instruction with these operands (of A and B). `None` if the GPU has no
/// such instruction, or none that is known.
#[must_use]
pub fn find(
    gpu: Gpu,
    instruction: Instruction,
    (a, b): (Operand, Operand),
    accumulator: Accumulator,
) -> Option<Known> {
    let fp8 = a.is_fp8() && b.is_fp8();
    // Operands of 16 bits and more are of one format, and f16 alone sums in f16.
    let wide = !a.is_fp8() && a == b && (accumulator == Accumulator::F32 || a == Operand::F16);
    let since = match a {
        Operand::F16 => Gpu::Volta,
        _ => Gpu::Ampere,
    } as usize;
    let (evidence, arithmetic) = match (instruction, gpu) {
        (Instruction::Wgmma, Gpu::Hopper) if fp8 => {
            let recorded = a == b && accumulator == Accumulator::F32;
            let evidence = if recorded { Evidence::Recorded } else { Evidence::Modelled };
            (evidence, fp8_cut_to_13(a, b, accumulator, 32))
        }
        (Instruction::Wgmma, Gpu::Hopper) if wide => {
            (Evidence::Modelled, hmma(a, accumulator, 32 / a.bytes(), 25))
        }
        (Instruction::MmaSync, Gpu::Hopper | Gpu::Blackwell) if fp8 => {
            let evidence = match a == b {
                true if gpu == Gpu::Blackwell || accumulator == Accumulator::F16 => {
                    Evidence::Recorded
                }
                true => Evidence::Modelled,
                // Read off the machine code.
                false => Evidence::Claimed,
            };
            (evidence, fp8_through_f16(a, b, accumulator))
        }
        (Instruction::MmaSync, Gpu::Ada) if fp8 => {
            let evidence = if a == b { Evidence::Recorded } else { Evidence::Modelled };
            (evidence, fp8_cut_to_13(a, b, accumulator, 16))
        }
        (Instruction::MmaSync, Gpu::BlackwellRtx) | (Instruction::Tcgen05, Gpu::Blackwell)
            if fp8 =>
        {
            (Evidence::Claimed, Arithmetic { b, ..wide_sum(a, accumulator, 32, 25) })
        }
        (Instruction::MmaSync, Gpu::Hopper | Gpu::Blackwell) if wide => {
            (Evidence::Recorded, hmma(a, accumulator, 32 / a.bytes(), 25))
        }
        (Instruction::MmaSync, Gpu::BlackwellRtx) | (Instruction::Tcgen05, Gpu::Blackwell)
            if wide =>
        {
            (Evidence::Claimed, hmma(a, accumulator, 32 / a.bytes(), 25))
        }
        (Instruction::MmaSync, Gpu::Turing | Gpu::Ampere | Gpu::Ada)
            if wide && gpu as usize >= since =>
        {
            let recorded = gpu == Gpu::Ada;
            let evidence = if recorded { Evidence::Recorded } else { Evidence::Claimed };
            (evidence, hmma(a, accumulator, 16 / a.bytes(), 24))
        }
        (Instruction::MmaSync, Gpu::Volta) if wide && a == Operand::F16 => {
            (Evidence::Claimed, hmma(a, accumulator, 4, 23))
        }
        _ => return None,
    };
    Some(Known { gpu, instruction, evidence, arithmetic })
}

/// Every known arithmetic.
pub fn all() -> impl Iterator<Item = Known> {
    let accumulators = [Accumulator::F32, Accumulator::F16];
    Gpu::ALL.into_iter().flat_map(move |gpu| {
        Instruction::ALL.into_iter().flat_map(move |instruction| {
            Operand::ALL.into_iter().flat_map(move |a| {
                Operand::ALL.into_iter().flat_map(move |b| {
                    accumulators
                        .into_iter()
                        .filter_map(move |acc| find(gpu, instruction, (a, b), acc))
                })
            })
        })
    })
}

/// Hopper's `wgmma` with operands of FP8.
#[must_use]
pub const fn wgmma_fp8(a: Format, b: Format, accumulator: Accumulator) -> Arithmetic {
    const fn operand(format: Format) -> Operand {
        match format {
            Format::E4m3 => Operand::E4m3,
            Format::E5m2 => Operand::E5m2,
        }
    }
    fp8_cut_to_13(operand(a), operand(b), accumulator, 32)
}

/// Native FP8 of Ada and Hopper, 32 elements in groups.
const fn fp8_cut_to_13(
    a: Operand,
    b: Operand,
    accumulator: Accumulator,
    group: usize,
) -> Arithmetic {
    let result_bits = match accumulator {
        Accumulator::F32 => 13,
        Accumulator::F16 => 10,
    };
    let wide = wide_sum(a, accumulator, group, 13);
    Arithmetic { b, k: 32, result_bits, ..wide }
}

/// f16, bf16 and tf32 in one group. An instruction in PTX may be several.
const fn hmma(
    operand: Operand,
    accumulator: Accumulator,
    group: usize,
    fraction_bits: u32,
) -> Arithmetic {
    let floor = match accumulator {
        Accumulator::F32 => -108,
        Accumulator::F16 => 4,
    };
    let floor = Some(floor - fraction_bits as i32);
    Arithmetic { floor, ..wide_sum(operand, accumulator, group, fraction_bits) }
}

/// FP8 `mma.sync` where there is no instruction for it: exact in f16, two instructions of 16, and
/// an addition of c.
///
/// In f16 the subnormals of E4M3 are normal numbers. (Those of E5M2 are not, but beside E4M3 their
/// exponent makes no difference: every product is a multiple of 2^-25.)
const fn fp8_through_f16(a: Operand, b: Operand, accumulator: Accumulator) -> Arithmetic {
    let f16 = hmma(a, accumulator, 16, 25);
    let e4m3 = matches!(a, Operand::E4m3) || matches!(b, Operand::E4m3);
    let operands = if e4m3 { Subnormals::Normalised } else { Subnormals::AsStored };
    let rules = Rules { operands, ..Rules::KNOWN };
    Arithmetic { b, k: 32, run: 2, c: Joins::Added, rules, ..f16 }
}

/// One group, all bits of the accumulator.
const fn wide_sum(
    operand: Operand,
    accumulator: Accumulator,
    group: usize,
    fraction_bits: u32,
) -> Arithmetic {
    Arithmetic {
        a: operand,
        b: operand,
        accumulator,
        k: group,
        group,
        run: group,
        c: Joins::First,
        fraction_bits,
        alignment: Rounding::TowardZero,
        floor: None,
        result_bits: accumulator.fraction_bits(),
        result: match accumulator {
            Accumulator::F32 => Rounding::TowardZero,
            Accumulator::F16 => Rounding::NearestEven,
        },
        rules: Rules::KNOWN,
    }
}
