//! Shared memory of one block.

use super::global::{read, write};
use super::races::Races;
use super::written::Written;
use crate::decode::SHARED_BASE;
use crate::fault::FaultKind;
use crate::order::By;

#[derive(Debug)]
pub(crate) struct Shared {
    data: Vec<u8>,
    written: Written,
    races: Races,
    /// Where mbarriers are, 8 bytes each.
    barriers: Vec<usize>,
}

impl Shared {
    pub(crate) fn new(bytes: usize) -> Self {
        Self {
            data: vec![0xee; bytes],
            written: Written::none(bytes),
            races: Races::new(bytes),
            barriers: Vec::new(),
        }
    }

    /// The place of a range, which has to be inside and hold no mbarrier.
    #[inline(always)]
    fn range(&self, address: u64, bytes: usize) -> Result<usize, FaultKind> {
        let at = address.wrapping_sub(u64::from(SHARED_BASE)) as usize;
        match at.checked_add(bytes) {
            Some(end) if end <= self.data.len() => {
                if self.barriers.iter().any(|barrier| *barrier < end && at < *barrier + 8) {
                    return Err(FaultKind::Barrier(format!(
                        "the bytes at shared address {address:#x} are an mbarrier's"
                    )));
                }
                Ok(at)
            }
            _ => Err(outside(address, bytes, self.data.len())),
        }
    }

    #[inline(always)]
    fn access(&self, address: u64, bytes: u32) -> Result<usize, FaultKind> {
        super::check_aligned("shared", address, bytes)?;
        self.range(address, bytes as usize)
    }

    #[inline(always)]
    pub(crate) fn load(&mut self, address: u64, bytes: u32, by: &By) -> Result<u128, FaultKind> {
        let at = self.access(address, bytes)?;
        let n = bytes as usize;
        if !self.written.has(at, n) {
            self.initialised(at, n)?;
        }
        self.races.read(at, n, by)?;
        Ok(read(&self.data[at..][..n]))
    }

    #[inline(always)]
    fn initialised(&self, at: usize, bytes: usize) -> Result<(), FaultKind> {
        match self.written.first_missing(at, bytes) {
            None => Ok(()),
            Some(missing) => {
                let address = missing as u64 + u64::from(SHARED_BASE);
                Err(FaultKind::Uninitialised { space: "shared", address })
            }
        }
    }

    #[inline(always)]
    pub(crate) fn store(
        &mut self,
        address: u64,
        bytes: u32,
        value: u128,
        by: &By,
    ) -> Result<(), FaultKind> {
        let at = self.access(address, bytes)?;
        let n = bytes as usize;
        self.races.write(at, n, by)?;
        self.written.mark(at, n);
        write(&mut self.data[at..][..n], value);
        Ok(())
    }

    /// Reads, changes and writes one value, in no order with other atomics.
    pub(crate) fn update(
        &mut self,
        address: u64,
        bytes: u32,
        by: &By,
        change: impl FnOnce(u128) -> u128,
    ) -> Result<u128, FaultKind> {
        let at = self.access(address, bytes)?;
        let n = bytes as usize;
        self.initialised(at, n)?;
        self.races.atomic(at, n, by)?;
        let old = read(&self.data[at..][..n]);
        write(&mut self.data[at..][..n], change(old));
        Ok(old)
    }

    /// Notes that an asynchronous operation, which has begun, reads a range.
    pub(crate) fn will_read(
        &mut self,
        address: u64,
        bytes: usize,
        by: &By,
    ) -> Result<(), FaultKind> {
        let at = self.range(address, bytes)?;
        self.races.read(at, bytes, by)
    }

    /// The same of one that writes.
    pub(crate) fn will_write(
        &mut self,
        address: u64,
        bytes: usize,
        by: &By,
    ) -> Result<(), FaultKind> {
        let at = self.range(address, bytes)?;
        self.races.write(at, bytes, by)
    }

    /// What an asynchronous operation finds in a range.
    pub(crate) fn bytes(&self, address: u64, bytes: usize) -> Result<&[u8], FaultKind> {
        let at = self.range(address, bytes)?;
        self.initialised(at, bytes)?;
        Ok(&self.data[at..][..bytes])
    }

    /// What an asynchronous operation leaves in a range.
    pub(crate) fn put(&mut self, address: u64, bytes: &[u8]) -> Result<(), FaultKind> {
        let at = self.range(address, bytes.len())?;
        self.written.mark_range(at, bytes.len());
        self.data[at..][..bytes.len()].copy_from_slice(bytes);
        Ok(())
    }

    /// Makes 8 bytes an mbarrier's: they are no memory from here on.
    pub(crate) fn begin_barrier(&mut self, address: u64, by: &By) -> Result<(), FaultKind> {
        let at = self.access(address, 8)?;
        self.races.write(at, 8, by)?;
        self.barriers.push(at);
        Ok(())
    }

    /// Makes them memory again, which nobody has written.
    pub(crate) fn end_barrier(&mut self, address: u64) {
        let at = address.wrapping_sub(u64::from(SHARED_BASE)) as usize;
        self.barriers.retain(|barrier| *barrier != at);
    }
}

#[cold]
fn outside(address: u64, bytes: usize, length: usize) -> FaultKind {
    let first = u64::from(SHARED_BASE);
    let near = format!("the block has {length} bytes from {first:#x} on");
    FaultKind::OutOfBounds { space: "shared", address, bytes: bytes as u32, near }
}
