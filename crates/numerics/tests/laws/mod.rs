//! Laws of tensor cores: what must hold of results, whatever the operands.
//!
//! A law knows the description that is true (formats, groups, bits) and judges a model, which may
//! be another. What it expects is a relation between results of that model, or found from values
//! in f64; the evaluator of the true description is never asked.

mod accumulator;
mod draw;
mod number;
mod products;
mod results;
mod specials;
mod steps;

use proptest::strategy::BoxedStrategy;
use quarter_numerics::tensor_core::{Arithmetic, Model};

pub use draw::Case;

pub struct Law {
    /// Short, the head of a column.
    pub name: &'static str,
    /// Whether it says anything of such a description.
    pub applies: fn(&Arithmetic) -> bool,
    pub cases: fn(&Arithmetic) -> BoxedStrategy<Case>,
    /// The model judged, the true description, the case; the error tells what was expected.
    pub check: fn(&Model, &Arithmetic, &Case) -> Result<(), String>,
}

pub const LAWS: [&Law; 15] = [
    &accumulator::WIDTH,
    &products::WIDTH,
    &products::ORDER,
    &products::NULL_PAIR,
    &products::ZERO_PARTNER,
    &products::UNUSED,
    &accumulator::ADDEND,
    &accumulator::ADDED,
    &accumulator::ALONE,
    &results::ONE_SIDED,
    &results::EXACT,
    &results::TINY,
    &results::FORM,
    &results::SIGN,
    &specials::SPECIALS,
];

fn always(_: &Arithmetic) -> bool {
    true
}

/// Bits equal to those expected.
fn equal(got: u32, expected: u32, what: impl FnOnce() -> String) -> Result<(), String> {
    if got == expected {
        Ok(())
    } else {
        Err(format!("{got:08x}, expected {expected:08x}: {}", what()))
    }
}
