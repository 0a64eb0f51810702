//! The optimizer in addresses of the device: what it touches, shards, odd places, large norms, and
//! what is refused.

use std::sync::Arc;

use half::bf16;
use quarter::Error;
use quarter::adamw::{
    self, Clock, DecayRate, Gradient, Member, Moments, Optimizer, Rounding, SecondForm, Settings,
    StepConstants, Weights, norm, update_clip::UpdateRms,
};
use quarter::gpu::emulate::{Counters, Options};
use quarter::gpu::{
    AdamwControl, AdamwOn, AdamwTensorOn, Buffer, Driver, Emulator, GradientOn, Launch, MomentsOn,
    Stream, Substitute, Text, WeightsOn,
};

use crate::adamw::{Slope, Store, gradient, normal};
use crate::devices::driver;
use crate::values::Draws;

fn bytes(x: &[bf16]) -> Vec<u8> {
    x.iter().flat_map(|x| x.to_le_bytes()).collect()
}

fn halves(bytes: &[u8]) -> Vec<bf16> {
    bytes.chunks_exact(2).map(|b| bf16::from_le_bytes([b[0], b[1]])).collect()
}

/// Of which kind the tensors are.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    pub store: Store,
    pub form: Option<SecondForm>,
    pub narrow_gradient: bool,
}

/// bf16 weights and gradients, v as its root.
pub const USUAL: Kind =
    Kind { store: Store::Stochastic, form: Some(SecondForm::Sqrt), narrow_gradient: true };

/// Weights, gradient and moments of one shard, each `offset` elements into its allocation.
struct Memory {
    kind: Kind,
    weights: Buffer,
    other: Buffer,
    gradient: Buffer,
    m: Buffer,
    v: Buffer,
    m_scales: Buffer,
    v_scales: Buffer,
    /// Elements before the first, of weights, their other part, gradient, m and v.
    offsets: [usize; 5],
    len: usize,
}

fn words(x: &[f32]) -> Vec<u8> {
    x.iter().flat_map(|x| x.to_le_bytes()).collect()
}

impl Memory {
    fn new(driver: &Arc<dyn Driver>, weights: &[bf16]) -> Self {
        Self::of(driver, USUAL, weights, [0; 5])
    }

    fn of(driver: &Arc<dyn Driver>, kind: Kind, weights: &[bf16], offsets: [usize; 5]) -> Self {
        let len = weights.len();
        let behind = |offset: usize| [vec![bf16::ZERO; offset], weights.to_vec()].concat();
        let wide: Vec<f32> = behind(offsets[0]).iter().map(|x| x.to_f32()).collect();
        let narrow = bytes(&behind(offsets[0]));
        let (weights, other) = match kind.store {
            Store::F32 => (words(&wide), Vec::new()),
            Store::Nearest | Store::Stochastic => (narrow, Vec::new()),
            Store::Split => (narrow, vec![0; 2 * (offsets[1] + len)]),
            Store::Master => (words(&wide), bytes(&behind(offsets[1]))),
        };
        let smallest = f32::MIN_POSITIVE.to_le_bytes().repeat(len.div_ceil(128));
        let moment = if kind.form.is_some() { 1 } else { 4 };
        let size = if kind.narrow_gradient { 2 } else { 4 };
        Self {
            kind,
            weights: Buffer::from_bytes(driver, &weights).unwrap(),
            other: Buffer::from_bytes(driver, &other).unwrap(),
            gradient: Buffer::zeroed(driver, size * (offsets[2] + len)).unwrap(),
            m: Buffer::zeroed(driver, moment * (offsets[3] + len)).unwrap(),
            v: Buffer::zeroed(driver, moment * (offsets[4] + len)).unwrap(),
            m_scales: Buffer::from_bytes(driver, &smallest).unwrap(),
            v_scales: Buffer::from_bytes(driver, &smallest).unwrap(),
            offsets,
            len,
        }
    }

