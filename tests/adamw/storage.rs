//! Moments as values: bytes, cuts, conversions, refusals.

use crate::bits::{normal, state, view};
use crate::naive::{self, Stored};
use half::bf16;
use quarter::Error;
use quarter::adamw::{
    self, Clock, FullMoments, Gradient, Hyper, Moments, Options, Rounding, SecondForm, Settings,
    Step, StepConstants, Weights, literal, norm::Norm,
};
use quarter::random::Source;

fn constants(hyper: &Hyper) -> StepConstants {
    let mut clock = Clock::START;
    clock.advance(hyper);
    StepConstants::new(hyper, &clock, 1.0, 1.0).unwrap()
}

const SOURCE: Source = Source { seed: 0, tensor: 0, step: 0 };

#[test]
fn bytes_are_those_of_the_buffers() {
    for (len, bytes) in [(0, 0), (1, 10), (128, 264), (129, 274), (1 << 20, (1 << 21) + (1 << 16))]
    {
        assert_eq!(Moments::new(SecondForm::Sqrt, len).unwrap().bytes(), bytes);
        assert_eq!(FullMoments::new(len).unwrap().bytes(), 8 * len);
        assert_eq!(literal::LiteralMoments::new(len).unwrap().bytes(), 2 * len + 8);
    }
}

#[test]
fn from_f32_moments_and_back() {
    let len = 300;
    let m: Vec<f32> = (0..len).map(|i| normal(1, i) as f32).collect();
    // Element 7 would vanish beside element 8 without the floor.
    let v: Vec<f32> = (0..len)
        .map(|i| match i {
            7 => 1e-20,
            8 => 1e6,
            9 => 0.0,
            _ => (normal(2, i) as f32).powi(2),
        })
        .collect();
    let full = FullMoments::from_parts(256, m.clone(), v.clone()).unwrap();
    for form in [SecondForm::Sqrt, SecondForm::Linear] {
        let moments = Moments::from_full(form, &full);
        let got = state(&moments);
        assert_eq!((got.first, got.v[7], got.v[8], got.v[9]), (256, 1, 0x7e, 0));
        let kept = |v: f32| {
            if form == SecondForm::Sqrt { v.sqrt() } else { v }
        };
        for block in 0..3 {
            let range = block * 128..(block * 128 + 128).min(len as usize);
            let inverse = 1.0 / got.s_m[block];
            for i in range {
                let code = naive::nearest(m[i].abs() * inverse) | if m[i] < 0.0 { 0x80 } else { 0 };
                assert_eq!(got.m[i], code);
                let code = naive::nearest(kept(v[i]) * (1.0 / got.s_v[block]));
                assert_eq!(got.v[i], code.max(u8::from(v[i] > 0.0)));
            }
        }
        let back = moments.to_full();
        assert_eq!(back.first(), 256);
        for i in 0..len as usize {
            assert_eq!(back.m()[i], naive::decode(got.m[i]) * got.s_m[i / 128]);
            let x = naive::decode(got.v[i]) * got.s_v[i / 128];
            assert_eq!(back.v()[i], if form == SecondForm::Sqrt { x * x } else { x });
        }
    }
}

#[test]
fn parts_are_the_whole() {
    let mut w = Stored::F32(vec![0.0; 300]);
    let g: Vec<f32> = (0..300).map(|i| normal(3, i) as f32).collect();
    let mut moments = Moments::new(SecondForm::Linear, 300).unwrap();
    let hyper = Hyper::default();
    let (k, o) = (constants(&hyper), Options::new(&hyper));
    let _ = adamw::step(view(&mut w), Gradient::F32(&g), &mut moments, &k, &o, SOURCE).unwrap();
    let parts = |(codes, scales): (&[u8], &[f32])| (codes.to_vec(), scales.to_vec());
    let (m, v) = (parts(moments.m()), parts(moments.v()));
    let again = Moments::from_parts(SecondForm::Linear, 0, m.clone(), v.clone()).unwrap();
    assert_eq!(again, moments);

    let refused = |m, v| Moments::from_parts(SecondForm::Linear, 0, m, v).is_err();
    let with = |(codes, scales): &(Vec<u8>, Vec<f32>), i: usize, code: u8, scale: f32| {
        let (mut codes, mut scales) = (codes.clone(), scales.clone());
        (codes[i], scales[1]) = (code, scale);
        (codes, scales)
    };
    assert!(!refused(with(&m, 5, 0xfe, 1.0), with(&v, 5, 0x7e, 1.0)));
    assert!(refused(with(&m, 5, 0xff, 1.0), v.clone()));
    assert!(refused(m.clone(), with(&v, 5, 0x7f, 1.0)));
    assert!(refused(m.clone(), with(&v, 5, 0x80, 1.0)));
    // The largest scale with which 448 stays finite, and the next.
    let largest = f32::MAX / 448.0;
    for scale in [0.0, -1.0, 1e-40, f32::INFINITY, f32::NAN, largest.next_up()] {
        assert!(refused(with(&m, 5, 0, scale), v.clone()));
        assert!(refused(m.clone(), with(&v, 5, 0, scale)));
    }
    assert!(!refused(with(&m, 5, 0, largest), with(&v, 5, 0, largest)));
    assert!(refused((m.0.clone(), vec![1.0; 2]), v.clone()));
    assert!(refused(m.clone(), (vec![0; 299], v.1.clone())));
}

