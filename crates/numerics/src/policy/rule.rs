//! What the systems do, as data, and the NaN they make.

use crate::widen::CANONICAL_NAN;
use crate::{Float8, Specials};

/// How a system converts a format. Named by [`super::Policy`] and of no use elsewhere.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    pub(super) system: System,
    /// Whether infinities and overflow give the largest finite value.
    pub(super) saturates: bool,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum System {
    Cuda,
    PyTorch,
    MlDtypes,
}

impl Rule {
    /// Whether f64 is rounded to f32 first.
    pub(super) const fn f64_goes_through_f32(self) -> bool {
        !matches!(self.system, System::Cuda)
    }

    /// The code of a NaN from f16, bf16 or f32.
    pub(super) const fn nan_code<F: Float8>(self, negative: bool) -> u8 {
        let sign = if negative { 0x80 } else { 0 };
        match (F::SPECIALS, self.system) {
            (Specials::Fnuz, _) => 0x80,
            (_, System::Cuda) => 0x7f,
            (_, System::PyTorch) => 0x7f | sign,
            (_, System::MlDtypes) => quiet_nan::<F>() | sign,
        }
    }

    /// The code of a NaN from f64.
    pub(super) const fn nan_code_f64<F: Float8>(self, bits: u64) -> u8 {
        match self.system {
            // Other code than for the narrower types: it keeps the sign and, where there
            // is room, the second bit of the fraction.
            System::Cuda => quiet_nan::<F>() | (bits >> 56) as u8 & 0x80 | (bits >> 50) as u8 & 1,
            _ => self.nan_code::<F>(bits >> 63 == 1),
        }
    }

    /// What the NaN of a code becomes as f32.
    pub(super) const fn nan_f32<F: Float8>(self, code: u8) -> u32 {
        let sign = ((code & 0x80) as u32) << 24;
        let fraction = (code & ((1 << F::FRACTION_BITS) - 1)) as u32;
        match (self.system, F::SPECIALS) {
            (System::Cuda, _) => CANONICAL_NAN,
            // A constant there, and signalling.
            (System::PyTorch, Specials::Fnuz) => 0x7f80_0001,
            (System::PyTorch, _) => 0x7fc0_0000 | fraction << (23 - F::FRACTION_BITS) | sign,
            (System::MlDtypes, _) => 0x7fc0_0000 | sign,
        }
    }

    /// What the NaN of E8M0 becomes as f32.
    pub(super) const fn e8m0_nan_f32(self) -> u32 {
        match self.system {
            // Widened by way of bfloat16.
            System::Cuda => 0x7fff_0000,
            System::PyTorch => 0x7f80_0001,
            System::MlDtypes => 0x7fc0_0000,
        }
    }

    /// What a NaN becomes as f64, from what it becomes as f32: as the processor widens it.
    pub(super) const fn nan_f64(nan_f32: u32) -> u64 {
        let sign = ((nan_f32 >> 31) as u64) << 63;
        0x7ff8_0000_0000_0000 | ((nan_f32 & 0x007f_ffff) as u64) << 29 | sign
    }

    /// What a NaN becomes as binary16, from what it becomes as f32.
    pub(super) const fn nan_f16(self, nan_f32: u32) -> u16 {
        match self.system {
            System::Cuda => 0x7fff,
            // As the processor narrows it: the upper bits of the fraction, made quiet.
            _ => 0x7e00 | (nan_f32 >> 13) as u16 & 0x03ff | (nan_f32 >> 16) as u16 & 0x8000,
        }
    }

    /// What a NaN becomes as bfloat16, from what it becomes as f32.
    pub(super) const fn nan_bf16(self, nan_f32: u32) -> u16 {
        match self.system {
            System::PyTorch => 0x7fc0,
            _ => (nan_f32 >> 16) as u16,
        }
    }
}

/// The quiet NaN with no other bit: 0x7F for E4M3, 0x7E for E5M2.
const fn quiet_nan<F: Float8>() -> u8 {
    if F::HAS_INFINITY { 0x7e } else { 0x7f }
}
