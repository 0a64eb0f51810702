//! The wide types, as kernels are named after them.

use crate::{Element, Format};

/// f32, bf16 or f16.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WideType {
    /// `f32`.
    F32,
    /// `half::bf16`.
    Bf16,
    /// `half::f16`.
    F16,
}

impl WideType {
    /// The type of an element.
    pub const fn of<T: Element>() -> Self {
        match T::SIGNIFICAND_BITS {
            24 => Self::F32,
            8 => Self::Bf16,
            _ => Self::F16,
        }
    }

    /// Bytes of an element.
    pub const fn size(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::Bf16 | Self::F16 => 2,
        }
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::Bf16 => "bf16",
            Self::F16 => "f16",
        }
    }
}

pub(super) const fn format_name(format: Format) -> &'static str {
    match format {
        Format::E4m3 => "e4m3",
        Format::E5m2 => "e5m2",
    }
}

/// The bytes of numbers.
pub(super) fn bytes_of<T: Element>(numbers: &[T]) -> &[u8] {
    // SAFETY: f32, bf16 and f16 (the trait is sealed) have neither padding nor lifetimes.
    unsafe { std::slice::from_raw_parts(numbers.as_ptr().cast(), size_of_val(numbers)) }
}

/// Numbers of bytes from a device, which is little-endian.
pub(super) fn floats(bytes: &[u8]) -> Vec<f32> {
    bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect()
}