    /// The arrays of [`offsets`](Self::offsets).
    fn arrays(&self) -> [&Buffer; 5] {
        [&self.weights, &self.other, &self.gradient, &self.m, &self.v]
    }

    /// The address of the first element.
    fn at(&self, buffer: &Buffer) -> u64 {
        let array = self.arrays().iter().position(|array| std::ptr::eq(*array, buffer)).unwrap();
        let size = buffer.len() / (self.offsets[array] + self.len).max(1);
        buffer.address() + (size * self.offsets[array]) as u64
    }

    fn on(&self, first: u64, whole_len: u64, tensor: u32) -> AdamwTensorOn {
        let (weights, other) = (self.at(&self.weights), self.at(&self.other));
        let rounding = match self.kind.store {
            Store::Stochastic => Rounding::Stochastic,
            _ => Rounding::Nearest,
        };
        let gradient = self.at(&self.gradient);
        let (m, v) = (self.at(&self.m), self.at(&self.v));
        AdamwTensorOn {
            weights: match self.kind.store {
                Store::F32 => WeightsOn::F32(weights),
                Store::Nearest | Store::Stochastic => WeightsOn::Bf16 { weights, rounding },
                Store::Split => WeightsOn::Split { weights, rest: other },
                Store::Master => WeightsOn::Master { master: weights, weights: other },
            },
            gradient: match self.kind.narrow_gradient {
                true => GradientOn::Bf16(gradient),
                false => GradientOn::F32(gradient),
            },
            moments: match self.kind.form {
                None => MomentsOn::Full { m, v },
                Some(form) => MomentsOn::Fp8 {
                    form,
                    m,
                    v,
                    m_scales: self.m_scales.address(),
                    v_scales: self.v_scales.address(),
                },
            },
            len: self.len as u64,
            first,
            whole_len,
            group: 0,
            tensor,
        }
    }

    fn set_gradient(&self, driver: &Arc<dyn Driver>, gradient: &[bf16]) {
        let wide: Vec<f32> = gradient.iter().map(|g| g.to_f32()).collect();
        let bytes = if self.kind.narrow_gradient { bytes(gradient) } else { words(&wide) };
        // SAFETY: as long as the allocation behind the offset.
        unsafe { driver.write(Stream::default(), self.at(&self.gradient), &bytes).unwrap() };
    }

    /// bf16 weights, or the bf16 part.
    fn weights(&self) -> Vec<bf16> {
        // SAFETY: written when it was made.
        halves(&unsafe { self.weights.to_bytes().unwrap() })
    }

    /// Codes of m and v.
    fn codes(&self) -> [Vec<u8>; 2] {
        // SAFETY: zeroed when they were made.
        [&self.m, &self.v].map(|b| unsafe { b.to_bytes().unwrap() })
    }

    /// All that a step may change, behind the offset.
    fn state(&self) -> [Vec<u8>; 6] {
        let behind = |buffer: &Buffer| {
            // SAFETY: written when they were made.
            let bytes = unsafe { buffer.to_bytes().unwrap() };
            bytes[(self.at(buffer) - buffer.address()) as usize..].to_vec()
        };
        // SAFETY: as above.
        let all = |buffer: &Buffer| unsafe { buffer.to_bytes().unwrap() };
        [
            behind(&self.weights),
            behind(&self.other),
            behind(&self.m),
            behind(&self.v),
            all(&self.m_scales),
            all(&self.v_scales),
        ]
    }
}

fn random(seed: u64, len: usize) -> Vec<bf16> {
    let mut draws = Draws(seed);
    (0..len).map(|_| bf16::from_f64(0.02 * normal(&mut draws))).collect()
}

fn slope(seed: u64, len: usize) -> Vec<bf16> {
    gradient(Slope::SparseHeavyTail, seed, len).into_iter().map(bf16::from_f32).collect()
}

