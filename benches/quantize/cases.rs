//! What is measured.

use std::fmt;

use quarter::Format;
use quarter::gpu::{DequantizeOn, QuantizeOn, ScaleOn, TransposeOn, TransposedOn, WideType};
use quarter::quantize::{Granularity, Rounding, Words};
use quarter::random::Source;
use quarter::scaling::Policy;

use crate::set::Set;

/// One kernel on one shape.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    pub kernel: Kernel,
    pub wide: WideType,
    pub format: Format,
    pub granularity: Granularity,
    pub rows: usize,
    pub cols: usize,
}

#[derive(Clone, Copy, Debug)]
pub enum Kernel {
    Quantize { given: bool, stochastic: bool, transposed: bool },
    Dequantize,
    Transpose,
}

const WORDS: Rounding = Rounding::Stochastic(Words::of(Source { seed: 1, tensor: 2, step: 3 }));

impl Case {
    pub fn all(rows: usize, cols: usize) -> Vec<Self> {
        use Granularity::{Block1x128, Block128x128, Row, Tensor};
        let mut all = Vec::new();
        let mut put = |kernel, wide, granularity| {
            all.push(Self { kernel, wide, format: Format::E4m3, granularity, rows, cols });
        };
        for (granularity, given) in [
            (Tensor, true),
            (Tensor, false),
            (Row, false),
            (Block1x128, false),
            (Block128x128, false),
        ] {
            for transposed in [false, true] {
                for stochastic in [false, true] {
                    let kernel = Kernel::Quantize { given, stochastic, transposed };
                    put(kernel, WideType::Bf16, granularity);
                }
            }
        }
        for wide in [WideType::F16, WideType::F32] {
            let kernel = Kernel::Quantize { given: true, stochastic: false, transposed: false };
            put(kernel, wide, Tensor);
        }
        for granularity in [Tensor, Block1x128] {
            for wide in [WideType::Bf16, WideType::F16, WideType::F32] {
                put(Kernel::Dequantize, wide, granularity);
            }
        }
        put(Kernel::Transpose, WideType::Bf16, Tensor);
        all
    }

    /// Bytes that have to be read and written, scales left out: current scaling of a tensor, and of
    /// rows and columns together, reads everything twice.
    pub fn bytes(&self) -> usize {
        let elements = self.rows * self.cols;
        let wide = self.wide.size() * elements;
        match self.kernel {
            Kernel::Quantize { given, transposed, .. } => {
                let twice = match self.granularity {
                    Granularity::Tensor => !given,
                    Granularity::Row => !given && transposed,
                    _ => false,
                };
                wide * (1 + usize::from(twice)) + elements * (1 + usize::from(transposed))
            }
            Kernel::Dequantize => elements + wide,
            Kernel::Transpose => 2 * elements,
        }
    }

    /// Enqueues it on a set of arrays.
    pub fn enqueue(&self, set: &Set, bench: &quarter::bench::Bench) -> quarter::Result<()> {
        let (rows, cols) = (self.rows, self.cols);
        // SAFETY (all three): the arrays of a set are as large as a case of this shape needs.
        match self.kernel {
            Kernel::Quantize { given, stochastic, transposed } => {
                let work = QuantizeOn {
                    wide: self.wide,
                    src: set.wide.address(),
                    rows,
                    cols,
                    src_pitch: cols,
                    format: self.format,
                    rounding: if stochastic { WORDS } else { Rounding::Nearest },
                    granularity: self.granularity,
                    scale: if given {
                        ScaleOn::Given(set.scales.address())
                    } else {
                        ScaleOn::Current(Policy::default())
                    },
                    codes: set.codes.address(),
                    pitch: cols,
                    scale_inv: set.scale_inv.address(),
                    stats: set.stats(0),
                    transposed: transposed.then(|| TransposedOn {
                        codes: set.codes_t.address(),
                        pitch: rows,
                        scale_inv: set.scale_inv_t.address(),
                        stats: set.stats(1),
                    }),
                    workspace: set.workspace.address(),
                };
                // SAFETY: as above.
                unsafe { work.enqueue(&*bench.driver, bench.stream) }
            }
            Kernel::Dequantize => {
                let work = DequantizeOn {
                    format: self.format,
                    codes: set.codes.address(),
                    rows,
                    cols,
                    pitch: cols,
                    granularity: self.granularity,
                    scale_inv: set.scales.address(),
                    wide: self.wide,
                    dst: set.wide.address(),
                    dst_pitch: cols,
                };
                // SAFETY: as above.
                unsafe { work.enqueue(&*bench.driver, bench.stream) }
            }
            Kernel::Transpose => {
                let work = TransposeOn {
                    codes: set.codes.address(),
                    rows,
                    cols,
                    pitch: cols,
                    granularity: self.granularity,
                    scale_inv: 0,
                    codes_t: set.codes_t.address(),
                    pitch_t: rows,
                    scale_inv_t: 0,
                };
                // SAFETY: as above.
                unsafe { work.enqueue(&*bench.driver, bench.stream) }
            }
        }
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { wide, format, granularity, rows, cols, .. } = self;
        match self.kernel {
            Kernel::Quantize { given, stochastic, transposed } => {
                let scale = if given { "given" } else { "current" };
                let rounding = if stochastic { "stochastic" } else { "nearest" };
                let both = if transposed { " and transpose" } else { "" };
                write!(f, "quantize{both} {wide:?} {format:?} {granularity:?} {scale} {rounding}")?;
            }
            Kernel::Dequantize => write!(f, "dequantize {format:?} {wide:?} {granularity:?}")?,
            Kernel::Transpose => write!(f, "transpose")?,
        }
        write!(f, " {rows}x{cols}")
    }
}
