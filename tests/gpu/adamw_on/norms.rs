//! Norms of large tensors and of many, and steps that they skip.

use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock};

use half::bf16;
use quarter::adamw::update_clip::{self, UpdateRms};
use quarter::adamw::{
    Clock, DecayRate, FullMoments, Gradient, Member, Moments, Optimizer, Rounding, SecondForm,
    Settings, StepConstants, Weights, norm,
};
use quarter::gpu::emulate::Options;
use quarter::gpu::{AdamwOn, Buffer, Driver, Launch, Stream, Text};

use super::watched::Watched;
use super::{Kind, Memory, emulator, kinds, random, slope, words};
use crate::adamw::normal;
use crate::values::Draws;

fn decision(on: &AdamwOn) {
    // SAFETY: the emulator has run it before the call returns.
    unsafe { on.enqueue_decision(Stream::default()).unwrap() };
}

fn update_rates(on: &AdamwOn) {
    // SAFETY: as above.
    unsafe { on.enqueue_update_rates(Stream::default()).unwrap() };
}

/// Sums of so many blocks that every level of the tree is needed, without the gradients.
#[test]
pub fn norms_of_large_tensors() {
    let (_, driver) = emulator(Options::default());
    let nothing = Memory::new(&driver, &[]);
    for blocks in [1, 2, 31, 32, 33, 1023, 1024, 1025, 2048, 32 * 1024 + 1, 33 * 1024, 1_050_000] {
        let whole_len = 128 * blocks as u64 - 5;
        let tensor = |first, whole_len| nothing.on(first, whole_len, 0);
        let tensors = [tensor(0, whole_len), tensor(0, 0), tensor(0, 100)];
        let settings = Settings {
            max_norm: Some(3.0),
            update_limit: Some(0.5),
            decay_rate: [DecayRate::Plain, DecayRate::Clipped][blocks % 2],
            schedule: vec![1.0, 0.25],
            ..Settings::default()
        };
        let on = AdamwOn::new(&driver, &tensors, settings.clone()).unwrap();
        let mut draws = Draws(blocks as u64);
        let sums: Vec<f32> =
            (0..=blocks).map(|_| (4.0 * normal(&mut draws)).exp() as f32).collect();
        let bytes: Vec<u8> = sums.iter().flat_map(|x| x.to_le_bytes()).collect();
        let (at, n) = on.partials(0).unwrap();
        assert_eq!((n as usize, on.partials(2).unwrap()), (blocks, (at + 4 * n, 1)));
        // SAFETY: the sums of the first and the last tensor are side by side.
        unsafe { driver.write(Stream::default(), at, &bytes).unwrap() };
        on.set_clock(Stream::default(), Clock { t: 6, beta1_pow: 0.5, beta2_pow: 0.7 }).unwrap();
        decision(&on);
        let each = [norm::sum(&sums[..blocks]), 0.0, norm::sum(&sums[blocks..])];
        let expected = norm::Norm::combine(&each);
        let control = on.control().unwrap();
        assert_eq!(control.norm.to_bits(), expected.get().to_bits(), "{blocks}");
        let clip = expected.clip_factor(3.0).unwrap();
        assert_eq!(control.clip.to_bits(), clip.to_bits());
        // The same sums as those of updates.
        let rates = |shrink: f64| {
            let hyper = settings.hyper(0, control.clock.t);
            let k = StepConstants::new(&hyper, &control.clock, shrink, clip).unwrap();
            (k.alpha, k.decay)
        };
        assert_eq!(on.rates().unwrap(), [rates(1.0); 3]);
        update_rates(&on);
        let shrink = |sums: &[f32], len| UpdateRms::combine(sums, len).shrink(0.5).unwrap();
        let shrinks = [shrink(&sums[..blocks], whole_len), 1.0, shrink(&sums[blocks..], 100)];
        assert_eq!(on.rates().unwrap(), shrinks.map(rates), "{blocks}");
    }
}

