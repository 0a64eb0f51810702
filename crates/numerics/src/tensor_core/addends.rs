//! The addends of one alignment, and how they are cut.

use super::arithmetic::Arithmetic;
use super::number::Addend::{self, Finite};
use super::number::Number;
use super::round::shift_right;
use super::rules::Zeros;

/// The addends of a step: products of a group, and one or two accumulators.
pub(super) struct Addends {
    len: usize,
    all: [Addend; MAX_ADDENDS],
    /// The first so many are products.
    products: usize,
    places: Places,
}

/// The most addends of a step: a group and c.
const MAX_ADDENDS: usize = Arithmetic::MAX_GROUP + 1;

/// What an addend is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Product,
    Accumulator,
}

/// Where in k the products of a group lie: in runs.
#[derive(Clone, Copy)]
pub(super) struct Places {
    /// The first of them.
    pub first: usize,
    /// Neighbours in a run.
    pub run: usize,
    /// From run to run.
    pub stride: usize,
}

impl Places {
    /// Of no products.
    pub const NONE: Self = Self { first: 0, run: 1, stride: 1 };
}

impl Addends {
    /// None yet, but products will be in these places.
    pub fn of_products(places: Places) -> Self {
        Self { len: 0, all: [Addend::Nan; MAX_ADDENDS], products: 0, places }
    }

    /// The next product; all come before the accumulators.
    pub fn push_product(&mut self, product: Addend) {
        self.push(product);
        self.products = self.len;
    }

    /// `Arithmetic::check` bounds the number of calls.
    pub fn push(&mut self, addend: Addend) {
        self.all[self.len] = addend;
        self.len += 1;
    }

    pub fn all(&self) -> &[Addend] {
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

    /// The exponent that all are aligned to. `None` if there is none: all are zero.
    pub fn max_exponent(&self, how: &Arithmetic) -> Option<i32> {
        let exponents = self.all().iter().filter_map(|addend| match addend {
            // A zero takes no part: it has no exponent, whatever its partner was.
            Finite(x) if x.significand != 0 || how.rules.zeros != Zeros::Ignored => {
                Some(x.exponent)
            }
            _ => None,
        });
        exponents.max().map(|largest| largest.max(how.floor.unwrap_or(i32::MIN)))
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
