//! Mutants that give the same bits and touch the same memory, each with the reason: not bugs.
//!
//! A line of `survivors.tsv` stands for all mutants whose entry's name and statement hold what it
//! says, changed as it says; nothing stands for anything. Behind a kind, `first` or `last` stands
//! for that one of the statement's places alone.

use std::fmt;
use std::sync::LazyLock;

use crate::mutate::Mutant;

/// A line of the list.
#[derive(Debug)]
pub struct Survivor {
    entry: &'static str,
    kind: &'static str,
    statement: &'static str,
    reason: &'static str,
}

impl fmt::Display for Survivor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { entry, kind, statement, reason } = self;
        write!(f, "`{statement}` [{kind}] {entry}: {reason}")
    }
}

pub static SURVIVORS: LazyLock<Vec<Survivor>> =
    LazyLock::new(|| include_str!("survivors.tsv").lines().skip(1).map(line).collect());

fn line(line: &'static str) -> Survivor {
    let fields: Vec<&str> = line.split('\t').collect();
    let [entry, kind, statement, reason] = fields[..] else {
        panic!("{line:?} has no four fields")
    };
    assert!(!statement.is_empty() && !reason.is_empty(), "{line:?} says too little");
    Survivor { entry, kind, statement, reason }
}

impl Survivor {
    /// Whether a mutant of this entry might be it: products have lines of their own.
    pub fn is_of(&self, entry: &str) -> bool {
        self.entry.starts_with("gemm") == entry.starts_with("gemm")
    }
}

/// What the mutant's kind has to be.
fn kind_at(survivor: &Survivor, last: bool) -> &'static str {
    let place = if last { ", last" } else { ", first" };
    survivor.kind.strip_suffix(place).unwrap_or(survivor.kind)
}

/// The place in the list of the first survivor that this mutant is.
pub fn reason(mutant: &Mutant) -> Option<usize> {
    SURVIVORS.iter().position(|survivor| {
        survivor.is_of(mutant.entry)
            && mutant.entry.contains(survivor.entry)
            && (survivor.kind.is_empty() || mutant.kind == kind_at(survivor, mutant.last))
            && mutant.statement.contains(survivor.statement)
    })
}
