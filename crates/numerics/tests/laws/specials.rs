//! NaN and infinities.

use proptest::prelude::*;
use quarter_numerics::tensor_core::{Accumulator, Arithmetic, Model, Operand};

use super::draw::{C, Case, Row, cases, finite_rows};
use super::number::{accumulator_bits, finite_accumulator, sign_bit, value, with_field};
use super::steps::steps;
use super::{Law, always, equal};

/// The three causes of NaN give one NaN; infinities alone keep their sign.
pub const SPECIALS: Law = Law {
    name: "nan",
    applies: always,
    cases: |truth| {
        const ROWS: &[Row] = &[Row::Any, Row::Low, Row::Near, Row::Sparse];
        cases(truth, ROWS, &[C::Any, C::Near, C::Zero]).boxed()
    },
    check: specials,
};

/// The codes of positive NaN, some of many, and of infinity.
fn codes(format: Operand) -> (&'static [u32], Option<u32>) {
    match format {
        Operand::E4m3 => (&[0x7f], None),
        Operand::E5m2 => (&[0x7d, 0x7e, 0x7f], Some(0x7c)),
        Operand::F16 => (&[0x7c01, 0x7e00, 0x7fff], Some(0x7c00)),
        Operand::Bf16 => (&[0x7f81, 0x7fc0, 0x7fff], Some(0x7f80)),
        Operand::Tf32 => (&[0x7f80_2000, 0x7fc0_0000, 0x7fff_e000], Some(0x7f80_0000)),
    }
}

fn specials(model: &Model, truth: &Arithmetic, case: &Case) -> Result<(), String> {
    let accumulator = truth.accumulator;
    let [nan, plus, minus] =
        [f64::NAN, f64::INFINITY, f64::NEG_INFINITY].map(|x| accumulator_bits(accumulator, x));
    let (mut row, column) = finite_rows(truth, case);
    let mut finite = finite_accumulator(accumulator, case.c);
    if steps(truth) > 1 {
        // No step may overflow before the one that has the special value.
        row.iter_mut().for_each(|a| *a = with_field(truth.a, *a, 0));
        finite &= match accumulator {
            Accumulator::F32 => !0x4000_0000,
            Accumulator::F16 => !0x4000,
        };
    }
    let slot = case.slot(truth);
    let (a, b) = (row[slot], column[slot]);
    let expect = |a: u32, b: u32, c: u32, expected: u32| {
        let (mut row, mut column) = (row.clone(), column.clone());
        (row[slot], column[slot]) = (a, b);
        let d = model.dot(&row, &column, c);
        equal(d, expected, || format!("{a:x} times {b:x} in slot {slot}, c {c:x}"))
    };
    let (negative_a, negative_b) = (sign_bit(truth.a), sign_bit(truth.b));
    let (nans, infinity) = codes(truth.a);
    for x in nans {
        expect(*x, b, finite, nan)?;
        expect(x | negative_a, 0, finite, nan)?;
    }
    // A zero, the smallest subnormal, 1, and infinity again.
    let one = with_field(truth.b, 0, super::number::bias(truth.b) as u32);
    let unit = if truth.b == Operand::Tf32 { 0x2000 } else { 1 };
    if let Some(infinity) = infinity {
        for zero in [0, negative_b] {
            expect(infinity, zero, finite, nan)?;
            expect(infinity | negative_a, zero, minus, nan)?;
        }
        for x in [unit, one].into_iter().chain(codes(truth.b).1) {
            expect(infinity, x, finite, plus)?;
            expect(infinity, x | negative_b, finite, minus)?;
            expect(infinity | negative_a, x, finite, minus)?;
            expect(infinity | negative_a, x | negative_b, plus, plus)?;
            expect(infinity, x, minus, nan)?;
            expect(infinity | negative_a, x, plus, nan)?;
        }
    }
    let (nans, infinity) = codes(truth.b);
    for x in nans {
        expect(a, *x, finite, nan)?;
        expect(0, x | negative_b, finite, nan)?;
    }
    let unit = if truth.a == Operand::Tf32 { 0x2000 } else { 1 };
    if let Some(infinity) = infinity {
        expect(negative_a, infinity, finite, nan)?;
        expect(unit, infinity, finite, plus)?;
        expect(unit | negative_a, infinity, finite, minus)?;
        expect(unit, infinity, minus, nan)?;
    }
    // Infinities of both signs among the products.
    let other = case.two_slots(truth)[1];
    if let (Some(infinity), true) = (codes(truth.a).1, value(truth.b, column[other]) != 0.0) {
        let mut row = row.clone();
        let mut column = column.clone();
        (row[slot], column[slot]) = (infinity, one);
        (row[other], column[other]) = (infinity | negative_a, one);
        equal(model.dot(&row, &column, finite), nan, || "infinity less infinity".to_owned())?;
    }
    // c alone.
    let payload = case.c & !plus;
    for bits in [plus | 1, plus | payload | 1, minus | payload | 1] {
        expect(0, 0, bits, nan)?;
    }
    expect(0, 0, plus, plus)?;
    expect(0, 0, minus, minus)
}
