//! The raw layer: a matrix anywhere in memory, what is not wanted, and what is refused.

use std::sync::Arc;

use half::{bf16, f16};
use quarter::gpu::emulate::{Options, Touches};
use quarter::gpu::{
    Buffer, CastStatsOn, Driver, Emulator, QuantizeOn, ScaleOn, Stream, TransposedOn, WideType,
};
use quarter::quantize::{Granularity, Matrix, Quantizer, Rounding, Scale, Words};
use quarter::random::Source;
use quarter::scaling::Policy;
use quarter::{Error, Format};

use crate::devices::driver;
use crate::traffic::Case;

/// A cast of `rows` x `cols` in the emulator, and all its memory.
pub struct Bench {
    pub emulator: Arc<Emulator>,
    pub driver: Arc<dyn Driver>,
    pub src: Buffer,
    pub codes: Buffer,
    pub codes_t: Buffer,
    pub scale_inv: Buffer,
    pub scale_inv_t: Buffer,
    pub scales: Buffer,
    pub stats: Buffer,
    _workspace: Buffer,
    pub cast: QuantizeOn,
}

impl Bench {
    /// bf16 at a pitch, `offset` elements into their allocation.
    pub fn new(data: &[bf16], sides: (usize, usize), pitch: usize, offset: usize) -> Self {
        let wide: Vec<f32> = data.iter().map(|x| x.to_f32()).collect();
        Self::of(WideType::Bf16, &wide, sides, pitch, offset)
    }

    /// The same of any type that has these numbers.
    pub fn of(
        wide: WideType,
        data: &[f32],
        (rows, cols): (usize, usize),
        pitch: usize,
        offset: usize,
    ) -> Self {
        let emulator =
            Arc::new(Emulator::new(Options { count_touches: true, ..Options::default() }));
        let driver = driver(&emulator);
        let bytes: Vec<u8> = match wide {
            WideType::F32 => data.iter().flat_map(|x| x.to_le_bytes()).collect(),
            WideType::Bf16 => data.iter().flat_map(|x| bf16::from_f32(*x).to_le_bytes()).collect(),
            WideType::F16 => data.iter().flat_map(|x| f16::from_f32(*x).to_le_bytes()).collect(),
        };
        let [pitch_c, pitch_t] = [cols, rows].map(|n: usize| n.next_multiple_of(16));
        let src = Buffer::from_bytes(&driver, &bytes).unwrap();
        let codes = Buffer::zeroed(&driver, rows * pitch_c).unwrap();
        let codes_t = Buffer::zeroed(&driver, cols * pitch_t).unwrap();
        let [scale_inv, scale_inv_t] =
            [0; 2].map(|_| Buffer::zeroed(&driver, 4 * rows.max(cols) * 8).unwrap());
        let ones: Vec<u8> = 1f32.to_le_bytes().repeat(rows * cols.div_ceil(128));
        let scales = Buffer::from_bytes(&driver, &ones).unwrap();
        let stats = Buffer::zeroed(&driver, 64).unwrap();
        let workspace = Buffer::new(&driver, 4 * (rows + cols)).unwrap();
        let cast = QuantizeOn {
            wide,
            src: src.address() + (wide.size() * offset) as u64,
            rows,
            cols,
            src_pitch: pitch,
            format: Format::E4m3,
            rounding: Rounding::Nearest,
            granularity: Granularity::Tensor,
            scale: ScaleOn::Given(scales.address()),
            codes: codes.address(),
            pitch: pitch_c,
            scale_inv: scale_inv.address(),
            stats: CastStatsOn { amax: stats.address(), counts: stats.address() + 8 },
            transposed: None,
            workspace: workspace.address(),
        };
        Self {
            emulator,
            driver,
            src,
            codes,
            codes_t,
            scale_inv,
            scale_inv_t,
            scales,
            stats,
            _workspace: workspace,
            cast,
        }
    }

