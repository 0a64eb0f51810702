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

/* How random::Stream numbers its words, in place. */
#define QUARTER_STREAM_WEIGHT 0
#define QUARTER_STREAM_SECOND_MOMENT 0x10000
#define QUARTER_STREAM_FIRST_MOMENT 0x20000
#define QUARTER_STREAM_CAST 0x30000
/* What a step adds to the words of weights. */
#define QUARTER_WEYL 40503

/* AdamW: blocks of 128 elements that a thread block takes at a time, partial sums that a warp adds
 * up, threads of the block that ends a norm, and thread blocks that a processor holds at once. */
#define QUARTER_CHUNK_BLOCKS 256
#define QUARTER_RUN_PARTIALS 1024
#define QUARTER_FINISH_THREADS 1024
#define QUARTER_RESIDENT_ADAMW 3
#define QUARTER_RESIDENT_NORM 6
#define QUARTER_RESIDENT_UPDATES 4
/* Bits of `flags`: what is rounded stochastically. */
#define QUARTER_WEIGHTS_STOCHASTIC 1
#define QUARTER_FIRST_STOCHASTIC 2
#define QUARTER_SECOND_STOCHASTIC 4

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

/* Products: threads of a block, bytes of its shared memory, and rows and columns of a cluster's
 * tile. */
#define QUARTER_PRODUCT_THREADS 384
#define QUARTER_PRODUCT_SHARED 229440
#define QUARTER_PRODUCT_TILE 256
/* Bits of `flags`: the product of both scales multiplies; D is stored without TMA. */
#define QUARTER_PRODUCT_COMBINED 1
#define QUARTER_PRODUCT_PLAIN 2

#define QUARTER_GEMM_MAP_A 0
#define QUARTER_GEMM_MAP_B 128
#define QUARTER_GEMM_MAP_D 256
#define QUARTER_GEMM_D 384
#define QUARTER_GEMM_PITCH_D 392
#define QUARTER_GEMM_SCALE_INV_A 400
#define QUARTER_GEMM_SCALE_INV_B 408
#define QUARTER_GEMM_M 416
#define QUARTER_GEMM_N 420
#define QUARTER_GEMM_K_BLOCKS 424
#define QUARTER_GEMM_M_TILES 428
#define QUARTER_GEMM_N_TILES 432
#define QUARTER_GEMM_GROUP 436
#define QUARTER_GEMM_FLAGS 440
#define QUARTER_GEMM_BYTES 448

#define QUARTER_WGMMA_A 0
#define QUARTER_WGMMA_B 8
#define QUARTER_WGMMA_C 16
#define QUARTER_WGMMA_D 24
#define QUARTER_WGMMA_DOTS 32
#define QUARTER_WGMMA_STEPS 36
#define QUARTER_WGMMA_BYTES 40

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

#define QUARTER_ADAMW_TENSOR_WEIGHTS 0
#define QUARTER_ADAMW_TENSOR_OTHER 8
#define QUARTER_ADAMW_TENSOR_GRADIENT 16
#define QUARTER_ADAMW_TENSOR_M 24
#define QUARTER_ADAMW_TENSOR_V 32
#define QUARTER_ADAMW_TENSOR_M_SCALES 40
#define QUARTER_ADAMW_TENSOR_V_SCALES 48
#define QUARTER_ADAMW_TENSOR_LEN 56
#define QUARTER_ADAMW_TENSOR_WORDS 64
#define QUARTER_ADAMW_TENSOR_PARTIALS 72
#define QUARTER_ADAMW_TENSOR_WHOLE_PARTIALS 80
#define QUARTER_ADAMW_TENSOR_WHOLE_LEN 88
#define QUARTER_ADAMW_TENSOR_TENSOR 96
#define QUARTER_ADAMW_TENSOR_GROUP 100
#define QUARTER_ADAMW_TENSOR_BYTES 104

#define QUARTER_ADAMW_SETTINGS_BETA1 0
#define QUARTER_ADAMW_SETTINGS_BETA2 8
#define QUARTER_ADAMW_SETTINGS_EPS 16
#define QUARTER_ADAMW_SETTINGS_MAX_NORM 24
#define QUARTER_ADAMW_SETTINGS_LIMIT 32
#define QUARTER_ADAMW_SETTINGS_INVERSE_LOSS_SCALE 40
#define QUARTER_ADAMW_SETTINGS_SCHEDULE 48
#define QUARTER_ADAMW_SETTINGS_SCHEDULE_LEN 56
#define QUARTER_ADAMW_SETTINGS_DECAY_PLAIN 64
#define QUARTER_ADAMW_SETTINGS_BYTES 72

