//! Global memory: every allocation in a window of 4 GiB of its own, so that no wrong index
//! reaches another one, and addresses are the same in every run.

use std::fmt;

use super::written::Written;
use crate::fault::FaultKind;

/// Upper half of the first window's addresses.
const FIRST_WINDOW: u64 = 0x7f00;

/// What the host did wrong with an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MemoryError {
    /// More bytes than a window holds.
    TooLarge(usize),
    /// A range that is not inside a live allocation.
    OutOfBounds {
        /// Its first byte.
        address: u64,
        /// Its length.
        bytes: usize,
    },
    /// A byte that is read and was never written.
    Uninitialised(u64),
}

impl fmt::Display for MemoryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge(bytes) => write!(f, "{bytes} bytes; below 2^32 are allowed"),
            Self::OutOfBounds { address, bytes } => {
                write!(f, "{bytes} bytes at {address:#x} are not inside a live allocation")
            }
            Self::Uninitialised(address) => write!(f, "the byte at {address:#x} was never written"),
        }
    }
}

impl std::error::Error for MemoryError {}

/// How often each byte of an allocation was loaded and stored by kernels; 255 is the most that
/// is counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Touches {
    /// Loads of each byte.
    pub loads: Vec<u8>,
    /// Stores to each byte.
    pub stores: Vec<u8>,
}

#[derive(Debug)]
struct Allocation {
    data: Vec<u8>,
    written: Written,
    touches: Option<Touches>,
}

#[derive(Debug, Default)]
pub(crate) struct Global {
    /// `None`: given back. Windows are never used again.
    allocations: Vec<Option<Allocation>>,
    count_touches: bool,
}

impl Global {
    pub(crate) fn new(count_touches: bool) -> Self {
        Self { allocations: Vec::new(), count_touches }
    }

    pub(crate) fn allocate(&mut self, bytes: usize) -> Result<u64, MemoryError> {
        if u32::try_from(bytes).is_err() {
            return Err(MemoryError::TooLarge(bytes));
        }
        let window = FIRST_WINDOW + self.allocations.len() as u64;
        // A pattern that is no number a kernel would make.
        let data = vec![0xee; bytes];
        let touches = || Touches { loads: vec![0; bytes], stores: vec![0; bytes] };
        self.allocations.push(Some(Allocation {
            data,
            written: Written::none(bytes),
            touches: self.count_touches.then(touches),
        }));
        Ok(window << 32)
    }

    pub(crate) fn free(&mut self, address: u64) -> Result<(), MemoryError> {
        let slot = Self::window(address).and_then(|i| self.allocations.get_mut(i));
        match slot {
            Some(slot @ Some(_)) if address as u32 == 0 => {
                *slot = None;
                Ok(())
            }
            _ => Err(MemoryError::OutOfBounds { address, bytes: 0 }),
        }
    }

    #[inline(always)]
    fn window(address: u64) -> Option<usize> {
        (address >> 32).checked_sub(FIRST_WINDOW).map(|i| i as usize)
    }

    /// The allocation and the range in it.
    fn range(
        &mut self,
        address: u64,
        bytes: usize,
    ) -> Result<(&mut Allocation, usize), MemoryError> {
        let error = MemoryError::OutOfBounds { address, bytes };
        let i = Self::window(address).ok_or(error)?;
        let allocation = self.allocations.get_mut(i).and_then(Option::as_mut).ok_or(error)?;
        let at = address as u32 as usize;
        match at.checked_add(bytes) {
            Some(end) if end <= allocation.data.len() => Ok((allocation, at)),
            _ => Err(error),
        }
    }

    pub(crate) fn write(&mut self, address: u64, bytes: &[u8]) -> Result<(), MemoryError> {
        let (allocation, at) = self.range(address, bytes.len())?;
        allocation.data[at..][..bytes.len()].copy_from_slice(bytes);
        allocation.written.mark_range(at, bytes.len());
        Ok(())
    }

    pub(crate) fn read(&mut self, address: u64, bytes: &mut [u8]) -> Result<(), MemoryError> {
        let (allocation, at) = self.range(address, bytes.len())?;
        if let Some(missing) = allocation.written.first_missing(at, bytes.len()) {
            return Err(MemoryError::Uninitialised(address + (missing - at) as u64));
        }
        bytes.copy_from_slice(&allocation.data[at..][..bytes.len()]);
        Ok(())
    }

    pub(crate) fn touches(&mut self, address: u64) -> Option<&Touches> {
        self.range(address, 0).ok()?.0.touches.as_ref()
    }

    /// The allocation an aligned access of at most 16 bytes lies in.
    #[inline(always)]
    fn access(&mut self, address: u64, bytes: u32) -> Result<(&mut Allocation, usize), FaultKind> {
        super::check_aligned("global", address, bytes)?;
        let at = address as u32 as usize;
        let window = Self::window(address);
        let found = window.and_then(|i| self.allocations.get_mut(i)).and_then(Option::as_mut);
        match found {
            Some(allocation) if at + bytes as usize <= allocation.data.len() => {
                Ok((allocation, at))
            }
            found => Err(outside(address, bytes, found.map(|a| a.data.len()))),
        }
    }

