//! Which random words a stochastic cast spends.

use crate::random::Source;

/// The random words of a matrix: element (r, c) has the flat index
/// `first + r * row_stride + c` in the tensor that `source` names, and with it the
/// word of that index in the table of [`random`](crate::random). A shard that states
/// where it lies is therefore cast as the same part of the whole tensor. Indices are
/// taken modulo 2^52.
///
/// ```
/// use quarter::quantize::{Matrix, Quantizer, Rounding, Scale, Words};
/// use quarter::random::Source;
///
/// let x: Vec<f32> = (0..6 * 40).map(|i| 1.0 + i as f32 / 300.0).collect();
/// let source = Source { seed: 1, tensor: 2, step: 3 };
/// let cast = |x: Matrix<f32>, words| {
///     let rounding = Rounding::Stochastic(words);
///     let q = Quantizer { scale: Scale::Given(&[1.0]), rounding, ..Quantizer::default() };
///     q.quantize(x).map(|cast| cast.data.to_unpadded())
/// };
/// let whole = cast(Matrix::new(&x, 6, 40)?, Words::of(source))?;
/// // Columns 10 to 30 of rows 2 to 6.
/// let part = Matrix::with_pitch(&x[2 * 40 + 10..], 4, 20, 40)?;
/// let part = cast(part, Words::of_shard(source, 2 * 40 + 10, 40))?;
/// assert_eq!(part[..20], whole[2 * 40 + 10..][..20]);
/// # Ok::<(), quarter::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Words {
    /// Seed, tensor and step.
    pub source: Source,
    /// Flat index of the first element in the unsharded, unpadded tensor.
    pub first: u64,
    /// Elements of that tensor from one row to the next; `None`: the columns of the
    /// matrix, which then has whole rows.
    pub row_stride: Option<u64>,
}

impl Words {
    /// For a whole tensor.
    pub const fn of(source: Source) -> Self {
        Self { source, first: 0, row_stride: None }
    }

    /// For a part of a tensor whose first element has the flat index `first` and whose
    /// rows are `row_stride` elements apart there.
    pub const fn of_shard(source: Source, first: u64, row_stride: u64) -> Self {
        Self { source, first, row_stride: Some(row_stride) }
    }

    /// The index of element (r, c) of a matrix of so many columns.
    pub(super) fn index(&self, r: usize, c: usize, cols: usize) -> u64 {
        let stride = self.row_stride.unwrap_or(cols as u64);
        self.first.wrapping_add((r as u64).wrapping_mul(stride)).wrapping_add(c as u64)
    }
}

/// For a whole tensor.
impl From<Source> for Words {
    fn from(source: Source) -> Self {
        Self::of(source)
    }
}
