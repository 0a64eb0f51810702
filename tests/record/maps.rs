//! Which tensor maps a driver's encoder takes: nothing is run.

use std::sync::Arc;

use quarter::Result;
use quarter::gpu::{Buffer, Driver, MapElement, TensorMap};

use crate::answer::{Answer, Scope};

/// A field's values around what is allowed, and how to set it.
type Field = (&'static str, &'static [u64], fn(&mut TensorMap, u64));

const FIELDS: [Field; 6] = [
    ("address", &[0, 1, 8, 15, 16, 32, 64], |map, x| map.address += x),
    ("rows", &[0, 1, 2, 255, 1 << 31, 1 << 32, (1 << 32) + 1], |map, x| map.rows = x),
    ("cols", &[0, 1, 3, 15, 1 << 31, 1 << 32, (1 << 32) + 1], |map, x| map.cols = x),
    // Below a row's bytes as well.
    ("pitch", &[0, 8, 16, 48, 72, 256, 264, (1 << 40) - 16, 1 << 40, (1 << 40) + 16], |map, x| {
        map.pitch = x
    }),
    ("box rows", &[0, 1, 7, 255, 256, 257, 512], |map, x| map.box_rows = x as u32),
    ("box cols", &[0, 1, 4, 8, 16, 24, 32, 64, 100, 128, 160, 256], |map, x| {
        map.box_cols = x as u32
    }),
];

/// One row a value: whether it is taken.
pub fn ask(driver: &Arc<dyn Driver>, _: Scope) -> Result<Vec<Answer>> {
    let memory = Buffer::new(driver, 1 << 16)?;
    let mut answers = Vec::new();
    for element in [MapElement::U8, MapElement::F16, MapElement::Bf16, MapElement::F32] {
        let fine = TensorMap {
            element,
            address: memory.address(),
            rows: 100,
            cols: 40,
            pitch: 256,
            box_rows: 64,
            box_cols: 32,
        };
        for (name, values, set) in FIELDS {
            let taken = values.iter().map(|value| {
                let mut map = fine;
                set(&mut map, *value);
                u64::from(driver.encode(&map).is_ok())
            });
            answers.push(Answer::new(format!("{element:?} {name}"), taken.collect()));
        }
    }
    Ok(answers)
}
