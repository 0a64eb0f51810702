//! FP8 matrix products with every rounding specified.
//!
//! All products are "TN": `D[m][n] = sum over k of A[m][k] * B[n][k]`, both operands
//! with K along their rows, because the tensor core reads FP8 no other way.
//!
//! | role | A | B | D |
//! |---|---|---|---|
//! | [`fprop`] | x `[tokens, in]` | w `[out, in]` | y `[tokens, out]` |
//! | [`dgrad`] | dy `[tokens, out]` | w transposed `[in, out]` | dx `[tokens, in]` |
//! | [`wgrad`] | dy transposed `[out, tokens]` | x transposed `[in, tokens]` | dw `[out, in]` |
//!
//! # Numeric contract
//! For each element of D, with `sa`, `sb` the `scale_inv` of its row of A and of B
//! (f32, nearest-even, nothing contracted but the `fma` written here):
//!
//! ```text
//! y = +0
//! for each interval of K of the plan's promotion (the last may be short):
//!     p = +0
//!     for each 32 of the interval, short ones filled with +0:
//!         p = wgmma_k32(a, b, p)                 quarter_numerics::tensor_core
//!     scales constant along K:   y = y + p
//!     else, Sequential:          y = fma(p * sa, sb, y)
//!     else, Combined:            y = fma(sa * sb, p, y)
//! if the scales are constant along K, and K > 0:
//!     Sequential: y = (y * sa) * sb       Combined: y = y * (sa * sb)
//! if bias:        y = y + bias[n]
//! d = T(y)                                 nearest-even to the type of D
//! if accumulate:  d = T(D[m][n] + d)       one rounding in the type of D
//! ```
//!
//! [`to_fp8`] ends with `E4m3(y * scale_d)` and the amax of `|y|` instead. A NaN is
//! written as 0x7fffffff or 0x7fff.
//!
//! The result depends on the operands and the [`Plan`] alone: not on M, N, the
//! pitch, threads, or the instruction set. K = 0 gives y = +0 whatever the scales.
//!
//! [`gemm_on`] gives the same bits on a device, for operands with one scale each, D in f32 or bf16,
//! and chains of 128 or of all of K; [`gpu::GemmOn`](crate::gpu::GemmOn) takes a device's own addresses.
//!
//! How far that is from the exact sum, before and after: [`error`].

mod drive;
pub mod error;
mod plan;

pub use plan::{Plan, Promotion, ScaleOrder};

pub use crate::gpu::gemm_on;

use half::bf16;

use crate::quantize::{Cast, Matrix, MatrixMut, Quantizer, Scale};
use crate::{Element, Error, Format, Quantized, Result, Wide, quantize::Granularity};

/// A vector of N numbers added to each row of a product.
#[derive(Clone, Copy, Debug)]
pub enum Bias<'a> {
    /// In f32.
    F32(&'a [f32]),
    /// In bf16.
    Bf16(&'a [bf16]),
}

impl Bias<'_> {
    fn len(&self) -> usize {
        match self {
            Self::F32(b) => b.len(),
            Self::Bf16(b) => b.len(),
        }
    }

    fn widen(&self) -> Vec<f32> {
        match self {
            Self::F32(b) => b.to_vec(),
            Self::Bf16(b) => b.iter().map(|b| Wide::to_f32(*b)).collect(),
        }
    }
}

/// What happens to a product before it is stored.
#[derive(Clone, Copy, Debug, Default)]
pub struct Epilogue<'a> {
    /// Added to each row in f32.
    pub bias: Option<Bias<'a>>,
    /// Add to what D holds, after rounding to its type, instead of replacing it.
    pub accumulate: bool,
}

/// `y = x * w^T`: x `[tokens, in]`, w `[out, in]`, y `[tokens, out]`.
///
/// # Errors
/// As [`gemm`].
pub fn fprop<T: Element>(
    x: &Quantized,
    w: &Quantized,
    plan: &Plan,
    epilogue: &Epilogue,
    y: MatrixMut<T>,
) -> Result<()> {
    run(["x", "w", "y"], x, w, plan, epilogue, y)
}

/// `dx = dy * w`: dy `[tokens, out]`, w **transposed** `[in, out]`, dx `[tokens, in]`.
///
/// # Errors
/// As [`gemm`].
pub fn dgrad<T: Element>(
    dy: &Quantized,
    w_t: &Quantized,
    plan: &Plan,
    epilogue: &Epilogue,
    dx: MatrixMut<T>,
) -> Result<()> {
    run(["dy", "w transposed", "dx"], dy, w_t, plan, epilogue, dx)
}

/// `dw = dy^T * x`: dy **transposed** `[out, tokens]`, x **transposed**
/// `[in, tokens]`, dw `[out, in]`.
///
/// # Errors
/// As [`gemm`].
pub fn wgrad<T: Element>(
    dy_t: &Quantized,
    x_t: &Quantized,
    plan: &Plan,
    epilogue: &Epilogue,
    dw: MatrixMut<T>,
) -> Result<()> {
    run(["dy transposed", "x transposed", "dw"], dy_t, x_t, plan, epilogue, dw)
}

