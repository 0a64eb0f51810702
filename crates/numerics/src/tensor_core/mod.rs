//! What the FP8 tensor core of Hopper computes, to the last bit.
//!
//! The model is of `wgmma.mma_async` m64nNk32 with an f32 accumulator, for all four pairs of
//! [`E4m3`](crate::E4m3) and [`E5m2`](crate::E5m2), NaN and infinities included. `mma.sync` on the
//! same GPU is another arithmetic.
//!
//! # The arithmetic
//!
//! One output of one instruction, [`wgmma_k32`]:
//!
//! 1. NaN, an infinity times zero, or infinities of both signs among the 32 products and `c`: the
//!    result is the NaN `0x7fffffff`. Else an infinity among them is the result.
//! 2. `e[k]` is the sum of the exponents of `a[k]` and `b[k]`, as stored: a product of
//!    significands is not normalised, and neither is a subnormal.
//! 3. `emax` is the largest among the `e[k]` and the exponent of `c`, zero addends left out.
//! 4. Every addend is cut toward zero to a multiple of `2^(emax - 13)`: no guard or sticky bits.
//! 5. The cut addends are summed exactly; 0 is `+0`.
//! 6. The sum is cut toward zero to 13 fraction bits, in the subnormals to a multiple of `2^-139`.
//!
//! Hence the low ten bits of every number that comes out are zero, the order of `k` matters
//! between instructions only, and a long chain of one sign loses more and more: about
//! `2^-16 * K` of it, which is why kernels promote partial sums to a full f32 every 128 of `K`.
//! The result is not monotone in `c`. A larger `K` is a chain, each result the next `c`;
//! [`wgmma_chain`] runs one.
//!
//! # What this rests on
//!
//! - GPU outputs: 5,000 dot products of E4M3 and 5,000 of E5M2, one instruction each, recorded on
//!   an H100 and on an H200 by Khattak and Mikaitis (`c` is 0, operands near a normal
//!   distribution). The model gives the same bits on all that the tests can reach.
//! - Other models, for the rest: `c` other than 0, mixed formats, special values and chains agree
//!   with mmasim 2.1.1 on the golden files, a part of which is in `tests/data`.
//! - Open until run on a GPU: everything of the second kind, and what an instruction does with
//!   `scale-d` 0, with negated operands, and with NaN in columns outside the tile.
//!
//! # Two ways to compute it
//!
//! [`wgmma_k32`] reads like the list above. [`TensorCore`] is for whole products: operands are
//! decoded once, into steps of 32 in `k` for one row of A ([`RowStep`]) or 32 columns of B
//! ([`StripStep`]), and [`TensorCore::chain`] computes 32 outputs side by side. Its [`Path`]s
//! differ from the list in form, not in bits:
//!
//! - AVX-512: 16-bit lanes. Magnitudes come shifted so that a product has 13 fraction bits in 15;
//!   a shift by `emax - e` aligns and cuts it. A sign is an exclusive or, which leaves it short by
//!   one for each negative product; a population count of signs puts that right.
//! - Portable and AVX2: f32 lanes, the compiler's vectors. A product scaled by `2^(13 - emax)` is
//!   exact, and the bits that `2^16` pushes below the point are cleared.
//! - A column with NaN or an infinity is left to the specification, the others are not.

mod chain;
mod path;
mod portable;
mod spec;
mod step;
#[cfg(target_arch = "x86_64")]
mod x86;

pub use chain::TensorCore;
pub use path::Path;
pub use spec::{wgmma_chain, wgmma_k32};
pub use step::{LANES, RowStep, STEP, StripStep};
