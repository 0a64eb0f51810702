//! Memory, with everything that can be wrong about an access.

mod global;
mod races;
mod shared;
mod written;

pub(crate) use global::Global;
pub use global::{MemoryError, Touches};
pub(crate) use shared::Shared;

use crate::fault::FaultKind;

/// An address, its size and the space's name, checked for alignment.
#[inline(always)]
pub(crate) fn check_aligned(
    space: &'static str,
    address: u64,
    bytes: u32,
) -> Result<(), FaultKind> {
    match address & u64::from(bytes - 1) == 0 {
        true => Ok(()),
        false => Err(FaultKind::Misaligned { space, address, bytes }),
    }
}
