//! Why a dot product comes out as it does.

use core::fmt;
use std::vec::Vec;

use super::addends::{Kind, Step};
use super::number::{Addend, Number};
use super::{Accumulator, Model};

/// Every step of a dot product. `{}` prints it as a table.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Explanation {
    /// In order: the groups of each instruction, and the addition of c where it has one.
    pub steps: Vec<ExplainedStep>,
    /// The result.
    pub d: u32,
    /// The format of c and d.
    pub accumulator: Accumulator,
}

/// One alignment, sum and rounding.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ExplainedStep {
    /// The largest exponent, to which all addends are aligned. `None` where all of them are zero, or
    /// one is NaN or infinite.
    pub max_exponent: Option<i32>,
    /// Bits kept below it.
    pub fraction_bits: u32,
    /// In the order of k; the accumulator is last.
    pub addends: Vec<ExplainedAddend>,
    /// The sum of what was kept: to the nearest f64, which is exact up to 53 bits of it.
    pub sum: f64,
    /// The result, as bits of the accumulator.
    pub result: u32,
    /// Bits of the sum below the last place of the result.
    pub result_bits_lost: u32,
}

/// A product or the accumulator, before and after it was cut.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct ExplainedAddend {
    /// The element; `None` for an accumulator.
    pub k: Option<usize>,
    /// Its exponent in the alignment; `None` for zeros that take no part, NaN and infinities.
    pub exponent: Option<i32>,
    /// Its value.
    pub value: f64,
    /// What was added; 0 where the step was not computed because of a special value.
    pub kept: f64,
    /// Significant bits that were lost.
    pub bits_lost: u32,
    /// Why.
    pub cause: Cause,
}

/// What became of an addend.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Cause {
    /// All of it was added.
    Kept,
    /// It is zero.
    Zero,
    /// Its lower bits are below the grid, 2 to this.
    Cut(i32),
    /// All of it is below the grid, 2 to this.
    Vanished(i32),
    /// NaN, or a product of an infinity and a zero.
    Nan,
    /// An infinity.
    Infinite,
    /// A special value among the others makes the result.
    Unused,
}

impl Model {
    /// [`dot`](Self::dot), every step of it told.
    ///
    /// ```
    /// use quarter_numerics::{Format, tensor_core::{Accumulator, Cause, Model, known}};
    ///
    /// let model = Model::new(known::wgmma_fp8(Format::E4m3, Format::E4m3, Accumulator::F32))?;
    /// // 256 and 2^-6, and 1 + 1/32 + 1/64 in the accumulator.
    /// let told = model.explain(&[0x78u8, 0x08], &[0x38u8, 0x38], 1.046875f32.to_bits());
    /// let step = &told.steps[0];
    /// assert_eq!(step.max_exponent, Some(8));
    /// assert_eq!(step.addends[0].cause, Cause::Kept);
    /// assert_eq!(step.addends[1].cause, Cause::Vanished(-5));
    /// assert_eq!((step.addends[2].kept, step.addends[2].bits_lost), (1.03125, 1));
    /// assert_eq!(f32::from_bits(told.d), 257.03125);
    /// # Ok::<(), quarter_numerics::tensor_core::InvalidArithmetic>(())
    /// ```
    pub fn explain<A: Copy + Into<u32>, B: Copy + Into<u32>>(
        &self,
        a: &[A],
        b: &[B],
        c: u32,
    ) -> Explanation {
        let mut steps = Vec::new();
        let d = self.dot_seen(a, b, c, &mut |step| steps.push(explained(step)));
        Explanation { steps, d, accumulator: self.arithmetic().accumulator }
    }
}

fn explained(step: &Step) -> ExplainedStep {
    let special = step.addends.iter().any(|(addend, _)| !matches!(addend, Addend::Finite(_)));
    let addends = step.addends.iter().map(|(addend, k)| match addend {
        Addend::Nan => without(k, f64::NAN, Cause::Nan),
        Addend::Infinity { negative: false } => without(k, f64::INFINITY, Cause::Infinite),
        Addend::Infinity { negative: true } => without(k, f64::NEG_INFINITY, Cause::Infinite),
        Addend::Finite(x) if special => without(k, x.to_f64(), Cause::Unused),
        Addend::Finite(x) if x.significand == 0 => without(k, 0.0, Cause::Zero),
        Addend::Finite(x) => finite(step, x, k),
    });
    let sum = scaled(step.total, step.grid());
    ExplainedStep {
        max_exponent: step.max_exponent,
        fraction_bits: step.how.fraction_bits,
        addends: addends.collect(),
        sum,
        result: step.result,
        result_bits_lost: result_bits_lost(step),
    }
}

