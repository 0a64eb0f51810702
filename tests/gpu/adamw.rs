//! Steps of all tensors of a model.

use half::bf16;
use proptest::prelude::*;
use quarter::adamw::{
    Clock, DecayRate, FullMoments, Gradient, Group, Member, Moments, Optimizer, Options, Outcome,
    Rounding, SecondForm, Settings, StoredMoments, Weights,
};
use quarter::gpu::Device;

use crate::devices::devices;
use crate::values::Draws;

/// Gradients that have broken optimizers.
#[derive(Clone, Copy, Debug)]
pub enum Slope {
    Normal,
    Zero,
    Constant,
    Outlier,
    SparseHeavyTail,
    Subnormal,
    Huge,
    Infinite,
    Nan,
}

/// What weights are stored as.
#[derive(Clone, Copy, Debug)]
pub enum Store {
    F32,
    Nearest,
    Stochastic,
    Split,
    Master,
}

/// One tensor.
#[derive(Clone, Copy, Debug)]
pub struct Tensor {
    pub len: usize,
    pub store: Store,
    /// f32 moments, or the form of v.
    pub form: Option<SecondForm>,
    pub narrow_gradient: bool,
    pub group: usize,
}

/// Steps of a few tensors.
#[derive(Clone, Debug)]
pub struct Case {
    pub tensors: Vec<Tensor>,
    pub slopes: Vec<Slope>,
    pub settings: Settings,
    /// Weights that are infinite, NaN or the largest among others.
    pub special: bool,
    pub seed: u64,
    pub schedule: u64,
}

fn roundings() -> impl Strategy<Value = Rounding> {
    prop::sample::select(vec![Rounding::Nearest, Rounding::Stochastic])
}

fn lens() -> impl Strategy<Value = usize> {
    let edges = vec![0, 1, 3, 127, 128, 129, 255, 256, 257, 509, 1021, 2047, 2048, 2051];
    prop_oneof![4 => prop::sample::select(edges), 4 => 0..700usize, 1 => 32700..33100usize]
}

fn tensors() -> impl Strategy<Value = Tensor> {
    let store = prop::sample::select(vec![
        Store::F32,
        Store::Nearest,
        Store::Stochastic,
        Store::Stochastic,
        Store::Split,
        Store::Master,
    ]);
    let form = prop::sample::select(vec![
        None,
        Some(SecondForm::Linear),
        Some(SecondForm::Sqrt),
        Some(SecondForm::Sqrt),
    ]);
    (lens(), store, form, any::<bool>(), 0..2usize).prop_map(
        |(len, store, form, narrow_gradient, group)| Tensor {
            len,
            store,
            form,
            narrow_gradient,
            group,
        },
    )
}

fn slopes() -> impl Strategy<Value = Slope> {
    prop::sample::select(vec![
        Slope::Normal,
        Slope::Normal,
        Slope::Zero,
        Slope::Constant,
        Slope::Outlier,
        Slope::SparseHeavyTail,
        Slope::Subnormal,
        Slope::Huge,
        Slope::Infinite,
        Slope::Nan,
    ])
}

fn settings() -> impl Strategy<Value = Settings> {
    let pick = |values: &[f64]| prop::sample::select(values.to_vec());
    let betas = (pick(&[0.0, 0.8, 0.9, 0.99]), pick(&[0.0, 0.95, 0.999]));
    let rates = (pick(&[0.0, 1e-3, 10.0]), pick(&[0.0, 1e-8, 1e-3]), pick(&[0.0, 0.1]));
    let limits = (
        prop::sample::select(vec![None, Some(1.0), Some(1e-3), Some(f64::INFINITY)]),
        prop::sample::select(vec![None, None, Some(1.0), Some(0.3), Some(5e-324)]),
        pick(&[1.0, 1.0 / 1024.0, 0.3]),
        prop::sample::select(vec![vec![], vec![0.5, 1.0, 0.25]]),
    );
    let options = (roundings(), roundings()).prop_map(|(first, second)| Options { first, second });
    let how = (prop::option::weighted(0.8, options), any::<bool>(), any::<u64>());
    (betas, rates, limits, how).prop_map(|(betas, rates, limits, how)| {
        let ((beta1, beta2), (lr, eps, weight_decay)) = (betas, rates);
        let (max_norm, update_limit, inverse_loss_scale, schedule) = limits;
        let (options, plain, seed) = how;
        Settings {
            beta1,
            beta2,
            eps,
            decay_rate: if plain { DecayRate::Plain } else { DecayRate::Clipped },
            groups: vec![
                Group { lr, weight_decay },
                Group { lr: lr * 0.37, weight_decay: weight_decay / 3.0 },
            ],
            schedule,
            max_norm,
            update_limit,
            inverse_loss_scale,
            options,
            seed,
        }
    })
}

