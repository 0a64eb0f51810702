/* Constants and parameter structs of the kernels: the one place that PTX, CUDA C++ and Rust
 * share. PTX templates see the #defines (the preprocessor runs over them with __ASSEMBLER__
 * set); C sees the structs too, and Rust all of it in src/ffi.rs, which bindgen makes.
 *
 * The offset of field F of struct S is QUARTER_S_F, the size QUARTER_S_BYTES. tests/ffi.rs holds
 * both to Rust's struct, and _Static_assert at the end to C's. Structs have no padding: wide
 * fields come first, and `reserved` fills the end. */
#ifndef QUARTER_H
#define QUARTER_H

/* Elements that share a scale in block quantization. */
#define QUARTER_BLOCK 128

/* Magnitudes as f32 bits. LIMIT: the smallest that a nearest cast clips. */
#define QUARTER_E4M3_MAX 0x43e00000
#define QUARTER_E4M3_LIMIT 0x43e80001
#define QUARTER_E5M2_MAX 0x47600000
#define QUARTER_E5M2_LIMIT 0x47700000

/* Columns that a warp works on at once. */
#define QUARTER_SPAN 512

/* Threads of a block; quantize_row has a warp for each span of a row, and at most so many. */
#define QUARTER_THREADS 256
#define QUARTER_ROW_THREADS_NEAREST 1024
#define QUARTER_ROW_THREADS_STOCHASTIC 512

/* Blocks that a processor holds at once, of the entries whose blocks stride over a grid. */
#define QUARTER_RESIDENT_AMAX 6
#define QUARTER_RESIDENT_DEQUANTIZE 6
#define QUARTER_RESIDENT_NEAREST 4
#define QUARTER_RESIDENT_STOCHASTIC 3
#define QUARTER_RESIDENT_GIVEN_NEAREST 3
#define QUARTER_RESIDENT_GIVEN_STOCHASTIC 2

/* Bits of `flags`. */
/* The scales' arrays hold amaxes, from which the policy makes the scales. */
#define QUARTER_FROM_AMAX 1
/* Scales are rounded down to powers of two. */
#define QUARTER_POW2 2
/* quantize_tile and quantize_both find the amaxes of their tiles by themselves. */
#define QUARTER_OWN_AMAX 4

/* How random::Stream numbers the words of casts, in place. */
#define QUARTER_STREAM_CAST 0x30000

#define QUARTER_QUANTIZE_SRC 0
#define QUARTER_QUANTIZE_CODES 8
#define QUARTER_QUANTIZE_CODES_T 16
#define QUARTER_QUANTIZE_SCALE 24
#define QUARTER_QUANTIZE_SCALE_T 32
#define QUARTER_QUANTIZE_SCALE_INV 40
#define QUARTER_QUANTIZE_SCALE_INV_T 48
#define QUARTER_QUANTIZE_AMAX 56
#define QUARTER_QUANTIZE_COUNTS 64
#define QUARTER_QUANTIZE_AMAX_T 72
#define QUARTER_QUANTIZE_COUNTS_T 80
#define QUARTER_QUANTIZE_FIRST 88
#define QUARTER_QUANTIZE_ROW_STRIDE 96
#define QUARTER_QUANTIZE_SRC_PITCH 104
#define QUARTER_QUANTIZE_PITCH 112
#define QUARTER_QUANTIZE_PITCH_T 120
#define QUARTER_QUANTIZE_ROWS 128
#define QUARTER_QUANTIZE_COLS 132
#define QUARTER_QUANTIZE_ROW_SHIFT 136
#define QUARTER_QUANTIZE_COL_SHIFT 140
#define QUARTER_QUANTIZE_SCALE_COLS 144
#define QUARTER_QUANTIZE_ROW_SHIFT_T 148
#define QUARTER_QUANTIZE_COL_SHIFT_T 152
#define QUARTER_QUANTIZE_SCALE_COLS_T 156
#define QUARTER_QUANTIZE_SEED_LOW 160
#define QUARTER_QUANTIZE_SEED_HIGH 164
#define QUARTER_QUANTIZE_TENSOR 168
#define QUARTER_QUANTIZE_STEP 172
#define QUARTER_QUANTIZE_MAX_MARGIN 176
#define QUARTER_QUANTIZE_FLOOR 180
#define QUARTER_QUANTIZE_FLAGS 184
#define QUARTER_QUANTIZE_SPANS 188
#define QUARTER_QUANTIZE_BYTES 192

