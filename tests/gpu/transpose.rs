//! The transpose of codes.

use proptest::prelude::*;
use quarter::Format;
use quarter::gpu::Device;
use quarter::quantize::Granularity;

use crate::dequantize::quantized;
use crate::devices::devices;

/// Codes to be transposed on each device and by the reference.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    sides: (usize, usize),
    granularity: Granularity,
    seed: u64,
    schedule: u64,
}

pub fn cases() -> impl Strategy<Value = Case> {
    let side = || prop_oneof![0..40usize, 100..300usize, Just(128), Just(256)];
    let granularity = prop::sample::select(vec![
        Granularity::Tensor,
        Granularity::Row,
        Granularity::Block1x128,
        Granularity::Block128x128,
    ]);
    let schedule = prop_oneof![Just(0), any::<u64>()];
    ((side(), side()), granularity, any::<u64>(), schedule).prop_map(
        |(sides, granularity, seed, schedule)| Case { sides, granularity, seed, schedule },
    )
}

impl Case {
    #[allow(dead_code, reason = "for tests/mutants")]
    pub fn elements(&self) -> usize {
        self.sides.0 * self.sides.1
    }
}

pub fn check(case: &Case) {
    check_on_all(case, devices);
}

pub fn check_on_all(case: &Case, devices: fn(u64) -> Vec<Device>) {
    let codes = quantized(Format::E4m3, case.sides, case.granularity, case.seed);
    for device in devices(case.schedule) {
        assert_eq!(codes.transpose_on(&device), codes.transpose());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn transposes_are_those_of_the_reference(case in cases()) {
        check(&case);
    }
}
