/* Constants and parameter structs of the kernels: the one place that PTX, CUDA C++ and Rust
 * share. PTX templates see the #defines (the preprocessor runs over them with __ASSEMBLER__
 * set); the structs are for C and, through bindgen, for src/ffi.rs.
 *
 * The offset of field F of struct S is QUARTER_S_F, the size QUARTER_S_BYTES; a const in Rust
 * and a static_assert here hold them to the struct. */
#ifndef QUARTER_H
#define QUARTER_H

/* Elements that share a scale in block quantization. */
#define QUARTER_BLOCK 128

#ifndef __ASSEMBLER__
#include <stddef.h>
#include <stdint.h>
#endif

#endif
