//! A cast as the caller's addresses, checked and enqueued.

use crate::ffi::{self, QuarterQuantize};
use crate::gpu::launch::{Shape, enqueue, striding};
use crate::gpu::wide::format_name;
use crate::gpu::{Driver, Stream, WideType, check};
use crate::quantize::{Granularity, Rounding};
use crate::scaling::{Policy, TinyAmax};
use crate::{Error, Format, Result};

/// Where the scales of a cast on a device come from.
#[derive(Clone, Copy, Debug)]
pub enum ScaleOn {
    /// f32 at this address, in the order of [`Granularity::grid`]: as
    /// [`Quantizer`](crate::quantize::Quantizer) takes them, positive, finite, with a finite
    /// reciprocal. Nobody checks that.
    Given(u64),
    /// The amax of each tile.
    Current(Policy),
}

/// Where the statistics of a cast go; 0 where they are not wanted.
#[derive(Clone, Copy, Debug, Default)]
pub struct CastStatsOn {
    /// u32, raised to the bits of the largest `|x|`: an entry of a delayed scale's amaxes.
    pub amax: u64,
    /// u64 x 3, added to: saturated, flushed, not finite.
    pub counts: u64,
}

/// Where the transposed copy of a cast goes.
#[derive(Clone, Copy, Debug)]
pub struct TransposedOn {
    /// `cols` x `rows` bytes, aligned to 16.
    pub codes: u64,
    /// Bytes from one row of it to the next, a multiple of 16.
    pub pitch: usize,
    /// f32 in the order of the transpose's grid; 0 if not wanted.
    pub scale_inv: u64,
    /// What its cast has seen, per row and 1x128. For the other granularities the codes are the
    /// same, and the statistics those of the cast.
    pub stats: CastStatsOn,
}

/// A cast on a device, in addresses of the device.
///
/// The bits are those of [`Quantizer::quantize`](crate::quantize::Quantizer::quantize) and
/// `quantize_both`. Codes beyond the columns are left alone: zero them once.
#[derive(Clone, Copy, Debug)]
pub struct QuantizeOn {
    /// Type of the source.
    pub wide: WideType,
    /// First element, aligned to its size. Quads of a row that are aligned to four elements are
    /// one load each.
    pub src: u64,
    /// Rows.
    pub rows: usize,
    /// Columns.
    pub cols: usize,
    /// Elements from one row of the source to the next.
    pub src_pitch: usize,
    /// The format of the codes.
    pub format: Format,
    /// How numbers become codes.
    pub rounding: Rounding,
    /// Which elements share a scale.
    pub granularity: Granularity,
    /// Where the scales come from.
    pub scale: ScaleOn,
    /// `rows` x `cols` bytes, aligned to 16.
    pub codes: u64,
    /// Bytes from one row of codes to the next, a multiple of 16.
    pub pitch: usize,
    /// f32 in the order of the grid; 0 if not wanted.
    pub scale_inv: u64,
    /// What the cast has seen.
    pub stats: CastStatsOn,
    /// The transposed copy.
    pub transposed: Option<TransposedOn>,
    /// Scratch of [`workspace_bytes`](Self::workspace_bytes), aligned to 4; nothing is kept in it.
    pub workspace: u64,
}

impl QuantizeOn {
    /// How large [`workspace`](Self::workspace) has to be: for the amaxes that one launch leaves
    /// to the next.
    pub fn workspace_bytes(&self) -> usize {
        match (self.scale, self.granularity, self.transposed) {
            (ScaleOn::Current(_), Granularity::Tensor, _) => 4,
            (ScaleOn::Current(_), Granularity::Row, Some(_)) => 4 * (self.rows + self.cols),
            _ => 0,
        }
    }

    /// Checks everything, then enqueues the cast: at most a fill and two launches. Nothing is
    /// allocated, and nobody waits.
    ///
    /// # Errors
    /// [`Error::Parameter`] and [`Error::Shape`] for addresses, pitches and sides that are not
    /// allowed, before anything is enqueued; [`Error::Device`] as the driver has it.
    ///
    /// # Safety
    /// Every address is of this device and valid for its array until the stream has run the
    /// cast; the arrays that are written do not overlap any other.
    pub unsafe fn enqueue(&self, driver: &dyn Driver, stream: Stream) -> Result<()> {
        let params = self.params()?;
        let (rows, cols) = (self.rows, self.cols);
        let scales = self.granularity.scales(rows, cols);
        if scales == 0 && (self.transposed.is_none() || self.granularity.scales(cols, rows) == 0) {
            return Ok(());
        }
        // SAFETY: as the caller promises; the workspace is large enough.
        unsafe {
            match self.transposed {
                None => self.along_rows(driver, stream, params),
                Some(_) => self.both(driver, stream, params),
            }
        }
    }

