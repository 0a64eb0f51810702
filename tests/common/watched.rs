//! A driver that counts what is asked of it, and refuses writes when told to.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use quarter::gpu::{Driver, Launch, Stream, TensorMap};
use quarter::{Error, Result};

pub struct Watched {
    driver: Arc<dyn Driver>,
    /// Bytes of each allocation so far.
    pub allocated: Mutex<Vec<usize>>,
    pub launches: AtomicUsize,
    /// Parameters of the last launch.
    pub params: Mutex<Vec<u8>>,
    /// Writes until one is refused.
    pub writes_left: AtomicUsize,
}

impl Watched {
    pub fn new(driver: Arc<dyn Driver>) -> Arc<Self> {
        Arc::new(Self {
            driver,
            allocated: Mutex::default(),
            launches: AtomicUsize::new(0),
            params: Mutex::default(),
            writes_left: AtomicUsize::new(usize::MAX),
        })
    }

    /// Bytes of all allocations since the last call.
    pub fn take(&self) -> u64 {
        self.allocated.lock().unwrap().drain(..).map(|bytes| bytes as u64).sum()
    }
}

impl Driver for Watched {
    fn allocate(&self, bytes: usize) -> Result<u64> {
        self.allocated.lock().unwrap().push(bytes);
        self.driver.allocate(bytes)
    }

    unsafe fn free(&self, address: u64) {
        // SAFETY: as the caller promises, as in all below.
        unsafe { self.driver.free(address) }
    }

    unsafe fn write(&self, stream: Stream, to: u64, bytes: &[u8]) -> Result<()> {
        let left = self.writes_left.load(Ordering::Relaxed);
        if left == 0 {
            let (what, got, allowed) = ("write", bytes.len().to_string(), "none is allowed now");
            return Err(Error::Parameter { what, got, allowed });
        }
        self.writes_left.store(left - 1, Ordering::Relaxed);
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
        self.launches.fetch_add(1, Ordering::Relaxed);
        *self.params.lock().unwrap() = launch.params.to_vec();
        // SAFETY: as above.
        unsafe { self.driver.launch(stream, launch) }
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
