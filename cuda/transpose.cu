// Twin of ptx/transpose.ptx: a block of 256 threads has a tile of 128 x 128.
#include "cast.cuh"

extern "C" __global__ void transpose(const QuarterTranspose p) {
    __shared__ u8 codes[128][129];
    u32 across = max((p.cols + 127) / 128, 1), tile_row = blockIdx.x / across, tile_col = blockIdx.x % across;
    u32 row0 = 128 * tile_row, col0 = 128 * tile_col;
    u32 rows = min(p.rows - row0, 128), cols = min(p.cols - col0, 128);
    u32 k = threadIdx.x % 128, other = threadIdx.x / 128;
    for (u32 r = other; r < rows; r += 2)
        if (k < cols) codes[r][k] = *at<u8>(p.codes + (row0 + r) * p.pitch, col0 + k);
    __syncthreads();
    for (u32 c = other; c < cols; c += 2)
        if (k < rows) *at<u8>(p.codes_t + (col0 + c) * p.pitch_t, row0 + k) = codes[k][c];
    if (threadIdx.x == 0 && p.scale_inv_t) {
        // One scale for all, or one for each tile.
        if (p.tile_shift == 0)
            *at<float>(p.scale_inv_t, tile_col * max((p.rows + 127) / 128, 1) + tile_row) = *at<float>(p.scale_inv, tile_row * across + tile_col);
        else if (blockIdx.x == 0)
            *at<float>(p.scale_inv_t, 0) = *at<float>(p.scale_inv, 0);
    }
}