pub fn cases() -> impl Strategy<Value = Case> {
    let tensors = prop::collection::vec(tensors(), 0..5);
    let slopes = prop::collection::vec(slopes(), 1..5);
    let seeds = (any::<bool>(), any::<u64>(), prop_oneof![Just(0), any::<u64>()]);
    (tensors, slopes, settings(), seeds).prop_map(
        |(tensors, slopes, settings, (special, seed, schedule))| Case {
            tensors,
            slopes,
            settings,
            special,
            seed,
            schedule,
        },
    )
}

/// Weights that are special in every place of a thread, and settings at their ends; of a kind that
/// [`Case::of`] chooses.
pub fn fixed() -> Vec<Case> {
    let tensor = |len| Tensor {
        len,
        store: Store::Stochastic,
        form: Some(SecondForm::Sqrt),
        narrow_gradient: true,
        group: 0,
    };
    let case = Case {
        tensors: vec![tensor(1021), tensor(2300)],
        slopes: vec![Slope::Normal, Slope::SparseHeavyTail, Slope::Zero, Slope::Outlier],
        settings: Settings { max_norm: None, ..Settings::default() },
        special: true,
        seed: 3,
        schedule: 0,
    };
    let with = |change: &dyn Fn(&mut Settings)| {
        let mut case = case.clone();
        change(&mut case.settings);
        case
    };
    // More chunks than a grid takes at once.
    let many = Case { tensors: [tensor(3), tensor(130)].repeat(50), ..case.clone() };
    let mut many_limited = many.clone();
    many_limited.settings.update_limit = Some(1e-2);
    let beyond = with(&|s| s.groups[0] = Group { lr: 1.2e36, weight_decay: 0.0 });
    vec![
        case.clone(),
        many,
        many_limited,
        with(&|s| s.groups[0].weight_decay = 0.0),
        // Updates that reach the largest weights, and 0 / 0.
        with(&|s| (s.groups[0].lr, s.eps) = (1e38 / 128.0, 0.0)),
        // Weights between the largest bf16 and the largest f32.
        beyond.clone(),
        Case { seed: 4, ..beyond.clone() },
        Case { seed: 5, ..beyond },
        with(&|s| (s.beta1, s.beta2) = (0.0, 0.0)),
        with(&|s| (s.max_norm, s.update_limit) = (Some(1e-3), Some(1e-2))),
        // A quotient that overflows: the rate is 0.
        with(&|s| s.update_limit = Some(5e-324)),
        with(&|s| (s.update_limit, s.decay_rate) = (Some(5e-324), DecayRate::Plain)),
        with(&|s| {
            s.options = Some(Options { first: Rounding::Stochastic, second: Rounding::Nearest })
        }),
        // Stochastic m by default.
        with(&|s| s.beta1 = 0.95),
        with(&|s| s.schedule = vec![0.5, 2.0]),
    ]
}

impl Case {
    #[allow(dead_code, reason = "for tests/mutants")]
    pub fn elements(&self) -> usize {
        self.tensors.iter().map(|t| t.len).sum::<usize>() * self.slopes.len()
    }

    /// The same, of one kind of weights, moments and gradients.
    pub fn of(mut self, stores: &[Store], form: Option<SecondForm>, narrow_gradient: bool) -> Self {
        for (i, tensor) in self.tensors.iter_mut().enumerate() {
            *tensor = Tensor { store: stores[i % stores.len()], form, narrow_gradient, ..*tensor };
        }
        self
    }

    pub fn optimizer(&self) -> Optimizer {
        let mut optimizer = Optimizer::new(self.settings.clone()).unwrap();
        for (i, tensor) in self.tensors.iter().enumerate() {
            let state = match tensor.form {
                None => FullMoments::new(tensor.len).unwrap().into(),
                Some(form) => Moments::new(form, tensor.len).unwrap().into(),
            };
            optimizer.add(Member { state, group: tensor.group, tensor: i as u32 }).unwrap();
        }
        optimizer
    }
}

/// Numbers around 0 with a few tails.
pub fn normal(draws: &mut Draws) -> f64 {
    let unit = |z: u64| (z >> 11) as f64 / (1u64 << 53) as f64;
    let (u, v) = (unit(draws.next()), unit(draws.next()));
    (-2.0 * (1.0 - u).ln()).sqrt() * (std::f64::consts::TAU * v).cos()
}

