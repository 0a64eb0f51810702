//! The arrays of tensors: where each lies, and that no two share what one of them writes.

use super::tensor::{AdamwTensorOn, GradientOn, MomentsOn, WeightsOn};
use crate::ffi::QUARTER_BLOCK;
use crate::gpu::check;
use crate::{Error, Result};

/// An array of a tensor.
#[derive(Clone, Copy)]
struct Array {
    what: &'static str,
    at: u64,
    /// Bytes of an element, which its address is a multiple of.
    size: u64,
    len: u64,
    /// Whether a step writes it.
    written: bool,
}

impl Array {
    /// Its end, if all of it has addresses.
    fn end(&self) -> Result<u64> {
        check::address(self.what, self.at, self.size, self.len > 0)?;
        let bytes = self.len.checked_mul(self.size);
        bytes.and_then(|bytes| self.at.checked_add(bytes)).ok_or_else(|| Error::Parameter {
            what: self.what,
            got: format!("{:#x}, with {} elements", self.at, self.len),
            allowed: "all of them have addresses below 2^64",
        })
    }
}

impl AdamwTensorOn {
    fn arrays(&self) -> impl Iterator<Item = Array> {
        let Self { len, .. } = *self;
        let array = |what, at, size| Some(Array { what, at, size, len, written: true });
        let [weights, other] = match self.weights {
            WeightsOn::F32(at) => [array("weights", at, 4), None],
            WeightsOn::Bf16 { weights, .. } => [array("weights", weights, 2), None],
            WeightsOn::Split { weights, rest } => {
                [array("weights", weights, 2), array("rest of the weights", rest, 2)]
            }
            WeightsOn::Master { master, weights } => {
                [array("master weights", master, 4), array("bf16 copy", weights, 2)]
            }
        };
        let gradient = match self.gradient {
            GradientOn::F32(at) => array("gradient", at, 4),
            GradientOn::Bf16(at) => array("gradient", at, 2),
        };
        let gradient = gradient.map(|gradient| Array { written: false, ..gradient });
        let [m, v, m_scales, v_scales] = match self.moments {
            MomentsOn::Full { m, v } => [array("m", m, 4), array("v", v, 4), None, None],
            MomentsOn::Fp8 { m, v, m_scales, v_scales, .. } => {
                let len = len.div_ceil(u64::from(QUARTER_BLOCK));
                let scales = |what, at| Some(Array { what, at, size: 4, len, written: true });
                let (m_scales, v_scales) =
                    (scales("scales of m", m_scales), scales("scales of v", v_scales));
                [array("codes of m", m, 1), array("codes of v", v, 1), m_scales, v_scales]
            }
        };
        [weights, other, gradient, m, v, m_scales, v_scales].into_iter().flatten()
    }

    /// Refuses addresses that its arrays cannot have.
    pub(super) fn check_arrays(&self) -> Result<()> {
        self.arrays().try_for_each(|array| array.end().map(drop))
    }
}

/// A range of addresses, and the tensor that it is of.
#[derive(Clone, Copy)]
struct Range {
    array: Array,
    end: u64,
    tensor: usize,
}

/// Refuses arrays that share bytes which a step writes, of one tensor or of two: what they hold
/// afterwards would depend on the order of warps.
pub(super) fn check_overlaps(tensors: &[AdamwTensorOn]) -> Result<()> {
    let mut ranges = Vec::new();
    for (tensor, on) in tensors.iter().enumerate() {
        for array in on.arrays().filter(|array| array.len > 0) {
            ranges.push(Range { array, end: array.end()?, tensor });
        }
    }
    ranges.sort_unstable_by_key(|range| range.array.at);
    // What ends last so far, of all and of what is written.
    let (mut any, mut written): (Option<Range>, Option<Range>) = (None, None);
    let last = |a: Option<Range>, b: Range| Some(a.filter(|a| a.end > b.end).unwrap_or(b));
    for range in ranges {
        let before = if range.array.written { any } else { written };
        if let Some(before) = before.filter(|before| before.end > range.array.at) {
            let name = |range: &Range| format!("{} of tensor {}", range.array.what, range.tensor);
            let (at, end) = (range.array.at, before.end);
            let got = format!("{} at {at:#x}, and {} to {end:#x}", name(&range), name(&before));
            let allowed = "what a step writes overlaps no other array";
            return Err(Error::Parameter { what: "array", got, allowed });
        }
        any = last(any, range);
        if range.array.written {
            written = last(written, range);
        }
    }
    Ok(())
}
