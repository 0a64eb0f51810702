//! A [`Recording`] to bytes.

use super::{Contents, Path, Product, Record, Recording, RecordingError};
use crate::tensor_core::{Accumulator, Operand};

/// The bytes of a file. Seeds and what else is not read are zero.
pub(super) fn bytes(recording: &Recording) -> Result<Vec<u8>, RecordingError> {
    let (a, b) = recording.operands;
    let mut file = Vec::new();
    let magic = match (&recording.contents, recording.path) {
        (Contents::Product(_), _) => b"W8GM",
        (Contents::Dots { .. }, Path::Wgmma) => b"W8GV",
        (Contents::Dots { .. }, _) => b"W8HW",
    };
    file.extend(magic);
    file.extend(1u16.to_le_bytes());
    file.extend([number(a), number(b)]);
    match &recording.contents {
        Contents::Dots { k, records } => dots(recording, *k, records, &mut file)?,
        Contents::Product(product) => self::product(recording, product, &mut file)?,
    }
    Ok(file)
}

/// The format's place in [`Operand::ALL`].
fn number(operand: Operand) -> u8 {
    operand as u8
}

fn fits<T: TryFrom<usize>>(what: &'static str, got: usize) -> Result<T, RecordingError> {
    let allowed = "the file's field is too small";
    T::try_from(got).map_err(|_| RecordingError::Header { what, got: got as u64, allowed })
}

fn expect(what: &'static str, got: usize, expected: usize) -> Result<(), RecordingError> {
    let allowed = "it must be as in the first record, and as the other fields say";
    match got == expected {
        true => Ok(()),
        false => Err(RecordingError::Header { what, got: got as u64, allowed }),
    }
}

fn codes(codes: &[u32], operand: Operand, file: &mut Vec<u8>) {
    for code in codes {
        file.extend(&code.to_le_bytes()[..operand.bytes()]);
    }
}

fn dots(
    recording: &Recording,
    k: usize,
    records: &[Record],
    file: &mut Vec<u8>,
) -> Result<(), RecordingError> {
    let (a, b) = recording.operands;
    let steps = records.first().map_or(1, |record| record.d.len());
    let chains = recording.path == Path::Wgmma;
    let path = match recording.path {
        Path::Wgmma => fits("steps", steps)?,
        Path::AdaFp8 => 2,
        Path::EmulatedFp8 => 3,
        Path::Wide => 4,
        Path::Tcgen05 => 5,
        Path::RtxFp8 => 6,
    };
    if !chains {
        expect("steps", steps, 1)?;
    }
    let lead = if chains { 4 } else { 0 };
    let size = lead + steps * k * (a.bytes() + b.bytes()) + 4 + 4 * steps;
    file.push(match recording.accumulator {
        Accumulator::F32 => 0,
        Accumulator::F16 => 1,
    });
    file.push(path);
    file.extend(fits::<u16>("k", k)?.to_le_bytes());
    file.extend(fits::<u32>("records", records.len())?.to_le_bytes());
    file.extend(fits::<u32>("record size", size)?.to_le_bytes());
    file.extend([0; 12]);
    for record in records {
        expect("elements of a", record.a.len(), steps * k)?;
        expect("elements of b", record.b.len(), steps * k)?;
        expect("steps", record.d.len(), steps)?;
        if chains {
            file.extend([record.class, record.flags, 0, 0]);
        }
        codes(&record.a, a, file);
        codes(&record.b, b, file);
        file.extend(record.c.to_le_bytes());
        record.d.iter().for_each(|d| file.extend(d.to_le_bytes()));
    }
    Ok(())
}

fn product(
    recording: &Recording,
    product: &Product,
    file: &mut Vec<u8>,
) -> Result<(), RecordingError> {
    let Product { m, n, k, promotion, .. } = *product;
    for (what, field) in [("M", m), ("N", n), ("K", k), ("promotion interval", promotion)] {
        file.extend(fits::<u32>(what, field)?.to_le_bytes());
    }
    file.extend([0; 8]);
    if recording.accumulator != Accumulator::F32 || recording.path != Path::Wgmma {
        let (what, got) = ("accumulator or path of a product", 1);
        let allowed = "it is wgmma with f32";
        return Err(RecordingError::Header { what, got, allowed });
    }
    // The fields are u32: no product of two overflows.
    expect("elements of A", product.a.len(), m * k)?;
    expect("elements of B", product.b.len(), n * k)?;
    expect("outputs of the chain", product.chain.len(), m * n)?;
    expect("promoted outputs", product.promoted.len(), m * n)?;
    codes(&product.a, recording.operands.0, file);
    codes(&product.b, recording.operands.1, file);
    let outputs = product.chain.iter().chain(&product.promoted);
    outputs.for_each(|d| file.extend(d.to_le_bytes()));
    Ok(())
}
