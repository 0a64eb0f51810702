//! The tensor core alone, with every accumulator to begin with.

use proptest::prelude::*;
use quarter::gpu::TensorCoreOn;
use quarter::numerics::recording::{Backend, Dot, Reference};
use quarter::numerics::tensor_core::known::{self, Instruction};
use quarter::numerics::tensor_core::{Accumulator, Gpu, Operand};

use crate::devices::devices;
use crate::values::Draws;

/// Codes and an accumulator, of any bits or within a few binades.
fn dot(
    k: usize,
    tame: bool,
    accumulator: Accumulator,
    draws: &mut Draws,
) -> (Vec<u32>, Vec<u32>, u32) {
    let mut codes = || -> Vec<u32> {
        let mut code = || draws.next() as u32;
        (0..k).map(|_| if tame { code() & 0x87 | 0x38 } else { code() & 0xff }).collect()
    };
    let (a, b) = (codes(), codes());
    let c = match (accumulator, tame) {
        (Accumulator::F32, true) => f32::to_bits((draws.next() as i16).into()),
        (Accumulator::F32, false) => draws.next() as u32,
        (Accumulator::F16, _) => draws.next() as u32 & 0xffff,
    };
    (a, b, c)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn dots_are_those_of_the_specification(
        count in prop_oneof![1..70usize, 120..200usize],
        k in 0..130usize,
        e5m2 in any::<(bool, bool)>(),
        narrow in any::<bool>(),
        seed in any::<u64>(),
        schedule in any::<u64>(),
    ) {
        let operand = |e5m2| if e5m2 { Operand::E5m2 } else { Operand::E4m3 };
        let accumulator = if narrow { Accumulator::F16 } else { Accumulator::F32 };
        let (a, b) = (operand(e5m2.0), operand(e5m2.1));
        let known = known::find(Gpu::Hopper, Instruction::Wgmma, (a, b), accumulator).unwrap();
        let mut draws = Draws(seed);
        let all: Vec<_> =
            (0..count).map(|i| dot(k, i % 2 == 0, accumulator, &mut draws)).collect();
        let dots: Vec<Dot> = all.iter().map(|(a, b, c)| Dot { a, b, c: *c }).collect();
        let expected = Reference.dots(&known, &dots).unwrap();
        for device in devices(schedule) {
            let core = TensorCoreOn::new(device.driver().unwrap().clone());
            prop_assert_eq!(core.dots(&known, &dots).unwrap(), expected.clone());
        }
    }
}
