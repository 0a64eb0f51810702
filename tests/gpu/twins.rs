//! A second opinion: the kernels written again in CUDA C++, as nvcc compiles them, on the cases of
//! the property tests. They share no code with the PTX, and have to give the same bits.

use std::sync::Arc;

use proptest::prelude::*;
use quarter::gpu::emulate::{Options, Schedule};
use quarter::gpu::{Device, Driver, Emulator, Launch, Substitute, Text};

use crate::adamw_on::{far, kinds};
use crate::devices::gpu;
use crate::{adamw, dequantize, quantize, scaling, transpose};

/// The machines of the twins; none where no nvcc was found.
pub fn devices(seed: u64) -> Vec<Device> {
    if Text::twins().is_empty() {
        return Vec::new();
    }
    let schedule = if seed == 0 { Schedule::InOrder } else { Schedule::Random(seed) };
    let emulator: Arc<dyn Driver> =
        Arc::new(READ.with(|read| read.sharing_texts(Options { schedule, ..Options::default() })));
    let gpu = gpu().map(|gpu| -> Arc<dyn Driver> { gpu });
    let twin = |launch: &Launch| {
        Text::twin_of(launch.entry).unwrap_or_else(|| panic!("{} has no twin", launch.entry))
    };
    // SAFETY: a twin takes the parameters of its entry, and does what that does.
    let twins = |driver| unsafe { Substitute::new(driver, twin) };
    std::iter::once(emulator)
        .chain(gpu)
        .map(|driver| Device::new(Arc::new(twins(driver))))
        .collect()
}

thread_local! {
    static READ: Emulator = Emulator::new(Options::default());
}

/// Every entry has one, or none has.
#[test]
fn every_entry_has_a_twin() {
    if Text::twins().is_empty() {
        println!("skipped: the crate was built without nvcc (QUARTER_NVCC)");
        return;
    }
    // Those of products would be the same instructions in another language's assembly; their
    // second opinions are the reference and cuBLASLt.
    let texts = Text::all().iter().filter(|text| !["gemm", "wgmma"].contains(&text.name));
    for entry in texts.flat_map(Text::entries) {
        assert!(Text::twin_of(entry).is_some(), "{entry}");
    }
}

#[test]
fn far_elements() {
    for machine in devices(0).iter().filter_map(Device::driver) {
        kinds().for_each(|kind| far::far_elements(kind, machine));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn casts(case in quantize::cases()) {
        quantize::check_on_all(&case, devices);
    }

    #[test]
    fn numbers(case in dequantize::cases()) {
        dequantize::check_on_all(&case, devices);
    }

    #[test]
    fn transposes(case in transpose::cases()) {
        transpose::check_on_all(&case, devices);
    }

    #[test]
    fn steps(case in adamw::cases()) {
        adamw::check_on_all(&case, devices);
    }

    #[test]
    fn scales(case in scaling::cases()) {
        scaling::check_on_all(&case, devices);
    }
}
