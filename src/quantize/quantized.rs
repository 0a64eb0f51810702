//! Codes, scales and layout as one value.

use crate::quantize::{Granularity, matrix::check_extent};
use crate::{E4m3, E5m2, Element, Error, Format, Fp8, Result};

/// A quantized matrix: codes, scales and layout are one value, so that a scale
/// cannot be lost, applied twice, or read in another layout.
///
/// # Layout
/// `rows` x `cols` codes of one byte, row-major, [`pitch`](Self::pitch) bytes from
/// one row to the next; the bytes between `cols` and `pitch` are zero (+0, which no
/// product sees). By default the pitch is `cols` rounded up to 16 bytes, as TMA
/// needs it. As an operand of [`gemm`](crate::gemm) the columns are the K of the
/// product ("K-major").
///
/// # Units
/// Element (r, c) is worth `code(r, c) * scale_inv(r, c)`.
#[derive(Clone, Debug, PartialEq)]
pub struct Quantized {
    pub(crate) format: Format,
    pub(crate) rows: usize,
    pub(crate) cols: usize,
    pub(crate) pitch: usize,
    pub(crate) codes: Vec<u8>,
    pub(crate) granularity: Granularity,
    pub(crate) scale_inv: Vec<f32>,
}

/// The default pitch of a row of `cols` codes: the next multiple of 16 bytes, or the
/// last below 2^64 where there is no next one (no matrix is that wide).
pub const fn default_pitch(cols: usize) -> usize {
    match cols.checked_next_multiple_of(16) {
        Some(pitch) => pitch,
        None => usize::MAX & !15,
    }
}

impl Quantized {
    /// Takes codes without padding (`rows * cols` of them, as a checkpoint has
    /// them) and the reciprocal scales, in the order of
    /// [`Granularity::grid`]. The pitch becomes the default one.
    ///
    /// # Errors
    /// [`Error::Length`] if a slice does not fit, [`Error::Shape`] for a matrix too
    /// large to be held (see [`Matrix::new`](crate::quantize::Matrix::new)),
    /// [`Error::Parameter`] if a scale is not a positive finite number.
    pub fn from_unpadded(
        format: Format,
        (rows, cols): (usize, usize),
        codes: &[u8],
        granularity: Granularity,
        scale_inv: Vec<f32>,
    ) -> Result<Self> {
        if rows.checked_mul(cols) != Some(codes.len()) {
            return Err(Error::Length {
                what: "codes",
                got: codes.len(),
                allowed: format!("{rows} x {cols} bytes are needed"),
            });
        }
        check_extent("codes", rows, cols)?;
        let scales = granularity.scales(rows, cols);
        if scale_inv.len() != scales {
            return Err(Error::Length {
                what: "scale_inv",
                got: scale_inv.len(),
                allowed: format!("{scales} are needed for {granularity:?}"),
            });
        }
        if let Some(s) = scale_inv.iter().find(|s| !(**s > 0.0 && s.is_finite())) {
            return Err(Error::Parameter {
                what: "scale_inv",
                got: s.to_string(),
                allowed: "positive finite numbers are allowed",
            });
        }
        let pitch = default_pitch(cols);
        let mut padded = vec![0; rows * pitch];
        if cols > 0 {
            for (to, from) in padded.chunks_exact_mut(pitch).zip(codes.chunks_exact(cols)) {
                to[..cols].copy_from_slice(from);
            }
        }
        Ok(Self { format, rows, cols, pitch, codes: padded, granularity, scale_inv })
    }

    /// The codes without padding, as a checkpoint wants them: `rows * cols` bytes.
    pub fn to_unpadded(&self) -> Vec<u8> {
        (0..self.rows).flat_map(|r| self.row(r)).copied().collect()
    }

