//! The specification, executable: one output at a time, no tricks.
//!
//! Every other path of this module is tested against this file.

use super::addends::{Addends, Places, Step};
use super::arithmetic::{Arithmetic, InvalidArithmetic, Joins};
use super::number::Addend::{self, Finite, Infinity};
use super::number::Number;
use super::operand::Accumulator;
use super::round::round;
use super::rules::{Nan, Products, Rounding, Rules, Subnormals, Zeros};

/// An [`Arithmetic`] that was checked, to be evaluated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Model(Arithmetic);

impl Model {
    /// # Errors
    /// If the fields do not fit together; the message says which.
    pub fn new(arithmetic: Arithmetic) -> Result<Self, InvalidArithmetic> {
        arithmetic.check().map(|()| Self(arithmetic))
    }

    /// For descriptions in this crate, which tests check.
    pub(super) const fn unchecked(arithmetic: Arithmetic) -> Self {
        Self(arithmetic)
    }

    /// The description.
    #[must_use]
    pub const fn arithmetic(&self) -> &Arithmetic {
        &self.0
    }

    /// `c + sum of a[k] * b[k]`, all of them as codes in the formats of the description, c and the
    /// result in the accumulator's.
    ///
    /// `k` runs to the shorter of `a` and `b`, an instruction at a time, each result the next
    /// accumulator; elements that a short last one lacks take no part. With no `k` at all the result is c,
    /// untouched. Bits of a code beyond its format are ignored.
    ///
    /// # Special values
    /// In each step NaN, an infinity times zero, and infinities of both signs give the
    /// accumulator's NaN of all ones; otherwise an infinity is the result. A sum of zero, and one
    /// that rounds to zero, is `+0`.
    pub fn dot<A: Copy + Into<u32>, B: Copy + Into<u32>>(&self, a: &[A], b: &[B], c: u32) -> u32 {
        self.dot_seen(a, b, c, &mut |_: &Step| ())
    }

    /// [`dot`](Self::dot), each step shown to `see`.
    pub(super) fn dot_seen<A: Copy + Into<u32>, B: Copy + Into<u32>>(
        &self,
        a: &[A],
        b: &[B],
        c: u32,
        see: &mut impl FnMut(&Step),
    ) -> u32 {
        let k = self.0.k;
        let instructions = a.chunks(k).zip(b.chunks(k)).enumerate();
        instructions.fold(c, |c, (i, (a, b))| self.instruction(a, b, c, i * k, see))
    }

    /// One instruction on up to `k` elements, the first of which has the index `first`.
    fn instruction<A: Copy + Into<u32>, B: Copy + Into<u32>>(
        &self,
        a: &[A],
        b: &[B],
        c: u32,
        first: usize,
        see: &mut impl FnMut(&Step),
    ) -> u32 {
        let mut d = if self.0.c == Joins::First { c } else { 0 };
        for g in 0..self.groups() {
            let mut addends = self.products(a, b, first, g);
            addends.push(self.accumulator(d));
            d = self.step(&addends, d, &self.0, see);
        }
        match self.0.c {
            Joins::First => d,
            Joins::Last => self.add(d, c, &self.0, see),
            Joins::Added => self.add(d, c, &self.ieee(), see),
        }
    }

    /// Groups of an instruction.
    pub(super) fn groups(&self) -> usize {
        self.0.k / self.0.group
    }

    /// The products of a group of an instruction; its first element has the index `first`.
    pub(super) fn products<A: Copy + Into<u32>, B: Copy + Into<u32>>(
        &self,
        a: &[A],
        b: &[B],
        first: usize,
        group: usize,
    ) -> Addends {
        let (groups, run, len) = (self.groups(), self.0.run, a.len().min(b.len()));
        let places = Places { first: first + group * run, run, stride: groups * run };
        let mut addends = Addends::of_products(places);
        // The group's runs, and of the last one what there is.
        for start in (group * run..len).step_by(groups * run) {
            let end = len.min(start + run);
            for (a, b) in a[start..end].iter().zip(&b[start..end]) {
                addends.push_product(self.product((*a).into(), (*b).into()));
            }
        }
        addends
    }

    /// An addition in the accumulator's format, to nearest even.
    pub(super) fn ieee(&self) -> Arithmetic {
        // Exact but for what is 2^-90 of the larger: no rounding can tell.
        let (fraction_bits, floor) = (90, None);
        let result_bits = self.0.accumulator.fraction_bits();
        let result = Rounding::NearestEven;
        let rules = Rules { c_extra_bits: 0, ..self.0.rules };
        Arithmetic { fraction_bits, floor, result_bits, result, rules, ..self.0 }
    }

