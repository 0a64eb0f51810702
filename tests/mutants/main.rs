//! Planted bugs: would the property tests of `tests/gpu` notice?
//!
//! Entries of the shipped texts, one for each way through a template, are changed in one place
//! ([`mutate`]) and go through cases that the property tests draw, and through the tests of traffic
//! and of the raw layer. A mutant counts as caught if a case finds other bits, the emulator a
//! fault, or the traffic is more than the shipped text's. `survivors.tsv` lists what changes no result,
//! each with the reason; every other survivor counts as missed and is printed. At least 95 % of what
//! is not listed has to be caught, and 87 % of all.
//!
//! An entry is a template expanded many times over: of the places that a macro has made of one
//! statement, the first and the last are changed. `cargo test` plants every 61st of them, or as
//! `QUARTER_MUTANTS_STRIDE` says. All, which takes an hour on two cores, were planted by
//!
//! ```sh
//! cargo test --release --test mutants every -- --ignored --nocapture
//! ```
//!
//! which printed
//!
#![doc = include_str!("table.md")]

#[path = "../gpu/adamw.rs"]
mod adamw;
#[allow(dead_code, reason = "refusals launch nothing")]
#[path = "../gpu/adamw_on/mod.rs"]
mod adamw_on;
#[path = "../gpu/dequantize.rs"]
mod dequantize;
mod devices;
#[path = "../gpu/gemm.rs"]
mod gemm;
mod mutate;
mod probes;
mod products;
#[path = "../gpu/quantize.rs"]
mod quantize;
#[allow(dead_code, reason = "tests of its own")]
#[path = "../gpu/raw.rs"]
mod raw;
#[path = "../gpu/scaling.rs"]
mod scaling;
mod survivors;
#[allow(dead_code, reason = "a table of its own")]
#[path = "../gpu/traffic.rs"]
mod traffic;
#[path = "../gpu/transpose.rs"]
mod transpose;
#[path = "../gpu/values.rs"]
mod values;

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, Once, OnceLock};
use std::thread;

use mutate::{Mutant, mutants};
use probes::{Probe, Traffic};
use survivors::Survivor;

/// Entries that, together, go every way through the templates.
const ENTRIES: [(&str, &str); 28] = [
    ("adamw", "adamw_bf16_bf16_sqrt"),
    ("adamw", "adamw_split_f32_linear"),
    ("adamw", "adamw_master_bf16_full"),
    ("norm", "norm_partials_bf16"),
    ("norm", "norm_partials_f32"),
    ("norm", "update_partials_bf16_sqrt"),
    ("norm", "update_partials_f32_full"),
    ("norm", "norm_sums"),
    ("norm", "norm_finish"),
    ("norm", "update_finish"),
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

/// How many cases that launch an entry each of its mutants meets.
const CASES: usize = 150;

/// What became of a mutant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fate {
    /// Other bits than the reference's.
    Bits,
    /// The emulator stopped it.
    Fault,
    /// A byte is touched twice, more sectors than needed, banks in conflict, more instructions.
    Traffic,
    /// The emulator does not take the text: no mutant at all.
    Refused,
    Survived,
}

/// What the mutants of an entry meet.
struct Trial {
    cases: Vec<Probe>,
    /// The cases' places: what caught a mutant goes first for the next.
    order: Mutex<Vec<usize>>,
    traffic: Traffic,
}

impl Trial {
    fn of(text: &str, entry: &'static str) -> Self {
        let many = if entry.starts_with("gemm") { products::CASES } else { CASES };
        let cases = probes::drawn(entry, many);
        // The entry as it ships, on its own, passes: or every mutant would seem caught.
        let planted = devices::plant(entry, mutate::shipped(text, entry));
        cases.iter().for_each(Probe::check);
        drop(planted);
        let order = Mutex::new((0..cases.len()).collect());
        Self { cases, order, traffic: Traffic::of(entry) }
    }
}

fn fate(mutant: &Mutant, trial: &Trial) -> Fate {
    let planted = devices::plant(mutant.entry, mutant.text());
    let caught = |check: &dyn Fn()| {
        let payload = panic::catch_unwind(AssertUnwindSafe(check)).err()?;
        let message = payload.downcast_ref::<String>().map_or("", String::as_str);
        Some(match message.contains("Emulator(\"") {
            true if planted.was_refused() => Fate::Refused,
            true => Fate::Fault,
            false => Fate::Bits,
        })
    };
    let order = trial.order.lock().unwrap().clone();
    let bits = order.into_iter().find_map(|i| {
        let fate = caught(&|| trial.cases[i].check())?;
        let mut order = trial.order.lock().unwrap();
        let place = order.iter().position(|j| *j == i).unwrap();
        order[..=place].rotate_right(1);
        Some(fate)
    });
    let touched = || match caught(&|| trial.traffic.check()) {
        Some(Fate::Bits) => Some(Fate::Traffic),
        other => other,
    };
    bits.or_else(touched).unwrap_or(Fate::Survived)
}