pub fn gradient(slope: Slope, seed: u64, len: usize) -> Vec<f32> {
    let mut draws = Draws(seed);
    let value = |i: usize| {
        let n = normal(&mut draws);
        match slope {
            Slope::Normal => 0.01 * n,
            Slope::Zero => -0.0,
            Slope::Constant => 0.25,
            Slope::Outlier if i % 300 == 200 => 1e6,
            Slope::Outlier => 1e-3 * n,
            Slope::SparseHeavyTail if draws.next() % 10 < 7 => 0.0,
            Slope::SparseHeavyTail => 1e-3 * (4.0 * normal(&mut draws)).exp() * n,
            Slope::Subnormal => 1e-40 * n,
            Slope::Huge => 1e18 * n,
            Slope::Infinite if i % 300 == 130 => f64::NEG_INFINITY,
            Slope::Nan if i % 300 == 1 => f64::NAN,
            Slope::Infinite | Slope::Nan => n,
        }
    };
    (0..len).map(value).map(|x| x as f32).collect()
}

/// Weights of any kind, and what is to be compared of them.
#[derive(Clone)]
pub enum Stored {
    F32(Vec<f32>),
    Bf16(Vec<bf16>, Rounding),
    Split(Vec<bf16>, Vec<i16>),
    Master(Vec<f32>, Vec<bf16>),
}

impl Stored {
    pub fn new(tensor: &Tensor, special: bool, seed: u64) -> Self {
        let mut draws = Draws(seed);
        let value = |i: usize| match i % 97 {
            96 if special => f32::MAX,
            95 if special => f32::NEG_INFINITY,
            94 if special => f32::NAN,
            93 if special => -1e-44,
            92 if special => bf16::MAX.to_f32(),
            91 if special => bf16::MIN.to_f32(),
            // Alone in their fours.
            5 | 25 | 45 | 65 | 85 if special => bf16::MAX.to_f32(),
            _ => normal(&mut draws) as f32 * 0.02,
        };
        let full: Vec<f32> = (0..tensor.len).map(value).collect();
        let narrow = || full.iter().map(|w| bf16::from_f32(*w)).collect();
        match tensor.store {
            Store::F32 => Self::F32(full),
            Store::Nearest => Self::Bf16(narrow(), Rounding::Nearest),
            Store::Stochastic => Self::Bf16(narrow(), Rounding::Stochastic),
            Store::Split => {
                let (weights, rest) = full.iter().map(|w| quarter::adamw::split(*w)).unzip();
                Self::Split(weights, rest)
            }
            Store::Master => Self::Master(full.clone(), narrow()),
        }
    }

    pub fn view(&mut self) -> Weights<'_> {
        match self {
            Self::F32(w) => Weights::F32(w),
            Self::Bf16(weights, rounding) => Weights::Bf16 { weights, rounding: *rounding },
            Self::Split(weights, rest) => Weights::Split { weights, rest },
            Self::Master(master, weights) => Weights::Master { master, weights },
        }
    }

    /// Bits, with every NaN the same.
    pub fn bits(&self) -> Vec<u32> {
        let full = |w: &f32| if w.is_nan() { 0x7fc0_0000 } else { w.to_bits() };
        let narrow = |w: &bf16| if w.is_nan() { 0x7fc0 } else { u32::from(w.to_bits()) };
        match self {
            Self::F32(w) => w.iter().map(full).collect(),
            Self::Bf16(w, _) => w.iter().map(narrow).collect(),
            Self::Split(w, rest) => {
                w.iter().map(narrow).chain(rest.iter().map(|r| *r as u16 as u32)).collect()
            }
            Self::Master(w, copy) => w.iter().map(full).chain(copy.iter().map(narrow)).collect(),
        }
    }
}

/// Everything that a step leaves behind.
pub fn same(got: &Optimizer, expected: &Optimizer) {
    assert_eq!(got.clock(), expected.clock());
    for (i, (a, b)) in got.members().iter().zip(expected.members()).enumerate() {
        match (&a.state, &b.state) {
            (StoredMoments::Fp8(a), StoredMoments::Fp8(b)) => {
                let codes = |what, a: &[u8], b: &[u8]| {
                    let first = (0..).zip(a.iter().zip(b)).find(|(_, (a, b))| a != b);
                    assert_eq!(first, None, "tensor {i}, {what}: (element, (got, expected))");
                };
                codes("m", a.m().0, b.m().0);
                codes("v", a.v().0, b.v().0);
                let bits = |s: &[f32]| s.iter().map(|s| s.to_bits()).collect::<Vec<_>>();
                assert_eq!(bits(a.m().1), bits(b.m().1), "tensor {i}, scales of m");
                assert_eq!(bits(a.v().1), bits(b.v().1), "tensor {i}, scales of v");
            }
            (StoredMoments::Full(a), StoredMoments::Full(b)) => {
                let bits = |x: &[f32]| x.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
                assert_eq!(bits(a.m()), bits(b.m()), "tensor {i}, m");
                assert_eq!(bits(a.v()), bits(b.v()), "tensor {i}, v");
            }
            _ => panic!("tensor {i}: moments of another kind"),
        }
    }
}