/// The norm of so many tensors, and of a tensor of so many elements, that the last level of the tree is
/// needed.
#[test]
pub fn norms_of_a_great_many() {
    static EXPECTED: OnceLock<(Vec<f32>, Vec<u8>, f64, f64)> = OnceLock::new();
    const BLOCKS: usize = (1 << 25) + 1025;
    const WHOLE_LEN: u64 = 128 * BLOCKS as u64 - 3;
    let (sums, bytes, of_all, shrink) = EXPECTED.get_or_init(|| {
        let mut draws = Draws(7);
        let sums: Vec<f32> = (0..BLOCKS)
            .map(|_| f32::from_bits(0x3f00_0000 + (draws.next() >> 37) as u32))
            .collect();
        let of_all = norm::sum(&sums);
        let shrink = UpdateRms::combine(&sums, WHOLE_LEN).shrink(0.5).unwrap();
        let bytes = words(&sums);
        (sums, bytes, of_all, shrink)
    });
    let settings = Settings { update_limit: Some(0.5), ..Settings::default() };
    let (_, driver) = emulator(Options::default());
    let nothing = Memory::new(&driver, &[]);
    let put = |on: &AdamwOn, bytes: &[u8]| {
        // SAFETY: the sums of all tensors are side by side.
        unsafe { driver.write(Stream::default(), on.partials(0).unwrap().0, bytes).unwrap() };
    };

    let lens: Vec<u64> = (0..65_540).map(|i| 1 + i % 200).collect();
    let tensors: Vec<_> = lens.iter().map(|len| nothing.on(0, *len, 0)).collect();
    let on = AdamwOn::new(&driver, &tensors, settings.clone()).unwrap();
    let mut at = 0;
    let each = lens.iter().map(|len| {
        let blocks = len.div_ceil(128) as usize;
        at += blocks;
        norm::sum(&sums[at - blocks..at])
    });
    let expected = norm::Norm::combine(&each.collect::<Vec<_>>());
    put(&on, &bytes[..4 * at]);
    decision(&on);
    assert_eq!(on.control().unwrap().norm.to_bits(), expected.get().to_bits());

    let on = AdamwOn::new(&driver, &[nothing.on(0, WHOLE_LEN, 0)], settings.clone()).unwrap();
    put(&on, bytes);
    decision(&on);
    let expected = norm::Norm::combine(&[*of_all]);
    let control = on.control().unwrap();
    assert_eq!(control.norm.to_bits(), expected.get().to_bits());
    update_rates(&on);
    assert!(*shrink > 1.0);
    let hyper = settings.hyper(0, control.clock.t);
    let k = StepConstants::new(&hyper, &control.clock, *shrink, control.clip).unwrap();
    assert_eq!(on.rates().unwrap(), [(k.alpha, k.decay)]);
}

/// The sums of a shard, bit by bit, and nothing else's: of updates that are their gradients' squares.
pub fn sums_of_a_shard(kind: Kind) {
    const FIRST: usize = 256;
    const LEN: usize = 2092;
    const BLOCKS: usize = (FIRST + LEN).div_ceil(128);
    let (_, driver) = emulator(Options::default());
    let memory = Memory::of(&driver, kind, &random(8, LEN), [0; 5]);
    // A block's sum is that of one number below 1, in each place of a lane, among small odd ones.
    let number = |i: usize| if i % 128 == 40 + i / 256 % 4 { 0x3f40 } else { 0x3b81 };
    let narrow: Vec<bf16> = (0..LEN).map(|i| bf16::from_bits(number(i))).collect();
    memory.set_gradient(&driver, &narrow);
    let wide: Vec<f32> = narrow.iter().map(|g| g.to_f32()).collect();
    let gradient = match kind.narrow_gradient {
        true => Gradient::Bf16(&narrow),
        false => Gradient::F32(&wide),
    };
    let settings =
        Settings { update_limit: Some(1.0), max_norm: None, eps: 1.0, ..Settings::default() };
    let tensor = memory.on(FIRST as u64, (FIRST + LEN) as u64, 0);
    let on = AdamwOn::new(&driver, &[tensor], settings.clone()).unwrap();
    let at = on.partials(0).unwrap().0;
    let sums = || {
        let mut bytes = [0; 4 * BLOCKS];
        // SAFETY: written below.
        unsafe { driver.read(Stream::default(), at, &mut bytes).unwrap() };
        bytes
    };
    // SAFETY: as above, and the memory is as large as this.
    unsafe {
        driver.write(Stream::default(), at, &[0; 4 * BLOCKS]).unwrap();
        on.enqueue_norm_partials(Stream::default()).unwrap();
    }
    assert_eq!(sums()[..8], [0; 8]);
    decision(&on);
    let control = on.control().unwrap();
    let norm = norm::Norm::of(&[gradient], 1.0).get();
    assert_eq!(control.norm.to_bits(), norm.to_bits(), "{kind:?}");
    // SAFETY: as above.
    unsafe { on.enqueue_update_partials(Stream::default()).unwrap() };
    let hyper = settings.hyper(0, 1);
    let k = StepConstants::new(&hyper, &control.clock, 1.0, control.clip).unwrap();
    let mut expected = [0.0; BLOCKS];
    let out = &mut expected[2..];
    let first = FIRST as u64;
    match kind.form {
        Some(form) => {
            let moments = Moments::new_shard(form, first, LEN).unwrap();
            update_clip::partials(gradient, &moments, &k, out).unwrap();
        }
        None => {
            let zeros = || vec![0.0; LEN];
            let moments = FullMoments::from_parts(first, zeros(), zeros()).unwrap();
            update_clip::partials(gradient, &moments, &k, out).unwrap();
        }
    }
    assert_eq!(sums().to_vec(), words(&expected), "{kind:?}");
}

