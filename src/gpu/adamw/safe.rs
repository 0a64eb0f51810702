//! The reference's optimizer, on a device if there is one.

use std::sync::Arc;

use super::{AdamwOn, AdamwTensorOn, GradientOn, MomentsOn, WeightsOn};
use crate::adamw::{
    FullMoments, Gradient, Member, Moments, Optimizer, Outcome, StoredMoments, Weights,
};
use crate::gpu::wide::{bytes_of, floats};
use crate::gpu::{Buffer, Device, Driver, Stream};
use crate::{Element, Result};

/// A tensor's memory on the device.
struct Copies {
    weights: Buffer,
    other: Option<Buffer>,
    _gradient: Buffer,
    m: Buffer,
    v: Buffer,
    scales: Option<(Buffer, Buffer)>,
}

impl Optimizer {
    /// [`step`](Self::step) on a device, with the same bits. Copies everything to and from it, and
    /// waits: for tests and single calls. [`AdamwOn`] does neither.
    ///
    /// # Errors
    /// As [`step`](Self::step), and [`Error::Device`](crate::Error::Device). Nothing has changed
    /// then.
    pub fn step_on(
        &mut self,
        device: &Device,
        tensors: &mut [(Weights<'_>, Gradient<'_>)],
    ) -> Result<Outcome> {
        let Some(driver) = device.driver() else {
            return self.step(tensors);
        };
        self.check(tensors)?;
        let members = self.members.iter().zip(&*tensors);
        let copies: Vec<(Copies, AdamwTensorOn)> = members
            .map(|(member, (weights, gradient))| Copies::new(driver, member, weights, gradient))
            .collect::<Result<_>>()?;
        let on: Vec<AdamwTensorOn> = copies.iter().map(|(_, on)| *on).collect();
        let on = AdamwOn::new(driver, &on, self.settings().clone())?;
        on.set_clock(Stream::default(), self.clock)?;
        // SAFETY: the copies have the lengths of the slices, which fit the moments; nothing is given
        // back before the wait, also if a part was refused.
        let enqueued = unsafe { on.enqueue(Stream::default()) };
        let done = driver.synchronize(Stream::default());
        enqueued.and(done)?;
        let (control, telemetry) = (on.control()?, on.telemetry()?);
        let read =
            copies.iter().zip(&self.members).map(|((copies, _), member)| copies.read(member));
        let read: Vec<_> = read.collect::<Result<_>>()?;
        for ((read, member), (weights, _)) in read.into_iter().zip(&mut self.members).zip(tensors) {
            member.state = read.moments;
            weights.load(&read.weights, &read.other);
        }
        self.clock = control.clock;
        let clip = (!control.skip).then_some(control.clip);
        Ok(Outcome { norm: control.norm, clip, telemetry })
    }
}

/// What a step has left of a tensor.
struct Read {
    weights: Vec<u8>,
    other: Vec<u8>,
    moments: StoredMoments,
}

