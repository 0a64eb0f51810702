//! The specification, executable: one output of `wgmma` at a time, no tricks.
//!
//! Every other path of this module is tested against this file.

use Addend::{Finite, Infinity, Nan};

use crate::{Format, Fp8};

/// Fraction bits kept below the largest exponent, in the alignment and in the result.
const F: u32 = 13;

/// The NaN the tensor core returns.
pub(super) const CANONICAL_NAN: u32 = 0x7fff_ffff;

/// Exponent of the smallest normal f32.
const MIN_EXP: i32 = -126;

/// An operand or a product, taken apart.
#[derive(Clone, Copy)]
enum Addend {
    Finite(Number),
    Infinity { negative: bool },
    Nan,
}

/// `(-1)^negative * significand * 2^(exponent - fraction bits)`. A subnormal keeps the exponent
/// of the smallest normal and a significand without the leading one.
#[derive(Clone, Copy)]
struct Number {
    negative: bool,
    significand: u32,
    exponent: i32,
}

fn decode<T: Fp8>(x: T) -> Addend {
    let bits = x.to_bits();
    let negative = bits & 0x80 != 0;
    let fraction = u32::from(bits) & ((1 << T::FRACTION_BITS) - 1);
    let biased = i32::from(bits & 0x7f) >> T::FRACTION_BITS;
    match T::FORMAT {
        // One NaN a sign, no infinity.
        Format::E4m3 if bits & 0x7f == 0x7f => Nan,
        Format::E5m2 if biased == 31 && fraction != 0 => Nan,
        Format::E5m2 if biased == 31 => Infinity { negative },
        _ => Finite(number(negative, biased, fraction, T::FRACTION_BITS, T::BIAS)),
    }
}

fn decode_f32(c: f32) -> Addend {
    let negative = c.to_bits() >> 31 != 0;
    let fraction = c.to_bits() & 0x007f_ffff;
    match (c.to_bits() >> 23 & 0xff) as i32 {
        255 if fraction != 0 => Nan,
        255 => Infinity { negative },
        biased => Finite(number(negative, biased, fraction, 23, 127)),
    }
}

fn number(negative: bool, biased: i32, fraction: u32, fraction_bits: u32, bias: i32) -> Number {
    if biased == 0 {
        Number { negative, significand: fraction, exponent: 1 - bias }
    } else {
        Number { negative, significand: fraction | 1 << fraction_bits, exponent: biased - bias }
    }
}

/// Not normalised: significands multiply, exponents add.
fn product(a: Addend, b: Addend) -> Addend {
    match (a, b) {
        (Nan, _) | (_, Nan) => Nan,
        (Infinity { negative: s }, Infinity { negative: t }) => Infinity { negative: s ^ t },
        // An infinity times a subnormal is an infinity; times a zero of either sign it is NaN.
        (Infinity { .. }, Finite(x)) | (Finite(x), Infinity { .. }) if x.significand == 0 => Nan,
        (Infinity { negative }, Finite(x)) | (Finite(x), Infinity { negative }) => {
            Infinity { negative: negative ^ x.negative }
        }
        (Finite(a), Finite(b)) => Finite(Number {
            negative: a.negative ^ b.negative,
            significand: a.significand * b.significand,
            exponent: a.exponent + b.exponent,
        }),
    }
}

/// The result where NaN or an infinity is among the addends; `None` where all are finite.
fn special(addends: &[Addend; 33]) -> Option<u32> {
    let any = |wanted: fn(&Addend) -> bool| addends.iter().any(wanted);
    let nan = any(|addend| matches!(addend, Nan));
    let plus = any(|addend| matches!(addend, Infinity { negative: false }));
    let minus = any(|addend| matches!(addend, Infinity { negative: true }));
    match (nan, plus, minus) {
        (true, _, _) | (_, true, true) => Some(CANONICAL_NAN),
        (_, true, _) => Some(0x7f80_0000),
        (_, _, true) => Some(0xff80_0000),
        _ => None,
    }
}

