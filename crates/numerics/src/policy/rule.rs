//! What the systems do, as data, and the NaN they make.

use crate::Float8;

/// How a system converts a format. Named by [`super::Policy`], reached by nobody else.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    pub(super) system: System,
    /// Whether infinities and overflow give the largest finite value.
    pub(super) saturates: bool,
}

/// Whose NaN, and whose way from f64.
#[derive(Clone, Copy, Debug)]
pub(super) enum System {
    Cuda,
    PyTorch,
    MlDtypes,
}

impl Rule {
    pub(super) const fn saturates(self) -> bool {
        self.saturates
    }

    /// Whether f64 is rounded to f32 first.
    pub(super) const fn f64_goes_through_f32(self) -> bool {
        !matches!(self.system, System::Cuda)
    }

    /// The code of a NaN from f16, bf16 or f32.
    pub(super) const fn nan_code<F: Float8>(self, negative: bool) -> u8 {
        let sign = if negative { 0x80 } else { 0 };
        match self.system {
            System::Cuda => 0x7f,
            System::PyTorch => 0x7f | sign,
            System::MlDtypes => quiet_nan::<F>() | sign,
        }
    }

    /// The code of a NaN from f64.
    pub(super) const fn nan_code_f64<F: Float8>(self, bits: u64) -> u8 {
        let negative = bits >> 63 == 1;
        match self.system {
            // Other code than for the narrower types: it keeps the sign and, where there
            // is room, the second bit of the fraction.
            System::Cuda => quiet_nan::<F>() | (bits >> 56) as u8 & 0x80 | (bits >> 50) as u8 & 1,
            _ => self.nan_code::<F>(negative),
        }
    }

    /// What the NaN of a code becomes as f32.
    pub(super) const fn nan_f32<F: Float8>(self, code: u8) -> u32 {
        let sign = ((code & 0x80) as u32) << 24;
        let fraction = (code & ((1 << F::FRACTION_BITS) - 1)) as u32;
        match self.system {
            System::Cuda => crate::widen::CANONICAL_NAN,
            System::PyTorch => 0x7fc0_0000 | fraction << (23 - F::FRACTION_BITS) | sign,
            System::MlDtypes => 0x7fc0_0000 | sign,
        }
    }

    /// What the NaN of a code becomes as f64: that of f32, widened by the processor.
    pub(super) const fn nan_f64<F: Float8>(self, code: u8) -> u64 {
        let bits = self.nan_f32::<F>(code);
        let sign = ((bits >> 31) as u64) << 63;
        0x7ff8_0000_0000_0000 | ((bits & 0x007f_ffff) as u64) << 29 | sign
    }

    /// What the NaN of a code becomes as binary16.
    pub(super) const fn nan_f16<F: Float8>(self, code: u8) -> u16 {
        let bits = self.nan_f32::<F>(code);
        match self.system {
            System::Cuda => 0x7fff,
            // As the processor narrows f32: the upper bits of the fraction, made quiet.
            _ => 0x7e00 | (bits >> 13) as u16 & 0x03ff | (bits >> 16) as u16 & 0x8000,
        }
    }

    /// What the NaN of a code becomes as bfloat16.
    pub(super) const fn nan_bf16<F: Float8>(self, code: u8) -> u16 {
        match self.system {
            System::PyTorch => 0x7fc0,
            _ => (self.nan_f32::<F>(code) >> 16) as u16,
        }
    }
}

/// The quiet NaN: 0x7F for E4M3, 0x7E for E5M2.
const fn quiet_nan<F: Float8>() -> u8 {
    if F::HAS_INFINITY { 0x7e } else { 0x7f }
}
