//! The FP8 moments of one tensor or shard: codes and scales as one value.

use super::block::{encode_first, encode_second, max_bits, padded, scale};
use super::state::{State, decode};
use super::tensors::same_length;
use super::{BLOCK, FullMoments};
use crate::{Error, Result};

/// What the code of a second moment stands for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum SecondForm {
    /// `sqrt(v) / s`: a block spans 11 decades of v.
    #[default]
    Sqrt,
    /// `v / s`: a block spans 5 decades of v. Its loss was 0.185 % (s.e. 0.044 %, 4 seeds)
    /// above that of the root in the `pretrain` example.
    Linear,
}

/// Both moments of a tensor, or of a shard of it, in E4M3 with one scale for
/// each block of 128 and moment.
///
/// Blocks count from the start of the unsharded tensor, so cutting at a
/// multiple of 128 and joining again changes no bit.
#[derive(Clone, Debug, PartialEq)]
pub struct Moments {
    form: SecondForm,
    first: u64,
    m: Vec<u8>,
    v: Vec<u8>,
    m_scales: Vec<f32>,
    v_scales: Vec<f32>,
}

/// The index of a random word has 51 bits.
const END: u64 = 1 << 51;

impl Moments {
    /// Zero moments of a whole tensor of `len` elements.
    ///
    /// # Errors
    /// [`Error::Parameter`] if `len` is above 2^51, [`Error::Length`] if there is no memory for it.
    pub fn new(form: SecondForm, len: usize) -> Result<Self> {
        Self::new_shard(form, 0, len)
    }

    /// Zero moments of the `len` elements from index `first` of a tensor.
    ///
    /// # Errors
    /// [`Error::Parameter`] unless `first` is a multiple of 128 and the shard
    /// ends at 2^51 or below; [`Error::Length`] if there is no memory for it.
    pub fn new_shard(form: SecondForm, first: u64, len: usize) -> Result<Self> {
        check_place(first, len)?;
        let blocks = len.div_ceil(BLOCK);
        Ok(Self {
            form,
            first,
            m: filled(0, len)?,
            v: filled(0, len)?,
            m_scales: filled(f32::MIN_POSITIVE, blocks)?,
            v_scales: filled(f32::MIN_POSITIVE, blocks)?,
        })
    }

    /// Moments from saved parts: `m` and `v` E4M3 codes, one a parameter, and
    /// one scale a block.
    ///
    /// # Errors
    /// [`Error::Length`] if the parts do not fit together; [`Error::Parameter`]
    /// for a misplaced shard, a NaN code, a second moment with its sign bit set,
    /// and a scale that is not a normal positive number or makes an infinite
    /// moment of 448.
    pub fn from_parts(
        form: SecondForm,
        first: u64,
        (m, m_scales): (Vec<u8>, Vec<f32>),
        (v, v_scales): (Vec<u8>, Vec<f32>),
    ) -> Result<Self> {
        check_place(first, m.len())?;
        same_length("codes of v", v.len(), m.len())?;
        let blocks = m.len().div_ceil(BLOCK);
        for (what, got) in [("scales of m", m_scales.len()), ("scales of v", v_scales.len())] {
            if got != blocks {
                let allowed = format!("{} elements have {blocks} blocks of 128", m.len());
                return Err(Error::Length { what, got, allowed });
            }
        }
        check_codes(form, (&m, &m_scales), (&v, &v_scales))?;
        Ok(Self { form, first, m, v, m_scales, v_scales })
    }

    /// Takes over f32 moments, each rounded to nearest, with the floor.
    pub fn from_full(form: SecondForm, full: &FullMoments) -> Self {
        let (len, blocks) = (full.len(), full.len().div_ceil(BLOCK));
        let mut moments = Self {
            form,
            first: full.first(),
            m: Vec::with_capacity(len),
            v: Vec::with_capacity(len),
            m_scales: Vec::with_capacity(blocks),
            v_scales: Vec::with_capacity(blocks),
        };
        for (m, v) in full.m().chunks(BLOCK).zip(full.v().chunks(BLOCK)) {
            let n = m.len();
            let (m, v) = (padded(m, 0.0), padded(v, 0.0));
            let x = if form == SecondForm::Sqrt { v.map(f32::sqrt) } else { v };
            let s_m = scale(f32::from_bits(max_bits(&m.map(f32::abs))));
            let s_v = scale(f32::from_bits(max_bits(&x)));
            let (q, ..) = encode_first(&m, s_m, None);
            moments.m.extend_from_slice(&q[..n]);
            let (q, ..) = encode_second(&x, s_v, form, None);
            moments.v.extend_from_slice(&q[..n]);
            moments.m_scales.push(s_m);
            moments.v_scales.push(s_v);
        }
        moments
    }

    /// The values these moments stand for, as the next step reads them.
    pub fn to_full(&self) -> FullMoments {
        let values = |codes: &[u8], scales: &[f32], square: bool| {
            let blocks = codes.chunks(BLOCK).zip(scales);
            let values = blocks.flat_map(|(q, &s)| decode(q, s).into_iter().take(q.len()));
            values.map(|x| if square { x * x } else { x }).collect()
        };
        FullMoments::from_checked(
            self.first,
            values(&self.m, &self.m_scales, false),
            values(&self.v, &self.v_scales, self.form == SecondForm::Sqrt),
        )
    }