fn emulator(options: Options) -> (Arc<Emulator>, Arc<dyn Driver>) {
    let emulator = Arc::new(Emulator::new(options));
    let driver = driver(&emulator);
    (emulator, driver)
}

/// What the launches of `work` cost.
fn cost(emulator: &Emulator, work: impl FnOnce()) -> Counters {
    emulator.counters();
    work();
    emulator.counters()
}

/// Checks that every byte is touched once in each part of a step of the usual kind; instructions a
/// parameter of each.
pub fn touches() -> [f64; 3] {
    const LEN: usize = 1 << 18;
    let (emulator, driver) = emulator(Options { count_touches: true, ..Options::default() });
    let memory = Memory::new(&driver, &random(1, LEN));
    memory.set_gradient(&driver, &slope(2, LEN));
    let tensor = memory.on(0, LEN as u64, 0);
    let settings = Settings { update_limit: Some(1.0), ..Settings::default() };
    let on = AdamwOn::new(&driver, &[tensor], settings).unwrap();
    let loads = |buffer: &Buffer| emulator.touches(buffer.address()).unwrap().loads;
    let stores = |buffer: &Buffer| emulator.touches(buffer.address()).unwrap().stores;
    let all = |touches: Vec<u8>, n: u8| assert!(touches.iter().all(|t| *t == n), "{n}");
    let stream = Stream::default();

    // SAFETY: the memory is as large as this, and alive; so in all below.
    let norm = cost(&emulator, || unsafe { on.enqueue_norm_partials(stream).unwrap() });
    all(loads(&memory.gradient), 1);
    on.enqueue_decision(stream).unwrap();
    // SAFETY: as above.
    let update = cost(&emulator, || unsafe { on.enqueue_update_partials(stream).unwrap() });
    all(loads(&memory.gradient), 2);
    all(loads(&memory.v), 1);
    all(loads(&memory.v_scales), 1);
    all(loads(&memory.m), 0);
    all(loads(&memory.weights), 0);
    on.enqueue_update_rates(stream).unwrap();
    // SAFETY: as above.
    let step = cost(&emulator, || unsafe { on.enqueue_weights(stream).unwrap() });
    all(loads(&memory.gradient), 3);
    for buffer in [&memory.weights, &memory.m, &memory.m_scales] {
        all(loads(buffer), 1);
        all(stores(buffer), 1);
    }
    for buffer in [&memory.v, &memory.v_scales] {
        all(loads(buffer), 2);
        all(stores(buffer), 1);
    }
    assert_eq!(on.control().unwrap().clock.t, 1);

    let of = |n: u64| n as f64 / LEN as f64;
    // Sectors: those of the bytes, and one for each access to the scales, or sums, of two blocks.
    let sectors = |counters: &Counters| {
        32.0 * of(counters.global.load_sectors + counters.global.store_sectors)
    };
    let pair = 32.0 / 256.0;
    // Tables and constants, which caches hold: a warp loads up to twenty numbers a chunk.
    let tables = 20.0 * 8.0 * 32.0 / 32768.0;
    for (what, counters, bytes) in [
        ("norm", &norm, 2.0 + pair),
        ("update", &update, 3.0 + 2.0 * pair),
        ("step", &step, 10.0 + 4.0 * pair),
    ] {
        let got = sectors(counters);
        assert!(got < 1.02 * bytes + tables, "{what}: {got} bytes of sectors, {bytes} are needed");
    }
    [&norm, &update, &step].map(|c| of(c.thread_instructions))
}

/// PTX instructions a parameter: norm, update clipping, step.
const INSTRUCTIONS: [f64; 3] = [6.9, 19.5, 94.9];

#[test]
fn a_step_touches_each_byte_once() {
    assert_eq!(touches().map(|n| (n * 10.0).round() / 10.0), INSTRUCTIONS);
}