    /// With the transposed copy.
    pub fn transposing(mut self) -> Self {
        self.cast.transposed = Some(TransposedOn {
            codes: self.codes_t.address(),
            pitch: self.cast.rows.next_multiple_of(16),
            scale_inv: self.scale_inv_t.address(),
            stats: CastStatsOn {
                amax: self.stats.address() + 32,
                counts: self.stats.address() + 40,
            },
        });
        self
    }

    pub fn run(&self) -> Result<(), Error> {
        // SAFETY: the arrays above are as large as the cast says.
        unsafe { self.cast.enqueue(&*self.driver, Stream::default()) }
    }

    pub fn touches(&self, buffer: &Buffer) -> Touches {
        self.emulator.touches(buffer.address()).unwrap()
    }
}

pub const STOCHASTIC: Rounding =
    Rounding::Stochastic(Words::of(Source { seed: 1, tensor: 2, step: 3 }));

pub fn numbers(n: usize) -> Vec<bf16> {
    (0..n).map(|i| bf16::from_f32((i as f32 * 0.37).sin() * 3.0)).collect()
}

/// Every alignment of the first row and of the ones behind it; nothing outside is touched, or the
/// emulator, whose allocations end with the matrix, would say so.
#[test]
fn a_matrix_may_begin_anywhere() {
    for offset in 0..9 {
        for gap in [0, 1, 2, 3, 4, 8] {
            let (rows, cols, pitch) = (3, 530, 530 + gap);
            let data = numbers(offset + (rows - 1) * pitch + cols);
            let bench = Bench::new(&data, (rows, cols), pitch, offset).transposing();
            bench.run().unwrap();
            let q = Quantizer { scale: Scale::Given(&[1.0]), ..Quantizer::default() };
            let src = Matrix::with_pitch(&data[offset..], rows, cols, pitch).unwrap();
            let (cast, transposed) = q.quantize_both(src).unwrap();
            // SAFETY: zeroed.
            let (codes, codes_t) = unsafe { (bench.codes.to_bytes(), bench.codes_t.to_bytes()) };
            assert_eq!(codes.unwrap(), cast.data.padded(), "{offset} {gap}");
            assert_eq!(codes_t.unwrap(), transposed.data.padded(), "{offset} {gap}");
            // Between the rows, nothing is read.
            let loads = bench.touches(&bench.src).loads;
            for (i, loads) in loads.chunks(2).enumerate() {
                let inside = i >= offset && (i - offset) % pitch < cols;
                assert_eq!(loads, [inside as u8; 2], "{offset} {gap} {i}");
            }
        }
    }
}

/// A cast from an odd place, with its largest number where only a load of four reaches otherwise; of a
/// transpose, its inverse scales alone.
pub fn from_an_odd_place(case: &Case) {
    let Case { wide, format, granularity, given, both, rounding } = *case;
    let (rows, cols, offset) = (3, 530, 1);
    let mut data: Vec<f32> = numbers(offset + rows * cols).iter().map(|x| x.to_f32()).collect();
    data[offset + 3] = 500.0;
    let mut bench = Bench::of(wide, &data, (rows, cols), cols, offset);
    if both {
        bench = bench.transposing();
        bench.cast.scale_inv = 0;
    }
    let ones = vec![1.0; granularity.scales(rows, cols)];
    (bench.cast.format, bench.cast.granularity) = (format, granularity);
    bench.cast.rounding = rounding;
    let scale = if given { Scale::Given(&ones) } else { Scale::Current(Policy::default()) };
    if !given {
        bench.cast.scale = ScaleOn::Current(Policy::default());
    }
    bench.run().unwrap();
    let q = Quantizer { format, granularity, scale, rounding, pitch: None };
    let src = Matrix::new(&data[offset..], rows, cols).unwrap();
    // The numbers are bf16's, and all but f16 have them.
    let narrow: Vec<f16> = data[offset..].iter().map(|x| f16::from_f32(*x)).collect();
    let (cast, transposed) = match wide {
        WideType::F16 => q.quantize_both(Matrix::new(&narrow, rows, cols).unwrap()),
        _ => q.quantize_both(src),
    }
    .or_else(|_| q.quantize(src).map(|cast| (cast.clone(), cast)))
    .unwrap();
    // SAFETY: zeroed.
    let bytes = |buffer: &Buffer| unsafe { buffer.to_bytes() }.unwrap();
    assert_eq!(bytes(&bench.codes), cast.data.padded());
    if both {
        assert_eq!(bytes(&bench.codes_t), transposed.data.padded());
        let inverse = transposed.data.scale_inv().iter().flat_map(|s| s.to_le_bytes());
        assert!(
            inverse.eq(bytes(&bench.scale_inv_t)
                .into_iter()
                .take(4 * transposed.data.scale_inv().len()))
        );
        assert!(bytes(&bench.scale_inv).iter().all(|byte| *byte == 0));
    }
    let stats = bytes(&bench.stats);
    assert_eq!(stats[..4], cast.stats.amax.to_le_bytes());
    assert_eq!(stats[8..16], cast.stats.saturated.to_le_bytes());
}

