//! Indices above 2^32, without the memory before them: a table changed by hand, whose arrays begin
//! where nothing is.

use std::sync::Arc;

use half::bf16;
use quarter::adamw::norm::Norm;
use quarter::adamw::update_clip::{self, UpdateRms};
use quarter::adamw::{
    self, Clock, FullMoments, Gradient, Moments, Rounding, Settings, Step, StepConstants,
    StoredMoments,
};
use quarter::gpu::{AdamwOn, Device, Driver, Stream};
use quarter::random::Source;

use super::watched::Watched;
use super::{Kind, Memory, bytes, kinds, random, slope, words};
use crate::adamw::{Store, Stored};
use crate::devices::devices;

/// Two chunks, of which the second is short.
const LEN: usize = 33_000;
/// Their first is this one: its first element is 2^32 + 98304.
const CHUNK: u32 = (1 << 17) + 3;
const START: u64 = CHUNK as u64 * 32_768;
/// The group of random words of the tensor's first element.
const WORDS: u64 = 1 << 36;

/// The lists of a step in which the tensor's elements are the last of `START + LEN`.
fn move_far(driver: &Arc<dyn Driver>, table: u64, chunks: u64, moment: u64, kind: Kind) {
    let mut entry = [0; 96];
    // SAFETY: the table has been written, and is one entry; so below.
    unsafe { driver.read(Stream::default(), table, &mut entry).unwrap() };
    let weights = if matches!(kind.store, Store::F32 | Store::Master) { 4 } else { 2 };
    let gradient = if kind.narrow_gradient { 2 } else { 4 };
    // Bytes of an element: weights, their other part, gradient, moments.
    let sizes = [weights, 2, gradient, moment, moment];
    let mut fields: Vec<u64> =
        entry.chunks_exact(8).map(|field| u64::from_le_bytes(field.try_into().unwrap())).collect();
    for (field, size) in fields.iter_mut().zip(sizes) {
        *field = field.wrapping_sub(size * START);
    }
    // Scales, and partial sums.
    for field in [5, 6, 9] {
        fields[field] = fields[field].wrapping_sub(4 * START / 128);
    }
    assert_eq!(fields[7..9], [LEN as u64, 0]);
    (fields[7], fields[8]) = (START + LEN as u64, WORDS);
    let entry: Vec<u8> = fields.iter().flat_map(|field| field.to_le_bytes()).collect();
    let list = [0, CHUNK, 0, CHUNK + 1].map(u32::to_le_bytes).concat();
    // SAFETY: as above, and the list has two chunks.
    unsafe {
        driver.write(Stream::default(), table, &entry).unwrap();
        driver.write(Stream::default(), chunks, &list).unwrap();
    }
}

