//! The vector paths of x86-64.

use core::arch::x86_64::*;

use super::chain::{slow_lanes, slow_step, special_lanes, steps};
use super::portable;
use super::step::{Kind, LANES, RowStep, STEP, StripStep};

/// The portable chain in AVX2 registers. Call only where [`super::Path::Avx2`] is available.
pub(super) fn avx2(kind: Kind, a: &[RowStep], b: &[StripStep], acc: &mut [f32; LANES]) {
    // SAFETY: a `TensorCore` holds a path only after `Path::is_available` said yes.
    unsafe { avx2_chain(kind, a, b, acc) }
}

#[target_feature(enable = "avx2")]
fn avx2_chain(kind: Kind, a: &[RowStep], b: &[StripStep], acc: &mut [f32; LANES]) {
    steps(kind, a, b, acc, portable::step);
}

/// The chain in 16-bit lanes. Call only where [`super::Path::Avx512`] is available.
pub(super) fn avx512(kind: Kind, a: &[RowStep], b: &[StripStep], acc: &mut [f32; LANES]) {
    // SAFETY: a `TensorCore` holds a path only after `Path::is_available` said yes.
    unsafe { avx512_chain(kind, a, b, acc) }
}

#[target_feature(enable = "avx512f,avx512bw")]
fn avx512_chain(kind: Kind, a: &[RowStep], b: &[StripStep], acc: &mut [f32; LANES]) {
    let mut special = special_lanes(acc);
    let mut c = load_acc(acc);
    for (a, b) in a.iter().zip(b) {
        let lanes = slow_lanes(kind, a, b, special);
        if lanes == 0 {
            c = avx512_step(a, b, c);
        } else {
            store_acc(c, acc);
            special = slow_step(a, b, lanes, acc, |a, b, acc| {
                store_acc(avx512_step(a, b, load_acc(acc)), acc);
            });
            c = load_acc(acc);
        }
    }
    store_acc(c, acc);
}

/// Columns in one register: a u32 holds two neighbours in `k` of one column.
const HALF: usize = 16;

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn load(lanes: &[u32; LANES], half: usize) -> __m512i {
    debug_assert!(half < 2);
    // SAFETY: 16 u32 from 0 or 16 lie within the 32; `loadu` asks for no alignment.
    unsafe { _mm512_loadu_si512(lanes.as_ptr().add(half * HALF).cast()) }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn load_acc(acc: &[f32; LANES]) -> [__m512; 2] {
    // SAFETY: both loads lie within the 32 floats; `loadu` asks for no alignment.
    unsafe { [_mm512_loadu_ps(acc.as_ptr()), _mm512_loadu_ps(acc.as_ptr().add(HALF))] }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn store_acc(c: [__m512; 2], acc: &mut [f32; LANES]) {
    // SAFETY: both stores lie within the 32 floats; `storeu` asks for no alignment.
    unsafe {
        _mm512_storeu_ps(acc.as_mut_ptr(), c[0]);
        _mm512_storeu_ps(acc.as_mut_ptr().add(HALF), c[1]);
    }
}

/// One step on all lanes. The lanes with NaN or an infinity come out as garbage.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn avx512_step(a: &RowStep, b: &StripStep, c: [__m512; 2]) -> [__m512; 2] {
    let row = |plane: usize| _mm512_set1_epi32(a.planes[plane] as i32);
    let (significand, exponent, sign) = (0, STEP / 2, STEP);

    // The largest exponent sum, even and odd k apart. Sums are kept for the second pass.
    let mut sums = [[_mm512_setzero_si512(); 2]; STEP / 2];
    let mut largest = [_mm512_set1_epi16(i16::MIN); 2];
    for (pair, sums) in sums.iter_mut().enumerate() {
        let a = row(exponent + pair);
        for half in 0..2 {
            let sum = _mm512_add_epi16(a, load(&b.planes[exponent + pair], half));
            largest[half] = _mm512_max_epi16(largest[half], sum);
            sums[half] = sum;
        }
    }
    let mut emax = [_mm512_setzero_ps(); 2];
    let mut emax_words = [_mm512_setzero_si512(); 2];
    for half in 0..2 {
        // Even and odd k together, then the accumulator. `getexp` would normalise a subnormal,
        // whose exponent here is that of the smallest normal. A zero gets it too, which is below
        // that of any product.
        let both = _mm512_max_epi16(largest[half], _mm512_rol_epi32::<16>(largest[half]));
        let products = _mm512_cvtepi32_ps(_mm512_srai_epi32::<16>(both));
        let exponent_c = _mm512_max_ps(_mm512_getexp_ps(c[half]), _mm512_set1_ps(-126.0));
        emax[half] = _mm512_max_ps(products, exponent_c);
        let words = _mm512_cvtps_epi32(emax[half]);
        emax_words[half] =
            _mm512_mask_blend_epi16(0xaaaa_aaaa, words, _mm512_slli_epi32::<16>(words));
    }

    // Magnitudes, shifted (16 and more give 0) and added with their sign: `!x` is `-x - 1`, and
    // the ones are counted at the end.
    let mut total = [_mm512_setzero_si512(); 2];
    for (pair, sums) in sums.iter().enumerate() {
        let (a, a_sign) = (row(significand + pair), row(sign + pair));
        for half in 0..2 {
            let product = _mm512_mullo_epi16(a, load(&b.planes[significand + pair], half));
            let distance = _mm512_sub_epi16(emax_words[half], sums[half]);
            let cut = _mm512_srlv_epi16(product, distance);
            let b_sign = load(&b.planes[sign + pair], half);
            let signed = _mm512_ternarylogic_epi32::<0x96>(cut, a_sign, b_sign);
            let added = _mm512_madd_epi16(signed, _mm512_set1_epi16(1));
            total[half] = _mm512_add_epi32(total[half], added);
        }
    }

    let mut result = c;
    for half in 0..2 {
        let signs = _mm512_set1_epi32(a.signs as i32);
        let negative = count_ones(_mm512_xor_si512(signs, load(&b.signs, half)));
        let thirteen = _mm512_set1_ps(13.0);
        let c = _mm512_scalef_ps(c[half], _mm512_sub_ps(thirteen, emax[half]));
        let total = _mm512_add_epi32(total[half], negative);
        let total = _mm512_add_epi32(total, _mm512_cvttps_epi32(c));
        // |total| < 2^21 is exact in f32 and its multiple of 2^(emax - 13) too, subnormal or not.
        let value =
            _mm512_scalef_ps(_mm512_cvtepi32_ps(total), _mm512_sub_ps(emax[half], thirteen));
        // 13 fraction bits. Subnormals too: their last place is fixed.
        let kept = _mm512_and_si512(_mm512_castps_si512(value), _mm512_set1_epi32(!0x3ff));
        result[half] = _mm512_castsi512_ps(kept);
    }
    result
}

/// Bits set in each u32.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn count_ones(x: __m512i) -> __m512i {
    let digit = _mm512_set1_epi8(0x0f);
    let ones =
        _mm512_broadcast_i32x4(_mm_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4));
    let low = _mm512_shuffle_epi8(ones, _mm512_and_si512(x, digit));
    let high = _mm512_shuffle_epi8(ones, _mm512_and_si512(_mm512_srli_epi16::<4>(x), digit));
    let bytes = _mm512_add_epi8(low, high);
    let words = _mm512_maddubs_epi16(bytes, _mm512_set1_epi8(1));
    _mm512_madd_epi16(words, _mm512_set1_epi16(1))
}
