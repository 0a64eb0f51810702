//! Updates of scales.

use proptest::prelude::*;
use quarter::Format;
use quarter::scaling::{AmaxChoice, Delayed, NonFiniteAmax, Policy, TinyAmax, ZeroAmax};

use crate::devices::devices;
use crate::values::Draws;

fn policies() -> impl Strategy<Value = Policy> {
    let zero = prop::sample::select(vec![ZeroAmax::Keep, ZeroAmax::One]);
    let non_finite =
        prop::sample::select(vec![NonFiniteAmax::Keep, NonFiniteAmax::Backoff, NonFiniteAmax::One]);
    let tiny = prop::sample::select(vec![TinyAmax::Clamp, TinyAmax::Floor(1e-4)]);
    (zero, non_finite, tiny, prop_oneof![-3..4, Just(64), Just(-64)], any::<bool>()).prop_map(
        |(zero, non_finite, tiny, margin, pow2)| Policy { zero, non_finite, tiny, margin, pow2 },
    )
}

/// Amaxes of all kinds: none, tiny, huge, infinite, NaN, and mostly usual ones.
fn amax(z: u64) -> u32 {
    match z % 16 {
        0 | 1 => 0,
        2 => f32::INFINITY.to_bits(),
        3 => 0x7f80_0001 + (z >> 32) as u32 % 0x7f_ffff,
        4 => (z >> 32) as u32,
        _ => ((z >> 40) as f32 / (1 << 20) as f32).to_bits(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn scales_move_as_in_the_reference(
        policy in policies(),
        choice in prop::sample::select(vec![AmaxChoice::Max, AmaxChoice::MostRecent]),
        tensors in 0..70usize,
        window in prop_oneof![1..8usize, Just(32), Just(100)],
        seed in any::<u64>(),
        schedule in prop_oneof![Just(0), any::<u64>()],
    ) {
        let mut draws = Draws(seed);
        let formats = (0..tensors).map(|i| if i % 3 == 0 { Format::E5m2 } else { Format::E4m3 });
        let reference = Delayed::new(formats.collect(), window, choice, policy).unwrap();
        for device in devices(schedule) {
            let (mut expected, mut got) = (reference.clone(), reference.clone());
            for _ in 0..6 {
                for i in 0..tensors {
                    let amax = amax(draws.next());
                    expected.record(i, amax);
                    got.record(i, amax);
                }
                let count = expected.update();
                prop_assert_eq!(got.update_on(&device).unwrap(), count);
                prop_assert_eq!(&got, &expected);
            }
        }
    }
}