#[test]
fn cuts_lie_between_blocks() {
    let mut moments = Moments::new_shard(SecondForm::Sqrt, 128, 300).unwrap();
    for at in [1, 127, 300, 384] {
        assert!(matches!(moments.split_off(at), Err(Error::Parameter { .. })));
    }
    assert_eq!(moments.len(), 300);
    let tail = moments.split_off(256).unwrap();
    assert_eq!((moments.len(), tail.first(), tail.len()), (256, 384, 44));
    let mut wrong_order = tail.clone();
    assert!(wrong_order.append(&moments).is_err());
    let other_form = Moments::new_shard(SecondForm::Linear, 384, 44).unwrap();
    assert!(moments.append(&other_form).is_err());
    moments.append(&tail).unwrap();
    assert_eq!(moments, Moments::new_shard(SecondForm::Sqrt, 128, 300).unwrap());
    assert!(Moments::new_shard(SecondForm::Sqrt, 64, 300).is_err());
    assert!(Moments::new_shard(SecondForm::Sqrt, 1 << 51, 1).is_err());
}

/// Lengths beyond all indices, and one beyond all memory.
#[test]
fn moments_that_cannot_be_are_refused() {
    let all = |len| {
        [
            FullMoments::new(len).map(drop),
            literal::LiteralMoments::new(len).map(drop),
            Moments::new(SecondForm::Sqrt, len).map(drop),
        ]
    };
    for len in [usize::MAX, isize::MAX as usize, (1 << 51) + 1] {
        for told in all(len) {
            assert!(matches!(told, Err(Error::Parameter { what: "first", .. })), "{told:?}");
        }
    }
    for told in all(1 << 51) {
        let what = "moments";
        assert!(matches!(told, Err(Error::Length { what: w, .. }) if w == what), "{told:?}");
    }
}

/// A refused call writes nothing.
#[test]
fn wrong_lengths_are_refused() {
    let hyper = Hyper::default();
    let (k, o) = (constants(&hyper), Options::new(&hyper));
    let mut moments = Moments::new(SecondForm::Sqrt, 200).unwrap();
    let mut full = FullMoments::new(200).unwrap();
    let mut literals = literal::LiteralMoments::new(200).unwrap();
    for (weights, copy, gradient) in [(199, 200, 200), (200, 201, 200), (200, 200, 0)] {
        let (mut master, mut weights) = (vec![1.0; weights], vec![bf16::ONE; copy]);
        let g = vec![1.0; gradient];
        let g = Gradient::F32(&g);
        let view = Weights::Master { master: &mut master, weights: &mut weights };
        let told = adamw::step(view, g, &mut moments, &k, &o, SOURCE);
        assert!(matches!(told, Err(Error::Length { .. })));
        let view = Weights::Master { master: &mut master, weights: &mut weights };
        let told = adamw::step_full(view, g, &mut full, &k, SOURCE);
        assert!(matches!(told, Err(Error::Length { .. })));
        weights.truncate(master.len());
        let told = literal::step(&mut weights, g, &mut literals, &k);
        assert_eq!(told.is_ok(), weights.len() == 200 && gradient == 200);
        if told.is_err() {
            assert!(weights.iter().all(|w| *w == bf16::ONE));
            assert_eq!(literals, literal::LiteralMoments::new(200).unwrap());
        }
        assert!(master.iter().all(|w| *w == 1.0));
        literals = literal::LiteralMoments::new(200).unwrap();
    }
    assert_eq!(moments, Moments::new(SecondForm::Sqrt, 200).unwrap());
    assert_eq!(full, FullMoments::new(200).unwrap());
}

