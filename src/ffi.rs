//! Made of `cuda/quarter.h` by bindgen: see `tests/ffi.rs`.

pub const QUARTER_BLOCK: u32 = 128;
pub const QUARTER_E4M3_MAX: u32 = 1138753536;
pub const QUARTER_E4M3_LIMIT: u32 = 1139277825;
pub const QUARTER_E5M2_MAX: u32 = 1197473792;
pub const QUARTER_E5M2_LIMIT: u32 = 1198522368;
pub const QUARTER_SPAN: u32 = 512;
pub const QUARTER_THREADS: u32 = 256;
pub const QUARTER_ROW_THREADS_NEAREST: u32 = 1024;
pub const QUARTER_ROW_THREADS_STOCHASTIC: u32 = 512;
pub const QUARTER_RESIDENT_AMAX: u32 = 6;
pub const QUARTER_RESIDENT_DEQUANTIZE: u32 = 6;
pub const QUARTER_RESIDENT_NEAREST: u32 = 4;
pub const QUARTER_RESIDENT_STOCHASTIC: u32 = 3;
pub const QUARTER_RESIDENT_GIVEN_NEAREST: u32 = 3;
pub const QUARTER_RESIDENT_GIVEN_STOCHASTIC: u32 = 2;
pub const QUARTER_FROM_AMAX: u32 = 1;
pub const QUARTER_POW2: u32 = 2;
pub const QUARTER_OWN_AMAX: u32 = 4;
pub const QUARTER_STREAM_CAST: u32 = 196608;
pub const QUARTER_ZERO_KEEP: u32 = 0;
pub const QUARTER_ZERO_ONE: u32 = 1;
pub const QUARTER_NON_FINITE_KEEP: u32 = 0;
pub const QUARTER_NON_FINITE_BACKOFF: u32 = 1;
pub const QUARTER_NON_FINITE_ONE: u32 = 2;
/** quantize and quantize_tile. Addresses are of the device; 0 where something is not wanted.
The amax entries raise u32 amaxes, zeroed before, instead of casting: of the tensor at `amax`, of
each row at `scale`, of each column at `scale_t`.*/
#[repr(C)]
#[derive(Debug, Default, Copy, Clone)]
pub struct QuarterQuantize {
    /// rows x cols of f32, bf16 or f16
    pub src: u64,
    /// rows x cols bytes, aligned to 16
    pub codes: u64,
    /// cols x rows bytes, aligned to 16
    pub codes_t: u64,
    /// f32 scales, or u32 amaxes, in the order of the grid
    pub scale: u64,
    /// the same of the transpose
    pub scale_t: u64,
    /// f32, in the order of the grid
    pub scale_inv: u64,
    /// the same of the transpose
    pub scale_inv_t: u64,
    /// u32, raised to the largest |x|
    pub amax: u64,
    /// u64 x 3: saturated, flushed, non-finite, added to
    pub counts: u64,
    /// the same of the transpose
    pub amax_t: u64,
    pub counts_t: u64,
    /// flat index of the first element, and of the next row's from it
    pub first: u64,
    pub row_stride: u64,
    /// bytes, as the next two
    pub src_pitch: u64,
    pub pitch: u64,
    pub pitch_t: u64,
    pub rows: u32,
    pub cols: u32,
    /// tile of (r, c): (r >> row_shift) * scale_cols + (c >> col_shift)
    pub row_shift: u32,
    pub col_shift: u32,
    pub scale_cols: u32,
    /// the same for the transpose, in its rows and columns
    pub row_shift_t: u32,
    pub col_shift_t: u32,
    pub scale_cols_t: u32,
    pub seed_low: u32,
    pub seed_high: u32,
    pub tensor: u32,
    pub step: u32,
    /// MAX * 2^-margin
    pub max_margin: f32,
    /// smaller amaxes count as this one
    pub floor: f32,
    pub flags: u32,
    /// runs of 512 columns of a row, the last one short
    pub spans: u32,
}
#[allow(clippy::unnecessary_operation, clippy::identity_op)]
const _: () = {
    ["Size of QuarterQuantize"][::std::mem::size_of::<QuarterQuantize>() - 192usize];
    ["Alignment of QuarterQuantize"][::std::mem::align_of::<QuarterQuantize>() - 8usize];
    ["Offset of field: QuarterQuantize::src"]
        [::std::mem::offset_of!(QuarterQuantize, src) - 0usize];
    ["Offset of field: QuarterQuantize::codes"]
        [::std::mem::offset_of!(QuarterQuantize, codes) - 8usize];
    ["Offset of field: QuarterQuantize::codes_t"]
        [::std::mem::offset_of!(QuarterQuantize, codes_t) - 16usize];
    ["Offset of field: QuarterQuantize::scale"]
        [::std::mem::offset_of!(QuarterQuantize, scale) - 24usize];
    ["Offset of field: QuarterQuantize::scale_t"]
        [::std::mem::offset_of!(QuarterQuantize, scale_t) - 32usize];
    ["Offset of field: QuarterQuantize::scale_inv"]
        [::std::mem::offset_of!(QuarterQuantize, scale_inv) - 40usize];
    ["Offset of field: QuarterQuantize::scale_inv_t"]
        [::std::mem::offset_of!(QuarterQuantize, scale_inv_t) - 48usize];
    ["Offset of field: QuarterQuantize::amax"]
        [::std::mem::offset_of!(QuarterQuantize, amax) - 56usize];
    ["Offset of field: QuarterQuantize::counts"]
        [::std::mem::offset_of!(QuarterQuantize, counts) - 64usize];
    ["Offset of field: QuarterQuantize::amax_t"]
        [::std::mem::offset_of!(QuarterQuantize, amax_t) - 72usize];
    ["Offset of field: QuarterQuantize::counts_t"]
        [::std::mem::offset_of!(QuarterQuantize, counts_t) - 80usize];
    ["Offset of field: QuarterQuantize::first"]
        [::std::mem::offset_of!(QuarterQuantize, first) - 88usize];
    ["Offset of field: QuarterQuantize::row_stride"]
        [::std::mem::offset_of!(QuarterQuantize, row_stride) - 96usize];
    ["Offset of field: QuarterQuantize::src_pitch"]
        [::std::mem::offset_of!(QuarterQuantize, src_pitch) - 104usize];
    ["Offset of field: QuarterQuantize::pitch"]
        [::std::mem::offset_of!(QuarterQuantize, pitch) - 112usize];
    ["Offset of field: QuarterQuantize::pitch_t"]
        [::std::mem::offset_of!(QuarterQuantize, pitch_t) - 120usize];
    ["Offset of field: QuarterQuantize::rows"]
        [::std::mem::offset_of!(QuarterQuantize, rows) - 128usize];
    ["Offset of field: QuarterQuantize::cols"]
        [::std::mem::offset_of!(QuarterQuantize, cols) - 132usize];
    ["Offset of field: QuarterQuantize::row_shift"]
        [::std::mem::offset_of!(QuarterQuantize, row_shift) - 136usize];
    ["Offset of field: QuarterQuantize::col_shift"]
        [::std::mem::offset_of!(QuarterQuantize, col_shift) - 140usize];
    ["Offset of field: QuarterQuantize::scale_cols"]
        [::std::mem::offset_of!(QuarterQuantize, scale_cols) - 144usize];
    ["Offset of field: QuarterQuantize::row_shift_t"]
        [::std::mem::offset_of!(QuarterQuantize, row_shift_t) - 148usize];
    ["Offset of field: QuarterQuantize::col_shift_t"]
        [::std::mem::offset_of!(QuarterQuantize, col_shift_t) - 152usize];
    ["Offset of field: QuarterQuantize::scale_cols_t"]
        [::std::mem::offset_of!(QuarterQuantize, scale_cols_t) - 156usize];
    ["Offset of field: QuarterQuantize::seed_low"]
        [::std::mem::offset_of!(QuarterQuantize, seed_low) - 160usize];
    ["Offset of field: QuarterQuantize::seed_high"]
        [::std::mem::offset_of!(QuarterQuantize, seed_high) - 164usize];
    ["Offset of field: QuarterQuantize::tensor"]
        [::std::mem::offset_of!(QuarterQuantize, tensor) - 168usize];
    ["Offset of field: QuarterQuantize::step"]
        [::std::mem::offset_of!(QuarterQuantize, step) - 172usize];
    ["Offset of field: QuarterQuantize::max_margin"]
        [::std::mem::offset_of!(QuarterQuantize, max_margin) - 176usize];
    ["Offset of field: QuarterQuantize::floor"]
        [::std::mem::offset_of!(QuarterQuantize, floor) - 180usize];
    ["Offset of field: QuarterQuantize::flags"]
        [::std::mem::offset_of!(QuarterQuantize, flags) - 184usize];
    ["Offset of field: QuarterQuantize::spans"]
        [::std::mem::offset_of!(QuarterQuantize, spans) - 188usize];
};
/// dequantize
#[repr(C)]
#[derive(Debug, Default, Copy, Clone)]
pub struct QuarterDequantize {
    pub codes: u64,
    pub scale_inv: u64,
    pub dst: u64,
    pub pitch: u64,
    /// bytes
    pub dst_pitch: u64,
    pub rows: u32,
    pub cols: u32,
    pub row_shift: u32,
    pub col_shift: u32,
    pub scale_cols: u32,
    pub spans: u32,
}
#[allow(clippy::unnecessary_operation, clippy::identity_op)]
const _: () = {
    ["Size of QuarterDequantize"][::std::mem::size_of::<QuarterDequantize>() - 64usize];
    ["Alignment of QuarterDequantize"][::std::mem::align_of::<QuarterDequantize>() - 8usize];
    ["Offset of field: QuarterDequantize::codes"]
        [::std::mem::offset_of!(QuarterDequantize, codes) - 0usize];
    ["Offset of field: QuarterDequantize::scale_inv"]
        [::std::mem::offset_of!(QuarterDequantize, scale_inv) - 8usize];
    ["Offset of field: QuarterDequantize::dst"]
        [::std::mem::offset_of!(QuarterDequantize, dst) - 16usize];
    ["Offset of field: QuarterDequantize::pitch"]
        [::std::mem::offset_of!(QuarterDequantize, pitch) - 24usize];
    ["Offset of field: QuarterDequantize::dst_pitch"]
        [::std::mem::offset_of!(QuarterDequantize, dst_pitch) - 32usize];
    ["Offset of field: QuarterDequantize::rows"]
        [::std::mem::offset_of!(QuarterDequantize, rows) - 40usize];
    ["Offset of field: QuarterDequantize::cols"]
        [::std::mem::offset_of!(QuarterDequantize, cols) - 44usize];
    ["Offset of field: QuarterDequantize::row_shift"]
        [::std::mem::offset_of!(QuarterDequantize, row_shift) - 48usize];
    ["Offset of field: QuarterDequantize::col_shift"]
        [::std::mem::offset_of!(QuarterDequantize, col_shift) - 52usize];
    ["Offset of field: QuarterDequantize::scale_cols"]
        [::std::mem::offset_of!(QuarterDequantize, scale_cols) - 56usize];
    ["Offset of field: QuarterDequantize::spans"]
        [::std::mem::offset_of!(QuarterDequantize, spans) - 60usize];
};
/** transpose: bytes, both sides aligned to 16 with pitches of multiples of 16; and their scales,
where they are wanted.*/
#[repr(C)]
#[derive(Debug, Default, Copy, Clone)]
pub struct QuarterTranspose {
    pub codes: u64,
    pub codes_t: u64,
    /// f32, one, or one for each 128 x 128
    pub scale_inv: u64,
    /// the same of the transpose
    pub scale_inv_t: u64,
    pub pitch: u64,
    pub pitch_t: u64,
    pub rows: u32,
    pub cols: u32,
    /// 0: a scale for each 128 x 128; 31: one
    pub tile_shift: u32,
    pub reserved: u32,
}
#[allow(clippy::unnecessary_operation, clippy::identity_op)]
const _: () = {
    ["Size of QuarterTranspose"][::std::mem::size_of::<QuarterTranspose>() - 64usize];
    ["Alignment of QuarterTranspose"][::std::mem::align_of::<QuarterTranspose>() - 8usize];
    ["Offset of field: QuarterTranspose::codes"]
        [::std::mem::offset_of!(QuarterTranspose, codes) - 0usize];
    ["Offset of field: QuarterTranspose::codes_t"]
        [::std::mem::offset_of!(QuarterTranspose, codes_t) - 8usize];
    ["Offset of field: QuarterTranspose::scale_inv"]
        [::std::mem::offset_of!(QuarterTranspose, scale_inv) - 16usize];
    ["Offset of field: QuarterTranspose::scale_inv_t"]
        [::std::mem::offset_of!(QuarterTranspose, scale_inv_t) - 24usize];
    ["Offset of field: QuarterTranspose::pitch"]
        [::std::mem::offset_of!(QuarterTranspose, pitch) - 32usize];
    ["Offset of field: QuarterTranspose::pitch_t"]
        [::std::mem::offset_of!(QuarterTranspose, pitch_t) - 40usize];
    ["Offset of field: QuarterTranspose::rows"]
        [::std::mem::offset_of!(QuarterTranspose, rows) - 48usize];
    ["Offset of field: QuarterTranspose::cols"]
        [::std::mem::offset_of!(QuarterTranspose, cols) - 52usize];
    ["Offset of field: QuarterTranspose::tile_shift"]
        [::std::mem::offset_of!(QuarterTranspose, tile_shift) - 56usize];
    ["Offset of field: QuarterTranspose::reserved"]
        [::std::mem::offset_of!(QuarterTranspose, reserved) - 60usize];
};
/// scaling: all tensors of a model in one launch.
#[repr(C)]
#[derive(Debug, Default, Copy, Clone)]
pub struct QuarterScaling {
    /// u32 x tensors, zeroed
    pub now: u64,
    /// u32 x tensors x window
    pub history: u64,
    /// u32 x tensors
    pub next: u64,
    /// f32 x tensors, 0 for none
    pub scale: u64,
    /// f32 x tensors: MAX * 2^-margin
    pub max_margin: u64,
    /// u32, raised by the number of tensors whose amax was not finite
    pub non_finite: u64,
    pub tensors: u32,
    pub window: u32,
    /// 1: the newest amax counts, not the largest
    pub most_recent: u32,
    pub on_zero: u32,
    pub on_non_finite: u32,
    pub floor: f32,
    pub pow2: u32,
    pub reserved: u32,
}
#[allow(clippy::unnecessary_operation, clippy::identity_op)]
const _: () = {
    ["Size of QuarterScaling"][::std::mem::size_of::<QuarterScaling>() - 80usize];
    ["Alignment of QuarterScaling"][::std::mem::align_of::<QuarterScaling>() - 8usize];
    ["Offset of field: QuarterScaling::now"][::std::mem::offset_of!(QuarterScaling, now) - 0usize];
    ["Offset of field: QuarterScaling::history"]
        [::std::mem::offset_of!(QuarterScaling, history) - 8usize];
    ["Offset of field: QuarterScaling::next"]
        [::std::mem::offset_of!(QuarterScaling, next) - 16usize];
    ["Offset of field: QuarterScaling::scale"]
        [::std::mem::offset_of!(QuarterScaling, scale) - 24usize];
    ["Offset of field: QuarterScaling::max_margin"]
        [::std::mem::offset_of!(QuarterScaling, max_margin) - 32usize];
    ["Offset of field: QuarterScaling::non_finite"]
        [::std::mem::offset_of!(QuarterScaling, non_finite) - 40usize];
    ["Offset of field: QuarterScaling::tensors"]
        [::std::mem::offset_of!(QuarterScaling, tensors) - 48usize];
    ["Offset of field: QuarterScaling::window"]
        [::std::mem::offset_of!(QuarterScaling, window) - 52usize];
    ["Offset of field: QuarterScaling::most_recent"]
        [::std::mem::offset_of!(QuarterScaling, most_recent) - 56usize];
    ["Offset of field: QuarterScaling::on_zero"]
        [::std::mem::offset_of!(QuarterScaling, on_zero) - 60usize];
    ["Offset of field: QuarterScaling::on_non_finite"]
        [::std::mem::offset_of!(QuarterScaling, on_non_finite) - 64usize];
    ["Offset of field: QuarterScaling::floor"]
        [::std::mem::offset_of!(QuarterScaling, floor) - 68usize];
    ["Offset of field: QuarterScaling::pow2"]
        [::std::mem::offset_of!(QuarterScaling, pow2) - 72usize];
    ["Offset of field: QuarterScaling::reserved"]
        [::std::mem::offset_of!(QuarterScaling, reserved) - 76usize];
};
