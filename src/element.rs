//! The wide types that are quantized, and that a product is rounded to.

use half::{bf16, f16};
use quarter_numerics::slice::Wide;

/// f32, bf16 or f16. Sealed.
///
/// [`Wide`] reads them; this writes them.
pub trait Element: Wide + PartialEq + core::fmt::Debug {
    /// Bits of the significand, the leading one included: 24, 8 or 11.
    const SIGNIFICAND_BITS: u32;
    /// Exponent of the smallest positive normal number: -126 or -14.
    const MIN_EXPONENT: i32;
    /// The largest finite value.
    const MAX_FINITE: f32;

    /// Nearest-even; overflow gives infinity; every NaN becomes the one the GPU
    /// writes (0x7fffffff, 0x7fff).
    fn from_f32(x: f32) -> Self;

    /// `self + x` in this type, one nearest-even rounding.
    ///
    /// The f32 sum of two 8- or 11-bit significands, rounded again, is the exact
    /// sum rounded once: 24 >= 2 p + 2 bits are enough (Figueroa).
    fn add(self, x: Self) -> Self {
        Self::from_f32(self.to_f32() + x.to_f32())
    }
}

impl Element for f32 {
    const SIGNIFICAND_BITS: u32 = 24;
    const MIN_EXPONENT: i32 = -126;
    const MAX_FINITE: f32 = f32::MAX;

    #[inline(always)]
    fn from_f32(x: f32) -> Self {
        if x.is_nan() { f32::from_bits(0x7fff_ffff) } else { x }
    }
}

impl Element for bf16 {
    const SIGNIFICAND_BITS: u32 = 8;
    const MIN_EXPONENT: i32 = -126;
    const MAX_FINITE: f32 = f32::from_bits(0x7f7f_0000);

    #[inline(always)]
    fn from_f32(x: f32) -> Self {
        let b = x.to_bits();
        let rounded = b.wrapping_add(0x7fff + (b >> 16 & 1)) >> 16;
        Self::from_bits(if x.is_nan() { 0x7fff } else { rounded as u16 })
    }
}

impl Element for f16 {
    const SIGNIFICAND_BITS: u32 = 11;
    const MIN_EXPONENT: i32 = -14;
    const MAX_FINITE: f32 = 65504.0;

    #[inline(always)]
    fn from_f32(x: f32) -> Self {
        if x.is_nan() { Self::from_bits(0x7fff) } else { Self::from_f32(x) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bf16_rounds_as_half_does() {
        for hi in 0..=u16::MAX {
            for lo in [0, 1, 0x7fff, 0x8000, 0x8001, 0xffff] {
                let x = f32::from_bits(u32::from(hi) << 16 | lo);
                let ours = <bf16 as Element>::from_f32(x);
                if x.is_nan() {
                    assert_eq!(ours.to_bits(), 0x7fff);
                } else {
                    assert_eq!(ours.to_bits(), bf16::from_f32(x).to_bits(), "{:08x}", x.to_bits());
                }
            }
        }
    }
}
