//! Planned bytes are those of what is allocated.

#[path = "common/watched.rs"]
mod watched;

use std::sync::Arc;

use proptest::prelude::*;
use quarter::Format;
use quarter::adamw::{self, FullMoments, Rounding, SecondForm, Settings};
use quarter::gpu::emulate::Options;
use quarter::gpu::{
    AdamwOn, AdamwTensorOn, Buffer, DelayedOn, Driver, Emulator, GradientOn, MomentsOn, WeightsOn,
};
use quarter::memory::{Gradients, Moments, Plan, Recipe, Weights};
use quarter::scaling::{AmaxChoice, Delayed, Policy};
use watched::Watched;

fn recipes() -> impl Strategy<Value = Recipe> {
    let weights =
        prop::sample::select(vec![Weights::F32, Weights::Bf16, Weights::Split, Weights::Master]);
    let gradients = prop::sample::select(vec![Gradients::F32, Gradients::Bf16]);
    let moments = prop::sample::select(vec![Moments::F32, Moments::Fp8]);
    (weights, gradients, moments).prop_map(|(weights, gradients, moments)| Recipe {
        weights,
        gradients,
        moments,
    })
}

/// A tensor on a device: its buffers, the bytes that the driver was asked for of weights, gradients,
/// moments and their scales, and how the optimizer gets them.
fn allocate(
    watched: &Arc<Watched>,
    recipe: &Recipe,
    n: usize,
) -> (Vec<Buffer>, [u64; 4], AdamwTensorOn) {
    let driver: Arc<dyn Driver> = watched.clone();
    let buffer = |bytes: usize| Buffer::zeroed(&driver, bytes).unwrap();
    let mut asked = [0; 4];
    let weights: Vec<Buffer> = match recipe.weights {
        Weights::F32 => vec![buffer(4 * n)],
        Weights::Bf16 => vec![buffer(2 * n)],
        Weights::Split => vec![buffer(2 * n), buffer(2 * n)],
        Weights::Master => vec![buffer(4 * n), buffer(2 * n)],
    };
    asked[0] = watched.take();
    let at = |i: usize| weights.get(i).map_or(0, Buffer::address);
    let weights_on = match recipe.weights {
        Weights::F32 => WeightsOn::F32(at(0)),
        Weights::Bf16 => WeightsOn::Bf16 { weights: at(0), rounding: Rounding::Stochastic },
        Weights::Split => WeightsOn::Split { weights: at(0), rest: at(1) },
        Weights::Master => WeightsOn::Master { master: at(0), weights: at(1) },
    };
    let (gradient, gradient_on): (_, fn(u64) -> GradientOn) = match recipe.gradients {
        Gradients::F32 => (buffer(4 * n), GradientOn::F32),
        Gradients::Bf16 => (buffer(2 * n), GradientOn::Bf16),
    };
    asked[1] = watched.take();
    let moments = match recipe.moments {
        Moments::F32 => vec![buffer(4 * n), buffer(4 * n)],
        Moments::Fp8 => vec![buffer(n), buffer(n)],
    };
    asked[2] = watched.take();
    let scales = match recipe.moments {
        Moments::F32 => Vec::new(),
        Moments::Fp8 => vec![buffer(4 * n.div_ceil(128)), buffer(4 * n.div_ceil(128))],
    };
    asked[3] = watched.take();
    let (m, v) = (moments[0].address(), moments[1].address());
    let on = AdamwTensorOn {
        weights: weights_on,
        gradient: gradient_on(gradient.address()),
        moments: match scales.as_slice() {
            [m_scales, v_scales] => MomentsOn::Fp8 {
                form: SecondForm::Sqrt,
                m,
                v,
                m_scales: m_scales.address(),
                v_scales: v_scales.address(),
            },
            _ => MomentsOn::Full { m, v },
        },
        len: n as u64,
        first: 0,
        whole_len: n as u64,
        group: 0,
        tensor: 0,
    };
    ([weights, vec![gradient], moments, scales].into_iter().flatten().collect(), asked, on)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]
    #[test]
    fn planned_is_allocated(
        recipe in recipes(),
        tensors in prop::collection::vec(prop_oneof![0..400usize, 0..70_000usize], 0..12),
        schedule in 0..3usize,
        delayed in prop::option::of((0..20usize, 1..40usize)),
    ) {
        let watched = Watched::new(Arc::new(Emulator::new(Options::default())));
        let driver: Arc<dyn Driver> = watched.clone();
        let parts: Vec<_> = tensors.iter().map(|n| allocate(&watched, &recipe, *n)).collect();
        let on: Vec<_> = parts.iter().map(|parts| parts.2).collect();
        let settings = Settings { schedule: vec![1.0; schedule], ..Settings::default() };
        let optimizer = AdamwOn::new(&driver, &on, settings.clone()).unwrap();
        let workspace = watched.take();
        prop_assert_eq!(optimizer.workspace_bytes() as u64, workspace);
        let lens: Vec<u64> = tensors.iter().map(|n| *n as u64).collect();
        let mut plan = Plan::new(&recipe, &lens).unwrap().with_optimizer(&lens, &settings).unwrap();
        prop_assert_eq!(plan.workspace, workspace);
        let more = plan.with_workspace(64).and_then(|plan| plan.with_optimizer(&lens, &settings));
        prop_assert_eq!(more.unwrap().workspace, 2 * workspace + 64);
        let planned = [plan.weights, plan.gradients, plan.moments, plan.moment_scales];
        for (i, planned) in planned.into_iter().enumerate() {
            prop_assert_eq!(planned, parts.iter().map(|parts| parts.1[i]).sum::<u64>());
        }
        if let Some((count, window)) = delayed {
            plan = plan.with_delayed(count as u64, window as u64).unwrap();
            let formats = vec![Format::E4m3; count];
            let host = Delayed::new(formats, window, AmaxChoice::Max, Policy::default()).unwrap();
            let _on = DelayedOn::new(&driver, &host).unwrap();
            prop_assert_eq!(plan.delayed, watched.take());
        }
        let parts = plan.weights + plan.gradients + plan.moments + plan.moment_scales;
        prop_assert_eq!(plan.total(), parts + plan.delayed + workspace);
        let states = lens.iter().map(|n| *n as usize).map(|n| match recipe.moments {
            Moments::F32 => FullMoments::new(n).unwrap().bytes(),
            Moments::Fp8 => adamw::Moments::new(SecondForm::Sqrt, n).unwrap().bytes(),
        });
        prop_assert_eq!(plan.moments + plan.moment_scales, states.sum::<usize>() as u64);
    }
}

