//! Casts as other systems make them, each named after the system.
//!
//! ```
//! use quarter_numerics::{E4m3, policy};
//!
//! assert_eq!(E4m3::from_f32_as(1000.0, policy::PyTorch), E4m3::MAX);
//! assert!(E4m3::from_f32_as(1000.0, policy::PyTorchBefore213).is_nan());
//! // Just below a midpoint, where the way through f32 ends on the other side.
//! let x = f64::from_bits(432f64.to_bits() - 1);
//! assert_eq!(E4m3::from_f64_as(x, policy::Cuda).to_f32(), 416.0);
//! assert_eq!(E4m3::from_f64_as(x, policy::MlDtypes).to_f32(), 448.0);
//! ```
//!
//! All round to nearest even and keep subnormals, E8M0 apart. They differ in the rest. Codes are in
//! hexadecimal, `±` is the sign of the input:
//!
//! | | [`Cuda`] | [`CudaNosat`] | [`PyTorch`] | [`PyTorchBefore213`] | [`MlDtypes`] |
//! |---|---|---|---|---|---|
//! | **E4M3**: overflow, ±∞ | ±448 | NaN, ±7F | ±448 | NaN, ±7F | NaN, ±7F |
//! | NaN | 7F, from f64 ±7F | as `Cuda` | ±7F | ±7F | ±7F |
//! | **E5M2**: overflow, ±∞ | ±57344 | ±∞ | ±∞ | ±∞ | ±∞ |
//! | NaN | 7F, from f64 ±7E or ±7F | as `Cuda` | ±7F | ±7F | ±7E |
//! | **FNUZ**: overflow, ±∞, NaN | none | none | NaN, 80 | NaN, 80 | NaN, 80 |
//! | **E8M0**: rounding | up | up | nearest, ties up | as `PyTorch` | as `PyTorch` |
//! | zero | 2^-127 | 2^-127 | 2^-127 | 2^-127 | NaN |
//! | negative x | as -x | as -x | as -x | as -x | NaN |
//! | overflow, ∞ | 2^127 | NaN | NaN | NaN | NaN |
//! | **f64** to any | rounded once | once | through f32 | through f32 | through f32 |
//! | **NaN** of OCP FP8 as f32 | 7FFFFFFF | 7FFFFFFF | ±7FC00000 and fraction | same | ±7FC00000 |
//! | of FNUZ | none | none | 7F800001 | 7F800001 | FFC00000 |
//! | of E8M0 | 7FFF0000 | 7FFF0000 | 7F800001 | 7F800001 | 7FC00000 |
//! | checked against | CUDA 13.0 | CUDA 13.0 | 2.15.0 | 2.12.1 | 0.6.0 |
//!
//! * The columns without FNUZ do not compile with it; the systems have no such types:
//!   ```compile_fail,E0277
//!   # use quarter_numerics::{E4m3Fnuz, policy};
//!   let x = E4m3Fnuz::from_f32_as(1.0, policy::Cuda);
//!   ```
//! * Rounding through f32 is to nearest twice, so that f64 next to a midpoint may go astray.
//! * Below 2^-126, PyTorch and `ml_dtypes` have no nearest E8M0: all above 2^-127 goes up.
//! * CUDA's functions also round to E8M0 towards zero: [`E8m0::from_f32`] with
//!   [`TowardZero`](crate::E8m0Rounding::TowardZero) gives the same codes, and so do its variants,
//!   but for finite f64 of 2^128 and more without saturation: 2^127 in CUDA, NaN here.
//! * As f16, bf16 and f64, a NaN has the upper bits of that of f32, made quiet; but it is always
//!   7FFF as f16 in CUDA, and 7FC0 as bf16 in PyTorch. That of f16 is another in PyTorch on a
//!   processor without F16C.
//! * PyTorch 2.13.0 and 2.14.0 gave the table of 2.15.0, and 2.11.0 and 2.12.0 that of 2.12.1.
//! * CUDA means the host code of the header. Which NaN a GPU returns is not recorded here.

mod convert;
mod e8m0;
mod rule;

use rule::{Rule, System};

use crate::{E4m3, E4m3Fnuz, E5m2, E5m2Fnuz, E8m0};

/// The host conversions of NVIDIA's `cuda_fp8.h` with `__NV_SATFINITE`, which is what
/// its classes do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Cuda;

/// The host conversions of NVIDIA's `cuda_fp8.h` with `__NV_NOSAT`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct CudaNosat;

/// `Tensor.to` of PyTorch 2.13 and later on the CPU.
///
/// 2.12 is named in places as the first that saturates E4M3; its releases do not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct PyTorch;

/// `Tensor.to` of PyTorch before 2.13 on the CPU: E4M3 did not saturate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct PyTorchBefore213;

/// `astype` of numpy arrays with the types of `ml_dtypes`, those of JAX and TensorFlow.
///
/// Casts of arrays only. The constructor of one value, `float8_e4m3fn(x)`, differs: it
/// rounds a Python float once, where `astype` from f64 goes through f32.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct MlDtypes;

/// A system that converts the format `F`. Sealed; implemented for the pairs that exist.
#[diagnostic::on_unimplemented(message = "the system of `{Self}` does not have the format `{F}`")]
pub trait Policy<F>: Copy + sealed::Sealed {
    /// What to do; not part of the public interface.
    #[doc(hidden)]
    const RULE: Rule;
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::Cuda {}
    impl Sealed for super::CudaNosat {}
    impl Sealed for super::PyTorch {}
    impl Sealed for super::PyTorchBefore213 {}
    impl Sealed for super::MlDtypes {}
}

macro_rules! rules {
    ($($policy:ident: $($format:ident)+ => $system:ident, $saturates:literal;)*) => {$($(
        impl Policy<$format> for $policy {
            const RULE: Rule = Rule { system: System::$system, saturates: $saturates };
        }
    )+)*};
}

rules! {
    Cuda: E4m3 E5m2 E8m0 => Cuda, true;
    CudaNosat: E4m3 E5m2 E8m0 => Cuda, false;
    PyTorch: E4m3 => PyTorch, true;
    PyTorch: E5m2 E4m3Fnuz E5m2Fnuz E8m0 => PyTorch, false;
    PyTorchBefore213: E4m3 E5m2 E4m3Fnuz E5m2Fnuz E8m0 => PyTorch, false;
    MlDtypes: E4m3 E5m2 E4m3Fnuz E5m2Fnuz E8m0 => MlDtypes, false;
}
