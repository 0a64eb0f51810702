//! The candle AdamW against quarter's, bit for bit.

use candle_core::{DType, Device, Tensor, Var, backprop::GradStore};
use half::bf16;
use quarter::adamw::{
    self, BLOCK, Clock, FullMoments, Gradient, Hyper, Moments, Options, Rounding, SecondForm,
    StepConstants, Weights, norm::Norm, update_clip,
};
use quarter::random::Source;
use quarter_candle::{AdamW, AdamWConfig, MomentStorage};

fn values(count: usize, salt: usize) -> Vec<f32> {
    (0..count).map(|i| ((i * 7919 + salt * 104_729) % 1999) as f32 / 1999.0 - 0.5).collect()
}

fn var(values: &[f32], shape: &[usize], dtype: DType) -> Var {
    let x = Tensor::from_slice(values, shape, &Device::Cpu).unwrap();
    Var::from_tensor(&x.to_dtype(dtype).unwrap()).unwrap()
}

/// A store with these gradients: candle makes stores in a backward pass only.
fn store(pairs: &[(&Var, Vec<f32>)]) -> GradStore {
    let mut store = Tensor::zeros((), DType::F32, &Device::Cpu).unwrap().backward().unwrap();
    for (var, gradient) in pairs {
        let x = Tensor::from_slice(gradient, var.shape(), &Device::Cpu).unwrap();
        store.insert(var, x.to_dtype(var.dtype()).unwrap());
    }
    store
}

fn bf16s(x: &Tensor) -> Vec<u16> {
    x.flatten_all().unwrap().to_vec1::<bf16>().unwrap().iter().map(|x| x.to_bits()).collect()
}

fn narrow(x: &[f32]) -> Vec<bf16> {
    x.iter().map(|&x| bf16::from_f32(x)).collect()
}

const CONFIG: AdamWConfig = AdamWConfig {
    hyper: Hyper {
        lr: 0.0,
        beta1: 0.9,
        beta2: 0.95,
        eps: 1e-8,
        weight_decay: 0.1,
        decay_rate: adamw::DecayRate::Clipped,
    },
    moments: MomentStorage::Fp8(SecondForm::Sqrt),
    rounding: Rounding::Stochastic,
    max_norm: Some(1.0),
    update_clip: Some(1.0),
    seed: 11,
};

/// Two tensors, a matrix with a short last block and a vector, three steps, by hand.
#[test]
fn steps_are_those_of_the_reference() {
    let shapes: [&[usize]; 2] = [&[13, 21], &[40]];
    let vars: Vec<Var> = shapes
        .iter()
        .enumerate()
        .map(|(i, shape)| var(&values(shape.iter().product(), i), shape, DType::BF16))
        .collect();
    let named = vars.iter().enumerate().map(|(i, v)| (format!("w{i}"), v.clone()));
    let mut optimizer = AdamW::new(CONFIG, named).unwrap();

    let mut weights: Vec<Vec<bf16>> =
        vars.iter().map(|v| v.flatten_all().unwrap().to_vec1().unwrap()).collect();
    let mut moments: Vec<Moments> =
        weights.iter().map(|w| Moments::new(SecondForm::Sqrt, w.len()).unwrap()).collect();
    let mut clock = Clock::START;
    let mut shrunk = false;
    for step in 1..=3 {
        let lr = 0.01 / f64::from(step);
        let boost = if step == 3 { 100.0 } else { 1.0 };
        let gradients: Vec<Vec<f32>> =
            weights.iter().map(|w| values(w.len(), 10 + step as usize)).collect();
        let pairs: Vec<_> = vars.iter().zip(gradients.clone()).collect();
        let report = optimizer.step(&store(&pairs), lr, boost).unwrap();

        let gradients: Vec<Vec<bf16>> = gradients.iter().map(|g| narrow(g)).collect();
        let borrowed: Vec<_> = gradients.iter().map(|g| Gradient::Bf16(g)).collect();
        let norm = Norm::of(&borrowed, 1.0);
        clock.advance(&CONFIG.hyper);
        for i in 0..2 {
            // Decay is for matrices.
            let weight_decay = if i == 0 { 0.1 } else { 0.0 };
            let hyper = Hyper { lr, weight_decay, ..CONFIG.hyper };
            let scale = boost * norm.clip_factor(1.0).unwrap();
            let k = StepConstants::new(&hyper, &clock, 1.0, scale).unwrap();
            let mut partials = vec![0.0; weights[i].len().div_ceil(BLOCK)];
            update_clip::partials(borrowed[i], &moments[i], &k, &mut partials).unwrap();
            let rms = update_clip::UpdateRms::combine(&partials, weights[i].len() as u64);
            let shrink = rms.shrink(1.0).unwrap();
            shrunk |= shrink > 1.0;
            assert!(report.shrink >= shrink);
            let _ = adamw::step(
                Weights::Bf16 { weights: &mut weights[i], rounding: Rounding::Stochastic },
                borrowed[i],
                &mut moments[i],
                &StepConstants::new(&hyper, &clock, shrink, scale).unwrap(),
                &Options::new(&hyper),
                Source { seed: 11, tensor: i as u32, step: clock.t as u32 },
            )
            .unwrap();
        }
        assert!(report.applied && report.norm == norm.get());
        for (var, weights) in vars.iter().zip(&weights) {
            let expected: Vec<u16> = weights.iter().map(|x| x.to_bits()).collect();
            assert_eq!(bf16s(var), expected, "step {step}");
        }
    }
    assert!(shrunk, "the spike has to clip an update");
    assert_eq!(optimizer.clock(), clock);
    let bytes: usize = moments.iter().map(Moments::bytes).sum();
    assert_eq!(optimizer.moment_bytes() + optimizer.scale_bytes(), bytes);
    assert_eq!(optimizer.scale_bytes(), 8 * (3 + 1));
}

