//! What a step touches, and what it costs.

use quarter::adamw::Settings;
use quarter::gpu::emulate::{Counters, Options};
use quarter::gpu::{AdamwOn, Buffer, Emulator, Stream};

use super::{Kind, Memory, USUAL, emulator, kinds, random, slope};
use crate::adamw::Store;

/// What the launches of `work` cost.
fn cost(emulator: &Emulator, work: impl FnOnce()) -> Counters {
    emulator.counters();
    work();
    emulator.counters()
}

/// Checks that every byte is touched once in each part of a step; instructions a parameter of each.
pub fn touches(kind: Kind) -> [f64; 3] {
    const LEN: usize = 1 << 18;
    let (emulator, driver) = emulator(Options { count_touches: true, ..Options::default() });
    let memory = Memory::of(&driver, kind, &random(1, LEN), [0; 5]);
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
    // SAFETY: as above.
    unsafe { on.enqueue_decision(stream).unwrap() };
    // SAFETY: as above.
    let update = cost(&emulator, || unsafe { on.enqueue_update_partials(stream).unwrap() });
    all(loads(&memory.gradient), 2);
    all(loads(&memory.v), 1);
    all(loads(&memory.m), 0);
    all(loads(&memory.weights), 0);
    // SAFETY: as above.
    unsafe { on.enqueue_update_rates(stream).unwrap() };
    // SAFETY: as above.
    let step = cost(&emulator, || unsafe { on.enqueue_weights(stream).unwrap() });
    all(loads(&memory.gradient), 3);
    for buffer in [&memory.weights, &memory.m] {
        all(loads(buffer), 1);
        all(stores(buffer), 1);
    }
    all(loads(&memory.v), 2);
    all(stores(&memory.v), 1);
    if kind.form.is_some() {
        all(loads(&memory.m_scales), 1);
        all(stores(&memory.m_scales), 1);
        all(loads(&memory.v_scales), 2);
        all(stores(&memory.v_scales), 1);
    }
    if !memory.other.is_empty() {
        // A copy is written only.
        let split = matches!(kind.store, Store::Split);
        all(loads(&memory.other), u8::from(split));
        all(stores(&memory.other), 1);
    }
    assert_eq!(on.control().unwrap().clock.t, 1);

    let of = |n: u64| n as f64 / LEN as f64;
    // Sectors: those of the bytes, and one for each access to the scales, or sums, of two blocks.
    let sectors = |counters: &Counters| {
        32.0 * of(counters.global.load_sectors + counters.global.store_sectors)
    };
    let pair = 32.0 / 256.0;
    let scales = if kind.form.is_some() { pair } else { 0.0 };
    // Tables and constants, which caches hold: eight warps load so many numbers of them a chunk.
    let tables = |numbers: f64| numbers * 8.0 * 32.0 / 32768.0;
    let size = |buffer: &Buffer| (buffer.len() / LEN) as f64;
    let (gradient, v) = (size(&memory.gradient), size(&memory.v));
    let weights = match kind.store {
        Store::Master => 2.0 * size(&memory.weights) + size(&memory.other),
        _ => 2.0 * (size(&memory.weights) + size(&memory.other)),
    };
    let step_bytes = gradient + 4.0 * v + weights;
    if matches!((kind.store, kind.form), (Store::Stochastic | Store::Nearest, Some(_))) {
        assert_eq!(step_bytes, if kind.narrow_gradient { 10.0 } else { 12.0 });
    }
    for (what, counters, bytes, numbers) in [
        ("norm", &norm, gradient + pair, 5.0),
        ("update", &update, gradient + v + pair + scales, 13.0),
        ("step", &step, step_bytes + 4.0 * scales, 20.0),
    ] {
        let got = sectors(counters);
        assert!(
            got <= bytes + tables(numbers),
            "{kind:?}, {what}: {got} bytes of sectors, {bytes} are needed"
        );
    }
    [&norm, &update, &step].map(|c| of(c.thread_instructions))
}

/// PTX instructions a parameter: norm, update clipping, step.
const INSTRUCTIONS: [f64; 3] = [6.9, 19.5, 94.9];

#[test]
fn a_step_touches_each_byte_once() {
    assert_eq!(touches(USUAL).map(|n| (n * 10.0).round() / 10.0), INSTRUCTIONS);
}

#[test]
fn a_step_of_any_kind_touches_each_byte_once() {
    for kind in kinds() {
        touches(kind);
    }
}
