//! Integer semantics of one lane, where they are more than one operator.

/// Three-input logic by a truth table.
#[inline(always)]
pub(crate) fn lop3(a: u32, b: u32, c: u32, table: u8) -> u32 {
    let mut out = 0;
    for row in 0..8 {
        if table >> row & 1 == 1 {
            let a = if row & 4 != 0 { a } else { !a };
            let b = if row & 2 != 0 { b } else { !b };
            let c = if row & 1 != 0 { c } else { !c };
            out |= a & b & c;
        }
    }
    out
}

/// Four of the eight bytes of b:a; bit 3 of a selector spreads the byte's sign.
#[inline(always)]
pub(crate) fn prmt(a: u32, b: u32, selectors: u32) -> u32 {
    let bytes = u64::from(b) << 32 | u64::from(a);
    let mut out = 0;
    for i in 0..4 {
        let selector = selectors >> (4 * i);
        let byte = (bytes >> (8 * (selector & 7))) as u8;
        let byte = if selector & 8 != 0 { ((byte as i8) >> 7) as u8 } else { byte };
        out |= u32::from(byte) << (8 * i);
    }
    out
}

/// The upper word of b:a shifted left by `c` mod 32.
#[inline(always)]
pub(crate) fn shf_left(a: u32, b: u32, c: u32) -> u32 {
    ((u64::from(b) << 32 | u64::from(a)) << (c & 31) >> 32) as u32
}

/// The lower word of b:a shifted right by `c` mod 32.
#[inline(always)]
pub(crate) fn shf_right(a: u32, b: u32, c: u32) -> u32 {
    ((u64::from(b) << 32 | u64::from(a)) >> (c & 31)) as u32
}

/// As [`shf_left`], by at most 32.
#[inline(always)]
pub(crate) fn shf_left_clamp(a: u32, b: u32, c: u32) -> u32 {
    ((u64::from(b) << 32 | u64::from(a)) << c.min(32) >> 32) as u32
}

/// As [`shf_right`], by at most 32.
#[inline(always)]
pub(crate) fn shf_right_clamp(a: u32, b: u32, c: u32) -> u32 {
    ((u64::from(b) << 32 | u64::from(a)) >> c.min(32)) as u32
}

#[inline(always)]
pub(crate) fn shl(a: u32, b: u32) -> u32 {
    if b > 31 { 0 } else { a << b }
}

#[inline(always)]
pub(crate) fn shr(a: u32, b: u32) -> u32 {
    if b > 31 { 0 } else { a >> b }
}

#[inline(always)]
pub(crate) fn shr_signed(a: u32, b: u32) -> u32 {
    ((a as i32) >> b.min(31)) as u32
}

#[inline(always)]
pub(crate) fn shl_long(a: u64, b: u32) -> u64 {
    if b > 63 { 0 } else { a << b }
}

#[inline(always)]
pub(crate) fn shr_long(a: u64, b: u32) -> u64 {
    if b > 63 { 0 } else { a >> b }
}

#[inline(always)]
pub(crate) fn shr_signed_long(a: u64, b: u32) -> u64 {
    ((a as i64) >> b.min(63)) as u64
}

/// Field of `len` bits from bit `start`; both are taken mod 256.
#[inline(always)]
pub(crate) fn bfe(a: u32, start: u32, len: u32) -> u32 {
    let (start, len) = (start & 255, len & 255);
    let field = shr(a, start);
    if len > 31 { field } else { field & ((1 << len) - 1) }
}

/// The same, sign-extended: from the field's last bit, or from bit 31 where it reaches past it.
#[inline(always)]
pub(crate) fn bfe_signed(a: u32, start: u32, len: u32) -> u32 {
    let (start, len) = (start & 255, len & 255);
    if len == 0 {
        return 0;
    }
    let last = (start + len - 1).min(31);
    let sign = if a >> last & 1 == 1 { u32::MAX } else { 0 };
    let field = if len > 31 { u32::MAX } else { (1 << len) - 1 };
    // Bits of the field that exist in a.
    let from_a = if start > 31 { 0 } else { field & (u32::MAX >> start) };
    shr(a, start) & from_a | sign & !from_a
}

/// b with `len` bits from bit `start` on taken from a.
#[inline(always)]
pub(crate) fn bfi(a: u32, b: u32, start: u32, len: u32) -> u32 {
    let (start, len) = (start & 255, len & 255);
    let field = if len > 31 { u32::MAX } else { (1 << len) - 1 };
    let mask = shl(field, start);
    b & !mask | shl(a, start) & mask
}

#[inline(always)]
pub(crate) fn div(a: u32, b: u32) -> u32 {
    a.checked_div(b).unwrap_or(u32::MAX)
}

#[inline(always)]
pub(crate) fn rem(a: u32, b: u32) -> u32 {
    a.checked_rem(b).unwrap_or(a)
}

#[inline(always)]
pub(crate) fn div_signed(a: u32, b: u32) -> u32 {
    if b == 0 { u32::MAX } else { (a as i32).wrapping_div(b as i32) as u32 }
}

#[inline(always)]
pub(crate) fn rem_signed(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { (a as i32).wrapping_rem(b as i32) as u32 }
}