/// The tensors of the test of shards: their lengths, and where each is cut.
const SHARDED: [(usize, &[usize]); 4] =
    [(1, &[]), (1000, &[128, 896]), (150_000, &[128, 131_072, 131_200]), (257, &[256])];

/// Shards on ranks of their own, whose sums are gathered: the same bits as the whole.
#[test]
pub fn shards_change_no_bit() {
    for form in [SecondForm::Sqrt, SecondForm::Linear] {
        let settings =
            Settings { update_limit: Some(0.5), max_norm: Some(1e-2), ..Settings::default() };
        let (_, driver) = emulator(Options::default());
        let whole: Vec<Vec<bf16>> = (0..).zip(SHARDED).map(|(i, (n, _))| random(i, n)).collect();
        // Rank r has shard r of each tensor, if there is one.
        let ranks = SHARDED.iter().map(|(_, cuts)| cuts.len() + 1).max().unwrap();
        let place = |rank: usize, i: usize| {
            let (len, cuts) = SHARDED[i];
            let ends: Vec<usize> =
                [0].into_iter().chain(cuts.iter().copied()).chain([len]).collect();
            match ends.get(rank + 1) {
                Some(end) => ends[rank]..*end,
                None => len.next_multiple_of(128).min(len)..len,
            }
        };
        let memory: Vec<Vec<Memory>> = (0..ranks)
            .map(|rank| {
                let kind = Kind { form: Some(form), ..USUAL };
                let of = |(i, w): (usize, &Vec<bf16>)| {
                    Memory::of(&driver, kind, &w[place(rank, i)], [0; 5])
                };
                whole.iter().enumerate().map(of).collect()
            })
            .collect();
        let ranked: Vec<AdamwOn> = (0..ranks)
            .map(|rank| {
                let on = |(i, memory): (usize, &Memory)| {
                    let first = if memory.len == 0 { 0 } else { place(rank, i).start as u64 };
                    memory.on(first, SHARDED[i].0 as u64, i as u32)
                };
                let tensors: Vec<_> = memory[rank].iter().enumerate().map(on).collect();
                AdamwOn::new(&driver, &tensors, settings.clone()).unwrap()
            })
            .collect();
        let gather = || {
            for (i, (len, _)) in SHARDED.into_iter().enumerate() {
                for (owner, from) in ranked.iter().enumerate() {
                    let (start, blocks) = from.partials(i).unwrap();
                    assert_eq!(blocks as usize, len.div_ceil(128));
                    let own = place(owner, i);
                    let (at, end) = (own.start as u64 / 128 * 4, own.end.div_ceil(128) as u64 * 4);
                    let mut sums = vec![0; (end.saturating_sub(at)) as usize];
                    if own.is_empty() {
                        continue;
                    }
                    // SAFETY: within the partials of the tensor, which are zeroed or written.
                    unsafe { driver.read(Stream::default(), start + at, &mut sums).unwrap() };
                    for to in &ranked {
                        let (start, _) = to.partials(i).unwrap();
                        // SAFETY: as above.
                        unsafe { driver.write(Stream::default(), start + at, &sums).unwrap() };
                    }
                }
            }
        };
        let mut optimizer = Optimizer::new(settings.clone()).unwrap();
        for (i, (len, _)) in SHARDED.into_iter().enumerate() {
            let state = Moments::new(form, len).unwrap().into();
            optimizer.add(Member { state, group: 0, tensor: i as u32 }).unwrap();
        }
        let mut expected = whole.clone();
        for step in 0..4 {
            let slopes: Vec<Vec<bf16>> =
                (0..).zip(SHARDED).map(|(i, (n, _))| slope(100 * step + i, n)).collect();
            for (rank, memory) in memory.iter().enumerate() {
                for (i, memory) in memory.iter().enumerate() {
                    memory.set_gradient(&driver, &slopes[i][place(rank, i)]);
                }
            }
            let stream = Stream::default();
            // SAFETY: the memory of each rank is as large as it says, and alive.
            unsafe {
                ranked.iter().for_each(|on| on.enqueue_norm_partials(stream).unwrap());
                gather();
                ranked.iter().for_each(|on| on.enqueue_decision(stream).unwrap());
                ranked.iter().for_each(|on| on.enqueue_update_partials(stream).unwrap());
                gather();
                ranked.iter().for_each(|on| on.enqueue_update_rates(stream).unwrap());
                ranked.iter().for_each(|on| on.enqueue_weights(stream).unwrap());
            }
            let views = expected.iter_mut().zip(&slopes).map(|(weights, slope)| {
                let rounding = Rounding::Stochastic;
                (Weights::Bf16 { weights, rounding }, Gradient::Bf16(slope))
            });
            let told = optimizer.step(&mut views.collect::<Vec<_>>()).unwrap();
            for on in &ranked {
                let control = on.control().unwrap();
                assert_eq!(control.norm.to_bits(), told.norm.to_bits());
                assert_eq!(control.clock, optimizer.clock());
            }
        }
        for (i, weights) in expected.iter().enumerate() {
            let joined = memory.iter().flat_map(|rank| rank[i].weights());
            assert_eq!(joined.collect::<Vec<_>>(), *weights, "{form:?}, tensor {i}");
            let adamw::StoredMoments::Fp8(moments) = &optimizer.members()[i].state else {
                panic!("FP8 moments were asked for")
            };
            let codes = |k: usize| memory.iter().flat_map(move |rank| rank[i].codes()[k].clone());
            assert_eq!(codes(0).collect::<Vec<_>>(), moments.m().0);
            assert_eq!(codes(1).collect::<Vec<_>>(), moments.v().0);
        }
    }
}

