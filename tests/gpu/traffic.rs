//! What only the emulator can tell: each byte is read and written once, in whole sectors, without
//! bank conflicts; and what an element costs.

use quarter::Format;
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

/// Sectors within 2 % of those that the bytes fill; each scale may be loaded or stored alone, once
/// a run of 128 columns.
fn whole_sectors(counters: &Counters, loaded: usize, stored: usize, scales: [usize; 2]) {
    let [loads, stores] = [counters.global.load_sectors, counters.global.store_sectors];
    let close = |sectors: u64, bytes: usize, scales: usize| {
        (sectors.saturating_sub(scales as u64) as f64) < 1.02 * bytes as f64 / 32.0
    };
    assert!(close(loads, loaded, scales[0]), "{loads} sectors loaded for {loaded} bytes");
    assert!(close(stores, stored, scales[1]), "{stores} sectors stored for {stored} bytes");
}

/// Instructions of a thread per element, to two places.
fn instructions(counters: &Counters) -> f64 {
    (counters.thread_instructions as f64 / (ROWS * COLS) as f64 * 100.0).round() / 100.0
}

/// A cast of aligned rows.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    pub wide: WideType,
    pub format: Format,
    pub granularity: Granularity,
    pub given: bool,
    /// With the transposed copy.
    pub both: bool,
    pub rounding: Rounding,
}

impl Case {
    /// Checks what is read and written; instructions of an element.
    pub fn check(&self) -> f64 {
        let Self { granularity, both, .. } = *self;
        let numbers: Vec<f32> = numbers(ROWS * COLS).iter().map(|x| x.to_f32()).collect();
        let mut bench = Bench::of(self.wide, &numbers, (ROWS, COLS), COLS, 0);
        if both {
            bench = bench.transposing();
        }
        bench.cast.format = self.format;
        bench.cast.granularity = granularity;
        bench.cast.rounding = self.rounding;
        if !self.given {
            bench.cast.scale = ScaleOn::Current(Policy::default());
        }
        bench.run().unwrap();
        // The amax of a tensor, and those of rows and columns together, come first.
        let twice = match granularity {
            Granularity::Tensor => !self.given,
            Granularity::Row => both,
            _ => false,
        };
        let loads = 1 + u8::from(twice);
        all(&bench, &bench.src, loads, 0);
        all(&bench, &bench.codes, 0, 1);
        all(&bench, &bench.codes_t, 0, u8::from(both));
        let scales = granularity.scales(ROWS, COLS);
        some(&bench, &bench.scale_inv, 4 * scales);
        let scales_t = if both { granularity.scales(COLS, ROWS) } else { 0 };
        some(&bench, &bench.scale_inv_t, 4 * scales_t);
        let counters = bench.emulator.counters();
        whole_sectors(
            &counters,
            usize::from(loads) * self.wide.size() * ROWS * COLS,
            ROWS * COLS * (1 + usize::from(both)),
            [if self.given { ROWS * COLS / 128 } else { 0 }, scales + scales_t],
        );
        assert_eq!(counters.bank_conflicts, 0, "{self:?}");
        instructions(&counters)
    }
}

/// Granularity, whether its scales are given, with the transpose; instructions of an element to
/// nearest and stochastic, for bf16 and E4M3.
const CASTS: [(Granularity, bool, bool, f64, f64); 10] = [
    (Granularity::Tensor, true, false, 9.79, 25.03),
    (Granularity::Tensor, false, false, 15.25, 29.04),
    (Granularity::Row, false, false, 12.83, 27.04),
    (Granularity::Block1x128, false, false, 11.41, 25.41),
    (Granularity::Block128x128, false, false, 9.94, 24.06),
    (Granularity::Tensor, true, true, 11.48, 27.01),
    (Granularity::Tensor, false, true, 16.98, 31.1),
    (Granularity::Row, false, true, 22.77, 40.02),
    (Granularity::Block1x128, false, true, 18.28, 36.85),
    (Granularity::Block128x128, false, true, 11.7, 25.82),
];

#[test]
fn casts_touch_each_byte_once() {
    for (granularity, given, both, nearest, stochastic) in CASTS {
        for (rounding, expected) in [(Rounding::Nearest, nearest), (STOCHASTIC, stochastic)] {
            let (wide, format) = (WideType::Bf16, Format::E4m3);
            let case = Case { wide, format, granularity, given, both, rounding };
            assert_eq!(case.check(), expected, "{case:?}");
        }
    }
}

/// The same of codes back to wide numbers.
pub fn dequantize(wide: WideType, format: Format) -> f64 {
    let bench = Bench::new(&numbers(2 * ROWS * COLS), (ROWS, COLS), COLS, 0);
    let work = DequantizeOn {
        format,
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
    unsafe { work.enqueue(&*bench.driver, Stream::default()).unwrap() };
    all(&bench, &bench.codes, 1, 0);
    let size = wide.size();
    some(&bench, &bench.src, size * ROWS * COLS);
    let counters = bench.emulator.counters();
    whole_sectors(&counters, ROWS * COLS, size * ROWS * COLS, [ROWS * COLS / 512, 0]);
    instructions(&counters)
}

/// The same of the transpose.
pub fn transpose() -> f64 {
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
    unsafe { work.enqueue(&*bench.driver, Stream::default()).unwrap() };
    all(&bench, &bench.codes, 1, 0);
    all(&bench, &bench.codes_t, 0, 1);
    let counters = bench.emulator.counters();
    whole_sectors(&counters, ROWS * COLS, ROWS * COLS, [0, 0]);
    assert_eq!(counters.bank_conflicts, 0);
    instructions(&counters)
}

#[test]
fn dequantize_and_transpose_touch_each_byte_once() {
    assert_eq!(dequantize(WideType::F32, Format::E4m3), 6.16);
    assert_eq!(dequantize(WideType::Bf16, Format::E4m3), 6.66);
    assert_eq!(transpose(), 3.02);
}

/// The table holds for one type; that each byte is touched once, for all.
#[test]
fn casts_of_all_types_touch_each_byte_once() {
    use Granularity::{Block1x128, Block128x128, Row, Tensor};
    for wide in [WideType::Bf16, WideType::F16, WideType::F32] {
        for (granularity, given, both) in [
            (Tensor, true, true),
            (Tensor, false, false),
            (Row, true, false),
            (Row, false, false),
            (Row, false, true),
            (Block1x128, true, false),
            (Block1x128, false, false),
            (Block1x128, false, true),
            (Block128x128, true, false),
            (Block128x128, false, true),
        ] {
            for rounding in [Rounding::Nearest, STOCHASTIC] {
                let format = Format::E5m2;
                Case { wide, format, granularity, given, both, rounding }.check();
            }
        }
    }
}
