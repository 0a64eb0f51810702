//! From parameters to a launch.

use super::{DeviceError, Driver, Launch, Stream, Text};
use crate::ffi::{QuarterDequantize, QuarterQuantize, QuarterScaling, QuarterTranspose};
use crate::{Error, Result};

/// A struct of `cuda/quarter.h` that is an entry's parameter.
///
/// # Safety
/// `repr(C)`, of plain numbers, without padding: `tests/ffi.rs` holds all of them to that.
pub(super) unsafe trait Parameters: Copy {
    /// The bytes an entry is launched with.
    fn bytes(&self) -> &[u8] {
        let start = std::ptr::from_ref(self).cast();
        // SAFETY: plain numbers without padding, borrowed as long as the bytes are.
        unsafe { std::slice::from_raw_parts(start, size_of::<Self>()) }
    }
}

// SAFETY: as tested.
unsafe impl Parameters for QuarterQuantize {}
// SAFETY: as tested.
unsafe impl Parameters for QuarterDequantize {}
// SAFETY: as tested.
unsafe impl Parameters for QuarterTranspose {}
// SAFETY: as tested.
unsafe impl Parameters for QuarterScaling {}

/// Threads of a block that strides over a grid.
pub(super) const THREADS: u32 = 256;

/// Grid of so many blocks of so many threads.
#[derive(Clone, Copy)]
pub(super) struct Shape {
    pub(super) blocks: u32,
    pub(super) threads: u32,
}

/// Blocks of [`THREADS`] whose warps take `items` in turns: as many as the machine holds at once,
/// where a processor holds `resident` (the entry's `.minnctapersm`), so that all end together.
pub(super) fn striding(driver: &dyn Driver, items: u32, resident: u32) -> Shape {
    let most = driver.processors().saturating_mul(resident);
    Shape { blocks: items.div_ceil(THREADS / 32).clamp(1, most.max(1)), threads: THREADS }
}

/// Enqueues an entry of a text.
///
/// # Safety
/// As [`Driver::launch`].
pub(super) unsafe fn enqueue(
    driver: &dyn Driver,
    stream: Stream,
    text: &'static str,
    entry: &str,
    shape: Shape,
    params: &impl Parameters,
) -> Result<()> {
    let Some(text) = Text::find(text) else {
        let entry = entry.to_string();
        return Err(Error::Device(DeviceError::NoEntry { kernel: text, entry }));
    };
    let launch = Launch {
        text,
        entry,
        grid: [shape.blocks, 1, 1],
        block: [shape.threads, 1, 1],
        shared_bytes: 0,
        params: params.bytes(),
    };
    // SAFETY: as the caller promises.
    unsafe { driver.launch(stream, &launch) }
}
