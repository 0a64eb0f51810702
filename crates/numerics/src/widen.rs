//! FP8 to the wider types: exact, branch-free, without subnormal arithmetic.

use crate::{Float8, Specials};

const F32_FRACTION: u32 = 23;
const F32_BIAS: i32 = 127;
/// The NaN that NVIDIA's conversions and arithmetic return.
pub(crate) const CANONICAL_NAN: u32 = 0x7fff_ffff;

/// First magnitude that is no finite number: 0x7F for E4M3, 0x7C for E5M2; in FNUZ 0x80, past all.
pub(crate) const fn first_special<F: Float8>() -> u32 {
    match F::SPECIALS {
        Specials::Ieee => 0x7c,
        Specials::Fn => 0x7f,
        Specials::Fnuz => 0x80,
    }
}

/// Whether a code is the NaN in the place of -0.
#[inline(always)]
pub(crate) const fn is_fnuz_nan<F: Float8>(code: u8) -> bool {
    matches!(F::SPECIALS, Specials::Fnuz) && code == 0x80
}

/// A magnitude with a sign bit, 0x80 or 0. In FNUZ zero has none.
#[inline(always)]
pub(crate) const fn signed<F: Float8>(magnitude: u8, sign: u8) -> u8 {
    if matches!(F::SPECIALS, Specials::Fnuz) && magnitude == 0 { 0 } else { magnitude | sign }
}

/// The f32 bits of a code. NaN gives [`CANONICAL_NAN`], whatever its sign.
#[inline(always)]
pub(crate) const fn f32_bits<F: Float8>(code: u8) -> u32 {
    let magnitude = (code & 0x7f) as u32;
    let sign = ((code & 0x80) as u32) << 24;
    let fraction = magnitude << (F32_FRACTION - F::FRACTION_BITS);

    let normal = fraction + (((F32_BIAS - F::BIAS) as u32) << F32_FRACTION);
    // m * 2^(1-bias-f) = (1 + m * 2^-f) * 2^(1-bias) - 2^(1-bias): two normal numbers.
    let min_normal = ((F32_BIAS - F::BIAS + 1) as u32) << F32_FRACTION;
    let subnormal = (f32::from_bits(fraction + min_normal) - f32::from_bits(min_normal)).to_bits();

    let finite = if magnitude >> F::FRACTION_BITS == 0 { subnormal } else { normal };
    if is_fnuz_nan::<F>(code) {
        CANONICAL_NAN
    } else if magnitude < first_special::<F>() {
        finite | sign
    } else if F::HAS_INFINITY && magnitude == 0x7c {
        0x7f80_0000 | sign
    } else {
        CANONICAL_NAN
    }
}

/// The f64 bits of a code.
#[inline]
pub(crate) const fn f64_bits<F: Float8>(code: u8) -> u64 {
    let narrow = f32_bits::<F>(code);
    if narrow == CANONICAL_NAN {
        // Not `as f64`: Rust does not promise the bits of a converted NaN.
        0x7fff_ffff_e000_0000
    } else {
        (f32::from_bits(narrow) as f64).to_bits()
    }
}

/// The bfloat16 bits of a code: it has the exponents of f32 and more fraction bits than FP8.
#[inline(always)]
pub(crate) const fn bf16_bits<F: Float8>(code: u8) -> u16 {
    (f32_bits::<F>(code) >> 16) as u16
}

/// The binary16 bits of a code.
#[inline(always)]
pub(crate) const fn f16_bits<F: Float8>(code: u8) -> u16 {
    if F::HAS_INFINITY {
        // E5M2 is the upper byte of binary16.
        let magnitude = (code & 0x7f) as u16;
        if magnitude > 0x7c { 0x7fff } else { (code as u16) << 8 }
    } else {
        // Rebias by 127 - 15. All numbers of E4M3 and its FNUZ are normal in binary16, but zero; of
        // E5M2 FNUZ some are not: 1/2 has the last place of its subnormals.
        let wide = f32_bits::<F>(code);
        let magnitude = wide & 0x7fff_ffff;
        let sign = ((code & 0x80) as u16) << 8;
        if wide == CANONICAL_NAN {
            0x7fff
        } else if F::BIAS < 16 && magnitude == 0 {
            sign
        } else if F::BIAS >= 16 && magnitude < 113 << F32_FRACTION {
            (f32::from_bits(magnitude) + 0.5).to_bits().wrapping_sub(0.5f32.to_bits()) as u16 | sign
        } else {
            ((magnitude - (112 << F32_FRACTION)) >> 13) as u16 | sign
        }
    }
}

/// The f32 bits of a binary16, exact; a NaN keeps sign and payload and becomes quiet.
#[inline(always)]
pub(crate) const fn f32_bits_of_f16(half: u16) -> u32 {
    let magnitude = ((half & 0x7fff) as u32) << 13;
    let sign = ((half & 0x8000) as u32) << 16;
    let normal = magnitude + (112 << F32_FRACTION);
    let min_normal = 113 << F32_FRACTION;
    let subnormal = (f32::from_bits(magnitude + min_normal) - f32::from_bits(min_normal)).to_bits();
    let infinity = 0x7c00 << 13;
    let quiet = if magnitude > infinity { 0x0040_0000 } else { 0 };
    let wide = if magnitude < 0x0400 << 13 {
        subnormal
    } else if magnitude < infinity {
        normal
    } else {
        magnitude | 0x7f80_0000 | quiet
    };
    wide | sign
}

/// The f32 bits of a bfloat16, exact; a NaN keeps sign and payload and becomes quiet.
#[inline(always)]
pub(crate) const fn f32_bits_of_bf16(half: u16) -> u32 {
    let quiet = if half & 0x7fff > 0x7f80 { 0x0040_0000 } else { 0 };
    ((half as u32) << 16) | quiet
}
