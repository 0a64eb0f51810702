//! A borrowed matrix of wide numbers.

use crate::{Element, Error, Result};

/// `rows` x `cols` numbers, row-major, `pitch` elements from one row to the next.
#[derive(Clone, Copy, Debug)]
pub struct Matrix<'a, T> {
    data: &'a [T],
    rows: usize,
    cols: usize,
    pitch: usize,
}

impl<'a, T: Element> Matrix<'a, T> {
    /// A dense matrix: `data` has exactly `rows * cols` elements.
    ///
    /// # Errors
    /// [`Error::Length`] otherwise; [`Error::Shape`] if `rows * cols`, each at least 1
    /// and rounded up to 16, is above `isize::MAX / 4`: such a matrix, empty perhaps,
    /// could not be held with its scales.
    pub fn new(data: &'a [T], rows: usize, cols: usize) -> Result<Self> {
        match rows.checked_mul(cols) {
            Some(n) if n == data.len() => {
                check_extent("matrix", rows, cols)?;
                Ok(Self { data, rows, cols, pitch: cols })
            }
            _ => Err(Error::Length {
                what: "matrix",
                got: data.len(),
                allowed: format!("{rows} x {cols} elements are needed"),
            }),
        }
    }

    /// A matrix inside a larger one: row `r` is `data[r * pitch..][..cols]`.
    ///
    /// # Errors
    /// [`Error::Shape`] if the pitch is shorter than a row or the matrix too large (as
    /// in [`new`](Self::new)), [`Error::Length`] if the last row does not fit.
    pub fn with_pitch(data: &'a [T], rows: usize, cols: usize, pitch: usize) -> Result<Self> {
        if pitch < cols {
            return Err(Error::Shape {
                what: "matrix",
                rows,
                cols,
                allowed: format!("the pitch of {pitch} has to be at least the columns"),
            });
        }
        match extent(rows, cols, pitch) {
            Some(n) if n <= data.len() => {
                check_extent("matrix", rows, cols)?;
                Ok(Self { data, rows, cols, pitch })
            }
            _ => Err(Error::Length {
                what: "matrix",
                got: data.len(),
                allowed: format!("{rows} rows of {cols} at a pitch of {pitch} have to fit"),
            }),
        }
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Number of columns.
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// From the first element to the last, and the pitch.
    pub(crate) fn parts(&self) -> (&'a [T], usize) {
        let n = extent(self.rows, self.cols, self.pitch).unwrap_or(0);
        (&self.data[..n], self.pitch)
    }

    /// Row `r`, which has to exist.
    pub(crate) fn row(&self, r: usize) -> &'a [T] {
        &self.data[r * self.pitch..][..self.cols]
    }
}

/// Elements from the first to one past the last; `None` on overflow.
pub(crate) fn extent(rows: usize, cols: usize, pitch: usize) -> Option<usize> {
    match rows {
        0 => Some(0),
        _ => (rows - 1).checked_mul(pitch)?.checked_add(cols),
    }
}

/// Refuses sides whose codes, transposed codes, scales or f32 numbers no allocation
/// could hold. Past it, products of sides and default pitches do not overflow.
pub(crate) fn check_extent(what: &'static str, rows: usize, cols: usize) -> Result<()> {
    let padded = |side: usize| side.max(1).checked_next_multiple_of(16);
    let bytes = padded(rows).zip(padded(cols)).and_then(|(r, c)| r.checked_mul(c)?.checked_mul(4));
    match bytes {
        Some(bytes) if bytes <= isize::MAX as usize => Ok(()),
        _ => Err(Error::Shape {
            what,
            rows,
            cols,
            allowed: "rows x columns, each rounded up to 16, have to fit into memory as f32".into(),
        }),
    }
}

/// As [`Matrix`], to be written to. Elements between the rows are left alone.
#[derive(Debug)]
pub struct MatrixMut<'a, T> {
    data: &'a mut [T],
    rows: usize,
    cols: usize,
    pitch: usize,
}

impl<'a, T: Element> MatrixMut<'a, T> {
    /// A dense matrix: `data` has exactly `rows * cols` elements.
    ///
    /// # Errors
    /// As [`Matrix::new`].
    pub fn new(data: &'a mut [T], rows: usize, cols: usize) -> Result<Self> {
        Matrix::new(&*data, rows, cols)?;
        Ok(Self { data, rows, cols, pitch: cols })
    }

    /// A matrix inside a larger one: row `r` is `data[r * pitch..][..cols]`.
    ///
    /// # Errors
    /// As [`Matrix::with_pitch`].
    pub fn with_pitch(data: &'a mut [T], rows: usize, cols: usize, pitch: usize) -> Result<Self> {
        Matrix::with_pitch(&*data, rows, cols, pitch)?;
        Ok(Self { data, rows, cols, pitch })
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Number of columns.
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// Calls `work(first row, rows)` for blocks of at most `block` rows, on as many
    /// threads as there are.
    pub(crate) fn for_each_block(
        &mut self,
        block: usize,
        work: impl Fn(usize, &mut [&mut [T]]) + Sync,
    ) {
        if self.rows == 0 || self.cols == 0 {
            return;
        }
        let n = extent(self.rows, self.cols, self.pitch).unwrap_or(0);
        let (cols, pitch) = (self.cols, self.pitch);
        // The pitch of a single row can be anything.
        let chunk = block.saturating_mul(pitch);
        let one = |(i, chunk): (usize, &mut [T])| {
            let mut rows: Vec<&mut [T]> =
                chunk.chunks_mut(pitch).map(|row| &mut row[..cols]).collect();
            work(i * block, &mut rows);
        };
        #[cfg(feature = "rayon")]
        {
            use rayon::prelude::*;
            self.data[..n].par_chunks_mut(chunk).enumerate().for_each(one);
        }
        #[cfg(not(feature = "rayon"))]
        self.data[..n].chunks_mut(chunk).enumerate().for_each(one);
    }
}