fn without(k: Option<usize>, value: f64, cause: Cause) -> ExplainedAddend {
    ExplainedAddend { k, exponent: None, value, kept: 0.0, bits_lost: 0, cause }
}

fn finite(step: &Step, x: Number, k: Option<usize>) -> ExplainedAddend {
    let kind = if k.is_some() { Kind::Product } else { Kind::Accumulator };
    let cut = step.cut(x, kind);
    let grid = step.grid() + step.coarse(kind) as i32;
    let (top, low) = (x.significand.ilog2() as i32, x.significand.trailing_zeros() as i32);
    let last = x.exponent - x.fraction_bits as i32;
    // Significant bits run from its leading to its lowest one.
    let below = (grid - (last + low)).clamp(0, top - low + 1);
    let cause = match below {
        0 => Cause::Kept,
        _ if cut == 0 => Cause::Vanished(grid),
        _ => Cause::Cut(grid),
    };
    ExplainedAddend {
        k,
        exponent: Some(x.exponent),
        value: x.to_f64(),
        kept: scaled(cut, step.grid()),
        bits_lost: below as u32,
        cause,
    }
}

fn result_bits_lost(step: &Step) -> u32 {
    let magnitude = step.total.unsigned_abs();
    if magnitude == 0 {
        return 0;
    }
    let (top, low) = (magnitude.ilog2() as i32, magnitude.trailing_zeros() as i32);
    let exponent = (step.grid() + top).max(1 - step.how.accumulator.bias());
    let last_place = exponent - step.how.result_bits as i32;
    (last_place - (step.grid() + low)).clamp(0, top - low + 1) as u32
}

fn scaled(units: i128, grid: i32) -> f64 {
    // In two factors: the grid may be below the normal f64.
    units as f64 * 2f64.powi(grid / 2) * 2f64.powi(grid - grid / 2)
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, step) in self.steps.iter().enumerate() {
            match step.max_exponent {
                Some(largest) => writeln!(
                    f,
                    "step {i}: largest exponent {largest}, grid 2^{}",
                    largest - step.fraction_bits as i32
                )?,
                None => writeln!(f, "step {i}: nothing to align")?,
            }
            for addend in step.addends.iter().filter(|addend| addend.cause != Cause::Zero) {
                writeln!(f, "  {addend}")?;
            }
            let zeros = step.addends.iter().filter(|addend| addend.cause == Cause::Zero).count();
            if zeros > 0 {
                writeln!(f, "  {zeros} zeros take no part")?;
            }
            let value = self.accumulator.to_f64(step.result);
            write!(f, "  sum {:e}, result {value:e} ({:#x})", step.sum, step.result)?;
            match step.result_bits_lost {
                0 => writeln!(f)?,
                bits => writeln!(f, ", {bits} bits below its last place")?,
            }
        }
        write!(f, "d = {:e} ({:#x})", self.accumulator.to_f64(self.d), self.d)
    }
}

impl fmt::Display for ExplainedAddend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.k {
            Some(k) => write!(f, "k {k:<4}")?,
            None => write!(f, "c     ")?,
        }
        match self.exponent {
            Some(exponent) => write!(f, " 2^{exponent:<4}")?,
            None => write!(f, "       ")?,
        }
        write!(f, " {:<20e}", self.value)?;
        match self.cause {
            Cause::Kept => write!(f, " kept"),
            Cause::Zero => write!(f, " zero"),
            Cause::Cut(grid) => {
                write!(f, " {:e}: {} bits below 2^{grid} cut", self.kept, self.bits_lost)
            }
            Cause::Vanished(grid) => write!(f, " all of it is below 2^{grid}"),
            Cause::Nan => write!(f, " NaN"),
            Cause::Infinite => write!(f, " infinite"),
            Cause::Unused => write!(f, " not added: a special value decides"),
        }
    }
}
