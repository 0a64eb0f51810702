//! What some addends give when a law knows all of them, in f64: cut addends have few bits.

use quarter_numerics::tensor_core::{Accumulator, Arithmetic, Joins, Operand, Rounding};

use super::number::{exponent, least, nearest, power, range, rounded, value};

/// A product that is not zero.
#[derive(Clone, Copy)]
pub struct Product {
    pub slot: usize,
    pub value: f64,
    pub exponent: i32,
}

pub fn product(truth: &Arithmetic, slot: usize, a: u32, b: u32) -> Option<Product> {
    let (x, y) = (value(truth.a, a), value(truth.b, b));
    // FP8 that goes through f16 has the exponents of f16.
    let through_f16 = truth.a.is_fp8() && truth.c == Joins::Added;
    let least = |format| least(if through_f16 { Operand::F16 } else { format });
    let exponent = exponent(x, least(truth.a)) + exponent(y, least(truth.b));
    (x * y != 0.0).then_some(Product { slot, value: x * y, exponent })
}

pub fn products(truth: &Arithmetic, a: &[u32], b: &[u32]) -> Vec<Product> {
    let pairs = a.iter().zip(b).enumerate();
    pairs.filter_map(|(slot, (&a, &b))| product(truth, slot, a, b)).collect()
}

/// Elements that a law fills: an instruction of 32, two of fewer, so that chains are seen too.
pub fn length(truth: &Arithmetic) -> usize {
    if truth.k < 32 { 2 * truth.k } else { truth.k }
}

/// Steps that they take.
pub fn steps(truth: &Arithmetic) -> usize {
    length(truth) / truth.group
}

/// The step that an element takes part in.
pub fn step_of(truth: &Arithmetic, slot: usize) -> usize {
    let groups = truth.k / truth.group;
    slot / truth.k * groups + slot % truth.k / truth.run % groups
}

/// Whether addends off the grid are cut, or refused.
#[derive(Clone, Copy, PartialEq)]
pub enum OffGrid {
    Cut,
    Refused,
}

/// The result; `None` if an addend is refused.
pub fn result(truth: &Arithmetic, products: &[Product], c: f64, off: OffGrid) -> Option<f64> {
    let groups = truth.k / truth.group;
    (0..length(truth) / truth.k).try_fold(c, |c, instruction| {
        let mut x = if truth.c == Joins::First { c } else { 0.0 };
        for group in 0..groups {
            let here = instruction * groups + group;
            let of_step = products.iter().filter(|p| step_of(truth, p.slot) == here);
            x = step(truth, of_step.copied(), x, off)?;
        }
        Some(match truth.c {
            Joins::First => x,
            Joins::Added => added(truth.accumulator, x, c),
            Joins::Last => unreachable!("no known instruction"),
        })
    })
}

/// The IEEE addition.
pub fn added(accumulator: Accumulator, x: f64, c: f64) -> f64 {
    match accumulator {
        // A sum in f64 would be rounded twice.
        Accumulator::F32 => f64::from(x as f32 + c as f32) + 0.0,
        Accumulator::F16 => nearest(accumulator, x + c),
    }
}

fn step(
    truth: &Arithmetic,
    products: impl Iterator<Item = Product>,
    x: f64,
    off: OffGrid,
) -> Option<f64> {
    assert_eq!(truth.alignment, Rounding::TowardZero, "as on every known GPU");
    if !x.is_finite() {
        return Some(x);
    }
    let mut addends: Vec<(f64, i32)> = products.map(|p| (p.value, p.exponent)).collect();
    if x != 0.0 {
        addends.push((x, exponent(x, range(truth.accumulator).0)));
    }
    let Some(largest) = addends.iter().map(|&(_, exponent)| exponent).max() else {
        return Some(0.0);
    };
    let largest = largest.max(truth.floor.unwrap_or(largest));
    let unit = power(largest - truth.fraction_bits as i32);
    let mut sum = 0.0;
    for (addend, _) in addends {
        let cut = (addend / unit).trunc() * unit;
        if cut != addend && off == OffGrid::Refused {
            return None;
        }
        sum += cut;
    }
    Some(rounded(truth, sum))
}
