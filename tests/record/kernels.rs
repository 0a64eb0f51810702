//! The shipped kernels as a whole: everything they write, over types, formats, scales and shapes.

use std::sync::Arc;

use half::{bf16, f16};
use quarter::gpu::{Device, Driver};
use quarter::quantize::{Cast, Granularity, Matrix, Quantizer, Rounding, Scale, Words};
use quarter::random::Source;
use quarter::scaling::{AmaxChoice, Delayed, Policy};
use quarter::{Element, Format, Quantized};

use crate::answer::{Answer, Scope, mix};
use crate::values::{Kind, numbers};

const SHAPES: [(usize, usize); 4] = [(1, 1), (3, 530), (130, 257), (144, 256)];
const GRANULARITIES: [Granularity; 4] =
    [Granularity::Tensor, Granularity::Row, Granularity::Block1x128, Granularity::Block128x128];

pub fn ask(driver: &Arc<dyn Driver>, _: Scope) -> quarter::Result<Vec<Answer>> {
    let device = Device::new(Arc::clone(driver));
    let mut answers = Vec::new();
    for shape in SHAPES {
        // The large ones hold ordinary numbers alone: what is special, the small ones have.
        let kinds = [Kind::Spread, Kind::Anything];
        for kind in kinds.into_iter().take(if shape.0 > 100 { 1 } else { 2 }) {
            of_type::<f32>(&device, "f32", (shape, kind), f32::from_bits, &mut answers)?;
            of_type(&device, "bf16", (shape, kind), |b| bf16::from_bits(b as u16), &mut answers)?;
            of_type(&device, "f16", (shape, kind), |b| f16::from_bits(b as u16), &mut answers)?;
        }
    }
    answers.push(scaling(&device)?);
    Ok(answers)
}

fn of_type<T: Element>(
    device: &Device,
    name: &str,
    ((rows, cols), kind): ((usize, usize), Kind),
    from_bits: fn(u32) -> T,
    answers: &mut Vec<Answer>,
) -> quarter::Result<()> {
    let data = numbers(kind, rows * cols, 1 + rows as u64, from_bits);
    let src = Matrix::new(&data, rows, cols)?;
    let words = Words::of(Source { seed: 0x1234_5678_9abc_def0, tensor: 5, step: 77 });
    for format in [Format::E4m3, Format::E5m2] {
        for granularity in GRANULARITIES {
            for rounding in [Rounding::Nearest, Rounding::Stochastic(words)] {
                for pow2 in [false, true] {
                    let policy = Policy { pow2, ..Policy::default() };
                    let scale = Scale::Current(policy);
                    let q =
                        Quantizer { format, granularity, scale, rounding, ..Default::default() };
                    let (cast, transposed) = q.quantize_both_on(device, src)?;
                    let mut values = words_of(&cast);
                    values.extend(words_of(&transposed));
                    let alone = q.quantize_on(device, src)?;
                    values.extend(words_of(&alone));
                    let back = alone.data.dequantize_on::<T>(device)?;
                    values.extend(back.iter().map(|x| u64::from(x.to_f32().to_bits())));
                    if matches!(granularity, Granularity::Tensor | Granularity::Block128x128) {
                        values.extend(codes(&alone.data.transpose_on(device)?));
                    }
                    let how = if rounding == Rounding::Nearest { "nearest" } else { "stochastic" };
                    let pow2 = if pow2 { " pow2" } else { "" };
                    let key = format!(
                        "{name} {format:?} {granularity:?} {how}{pow2} {kind:?} {rows}x{cols}"
                    );
                    answers.push(Answer::new(key, values));
                }
            }
        }
    }
    Ok(())
}

/// All of a cast; an amax that is NaN has no bits of its own.
fn words_of(cast: &Cast) -> Vec<u64> {
    let mut words = codes(&cast.data);
    let amax = f32::from_bits(cast.stats.amax);
    words.push(if amax.is_nan() { u64::MAX } else { u64::from(cast.stats.amax) });
    words.extend([cast.stats.saturated, cast.stats.flushed, cast.stats.non_finite]);
    words
}

fn codes(data: &Quantized) -> Vec<u64> {
    let scales = data.scale_inv().iter().map(|s| u64::from(s.to_bits()));
    data.padded().iter().map(|code| u64::from(*code)).chain(scales).collect()
}

fn scaling(device: &Device) -> quarter::Result<Answer> {
    let formats = (0..300).map(|i| if i % 3 == 0 { Format::E5m2 } else { Format::E4m3 });
    let mut delayed = Delayed::new(formats.collect(), 16, AmaxChoice::Max, Policy::default())?;
    let mut values = Vec::new();
    for step in 0..40u64 {
        for tensor in 0..300 {
            let z = mix(1000 * step + tensor as u64 + 1);
            let amax = match z % 32 {
                0 => 0,
                1 => f32::INFINITY.to_bits(),
                2 => 0x7fc0_0000,
                _ => ((z >> 40) as f32 / (1 << 20) as f32).to_bits(),
            };
            delayed.record(tensor, amax);
        }
        values.push(delayed.update_on(device)? as u64);
        values.extend((0..300).map(|t| delayed.scale(t).map_or(0, |s| u64::from(s.to_bits()))));
    }
    Ok(Answer::new("scaling of 300 tensors in 40 steps", values))
}
