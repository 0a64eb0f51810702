//! How sums become results.

use proptest::prelude::*;
use quarter_numerics::tensor_core::{Accumulator, Arithmetic, Joins, Model, Operand, Rounding};

use super::draw::{C, Case, Row, cases, finite_rows};
use super::number::{
    accumulator_bits, accumulator_value, encode, exponent, finite_accumulator, power, range,
    sign_bit, smallest, value,
};
use super::steps::{OffGrid, length, product, products, result, steps};
use super::{Law, always, equal};

const ROWS: &[Row] = &[Row::Any, Row::Low, Row::Near, Row::Spread, Row::Sparse];

/// Addends without a sign: a result that is cut is never above the exact sum, and not far below.
pub const ONE_SIDED: Law = Law {
    name: "sided",
    applies: always,
    // In units of 2^-70, which divide all that is drawn: sums and bounds are exact.
    cases: |truth| {
        let rows = match truth.a {
            Operand::Bf16 | Operand::Tf32 => &[Row::Near, Row::Spread],
            _ => ROWS,
        };
        cases(truth, rows, &[C::Near]).boxed()
    },
    check: one_sided,
};

fn one_sided(model: &Model, truth: &Arithmetic, case: &Case) -> Result<(), String> {
    let (mut a, mut b) = finite_rows(truth, case);
    a.iter_mut().for_each(|a| *a &= !sign_bit(truth.a));
    b.iter_mut().for_each(|b| *b &= !sign_bit(truth.b));
    let fixed = |x: f64| (x * power(70)) as i128;
    let accumulator = truth.accumulator;
    let (least, most) = range(accumulator);
    let c = finite_accumulator(accumulator, case.c);
    // c is added to nearest, where it is added: to +0 here, it does not matter.
    let c = if truth.c == Joins::Added { 0 } else { c & !accumulator_bits(accumulator, -0.0) };
    let x = accumulator_value(accumulator, c);
    let all = products(truth, &a, &b);
    let exact = all.iter().map(|p| fixed(p.value)).sum::<i128>() + fixed(x);
    if exact == 0 {
        return equal(model.dot(&a, &b, c), 0, || "no addend".to_owned());
    }
    let last_place = |sum: f64| fixed(power(exponent(sum, least) - truth.result_bits as i32));
    let steps = steps(truth) as i128;
    let mut largest = all.iter().map(|p| p.exponent).max().unwrap_or(least);
    if x != 0.0 {
        largest = largest.max(exponent(x, least));
    }
    // A later step has the sum before it as an addend.
    let sum = exact as f64 * power(-70);
    if steps > 1 {
        largest = largest.max(exponent(sum, least));
    }
    let largest = largest.max(truth.floor.unwrap_or(largest));
    let addends = length(truth) as i128 + steps;
    let cut = addends * fixed(power(largest - truth.fraction_bits as i32));
    let (above, below) = match truth.result {
        // Less than a place.
        Rounding::TowardZero => (0, steps * last_place(sum) - 1),
        // Half a place a step, and a carry into the next binade.
        _ => (steps * last_place(2.0 * sum) / 2, steps * last_place(2.0 * sum) / 2),
    };
    let d = accumulator_value(accumulator, model.dot(&a, &b, c));
    if d.is_nan() || d < 0.0 {
        return Err(format!("{d:e} of {sum:e}"));
    }
    if d.is_infinite() {
        let enough = exact + above >= fixed(power(most + 1)) - last_place(power(most)) / 2;
        return if enough { Ok(()) } else { Err(format!("infinite, exactly {sum:e}")) };
    }
    let lost = exact - fixed(d);
    if lost < -above || lost > cut + below {
        let unit = fixed(power(largest - truth.fraction_bits as i32));
        return Err(format!("{d:e} of {sum:e}: lost {lost}, unit {unit}, above {above}"));
    }
    Ok(())
}

/// A sum of addends of which none is cut is the exact sum, rounded.
pub const EXACT: Law = Law {
    name: "exact",
    applies: always,
    cases: |truth| {
        const ROWS: &[Row] = &[Row::Low, Row::Near, Row::Near, Row::Spread, Row::Ends];
        cases(truth, ROWS, &[C::Near, C::Top, C::Subnormal, C::Zero, C::Zero]).boxed()
    },
    check: exact,
};

fn exact(model: &Model, truth: &Arithmetic, case: &Case) -> Result<(), String> {
    let (mut a, mut b) = finite_rows(truth, case);
    let c = finite_accumulator(truth.accumulator, case.c);
    // Few products are seldom cut; more of them carry.
    let kept = [1, 1, 2, 3, 8, length(truth)][usize::from(case.picks[3] % 6)];
    let first = case.slot(truth);
    for k in 0..length(truth) {
        if (k + length(truth) - first) % length(truth) >= kept {
            (a[k], b[k]) = (0, 0);
        }
    }
    let x = accumulator_value(truth.accumulator, c);
    match result(truth, &products(truth, &a, &b), x, OffGrid::Refused) {
        None => Ok(()),
        Some(expected) => {
            let expected = accumulator_bits(truth.accumulator, expected);
            equal(model.dot(&a, &b, c), expected, || format!("{kept} from slot {first}, c {x:e}"))
        }
    }
}