    /// The bytes of 32 lanes that load their neighbours' neighbours, if nothing about them needs
    /// a closer look.
    #[inline(always)]
    pub(crate) fn row(&self, address: u64, bytes: usize) -> Option<&[u8]> {
        let at = address as u32 as usize;
        let allocation = self.allocations.get(Self::window(address)?)?.as_ref()?;
        let row = allocation.data.get(at..)?.get(..bytes)?;
        let plain = allocation.touches.is_none() && allocation.written.has_range(at, bytes);
        plain.then_some(row)
    }

    /// The same to be written, and marked as written.
    #[inline(always)]
    pub(crate) fn row_mut(&mut self, address: u64, bytes: usize) -> Option<&mut [u8]> {
        let at = address as u32 as usize;
        let allocation = self.allocations.get_mut(Self::window(address)?)?.as_mut()?;
        let row = allocation.data.get_mut(at..)?.get_mut(..bytes)?;
        if allocation.touches.is_some() {
            return None;
        }
        allocation.written.mark_range(at, bytes);
        Some(row)
    }

    /// Up to 16 bytes, in the lower end of the result.
    #[inline(always)]
    pub(crate) fn load(&mut self, address: u64, bytes: u32) -> Result<u128, FaultKind> {
        let (allocation, at) = self.access(address, bytes)?;
        let n = bytes as usize;
        if !allocation.written.has(at, n) {
            let missing = allocation.written.first_missing(at, n).unwrap_or(at);
            let address = address + (missing - at) as u64;
            return Err(FaultKind::Uninitialised { space: "global", address });
        }
        if let Some(touches) = &mut allocation.touches {
            touches.loads[at..][..n].iter_mut().for_each(|t| *t = t.saturating_add(1));
        }
        Ok(read(&allocation.data[at..][..n]))
    }

    /// Reads, changes and writes one value.
    pub(crate) fn update(
        &mut self,
        address: u64,
        bytes: u32,
        change: impl FnOnce(u128) -> u128,
    ) -> Result<u128, FaultKind> {
        let (allocation, at) = self.access(address, bytes)?;
        let n = bytes as usize;
        if !allocation.written.has(at, n) {
            return Err(FaultKind::Uninitialised { space: "global", address });
        }
        let old = read(&allocation.data[at..][..n]);
        write(&mut allocation.data[at..][..n], change(old));
        Ok(old)
    }

    /// What a bulk copy finds in a range.
    pub(crate) fn fetch(
        &mut self,
        address: u64,
        bytes: &mut [u8],
        counted: bool,
    ) -> Result<(), FaultKind> {
        self.read(address, bytes).map_err(|error| self.fault(error))?;
        let touches = self.range(address, bytes.len()).ok().filter(|_| counted);
        if let Some((Allocation { touches: Some(touches), .. }, at)) = touches {
            touches.loads[at..][..bytes.len()].iter_mut().for_each(|t| *t = t.saturating_add(1));
        }
        Ok(())
    }

    /// What a bulk copy leaves in a range.
    pub(crate) fn put(&mut self, address: u64, bytes: &[u8]) -> Result<(), FaultKind> {
        self.write(address, bytes).map_err(|error| self.fault(error))?;
        let touches = self.range(address, bytes.len()).ok();
        if let Some((Allocation { touches: Some(touches), .. }, at)) = touches {
            touches.stores[at..][..bytes.len()].iter_mut().for_each(|t| *t = t.saturating_add(1));
        }
        Ok(())
    }

    #[cold]
    fn fault(&self, error: MemoryError) -> FaultKind {
        match error {
            MemoryError::Uninitialised(address) => {
                FaultKind::Uninitialised { space: "global", address }
            }
            MemoryError::OutOfBounds { address, bytes } => {
                let found = Self::window(address).and_then(|i| self.allocations.get(i)?.as_ref());
                outside(address, bytes as u32, found.map(|a| a.data.len()))
            }
            MemoryError::TooLarge(bytes) => outside(0, bytes as u32, None),
        }
    }

    #[inline(always)]
    pub(crate) fn store(&mut self, address: u64, bytes: u32, value: u128) -> Result<(), FaultKind> {
        let (allocation, at) = self.access(address, bytes)?;
        let n = bytes as usize;
        allocation.written.mark(at, n);
        if let Some(touches) = &mut allocation.touches {
            touches.stores[at..][..n].iter_mut().for_each(|t| *t = t.saturating_add(1));
        }
        write(&mut allocation.data[at..][..n], value);
        Ok(())
    }
}

/// Little-endian, by sizes that compile to one access.
#[inline(always)]
pub(super) fn read(bytes: &[u8]) -> u128 {
    if let Ok(b) = bytes.try_into() {
        return u128::from_le_bytes(b);
    }
    if let Ok(b) = bytes.try_into() {
        return u64::from_le_bytes(b).into();
    }
    if let Ok(b) = bytes.try_into() {
        return u32::from_le_bytes(b).into();
    }
    bytes.iter().rev().fold(0, |value, b| value << 8 | u128::from(*b))
}

#[inline(always)]
pub(super) fn write(bytes: &mut [u8], value: u128) {
    let n = bytes.len();
    bytes.copy_from_slice(&value.to_le_bytes()[..n]);
}

#[cold]
fn outside(address: u64, bytes: u32, length: Option<usize>) -> FaultKind {
    let near = match length {
        None => "no live allocation is near".to_string(),
        Some(n) => {
            let past = (address as u32 as u64 + u64::from(bytes)).saturating_sub(n as u64);
            format!("{past} bytes past an allocation of {n}")
        }
    };
    FaultKind::OutOfBounds { space: "global", address, bytes, near }
}
