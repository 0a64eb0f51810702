//! How far a result can be from the exact sum, and how far it is.

use super::addends::{Addends, Step};
use super::arithmetic::{Arithmetic, Joins};
use super::number::{Addend, Number, power};
use super::rules::{Overflow, Rounding, Subnormals, Zeros};
use super::{ExactSum, Model};

/// A dot product beside its exact value.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Certificate {
    /// The result, as bits of the accumulator.
    pub d: u32,
    /// `c` and all products, summed without rounding.
    pub exact: ExactSum,
    /// The result less the exact sum, to the nearest f64.
    pub error: f64,
    /// `|c| + sum of |a[k] * b[k]|`, rounded up: what errors are relative to. (Relative to the
    /// sum itself they have no bound: it may be zero.)
    pub magnitude: f64,
    /// What the steps can have lost, by their exponents and the addends that were not on the grid:
    /// `|error| <= bound`. In a step each such addend loses less than `2^(emax - F)`, and the result
    /// less than its last place.
    pub bound: f64,
    /// Whether all addends have one sign and everything is cut toward zero: then the result is never
    /// beyond the exact sum.
    pub one_sided: bool,
}

impl Certificate {
    /// `|error| / magnitude`; 0 where there is nothing.
    #[must_use]
    pub fn relative(&self) -> f64 {
        if self.magnitude == 0.0 { 0.0 } else { self.error.abs() / self.magnitude }
    }
}

impl Model {
    /// Computes [`dot`](Self::dot) beside the exact sum. `None` where NaN or an infinity is among the
    /// inputs, or the result is one.
    ///
    /// ```
    /// use quarter_numerics::{Format, tensor_core::{Accumulator, Model, known}};
    ///
    /// let model = Model::new(known::wgmma_fp8(Format::E4m3, Format::E4m3, Accumulator::F32))?;
    /// // 256, and 2^-6 thirty-one times, each of it below 2^(8 - 13).
    /// let (mut a, b) = ([0x08u8; 32], [0x38u8; 32]);
    /// a[0] = 0x78;
    /// let dot = model.certify(&a, &b, 0).unwrap();
    /// assert_eq!((dot.exact.to_f64(), dot.error), (256.484375, -0.484375));
    /// assert_eq!(dot.bound, 31.0 * 0.03125);
    /// assert!(dot.bound <= model.bound(&a, &b, 0));
    /// # Ok::<(), quarter_numerics::tensor_core::InvalidArithmetic>(())
    /// ```
    pub fn certify<A: Copy + Into<u32>, B: Copy + Into<u32>>(
        &self,
        a: &[A],
        b: &[B],
        c: u32,
    ) -> Option<Certificate> {
        let arithmetic = self.arithmetic();
        let mut input = self.input(c)?;
        for (i, (a, b)) in self.instructions(a, b).enumerate() {
            for group in 0..self.groups() {
                input.add(&self.products(a, b, i * arithmetic.k, group))?;
            }
        }
        // A saturated result can be anywhere below.
        let saturates = arithmetic.rules.overflow == Overflow::Saturated
            && input.magnitude >= power(arithmetic.accumulator.bias());
        let mut bound = if saturates { f64::INFINITY } else { 0.0 };
        let d = self.dot_seen(a, b, c, &mut |step| bound = add_up(bound, lost(step)));
        // As it is, though an instruction that read it might flush it.
        let result = arithmetic.accumulator.decode(d, Subnormals::AsStored);
        let Addend::Finite(result) = result else { return None };
        let mut difference = input.exact.negated();
        difference.add(result);
        let cut = |rounding| rounding == Rounding::TowardZero;
        Some(Certificate {
            d,
            exact: input.exact,
            error: difference.to_f64(),
            magnitude: input.magnitude,
            bound,
            one_sided: !(input.positive && input.negative)
                && cut(arithmetic.alignment)
                && (cut(arithmetic.result) && arithmetic.c != Joins::Added),
        })
    }

