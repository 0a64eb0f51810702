//! Other texts in place of the shipped ones.

use std::sync::Arc;
use std::time::Duration;

use super::{Driver, Launch, Stream, TensorMap, Text};
use crate::Result;

/// A machine whose launches take another text for the same entry: a twin, or a kernel that is being
/// written, behind the same wrappers, tests and benchmarks.
pub struct Substitute<F> {
    driver: Arc<dyn Driver>,
    choose: F,
}

impl<F: Fn(&Launch) -> &'static Text + Send + Sync> Substitute<F> {
    /// `choose` names the text for a launch; the launch's own leaves it as it is.
    ///
    /// # Safety
    /// What is said of a launch's entry holds for the one of that name in the other text: it takes
    /// the same parameters, and reads and writes no more.
    pub unsafe fn new(driver: Arc<dyn Driver>, choose: F) -> Self {
        Self { driver, choose }
    }
}

impl<F: Fn(&Launch) -> &'static Text + Send + Sync> Driver for Substitute<F> {
    fn allocate(&self, bytes: usize) -> Result<u64> {
        self.driver.allocate(bytes)
    }

    unsafe fn free(&self, address: u64) {
        // SAFETY: as the caller promises, as in all below.
        unsafe { self.driver.free(address) }
    }

    unsafe fn write(&self, stream: Stream, to: u64, bytes: &[u8]) -> Result<()> {
        // SAFETY: as above.
        unsafe { self.driver.write(stream, to, bytes) }
    }

    unsafe fn read(&self, stream: Stream, from: u64, bytes: &mut [u8]) -> Result<()> {
        // SAFETY: as above.
        unsafe { self.driver.read(stream, from, bytes) }
    }

    unsafe fn fill(&self, stream: Stream, to: u64, byte: u8, bytes: usize) -> Result<()> {
        // SAFETY: as above.
        unsafe { self.driver.fill(stream, to, byte, bytes) }
    }

    unsafe fn copy(&self, stream: Stream, from: u64, to: u64, bytes: usize) -> Result<()> {
        // SAFETY: as above.
        unsafe { self.driver.copy(stream, from, to, bytes) }
    }

    fn encode(&self, map: &TensorMap) -> Result<[u64; 16]> {
        self.driver.encode(map)
    }

    unsafe fn launch(&self, stream: Stream, launch: &Launch) -> Result<()> {
        let text = (self.choose)(launch);
        // SAFETY: as the caller promises, also for the other text, as `new` says.
        unsafe { self.driver.launch(stream, &Launch { text, ..*launch }) }
    }

    fn synchronize(&self, stream: Stream) -> Result<()> {
        self.driver.synchronize(stream)
    }

    fn time(&self, stream: Stream, work: &mut dyn FnMut() -> Result<()>) -> Result<Duration> {
        self.driver.time(stream, work)
    }

    fn describe(&self) -> String {
        self.driver.describe()
    }

    fn cache_bytes(&self) -> usize {
        self.driver.cache_bytes()
    }

    fn processors(&self) -> u32 {
        self.driver.processors()
    }
}
