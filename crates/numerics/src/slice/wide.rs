//! The element types on the other side of a cast.

use half::{bf16, f16};

use crate::{Float8, widen};

mod sealed {
    pub trait Sealed {}
    impl Sealed for f32 {}
    impl Sealed for half::f16 {}
    impl Sealed for half::bf16 {}
}

/// f32, f16 and bf16: what slices of FP8 are cast from and widened to. Sealed.
///
/// The conversions are inlined integer code, unlike those of `half`, which
/// detect the processor's instructions at each call.
pub trait Wide: Copy + Default + Send + Sync + sealed::Sealed + 'static {
    /// Exact widening; a NaN keeps its sign and payload and becomes quiet.
    fn to_f32(self) -> f32;
    /// Exact widening; every NaN becomes the type's `0x7FFF…`.
    fn from_fp8<F: Float8>(x: F) -> Self;
}

impl Wide for f32 {
    #[inline(always)]
    fn to_f32(self) -> f32 {
        self
    }
    #[inline(always)]
    fn from_fp8<F: Float8>(x: F) -> Self {
        Self::from_bits(widen::f32_bits::<F>(x.to_bits()))
    }
}

impl Wide for f16 {
    #[inline(always)]
    fn to_f32(self) -> f32 {
        f32::from_bits(widen::f32_bits_of_f16(self.to_bits()))
    }
    #[inline(always)]
    fn from_fp8<F: Float8>(x: F) -> Self {
        Self::from_bits(widen::f16_bits::<F>(x.to_bits()))
    }
}

impl Wide for bf16 {
    #[inline(always)]
    fn to_f32(self) -> f32 {
        f32::from_bits(widen::f32_bits_of_bf16(self.to_bits()))
    }
    #[inline(always)]
    fn from_fp8<F: Float8>(x: F) -> Self {
        Self::from_bits(widen::bf16_bits::<F>(x.to_bits()))
    }
}
