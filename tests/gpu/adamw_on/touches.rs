//! What a step touches, and what it costs.

use quarter::adamw::Settings;
use quarter::gpu::emulate::{Counters, Options};
use quarter::gpu::{AdamwOn, Buffer, Emulator, Stream};

use super::{Memory, emulator, random, slope};

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
