//! Casts as other systems make them, each named after the system.

mod convert;
mod rule;

use rule::{Rule, System};

use crate::{E4m3, E5m2};

/// The host conversions of NVIDIA's `cuda_fp8.h` with `__NV_SATFINITE`, which is what
/// its classes do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Cuda;

/// The host conversions of NVIDIA's `cuda_fp8.h` with `__NV_NOSAT`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct CudaNosat;

/// `Tensor.to` of PyTorch 2.12 and later on the CPU.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct PyTorch;

/// `Tensor.to` of PyTorch before 2.12 on the CPU: E4M3 did not saturate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct PyTorchBefore212;

/// `astype` of numpy arrays with the types of `ml_dtypes`, as in JAX and TensorFlow.
///
/// Casts of arrays only. The constructor of one value, `float8_e4m3fn(x)`, differs: it
/// rounds a Python float once, where `astype` from f64 goes through f32.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct MlDtypes;

/// A system that converts the format `F`. Sealed; implemented for the pairs that exist.
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
    impl Sealed for super::PyTorchBefore212 {}
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
    Cuda: E4m3 E5m2 => Cuda, true;
    CudaNosat: E4m3 E5m2 => Cuda, false;
    PyTorch: E4m3 => PyTorch, true;
    PyTorch: E5m2 => PyTorch, false;
    PyTorchBefore212: E4m3 E5m2 => PyTorch, false;
    MlDtypes: E4m3 E5m2 => MlDtypes, false;
}
