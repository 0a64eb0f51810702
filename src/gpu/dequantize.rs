//! Codes back to wide numbers on a device.

use std::sync::Arc;

use super::launch::{enqueue, striding};
use super::quantize::tiles;
use super::wide::{bytes_of, format_name};
use super::{Buffer, Device, Driver, Stream, WideType, check};
use crate::ffi::{QUARTER_RESIDENT_DEQUANTIZE, QUARTER_SPAN, QuarterDequantize};
use crate::quantize::{Granularity, Quantized};
use crate::{Element, Format, Result};

/// [`Quantized::dequantize`] on a device, in addresses of the device.
#[derive(Clone, Copy, Debug)]
pub struct DequantizeOn {
    /// The format of the codes.
    pub format: Format,
    /// `rows` x `cols` bytes, aligned to 16.
    pub codes: u64,
    /// Rows.
    pub rows: usize,
    /// Columns.
    pub cols: usize,
    /// Bytes from one row of codes to the next, a multiple of 16.
    pub pitch: usize,
    /// Which elements share a scale.
    pub granularity: Granularity,
    /// f32 in the order of the grid.
    pub scale_inv: u64,
    /// Type of the numbers.
    pub wide: WideType,
    /// Where they go, aligned to their size.
    pub dst: u64,
    /// Elements from one row of them to the next. What lies between is left alone.
    pub dst_pitch: usize,
}

impl DequantizeOn {
    /// Checks everything, then enqueues one launch.
    ///
    /// # Errors
    /// As [`QuantizeOn::enqueue`](super::QuantizeOn::enqueue).
    ///
    /// # Safety
    /// As [`QuantizeOn::enqueue`](super::QuantizeOn::enqueue).
    pub unsafe fn enqueue(&self, driver: &dyn Driver, stream: Stream) -> Result<()> {
        let (rows, cols) = (self.rows, self.cols);
        let (rows_u32, cols_u32) = check::sides("codes", rows, cols)?;
        let size = self.wide.size();
        let some = rows > 0 && cols > 0;
        check::address("codes", self.codes, 16, some)?;
        check::address("scale_inv", self.scale_inv, 4, some)?;
        check::address("numbers", self.dst, size as u64, some)?;
        let pitch = check::pitch("codes", (rows, cols), self.pitch, 16, cols)?;
        let dst_pitch = self.dst_pitch.saturating_mul(size);
        let dst_pitch = check::pitch("numbers", (rows, cols), dst_pitch, size, cols * size)?;
        let spans = cols_u32.div_ceil(QUARTER_SPAN);
        let items = check::count(
            "codes",
            (rows, cols),
            u64::from(rows_u32) * u64::from(spans),
            "runs of 512 columns",
        )?;
        if items == 0 {
            return Ok(());
        }
        let (row_shift, col_shift, scale_cols) = tiles(self.granularity, cols);
        let params = QuarterDequantize {
            codes: self.codes,
            scale_inv: self.scale_inv,
            dst: self.dst,
            pitch,
            dst_pitch,
            rows: rows_u32,
            cols: cols_u32,
            row_shift,
            col_shift,
            scale_cols,
            spans,
        };
        let entry = format!("dequantize_{}_{}", self.wide.name(), format_name(self.format));
        let shape = striding(driver, items, QUARTER_RESIDENT_DEQUANTIZE);
        // SAFETY: as the caller promises.
        unsafe { enqueue(driver, stream, "dequantize", &entry, shape, &params) }
    }
}

impl Quantized {
    /// [`dequantize`](Self::dequantize) on a device, with the same bits. Copies to and from it,
    /// and waits; [`DequantizeOn`] does neither.
    ///
    /// # Errors
    /// [`Error::Device`](crate::Error::Device).
    pub fn dequantize_on<T: Element>(&self, device: &Device) -> Result<Vec<T>> {
        let Some(driver) = device.driver() else {
            return Ok(self.dequantize());
        };
        let (codes, scale_inv) = upload(driver, self)?;
        let numbers = Buffer::new(driver, self.rows * self.cols * size_of::<T>())?;
        let work = DequantizeOn {
            format: self.format,
            codes: codes.address(),
            rows: self.rows,
            cols: self.cols,
            pitch: self.pitch,
            granularity: self.granularity,
            scale_inv: scale_inv.address(),
            wide: WideType::of::<T>(),
            dst: numbers.address(),
            dst_pitch: self.cols,
        };
        // SAFETY: all arrays are as large as the work says and outlive the wait.
        unsafe { work.enqueue(&**driver, Stream::default())? };
        driver.synchronize(Stream::default())?;
        // SAFETY: the work has written every number.
        let bytes = unsafe { numbers.to_bytes()? };
        let mut wide = vec![T::default(); self.rows * self.cols];
        // SAFETY: as many bytes of plain numbers, for which all bits are valid.
        unsafe {
            std::ptr::copy_nonoverlapping(bytes.as_ptr(), wide.as_mut_ptr().cast(), bytes.len());
        }
        Ok(wide)
    }
}

/// Codes and scales on the device.
pub(super) fn upload(driver: &Arc<dyn Driver>, from: &Quantized) -> Result<(Buffer, Buffer)> {
    let codes = Buffer::from_bytes(driver, &from.codes)?;
    Ok((codes, Buffer::from_bytes(driver, bytes_of(&from.scale_inv))?))
}
