//! Where the kernels are tested.

use std::sync::{Arc, OnceLock};

use quarter::gpu::emulate::{Completion, Options, Schedule};
use quarter::gpu::{Cuda, Device, Driver, Emulator};

/// All devices there are: the emulator, whose seed orders everything that the hardware leaves open,
/// and the GPU.
pub fn devices(seed: u64) -> Vec<Device> {
    let emulator = Device::emulator(options(seed));
    let gpu = gpu().map(|cuda| Device::new(cuda));
    std::iter::once(emulator).chain(gpu).collect()
}

/// A schedule, and when bulk copies and products are done.
pub fn options(seed: u64) -> Options {
    let schedule = if seed == 0 { Schedule::InOrder } else { Schedule::Random(seed) };
    let completion = [Completion::Early, Completion::Late, Completion::Random][seed as usize % 3];
    Options { schedule, completion, ..Options::default() }
}

/// How the emulator is called: here by itself.
pub fn driver(emulator: &Arc<Emulator>) -> Arc<dyn Driver> {
    emulator.clone()
}

/// The GPU. Without one, tests say so and go on, or fail if `QUARTER_REQUIRE_GPU` is set.
pub fn gpu() -> Option<Arc<Cuda>> {
    static GPU: OnceLock<Option<Arc<Cuda>>> = OnceLock::new();
    let open = || match Cuda::open(0) {
        Ok(cuda) => Some(Arc::new(cuda)),
        Err(error) if std::env::var_os("QUARTER_REQUIRE_GPU").is_some() => panic!("{error}"),
        Err(error) => {
            eprintln!("kernels run in the emulator alone: {error}");
            None
        }
    };
    GPU.get_or_init(open).clone()
}
