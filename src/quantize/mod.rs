//! Quantize and dequantize: wide numbers to codes with scales, and back.
//!
//! # Numeric contract
//! For each tile of the [`Granularity`] (all f32, nearest-even):
//!
//! ```text
//! amax  = max over the tile of the bits of |x|         NaN above infinity above all
//! scale = given, or Policy::scale(amax)                 crate::scaling
//! y     = f32(x) * scale                                one multiplication
//! code  = nearest-even, saturating                      PTX cvt.rn.satfinite
//!       | stochastic with 16 random bits                cvt.rs, crate::random Stream::Cast
//! scale_inv = 1 / scale                                 one division
//! ```
//!
//! NaN stays NaN, infinity saturates like any large number. `scale_inv` belongs to
//! the scale the cast used, whatever happens to a delayed scale afterwards.
//!
//! Counts ([`CastStats`]): `saturated` are finite x that were clipped to the
//! largest value, `flushed` are x other than 0 whose code is +-0, `non_finite` are
//! infinities and NaN. They and the amax do not depend on the pitch or on
//! threads, and padding takes no part.

mod cast;
mod granularity;
mod matrix;
mod quantized;
mod transposed;
mod words;

pub use granularity::Granularity;
pub use matrix::{Matrix, MatrixMut};
pub use quantized::{Quantized, default_pitch};
pub use quarter_numerics::slice::CastStats;
pub use words::Words;

use quarter_numerics::slice;

use cast::Run;
pub(crate) use matrix::check_extent;

use crate::scaling::Policy;
use crate::{Element, Error, Format, Result};

/// Where the scales of a cast come from.
#[derive(Clone, Copy, Debug)]
pub enum Scale<'a> {
    /// These, in the order of [`Granularity::grid`]: delayed or static scaling.
    Given(&'a [f32]),
    /// The amax of each tile ("current scaling").
    Current(Policy),
}

/// How a scaled number becomes a code. (Stores of the optimizer have their own,
/// [`adamw::Rounding`](crate::adamw::Rounding), which draws other words.)
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Rounding {
    /// To nearest, ties to even.
    #[default]
    Nearest,
    /// Up with the probability of the fraction, by the words of [`Stream::Cast`](crate::random::Stream::Cast).
    Stochastic(Words),
}

/// How to quantize.
///
/// ```
/// use quarter::{Format, quantize::{Granularity, Matrix, Quantizer}};
///
/// let x: Vec<f32> = (0..300).map(|i| i as f32 - 150.0).collect();
/// let q = Quantizer { granularity: Granularity::Block1x128, ..Quantizer::default() };
/// let cast = q.quantize(Matrix::new(&x, 2, 150)?)?;
/// assert_eq!(cast.data.scale_inv().len(), 4);
/// assert_eq!(cast.data.pitch(), 160);
/// assert_eq!(f32::from_bits(cast.stats.amax), 150.0);
/// let back: Vec<f32> = cast.data.dequantize();
/// assert!((back[10] - x[10]).abs() <= 140.0 / 16.0);
/// # Ok::<(), quarter::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Quantizer<'a> {
    /// The format of the codes.
    pub format: Format,
    /// Which elements share a scale.
    pub granularity: Granularity,
    /// Where the scales come from.
    pub scale: Scale<'a>,
    /// How numbers become codes.
    pub rounding: Rounding,
    /// Bytes from one row of codes to the next; `None` is [`default_pitch`]. A
    /// multiple of 16 below 2^40, as TMA needs it.
    pub pitch: Option<usize>,
}

/// E4M3 to nearest with one scale taken from the amax.
impl Default for Quantizer<'_> {
    fn default() -> Self {
        Self {
            format: Format::E4m3,
            granularity: Granularity::Tensor,
            scale: Scale::Current(Policy::default()),
            rounding: Rounding::Nearest,
            pitch: None,
        }
    }
}

/// A quantized matrix and what its cast has seen.
#[derive(Clone, Debug, PartialEq)]
pub struct Cast {
    /// Codes, scales and layout.
    pub data: Quantized,
    /// Amax before scaling, and counts.
    pub stats: CastStats,
}

