//! Where the kernels are tested.

use quarter::gpu::Device;
use quarter::gpu::emulate::{Options, Schedule};

/// All devices there are; the emulator's order of everything the hardware leaves open by a seed.
pub fn devices(seed: u64) -> Vec<Device> {
    let schedule = if seed == 0 { Schedule::InOrder } else { Schedule::Random(seed) };
    vec![Device::emulator(Options { schedule, ..Options::default() })]
}

/// The GPU, where there is one.
#[allow(dead_code, reason = "for recordings")]
pub fn gpu() -> Option<std::sync::Arc<dyn quarter::gpu::Driver>> {
    None
}
