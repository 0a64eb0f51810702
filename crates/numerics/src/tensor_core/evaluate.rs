//! The specification, executable: one output at a time, no tricks.
//!
//! Every other path of this module is tested against this file.

use super::arithmetic::{
    Arithmetic, InvalidArithmetic, Joins, Nan, Overflow, Products, Rounding, Rules, Subnormals,
    Zeros,
};
use super::operand::Addend::{self, Finite, Infinity};
use super::operand::{Accumulator, Number};

/// An [`Arithmetic`] that was checked, to be evaluated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Model(Arithmetic);

/// The most addends of a step: a group and c.
const MAX_ADDENDS: usize = Arithmetic::MAX_GROUP + 1;

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
    /// accumulator; a short last one is filled with `+0`. With no `k` at all the result is c,
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
        let mut addends = Addends::new();
        addends.places = Places { first: first + group * run, run, stride: groups * run };
        // The group's runs, and of the last one what there is.
        for start in (group * run..len).step_by(groups * run) {
            let end = len.min(start + run);
            for (a, b) in a[start..end].iter().zip(&b[start..end]) {
                addends.push(self.product((*a).into(), (*b).into()));
            }
        }
        addends.products = addends.len;
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
        let mut addends = Addends::new();
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
                step.max_exponent = max_exponent(addends.all(), how);
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

/// The exponent that all addends are aligned to. `None` if there is none: all are zero.
fn max_exponent(addends: &[Addend], how: &Arithmetic) -> Option<i32> {
    let exponents = addends.iter().filter_map(|addend| match addend {
        // A zero takes no part: it has no exponent, whatever its partner was.
        Finite(x) if x.significand != 0 || how.rules.zeros != Zeros::Ignored => Some(x.exponent),
        _ => None,
    });
    exponents.max().map(|largest| largest.max(how.floor.unwrap_or(i32::MIN)))
}

/// The addends of a step: products of a group, and one or two accumulators.
pub(super) struct Addends {
    len: usize,
    all: [Addend; MAX_ADDENDS],
    /// The first so many are products.
    products: usize,
    places: Places,
}

/// What an addend is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Product,
    Accumulator,
}

/// Where in k the products of a group lie: in runs.
#[derive(Clone, Copy)]
struct Places {
    first: usize,
    run: usize,
    stride: usize,
}

impl Addends {
    fn new() -> Self {
        let places = Places { first: 0, run: 1, stride: 1 };
        Self { len: 0, all: [Addend::Nan; MAX_ADDENDS], products: 0, places }
    }

    /// `Arithmetic::check` bounds the number of calls.
    fn push(&mut self, addend: Addend) {
        self.all[self.len] = addend;
        self.len += 1;
    }

    fn all(&self) -> &[Addend] {
        &self.all[..self.len]
    }

    /// Each addend, and where it is in k; an accumulator is nowhere.
    pub fn iter(&self) -> impl Iterator<Item = (Addend, Option<usize>)> + Clone {
        let Places { first, run, stride } = self.places;
        let place = move |i| first + i / run * stride + i % run;
        let place = move |i| (i < self.products).then(|| place(i));
        self.all().iter().enumerate().map(move |(i, &addend)| (addend, place(i)))
    }

    /// The finite addends, and what they are.
    pub fn numbers(&self) -> impl Iterator<Item = (Number, Kind)> + Clone {
        let kind = |i| if i < self.products { Kind::Product } else { Kind::Accumulator };
        self.all().iter().enumerate().filter_map(move |(i, addend)| match addend {
            Finite(number) => Some((*number, kind(i))),
            _ => None,
        })
    }
}

/// A step as it was computed.
pub(super) struct Step<'a> {
    pub addends: &'a Addends,
    /// The description; that of the addition where c is added.
    pub how: &'a Arithmetic,
    /// `None` if all addends are zero or one is special.
    pub max_exponent: Option<i32>,
    /// The exact sum of the cut addends, in units of [`grid`](Self::grid).
    pub total: i128,
    pub result: u32,
}

