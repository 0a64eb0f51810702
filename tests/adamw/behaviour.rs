//! What the step is built to survive, with a variant that does not.

use crate::bits::{normal, state, uniform, view};
use crate::naive::Stored;
use half::bf16;
use quarter::adamw::norm::Norm;
use quarter::adamw::{
    self, Clock, FullMoments, Gradient, Hyper, Moments, Options, Rounding, SecondForm, Step,
    StepConstants, Weights, literal,
};
use quarter::random::{Source, Stream};

const PLAIN: Hyper = Hyper {
    lr: 1.0,
    beta1: 0.9,
    beta2: 0.95,
    eps: 1e-8,
    weight_decay: 0.0,
    decay_rate: adamw::DecayRate::Clipped,
};

fn source(step: u32) -> Source {
    Source { seed: 42, tensor: 0, step }
}

/// Heavy tails between elements, half of them active one step in ten.
fn sparse_heavy_tails(step: u32, len: usize) -> Vec<f32> {
    let value = |i: u64| {
        let size = 1e-3 * (2.5 * normal(77, i)).exp();
        let seed = 1000 + u64::from(step);
        if i % 2 == 1 && uniform(!seed, i) > 0.1 { 0.0 } else { size * normal(seed, i) }
    };
    (0..len as u64).map(|i| value(i) as f32).collect()
}

/// One step: its number, gradient, constants, and the weights it moves.
type Update<'a> = dyn FnMut(u32, &[f32], &StepConstants, &mut [bf16]) + 'a;

/// Weights at 0 with lr 1 become minus the update, so their largest is the
/// largest update.
#[test]
fn no_update_explodes_when_v_underflows() {
    const LEN: usize = 2048;
    const STEPS: u32 = 300;
    let gradients: Vec<_> = (0..STEPS).map(|step| sparse_heavy_tails(step, LEN)).collect();
    for (beta2, limit) in [(0.95, 2.4), (0.999, 14.5)] {
        let hyper = Hyper { beta2, ..PLAIN };
        let largest = |update: &mut Update<'_>| {
            let mut clock = Clock::START;
            gradients.iter().zip(0..).fold(0.0_f32, |largest, (g, step)| {
                clock.advance(&hyper);
                let k = StepConstants::new(&hyper, &clock, 1.0, 1.0).unwrap();
                let mut w = vec![bf16::ZERO; LEN];
                update(step, g, &k, &mut w);
                w.iter().fold(largest, |a, w| a.max(w.to_f32().abs()))
            })
        };
        for form in [SecondForm::Sqrt, SecondForm::Linear] {
            for second in [Rounding::Stochastic, Rounding::Nearest] {
                let mut moments = Moments::new(form, LEN).unwrap();
                let options = Options { second, ..Options::new(&hyper) };
                let mut floored = 0;
                let worst = largest(&mut |step, g, k, weights| {
                    let weights = Weights::Bf16 { weights, rounding: Rounding::Nearest };
                    let g = Gradient::F32(g);
                    let told =
                        adamw::step(weights, g, &mut moments, k, &options, source(step)).unwrap();
                    floored += told.floored;
                });
                assert!(worst <= limit, "{form:?} {second:?} {beta2}: {worst}");
                assert!(floored > 0, "the floor was never needed");
            }
        }
        let mut moments = literal::LiteralMoments::new(LEN).unwrap();
        let worst = largest(&mut |_, g, k, w| {
            let _ = literal::step(w, Gradient::F32(g), &mut moments, k).unwrap();
        });
        assert!(worst > 1e3, "taken literally, {beta2}: {worst}");
    }
}

/// Roughly normal values, cheap.
fn bell(step: u32, len: usize) -> Vec<f32> {
    let mut g = vec![0.0; len];
    for (group, pair) in g.chunks_mut(2).enumerate() {
        let halves = source(step).halves(Stream::Data, group as u64);
        for (g, four) in pair.iter_mut().zip(halves.chunks(4)) {
            let sum: f32 = four.iter().map(|&h| f32::from(h) / 65536.0 - 0.5).sum();
            *g = sum * 3_f32.sqrt();
        }
    }
    g
}

/// Half of each block loses 15 sixteenths of its variance: stochastic rounding
/// follows as f32 does, in both forms; the root rounded to nearest stays behind.
#[test]
fn the_second_moment_follows_a_falling_variance() {
    const LEN: usize = 128 * 16;
    const STEPS: u32 = 1000;
    let fallen = |i: usize| i % 2 == 1;
    for beta2 in [0.95, 0.99] {
        let hyper = Hyper { beta1: 0.0, beta2, ..PLAIN };
        let variants = [
            (SecondForm::Sqrt, Rounding::Stochastic),
            (SecondForm::Linear, Rounding::Stochastic),
            (SecondForm::Sqrt, Rounding::Nearest),
        ];
        let mut moments = variants.map(|(form, _)| Moments::new(form, LEN).unwrap());
        let mut full = FullMoments::new(LEN).unwrap();
        let mut clock = Clock::START;
        let mut w = vec![0.0; LEN];
        // The mean over the last steps, since one step of v is noisy itself.
        let mut means = [0.0; 4];
        for step in 0..STEPS {
            clock.advance(&hyper);
            let k = StepConstants::new(&hyper, &clock, 1.0, 1.0).unwrap();
            let mut g = bell(step, LEN);
            if step > 100 {
                g.iter_mut().enumerate().filter(|(i, _)| fallen(*i)).for_each(|(_, g)| *g /= 4.0);
            }
            let g = Gradient::F32(&g);
            let _ = adamw::step_full(Weights::F32(&mut w), g, &mut full, &k, source(step)).unwrap();
            for (moments, (_, second)) in moments.iter_mut().zip(variants) {
                let options = Options { first: Rounding::Nearest, second };
                let w = Weights::F32(&mut w);
                let _ = adamw::step(w, g, moments, &k, &options, source(step)).unwrap();
            }
            if step >= STEPS - 50 {
                let mean = |full: &FullMoments| {
                    let v = full.v().iter().enumerate().filter(|(i, _)| fallen(*i));
                    v.map(|(_, &v)| f64::from(v)).sum::<f64>()
                };
                means[0] += mean(&full);
                for (sum, moments) in means[1..].iter_mut().zip(&moments) {
                    *sum += mean(&moments.to_full());
                }
            }
        }
        let [full, sqrt, linear, nearest] = means;
        assert!((sqrt / full - 1.0).abs() < 0.03, "{beta2}: sqrt {}", sqrt / full);
        assert!((linear / full - 1.0).abs() < 0.03, "{beta2}: linear {}", linear / full);
        if beta2 == 0.99 {
            assert!(nearest / full > 2.0, "{beta2}: sqrt to nearest {}", nearest / full);
        }
    }
}