/// A cast of which nobody wants more than the codes, or one of the statistics alone.
pub fn little_wanted(case: &Case, wanted: [bool; 2]) {
    // Rows end inside a quad, the second or the last that a thread has.
    little_wanted_of(case, wanted, 202);
    little_wanted_of(case, wanted, 410);
}

fn little_wanted_of(case: &Case, [amax, counts]: [bool; 2], cols: usize) {
    let Case { wide, format, granularity, given, both, rounding } = *case;
    let rows = 41;
    let mut numbers: Vec<f32> = numbers(rows * cols).iter().map(|x| x.to_f32()).collect();
    // Of each count something: where it is wrongly wanted, it goes to an address of nothing.
    numbers[..3].copy_from_slice(&[f32::INFINITY, 1e-30, f32::NAN]);
    let mut bench = Bench::of(wide, &numbers, (rows, cols), cols, 0);
    if both {
        bench = bench.transposing();
    }
    let stats = CastStatsOn {
        amax: if amax { bench.stats.address() } else { 0 },
        counts: if counts { bench.stats.address() + 8 } else { 0 },
    };
    bench.cast.format = format;
    bench.cast.rounding = rounding;
    if !given {
        bench.cast.scale = ScaleOn::Current(Policy::default());
    }
    bench.cast.granularity = granularity;
    bench.cast.scale_inv = 0;
    bench.cast.stats = stats;
    if let Some(transposed) = &mut bench.cast.transposed {
        transposed.scale_inv = 0;
        transposed.stats = CastStatsOn::default();
    }
    bench.run().unwrap();
    assert!(bench.touches(&bench.scale_inv).stores.iter().all(|n| *n == 0));
    assert!(bench.touches(&bench.scale_inv_t).stores.iter().all(|n| *n == 0));
    // SAFETY: zeroed.
    let stats = unsafe { bench.stats.to_bytes() }.unwrap();
    assert_eq!(stats[..4].iter().any(|byte| *byte != 0), amax);
    assert!(counts || stats[8..].iter().all(|byte| *byte == 0));
    // What lies between the rows of codes is left alone.
    let only_codes = |buffer: &Buffer, pitch: usize, cols: usize, stored: bool| {
        let stores = bench.touches(buffer).stores;
        let expected = |i: usize| u8::from(stored && i % pitch < cols);
        assert!(stores.iter().enumerate().all(|(i, n)| *n == expected(i)));
    };
    only_codes(&bench.codes, cols.next_multiple_of(16), cols, true);
    only_codes(&bench.codes_t, 48, rows, both);
}

