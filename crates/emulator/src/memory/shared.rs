//! Shared memory of one block.

use super::global::{read, write};
use super::races::{Access, Races};
use super::written::Written;
use crate::decode::SHARED_BASE;
use crate::fault::FaultKind;

#[derive(Debug)]
pub(crate) struct Shared {
    data: Vec<u8>,
    written: Written,
    races: Races,
}

impl Shared {
    pub(crate) fn new(bytes: usize, warps: usize) -> Self {
        Self {
            data: vec![0xee; bytes],
            written: Written::none(bytes),
            races: Races::new(bytes, warps),
        }
    }

    /// What orders the accesses of warps: barriers tell it.
    pub(crate) fn races(&mut self) -> &mut Races {
        &mut self.races
    }

    #[inline(always)]
    fn access(&self, address: u64, bytes: u32) -> Result<usize, FaultKind> {
        super::check_aligned("shared", address, bytes)?;
        let at = address.wrapping_sub(u64::from(SHARED_BASE)) as usize;
        match at.checked_add(bytes as usize) {
            Some(end) if end <= self.data.len() => Ok(at),
            _ => Err(outside(address, bytes, self.data.len())),
        }
    }

    #[inline(always)]
    pub(crate) fn load(&mut self, address: u64, bytes: u32, by: Access) -> Result<u128, FaultKind> {
        let at = self.access(address, bytes)?;
        let n = bytes as usize;
        if !self.written.has(at, n) {
            let missing = self.written.first_missing(at, n).unwrap_or(at);
            let address = address + (missing - at) as u64;
            return Err(FaultKind::Uninitialised { space: "shared", address });
        }
        self.races.read(at, n, by)?;
        Ok(read(&self.data[at..][..n]))
    }

    #[inline(always)]
    pub(crate) fn store(
        &mut self,
        address: u64,
        bytes: u32,
        value: u128,
        by: Access,
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
        by: Access,
        change: impl FnOnce(u128) -> u128,
    ) -> Result<u128, FaultKind> {
        let at = self.access(address, bytes)?;
        let n = bytes as usize;
        if !self.written.has(at, n) {
            return Err(FaultKind::Uninitialised { space: "shared", address });
        }
        self.races.atomic(at, n, by)?;
        let old = read(&self.data[at..][..n]);
        write(&mut self.data[at..][..n], change(old));
        Ok(old)
    }
}

#[cold]
fn outside(address: u64, bytes: u32, length: usize) -> FaultKind {
    let first = u64::from(SHARED_BASE);
    let near = format!("the block has {length} bytes from {first:#x} on");
    FaultKind::OutOfBounds { space: "shared", address, bytes, near }
}
