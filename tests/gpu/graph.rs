//! A step's launches as a trainer strings them together; on a GPU, captured in a graph.

use std::sync::Arc;

use half::bf16;
use quarter::Format;
use quarter::gpu::emulate::Options;
use quarter::gpu::{
    AdamwOn, Buffer, CastStatsOn, DelayedOn, Driver, Emulator, QuantizeOn, ScaleOn, Stream, Text,
    WideType,
};
use quarter::quantize::{Granularity, Matrix, Quantizer, Rounding, Scale};
use quarter::scaling::{AmaxChoice, Delayed, Policy, amax_bits};

use crate::adamw_on::after;
use crate::devices::gpu;

const ROWS: usize = 64;
const COLS: usize = 512;

/// A cast by the delayed scale, whose amax goes to the history, and the update behind it.
struct Step {
    driver: Arc<dyn Driver>,
    data: Vec<bf16>,
    delayed: Delayed,
    on: DelayedOn,
    codes: Buffer,
    cast: QuantizeOn,
    _inputs: [Buffer; 2],
}

impl Step {
    fn new(driver: &Arc<dyn Driver>) -> Self {
        let number = |i: usize| bf16::from_f32((i as f32).sin() * 9.0);
        let data: Vec<bf16> = (0..ROWS * COLS).map(number).collect();
        let bytes: Vec<u8> = data.iter().flat_map(|x| x.to_le_bytes()).collect();
        let mut delayed =
            Delayed::new(vec![Format::E4m3], 4, AmaxChoice::Max, Policy::default()).unwrap();
        delayed.record(0, amax_bits(3.0));
        delayed.update();
        let on = DelayedOn::new(driver, &delayed).unwrap();
        let src = Buffer::from_bytes(driver, &bytes).unwrap();
        let codes = Buffer::zeroed(driver, ROWS * COLS).unwrap();
        let scale_inv = Buffer::zeroed(driver, 4).unwrap();
        let cast = QuantizeOn {
            wide: WideType::Bf16,
            src: src.address(),
            rows: ROWS,
            cols: COLS,
            src_pitch: COLS,
            format: Format::E4m3,
            rounding: Rounding::Nearest,
            granularity: Granularity::Tensor,
            scale: ScaleOn::Given(on.scale(0).unwrap()),
            codes: codes.address(),
            pitch: COLS,
            scale_inv: scale_inv.address(),
            stats: CastStatsOn { amax: on.amax(0).unwrap(), counts: 0 },
            transposed: None,
            workspace: 0,
        };
        let driver = Arc::clone(driver);
        driver.synchronize(Stream::default()).unwrap();
        Self { driver, data, delayed, on, codes, cast, _inputs: [src, scale_inv] }
    }

    fn enqueue(&self, stream: Stream) -> quarter::Result<()> {
        // SAFETY: the arrays are as large as the cast says.
        unsafe { self.cast.enqueue(&*self.driver, stream)? };
        self.on.enqueue(stream)
    }

    /// The same step by the reference; what the device has done has to be that.
    fn check(&mut self) {
        let scale = [self.delayed.scale(0).unwrap()];
        let q = Quantizer { scale: Scale::Given(&scale), ..Quantizer::default() };
        let expected = q.quantize(Matrix::new(&self.data, ROWS, COLS).unwrap()).unwrap();
        self.delayed.record(0, expected.stats.amax);
        self.delayed.update();
        // SAFETY: zeroed, then written.
        assert_eq!(unsafe { self.codes.to_bytes() }.unwrap(), expected.data.padded());
        assert_eq!(&self.on.state().unwrap().0, self.delayed.state());
    }
}

/// The second step casts by the scale that the first has left on the device.
#[test]
fn casts_take_the_scale_that_the_update_left() {
    let driver: Arc<dyn Driver> = Arc::new(Emulator::new(Options::default()));
    let mut step = Step::new(&driver);
    for _ in 0..3 {
        step.enqueue(Stream::default()).unwrap();
        step.check();
    }
}

/// With feature `cubin` the driver's own assembler is not needed, and has to do all the same.
#[test]
fn the_drivers_assembler_takes_every_text() {
    let Some(cuda) = gpu() else { return };
    for text in Text::all() {
        // The text lives as long as the program.
        cuda.load(Box::leak(Box::new(Text { cubin: None, ..*text }))).unwrap();
    }
}

#[test]
fn a_captured_step_is_replayed() {
    let Some(cuda) = gpu() else { return };
    cuda.preload().unwrap();
    let driver: Arc<dyn Driver> = cuda.clone();
    let mut step = Step::new(&driver);
    let stream = cuda.new_stream().unwrap();
    let graph = cuda.capture(&stream, |stream| step.enqueue(stream)).unwrap();
    for _ in 0..3 {
        // SAFETY: all arrays are alive.
        unsafe { graph.launch(stream.stream()).unwrap() };
        driver.synchronize(stream.stream()).unwrap();
        step.check();
    }
}

/// The optimizer's clock is on the device: a step that was captured once is the next one each time.
#[test]
fn a_captured_optimizer_goes_on() {
    let steps = |on: &AdamwOn| {
        // SAFETY: the tensor is alive, and as large as it says.
        (0..3).for_each(|_| unsafe { on.enqueue(Stream::default()).unwrap() });
    };
    let emulator: Arc<dyn Driver> = Arc::new(Emulator::new(Options::default()));
    let expected = after(&emulator, steps);
    assert_eq!(expected.1.clock.t, 3);
    let Some(cuda) = gpu() else { return };
    cuda.preload().unwrap();
    let driver: Arc<dyn Driver> = cuda.clone();
    assert_eq!(after(&driver, steps), expected);
    let replayed = after(&driver, |on| {
        driver.synchronize(Stream::default()).unwrap();
        let stream = cuda.new_stream().unwrap();
        // SAFETY: as above.
        let graph = cuda.capture(&stream, |stream| unsafe { on.enqueue(stream) }).unwrap();
        for _ in 0..3 {
            // SAFETY: as above.
            unsafe { graph.launch(stream.stream()).unwrap() };
        }
        driver.synchronize(stream.stream()).unwrap();
    });
    assert_eq!(replayed, expected);
}
