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
        write!(f, "`{statement}` [{kind}] {entry}: {reason}")
    }
}

pub const SURVIVORS: &[Survivor] = &[
    Survivor {
        entry: "",
        kind: "dropped",
        statement: "bra LOADED",
        reason: "the careful way loads the same again behind the quick one",
    },
    Survivor {
        entry: "",
        kind: "guard lost",
        statement: "@!%all bra SOME",
        reason: "the careful way loads the same",
    },
    Survivor {
        entry: "",
        kind: "dropped",
        statement: "@%in bra STORED",
        reason: "the careful way stores the same again",
    },
    Survivor {
        entry: "",
        kind: "dropped",
        statement: "bra NOT_WANTED",
        reason: "zeros are added, or what is added twice is a largest",
    },
    Survivor {
        entry: "",
        kind: "dropped",
        statement: "@%lost bra NUMBER",
        reason: "the amax keeps the largest, and a number is below every NaN",
    },
    Survivor {
        entry: "",
        kind: "dropped",
        statement: "@!%clipped bra",
        reason: "only skips work that changes nothing",
    },
    Survivor {
        entry: "",
        kind: "dropped",
        statement: "@!%lost bra",
        reason: "only skips work that changes nothing",
    },
    Survivor {
        entry: "",
        kind: "next number",
        statement: "%small, 0x80808080",
        reason: "only skips work that changes nothing",
    },
    Survivor {
        entry: "",
        kind: "next number",
        statement: "mov.b32 %small",
        reason: "only skips work that changes nothing",
    },
    Survivor {
        entry: "",
        kind: "dropped",
        statement: "mov.b32 %small",
        reason: "what is left there asks for work that changes nothing",
    },
    Survivor {
        entry: "",
        kind: "next number",
        statement: "mov.b32 %peak, 0",
        reason: "a peak of the smallest number is as far from the limit",
    },
    Survivor {
        entry: "",
        kind: "next number",
        statement: "%c, %ax, 0x47600000",
        reason: "what is between the largest code and the next f32 has its code",
    },
    Survivor {
        entry: "",
        kind: "next number",
        statement: "%c, %ax, 0x43e00000",
        reason: "what is between the largest code and the next f32 has its code",
    },
    Survivor {
        entry: "",
        kind: "next number",
        statement: "0x7f800000",
        reason: "no number of the type widens to the NaN that is next to infinity",
    },
    Survivor {
        entry: "",
        kind: "comparison",
        statement: "0x7f800000",
        reason: "infinity takes the way of NaN, and is none there",
    },
    Survivor {
        entry: "",
        kind: "operands swapped",
        statement: "0x7f800000",
        reason: "numbers take the way of NaN, and are below every one there",
    },
    Survivor {
        entry: "",
        kind: "next number",
        statement: "0xffe00000",
        reason: "one bit below the kept ones is no half: the cast drops it",
    },
    Survivor {
        entry: "",
        kind: "next number",
        statement: "0xfff00000",
        reason: "one bit below the kept ones is no half: the cast drops it",
    },
    Survivor {
        entry: "",
        kind: "next number",
        statement: "setp.eq.and.u32 %owner, %t, 0",
        reason: "another thread writes the same inverse",
    },
    Survivor {
        entry: "quantize_amax",
        kind: "next number",
        statement: "%non_finite, 0",
        reason: "an amax counts nothing",
    },
    Survivor {
        entry: "quantize_amax",
        kind: "dropped",
        statement: "%flushed_r",
        reason: "an amax counts nothing",
    },
    Survivor {
        entry: "quantize_cast",
        kind: "next number",
        statement: "%pow2",
        reason: "scales are given: nobody asks the policy",
    },
    Survivor {
        entry: "quantize_cast",
        kind: "next number",
        statement: "mov.b32 %scale",
        reason: "the scale of columns that do not exist",
    },
    Survivor {
        entry: "dequantize",
        kind: "next number",
        statement: "mov.b32 %scale",
        reason: "the scale of columns that do not exist",
    },
    Survivor {
        entry: "quantize_cast",
        kind: "dropped",
        statement: "bra HAVE_SCALE",
        reason: "the scale of columns that do not exist is not used",
    },
    Survivor {
        entry: "",
        kind: "dropped",
        statement: "sub.u32 %existing, %cols, %col",
        reason: "the row before has left the same",
    },
    Survivor {
        entry: "",
        kind: "dropped",
        statement: "mov.u32 %thread, %tid.x",
        reason: "the statistics before have left the same",
    },
    Survivor {
        entry: "",
        kind: "next number",
        statement: "setp.lt.u32 %in, %thread, 4",
        reason: "also zeroes what lies behind the totals, which nobody reads any more",
    },
    Survivor {
        entry: "",
        kind: "next number",
        statement: "bfi.b32",
        reason: "bits that the next one overwrites",
    },
    Survivor {
        entry: "transpose",
        kind: "",
        statement: "4*3 +3",
        reason: "a column of sixteen exists as a whole, by the quick way",
    },
    Survivor {
        entry: "quantize_tile",
        kind: "dropped",
        statement: "add.u64 %at, %at, %src_pitch",
        reason: "behind the last row",
    },
    Survivor {
        entry: "quantize_both",
        kind: "dropped",
        statement: "add.u64",
        reason: "behind the last row",
    },
    Survivor {
        entry: "quantize_block",
        kind: "NaN",
        statement: "max.NaN.f32 %m,",
        reason: "each block has its own amax; of all, NaN is read again",
    },
];

/// The place in the list of the first survivor that this mutant is.
pub fn reason(mutant: &Mutant) -> Option<usize> {
    SURVIVORS.iter().position(|survivor| {
        mutant.entry.contains(survivor.entry)
            && (survivor.kind.is_empty() || mutant.kind == survivor.kind)
            && mutant.statement.contains(survivor.statement)
    })
}
