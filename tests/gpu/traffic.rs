//! What only the emulator can tell: each byte is read and written once, in whole sectors, without
//! bank conflicts; and what an element costs.

use quarter::gpu::ScaleOn;
use quarter::gpu::emulate::Counters;
use quarter::gpu::{Buffer, DequantizeOn, Stream, TransposeOn, WideType};
use quarter::quantize::{Granularity, Rounding};
use quarter::scaling::Policy;

use crate::raw::{Bench, STOCHASTIC, numbers};

const ROWS: usize = 512;
const COLS: usize = 1024;

/// Everything a byte of these was: read or written so many times.
fn all(bench: &Bench, buffer: &Buffer, loads: u8, stores: u8) {
    let touches = bench.touches(buffer);
    assert!(touches.loads.iter().all(|n| *n == loads), "loads: {:?}", touches.loads.iter().max());
    assert!(
        touches.stores.iter().all(|n| *n == stores),
        "stores: {:?}",
        touches.stores.iter().max()
    );
}

fn some(bench: &Bench, buffer: &Buffer, bytes: usize) {
    let stores = bench.touches(buffer).stores;
    assert!(stores[..bytes].iter().all(|n| *n == 1) && stores[bytes..].iter().all(|n| *n == 0));
}

/// Sectors within 2 % of those that the bytes fill; each scale may be stored alone.
fn whole_sectors(counters: &Counters, loaded: usize, stored: usize, scales: usize) {
    let [loads, stores] = [counters.global.load_sectors, counters.global.store_sectors];
    let stores = stores - scales.min(stores as usize) as u64;
    let close = |sectors: u64, bytes: usize| (sectors as f64) < 1.02 * bytes as f64 / 32.0;
    assert!(close(loads, loaded), "{loads} sectors loaded for {loaded} bytes");
    assert!(close(stores, stored), "{stores} sectors stored for {stored} bytes");
}

/// Instructions of a thread per element, to two places.
fn instructions(counters: &Counters) -> f64 {
    (counters.thread_instructions as f64 / (ROWS * COLS) as f64 * 100.0).round() / 100.0
}

/// Granularity, whether its scales are given, with the transpose, loads of each byte,
/// instructions of an element to nearest and stochastic, for bf16.
const CASTS: [(Granularity, bool, bool, u8, f64, f64); 10] = [
    (Granularity::Tensor, true, false, 1, 9.47, 25.53),
    (Granularity::Tensor, false, false, 2, 14.95, 29.53),
    (Granularity::Row, false, false, 1, 12.4, 27.21),
    (Granularity::Block1x128, false, false, 1, 11.16, 25.92),
    (Granularity::Block128x128, false, false, 1, 9.95, 24.82),
    (Granularity::Tensor, true, true, 1, 11.54, 27.88),
    (Granularity::Tensor, false, true, 2, 17.13, 32.0),
    (Granularity::Row, false, true, 2, 22.77, 40.77),
    (Granularity::Block1x128, false, true, 1, 18.28, 37.69),
    (Granularity::Block128x128, false, true, 1, 11.72, 26.59),
];

#[test]
fn casts_touch_each_byte_once() {
    let data = numbers(ROWS * COLS);
    for (granularity, given, both, loads, nearest, stochastic) in CASTS {
        for (rounding, expected) in [(Rounding::Nearest, nearest), (STOCHASTIC, stochastic)] {
            let mut bench = Bench::new(&data, (ROWS, COLS), COLS, 0);
            if both {
                bench = bench.transposing();
            }
            bench.cast.granularity = granularity;
            bench.cast.rounding = rounding;
            if !given {
                bench.cast.scale = ScaleOn::Current(Policy::default());
            }
            bench.run().unwrap();
            all(&bench, &bench.src, loads, 0);
            all(&bench, &bench.codes, 0, 1);
            all(&bench, &bench.codes_t, 0, u8::from(both));
            let scales = granularity.scales(ROWS, COLS);
            some(&bench, &bench.scale_inv, 4 * scales);
            let scales_t = if both { granularity.scales(COLS, ROWS) } else { 0 };
            some(&bench, &bench.scale_inv_t, 4 * scales_t);
            let counters = bench.emulator.counters();
            let elements = ROWS * COLS;
            whole_sectors(
                &counters,
                usize::from(loads) * 2 * elements,
                elements * (1 + usize::from(both)),
                scales + scales_t,
            );
            assert_eq!(counters.bank_conflicts, 0, "{granularity:?}");
            let got = instructions(&counters);
            assert_eq!(got, expected, "{granularity:?}, {given}, {both}, {rounding:?}");
        }
    }
}

#[test]
fn dequantize_and_transpose_touch_each_byte_once() {
    for (wide, expected) in [(WideType::F32, 5.85), (WideType::Bf16, 6.35)] {
        let bench = Bench::new(&numbers(2 * ROWS * COLS), (ROWS, COLS), COLS, 0);
        let work = DequantizeOn {
            format: bench.cast.format,
            codes: bench.codes.address(),
            rows: ROWS,
            cols: COLS,
            pitch: COLS,
            granularity: Granularity::Tensor,
            scale_inv: bench.scales.address(),
            wide,
            dst: bench.src.address(),
            dst_pitch: COLS,
        };
        // SAFETY: the arrays are as large as this.
        unsafe { work.enqueue(&*bench.emulator, Stream::default()).unwrap() };
        all(&bench, &bench.codes, 1, 0);
        let size = wide.size();
        some(&bench, &bench.src, size * ROWS * COLS);
        let counters = bench.emulator.counters();
        whole_sectors(&counters, ROWS * COLS, size * ROWS * COLS, 0);
        assert_eq!(instructions(&counters), expected, "{wide:?}");
    }
    let bench = Bench::new(&numbers(1), (ROWS, COLS), COLS, 0);
    let work = TransposeOn {
        codes: bench.codes.address(),
        rows: ROWS,
        cols: COLS,
        pitch: COLS,
        granularity: Granularity::Tensor,
        scale_inv: 0,
        codes_t: bench.codes_t.address(),
        pitch_t: ROWS,
        scale_inv_t: 0,
    };
    // SAFETY: the arrays are as large as this.
    unsafe { work.enqueue(&*bench.emulator, Stream::default()).unwrap() };
    all(&bench, &bench.codes, 1, 0);
    all(&bench, &bench.codes_t, 0, 1);
    let counters = bench.emulator.counters();
    whole_sectors(&counters, ROWS * COLS, ROWS * COLS, 0);
    assert_eq!(counters.bank_conflicts, 0);
    assert_eq!(instructions(&counters), 3.02);
}
