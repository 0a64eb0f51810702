//! Codes back to wide numbers.

use half::{bf16, f16};
use proptest::prelude::*;
use quarter::gpu::{Device, WideType};
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

/// Codes to be widened on each device and by the reference.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    sides: (usize, usize),
    granularity: Granularity,
    format: Format,
    wide: WideType,
    seed: u64,
    schedule: u64,
}

pub fn cases() -> impl Strategy<Value = Case> {
    let rows = prop_oneof![0..12usize, Just(130)];
    let cols = prop_oneof![0..150usize, 500..700usize, (0..20usize).prop_map(|n| 64 * n)];
    let granularity = prop::sample::select(vec![
        Granularity::Tensor,
        Granularity::Row,
        Granularity::Block1x128,
        Granularity::Block128x128,
    ]);
    let format = prop::sample::select(vec![Format::E4m3, Format::E5m2]);
    let wide = prop::sample::select(vec![WideType::F32, WideType::Bf16, WideType::F16]);
    let schedule = prop_oneof![Just(0), any::<u64>()];
    // More spans than divide what a grid takes at once, and more than it takes.
    let sides = prop_oneof![30 => (rows, cols), 1 => Just((160, 2060))];
    (sides, granularity, format, wide, any::<u64>(), schedule).prop_map(
        |(sides, granularity, format, wide, seed, schedule)| Case {
            sides,
            granularity,
            format,
            wide,
            seed,
            schedule,
        },
    )
}

fn check_type<T: Element>(case: &Case, devices: fn(u64) -> Vec<Device>, bits: fn(&T) -> u32) {
    let codes = quantized(case.format, case.sides, case.granularity, case.seed);
    let expected: Vec<u32> = codes.dequantize::<T>().iter().map(bits).collect();
    for device in devices(case.schedule) {
        let got = codes.dequantize_on::<T>(&device).unwrap();
        assert_eq!(got.iter().map(bits).collect::<Vec<_>>(), expected);
    }
}

/// Ragged ends of every quad, and more spans than a grid takes at once; of types that [`Case::of`]
/// chooses.
pub fn fixed() -> Vec<Case> {
    let ends = (0..4).flat_map(|quad| (1..5).map(move |left| (3, 128 * quad + left)));
    let sides: Vec<_> = ends.chain([(160, 2060), (160, 1540), (45, 4200)]).collect();
    let granularities =
        [Granularity::Tensor, Granularity::Row, Granularity::Block1x128, Granularity::Block128x128];
    let case = |(sides, granularity)| Case {
        sides,
        granularity,
        format: Format::E4m3,
        wide: WideType::F32,
        seed: 1,
        schedule: 0,
    };
    let all = sides.into_iter().flat_map(|sides| granularities.map(|g| (sides, g)));
    all.map(case).collect()
}

impl Case {
    /// The same with other types.
    pub fn of(self, wide: WideType, format: Format) -> Self {
        Self { wide, format, ..self }
    }

    #[allow(dead_code, reason = "for tests/mutants")]
    pub fn elements(&self) -> usize {
        self.sides.0 * self.sides.1
    }
}

pub fn check(case: &Case) {
    check_on_all(case, devices);
}

pub fn check_on_all(case: &Case, devices: fn(u64) -> Vec<Device>) {
    match case.wide {
        WideType::F32 => check_type::<f32>(case, devices, |x| x.to_bits()),
        WideType::Bf16 => check_type::<bf16>(case, devices, |x| x.to_bits().into()),
        WideType::F16 => check_type::<f16>(case, devices, |x| x.to_bits().into()),
    }
}

#[test]
fn ends_have_the_bits_of_the_reference() {
    for (i, case) in fixed().into_iter().enumerate() {
        let wide = [WideType::F32, WideType::Bf16, WideType::F16][i % 3];
        check(&case.of(wide, [Format::E4m3, Format::E5m2][i / 3 % 2]));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn numbers_have_the_bits_of_the_reference(case in cases()) {
        check(&case);
    }
}
