//! Operands in shared memory.

use quarter_numerics::tensor_core::STEP;

use super::{Call, ROWS, refuse};
use crate::fault::FaultKind;
use crate::memory::Shared;
use crate::order::By;
use crate::program::ProductOperands;
use crate::tensor_map::Swizzle;

/// A matrix in shared memory, K-major, of which an instruction takes 32 bytes in K.
#[derive(Clone, Copy, Debug)]
struct Descriptor {
    start: u64,
    /// Bytes to the next 16 in K without a swizzle, and to the next eight rows.
    leading: u64,
    stride: u64,
    swizzle: Swizzle,
}

impl Descriptor {
    fn decode(word: u64) -> Result<Self, FaultKind> {
        const RESERVED: u64 = 3 << 14 | 3 << 30 | 7 << 46 | 0x3ff << 52;
        if word & RESERVED != 0 {
            return refuse(format!("descriptor {word:#x} has bits that are reserved"));
        }
        let field = |shift: u32| (word >> shift & 0x3fff) << 4;
        let swizzle = match word >> 62 {
            0 => Swizzle::None,
            1 => Swizzle::B128,
            2 => Swizzle::B64,
            _ => Swizzle::B32,
        };
        let descriptor = Self { start: field(0), leading: field(16), stride: field(32), swizzle };
        let span = swizzle.span() as u64;
        // How other beginnings are swizzled has not been observed.
        if word >> 49 & 7 != 0 || swizzle != Swizzle::None && descriptor.start % (8 * span) >= span
        {
            return refuse(format!(
                "descriptor {word:#x} begins at {:#x} inside of a swizzled pattern; its first row is \
                 allowed, and a base offset of 0",
                descriptor.start
            ));
        }
        Ok(descriptor)
    }

    /// The address of 16 bytes of a row.
    #[inline(always)]
    fn place(&self, row: usize, half: usize) -> u64 {
        let (eight, row, half) = (row as u64 / 8, row as u64 % 8, half as u64);
        let group = self.start + eight * self.stride;
        match self.swizzle {
            Swizzle::None => group + 16 * row + half * self.leading,
            swizzle => swizzle.place(group + row * swizzle.span() as u64 + 16 * half),
        }
    }
}

/// What a product reads in shared memory.
pub(super) fn touch(
    call: Call,
    operands: &ProductOperands,
    shared: &mut Shared,
    by: &By,
) -> Result<(), FaultKind> {
    let matrices = [(call.a, ROWS), (Some(call.b), operands.n)];
    for (descriptor, rows) in matrices {
        let Some(descriptor) = descriptor else { continue };
        let descriptor = Descriptor::decode(descriptor)?;
        for row in 0..rows {
            for half in 0..2 {
                shared.will_read(descriptor.place(row, half), 16, by)?;
            }
        }
    }
    Ok(())
}

/// The 32 bytes of each row.
pub(super) fn read(
    descriptor: u64,
    rows: usize,
    negative: bool,
    shared: &Shared,
) -> Result<Vec<[u8; STEP]>, FaultKind> {
    let descriptor = Descriptor::decode(descriptor)?;
    let mut codes = vec![[0; STEP]; rows];
    for (row, codes) in codes.iter_mut().enumerate() {
        for (half, to) in codes.chunks_exact_mut(16).enumerate() {
            to.copy_from_slice(shared.bytes(descriptor.place(row, half), 16)?);
        }
    }
    if negative {
        codes.iter_mut().flatten().for_each(|code| *code ^= 0x80);
    }
    Ok(codes)
}
