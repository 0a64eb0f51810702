//! Numbers by their value. Nothing here asks the tensor core how it decodes or rounds.

use half::{bf16, f16};
use quarter_numerics::tensor_core::{Accumulator, Arithmetic, Operand, Rounding};
use quarter_numerics::{E4m3, E5m2};

/// Bits of exponent and of fraction as stored, for TF32 with those that are not looked at.
pub fn layout(format: Operand) -> (u32, u32) {
    match format {
        Operand::E4m3 => (4, 3),
        Operand::E5m2 => (5, 2),
        Operand::F16 => (5, 10),
        Operand::Bf16 => (8, 7),
        Operand::Tf32 => (8, 23),
    }
}

pub fn bias(format: Operand) -> i32 {
    (1 << (layout(format).0 - 1)) - 1
}

/// The exponent of the smallest normal number and of every subnormal.
pub fn least(format: Operand) -> i32 {
    1 - bias(format)
}

/// The exponent of the smallest number above zero.
pub fn smallest(format: Operand) -> i32 {
    let fraction_bits = if format == Operand::Tf32 { 10 } else { layout(format).1 };
    least(format) - fraction_bits as i32
}

pub fn sign_bit(format: Operand) -> u32 {
    let (exponent_bits, fraction_bits) = layout(format);
    1 << (exponent_bits + fraction_bits)
}

pub fn value(format: Operand, code: u32) -> f64 {
    match format {
        Operand::E4m3 => E4m3::from_bits(code as u8).to_f32().into(),
        Operand::E5m2 => E5m2::from_bits(code as u8).to_f32().into(),
        Operand::F16 => f16::from_bits(code as u16).into(),
        Operand::Bf16 => bf16::from_bits(code as u16).into(),
        Operand::Tf32 => f32::from_bits(code & !0x1fff).into(),
    }
}

/// A code with its exponent field replaced.
pub fn with_field(format: Operand, code: u32, field: u32) -> u32 {
    let (exponent_bits, fraction_bits) = layout(format);
    let mask = ((1 << exponent_bits) - 1) << fraction_bits;
    (code & !mask) | (field << fraction_bits & mask)
}

/// A finite code from any: what is not finite becomes a subnormal.
pub fn finite(format: Operand, code: u32) -> u32 {
    if value(format, code).is_finite() { code } else { with_field(format, code, 0) }
}

/// The code of a number that has one.
pub fn encode(format: Operand, x: f64) -> u32 {
    let (_, fraction_bits) = layout(format);
    let exponent = exponent(x, least(format));
    let significand = (x.abs() / power(exponent - fraction_bits as i32)) as u32;
    // A leading one adds one to the field.
    let field = ((exponent - least(format)) as u32) << fraction_bits;
    let sign = if x < 0.0 { sign_bit(format) } else { 0 };
    let code = (field + significand) | sign;
    assert_eq!(value(format, code), x, "{x:e} has no code in {format}");
    code
}

/// `2^exponent`.
pub fn power(exponent: i32) -> f64 {
    assert!((-1022..=1023).contains(&exponent));
    f64::from_bits(((exponent + 1023) as u64) << 52)
}

/// The exponent of a number that is not zero: that of a subnormal is its format's least.
pub fn exponent(x: f64, least: i32) -> i32 {
    ((x.to_bits() >> 52 & 0x7ff) as i32 - 1023).max(least)
}

/// Exponents of an accumulator: of its subnormals and of its largest numbers.
pub fn range(accumulator: Accumulator) -> (i32, i32) {
    match accumulator {
        Accumulator::F32 => (-126, 127),
        Accumulator::F16 => (-14, 15),
    }
}

pub fn accumulator_value(accumulator: Accumulator, bits: u32) -> f64 {
    match accumulator {
        Accumulator::F32 => f32::from_bits(bits).into(),
        Accumulator::F16 => f16::from_bits(bits as u16).into(),
    }
}

/// Finite bits from any: what is not finite becomes a subnormal.
pub fn finite_accumulator(accumulator: Accumulator, bits: u32) -> u32 {
    let infinity = accumulator_bits(accumulator, f64::INFINITY);
    if accumulator_value(accumulator, bits).is_finite() { bits } else { bits & !infinity }
}

/// The bits of a number that the accumulator has, of an infinity, or of the NaN of all ones.
pub fn accumulator_bits(accumulator: Accumulator, x: f64) -> u32 {
    match accumulator {
        Accumulator::F32 if x.is_nan() => 0x7fff_ffff,
        Accumulator::F16 if x.is_nan() => 0x7fff,
        Accumulator::F32 => (x as f32).to_bits(),
        Accumulator::F16 => f16::from_f64(x).to_bits().into(),
    }
}

/// A sum brought to the bits of a result, never -0.
pub fn rounded(truth: &Arithmetic, sum: f64) -> f64 {
    to_bits_below(truth.accumulator, truth.result_bits, truth.result, sum)
}

/// To nearest even, with all bits of the accumulator.
pub fn nearest(accumulator: Accumulator, sum: f64) -> f64 {
    let fraction_bits = match accumulator {
        Accumulator::F32 => 23,
        Accumulator::F16 => 10,
    };
    to_bits_below(accumulator, fraction_bits, Rounding::NearestEven, sum)
}

fn to_bits_below(accumulator: Accumulator, bits: u32, how: Rounding, sum: f64) -> f64 {
    if !sum.is_finite() || sum == 0.0 {
        return sum + 0.0;
    }
    let (least, most) = range(accumulator);
    let unit = power(exponent(sum, least) - bits as i32);
    let kept = unit
        * match how {
            Rounding::TowardZero => (sum / unit).trunc(),
            Rounding::NearestEven => (sum / unit).round_ties_even(),
            _ => unreachable!("no known result is rounded {how:?}"),
        };
    if kept.abs() >= power(most + 1) { f64::INFINITY.copysign(kept) } else { kept + 0.0 }
}
