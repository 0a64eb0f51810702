//! FP8 `wgmma` with an f32 accumulator, in Rust's types.

use super::known;
use super::{Accumulator, Model};
use crate::{Format, Fp8};

/// The NaN the tensor core returns.
pub(super) const CANONICAL_NAN: u32 = Accumulator::F32.canonical_nan();

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
    wgmma_k32_codes((A::FORMAT, B::FORMAT), &a.map(A::to_bits), &b.map(B::to_bits), c)
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
    (a_format, b_format): (Format, Format),
    a: &[u8; 32],
    b: &[u8; 32],
    c: f32,
) -> f32 {
    let model = Model::unchecked(known::wgmma_fp8(a_format, b_format, Accumulator::F32));
    f32::from_bits(model.dot(a, b, c.to_bits()))
}
