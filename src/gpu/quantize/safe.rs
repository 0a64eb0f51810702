//! The reference's casts, on a device if there is one.

use std::sync::Arc;

use crate::gpu::wide::{bytes_of, floats};
use crate::gpu::{
    Buffer, CastStatsOn, Device, Driver, QuantizeOn, ScaleOn, Stream, TransposedOn, WideType,
};
use crate::quantize::{
    Cast, CastStats, Granularity, Matrix, Quantized, Quantizer, Scale, default_pitch,
};
use crate::{Element, Result};

impl Quantizer<'_> {
    /// [`quantize`](Self::quantize) on a device, with the same bits. Copies to and from it, and
    /// waits: for tests and single calls. [`QuantizeOn`] does neither.
    ///
    /// # Errors
    /// As [`quantize`](Self::quantize), and [`Error::Device`](crate::Error::Device).
    pub fn quantize_on<T: Element>(&self, device: &Device, src: Matrix<T>) -> Result<Cast> {
        match device.driver() {
            None => self.quantize(src),
            Some(driver) => Ok(self.run_on(driver, src, false)?.0),
        }
    }

    /// [`quantize_both`](Self::quantize_both) on a device, with the same bits; as
    /// [`quantize_on`](Self::quantize_on).
    ///
    /// # Errors
    /// As [`quantize_both`](Self::quantize_both), and [`Error::Device`](crate::Error::Device).
    pub fn quantize_both_on<T: Element>(
        &self,
        device: &Device,
        src: Matrix<T>,
    ) -> Result<(Cast, Cast)> {
        match device.driver() {
            None => self.quantize_both(src),
            Some(driver) => match self.run_on(driver, src, true)? {
                (cast, Some(transposed)) => Ok((cast, transposed)),
                // Both were asked for; if not for that, the reference has both.
                (_, None) => self.quantize_both(src),
            },
        }
    }

    fn run_on<T: Element>(
        &self,
        driver: &Arc<dyn Driver>,
        src: Matrix<T>,
        both: bool,
    ) -> Result<(Cast, Option<Cast>)> {
        let (rows, cols) = (src.rows(), src.cols());
        self.validate(rows, cols)?;
        let (numbers, src_pitch) = src.parts();
        // The pitch of a single row can be anything.
        let src_pitch = if rows > 1 { src_pitch } else { cols };
        let numbers = Buffer::from_bytes(driver, bytes_of(numbers))?;
        let given = match self.scale {
            Scale::Given(scales) => Some(Buffer::from_bytes(driver, bytes_of(scales))?),
            Scale::Current(_) => None,
        };
        let pitch = self.pitch.unwrap_or(default_pitch(cols));
        let to = Destination::new(driver, (rows, cols), pitch, self.granularity)?;
        let to_transposed = match both {
            true => {
                Some(Destination::new(driver, (cols, rows), default_pitch(rows), self.granularity)?)
            }
            false => None,
        };
        let mut cast = QuantizeOn {
            wide: WideType::of::<T>(),
            src: numbers.address(),
            rows,
            cols,
            src_pitch,
            format: self.format,
            rounding: self.rounding,
            granularity: self.granularity,
            scale: match self.scale {
                Scale::Given(_) => ScaleOn::Given(given.as_ref().map_or(0, Buffer::address)),
                Scale::Current(policy) => ScaleOn::Current(policy),
            },
            codes: to.codes.address(),
            pitch,
            scale_inv: to.scale_inv.address(),
            stats: to.stats(),
            transposed: to_transposed.as_ref().map(|to| TransposedOn {
                codes: to.codes.address(),
                pitch: to.pitch,
                scale_inv: to.scale_inv.address(),
                stats: to.stats(),
            }),
            workspace: 0,
        };
        let workspace = Buffer::new(driver, cast.workspace_bytes())?;
        cast.workspace = workspace.address();
        // SAFETY: every array was allocated for it above, and lives until the stream has ended.
        unsafe { cast.enqueue(&**driver, Stream::default())? };
        driver.synchronize(Stream::default())?;
        let first = to.into_cast(self)?;
        let second = match to_transposed {
            None => None,
            Some(to) => {
                let mut cast = to.into_cast(self)?;
                if self.granularity.is_symmetric() {
                    cast.stats = first.stats;
                }
                Some(cast)
            }
        };
        Ok((first, second))
    }
}

/// Arrays on the device that become a [`Cast`].
struct Destination {
    rows: usize,
    cols: usize,
    pitch: usize,
    codes: Buffer,
    scale_inv: Buffer,
    /// amax at 0, counts at 8.
    stats: Buffer,
}

impl Destination {
    fn new(
        driver: &Arc<dyn Driver>,
        (rows, cols): (usize, usize),
        pitch: usize,
        granularity: Granularity,
    ) -> Result<Self> {
        Ok(Self {
            rows,
            cols,
            pitch,
            codes: Buffer::zeroed(driver, rows * pitch)?,
            scale_inv: Buffer::new(driver, 4 * granularity.scales(rows, cols))?,
            stats: Buffer::zeroed(driver, 32)?,
        })
    }

    fn stats(&self) -> CastStatsOn {
        CastStatsOn { amax: self.stats.address(), counts: self.stats.address() + 8 }
    }

    fn into_cast(self, quantizer: &Quantizer) -> Result<Cast> {
        // SAFETY: the codes and statistics were zeroed, and the cast has written all scales.
        let (codes, scale_inv, stats) =
            unsafe { (self.codes.to_bytes()?, self.scale_inv.to_bytes()?, self.stats.to_bytes()?) };
        let word = |at: usize| u64::from_le_bytes(std::array::from_fn(|i| stats[8 * at + i]));
        let data = Quantized {
            format: quantizer.format,
            rows: self.rows,
            cols: self.cols,
            pitch: self.pitch,
            codes,
            granularity: quantizer.granularity,
            scale_inv: floats(&scale_inv),
        };
        let stats = CastStats {
            amax: word(0) as u32,
            saturated: word(1),
            flushed: word(2),
            non_finite: word(3),
        };
        Ok(Cast { data, stats })
    }
}
