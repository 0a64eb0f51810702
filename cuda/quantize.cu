// Twins of ptx/quantize.ptx and ptx/quantize_tile.ptx; see cast.cuh. The blocks are those of the
// PTX: any number for what strides over rows, one for each 128 x 128 of what has tiles.
#include "cast.cuh"

// ---- Along rows: a block takes a row, then the one a grid further ----

template <class T> __device__ void quantize_amax(const QuarterQuantize &p) {
    Seen seen;
    for (u32 r = blockIdx.x; r < p.rows; r += gridDim.x)
        for (u32 c = threadIdx.x; c < p.cols; c += blockDim.x) {
            u32 a = magnitude(element<T>(p, r, c));
            if (a > seen.amax) seen.amax = a;
        }
    seen.add_to(p.amax, 0);
}

// Scales are given.
template <class T, class F, class R> __device__ void quantize_cast(const QuarterQuantize &p) {
    Seen seen;
    for (u32 r = blockIdx.x; r < p.rows; r += gridDim.x)
        // A row without elements has a scale too.
        for (u32 c = threadIdx.x; c < max(p.cols, 1); c += blockDim.x) {
            Place place(r, c, p.row_shift, p.col_shift, p.scale_cols);
            float scale = *at<float>(p.scale, place.tile);
            if (place.first && p.scale_inv) *at<float>(p.scale_inv, place.tile) = __fdiv_rn(1.f, scale);
            if (c < p.cols) *at<u8>(p.codes + r * p.pitch, c) = cast<F, R>(p, element<T>(p, r, c), r, c, scale, seen);
        }
    seen.add_to(p.amax, p.counts);
}

// One scale for all, or one amax.
template <class T, class F, class R> __device__ void quantize_tensor(const QuarterQuantize &p) {
    Seen seen;
    float scale = *at<float>(p.scale, 0);
    if (p.flags & QUARTER_FROM_AMAX) scale = scale_of(p, __float_as_uint(scale));
    if (blockIdx.x == 0 && threadIdx.x == 0 && p.scale_inv) *at<float>(p.scale_inv, 0) = __fdiv_rn(1.f, scale);
    for (u32 r = blockIdx.x; r < p.rows; r += gridDim.x)
        for (u32 c = threadIdx.x; c < p.cols; c += blockDim.x)
            *at<u8>(p.codes + r * p.pitch, c) = cast<F, R>(p, element<T>(p, r, c), r, c, scale, seen);
    seen.add_to(p.amax, p.counts);
}

// A scale for 128 columns of a row, from their amax: a warp for each.
template <class T, class F, class R> __device__ void quantize_block(const QuarterQuantize &p) {
    Seen seen;
    u32 lane = threadIdx.x % 32, warps = gridDim.x * (blockDim.x / 32);
    u32 first = (blockIdx.x * blockDim.x + threadIdx.x) / 32;
    for (u64 tile = first; tile < (u64)p.rows * p.scale_cols; tile += warps) {
        u32 r = tile / p.scale_cols, from = 128 * (u32)(tile % p.scale_cols), to = min(from + 128, p.cols);
        u32 amax = 0;
        for (u32 c = from + lane; c < to; c += 32) amax = max(amax, magnitude(element<T>(p, r, c)));
        float scale = scale_of(p, __reduce_max_sync(~0u, amax));
        if (lane == 0 && p.scale_inv) *at<float>(p.scale_inv, tile) = __fdiv_rn(1.f, scale);
        for (u32 c = from + lane; c < to; c += 32)
            *at<u8>(p.codes + r * p.pitch, c) = cast<F, R>(p, element<T>(p, r, c), r, c, scale, seen);
    }
    seen.add_to(p.amax, p.counts);
}

