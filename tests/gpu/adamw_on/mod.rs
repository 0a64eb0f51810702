//! The optimizer in addresses of the device.

mod arrays;
pub mod damage;
pub mod far;
pub mod norms;
pub mod places;
mod refused;
pub mod shards;
pub mod touches;
#[path = "../../common/watched.rs"]
pub mod watched;

use std::sync::Arc;

use half::bf16;
use quarter::adamw::{Rounding, SecondForm, Settings};
use quarter::gpu::emulate::Options;
use quarter::gpu::{
    AdamwControl, AdamwOn, AdamwTensorOn, Buffer, Driver, Emulator, GradientOn, MomentsOn, Stream,
    WeightsOn,
};

use crate::adamw::{Slope, Store, gradient, normal};
use crate::devices::driver;
use crate::values::Draws;

pub fn bytes(x: &[bf16]) -> Vec<u8> {
    x.iter().flat_map(|x| x.to_le_bytes()).collect()
}

pub fn halves(bytes: &[u8]) -> Vec<bf16> {
    bytes.chunks_exact(2).map(|b| bf16::from_le_bytes([b[0], b[1]])).collect()
}

/// Of which kind the tensors are.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    pub store: Store,
    pub form: Option<SecondForm>,
    pub narrow_gradient: bool,
}

/// bf16 weights and gradients, v as its root.
pub const USUAL: Kind =
    Kind { store: Store::Stochastic, form: Some(SecondForm::Sqrt), narrow_gradient: true };

/// Weights, gradient and moments of one shard, each `offset` elements into its allocation.
pub struct Memory {
    pub kind: Kind,
    pub weights: Buffer,
    pub other: Buffer,
    pub gradient: Buffer,
    pub m: Buffer,
    pub v: Buffer,
    pub m_scales: Buffer,
    pub v_scales: Buffer,
    /// Elements before the first, of weights, their other part, gradient, m and v.
    pub offsets: [usize; 5],
    pub len: usize,
}

pub fn words(x: &[f32]) -> Vec<u8> {
    x.iter().flat_map(|x| x.to_le_bytes()).collect()
}

impl Memory {
    pub fn new(driver: &Arc<dyn Driver>, weights: &[bf16]) -> Self {
        Self::of(driver, USUAL, weights, [0; 5])
    }

    pub fn of(driver: &Arc<dyn Driver>, kind: Kind, weights: &[bf16], offsets: [usize; 5]) -> Self {
        let len = weights.len();
        let behind = |offset: usize| [vec![bf16::ZERO; offset], weights.to_vec()].concat();
        let wide: Vec<f32> = behind(offsets[0]).iter().map(|x| x.to_f32()).collect();
        let narrow = bytes(&behind(offsets[0]));
        let (weights, other) = match kind.store {
            Store::F32 => (words(&wide), Vec::new()),
            Store::Nearest | Store::Stochastic => (narrow, Vec::new()),
            Store::Split => (narrow, vec![0; 2 * (offsets[1] + len)]),
            Store::Master => (words(&wide), bytes(&behind(offsets[1]))),
        };
        let smallest = f32::MIN_POSITIVE.to_le_bytes().repeat(len.div_ceil(128));
        let moment = if kind.form.is_some() { 1 } else { 4 };
        let size = if kind.narrow_gradient { 2 } else { 4 };
        Self {
            kind,
            weights: Buffer::from_bytes(driver, &weights).unwrap(),
            other: Buffer::from_bytes(driver, &other).unwrap(),
            gradient: Buffer::zeroed(driver, size * (offsets[2] + len)).unwrap(),
            m: Buffer::zeroed(driver, moment * (offsets[3] + len)).unwrap(),
            v: Buffer::zeroed(driver, moment * (offsets[4] + len)).unwrap(),
            m_scales: Buffer::from_bytes(driver, &smallest).unwrap(),
            v_scales: Buffer::from_bytes(driver, &smallest).unwrap(),
            offsets,
            len,
        }
    }

    /// The arrays of [`offsets`](Self::offsets).
    pub fn arrays(&self) -> [&Buffer; 5] {
        [&self.weights, &self.other, &self.gradient, &self.m, &self.v]
    }

    /// The address of the first element.
    pub fn at(&self, buffer: &Buffer) -> u64 {
        let array = self.arrays().iter().position(|array| std::ptr::eq(*array, buffer)).unwrap();
        let size = buffer.len() / (self.offsets[array] + self.len).max(1);
        buffer.address() + (size * self.offsets[array]) as u64
    }

