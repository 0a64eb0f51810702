//! Matrices as bulk copies see them.

/// Type of the elements that a bulk copy moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MapElement {
    /// 8 bits: FP8.
    U8,
    /// `half::f16`.
    F16,
    /// `half::bf16`.
    Bf16,
    /// `f32`.
    F32,
}

/// A row-major matrix on a device, and the boxes in which bulk copies (TMA) move it between there
/// and shared memory. What they read past its edges is zero; past them they write nothing. In
/// shared memory a box's rows are of 128 bytes, their 16-byte pieces permuted by the row's number
/// (the 128-byte swizzle). [`Driver::encode`](super::Driver::encode) makes of it what a kernel takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TensorMap {
    /// Type of the elements.
    pub element: MapElement,
    /// First byte, a multiple of 16.
    pub address: u64,
    /// Rows, 1 to 2^32.
    pub rows: u64,
    /// Columns, 1 to 2^32.
    pub cols: u64,
    /// Bytes from one row to the next: a multiple of 16 below 2^40.
    pub pitch: u64,
    /// Rows of a box, 1 to 256.
    pub box_rows: u32,
    /// Columns of a box: a multiple of 16 bytes, 128 at most.
    pub box_cols: u32,
}
