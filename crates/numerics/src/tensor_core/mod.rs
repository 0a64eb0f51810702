//! What tensor cores compute, to the last bit.
//!
//! * [`wgmma_k32`]: FP8 `wgmma` of Hopper with an f32 accumulator, one output of one instruction.
//! * [`TensorCore`]: the same, 32 outputs side by side, for whole products.
//! * [`known`]: every instruction whose arithmetic is known, of FP8, f16, bf16 and tf32, on Volta to
//!   Blackwell. [`Arithmetic`] is the one description for all of them, [`Model`] evaluates it.
//! * [`Model::explain`] tells why a result is what it is, [`Model::certify`] how far it is from the
//!   exact sum, [`Model::bound`] how far it can be.
//!
//! `mma.sync` on FP8 is another arithmetic than `wgmma`, on the same GPU.
//!
//! # The arithmetic of FP8 `wgmma`
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
//!   distribution). The model gives the same bits on all that the tests can reach. [`known`] tells
//!   what the other instructions rest on.
//! - Other models, for the rest: `c` other than 0, mixed formats, special values and chains agree
//!   with mmasim 2.1.1 on the golden files, a part of which is in `tests/data`.
//! - Open until run on a GPU: everything of the second kind, and what an instruction does with
//!   `scale-d` 0, with negated operands, and with NaN in columns outside the tile.
//!
//! # Two ways to compute it
//!
//! `evaluate.rs` reads like the list above, for every [`Arithmetic`]. [`TensorCore`] is for whole
//! products: operands are decoded once, into steps of 32 in `k` for one row of A ([`RowStep`]) or 32
//! columns of B ([`StripStep`]), and [`TensorCore::chain`] computes 32 outputs side by side. Its
//! [`Path`]s differ from the list in form, not in bits:
//!
//! - AVX-512: 16-bit lanes. Magnitudes come shifted so that a product has 13 fraction bits in 15;
//!   a shift by `emax - e` aligns and cuts it. A sign is an exclusive or, which leaves it short by
//!   one for each negative product; a population count of signs puts that right.
//! - Portable and AVX2: f32 lanes, the compiler's vectors. A product scaled by `2^(13 - emax)` is
//!   exact, and the bits that `2^16` pushes below the point are cleared.
//! - A column with NaN or an infinity is left to the specification, the others are not.

mod addends;
mod arithmetic;
mod certificate;
mod evaluate;
mod exact;
#[cfg(feature = "std")]
mod explain;
mod gpu;
mod hopper;
pub mod known;
mod number;
mod operand;
mod round;
mod rules;
mod wgmma;

pub use arithmetic::{Arithmetic, InvalidArithmetic, Joins};
pub use certificate::Certificate;
pub use evaluate::Model;
pub use exact::ExactSum;
#[cfg(feature = "std")]
pub use explain::{Cause, ExplainedAddend, ExplainedStep, Explanation};
pub use gpu::{Gpu, UnknownGpu};
pub use hopper::{LANES, Path, RowStep, STEP, StripStep, TensorCore};
pub use known::{Evidence, Instruction, Known};
pub use operand::{Accumulator, Operand};
pub use rules::{Nan, Overflow, Products, Rounding, Rules, Subnormals, Zeros};
pub use wgmma::{wgmma_chain, wgmma_k32};