#[test]
fn sums_of_shards_have_the_bits_of_the_reference() {
    kinds().for_each(sums_of_a_shard);
}

/// A tensor of more runs than memory here has partials for, of numbers and of zeros; and one whose sum
/// is no number, or no finite one, which stops it.
#[test]
pub fn norms_of_more_runs_than_there_are() {
    const RUNS: u32 = 600_005;
    let settings = Settings { update_limit: Some(0.5), ..Settings::default() };
    let watched = Watched::new(emulator(Options::default()).1);
    let driver: Arc<dyn Driver> = watched.clone();
    let nothing = Memory::new(&driver, &[]);
    let on = AdamwOn::new(&driver, &[nothing.on(0, 1, 0)], settings.clone()).unwrap();
    let put = |sum: f32| {
        // SAFETY: the only block's sum.
        unsafe {
            let at = on.partials(0).unwrap().0;
            driver.write(Stream::default(), at, &sum.to_le_bytes()).unwrap();
        }
    };
    put(1.0);
    decision(&on);
    let mut params = watched.params.lock().unwrap().clone();
    let mut draws = Draws(11);
    // The last of them weigh most: their lower halves reach the rates.
    let mut number = |i: u32| normal(&mut draws).exp() * if i >> 19 == 0 { 1.0 } else { 1000.0 };
    let mut all = vec![vec![0.0; RUNS as usize], (0..RUNS).map(&mut number).collect()];
    all.extend((0..8).map(|_| (0..2).map(&mut number).collect::<Vec<f64>>()));
    for sums in all {
        let many = sums.len() as u32;
        let bytes: Vec<u8> = sums.iter().flat_map(|x: &f64| x.to_le_bytes()).collect();
        let runs = Buffer::from_bytes(&driver, &[0, many].map(u32::to_le_bytes).concat()).unwrap();
        let bytes = Buffer::from_bytes(&driver, &bytes).unwrap();
        params[16..24].copy_from_slice(&runs.address().to_le_bytes());
        params[24..32].copy_from_slice(&bytes.address().to_le_bytes());
        for entry in ["norm_finish", "update_finish"] {
            let text = Text::find("norm").unwrap();
            let (grid, block) = ([1, 1, 1], [1024, 1, 1]);
            let launch = Launch { text, entry, grid, block, shared_bytes: 0, params: &params };
            // SAFETY: those of a launch before, but for the runs of the tensor, which are there.
            unsafe { driver.launch(Stream::default(), &launch).unwrap() };
        }
        let control = on.control().unwrap();
        let expected = norm::Norm::combine(&sums).get();
        assert_eq!(control.norm.to_bits(), expected.to_bits());
        let (hyper, shrink) = (settings.hyper(0, control.clock.t), (expected / 0.5).max(1.0));
        let k = StepConstants::new(&hyper, &control.clock, shrink, control.clip).unwrap();
        assert_eq!(on.rates().unwrap(), [(k.alpha, k.decay)]);
    }
    for sum in [f32::NAN, f32::INFINITY] {
        put(sum);
        update_rates(&on);
        assert_eq!(on.rates().unwrap(), [(0.0, 1.0)]);
    }
}

/// Tensors by the thousand, and norms of thousands of tensors.
#[test]
pub fn many_tiny_tensors() {
    let (_, driver) = emulator(Options::default());
    let lens: Vec<usize> = (0..2500).map(|i| i * 7 % 19).collect();
    let all: usize = lens.iter().sum();
    let (weights, slopes) = (random(5, all), slope(6, all));
    let mut at = 0;
    let mut optimizer = Optimizer::new(Settings::default()).unwrap();
    let mut memories = Vec::new();
    let mut expected: Vec<Vec<bf16>> = Vec::new();
    let mut gradients = Vec::new();
    for (i, len) in lens.iter().enumerate() {
        let range = at..at + len;
        at += len;
        let memory = Memory::new(&driver, &weights[range.clone()]);
        memory.set_gradient(&driver, &slopes[range.clone()]);
        memories.push(memory);
        expected.push(weights[range.clone()].to_vec());
        gradients.push(slopes[range].to_vec());
        let state = Moments::new(SecondForm::Sqrt, *len).unwrap().into();
        optimizer.add(Member { state, group: 0, tensor: i as u32 }).unwrap();
    }
    let on = memories.iter().enumerate();
    let on = on.map(|(i, m)| m.on(0, m.len as u64, i as u32));
    let on = AdamwOn::new(&driver, &on.collect::<Vec<_>>(), Settings::default()).unwrap();
    for _ in 0..2 {
        // SAFETY: the memory is as large as it says, and alive.
        unsafe { on.enqueue(Stream::default()).unwrap() };
        let views = expected.iter_mut().zip(&gradients).map(|(weights, slope)| {
            let rounding = Rounding::Stochastic;
            (Weights::Bf16 { weights, rounding }, Gradient::Bf16(slope))
        });
        let told = optimizer.step(&mut views.collect::<Vec<_>>()).unwrap();
        assert_eq!(on.control().unwrap().norm.to_bits(), told.norm.to_bits());
    }
    for (memory, expected) in memories.iter().zip(&expected) {
        assert_eq!(memory.weights(), *expected);
    }
    assert_eq!(on.telemetry().unwrap().iter().map(|t| t.elements).sum::<u64>(), 2 * all as u64);
}