#define QUARTER_ADAMW_GROUP_LR 0
#define QUARTER_ADAMW_GROUP_WEIGHT_DECAY 8
#define QUARTER_ADAMW_GROUP_BYTES 16

#define QUARTER_ADAMW_CONTROL_BETA1_POW 0
#define QUARTER_ADAMW_CONTROL_BETA2_POW 8
#define QUARTER_ADAMW_CONTROL_T 16
#define QUARTER_ADAMW_CONTROL_SKIPPED 24
#define QUARTER_ADAMW_CONTROL_NORM 32
#define QUARTER_ADAMW_CONTROL_CLIP 40
#define QUARTER_ADAMW_CONTROL_BETA1 48
#define QUARTER_ADAMW_CONTROL_BETA2 52
#define QUARTER_ADAMW_CONTROL_ONE_MINUS_BETA1 56
#define QUARTER_ADAMW_CONTROL_ONE_MINUS_BETA2 60
#define QUARTER_ADAMW_CONTROL_EPS 64
#define QUARTER_ADAMW_CONTROL_GRADIENT_SCALE 68
#define QUARTER_ADAMW_CONTROL_INV_BC2 72
#define QUARTER_ADAMW_CONTROL_EPS_SQUARED 76
#define QUARTER_ADAMW_CONTROL_SKIP 80
#define QUARTER_ADAMW_CONTROL_STEP 84
#define QUARTER_ADAMW_CONTROL_BYTES 88

#define QUARTER_ADAMW_TENSORS 0
#define QUARTER_ADAMW_CHUNKS 8
#define QUARTER_ADAMW_CONTROL 16
#define QUARTER_ADAMW_SETTINGS 24
#define QUARTER_ADAMW_RATES 32
#define QUARTER_ADAMW_TELEMETRY 40
#define QUARTER_ADAMW_CHUNK_COUNT 48
#define QUARTER_ADAMW_FLAGS 52
#define QUARTER_ADAMW_SEED_LOW 56
#define QUARTER_ADAMW_SEED_HIGH 60
#define QUARTER_ADAMW_BYTES 64

#define QUARTER_NORM_TENSORS 0
#define QUARTER_NORM_RUNS 8
#define QUARTER_NORM_FIRST_RUN 16
#define QUARTER_NORM_SUMS 24
#define QUARTER_NORM_TENSOR_SUMS 32
#define QUARTER_NORM_CONTROL 40
#define QUARTER_NORM_SETTINGS 48
#define QUARTER_NORM_GROUPS 56
#define QUARTER_NORM_RATES 64
#define QUARTER_NORM_RUN_COUNT 72
#define QUARTER_NORM_TENSOR_COUNT 76
#define QUARTER_NORM_BYTES 80

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

/* gemm_*: D = A * B^T. Maps are the driver's tensor maps of 128 bytes, swizzled by 128. */
struct QuarterGemm {
  uint64_t map_a[16]; /* A: boxes of 128 x 128 codes */
  uint64_t map_b[16]; /* B: the same */
  uint64_t map_d[16]; /* D: boxes of 64 rows of 128 bytes */
  uint64_t d; /* without TMA: its first byte */
  uint64_t pitch_d; /* bytes */
  uint64_t scale_inv_a; /* f32, one */
  uint64_t scale_inv_b;
  uint32_t m;
  uint32_t n;
  uint32_t k_blocks; /* of 128, not 0 */
  uint32_t m_tiles; /* of 256 rows: a cluster's */
  uint32_t n_tiles; /* of 256 columns */
  uint32_t group; /* columns of tiles that are done together, not 0 */
  uint32_t flags;
  uint32_t reserved;
};