/// `D = A * B^T`: a `[M, K]`, b `[N, K]`, d `[M, N]`; all four pairs of formats and
/// all pairs of granularities.
///
/// ```
/// use quarter::{gemm::{self, Plan}, quantize::{Matrix, MatrixMut, Quantizer}};
///
/// let q = Quantizer::default(); // E4M3, one scale from the amax
/// let a = q.quantize(Matrix::new(&[1.0f32, 2.0, 3.0, 4.0], 2, 2)?)?.data;
/// let b = q.quantize(Matrix::new(&[1.0f32, 0.0, 0.0, 1.0], 2, 2)?)?.data;
/// let mut d = [0f32; 4];
/// gemm::gemm(&a, &b, &Plan::for_k(2), &Default::default(), MatrixMut::new(&mut d, 2, 2)?)?;
/// // 3 is no E4M3 number at this scale: it became 2.86.
/// assert_eq!(d.map(|x| (x * 100.0).round()), [100.0, 200.0, 286.0, 400.0]);
/// # Ok::<(), quarter::Error>(())
/// ```
///
/// # Errors
/// [`Error::Shape`] or [`Error::Length`] if the shapes do not fit,
/// [`Error::Parameter`] if the plan's interval does not. D is then untouched.
pub fn gemm<T: Element>(
    a: &Quantized,
    b: &Quantized,
    plan: &Plan,
    epilogue: &Epilogue,
    d: MatrixMut<T>,
) -> Result<()> {
    run(["a", "b", "d"], a, b, plan, epilogue, d)
}

/// `D = A * B^T` as FP8: a `[M, K]`, b `[N, K]`, D `[M, N]` with one scale.
///
/// The codes and statistics are those of the f32 product cast with `scale`; the
/// amax is taken before it is scaled.
///
/// # Errors
/// As [`gemm`]; [`Error::Parameter`] if the scale is not a positive finite number with a
/// finite reciprocal; [`Error::Shape`] if M x N is too large, as in [`Matrix::new`].
pub fn to_fp8(
    a: &Quantized,
    b: &Quantized,
    plan: &Plan,
    bias: Option<Bias>,
    format: Format,
    scale: f32,
) -> Result<Cast> {
    let quantizer = Quantizer {
        format,
        granularity: Granularity::Tensor,
        scale: Scale::Given(&[scale]),
        ..Quantizer::default()
    };
    quantizer.validate(a.rows, b.rows)?;
    let epilogue = Epilogue { bias, accumulate: false };
    let names = ["a", "b", "d"];
    // Before room is taken for a product that is not to be.
    check(names, a, b, plan, &epilogue, (a.rows, b.rows))?;
    let mut y = vec![0f32; a.rows * b.rows];
    run(names, a, b, plan, &epilogue, MatrixMut::new(&mut y, a.rows, b.rows)?)?;
    quantizer.quantize(Matrix::new(&y, a.rows, b.rows)?)
}

/// Checks a product with a D of `rows` x `cols`; returns the elements of K in one chain.
pub(crate) fn check(
    names: [&'static str; 3],
    a: &Quantized,
    b: &Quantized,
    plan: &Plan,
    epilogue: &Epilogue,
    (rows, cols): (usize, usize),
) -> Result<usize> {
    let [_, b_name, d_name] = names;
    if a.cols != b.cols {
        return Err(Error::Shape {
            what: b_name,
            rows: b.rows,
            cols: b.cols,
            allowed: format!("its columns have to be the {} of {} (K)", a.cols, names[0]),
        });
    }
    if (rows, cols) != (a.rows, b.rows) {
        return Err(Error::Shape {
            what: d_name,
            rows,
            cols,
            allowed: format!("{} x {} is needed", a.rows, b.rows),
        });
    }
    if let Some(bias) = epilogue.bias.filter(|bias| bias.len() != b.rows) {
        return Err(Error::Length {
            what: "bias",
            got: bias.len(),
            allowed: format!("{} are needed, one for each column of {d_name}", b.rows),
        });
    }
    plan.chunk(a, b)
}

fn run<T: Element>(
    names: [&'static str; 3],
    a: &Quantized,
    b: &Quantized,
    plan: &Plan,
    epilogue: &Epilogue,
    d: MatrixMut<T>,
) -> Result<()> {
    let chunk = check(names, a, b, plan, epilogue, (d.rows(), d.cols()))?;
    let bias = epilogue.bias.map(|b| b.widen());
    drive::run(a, b, chunk, plan.scales, d, |n, y, old: T| {
        let y = match &bias {
            Some(bias) => y + bias[n],
            None => y,
        };
        let d = T::from_f32(y);
        if epilogue.accumulate { old.add(d) } else { d }
    });
    Ok(())
}
