//! In which order a product is summed.

use crate::{Error, Quantized, Result, quantize::Granularity};

/// When partial sums of the tensor core are added to an f32 accumulator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Promotion {
    /// Never: one chain over the whole K ("fast accumulation"). With zero-mean
    /// data the error grows as sqrt(K), with data of one sign as K (-6.6 % at
    /// K = 4096).
    Never,
    /// Every so many elements of K, a multiple of 32. 128 is where products of
    /// E4M3 begin to lose bits.
    Every(usize),
}

/// How the two scales of a product meet its accumulator.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ScaleOrder {
    /// `(p * sa) * sb`, blocks `fma(p * sa, sb, y)`: cuBLAS' order for blocks.
    /// No product of scales can overflow or vanish.
    #[default]
    Sequential,
    /// `p * (sa * sb)`, blocks `fma(sa * sb, p, y)`: DeepGEMM's order. The same
    /// bits where the scales are powers of two and their product is a normal number.
    Combined,
}

/// The order of every addition and scaling of a product.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Plan {
    /// When partial sums leave the tensor core.
    pub promotion: Promotion,
    /// How scales are applied.
    pub scales: ScaleOrder,
}

impl Plan {
    /// The default plan. It depends on K alone, so the bits of a row do not change
    /// with the number of rows beside it.
    pub const fn for_k(k: usize) -> Self {
        // Up to 128 there is nothing to promote: the same bits, one addition less.
        let promotion = if k <= 128 { Promotion::Never } else { Promotion::Every(128) };
        Self { promotion, scales: ScaleOrder::Sequential }
    }

    /// Elements of K in one chain, for these operands.
    ///
    /// # Errors
    /// [`Error::Parameter`] if the interval is 0 or no multiple of 32, or does not
    /// divide the 128 of a block scale.
    pub(crate) fn chunk(&self, a: &Quantized, b: &Quantized) -> Result<usize> {
        self.chain(a.cols, is_blocked(a) || is_blocked(b))
    }

    /// The same of K, and of whether a scale changes along it.
    pub(crate) fn chain(&self, k: usize, blocks: bool) -> Result<usize> {
        let refuse = |got: String, allowed| {
            Err(Error::Parameter { what: "promotion interval", got, allowed })
        };
        match self.promotion {
            Promotion::Every(n) if n == 0 || n % 32 != 0 => {
                refuse(n.to_string(), "positive multiples of 32 are allowed")
            }
            Promotion::Every(n) if blocks && 128 % n != 0 => {
                refuse(n.to_string(), "32, 64 and 128 are allowed with scales per block of 128")
            }
            Promotion::Every(n) => Ok(n),
            Promotion::Never if blocks && k > 128 => refuse(
                "Never".into(),
                "scales per block of 128 need a promotion every 32, 64 or 128",
            ),
            Promotion::Never => Ok(k.next_multiple_of(32).max(32)),
        }
    }
}

/// Whether the scale changes along K.
pub(crate) fn is_blocked(x: &Quantized) -> bool {
    matches!(x.granularity, Granularity::Block1x128 | Granularity::Block128x128)
}