#[test]
fn bytes_of_a_parameter() {
    let of = |recipe| Plan::new(&recipe, &[1 << 20]).unwrap().without_scales() >> 20;
    let recipes = [Recipe::FULL, Recipe::BF16, Recipe::FP8, Recipe::FP8_SPLIT, Recipe::FP8_MASTER];
    assert_eq!(recipes.map(of), [16, 12, 6, 8, 10]);
    // The last block of each tensor is short, and has a scale all the same.
    let plan = Plan::new(&Recipe::FP8, &[1, 127, 128, 129, 0]).unwrap();
    assert_eq!((plan.parameters, plan.moment_scales), (385, 8 * 5));
}

#[test]
fn a_table() {
    let plan = Plan::new(&Recipe::FP8, &[1000]).unwrap();
    // Workspace adds up.
    let plan = plan.with_workspace(24).and_then(|plan| plan.with_workspace(40)).unwrap();
    let expected = "\
weights                            2000    2.0000
gradients                          2000    2.0000
moments                            2000    2.0000
scales of moments                    64    0.0640
workspace                            64    0.0640
all                                6128    6.1280
";
    assert_eq!(plan.to_string(), expected);
}

#[test]
fn what_has_no_number_is_refused() {
    for plan in [
        Plan::new(&Recipe::FULL, &[u64::MAX]),
        Plan::new(&Recipe::FP8, &[u64::MAX / 2, u64::MAX / 2, 2]),
        Plan::new(&Recipe::FP8, &[1 << 60]).and_then(|plan| plan.with_delayed(1 << 40, 1 << 40)),
        // 2^128 bytes, which an u128 would take for none.
        Plan::new(&Recipe::FP8, &[]).and_then(|plan| plan.with_delayed(1 << 63, (1 << 63) - 4)),
        Plan::new(&Recipe::FP8, &[]).and_then(|plan| plan.with_delayed(u64::MAX, u64::MAX)),
        Plan::new(&Recipe::FP8, &[1 << 60]).and_then(|plan| plan.with_workspace(u64::MAX)),
        Plan::new(&Recipe::FULL, &[1 << 59, 1 << 59]),
    ] {
        let error = plan.unwrap_err().to_string();
        assert!(error.starts_with("bytes is ") && error.ends_with("2^64 are allowed"), "{error}");
    }
}
