//! The contract once more, one element at a time, from tables and f64.

use half::bf16;
use quarter::adamw::{Clock, DecayRate, Hyper, Rounding, SecondForm, StepConstants};
use quarter::random::{Source, Stream};

/// The 127 finite magnitudes of E4M3, from its definition.
pub fn table() -> [f64; 127] {
    std::array::from_fn(|code| match (code / 8, code % 8) {
        (0, fraction) => fraction as f64 / 512.0,
        (exponent, fraction) => (1.0 + fraction as f64 / 8.0) * 2_f64.powi(exponent as i32 - 7),
    })
}

pub fn decode(code: u8) -> f32 {
    let magnitude = table().get(usize::from(code & 0x7f)).copied().unwrap_or(f64::NAN);
    (if code >= 0x80 { -magnitude } else { magnitude }) as f32
}

/// Largest code at or below `y`.
fn below(y: f64) -> usize {
    table().partition_point(|&c| c <= y) - 1
}

pub fn nearest(y: f32) -> u8 {
    let y = f64::from(y);
    let lo = below(y);
    let Some(hi) = table().get(lo + 1).copied() else {
        return lo as u8;
    };
    let middle = (table()[lo] + hi) / 2.0;
    (if y > middle || y == middle && lo % 2 == 1 { lo + 1 } else { lo }) as u8
}

fn stochastic(y: f32, word: u16) -> u8 {
    let y = f64::from(y);
    let lo = below(y);
    let Some(hi) = table().get(lo + 1).copied() else {
        return lo as u8;
    };
    let share = ((y - table()[lo]) / (hi - table()[lo]) * 65536.0).floor();
    (lo + usize::from(share + f64::from(word) >= 65536.0)) as u8
}

fn stochastic_of_square(y: f32, word: u16) -> u8 {
    let lo = below(f64::from(y));
    let Some(hi) = table().get(lo + 1).copied() else {
        return lo as u8;
    };
    let (lo2, hi2) = (table()[lo] * table()[lo], hi * hi);
    let gap = f64::from(y * y) - lo2;
    (lo + usize::from((f64::from(word) + 1.0) * ((hi2 - lo2) / 65536.0) <= gap)) as u8
}

fn word(source: Source, stream: Stream, index: u64) -> u16 {
    source.halves(stream, index / 8)[(index % 8) as usize]
}

/// Weights of any kind, as the values and the bits a test compares.
#[derive(Clone, Debug)]
pub enum Stored {
    F32(Vec<f32>),
    Bf16(Vec<bf16>, Rounding),
    Master(Vec<f32>, Vec<bf16>),
    Split(Vec<bf16>, Vec<i16>),
}

/// Bits, with every NaN the same.
fn f32_bits(x: &f32) -> u32 {
    if x.is_nan() { 0x7fc0_0000 } else { x.to_bits() }
}

fn bf16_bits(x: &bf16) -> u32 {
    if x.is_nan() { 0x7fc0 } else { u32::from(x.to_bits()) }
}

impl Stored {
    pub fn bits(&self) -> Vec<u32> {
        match self {
            Self::F32(w) => w.iter().map(f32_bits).collect(),
            Self::Bf16(w, _) => w.iter().map(bf16_bits).collect(),
            Self::Master(w, c) => w.iter().map(f32_bits).chain(c.iter().map(bf16_bits)).collect(),
            Self::Split(w, rest) => {
                w.iter().map(bf16_bits).chain(rest.iter().map(|r| *r as u16 as u32)).collect()
            }
        }
    }

    pub fn get(&self, i: usize) -> f32 {
        match self {
            Self::F32(w) | Self::Master(w, _) => w[i],
            Self::Bf16(w, _) => w[i].to_f32(),
            Self::Split(w, rest) => join(w[i], rest[i]),
        }
    }

    pub fn set(&mut self, i: usize, p: f32, random: u16) {
        match self {
            Self::F32(w) => w[i] = p,
            Self::Master(w, c) => (w[i], c[i]) = (p, bf16::from_f32(p)),
            Self::Split(w, rest) => (w[i], rest[i]) = split(p),
            Self::Bf16(w, Rounding::Nearest) => w[i] = bf16::from_f32(p),
            Self::Bf16(w, Rounding::Stochastic) => w[i] = bf16_stochastic(p, random),
        }
    }
}

/// The f32 is `rest` 2^-16 units of the last place away from the bf16, in magnitude.
pub fn join(weight: bf16, rest: i16) -> f32 {
    let upper = i64::from(weight.to_bits() & 0x7fff) * 65536 + i64::from(rest);
    f32::from_bits(upper as u32 | u32::from(weight.to_bits() & 0x8000) << 16)
}

