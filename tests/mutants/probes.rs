//! Cases of the property tests, by the entries that they launch.

use std::collections::BTreeMap;

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;

use crate::devices::launched;
use crate::{dequantize, quantize, scaling, transpose};

/// A case of any of the property tests.
#[derive(Clone, Copy, Debug)]
pub enum Probe {
    Quantize(quantize::Case),
    Dequantize(dequantize::Case),
    Transpose(transpose::Case),
    Scaling(scaling::Case),
}

impl Probe {
    /// Panics where the device's bits are not the reference's.
    pub fn check(&self) {
        match self {
            Self::Quantize(case) => quantize::check(case),
            Self::Dequantize(case) => dequantize::check(case),
            Self::Transpose(case) => transpose::check(case),
            Self::Scaling(case) => scaling::check(case),
        }
    }
}

/// For each entry the cases that launch it.
pub struct Probes {
    all: Vec<Probe>,
    by_entry: BTreeMap<String, Vec<usize>>,
}

impl Probes {
    pub fn of(&self, entry: &str) -> impl Iterator<Item = &Probe> {
        self.by_entry.get(entry).into_iter().flatten().map(|i| &self.all[*i])
    }
}

fn draw<C>(n: usize, cases: impl Strategy<Value = C>, probe: fn(C) -> Probe) -> Vec<Probe> {
    let mut runner = TestRunner::deterministic();
    let one = |_| probe(cases.new_tree(&mut runner).unwrap().current());
    (0..n).map(one).collect()
}

/// Cases from the same seeds each time, until every entry has so many.
pub fn drawn(entries: &[&str], each: usize) -> Probes {
    let mut all = draw(9000, quantize::cases(), Probe::Quantize);
    all.extend(draw(400, dequantize::cases(), Probe::Dequantize));
    all.extend(draw(3 * each, transpose::cases(), Probe::Transpose));
    all.extend(draw(each, scaling::cases(), Probe::Scaling));
    let mut by_entry = BTreeMap::<String, Vec<usize>>::new();
    for (i, probe) in all.iter().enumerate() {
        for entry in launched(|| probe.check()) {
            let cases = by_entry.entry(entry).or_default();
            if cases.len() < each {
                cases.push(i);
            }
        }
    }
    for entry in entries {
        let found = by_entry.get(*entry).map_or(0, Vec::len);
        assert!(found * 4 >= each * 3, "{entry}: {found} cases");
    }
    Probes { all, by_entry }
}
