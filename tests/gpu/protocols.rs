//! What AdamW has to survive, run by the kernels, beside six bytes taken literally, which do not:
//! one scale a tensor, everything to nearest, no floor.

use half::bf16;
use quarter::adamw::{
    Clock, Gradient, Group, Hyper, Member, Moments, Optimizer, Rounding, SecondForm, Settings,
    StepConstants, Weights, literal,
};
use quarter::gpu::Device;
use quarter::gpu::emulate::{Options, Schedule};

use crate::adamw::normal;
use crate::values::Draws;

fn emulator() -> Device {
    Device::emulator(Options { schedule: Schedule::Random(1), ..Options::default() })
}

fn optimizer(settings: Settings, len: usize, form: SecondForm) -> Optimizer {
    let mut optimizer = Optimizer::new(settings).unwrap();
    let state = Moments::new(form, len).unwrap().into();
    optimizer.add(Member { state, group: 0, tensor: 0 }).unwrap();
    optimizer
}

/// Learning rate 1 and no decay: weights at 0 become minus the update.
fn plain() -> Settings {
    Settings {
        groups: vec![Group { lr: 1.0, weight_decay: 0.0 }],
        max_norm: None,
        ..Settings::default()
    }
}

/// Gradients of a step that have broken optimizers.
type Slope = fn(&mut Draws, usize) -> f32;

const SLOPES: [(&str, Slope); 7] = [
    ("constant", |_, _| 0.25),
    ("zero", |_, _| 0.0),
    ("one outlier", |draws, i| if i == 77 { 1e6 } else { 1e-3 * normal(draws) as f32 }),
    ("subnormal", |draws, _| 1e-40 * normal(draws) as f32),
    ("below the smallest scale", |draws, _| 1e-36 * normal(draws) as f32),
    ("heavy tails, sparse", |draws, i| {
        let size = 1e-3 * (2.5 * normal(&mut Draws(i as u64))).exp();
        let active = i.is_multiple_of(2) || draws.next().is_multiple_of(10);
        (if active { size * normal(draws) } else { 0.0 }) as f32
    }),
    ("sign changes", |draws, i| if draws.next().is_multiple_of(2) { 1.0 } else { -(i as f32) }),
];

/// The largest update of sixty steps.
fn largest(slope: Slope, len: usize, update: &mut dyn FnMut(&[f32], &mut [f32])) -> f32 {
    let mut draws = Draws(5);
    (0..60).fold(0.0, |largest, _| {
        let gradient: Vec<f32> = (0..len).map(|i| slope(&mut draws, i)).collect();
        let mut weights = vec![0.0; len];
        update(&gradient, &mut weights);
        weights.iter().fold(largest, |a: f32, w| if w.is_nan() { f32::NAN } else { a.max(w.abs()) })
    })
}

/// Twice Adam's own bound, for betas 0.9 and 0.95, holds whatever the gradients, for blocks of
/// every length.
#[test]
fn updates_stay_within_adams_bound() {
    let mut exploded = 0;
    for (name, slope) in SLOPES {
        for len in [1, 127, 128, 129, 300] {
            for form in [SecondForm::Sqrt, SecondForm::Linear] {
                let mut optimizer = optimizer(plain(), len, form);
                let device = emulator();
                let worst = largest(slope, len, &mut |g, w| {
                    let views = (Weights::F32(w), Gradient::F32(g));
                    optimizer.step_on(&device, &mut [views]).unwrap();
                });
                assert!(worst <= 2.4, "{name}, {len}, {form:?}: {worst}");
            }
            let mut moments = literal::LiteralMoments::new(len).unwrap();
            let mut clock = Clock::START;
            let hyper = Hyper { lr: 1.0, weight_decay: 0.0, ..Hyper::default() };
            let worst = largest(slope, len, &mut |g, w| {
                clock.advance(&hyper);
                let k = StepConstants::new(&hyper, &clock, 1.0, 1.0).unwrap();
                let mut narrow = vec![bf16::ZERO; w.len()];
                let _ = literal::step(&mut narrow, Gradient::F32(g), &mut moments, &k).unwrap();
                w.iter_mut().zip(narrow).for_each(|(w, x)| *w = x.to_f32());
            });
            exploded += usize::from(worst.is_nan() || worst > 100.0);
        }
    }
    assert!(exploded >= 3, "taken literally, {exploded} runs exploded");
}

const LEN: usize = 512;

/// Descends to a target through noise; one step's gradients are ten thousand times too large for
/// four weights. The mean distance before that step, and at the end.
fn spike(step: &mut dyn FnMut(&[f32], &mut [bf16])) -> (f32, f32) {
    let mut draws = Draws(9);
    let target: Vec<f32> = (0..LEN).map(|_| 0.1 * normal(&mut draws) as f32).collect();
    let mut weights = vec![bf16::ZERO; LEN];
    let distance = |weights: &[bf16]| {
        let all = weights.iter().zip(&target).map(|(w, t)| (w.to_f32() - t).abs());
        all.fold(0.0, |sum: f32, d| sum + d) / LEN as f32
    };
    let mut before = 0.0;
    for t in 0..400 {
        let gradient = weights.iter().zip(&target).enumerate().map(|(i, (w, t_))| {
            let gain = if t == 200 && i < 4 { 1e4 } else { 1.0 };
            gain * (w.to_f32() - t_ + 0.01 * normal(&mut draws) as f32)
        });
        let gradient: Vec<f32> = gradient.collect();
        if t == 200 {
            before = distance(&weights);
        }
        step(&gradient, &mut weights);
    }
    (before, distance(&weights))
}

