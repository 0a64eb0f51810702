//! The transpose of codes.

use proptest::prelude::*;
use quarter::Format;
use quarter::quantize::Granularity;

use crate::dequantize::quantized;
use crate::devices::devices;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn transposes_are_those_of_the_reference(
        rows in prop_oneof![0..40usize, 100..300usize, Just(128), Just(256)],
        cols in prop_oneof![0..40usize, 100..300usize, Just(128), Just(256)],
        granularity in prop::sample::select(vec![
            Granularity::Tensor, Granularity::Row, Granularity::Block1x128, Granularity::Block128x128,
        ]),
        seed in any::<u64>(),
        schedule in prop_oneof![Just(0), any::<u64>()],
    ) {
        let codes = quantized(Format::E4m3, (rows, cols), granularity, seed);
        for device in devices(schedule) {
            prop_assert_eq!(codes.transpose_on(&device), codes.transpose());
        }
    }
}