impl Quantizer<'_> {
    /// Checks everything that does not depend on the numbers.
    ///
    /// # Errors
    /// As [`quantize`](Self::quantize).
    pub fn validate(&self, rows: usize, cols: usize) -> Result<()> {
        check_extent("matrix", rows, cols)?;
        match self.scale {
            Scale::Given(scales) => {
                let need = self.granularity.scales(rows, cols);
                if scales.len() != need {
                    return Err(Error::Length {
                        what: "scales",
                        got: scales.len(),
                        allowed: format!("{need} are needed for {:?}", self.granularity),
                    });
                }
                // Below 2^-127 the reciprocal is no longer finite.
                if let Some(s) =
                    scales.iter().find(|s| !(**s > 0.0 && s.is_finite() && (1.0 / **s).is_finite()))
                {
                    return Err(Error::Parameter {
                        what: "scale",
                        got: s.to_string(),
                        allowed: "positive finite numbers with a finite reciprocal are allowed",
                    });
                }
            }
            Scale::Current(policy) => policy.validate()?,
        }
        let fits = |pitch: usize| {
            let bytes = rows.checked_mul(pitch).is_some_and(|bytes| bytes <= isize::MAX as usize);
            bytes && pitch >= cols && pitch.is_multiple_of(16) && pitch as u64 >> 40 == 0
        };
        if let Some(pitch) = self.pitch.filter(|pitch| !fits(*pitch)) {
            return Err(Error::Shape {
                what: "quantized matrix",
                rows,
                cols,
                allowed: format!(
                    "the pitch of {pitch} has to be a multiple of 16, at least the columns, below 2^40, and fit into memory with all rows"
                ),
            });
        }
        Ok(())
    }

    /// Quantizes a matrix.
    ///
    /// # Errors
    /// [`Error::Length`] if the number of given scales is not
    /// [`Granularity::scales`]; [`Error::Parameter`] for a scale that is not
    /// positive and finite with a finite reciprocal, or a policy out of range;
    /// [`Error::Shape`] for a pitch that is shorter than a row, no multiple of 16 or too
    /// large, or a matrix too large, as in [`Matrix::new`].
    pub fn quantize<T: Element>(&self, src: Matrix<T>) -> Result<Cast> {
        self.validate(src.rows(), src.cols())?;
        Ok(self.run(src))
    }

    /// Quantizes a matrix and its transpose: the two K-major copies that training
    /// needs.
    ///
    /// Where the tiles are the same sets of elements (per tensor, 128x128) the
    /// transpose reuses the codes. Per row and 1x128 it is quantized from the wide
    /// numbers with scales along **its** rows; each element keeps its random word.
    /// The pitch of the transpose is the default one.
    ///
    /// # Errors
    /// As [`quantize`](Self::quantize); [`Error::Parameter`] for given scales with
    /// a granularity that needs others for the transpose.
    pub fn quantize_both<T: Element>(&self, src: Matrix<T>) -> Result<(Cast, Cast)> {
        if matches!(self.scale, Scale::Given(_)) && !self.granularity.is_symmetric() {
            return Err(Error::Parameter {
                what: "granularity",
                got: format!("{:?} with given scales", self.granularity),
                allowed: "Tensor and Block128x128, whose scales serve the transpose too, are allowed",
            });
        }
        let cast = self.quantize(src)?;
        let transposed = if self.granularity.is_symmetric() {
            Cast { data: cast.data.transpose()?, stats: cast.stats }
        } else {
            self.run_transposed(src)
        };
        Ok((cast, transposed))
    }

    /// The cast itself, tile by tile, after everything has been checked.
    fn run<T: Element>(&self, src: Matrix<T>) -> Cast {
        let (rows, cols) = (src.rows(), src.cols());
        let pitch = self.pitch.unwrap_or(default_pitch(cols));
        let mut codes = vec![0u8; rows * pitch];
        let (grid_rows, grid_cols) = self.granularity.grid(rows, cols);
        let (tile_rows, tile_cols) = self.granularity.tile();
        let mut scale_inv = Vec::with_capacity(grid_rows * grid_cols);
        let mut stats = CastStats::default();
        for tile in 0..grid_rows * grid_cols {
            let r = span(tile / grid_cols, tile_rows, rows);
            let c = span(tile % grid_cols, tile_cols, cols);
            let scale = match self.scale {
                Scale::Given(scales) => scales[tile],
                Scale::Current(policy) => {
                    let amax =
                        r.clone().map(|r| slice::amax(&src.row(r)[c.clone()])).max().unwrap_or(0);
                    policy.scale(self.format, amax, None)
                }
            };
            scale_inv.push(1.0 / scale);
            for r in r {
                let run = Run {
                    format: self.format,
                    scale,
                    rounding: self.rounding.at(r, c.start, cols),
                };
                let dst = &mut codes[r * pitch..][c.clone()];
                stats.merge(run.cast(&src.row(r)[c.clone()], dst));
            }
        }
        let data = Quantized {
            format: self.format,
            rows,
            cols,
            pitch,
            codes,
            granularity: self.granularity,
            scale_inv,
        };
        Cast { data, stats }
    }
}

/// The `i`-th span of `len` below `end`.
fn span(i: usize, len: usize, end: usize) -> core::ops::Range<usize> {
    let start = i.saturating_mul(len).min(end);
    start..start.saturating_add(len).min(end)
}