/// A thousand equal updates of a quarter of the last place and less arrive on
/// average, or not at all.
#[test]
fn small_updates_reach_bf16_weights() {
    const LEN: usize = 4096;
    let hyper = Hyper { lr: 1e-4, ..PLAIN };
    let drift = |rounding| {
        let start: Vec<bf16> =
            (0..LEN as u64).map(|i| bf16::from_f64(0.02 * normal(5, i))).collect();
        let mut weights = start.clone();
        let mut moments = FullMoments::new(LEN).unwrap();
        let mut clock = Clock::START;
        let g = vec![-1.0; LEN];
        for step in 0..1000 {
            clock.advance(&hyper);
            let k = StepConstants::new(&hyper, &clock, 1.0, 1.0).unwrap();
            let view = Weights::Bf16 { weights: &mut weights, rounding };
            let _ =
                adamw::step_full(view, Gradient::F32(&g), &mut moments, &k, source(step)).unwrap();
        }
        let moved = weights.iter().zip(&start).map(|(a, b)| a.to_f64() - b.to_f64());
        moved.sum::<f64>() / LEN as f64 / (1000.0 * 1e-4)
    };
    let (stochastic, nearest) = (drift(Rounding::Stochastic), drift(Rounding::Nearest));
    assert!((stochastic - 1.0).abs() < 0.005, "{stochastic}");
    assert!(nearest < 0.3, "{nearest}");
}

/// A run that meets a bad gradient and skips it is the run that never met it.
/// The step of the random words is the clock's, so it does not move either.
#[test]
fn a_skipped_step_changes_no_bit() {
    let good: Vec<_> = (0..3).map(|step| sparse_heavy_tails(step, 300)).collect();
    let mut bad = good[0].clone();
    bad[123] = f32::INFINITY;
    let run = |gradients: &[&Vec<f32>]| {
        let mut w = Stored::Bf16(vec![bf16::ONE; 300], Rounding::Stochastic);
        let mut moments = Moments::new(SecondForm::Sqrt, 300).unwrap();
        let mut clock = Clock::START;
        for g in gradients {
            let gradient = Gradient::F32(g);
            let norm = Norm::of(&[gradient], 1.0);
            let step = Step::decide(&clock, &PLAIN, norm, Some(1.0)).unwrap();
            let Step::Go { clock: next, clip } = step else {
                continue;
            };
            assert_eq!(clip, norm.clip_factor(1.0).unwrap());
            clock = next;
            let source = source(clock.t as u32);
            let k = StepConstants::new(&PLAIN, &clock, 1.0, clip).unwrap();
            let options = Options::new(&PLAIN);
            let _ =
                adamw::step(view(&mut w), gradient, &mut moments, &k, &options, source).unwrap();
        }
        (w.bits(), state(&moments), clock)
    };
    let expected = run(&[&good[0], &good[1], &good[2]]);
    assert_eq!(run(&[&bad, &good[0], &good[1], &bad, &bad, &good[2]]), expected);
    assert_eq!(expected.2.t, 3);
    assert_eq!(expected.2.beta2_pow, 0.95 * 0.95 * 0.95);
}

/// Every FP8 state stays near f32: updates of both differ by a few percent.
#[test]
fn fp8_moments_stay_near_f32_moments() {
    const LEN: usize = 4096;
    let mut fp8 = Moments::new(SecondForm::Sqrt, LEN).unwrap();
    let mut full = FullMoments::new(LEN).unwrap();
    let mut clock = Clock::START;
    let (mut error, mut size) = (0.0, 0.0);
    for step in 0..100 {
        clock.advance(&PLAIN);
        let k = StepConstants::new(&PLAIN, &clock, 1.0, 1.0).unwrap();
        let g = bell(step, LEN);
        let (mut a, mut b) = (vec![0.0; LEN], vec![0.0; LEN]);
        let o = Options::new(&PLAIN);
        let g = Gradient::F32(&g);
        let _ = adamw::step(Weights::F32(&mut a), g, &mut fp8, &k, &o, source(step)).unwrap();
        let _ = adamw::step_full(Weights::F32(&mut b), g, &mut full, &k, source(step)).unwrap();
        for (a, b) in a.iter().zip(&b) {
            error += f64::from(a - b).powi(2);
            size += f64::from(*b).powi(2);
        }
    }
    let relative = (error / size).sqrt();
    assert!(relative < 0.1, "{relative}");
    assert!(relative > 1e-3, "the two are suspiciously equal: {relative}");
}