    /// The cast without a transposed copy.
    unsafe fn along_rows(
        &self,
        driver: &dyn Driver,
        stream: Stream,
        mut params: QuarterQuantize,
    ) -> Result<()> {
        let (resident, resident_given, most_threads) = match self.rounding {
            Rounding::Nearest => (
                ffi::QUARTER_RESIDENT_NEAREST,
                ffi::QUARTER_RESIDENT_GIVEN_NEAREST,
                ffi::QUARTER_ROW_THREADS_NEAREST,
            ),
            Rounding::Stochastic(_) => (
                ffi::QUARTER_RESIDENT_STOCHASTIC,
                ffi::QUARTER_RESIDENT_GIVEN_STOCHASTIC,
                ffi::QUARTER_ROW_THREADS_STOCHASTIC,
            ),
        };
        let units = params.rows * params.spans;
        let (stem, shape) = match (self.scale, self.granularity) {
            (ScaleOn::Given(_), Granularity::Tensor) => {
                ("quantize_tensor", striding(driver, units, resident))
            }
            (ScaleOn::Given(_), _) => ("quantize_cast", striding(driver, units, resident_given)),
            (ScaleOn::Current(_), Granularity::Tensor) => {
                // SAFETY: as the caller promises.
                unsafe { self.tensor_amax(driver, stream, &mut params)? };
                ("quantize_tensor", striding(driver, units, resident))
            }
            (ScaleOn::Current(_), Granularity::Row) => {
                let warps = params.spans.min(most_threads / 32);
                let at_once = driver.processors() * (64 / warps).min(32);
                let blocks = params.rows.clamp(1, at_once.max(1));
                ("quantize_row", Shape::of(blocks, 32 * warps))
            }
            (ScaleOn::Current(_), Granularity::Block1x128) => {
                ("quantize_block", striding(driver, units, resident))
            }
            // SAFETY: as the caller promises.
            (ScaleOn::Current(_), Granularity::Block128x128) => unsafe {
                return self.both(driver, stream, params);
            },
        };
        // SAFETY: as the caller promises.
        unsafe { enqueue(driver, stream, "quantize", &self.entry(stem), shape, &params) }
    }

    /// The cast with a transposed copy, or of square tiles: block by block of 128 x 128.
    unsafe fn both(
        &self,
        driver: &dyn Driver,
        stream: Stream,
        mut params: QuarterQuantize,
    ) -> Result<()> {
        let shape = Shape::of_blocks(check::blocks("matrix", params.rows, params.cols)?);
        let stem = if self.granularity.is_symmetric() { "quantize_tile" } else { "quantize_both" };
        match (self.scale, self.granularity) {
            (ScaleOn::Given(_), _) => {}
            (ScaleOn::Current(_), Granularity::Tensor) => {
                // SAFETY: as the caller promises.
                unsafe { self.tensor_amax(driver, stream, &mut params)? };
            }
            (ScaleOn::Current(_), Granularity::Row) => {
                params.scale = self.workspace;
                params.scale_t = self.workspace + 4 * self.rows as u64;
                params.flags |= ffi::QUARTER_FROM_AMAX;
                let entry = format!("quantize_amaxes_{}", self.wide.name());
                // SAFETY: as the caller promises.
                unsafe {
                    driver.fill(stream, self.workspace, 0, self.workspace_bytes())?;
                    enqueue(driver, stream, "quantize_tile", &entry, shape, &params)?;
                }
            }
            (ScaleOn::Current(_), _) => params.flags |= ffi::QUARTER_OWN_AMAX,
        }
        // SAFETY: as the caller promises.
        unsafe { enqueue(driver, stream, "quantize_tile", &self.entry(stem), shape, &params) }
    }

    /// The amax of the tensor, into the workspace, from where the next launch takes its scale.
    unsafe fn tensor_amax(
        &self,
        driver: &dyn Driver,
        stream: Stream,
        params: &mut QuarterQuantize,
    ) -> Result<()> {
        params.scale = self.workspace;
        params.flags |= ffi::QUARTER_FROM_AMAX;
        let amax = QuarterQuantize { amax: self.workspace, counts: 0, ..*params };
        let entry = format!("quantize_amax_{}", self.wide.name());
        let shape = striding(driver, params.rows * params.spans, ffi::QUARTER_RESIDENT_AMAX);
        // SAFETY: as the caller promises.
        unsafe {
            driver.fill(stream, self.workspace, 0, 4)?;
            enqueue(driver, stream, "quantize", &entry, shape, &amax)
        }
    }