#[test]
fn literal_moments_come_back_from_their_parts() {
    let mut w = vec![half::bf16::ONE; 150];
    let g: Vec<f32> = (0..150).map(|i| normal(4, i) as f32).collect();
    let mut moments = literal::LiteralMoments::new(150).unwrap();
    let k = constants(&Hyper::default());
    let _ = literal::step(&mut w, Gradient::F32(&g), &mut moments, &k).unwrap();
    let (m, v) = (moments.m(), moments.v());
    let (m, v) = ((m.0.to_vec(), m.1), (v.0.to_vec(), v.1));
    let back = literal::LiteralMoments::from_parts;
    assert_eq!(back(m.clone(), v.clone()).unwrap(), moments);
    assert!(back(m.clone(), (v.0[1..].to_vec(), v.1)).is_err());
    assert!(back(m.clone(), (vec![0x80; 150], v.1)).is_err());
    assert!(back((vec![0xff; 150], m.1), v.clone()).is_err());
    assert!(back((m.0, 0.0), v).is_err());
}

/// -0 as a second moment, as f32 optimizers elsewhere can save it.
#[test]
fn a_negative_zero_spoils_no_block() {
    let mut v = vec![1.0_f32; 128];
    let clean = FullMoments::from_parts(0, vec![0.5; 128], v.clone()).unwrap();
    v[3] = -0.0;
    let full = FullMoments::from_parts(0, vec![0.5; 128], v).unwrap();
    assert_eq!(full.v()[3].to_bits(), 0);
    for form in [SecondForm::Sqrt, SecondForm::Linear] {
        let (got, clean) = (Moments::from_full(form, &full), Moments::from_full(form, &clean));
        let (got, mut clean) = (state(&got), state(&clean));
        clean.v[3] = 0;
        assert_eq!(got, clean);
    }
    assert!(FullMoments::from_parts(0, vec![0.0], vec![-1e-45]).is_err());
}

/// The largest moments a step can leave behind come back from a checkpoint,
/// and stand for finite values.
#[test]
fn the_largest_moments_are_no_refusal() {
    for form in [SecondForm::Sqrt, SecondForm::Linear] {
        let full = FullMoments::from_parts(0, vec![f32::MAX; 2], vec![f32::MAX; 2]).unwrap();
        let moments = Moments::from_full(form, &full);
        let parts = |(codes, scales): (&[u8], &[f32])| (codes.to_vec(), scales.to_vec());
        let (m, v) = (parts(moments.m()), parts(moments.v()));
        assert_eq!(Moments::from_parts(form, 0, m.clone(), v.clone()).as_ref(), Ok(&moments));
        let back = moments.to_full();
        assert!(back.m().iter().chain(back.v()).all(|x| x.is_finite()));
        // The scale of a root has half the exponents of the other.
        let too_large = (v.0.clone(), vec![v.1[0].next_up()]);
        assert!(Moments::from_parts(form, 0, m, too_large).is_err());
    }
    let back = literal::LiteralMoments::from_parts;
    let largest = f32::MAX / 448.0;
    assert!(back((vec![1], largest), (vec![1], largest)).is_ok());
    assert!(back((vec![1], largest.next_up()), (vec![1], largest)).is_err());
    assert!(back((vec![1], largest), (vec![1], largest.next_up())).is_err());
}

#[test]
fn hyperparameters_have_ranges() {
    let good = Hyper::default();
    assert!(good.validate().is_ok());
    let bad = [
        Hyper { beta1: 1.0, ..good },
        Hyper { beta1: -0.1, ..good },
        Hyper { beta2: f64::NAN, ..good },
        Hyper { beta2: 1.0, ..good },
        // Below 1, until they are an f32.
        Hyper { beta1: 1.0 - 1e-9, ..good },
        Hyper { beta2: 1.0 - 1e-9, ..good },
        Hyper { eps: 1e-46, ..good },
        Hyper { eps: -1e-8, ..good },
        Hyper { eps: f64::INFINITY, ..good },
        Hyper { lr: f64::NAN, ..good },
        Hyper { lr: -1e-3, ..good },
        Hyper { weight_decay: -0.1, ..good },
    ];
    let mut clock = Clock::START;
    assert!(StepConstants::new(&good, &clock, 1.0, 1.0).is_err(), "not advanced");
    clock.advance(&good);
    for hyper in bad {
        assert!(hyper.validate().is_err(), "{hyper:?}");
        assert!(StepConstants::new(&hyper, &clock, 1.0, 1.0).is_err());
    }
    let bad = [0.5, f64::NAN, f64::INFINITY].map(|shrink| (shrink, 1.0)).into_iter();
    let scales = [-1.0, f64::NAN, f64::INFINITY, 1e39].map(|scale| (1.0, scale));
    for (shrink, scale) in bad.chain(scales) {
        assert!(StepConstants::new(&good, &clock, shrink, scale).is_err());
    }
    assert!(StepConstants::new(&good, &clock, 1.0, 0.0).is_ok());
    // An f32 above 0 by itself, but not times sqrt(bc2).
    let vanishing = Hyper { eps: 1e-45, ..good };
    assert!(vanishing.validate().is_ok());
    assert!(StepConstants::new(&vanishing, &clock, 1.0, 1.0).is_err());
    let none = Hyper { eps: 0.0, ..good };
    assert_eq!(StepConstants::new(&none, &clock, 1.0, 1.0).unwrap().eps, 0.0);
    let overflow = Hyper { lr: 1e39, ..good };
    assert!(StepConstants::new(&overflow, &clock, 1.0, 1.0).is_err());
}

