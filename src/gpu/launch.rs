//! From parameters to a launch.

use super::params::Parameters;
use super::{DeviceError, Driver, Launch, Stream, Text};
use crate::ffi::QUARTER_THREADS;
use crate::{Error, Result};

/// Grid of so many blocks of so many threads.
#[derive(Clone, Copy)]
pub(super) struct Shape {
    pub(super) blocks: u32,
    pub(super) threads: u32,
    pub(super) shared_bytes: u32,
}

impl Shape {
    /// Blocks of so many threads, without dynamic shared memory.
    pub(super) fn of(blocks: u32, threads: u32) -> Self {
        Self { blocks, threads, shared_bytes: 0 }
    }

    /// Blocks of [`QUARTER_THREADS`].
    pub(super) fn of_blocks(blocks: u32) -> Self {
        Self::of(blocks, QUARTER_THREADS)
    }
}

/// Blocks of [`QUARTER_THREADS`] whose warps take `items` in turns: as many as the machine holds
/// at once, where a processor holds `resident` (the entry's `.minnctapersm`), so that all end
/// together.
pub(super) fn striding(driver: &dyn Driver, items: u32, resident: u32) -> Shape {
    let most = driver.processors().saturating_mul(resident);
    Shape::of_blocks(items.div_ceil(QUARTER_THREADS / 32).clamp(1, most.max(1)))
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
        shared_bytes: shape.shared_bytes,
        params: params.bytes(),
    };
    // SAFETY: as the caller promises.
    unsafe { driver.launch(stream, &launch) }
}