// A scale for a row, from its amax.
template <class T, class F, class R> __device__ void quantize_row(const QuarterQuantize &p) {
    __shared__ u32 shared_amax;
    Seen seen;
    for (u32 r = blockIdx.x; r < p.rows; r += gridDim.x) {
        if (threadIdx.x == 0) shared_amax = 0;
        __syncthreads();
        u32 amax = 0;
        for (u32 c = threadIdx.x; c < p.cols; c += blockDim.x) amax = max(amax, magnitude(element<T>(p, r, c)));
        atomicMax(&shared_amax, amax);
        __syncthreads();
        float scale = scale_of(p, shared_amax);
        __syncthreads();
        if (threadIdx.x == 0 && p.scale_inv) *at<float>(p.scale_inv, r) = __fdiv_rn(1.f, scale);
        for (u32 c = threadIdx.x; c < p.cols; c += blockDim.x)
            *at<u8>(p.codes + r * p.pitch, c) = cast<F, R>(p, element<T>(p, r, c), r, c, scale, seen);
    }
    seen.add_to(p.amax, p.counts);
}

// ---- Tiles of 128 x 128, a block each ----

struct Tile {
    u32 row0, col0, rows, cols;
    __device__ Tile(const QuarterQuantize &p) {
        u32 across = max((p.cols + 127) / 128, 1);
        row0 = 128 * (blockIdx.x / across);
        col0 = 128 * (blockIdx.x % across);
        rows = min(p.rows - row0, 128);
        cols = min(p.cols - col0, 128);
    }
    // Thread t has column t % 128 of every other row, so that the threads of a warp are neighbours.
    __device__ u32 col() const { return threadIdx.x % 128; }
    __device__ u32 row() const { return threadIdx.x / 128; }
};

// Stores a tile of codes, transposed.
__device__ inline void store_transposed(const QuarterQuantize &p, const Tile &tile, const u8 (*codes)[129]) {
    for (u32 c = tile.row(); c < tile.cols; c += 2)
        if (tile.col() < tile.rows) *at<u8>(p.codes_t + (tile.col0 + c) * p.pitch_t, tile.row0 + tile.col()) = codes[tile.col()][c];
}

// The amaxes of all rows and of all columns.
template <class T> __device__ void quantize_amaxes(const QuarterQuantize &p) {
    Tile tile(p);
    for (u32 r = tile.row(); r < tile.rows; r += 2)
        if (tile.col() < tile.cols) {
            u32 a = magnitude(element<T>(p, tile.row0 + r, tile.col0 + tile.col()));
            atomicMax(at<u32>(p.scale, tile.row0 + r), a);
            atomicMax(at<u32>(p.scale_t, tile.col0 + tile.col()), a);
        }
}

// One scale for the tile, and the same codes in both copies.
template <class T, class F, class R> __device__ void quantize_tile(const QuarterQuantize &p) {
    __shared__ u8 codes[128][129];
    __shared__ u32 shared_amax;
    Tile tile(p);
    Place place(tile.row0, tile.col0, p.row_shift, p.col_shift, p.scale_cols);
    Place place_t(tile.col0, tile.row0, p.row_shift_t, p.col_shift_t, p.scale_cols_t);
    float scale;
    if (p.flags & QUARTER_OWN_AMAX) {
        if (threadIdx.x == 0) shared_amax = 0;
        __syncthreads();
        for (u32 r = tile.row(); r < tile.rows; r += 2)
            if (tile.col() < tile.cols) atomicMax(&shared_amax, magnitude(element<T>(p, tile.row0 + r, tile.col0 + tile.col())));
        __syncthreads();
        scale = scale_of(p, shared_amax);
    } else {
        scale = *at<float>(p.scale, place.tile);
        if (p.flags & QUARTER_FROM_AMAX) scale = scale_of(p, __float_as_uint(scale));
    }
    if (threadIdx.x == 0) {
        if (place.first && p.scale_inv) *at<float>(p.scale_inv, place.tile) = __fdiv_rn(1.f, scale);
        if (place_t.first && p.scale_inv_t) *at<float>(p.scale_inv_t, place_t.tile) = __fdiv_rn(1.f, scale);
    }
    Seen seen;
    for (u32 r = tile.row(); r < tile.rows; r += 2)
        if (tile.col() < tile.cols) {
            u32 row = tile.row0 + r, col = tile.col0 + tile.col();
            u8 code = cast<F, R>(p, element<T>(p, row, col), row, col, scale, seen);
            *at<u8>(p.codes + row * p.pitch, col) = code;
            codes[r][tile.col()] = code;
        }
    __syncthreads();
    if (p.codes_t) store_transposed(p, tile, codes);
    seen.add_to(p.amax, p.counts);
}

