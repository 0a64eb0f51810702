//! Six bytes a parameter taken literally: a counter-example, not a choice.
//!
//! Both moments in E4M3 with one scale a tensor, bf16 weights, everything
//! rounded to nearest, no floor. The arithmetic between is that of
//! [`step`](super::step), so what differs is the storage alone:
//!
//! - a second moment below a 458,752th of the tensor's largest becomes 0, and
//!   its next update is `m' / eps'`: training diverges;
//! - an update below half a unit in the last place of a bf16 weight is lost.

use super::block::{
    Lanes, advance, bf16_nearest, descend, encode_first, load_gradient, load_weights, max_bits,
    scale,
};
use super::moments::{check_codes, check_place, filled};
use super::state::decode;
use super::tensors::{Rounding, Weights, same_length};
use super::work::multiversion;
use super::{BLOCK, Gradient, SecondForm, StepConstants, Telemetry};
use crate::Result;
use core::ops::Range;
use half::bf16;

/// Both moments of a whole tensor in E4M3, one scale each.
#[derive(Clone, Debug, PartialEq)]
pub struct LiteralMoments {
    m: Vec<u8>,
    v: Vec<u8>,
    m_scale: f32,
    v_scale: f32,
}

impl LiteralMoments {
    /// Zero moments of `len` elements.
    ///
    /// # Errors
    /// As [`Moments::new`](super::Moments::new).
    pub fn new(len: usize) -> Result<Self> {
        check_place(0, len)?;
        let zero = f32::MIN_POSITIVE;
        Ok(Self { m: filled(0, len)?, v: filled(0, len)?, m_scale: zero, v_scale: zero })
    }

    /// Moments from saved parts: E4M3 codes, one a parameter, and the scale of each.
    ///
    /// # Errors
    /// As [`Moments::from_parts`](super::Moments::from_parts).
    pub fn from_parts((m, m_scale): (Vec<u8>, f32), (v, v_scale): (Vec<u8>, f32)) -> Result<Self> {
        same_length("codes of v", v.len(), m.len())?;
        check_codes(SecondForm::Linear, (&m, &[m_scale]), (&v, &[v_scale]))?;
        Ok(Self { m, v, m_scale, v_scale })
    }

    /// Bytes of codes and scales: 2 a parameter and 8.
    pub fn bytes(&self) -> usize {
        self.m.len() + self.v.len() + 8
    }

    /// E4M3 codes of the first moment and their scale.
    pub fn m(&self) -> (&[u8], f32) {
        (&self.m, self.m_scale)
    }

    /// E4M3 codes of the second moment and their scale.
    pub fn v(&self) -> (&[u8], f32) {
        (&self.v, self.v_scale)
    }

    #[inline(always)]
    fn advanced(&self, g: &Lanes, range: Range<usize>, k: &StepConstants) -> [Lanes; 3] {
        let mut m = decode(&self.m[range.clone()], self.m_scale);
        let mut v = decode(&self.v[range], self.v_scale);
        let r = advance(&mut m, &mut v, g, k);
        [m, v, r]
    }
}

/// One step of a whole tensor. If a moment would not be finite, nothing is
/// written and [`Telemetry::non_finite`] is 1 for the whole tensor.
///
/// # Errors
/// [`Error::Length`](crate::Error::Length) if a slice does not have the length
/// of the moments. Nothing is written then.
pub fn step(
    weights: &mut [bf16],
    gradient: Gradient<'_>,
    moments: &mut LiteralMoments,
    constants: &StepConstants,
) -> Result<Telemetry> {
    same_length("weights", weights.len(), moments.m.len())?;
    gradient.check(moments.m.len())?;
    Ok(run(weights, gradient, moments, constants))
}

multiversion! {
    fn run(
        weights: &mut [bf16], gradient: Gradient<'_>, moments: &mut LiteralMoments,
        k: &StepConstants,
    ) -> Telemetry = run_body
}

/// Two passes: the scale of a tensor is known only when all of it has been seen.
#[inline(always)]
fn run_body(
    weights: &mut [bf16],
    gradient: Gradient<'_>,
    moments: &mut LiteralMoments,
    k: &StepConstants,
) -> Telemetry {
    let len = weights.len();
    let blocks = || (0..len).step_by(BLOCK).map(|start| start..len.min(start + BLOCK));
    let (mut amax_m, mut amax_v) = (0, 0);
    for range in blocks() {
        let g = load_gradient(gradient, range.clone(), k.gradient_scale);
        let [m, v, _] = moments.advanced(&g, range, k);
        amax_m = amax_m.max(max_bits(&m.map(f32::abs)));
        amax_v = amax_v.max(max_bits(&v));
    }
    let (amax_m, amax_v) = (f32::from_bits(amax_m), f32::from_bits(amax_v));
    if !amax_m.is_finite() || !amax_v.is_finite() {
        return Telemetry { non_finite: 1, ..Telemetry::default() };
    }
    let (s_m, s_v) = (scale(amax_m), scale(amax_v));
    let mut telemetry = Telemetry { elements: len as u64, ..Telemetry::default() };
    for range in blocks() {
        let n = range.len();
        let g = load_gradient(gradient, range.clone(), k.gradient_scale);
        let [m, v, r] = moments.advanced(&g, range.clone(), k);
        let view = Weights::Bf16 { weights, rounding: Rounding::Nearest };
        let mut p = load_weights(&view, range.clone());
        descend(&mut p, &m, &r, k);
        weights[range.clone()].copy_from_slice(&p.map(bf16_nearest)[..n]);
        let (q, flushed, over_m) = encode_first(&m, s_m, None);
        moments.m[range.clone()].copy_from_slice(&q[..n]);
        // No floor: v is stored the way m is.
        let (q, _, over_v) = encode_first(&v, s_v, None);
        moments.v[range].copy_from_slice(&q[..n]);
        telemetry.flushed += u64::from(flushed);
        telemetry.saturated += u64::from(over_m + over_v);
    }
    (moments.m_scale, moments.v_scale) = (s_m, s_v);
    telemetry
}
