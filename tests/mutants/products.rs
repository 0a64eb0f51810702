//! Planted bugs in what a product starts and waits for.
//!
//! Each wait, arrival, expectation, fence, commit, parity, number of bytes and field of a descriptor is
//! changed in turn, in every way [`mutate`](crate::mutate) knows, in two entries that together hold
//! every macro: where a macro stands more than once, in its first and its last place. Of what is not
//! listed, 98 % have to be reported by the emulator or change a bit, under some of the schedules and
//! completions that the cases draw. Of all 537, 527 are: 429 by a fault, 82 by a bit, 16 because
//! bytes move twice. The other ten are listed in `survivors.tsv`.

use crate::mutate::Mutant;
use crate::{fates, judge, stride};

pub const ENTRIES: [(&str, &str); 2] =
    [("gemm", "gemm_e4m3_e5m2_bf16_fast"), ("gemm", "gemm_e5m2_e4m3_f32_promote")];

/// Cases that each mutant meets.
pub const CASES: usize = 60;

/// Whether it is about order in time, and what the asynchronous parts are told.
fn synchronises(mutant: &Mutant) -> bool {
    let statement = mutant.statement;
    let first = |word: &str| statement.trim_start().trim_start_matches('{').contains(word);
    [
        "mbarrier.",
        "barrier.",
        "bar.sync",
        "fence.",
        "wgmma.",
        "cp.async",
        "mapa.",
        "elect.",
        "setmaxnreg.",
        "%phase",
        "%desc_a",
        "%desc_b",
        "%both",
        "%tells",
        "%elected",
        "%loads",
        "%stores",
        "%bar",
        "%before",
        "%peer",
        "%stage",
    ]
    .into_iter()
    .any(first)
}

#[test]
fn planted_races_and_waits_are_found() {
    let stride = stride(1);
    judge(&fates(&ENTRIES, stride, synchronises), stride == 1, [0.98, 0.9]);
}

#[test]
fn some_other_planted_bugs_of_products_are_caught() {
    let fates = fates(&ENTRIES, stride(3), |mutant| !synchronises(mutant));
    judge(&fates, false, [0.95, 0.87]);
}
