//! What the raw wrappers check before they launch.

use crate::ffi::QUARTER_BLOCK;
use crate::{Error, Result};

/// An address that is not null, where one is needed, and aligned.
pub(super) fn address(what: &'static str, address: u64, align: u64, needed: bool) -> Result<()> {
    let refuse = |allowed| Err(Error::Parameter { what, got: format!("{address:#x}"), allowed });
    if address == 0 && needed {
        return refuse("an address on the device is needed");
    }
    if address.is_multiple_of(align) {
        return Ok(());
    }
    match align {
        2 => refuse("multiples of 2, the size of an element, are allowed"),
        4 => refuse("multiples of 4 are allowed"),
        8 => refuse("multiples of 8 are allowed"),
        _ => refuse("multiples of 16 are allowed"),
    }
}

/// Sides that the kernels' 32-bit indices hold, with some distance.
pub(super) fn sides(what: &'static str, rows: usize, cols: usize) -> Result<(u32, u32)> {
    const LIMIT: usize = (1 << 31) - 1024;
    if rows < LIMIT && cols < LIMIT {
        return Ok((rows as u32, cols as u32));
    }
    let allowed = format!("sides below {LIMIT} are allowed on a device");
    Err(Error::Shape { what, rows, cols, allowed })
}

/// A pitch in bytes that holds a row, is a multiple of `unit`, and at which all rows lie below
/// 2^63.
pub(super) fn pitch(
    what: &'static str,
    (rows, cols): (usize, usize),
    pitch: usize,
    unit: usize,
    row_bytes: usize,
) -> Result<u64> {
    let extent = (rows.max(1) - 1).checked_mul(pitch).and_then(|n| n.checked_add(row_bytes));
    let fits = extent.is_some_and(|n| n <= isize::MAX as usize);
    // Nothing is ever added to the pitch of a single row.
    let long_enough = pitch >= row_bytes;
    if fits && long_enough && pitch.is_multiple_of(unit) {
        return Ok(pitch as u64);
    }
    let allowed = format!(
        "the pitch of {pitch} bytes has to be a multiple of {unit}, at least {row_bytes}, and keep all rows below 2^63"
    );
    Err(Error::Shape { what, rows, cols, allowed })
}

/// Blocks of 128 x 128, one at least.
pub(super) fn blocks(what: &'static str, rows: u32, cols: u32) -> Result<u32> {
    let along = |side: u32| u64::from(side.div_ceil(QUARTER_BLOCK).max(1));
    count(what, (rows as usize, cols as usize), along(rows) * along(cols), "tiles of 128 x 128")
}

/// Work items that a 32-bit index counts, and what they are called.
pub(super) fn count(
    what: &'static str,
    (rows, cols): (usize, usize),
    items: u64,
    called: &str,
) -> Result<u32> {
    match u32::try_from(items) {
        Ok(n) if n < 1 << 31 => Ok(n),
        _ => {
            let allowed = format!("fewer than 2^31 {called} are allowed on a device");
            Err(Error::Shape { what, rows, cols, allowed })
        }
    }
}