impl Step<'_> {
    /// The exponent of the unit that sums are counted in.
    pub fn grid(&self) -> i32 {
        let bits = self.how.fraction_bits + self.how.rules.c_extra_bits;
        self.max_exponent.unwrap_or(0) - bits as i32
    }

    /// Products lie on a grid so many bits coarser, if c has extra bits.
    pub fn coarse(&self, kind: Kind) -> u32 {
        match kind {
            Kind::Product => self.how.rules.c_extra_bits,
            Kind::Accumulator => 0,
        }
    }

    /// An addend cut, in units of the grid.
    pub fn cut(&self, x: Number, kind: Kind) -> i128 {
        if x.significand == 0 {
            // Its exponent may be any.
            return 0;
        }
        let coarse = self.coarse(kind);
        let shift = x.exponent - x.fraction_bits as i32 - (self.grid() + coarse as i32);
        let magnitude = match u32::try_from(shift) {
            // Nearly every addend of nearly every arithmetic is short.
            Ok(up) if up + coarse < 32 => u128::from(u64::from(x.significand) << up << coarse),
            Ok(up) => u128::from(x.significand) << up << coarse,
            Err(_) => {
                let places = shift.unsigned_abs().min(63);
                let rounding = self.how.alignment;
                let kept = shift_right(u64::from(x.significand), places, x.negative, rounding);
                u128::from(kept) << coarse
            }
        };
        if x.negative { -(magnitude as i128) } else { magnitude as i128 }
    }
}

/// `magnitude * 2^-places`, its sign known, rounded to an integer.
macro_rules! shift_right {
    ($name:ident, $bits:ty) => {
        fn $name(magnitude: $bits, places: u32, negative: bool, rounding: Rounding) -> $bits {
            if places == 0 {
                return magnitude;
            }
            let (kept, dropped) = (magnitude >> places, magnitude & ((1 << places) - 1));
            let half = 1 << (places - 1);
            let up = match rounding {
                Rounding::TowardZero => false,
                Rounding::Down => negative && dropped != 0,
                Rounding::NearestEven => dropped > half || dropped == half && kept & 1 == 1,
                Rounding::NearestAway => dropped >= half,
            };
            kept + <$bits>::from(up)
        }
    };
}

// An addend has 24 bits at most: 63 places leave nothing of it, and less than half.
shift_right!(shift_right, u64);
// A sum has 120 bits at most, and 126 places do the same.
shift_right!(shift_right_sum, u128);

/// `magnitude * 2^grid` with a sign as the bits of a result.
fn round(how: &Arithmetic, negative: bool, magnitude: u128, grid: i32) -> u32 {
    let (accumulator, rules) = (how.accumulator, &how.rules);
    let sign = accumulator.sign(negative);
    let zero = if rules.negative_zero { sign } else { 0 };
    if magnitude == 0 {
        return zero;
    }
    let (min, max) = (1 - accumulator.bias(), accumulator.bias());
    // Below the normals the grid stays where it is.
    let mut exponent = (grid + magnitude.ilog2() as i32).max(min);
    let shift = exponent - how.result_bits as i32 - grid;
    let mut significand = match u32::try_from(shift) {
        Ok(places) => shift_right_sum(magnitude, places.min(126), negative, how.result),
        Err(_) => magnitude << shift.unsigned_abs(),
    };
    if significand >> how.result_bits == 2 {
        significand >>= 1;
        exponent += 1;
    }
    let spare = accumulator.fraction_bits() - how.result_bits;
    if exponent > max {
        return sign
            | match rules.overflow {
                Overflow::Infinity => accumulator.infinity(),
                Overflow::Saturated => (accumulator.infinity() - 1) >> spare << spare,
            };
    }
    let normal = significand >> how.result_bits != 0;
    if significand == 0 || !normal && rules.results == Subnormals::Flushed {
        return zero;
    }
    let biased = if normal { (exponent + accumulator.bias()) as u32 } else { 0 };
    let fraction = significand as u32 & ((1 << how.result_bits) - 1);
    sign | biased << accumulator.fraction_bits() | fraction << spare
}
