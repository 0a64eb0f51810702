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
pub const QUARTER_STREAM_WEIGHT: u32 = 0;
pub const QUARTER_STREAM_SECOND_MOMENT: u32 = 65536;
pub const QUARTER_STREAM_FIRST_MOMENT: u32 = 131072;
pub const QUARTER_STREAM_CAST: u32 = 196608;
pub const QUARTER_WEYL: u32 = 40503;
pub const QUARTER_CHUNK_BLOCKS: u32 = 256;
pub const QUARTER_RUN_PARTIALS: u32 = 1024;
pub const QUARTER_FINISH_THREADS: u32 = 1024;
pub const QUARTER_RESIDENT_ADAMW: u32 = 3;
pub const QUARTER_RESIDENT_NORM: u32 = 6;
pub const QUARTER_RESIDENT_UPDATES: u32 = 4;
pub const QUARTER_WEIGHTS_STOCHASTIC: u32 = 1;
pub const QUARTER_FIRST_STOCHASTIC: u32 = 2;
pub const QUARTER_SECOND_STOCHASTIC: u32 = 4;
pub const QUARTER_PRODUCT_THREADS: u32 = 384;
pub const QUARTER_PRODUCT_SHARED: u32 = 229440;
pub const QUARTER_PRODUCT_TILE: u32 = 256;
pub const QUARTER_PRODUCT_COMBINED: u32 = 1;
pub const QUARTER_PRODUCT_PLAIN: u32 = 2;
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
/// gemm_*: D = A * B^T. Maps are the driver's tensor maps of 128 bytes, swizzled by 128.
#[repr(C)]
#[derive(Debug, Default, Copy, Clone)]
pub struct QuarterGemm {
    /// A: boxes of 128 x 128 codes
    pub map_a: [u64; 16usize],
    /// B: the same
    pub map_b: [u64; 16usize],
    /// D: boxes of 64 rows of 128 bytes
    pub map_d: [u64; 16usize],
    /// without TMA: its first byte
    pub d: u64,
    /// bytes
    pub pitch_d: u64,
    /// f32, one
    pub scale_inv_a: u64,
    pub scale_inv_b: u64,
    pub m: u32,
    pub n: u32,
    /// of 128, not 0
    pub k_blocks: u32,
    /// of 256 rows: a cluster's
    pub m_tiles: u32,
    /// of 256 columns
    pub n_tiles: u32,
    /// columns of tiles that are done together, not 0
    pub group: u32,
    pub flags: u32,
    pub reserved: u32,
}
#[allow(clippy::unnecessary_operation, clippy::identity_op)]
const _: () = {
    ["Size of QuarterGemm"][::std::mem::size_of::<QuarterGemm>() - 448usize];
    ["Alignment of QuarterGemm"][::std::mem::align_of::<QuarterGemm>() - 8usize];
    ["Offset of field: QuarterGemm::map_a"][::std::mem::offset_of!(QuarterGemm, map_a) - 0usize];
    ["Offset of field: QuarterGemm::map_b"][::std::mem::offset_of!(QuarterGemm, map_b) - 128usize];
    ["Offset of field: QuarterGemm::map_d"][::std::mem::offset_of!(QuarterGemm, map_d) - 256usize];
    ["Offset of field: QuarterGemm::d"][::std::mem::offset_of!(QuarterGemm, d) - 384usize];
    ["Offset of field: QuarterGemm::pitch_d"]
        [::std::mem::offset_of!(QuarterGemm, pitch_d) - 392usize];
    ["Offset of field: QuarterGemm::scale_inv_a"]
        [::std::mem::offset_of!(QuarterGemm, scale_inv_a) - 400usize];
    ["Offset of field: QuarterGemm::scale_inv_b"]
        [::std::mem::offset_of!(QuarterGemm, scale_inv_b) - 408usize];
    ["Offset of field: QuarterGemm::m"][::std::mem::offset_of!(QuarterGemm, m) - 416usize];
    ["Offset of field: QuarterGemm::n"][::std::mem::offset_of!(QuarterGemm, n) - 420usize];
    ["Offset of field: QuarterGemm::k_blocks"]
        [::std::mem::offset_of!(QuarterGemm, k_blocks) - 424usize];
    ["Offset of field: QuarterGemm::m_tiles"]
        [::std::mem::offset_of!(QuarterGemm, m_tiles) - 428usize];
    ["Offset of field: QuarterGemm::n_tiles"]
        [::std::mem::offset_of!(QuarterGemm, n_tiles) - 432usize];
    ["Offset of field: QuarterGemm::group"][::std::mem::offset_of!(QuarterGemm, group) - 436usize];
    ["Offset of field: QuarterGemm::flags"][::std::mem::offset_of!(QuarterGemm, flags) - 440usize];
    ["Offset of field: QuarterGemm::reserved"]
        [::std::mem::offset_of!(QuarterGemm, reserved) - 444usize];
};
/// wgmma_*: 64 dots in a block.
#[repr(C)]
#[derive(Debug, Default, Copy, Clone)]
pub struct QuarterWgmma {
    /// dots x steps x 32 codes
    pub a: u64,
    /// the same
    pub b: u64,
    /// u32 x dots: f32, or f16 in the low half
    pub c: u64,
    /// the same
    pub d: u64,
    pub dots: u32,
    pub steps: u32,
}
#[allow(clippy::unnecessary_operation, clippy::identity_op)]
const _: () = {
    ["Size of QuarterWgmma"][::std::mem::size_of::<QuarterWgmma>() - 40usize];
    ["Alignment of QuarterWgmma"][::std::mem::align_of::<QuarterWgmma>() - 8usize];
    ["Offset of field: QuarterWgmma::a"][::std::mem::offset_of!(QuarterWgmma, a) - 0usize];
    ["Offset of field: QuarterWgmma::b"][::std::mem::offset_of!(QuarterWgmma, b) - 8usize];
    ["Offset of field: QuarterWgmma::c"][::std::mem::offset_of!(QuarterWgmma, c) - 16usize];
    ["Offset of field: QuarterWgmma::d"][::std::mem::offset_of!(QuarterWgmma, d) - 24usize];
    ["Offset of field: QuarterWgmma::dots"][::std::mem::offset_of!(QuarterWgmma, dots) - 32usize];
    ["Offset of field: QuarterWgmma::steps"][::std::mem::offset_of!(QuarterWgmma, steps) - 36usize];
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
/// A tensor of the optimizer, or a shard of it: an entry of a table on the device.
#[repr(C)]
#[derive(Debug, Default, Copy, Clone)]
pub struct QuarterAdamwTensor {
    /// bf16, or f32
    pub weights: u64,
    /// bf16 copy of f32 weights, or i16 rest of bf16 ones
    pub other: u64,
    /// bf16, or f32
    pub gradient: u64,
    /// E4M3 codes, or f32
    pub m: u64,
    pub v: u64,
    /// f32, one a block
    pub m_scales: u64,
    pub v_scales: u64,
    /// elements
    pub len: u64,
    /// random words: group of the first element
    pub words: u64,
    /// f32, one a block
    pub partials: u64,
    /// the same of the unsharded tensor
    pub whole_partials: u64,
    /// its elements
    pub whole_len: u64,
    /// random words: the tensor
    pub tensor: u32,
    /// entry of the groups
    pub group: u32,
}
#[allow(clippy::unnecessary_operation, clippy::identity_op)]
const _: () = {
    ["Size of QuarterAdamwTensor"][::std::mem::size_of::<QuarterAdamwTensor>() - 104usize];
    ["Alignment of QuarterAdamwTensor"][::std::mem::align_of::<QuarterAdamwTensor>() - 8usize];
    ["Offset of field: QuarterAdamwTensor::weights"]
        [::std::mem::offset_of!(QuarterAdamwTensor, weights) - 0usize];
    ["Offset of field: QuarterAdamwTensor::other"]
        [::std::mem::offset_of!(QuarterAdamwTensor, other) - 8usize];
    ["Offset of field: QuarterAdamwTensor::gradient"]
        [::std::mem::offset_of!(QuarterAdamwTensor, gradient) - 16usize];
    ["Offset of field: QuarterAdamwTensor::m"]
        [::std::mem::offset_of!(QuarterAdamwTensor, m) - 24usize];
    ["Offset of field: QuarterAdamwTensor::v"]
        [::std::mem::offset_of!(QuarterAdamwTensor, v) - 32usize];
    ["Offset of field: QuarterAdamwTensor::m_scales"]
        [::std::mem::offset_of!(QuarterAdamwTensor, m_scales) - 40usize];
    ["Offset of field: QuarterAdamwTensor::v_scales"]
        [::std::mem::offset_of!(QuarterAdamwTensor, v_scales) - 48usize];
    ["Offset of field: QuarterAdamwTensor::len"]
        [::std::mem::offset_of!(QuarterAdamwTensor, len) - 56usize];
    ["Offset of field: QuarterAdamwTensor::words"]
        [::std::mem::offset_of!(QuarterAdamwTensor, words) - 64usize];
    ["Offset of field: QuarterAdamwTensor::partials"]
        [::std::mem::offset_of!(QuarterAdamwTensor, partials) - 72usize];
    ["Offset of field: QuarterAdamwTensor::whole_partials"]
        [::std::mem::offset_of!(QuarterAdamwTensor, whole_partials) - 80usize];
    ["Offset of field: QuarterAdamwTensor::whole_len"]
        [::std::mem::offset_of!(QuarterAdamwTensor, whole_len) - 88usize];
    ["Offset of field: QuarterAdamwTensor::tensor"]
        [::std::mem::offset_of!(QuarterAdamwTensor, tensor) - 96usize];
    ["Offset of field: QuarterAdamwTensor::group"]
        [::std::mem::offset_of!(QuarterAdamwTensor, group) - 100usize];
};
/// What the host sets; on the device, so that a captured step sees changes.
#[repr(C)]
#[derive(Debug, Default, Copy, Clone)]
pub struct QuarterAdamwSettings {
    pub beta1: f64,
    pub beta2: f64,
    pub eps: f64,
    /// of the gradients; infinite: no clipping
    pub max_norm: f64,
    /// of the update RMS
    pub limit: f64,
    pub inverse_loss_scale: f64,
    /// f64, one a step, by which every lr is multiplied; 0: none
    pub schedule: u64,
    /// the last one stays
    pub schedule_len: u64,
    /// 1: decay at the rate before update clipping
    pub decay_plain: u64,
}
#[allow(clippy::unnecessary_operation, clippy::identity_op)]
const _: () = {
    ["Size of QuarterAdamwSettings"][::std::mem::size_of::<QuarterAdamwSettings>() - 72usize];
    ["Alignment of QuarterAdamwSettings"][::std::mem::align_of::<QuarterAdamwSettings>() - 8usize];
    ["Offset of field: QuarterAdamwSettings::beta1"]
        [::std::mem::offset_of!(QuarterAdamwSettings, beta1) - 0usize];
    ["Offset of field: QuarterAdamwSettings::beta2"]
        [::std::mem::offset_of!(QuarterAdamwSettings, beta2) - 8usize];
    ["Offset of field: QuarterAdamwSettings::eps"]
        [::std::mem::offset_of!(QuarterAdamwSettings, eps) - 16usize];
    ["Offset of field: QuarterAdamwSettings::max_norm"]
        [::std::mem::offset_of!(QuarterAdamwSettings, max_norm) - 24usize];
    ["Offset of field: QuarterAdamwSettings::limit"]
        [::std::mem::offset_of!(QuarterAdamwSettings, limit) - 32usize];
    ["Offset of field: QuarterAdamwSettings::inverse_loss_scale"]
        [::std::mem::offset_of!(QuarterAdamwSettings, inverse_loss_scale) - 40usize];
    ["Offset of field: QuarterAdamwSettings::schedule"]
        [::std::mem::offset_of!(QuarterAdamwSettings, schedule) - 48usize];
    ["Offset of field: QuarterAdamwSettings::schedule_len"]
        [::std::mem::offset_of!(QuarterAdamwSettings, schedule_len) - 56usize];
    ["Offset of field: QuarterAdamwSettings::decay_plain"]
        [::std::mem::offset_of!(QuarterAdamwSettings, decay_plain) - 64usize];
};
/// Tensors with the same rate and decay.
#[repr(C)]
#[derive(Debug, Default, Copy, Clone)]
pub struct QuarterAdamwGroup {
    pub lr: f64,
    pub weight_decay: f64,
}
#[allow(clippy::unnecessary_operation, clippy::identity_op)]
const _: () = {
    ["Size of QuarterAdamwGroup"][::std::mem::size_of::<QuarterAdamwGroup>() - 16usize];
    ["Alignment of QuarterAdamwGroup"][::std::mem::align_of::<QuarterAdamwGroup>() - 8usize];
    ["Offset of field: QuarterAdamwGroup::lr"]
        [::std::mem::offset_of!(QuarterAdamwGroup, lr) - 0usize];
    ["Offset of field: QuarterAdamwGroup::weight_decay"]
        [::std::mem::offset_of!(QuarterAdamwGroup, weight_decay) - 8usize];
};
/// Where the optimizer is, and the constants of its step: adamw::StepConstants.
#[repr(C)]
#[derive(Debug, Default, Copy, Clone)]
pub struct QuarterAdamwControl {
    /// the clock
    pub beta1_pow: f64,
    pub beta2_pow: f64,
    /// steps that happened
    pub t: u64,
    /// and that did not
    pub skipped: u64,
    /// of the gradients
    pub norm: f64,
    /// their factor
    pub clip: f64,
    pub beta1: f32,
    pub beta2: f32,
    pub one_minus_beta1: f32,
    pub one_minus_beta2: f32,
    pub eps: f32,
    pub gradient_scale: f32,
    pub inv_bc2: f32,
    pub eps_squared: f32,
    /// 1: this step does not happen
    pub skip: u32,
    /// of the random words
    pub step: u32,
}
#[allow(clippy::unnecessary_operation, clippy::identity_op)]
const _: () = {
    ["Size of QuarterAdamwControl"][::std::mem::size_of::<QuarterAdamwControl>() - 88usize];
    ["Alignment of QuarterAdamwControl"][::std::mem::align_of::<QuarterAdamwControl>() - 8usize];
    ["Offset of field: QuarterAdamwControl::beta1_pow"]
        [::std::mem::offset_of!(QuarterAdamwControl, beta1_pow) - 0usize];
    ["Offset of field: QuarterAdamwControl::beta2_pow"]
        [::std::mem::offset_of!(QuarterAdamwControl, beta2_pow) - 8usize];
    ["Offset of field: QuarterAdamwControl::t"]
        [::std::mem::offset_of!(QuarterAdamwControl, t) - 16usize];
    ["Offset of field: QuarterAdamwControl::skipped"]
        [::std::mem::offset_of!(QuarterAdamwControl, skipped) - 24usize];
    ["Offset of field: QuarterAdamwControl::norm"]
        [::std::mem::offset_of!(QuarterAdamwControl, norm) - 32usize];
    ["Offset of field: QuarterAdamwControl::clip"]
        [::std::mem::offset_of!(QuarterAdamwControl, clip) - 40usize];
    ["Offset of field: QuarterAdamwControl::beta1"]
        [::std::mem::offset_of!(QuarterAdamwControl, beta1) - 48usize];
    ["Offset of field: QuarterAdamwControl::beta2"]
        [::std::mem::offset_of!(QuarterAdamwControl, beta2) - 52usize];
    ["Offset of field: QuarterAdamwControl::one_minus_beta1"]
        [::std::mem::offset_of!(QuarterAdamwControl, one_minus_beta1) - 56usize];
    ["Offset of field: QuarterAdamwControl::one_minus_beta2"]
        [::std::mem::offset_of!(QuarterAdamwControl, one_minus_beta2) - 60usize];
    ["Offset of field: QuarterAdamwControl::eps"]
        [::std::mem::offset_of!(QuarterAdamwControl, eps) - 64usize];
    ["Offset of field: QuarterAdamwControl::gradient_scale"]
        [::std::mem::offset_of!(QuarterAdamwControl, gradient_scale) - 68usize];
    ["Offset of field: QuarterAdamwControl::inv_bc2"]
        [::std::mem::offset_of!(QuarterAdamwControl, inv_bc2) - 72usize];
    ["Offset of field: QuarterAdamwControl::eps_squared"]
        [::std::mem::offset_of!(QuarterAdamwControl, eps_squared) - 76usize];
    ["Offset of field: QuarterAdamwControl::skip"]
        [::std::mem::offset_of!(QuarterAdamwControl, skip) - 80usize];
    ["Offset of field: QuarterAdamwControl::step"]
        [::std::mem::offset_of!(QuarterAdamwControl, step) - 84usize];
};
/// adamw, norm_partials and update_partials.
#[repr(C)]
#[derive(Debug, Default, Copy, Clone)]
pub struct QuarterAdamw {
    /// QuarterAdamwTensor each
    pub tensors: u64,
    /// u32 x 2 each: tensor, number of the chunk in it
    pub chunks: u64,
    pub control: u64,
    pub settings: u64,
    /// f32 x 2 a tensor: alpha and decay
    pub rates: u64,
    /// u64 x 5 a tensor, in the order of adamw::Telemetry, added to
    pub telemetry: u64,
    pub chunk_count: u32,
    pub flags: u32,
    pub seed_low: u32,
    pub seed_high: u32,
}
#[allow(clippy::unnecessary_operation, clippy::identity_op)]
const _: () = {
    ["Size of QuarterAdamw"][::std::mem::size_of::<QuarterAdamw>() - 64usize];
    ["Alignment of QuarterAdamw"][::std::mem::align_of::<QuarterAdamw>() - 8usize];
    ["Offset of field: QuarterAdamw::tensors"]
        [::std::mem::offset_of!(QuarterAdamw, tensors) - 0usize];
    ["Offset of field: QuarterAdamw::chunks"]
        [::std::mem::offset_of!(QuarterAdamw, chunks) - 8usize];
    ["Offset of field: QuarterAdamw::control"]
        [::std::mem::offset_of!(QuarterAdamw, control) - 16usize];
    ["Offset of field: QuarterAdamw::settings"]
        [::std::mem::offset_of!(QuarterAdamw, settings) - 24usize];
    ["Offset of field: QuarterAdamw::rates"][::std::mem::offset_of!(QuarterAdamw, rates) - 32usize];
    ["Offset of field: QuarterAdamw::telemetry"]
        [::std::mem::offset_of!(QuarterAdamw, telemetry) - 40usize];
    ["Offset of field: QuarterAdamw::chunk_count"]
        [::std::mem::offset_of!(QuarterAdamw, chunk_count) - 48usize];
    ["Offset of field: QuarterAdamw::flags"][::std::mem::offset_of!(QuarterAdamw, flags) - 52usize];
    ["Offset of field: QuarterAdamw::seed_low"]
        [::std::mem::offset_of!(QuarterAdamw, seed_low) - 56usize];
    ["Offset of field: QuarterAdamw::seed_high"]
        [::std::mem::offset_of!(QuarterAdamw, seed_high) - 60usize];
};
/// norm_sums, norm_finish and update_finish.
#[repr(C)]
#[derive(Debug, Default, Copy, Clone)]
pub struct QuarterNorm {
    pub tensors: u64,
    /// u32 x 2 each: tensor, number of the run in it
    pub runs: u64,
    /// u32 a tensor, and one more
    pub first_run: u64,
    /// f64 a run
    pub sums: u64,
    /// f64 a tensor
    pub tensor_sums: u64,
    pub control: u64,
    pub settings: u64,
    pub groups: u64,
    pub rates: u64,
    pub run_count: u32,
    pub tensor_count: u32,
}
#[allow(clippy::unnecessary_operation, clippy::identity_op)]
const _: () = {
    ["Size of QuarterNorm"][::std::mem::size_of::<QuarterNorm>() - 80usize];
    ["Alignment of QuarterNorm"][::std::mem::align_of::<QuarterNorm>() - 8usize];
    ["Offset of field: QuarterNorm::tensors"]
        [::std::mem::offset_of!(QuarterNorm, tensors) - 0usize];
    ["Offset of field: QuarterNorm::runs"][::std::mem::offset_of!(QuarterNorm, runs) - 8usize];
    ["Offset of field: QuarterNorm::first_run"]
        [::std::mem::offset_of!(QuarterNorm, first_run) - 16usize];
    ["Offset of field: QuarterNorm::sums"][::std::mem::offset_of!(QuarterNorm, sums) - 24usize];
    ["Offset of field: QuarterNorm::tensor_sums"]
        [::std::mem::offset_of!(QuarterNorm, tensor_sums) - 32usize];
    ["Offset of field: QuarterNorm::control"]
        [::std::mem::offset_of!(QuarterNorm, control) - 40usize];
    ["Offset of field: QuarterNorm::settings"]
        [::std::mem::offset_of!(QuarterNorm, settings) - 48usize];
    ["Offset of field: QuarterNorm::groups"][::std::mem::offset_of!(QuarterNorm, groups) - 56usize];
    ["Offset of field: QuarterNorm::rates"][::std::mem::offset_of!(QuarterNorm, rates) - 64usize];
    ["Offset of field: QuarterNorm::run_count"]
        [::std::mem::offset_of!(QuarterNorm, run_count) - 72usize];
    ["Offset of field: QuarterNorm::tensor_count"]
        [::std::mem::offset_of!(QuarterNorm, tensor_count) - 76usize];
};