/// One output of one `wgmma.m64nNk32` with an f32 accumulator: `c + sum of a[k] * b[k]`.
///
/// All 32 products and `c` are aligned once to the largest exponent among the non-zero ones,
/// each is cut (toward zero) to 13 bits below it, the cut values are added exactly, and the sum
/// is cut (toward zero) to 13 fraction bits. Subnormal operands, accumulators and results are
/// honoured. A sum of zero is `+0`. The order of `k` does not matter.
///
/// NaN among the operands, an infinity times zero, and infinities of both signs give the NaN
/// `0x7fffffff`; otherwise an infinity among products and `c` is the result.
///
/// ```
/// use quarter_numerics::{E4m3, tensor_core::wgmma_k32};
///
/// // 13 bits are kept below the largest addend, 2^8 here: a grid of 2^-5.
/// let (mut a, mut b) = ([E4m3::default(); 32], [E4m3::default(); 32]);
/// (a[0], b[0]) = (E4m3::from_f32(256.0), E4m3::from_f32(1.0));
/// assert_eq!(wgmma_k32(&a, &b, 1.0 + 0.03125 + 0.015625), 257.03125);
/// ```
pub fn wgmma_k32<A: Fp8, B: Fp8>(a: &[A; 32], b: &[B; 32], c: f32) -> f32 {
    let mut addends = [decode_f32(c); 33];
    for ((addend, &a), &b) in addends.iter_mut().zip(a).zip(b) {
        *addend = product(decode(a), decode(b));
    }
    let product_fraction_bits = A::FRACTION_BITS + B::FRACTION_BITS;
    f32::from_bits(special(&addends).unwrap_or_else(|| sum(&addends, product_fraction_bits)))
}

/// The finite case: 32 products with `product_fraction_bits`, then `c` with 23.
fn sum(addends: &[Addend; 33], product_fraction_bits: u32) -> u32 {
    let numbers = addends.iter().enumerate().filter_map(|(k, addend)| match *addend {
        // A zero takes no part: it has no exponent, whatever its partner was.
        Finite(x) if x.significand != 0 => {
            Some((x, if k < 32 { product_fraction_bits } else { 23 }))
        }
        _ => None,
    });
    let Some(max_exponent) = numbers.clone().map(|(x, _)| x.exponent).max() else { return 0 };

    // Align, cut, add. One unit of the total is 2^(max_exponent - 13).
    let aligned = numbers.map(|(x, fraction_bits)| {
        // From the fraction bits it has to F of them, then down to the common exponent. Shifting
        // the magnitude rounds toward zero.
        let distance = (max_exponent - x.exponent).min(63);
        let cut = (i64::from(x.significand) << F >> fraction_bits) >> distance;
        if x.negative { -cut } else { cut }
    });
    match aligned.sum() {
        0 => 0,
        total => normalise(total, max_exponent),
    }
}

/// `total * 2^(max_exponent - 13)` as f32 bits, cut toward zero to 13 fraction bits.
fn normalise(total: i64, max_exponent: i32) -> u32 {
    let magnitude = total.unsigned_abs();
    let sign = if total < 0 { 1 << 31 } else { 0 };
    let leading_exponent = magnitude.ilog2() as i32 + max_exponent - F as i32;
    // Below the normals the grid stays at 2^(-126 - 13).
    let exponent = leading_exponent.max(MIN_EXP);
    if exponent > 127 {
        return sign | 0x7f80_0000;
    }
    let shift = exponent - max_exponent;
    let significand = if shift >= 0 { magnitude >> shift } else { magnitude << -shift } as u32;
    let biased = if significand >> F != 0 { (exponent + 127) as u32 } else { 0 };
    sign | biased << 23 | (significand & ((1 << F) - 1)) << (23 - F)
}

/// A chain of [`wgmma_k32`] over `k`, 32 at a time, each result the next accumulator.
///
/// `k` runs to the shorter of `a` and `b`; a short last step is filled with `+0`. With no `k` at
/// all the result is `c`, untouched.
pub fn wgmma_chain<A: Fp8, B: Fp8>(a: &[A], b: &[B], c: f32) -> f32 {
    let k = a.len().min(b.len());
    a[..k].chunks(32).zip(b[..k].chunks(32)).fold(c, |c, (a, b)| {
        let mut step = ([A::from_bits(0); 32], [B::from_bits(0); 32]);
        step.0[..a.len()].copy_from_slice(a);
        step.1[..b.len()].copy_from_slice(b);
        wgmma_k32(&step.0, &step.1, c)
    })
}

/// [`wgmma_k32`] on codes whose formats are known at run time only.
pub(super) fn wgmma_k32_codes(
    formats: (Format, Format),
    a: &[u8; 32],
    b: &[u8; 32],
    c: f32,
) -> f32 {
    fn typed<A: Fp8, B: Fp8>(a: &[u8; 32], b: &[u8; 32], c: f32) -> f32 {
        wgmma_k32(&a.map(A::from_bits), &b.map(B::from_bits), c)
    }
    use crate::{E4m3, E5m2};
    match formats {
        (Format::E4m3, Format::E4m3) => typed::<E4m3, E4m3>(a, b, c),
        (Format::E4m3, Format::E5m2) => typed::<E4m3, E5m2>(a, b, c),
        (Format::E5m2, Format::E4m3) => typed::<E5m2, E4m3>(a, b, c),
        (Format::E5m2, Format::E5m2) => typed::<E5m2, E5m2>(a, b, c),
    }
}