/// Weights, gradients and moments anywhere: the same bits as from the start of an allocation.
/// Nothing outside is touched, or the emulator, whose allocations end with the tensors, would say so.
pub fn from_anywhere(kind: Kind) {
    let len = 1021;
    let step = |offsets: [usize; 5]| {
        let (emulator, driver) = emulator(Options { count_touches: true, ..Options::default() });
        let memory = Memory::of(&driver, kind, &random(3, len), offsets);
        let tensor = memory.on(0, len as u64, 7);
        let settings = Settings { update_limit: Some(1.0), ..Settings::default() };
        let on = AdamwOn::new(&driver, &[tensor], settings).unwrap();
        for step in 0..2 {
            memory.set_gradient(&driver, &slope(step, len));
            // SAFETY: the memory is as large as this, and alive.
            unsafe { on.enqueue(Stream::default()).unwrap() };
        }
        for buffer in memory.arrays() {
            let touches = emulator.touches(buffer.address()).unwrap();
            let before = (memory.at(buffer) - buffer.address()) as usize;
            let untouched = |touches: &[u8]| touches[..before].iter().all(|n| *n == 0);
            assert!(untouched(&touches.loads) && untouched(&touches.stores));
        }
        (memory.state(), on.telemetry().unwrap())
    };
    let expected = step([0; 5]);
    for offset in [1, 2, 3, 4, 5] {
        assert_eq!(step([offset; 5]), expected, "{kind:?}, {offset}");
    }
    for array in 0..5 {
        for offset in [1, 2, 3] {
            let mut offsets = [0; 5];
            offsets[array] = offset;
            assert_eq!(step(offsets), expected, "{kind:?}, {offsets:?}");
        }
    }
}

#[test]
fn a_tensor_may_begin_anywhere() {
    kinds().for_each(from_anywhere);
}

/// All kinds of tensors.
fn kinds() -> impl Iterator<Item = Kind> {
    let stores = [Store::F32, Store::Nearest, Store::Stochastic, Store::Split, Store::Master];
    let forms = [None, Some(SecondForm::Linear), Some(SecondForm::Sqrt)];
    let all = stores.into_iter().flat_map(move |store| forms.map(|form| (store, form)));
    all.flat_map(|(store, form)| {
        [false, true].map(|narrow_gradient| Kind { store, form, narrow_gradient })
    })
}