/// A skipped step changes no bit of a state that has stepped, and counts as skipped; the clock goes on
/// where it was.
#[test]
pub fn a_skipped_step_changes_no_bit() {
    for kind in kinds() {
        let (_, driver) = emulator(Options::default());
        let len = 300;
        let memory = Memory::of(&driver, kind, &random(8, len), [0; 5]);
        let tensor = memory.on(0, len as u64, 0);
        let settings = Settings { update_limit: Some(1.0), ..Settings::default() };
        let on = AdamwOn::new(&driver, &[tensor], settings).unwrap();
        let step = |gradient: &[bf16]| {
            memory.set_gradient(&driver, gradient);
            // SAFETY: the memory is as large as this, and alive.
            unsafe { on.enqueue(Stream::default()).unwrap() };
        };
        step(&slope(9, len));
        let (before, rates) = (memory.state(), on.rates().unwrap());
        let clock = on.control().unwrap().clock;
        assert_eq!(clock.t, 1);
        let mut bad = slope(10, len);
        for value in [f32::INFINITY, f32::NAN, 3e38] {
            bad[137] = bf16::from_f32(value);
            step(&bad);
        }
        let control = on.control().unwrap();
        assert_eq!((control.clock, control.skipped, control.skip), (clock, 3, true));
        assert!(memory.state() == before, "{kind:?}");
        assert_eq!(on.rates().unwrap(), rates);
        step(&slope(10, len));
        let control = on.control().unwrap();
        assert_eq!((control.clock.t, control.skipped, control.skip), (2, 3, false));
        assert!(memory.state() != before, "{kind:?}");
    }
}

/// There are no constants before a decision: weights wait for one, also after another clock.
#[test]
fn no_weight_changes_before_a_decision() {
    let (_, driver) = emulator(Options::default());
    let memory = Memory::new(&driver, &random(8, 300));
    let settings = Settings { update_limit: Some(1.0), ..Settings::default() };
    let on = AdamwOn::new(&driver, &[memory.on(0, 300, 0)], settings).unwrap();
    memory.set_gradient(&driver, &slope(9, 300));
    let stream = Stream::default();
    for stepped in [false, true] {
        let before = memory.state();
        // SAFETY: the memory is as large as this, and alive; so below.
        unsafe {
            on.enqueue_update_partials(stream).unwrap();
            on.enqueue_update_rates(stream).unwrap();
            on.enqueue_weights(stream).unwrap();
        }
        assert!(memory.state() == before && on.control().unwrap().skip, "{stepped}");
        // SAFETY: as above.
        unsafe { on.enqueue(stream).unwrap() };
        assert!(memory.state() != before && !on.control().unwrap().skip, "{stepped}");
        on.set_clock(stream, Clock { t: 6, beta1_pow: 0.5, beta2_pow: 0.7 }).unwrap();
    }
}

/// What a device refuses to take is not taken for the settings.
#[test]
fn settings_that_are_not_written_are_not_kept() {
    let (_, driver) = emulator(Options::default());
    let watched = Watched::new(driver);
    let driver: Arc<dyn Driver> = watched.clone();
    let before = Settings { schedule: vec![1.0], ..Settings::default() };
    let mut on = AdamwOn::new(&driver, &[], before.clone()).unwrap();
    let after =
        Settings { schedule: vec![0.5], update_limit: Some(1.0), beta1: 0.5, ..before.clone() };
    for writes in 0..3 {
        watched.writes_left.store(writes, Ordering::Relaxed);
        assert!(on.set(Stream::default(), after.clone()).is_err());
        assert_eq!(*on.settings(), before);
    }
    watched.writes_left.store(3, Ordering::Relaxed);
    on.set(Stream::default(), after.clone()).unwrap();
    assert_eq!(*on.settings(), after);
}
