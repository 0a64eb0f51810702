//! Gradient norm and update clipping: the fixed trees, and what they are for.

use crate::bits::normal;
use half::bf16;
use proptest::prelude::*;
use quarter::Error;
use quarter::adamw::norm::{self, Norm};
use quarter::adamw::update_clip::{self, UpdateRms};
use quarter::adamw::{
    self, Clock, FullMoments, Gradient, Hyper, Moments, Options, SecondForm, StepConstants, Weights,
};
use quarter::random::Source;

/// 32 lanes that all exchange, as a warp does.
fn butterfly(mut lanes: [f32; 32]) -> f32 {
    for distance in [16, 8, 4, 2, 1] {
        lanes = std::array::from_fn(|l| lanes[l] + lanes[l ^ distance]);
    }
    lanes[31]
}

fn naive_partial(g: &[f32]) -> f32 {
    butterfly(std::array::from_fn(|l| {
        (4 * l..4 * l + 4).fold(0.0, |acc, i| {
            let g = g.get(i).copied().unwrap_or(0.0);
            g.mul_add(g, acc)
        })
    }))
}

/// The tree from the top: the left part is the largest that is a full subtree.
fn naive_tree(x: &[f64]) -> f64 {
    match x.len() {
        0 => 0.0,
        1 => x[0],
        n => {
            let left = n.next_power_of_two() / 2;
            naive_tree(&x[..left]) + naive_tree(&x[left..])
        }
    }
}

fn values(seed: u64, len: usize) -> Vec<f32> {
    let heavy = |i| normal(seed, i) * (3.0 * normal(!seed, i)).exp();
    (0..len as u64).map(|i| heavy(i) as f32).collect()
}

proptest! {
    #[test]
    fn the_norm_is_its_naive_order(
        lens in prop::collection::vec(0..900_usize, 0..6), seed in any::<u64>(), scale in 0.01..2_f32,
    ) {
        let tensors: Vec<_> = lens.iter().map(|&len| values(seed ^ len as u64, len)).collect();
        let mut sums = Vec::new();
        for g in &tensors {
            let scaled: Vec<f32> = g.iter().map(|g| g * scale).collect();
            let expected: Vec<f32> = scaled.chunks(128).map(naive_partial).collect();
            let mut got = vec![0.0; expected.len()];
            norm::partials(Gradient::F32(g), scale, &mut got)?;
            prop_assert_eq!(&got, &expected);
            let wide: Vec<f64> = expected.iter().map(|&x| x.into()).collect();
            sums.push(naive_tree(&wide));
        }
        let views: Vec<_> = tensors.iter().map(|g| Gradient::F32(g)).collect();
        let norm = Norm::of(&views, scale);
        prop_assert_eq!(norm.get(), naive_tree(&sums).sqrt());
        let exact: f64 = tensors.iter().flatten().map(|&g| f64::from(g * scale).powi(2)).sum();
        prop_assert!((norm.get() - exact.sqrt()).abs() <= 1e-5 * exact.sqrt());
    }
}

/// Partials of shards, gathered, are those of the whole, beyond the pieces of threads too.
#[test]
fn partials_do_not_know_of_shards() {
    let g = values(3, 128 * 1100 + 5);
    let narrow: Vec<bf16> = g.iter().map(|&g| bf16::from_f32(g)).collect();
    let mut whole = vec![0.0; 1101];
    norm::partials(Gradient::Bf16(&narrow), 0.5, &mut whole).unwrap();
    let mut gathered = vec![0.0; 1101];
    let (a, b) = gathered.split_at_mut(700);
    norm::partials(Gradient::Bf16(&narrow[..700 * 128]), 0.5, a).unwrap();
    norm::partials(Gradient::Bf16(&narrow[700 * 128..]), 0.5, b).unwrap();
    assert_eq!(whole, gathered);
    assert_eq!(Norm::combine(&[norm::sum(&whole)]), Norm::of(&[Gradient::Bf16(&narrow)], 0.5));
    let told = norm::partials(Gradient::F32(&g), 1.0, &mut whole[..1100]);
    assert!(matches!(told, Err(Error::Length { .. })));
}

#[test]
fn any_bad_gradient_makes_the_norm_not_finite() {
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 1e25] {
        for at in [0, 127, 128, 299] {
            let mut g = values(1, 300);
            g[at] = bad;
            let norm = Norm::of(&[Gradient::F32(&[1.0]), Gradient::F32(&g)], 1.0);
            assert!(!norm.is_finite(), "{bad} at {at}");
        }
    }
    assert!(Norm::of(&[Gradient::F32(&[])], 1.0).is_finite());
}

#[test]
fn the_clip_factor() {
    let norm = Norm::of(&[Gradient::F32(&[3.0, 4.0])], 1.0);
    assert_eq!(norm.clip_factor(10.0), Ok(1.0));
    assert_eq!(norm.clip_factor(f64::INFINITY), Ok(1.0));
    assert_eq!(norm.clip_factor(1.0), Ok(1.0 / (5.0 + 1e-6)));
    assert_eq!(Norm::of(&[], 1.0).clip_factor(1.0), Ok(1.0));
}

#[test]
fn limits_that_are_none_are_refused() {
    let (norm, rms) = (Norm::of(&[], 1.0), UpdateRms::combine(&[4.0], 1));
    for bad in [0.0, -0.0, -1.0, f64::NAN, f64::NEG_INFINITY] {
        assert!(matches!(norm.clip_factor(bad), Err(Error::Parameter { what: "max_norm", .. })));
        assert!(matches!(rms.shrink(bad), Err(Error::Parameter { what: "d", .. })));
    }
    for bad in [f32::NAN, f32::INFINITY] {
        let norm = Norm::of(&[Gradient::F32(&[bad])], 1.0);
        assert!(matches!(norm.clip_factor(1.0), Err(Error::Parameter { what: "norm", .. })));
        assert!(norm.clip_factor(f64::INFINITY).is_err());
        let rms = UpdateRms::combine(&[bad], 1);
        assert!(matches!(rms.shrink(1.0), Err(Error::Parameter { what: "update RMS", .. })));
    }
}