#[test]
fn full_moments_and_f32_weights() {
    let weight = var(&values(300, 1), &[300], DType::F32);
    let config =
        AdamWConfig { moments: MomentStorage::Full, max_norm: None, update_clip: None, ..CONFIG };
    let mut optimizer = AdamW::new(config, [("w".to_string(), weight.clone())]).unwrap();
    let gradient = values(300, 2);
    let report = optimizer.step(&store(&[(&weight, gradient.clone())]), 0.1, 1.0).unwrap();
    assert_eq!(report.shrink, 1.0);

    let mut expected = values(300, 1);
    let mut moments = FullMoments::new(300).unwrap();
    let hyper = Hyper { lr: 0.1, weight_decay: 0.0, ..CONFIG.hyper };
    let mut clock = Clock::START;
    clock.advance(&hyper);
    let _ = adamw::step_full(
        Weights::F32(&mut expected),
        Gradient::F32(&gradient),
        &mut moments,
        &StepConstants::new(&hyper, &clock, 1.0, 1.0).unwrap(),
        Source { seed: 11, tensor: 0, step: 1 },
    )
    .unwrap();
    assert_eq!(weight.to_vec1::<f32>().unwrap(), expected);
    assert_eq!((optimizer.moment_bytes(), optimizer.scale_bytes()), (2400, 0));
}

#[test]
fn a_state_goes_back_in_and_a_strange_one_does_not() {
    for moments in [
        MomentStorage::Full,
        MomentStorage::Fp8(SecondForm::Sqrt),
        MomentStorage::Fp8(SecondForm::Linear),
    ] {
        let weight = var(&values(200, 1), &[10, 20], DType::BF16);
        let config = AdamWConfig { moments, ..CONFIG };
        let new = || AdamW::new(config, [("w".to_string(), weight.clone())]).unwrap();
        let mut optimizer = new();
        let gradients = store(&[(&weight, values(200, 3))]);
        let _ = optimizer.step(&gradients, 0.01, 1.0).unwrap();
        let saved = optimizer.state().unwrap();
        let mut restored = new();
        restored.restore(&saved.iter().cloned().collect()).unwrap();
        assert_eq!(restored.clock(), optimizer.clock());
        let text = |x: &AdamW| {
            format!(
                "{:?}",
                x.state()
                    .unwrap()
                    .iter()
                    .map(|(n, x)| (n.clone(), x.to_string()))
                    .collect::<Vec<_>>()
            )
        };
        assert_eq!(text(&restored), text(&optimizer));
        for missing in 0..saved.len() {
            let mut part = saved.clone();
            let (name, _) = part.remove(missing);
            let error = restored.restore(&part.into_iter().collect()).unwrap_err();
            assert!(error.to_string().contains(&name), "{error}");
            assert_eq!(text(&restored), text(&optimizer));
        }
    }
}