#define QUARTER_DEQUANTIZE_CODES 0
#define QUARTER_DEQUANTIZE_SCALE_INV 8
#define QUARTER_DEQUANTIZE_DST 16
#define QUARTER_DEQUANTIZE_PITCH 24
#define QUARTER_DEQUANTIZE_DST_PITCH 32
#define QUARTER_DEQUANTIZE_ROWS 40
#define QUARTER_DEQUANTIZE_COLS 44
#define QUARTER_DEQUANTIZE_ROW_SHIFT 48
#define QUARTER_DEQUANTIZE_COL_SHIFT 52
#define QUARTER_DEQUANTIZE_SCALE_COLS 56
#define QUARTER_DEQUANTIZE_SPANS 60
#define QUARTER_DEQUANTIZE_BYTES 64

#define QUARTER_TRANSPOSE_CODES 0
#define QUARTER_TRANSPOSE_CODES_T 8
#define QUARTER_TRANSPOSE_SCALE_INV 16
#define QUARTER_TRANSPOSE_SCALE_INV_T 24
#define QUARTER_TRANSPOSE_PITCH 32
#define QUARTER_TRANSPOSE_PITCH_T 40
#define QUARTER_TRANSPOSE_ROWS 48
#define QUARTER_TRANSPOSE_COLS 52
#define QUARTER_TRANSPOSE_TILE_SHIFT 56
#define QUARTER_TRANSPOSE_BYTES 64

/* Policies of an amax of zero and of one that is not finite, as scaling::Policy has them. */
#define QUARTER_ZERO_KEEP 0
#define QUARTER_ZERO_ONE 1
#define QUARTER_NON_FINITE_KEEP 0
#define QUARTER_NON_FINITE_BACKOFF 1
#define QUARTER_NON_FINITE_ONE 2

#define QUARTER_SCALING_NOW 0
#define QUARTER_SCALING_HISTORY 8
#define QUARTER_SCALING_NEXT 16
#define QUARTER_SCALING_SCALE 24
#define QUARTER_SCALING_MAX_MARGIN 32
#define QUARTER_SCALING_NON_FINITE 40
#define QUARTER_SCALING_TENSORS 48
#define QUARTER_SCALING_WINDOW 52
#define QUARTER_SCALING_MOST_RECENT 56
#define QUARTER_SCALING_ON_ZERO 60
#define QUARTER_SCALING_ON_NON_FINITE 64
#define QUARTER_SCALING_FLOOR 68
#define QUARTER_SCALING_POW2 72
#define QUARTER_SCALING_BYTES 80

#ifndef __ASSEMBLER__
#include <stddef.h>
#include <stdint.h>

/* quantize and quantize_tile. Addresses are of the device; 0 where something is not wanted.
 * The amax entries raise u32 amaxes, zeroed before, instead of casting: of the tensor at `amax`, of
 * each row at `scale`, of each column at `scale_t`. */
struct QuarterQuantize {
  uint64_t src;         /* rows x cols of f32, bf16 or f16 */
  uint64_t codes;       /* rows x cols bytes, aligned to 16 */
  uint64_t codes_t;     /* cols x rows bytes, aligned to 16 */
  uint64_t scale;       /* f32 scales, or u32 amaxes, in the order of the grid */
  uint64_t scale_t;     /* the same of the transpose */
  uint64_t scale_inv;   /* f32, in the order of the grid */
  uint64_t scale_inv_t; /* the same of the transpose */
  uint64_t amax;        /* u32, raised to the largest |x| */
  uint64_t counts;      /* u64 x 3: saturated, flushed, non-finite, added to */
  uint64_t amax_t;      /* the same of the transpose */
  uint64_t counts_t;
  uint64_t first;       /* flat index of the first element, and of the next row's from it */
  uint64_t row_stride;
  uint64_t src_pitch;   /* bytes, as the next two */
  uint64_t pitch;
  uint64_t pitch_t;
  uint32_t rows;
  uint32_t cols;
  uint32_t row_shift;   /* tile of (r, c): (r >> row_shift) * scale_cols + (c >> col_shift) */
  uint32_t col_shift;
  uint32_t scale_cols;
  uint32_t row_shift_t; /* the same for the transpose, in its rows and columns */
  uint32_t col_shift_t;
  uint32_t scale_cols_t;
  uint32_t seed_low;
  uint32_t seed_high;
  uint32_t tensor;
  uint32_t step;
  float max_margin;     /* MAX * 2^-margin */
  float floor;          /* smaller amaxes count as this one */
  uint32_t flags;
  uint32_t spans;       /* runs of 512 columns of a row, the last one short */
};

/* dequantize */
struct QuarterDequantize {
  uint64_t codes;
  uint64_t scale_inv;
  uint64_t dst;
  uint64_t pitch;
  uint64_t dst_pitch; /* bytes */
  uint32_t rows;
  uint32_t cols;
  uint32_t row_shift;
  uint32_t col_shift;
  uint32_t scale_cols;
  uint32_t spans;
};