/// Blocks whose moments are damaged keep every bit, and are counted; the others do not notice.
pub fn damaged_blocks_keep_every_bit(kind: Kind) {
    let len = 128 * 9 + 77;
    let mut damaged = vec![0, 3, 4, 5, 9];
    damaged.extend((kind.form == Some(SecondForm::Linear)).then_some(6));
    // A code of FP8 moments, and what stands for it in f32.
    let step = |damage: &[(usize, bool, u8, f32)], scales: &[(usize, bool, f32)]| {
        let (_, driver) = emulator(Options::default());
        let memory = Memory::of(&driver, kind, &random(3, len), [0; 5]);
        let on =
            AdamwOn::new(&driver, &[memory.on(0, len as u64, 7)], Settings::default()).unwrap();
        let go = |i: u64| {
            // Nothing is lost but where there will be damage.
            let mut draws = Draws(i);
            let gradient = slope(i, len).into_iter().enumerate().map(|(at, tail)| {
                let tame = bf16::from_f64(0.01 + 0.001 * normal(&mut draws));
                if damaged.contains(&(at / 128)) { tail } else { tame }
            });
            memory.set_gradient(&driver, &gradient.collect::<Vec<_>>());
            // SAFETY: the memory is as large as this, and alive.
            unsafe { on.enqueue(Stream::default()).unwrap() };
        };
        go(1);
        let put = |at: u64, bytes: &[u8]| {
            // SAFETY: within the codes and scales.
            unsafe { driver.write(Stream::default(), at, bytes).unwrap() };
        };
        for (element, of_v, code, number) in damage {
            let (to, element) =
                (if *of_v { &memory.v } else { &memory.m }.address(), *element as u64);
            match kind.form {
                Some(_) => put(to + element, &[*code]),
                None => put(to + 4 * element, &number.to_le_bytes()),
            }
        }
        for (block, of_v, scale) in scales {
            let (scales, moments) = match of_v {
                true => (&memory.v_scales, &memory.v),
                false => (&memory.m_scales, &memory.m),
            };
            match kind.form {
                Some(_) => put(scales.address() + 4 * *block as u64, &scale.to_le_bytes()),
                None => put(moments.address() + 4 * 128 * *block as u64, &scale.to_le_bytes()),
            }
        }
        let before = memory.state();
        on.clear_telemetry(Stream::default()).unwrap();
        go(2);
        (before, memory.state(), on.telemetry().unwrap()[0])
    };
    let (_, expected, whole) = step(&[], &[]);
    assert_eq!((whole.elements, whole.non_finite), (len as u64, 0));
    // In the first and the second block of a pair, in full pairs and in the last, short one.
    let mut codes = vec![
        (0, false, 0x7f, f32::NAN),
        (128 * 3 + 127, true, 0x7f, f32::NAN),
        (128 * 9 + 76, false, 0xff, f32::NEG_INFINITY),
    ];
    if kind.form == Some(SecondForm::Linear) {
        codes.push((128 * 6 + 5, true, 0xfe, -1.0));
    }
    let (before, after, told) = step(&codes, &[(4, false, f32::INFINITY), (5, true, f32::NAN)]);
    for (i, ((before, after), expected)) in before.iter().zip(&after).zip(&expected).enumerate() {
        let unit = if i < 4 { expected.len() / len } else { 0 };
        for block in 0..10 {
            let range = match i {
                0..4 => 128 * block * unit..(128 * (block + 1)).min(len) * unit,
                _ => 4 * block..4 * block + 4,
            };
            let from = if damaged.contains(&block) { before } else { expected };
            assert_eq!(after[range.clone()], from[range], "{kind:?}, array {i}, block {block}");
        }
    }
    let lost: u64 = damaged.iter().map(|block| if *block == 9 { 77 } else { 128 }).sum();
    assert_eq!((told.elements, told.non_finite), (len as u64 - lost, damaged.len() as u64));
    assert!(kind.form.is_none() || whole.flushed > 0 && whole.floored > 0);
    assert_eq!((told.flushed, told.floored), (0, 0), "{kind:?}");
}

