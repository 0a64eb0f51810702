//! Cases of the property tests, by the entries that they launch.

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;

use quarter::Format;
use quarter::adamw::SecondForm;
use quarter::gpu::{Device, WideType};
use quarter::quantize::{Granularity, Rounding, Words};
use quarter::random::Source;

use crate::adamw::Store;
use crate::devices::{devices, launched};
use crate::{adamw, adamw_on, dequantize, quantize, raw, scaling, traffic, transpose};

/// A case of any of the property tests.
#[derive(Clone, Debug)]
pub enum Probe {
    Adamw(adamw::Case),
    Quantize(quantize::Case),
    Dequantize(dequantize::Case),
    Transpose(transpose::Case),
    Scaling(scaling::Case),
}

impl Probe {
    /// Panics where the device's bits are not the reference's.
    pub fn check(&self) {
        match self {
            Self::Adamw(case) => adamw::check(case),
            Self::Quantize(case) => quantize::check(case),
            Self::Dequantize(case) => dequantize::check(case),
            Self::Transpose(case) => transpose::check(case),
            Self::Scaling(case) => scaling::check(case),
        }
    }
}

impl Probe {
    fn elements(&self) -> usize {
        match self {
            Self::Adamw(case) => case.elements(),
            Self::Quantize(case) => case.elements(),
            Self::Dequantize(case) => case.elements(),
            Self::Transpose(case) => case.elements(),
            Self::Scaling(case) => case.elements(),
        }
    }
}

/// Cases from the same seed each time, by any of which the entry is launched, the smallest first;
/// for casts, those of every end and place as well.
pub fn drawn(entry: &str, many: usize) -> Vec<Probe> {
    let mut runner = TestRunner::deterministic();
    let mut found = Vec::new();
    let casts = if entry.starts_with("quantize") { casts(entry) } else { Vec::new() };
    if let Some(cast) = casts.first() {
        let how = |case: quantize::Case| {
            let case = case.scaled(cast.granularity, cast.given, cast.both);
            case.of(cast.wide, cast.format, entry.ends_with("_rs"))
        };
        found.extend(quantize::ends_and_places().into_iter().map(how).map(Probe::Quantize));
        if entry.ends_with("_rs") {
            found.extend(quantize::words_and_places().into_iter().map(how).map(Probe::Quantize));
        }
    }
    if matches!(entry.split('_').next(), Some("adamw" | "norm" | "update")) {
        let of = |case: adamw::Case| case.of(stores(entry), form(entry), narrow(entry));
        found.extend(adamw::fixed().into_iter().map(of).map(Probe::Adamw));
    }
    if entry.starts_with("dequantize") {
        let of = |case: dequantize::Case| case.of(wide(entry), format(entry));
        found.extend(dequantize::fixed().into_iter().map(of).map(Probe::Dequantize));
    }
    if entry == "scaling" {
        found.extend(scaling::fixed().into_iter().map(Probe::Scaling));
    }
    let many = many + found.len();
    for _ in 0..100 * many {
        let probe = draw(entry, &mut runner);
        if launched(|| probe.check()).contains(entry) {
            found.push(probe);
            if found.len() == many {
                found.sort_by_key(Probe::elements);
                return found;
            }
        }
    }
    panic!("{entry}: {} cases", found.len())
}

/// A case that may launch the entry: for casts of its types, and rounded as it rounds.
fn draw(entry: &str, runner: &mut TestRunner) -> Probe {
    match entry.split('_').next() {
        Some("adamw" | "norm" | "update") => {
            let case = value(&adamw::cases(), runner);
            Probe::Adamw(case.of(stores(entry), form(entry), narrow(entry)))
        }
        Some("dequantize") => Probe::Dequantize(value(&dequantize::cases(), runner)),
        Some("transpose") => Probe::Transpose(value(&transpose::cases(), runner)),
        Some("scaling") => Probe::Scaling(value(&scaling::cases(), runner)),
        _ => {
            let case = value(&quantize::cases(), runner);
            Probe::Quantize(case.of(wide(entry), format(entry), entry.ends_with("_rs")))
        }
    }
}

/// The ways in which weights of an entry are stored.
fn stores(entry: &str) -> &'static [Store] {
    match entry.split('_').nth(1) {
        Some("bf16") => &[Store::Stochastic, Store::Nearest, Store::Stochastic],
        Some("f32") => &[Store::F32],
        Some("master") => &[Store::Master],
        Some("split") => &[Store::Split],
        _ => &[Store::Stochastic],
    }
}

/// The kinds of tensors of an entry.
fn kinds(entry: &str) -> Vec<adamw_on::Kind> {
    let (form, narrow_gradient) = (form(entry), narrow(entry));
    let mut stores = stores(entry).to_vec();
    stores.truncate(2);
    stores.into_iter().map(|store| adamw_on::Kind { store, form, narrow_gradient }).collect()
}

/// Whether gradients of an entry are bf16.
fn narrow(entry: &str) -> bool {
    entry.split('_').nth(2) != Some("f32")
}

fn form(entry: &str) -> Option<SecondForm> {
    match entry.rsplit('_').next() {
        Some("full") => None,
        Some("linear") => Some(SecondForm::Linear),
        _ => Some(SecondForm::Sqrt),
    }
}