/* transpose: bytes, both sides aligned to 16 with pitches of multiples of 16; and their scales,
 * where they are wanted. */
struct QuarterTranspose {
  uint64_t codes;
  uint64_t codes_t;
  uint64_t scale_inv;   /* f32, one, or one for each 128 x 128 */
  uint64_t scale_inv_t; /* the same of the transpose */
  uint64_t pitch;
  uint64_t pitch_t;
  uint32_t rows;
  uint32_t cols;
  uint32_t tile_shift; /* 0: a scale for each 128 x 128; 31: one */
  uint32_t reserved;
};

/* scaling: all tensors of a model in one launch. */
struct QuarterScaling {
  uint64_t now;        /* u32 x tensors, zeroed */
  uint64_t history;    /* u32 x tensors x window */
  uint64_t next;       /* u32 x tensors */
  uint64_t scale;      /* f32 x tensors, 0 for none */
  uint64_t max_margin; /* f32 x tensors: MAX * 2^-margin */
  uint64_t non_finite; /* u32, raised by the number of tensors whose amax was not finite */
  uint32_t tensors;
  uint32_t window;
  uint32_t most_recent; /* 1: the newest amax counts, not the largest */
  uint32_t on_zero;
  uint32_t on_non_finite;
  float floor;
  uint32_t pow2;
  uint32_t reserved;
};

