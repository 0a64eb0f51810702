//! Mutants that give the same bits and touch the same memory, each with the reason: not bugs.

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
        reason: "skips work that changes nothing",
    },
    Survivor {
        entry: "",
        kind: "dropped",
        statement: "@!%lost bra",
        reason: "skips work that changes nothing",
    },
    Survivor {
        entry: "",
        kind: "dropped",
        statement: "@%lost bra NOT_FLUSHED",
        reason: "skips work that changes nothing",
    },
    Survivor {
        entry: "",
        kind: "next number",
        statement: "%small, 0x80808080",
        reason: "asks for work that changes nothing",
    },
    Survivor {
        entry: "",
        kind: "next number",
        statement: "mov.b32 %small",
        reason: "asks for work that changes nothing",
    },
    Survivor {
        entry: "",
        kind: "dropped",
        statement: "mov.b32 %small",
        reason: "asks for work that changes nothing",
    },
    Survivor {
        entry: "",
        kind: "dropped",
        statement: "%small, 0x80808080",
        reason: "asks for work that changes nothing",
    },
    Survivor {
        entry: "",
        kind: "next number",
        statement: "mov.b32 %peak, 0",
        reason: "the smallest number is as far from the limit",
    },
    Survivor {
        entry: "",
        kind: "next number",
        statement: "%c, %ax, 0x47600000",
        reason: "between the largest code and the next f32 all have its code",
    },
    Survivor {
        entry: "",
        kind: "next number",
        statement: "%c, %ax, 0x43e00000",
        reason: "between the largest code and the next f32 all have its code",
    },
    Survivor {
        entry: "",
        kind: "next number",
        statement: "%peak, 0x43e80001",
        reason: "counting again what nothing was clipped of",
    },
    Survivor {
        entry: "",
        kind: "next number",
        statement: "%peak_t, 0x43e80001",
        reason: "counting again what nothing was clipped of",
    },
    Survivor {
        entry: "",
        kind: "comparison",
        statement: "%peak, 0x43e80001",
        reason: "counting again what nothing was clipped of",
    },
    Survivor {
        entry: "",
        kind: "next number",
        statement: "0x7f800000",
        reason: "no number of the type widens to the NaN next to infinity",
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
        reason: "a bit below the kept ones is no half: the cast drops it",
    },
    Survivor {
        entry: "",
        kind: "next number",
        statement: "0xfff00000",
        reason: "a bit below the kept ones is no half: the cast drops it",
    },
    Survivor {
        entry: "",
        kind: "next number",
        statement: "or.b32 %ax, %ax, 0x00400000",
        reason: "a NaN of bf16 has no such bit: added to all alike",
    },
    Survivor {
        entry: "",
        kind: "next number",
        statement: "setp.eq.u32 %in, %t, 0",
        reason: "another lane adds for its warp",
    },
    Survivor {
        entry: "",
        kind: "next number",
        statement: "setp.eq.and.u32 %owner, %t, 0",
        reason: "another thread writes the same inverse",
    },
    Survivor {
        entry: "",
        kind: "next number",
        statement: "setp.eq.u32 %first_lane",
        reason: "another lane writes for its warp",
    },
    Survivor {
        entry: "",
        kind: "dropped",
        statement: "setp.eq.u32 %in, %t, 0",
        reason: "more lanes add the same largest, or what the predicate before chose",
    },
    Survivor {
        entry: "",
        kind: "guard lost",
        statement: "red.shared.max",
        reason: "all lanes raise the same largest",
    },
    Survivor {
        entry: "",
        kind: "guard negated",
        statement: "red.shared.max",
        reason: "other lanes raise the same largest",
    },
    Survivor {
        entry: "",
        kind: "next number",
        statement: "setp.lt.u32 %in, %thread, 4",
        reason: "zeroes what lies behind the totals, where nobody reads any more",
    },
    Survivor {
        entry: "",
        kind: "comparison",
        statement: "setp.lt.u32 %in, %thread, 4",
        reason: "zeroes what lies behind the totals, where nobody reads any more",
    },
    Survivor {
        entry: "quantize_cast",
        kind: "next number",
        statement: "%pow2",
        reason: "scales are given: nobody asks the policy",
    },
    Survivor {
        entry: "",
        kind: "next number",
        statement: "mov.b32 %scale0",
        reason: "the scale of columns that do not exist",
    },
    Survivor {
        entry: "",
        kind: "next number",
        statement: "mov.b32 %scale1",
        reason: "the scale of columns that do not exist",
    },
    Survivor {
        entry: "",
        kind: "next number",
        statement: "mov.b32 %scale2",
        reason: "the scale of columns that do not exist",
    },
    Survivor {
        entry: "",
        kind: "next number",
        statement: "mov.b32 %scale3",
        reason: "the scale of columns that do not exist",
    },
    Survivor {
        entry: "quantize_cast",
        kind: "dropped",
        statement: "bra HAVE_SCALE",
        reason: "a scale of columns that do not exist is not used",
    },
    Survivor {
        entry: "quantize_cast",
        kind: "dropped",
        statement: "shfl.sync.idx.b32 %scale0",
        reason: "of one scale all lanes have loaded it",
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
        statement: "bfi.b32",
        reason: "bits that the next one overwrites",
    },
    Survivor { entry: "", kind: "dropped", statement: "8*0", reason: "adds nothing" },
    Survivor {
        entry: "transpose",
        kind: "",
        statement: "4*3 +3",
        reason: "a unit of sixteen takes the quick way",
    },
    Survivor {
        entry: "quantize",
        kind: "dropped",
        statement: "add.u64 %at, %at, %src_pitch",
        reason: "behind the last row",
    },
    Survivor {
        entry: "quantize",
        kind: "operation",
        statement: "add.u64 %at, %at, %src_pitch",
        reason: "behind the last row",
    },
    Survivor {
        entry: "quantize",
        kind: "dropped",
        statement: "add.u64 %from_codes, %from_codes, %pitch",
        reason: "behind the last row",
    },
    Survivor {
        entry: "quantize_tile",
        kind: "operation",
        statement: "%row_shift",
        reason: "one tile of all, or of 128: shifts of 31 and 7 alike leave its first row",
    },
    Survivor {
        entry: "quantize_both",
        kind: "operation",
        statement: "%row_shift_t",
        reason: "a scale for each column: the shift is 0",
    },
    Survivor {
        entry: "quantize_block",
        kind: "NaN",
        statement: "max.NaN.f32 %m,",
        reason: "the largest of a span counts for the amax alone, which numbers raise and NaN is read again for",
    },
    Survivor {
        entry: "",
        kind: "join",
        statement: "%owner",
        reason: "more than one writes the same inverse",
    },
    Survivor {
        entry: "",
        kind: "dropped",
        statement: "vote.sync.any.pred %more",
        reason: "lanes without more words take the way of those with",
    },
    Survivor {
        entry: "",
        kind: "dropped",
        statement: "setp.ne.u32 %odd_word",
        reason: "the predicate before is the same one",
    },
    Survivor {
        entry: "scaling",
        kind: "dropped",
        statement: "bar.warp.sync",
        reason: "lanes are in step in the emulator, and the compiler may not move what follows",
    },
    Survivor {
        entry: "quantize_row",
        kind: "next number",
        statement: "%rest, 512",
        reason: "the careful way loads and stores the same",
    },
    Survivor {
        entry: "quantize_row",
        kind: "operation",
        statement: "and.b64 %offset",
        reason: "the careful way loads and stores the same",
    },
    Survivor {
        entry: "",
        kind: "next number",
        statement: "setp.eq.and.u32 %all",
        reason: "the careful way loads the same",
    },
    Survivor {
        entry: "quantize_amax",
        kind: "next number",
        statement: "min.u32 %n",
        reason: "the careful way loads the same",
    },
    Survivor {
        entry: "quantize_both",
        kind: "next number",
        statement: "min.u32 %existing",
        reason: "the careful way loads the same",
    },
    Survivor {
        entry: "quantize_both",
        kind: "dropped",
        statement: "min.u32 %existing",
        reason: "the careful way loads the same",
    },
    Survivor {
        entry: "",
        kind: "comparison",
        statement: "setp.eq.u32 %in, %lane, 0",
        reason: "all lanes have and store the same largest",
    },
    Survivor {
        entry: "",
        kind: "guard lost",
        statement: "st.shared.b32 [%t], %row_amax",
        reason: "all lanes store the same largest",
    },
    Survivor {
        entry: "",
        kind: "guard lost",
        statement: "st.shared.b32 [%c], %t",
        reason: "all lanes store the same largest",
    },
    Survivor {
        entry: "",
        kind: "guard negated",
        statement: "st.shared.b32 [%c], %t",
        reason: "all lanes have and store the same largest",
    },
    Survivor {
        entry: "",
        kind: "NaN",
        statement: "max.NaN.f32 %m, %m,",
        reason: "peaks find NaN for themselves, and the counting of what was clipped keeps it",
    },
    Survivor {
        entry: "quantize_cast",
        kind: "dropped",
        statement: "%pow2",
        reason: "scales are given: nobody asks the policy",
    },
    Survivor {
        entry: "quantize_cast",
        kind: "next address",
        statement: "%flags, [p+184]",
        reason: "scales are given: nobody asks the policy",
    },
    Survivor {
        entry: "quantize_cast",
        kind: "next number",
        statement: "max.u32 %t, %cols, 1",
        reason: "the scale of a column that does not exist, inverted by nobody",
    },
    Survivor {
        entry: "",
        kind: "dropped",
        statement: "setp.le.u32 %lost, %ax",
        reason: "numbers are below every NaN, and the amax has them already",
    },
    Survivor {
        entry: "quantize_both",
        kind: "dropped",
        statement: "ld.param.b32",
        reason: "the same was loaded for the rows",
    },
    Survivor {
        entry: "",
        kind: "next number",
        statement: "setp.lt.u32 %lost, %c, 0x38800000",
        reason: "the smallest normal number has the same code either way",
    },
    Survivor {
        entry: "",
        kind: "next number",
        statement: "setp.lt.u32 %lost, %c, 0x3c800000",
        reason: "the smallest normal number has the same code either way",
    },
    Survivor {
        entry: "",
        kind: "next number",
        statement: "sub.u32 %t, %t, 0x38000000",
        reason: "one unit below what is kept, of a number whose word ends there",
    },
    Survivor {
        entry: "",
        kind: "next number",
        statement: "sub.u32 %t, %t, 0x3c000000",
        reason: "one unit below what is kept, of a number whose word ends there",
    },
    Survivor {
        entry: "",
        kind: "next number",
        statement: "or.b32 %y",
        reason: "one unit below what a subnormal code keeps",
    },
    Survivor {
        entry: "quantize_tile",
        kind: "operation",
        statement: "%col_shift",
        reason: "one tile of all, or of 128: either shift leaves its first column",
    },
    Survivor {
        entry: "quantize_tile",
        kind: "dropped",
        statement: "shl.b32 %t, %t, %col_shift",
        reason: "a tile's block is the first of it, or writes the same inverse",
    },
    Survivor {
        entry: "quantize_tile",
        kind: "dropped",
        statement: "shl.b32 %t, %tile, %row_shift",
        reason: "a tile's block is the first of it, or writes the same inverse",
    },
    Survivor {
        entry: "quantize_both",
        kind: "",
        statement: "%from_amax",
        reason: "never asked: these scales are made of amaxes",
    },
    Survivor {
        entry: "quantize_both",
        kind: "next number",
        statement: "and.b32 %t, %flags, 1",
        reason: "never asked: these scales are made of amaxes",
    },
    Survivor {
        entry: "quantize_both",
        kind: "dropped",
        statement: "or.b64 %sum",
        reason: "the statistics of rows and columns are wanted together",
    },
    Survivor {
        entry: "quantize_both",
        kind: "dropped",
        statement: "setp.eq.u64 %unwanted, %sum",
        reason: "the statistics of rows and columns are wanted together",
    },
    Survivor {
        entry: "",
        kind: "next number",
        statement: "setp.eq.u64 %unwanted",
        reason: "no array begins at address 1",
    },
    Survivor {
        entry: "",
        kind: "",
        statement: "setp.ge.u32 %more, %source_lane, 8",
        reason: "the next line begins with the group that this one ends in",
    },
    Survivor {
        entry: "transpose",
        kind: "next number",
        statement: "mov.b32 %t, 0",
        reason: "what does not exist is any code: nobody stores it",
    },
    Survivor {
        entry: "dequantize",
        kind: "next number",
        statement: "mov.b32 %t, 0",
        reason: "what does not exist is any code: nobody stores it",
    },
    Survivor {
        entry: "quantize",
        kind: "next number",
        statement: "mov.b32 %row_amax, 0",
        reason: "the smallest number has the scale of 0 where all are 0",
    },
    Survivor {
        entry: "",
        kind: "comparison",
        statement: "setp.lt.u32 %lost, %c, 16",
        reason: "reads what belongs to the next thread: the largest of all counts",
    },
    Survivor {
        entry: "",
        kind: "next number",
        statement: "setp.lt.u32 %lost, %c, 16",
        reason: "reads what belongs to the next thread: the largest of all counts",
    },
    Survivor {
        entry: "",
        kind: "comparison",
        statement: "setp.lt.u32 %lost, %c, 64",
        reason: "reads what belongs to the next thread: the largest of all counts",
    },
    Survivor {
        entry: "",
        kind: "next number",
        statement: "setp.lt.u32 %lost, %c, 64",
        reason: "reads what belongs to the next thread: the largest of all counts",
    },
    Survivor {
        entry: "quantize_row",
        kind: "comparison",
        statement: "setp.gt.u32 %in, %n3, 3",
        reason: "a quad of four takes the quick way, or reads what the alignment of four keeps inside",
    },
    Survivor {
        entry: "quantize_cast",
        kind: "next number",
        statement: "and.b32 %tile, %flags, 2",
        reason: "scales are given: nobody asks the policy",
    },
    Survivor {
        entry: "quantize_cast",
        kind: "dropped",
        statement: "%owner",
        reason: "more than one writes the same inverse",
    },
    Survivor {
        entry: "quantize_tile",
        kind: "next number",
        statement: "min.u32 %existing",
        reason: "the careful way loads the same",
    },
    Survivor {
        entry: "",
        kind: "next number",
        statement: "0x7b7b7b7b",
        reason: "asks for work that changes nothing",
    },
    Survivor {
        entry: "",
        kind: "next number",
        statement: "0x77777777",
        reason: "asks for work that changes nothing",
    },
    Survivor {
        entry: "",
        kind: "next number",
        statement: "setp.ge.s32 %done, %rest, 16",
        reason: "byte by byte, the same",
    },
    Survivor {
        entry: "",
        kind: "next number",
        statement: "%thread, 0, %in",
        reason: "another thread copies the same scale",
    },
    Survivor {
        entry: "quantize_both",
        kind: "next address",
        statement: "%offset, [p+16",
        reason: "never 0 either: the copy is always made",
    },
    Survivor {
        entry: "dequantize",
        kind: "dropped",
        statement: "add.u32 %span, %span, %span_step",
        reason: "all spans are visited all the same, some twice",
    },
    Survivor {
        entry: "quantize",
        kind: "",
        statement: "and.b64 %offset",
        reason: "the careful way loads the same",
    },
    Survivor {
        entry: "quantize",
        kind: "next number",
        statement: "setp.eq.u64 %whole",
        reason: "the careful way loads the same",
    },
    Survivor {
        entry: "quantize_row",
        kind: "dropped",
        statement: "setp.ge.s32 %full_columns",
        reason: "the careful way loads and stores the same",
    },
    Survivor {
        entry: "quantize_row",
        kind: "next number",
        statement: "setp.eq.u32 %in, %lane, 0",
        reason: "all lanes have the same largest",
    },
    Survivor {
        entry: "transpose",
        kind: "comparison",
        statement: "4*3 +2",
        reason: "reads what the pitch of sixteen keeps inside: nobody stores it",
    },
    Survivor {
        entry: "transpose",
        kind: "operation",
        statement: "%row, %shift",
        reason: "shifts of 0 and of 31: either way the first of its tile",
    },
    Survivor {
        entry: "",
        kind: "comparison",
        statement: "setp.ge.s32 %done, %rest, 16",
        reason: "byte by byte, the same",
    },
    Survivor {
        entry: "quantize_both",
        kind: "operation",
        statement: "%row_shift",
        reason: "a scale for each row: the shift is 0",
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
