//! Updates of scales.

use proptest::prelude::*;
use quarter::Format;
use quarter::gpu::Device;
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

/// Some steps of a model on each device and by the reference.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    policy: Policy,
    choice: AmaxChoice,
    tensors: usize,
    window: usize,
    seed: u64,
    schedule: u64,
}

pub fn cases() -> impl Strategy<Value = Case> {
    let choice = prop::sample::select(vec![AmaxChoice::Max, AmaxChoice::MostRecent]);
    let window = prop_oneof![2 => 1..8usize, 1 => 30..34usize, 1 => 90..300usize];
    let schedule = prop_oneof![Just(0), any::<u64>()];
    (policies(), choice, 0..70usize, window, any::<u64>(), schedule).prop_map(
        |(policy, choice, tensors, window, seed, schedule)| Case {
            policy,
            choice,
            tensors,
            window,
            seed,
            schedule,
        },
    )
}

/// More tensors than a grid takes at once, by each choice.
pub fn fixed() -> Vec<Case> {
    let policy = Policy::default();
    let case = |choice| Case { policy, choice, tensors: 1000, window: 3, seed: 5, schedule: 0 };
    [AmaxChoice::Max, AmaxChoice::MostRecent].map(case).to_vec()
}

impl Case {
    #[allow(dead_code, reason = "for tests/mutants")]
    pub fn elements(&self) -> usize {
        self.tensors
    }
}

pub fn check(case: &Case) {
    check_on_all(case, devices);
}

pub fn check_on_all(case: &Case, devices: fn(u64) -> Vec<Device>) {
    let mut draws = Draws(case.seed);
    let formats = (0..case.tensors).map(|i| if i % 3 == 0 { Format::E5m2 } else { Format::E4m3 });
    let mut reference =
        Delayed::new(formats.collect(), case.window, case.choice, case.policy).unwrap();
    // A history that is full, of ordinary amaxes.
    let mut state = reference.state().clone();
    for amax in &mut state.history {
        *amax = ((draws.next() >> 40) as f32 / (1 << 20) as f32).to_bits();
    }
    for next in &mut state.next {
        *next = (draws.next() % case.window as u64) as u32;
    }
    reference.restore(state).unwrap();
    for device in devices(case.schedule) {
        let (mut expected, mut got) = (reference.clone(), reference.clone());
        for _ in 0..6 {
            for i in 0..case.tensors {
                let z = draws.next();
                let (amax, sign) = (amax(z), (z as u32 >> 4) << 31);
                for scaling in [&mut expected, &mut got] {
                    scaling.record(i, amax);
                    // What gathers amaxes elsewhere may leave a sign.
                    scaling.amaxes_mut()[i] |= sign;
                }
            }
            let count = expected.update();
            assert_eq!(got.update_on(&device).unwrap(), count);
            assert_eq!(got, expected);
        }
    }
}

#[test]
fn more_tensors_than_a_grid_takes_at_once() {
    fixed().iter().for_each(check);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn scales_move_as_in_the_reference(case in cases()) {
        check(&case);
    }
}