    pub fn on(&self, first: u64, whole_len: u64, tensor: u32) -> AdamwTensorOn {
        let (weights, other) = (self.at(&self.weights), self.at(&self.other));
        let rounding = match self.kind.store {
            Store::Stochastic => Rounding::Stochastic,
            _ => Rounding::Nearest,
        };
        let gradient = self.at(&self.gradient);
        let (m, v) = (self.at(&self.m), self.at(&self.v));
        AdamwTensorOn {
            weights: match self.kind.store {
                Store::F32 => WeightsOn::F32(weights),
                Store::Nearest | Store::Stochastic => WeightsOn::Bf16 { weights, rounding },
                Store::Split => WeightsOn::Split { weights, rest: other },
                Store::Master => WeightsOn::Master { master: weights, weights: other },
            },
            gradient: match self.kind.narrow_gradient {
                true => GradientOn::Bf16(gradient),
                false => GradientOn::F32(gradient),
            },
            moments: match self.kind.form {
                None => MomentsOn::Full { m, v },
                Some(form) => MomentsOn::Fp8 {
                    form,
                    m,
                    v,
                    m_scales: self.m_scales.address(),
                    v_scales: self.v_scales.address(),
                },
            },
            len: self.len as u64,
            first,
            whole_len,
            group: 0,
            tensor,
        }
    }

    pub fn set_gradient(&self, driver: &Arc<dyn Driver>, gradient: &[bf16]) {
        let wide: Vec<f32> = gradient.iter().map(|g| g.to_f32()).collect();
        let bytes = if self.kind.narrow_gradient { bytes(gradient) } else { words(&wide) };
        // SAFETY: as long as the allocation behind the offset.
        unsafe { driver.write(Stream::default(), self.at(&self.gradient), &bytes).unwrap() };
    }

    /// bf16 weights, or the bf16 part.
    pub fn weights(&self) -> Vec<bf16> {
        // SAFETY: written when it was made.
        halves(&unsafe { self.weights.to_bytes().unwrap() })
    }

    /// Codes of m and v.
    pub fn codes(&self) -> [Vec<u8>; 2] {
        // SAFETY: zeroed when they were made.
        [&self.m, &self.v].map(|b| unsafe { b.to_bytes().unwrap() })
    }

    /// Bytes of the scales of m and v.
    pub fn scales(&self) -> [Vec<u8>; 2] {
        // SAFETY: written when they were made.
        [&self.m_scales, &self.v_scales].map(|b| unsafe { b.to_bytes().unwrap() })
    }

    /// All that a step may change, behind the offset.
    pub fn state(&self) -> [Vec<u8>; 6] {
        let behind = |buffer: &Buffer| {
            // SAFETY: written when they were made.
            let bytes = unsafe { buffer.to_bytes().unwrap() };
            bytes[(self.at(buffer) - buffer.address()) as usize..].to_vec()
        };
        // SAFETY: as above.
        let all = |buffer: &Buffer| unsafe { buffer.to_bytes().unwrap() };
        [
            behind(&self.weights),
            behind(&self.other),
            behind(&self.m),
            behind(&self.v),
            all(&self.m_scales),
            all(&self.v_scales),
        ]
    }
}

pub fn random(seed: u64, len: usize) -> Vec<bf16> {
    let mut draws = Draws(seed);
    (0..len).map(|_| bf16::from_f64(0.02 * normal(&mut draws))).collect()
}

pub fn slope(seed: u64, len: usize) -> Vec<bf16> {
    gradient(Slope::SparseHeavyTail, seed, len).into_iter().map(bf16::from_f32).collect()
}

pub fn emulator(options: Options) -> (Arc<Emulator>, Arc<dyn Driver>) {
    let emulator = Arc::new(Emulator::new(options));
    let driver = driver(&emulator);
    (emulator, driver)
}

/// All kinds of tensors.
pub fn kinds() -> impl Iterator<Item = Kind> {
    let stores = [Store::F32, Store::Nearest, Store::Stochastic, Store::Split, Store::Master];
    let forms = [None, Some(SecondForm::Linear), Some(SecondForm::Sqrt)];
    let all = stores.into_iter().flat_map(move |store| forms.map(|form| (store, form)));
    all.flat_map(|(store, form)| {
        [false, true].map(|narrow_gradient| Kind { store, form, narrow_gradient })
    })
}

/// What steps that `go` runs leave of a tensor, and where the optimizer is then.
#[allow(dead_code, reason = "for graph.rs")]
pub fn after(driver: &Arc<dyn Driver>, go: impl FnOnce(&AdamwOn)) -> ([Vec<u8>; 6], AdamwControl) {
    let len = 70_000;
    let memory = Memory::new(driver, &random(8, len));
    memory.set_gradient(driver, &slope(9, len));
    let settings = Settings { update_limit: Some(1.0), ..Settings::default() };
    let on = AdamwOn::new(driver, &[memory.on(0, len as u64, 0)], settings).unwrap();
    go(&on);
    (memory.state(), on.control().unwrap())
}