/// Sums about the last place of subnormal results: where the floor of the exponents shows, ties,
/// and negative sums that vanish.
pub const TINY: Law = Law {
    name: "tiny",
    applies: |truth| match truth.accumulator {
        Accumulator::F32 => matches!(truth.a, Operand::Bf16 | Operand::Tf32),
        Accumulator::F16 => truth.a == truth.b && truth.a != Operand::E4m3,
    },
    cases: |truth| cases(truth, &[Row::Any], &[C::Zero, C::Zero, C::Subnormal]).boxed(),
    check: tiny,
};

fn tiny(model: &Model, truth: &Arithmetic, case: &Case) -> Result<(), String> {
    let last = range(truth.accumulator).0 - truth.result_bits as i32;
    let low = (last - 26).max(2 * smallest(truth.a));
    let [i, j] = case.two_slots(truth);
    // Half of a last place as often as more, and what is about the grid as often as any.
    let [more, any] = [case.picks[2], case.picks[3]].map(|pick| i32::from(pick / 2));
    let large = if case.picks[2].is_multiple_of(2) { last - 1 } else { last + more % 5 };
    let grid = truth.floor.unwrap_or(large) - truth.fraction_bits as i32;
    let small =
        if case.picks[3].is_multiple_of(2) { grid - 1 + any % 3 } else { low + any % (last - low) };
    let small = small.clamp(low, last - 1);
    let (mut a, mut b) = (vec![0; length(truth)], vec![0; length(truth)]);
    for (k, exponent) in [(i, large), (j, small)] {
        // A power of two every other time; else with fraction bits, as far as there are any.
        let fraction = if case.keys[k].is_multiple_of(2) { 0 } else { case.a[k] >> 3 & 3 };
        let x = power(exponent.div_euclid(2)) * (1.0 + f64::from(fraction) / 4.0);
        let unit = power(smallest(truth.a));
        let x = (x / unit).trunc() * unit;
        let sign = case.a[k] & sign_bit(truth.a);
        a[k] = encode(truth.a, x) | sign;
        b[k] = encode(truth.b, power(exponent - exponent.div_euclid(2)));
    }
    // Few bits of c, so that it is near the products.
    let c = case.c & (accumulator_bits(truth.accumulator, -0.0) | 7);
    let two: Vec<_> = [i, j].into_iter().filter_map(|k| product(truth, k, a[k], b[k])).collect();
    let x = accumulator_value(truth.accumulator, c);
    let expected = result(truth, &two, x, OffGrid::Cut).unwrap();
    equal(model.dot(&a, &b, c), accumulator_bits(truth.accumulator, expected), || {
        let values = [i, j].map(|k| value(truth.a, a[k]) * value(truth.b, b[k]));
        format!("{values:?}, c {x:e}")
    })
}

/// The form of any result: the NaN of all ones, or a number whose bits below those of a result
/// are zero, and which is not -0.
pub const FORM: Law = Law {
    name: "form",
    applies: always,
    cases: |truth| cases(truth, ROWS, &[C::Any, C::Near, C::Zero]).boxed(),
    check: |model, truth, case| {
        let accumulator = truth.accumulator;
        let dropped = accumulator.fraction_bits() - truth.result_bits;
        let formed = |d: u32| {
            if d == accumulator_bits(accumulator, f64::NAN) {
                return Ok(());
            }
            let outside = accumulator == Accumulator::F16 && d >> 16 != 0;
            let minus_zero = d == accumulator_bits(accumulator, -0.0);
            let nan = accumulator_value(accumulator, d).is_nan();
            if d >> dropped << dropped != d || outside || minus_zero || nan {
                return Err(format!("{d:08x}"));
            }
            Ok(())
        };
        formed(model.dot(&case.a, &case.b, case.c))?;
        let (a, b) = finite_rows(truth, case);
        formed(model.dot(&a, &b, finite_accumulator(accumulator, case.c)))
    },
};

/// The opposite addends give the opposite result.
pub const SIGN: Law = Law {
    name: "sign",
    applies: always,
    cases: |truth| cases(truth, ROWS, &[C::Near, C::Any]).boxed(),
    check: |model, truth, case| {
        let (mut a, b) = finite_rows(truth, case);
        let c = finite_accumulator(truth.accumulator, case.c);
        let d = model.dot(&a, &b, c);
        a.iter_mut().for_each(|a| *a ^= sign_bit(truth.a));
        let minus = accumulator_bits(truth.accumulator, -0.0);
        let expected = if d & !minus == 0 { 0 } else { d ^ minus };
        equal(model.dot(&a, &b, c ^ minus), expected, || format!("c {c:x}"))
    },
};