    /// What [`dot`](Self::dot) can be away from the exact sum, from the magnitudes of the inputs
    /// alone: no step is computed, so it holds for every order of the elements that leaves the
    /// groups together. Infinity where NaN or an infinity is among the inputs, or a partial sum may
    /// overflow.
    ///
    /// A partial sum is no larger than the magnitudes summed so far (and what they may have been
    /// rounded up), which bounds the exponent of each step. What is a multiple of the grid at that
    /// exponent loses nothing: sums of small integers have a bound of 0.
    pub fn bound<A: Copy + Into<u32>, B: Copy + Into<u32>>(&self, a: &[A], b: &[B], c: u32) -> f64 {
        self.try_bound(a, b, c).unwrap_or(f64::INFINITY)
    }

    fn try_bound<A: Copy + Into<u32>, B: Copy + Into<u32>>(
        &self,
        a: &[A],
        b: &[B],
        c: u32,
    ) -> Option<f64> {
        let arithmetic = self.arithmetic();
        let Addend::Finite(c) = self.accumulator(c) else { return None };
        let mut sum = Partial::of(c, arithmetic);
        for (i, (a, b)) in self.instructions(a, b).enumerate() {
            let c = sum;
            if arithmetic.c != Joins::First {
                let Addend::Finite(zero) = self.accumulator(0) else { return None };
                sum = Partial::of(zero, arithmetic);
            }
            for group in 0..self.groups() {
                let products = self.products(a, b, i * arithmetic.k, group);
                if products.iter().any(|(x, _)| !matches!(x, Addend::Finite(_))) {
                    return None;
                }
                sum.step(arithmetic, products.numbers().map(|(x, _)| Partial::of(x, arithmetic)));
            }
            match arithmetic.c {
                Joins::First => (),
                Joins::Last => sum.step(arithmetic, core::iter::once(c)),
                Joins::Added => sum.step(&self.ieee(), core::iter::once(c)),
            }
        }
        let limit = power(arithmetic.accumulator.bias());
        (sum.magnitude < limit).then_some(sum.bound)
    }

    fn instructions<'a, A, B>(
        &self,
        a: &'a [A],
        b: &'a [B],
    ) -> impl Iterator<Item = (&'a [A], &'a [B])> {
        let (k, len) = (self.arithmetic().k, a.len().min(b.len()));
        a[..len].chunks(k).zip(b[..len].chunks(k))
    }

    fn input(&self, c: u32) -> Option<Input> {
        let Addend::Finite(c) = self.accumulator(c) else { return None };
        let (exact, magnitude) = (ExactSum::ZERO, 0.0);
        let mut input = Input { exact, magnitude, positive: false, negative: false };
        input.add_number(c);
        Some(input)
    }
}

/// `x + y`, rounded up.
fn add_up(x: f64, y: f64) -> f64 {
    let sum = x + y;
    // The rounding error of an addition is a number, and this is it.
    let y_part = sum - x;
    let error = (x - (sum - y_part)) + (y - y_part);
    if error > 0.0 { sum.next_up() } else { sum }
}

/// The exponent of the leading bit of a positive f64 that is normal; far below all for zero.
fn leading(x: f64) -> i32 {
    (x.to_bits() >> 52 & 0x7ff) as i32 - 1023
}

/// The exponent of the lowest bit that is set.
fn trailing(x: Number) -> i32 {
    x.exponent - x.fraction_bits as i32 + x.significand.trailing_zeros() as i32
}

/// The largest loss of an addend or a result that is not on the grid.
fn unit(rounding: Rounding, grid: i32) -> f64 {
    match rounding {
        Rounding::TowardZero | Rounding::Down => power(grid),
        Rounding::NearestEven | Rounding::NearestAway => power(grid - 1),
    }
}

/// What a step that was computed can have lost.
fn lost(step: &Step) -> f64 {
    let how = step.how;
    if step.max_exponent.is_none() {
        return 0.0;
    }
    let grid = |kind| step.grid() + step.coarse(kind) as i32;
    let addends = step.addends.numbers().filter(|(x, _)| x.significand != 0);
    let off_grid = addends.filter(|(x, kind)| trailing(*x) < grid(*kind));
    let aligned = off_grid.fold(0.0, |sum, (_, kind)| add_up(sum, unit(how.alignment, grid(kind))));
    if step.total == 0 {
        return aligned;
    }
    let sum = step.total.unsigned_abs();
    let (top, low) = (sum.ilog2() as i32, sum.trailing_zeros() as i32);
    let last_place = result_grid(how, step.grid() + top);
    let cut = if step.grid() + low < last_place { unit(how.result, last_place) } else { 0.0 };
    add_up(aligned, add_up(cut, flushed(how)))
}