#ifdef __cplusplus
#define _Static_assert static_assert
#endif
#define QUARTER_AT(S, F, OFFSET) _Static_assert(offsetof(struct S, F) == OFFSET, #F)
QUARTER_AT(QuarterQuantize, src, QUARTER_QUANTIZE_SRC);
QUARTER_AT(QuarterQuantize, codes, QUARTER_QUANTIZE_CODES);
QUARTER_AT(QuarterQuantize, codes_t, QUARTER_QUANTIZE_CODES_T);
QUARTER_AT(QuarterQuantize, scale, QUARTER_QUANTIZE_SCALE);
QUARTER_AT(QuarterQuantize, scale_t, QUARTER_QUANTIZE_SCALE_T);
QUARTER_AT(QuarterQuantize, scale_inv, QUARTER_QUANTIZE_SCALE_INV);
QUARTER_AT(QuarterQuantize, scale_inv_t, QUARTER_QUANTIZE_SCALE_INV_T);
QUARTER_AT(QuarterQuantize, amax, QUARTER_QUANTIZE_AMAX);
QUARTER_AT(QuarterQuantize, counts, QUARTER_QUANTIZE_COUNTS);
QUARTER_AT(QuarterQuantize, amax_t, QUARTER_QUANTIZE_AMAX_T);
QUARTER_AT(QuarterQuantize, counts_t, QUARTER_QUANTIZE_COUNTS_T);
QUARTER_AT(QuarterQuantize, first, QUARTER_QUANTIZE_FIRST);
QUARTER_AT(QuarterQuantize, row_stride, QUARTER_QUANTIZE_ROW_STRIDE);
QUARTER_AT(QuarterQuantize, src_pitch, QUARTER_QUANTIZE_SRC_PITCH);
QUARTER_AT(QuarterQuantize, pitch, QUARTER_QUANTIZE_PITCH);
QUARTER_AT(QuarterQuantize, pitch_t, QUARTER_QUANTIZE_PITCH_T);
QUARTER_AT(QuarterQuantize, rows, QUARTER_QUANTIZE_ROWS);
QUARTER_AT(QuarterQuantize, cols, QUARTER_QUANTIZE_COLS);
QUARTER_AT(QuarterQuantize, row_shift, QUARTER_QUANTIZE_ROW_SHIFT);
QUARTER_AT(QuarterQuantize, col_shift, QUARTER_QUANTIZE_COL_SHIFT);
QUARTER_AT(QuarterQuantize, scale_cols, QUARTER_QUANTIZE_SCALE_COLS);
QUARTER_AT(QuarterQuantize, row_shift_t, QUARTER_QUANTIZE_ROW_SHIFT_T);
QUARTER_AT(QuarterQuantize, col_shift_t, QUARTER_QUANTIZE_COL_SHIFT_T);
QUARTER_AT(QuarterQuantize, scale_cols_t, QUARTER_QUANTIZE_SCALE_COLS_T);
QUARTER_AT(QuarterQuantize, seed_low, QUARTER_QUANTIZE_SEED_LOW);
QUARTER_AT(QuarterQuantize, seed_high, QUARTER_QUANTIZE_SEED_HIGH);
QUARTER_AT(QuarterQuantize, tensor, QUARTER_QUANTIZE_TENSOR);
QUARTER_AT(QuarterQuantize, step, QUARTER_QUANTIZE_STEP);
QUARTER_AT(QuarterQuantize, max_margin, QUARTER_QUANTIZE_MAX_MARGIN);
QUARTER_AT(QuarterQuantize, floor, QUARTER_QUANTIZE_FLOOR);
QUARTER_AT(QuarterQuantize, flags, QUARTER_QUANTIZE_FLAGS);
QUARTER_AT(QuarterQuantize, spans, QUARTER_QUANTIZE_SPANS);
_Static_assert(sizeof(struct QuarterQuantize) == QUARTER_QUANTIZE_BYTES, "size");
QUARTER_AT(QuarterDequantize, codes, QUARTER_DEQUANTIZE_CODES);
QUARTER_AT(QuarterDequantize, scale_inv, QUARTER_DEQUANTIZE_SCALE_INV);
QUARTER_AT(QuarterDequantize, dst, QUARTER_DEQUANTIZE_DST);
QUARTER_AT(QuarterDequantize, pitch, QUARTER_DEQUANTIZE_PITCH);
QUARTER_AT(QuarterDequantize, dst_pitch, QUARTER_DEQUANTIZE_DST_PITCH);
QUARTER_AT(QuarterDequantize, rows, QUARTER_DEQUANTIZE_ROWS);
QUARTER_AT(QuarterDequantize, cols, QUARTER_DEQUANTIZE_COLS);
QUARTER_AT(QuarterDequantize, row_shift, QUARTER_DEQUANTIZE_ROW_SHIFT);
QUARTER_AT(QuarterDequantize, col_shift, QUARTER_DEQUANTIZE_COL_SHIFT);
QUARTER_AT(QuarterDequantize, scale_cols, QUARTER_DEQUANTIZE_SCALE_COLS);
QUARTER_AT(QuarterDequantize, spans, QUARTER_DEQUANTIZE_SPANS);
_Static_assert(sizeof(struct QuarterDequantize) == QUARTER_DEQUANTIZE_BYTES, "size");
QUARTER_AT(QuarterTranspose, codes, QUARTER_TRANSPOSE_CODES);
QUARTER_AT(QuarterTranspose, codes_t, QUARTER_TRANSPOSE_CODES_T);
QUARTER_AT(QuarterTranspose, scale_inv, QUARTER_TRANSPOSE_SCALE_INV);
QUARTER_AT(QuarterTranspose, scale_inv_t, QUARTER_TRANSPOSE_SCALE_INV_T);
QUARTER_AT(QuarterTranspose, pitch, QUARTER_TRANSPOSE_PITCH);
QUARTER_AT(QuarterTranspose, pitch_t, QUARTER_TRANSPOSE_PITCH_T);
QUARTER_AT(QuarterTranspose, rows, QUARTER_TRANSPOSE_ROWS);
QUARTER_AT(QuarterTranspose, cols, QUARTER_TRANSPOSE_COLS);
QUARTER_AT(QuarterTranspose, tile_shift, QUARTER_TRANSPOSE_TILE_SHIFT);
_Static_assert(sizeof(struct QuarterTranspose) == QUARTER_TRANSPOSE_BYTES, "size");
QUARTER_AT(QuarterScaling, now, QUARTER_SCALING_NOW);
QUARTER_AT(QuarterScaling, history, QUARTER_SCALING_HISTORY);
QUARTER_AT(QuarterScaling, next, QUARTER_SCALING_NEXT);
QUARTER_AT(QuarterScaling, scale, QUARTER_SCALING_SCALE);
QUARTER_AT(QuarterScaling, max_margin, QUARTER_SCALING_MAX_MARGIN);
QUARTER_AT(QuarterScaling, non_finite, QUARTER_SCALING_NON_FINITE);
QUARTER_AT(QuarterScaling, tensors, QUARTER_SCALING_TENSORS);
QUARTER_AT(QuarterScaling, window, QUARTER_SCALING_WINDOW);
QUARTER_AT(QuarterScaling, most_recent, QUARTER_SCALING_MOST_RECENT);
QUARTER_AT(QuarterScaling, on_zero, QUARTER_SCALING_ON_ZERO);
QUARTER_AT(QuarterScaling, on_non_finite, QUARTER_SCALING_ON_NON_FINITE);
QUARTER_AT(QuarterScaling, floor, QUARTER_SCALING_FLOOR);
QUARTER_AT(QuarterScaling, pow2, QUARTER_SCALING_POW2);
_Static_assert(sizeof(struct QuarterScaling) == QUARTER_SCALING_BYTES, "size");
#undef QUARTER_AT
#endif

#endif
