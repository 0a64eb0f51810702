//! Tensors that begin anywhere.

use quarter::adamw::Settings;
use quarter::gpu::emulate::Options;
use quarter::gpu::{AdamwOn, Stream};

use super::{Kind, Memory, emulator, kinds, random, slope};

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