#[test]
fn calls_that_cannot_be_are_refused_and_change_nothing() {
    let weight = var(&values(64, 1), &[64], DType::BF16);
    let other = var(&values(64, 2), &[64], DType::BF16);
    let both = [("a".to_string(), weight.clone()), ("b".to_string(), other.clone())];
    let mut optimizer = AdamW::new(CONFIG, both).unwrap();
    let before = (bf16s(&weight), bf16s(&other));
    let error = optimizer.step(&store(&[(&weight, values(64, 3))]), 0.1, 1.0).unwrap_err();
    assert!(error.to_string().contains("b has no gradient"), "{error}");
    let mut wrong = store(&[(&weight, values(64, 3))]);
    wrong.insert(&other, Tensor::zeros(64, DType::F32, &Device::Cpu).unwrap());
    assert!(optimizer.step(&wrong, 0.1, 1.0).is_err());
    for bad in [f32::INFINITY, f32::NAN] {
        let mut gradient = values(64, 3);
        gradient[63] = bad;
        let gradients = store(&[(&weight, values(64, 3)), (&other, gradient)]);
        assert!(!optimizer.step(&gradients, 0.1, 1.0).unwrap().applied);
    }
    assert_eq!((bf16s(&weight), bf16s(&other)), before);
    assert_eq!(optimizer.clock(), Clock::START);

    let double = var(&values(64, 1), &[64], DType::F64);
    assert!(AdamW::new(CONFIG, [("x".to_string(), double)]).is_err());
    let single = var(&values(64, 1), &[64], DType::F32);
    let literal = AdamWConfig { moments: MomentStorage::Literal, ..CONFIG };
    assert!(AdamW::new(literal, [("x".to_string(), single)]).is_err());
}

/// Clock and moments, and the variables, as text that shows every bit.
fn everything(optimizer: &AdamW, vars: &[&Var]) -> String {
    let state = optimizer.state().unwrap();
    let bits = state.iter().map(|(name, x)| {
        let x = x.flatten_all().unwrap();
        let bits: Vec<u64> = match x.dtype() {
            DType::F64 => x.to_vec1::<f64>().unwrap().iter().map(|x| x.to_bits()).collect(),
            DType::F32 => x.to_vec1::<f32>().unwrap().iter().map(|x| x.to_bits().into()).collect(),
            DType::U8 => x.to_vec1::<u8>().unwrap().iter().map(|&x| x.into()).collect(),
            _ => x.to_vec1::<i64>().unwrap().iter().map(|&x| x as u64).collect(),
        };
        (name.clone(), bits)
    });
    let weights: Vec<_> = vars.iter().map(|var| bf16s(var)).collect();
    format!("{:?} {:?} {weights:?}", optimizer.clock(), bits.collect::<Vec<_>>())
}

/// The first variable accepts each of these steps; the later one, a matrix
/// with decay, refuses some, and the clips the others.
#[test]
fn a_refused_step_changes_no_bit_of_anything() {
    let moments = [
        MomentStorage::Full,
        MomentStorage::Fp8(SecondForm::Sqrt),
        MomentStorage::Fp8(SecondForm::Linear),
        MomentStorage::Literal,
    ];
    for moments in moments {
        let first = var(&values(200, 1), &[200], DType::BF16);
        let later = var(&values(200, 2), &[10, 20], DType::BF16);
        let hyper = Hyper { weight_decay: 100.0, ..CONFIG.hyper };
        let config = AdamWConfig { moments, hyper, ..CONFIG };
        let named = [("a".to_string(), first.clone()), ("b".to_string(), later.clone())];
        let mut optimizer = AdamW::new(config, named).unwrap();
        let gradients = store(&[(&first, values(200, 3)), (&later, values(200, 4))]);
        let _ = optimizer.step(&gradients, 1e-3, 1.0).unwrap();
        let before = everything(&optimizer, &[&first, &later]);
        let refused = [
            (-1.0, 1.0, "lr"),
            (f64::NAN, 1.0, "lr"),
            (f64::INFINITY, 1.0, "lr"),
            // Overflows with decay, in the later variable alone.
            (1e37, 1.0, "1 - lr weight_decay"),
            (1e-3, -1.0, "gradient_scale"),
            (1e-3, f64::NAN, "gradient_scale"),
            (1e-3, 1e41, "gradient_scale"),
        ];
        for (lr, boost, what) in refused {
            let error = optimizer.step(&gradients, lr, boost).unwrap_err();
            assert!(error.to_string().contains(what), "{error}");
            assert_eq!(everything(&optimizer, &[&first, &later]), before, "{what}");
        }
        if moments != MomentStorage::Literal {
            // Only the later gradient is large enough for its square to overflow.
            let mut spike = values(200, 4);
            spike[7] = 1e4;
            let gradients = store(&[(&first, vec![1e-4; 200]), (&later, spike)]);
            let error = optimizer.step(&gradients, 1e-3, 1e22).unwrap_err();
            assert!(error.to_string().contains("update RMS"), "{error}");
            assert_eq!(everything(&optimizer, &[&first, &later]), before);
        }
        assert!(optimizer.step(&gradients, 1e-3, 1.0).unwrap().applied);
        assert_ne!(everything(&optimizer, &[&first, &later]), before);
    }
}

