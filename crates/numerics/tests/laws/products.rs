//! How products are aligned and cut, and which ones together.

use proptest::prelude::*;
use quarter_numerics::tensor_core::{Arithmetic, Model, Operand};

use super::draw::{C, Case, Row, cases, finite_rows};
use super::number::{
    accumulator_bits, accumulator_value, finite, finite_accumulator, layout, sign_bit, value,
    with_field,
};
use super::steps::{OffGrid, length, product, result, step_of, steps};
use super::{Law, always, equal};

const ROWS: &[Row] = &[Row::Any, Row::Low, Row::Near, Row::Spread, Row::Sparse];

/// A product and its opposite leave a third one, cut if it is in their step or before it.
pub const WIDTH: Law = Law {
    name: "third",
    applies: always,
    cases: |truth| {
        const ROWS: &[Row] = &[Row::Any, Row::Low, Row::Spread, Row::Ends];
        cases(truth, ROWS, &[C::Zero, C::Zero, C::Near]).boxed()
    },
    check: width,
};

fn width(model: &Model, truth: &Arithmetic, case: &Case) -> Result<(), String> {
    let [i, j, m] = case.three_slots(truth);
    let (mut a, mut b) = (vec![0; length(truth)], vec![0; length(truth)]);
    for k in [i, m] {
        (a[k], b[k]) = (finite(truth.a, case.a[k]), finite(truth.b, case.b[k]));
    }
    // FP8 has few exponents: wide sums cut only where the pair has the largest.
    if truth.a.is_fp8() && case.picks[3].is_multiple_of(4) {
        (a[i], b[i]) = (largest(truth.a, a[i]), largest(truth.b, b[i]));
    }
    (a[j], b[j]) = (a[i] ^ sign_bit(truth.a), b[i]);
    let c = finite_accumulator(truth.accumulator, case.c);
    let three: Vec<_> =
        [i, j, m].into_iter().filter_map(|k| product(truth, k, a[k], b[k])).collect();
    let x = accumulator_value(truth.accumulator, c);
    let expected = result(truth, &three, x, OffGrid::Cut).unwrap();
    equal(model.dot(&a, &b, c), accumulator_bits(truth.accumulator, expected), || {
        let codes = [i, m].map(|k| format!("{k}: {:x} times {:x}", a[k], b[k]));
        format!("{codes:?}, the opposite of the first in {j}, c {c:x}")
    })
}

/// With the largest exponent that has all fractions.
fn largest(format: Operand, code: u32) -> u32 {
    with_field(format, code, (1 << layout(format).0) - 2)
}

/// The order of products within a step does not matter.
pub const ORDER: Law = Law {
    name: "order",
    applies: always,
    cases: |truth| cases(truth, ROWS, &[C::Near, C::Any]).boxed(),
    check: order,
};

fn order(model: &Model, truth: &Arithmetic, case: &Case) -> Result<(), String> {
    let (a, b) = finite_rows(truth, case);
    let c = finite_accumulator(truth.accumulator, case.c);
    let mut from: Vec<usize> = (0..length(truth)).collect();
    for step in 0..steps(truth) {
        let slots: Vec<usize> = (0..length(truth)).filter(|&k| step_of(truth, k) == step).collect();
        let mut sorted = slots.clone();
        sorted.sort_by_key(|&k| case.keys[k]);
        slots.iter().zip(sorted).for_each(|(&slot, k)| from[slot] = k);
    }
    let permuted = |x: &[u32]| -> Vec<u32> { from.iter().map(|&k| x[k]).collect() };
    let expected = model.dot(&a, &b, c);
    equal(model.dot(&permuted(&a), &permuted(&b), c), expected, || format!("order {from:?}"))
}

/// A product and its opposite that are not above another of their step change nothing.
pub const NULL_PAIR: Law = Law {
    name: "null",
    applies: always,
    cases: |truth| cases(truth, ROWS, &[C::Near, C::Zero]).boxed(),
    check: null_pair,
};

fn null_pair(model: &Model, truth: &Arithmetic, case: &Case) -> Result<(), String> {
    let (mut a, mut b) = finite_rows(truth, case);
    let c = finite_accumulator(truth.accumulator, case.c);
    let [i, j] = case.two_slots(truth);
    let others: Vec<usize> = (0..length(truth))
        .filter(|&k| k != i && k != j && step_of(truth, k) == step_of(truth, i))
        .collect();
    let other = others[usize::from(case.picks[2]) % others.len()];
    (a[i], b[i], a[j], b[j]) = (0, 0, 0, 0);
    let without = model.dot(&a, &b, c);
    (a[i], b[i]) = (a[other], b[other]);
    (a[j], b[j]) = (a[other] ^ sign_bit(truth.a), b[other]);
    equal(model.dot(&a, &b, c), without, || format!("{:x} times {:x} twice", a[i], b[i]))
}

/// What a zero is multiplied with does not matter, as long as it is finite.
pub const ZERO_PARTNER: Law = Law {
    name: "zero",
    applies: always,
    cases: |truth| cases(truth, ROWS, &[C::Any, C::Subnormal, C::Near]).boxed(),
    check: zero_partner,
};

fn zero_partner(model: &Model, truth: &Arithmetic, case: &Case) -> Result<(), String> {
    let (mut a, mut b) = finite_rows(truth, case);
    let c = finite_accumulator(truth.accumulator, case.c);
    let all = case.picks[0].is_multiple_of(2);
    for k in (0..length(truth)).filter(|&k| all || case.keys[k].is_multiple_of(2)) {
        if k % 2 == 0 { a[k] &= sign_bit(truth.a) } else { b[k] &= sign_bit(truth.b) }
    }
    let with = model.dot(&a, &b, c);
    for k in 0..length(truth) {
        if value(truth.a, a[k]) == 0.0 || value(truth.b, b[k]) == 0.0 {
            (a[k], b[k]) = (0, 0);
        }
    }
    equal(with, model.dot(&a, &b, c), || format!("c {c:x}"))
}

/// The lower 13 bits of a TF32 are not looked at, nor is what is beyond any format.
pub const UNUSED: Law = Law {
    name: "unused",
    applies: always,
    cases: |truth| cases(truth, ROWS, &[C::Any, C::Near]).boxed(),
    check: |model, truth, case| {
        let unused = |format| match format {
            Operand::Tf32 => 0x1fff,
            _ => !(sign_bit(format) | (sign_bit(format) - 1)),
        };
        let filled = |format, codes: &[u32]| -> Vec<u32> {
            let noise = codes.iter().zip(&case.keys);
            let noise = noise.map(|(&x, &key)| {
                let noise = u32::from(key).wrapping_mul(0x0101_4a6b);
                x & !unused(format) | noise & unused(format)
            });
            noise.collect()
        };
        let clear = |format, codes: &[u32]| -> Vec<u32> {
            codes.iter().map(|&x| x & !unused(format)).collect()
        };
        let expected = model.dot(&clear(truth.a, &case.a), &clear(truth.b, &case.b), case.c);
        let (a, b) = (filled(truth.a, &case.a), filled(truth.b, &case.b));
        equal(model.dot(&a, &b, case.c), expected, || format!("{a:x?} {b:x?}"))
    },
};