// A scale for each row of the tile, and one for each of its columns: other codes in the copy.
template <class T, class F, class R> __device__ void quantize_both(const QuarterQuantize &p) {
    __shared__ u8 codes[128][129];
    __shared__ u32 row_amax[128], col_amax[128];
    __shared__ float row_scale[128], col_scale[128];
    Tile tile(p);
    u32 k = threadIdx.x;
    if (k < 128) row_amax[k] = col_amax[k] = 0;
    __syncthreads();
    if (p.flags & QUARTER_OWN_AMAX) {
        for (u32 r = tile.row(); r < tile.rows; r += 2)
            if (tile.col() < tile.cols) {
                u32 a = magnitude(element<T>(p, tile.row0 + r, tile.col0 + tile.col()));
                atomicMax(&row_amax[r], a);
                atomicMax(&col_amax[tile.col()], a);
            }
    } else if (k < 128) {
        if (k < tile.rows) row_amax[k] = *at<u32>(p.scale, tile.row0 + k);
        if (k < tile.cols) col_amax[k] = *at<u32>(p.scale_t, tile.col0 + k);
    }
    __syncthreads();
    if (k < 128) {
        row_scale[k] = scale_of(p, row_amax[k]);
        col_scale[k] = scale_of(p, col_amax[k]);
        Place of_row(tile.row0 + k, tile.col0, p.row_shift, p.col_shift, p.scale_cols);
        Place of_col(tile.col0 + k, tile.row0, p.row_shift_t, p.col_shift_t, p.scale_cols_t);
        if (k < tile.rows && of_row.first && p.scale_inv) *at<float>(p.scale_inv, of_row.tile) = __fdiv_rn(1.f, row_scale[k]);
        if (k < tile.cols && of_col.first && p.scale_inv_t) *at<float>(p.scale_inv_t, of_col.tile) = __fdiv_rn(1.f, col_scale[k]);
    }
    __syncthreads();
    Seen seen, seen_t;
    for (u32 r = tile.row(); r < tile.rows; r += 2)
        if (tile.col() < tile.cols) {
            u32 row = tile.row0 + r, col = tile.col0 + tile.col();
            float x = element<T>(p, row, col);
            *at<u8>(p.codes + row * p.pitch, col) = cast<F, R>(p, x, row, col, row_scale[r], seen);
            codes[r][tile.col()] = cast<F, R>(p, x, row, col, col_scale[tile.col()], seen_t);
        }
    __syncthreads();
    store_transposed(p, tile, codes);
    seen.add_to(p.amax, p.counts);
    seen_t.add_to(p.amax_t, p.counts_t);
}

// ---- The entries, under the names of the PTX ----

#define OF_TYPE(STEM, T, t) \
    extern "C" __global__ void STEM##_##t(const QuarterQuantize p) { STEM<T>(p); }
#define OF_ROUNDING(STEM, T, t, F, f) \
    extern "C" __global__ void STEM##_##t##_##f##_rn(const QuarterQuantize p) { STEM<T, F, Nearest>(p); } \
    extern "C" __global__ void STEM##_##t##_##f##_rs(const QuarterQuantize p) { STEM<T, F, Stochastic>(p); }
#define OF_FORMAT(STEM, T, t) OF_ROUNDING(STEM, T, t, E4m3, e4m3) OF_ROUNDING(STEM, T, t, E5m2, e5m2)
#define ALL(T, t) \
    OF_TYPE(quantize_amax, T, t) OF_TYPE(quantize_amaxes, T, t) \
    OF_FORMAT(quantize_cast, T, t) OF_FORMAT(quantize_tensor, T, t) OF_FORMAT(quantize_block, T, t) \
    OF_FORMAT(quantize_row, T, t) OF_FORMAT(quantize_tile, T, t) OF_FORMAT(quantize_both, T, t)

ALL(F32, f32)
ALL(Bf16, bf16)
ALL(F16, f16)
