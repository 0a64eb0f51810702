//! The transpose of codes on a device.

use super::dequantize::upload;
use super::launch::{Shape, enqueue};
use super::wide::floats;
use super::{Buffer, Device, Driver, Stream, check};
use crate::ffi::QuarterTranspose;
use crate::quantize::{Granularity, Quantized, default_pitch};
use crate::{Error, Result};

/// [`Quantized::transpose`] on a device, in addresses of the device. The format does not matter.
#[derive(Clone, Copy, Debug)]
pub struct TransposeOn {
    /// `rows` x `cols` bytes, aligned to 16.
    pub codes: u64,
    /// Rows.
    pub rows: usize,
    /// Columns.
    pub cols: usize,
    /// Bytes from one row to the next, a multiple of 16.
    pub pitch: usize,
    /// `Tensor` or `Block128x128`, whose transpose has the same codes.
    pub granularity: Granularity,
    /// f32 in the order of the grid; 0 if not wanted.
    pub scale_inv: u64,
    /// `cols` x `rows` bytes, aligned to 16. What lies between its rows is left alone.
    pub codes_t: u64,
    /// Bytes from one row of it to the next, a multiple of 16.
    pub pitch_t: usize,
    /// f32 in the order of its grid; 0 if not wanted, as the one above.
    pub scale_inv_t: u64,
}

impl TransposeOn {
    /// Checks everything, then enqueues one launch.
    ///
    /// # Errors
    /// As [`QuantizeOn::enqueue`](super::QuantizeOn::enqueue); [`Error::Parameter`] for a
    /// granularity whose tiles the transpose does not have.
    ///
    /// # Safety
    /// As [`QuantizeOn::enqueue`](super::QuantizeOn::enqueue).
    pub unsafe fn enqueue(&self, driver: &dyn Driver, stream: Stream) -> Result<()> {
        if !self.granularity.is_symmetric() {
            return Err(Error::Parameter {
                what: "granularity",
                got: format!("{:?}", self.granularity),
                allowed: "Tensor and Block128x128, whose transpose has the same codes, are allowed",
            });
        }
        let (rows, cols) = (self.rows, self.cols);
        let (rows_u32, cols_u32) = check::sides("codes", rows, cols)?;
        let some = rows > 0 && cols > 0;
        check::address("codes", self.codes, 16, some)?;
        check::address("transposed codes", self.codes_t, 16, some)?;
        let pitch = check::pitch("codes", (rows, cols), self.pitch, 16, cols)?;
        let pitch_t = check::pitch("transposed codes", (cols, rows), self.pitch_t, 16, rows)?;
        let scales = self.scale_inv_t != 0 && self.granularity.scales(rows, cols) > 0;
        check::address("scale_inv", self.scale_inv, 4, scales)?;
        check::address("transposed scale_inv", self.scale_inv_t, 4, false)?;
        if !some && !scales {
            return Ok(());
        }
        let tiles = check::blocks("codes", rows_u32, cols_u32)?;
        let params = QuarterTranspose {
            codes: self.codes,
            codes_t: self.codes_t,
            scale_inv: self.scale_inv,
            scale_inv_t: if scales { self.scale_inv_t } else { 0 },
            pitch,
            pitch_t,
            rows: rows_u32,
            cols: cols_u32,
            tile_shift: if self.granularity == Granularity::Tensor { 31 } else { 0 },
            reserved: 0,
        };
        let shape = Shape::of_blocks(tiles);
        // SAFETY: as the caller promises.
        unsafe { enqueue(driver, stream, "transpose", "transpose", shape, &params) }
    }
}

impl Quantized {
    /// [`transpose`](Self::transpose) on a device, with the same bits. Copies to and from it, and
    /// waits; [`TransposeOn`] does neither.
    ///
    /// # Errors
    /// As [`transpose`](Self::transpose), and [`Error::Device`].
    pub fn transpose_on(&self, device: &Device) -> Result<Self> {
        // The reference refuses what cannot be transposed, and says why.
        let driver = match device.driver() {
            Some(driver) if self.granularity.is_symmetric() => driver,
            _ => return self.transpose(),
        };
        let (codes, scale_inv) = upload(driver, self)?;
        let pitch = default_pitch(self.rows);
        let codes_t = Buffer::zeroed(driver, self.cols * pitch)?;
        let scale_inv_t = Buffer::new(driver, scale_inv.len())?;
        let work = TransposeOn {
            codes: codes.address(),
            rows: self.rows,
            cols: self.cols,
            pitch: self.pitch,
            granularity: self.granularity,
            scale_inv: scale_inv.address(),
            codes_t: codes_t.address(),
            pitch_t: pitch,
            scale_inv_t: scale_inv_t.address(),
        };
        // SAFETY: all arrays are as large as the work says and outlive the wait.
        unsafe { work.enqueue(&**driver, Stream::default())? };
        driver.synchronize(Stream::default())?;
        // SAFETY: the work has written all scales, and codes over zeros.
        let (codes, scale_inv) = unsafe { (codes_t.to_bytes()?, scale_inv_t.to_bytes()?) };
        Ok(Self {
            format: self.format,
            rows: self.cols,
            cols: self.rows,
            pitch,
            codes,
            granularity: self.granularity,
            scale_inv: floats(&scale_inv),
        })
    }
}