/// The state after the reference's step.
fn reference(kind: Kind, settings: &Settings, w: &[bf16], gradient: &[bf16]) -> [Vec<u8>; 6] {
    let wide: Vec<f32> = gradient.iter().map(|g| g.to_f32()).collect();
    let gradient = match kind.narrow_gradient {
        true => Gradient::Bf16(gradient),
        false => Gradient::F32(&wide),
    };
    let first = 8 * WORDS + START;
    let mut moments: StoredMoments = match kind.form {
        Some(form) => Moments::new_shard(form, first, LEN).unwrap().into(),
        None => FullMoments::from_parts(first, vec![0.0; LEN], vec![0.0; LEN]).unwrap().into(),
    };
    let full: Vec<f32> = w.iter().map(|w| w.to_f32()).collect();
    let mut weights = match kind.store {
        Store::F32 => Stored::F32(full),
        Store::Nearest => Stored::Bf16(w.to_vec(), Rounding::Nearest),
        Store::Stochastic => Stored::Bf16(w.to_vec(), Rounding::Stochastic),
        Store::Split => Stored::Split(w.to_vec(), vec![0; LEN]),
        Store::Master => Stored::Master(full, w.to_vec()),
    };
    let norm = Norm::of(&[gradient], settings.inverse_loss_scale as f32);
    let hyper = settings.hyper(0, 1);
    let decided = Step::decide(&Clock::START, &hyper, norm, settings.max_norm).unwrap();
    let Step::Go { clock, clip } = decided else { panic!("{norm:?}") };
    let constants = |shrink| StepConstants::new(&hyper, &clock, shrink, clip).unwrap();
    let k = constants(1.0);
    let mut sums = vec![0.0; LEN.div_ceil(128)];
    match &moments {
        StoredMoments::Fp8(m) => update_clip::partials(gradient, m, &k, &mut sums).unwrap(),
        StoredMoments::Full(m) => update_clip::partials(gradient, m, &k, &mut sums).unwrap(),
    }
    let shrink = UpdateRms::combine(&sums, LEN as u64).shrink(settings.update_limit.unwrap());
    let k = constants(shrink.unwrap());
    let source = Source { seed: settings.seed, tensor: 7, step: 1 };
    let telemetry = match &mut moments {
        StoredMoments::Fp8(m) => {
            adamw::step(weights.view(), gradient, m, &k, &settings.rounding(), source).unwrap()
        }
        StoredMoments::Full(m) => {
            adamw::step_full(weights.view(), gradient, m, &k, source).unwrap()
        }
    };
    assert_eq!((telemetry.elements, telemetry.non_finite), (LEN as u64, 0));
    let [weights, other] = match weights {
        Stored::F32(w) => [words(&w), Vec::new()],
        Stored::Bf16(w, _) => [bytes(&w), Vec::new()],
        Stored::Split(w, rest) => {
            [bytes(&w), rest.iter().flat_map(|rest| rest.to_le_bytes()).collect()]
        }
        Stored::Master(w, copy) => [words(&w), bytes(&copy)],
    };
    match moments {
        StoredMoments::Full(full) => {
            let smallest = words(&vec![f32::MIN_POSITIVE; LEN.div_ceil(128)]);
            [weights, other, words(full.m()), words(full.v()), smallest.clone(), smallest]
        }
        StoredMoments::Fp8(fp8) => {
            let ((m, m_scales), (v, v_scales)) = (fp8.m(), fp8.v());
            [weights, other, m.to_vec(), v.to_vec(), words(m_scales), words(v_scales)]
        }
    }
}

pub fn far_elements(kind: Kind, machine: &Arc<dyn Driver>) {
    let (w, gradient) = (random(3, LEN), slope(4, LEN));
    let options = adamw::Options { first: Rounding::Stochastic, second: Rounding::Stochastic };
    let settings = Settings {
        update_limit: Some(0.5),
        max_norm: Some(0.1),
        options: Some(options),
        seed: 9,
        ..Settings::default()
    };
    let watched = Watched::new(Arc::clone(machine));
    let driver: Arc<dyn Driver> = watched.clone();
    let memory = Memory::of(&driver, kind, &w, [0; 5]);
    memory.set_gradient(&driver, &gradient);
    let tensor = memory.on(0, LEN as u64, 7);
    let on = AdamwOn::new(&driver, &[tensor], settings.clone()).unwrap();
    // SAFETY: the memory is as large as this, and alive.
    unsafe { on.enqueue_norm_partials(Stream::default()).unwrap() };
    let params = watched.params.lock().unwrap().clone();
    let word = |i: usize| u64::from_le_bytes(params[8 * i..8 * i + 8].try_into().unwrap());
    move_far(&driver, word(0), word(1), if kind.form.is_some() { 1 } else { 4 }, kind);
    let (partials, blocks) = on.partials(0).unwrap();
    // SAFETY: the range is that of all partials; the memory is where the table says, and alive.
    unsafe {
        driver.fill(Stream::default(), partials, 0xff, 4 * blocks as usize).unwrap();
        on.enqueue(Stream::default()).unwrap();
    }
    let got = memory.state();
    for (i, expected) in reference(kind, &settings, &w, &gradient).iter().enumerate() {
        let first = (0..).zip(got[i].iter().zip(expected)).find(|(_, (a, b))| a != b);
        assert_eq!(first, None, "{kind:?}, array {i}: (byte, (got, expected))");
        assert_eq!(got[i].len(), expected.len());
    }
    assert_eq!(on.telemetry().unwrap()[0].elements, LEN as u64);
}

#[test]
fn far_elements_have_the_bits_of_the_reference() {
    for machine in devices(0).iter().filter_map(Device::driver) {
        kinds().for_each(|kind| far_elements(kind, machine));
    }
}