#[test]
fn a_spike_is_made_up_for() {
    let rate = |lr| vec![Group { lr, weight_decay: 0.0 }];
    for update_limit in [None, Some(1.0)] {
        let settings = Settings { groups: rate(3e-3), update_limit, ..plain() };
        let mut optimizer = optimizer(settings, LEN, SecondForm::Sqrt);
        let device = emulator();
        let (before, after) = spike(&mut |g, weights| {
            let weights = Weights::Bf16 { weights, rounding: Rounding::Stochastic };
            optimizer.step_on(&device, &mut [(weights, Gradient::F32(g))]).unwrap();
        });
        assert!(after < 1.5 * before, "{update_limit:?}: {before} before, {after} after");
    }
    let hyper = Hyper { lr: 3e-3, weight_decay: 0.0, ..Hyper::default() };
    let (mut moments, mut clock) = (literal::LiteralMoments::new(LEN).unwrap(), Clock::START);
    let (before, after) = spike(&mut |g, weights| {
        clock.advance(&hyper);
        let k = StepConstants::new(&hyper, &clock, 1.0, 1.0).unwrap();
        let _ = literal::step(weights, Gradient::F32(g), &mut moments, &k).unwrap();
    });
    assert!(after.is_nan() || after > 10.0 * before, "taken literally: {before} to {after}");
}

/// A variance that falls a hundredfold: the second moment in E4M3, rounded stochastically, is its
/// f32 within a few percent in the mean. (`tests/adamw/behaviour.rs` has what freezes.)
#[test]
fn the_second_moment_follows_a_falling_variance() {
    for (beta2, steps) in [(0.95, 200), (0.99, 1000)] {
        let settings =
            Settings { beta2, groups: vec![Group { lr: 0.0, weight_decay: 0.0 }], ..plain() };
        let mut optimizer = optimizer(settings, LEN, SecondForm::Sqrt);
        let device = emulator();
        let mut draws = Draws(3);
        let mut expected = vec![0.0f64; LEN];
        let mut weights = vec![0.0; LEN];
        for t in 0..steps {
            let size = if t < steps / 2 { 1.0 } else { 0.1 };
            let g: Vec<f32> = (0..LEN).map(|_| size * normal(&mut draws) as f32).collect();
            for (v, g) in expected.iter_mut().zip(&g) {
                *v = beta2 * *v + (1.0 - beta2) * f64::from(*g).powi(2);
            }
            let views = (Weights::F32(&mut weights), Gradient::F32(&g));
            optimizer.step_on(&device, &mut [views]).unwrap();
        }
        let quarter::adamw::StoredMoments::Fp8(moments) = &optimizer.members()[0].state else {
            panic!("FP8 moments")
        };
        let got: f64 = moments.to_full().v().iter().map(|v| f64::from(*v)).sum();
        let ratio = got / expected.iter().sum::<f64>();
        assert!((ratio - 1.0).abs() < 0.05, "{beta2}: {ratio}");
    }
}

fn views<'a>(
    weights: &'a mut [Vec<bf16>; 2],
    gradients: &'a [Vec<bf16>; 2],
) -> Vec<(Weights<'a>, Gradient<'a>)> {
    let rounding = Rounding::Stochastic;
    let pairs = weights.iter_mut().zip(gradients);
    pairs.map(|(weights, g)| (Weights::Bf16 { weights, rounding }, Gradient::Bf16(g))).collect()
}

/// A thousand steps of small tensors are the reference's.
#[test]
fn a_thousand_steps() {
    let lens = [1, 129];
    let settings = Settings { update_limit: Some(1.0), seed: 4, ..Settings::default() };
    let start = || {
        let mut optimizer = Optimizer::new(settings.clone()).unwrap();
        for (i, len) in lens.into_iter().enumerate() {
            let state = Moments::new(SecondForm::Sqrt, len).unwrap().into();
            optimizer.add(Member { state, group: 0, tensor: i as u32 }).unwrap();
        }
        let weights = lens.map(|len| vec![bf16::from_f32(0.02); len]);
        (optimizer, weights)
    };
    let ((mut ours, mut got), (mut theirs, mut expected)) = (start(), start());
    let device = emulator();
    let mut draws = Draws(8);
    for t in 0..1000u32 {
        let size = if t % 97 == 5 { 100.0 } else { 0.01 };
        let mut slope = lens.map(|len| {
            (0..len).map(|_| bf16::from_f64(size * normal(&mut draws))).collect::<Vec<_>>()
        });
        if t % 211 == 7 {
            slope[1][100] = bf16::INFINITY;
        }
        ours.step_on(&device, &mut views(&mut got, &slope)).unwrap();
        theirs.step(&mut views(&mut expected, &slope)).unwrap();
        assert_eq!(got, expected, "{t}");
    }
    assert!(ours == theirs);
    assert_eq!(ours.clock().t, 1000 - 5);
}

/// Grids of any size leave the same bits.
#[test]
fn the_grid_changes_no_bit() {
    let of = |processors: u32| {
        let options = Options { processors, schedule: Schedule::Random(7), ..Options::default() };
        let driver: std::sync::Arc<dyn quarter::gpu::Driver> =
            std::sync::Arc::new(quarter::gpu::Emulator::new(options));
        crate::adamw_on::after(&driver, |on| {
            // SAFETY: the tensor is alive, and as large as it says.
            (0..3).for_each(|_| unsafe { on.enqueue(Default::default()).unwrap() });
        })
    };
    let expected = of(7);
    for processors in [1, 2, 132] {
        assert!(of(processors) == expected, "{processors}");
    }
}
