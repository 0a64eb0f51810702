//! Planted bugs: would the property tests of `tests/gpu` notice?
//!
//! Entries of the shipped texts, one for each way through a template, are changed in one place
//! ([`mutate`]) and go through cases that the property tests draw. A mutant counts as caught if a
//! case finds other bits or the emulator a fault. The ones that survive stand in [`survivors`],
//! each with the reason.
//!
//! An entry is a template expanded many times over: of the places that a macro has made of one
//! statement, the first and the last are changed. `cargo test` plants a part of them, and
//!
//! ```sh
//! cargo test --release --test mutants -- --ignored --nocapture
//! ```
//!
//! all, and prints the table below; the last run of it:
//!
#![doc = include_str!("table.md")]

#[path = "../gpu/dequantize.rs"]
mod dequantize;
mod devices;
mod mutate;
mod probes;
#[path = "../gpu/quantize.rs"]
mod quantize;
#[path = "../gpu/scaling.rs"]
mod scaling;
mod survivors;
#[path = "../gpu/transpose.rs"]
mod transpose;
#[path = "../gpu/values.rs"]
mod values;

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{self, AssertUnwindSafe};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use mutate::{Mutant, mutants};
use probes::Probe;

/// Entries that, together, go every way through the templates.
const ENTRIES: [(&str, &str); 18] = [
    ("dequantize", "dequantize_f32_e4m3"),
    ("dequantize", "dequantize_bf16_e5m2"),
    ("dequantize", "dequantize_f16_e4m3"),
    ("quantize", "quantize_amax_f16"),
    ("quantize", "quantize_amax_bf16"),
    ("quantize", "quantize_cast_bf16_e4m3_rn"),
    ("quantize", "quantize_cast_f32_e5m2_rs"),
    ("quantize", "quantize_tensor_f32_e4m3_rn"),
    ("quantize", "quantize_block_f16_e4m3_rn"),
    ("quantize", "quantize_row_bf16_e5m2_rn"),
    ("quantize", "quantize_row_f16_e4m3_rs"),
    ("quantize_tile", "quantize_amaxes_bf16"),
    ("quantize_tile", "quantize_tile_bf16_e4m3_rn"),
    ("quantize_tile", "quantize_tile_f16_e5m2_rs"),
    ("quantize_tile", "quantize_both_f16_e4m3_rn"),
    ("quantize_tile", "quantize_both_f32_e5m2_rs"),
    ("scaling", "scaling"),
    ("transpose", "transpose"),
];

/// Of the cases drawn, how many each mutant of an entry meets, the smallest first.
const CASES: usize = 40;

/// What became of a mutant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fate {
    /// Other bits than the reference's.
    Bits,
    /// The emulator stopped it.
    Fault,
    /// The emulator does not take the text: no mutant at all.
    Refused,
    Survived,
}

fn fate(mutant: &Mutant, cases: &[&Probe]) -> Fate {
    let planted = devices::plant(mutant.entry, mutant.text());
    for case in cases {
        let run = panic::catch_unwind(AssertUnwindSafe(|| case.check()));
        let Err(payload) = run else { continue };
        let message = payload.downcast_ref::<String>().map_or("", String::as_str);
        return match message.contains("Emulator(\"") {
            true if planted.was_refused() => Fate::Refused,
            true => Fate::Fault,
            false => Fate::Bits,
        };
    }
    Fate::Survived
}

/// The fates of every `stride`th mutant.
fn fates(stride: usize) -> Vec<(Mutant, Fate)> {
    panic::set_hook(Box::new(|_| {}));
    let probes = probes::drawn(&ENTRIES.map(|(_, entry)| entry), CASES);
    let all = ENTRIES.iter().flat_map(|(text, entry)| mutants(text, entry));
    let all: Vec<Mutant> = all.step_by(stride).collect();
    let (next, found) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while let Some(mutant) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let cases: Vec<&Probe> = probes.of(mutant.entry).collect();
                    let fate = fate(mutant, &cases);
                    found.lock().unwrap().push((mutant.clone(), fate));
                }
            });
        }
    });
    let _ = panic::take_hook();
    found.into_inner().unwrap()
}

/// Prints the table; survivors that are not listed, and listed ones that do not survive, fail.
fn judge(fates: &[(Mutant, Fate)], all: bool) {
    let mut table: BTreeMap<&str, BTreeMap<Fate, usize>> = BTreeMap::new();
    let (mut unknown, mut met) = (BTreeSet::new(), BTreeSet::new());
    for (mutant, fate) in fates {
        *table.entry(mutant.entry).or_default().entry(*fate).or_default() += 1;
        let listed = survivors::reason(mutant);
        match (fate, listed) {
            (Fate::Survived, Some(index)) => {
                met.insert(index);
            }
            (Fate::Survived, None) => {
                unknown.insert(mutant.to_string());
            }
            _ => {}
        }
    }
    println!("| entry | mutants | other bits | fault | survived |\n|---|---|---|---|---|");
    let mut sum = [0; 4];
    for (entry, fates) in &table {
        let of = |fate| fates.get(&fate).copied().unwrap_or(0);
        let row = [Fate::Bits, Fate::Fault, Fate::Survived].map(of);
        let mutants = row.iter().sum();
        println!("| `{entry}` | {mutants} | {} | {} | {} |", row[0], row[1], row[2]);
        for (sum, n) in sum.iter_mut().zip([mutants, row[0], row[1], row[2]]) {
            *sum += n;
        }
    }
    println!("| all | {} | {} | {} | {} |", sum[0], sum[1], sum[2], sum[3]);
    if all {
        for survivor in survivors::SURVIVORS {
            println!("* {survivor}");
        }
    }
    for survivor in &unknown {
        println!("survived: {survivor}");
    }
    let caught = (sum[1] + sum[2]) as f64 / sum[0] as f64;
    println!("{:.2} % caught", 100.0 * caught);
    assert!(sum[0] > 300, "only {} mutants", sum[0]);
    assert!(caught >= 0.95, "{caught} caught");
    assert!(unknown.is_empty(), "{} survivors are not listed", unknown.len());
    if all {
        let stale = survivors::SURVIVORS.iter().enumerate().filter(|(i, _)| !met.contains(i));
        let stale: Vec<_> = stale.map(|(_, survivor)| survivor).collect();
        assert!(stale.is_empty(), "listed, and no longer surviving: {stale:#?}");
    }
}

#[test]
fn some_planted_bugs_are_caught() {
    judge(&fates(29), false);
}

#[test]
#[ignore = "minutes: every mutant"]
fn every_planted_bug_is_caught() {
    judge(&fates(1), true);
}
