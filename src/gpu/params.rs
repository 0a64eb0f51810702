//! The kernels' parameters: the structs of `cuda/quarter.h` as bytes.

use crate::ffi::{
    QuarterAdamw, QuarterAdamwControl, QuarterAdamwGroup, QuarterAdamwSettings, QuarterAdamwTensor,
    QuarterDequantize, QuarterGemm, QuarterNorm, QuarterQuantize, QuarterScaling, QuarterTranspose,
    QuarterWgmma,
};

/// A struct that is an entry's parameter, or lies in memory for it.
///
/// # Safety
/// `repr(C)`, plain numbers without padding.
pub(super) unsafe trait Parameters: Copy {
    /// The bytes an entry is launched with.
    fn bytes(&self) -> &[u8] {
        let start = std::ptr::from_ref(self).cast();
        // SAFETY: plain numbers without padding, borrowed as long as the bytes are.
        unsafe { std::slice::from_raw_parts(start, size_of::<Self>()) }
    }
}

// SAFETY: as the header promises, and a test of `tests/ffi.rs` adds up.
unsafe impl Parameters for QuarterQuantize {}
// SAFETY: as above.
unsafe impl Parameters for QuarterDequantize {}
// SAFETY: as above.
unsafe impl Parameters for QuarterTranspose {}
// SAFETY: as above.
unsafe impl Parameters for QuarterScaling {}
// SAFETY: as above.
unsafe impl Parameters for QuarterAdamw {}
// SAFETY: as above.
unsafe impl Parameters for QuarterNorm {}
// SAFETY: as above.
unsafe impl Parameters for QuarterAdamwTensor {}
// SAFETY: as above.
unsafe impl Parameters for QuarterAdamwSettings {}
// SAFETY: as above.
unsafe impl Parameters for QuarterAdamwGroup {}
// SAFETY: as above.
unsafe impl Parameters for QuarterAdamwControl {}

// SAFETY: as above.
unsafe impl Parameters for QuarterGemm {}
// SAFETY: as above.
unsafe impl Parameters for QuarterWgmma {}

/// The bytes of an array of them.
pub(super) fn bytes_of_all<S: Parameters>(all: &[S]) -> Vec<u8> {
    all.iter().flat_map(|one| one.bytes().iter().copied()).collect()
}
