//! The arrays of a case.

use std::sync::Arc;

use quarter::Element;
use quarter::gpu::{Buffer, CastStatsOn, Driver, WideType};

use crate::cases::{Case, Kernel};

/// Everything one launch touches.
pub struct Set {
    pub wide: Buffer,
    pub codes: Buffer,
    pub codes_t: Buffer,
    pub scales: Buffer,
    pub scale_inv: Buffer,
    pub scale_inv_t: Buffer,
    pub workspace: Buffer,
    stats: Buffer,
}

impl Set {
    /// Random normal numbers, or random codes.
    pub fn new(driver: &Arc<dyn Driver>, case: &Case) -> quarter::Result<Self> {
        let elements = case.rows * case.cols;
        let transposed = match case.kernel {
            Kernel::Quantize { transposed, .. } => transposed,
            Kernel::Dequantize => false,
            Kernel::Transpose => true,
        };
        let one = 1f32.to_le_bytes();
        let scales = case.rows.max(case.cols) * case.rows.max(case.cols).div_ceil(128);
        let wide = match case.kernel {
            Kernel::Transpose => Buffer::new(driver, 0)?,
            _ => Buffer::from_bytes(driver, &normal(case.wide, elements))?,
        };
        let codes = match case.kernel {
            Kernel::Quantize { .. } => Buffer::new(driver, elements)?,
            _ => Buffer::from_bytes(driver, &codes(elements))?,
        };
        Ok(Self {
            wide,
            codes,
            codes_t: Buffer::new(driver, if transposed { elements } else { 0 })?,
            scales: Buffer::from_bytes(driver, &one.repeat(scales))?,
            scale_inv: Buffer::new(driver, 4 * scales)?,
            scale_inv_t: Buffer::new(driver, 4 * scales)?,
            workspace: Buffer::new(driver, 4 * (case.rows + case.cols))?,
            stats: Buffer::zeroed(driver, 64)?,
        })
    }

    /// Where a cast's statistics go: the first or the second.
    pub fn stats(&self, which: u64) -> CastStatsOn {
        let at = self.stats.address() + 32 * which;
        CastStatsOn { amax: at, counts: at + 8 }
    }
}

/// Numbers drawn once, over and over: the hardware does not see the period.
const PERIOD: usize = 1 << 20;

fn words() -> impl Iterator<Item = u64> {
    let mut state = 0u64;
    std::iter::repeat_with(move || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (state ^ state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    })
}

/// Standard normal numbers by Box and Muller.
fn normal(wide: WideType, n: usize) -> Vec<u8> {
    let numbers = words().take(PERIOD.min(n)).map(|z| {
        let unit = |bits: u64| (bits as f32 + 0.5) / (1u64 << 32) as f32;
        let (radius, angle) = (unit(z >> 32), unit(z & 0xffff_ffff));
        (-2.0 * radius.ln()).sqrt() * (std::f32::consts::TAU * angle).cos()
    });
    let bytes: Vec<u8> = match wide {
        WideType::F32 => numbers.flat_map(f32::to_le_bytes).collect(),
        WideType::Bf16 => numbers.flat_map(|x| half::bf16::from_f32(x).to_le_bytes()).collect(),
        WideType::F16 => {
            numbers.flat_map(|x| <half::f16 as Element>::from_f32(x).to_le_bytes()).collect()
        }
    };
    bytes.iter().copied().cycle().take(n * wide.size()).collect()
}

/// Codes that are no NaN.
fn codes(n: usize) -> Vec<u8> {
    let one = |z: u64| (z as u8 & 0x80) | ((z >> 8) as u8 % 0x7e);
    let codes: Vec<u8> = words().take(PERIOD.min(n)).map(one).collect();
    codes.iter().copied().cycle().take(n).collect()
}
