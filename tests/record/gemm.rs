//! The shipped products: every byte of D and around it, over shapes, codes and layouts.

use std::sync::Arc;

use quarter::gemm::{Plan, Promotion, ScaleOrder};
use quarter::gpu::{Buffer, Driver, GemmOn, Stream, WideType};
use quarter::quantize::{Granularity, Quantized};
use quarter::{Format, Result};

use crate::answer::{Answer, Scope, mix};
use crate::block;

/// M, N, K.
type Sides = (usize, usize, usize);
/// Of D, in elements: where it begins, and what is between its rows.
type Layout = (usize, usize);

const SHAPES: [(Sides, Layout); 20] = [
    ((1, 1, 1), (0, 7)),
    ((1, 8, 32), (0, 0)),
    ((64, 8, 33), (0, 0)),
    ((65, 16, 128), (0, 8)),
    ((128, 256, 128), (0, 0)),
    ((127, 255, 129), (0, 1)),
    ((129, 257, 127), (1, 0)),
    ((192, 320, 256), (0, 0)),
    ((256, 512, 160), (0, 0)),
    ((300, 96, 512), (0, 16)),
    ((90, 248, 640), (1, 1)),
    ((90, 249, 1000), (3, 2)),
    ((33, 65, 2048), (0, 7)),
    ((7, 600, 300), (0, 8)),
    ((300, 1100, 40), (0, 4)),
    ((260, 776, 260), (0, 0)),
    ((1100, 30, 200), (0, 2)),
    ((513, 129, 384), (0, 7)),
    ((16, 16, 4096), (0, 0)),
    ((128, 264, 768), (0, 8)),
];

/// Codes of an operand: within a few binades, or anything.
fn operand(
    format: Format,
    rows: usize,
    cols: usize,
    anything: bool,
    salt: u64,
) -> Result<Quantized> {
    let one = if format == Format::E4m3 { 0x38 } else { 0x3c };
    let code = |i: u64| {
        let z = mix((salt << 32) + i);
        // Few that are not finite, or there would be nothing else in D.
        let all = anything && (z >> 32).is_multiple_of(1024);
        if all { z as u8 } else { z as u8 & 0x87 | one ^ (z >> 8) as u8 & 8 }
    };
    let codes: Vec<u8> = (1..=(rows * cols) as u64).map(code).collect();
    let scale = (1.0 + (mix(salt + 7) >> 40) as f32 / (1 << 24) as f32) * 0.01;
    Quantized::from_unpadded(format, (rows, cols), &codes, Granularity::Tensor, vec![scale])
}

pub fn ask(driver: &Arc<dyn Driver>, scope: Scope) -> Result<Vec<Answer>> {
    let mut answers = Vec::new();
    for (i, (sides, layout)) in SHAPES.into_iter().enumerate() {
        for entry in 0..16 {
            // The emulator is asked three entries of each shape, and each entry some shapes.
            if scope == Scope::All || (entry + 16 - i % 16) % 16 % 6 == 0 {
                answers.push(product(driver, sides, layout, entry)?);
            }
        }
    }
    Ok(answers)
}

fn product(
    driver: &Arc<dyn Driver>,
    (m, n, k): Sides,
    (offset, pad): Layout,
    entry: usize,
) -> Result<Answer> {
    let format = |bit: usize| if entry & bit == 0 { Format::E4m3 } else { Format::E5m2 };
    let formats = (format(1), format(2));
    let wide = if entry & 4 == 0 { WideType::Bf16 } else { WideType::F32 };
    let promotion = if entry & 8 == 0 { Promotion::Never } else { Promotion::Every(128) };
    let scales = if k % 2 == 0 { ScaleOrder::Sequential } else { ScaleOrder::Combined };
    let anything = entry.is_multiple_of(3);
    let a = operand(formats.0, m, k, anything, m as u64)?;
    let b = operand(formats.1, n, k, anything, 1000 + n as u64)?;
    let array = |bytes: &[u8]| Buffer::from_bytes(driver, bytes);
    let (codes_a, codes_b) = (array(a.padded())?, array(b.padded())?);
    let [scale_a, scale_b] = [&a, &b].map(|x| array(&x.scale_inv()[0].to_le_bytes()));
    let (scale_a, scale_b) = (scale_a?, scale_b?);
    let bytes = (offset + m * (n + pad)) * wide.size();
    let d = array(&vec![0xa5; bytes.next_multiple_of(8)])?;
    let work = GemmOn {
        formats,
        m,
        n,
        k,
        a: codes_a.address(),
        pitch_a: k.next_multiple_of(16),
        scale_inv_a: scale_a.address(),
        b: codes_b.address(),
        pitch_b: k.next_multiple_of(16),
        scale_inv_b: scale_b.address(),
        plan: Plan { promotion, scales },
        wide,
        d: d.address() + (offset * wide.size()) as u64,
        pitch_d: n + pad,
    };
    // SAFETY: arrays of these sizes, which outlive the wait; D has been written.
    let bytes = unsafe {
        work.enqueue(&**driver, Stream::default())?;
        driver.synchronize(Stream::default())?;
        d.to_bytes()?
    };
    let plan = if promotion == Promotion::Never { "fast" } else { "promote" };
    let key = format!(
        "{:?} {:?} {wide:?} {plan} {scales:?} {m}x{n}x{k} at {offset}, {pad} between rows",
        formats.0, formats.1
    );
    Ok(Answer::new(key, block::words(&bytes)))
}
