//! The moments of a tensor as the step borrows them, FP8 or f32.

use super::block::{Lanes, padded};
use super::{BLOCK, SecondForm, code};
use core::ops::Range;

/// Slices of the moments; the first element starts a block.
pub(super) enum State<'a> {
    /// Codes and one scale a block for each moment.
    Fp8 {
        form: SecondForm,
        m: &'a mut [u8],
        v: &'a mut [u8],
        m_scales: &'a mut [f32],
        v_scales: &'a mut [f32],
    },
    /// The moments themselves.
    Full { m: &'a mut [f32], v: &'a mut [f32] },
}

impl State<'_> {
    /// The moments of one block, the second always as v.
    #[inline(always)]
    pub(super) fn load(&self, range: Range<usize>) -> (Lanes, Lanes) {
        match self {
            Self::Full { m, v } => (padded(&m[range.clone()], 0.0), padded(&v[range], 0.0)),
            Self::Fp8 { form, m, v, m_scales, v_scales } => {
                let block = range.start / BLOCK;
                let m = decode(&m[range.clone()], m_scales[block]);
                let v = decode(&v[range], v_scales[block]);
                match form {
                    SecondForm::Linear => (m, v),
                    SecondForm::Sqrt => (m, v.map(|r| r * r)),
                }
            }
        }
    }

    /// Which of `v` and its root is stored.
    #[inline(always)]
    pub(super) fn stored_second<'l>(&self, v: &'l Lanes, r: &'l Lanes) -> &'l Lanes {
        match self {
            Self::Fp8 { form: SecondForm::Sqrt, .. } => r,
            _ => v,
        }
    }

    pub(super) fn split_at(self, at: usize) -> (Self, Self) {
        match self {
            Self::Full { m, v } => {
                let (m0, m1) = m.split_at_mut(at);
                let (v0, v1) = v.split_at_mut(at);
                (Self::Full { m: m0, v: v0 }, Self::Full { m: m1, v: v1 })
            }
            Self::Fp8 { form, m, v, m_scales, v_scales } => {
                let (m0, m1) = m.split_at_mut(at);
                let (v0, v1) = v.split_at_mut(at);
                let (a0, a1) = m_scales.split_at_mut(at / BLOCK);
                let (b0, b1) = v_scales.split_at_mut(at / BLOCK);
                (
                    Self::Fp8 { form, m: m0, v: v0, m_scales: a0, v_scales: b0 },
                    Self::Fp8 { form, m: m1, v: v1, m_scales: a1, v_scales: b1 },
                )
            }
        }
    }
}

/// `dec(code) * scale`
#[inline(always)]
pub(super) fn decode(codes: &[u8], scale: f32) -> Lanes {
    padded(codes, 0).map(|q| code::decode(q) * scale)
}
