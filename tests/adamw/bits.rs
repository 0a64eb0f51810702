//! The step against the naive statement, bit for bit.

use crate::naive::{self, Call, State, Stored};
use half::bf16;
use proptest::prelude::*;
use quarter::adamw::literal::{self, LiteralMoments};
use quarter::adamw::{
    self, Clock, DecayRate, FullMoments, Gradient, Hyper, Moments, Options, Rounding, SecondForm,
    StepConstants, Telemetry, Weights,
};
use quarter::random::{Source, Stream};

fn bits(x: &[f32]) -> Vec<u32> {
    x.iter().map(|x| x.to_bits()).collect()
}

/// Deterministic values in [0, 1) for test data.
pub fn uniform(seed: u64, index: u64) -> f64 {
    let source = Source { seed, tensor: u32::MAX, step: 0 };
    f64::from(source.words(Stream::Data, index)[0]) / 2_f64.powi(32)
}

pub fn normal(seed: u64, index: u64) -> f64 {
    let (u, v) = (uniform(seed, 2 * index), uniform(seed, 2 * index + 1));
    (-2.0 * (1.0 - u).ln()).sqrt() * (std::f64::consts::TAU * v).cos()
}

/// Gradients that have broken optimizers.
#[derive(Clone, Copy, Debug)]
enum Kind {
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

fn gradient(kind: Kind, seed: u64, len: usize) -> Vec<f32> {
    let value = |i: u64| {
        let n = normal(seed, i);
        match kind {
            Kind::Normal => 0.01 * n,
            Kind::Zero => -0.0,
            Kind::Constant => 0.25,
            Kind::Outlier if i % 300 == 200 => 1e6,
            Kind::Outlier => 1e-3 * n,
            Kind::SparseHeavyTail if uniform(seed, !i) < 0.7 => 0.0,
            Kind::SparseHeavyTail => 1e-3 * (4.0 * normal(!seed, i)).exp() * n,
            Kind::Subnormal => 1e-40 * n,
            Kind::Huge => 1e18 * n,
            Kind::Infinite if i % 300 == 130 => f64::NEG_INFINITY,
            Kind::Nan if i % 300 == 1 => f64::NAN,
            Kind::Infinite | Kind::Nan => n,
        }
    };
    (0..len as u64).map(|i| value(i) as f32).collect()
}

fn kinds() -> impl Strategy<Value = Kind> {
    prop::sample::select(vec![
        Kind::Normal,
        Kind::Zero,
        Kind::Constant,
        Kind::Outlier,
        Kind::SparseHeavyTail,
        Kind::Subnormal,
        Kind::Huge,
        Kind::Infinite,
        Kind::Nan,
    ])
}

fn rounding() -> impl Strategy<Value = Rounding> {
    prop::sample::select(vec![Rounding::Nearest, Rounding::Stochastic])
}

fn sizes() -> impl Strategy<Value = usize> {
    prop_oneof![prop::sample::select(vec![0, 1, 127, 128, 129, 257, 509, 1021]), 0..700_usize]
}

fn hypers() -> impl Strategy<Value = Hyper> {
    let pick = |values: &[f64]| prop::sample::select(values.to_vec());
    let betas = (pick(&[0.0, 0.8, 0.9, 0.99]), pick(&[0.0, 0.95, 0.999]));
    let others = (pick(&[0.0, 1e-3, 10.0]), pick(&[0.0, 1e-8, 1e-3]), pick(&[0.0, 0.1]));
    (betas, others, any::<bool>()).prop_map(|((beta1, beta2), (lr, eps, weight_decay), plain)| {
        let decay_rate = if plain { DecayRate::Plain } else { DecayRate::Clipped };
        Hyper { lr, beta1, beta2, eps, weight_decay, decay_rate }
    })
}

fn weights(kind: u8, seed: u64, len: usize) -> Stored {
    let value = |i: u64| match i % 97 {
        96 if seed.is_multiple_of(5) => f32::MAX,
        95 if seed.is_multiple_of(5) => f32::NEG_INFINITY,
        94 if seed.is_multiple_of(5) => f32::NAN,
        _ => normal(seed ^ 7, i) as f32 * 0.02,
    };
    let full: Vec<f32> = (0..len as u64).map(value).collect();
    let narrow = || full.iter().map(|&w| bf16::from_f32(w)).collect();
    match kind {
        0 => Stored::F32(full),
        1 => Stored::Bf16(narrow(), Rounding::Nearest),
        2 => Stored::Bf16(narrow(), Rounding::Stochastic),
        3 => Stored::Master(full.clone(), narrow()),
        _ => {
            let (weights, rest) = full.iter().map(|&w| naive::split(w)).unzip();
            Stored::Split(weights, rest)
        }
    }
}

pub fn view(weights: &mut Stored) -> Weights<'_> {
    match weights {
        Stored::F32(w) => Weights::F32(w),
        Stored::Bf16(weights, rounding) => Weights::Bf16 { weights, rounding: *rounding },
        Stored::Master(master, weights) => Weights::Master { master, weights },
        Stored::Split(weights, rest) => Weights::Split { weights, rest },
    }
}

