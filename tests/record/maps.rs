//! Which tensor maps a driver's encoder takes: nothing is run.

use std::sync::Arc;

use quarter::gpu::{Buffer, DeviceError, Driver, MapElement, TensorMap};
use quarter::{Error, Result};

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

/// Whether a map is taken; what is no answer to that is an error.
fn taken(driver: &dyn Driver, map: &TensorMap) -> Result<bool> {
    const INVALID_VALUE: i32 = 1;
    match driver.encode(map) {
        Ok(_) => Ok(true),
        Err(Error::Device(DeviceError::Cuda { code: INVALID_VALUE, .. })) => Ok(false),
        Err(Error::Device(DeviceError::Emulator(_))) => Ok(false),
        Err(error) => Err(error),
    }
}

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
        driver.encode(&fine)?;
        for (name, values, set) in FIELDS {
            let rows = values.iter().map(|value| {
                let mut map = fine;
                set(&mut map, *value);
                taken(&**driver, &map).map(u64::from)
            });
            let rows: Result<Vec<u64>> = rows.collect();
            answers.push(Answer::new(format!("{element:?} {name}"), rows?));
        }
    }
    Ok(answers)
}