    fn add(&self, d: u32, c: u32, how: &Arithmetic, see: &mut impl FnMut(&Step)) -> u32 {
        let mut addends = Addends::of_products(Places::NONE);
        addends.push(self.accumulator(d));
        addends.push(self.accumulator(c));
        self.step(&addends, c, how, see)
    }

    pub(super) fn accumulator(&self, c: u32) -> Addend {
        let addend = self.0.accumulator.decode(c, self.0.rules.c);
        match addend {
            Finite(c) if c.significand == 0 => match self.0.rules.zeros {
                Zeros::Partner => Finite(Number { exponent: -126, ..c }),
                _ => addend,
            },
            _ => addend,
        }
    }

    /// Not normalised: significands multiply, exponents add.
    fn product(&self, a: u32, b: u32) -> Addend {
        let rules = &self.0.rules;
        let zero = |x: Number| match rules.zeros {
            Zeros::Partner if x.significand == 0 => Number { exponent: -126, ..x },
            _ => x,
        };
        let times = |infinite: bool, x: Number| match x.significand {
            // An infinity times a subnormal is an infinity; times a zero of either sign it is NaN.
            0 if rules.infinity_times_zero_is_nan => Addend::Nan,
            0 => Finite(x),
            _ => Infinity { negative: infinite ^ x.negative },
        };
        match (self.0.a.decode(a, rules.operands), self.0.b.decode(b, rules.operands)) {
            (Addend::Nan, _) | (_, Addend::Nan) => Addend::Nan,
            (Infinity { negative: s }, Infinity { negative: t }) => Infinity { negative: s ^ t },
            (Infinity { negative }, Finite(x)) | (Finite(x), Infinity { negative }) => {
                times(negative, x)
            }
            (Finite(a), Finite(b)) => {
                let (a, b) = (zero(a), zero(b));
                let product = Number {
                    negative: a.negative ^ b.negative,
                    significand: a.significand * b.significand,
                    exponent: a.exponent + b.exponent,
                    fraction_bits: a.fraction_bits + b.fraction_bits,
                };
                Finite(match rules.products {
                    Products::AsStored => product,
                    Products::Normalised => product.normalised(),
                })
            }
        }
    }

    /// Aligns, cuts, adds and rounds. `c` is looked at for its NaN alone.
    fn step(
        &self,
        addends: &Addends,
        c: u32,
        how: &Arithmetic,
        see: &mut impl FnMut(&Step),
    ) -> u32 {
        let mut step = Step { addends, how, max_exponent: None, total: 0, result: 0 };
        step.result = match self.special(addends.all(), c) {
            Some(special) => special,
            None => {
                step.max_exponent = addends.max_exponent(how);
                let grid = step.grid();
                step.total = addends.numbers().map(|(x, kind)| step.cut(x, kind)).sum();
                // What a zero that takes part may leave is a zero still.
                let negative = match step.total {
                    0 => addends.numbers().all(|(x, _)| x.negative),
                    total => total < 0,
                };
                round(how, negative, step.total.unsigned_abs(), grid)
            }
        };
        see(&step);
        step.result
    }

    /// The result where NaN or an infinity is among the addends; `None` where all are finite.
    fn special(&self, addends: &[Addend], c: u32) -> Option<u32> {
        let (accumulator, rules) = (self.0.accumulator, &self.0.rules);
        let (mut nan, mut plus, mut minus) = (false, false, false);
        for addend in addends {
            match addend {
                Finite(_) => (),
                Infinity { negative } => *(if *negative { &mut minus } else { &mut plus }) = true,
                Addend::Nan => nan = true,
            }
        }
        if nan || plus && minus && rules.opposite_infinities_are_nan {
            Some(nan_of(accumulator, rules.nan, c))
        } else if plus || minus {
            Some(accumulator.sign(!plus) | accumulator.infinity())
        } else {
            None
        }
    }
}

fn nan_of(accumulator: Accumulator, nan: Nan, c: u32) -> u32 {
    let quiet = accumulator.infinity() | 1 << (accumulator.fraction_bits() - 1);
    let c_is_nan = matches!(accumulator.decode(c, Subnormals::AsStored), Addend::Nan);
    match nan {
        Nan::Canonical => accumulator.canonical_nan(),
        Nan::OfC if c_is_nan => c | quiet,
        Nan::Quiet | Nan::OfC => quiet,
    }
}
