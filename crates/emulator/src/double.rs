//! f64 semantics of one lane, on bits: IEEE, to nearest even. What a NaN result looks like is not
//! known of the machine; no kernel stores one.

/// The NaN that every operation returns.
const NAN: u64 = 0x7ff8_0000_0000_0000;

#[inline(always)]
pub(crate) fn d(bits: u64) -> f64 {
    f64::from_bits(bits)
}

#[inline(always)]
pub(crate) fn bits(x: f64) -> u64 {
    if x.is_nan() { NAN } else { x.to_bits() }
}

/// Smaller of two numbers; -0 is below +0. A NaN loses, two give NaN.
#[inline(always)]
pub(crate) fn min(a: u64, b: u64) -> u64 {
    let (x, y) = (d(a), d(b));
    if x.is_nan() {
        return bits(y);
    }
    if y.is_nan() || x < y || x == y && a >> 63 == 1 { a } else { b }
}

/// Larger of two numbers; +0 is above -0. A NaN loses, two give NaN.
#[inline(always)]
pub(crate) fn max(a: u64, b: u64) -> u64 {
    let (x, y) = (d(a), d(b));
    if x.is_nan() {
        return bits(y);
    }
    if y.is_nan() || x > y || x == y && a >> 63 == 0 { a } else { b }
}