/// Floats of an outcome as bits: a norm may be a NaN.
fn outcome(outcome: Outcome) -> (u64, Option<u64>, Vec<quarter::adamw::Telemetry>) {
    let Outcome { norm, clip, telemetry } = outcome;
    (if norm.is_nan() { u64::MAX } else { norm.to_bits() }, clip.map(f64::to_bits), telemetry)
}

fn views<'a>(
    weights: &'a mut [Stored],
    gradients: &[Gradient<'a>],
) -> Vec<(Weights<'a>, Gradient<'a>)> {
    weights.iter_mut().map(Stored::view).zip(gradients.iter().copied()).collect()
}

pub fn check(case: &Case) {
    check_on_all(case, devices);
}

pub fn check_on_all(case: &Case, devices: fn(u64) -> Vec<Device>) {
    for device in devices(case.schedule) {
        let (mut ours, mut theirs) = (case.optimizer(), case.optimizer());
        let new =
            |(i, tensor): (usize, &Tensor)| Stored::new(tensor, case.special, case.seed ^ i as u64);
        let mut w: Vec<Stored> = case.tensors.iter().enumerate().map(new).collect();
        let mut expected = w.clone();
        for (step, slope) in case.slopes.iter().enumerate() {
            let seed = |i: usize| case.seed.wrapping_add(((step + 1) * 1000 + i) as u64);
            let wide = case.tensors.iter().enumerate();
            let wide: Vec<Vec<f32>> =
                wide.map(|(i, tensor)| gradient(*slope, seed(i), tensor.len)).collect();
            let narrow = wide.iter().map(|g| g.iter().map(|x| bf16::from_f32(*x)).collect());
            let narrow: Vec<Vec<bf16>> = narrow.collect();
            let gradients =
                (0..case.tensors.len()).map(|i| match case.tensors[i].narrow_gradient {
                    true => Gradient::Bf16(&narrow[i]),
                    false => Gradient::F32(&wide[i]),
                });
            let gradients: Vec<Gradient> = gradients.collect();
            let got = ours.step_on(&device, &mut views(&mut w, &gradients)).unwrap();
            let told = theirs.step(&mut views(&mut expected, &gradients)).unwrap();
            assert_eq!(outcome(got), outcome(told), "step {step}");
            same(&ours, &theirs);
            for (i, (a, b)) in w.iter().zip(&expected).enumerate() {
                let (a, b) = (a.bits(), b.bits());
                let first = (0..).zip(a.iter().zip(&b)).find(|(_, (a, b))| a != b);
                assert_eq!(first, None, "step {step}, tensor {i}: (weight, (got, expected))");
            }
        }
    }
}

#[test]
fn fixed_cases_have_the_bits_of_the_reference() {
    for case in fixed() {
        for store in [Store::F32, Store::Nearest, Store::Stochastic, Store::Split, Store::Master] {
            for form in [None, Some(SecondForm::Linear), Some(SecondForm::Sqrt)] {
                check(&case.clone().of(&[store], form, true));
                check(&case.clone().of(&[store], form, false));
            }
        }
    }
}

/// The last step whose number has 32 bits, and the one after it, which none has.
#[test]
fn the_last_step_is_the_reference_s_too() {
    let case = Case { tensors: fixed()[0].tensors[..1].to_vec(), ..fixed()[0].clone() };
    let settings = Settings { schedule: vec![1.0, 0.5, 0.25], ..case.settings.clone() };
    let case = Case { settings, ..case };
    let gradient = gradient(Slope::Normal, 1, case.tensors[0].len);
    for device in devices(0) {
        let mut ours = case.optimizer();
        let clock = Clock { t: u64::from(u32::MAX) - 1, beta1_pow: 0.0, beta2_pow: 0.25 };
        ours.set_clock(clock).unwrap();
        let mut theirs = ours.clone();
        let mut w = [Stored::new(&case.tensors[0], false, 2)];
        let mut expected = w.clone();
        let gradients = [Gradient::F32(&gradient)];
        let got = ours.step_on(&device, &mut views(&mut w, &gradients)).unwrap();
        let told = theirs.step(&mut views(&mut expected, &gradients)).unwrap();
        assert_eq!(outcome(got), outcome(told));
        same(&ours, &theirs);
        assert_eq!((w[0].bits(), ours.clock().t), (expected[0].bits(), u64::from(u32::MAX)));
        let told = theirs.step(&mut views(&mut w, &gradients)).unwrap_err();
        assert!(told.to_string().starts_with("clock.t is 4294967295;"), "{told}");
        assert_eq!(ours.step_on(&device, &mut views(&mut w, &gradients)), Err(told));
        same(&ours, &theirs);
        assert_eq!(w[0].bits(), expected[0].bits());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn steps_have_the_bits_of_the_reference(case in cases()) {
        check(&case);
    }
}