impl Copies {
    fn new(
        driver: &Arc<dyn Driver>,
        member: &Member,
        weights: &Weights,
        gradient: &Gradient,
    ) -> Result<(Self, AdamwTensorOn)> {
        let copy = |bytes: &[u8]| Buffer::from_bytes(driver, bytes);
        let (w, other, weights_on): (_, _, fn(u64, u64, &Weights) -> WeightsOn) = match weights {
            Weights::F32(w) => (copy(bytes_of(w))?, None, |w, _, _| WeightsOn::F32(w)),
            Weights::Bf16 { weights, .. } => (copy(bytes_of(weights))?, None, |w, _, from| {
                let rounding = match from {
                    Weights::Bf16 { rounding, .. } => *rounding,
                    _ => crate::adamw::Rounding::Nearest,
                };
                WeightsOn::Bf16 { weights: w, rounding }
            }),
            Weights::Split { weights, rest } => {
                let rest: Vec<u8> = rest.iter().flat_map(|x| x.to_le_bytes()).collect();
                (copy(bytes_of(weights))?, Some(copy(&rest)?), |weights, rest, _| {
                    WeightsOn::Split { weights, rest }
                })
            }
            Weights::Master { master, weights } => {
                let other = copy(bytes_of(weights))?;
                (copy(bytes_of(master))?, Some(other), |master, weights, _| WeightsOn::Master {
                    master,
                    weights,
                })
            }
        };
        let other_at = other.as_ref().map_or(0, Buffer::address);
        let weights_on = weights_on(w.address(), other_at, weights);
        let (g, gradient_on) = match gradient {
            Gradient::F32(g) => {
                let g = copy(bytes_of(g))?;
                let on = GradientOn::F32(g.address());
                (g, on)
            }
            Gradient::Bf16(g) => {
                let g = copy(bytes_of(g))?;
                let on = GradientOn::Bf16(g.address());
                (g, on)
            }
        };
        let (m, v, scales, moments) = match &member.state {
            StoredMoments::Full(full) => {
                let (m, v) = (copy(bytes_of(full.m()))?, copy(bytes_of(full.v()))?);
                let on = MomentsOn::Full { m: m.address(), v: v.address() };
                (m, v, None, on)
            }
            StoredMoments::Fp8(moments) => {
                let ((m, m_scales), (v, v_scales)) = (moments.m(), moments.v());
                let (m, v) = (copy(m)?, copy(v)?);
                let scales = (copy(bytes_of(m_scales))?, copy(bytes_of(v_scales))?);
                let on = MomentsOn::Fp8 {
                    form: moments.form(),
                    m: m.address(),
                    v: v.address(),
                    m_scales: scales.0.address(),
                    v_scales: scales.1.address(),
                };
                (m, v, Some(scales), on)
            }
        };
        let len = member.state.len() as u64;
        let on = AdamwTensorOn {
            weights: weights_on,
            gradient: gradient_on,
            moments,
            len,
            first: 0,
            whole_len: len,
            group: member.group,
            tensor: member.tensor,
        };
        Ok((Self { weights: w, other, _gradient: g, m, v, scales }, on))
    }

    fn read(&self, member: &Member) -> Result<Read> {
        // SAFETY: all were written when they were made.
        let bytes = |buffer: &Buffer| unsafe { buffer.to_bytes() };
        let (m, v) = (bytes(&self.m)?, bytes(&self.v)?);
        let moments = match (&member.state, &self.scales) {
            (StoredMoments::Fp8(before), Some((m_scales, v_scales))) => {
                let (m_scales, v_scales) = (floats(&bytes(m_scales)?), floats(&bytes(v_scales)?));
                Moments::from_step(before, (m, m_scales), (v, v_scales)).into()
            }
            (before, _) => FullMoments::from_step(before.first(), floats(&m), floats(&v)).into(),
        };
        let other = self.other.as_ref().map_or(Ok(Vec::new()), bytes)?;
        Ok(Read { weights: bytes(&self.weights)?, other, moments })
    }
}

impl Weights<'_> {
    /// What a device has left in place of these.
    fn load(&mut self, bytes: &[u8], other: &[u8]) {
        fn put<T: Element>(to: &mut [T], bytes: &[u8], from: fn(&[u8]) -> T) {
            to.iter_mut().zip(bytes.chunks_exact(size_of::<T>())).for_each(|(x, b)| *x = from(b));
        }
        let single =
            |b: &[u8]| f32::from_bits(u32::from_le_bytes(b.try_into().unwrap_or_default()));
        let half = |b: &[u8]| u16::from_le_bytes(b.try_into().unwrap_or_default());
        let narrow =
            |b: &[u8]| half::bf16::from_bits(u16::from_le_bytes(b.try_into().unwrap_or_default()));
        match self {
            Self::F32(w) => put(w, bytes, single),
            Self::Bf16 { weights, .. } => put(weights, bytes, narrow),
            Self::Split { weights, rest } => {
                put(weights, bytes, narrow);
                let rests = other.chunks_exact(2).map(|b| half(b) as i16);
                rest.iter_mut().zip(rests).for_each(|(x, rest)| *x = rest);
            }
            Self::Master { master, weights } => {
                put(master, bytes, single);
                put(weights, other, narrow);
            }
        }
    }
}
