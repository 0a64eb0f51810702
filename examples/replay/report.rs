//! What is printed of a file.

use std::path::Path;

use anyhow::{Result, ensure};
use quarter::numerics::recording::{Contents, Outcome, Recording, Reference, replay};
use quarter::numerics::tensor_core::known::Known;

/// One line: what it is, how many records, the first mismatch and what would have matched.
pub fn file(path: &Path, recording: &Recording, known: &Known, outcome: &Outcome) {
    let Outcome { records, mismatches } = outcome;
    print!("{}: {known}: {records} records, {} mismatches", path.display(), mismatches.len());
    if let Some(first) = mismatches.first() {
        print!(
            " (first: record {}, step {}: recorded {:#x}, computed {:#x})",
            first.record, first.step, first.recorded, first.computed
        );
        let fits = |other: &Known| misses(recording, other) == 0;
        let others: Vec<String> =
            recording.candidates().filter(fits).map(|k| k.to_string()).collect();
        match others.is_empty() {
            true => print!("; no known arithmetic has these bits"),
            false => print!("; these bits are those of {}", others.join(", ")),
        }
    }
    println!();
}

/// A line for each known arithmetic of such operands.
pub fn candidates(recording: &Recording) {
    for known in recording.candidates() {
        println!(
            "    {known} ({:?}): {} of {} records differ",
            known.evidence,
            misses(recording, &known),
            recording.len()
        );
    }
}

fn misses(recording: &Recording, known: &Known) -> usize {
    replay(recording, known, &Reference).map_or(usize::MAX, |outcome| outcome.mismatches.len())
}

/// How one record comes out.
///
/// # Errors
/// If there is no such record.
pub fn explanation(recording: &Recording, known: &Known, record: usize) -> Result<()> {
    ensure!(record < recording.len(), "there is no record {record}: {} are", recording.len());
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
    let explanation = known.model().explain(a, b, c).to_string();
    println!("record {record}, {known}");
    explanation.lines().for_each(|line| println!("    {line}"));
    Ok(())
}
