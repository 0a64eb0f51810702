//! How c takes part.

use proptest::prelude::*;
use quarter_numerics::tensor_core::{Arithmetic, Joins, Model};

use super::draw::{C, Case, Row, cases, finite_rows};
use super::number::{
    accumulator_bits, accumulator_value, encode, exponent, finite, finite_accumulator, layout,
    least, power, range, sign_bit, value,
};
use super::steps::{OffGrid, added, length, product, result, step_of};
use super::{Law, always, equal};

/// A product and its opposite leave c, cut to the grid of the larger exponent of the two.
pub const WIDTH: Law = Law {
    name: "width",
    applies: always,
    cases: |truth| {
        const ROWS: &[Row] = &[Row::Any, Row::Low, Row::Spread];
        cases(truth, ROWS, &[C::Any, C::Near, C::Near]).boxed()
    },
    check: width,
};

fn width(model: &Model, truth: &Arithmetic, case: &Case) -> Result<(), String> {
    let [i, j] = case.two_slots(truth);
    let (mut a, mut b) = (vec![0; length(truth)], vec![0; length(truth)]);
    (a[i], b[i]) = (finite(truth.a, case.a[i]), finite(truth.b, case.b[i]));
    (a[j], b[j]) = (a[i] ^ sign_bit(truth.a), b[i]);
    let c = finite_accumulator(truth.accumulator, case.c);
    let pair: Vec<_> = [i, j].into_iter().filter_map(|k| product(truth, k, a[k], b[k])).collect();
    let x = accumulator_value(truth.accumulator, c);
    let expected = result(truth, &pair, x, OffGrid::Cut).unwrap();
    equal(model.dot(&a, &b, c), accumulator_bits(truth.accumulator, expected), || {
        format!("{:x} times {:x} and its opposite, c {c:x}", a[i], b[i])
    })
}

/// A product with a significand below 2 may as well be c.
pub const ADDEND: Law = Law {
    name: "moved",
    applies: |truth| truth.c == Joins::First,
    cases: |truth| {
        const ROWS: &[Row] = &[Row::Any, Row::Low, Row::Near, Row::Spread, Row::Sparse];
        cases(truth, ROWS, &[C::Zero]).boxed()
    },
    check: addend,
};

fn addend(model: &Model, truth: &Arithmetic, case: &Case) -> Result<(), String> {
    let (mut a, mut b) = finite_rows(truth, case);
    let slot = case.slot(truth) % truth.k;
    let slot = (slot..truth.k).chain(0..slot).find(|&k| step_of(truth, k) == 0).unwrap();
    // A normal times a power of two is aligned as the equal accumulator is.
    b[slot] &= !((1 << layout(truth.b).1) - 1);
    for (format, code) in [(truth.a, &mut a[slot]), (truth.b, &mut b[slot])] {
        if value(format, *code).abs() < power(least(format)) {
            *code = encode(format, power(least(format)));
        }
    }
    let (smallest, largest) = range(truth.accumulator);
    let product = value(truth.a, a[slot]) * value(truth.b, b[slot]);
    if !(smallest..=largest).contains(&exponent(product, -1022)) {
        b[slot] = encode(truth.b, 1.0);
    }
    let product = value(truth.a, a[slot]) * value(truth.b, b[slot]);
    let as_product = model.dot(&a, &b, 0);
    let c = accumulator_bits(truth.accumulator, product);
    a[slot] = 0;
    equal(model.dot(&a, &b, c), as_product, || format!("{product:e} of slot {slot} moved to c"))
}

/// c is added in IEEE arithmetic to the result without it.
pub const ADDED: Law = Law {
    name: "added",
    applies: |truth| truth.c == Joins::Added,
    cases: |truth| {
        const ROWS: &[Row] = &[Row::Any, Row::Low, Row::Near, Row::Sparse];
        cases(truth, ROWS, &[C::Any, C::Near, C::Near, C::Subnormal]).boxed()
    },
    check: |model, truth, case| {
        let (a, b) = finite_rows(truth, case);
        let c = finite_accumulator(truth.accumulator, case.c);
        let [x, y] = [model.dot(&a, &b, 0), c].map(|x| accumulator_value(truth.accumulator, x));
        let expected = accumulator_bits(truth.accumulator, added(truth.accumulator, x, y));
        equal(model.dot(&a, &b, c), expected, || format!("{x:e} and c {y:e}"))
    },
};

/// Without products c is cut to the bits of a result, subnormal or not; added, it stays.
pub const ALONE: Law = Law {
    name: "alone",
    applies: always,
    cases: |truth| {
        const ROWS: &[Row] = &[Row::Any];
        cases(truth, ROWS, &[C::Any, C::Any, C::Near, C::Subnormal, C::Zero]).boxed()
    },
    check: alone,
};

fn alone(model: &Model, truth: &Arithmetic, case: &Case) -> Result<(), String> {
    // Zeros of any sign, or all of them negative.
    let mut a: Vec<u32> = case.a.iter().map(|a| a & sign_bit(truth.a)).collect();
    if case.picks[0].is_multiple_of(2) {
        a.fill(sign_bit(truth.a));
    }
    let b = vec![0u32; length(truth)];
    let c = finite_accumulator(truth.accumulator, case.c);
    let dropped = truth.accumulator.fraction_bits() - truth.result_bits;
    let cut = c >> dropped << dropped;
    // -0 becomes +0.
    let is_zero = accumulator_value(truth.accumulator, cut) == 0.0;
    equal(model.dot(&a, &b, c), if is_zero { 0 } else { cut }, || format!("c {c:x}"))
}
