//! What a machine has to do to run a kernel.

use std::time::Duration;

use super::{TensorMap, Text};
use crate::Result;

/// The caller's queue of work: a `CUstream`, or 0 for the default one. The emulator, which
/// finishes each launch before it returns, looks at none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Stream(pub usize);

/// One launch of an entry of a kernel's text.
#[derive(Clone, Copy, Debug)]
pub struct Launch<'a> {
    /// The text that holds the entry.
    pub text: &'static Text,
    /// Name of the entry.
    pub entry: &'a str,
    /// Blocks in x, y, z.
    pub grid: [u32; 3],
    /// Threads of a block in x, y, z.
    pub block: [u32; 3],
    /// Bytes of dynamic shared memory.
    pub shared_bytes: u32,
    /// The entry's only parameter, a struct of `cuda/quarter.h`, as bytes.
    pub params: &'a [u8],
}

/// Memory and launches: CUDA, or the emulator.
pub trait Driver: Send + Sync {
    /// Reserves bytes, aligned to 256, with undefined content. Zero bytes are allowed.
    ///
    /// # Errors
    /// [`Error::Device`](crate::Error::Device) if there is not so much.
    fn allocate(&self, bytes: usize) -> Result<u64>;

    /// Gives back what [`allocate`](Self::allocate) gave. Errors are kept for the next
    /// [`synchronize`](Self::synchronize).
    ///
    /// # Safety
    /// `address` is from `allocate`, given back once, and nothing in flight uses it.
    unsafe fn free(&self, address: u64);

    /// Copies to the device, after what is on the stream; returns when done.
    ///
    /// # Safety
    /// The range lies inside live allocations of this device.
    unsafe fn write(&self, stream: Stream, to: u64, bytes: &[u8]) -> Result<()>;

    /// Copies from the device, after what is on the stream; returns when done.
    ///
    /// # Safety
    /// As [`write`](Self::write), and the bytes have been written.
    unsafe fn read(&self, stream: Stream, from: u64, bytes: &mut [u8]) -> Result<()>;

    /// Enqueues filling bytes with one value.
    ///
    /// # Safety
    /// As [`write`](Self::write).
    unsafe fn fill(&self, stream: Stream, to: u64, byte: u8, bytes: usize) -> Result<()>;

    /// Enqueues a copy between arrays of the device.
    ///
    /// # Safety
    /// As [`read`](Self::read) and [`write`](Self::write), and the two do not overlap.
    unsafe fn copy(&self, stream: Stream, from: u64, to: u64, bytes: usize) -> Result<()>;

    /// What a kernel's bulk copies have to know of a matrix, as its parameter holds it.
    ///
    /// # Errors
    /// What the machine's encoder refuses.
    fn encode(&self, map: &TensorMap) -> Result<[u64; 16]>;

    /// Enqueues a kernel: no allocation, no wait.
    ///
    /// # Safety
    /// The parameters are the entry's struct, and every address in it is valid for what the
    /// entry does until the stream has run it.
    unsafe fn launch(&self, stream: Stream, launch: &Launch) -> Result<()>;

    /// Waits for the stream.
    ///
    /// # Errors
    /// What went wrong in it, or since the last call.
    fn synchronize(&self, stream: Stream) -> Result<()>;

    /// The time that the device spends on what `work` enqueues on the stream. CUDA takes it by
    /// events; the emulator has no time of its own, and gives that of this CPU.
    ///
    /// # Errors
    /// Those of `work`, and as [`synchronize`](Self::synchronize).
    fn time(&self, stream: Stream, work: &mut dyn FnMut() -> Result<()>) -> Result<Duration>;

    /// The machine in words, for reports: what it is, and the version of its driver.
    fn describe(&self) -> String;

    /// Bytes of the cache that all processors share; 0 where there is none.
    fn cache_bytes(&self) -> usize;

    /// Number of streaming multiprocessors: how many blocks a grid that strides should have.
    fn processors(&self) -> u32;
}