#[test]
fn clips_have_ranges() {
    let weight = var(&values(64, 1), &[64], DType::BF16);
    let new = |config| AdamW::new(config, [("w".to_string(), weight.clone())]);
    for bad in [0.0, -1.0, f64::NAN, f64::NEG_INFINITY] {
        assert!(new(AdamWConfig { max_norm: Some(bad), ..CONFIG }).is_err(), "{bad}");
        assert!(new(AdamWConfig { update_clip: Some(bad), ..CONFIG }).is_err(), "{bad}");
    }
    assert!(new(AdamWConfig { max_norm: None, update_clip: None, ..CONFIG }).is_ok());
}

#[test]
fn variables_and_names_are_given_once() {
    let (a, b) = (var(&[0.0; 4], &[4], DType::BF16), var(&[0.0; 4], &[4], DType::BF16));
    let new = |x: [(&str, &Var); 2]| {
        AdamW::new(CONFIG, x.map(|(name, var)| (name.to_string(), var.clone())))
    };
    assert!(new([("a", &a), ("b", &b)]).is_ok());
    assert!(new([("a", &a), ("a", &b)]).is_err());
    assert!(new([("a", &a), ("b", &a)]).is_err());
}

/// As the gradient of half the squares would be, were it not copied.
#[test]
fn a_gradient_in_the_memory_of_its_variable() {
    let step = |aliased: bool| {
        let weight = var(&values(200, 1), &[10, 20], DType::BF16);
        let mut optimizer = AdamW::new(CONFIG, [("w".to_string(), weight.clone())]).unwrap();
        let mut gradients = store(&[]);
        let gradient = if aliased { weight.detach() } else { weight.copy().unwrap() };
        gradients.insert(&weight, gradient);
        let _ = optimizer.step(&gradients, 0.01, 1.0).unwrap();
        everything(&optimizer, &[&weight])
    };
    assert_eq!(step(true), step(false));
}

#[test]
fn a_clock_that_no_steps_lead_to_is_refused() {
    let weight = var(&values(64, 1), &[64], DType::BF16);
    let mut optimizer = AdamW::new(CONFIG, [("w".to_string(), weight.clone())]).unwrap();
    let saved = optimizer.state().unwrap();
    let gradients = store(&[(&weight, values(64, 3))]);
    let _ = optimizer.step(&gradients, 0.01, 1.0).unwrap();
    let before = everything(&optimizer, &[&weight]);
    let mut restore = |t: i64, powers: [f64; 2]| {
        let mut state: std::collections::HashMap<_, _> = saved.iter().cloned().collect();
        state.insert("clock.t".into(), Tensor::new(&[t], &Device::Cpu).unwrap());
        state.insert("clock.powers".into(), Tensor::new(&powers, &Device::Cpu).unwrap());
        let restored = optimizer.restore(&state);
        if restored.is_err() {
            assert_eq!(everything(&optimizer, &[&weight]), before);
        }
        restored.map_err(|error| error.to_string())
    };
    for (t, powers, what) in [
        (-1, [0.9, 0.95], "clock.t"),
        (i64::MIN, [0.9, 0.95], "clock.t"),
        (1 << 32, [0.9, 0.95], "clock.t"),
        (0, [0.9, 1.0], "clock.beta1_pow"),
        (0, [1.0, 0.95], "clock.beta2_pow"),
        (1, [1.0, 0.95], "clock.beta1_pow"),
        (1, [0.9, 1.0], "clock.beta2_pow"),
        (1, [-0.9, 0.95], "clock.beta1_pow"),
        (1, [0.9, f64::NAN], "clock.beta2_pow"),
        (1, [f64::INFINITY, 0.95], "clock.beta1_pow"),
    ] {
        let told = restore(t, powers);
        assert!(told.as_ref().is_err_and(|told| told.contains(what)), "{t} {powers:?}: {told:?}");
    }
    restore(0, [1.0, 1.0]).unwrap();
    restore(i64::from(u32::MAX), [0.0, 0.5]).unwrap();
    let error = optimizer.step(&gradients, 0.01, 1.0).unwrap_err();
    assert!(error.to_string().contains("clock.t"), "the step after the last: {error}");
}
