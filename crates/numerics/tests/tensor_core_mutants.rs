//! How sharp the laws and the named probes are: arithmetics that break one rule each, and what
//! tells them from the true one. `--nocapture` shows the table.

mod laws;
mod mutants;
mod probes;

use std::collections::{HashMap, HashSet};
use std::fmt::Write;

use laws::{Case, LAWS, Law};
use mutants::{MUTANTS, Mutant};
use probes::Probe;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use quarter_numerics::tensor_core::{Arithmetic, Model};

/// Cases of a law on one base.
fn cases_of(law: &Law) -> usize {
    match law.name {
        // Of few addends: quick, and what tells two models apart is rare.
        "width" | "third" | "exact" | "tiny" => 1500,
        // Forty results each.
        "nan" => 50,
        _ => 300,
    }
}

/// Laws, and the probes as one more.
const PROPERTIES: usize = LAWS.len() + 1;

/// What judges models in place of one true description.
struct Judge<'a> {
    truth: Arithmetic,
    /// Of each law; none of one that does not apply.
    cases: Vec<Vec<Case>>,
    probes: Vec<&'a Probe>,
}

impl<'a> Judge<'a> {
    /// The same cases every time.
    fn new(truth: Arithmetic, probes: &'a [Probe]) -> Self {
        let cases = LAWS.iter().map(|law| {
            if !(law.applies)(&truth) {
                return Vec::new();
            }
            let (mut runner, cases) = (TestRunner::deterministic(), (law.cases)(&truth));
            (0..cases_of(law)).map(|_| cases.new_tree(&mut runner).unwrap().current()).collect()
        });
        let probes = probes.iter().filter(|probe| probe.arithmetic == truth).collect();
        Self { truth, cases: cases.collect(), probes }
    }

    /// Violations of each property, of how many cases.
    fn violations(&self, model: &Model) -> Violations {
        std::array::from_fn(|property| match LAWS.get(property) {
            Some(law) => {
                let cases = &self.cases[property];
                let wrong = |case: &&Case| (law.check)(model, &self.truth, case).is_err();
                (cases.iter().filter(wrong).count(), cases.len())
            }
            None => {
                let wrong = |p: &&&Probe| model.dot(&p.a, &p.b, p.c) != p.d;
                (self.probes.iter().filter(wrong).count(), self.probes.len())
            }
        })
    }

    fn accept_the_truth(&self) {
        let model = Model::new(self.truth).unwrap();
        for (law, cases) in LAWS.iter().zip(&self.cases) {
            for case in cases {
                let held = (law.check)(&model, &self.truth, case);
                assert_eq!(held, Ok(()), "{} of {:?}: {case:?}", law.name, self.truth);
            }
        }
        for probe in &self.probes {
            let d = model.dot(&probe.a, &probe.b, probe.c);
            assert_eq!(d, probe.d, "{}: {d:08x}, expected {:08x}", probe.name, probe.d);
        }
    }
}

type Violations = [(usize, usize); PROPERTIES];

fn killed_without(violations: &Violations, property: Option<usize>) -> bool {
    let all = violations.iter().enumerate();
    all.filter(|&(i, _)| Some(i) != property).any(|(_, &(violated, _))| violated > 0)
}

fn judged(mutant: &Mutant, judges: &HashMap<Arithmetic, Judge>) -> Vec<Violations> {
    let bases = mutant.base.arithmetics();
    assert!(!bases.is_empty(), "{:?} has no arithmetic", mutant.base);
    let verdict = |truth: Arithmetic| {
        let changed = (mutant.change)(truth);
        assert_ne!(changed, truth, "{} of {truth:?}", mutant.name);
        let model = Model::new(changed).unwrap();
        judges[&truth].violations(&model)
    };
    bases.into_iter().map(verdict).collect()
}

