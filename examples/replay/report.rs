//! What is printed of a file.

use std::io::{Result, Write};

use quarter::numerics::recording::{Contents, Recording, Reference, replay};
use quarter::numerics::tensor_core::known::Known;

use super::{Args, File};

/// One line: what it is, how many records, the first mismatch and what would have matched; below it
/// what was asked for.
pub fn file(file: &File, args: &Args, out: &mut dyn Write) -> Result<()> {
    let File { path, recording, known, outcome } = file;
    let missed = outcome.mismatches.len();
    write!(out, "{}: {known}: {} records, {missed} mismatches", path.display(), outcome.records)?;
    if let Some(first) = outcome.mismatches.first() {
        write!(
            out,
            " (first: record {}, step {}: recorded {:#x}, computed {:#x})",
            first.record, first.step, first.recorded, first.computed
        )?;
        let fits = |other: &Known| misses(recording, other) == 0;
        let fitting: Vec<String> =
            recording.candidates().filter(fits).map(|known| known.to_string()).collect();
        match fitting.is_empty() {
            true => write!(out, "; no known arithmetic has these bits")?,
            false => write!(out, "; these bits are those of {}", fitting.join(", "))?,
        }
    }
    writeln!(out)?;
    if args.identify {
        candidates(recording, out)?;
    }
    match args.explain {
        Some(record) => explanation(recording, known, record, out),
        None => Ok(()),
    }
}

/// A line for each known arithmetic of such operands.
fn candidates(recording: &Recording, out: &mut dyn Write) -> Result<()> {
    recording.candidates().try_for_each(|known| {
        let (missed, len) = (misses(recording, &known), recording.len());
        writeln!(out, "    {known} ({:?}): {missed} of {len} records differ", known.evidence)
    })
}

fn misses(recording: &Recording, known: &Known) -> usize {
    replay(recording, known, &Reference).map_or(usize::MAX, |outcome| outcome.mismatches.len())
}

/// How one record comes out, which exists.
fn explanation(
    recording: &Recording,
    known: &Known,
    record: usize,
    out: &mut dyn Write,
) -> Result<()> {
    let (a, b, c) = match &recording.contents {
        Contents::Dots { records, .. } => {
            let record = &records[record];
            (&record.a[..], &record.b[..], record.c)
        }
        Contents::Product(product) => {
            let (row, column) = (record / product.n * product.k, record % product.n * product.k);
            (&product.a[row..][..product.k], &product.b[column..][..product.k], 0)
        }
    };
    writeln!(out, "record {record}, {known}")?;
    let explanation = known.model().explain(a, b, c).to_string();
    explanation.lines().try_for_each(|line| writeln!(out, "    {line}"))
}