    fn entry(&self, stem: &str) -> String {
        let rounding = match self.rounding {
            Rounding::Nearest => "rn",
            Rounding::Stochastic(_) => "rs",
        };
        format!("{stem}_{}_{}_{rounding}", self.wide.name(), format_name(self.format))
    }

    /// Everything checked, as the kernels take it.
    fn params(&self) -> Result<QuarterQuantize> {
        let (rows, cols) = (self.rows, self.cols);
        let (rows_u32, cols_u32) = check::sides("matrix", rows, cols)?;
        let some = rows > 0 && cols > 0;
        let size = self.wide.size();
        check::address("source", self.src, size as u64, some)?;
        // No overflow: sides are below 2^31.
        let src_pitch = self.src_pitch.saturating_mul(size);
        let src_pitch = check::pitch("source", (rows, cols), src_pitch, size, cols * size)?;
        check::address("codes", self.codes, 16, some)?;
        let pitch = check::pitch("codes", (rows, cols), self.pitch, 16, cols)?;
        check::address("scale_inv", self.scale_inv, 4, false)?;
        self.stats.check()?;
        check::address("workspace", self.workspace, 4, self.workspace_bytes() > 0)?;
        // A row without elements has a scale, so there is one span at least.
        let spans = cols_u32.div_ceil(ffi::QUARTER_SPAN).max(1);
        check::count(
            "matrix",
            (rows, cols),
            u64::from(rows_u32) * u64::from(spans),
            "runs of 512 columns",
        )?;
        let (row_shift, col_shift, scale_cols) = tiles(self.granularity, cols);
        let mut params = QuarterQuantize {
            src: self.src,
            codes: self.codes,
            scale_inv: self.scale_inv,
            amax: self.stats.amax,
            counts: self.stats.counts,
            src_pitch,
            pitch,
            rows: rows_u32,
            cols: cols_u32,
            row_shift,
            col_shift,
            scale_cols,
            spans,
            ..QuarterQuantize::default()
        };
        match self.scale {
            ScaleOn::Given(scale) => {
                check::address("scale", scale, 4, self.granularity.scales(rows, cols) > 0)?;
                params.scale = scale;
            }
            ScaleOn::Current(policy) => {
                policy.validate()?;
                params.max_margin = policy.max_margin(self.format);
                params.floor = match policy.tiny {
                    TinyAmax::Clamp => 0.0,
                    TinyAmax::Floor(floor) => floor,
                };
                params.flags = if policy.pow2 { ffi::QUARTER_POW2 } else { 0 };
            }
        }
        if let Rounding::Stochastic(words) = self.rounding {
            params.first = words.first;
            params.row_stride = words.row_stride.unwrap_or(cols as u64);
            params.seed_low = words.source.seed as u32;
            params.seed_high = (words.source.seed >> 32) as u32;
            params.tensor = words.source.tensor;
            params.step = words.source.step;
        }
        if let Some(t) = self.transposed {
            if matches!(self.scale, ScaleOn::Given(_)) && !self.granularity.is_symmetric() {
                return Err(Error::Parameter {
                    what: "granularity",
                    got: format!("{:?} with given scales", self.granularity),
                    allowed: "Tensor and Block128x128, whose scales serve the transpose too, are allowed",
                });
            }
            check::address("transposed codes", t.codes, 16, some)?;
            check::address("transposed scale_inv", t.scale_inv, 4, false)?;
            t.stats.check()?;
            params.codes_t = t.codes;
            params.pitch_t = check::pitch("transposed codes", (cols, rows), t.pitch, 16, rows)?;
            params.scale_inv_t = t.scale_inv;
            if !self.granularity.is_symmetric() {
                (params.amax_t, params.counts_t) = (t.stats.amax, t.stats.counts);
            }
            (params.row_shift_t, params.col_shift_t, params.scale_cols_t) =
                tiles(self.granularity, rows);
        }
        Ok(params)
    }
}

impl CastStatsOn {
    fn check(&self) -> Result<()> {
        check::address("amax", self.amax, 4, false)?;
        check::address("counts", self.counts, 8, false)
    }
}

/// Shifts from rows and columns to tiles, and tiles of a row of the grid.
pub(in crate::gpu) fn tiles(granularity: Granularity, cols: usize) -> (u32, u32, u32) {
    // Sides are below 2^31: shifted by 31 they are 0.
    match granularity {
        Granularity::Tensor => (31, 31, 1),
        Granularity::Row => (0, 31, 1),
        Granularity::Block1x128 => (0, 7, cols.div_ceil(128) as u32),
        Granularity::Block128x128 => (7, 7, cols.div_ceil(128) as u32),
    }
}