/// Nothing reaches 464 scales; so the count is seen with a limit that each block's largest reaches.
#[test]
fn what_is_saturated_is_counted() {
    let shipped = Text::find("adamw").unwrap();
    let lower = shipped.ptx.replace("0f43E80000", "0f43D00000");
    let lower: &'static str = Box::leak(lower.into_boxed_str());
    let lower = &*Box::leak(Box::new(Text { ptx: lower, ..*shipped }));
    let emulator: Arc<dyn Driver> = Arc::new(Emulator::new(Options::default()));
    let choose = move |launch: &Launch| match launch.entry.starts_with("adamw") {
        true => lower,
        false => launch.text,
    };
    // SAFETY: the same entry but for a number that is compared.
    let driver: Arc<dyn Driver> = Arc::new(unsafe { Substitute::new(emulator, choose) });
    let len = 128 * 600 + 1;
    let memory = Memory::new(&driver, &random(8, len));
    memory.set_gradient(
        &driver,
        &gradient(Slope::Normal, 3, len).into_iter().map(bf16::from_f32).collect::<Vec<_>>(),
    );
    let on = AdamwOn::new(&driver, &[memory.on(0, len as u64, 0)], Settings::default()).unwrap();
    // SAFETY: the memory is as large as this, and alive.
    unsafe { on.enqueue(Stream::default()).unwrap() };
    let told = on.telemetry().unwrap()[0];
    assert_eq!((told.saturated, told.elements), (2 * 601, len as u64));
}

#[test]
fn damage_stays_in_its_block() {
    kinds().for_each(damaged_blocks_keep_every_bit);
}