/// The exponent of the last place of a result.
fn result_grid(how: &Arithmetic, exponent: i32) -> i32 {
    exponent.max(1 - how.accumulator.bias()) - how.result_bits as i32
}

/// The inputs, summed.
struct Input {
    exact: ExactSum,
    magnitude: f64,
    positive: bool,
    negative: bool,
}

impl Input {
    fn add_number(&mut self, x: Number) {
        if x.significand != 0 {
            self.exact.add(x);
            self.magnitude = add_up(self.magnitude, x.to_f64().abs());
            self.positive |= !x.negative;
            self.negative |= x.negative;
        }
    }

    /// `None` if one of them is special.
    fn add(&mut self, addends: &Addends) -> Option<()> {
        for (addend, _) in addends.iter() {
            match addend {
                Addend::Finite(x) => self.add_number(x),
                _ => return None,
            }
        }
        Some(())
    }
}

/// What is known of a partial sum, or of an addend, before it is computed.
#[derive(Clone, Copy)]
struct Partial {
    /// It is no larger.
    magnitude: f64,
    /// The exponent it is aligned with is no larger.
    exponent: i32,
    /// It is a multiple of 2 to this.
    multiple: i32,
    /// It is no farther from its exact value.
    bound: f64,
}

impl Partial {
    /// No addend.
    const NOTHING: Self =
        Self { magnitude: 0.0, exponent: i32::MIN, multiple: i32::MAX, bound: 0.0 };

    fn of(x: Number, how: &Arithmetic) -> Self {
        let exponent = x.exponent;
        match x.significand {
            0 if how.rules.zeros == Zeros::Ignored => Self::NOTHING,
            0 => Self { exponent, ..Self::NOTHING },
            _ => Self { magnitude: x.to_f64().abs(), exponent, multiple: trailing(x), bound: 0.0 },
        }
    }

    /// Adds `others` in a step of `how`.
    fn step(&mut self, how: &Arithmetic, others: impl Iterator<Item = Self> + Clone) {
        let all = core::iter::once(*self).chain(others);
        let max_exponent = all.clone().map(|x| x.exponent).max().unwrap_or(i32::MIN);
        if max_exponent == i32::MIN {
            return;
        }
        let grid = max_exponent.max(how.floor.unwrap_or(i32::MIN)) - how.fraction_bits as i32;
        let (mut sum, mut aligned) = (Self::NOTHING, 0.0);
        for x in all {
            sum.magnitude = add_up(sum.magnitude, x.magnitude);
            sum.multiple = sum.multiple.min(x.multiple);
            sum.bound = add_up(sum.bound, x.bound);
            if x.multiple < grid {
                aligned = add_up(aligned, unit(how.alignment, grid));
            }
        }
        // Cutting toward zero makes nothing larger.
        if how.alignment != Rounding::TowardZero {
            sum.magnitude = add_up(sum.magnitude, aligned);
        }
        let last_place = result_grid(how, leading(sum.magnitude));
        let mut cut = if sum.multiple < last_place { unit(how.result, last_place) } else { 0.0 };
        if how.result != Rounding::TowardZero {
            sum.magnitude = add_up(sum.magnitude, cut);
        }
        cut = add_up(cut, flushed(how));
        sum.bound = add_up(sum.bound, add_up(aligned, cut));
        // A subnormal is aligned with the exponent of the smallest normal.
        sum.exponent = leading(sum.magnitude).max(1 - how.accumulator.bias());
        *self = sum;
    }
}

/// What a subnormal result loses, at once or as the accumulator of the next step.
fn flushed(how: &Arithmetic) -> f64 {
    match (how.rules.results, how.rules.c) {
        (Subnormals::Flushed, _) | (_, Subnormals::Flushed) => power(1 - how.accumulator.bias()),
        _ => 0.0,
    }
}