pub fn state(moments: &Moments) -> State {
    let ((m, s_m), (v, s_v)) = (moments.m(), moments.v());
    State {
        form: moments.form(),
        first: moments.first(),
        m: m.to_vec(),
        v: v.to_vec(),
        s_m: s_m.to_vec(),
        s_v: s_v.to_vec(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn the_step_is_the_naive_statement(
        len in sizes(),
        first_block in prop::sample::select(vec![0_u64, 1, 5, (1 << 35) + 3]),
        hyper in hypers(),
        kinds in prop::collection::vec(kinds(), 1..5),
        (first, second) in (rounding(), rounding()),
        linear in any::<bool>(),
        weight_kind in 0..5_u8,
        narrow_gradient in any::<bool>(),
        seed in any::<u64>(),
        (shrink, gradient_scale) in (prop::sample::select(vec![1.0, 3.7]), prop::sample::select(vec![1.0, 0.3])),
    ) {
        let form = if linear { SecondForm::Linear } else { SecondForm::Sqrt };
        let offset = first_block * 128;
        let mut ours = weights(weight_kind, seed, len);
        let mut theirs = ours.clone();
        let mut moments = Moments::new_shard(form, offset, len)?;
        let mut expected = State::new(form, offset, len);
        let mut clock = Clock::START;
        for (t, kind) in kinds.into_iter().enumerate() {
            clock.advance(&hyper);
            let mut g = gradient(kind, seed.wrapping_add(t as u64), len);
            let narrow: Vec<bf16> = g.iter().map(|&g| bf16::from_f32(g)).collect();
            let view_g = if narrow_gradient {
                g = narrow.iter().map(|g| g.to_f32()).collect();
                Gradient::Bf16(&narrow)
            } else {
                Gradient::F32(&g)
            };
            let source = Source { seed, tensor: 3, step: t as u32 };
            let roundings = (first, second);
            let call = Call { hyper: &hyper, clock: &clock, shrink, gradient_scale, roundings, source };
            let counts = naive::step(&mut theirs, &g, &mut expected, &call);
            let constants = StepConstants::new(&hyper, &clock, shrink, gradient_scale)?;
            let options = Options { first, second };
            let told = adamw::step(view(&mut ours), view_g, &mut moments, &constants, &options, source)?;
            let [elements, floored, flushed, non_finite] = counts;
            prop_assert_eq!(told, Telemetry { elements, floored, flushed, saturated: 0, non_finite });
            prop_assert_eq!(ours.bits(), theirs.bits());
            prop_assert_eq!(state(&moments), expected.clone());
        }
    }

    /// f32 moments, and E4M3 ones with one scale a tensor and no floor: two
    /// stores around the same arithmetic.
    #[test]
    fn the_baselines_are_their_naive_statements(
        len in sizes(),
        hyper in hypers(),
        kinds in prop::collection::vec(kinds(), 1..5),
        weight_kind in 0..5_u8,
        seed in any::<u64>(),
    ) {
        let mut ours = weights(weight_kind, seed, len);
        let mut theirs = ours.clone();
        let mut full = FullMoments::new(len)?;
        let mut expected = vec![(0.0_f32, 0.0_f32); len];
        let narrow = weights(1, seed, len);
        let (mut literal_ours, mut literal_theirs) = (narrow.clone(), narrow);
        let mut moments = LiteralMoments::new(len)?;
        let mut naive_moments = naive::Literal::new(len);
        let mut clock = Clock::START;
        for (t, kind) in kinds.into_iter().enumerate() {
            clock.advance(&hyper);
            let g = gradient(kind, seed.wrapping_add(t as u64), len);
            let source = Source { seed, tensor: 3, step: t as u32 };
            let k = StepConstants::new(&hyper, &clock, 1.0, 0.7)?;
            let told = adamw::step_full(view(&mut ours), Gradient::F32(&g), &mut full, &k, source)?;
            let kept = naive::step_full(&mut theirs, &g, &mut expected, &k, source);
            prop_assert_eq!((told.elements, told.non_finite), kept);
            prop_assert_eq!(ours.bits(), theirs.bits());
            let (m, v): (Vec<_>, Vec<_>) = expected.iter().copied().unzip();
            prop_assert_eq!(bits(full.m()), bits(&m));
            prop_assert_eq!(bits(full.v()), bits(&v));

            let Stored::Bf16(w, _) = &mut literal_ours else { unreachable!() };
            let told = literal::step(w, Gradient::F32(&g), &mut moments, &k)?;
            let flushed = naive::step_literal(&mut literal_theirs, &g, &mut naive_moments, &k);
            let non_finite = u64::from(flushed.is_none());
            let elements = if flushed.is_some() { len as u64 } else { 0 };
            let flushed = flushed.unwrap_or(0);
            prop_assert_eq!(told, Telemetry { elements, flushed, non_finite, ..Telemetry::default() });
            prop_assert_eq!(literal_ours.bits(), literal_theirs.bits());
            let naive::Literal { m, v, s_m, s_v } = &naive_moments;
            prop_assert_eq!(moments.m(), (&m[..], *s_m));
            prop_assert_eq!(moments.v(), (&v[..], *s_v));
        }
    }

    #[test]
    fn bf16_rounding_is_the_naive_one(bits in any::<u32>(), seed in any::<u64>()) {
        // lr 0 and no decay: p' = fma(-0, u, 1 * p) = p.
        let p = f32::from_bits(bits);
        let mut master = Stored::Master(vec![p], vec![bf16::ZERO]);
        let hyper = Hyper { lr: 0.0, ..Hyper::default() };
        let _ = run_once(&mut master, &[1.0], &hyper, seed);
        let expected = Stored::Master(vec![p], vec![bf16::from_f32(p)]);
        prop_assert_eq!(master.bits(), expected.bits());
    }
}

proptest! {
    /// All of f32 in two parts, and back; the parts are those of the naive statement.
    #[test]
    fn parts_are_the_naive_ones(bits in any::<u32>()) {
        let x = f32::from_bits(bits);
        let (weight, rest) = adamw::split(x);
        let expected = Stored::Split(vec![naive::split(x).0], vec![naive::split(x).1]);
        prop_assert_eq!(Stored::Split(vec![weight], vec![rest]).bits(), expected.bits());
        let back = adamw::join(weight, rest);
        prop_assert!(back.to_bits() == bits || x.is_nan() && back.is_nan());
        prop_assert_eq!(naive::join(weight, rest).to_bits(), back.to_bits());
    }
}

#[test]
fn ends_of_the_parts() {
    for (bits, upper, rest) in [
        (0x3f80_7fff, 0x3f80, 0x7fff),
        (0x3f80_8000, 0x3f81, -0x8000),
        (0x3f81_8000, 0x3f82, -0x8000),
        (0x3f80_ffff, 0x3f81, -1),
        (0x7f7f_ffff, 0x7f80, -1),
        (0xff80_0000, 0xff80, 0),
        (0x8000_8000_u32, 0x8001, -0x8000),
    ] {
        assert_eq!(adamw::split(f32::from_bits(bits)), (bf16::from_bits(upper), rest));
        assert_eq!(adamw::join(bf16::from_bits(upper), rest).to_bits(), bits);
    }
    for bits in [0x7f80_0001, 0x7fff_ffff, 0xffff_8000, 0xff80_8000_u32] {
        let (weight, rest) = adamw::split(f32::from_bits(bits));
        assert!(weight.is_nan() && rest == 0 && adamw::join(weight, rest).is_nan(), "{bits:x}");
    }
}

fn run_once(weights: &mut Stored, g: &[f32], hyper: &Hyper, seed: u64) -> (Moments, Telemetry) {
    let mut moments = Moments::new(SecondForm::Sqrt, g.len()).unwrap();
    let mut clock = Clock::START;
    clock.advance(hyper);
    let constants = StepConstants::new(hyper, &clock, 1.0, 1.0).unwrap();
    let source = Source { seed, tensor: 0, step: 0 };
    let options = Options::new(hyper);
    let gradient = Gradient::F32(g);
    let told =
        adamw::step(view(weights), gradient, &mut moments, &constants, &options, source).unwrap();
    (moments, told)
}

/// The largest finite weights move past the largest bf16 for many words.
#[test]
fn a_finite_weight_never_becomes_infinite() {
    let hyper = Hyper { lr: 1e36, weight_decay: 0.0, ..Hyper::default() };
    let largest = bf16::from_bits(0x7f7f);
    let mut w = Stored::Bf16(vec![largest; 1000], Rounding::Stochastic);
    let gradient = vec![-1.0; 1000];
    let _ = run_once(&mut w, &gradient, &hyper, 5);
    assert_eq!(w.bits(), vec![0x7f7f; 1000]);
    // To nearest, the same sum is an infinity.
    let mut w = Stored::Bf16(vec![largest; 1000], Rounding::Nearest);
    let _ = run_once(&mut w, &gradient, &hyper, 5);
    assert_eq!(w.bits(), vec![0x7f80; 1000]);
}

/// Larger than the pieces threads take, on one and on several threads, whole
/// and in shards.
#[test]
fn shards_and_threads_change_no_bit() {
    const LEN: usize = 128 * 700 + 77;
    let run = |cuts: &[usize]| {
        let mut w = weights(2, 11, LEN);
        let Stored::Bf16(all, rounding) = &mut w else { unreachable!() };
        let hyper = Hyper { beta1: 0.95, ..Hyper::default() };
        let mut rest = Moments::new(SecondForm::Sqrt, LEN).unwrap();
        let mut shards = Vec::new();
        for &cut in cuts.iter().rev() {
            shards.insert(0, rest.split_off(cut).unwrap());
        }
        shards.insert(0, rest);
        let mut clock = Clock::START;
        let mut told = Telemetry::default();
        for step in 0..3 {
            clock.advance(&hyper);
            let constants = StepConstants::new(&hyper, &clock, 1.0, 1.0).unwrap();
            let source = Source { seed: 9, tensor: 1, step };
            let g = gradient(Kind::SparseHeavyTail, u64::from(step), LEN);
            for shard in &mut shards {
                let at = shard.first() as usize..shard.first() as usize + shard.len();
                let weights = Weights::Bf16 { weights: &mut all[at.clone()], rounding: *rounding };
                let gradient = Gradient::F32(&g[at]);
                let options = Options::new(&hyper);
                told +=
                    adamw::step(weights, gradient, shard, &constants, &options, source).unwrap();
            }
        }
        let mut whole = shards.remove(0);
        shards.iter().for_each(|next| whole.append(next).unwrap());
        (w.bits(), state(&whole), told)
    };
    let expected = run(&[]);
    assert_eq!(run(&[128]), expected);
    assert_eq!(run(&[0, 128 * 3, 128 * 400, 128 * 700]), expected);
    #[cfg(feature = "rayon")]
    for threads in [1, 3] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        assert_eq!(pool.install(|| run(&[])), expected, "{threads} threads");
    }
}

/// f32 moments in shards: the words of the weights are those of the whole.
#[test]
fn shards_of_f32_moments_change_no_bit() {
    const LEN: usize = 128 * 5 + 40;
    let run = |cuts: &[usize]| {
        let mut w = weights(2, 11, LEN);
        let Stored::Bf16(all, rounding) = &mut w else { unreachable!() };
        let hyper = Hyper::default();
        let mut ends = cuts.to_vec();
        ends.push(LEN);
        let mut start = 0;
        let mut shards = Vec::new();
        for end in ends {
            let zero = vec![0.0; end - start];
            shards.push(FullMoments::from_parts(start as u64, zero.clone(), zero).unwrap());
            start = end;
        }
        let mut clock = Clock::START;
        for step in 0..3 {
            clock.advance(&hyper);
            let k = StepConstants::new(&hyper, &clock, 1.0, 1.0).unwrap();
            let source = Source { seed: 9, tensor: 1, step };
            let g = gradient(Kind::Normal, u64::from(step), LEN);
            for shard in &mut shards {
                let at = shard.first() as usize..shard.first() as usize + shard.len();
                let weights = Weights::Bf16 { weights: &mut all[at.clone()], rounding: *rounding };
                let _ =
                    adamw::step_full(weights, Gradient::F32(&g[at]), shard, &k, source).unwrap();
            }
        }
        let m: Vec<f32> = shards.iter().flat_map(|x| x.m()).copied().collect();
        let v: Vec<f32> = shards.iter().flat_map(|x| x.v()).copied().collect();
        (w.bits(), bits(&m), bits(&v))
    };
    let expected = run(&[]);
    assert_eq!(run(&[128]), expected);
    assert_eq!(run(&[256, 512]), expected);
}

/// Only the block with the bad gradient stays, and it stays to the last bit.
#[test]
fn a_block_that_is_not_finite_keeps_every_bit() {
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX] {
        let hyper = Hyper::default();
        let mut w = weights(2, 1, 300);
        let mut g = gradient(Kind::Normal, 1, 300);
        let (mut moments, _) = run_once(&mut w, &g, &hyper, 1);
        let (before, codes) = (w.bits(), state(&moments));
        g[200] = bad;
        let mut clock = Clock::START;
        clock.advance(&hyper);
        let constants = StepConstants::new(&hyper, &clock, 1.0, 1.0).unwrap();
        let source = Source { seed: 1, tensor: 0, step: 1 };
        let options = Options::new(&hyper);
        let gradient = Gradient::F32(&g);
        let told = adamw::step(view(&mut w), gradient, &mut moments, &constants, &options, source)
            .unwrap();
        assert_eq!((told.non_finite, told.elements), (1, 172));
        let (after, new) = (w.bits(), state(&moments));
        assert_eq!(after[128..256], before[128..256]);
        assert_eq!((&new.m[128..256], &new.v[128..256]), (&codes.m[128..256], &codes.v[128..256]));
        assert_eq!((new.s_m[1], new.s_v[1]), (codes.s_m[1], codes.s_v[1]));
        assert_ne!(after[..128], before[..128]);
        assert_ne!(after[256..], before[256..]);
    }
}
