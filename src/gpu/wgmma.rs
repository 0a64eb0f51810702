//! The tensor core of a device, as replays of recordings ask for it.

use std::collections::BTreeMap;
use std::sync::Arc;

use quarter_numerics::recording::{Backend, BackendError, Dot, Product};
use quarter_numerics::tensor_core::known::{Instruction, Known};
use quarter_numerics::tensor_core::{Accumulator, Gpu, Operand, STEP};

use super::launch::{Shape, enqueue};
use super::wide::format_name;
use super::{Buffer, Device, Driver, Stream, check, gemm_on};
use crate::ffi::QuarterWgmma;
use crate::gemm::{Plan, Promotion, ScaleOrder};
use crate::quantize::{Granularity, MatrixMut, Quantized};
use crate::{Format, Result};

/// Dots of a thread block.
const BLOCK_DOTS: usize = 64;

/// `wgmma` on FP8 operands, with f32 and f16 accumulators: dot products run through an entry of
/// `ptx/wgmma.ptx` with the accumulator that each begins with; products through the kernel of
/// [`GemmOn`](super::GemmOn), in one chain and with promotion.
pub struct TensorCoreOn {
    driver: Arc<dyn Driver>,
    name: String,
}

impl TensorCoreOn {
    /// The tensor core of a machine; its name is the machine's.
    pub fn new(driver: Arc<dyn Driver>) -> Self {
        let name = driver.describe();
        Self { driver, name }
    }

    fn failed(&self, error: &crate::Error) -> BackendError {
        BackendError::Failed { backend: self.name.clone(), reason: error.to_string() }
    }

    /// The formats, and the accumulator.
    fn entry(&self, known: &Known) -> std::result::Result<(Format, Format, bool), BackendError> {
        let format = |operand| match operand {
            Operand::E4m3 => Some(Format::E4m3),
            Operand::E5m2 => Some(Format::E5m2),
            _ => None,
        };
        let narrow = match known.arithmetic.accumulator {
            Accumulator::F16 => true,
            Accumulator::F32 => false,
        };
        format(known.arithmetic.a)
            .zip(format(known.arithmetic.b))
            .filter(|_| known.gpu == Gpu::Hopper && known.instruction == Instruction::Wgmma)
            .map(|(a, b)| (a, b, narrow))
            .ok_or_else(|| BackendError::Unsupported { backend: self.name.clone(), known: *known })
    }

    /// Dots of `steps` steps each, in one launch.
    fn launch(&self, entry: &str, dots: &[&Dot], steps: usize) -> Result<Vec<u32>> {
        let row = steps * STEP;
        let mut operands = [vec![0u8; dots.len() * row], vec![0u8; dots.len() * row]];
        for (i, dot) in dots.iter().enumerate() {
            for (to, codes) in operands.iter_mut().zip([dot.a, dot.b]) {
                let to = &mut to[i * row..][..row];
                to.iter_mut().zip(codes).for_each(|(byte, code)| *byte = *code as u8);
            }
        }
        let (count, steps) = check::sides("dots", dots.len(), steps)?;
        let array = |bytes: &[u8]| Buffer::from_bytes(&self.driver, bytes);
        let begin: Vec<u8> = dots.iter().flat_map(|dot| dot.c.to_le_bytes()).collect();
        let (a, b, c) = (array(&operands[0])?, array(&operands[1])?, array(&begin)?);
        let d = Buffer::new(&self.driver, begin.len())?;
        let params = QuarterWgmma {
            a: a.address(),
            b: b.address(),
            c: c.address(),
            d: d.address(),
            dots: count,
            steps,
        };
        let shape = Shape::of(dots.len().div_ceil(BLOCK_DOTS) as u32, 128);
        // SAFETY: arrays of these sizes, which outlive the wait.
        unsafe { enqueue(&*self.driver, Stream::default(), "wgmma", entry, shape, &params)? };
        self.driver.synchronize(Stream::default())?;
        // SAFETY: the entry writes every result.
        let bytes = unsafe { d.to_bytes()? };
        Ok(bytes.as_chunks::<4>().0.iter().map(|b| u32::from_le_bytes(*b)).collect())
    }
}

impl Backend for TensorCoreOn {
    fn name(&self) -> &str {
        &self.name
    }

    fn dots(&self, known: &Known, dots: &[Dot]) -> std::result::Result<Vec<u32>, BackendError> {
        let (a, b, narrow) = self.entry(known)?;
        let accumulator = if narrow { "f16" } else { "f32" };
        let entry = format!("wgmma_{}_{}_{accumulator}", format_name(a), format_name(b));
        let mut by_steps = BTreeMap::<usize, Vec<usize>>::new();
        for (i, dot) in dots.iter().enumerate() {
            by_steps.entry(dot.a.len().div_ceil(STEP)).or_default().push(i);
        }
        let mut results = vec![0; dots.len()];
        for (steps, places) in by_steps {
            let of: Vec<&Dot> = places.iter().map(|i| &dots[*i]).collect();
            let found = self.launch(&entry, &of, steps).map_err(|e| self.failed(&e))?;
            places.iter().zip(found).for_each(|(i, result)| results[*i] = result);
        }
        Ok(results)
    }

    fn product(
        &self,
        known: &Known,
        product: &Product,
    ) -> std::result::Result<[Vec<u32>; 2], BackendError> {
        let Product { m, n, k, promotion, .. } = *product;
        let (a, b, narrow) = self.entry(known)?;
        // The GEMM has chains of 128, and one.
        if narrow || promotion != 128 && promotion < k {
            return Err(BackendError::Unsupported { backend: self.name.clone(), known: *known });
        }
        let operand = |format, rows, codes: &[u32]| {
            let codes: Vec<u8> = codes.iter().map(|code| *code as u8).collect();
            Quantized::from_unpadded(format, (rows, k), &codes, Granularity::Tensor, vec![1.0])
        };
        let run = |promotion| {
            let (a, b) = (operand(a, m, &product.a)?, operand(b, n, &product.b)?);
            let plan = Plan { promotion, scales: ScaleOrder::Sequential };
            let mut d = vec![0f32; m * n];
            let device = Device::new(Arc::clone(&self.driver));
            gemm_on(&device, &a, &b, &plan, MatrixMut::new(&mut d, m, n)?)?;
            Ok(d.iter().map(|x| x.to_bits()).collect())
        };
        let run = |promotion| run(promotion).map_err(|e| self.failed(&e));
        Ok([run(Promotion::Never)?, run(Promotion::Every(promotion))?])
    }
}