#[test]
fn a_clock_is_one_that_steps_lead_to() {
    let mut clock = Clock::START;
    for t in 0..3 {
        assert!(clock.t == t && clock.validate().is_ok());
        let next = clock.advanced(&Hyper::default());
        clock.advance(&Hyper::default());
        assert_eq!(clock, next);
    }
    for (clock, named) in [
        (Clock { t: 1 << 32, ..clock }, "clock.t"),
        (Clock { t: u64::MAX, ..clock }, "clock.t"),
        (Clock { t: 0, ..clock }, "clock.beta1_pow"),
        (Clock { beta2_pow: 0.5, ..Clock::START }, "clock.beta2_pow"),
        (Clock { beta1_pow: 1.0, ..clock }, "clock.beta1_pow"),
        (Clock { beta1_pow: -0.1, ..clock }, "clock.beta1_pow"),
        (Clock { beta2_pow: f64::NAN, ..clock }, "clock.beta2_pow"),
    ] {
        let told = clock.validate();
        assert!(matches!(told, Err(Error::Parameter { what, .. }) if what == named), "{told:?}");
        let constants = StepConstants::new(&Hyper::default(), &clock, 1.0, 1.0);
        assert_eq!(constants.map(drop), told);
    }
    // Steps have numbers of 32 bits, and the last one is followed by none.
    let last = Clock { t: u32::MAX.into(), ..clock };
    assert!(StepConstants::new(&Hyper::default(), &last, 1.0, 1.0).is_ok());
    for slope in [1.0, f32::NAN] {
        let norm = Norm::of(&[Gradient::F32(&[slope])], 1.0);
        let decide = |clock| Step::decide(&clock, &Hyper::default(), norm, None);
        assert!(decide(Clock { t: last.t - 1, ..last }).is_ok());
        assert!(matches!(decide(last), Err(Error::Parameter { what: "clock.t", .. })));
    }
}

#[test]
fn a_step_is_decided_once_its_call_is_good() {
    let (hyper, start) = (Hyper::default(), Clock::START);
    for bad in [f32::NAN, f32::INFINITY] {
        let norm = Norm::of(&[Gradient::F32(&[bad])], 1.0);
        assert_eq!(Step::decide(&start, &hyper, norm, None), Ok(Step::Skip));
        assert_eq!(Step::decide(&start, &hyper, norm, Some(1.0)), Ok(Step::Skip));
        assert!(Step::decide(&start, &hyper, norm, Some(-1.0)).is_err());
    }
    let norm = Norm::of(&[Gradient::F32(&[3.0, 4.0])], 1.0);
    let clock = start.advanced(&hyper);
    assert_eq!(Step::decide(&start, &hyper, norm, None), Ok(Step::Go { clock, clip: 1.0 }));
    let clip = 2.0 / (5.0 + 1e-6);
    assert_eq!(Step::decide(&start, &hyper, norm, Some(2.0)), Ok(Step::Go { clock, clip }));
    let refused = |clock, hyper| Step::decide(&clock, &hyper, norm, None).is_err();
    assert!(refused(start, Hyper { beta1: 1.0, ..hyper }));
    assert!(refused(Clock { t: 1, ..start }, hyper));
}

#[test]
fn the_default_rounding_of_m_follows_beta1() {
    let first = |beta1| Options::new(&Hyper { beta1, ..Hyper::default() }).first;
    assert_eq!(first(0.9), Rounding::Nearest);
    assert_eq!(first(0.95), Rounding::Stochastic);
    let settings = |beta1, options| Settings { beta1, options, ..Settings::default() };
    assert_eq!(settings(0.9, None).rounding().first, Rounding::Nearest);
    assert_eq!(settings(0.95, None).rounding().first, Rounding::Stochastic);
    let nearest = Options { first: Rounding::Nearest, second: Rounding::Nearest };
    assert_eq!(settings(0.95, Some(nearest)).rounding(), nearest);
}
