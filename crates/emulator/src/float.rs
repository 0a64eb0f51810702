//! Float semantics of one lane, on bits: IEEE, to nearest even, subnormals kept. A NaN result
//! is NVIDIA's, 0x7fffffff, whatever came in.

use quarter_numerics::{E4m3, E5m2};

/// The NaN that every operation returns.
pub(crate) const NAN: u32 = 0x7fff_ffff;
/// The same in 16 bits, f16 and bf16.
pub(crate) const NAN16: u16 = 0x7fff;

#[inline(always)]
pub(crate) fn f(bits: u32) -> f32 {
    f32::from_bits(bits)
}

#[inline(always)]
pub(crate) fn bits(x: f32) -> u32 {
    if x.is_nan() { NAN } else { x.to_bits() }
}

/// Smaller of two numbers; -0 is below +0. A NaN loses, two give NaN.
#[inline(always)]
pub(crate) fn min(a: u32, b: u32) -> u32 {
    let (x, y) = (f(a), f(b));
    if x.is_nan() {
        return bits(y);
    }
    if y.is_nan() || x < y || x == y && a >> 31 == 1 { a } else { b }
}

/// Larger of two numbers; +0 is above -0. A NaN loses, two give NaN.
#[inline(always)]
pub(crate) fn max(a: u32, b: u32) -> u32 {
    let (x, y) = (f(a), f(b));
    if x.is_nan() {
        return bits(y);
    }
    if y.is_nan() || x > y || x == y && a >> 31 == 0 { a } else { b }
}

/// As [`min`], but a NaN wins.
#[inline(always)]
pub(crate) fn min_nan(a: u32, b: u32) -> u32 {
    if f(a).is_nan() || f(b).is_nan() { NAN } else { min(a, b) }
}

/// As [`max`], but a NaN wins.
#[inline(always)]
pub(crate) fn max_nan(a: u32, b: u32) -> u32 {
    if f(a).is_nan() || f(b).is_nan() { NAN } else { max(a, b) }
}

/// A sum without the bits that do not fit: rounded towards zero.
#[inline(always)]
pub(crate) fn add_cut(a: u32, b: u32) -> u32 {
    let (x, y) = (f(a), f(b));
    let sum = x + y;
    if sum.is_infinite() && x.is_finite() && y.is_finite() {
        return sum.to_bits() - 1;
    }
    // What rounding left out, exactly: the sum went too far if it has the other sign.
    let added = sum - x;
    let left_out = (x - (sum - added)) + (y - added);
    let too_far = sum.is_finite() && left_out != 0.0 && (left_out < 0.0) != (sum < 0.0);
    bits(sum).wrapping_sub(u32::from(too_far))
}

/// `testp`: finite, infinite, number, NaN, normal, subnormal.
#[inline(always)]
pub(crate) fn test(a: u32, kind: u8) -> bool {
    let magnitude = a & 0x7fff_ffff;
    let infinity = 0x7f80_0000;
    match kind {
        0 => magnitude < infinity,
        1 => magnitude == infinity,
        2 => magnitude <= infinity,
        3 => magnitude > infinity,
        4 => (0x0080_0000..infinity).contains(&magnitude),
        _ => (1..0x0080_0000).contains(&magnitude),
    }
}

/// Whether a comparison holds; `code` is its place in `table::COMPARES`.
#[inline(always)]
pub(crate) fn compare<T: PartialOrd>(x: T, y: T, code: u8) -> bool {
    let unordered = x.partial_cmp(&y).is_none();
    match code {
        0 => x == y,
        1 => !unordered && x != y,
        2 => x < y,
        3 => x <= y,
        4 => x > y,
        5 => x >= y,
        6 => unordered || x == y,
        7 => unordered || x != y,
        8 => unordered || x < y,
        9 => unordered || x <= y,
        10 => unordered || x > y,
        11 => unordered || x >= y,
        12 => !unordered,
        _ => unordered,
    }
}

/// To an integer towards zero; what is out of range goes to its end, NaN to 0.
#[inline(always)]
pub(crate) fn to_unsigned(a: u32) -> u32 {
    f(a) as u32
}

/// The same, signed.
#[inline(always)]
pub(crate) fn to_signed(a: u32) -> u32 {
    f(a) as i32 as u32
}

/// Two E4M3 codes; the first source is the high byte.
#[inline(always)]
pub(crate) fn pack_e4m3(high: u32, low: u32) -> u32 {
    u32::from(E4m3::from_f32(f(high)).to_bits()) << 8 | u32::from(E4m3::from_f32(f(low)).to_bits())
}

/// Two E5M2 codes; the first source is the high byte.
#[inline(always)]
pub(crate) fn pack_e5m2(high: u32, low: u32) -> u32 {
    u32::from(E5m2::from_f32(f(high)).to_bits()) << 8 | u32::from(E5m2::from_f32(f(low)).to_bits())
}

/// Two f16 from two E4M3 codes.
#[inline(always)]
pub(crate) fn unpack_e4m3(codes: u32) -> u32 {
    let one = |code: u32| u32::from(E4m3::from_bits(code as u8).to_f16().to_bits());
    one(codes >> 8) << 16 | one(codes)
}

/// Two f16 from two E5M2 codes.
#[inline(always)]
pub(crate) fn unpack_e5m2(codes: u32) -> u32 {
    let one = |code: u32| u32::from(E5m2::from_bits(code as u8).to_f16().to_bits());
    one(codes >> 8) << 16 | one(codes)
}

/// Exact.
#[inline(always)]
pub(crate) fn from_half(half: u32) -> u32 {
    let (sign, magnitude) = ((half & 0x8000) << 16, half & 0x7fff);
    if magnitude > 0x7c00 {
        return NAN;
    }
    if magnitude >= 0x7c00 {
        return sign | 0x7f80_0000;
    }
    // Subnormals of f16 are normal in f32: the product is exact.
    let scaled = f(magnitude << 13) * f(0x7780_0000);
    sign | scaled.to_bits()
}

/// Exact.
#[inline(always)]
pub(crate) fn from_bfloat(half: u32) -> u32 {
    bits(f(half << 16))
}

/// To bf16, nearest even.
#[inline(always)]
pub(crate) fn to_bfloat(a: u32) -> u32 {
    if f(a).is_nan() {
        return NAN16.into();
    }
    a.wrapping_add(0x7fff + (a >> 16 & 1)) >> 16
}

/// To f16, nearest even; overflow gives infinity.
#[inline(always)]
pub(crate) fn to_half(a: u32) -> u32 {
    let (sign, magnitude) = (a >> 16 & 0x8000, a & 0x7fff_ffff);
    if magnitude > 0x7f80_0000 {
        return NAN16.into();
    }
    // 65520 and above round to infinity.
    if magnitude >= 0x477f_f000 {
        return sign | 0x7c00;
    }
    // Below 2^-14 the sum with 2^-1 rounds at 2^-24, a subnormal's last bit.
    if magnitude < 0x3880_0000 {
        return sign | ((f(magnitude) + 0.5).to_bits() - 0.5f32.to_bits());
    }
    let rounded = magnitude + 0xfff + (magnitude >> 13 & 1);
    sign | ((rounded - 0x3800_0000) >> 13)
}
