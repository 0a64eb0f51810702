//! Codes back to wide numbers.

use half::{bf16, f16};
use proptest::prelude::*;
use quarter::quantize::{Granularity, Quantized};
use quarter::{Element, Format};

use crate::devices::devices;
use crate::values::Draws;

/// Any codes with any scales.
pub fn quantized(
    format: Format,
    (rows, cols): (usize, usize),
    granularity: Granularity,
    seed: u64,
) -> Quantized {
    let mut draws = Draws(seed);
    let codes: Vec<u8> = (0..rows * cols).map(|_| draws.next() as u8).collect();
    let scales = granularity.scales(rows, cols);
    let scale = |z: u64| match z % 8 {
        0 => f32::from_bits(1 + (z >> 8) as u32 % 0x7f7f_ffff),
        _ => (1.0 + (z >> 40) as f32 / (1 << 24) as f32) * 2f32.powi((z >> 8) as i32 % 20 - 10),
    };
    let scales = (0..scales).map(|_| scale(draws.next())).collect();
    Quantized::from_unpadded(format, (rows, cols), &codes, granularity, scales).unwrap()
}

fn check<T: Element>(codes: &Quantized, schedule: u64, bits: fn(&T) -> u32) {
    let expected: Vec<u32> = codes.dequantize::<T>().iter().map(bits).collect();
    for device in devices(schedule) {
        let got = codes.dequantize_on::<T>(&device).unwrap();
        assert_eq!(got.iter().map(bits).collect::<Vec<_>>(), expected);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn numbers_have_the_bits_of_the_reference(
        rows in prop_oneof![0..12usize, Just(130)],
        cols in prop_oneof![0..150usize, 500..700usize, (0..20usize).prop_map(|n| 64 * n)],
        granularity in prop::sample::select(vec![
            Granularity::Tensor, Granularity::Row, Granularity::Block1x128, Granularity::Block128x128,
        ]),
        format in prop::sample::select(vec![Format::E4m3, Format::E5m2]),
        wide in 0..3usize,
        seed in any::<u64>(),
        schedule in prop_oneof![Just(0), any::<u64>()],
    ) {
        let codes = quantized(format, (rows, cols), granularity, seed);
        match wide {
            0 => check::<f32>(&codes, schedule, |x| x.to_bits()),
            1 => check::<bf16>(&codes, schedule, |x| x.to_bits().into()),
            _ => check::<f16>(&codes, schedule, |x| x.to_bits().into()),
        }
    }
}
