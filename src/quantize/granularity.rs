//! Which elements share a scale.

/// Which elements of a matrix share a scale.
///
/// Scales lie row-major in a grid of [`grid`](Self::grid) entries; element (r, c)
/// has the scale of its tile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Granularity {
    /// One scale.
    Tensor,
    /// One scale a row.
    Row,
    /// One scale for each 128 consecutive elements of a row (activations, gradients).
    Block1x128,
    /// One scale for each 128 x 128 tile (weights).
    Block128x128,
}

impl Granularity {
    /// Rows and columns of a tile; `usize::MAX` where the matrix is the limit.
    pub const fn tile(self) -> (usize, usize) {
        match self {
            Self::Tensor => (usize::MAX, usize::MAX),
            Self::Row => (1, usize::MAX),
            Self::Block1x128 => (1, 128),
            Self::Block128x128 => (128, 128),
        }
    }

    /// Rows and columns of the grid of scales of a matrix. A per-tensor scale
    /// exists even for an empty matrix, and so does a row's.
    pub const fn grid(self, rows: usize, cols: usize) -> (usize, usize) {
        match self {
            Self::Tensor => (1, 1),
            Self::Row => (rows, 1),
            Self::Block1x128 => (rows, cols.div_ceil(128)),
            Self::Block128x128 => (rows.div_ceil(128), cols.div_ceil(128)),
        }
    }

    /// Number of scales of a matrix; `usize::MAX` if there are more than that.
    pub const fn scales(self, rows: usize, cols: usize) -> usize {
        let (r, c) = self.grid(rows, cols);
        r.saturating_mul(c)
    }

    /// Whether the transpose of a matrix has the same codes: its tiles are the
    /// same sets of elements.
    pub const fn is_symmetric(self) -> bool {
        matches!(self, Self::Tensor | Self::Block128x128)
    }
}
