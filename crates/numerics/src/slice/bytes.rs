//! FP8 slices seen as bytes, and back, without a copy.

use crate::Float8;

/// The codes as bytes.
#[inline]
#[must_use]
pub const fn as_bytes<F: Float8>(codes: &[F]) -> &[u8] {
    // SAFETY: Float8 is sealed and its types are `repr(transparent)` over u8.
    unsafe { core::slice::from_raw_parts(codes.as_ptr().cast(), codes.len()) }
}

/// The codes as bytes to write; every byte is a valid code.
#[inline]
#[must_use]
pub const fn as_bytes_mut<F: Float8>(codes: &mut [F]) -> &mut [u8] {
    // SAFETY: Float8 is sealed and its types are `repr(transparent)` over u8, for which every
    // bit pattern is valid.
    unsafe { core::slice::from_raw_parts_mut(codes.as_mut_ptr().cast(), codes.len()) }
}

/// Bytes as codes; every byte is a valid code.
#[inline]
#[must_use]
pub const fn from_bytes<F: Float8>(bytes: &[u8]) -> &[F] {
    // SAFETY: Float8 is sealed and its types are `repr(transparent)` over u8, for which every
    // bit pattern is valid.
    unsafe { core::slice::from_raw_parts(bytes.as_ptr().cast(), bytes.len()) }
}

/// Bytes as codes to write.
#[inline]
#[must_use]
pub const fn from_bytes_mut<F: Float8>(bytes: &mut [u8]) -> &mut [F] {
    // SAFETY: Float8 is sealed and its types are `repr(transparent)` over u8, for which every
    // bit pattern is valid.
    unsafe { core::slice::from_raw_parts_mut(bytes.as_mut_ptr().cast(), bytes.len()) }
}