/// The nearer neighbour, the upper one of a tie.
pub fn split(p: f32) -> (bf16, i16) {
    if p.is_nan() {
        return (bf16::NAN, 0);
    }
    let down = bf16::from_bits((p.to_bits() >> 16) as u16);
    let lost = i32::from((p.to_bits() & 0xffff) as u16);
    if lost < 0x8000 {
        return (down, lost as i16);
    }
    (bf16::from_bits(down.to_bits() + 1), (lost - 65536) as i16)
}

/// By neighbours: up with the lost 16 bits over 65,536.
pub fn bf16_stochastic(p: f32, random: u16) -> bf16 {
    let down = bf16::from_bits((p.to_bits() >> 16) as u16);
    if p.is_nan() {
        return bf16::NAN;
    }
    let lost = p.to_bits() & 0xffff;
    if p.is_infinite() || lost + u32::from(random) < 65536 {
        return down;
    }
    let up = bf16::from_bits(down.to_bits() + 1);
    if up.is_infinite() { down } else { up }
}

#[derive(Clone, Debug, PartialEq)]
pub struct State {
    pub form: SecondForm,
    pub first: u64,
    pub m: Vec<u8>,
    pub v: Vec<u8>,
    pub s_m: Vec<f32>,
    pub s_v: Vec<f32>,
}

impl State {
    pub fn new(form: SecondForm, first: u64, len: usize) -> Self {
        let scales = vec![2_f32.powi(-126); len.div_ceil(128)];
        Self { form, first, m: vec![0; len], v: vec![0; len], s_m: scales.clone(), s_v: scales }
    }
}

pub struct Call<'a> {
    pub hyper: &'a Hyper,
    pub clock: &'a Clock,
    pub shrink: f64,
    pub gradient_scale: f64,
    pub roundings: (Rounding, Rounding),
    pub source: Source,
}

/// Counts: elements, floored, flushed, non-finite blocks.
pub fn step(weights: &mut Stored, gradient: &[f32], state: &mut State, call: &Call) -> [u64; 4] {
    let Hyper { lr, beta1, beta2, eps, weight_decay, decay_rate } = *call.hyper;
    let bc1 = 1.0 - call.clock.beta1_pow;
    let bc2 = 1.0 - call.clock.beta2_pow;
    let clipped = lr / call.shrink;
    let lr_w = if decay_rate == DecayRate::Clipped { clipped } else { lr };
    let alpha = (clipped * bc2.sqrt() / bc1) as f32;
    let eps = (eps * bc2.sqrt()) as f32;
    let decay = (1.0 - lr_w * weight_decay) as f32;
    let (rest1, rest2) = ((1.0 - beta1) as f32, (1.0 - beta2) as f32);
    let (beta1, beta2) = (beta1 as f32, beta2 as f32);
    let sqrt_form = state.form == SecondForm::Sqrt;
    let mut counts = [0; 4];
    for block in 0..gradient.len().div_ceil(128) {
        let range = block * 128..gradient.len().min(block * 128 + 128);
        let (s_m, s_v) = (state.s_m[block], state.s_v[block]);
        let fresh = range.clone().map(|i| {
            let g = gradient[i] * call.gradient_scale as f32;
            let m = decode(state.m[i]) * s_m;
            let x = decode(state.v[i]) * s_v;
            let v = if sqrt_form { x * x } else { x };
            let scaled = rest2 * g;
            (beta1.mul_add(m, rest1 * g), beta2.mul_add(v, scaled * g))
        });
        let fresh: Vec<(f32, f32)> = fresh.collect();
        let kept = |v: f32| if sqrt_form { v.sqrt() } else { v };
        if fresh.iter().any(|(m, v)| !m.is_finite() || !kept(*v).is_finite()) {
            counts[3] += 1;
            continue;
        }
        let a_m = fresh.iter().fold(0_f32, |a, (m, _)| a.max(m.abs()));
        let a_v = fresh.iter().fold(0_f32, |a, (_, v)| a.max(kept(*v)));
        let scales = [a_m, a_v].map(|a| (a / 448.0).max(2_f32.powi(-126)));
        let [inv_m, inv_v] = scales.map(|s| 1.0 / s);
        for (i, (m, v)) in range.zip(fresh) {
            let index = state.first + i as u64;
            let u = m / (v.sqrt() + eps);
            let p = (-alpha).mul_add(u, decay * weights.get(i));
            weights.set(i, p, word(call.source, Stream::Weight, index));

            let y = m.abs() * inv_m;
            let code = match call.roundings.0 {
                Rounding::Nearest => nearest(y),
                Rounding::Stochastic => {
                    stochastic(y, word(call.source, Stream::FirstMoment, index))
                }
            };
            state.m[i] = code | if m.is_sign_negative() { 0x80 } else { 0 };
            counts[2] += u64::from(code == 0 && m != 0.0);

            let y = kept(v) * inv_v;
            let random = word(call.source, Stream::SecondMoment, index);
            let code = match (call.roundings.1, state.form) {
                (Rounding::Nearest, _) => nearest(y),
                (Rounding::Stochastic, SecondForm::Linear) => stochastic(y, random),
                (Rounding::Stochastic, SecondForm::Sqrt) => stochastic_of_square(y, random),
            };
            let lifted = code == 0 && v > 0.0;
            state.v[i] = if lifted { 1 } else { code };
            counts[1] += u64::from(lifted);
            counts[0] += 1;
        }
        [state.s_m[block], state.s_v[block]] = scales;
    }
    counts
}