    /// The format of the codes.
    pub fn format(&self) -> Format {
        self.format
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Number of columns, without padding.
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// Bytes from one row to the next.
    pub fn pitch(&self) -> usize {
        self.pitch
    }

    /// All bytes, padding included: `rows * pitch`.
    pub fn padded(&self) -> &[u8] {
        &self.codes
    }

    /// Which elements share a scale.
    pub fn granularity(&self) -> Granularity {
        self.granularity
    }

    /// The reciprocal scales, in the order of [`Granularity::grid`].
    pub fn scale_inv(&self) -> &[f32] {
        &self.scale_inv
    }

    /// Bytes of codes and scales, as allocated.
    pub fn bytes(&self) -> usize {
        self.codes.len() + size_of_val(self.scale_inv.as_slice())
    }

    /// The transpose, same codes and same scales.
    ///
    /// # Errors
    /// [`Error::Shape`] if the tiles of the transpose are other sets of elements
    /// (per row, 1x128): it then has to be quantized from the wide numbers, see
    /// [`Quantizer::quantize_both`](crate::quantize::Quantizer::quantize_both).
    pub fn transpose(&self) -> Result<Self> {
        if !self.granularity.is_symmetric() {
            return Err(Error::Shape {
                what: "matrix to transpose",
                rows: self.rows,
                cols: self.cols,
                allowed: format!(
                    "scales of {:?} run along the rows; only Tensor and Block128x128 can be transposed as codes",
                    self.granularity
                ),
            });
        }
        let (grid_rows, grid_cols) = self.granularity.grid(self.rows, self.cols);
        let scale_inv = (0..grid_cols)
            .flat_map(|c| (0..grid_rows).map(move |r| self.scale_inv[r * grid_cols + c]))
            .collect();
        Ok(Self {
            format: self.format,
            rows: self.cols,
            cols: self.rows,
            pitch: default_pitch(self.rows),
            codes: transposed(&self.codes, (self.rows, self.cols), self.pitch),
            granularity: self.granularity,
            scale_inv,
        })
    }

    /// The wide numbers, dense and row-major: `code * scale_inv`, one f32
    /// multiplication, then nearest-even to `T`.
    pub fn dequantize<T: Element>(&self) -> Vec<T> {
        let table = match self.format {
            Format::E4m3 => widened::<E4m3>(),
            Format::E5m2 => widened::<E5m2>(),
        };
        let mut wide = Vec::with_capacity(self.rows * self.cols);
        for r in 0..self.rows {
            wide.extend(
                self.row(r).iter().enumerate().map(|(c, &code)| {
                    T::from_f32(table[usize::from(code)] * self.scale_inv_at(r, c))
                }),
            );
        }
        wide
    }

    /// Row `r`, which has to exist, without padding.
    pub(crate) fn row(&self, r: usize) -> &[u8] {
        &self.codes[r * self.pitch..][..self.cols]
    }

    /// The reciprocal scale of an element, which has to exist.
    #[inline]
    pub(crate) fn scale_inv_at(&self, r: usize, c: usize) -> f32 {
        let (tile_rows, tile_cols) = self.granularity.tile();
        let grid_cols = self.granularity.grid(self.rows, self.cols).1;
        self.scale_inv[r / tile_rows * grid_cols + c / tile_cols]
    }
}

/// The transpose of `rows` x `cols` codes at a pitch, at the default pitch of its own.
pub(super) fn transposed(codes: &[u8], (rows, cols): (usize, usize), pitch: usize) -> Vec<u8> {
    let to = default_pitch(rows);
    let mut turned = vec![0; cols * to];
    // Square tiles keep both sides in the cache.
    for r0 in (0..rows).step_by(64) {
        for c0 in (0..cols).step_by(64) {
            for r in r0..rows.min(r0 + 64) {
                for c in c0..cols.min(c0 + 64) {
                    turned[c * to + r] = codes[r * pitch + c];
                }
            }
        }
    }
    turned
}

fn widened<F: Fp8>() -> [f32; 256] {
    core::array::from_fn(|code| F::from_bits(code as u8).to_f32())
}
