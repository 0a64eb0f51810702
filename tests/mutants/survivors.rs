//! Mutants that give the same bits, each with the reason.

use std::fmt;

use crate::mutate::Mutant;

/// A part of the entry's name, of the statement and of what it became, and why nothing differs.
#[derive(Debug)]
pub struct Survivor {
    pub entry: &'static str,
    pub kind: &'static str,
    pub statement: &'static str,
    pub reason: &'static str,
}

impl fmt::Display for Survivor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { entry, kind, statement, reason } = self;
        write!(f, "`{entry}`, {kind}: `{statement}`: {reason}")
    }
}

pub const SURVIVORS: &[Survivor] = &[];

/// The place in the list of the first survivor that this mutant is.
pub fn reason(mutant: &Mutant) -> Option<usize> {
    SURVIVORS.iter().position(|survivor| {
        mutant.entry.contains(survivor.entry)
            && mutant.kind == survivor.kind
            && mutant.statement.contains(survivor.statement)
    })
}
