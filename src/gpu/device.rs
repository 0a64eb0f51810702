//! A machine, and memory on it.

use std::fmt;
use std::sync::Arc;

use super::{Driver, Stream};
use crate::Result;

/// Where a wrapper does its work: the CPU reference, or a [`Driver`].
#[derive(Clone)]
pub struct Device(Option<Arc<dyn Driver>>);

impl Device {
    /// The CPU reference: no kernel is launched.
    pub fn reference() -> Self {
        Self(None)
    }

    /// A machine of the caller's.
    pub fn new(driver: Arc<dyn Driver>) -> Self {
        Self(Some(driver))
    }

    /// The machine; `None` for the reference.
    pub fn driver(&self) -> Option<&Arc<dyn Driver>> {
        self.0.as_ref()
    }
}

impl fmt::Debug for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Device(driver)" } else { "Device(reference)" })
    }
}

/// Bytes on a device, given back when dropped.
pub struct Buffer {
    driver: Arc<dyn Driver>,
    address: u64,
    bytes: usize,
}

impl Buffer {
    /// So many bytes, with undefined content.
    ///
    /// # Errors
    /// As [`Driver::allocate`].
    pub fn new(driver: &Arc<dyn Driver>, bytes: usize) -> Result<Self> {
        let address = driver.allocate(bytes)?;
        Ok(Self { driver: Arc::clone(driver), address, bytes })
    }

    /// A copy of these bytes.
    ///
    /// # Errors
    /// As [`Driver::allocate`] and [`Driver::write`].
    pub fn from_bytes(driver: &Arc<dyn Driver>, bytes: &[u8]) -> Result<Self> {
        let buffer = Self::new(driver, bytes.len())?;
        // SAFETY: the range is the allocation.
        unsafe { driver.write(Stream::default(), buffer.address, bytes)? };
        Ok(buffer)
    }

    /// So many bytes of zero.
    ///
    /// # Errors
    /// As [`Driver::allocate`] and [`Driver::fill`].
    pub fn zeroed(driver: &Arc<dyn Driver>, bytes: usize) -> Result<Self> {
        let buffer = Self::new(driver, bytes)?;
        // SAFETY: the range is the allocation.
        unsafe { driver.fill(Stream::default(), buffer.address, 0, bytes)? };
        Ok(buffer)
    }

    /// Its first byte, aligned to 256.
    pub fn address(&self) -> u64 {
        self.address
    }

    /// Its size.
    pub fn len(&self) -> usize {
        self.bytes
    }

    /// Whether it has no byte.
    pub fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    /// A copy of its content, after what the default stream holds.
    ///
    /// # Errors
    /// As [`Driver::read`].
    ///
    /// # Safety
    /// All bytes have been written.
    pub unsafe fn to_bytes(&self) -> Result<Vec<u8>> {
        let mut bytes = vec![0; self.bytes];
        // SAFETY: the range is the allocation; written, as the caller promises.
        unsafe { self.driver.read(Stream::default(), self.address, &mut bytes)? };
        Ok(bytes)
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        // SAFETY: from `allocate`, and given back here only.
        unsafe { self.driver.free(self.address) }
    }
}