/// m', v' and p' of one element; the constants are checked by [`step`].
fn element(p: f32, g: f32, (m, v): (f32, f32), k: &StepConstants) -> (f32, f32, f32) {
    let g = g * k.gradient_scale;
    let m = k.beta1.mul_add(m, k.one_minus_beta1 * g);
    let scaled = k.one_minus_beta2 * g;
    let v = k.beta2.mul_add(v, scaled * g);
    let u = m / (v.sqrt() + k.eps);
    (m, v, (-k.alpha).mul_add(u, k.decay * p))
}

/// f32 moments. Returns the elements updated and the blocks left alone.
pub fn step_full(
    weights: &mut Stored,
    gradient: &[f32],
    moments: &mut [(f32, f32)],
    k: &StepConstants,
    source: Source,
) -> (u64, u64) {
    let (mut elements, mut left) = (0, 0);
    for start in (0..gradient.len()).step_by(128) {
        let range = start..gradient.len().min(start + 128);
        let fresh = range.clone().map(|i| element(weights.get(i), gradient[i], moments[i], k));
        let fresh: Vec<_> = fresh.collect();
        if fresh.iter().any(|(m, v, _)| !m.is_finite() || !v.is_finite()) {
            left += 1;
            continue;
        }
        for (i, (m, v, p)) in range.zip(fresh) {
            moments[i] = (m, v);
            weights.set(i, p, word(source, Stream::Weight, i as u64));
            elements += 1;
        }
    }
    (elements, left)
}

pub struct Literal {
    pub m: Vec<u8>,
    pub v: Vec<u8>,
    pub s_m: f32,
    pub s_v: f32,
}

impl Literal {
    pub fn new(len: usize) -> Self {
        let smallest = 2_f32.powi(-126);
        Self { m: vec![0; len], v: vec![0; len], s_m: smallest, s_v: smallest }
    }
}

/// One scale a tensor, everything to nearest, no floor. Returns how many first
/// moments were flushed, or `None` if nothing was written.
pub fn step_literal(
    weights: &mut Stored,
    gradient: &[f32],
    state: &mut Literal,
    k: &StepConstants,
) -> Option<u64> {
    let fresh = (0..gradient.len()).map(|i| {
        let moments = (decode(state.m[i]) * state.s_m, decode(state.v[i]) * state.s_v);
        element(weights.get(i), gradient[i], moments, k)
    });
    let fresh: Vec<_> = fresh.collect();
    if fresh.iter().any(|(m, v, _)| !m.is_finite() || !v.is_finite()) {
        return None;
    }
    let scale = |amax: f32| (amax / 448.0).max(2_f32.powi(-126));
    state.s_m = scale(fresh.iter().fold(0.0, |a, (m, ..)| a.max(m.abs())));
    state.s_v = scale(fresh.iter().fold(0.0, |a, (_, v, _)| a.max(*v)));
    let mut flushed = 0;
    for (i, (m, v, p)) in fresh.into_iter().enumerate() {
        weights.set(i, p, 0);
        let code = nearest(m.abs() * (1.0 / state.s_m));
        flushed += u64::from(code == 0 && m != 0.0);
        state.m[i] = code | if m.is_sign_negative() { 0x80 } else { 0 };
        state.v[i] = nearest(v * (1.0 / state.s_v));
    }
    Some(flushed)
}