    /// Cuts off what starts at the local index `at` and returns it.
    ///
    /// # Errors
    /// [`Error::Parameter`] unless `at` is a multiple of 128 and at most the length.
    pub fn split_off(&mut self, at: usize) -> Result<Self> {
        if !at.is_multiple_of(BLOCK) || at > self.len() {
            return Err(Error::Parameter {
                what: "at",
                got: at.to_string(),
                allowed: "it is a multiple of 128, at most the length",
            });
        }
        Ok(Self {
            form: self.form,
            first: self.first + at as u64,
            m: self.m.split_off(at),
            v: self.v.split_off(at),
            m_scales: self.m_scales.split_off(at / BLOCK),
            v_scales: self.v_scales.split_off(at / BLOCK),
        })
    }

    /// Joins the neighbouring shard `next` to the end of this one.
    ///
    /// # Errors
    /// [`Error::Parameter`] unless `next` starts where this one ends, at a
    /// multiple of 128, in the same form.
    pub fn append(&mut self, next: &Self) -> Result<()> {
        let end = self.first + self.len() as u64;
        if next.first != end || !self.len().is_multiple_of(BLOCK) || next.form != self.form {
            return Err(Error::Parameter {
                what: "next shard",
                got: format!("{:?} from {} after {:?} to {end}", next.form, next.first, self.form),
                allowed: "it has the same form and starts where the other ends, at a multiple of 128",
            });
        }
        self.m.extend_from_slice(&next.m);
        self.v.extend_from_slice(&next.v);
        self.m_scales.extend_from_slice(&next.m_scales);
        self.v_scales.extend_from_slice(&next.v_scales);
        Ok(())
    }

    /// Bytes of codes and scales: 2 a parameter and 8 a block.
    pub fn bytes(&self) -> usize {
        2 * self.m.len() + 4 * (self.m_scales.len() + self.v_scales.len())
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        self.m.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.m.is_empty()
    }

    /// Index of the first element in the unsharded tensor.
    pub fn first(&self) -> u64 {
        self.first
    }

    /// What the codes of the second moment stand for.
    pub fn form(&self) -> SecondForm {
        self.form
    }

    /// E4M3 codes of the first moment, and their scales, one a block.
    pub fn m(&self) -> (&[u8], &[f32]) {
        (&self.m, &self.m_scales)
    }

    /// E4M3 codes of the second moment, and their scales, one a block.
    pub fn v(&self) -> (&[u8], &[f32]) {
        (&self.v, &self.v_scales)
    }

    /// What a step on a device has made of moments; as it is.
    pub(crate) fn from_step(
        before: &Self,
        (m, m_scales): (Vec<u8>, Vec<f32>),
        (v, v_scales): (Vec<u8>, Vec<f32>),
    ) -> Self {
        Self { form: before.form, first: before.first, m, v, m_scales, v_scales }
    }

    pub(super) fn state(&mut self) -> State<'_> {
        let Self { form, m, v, m_scales, v_scales, .. } = self;
        State::Fp8 { form: *form, m, v, m_scales, v_scales }
    }
}

/// Refuses what no step can have written: of the largest code, 448, the scale
/// makes a finite moment.
pub(super) fn check_codes(
    form: SecondForm,
    (m, m_scales): (&[u8], &[f32]),
    (v, v_scales): (&[u8], &[f32]),
) -> Result<()> {
    let refuse = |what, got, allowed| Err(Error::Parameter { what, got, allowed });
    if let Some(q) = m.iter().find(|&&q| q & 0x7f == 0x7f) {
        return refuse("code of m", format!("{q:#04x}"), "it is not a NaN");
    }
    if let Some(q) = v.iter().find(|&&q| q >= 0x7f) {
        return refuse("code of v", format!("{q:#04x}"), "it is at most 0x7e");
    }
    let all = [("scale of m", m_scales, SecondForm::Linear), ("scale of v", v_scales, form)];
    for (what, scales, form) in all {
        let largest = |s: f32| match form {
            SecondForm::Linear => 448.0 * s,
            SecondForm::Sqrt => (448.0 * s) * (448.0 * s),
        };
        let holds = |s: f32| s.is_normal() && s > 0.0 && largest(s).is_finite();
        if let Some(s) = scales.iter().find(|&&s| !holds(s)) {
            let allowed = "it is positive and normal, and no code overflows f32 with it";
            return refuse(what, s.to_string(), allowed);
        }
    }
    Ok(())
}

/// `vec![x; len]`, where there is memory for it.
pub(super) fn filled<T: Clone>(x: T, len: usize) -> Result<Vec<T>> {
    let mut all = Vec::new();
    if all.try_reserve_exact(len).is_err() {
        let allowed = "there is no memory for so many".to_string();
        return Err(Error::Length { what: "moments", got: len, allowed });
    }
    all.resize(len, x);
    Ok(all)
}

pub(super) fn check_place(first: u64, len: usize) -> Result<()> {
    let end = first.checked_add(len as u64);
    if first.is_multiple_of(BLOCK as u64) && end.is_some_and(|end| end <= END) {
        return Ok(());
    }
    Err(Error::Parameter {
        what: "first",
        got: format!("{first}, with {len} elements"),
        allowed: "a shard starts at a multiple of 128 and ends at 2^51 or below",
    })
}
