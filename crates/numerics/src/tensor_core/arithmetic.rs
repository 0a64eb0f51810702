//! One description for the arithmetic of every tensor core.

use core::error::Error;
use core::fmt;

use super::operand::{Accumulator, Operand};
use super::rules::{Rounding, Rules};

/// What an instruction computes for one output, as plain data.
///
/// A product sum of `k` elements runs in groups, one after another, each result the next
/// accumulator. In each group all products (and the accumulator) are aligned to the largest
/// exponent among them, cut to [`fraction_bits`](Self::fraction_bits) below it, summed exactly,
/// and the sum is rounded to the accumulator's format:
///
/// ```text
/// emax = max(exponents of the addends that are not zero, floor)
/// sum  = sum over addends of cut(addend, multiple of 2^(emax - fraction_bits), alignment)
/// d    = round(sum, result_bits fraction bits, result)
/// ```
///
/// Exponents are the stored ones: a product's is the sum of its operands', its significand is not
/// normalised (1 or more and below 4; less with subnormals).
///
/// The fields say in what known GPUs differ, [`rules`](Self::rules) what they share. Changing one
/// asks what another arithmetic would give:
///
/// ```
/// use quarter_numerics::{Format, tensor_core::{Accumulator, Arithmetic, Model, known}};
///
/// let hopper = known::wgmma_fp8(Format::E4m3, Format::E4m3, Accumulator::F32);
/// let exact = Model::new(Arithmetic { fraction_bits: 60, ..hopper })?;
/// // 256, and 2^-6 thirty-one times: below 2^(8 - 13), but not in sum.
/// let (mut a, b) = ([0x08u8; 32], [0x38u8; 32]);
/// a[0] = 0x78;
/// let d = |model: Model| f32::from_bits(model.dot(&a, &b, 0));
/// assert_eq!(d(Model::new(hopper)?), 256.0);
/// assert_eq!(d(exact), 256.46875);
/// # Ok::<(), quarter_numerics::tensor_core::InvalidArithmetic>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Arithmetic {
    /// Format of the elements of A.
    pub a: Operand,
    /// Format of the elements of B.
    pub b: Operand,
    /// Format of c and d.
    pub accumulator: Accumulator,
    /// Products of one instruction.
    pub k: usize,
    /// Products aligned together; divides `k`. At most [`MAX_GROUP`](Self::MAX_GROUP).
    pub group: usize,
    /// Which they are: element `k` is in group `k / run % (k of the instruction / group)`.
    /// With `run` equal to `group` neighbours are together; `run` divides `group`.
    pub run: usize,
    /// Where c joins.
    pub c: Joins,
    /// Bits kept below the largest exponent, `F` in the literature.
    pub fraction_bits: u32,
    /// How addends are cut to them.
    pub alignment: Rounding,
    /// The least exponent that addends are aligned to, `E0` in the literature.
    pub floor: Option<i32>,
    /// Fraction bits of a result, at most those of the accumulator. The bits below are zero.
    pub result_bits: u32,
    /// How the sum is brought to them.
    pub result: Rounding,
    /// What known GPUs have in common.
    pub rules: Rules,
}

impl Arithmetic {
    /// The most products of one instruction that can be described.
    pub const MAX_K: usize = 4096;
    /// The largest group that can be described.
    pub const MAX_GROUP: usize = 64;
    /// The most fraction bits that can be kept: enough to lose nothing of FP8 operands and sums.
    pub const MAX_FRACTION_BITS: u32 = 96;
}

/// Where the accumulator joins the sum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Joins {
    /// As one more addend of the first group.
    First,
    /// In a step of its own after the last group, aligned and rounded as the groups are.
    Last,
    /// In an IEEE addition, to nearest even, after the last group.
    Added,
}

/// A description that describes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidArithmetic {
    /// The field and what is allowed.
    what: &'static str,
    got: usize,
}

impl fmt::Display for InvalidArithmetic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, not {}", self.what, self.got)
    }
}

impl Error for InvalidArithmetic {}

impl Arithmetic {
    /// Whether the fields fit together.
    ///
    /// # Errors
    /// A `k` that `group` does not divide, a `group` that `run` does not divide, zeros or more
    /// than the maxima among them, too many fraction bits.
    pub(super) fn check(&self) -> Result<(), InvalidArithmetic> {
        let refuse = |what, got| Err(InvalidArithmetic { what, got });
        if self.group == 0 || self.group > Self::MAX_GROUP {
            return refuse("group must be 1 to 64", self.group);
        }
        if self.k == 0 || self.k > Self::MAX_K || !self.k.is_multiple_of(self.group) {
            return refuse("k must be a positive multiple of group, at most 4096", self.k);
        }
        if self.run == 0 || !self.group.is_multiple_of(self.run) {
            return refuse("run must divide group", self.run);
        }
        let bits = self.fraction_bits.saturating_add(self.rules.c_extra_bits);
        if bits > Self::MAX_FRACTION_BITS {
            let what = "fraction_bits and c_extra_bits must be at most 96 together";
            return refuse(what, bits as usize);
        }
        if self.result_bits > self.accumulator.fraction_bits() {
            let what = "result_bits must be at most the accumulator's";
            return refuse(what, self.result_bits as usize);
        }
        match self.floor {
            Some(floor) if !(-1000..=1000).contains(&floor) => {
                refuse("the magnitude of floor must be at most 1000", floor.unsigned_abs() as usize)
            }
            _ => Ok(()),
        }
    }
}