/// Sums of so many blocks that every level of the tree is needed, without the gradients.
#[test]
pub fn norms_of_large_tensors() {
    let (_, driver) = emulator(Options::default());
    let nothing = Memory::new(&driver, &[]);
    for blocks in [1, 2, 31, 32, 33, 1023, 1024, 1025, 32 * 1024 + 1, 33 * 1024, 1_050_000] {
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
        on.enqueue_decision(Stream::default()).unwrap();
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
        on.enqueue_update_rates(Stream::default()).unwrap();
        let shrink = |sums: &[f32], len| UpdateRms::combine(sums, len).shrink(0.5).unwrap();
        let shrinks = [shrink(&sums[..blocks], whole_len), 1.0, shrink(&sums[blocks..], 100)];
        assert_eq!(on.rates().unwrap(), shrinks.map(rates), "{blocks}");
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

/// A skipped step changes no bit, and counts as skipped; the clock goes on where it was.
#[test]
pub fn a_skipped_step_changes_no_bit() {
    let (_, driver) = emulator(Options::default());
    let len = 300;
    let weights = random(8, len);
    let memory = Memory::new(&driver, &weights);
    let tensor = memory.on(0, len as u64, 0);
    let settings = Settings { update_limit: Some(1.0), ..Settings::default() };
    let on = AdamwOn::new(&driver, &[tensor], settings).unwrap();
    let clock = Clock { t: 41, beta1_pow: 0.013, beta2_pow: 0.12 };
    on.set_clock(Stream::default(), clock).unwrap();
    let mut bad = slope(9, len);
    for value in [f32::INFINITY, f32::NAN, 3e38] {
        bad[137] = bf16::from_f32(value);
        memory.set_gradient(&driver, &bad);
        // SAFETY: the memory is as large as this, and alive.
        unsafe { on.enqueue(Stream::default()).unwrap() };
    }
    let control = on.control().unwrap();
    assert_eq!((control.clock, control.skipped, control.skip), (clock, 3, true));
    assert_eq!(memory.weights(), weights);
    assert!(memory.codes().iter().flatten().all(|code| *code == 0));
    memory.set_gradient(&driver, &slope(9, len));
    // SAFETY: as above.
    unsafe { on.enqueue(Stream::default()).unwrap() };
    let control = on.control().unwrap();
    assert_eq!((control.clock.t, control.skipped, control.skip), (42, 3, false));
    assert_ne!(memory.weights(), weights);
}

/// What steps that `go` runs leave of a tensor, and where the optimizer is then.
#[allow(dead_code, reason = "for graph.rs")]
pub fn after(driver: &Arc<dyn Driver>, go: impl FnOnce(&AdamwOn)) -> ([Vec<u8>; 6], AdamwControl) {
    let len = 70_000;
    let memory = Memory::new(driver, &random(8, len));
    memory.set_gradient(driver, &slope(9, len));
    let settings = Settings { update_limit: Some(1.0), ..Settings::default() };
    let on = AdamwOn::new(driver, &[memory.on(0, len as u64, 0)], settings).unwrap();
    go(&on);
    (memory.state(), on.control().unwrap())
}

#[test]
fn refused_before_anything_is_allocated() {
    let (_, driver) = emulator(Options::default());
    let memory = Memory::new(&driver, &random(8, 300));
    let plain = memory.on(0, 300, 0);
    let refused = |change: fn(&mut AdamwTensorOn, &mut Settings)| {
        let (mut tensor, mut settings) = (plain, Settings::default());
        change(&mut tensor, &mut settings);
        match AdamwOn::new(&driver, &[tensor], settings) {
            Err(Error::Parameter { what, got, allowed }) => format!("{what} is {got}; {allowed}"),
            Err(error) => panic!("{error}"),
            Ok(_) => panic!("not refused"),
        }
    };
    let messages = [
        refused(|t, _| t.first = 64),
        refused(|t, _| t.whole_len = 299),
        refused(|t, _| t.whole_len = 1000),
        refused(|t, _| t.whole_len = 1 << 41),
        refused(|t, _| t.group = 1),
        refused(|t, _| t.gradient = GradientOn::Bf16(0)),
        refused(|t, _| t.gradient = GradientOn::F32(2)),
        refused(|t, _| t.weights = WeightsOn::F32(0)),
        refused(|_, s| s.groups.clear()),
        refused(|_, s| s.beta1 = 1.0),
        refused(|_, s| s.schedule = vec![1.0, -1.0]),
        refused(|_, s| s.groups[0].lr = 1e38),
        refused(|_, s| s.eps = 1e-45),
        refused(|_, s| s.max_norm = Some(0.0)),
        refused(|_, s| s.update_limit = Some(f64::NAN)),
        refused(|_, s| s.inverse_loss_scale = 1e-60),
    ];
    let expected = [
        "first is 64; it is a multiple of 128",
        "len is 300; the shard ends with the tensor or before it",
        "len is 300; a shard ends at a multiple of 128, or with the tensor",
        "whole_len is 2199023255552; at most 2^40",
        "group is 1; it is below the number of groups",
        "gradient is 0x0; an address on the device is needed",
        "gradient is 0x2; multiples of 4 are allowed",
        "weights is 0x0; an address",
        "groups is 0; there is one at least",
        "beta1 is 1; it lies in",
        "schedule is -1; its entries are finite and not negative",
        "lr / (1 - beta1) is 1",
        "eps sqrt(1 - beta2) is ",
        "max_norm is 0; it is positive",
        "update_limit is NaN; it is positive",
        "inverse_loss_scale is 0.0",
    ];
    for (message, expected) in messages.iter().zip(expected) {
        assert!(message.starts_with(expected), "{message}");
    }
}