/// With `eps` 0 the floor 2^-126 of the denominator keeps 0 / 0 away.
#[test]
fn an_element_without_a_gradient_has_no_update() {
    let hyper = Hyper { eps: 0.0, ..Hyper::default() };
    let mut clock = Clock::START;
    clock.advance(&hyper);
    let k = StepConstants::new(&hyper, &clock, 1.0, 1.0).unwrap();
    assert_eq!(k.eps_squared, 2_f32.powi(-126));
    let mut out = [f32::NAN; 2];
    let g = Gradient::F32(&[0.0; 200]);
    update_clip::partials(g, &FullMoments::new(200).unwrap(), &k, &mut out).unwrap();
    assert_eq!(out, [0.0; 2]);
    out.fill(f32::NAN);
    let fp8 = Moments::new(SecondForm::Sqrt, 200).unwrap();
    update_clip::partials(g, &fp8, &k, &mut out).unwrap();
    assert_eq!(out, [0.0; 2]);
}

/// The RMS in its naive order, from FP8 and from f32 moments.
#[test]
fn the_update_rms_is_its_naive_order() {
    const LEN: usize = 128 * 600 + 50;
    let hyper = Hyper { eps: 1e-4, ..Hyper::default() };
    for form in [SecondForm::Sqrt, SecondForm::Linear] {
        let mut fp8 = Moments::new(form, LEN).unwrap();
        let mut clock = Clock::START;
        for step in 0..3_u32 {
            clock.advance(&hyper);
            let k = StepConstants::new(&hyper, &clock, 1.0, 0.25).unwrap();
            let g = values(u64::from(step), LEN);
            let full = fp8.to_full();
            let mut expected = Vec::new();
            for (g, v) in g.chunks(128).zip(full.v().chunks(128)) {
                let term = |i: usize| {
                    let Some(g) = g.get(i).map(|g| g * 0.25) else {
                        return 0.0;
                    };
                    let scaled = (1.0 - 0.95_f64) as f32 * g;
                    let v = 0.95_f32.mul_add(v[i], scaled * g);
                    let corrected = v * (1.0 / (1.0 - clock.beta2_pow)) as f32;
                    let eps_squared = 1e-8_f32;
                    (g * g) / if corrected > eps_squared { corrected } else { eps_squared }
                };
                expected.push(butterfly(std::array::from_fn(|l| {
                    (4 * l..4 * l + 4).fold(0.0, |acc, i| acc + term(i))
                })));
            }
            let mut got = vec![0.0; expected.len()];
            update_clip::partials(Gradient::F32(&g), &fp8, &k, &mut got).unwrap();
            assert_eq!(got, expected);
            got.fill(0.0);
            update_clip::partials(Gradient::F32(&g), &full, &k, &mut got).unwrap();
            assert_eq!(got, expected);
            let wide: Vec<f64> = expected.iter().map(|&x| x.into()).collect();
            let rms = (naive_tree(&wide) / LEN as f64).sqrt();
            assert_eq!(UpdateRms::combine(&got, LEN as u64).get(), rms);
            assert!(rms <= 1.0 / (1.0 - 0.95_f64).sqrt());

            let mut w = vec![0.0; LEN];
            let source = Source { seed: 0, tensor: 0, step };
            let options = Options::new(&hyper);
            let weights = Weights::F32(&mut w);
            let _ =
                adamw::step(weights, Gradient::F32(&g), &mut fp8, &k, &options, source).unwrap();
        }
    }
}

/// After steady gradients, one a hundred times as large shrinks the rate close
/// to the bound `sqrt(1 - beta2)`; steady ones leave it nearly alone.
#[test]
fn a_spike_shrinks_the_rate() {
    let hyper = Hyper::default();
    let mut moments = FullMoments::new(1000).unwrap();
    let mut clock = Clock::START;
    let mut shrinks = Vec::new();
    for step in 0..60_u32 {
        clock.advance(&hyper);
        let gain = if step == 59 { 100.0 } else { 1.0 };
        let g: Vec<f32> = (0..1000).map(|i| gain * normal(step.into(), i) as f32).collect();
        let k = StepConstants::new(&hyper, &clock, 1.0, 1.0).unwrap();
        let mut out = [0.0; 8];
        update_clip::partials(Gradient::F32(&g), &moments, &k, &mut out).unwrap();
        shrinks.push(UpdateRms::combine(&out, 1000).shrink(1.0).unwrap());
        let mut w = [0.0; 1000];
        let source = Source { seed: 0, tensor: 0, step };
        let weights = Weights::F32(&mut w);
        let _ = adamw::step_full(weights, Gradient::F32(&g), &mut moments, &k, source).unwrap();
    }
    assert!(shrinks[50..59].iter().all(|&s| s < 1.15), "{shrinks:?}");
    assert!(shrinks[59] > 3.8 && shrinks[59] < 20_f64.sqrt(), "{}", shrinks[59]);
    assert_eq!(UpdateRms::combine(&[4.0], 1).shrink(4.0), Ok(1.0));
    assert_eq!(UpdateRms::combine(&[4.0], 1).shrink(f64::INFINITY), Ok(1.0));
    assert_eq!(UpdateRms::combine(&[], 0).get(), 0.0);
}
