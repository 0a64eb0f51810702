//! Running the kernels: on a Hopper GPU, or their PTX text in an emulator on a CPU.
//!
//! Each wrapper is written once. It checks its arguments, then calls the CPU reference or
//! launches; CUDA and the emulator are two [`Driver`]s behind the same launch path.

mod adamw;
mod check;
#[cfg(feature = "cuda")]
mod cuda;
mod dequantize;
mod device;
mod driver;
#[cfg(feature = "emulator")]
mod emulator;
mod error;
mod gemm;
mod launch;
mod params;
mod quantize;
mod scaling;
mod substitute;
mod tensor_map;
mod text;
mod transpose;
mod wgmma;
mod wide;

pub(crate) use adamw::workspace_bytes as adamw_workspace_bytes;
pub use adamw::{AdamwControl, AdamwOn, AdamwTensorOn, GradientOn, MomentsOn, WeightsOn};
#[cfg(feature = "cuda")]
pub use cuda::{Cuda, Graph, OwnedStream};
pub use dequantize::DequantizeOn;
pub use device::{Buffer, Device};
pub use driver::{Driver, Launch, Stream};
#[cfg(feature = "emulator")]
pub use emulator::Emulator;
pub use error::DeviceError;
pub use gemm::{GemmOn, gemm_on};
pub use quantize::{CastStatsOn, QuantizeOn, ScaleOn, TransposedOn};
pub use scaling::{DelayedOn, UpdateScalesOn};
pub use substitute::Substitute;
pub use tensor_map::{MapElement, TensorMap};
pub use text::{Origin, Text};
pub use transpose::TransposeOn;
pub use wgmma::TensorCoreOn;
pub use wide::WideType;

/// The emulator's own types, for its options and counters.
#[cfg(feature = "emulator")]
pub use quarter_emulator as emulate;
