//! What laws are tried on.

use std::fmt;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use quarter_numerics::tensor_core::{Accumulator, Arithmetic, Operand};

use super::number::{bias, finite, layout, sign_bit, with_field};
use super::steps::{length, step_of};

/// Codes of any kind, which a law bends to what it needs.
#[derive(Clone)]
pub struct Case {
    pub a: Vec<u32>,
    pub b: Vec<u32>,
    pub c: u32,
    /// Random numbers: slots, exponents, signs.
    pub picks: [u16; 4],
    /// A number for every slot.
    pub keys: Vec<u8>,
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { a, b, c, picks, keys } = self;
        write!(f, "a {a:x?}, b {b:x?}, c {c:x}, picks {picks:?}, keys {keys:?}")
    }
}

impl Case {
    pub fn slot(&self, truth: &Arithmetic) -> usize {
        usize::from(self.picks[0]) % length(truth)
    }

    /// Two slots of one step.
    pub fn two_slots(&self, truth: &Arithmetic) -> [usize; 2] {
        let first = self.slot(truth);
        let mates: Vec<usize> = (0..length(truth))
            .filter(|&k| k != first && step_of(truth, k) == step_of(truth, first))
            .collect();
        [first, mates[usize::from(self.picks[1]) % mates.len()]]
    }

    /// Two slots of one step and another of any.
    pub fn three_slots(&self, truth: &Arithmetic) -> [usize; 3] {
        let [first, second] = self.two_slots(truth);
        let others: Vec<usize> =
            (0..length(truth)).filter(|&k| k != first && k != second).collect();
        [first, second, others[usize::from(self.picks[2]) % others.len()]]
    }
}

/// How the codes of a row are drawn.
#[derive(Clone, Copy, Debug)]
pub enum Row {
    Any,
    /// Subnormals and the smallest normals.
    Low,
    /// Few exponents, near that of 1.
    Near,
    /// Exponents within what sums keep; in formats of few exponents all.
    Spread,
    /// The smallest and the largest exponents of FP8, in formats with the exponents of f32 those
    /// whose products are about its largest.
    Ends,
    /// Three of four are zeros.
    Sparse,
}

impl Row {
    fn code(self, format: Operand, word: u32) -> u32 {
        let (exponent_bits, fraction_bits) = layout(format);
        let code = word & (sign_bit(format) | (sign_bit(format) - 1));
        let field = code >> fraction_bits & ((1 << exponent_bits) - 1);
        let from = |least: i32, count: u32| {
            with_field(format, code, (bias(format) + least) as u32 + field % count)
        };
        match self {
            Self::Low => with_field(format, code, field & 1),
            Self::Near => from(-2, 4),
            Self::Ends if format.is_fp8() => {
                let top = if code & 1 == 0 { 0 } else { (1 << exponent_bits) - 2 };
                with_field(format, code, top + (field & 1))
            }
            Self::Ends if exponent_bits == 8 => from(60, 8),
            Self::Spread if exponent_bits == 8 => from(-14, 28),
            Self::Sparse if word.wrapping_mul(0x9e37_79b9) >> 30 != 0 => code & sign_bit(format),
            Self::Any | Self::Spread | Self::Ends | Self::Sparse => code,
        }
    }
}

/// How c is drawn.
#[derive(Clone, Copy, Debug)]
pub enum C {
    Any,
    /// An exponent near those of products.
    Near,
    /// Near the largest number.
    Top,
    Subnormal,
    /// Of either sign.
    Zero,
}

impl C {
    fn bits(self, accumulator: Accumulator, word: u32) -> u32 {
        let (format, word) = match accumulator {
            Accumulator::F32 => (Operand::Tf32, word),
            Accumulator::F16 => (Operand::F16, word & 0xffff),
        };
        let (exponent_bits, fraction_bits) = layout(format);
        let field = word >> fraction_bits & ((1 << exponent_bits) - 1);
        let field = match self {
            Self::Any => field,
            Self::Near if accumulator == Accumulator::F32 => 85 + field % 80,
            Self::Near => field,
            Self::Top => (1 << exponent_bits) - 2 - field % 4,
            Self::Subnormal => 0,
            Self::Zero => return word & sign_bit(format),
        };
        with_field(format, word, field)
    }
}

/// Cases with rows and c of these kinds, each as likely as another.
pub fn cases(
    truth: &Arithmetic,
    rows: &'static [Row],
    c: &'static [C],
) -> impl Strategy<Value = Case> + use<> {
    let Arithmetic { a, b, accumulator, .. } = *truth;
    let n = length(truth);
    let row = move |format: Operand| {
        (select(rows), vec(any::<u32>(), n)).prop_map(move |(kind, words)| {
            words.into_iter().map(|word| kind.code(format, word)).collect::<Vec<u32>>()
        })
    };
    let c = (select(c), any::<u32>()).prop_map(move |(kind, word)| kind.bits(accumulator, word));
    (row(a), row(b), c, any::<[u16; 4]>(), vec(any::<u8>(), n))
        .prop_map(|(a, b, c, picks, keys)| Case { a, b, c, picks, keys })
}

/// The rows of a case without NaN and infinities.
pub fn finite_rows(truth: &Arithmetic, case: &Case) -> (Vec<u32>, Vec<u32>) {
    let a = case.a.iter().map(|&a| finite(truth.a, a)).collect();
    (a, case.b.iter().map(|&b| finite(truth.b, b)).collect())
}