/* wgmma_*: 64 dots in a block. */
struct QuarterWgmma {
  uint64_t a; /* dots x steps x 32 codes */
  uint64_t b; /* the same */
  uint64_t c; /* u32 x dots: f32, or f16 in the low half */
  uint64_t d; /* the same */
  uint32_t dots;
  uint32_t steps;
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

/* A tensor of the optimizer, or a shard of it: an entry of a table on the device. */
struct QuarterAdamwTensor {
  uint64_t weights;        /* bf16, or f32 */
  uint64_t other;          /* bf16 copy of f32 weights, or i16 rest of bf16 ones */
  uint64_t gradient;       /* bf16, or f32 */
  uint64_t m;              /* E4M3 codes, or f32 */
  uint64_t v;
  uint64_t m_scales;       /* f32, one a block */
  uint64_t v_scales;
  uint64_t len;            /* elements */
  uint64_t words;          /* random words: group of the first element */
  uint64_t partials;       /* f32, one a block */
  uint64_t whole_partials; /* the same of the unsharded tensor */
  uint64_t whole_len;      /* its elements */
  uint32_t tensor;         /* random words: the tensor */
  uint32_t group;          /* entry of the groups */
};

/* What the host sets; on the device, so that a captured step sees changes. */
struct QuarterAdamwSettings {
  double beta1;
  double beta2;
  double eps;
  double max_norm;           /* of the gradients; infinite: no clipping */
  double limit;              /* of the update RMS */
  double inverse_loss_scale;
  uint64_t schedule;         /* f64, one a step, by which every lr is multiplied; 0: none */
  uint64_t schedule_len;     /* the last one stays */
  uint64_t decay_plain;      /* 1: decay at the rate before update clipping */
};

/* Tensors with the same rate and decay. */
struct QuarterAdamwGroup {
  double lr;
  double weight_decay;
};

/* Where the optimizer is, and the constants of its step: adamw::StepConstants. */
struct QuarterAdamwControl {
  double beta1_pow;      /* the clock */
  double beta2_pow;
  uint64_t t;            /* steps that happened */
  uint64_t skipped;      /* and that did not */
  double norm;           /* of the gradients */
  double clip;           /* their factor */
  float beta1;
  float beta2;
  float one_minus_beta1;
  float one_minus_beta2;
  float eps;
  float gradient_scale;
  float inv_bc2;
  float eps_squared;
  uint32_t skip;         /* 1: this step does not happen */
  uint32_t step;         /* of the random words */
};

/* adamw, norm_partials and update_partials. */
struct QuarterAdamw {
  uint64_t tensors;     /* QuarterAdamwTensor each */
  uint64_t chunks;      /* u32 x 2 each: tensor, number of the chunk in it */
  uint64_t control;
  uint64_t settings;
  uint64_t rates;       /* f32 x 2 a tensor: alpha and decay */
  uint64_t telemetry;   /* u64 x 5 a tensor, in the order of adamw::Telemetry, added to */
  uint32_t chunk_count;
  uint32_t flags;
  uint32_t seed_low;
  uint32_t seed_high;
};

/* norm_sums, norm_finish and update_finish. */
struct QuarterNorm {
  uint64_t tensors;
  uint64_t runs;         /* u32 x 2 each: tensor, number of the run in it */
  uint64_t first_run;    /* u32 a tensor, and one more */
  uint64_t sums;         /* f64 a run */
  uint64_t tensor_sums;  /* f64 a tensor */
  uint64_t control;
  uint64_t settings;
  uint64_t groups;
  uint64_t rates;
  uint32_t run_count;
  uint32_t tensor_count;
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
QUARTER_AT(QuarterGemm, map_a, QUARTER_GEMM_MAP_A);
QUARTER_AT(QuarterGemm, map_b, QUARTER_GEMM_MAP_B);
QUARTER_AT(QuarterGemm, map_d, QUARTER_GEMM_MAP_D);
QUARTER_AT(QuarterGemm, d, QUARTER_GEMM_D);
QUARTER_AT(QuarterGemm, pitch_d, QUARTER_GEMM_PITCH_D);
QUARTER_AT(QuarterGemm, scale_inv_a, QUARTER_GEMM_SCALE_INV_A);
QUARTER_AT(QuarterGemm, scale_inv_b, QUARTER_GEMM_SCALE_INV_B);
QUARTER_AT(QuarterGemm, m, QUARTER_GEMM_M);
QUARTER_AT(QuarterGemm, n, QUARTER_GEMM_N);
QUARTER_AT(QuarterGemm, k_blocks, QUARTER_GEMM_K_BLOCKS);
QUARTER_AT(QuarterGemm, m_tiles, QUARTER_GEMM_M_TILES);
QUARTER_AT(QuarterGemm, n_tiles, QUARTER_GEMM_N_TILES);
QUARTER_AT(QuarterGemm, group, QUARTER_GEMM_GROUP);
QUARTER_AT(QuarterGemm, flags, QUARTER_GEMM_FLAGS);
_Static_assert(sizeof(struct QuarterGemm) == QUARTER_GEMM_BYTES, "size");
QUARTER_AT(QuarterWgmma, a, QUARTER_WGMMA_A);
QUARTER_AT(QuarterWgmma, b, QUARTER_WGMMA_B);
QUARTER_AT(QuarterWgmma, c, QUARTER_WGMMA_C);
QUARTER_AT(QuarterWgmma, d, QUARTER_WGMMA_D);
QUARTER_AT(QuarterWgmma, dots, QUARTER_WGMMA_DOTS);
QUARTER_AT(QuarterWgmma, steps, QUARTER_WGMMA_STEPS);
_Static_assert(sizeof(struct QuarterWgmma) == QUARTER_WGMMA_BYTES, "size");
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
QUARTER_AT(QuarterAdamwTensor, weights, QUARTER_ADAMW_TENSOR_WEIGHTS);
QUARTER_AT(QuarterAdamwTensor, other, QUARTER_ADAMW_TENSOR_OTHER);
QUARTER_AT(QuarterAdamwTensor, gradient, QUARTER_ADAMW_TENSOR_GRADIENT);
QUARTER_AT(QuarterAdamwTensor, m, QUARTER_ADAMW_TENSOR_M);
QUARTER_AT(QuarterAdamwTensor, v, QUARTER_ADAMW_TENSOR_V);
QUARTER_AT(QuarterAdamwTensor, m_scales, QUARTER_ADAMW_TENSOR_M_SCALES);
QUARTER_AT(QuarterAdamwTensor, v_scales, QUARTER_ADAMW_TENSOR_V_SCALES);
QUARTER_AT(QuarterAdamwTensor, len, QUARTER_ADAMW_TENSOR_LEN);
QUARTER_AT(QuarterAdamwTensor, words, QUARTER_ADAMW_TENSOR_WORDS);
QUARTER_AT(QuarterAdamwTensor, partials, QUARTER_ADAMW_TENSOR_PARTIALS);
QUARTER_AT(QuarterAdamwTensor, whole_partials, QUARTER_ADAMW_TENSOR_WHOLE_PARTIALS);
QUARTER_AT(QuarterAdamwTensor, whole_len, QUARTER_ADAMW_TENSOR_WHOLE_LEN);
QUARTER_AT(QuarterAdamwTensor, tensor, QUARTER_ADAMW_TENSOR_TENSOR);
QUARTER_AT(QuarterAdamwTensor, group, QUARTER_ADAMW_TENSOR_GROUP);
_Static_assert(sizeof(struct QuarterAdamwTensor) == QUARTER_ADAMW_TENSOR_BYTES, "size");
QUARTER_AT(QuarterAdamwSettings, beta1, QUARTER_ADAMW_SETTINGS_BETA1);
QUARTER_AT(QuarterAdamwSettings, beta2, QUARTER_ADAMW_SETTINGS_BETA2);
QUARTER_AT(QuarterAdamwSettings, eps, QUARTER_ADAMW_SETTINGS_EPS);
QUARTER_AT(QuarterAdamwSettings, max_norm, QUARTER_ADAMW_SETTINGS_MAX_NORM);
QUARTER_AT(QuarterAdamwSettings, limit, QUARTER_ADAMW_SETTINGS_LIMIT);
QUARTER_AT(QuarterAdamwSettings, inverse_loss_scale, QUARTER_ADAMW_SETTINGS_INVERSE_LOSS_SCALE);
QUARTER_AT(QuarterAdamwSettings, schedule, QUARTER_ADAMW_SETTINGS_SCHEDULE);
QUARTER_AT(QuarterAdamwSettings, schedule_len, QUARTER_ADAMW_SETTINGS_SCHEDULE_LEN);
QUARTER_AT(QuarterAdamwSettings, decay_plain, QUARTER_ADAMW_SETTINGS_DECAY_PLAIN);
_Static_assert(sizeof(struct QuarterAdamwSettings) == QUARTER_ADAMW_SETTINGS_BYTES, "size");
QUARTER_AT(QuarterAdamwGroup, lr, QUARTER_ADAMW_GROUP_LR);
QUARTER_AT(QuarterAdamwGroup, weight_decay, QUARTER_ADAMW_GROUP_WEIGHT_DECAY);
_Static_assert(sizeof(struct QuarterAdamwGroup) == QUARTER_ADAMW_GROUP_BYTES, "size");
QUARTER_AT(QuarterAdamwControl, beta1_pow, QUARTER_ADAMW_CONTROL_BETA1_POW);
QUARTER_AT(QuarterAdamwControl, beta2_pow, QUARTER_ADAMW_CONTROL_BETA2_POW);
QUARTER_AT(QuarterAdamwControl, t, QUARTER_ADAMW_CONTROL_T);
QUARTER_AT(QuarterAdamwControl, skipped, QUARTER_ADAMW_CONTROL_SKIPPED);
QUARTER_AT(QuarterAdamwControl, norm, QUARTER_ADAMW_CONTROL_NORM);
QUARTER_AT(QuarterAdamwControl, clip, QUARTER_ADAMW_CONTROL_CLIP);
QUARTER_AT(QuarterAdamwControl, beta1, QUARTER_ADAMW_CONTROL_BETA1);
QUARTER_AT(QuarterAdamwControl, beta2, QUARTER_ADAMW_CONTROL_BETA2);
QUARTER_AT(QuarterAdamwControl, one_minus_beta1, QUARTER_ADAMW_CONTROL_ONE_MINUS_BETA1);
QUARTER_AT(QuarterAdamwControl, one_minus_beta2, QUARTER_ADAMW_CONTROL_ONE_MINUS_BETA2);
QUARTER_AT(QuarterAdamwControl, eps, QUARTER_ADAMW_CONTROL_EPS);
QUARTER_AT(QuarterAdamwControl, gradient_scale, QUARTER_ADAMW_CONTROL_GRADIENT_SCALE);
QUARTER_AT(QuarterAdamwControl, inv_bc2, QUARTER_ADAMW_CONTROL_INV_BC2);
QUARTER_AT(QuarterAdamwControl, eps_squared, QUARTER_ADAMW_CONTROL_EPS_SQUARED);
QUARTER_AT(QuarterAdamwControl, skip, QUARTER_ADAMW_CONTROL_SKIP);
QUARTER_AT(QuarterAdamwControl, step, QUARTER_ADAMW_CONTROL_STEP);
_Static_assert(sizeof(struct QuarterAdamwControl) == QUARTER_ADAMW_CONTROL_BYTES, "size");
QUARTER_AT(QuarterAdamw, tensors, QUARTER_ADAMW_TENSORS);
QUARTER_AT(QuarterAdamw, chunks, QUARTER_ADAMW_CHUNKS);
QUARTER_AT(QuarterAdamw, control, QUARTER_ADAMW_CONTROL);
QUARTER_AT(QuarterAdamw, settings, QUARTER_ADAMW_SETTINGS);
QUARTER_AT(QuarterAdamw, rates, QUARTER_ADAMW_RATES);
QUARTER_AT(QuarterAdamw, telemetry, QUARTER_ADAMW_TELEMETRY);
QUARTER_AT(QuarterAdamw, chunk_count, QUARTER_ADAMW_CHUNK_COUNT);
QUARTER_AT(QuarterAdamw, flags, QUARTER_ADAMW_FLAGS);
QUARTER_AT(QuarterAdamw, seed_low, QUARTER_ADAMW_SEED_LOW);
QUARTER_AT(QuarterAdamw, seed_high, QUARTER_ADAMW_SEED_HIGH);
_Static_assert(sizeof(struct QuarterAdamw) == QUARTER_ADAMW_BYTES, "size");
QUARTER_AT(QuarterNorm, tensors, QUARTER_NORM_TENSORS);
QUARTER_AT(QuarterNorm, runs, QUARTER_NORM_RUNS);
QUARTER_AT(QuarterNorm, first_run, QUARTER_NORM_FIRST_RUN);
QUARTER_AT(QuarterNorm, sums, QUARTER_NORM_SUMS);
QUARTER_AT(QuarterNorm, tensor_sums, QUARTER_NORM_TENSOR_SUMS);
QUARTER_AT(QuarterNorm, control, QUARTER_NORM_CONTROL);
QUARTER_AT(QuarterNorm, settings, QUARTER_NORM_SETTINGS);
QUARTER_AT(QuarterNorm, groups, QUARTER_NORM_GROUPS);
QUARTER_AT(QuarterNorm, rates, QUARTER_NORM_RATES);
QUARTER_AT(QuarterNorm, run_count, QUARTER_NORM_RUN_COUNT);
QUARTER_AT(QuarterNorm, tensor_count, QUARTER_NORM_TENSOR_COUNT);
_Static_assert(sizeof(struct QuarterNorm) == QUARTER_NORM_BYTES, "size");
#undef QUARTER_AT
#endif

#endif