/// The fates of every `stride`th mutant of these entries. Of what a line of the list stands for, the first of an
/// entry is tried: the others count as survivors.
fn fates(
    entries: &[(&'static str, &'static str)],
    stride: usize,
    chosen: impl Fn(&Mutant) -> bool,
) -> Vec<(Mutant, Fate)> {
    // Tests run beside each other, and print nothing of what they catch.
    static QUIET: Once = Once::new();
    QUIET.call_once(|| panic::set_hook(Box::new(report)));
    let trials: Vec<_> =
        entries.iter().map(|(text, entry)| (*text, *entry, OnceLock::new())).collect();
    let all = entries.iter().flat_map(|(text, entry)| mutants(text, entry));
    let all: Vec<Mutant> = all.filter(|mutant| chosen(mutant)).step_by(stride).collect();
    let (next, found) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let known = Mutex::new(BTreeSet::new());
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while let Some(mutant) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let listed = survivors::reason(mutant);
                    let tried = listed
                        .is_none_or(|line| known.lock().unwrap().insert((mutant.entry, line)));
                    let fate = || {
                        let (text, entry, trial) =
                            trials.iter().find(|(_, e, _)| *e == mutant.entry).unwrap();
                        fate(mutant, trial.get_or_init(|| Trial::of(text, entry)))
                    };
                    let fate = if tried { fate() } else { Fate::Survived };
                    found.lock().unwrap().push((mutant.clone(), fate));
                }
            });
        }
    });
    found.into_inner().unwrap()
}

/// What the tests themselves panic with; threads without a name are those that try mutants.
fn report(panicked: &panic::PanicHookInfo) {
    if thread::current().name().is_some() {
        eprintln!("{panicked}");
    }
}

/// The least parts caught of what is not listed, and of all.
const FLOORS: [f64; 2] = [0.95, 0.87];

/// Prints the table and what was missed. Of all mutants, a listed one that does not survive fails.
fn judge(fates: &[(Mutant, Fate)], all: bool, floors: [f64; 2]) {
    let mut table: BTreeMap<&str, BTreeMap<Fate, usize>> = BTreeMap::new();
    let (mut unknown, mut met, mut same) = (BTreeSet::new(), BTreeSet::new(), 0);
    for (mutant, fate) in fates {
        *table.entry(mutant.entry).or_default().entry(*fate).or_default() += 1;
        let listed = survivors::reason(mutant);
        match (fate, listed) {
            (Fate::Survived, Some(index)) => {
                met.insert(index);
                same += 1;
            }
            (Fate::Survived, None) => {
                unknown.insert(mutant.to_string());
            }
            _ => {}
        }
    }
    println!("| entry | mutants | other bits | fault | traffic | survived |");
    println!("|---|---|---|---|---|---|");
    let mut sum = [0; 5];
    for (entry, fates) in &table {
        let of = |fate| fates.get(&fate).copied().unwrap_or(0);
        let row = [Fate::Bits, Fate::Fault, Fate::Traffic, Fate::Survived].map(of);
        let mutants = row.iter().sum();
        let all = [mutants, row[0], row[1], row[2], row[3]];
        println!("| `{entry}` | {} |", all.map(|n: usize| n.to_string()).join(" | "));
        sum.iter_mut().zip(all).for_each(|(sum, n)| *sum += n);
    }
    println!("| all | {} |", sum.map(|n| n.to_string()).join(" | "));
    if all {
        met.iter().for_each(|i: &usize| println!("* {}", survivors::SURVIVORS[*i]));
    }
    for survivor in &unknown {
        println!("missed: {survivor}");
    }
    let of = |all: usize| (sum[0] - sum[4]) as f64 / all as f64;
    let (raw, caught) = (of(sum[0]), of(sum[0] - same));
    println!(
        "\nOf all, {:.1} % are caught; of those that change a result, {:.1} %.",
        100.0 * raw,
        100.0 * caught
    );
    assert!(sum[0] > 250, "only {} mutants", sum[0]);
    assert!(caught >= floors[0] && raw >= floors[1], "{caught} caught, {raw} of all");
    if all {
        // Of products parts are tried, of the others all.
        let named: BTreeSet<_> = fates.iter().filter_map(|(m, _)| survivors::reason(m)).collect();
        let whole = !fates.iter().any(|(m, _)| m.entry.starts_with("gemm"));
        let tried = |i: &usize, survivor: &Survivor| match survivor.is_of("gemm") {
            true => named.contains(i),
            false => whole,
        };
        let listed = survivors::SURVIVORS.iter().enumerate().filter(|(i, s)| tried(i, s));
        let stale = listed.filter(|(i, _)| !met.contains(i));
        let stale: Vec<_> = stale.map(|(_, survivor)| survivor).collect();
        assert!(stale.is_empty(), "listed, and no longer surviving: {stale:#?}");
    }
}

/// As the environment says, or else `usual`.
fn stride(usual: usize) -> usize {
    let said = std::env::var("QUARTER_MUTANTS_STRIDE").ok();
    said.and_then(|said| said.parse().ok()).unwrap_or(usual)
}

#[test]
fn some_planted_bugs_are_caught() {
    judge(&fates(&ENTRIES, stride(61), |_| true), false, FLOORS);
}

#[test]
#[ignore = "for work on the list: mutants that contain a line of QUARTER_MUTANTS_ONLY"]
fn chosen_planted_bugs() {
    let Ok(only) = std::env::var("QUARTER_MUTANTS_ONLY") else {
        println!("SKIPPED: QUARTER_MUTANTS_ONLY says which");
        return;
    };
    let chosen = |mutant: &Mutant| {
        let mutant = mutant.to_string();
        only.lines().any(|line| mutant.contains(line))
    };
    let entries: Vec<_> = ENTRIES.into_iter().chain(products::ENTRIES).collect();
    for (mutant, fate) in fates(&entries, stride(1), chosen) {
        println!("{fate:?}: {mutant}");
    }
}

#[test]
#[ignore = "minutes: every mutant"]
fn every_planted_bug_is_caught() {
    judge(&fates(&ENTRIES, 1, |_| true), true, FLOORS);
}