/// The mutants in order, on all threads there are.
fn all_judged(judges: &HashMap<Arithmetic, Judge>) -> Vec<Vec<Violations>> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        let parts: Vec<_> = MUTANTS
            .chunks(MUTANTS.len().div_ceil(threads))
            .map(|part| scope.spawn(|| part.iter().map(|m| judged(m, judges)).collect()))
            .collect();
        parts.into_iter().flat_map(|part| -> Vec<_> { part.join().unwrap() }).collect()
    })
}

fn property(i: usize) -> &'static str {
    LAWS.get(i).map_or("probes", |law| law.name)
}

/// A line: violations per 1000 cases, of the probes their number, over all bases.
fn line(table: &mut String, mutant: &Mutant, verdicts: &[Violations]) {
    write!(table, "{:<20}{:<23}", mutant.base.name(), mutant.name).unwrap();
    for i in 0..PROPERTIES {
        let [violated, cases] = verdicts.iter().fold([0, 0], |[v, n], all| {
            let (violated, cases) = all[i];
            [v + violated, n + cases]
        });
        let shown = match (violated, cases) {
            (_, 0) => "-".to_owned(),
            (0, _) => ".".to_owned(),
            _ if i < LAWS.len() => (violated * 1000).div_ceil(cases).to_string(),
            _ => violated.to_string(),
        };
        write!(table, "{shown:>7}").unwrap();
    }
    writeln!(table, "  {}", mutant.rule).unwrap();
}

#[test]
fn every_mutant_is_killed() {
    let probes = probes::all();
    let mut judges: HashMap<Arithmetic, Judge> = HashMap::new();
    let bases = MUTANTS.iter().flat_map(|mutant| mutant.base.arithmetics());
    for truth in bases.chain(probes.iter().map(|probe| probe.arithmetic)) {
        judges.entry(truth).or_insert_with(|| Judge::new(truth, &probes));
    }
    judges.values().for_each(Judge::accept_the_truth);

    let mut table = format!("{:43}", "");
    (0..PROPERTIES).for_each(|i| write!(table, "{:>7}", property(i)).unwrap());
    table += "  the rule broken\n";
    let verdicts = all_judged(&judges);
    for (mutant, verdicts) in MUTANTS.iter().zip(&verdicts) {
        line(&mut table, mutant, verdicts);
    }
    // A mutant of several bases is killed if it is on each.
    let alive_without = |property: Option<usize>| -> Vec<String> {
        let all = MUTANTS.iter().zip(&verdicts);
        all.filter(|(_, verdicts)| verdicts.iter().any(|v| !killed_without(v, property)))
            .map(|(mutant, _)| format!("{}: {}", mutant.base.name(), mutant.name))
            .collect()
    };
    let alive = alive_without(None);
    let score = MUTANTS.len() - alive.len();
    println!("{table}{score} of {} killed, on every base each", MUTANTS.len());
    for i in 0..PROPERTIES {
        let lost: Vec<String> =
            alive_without(Some(i)).into_iter().filter(|m| !alive.contains(m)).collect();
        if !lost.is_empty() {
            println!("without {}: {}, alive {lost:?}", property(i), score - lost.len());
        }
    }
    // How near a kill is to luck.
    let weakest = MUTANTS.iter().zip(&verdicts).map(|(mutant, verdicts)| {
        let of_base = |v: &Violations| v.iter().map(|(violated, _)| violated).sum::<usize>();
        (verdicts.iter().map(of_base).min().unwrap(), mutant.base.name(), mutant.name)
    });
    let mut weakest: Vec<_> = weakest.collect();
    weakest.sort_unstable();
    println!("weakest, violations on one base: {:?}", &weakest[..6]);
    assert!(alive.is_empty(), "alive on a base: {alive:#?}");
    assert_eq!(MUTANTS.len(), 127);
}

#[test]
fn no_mutant_is_listed_twice() {
    let mut seen = HashSet::new();
    for mutant in MUTANTS {
        for truth in mutant.base.arithmetics() {
            let changed = (mutant.change)(truth);
            assert!(seen.insert((truth, changed)), "{:?}: {}", mutant.base, mutant.name);
        }
    }
}