#[test]
fn what_is_not_wanted_is_not_written() {
    use Granularity::{Block1x128, Block128x128, Row, Tensor};
    for granularity in [Tensor, Row, Block1x128, Block128x128] {
        for both in [false, true] {
            for wanted in [[false, false], [true, false], [false, true]] {
                let (wide, format) = (WideType::Bf16, Format::E4m3);
                let rounding = Rounding::Nearest;
                let case = Case { wide, format, granularity, given: false, both, rounding };
                little_wanted(&case, wanted);
            }
        }
    }
}

#[test]
fn casts_begin_at_odd_places() {
    use Granularity::{Block1x128, Block128x128, Row, Tensor};
    for granularity in [Tensor, Row, Block1x128, Block128x128] {
        for wide in [WideType::F32, WideType::Bf16, WideType::F16] {
            for both in [false, true] {
                let (format, rounding) = (Format::E4m3, Rounding::Nearest);
                let case = Case { wide, format, granularity, given: false, both, rounding };
                from_an_odd_place(&case);
            }
        }
    }
}

#[test]
fn refused_before_anything_is_enqueued() {
    let bench = |change: fn(&mut QuantizeOn)| {
        let mut bench = Bench::new(&numbers(4 * 64), (4, 64), 64, 0).transposing();
        change(&mut bench.cast);
        let error = bench.run().unwrap_err();
        assert!(bench.touches(&bench.src).loads.iter().all(|n| *n == 0));
        error.to_string()
    };
    let messages = [
        bench(|c| c.src += 1),
        bench(|c| c.src = 0),
        bench(|c| c.codes += 8),
        bench(|c| c.pitch = 72),
        bench(|c| c.pitch = 48),
        bench(|c| c.src_pitch = 63),
        bench(|c| c.scale = ScaleOn::Given(0)),
        bench(|c| c.scale_inv += 2),
        bench(|c| c.stats.counts += 4),
        bench(|c| c.rows = 1 << 31),
        bench(|c| c.granularity = Granularity::Row),
        bench(|c| c.scale = ScaleOn::Current(Policy { margin: 65, ..Policy::default() })),
        bench(|c| {
            c.scale = ScaleOn::Current(Policy::default());
            c.workspace = 0;
        }),
    ];
    for (message, expected) in messages.iter().zip([
        "source is 0x",
        "source is 0x0; an address on the device is needed",
        "codes is 0x",
        "codes is 4 x 64; the pitch of 72 bytes has to be a multiple of 16, at least 64",
        "codes is 4 x 64; the pitch of 48 bytes",
        "source is 4 x 64; the pitch of 126 bytes",
        "scale is 0x0; an address",
        "scale_inv is 0x",
        "counts is 0x",
        "matrix is 2147483648 x 64; sides below",
        "granularity is Row with given scales; Tensor and Block128x128",
        "margin is 65",
        "workspace is 0x0; an address",
    ]) {
        assert!(message.starts_with(expected), "{message}");
    }
}

/// Longer than a block's registers: read twice, and the same bits.
#[test]
fn long_rows() {
    for (cols, rounding) in
        [(16384, Rounding::Nearest), (16900, Rounding::Nearest), (8200, STOCHASTIC)]
    {
        let data = numbers(2 * cols);
        let mut bench = Bench::new(&data, (2, cols), cols, 0);
        bench.cast.scale = ScaleOn::Current(Policy::default());
        bench.cast.granularity = Granularity::Row;
        bench.cast.rounding = rounding;
        bench.run().unwrap();
        let q = Quantizer { granularity: Granularity::Row, rounding, ..Quantizer::default() };
        let cast = q.quantize(Matrix::new(&data, 2, cols).unwrap()).unwrap();
        // SAFETY: zeroed.
        assert_eq!(unsafe { bench.codes.to_bytes() }.unwrap(), cast.data.padded());
        let loads = if cols == 16384 { 1 } else { 2 };
        assert!(bench.touches(&bench.src).loads.iter().all(|n| *n == loads));
    }
}