fn wide(entry: &str) -> WideType {
    match entry {
        _ if entry.contains("bf16") => WideType::Bf16,
        _ if entry.contains("f16") => WideType::F16,
        _ => WideType::F32,
    }
}

fn format(entry: &str) -> Format {
    if entry.contains("e5m2") { Format::E5m2 } else { Format::E4m3 }
}

fn value<C>(cases: &impl Strategy<Value = C>, runner: &mut TestRunner) -> C {
    cases.new_tree(runner).unwrap().current()
}

/// What an entry touches on aligned rows, and what it does when nothing but codes is wanted.
pub struct Traffic {
    entry: &'static str,
    /// Instructions of the shipped text, by the layouts in which it is launched.
    instructions: Vec<(Option<traffic::Case>, f64)>,
    /// The same of the parts of a step, by the kinds of tensors that launch the entry.
    steps: Vec<(adamw_on::Kind, [f64; 3])>,
}

impl Traffic {
    pub fn of(entry: &'static str) -> Self {
        let measured = |case: Option<traffic::Case>| (case, instructions(entry, case));
        let cases = if entry.starts_with("quantize") { casts(entry) } else { Vec::new() };
        let instructions = match entry.split('_').next() {
            Some("quantize") => cases.into_iter().map(|case| measured(Some(case))).collect(),
            Some("scaling" | "adamw" | "norm" | "update") => Vec::new(),
            _ => vec![measured(None)],
        };
        let kinds = match entry.split('_').next() {
            Some("adamw" | "norm" | "update") => kinds(entry),
            _ => Vec::new(),
        };
        let steps = kinds.into_iter().map(|kind| (kind, adamw_on::touches::touches(kind)));
        let steps = steps.collect();
        Self { entry, instructions, steps }
    }

    /// Panics where a byte is touched twice, and so on, or instructions are more than before.
    pub fn check(&self) {
        match self.entry.split('_').next() {
            Some("norm") if self.entry.len() < 12 => {
                adamw_on::norms::a_skipped_step_changes_no_bit();
                adamw_on::norms::many_tiny_tensors();
                adamw_on::norms::norms_of_large_tensors();
                if self.entry.ends_with("finish") {
                    adamw_on::norms::norms_of_more_runs_than_there_are();
                    adamw_on::norms::norms_of_a_great_many();
                }
            }
            Some("update") if self.entry.ends_with("finish") => {
                adamw_on::norms::a_skipped_step_changes_no_bit();
                adamw_on::norms::norms_of_large_tensors();
                adamw_on::norms::norms_of_more_runs_than_there_are();
                adamw_on::norms::norms_of_a_great_many();
            }
            Some("adamw" | "norm" | "update") => {
                for (kind, shipped) in &self.steps {
                    adamw_on::norms::sums_of_a_shard(*kind);
                    adamw_on::places::from_anywhere(*kind);
                    for machine in devices(0).iter().filter_map(Device::driver) {
                        adamw_on::far::far_elements(*kind, machine);
                    }
                    adamw_on::damage::damaged_blocks_keep_every_bit(*kind);
                    adamw_on::damage::one_number_is_enough(*kind);
                    let now = adamw_on::touches::touches(*kind);
                    let more = now.iter().zip(shipped).any(|(now, shipped)| now > shipped);
                    assert!(!more, "more instructions");
                }
                adamw_on::shards::shards_change_no_bit();
                adamw_on::norms::a_skipped_step_changes_no_bit();
            }
            _ => {}
        }
        for (case, shipped) in &self.instructions {
            assert!(instructions(self.entry, *case) <= *shipped, "more instructions");
            if let Some(case) = case {
                raw::from_an_odd_place(case);
                for wanted in [[false, false], [true, false], [false, true]] {
                    raw::little_wanted(case, wanted);
                }
            }
        }
    }
}

fn instructions(entry: &str, cast: Option<traffic::Case>) -> f64 {
    match cast {
        Some(case) => case.check(),
        None if entry == "transpose" => traffic::transpose(),
        None => traffic::dequantize(wide(entry), format(entry)),
    }
}

/// The casts of aligned rows that launch an entry.
fn casts(entry: &str) -> Vec<traffic::Case> {
    use Granularity::{Block1x128, Block128x128, Row, Tensor};
    let words = Words::of(Source { seed: 1, tensor: 2, step: 3 });
    let rounding = match entry.ends_with("_rs") {
        true => Rounding::Stochastic(words),
        false => Rounding::Nearest,
    };
    let (wide, format) = (wide(entry), format(entry));
    let mut cases = Vec::new();
    for granularity in [Tensor, Row, Block1x128, Block128x128] {
        for (given, both) in [(false, false), (false, true), (true, false), (true, true)] {
            // The raw layer has no other scales that are given with a transpose.
            if given && both && granularity != Tensor {
                continue;
            }
            let case = traffic::Case { wide, format, granularity, given, both, rounding };
            if launched(|| {
                case.check();
            })
            .contains(entry)
            {
                cases.push(case);
            }
        }
    }
    cases
}
