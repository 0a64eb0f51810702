//! The formats a tensor core reads and accumulates in, and how it takes a number apart.

use core::fmt;

use super::number::{Addend, Layout};
use super::rules::Subnormals;
use crate::Format;

/// The format of an operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operand {
    /// OCP E4M3, a byte.
    E4m3,
    /// OCP E5M2, a byte.
    E5m2,
    /// IEEE binary16.
    F16,
    /// bfloat16.
    Bf16,
    /// The upper 19 bits of an f32; the lower 13 are not looked at.
    Tf32,
}

impl Operand {
    /// Every format, as recordings number them from 0.
    pub const ALL: [Self; 5] = [Self::E4m3, Self::E5m2, Self::F16, Self::Bf16, Self::Tf32];

    /// Bytes of an element in memory: 1, 2, or 4 for TF32.
    #[must_use]
    pub const fn bytes(self) -> usize {
        match self {
            Self::E4m3 | Self::E5m2 => 1,
            Self::F16 | Self::Bf16 => 2,
            Self::Tf32 => 4,
        }
    }

    /// Fraction bits that take part.
    #[must_use]
    pub const fn fraction_bits(self) -> u32 {
        match self {
            Self::E4m3 => 3,
            Self::E5m2 => 2,
            Self::F16 | Self::Tf32 => 10,
            Self::Bf16 => 7,
        }
    }

    /// Exponent bias.
    #[must_use]
    pub const fn bias(self) -> i32 {
        match self {
            Self::E4m3 => 7,
            Self::E5m2 | Self::F16 => 15,
            Self::Bf16 | Self::Tf32 => 127,
        }
    }

    /// The name as PTX spells it: `e4m3`, `e5m2`, `f16`, `bf16`, `tf32`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::E4m3 => "e4m3",
            Self::E5m2 => "e5m2",
            Self::F16 => "f16",
            Self::Bf16 => "bf16",
            Self::Tf32 => "tf32",
        }
    }

    /// Whether this is one of the two FP8 formats.
    #[must_use]
    pub const fn is_fp8(self) -> bool {
        matches!(self, Self::E4m3 | Self::E5m2)
    }

    const fn layout(self) -> Layout {
        let exponent_bits = match self {
            Self::E4m3 => 4,
            Self::E5m2 | Self::F16 => 5,
            Self::Bf16 | Self::Tf32 => 8,
        };
        Layout { exponent_bits, fraction_bits: self.fraction_bits(), bias: self.bias() }
    }

    /// The element's fields; of a TF32 the lower bits are dropped here.
    const fn field(self, code: u32) -> u32 {
        match self {
            Self::E4m3 | Self::E5m2 => code & 0xff,
            Self::F16 | Self::Bf16 => code & 0xffff,
            Self::Tf32 => code >> 13,
        }
    }

    pub(super) fn decode(self, code: u32, subnormals: Subnormals) -> Addend {
        let code = self.field(code);
        match self {
            // One NaN a sign, no infinity: its largest exponent is that of numbers.
            Self::E4m3 if code & 0x7f == 0x7f => Addend::Nan,
            Self::E4m3 => Addend::Finite(self.layout().number(code, subnormals)),
            _ => self.layout().decode(code, subnormals),
        }
    }
}

impl From<Format> for Operand {
    fn from(format: Format) -> Self {
        match format {
            Format::E4m3 => Self::E4m3,
            Format::E5m2 => Self::E5m2,
        }
    }
}

impl fmt::Display for Operand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The format of the accumulator, c and d alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Accumulator {
    /// IEEE binary32.
    F32,
    /// IEEE binary16, in the low half of a word.
    F16,
}

impl Accumulator {
    /// Stored fraction bits: 23 or 10.
    #[must_use]
    pub const fn fraction_bits(self) -> u32 {
        match self {
            Self::F32 => 23,
            Self::F16 => 10,
        }
    }

    /// Exponent bias, also the largest exponent: 127 or 15.
    #[must_use]
    pub const fn bias(self) -> i32 {
        match self {
            Self::F32 => 127,
            Self::F16 => 15,
        }
    }

    /// The name as PTX spells it: `f32` or `f16`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
        }
    }

    /// The bits of the sign.
    pub(super) const fn sign(self, negative: bool) -> u32 {
        match (self, negative) {
            (_, false) => 0,
            (Self::F32, true) => 1 << 31,
            (Self::F16, true) => 1 << 15,
        }
    }

    /// The bits of positive infinity.
    #[must_use]
    pub const fn infinity(self) -> u32 {
        match self {
            Self::F32 => 0x7f80_0000,
            Self::F16 => 0x7c00,
        }
    }

    /// The NaN that NVIDIA's arithmetic returns: `0x7fffffff` or `0x7fff`.
    #[must_use]
    pub const fn canonical_nan(self) -> u32 {
        match self {
            Self::F32 => 0x7fff_ffff,
            Self::F16 => 0x7fff,
        }
    }

    /// The value of these bits; NaN is some NaN.
    #[must_use]
    pub fn to_f64(self, bits: u32) -> f64 {
        match self.decode(bits, Subnormals::AsStored) {
            Addend::Nan => f64::NAN,
            Addend::Infinity { negative: false } => f64::INFINITY,
            Addend::Infinity { negative: true } => f64::NEG_INFINITY,
            Addend::Finite(number) => number.to_f64(),
        }
    }

    pub(super) fn decode(self, bits: u32, subnormals: Subnormals) -> Addend {
        let layout = match self {
            Self::F32 => Layout { exponent_bits: 8, fraction_bits: 23, bias: 127 },
            Self::F16 => Layout { exponent_bits: 5, fraction_bits: 10, bias: 15 },
        };
        layout.decode(bits, subnormals)
    }
}

impl fmt::Display for Accumulator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
