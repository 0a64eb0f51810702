//! What mutants are made from.

use quarter_numerics::tensor_core::{Accumulator, Arithmetic, Gpu, Instruction, Operand, known};

/// Known arithmetics that share a rule; a mutant must be told from each of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Base {
    /// FP8 `wgmma`, the four pairs.
    WgmmaF32,
    WgmmaF16,
    /// The same with an operand that has infinities.
    WgmmaF32E5m2,
    /// The one pair whose products are finer than the subnormals of f16 by more than sums keep.
    WgmmaF16E5m2,
    /// f16, bf16 and tf32 on Hopper.
    HopperF32,
    /// The same with exponents of f32: sums overflow, and their floor shows.
    HopperF32Wide,
    HopperF16,
    /// f16, bf16 and tf32 on Ada.
    AdaF32,
    AdaF16,
    VoltaF32,
    /// FP8 `mma.sync` on Hopper, through f16.
    EmulatedF32,
    EmulatedF16,
    /// The same with products that vanish in f16.
    EmulatedF16E5m2,
    /// FP8 `mma.sync` on Ada.
    AdaFp8F32,
    AdaFp8F16,
    /// FP8 `tcgen05.mma`.
    Tcgen05F32,
    Tcgen05F16,
}

impl Base {
    pub fn name(self) -> &'static str {
        match self {
            Self::WgmmaF32 => "wgmma fp8 f32",
            Self::WgmmaF16 => "wgmma fp8 f16",
            Self::WgmmaF32E5m2 => "wgmma e5m2 f32",
            Self::WgmmaF16E5m2 => "wgmma e5m2 f16",
            Self::HopperF32 => "hopper hmma f32",
            Self::HopperF32Wide => "hopper bf16 f32",
            Self::HopperF16 => "hopper hmma f16",
            Self::AdaF32 => "ada hmma f32",
            Self::AdaF16 => "ada hmma f16",
            Self::VoltaF32 => "volta hmma f32",
            Self::EmulatedF32 => "hopper mma fp8 f32",
            Self::EmulatedF16 => "hopper mma fp8 f16",
            Self::EmulatedF16E5m2 => "hopper mma e5m2 f16",
            Self::AdaFp8F32 => "ada mma fp8 f32",
            Self::AdaFp8F16 => "ada mma fp8 f16",
            Self::Tcgen05F32 => "tcgen05 fp8 f32",
            Self::Tcgen05F16 => "tcgen05 fp8 f16",
        }
    }

    pub fn arithmetics(self) -> Vec<Arithmetic> {
        use Accumulator::{F16, F32};
        use Instruction::{MmaSync, Tcgen05, Wgmma};
        let (gpu, instruction, accumulator) = match self {
            Self::WgmmaF32 | Self::WgmmaF32E5m2 => (Gpu::Hopper, Wgmma, F32),
            Self::WgmmaF16 | Self::WgmmaF16E5m2 => (Gpu::Hopper, Wgmma, F16),
            Self::HopperF32 | Self::HopperF32Wide | Self::EmulatedF32 => {
                (Gpu::Hopper, MmaSync, F32)
            }
            Self::HopperF16 | Self::EmulatedF16 | Self::EmulatedF16E5m2 => {
                (Gpu::Hopper, MmaSync, F16)
            }
            Self::AdaF32 | Self::AdaFp8F32 => (Gpu::Ada, MmaSync, F32),
            Self::AdaF16 | Self::AdaFp8F16 => (Gpu::Ada, MmaSync, F16),
            Self::VoltaF32 => (Gpu::Volta, MmaSync, F32),
            Self::Tcgen05F32 => (Gpu::Blackwell, Tcgen05, F32),
            Self::Tcgen05F16 => (Gpu::Blackwell, Tcgen05, F16),
        };
        let wanted = |a: Operand, b: Operand| match self {
            Self::WgmmaF32E5m2 => a == Operand::E5m2 || b == Operand::E5m2,
            Self::WgmmaF16E5m2 | Self::EmulatedF16E5m2 => (a, b) == (Operand::E5m2, Operand::E5m2),
            Self::HopperF32Wide => matches!(a, Operand::Bf16 | Operand::Tf32),
            Self::HopperF32 | Self::HopperF16 | Self::AdaF32 | Self::AdaF16 | Self::VoltaF32 => {
                !a.is_fp8()
            }
            _ => a.is_fp8(),
        };
        known::all()
            .filter(|known| known.gpu == gpu && known.instruction == instruction)
            .map(|known| known.arithmetic)
            .filter(|how| how.accumulator == accumulator && wanted(how.a, how.b))
            .collect()
    }
}
